//! What a decision read, and whether it still holds when the decision is committed.
//!
//! A [`Snapshot`](crate::Snapshot) notes each read as a [`Guard`]; the transaction carries them, and the rules
//! refuse it when one has moved. Nobody writes an expectation by hand, so nobody forgets one.
//!
//! Invariants (guard):
//! 1. a transaction whose guards hold would have been decided on the same reads now   (property `guards_notice_every_change`)
//! 2. the window only ever answers "did not change" for what did not change; all else is read again, exactly
//!    (`Window::unchanged`; conformance)
//! 3. a refused transaction leaves nothing in the window      (it is told of accepted ones, in `Rules::apply`'s caller)

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use evidence::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Read, RecordQuery, RecordRow},
    error::EngineError,
    names::{Seq, StreamName},
};

/// One thing that a decision read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// A record, or that there is none.
    Record {
        /// Kind.
        kind: String,
        /// Id.
        id: String,
        /// Log index of its last change; nothing when it was absent.
        version: Option<u64>,
    },
    /// A page of records.
    Records {
        /// Kind.
        kind: String,
        /// What every id began with.
        #[serde(default)]
        prefix: String,
        /// Field and value pairs that all matched.
        filters: Vec<(String, String)>,
        /// Id the page started after.
        after: Option<String>,
        /// Size of the page.
        limit: usize,
        /// Digest of the ids and versions that were found.
        found: Digest,
    },
    /// A stream: its head, or that it has no event.
    Stream {
        /// Name.
        stream: StreamName,
        /// Sequence number of its last event.
        head: Option<Seq>,
    },
    /// The log as a whole: its size, its newest events.
    Log,
}

/// Everything that a decision read, at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// Size of the log at that instant.
    pub size: u64,
    /// What was read.
    pub reads: Vec<Guard>,
}

impl Guard {
    /// The guard of a page whose ids all begin with `prefix`.
    pub(crate) fn of_page(query: RecordQuery<'_>, prefix: &str, rows: &[RecordRow]) -> Self {
        let filters = query.filters.iter();
        Self::Records {
            kind: query.kind.to_owned(),
            prefix: prefix.to_owned(),
            filters: filters
                .map(|(field, value)| ((*field).to_owned(), (*value).to_owned()))
                .collect(),
            after: query.after.map(str::to_owned),
            limit: query.limit,
            found: digest_of(rows),
        }
    }

    /// Whether reading again gives what was read.
    fn holds(&self, rows: &dyn Read, size: u64) -> Result<bool, EngineError> {
        Ok(match self {
            Self::Record { kind, id, version } => {
                rows.record(kind, id)?.map(|row| row.version) == *version
            }
            Self::Records {
                kind,
                prefix,
                filters,
                after,
                limit,
                found,
            } => {
                let filters: Vec<(&str, &str)> = filters
                    .iter()
                    .map(|(field, value)| (field.as_str(), value.as_str()))
                    .collect();
                let query = RecordQuery {
                    kind,
                    filters: &filters,
                    after: after.as_deref(),
                    limit: *limit,
                };
                digest_of(&page(rows, query, prefix)?) == *found
            }
            Self::Stream { stream, head } => rows.stream(stream)?.map(|row| row.head) == *head,
            Self::Log => rows.size()? == size,
        })
    }
}

/// The records of a query, up to the first whose id does not begin with `prefix`.
pub(crate) fn page(
    rows: &dyn Read,
    query: RecordQuery<'_>,
    prefix: &str,
) -> Result<Vec<RecordRow>, EngineError> {
    let mut found = rows.records(query)?;
    let end = found.iter().position(|row| !row.id.starts_with(prefix));
    found.truncate(end.unwrap_or(found.len()));
    Ok(found)
}

/// Ids and versions, each id framed by its length.
fn digest_of(rows: &[RecordRow]) -> Digest {
    let mut bytes = Vec::with_capacity(rows.len() * 48);
    for row in rows {
        bytes.extend_from_slice(&(row.id.len() as u64).to_be_bytes());
        bytes.extend_from_slice(row.id.as_bytes());
        bytes.extend_from_slice(&row.version.to_be_bytes());
    }
    Digest::raw(&bytes)
}

/// What one transaction changed.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    keys: Vec<u64>,
    /// More changed than is listed: a shredded stream took what it owned with it.
    unlisted: bool,
}

/// What recent commits changed: tells most guards that they hold without reading anything.
pub(crate) struct Window {
    /// Key and the index of the event that changed it last.
    changed: BTreeMap<u64, u64>,
    /// Changes by events before this index are not known.
    floor: u64,
}

/// Keys remembered; beyond, the window starts again.
const KEYS_MAX: usize = 1 << 16;

impl Window {
    /// Knows of no change, at a log of `size` events.
    pub(crate) fn starting_at(size: u64) -> Self {
        Self {
            changed: BTreeMap::new(),
            floor: size,
        }
    }

    /// Forgets everything; `size` is the size of the log that is durable.
    pub(crate) fn restart(&mut self, size: u64) {
        self.changed.clear();
        self.floor = size;
    }

    /// Notes what a transaction changed that brought the log to `size`.
    pub(crate) fn note(&mut self, writes: &Writes, size: u64) {
        if writes.unlisted || self.changed.len() + writes.keys.len() > KEYS_MAX {
            return self.restart(size);
        }
        for key in &writes.keys {
            self.changed.insert(*key, size - 1);
        }
    }

    /// The first guard that does not hold.
    pub(crate) fn first_moved<'g>(
        &self,
        guards: &'g Guards,
        rows: &dyn Read,
    ) -> Result<Option<&'g Guard>, EngineError> {
        for guard in &guards.reads {
            if !self.unchanged(guard, guards.size) && !guard.holds(rows, guards.size)? {
                return Ok(Some(guard));
            }
        }
        Ok(None)
    }

    /// Whether it is certain that nothing changed it since the log had `size` events.
    fn unchanged(&self, guard: &Guard, size: u64) -> bool {
        let still = |key: u64| self.changed.get(&key).is_none_or(|index| *index < size);
        if size < self.floor {
            return false;
        }
        match guard {
            Guard::Record { kind, id, .. } => still(key(&("record", kind, id))),
            Guard::Records { kind, filters, .. } if filters.is_empty() => {
                still(key(&("kind", kind)))
            }
            // A record that enters or leaves the page has every value of the filter, before or after.
            Guard::Records { kind, filters, .. } => filters
                .iter()
                .any(|(field, value)| still(key(&("field", kind, field, value)))),
            Guard::Stream { stream, .. } => still(key(&("stream", stream.as_str()))),
            Guard::Log => false,
        }
    }
}

/// Two things with one key only make the window less certain.
fn key(parts: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Writes {
    /// A stream was appended to.
    pub(crate) fn stream(&mut self, stream: &StreamName) {
        self.keys.push(key(&("stream", stream.as_str())));
    }

    /// A record was put or deleted; `states` are its fields before and after.
    pub(crate) fn record<'r>(
        &mut self,
        kind: &str,
        id: &str,
        states: impl Iterator<Item = &'r BTreeMap<String, String>>,
    ) {
        self.keys.push(key(&("record", kind, id)));
        self.keys.push(key(&("kind", kind)));
        for (field, value) in states.flatten() {
            self.keys.push(key(&("field", kind, field, value)));
        }
    }

    /// More changed than is listed.
    pub(crate) fn unlisted(&mut self) {
        self.unlisted = true;
    }
}
