//! A stanza as it is carried: its bytes, and the few attributes that routing reads (RFC 6120 8).
//!
//! The carried form has no namespace declaration for the stanza element itself, so the same bytes stand
//! in a client's stream, a server's stream and the archive. Every byte between the opening and the
//! closing tag is what the sender wrote.

use std::borrow::Cow;

use bytes::Bytes;
use jid::Jid;
use minidom::Element;

use crate::xml::tag::{Shape, Tag};
use crate::xml::{Child, Children, Malformed, Xml};

/// Namespace of the conditions in stanza errors (RFC 6120 8.3).
const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

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

impl Kind {
    /// The element's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Presence => "presence",
            Self::Iq => "iq",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Message, Self::Presence, Self::Iq]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
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

/// Why an element is no stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStanza {
    /// Neither message, presence nor iq, or in a namespace of its own: stream error `unsupported-stanza-type`.
    #[error("the element is no stanza")]
    Unsupported,
    /// `to` is no address: stanza error `jid-malformed`.
    #[error("the stanza's `to` is no address")]
    To,
    /// `from` is no address: stream error `improper-addressing`.
    #[error("the stanza's `from` is no address")]
    From,
    /// An iq without `id` or with another `type` than RFC 6120 8.2.3 knows: stanza error `bad-request`.
    #[error("the iq has no id or no valid type")]
    BadIq,
    /// Not the XML that the framer lets through.
    #[error("the stanza is malformed")]
    Malformed(#[from] Malformed),
}

impl Stanza {
    /// Reads a framed element and stamps `from` over what the sender wrote there.
    ///
    /// # Errors
    /// It is no stanza.
    pub fn parse(frame: &[u8], from: &Jid) -> Result<Self, NoStanza> {
        let text = std::str::from_utf8(frame).map_err(|_| Malformed::Encoding)?;
        let tag = root(text)?;
        Self::of(text, &tag, from)
    }

    fn of(text: &str, tag: &Tag<'_>, from: &Jid) -> Result<Self, NoStanza> {
        let kind = kind(tag)?;
        let to = match tag.value("to") {
            Some(to) => Some(Jid::new(&to).map_err(|_| NoStanza::To)?),
            None => None,
        };
        let type_ = tag.value("type").map(Cow::into_owned);
        let id = tag.value("id").map(Cow::into_owned);
        let is_bad_iq = !matches!(type_.as_deref(), Some("get" | "set" | "result" | "error"))
            || id.as_deref().is_none_or(str::is_empty);
        if kind == Kind::Iq && is_bad_iq {
            return Err(NoStanza::BadIq);
        }
        Ok(Self {
            kind,
            from: from.clone(),
            to,
            type_,
            id,
            bytes: carried(text, tag, kind, from),
        })
    }

    /// Reads an element that says itself who sent it: from a peer server, a component or the archive.
    ///
    /// # Errors
    /// It is no stanza, or has no valid `from`.
    pub fn from_peer(frame: &[u8]) -> Result<Self, NoStanza> {
        let text = std::str::from_utf8(frame).map_err(|_| Malformed::Encoding)?;
        let tag = root(text)?;
        kind(&tag)?;
        let from = tag.value("from").ok_or(NoStanza::From)?;
        let from = Jid::new(&from).map_err(|_| NoStanza::From)?;
        Self::of(text, &tag, &from)
    }

    /// Its child elements.
    pub fn children(&self) -> Children<'_> {
        Children::of(&self.bytes)
    }

    /// The first child with this name and namespace; `None` is the stanza's own namespace.
    pub fn child(&self, name: &str, namespace: Option<&str>) -> Option<Child<'_>> {
        self.children().find(|child| child.is(name, namespace))
    }

    /// The whole stanza as a tree, in namespace `jabber:client`.
    ///
    /// # Errors
    /// A tree cannot be made of it.
    pub fn element(&self) -> Result<Element, NoStanza> {
        tree(&self.bytes)
    }

    /// The first child element other than `<error/>` as a tree: what an iq asks or answers.
    pub fn payload(&self) -> Option<Element> {
        let mut root = self.element().ok()?;
        let nodes = root.take_nodes();
        nodes
            .into_iter()
            .filter_map(minidom::Node::into_element)
            .find(|child| !child.is("error", "jabber:client"))
    }

    /// Whether a reply with an error would be wrong (RFC 6120 8.3.1): it is an error or a result itself.
    pub fn is_answer(&self) -> bool {
        match self.type_.as_deref() {
            Some("error") => true,
            Some("result") => self.kind == Kind::Iq,
            _ => false,
        }
    }
}

