//! One open transaction on one connection: the writer's, or a reader's snapshot.

use std::{
    cell::{Cell, RefCell},
    sync::{Mutex, PoisonError},
};

use journal::{
    Hash, LogIndex, Seq, StreamName,
    engine::{EffectRow, EventRow, IdempotencyRow, Read, RecordQuery, RecordRow, StreamRow, Write},
    error::EngineError,
    transaction::{EffectState, SignedCheckpoint},
};
use rusqlite::Connection;

use crate::{
    checkpointer::Checkpointer,
    effects,
    error::{while_committing, while_doing},
    events, idempotency, log, records,
};

/// Idle reader connections; those beyond are closed.
const POOL_SIZE_MAX: usize = 16;

pub(crate) type Pool = Mutex<Vec<Connection>>;

enum Held<'a> {
    Writer {
        connection: &'a Connection,
        checkpointer: &'a Checkpointer,
    },
    Reader {
        connection: Option<Connection>,
        pool: &'a Pool,
    },
}

/// An open transaction; dropping it rolls back.
pub(crate) struct Session<'a> {
    held: Held<'a>,
    open: bool,
    /// Events and records written.
    rows: Cell<u64>,
    /// The stream whose head was read or stored last, and the number of its row: what is written next is usually of it.
    newest: RefCell<Option<(StreamName, i64)>>,
}

impl<'a> Session<'a> {
    pub(crate) fn write(
        connection: &'a Connection,
        checkpointer: &'a Checkpointer,
    ) -> Result<Self, EngineError> {
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(while_doing("begin"))?;
        Ok(Self::open(Held::Writer {
            connection,
            checkpointer,
        }))
    }

    pub(crate) fn read(connection: Connection, pool: &'a Pool) -> Result<Self, EngineError> {
        connection
            .execute_batch("BEGIN")
            .map_err(while_doing("begin a snapshot"))?;
        let session = Self::open(Held::Reader {
            connection: Some(connection),
            pool,
        });
        // BEGIN is lazy: the first read takes the snapshot.
        session.size()?;
        Ok(session)
    }

    fn open(held: Held<'a>) -> Self {
        Self {
            held,
            open: true,
            rows: Cell::new(0),
            newest: RefCell::new(None),
        }
    }

    /// The row of a stream, if it is the newest.
    fn number_of(&self, stream: &StreamName) -> Option<i64> {
        let newest = self.newest.borrow();
        let found = newest.as_ref().filter(|(known, _)| known == stream);
        found.map(|&(_, id)| id)
    }

    fn count_row(&self) {
        self.rows.set(self.rows.get() + 1);
    }

    fn db(&self) -> &Connection {
        match &self.held {
            Held::Writer { connection, .. } => connection,
            Held::Reader { connection, .. } => connection
                .as_ref()
                .expect("the connection is given back only on drop"),
        }
    }

    fn execute(&self, action: &'static str, sql: &str) -> Result<(), EngineError> {
        self.db()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .map_err(while_doing(action))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // A failed rollback leaves the connection in a transaction. The writer then fails at its
        // next BEGIN; a reader's connection is closed below.
        let rolled_back = !self.open || self.db().execute_batch("ROLLBACK").is_ok();
        if let Held::Reader { connection, pool } = &mut self.held
            && rolled_back
        {
            let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
            if pool.len() < POOL_SIZE_MAX {
                pool.extend(connection.take());
            }
        }
    }
}

