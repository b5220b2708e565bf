//! Where heart beats come from: a file, the standard input, or lines that arrive while the session runs.

use std::fs;
use std::io::{self, BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use clap::{Args, ValueEnum};
use zenb::sensors::{RrUnit, heart_rate_measurement, rr_csv, rr_text};
use zenb::units::Ticks;

use crate::cli::Failure;

/// Heart beats, and the form they are in.
#[derive(Debug, Args)]
pub(super) struct Beats {
    /// Heart beats: intervals, one a line; CSV with the columns `at_ms,rr_1024`; or a strap's packets as hexadecimal
    /// digits, one a line. `-` is the standard input.
    #[arg(long = "rr", value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The form, where the name of the file does not end in `.csv` or `.hex`.
    #[arg(long, value_enum)]
    form: Option<Form>,
    /// The unit of intervals, one a line.
    #[arg(long, value_enum, default_value = "ms")]
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One interval a line.
    Lines,
    /// CSV with a header.
    Csv,
    /// Values of the Bluetooth characteristic 0x2A37, hexadecimal, one a line.
    Packets,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unit {
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// 1/1024 s.
    Ticks,
}

impl From<Unit> for RrUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Ms => Self::Millis,
            Unit::S => Self::Seconds,
            Unit::Ticks => Self::Ticks,
        }
    }
}

/// What a strap says at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// Intervals in 1/1024 s.
    pub(super) rr: Vec<u16>,
    /// Whether the strap touches the skin, if it can tell.
    pub(super) contact: Option<bool>,
}

impl Beats {
    /// The file, or a usage error.
    fn path(&self) -> Result<&Path, Failure> {
        self.file.as_deref().ok_or_else(|| {
            Failure::usage("--rr FILE says which recording; `hanse breathe --help` shows the rest")
        })
    }

    fn form(&self, path: &Path) -> Form {
        let ends = |ending: &str| {
            let found = path.extension();
            found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
        };
        match self.form {
            Some(form) => form,
            None if ends("csv") => Form::Csv,
            None if ends("hex") => Form::Packets,
            None => Form::Lines,
        }
    }

    /// Every interval of the file.
    pub(super) fn intervals(&self) -> Result<Vec<Ticks>, Failure> {
        let path = self.path()?;
        let text = read(path)?;
        let intervals = match self.form(path) {
            Form::Csv => {
                rr_csv(&text).map(|rows| rows.into_iter().map(|row| row.rr).collect::<Vec<_>>())
            }
            Form::Lines => rr_text(&text, self.unit.into()),
            Form::Packets => return of_packets(path, &text),
        };
        let intervals =
            intervals.map_err(|error| Failure::refused(format!("{}: {error}", path.display())))?;
        some(path, intervals)
    }

    /// Lines as they arrive on the standard input: packets, or intervals.
    pub(super) fn arriving(&self) -> Result<Arriving, Failure> {
        let path = self.path()?;
        if path != Path::new("-") || self.form == Some(Form::Csv) {
            let rule = "--live reads packets or intervals from the standard input: --rr -";
            return Err(Failure::usage(rule));
        }
        Ok(Arriving::new(self.form(path), self.unit.into()))
    }
}

fn some(path: &Path, intervals: Vec<Ticks>) -> Result<Vec<Ticks>, Failure> {
    if intervals.is_empty() {
        let message = format!("{} holds no interval", path.display());
        return Err(Failure::refused(message));
    }
    Ok(intervals)
}

fn of_packets(path: &Path, text: &str) -> Result<Vec<Ticks>, Failure> {
    let mut intervals = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if is_comment(line) {
            continue;
        }
        let heard = packet(line).map_err(|error| at(path, number, &error))?;
        for raw in heard.rr {
            let interval = Ticks::new(raw.into());
            intervals.push(interval.map_err(|error| at(path, number, &error.to_string()))?);
        }
    }
    some(path, intervals)
}

fn at(path: &Path, number: usize, error: &str) -> Failure {
    Failure::refused(format!("{}, line {number}: {error}", path.display()))
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The packet of one line; digits may be in pairs, as tools print them: `16 3d e8 03` or `16:3d:e8:03`.
fn packet(line: &str) -> Result<Heard, String> {
    let digits: String = line
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':' && *c != '-')
        .collect();
    let bytes = data_encoding::HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .map_err(|error| error.to_string())?;
    let read = heart_rate_measurement(&bytes).map_err(|error| error.to_string())?;
    Ok(Heard {
        rr: read.rr,
        contact: read.contact,
    })
}

