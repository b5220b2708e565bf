//! The United Nations Security Council Consolidated List (XML).
//!
//! Source: the list's own schema, `sc-sanctions.xsd`. The reader resolves no entities beyond the
//! five that XML predefines, refuses a document type, and has limits on size, depth and text.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{ImportError, check_size};
use crate::{
    PartyKind,
    list::{
        BirthDate, Entry, Identifier, List, ListHeader, ListedName, NameQuality, TEXT_BYTES_MAX,
    },
};

const DEPTH_MAX: usize = 16;
/// Comments are the longest texts; the longest of 2026 has 5,200 bytes.
const COMMENT_BYTES_MAX: usize = 16 * TEXT_BYTES_MAX;

/// Imports the list; its version and day are the document's `dateGenerated`.
///
/// # Errors
/// The byte offset and rule of the first fault, or the entry and field.
pub fn import(bytes: &[u8], name: &str) -> Result<List, ImportError> {
    check_size("list", bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::Xml {
        offset: error.valid_up_to() as u64,
        rule: "is not UTF-8",
    })?;
    let mut parser = Parser {
        reader: Reader::from_str(text),
        depth: 0,
    };
    let root = parser.root()?;
    let generated = root.attribute("dateGenerated").ok_or(ImportError::Xml {
        offset: 0,
        rule: "the root element has no dateGenerated",
    })?;
    let published =
        generated
            .get(..10)
            .and_then(|day| day.parse().ok())
            .ok_or(ImportError::Xml {
                offset: 0,
                rule: "dateGenerated does not begin with a date",
            })?;
    let version = generated.to_owned();
    let mut entries = Vec::new();
    for group in &root.children {
        let kind = match group.name.as_str() {
            "INDIVIDUALS" => PartyKind::Person,
            "ENTITIES" => PartyKind::Company,
            _ => continue,
        };
        for node in &group.children {
            entries.push(entry(node, kind)?);
        }
    }
    List::new(
        ListHeader {
            name: name.to_owned(),
            version,
            published,
        },
        entries,
    )
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
    offset: u64,
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first such child, blanks collapsed; nothing if empty.
    fn text_of(&self, name: &str) -> Option<String> {
        self.all(name)
            .map(Node::plain)
            .find(|text| !text.is_empty())
    }

    fn plain(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, rule: &'static str) -> ImportError {
        ImportError::Xml {
            offset: self.reader.buffer_position(),
            rule,
        }
    }

    fn next(&mut self) -> Result<Event<'static>, ImportError> {
        match self.reader.read_event() {
            Ok(Event::DocType(_)) => Err(self.error("a document type is not allowed")),
            Ok(event) => Ok(event.into_owned()),
            Err(_) => Err(self.error("is not well-formed XML")),
        }
    }

    fn root(&mut self) -> Result<Node, ImportError> {
        loop {
            match self.next()? {
                Event::Start(start) => {
                    let root = self.element(&start)?;
                    return if root.name == "CONSOLIDATED_LIST" {
                        self.end(root)
                    } else {
                        Err(self.error("the root element is not CONSOLIDATED_LIST"))
                    };
                }
                Event::Eof => return Err(self.error("the document has no root element")),
                Event::Empty(_) => return Err(self.error("the root element is empty")),
                _ => {}
            }
        }
    }

    fn end(&mut self, root: Node) -> Result<Node, ImportError> {
        loop {
            match self.next()? {
                Event::Eof => return Ok(root),
                Event::Comment(_) => {}
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                _ => return Err(self.error("something follows the root element")),
            }
        }
    }

    fn element(&mut self, start: &BytesStart<'_>) -> Result<Node, ImportError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("elements are nested too deeply"));
        }
        let mut node = self.opened(start)?;
        loop {
            match self.next()? {
                Event::Start(start) => node.children.push(self.element(&start)?),
                Event::Empty(start) => node.children.push(self.opened(&start)?),
                Event::End(_) => break,
                Event::Text(text) => node.text.push_str(&text),
                Event::CData(text) => node.text.push_str(&text),
                Event::GeneralRef(reference) => node.text.push(self.reference(&reference)?),
                Event::Eof => return Err(self.error("the document ends within an element")),
                _ => {}
            }
            if node.text.len() > COMMENT_BYTES_MAX {
                return Err(self.error("a text is too long"));
            }
        }
        self.depth -= 1;
        Ok(node)
    }

    fn opened(&self, start: &BytesStart<'_>) -> Result<Node, ImportError> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| self.error("an attribute is malformed"))?;
            attributes.push((
                attribute.key.as_ref().to_owned(),
                attribute.value.into_owned(),
            ));
        }
        let name = start.name().as_ref().to_owned();
        Ok(Node {
            name,
            attributes,
            offset: self.reader.buffer_position(),
            ..Node::default()
        })
    }

    fn reference(&self, reference: &quick_xml::events::BytesRef<'_>) -> Result<char, ImportError> {
        if let Ok(Some(c)) = reference.resolve_char_ref() {
            return Ok(c);
        }
        match &**reference {
            "amp" => Ok('&'),
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ => Err(self.error("an entity is not one of the five of XML")),
        }
    }
}

