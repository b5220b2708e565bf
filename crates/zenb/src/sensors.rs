//! Readers of sensor data: Bluetooth heart-rate packets, RR text and CSV, and writers of the two
//! files.
//!
//! A reader takes all of its input or refuses it, naming the place and the rule. What an interval
//! means for a body is not asked here, only whether the file can be in the unit it is said to be.

use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::Write;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::units::EngineMs;
use crate::units::Ticks;
use crate::units::UnitError;

/// One Heart Rate Measurement (characteristic 0x2A37 of the Bluetooth Heart Rate Profile).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartRateMeasurement {
    /// Beats per minute as the strap computed them.
    pub heart_rate: u16,
    /// Whether the strap touches the skin; `None` if it cannot tell.
    pub contact: Option<bool>,
    /// Energy spent so far, in kJ.
    pub energy_kj: Option<u16>,
    /// Intervals in 1/1024 s, oldest first: none, one or many.
    pub rr: Vec<u16>,
}

/// Why bytes are no Heart Rate Measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// The bytes end inside a field that the flags announce.
    #[error("packet of {length} bytes ends inside its {field}")]
    CutShort {
        /// How many bytes there are.
        length: usize,
        /// What should have been there.
        field: &'static str,
    },
    /// Bytes are left that the flags do not announce.
    #[error("packet has {count} bytes after its last field, at byte {at}")]
    Trailing {
        /// Where they begin.
        at: usize,
        /// How many there are.
        count: usize,
    },
}

const WIDE_HEART_RATE: u8 = 1;
const CONTACT: u8 = 1 << 1;
const CONTACT_SUPPORTED: u8 = 1 << 2;
const ENERGY: u8 = 1 << 3;
const INTERVALS: u8 = 1 << 4;

/// Reads one Heart Rate Measurement. Reserved flags are ignored, as the profile asks.
pub fn heart_rate_measurement(bytes: &[u8]) -> Result<HeartRateMeasurement, PacketError> {
    let length = bytes.len();
    let cut = |field| PacketError::CutShort { length, field };
    let (&flags, rest) = bytes.split_first().ok_or(cut("flags"))?;
    let (heart_rate, rest) = if flags & WIDE_HEART_RATE == 0 {
        let (&narrow, rest) = rest.split_first().ok_or(cut("heart rate"))?;
        (u16::from(narrow), rest)
    } else {
        short(rest).ok_or(cut("heart rate"))?
    };
    let (energy_kj, rest) = if flags & ENERGY == 0 {
        (None, rest)
    } else {
        let (energy, rest) = short(rest).ok_or(cut("energy"))?;
        (Some(energy), rest)
    };
    let (pairs, odd) = rest.as_chunks::<2>();
    if flags & INTERVALS == 0 && !rest.is_empty() {
        return Err(PacketError::Trailing {
            at: length - rest.len(),
            count: rest.len(),
        });
    }
    if !odd.is_empty() {
        return Err(cut("RR interval"));
    }
    Ok(HeartRateMeasurement {
        heart_rate,
        // The contact bit means something only where the strap says that it can tell.
        contact: (flags & CONTACT_SUPPORTED != 0).then_some(flags & CONTACT != 0),
        energy_kj,
        rr: pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect(),
    })
}

fn short(bytes: &[u8]) -> Option<(u16, &[u8])> {
    bytes
        .split_first_chunk::<2>()
        .map(|(pair, rest)| (u16::from_le_bytes(*pair), rest))
}

/// The unit of the intervals in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RrUnit {
    /// Milliseconds, whole or with decimals.
    Millis,
    /// Seconds with decimals.
    Seconds,
    /// 1/1024 s, whole.
    Ticks,
}

