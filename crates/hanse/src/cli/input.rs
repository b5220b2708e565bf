//! What commands are given: files, standard input, and names that go into an address.

use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use api::word::UnknownWord;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use evidence::canonical;
use serde_json::Value;

use super::Failure;

/// The bytes of a file; `-` is standard input.
///
/// # Errors
/// It cannot be read.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    if path != Path::new("-") {
        return std::fs::read(path).map_err(|error| unreadable(path, &error));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|error| unreadable(Path::new("standard input"), &error))?;
    Ok(bytes)
}

/// The JSON of a file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is not strict JSON.
pub fn json(path: &Path) -> Result<Value, Failure> {
    canonical::parse(&bytes(path)?)
        .map_err(|error| Failure::usage(format!("{} is not strict JSON: {error}", path.display())))
}

/// Writes what a zone answered, in place of what was there.
///
/// # Errors
/// The system refuses.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| {
        Failure::environment(format!("{} cannot be written: {error}", path.display()))
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::environment(format!("{} cannot be read: {error}", path.display()))
}

/// A name that is one segment of a path as it is.
///
/// # Errors
/// It has characters that an address would read otherwise.
pub fn segment(text: &str) -> Result<String, NotASegment> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:~@+".contains(&byte);
    let dots = text.bytes().all(|byte| byte == b'.');
    if text.len() <= 300 && text.bytes().all(plain) && !dots {
        Ok(text.to_owned())
    } else {
        Err(NotASegment)
    }
}

/// Reads one of the words that the wire knows, and names them in the help.
pub fn one_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = UnknownWord> + Clone + Send + Sync + 'static,
{
    // Both spellings that people know from other tools: `legal_order` and `legal-order`.
    let word = |word: &&'static str| PossibleValue::new(*word).alias(word.replace('_', "-"));
    PossibleValuesParser::new(words.iter().map(word))
        .try_map(|text| text.replace('-', "_").parse::<T>())
}

/// A text that cannot name anything in a zone.
#[derive(Debug, thiserror::Error)]
#[error("ids are letters, digits and any of - _ . : ~ @ +")]
pub struct NotASegment;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_to_another_address() {
        for text in ["", "..", ".", "a/b", "a?b", "a#b", "a%2f", "a b", "ä"] {
            assert!(segment(text).is_err(), "{text:?}");
        }
        assert_eq!(segment("0192-ab.company").unwrap(), "0192-ab.company");
    }
}
