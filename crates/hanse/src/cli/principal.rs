//! `hanse principal`.

use api::principals::{CreatePrincipal, DisablePrincipal, PrincipalKind, SetStanding};
use api::scope::{Role, Standing};
use clap::{Args, Subcommand};
use ids::PrincipalId;

use super::client::Client;
use super::input::one_of;
use super::{Failure, Global};

const COLUMNS: [&str; 5] = ["id", "kind", "status", "display_name", "standing"];

/// See and change who may act in the zone.
#[derive(Debug, Subcommand)]
pub enum Principal {
    /// Create a principal.
    Create {
        /// Its name in the zone; never given out again.
        id: PrincipalId,
        /// What kind of actor it is.
        #[arg(long, default_value = "person", value_parser = one_of::<PrincipalKind>(PrincipalKind::TEXTS))]
        kind: PrincipalKind,
        /// The name for people.
        #[arg(long)]
        display_name: String,
        /// The did:key by which it can ask for tokens itself.
        #[arg(long, value_name = "DID")]
        key: Option<String>,
        /// What it is in the zone.
        #[command(flatten)]
        standing: Place,
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
        standing: Place,
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
pub struct Place {
    /// It supervises: reads and exports everything, changes nothing.
    #[arg(long, conflicts_with = "roles")]
    regulator: bool,
    /// A role it works in. Repeat for several.
    #[arg(long = "role", value_name = "ROLE", value_parser = one_of::<Role>(Role::TEXTS))]
    roles: Vec<Role>,
    /// An entity it acts for. Repeat for several.
    #[arg(long = "entity", value_name = "ENTITY")]
    entities: Vec<String>,
    /// The jurisdiction it acts in.
    #[arg(long)]
    jurisdiction: Option<String>,
}

impl Place {
    fn wish(&self) -> SetStanding {
        let roles = self.roles.iter().copied().collect();
        SetStanding {
            standing: match self.regulator {
                true => Standing::Regulator {},
                false => Standing::Staff { roles },
            },
            entities: self.entities.iter().cloned().collect(),
            jurisdiction: self.jurisdiction.clone(),
        }
    }
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
                let place = standing.wish();
                let wish = CreatePrincipal {
                    id: id.clone(),
                    kind: *kind,
                    display_name: display_name.clone(),
                    key: key.clone(),
                    standing: place.standing,
                    entities: place.entities,
                    jurisdiction: place.jurisdiction,
                };
                client.post("/v1/principals", &wish)?
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
                client.put(&path, &standing.wish(), &tag.unwrap_or_default())?
            }
            Self::Disable { id, reason } => {
                let reason = reason.clone();
                let path = format!("/v1/principals/{id}/disable");
                client.post(&path, &DisablePrincipal { reason })?
            }
        };
        global.output().object(&answer);
        Ok(())
    }
}
