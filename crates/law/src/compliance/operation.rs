//! Which domains stand in the way of which operation.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Domain, State};

/// Something a subject asks the zone to do, that the law of several domains gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// Registering a company.
    #[serde(rename = "entity.formation")]
    EntityFormation,
    /// Changing who owns a company.
    #[serde(rename = "ownership.change")]
    OwnershipChange,
    /// Opening an account.
    #[serde(rename = "fiscal.account")]
    FiscalAccount,
    /// Paying.
    #[serde(rename = "fiscal.payment")]
    FiscalPayment,
    /// Verifying a person.
    #[serde(rename = "identity.verification")]
    IdentityVerification,
    /// Recording a resolution or a consent.
    #[serde(rename = "consent.resolution")]
    ConsentResolution,
    /// Moving goods.
    #[serde(rename = "trade.flow")]
    TradeFlow,
}

/// From which state on a domain blocks an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Only a broken rule blocks; missing evidence may follow.
    BlocksWhenNonCompliant,
    /// Everything but a passing state blocks.
    BlocksUnlessPassing,
}

/// A text that names no operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an operation")]
pub struct UnknownOperation {
    /// What was given.
    pub text: String,
}

impl Gate {
    /// Whether a domain in `state` blocks.
    pub fn blocks(self, state: State) -> bool {
        match self {
            Self::BlocksWhenNonCompliant => state == State::NonCompliant,
            Self::BlocksUnlessPassing => !state.is_passing(),
        }
    }
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 7] = [
        Self::EntityFormation,
        Self::OwnershipChange,
        Self::FiscalAccount,
        Self::FiscalPayment,
        Self::IdentityVerification,
        Self::ConsentResolution,
        Self::TradeFlow,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EntityFormation => "entity.formation",
            Self::OwnershipChange => "ownership.change",
            Self::FiscalAccount => "fiscal.account",
            Self::FiscalPayment => "fiscal.payment",
            Self::IdentityVerification => "identity.verification",
            Self::ConsentResolution => "consent.resolution",
            Self::TradeFlow => "trade.flow",
        }
    }

    /// The gates every zone has. A zone manifest may add domains and tighten gates, never remove one.
    ///
    /// Taxation gates by broken rules only where registration with the tax authority follows the
    /// operation rather than preceding it; everything else must pass.
    pub fn gates(self) -> BTreeMap<Domain, Gate> {
        use Domain::{
            Aml, Banking, Corporate, DataPrivacy, Kyc, Licensing, Payments, Sanctions, Securities,
            Tax,
        };
        let (strict, lenient): (&[Domain], &[Domain]) = match self {
            Self::EntityFormation => (&[Aml, Kyc, Sanctions, Corporate, Licensing], &[Tax]),
            Self::OwnershipChange => (&[Aml, Kyc, Sanctions, Securities, Corporate], &[]),
            Self::FiscalAccount => (&[Aml, Kyc, Sanctions, Tax, Banking], &[]),
            Self::FiscalPayment => (&[Aml, Sanctions, Payments, Banking], &[Tax]),
            Self::IdentityVerification => (&[Sanctions, DataPrivacy], &[Kyc]),
            Self::ConsentResolution => (&[Sanctions, Corporate], &[Aml]),
            Self::TradeFlow => (&[Aml, Kyc, Sanctions], &[Tax]),
        };
        let strict = strict
            .iter()
            .map(|domain| (*domain, Gate::BlocksUnlessPassing));
        let lenient = lenient
            .iter()
            .map(|domain| (*domain, Gate::BlocksWhenNonCompliant));
        strict.chain(lenient).collect()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
            .ok_or_else(|| UnknownOperation {
                text: text.to_owned(),
            })
    }
}
