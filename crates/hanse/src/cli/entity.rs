//! `hanse entity`: the register, from application to dissolution.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use evidence::digest::Digest;
use evidence::time::{self, TimestampNotCanonical};
use ids::EntityId;
use jiff::Timestamp;
use law::compliance::Operation;
use mez::entity::StageProof;
use serde_json::{Value, json};

use super::client::Client;
use super::show::{self, text, words};
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
        #[arg(long, value_enum)]
        status: Option<Status>,
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
        #[arg(long, default_value = "entity.formation")]
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

/// The states of an entity.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Status {
    /// Waits to be taken into review.
    Applied,
    /// Waits for approvals.
    InReview,
    /// Registered.
    Active,
    /// Refused.
    Rejected,
    /// Registered, and barred from acting.
    Suspended,
    /// Being wound up.
    Dissolving,
    /// No longer there.
    Dissolved,
}

impl Advance {
    fn proof(&self) -> StageProof {
        match (self.in_favour_bps, self.gazetted) {
            (Some(in_favour_bps), _) => StageProof::Vote { in_favour_bps },
            (None, Some(at)) => StageProof::Gazette {
                published_at_ms: at.as_millisecond(),
            },
            (None, None) => StageProof::None,
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
                let found = Client::connect(global)?.get(&format!("/v1/entities/{id}"))?;
                show::answer(global.output(), &found, describe);
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
                let found = Client::connect(global)?.get_all(&path(id, "evidence"))?;
                let columns = ["domain", "kind", "subject", "issuer"];
                show::table(global.output(), &found, &columns, Value::clone);
                Ok(())
            }
            Self::Evaluate {
                id,
                operation,
                recorded,
            } => evaluate(global, id, *operation, *recorded),
            Self::Bundle { id, out } => bundle(global, id, out),
            Self::Dissolve { id, document } => {
                let body = json!({ "evidence": digest(document)? });
                step(global, &path(id, "dissolution"), &body)
            }
            Self::Advance(advance) => {
                let document = digest(&advance.document)?;
                let body = json!({ "evidence": document, "proof": advance.proof() });
                step(global, &path(&advance.id, "dissolution/advance"), &body)
            }
            Self::Cancel(because) => because.step(global, "dissolution/cancel"),
        }
    }
}

impl Because {
    fn step(&self, global: &Global, name: &str) -> Result<(), Failure> {
        step(
            global,
            &path(&self.id, name),
            &json!({ "reason": self.reason }),
        )
    }
}

fn path(id: &EntityId, rest: &str) -> String {
    format!("/v1/entities/{id}/{rest}")
}

/// Sends one step in the life of an entity and shows what came of it.
fn step(global: &Global, path: &str, body: &Value) -> Result<(), Failure> {
    let answer = Client::connect(global)?.post(path, body)?;
    show::answer(global.output(), &answer, |answer| {
        let mut lines = describe(answer);
        lines.extend(show::receipt(answer));
        lines.extend(next(answer));
        lines
    });
    Ok(())
}

fn list(global: &Global, status: Option<Status>) -> Result<(), Failure> {
    let status = status.as_ref().and_then(ValueEnum::to_possible_value);
    let query = status.map(|status| format!("?status={}", status.get_name()));
    let path = format!("/v1/entities{}", query.unwrap_or_default());
    let found = Client::connect(global)?.get_all(&path)?;
    let columns = ["status", "screening", "number", "name", "id"];
    show::table(global.output(), &found, &columns, |entity| {
        json!({
            "status": words(&entity["status"]),
            "screening": words(&entity["screening"]),
            "number": entity["registration_number"],
            "name": entity["legal_name"],
            "id": entity["id"],
        })
    });
    Ok(())
}

fn persons(global: &Global, id: &EntityId) -> Result<(), Failure> {
    let found = Client::connect(global)?.get(&path(id, "persons"))?;
    let persons = found.as_array().map_or(&[][..], Vec::as_slice);
    let columns = ["name", "born", "nationality", "identifiers", "id"];
    show::table(global.output(), persons, &columns, person_cells);
    Ok(())
}

