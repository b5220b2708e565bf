//! What this node keeps in memory follows the journal's commits, whoever made them: the messenger, an operator, or an
//! erasure that knows nothing of messengers. It runs before anybody is answered, so nobody has to remember what to forget.
//!
//! Invariants (guard):
//! 1. no answer goes out while memory holds what the answer's commit changed   (`Journal::observe`)
//! 2. who was erased, or was written by somebody else than the messenger, has no session left; whoever signs in from then
//!    on is looked up again                                                    (`tests/it/follow.rs`)
//! 3. nothing here owns the journal, whose writer runs it                      (the fields of `Memory`)

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use iris::documents::Collection;
use jid::BareJid;
use journal::{EventReceipt, Journal, Transaction};

use crate::change::is_own;
use crate::dedupe::Received;
use crate::registry::Registry;
use crate::store::{Cache, Changed, Touched, changes};

/// Rooms whose settings in memory may not be those that are stored.
#[derive(Default)]
pub(crate) struct StaleRooms(Mutex<BTreeSet<BareJid>>);

impl StaleRooms {
    /// Takes them all out.
    pub(crate) fn take(&self) -> BTreeSet<BareJid> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts them back, or adds some.
    pub(crate) fn add(&self, rooms: impl IntoIterator<Item = BareJid>) {
        let mut stale = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stale.extend(rooms);
    }
}

/// What follows.
pub(crate) struct Memory {
    pub(crate) cache: Arc<Cache>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) received: Arc<Received>,
    pub(crate) stale_rooms: Arc<StaleRooms>,
}

impl Memory {
    /// Follows a journal from here on. Nothing may have been read before.
    pub(crate) fn follow(self, journal: &Journal) {
        let cache = self.cache.clone();
        journal.observe(Box::new(move |transaction, receipts| {
            self.heard(transaction, receipts);
        }));
        match journal.snapshot().and_then(|snapshot| snapshot.size()) {
            Ok(size) => cache.observe(size),
            Err(error) => tracing::warn!(%error, "the size of the log cannot be read"),
        }
    }

    fn heard(&self, transaction: &Transaction, receipts: &[EventReceipt]) {
        let changes = changes(transaction);
        for change in &changes {
            // First, so that whoever finds the cache empty finds the room marked.
            self.stale_rooms.add(room_of(change));
            for place in touched(change) {
                self.cache.forget(&place);
            }
        }
        let newest = receipts.iter().map(|receipt| receipt.index.0).max();
        if let Some(newest) = newest {
            self.cache.observe(newest + 1);
        }
        for change in &changes {
            match change {
                Changed::DocumentsErased(owner) => self.registry.end_sessions(owner),
                Changed::ArchiveErased(owner) => self.received.forget(owner),
                // What the messenger itself writes, it shows: sessions end after they got what tells them so.
                Changed::Document {
                    collection: Collection::Account,
                    owner,
                    ..
                } if !is_own(transaction) => self.registry.end_sessions(owner),
                Changed::Document { .. } => {}
            }
        }
    }
}

fn touched(change: &Changed) -> Vec<Touched> {
    match change {
        Changed::Document {
            collection, owner, ..
        } => vec![(*collection, owner.clone())],
        Changed::DocumentsErased(owner) => {
            let all = Collection::ALL.iter();
            all.map(|&collection| (collection, owner.clone())).collect()
        }
        Changed::ArchiveErased(_) => Vec::new(),
    }
}

/// The room whose charter changed, if one did.
fn room_of(change: &Changed) -> Option<BareJid> {
    match change {
        Changed::Document {
            collection: Collection::Room,
            owner,
            name,
        } if name.is_empty() => Some(owner.clone()),
        Changed::DocumentsErased(owner) => Some(owner.clone()),
        Changed::Document { .. } | Changed::ArchiveErased(_) => None,
    }
}
