//! Writing XML: every text is escaped, every element is closed.

use super::{escape_attribute, escape_text};

/// An element being written.
#[derive(Clone, Debug)]
pub struct Xml {
    out: String,
    name: &'static str,
    is_open: bool,
}

impl Xml {
    /// Starts `<name`.
    pub fn new(name: &'static str) -> Self {
        Self {
            out: format!("<{name}"),
            name,
            is_open: false,
        }
    }

    /// Starts `<name xmlns='namespace'`.
    pub fn in_namespace(name: &'static str, namespace: &str) -> Self {
        Self::new(name).attr("xmlns", namespace)
    }

    /// Adds an attribute. Attributes come before content.
    #[must_use]
    pub fn attr(mut self, name: &str, value: &str) -> Self {
        debug_assert!(!self.is_open, "attributes come before content");
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("='");
        escape_attribute(value, &mut self.out);
        self.out.push('\'');
        self
    }

    /// Adds an attribute if there is a value.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Adds text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.open();
        escape_text(text, &mut self.out);
        self
    }

    /// Adds a child.
    #[must_use]
    pub fn child(self, child: Self) -> Self {
        self.raw(&child.finish())
    }

    /// Adds children.
    #[must_use]
    pub fn children(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// Adds well-formed XML as it is.
    #[must_use]
    pub fn raw(mut self, xml: &str) -> Self {
        self.open();
        self.out.push_str(xml);
        self
    }

    fn open(&mut self) {
        if !self.is_open {
            self.out.push('>');
            self.is_open = true;
        }
    }

    /// Closes the element.
    pub fn finish(mut self) -> String {
        if self.is_open {
            self.out.push_str("</");
            self.out.push_str(self.name);
            self.out.push('>');
        } else {
            self.out.push_str("/>");
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out() {
        let xml = Xml::in_namespace("a", "urn:x'")
            .maybe("b", None)
            .attr("c", "'/><d")
            .child(Xml::new("e"))
            .text("</a>")
            .finish();
        assert_eq!(
            xml,
            "<a xmlns='urn:x&apos;' c='&apos;/&gt;&lt;d'><e/>&lt;/a&gt;</a>"
        );
    }
}
