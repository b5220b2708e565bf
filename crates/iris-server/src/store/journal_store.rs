//! Reads of documents and archives.

use std::sync::Arc;

use iris::archive::{ArchiveId, Archived, Archives, Entry, Page, Query};
use iris::documents::{Collection, Documents, Unavailable};
use jid::{BareJid, Jid};
use journal::{Event, ReadError, Reader, Seq, StreamName};

use super::cache::{Cache, ListKey, Touched};
use super::event::{ARCHIVED, archived_entry};
use super::names::archive_stream;
use super::project::{record_id, record_kind};

/// Events read at a time.
const SLICE: u64 = 256;
/// Bytes of documents kept in memory.
const CACHE_BYTES_MAX: usize = 32 << 20;

/// Documents and archives of the messenger, read from the journal. A cheap handle.
#[derive(Clone)]
pub struct JournalStore {
    reader: Reader,
    cache: Arc<Cache>,
}

fn unavailable(error: &dyn std::error::Error) -> Unavailable {
    Unavailable {
        why: error.to_string(),
    }
}

impl JournalStore {
    /// Reads beside a journal's writer.
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            cache: Arc::new(Cache::new(CACHE_BYTES_MAX)),
        }
    }

    /// Forgets what a commit changed; whoever commits calls it before anybody hears of the commit.
    pub fn forget(&self, touched: &[Touched]) {
        for place in touched {
            self.cache.forget(place);
        }
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
        let records = self
            .reader
            .records(record_kind(collection), &[], after.as_deref(), limit)
            .map_err(|error| unavailable(&error))?;
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
            .reader
            .records(record_kind(collection), &[], after, limit)
            .map_err(|error| unavailable(&error))?;
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

    fn read_list(
        &self,
        collection: Collection,
        owner: &BareJid,
        key: &ListKey,
    ) -> Result<Vec<(String, Vec<u8>)>, ReadError> {
        let kind = record_kind(collection);
        let base = record_id(owner.as_str(), "");
        let mut found = Vec::new();
        let after = key
            .after
            .as_deref()
            .filter(|after| *after >= key.prefix.as_str());
        if after.is_none()
            && let Some(record) = self
                .reader
                .record(kind, &record_id(owner.as_str(), &key.prefix))?
        {
            found.push((key.prefix.clone(), record.body));
        }
        let after = record_id(owner.as_str(), after.unwrap_or(&key.prefix));
        let records = self.reader.records(
            kind,
            &[],
            Some(&after),
            key.limit.saturating_sub(found.len()),
        )?;
        for record in records {
            match record.id.strip_prefix(&base) {
                Some(name) if name.starts_with(&key.prefix) => {
                    found.push((name.to_owned(), record.body));
                }
                _ => break,
            }
        }
        found.truncate(key.limit);
        Ok(found)
    }

    /// Events of an archive that lie in `from..=to`, fewer than asked only at its end.
    fn slice(&self, stream: &StreamName, from: u64, to: u64) -> Result<Vec<Event>, ReadError> {
        let (Some(first), true) = (Seq::new(from), from <= to) else {
            return Ok(Vec::new());
        };
        let count = (to - from + 1).min(SLICE);
        self.reader.stream(stream, first, count as usize)
    }
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

impl Documents for JournalStore {
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        let place = (collection, owner.clone());
        let epoch = match self.cache.get(&place, name) {
            Ok(known) => return Ok(known.map(|body| body.to_vec())),
            Err(epoch) => epoch,
        };
        let record = self
            .reader
            .record(record_kind(collection), &record_id(owner.as_str(), name))
            .map_err(|error| unavailable(&error))?;
        let body = record.map(|record| record.body);
        let kept = body.as_deref().map(Arc::from);
        self.cache.keep(epoch, place, name, kept);
        Ok(body)
    }

    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable> {
        let place = (collection, owner.clone());
        let key = ListKey {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
        };
        let epoch = match self.cache.list(&place, &key) {
            Ok(known) => return Ok(known.to_vec()),
            Err(epoch) => epoch,
        };
        let found = self
            .read_list(collection, owner, &key)
            .map_err(|error| unavailable(&error))?;
        self.cache
            .keep_list(epoch, place, key, Arc::new(found.clone()));
        Ok(found)
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
        let head = self.last(owner)?.map_or(0, |id| id.0);
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
            let mut events = self
                .slice(&stream, start, to)
                .map_err(|error| unavailable(&error))?;
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

    fn last(&self, owner: &BareJid) -> Result<Option<ArchiveId>, Unavailable> {
        let Ok(stream) = archive_stream(owner) else {
            return Ok(None);
        };
        let head = self
            .reader
            .stream_head(&stream)
            .map_err(|error| unavailable(&error))?;
        Ok(head.map(|head| ArchiveId(head.head.get())))
    }
}
