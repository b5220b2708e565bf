//! Prints how well names are found, all at one threshold.
//!
//! ```text
//! cargo run --release -p sanctions --example screening_report -- \
//!     [--cases FILE.csv] [--half tune|report] [--ofac DIR] [--evasion FILE.json]... \
//!     [--un FILE.xml --positives FILE.csv] [--negatives FILE.csv] [--threshold BP] [--errors]
//! ```
//! Without arguments it measures on the shipped data. The UN list may not be shipped; give its path.

#![expect(clippy::print_stdout, reason = "a report is printed")]

use std::{collections::BTreeMap, error::Error, fs, path::PathBuf, time::Instant};

use sanctions::{
    Entry, Feature, IndexedList, List, ListHeader, ListedName, NameQuality, PartyKind, Policy,
    REVIEW_BP, Subject, compare_names, import,
};

#[path = "../tests/it/writings.rs"]
mod writings;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let options = Options::parse()?;
    println!("threshold {} bp", options.threshold);
    name_pairs(&options)?;
    for path in &options.evasion {
        evasion(&options, path)?;
    }
    let ofac = IndexedList::new(ofac(&options)?);
    self_recall(&options, &ofac);
    customers(&options, &ofac)?;
    if let Some(path) = &options.un {
        let un = IndexedList::new(import::un::import(&fs::read(path)?, "un-sc")?);
        self_recall(&options, &un);
        original_scripts(&options, &un)?;
        customers(&options, &un)?;
        listed_people(&options, &un)?;
    }
    Ok(())
}

struct Options {
    cases: PathBuf,
    half: Option<bool>,
    ofac: PathBuf,
    evasion: Vec<PathBuf>,
    un: Option<PathBuf>,
    positives: PathBuf,
    negatives: PathBuf,
    threshold: u32,
    errors: bool,
}

