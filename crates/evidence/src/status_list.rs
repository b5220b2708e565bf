//! Bitstring Status List (W3C Recommendation VC-BITSTRING-STATUS-LIST 1.0): whether a credential
//! is revoked or suspended, told without telling who asks.
//!
//! Entries have one bit (`statusSize` 1); the purposes `refresh` and `message` are not supported.
//! What cannot be judged is an error: a list that is not at hand, out of date, of another issuer
//! or too short never counts as "not revoked".

use std::fmt;
use std::io::Read as _;
use std::io::Write as _;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use flate2::Compression;
use flate2::GzBuilder;
use flate2::bufread::GzDecoder;
use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use thiserror::Error;

use crate::credential::Builder;
use crate::credential::Malformed;
use crate::credential::Policy;
use crate::credential::Refusal;
use crate::credential::verify;

/// Fewest bits of a list, so that one entry hides among many (section 3.3: 16 KiB).
pub const BITS_MIN: usize = 131_072;

/// Most bits of a list that is read: 2 MiB uncompressed, whatever the compressed text promises.
pub const BITS_MAX: usize = 1 << 24;

const _: () =
    assert!(BITS_MIN <= BITS_MAX && BITS_MIN.is_multiple_of(8) && BITS_MAX.is_multiple_of(8));

/// Longest compressed list that is read: bits that do not compress, and gzip's own bytes.
const COMPRESSED_MAX: usize = BITS_MAX / 8 + BITS_MAX / 512;

/// What a set bit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusPurpose {
    /// Revoked for good.
    Revocation,
    /// Not to be relied on for the time being.
    Suspension,
}

impl StatusPurpose {
    /// Its name in entries and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::Suspension => "suspension",
        }
    }
}

impl fmt::Display for StatusPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StatusPurpose {
    type Err = UnknownStatusPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownStatusPurpose> {
        match text {
            "revocation" => Ok(Self::Revocation),
            "suspension" => Ok(Self::Suspension),
            _ => Err(UnknownStatusPurpose),
        }
    }
}

/// A text is neither `revocation` nor `suspension`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("status purpose is neither revocation nor suspension")]
pub struct UnknownStatusPurpose;

/// Why a bitstring cannot be made, read or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BitstringError {
    /// The number of bits is not a multiple of 8 from [`BITS_MIN`] to [`BITS_MAX`].
    #[error("a status list has a multiple of 8 bits from {BITS_MIN} to {BITS_MAX}")]
    Size,
    /// The text is not multibase base64url without padding.
    #[error("encoded list is not multibase base64url")]
    NotBase64,
    /// The bytes are not one gzip member and nothing else.
    #[error("encoded list is not gzip")]
    NotGzip,
    /// The list has no such bit.
    #[error("index {index} is outside a list of {bits} bits")]
    OutOfRange {
        /// Which bit was asked for.
        index: usize,
        /// How many there are.
        bits: usize,
    },
}

/// The bits of a status list; index 0 is the left-most bit of the first byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitstring {
    bytes: Vec<u8>,
}

impl Bitstring {
    /// A list of clear bits.
    pub fn clear(bits: usize) -> Result<Self, BitstringError> {
        check_size(bits)?;
        Ok(Self {
            bytes: vec![0; bits / 8],
        })
    }

    /// How many bits there are.
    pub fn bit_count(&self) -> usize {
        self.bytes.len() * 8
    }

    /// The bit at `index`.
    pub fn get(&self, index: usize) -> Result<bool, BitstringError> {
        let byte = self.bytes.get(index / 8).ok_or(self.out_of_range(index))?;
        Ok(byte & mask(index) != 0)
    }

    /// Sets or clears the bit at `index`.
    pub fn set(&mut self, index: usize, bit: bool) -> Result<(), BitstringError> {
        let error = self.out_of_range(index);
        let byte = self.bytes.get_mut(index / 8).ok_or(error)?;
        match bit {
            true => *byte |= mask(index),
            false => *byte &= !mask(index),
        }
        Ok(())
    }

    /// `encodedList`: multibase base64url of gzip. The same bits always give the same text.
    pub fn encode(&self) -> String {
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
        let compressed = gzip.write_all(&self.bytes).and_then(|()| gzip.finish());
        let compressed = compressed.expect("writing to memory cannot fail");
        format!("u{}", BASE64URL_NOPAD.encode(&compressed))
    }