fn root(text: &str) -> Result<Tag<'_>, Malformed> {
    let end = crate::xml::scan::tag_end(text.as_bytes()).ok_or(Malformed::NotWellFormed)?;
    Tag::parse(&text[..end])
}

fn kind(tag: &Tag<'_>) -> Result<Kind, NoStanza> {
    let is_known = tag.value("xmlns").is_none_or(|ns| {
        matches!(
            &*ns,
            "jabber:client" | "jabber:server" | "jabber:component:accept"
        )
    });
    match Kind::of(tag.name) {
        Some(kind) if is_known && tag.shape != Shape::Close => Ok(kind),
        _ => Err(NoStanza::Unsupported),
    }
}

/// The element with `from` stamped and without its own namespace declaration.
fn carried(text: &str, tag: &Tag<'_>, kind: Kind, from: &Jid) -> Bytes {
    let name_end = 1 + kind.name().len();
    let mut out = String::with_capacity(text.len() + from.as_str().len() + 8);
    out.push_str(&text[..name_end]);
    out.push_str(" from='");
    crate::xml::escape_attribute(from.as_str(), &mut out);
    out.push('\'');
    let mut at = name_end;
    for attribute in &tag.attributes {
        out.push_str(&text[at..attribute.span.start]);
        if !matches!(attribute.name, "from" | "xmlns") {
            out.push_str(&text[attribute.span.clone()]);
        }
        at = attribute.span.end;
    }
    out.push_str(&text[at..]);
    out.into()
}

/// A carried stanza as a tree, in namespace `jabber:client`.
///
/// # Errors
/// A tree cannot be made of it.
pub fn tree(carried: &[u8]) -> Result<Element, NoStanza> {
    let text = std::str::from_utf8(carried).map_err(|_| Malformed::Encoding)?;
    let kind = kind(&root(text)?)?;
    let (name, rest) = text.split_at(1 + kind.name().len());
    format!("{name} xmlns='jabber:client'{rest}")
        .parse()
        .map_err(|_| NoStanza::Malformed(Malformed::NotWellFormed))
}

/// A carried element with one more child at its end; every other byte as before.
pub fn with_child(carried: &[u8], child: &str) -> Bytes {
    let mut out = Vec::with_capacity(carried.len() + child.len() + 16);
    match carried.strip_suffix(b"/>") {
        Some(start) => {
            let name = carried[1..]
                .split(|b| b.is_ascii_whitespace() || *b == b'/')
                .next()
                .unwrap_or_default();
            out.extend_from_slice(start);
            out.push(b'>');
            out.extend_from_slice(child.as_bytes());
            out.extend_from_slice(b"</");
            out.extend_from_slice(name);
            out.push(b'>');
        }
        None => {
            let end = memchr::memrchr(b'<', carried).unwrap_or(carried.len());
            out.extend_from_slice(&carried[..end]);
            out.extend_from_slice(child.as_bytes());
            out.extend_from_slice(&carried[end..]);
        }
    }
    out.into()
}

/// A carried element without the children that `unwanted` names; every other byte as before.
pub fn without_children(carried: &Bytes, unwanted: impl Fn(&Child<'_>) -> bool) -> Bytes {
    let spans: Vec<_> = Children::of(carried)
        .filter(|child| unwanted(child))
        .map(|child| child.span)
        .collect();
    if spans.is_empty() {
        return carried.clone();
    }
    let mut out = Vec::with_capacity(carried.len());
    let mut at = 0;
    for span in spans {
        out.extend_from_slice(&carried[at..span.start]);
        at = span.end;
    }
    out.extend_from_slice(&carried[at..]);
    out.into()
}

/// A carried stanza with another `to`, all else as before.
///
/// # Errors
/// It is no stanza.
pub fn with_to(carried: &[u8], to: &Jid) -> Result<Bytes, NoStanza> {
    let text = std::str::from_utf8(carried).map_err(|_| Malformed::Encoding)?;
    let tag = root(text)?;
    let name_end = 1 + kind(&tag)?.name().len();
    let mut value = String::from(" to='");
    crate::xml::escape_attribute(to.as_str(), &mut value);
    value.push('\'');
    let span = tag
        .attribute("to")
        .map_or(name_end..name_end, |a| a.span.clone());
    Ok([&text[..span.start], &value, &text[span.end..]]
        .concat()
        .into())
}

/// What the sender of a refused stanza shall do (RFC 6120 8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// Retry after signing in.
    Auth,
    /// Do not retry.
    Cancel,
    /// Proceed: it was only a warning.
    Continue,
    /// Change the stanza and retry.
    Modify,
    /// Wait and retry.
    Wait,
}

