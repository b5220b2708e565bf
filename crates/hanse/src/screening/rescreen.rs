//! A version of a list comes into force: everybody is screened on it, and what changed is reported.

use axum::Json;
use axum::extract::State;
use evidence::digest::Digest;
use ids::{ActorId, EntityId};
use mez::entity::{self, Command as Step, Entity};
use mez::screening::{Party, ScreeningVerdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::party::screen_parties;
use super::shelf::Desk;
use crate::auth::can;
use crate::change::Change;
use crate::entities::refused;
use crate::http::extract::{Caller, QueryOf};
use crate::http::guard::routes;
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;
use crate::institutions::{Institutions, Node};
use crate::store::{self, Stored, kind};

/// The kind of [`Rescreened`].
pub const RESCREENED_KIND: &str = "sanctions.rescreened.v1";

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

/// What re-screening on a list version found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Rescreening)]
pub struct RescreeningView {
    /// Id of the report.
    pub id: String,
    /// Which list.
    pub list: String,
    /// Commits to its entries.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// How many parties were screened.
    pub screened: u64,
    /// Whose verdict changed: entity, party, before and after.
    #[schema(value_type = Vec<Object>)]
    pub changes: Vec<PartyChange>,
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
) -> Result<Json<Page<RescreeningView>>, Problem> {
    let reader = &node.platform.reader;
    let found = store::list::<Rescreened>(
        reader,
        kind::RESCREENING,
        &[],
        page.after(),
        page.limit() + 1,
    )?;
    let view = |stored: Stored<Rescreened>| RescreeningView {
        id: stored.id,
        list: stored.body.list,
        digest: stored.body.digest,
        screened: stored.body.screened,
        changes: stored.body.changes,
    };
    let items = found.into_iter().map(view).collect();
    Ok(Json(Page::cut(
        items,
        page.limit(),
        |item: &RescreeningView| item.id.clone(),
    )))
}

/// Screens every party of every entity whose life is not over, an entity a transaction, so that a
/// crash in between repeats at most one. Screening twice changes nothing.
///
/// # Errors
/// The journal fails; the effect is tried again.
pub async fn rescreen_all(node: &Node, list: &str, digest: Digest) -> Result<Rescreened, Problem> {
    super::lists::reload(node).await?;
    let desk = node.shelf.desk();
    let mut report = Rescreened {
        list: list.to_owned(),
        digest,
        screened: 0,
        changes: vec![],
    };
    let entities: Vec<Stored<Entity>> = store::all(&node.platform.reader, kind::ENTITY, &[])?;
    for stored in entities
        .into_iter()
        .filter(|stored| !stored.body.status.is_final())
    {
        let id = stored.body.id;
        let (screened, changes) = rescreen_entity(node, &desk, &id).await?;
        report.screened += screened;
        report.changes.extend(changes);
    }
    Ok(report)
}

async fn rescreen_entity(
    node: &Node,
    desk: &Desk,
    id: &EntityId,
) -> Result<(u64, Vec<PartyChange>), Problem> {
    let actor = node.actor();
    loop {
        let now_ms = node.platform.clock.now_ms();
        let (change, outcome) = rescreening(node, desk, id, &actor, now_ms)?;
        let mut transaction = change.into_transaction();
        transaction.actor = actor.to_string();
        match node.platform.journal.commit(transaction).await {
            Ok(_) => return Ok(outcome),
            Err(journal::CommitError::Conflict { .. }) => {}
            Err(error) => return Err(Problem::internal(&error)),
        }
    }
}

fn rescreening(
    node: &Institutions,
    desk: &Desk,
    id: &EntityId,
    actor: &ActorId,
    now_ms: i64,
) -> Result<(Change, (u64, Vec<PartyChange>)), Problem> {
    let reader = &node.platform.reader;
    let found = store::entity(reader, id)?;
    let (stored, expected) = found.ok_or_else(|| Problem::not_found("entity"))?;
    let persons = store::persons_of(reader, &stored.body)?;
    let mut change = Change::new(now_ms);
    let parties = stored.body.parties.keys().cloned();
    let facts = screen_parties(node, desk, &mut change, &stored.body, &persons, parties)?;
    let changed = |fact: &mez::screening::ScreeningFact| {
        let before = stored
            .body
            .parties
            .get(&fact.party)?
            .screening
            .as_ref()
            .map(|it| it.verdict);
        (before != Some(fact.verdict)).then(|| PartyChange {
            entity: id.clone(),
            party: fact.party.clone(),
            before,
            after: fact.verdict,
        })
    };
    let changes: Vec<PartyChange> = facts.iter().filter_map(changed).collect();
    let screened = facts.len() as u64;
    if !facts.is_empty() {
        let context = node.context(now_ms, actor);
        let mut decision =
            entity::decide(Some(&stored.body), Step::RecordScreenings(facts), &context)
                .map_err(refused)?;
        if changes.is_empty() {
            // Hits that were known before need no second notice.
            decision.effects.clear();
        }
        change.decision(id, expected, &decision)?;
    }
    Ok((change, (screened, changes)))
}
