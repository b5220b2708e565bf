//! External services (XEP-0215 1.0): where calls find STUN and TURN. Credentials are made for each request and end by
//! themselves, by the rule that TURN servers share (draft-uberti-behave-turn-rest-00).

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::refusal::Refusal;
use super::request::Request;
use super::{asking_session, datetime, ns};
use crate::authorize::Permit;
use crate::host::ExternalService;
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;

/// How long credentials hold, in seconds.
const CREDENTIALS_TTL_S: i64 = 12 * 3_600;

/// Lists services, or one kind of them, or the credentials of one.
///
/// # Errors
/// The caller is no session of this node, or names a service that is not offered.
pub(crate) fn handle(
    ctx: &Context<'_>,
    permit: &Permit,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    asking_session(permit)?;
    let offered = ctx.host.offers.external.iter();
    let ns = ns::EXTDISCO;
    if request.payload.is("credentials", ns) {
        let asked = request
            .payload
            .get_child("service", ns)
            .ok_or(Condition::BadRequest)?;
        let found: Vec<_> = offered
            .filter(|service| asked.attr("host") == Some(service.host.as_str()))
            .filter(|service| asked.attr("type") == Some(service.type_.as_str()))
            .map(|service| written(ctx, service))
            .collect();
        if found.is_empty() {
            return Err(Condition::ItemNotFound.into());
        }
        return Ok(request.result(ctx, Xml::in_namespace("credentials", ns).children(found)));
    }
    if !request.payload.is("services", ns) {
        return Err(Condition::BadRequest.into());
    }
    let kind = request.payload.attr("type");
    let listed = offered
        .filter(|service| kind.is_none_or(|kind| kind == service.type_))
        .map(|service| written(ctx, service));
    Ok(request.result(
        ctx,
        Xml::in_namespace("services", ns)
            .maybe("type", kind)
            .children(listed),
    ))
}

fn written(ctx: &Context<'_>, service: &ExternalService) -> Xml {
    let written = Xml::new("service")
        .attr("type", &service.type_)
        .attr("host", &service.host)
        .attr("port", &service.port.to_string())
        .attr("transport", &service.transport);
    let Some(secret) = &service.secret else {
        return written;
    };
    let until_s = ctx.now_ms / 1_000 + CREDENTIALS_TTL_S;
    // The name says nothing about who asked.
    let username = format!("{until_s}:{}", HEXLOWER.encode(&ctx.random[..8]));
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of every length");
    mac.update(username.as_bytes());
    written
        .attr("username", &username)
        .attr("password", &BASE64.encode(&mac.finalize().into_bytes()))
        .attr("expires", &datetime::format(until_s * 1_000))
        .attr("restricted", "1")
}
