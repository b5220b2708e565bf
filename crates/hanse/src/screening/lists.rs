//! `/v1/sanctions/lists` and `/v1/sanctions/proposals`: which lists are in force, importing a version, and the second person
//! that some versions need ([`mez::screening::list`]).

use api::problem::{CONTENT_TYPE, Code, ProblemBody};
use api::receipt::Receipted;
use api::screening::ImportBody;
use api::screening::ListFormat;
use api::screening::{ConfirmBody, ListView, ProposalView, RejectBody, RejectionView};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::{Extension, Json};
use evidence::digest::Digest;
use ids::aggregate::Aggregate as _;
use ids::{ActorId, PackItemId};
use jiff::civil::Date;
use journal::{Observer, Privacy, Snapshot};
use mez::screening::list::{
    Command as Step, Comparison, Context, ListEvent, Proposal, Refusal, Rejection, Version,
    ZoneList,
};
use sanctions::{List, ListHeader, Policy};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

use super::rescreen::ScreeningWork;
use super::shelf::{self, Shelf, ShelfError};
use crate::entities::wire::{actor, time};
use crate::institution::Work as _;
use crate::notifications::{self, Notification};
use crate::records::kind;
use crate::screening::can;
use crate::state::{Institutions, Node};
use crate::streams;
use platform::auth::{Permit, Resource};
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{BodyBytesMax, Caller, Command, PathOf};
use platform::http::idempotency::{Decided, Outcome, Reply, Ticket, execute};
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

/// The kind of [`ListImported`].
pub const IMPORTED_KIND: &str = "sanctions.list_imported.v1";
/// The kind of [`ListProposed`].
pub const PROPOSED_KIND: &str = "sanctions.list_proposed.v1";
/// The kind of [`ListRejected`].
pub const REJECTED_KIND: &str = "sanctions.list_rejected.v1";
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

/// A version of a list waits for a second person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListProposed {
    /// The version, as it will be imported.
    pub list: ListImported,
    /// Who proposed it, and why it waits.
    pub proposal: Proposal,
}

/// A version of a list that waited was turned down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRejected {
    /// Which, by whom, and why.
    pub rejection: Rejection,
}

impl ListImported {
    /// The version, as its register decides on it.
    fn version(&self) -> Version {
        Version {
            header: self.header.clone(),
            digest: self.digest,
        }
    }
}

/// The read model of a list: its version in force.
pub type ListRecord = ListImported;

/// A version that waits, as it is shown.
fn proposal_view(proposed: ListProposed) -> ProposalView {
    let (list, proposal) = (proposed.list, proposed.proposal);
    let count = |of: fn(Comparison) -> u64| proposal.comparison.map(of);
    ProposalView {
        added: count(|it| it.added),
        removed: count(|it| it.removed),
        changed: count(|it| it.changed),
        why: proposal.concerns.iter().map(ToString::to_string).collect(),
        name: list.header.name,
        version: list.header.version,
        published: list.header.published,
        digest: list.digest,
        entries: list.entries,
        concerns: proposal
            .concerns
            .iter()
            .map(|it| it.code().to_owned())
            .collect(),
        proposed_by: proposal.by.to_string(),
        proposed_at: proposal.at,
    }
}

/// A version that was turned down, as it is shown.
fn rejection_view(rejected: ListRejected) -> RejectionView {
    let Rejection {
        version, reason, ..
    } = rejected.rejection;
    RejectionView {
        name: version.header.name,
        version: version.header.version,
        digest: version.digest,
        reason,
    }
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_sanctions_lists, import_list))
        .routes(routes!(list_proposals))
        .routes(routes!(confirm_list))
        .routes(routes!(reject_list))
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
) -> Result<Json<Vec<ListView>>, Declined> {
    let shared = node.clone();
    let views = node.platform.read(move |moment| views(&shared, moment));
    views.await.map(Json)
}

