//! What was read of documents, kept until it changes, each with the guards of its reads. It is never ahead of the
//! store: an answer that was read before a commit is not kept after it.
//!
//! Invariants (guard):
//! 1. what is kept did not change up to the log size that [`Cache::observed`] told before it was looked up
//!    (`follow` forgets first and moves the size then; `observed` is asked before the look)

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use iris::documents::Collection;
use jid::BareJid;
use journal::Guard;

const SHARDS: usize = 64;

/// A collection of an owner that a commit changed.
pub(crate) type Touched = (Collection, BareJid);

/// What guards one read.
pub(crate) type Guarding = Arc<[Guard]>;

pub(super) type Listed = Vec<(String, Vec<u8>)>;

/// An answer, and what guards a decision on it.
#[derive(Clone, Debug)]
pub(super) struct Known<T> {
    pub(super) answer: T,
    pub(super) guards: Guarding,
}

/// Arguments of a listing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ListKey {
    pub(super) prefix: String,
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

#[derive(Default)]
struct Kept {
    gets: HashMap<String, Known<Option<Arc<[u8]>>>>,
    lists: HashMap<ListKey, Known<Arc<Listed>>>,
    bytes: usize,
}

#[derive(Default)]
struct Shard {
    /// Grows with every commit that touches the shard.
    epoch: u64,
    kept: HashMap<Touched, Kept>,
    bytes: usize,
}

/// A cache of at most about `bytes_max` bytes.
pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    shard_bytes_max: usize,
    observed: AtomicU64,
}

/// Cost of an entry beside its bytes: the maps, and a guard with its owner's address.
const ENTRY_BYTES: usize = 384;

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            shard_bytes_max: bytes_max / SHARDS,
            observed: AtomicU64::new(0),
        }
    }

    /// The size of the log up to which everything that changed is forgotten.
    pub(super) fn observed(&self) -> u64 {
        self.observed.load(Ordering::Acquire)
    }

    /// Everything that changed in a log of `size` events is forgotten.
    pub(crate) fn observe(&self, size: u64) {
        self.observed.fetch_max(size, Ordering::AcqRel);
    }

    fn with<T>(&self, place: &Touched, use_shard: impl FnOnce(&mut Shard) -> T) -> T {
        let at = self.hasher.hash_one(place) as usize % SHARDS;
        // Every change below is whole before anything can panic.
        use_shard(
            &mut self.shards[at]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// The document if known, and the epoch to give to [`Cache::keep`] otherwise.
    pub(super) fn get(&self, place: &Touched, name: &str) -> Result<Known<Option<Arc<[u8]>>>, u64> {
        self.with(place, |shard| {
            let known = shard.kept.get(place).and_then(|kept| kept.gets.get(name));
            known.cloned().ok_or(shard.epoch)
        })
    }

    /// The listing if known, and the epoch to give to [`Cache::keep_list`] otherwise.
    pub(super) fn list(&self, place: &Touched, key: &ListKey) -> Result<Known<Arc<Listed>>, u64> {
        self.with(place, |shard| {
            let known = shard.kept.get(place).and_then(|kept| kept.lists.get(key));
            known.cloned().ok_or(shard.epoch)
        })
    }

    pub(super) fn keep(
        &self,
        epoch: u64,
        place: Touched,
        name: &str,
        known: Known<Option<Arc<[u8]>>>,
    ) {
        let body = known.answer.as_ref().map_or(0, |body| body.len());
        let bytes = ENTRY_BYTES + name.len() + body;
        self.insert(epoch, place, bytes, |kept| {
            kept.gets.insert(name.to_owned(), known).is_none()
        });
    }

    pub(super) fn keep_list(
        &self,
        epoch: u64,
        place: Touched,
        key: ListKey,
        known: Known<Arc<Listed>>,
    ) {
        let rows = known.answer.iter();
        let rows =
            rows.map(|(name, body)| name.len() + body.len() + size_of::<(String, Vec<u8>)>());
        let bytes = ENTRY_BYTES + rows.sum::<usize>();
        self.insert(epoch, place, bytes, |kept| {
            kept.lists.insert(key, known).is_none()
        });
    }

    fn insert(
        &self,
        epoch: u64,
        place: Touched,
        bytes: usize,
        add: impl FnOnce(&mut Kept) -> bool,
    ) {
        let max = self.shard_bytes_max;
        self.with(&place.clone(), |shard| {
            if shard.epoch != epoch || bytes > max {
                return;
            }
            if shard.bytes + bytes > max {
                shard.kept.clear();
                shard.bytes = 0;
            }
            let kept = shard.kept.entry(place).or_default();
            if add(kept) {
                kept.bytes += bytes;
                shard.bytes += bytes;
            }
        });
    }

    /// Forgets what a commit changed.
    pub(crate) fn forget(&self, place: &Touched) {
        self.with(place, |shard| {
            shard.epoch += 1;
            if let Some(kept) = shard.kept.remove(place) {
                shard.bytes -= kept.bytes;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(body: Option<&[u8]>) -> Known<Option<Arc<[u8]>>> {
        Known {
            answer: body.map(Arc::from),
            guards: Arc::new([]),
        }
    }

    #[test]
    fn an_answer_read_before_a_commit_is_not_kept_after_it() {
        let cache = Cache::new(1 << 20);
        let place = (Collection::Block, BareJid::new("a@x").unwrap());
        let epoch = cache.get(&place, "n").unwrap_err();
        cache.forget(&place);
        cache.keep(epoch, place.clone(), "n", known(None));
        assert!(cache.get(&place, "n").is_err());
        let epoch = cache.get(&place, "n").unwrap_err();
        cache.keep(epoch, place.clone(), "n", known(None));
        assert_eq!(cache.get(&place, "n").unwrap().answer, None);
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let cache = Cache::new(SHARDS * 1_000);
        for n in 0..10_000 {
            let place = (Collection::Block, BareJid::new(&format!("a{n}@x")).unwrap());
            let epoch = cache.get(&place, "n").unwrap_err();
            cache.keep(epoch, place, "n", known(Some(&[0; 100])));
        }
        for shard in &cache.shards {
            assert!(shard.lock().unwrap().bytes <= 1_000);
        }
    }
}
