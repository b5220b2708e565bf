//! An engine in memory whose only storage is a log of commits on a [`Disk`].
//!
//! A frame is `length (4, big-endian) ‖ SHA-256(checksum of the frame before ‖ body) ‖ body`, where the body
//! lists the writes of one transaction. Opening reads frames until one does not check; a stale frame
//! behind a torn one cannot check, because checksums are chained. The log keeps history: `erase`
//! has nothing to overwrite, so nothing about shredded bytes is tested here.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
};

use evidence::{digest::Digest, merkle::Hash};
use serde::{Deserialize, Serialize};

use super::{Disk, DiskFault};
use crate::{
    engine::{
        EffectRow, Engine, EventRow, IdempotencyRow, Read, RecordQuery, RecordRow, Snapshots,
        StreamRow, Write,
    },
    error::{EngineError, Fault},
    names::{LogIndex, Seq, StreamName},
    transaction::{EffectState, SignedCheckpoint},
};

const CHECKSUM_BYTES: usize = 32;
const HEADER_BYTES: usize = 4 + CHECKSUM_BYTES;

/// One write of a transaction.
#[derive(Clone, Serialize, Deserialize)]
enum Op {
    Event(EventRow),
    Stream(StreamRow),
    Node(u8, u64, Hash),
    Checkpoint(u64, String),
    Record(RecordRow),
    DeleteRecord(String, String),
    ClearRecords,
    DeleteOwned(StreamName),
    Effect(EffectRow),
    Idempotency(IdempotencyRow),
    Expire(i64, usize),
    Meta(String, Vec<u8>),
}

#[derive(Clone, Default)]
struct Tables {
    events: BTreeMap<u64, EventRow>,
    by_stream: BTreeMap<(StreamName, Seq), u64>,
    streams: BTreeMap<StreamName, StreamRow>,
    nodes: BTreeMap<(u8, u64), Hash>,
    checkpoints: BTreeMap<u64, String>,
    records: BTreeMap<(String, String), RecordRow>,
    effects: BTreeMap<String, EffectRow>,
    idempotency: BTreeMap<(String, String), IdempotencyRow>,
    meta: BTreeMap<String, Vec<u8>>,
}

/// The engine.
pub struct SimEngine {
    disk: Disk,
    published: Arc<Published>,
    end: usize,
    checksum: Digest,
    #[cfg(feature = "planted-bugs")]
    bug: Option<crate::bug::PlantedBug>,
}

#[derive(Default)]
struct Published(Mutex<Arc<Tables>>);

struct Snapshot {
    tables: Arc<Tables>,
}

struct Transaction<'a> {
    engine: &'a mut SimEngine,
    tables: Box<Tables>,
    ops: Vec<Op>,
    mark: Option<(Box<Tables>, usize)>,
}

impl Published {
    fn newest(&self) -> Arc<Tables> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl SimEngine {
    /// Reads what the disk holds, and writes and syncs it again: bytes read from the cache may
    /// never have reached the platter.
    ///
    /// # Errors
    /// A planned fault of the disk.
    pub fn open(disk: Disk) -> Result<Self, EngineError> {
        let bytes = disk.read();
        let mut tables = Tables::default();
        let mut checksum = Digest::from_bytes([0; 32]);
        let mut end = 0;
        while let Some((ops, next, length)) = frame(&bytes[end..], checksum) {
            ops.iter().for_each(|op| tables.apply(op));
            checksum = next;
            end += length;
        }
        if end > 0 {
            disk.write(0, &bytes[..end])
                .map_err(while_doing("write the log again"))?;
            disk.sync().map_err(while_syncing)?;
        }
        let published = Arc::new(Published(Mutex::new(Arc::new(tables))));
        Ok(Self {
            disk,
            published,
            end,
            checksum,
            #[cfg(feature = "planted-bugs")]
            bug: None,
        })
    }

    /// Breaks a rule from here on.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn plant(&mut self, bug: Option<crate::bug::PlantedBug>) {
        self.bug = bug;
    }

    fn make_durable(&mut self, ops: &[Op]) -> Result<(), EngineError> {
        let body = serde_json::to_vec(ops).expect("writes are JSON");
        let checksum = chained(self.checksum, &body);
        let length = u32::try_from(body.len()).expect("a simulated commit is below 4 GiB");
        let bytes = [&length.to_be_bytes(), &checksum.as_bytes()[..], &body].concat();
        self.disk
            .write(self.end, &bytes)
            .map_err(while_doing("write a commit"))?;
        let mut synced = self.disk.sync();
        if synced.is_err() && planted!(self, FsyncRetried) {
            synced = self.disk.sync();
        }
        synced.map_err(while_syncing)?;
        self.end += bytes.len();
        self.checksum = checksum;
        Ok(())
    }
}

