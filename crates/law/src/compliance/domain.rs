//! The twenty compliance domains, in their fixed order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A field of law in which a subject is judged. Text forms are snake case and case-sensitive.
///
/// The order of the variants is the order in which domains are listed everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are the vocabulary; the packs say what each demands"
)]
pub enum Domain {
    Aml,
    Kyc,
    Sanctions,
    Tax,
    Securities,
    Corporate,
    Custody,
    DataPrivacy,
    Licensing,
    Banking,
    Payments,
    Clearing,
    Settlement,
    DigitalAssets,
    Employment,
    Immigration,
    Ip,
    ConsumerProtection,
    Arbitration,
    Trade,
}

/// A text that names no compliance domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a compliance domain")]
pub struct UnknownDomain {
    /// What was given.
    pub text: String,
}

impl Domain {
    /// All domains in order.
    pub const ALL: [Self; 20] = [
        Self::Aml,
        Self::Kyc,
        Self::Sanctions,
        Self::Tax,
        Self::Securities,
        Self::Corporate,
        Self::Custody,
        Self::DataPrivacy,
        Self::Licensing,
        Self::Banking,
        Self::Payments,
        Self::Clearing,
        Self::Settlement,
        Self::DigitalAssets,
        Self::Employment,
        Self::Immigration,
        Self::Ip,
        Self::ConsumerProtection,
        Self::Arbitration,
        Self::Trade,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aml => "aml",
            Self::Kyc => "kyc",
            Self::Sanctions => "sanctions",
            Self::Tax => "tax",
            Self::Securities => "securities",
            Self::Corporate => "corporate",
            Self::Custody => "custody",
            Self::DataPrivacy => "data_privacy",
            Self::Licensing => "licensing",
            Self::Banking => "banking",
            Self::Payments => "payments",
            Self::Clearing => "clearing",
            Self::Settlement => "settlement",
            Self::DigitalAssets => "digital_assets",
            Self::Employment => "employment",
            Self::Immigration => "immigration",
            Self::Ip => "ip",
            Self::ConsumerProtection => "consumer_protection",
            Self::Arbitration => "arbitration",
            Self::Trade => "trade",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Domain {
    type Err = UnknownDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|domain| domain.as_str() == text)
            .ok_or_else(|| UnknownDomain {
                text: text.to_owned(),
            })
    }
}
