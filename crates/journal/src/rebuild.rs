//! Read models made again from events, compared with the stored ones and put in their place.

use crate::{
    engine::{Read, RecordRow, Write},
    error::{CommitError, EngineError, HaltReason, ReadError},
    guard::Writes,
    names::LogIndex,
    rules::{Failure, RESERVED_PREFIX, Rules},
    seal::SealingKey,
    transaction::Privacy,
    view::View,
};

const PAGE: usize = 256;
/// Differences reported one by one; more are only counted.
const DIFFERENCES_MAX: usize = 1_000;

/// What to do with the rebuilt records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildMode {
    /// Compare only.
    Check,
    /// Compare, then replace the stored records.
    Replace,
}

/// How a stored record differs from the rebuilt one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Events make it, but it is not stored.
    Missing,
    /// It is stored, but no event makes it.
    Unexpected,
    /// The stored one has another owner, other fields, body or version.
    Changed,
}

/// A stored record that is not what the events make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Kind of the record.
    pub kind: String,
    /// Id of the record.
    pub id: String,
    /// How it differs.
    pub what: DifferenceKind,
}

/// What a rebuild did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Events replayed.
    pub events: u64,
    /// Events of shredded streams, which make no records.
    pub shredded: u64,
    /// Records the events make.
    pub records: u64,
    /// Number of differences.
    pub differences_count: u64,
    /// The first differences, ordered by kind and id.
    pub differences: Vec<Difference>,
}

/// Why records could not be rebuilt. The stored ones are untouched.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The engine failed.
    #[error("engine failed")]
    Engine(#[from] EngineError),
    /// The engine failed while it made the new records durable.
    #[error("rebuilt records could not be committed")]
    Commit(#[source] EngineError),
    /// Stored bytes could not be read.
    #[error("stored state could not be read")]
    Read(#[source] ReadError),
    /// The projection refuses an event that it accepted before.
    #[error("projection refuses event at index {index}")]
    Projection {
        /// Index of the event.
        index: LogIndex,
        /// Why.
        #[source]
        source: Box<CommitError>,
    },
    /// The queue is full or closed.
    #[error("journal takes no request")]
    Refused(#[source] Box<CommitError>),
    /// The writer halted.
    #[error("journal is halted: {reason}")]
    Halted {
        /// Why.
        reason: HaltReason,
    },
}

impl From<ReadError> for RebuildError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Engine(error) => RebuildError::Engine(error),
            error => RebuildError::Read(error),
        }
    }
}

/// Rebuilds in one engine transaction; `before` still sees the stored records.
pub(crate) fn rebuild(
    rules: &mut Rules,
    before: &dyn Read,
    mut rows: Box<dyn Write + '_>,
    mode: RebuildMode,
) -> Result<RebuildReport, RebuildError> {
    let mut report = RebuildReport::default();
    rows.clear_records()?;
    replay(rules, &mut *rows, &mut report)?;
    compare(&rules.node_key, before, &*rows, &mut report)?;
    if mode == RebuildMode::Replace {
        let size = rows.size()?;
        rows.commit().map_err(RebuildError::Commit)?;
        rules.window.restart(size);
    }
    Ok(report)
}

fn replay(
    rules: &mut Rules,
    rows: &mut dyn Write,
    report: &mut RebuildReport,
) -> Result<(), RebuildError> {
    let mut from = LogIndex(0);
    loop {
        let node_key = rules.node_key.clone();
        let page = rows.events(from, PAGE)?;
        let events = View {
            rows: &*rows,
            node_key: &node_key,
        }
        .events(page)?;
        let Some(last) = events.last() else {
            return Ok(());
        };
        from = LogIndex(last.index.0 + 1);
        for event in &events {
            if event.kind.as_str().starts_with(RESERVED_PREFIX) {
                continue;
            }
            if event.payload.is_none() {
                report.shredded += 1;
                continue;
            }
            let privacy = if event.header.sealed {
                Privacy::Personal
            } else {
                Privacy::Public
            };
            rules
                .project_event(rows, &mut Writes::default(), privacy, event)
                .map_err(|failure| match failure {
                    Failure::Engine(error) => RebuildError::Engine(error),
                    Failure::Refused(refusal) => RebuildError::Projection {
                        index: event.index,
                        source: Box::new(refusal),
                    },
                })?;
            report.events += 1;
        }
    }
}

/// Pages through all records in order.
struct Pages<'a> {
    rows: &'a dyn Read,
    page: std::vec::IntoIter<RecordRow>,
    last: Option<(String, String)>,
}

impl<'a> Pages<'a> {
    fn new(rows: &'a dyn Read) -> Self {
        Self {
            rows,
            page: Vec::new().into_iter(),
            last: None,
        }
    }

    fn next(&mut self) -> Result<Option<RecordRow>, EngineError> {
        if self.page.len() == 0 {
            let after = self
                .last
                .as_ref()
                .map(|(kind, id)| (kind.as_str(), id.as_str()));
            self.page = self.rows.records_all(after, PAGE)?.into_iter();
        }
        let row = self.page.next();
        if let Some(row) = &row {
            self.last = Some((row.kind.clone(), row.id.clone()));
        }
        Ok(row)
    }
}

fn compare(
    node_key: &SealingKey,
    stored: &dyn Read,
    rebuilt: &dyn Read,
    report: &mut RebuildReport,
) -> Result<(), RebuildError> {
    let (mut stored_pages, mut rebuilt_pages) = (Pages::new(stored), Pages::new(rebuilt));
    let (mut old, mut fresh) = (stored_pages.next()?, rebuilt_pages.next()?);
    loop {
        let order = match (&old, &fresh) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(fresh)) => (&old.kind, &old.id).cmp(&(&fresh.kind, &fresh.id)),
        };
        let old_now = if order.is_le() {
            std::mem::replace(&mut old, stored_pages.next()?)
        } else {
            None
        };
        let fresh_now = if order.is_ge() {
            report.records += 1;
            std::mem::replace(&mut fresh, rebuilt_pages.next()?)
        } else {
            None
        };
        let (row, what) = match (old_now, fresh_now) {
            (Some(old), None) => (old, DifferenceKind::Unexpected),
            (None, Some(fresh)) => (fresh, DifferenceKind::Missing),
            (Some(old), Some(fresh)) => {
                let (kind, id) = (old.kind.clone(), old.id.clone());
                // A body that does not open is a difference, not an obstacle.
                let same = match (View {
                    rows: stored,
                    node_key,
                })
                .record(old)
                {
                    Ok(record) => {
                        record
                            == View {
                                rows: rebuilt,
                                node_key,
                            }
                            .record(fresh)?
                    }
                    Err(ReadError::CorruptRecord { .. }) => false,
                    Err(error) => return Err(error.into()),
                };
                if same {
                    continue;
                }
                report.add(Difference {
                    kind,
                    id,
                    what: DifferenceKind::Changed,
                });
                continue;
            }
            (None, None) => unreachable!("one side is taken in every round"),
        };
        report.add(Difference {
            kind: row.kind,
            id: row.id,
            what,
        });
    }
}

impl RebuildReport {
    fn add(&mut self, difference: Difference) {
        self.differences_count += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(difference);
        }
    }
}
