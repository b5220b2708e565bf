use proptest::prelude::*;
use sanctions::{
    BirthDate, Entry, Identifier, List, NameQuality, PartyKind,
    import::{
        ImportError,
        ofac::{self, OfacFiles},
        opensanctions,
    },
    pack::ListPackError,
};

use super::{OFAC, SamplePack, header, un_sample};

fn entry(id: &str) -> &'static Entry {
    OFAC.list()
        .entries()
        .iter()
        .find(|entry| entry.id == id)
        .unwrap()
}

#[test]
fn the_shipped_list_is_whole_and_is_the_one_its_manifest_names() {
    let list = SamplePack::read().load().unwrap();
    assert_eq!(list.entries().len(), 8_976);
    let names: usize = list.entries().iter().map(|entry| entry.names.len()).sum();
    assert_eq!(names, 23_295);
}

#[test]
fn a_pack_whose_files_changed_is_refused() {
    let mut pack = SamplePack::read();
    let sdn = String::from_utf8(pack.files["sdn.csv"].clone()).unwrap();
    let changed = sdn.replacen("DJIBO, Ousmane", "DJIBA, Ousmane", 1);
    pack.files.insert("sdn.csv", changed.into_bytes());
    assert!(matches!(pack.load(), Err(ListPackError::Digest { .. })));
    pack.files.remove("sdn.csv");
    assert_eq!(pack.load(), Err(ListPackError::Missing { path: "sdn.csv" }));
}

#[test]
fn remarks_give_dates_places_countries_numbers_and_weak_names() {
    let djibo = entry("32391");
    assert_eq!(djibo.kind, PartyKind::Person);
    assert_eq!(djibo.births, [BirthDate::years(1984, 1984)]);
    assert_eq!(djibo.birth_places, ["Niger"]);
    assert_eq!(djibo.gender.as_deref(), Some("Male"));
    assert_eq!(djibo.programs, ["SDGT"]);
    let weak: Vec<&str> = djibo
        .names
        .iter()
        .filter(|name| name.quality == NameQuality::Weak)
        .map(|name| name.text.as_str())
        .collect();
    assert!(weak.contains(&"CHAFFORI, Petit"), "{weak:?}");
    let numbered = OFAC
        .list()
        .entries()
        .iter()
        .filter(|entry| !entry.identifiers.is_empty());
    assert!(numbered.count() > 3_000);
    let vessels = OFAC
        .list()
        .entries()
        .iter()
        .filter(|entry| entry.kind == PartyKind::Vessel);
    let with_imo = vessels.filter(|entry| entry.identifiers.iter().any(|i| i.kind == "IMO"));
    assert!(with_imo.count() > 300);
}

fn ofac(sdn: &str, alt: &str) -> Result<List, ImportError> {
    let files = OfacFiles {
        sdn: sdn.as_bytes(),
        alt: alt.as_bytes(),
        add: b"",
    };
    ofac::import(files, header("ofac-sdn", "1"))
}

const SDN: &str = "7,\"DOE, Jane\",\"individual\",\"SDGT\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,\"DOB 08 Jan 1947.\"\r\n";

#[test]
fn a_bad_row_names_its_line_and_rule_and_no_part_of_the_list_is_taken() {
    assert_eq!(ofac(SDN, "").unwrap().entries().len(), 1);
    let line = |sdn: &str, alt: &str| match ofac(sdn, alt).unwrap_err() {
        ImportError::Row {
            file, line, field, ..
        } => (file, line, field),
        other => panic!("{other}"),
    };
    let second = |change: (&str, &str)| format!("{SDN}{}", SDN.replace(change.0, change.1));
    assert_eq!(
        line(&second(("08 Jan", "31 Feb")), ""),
        ("sdn.csv", 2, "remarks")
    );
    assert_eq!(
        line(&second(("individual", "ghost")), ""),
        ("sdn.csv", 2, "type")
    );
    assert_eq!(line(&second(("7,", "x,")), ""), ("sdn.csv", 2, "number"));
    assert_eq!(
        line(&format!("{SDN}8,\"A\"\r\n"), ""),
        ("sdn.csv", 2, "row")
    );
    assert_eq!(
        line(SDN, "9,1,\"aka\",\"X\",-0- \r\n"),
        ("alt.csv", 1, "number")
    );
    assert_eq!(
        line(SDN, "7,1,\"zzz\",\"X\",-0- \r\n"),
        ("alt.csv", 1, "kind of name")
    );
    assert_eq!(
        ofac(&second(("", "")), ""),
        Err(ImportError::DuplicateId { id: "7".to_owned() })
    );
    assert_eq!(ofac("", ""), Err(ImportError::Empty));
}

