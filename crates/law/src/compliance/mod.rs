//! Compliance: twenty domains, each judged by the packs on verified evidence as of a stated instant.
//!
//! Invariants (guard):
//! 1. Nothing passes by default: a domain that no rule decides is `pending` (`rulebook::judge`; test
//!    `a_domain_without_rules_is_pending`).
//! 2. Only evidence that the zone verified moves a domain (type [`VerifiedEvidence`], which has no
//!    other constructor than [`Verifier::verify`]).
//! 3. An error in a rule never passes (test `a_rule_that_errs_never_passes`).
//! 4. Sanctions screening cannot be relaxed by a pack (test `no_pack_relaxes_the_sanctions_floor`).
//! 5. Every state carries reasons with clause and source.

mod domain;
mod evaluation;
mod evidence;
mod facts;
mod operation;
pub(crate) mod rule;
mod rulebook;
mod state;

pub use domain::{Domain, UnknownDomain};
pub use evaluation::{
    CommitmentOpening, ComplianceRecord, Denial, DomainResult, Evaluation, EvidenceUse,
    PackVersion, Reason,
};
pub use evidence::{
    Authority, EVIDENCE_CREDENTIAL_TYPE, EvidenceRefusal, EvidenceSubject, InvalidSubject,
    VerifiedEvidence, Verifier,
};
pub use facts::{Facts, ScreeningCounts};
pub use operation::{Gate, Operation, UnknownOperation};
pub use rule::RuleError;
pub(crate) use rulebook::schema;
pub use rulebook::{EvaluationRequest, Rulebook, RulebookError};
pub use state::State;
