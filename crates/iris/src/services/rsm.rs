//! Paging of results (XEP-0059 1.0).

use minidom::Element;

use super::ns;
use super::refusal::Refusal;
use crate::stanza::Condition;
use crate::xml::Xml;

/// Which page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// At most this many.
    pub(crate) max: Option<usize>,
    /// Only what follows this item.
    pub(crate) after: Option<String>,
    /// What precedes an item, or the last page of all when the item is empty.
    pub(crate) before: Option<String>,
}

impl Asked {
    /// Reads the `<set/>` in `parent`; without one, the first page.
    ///
    /// # Errors
    /// `max` is no number.
    pub(crate) fn child_of(parent: &Element) -> Result<Self, Refusal> {
        let Some(set) = parent.get_child("set", ns::RSM) else {
            return Ok(Self::default());
        };
        let text = |name| set.get_child(name, ns::RSM).map(Element::text);
        let max = match text("max") {
            Some(max) => Some(max.trim().parse().map_err(|_| Condition::BadRequest)?),
            None => None,
        };
        Ok(Self {
            max,
            after: text("after").filter(|id| !id.is_empty()),
            before: text("before"),
        })
    }
}

/// `<set/>` of a page: its first and last item, if it has any, and how many there are in all, if that is known.
pub(crate) fn page(ends: Option<(&str, &str)>, count: Option<usize>) -> Xml {
    let set = Xml::in_namespace("set", ns::RSM);
    let set = match ends {
        Some((first, last)) => set
            .child(Xml::new("first").text(first))
            .child(Xml::new("last").text(last)),
        None => set,
    };
    set.children(count.map(|count| Xml::new("count").text(&count.to_string())))
}
