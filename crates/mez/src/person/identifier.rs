//! Official numbers of persons, each with the checks that its issuer's format allows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An official number of a person in its canonical text form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Identifier {
    kind: IdentifierKind,
    value: String,
}

/// Which authority's number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// Pakistan, national identity card: 13 digits, written 5-7-1.
    PkCnic,
    /// Pakistan, national tax number: 7 digits.
    PkNtn,
    /// A passport: 5 to 20 letters and digits, upper case.
    Passport,
    /// United Arab Emirates identity card: 15 digits from 784, written 3-4-7-1, Luhn check digit.
    AeEmiratesId,
    /// Singapore identity card or foreign identification number: a letter, 7 digits, a check letter.
    SgNric,
}

/// Why a text is not the number it claims to be. It does not repeat the number: it is personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentifier {
    /// The shape is wrong.
    #[error("a {kind} is {shape}")]
    Shape {
        /// Which number was expected.
        kind: IdentifierKind,
        /// What it looks like.
        shape: &'static str,
    },
    /// The shape is right but the check character is not.
    #[error("the check character of the {kind} does not fit the rest")]
    CheckCharacter {
        /// Which number was expected.
        kind: IdentifierKind,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: IdentifierKind,
    value: String,
}

impl Identifier {
    /// Reads a number, with or without the separators of its customary form.
    pub fn new(kind: IdentifierKind, text: &str) -> Result<Self, InvalidIdentifier> {
        let value = match kind {
            IdentifierKind::PkCnic => digits(text, &[5, 7, 1]),
            IdentifierKind::PkNtn => digits(text, &[7]),
            IdentifierKind::AeEmiratesId => {
                digits(text, &[3, 4, 7, 1]).filter(|value| value.starts_with("784"))
            }
            IdentifierKind::Passport => passport(text),
            IdentifierKind::SgNric => nric_shape(text),
        };
        let value = value.ok_or(InvalidIdentifier::Shape {
            kind,
            shape: kind.shape(),
        })?;
        let checked = match kind {
            IdentifierKind::AeEmiratesId => luhn_holds(&value),
            IdentifierKind::SgNric => nric_check_holds(&value),
            IdentifierKind::PkCnic | IdentifierKind::PkNtn | IdentifierKind::Passport => true,
        };
        if checked {
            Ok(Self { kind, value })
        } else {
            Err(InvalidIdentifier::CheckCharacter { kind })
        }
    }

    /// Whose number it is.
    pub fn kind(&self) -> IdentifierKind {
        self.kind
    }

    /// The number without separators, upper case.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl IdentifierKind {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PkCnic => "pk_cnic",
            Self::PkNtn => "pk_ntn",
            Self::Passport => "passport",
            Self::AeEmiratesId => "ae_emirates_id",
            Self::SgNric => "sg_nric",
        }
    }

    const fn shape(self) -> &'static str {
        match self {
            Self::PkCnic => "13 digits, with hyphens only as 5-7-1",
            Self::PkNtn => "7 digits",
            Self::Passport => "5 to 20 letters and digits",
            Self::AeEmiratesId => "15 digits from 784, with hyphens only as 3-4-7-1",
            Self::SgNric => "one of S, T, F, G or M, then 7 digits, then a letter",
        }
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<Written> for Identifier {
    type Error = InvalidIdentifier;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::new(written.kind, &written.value)
    }
}

impl From<Identifier> for Written {
    fn from(identifier: Identifier) -> Self {
        Self {
            kind: identifier.kind,
            value: identifier.value,
        }
    }
}

/// The digits of `text`, which has no separators at all or hyphens exactly between the groups.
fn digits(text: &str, groups: &[usize]) -> Option<String> {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if text.contains('-') {
        let parts: Vec<&str> = text.split('-').collect();
        let fits = parts
            .iter()
            .map(|part| part.len())
            .eq(groups.iter().copied());
        (fits && parts.iter().all(|part| is_number(part))).then(|| parts.concat())
    } else {
        (text.len() == groups.iter().sum::<usize>() && is_number(text)).then(|| text.to_owned())
    }
}

