//! The messenger beside Prosody and ejabberd: `iris/measure.py` starts all three and puts the same load on each in turn; here
//! its rounds become rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::measure::{Spread, spread};
use crate::report::figure;

/// In the order of the table's columns; ratios are ours to each of the others'.
const SERVERS: [&str; 3] = ["hanse", "prosody", "ejabberd"];

/// What has to be there.
#[derive(Debug)]
pub struct Programs {
    /// The project.
    pub root: PathBuf,
    /// A Python that has `cryptography`.
    pub python: PathBuf,
    /// The load generator.
    pub load: PathBuf,
    /// The node.
    pub hanse: PathBuf,
    /// Where data lies; on a disk.
    pub work: PathBuf,
}

/// One server in one row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// Its name and version.
    pub server: String,
    /// What the row measures, over all rounds.
    pub value: Spread,
    /// Median of the rounds' median latencies, in milliseconds.
    pub p50_ms: Option<f64>,
    /// Median of the rounds' 99th percentiles, in milliseconds.
    pub p99_ms: Option<f64>,
    /// CPU microseconds of the server for each message or sign-in.
    pub cpu_us: Option<f64>,
    /// Messages that were sent and did not arrive, over all rounds.
    pub missing: u64,
}

/// One case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What is done.
    pub case: String,
    /// Unit of the values.
    pub unit: String,
    /// The servers that took part, ours first.
    pub cells: BTreeMap<String, Cell>,
    /// CPU that neither server nor generator used, in shares of one core, over all rounds of all servers.
    pub other_cpu: Spread,
    /// Rounds of each server.
    pub rounds: usize,
}

impl Row {
    fn is_less_better(&self) -> bool {
        matches!(self.unit.as_str(), "ms" | "kB")
    }
}

#[derive(Deserialize)]
struct Measured {
    servers: BTreeMap<String, String>,
    rows: Vec<MeasuredRow>,
}

#[derive(Deserialize)]
struct MeasuredRow {
    case: String,
    unit: String,
    figure: String,
    runs: BTreeMap<String, Vec<BTreeMap<String, serde_json::Value>>>,
}

/// Measures all cases.
pub fn run(programs: &Programs) -> Result<Vec<Row>> {
    let output = Command::new(&programs.python)
        .arg(programs.root.join("bench/iris/measure.py"))
        .arg("--load")
        .arg(&programs.load)
        .arg("--hanse")
        .arg(&programs.hanse)
        .arg("--work")
        .arg(&programs.work)
        .stderr(Stdio::inherit())
        .output()
        .context("start bench/iris/measure.py")?;
    ensure!(output.status.success(), "bench/iris/measure.py failed");
    let measured: Measured =
        serde_json::from_slice(&output.stdout).context("read what bench/iris/measure.py found")?;
    let rows = measured.rows.iter();
    rows.map(|row| row_of(&measured.servers, row)).collect()
}

fn row_of(servers: &BTreeMap<String, String>, row: &MeasuredRow) -> Result<Row> {
    let mut cells = BTreeMap::new();
    let mut other = Vec::new();
    let mut rounds = 0;
    for (name, runs) in &row.runs {
        let all = |figure: &str| -> Vec<f64> {
            let found = runs.iter().filter_map(|run| run.get(figure)?.as_f64());
            found.collect()
        };
        let median = |figure: &str| {
            let found = all(figure);
            (!found.is_empty()).then(|| spread(found.into_iter()).median)
        };
        let values = all(&row.figure);
        ensure!(
            values.len() == runs.len() && !values.is_empty(),
            "{}: {name} has no {}",
            row.case,
            row.figure
        );
        let cpu = match row.figure.strip_suffix("_rate") {
            Some(step) => median(&format!("{step}_cpu_us")),
            None => median("server_cpu_us"),
        };
        other.extend(all("other_cpu"));
        rounds = runs.len();
        cells.insert(
            name.clone(),
            Cell {
                server: servers.get(name).unwrap_or(name).clone(),
                value: spread(values.into_iter()),
                p50_ms: median("p50_ms"),
                p99_ms: median("p99_ms"),
                cpu_us: cpu,
                missing: all("missing").iter().sum::<f64>() as u64,
            },
        );
    }
    Ok(Row {
        case: row.case.clone(),
        unit: row.unit.clone(),
        cells,
        other_cpu: spread(other.into_iter()),
        rounds,
    })
}

