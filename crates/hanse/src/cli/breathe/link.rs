//! A link to the page in the browser.

use clap::Args;
use ids::PrincipalId;
use serde_json::json;

use crate::cli::client::Client;
use crate::cli::output::line;
use crate::cli::{Exit, Failure, Global};

/// Make a link to the page in the browser, with a token for breath sessions alone.
#[derive(Debug, Args)]
pub(super) struct Link {
    /// Who practises; made with the role of a practitioner where there is nobody of this name.
    #[arg(long = "as", value_name = "PRINCIPAL", default_value = "practitioner")]
    principal: PrincipalId,
}

impl Link {
    /// Makes it. Whoever has the link acts as the principal until the token ends, so it is not for sharing.
    pub(super) fn run(&self, global: &Global) -> Result<(), Failure> {
        let client = Client::connect(global)?;
        let member = json!({
            "id": self.principal, "kind": "person", "display_name": self.principal,
            "standing": {"kind": "staff", "roles": ["practitioner"]},
        });
        match client.post("/v1/principals", &member) {
            Ok(_) => {}
            Err(failure) if exists(&failure) => {}
            Err(failure) => return Err(failure),
        }
        let scopes = ["zenb:sessions:read", "zenb:sessions:write"];
        let issued = client.post(
            "/v1/tokens",
            &json!({"principal": self.principal, "scopes": scopes}),
        )?;
        let token = issued["token"].as_str().unwrap_or_default();
        // Behind `#`, a token is not sent to the node, and not kept in its logs.
        let link = format!("{}/breathe#token={token}", client.url());
        if global.output().is_json() {
            global.output().object(&json!({"link": link}));
        } else {
            line(&link);
        }
        Ok(())
    }
}

fn exists(failure: &Failure) -> bool {
    failure.exit() == Exit::Refused
        && failure
            .zone_problem()
            .is_some_and(|problem| problem.status == 409)
}
