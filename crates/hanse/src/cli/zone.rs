//! `hanse zone`: the running zone, and the files a zone is made of.

use std::path::{Path, PathBuf};

use api::zone::{EntityTypeView, ZoneView};
use clap::{Args, Subcommand};
use law::pack::{self, CaseOutcome, CasesError, Pack, PackFiles};
use law::zone::Drift;
use serde_json::{Value, json};

use super::client::Client;
use super::show::{self, text};
use super::{Failure, Global, input};
use crate::zone::load::{ZoneError, ZoneFiles, pack_files, read_files};
use platform::declined::Chain;

/// Show the running zone, and check, lock, test and compare the files a zone is made of.
#[derive(Debug, Subcommand)]
pub enum Zone {
    /// Show the running zone: keys, law, what can be registered, sanctions lists, authorities.
    Show,
    /// List the packs of the running zone, and how many of their sources were checked.
    Packs,
    /// Check the files of a zone, offline: every problem, and where they differ from `zone.lock`.
    Check {
        /// Where the files are.
        #[command(flatten)]
        files: Files,
    },
    /// Write `zone.lock`, which pins every byte of the manifest and the packs, and print its digest.
    Lock {
        /// Where the files are.
        #[command(flatten)]
        files: Files,
        /// Write nothing; name what differs from the lock that is there.
        #[arg(long)]
        check: bool,
    },
    /// Run the cases of packs, offline: every rule must decide as its cases state.
    Test {
        /// Where the files are.
        #[command(flatten)]
        files: Files,
        /// Folders of packs; those of the zone when absent.
        #[arg(value_name = "FOLDER", conflicts_with_all = ["manifest", "packs"])]
        folders: Vec<PathBuf>,
    },
    /// Say which files and rules differ between two versions of a pack, offline.
    Diff {
        /// The folder of the older version.
        old: PathBuf,
        /// The folder of the newer version.
        new: PathBuf,
    },
}

/// Where the files of a zone are.
#[derive(Clone, Debug, Args)]
pub struct Files {
    /// The manifest; `zone.yaml` of the data folder when absent. `zone.lock` is beside it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The folder of packs; `packs` beside the manifest when absent.
    #[arg(long, value_name = "DIR")]
    packs: Option<PathBuf>,
}

impl Files {
    fn manifest(&self, global: &Global) -> PathBuf {
        self.manifest
            .clone()
            .unwrap_or_else(|| global.data().manifest())
    }

    fn lock(&self, global: &Global) -> PathBuf {
        self.manifest(global).with_file_name("zone.lock")
    }

    fn read(&self, global: &Global) -> Result<ZoneFiles, ZoneError> {
        let manifest = self.manifest(global);
        let beside = || manifest.with_file_name("packs");
        read_files(&manifest, &self.packs.clone().unwrap_or_else(beside))
    }
}

impl Zone {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused or cannot be reached, or the files are not as they must be.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let zone = Client::connect(global)?.read::<ZoneView>("/v1/zone")?;
                show::answer(global.output(), &zone.raw, || describe(&zone.body));
                Ok(())
            }
            Self::Packs => {
                let zone = Client::connect(global)?.get("/v1/zone")?;
                let packs = zone["packs"].as_array().map_or(&[][..], Vec::as_slice);
                let columns = ["id", "version", "checked", "title", "digest"];
                show::raw_table(global.output(), packs, &columns, pack_cells);
                Ok(())
            }
            Self::Check { files } => check(global, files),
            Self::Lock { files, check: true } => check_lock(global, files),
            Self::Lock {
                files,
                check: false,
            } => lock(global, files),
            Self::Test { files, folders } => test(global, files, folders),
            Self::Diff { old, new } => diff(global, old, new),
        }
    }
}

fn check(global: &Global, files: &Files) -> Result<(), Failure> {
    let found = files.read(global).map_err(Told::of);
    let found = found.and_then(|zone| {
        let drift = zone.drift(&files.lock(global)).map_err(Told::of)?;
        Ok((zone.lock().total(), drift))
    });
    let output = global.output();
    let manifest = files.manifest(global);
    match found {
        Err(told) => {
            let answer = json!({ "manifest": manifest, "problems": told.problems, "drift": [] });
            let lines = told
                .problems
                .iter()
                .map(|problem| format!("✗ {problem}"))
                .collect();
            show::answer(output, &answer, || lines);
            Err(told.failure(&manifest))
        }
        Ok((total, drift)) => {
            let answer = json!({
                "manifest": manifest, "problems": [], "drift": drift, "total": total,
            });
            show::answer(output, &answer, || {
                let mut lines = vec!["✓ manifest and packs are in order".to_owned()];
                lines.extend(
                    drift
                        .iter()
                        .map(|drift| format!("✗ {}", describe_drift(drift))),
                );
                lines.push(format!("total  {total}"));
                lines
            });
            refuse_drift(&files.lock(global), &drift)
        }
    }
}

fn lock(global: &Global, files: &Files) -> Result<(), Failure> {
    let zone = files.read(global).map_err(failure)?;
    let (lock, path) = (zone.lock(), files.lock(global));
    input::write(&path, &lock.to_bytes())?;
    global
        .output()
        .object(&json!({ "lock": path, "total": lock.total() }));
    Ok(())
}

