//! Proofs: one file about one event or one entity, and the growth of the log between two sizes.

use api::journal::ConsistencyView;
use api::problem::{CONTENT_TYPE, ProblemBody};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::{Disclosure, JournalApi, not_read, parameter};
use crate::bundles::bundle;
use crate::journal_api::can;
use platform::auth::Resource;
use platform::declined::Declined;
use platform::http::extract::{Caller, PathOf, QueryOf};
use platform::routes;

pub(super) fn routes() -> OpenApiRouter<JournalApi> {
    OpenApiRouter::default()
        .routes(routes!(read_proof))
        .routes(routes!(read_entity_bundle))
        .routes(routes!(open: read_consistency))
}

/// Which tree to prove against.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProofQuery {
    /// The size of a tree that a checkpoint was signed for; the newest when absent.
    size: Option<u64>,
}

/// An evidence bundle about one event: header, content as far as the caller may see it, inclusion proof and signed
/// checkpoint. `hanse verify` checks it without the node.
#[utoipa::path(
    get, path = "/v1/journal/proofs/{index}", tag = "journal",
    params(("index" = u64, Path, description = "The leaf of the log, from 0."), ProofQuery),
    responses((status = 200, description = "The bundle.", body = Object))
)]
async fn read_proof(
    caller: Caller<can::ReadJournal>,
    State(state): State<JournalApi>,
    PathOf(index): PathOf<u64>,
    QueryOf(query): QueryOf<ProofQuery>,
) -> Result<Response, Declined> {
    let disclosure = Disclosure::of(caller.identity());
    state
        .read(move |parts, moment| {
            bundle::of_event(moment, &parts.identity, &disclosure, index, query.size)
        })
        .await
        .map(as_file)
}

/// An evidence bundle about one entity: every event of its stream, its credentials with their status lists, and the
/// digests of the packs it was judged by.
#[utoipa::path(
    get, path = "/v1/entities/{id}/bundle", tag = "journal",
    params(("id" = String, Path, description = "The entity.")),
    responses((status = 200, description = "The bundle.", body = Object))
)]
async fn read_entity_bundle(
    caller: Caller<can::ExportJournal>,
    State(state): State<JournalApi>,
    PathOf(id): PathOf<String>,
) -> Result<Response, Declined> {
    state
        .read(move |parts, moment| {
            let file = parts.entities.file(moment, &id)?;
            let file = file.ok_or_else(|| Declined::not_found("entity"))?;
            caller.permit(Resource::Entity {
                id: &id,
                jurisdiction: &file.jurisdiction,
            })?;
            let disclosure = Disclosure::of(caller.identity());
            bundle::of_entity(moment, &parts.identity, &disclosure, file)
        })
        .await
        .map(as_file)
}

fn as_file(bundle: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], bundle).into_response()
}

/// Two sizes of the log.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyQuery {
    /// The older size, at least 1.
    from: u64,
    /// The newer size.
    to: u64,
}

/// A proof that the log at one size begins with the log at a smaller size. The roots are in the checkpoints.
#[utoipa::path(
    get, path = "/v1/journal/consistency", tag = "journal", params(ConsistencyQuery),
    responses(
        (status = 200, description = "The proof.", body = ConsistencyView),
        (status = 404, description = "The log is smaller.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn read_consistency(
    State(state): State<JournalApi>,
    QueryOf(ConsistencyQuery { from, to }): QueryOf<ConsistencyQuery>,
) -> Result<Json<ConsistencyView>, Declined> {
    if from == 0 || from > to {
        return Err(parameter(
            "#query/from",
            "from is at least 1 and at most to",
        ));
    }
    let proof = state
        .read(move |_, moment| moment.consistency(from, to).map_err(not_read))
        .await?;
    let proof = proof
        .iter()
        .map(|hash| data_encoding::HEXLOWER.encode(hash))
        .collect();
    Ok(Json(ConsistencyView { from, to, proof }))
}