/// Import a version of a list. Everybody is screened on it again. A version that lacks or alters an entry, that is older, or
/// that is the first of a required list waits for a second person; until then both versions are searched.
#[utoipa::path(
    post, path = "/v1/sanctions/lists", tag = "screening", request_body = ImportBody,
    responses(
        (status = 201, description = "It is in force.", body = Receipted<ListView>),
        (status = 202, description = "It waits for a second person.", body = Receipted<ProposalView>),
        (status = 409, description = "Another version waits.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn import_list(
    caller: Caller<can::ImportList>,
    State(node): State<Node>,
    command: Command<ImportBody>,
) -> Result<Outcome, Declined> {
    caller.permit(Resource::Zone)?;
    let Command { body, ticket } = command;
    let prepared = prepare(&node, body).await?;
    let (shared, notice) = (node.clone(), uuid::Uuid::now_v7().to_string());
    let outcome = execute(&node.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let actor = actor(permit.principal());
        let (change, happened) = import(&shared, moment, &prepared, &actor, Means::Person)?;
        answer(&shared, moment, permit, change, happened, &notice)
    })
    .await?;
    read_ahead(&node).await;
    Ok(outcome)
}

/// Imports a list as the node itself: the one that a zone starts with. Nothing happens when one is in force.
///
/// # Errors
/// The files make no list, or the journal cannot write.
pub async fn import_by_node(node: &Node, body: ImportBody) -> Result<(), Declined> {
    let prepared = prepare(node, body).await?;
    let shared = node.clone();
    let first = move |moment: &Moment<'_>| {
        let is_first = all(moment)?.is_empty();
        let change = if is_first {
            import(&shared, moment, &prepared, &shared.actor(), Means::SetUp)?.0
        } else {
            Change::default()
        };
        Ok((change, ()))
    };
    node.platform.act(first).await?;
    read_ahead(node).await;
    Ok(())
}

/// A version of a list that was read whole, and whose files are kept.
#[derive(Debug)]
pub(super) struct Prepared {
    list: List,
    imported: ListImported,
}

#[cfg(test)]
impl Prepared {
    pub(super) fn imported(&self) -> &ListImported {
        &self.imported
    }
}

/// Who brings a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// Somebody who may import.
    Person,
    /// The node, before anybody can act in the zone.
    SetUp,
}

async fn prepare(node: &Node, body: ImportBody) -> Result<Prepared, Declined> {
    let shared = node.clone();
    let keep = move || keep(&shared.shelf, body);
    let kept = node.platform.blocking(move |_| keep()).await;
    kept.map_err(unfit)
}

/// Reads a list whole and keeps its files durably, so that it can come into force.
pub(super) fn keep(shelf: &Shelf, body: ImportBody) -> Result<Prepared, ShelfError> {
    let header = ListHeader {
        name: body.name.to_string(),
        version: body.version,
        published: body.published,
    };
    let list = shelf::parse(body.format, header, &body.files)?;
    let imported = ListImported {
        header: list.header().clone(),
        digest: list.digest(),
        entries: list.entries().len() as u64,
        format: body.format,
        files: shelf.keep(&body.files)?,
    };
    Ok(Prepared { list, imported })
}

/// Decides on an import. Answers the change, and what happens.
fn import(
    node: &Institutions,
    moment: &Moment<'_>,
    prepared: &Prepared,
    actor: &ActorId,
    means: Means,
) -> Result<(Change, Happened), Declined> {
    let desk = node.shelf.desk(moment)?;
    let name = &prepared.imported.header.name;
    let in_force = desk.lists.find(name).map(|indexed| indexed.list());
    let before = store::find::<ListRecord>(moment, kind::SANCTIONS_LIST, name)?;
    // What cannot be read, or is not what is in force, is compared with nothing.
    let in_force = in_force.filter(|list| {
        before
            .as_ref()
            .is_some_and(|it| it.body.digest == list.digest())
    });
    let comparison = in_force.map(|list| {
        let delta = sanctions::entry_delta(Some(list), Some(&prepared.list));
        Comparison {
            added: delta.added.len() as u64,
            removed: delta.removed.len() as u64,
            changed: delta.changed.len() as u64,
        }
    });
    let command = Step::Import {
        version: prepared.imported.version(),
        comparison,
    };
    decide(
        node,
        moment,
        name,
        command,
        actor,
        means,
        Some(&prepared.imported),
    )
}

