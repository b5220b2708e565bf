//! The offline verifier.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use super::BUNDLE_BYTES_MAX;
use super::Bundle;
use super::BundledEvent;
use super::FORMAT;
use super::Payload;
use super::report::Check;
use super::report::Claim;
use super::report::Failure;
use super::report::Outcome;
use super::seal_text;
use super::wire;
use crate::canonical;
use crate::canonical::CanonicalError;
use crate::checkpoint::Checkpoint;
use crate::credential;
use crate::credential::Policy;
use crate::did::DidKey;
use crate::digest::Digest;
use crate::event::ChainHead;
use crate::event::EventError;
use crate::event::payload_digest;
use crate::note::NoteError;
use crate::note::NoteVerifier;
use crate::note::SignedNote;
use crate::status_list::StatusList;

/// What the reader knows from elsewhere.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The zone that is expected. Without it, the report names the one to compare.
    pub zone: Option<DidKey>,
    /// The log's verifier key that is expected. Without it, the report names the one to compare.
    pub log: Option<NoteVerifier>,
    /// The instant as of which credentials are judged.
    pub as_of: Timestamp,
}

/// A bundle of which every check passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What it holds.
    pub bundle: Bundle,
    /// The opened checkpoint.
    pub checkpoint: Checkpoint,
    /// Every claim and what became of it; none fails.
    pub checks: Vec<Check>,
}

/// Why a bundle is not believed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BundleError {
    /// It is larger than [`BUNDLE_BYTES_MAX`].
    #[error("bundle of {length} bytes is larger than {BUNDLE_BYTES_MAX}")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
    },
    /// It is not JSON with a canonical form.
    #[error("bundle is not strict JSON")]
    NotJson(#[source] CanonicalError),
    /// A member is missing, unknown or of the wrong type.
    #[error("bundle is not of the known form: {reason}")]
    WrongForm {
        /// What the reader stumbled on.
        reason: String,
    },
    /// It is of a format that this version does not know.
    #[error("bundle has format `{found}`, not `{FORMAT}`")]
    UnknownFormat {
        /// The format it names.
        found: String,
    },
    /// The log's verifier key is malformed.
    #[error("bundle names a malformed log key")]
    LogKey(#[source] NoteError),
    /// An event's hashes or payload are not strict base64.
    #[error("event {number} of the bundle is not strict base64")]
    NotBase64 {
        /// Its place in the bundle, from 0.
        number: usize,
    },
    /// An event's header has no canonical form.
    #[error("header of event {number} is refused: {reason}")]
    Header {
        /// Its place in the bundle, from 0.
        number: usize,
        /// Why.
        reason: EventError,
    },
    /// Events are not in the order of the log.
    #[error("event {number} of the bundle is out of order")]
    OutOfOrder {
        /// Its place in the bundle, from 0.
        number: usize,
    },
    /// It could be read, but a claim fails.
    #[error("{}", first_failure(.checks))]
    Refused {
        /// Every claim and what became of it; at least one fails.
        checks: Vec<Check>,
    },
}

/// Verifies a bundle: its form, its seal, every proof in it and every credential.
///
/// Takes nothing from the bundle on trust except which zone and log it speaks for, and says so.
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Verified, BundleError> {
    let (bundle, open, seal) = read(bytes)?;
    let mut checks = vec![
        Check::new(Claim::Sealed, check_seal(&bundle, &open, &seal)),
        Check::new(Claim::Zone, compare(&bundle.zone, trust.zone.as_ref())),
        Check::new(Claim::LogKey, compare(&bundle.log, trust.log.as_ref())),
    ];
    let checkpoint = Checkpoint::open(&bundle.checkpoint, &bundle.log);
    let size = checkpoint.as_ref().ok().map(|checkpoint| checkpoint.size);
    let opened = match &checkpoint {
        Ok(_) => Outcome::Holds,
        Err(error) => Outcome::Fails(Failure::Checkpoint(error.clone())),
    };
    checks.push(Check::new(Claim::Checkpoint { size }, opened));
    check_events(&bundle.events, checkpoint.as_ref().ok(), &mut checks)?;
    check_credentials(&bundle, trust.as_of, &mut checks);
    check_packs(&bundle, &mut checks);
    match checkpoint {
        Ok(checkpoint) if checks.iter().all(Check::passes) => Ok(Verified {
            bundle,
            checkpoint,
            checks,
        }),
        _ => Err(BundleError::Refused { checks }),
    }
}

/// The bundle, its canonical bytes without the seal, and the seal.
fn read(bytes: &[u8]) -> Result<(Bundle, Vec<u8>, String), BundleError> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::TooLarge {
            length: bytes.len(),
        });
    }
    let wrong_form = |reason: &str| BundleError::WrongForm {
        reason: reason.to_owned(),
    };
    let mut value = canonical::parse(bytes).map_err(BundleError::NotJson)?;
    let members = value
        .as_object_mut()
        .ok_or_else(|| wrong_form("it is not an object"))?;
    let Some(Value::String(seal)) = members.remove("seal") else {
        return Err(wrong_form("member `seal` is missing or not a string"));
    };
    let open = canonical::to_vec(&value).map_err(BundleError::NotJson)?;
    let wire: wire::Read =
        serde_json::from_value(value).map_err(|error| wrong_form(&error.to_string()))?;
    if wire.format != FORMAT {
        return Err(BundleError::UnknownFormat { found: wire.format });
    }
    let read_event = |(number, event): (usize, wire::Event<'_>)| {
        event.read().ok_or(BundleError::NotBase64 { number })
    };
    let events = wire
        .events
        .into_iter()
        .enumerate()
        .map(read_event)
        .collect::<Result<_, _>>()?;
    let bundle = Bundle {
        zone: wire.zone.did,
        log: wire.zone.log.parse().map_err(BundleError::LogKey)?,
        checkpoint: wire.checkpoint,
        events,
        credentials: wire.credentials,
        status_lists: wire.status_lists,
        packs: wire.packs,
    };
    Ok((bundle, open, seal))
}

