//! Caches follow the commit: who keeps something in memory hears of every durable transaction before its caller does.

use std::sync::{PoisonError, RwLock};

use crate::transaction::{EventReceipt, Transaction};

/// Told of a transaction that became durable, with the receipts of its events. Runs on the writer's thread: it MUST be
/// quick, and MUST NOT wait for the journal or panic.
pub type Observer = Box<dyn Fn(&Transaction, &[EventReceipt]) + Send + Sync>;

/// Everybody who is told.
#[derive(Default)]
pub(crate) struct Observers(RwLock<Vec<Observer>>);

impl Observers {
    pub(crate) fn add(&self, observer: Observer) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.push(observer);
    }

    pub(crate) fn tell(&self, transaction: &Transaction, events: &[EventReceipt]) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .for_each(|observer| observer(transaction, events));
    }
}