impl Options {
    fn parse() -> Outcome<Self> {
        let data = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/sanctions"
        ));
        let packs = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../packs/sanctions"
        ));
        let mut options = Self {
            cases: data.join("name-bench/cases.csv"),
            half: None,
            ofac: packs.join("ofac-sdn"),
            evasion: Vec::new(),
            un: None,
            positives: data.join("positives_un_untreated.csv"),
            negatives: data.join("negatives_us_25k.csv"),
            threshold: REVIEW_BP,
            errors: false,
        };
        let mut args = std::env::args().skip(1);
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--cases" => options.cases = value()?.into(),
                "--half" => options.half = Some(value()? == "tune"),
                "--ofac" => options.ofac = value()?.into(),
                "--evasion" => options.evasion.push(value()?.into()),
                "--un" => options.un = Some(value()?.into()),
                "--positives" => options.positives = value()?.into(),
                "--negatives" => options.negatives = value()?.into(),
                "--threshold" => options.threshold = value()?.parse()?,
                "--errors" => options.errors = true,
                _ => return Err(format!("unknown option {option}").into()),
            }
        }
        if options.evasion.is_empty() {
            options
                .evasion
                .push(data.join("evasion/ofac100-seed7.json"));
        }
        Ok(options)
    }

    fn policy(&self) -> Policy {
        Policy {
            review_bp: self.threshold,
            ..Policy::standard(Vec::new())
        }
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn name_pairs(options: &Options) -> Outcome<()> {
    let (mut tp, mut fp, mut missed, mut count) = (0, 0, 0, 0);
    for row in csv::Reader::from_path(&options.cases)?.records() {
        let row = row?;
        if options
            .half
            .is_some_and(|tune| tune != in_tuning_half(&row[2], &row[3]))
        {
            continue;
        }
        let found = compare_names(&row[2], &row[3], kind(&row[1]));
        let (hit, same) = (found.score_bp >= options.threshold, &row[4] == "true");
        count += 1;
        tp += usize::from(hit && same);
        fp += usize::from(hit && !same);
        missed += usize::from(!hit && same);
        if options.errors && hit != same {
            println!("  {} {} | {} | {}", found.score_bp, same, &row[2], &row[3]);
            println!("      {}", why(&found.features));
        }
    }
    let half = match options.half {
        None => "all cases",
        Some(true) => "tuning half",
        Some(false) => "reporting half",
    };
    println!(
        "name pairs ({half}, {count}): F1 {:.3}  P {:.3}  R {:.3}",
        2.0 * tp as f64 / (2 * tp + fp + missed) as f64,
        tp as f64 / (tp + fp) as f64,
        tp as f64 / (tp + missed) as f64,
    );
    Ok(())
}

/// FNV-1a of the two names decides, so that the halves never depend on the order of the file.
fn in_tuning_half(a: &str, b: &str) -> bool {
    let fnv = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    a.bytes().chain(b.bytes()).fold(2_166_136_261, fnv) >> 7 & 1 == 0
}

fn kind(schema: &str) -> PartyKind {
    match schema {
        "Person" => PartyKind::Person,
        "Vessel" => PartyKind::Vessel,
        "LegalEntity" => PartyKind::Unknown,
        _ => PartyKind::Company,
    }
}

fn why(features: &[Feature]) -> String {
    let one = |f: &Feature| format!("{:?} {}~{} {}", f.kind, f.query, f.listed, f.similarity_bp);
    features.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Cases in the form that the PyPI package `sanctions-screening-benchmark` 0.1.0 writes. A case
/// is found when the best hit is the expected party; a near-miss alerts when anything is hit.
fn evasion(options: &Options, path: &PathBuf) -> Outcome<()> {
    let file: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let candidates = file["candidates"].as_object().ok_or("no candidates")?;
    let entries = candidates.iter().map(|(id, names)| {
        let names = names
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str());
        let listed = |text: &str| ListedName {
            text: text.into(),
            quality: NameQuality::Alias,
        };
        Entry {
            names: names.map(listed).collect(),
            ..Entry::named(id, PartyKind::Person, id)
        }
    });
    let list = IndexedList::new(List::new(header("evasion"), entries.collect())?);
    let policy = options.policy();
    let mut classes: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    for case in file["cases"].as_array().ok_or("no cases")? {
        let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let subject = Subject::named(text("query"), PartyKind::Person);
        let hits = list.search(&subject, &policy);
        let expected = case["expected_entity_id"].as_str();
        let hit = match expected {
            Some(id) => hits.first().is_some_and(|hit| hit.entry_id == id),
            None => !hits.is_empty(),
        };
        let class = classes
            .entry((text("family"), text("perturbation")))
            .or_default();
        class.0 += 1;
        class.1 += usize::from(hit);
        if options.errors && hit != expected.is_some() {
            let top = hits
                .first()
                .map(|h| format!("{} {} {}", h.score_bp, h.matched_name, why(&h.features)));
            println!(
                "  {} {} <- {}: {top:?}",
                text("perturbation"),
                text("query"),
                text("source_name")
            );
        }
    }
    let sum = |negative: bool| {
        let of = classes
            .iter()
            .filter(|((family, _), _)| (family == "negative") == negative);
        of.fold((0, 0), |(n, hits), (_, class)| {
            (n + class.0, hits + class.1)
        })
    };
    let ((n, found), (near, alerts)) = (sum(false), sum(true));
    println!(
        "evasion ({}): recall {:.1} % of {n}, near-miss alerts {:.1} % of {near}",
        path.file_name().unwrap_or_default().display(),
        percent(found, n),
        percent(alerts, near)
    );
    for ((family, class), (n, hits)) in classes {
        println!(
            "    {family:<12} {class:<16} {hits:>4} of {n:<4} {:>5.1} %",
            percent(hits, n)
        );
    }
    Ok(())
}

fn header(name: &str) -> ListHeader {
    ListHeader {
        name: name.into(),
        version: "1".into(),
        published: jiff::civil::Date::constant(2021, 7, 1),
    }
}

fn ofac(options: &Options) -> Outcome<List> {
    let read = |name| fs::read(options.ofac.join(name));
    let (sdn, alt, add) = (read("sdn.csv")?, read("alt.csv")?, read("add.csv")?);
    let files = import::ofac::OfacFiles {
        sdn: &sdn,
        alt: &alt,
        add: &add,
    };
    Ok(import::ofac::import(files, header("ofac-sdn"))?)
}

/// Every person on the list, asked for by every usual way to write each name; found when the entry is among the hits.
fn self_recall(options: &Options, list: &IndexedList) {
    let policy = options.policy();
    let mut ways: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut whole, mut people) = (0, 0);
    let entries = list.list().entries().iter();
    for entry in entries.filter(|entry| entry.kind == PartyKind::Person) {
        let mut lost = false;
        let strong = entry
            .names
            .iter()
            .filter(|name| name.quality != NameQuality::Weak);
        for name in strong {
            for (way, text) in writings::of_person(&name.text) {
                let hits = list.search(&Subject::named(&text, PartyKind::Person), &policy);
                let found = hits.iter().any(|hit| hit.entry_id == entry.id);
                let class = ways.entry(way).or_default();
                class.0 += 1;
                class.1 += usize::from(found);
                if !found && options.errors {
                    println!("  not found: {way}: {text} <- {}", name.text);
                }
                lost |= !found;
            }
        }
        people += 1;
        whole += usize::from(!lost);
    }
    let (asked, found) = ways
        .values()
        .fold((0, 0), |sum, way| (sum.0 + way.0, sum.1 + way.1));
    println!(
        "self-recall on {}: {:.2} % of {asked} writings, {:.2} % of {people} people by all of theirs",
        list.list().header().name,
        percent(found, asked),
        percent(whole, people),
    );
    for (way, (asked, found)) in ways {
        println!(
            "    {way:<32} {found:>5} of {asked:<5} {:>6.2} %",
            percent(found, asked)
        );
    }
}

