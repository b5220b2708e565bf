//! Which elements are open and which prefixes are bound (Namespaces in XML 1.0).

use std::collections::BTreeSet;

use crate::xml::Malformed;
use crate::xml::tag::{Attribute, Shape, Tag};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The open elements of one frame.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Names of open elements, one after the other.
    open: String,
    /// Where each starts in `open`.
    starts: Vec<usize>,
    /// Prefixes bound inside the frame: at which depth, prefix, namespace.
    bound: Vec<(usize, Box<str>, Box<str>)>,
    /// Places in the header's list of prefixes that the frame uses.
    inherited: BTreeSet<usize>,
}

/// Where a prefix is bound.
enum Binding<'a> {
    Here(&'a str),
    Header(usize),
}

impl Names {
    pub(super) fn depth(&self) -> usize {
        self.starts.len()
    }

    /// Checks an opening or empty tag and enters it if it is opening.
    pub(super) fn open(
        &mut self,
        tag: &Tag<'_>,
        header: &[(String, String)],
    ) -> Result<(), Malformed> {
        let depth = self.depth() + 1;
        for attribute in &tag.attributes {
            self.declare(attribute, depth)?;
        }
        self.check(tag, header)?;
        if tag.shape == Shape::Open {
            self.starts.push(self.open.len());
            self.open.push_str(tag.name);
        } else {
            self.forget(depth);
        }
        Ok(())
    }

    /// Leaves the innermost element.
    pub(super) fn close(&mut self, name: &str) -> Result<(), Malformed> {
        let start = self.starts.pop().ok_or(Malformed::NotWellFormed)?;
        if &self.open[start..] != name {
            return Err(Malformed::NotWellFormed);
        }
        self.open.truncate(start);
        self.forget(self.depth() + 1);
        Ok(())
    }

    /// Which of the header's prefixes the frame used; empties the list for the next frame.
    pub(super) fn take_inherited(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.inherited)
    }

    fn forget(&mut self, depth: usize) {
        while self.bound.last().is_some_and(|(at, ..)| *at >= depth) {
            self.bound.pop();
        }
    }

    fn declare(&mut self, attribute: &Attribute<'_>, depth: usize) -> Result<(), Malformed> {
        let Some(prefix) = attribute.declares() else {
            return Ok(());
        };
        let namespace = attribute.value();
        let is_legal = match (prefix, &*namespace) {
            ("xmlns", _) | (_, XMLNS) => false,
            ("xml", namespace) => namespace == XML,
            (_, XML) => false,
            ("", _) => true,
            (_, namespace) => !namespace.is_empty(),
        };
        if !is_legal {
            return Err(Malformed::NotWellFormed);
        }
        if !prefix.is_empty() {
            self.bound
                .push((depth, prefix.into(), namespace.as_ref().into()));
        }
        Ok(())
    }

    fn find(&self, prefix: &str, header: &[(String, String)]) -> Result<Binding<'_>, Malformed> {
        if prefix == "xml" {
            return Ok(Binding::Here(XML));
        }
        if let Some((.., namespace)) = self.bound.iter().rev().find(|(_, p, _)| **p == *prefix) {
            return Ok(Binding::Here(namespace));
        }
        header
            .iter()
            .position(|(p, _)| p == prefix)
            .map(Binding::Header)
            .ok_or(Malformed::UnboundPrefix)
    }

    /// Every prefix is bound, and no two attributes have the same expanded name.
    fn check(&mut self, tag: &Tag<'_>, header: &[(String, String)]) -> Result<(), Malformed> {
        let mut used = Vec::new();
        let mut expanded: Vec<(&str, &str)> = Vec::new();
        if let Some(prefix) = tag.prefix
            && let Binding::Header(index) = self.find(prefix, header)?
        {
            used.push(index);
        }
        for attribute in tag.attributes.iter().filter(|a| a.declares().is_none()) {
            let Some(prefix) = attribute.prefix else {
                continue;
            };
            let namespace = match self.find(prefix, header)? {
                Binding::Here(namespace) => namespace,
                Binding::Header(index) => {
                    used.push(index);
                    &header[index].1
                }
            };
            if expanded.contains(&(namespace, attribute.local)) {
                return Err(Malformed::NotWellFormed);
            }
            expanded.push((namespace, attribute.local));
        }
        self.inherited.extend(used);
        Ok(())
    }
}
