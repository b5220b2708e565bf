//! Streams of owners: `iris/account/<jid>` holds documents, `iris/archive/<jid>` messages.
//!
//! What a stream name refuses is written as `~xx`, byte by byte, so that names and owners match one to one.

use std::fmt::Write as _;

use jid::BareJid;
use journal::StreamName;

const ACCOUNT: &str = "iris/account/";
const ARCHIVE: &str = "iris/archive/";

/// An address so long that it cannot own a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {owner} is too long to own a stream")]
pub struct OwnerTooLong {
    /// The address.
    pub owner: BareJid,
}

fn escaped(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'@' | b'+' | b'-' => into.push(byte as char),
            _ => write!(into, "~{byte:02x}").expect("writing to a string does not fail"),
        }
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'~' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let (code, tail) = tail.split_at_checked(2)?;
        let code = std::str::from_utf8(code).ok()?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

fn stream(prefix: &str, owner: &BareJid) -> Result<StreamName, OwnerTooLong> {
    let mut name = String::with_capacity(prefix.len() + owner.as_str().len());
    name.push_str(prefix);
    escaped(owner.as_str(), &mut name);
    name.parse().map_err(|_| OwnerTooLong {
        owner: owner.clone(),
    })
}

/// The stream of an owner's documents.
///
/// # Errors
/// The address is too long.
pub fn account_stream(owner: &BareJid) -> Result<StreamName, OwnerTooLong> {
    stream(ACCOUNT, owner)
}

/// The stream of an owner's messages.
///
/// # Errors
/// The address is too long.
pub fn archive_stream(owner: &BareJid) -> Result<StreamName, OwnerTooLong> {
    stream(ARCHIVE, owner)
}

/// Whether a stream holds documents.
pub(super) fn is_account_stream(stream: &StreamName) -> bool {
    stream.as_str().starts_with(ACCOUNT)
}

/// Whose stream this is, if it is one of the messenger's.
pub fn owner_of(stream: &StreamName) -> Option<BareJid> {
    let name = stream.as_str();
    let owner = name
        .strip_prefix(ACCOUNT)
        .or_else(|| name.strip_prefix(ARCHIVE))?;
    BareJid::new(&unescaped(owner)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_too_long_for_a_stream_is_refused() {
        let owner = BareJid::new(&format!("{}@x", "a".repeat(300))).unwrap();
        assert_eq!(archive_stream(&owner), Err(OwnerTooLong { owner }));
    }

    proptest! {
        #[test]
        fn a_stream_names_exactly_its_owner(local in "[a-zA-Z0-9~!$%*+=é漢._-]{1,20}") {
            let Ok(owner) = BareJid::new(&format!("{local}@example.org")) else {
                return Ok(());
            };
            prop_assert_eq!(owner_of(&account_stream(&owner).unwrap()), Some(owner.clone()));
            prop_assert_eq!(owner_of(&archive_stream(&owner).unwrap()), Some(owner));
        }
    }
}