fn passport(text: &str) -> Option<String> {
    ((5..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then(|| text.to_ascii_uppercase())
}

fn nric_shape(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let bytes = upper.as_bytes();
    let fits = bytes.len() == 9
        && b"STFGM".contains(&bytes[0])
        && bytes[1..8].iter().all(u8::is_ascii_digit)
        && bytes[8].is_ascii_uppercase();
    fits.then_some(upper)
}

/// The Luhn check of ISO/IEC 7812-1, annex B, over a text of digits.
fn luhn_holds(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .map(|byte| u32::from(byte - b'0'))
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The published modulus-11 scheme of the Singapore numbers: weights, an offset by series, and one
/// alphabet of check letters for each of the resident, foreign and M series.
fn nric_check_holds(nric: &str) -> bool {
    const WEIGHTS: [u32; 7] = [2, 7, 6, 5, 4, 3, 2];
    let bytes = nric.as_bytes();
    let sum: u32 = bytes[1..8]
        .iter()
        .zip(WEIGHTS)
        .map(|(byte, weight)| u32::from(byte - b'0') * weight)
        .sum();
    let (offset, letters): (u32, &[u8; 11]) = match bytes[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => (3, b"XWUTRQPNJLK"),
    };
    let index = ((sum + offset) % 11) as usize;
    letters[index] == bytes[8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_accepted_only_where_the_card_has_them() {
        let cnic = |text| Identifier::new(IdentifierKind::PkCnic, text);
        assert_eq!(cnic("35202-1234567-1").unwrap().value(), "3520212345671");
        assert_eq!(cnic("3520212345671").unwrap().value(), "3520212345671");
        for bad in [
            "352021234567",
            "35202-12345671",
            "3520-21234567-1",
            "35202 1234567 1",
            "",
        ] {
            assert!(
                matches!(cnic(bad), Err(InvalidIdentifier::Shape { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_tax_number_has_seven_digits() {
        assert!(Identifier::new(IdentifierKind::PkNtn, "1234567").is_ok());
        assert!(Identifier::new(IdentifierKind::PkNtn, "12345678").is_err());
    }

    #[test]
    fn a_passport_is_upper_case() {
        let passport = Identifier::new(IdentifierKind::Passport, "ab1234567").unwrap();
        assert_eq!(passport.value(), "AB1234567");
        assert!(Identifier::new(IdentifierKind::Passport, "AB 123").is_err());
    }

    #[test]
    fn an_emirates_id_carries_a_luhn_digit() {
        let id = |text: &str| Identifier::new(IdentifierKind::AeEmiratesId, text);
        assert!(luhn_holds("79927398713") && luhn_holds("4111111111111111"));
        assert!(id("784-1980-1234567-8").is_ok());
        for digit in "012345679".chars() {
            let text = format!("784-1980-1234567-{digit}");
            assert!(
                matches!(id(&text), Err(InvalidIdentifier::CheckCharacter { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            id("785198012345678"),
            Err(InvalidIdentifier::Shape { .. })
        ));
    }

    #[test]
    fn a_singapore_number_carries_a_check_letter() {
        let id = |text| Identifier::new(IdentifierKind::SgNric, text);
        for good in [
            "S1234567D",
            "T1234567J",
            "F1234567N",
            "G1234567X",
            "M1234567K",
        ] {
            assert!(id(good).is_ok(), "{good}");
        }
        assert!(matches!(
            id("S1234567A"),
            Err(InvalidIdentifier::CheckCharacter { .. })
        ));
        assert!(matches!(
            id("A1234567D"),
            Err(InvalidIdentifier::Shape { .. })
        ));
    }

    #[test]
    fn an_error_does_not_repeat_the_number() {
        let error = Identifier::new(IdentifierKind::SgNric, "S1234567A").unwrap_err();
        assert!(!error.to_string().contains("1234567"));
    }
}
