//! Reads of documents and archives, each on one snapshot of the journal.

use std::sync::Arc;

use iris::archive::{ArchiveId, Archived, Archives, Entry, Page, Query};
use iris::documents::{Collection, Documents, Unavailable};
use jid::{BareJid, Jid};
use journal::{Event, Journal, ReadError, Seq, Snapshot, StreamName};

use super::cache::{Cache, Known, ListKey, Listed};
use super::event::{ARCHIVED, archived_entry};
use super::names::archive_stream;
use super::project::{record_id, record_kind};
use super::reading::Reading;

/// Events read at a time.
const SLICE: u64 = 256;
/// Bytes of documents kept in memory.
const CACHE_BYTES_MAX: usize = 32 << 20;

/// Documents and archives of the messenger, read from the journal. A cheap handle.
#[derive(Clone)]
pub struct JournalStore {
    journal: Journal,
    cache: Arc<Cache>,
}

fn unavailable(error: &dyn std::error::Error) -> Unavailable {
    Unavailable {
        why: error.to_string(),
    }
}

impl JournalStore {
    /// What this makes MUST follow the journal's commits before anything is read: see `follow`.
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            journal,
            cache: Arc::new(Cache::new(CACHE_BYTES_MAX)),
        }
    }

    /// What is kept in memory.
    pub(crate) fn cache(&self) -> Arc<Cache> {
        self.cache.clone()
    }

    /// Reads for one decision: it remembers what guards it.
    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading::new(self, self.cache.observed())
    }

    fn on_snapshot<T>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, ReadError>,
    ) -> Result<T, Unavailable> {
        let read = || read(&self.journal.snapshot()?);
        read().map_err(|error| unavailable(&error))
    }

    /// What a read of documents answers, with what guards it.
    fn guarded<T>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, ReadError>,
    ) -> Result<Known<T>, Unavailable> {
        self.on_snapshot(|snapshot| {
            Ok(Known {
                answer: read(snapshot)?,
                guards: snapshot.guards().reads.into(),
            })
        })
    }

    /// A document, from memory if it is there.
    pub(super) fn known(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Known<Option<Arc<[u8]>>>, Unavailable> {
        let place = (collection, owner.clone());
        let epoch = match self.cache.get(&place, name) {
            Ok(known) => return Ok(known),
            Err(epoch) => epoch,
        };
        let known = self.guarded(|snapshot| {
            let id = record_id(owner.as_str(), name);
            let record = snapshot.record(record_kind(collection), &id)?;
            Ok(record.map(|record| record.body.into()))
        })?;
        self.cache.keep(epoch, place, name, known.clone());
        Ok(known)
    }

    /// A listing, from memory if it is there.
    pub(super) fn known_list(
        &self,
        collection: Collection,
        owner: &BareJid,
        key: ListKey,
    ) -> Result<Known<Arc<Listed>>, Unavailable> {
        let place = (collection, owner.clone());
        let epoch = match self.cache.list(&place, &key) {
            Ok(known) => return Ok(known),
            Err(epoch) => epoch,
        };
        let known = self.guarded(|snapshot| {
            let base = record_id(owner.as_str(), "");
            let prefix = record_id(owner.as_str(), &key.prefix);
            let after = key.after.as_deref();
            let after = after.map(|after| record_id(owner.as_str(), after));
            let kind = record_kind(collection);
            let found = snapshot.records_under(kind, &prefix, after.as_deref(), key.limit)?;
            let named = found.into_iter().filter_map(|record| {
                let name = record.id.strip_prefix(&base)?.to_owned();
                Some((name, record.body))
            });
            Ok(Arc::new(named.collect::<Vec<_>>()))
        })?;
        self.cache.keep_list(epoch, place, key, known.clone());
        Ok(known)
    }

    /// Every owner of a document of a collection after the owner `after`, in order, at most `limit` documents.
    ///
    /// # Errors
    /// The store cannot answer.
    pub fn owners(
        &self,
        collection: Collection,
        after: Option<&BareJid>,
        limit: usize,
    ) -> Result<Vec<(BareJid, Vec<u8>)>, Unavailable> {
        // The owner's own documents are skipped: `\u{b}` follows the line feed that ends an owner.
        let after = after.map(|owner| format!("{owner}\u{b}"));
        let records = self.on_snapshot(|snapshot| {
            snapshot.records(record_kind(collection), &[], after.as_deref(), limit)
        })?;
        let owned = records.into_iter().filter_map(|record| {
            let (owner, _) = record.id.split_once('\n')?;
            Some((BareJid::new(owner).ok()?, record.body))
        });
        Ok(owned.collect())
    }

    /// Documents of a collection in the order of their record ids: the id to go on after, the owner and the name.
    pub(crate) fn named(
        &self,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, BareJid, String)>, Unavailable> {
        let records = self
            .on_snapshot(|snapshot| snapshot.records(record_kind(collection), &[], after, limit))?;
        let named = records.into_iter().filter_map(|record| {
            let (owner, name) = record.id.split_once('\n')?;
            Some((
                record.id.clone(),
                BareJid::new(owner).ok()?,
                name.to_owned(),
            ))
        });
        Ok(named.collect())
    }
}