fn entry(node: &Node, kind: PartyKind) -> Result<Entry, ImportError> {
    let missing = |rule| ImportError::Xml {
        offset: node.offset,
        rule,
    };
    let id = node
        .text_of("DATAID")
        .ok_or_else(|| missing("an entry has no DATAID"))?;
    let parts = ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"];
    let name = parts
        .iter()
        .filter_map(|part| node.text_of(part))
        .collect::<Vec<_>>()
        .join(" ");
    if name.is_empty() {
        return Err(missing("an entry has no name"));
    }
    let mut entry = Entry::named(id, kind, name);
    if let Some(text) = node.text_of("NAME_ORIGINAL_SCRIPT") {
        push_name(&mut entry, text, NameQuality::Alias);
    }
    for alias in node
        .children
        .iter()
        .filter(|child| child.name.ends_with("_ALIAS"))
    {
        read_alias(&mut entry, alias);
    }
    for birth in node.all("INDIVIDUAL_DATE_OF_BIRTH") {
        entry.births.extend(birth_date(birth).map_err(missing)?);
    }
    for place in node.all("INDIVIDUAL_PLACE_OF_BIRTH") {
        let parts: Vec<String> = place
            .children
            .iter()
            .map(Node::plain)
            .filter(|part| !part.is_empty())
            .collect();
        if !parts.is_empty() {
            entry.birth_places.push(parts.join(", "));
        }
    }
    entry.gender = node.text_of("GENDER");
    entry.programs = [
        node.text_of("UN_LIST_TYPE"),
        node.text_of("REFERENCE_NUMBER"),
    ]
    .into_iter()
    .flatten()
    .collect();
    entry.countries = countries(node);
    entry.identifiers = node
        .all("INDIVIDUAL_DOCUMENT")
        .filter_map(document)
        .collect();
    Ok(entry)
}

/// A field with several aliases separates them by semicolons.
fn read_alias(entry: &mut Entry, alias: &Node) {
    let quality = match alias.text_of("QUALITY").as_deref() {
        Some("Low") => NameQuality::Weak,
        _ => NameQuality::Alias,
    };
    for name in ["ALIAS_NAME", "NAME_ORIGINAL_SCRIPT"]
        .iter()
        .filter_map(|n| alias.text_of(n))
    {
        for one in name.split(';').map(str::trim).filter(|one| !one.is_empty()) {
            push_name(entry, one.to_owned(), quality);
        }
    }
}

fn push_name(entry: &mut Entry, text: String, quality: NameQuality) {
    if !entry.names.iter().any(|name| name.text == text) {
        entry.names.push(ListedName { text, quality });
    }
}

fn birth_date(node: &Node) -> Result<Option<BirthDate>, &'static str> {
    let year = |name: &str| -> Result<Option<i16>, &'static str> {
        node.text_of(name)
            .map(|text| text.parse().map_err(|_| "a year of birth is not a number"))
            .transpose()
    };
    let approximate = node.text_of("TYPE_OF_DATE").as_deref() == Some("APPROXIMATELY");
    let found = if let Some(date) = node.text_of("DATE") {
        let day = date.get(..10).unwrap_or(&date);
        Some(BirthDate::parse(day).ok_or("a date of birth is not a date")?)
    } else if let (Some(from), Some(to)) = (year("FROM_YEAR")?, year("TO_YEAR")?) {
        Some(BirthDate::years(from, to))
    } else {
        year("YEAR")?.map(|year| BirthDate::years(year, year))
    };
    Ok(found.map(|birth| match approximate {
        true => BirthDate::years(birth.year_min - 1, birth.year_max + 1),
        false => birth,
    }))
}

fn countries(node: &Node) -> Vec<String> {
    let nationalities = node
        .all("NATIONALITY")
        .flat_map(|n| n.all("VALUE"))
        .map(Node::plain);
    let addresses = node
        .children
        .iter()
        .filter(|child| child.name.ends_with("_ADDRESS"))
        .filter_map(|address| address.text_of("COUNTRY"));
    let mut out: Vec<String> = Vec::new();
    for country in nationalities.chain(addresses) {
        if !country.is_empty() && !out.contains(&country) {
            out.push(country);
        }
    }
    out
}

fn document(node: &Node) -> Option<Identifier> {
    let value = node.text_of("NUMBER")?;
    let kind = node
        .text_of("TYPE_OF_DOCUMENT")
        .or_else(|| node.text_of("TYPE_OF_DOCUMENT2"));
    Some(Identifier {
        kind: kind.unwrap_or_else(|| "Document".to_owned()),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(body: &str) -> Result<List, ImportError> {
        let text = format!(
            "<CONSOLIDATED_LIST dateGenerated=\"2026-01-02T00:00:09Z\"><INDIVIDUALS>{body}\
             </INDIVIDUALS></CONSOLIDATED_LIST>"
        );
        import(text.as_bytes(), "un")
    }

    const ONE: &str =
        "<INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>A &amp; B</FIRST_NAME></INDIVIDUAL>";

    #[test]
    fn predefined_entities_are_read_and_others_refused() {
        let read = list(ONE).unwrap();
        assert_eq!(
            read.entries()[0].names,
            [ListedName {
                text: "A & B".to_owned(),
                quality: NameQuality::Primary
            }]
        );
        assert!(list(&ONE.replace("&amp;", "&xxe;")).is_err());
    }

    #[test]
    fn a_document_type_is_refused() {
        let text = "<!DOCTYPE x [<!ENTITY a \"b\">]><CONSOLIDATED_LIST/>";
        let refused = import(text.as_bytes(), "un").unwrap_err();
        assert!(matches!(
            refused,
            ImportError::Xml {
                rule: "a document type is not allowed",
                ..
            }
        ));
    }

    #[test]
    fn nesting_is_limited_and_a_cut_document_is_refused() {
        assert!(list(&"<A>".repeat(100)).is_err());
        assert!(list(&ONE[..40]).is_err());
    }
}
