//! `hanse credential`: what the zone certified, and whether it still stands.

use std::path::PathBuf;

use api::credentials::{CredentialView, VerificationView};
use api::entities::ReasonBody;
use api::receipt::Receipted;
use clap::Subcommand;
use ids::EntityId;
use serde_json::Value;

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
                let found = Client::connect(global)?.list(&path)?;
                show::table(output, &found, &COLUMNS, cells);
            }
            Self::Show { id, out } => {
                let path = format!("/v1/credentials/{id}");
                let found = Client::connect(global)?.read::<CredentialView>(&path)?;
                if let Some(out) = out {
                    input::write(out, pretty(&found.body.credential).as_bytes())?;
                }
                show::answer(output, &found.raw, || describe(&found.body, out.is_none()));
            }
            Self::Revoke { id, reason } => {
                let path = format!("/v1/credentials/{id}/revoke");
                let (client, reason) = (Client::connect(global)?, reason.clone());
                let answer =
                    client.send::<Receipted<CredentialView>>(&path, &ReasonBody { reason })?;
                show::answer(output, &answer.raw, || {
                    let mut lines = describe(&answer.body.body, false);
                    lines.extend(show::receipt(&answer.raw));
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
    let client = Client::connect(global)?;
    let answer = client.send::<VerificationView>("/v1/credentials/verify", &document)?;
    let found = &answer.body;
    show::answer(global.output(), &answer.raw, || {
        vec![match found.verified {
            true => format!("✓ verified; issued by {}", show::maybe(&found.issuer)),
            false => format!("✗ {}", show::maybe(&found.refusal)),
        }]
    });
    if found.verified {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{} does not verify",
        file.display()
    )))
}

fn cells(found: &CredentialView) -> [String; 4] {
    [
        words(&found.standing),
        kind(&found.credential),
        text(&found.credential, "validFrom"),
        found.id.clone(),
    ]
}

/// The most specific type of a credential.
fn kind(credential: &Value) -> String {
    let types = credential["type"].as_array();
    let last = types.and_then(|types| types.last()?.as_str());
    last.unwrap_or_default().to_owned()
}

fn describe(found: &CredentialView, whole: bool) -> Vec<String> {
    let credential = &found.credential;
    let mut lines = show::fields(&[
        ("credential", found.id.clone()),
        ("entity", found.entity.clone()),
        ("standing", words(&found.standing)),
        ("type", kind(credential)),
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_credential_is_named_by_its_most_specific_type() {
        let found = CredentialView {
            id: "c".to_owned(),
            entity: "e".to_owned(),
            standing: "in_force".to_owned(),
            credential: json!({"type": ["VerifiableCredential", "Formation"], "validFrom": "2026-01-01T00:00:00Z"}),
        };
        assert_eq!(
            cells(&found),
            ["in force", "Formation", "2026-01-01T00:00:00Z", "c"]
        );
    }
}