impl Read for Session<'_> {
    fn size(&self) -> Result<u64, EngineError> {
        events::size(self.db()).map_err(while_doing("read the size of the log"))
    }

    fn stream(&self, stream: &StreamName) -> Result<Option<StreamRow>, EngineError> {
        let found =
            events::stream(self.db(), stream).map_err(while_doing("read a stream's head"))?;
        Ok(found.map(|(row, id)| {
            self.newest.replace(Some((stream.clone(), id)));
            row
        }))
    }

    fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamRow>, EngineError> {
        events::streams(self.db(), after, limit).map_err(while_doing("list streams"))
    }

    fn stream_events(
        &self,
        stream: &StreamName,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<EventRow>, EngineError> {
        events::stream_events(self.db(), stream, from, limit)
            .map_err(while_doing("read a stream's events"))
    }

    fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<EventRow>, EngineError> {
        events::events(self.db(), from, limit).map_err(while_doing("read the log's events"))
    }

    fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, EngineError> {
        log::node(self.db(), level, index).map_err(while_doing("read a Merkle node"))
    }

    fn nodes(&self, after: Option<(u8, u64)>, limit: usize) -> Result<Vec<(u8, u64)>, EngineError> {
        log::nodes(self.db(), after, limit).map_err(while_doing("list Merkle nodes"))
    }

    fn checkpoint_newest(&self) -> Result<Option<SignedCheckpoint>, EngineError> {
        log::checkpoint_newest(self.db()).map_err(while_doing("read the newest checkpoint"))
    }

    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, EngineError> {
        log::checkpoints(self.db(), from, limit).map_err(while_doing("list checkpoints"))
    }

    fn record(&self, kind: &str, id: &str) -> Result<Option<RecordRow>, EngineError> {
        records::record(self.db(), kind, id).map_err(while_doing("read a record"))
    }

    fn records(&self, query: RecordQuery<'_>) -> Result<Vec<RecordRow>, EngineError> {
        records::records(self.db(), query).map_err(while_doing("list records"))
    }

    fn records_all(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, EngineError> {
        records::records_all(self.db(), after, limit).map_err(while_doing("list all records"))
    }

    fn effect(&self, id: &str) -> Result<Option<EffectRow>, EngineError> {
        effects::effect(self.db(), id).map_err(while_doing("read an effect"))
    }

    fn effects(
        &self,
        state: EffectState,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EffectRow>, EngineError> {
        effects::effects(self.db(), state, after, limit).map_err(while_doing("list effects"))
    }

    fn effects_due(
        &self,
        now_ms: i64,
        kinds: &[String],
        limit: usize,
    ) -> Result<Vec<EffectRow>, EngineError> {
        effects::effects_due(self.db(), now_ms, kinds, limit)
            .map_err(while_doing("list due effects"))
    }

    fn effects_count(&self, state: EffectState) -> Result<u64, EngineError> {
        effects::effects_count(self.db(), state).map_err(while_doing("count effects"))
    }

    fn idempotency(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRow>, EngineError> {
        idempotency::idempotency(self.db(), scope, key)
            .map_err(while_doing("read an idempotency key"))
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        log::meta(self.db(), name).map_err(while_doing("read a value of the journal"))
    }
}

impl Write for Session<'_> {
    fn savepoint(&mut self) -> Result<(), EngineError> {
        self.execute("set a savepoint", "SAVEPOINT transaction_mark")
    }

    fn rollback_to_savepoint(&mut self) -> Result<(), EngineError> {
        // It may have been made after the savepoint.
        self.newest.take();
        self.execute("roll back to a savepoint", "ROLLBACK TO transaction_mark")?;
        self.execute("release a savepoint", "RELEASE transaction_mark")
    }

    fn release_savepoint(&mut self) -> Result<(), EngineError> {
        self.execute("release a savepoint", "RELEASE transaction_mark")
    }

    fn insert_event(&mut self, row: &EventRow) -> Result<(), EngineError> {
        self.count_row();
        events::insert_event(self.db(), self.number_of(&row.stream), row)
            .map_err(while_doing("insert an event"))
    }

    fn put_stream(&mut self, row: &StreamRow) -> Result<(), EngineError> {
        let stored = match self.number_of(&row.stream) {
            Some(id) => events::update_stream(self.db(), id, row).map(|()| id),
            None => events::put_stream(self.db(), row),
        };
        let id = stored.map_err(while_doing("store a stream's head"))?;
        self.newest.replace(Some((row.stream.clone(), id)));
        Ok(())
    }

    fn insert_node(&mut self, level: u8, index: u64, hash: Hash) -> Result<(), EngineError> {
        log::insert_node(self.db(), level, index, hash).map_err(while_doing("insert a Merkle node"))
    }

    fn insert_checkpoint(&mut self, checkpoint: &SignedCheckpoint) -> Result<(), EngineError> {
        log::insert_checkpoint(self.db(), checkpoint).map_err(while_doing("insert a checkpoint"))
    }

    fn put_record(&mut self, row: &RecordRow) -> Result<(), EngineError> {
        self.count_row();
        records::put_record(self.db(), row).map_err(while_doing("store a record"))
    }

    fn delete_record(&mut self, kind: &str, id: &str) -> Result<(), EngineError> {
        records::delete_record(self.db(), kind, id).map_err(while_doing("delete a record"))
    }

    fn clear_records(&mut self) -> Result<(), EngineError> {
        records::clear_records(self.db()).map_err(while_doing("delete all records"))
    }

    fn delete_owned(&mut self, stream: &StreamName) -> Result<(), EngineError> {
        records::delete_owned(self.db(), stream)
            .and_then(|()| effects::delete_owned(self.db(), stream))
            .and_then(|()| idempotency::delete_owned(self.db(), stream))
            .map_err(while_doing("delete what a stream owns"))
    }

    fn put_effect(&mut self, row: &EffectRow) -> Result<(), EngineError> {
        effects::put_effect(self.db(), row).map_err(while_doing("store an effect"))
    }

    fn put_idempotency(&mut self, row: &IdempotencyRow) -> Result<(), EngineError> {
        idempotency::put_idempotency(self.db(), row)
            .map_err(while_doing("store an idempotency key"))
    }

    fn expire_idempotency(&mut self, now_ms: i64, limit: usize) -> Result<(), EngineError> {
        idempotency::expire_idempotency(self.db(), now_ms, limit)
            .map_err(while_doing("expire idempotency keys"))
    }

    fn put_meta(&mut self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        log::put_meta(self.db(), name, value).map_err(while_doing("store a value of the journal"))
    }

    fn commit(mut self: Box<Self>) -> Result<(), EngineError> {
        self.db()
            .execute_batch("COMMIT")
            .map_err(while_committing)?;
        self.open = false;
        if let Held::Writer { checkpointer, .. } = &self.held {
            checkpointer.committed(self.rows.get());
        }
        Ok(())
    }
}
