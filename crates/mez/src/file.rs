//! What is on the file of an entity: verified credentials about it and the persons behind it.

use std::convert::Infallible;

use evidence::digest::Digest;
use ids::aggregate::{Aggregate, Decision, Misfit};
use ids::{EntityId, PackItemId, PersonId};
use law::compliance::{Domain, EvidenceSubject, VerifiedEvidence};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entity::Entity;

/// The aggregate: one credential on the file of an entity.
#[derive(Debug)]
pub enum OnFile {}

/// A credential was accepted as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceAccepted {
    /// To whose file it belongs.
    pub entity: EntityId,
    /// Whom it is about, as a URN.
    pub subject: String,
    /// What it shows.
    pub kind: PackItemId,
    /// The domain in which it counts.
    pub domain: Domain,
    /// Who attests it.
    pub issuer: String,
    /// Digest of the credential.
    pub digest: Digest,
    /// The credential.
    pub credential: Value,
}

impl EvidenceAccepted {
    /// The kind under which the journal stores it.
    pub const KIND: &str = "evidence.accepted.v1";
}

/// Puts a credential on file.
#[derive(Clone, Debug)]
pub struct Accept {
    /// What the verifier found.
    pub verified: VerifiedEvidence,
    /// The credential itself.
    pub credential: Value,
}

/// Why a credential is not put on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its subject is neither the entity nor a person behind it.
    #[error("the subject is neither the entity nor a person behind it")]
    SomebodyElse,
    /// It is there.
    #[error("this credential is on file already")]
    OnFile,
}

impl Aggregate for OnFile {
    type State = EvidenceAccepted;
    type Command = Accept;
    type Event = EvidenceAccepted;
    type Effect = Infallible;
    type Refusal = Refusal;
    /// Whose file it is.
    type Context<'a> = Entity;

    fn decide(
        state: Option<&EvidenceAccepted>,
        command: Accept,
        entity: &Entity,
    ) -> Result<Decision<EvidenceAccepted, Infallible>, Refusal> {
        let Accept {
            verified,
            credential,
        } = command;
        if !is_about(verified.subject(), entity) {
            return Err(Refusal::SomebodyElse);
        }
        if state.is_some() {
            return Err(Refusal::OnFile);
        }
        Ok(Decision::event(EvidenceAccepted {
            entity: entity.id.clone(),
            subject: verified.subject().to_string(),
            kind: verified.kind().clone(),
            domain: verified.domain(),
            issuer: verified.issuer().to_owned(),
            digest: verified.digest(),
            credential,
        }))
    }

    fn apply(
        state: Option<EvidenceAccepted>,
        event: &EvidenceAccepted,
    ) -> Result<EvidenceAccepted, Misfit> {
        match state {
            None => Ok(event.clone()),
            Some(_) => Err(Misfit {
                event: EvidenceAccepted::KIND,
                state: "on file",
            }),
        }
    }
}

fn is_about(subject: &EvidenceSubject, entity: &Entity) -> bool {
    match subject {
        EvidenceSubject::Entity(id) => *id == entity.id,
        EvidenceSubject::Person(id) => is_behind(id, entity),
    }
}

fn is_behind(person: &PersonId, entity: &Entity) -> bool {
    entity.directors.contains(person) || entity.owners.iter().any(|stake| stake.person == *person)
}
