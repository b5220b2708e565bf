//! YAML as configuration files use it: one document, no anchors, no merge keys, no key twice,
//! `true` and `false` as the only booleans.

use serde::de::DeserializeOwned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

const BYTES_MAX: usize = 1 << 20;

/// A text is not such YAML, or not of the expected shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The file is too long to be configuration.
    #[error("the file is longer than {BYTES_MAX} bytes")]
    TooLong,
    /// The parser refuses it.
    #[error("{detail}")]
    Refused {
        /// What the parser says, with line and column.
        detail: String,
    },
}

/// Reads one document.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, YamlError> {
    if bytes.len() > BYTES_MAX {
        return Err(YamlError::TooLong);
    }
    let mut budget = serde_saphyr::budget::Budget::default();
    budget.max_anchors = 0;
    budget.max_aliases = 0;
    let options = serde_saphyr::options! {
        budget: Some(budget),
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_slice_with_options(bytes, options).map_err(|error| YamlError::Refused {
        detail: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn traps_of_yaml_are_refused() {
        for trap in [
            "a: 1\na: 2\n",
            "a: &x [1]\nb: *x\n",
            "base: &b {x: 1}\nother:\n  <<: *b\n",
            "a: {b: 1",
            "a: 1\n---\nb: 2\n",
        ] {
            assert!(from_slice::<Value>(trap.as_bytes()).is_err(), "{trap}");
        }
    }

    #[test]
    fn a_country_is_not_a_boolean() {
        let value: Value = from_slice(b"countries: [no, yes, on, off]\nflag: true\n").unwrap();
        assert_eq!(
            value,
            json!({"countries": ["no", "yes", "on", "off"], "flag": true})
        );
    }
}
