//! What two histories are compared by: views in which every id is named by where it stands, because ids are drawn by chance.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde_json::{Map, Value};

/// A run of letters, digits, `-` and `_` of this length that has a digit is an id, a digest or a signature.
const ID_CHARS_MIN: usize = 20;
/// Members that count something in the whole zone.
const COUNTED: [&str; 4] = [
    "index",
    "number",
    "registrationNumber",
    "registration_number",
];
/// Members that say nothing about the state, or what others say.
const LEFT_OUT: [&str; 4] = ["credentialStatus", "next", "receipt", "request_id"];
/// How far the name of an id depends on other ids that stand near it.
const ROUNDS: usize = 2;

/// Names the ids of one world.
pub(super) struct Names<'w> {
    tag: &'w str,
    names: BTreeMap<String, u64>,
    /// Where each id stands.
    places: BTreeMap<String, Vec<u64>>,
}

impl<'w> Names<'w> {
    /// Every id has one name; the world itself is `W`.
    pub(super) fn of(tag: &'w str) -> Self {
        Self {
            tag,
            names: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// A value in which two ids have one name only if nothing but chance tells them apart. Arrays are in an order that does
    /// not follow from ids.
    pub(super) fn canonical(mut self, value: &Value) -> Value {
        for _ in 0..ROUNDS {
            self.value(value, Some(0));
            for (id, mut places) in std::mem::take(&mut self.places) {
                places.sort_unstable();
                self.names.insert(id, hash(&places));
            }
        }
        self.value(value, None)
    }

    fn name(&mut self, id: &str, place: Option<u64>) -> String {
        if let Some(place) = place {
            self.places.entry(id.to_owned()).or_default().push(place);
        }
        let name = self.names.get(id).copied().unwrap_or_default();
        format!("#{:04x}", name & 0xFFFF)
    }

    pub(super) fn text(&mut self, text: &str, place: Option<u64>) -> String {
        let text = text.replace(self.tag, "W");
        let is_of_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut named = String::new();
        for part in text.split_inclusive(|c| !is_of_id(c)) {
            let id = part.trim_end_matches(|c| !is_of_id(c));
            if id.len() >= ID_CHARS_MIN && id.bytes().any(|byte| byte.is_ascii_digit()) {
                named.push_str(&self.name(id, place));
                named.push_str(&part[id.len()..]);
            } else {
                named.push_str(part);
            }
        }
        named
    }

    fn value(&mut self, value: &Value, place: Option<u64>) -> Value {
        match value {
            Value::String(text) => self.text(text, place).into(),
            Value::Array(items) => {
                let mut named = Vec::new();
                for item in items {
                    let shown = self.value(item, None);
                    if place.is_some() {
                        self.value(item, place.map(|place| hash(&(place, shown.to_string()))));
                    }
                    named.push(shown);
                }
                named.sort_by_cached_key(Value::to_string);
                named.into()
            }
            Value::Object(members) => {
                let mut named = Map::new();
                for (key, value) in members {
                    let place = place.map(|place| hash(&(place, key)));
                    let value = match key.as_str() {
                        key if LEFT_OUT.contains(&key) => continue,
                        key if COUNTED.contains(&key) => {
                            self.name(&value.to_string(), place).into()
                        }
                        _ => self.value(value, place),
                    };
                    named.insert(key.clone(), value);
                }
                named.into()
            }
            other => other.clone(),
        }
    }
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn what_differs_by_chance_alone_is_one_and_what_differs_otherwise_is_not() {
    let canonical = |tag: &str, ids: [u128; 3]| {
        let [a, b, c] = ids.map(|id| uuid::Uuid::from_u128(id).to_string());
        let value = serde_json::json!({
            "items": [{"id": b, "name": tag}, {"id": a, "name": "y"}], "of": [a, format!("urn:x:{c}")],
        });
        Names::of(tag).canonical(&value)
    };
    let one = canonical("w1z", [1, 2, 1]);
    assert_eq!(one, canonical("w2z", [8, 7, 8]));
    assert_eq!(one, canonical("w2z", [7, 8, 7]));
    assert_ne!(one, canonical("w2z", [7, 8, 8]));
    assert_ne!(one, canonical("w2z", [7, 8, 9]));
}