/// The text of a file, or of the standard input.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|error| {
        Failure::environment(format!("{} cannot be read: {error}", path.display()))
    })
}

/// A recording, taken apart as a strap would send it: one packet a second with the beats that ended in it.
#[derive(Debug)]
pub(super) struct Recording {
    intervals: Vec<Ticks>,
    next: usize,
    ends_us: u64,
}

impl Recording {
    /// From its beginning.
    pub(super) fn new(intervals: Vec<Ticks>) -> Self {
        Self {
            intervals,
            next: 0,
            ends_us: 0,
        }
    }

    /// What is heard up to `at_ms`; nothing when the recording is over.
    fn until(&mut self, at_ms: u64) -> Option<Vec<Heard>> {
        if self.next >= self.intervals.len() {
            return None;
        }
        let mut rr = Vec::new();
        while let Some(interval) = self.intervals.get(self.next) {
            let end_us = self.ends_us + u64::from(interval.get()) * 1_000_000 / 1024;
            if end_us > at_ms * 1000 {
                break;
            }
            rr.extend(u16::try_from(interval.get()));
            (self.ends_us, self.next) = (end_us, self.next + 1);
        }
        let contact = Some(true);
        Some(vec![Heard { rr, contact }])
    }
}

/// Lines that arrive while the session runs. One that cannot be read is counted and left out.
#[derive(Debug)]
pub(super) struct Arriving {
    lines: Receiver<String>,
    form: Form,
    unit: RrUnit,
    /// Lines that could not be read.
    unread: u64,
}

impl Arriving {
    fn new(form: Form, unit: RrUnit) -> Self {
        let (said, lines) = channel();
        thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            lines,
            form,
            unit,
            unread: 0,
        }
    }

    /// What arrived since the last time; nothing when no more can come.
    fn new_lines(&mut self) -> Option<Vec<Heard>> {
        let mut heard = Vec::new();
        loop {
            match self.lines.try_recv() {
                Ok(line) if is_comment(&line) => {}
                Ok(line) => match self.understand(&line) {
                    Ok(one) => heard.push(one),
                    Err(_) => self.unread += 1,
                },
                Err(TryRecvError::Empty) => return Some(heard),
                Err(TryRecvError::Disconnected) => return Some(heard).filter(|it| !it.is_empty()),
            }
        }
    }

    fn understand(&self, line: &str) -> Result<Heard, String> {
        if self.form == Form::Packets {
            return packet(line);
        }
        let intervals = rr_text(line, self.unit).map_err(|error| error.to_string())?;
        let rr = intervals.iter().map(|it| u16::try_from(it.get()));
        Ok(Heard {
            rr: rr
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
            contact: None,
        })
    }
}

/// One of the two.
#[derive(Debug)]
pub(super) enum Source {
    /// A recording.
    Recording(Recording),
    /// Lines that arrive.
    Arriving(Arriving),
}

impl Source {
    /// What is heard up to `at_ms`; nothing when no more can come.
    pub(super) fn until(&mut self, at_ms: u64) -> Option<Vec<Heard>> {
        match self {
            Self::Recording(recording) => recording.until(at_ms),
            Self::Arriving(arriving) => arriving.new_lines(),
        }
    }

    /// Lines that could not be read.
    pub(super) fn unread(&self) -> u64 {
        match self {
            Self::Recording(_) => 0,
            Self::Arriving(arriving) => arriving.unread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_however_its_digits_are_grouped() {
        let expected = Heard {
            rr: vec![1000],
            contact: Some(true),
        };
        for line in ["163de803", "16 3D E8 03", "16:3d:e8:03", "16-3d-e8-03\r"] {
            assert_eq!(packet(line), Ok(expected.clone()), "{line}");
        }
        for line in ["16", "163de8", "zz", "163"] {
            assert!(packet(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_recording_gives_each_interval_once_in_the_second_it_ends() {
        let intervals = [512, 1024, 256, 2048].map(|raw| Ticks::new(raw).unwrap());
        let mut recording = Recording::new(intervals.to_vec());
        let mut seconds = Vec::new();
        for second in 1.. {
            let Some(heard) = recording.until(second * 1000) else {
                break;
            };
            seconds.push(heard[0].rr.clone());
        }
        assert_eq!(seconds, [vec![512], vec![1024, 256], vec![], vec![2048]]);
    }
}
