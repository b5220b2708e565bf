//! What happened to principals and tokens, and the records that follow from it.

use std::collections::BTreeMap;

use api::scope::{Role, Standing};
use evidence::canonical;
use evidence::digest::{Digest, Purpose};
use ids::PrincipalId;
use ids::aggregate::{Aggregate, Misfit};
use journal::{Event, Privacy, ProjectionError, Record, Records, StreamName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bootstrap::{Bootstrap, BootstrapBody, BootstrapEvent};
use super::principal::{Principal, PrincipalBody, PrincipalEvent};
use super::token::{Token, TokenBody, TokenEvent};
use crate::change::Change;
use crate::declined::Declined;

pub(super) const PRINCIPAL: &str = "principal";
pub(super) const TOKEN: &str = "token";
pub(super) const BOOTSTRAP: &str = "bootstrap";
const BOOTSTRAP_STREAM: &str = "hanse/bootstrap";

/// Declares events whose payload is their body alone: their kind stands beside it in the journal.
macro_rules! events {
    ($(#[$about:meta])* $name:ident { $($variant:ident($body:ty) = $kind:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
        #[serde(untagged)]
        pub(super) enum $name { $($variant($body),)+ }

        impl $name {
            pub(super) fn read(kind: &str, payload: &[u8]) -> serde_json::Result<Option<Self>> {
                Ok(Some(match kind {
                    $($kind => Self::$variant(serde_json::from_slice(payload)?),)+
                    _ => return Ok(None),
                }))
            }
        }

        impl super::event::Happened for $name {
            fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)+ }
            }
        }
    };
}
pub(super) use events;

/// An event of an aggregate of this module.
pub(super) trait Happened: Serialize {
    /// The kind under which the journal stores it for ever.
    fn kind(&self) -> &'static str;
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
    events: &[impl Happened],
) -> Result<(), Declined> {
    let privacy = match stream.as_str() {
        BOOTSTRAP_STREAM => Privacy::Public,
        _ => Privacy::Personal,
    };
    let mut events = events.iter();
    events.try_for_each(|event| change.append(stream, privacy, event.kind(), event))
}

/// Applies one event of the `hanse/` streams to the records. Events of other kinds are left alone.
///
/// # Errors
/// The payload is not what its kind says, or it does not fit what happened before.
pub fn project(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let Some(payload) = &event.payload else {
        return Ok(());
    };
    let kind = event.kind.as_str();
    let unreadable = |error: serde_json::Error| ProjectionError::Payload {
        kind: event.kind.clone(),
        source: error.into(),
    };
    if let Some(happened) = PrincipalEvent::read(kind, payload).map_err(unreadable)? {
        let id = event.stream.as_str().rsplit('/').next().unwrap_or_default();
        let body = after::<Principal>(event, records, PRINCIPAL, id, &happened)?;
        put_principal(event, records, &body)?;
    }
    if let Some(happened) = TokenEvent::read(kind, payload).map_err(unreadable)? {
        let id = happened.jti().to_owned();
        let body = after::<Token>(event, records, TOKEN, &id, &happened)?;
        put_token(event, records, &body)?;
    }
    if let Some(happened) = BootstrapEvent::read(kind, payload).map_err(unreadable)? {
        let body = after::<Bootstrap>(event, records, BOOTSTRAP, BOOTSTRAP, &happened)?;
        put_bootstrap(event, records, &body)?;
    }
    Ok(())
}

/// The state of a record after an event.
fn after<A: Aggregate<State: DeserializeOwned>>(
    event: &Event,
    records: &dyn Records,
    kind: &str,
    id: &str,
    happened: &A::Event,
) -> Result<A::State, ProjectionError> {
    let before = records.get(kind, id)?;
    let before = before.map(|record| serde_json::from_slice(&record.body));
    let before = before
        .transpose()
        .map_err(|error| ProjectionError::Payload {
            kind: event.kind.clone(),
            source: error.into(),
        })?;
    A::apply(before, happened).map_err(|_: Misfit| ProjectionError::Rule {
        kind: event.kind.clone(),
        rule: "it fits what happened before",
    })
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
    body: &BootstrapBody,
) -> Result<(), ProjectionError> {
    let body = BootstrapBody {
        seq: event.seq.get(),
        ..body.clone()
    };
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
    Digest::of(Purpose::Token, secret.as_bytes())
}
