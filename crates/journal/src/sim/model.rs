//! What a caller may conclude from the answers it got, held against what the journal contains.
//!
//! The model shares no rule with the writer: it knows what it asked for, what it was told, and
//! reads the rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    CommitError, Committed, Event, EventReceipt, Expected, GAP_KIND, Guards, LeasedEffect, Seq,
    StreamName, engine::Read, error::ReadError, seal::SealingKey, view::View,
};

/// A transaction the workload asked for, perhaps several times with one idempotency key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Number of events it appends.
    pub(crate) events: usize,
    /// Whether it carries an effect, named after it.
    pub(crate) effect: bool,
    /// Whether its last event is one the projection refuses.
    pub(crate) must_refuse: bool,
    /// What it expects of its streams.
    pub(crate) expected: Vec<(StreamName, Expected)>,
    /// What it was decided on.
    pub(crate) read: Looked,
    /// Whether no state could refuse it.
    pub(crate) unconditional: bool,
    /// Attempts without an answer so far.
    pub(crate) unanswered: u32,
    pub(crate) receipts: Option<Vec<EventReceipt>>,
    pub(crate) diverted: bool,
}

/// What a transaction was decided on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    pub(crate) guards: Guards,
    /// Streams whose head was read.
    pub(crate) streams: Vec<StreamName>,
    /// Whether some of the notes were read, which every event of these streams may change.
    pub(crate) notes: bool,
}

/// What was asked and what was answered.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) asked: BTreeMap<u64, Asked>,
    pub(crate) leases: BTreeMap<String, Lease>,
    /// A refusal told that the stream had reached this number.
    told_heads: BTreeMap<StreamName, Seq>,
    pub(crate) trace: String,
    pub(crate) violations: Vec<String>,
}

/// The newest lease of an effect that anyone heard of.
#[derive(Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) token: u64,
    pub(crate) until_ms: i64,
    pub(crate) open: bool,
}

/// Where diverted transactions must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Diverted {
    /// In the log: the dumps were recovered.
    Back,
    /// In the log or still in a dump.
    PerhapsInDumps,
}

/// Bulk events found in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BulkFound {
    pub(crate) events: u64,
    pub(crate) marked: u64,
}

impl Model {
    fn violate(&mut self, violation: String) {
        self.trace.push_str(&format!("VIOLATION {violation}\n"));
        self.violations.push(violation);
    }

    pub(crate) fn broken(&mut self, what: &str, error: &dyn std::error::Error) {
        self.violate(format!("{what}: {error}"));
    }

    pub(crate) fn answer(&mut self, n: u64, answer: Result<Committed, CommitError>) {
        let text = match &answer {
            Ok(committed) => format!("{n} ok {}", committed.tree_size),
            Err(refusal) => format!("{n} {refusal}"),
        };
        self.trace.push_str(&text);
        self.trace.push('\n');
        let asked = self.asked.get_mut(&n).expect("an answer has its question");
        asked.unanswered -= 1;
        let known = asked.receipts.clone();
        match answer {
            Ok(committed) => {
                asked.receipts = Some(committed.events);
                if known.is_some() {
                    self.violate(format!("{n} was committed twice"));
                } else if self.asked[&n].must_refuse {
                    self.violate(format!("{n} had to be refused"));
                }
            }
            Err(CommitError::Replayed { committed, .. }) => {
                if known.is_some_and(|known| known != committed.events) {
                    self.violate(format!("{n} was replayed with other receipts"));
                }
                let asked = self.asked.get_mut(&n).expect("an answer has its question");
                asked.receipts = Some(committed.events);
            }
            Err(CommitError::Conflict {
                stream,
                actual: Some(head),
                ..
            }) => {
                let told = self.told_heads.entry(stream).or_insert(head);
                *told = head.max(*told);
            }
            Err(CommitError::Diverted { .. }) => asked.diverted = true,
            // Nobody knows; it may be there.
            Err(CommitError::OutcomeUnknown) => asked.unanswered += 1,
            Err(_) => {}
        }
    }

    pub(crate) fn leased(&mut self, now_ms: i64, until_ms: i64, effects: Vec<LeasedEffect>) {
        for effect in effects {
            self.trace
                .push_str(&format!("leased {} {}\n", effect.id, effect.lease));
            let before = self.leases.get(&effect.id).copied();
            if let Some(before) = before
                && ((before.open && now_ms < before.until_ms) || effect.lease <= before.token)
            {
                self.violate(format!("{} was leased twice", effect.id));
            }
            let lease = Lease {
                token: effect.lease,
                until_ms,
                open: true,
            };
            self.leases.insert(effect.id, lease);
        }
    }

    pub(crate) fn settled(
        &mut self,
        id: &str,
        token: u64,
        settled: &Result<Committed, CommitError>,
    ) {
        self.trace
            .push_str(&format!("settled {id} {token} {}\n", settled.is_ok()));
        let Some(lease) = self.leases.get_mut(id) else {
            return;
        };
        if settled.is_ok() {
            lease.open = false;
            let newest = lease.token;
            if token < newest {
                self.violate(format!(
                    "{id} was settled with lease {token} after {newest}"
                ));
            }
        }
    }

