//! The subset of XML that XMPP allows (RFC 6120 11), over bytes: tags, tokens of a complete element, and
//! text that cannot break out of where it is written.

pub mod chars;
pub mod scan;
pub mod tag;
pub mod write;

pub use chars::{escape_attribute, escape_text, unescape};
pub use scan::{Child, Children};
pub use write::Xml;

/// Why bytes are not the XML that XMPP allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// XML itself forbids it.
    #[error("the XML is not well-formed")]
    NotWellFormed,
    /// Not UTF-8, or declared as something else.
    #[error("the encoding is not UTF-8")]
    Encoding,
    /// A comment, a processing instruction, a document type or an entity that is not predefined.
    #[error("the XML uses what XMPP forbids")]
    Restricted,
    /// A prefix that nothing declares.
    #[error("a prefix is not declared")]
    UnboundPrefix,
}
