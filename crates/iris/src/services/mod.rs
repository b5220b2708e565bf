//! What the server does for accounts: one file for each protocol, pure.
//!
//! A stanza from a session is classed by [`required`], authorised, and handed to [`iq`], [`presence`] or [`message`]; so is what
//! comes from elsewhere to a local account, and what a handler sent to [`Target::Route`](crate::outcome::Target::Route) and
//! is local. Handlers tell the two apart by `from`: only sessions have a full local address.
//!
//! Who asks something of an account that is not there, that blocked the caller, or that lets only others see what is
//! asked for, gets the same answer in all three cases.

pub mod attention;
pub mod content;
pub mod datetime;
pub mod delivery;
pub mod disco;
pub mod subscription;

mod arrival;
mod avatar;
mod blocking;
mod bookmarks;
mod caps;
mod extdisco;
mod forms;
mod forward;
mod mam;
mod message;
mod ns;
pub mod pep;
mod preferences;
mod presence;
mod private;
pub mod push;
mod refusal;
mod register;
mod request;
mod roster;
mod rsm;
mod simple;
mod stored;
mod subscribing;
pub mod upload;
mod vcard;

use jid::{BareJid, FullJid, Jid};

use crate::authorize::{Action, Permit, Principal};
use crate::host::Host;
use crate::outcome::{Context, Outcome, Target};
use crate::stanza::{Condition, Kind, Stanza};
use refusal::{Detail, Refusal};
use request::{Owner, Request};

/// What a stanza asks for, and of whom, as [`authorize`](crate::authorize::authorize) takes it.
pub fn required(host: &Host, stanza: &Stanza) -> (Action, BareJid) {
    let sender = stanza.from.to_bare();
    let to = stanza.to.as_ref().map(Jid::to_bare);
    match (stanza.kind, to) {
        (Kind::Message | Kind::Presence, _) => (Action::SendAs, sender),
        (Kind::Iq, None) => (Action::ManageAccount, sender),
        (Kind::Iq, Some(to)) if to.node().is_none() && host.is_local(&to.clone().into()) => {
            (Action::AskServer, to)
        }
        (Kind::Iq, Some(to)) if to == sender && is_session(host, &stanza.from) => {
            (Action::ManageAccount, to)
        }
        (Kind::Iq, Some(to)) => (Action::ReadPublished, to),
    }
}

fn is_session(host: &Host, from: &Jid) -> bool {
    from.is_full() && from.domain() == host.domain.as_ref()
}

/// Answers an IQ, or passes it on.
pub fn iq(ctx: &Context<'_>, permit: &Permit, stanza: &Stanza) -> Outcome {
    decide_iq(ctx, permit, stanza)
        .unwrap_or_else(|refusal| request::refuse(ctx.host, stanza, &refusal))
}

/// Decides about a message. Who gets it now follows from what is archived: see [`delivery`].
pub fn message(ctx: &Context<'_>, _permit: &Permit, stanza: &Stanza) -> Outcome {
    message::handle(ctx, stanza)
}

/// Decides about a presence.
pub fn presence(ctx: &Context<'_>, _permit: &Permit, stanza: &Stanza) -> Outcome {
    presence::handle(ctx, stanza)
}

/// A session of before a crash is taken up: it asks other servers how its contacts are, who may have come and gone
/// meanwhile. Of those on this node it heard.
pub fn session_resumed(ctx: &Context<'_>, session: &FullJid) -> Outcome {
    Outcome {
        // Who cannot be asked now tells it later.
        send: arrival::asked_elsewhere(ctx, session).unwrap_or_default(),
        ..Outcome::nothing()
    }
}

pub(crate) use message::{private_received, private_sent};
pub(crate) use refusal::Refusal as Refused;

/// A session ended without saying so: contacts see it leave. Called while [`Live`](crate::live::Live) still knows the session.
pub fn session_ended(ctx: &Context<'_>, session: &FullJid) -> Outcome {
    presence::vanished(ctx, session)
}

fn decide_iq(ctx: &Context<'_>, permit: &Permit, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let own = stanza.from.to_bare();
    let to = stanza.to.clone().unwrap_or_else(|| Jid::from(own.clone()));
    let is_from_session = message::is_from_session(ctx, &stanza.from);
    if is_from_session && blocking::is_blocked(ctx, &own, &to)? {
        return Err(Refusal::with(Condition::NotAcceptable, Detail::Blocked));
    }
    if !ctx.host.is_local(&to) {
        return Ok(Outcome::reply(Target::Route(to), stanza.bytes.clone()));
    }
    if let Ok(full) = to.try_as_full().cloned() {
        return to_device(ctx, stanza, &full);
    }
    if stanza.is_answer() {
        return answered(ctx, stanza, &to);
    }
    let request = Request::read(stanza)?;
    let bare = to.to_bare();
    if bare.node().is_none() && bare.domain() == ctx.host.upload.as_ref() {
        return to_upload(ctx, permit, &request);
    }
    if bare.node().is_none() {
        return to_server(ctx, permit, &request);
    }
    if is_from_session && bare == own {
        return to_own(ctx, &Owner::of(permit)?, &request);
    }
    to_other(ctx, &bare, &request)
}

