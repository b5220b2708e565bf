//! `/v1/screenings`: a name screened by itself, outside any application.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use jiff::civil::Date;
use journal::{Expected, Privacy};
use sanctions::{BirthDate, Identifier, PartyKind, Screening, Subject, screen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::{Resource, can};
use crate::change::Change;
use crate::entities::wire::time;
use crate::http::extract::{Caller, Command, PathOf, QueryOf};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::page::{Page, PageQuery, etag};
use crate::http::problem::{Code, Problem};
use crate::institutions::Node;
use crate::store::{self, kind};
use crate::streams;

/// The kind of [`Inquired`].
pub const INQUIRY_KIND: &str = "screening.inquired.v1";

/// A name was screened by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inquired {
    /// Id of the inquiry.
    pub id: String,
    /// Who was screened.
    pub subject: Subject,
    /// What was found.
    pub screening: Screening,
}

/// Whom to screen.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreeningRequest)]
pub struct InquiryBody {
    /// Every name, in any script.
    #[schema(min_items = 1, max_items = 20)]
    pub names: Vec<String>,
    /// `person`, `company`, `vessel`, `aircraft` or `unknown`.
    #[schema(value_type = String, example = "person", pattern = "^(person|company|vessel|aircraft|unknown)$")]
    pub kind: PartyKind,
    /// Dates of birth, where known.
    #[serde(default)]
    #[schema(value_type = Vec<crate::http::texts::DayText>, max_items = 10)]
    pub dates_of_birth: Vec<Date>,
    /// Document and registration numbers.
    #[serde(default)]
    #[schema(value_type = Vec<DocumentNumber>, max_items = 20)]
    pub identifiers: Vec<Identifier>,
    /// Nationality, residence or registration.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub countries: Vec<String>,
}

/// A document or registration number, for the document about the API.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the wire form of `sanctions::Identifier`"
)]
pub struct DocumentNumber {
    /// What it is called.
    #[schema(max_length = 200, example = "Passport")]
    kind: String,
    /// The number.
    #[schema(max_length = 200)]
    value: String,
}

/// A screening that was asked for by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Screening)]
pub struct InquiryView {
    /// Id of the inquiry.
    pub id: String,
    /// `clear`, `review` or `block`.
    pub verdict: String,
    /// Verdict, hits with their features, lists with version and digest, and reasons.
    #[schema(value_type = Object)]
    pub screening: Screening,
}

impl From<Inquired> for InquiryView {
    fn from(inquired: Inquired) -> Self {
        let verdict = super::reviews::verdict_text(inquired.screening.verdict);
        Self {
            id: inquired.id,
            verdict: verdict.to_owned(),
            screening: inquired.screening,
        }
    }
}

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
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let Command { body, ticket } = command;
    check(&body)?;
    let id = uuid::Uuid::now_v7().to_string();
    let subject = Subject {
        names: body.names,
        kind: body.kind,
        births: body
            .dates_of_birth
            .into_iter()
            .map(BirthDate::exact)
            .collect(),
        identifiers: body.identifiers,
        countries: body.countries,
    };
    execute(&node.platform, &permit, &ticket, |now_ms| {
        let desk = node.shelf.desk();
        let screening = screen(&subject, &desk.lists, time(now_ms), &desk.policy);
        let inquired = Inquired {
            id: id.clone(),
            subject: subject.clone(),
            screening,
        };
        let stream = streams::inquiry(&id);
        let mut change = Change::new(now_ms);
        let (privacy, head) = (Privacy::Personal, Expected::NoStream);
        change.append(&stream, privacy, head, INQUIRY_KIND, &inquired)?;
        let reply = Reply::created(format!("/v1/screenings/{id}"), &InquiryView::from(inquired));
        Ok(Decided {
            transaction: change.into_transaction(),
            reply,
            reply_owner: Some(stream),
        })
    })
    .await
}

fn check(body: &InquiryBody) -> Result<(), Problem> {
    let rules = [
        (
            "/names",
            (1..=20).contains(&body.names.len()),
            "1 to 20 names",
        ),
        (
            "/names",
            body.names.iter().all(|n| n.len() <= 500),
            "names of at most 500 bytes",
        ),
        (
            "/dates_of_birth",
            body.dates_of_birth.len() <= 10,
            "at most 10 dates",
        ),
        (
            "/identifiers",
            body.identifiers.len() <= 20,
            "at most 20 identifiers",
        ),
        (
            "/countries",
            body.countries.len() <= 20,
            "at most 20 countries",
        ),
    ];
    let texts = body
        .identifiers
        .iter()
        .flat_map(|it| [&it.kind, &it.value])
        .chain(&body.countries);
    let bounded = (
        "/identifiers",
        texts.clone().all(|t| t.len() <= 200),
        "texts of at most 200 bytes",
    );
    match rules
        .into_iter()
        .chain([bounded])
        .find(|(_, holds, _)| !holds)
    {
        None => Ok(()),
        Some((pointer, _, rule)) => Err(Problem::new(
            Code::RuleViolated,
            "the screening has too much in it",
        )
        .with_error(pointer, "length", format!("{pointer} takes {rule}"))),
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
) -> Result<Json<Page<InquiryView>>, Problem> {
    let reader = &node.platform.reader;
    let found =
        store::list::<Inquired>(reader, kind::INQUIRY, &[], page.after(), page.limit() + 1)?;
    let items = found.into_iter().map(|stored| stored.body.into()).collect();
    Ok(Json(Page::cut(
        items,
        page.limit(),
        |item: &InquiryView| item.id.clone(),
    )))
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
) -> Result<impl IntoResponse, Problem> {
    let found = store::find::<Inquired>(&node.platform.reader, kind::INQUIRY, &id)?;
    let stored = found.ok_or_else(|| Problem::not_found("screening"))?;
    let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(stored.version))];
    Ok((headers, Json(InquiryView::from(stored.body))))
}