/// What happened to a list, with the whole of the version that it is about.
#[derive(Clone, Debug)]
enum Happened {
    Proposed(ListProposed),
    Imported(ListImported),
    Rejected(ListRejected),
}

/// Decides a command on a list, and adds what happens and has to be done.
fn decide(
    node: &Institutions,
    moment: &Moment<'_>,
    name: &str,
    command: Step,
    actor: &ActorId,
    means: Means,
    given: Option<&ListImported>,
) -> Result<(Change, Happened), Declined> {
    let in_force = store::find::<ListRecord>(moment, kind::SANCTIONS_LIST, name)?;
    let proposed = store::find::<ListProposed>(moment, kind::SANCTIONS_PROPOSAL, name)?;
    let list = ZoneList {
        in_force: in_force.map(|stored| stored.body.version()),
        proposed: proposed.as_ref().map(|stored| stored.body.proposal.clone()),
    };
    let context = Context {
        actor,
        at: time(moment.now_ms),
        is_required: node
            .shelf
            .policy()
            .required
            .iter()
            .any(|it| it.name == name),
        sets_up: means == Means::SetUp,
    };
    let decision = ZoneList::decide(Some(&list), command, &context).map_err(refused)?;
    let whole = given.cloned().or(proposed.map(|stored| stored.body.list));
    let whole = whole.ok_or_else(|| Declined::not_found("proposed version"))?;
    let (stream, privacy) = (streams::sanctions_list(name), Privacy::Public);
    let mut change = Change::default();
    for effect in &decision.effects {
        let work = ScreeningWork::Rescreen {
            list: name.to_owned(),
            digest: effect.digest,
        };
        change.effect(work.kind(), &work)?;
    }
    let mut events = decision.events.into_iter();
    let event = events.next().ok_or_else(|| Declined::not_found("list"))?;
    let happened = match event {
        ListEvent::Proposed(proposal) => Happened::Proposed(ListProposed {
            list: whole,
            proposal,
        }),
        ListEvent::Imported(_) => Happened::Imported(whole),
        ListEvent::Rejected(rejection) => Happened::Rejected(ListRejected { rejection }),
    };
    match &happened {
        Happened::Proposed(data) => change.append(&stream, privacy, PROPOSED_KIND, data)?,
        Happened::Imported(data) => change.append(&stream, privacy, IMPORTED_KIND, data)?,
        Happened::Rejected(data) => change.append(&stream, privacy, REJECTED_KIND, data)?,
    }
    Ok((change, happened))
}

/// What the caller is told of what happened; reviewers are told of what waits for them.
fn answer(
    node: &Institutions,
    moment: &Moment<'_>,
    permit: Permit,
    mut change: Change,
    happened: Happened,
    notice: &str,
) -> Result<Decided, Declined> {
    let policy = node.shelf.policy();
    let reply = match happened {
        Happened::Imported(imported) => {
            let view = list_view(imported, policy, true);
            Reply::created("/v1/sanctions/lists".to_owned(), &view)
        }
        Happened::Proposed(proposed) => {
            let view = proposal_view(proposed);
            let text = format!(
                "version {} of the sanctions list {} waits for a second person: {}",
                view.version,
                view.name,
                view.why.join("; ")
            );
            let told = Notification::for_all_reviewers(notice, text, moment.now_ms);
            notifications::raise(node, &mut change, &told)?;
            Reply::accepted(&view)
        }
        Happened::Rejected(rejected) => Reply::ok(&rejection_view(rejected)),
    };
    Ok(Decided::new(permit, change, reply))
}