fn check_lock(global: &Global, files: &Files) -> Result<(), Failure> {
    let zone = files.read(global).map_err(failure)?;
    let path = files.lock(global);
    let drift = zone.drift(&path).map_err(failure)?;
    let answer = json!({ "lock": path, "total": zone.lock().total(), "drift": drift });
    show::answer(global.output(), &answer, || match drift.as_slice() {
        [] => vec![format!("✓ as locked: {}", zone.lock().total())],
        drift => drift
            .iter()
            .map(|drift| format!("✗ {}", describe_drift(drift)))
            .collect(),
    });
    refuse_drift(&path, &drift)
}

fn refuse_drift(lock: &Path, drift: &[Drift]) -> Result<(), Failure> {
    match drift.len() {
        0 => Ok(()),
        _ if !lock.exists() => Err(Failure::refused(format!(
            "there is no {}; `hanse zone lock` writes it",
            lock.display()
        ))),
        count => Err(Failure::refused(format!(
            "{count} {} from zone.lock; look at them, then `hanse zone lock`",
            if count == 1 {
                "difference"
            } else {
                "differences"
            }
        ))),
    }
}

fn describe_drift(drift: &Drift) -> String {
    let kind = serde_json::to_value(drift.kind).unwrap_or_default();
    format!(
        "{} {}",
        drift.place,
        show::words(kind.as_str().unwrap_or_default())
    )
}

fn test(global: &Global, files: &Files, folders: &[PathBuf]) -> Result<(), Failure> {
    let packs: Vec<(PackFiles, Pack)> = if folders.is_empty() {
        let zone = files.read(global).map_err(failure)?;
        zone.packs
            .into_iter()
            .map(|(_, files, pack)| (files, pack))
            .collect()
    } else {
        folders
            .iter()
            .map(|folder| open_pack(folder))
            .collect::<Result<_, _>>()?
    };
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (files, pack) in &packs {
        match pack::run_tests(files, pack) {
            Ok(outcomes) => rows.extend(outcomes.iter().map(|outcome| case_row(pack, outcome))),
            Err(found) => errors.extend(found.iter().map(|error| broken_cases(pack, error))),
        }
    }
    let failed = rows.iter().filter(|row| row["outcome"] != "holds").count();
    let answer = json!({ "cases": rows, "errors": errors });
    if global.json {
        global.output().object(&answer);
    } else {
        global
            .output()
            .table(&rows, &["outcome", "pack", "file", "case", "failures"]);
        errors.iter().for_each(|error| global.output().say(error));
    }
    match (failed, errors.len()) {
        (0, 0) => Ok(()),
        (0, broken) => Err(Failure::refused(format!("{broken} errors in the cases"))),
        (failed, _) => Err(Failure::refused(format!(
            "{failed} of {} cases do not hold",
            rows.len()
        ))),
    }
}

fn case_row(pack: &Pack, outcome: &CaseOutcome) -> Value {
    json!({
        "outcome": if outcome.failures.is_empty() { "holds" } else { "FAILS" },
        "pack": pack.id(),
        "file": outcome.path,
        "case": outcome.case,
        "failures": outcome.failures,
    })
}

fn broken_cases(pack: &Pack, error: &CasesError) -> String {
    format!("pack {}: {}", pack.id(), Chain(error))
}

fn diff(global: &Global, old: &Path, new: &Path) -> Result<(), Failure> {
    let (old, new) = (open_pack(old)?, open_pack(new)?);
    let changes = pack::diff((&old.0, &old.1), (&new.0, &new.1));
    let rows: Vec<Value> = changes
        .iter()
        .map(|change| serde_json::to_value(change).expect("a change is names"))
        .collect();
    show::raw_table(global.output(), &rows, &["change", "what"], |change| {
        let what = if change["rule"].is_null() {
            &change["path"]
        } else {
            &change["rule"]
        };
        json!({ "change": show::words(&text(change, "change")), "what": what })
    });
    Ok(())
}

fn open_pack(folder: &Path) -> Result<(PackFiles, Pack), Failure> {
    let files = pack_files(folder).map_err(failure)?;
    match Pack::load(&files) {
        Ok(pack) => Ok((files, pack)),
        Err(problems) => {
            let listed: Vec<_> = problems.iter().map(|it| format!("\n  {it}")).collect();
            Err(Failure::refused(format!(
                "{} is not a pack in order:{}",
                folder.display(),
                listed.concat()
            )))
        }
    }
}

/// What is wrong with the files of a zone, one line each.
struct Told {
    problems: Vec<String>,
    /// Whether a file could not be read at all, which says nothing about what is in it.
    unreadable: bool,
}

