//! What a credential's `@context` says, as far as it can be said without fetching or RDF.
//!
//! Inline context objects are read in full; of addresses only the two of W3C that need no
//! fetching are known. An unknown address is remembered, because it may define anything.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;

use super::structure::Fault;
use super::structure::Malformed;

/// The context that every credential begins with.
pub const BASE_CONTEXT: &str = "https://www.w3.org/ns/credentials/v2";

/// W3C's context that gives every otherwise undefined term the address
/// `https://www.w3.org/ns/credentials/undefined-term#…`.
pub const UNDEFINED_TERMS_CONTEXT: &str = "https://www.w3.org/ns/credentials/undefined-terms/v2";

/// Terms that the base context defines and protects, for documents, credentials and presentations.
const PROTECTED: [&str; 45] = [
    "...",
    "BitstringStatusList",
    "BitstringStatusListCredential",
    "BitstringStatusListEntry",
    "DataIntegrityProof",
    "EnvelopedVerifiableCredential",
    "EnvelopedVerifiablePresentation",
    "JsonSchema",
    "JsonSchemaCredential",
    "VerifiableCredential",
    "VerifiablePresentation",
    "_sd",
    "_sd_alg",
    "aud",
    "cnf",
    "confidenceMethod",
    "credentialSchema",
    "credentialStatus",
    "credentialSubject",
    "description",
    "digestMultibase",
    "digestSRI",
    "evidence",
    "exp",
    "holder",
    "iat",
    "id",
    "iss",
    "issuer",
    "jku",
    "kid",
    "mediaType",
    "name",
    "nbf",
    "proof",
    "refreshService",
    "relatedResource",
    "renderMethod",
    "sub",
    "termsOfUse",
    "type",
    "validFrom",
    "validUntil",
    "verifiableCredential",
    "x5u",
];

/// Terms that the base context defines inside objects of its own types only.
const SCOPED: [&str; 12] = [
    "encodedList",
    "jsonSchema",
    "jwk",
    "message",
    "status",
    "statusListCredential",
    "statusListIndex",
    "statusMessage",
    "statusPurpose",
    "statusReference",
    "statusSize",
    "ttl",
];

/// Nesting of contexts inside term definitions that is read.
const NESTING_MAX: usize = 8;

/// The terms a document may use.
#[derive(Debug, Default)]
pub(super) struct Vocabulary<'a> {
    defined: BTreeMap<&'a str, Definition<'a>>,
    /// Every plain word has an address.
    open: bool,
    /// The first address whose content is not known.
    pub(super) unknown: Option<&'a str>,
}

#[derive(Debug)]
struct Definition<'a> {
    meaning: &'a Value,
    protected: bool,
}

impl<'a> Vocabulary<'a> {
    /// Reads an `@context`, which must begin with the base context.
    pub(super) fn read(context: Option<&'a Value>) -> Result<Self, Malformed> {
        let at = || Malformed::at("@context");
        let context = context.ok_or_else(|| at().because(Fault::Missing))?;
        let entries = match context {
            Value::Array(entries) => entries.as_slice(),
            other => std::slice::from_ref(other),
        };
        if entries.first().and_then(Value::as_str) != Some(BASE_CONTEXT) {
            return Err(at().because(Fault::BaseContextNotFirst));
        }
        let mut vocabulary = Self::default();
        for (index, entry) in entries.iter().enumerate().skip(1) {
            vocabulary
                .add(entry)
                .map_err(|fault| at().index(index).because(fault))?;
        }
        Ok(vocabulary)
    }

    /// Whether a word is a term, or an address itself.
    pub(super) fn defines(&self, word: &str) -> bool {
        let plain = !word.starts_with('@');
        PROTECTED.binary_search(&word).is_ok()
            || SCOPED.contains(&word)
            || is_address(word)
            || (plain && self.defined.get(word).is_some_and(|d| !d.meaning.is_null()))
            || (plain && self.open && !self.defined.contains_key(word))
    }

