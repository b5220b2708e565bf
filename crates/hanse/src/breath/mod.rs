//! Breath sessions: what `zenb` decides, journalled, shown and erased.
//!
//! Streams (all sealed):
//! `zenb/session/<id>` holds what replay needs, without a gap: the opening, every accepted input with its decisions,
//! checkpoints, the end. `zenb/telemetry/<id>` holds what was seen besides, and may have gaps that say how much is
//! missing. `zenb/person/<person>` holds what protects a person across sessions and outlives them, `zenb/consent/<person>`
//! what they agreed to.
//!
//! Invariants (guard):
//! 1. nothing is answered as accepted before it is durable           (`drive::taken` follows the commit)
//! 2. nobody goes on from a session that is not what its stream says  (`live::Live::current`, whose read guards; kill test)
//! 3. without consent no session opens and no input is taken, and withdrawing shreds them; whichever comes first, the other
//!    sees it (`consents::check_in_force`, `erase::everything_of`, read in the moment of the decision; J8, breathe_live)
//! 4. what protects a person and cannot be read holds, it is never empty  (`safeties::Protection`; breathe_safety)
//! 5. of a person's sessions one at most runs, and each start and input sees the dose and the inhibitions of its moment, whoever
//!    opened it and whatever was erased  (`safety::Safety`, decided in `live::Live::take`; breathe_safety)
//! 6. no session stays between running and ended                      (`keeper`; breathe_kill)

pub mod can;
pub mod consent;
pub mod consents;
pub mod drive;
pub mod erase;
pub mod export;
pub mod ids;
pub mod keeper;
pub mod live;
pub mod log;
pub mod memory;
pub mod page;
pub mod record;
pub mod safeties;
pub mod safety;
pub mod sessions;
pub mod socket;
pub mod wire;

use utoipa_axum::router::OpenApiRouter;

use crate::institution::Institution;
use crate::state::Node;

/// Breath sessions. What is sealed is shown by their own routes, to who conducts them and to the person, and by no other.
pub const INSTITUTION: Institution = Institution {
    name: "breath",
    projections: &[("breath.", record::project)],
    routes,
    sealed: &[
        ("zenb/consent", None),
        ("zenb/person", None),
        ("zenb/session", None),
        ("zenb/telemetry", None),
    ],
    ..Institution::NONE
};

/// The routes of this module.
fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .merge(consents::routes())
        .merge(sessions::routes())
        .merge(safeties::routes())
        .merge(erase::routes())
        .merge(export::routes())
        .merge(socket::routes())
        .merge(page::routes())
}
