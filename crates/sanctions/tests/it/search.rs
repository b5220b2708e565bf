use sanctions::{
    BasisPoints, Entry, FeatureKind, Identifier, IndexedList, List, ListedName, NameQuality,
    PartyKind, Policy, REVIEW_BP, Subject, compare_names,
};
use serde_json::Value;

use super::{OFAC, data, header, policy};

fn score(query: &str, listed: &str, kind: PartyKind) -> BasisPoints {
    compare_names(query, listed, kind).score_bp
}

#[test]
fn one_name_is_found_however_it_is_written() {
    use PartyKind::{Company, Person};
    for (query, listed, kind) in [
        ("Ahmed Al Rashid", "AHMAD AL-RASHID", Person),
        ("Владимир Путин", "Vladimir Putin", Person),
        ("فرناندو بيريز", "Fernando Pérez", Person),
        ("Xi Jinping", "习近平", Person),
        ("Vlаdіmіr Putіn", "Vladimir Putin", Person),
        ("Vla\u{200b}dimir Pu\u{2060}tin", "Vladimir Putin", Person),
        ("VLDMR PTN", "Vladimir Putin", Person),
        ("V. Putin", "Vladimir Putin", Person),
        ("Putin Vladimir", "Vladimir Putin", Person),
        ("Vladimirputin", "Vladimir Putin", Person),
        ("Dr. Vladimir Putin Jr.", "Vladimir Putin", Person),
        ("I9or Sech1n", "Igor Sechin", Person),
        ("Abdulrahman Khalid", "Abd al-Rahman Khaled", Person),
        ("Siemens Aktiengesellschaft", "Siemens AG", Company),
        ("ООО Газпром", "Gazprom LLC", Company),
        ("A.B.C. Trading Ltd", "ABC Trading Limited", Company),
    ] {
        let found = compare_names(query, listed, kind);
        assert!(found.score_bp >= REVIEW_BP, "{query} {listed} {found:?}");
    }
}

#[test]
fn what_many_names_share_is_no_match() {
    use PartyKind::{Company, Person};
    for (query, listed, kind) in [
        ("Apple Corp", "Evil Corp", Company),
        ("Bank of Estonia", "Bank of Armenia", Company),
        (
            "Acme Trading Company Limited",
            "Zenith Trading Company Limited",
            Company,
        ),
        ("Muhammad Khan", "Muhammad Zahir", Person),
        ("Mohammed Ali", "Ali", Person),
        ("Antonia Rodriguez", "Antonio Rodriguez", Person),
        ("Dr. Smith", "Dr. Jones", Person),
    ] {
        assert!(score(query, listed, kind) < REVIEW_BP, "{query} {listed}");
    }
}

#[test]
fn every_contribution_is_spelt_out() {
    let found = compare_names(
        "V. Putyn",
        "Vladimir Vladimirovich Putin",
        PartyKind::Person,
    );
    let kinds: Vec<FeatureKind> = found.features.iter().map(|feature| feature.kind).collect();
    assert_eq!(
        kinds,
        [
            FeatureKind::Initial,
            FeatureKind::Sound,
            FeatureKind::Unmatched
        ]
    );
    assert_eq!(found.features[2].listed, "vladimirovich");
}