/// Events of an archive that lie in `from..=to`, fewer than asked only at its end.
fn slice(
    snapshot: &Snapshot<'_>,
    stream: &StreamName,
    from: u64,
    to: u64,
) -> Result<Vec<Event>, ReadError> {
    let (Some(first), true) = (Seq::new(from), from <= to) else {
        return Ok(Vec::new());
    };
    let count = (to - from + 1).min(SLICE);
    snapshot.stream(stream, first, count as usize)
}

fn last(snapshot: &Snapshot<'_>, stream: &StreamName) -> Result<Option<ArchiveId>, ReadError> {
    let head = snapshot.stream_head(stream)?;
    Ok(head.map(|head| ArchiveId(head.head.get())))
}

/// The message of an event, if it holds one that can still be read.
fn archived(owner: &BareJid, event: &Event) -> Result<Option<Archived>, Unavailable> {
    let Some(payload) = event.payload.as_deref() else {
        return Ok(None);
    };
    if event.kind.as_str() != ARCHIVED {
        return Ok(None);
    }
    let entry = archived_entry(owner, payload).map_err(|error| unavailable(&error))?;
    Ok(Some(Archived {
        id: ArchiveId(event.seq.get()),
        at_ms: event.header.at_ms,
        entry,
    }))
}

fn is_with(entry: &Entry, with: &Jid) -> bool {
    match with.resource() {
        Some(_) => entry.peer == *with,
        None => entry.peer.to_bare() == with.to_bare(),
    }
}

fn fits(archived: &Archived, query: &Query) -> bool {
    query.start_ms.is_none_or(|start| archived.at_ms >= start)
        && query.end_ms.is_none_or(|end| archived.at_ms <= end)
        && query
            .with
            .as_ref()
            .is_none_or(|with| is_with(&archived.entry, with))
}

/// A page of an archive.
fn page(
    snapshot: &Snapshot<'_>,
    stream: &StreamName,
    owner: &BareJid,
    query: &Query,
) -> Result<Page, Unavailable> {
    let failed = |error: ReadError| unavailable(&error);
    let head = last(snapshot, stream).map_err(failed)?;
    let head = head.map_or(0, |id| id.0);
    let mut from = query.after.map_or(1, |id| id.0.saturating_add(1));
    let mut to = query
        .before
        .map_or(head, |id| head.min(id.0.saturating_sub(1)));
    let mut found = Vec::new();
    while from <= to && found.len() <= query.limit {
        let start = match query.from_end {
            true => from.max(to.saturating_sub(SLICE - 1)),
            false => from,
        };
        let mut events = slice(snapshot, stream, start, to).map_err(failed)?;
        if events.is_empty() {
            break;
        }
        let read = events.len() as u64;
        if query.from_end {
            events.reverse();
            to = start - 1;
        } else {
            from += read;
        }
        for event in &events {
            if let Some(archived) = archived(owner, event)?.filter(|item| fits(item, query)) {
                found.push(archived);
            }
        }
    }
    let complete = found.len() <= query.limit;
    found.truncate(query.limit);
    if query.from_end {
        found.reverse();
    }
    Ok(Page {
        entries: found,
        complete,
    })
}

impl Documents for JournalStore {
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        self.reading().get(collection, owner, name)
    }

    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable> {
        self.reading().list(collection, owner, prefix, after, limit)
    }
}

impl Archives for JournalStore {
    fn page(&self, owner: &BareJid, query: &Query) -> Result<Page, Unavailable> {
        let Ok(stream) = archive_stream(owner) else {
            return Ok(Page {
                entries: Vec::new(),
                complete: true,
            });
        };
        let snapshot = self.journal.snapshot();
        let snapshot = snapshot.map_err(|error| unavailable(&error))?;
        page(&snapshot, &stream, owner, query)
    }

    fn last(&self, owner: &BareJid) -> Result<Option<ArchiveId>, Unavailable> {
        let Ok(stream) = archive_stream(owner) else {
            return Ok(None);
        };
        self.on_snapshot(|snapshot| last(snapshot, &stream))
    }
}