/// The rows as a Markdown table.
pub fn table(rows: &[Row]) -> String {
    let named = |server: &str| {
        let mut cells = rows.iter().filter_map(|row| row.cells.get(server));
        cells
            .next()
            .map_or(server.to_owned(), |cell| cell.server.clone())
    };
    let names = SERVERS.map(named);
    let mut text = format!(
        "| messenger: case | unit | {} | {} | {} | better than Prosody, than ejabberd | other CPU |\n|---|---|---|---|---|---|---|\n",
        names[0], names[1], names[2]
    );
    for row in rows {
        let cells = SERVERS.map(|server| row.cells.get(server).map_or("-".to_owned(), shown));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {}, {} | {} |",
            row.case,
            row.unit,
            cells[0],
            cells[1],
            cells[2],
            ratio(row, "prosody"),
            ratio(row, "ejabberd"),
            percent(row.other_cpu),
        );
    }
    let rounds = rows.iter().map(|row| row.rounds).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "\nMedian of {rounds} rounds (range); in brackets the server's CPU µs for each. Other CPU: what neither server nor generator used, of one core."
    );
    text
}

fn shown(cell: &Cell) -> String {
    let mut text = format!(
        "{} ({} - {})",
        figure(cell.value.median),
        figure(cell.value.min),
        figure(cell.value.max)
    );
    if let Some(cpu) = cell.cpu_us {
        let _ = write!(text, " [{}]", figure(cpu));
    }
    if cell.missing > 0 {
        let _ = write!(text, ", {} missing", cell.missing);
    }
    text
}

fn ratio(row: &Row, other: &str) -> String {
    let (Some(ours), Some(theirs)) = (row.cells.get("hanse"), row.cells.get(other)) else {
        return "-".to_owned();
    };
    let ratio = ours.value.median / theirs.value.median;
    let ratio = if row.is_less_better() {
        1.0 / ratio
    } else {
        ratio
    };
    format!("**{}**", figure(ratio))
}

fn percent(share: Spread) -> String {
    format!("{:.0} - {:.0} %", share.min * 100.0, share.max * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unit: &str, figure: &str, ours: f64, theirs: f64) -> Row {
        let run = |value: f64| {
            let mut run = BTreeMap::new();
            run.insert(figure.to_owned(), value.into());
            run.insert("other_cpu".to_owned(), 0.5.into());
            run.insert("server_cpu_us".to_owned(), 7.0.into());
            vec![run]
        };
        let measured = MeasuredRow {
            case: "case".to_owned(),
            unit: unit.to_owned(),
            figure: figure.to_owned(),
            runs: [
                ("hanse".to_owned(), run(ours)),
                ("prosody".to_owned(), run(theirs)),
            ]
            .into(),
        };
        row_of(&BTreeMap::new(), &measured).unwrap()
    }

    #[test]
    fn more_is_better_for_rates_and_less_for_latency_and_memory() {
        for (unit, figure, ours, theirs) in [
            ("messages/s", "rate", 300.0, 100.0),
            ("ms", "p99_ms", 10.0, 30.0),
            ("kB", "kilobytes", 20.0, 60.0),
        ] {
            let table = table(&[row(unit, figure, ours, theirs)]);
            assert!(table.contains("| **3.00**, - | 50 - 50 % |"), "{table}");
            assert!(table.contains("[7.00]"), "{table}");
        }
    }

    #[test]
    fn a_run_without_its_figure_is_no_row() {
        let measured = MeasuredRow {
            case: "case".to_owned(),
            unit: "ms".to_owned(),
            figure: "p99_ms".to_owned(),
            runs: [("hanse".to_owned(), vec![BTreeMap::new()])].into(),
        };
        assert!(row_of(&BTreeMap::new(), &measured).is_err());
    }
}