/// The answer to what the server itself asked, in its own name or in an account's.
fn answered(ctx: &Context<'_>, stanza: &Stanza, to: &Jid) -> Result<Outcome, Refusal> {
    if !caps::is_answer(stanza) {
        return Ok(Outcome::nothing());
    }
    match (message::is_from_session(ctx, &stanza.from), to.node()) {
        (true, None) => caps::learn(ctx, stanza),
        (false, Some(_)) => pep::learn(ctx, &to.to_bare(), stanza),
        _ => Ok(Outcome::nothing()),
    }
}

/// A device answers itself; one that is not there, or whose owner blocked the caller, cannot.
fn to_device(ctx: &Context<'_>, stanza: &Stanza, to: &FullJid) -> Result<Outcome, Refusal> {
    let account = to.to_bare();
    let is_there = ctx
        .live
        .resources(&account)
        .iter()
        .any(|resource| resource.jid == *to);
    if !is_there || blocking::is_blocked(ctx, &account, &stanza.from)? {
        return Err(Condition::ServiceUnavailable.into());
    }
    Ok(Outcome::reply(
        Target::Resource(to.clone()),
        stanza.bytes.clone(),
    ))
}

fn to_server(
    ctx: &Context<'_>,
    permit: &Permit,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    if let Some(outcome) = simple::server(ctx, request) {
        return Ok(outcome);
    }
    match (request.is_set, request.payload.ns().as_str()) {
        (false, ns::DISCO_INFO | ns::DISCO_ITEMS) => disco::server(ctx, request),
        (false, ns::EXTDISCO) => extdisco::handle(ctx, permit, request),
        (_, ns::REGISTER) => register::handle(ctx, permit, request),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn to_upload(
    ctx: &Context<'_>,
    permit: &Permit,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    if let Some(outcome) = simple::server(ctx, request) {
        return Ok(outcome);
    }
    match (request.is_set, request.payload.ns().as_str()) {
        (false, ns::DISCO_INFO | ns::DISCO_ITEMS) => Ok(disco::upload(ctx, request)),
        (false, ns::UPLOAD) => upload::slot(ctx, permit, request),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn to_own(ctx: &Context<'_>, owner: &Owner, request: &Request<'_>) -> Result<Outcome, Refusal> {
    if let Some(outcome) = simple::server(ctx, request) {
        return Ok(outcome);
    }
    match request.payload.ns().as_str() {
        ns::BLOCKING => blocking::handle(ctx, owner, request),
        ns::CARBONS => simple::carbons(ctx, owner, request),
        ns::DISCO_INFO | ns::DISCO_ITEMS if !request.is_set => {
            disco::account(ctx, &owner.account, request)
        }
        ns::MAM => mam::handle(ctx, owner, request),
        ns::PRIVATE => private::handle(ctx, owner, request),
        ns::PUBSUB | ns::PUBSUB_OWNER => pep::own(ctx, owner, request),
        ns::PUSH if request.is_set => push::handle(ctx, owner, request),
        ns::REGISTER => register::own(ctx, owner, request),
        ns::ROSTER => roster::handle(ctx, owner, request),
        ns::VCARD => vcard::own(ctx, owner, request),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

/// What others may ask of an account. The answers do not depend on whether there is one.
fn to_other(
    ctx: &Context<'_>,
    account: &BareJid,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let is_hidden = !stored::account_exists(ctx, account)?
        || blocking::is_blocked(ctx, account, &request.stanza.from)?;
    match (request.is_set, request.payload.ns().as_str()) {
        (false, ns::PUBSUB) if is_hidden => Err(Condition::ItemNotFound.into()),
        (false, ns::PUBSUB) => pep::read(ctx, account, request),
        (false, ns::VCARD) if is_hidden => Err(Condition::ItemNotFound.into()),
        (false, ns::VCARD) => vcard::read(ctx, account, request),
        (false, ns::DISCO_INFO | ns::DISCO_ITEMS) if !is_hidden => {
            disco::account(ctx, account, request)
        }
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

/// The session of a permit to ask the server, when it is one of a local account.
fn asking_session(permit: &Permit) -> Result<&FullJid, Refusal> {
    match (permit.action(), permit.principal()) {
        (Action::AskServer | Action::ManageAccount, Principal::Session(session)) => Ok(session),
        _ => Err(Condition::NotAllowed.into()),
    }
}

/// Answers what somebody asks of a room's archive (XEP-0313 7.1). The room has checked that they may.
pub(crate) fn room_archive(
    ctx: &Context<'_>,
    room: &BareJid,
    session: FullJid,
    stanza: &Stanza,
) -> Outcome {
    mam::of_room(ctx, room, session, stanza)
        .unwrap_or_else(|refusal| request::refuse(ctx.host, stanza, &refusal))
}
