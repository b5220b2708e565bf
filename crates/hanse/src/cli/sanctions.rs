//! `hanse sanctions`: the lists in force.

use std::path::{Path, PathBuf};

use api::receipt::Receipted;
use api::screening::ListView;
use clap::{Args, Subcommand, ValueEnum};
use ids::PackItemId;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::output::spinner;
use super::show;
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

/// See the sanctions lists in force, and import a newer version of one.
#[derive(Debug, Subcommand)]
pub enum Sanctions {
    /// List the sanctions lists in force.
    List,
    /// See whose verdict changed when everybody was screened on a new version.
    Changes,
    /// Bring a version of a list into force; everybody is screened on it again.
    #[command(disable_version_flag = true)]
    Import(Import),
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
                global.output().table(lists, &COLUMNS);
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
        let answer = client.send::<Receipted<ListView>>("/v1/sanctions/lists", &body);
        waiting.finish_and_clear();
        let list = answer?;
        show::answer(global.output(), &list.raw, || {
            let mut lines = vec![format!("in force: {}", describe(&list.body.body))];
            lines.extend(show::receipt(&list.raw));
            lines.push("Everybody in the register is screened on it again.".to_owned());
            lines
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
    use evidence::digest::Digest;

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
