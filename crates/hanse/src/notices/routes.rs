//! The routes: reading is open to everybody, changing needs the scope.

use super::wire::notice_view;
use super::wire::wording;
use api::notices::{CorrectionBody, NoticeBody, NoticeView, WithdrawalBody};
use api::page::{Cursor, Page, PageLimit, PageQuery};
use api::receipt::Receipted;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use ids::aggregate::Aggregate as _;
use journal::{Privacy, Snapshot};
use mez::notice::{Command as Step, Context, Notice};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::{NOTICE, NUMBER_RULE, YEAR, stream};
use crate::bundles::bundle;
use crate::entities::wire::actor;
use crate::notices::can;
use crate::state::Node;
use platform::auth::Resource;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

pub(super) fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(open: list_notices))
        .routes(routes!(publish_notice))
        .routes(routes!(open: find_notice))
        .routes(routes!(open: read_notice_bundle))
        .routes(routes!(correct_notice))
        .routes(routes!(withdraw_notice))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NoticeQuery {
    /// The `next` of the page before. Opaque.
    cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// Only those that hold, or only those that were withdrawn.
    in_force: Option<bool>,
}

/// The notices of the zone, by id, which is by the time of their publication.
#[utoipa::path(
    get, path = "/v1/notices", tag = "notices", params(NoticeQuery),
    responses((status = 200, description = "One page of notices.", body = Page<NoticeView>))
)]
async fn list_notices(
    State(node): State<Node>,
    QueryOf(query): QueryOf<NoticeQuery>,
) -> Result<Json<Page<NoticeView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        let page = PageQuery {
            cursor: query.cursor,
            limit: query.limit,
        };
        let in_force = query.in_force.map(|it| if it { "true" } else { "false" });
        let filters: Vec<_> = in_force.map(|it| ("in_force", it)).into_iter().collect();
        let found = store::list(moment, NOTICE, &filters, page.after(), page.limit() + 1)?;
        let view = |it: Stored<Notice>| notice_view(&it.id, it.body);
        let items = found.into_iter().map(view).collect();
        Ok(Json(Page::cut(items, page.limit(), |item: &NoticeView| {
            item.id.clone()
        })))
    };
    node.platform.read(list).await
}

/// One notice.
#[utoipa::path(
    get, path = "/v1/notices/{id}", tag = "notices", params(("id" = String, Path)),
    responses((status = 200, description = "The notice.", body = NoticeView))
)]
async fn find_notice(
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
) -> Result<Json<NoticeView>, Declined> {
    let find = move |moment: &Moment<'_>| {
        let notice = notice(moment, &id)?.ok_or_else(|| Declined::not_found("notice"))?;
        Ok(Json(notice_view(&id, notice)))
    };
    node.platform.read(find).await
}

/// An evidence bundle of everything that happened to a notice. `hanse verify` checks it without the node.
#[utoipa::path(
    get, path = "/v1/notices/{id}/bundle", tag = "notices", params(("id" = String, Path)),
    responses((status = 200, description = "The bundle.", body = Object))
)]
async fn read_notice_bundle(
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
) -> Result<Response, Declined> {
    let identity = node.log_identity.clone();
    let bundle = move |moment: &Moment<'_>| {
        notice(moment, &id)?.ok_or_else(|| Declined::not_found("notice"))?;
        bundle::of_public_stream(moment, &identity, &stream(&id))
    };
    let bundle = node.platform.read(bundle).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bundle).into_response())
}

/// Publish a notice. Its number is the next of its year.
#[utoipa::path(
    post, path = "/v1/notices", tag = "notices", request_body = NoticeBody,
    responses((status = 201, description = "It is published.", body = Receipted<NoticeView>))
)]
async fn publish_notice(
    caller: Caller<can::PublishNotice>,
    State(node): State<Node>,
    command: Command<NoticeBody>,
) -> Result<Outcome, Declined> {
    let id = uuid::Uuid::now_v7().to_string();
    step(&node, caller, id, command, |body| {
        Step::Publish(wording(body))
    })
    .await
}

/// Correct a notice. What it said before stays readable.
#[utoipa::path(
    post, path = "/v1/notices/{id}/correct", tag = "notices", params(("id" = String, Path)),
    request_body = CorrectionBody,
    responses((status = 200, description = "It is corrected.", body = Receipted<NoticeView>))
)]
async fn correct_notice(
    caller: Caller<can::PublishNotice>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
    command: Command<CorrectionBody>,
) -> Result<Outcome, Declined> {
    step(
        &node,
        caller,
        id,
        command,
        |CorrectionBody {
             title,
             text,
             reason,
         }| {
            let wording = wording(NoticeBody { title, text });
            Step::Correct { wording, reason }
        },
    )
    .await
}

/// Withdraw a notice. It stays readable, with the reason.
#[utoipa::path(
    post, path = "/v1/notices/{id}/withdraw", tag = "notices", params(("id" = String, Path)),
    request_body = WithdrawalBody,
    responses((status = 200, description = "It is withdrawn.", body = Receipted<NoticeView>))
)]
async fn withdraw_notice(
    caller: Caller<can::PublishNotice>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
    command: Command<WithdrawalBody>,
) -> Result<Outcome, Declined> {
    step(&node, caller, id, command, |body| Step::Withdraw {
        reason: body.reason,
    })
    .await
}

/// Runs one command on one notice.
async fn step<T: Clone + Send + Sync + 'static>(
    node: &Node,
    caller: Caller<can::PublishNotice>,
    id: String,
    command: Command<T>,
    step: impl Fn(T) -> Step + Send + Sync + 'static,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    execute(&node.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let before = notice(moment, &id)?;
        let actor = actor(permit.principal());
        let context = Context {
            now_ms: moment.now_ms,
            actor: &actor,
        };
        let decision = Notice::decide(before.as_ref(), step(body.clone()), &context)?;
        let mut change = Change::default();
        let is_new = before.is_none();
        let mut after = before;
        for event in &decision.events {
            change.append(&stream(&id), Privacy::Public, event.kind(), event)?;
            let applied = Notice::apply(after.take(), event);
            after = Some(applied.map_err(|error| Declined::internal(&error))?);
        }
        let after = after.ok_or_else(|| Declined::not_found("notice"))?;
        let year = after.year.to_string();
        let view = notice_view(&id, after);
        if !is_new {
            return Ok(Decided::new(permit, change, Reply::ok(&view)));
        }
        change.decide(NUMBER_RULE, year.clone().into_bytes(), &[(YEAR, &year)]);
        let reply = Reply::created(format!("/v1/notices/{id}"), &view).with_late(0, "number");
        Ok(Decided::new(permit, change, reply))
    })
    .await
}

fn notice(snapshot: &Snapshot<'_>, id: &str) -> Result<Option<Notice>, Declined> {
    Ok(store::find::<Notice>(snapshot, NOTICE, id)?.map(|stored| stored.body))
}
