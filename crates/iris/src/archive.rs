//! The archive: one gapless stream for each account and room. Offline delivery is a cursor into it, and
//! archive queries (XEP-0313) are pages of it.

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid};
use serde::{Deserialize, Serialize};

use crate::documents::Unavailable;

/// Place in an owner's archive: starts at 1, no gaps, never reused. Its decimal text, with leading zeros to
/// 20 digits, is the archive id (XEP-0359 `stanza-id`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ArchiveId(pub u64);

impl std::fmt::Display for ArchiveId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

/// Which way a message went, seen from the archive's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The owner sent it.
    Sent,
    /// The owner received it.
    Received,
}

/// One message to archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose archive: an account or a room.
    pub owner: BareJid,
    /// Which way.
    pub direction: Direction,
    /// The other side; for a room, the occupant.
    pub peer: Jid,
    /// The stanza as carried: `from` stamped, no namespace declaration for the stanza itself.
    pub stanza: Bytes,
    /// The client's own id (XEP-0359 `origin-id`), for dedupe within `peer`.
    pub origin_id: Option<String>,
    /// The session that sent it and its count there (XEP-0198), so that a resend after a crash is recognised.
    pub sent_in: Option<SentIn>,
    /// Whether devices that were away get it on return; otherwise it is only in the archive.
    pub deliver: bool,
}

/// A stanza's place in a resumable session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SentIn {
    /// Session id.
    pub session: String,
    /// Which stanza of the session, counted from 1, modulo 2^32.
    pub count: u32,
    /// The resource that sent it.
    pub from: FullJid,
}

/// One archived message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its id.
    pub id: ArchiveId,
    /// When it became durable, in milliseconds since 1970.
    pub at_ms: i64,
    /// What was archived.
    pub entry: Entry,
}

/// What to read: entries that fit every filter, in archive order, at most `limit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only with this address: bare fits every resource, full only itself.
    pub with: Option<Jid>,
    /// Not before, in milliseconds since 1970.
    pub start_ms: Option<i64>,
    /// Not after.
    pub end_ms: Option<i64>,
    /// Only after this id.
    pub after: Option<ArchiveId>,
    /// Only before this id.
    pub before: Option<ArchiveId>,
    /// Take the last `limit` that fit instead of the first.
    pub from_end: bool,
    /// At most this many.
    pub limit: usize,
}

/// A page of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In archive order.
    pub entries: Vec<Archived>,
    /// Whether nothing that fits lies beyond this page in the direction of reading.
    pub complete: bool,
}

/// Read access to archives.
pub trait Archives {
    /// One page.
    ///
    /// # Errors
    /// The store cannot answer.
    fn page(&self, owner: &BareJid, query: &Query) -> Result<Page, Unavailable>;

    /// The newest id of an archive.
    ///
    /// # Errors
    /// The store cannot answer.
    fn last(&self, owner: &BareJid) -> Result<Option<ArchiveId>, Unavailable>;
}
