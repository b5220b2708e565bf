//! SCRAM (RFC 5802, RFC 7677), the server's side.
//!
//! A client that could bind to the channel and thinks we cannot (`y`) is told no when we can: somebody
//! between us took the offer away (RFC 5802 6).

use data_encoding::BASE64;
use subtle::ConstantTimeEq;

use super::Failure;
use super::credentials::{Hash, Keys};

/// The client's first message.
#[derive(Debug)]
pub(super) struct First {
    hash: Hash,
    /// `gs2-header` and, if bound, the exported bytes: what the client must repeat.
    binding: Vec<u8>,
    authzid: Option<String>,
    user: String,
    nonce: String,
    bare: String,
}

/// After the server's first message.
#[derive(Debug)]
pub(super) struct Challenged {
    hash: Hash,
    binding: Vec<u8>,
    nonce: String,
    /// `client-first-message-bare "," server-first-message ","`
    transcript: String,
    keys: Keys,
    is_real: bool,
}

impl First {
    pub(super) fn parse(
        data: &[u8],
        hash: Hash,
        is_plus: bool,
        exporter: Option<[u8; 32]>,
    ) -> Result<Self, Failure> {
        let text = std::str::from_utf8(data).map_err(|_| Failure::MalformedRequest)?;
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::MalformedRequest);
        };
        let authzid = match authzid.strip_prefix("a=") {
            Some(name) => Some(unescape_name(name).ok_or(Failure::MalformedRequest)?),
            None if authzid.is_empty() => None,
            None => return Err(Failure::MalformedRequest),
        };
        let gs2 = &text[..text.len() - bare.len()];
        let (user, nonce) = names(bare).ok_or(Failure::MalformedRequest)?;
        Ok(Self {
            hash,
            binding: binding(flag, gs2, is_plus, exporter)?,
            authzid,
            user,
            nonce,
            bare: bare.to_owned(),
        })
    }

    pub(super) fn hash(&self) -> Hash {
        self.hash
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn authzid(&self) -> Option<String> {
        self.authzid.clone()
    }

    /// The server's first message; with keys that are not `is_real` the proof will be refused.
    pub(super) fn challenge(
        self,
        keys: &Keys,
        is_real: bool,
        nonce: &str,
    ) -> (Challenged, Vec<u8>) {
        let nonce = format!("{}{nonce}", self.nonce);
        let message = format!(
            "r={nonce},s={},i={}",
            BASE64.encode(&keys.salt),
            keys.iterations
        );
        let challenged = Challenged {
            hash: self.hash,
            binding: self.binding,
            nonce,
            transcript: format!("{},{message},", self.bare),
            keys: keys.clone(),
            is_real,
        };
        (challenged, message.into_bytes())
    }
}

/// What the client's final message must repeat, or why the flag cannot be.
fn binding(
    flag: &str,
    gs2: &str,
    is_plus: bool,
    exporter: Option<[u8; 32]>,
) -> Result<Vec<u8>, Failure> {
    let mut binding = gs2.as_bytes().to_vec();
    match (flag, is_plus, exporter) {
        ("p=tls-exporter", true, Some(exported)) => binding.extend_from_slice(&exported),
        ("n", false, _) | ("y", false, None) => {}
        ("y", false, Some(_)) => return Err(Failure::NotAuthorized),
        _ => return Err(Failure::MalformedRequest),
    }
    Ok(binding)
}

fn names(bare: &str) -> Option<(String, String)> {
    let (user, rest) = bare.strip_prefix("n=")?.split_once(',')?;
    let nonce = rest.strip_prefix("r=")?;
    let nonce = nonce.split(',').next()?;
    let is_printable = nonce.bytes().all(|b| (0x21..0x7f).contains(&b));
    let user = unescape_name(user)?;
    (is_printable && !nonce.is_empty()).then(|| (user, nonce.to_owned()))
}

/// A `saslname`: `=2C` is a comma, `=3D` an equals sign, and nothing else may follow `=`.
pub(super) fn unescape_name(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (c, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            (None, None) => return None,
        };
        out.push(c);
        out.push_str(rest);
    }
    (!out.is_empty()).then_some(out)
}

impl Challenged {
    /// The server's signature, if the proof holds.
    pub(super) fn finish(&self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let text = std::str::from_utf8(data).map_err(|_| Failure::MalformedRequest)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Failure::MalformedRequest)?;
        let mut parts = without_proof.split(',');
        let (Some(binding), Some(nonce)) = (
            parts.next().and_then(|p| p.strip_prefix("c=")),
            parts.next().and_then(|p| p.strip_prefix("r=")),
        ) else {
            return Err(Failure::MalformedRequest);
        };
        let decode = |text: &str| {
            BASE64
                .decode(text.as_bytes())
                .map_err(|_| Failure::MalformedRequest)
        };
        let (binding, proof) = (decode(binding)?, decode(proof)?);
        let transcript = format!("{}{without_proof}", self.transcript);
        let is_bound = binding.ct_eq(&self.binding) & nonce.as_bytes().ct_eq(self.nonce.as_bytes());
        let is_proven = self.is_proven(&proof, transcript.as_bytes());
        if !(bool::from(is_bound) && is_proven && self.is_real) {
            return Err(Failure::NotAuthorized);
        }
        let signature = self.hash.hmac(&self.keys.server_key, transcript.as_bytes());
        Ok(format!("v={}", BASE64.encode(&signature)).into_bytes())
    }

    fn is_proven(&self, proof: &[u8], transcript: &[u8]) -> bool {
        let signature = self.hash.hmac(&self.keys.stored_key, transcript);
        if proof.len() != signature.len() {
            return false;
        }
        let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        self.hash
            .hash(&client_key)
            .ct_eq(&self.keys.stored_key)
            .into()
    }
}