    /// Compares everything told with everything stored.
    pub(crate) fn check(
        &mut self,
        rows: &dyn Read,
        node_key: &SealingKey,
        diverted: Diverted,
    ) -> Result<BulkFound, ReadError> {
        let events = self.read_all(rows, node_key)?;
        let (places, bulk) = self.place(&events);
        for (stream, &told) in &self.told_heads.clone() {
            let head = events
                .iter()
                .filter(|event| event.stream == *stream)
                .count() as u64;
            if head < told.get() {
                self.violate(format!(
                    "{stream} was said to be at {told} and is at {head}"
                ));
            }
        }
        for (n, asked) in self.asked.clone() {
            let found = places.get(&n).map_or(&[][..], Vec::as_slice);
            self.check_asked(rows, n, &asked, found)?;
            self.check_read(n, &asked.read, found, &events);
            let back = diverted == Diverted::PerhapsInDumps || !found.is_empty();
            if asked.diverted && asked.unconditional && !back {
                self.violate(format!("{n} was diverted and did not come back"));
            }
        }
        Ok(bulk)
    }

    /// Between the read and the first event that was decided on it, nothing that was read may have changed.
    fn check_read(&mut self, n: u64, read: &Looked, found: &[EventReceipt], events: &[Event]) {
        let Some(first) = found.first() else {
            return;
        };
        let between = events
            .iter()
            .filter(|event| (read.guards.size..first.index.0).contains(&event.index.0));
        let moved = |event: &Event| {
            read.streams.contains(&event.stream)
                || (read.notes && event.kind.as_str() == "note.put.v1")
        };
        if let Some(event) = between.into_iter().find(|event| moved(event)) {
            let index = event.index;
            self.violate(format!("{n} was decided on what event {index} changed"));
        }
    }

    fn read_all(
        &mut self,
        rows: &dyn Read,
        node_key: &SealingKey,
    ) -> Result<Vec<Event>, ReadError> {
        let stored = rows.events(crate::LogIndex(0), usize::MAX)?;
        let mut heads: BTreeMap<StreamName, u64> = BTreeMap::new();
        for (index, row) in (0..).zip(&stored) {
            if row.index.0 != index {
                self.violate(format!("index {} stands at {index}", row.index));
            }
            let head = heads.entry(row.stream.clone()).or_default();
            *head += 1;
            if row.seq.get() != *head {
                let (stream, seq, head) = (&row.stream, row.seq, *head);
                self.violate(format!("{stream} has {seq} where {head} belongs"));
            }
        }
        View { rows, node_key }.events(stored)
    }

    /// Where each asked transaction's events are, and what is there of the bulk events.
    fn place(&mut self, events: &[Event]) -> (BTreeMap<u64, Vec<EventReceipt>>, BulkFound) {
        let mut places: BTreeMap<u64, Vec<EventReceipt>> = BTreeMap::new();
        let mut bulk = BulkFound::default();
        let mut seen = BTreeSet::new();
        for event in events {
            let payload = event.payload.as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(payload).into_owned();
            if event.kind.as_str() == GAP_KIND {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                bulk.marked += digits.parse::<u64>().unwrap_or(0);
                continue;
            }
            if !seen.insert(text.clone()) {
                self.violate(format!("{text} is in the log twice"));
            }
            if text.starts_with('b') {
                bulk.events += 1;
            } else if let Some(n) = text
                .strip_prefix('t')
                .and_then(|rest| rest.split('.').next())
            {
                let receipt = EventReceipt {
                    stream: event.stream.clone(),
                    seq: event.seq,
                    digest: event.digest,
                    index: event.index,
                };
                places
                    .entry(n.parse().unwrap_or(0))
                    .or_default()
                    .push(receipt);
            }
        }
        (places, bulk)
    }

    fn check_asked(
        &mut self,
        rows: &dyn Read,
        n: u64,
        asked: &Asked,
        found: &[EventReceipt],
    ) -> Result<(), ReadError> {
        if !found.is_empty() && found.len() != asked.events {
            self.violate(format!(
                "{n} has {} of {} events",
                found.len(),
                asked.events
            ));
        }
        let present = !found.is_empty();
        match &asked.receipts {
            Some(receipts) if receipts != found => {
                self.violate(format!(
                    "{n} was acknowledged and is not where it was said to be"
                ));
            }
            None if present && asked.unanswered == 0 && !asked.diverted => {
                self.violate(format!("{n} was refused and is there"));
            }
            _ => {}
        }
        for (stream, expected) in &asked.expected {
            let first = found.iter().find(|receipt| receipt.stream == *stream);
            let met = match (first, expected) {
                (None, _) | (_, Expected::Any) => true,
                (Some(first), Expected::NoStream) => first.seq == Seq::FIRST,
                (Some(first), Expected::At(head)) => first.seq == head.next(),
            };
            if !met {
                self.violate(format!("{n} did not find {stream} as it expected"));
            }
        }
        if asked.must_refuse && present {
            self.violate(format!("{n} had to be refused and is there"));
        }
        let effect = rows.effect(&format!("e{n}"))?.is_some();
        if effect != (present && asked.effect) {
            self.violate(format!("{n} is there: {present}, its effect: {effect}"));
        }
        Ok(())
    }
}
