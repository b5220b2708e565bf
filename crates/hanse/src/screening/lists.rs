//! `/v1/sanctions/lists`: which lists are in force, and importing a new version.

use api::problem::Code;
use api::receipt::Receipted;
use api::screening::ListView;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::{Extension, Json};
use evidence::digest::Digest;
use ids::PackItemId;
use jiff::civil::Date;
use journal::{Observer, Privacy, Snapshot};
use sanctions::{ListHeader, Policy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::rescreen::ScreeningWork;
use super::shelf::{self, ListFiles, ListFormat, Shelf, ShelfError};
use crate::institution::Work as _;
use crate::records::kind;
use crate::screening::can;
use crate::state::{Institutions, Node};
use crate::streams;
use platform::auth::Resource;
use platform::change::Change;
use platform::http::extract::{BodyBytesMax, Caller, Command};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::http::problem::Problem;
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

/// The kind of [`ListImported`].
pub const IMPORTED_KIND: &str = "sanctions.list_imported.v1";
/// Largest import: several times the largest list in use.
const IMPORT_BYTES_MAX: usize = 256 << 20;

/// A version of a list came into force.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListImported {
    /// Which list, in which version.
    pub header: ListHeader,
    /// Commits to every entry.
    pub digest: Digest,
    /// How many entries it has.
    pub entries: u64,
    /// The form of its files.
    pub format: ListFormat,
    /// Its files by name, each with its digest.
    pub files: BTreeMap<String, Digest>,
}

/// The read model of a list: its version in force.
pub type ListRecord = ListImported;

/// A version of a list to import.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// The name under which the zone knows the list.
    pub name: PackItemId,
    /// The publisher's version. The UN list carries its own.
    #[schema(min_length = 1, max_length = 100)]
    pub version: String,
    /// The day it was published. The UN list carries its own.
    #[schema(value_type = String, format = Date)]
    pub published: Date,
    /// The form of the files.
    pub format: ListFormat,
    /// The files by name, as published: `sdn.csv`, `alt.csv`, `add.csv`; `list.xml`; `entities.ftm.json`.
    pub files: ListFiles,
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_sanctions_lists, import_list))
        .layer(Extension(BodyBytesMax(IMPORT_BYTES_MAX)))
}

/// The sanctions lists of the zone.
#[utoipa::path(
    get, path = "/v1/sanctions/lists", tag = "screening",
    responses((status = 200, description = "The lists.", body = Vec<ListView>))
)]
async fn list_sanctions_lists(
    _caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
) -> Result<Json<Vec<ListView>>, Problem> {
    let shared = node.clone();
    let views = node.platform.read(move |moment| views(&shared, moment));
    views.await.map(Json)
}

/// Import a version of a list. Everybody is screened on it again.
#[utoipa::path(
    post, path = "/v1/sanctions/lists", tag = "screening", request_body = ImportBody,
    responses((status = 201, description = "It is in force.", body = Receipted<ListView>))
)]
async fn import_list(
    caller: Caller<can::ImportList>,
    State(node): State<Node>,
    command: Command<ImportBody>,
) -> Result<Outcome, Problem> {
    caller.permit(Resource::Zone)?;
    let Command { body, ticket } = command;
    let imported = prepare(&node, body).await?;
    let policy = node.shelf.policy().clone();
    let outcome = execute(&node.platform, caller, ticket, move |_, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let change = import(&imported)?;
        let view = list_view(imported.clone(), &policy, true);
        let location = "/v1/sanctions/lists".to_owned();
        Ok(Decided::new(
            permit,
            change,
            Reply::created(location, &view),
        ))
    })
    .await?;
    read_ahead(&node).await;
    Ok(outcome)
}

/// Imports a list as the node itself: the one that a zone starts with. Nothing happens when one is in force.
///
/// # Errors
/// The files make no list, or the journal cannot write.
pub async fn import_by_node(node: &Node, body: ImportBody) -> Result<(), Problem> {
    let imported = prepare(node, body).await?;
    let first = move |moment: &Moment<'_>| {
        let is_first = all(moment)?.is_empty();
        let change = if is_first {
            import(&imported)?
        } else {
            Change::default()
        };
        Ok((change, ()))
    };
    node.platform.act(first).await?;
    read_ahead(node).await;
    Ok(())
}