impl Told {
    fn of(error: ZoneError) -> Self {
        let unreadable = matches!(error, ZoneError::Unreadable { .. });
        let problems = match error {
            ZoneError::Manifest { problems, .. } => problems
                .iter()
                .map(|problem| format!("zone.yaml: {problem}"))
                .collect(),
            ZoneError::Pack { pack, problems } => problems
                .iter()
                .map(|problem| format!("packs/{pack}: {problem}"))
                .collect(),
            ZoneError::Several { errors } => errors
                .into_iter()
                .flat_map(|error| Self::of(error).problems)
                .collect(),
            error => vec![Chain(&error).to_string()],
        };
        Self {
            problems,
            unreadable,
        }
    }

    fn failure(&self, manifest: &Path) -> Failure {
        let message = format!(
            "{} has {} problems",
            manifest.display(),
            self.problems.len()
        );
        if self.unreadable {
            Failure::environment(message)
        } else {
            Failure::refused(message)
        }
    }
}

fn failure(error: ZoneError) -> Failure {
    let message = Chain(&error).to_string();
    match error {
        ZoneError::Unreadable { .. } => Failure::environment(message),
        _ => Failure::refused(message),
    }
}

fn pack_cells(pack: &Value) -> Value {
    let sources = pack["sources"].as_array().map_or(&[][..], Vec::as_slice);
    let checked = sources
        .iter()
        .filter(|source| source["checked"] != "not_yet")
        .count();
    json!({
        "id": pack["id"],
        "version": pack["version"],
        "checked": format!("{checked}/{}", sources.len()),
        "title": pack["title"],
        "digest": pack["digest"],
    })
}

/// The zone in words.
fn describe(zone: &ZoneView) -> Vec<String> {
    let mut lines = show::fields(&[
        ("zone", format!("{} ({})", zone.name, zone.zone_id)),
        ("address", zone.public_url.clone()),
        ("law of", zone.jurisdiction_stack.join(" > ")),
        ("zone key", zone.did.clone()),
        ("log key", zone.log_key.clone()),
        ("locked as", zone.lock.to_string()),
    ]);
    let types = zone.entity_types.iter().map(|it| {
        let EntityTypeView {
            id,
            name,
            jurisdiction,
            clause,
        } = it;
        format!("{id:20}  {name} ({jurisdiction}, {clause})")
    });
    lines.extend(section("Can be registered", types));
    let activities = zone.activities.iter().map(|it| {
        let licence = it
            .licence
            .as_ref()
            .map(|licence| format!(", needs licence {licence}"));
        format!("{:20}  {}{}", it.id, it.name, licence.unwrap_or_default())
    });
    lines.extend(section("Activities", activities));
    let packs = zone.packs.iter();
    let packs = packs.map(|it| format!("{:20}  {} {}", it.id, it.version, it.title));
    lines.extend(section("Packs", packs));
    let lists = zone.sanctions_lists.iter().map(super::sanctions::describe);
    lines.extend(section("Sanctions lists", lists));
    let authorities = zone.authorities.iter();
    let authorities =
        authorities.map(|it| format!("{} ({}), {}", it.name, it.domains.join(", "), it.did));
    lines.extend(section("Authorities", authorities));
    lines
}

/// A title and what is below it; nothing where there is nothing.
fn section(title: &str, items: impl Iterator<Item = String>) -> Vec<String> {
    let items: Vec<String> = items.map(|item| format!("  {item}")).collect();
    if items.is_empty() {
        return items;
    }
    [vec![String::new(), title.to_owned()], items].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_every_pack_is_told_by_itself() {
        let zone = "zone_id: 7\nunknown: 1\n";
        let problems = law::zone::Manifest::read(zone.as_bytes()).unwrap_err();
        let count = problems.len();
        assert!(count > 3);
        let manifest = ZoneError::Manifest {
            path: "zone.yaml".into(),
            problems,
        };
        let lock = ZoneError::Misplaced {
            path: "packs/pk/x".into(),
            source: None,
        };
        let told = Told::of(ZoneError::Several {
            errors: vec![manifest, lock],
        });
        assert_eq!(told.problems.len(), count + 1);
        assert!(told.problems.iter().all(|problem| !problem.contains('\n')));
    }

    #[test]
    fn a_zone_is_described_with_what_can_be_registered() {
        let zone = json!({
            "name": "Z", "zone_id": "org.z", "jurisdiction_stack": ["pk", "pk-z"], "did": "did:key:z6Mk",
            "entity_types": [{"id": "private-limited", "name": "Private", "jurisdiction": "pk", "clause": "s. 14"}],
            "log_key": "log", "public_url": "http://z", "activities": [], "packs": [], "authorities": [],
            "manifest": {}, "sanctions_lists": [], "lock": evidence::digest::Digest::raw(b""),
        });
        let lines = describe(&serde_json::from_value(zone).unwrap());
        assert_eq!(
            lines,
            [
                "zone       Z (org.z)",
                "address    http://z",
                "law of     pk > pk-z",
                "zone key   did:key:z6Mk",
                "log key    log",
                "locked as  sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "",
                "Can be registered",
                "  private-limited       Private (pk, s. 14)",
            ]
        );
    }

    #[test]
    fn a_pack_shows_how_many_sources_were_checked() {
        let pack =
            json!({"sources": [{"checked": "not_yet"}, {"checked": "against_official_text"}]});
        assert_eq!(pack_cells(&pack)["checked"], "1/2");
    }
}
