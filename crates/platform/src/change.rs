//! Puts one transaction together from the decisions of the cores.

use evidence::canonical;
use journal::{
    Append, EventKind, Expected, NewEffect, NewEvent, Privacy, Settlement, StreamName, Transaction,
    WriterDecision,
};
use serde::Serialize;

use crate::declined::Declined;

/// A transaction in the making. What it was decided on guards it, so it expects nothing by hand; time and actor are set
/// when it is executed.
#[derive(Debug)]
pub struct Change {
    transaction: Transaction,
}

impl Default for Change {
    fn default() -> Self {
        Self {
            transaction: Transaction::new(0, ""),
        }
    }
}

impl Change {
    /// Appends one event. Several events for one stream stay in order.
    ///
    /// # Errors
    /// The payload has no canonical form, which is a defect.
    pub fn append(
        &mut self,
        stream: &StreamName,
        privacy: Privacy,
        kind: &'static str,
        payload: &impl Serialize,
    ) -> Result<(), Declined> {
        let payload = canonical::to_vec_of(payload).map_err(|error| Declined::internal(&error))?;
        let kind: EventKind = kind.parse().expect("kinds are constants of the code");
        self.append_event(stream, privacy, NewEvent { kind, payload });
        Ok(())
    }

    /// Appends an event whose bytes are made already.
    pub fn append_event(&mut self, stream: &StreamName, privacy: Privacy, event: NewEvent) {
        let appends = &mut self.transaction.appends;
        match appends.iter_mut().find(|append| append.stream == *stream) {
            Some(append) => append.events.push(event),
            None => appends.push(Append {
                stream: stream.clone(),
                privacy,
                expected: Expected::Any,
                events: vec![event],
            }),
        }
    }

    /// Adds work for the outbox, to be done as soon as possible. Its kind chooses the executor.
    ///
    /// # Errors
    /// The effect has no canonical form, which is a defect.
    pub fn effect(&mut self, kind: &'static str, work: &impl Serialize) -> Result<(), Declined> {
        let payload = canonical::to_vec_of(work).map_err(|error| Declined::internal(&error))?;
        self.transaction.effects.push(NewEffect {
            id: uuid::Uuid::now_v7().to_string(),
            kind: kind.to_owned(),
            owner: None,
            payload,
            not_before_ms: i64::MIN,
        });
        Ok(())
    }

    /// Has the writer decide by a rule of an institution, on the records of `keys`.
    pub fn decide(&mut self, rule: &str, parameters: Vec<u8>, keys: &[(&str, &str)]) {
        let owned = |(kind, id): &(&str, &str)| ((*kind).to_owned(), (*id).to_owned());
        self.transaction.decisions.push(WriterDecision {
            rule: rule.to_owned(),
            parameters,
            keys: keys.iter().map(owned).collect(),
        });
    }

    /// Settles an effect with what it did.
    pub fn settle(&mut self, settlement: Settlement) {
        self.transaction.settlements.push(settlement);
    }

    /// Destroys the key of a personal stream, after everything else.
    pub fn shred(&mut self, stream: StreamName) {
        self.transaction.shred.push(stream);
    }

    /// The transaction, done at `now_ms` by `actor`. Its effects are due at once.
    pub fn into_transaction(mut self, now_ms: i64, actor: &str) -> Transaction {
        self.transaction.at_ms = now_ms;
        actor.clone_into(&mut self.transaction.actor);
        for effect in &mut self.transaction.effects {
            effect.not_before_ms = effect.not_before_ms.max(now_ms);
        }
        self.transaction
    }
}
