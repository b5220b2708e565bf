//! Breath sessions: what `zenb` decides, journalled, shown and erased.
//!
//! Streams (all sealed):
//! `zenb/session/<id>` holds what replay needs, without a gap: the opening, every accepted input with its decisions,
//! checkpoints, the end. `zenb/telemetry/<id>` holds what was seen besides, and may have gaps that say how much is
//! missing. `zenb/person/<person>` holds what inhibits a person's sessions, `zenb/consent/<person>` what they agreed to.
//!
//! Invariants (guard):
//! 1. nothing is answered as accepted before it is durable           (`live::Live::take`)
//! 2. the engine in memory is what the stream says, or it is rebuilt  (`live::Live::refresh`, kill test)
//! 3. without consent no session opens, and withdrawing shreds them   (`sessions::open`, `consents::withdraw`; J8)
//! 4. inhibitions that cannot be read hold, they are never empty      (`inhibitions::load`; breathe_safety)
//! 5. no session stays between running and ended                      (`keeper`; breathe_kill)

pub mod consents;
pub mod drive;
pub mod erase;
pub mod export;
pub mod ids;
pub mod inhibitions;
pub mod keeper;
pub mod live;
pub mod log;
pub mod page;
pub mod record;
pub mod sessions;
pub mod socket;
pub mod wire;

use utoipa_axum::router::OpenApiRouter;

use crate::institutions::Node;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .merge(consents::routes())
        .merge(sessions::routes())
        .merge(erase::routes())
        .merge(export::routes())
        .merge(socket::routes())
        .merge(page::routes())
}
