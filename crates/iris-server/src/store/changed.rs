//! What a committed transaction changed of what the messenger keeps in memory, whoever committed it.

use iris::documents::Collection;
use jid::BareJid;
use journal::{NewEvent, Transaction};

use super::event::{DELETE, DocumentLine, PUT, split};
use super::names::{is_account_stream, owner_of};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// A document was put or removed.
    Document {
        /// Where.
        collection: Collection,
        /// Whose.
        owner: BareJid,
        /// Name within owner and collection.
        name: String,
    },
    /// Every document of this owner is gone.
    DocumentsErased(BareJid),
    /// Every archived message of this owner is gone.
    ArchiveErased(BareJid),
}

/// What a transaction changed, in its order. Archived messages change nothing that is kept.
pub(crate) fn changes(transaction: &Transaction) -> Vec<Changed> {
    let mut changes = Vec::new();
    for append in &transaction.appends {
        if !is_account_stream(&append.stream) {
            continue;
        }
        let Some(owner) = owner_of(&append.stream) else {
            continue;
        };
        let events = append.events.iter();
        changes.extend(events.filter_map(|event| document(&owner, event)));
    }
    for stream in &transaction.shred {
        let erased = match is_account_stream(stream) {
            true => Changed::DocumentsErased,
            false => Changed::ArchiveErased,
        };
        changes.extend(owner_of(stream).map(erased));
    }
    changes
}

fn document(owner: &BareJid, event: &NewEvent) -> Option<Changed> {
    if !matches!(event.kind.as_str(), PUT | DELETE) {
        return None;
    }
    // The projection accepted it, so it can be read.
    let (line, _): (DocumentLine, _) = split(&event.payload).ok()?;
    Some(Changed::Document {
        collection: line.collection,
        owner: owner.clone(),
        name: line.name,
    })
}
