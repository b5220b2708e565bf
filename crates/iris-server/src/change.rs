//! What is to be stored, and how several changes become one transaction.

use std::collections::{HashMap, HashSet};

use iris::archive::{ArchiveId, Archived, Entry};
use iris::documents::{Collection, Write};
use iris::outcome::Outcome;
use jid::BareJid;
use journal::{
    Append, Committed, Expected, Guard, NewEffect, NewEvent, Privacy, StreamName, Transaction,
};

use crate::store::{OwnerTooLong, Reads, archive_event, record_id, record_kind, write_event};

/// Who the messenger is in the journal.
const ACTOR: &str = "iris";
/// Cost of an event beside its payload.
pub(crate) const EVENT_BYTES: usize = 256;

/// A record, by kind and id.
type Key = (&'static str, String);

/// What is to become durable together.
#[derive(Default)]
pub(crate) struct Change {
    /// Documents first, then messages.
    events: Vec<(StreamName, NewEvent)>,
    /// The records of the documents.
    records: Vec<Key>,
    archive: Vec<Entry>,
    effects: Vec<NewEffect>,
    /// What it was decided on.
    reads: Reads,
}

fn place(write: &Write) -> (Collection, &BareJid, &str) {
    match write {
        Write::Put {
            collection,
            owner,
            name,
            ..
        }
        | Write::Delete {
            collection,
            owner,
            name,
        } => (*collection, owner, name),
    }
}

impl Change {
    /// What an outcome stores, with what waits for other domains.
    ///
    /// # Errors
    /// An owner's address is too long.
    pub(crate) fn new(
        outcome: &Outcome,
        effects: Vec<NewEffect>,
        reads: Reads,
    ) -> Result<Self, OwnerTooLong> {
        let mut change = Self {
            effects,
            ..Self::default()
        };
        for write in &outcome.writes {
            let (collection, owner, name) = place(write);
            let record = (record_kind(collection), record_id(owner.as_str(), name));
            change.records.push(record);
            change.events.push(write_event(write)?);
        }
        for entry in &outcome.archive {
            change.events.push(archive_event(entry)?);
        }
        change.archive.clone_from(&outcome.archive);
        if !change.is_empty() {
            change.reads = reads;
        }
        Ok(change)
    }

    /// Whether nothing is to be stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.effects.is_empty()
    }

    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    /// What it takes in a transaction.
    pub(crate) fn bytes(&self) -> usize {
        let events = self.events.iter().map(|(_, event)| event.payload.len());
        let effects = self.effects.iter().map(|effect| effect.payload.len());
        events.chain(effects).map(|bytes| bytes + EVENT_BYTES).sum()
    }

    fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.reads.guards.iter().flat_map(|guards| guards.iter())
    }

    /// Whether it was decided on this.
    pub(crate) fn rests_on(&self, read: &Guard) -> bool {
        self.guards().any(|guard| guard == read)
    }

    fn rests_on_any(&self, written: &HashMap<&str, HashSet<&str>>) -> bool {
        self.guards().any(|guard| match guard {
            Guard::Record { kind, id, .. } => {
                let ids = written.get(kind.as_str());
                ids.is_some_and(|ids| ids.contains(id.as_str()))
            }
            Guard::Records { kind, prefix, .. } => {
                let mut ids = written.get(kind.as_str()).into_iter().flatten();
                ids.any(|id| id.starts_with(prefix.as_str()))
            }
            // Nothing is decided on these here; if it were, nothing could go before it.
            Guard::Stream { .. } | Guard::Log => true,
        })
    }
}

/// Whether the messenger itself made a transaction. A principal may be called like it, but what a principal does has an
/// idempotency key.
pub(crate) fn is_own(transaction: &Transaction) -> bool {
    transaction.actor == ACTOR && transaction.idempotency.is_none()
}

/// How many of these changes, from the first on, may become durable together: none of them was decided on what one before
/// it changes. The guards of a transaction say only what was before all of it.
pub(crate) fn independent<'c>(changes: impl Iterator<Item = &'c Change>) -> usize {
    let mut written: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut count = 0;
    for change in changes {
        if !written.is_empty() && change.rests_on_any(&written) {
            break;
        }
        for (kind, id) in &change.records {
            written.entry(kind).or_default().insert(id);
        }
        count += 1;
    }
    count
}

