//! `/v1/sanctions/lists`: which lists are in force, and importing a new version.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use evidence::digest::Digest;
use ids::PackItemId;
use jiff::civil::Date;
use journal::Privacy;
use sanctions::ListHeader;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::shelf::{self, ListFiles, ListFormat, ShelfError};
use crate::auth::{Resource, can};
use crate::change::Change;
use crate::http::extract::{BodyBytesMax, Caller, Command};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::problem::{Code, Problem};
use crate::http::texts::PackItemIdText;
use crate::institutions::{Institutions, Node};
use crate::store::{self, Stored, kind};
use crate::streams;
use crate::workers::effect::NodeEffect;

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

/// A list in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SanctionsList)]
pub struct ListView {
    /// Name.
    pub name: String,
    /// The publisher's version.
    pub version: String,
    /// The day it was published.
    #[schema(value_type = String, format = Date)]
    pub published: Date,
    /// Commits to every entry.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// How many entries it has.
    pub entries: u64,
    /// Whether screening requires it.
    pub required: bool,
    /// Whether it can be used now; if not, every screening that requires it blocks.
    pub usable: bool,
}

/// A version of a list to import.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// The name under which the zone knows the list.
    #[schema(value_type = PackItemIdText)]
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
    Ok(Json(views(&node)?))
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
    let permit = caller.permit(Resource::Zone)?;
    let Command { body, ticket } = command;
    let prepared = {
        let node = node.clone();
        let task = tokio::task::spawn_blocking(move || prepare(&node, body));
        task.await.map_err(|error| Problem::internal(&error))??
    };
    let outcome = execute(&node.platform, &permit, &ticket, |now_ms| {
        let (change, record) = import(&node, &prepared, now_ms)?;
        let location = "/v1/sanctions/lists".to_owned();
        let mut view = view(&node, record);
        view.usable = true;
        let reply = Reply::created(location, &view);
        Ok(Decided {
            transaction: change.into_transaction(),
            reply,
            reply_owner: None,
        })
    })
    .await?;
    reload(&node).await?;
    Ok(outcome)
}

/// Imports a list as the node itself: the one that a zone starts with.
///
/// # Errors
/// The files make no list, or the journal cannot write.
pub async fn import_by_node(node: &Node, body: ImportBody) -> Result<(), Problem> {
    let prepared = {
        let node = node.clone();
        let task = tokio::task::spawn_blocking(move || prepare(&node, body));
        task.await.map_err(|error| Problem::internal(&error))??
    };
    let (change, _) = import(node, &prepared, node.platform.clock.now_ms())?;
    let mut transaction = change.into_transaction();
    transaction.actor = node.actor().to_string();
    let committed = node.platform.journal.commit(transaction).await;
    committed.map_err(crate::http::idempotency::problem_of_commit)?;
    reload(node).await
}

/// A list that was read whole and whose files are kept, ready to come into force.
#[derive(Debug)]
pub struct Prepared {
    header: ListHeader,
    digest: Digest,
    entries: u64,
    format: ListFormat,
    files: BTreeMap<String, Digest>,
}

/// Reads a list and keeps its files durably.
///
/// # Errors
/// A row breaks a rule, or the disk refuses.
pub fn prepare(node: &Institutions, body: ImportBody) -> Result<Prepared, Problem> {
    let header = ListHeader {
        name: body.name.to_string(),
        version: body.version,
        published: body.published,
    };
    let list = shelf::parse(body.format, header, &body.files).map_err(refused)?;
    let files = node.shelf.keep(&body.files).map_err(refused)?;
    Ok(Prepared {
        header: list.header().clone(),
        digest: list.digest(),
        entries: list.entries().len() as u64,
        format: body.format,
        files,
    })
}

/// The change that brings a prepared list into force and has everybody screened on it.
///
/// # Errors
/// The journal cannot be read.
pub fn import(
    node: &Institutions,
    prepared: &Prepared,
    now_ms: i64,
) -> Result<(Change, ListRecord), Problem> {
    let imported = ListImported {
        header: prepared.header.clone(),
        digest: prepared.digest,
        entries: prepared.entries,
        format: prepared.format,
        files: prepared.files.clone(),
    };
    let stream = streams::sanctions_list(&imported.header.name);
    let expected = store::expected(&node.platform.reader, &stream)?;
    let mut change = Change::new(now_ms);
    change.append(&stream, Privacy::Public, expected, IMPORTED_KIND, &imported)?;
    change.effect(NodeEffect::Rescreen {
        list: imported.header.name.clone(),
        digest: imported.digest,
    })?;
    Ok((change, imported))
}

/// Reads the lists in force again, off the threads that serve requests.
///
/// # Errors
/// The journal cannot be read.
pub async fn reload(node: &Node) -> Result<(), Problem> {
    let node = node.clone();
    let task = tokio::task::spawn_blocking(move || {
        let records = all(&node)?;
        node.shelf.load(&records);
        Ok::<(), Problem>(())
    });
    task.await.map_err(|error| Problem::internal(&error))?
}

/// Every list that has a version in force.
///
/// # Errors
/// The journal cannot be read.
pub fn all(node: &Institutions) -> Result<Vec<Stored<ListRecord>>, Problem> {
    Ok(store::all(
        &node.platform.reader,
        kind::SANCTIONS_LIST,
        &[],
    )?)
}

/// Every list as it is shown.
///
/// # Errors
/// The journal cannot be read.
pub fn views(node: &Institutions) -> Result<Vec<ListView>, Problem> {
    Ok(all(node)?
        .into_iter()
        .map(|record| view(node, record.body))
        .collect())
}

fn view(node: &Institutions, record: ListRecord) -> ListView {
    let desk = node.shelf.desk();
    let name = record.header.name;
    ListView {
        required: desk
            .policy
            .required
            .iter()
            .any(|required| required.name == name),
        usable: node.shelf.is_usable(&name, record.digest),
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
