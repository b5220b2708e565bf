//! Scopes, the roles that are named sets of them, and a principal's standing.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

macro_rules! scopes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal, $about:literal;)+ }) => {
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
        }
    };
}

scopes! {
    /// Scopes that let the holder see or take a copy, and change nothing.
    ReadScope {
        BreathRead = "zenb:sessions:read", "See breath sessions: one's own, and those one guides.";
        ComplianceRead = "mez:compliance:read", "See compliance evaluations and their reasons.";
        CredentialsRead = "mez:credentials:read", "See issued credentials.";
        EntitiesRead = "mez:entities:read", "See entities and their register entries.";
        IrisUsersExport = "iris:users:export", "Take a copy of everything a messenger account holds, messages included.";
        IrisUsersRead = "iris:users:read", "See messenger accounts and invitations.";
        JournalExport = "journal:export", "Take audit exports and evidence bundles.";
        JournalRead = "journal:read", "See events, proofs and checkpoints.";
        ScreeningRead = "mez:screening:read", "See screenings, hits and decisions.";
        ZoneRead = "mez:zone:read", "See the manifest, packs and lists of the zone.";
    }
}

scopes! {
    /// Scopes that let the holder change something, or see who holds power in the zone.
    WriteScope {
        AdminNode = "admin:node", "Operate the node: backups, alerts, workers.";
        AdminPrincipals = "admin:principals", "See, create and disable principals and grant roles.";
        AdminTokens = "admin:tokens", "See, issue and revoke tokens.";
        BreathWrite = "zenb:sessions:write", "Record consent, and open, feed, stop and erase breath sessions.";
        ComplianceWrite = "mez:compliance:write", "Submit evidence and ask for evaluations.";
        CredentialsWrite = "mez:credentials:write", "Issue and revoke credentials.";
        EntitiesReview = "mez:entities:review", "Approve or reject applications.";
        EntitiesWrite = "mez:entities:write", "Apply for and change entities.";
        IrisOperate = "iris:operate", "See the sessions, queues, rooms and peers of the messenger.";
        IrisSend = "iris:send", "Sign in to one's own messenger account and send from it.";
        IrisUsersWrite = "iris:users:write", "Create, invite, disable, remove and erase messenger accounts.";
        NoticesWrite = "mez:notices:write", "Publish, correct and withdraw public notices.";
        ScreeningReview = "mez:screening:review", "Decide on screening hits.";
        ScreeningWrite = "mez:screening:write", "Ask for screenings and import lists.";
        ZoneWrite = "mez:zone:write", "Change the manifest, packs and lists of the zone.";
    }
}

impl ReadScope {
    /// What supervision and the offices of the zone may see: everything but what is said in confidence.
    pub const OVERSEEN: &[Self] = &[
        Self::ComplianceRead,
        Self::CredentialsRead,
        Self::EntitiesRead,
        Self::JournalExport,
        Self::JournalRead,
        Self::ScreeningRead,
        Self::ZoneRead,
    ];

    /// What those who run the zone may see besides, because they answer for the accounts of its messenger.
    pub const ADMINISTERED: &[Self] = &[
        Self::ComplianceRead,
        Self::CredentialsRead,
        Self::EntitiesRead,
        Self::IrisUsersExport,
        Self::IrisUsersRead,
        Self::JournalExport,
        Self::JournalRead,
        Self::ScreeningRead,
        Self::ZoneRead,
    ];
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

impl utoipa::PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        let texts = Self::all().map(Self::as_str);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(texts))
            .into()
    }
}

impl ToSchema for Scope {}

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

/// A named set of scopes for people and services that work in the zone. The regulator is not a role: see [`Standing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the zone: principals, tokens, the node, packs and lists. Cannot decide on applications or hits.
    Administrator,
    /// Acts for the entities it is bound to.
    Officer,
    /// Guides people's breath sessions, or practises alone. Sees only sessions it opened or is the person of.
    Practitioner,
    /// Takes applications, evidence and credentials.
    Registrar,
    /// Decides on applications and screening hits, so that the one who applies does not decide.
    Reviewer,
}

impl Role {
    /// Every role.
    pub const ALL: &[Self] = &[
        Self::Administrator,
        Self::Officer,
        Self::Practitioner,
        Self::Registrar,
        Self::Reviewer,
    ];

    /// What the role may do.
    pub fn scopes(self) -> ScopeSet {
        use ReadScope as R;
        use WriteScope as W;
        let (reads, writes): (&[R], &[W]) = match self {
            Self::Administrator => (
                R::ADMINISTERED,
                &[
                    W::AdminNode,
                    W::AdminPrincipals,
                    W::AdminTokens,
                    W::IrisOperate,
                    W::IrisSend,
                    W::IrisUsersWrite,
                    W::ScreeningWrite,
                    W::ZoneWrite,
                ],
            ),
            Self::Officer => (
                &[
                    R::ComplianceRead,
                    R::CredentialsRead,
                    R::EntitiesRead,
                    R::ZoneRead,
                ],
                &[W::ComplianceWrite, W::EntitiesWrite, W::IrisSend],
            ),
            Self::Practitioner => (
                &[R::BreathRead, R::ZoneRead],
                &[W::BreathWrite, W::IrisSend],
            ),
            Self::Registrar => (
                R::OVERSEEN,
                &[
                    W::ComplianceWrite,
                    W::CredentialsWrite,
                    W::EntitiesWrite,
                    W::IrisSend,
                    W::NoticesWrite,
                    W::ScreeningWrite,
                ],
            ),
            Self::Reviewer => (
                R::OVERSEEN,
                &[W::EntitiesReview, W::IrisSend, W::ScreeningReview],
            ),
        };
        let reads = reads.iter().copied().map(Scope::Read);
        reads
            .chain(writes.iter().copied().map(Scope::Write))
            .collect()
    }
}

/// What a principal is in the zone. One is either staff or a regulator, never both, so that no combination of grants
/// gives a regulator a scope that changes anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    pub fn regulator_scopes() -> BTreeSet<ReadScope> {
        ReadScope::OVERSEEN.iter().copied().collect()
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
            Self::Regulator {} => Self::regulator_scopes()
                .into_iter()
                .map(Scope::Read)
                .collect(),
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
