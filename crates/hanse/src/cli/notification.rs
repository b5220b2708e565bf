//! `hanse notification`: what people must be told.

use api::notifications::NotificationView;
use api::receipt::Receipted;
use clap::Subcommand;
use serde_json::json;

use super::client::Client;
use super::input::segment;
use super::show::{self, maybe};
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
                let found = client.list(&format!("/v1/notifications{query}"))?;
                show::table(output, &found, &COLUMNS, cells);
            }
            Self::Ack { id } => {
                let path = format!("/v1/notifications/{id}/acknowledge");
                let answer = client.send::<Receipted<NotificationView>>(&path, &json!({}))?;
                show::answer(output, &answer.raw, || {
                    let mut lines = vec![format!("noted: {}", answer.body.body.text)];
                    lines.extend(show::receipt(&answer.raw));
                    lines
                });
            }
        }
        Ok(())
    }
}

fn cells(notification: &NotificationView) -> [String; 5] {
    [
        notification.raised_at.to_string(),
        notification.audience.to_string(),
        maybe(&notification.acknowledged_by),
        notification.text.clone(),
        notification.id.clone(),
    ]
}
