//! `hanse credential`: what the zone certified, and whether it still stands.

use std::path::PathBuf;

use clap::Subcommand;
use ids::EntityId;
use serde_json::{Value, json};

use super::client::Client;
use super::input::segment;
use super::show::{self, text, words};
use super::{Failure, Global, input};

const COLUMNS: [&str; 4] = ["standing", "type", "valid_from", "id"];

/// See, verify and revoke what the zone certified.
#[derive(Debug, Subcommand)]
pub enum Credential {
    /// List the credentials about an entity.
    List {
        /// The entity.
        #[arg(long, value_name = "ENTITY")]
        entity: EntityId,
    },
    /// Show one credential.
    Show {
        /// Its id.
        #[arg(value_parser = segment)]
        id: String,
        /// Write the credential itself to a file, for `hanse verify` or anybody else's verifier.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Revoke a credential for good; the status list that says so is published at once.
    Revoke {
        /// Its id.
        #[arg(value_parser = segment)]
        id: String,
        /// Why, for the people concerned to read.
        #[arg(long)]
        reason: String,
    },
    /// Have the zone verify a credential that it issued, as of now. `hanse verify` needs no zone.
    Verify {
        /// The credential; `-` reads it from standard input.
        file: PathBuf,
    },
}

impl Credential {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, cannot be reached, or does not verify the credential.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let output = global.output();
        match self {
            Self::List { entity } => {
                let path = format!("/v1/credentials?entity={entity}");
                let found = Client::connect(global)?.get_all(&path)?;
                show::table(output, &found, &COLUMNS, cells);
            }
            Self::Show { id, out } => {
                let found = Client::connect(global)?.get(&format!("/v1/credentials/{id}"))?;
                if let Some(out) = out {
                    input::write(out, pretty(&found["credential"]).as_bytes())?;
                }
                show::answer(output, &found, |found| describe(found, out.is_none()));
            }
            Self::Revoke { id, reason } => {
                let path = format!("/v1/credentials/{id}/revoke");
                let answer = Client::connect(global)?.post(&path, &json!({ "reason": reason }))?;
                show::answer(output, &answer, |answer| {
                    let mut lines = describe(answer, false);
                    lines.extend(show::receipt(answer));
                    lines
                });
            }
            Self::Verify { file } => return verify(global, file),
        }
        Ok(())
    }
}

fn verify(global: &Global, file: &std::path::Path) -> Result<(), Failure> {
    let document = input::json(file)?;
    let answer = Client::connect(global)?.post("/v1/credentials/verify", &document)?;
    show::answer(global.output(), &answer, |answer| {
        match answer["verified"] == true {
            true => vec![format!("✓ verified; issued by {}", text(answer, "issuer"))],
            false => vec![format!("✗ {}", text(answer, "refusal"))],
        }
    });
    if answer["verified"] == true {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{} does not verify",
        file.display()
    )))
}

fn cells(found: &Value) -> Value {
    json!({
        "standing": words(&found["standing"]),
        "type": kind(&found["credential"]),
        "valid_from": found["credential"]["validFrom"],
        "id": found["id"],
    })
}

/// The most specific type of a credential.
fn kind(credential: &Value) -> Value {
    credential["type"]
        .as_array()
        .and_then(|types| types.last())
        .cloned()
        .unwrap_or_default()
}

fn describe(found: &Value, whole: bool) -> Vec<String> {
    let credential = &found["credential"];
    let mut lines = show::fields(&[
        ("credential", text(found, "id")),
        ("entity", text(found, "entity")),
        ("standing", words(&found["standing"])),
        ("type", words(&kind(credential))),
        ("issuer", text(credential, "issuer")),
        ("valid from", text(credential, "validFrom")),
    ]);
    if whole {
        lines.push(String::new());
        lines.extend(pretty(credential).lines().map(str::to_owned));
    }
    lines
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value has string keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_named_by_its_most_specific_type() {
        let found = json!({
            "id": "c", "standing": "in_force",
            "credential": {"type": ["VerifiableCredential", "Formation"], "validFrom": "2026-01-01T00:00:00Z"},
        });
        let expected = json!({
            "standing": "in force", "type": "Formation", "valid_from": "2026-01-01T00:00:00Z", "id": "c",
        });
        assert_eq!(cells(&found), expected);
    }
}
