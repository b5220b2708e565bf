//! Why a request is refused, and the stanza error that says so (RFC 6120 8.3).

use super::ns;
use crate::documents::Unavailable;
use crate::stanza::{Condition, error_element};
use crate::xml::Xml;

/// What a protocol adds to a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The caller blocked the address it writes to (XEP-0191 3.5).
    Blocked,
    /// An element of publish-subscribe errors (XEP-0060 20.3), by name.
    PubSub(&'static str),
    /// The feature that is lacking (XEP-0060 `unsupported`), by name.
    PubSubUnsupported(&'static str),
    /// The largest file, in bytes (XEP-0363 5).
    FileTooLarge(u64),
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    condition: Condition,
    detail: Option<Detail>,
}

impl Refusal {
    /// A condition with something added.
    pub(crate) fn with(condition: Condition, detail: Detail) -> Self {
        Self {
            condition,
            detail: Some(detail),
        }
    }

    /// The condition alone.
    pub(crate) fn condition(&self) -> Condition {
        self.condition
    }

    /// The `<error/>` element.
    pub(crate) fn element(&self) -> String {
        let specific = self.detail.as_ref().map(|detail| specific(detail).finish());
        error_element(
            self.condition,
            None,
            specific.as_deref().unwrap_or_default(),
        )
    }
}

impl From<Condition> for Refusal {
    fn from(condition: Condition) -> Self {
        Self {
            condition,
            detail: None,
        }
    }
}

impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Condition::InternalServerError.into()
    }
}

fn specific(detail: &Detail) -> Xml {
    match detail {
        Detail::Blocked => Xml::in_namespace("blocked", ns::BLOCKING_ERRORS),
        Detail::PubSub(name) => Xml::in_namespace(name, ns::PUBSUB_ERRORS),
        Detail::PubSubUnsupported(feature) => {
            Xml::in_namespace("unsupported", ns::PUBSUB_ERRORS).attr("feature", feature)
        }
        Detail::FileTooLarge(max) => Xml::in_namespace("file-too-large", ns::UPLOAD)
            .child(Xml::new("max-file-size").text(&max.to_string())),
    }
}
