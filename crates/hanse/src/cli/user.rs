//! `hanse user`.

use std::io::Read as _;
use std::path::PathBuf;

use api::accounts::{
    AccountAddress, CreateAccount, CreateInvitation, EraseAccount, Password, SetPassword,
};
use api::journal::ErasureReason;
use clap::Subcommand;
use ids::PrincipalId;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::client::Client;
use super::input::{self, one_of};
use super::{Failure, Global};

const COLUMNS: [&str; 4] = ["jid", "standing", "has_password", "principal"];
const INVITATION_COLUMNS: [&str; 4] = ["id", "status", "jid", "expires_ms"];
/// Random bytes of a password that the command line makes: 120 bits, 24 letters and digits.
const PASSWORD_BYTES: usize = 15;

/// Give people accounts of the messenger, and take them back.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Create an account. Without a password on standard input, one is made and shown once.
    Add {
        /// Its address, such as alice@localhost.
        jid: String,
        /// Read the password from the first line of standard input.
        #[arg(long)]
        password_stdin: bool,
        /// The principal whose tokens sign in to it; without a password of its own unless one is given.
        #[arg(long, value_name = "PRINCIPAL")]
        principal: Option<PrincipalId>,
    },
    /// List the accounts.
    List,
    /// Show one account.
    Show {
        /// Its address.
        jid: String,
    },
    /// Set the password of an account; its devices have to sign in again.
    Passwd {
        /// Its address.
        jid: String,
        /// Read the password from the first line of standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Disable an account: its sessions end, nobody can sign in, it still receives.
    Disable {
        /// Its address.
        jid: String,
    },
    /// Enable a disabled account again.
    Enable {
        /// Its address.
        jid: String,
    },
    /// Remove an account for good. What it holds stays until it is erased; its name is never given out again.
    Remove {
        /// Its address.
        jid: String,
    },
    /// Write everything an account holds to a file, as JSON lines: documents, then messages.
    Export {
        /// Its address.
        jid: String,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Destroy the keys of everything an account holds. There is no way back.
    Erase {
        /// Its address.
        jid: String,
        /// Why, for those who read the journal.
        #[arg(long, value_parser = one_of::<ErasureReason>(ErasureReason::TEXTS))]
        reason: ErasureReason,
        /// Do it: without this, nothing is done.
        #[arg(long)]
        yes: bool,
    },
    /// Make an invitation: whoever has it can make an account once.
    Invite {
        /// The address that the account must have; any free one when absent.
        #[arg(long, value_name = "JID")]
        jid: Option<String>,
        /// How long it can be used, in hours.
        #[arg(long, value_name = "HOURS", default_value_t = 72)]
        hours: u32,
    },
    /// List the invitations, without their secrets.
    Invitations,
    /// Take an invitation back.
    Uninvite {
        /// Its id.
        id: String,
    },
}

impl User {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let output = global.output();
        let client = Client::connect(global)?;
        match self {
            Self::Add {
                jid,
                password_stdin,
                principal,
            } => return add(global, &client, jid, *password_stdin, principal.as_ref()),
            Self::List => output.table(&client.get_all("/v1/iris/accounts")?, &COLUMNS),
            Self::Show { jid } => output.object(&client.get(&path(jid, "")?)?),
            Self::Passwd {
                jid,
                password_stdin,
            } => return passwd(global, &client, jid, *password_stdin),
            Self::Disable { jid } => act(global, &client, jid, "disable")?,
            Self::Enable { jid } => act(global, &client, jid, "enable")?,
            Self::Remove { jid } => act(global, &client, jid, "remove")?,
            Self::Export { jid, out } => {
                let bytes = client.get_bytes(&path(jid, "/export")?)?;
                input::write(out, &bytes)?;
                output.object(&json!({ "jid": jid, "file": out, "bytes": bytes.len() }));
            }
            Self::Erase { jid, reason, yes } => {
                if !yes {
                    let text = format!("{jid} would be erased for ever; say --yes to do it");
                    return Err(Failure::usage(text));
                }
                let body = EraseAccount { reason: *reason };
                output.object(&client.post(&path(jid, "/erase")?, &body)?);
            }
            Self::Invite { jid, hours } => {
                let wish = CreateInvitation {
                    jid: jid.as_deref().map(address).transpose()?,
                    lifetime_s: Some(hours.saturating_mul(3600)),
                };
                output.object(&client.post("/v1/iris/invitations", &wish)?);
            }
            Self::Invitations => {
                let rows = client.get_all("/v1/iris/invitations")?;
                output.table(&rows, &INVITATION_COLUMNS);
            }
            Self::Uninvite { id } => {
                let id = input::segment(id).map_err(|error| Failure::usage(error.to_string()))?;
                let path = format!("/v1/iris/invitations/{id}/revoke");
                output.object(&client.post(&path, &json!({}))?);
            }
        }
        Ok(())
    }
}