fn chained(before: Digest, body: &[u8]) -> Digest {
    Digest::raw(&[&before.as_bytes()[..], body].concat())
}

/// The frame at the start of the bytes, if it checks.
fn frame(bytes: &[u8], before: Digest) -> Option<(Vec<Op>, Digest, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (stored, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let body = rest.get(..length)?;
    let checksum = chained(before, body);
    if checksum.as_bytes() != stored {
        return None;
    }
    Some((
        serde_json::from_slice(body).ok()?,
        checksum,
        HEADER_BYTES + length,
    ))
}

fn while_doing(action: &'static str) -> impl Fn(DiskFault) -> EngineError {
    move |fault| {
        let fault = match fault {
            DiskFault::Full => Fault::Full,
            DiskFault::Io | DiskFault::PowerLoss => Fault::Io,
        };
        EngineError::new(action, fault)
    }
}

fn while_syncing(_: DiskFault) -> EngineError {
    EngineError::new("sync a commit", Fault::Sync)
}

impl Engine for SimEngine {
    fn begin(&mut self) -> Result<Box<dyn Write + '_>, EngineError> {
        let tables = Box::new((*self.published.newest()).clone());
        Ok(Box::new(Transaction {
            engine: self,
            tables,
            ops: Vec::new(),
            mark: None,
        }))
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        self.published.clone()
    }

    fn erase(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Snapshots for Published {
    fn snapshot(&self) -> Result<Box<dyn Read + '_>, EngineError> {
        Ok(Box::new(Snapshot {
            tables: self.newest(),
        }))
    }
}

impl Tables {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Event(row) => {
                self.by_stream
                    .insert((row.stream.clone(), row.seq), row.index.0);
                self.events.insert(row.index.0, row.clone());
            }
            Op::Stream(row) => {
                self.streams.insert(row.stream.clone(), row.clone());
            }
            Op::Node(level, index, hash) => {
                self.nodes.insert((*level, *index), *hash);
            }
            Op::Checkpoint(size, note) => {
                self.checkpoints.insert(*size, note.clone());
            }
            Op::Record(row) => {
                self.records
                    .insert((row.kind.clone(), row.id.clone()), row.clone());
            }
            Op::DeleteRecord(kind, id) => {
                self.records.remove(&(kind.clone(), id.clone()));
            }
            Op::ClearRecords => self.records.clear(),
            Op::DeleteOwned(stream) => {
                self.records
                    .retain(|_, row| row.stream.as_ref() != Some(stream));
                self.effects
                    .retain(|_, row| row.owner.as_ref() != Some(stream));
                self.idempotency
                    .retain(|_, row| row.owner.as_ref() != Some(stream));
            }
            Op::Effect(row) => {
                self.effects.insert(row.id.clone(), row.clone());
            }
            Op::Idempotency(row) => {
                self.idempotency
                    .insert((row.scope.clone(), row.key.clone()), row.clone());
            }
            Op::Expire(now_ms, limit) => self.expire(*now_ms, *limit),
            Op::Meta(name, value) => {
                self.meta.insert(name.clone(), value.clone());
            }
        }
    }

    fn expire(&mut self, now_ms: i64, limit: usize) {
        let expired = self
            .idempotency
            .iter()
            .filter(|(_, row)| row.expires_ms <= now_ms);
        let keys: Vec<_> = expired.take(limit).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.idempotency.remove(&key);
        }
    }
}

