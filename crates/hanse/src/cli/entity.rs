//! `hanse entity`: the register, from application to dissolution.

use std::path::{Path, PathBuf};

use api::compliance::{EvaluationBody, EvaluationView, EvidenceView, Operation};
use api::entities::{
    Approval, DocumentBody, EntityStatus, EntityView, PartyView, PersonView, ReasonBody, StageBody,
    StageProof,
};
use api::receipt::Receipted;
use clap::{Args, Subcommand};
use evidence::digest::Digest;
use evidence::time::{self, TimestampNotCanonical};
use ids::EntityId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::input::one_of;
use super::show::{self, maybe, words};
use super::{Failure, Global, compliance, input};

/// Apply for companies, review, approve, judge and dissolve them.
#[derive(Debug, Subcommand)]
pub enum Entity {
    /// Apply to register a company; it and everybody behind it are screened at once.
    Apply {
        /// The application as JSON; `-` reads it from standard input.
        file: PathBuf,
    },
    /// List the entities that you may see.
    List {
        /// Only those in this state.
        #[arg(long, value_parser = one_of::<EntityStatus>(EntityStatus::TEXTS))]
        status: Option<EntityStatus>,
    },
    /// Show one entity: who screened how, what blocks, who approved.
    Show(Id),
    /// Show the persons behind an entity.
    Persons(Id),
    /// Take an application into review.
    Review(Id),
    /// Approve an application, judged by the law as of now; the last approval registers the company.
    Approve(Id),
    /// Refuse an application.
    Reject(Because),
    /// Bar a company from acting.
    Suspend(Because),
    /// Let a suspended company act again.
    Reinstate(Because),
    /// Put a credential on the file of an entity, or list what is on it.
    Evidence {
        /// The entity.
        id: EntityId,
        /// A credential about the entity or a person behind it; `-` reads it from standard input.
        file: Option<PathBuf>,
    },
    /// Judge an entity by the law as of now; the judgement is recorded whatever its outcome.
    Evaluate {
        /// The entity.
        id: EntityId,
        /// For what.
        #[arg(long, default_value = "entity.formation", value_parser = one_of::<Operation>(Operation::TEXTS))]
        operation: Operation,
        /// Show the newest recorded judgement instead.
        #[arg(long)]
        recorded: bool,
    },
    /// Fetch the evidence bundle of an entity, which `hanse verify` checks offline.
    Bundle {
        /// The entity.
        id: EntityId,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Begin to wind a company up.
    Dissolve {
        /// The entity.
        id: EntityId,
        /// The document that supports it; its digest is journalled, the document stays with you.
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
    /// Complete the current stage of winding up.
    Advance(Advance),
    /// Stop winding up, which is possible until a liquidator is in office.
    Cancel(Because),
}

/// An entity.
#[derive(Debug, Args)]
pub struct Id {
    /// The entity.
    id: EntityId,
}

/// An entity, and why.
#[derive(Debug, Args)]
pub struct Because {
    /// The entity.
    id: EntityId,
    /// Why, for the people concerned to read.
    #[arg(long)]
    reason: String,
}

/// The completion of a stage.
#[derive(Debug, Args)]
pub struct Advance {
    /// The entity.
    id: EntityId,
    /// The document that shows it; its digest is journalled, the document stays with you.
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// Votes in favour of those cast, in hundredths of a per cent, where the stage is a vote.
    #[arg(long, value_name = "BPS", value_parser = clap::value_parser!(u16).range(..=10_000), conflicts_with = "gazetted")]
    in_favour_bps: Option<u16>,
    /// When the notice was published, such as 2026-01-15T12:00:00Z, where the stage is a notice.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    gazetted: Option<Timestamp>,
}

fn instant(text: &str) -> Result<Timestamp, TimestampNotCanonical> {
    time::parse(text)
}

impl Advance {
    fn proof(&self) -> StageProof {
        match (self.in_favour_bps, self.gazetted) {
            (Some(in_favour_bps), _) => StageProof::Vote { in_favour_bps },
            (None, Some(at)) => StageProof::Gazette {
                published_at_ms: at.as_millisecond(),
            },
            (None, None) => StageProof::None {},
        }
    }
}

impl Entity {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused or cannot be reached, or a file cannot be read or written.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        match self {
            Self::Apply { file } => {
                let application = input::json(file)?;
                step(global, "/v1/entities", &application)
            }
            Self::List { status } => list(global, *status),
            Self::Show(Id { id }) => {
                let path = format!("/v1/entities/{id}");
                let found = Client::connect(global)?.read::<EntityView>(&path)?;
                show::answer(global.output(), &found.raw, || describe(&found.body));
                Ok(())
            }
            Self::Persons(Id { id }) => persons(global, id),
            Self::Review(Id { id }) => step(global, &path(id, "review"), &json!({})),
            Self::Approve(Id { id }) => step(global, &path(id, "approve"), &json!({})),
            Self::Reject(because) => because.step(global, "reject"),
            Self::Suspend(because) => because.step(global, "suspend"),
            Self::Reinstate(because) => because.step(global, "reinstate"),
            Self::Evidence {
                id,
                file: Some(file),
            } => submit_evidence(global, id, file),
            Self::Evidence { id, file: None } => {
                let found = Client::connect(global)?.list(&path(id, "evidence"))?;
                let columns = ["domain", "kind", "subject", "issuer"];
                show::table(global.output(), &found, &columns, |it: &EvidenceView| {
                    let EvidenceView {
                        domain,
                        kind,
                        subject,
                        issuer,
                        ..
                    } = it.clone();
                    [domain, kind, subject, issuer]
                });
                Ok(())
            }
            Self::Evaluate {
                id,
                operation,
                recorded,
            } => evaluate(global, id, *operation, *recorded),
            Self::Bundle { id, out } => bundle(global, id, out),
            Self::Dissolve { id, document } => {
                let evidence = digest(document)?;
                let body = DocumentBody { evidence };
                step(global, &path(id, "dissolution"), &body)
            }
            Self::Advance(advance) => {
                let body = StageBody {
                    evidence: digest(&advance.document)?,
                    proof: advance.proof(),
                };
                step(global, &path(&advance.id, "dissolution/advance"), &body)
            }
            Self::Cancel(because) => because.step(global, "dissolution/cancel"),
        }
    }
}

impl Because {
    fn step(&self, global: &Global, name: &str) -> Result<(), Failure> {
        let reason = self.reason.clone();
        step(global, &path(&self.id, name), &ReasonBody { reason })
    }
}

fn path(id: &EntityId, rest: &str) -> String {
    format!("/v1/entities/{id}/{rest}")
}

/// Sends one step in the life of an entity and shows what came of it.
fn step(global: &Global, path: &str, body: &impl Serialize) -> Result<(), Failure> {
    let answer = Client::connect(global)?.send::<Approval>(path, body)?;
    show::answer(global.output(), &answer.raw, || {
        let Approval {
            entity,
            credential_id,
            ..
        } = &answer.body;
        let mut lines = describe(entity);
        lines.extend(show::fields(&[("credential", maybe(credential_id))]));
        lines.extend(show::receipt(&answer.raw));
        lines.extend(next(entity));
        lines
    });
    Ok(())
}

fn list(global: &Global, status: Option<EntityStatus>) -> Result<(), Failure> {
    let query = status.map(|status| format!("?status={status}"));
    let path = format!("/v1/entities{}", query.unwrap_or_default());
    let found = Client::connect(global)?.list(&path)?;
    let columns = ["status", "screening", "number", "name", "id"];
    show::table(global.output(), &found, &columns, |entity: &EntityView| {
        [
            words(&entity.status),
            words(&entity.screening),
            maybe(&entity.registration_number),
            entity.legal_name.clone(),
            entity.id.clone(),
        ]
    });
    Ok(())
}

fn persons(global: &Global, id: &EntityId) -> Result<(), Failure> {
    let found = Client::connect(global)?.read::<Vec<PersonView>>(&path(id, "persons"))?;
    let columns = ["name", "born", "nationality", "identifiers", "id"];
    let persons = found.each();
    show::table(global.output(), &persons, &columns, person_cells);
    Ok(())
}

fn person_cells(person: &PersonView) -> [String; 5] {
    let identifiers = person.identifiers.iter();
    let identifiers = identifiers.map(|it| format!("{} {}", it.kind, it.value));
    [
        match person.erased {
            true => "(erased)".to_owned(),
            false => maybe(&person.name),
        },
        maybe(&person.date_of_birth),
        maybe(&person.nationality),
        identifiers.collect::<Vec<_>>().join(", "),
        person.id.clone(),
    ]
}

fn submit_evidence(global: &Global, id: &EntityId, file: &Path) -> Result<(), Failure> {
    let credential = input::json(file)?;
    let client = Client::connect(global)?;
    let answer = client.send::<Receipted<EvidenceView>>(&path(id, "evidence"), &credential)?;
    show::answer(global.output(), &answer.raw, || {
        let it = &answer.body.body;
        let mut lines = show::fields(&[
            ("on file", it.kind.clone()),
            ("domain", it.domain.clone()),
            ("about", it.subject.clone()),
            ("issuer", it.issuer.clone()),
        ]);
        lines.extend(show::receipt(&answer.raw));
        lines
    });
    Ok(())
}

fn evaluate(
    global: &Global,
    id: &EntityId,
    operation: Operation,
    recorded: bool,
) -> Result<(), Failure> {
    let (client, path) = (Client::connect(global)?, path(id, "evaluations"));
    let answer = if recorded {
        client.read::<EvaluationView>(&format!("{path}?operation={operation}"))?
    } else {
        client.send(&path, &EvaluationBody { operation })?
    };
    show::answer(global.output(), &answer.raw, || {
        let mut lines = compliance::explain(&answer.body);
        lines.extend(show::receipt(&answer.raw));
        lines
    });
    Ok(())
}

fn bundle(global: &Global, id: &EntityId, out: &Path) -> Result<(), Failure> {
    let bytes = Client::connect(global)?.get_bytes(&path(id, "bundle"))?;
    input::write(out, &bytes)?;
    let output = global.output();
    output.object(&json!({ "bundle": out, "bytes": bytes.len() }));
    output.say(&format!("Check it: hanse verify {}", out.display()));
    Ok(())
}

fn digest(document: &Path) -> Result<Digest, Failure> {
    Ok(Digest::raw(&input::bytes(document)?))
}

/// An entity in words.
fn describe(entity: &EntityView) -> Vec<String> {
    let mut lines = show::fields(&[
        ("entity", entity.id.clone()),
        ("name", entity.legal_name.clone()),
        ("status", words(&entity.status)),
        ("reason", maybe(&entity.reason)),
        (
            "type",
            format!("{} in {}", entity.entity_type, entity.jurisdiction),
        ),
        ("number", maybe(&entity.registration_number)),
        ("registered", maybe(&entity.registered_at)),
        ("office", entity.registered_office.clone()),
        ("activities", entity.activities.join(", ")),
        (
            "applied",
            format!("{} by {}", entity.applied_at, entity.applicant),
        ),
        ("approved by", entity.approvals.join(", ")),
        ("screening", words(&entity.screening)),
    ]);
    lines.extend(entity.parties.iter().map(describe_party));
    if let Some(dissolution) = &entity.dissolution {
        lines.push(format!(
            "winding up: {}, since {}, usually complete by {}",
            words(&dissolution.stage),
            dissolution.began_at,
            dissolution.due_by
        ));
    }
    lines
}

fn describe_party(party: &PartyView) -> String {
    let lists = party.lists.iter();
    let lists: Vec<_> = lists
        .map(|it| format!("{} {}", it.name, it.version))
        .collect();
    let on = if lists.is_empty() {
        String::new()
    } else {
        format!(", on {}", lists.join(", "))
    };
    format!("  {:12}  {}{on}", words(&party.standing), party.party)
}

/// What usually follows.
fn next(entity: &EntityView) -> Option<String> {
    let id = &entity.id;
    let hits = matches!(entity.screening.as_str(), "under_review" | "blocked");
    match entity.status.as_str() {
        "applied" => Some(format!("Next: hanse entity review {id}")),
        "in_review" if hits => Some(format!("Next: hanse review list --open --entity {id}")),
        "in_review" => Some(format!(
            "Next: hanse entity evaluate {id}, then hanse entity approve {id}"
        )),
        "active" => Some(format!("Next: hanse entity bundle {id} --out bundle.json")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity() -> EntityView {
        let entity = json!({
            "id": "e-1", "legal_name": "Sindh Weavers (Private) Limited", "status": "in_review",
            "entity_type": "private-limited", "jurisdiction": "pk", "registered_office": "Karachi",
            "activities": ["consulting", "software"], "applied_at": "2026-01-02T03:04:05Z",
            "applicant": "ali", "approvals": [], "screening": "under_review", "directors": [], "owners": [],
            "parties": [{
                "party": "company", "standing": "cleared",
                "lists": [{"name": "ofac-sdn", "version": "2021-07", "digest": Digest::raw(b"")}],
            }],
        });
        serde_json::from_value(entity).unwrap()
    }

    #[test]
    fn an_entity_is_described_without_what_it_does_not_have() {
        let expected = [
            "entity      e-1",
            "name        Sindh Weavers (Private) Limited",
            "status      in review",
            "type        private-limited in pk",
            "office      Karachi",
            "activities  consulting, software",
            "applied     2026-01-02T03:04:05Z by ali",
            "screening   under review",
            "  cleared       company, on ofac-sdn 2021-07",
        ];
        assert_eq!(describe(&entity()), expected);
    }

    #[test]
    fn what_follows_depends_on_status_and_screening() {
        let mut entity = entity();
        assert_eq!(
            next(&entity).unwrap(),
            "Next: hanse review list --open --entity e-1"
        );
        entity.screening = "cleared".to_owned();
        assert!(next(&entity).unwrap().ends_with("hanse entity approve e-1"));
        entity.status = "dissolved".to_owned();
        assert_eq!(next(&entity), None);
    }

    #[test]
    fn an_erased_person_is_shown_as_erased() {
        let person = json!({"id": "p", "erased": true, "identifiers": []});
        let person: PersonView = serde_json::from_value(person).unwrap();
        assert_eq!(person_cells(&person)[0], "(erased)");
    }
}
