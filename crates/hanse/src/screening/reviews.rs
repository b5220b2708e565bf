//! `/v1/reviews`: hits that wait for a person, and what they decide.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use mez::entity::{self, Command as Step};
use mez::screening::{Finding as PartyFinding, HitReview, ScreeningVerdict};
use sanctions::{Decision, Finding, Screening, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::party::{PartyScreening, REVIEWED_KIND, ScreeningReviewed, fact, stream_of};
use crate::auth::can;
use crate::change::Change;
use crate::entities::wire::{actor, time};
use crate::entities::{permitted, refused, resource};
use crate::http::extract::{Caller, Command, PathOf, QueryOf};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::page::{Cursor, Page, PageLimit, PageQuery, etag};
use crate::http::problem::{Code, Problem};
use crate::http::texts::EntityIdText;
use crate::institutions::{Institutions, Node};
use crate::store::{self, Stored, kind};

/// A party's newest screening, as a case for a reviewer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Review)]
pub struct ReviewView {
    /// Id of the case.
    pub id: String,
    /// Whose party.
    pub entity: String,
    /// `company`, or `person:` and a person id.
    pub party: String,
    /// Whether hits wait for a decision.
    pub open: bool,
    /// `clear`, `review` or `block`, in the light of the decisions.
    pub verdict: String,
    /// The screening: hits with their features, lists, reasons.
    #[schema(value_type = Object)]
    pub screening: Screening,
    /// The decisions so far.
    #[schema(value_type = Vec<Object>)]
    pub decisions: Vec<Decision>,
}

impl From<Stored<PartyScreening>> for ReviewView {
    fn from(stored: Stored<PartyScreening>) -> Self {
        Self {
            id: stored.id,
            entity: stored.body.entity.to_string(),
            party: stored.body.party.to_string(),
            open: stored.body.is_open(),
            verdict: verdict_text(stored.body.screening.verdict).to_owned(),
            screening: stored.body.screening,
            decisions: stored.body.decisions,
        }
    }
}

/// A reviewer's decision on the hits of a case.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReviewDecision)]
pub struct DecisionBody {
    /// `false_positive` or `true_match`.
    #[schema(value_type = String, example = "false_positive", pattern = "^(false_positive|true_match)$")]
    pub finding: Finding,
    /// The hits it is about, as list and entry id; all undecided ones when left out.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub hits: Option<Vec<HitName>>,
    /// Why.
    #[schema(min_length = 1, max_length = 4000)]
    pub reason: String,
}

/// A hit by the listed entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitName {
    /// The list.
    pub list: String,
    /// The entry's identifier there.
    pub entry_id: String,
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_reviews))
        .routes(routes!(find_review))
        .routes(routes!(decide_review))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReviewQuery {
    /// The `next` of the page before. Opaque.
    cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// Only cases that wait for a decision, or only those that do not.
    open: Option<bool>,
    /// Only cases of this entity.
    #[param(inline, value_type = Option<EntityIdText>)]
    entity: Option<ids::EntityId>,
}

/// Screenings of parties, by id: those that wait for a reviewer with `open=true`.
#[utoipa::path(
    get, path = "/v1/reviews", tag = "screening", params(ReviewQuery),
    responses((status = 200, description = "One page of cases.", body = Page<ReviewView>))
)]
async fn list_reviews(
    caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
    QueryOf(query): QueryOf<ReviewQuery>,
) -> Result<Json<Page<ReviewView>>, Problem> {
    let page = PageQuery {
        cursor: query.cursor,
        limit: query.limit,
    };
    let open = query.open.map(|open| if open { "true" } else { "false" });
    let mut filters = Vec::new();
    filters.extend(open.map(|open| ("open", open)));
    filters.extend(
        query
            .entity
            .as_ref()
            .map(|entity| ("entity", entity.as_str())),
    );
    let reader = &node.platform.reader;
    let found = store::list(
        reader,
        kind::SCREENING,
        &filters,
        page.after(),
        page.limit() + 1,
    )?;
    let mut cut = Page::cut(found, page.limit(), |stored: &Stored<PartyScreening>| {
        stored.id.clone()
    });
    cut.items
        .retain(|stored| permitted(&node, &caller, &stored.body.entity).is_ok());
    let items = cut.items.into_iter().map(ReviewView::from).collect();
    Ok(Json(Page {
        items,
        next: cut.next,
    }))
}

/// One case.
#[utoipa::path(
    get, path = "/v1/reviews/{id}", tag = "screening", params(("id" = String, Path)),
    responses((
        status = 200, description = "The case.", body = ReviewView,
        headers(("ETag" = String, description = "The version of the case."))
    ))
)]
async fn find_review(
    caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
) -> Result<impl IntoResponse, Problem> {
    let stored = case(&node, &id)?;
    permitted(&node, &caller, &stored.body.entity).map_err(|_| Problem::not_found("review"))?;
    let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(stored.version))];
    Ok((headers, Json(ReviewView::from(stored))))
}

