//! Electronic business cards in their older form (XEP-0054 1.2). The photo is the avatar (see `avatar`).

use jid::BareJid;
use minidom::Element;
use serde::{Deserialize, Serialize};

use super::avatar::{self, Photo};
use super::refusal::Refusal;
use super::request::{Owner, Request};
use super::{ns, stored};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;

/// The longest card without its photo, in bytes.
const CARD_BYTES_MAX: usize = 64 * 1024;

/// A card as stored: the children of `<vCard/>` other than the photo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Card {
    fields: Vec<String>,
}

/// The owner reads or replaces the card.
///
/// # Errors
/// The card is too long, or its photo is no picture.
pub(crate) fn own(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    if !request.payload.is("vCard", ns::VCARD) {
        return Err(Condition::BadRequest.into());
    }
    if !request.is_set {
        let card = written(ctx, &owner.account, &owner.account)?;
        return Ok(request.result(
            ctx,
            card.unwrap_or_else(|| Xml::in_namespace("vCard", ns::VCARD)),
        ));
    }
    let is_photo = |child: &&Element| child.is("PHOTO", ns::VCARD);
    let photo = request.payload.children().find(is_photo).and_then(photo_of);
    let fields: Vec<String> = request
        .payload
        .children()
        .filter(|child| !is_photo(child))
        .map(String::from)
        .collect();
    if fields.iter().map(String::len).sum::<usize>() > CARD_BYTES_MAX {
        return Err(Condition::PolicyViolation.into());
    }
    let mut outcome = request.done(ctx);
    outcome.writes.push(stored::put(
        Collection::Vcard,
        &owner.account,
        "",
        &Card { fields },
    ));
    Ok(outcome.and(avatar::publish(ctx, &owner.account, photo.as_ref())?))
}

/// Somebody else reads the card.
///
/// # Errors
/// There is none.
pub(crate) fn read(
    ctx: &Context<'_>,
    account: &BareJid,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let viewer = request.stanza.from.to_bare();
    let card = written(ctx, account, &viewer)?.ok_or(Condition::ItemNotFound)?;
    Ok(request.result(ctx, card))
}

fn written(ctx: &Context<'_>, account: &BareJid, viewer: &BareJid) -> Result<Option<Xml>, Refusal> {
    let card: Option<Card> = stored::read(ctx, Collection::Vcard, account, "")?;
    let photo = avatar::photo(ctx, account, viewer)?;
    if card.is_none() && photo.is_none() {
        return Ok(None);
    }
    let fields = card.unwrap_or_default().fields;
    let card = fields
        .iter()
        .fold(Xml::in_namespace("vCard", ns::VCARD), |card, field| {
            card.raw(field)
        });
    Ok(Some(card.children(photo.map(|photo| {
        Xml::new("PHOTO")
            .child(Xml::new("TYPE").text(&photo.type_))
            .child(Xml::new("BINVAL").text(&photo.base64))
    }))))
}

fn photo_of(photo: &Element) -> Option<Photo> {
    let text = |name| photo.get_child(name, ns::VCARD).map(Element::text);
    let base64: String = text("BINVAL")?.split_whitespace().collect();
    (!base64.is_empty()).then(|| Photo {
        type_: text("TYPE").unwrap_or_else(|| "image/png".to_owned()),
        base64,
    })
}
