//! Data forms (XEP-0004 2.13), as far as the services read and write them: names and values.

use minidom::Element;

use super::ns;
use crate::xml::Xml;

/// A form that was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    fields: Vec<(String, Vec<String>)>,
}

impl Form {
    /// The form that is a child of `parent`, if there is one.
    pub(crate) fn child_of(parent: &Element) -> Option<Self> {
        parent.get_child("x", ns::DATA_FORMS).map(Self::read)
    }

    /// Reads `<x xmlns='jabber:x:data'/>`.
    pub(crate) fn read(form: &Element) -> Self {
        let fields = form
            .children()
            .filter(|child| child.is("field", ns::DATA_FORMS))
            .filter_map(|field| {
                let values = field
                    .children()
                    .filter(|child| child.is("value", ns::DATA_FORMS))
                    .map(Element::text)
                    .collect();
                Some((field.attr("var")?.to_owned(), values))
            })
            .collect();
        Self { fields }
    }

    /// The first value of a field.
    pub(crate) fn value(&self, var: &str) -> Option<&str> {
        self.values(var).first().map(String::as_str)
    }

    /// All values of a field.
    pub(crate) fn values(&self, var: &str) -> &[String] {
        self.fields
            .iter()
            .find(|(name, _)| name == var)
            .map(|(_, values)| values.as_slice())
            .unwrap_or_default()
    }

    /// Every field with its values.
    pub(crate) fn into_fields(self) -> Vec<(String, Vec<String>)> {
        self.fields
    }
}

/// `<x/>` of the given type with its `FORM_TYPE`.
pub(crate) fn submit(type_: &str, form_type: &str) -> Xml {
    Xml::in_namespace("x", ns::DATA_FORMS)
        .attr("type", type_)
        .child(
            Xml::new("field")
                .attr("var", "FORM_TYPE")
                .attr("type", "hidden")
                .child(Xml::new("value").text(form_type)),
        )
}

/// One field without a type.
pub(crate) fn field(var: &str, values: &[impl AsRef<str>]) -> Xml {
    values
        .iter()
        .fold(Xml::new("field").attr("var", var), |field, value| {
            field.child(Xml::new("value").text(value.as_ref()))
        })
}

/// One field with a type.
pub(crate) fn typed_field(var: &str, type_: &str, values: &[impl AsRef<str>]) -> Xml {
    values.iter().fold(
        Xml::new("field").attr("var", var).attr("type", type_),
        |field, value| field.child(Xml::new("value").text(value.as_ref())),
    )
}
