//! A stanza as it is carried: its bytes, and the few attributes that routing reads (RFC 6120 8).
//!
//! The carried form has no namespace declaration for the stanza element itself, so the same bytes stand
//! in a client's stream, a server's stream and the archive.

use bytes::Bytes;
use jid::Jid;

/// The three stanzas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `<message/>`.
    Message,
    /// `<presence/>`.
    Presence,
    /// `<iq/>`.
    Iq,
}

/// A stanza that was framed, checked and addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// Which.
    pub kind: Kind,
    /// Who sent it; stamped by the server, never taken from a client.
    pub from: Jid,
    /// To whom; absent means the sender's own account or the server.
    pub to: Option<Jid>,
    /// `type`, as written.
    pub type_: Option<String>,
    /// `id`, as written.
    pub id: Option<String>,
    /// The whole element as carried, `from` included.
    pub bytes: Bytes,
}
