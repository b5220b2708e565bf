//! `hanse iris`.

use clap::Subcommand;
use serde_json::Value;

use super::client::Client;
use super::{Failure, Global};

const SESSION_COLUMNS: [&str; 5] = [
    "jid",
    "is_available",
    "priority",
    "queued_bytes",
    "is_behind",
];

/// See what the messenger is doing.
#[derive(Debug, Subcommand)]
pub enum Iris {
    /// Show who is connected.
    Sessions,
    /// Show what waits: for the disk, for peers, for slow readers.
    Queues,
    /// Show the domains that messages go to and come from.
    Domains,
    /// Show how far acknowledgements are behind arrivals.
    Lag,
    /// Show the rooms.
    Rooms,
    /// Show everything but sessions and rooms.
    Status,
}

impl Iris {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let output = global.output();
        let client = Client::connect(global)?;
        match self {
            Self::Rooms => output.table(&client.get_all("/v1/iris/rooms")?, &["jid", "occupants"]),
            Self::Sessions => output.table(&client.get_all("/v1/iris/sessions")?, &SESSION_COLUMNS),
            Self::Domains => {
                let status = client.get("/v1/iris/status")?;
                output.table(
                    rows(&status["domains"]),
                    &["local", "domain", "queued_bytes"],
                );
            }
            Self::Queues => output.object(&client.get("/v1/iris/status")?["queues"]),
            Self::Lag => output.object(&client.get("/v1/iris/status")?["lag"]),
            Self::Status => output.object(&client.get("/v1/iris/status")?),
        }
        Ok(())
    }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
