//! Bookmarks (XEP-0402 1.2): items of a personal eventing node. The older form in private storage (XEP-0048 1.2,
//! `urn:xmpp:bookmarks:1#compat`) is a view of them: what is stored there becomes items, and is read from them.

use jid::{BareJid, Jid};
use minidom::Element;

use super::refusal::Refusal;
use super::{ns, pep};
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;

/// The older form of the account's bookmarks.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn storage(ctx: &Context<'_>, account: &BareJid) -> Result<Xml, Refusal> {
    let mut storage = Xml::in_namespace("storage", ns::BOOKMARKS_LEGACY);
    for (room, item) in pep::newest_first(ctx, account, ns::BOOKMARKS)? {
        let Ok(bookmark) = item.payload.parse::<Element>() else {
            continue;
        };
        let text = |name: &'static str| {
            let child = bookmark.get_child(name, ns::BOOKMARKS);
            child.map(|child| Xml::new(name).text(&child.text()))
        };
        let conference = Xml::new("conference")
            .attr("jid", &room)
            .maybe("name", bookmark.attr("name"))
            .maybe("autojoin", bookmark.attr("autojoin"))
            .children(text("nick"))
            .children(text("password"));
        storage = storage.child(conference);
    }
    Ok(storage)
}

/// Makes the items say what the older form says. What only the items know, such as extensions, stays.
///
/// # Errors
/// A bookmark names no room.
pub(crate) fn replace(
    ctx: &Context<'_>,
    account: &BareJid,
    storage: &Element,
) -> Result<Outcome, Refusal> {
    let known = pep::newest_first(ctx, account, ns::BOOKMARKS)?;
    let mut rooms = Vec::new();
    let mut changed = Vec::new();
    let conferences = storage
        .children()
        .filter(|child| child.is("conference", ns::BOOKMARKS_LEGACY));
    for conference in conferences {
        let room = conference.attr("jid").ok_or(Condition::BadRequest)?;
        let room = Jid::new(room)
            .map_err(|_| Condition::JidMalformed)?
            .into_bare()
            .to_string();
        let before = known
            .iter()
            .find(|(id, _)| *id == room)
            .map(|(_, item)| item.payload.as_str());
        let bookmark = bookmark(conference, before);
        if before != Some(bookmark.as_str()) {
            changed.push((room.clone(), bookmark));
        }
        rooms.push(room);
    }
    let gone: Vec<String> = known
        .into_iter()
        .map(|(id, _)| id)
        .filter(|id| !rooms.contains(id))
        .collect();
    pep::publish_many(ctx, account, ns::BOOKMARKS, changed, &gone)
}

fn bookmark(conference: &Element, before: Option<&str>) -> String {
    let before: Option<Element> = before.and_then(|payload| payload.parse().ok());
    let text = |name: &'static str| {
        let child = conference.get_child(name, ns::BOOKMARKS_LEGACY);
        child.map(|child| Xml::new(name).text(&child.text()))
    };
    let is_autojoin = matches!(conference.attr("autojoin"), Some("1" | "true"));
    let extensions = before
        .as_ref()
        .and_then(|before| before.get_child("extensions", ns::BOOKMARKS));
    let bookmark = Xml::in_namespace("conference", ns::BOOKMARKS)
        .maybe("name", conference.attr("name"))
        .attr("autojoin", if is_autojoin { "true" } else { "false" })
        .children(text("nick"))
        .children(text("password"));
    let bookmark = match extensions {
        Some(extensions) => bookmark.raw(&String::from(extensions)),
        None => bookmark,
    };
    // Read and written once, so that it compares equal to what the store holds.
    let written = bookmark.finish();
    written
        .parse::<Element>()
        .map_or(written, |element| String::from(&element))
}
