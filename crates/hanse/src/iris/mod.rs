//! The messenger in the node: its API for operators, and its ways in over HTTP.
//!
//! Accounts are documents of `iris`, written here in transactions of the node, so that a write of an operator happens
//! once and has a receipt. Everything about an account is in two sealed streams, `iris/account/<jid>` and
//! `iris/archive/<jid>`, whose keys are destroyed when it is erased.

pub mod accounts;
pub mod bosh;
pub mod can;
pub mod certificate;
pub mod export;
pub mod gauges;
pub mod host_meta;
pub mod invitations;
pub mod sealed_file;
pub mod settings;
pub mod status;
pub mod sweep;
pub mod token_check;
pub mod upload;
pub mod websocket;
pub mod wire;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use iris::documents::Write;
use iris::host::Host;
use iris_server::Server;
use iris_server::store::{JournalStore, OwnerTooLong, write_event};
use journal::{Privacy, StreamName};
use utoipa_axum::router::OpenApiRouter;

use crate::institution::Institution;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::Platform;

/// What the handlers of this module share.
pub struct Shared {
    /// Journal, tokens, clock, limits.
    pub platform: Arc<Platform>,
    /// The names under which the messenger answers.
    pub host: Host,
    /// The server, with its listeners and sessions.
    pub server: Server,
    /// Documents and archives.
    pub store: JournalStore,
    /// The folder of files that people sent each other.
    pub uploads: PathBuf,
    /// Sessions over plain HTTP requests.
    pub bosh: bosh::Sessions,
    /// SHA-256 of the certificate that clients see.
    pub fingerprint: String,
}

/// A cheap handle on the messenger: the state of the handlers.
#[derive(Clone)]
pub struct Messenger(Arc<Shared>);

impl Deref for Messenger {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl std::fmt::Debug for Messenger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messenger")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl FromRef<Messenger> for Arc<Platform> {
    fn from_ref(state: &Messenger) -> Self {
        Arc::clone(&state.platform)
    }
}

impl Messenger {
    /// A handle on the messenger.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Runs work that waits for the disk off the threads that serve requests.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Declined> {
        let state = self.clone();
        self.platform.blocking(move |_| work(&state)).await
    }
}

/// Adds a write of a document to a change; says which stream it is in.
fn write_document(change: &mut Change, write: &Write) -> Result<StreamName, OwnerTooLong> {
    let (stream, event) = write_event(write)?;
    change.append_event(&stream, Privacy::Personal, event);
    Ok(stream)
}

/// The messenger's routes have a state of their own.
pub const INSTITUTION: Institution = Institution {
    name: "iris",
    projections: &[("iris.", iris_server::store::project)],
    sealed: &[("iris/account", None), ("iris/archive", None)],
    ..Institution::NONE
};

/// The routes under `/v1/iris`.
pub fn routes(state: &Messenger) -> OpenApiRouter {
    OpenApiRouter::default()
        .merge(accounts::routes())
        .merge(invitations::routes())
        .merge(export::routes())
        .merge(status::routes())
        .with_state(state.clone())
}

/// What XMPP clients ask for over HTTP. Each path has its own specification, so the API document leaves them out.
pub fn client_routes(state: &Messenger) -> Router {
    Router::new()
        .route("/.well-known/host-meta", get(host_meta::xml))
        .route("/.well-known/host-meta.json", get(host_meta::json))
        .route(host_meta::WEBSOCKET_PATH, get(websocket::upgrade))
        .route(
            host_meta::BOSH_PATH,
            post(bosh::post).options(bosh::options),
        )
        .route(
            "/upload/{slot}/{name}",
            get(upload::get).put(upload::put).options(upload::options),
        )
        .with_state(state.clone())
}
