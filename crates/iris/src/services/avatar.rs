//! Avatars (XEP-0084 1.1.4) and their older form in vcards and presence (XEP-0153 1.1), kept the same by the server
//! (XEP-0398 1.0). The personal eventing nodes are the only place where an avatar is stored; the vcard's photo and the hash in
//! presence are views of them.

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use jid::BareJid;
use minidom::Element;
use sha1::{Digest, Sha1};

use super::pep::{self, node::Access};
use super::refusal::Refusal;
use super::{ns, presence};
use crate::outcome::{Context, Outcome};
use crate::stanza::{Condition, with_child, without_children};
use crate::xml::{Child, Xml};

/// A picture as vcards carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Photo {
    pub(crate) type_: String,
    pub(crate) base64: String,
}

/// What the server adds to presence: the hash of the avatar, if everybody who sees the presence may see the avatar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addition(Option<String>);

impl Addition {
    /// The hash that stands in the account's metadata.
    ///
    /// # Errors
    /// The store cannot answer.
    pub(crate) fn of(ctx: &Context<'_>, account: &BareJid) -> Result<Self, Refusal> {
        let Some(config) = pep::config(ctx, account, ns::AVATAR_METADATA)? else {
            return Ok(Self(None));
        };
        if !matches!(config.access, Access::Open | Access::Presence) {
            return Ok(Self(None));
        }
        Ok(Self(Some(
            metadata(ctx, account)?
                .map(|(hash, _)| hash)
                .unwrap_or_default(),
        )))
    }

    /// Presence with the hash, instead of what the client says of a photo.
    pub(crate) fn to(&self, presence: &Bytes) -> Bytes {
        let Self(Some(hash)) = self else {
            return presence.clone();
        };
        let is_update = |child: &Child<'_>| child.is("x", Some(ns::VCARD_UPDATE));
        let update = Xml::in_namespace("x", ns::VCARD_UPDATE).child(Xml::new("photo").text(hash));
        with_child(&without_children(presence, is_update), &update.finish())
    }
}

/// The presence of a device that is there, with what the server adds to it.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn stamped(
    ctx: &Context<'_>,
    account: &BareJid,
    presence: &Bytes,
) -> Result<Bytes, Refusal> {
    Ok(Addition::of(ctx, account)?.to(presence))
}

/// The avatar as `viewer` may see it.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn photo(
    ctx: &Context<'_>,
    account: &BareJid,
    viewer: &BareJid,
) -> Result<Option<Photo>, Refusal> {
    for node in [ns::AVATAR_METADATA, ns::AVATAR_DATA] {
        let config = pep::config(ctx, account, node)?;
        match config {
            Some(config) if pep::may_read(ctx, account, &config, viewer)? => {}
            _ => return Ok(None),
        }
    }
    let Some((hash, type_)) = metadata(ctx, account)? else {
        return Ok(None);
    };
    let Some(data) = pep::item(ctx, account, ns::AVATAR_DATA, &hash)? else {
        return Ok(None);
    };
    let data: Element = data
        .payload
        .parse()
        .map_err(|_| Condition::InternalServerError)?;
    let base64 = data.text().split_whitespace().collect();
    Ok(Some(Photo { type_, base64 }))
}

/// The photo of a vcard becomes the avatar; none takes it away.
///
/// # Errors
/// The picture is not base64, or the store cannot answer.
pub(crate) fn publish(
    ctx: &Context<'_>,
    account: &BareJid,
    photo: Option<&Photo>,
) -> Result<Outcome, Refusal> {
    let known = metadata(ctx, account)?;
    let Some(photo) = photo else {
        if known.is_none() {
            return Ok(Outcome::nothing());
        }
        let empty = Xml::in_namespace("metadata", ns::AVATAR_METADATA).finish();
        return pep::publish_one(ctx, account, ns::AVATAR_METADATA, "none", empty);
    };
    let bytes = BASE64
        .decode(photo.base64.as_bytes())
        .map_err(|_| Condition::BadRequest)?;
    let hash = HEXLOWER.encode(&Sha1::digest(&bytes));
    if known.is_some_and(|(known, _)| known == hash) {
        return Ok(Outcome::nothing());
    }
    let data = Xml::in_namespace("data", ns::AVATAR_DATA)
        .text(&photo.base64)
        .finish();
    let info = Xml::new("info")
        .attr("id", &hash)
        .attr("bytes", &bytes.len().to_string())
        .attr("type", &photo.type_);
    let metadata = Xml::in_namespace("metadata", ns::AVATAR_METADATA)
        .child(info)
        .finish();
    Ok(
        pep::publish_one(ctx, account, ns::AVATAR_DATA, &hash, data)?.and(pep::publish_one(
            ctx,
            account,
            ns::AVATAR_METADATA,
            &hash,
            metadata,
        )?),
    )
}

/// After a publication of metadata, contacts see the hash in presence too.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn announced(
    ctx: &Context<'_>,
    account: &BareJid,
    access: Access,
    payload: &str,
) -> Result<Outcome, Refusal> {
    if !matches!(access, Access::Open | Access::Presence) {
        return Ok(Outcome::nothing());
    }
    let hash = read_metadata(payload)
        .map(|(hash, _)| hash)
        .unwrap_or_default();
    Ok(Outcome {
        send: presence::shown_again(ctx, account, &Addition(Some(hash)))?,
        ..Outcome::nothing()
    })
}

/// Hash and type of the newest avatar.
fn metadata(ctx: &Context<'_>, account: &BareJid) -> Result<Option<(String, String)>, Refusal> {
    let newest = pep::newest(ctx, account, ns::AVATAR_METADATA)?;
    Ok(newest.and_then(|(_, item)| read_metadata(&item.payload)))
}

fn read_metadata(payload: &str) -> Option<(String, String)> {
    let metadata: Element = payload.parse().ok()?;
    let info = metadata.get_child("info", ns::AVATAR_METADATA)?;
    let type_ = info.attr("type").unwrap_or("image/png");
    Some((info.attr("id")?.to_owned(), type_.to_owned()))
}
