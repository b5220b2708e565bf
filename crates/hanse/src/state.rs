//! What the handlers and workers of all institutions share, in one running zone.

use crate::entities::wire::entity_view;
use api::entities::EntityView;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use evidence::key::SigningKey;
use ids::{ActorId, JurisdictionId, PackItemId};
use law::compliance::Rulebook;
use law::zone::Manifest;
use mez::entity::{Context, Entity};

use crate::breath;
use crate::journal_api::LogIdentity;
use crate::notifications::webhook::Webhook;
use crate::screening::shelf::Shelf;
use platform::declined::Declined;
use platform::http::Platform;

/// Everything the institutions need.
pub struct Institutions {
    /// Journal, tokens, clock, limits.
    pub platform: Arc<Platform>,
    /// The zone as it was when the node started.
    pub manifest: Manifest,
    /// The digest of every pack byte, as locked.
    pub lock: law::zone::Lock,
    /// The packs.
    pub rulebook: Rulebook,
    /// Sanctions lists.
    pub shelf: Shelf,
    /// Signs credentials and status lists.
    pub issuer: SigningKey,
    /// Seals bundles for zone and log.
    pub log_identity: Arc<LogIdentity>,
    /// Where verifiers reach the node, without a slash at the end.
    pub public_url: String,
    /// Breath sessions under way.
    pub breath: breath::memory::Sessions,
    /// Whom to tell about notifications, besides those who look.
    pub webhook: Option<Webhook>,
}

impl Institutions {
    /// What a decision may depend on besides the entity and the command. Only an application depends on
    /// the types on offer; it adds them.
    pub fn context<'a>(&'a self, now_ms: i64, actor: &'a ActorId) -> Context<'a> {
        Context {
            now_ms,
            actor,
            entity_types: &[],
            approvals_required: self.manifest.review.approvals_required,
            screening_age_max_ms: self.manifest.screening_age_max_ms(),
        }
    }

    /// Types of entity on offer at `now_ms`, with the jurisdiction that registers them.
    ///
    /// # Errors
    /// The instant is outside the calendar.
    pub fn entity_types(&self, now_ms: i64) -> Result<Vec<(JurisdictionId, PackItemId)>, Declined> {
        self.rulebook
            .entity_types(now_ms)
            .map_err(|error| Declined::internal(&error))
    }

    /// An entity as it stands now.
    pub fn view(&self, entity: &Entity) -> EntityView {
        self.view_at(entity, self.platform.clock.now_ms())
    }

    /// An entity as it stands at `now_ms`.
    pub fn view_at(&self, entity: &Entity, now_ms: i64) -> EntityView {
        entity_view(entity, now_ms, self.manifest.screening_age_max_ms())
    }

    /// The node itself, as an actor in the journal.
    pub fn actor(&self) -> ActorId {
        "node".parse().expect("a constant")
    }

    /// 32 random bytes for salts.
    pub fn salt(&self) -> ids::Salt {
        let mut bytes = [0; 32];
        (self.platform.entropy)(&mut bytes);
        ids::Salt::new(bytes)
    }
}

impl std::fmt::Debug for Institutions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Institutions")
            .field("zone", &self.manifest.zone_id)
            .finish_non_exhaustive()
    }
}

/// A cheap handle on the institutions: the state of the handlers.
#[derive(Clone, Debug)]
pub struct Node(pub Arc<Institutions>);

impl Deref for Node {
    type Target = Institutions;

    fn deref(&self) -> &Institutions {
        &self.0
    }
}

impl FromRef<Node> for Arc<Platform> {
    fn from_ref(node: &Node) -> Self {
        Arc::clone(&node.platform)
    }
}