fn check_seal(bundle: &Bundle, open: &[u8], seal: &str) -> Outcome {
    let opened = SignedNote::parse(seal).and_then(|note| {
        note.verify(&bundle.log)?;
        note.verify(&NoteVerifier::new(
            &bundle.zone.to_string(),
            *bundle.zone.verifying_key(),
        )?)?;
        Ok(note)
    });
    match opened {
        Err(error) => Outcome::Fails(Failure::Seal(error)),
        Ok(note) if note.text == seal_text(open) && note.signatures.len() == 2 => Outcome::Holds,
        Ok(_) => Outcome::Fails(Failure::ForeignSeal),
    }
}

fn compare<T: PartialEq + ToString>(found: &T, expected: Option<&T>) -> Outcome {
    match expected {
        None => Outcome::Compare {
            found: found.to_string(),
        },
        Some(expected) if expected == found => Outcome::Holds,
        Some(expected) => Outcome::Fails(Failure::Unexpected {
            expected: expected.to_string(),
            found: found.to_string(),
        }),
    }
}

/// A run of events of one stream that follow each other.
struct Run {
    first: u64,
    head: ChainHead,
}

fn check_events(
    events: &[BundledEvent],
    checkpoint: Option<&Checkpoint>,
    checks: &mut Vec<Check>,
) -> Result<(), BundleError> {
    let mut runs: BTreeMap<&str, Run> = BTreeMap::new();
    let mut next_index = 0;
    for (number, event) in events.iter().enumerate() {
        if event.index < next_index {
            return Err(BundleError::OutOfOrder { number });
        }
        next_index = event.index + 1;
        let header = &event.header;
        let encoded = header
            .encode()
            .map_err(|reason| BundleError::Header { number, reason })?;
        let in_log = match checkpoint {
            None => Outcome::Fails(Failure::NoCheckpoint),
            Some(checkpoint) => {
                let leaf = encoded.leaf_hash();
                match checkpoint.verify_inclusion(&leaf, event.index, &event.inclusion) {
                    Ok(()) => Outcome::Holds,
                    Err(error) => Outcome::Fails(Failure::Inclusion(error)),
                }
            }
        };
        checks.push(Check::new(Claim::InLog { index: event.index }, in_log));
        let payload = check_payload(&event.payload, header.payload_digest);
        checks.push(Check::new(Claim::Payload { index: event.index }, payload));

        let seq = header.seq.get();
        let start = || match seq {
            1 => Run {
                first: 1,
                head: ChainHead::genesis(&header.stream),
            },
            // What came before is not in the bundle: the run begins with this event.
            _ => Run {
                first: seq,
                head: ChainHead::before(header),
            },
        };
        let run = runs.entry(&header.stream).or_insert_with(start);
        if seq > run.head.seq() + 1 {
            push_chain(&header.stream, run, Outcome::Holds, checks);
            *run = start();
        }
        if let Err(error) = run.head.follow(header, &encoded) {
            push_chain(
                &header.stream,
                run,
                Outcome::Fails(Failure::Chain(error)),
                checks,
            );
            *run = Run {
                first: seq,
                head: ChainHead::at(header, &encoded),
            };
        }
    }
    for (stream, run) in &runs {
        push_chain(stream, run, Outcome::Holds, checks);
    }
    Ok(())
}

