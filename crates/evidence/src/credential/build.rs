//! Building credentials that every library can process without fetching anything.

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::context::BASE_CONTEXT;
use super::context::UNDEFINED_TERMS_CONTEXT;
use super::structure::Malformed;
use super::structure::check_credential;
use crate::time;

/// The content of a credential that is yet to be signed.
///
/// Its terms get their addresses from [`UNDEFINED_TERMS_CONTEXT`], which W3C publishes and
/// libraries bring along; a subject may use any plain names.
#[derive(Debug, Clone)]
pub struct Builder {
    /// `id`: the credential's own URL, such as `urn:uuid:…`.
    pub id: String,
    /// `issuer`: the URL of who says it; a did:key needs no controller document.
    pub issuer: String,
    /// The types beside `VerifiableCredential`.
    pub types: Vec<String>,
    /// `credentialSubject`: one object, or an array of them.
    pub subject: Value,
    /// `validFrom`, cut to whole seconds.
    pub valid_from: Timestamp,
    /// `validUntil`, cut to whole seconds.
    pub valid_until: Option<Timestamp>,
    /// `credentialStatus`: entries made by [`crate::status_list::Entry::to_value`].
    pub status: Vec<Value>,
}

impl Builder {
    /// The unsigned credential, its form checked.
    pub fn build(self) -> Result<Value, Malformed> {
        let types = std::iter::once("VerifiableCredential".to_owned()).chain(self.types);
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("@context", json!([BASE_CONTEXT, UNDEFINED_TERMS_CONTEXT]));
        put("id", self.id.into());
        put("type", types.collect());
        put("issuer", self.issuer.into());
        put("validFrom", instant(self.valid_from));
        if let Some(valid_until) = self.valid_until {
            put("validUntil", instant(valid_until));
        }
        put("credentialSubject", self.subject);
        let mut status = self.status;
        match status.len() {
            0 => None,
            1 => put("credentialStatus", status.remove(0)),
            _ => put("credentialStatus", status.into()),
        };
        let credential = Value::Object(members);
        check_credential(&credential)?;
        Ok(credential)
    }
}

/// An instant that has no canonical text becomes null, which the check of the form refuses.
fn instant(at: Timestamp) -> Value {
    time::canonical_seconds(at).map_or(Value::Null, Value::from)
}
