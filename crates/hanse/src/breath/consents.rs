//! Recording what a person agreed to, and taking it back.

use api::problem::Code;
use api::receipt::Receipted;
use axum::Json;
use axum::extract::State;
use ids::aggregate::Aggregate as _;
use journal::Privacy;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::consent::{self, Consent, ConsentEvent, Refusal};
use super::erase;
use super::ids::BreathPerson;
use crate::breath::can;
use crate::entities::wire::time;
use crate::records::kind;
use crate::state::Node;
use crate::streams;
use ids::PrincipalId;
use platform::auth::Resource;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, Empty, PathOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, StoreError};

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
    moment: &Moment<'_>,
    person: &BreathPerson,
    principal: &PrincipalId,
) -> Result<Consent, Declined> {
    found(moment, person)?
        .filter(|consent| consent.concerns(principal))
        .ok_or_else(|| refused(Refusal::Unknown))
}

/// Refuses whom the person did not agree to, or no longer agrees to. Whether they agreed to another is not told. `pointer`
/// says what in the request it is about.
///
/// # Errors
/// `rule_violated`, or the journal fails.
pub fn check_in_force(
    moment: &Moment<'_>,
    person: &BreathPerson,
    principal: &PrincipalId,
    pointer: &str,
) -> Result<(), Declined> {
    if found(moment, person)?.is_some_and(|consent| consent.allows(principal)) {
        return Ok(());
    }
    Err(
        Declined::new(Code::RuleViolated, "no consent of this person is in force").with_error(
            pointer,
            "consent",
            "record the person's consent first; one that was taken back is not given again",
        ),
    )
}

/// The consent of a person, whoever asks.
///
/// # Errors
/// The journal fails.
pub fn found(moment: &Moment<'_>, person: &BreathPerson) -> Result<Option<Consent>, StoreError> {
    let found = store::find(moment, kind::BREATH_CONSENT, person.as_str())?;
    Ok(found.map(|stored| stored.body))
}

fn refused(refusal: Refusal) -> Declined {
    match refusal {
        Refusal::Unknown => Declined::not_found("consent"),
        Refusal::RecordedBefore | Refusal::WithdrawnBefore => {
            Declined::new(Code::Conflict, refusal.to_string())
        }
    }
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
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    execute(&node.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let head = moment.stream_head(&streams::breath_consent(&body.person));
        let is_used = head.map_err(StoreError::from)?.is_some();
        let record = consent::Command::Record { is_used };
        let mut change = Change::default();
        let by = permit.principal();
        let consent = decide(moment, by, &body.person, record, &mut change)?;
        let location = format!("/v1/breath/consents/{}", body.person);
        let reply = Reply::created(location, &consent);
        let decided = Decided::new(permit, change, reply);
        Ok(decided.sealed_by(streams::breath_consent(&body.person)))
    })
    .await
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
) -> Result<Json<Consent>, Declined> {
    let read = move |moment: &Moment<'_>| of(moment, &person, caller.principal()).map(Json);
    node.platform.read(read).await
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
) -> Result<Outcome, Declined> {
    execute(
        &node.platform,
        caller,
        command.ticket,
        move |moment, caller| {
            let permit = caller.permit(Resource::Zone)?;
            of(moment, &person, permit.principal())?;
            let mut change = Change::default();
            let sessions = erase::everything_of(moment, &person, &mut change)?;
            let withdraw = consent::Command::Withdraw { sessions };
            let by = permit.principal();
            let consent = decide(moment, by, &person, withdraw, &mut change)?;
            let decided = Decided::new(permit, change, Reply::ok(&consent));
            Ok(decided.sealed_by(streams::breath_consent(&person)))
        },
    )
    .await
}

/// Decides a command on the consent of a person, and adds what happens. Answers the consent after it.
///
/// # Errors
/// The refusal, or the journal fails.
pub fn decide(
    moment: &Moment<'_>,
    by: &PrincipalId,
    person: &BreathPerson,
    command: consent::Command,
    change: &mut Change,
) -> Result<Consent, Declined> {
    let before = found(moment, person)?;
    let context = consent::Context {
        person,
        by,
        at: time(moment.now_ms),
    };
    let decision = Consent::decide(before.as_ref(), command, &context).map_err(refused)?;
    let stream = streams::breath_consent(person);
    let mut after = before;
    for event in &decision.events {
        let (kind, privacy) = (event.kind(), Privacy::Personal);
        match event {
            ConsentEvent::Consented(data) => change.append(&stream, privacy, kind, data)?,
            ConsentEvent::Withdrawn(data) => change.append(&stream, privacy, kind, data)?,
            ConsentEvent::SafetyOver(data) => change.append(&stream, privacy, kind, data)?,
        }
        after = Some(Consent::apply(after, event).map_err(|misfit| Declined::internal(&misfit))?);
    }
    after.ok_or_else(|| refused(Refusal::Unknown))
}