/// People whose names the list has in another script as well, asked for in it on a list that has them in Latin letters only.
fn original_scripts(options: &Options, list: &IndexedList) -> Outcome<()> {
    let is_latin = |name: &ListedName| {
        !name.text.chars().any(|c| {
            c.is_alphabetic()
                && u32::from(c) > 0x24F
                && !matches!(u32::from(c), 0x1E00..=0x1EFF | 0x2B0..=0x2FF)
        })
    };
    let people = || {
        list.list()
            .entries()
            .iter()
            .filter(|entry| entry.kind == PartyKind::Person)
    };
    let latin = people().map(|entry| Entry {
        names: entry
            .names
            .iter()
            .filter(|name| is_latin(name))
            .cloned()
            .collect(),
        ..entry.clone()
    });
    let latin = latin.filter(|entry| !entry.names.is_empty()).collect();
    let latin = IndexedList::new(List::new(header("latin"), latin)?);
    let policy = options.policy();
    let (mut asked, mut found) = (0, 0);
    for entry in people() {
        for name in entry.names.iter().filter(|name| !is_latin(name)) {
            let hits = latin.search(&Subject::named(&name.text, PartyKind::Person), &policy);
            let hit = hits.iter().any(|hit| hit.entry_id == entry.id);
            asked += 1;
            found += usize::from(hit);
            if !hit && options.errors {
                let names: Vec<_> = entry
                    .names
                    .iter()
                    .filter(|name| is_latin(name))
                    .map(|name| name.text.as_str())
                    .collect();
                println!(
                    "  original script lost: {} <- {}",
                    name.text,
                    names.join(" | ")
                );
            }
        }
    }
    println!(
        "original scripts on {}: {found} of {asked} = {:.1} %",
        list.list().header().name,
        percent(found, asked)
    );
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a report of speed reads the clock"
)]
fn customers(options: &Options, list: &IndexedList) -> Outcome<()> {
    let names: usize = list
        .list()
        .entries()
        .iter()
        .map(|entry| entry.names.len())
        .sum();
    let policy = options.policy();
    let subjects = full_names(&options.negatives)?
        .into_iter()
        .map(|name| Subject::named(name, PartyKind::Person))
        .collect::<Vec<_>>();
    let start = Instant::now();
    let hits: Vec<_> = subjects
        .iter()
        .map(|subject| list.search(subject, &policy))
        .collect();
    let micros = start.elapsed().as_micros() as f64 / subjects.len() as f64;
    let alerts = hits.iter().filter(|hits| !hits.is_empty()).count();
    println!(
        "customers not on {} ({} entries, {names} names): {alerts} alerts in {} = {:.1} in 10,000; {micros:.0} us a query",
        list.list().header().name,
        list.list().entries().len(),
        subjects.len(),
        10_000.0 * alerts as f64 / subjects.len() as f64,
    );
    if options.errors {
        for hit in hits.iter().flatten() {
            println!(
                "  {} {} | {} {}",
                hit.score_bp,
                hit.query_name,
                hit.matched_name,
                why(&hit.features)
            );
        }
    }
    Ok(())
}

