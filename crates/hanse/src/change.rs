//! Puts one transaction together from the decisions of the cores.

use evidence::canonical;
use ids::EntityId;
use journal::{Append, EventKind, Expected, NewEffect, NewEvent, Privacy, StreamName, Transaction};
use mez::entity::{Decision, Effect, EntityEvent};
use serde::Serialize;

use crate::http::problem::Problem;
use crate::streams;
use crate::workers::effect::NodeEffect;

/// A transaction in the making. Time and actor are set when it is executed.
#[derive(Debug)]
pub struct Change {
    transaction: Transaction,
    now_ms: i64,
}

impl Change {
    /// Nothing yet, at `now_ms`.
    pub fn new(now_ms: i64) -> Self {
        Self {
            transaction: Transaction::new(now_ms, ""),
            now_ms,
        }
    }

    /// What a transaction holds already, and more.
    pub fn on(transaction: Transaction) -> Self {
        let now_ms = transaction.at_ms;
        Self {
            transaction,
            now_ms,
        }
    }

    /// When it happens.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Appends one event. Several events for one stream stay in order; the first expectation holds.
    ///
    /// # Errors
    /// The payload has no canonical form, which is a defect.
    pub fn append(
        &mut self,
        stream: &StreamName,
        privacy: Privacy,
        expected: Expected,
        kind: &'static str,
        payload: &impl Serialize,
    ) -> Result<(), Problem> {
        let payload = canonical::to_vec_of(payload).map_err(|error| Problem::internal(&error))?;
        let kind: EventKind = kind.parse().expect("kinds are constants of the code");
        let event = NewEvent { kind, payload };
        let appends = &mut self.transaction.appends;
        match appends.iter_mut().find(|append| append.stream == *stream) {
            Some(append) => append.events.push(event),
            None => appends.push(Append {
                stream: stream.clone(),
                privacy,
                expected,
                events: vec![event],
            }),
        }
        Ok(())
    }

    /// Appends the events of an entity's decision: public facts to its stream, personal facts each to
    /// its person's sealed stream, and work for the outbox.
    ///
    /// # Errors
    /// A payload has no canonical form, which is a defect.
    pub fn decision(
        &mut self,
        id: &EntityId,
        expected: Expected,
        decision: &Decision,
    ) -> Result<(), Problem> {
        for event in &decision.persons {
            let stream = streams::person(event.person());
            self.append(
                &stream,
                Privacy::Personal,
                Expected::NoStream,
                event.kind(),
                event,
            )?;
        }
        self.entity_events(id, expected, &decision.events)?;
        for effect in &decision.effects {
            self.effect(NodeEffect::Institution(effect.clone()))?;
        }
        Ok(())
    }

    /// Appends events to an entity's stream.
    ///
    /// # Errors
    /// A payload has no canonical form, which is a defect.
    pub fn entity_events(
        &mut self,
        id: &EntityId,
        expected: Expected,
        events: &[EntityEvent],
    ) -> Result<(), Problem> {
        let stream = streams::entity(id);
        for event in events {
            self.append(&stream, Privacy::Public, expected, event.kind(), event)?;
        }
        Ok(())
    }

    /// Adds work for the outbox, to be done as soon as possible.
    ///
    /// # Errors
    /// The effect has no canonical form, which is a defect.
    pub fn effect(&mut self, effect: NodeEffect) -> Result<(), Problem> {
        let payload = canonical::to_vec_of(&effect).map_err(|error| Problem::internal(&error))?;
        self.transaction.effects.push(NewEffect {
            id: uuid::Uuid::now_v7().to_string(),
            kind: effect.kind().to_owned(),
            owner: None,
            payload,
            not_before_ms: self.now_ms,
        });
        Ok(())
    }

    /// The transaction.
    pub fn into_transaction(self) -> Transaction {
        self.transaction
    }
}

/// Takes the screenings out of a decision's effects: they were done within the transaction.
pub fn without_screening(decision: &mut Decision) {
    decision
        .effects
        .retain(|effect| !matches!(effect, Effect::Screen { .. }));
}