/// An interval of a file, with its arrival if the file tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    /// When the packet that carried it arrived.
    pub at: Option<EngineMs>,
    /// The interval.
    pub rr: Ticks,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum FileError {
    /// A field is not a number.
    #[error("line {line}: \"{found}\" is not a number")]
    NotANumber {
        /// The line, from 1.
        line: usize,
        /// What is there, at most 40 characters of it.
        found: String,
    },
    /// A number is no interval.
    #[error("line {line}: {source}")]
    NotAnInterval {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: UnitError,
    },
    /// A row has no such field.
    #[error("line {line}: no field {column}")]
    ShortRow {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A quoted field does not end on its line.
    #[error("line {line}: a quoted field does not end")]
    OpenQuote {
        /// The line, from 1.
        line: usize,
    },
    /// Arrival times run backwards.
    #[error("line {line}: arrives at {at_ms} ms, before the line above it at {last_ms} ms")]
    BackStep {
        /// The line, from 1.
        line: usize,
        /// Its arrival.
        at_ms: u64,
        /// The arrival above it.
        last_ms: u64,
    },
    /// The first line names no column of intervals that is known or asked for.
    #[error("the first line has no column {wanted}")]
    NoColumn {
        /// What was looked for.
        wanted: String,
    },
    /// There is no interval in the file.
    #[error("the file holds no interval")]
    Empty,
    /// Half of the intervals or more cannot be a heart's in the unit that was given.
    #[error("the median interval is {median_ms} ms; the unit of the file is another")]
    OtherUnit {
        /// The median in milliseconds.
        median_ms: u32,
    },
}

/// Medians that a file of heart beats can have, in ms.
const PLAUSIBLE_MEDIAN_MS: core::ops::RangeInclusive<u32> = 200..=3000;

/// Reads RR text: one interval a line; blank lines and what follows a `#` are skipped.
pub fn rr_text(text: &str, unit: RrUnit) -> Result<Vec<Ticks>, FileError> {
    let mut all = Vec::new();
    for (index, line) in lines(text) {
        let value = line
            .split_once('#')
            .map_or(line, |(before, _)| before)
            .trim();
        if !value.is_empty() {
            all.push(interval(value, unit, index)?);
        }
    }
    check_unit(all.iter().copied())?;
    Ok(all)
}

/// Writes RR text in milliseconds, exactly: a tick is 0.9765625 ms.
pub fn write_rr_text(intervals: impl IntoIterator<Item = Ticks>) -> String {
    let mut text = String::new();
    for rr in intervals {
        let fraction = u64::from(rr.get()) * 9_765_625;
        let (whole, rest) = (fraction / 10_000_000, fraction % 10_000_000);
        writeln!(text, "{whole}.{rest:07}").expect("a String takes every character");
    }
    text
}

/// Names of interval columns, in lower case, with their units.
const COLUMNS: [(&str, RrUnit); 11] = [
    ("rr_1024", RrUnit::Ticks),
    ("rr_ticks", RrUnit::Ticks),
    ("rr_ms", RrUnit::Millis),
    ("rr (ms)", RrUnit::Millis),
    ("rr [ms]", RrUnit::Millis),
    ("rr-interval [ms]", RrUnit::Millis),
    ("ibi_ms", RrUnit::Millis),
    ("rr_s", RrUnit::Seconds),
    ("rr (s)", RrUnit::Seconds),
    ("rr [s]", RrUnit::Seconds),
    ("ibi_s", RrUnit::Seconds),
];

/// Reads CSV by the column that it names: one of the usual names, which tell their unit, beside
/// `at_ms` for the arrival where there is one.
pub fn rr_csv(text: &str) -> Result<Vec<Row>, FileError> {
    let header = header(text)?;
    let known = COLUMNS
        .iter()
        .find_map(|(name, unit)| Some((position(&header, name)?, *unit)));
    let (column, unit) = known.ok_or_else(|| {
        let mut wanted = String::new();
        for (i, (name, _)) in COLUMNS.iter().enumerate() {
            wanted.push_str(if i == 0 { "" } else { ", " });
            wanted.push_str(name);
        }
        FileError::NoColumn { wanted }
    })?;
    rows(text, column, unit, position(&header, "at_ms"))
}

/// Reads CSV by a column of any name, in a unit that is given.
pub fn rr_csv_column(text: &str, column: &str, unit: RrUnit) -> Result<Vec<Row>, FileError> {
    let header = header(text)?;
    let at = position(&header, "at_ms");
    let wanted = column.to_lowercase();
    match position(&header, &wanted) {
        Some(column) => rows(text, column, unit, at),
        None => Err(FileError::NoColumn { wanted }),
    }
}

/// Writes CSV with the columns `at_ms` and `rr_1024`.
pub fn write_rr_csv(rows: impl IntoIterator<Item = (EngineMs, Ticks)>) -> String {
    let mut text = String::from("at_ms,rr_1024\n");
    for (at, rr) in rows {
        writeln!(text, "{},{}", at.0, rr.get()).expect("a String takes every character");
    }
    text
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// The column names in lower case.
fn header(text: &str) -> Result<Vec<String>, FileError> {
    let (index, line) = lines(text).next().ok_or(FileError::Empty)?;
    let names = fields(line, separator(line)).ok_or(FileError::OpenQuote { line: index })?;
    Ok(names.iter().map(|name| name.to_lowercase()).collect())
}

fn position(header: &[String], name: &str) -> Option<usize> {
    header.iter().position(|found| found == name)
}

/// What parts the fields: the one of the three that the first line has most of.
fn separator(line: &str) -> char {
    let count = |wanted: char| line.chars().filter(|found| *found == wanted).count();
    [',', ';', '\t']
        .into_iter()
        .rev()
        .max_by_key(|wanted| count(*wanted))
        .unwrap_or(',')
}

fn rows(
    text: &str,
    column: usize,
    unit: RrUnit,
    at_column: Option<usize>,
) -> Result<Vec<Row>, FileError> {
    let separator = lines(text).next().map_or(',', |(_, line)| separator(line));
    let mut all: Vec<Row> = Vec::new();
    for (line, content) in lines(text).skip(1) {
        if content.trim().is_empty() {
            continue;
        }
        let fields = fields(content, separator).ok_or(FileError::OpenQuote { line })?;
        let field = |column: usize| {
            fields.get(column).ok_or(FileError::ShortRow {
                line,
                column: column + 1,
            })
        };
        let rr = interval(field(column)?, unit, line)?;
        let at = match at_column {
            Some(column) => Some(arrival(field(column)?, line, all.last())?),
            None => None,
        };
        all.push(Row { at, rr });
    }
    check_unit(all.iter().map(|row| row.rr))?;
    Ok(all)
}

fn arrival(value: &str, line: usize, last: Option<&Row>) -> Result<EngineMs, FileError> {
    let at_ms = value.parse().map_err(|_| not_a_number(value, line))?;
    let last_ms = last.and_then(|row| row.at).map_or(0, |at| at.0);
    if at_ms < last_ms {
        return Err(FileError::BackStep {
            line,
            at_ms,
            last_ms,
        });
    }
    Ok(EngineMs(at_ms))
}

/// The fields of a line, unquoted and trimmed; `None` if a quote stays open.
fn fields(line: &str, separator: char) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            _ if char == separator && !quoted => {
                fields.push(field.trim().to_string());
                field.clear();
            }
            _ => field.push(char),
        }
    }
    fields.push(field.trim().to_string());
    (!quoted).then_some(fields)
}

fn interval(value: &str, unit: RrUnit, line: usize) -> Result<Ticks, FileError> {
    let ticks = match unit {
        RrUnit::Ticks => Ticks::new(value.parse().map_err(|_| not_a_number(value, line))?),
        RrUnit::Millis => Ticks::from_millis(float(value, line)?),
        RrUnit::Seconds => Ticks::from_seconds(float(value, line)?),
    };
    ticks.map_err(|source| FileError::NotAnInterval { line, source })
}

fn float(value: &str, line: usize) -> Result<f64, FileError> {
    value.parse().map_err(|_| not_a_number(value, line))
}

fn not_a_number(value: &str, line: usize) -> FileError {
    FileError::NotANumber {
        line,
        found: value.chars().take(40).collect(),
    }
}

fn check_unit(intervals: impl Iterator<Item = Ticks>) -> Result<(), FileError> {
    let mut sorted: Vec<u32> = intervals.map(Ticks::get).collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).ok_or(FileError::Empty)?;
    let median_ms = median * 1000 / Ticks::PER_SECOND;
    if PLAUSIBLE_MEDIAN_MS.contains(&median_ms) {
        Ok(())
    } else {
        Err(FileError::OtherUnit { median_ms })
    }
}
