//! One credential: issued once, and standing as its company does.

use std::collections::BTreeSet;
use std::convert::Infallible;

use evidence::credential::Builder;
use evidence::status_list::Entry;
use ids::{EntityId, ZoneId};
use law::compliance::{EvidenceSubject, PackVersion};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, CredentialStanding, PURPOSES, Refusal};
use crate::entity::{Entity, Status};
use crate::screening::ListVersion;
use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};

/// The type of the credential that formation issues.
pub const FORMATION_CREDENTIAL_TYPE: &str = "HanseFormationCredential";
/// What commands are about, for refusals.
const CREDENTIAL: &str = "credential";

/// A credential that the zone issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Whom it is about.
    pub entity: EntityId,
    /// Its index on the status lists.
    pub index: u64,
    /// How it stands.
    pub standing: CredentialStanding,
    /// Itself, signed.
    pub credential: Value,
}

/// What can be asked about a credential.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Certify that a company is registered.
    Issue(Box<Issue>),
    /// Let it stand so from now on.
    ChangeStanding(CredentialStanding),
}

/// What a formation credential rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// The id it will have: a UUID, that of its URN.
    pub id: String,
    /// Its index on the status lists, which was free.
    pub index: u64,
    /// The company.
    pub company: Entity,
    /// The exact rules by which it was judged.
    pub rules: Vec<PackVersion>,
}

/// What happened to a credential. Stored without the name of the variant: the kind of the event tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CredentialEvent {
    /// It was issued.
    Issued(Issued),
    /// It was suspended, put in force again, or revoked.
    StandingChanged(StandingChanged),
}

/// A credential was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// Its id, the UUID of its URN.
    pub id: String,
    /// Whom it is about.
    pub entity: EntityId,
    /// Its index on the status lists.
    pub index: u64,
    /// Itself, signed.
    pub credential: Value,
}

/// A credential was suspended, put in force again, or revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingChanged {
    /// How it stands from then on.
    pub standing: CredentialStanding,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
}

impl CredentialEvent {
    /// The kind of [`Issued`].
    pub const ISSUED: &str = "credential.issued.v1";
    /// The kind of [`StandingChanged`].
    pub const STANDING_CHANGED: &str = "credential.standing_changed.v1";

    /// The kind under which the journal stores the event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Issued(_) => Self::ISSUED,
            Self::StandingChanged(_) => Self::STANDING_CHANGED,
        }
    }
}

impl Aggregate for Credential {
    type State = Self;
    type Command = Command;
    type Event = CredentialEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        credential: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision<CredentialEvent, Infallible>, Refusal> {
        let event = match (command, credential) {
            (Command::Issue(issue), None) => CredentialEvent::Issued(issue.sign(context)?),
            (Command::Issue(_), Some(credential)) => return Err(credential.refuse("issue")),
            (Command::ChangeStanding(_), None) => {
                return Err(CommonRefusal::Unknown { what: CREDENTIAL }.into());
            }
            (Command::ChangeStanding(standing), Some(credential)) => {
                if credential.standing == standing {
                    return Err(Refusal::StandsAlready(standing));
                }
                if !credential.may_become(standing) {
                    return Err(credential.refuse(verb(standing)));
                }
                let at_ms = context.now_ms;
                CredentialEvent::StandingChanged(StandingChanged { standing, at_ms })
            }
        };
        Ok(Decision::event(event))
    }

    fn apply(credential: Option<Self>, event: &CredentialEvent) -> Result<Self, Misfit> {
        let misfit = |state| Misfit {
            event: event.kind(),
            state,
        };
        match (credential, event) {
            (None, CredentialEvent::Issued(issued)) => Ok(Self {
                entity: issued.entity.clone(),
                index: issued.index,
                standing: CredentialStanding::InForce,
                credential: issued.credential.clone(),
            }),
            (None, CredentialEvent::StandingChanged(_)) => Err(misfit("none")),
            (Some(credential), CredentialEvent::Issued(_)) => {
                Err(misfit(credential.standing.as_str()))
            }
            (Some(mut credential), CredentialEvent::StandingChanged(changed)) => {
                if credential.standing == CredentialStanding::Revoked {
                    return Err(misfit(credential.standing.as_str()));
                }
                credential.standing = changed.standing;
                Ok(credential)
            }
        }
    }
}

impl Credential {
    /// Whether it can be made to stand so. Revocation is for good.
    pub fn may_become(&self, standing: CredentialStanding) -> bool {
        self.standing != CredentialStanding::Revoked && self.standing != standing
    }

    fn refuse(&self, command: &'static str) -> Refusal {
        let refusal = CommonRefusal::WrongState {
            what: CREDENTIAL,
            from: self.standing.as_str(),
            command,
        };
        refusal.into()
    }
}

const fn verb(standing: CredentialStanding) -> &'static str {
    match standing {
        CredentialStanding::InForce => "reinstate",
        CredentialStanding::Suspended => "suspend",
        CredentialStanding::Revoked => "revoke",
    }
}

impl Issue {
    fn sign(self, context: &Context<'_>) -> Result<Issued, Refusal> {
        let issuer = &context.issuer;
        let subject = formation_subject(issuer.zone, &self.company, &self.rules)
            .ok_or_else(|| Refusal::NotRegistered(self.company.id.clone()))?;
        let too_high = || Refusal::IndexFree { index: self.index };
        let index = usize::try_from(self.index).map_err(|_| too_high())?;
        let entry = |purpose| {
            let list = issuer.list_url(purpose);
            Entry {
                list,
                index,
                purpose,
            }
            .to_value()
        };
        let now = context.now()?;
        let unsigned = Builder {
            id: format!("urn:uuid:{}", self.id),
            issuer: issuer.name(),
            types: vec![FORMATION_CREDENTIAL_TYPE.to_owned()],
            subject,
            valid_from: now,
            valid_until: None,
            status: PURPOSES.map(entry).to_vec(),
        };
        Ok(Issued {
            credential: issuer.sign(unsigned.build(), now)?,
            id: self.id,
            entity: self.company.id,
            index: self.index,
        })
    }
}

/// The `credentialSubject` of a formation credential: public facts of the register, the commitment to
/// the compliance judgement, and the exact rules and lists behind it. Persons do not appear.
///
/// `None` unless the entity is active, registered and judged: there is nothing to certify.
pub fn formation_subject(zone: &ZoneId, entity: &Entity, rules: &[PackVersion]) -> Option<Value> {
    let registration = entity.registration.as_ref()?;
    let compliance = entity.compliance.as_ref()?;
    if entity.status != Status::Active {
        return None;
    }
    let lists: BTreeSet<&ListVersion> = entity
        .parties
        .values()
        .filter_map(|record| record.screening.as_ref())
        .flat_map(|fact| &fact.lists)
        .collect();
    Some(json!({
        "id": EvidenceSubject::Entity(entity.id.clone()).to_string(),
        "zone": zone,
        "legalName": entity.legal_name,
        "entityType": entity.entity_type,
        "jurisdiction": entity.jurisdiction,
        "registrationNumber": registration.number,
        "registeredAtMs": registration.at_ms,
        "complianceAsOfMs": compliance.as_of_ms,
        "complianceCommitment": compliance.commitment,
        "rules": rules,
        "screeningLists": lists,
    }))
}
