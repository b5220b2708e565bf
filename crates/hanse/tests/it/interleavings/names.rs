//! What two histories are compared by: views in which every id is named by the order in which it appears.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A run of letters, digits, `-` and `_` of this length that has a digit is an id, a digest or a signature.
const ID_CHARS_MIN: usize = 20;
/// Members that count something in the whole zone.
const COUNTED: [&str; 4] = ["index", "number", "registration_number", "statusListIndex"];
/// Members that say nothing about the state.
const LEFT_OUT: [&str; 2] = ["receipt", "request_id"];

/// Names of ids.
pub(super) enum Names {
    /// By the order in which they appear.
    ByOrder(BTreeMap<String, usize>),
    /// One for all.
    One,
}

impl Names {
    fn name(&mut self, id: &str) -> String {
        match self {
            Self::One => "*".to_owned(),
            Self::ByOrder(known) => {
                let next = known.len();
                format!("#{}", known.entry(id.to_owned()).or_insert(next))
            }
        }
    }

    /// A text of the world with this tag.
    pub(super) fn text(&mut self, text: &str, tag: &str) -> String {
        let text = text.replace(tag, "W");
        let is_of_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut named = String::new();
        for part in text.split_inclusive(|c| !is_of_id(c)) {
            let id = part.trim_end_matches(|c| !is_of_id(c));
            if id.len() >= ID_CHARS_MIN && id.bytes().any(|byte| byte.is_ascii_digit()) {
                named.push_str(&self.name(id));
                named.push_str(&part[id.len()..]);
            } else {
                named.push_str(part);
            }
        }
        named
    }

    /// A value of the world with this tag. Arrays are in an order that does not follow from ids.
    pub(super) fn value(&mut self, value: &Value, tag: &str) -> Value {
        match value {
            Value::String(text) => self.text(text, tag).into(),
            Value::Array(items) => {
                let mut items: Vec<&Value> = items.iter().collect();
                items.sort_by_cached_key(|item| Self::One.value(item, tag).to_string());
                items
                    .into_iter()
                    .map(|item| self.value(item, tag))
                    .collect()
            }
            Value::Object(members) => {
                let mut named = Map::new();
                for (key, value) in members {
                    let value = match key.as_str() {
                        key if LEFT_OUT.contains(&key) => continue,
                        key if COUNTED.contains(&key) => self.name(&value.to_string()).into(),
                        _ => self.value(value, tag),
                    };
                    named.insert(self.text(key, tag), value);
                }
                named.into()
            }
            other => other.clone(),
        }
    }
}

#[test]
fn ids_are_named_by_their_order_and_items_ordered_by_what_else_they_say() {
    let named = |one: &str, other: &str, tag: &str| {
        let value = json!({
            "items": [{"id": one, "is": "b"}, {"id": other, "is": "a"}], "of": format!("urn:x:{one}/{tag}"),
            "receipt": one, "number": 7,
        });
        Names::ByOrder(BTreeMap::new()).value(&value, tag)
    };
    let (a, b) = (
        "019a0000-0000-7000-8000-000000000001",
        "019a0000-0000-7000-8000-000000000002",
    );
    let expected = json!({
        "items": [{"id": "#0", "is": "a"}, {"id": "#1", "is": "b"}], "of": "urn:x:#1/W", "number": "#2",
    });
    assert_eq!(named(a, b, "w1z")["of"], expected["of"]);
    assert_eq!(named(a, b, "w1z"), named(b, a, "w2z"));
}
