//! Who is connected now: what handlers may know of sessions. It is memory only, and no durable decision
//! rests on it.

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid};

/// One connected resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its address.
    pub jid: FullJid,
    /// It has a connection; without one it waits to be resumed (XEP-0198).
    pub is_connected: bool,
    /// Newest broadcast presence, as carried; absent before the first.
    pub presence: Option<Bytes>,
    /// Its priority (RFC 6121 4.7.2.3).
    pub priority: i8,
    /// Asked for the roster, so it gets roster pushes.
    pub interested: bool,
    /// Asked for the block list, so it gets block pushes.
    pub blocklist: bool,
    /// Has carbons on (XEP-0280).
    pub carbons: bool,
    /// Says that its user looks at it (XEP-0352).
    pub active: bool,
    /// Nodes it wants events of (`+notify`, XEP-0163), as far as its capabilities are known.
    pub notify: Vec<String>,
    /// It was asked for its capabilities, and did not answer yet.
    pub is_asked: bool,
    /// The rooms that it entered, here or elsewhere, by its address there.
    pub rooms: Vec<FullJid>,
    /// Who got directed presence from it (RFC 6121 4.6) and so is told when it leaves.
    pub directed: Vec<Jid>,
}

/// A connected resource that nobody has said anything of yet.
pub fn fresh(jid: FullJid) -> Resource {
    Resource {
        jid,
        is_connected: true,
        presence: None,
        priority: 0,
        interested: false,
        blocklist: false,
        carbons: false,
        active: true,
        notify: Vec::new(),
        is_asked: false,
        rooms: Vec::new(),
        directed: Vec::new(),
    }
}

impl Resource {
    /// Whether it gets what is sent to its account (RFC 6121 8.5.2.1.1).
    pub fn takes_messages(&self) -> bool {
        self.presence.is_some() && self.priority >= 0
    }
}

/// Read access to the sessions of this node.
pub trait Live {
    /// Connected resources of an account, in the order of their names.
    fn resources(&self, account: &BareJid) -> Vec<Resource>;
}
