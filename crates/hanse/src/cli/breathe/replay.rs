//! Recomputing a session, from a file or from a node, without trust in who kept it.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use zenb::digest::NUMERIC_VERSION;
use zenb::event::SessionEvent;
use zenb::replay::Replay as Recomputed;

use super::source::read;
use crate::breath::ids::SessionId;
use crate::cli::client::Client;
use crate::cli::output::line;
use crate::cli::{Failure, Global};

/// Recompute a session from its inputs, and name the first event that differs.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A file that `hanse breathe --record` wrote.
    #[arg(required_unless_present = "session", conflicts_with = "session")]
    file: Option<PathBuf>,
    /// A session of the zone, whose events are fetched and recomputed here.
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
}

impl Replay {
    /// Recomputes it.
    pub(super) fn run(&self, global: &Global) -> Result<(), Failure> {
        let events = match (&self.file, self.session) {
            (Some(file), _) => of_file(&read(file)?)?,
            (None, Some(id)) => of_zone(&Client::connect(global)?, id)?,
            (None, None) => return Err(Failure::usage("a file or --session says what to replay")),
        };
        let mut replay = Recomputed::new();
        for (place, event) in &events {
            if let Err(diverged) = replay.take(event) {
                if global.output().is_json() {
                    let told = json!({"same": false, "diverged_at": place, "difference": diverged});
                    global.output().object(&told);
                }
                return Err(Failure::refused(format!("event {place}: {diverged}")));
            }
        }
        let replayed = replay.finish();
        // The end itself is recomputed too; that it is on record says that nothing after it was cut off.
        let is_sealed = matches!(events.last(), Some((_, SessionEvent::Ended(_))));
        if self.file.is_some() && !is_sealed {
            let cut = "the record stops before the session's end: its tail was cut off";
            return Err(Failure::refused(cut));
        }
        let Some(digest) = replayed.digests.last() else {
            return Err(Failure::refused("there is no session to recompute"));
        };
        if global.output().is_json() {
            global.output().object(&json!({
                "same": true, "numeric_version": NUMERIC_VERSION, "steps": replayed.steps_count, "digest": digest,
                "sealed": is_sealed, "summary": replayed.summary,
            }));
        } else {
            line(&format!(
                "✓ {} steps recomputed, every decision and digest is the same",
                replayed.steps_count
            ));
            line(&format!("  state {digest}"));
            if !is_sealed {
                line("  not sealed: the session has not ended, or its end was cut off");
            }
        }
        Ok(())
    }
}

/// Events with their place: the line of the file.
fn of_file(text: &str) -> Result<Vec<(u64, SessionEvent)>, Failure> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty());
    lines
        .map(|(place, line)| {
            let event = serde_json::from_str(line);
            let unreadable = |error| Failure::refused(format!("event {place}: {error}"));
            Ok((place, event.map_err(unreadable)?))
        })
        .collect()
}

/// Events with their place: the number in the session's stream.
fn of_zone(client: &Client, id: SessionId) -> Result<Vec<(u64, SessionEvent)>, Failure> {
    let rows = client.get_all(&format!("/v1/breath/sessions/{id}/events"))?;
    let mut events = Vec::new();
    for row in rows {
        let kind = row["kind"].as_str().unwrap_or_default();
        let known = [
            "breath.opened.v1",
            "breath.input.v1",
            "breath.decided.v1",
            "breath.ended.v1",
        ];
        if !known.contains(&kind) {
            continue;
        }
        let place = row["seq"].as_u64().unwrap_or_default();
        let tagged: Value = json!({"type": kind, "data": row["data"]});
        let event = serde_json::from_value(tagged);
        let unreadable = |error| Failure::refused(format!("event {place}: {error}"));
        events.push((place, event.map_err(unreadable)?));
    }
    Ok(events)
}
