//! `hanse token`.

use std::path::PathBuf;

use api::principals::RedeemBootstrap;
use api::scope::Scope;
use api::tokens::{IssueToken, IssuedToken, RevokeToken};
use clap::Subcommand;
use data_encoding::BASE64URL_NOPAD;
use evidence::key::SigningKey;
use ids::PrincipalId;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::client::{Client, ClientFile};
use super::{Failure, Global};

const COLUMNS: [&str; 5] = ["jti", "principal", "status", "expires_s", "scopes"];

/// Redeem, issue, list and revoke tokens.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Become the first administrator with the one-time token that the first start printed.
    Redeem {
        /// The one-time token; `-` reads it from standard input, where other users do not see it.
        bootstrap_token: String,
        /// The name of the administrator in the zone.
        #[arg(long, default_value = "administrator")]
        id: PrincipalId,
        /// The name for people.
        #[arg(long, default_value = "Administrator")]
        display_name: String,
    },
    /// Issue a token to a principal; its text is shown once.
    Issue {
        /// Whose it is.
        principal: PrincipalId,
        /// What it allows; everything the principal may do when absent. Repeat for several.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// How long it lives, in seconds, at most 86400.
        #[arg(long, value_name = "SECONDS")]
        lifetime: Option<u32>,
        /// The entities it is bound to. Repeat for several.
        #[arg(long = "entity", value_name = "ENTITY")]
        entities: Vec<String>,
        /// Write the text to a file that only its owner can read, instead of showing it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List the tokens that were issued, without their texts.
    List {
        /// Only those of this principal.
        #[arg(long)]
        principal: Option<PrincipalId>,
    },
    /// Take a token back at once.
    Revoke {
        /// The id of the token.
        jti: String,
        /// Why, for those who read the journal.
        #[arg(long)]
        reason: String,
    },
}

impl Token {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, or the environment does not allow it.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        match self {
            Self::Redeem {
                bootstrap_token,
                id,
                display_name,
            } => redeem(global, bootstrap_token, id, display_name),
            Self::Issue {
                principal,
                scopes,
                lifetime,
                entities,
                out,
            } => {
                let wish = IssueToken {
                    principal: principal.clone(),
                    scopes: (!scopes.is_empty()).then(|| scopes.iter().copied().collect()),
                    lifetime_s: lifetime.map(i64::from),
                    entities: entities.iter().cloned().collect(),
                    jurisdiction: None,
                };
                let mut answer = Client::connect(global)?.post("/v1/tokens", &wish)?;
                if let Some(out) = out {
                    keep_apart(&mut answer, out)?;
                }
                global.output().object(&answer);
                Ok(())
            }
            Self::List { principal } => {
                let query = principal
                    .as_ref()
                    .map(|id| format!("?principal={id}"))
                    .unwrap_or_default();
                let rows = Client::connect(global)?.get_all(&format!("/v1/tokens{query}"))?;
                global.output().table(&rows, &COLUMNS);
                Ok(())
            }
            Self::Revoke { jti, reason } => {
                let path = format!("/v1/tokens/{jti}/revoke");
                let reason = reason.clone();
                let answer = Client::connect(global)?.post(&path, &RevokeToken { reason })?;
                global.output().object(&answer);
                Ok(())
            }
        }
    }
}

fn keep_apart(answer: &mut Value, out: &std::path::Path) -> Result<(), Failure> {
    let text = answer
        .as_object_mut()
        .and_then(|members| members.remove("token"))
        .unwrap_or_default();
    let text = Zeroizing::new(text.as_str().unwrap_or_default().to_owned());
    crate::keystore::write_private(out, text.as_bytes(), crate::keystore::Replace::Never).map_err(
        |(action, error)| {
            Failure::environment(format!("{} cannot be {action}: {error}", out.display()))
        },
    )
}

/// Redeems the bootstrap token and remembers the result.
///
/// # Errors
/// The zone refused, or the client file cannot be written.
pub fn redeem(
    global: &Global,
    bootstrap_token: &str,
    id: &PrincipalId,
    display_name: &str,
) -> Result<(), Failure> {
    let typed = match bootstrap_token {
        "-" => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Failure::from_error(&error))?,
        text => text.to_owned(),
    };
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)
        .map_err(|_| Failure::environment("the system gives no random bytes"))?;
    let key = SigningKey::from_seed(*seed).did().to_string();
    let client = Client::anonymous(global.url.clone());
    let wish = RedeemBootstrap {
        bootstrap_token: typed.trim().to_owned(),
        id: id.clone(),
        display_name: display_name.to_owned(),
        key: Some(key),
    };
    let issued = client.send::<IssuedToken>("/v1/bootstrap", &wish)?.body;
    let token = Zeroizing::new(issued.token);
    let zone =
        audience(&token).ok_or_else(|| Failure::refused("the zone answered without a token"))?;
    let path = global.data().client();
    std::fs::create_dir_all(global.data().path()).map_err(|error| Failure::from_error(&error))?;
    let file = ClientFile {
        url: client.url().to_owned(),
        zone,
        principal: id.clone(),
        seed: Zeroizing::new(BASE64URL_NOPAD.encode(&*seed)),
        token,
        token_expires_s: issued.view.expires_s,
    };
    file.write(&path)?;
    let output = global.output();
    output.object(
        &json!({ "principal": id, "url": file.url, "zone": file.zone, "client_file": path }),
    );
    output.say("You are the first administrator; the bootstrap token is spent.");
    Ok(())
}

/// What the token says about itself. It was just handed out by the zone, so there is nothing to verify.
fn audience(token: &str) -> Option<String> {
    let payload = BASE64URL_NOPAD
        .decode(token.split('.').nth(1)?.as_bytes())
        .ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["aud"].as_str().map(str::to_owned)
}
