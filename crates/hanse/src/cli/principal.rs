//! `hanse principal`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, Global};
use platform::auth::PrincipalId;

const COLUMNS: [&str; 5] = ["id", "kind", "status", "display_name", "standing"];

/// See and change who may act in the zone.
#[derive(Debug, Subcommand)]
pub enum Principal {
    /// Create a principal.
    Create {
        /// Its name in the zone; never given out again.
        id: PrincipalId,
        /// What kind of actor it is.
        #[arg(long, value_enum, default_value = "person")]
        kind: Kind,
        /// The name for people.
        #[arg(long)]
        display_name: String,
        /// The did:key by which it can ask for tokens itself.
        #[arg(long, value_name = "DID")]
        key: Option<String>,
        /// What it is in the zone.
        #[command(flatten)]
        standing: Standing,
    },
    /// Show one principal.
    Show {
        /// Its name.
        id: PrincipalId,
    },
    /// List the principals.
    List,
    /// Replace what a principal is in the zone.
    Grant {
        /// Its name.
        id: PrincipalId,
        /// What it is in the zone.
        #[command(flatten)]
        standing: Standing,
    },
    /// Disable a principal for good; its tokens stop at once.
    Disable {
        /// Its name.
        id: PrincipalId,
        /// Why, for those who read the journal.
        #[arg(long)]
        reason: String,
    },
}

/// What a principal is in the zone.
#[derive(Clone, Debug, Args)]
pub struct Standing {
    /// It supervises: reads and exports everything, changes nothing.
    #[arg(long, conflicts_with = "roles")]
    regulator: bool,
    /// A role it works in. Repeat for several.
    #[arg(long = "role", value_name = "ROLE", value_enum)]
    roles: Vec<Role>,
    /// An entity it acts for. Repeat for several.
    #[arg(long = "entity", value_name = "ENTITY")]
    entities: Vec<String>,
    /// The jurisdiction it acts in.
    #[arg(long)]
    jurisdiction: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Administrator,
    Officer,
    Practitioner,
    Registrar,
    Reviewer,
}

/// What kind of actor a principal is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// Something that acts by itself in the field.
    Device,
    /// A human.
    Person,
    /// A program.
    Service,
    /// Another zone.
    Zone,
}

impl Standing {
    fn to_json(&self) -> Value {
        let standing = if self.regulator {
            json!({ "kind": "regulator" })
        } else {
            let roles: Vec<_> = self.roles.iter().map(text).collect();
            json!({ "kind": "staff", "roles": roles })
        };
        let mut body = json!({ "standing": standing, "entities": self.entities });
        if let Some(jurisdiction) = &self.jurisdiction {
            body["jurisdiction"] = json!(jurisdiction);
        }
        body
    }
}

fn text(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

impl Principal {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let client = Client::connect(global)?;
        let answer = match self {
            Self::Create {
                id,
                kind,
                display_name,
                key,
                standing,
            } => {
                let mut body = standing.to_json();
                body["id"] = json!(id);
                body["kind"] = json!(text(kind));
                body["display_name"] = json!(display_name);
                if let Some(key) = key {
                    body["key"] = json!(key);
                }
                client.post("/v1/principals", &body)?
            }
            Self::Show { id } => client.get(&format!("/v1/principals/{id}"))?,
            Self::List => {
                global
                    .output()
                    .table(&client.get_all("/v1/principals")?, &COLUMNS);
                return Ok(());
            }
            Self::Grant { id, standing } => {
                let (_, tag) = client.get_tagged(&format!("/v1/principals/{id}"))?;
                let path = format!("/v1/principals/{id}/standing");
                client.put(&path, &standing.to_json(), &tag.unwrap_or_default())?
            }
            Self::Disable { id, reason } => client.post(
                &format!("/v1/principals/{id}/disable"),
                &json!({ "reason": reason }),
            )?,
        };
        global.output().object(&answer);
        Ok(())
    }
}
