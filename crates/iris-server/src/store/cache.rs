//! What was read of documents, kept until it changes. It is never ahead of the store: an answer that was read
//! before a commit is not kept after it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use iris::documents::Collection;
use jid::BareJid;

const SHARDS: usize = 64;

/// A collection of an owner that a commit changed.
pub type Touched = (Collection, BareJid);

type Listed = Vec<(String, Vec<u8>)>;

/// Arguments of a listing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ListKey {
    pub(super) prefix: String,
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

#[derive(Default)]
struct Kept {
    gets: HashMap<String, Option<Arc<[u8]>>>,
    lists: HashMap<ListKey, Arc<Listed>>,
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
pub(super) struct Cache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    shard_bytes_max: usize,
}

/// Cost of an entry beside its bytes.
const ENTRY_BYTES: usize = 96;

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            shard_bytes_max: bytes_max / SHARDS,
        }
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
    pub(super) fn get(&self, place: &Touched, name: &str) -> Result<Option<Arc<[u8]>>, u64> {
        self.with(place, |shard| {
            let known = shard.kept.get(place).and_then(|kept| kept.gets.get(name));
            known.cloned().ok_or(shard.epoch)
        })
    }

    /// The listing if known, and the epoch to give to [`Cache::keep_list`] otherwise.
    pub(super) fn list(&self, place: &Touched, key: &ListKey) -> Result<Arc<Listed>, u64> {
        self.with(place, |shard| {
            let known = shard.kept.get(place).and_then(|kept| kept.lists.get(key));
            known.cloned().ok_or(shard.epoch)
        })
    }

    pub(super) fn keep(&self, epoch: u64, place: Touched, name: &str, body: Option<Arc<[u8]>>) {
        let bytes = ENTRY_BYTES + name.len() + body.as_ref().map_or(0, |body| body.len());
        self.insert(epoch, place, bytes, |kept| {
            kept.gets.insert(name.to_owned(), body).is_none()
        });
    }

    pub(super) fn keep_list(&self, epoch: u64, place: Touched, key: ListKey, list: Arc<Listed>) {
        let rows = list
            .iter()
            .map(|(name, body)| name.len() + body.len() + ENTRY_BYTES);
        let bytes = ENTRY_BYTES + rows.sum::<usize>();
        self.insert(epoch, place, bytes, |kept| {
            kept.lists.insert(key, list).is_none()
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

    /// Forgets what a commit changed; called before anybody hears of the commit.
    pub(super) fn forget(&self, place: &Touched) {
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

    #[test]
    fn an_answer_read_before_a_commit_is_not_kept_after_it() {
        let cache = Cache::new(1 << 20);
        let place = (Collection::Block, BareJid::new("a@x").unwrap());
        let epoch = cache.get(&place, "n").unwrap_err();
        cache.forget(&place);
        cache.keep(epoch, place.clone(), "n", None);
        assert!(cache.get(&place, "n").is_err());
        let epoch = cache.get(&place, "n").unwrap_err();
        cache.keep(epoch, place.clone(), "n", None);
        assert_eq!(cache.get(&place, "n"), Ok(None));
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let cache = Cache::new(SHARDS * 1_000);
        for n in 0..10_000 {
            let place = (Collection::Block, BareJid::new(&format!("a{n}@x")).unwrap());
            let epoch = cache.get(&place, "n").unwrap_err();
            cache.keep(epoch, place, "n", Some(vec![0; 100].into()));
        }
        for shard in &cache.shards {
            assert!(shard.lock().unwrap().bytes <= 1_000);
        }
    }
}
