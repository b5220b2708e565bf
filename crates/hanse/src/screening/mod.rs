//! Screening: every party of every entity, on named list versions, with reviewers for the hits.
//!
//! Invariants (guard):
//! 1. nobody is screened on another version of a list than the one in force when it is committed
//!    (`shelf::Shelf::desk` reads the records of the lists, which guard the commit)
//! 2. a re-screening and a reviewer's decision of the same time both count, each on what the other left
//!    (the record of the case is read in both, and `mez::screening::case` decides)
//! 3. parties are screened again on every version that comes into force, is proposed or turned down  (`lists::decide`,
//!    `rescreen`), so that what was decided on a version that is withdrawn is judged again
//! 4. nobody frees anybody alone: a version that may waits for a second person, and is searched beside the one in force
//!    (`mez::screening::list`)

pub mod can;
pub mod lists;
pub mod shelf;
mod wire;

pub mod inquiries;
pub mod party;
pub mod rescreen;
pub mod reviews;

mod project;

use api::problem::Code;
use api::scope::{ReadScope, Scope};
use mez::screening::case::{CaseEvent, Refusal};
use mez::screening::inquiry;
use utoipa_axum::router::OpenApiRouter;

use crate::institution::Institution;
use crate::state::Node;
use platform::declined::Declined;

pub use party::screen_parties;

/// Screening.
pub const INSTITUTION: Institution = Institution {
    name: "screening",
    projections: &[
        (lists::IMPORTED_KIND, project::list_imported),
        (lists::PROPOSED_KIND, project::list_proposed),
        (lists::REJECTED_KIND, project::list_rejected),
        (rescreen::RESCREENED_KIND, project::rescreened),
        (CaseEvent::PERFORMED, project::screening_performed),
        (CaseEvent::REVIEWED, project::screening_reviewed),
        (inquiry::INQUIRED, project::inquired),
    ],
    routes,
    effects: &[(rescreen::RESCREEN, rescreen::execute)],
    sealed: &[("mez/screening", Some(READ)), ("mez/inquiry", Some(READ))],
    ..Institution::NONE
};

const READ: Scope = Scope::Read(ReadScope::ScreeningRead);

fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .merge(lists::routes())
        .merge(inquiries::routes())
        .merge(rescreen::routes())
        .merge(reviews::routes())
}

/// What the caller is told when a case refuses.
fn refused(refusal: Refusal) -> Declined {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Common(refusal) => refusal.into(),
        Refusal::ReviewerIsApplicant => Declined::new(Code::Forbidden, detail),
        Refusal::HitsChanged | Refusal::NothingWaits => Declined::new(Code::Conflict, detail),
        Refusal::UnknownHit { index } => Declined::new(Code::RuleViolated, detail.clone())
            .with_error(format!("/hits/{index}"), "known_hit", detail),
    }
}