/// Why a stanza was refused (RFC 6120 8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the condition of RFC 6120 8.3.3 with the same name"
)]
pub enum Condition {
    BadRequest,
    Conflict,
    FeatureNotImplemented,
    Forbidden,
    Gone,
    InternalServerError,
    ItemNotFound,
    JidMalformed,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    PolicyViolation,
    RecipientUnavailable,
    RegistrationRequired,
    RemoteServerNotFound,
    RemoteServerTimeout,
    ResourceConstraint,
    ServiceUnavailable,
    SubscriptionRequired,
    UndefinedCondition,
    UnexpectedRequest,
}

impl Condition {
    /// The element's name and the type that RFC 6120 8.3.3 gives it.
    pub fn name_and_type(self) -> (&'static str, ErrorType) {
        use ErrorType::{Auth, Cancel, Modify, Wait};
        match self {
            Self::BadRequest => ("bad-request", Modify),
            Self::Conflict => ("conflict", Cancel),
            Self::FeatureNotImplemented => ("feature-not-implemented", Cancel),
            Self::Forbidden => ("forbidden", Auth),
            Self::Gone => ("gone", Cancel),
            Self::InternalServerError => ("internal-server-error", Cancel),
            Self::ItemNotFound => ("item-not-found", Cancel),
            Self::JidMalformed => ("jid-malformed", Modify),
            Self::NotAcceptable => ("not-acceptable", Modify),
            Self::NotAllowed => ("not-allowed", Cancel),
            Self::NotAuthorized => ("not-authorized", Auth),
            Self::PolicyViolation => ("policy-violation", Modify),
            Self::RecipientUnavailable => ("recipient-unavailable", Wait),
            Self::RegistrationRequired => ("registration-required", Auth),
            Self::RemoteServerNotFound => ("remote-server-not-found", Cancel),
            Self::RemoteServerTimeout => ("remote-server-timeout", Wait),
            Self::ResourceConstraint => ("resource-constraint", Wait),
            Self::ServiceUnavailable => ("service-unavailable", Cancel),
            Self::SubscriptionRequired => ("subscription-required", Auth),
            Self::UndefinedCondition => ("undefined-condition", Cancel),
            Self::UnexpectedRequest => ("unexpected-request", Wait),
        }
    }
}

impl ErrorType {
    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cancel => "cancel",
            Self::Continue => "continue",
            Self::Modify => "modify",
            Self::Wait => "wait",
        }
    }
}

/// `<error/>` with the condition's usual type, an optional text and further conditions as written XML.
pub fn error_element(condition: Condition, text: Option<&str>, specific: &str) -> String {
    let (name, type_) = condition.name_and_type();
    let mut error = Xml::new("error")
        .attr("type", type_.as_str())
        .child(Xml::in_namespace(name, STANZAS));
    if let Some(text) = text {
        error = error.child(Xml::in_namespace("text", STANZAS).text(text));
    }
    error.raw(specific).finish()
}

/// The error that answers a stanza: from whom it was sent to, or from the own account when it had no `to`. `None` when
/// an error would be wrong, because the stanza is an answer itself.
pub fn error_reply(stanza: &Stanza, condition: Condition) -> Option<Bytes> {
    error_reply_with(stanza, &error_element(condition, None, ""))
}

/// Like [`error_reply`], with an `<error/>` made by [`error_element`].
pub fn error_reply_with(stanza: &Stanza, error: &str) -> Option<Bytes> {
    if stanza.is_answer() {
        return None;
    }
    Some(answer(stanza, "error").raw(error).finish().into())
}

/// The result that answers an iq; the payload is XML, empty for none.
pub fn iq_result(stanza: &Stanza, payload: &str) -> Bytes {
    let result = answer(stanza, "result");
    if payload.is_empty() {
        return result.finish().into();
    }
    result.raw(payload).finish().into()
}

