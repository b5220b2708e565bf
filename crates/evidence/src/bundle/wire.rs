//! The JSON form of a bundle.

use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::Bundle;
use super::BundledEvent;
use super::FORMAT;
use super::PackDigest;
use super::Payload;
use crate::base64;
use crate::did::DidKey;
use crate::event::EventHeader;
use crate::merkle::Hash;

/// A bundle without its seal.
#[derive(Serialize)]
pub(super) struct Open<'a> {
    checkpoint: &'a str,
    credentials: &'a [Value],
    events: Vec<Event<'a>>,
    format: &'static str,
    packs: &'a [PackDigest],
    status_lists: &'a [Value],
    zone: Zone,
}

/// A bundle as written.
#[derive(Serialize)]
pub(super) struct Sealed<'a> {
    #[serde(flatten)]
    pub(super) open: Open<'a>,
    pub(super) seal: String,
}

/// A bundle as read, without its seal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    pub(super) checkpoint: String,
    pub(super) credentials: Vec<Value>,
    pub(super) events: Vec<Event<'static>>,
    pub(super) format: String,
    pub(super) packs: Vec<PackDigest>,
    pub(super) status_lists: Vec<Value>,
    pub(super) zone: Zone,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Zone {
    pub(super) did: DidKey,
    pub(super) log: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event<'a> {
    header: Cow<'a, EventHeader>,
    inclusion: Vec<String>,
    index: u64,
    payload: PayloadText<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PayloadText<'a> {
    Json(Cow<'a, Value>),
    Base64(String),
    Withheld,
}

impl<'a> From<&'a Bundle> for Open<'a> {
    fn from(bundle: &'a Bundle) -> Self {
        Self {
            checkpoint: &bundle.checkpoint,
            credentials: &bundle.credentials,
            events: bundle.events.iter().map(Event::from).collect(),
            format: FORMAT,
            packs: &bundle.packs,
            status_lists: &bundle.status_lists,
            zone: Zone {
                did: bundle.zone,
                log: bundle.log.to_string(),
            },
        }
    }
}

impl<'a> From<&'a BundledEvent> for Event<'a> {
    fn from(event: &'a BundledEvent) -> Self {
        Self {
            header: Cow::Borrowed(&event.header),
            inclusion: event
                .inclusion
                .iter()
                .map(|hash| base64::encode(hash))
                .collect(),
            index: event.index,
            payload: match &event.payload {
                Payload::Json(value) => PayloadText::Json(Cow::Borrowed(value)),
                Payload::Bytes(bytes) => PayloadText::Base64(base64::encode(bytes)),
                Payload::Withheld => PayloadText::Withheld,
            },
        }
    }
}

impl Event<'_> {
    /// `None` when a text is not strict base64, or not of a hash's length.
    pub(super) fn read(self) -> Option<BundledEvent> {
        let hash = |text: &String| -> Option<Hash> { base64::decode(text)?.try_into().ok() };
        Some(BundledEvent {
            header: self.header.into_owned(),
            index: self.index,
            inclusion: self.inclusion.iter().map(hash).collect::<Option<_>>()?,
            payload: match self.payload {
                PayloadText::Json(value) => Payload::Json(value.into_owned()),
                PayloadText::Base64(text) => Payload::Bytes(base64::decode(&text)?),
                PayloadText::Withheld => Payload::Withheld,
            },
        })
    }
}
