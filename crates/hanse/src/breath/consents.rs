//! What a person agreed to, and taking it back.

use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use journal::{Expected, Privacy, Reader};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::ids::BreathPerson;
use super::{erase, sessions};
use crate::auth::{PrincipalId, Resource, can};
use crate::change::Change;
use crate::entities::wire::time;
use crate::http::extract::{Caller, Command, Empty, PathOf};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::problem::{Code, Problem};
use crate::institutions::Node;
use crate::store::{self, Stored, kind};
use crate::streams;

/// The kind of [`Consented`].
pub const CONSENTED_KIND: &str = "breath.consented.v1";
/// The kind of [`Withdrawn`].
pub const WITHDRAWN_KIND: &str = "breath.consent_withdrawn.v1";
/// What is agreed to: docs/zenb/consent.md.
pub const TERMS: &str = "record-and-guide/1";

/// A person agreed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consented {
    /// Who.
    pub person: BreathPerson,
    /// To what.
    pub terms: String,
    /// Who recorded it, and alone may guide the person.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
}

/// A person took it back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// Who.
    pub person: BreathPerson,
    /// Who recorded it.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
    /// How many sessions were shredded with it.
    pub sessions: u64,
}

/// The consent of a person as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// Who.
    pub person: BreathPerson,
    /// To what.
    #[schema(example = "record-and-guide/1")]
    pub terms: String,
    /// Who recorded it, and alone may guide the person.
    pub by: PrincipalId,
    /// When it was given.
    #[schema(value_type = String, format = DateTime)]
    pub given_at: Timestamp,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_at: Option<Timestamp>,
}

impl Consent {
    /// Whether a principal may know of it: who guides the person, and the person.
    pub fn concerns(&self, principal: &PrincipalId) -> bool {
        self.by == *principal || principal.as_str() == self.person.as_str()
    }
}

/// Whose consent is recorded.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConsentBody {
    /// Who agrees.
    person: BreathPerson,
}

/// The consent of a person, if this principal may know of it.
///
/// # Errors
/// `not_found`, or the journal fails.
pub fn of(
    reader: &Reader,
    person: &BreathPerson,
    principal: &PrincipalId,
) -> Result<Stored<Consent>, Problem> {
    let found = store::find::<Consent>(reader, kind::BREATH_CONSENT, person.as_str())?;
    found
        .filter(|consent| consent.body.concerns(principal))
        .ok_or_else(|| Problem::not_found("consent"))
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(record_consent))
        .routes(routes!(find_consent))
        .routes(routes!(withdraw_consent))
}

/// Record that a person agrees to be recorded and guided.
#[utoipa::path(
    post, path = "/v1/breath/consents", tag = "breath", request_body = ConsentBody,
    responses((status = 201, description = "It is recorded.", body = Receipted<Consent>))
)]
async fn record_consent(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    command: Command<ConsentBody>,
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let person = &command.body.person;
    execute(&node.platform, &permit, &command.ticket, |now_ms| {
        let stream = streams::breath_consent(person);
        let by = permit.principal().clone();
        match store::expected(&node.platform.reader, &stream)? {
            Expected::NoStream => {}
            _ => return Err(recorded_before()),
        }
        let consented = Consented {
            person: person.clone(),
            terms: TERMS.to_owned(),
            by: by.clone(),
            at: time(now_ms),
        };
        let mut change = Change::new(now_ms);
        change.append(
            &stream,
            Privacy::Personal,
            Expected::NoStream,
            CONSENTED_KIND,
            &consented,
        )?;
        let consent = Consent {
            person: person.clone(),
            terms: consented.terms,
            by,
            given_at: consented.at,
            withdrawn_at: None,
        };
        Ok(Decided {
            transaction: change.into_transaction(),
            reply: Reply::created(format!("/v1/breath/consents/{person}"), &consent),
            reply_owner: Some(stream),
        })
    })
    .await
}

/// A pseudonym whose consent was taken back is retired: what inhibited it is shredded, and must not look like nothing.
fn recorded_before() -> Problem {
    Problem::new(
        Code::Conflict,
        "consent was recorded for this pseudonym before; a person who comes back takes another one",
    )
}

/// The consent of one person.
#[utoipa::path(
    get, path = "/v1/breath/consents/{person}", tag = "breath", params(("person" = BreathPerson, Path)),
    responses((status = 200, description = "The consent.", body = Consent))
)]
async fn find_consent(
    caller: Caller<can::ReadSessions>,
    State(node): State<Node>,
    PathOf(person): PathOf<BreathPerson>,
) -> Result<Json<Consent>, Problem> {
    Ok(Json(
        of(&node.platform.reader, &person, caller.principal())?.body,
    ))
}

/// Take consent back. Every session of the person is shredded in the same transaction; what was proven stays provable.
#[utoipa::path(
    post, path = "/v1/breath/consents/{person}/withdraw", tag = "breath", params(("person" = BreathPerson, Path)),
    responses((status = 200, description = "It is taken back, and what was recorded is gone.", body = Receipted<Consent>))
)]
async fn withdraw_consent(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    PathOf(person): PathOf<BreathPerson>,
    command: Command<Empty>,
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let shredded = Mutex::new(Vec::new());
    let outcome = execute(&node.platform, &permit, &command.ticket, |now_ms| {
        let reader = &node.platform.reader;
        let stream = streams::breath_consent(&person);
        let expected = store::expected(reader, &stream)?;
        let mut consent = of(reader, &person, permit.principal())?.body;
        if consent.withdrawn_at.is_some() {
            return Err(Problem::new(
                Code::Conflict,
                "consent was taken back already",
            ));
        }
        consent.withdrawn_at = Some(time(now_ms));
        let mut transaction = journal::Transaction::new(now_ms, "");
        let sessions = erase::everything_of(reader, &person, &mut transaction)?;
        let mut change = Change::on(transaction);
        let withdrawn = Withdrawn {
            person: person.clone(),
            by: permit.principal().clone(),
            at: time(now_ms),
            sessions: sessions.len() as u64,
        };
        *shredded.lock().unwrap_or_else(PoisonError::into_inner) = sessions;
        change.append(
            &stream,
            Privacy::Personal,
            expected,
            WITHDRAWN_KIND,
            &withdrawn,
        )?;
        Ok(Decided {
            transaction: change.into_transaction(),
            reply: Reply::ok(&consent),
            reply_owner: Some(stream),
        })
    })
    .await?;
    let shredded = shredded
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    sessions::forget(&node, &shredded);
    Ok(outcome)
}
