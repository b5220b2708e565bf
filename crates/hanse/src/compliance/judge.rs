//! Judging an entity on its file, as of one instant.

use api::problem::Code;
use std::collections::BTreeMap;

use evidence::canonical;
use evidence::status_list::StatusList;
use ids::PackItemId;
use journal::Privacy;
use law::compliance::{
    Domain, Evaluation, EvaluationRequest, EvidenceRefusal, Operation, VerifiedEvidence, Verifier,
};
use mez::entity::{self, Entity};

use super::{EVALUATED_KIND, Evaluated};
use crate::credentials::verified_lists;
use crate::records::kind;
use crate::state::Institutions;
use crate::streams;
use mez::file::EvidenceAccepted;
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::store;

/// Judges an entity on everything that is on file and still verifies at this instant.
///
/// # Errors
/// The journal cannot be read, or a person behind the entity was erased.
pub fn evaluate(
    node: &Institutions,
    moment: &Moment<'_>,
    entity: &Entity,
    operation: Operation,
) -> Result<Evaluation, Declined> {
    let persons = crate::records::persons_of(moment, entity)?;
    let (now_ms, age_max_ms) = (moment.now_ms, node.manifest.screening_age_max_ms());
    let facts = entity::facts(entity, operation, &persons, now_ms, age_max_ms)
        .map_err(|error| Declined::new(Code::Conflict, error.to_string()))?;
    let believing = Believing::at(node, moment)?;
    let filter = [("entity", entity.id.as_str())];
    let mut evidence = Vec::new();
    for stored in store::all::<EvidenceAccepted>(moment, kind::EVIDENCE, &filter)? {
        let bytes = canonical::to_vec(&stored.body.credential);
        let bytes = bytes.map_err(|error| Declined::internal(&error))?;
        // What no longer verifies no longer counts: that is the judgement, not an error.
        evidence.extend(believing.verify(&bytes).ok());
    }
    let request = EvaluationRequest {
        subject: &entity.id,
        jurisdiction: &entity.jurisdiction,
        as_of_ms: now_ms,
        facts: &facts,
        evidence: &evidence,
        gates: node.manifest.gates(operation),
        salt: node.salt(),
    };
    let evaluation = node.rulebook.evaluate(&request);
    evaluation.map_err(|error| Declined::new(Code::Conflict, error.to_string()))
}

/// Writes a judgement with its opening to the sealed stream of the entity's judgements.
///
/// # Errors
/// The judgement has no canonical form, which is a defect.
pub fn keep(change: &mut Change, evaluation: &Evaluation) -> Result<(), Declined> {
    let stream = streams::compliance(evaluation.subject());
    let evaluated = Evaluated::from(evaluation);
    change.append(&stream, Privacy::Personal, EVALUATED_KIND, &evaluated)
}

/// What the zone believes attestations by, at one instant.
pub(super) struct Believing<'a> {
    node: &'a Institutions,
    kinds: BTreeMap<PackItemId, Domain>,
    lists: Vec<StatusList>,
    as_of_ms: i64,
}

impl<'a> Believing<'a> {
    /// What it believes them by now.
    pub(super) fn at(node: &'a Institutions, moment: &Moment<'_>) -> Result<Self, Declined> {
        Ok(Self {
            node,
            kinds: node.rulebook.evidence_kinds(),
            lists: verified_lists(moment)?,
            as_of_ms: moment.now_ms,
        })
    }

    /// Verifies a credential as evidence.
    pub(super) fn verify(&self, credential: &[u8]) -> Result<VerifiedEvidence, EvidenceRefusal> {
        let verifier = Verifier {
            authorities: &self.node.manifest.authorities,
            kinds: &self.kinds,
            status_lists: &self.lists,
            as_of_ms: self.as_of_ms,
        };
        verifier.verify(credential)
    }
}
