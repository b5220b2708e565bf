//! `/v1/entities/{id}/evidence` and `/evaluations`: what authorities attest, and how the law judges it.

mod judge;
mod project;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use evidence::canonical;
use evidence::digest::Digest;
use ids::{EntityId, PackItemId, PersonId};
use jiff::Timestamp;
use journal::Privacy;
use law::compliance::{
    CommitmentOpening, Denial, Domain, DomainResult, Evaluation, EvidenceRefusal, EvidenceSubject,
    Operation, PackVersion, VerifiedEvidence,
};
use mez::entity::{Command as Step, Entity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::entities::wire::{actor, time};
use crate::entities::{advance, permitted};
use crate::institution::Institution;
use crate::records::kind;
use crate::state::Node;
use crate::streams;
use judge::Believing;
use platform::auth::{Permit, ReadScope, Scope, can};
use platform::change::Change;
use platform::http::extract::{Caller, Command, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use platform::http::page::{Page, PageQuery};
use platform::http::problem::{Chain, Code, Problem};
use platform::http::texts::EntityIdText;
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

pub use judge::{evaluate, keep};

/// Evidence and judgements.
pub const INSTITUTION: Institution = Institution {
    name: "compliance",
    projections: &[
        (ACCEPTED_KIND, project::evidence_accepted),
        (EVALUATED_KIND, project::evaluated),
    ],
    routes,
    sealed: &[("mez/compliance", Some(READ)), ("mez/evidence", Some(READ))],
    ..Institution::NONE
};

const READ: Scope = Scope::Read(ReadScope::ComplianceRead);

/// The kind of [`EvidenceAccepted`].
pub const ACCEPTED_KIND: &str = "evidence.accepted.v1";
/// The kind of [`Evaluated`].
pub const EVALUATED_KIND: &str = "compliance.evaluated.v1";

/// A credential was accepted as evidence.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceAccepted {
    /// To whose file it belongs.
    pub entity: EntityId,
    /// Whom it is about, as a URN.
    pub subject: String,
    /// What it shows.
    pub kind: PackItemId,
    /// The domain in which it counts.
    pub domain: Domain,
    /// Who attests it.
    pub issuer: String,
    /// Digest of the credential.
    pub digest: Digest,
    /// The credential.
    pub credential: Value,
}

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

/// A credential on the file of an entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub struct EvidenceView {
    /// Id: the digest of the credential.
    pub id: String,
    /// To whose file it belongs.
    pub entity: String,
    /// Whom it is about, as a URN.
    pub subject: String,
    /// What it shows.
    pub kind: String,
    /// The domain in which it counts.
    #[schema(value_type = String)]
    pub domain: Domain,
    /// Who attests it.
    pub issuer: String,
}

/// A judgement over all twenty domains.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Evaluation)]
pub struct EvaluationView {
    /// About whom.
    pub entity: String,
    /// For what.
    #[schema(value_type = String, example = "entity.formation")]
    pub operation: Operation,
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// Whether nothing blocks the operation.
    pub allowed: bool,
    /// State, reasons and evidence of each domain.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub domains: BTreeMap<Domain, DomainResult>,
    /// What blocks: each with clause and source.
    #[schema(value_type = Vec<Object>)]
    pub denials: Vec<Denial>,
    /// The exact rules.
    #[schema(value_type = Vec<Object>)]
    pub rules: Vec<PackVersion>,
    /// Commits to subject, time, states, evidence, facts and rules.
    #[schema(value_type = String)]
    pub commitment: Digest,
}

impl From<&Evaluated> for EvaluationView {
    fn from(evaluated: &Evaluated) -> Self {
        Self {
            entity: evaluated.entity.to_string(),
            operation: evaluated.operation,
            as_of: time(evaluated.as_of_ms),
            allowed: evaluated.denials.is_empty(),
            domains: evaluated.domains.clone(),
            denials: evaluated.denials.clone(),
            rules: evaluated.rules.clone(),
            commitment: evaluated.commitment,
        }
    }
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

/// What to judge.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationBody {
    /// For what, such as `entity.formation`.
    #[schema(value_type = OperationText)]
    pub operation: Operation,
}

fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_evidence, submit_evidence))
        .routes(routes!(find_evaluation, evaluate_entity))
}

