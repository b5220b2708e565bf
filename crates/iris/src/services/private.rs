//! Private XML storage (XEP-0049 1.2): one element of each name and namespace. Bookmarks are kept elsewhere
//! (see `bookmarks`).

use minidom::Element;

use super::refusal::Refusal;
use super::request::{Owner, Request};
use super::{bookmarks, ns, stored};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;

/// The longest element, in bytes.
const ELEMENT_BYTES_MAX: usize = 64 * 1024;
/// The most elements of an account.
const ELEMENTS_MAX: usize = 256;

/// Reads or replaces elements.
///
/// # Errors
/// The request names none, or they are too long or too many.
pub(crate) fn handle(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let elements: Vec<&Element> = request.payload.children().collect();
    if elements.is_empty() || !request.payload.is("query", ns::PRIVATE) {
        return Err(Condition::BadRequest.into());
    }
    if request.is_set {
        set(ctx, owner, request, &elements)
    } else {
        get(ctx, owner, request, &elements)
    }
}

fn get(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    elements: &[&Element],
) -> Result<Outcome, Refusal> {
    let mut query = Xml::in_namespace("query", ns::PRIVATE);
    for element in elements {
        if element.is("storage", ns::BOOKMARKS_LEGACY) {
            query = query.child(bookmarks::storage(ctx, &owner.account)?);
            continue;
        }
        let stored: Option<String> =
            stored::read(ctx, Collection::Private, &owner.account, &name(element))?;
        // What was never stored reads as empty (XEP-0049 2.3).
        let empty = Element::bare(element.name(), element.ns());
        query = query.raw(&stored.unwrap_or_else(|| String::from(&empty)));
    }
    Ok(request.result(ctx, query))
}

fn set(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    elements: &[&Element],
) -> Result<Outcome, Refusal> {
    let count = stored::names(ctx, Collection::Private, &owner.account, "")?.len();
    if count + elements.len() > ELEMENTS_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    let mut outcome = request.done(ctx);
    for element in elements {
        if element.is("storage", ns::BOOKMARKS_LEGACY) {
            outcome = outcome.and(bookmarks::replace(ctx, &owner.account, element)?);
            continue;
        }
        let text = String::from(*element);
        if text.len() > ELEMENT_BYTES_MAX {
            return Err(Condition::PolicyViolation.into());
        }
        outcome.writes.push(stored::put(
            Collection::Private,
            &owner.account,
            name(element),
            &text,
        ));
    }
    Ok(outcome)
}

fn name(element: &Element) -> String {
    format!("{{{}}}{}", element.ns(), element.name())
}
