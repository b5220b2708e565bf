//! From events of compliance to their records.

use journal::{Event, ProjectionError, Records};

use super::{Evaluated, evaluation_id};
use crate::records::kind;
use mez::file::EvidenceAccepted;
use platform::projection::{payload, put};

/// Evidence that is on file.
pub(super) fn evidence_accepted(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let accepted: EvidenceAccepted = payload(event)?;
    let id = accepted.digest.to_string();
    let fields = [("entity", accepted.entity.to_string())];
    put(event, records, kind::EVIDENCE, &id, fields, &accepted)
}

/// The newest judgement for an operation.
pub(super) fn evaluated(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let evaluated: Evaluated = payload(event)?;
    let id = evaluation_id(&evaluated.entity, evaluated.operation);
    let fields = [("entity", evaluated.entity.to_string())];
    put(event, records, kind::EVALUATION, &id, fields, &evaluated)
}