fn after<T>(start: Option<T>) -> (Bound<T>, Bound<T>) {
    (
        start.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

fn matches(row: &RecordRow, query: &RecordQuery<'_>) -> bool {
    row.kind == query.kind
        && query
            .filters
            .iter()
            .all(|(field, value)| row.fields.get(*field).is_some_and(|stored| stored == value))
}

impl Read for Tables {
    fn size(&self) -> Result<u64, EngineError> {
        Ok(self.events.last_key_value().map_or(0, |(last, _)| last + 1))
    }

    fn stream(&self, stream: &StreamName) -> Result<Option<StreamRow>, EngineError> {
        Ok(self.streams.get(stream).cloned())
    }

    fn streams(
        &self,
        start: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamRow>, EngineError> {
        let rows = self.streams.range(after(start.cloned())).take(limit);
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }

    fn stream_events(
        &self,
        stream: &StreamName,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<EventRow>, EngineError> {
        let places = self.by_stream.range((stream.clone(), from)..);
        let own = places
            .take_while(|((name, _), _)| name == stream)
            .take(limit);
        Ok(own
            .filter_map(|(_, index)| self.events.get(index).cloned())
            .collect())
    }

    fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<EventRow>, EngineError> {
        Ok(self
            .events
            .range(from.0..)
            .take(limit)
            .map(|(_, row)| row.clone())
            .collect())
    }

    fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, EngineError> {
        Ok(self.nodes.get(&(level, index)).copied())
    }

    fn nodes(&self, start: Option<(u8, u64)>, limit: usize) -> Result<Vec<(u8, u64)>, EngineError> {
        Ok(self
            .nodes
            .range(after(start))
            .take(limit)
            .map(|(place, _)| *place)
            .collect())
    }

    fn checkpoint_newest(&self) -> Result<Option<SignedCheckpoint>, EngineError> {
        let newest = self.checkpoints.last_key_value();
        Ok(newest.map(|(&size, note)| SignedCheckpoint {
            size,
            note: note.clone(),
        }))
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

    fn record(&self, kind: &str, id: &str) -> Result<Option<RecordRow>, EngineError> {
        Ok(self.records.get(&(kind.to_owned(), id.to_owned())).cloned())
    }

    fn records(&self, query: RecordQuery<'_>) -> Result<Vec<RecordRow>, EngineError> {
        let start = query.after.unwrap_or("").to_owned();
        let page = self
            .records
            .range(after(Some((query.kind.to_owned(), start))));
        let found = page.map(|(_, row)| row).filter(|row| matches(row, &query));
        Ok(found.take(query.limit).cloned().collect())
    }

    fn records_all(
        &self,
        start: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, EngineError> {
        let start = start.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
        Ok(self
            .records
            .range(after(start))
            .take(limit)
            .map(|(_, row)| row.clone())
            .collect())
    }

    fn effect(&self, id: &str) -> Result<Option<EffectRow>, EngineError> {
        Ok(self.effects.get(id).cloned())
    }

    fn effects(
        &self,
        state: EffectState,
        start: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EffectRow>, EngineError> {
        let page = self.effects.range(after(start.map(str::to_owned)));
        let found = page.map(|(_, row)| row).filter(|row| row.state == state);
        Ok(found.take(limit).cloned().collect())
    }

    fn effects_due(
        &self,
        now_ms: i64,
        kinds: &[String],
        limit: usize,
    ) -> Result<Vec<EffectRow>, EngineError> {
        let due = self.effects.values().filter(|row| {
            row.state == EffectState::Pending
                && row.not_before_ms <= now_ms
                && row.leased_until_ms <= now_ms
                && (kinds.is_empty() || kinds.contains(&row.kind))
        });
        let mut due: Vec<_> = due.cloned().collect();
        due.sort_by(|a, b| (a.not_before_ms, &a.id).cmp(&(b.not_before_ms, &b.id)));
        due.truncate(limit);
        Ok(due)
    }

    fn effects_count(&self, state: EffectState) -> Result<u64, EngineError> {
        Ok(self
            .effects
            .values()
            .filter(|row| row.state == state)
            .count() as u64)
    }

    fn idempotency(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRow>, EngineError> {
        Ok(self
            .idempotency
            .get(&(scope.to_owned(), key.to_owned()))
            .cloned())
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.meta.get(name).cloned())
    }
}

impl Transaction<'_> {
    fn write(&mut self, op: Op) -> Result<(), EngineError> {
        self.tables.apply(&op);
        self.ops.push(op);
        Ok(())
    }
}

impl Write for Transaction<'_> {
    fn savepoint(&mut self) -> Result<(), EngineError> {
        self.mark = Some((self.tables.clone(), self.ops.len()));
        Ok(())
    }

    fn rollback_to_savepoint(&mut self) -> Result<(), EngineError> {
        let Some((tables, ops)) = self.mark.take() else {
            return Err(EngineError::new("roll back to a savepoint", Fault::Misuse));
        };
        self.tables = tables;
        self.ops.truncate(ops);
        Ok(())
    }

    fn release_savepoint(&mut self) -> Result<(), EngineError> {
        self.mark = None;
        Ok(())
    }

    fn insert_event(&mut self, row: &EventRow) -> Result<(), EngineError> {
        self.write(Op::Event(row.clone()))
    }

    fn put_stream(&mut self, row: &StreamRow) -> Result<(), EngineError> {
        self.write(Op::Stream(row.clone()))
    }

    fn insert_node(&mut self, level: u8, index: u64, hash: Hash) -> Result<(), EngineError> {
        self.write(Op::Node(level, index, hash))
    }

    fn insert_checkpoint(&mut self, checkpoint: &SignedCheckpoint) -> Result<(), EngineError> {
        self.write(Op::Checkpoint(checkpoint.size, checkpoint.note.clone()))
    }

    fn put_record(&mut self, row: &RecordRow) -> Result<(), EngineError> {
        self.write(Op::Record(row.clone()))
    }

    fn delete_record(&mut self, kind: &str, id: &str) -> Result<(), EngineError> {
        self.write(Op::DeleteRecord(kind.to_owned(), id.to_owned()))
    }

    fn clear_records(&mut self) -> Result<(), EngineError> {
        self.write(Op::ClearRecords)
    }

    fn delete_owned(&mut self, stream: &StreamName) -> Result<(), EngineError> {
        self.write(Op::DeleteOwned(stream.clone()))
    }

    fn put_effect(&mut self, row: &EffectRow) -> Result<(), EngineError> {
        self.write(Op::Effect(row.clone()))
    }

    fn put_idempotency(&mut self, row: &IdempotencyRow) -> Result<(), EngineError> {
        self.write(Op::Idempotency(row.clone()))
    }

    fn expire_idempotency(&mut self, now_ms: i64, limit: usize) -> Result<(), EngineError> {
        self.write(Op::Expire(now_ms, limit))
    }

    fn put_meta(&mut self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        self.write(Op::Meta(name.to_owned(), value.to_vec()))
    }

    fn commit(self: Box<Self>) -> Result<(), EngineError> {
        let Self {
            engine,
            tables,
            ops,
            ..
        } = *self;
        engine.make_durable(&ops)?;
        let mut newest = engine
            .published
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *newest = Arc::from(tables);
        Ok(())
    }
}

/// Reads of something that holds tables are reads of the tables.
macro_rules! read_through {
    ($holder:ty) => {
        impl Read for $holder {
            fn size(&self) -> Result<u64, EngineError> {
                self.tables.size()
            }
            fn stream(&self, stream: &StreamName) -> Result<Option<StreamRow>, EngineError> {
                self.tables.stream(stream)
            }
            fn streams(
                &self,
                after: Option<&StreamName>,
                limit: usize,
            ) -> Result<Vec<StreamRow>, EngineError> {
                self.tables.streams(after, limit)
            }
            fn stream_events(
                &self,
                stream: &StreamName,
                from: Seq,
                limit: usize,
            ) -> Result<Vec<EventRow>, EngineError> {
                self.tables.stream_events(stream, from, limit)
            }
            fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<EventRow>, EngineError> {
                self.tables.events(from, limit)
            }
            fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, EngineError> {
                self.tables.node(level, index)
            }
            fn nodes(
                &self,
                after: Option<(u8, u64)>,
                limit: usize,
            ) -> Result<Vec<(u8, u64)>, EngineError> {
                self.tables.nodes(after, limit)
            }
            fn checkpoint_newest(&self) -> Result<Option<SignedCheckpoint>, EngineError> {
                self.tables.checkpoint_newest()
            }
            fn checkpoints(
                &self,
                from: u64,
                limit: usize,
            ) -> Result<Vec<SignedCheckpoint>, EngineError> {
                self.tables.checkpoints(from, limit)
            }
            fn record(&self, kind: &str, id: &str) -> Result<Option<RecordRow>, EngineError> {
                self.tables.record(kind, id)
            }
            fn records(&self, query: RecordQuery<'_>) -> Result<Vec<RecordRow>, EngineError> {
                self.tables.records(query)
            }
            fn records_all(
                &self,
                after: Option<(&str, &str)>,
                limit: usize,
            ) -> Result<Vec<RecordRow>, EngineError> {
                self.tables.records_all(after, limit)
            }
            fn effect(&self, id: &str) -> Result<Option<EffectRow>, EngineError> {
                self.tables.effect(id)
            }
            fn effects(
                &self,
                state: EffectState,
                after: Option<&str>,
                limit: usize,
            ) -> Result<Vec<EffectRow>, EngineError> {
                self.tables.effects(state, after, limit)
            }
            fn effects_due(
                &self,
                now_ms: i64,
                kinds: &[String],
                limit: usize,
            ) -> Result<Vec<EffectRow>, EngineError> {
                self.tables.effects_due(now_ms, kinds, limit)
            }
            fn effects_count(&self, state: EffectState) -> Result<u64, EngineError> {
                self.tables.effects_count(state)
            }
            fn idempotency(
                &self,
                scope: &str,
                key: &str,
            ) -> Result<Option<IdempotencyRow>, EngineError> {
                self.tables.idempotency(scope, key)
            }
            fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
                self.tables.meta(name)
            }
        }
    };
}

read_through!(Snapshot);
read_through!(Transaction<'_>);