fn person_cells(person: &Value) -> Value {
    let identifiers = person["identifiers"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let identifier = |it: &Value| format!("{} {}", text(it, "kind"), text(it, "value"));
    let name = if person["erased"] == true {
        json!("(erased)")
    } else {
        person["name"].clone()
    };
    json!({
        "name": name,
        "born": person["date_of_birth"],
        "nationality": person["nationality"],
        "identifiers": identifiers.iter().map(identifier).collect::<Vec<_>>().join(", "),
        "id": person["id"],
    })
}

fn submit_evidence(global: &Global, id: &EntityId, file: &Path) -> Result<(), Failure> {
    let credential = input::json(file)?;
    let answer = Client::connect(global)?.post(&path(id, "evidence"), &credential)?;
    show::answer(global.output(), &answer, |answer| {
        let mut lines = show::fields(&[
            ("on file", text(answer, "kind")),
            ("domain", text(answer, "domain")),
            ("about", text(answer, "subject")),
            ("issuer", text(answer, "issuer")),
        ]);
        lines.extend(show::receipt(answer));
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
        client.get(&format!("{path}?operation={operation}"))?
    } else {
        client.post(&path, &json!({ "operation": operation }))?
    };
    let judgement = compliance::parse(&answer)?;
    show::answer(global.output(), &answer, |answer| {
        let mut lines = compliance::explain(answer, &judgement);
        lines.extend(show::receipt(answer));
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
fn describe(entity: &Value) -> Vec<String> {
    let mut lines = show::fields(&[
        ("entity", text(entity, "id")),
        ("name", text(entity, "legal_name")),
        ("status", words(&entity["status"])),
        ("reason", text(entity, "reason")),
        (
            "type",
            format!(
                "{} in {}",
                text(entity, "entity_type"),
                text(entity, "jurisdiction")
            ),
        ),
        ("number", text(entity, "registration_number")),
        ("registered", text(entity, "registered_at")),
        ("office", text(entity, "registered_office")),
        ("activities", text(entity, "activities").replace(' ', ", ")),
        (
            "applied",
            format!(
                "{} by {}",
                text(entity, "applied_at"),
                text(entity, "applicant")
            ),
        ),
        ("approved by", text(entity, "approvals").replace(' ', ", ")),
        ("screening", words(&entity["screening"])),
        ("credential", text(entity, "credential_id")),
    ]);
    let parties = entity["parties"].as_array().map_or(&[][..], Vec::as_slice);
    lines.extend(parties.iter().map(describe_party));
    let dissolution = &entity["dissolution"];
    if dissolution.is_object() {
        lines.push(format!(
            "winding up: {}, since {}, usually complete by {}",
            words(&dissolution["stage"]),
            text(dissolution, "began_at"),
            text(dissolution, "due_by")
        ));
    }
    lines
}

fn describe_party(party: &Value) -> String {
    let lists = party["lists"].as_array().map_or(&[][..], Vec::as_slice);
    let lists: Vec<String> = lists
        .iter()
        .map(|it| format!("{} {}", text(it, "name"), text(it, "version")))
        .collect();
    let on = if lists.is_empty() {
        String::new()
    } else {
        format!(", on {}", lists.join(", "))
    };
    format!(
        "  {:12}  {}{on}",
        words(&party["standing"]),
        text(party, "party")
    )
}

/// What usually follows.
fn next(entity: &Value) -> Option<String> {
    let id = text(entity, "id");
    let hits = matches!(
        entity["screening"].as_str(),
        Some("under_review" | "blocked")
    );
    match entity["status"].as_str()? {
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

    fn entity() -> Value {
        json!({
            "id": "e-1", "legal_name": "Sindh Weavers (Private) Limited", "status": "in_review",
            "entity_type": "private-limited", "jurisdiction": "pk", "registered_office": "Karachi",
            "activities": ["consulting", "software"], "applied_at": "2026-01-02T03:04:05Z",
            "applicant": "ali", "approvals": [], "screening": "under_review",
            "parties": [{
                "party": "company", "standing": "cleared",
                "lists": [{"name": "ofac-sdn", "version": "2021-07"}],
            }],
        })
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
        entity["screening"] = json!("cleared");
        assert!(next(&entity).unwrap().ends_with("hanse entity approve e-1"));
        entity["status"] = json!("dissolved");
        assert_eq!(next(&entity), None);
    }

    #[test]
    fn an_erased_person_is_shown_as_erased() {
        let person = json!({"id": "p", "erased": true, "identifiers": []});
        assert_eq!(person_cells(&person)["name"], "(erased)");
    }
}
