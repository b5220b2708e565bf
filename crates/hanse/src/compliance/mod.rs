//! `/v1/entities/{id}/evidence` and `/evaluations`: what authorities attest, and how the law judges it.

pub mod can;
mod judge;
mod project;
mod wire;

use api::compliance::{EvaluationBody, EvaluationView, EvidenceView};
use api::page::{Page, PageQuery};
use api::problem::Code;
use api::receipt::Receipted;
use api::scope::{ReadScope, Scope};
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use evidence::canonical;
use evidence::digest::Digest;
use ids::EntityId;
use ids::aggregate::Aggregate as _;
use journal::Privacy;
use law::compliance::{
    CommitmentOpening, Denial, Domain, DomainResult, Evaluation, EvidenceRefusal, EvidenceSubject,
    Operation, PackVersion, VerifiedEvidence,
};
use mez::entity::{Command as Step, Entity};
use mez::file::{self, Accept, EvidenceAccepted, OnFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::entities::wire::actor;
use crate::entities::{advance, permitted};
use crate::institution::Institution;
use crate::records::kind;
use crate::state::Node;
use crate::streams;
use judge::Believing;
use platform::auth::Permit;
use platform::change::Change;
use platform::declined::{Chain, Declined};
use platform::http::extract::{Caller, Command, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

pub use judge::{evaluate, keep};

/// Evidence and judgements.
pub const INSTITUTION: Institution = Institution {
    name: "compliance",
    projections: &[
        (EvidenceAccepted::KIND, project::evidence_accepted),
        (EVALUATED_KIND, project::evaluated),
    ],
    routes,
    sealed: &[("mez/compliance", Some(READ)), ("mez/evidence", Some(READ))],
    ..Institution::NONE
};

const READ: Scope = Scope::Read(ReadScope::ComplianceRead);

/// The kind of [`Evaluated`].
pub const EVALUATED_KIND: &str = "compliance.evaluated.v1";

/// A full judgement with its opening, kept where only the entitled read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluated {
    /// About whom.
    pub entity: EntityId,
    /// For what.
    pub operation: Operation,
    /// As of when, in milliseconds since 1970-01-01T00:00:00Z.
    pub as_of_ms: i64,
    /// All twenty results.
    pub domains: BTreeMap<Domain, DomainResult>,
    /// What blocks the operation.
    pub denials: Vec<Denial>,
    /// The exact rules.
    pub rules: Vec<PackVersion>,
    /// The commitment.
    pub commitment: Digest,
    /// What it commits to.
    pub opening: CommitmentOpening,
}

impl From<&Evaluation> for Evaluated {
    fn from(evaluation: &Evaluation) -> Self {
        Self {
            entity: evaluation.subject().clone(),
            operation: evaluation.operation(),
            as_of_ms: evaluation.as_of_ms(),
            domains: evaluation.domains().clone(),
            denials: evaluation.denials(),
            rules: evaluation.rules().to_vec(),
            commitment: evaluation.commitment(),
            opening: evaluation.opening().clone(),
        }
    }
}

fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_evidence, submit_evidence))
        .routes(routes!(find_evaluation, evaluate_entity))
}

/// The evidence on the file of an entity.
#[utoipa::path(
    get, path = "/v1/entities/{id}/evidence", tag = "compliance",
    params(("id" = inline(EntityId), Path), PageQuery),
    responses((status = 200, description = "One page of evidence.", body = Page<EvidenceView>))
)]
async fn list_evidence(
    caller: Caller<can::ReadCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<EvidenceView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        permitted(moment, &caller, &id)?;
        let filter = [("entity", id.as_str())];
        let (after, limit) = (page.after(), page.limit());
        let found: Vec<Stored<EvidenceAccepted>> =
            store::list(moment, kind::EVIDENCE, &filter, after, limit + 1)?;
        let views = found.into_iter().map(|stored| evidence_view(stored.body));
        let key = |item: &EvidenceView| item.id.clone();
        Ok(Json(Page::cut(views.collect(), limit, key)))
    };
    node.platform.read(list).await
}

/// Submit a credential as evidence about an entity or a person behind it. It is verified before it counts, and again
/// at every judgement: issuer, signature, period, status.
#[utoipa::path(
    post, path = "/v1/entities/{id}/evidence", tag = "compliance", params(("id" = inline(EntityId), Path)),
    request_body = Object,
    responses((status = 201, description = "It is on file.", body = Receipted<EvidenceView>))
)]
async fn submit_evidence(
    caller: Caller<can::EvaluateCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<Value>,
) -> Result<Outcome, Declined> {
    let platform = Arc::clone(&node.platform);
    let Command { body, ticket } = command;
    let bytes = canonical::to_vec(&body).map_err(|error| Declined::internal(&error))?;
    execute(&platform, caller, ticket, move |moment, caller| {
        let (stored, permit) = permitted(moment, caller, &id)?;
        let believing = Believing::at(&node, moment)?;
        let verified = believing.verify(&bytes).map_err(not_believed)?;
        accept(moment, permit, &stored.body, verified, &body)
    })
    .await
}

