//! From the messenger's events to records: a function of the event alone.

use std::collections::BTreeMap;

use iris::account::Account;
use iris::documents::Collection;
use journal::{Event, ProjectionError, Record, Records};

use super::event::{DELETE, DocumentLine, PUT, split};
use super::names::owner_of;

/// The kind of the records of a collection.
pub fn record_kind(collection: Collection) -> &'static str {
    match collection {
        Collection::Account => "iris_account",
        Collection::Roster => "iris_roster",
        Collection::Pending => "iris_pending",
        Collection::Block => "iris_block",
        Collection::PepItem => "iris_pep_item",
        Collection::PepNode => "iris_pep_node",
        Collection::PepWatcher => "iris_pep_watcher",
        Collection::Vcard => "iris_vcard",
        Collection::Private => "iris_private",
        Collection::ArchivePreferences => "iris_archive_preferences",
        Collection::Push => "iris_push",
        Collection::Resume => "iris_resume",
        Collection::Cursor => "iris_cursor",
        Collection::FastToken => "iris_fast_token",
        Collection::Upload => "iris_upload",
        Collection::Room => "iris_room",
        Collection::Occupant => "iris_occupant",
        Collection::Invitation => "iris_invitation",
    }
}

/// The id of a document's record. A line feed separates, because no address has one.
pub fn record_id(owner: &str, name: &str) -> String {
    format!("{owner}\n{name}")
}

/// By what a document is found beside its owner and name: an account by its principal, a file by its slot.
fn fields(line: &DocumentLine, body: &[u8]) -> BTreeMap<String, String> {
    let field = match line.collection {
        Collection::Account => Account::read(body)
            .ok()
            .and_then(|account| account.principal)
            .map(|principal| ("principal", principal)),
        Collection::Upload => Some(("slot", line.name.clone())),
        _ => None,
    };
    let named = field.map(|(name, value)| (name.to_owned(), value));
    named.into_iter().collect()
}

/// Applies an event whose kind starts with `iris.`; others change nothing.
///
/// # Errors
/// The payload is not what its kind says, or the journal refuses the record.
pub fn project(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let is_put = match event.kind.as_str() {
        PUT => true,
        DELETE => false,
        _ => return Ok(()),
    };
    let rule = |rule| ProjectionError::Rule {
        kind: event.kind.clone(),
        rule,
    };
    let owner = owner_of(&event.stream).ok_or_else(|| rule("a document has an owner"))?;
    let payload = event
        .payload
        .as_deref()
        .ok_or_else(|| rule("a document can be read"))?;
    let (line, body): (DocumentLine, _) =
        split(payload).map_err(|error| ProjectionError::Payload {
            kind: event.kind.clone(),
            source: Box::new(error),
        })?;
    let kind = record_kind(line.collection);
    let id = record_id(owner.as_str(), &line.name);
    if !is_put {
        return records.delete(kind, &id);
    }
    records.put(Record {
        kind: kind.to_owned(),
        id,
        stream: Some(event.stream.clone()),
        fields: fields(&line, body),
        body: body.to_vec(),
        version: 0,
    })
}