fn full_names(path: &PathBuf) -> Outcome<Vec<String>> {
    let mut reader = csv::Reader::from_path(path)?;
    let rows = reader.records().map(|row| row.map(|row| row[0].to_owned()));
    Ok(rows.collect::<Result<_, _>>()?)
}

/// People on the list, by their name and by distortions of it: a letter changed, left out,
/// doubled or moved; a word left out where there are three; the order turned; two words joined.
fn listed_people(options: &Options, list: &IndexedList) -> Outcome<()> {
    let policy = options.policy();
    let hits = |name: &str| list.search(&Subject::named(name, PartyKind::Person), &policy);
    let mut random = 0x5EED_u64;
    let (mut found, mut kept, mut distorted) = (0, 0, 0);
    let people = full_names(&options.positives)?;
    for name in &people {
        let top = hits(name).into_iter().next();
        found += usize::from(top.is_some());
        if top.is_none() && options.errors {
            println!("  listed but not found: {name}");
        }
        for variant in distortions(name, &mut random) {
            distorted += 1;
            let hits = hits(&variant);
            let same = hits
                .iter()
                .any(|hit| Some(&hit.entry_id) == top.as_ref().map(|t| &t.entry_id));
            kept += usize::from(same);
            if !same && options.errors {
                println!("  distorted and lost: {variant} <- {name}");
            }
        }
    }
    println!(
        "people on {}: {found} of {} found ({:.2} %), distorted {kept} of {distorted} ({:.2} %)",
        list.list().header().name,
        people.len(),
        percent(found, people.len()),
        percent(kept, distorted)
    );
    Ok(())
}

fn distortions(name: &str, random: &mut u64) -> Vec<String> {
    let mut next = |below: usize| {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) as usize % below.max(1)
    };
    let words: Vec<&str> = name.split_whitespace().collect();
    let letters: Vec<char> = name.chars().collect();
    let at = 1 + next(letters.len().saturating_sub(2));
    let mut out = Vec::new();
    let mut changed = letters.clone();
    changed[at] = char::from(b'A' + next(26) as u8);
    out.push(changed.iter().collect());
    let mut shorter = letters.clone();
    shorter.remove(at);
    out.push(shorter.iter().collect());
    let mut doubled = letters.clone();
    doubled.insert(at, letters[at]);
    out.push(doubled.iter().collect());
    let mut moved = letters;
    moved.swap(at - 1, at);
    out.push(moved.iter().collect());
    out.push(words.iter().rev().copied().collect::<Vec<_>>().join(" "));
    if words.len() > 2 {
        let mut fewer = words.clone();
        fewer.remove(next(words.len()));
        out.push(fewer.join(" "));
    }
    if words.len() > 1 {
        out.push(name.replacen(' ', "", 1));
    }
    out
}
