//! Scopes, the roles that are named sets of them, and a principal's standing.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::word::words;
use serde::{Deserialize, Serialize};

macro_rules! scopes {
    ($(#[$doc:meta])* $name:ident {
        $($variant:ident = $text:literal, $about:literal, [$($role:ident),*] $($regulator:ident)?;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = $about] $variant,)+ }

        impl $name {
            /// Every scope of this kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The text form, as it stands in tokens.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The roles that have it.
            pub fn roles(self) -> &'static [Role] {
                match self { $(Self::$variant => &[$(Role::$role),*],)+ }
            }
        }

        scopes!(@regulator $name $($variant [$($regulator)?])+);
    };
    (@regulator ReadScope $($variant:ident [$($regulator:ident)?])+) => {
        impl ReadScope {
            /// Whether a regulator has it.
            pub fn is_supervisory(self) -> bool {
                match self { $(Self::$variant => scopes!(@is $($regulator)?),)+ }
            }
        }
    };
    // No row of scopes that change something has a place for a regulator.
    (@regulator WriteScope $($variant:ident [])+) => {};
    (@is regulator) => { true };
    (@is) => { false };
}

scopes! {
    /// Scopes that let the holder see or take a copy, and change nothing.
    ReadScope {
        BreathRead = "zenb:sessions:read", "See breath sessions: one's own, and those one guides.", [Practitioner];
        ComplianceRead = "mez:compliance:read", "See compliance evaluations and their reasons.", [Administrator, Officer, Registrar, Reviewer] regulator;
        CredentialsRead = "mez:credentials:read", "See issued credentials.", [Administrator, Officer, Registrar, Reviewer] regulator;
        EntitiesRead = "mez:entities:read", "See entities and their register entries.", [Administrator, Officer, Registrar, Reviewer] regulator;
        IrisUsersExport = "iris:users:export", "Take a copy of everything a messenger account holds, messages included.", [Administrator];
        IrisUsersRead = "iris:users:read", "See messenger accounts and invitations.", [Administrator];
        JournalExport = "journal:export", "Take audit exports and evidence bundles.", [Administrator, Registrar, Reviewer] regulator;
        JournalRead = "journal:read", "See events, proofs and checkpoints.", [Administrator, Registrar, Reviewer] regulator;
        ScreeningRead = "mez:screening:read", "See screenings, hits and decisions.", [Administrator, Registrar, Reviewer] regulator;
        ZoneRead = "mez:zone:read", "See the manifest, packs and lists of the zone.", [Administrator, Officer, Practitioner, Registrar, Reviewer] regulator;
    }
}

scopes! {
    /// Scopes that let the holder change something, or see who holds power in the zone.
    WriteScope {
        AdminNode = "admin:node", "Operate the node: backups, alerts, workers.", [Administrator];
        AdminPrincipals = "admin:principals", "See, create and disable principals and grant roles.", [Administrator];
        AdminTokens = "admin:tokens", "See, issue and revoke tokens.", [Administrator];
        BreathWrite = "zenb:sessions:write", "Record consent, and open, feed, stop and erase breath sessions.", [Practitioner];
        ComplianceWrite = "mez:compliance:write", "Submit evidence and ask for evaluations.", [Officer, Registrar];
        CredentialsWrite = "mez:credentials:write", "Issue and revoke credentials.", [Registrar];
        EntitiesReview = "mez:entities:review", "Approve or reject applications.", [Reviewer];
        EntitiesWrite = "mez:entities:write", "Apply for and change entities.", [Officer, Registrar];
        IrisOperate = "iris:operate", "See the sessions, queues, rooms and peers of the messenger.", [Administrator];
        IrisSend = "iris:send", "Sign in to one's own messenger account and send from it.", [Administrator, Officer, Practitioner, Registrar, Reviewer];
        IrisUsersWrite = "iris:users:write", "Create, invite, disable, remove and erase messenger accounts.", [Administrator];
        NoticesWrite = "mez:notices:write", "Publish, correct and withdraw public notices.", [Registrar];
        ScreeningReview = "mez:screening:review", "Decide on screening hits.", [Reviewer];
        ScreeningWrite = "mez:screening:write", "Ask for screenings and import lists.", [Administrator, Registrar];
        ZoneWrite = "mez:zone:write", "Change the manifest, packs and lists of the zone.", [Administrator];
    }
}

/// One permission that a token can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Sees, changes nothing.
    Read(ReadScope),
    /// Changes something.
    Write(WriteScope),
}

