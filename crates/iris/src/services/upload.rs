//! HTTP file upload (XEP-0363 1.2): slots. A slot is a document of who asked, so erasing the account erases what was
//! known about the file. Its name is 32 random bytes in hexadecimal; the HTTP side, which keeps the files, finds it by that.

use data_encoding::HEXLOWER;
use jid::BareJid;
use serde::{Deserialize, Serialize};

use super::refusal::{Detail, Refusal};
use super::request::Request;
use super::{asking_session, ns, stored};
use crate::authorize::Permit;
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;

/// How long a slot waits for its file, in milliseconds.
pub const SLOT_TTL_MS: i64 = 15 * 60_000;
/// The longest file name, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// The most slots of one account, used or not.
const SLOTS_MAX: usize = 4_096;

/// A slot: what may be put there once, and got until it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Who asked.
    pub account: BareJid,
    /// Last part of the URL, as the client called the file.
    pub file_name: String,
    /// Exactly this many bytes.
    pub size_bytes: u64,
    /// Media type to answer with.
    pub media_type: String,
    /// When the slot was given, in milliseconds since 1970; the file comes within [`SLOT_TTL_MS`].
    pub given_ms: i64,
    /// When the file ends, in milliseconds since 1970.
    pub expires_ms: i64,
}

impl Slot {
    /// Reads a stored document.
    ///
    /// # Errors
    /// It is not a slot.
    pub fn read(document: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(document)
    }
}

/// Gives a slot.
///
/// # Errors
/// The file is too large, or the caller is no session of this node.
pub(crate) fn slot(
    ctx: &Context<'_>,
    permit: &Permit,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let account = asking_session(permit)?.to_bare();
    if !request.payload.is("request", ns::UPLOAD) {
        return Err(Condition::BadRequest.into());
    }
    let file_name = request
        .payload
        .attr("filename")
        .ok_or(Condition::BadRequest)?;
    if file_name.is_empty()
        || file_name.len() > NAME_BYTES_MAX
        || file_name.contains(['/', '\\', '\0', '\n'])
    {
        return Err(Condition::NotAcceptable.into());
    }
    let size = request.payload.attr("size").ok_or(Condition::BadRequest)?;
    let size_bytes: u64 = size.parse().map_err(|_| Condition::BadRequest)?;
    let offers = &ctx.host.offers;
    if size_bytes > offers.upload_bytes_max {
        return Err(Refusal::with(
            Condition::NotAcceptable,
            Detail::FileTooLarge(offers.upload_bytes_max),
        ));
    }
    if size_bytes == 0 {
        return Err(Condition::BadRequest.into());
    }
    if stored::names(ctx, Collection::Upload, &account, "")?.len() >= SLOTS_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    let ttl_ms = i64::try_from(offers.upload_ttl_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let media_type = request
        .payload
        .attr("content-type")
        .unwrap_or("application/octet-stream");
    let slot = Slot {
        account: account.clone(),
        file_name: file_name.to_owned(),
        size_bytes,
        media_type: media_type.to_owned(),
        given_ms: ctx.now_ms,
        expires_ms: ctx.now_ms.saturating_add(ttl_ms),
    };
    let name = HEXLOWER.encode(&ctx.random);
    let url = format!(
        "{}/upload/{name}/{}",
        ctx.host.public_url,
        percent_encoded(file_name)
    );
    let written = Xml::in_namespace("slot", ns::UPLOAD)
        .child(Xml::new("put").attr("url", &url))
        .child(Xml::new("get").attr("url", &url));
    let mut outcome = request.result(ctx, written);
    outcome
        .writes
        .push(stored::put(Collection::Upload, &account, &name, &slot));
    Ok(outcome)
}

/// All but unreserved characters as `%XX` (RFC 3986 2.1).
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    out
}
