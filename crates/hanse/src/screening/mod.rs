//! Screening: every party of every entity, on named list versions, with reviewers for the hits.

pub mod lists;
pub mod shelf;

pub mod inquiries;
pub mod party;
pub mod rescreen;
pub mod reviews;

use utoipa_axum::router::OpenApiRouter;

use crate::institutions::Node;

pub use inquiries::{INQUIRY_KIND, Inquired};
pub use party::{
    PERFORMED_KIND, PartyScreening, REVIEWED_KIND, ScreeningPerformed, ScreeningReviewed,
    record_id, screen_parties,
};
pub use rescreen::{RESCREENED_KIND, Rescreened, rescreen_all};

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .merge(lists::routes())
        .merge(inquiries::routes())
        .merge(rescreen::routes())
        .merge(reviews::routes())
}