fn accept(
    moment: &Moment<'_>,
    permit: Permit,
    entity: &Entity,
    verified: VerifiedEvidence,
    credential: &Value,
) -> Result<Decided, Declined> {
    let stream = match verified.subject() {
        EvidenceSubject::Entity(id) => streams::evidence(id),
        EvidenceSubject::Person(id) => streams::person(id),
    };
    let id = verified.digest().to_string();
    let on_file = store::find::<EvidenceAccepted>(moment, kind::EVIDENCE, &id)?;
    let credential = credential.clone();
    let command = Accept {
        verified,
        credential,
    };
    let on_file = on_file.map(|stored| stored.body);
    let decision = OnFile::decide(on_file.as_ref(), command, entity).map_err(refused)?;
    let mut change = Change::default();
    for accepted in &decision.events {
        change.append(&stream, Privacy::Personal, EvidenceAccepted::KIND, accepted)?;
    }
    let accepted = OnFile::replay(on_file, &decision.events)
        .expect("an event fits the state it was decided on")
        .expect("something happened");
    let location = format!("/v1/entities/{}/evidence", entity.id);
    let reply = Reply::created(location, &evidence_view(accepted));
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

fn refused(refusal: file::Refusal) -> Declined {
    let detail = refusal.to_string();
    match refusal {
        file::Refusal::SomebodyElse => Declined::new(
            Code::RuleViolated,
            "the evidence is about somebody else",
        )
        .with_error("/credentialSubject/id", "subject", detail),
        file::Refusal::OnFile => Declined::new(Code::Conflict, detail),
    }
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EvaluationQuery {
    /// For what, such as `entity.formation`.
    #[param(inline)]
    operation: api::compliance::Operation,
}

/// The newest recorded judgement of an entity for an operation.
#[utoipa::path(
    get, path = "/v1/entities/{id}/evaluations", tag = "compliance",
    params(("id" = inline(EntityId), Path), EvaluationQuery),
    responses((status = 200, description = "The judgement.", body = EvaluationView))
)]
async fn find_evaluation(
    caller: Caller<can::ReadCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    QueryOf(query): QueryOf<EvaluationQuery>,
) -> Result<Json<EvaluationView>, Declined> {
    let find = move |moment: &Moment<'_>| {
        permitted(moment, &caller, &id)?;
        let record = evaluation_id(&id, wire::operation(query.operation));
        let found = store::find::<Evaluated>(moment, kind::EVALUATION, &record)?;
        let stored = found.ok_or_else(|| Declined::not_found("evaluation"))?;
        Ok(Json(wire::evaluation_view(&stored.body)))
    };
    node.platform.read(find).await
}

/// Judge an entity for an operation, as of now, and record the judgement whatever its outcome.
#[utoipa::path(
    post, path = "/v1/entities/{id}/evaluations", tag = "compliance", params(("id" = inline(EntityId), Path)),
    request_body = EvaluationBody,
    responses((status = 201, description = "It is judged.", body = Receipted<EvaluationView>))
)]
async fn evaluate_entity(
    caller: Caller<can::EvaluateCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<EvaluationBody>,
) -> Result<Outcome, Declined> {
    let platform = Arc::clone(&node.platform);
    let Command { body, ticket } = command;
    execute(&platform, caller, ticket, move |moment, caller| {
        let (stored, permit) = permitted(moment, caller, &id)?;
        let evaluation = evaluate(&node, moment, &stored.body, wire::operation(body.operation))?;
        let actor = actor(permit.principal());
        let context = node.context(moment.now_ms, &actor);
        let mut change = Change::default();
        let step = Step::RecordEvaluation(Box::new(evaluation.clone()));
        advance(&mut change, Some(stored.body), step, &context)?;
        keep(&mut change, &evaluation)?;
        let view = wire::evaluation_view(&Evaluated::from(&evaluation));
        let reply = Reply::created(format!("/v1/entities/{id}/evaluations"), &view);
        Ok(Decided::new(permit, change, reply).sealed_by(streams::compliance(&id)))
    })
    .await
}

/// The id of the record of the newest judgement for an operation.
pub fn evaluation_id(entity: &EntityId, operation: Operation) -> String {
    format!("{entity}.{operation}")
}

fn not_believed(refusal: EvidenceRefusal) -> Declined {
    Declined::new(Code::RuleViolated, "the evidence does not count").with_error(
        "",
        "verified_evidence",
        Chain(&refusal).to_string(),
    )
}

fn evidence_view(accepted: EvidenceAccepted) -> EvidenceView {
    EvidenceView {
        id: accepted.digest.to_string(),
        entity: accepted.entity.to_string(),
        subject: accepted.subject,
        kind: accepted.kind.to_string(),
        domain: accepted.domain.to_string(),
        issuer: accepted.issuer,
    }
}
