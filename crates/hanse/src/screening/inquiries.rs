//! `/v1/screenings`: a name screened by itself, outside any application.

use api::page::{Page, PageQuery};
use api::problem::Code;
use api::receipt::Receipted;
use api::screening::{InquiryBody, InquiryView};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use ids::aggregate::Aggregate as _;
use journal::{Privacy, Snapshot};
use mez::screening::inquiry::{Context, INQUIRED, Inquire, Inquired, Refusal};
use utoipa_axum::router::OpenApiRouter;

use super::wire::{inquiry_view, subject};
use crate::entities::wire::time;
use crate::records::kind;
use crate::screening::can;
use crate::state::{Institutions, Node};
use crate::streams;
use platform::auth::{Permit, Resource};
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::http::page::etag;
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, StoreError, Stored};

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_screenings, screen_name))
        .routes(routes!(find_screening))
}

/// Screen a name on the lists in force. The inquiry is journalled, sealed.
#[utoipa::path(
    post, path = "/v1/screenings", tag = "screening", request_body = InquiryBody,
    responses((status = 201, description = "What was found.", body = Receipted<InquiryView>))
)]
async fn screen_name(
    caller: Caller<can::ScreenName>,
    State(node): State<Node>,
    command: Command<InquiryBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let inquire = Inquire {
        id: uuid::Uuid::now_v7().to_string(),
        subject: subject(body),
    };
    let shared = node.clone();
    execute(&node.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        ask(&shared, moment, permit, inquire.clone())
    })
    .await
}

fn ask(
    node: &Institutions,
    moment: &Moment<'_>,
    permit: Permit,
    inquire: Inquire,
) -> Result<Decided, Declined> {
    let desk = node.shelf.desk(moment)?;
    let context = Context {
        at: time(moment.now_ms),
        lists: &desk.lists,
        policy: &desk.policy,
    };
    let stream = streams::inquiry(&inquire.id);
    let mut inquiry = inquiry(moment, &inquire.id)?.map(|stored| stored.body);
    let decision = Inquired::decide(inquiry.as_ref(), inquire, &context).map_err(refused)?;
    let mut change = Change::default();
    for event in &decision.events {
        change.append(&stream, Privacy::Personal, INQUIRED, event)?;
        let after = Inquired::apply(inquiry.take(), event);
        inquiry = Some(after.map_err(|error| Declined::internal(&error))?);
    }
    let view = inquiry_view(inquiry.ok_or_else(|| Declined::not_found("screening"))?);
    let reply = Reply::created(format!("/v1/screenings/{}", view.id), &view);
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

fn inquiry(at: &Snapshot<'_>, id: &str) -> Result<Option<Stored<Inquired>>, StoreError> {
    store::find(at, kind::INQUIRY, id)
}

/// What the caller is told when a name is not screened.
fn refused(refusal: Refusal) -> Declined {
    match refusal {
        Refusal::Common(refusal) => refusal.into(),
        Refusal::OutOfLimits { field, rule } => {
            let (pointer, detail) = (format!("/{field}"), format!("/{field} takes {rule}"));
            Declined::new(Code::RuleViolated, "the screening has too much in it")
                .with_error(pointer, "length", detail)
        }
    }
}

/// Screenings that were asked for, by id. Erased ones are gone.
#[utoipa::path(
    get, path = "/v1/screenings", tag = "screening", params(PageQuery),
    responses((status = 200, description = "One page of screenings.", body = Page<InquiryView>))
)]
async fn list_screenings(
    _caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<InquiryView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        let (after, limit) = (page.after(), page.limit());
        let found = store::list::<Inquired>(moment, kind::INQUIRY, &[], after, limit + 1)?;
        let items = found
            .into_iter()
            .map(|stored| inquiry_view(stored.body))
            .collect();
        let key = |item: &InquiryView| item.id.clone();
        Ok(Json(Page::cut(items, limit, key)))
    };
    node.platform.read(list).await
}

/// One screening.
#[utoipa::path(
    get, path = "/v1/screenings/{id}", tag = "screening", params(("id" = String, Path)),
    responses((
        status = 200, description = "The screening.", body = InquiryView,
        headers(("ETag" = String, description = "The version."))
    ))
)]
async fn find_screening(
    _caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
) -> Result<impl IntoResponse, Declined> {
    let find = move |moment: &Moment<'_>| Ok(inquiry(moment, &id)?);
    let found = node.platform.read(find).await?;
    let stored = found.ok_or_else(|| Declined::not_found("screening"))?;
    let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(stored.version))];
    Ok((headers, Json(inquiry_view(stored.body))))
}
