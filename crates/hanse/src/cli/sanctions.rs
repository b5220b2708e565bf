//! `hanse sanctions`: the lists in force.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use ids::PackItemId;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::output::spinner;
use super::show::{self, text};
use super::{Failure, Global, input};

const COLUMNS: [&str; 7] = [
    "name",
    "version",
    "published",
    "entries",
    "required",
    "usable",
    "digest",
];

const WAITING_COLUMNS: [&str; 8] = [
    "name",
    "version",
    "entries",
    "added",
    "removed",
    "changed",
    "proposed_by",
    "digest",
];

/// See the sanctions lists in force, and import a newer version of one.
#[derive(Debug, Subcommand)]
pub enum Sanctions {
    /// List the sanctions lists in force.
    List,
    /// See whose verdict changed when everybody was screened on a new version.
    Changes,
    /// Bring a version of a list into force; everybody is screened on it again. One that may free somebody waits for a second
    /// person.
    #[command(disable_version_flag = true)]
    Import(Import),
    /// List the versions that wait for a second person, and why.
    Waiting,
    /// Bring a version that waits into force. Who imported it cannot.
    Confirm(Confirm),
    /// Turn a version that waits down.
    Reject(Reject),
}

/// A version to confirm.
#[derive(Debug, Args)]
pub struct Confirm {
    /// The list.
    name: PackItemId,
    /// The digest of the version that you looked at, as `waiting` shows it.
    digest: String,
}

/// A version to turn down.
#[derive(Debug, Args)]
pub struct Reject {
    /// The list.
    name: PackItemId,
    /// The digest of the version that you looked at, as `waiting` shows it.
    digest: String,
    /// Why; it stays public.
    #[arg(long)]
    reason: String,
}

/// A version of a list to import.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("place").required(true))]
pub struct Import {
    /// The name under which the zone knows the list.
    #[arg(long)]
    name: PackItemId,
    /// The form of the files.
    #[arg(long, value_enum)]
    format: Format,
    /// The publisher's version; a UN list carries its own, which counts.
    #[arg(long)]
    version: String,
    /// The day it was published; a UN list carries its own, which counts.
    #[arg(long, value_name = "DATE")]
    published: Date,
    /// The folder with the files under the names that their publisher gives them.
    #[arg(long, group = "place")]
    dir: Option<PathBuf>,
    /// The file of a list that is one file.
    #[arg(long, group = "place")]
    file: Option<PathBuf>,
}

/// The form of a list's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Format {
    /// OFAC SDN: `sdn.csv`, `alt.csv` and `add.csv`.
    OfacCsv,
    /// UN Security Council consolidated list: `list.xml`.
    UnXml,
    /// OpenSanctions, FollowTheMoney JSON lines: `entities.ftm.json`.
    FollowTheMoney,
}

impl Format {
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::OfacCsv => &["sdn.csv", "alt.csv", "add.csv"],
            Self::UnXml => &["list.xml"],
            Self::FollowTheMoney => &["entities.ftm.json"],
        }
    }
}

impl Sanctions {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, cannot be reached, or a file cannot be read.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        match self {
            Self::List => {
                let lists = Client::connect(global)?.get("/v1/sanctions/lists")?;
                let lists = lists.as_array().map_or(&[][..], Vec::as_slice);
                show::table(global.output(), lists, &COLUMNS, Value::clone);
                Ok(())
            }
            Self::Changes => {
                let reports = Client::connect(global)?.get_all("/v1/sanctions/rescreenings")?;
                global
                    .output()
                    .table(&reports, &["id", "screened", "changes"]);
                Ok(())
            }
            Self::Import(import) => import.run(global),
            Self::Waiting => {
                let waiting = Client::connect(global)?.get("/v1/sanctions/proposals")?;
                let waiting = waiting.as_array().map_or(&[][..], Vec::as_slice);
                show::table(global.output(), waiting, &WAITING_COLUMNS, Value::clone);
                Ok(())
            }
            Self::Confirm(Confirm { name, digest }) => {
                let path = format!("/v1/sanctions/proposals/{name}/confirm");
                let answer = Client::connect(global)?.post(&path, &json!({"digest": digest}))?;
                show::answer(global.output(), &answer, in_force);
                Ok(())
            }
            Self::Reject(Reject {
                name,
                digest,
                reason,
            }) => {
                let path = format!("/v1/sanctions/proposals/{name}/reject");
                let body = json!({"digest": digest, "reason": reason});
                let answer = Client::connect(global)?.post(&path, &body)?;
                show::answer(global.output(), &answer, |rejected| {
                    let (name, version) = (text(rejected, "name"), text(rejected, "version"));
                    let mut lines = vec![format!("turned down: {name} {version}")];
                    lines.extend(show::receipt(rejected));
                    lines
                });
                Ok(())
            }
        }
    }
}

