//! What goes into a client's stream and what comes out: the contract between the machine and its shell.

use bytes::Bytes;
use jid::{BareJid, DomainPart, FullJid};

use super::error::StreamError;
use crate::framer::Limits;
use crate::sasl::{Credentials, Mechanism};
use crate::stanza::{Condition, Stanza};

/// What a stream is told once, when it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// The domain it serves.
    pub domain: DomainPart,
    /// Bytes inside XML elements as WebSocket messages (RFC 7395) instead of one document.
    pub is_websocket: bool,
    /// TLS ends before the machine: direct TLS, or a WebSocket over HTTPS. Else STARTTLS is required.
    pub is_encrypted: bool,
    /// What TLS exports for channel binding (RFC 9266), where TLS 1.3 is there from the start.
    pub exporter: Option<[u8; 32]>,
    /// Caps before sign-in.
    pub before: Limits,
    /// Caps after sign-in.
    pub after: Limits,
    /// Sign-in tries before the stream is closed.
    pub tries: u8,
    /// Whether [`Action::CheckToken`] can be answered, so that OAUTHBEARER is offered.
    pub takes_tokens: bool,
    /// Further features after sign-in as XML: capabilities (XEP-0115 6.3).
    pub features: String,
    /// 32 fresh random bytes for this stream: ids and nonces come from them.
    pub random: [u8; 32],
    /// A secret of the node, the same for every stream, which makes the salts of accounts that do not exist.
    pub salt_key: [u8; 32],
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Bytes came from the client; for a WebSocket, one whole message.
    Received(&'a [u8]),
    /// Answers [`Action::StartTls`]: TLS stands. What it exports for channel binding (RFC 9266) under TLS 1.3.
    TlsEstablished {
        /// 32 bytes under the label `EXPORTER-Channel-Binding`.
        exporter: Option<[u8; 32]>,
    },
    /// Answers [`Action::LookUp`]; `None` when there is no such account or it may not sign in.
    Credentials(Option<Credentials>),
    /// Answers [`Action::CheckToken`]: whose token it is; `None` when it is not good for sending.
    TokenChecked(Option<BareJid>),
    /// Answers [`Action::Bind`].
    Bound(FullJid),
    /// Answers [`Action::Bind`]: `conflict`, `not-allowed`, `resource-constraint`.
    BindRefused(Condition),
    /// Answers [`Action::EnableSm`]: outbound stanzas are counted from here on.
    SmEnabled {
        /// The session's id for resuming; `None` when it cannot be resumed.
        id: Option<String>,
        /// For how long it can be resumed, in seconds.
        max_secs: u32,
    },
    /// Answers [`Action::EnableSm`]: not possible now.
    SmRefused,
    /// Answers [`Action::Resume`]. After the actions this returns, the shell sends what was not acknowledged.
    Resumed {
        /// The resumed session's address.
        jid: FullJid,
        /// How many stanzas of the client are durable there.
        handled: u32,
    },
    /// Answers [`Action::Resume`]: no such session, or it is not this account's.
    ResumeFailed {
        /// How many stanzas of the client are durable there, if that is still known.
        handled: Option<u32>,
    },
    /// Stanzas up to this count are durable (XEP-0198).
    Handled(u32),
    /// The node ends the stream.
    Closing(StreamError),
    /// Some seconds passed: acknowledgements that wait for the disk are answered with what is durable so far.
    Tick,
}

/// What the shell shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes; for a WebSocket, as one message.
    Write(Bytes),
    /// After all that was written is sent: start TLS as server and answer with [`Event::TlsEstablished`].
    StartTls,
    /// Answer with [`Event::Credentials`] of this account.
    LookUp {
        /// Whose.
        account: BareJid,
        /// For what; a password is compared while [`Event::Credentials`] is handled, which takes milliseconds.
        mechanism: Mechanism,
    },
    /// Answer with [`Event::TokenChecked`].
    CheckToken {
        /// The bearer token as sent. It is a secret.
        token: String,
    },
    /// Somebody failed to sign in: for limits and metrics.
    SignInFailed {
        /// The account that was named, which may not exist.
        account: Option<BareJid>,
        /// How it was tried.
        mechanism: Mechanism,
    },
    /// Bind a resource and answer with [`Event::Bound`] or [`Event::BindRefused`].
    Bind {
        /// The account that signed in.
        account: BareJid,
        /// What resource it wants.
        resource: ResourceWish,
    },
    /// Make the session resumable if asked, and answer with [`Event::SmEnabled`] or [`Event::SmRefused`].
    EnableSm {
        /// Whether it shall be resumable.
        resume: bool,
        /// For how long at most, in seconds, if the client said so.
        max_secs: Option<u32>,
    },
    /// Resume a session and answer with [`Event::Resumed`] or [`Event::ResumeFailed`].
    Resume {
        /// The account that signed in; only its own sessions may be resumed.
        account: BareJid,
        /// Which session.
        previd: String,
        /// How many of our stanzas the client has handled: acknowledges them.
        h: u32,
    },
    /// Turn carbons on for the session: that came with its bind (XEP-0386).
    Carbons,
    /// A stanza of the bound session.
    Stanza {
        /// The stanza, `from` stamped with the full address.
        stanza: Stanza,
        /// Its count (XEP-0198), once that is on; give it back by [`Event::Handled`] when it is durable.
        count: Option<u32>,
    },
    /// A stanza that is none: nothing is durable about it, and it counts as handled in its turn.
    Refused {
        /// The error to send like any other stanza.
        reply: Option<Bytes>,
        /// Its count, as for [`Action::Stanza`].
        count: Option<u32>,
    },
    /// The client has handled our stanzas up to this count (XEP-0198).
    Acked(u32),
    /// The client looks at us, or not (XEP-0352).
    Csi(bool),
    /// After all that was written is sent: close the connection. The session is over and cannot be resumed.
    Close,
}

/// What resource a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceWish {
    /// This one if possible (RFC 6120 7.7), or any.
    Asked(Option<String>),
    /// A name that starts with the client's tag and stays the same for the same device (XEP-0386).
    Tagged {
        /// What the name starts with; may be empty.
        tag: String,
        /// What the device calls itself, the same each time; not to be shown to others.
        device: Option<String>,
    },
}