#[test]
fn call_signs_bank_codes_and_addresses_are_identifiers_though_they_have_no_digits() {
    let ship = "8,\"ATLAS\",\"vessel\",\"SDGT\",-0- ,\"HABC\",\"Tanker\",-0- ,-0- ,\"Panama\",-0- ,\"Vessel Registration Identification IMO 9187629; \
                SWIFT/BIC ABCDEFGH; Email Address info@example.org; Aircraft Manufacturer's Serial Number (MSN) 164; Phone Number 98 21 555 0100.\"\r\n";
    let list = ofac(ship, "").unwrap();
    let values: Vec<String> = list.entries()[0]
        .identifiers
        .iter()
        .map(Identifier::normal_value)
        .collect();
    assert_eq!(
        values,
        [
            "HABC",
            "9187629",
            "ABCDEFGH",
            "INFOEXAMPLEORG",
            "164",
            "98215550100"
        ]
    );
}

#[test]
fn the_un_form_gives_names_dates_documents_and_version() {
    let list = un_sample();
    assert_eq!(list.header().version, "2026-02-27T00:00:09.554Z");
    assert_eq!(list.header().published, jiff::civil::date(2026, 2, 27));
    let first = &list.entries()[0];
    let names: Vec<&str> = first.names.iter().map(|name| name.text.as_str()).collect();
    assert_eq!(
        names,
        [
            "KASIMIR IBN FANTASOV",
            "Касимир Фантасов",
            "The Fox",
            "K. Fantasoff",
            "Kazimir Fantassov"
        ]
    );
    assert_eq!(first.names[2].quality, NameQuality::Weak);
    assert_eq!(first.births[1], BirthDate::years(1969, 1973));
    assert_eq!(first.identifiers[0].normal_value(), "RU7654321");
    assert_eq!(
        list.entries()[1].names[0].text,
        "ABDUL-MAGIK AL-KHAYAL & SONS"
    );
    assert_eq!(list.entries()[1].births, [BirthDate::years(1979, 1981)]);
    assert_eq!(list.entries()[2].kind, PartyKind::Company);
}

const FTM: &str = r#"{"id":"Q1","schema":"Person","caption":"Jane Doe","properties":{"name":["Jane Doe"],"alias":["J. Doe"],"weakAlias":["JD"],"birthDate":["1947-01"],"nationality":["us"]}}
{"id":"a1","schema":"Address","properties":{"full":["Nowhere 1"]}}
{"id":"p1","schema":"Passport","properties":{"holder":["Q1"],"number":["X1234567"],"type":["passport"]}}
"#;

#[test]
fn follow_the_money_parties_carry_their_documents() {
    let list = opensanctions::import(FTM.as_bytes(), header("os", "1")).unwrap();
    let jane = &list.entries()[0];
    assert_eq!((list.entries().len(), jane.names.len()), (1, 3));
    assert_eq!(jane.births, [BirthDate::parse("1947-01").unwrap()]);
    assert_eq!(jane.identifiers[0].value, "X1234567");
}

#[test]
fn a_bad_line_of_follow_the_money_names_its_number_and_field() {
    for (from, to, line, field) in [
        ("\"Address\"", "\"Martian\"", 2, "schema"),
        ("1947-01", "soon", 1, "birthDate"),
        ("[\"Jane Doe\"]", "[]", 1, "name"),
        ("\"caption\":\"Jane Doe\"", "\"id\":\"Q2\"", 1, "line"),
    ] {
        let refused =
            opensanctions::import(FTM.replace(from, to).as_bytes(), header("os", "1")).unwrap_err();
        let ImportError::Row {
            line: at,
            field: of,
            ..
        } = refused
        else {
            panic!("{refused}")
        };
        assert_eq!((at, of), (line, field));
    }
}

proptest! {
    /// Whatever is changed in an entry, the list's digest changes; the order given does not count.
    #[test]
    fn the_digest_commits_to_every_entry_and_not_to_their_order(
        names in prop::collection::vec("[A-Z]{3,9}", 2..6), at in 0_usize..6, new in "[a-z]{3,9}",
    ) {
        let entries: Vec<Entry> = names.iter().enumerate()
            .map(|(i, name)| Entry::named(i.to_string(), PartyKind::Person, name)).collect();
        let list = |entries: Vec<Entry>| List::new(header("l", "1"), entries).unwrap().digest();
        let before = list(entries.clone());
        let mut turned = entries.clone();
        turned.reverse();
        prop_assert_eq!(list(turned), before);
        let mut changed = entries;
        let at = at % changed.len();
        changed[at].names[0].text = new;
        prop_assert_ne!(list(changed), before);
    }

    #[test]
    fn importers_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let files = OfacFiles { sdn: &bytes, alt: &bytes, add: &bytes };
        let _ = ofac::import(files, header("a", "1"));
        let _ = opensanctions::import(&bytes, header("a", "1"));
        let _ = sanctions::import::un::import(&bytes, "a");
    }
}
