//! `hanse notification`: what people must be told.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Client;
use super::input::segment;
use super::show::{self, text};
use super::{Failure, Global};

const COLUMNS: [&str; 5] = ["raised_at", "for", "noted_by", "text", "id"];

/// See what people must be told, and take note of it.
#[derive(Debug, Subcommand)]
pub enum Notification {
    /// List the notifications.
    List {
        /// Only those that nobody took note of.
        #[arg(long)]
        open: bool,
    },
    /// Take note of a notification.
    Ack {
        /// Its id.
        #[arg(value_parser = segment)]
        id: String,
    },
}

impl Notification {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let (client, output) = (Client::connect(global)?, global.output());
        match self {
            Self::List { open } => {
                let query = if *open { "?open=true" } else { "" };
                let found = client.get_all(&format!("/v1/notifications{query}"))?;
                show::table(output, &found, &COLUMNS, cells);
            }
            Self::Ack { id } => {
                let path = format!("/v1/notifications/{id}/acknowledge");
                let answer = client.post(&path, &json!({}))?;
                show::answer(output, &answer, |answer| {
                    let mut lines = vec![format!("noted: {}", text(answer, "text"))];
                    lines.extend(show::receipt(answer));
                    lines
                });
            }
        }
        Ok(())
    }
}

fn cells(notification: &Value) -> Value {
    json!({
        "raised_at": notification["raised_at"],
        "for": notification["audience"],
        "noted_by": notification["acknowledged_by"],
        "text": notification["text"],
        "id": notification["id"],
    })
}