/// Decide on the hits of a case. The applicant cannot. A decision holds until the party or the listed entry changes.
#[utoipa::path(
    post, path = "/v1/reviews/{id}/decision", tag = "screening", params(("id" = String, Path)),
    request_body = DecisionBody,
    responses((status = 200, description = "It is decided.", body = Receipted<ReviewView>))
)]
async fn decide_review(
    caller: Caller<can::DecideScreening>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
    command: Command<DecisionBody>,
) -> Result<Outcome, Problem> {
    let found = case(&node, &id)?;
    let Command { body, ticket } = command;
    if body.reason.trim().is_empty() || body.reason.len() > 4_000 {
        return Err(
            Problem::new(Code::RuleViolated, "a decision needs a reason").with_error(
                "/reason",
                "length",
                "the reason has 1 to 4000 bytes",
            ),
        );
    }
    let (entity, _) = permitted(&node, &caller, &found.body.entity)?;
    let permit = caller.permit(resource(&entity.body))?;
    execute(&node.platform, &permit, &ticket, |now_ms| {
        decide(&node, &id, &body, permit.principal(), now_ms)
    })
    .await
}

fn decide(
    node: &Institutions,
    id: &str,
    body: &DecisionBody,
    principal: &crate::auth::PrincipalId,
    now_ms: i64,
) -> Result<Decided, Problem> {
    let reader = &node.platform.reader;
    let mut case = case(node, id)?;
    let party = case.body.party.clone();
    let (stream, privacy) = stream_of(&case.body.entity, &party);
    let stream_head = store::expected(reader, &stream)?;
    let found = store::entity(reader, &case.body.entity)?;
    let (stored, entity_head) = found.ok_or_else(|| Problem::not_found("review"))?;
    if stored.body.applicant.as_str() == principal.as_str() {
        return Err(Problem::new(
            Code::Forbidden,
            "who applied cannot decide on the hits",
        ));
    }
    let decisions = decisions(&case.body.screening, body, principal.as_str(), now_ms)?;
    case.body.decisions.extend(decisions.iter().cloned());
    case.body.screening = case.body.screening.reviewed(&case.body.decisions);

    let persons = store::persons_of(reader, &stored.body)?;
    let mut fact = fact(&party, case.body.subject, &persons, &case.body.screening)?;
    if fact.verdict == ScreeningVerdict::Clear {
        let finding = PartyFinding::FalsePositive;
        fact.review = Some(HitReview {
            finding,
            by: actor(principal),
            at_ms: now_ms,
        });
    }
    let actor = actor(principal);
    let context = node.context(now_ms, &actor);
    let mut decision = entity::decide(
        Some(&stored.body),
        Step::RecordScreenings(vec![fact]),
        &context,
    )
    .map_err(refused)?;
    // The reviewer who decides needs no notice of the decision.
    decision.effects.clear();

    let reviewed = ScreeningReviewed {
        entity: case.body.entity.clone(),
        party,
        decisions,
        screening: case.body.screening.clone(),
    };
    let mut change = Change::new(now_ms);
    change.append(&stream, privacy, stream_head, REVIEWED_KIND, &reviewed)?;
    change.decision(&case.body.entity.clone(), entity_head, &decision)?;
    let reply = Reply::ok(&ReviewView::from(case));
    Ok(Decided {
        transaction: change.into_transaction(),
        reply,
        reply_owner: Some(stream),
    })
}

/// One decision for each hit meant. A hit that was decided already cannot be meant by silence.
fn decisions(
    screening: &Screening,
    body: &DecisionBody,
    by: &str,
    now_ms: i64,
) -> Result<Vec<Decision>, Problem> {
    let hits: BTreeMap<(&str, &str), _> = screening
        .hits
        .iter()
        .map(|hit| ((hit.list.as_str(), hit.entry_id.as_str()), hit))
        .collect();
    let meant: Vec<_> = match &body.hits {
        None => hits
            .values()
            .copied()
            .filter(|hit| hit.finding.is_none())
            .collect(),
        Some(names) => names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let key = (name.list.as_str(), name.entry_id.as_str());
                hits.get(&key).copied().ok_or_else(|| {
                    Problem::new(
                        Code::RuleViolated,
                        "the decision names a hit that there is not",
                    )
                    .with_error(
                        format!("/hits/{n}"),
                        "known_hit",
                        "no such hit in this case",
                    )
                })
            })
            .collect::<Result<_, _>>()?,
    };
    if meant.is_empty() {
        return Err(Problem::new(
            Code::Conflict,
            "no hit of this case waits for a decision",
        ));
    }
    Ok(meant
        .into_iter()
        .map(|hit| Decision {
            subject: screening.subject,
            list: hit.list.clone(),
            entry_id: hit.entry_id.clone(),
            entry: hit.entry,
            finding: body.finding,
            by: by.to_owned(),
            reason: body.reason.clone(),
            at: time(now_ms),
        })
        .collect())
}

fn case(node: &Institutions, id: &str) -> Result<Stored<PartyScreening>, Problem> {
    let found = store::find::<PartyScreening>(&node.platform.reader, kind::SCREENING, id)?;
    found.ok_or_else(|| Problem::not_found("review"))
}

/// The stable text of a verdict.
pub(super) fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clear => "clear",
        Verdict::Review => "review",
        Verdict::Block => "block",
    }
}
