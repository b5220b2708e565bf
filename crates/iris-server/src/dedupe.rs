//! A message that a client or another server sends again, because it did not hear that the first was durable, is
//! acknowledged and not stored or delivered again. It is known by the sender's `origin-id` (XEP-0359) and the address
//! it goes to, among the last `REMEMBERED` that the sender's archive holds; from another server, by that id and the
//! sender's address, among the last that the recipient's archive holds; in a room, by that id and the occupant, among the
//! last that the room's archive holds.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iris::archive::{Archives, Direction, Query};
use iris::documents::Unavailable;
use jid::{BareJid, Jid};

/// Messages of an account that are remembered.
const REMEMBERED: usize = 1_024;
/// Accounts whose messages from other servers are remembered. Beyond it, archives are read again.
const RECIPIENTS: usize = 256;

/// Where a message goes or comes from, and the client's id of it.
pub(crate) type Key = (Jid, String);

#[derive(Default)]
struct Known {
    is_loaded: bool,
    seen: HashSet<Key>,
    order: VecDeque<Key>,
}

/// What an account sent lately, or what came to it from other servers.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Known>);

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the archive was read.
    pub(crate) fn is_loaded(&self) -> bool {
        self.lock().is_loaded
    }

    /// Reads what was sent or received before.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub(crate) fn load(
        &self,
        archives: &dyn Archives,
        account: &BareJid,
        direction: Direction,
    ) -> Result<(), Unavailable> {
        let query = Query {
            from_end: true,
            limit: REMEMBERED,
            ..Query::default()
        };
        let page = archives.page(account, &query)?;
        let mut known = self.lock();
        if known.is_loaded {
            return Ok(());
        }
        known.is_loaded = true;
        let entries = page.entries.into_iter().map(|archived| archived.entry);
        for entry in entries.filter(|entry| entry.direction == direction) {
            if let Some(id) = entry.origin_id {
                known.remember((entry.peer, id));
            }
        }
        Ok(())
    }

    /// Remembers a message; nothing if it is known already.
    pub(crate) fn first(self: &Arc<Self>, key: Key) -> Option<Remembered> {
        let is_first = self.lock().remember(key.clone());
        is_first.then(|| Remembered {
            recent: self.clone(),
            key: Some(key),
        })
    }

    fn forget(&self, key: &Key) {
        let mut known = self.lock();
        known.seen.remove(key);
        known.order.retain(|other| other != key);
    }
}

/// A message that is remembered for good when it is durable. It may come again if this is dropped before.
pub(crate) struct Remembered {
    recent: Arc<Recent>,
    key: Option<Key>,
}

impl Remembered {
    /// It is durable.
    pub(crate) fn keep(mut self) {
        self.key = None;
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.recent.forget(key);
        }
    }
}

/// What came lately to the accounts of a node from other servers.
#[derive(Default)]
pub(crate) struct Received(Mutex<HashMap<BareJid, Arc<Recent>>>);

impl Received {
    /// What came to one account.
    pub(crate) fn of(&self, account: &BareJid) -> Arc<Recent> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= RECIPIENTS && !known.contains_key(account) {
            known.clear();
        }
        known.entry(account.clone()).or_default().clone()
    }

    /// It is read again from the archives.
    pub(crate) fn forget_all(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
    }

    /// What came to an account is gone.
    pub(crate) fn forget(&self, account: &BareJid) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(account);
    }
}

impl Known {
    fn remember(&mut self, key: Key) -> bool {
        if !self.seen.insert(key.clone()) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_become_durable_may_come_again() {
        let recent = Arc::new(Recent::default());
        let key = (Jid::new("b@x").unwrap(), "o1".to_owned());
        let first = recent.first(key.clone());
        assert!(first.is_some() && recent.first(key.clone()).is_none());
        drop(first);
        recent.first(key.clone()).unwrap().keep();
        assert!(recent.first(key).is_none());
    }
}
