//! Controller documents (W3C Recommendation CID 1.0): which keys an issuer that is not a did:key has.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use super::ProofPurpose;
use crate::did::DidError;
use crate::did::DidKey;
use crate::key::VerifyingKey;
use crate::time;

/// An identifier and the keys that act for it. Where the document came from is the caller's care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    id: String,
    methods: BTreeMap<String, Method>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Method {
    key: VerifyingKey,
    purposes: BTreeSet<ProofPurpose>,
    expires: Option<Timestamp>,
    revoked: Option<Timestamp>,
}

/// A controller document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ControllerError {
    /// A member is missing or of the wrong form.
    #[error("`{member}` is missing or malformed")]
    Malformed {
        /// Which member.
        member: &'static str,
    },
    /// A method belongs to somebody else.
    #[error("verification method `{method}` has another controller")]
    ForeignMethod {
        /// Its id.
        method: String,
    },
    /// A method's key is not an Ed25519 Multikey.
    #[error("verification method `{method}` is not an Ed25519 Multikey")]
    UnusableKey {
        /// Its id.
        method: String,
        /// What is wrong with the key.
        #[source]
        reason: DidError,
    },
    /// Two methods share an id.
    #[error("verification method `{method}` is defined twice")]
    DefinedTwice {
        /// Its id.
        method: String,
    },
}

const fn malformed(member: &'static str) -> ControllerError {
    ControllerError::Malformed { member }
}

impl Controller {
    /// Reads a controller document. Methods other than `Multikey` are passed over, so that a
    /// document which also lists keys of other kinds stays usable.
    pub fn from_document(document: &Value) -> Result<Self, ControllerError> {
        let id = document["id"].as_str().ok_or(malformed("id"))?;
        let mut controller = Self {
            id: id.to_owned(),
            methods: BTreeMap::new(),
        };
        for method in list(document, "verificationMethod")? {
            controller.define(method)?;
        }
        for purpose in ProofPurpose::ALL {
            for method in list(document, purpose.as_str())? {
                controller.authorise(method, purpose)?;
            }
        }
        Ok(controller)
    }

    /// A did:key as its own document, for an issuer met often: the key is decoded once, here.
    pub fn from_did_key(did: DidKey) -> Self {
        let method = Method {
            key: *did.verifying_key(),
            purposes: BTreeSet::from(ProofPurpose::ALL),
            expires: None,
            revoked: None,
        };
        Self {
            id: did.to_string(),
            methods: BTreeMap::from([(did.verification_method(), method)]),
        }
    }

    /// The identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key of a method, if the method may be used for the purpose at that time.
    pub fn key(&self, method: &str, purpose: ProofPurpose, at: Timestamp) -> Option<&VerifyingKey> {
        let method = self.methods.get(method)?;
        let live = method.expires.is_none_or(|expires| at < expires)
            && method.revoked.is_none_or(|revoked| at < revoked);
        (live && method.purposes.contains(&purpose)).then_some(&method.key)
    }

    fn define(&mut self, method: &Value) -> Result<Option<String>, ControllerError> {
        if method["type"] != "Multikey" {
            return Ok(None);
        }
        let id = method["id"]
            .as_str()
            .ok_or(malformed("verificationMethod.id"))?
            .to_owned();
        if method["controller"] != self.id.as_str() {
            return Err(ControllerError::ForeignMethod { method: id });
        }
        let multibase = method["publicKeyMultibase"]
            .as_str()
            .ok_or(malformed("verificationMethod.publicKeyMultibase"))?;
        let key =
            DidKey::from_multibase(multibase).map_err(|reason| ControllerError::UnusableKey {
                method: id.clone(),
                reason,
            })?;
        let entry = Method {
            key: *key.verifying_key(),
            purposes: BTreeSet::new(),
            expires: instant(method, "expires")?,
            revoked: instant(method, "revoked")?,
        };
        if self.methods.insert(id.clone(), entry).is_some() {
            return Err(ControllerError::DefinedTwice { method: id });
        }
        Ok(Some(id))
    }

    /// A purpose lists methods by id, or defines them in place.
    fn authorise(&mut self, method: &Value, purpose: ProofPurpose) -> Result<(), ControllerError> {
        let id = match method {
            Value::String(id) => id.clone(),
            _ => match self.define(method)? {
                Some(id) => id,
                None => return Ok(()),
            },
        };
        if let Some(method) = self.methods.get_mut(&id) {
            method.purposes.insert(purpose);
        }
        Ok(())
    }
}

fn list<'a>(document: &'a Value, member: &'static str) -> Result<&'a [Value], ControllerError> {
    match document.get(member) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(malformed(member)),
    }
}

fn instant(method: &Value, member: &'static str) -> Result<Option<Timestamp>, ControllerError> {
    match method.get(member) {
        None => Ok(None),
        Some(value) => {
            let text = value.as_str().ok_or(malformed(member))?;
            time::parse(text).map(Some).map_err(|_| malformed(member))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::key::SigningKey;

    fn document() -> Value {
        let key = SigningKey::from_seed([7; 32]).did().multibase();
        json!({
            "id": "https://zone.example",
            "verificationMethod": [
                {"id": "https://zone.example#1", "type": "Multikey", "controller": "https://zone.example",
                 "publicKeyMultibase": key, "revoked": "2026-06-01T00:00:00Z"},
                {"id": "https://zone.example#rsa", "type": "JsonWebKey", "controller": "https://zone.example"}
            ],
            "assertionMethod": ["https://zone.example#1", "https://zone.example#rsa"]
        })
    }

    fn at(text: &str) -> Timestamp {
        time::parse(text).unwrap()
    }

    #[test]
    fn a_method_serves_its_purposes_until_it_is_revoked() {
        let controller = Controller::from_document(&document()).unwrap();
        let (method, before) = ("https://zone.example#1", at("2026-05-31T23:59:59Z"));
        let assertion = ProofPurpose::AssertionMethod;
        assert!(controller.key(method, assertion, before).is_some());
        assert!(
            controller
                .key(method, ProofPurpose::Authentication, before)
                .is_none()
        );
        assert!(
            controller
                .key(method, assertion, at("2026-06-01T00:00:00Z"))
                .is_none()
        );
        assert!(
            controller
                .key("https://zone.example#rsa", assertion, before)
                .is_none()
        );
    }

    #[test]
    fn a_did_key_has_its_one_method() {
        let did = SigningKey::from_seed([7; 32]).did();
        let controller = Controller::from_did_key(did);
        let method = did.verification_method();
        let (purpose, at) = (ProofPurpose::AssertionMethod, Timestamp::MAX);
        assert_eq!(controller.id(), did.to_string());
        assert_eq!(
            controller.key(&method, purpose, at),
            Some(did.verifying_key())
        );
        let other = SigningKey::from_seed([8; 32]).did().verification_method();
        assert_eq!(controller.key(&other, purpose, at), None);
    }

    #[test]
    fn a_method_of_another_controller_is_refused() {
        let mut document = document();
        document["verificationMethod"][0]["controller"] = json!("https://other.example");
        let expected = ControllerError::ForeignMethod {
            method: "https://zone.example#1".into(),
        };
        assert_eq!(Controller::from_document(&document), Err(expected));
    }

    #[test]
    fn a_method_defined_twice_is_refused() {
        let mut document = document();
        let again = document["verificationMethod"][0].clone();
        document["authentication"] = json!([again]);
        assert!(matches!(
            Controller::from_document(&document),
            Err(ControllerError::DefinedTwice { .. })
        ));
    }
}
