//! The journal over HTTP: events, proofs, checkpoints, tiles, exports and erasure.
//!
//! Invariants (guard):
//! 1. sealed content leaves the node only to a caller whose scopes cover its area, never to one bound
//!    to entities or a jurisdiction                                   (`Disclosure::content`, the one place)
//! 2. checkpoints and hash tiles are public; they hold hashes and nothing else       (`tlog`)
//! 3. every proof is against a checkpoint that the log key signed, never a bare root (`bundles`)

pub mod can;
pub mod checkpoints;
mod disclosure;
pub mod erasure;
pub mod events;
pub mod export;
pub mod proofs;
mod tlog;

use api::problem::Code;
use std::sync::Arc;

use axum::extract::FromRef;
use evidence::bundle::Bundle;
use evidence::did::DidKey;
use evidence::key::SigningKey;
use evidence::note::{NoteSigner, NoteVerifier};
use journal::ReadError;
use utoipa_axum::router::OpenApiRouter;

use crate::bundles::EntityRegister;
use platform::declined::Declined;
use platform::http::Platform;
use platform::moment::Moment;

pub use disclosure::Disclosure;
pub use erasure::{ERASED_KIND, erase};

/// Who speaks in proofs: the zone, and the key of its log.
pub struct LogIdentity {
    zone: SigningKey,
    log: NoteSigner,
}

impl LogIdentity {
    /// The zone's key, which issues credentials too, and the key that signs checkpoints.
    pub fn new(zone: SigningKey, log: NoteSigner) -> Self {
        Self { zone, log }
    }

    /// The zone.
    pub fn zone(&self) -> DidKey {
        self.zone.did()
    }

    /// The log, named by its origin.
    pub fn log(&self) -> &NoteVerifier {
        self.log.verifier()
    }

    /// Signs a bundle as the zone and as its log.
    ///
    /// # Errors
    /// A part of it has no canonical form, which is a defect.
    pub fn seal(&self, bundle: &Bundle) -> Result<Vec<u8>, Declined> {
        bundle
            .seal(&self.zone, &self.log)
            .map_err(|error| Declined::internal(&error))
    }
}

/// What the handlers of this module share.
#[derive(Clone)]
pub struct JournalApi(Arc<Parts>);

struct Parts {
    platform: Arc<Platform>,
    identity: Arc<LogIdentity>,
    entities: Box<dyn EntityRegister>,
}

impl JournalApi {
    /// The state of the handlers. `entities` finds what a bundle about an entity holds beside its events.
    pub fn new(
        platform: Arc<Platform>,
        identity: Arc<LogIdentity>,
        entities: Box<dyn EntityRegister>,
    ) -> Self {
        Self(Arc::new(Parts {
            platform,
            identity,
            entities,
        }))
    }

    /// Answers from one instant.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Parts, &Moment<'_>) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Declined> {
        let parts = Arc::clone(&self.0);
        self.0
            .platform
            .read(move |moment| read(&parts, moment))
            .await
    }
}

impl FromRef<JournalApi> for Arc<Platform> {
    fn from_ref(state: &JournalApi) -> Self {
        Arc::clone(&state.0.platform)
    }
}

/// The routes under `/v1/journal`, `/v1/audit` and `/tlog`, and the bundle of an entity.
pub fn routes(state: JournalApi) -> OpenApiRouter {
    OpenApiRouter::default()
        .merge(events::routes())
        .merge(proofs::routes())
        .merge(checkpoints::routes())
        .merge(export::routes())
        .merge(erasure::routes())
        .merge(tlog::routes())
        .with_state(state)
}

/// What a caller is told when the journal did not read. Which row is corrupt goes to the log, where
/// an operator sees it.
pub(crate) fn not_read(error: ReadError) -> Declined {
    match error {
        ReadError::OutOfRange { .. } => Declined::not_found("tree or leaf"),
        other => Declined::internal(&other),
    }
}

fn parameter(name: &str, detail: &str) -> Declined {
    Declined::new(Code::ParameterInvalid, "a parameter is not valid")
        .with_error(name, "range", detail)
}