/// Scopes in a fixed order.
pub type ScopeSet = BTreeSet<Scope>;

impl Scope {
    /// Every scope.
    pub fn all() -> impl Iterator<Item = Self> {
        let reads = ReadScope::ALL.iter().copied().map(Self::Read);
        reads.chain(WriteScope::ALL.iter().copied().map(Self::Write))
    }

    /// The roles that have it.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Read(scope) => scope.roles(),
            Self::Write(scope) => scope.roles(),
        }
    }

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read(scope) => scope.as_str(),
            Self::Write(scope) => scope.as_str(),
        }
    }
}

/// The text is not a scope of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope")]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::all()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Scope {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::all().map(Self::as_str)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Scope {}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

words! {
    /// A named set of scopes for people and services that work in the zone. The regulator is not a role: see [`Standing`].
    Role {
        /// Runs the zone: principals, tokens, the node, packs and lists. Cannot decide on applications or hits.
        Administrator = "administrator",
        /// Acts for the entities it is bound to.
        Officer = "officer",
        /// Guides people's breath sessions, or practises alone. Sees only sessions it opened or is the person of.
        Practitioner = "practitioner",
        /// Takes applications, evidence and credentials.
        Registrar = "registrar",
        /// Decides on applications and screening hits, so that the one who applies does not decide.
        Reviewer = "reviewer",
    }
}

impl Role {
    /// What the role may do.
    pub fn scopes(self) -> ScopeSet {
        let all = Scope::all();
        all.filter(|scope| scope.roles().contains(&self)).collect()
    }
}

/// What a principal is in the zone. One is either staff or a regulator, never both, so that no combination of grants
/// gives a regulator a scope that changes anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Standing {
    /// Supervises: sees and exports everything but what is said in confidence, changes nothing. (A variant with braces, because serde would let
    /// unknown members beside a bare one pass.)
    Regulator {},
    /// Works in the zone with any number of roles.
    Staff {
        /// The roles; none is allowed and gives nothing.
        roles: BTreeSet<Role>,
    },
}

impl Standing {
    /// The scopes of a regulator, which can only be of the reading kind.
    pub fn regulator_scopes() -> impl Iterator<Item = ReadScope> {
        let all = ReadScope::ALL.iter().copied();
        all.filter(|scope| scope.is_supervisory())
    }

    /// Staff with one role.
    pub fn staff(role: Role) -> Self {
        Self::Staff {
            roles: BTreeSet::from([role]),
        }
    }

    /// Everything this standing allows.
    pub fn scopes(&self) -> ScopeSet {
        match self {
            Self::Regulator {} => Self::regulator_scopes().map(Scope::Read).collect(),
            Self::Staff { roles } => roles.iter().flat_map(|role| role.scopes()).collect(),
        }
    }

    /// Whether the principal acts only for entities it is bound to: every role it has is [`Role::Officer`].
    pub fn is_entity_bound(&self) -> bool {
        match self {
            Self::Regulator {} => false,
            Self::Staff { roles } => roles.iter().all(|role| *role == Role::Officer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_round_trip_and_have_distinct_texts() {
        let texts: BTreeSet<_> = Scope::all().map(Scope::as_str).collect();
        assert_eq!(texts.len(), Scope::all().count());
        for scope in Scope::all() {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("mez:entities".parse::<Scope>().is_err());
    }

    #[test]
    fn the_regulator_reads_all_but_confidences_and_nothing_else() {
        let scopes = Standing::Regulator {}.scopes();
        let confidences = [
            ReadScope::BreathRead,
            ReadScope::IrisUsersExport,
            ReadScope::IrisUsersRead,
        ];
        let overseen = ReadScope::ALL
            .iter()
            .copied()
            .filter(|scope| !confidences.contains(scope));
        assert_eq!(scopes, overseen.map(Scope::Read).collect());
    }

    #[test]
    fn no_office_of_the_zone_sees_what_is_said_in_confidence() {
        for role in Role::ALL {
            let sees = role.scopes().contains(&Scope::Read(ReadScope::BreathRead));
            assert_eq!(sees, *role == Role::Practitioner, "{role:?}");
        }
    }

    #[test]
    fn nobody_who_applies_can_also_decide_with_one_role() {
        for role in Role::ALL {
            let scopes = role.scopes();
            let applies = scopes.contains(&Scope::Write(WriteScope::EntitiesWrite));
            let decides = scopes.contains(&Scope::Write(WriteScope::EntitiesReview));
            assert!(!(applies && decides), "{role:?}");
        }
    }
}
