//! What runs inside the commit: read models, which are the only way records change, and the writer's decisions.

use std::sync::Arc;

use crate::{
    decision::{Declared, WriterDecision, WriterRefusal},
    error::ProjectionError,
    transaction::{Append, Event, Record},
};

/// The records a projection may read and write while it handles one event.
pub trait Records {
    /// A record, or nothing.
    ///
    /// # Errors
    /// The stored record cannot be read.
    fn get(&self, kind: &str, id: &str) -> Result<Option<Record>, ProjectionError>;

    /// Inserts or replaces a record. Its version is set to the event's index.
    ///
    /// # Errors
    /// An event of a personal stream writes a record that the stream does not own, or the owner
    /// has no event.
    fn put(&mut self, record: Record) -> Result<(), ProjectionError>;

    /// Deletes a record, if it exists.
    ///
    /// # Errors
    /// An event of a personal stream deletes a record that the stream does not own.
    fn delete(&mut self, kind: &str, id: &str) -> Result<(), ProjectionError>;
}

/// Turns events into records. It MUST be a function of the event and the records alone, because a
/// rebuild replays it and compares.
///
/// Events of shredded streams are not replayed: their records are gone. An event of a public
/// stream must therefore not copy what it reads from a personal stream's record to another.
pub trait Projection: Send + Sync {
    /// Applies one event.
    ///
    /// # Errors
    /// Any error refuses the whole transaction.
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError>;

    /// Decides for the writer, at the transaction's turn, and fills in its prepared events. It MUST be a function of the
    /// decision, the records and the prepared events alone. A projection without such rules knows none.
    ///
    /// # Errors
    /// The transaction is refused.
    fn decide(
        &self,
        decision: &WriterDecision,
        records: &dyn Declared,
        prepared: &mut [Append],
    ) -> Result<(), WriterRefusal> {
        let (_, _) = (records, prepared);
        Err(WriterRefusal::UnknownRule {
            rule: decision.rule.clone(),
        })
    }
}

/// A journal without read models.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProjection;

impl Projection for NoProjection {
    fn project(&self, _event: &Event, _records: &mut dyn Records) -> Result<(), ProjectionError> {
        Ok(())
    }
}

impl<P: Projection + ?Sized> Projection for Arc<P> {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        (**self).project(event, records)
    }

    fn decide(
        &self,
        decision: &WriterDecision,
        records: &dyn Declared,
        prepared: &mut [Append],
    ) -> Result<(), WriterRefusal> {
        (**self).decide(decision, records, prepared)
    }
}