    fn add(&mut self, entry: &'a Value) -> Result<(), Fault> {
        match entry {
            Value::String(address) if !is_address(address) => Err(Fault::NotAUrl),
            Value::String(address) => {
                match address.as_str() {
                    BASE_CONTEXT => {}
                    UNDEFINED_TERMS_CONTEXT => self.open = true,
                    other => {
                        self.unknown.get_or_insert(other);
                    }
                }
                Ok(())
            }
            Value::Object(terms) => self.add_terms(terms, 0),
            _ => Err(Fault::NotAContext),
        }
    }

    fn add_terms(&mut self, terms: &'a Map<String, Value>, depth: usize) -> Result<(), Fault> {
        if depth >= NESTING_MAX {
            return Err(Fault::TooDeep);
        }
        let protected = terms.get("@protected") == Some(&Value::Bool(true));
        for (term, meaning) in terms {
            match term.as_str() {
                "@protected" | "@version" | "@language" | "@direction" => {}
                "@vocab" => {
                    self.open = match meaning {
                        Value::Null => false,
                        Value::String(address) if is_address(address) => true,
                        _ => return Err(Fault::NotAUrl),
                    }
                }
                keyword if keyword.starts_with('@') => {
                    let keyword = keyword.to_owned();
                    return Err(Fault::UnsupportedKeyword { keyword });
                }
                _ => self.define(term, meaning, protected, depth)?,
            }
        }
        Ok(())
    }

    fn define(
        &mut self,
        term: &'a str,
        meaning: &'a Value,
        protected: bool,
        depth: usize,
    ) -> Result<(), Fault> {
        let term_owned = || term.to_owned();
        let earlier = self.defined.get(term);
        let fixed = PROTECTED.binary_search(&term).is_ok()
            || earlier.is_some_and(|earlier| earlier.protected && earlier.meaning != meaning);
        if fixed {
            return Err(Fault::TermRedefined { term: term_owned() });
        }
        let address = match meaning {
            Value::Null => None,
            Value::String(address) => Some(address.as_str()),
            Value::Object(definition) => {
                if let Some(Value::Object(scoped)) = definition.get("@context") {
                    self.add_terms(scoped, depth + 1)?;
                }
                definition.get("@id").and_then(Value::as_str)
            }
            _ => return Err(Fault::TermNotAnAddress { term: term_owned() }),
        };
        if address.is_some_and(|address| !is_address(address) && !is_keyword(address)) {
            return Err(Fault::TermNotAnAddress { term: term_owned() });
        }
        self.defined.insert(term, Definition { meaning, protected });
        Ok(())
    }
}

fn is_keyword(text: &str) -> bool {
    matches!(
        text,
        "@id" | "@type" | "@value" | "@language" | "@direction" | "@graph" | "@json" | "@nest"
    )
}

/// An absolute URL or IRI (RFC 3986 section 4.3, RFC 3987): a scheme, then no character that must be escaped.
pub(super) fn is_address(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let rest_ok = !rest.is_empty() && !rest.chars().any(must_be_escaped);
    let host_ok = match scheme {
        "http" | "https" => rest
            .strip_prefix("//")
            .is_some_and(|host| !host.is_empty() && !host.starts_with(['/', '?', '#'])),
        _ => true,
    };
    scheme_ok && rest_ok && host_ok
}

fn must_be_escaped(c: char) -> bool {
    match c {
        '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`' => true,
        _ => c.is_control() || c.is_whitespace(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protected_terms_are_in_search_order() {
        assert!(PROTECTED.is_sorted());
    }

    #[test]
    fn addresses_have_a_scheme_and_no_space() {
        for good in [
            "https://a.example/x#y",
            "did:key:z6Mk",
            "urn:uuid:1",
            "data:x;base64url,YQ",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "fake",
            "https ://a",
            "https:a",
            "https://",
            "1a:b",
            "a:",
            "a:b c",
            "z6Mk",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
