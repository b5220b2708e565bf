//! The log as transparency tools read it: a checkpoint and tiles of hashes (C2SP tlog-tiles).
//!
//! Entry bundles are not served: their path would publish every header to everyone. Events are read
//! with a token at `/v1/journal/events`, and the hash of a header is the leaf in the tile.

use api::problem::{CONTENT_TYPE, ProblemBody};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use evidence::merkle::{self, Hash, NodeStore};
use evidence::tile::{Tile, WIDTH_MAX};
use journal::engine::Read;
use journal::{LogIndex, ReadError, Snapshot};
use utoipa_axum::router::OpenApiRouter;

use super::{JournalApi, checkpoints, not_read};
use platform::declined::Declined;
use platform::http::extract::PathOf;
use platform::routes;

/// A full tile never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(super) fn routes() -> OpenApiRouter<JournalApi> {
    // OpenAPI cannot describe a parameter with slashes in it; C2SP tlog-tiles describes this route.
    let tiles = get(read_tile);
    OpenApiRouter::default()
        .routes(routes!(open: read_tlog_checkpoint))
        .route("/tlog/tile/{*path}", tiles)
}

/// The newest checkpoint, where C2SP tlog-tiles expects it. Tiles of hashes are beside it, below `/tlog/tile/`.
#[utoipa::path(
    get, path = "/tlog/checkpoint", tag = "journal",
    responses(
        (status = 200, description = "The note.", body = String, content_type = "text/plain"),
        (status = 404, description = "The log is empty.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn read_tlog_checkpoint(state: State<JournalApi>) -> Result<Response, Declined> {
    checkpoints::read_checkpoint(state).await
}

async fn read_tile(
    State(state): State<JournalApi>,
    PathOf(path): PathOf<String>,
) -> Result<Response, Declined> {
    let tile = Tile::from_path(&format!("tile/{path}")).map_err(|_| Declined::not_found("tile"))?;
    let bytes = state
        .read(move |_, moment| tile_bytes(moment, tile))
        .await?;
    let full = bytes.len() == usize::from(WIDTH_MAX) * size_of::<Hash>();
    let caching = if full { FOR_EVER } else { "public, max-age=60" };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, caching),
    ];
    Ok((headers, bytes).into_response())
}

fn tile_bytes(snapshot: &Snapshot<'_>, tile: Tile) -> Result<Vec<u8>, Declined> {
    tile.bytes(&Nodes(snapshot.rows()))
        .map_err(|error| match error {
            ReadError::MissingNode { .. } => Declined::not_found("tile: the log is smaller"),
            other => not_read(other),
        })
}

/// Complete nodes of the log: leaves are the headers, the others are stored.
struct Nodes<'a>(&'a dyn Read);

impl NodeStore for Nodes<'_> {
    type Error = ReadError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, ReadError> {
        let node = match level {
            0 => {
                let row = self.0.events(LogIndex(index), 1)?.into_iter().next();
                row.filter(|row| row.index.0 == index)
                    .map(|row| merkle::leaf_hash(&row.header))
            }
            _ => self.0.node(level, index)?,
        };
        node.ok_or(ReadError::MissingNode { level, index })
    }
}
