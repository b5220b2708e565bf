//! `hanse iris`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, Global};

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
}

impl Iris {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let output = global.output();
        let client = Client::connect(global)?;
        if let Self::Rooms = self {
            output.table(&client.get_all("/v1/iris/rooms")?, &["jid", "name", "occupants"]);
            return Ok(());
        }
        let status = client.get("/v1/iris/status")?;
        match self {
            Self::Sessions => output.table(rows(&status["sessions"]), &["jid", "from", "since_ms"]),
            Self::Domains => output.table(rows(&status["domains"]), &["domain", "state", "waiting"]),
            Self::Queues => output.object(&status["queues"]),
            Self::Lag | Self::Rooms => output.object(&json!(status["lag"])),
        }
        Ok(())
    }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
