//! Results as JSON, as a table, and inside the page that quotes them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::iris;
use crate::measure::{Clock, Row};

const BEGIN: &str = "<!-- results: written by bench/run.sh -->";
const END: &str = "<!-- end of results -->";

/// Everything one run found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// Number of CPU cores of the machine.
    pub cores: usize,
    /// Rows in the order they were measured.
    pub rows: Vec<Row>,
    /// The messenger beside other servers.
    #[serde(default)]
    pub messenger: Vec<iris::Row>,
}

/// What one topic found.
#[derive(Debug)]
pub enum Found {
    /// Pairs of slices.
    Pairs(Vec<Row>),
    /// Servers under the same load.
    Messenger(Vec<iris::Row>),
}

/// Merges what was found over the rows of the same topics in the file and writes it back, so topics can be run one by one.
pub fn save(path: &Path, found: Found) -> Result<Results> {
    let cores = std::thread::available_parallelism()?.get();
    let mut results = match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).context("read the earlier results")?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Results {
            cores,
            rows: Vec::new(),
            messenger: Vec::new(),
        },
        Err(error) => return Err(error).context("open the earlier results"),
    };
    results.cores = cores;
    match found {
        Found::Messenger(rows) => results.messenger = rows,
        Found::Pairs(rows) => {
            results
                .rows
                .retain(|old| rows.iter().all(|row| row.topic != old.topic));
            results.rows.extend(rows);
            let order = |row: &Row| crate::TOPICS.iter().position(|topic| *topic == row.topic);
            results.rows.sort_by_key(order);
        }
    }
    fs::write(path, serde_json::to_string_pretty(&results)? + "\n").context("write the results")?;
    Ok(results)
}

/// The results as a Markdown table.
pub fn table(results: &Results) -> String {
    let mut text = String::from(
        "| topic | case | rival | ratio, median (range) | clock | ours | rival's | CPU µs each, ours / rival's |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in &results.rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | **{}** ({} - {}) | {} | {} {}/s | {} {}/s | {} / {} |",
            row.topic,
            row.case,
            row.rival,
            figure(row.ratio.median),
            figure(row.ratio.min),
            figure(row.ratio.max),
            match row.clock {
                Clock::Cpu => "CPU",
                Clock::Wall => "wall",
            },
            figure(row.ours.median),
            row.unit,
            figure(row.theirs.median),
            row.unit,
            figure(row.ours_cpu_us),
            figure(row.theirs_cpu_us),
        );
    }
    let _ = writeln!(
        text,
        "\n{} pairs behind every row, on {} cores.",
        crate::measure::PAIRS,
        results.cores
    );
    if !results.messenger.is_empty() {
        text.push('\n');
        text.push_str(&iris::table(&results.messenger));
    }
    text
}

/// One row for the terminal.
pub fn line(row: &Row) -> String {
    format!(
        "{:<10} {:<46} {:>8} x ({} - {}) {}",
        row.topic,
        row.case,
        figure(row.ratio.median),
        figure(row.ratio.min),
        figure(row.ratio.max),
        row.rival
    )
}

/// Puts the table between the markers of the page.
pub fn quote(page: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(page).context("open the page of results")?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("find where the results begin")?;
    let (_, after) = rest.split_once(END).context("find where the results end")?;
    fs::write(page, format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
        .context("write the page of results")
}

/// Three significant figures, whole from 100 on.
pub fn figure(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "-".to_owned(),
        _ if value >= 10_000.0 => format!("{:.0} k", value / 1_000.0),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