impl Import {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let files = self.read()?;
        let format = self.format.to_possible_value();
        let body = json!({
            "name": self.name,
            "version": self.version,
            "published": self.published,
            "format": format.as_ref().map(|format| format.get_name()),
            "files": files,
        });
        let client = Client::connect(global)?;
        let waiting = spinner("the zone reads the list");
        let answer = client.post("/v1/sanctions/lists", &body);
        waiting.finish_and_clear();
        show::answer(global.output(), &answer?, |list| match list["concerns"] {
            Value::Array(_) => waits(list),
            _ => in_force(list),
        });
        Ok(())
    }

    fn read(&self) -> Result<Map<String, Value>, Failure> {
        let names = self.format.files();
        let path = |name: &str| match (&self.dir, &self.file) {
            (Some(dir), _) => Ok(dir.join(name)),
            (None, Some(file)) if names.len() == 1 => Ok(file.clone()),
            _ => Err(Failure::usage(format!(
                "this form has {} files; name their --dir",
                names.len()
            ))),
        };
        let read = |name: &&'static str| Ok(((*name).to_owned(), read_text(&path(name)?)?.into()));
        names.iter().map(read).collect()
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(input::bytes(path)?)
        .map_err(|_| Failure::environment(format!("{} is not UTF-8", path.display())))
}

/// What is told of a list that came into force.
fn in_force(list: &Value) -> Vec<String> {
    let mut lines = vec![format!("in force: {}", describe(list))];
    lines.extend(show::receipt(list));
    lines.push("Everybody in the register is screened on it again.".to_owned());
    lines
}

/// What is told of a version that waits.
fn waits(version: &Value) -> Vec<String> {
    let [name, number, digest] = ["name", "version", "digest"].map(|it| text(version, it));
    let mut lines = vec![format!("waits for a second person: {name} {number}")];
    let why = version["why"].as_array().into_iter().flatten();
    lines.extend(why.filter_map(Value::as_str).map(|why| format!("  {why}")));
    lines.extend(show::receipt(version));
    lines
        .push("Until then both versions are searched. Somebody else who reviews types:".to_owned());
    lines.push(format!("  hanse sanctions confirm {name} {digest}"));
    lines
}

/// A list in one line.
pub fn describe(list: &Value) -> String {
    let flag = |member: &str, yes: &str, no: &str| {
        if list[member] == true {
            yes.to_owned()
        } else {
            no.to_owned()
        }
    };
    format!(
        "{} {} of {}, {} entries, {}, {}, {}",
        text(list, "name"),
        text(list, "version"),
        text(list, "published"),
        text(list, "entries"),
        flag("required", "required", "not required"),
        flag("usable", "usable", "NOT USABLE: it blocks"),
        text(list, "digest"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_cannot_be_used_stands_out() {
        let list = json!({
            "name": "un", "version": "1", "published": "2026-01-01", "entries": 2, "required": true,
            "usable": false, "digest": "sha256:00",
        });
        assert_eq!(
            describe(&list),
            "un 1 of 2026-01-01, 2 entries, required, NOT USABLE: it blocks, sha256:00"
        );
    }
}
