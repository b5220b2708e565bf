//! Archiving preferences (XEP-0441 0.2, which XEP-0313 0.7 contained).

use jid::{BareJid, Jid};
use minidom::Element;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::request::{Owner, Request};
use super::{ns, roster, stored};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;

/// How many addresses each list may hold.
const LISTED_MAX: usize = 1_024;

/// What an account wants archived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Preferences {
    default: Keep,
    always: Vec<String>,
    never: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Keep {
    #[default]
    Always,
    Never,
    Roster,
}

impl Keep {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Always, "always"),
        (Self::Never, "never"),
        (Self::Roster, "roster"),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Roster => "roster",
        }
    }
}

/// Whether `owner` wants messages with `peer` archived.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn keeps(ctx: &Context<'_>, owner: &BareJid, peer: &Jid) -> Result<bool, Refusal> {
    let stored: Option<Preferences> = stored::read(ctx, Collection::ArchivePreferences, owner, "")?;
    let Some(preferences) = stored else {
        return Ok(true);
    };
    let bare = peer.to_bare();
    let is_in = |list: &[String]| {
        list.iter()
            .any(|jid| jid == peer.as_str() || jid == bare.as_str())
    };
    if is_in(&preferences.never) {
        return Ok(false);
    }
    if is_in(&preferences.always) {
        return Ok(true);
    }
    match preferences.default {
        Keep::Always => Ok(true),
        Keep::Never => Ok(false),
        Keep::Roster => Ok(roster::item(ctx, owner, &bare)?.is_some()),
    }
}

/// Reads or changes the preferences.
///
/// # Errors
/// The request is malformed.
pub(crate) fn handle(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    if !request.is_set {
        let stored: Option<Preferences> =
            stored::read(ctx, Collection::ArchivePreferences, &owner.account, "")?;
        return Ok(request.result(ctx, written(&stored.unwrap_or_default())));
    }
    let preferences = read(&request.payload)?;
    let mut outcome = request.result(ctx, written(&preferences));
    outcome.writes.push(stored::put(
        Collection::ArchivePreferences,
        &owner.account,
        "",
        &preferences,
    ));
    Ok(outcome)
}

fn read(prefs: &Element) -> Result<Preferences, Refusal> {
    let default = prefs.attr("default").ok_or(Condition::BadRequest)?;
    let default = Keep::ALL
        .into_iter()
        .find(|(_, name)| *name == default)
        .ok_or(Condition::BadRequest)?;
    let list = |name| match prefs.get_child(name, ns::MAM) {
        Some(list) => addresses(list),
        None => Ok(Vec::new()),
    };
    Ok(Preferences {
        default: default.0,
        always: list("always")?,
        never: list("never")?,
    })
}

fn addresses(list: &Element) -> Result<Vec<String>, Refusal> {
    if list.children().count() > LISTED_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    list.children()
        .filter(|child| child.is("jid", ns::MAM))
        .map(|child| match Jid::new(&child.text()) {
            Ok(jid) => Ok(jid.to_string()),
            Err(_) => Err(Condition::JidMalformed.into()),
        })
        .collect()
}

fn written(preferences: &Preferences) -> Xml {
    let list = |name, jids: &[String]| {
        Xml::new(name).children(jids.iter().map(|jid| Xml::new("jid").text(jid)))
    };
    Xml::in_namespace("prefs", ns::MAM)
        .attr("default", preferences.default.name())
        .child(list("always", &preferences.always))
        .child(list("never", &preferences.never))
}
