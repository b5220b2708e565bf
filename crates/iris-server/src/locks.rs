//! One lock for each account and room: who reads documents and changes them holds it alone until the change is durable
//! and shown. Who only reads a room's settings holds it beside others, until what it decided is in its turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jid::BareJid;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Locks that nobody holds are forgotten when there are this many.
const SWEEP_AT: usize = 1_024;

/// How something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hold {
    /// With others that only read.
    Beside,
    /// By nobody else.
    Alone,
}

/// What is to be held: each once.
pub(crate) type Wanted = BTreeMap<BareJid, Hold>;

/// The locks of accounts and rooms.
#[derive(Default)]
pub(crate) struct Locks {
    known: Mutex<HashMap<BareJid, Weak<RwLock<()>>>>,
}

/// What is held, until this is dropped.
#[derive(Default)]
pub(crate) struct Held {
    /// What nobody else may decide about until it is durable.
    pub(crate) alone: Vec<OwnedRwLockWriteGuard<()>>,
    /// What others only may not change before the decision is in its turn.
    pub(crate) beside: Vec<OwnedRwLockReadGuard<()>>,
}

impl Held {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.alone.is_empty() && self.beside.is_empty()
    }
}

impl Locks {
    fn of(&self, address: &BareJid) -> Arc<RwLock<()>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = known.get(address).and_then(Weak::upgrade) {
            return lock;
        }
        if known.len() >= SWEEP_AT {
            known.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(RwLock::new(()));
        known.insert(address.clone(), Arc::downgrade(&lock));
        lock
    }

    /// Waits for all of these, always in the same order, so that nobody waits in a circle.
    pub(crate) async fn hold(&self, wanted: &Wanted) -> Held {
        let mut held = Held::default();
        for (address, hold) in wanted {
            let lock = self.of(address);
            match hold {
                Hold::Alone => held.alone.push(lock.write_owned().await),
                Hold::Beside => held.beside.push(lock.read_owned().await),
            }
        }
        held
    }

    /// Waits for one account, to hold it alone.
    pub(crate) async fn hold_account(&self, account: &BareJid) -> Held {
        self.hold(&Wanted::from([(account.clone(), Hold::Alone)]))
            .await
    }
}