/// The versions that wait for a second person.
#[utoipa::path(
    get, path = "/v1/sanctions/proposals", tag = "screening",
    responses((status = 200, description = "What waits.", body = Vec<ProposalView>))
)]
async fn list_proposals(
    _caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
) -> Result<Json<Vec<ProposalView>>, Declined> {
    let read = |moment: &Moment<'_>| {
        let found = store::all::<ListProposed>(moment, kind::SANCTIONS_PROPOSAL, &[])?;
        let views = found.into_iter().map(|stored| proposal_view(stored.body));
        Ok(Json(views.collect()))
    };
    node.platform.read(read).await
}

/// Bring the version of a list that waits into force. Who imported it cannot.
#[utoipa::path(
    post, path = "/v1/sanctions/proposals/{name}/confirm", tag = "screening",
    params(("name" = PackItemId, Path)), request_body = ConfirmBody,
    responses(
        (status = 201, description = "It is in force.", body = Receipted<ListView>),
        (status = 409, description = "Another version waits.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn confirm_list(
    caller: Caller<can::ConfirmList>,
    State(node): State<Node>,
    PathOf(name): PathOf<PackItemId>,
    command: Command<ConfirmBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let digest = body.digest;
    let outcome = settle(&node, caller, ticket, name, move || Step::Confirm {
        digest,
    })
    .await?;
    read_ahead(&node).await;
    Ok(outcome)
}

/// Turn the version of a list that waits down. Everybody is screened again, without it.
#[utoipa::path(
    post, path = "/v1/sanctions/proposals/{name}/reject", tag = "screening",
    params(("name" = PackItemId, Path)), request_body = RejectBody,
    responses(
        (status = 200, description = "It is turned down.", body = Receipted<RejectionView>),
        (status = 409, description = "Another version waits.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn reject_list(
    caller: Caller<can::ConfirmList>,
    State(node): State<Node>,
    PathOf(name): PathOf<PackItemId>,
    command: Command<RejectBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let step = move || Step::Reject {
        digest: body.digest,
        reason: body.reason.clone(),
    };
    settle(&node, caller, ticket, name, step).await
}

async fn settle(
    node: &Node,
    caller: Caller<can::ConfirmList>,
    ticket: Ticket,
    name: PackItemId,
    step: impl Fn() -> Step + Send + Sync + 'static,
) -> Result<Outcome, Declined> {
    let (shared, name) = (node.clone(), name.to_string());
    execute(&node.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let actor = actor(permit.principal());
        let (change, happened) =
            decide(&shared, moment, &name, step(), &actor, Means::Person, None)?;
        answer(&shared, moment, permit, change, happened, "")
    })
    .await
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
pub async fn reload(node: &Node) -> Result<(), Declined> {
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
pub fn all(at: &Snapshot<'_>) -> Result<Vec<Stored<ListRecord>>, Declined> {
    Ok(store::all(at, kind::SANCTIONS_LIST, &[])?)
}

/// Every list as it is shown.
///
/// # Errors
/// The journal cannot be read.
pub fn views(node: &Institutions, at: &Snapshot<'_>) -> Result<Vec<ListView>, Declined> {
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

/// What the caller is told when a command to a list is refused.
fn refused(refusal: Refusal) -> Declined {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Common(refusal) => refusal.into(),
        Refusal::SamePerson => Declined::new(Code::Forbidden, detail),
        Refusal::Waits { .. } => Declined::new(Code::Conflict, detail),
        Refusal::AnotherVersion => Declined::new(Code::Conflict, detail.clone()).with_error(
            "/digest",
            "waiting_version",
            detail,
        ),
    }
}

fn unfit(error: ShelfError) -> Declined {
    match &error {
        ShelfError::Import(cause) => Declined::new(Code::RuleViolated, "the files make no list")
            .with_error("/files", "list_complete", cause.to_string()),
        ShelfError::FileMissing { file } => Declined::new(Code::RuleViolated, error.to_string())
            .with_error(format!("/files/{file}"), "required", error.to_string()),
        _ => Declined::internal(&error),
    }
}

/// The day of an instant in UTC.
pub fn day(ms: i64) -> Date {
    jiff::tz::TimeZone::UTC
        .to_datetime(crate::entities::wire::time(ms))
        .date()
}
