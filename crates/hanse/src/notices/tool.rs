//! `hanse notice`: announce something, and see what was announced.

use std::path::PathBuf;

use api::notices::{CorrectionBody, NoticeBody, NoticeView, WithdrawalBody};
use api::receipt::Receipted;
use clap::{FromArgMatches as _, Subcommand};
use serde_json::json;

use crate::cli::client::Client;
use crate::cli::input::{self, segment};
use crate::cli::show::{self, maybe};
use crate::cli::{Failure, Global};
use crate::institution::Tool;

pub(super) const TOOL: Tool = Tool {
    command: || {
        let notice = clap::Command::new("notice");
        Notice::augment_subcommands(notice)
            .about("Publish, correct and withdraw public notices, and read them")
            .subcommand_required(true)
            .arg_required_else_help(true)
    },
    run: |arguments, global| {
        let notice = Notice::from_arg_matches(arguments);
        notice
            .map_err(|error| Failure::usage(error.to_string()))?
            .run(global)
    },
};

const COLUMNS: [&str; 5] = ["number", "published_at", "title", "state", "id"];

#[derive(Debug, Subcommand)]
enum Notice {
    /// List the notices.
    List {
        /// Only those that hold.
        #[arg(long)]
        in_force: bool,
    },
    /// Show a notice with its corrections.
    Show {
        /// Its id.
        #[arg(value_parser = segment)]
        id: String,
    },
    /// Save a bundle that proves a notice; `hanse verify` checks it.
    Bundle {
        /// Its id.
        #[arg(value_parser = segment)]
        id: String,
        /// Where to save it.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Publish a notice.
    Publish {
        /// Its title.
        #[arg(long)]
        title: String,
        /// Its text.
        #[arg(long)]
        text: String,
    },
    /// Correct a notice; what it said before stays readable.
    Correct {
        /// Its id.
        #[arg(value_parser = segment)]
        id: String,
        /// Its title from now on.
        #[arg(long)]
        title: String,
        /// Its text from now on.
        #[arg(long)]
        text: String,
        /// Why, for everybody to read.
        #[arg(long)]
        reason: String,
    },
    /// Withdraw a notice; it stays readable, with the reason.
    Withdraw {
        /// Its id.
        #[arg(value_parser = segment)]
        id: String,
        /// Why, for everybody to read.
        #[arg(long)]
        reason: String,
    },
}

impl Notice {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let (client, output) = (Client::connect(global)?, global.output());
        let (path, body) = match self {
            Self::List { in_force } => {
                let query = if in_force { "?in_force=true" } else { "" };
                let found = client.list(&format!("/v1/notices{query}"))?;
                show::table(output, &found, &COLUMNS, cells);
                return Ok(());
            }
            Self::Show { id } => {
                let found = client.read::<NoticeView>(&format!("/v1/notices/{id}"))?;
                show::answer(output, &found.raw, || lines(&found.body));
                return Ok(());
            }
            Self::Bundle { id, out } => {
                let bundle = client.get_bytes(&format!("/v1/notices/{id}/bundle"))?;
                input::write(&out, &bundle)?;
                output.say(&format!("saved {}", out.display()));
                return Ok(());
            }
            Self::Publish { title, text } => {
                ("/v1/notices".to_owned(), json!(NoticeBody { title, text }))
            }
            Self::Correct {
                id,
                title,
                text,
                reason,
            } => {
                let body = CorrectionBody {
                    title,
                    text,
                    reason,
                };
                (format!("/v1/notices/{id}/correct"), json!(body))
            }
            Self::Withdraw { id, reason } => (
                format!("/v1/notices/{id}/withdraw"),
                json!(WithdrawalBody { reason }),
            ),
        };
        let answer = client.send::<Receipted<NoticeView>>(&path, &body)?;
        show::answer(output, &answer.raw, || {
            let mut all = lines(&answer.body.body);
            all.extend(show::receipt(&answer.raw));
            all
        });
        Ok(())
    }
}

fn state(notice: &NoticeView) -> &'static str {
    match notice.withdrawn_at {
        None => "in force",
        Some(_) => "withdrawn",
    }
}

fn cells(notice: &NoticeView) -> [String; 5] {
    [
        format!("{}/{}", notice.year, notice.number),
        notice.published_at.to_string(),
        notice.title.clone(),
        state(notice).to_owned(),
        notice.id.clone(),
    ]
}

fn lines(notice: &NoticeView) -> Vec<String> {
    let NoticeView {
        year,
        number,
        title,
        ..
    } = notice;
    let mut lines = vec![
        format!("notice {year}/{number}, {}: {title}", state(notice)),
        notice.text.clone(),
    ];
    let corrections = notice.corrections.iter();
    lines.extend(corrections.map(|it| format!("corrected {}: {}", it.at, it.reason)));
    if let Some(at) = notice.withdrawn_at {
        let reason = maybe(&notice.withdrawal_reason);
        lines.push(format!("withdrawn {at}: {reason}"));
    }
    lines.push(format!("id: {}", notice.id));
    lines
}
