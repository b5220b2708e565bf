//! In-band registration (XEP-0077 2.4) for those who are signed in: changing the password, leaving for good. Accounts
//! are made by the operator, so there is nothing here for those who are not.

use jid::Jid;
use minidom::Element;

use super::refusal::Refusal;
use super::request::{Owner, Request};
use super::subscription::Request as Subscription;
use super::{asking_session, ns, presence, roster, stored, subscribing};
use crate::account::{Account, Standing};
use crate::authorize::{Permit, Principal};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome, SessionChange};
use crate::sasl::Credentials;
use crate::sasl::credentials::ITERATIONS;
use crate::stanza::Condition;
use crate::xml::Xml;

/// What a session asks of the server is about its own account.
///
/// # Errors
/// The caller is no session of this node, or the request is malformed.
pub(crate) fn handle(
    ctx: &Context<'_>,
    permit: &Permit,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let session = asking_session(permit)?;
    let principal = Principal::Session(session.clone());
    let own = crate::authorize::authorize(
        &principal,
        crate::authorize::Action::ManageAccount,
        &session.to_bare(),
    )
    .map_err(|_| Condition::Forbidden)?;
    self::own(ctx, &Owner::of(&own)?, request)
}

/// Reads what is registered, changes the password, or removes the account.
///
/// # Errors
/// The request is malformed, or names somebody else.
pub(crate) fn own(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let child = |name: &str| {
        request
            .payload
            .get_child(name, ns::REGISTER)
            .map(Element::text)
    };
    let node = owner
        .account
        .node()
        .map(|node| node.as_str().to_owned())
        .unwrap_or_default();
    if !request.is_set {
        let query = Xml::in_namespace("query", ns::REGISTER)
            .child(Xml::new("registered"))
            .child(Xml::new("username").text(&node))
            .child(Xml::new("password"));
        return Ok(request.result(ctx, query));
    }
    let account: Account = stored::read(ctx, Collection::Account, &owner.account, "")?
        .ok_or(Condition::ItemNotFound)?;
    if request.payload.has_child("remove", ns::REGISTER) {
        return removed(ctx, owner, request, account);
    }
    let (Some(username), Some(password)) = (child("username"), child("password")) else {
        return Err(Condition::BadRequest.into());
    };
    let named = Jid::new(&format!("{username}@{}", owner.account.domain()))
        .map_err(|_| Condition::BadRequest)?;
    if named.to_bare() != owner.account {
        return Err(Condition::NotAllowed.into());
    }
    let credentials = Credentials::derive(&password, &ctx.random[..16], ITERATIONS)
        .map_err(|_| Condition::NotAcceptable)?;
    let account = Account {
        credentials: Some(credentials),
        ..account
    };
    let mut outcome = request.done(ctx);
    outcome.writes.push(stored::put(
        Collection::Account,
        &owner.account,
        "",
        &account,
    ));
    Ok(outcome)
}

/// The account is gone; its contacts are told, as if each had been removed (XEP-0077 3.2).
fn removed(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    account: Account,
) -> Result<Outcome, Refusal> {
    let account = Account {
        credentials: None,
        standing: Standing::Removed,
        ..account
    };
    let mut outcome = request.done(ctx);
    outcome.writes.push(stored::put(
        Collection::Account,
        &owner.account,
        "",
        &account,
    ));
    for (contact, item) in roster::items(ctx, &owner.account)? {
        if item.from {
            outcome
                .send
                .extend(presence::leaving(ctx, &owner.account, &contact)?);
            outcome.send.push(subscribing::request(
                &owner.account,
                &contact,
                Subscription::Unsubscribed,
            ));
        }
        if item.to || item.asked {
            outcome.send.push(subscribing::request(
                &owner.account,
                &contact,
                Subscription::Unsubscribe,
            ));
        }
    }
    outcome.session.push(SessionChange::AccountRemoved);
    Ok(outcome)
}