/// Changes as one transaction: one append for each stream.
pub(crate) struct Merged {
    pub(crate) transaction: Transaction,
    /// For each event, in the order of the changes: its place among the transaction's events.
    places: Vec<usize>,
}

impl Merged {
    pub(crate) fn of<'c>(at_ms: i64, changes: impl Iterator<Item = &'c Change> + Clone) -> Self {
        let mut transaction = Transaction::new(at_ms, ACTOR);
        let guarded = changes
            .clone()
            .filter(|change| !change.reads.guards.is_empty());
        transaction.guards = Reads::merged(guarded.map(|change| &change.reads));
        let mut appends: HashMap<&StreamName, usize> = HashMap::new();
        let mut within = Vec::new();
        for change in changes {
            for (stream, event) in &change.events {
                let append = *appends.entry(stream).or_insert_with(|| {
                    transaction.appends.push(Append {
                        stream: stream.clone(),
                        privacy: Privacy::Personal,
                        expected: Expected::Any,
                        events: Vec::new(),
                    });
                    transaction.appends.len() - 1
                });
                let events = &mut transaction.appends[append].events;
                within.push((append, events.len()));
                events.push(event.clone());
            }
            transaction.effects.extend(change.effects.iter().cloned());
        }
        let counts = transaction.appends.iter().map(|append| append.events.len());
        let starts: Vec<usize> = counts
            .scan(0, |next, count| {
                let start = *next;
                *next += count;
                Some(start)
            })
            .collect();
        let places = within.iter().map(|(append, event)| starts[*append] + event);
        Self {
            places: places.collect(),
            transaction,
        }
    }

    /// Whether nothing is to be stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.transaction.appends.is_empty() && self.transaction.effects.is_empty()
    }

    /// The archived messages of each change, with their ids.
    pub(crate) fn archived<'c>(
        places: &[usize],
        changes: impl Iterator<Item = &'c Change>,
        committed: &Committed,
        at_ms: i64,
    ) -> Vec<Vec<Archived>> {
        let mut places = places.iter();
        let mut archived_of = |change: &Change| {
            let documents = change.records.len();
            let places: Vec<_> = places.by_ref().take(change.events.len()).collect();
            let entries = change.archive.iter();
            entries
                .zip(places.into_iter().skip(documents))
                .map(|(entry, place)| Archived {
                    id: ArchiveId(committed.events[*place].seq.get()),
                    at_ms,
                    entry: entry.clone(),
                })
                .collect()
        };
        changes.map(&mut archived_of).collect()
    }

    /// The transaction, and what [`Merged::archived`] needs of it.
    pub(crate) fn into_parts(self) -> (Transaction, Vec<usize>) {
        (self.transaction, self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(collection: Collection, name: &str, reads: &[Guard]) -> Change {
        let outcome = Outcome {
            writes: vec![Write::Put {
                collection,
                owner: BareJid::new("a@x").unwrap(),
                name: name.to_owned(),
                body: b"null".to_vec(),
            }],
            ..Outcome::nothing()
        };
        let reads = Reads {
            size: 1,
            guards: vec![reads.into()],
        };
        Change::new(&outcome, Vec::new(), reads).unwrap()
    }

    fn record(id: &str) -> Guard {
        Guard::Record {
            kind: "iris_block".to_owned(),
            id: id.to_owned(),
            version: Some(0),
        }
    }

    #[test]
    fn what_was_decided_on_what_another_changes_is_not_stored_together_with_it() {
        let changes = |reads: &[Guard]| {
            let first = put(Collection::Block, "b@x", &[record("a@x\nb@x")]);
            [first, put(Collection::Vcard, "", reads)]
        };
        for (reads, together) in [
            (&[record("a@x\nb@x")][..], 1),
            (&[record("a@x\nc@x"), record("a@x\nb@x")], 1),
            (&[record("a@x\nc@x")], 2),
            (&[], 2),
        ] {
            assert_eq!(independent(changes(reads).iter()), together, "{reads:?}");
        }
    }

    #[test]
    fn the_messenger_is_not_taken_for_a_principal_of_its_name() {
        let mut transaction = Merged::of(0, [].iter()).transaction;
        assert!(is_own(&transaction));
        transaction.idempotency = Some(journal::Idempotency {
            scope: String::new(),
            key: String::new(),
            request: evidence::digest::Digest::raw(b""),
            owner: None,
            response: Vec::new(),
            expires_ms: 0,
        });
        assert!(!is_own(&transaction));
    }
}