    /// Reads an `encodedList`. Stops inflating at [`BITS_MAX`].
    pub fn decode(encoded: &str) -> Result<Self, BitstringError> {
        let base64 = encoded.strip_prefix('u').ok_or(BitstringError::NotBase64)?;
        if base64.len() > COMPRESSED_MAX / 3 * 4 {
            return Err(BitstringError::Size);
        }
        let compressed = BASE64URL_NOPAD
            .decode(base64.as_bytes())
            .map_err(|_| BitstringError::NotBase64)?;
        let mut bytes = Vec::new();
        let mut gzip = GzDecoder::new(compressed.as_slice());
        let limit = (BITS_MAX / 8 + 1) as u64;
        gzip.by_ref()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|_| BitstringError::NotGzip)?;
        check_size(bytes.len() * 8)?;
        match gzip.into_inner().is_empty() {
            true => Ok(Self { bytes }),
            false => Err(BitstringError::NotGzip),
        }
    }

    const fn out_of_range(&self, index: usize) -> BitstringError {
        let bits = self.bytes.len() * 8;
        BitstringError::OutOfRange { index, bits }
    }
}

impl fmt::Debug for Bitstring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set: u32 = self.bytes.iter().map(|byte| byte.count_ones()).sum();
        write!(f, "Bitstring({set} of {} set)", self.bit_count())
    }
}

const fn mask(index: usize) -> u8 {
    0x80 >> (index % 8)
}

fn check_size(bits: usize) -> Result<(), BitstringError> {
    let fits = (BITS_MIN..=BITS_MAX).contains(&bits) && bits.is_multiple_of(8);
    fits.then_some(()).ok_or(BitstringError::Size)
}

/// One credential's place on a list (section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `statusListCredential`: the URL of the list.
    pub list: String,
    /// `statusListIndex`: which bit.
    pub index: usize,
    /// `statusPurpose`: what the bit means.
    pub purpose: StatusPurpose,
}

impl Entry {
    /// The object for `credentialStatus`.
    pub fn to_value(&self) -> Value {
        json!({
            "id": format!("{}#{}", self.list, self.index),
            "type": "BitstringStatusListEntry",
            "statusPurpose": self.purpose.as_str(),
            "statusListIndex": self.index.to_string(),
            "statusListCredential": self.list,
        })
    }

    fn read(value: &Value) -> Result<Self, StatusError> {
        const TYPE: &str = "BitstringStatusListEntry";
        let kind = &value["type"];
        if kind != TYPE && kind != &json!([TYPE]) {
            let found = kind.to_string();
            return Err(StatusError::UnsupportedType { found });
        }
        let text = |member| {
            value[member]
                .as_str()
                .ok_or(StatusError::MalformedEntry { member })
        };
        if !matches!(value.get("statusSize"), None | Some(Value::Number(_)))
            || value.get("statusSize").is_some_and(|size| size != 1)
        {
            let member = "statusSize";
            return Err(StatusError::MalformedEntry { member });
        }
        let purpose = text("statusPurpose")?;
        Ok(Self {
            list: text("statusListCredential")?.to_owned(),
            index: decimal(text("statusListIndex")?).ok_or(StatusError::MalformedEntry {
                member: "statusListIndex",
            })?,
            purpose: purpose
                .parse()
                .map_err(|_| StatusError::UnsupportedPurpose {
                    purpose: purpose.to_owned(),
                })?,
        })
    }
}