/// The evidence on the file of an entity.
#[utoipa::path(
    get, path = "/v1/entities/{id}/evidence", tag = "compliance",
    params(("id" = inline(EntityIdText), Path), PageQuery),
    responses((status = 200, description = "One page of evidence.", body = Page<EvidenceView>))
)]
async fn list_evidence(
    caller: Caller<can::ReadCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<EvidenceView>>, Problem> {
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
    post, path = "/v1/entities/{id}/evidence", tag = "compliance", params(("id" = inline(EntityIdText), Path)),
    request_body = Object,
    responses((status = 201, description = "It is on file.", body = Receipted<EvidenceView>))
)]
async fn submit_evidence(
    caller: Caller<can::EvaluateCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<Value>,
) -> Result<Outcome, Problem> {
    let platform = Arc::clone(&node.platform);
    let Command { body, ticket } = command;
    let bytes = canonical::to_vec(&body).map_err(|error| Problem::internal(&error))?;
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
) -> Result<Decided, Problem> {
    let stream = match verified.subject() {
        EvidenceSubject::Entity(id) if *id == entity.id => streams::evidence(id),
        EvidenceSubject::Person(id) if is_party(entity, id) => streams::person(id),
        EvidenceSubject::Entity(_) | EvidenceSubject::Person(_) => {
            return Err(
                Problem::new(Code::RuleViolated, "the evidence is about somebody else").with_error(
                    "/credentialSubject/id",
                    "subject",
                    "the subject is neither the entity nor a person behind it",
                ),
            );
        }
    };
    let accepted = EvidenceAccepted {
        entity: entity.id.clone(),
        subject: verified.subject().to_string(),
        kind: verified.kind().clone(),
        domain: verified.domain(),
        issuer: verified.issuer().to_owned(),
        digest: verified.digest(),
        credential: credential.clone(),
    };
    let id = accepted.digest.to_string();
    if store::find::<EvidenceAccepted>(moment, kind::EVIDENCE, &id)?.is_some() {
        return Err(Problem::new(
            Code::Conflict,
            "this credential is on file already",
        ));
    }
    let mut change = Change::default();
    change.append(&stream, Privacy::Personal, ACCEPTED_KIND, &accepted)?;
    let location = format!("/v1/entities/{}/evidence", entity.id);
    let reply = Reply::created(location, &evidence_view(accepted));
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

fn is_party(entity: &Entity, person: &PersonId) -> bool {
    entity.directors.contains(person) || entity.owners.iter().any(|stake| stake.person == *person)
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EvaluationQuery {
    /// For what, such as `entity.formation`.
    #[param(inline, value_type = OperationText)]
    operation: Operation,
}

/// The newest recorded judgement of an entity for an operation.
#[utoipa::path(
    get, path = "/v1/entities/{id}/evaluations", tag = "compliance",
    params(("id" = inline(EntityIdText), Path), EvaluationQuery),
    responses((status = 200, description = "The judgement.", body = EvaluationView))
)]
async fn find_evaluation(
    caller: Caller<can::ReadCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    QueryOf(query): QueryOf<EvaluationQuery>,
) -> Result<Json<EvaluationView>, Problem> {
    let find = move |moment: &Moment<'_>| {
        permitted(moment, &caller, &id)?;
        let record = evaluation_id(&id, query.operation);
        let found = store::find::<Evaluated>(moment, kind::EVALUATION, &record)?;
        let stored = found.ok_or_else(|| Problem::not_found("evaluation"))?;
        Ok(Json(EvaluationView::from(&stored.body)))
    };
    node.platform.read(find).await
}

/// Judge an entity for an operation, as of now, and record the judgement whatever its outcome.
#[utoipa::path(
    post, path = "/v1/entities/{id}/evaluations", tag = "compliance", params(("id" = inline(EntityIdText), Path)),
    request_body = EvaluationBody,
    responses((status = 201, description = "It is judged.", body = Receipted<EvaluationView>))
)]
async fn evaluate_entity(
    caller: Caller<can::EvaluateCompliance>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<EvaluationBody>,
) -> Result<Outcome, Problem> {
    let platform = Arc::clone(&node.platform);
    let Command { body, ticket } = command;
    execute(&platform, caller, ticket, move |moment, caller| {
        let (stored, permit) = permitted(moment, caller, &id)?;
        let evaluation = evaluate(&node, moment, &stored.body, body.operation)?;
        let actor = actor(permit.principal());
        let context = node.context(moment.now_ms, &actor);
        let mut change = Change::default();
        let step = Step::RecordEvaluation(Box::new(evaluation.clone()));
        advance(&mut change, Some(stored.body), step, &context)?;
        keep(&mut change, &evaluation)?;
        let view = EvaluationView::from(&Evaluated::from(&evaluation));
        let reply = Reply::created(format!("/v1/entities/{id}/evaluations"), &view);
        Ok(Decided::new(permit, change, reply).sealed_by(streams::compliance(&id)))
    })
    .await
}

/// The id of the record of the newest judgement for an operation.
pub fn evaluation_id(entity: &EntityId, operation: Operation) -> String {
    format!("{entity}.{operation}")
}

fn not_believed(refusal: EvidenceRefusal) -> Problem {
    Problem::new(Code::RuleViolated, "the evidence does not count").with_error(
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
        domain: accepted.domain,
        issuer: accepted.issuer,
    }
}

/// How `law::compliance::Operation` looks in the document about the API.
#[derive(Debug)]
enum OperationText {}

impl utoipa::PartialSchema for OperationText {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let names = Operation::ALL.map(|operation| operation.as_str());
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(names))
            .into()
    }
}

impl ToSchema for OperationText {}
