//! Where heart beats come from: a file, the standard input, or lines that arrive while the session runs.

use std::fs;
use std::io::{self, BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use clap::{Args, ValueEnum};
use zenb::sensors::{RrUnit, heart_rate_measurement, rr_csv, rr_text};

use super::recording::{Heard, Recording};
use crate::cli::Failure;

/// Heart beats, and the form they are in.
#[derive(Debug, Args)]
pub(super) struct Beats {
    /// Heart beats: intervals, one a line; CSV with the columns `at_ms,rr_1024`; or a strap's packets as hexadecimal
    /// digits, one a line, after `at_ms,` where it is known. `-` is the standard input.
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

    /// The packets of the file.
    pub(super) fn recording(&self) -> Result<Recording, Failure> {
        let path = self.path()?;
        let text = read(path)?;
        let refused = |error| Failure::refused(format!("{}: {error}", path.display()));
        match self.form(path) {
            Form::Csv => Ok(Recording::of_rows(&rr_csv(&text).map_err(refused)?)),
            Form::Lines => {
                let intervals = rr_text(&text, self.unit.into()).map_err(refused)?;
                Ok(Recording::of_intervals(&intervals))
            }
            Form::Packets => of_packets(path, &text),
        }
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

fn of_packets(path: &Path, text: &str) -> Result<Recording, Failure> {
    let mut packets: Vec<Heard> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if is_comment(line) {
            continue;
        }
        let heard = packet(line).map_err(|error| at(path, number, &error))?;
        let last = packets.last();
        if let Some(last) = last.filter(|last| last.at_ms.is_some() != heard.at_ms.is_some()) {
            let rule = if last.at_ms.is_some() {
                "a moment stands before each packet, or before none"
            } else {
                "no moment stands before the packets above"
            };
            return Err(at(path, number, rule));
        }
        if last.is_some_and(|last| last.at_ms > heard.at_ms) {
            let rule = "the packet came before the one above it";
            return Err(at(path, number, rule));
        }
        packets.push(heard);
    }
    if packets.iter().all(|packet| packet.rr.is_empty()) {
        let message = format!("{} holds no interval", path.display());
        return Err(Failure::refused(message));
    }
    Ok(Recording::of_packets(packets))
}

fn at(path: &Path, number: usize, error: &str) -> Failure {
    Failure::refused(format!("{}, line {number}: {error}", path.display()))
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The packet of one line; digits may be in pairs, as tools print them: `16 3d e8 03` or `16:3d:e8:03`. When it came may
/// stand before it, in milliseconds and with a comma.
fn packet(line: &str) -> Result<Heard, String> {
    let (at_ms, digits) = match line.split_once(',') {
        Some((at_ms, digits)) => {
            let read = at_ms.trim().parse();
            (
                Some(read.map_err(|_| "a moment is a whole number of milliseconds")?),
                digits,
            )
        }
        None => (None, line),
    };
    let digits: String = digits
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':' && *c != '-')
        .collect();
    let bytes = data_encoding::HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .map_err(|error| error.to_string())?;
    let read = heart_rate_measurement(&bytes).map_err(|error| error.to_string())?;
    Ok(Heard {
        at_ms,
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
            // It comes when it comes.
            return packet(line).map(|heard| Heard {
                at_ms: None,
                ..heard
            });
        }
        let intervals = rr_text(line, self.unit).map_err(|error| error.to_string())?;
        let rr = intervals.iter().map(|it| u16::try_from(it.get()));
        Ok(Heard {
            at_ms: None,
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

    /// The recording, if it is one.
    pub(super) fn recording(&self) -> Option<&Recording> {
        match self {
            Self::Recording(recording) => Some(recording),
            Self::Arriving(_) => None,
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
            at_ms: None,
            rr: vec![1000],
            contact: Some(true),
        };
        for line in ["163de803", "16 3D E8 03", "16:3d:e8:03", "16-3d-e8-03\r"] {
            assert_eq!(packet(line), Ok(expected.clone()), "{line}");
        }
        let at_ms = Some(1_500);
        let timed = Heard { at_ms, ..expected };
        assert_eq!(packet("1500, 16 3d e8 03"), Ok(timed));
        for line in ["16", "163de8", "zz", "163", "soon,163de803"] {
            assert!(packet(line).is_err(), "{line}");
        }
    }
}
