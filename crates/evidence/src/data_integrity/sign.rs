//! Making proofs.

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::CRYPTOSUITE;
use super::HashData;
use super::PROOF_TYPE;
use super::ProofContext;
use super::ProofError;
use super::ProofPurpose;
use super::proof::proofs;
use crate::key::SigningKey;
use crate::time;

/// What a proof says besides its value. All of it is signed.
#[derive(Debug, Clone)]
pub struct ProofOptions {
    /// `created`, cut to whole seconds.
    pub created: Timestamp,
    /// `proofPurpose`.
    pub purpose: ProofPurpose,
    /// `verificationMethod`: where verifiers find the key.
    pub verification_method: String,
    /// `id`, needed if later proofs are to build on this one.
    pub id: Option<String>,
    /// `expires`, cut to whole seconds.
    pub expires: Option<Timestamp>,
    /// `challenge`, what the verifier of a presentation asked to be signed.
    pub challenge: Option<String>,
    /// `domain`, whom a presentation is meant for.
    pub domain: Option<String>,
    /// Ids of the proofs that this one covers too, which makes a chain.
    pub previous_proof: Vec<String>,
}

/// Adds a proof by the key's own did:key.
pub fn sign(
    document: Value,
    key: &SigningKey,
    created: Timestamp,
    purpose: ProofPurpose,
) -> Result<Value, ProofError> {
    let options = ProofOptions {
        created,
        purpose,
        verification_method: key.did().verification_method(),
        id: None,
        expires: None,
        challenge: None,
        domain: None,
        previous_proof: Vec::new(),
    };
    sign_with(document, key, &options)
}

/// Adds a proof with any options; a document that has proofs keeps them, as a set or a chain.
pub fn sign_with(
    document: Value,
    key: &SigningKey,
    options: &ProofOptions,
) -> Result<Value, ProofError> {
    let Value::Object(mut document) = document else {
        return Err(ProofError::DocumentNotAnObject);
    };
    let mut proof = options.to_members()?;
    if let Some(context) = document.get("@context") {
        proof.insert("@context".into(), context.clone());
    }
    let existing = existing_proofs(&document);
    let previous = previous_of(&existing, options)?;
    let data = HashData::new(&document, &proof, &previous, ProofContext::Embedded)
        .map_err(ProofError::NotCanonical)?;
    let signature = bs58::encode(key.sign(&data.bytes()).as_bytes()).into_string();
    proof.insert("proofValue".into(), format!("z{signature}").into());

    let proof = match existing.is_empty() {
        true => Value::Object(proof),
        false => Value::Array([existing, vec![Value::Object(proof)]].concat()),
    };
    document.insert("proof".into(), proof);
    let document = Value::Object(document);
    proofs(&document)?;
    Ok(document)
}

fn existing_proofs(document: &Map<String, Value>) -> Vec<Value> {
    match document.get("proof") {
        None => Vec::new(),
        Some(Value::Array(proofs)) => proofs.clone(),
        Some(proof) => vec![proof.clone()],
    }
}

fn previous_of<'a>(
    existing: &'a [Value],
    options: &ProofOptions,
) -> Result<Vec<&'a Value>, ProofError> {
    let find = |id: &String| {
        let found = existing.iter().find(|proof| proof["id"] == id.as_str());
        found.ok_or_else(|| ProofError::PreviousProofMissing {
            proof: existing.len(),
            id: id.clone(),
        })
    };
    options.previous_proof.iter().map(find).collect()
}

impl ProofOptions {
    fn to_members(&self) -> Result<Map<String, Value>, ProofError> {
        let instant = |at| time::canonical_seconds(at).map_err(ProofError::Instant);
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("type", PROOF_TYPE.into());
        put("cryptosuite", CRYPTOSUITE.into());
        put("created", instant(self.created)?.into());
        put(
            "verificationMethod",
            self.verification_method.clone().into(),
        );
        put("proofPurpose", self.purpose.as_str().into());
        if let Some(expires) = self.expires {
            put("expires", instant(expires)?.into());
        }
        let texts = [
            ("id", &self.id),
            ("challenge", &self.challenge),
            ("domain", &self.domain),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                put(name, text.clone().into());
            }
        }
        match self.previous_proof.as_slice() {
            [] => {}
            [id] => {
                put("previousProof", id.clone().into());
            }
            ids => {
                put("previousProof", json!(ids));
            }
        }
        Ok(members)
    }
}