fn answer(stanza: &Stanza, type_: &str) -> Xml {
    let own = Jid::from(stanza.from.to_bare());
    let from = stanza.to.as_ref().unwrap_or(&own);
    Xml::new(stanza.kind.name())
        .attr("type", type_)
        .maybe("id", stanza.id.as_deref())
        .attr("from", from.as_str())
        .attr("to", stanza.from.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alice() -> Jid {
        Jid::new("alice@zone.example/phone").unwrap()
    }

    #[test]
    fn from_is_stamped_and_nothing_else_changes() {
        let frame = b"<message  to='bob@zone.example' xmlns='jabber:client' from=\"eve@x\" type='chat' xml:lang='en'><body>a &amp; b</body><x:y xmlns:x='urn:x'/></message>";
        let stanza = Stanza::parse(frame, &alice()).unwrap();
        assert_eq!(
            std::str::from_utf8(&stanza.bytes).unwrap(),
            "<message from='alice@zone.example/phone'  to='bob@zone.example' type='chat' xml:lang='en'><body>a &amp; b</body><x:y xmlns:x='urn:x'/></message>"
        );
        assert_eq!(
            stanza.to.as_ref().map(Jid::as_str),
            Some("bob@zone.example")
        );
        assert_eq!(stanza.type_.as_deref(), Some("chat"));
    }

    #[test]
    fn what_is_no_stanza_is_refused() {
        for (frame, expect) in [
            ("<auth/>", NoStanza::Unsupported),
            ("<message xmlns='urn:x'/>", NoStanza::Unsupported),
            (
                "<c:message xmlns:c='jabber:client'/>",
                NoStanza::Unsupported,
            ),
            ("<message to='@'/>", NoStanza::To),
            ("<iq type='get'/>", NoStanza::BadIq),
            ("<iq id='1' type='do'/>", NoStanza::BadIq),
        ] {
            assert_eq!(
                Stanza::parse(frame.as_bytes(), &alice()),
                Err(expect),
                "{frame}"
            );
        }
        assert_eq!(Stanza::from_peer(b"<message/>"), Err(NoStanza::From));
    }

    #[test]
    fn answers_go_back_to_who_asked() {
        let iq =
            b"<iq id='1&apos;' type='get' to='zone.example'><ping xmlns='urn:xmpp:ping'/></iq>";
        let stanza = Stanza::parse(iq, &alice()).unwrap();
        assert_eq!(stanza.payload().unwrap().name(), "ping");
        let reply = Stanza::from_peer(&iq_result(&stanza, "")).unwrap();
        assert_eq!(reply.to, Some(alice()));
        assert_eq!(reply.id, stanza.id);
        let error = error_reply(&stanza, Condition::ServiceUnavailable).unwrap();
        let error = Stanza::from_peer(&error).unwrap();
        assert!(error.child("error", None).is_some());
        assert_eq!(error_reply(&error, Condition::BadRequest), None);
    }

    #[test]
    fn a_child_is_added_at_the_end_and_taken_out_again() {
        let id = "<stanza-id xmlns='urn:xmpp:sid:0' by='a@b' id='1'/>";
        for carried in [
            "<message from='a@b'/>",
            "<message from='a@b'><body>x</body> </message>",
        ] {
            let added = with_child(carried.as_bytes(), id);
            assert!(
                std::str::from_utf8(&added)
                    .unwrap()
                    .ends_with(&format!("{id}</message>"))
            );
            let removed = without_children(&added, |c| c.is("stanza-id", Some("urn:xmpp:sid:0")));
            let expect = carried.replace("<message from='a@b'/>", "<message from='a@b'></message>");
            assert_eq!(removed, expect);
        }
    }

    proptest! {
        #[test]
        fn the_payload_arrives_byte_for_byte(text in "[^<&\\p{C}]{0,40}", from in "\\PC{0,9}", space in " {0,3}") {
            let mut escaped = String::new();
            crate::xml::escape_attribute(&from, &mut escaped);
            let inner = format!("<x xmlns='urn:x' a='1'{space}>{text}</x>{text}");
            let frame = format!("<message{space} from='{escaped}'{space}>{inner}</message{space}>");
            let stanza = Stanza::parse(frame.as_bytes(), &alice()).unwrap();
            let carried = std::str::from_utf8(&stanza.bytes).unwrap();
            let tail = format!("{inner}</message{space}>");
            prop_assert!(carried.ends_with(&tail));
            prop_assert_eq!(&Stanza::from_peer(&stanza.bytes).unwrap().from, &alice());
        }

        #[test]
        fn another_recipient_changes_only_to(to in prop::option::of("[a-z]{1,5}@[a-z]{1,5}")) {
            let written = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
            let frame = format!("<message{written}><body/></message>");
            let next = with_to(frame.as_bytes(), &Jid::new("bob@b").unwrap()).unwrap();
            prop_assert_eq!(next, "<message to='bob@b'><body/></message>");
        }
    }
}
