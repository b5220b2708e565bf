//! `hanse sanctions`: the lists in force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::screening::{
    ConfirmBody, ImportBody, ListFormat, ListView, ProposalView, RejectBody, RejectionView,
};
use clap::{Args, Subcommand};
use evidence::digest::Digest;
use ids::PackItemId;
use jiff::civil::Date;
use serde::Deserialize;

use super::client::{Answer, Client};
use super::input::one_of;
use super::output::spinner;
use super::show::{self, maybe};
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
    #[arg(value_parser = digest)]
    digest: Digest,
}

/// A version to turn down.
#[derive(Debug, Args)]
pub struct Reject {
    /// The list.
    name: PackItemId,
    /// The digest of the version that you looked at, as `waiting` shows it.
    #[arg(value_parser = digest)]
    digest: Digest,
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
    #[arg(long, value_parser = one_of::<ListFormat>(ListFormat::TEXTS))]
    format: ListFormat,
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

/// The files of a list, under the names that its publisher gives them.
fn files(format: ListFormat) -> &'static [&'static str] {
    match format {
        ListFormat::OfacCsv => &["sdn.csv", "alt.csv", "add.csv"],
        ListFormat::UnXml => &["list.xml"],
        ListFormat::FollowTheMoney => &["entities.ftm.json"],
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
                let lists =
                    Client::connect(global)?.read::<Vec<ListView>>("/v1/sanctions/lists")?;
                show::table(global.output(), &lists.each(), &COLUMNS, list_cells);
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
                let path = "/v1/sanctions/proposals";
                let waiting = Client::connect(global)?.read::<Vec<ProposalView>>(path)?;
                let columns = &WAITING_COLUMNS;
                show::table(global.output(), &waiting.each(), columns, waiting_cells);
                Ok(())
            }
            Self::Confirm(Confirm { name, digest }) => {
                let path = format!("/v1/sanctions/proposals/{name}/confirm");
                let body = ConfirmBody { digest: *digest };
                let answer = Client::connect(global)?.send::<ListView>(&path, &body)?;
                show::answer(global.output(), &answer.raw, || in_force(&answer));
                Ok(())
            }
            Self::Reject(Reject {
                name,
                digest,
                reason,
            }) => {
                let path = format!("/v1/sanctions/proposals/{name}/reject");
                let body = RejectBody {
                    digest: *digest,
                    reason: reason.clone(),
                };
                let answer = Client::connect(global)?.send::<RejectionView>(&path, &body)?;
                show::answer(global.output(), &answer.raw, || {
                    let RejectionView { name, version, .. } = &answer.body;
                    let mut lines = vec![format!("turned down: {name} {version}")];
                    lines.extend(show::receipt(&answer.raw));
                    lines
                });
                Ok(())
            }
        }
    }
}

/// What came of an import.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Imported {
    /// The version waits for a second person.
    Waits(ProposalView),
    /// It is in force.
    InForce(ListView),
}

impl Import {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let body = ImportBody {
            name: self.name.clone(),
            version: self.version.clone(),
            published: self.published,
            format: self.format,
            files: self.read()?,
        };
        let client = Client::connect(global)?;
        let waiting = spinner("the zone reads the list");
        let answer = client.send::<Imported>("/v1/sanctions/lists", &body);
        waiting.finish_and_clear();
        let Answer { raw, body } = answer?;
        show::answer(global.output(), &raw, || match body {
            Imported::Waits(body) => waits(&Answer {
                raw: raw.clone(),
                body,
            }),
            Imported::InForce(body) => in_force(&Answer {
                raw: raw.clone(),
                body,
            }),
        });
        Ok(())
    }

    fn read(&self) -> Result<BTreeMap<String, String>, Failure> {
        let names = files(self.format);
        let path = |name: &str| match (&self.dir, &self.file) {
            (Some(dir), _) => Ok(dir.join(name)),
            (None, Some(file)) if names.len() == 1 => Ok(file.clone()),
            _ => Err(Failure::usage(format!(
                "this form has {} files; name their --dir",
                names.len()
            ))),
        };
        let read = |name: &&'static str| Ok(((*name).to_owned(), read_text(&path(name)?)?));
        names.iter().map(read).collect()
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(input::bytes(path)?)
        .map_err(|_| Failure::environment(format!("{} is not UTF-8", path.display())))
}

fn digest(text: &str) -> Result<Digest, String> {
    text.parse::<Digest>().map_err(|error| error.to_string())
}

fn list_cells(list: &ListView) -> [String; 7] {
    [
        list.name.clone(),
        list.version.clone(),
        list.published.to_string(),
        list.entries.to_string(),
        list.required.to_string(),
        list.usable.to_string(),
        list.digest.to_string(),
    ]
}

fn waiting_cells(version: &ProposalView) -> [String; 8] {
    [
        version.name.clone(),
        version.version.clone(),
        version.entries.to_string(),
        maybe(&version.added),
        maybe(&version.removed),
        maybe(&version.changed),
        version.proposed_by.clone(),
        version.digest.to_string(),
    ]
}

/// What is told of a list that came into force.
fn in_force(list: &Answer<ListView>) -> Vec<String> {
    let mut lines = vec![format!("in force: {}", describe(&list.body))];
    lines.extend(show::receipt(&list.raw));
    lines.push("Everybody in the register is screened on it again.".to_owned());
    lines
}

/// What is told of a version that waits.
fn waits(waiting: &Answer<ProposalView>) -> Vec<String> {
    let ProposalView {
        name,
        version,
        digest,
        why,
        ..
    } = &waiting.body;
    let mut lines = vec![format!("waits for a second person: {name} {version}")];
    lines.extend(why.iter().map(|why| format!("  {why}")));
    lines.extend(show::receipt(&waiting.raw));
    lines
        .push("Until then both versions are searched. Somebody else who reviews types:".to_owned());
    lines.push(format!("  hanse sanctions confirm {name} {digest}"));
    lines
}

/// A list in one line.
pub fn describe(list: &ListView) -> String {
    let required = if list.required {
        "required"
    } else {
        "not required"
    };
    let usable = if list.usable {
        "usable"
    } else {
        "NOT USABLE: it blocks"
    };
    let ListView {
        name,
        version,
        published,
        entries,
        digest,
        ..
    } = list;
    format!("{name} {version} of {published}, {entries} entries, {required}, {usable}, {digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_cannot_be_used_stands_out() {
        let digest = Digest::raw(b"");
        let list = ListView {
            name: "un".to_owned(),
            version: "1".to_owned(),
            published: "2026-01-01".parse().unwrap(),
            digest,
            entries: 2,
            required: true,
            usable: false,
        };
        assert_eq!(
            describe(&list),
            format!("un 1 of 2026-01-01, 2 entries, required, NOT USABLE: it blocks, {digest}")
        );
    }
}
