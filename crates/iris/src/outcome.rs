//! What a handler decides: durable writes first, then stanzas that become visible.

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid};

use crate::archive::Archives;
use crate::archive::Entry;
use crate::documents::{Documents, Write};
use crate::host::Host;
use crate::live::Live;
use crate::watching::Event;

/// What a handler may look at. Time and randomness are values.
pub struct Context<'a> {
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// 32 fresh random bytes, for ids and tokens this handler makes.
    pub random: [u8; 32],
    /// The node's domains.
    pub host: &'a Host,
    /// Stored documents.
    pub documents: &'a dyn Documents,
    /// Archives.
    pub archives: &'a dyn Archives,
    /// Connected sessions.
    pub live: &'a dyn Live,
}

/// The decision of a handler. The server makes `writes` and `archive` durable in one commit; only then is
/// anything in `send` delivered. When the commit fails nothing is sent but an error to who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Documents to change.
    pub writes: Vec<Write>,
    /// Messages to archive. Delivery to the owner's sessions follows from the archive; do not also `send`.
    pub archive: Vec<Entry>,
    /// Changes of what is known of the caller's own session.
    pub session: Vec<SessionChange>,
    /// Stanzas to deliver after the commit, in this order.
    pub send: Vec<Send>,
}

/// A stanza on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// To whom.
    pub to: Target,
    /// As carried.
    pub stanza: Bytes,
}

/// Who gets a stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This resource of this node; dropped if it is gone.
    Resource(FullJid),
    /// A resource of this node that may want this event: see [`Watching`](crate::watching::Watching).
    Watcher(FullJid, Event),
    /// The local resources of an account that sent initial presence.
    Available(BareJid),
    /// Any address, local or remote, as if it had come from a stream (RFC 6120 10): the server routes it again.
    Route(Jid),
}

/// What a handler changes in the caller's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// Roster pushes from now on.
    Interested,
    /// Block list pushes from now on.
    Blocklist,
    /// Carbons on or off.
    Carbons(bool),
    /// Newest broadcast presence and its priority; `None` when unavailable.
    Presence(Option<(Bytes, i8)>),
    /// Whether its user looks at it.
    Active(bool),
    /// It is asked which nodes it wants events of.
    Asked,
    /// The nodes it wants events of.
    Notify(Vec<String>),
    /// It sent directed presence to this address (RFC 6121 4.6), once in the list however often.
    DirectedTo(Jid),
    /// It sent directed unavailable presence: out of the list.
    DirectedGone(Jid),
    /// It is in a room, here or elsewhere, by this address: kept so that it is told after a crash that it is out.
    EnteredRoom(FullJid),
    /// A room it left.
    LeftRoom(BareJid),
    /// Its account is gone: every session of the account ends after what is sent.
    AccountRemoved,
}

impl Outcome {
    /// Nothing to do.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Only a reply to the caller.
    pub fn reply(to: Target, stanza: impl Into<Bytes>) -> Self {
        Self {
            send: vec![Send {
                to,
                stanza: stanza.into(),
            }],
            ..Self::default()
        }
    }

    /// Everything of both, in order.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.archive.extend(other.archive);
        self.session.extend(other.session);
        self.send.extend(other.send);
        self
    }
}
