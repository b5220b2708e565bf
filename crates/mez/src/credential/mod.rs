//! What the zone certifies about companies that it registered, and whether that still holds.
//!
//! A [`Credential`] is issued with an index on the [`StatusLists`], and stands as its company does until it is revoked.
//! The lists are credentials themselves: one bit for each index and purpose, signed, and valid for a limited time.
//!
//! Invariants (guard):
//! 1. what is revoked stays revoked                                     (`Credential::may_become`; property
//!    `lists_say_how_credentials_stand`)
//! 2. no two credentials have one index                                 (`StatusLists::apply`)
//! 3. a list is signed again when a bit of it changes or half of its time is over, and not otherwise
//!    (`StatusLists::decide`; property `lists_say_how_credentials_stand`)
//! 4. the same arguments give the same bytes: the issuer's key comes in as a value, and signing draws nothing

mod issued;
mod lists;

use evidence::credential::Malformed;
use evidence::data_integrity::{self, ProofError, ProofPurpose};
use evidence::key::SigningKey;
use evidence::status_list::{BitstringError, StatusPurpose};
use ids::time::InstantOutOfRange;
use ids::{EntityId, ZoneId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entity::{Entity, Status};
use ids::aggregate::CommonRefusal;

pub use issued::{
    Command, Credential, CredentialEvent, FORMATION_CREDENTIAL_TYPE, Issue, Issued,
    StandingChanged, formation_subject,
};
pub use lists::{
    BITS, IndexAssigned, IndexStanding, ListCommand, ListEvent, ListPublished, PURPOSES,
    StatusLists,
};

/// What a status list says of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialStanding {
    /// Neither suspended nor revoked.
    InForce,
    /// Suspended for the time being.
    Suspended,
    /// Revoked for good.
    Revoked,
}

impl CredentialStanding {
    /// How the credentials of an entity stand; nothing before it is registered.
    pub const fn of(entity: &Entity) -> Option<Self> {
        match &entity.status {
            Status::Applied | Status::InReview | Status::Rejected { .. } => None,
            Status::Active => Some(Self::InForce),
            Status::Suspended { .. } => Some(Self::Suspended),
            Status::Dissolving(dissolution) => match dissolution.suspended_for {
                Some(_) => Some(Self::Suspended),
                None => Some(Self::InForce),
            },
            Status::Dissolved { .. } => Some(Self::Revoked),
        }
    }

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

/// Who issues credentials and status lists.
#[derive(Debug, Clone, Copy)]
pub struct Issuer<'a> {
    /// The zone.
    pub zone: &'a ZoneId,
    /// Its key.
    pub key: &'a SigningKey,
    /// Where verifiers reach it, without a slash at the end.
    pub url: &'a str,
}

/// What decisions about credentials and lists depend on besides.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The instant, in milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: i64,
    /// Who issues.
    pub issuer: Issuer<'a>,
}

/// Why a command about a credential or a status list is refused. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such credential, or it cannot come to stand so.
    #[error(transparent)]
    Common(#[from] CommonRefusal),
    /// It stands so.
    #[error("credential is {} already", .0.as_str())]
    StandsAlready(CredentialStanding),
    /// There is nothing to certify.
    #[error("entity {0} is not an active, registered and judged company")]
    NotRegistered(EntityId),
    /// Every index of the lists is taken.
    #[error("the status lists have no free index")]
    ListsFull,
    /// No credential has this index.
    #[error("no credential has index {index} of the status lists")]
    IndexFree {
        /// Which.
        index: u64,
    },
    /// The instant has no text.
    #[error(transparent)]
    Instant(#[from] InstantOutOfRange),
    /// The credential does not have the form of one.
    #[error("credential is malformed")]
    Malformed(#[source] Malformed),
    /// The credential cannot be signed.
    #[error("credential cannot be signed")]
    Unsigned(#[source] ProofError),
    /// The bits of a published list cannot be read.
    #[error("published status list cannot be read")]
    Unreadable(#[source] BitstringError),
}

impl Refusal {
    /// A stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Common(refusal) => refusal.code(),
            Self::StandsAlready(_) => "stands_already",
            Self::NotRegistered(_) => "not_registered",
            Self::ListsFull => "status_lists_full",
            Self::IndexFree { .. } => "index_free",
            Self::Instant(_) => "instant_out_of_range",
            Self::Malformed(_) => "malformed_credential",
            Self::Unsigned(_) => "unsigned",
            Self::Unreadable(_) => "unreadable_list",
        }
    }
}

impl Issuer<'_> {
    /// The name in credentials.
    fn name(&self) -> String {
        self.key.did().to_string()
    }

    /// Where the list of a purpose is published.
    pub fn list_url(&self, purpose: StatusPurpose) -> String {
        format!("{}/v1/status-lists/{}", self.url, purpose.as_str())
    }

    fn sign(&self, unsigned: Result<Value, Malformed>, at: Timestamp) -> Result<Value, Refusal> {
        let unsigned = unsigned.map_err(Refusal::Malformed)?;
        let signed = data_integrity::sign(unsigned, self.key, at, ProofPurpose::AssertionMethod);
        signed.map_err(Refusal::Unsigned)
    }
}

impl Context<'_> {
    fn now(&self) -> Result<Timestamp, Refusal> {
        let at_ms = self.now_ms;
        Ok(Timestamp::from_millisecond(at_ms).map_err(|_| InstantOutOfRange { at_ms })?)
    }
}
