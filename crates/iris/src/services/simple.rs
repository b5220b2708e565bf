//! Requests with an answer of one line: ping (XEP-0199 2.0), software version (XEP-0092 1.1), entity time
//! (XEP-0202 2.0), session establishment (RFC 3921 3, which old clients still ask for), carbons on and off (XEP-0280 1.0).

use super::refusal::Refusal;
use super::request::{Owner, Request};
use super::{datetime, ns};
use crate::outcome::{Context, Outcome, SessionChange};
use crate::stanza::Condition;
use crate::xml::Xml;

/// What the server itself answers in a line.
pub(crate) fn server(ctx: &Context<'_>, request: &Request<'_>) -> Option<Outcome> {
    if request.gets("ping", ns::PING) || request.sets("session", ns::SESSION) {
        return Some(request.done(ctx));
    }
    if request.gets("query", ns::VERSION) {
        let query = Xml::in_namespace("query", ns::VERSION)
            .child(Xml::new("name").text("Hanse"))
            .child(Xml::new("version").text(env!("CARGO_PKG_VERSION")));
        return Some(request.result(ctx, query));
    }
    if request.gets("time", ns::TIME) {
        let time = Xml::in_namespace("time", ns::TIME)
            .child(Xml::new("tzo").text("+00:00"))
            .child(Xml::new("utc").text(&datetime::format(ctx.now_ms)));
        return Some(request.result(ctx, time));
    }
    None
}

/// Turns carbons on or off for the asking session.
///
/// # Errors
/// It asks for something else.
pub(crate) fn carbons(
    ctx: &Context<'_>,
    _owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let is_on = match (request.is_set, request.payload.name()) {
        (true, "enable") => true,
        (true, "disable") => false,
        _ => return Err(Condition::BadRequest.into()),
    };
    let mut outcome = request.done(ctx);
    outcome.session.push(SessionChange::Carbons(is_on));
    Ok(outcome)
}
