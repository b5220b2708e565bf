//! Roles and affiliations, and who may change whose (XEP-0045 5).

use serde::{Deserialize, Serialize};

/// Long-lived standing of a person in a room, least to most.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Affiliation {
    /// Banned.
    Outcast,
    /// No standing.
    #[default]
    None,
    /// Member.
    Member,
    /// Administrator.
    Admin,
    /// Owner.
    Owner,
}

impl Affiliation {
    /// Every affiliation.
    pub const ALL: [Self; 5] = [
        Self::Outcast,
        Self::None,
        Self::Member,
        Self::Admin,
        Self::Owner,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcast => "outcast",
            Self::None => "none",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The affiliation of a name on the wire.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Standing of an occupant for this visit, least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Not in the room.
    None,
    /// Hears, does not speak where the room is moderated.
    Visitor,
    /// Speaks.
    Participant,
    /// Kicks, grants and revokes voice.
    Moderator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [
        Self::None,
        Self::Visitor,
        Self::Participant,
        Self::Moderator,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Visitor => "visitor",
            Self::Participant => "participant",
            Self::Moderator => "moderator",
        }
    }

    /// The role of a name on the wire.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// The role on entering (XEP-0045 5.1.2).
    pub fn on_entering(affiliation: Affiliation, moderated: bool) -> Self {
        match affiliation {
            Affiliation::Owner | Affiliation::Admin => Self::Moderator,
            Affiliation::Member => Self::Participant,
            Affiliation::None if moderated => Self::Visitor,
            Affiliation::None => Self::Participant,
            Affiliation::Outcast => Self::None,
        }
    }
}

/// Whether somebody of affiliation `by` may move somebody from `from` to `to` (XEP-0045 5.2.2: owners
/// change everybody, administrators those below them to anything below administrator).
pub fn may_affiliate(by: Affiliation, from: Affiliation, to: Affiliation) -> bool {
    match by {
        Affiliation::Owner => true,
        Affiliation::Admin => from < Affiliation::Admin && to < Affiliation::Admin,
        Affiliation::Member | Affiliation::None | Affiliation::Outcast => false,
    }
}

/// An occupant's two standings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// For this visit.
    pub role: Role,
    /// Long-lived.
    pub affiliation: Affiliation,
}

/// Whether `by` may give `whom` the role `to` (XEP-0045 5.1.3: moderators change voice and kick, never
/// somebody of higher affiliation; only administrators and owners make or unmake moderators, and never
/// unmake an administrator or owner).
pub fn may_give_role(by: Standing, whom: Standing, to: Role) -> bool {
    let is_moderator = by.role == Role::Moderator;
    let may_reach = whom.affiliation < Affiliation::Admin && whom.affiliation <= by.affiliation;
    let is_about_moderators = to == Role::Moderator || whom.role == Role::Moderator;
    if is_about_moderators {
        return by.affiliation >= Affiliation::Admin && may_reach;
    }
    is_moderator && may_reach
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_owners_touch_owners_and_administrators() {
        for by in Affiliation::ALL {
            for from in Affiliation::ALL {
                for to in Affiliation::ALL {
                    let is_high = from >= Affiliation::Admin || to >= Affiliation::Admin;
                    if is_high {
                        assert_eq!(may_affiliate(by, from, to), by == Affiliation::Owner);
                    } else {
                        assert_eq!(may_affiliate(by, from, to), by >= Affiliation::Admin);
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_below_moderator_gives_a_role() {
        for role in [Role::None, Role::Visitor, Role::Participant] {
            for affiliation in [Affiliation::Outcast, Affiliation::None, Affiliation::Member] {
                let by = Standing { role, affiliation };
                let whom = Standing {
                    role: Role::Participant,
                    affiliation: Affiliation::None,
                };
                assert!(Role::ALL.iter().all(|to| !may_give_role(by, whom, *to)));
            }
        }
    }

    #[test]
    fn no_role_change_reaches_an_administrator_or_owner() {
        let by = Standing {
            role: Role::Moderator,
            affiliation: Affiliation::Owner,
        };
        for affiliation in [Affiliation::Admin, Affiliation::Owner] {
            let whom = Standing {
                role: Role::Moderator,
                affiliation,
            };
            assert!(Role::ALL.iter().all(|to| !may_give_role(by, whom, *to)));
        }
    }

    #[test]
    fn a_moderator_without_affiliation_kicks_but_not_a_member() {
        let by = Standing {
            role: Role::Moderator,
            affiliation: Affiliation::None,
        };
        let guest = Standing {
            role: Role::Participant,
            affiliation: Affiliation::None,
        };
        let member = Standing {
            role: Role::Participant,
            affiliation: Affiliation::Member,
        };
        assert!(may_give_role(by, guest, Role::None));
        assert!(!may_give_role(by, member, Role::None));
    }
}
