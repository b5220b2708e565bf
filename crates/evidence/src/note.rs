//! Signed notes (C2SP signed-note): a short text that carries its own Ed25519 signatures.
//!
//! ```text
//! the text, whole lines
//!
//! — key name base64(key id ‖ signature)
//! ```

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;

use crate::base64;
use crate::key::KeyError;
use crate::key::Signature;
use crate::key::SigningKey;
use crate::key::VerifyingKey;

/// The algorithm byte of Ed25519 in key ids and verifier keys.
const ED25519: u8 = 1;

/// Begins every signature line: an em dash and a blank.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// Longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// Most signatures that are read.
pub const SIGNATURES_MAX: usize = 100;

/// Why a note, a key name or a verifier key is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoteError {
    /// A key name is empty, or holds white space, `+` or a control character.
    #[error("key name is empty or holds a character that signed notes forbid")]
    KeyName,
    /// The text is empty, lacks its last newline, or holds a control character.
    #[error("note text is not whole lines of plain text")]
    Text,
    /// The note is larger than [`NOTE_BYTES_MAX`].
    #[error("note is longer than {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// There is no blank line with signature lines after it.
    #[error("note has no signatures")]
    NoSignatures,
    /// There are more signatures than [`SIGNATURES_MAX`].
    #[error("note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A signature line is not a mark, a name and strict base64 of at least five bytes.
    #[error("note signature {number} is malformed")]
    SignatureLine {
        /// Which, from 1.
        number: usize,
    },
    /// The key that is trusted did not sign.
    #[error("note is not signed by `{name}`")]
    NotSignedBy {
        /// The trusted key's name.
        name: String,
    },
    /// A line says that the trusted key signed, and it did not.
    #[error("signature of `{name}` does not match the note")]
    SignatureMismatch {
        /// The trusted key's name.
        name: String,
    },
    /// A verifier key is not `name+id+base64` with a matching id.
    #[error("verifier key is malformed")]
    VerifierKey,
    /// A verifier key holds a key that must not be used.
    #[error("verifier key cannot be used")]
    UnusableKey(#[source] KeyError),
}

/// A name and the public key it stands for. Its text is the verifier key, `name+id+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: VerifyingKey,
}

impl NoteVerifier {
    /// Names a key.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        let forbidden = |char: char| char.is_whitespace() || char.is_control() || char == '+';
        if name.is_empty() || name.contains(forbidden) {
            return Err(NoteError::KeyName);
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ public key).
    pub fn key_id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The text of a note that this key signed. Lines of other keys are passed over.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let note = SignedNote::parse(note)?;
        note.verify(self)?;
        Ok(note.text)
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = [ED25519; 33];
        key[1..].copy_from_slice(self.key.as_bytes());
        let (id, key) = (HEXLOWER.encode(&self.key_id()), base64::encode(&key));
        write!(f, "{}+{id}+{key}", self.name)
    }
}

impl FromStr for NoteVerifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKey);
        };
        let key = base64::decode(key).ok_or(NoteError::VerifierKey)?;
        let key = match key.as_slice() {
            [ED25519, key @ ..] => key.try_into().map_err(|_| NoteError::VerifierKey)?,
            _ => return Err(NoteError::VerifierKey),
        };
        let key = VerifyingKey::from_bytes(key).map_err(NoteError::UnusableKey)?;
        let verifier = Self::new(name, key)?;
        match HEXLOWER.encode(&verifier.key_id()) == id {
            true => Ok(verifier),
            false => Err(NoteError::VerifierKey),
        }
    }
}

/// A private key with a name, which signs notes.
#[derive(Debug)]
pub struct NoteSigner {
    verifier: NoteVerifier,
    key: SigningKey,
}

impl NoteSigner {
    /// Names a key.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, NoteError> {
        Ok(Self {
            verifier: NoteVerifier::new(name, key.verifying_key())?,
            key,
        })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// The public half.
    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// A note with this text and this key's signature. The text is whole lines.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        check_text(text)?;
        Ok(format!("{text}\n{}", self.signature_line(text)))
    }

    /// Adds this key's signature to a note that others signed, without judging theirs.
    pub fn cosign(&self, note: &str) -> Result<String, NoteError> {
        append_signature(note, &self.verifier, &self.key)
    }

    fn signature_line(&self, text: &str) -> String {
        signature_line(text, &self.verifier, &self.key)
    }
}

/// Adds the signature of a key that is borrowed, under a name, to a note that others signed.
pub fn cosign(note: &str, name: &str, key: &SigningKey) -> Result<String, NoteError> {
    append_signature(note, &NoteVerifier::new(name, key.verifying_key())?, key)
}

fn append_signature(
    note: &str,
    verifier: &NoteVerifier,
    key: &SigningKey,
) -> Result<String, NoteError> {
    let parsed = SignedNote::parse(note)?;
    if parsed.signatures.len() >= SIGNATURES_MAX {
        return Err(NoteError::TooManySignatures);
    }
    Ok(format!(
        "{note}{}",
        signature_line(parsed.text, verifier, key)
    ))
}

