//! The documents that one decision reads, and what guards it then.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use iris::documents::{Collection, Documents, Unavailable};
use jid::BareJid;
use journal::Guards;

use super::cache::{Guarding, ListKey};
use super::journal_store::JournalStore;

/// Everything that a decision read of documents. Archives are not among it: messages are only added to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    /// Size of a log in which everything that was read was as it was read.
    pub(crate) size: u64,
    /// What was read.
    pub(crate) guards: Vec<Guarding>,
}

impl Reads {
    /// The guards of several decisions that become durable together.
    pub(crate) fn merged<'r>(all: impl Iterator<Item = &'r Self> + Clone) -> Guards {
        let mut seen = HashSet::new();
        let size = all.clone().map(|reads| reads.size).min();
        // Decisions that found the same answer in memory share its guards.
        let fresh = all
            .flat_map(|reads| &reads.guards)
            .filter(|guards| seen.insert(Arc::as_ptr(guards)));
        Guards {
            reads: fresh.flat_map(|guards| guards.iter().cloned()).collect(),
            size: size.unwrap_or_default(),
        }
    }
}

/// Documents for one decision.
pub(crate) struct Reading<'a> {
    store: &'a JournalStore,
    size: u64,
    guards: RefCell<Vec<Guarding>>,
}

impl<'a> Reading<'a> {
    /// `size` was asked before anything is read.
    pub(super) fn new(store: &'a JournalStore, size: u64) -> Self {
        Self {
            store,
            size,
            guards: RefCell::default(),
        }
    }

    /// What was read so far.
    pub(crate) fn reads(&self) -> Reads {
        Reads {
            size: self.size,
            guards: self.guards.borrow().clone(),
        }
    }

    /// Reads a document that the decision knows already, so that it is guarded.
    ///
    /// # Errors
    /// The store cannot answer.
    pub(crate) fn note(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<(), Unavailable> {
        let known = self.store.known(collection, owner, name)?;
        self.remember(known.guards);
        Ok(())
    }

    fn remember(&self, guards: Guarding) {
        let mut all = self.guards.borrow_mut();
        if !all.iter().any(|known| Arc::ptr_eq(known, &guards)) {
            all.push(guards);
        }
    }
}

impl Documents for Reading<'_> {
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        let known = self.store.known(collection, owner, name)?;
        self.remember(known.guards);
        Ok(known.answer.map(|body| body.to_vec()))
    }

    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable> {
        let key = ListKey {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
        };
        let known = self.store.known_list(collection, owner, key)?;
        self.remember(known.guards);
        Ok(known.answer.to_vec())
    }
}