async fn prepare(node: &Node, body: ImportBody) -> Result<ListImported, Problem> {
    let shared = node.clone();
    let keep = move || keep(&shared.shelf, body);
    let kept = node.platform.blocking(move |_| keep()).await;
    kept.map_err(refused)
}

/// Reads a list whole and keeps its files durably, so that it can come into force.
pub(super) fn keep(shelf: &Shelf, body: ImportBody) -> Result<ListImported, ShelfError> {
    let header = ListHeader {
        name: body.name.to_string(),
        version: body.version,
        published: body.published,
    };
    let list = shelf::parse(body.format, header, &body.files)?;
    Ok(ListImported {
        header: list.header().clone(),
        digest: list.digest(),
        entries: list.entries().len() as u64,
        format: body.format,
        files: shelf.keep(&body.files)?,
    })
}

/// The change that brings a list into force and has everybody screened on it.
pub(super) fn import(imported: &ListImported) -> Result<Change, Problem> {
    let stream = streams::sanctions_list(&imported.header.name);
    let mut change = Change::default();
    change.append(&stream, Privacy::Public, IMPORTED_KIND, imported)?;
    let work = ScreeningWork::Rescreen {
        list: imported.header.name.clone(),
        digest: imported.digest,
    };
    change.effect(work.kind(), &work)?;
    Ok(change)
}

/// Has the shelf hear of every import when it is durable, before who imported is answered: from then on it keeps nothing
/// older.
pub fn follow(node: &Node) {
    node.platform
        .journal
        .observe(observer(node.shelf.imported()));
}

pub(super) fn observer(imported: Arc<AtomicU64>) -> Observer {
    Box::new(move |transaction, receipts| {
        let events = transaction.appends.iter().flat_map(|append| &append.events);
        for (event, receipt) in events.zip(receipts) {
            if event.kind.as_str() == IMPORTED_KIND {
                imported.fetch_max(receipt.index.0 + 1, Ordering::AcqRel);
            }
        }
    })
}

/// Reads the lists in force, unless they are at hand; those that could not be read before are tried again.
///
/// # Errors
/// The journal cannot be read.
pub async fn reload(node: &Node) -> Result<(), Problem> {
    let shared = node.clone();
    let reload = move |moment: &Moment<'_>| {
        shared.shelf.refresh(moment)?;
        Ok(())
    };
    node.platform.read(reload).await
}

/// Reads what has just come into force, so that the next screening need not.
async fn read_ahead(node: &Node) {
    if let Err(error) = reload(node).await {
        tracing::warn!(cause = %error, "sanctions lists could not be read ahead");
    }
}

/// Every list that has a version in force.
///
/// # Errors
/// The journal cannot be read.
pub fn all(at: &Snapshot<'_>) -> Result<Vec<Stored<ListRecord>>, Problem> {
    Ok(store::all(at, kind::SANCTIONS_LIST, &[])?)
}

/// Every list as it is shown.
///
/// # Errors
/// The journal cannot be read.
pub fn views(node: &Institutions, at: &Snapshot<'_>) -> Result<Vec<ListView>, Problem> {
    let desk = node.shelf.desk(at)?;
    let view = |record: Stored<ListRecord>| {
        let usable = desk.holds(&record.body.header.name, record.body.digest);
        list_view(record.body, &desk.policy, usable)
    };
    Ok(all(at)?.into_iter().map(view).collect())
}

fn list_view(record: ListRecord, policy: &Policy, usable: bool) -> ListView {
    let name = record.header.name;
    ListView {
        required: policy.required.iter().any(|required| required.name == name),
        usable,
        name,
        version: record.header.version,
        published: record.header.published,
        digest: record.digest,
        entries: record.entries,
    }
}

fn refused(error: ShelfError) -> Problem {
    match &error {
        ShelfError::Import(cause) => Problem::new(Code::RuleViolated, "the files make no list")
            .with_error("/files", "list_complete", cause.to_string()),
        ShelfError::FileMissing { file } => Problem::new(Code::RuleViolated, error.to_string())
            .with_error(format!("/files/{file}"), "required", error.to_string()),
        _ => Problem::internal(&error),
    }
}

/// The day of an instant in UTC.
pub fn day(ms: i64) -> Date {
    jiff::tz::TimeZone::UTC
        .to_datetime(crate::entities::wire::time(ms))
        .date()
}
