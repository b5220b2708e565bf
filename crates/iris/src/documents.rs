//! The small durable state of accounts, rooms and sessions: named documents in closed collections.
//! A document belongs to an owner's sealed stream, so erasing the owner erases it.

use jid::BareJid;
use serde::{Deserialize, Serialize};

/// What kinds of documents there are. The names are stored: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// Credentials and standing of an account; one document named `""`.
    Account,
    /// Roster items by contact (RFC 6121 2); the version is the document `""`.
    Roster,
    /// Subscription requests that wait for an answer, by who asks (RFC 6121 3).
    Pending,
    /// Blocked addresses (XEP-0191).
    Block,
    /// Items of personal eventing nodes (XEP-0163), named `<node>\n<item>`.
    PepItem,
    /// Configuration of personal eventing nodes, by node.
    PepNode,
    /// vcard-temp (XEP-0054); one document named `""`.
    Vcard,
    /// Private XML (XEP-0049), named `{namespace}element`.
    Private,
    /// Archive preferences (XEP-0313); one document named `""`.
    ArchivePreferences,
    /// Push registrations (XEP-0357), named `<service>\n<node>`.
    Push,
    /// Resumable sessions (XEP-0198), by session id.
    Resume,
    /// How far a device has been served, by resource.
    Cursor,
    /// Sign-in tokens of devices (XEP-0484), by token id.
    FastToken,
    /// Uploaded files (XEP-0363), by slot.
    Upload,
    /// Configuration, affiliations and subject of a room (XEP-0045); one document named `""`.
    Room,
    /// Occupants of a room by nickname, so that resumed sessions are still inside.
    Occupant,
    /// Invitations to make an account (XEP-0401), by token; owned by the server's domain.
    Invitation,
}

impl Collection {
    /// Every collection.
    pub const ALL: &[Self] = &[
        Self::Account,
        Self::Roster,
        Self::Pending,
        Self::Block,
        Self::PepItem,
        Self::PepNode,
        Self::Vcard,
        Self::Private,
        Self::ArchivePreferences,
        Self::Push,
        Self::Resume,
        Self::Cursor,
        Self::FastToken,
        Self::Upload,
        Self::Room,
        Self::Occupant,
        Self::Invitation,
    ];
}

/// Why stored state could not be read. The client is told `internal-server-error` or to wait; nothing is guessed.
#[derive(Debug, thiserror::Error)]
#[error("stored state cannot be read: {why}")]
pub struct Unavailable {
    /// What the store said.
    pub why: String,
}

/// Read access to documents.
pub trait Documents {
    /// One document, if it exists.
    ///
    /// # Errors
    /// The store cannot answer.
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable>;

    /// Documents whose names start with `prefix`, in the order of their names, after the name `after`.
    ///
    /// # Errors
    /// The store cannot answer.
    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable>;
}

/// One change of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Creates or replaces.
    Put {
        /// Where.
        collection: Collection,
        /// Whose.
        owner: BareJid,
        /// Name within owner and collection.
        name: String,
        /// The document, at most 256 KiB.
        body: Vec<u8>,
    },
    /// Removes; removing what is absent is no error.
    Delete {
        /// Where.
        collection: Collection,
        /// Whose.
        owner: BareJid,
        /// Name within owner and collection.
        name: String,
    },
}
