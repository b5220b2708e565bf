//! What people read: pure functions from the answers of a zone to lines. Programs get the answers as they are.

use serde_json::Value;

use super::client::Answer;
use super::output::{Output, line, plain, printable};

/// One answer: as it is, or in words.
pub fn answer(output: Output, raw: &Value, words: impl FnOnce() -> Vec<String>) {
    if output.is_json() {
        return output.object(raw);
    }
    words().iter().for_each(|text| line(&printable(text)));
}

/// Many answers: as they are, or a table of what `cells` makes of each.
pub fn table<T, const N: usize>(
    output: Output,
    answers: &[Answer<T>],
    columns: &[&str; N],
    cells: impl Fn(&T) -> [String; N],
) {
    let raw: Vec<Value> = answers.iter().map(|answer| answer.raw.clone()).collect();
    let rows = answers.iter().map(|answer| {
        let cells = cells(&answer.body).map(|cell| {
            if cell.is_empty() {
                "-".to_owned()
            } else {
                printable(&cell)
            }
        });
        cells.to_vec()
    });
    output.rows(&raw, columns, rows);
}

/// Many answers as the zone gave them, or a table of the members that `cells` makes of each.
pub fn raw_table(
    output: Output,
    items: &[Value],
    columns: &[&str],
    cells: impl Fn(&Value) -> Value,
) {
    if output.is_json() {
        return output.table(items, columns);
    }
    output.table(&items.iter().map(cells).collect::<Vec<_>>(), columns);
}

/// Labels and values, aligned; what is not there is left out.
pub fn fields(rows: &[(&str, String)]) -> Vec<String> {
    let present = || {
        rows.iter()
            .filter(|(_, value)| !value.is_empty() && value != "-")
    };
    let width = present()
        .map(|(label, _)| label.chars().count())
        .max()
        .unwrap_or(0);
    present()
        .map(|(label, value)| format!("{label:width$}  {value}"))
        .collect()
}

/// A member as a text for people; a dash when it is not there.
pub fn text(value: &Value, member: &str) -> String {
    plain(&value[member])
}

/// A name in code as words.
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// What may not be there; nothing then.
pub fn maybe(value: &Option<impl ToString>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Hundredths of a per cent as per cent.
pub fn percent(basis_points: u64) -> String {
    format!("{}.{:02} %", basis_points / 100, basis_points % 100)
}

/// Where a write is in the journal, for the last line of an answer.
pub fn receipt(answer: &Value) -> Option<String> {
    let receipt = &answer["receipt"];
    let indices: Vec<String> = receipt["events"]
        .as_array()?
        .iter()
        .map(|event| plain(&event["index"]))
        .collect();
    let [first, .., last] = indices.as_slice() else {
        return Some(format!("journalled as event {}", indices.first()?));
    };
    Some(format!("journalled as events {first} to {last}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_aligned_and_absent_ones_left_out() {
        let rows = [
            ("name", "A".to_owned()),
            ("reason", "-".to_owned()),
            ("office", "B".to_owned()),
        ];
        assert_eq!(fields(&rows), ["name    A", "office  B"]);
    }

    #[test]
    fn basis_points_are_shown_as_per_cent() {
        assert_eq!(
            [0, 5, 9_250, 10_000].map(percent),
            ["0.00 %", "0.05 %", "92.50 %", "100.00 %"]
        );
    }

    #[test]
    fn a_receipt_names_the_events() {
        let with = |indices: &[u64]| {
            let events: Vec<_> = indices
                .iter()
                .map(|index| json!({"index": index}))
                .collect();
            receipt(&json!({"receipt": {"events": events}}))
        };
        assert_eq!(with(&[7]).unwrap(), "journalled as event 7");
        assert_eq!(with(&[7, 8, 9]).unwrap(), "journalled as events 7 to 9");
        assert_eq!(with(&[]), None);
        assert_eq!(receipt(&json!({})), None);
    }

    #[test]
    fn what_a_zone_says_cannot_move_the_cursor() {
        assert_eq!(text(&json!({"name": "A\u{1b}[2JB"}), "name"), "A[2JB");
    }
}
