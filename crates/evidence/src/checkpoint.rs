//! Checkpoints (C2SP tlog-checkpoint): the log's operator signs a size and the root at that size.

use thiserror::Error;

use crate::base64;
use crate::merkle;
use crate::merkle::Hash;
use crate::merkle::ProofError;
use crate::note::NoteError;
use crate::note::NoteSigner;
use crate::note::NoteVerifier;
use crate::note::SignedNote;

/// A claim about a log: it has `size` leaves and this root. One that was [opened](Self::open) is
/// vouched for by the log's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also its key's name.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root of that many leaves.
    pub root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The note around it is malformed or not signed by the log.
    #[error("checkpoint note is refused")]
    Note(#[source] NoteError),
    /// The text is not origin, size, root and non-empty extension lines.
    #[error("checkpoint text is malformed")]
    Malformed,
    /// It speaks of another log than the key that signed it.
    #[error("checkpoint of `{origin}` is signed by `{signer}`")]
    ForeignOrigin {
        /// The log it names.
        origin: String,
        /// The key's name.
        signer: String,
    },
}

impl Checkpoint {
    /// The text of the note: three lines.
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            base64::encode(&self.root)
        )
    }

    /// Signs the checkpoint as the log it names.
    pub fn sign(&self, signer: &NoteSigner) -> Result<String, CheckpointError> {
        self.check_origin(signer.verifier())?;
        signer.sign(&self.to_text()).map_err(CheckpointError::Note)
    }

    /// Reads a checkpoint that the log signed.
    pub fn open(note: &str, verifier: &NoteVerifier) -> Result<Self, CheckpointError> {
        let text = verifier.open(note).map_err(CheckpointError::Note)?;
        let checkpoint = Self::from_text(text)?;
        checkpoint.check_origin(verifier)?;
        Ok(checkpoint)
    }

    /// Reads a checkpoint without knowing who signed it: a claim, to be compared, not believed.
    pub fn unverified(note: &str) -> Result<Self, CheckpointError> {
        Self::from_text(SignedNote::parse(note).map_err(CheckpointError::Note)?.text)
    }

    /// Reads the text of a checkpoint note. Extension lines are allowed and carry no meaning here.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(CheckpointError::Malformed)?
            .split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Malformed);
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(CheckpointError::Malformed);
        }
        let number: u64 = size.parse().map_err(|_| CheckpointError::Malformed)?;
        if number.to_string() != size {
            return Err(CheckpointError::Malformed);
        }
        let root = base64::decode(root).ok_or(CheckpointError::Malformed)?;
        let root = root.try_into().map_err(|_| CheckpointError::Malformed)?;
        Ok(Self {
            origin: origin.to_owned(),
            size: number,
            root,
        })
    }

    /// Checks that the leaf with this hash is in the log at `index`.
    pub fn verify_inclusion(
        &self,
        leaf_hash: &Hash,
        index: u64,
        proof: &[Hash],
    ) -> Result<(), ProofError> {
        merkle::verify_inclusion(leaf_hash, index, self.size, proof, &self.root)
    }

    /// Checks that `newer` only added to this log.
    pub fn verify_growth(&self, newer: &Self, proof: &[Hash]) -> Result<(), ProofError> {
        merkle::verify_consistency(self.size, newer.size, proof, &self.root, &newer.root)
    }

    fn check_origin(&self, verifier: &NoteVerifier) -> Result<(), CheckpointError> {
        if self.origin == verifier.name() {
            return Ok(());
        }
        let (origin, signer) = (self.origin.clone(), verifier.name().to_owned());
        Err(CheckpointError::ForeignOrigin { origin, signer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    fn signer(name: &str) -> NoteSigner {
        NoteSigner::new(name, SigningKey::from_seed([9; 32])).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "zone.example".to_owned(),
            size: 7,
            root: [3; 32],
        }
    }

    #[test]
    fn a_signed_checkpoint_opens_to_itself() {
        let signer = signer("zone.example");
        let note = checkpoint().sign(&signer).unwrap();
        assert_eq!(Checkpoint::open(&note, signer.verifier()), Ok(checkpoint()));
        assert_eq!(Checkpoint::unverified(&note), Ok(checkpoint()));
    }

    #[test]
    fn a_key_signs_for_its_own_log_only() {
        let other = signer("other.example");
        assert!(matches!(
            checkpoint().sign(&other),
            Err(CheckpointError::ForeignOrigin { .. })
        ));
        let note = other.sign(&checkpoint().to_text()).unwrap();
        let opened = Checkpoint::open(&note, other.verifier());
        assert!(matches!(opened, Err(CheckpointError::ForeignOrigin { .. })));
    }

    #[test]
    fn sizes_and_roots_have_one_spelling() {
        let text = checkpoint().to_text();
        let root = base64::encode(&[3; 32]);
        for broken in [
            text.replace("\n7\n", "\n07\n"),
            text.replace("\n7\n", "\n+7\n"),
            text.replace("\n7\n", "\n18446744073709551616\n"),
            text.replace(&root, &root[..40]),
            text.replace(&root, root.trim_end_matches('=')),
            text.replace("AwM=", "AwN="),
            text.replacen("AwMD", "Aw==AwMD", 1),
            text.replace("zone.example", ""),
            format!("{text}\n"),
            "zone.example\n7\n".to_owned(),
        ] {
            assert_eq!(
                Checkpoint::from_text(&broken),
                Err(CheckpointError::Malformed),
                "{broken}"
            );
        }
        assert_eq!(
            Checkpoint::from_text(&format!("{text}extension\n")),
            Ok(checkpoint())
        );
    }
}
