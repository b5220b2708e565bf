//! `/v1/reviews`: hits that wait for a person, and what they decide.

use api::page::{Cursor, Page, PageLimit, PageQuery};
use api::problem::Code;
use api::receipt::Receipted;
use api::screening::{DecisionBody, ReviewView};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use ids::aggregate::Aggregate as _;
use mez::entity::Entity;
use mez::person::Person;
use mez::screening::Party;
use mez::screening::case::{
    CaseEvent, Command as Step, Context, DecideHits, PartyScreening, SeenHits,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::party::{append, record, salt_of, stream_of};
use super::refused;
use super::wire::{decision, review_view};
use crate::entities::permitted;
use crate::entities::wire::{actor, time};
use crate::records::kind;
use crate::screening::can;
use crate::state::{Institutions, Node};
use platform::auth::{Asks, Permit};
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::http::page::{etag, require_match};
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

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
    #[param(inline)]
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
) -> Result<Json<Page<ReviewView>>, Declined> {
    let list = move |moment: &Moment<'_>| list(moment, &caller, query).map(Json);
    node.platform.read(list).await
}

fn list(
    moment: &Moment<'_>,
    caller: &Caller<can::ReadScreening>,
    query: ReviewQuery,
) -> Result<Page<ReviewView>, Declined> {
    let page = PageQuery {
        cursor: query.cursor,
        limit: query.limit,
    };
    let open = query.open.map(|open| if open { "true" } else { "false" });
    let mut filters = Vec::new();
    filters.extend(open.map(|open| ("open", open)));
    let entity = query.entity.as_ref();
    filters.extend(entity.map(|entity| ("entity", entity.as_str())));
    let (after, limit) = (page.after(), page.limit());
    let found = store::list(moment, kind::SCREENING, &filters, after, limit + 1)?;
    let key = |stored: &Stored<PartyScreening>| stored.id.clone();
    let Page { items, next } = Page::cut(found, limit, key);
    let mut views = Vec::new();
    for stored in items {
        if visible(moment, caller, &stored.body)?.is_some() {
            views.push(review_view(&stored.id, &stored.body));
        }
    }
    Ok(Page { items: views, next })
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
) -> Result<impl IntoResponse, Declined> {
    let find = move |moment: &Moment<'_>| {
        let (case, _, _) = permitted_case(moment, &caller, &id)?;
        let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(case.version))];
        Ok((headers, Json(review_view(&id, &case.body))))
    };
    node.platform.read(find).await
}

/// Decide on the hits of a case. The applicant cannot. A decision holds until the party or the listed entry changes.
/// Hits that come up while the request is under way stay undecided.
#[utoipa::path(
    post, path = "/v1/reviews/{id}/decision", tag = "screening",
    params(
        ("id" = String, Path),
        (
            "If-Match" = Option<String>, Header,
            description = "The `ETag` of the case that the reviewer saw. With it, nothing that came up since is decided."
        ),
    ),
    request_body = DecisionBody,
    responses((status = 200, description = "It is decided.", body = Receipted<ReviewView>))
)]
async fn decide_review(
    caller: Caller<can::DecideScreening>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    command: Command<DecisionBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let asked = id.clone();
    let seen = node.platform.read(move |moment| seen(moment, &asked));
    let command = decision(body, seen.await?);
    let shared = node.clone();
    execute(&node.platform, caller, ticket, move |moment, caller| {
        let (case, entity, permit) = permitted_case(moment, caller, &id)?;
        if headers.contains_key(header::IF_MATCH) {
            require_match(&headers, case.version)?;
        }
        decide(&shared, moment, permit, case, entity, command.clone())
    })
    .await
}

/// The hits that a request means: those of the case when it came. A decision that has to be made again is still on these.
fn seen(moment: &Moment<'_>, id: &str) -> Result<SeenHits, Declined> {
    let case = store::find::<PartyScreening>(moment, kind::SCREENING, id)?;
    Ok(case.map(|case| case.body.seen()).unwrap_or_default())
}

fn decide(
    node: &Institutions,
    moment: &Moment<'_>,
    permit: Permit,
    case: Stored<PartyScreening>,
    entity: Entity,
    command: DecideHits,
) -> Result<Decided, Declined> {
    let actor = actor(permit.principal());
    let context = Context {
        at: time(moment.now_ms),
        actor: &actor,
        applicant: &entity.applicant,
    };
    let step = Step::DecideHits(command);
    let decision = PartyScreening::decide(Some(&case.body), step, &context).map_err(refused)?;
    let review = decision.events.iter().find_map(|event| match event {
        CaseEvent::Reviewed(reviewed) => reviewed.settled_by(&actor),
        CaseEvent::Performed(_) => None,
    });
    let mut change = Change::default();
    let after = append(&mut change, Some(case.body), &decision)?;
    let person = match &after.party {
        Party::Company => None,
        Party::Person(id) => store::find::<Person>(moment, kind::PERSON, id.as_str())?,
    };
    let salt = salt_of(person.as_ref().map(|stored| &stored.body));
    let fact = after.fact(&salt, review);
    let facts = vec![fact.map_err(|error| Declined::internal(&error))?];
    record(node, moment, &mut change, entity, facts, &actor)?;
    let (stream, _) = stream_of(&after);
    let reply = Reply::ok(&review_view(&case.id, &after));
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

/// A case that the caller may do `A` to, with its entity. One it may not know of is not found.
fn permitted_case<A: Asks>(
    moment: &Moment<'_>,
    caller: &Caller<A>,
    id: &str,
) -> Result<(Stored<PartyScreening>, Entity, Permit), Declined> {
    let unknown = || Declined::not_found("review");
    let case = store::find::<PartyScreening>(moment, kind::SCREENING, id)?.ok_or_else(unknown)?;
    let (entity, permit) = visible(moment, caller, &case.body)?.ok_or_else(unknown)?;
    Ok((case, entity, permit))
}

/// The entity of a case, if the caller may know of it.
fn visible<A: Asks>(
    moment: &Moment<'_>,
    caller: &Caller<A>,
    case: &PartyScreening,
) -> Result<Option<(Entity, Permit)>, Declined> {
    match permitted(moment, caller, &case.entity) {
        Ok((stored, permit)) => Ok(Some((stored.body, permit))),
        Err(problem) if problem.code() == Code::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}
