//! Addresses and passwords as callers write them.

use std::fmt;

use jid::BareJid;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Fewest characters of a password (NIST SP 800-63B 3.1.1.2 asks for eight).
const PASSWORD_CHARS_MIN: usize = 8;
/// Most bytes of a password; a longer one only costs time.
const PASSWORD_BYTES_MAX: usize = 256;

/// The address of an account: `name@domain`, prepared as RFC 7622 says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[^@/\\u0000-\\u0020]{1,100}@[^@/\\u0000-\\u0020]{1,100}$", example = "alice@localhost"))]
#[serde(try_from = "String", into = "String")]
pub struct AccountAddress(BareJid);

/// The text is not the address of an account.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// RFC 7622 refuses it.
    #[error("not an address: {0}")]
    Jid(#[from] jid::Error),
    /// There is no name before the `@`.
    #[error("an account has a name before the `@`")]
    NoName,
    /// There is a device behind a `/`.
    #[error("an account has no `/`")]
    Resource,
}

impl AccountAddress {
    /// The address.
    pub fn jid(&self) -> &BareJid {
        &self.0
    }
}

impl TryFrom<String> for AccountAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        if text.contains('/') {
            return Err(AddressError::Resource);
        }
        let jid = BareJid::new(&text)?;
        if jid.node().is_none() {
            return Err(AddressError::NoName);
        }
        Ok(Self(jid))
    }
}

impl From<AccountAddress> for String {
    fn from(address: AccountAddress) -> Self {
        address.0.to_string()
    }
}

impl From<BareJid> for AccountAddress {
    fn from(jid: BareJid) -> Self {
        Self(jid)
    }
}

impl fmt::Display for AccountAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A password on its way in. It is never stored, shown or logged.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 8, max_length = 256))]
#[serde(try_from = "String")]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for Password {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl TryFrom<String> for Password {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let text = Zeroizing::new(text);
        let long_enough = text.chars().count() >= PASSWORD_CHARS_MIN;
        if long_enough && text.len() <= PASSWORD_BYTES_MAX && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err("a password has 8 characters to 256 bytes, and no control characters")
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_prepared_and_has_a_name_and_no_device() {
        let good = AccountAddress::try_from("Alice@LOCALHOST".to_owned()).unwrap();
        assert_eq!(good.to_string(), "alice@localhost");
        for bad in [
            "localhost",
            "alice@localhost/phone",
            "@localhost",
            "a b@x",
            "",
        ] {
            assert!(AccountAddress::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_long_enough_and_does_not_show() {
        for bad in ["", "seven77", "tab\tinside", &"x".repeat(257)] {
            assert!(Password::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        let good = Password::try_from("correct horse".to_owned()).unwrap();
        assert_eq!(format!("{good:?}"), "Password");
    }
}
