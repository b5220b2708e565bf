//! Why a command about principals or tokens is not done.

use std::collections::BTreeSet;

use api::scope::Scope;
use evidence::did::DidError;
use ids::PrincipalId;
use ids::aggregate::CommonRefusal;

use crate::auth::token::LIFETIME_S_MAX;

/// Most characters in a name or a reason.
const TEXT_CHARS_MAX: usize = 200;
/// Most entities one principal or token is bound to.
const ENTITIES_MAX: usize = 100;

/// Why a command is not done: who is wrong about what.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// For a reason that all aggregates share.
    #[error(transparent)]
    Common(#[from] CommonRefusal),
    /// The name was given out before; names are never given out again.
    #[error("`{id}` exists already")]
    NameTaken {
        /// The name.
        id: PrincipalId,
    },
    /// The journal calls a part of the node so.
    #[error("`{id}` is what the journal calls a part of the node")]
    NameReserved {
        /// The name.
        id: PrincipalId,
    },
    /// A text is blank, too long or has control characters.
    #[error("a text has 1 to {TEXT_CHARS_MAX} characters and no control characters")]
    BadText {
        /// Which.
        field: &'static str,
    },
    /// There are too many entities.
    #[error("at most {ENTITIES_MAX} entities")]
    TooManyEntities,
    /// The key is no `did:key` of an Ed25519 key.
    #[error("{0}")]
    BadKey(#[source] DidError),
    /// Nobody changes their own standing, so that an administrator cannot lock everybody out by mistake.
    #[error("a principal cannot change its own standing")]
    OwnStanding,
    /// The principal was disabled, for good.
    #[error("`{id}` is disabled")]
    Disabled {
        /// Who.
        id: PrincipalId,
    },
    /// A token is asked for a principal that does not exist.
    #[error("there is no such principal")]
    NoSuchPrincipal,
    /// A token is asked for a principal that may no longer act.
    #[error("the principal may no longer act")]
    MayNotAct,
    /// A token would live too long, or not at all.
    #[error("a token lives 1 to {LIFETIME_S_MAX} seconds")]
    BadLifetime,
    /// A token would allow more than its principal may do.
    #[error("the standing of the principal does not allow `{scope}`")]
    BeyondStanding {
        /// What.
        scope: Scope,
    },
    /// A token would be for entities that its principal does not act for.
    #[error("the principal does not act for all of these entities")]
    OtherEntities,
    /// The token was taken back before.
    #[error("the token is revoked already")]
    AlreadyRevoked,
    /// An assertion is signed by no key of a principal.
    #[error("the assertion proves no key of a principal")]
    UnprovenKey,
    /// The secret is not that of the bootstrap token.
    #[error("this is not the bootstrap token of this zone")]
    NotTheBootstrapToken,
    /// The bootstrap token made an administrator before.
    #[error("the bootstrap token was redeemed before")]
    BootstrapSpent,
}

/// Checks a line for people.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), Refusal> {
    let chars = text.chars().count();
    if (1..=TEXT_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(Refusal::BadText { field })
    }
}

/// Checks what a principal or a token is bound to.
pub(super) fn check_binding(
    entities: &BTreeSet<String>,
    jurisdiction: Option<&str>,
) -> Result<(), Refusal> {
    if entities.len() > ENTITIES_MAX {
        return Err(Refusal::TooManyEntities);
    }
    let mut entities = entities.iter();
    entities.try_for_each(|id| check_text("entities", id))?;
    jurisdiction.map_or(Ok(()), |text| check_text("jurisdiction", text))
}
