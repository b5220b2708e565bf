//! One lock for each account: who reads documents and changes them holds it until the change is durable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jid::BareJid;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Locks that nobody holds are forgotten when there are this many.
const SWEEP_AT: usize = 1_024;

/// The locks of accounts.
#[derive(Default)]
pub(crate) struct Locks {
    known: Mutex<HashMap<BareJid, Weak<AsyncMutex<()>>>>,
}

/// The accounts are the holder's own until this is dropped.
pub(crate) type Held = Vec<OwnedMutexGuard<()>>;

impl Locks {
    fn of(&self, account: &BareJid) -> Arc<AsyncMutex<()>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = known.get(account).and_then(Weak::upgrade) {
            return lock;
        }
        if known.len() >= SWEEP_AT {
            known.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(AsyncMutex::new(()));
        known.insert(account.clone(), Arc::downgrade(&lock));
        lock
    }

    /// Waits for the locks of all these accounts, always in the same order, so that nobody waits in a circle.
    pub(crate) async fn hold(&self, mut accounts: Vec<BareJid>) -> Held {
        accounts.sort_unstable();
        accounts.dedup();
        let mut held = Vec::with_capacity(accounts.len());
        for account in &accounts {
            held.push(self.of(account).lock_owned().await);
        }
        held
    }
}
