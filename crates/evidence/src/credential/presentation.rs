//! The form of a presentation.

use serde_json::Value;

use super::structure::Fault;
use super::structure::Form;
use super::structure::Malformed;
use super::structure::Path;
use super::structure::check_credential_at;
use super::structure::object;
use super::structure::one_or_many;
use super::structure::required_id;
use super::structure::url;
use super::structure::vocabulary;

const ENVELOPED: &str = "EnvelopedVerifiableCredential";

/// Checks the form of a presentation and of every credential in it.
///
/// Whether its holder may present them is not a question of form.
pub fn check_presentation(presentation: &Value) -> Result<(), Malformed> {
    let at = Path::root();
    let members = object(&at, presentation)?;
    let vocabulary = vocabulary(&at, members)?;
    let form = Form {
        vocabulary: &vocabulary,
    };
    form.types(&at, members, Some("VerifiablePresentation"))?;
    form.optional_id(&at, members)?;
    if let Some(holder) = members.get("holder") {
        let at = at.member("holder");
        match holder {
            Value::Object(holder) => required_id(&at, holder)?,
            holder => url(&at, holder)?,
        }
    }
    let Some(credentials) = members.get("verifiableCredential") else {
        return Ok(());
    };
    for (at, credential) in one_or_many(&at.member("verifiableCredential"), credentials)? {
        check_presented(&at, credential)?;
    }
    Ok(())
}

fn check_presented(at: &Path, credential: &Value) -> Result<(), Malformed> {
    let members = object(at, credential)?;
    let at_type = at.member("type");
    let Some(types) = members.get("type") else {
        return Err(at_type.because(Fault::Missing));
    };
    let types = one_or_many(&at_type, types)?;
    let enveloped = types.iter().any(|(_, name)| *name == ENVELOPED);
    match enveloped {
        false => check_credential_at(at, credential).map(drop),
        true => check_envelope(at, credential),
    }
}

/// The credential is inside a `data:` URL; only the envelope can be checked.
fn check_envelope(at: &Path, envelope: &Value) -> Result<(), Malformed> {
    let members = object(at, envelope)?;
    let vocabulary = vocabulary(at, members)?;
    let form = Form {
        vocabulary: &vocabulary,
    };
    form.types(at, members, Some(ENVELOPED))?;
    required_id(at, members)?;
    match members["id"].as_str() {
        Some(id) if id.starts_with("data:") => Ok(()),
        _ => Err(at.member("id").because(Fault::NotAUrl)),
    }
}
