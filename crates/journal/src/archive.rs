//! An archive: the published bytes of a log as one file, a line each, for keeping and checking far
//! from the node.
//!
//! Every line is canonical JSON (RFC 8785). The first names the log, then come events, streams,
//! nodes and checkpoints, each in order, and the last line counts them, so that a cut file and a removed
//! line are seen. Stream keys are never exported; personal payloads stay sealed.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write as _},
};

use evidence::{
    canonical, checkpoint::Checkpoint, digest::Digest, merkle::Hash, note::NoteVerifier,
};
use serde::{Deserialize, Serialize};

use crate::{
    bytes_text,
    engine::{EventRow, Read, StreamRow},
    error::EngineError,
    fsck::{self, Damage, Report, Source},
    names::{LogIndex, Seq, StreamName},
    transaction::{Privacy, SignedCheckpoint},
};

const FORMAT: &str = "hanse/archive/v1";
const PAGE: usize = 256;
/// Longest line read; far above the largest event.
const LINE_BYTES_MAX: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Archive { format: String, origin: String },
    Event(EventLine),
    Stream(StreamLine),
    Node { level: u8, index: u64, hash: Digest },
    Checkpoint { size: u64, note: String },
    End(Counts),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    index: LogIndex,
    stream: StreamName,
    seq: Seq,
    digest: Digest,
    #[serde(with = "bytes_text")]
    header: Vec<u8>,
    #[serde(with = "bytes_text")]
    payload: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamLine {
    stream: StreamName,
    privacy: Privacy,
    head: Seq,
    head_digest: Digest,
    shredded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    events: u64,
    streams: u64,
    nodes: u64,
    checkpoints: u64,
}