#[test]
fn every_listed_name_finds_its_own_entry() {
    let policy = policy(&["ofac-sdn"]);
    let mut lost = Vec::new();
    for entry in OFAC.list().entries().iter().step_by(3) {
        for name in &entry.names {
            let hits = OFAC.search(&Subject::named(&name.text, entry.kind), &policy);
            if !hits
                .iter()
                .any(|hit| hit.entry_id == entry.id && hit.score_bp >= 9_499)
            {
                lost.push(name.text.clone());
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

fn numbered(value: String) -> Identifier {
    Identifier {
        kind: "id".to_owned(),
        value,
    }
}

/// The predecessor's rule found what it found at 0.7; whatever it found, we find.
#[test]
fn nothing_the_predecessor_found_is_missed() {
    let file: Value = serde_json::from_slice(&data("predecessor_cases.json")).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect()
    };
    let entries = file["entries"].as_array().unwrap().iter().map(|entry| {
        let id = entry["entry_id"].as_str().unwrap();
        let mut out = Entry::named(id, PartyKind::Unknown, entry["name"].as_str().unwrap());
        let alias = |text| ListedName {
            text,
            quality: NameQuality::Alias,
        };
        out.names
            .extend(texts(&entry["aliases"]).into_iter().map(alias));
        out.identifiers = texts(&entry["identifiers"])
            .into_iter()
            .map(numbered)
            .collect();
        out
    });
    let list = IndexedList::new(List::new(header("old", "1"), entries.collect()).unwrap());
    let policy = Policy::standard(Vec::new());
    let search = |query: &str, identifier: Option<&str>| -> Vec<String> {
        let mut subject = Subject::named(query, PartyKind::Unknown);
        subject
            .identifiers
            .extend(identifier.map(|value| numbered(value.to_owned())));
        list.search(&subject, &policy)
            .into_iter()
            .map(|hit| hit.entry_id)
            .collect()
    };
    for case in file["DERIVED_cases"].as_array().unwrap() {
        let query = case["query"].as_str().unwrap();
        let found = search(query, case["identifier"].as_str());
        for hit in case["hits"].as_array().unwrap() {
            let id = hit["entry_id"].as_str().unwrap().to_owned();
            assert!(found.contains(&id), "{query}: {found:?}");
        }
    }
    assert_eq!(search("Ahmed Al Rashid", None), ["ofac:sdn:A5"]);
    assert_eq!(search("Al", None), Vec::<String>::new());
    assert_eq!(search("Muhammad Khan", None), Vec::<String>::new());
}

#[test]
fn a_number_alone_is_a_question_however_its_kind_is_written_before_it() {
    let mut ship = Entry::named("9", PartyKind::Vessel, "ATLAS");
    ship.identifiers = vec![numbered("9187629".to_owned())];
    let list = IndexedList::new(List::new(header("ships", "1"), vec![ship]).unwrap());
    for value in ["9187629", "IMO9187629", "IMO 9187629", "imo no. 9187629"] {
        let subject = Subject {
            names: Vec::new(),
            identifiers: vec![numbered(value.to_owned())],
            ..Subject::named("", PartyKind::Unknown)
        };
        let found = list.search(&subject, &Policy::standard(Vec::new()));
        assert!(
            found.first().is_some_and(|hit| hit.score_bp == 10_000),
            "{value}"
        );
    }
}

#[test]
fn a_short_number_is_a_question_of_its_kind() {
    let sign = |kind: &str| Identifier {
        kind: kind.to_owned(),
        value: "HABC".to_owned(),
    };
    let mut ship = Entry::named("9", PartyKind::Vessel, "ATLAS");
    ship.identifiers = vec![sign("Call Sign")];
    let list = IndexedList::new(List::new(header("ships", "1"), vec![ship]).unwrap());
    let found = |kind: &str| {
        let subject = Subject {
            names: Vec::new(),
            identifiers: vec![sign(kind)],
            ..Subject::named("", PartyKind::Unknown)
        };
        list.search(&subject, &Policy::standard(Vec::new())).len()
    };
    assert_eq!(
        [found("call_sign"), found("CALL SIGN"), found("passport")],
        [1, 1, 0]
    );
}

#[test]
fn a_company_is_found_however_its_name_is_abbreviated() {
    for (query, listed) in [
        (
            "Crescent Intl Trdg Co",
            "CRESCENT INTERNATIONAL TRADING COMPANY",
        ),
        (
            "Crescent International Trading Comp",
            "CRESCENT INTL TRDG CO",
        ),
        ("Orient Shpg Natl Ltd", "ORIENT SHIPPING NATIONAL LIMITED"),
        ("Petrochem Ind. Mfg.", "PETROCHEM INDUSTRIES MANUFACTURING"),
        ("Stroytransgazltd", "STROYTRANSGAZ LTD"),
        ("Mahan Avn Svcs", "MAHAN AVIATION SERVICES"),
    ] {
        for kind in [PartyKind::Company, PartyKind::Unknown] {
            let (there, back) = (score(query, listed, kind), score(listed, query, kind));
            assert!(
                there >= REVIEW_BP && back >= REVIEW_BP,
                "{query} | {listed}: {there} {back}"
            );
        }
    }
}

#[test]
fn a_name_that_is_an_abbreviation_elsewhere_stays_a_name() {
    let person = Entry::named("1", PartyKind::Person, "GUPTA, Dev Nat");
    let list = IndexedList::new(List::new(header("one", "1"), vec![person]).unwrap());
    let hits = list.search(
        &Subject::named("Dev Nat Gupta", PartyKind::Unknown),
        &Policy::standard(Vec::new()),
    );
    assert_eq!(hits[0].score_bp, 10_000);
}

#[test]
fn a_kind_narrows_the_score_and_not_the_search() {
    let entry = |kind| Entry::named("1", kind, "Viktor Butov");
    let kinds = [
        PartyKind::Person,
        PartyKind::Company,
        PartyKind::Vessel,
        PartyKind::Aircraft,
    ];
    for listed in kinds {
        let list = IndexedList::new(List::new(header("one", "1"), vec![entry(listed)]).unwrap());
        for asked in kinds {
            let hits = list.search(
                &Subject::named("Viktor Butov", asked),
                &Policy::standard(Vec::new()),
            );
            let hit = hits.first().unwrap();
            assert!(hit.score_bp >= REVIEW_BP, "{asked:?} on {listed:?}");
            let differs = hit
                .features
                .iter()
                .any(|it| it.kind == FeatureKind::KindDiffers);
            assert_eq!(
                differs,
                hit.name_score_bp < 10_000,
                "{asked:?} on {listed:?}"
            );
        }
    }
}
