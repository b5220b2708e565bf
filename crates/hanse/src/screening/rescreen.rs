//! A version of a list comes into force: everybody is screened on it, and what changed is reported.

use api::page::{Page, PageQuery};
use api::screening::RescreeningView;
use axum::Json;
use axum::extract::State;
use evidence::digest::Digest;
use ids::EntityId;
use journal::{LeasedEffect, Privacy};
use mez::entity::Entity;
use mez::screening::{Party, ScreeningFact, ScreeningVerdict};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

use super::party::{record, screen_parties};
use super::wire::rescreening_view;
use crate::institution::Work;
use crate::institution::{Executing, done, work};
use crate::records::kind;
use crate::screening::can;
use crate::state::{Institutions, Node};
use crate::streams;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, QueryOf};
use platform::moment::Moment;
use platform::routes;
use platform::store::{self};

/// The kind of [`ScreeningWork::Rescreen`] in the outbox.
pub const RESCREEN: &str = "rescreen";
/// The kind of [`Rescreened`].
pub const RESCREENED_KIND: &str = "sanctions.rescreened.v1";

/// What has to be done because of screening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum ScreeningWork {
    /// A version of a list came into force: screen everybody on it.
    Rescreen {
        /// Which list.
        list: String,
        /// Commits to its entries.
        digest: Digest,
    },
}

impl Work for ScreeningWork {
    fn kind(&self) -> &'static str {
        match self {
            Self::Rescreen { .. } => RESCREEN,
        }
    }
}

/// Everybody was screened on a version of a list. Parties are named by id only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescreened {
    /// Which list.
    pub list: String,
    /// Commits to its entries.
    pub digest: Digest,
    /// How many parties were screened.
    pub screened: u64,
    /// Whose verdict changed.
    pub changes: Vec<PartyChange>,
}

/// The verdict on a party changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyChange {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// Before, if it was screened.
    pub before: Option<ScreeningVerdict>,
    /// After.
    pub after: ScreeningVerdict,
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default().routes(routes!(list_rescreenings))
}

/// What re-screening on each version of a list found, by list and time.
#[utoipa::path(
    get, path = "/v1/sanctions/rescreenings", tag = "screening", params(PageQuery),
    responses((status = 200, description = "One page of reports.", body = Page<RescreeningView>))
)]
async fn list_rescreenings(
    _caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<RescreeningView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        let (after, limit) = (page.after(), page.limit());
        let found = store::list(moment, kind::RESCREENING, &[], after, limit + 1)?;
        let items = found.into_iter().map(rescreening_view).collect();
        let key = |item: &RescreeningView| item.id.clone();
        Ok(Json(Page::cut(items, limit, key)))
    };
    node.platform.read(list).await
}

/// Executes the work of screening.
pub(super) fn execute(node: Node, leased: LeasedEffect) -> Executing {
    Box::pin(async move {
        let work = work(&leased).map_err(|error| Declined::internal(&error))?;
        match work {
            ScreeningWork::Rescreen { list, digest } => {
                let report = rescreen_all(&node, list, digest).await?;
                report_on(&node, leased, report).await
            }
        }
    })
}

/// Screens every party of every entity whose life is not over, one entity in a transaction, so that a crash in between
/// repeats at most one. Screening twice changes nothing. Who applies meanwhile is screened on the new version anyway.
async fn rescreen_all(node: &Node, list: String, digest: Digest) -> Result<Rescreened, Declined> {
    super::lists::reload(node).await?;
    let mut report = Rescreened {
        list,
        digest,
        screened: 0,
        changes: vec![],
    };
    for id in node.platform.read(present).await? {
        let shared = node.clone();
        let rescreen = move |moment: &Moment<'_>| rescreen_entity(&shared, moment, &id);
        let (screened, changes) = node.platform.act(rescreen).await?;
        report.screened += screened;
        report.changes.extend(changes);
    }
    Ok(report)
}

fn present(moment: &Moment<'_>) -> Result<Vec<EntityId>, Declined> {
    let entities = store::all::<Entity>(moment, kind::ENTITY, &[])?.into_iter();
    let present = entities.filter(|stored| !stored.body.status.is_final());
    Ok(present.map(|stored| stored.body.id).collect())
}

/// Screens one entity. Returns how many of its parties were screened and whose verdict changed.
fn rescreen_entity(
    node: &Institutions,
    moment: &Moment<'_>,
    id: &EntityId,
) -> Result<(Change, (u64, Vec<PartyChange>)), Declined> {
    let mut change = Change::default();
    let found = crate::records::entity(moment, id)?.map(|stored| stored.body);
    // It may have been rejected or dissolved meanwhile.
    let Some(entity) = found.filter(|entity| !entity.status.is_final()) else {
        return Ok((change, (0, vec![])));
    };
    let persons = crate::records::persons_of(moment, &entity)?;
    let parties = entity.parties.keys().cloned();
    let facts = screen_parties(node, moment, &mut change, &entity, &persons, parties)?;
    let screened = facts.len() as u64;
    let changes = facts.iter().filter_map(|fact| changed(&entity, fact));
    let changes = changes.collect();
    if !facts.is_empty() {
        record(node, moment, &mut change, entity, facts, &node.actor())?;
    }
    Ok((change, (screened, changes)))
}

fn changed(entity: &Entity, fact: &ScreeningFact) -> Option<PartyChange> {
    let known = entity.parties.get(&fact.party)?;
    let before = known.screening.as_ref().map(|it| it.verdict);
    (before != Some(fact.verdict)).then(|| PartyChange {
        entity: entity.id.clone(),
        party: fact.party.clone(),
        before,
        after: fact.verdict,
    })
}

async fn report_on(node: &Node, leased: LeasedEffect, report: Rescreened) -> Result<(), Declined> {
    let settle = move |_: &Moment<'_>| {
        let stream = streams::sanctions_list(&report.list);
        let mut change = Change::default();
        change.append(&stream, Privacy::Public, RESCREENED_KIND, &report)?;
        change.settle(done(&leased));
        Ok((change, ()))
    };
    node.platform.act(settle).await
}
