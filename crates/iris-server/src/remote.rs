//! Where stanzas for other domains go.

use bytes::Bytes;
use jid::Jid;
use journal::NewEffect;

/// The way to other servers.
pub trait Remote: Send + Sync {
    /// What is stored with the sender's copy so that a stanza survives until its domain has it; nothing for what may
    /// be lost.
    fn keep(&self, to: &Jid, stanza: &Bytes, now_ms: i64) -> Vec<NewEffect>;

    /// A stanza that is durable where it has to be. Must not block.
    fn send(&self, to: &Jid, stanza: &Bytes);
}
