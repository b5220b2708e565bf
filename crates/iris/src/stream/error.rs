//! Stream errors (RFC 6120 4.9): what ends a stream, and what the other side is told.

use crate::framer::FrameError;
use crate::xml::{Malformed, Xml};

/// Namespace of stream conditions.
const STREAMS: &str = "urn:ietf:params:xml:ns:xmpp-streams";

/// Why a stream ends (RFC 6120 4.9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the condition of RFC 6120 4.9.3 with the same name"
)]
pub enum StreamCondition {
    BadFormat,
    BadNamespacePrefix,
    Conflict,
    ConnectionTimeout,
    HostUnknown,
    ImproperAddressing,
    InternalServerError,
    InvalidFrom,
    InvalidNamespace,
    InvalidXml,
    NotAuthorized,
    NotWellFormed,
    PolicyViolation,
    RemoteConnectionFailed,
    Reset,
    ResourceConstraint,
    RestrictedXml,
    SystemShutdown,
    UndefinedCondition,
    UnsupportedEncoding,
    UnsupportedFeature,
    UnsupportedStanzaType,
    UnsupportedVersion,
}

impl StreamCondition {
    /// The element's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadFormat => "bad-format",
            Self::BadNamespacePrefix => "bad-namespace-prefix",
            Self::Conflict => "conflict",
            Self::ConnectionTimeout => "connection-timeout",
            Self::HostUnknown => "host-unknown",
            Self::ImproperAddressing => "improper-addressing",
            Self::InternalServerError => "internal-server-error",
            Self::InvalidFrom => "invalid-from",
            Self::InvalidNamespace => "invalid-namespace",
            Self::InvalidXml => "invalid-xml",
            Self::NotAuthorized => "not-authorized",
            Self::NotWellFormed => "not-well-formed",
            Self::PolicyViolation => "policy-violation",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::Reset => "reset",
            Self::ResourceConstraint => "resource-constraint",
            Self::RestrictedXml => "restricted-xml",
            Self::SystemShutdown => "system-shutdown",
            Self::UndefinedCondition => "undefined-condition",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::UnsupportedFeature => "unsupported-feature",
            Self::UnsupportedStanzaType => "unsupported-stanza-type",
            Self::UnsupportedVersion => "unsupported-version",
        }
    }
}

impl From<Malformed> for StreamCondition {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotWellFormed => Self::NotWellFormed,
            Malformed::Encoding => Self::UnsupportedEncoding,
            Malformed::Restricted => Self::RestrictedXml,
            Malformed::UnboundPrefix => Self::BadNamespacePrefix,
        }
    }
}

impl From<FrameError> for StreamCondition {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Malformed(malformed) => malformed.into(),
            FrameError::TooLarge { .. } | FrameError::TooDeep { .. } => Self::PolicyViolation,
            FrameError::NoStream => Self::InvalidNamespace,
            FrameError::TextBetweenElements => Self::BadFormat,
        }
    }
}

/// What ends a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream ends with {}", condition.name())]
pub struct StreamError {
    /// The condition.
    pub condition: StreamCondition,
    /// A sentence for people.
    pub text: Option<String>,
    /// A further condition as written XML (RFC 6120 4.9.4).
    pub specific: Option<String>,
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        Self {
            condition,
            text: None,
            specific: None,
        }
    }
}

impl StreamError {
    /// With a sentence for people.
    pub fn with_text(condition: StreamCondition, text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            ..condition.into()
        }
    }

    /// The `<stream:error/>` element; declares its prefix itself, so it can stand anywhere.
    pub fn to_xml(&self) -> String {
        let mut error = Xml::new("stream:error")
            .attr("xmlns:stream", "http://etherx.jabber.org/streams")
            .child(Xml::in_namespace(self.condition.name(), STREAMS));
        if let Some(text) = &self.text {
            error = error.child(Xml::in_namespace("text", STREAMS).text(text));
        }
        error
            .raw(self.specific.as_deref().unwrap_or_default())
            .finish()
    }
}