/// Why an archive was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The engine failed.
    #[error("engine failed")]
    Engine(#[from] EngineError),
    /// The rows could not be read.
    #[error("stored state could not be read")]
    Read(#[from] crate::error::ReadError),
    /// The archive could not be written.
    #[error("archive could not be written")]
    Write(#[from] io::Error),
}

/// Writes the archive of a snapshot. `progress` is told events done and in total.
///
/// # Errors
/// The snapshot cannot be read or the archive not written.
pub fn export(
    rows: &dyn Read,
    origin: &str,
    out: &mut dyn io::Write,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), ExportError> {
    let mut out = io::BufWriter::new(out);
    let mut counts = Counts::default();
    let total = rows.size()?;
    write(
        &mut out,
        &Line::Archive {
            format: FORMAT.to_owned(),
            origin: origin.to_owned(),
        },
    )?;
    while let page = rows.events(LogIndex(counts.events), PAGE)?
        && !page.is_empty()
    {
        for row in page {
            counts.events = row.index.0 + 1;
            write(&mut out, &Line::Event(row.into()))?;
        }
        progress(counts.events, total);
    }
    let mut after: Option<StreamName> = None;
    while let page = rows.streams(after.as_ref(), PAGE)?
        && !page.is_empty()
    {
        for row in page {
            after = Some(row.stream.clone());
            counts.streams += 1;
            write(&mut out, &Line::Stream(row.into()))?;
        }
    }
    export_nodes(rows, &mut out, &mut counts)?;
    let mut from = 0;
    while let page = rows.checkpoints(from, PAGE)?
        && !page.is_empty()
    {
        for SignedCheckpoint { size, note } in page {
            from = size + 1;
            counts.checkpoints += 1;
            write(&mut out, &Line::Checkpoint { size, note })?;
        }
    }
    write(&mut out, &Line::End(counts))?;
    out.flush()?;
    Ok(())
}

fn export_nodes(
    rows: &dyn Read,
    out: &mut impl io::Write,
    counts: &mut Counts,
) -> Result<(), ExportError> {
    let mut after = None;
    while let page = rows.nodes(after, PAGE)?
        && !page.is_empty()
    {
        for (level, index) in page {
            after = Some((level, index));
            if let Some(hash) = rows.node(level, index)? {
                counts.nodes += 1;
                write(
                    out,
                    &Line::Node {
                        level,
                        index,
                        hash: Digest::from_bytes(hash),
                    },
                )?;
            }
        }
    }
    Ok(())
}

fn write(out: &mut impl io::Write, line: &Line) -> io::Result<()> {
    let mut bytes = canonical::to_vec_of(line).map_err(io::Error::other)?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}

/// Checks an archive line by line and then as a log, see [`fsck::check`]. The archive is held in
/// memory meanwhile.
///
/// # Errors
/// The archive cannot be read; what is wrong in it is a finding.
pub fn check(
    input: impl BufRead,
    verifier: &NoteVerifier,
    expected: Option<&Checkpoint>,
    progress: impl FnMut(u64, u64),
) -> io::Result<Report> {
    let (archive, lines) = Archive::read(input, verifier.name())?;
    let mut report = fsck::check(&archive, verifier, expected, progress);
    report.findings.extend(lines);
    report.findings.sort();
    Ok(report)
}

#[derive(Default)]
struct Archive {
    events: BTreeMap<LogIndex, EventRow>,
    streams: BTreeMap<StreamName, StreamRow>,
    nodes: BTreeMap<(u8, u64), Hash>,
    checkpoints: BTreeMap<u64, String>,
}

impl Archive {
    fn read(mut input: impl BufRead, origin: &str) -> io::Result<(Self, Vec<Damage>)> {
        let mut archive = Archive::default();
        let mut findings = Vec::new();
        let mut number = 0;
        let mut ended = false;
        loop {
            let mut bytes = Vec::new();
            let limit = LINE_BYTES_MAX as u64;
            io::Read::take(&mut input, limit).read_until(b'\n', &mut bytes)?;
            if bytes.is_empty() {
                break;
            }
            number += 1;
            let accepted = !ended
                && parse(&bytes).is_some_and(|line| {
                    ended = matches!(line, Line::End(_));
                    (number == 1) == matches!(line, Line::Archive { .. })
                        && archive.accept(line, origin)
                });
            if !accepted {
                findings.push(Damage::ArchiveLine { line: number });
            }
        }
        if !ended {
            findings.push(Damage::ArchiveLine { line: number + 1 });
        }
        Ok((archive, findings))
    }

    /// Takes a line, unless it repeats a place or disagrees with what was read.
    fn accept(&mut self, line: Line, origin: &str) -> bool {
        match line {
            Line::Archive {
                format,
                origin: named,
            } => format == FORMAT && named == origin,
            Line::Event(line) => {
                let in_order = self
                    .events
                    .last_key_value()
                    .is_none_or(|(at, _)| *at < line.index);
                in_order && self.events.insert(line.index, line.into()).is_none()
            }
            Line::Stream(line) => self
                .streams
                .insert(line.stream.clone(), line.into())
                .is_none(),
            Line::Node { level, index, hash } => self
                .nodes
                .insert((level, index), *hash.as_bytes())
                .is_none(),
            Line::Checkpoint { size, note } => self.checkpoints.insert(size, note).is_none(),
            Line::End(counts) => counts == self.counts(),
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            events: self.events.len() as u64,
            streams: self.streams.len() as u64,
            nodes: self.nodes.len() as u64,
            checkpoints: self.checkpoints.len() as u64,
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Line> {
    let line = bytes.strip_suffix(b"\n")?;
    (canonical::canonicalize(line).ok()? == line).then_some(())?;
    serde_json::from_slice(line).ok()
}

impl Source for Archive {
    fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<EventRow>, EngineError> {
        Ok(self
            .events
            .range(from..)
            .take(limit)
            .map(|(_, row)| row.clone())
            .collect())
    }

    fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, EngineError> {
        Ok(self.nodes.get(&(level, index)).copied())
    }

    fn nodes(&self, after: Option<(u8, u64)>, limit: usize) -> Result<Vec<(u8, u64)>, EngineError> {
        let start = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let page = self.nodes.range((start, std::ops::Bound::Unbounded));
        Ok(page.take(limit).map(|(place, _)| *place).collect())
    }

    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, EngineError> {
        let page = self.checkpoints.range(from..).take(limit);
        Ok(page
            .map(|(&size, note)| SignedCheckpoint {
                size,
                note: note.clone(),
            })
            .collect())
    }

    fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamRow>, EngineError> {
        let start = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let page = self
            .streams
            .range::<StreamName, _>((start, std::ops::Bound::Unbounded));
        Ok(page.take(limit).map(|(_, row)| row.clone()).collect())
    }
}

impl From<EventRow> for EventLine {
    fn from(row: EventRow) -> Self {
        let EventRow {
            index,
            stream,
            seq,
            digest,
            header,
            payload,
        } = row;
        Self {
            index,
            stream,
            seq,
            digest,
            header,
            payload,
        }
    }
}

impl From<EventLine> for EventRow {
    fn from(line: EventLine) -> Self {
        let EventLine {
            index,
            stream,
            seq,
            digest,
            header,
            payload,
        } = line;
        Self {
            index,
            stream,
            seq,
            digest,
            header,
            payload,
        }
    }
}

impl From<StreamRow> for StreamLine {
    fn from(row: StreamRow) -> Self {
        let StreamRow {
            stream,
            privacy,
            head,
            head_digest,
            shredded,
            ..
        } = row;
        Self {
            stream,
            privacy,
            head,
            head_digest,
            shredded,
        }
    }
}

impl From<StreamLine> for StreamRow {
    fn from(line: StreamLine) -> Self {
        let StreamLine {
            stream,
            privacy,
            head,
            head_digest,
            shredded,
        } = line;
        Self {
            stream,
            privacy,
            head,
            head_digest,
            wrapped_key: None,
            shredded,
        }
    }
}
