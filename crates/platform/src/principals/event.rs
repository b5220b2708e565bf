//! What happened to principals and tokens, and the records that follow from it.

use api::principals::PrincipalStatus;
use api::scope::{Role, Standing};
use api::tokens::TokenStatus;
use ids::PrincipalId;
use std::collections::{BTreeMap, BTreeSet};

use evidence::canonical;
use evidence::digest::Digest;
use journal::{Event, EventKind, Privacy, ProjectionError, Record, Records, StreamName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::views::{PrincipalBody, TokenBody};
use crate::change::Change;
use crate::http::problem::Problem;

pub(super) const PRINCIPAL: &str = "principal";
pub(super) const TOKEN: &str = "token";
pub(super) const BOOTSTRAP: &str = "bootstrap";
const BOOTSTRAP_STREAM: &str = "hanse/bootstrap";

/// Everything that can happen in the streams of this module. The tag is the event kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Created(PrincipalBody),
    StandingSet(StandingSet),
    Disabled(Disabled),
    TokenIssued(TokenBody),
    TokenRevoked(TokenRevoked),
    BootstrapIssued(BootstrapIssued),
    BootstrapRedeemed(BootstrapRedeemed),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StandingSet {
    pub standing: Standing,
    pub entities: BTreeSet<String>,
    pub jurisdiction: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disabled {
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRevoked {
    pub jti: String,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BootstrapIssued {
    pub digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BootstrapRedeemed {
    pub principal: PrincipalId,
}

/// What is known of the bootstrap token that was issued last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BootstrapBody {
    pub digest: Digest,
    pub redeemed_by: Option<PrincipalId>,
    /// The sequence number of the event that says so; a redemption expects it.
    pub seq: u64,
}

impl Happened {
    fn kind(&self) -> &'static str {
        match self {
            Self::Created(_) => "principal.created.v1",
            Self::StandingSet(_) => "principal.standing_set.v1",
            Self::Disabled(_) => "principal.disabled.v1",
            Self::TokenIssued(_) => "token.issued.v1",
            Self::TokenRevoked(_) => "token.revoked.v1",
            Self::BootstrapIssued(_) => "bootstrap.issued.v1",
            Self::BootstrapRedeemed(_) => "bootstrap.redeemed.v1",
        }
    }

    fn read(kind: &EventKind, payload: &[u8]) -> Result<Option<Self>, ProjectionError> {
        Ok(Some(match kind.as_str() {
            "principal.created.v1" => Self::Created(read(kind, payload)?),
            "principal.standing_set.v1" => Self::StandingSet(read(kind, payload)?),
            "principal.disabled.v1" => Self::Disabled(read(kind, payload)?),
            "token.issued.v1" => Self::TokenIssued(read(kind, payload)?),
            "token.revoked.v1" => Self::TokenRevoked(read(kind, payload)?),
            "bootstrap.issued.v1" => Self::BootstrapIssued(read(kind, payload)?),
            "bootstrap.redeemed.v1" => Self::BootstrapRedeemed(read(kind, payload)?),
            _ => return Ok(None),
        }))
    }
}

fn read<T: DeserializeOwned>(kind: &EventKind, payload: &[u8]) -> Result<T, ProjectionError> {
    serde_json::from_slice(payload).map_err(|error| ProjectionError::Payload {
        kind: kind.clone(),
        source: error.into(),
    })
}

/// The personal stream of a principal.
pub(super) fn principal_stream(id: &PrincipalId) -> StreamName {
    format!("hanse/principal/{id}")
        .parse()
        .expect("a principal id is a stream segment")
}

pub(super) fn bootstrap_stream() -> StreamName {
    BOOTSTRAP_STREAM
        .parse()
        .expect("the constant is a stream name")
}

/// Appends what happened to one principal, or to the bootstrap token.
pub(super) fn append(
    change: &mut Change,
    stream: &StreamName,
    events: &[Happened],
) -> Result<(), Problem> {
    let personal = stream.as_str() != BOOTSTRAP_STREAM;
    let privacy = if personal {
        Privacy::Personal
    } else {
        Privacy::Public
    };
    events.iter().try_for_each(|event| match event {
        Happened::Created(body) => change.append(stream, privacy, event.kind(), body),
        Happened::StandingSet(body) => change.append(stream, privacy, event.kind(), body),
        Happened::Disabled(body) => change.append(stream, privacy, event.kind(), body),
        Happened::TokenIssued(body) => change.append(stream, privacy, event.kind(), body),
        Happened::TokenRevoked(body) => change.append(stream, privacy, event.kind(), body),
        Happened::BootstrapIssued(body) => change.append(stream, privacy, event.kind(), body),
        Happened::BootstrapRedeemed(body) => change.append(stream, privacy, event.kind(), body),
    })
}

/// Applies one event of the `hanse/` streams to the records. Events of other kinds are left alone.
///
/// # Errors
/// The payload is not what its kind says, or it is about a record that does not exist.
pub fn project(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let Some(payload) = &event.payload else {
        return Ok(());
    };
    let Some(happened) = Happened::read(&event.kind, payload)? else {
        return Ok(());
    };
    match happened {
        Happened::Created(body) => put_principal(event, records, &body),
        Happened::StandingSet(set) => change_principal(event, records, |body| {
            body.standing = set.standing;
            body.entities = set.entities;
            body.jurisdiction = set.jurisdiction;
        }),
        Happened::Disabled(_) => change_principal(event, records, |body| {
            body.status = PrincipalStatus::Disabled
        }),
        Happened::TokenIssued(body) => put_token(event, records, &body),
        Happened::TokenRevoked(revoked) => {
            let mut body: TokenBody = existing(event, records, TOKEN, &revoked.jti)?;
            body.status = TokenStatus::Revoked;
            put_token(event, records, &body)
        }
        Happened::BootstrapIssued(issued) => put_bootstrap(
            event,
            records,
            BootstrapBody {
                digest: issued.digest,
                redeemed_by: None,
                seq: event.seq.get(),
            },
        ),
        Happened::BootstrapRedeemed(redeemed) => {
            let before: BootstrapBody = existing(event, records, BOOTSTRAP, BOOTSTRAP)?;
            put_bootstrap(
                event,
                records,
                BootstrapBody {
                    redeemed_by: Some(redeemed.principal),
                    seq: event.seq.get(),
                    ..before
                },
            )
        }
    }
}

fn existing<T: DeserializeOwned>(
    event: &Event,
    records: &dyn Records,
    kind: &str,
    id: &str,
) -> Result<T, ProjectionError> {
    let record = records
        .get(kind, id)?
        .ok_or_else(|| ProjectionError::Rule {
            kind: event.kind.clone(),
            rule: "the record it is about exists",
        })?;
    read(&event.kind, &record.body)
}

fn change_principal(
    event: &Event,
    records: &mut dyn Records,
    change: impl FnOnce(&mut PrincipalBody),
) -> Result<(), ProjectionError> {
    let id = event.stream.as_str().rsplit('/').next().unwrap_or_default();
    let mut body: PrincipalBody = existing(event, records, PRINCIPAL, id)?;
    change(&mut body);
    put_principal(event, records, &body)
}

fn put_principal(
    event: &Event,
    records: &mut dyn Records,
    body: &PrincipalBody,
) -> Result<(), ProjectionError> {
    let administrator = match &body.standing {
        Standing::Staff { roles } => roles.contains(&Role::Administrator),
        Standing::Regulator {} => false,
    };
    let fields = [
        ("status", body.status.as_str()),
        ("kind", body.kind.as_str()),
        ("administrator", if administrator { "yes" } else { "no" }),
    ];
    put(event, records, PRINCIPAL, body.id.as_str(), &fields, body)
}

fn put_token(
    event: &Event,
    records: &mut dyn Records,
    body: &TokenBody,
) -> Result<(), ProjectionError> {
    let fields = [
        ("status", body.status.as_str()),
        ("principal", body.principal.as_str()),
    ];
    put(event, records, TOKEN, &body.jti, &fields, body)
}

fn put_bootstrap(
    event: &Event,
    records: &mut dyn Records,
    body: BootstrapBody,
) -> Result<(), ProjectionError> {
    put(event, records, BOOTSTRAP, BOOTSTRAP, &[], &body)
}

fn put(
    event: &Event,
    records: &mut dyn Records,
    kind: &str,
    id: &str,
    fields: &[(&str, &str)],
    body: &impl Serialize,
) -> Result<(), ProjectionError> {
    let body = canonical::to_vec_of(body).expect("record bodies are plain canonical JSON");
    let field = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    records.put(Record {
        kind: kind.to_owned(),
        id: id.to_owned(),
        stream: Some(event.stream.clone()),
        fields: fields.iter().map(field).collect::<BTreeMap<_, _>>(),
        body,
        version: 0,
    })
}

/// Digest of a principal, token or bootstrap secret as it may be stored.
pub(super) fn secret_digest(secret: &str) -> Digest {
    Digest::of(evidence::digest::Purpose::Token, secret.as_bytes())
}
