//! What keeps a published digest from being guessed.

use serde::{Deserialize, Serialize};

/// 32 bytes drawn by the node, written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Salt([u8; 32]);

/// A text that is not a salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a salt is 64 lower-case hexadecimal digits")]
pub struct InvalidSalt;

impl Salt {
    /// Wraps 32 bytes of the node's entropy.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<String> for Salt {
    type Error = InvalidSalt;

    fn try_from(text: String) -> Result<Self, InvalidSalt> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(InvalidSalt),
        };
        if text.len() != 64 {
            return Err(InvalidSalt);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        salt.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_reads_as_it_is_written_and_in_no_other_way() {
        let salt = Salt::new([0xa5; 32]);
        let text = String::from(salt);
        assert_eq!(text, "a5".repeat(32));
        assert_eq!(Salt::try_from(text.clone()), Ok(salt));
        for bad in [text[2..].to_owned(), text.to_uppercase(), "é".repeat(32)] {
            assert_eq!(Salt::try_from(bad), Err(InvalidSalt));
        }
    }
}
