//! The figures that ship, all at [`REVIEW_BP`]; `examples/screening_report.rs` prints them.

use sanctions::{
    Entry, IndexedList, List, ListedName, NameQuality, PartyKind, Policy, REVIEW_BP, Subject,
    compare_names,
};
use serde_json::Value;

use super::{OFAC, data, header, writings};

fn standard() -> Policy {
    Policy::standard(Vec::new())
}

#[test]
fn labelled_name_pairs_are_told_apart_with_f1_of_at_least_88_percent() {
    let file = data("name-bench/cases.csv");
    let (mut right, mut wrong) = (0, 0);
    for row in csv::Reader::from_reader(file.as_slice()).records() {
        let row = row.unwrap();
        let kind = match &row[1] {
            "Person" => PartyKind::Person,
            "Vessel" => PartyKind::Vessel,
            "LegalEntity" => PartyKind::Unknown,
            _ => PartyKind::Company,
        };
        let hit = compare_names(&row[2], &row[3], kind).score_bp >= REVIEW_BP;
        match (hit, &row[4] == "true") {
            (true, true) => right += 1,
            (false, false) => {}
            _ => wrong += 1,
        }
    }
    let f1_percent = 200 * right / (2 * right + wrong);
    assert!(f1_percent >= 88, "{f1_percent}");
}

#[test]
fn disguised_names_are_found_and_near_misses_seldom() {
    for name in ["evasion/ofac100-seed7.json", "evasion/ofac100-draw23.json"] {
        let file: Value = serde_json::from_slice(&data(name)).unwrap();
        let list = candidates(&file);
        let (mut people, mut found, mut near, mut alerts) = (0, 0, 0, 0);
        for case in file["cases"].as_array().unwrap() {
            let subject = Subject::named(case["query"].as_str().unwrap(), PartyKind::Person);
            let hits = list.search(&subject, &standard());
            if let Some(expected) = case["expected_entity_id"].as_str() {
                people += 1;
                found += usize::from(hits.first().is_some_and(|hit| hit.entry_id == expected));
            } else {
                near += 1;
                alerts += usize::from(!hits.is_empty());
            }
        }
        assert!(found * 100 >= people * 97, "{name}: {found} of {people}");
        assert!(alerts * 100 <= near * 9, "{name}: {alerts} of {near}");
    }
}

fn candidates(file: &Value) -> IndexedList {
    let entries = file["candidates"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, names)| {
            let mut entry = Entry::named(id, PartyKind::Person, id);
            let texts = names
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap());
            let alias = |text: &str| ListedName {
                text: text.to_owned(),
                quality: NameQuality::Alias,
            };
            entry.names = texts.map(alias).collect();
            entry
        });
    IndexedList::new(List::new(header("evasion", "1"), entries.collect()).unwrap())
}

#[test]
fn fewer_than_40_in_10_000_customers_resemble_anybody_on_the_whole_list() {
    let file = data("negatives_us_25k.csv");
    let (mut customers, mut alerts) = (0, 0);
    for row in csv::Reader::from_reader(file.as_slice()).records() {
        let subject = Subject::named(&row.unwrap()[0], PartyKind::Person);
        customers += 1;
        alerts += usize::from(!OFAC.search(&subject, &standard()).is_empty());
    }
    assert!(alerts * 10_000 < customers * 40, "{alerts} of {customers}");
}

/// One listed person in seven, so that the run stays short; `examples/screening_report.rs` asks for all.
#[test]
fn listed_people_are_found_by_999_of_1000_usual_writings_of_their_names() {
    let (mut asked, mut lost) = (0, Vec::new());
    let people = OFAC
        .list()
        .entries()
        .iter()
        .filter(|entry| entry.kind == PartyKind::Person);
    for entry in people.step_by(7) {
        let strong = entry
            .names
            .iter()
            .filter(|name| name.quality != NameQuality::Weak);
        for (way, text) in strong.flat_map(|name| writings::of_person(&name.text)) {
            asked += 1;
            let hits = OFAC.search(&Subject::named(&text, PartyKind::Person), &standard());
            if !hits.iter().any(|hit| hit.entry_id == entry.id) {
                lost.push(format!("{way}: {text}"));
            }
        }
    }
    assert!(asked > 10_000, "{asked}");
    assert!(
        lost.len() * 1_000 <= asked,
        "{} of {asked}: {lost:#?}",
        lost.len()
    );
}
