//! One screening against the shipped OFAC list, about 20,000 names, with the verdict and its reasons.
//!
//! The rival looks for the best match among all those names and says how good it is. Queries are half customers and half
//! distorted names of listed people, in turn.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use sanctions::import::ofac::{OfacFiles, import};
use sanctions::{
    IndexedList, List, ListHeader, Lists, PartyKind, Policy, RequiredList, Subject, screen,
};
use serde_json::Value;

use crate::measure::{Clock, Row, Title, compare, repeat};
use crate::rival::Rival;

const SLICE: Duration = Duration::from_millis(300);
const LIST: &str = "ofac-sdn";
const AS_OF: &str = "2021-07-15T00:00:00Z";
const QUERIES: usize = 2_000;
/// Below the cut-off the rival may stop comparing. WRatio's is the one at which it finds nearly all distorted listed persons.
const SCORERS: [(&str, u8); 2] = [("WRatio", 91), ("token_sort_ratio", 90)];

/// Screenings per CPU second. `root` is the project, `python` an interpreter that has RapidFuzz.
pub fn run(root: &Path, python: &Path, work: &Path) -> Result<Vec<Row>> {
    let list = shipped_list(&root.join("packs/sanctions/ofac-sdn"))?;
    let queries = queries(&root.join("testdata/sanctions"))?;
    let names: Vec<&str> = list
        .entries()
        .iter()
        .flat_map(|entry| &entry.names)
        .map(|name| name.text.as_str())
        .collect();
    let (names_file, queries_file) = (work.join("names.txt"), work.join("queries.txt"));
    std::fs::write(&names_file, names.join("\n")).context("write the names")?;
    std::fs::write(&queries_file, queries.join("\n")).context("write the queries")?;
    let script = root.join("bench/rivals/rapidfuzz/match.py");
    let mut rival = Rival::start(
        Command::new(python)
            .arg(script)
            .arg(names_file)
            .arg(queries_file),
    )?;

    let case = format!("screen one person against {} names", names.len());
    let mut lists = Lists::default();
    lists.insert(IndexedList::new(list));
    let policy = Policy::standard(vec![RequiredList {
        name: LIST.to_owned(),
        age_days_max: 30,
    }]);
    let as_of: Timestamp = AS_OF.parse()?;
    let subjects: Vec<Subject> = queries
        .iter()
        .map(|name| Subject::named(name, PartyKind::Person))
        .collect();
    let mut subjects = subjects.iter().cycle();
    let mut rows = Vec::new();
    for (scorer, cutoff) in SCORERS {
        let name = format!("RapidFuzz 3.14.6 {scorer}, every name");
        let title = Title {
            topic: "screening",
            case: &case,
            rival: &name,
            unit: "queries",
            clock: Clock::Cpu,
        };
        rows.push(compare(
            title,
            || {
                repeat(SLICE, || {
                    let subject = subjects.next().context("take the next query")?;
                    black_box(screen(subject, &lists, as_of, &policy));
                    Ok(1.0)
                })
            },
            || rival.ask(&format!("{scorer} {cutoff} {}", SLICE.as_millis())),
        )?);
    }
    Ok(rows)
}

fn shipped_list(folder: &Path) -> Result<List> {
    let read =
        |name: &str| std::fs::read(folder.join(name)).with_context(|| format!("read {name}"));
    let header = ListHeader {
        name: LIST.to_owned(),
        version: "2021-07".to_owned(),
        published: "2021-07-01".parse()?,
    };
    let (sdn, alt, add) = (read("sdn.csv")?, read("alt.csv")?, read("add.csv")?);
    Ok(import(
        OfacFiles {
            sdn: &sdn,
            alt: &alt,
            add: &add,
        },
        header,
    )?)
}

fn queries(folder: &Path) -> Result<Vec<String>> {
    let customers = std::fs::read_to_string(folder.join("negatives_us_25k.csv"))?;
    let customers = customers
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next());
    let evasions: Value =
        serde_json::from_slice(&std::fs::read(folder.join("evasion/ofac100-seed7.json"))?)?;
    let evasions = evasions["cases"]
        .as_array()
        .context("find the distorted names")?;
    let evasions = evasions.iter().filter_map(|case| case["query"].as_str());
    Ok(customers
        .zip(evasions)
        .flat_map(|(customer, evasion)| [customer.to_owned(), evasion.to_owned()])
        .take(QUERIES)
        .collect())
}