fn add(
    global: &Global,
    client: &Client,
    jid: &str,
    password_stdin: bool,
    principal: Option<&PrincipalId>,
) -> Result<(), Failure> {
    let (typed, made) = match (password_stdin, principal) {
        (true, _) => (Some(typed_password()?), None),
        (false, None) => (None, Some(random_password()?)),
        (false, Some(_)) => (None, None),
    };
    let wish = CreateAccount {
        jid: address(jid)?,
        password: typed.as_ref().or(made.as_ref()).map(password).transpose()?,
        principal: principal.cloned(),
    };
    let answer = client.post("/v1/iris/accounts", &wish)?;
    global.output().object(&shown_once(answer, made));
    Ok(())
}

fn passwd(
    global: &Global,
    client: &Client,
    jid: &str,
    password_stdin: bool,
) -> Result<(), Failure> {
    let (text, made) = if password_stdin {
        (typed_password()?, None)
    } else {
        let text = random_password()?;
        (text.clone(), Some(text))
    };
    let wish = SetPassword {
        password: password(&text)?,
    };
    let answer = client.post(&path(jid, "/password")?, &wish)?;
    global.output().object(&shown_once(answer, made));
    Ok(())
}

fn act(global: &Global, client: &Client, jid: &str, what: &str) -> Result<(), Failure> {
    let answer = client.post(&path(jid, &format!("/{what}"))?, &json!({}))?;
    global.output().object(&answer);
    Ok(())
}

fn shown_once(mut answer: Value, password: Option<Zeroizing<String>>) -> Value {
    if let Some(password) = password {
        answer["password"] = json!(password.as_str());
    }
    answer
}

fn address(text: &str) -> Result<AccountAddress, Failure> {
    AccountAddress::try_from(text.to_owned()).map_err(|error| Failure::refused(error.to_string()))
}

fn password(text: &Zeroizing<String>) -> Result<Password, Failure> {
    Password::try_from(text.to_string()).map_err(Failure::refused)
}

/// The first line of standard input.
fn typed_password() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::from_error(&error))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    Ok(Zeroizing::new(line))
}

/// Letters and digits that are hard to confuse when they are read aloud.
fn random_password() -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new([0; PASSWORD_BYTES]);
    getrandom::fill(&mut *bytes)
        .map_err(|_| Failure::environment("the system gives no random bytes"))?;
    let text = data_encoding::BASE32_DNSCURVE.encode(&*bytes);
    Ok(Zeroizing::new(text))
}

fn path(jid: &str, rest: &str) -> Result<String, Failure> {
    let jid: String = jid.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'@' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    });
    if jid.trim_matches('.').is_empty() {
        return Err(Failure::usage("an account is named like alice@localhost"));
    }
    Ok(format!("/v1/iris/accounts/{jid}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_lead_to_another_path() {
        let good = path("alice@localhost", "/disable").unwrap();
        assert_eq!(good, "/v1/iris/accounts/alice@localhost/disable");
        assert_eq!(
            path("a/../b?c#d", "").unwrap(),
            "/v1/iris/accounts/a%2F..%2Fb%3Fc%23d"
        );
        assert!(path("..", "").is_err());
    }

    #[test]
    fn a_password_that_is_made_is_new_each_time_and_long_enough() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(*one, *other);
        assert_eq!(one.len(), 24);
    }
}