/// A decimal number without sign or leading zeros.
fn decimal(text: &str) -> Option<usize> {
    let number: usize = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The content of a status list credential that is yet to be signed.
#[derive(Debug, Clone)]
pub struct ListBuilder {
    /// The URL where it is published, which entries name.
    pub id: String,
    /// Who issues it: the issuer of the credentials on it.
    pub issuer: String,
    /// What its bits mean.
    pub purpose: StatusPurpose,
    /// The bits.
    pub bits: Bitstring,
    /// `validFrom`.
    pub valid_from: Timestamp,
    /// `validUntil`: after it, nobody may rely on this copy.
    pub valid_until: Option<Timestamp>,
}

impl ListBuilder {
    /// The unsigned credential.
    pub fn build(self) -> Result<Value, Malformed> {
        Builder {
            subject: json!({
                "id": format!("{}#list", self.id),
                "type": "BitstringStatusList",
                "statusPurpose": self.purpose.as_str(),
                "encodedList": self.bits.encode(),
            }),
            id: self.id,
            issuer: self.issuer,
            types: vec!["BitstringStatusListCredential".into()],
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            status: Vec::new(),
        }
        .build()
    }
}

/// A status list whose credential was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    id: String,
    issuer: String,
    purposes: Vec<StatusPurpose>,
    bits: Bitstring,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

impl StatusList {
    /// Verifies a status list credential and reads its bits.
    pub fn verify(credential: &Value, policy: &Policy<'_>) -> Result<Self, Refusal> {
        let verified = verify(credential, policy)?;
        let malformed = |member| Refusal::Status(StatusError::MalformedList { member });
        let named = |name: &str| verified.types.iter().any(|found| found == name);
        if !named("BitstringStatusListCredential") {
            return Err(malformed("type"));
        }
        let subject = credential["credentialSubject"]
            .as_object()
            .filter(|subject| subject["type"] == "BitstringStatusList")
            .ok_or_else(|| malformed("credentialSubject"))?;
        let encoded = subject
            .get("encodedList")
            .and_then(Value::as_str)
            .ok_or_else(|| malformed("encodedList"))?;
        let bits = Bitstring::decode(encoded);
        Ok(Self {
            id: verified.id.ok_or_else(|| malformed("id"))?,
            issuer: verified.issuer,
            purposes: purposes(subject).ok_or_else(|| malformed("statusPurpose"))?,
            bits: bits.map_err(|error| Refusal::Status(StatusError::Bitstring(error)))?,
            valid_from: verified.valid_from,
            valid_until: verified.valid_until,
        })
    }

    /// The URL that entries name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The bits.
    pub fn bits(&self) -> &Bitstring {
        &self.bits
    }

    fn judge(&self, entry: &Entry, issuer: &str, as_of: Timestamp) -> Result<bool, StatusError> {
        let list = || self.id.clone();
        if self.issuer != issuer {
            return Err(StatusError::ListOfAnotherIssuer { list: list() });
        }
        if !self.purposes.contains(&entry.purpose) {
            let purpose = entry.purpose;
            return Err(StatusError::PurposeDiffers {
                list: list(),
                purpose,
            });
        }
        let early = self.valid_from.is_some_and(|from| as_of < from);
        let late = self.valid_until.is_some_and(|until| until < as_of);
        if early || late {
            return Err(StatusError::ListOutOfDate { list: list() });
        }
        self.bits.get(entry.index).map_err(StatusError::Bitstring)
    }
}

/// One or more purposes; one of another kind is nothing to us, none at all is an error.
fn purposes(subject: &Map<String, Value>) -> Option<Vec<StatusPurpose>> {
    let value = subject.get("statusPurpose")?;
    let texts = match value {
        Value::Array(items) => items
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()?,
        alone => vec![alone.as_str()?],
    };
    (!texts.is_empty()).then(|| texts.iter().filter_map(|text| text.parse().ok()).collect())
}

/// Why a credential's status cannot be judged, or speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatusError {
    /// The credential is revoked.
    #[error("revoked: bit {index} of {list} is set")]
    Revoked {
        /// The list.
        list: String,
        /// The bit.
        index: usize,
    },
    /// The credential is suspended.
    #[error("suspended: bit {index} of {list} is set")]
    Suspended {
        /// The list.
        list: String,
        /// The bit.
        index: usize,
    },
    /// The list was not given.
    #[error("status list {list} is not at hand")]
    ListMissing {
        /// The list.
        list: String,
    },
    /// The list is not valid at the instant of judgement.
    #[error("status list {list} is out of date")]
    ListOutOfDate {
        /// The list.
        list: String,
    },
    /// The list is not by the issuer of the credential.
    #[error("status list {list} is of another issuer")]
    ListOfAnotherIssuer {
        /// The list.
        list: String,
    },
    /// The list's bits mean something else.
    #[error("status list {list} is not for {purpose}")]
    PurposeDiffers {
        /// The list.
        list: String,
        /// What the entry is for.
        purpose: StatusPurpose,
    },
    /// The status is kept in another way.
    #[error("status type {found} is not supported")]
    UnsupportedType {
        /// Its type, as JSON.
        found: String,
    },
    /// The bit means something that is not judged here.
    #[error("status purpose `{purpose}` is not supported")]
    UnsupportedPurpose {
        /// The purpose.
        purpose: String,
    },
    /// A member of the entry is missing or of the wrong form.
    #[error("status entry: `{member}` is missing, malformed or not supported")]
    MalformedEntry {
        /// Which.
        member: &'static str,
    },
    /// A member of the list is missing or of the wrong form.
    #[error("status list: `{member}` is missing or malformed")]
    MalformedList {
        /// Which.
        member: &'static str,
    },
    /// The bits cannot be read.
    #[error("status list cannot be read")]
    Bitstring(#[source] BitstringError),
}

/// Judges every status entry of a credential by that issuer; all must be clear.
pub(crate) fn check_status(
    credential: &Value,
    issuer: &str,
    as_of: Timestamp,
    lists: &[StatusList],
) -> Result<Vec<Entry>, StatusError> {
    let entries = match credential.get("credentialStatus") {
        None => &[],
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(alone) => std::slice::from_ref(alone),
    };
    let judge = |value| {
        let entry = Entry::read(value)?;
        let list = lists.iter().find(|list| list.id == entry.list);
        let list = list.ok_or_else(|| StatusError::ListMissing {
            list: entry.list.clone(),
        })?;
        let (set, purpose) = (list.judge(&entry, issuer, as_of)?, entry.purpose);
        let (list, index) = (entry.list.clone(), entry.index);
        match (set, purpose) {
            (false, _) => Ok(entry),
            (true, StatusPurpose::Revocation) => Err(StatusError::Revoked { list, index }),
            (true, StatusPurpose::Suspension) => Err(StatusError::Suspended { list, index }),
        }
    };
    entries.iter().map(judge).collect()
}