fn push_chain(stream: &str, run: &Run, outcome: Outcome, checks: &mut Vec<Check>) {
    let (first, last) = (run.first, run.head.seq());
    checks.push(Check::new(
        Claim::Chain {
            stream: stream.to_owned(),
            first,
            last,
        },
        outcome,
    ));
}

fn check_payload(payload: &Payload, expected: Digest) -> Outcome {
    let found = match payload {
        Payload::Withheld => return Outcome::Withheld,
        Payload::Bytes(stored) => payload_digest(stored),
        Payload::Json(value) => match canonical::to_vec(value) {
            Ok(stored) => payload_digest(&stored),
            Err(error) => return Outcome::Fails(Failure::Payload(error)),
        },
    };
    match found == expected {
        true => Outcome::Holds,
        false => Outcome::Fails(Failure::PayloadDigest { expected, found }),
    }
}

fn check_credentials(bundle: &Bundle, as_of: Timestamp, checks: &mut Vec<Check>) {
    let mut lists = Vec::new();
    for (number, list) in bundle.status_lists.iter().enumerate() {
        let outcome = match StatusList::verify(list, &Policy::at(as_of)) {
            Ok(list) => {
                lists.push(list);
                Outcome::Holds
            }
            Err(refusal) => Outcome::Fails(Failure::Credential(refusal)),
        };
        checks.push(Check::new(Claim::StatusList { number }, outcome));
    }
    let policy = Policy {
        status_lists: &lists,
        ..Policy::at(as_of)
    };
    let zone = bundle.zone.to_string();
    for (number, credential) in bundle.credentials.iter().enumerate() {
        let (id, outcome) = match credential::verify(credential, &policy) {
            Ok(verified) if verified.issuer == zone => (verified.id, Outcome::Holds),
            Ok(verified) => (
                verified.id,
                Outcome::Compare {
                    found: verified.issuer,
                },
            ),
            Err(refusal) => (None, Outcome::Fails(Failure::Credential(refusal))),
        };
        checks.push(Check::new(Claim::Credential { number, id }, outcome));
    }
}

/// A pack is shown to have been applied when an event that is disclosed names its digest.
fn check_packs(bundle: &Bundle, checks: &mut Vec<Check>) {
    for pack in &bundle.packs {
        let text = pack.digest.to_string();
        let named = bundle.events.iter().any(|event| match &event.payload {
            Payload::Json(value) => names(value, &text),
            Payload::Bytes(_) | Payload::Withheld => false,
        });
        let outcome = if named {
            Outcome::Holds
        } else {
            Outcome::WordOnly
        };
        let claim = Claim::Pack {
            name: pack.name.clone(),
            digest: pack.digest,
        };
        checks.push(Check::new(claim, outcome));
    }
}

fn names(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| names(item, text)),
        Value::Object(members) => members.values().any(|member| names(member, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn first_failure(checks: &[Check]) -> String {
    let failure = checks.iter().find(|check| !check.passes());
    failure
        .map(Check::to_string)
        .unwrap_or_else(|| "bundle is refused".to_owned())
}
