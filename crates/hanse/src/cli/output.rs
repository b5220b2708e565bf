//! What the command line prints: tables for people, JSON for programs, both from the same values.

use std::io::{self, Write as _};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::Failure;

/// Where answers go, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Tables, or JSON.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads the answer.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// One object: as it is, or a line for each member, and where its write is in the journal.
    pub fn object(self, value: &Value) {
        if self.json {
            return line(&pretty(value));
        }
        let Value::Object(members) = value else {
            return line(&plain(value));
        };
        let shown = || members.iter().filter(|(name, _)| *name != "receipt");
        let width = shown().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, member) in shown() {
            line(&format!("{name:width$}  {}", plain(member)));
        }
        if let Some(receipt) = super::show::receipt(value) {
            line(&receipt);
        }
    }

    /// Many objects: as they are, or a table of the named members.
    pub fn table(self, rows: &[Value], columns: &[&str]) {
        let cells = |row: &Value| columns.iter().map(|name| plain(&row[*name])).collect();
        self.rows(rows, columns, rows.iter().map(cells));
    }

    /// Many objects: as they are, or a table of these cells.
    pub fn rows(self, raw: &[Value], columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        if self.json {
            return line(&pretty(&Value::Array(raw.to_vec())));
        }
        let heading = columns.iter().map(|name| name.to_uppercase()).collect();
        let lines: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
        let width = |column: usize| {
            let cells = lines.iter().map(|cells| cells[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns.len()).map(width).collect();
        for cells in &lines {
            let cells = cells.iter().zip(&widths);
            let padded = cells.map(|(cell, &width)| format!("{cell:width$}"));
            line(padded.collect::<Vec<_>>().join("  ").trim_end());
        }
    }

    /// A sentence for people; programs do not see it.
    pub fn say(self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    /// Why a command did not do what was asked.
    pub fn failure(self, failure: &Failure) {
        let mut text = String::new();
        match (self.json, failure.zone_problem()) {
            (true, Some(problem)) => text = pretty(&serde_json::json!({ "problem": problem })),
            (true, None) => text = pretty(&serde_json::json!({ "error": failure.message() })),
            (false, problem) => {
                text.push_str(&format!("hanse: {}", failure.message()));
                for error in problem.iter().flat_map(|problem| &problem.errors) {
                    text.push_str(&format!(
                        "\n  {} ({}): {}",
                        error.pointer, error.rule, error.detail
                    ));
                }
                if let Some(id) = problem.and_then(|problem| problem.request_id.as_deref()) {
                    text.push_str(&format!("\n  request {id}"));
                }
            }
        }
        // A closed standard error leaves nobody to tell; the exit code still says it.
        drop(writeln!(io::stderr(), "{text}"));
    }
}

/// A progress bar that appears only when a terminal is attached.
pub fn progress(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    ProgressBar::new(length)
        .with_style(style.expect("the constant is a template"))
        .with_message(what)
}

/// A sign that something is waited for, which appears only when a terminal is attached.
pub fn spinner(what: &'static str) -> ProgressBar {
    let waiting = ProgressBar::new_spinner().with_message(what);
    waiting.enable_steady_tick(std::time::Duration::from_millis(100));
    waiting
}

/// One line on standard output. A reader that went away, such as `head`, ends the command quietly.
pub fn line(text: &str) {
    if writeln!(io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value has string keys")
}

/// A text without what moves the cursor of a terminal.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A value as a cell of a table. What a zone or a file says cannot move the cursor of a terminal.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, member)| format!("{name} {}", plain(member)));
            members.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_holds_no_json() {
        let value = json!({"commit_us": 12, "peers": ["a", "b"], "last": null});
        assert_eq!(plain(&value), "commit_us 12, peers a b, last -");
        assert_eq!(plain(&json!("a\u{1b}[2Jb")), "a[2Jb");
    }
}