fn signature_line(text: &str, verifier: &NoteVerifier, key: &SigningKey) -> String {
    let mut bytes = verifier.key_id().to_vec();
    bytes.extend_from_slice(key.sign(text.as_bytes()).as_bytes());
    format!(
        "{SIGNATURE_MARK}{} {}\n",
        verifier.name,
        base64::encode(&bytes)
    )
}

/// A note taken apart, with nothing verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote<'a> {
    /// The text, with its last newline: what is signed.
    pub text: &'a str,
    /// The signatures in their order.
    pub signatures: Vec<NoteSignature<'a>>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature<'a> {
    /// Name of the key that is said to have signed.
    pub name: &'a str,
    /// Its id, which tells apart keys that share a name.
    pub key_id: [u8; 4],
    /// The signature, of whatever algorithm the key has.
    pub signature: Vec<u8>,
}

impl<'a> SignedNote<'a> {
    /// Takes a note apart.
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let split = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = (&note[..split + 1], &note[split + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (index, line) in lines.split('\n').enumerate() {
            if index == SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            let signature = NoteSignature::parse(line);
            signatures.push(signature.ok_or(NoteError::SignatureLine { number: index + 1 })?);
        }
        Ok(Self { text, signatures })
    }

    /// Checks that the key signed. Every line that says so must hold.
    pub fn verify(&self, verifier: &NoteVerifier) -> Result<(), NoteError> {
        let name = || verifier.name.clone();
        let id = verifier.key_id();
        let mut signed = false;
        for line in &self.signatures {
            if line.name != verifier.name || line.key_id != id {
                continue;
            }
            let signature = line
                .signature
                .as_slice()
                .try_into()
                .map(Signature::from_bytes);
            let holds = signature.is_ok_and(|signature| {
                verifier
                    .key
                    .verify(self.text.as_bytes(), &signature)
                    .is_ok()
            });
            if !holds {
                return Err(NoteError::SignatureMismatch { name: name() });
            }
            signed = true;
        }
        match signed {
            true => Ok(()),
            false => Err(NoteError::NotSignedBy { name: name() }),
        }
    }
}

impl<'a> NoteSignature<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        if name.is_empty() || name.contains(|char: char| char.is_whitespace() || char == '+') {
            return None;
        }
        let bytes = base64::decode(base64)?;
        let (key_id, signature) = bytes.split_first_chunk()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self {
            name,
            key_id: *key_id,
            signature: signature.to_vec(),
        })
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let forbidden = |byte: u8| (byte < b' ' && byte != b'\n') || byte == 0x7f;
    match text.ends_with('\n') && !text.bytes().any(forbidden) {
        true => Ok(()),
        false => Err(NoteError::Text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signer(name: &str, seed: u8) -> NoteSigner {
        NoteSigner::new(name, SigningKey::from_seed([seed; 32])).unwrap()
    }

    #[test]
    fn the_note_of_the_go_package_is_opened() {
        // From the documentation of golang.org/x/mod/sumdb/note: a key, and a note it signed.
        let verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let verifier: NoteVerifier = verifier.parse().unwrap();
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let note = format!(
            "{text}\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(verifier.open(&note), Ok(text));
        assert_eq!(verifier.to_string().parse(), Ok(verifier));
    }

    #[test]
    fn a_cosigned_note_opens_with_each_key_and_no_third() {
        let [a, b, c] = ["a", "b", "c"].map(|name| signer(name, name.as_bytes()[0]));
        let note = b.cosign(&a.sign("one\n\ntwo\n").unwrap()).unwrap();
        assert_eq!(a.verifier().open(&note), Ok("one\n\ntwo\n"));
        assert_eq!(b.verifier().open(&note), Ok("one\n\ntwo\n"));
        let refused = c.verifier().open(&note);
        assert_eq!(
            refused,
            Err(NoteError::NotSignedBy {
                name: "c".to_owned()
            })
        );
    }

    #[test]
    fn text_that_is_not_whole_plain_lines_is_not_signed() {
        for text in ["", "no newline", "a\tb\n", "a\r\n", "\u{7f}\n"] {
            assert_eq!(signer("a", 1).sign(text), Err(NoteError::Text), "{text:?}");
        }
    }

    #[test]
    fn names_that_would_split_a_line_are_refused() {
        for name in ["", "a b", "a+b", "a\n", "a\u{2003}b"] {
            let key = SigningKey::from_seed([1; 32]).verifying_key();
            assert_eq!(
                NoteVerifier::new(name, key),
                Err(NoteError::KeyName),
                "{name:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_a_note_is_refused(at: prop::sample::Index, flip in 1u8..=255) {
            let signer = signer("zone.example", 7);
            let note = signer.sign("zone.example\n3\nabc=\n").unwrap();
            let mut bytes = note.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(note) = String::from_utf8(bytes) {
                prop_assert!(signer.verifier().open(&note).is_err(), "{}", note);
            }
        }
    }
}
