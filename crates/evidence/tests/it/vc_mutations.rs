//! No change of a valid credential goes unnoticed.

use evidence::canonical;
use evidence::credential;
use evidence::credential::Builder;
use evidence::credential::Policy;
use evidence::data_integrity;
use evidence::data_integrity::ProofPurpose;
use evidence::key::SigningKey;
use evidence::status_list::BITS_MIN;
use evidence::status_list::Bitstring;
use evidence::status_list::Entry;
use evidence::status_list::ListBuilder;
use evidence::status_list::StatusList;
use evidence::status_list::StatusPurpose;
use evidence::time;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

const LIST: &str = "https://zone.example/v1/status/1";

fn at(text: &str) -> Timestamp {
    time::parse(text).unwrap()
}

fn sign(unsigned: Value, key: &SigningKey) -> Value {
    let created = at("2026-02-01T00:00:00Z");
    data_integrity::sign(unsigned, key, created, ProofPurpose::AssertionMethod).unwrap()
}

fn credential(key: &SigningKey) -> Value {
    let entry = Entry {
        list: LIST.into(),
        index: 94_567,
        purpose: StatusPurpose::Revocation,
    };
    let unsigned = Builder {
        id: "urn:uuid:0b3f0a3e-7a39-4b5e-9d7c-6a1c1b1f0001".into(),
        issuer: key.did().to_string(),
        types: vec!["FormationCredential".into()],
        subject: json!({
            "id": "urn:uuid:5",
            "legalName": "Lübeck Trading",
            "shares": 1000,
            "owners": [{"name": "حسن", "percent": 60.5}, {"name": "B", "percent": 39.5}],
            "active": true,
            "parent": null
        }),
        valid_from: at("2026-02-01T00:00:00Z"),
        valid_until: Some(at("2027-02-01T00:00:00Z")),
        status: vec![entry.to_value()],
    };
    sign(unsigned.build().unwrap(), key)
}

fn list(key: &SigningKey) -> StatusList {
    let list = ListBuilder {
        id: LIST.into(),
        issuer: key.did().to_string(),
        purpose: StatusPurpose::Revocation,
        bits: Bitstring::clear(BITS_MIN).unwrap(),
        valid_from: at("2026-02-01T00:00:00Z"),
        valid_until: None,
    };
    let policy = Policy::at(at("2026-03-01T00:00:00Z"));
    StatusList::verify(&sign(list.build().unwrap(), key), &policy).unwrap()
}

/// SplitMix64: mutations that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }
}

fn mutate_bytes(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let index = dice.roll(bytes.len());
    match dice.roll(6) {
        0 => bytes[index] ^= 1 << dice.roll(8),
        1 => bytes[index] = u8::try_from(0x20 + dice.roll(0x5f)).unwrap(),
        2 => drop(bytes.remove(index)),
        3 => bytes.insert(index, u8::try_from(0x20 + dice.roll(0x5f)).unwrap()),
        4 => bytes.truncate(index),
        _ => {
            let other = dice.roll(bytes.len());
            bytes.swap(index, other);
        }
    }
}

/// A value somewhere inside, by walking to a random depth.
fn somewhere<'a>(value: &'a mut Value, dice: &mut Dice) -> &'a mut Value {
    let children = match value {
        Value::Object(members) => members.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    if children == 0 || dice.roll(4) == 0 {
        return value;
    }
    let index = dice.roll(children);
    match value {
        Value::Object(members) => somewhere(members.values_mut().nth(index).unwrap(), dice),
        Value::Array(items) => somewhere(&mut items[index], dice),
        leaf => leaf,
    }
}

fn mutate_structure(value: &mut Value, dice: &mut Dice) {
    let target = somewhere(value, dice);
    let kind = dice.roll(6);
    *target = match (kind, target.take()) {
        (0, old) => json!([old]),
        (1, old) => json!({"id": old}),
        (2, old) => json!([old, old]),
        (3, _) => Value::Null,
        (_, Value::Object(mut members)) if !members.is_empty() => {
            let name = members
                .keys()
                .nth(dice.roll(members.len()))
                .unwrap()
                .clone();
            let member = members.remove(&name).unwrap();
            match kind {
                4 => {}
                _ => drop(members.insert(format!("{name}s"), member)),
            }
            members.into()
        }
        (_, Value::Array(mut items)) if !items.is_empty() => {
            let index = dice.roll(items.len());
            match kind {
                4 => drop(items.remove(index)),
                _ => items.rotate_left(index),
            }
            items.into()
        }
        (4, Value::String(text)) => json!(format!("{text} ")),
        (_, Value::String(text)) => json!(text.to_uppercase()),
        (_, Value::Number(number)) => json!(number.as_f64().unwrap() + 1.0),
        (_, Value::Bool(bit)) => json!(!bit),
        (_, other) => json!([other]),
    };
}

#[test]
fn ten_thousand_mutations_are_refused() {
    let key = SigningKey::from_seed([5; 32]);
    let lists = [list(&key)];
    let mut policy = Policy::at(at("2026-03-01T00:00:00Z"));
    policy.status_lists = &lists;
    let good = credential(&key);
    let bytes = canonical::to_vec(&good).unwrap();
    assert!(credential::verify(&good, &policy).is_ok());

    let mut dice = Dice(2026);
    let (mut refused, mut parsed) = (0, 0);
    while refused < 10_000 {
        let mut text = bytes.clone();
        if dice.roll(2) == 0 {
            mutate_bytes(&mut text, &mut dice);
        } else {
            let mut value = good.clone();
            mutate_structure(&mut value, &mut dice);
            text = serde_json::to_vec(&value).unwrap();
        }
        let Ok(value) = canonical::parse(&text) else {
            refused += 1;
            continue;
        };
        if canonical::to_vec(&value).unwrap() == bytes {
            continue;
        }
        let verdict = credential::verify(&value, &policy);
        assert!(verdict.is_err(), "{}", String::from_utf8_lossy(&text));
        refused += 1;
        parsed += 1;
    }
    assert!(
        parsed > 5_000,
        "only {parsed} mutations got past the parser"
    );
}
