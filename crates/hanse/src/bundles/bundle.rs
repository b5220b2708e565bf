//! Evidence bundles: made from the journal, and judged for people.

use evidence::bundle::{
    self as form, Bundle, BundleError, BundledEvent, Check, Outcome, Payload, Trust,
};
use evidence::checkpoint::Checkpoint;
use journal::{Event, LogIndex, Seq, Snapshot, StreamName};
use serde_json::Value;

use super::EntityFile;
use super::judge::{Judgement, Kind, Known, Mark};
use crate::journal_api::{Disclosure, LogIdentity, not_read};
use platform::declined::Declined;

/// Most events of an entity in one bundle; beyond it, the audit export is the right form.
const EVENTS_MAX: usize = 10_000;
const CHUNK: usize = 200;

/// The bundle about one event, against the newest checkpoint or the one of exactly `size` events.
///
/// # Errors
/// `not_found` when there is no such event or no such checkpoint.
pub fn of_event(
    snapshot: &Snapshot<'_>,
    identity: &LogIdentity,
    disclosure: &Disclosure,
    index: u64,
    size: Option<u64>,
) -> Result<Vec<u8>, Declined> {
    let (note, size) = checkpoint(snapshot, identity, size)?;
    if index >= size {
        return Err(Declined::not_found("event in the tree of that checkpoint"));
    }
    let event = snapshot.event(LogIndex(index)).map_err(not_read)?;
    let event = event.ok_or_else(|| Declined::not_found("event"))?;
    let mut bundle = empty(identity, note);
    bundle
        .events
        .push(bundled(snapshot, event, size, disclosure)?);
    identity.seal(&bundle)
}

/// The bundle about one entity, against the newest checkpoint.
///
/// # Errors
/// The journal cannot be read.
pub fn of_entity(
    snapshot: &Snapshot<'_>,
    identity: &LogIdentity,
    disclosure: &Disclosure,
    file: EntityFile,
) -> Result<Vec<u8>, Declined> {
    let mut bundle = of_events(snapshot, identity, disclosure, &file.stream)?;
    bundle.credentials = file.credentials;
    bundle.status_lists = file.status_lists;
    bundle.packs = file.packs;
    identity.seal(&bundle)
}

/// The bundle about everything in one public stream, against the newest checkpoint.
///
/// # Errors
/// The journal cannot be read.
pub fn of_public_stream(
    snapshot: &Snapshot<'_>,
    identity: &LogIdentity,
    stream: &StreamName,
) -> Result<Vec<u8>, Declined> {
    let bundle = of_events(snapshot, identity, &Disclosure::of_public(), stream)?;
    identity.seal(&bundle)
}

fn of_events(
    snapshot: &Snapshot<'_>,
    identity: &LogIdentity,
    disclosure: &Disclosure,
    stream: &StreamName,
) -> Result<Bundle, Declined> {
    let (note, size) = checkpoint(snapshot, identity, None)?;
    let mut bundle = empty(identity, note);
    for event in events_of(snapshot, stream)? {
        if event.index.0 < size {
            bundle
                .events
                .push(bundled(snapshot, event, size, disclosure)?);
        }
    }
    Ok(bundle)
}

fn empty(identity: &LogIdentity, checkpoint: String) -> Bundle {
    Bundle {
        zone: identity.zone(),
        log: identity.log().clone(),
        checkpoint,
        events: Vec::new(),
        credentials: Vec::new(),
        status_lists: Vec::new(),
        packs: Vec::new(),
    }
}

/// A stored checkpoint, and its size as it is signed.
fn checkpoint(
    snapshot: &Snapshot<'_>,
    identity: &LogIdentity,
    size: Option<u64>,
) -> Result<(String, u64), Declined> {
    let found = match size {
        None => snapshot.checkpoint().map_err(not_read)?,
        Some(size) => {
            let next = snapshot.checkpoints(size, 1).map_err(not_read)?.pop();
            next.filter(|checkpoint| checkpoint.size == size)
        }
    };
    let found = found.ok_or_else(|| Declined::not_found("checkpoint"))?;
    let opened = Checkpoint::open(&found.note, identity.log());
    let size = opened.map_err(|error| Declined::internal(&error))?.size;
    Ok((found.note, size))
}

fn events_of(snapshot: &Snapshot<'_>, stream: &StreamName) -> Result<Vec<Event>, Declined> {
    let mut events = Vec::new();
    let mut from = Some(Seq::FIRST);
    while let Some(seq) = from {
        let chunk = snapshot.stream(stream, seq, CHUNK).map_err(not_read)?;
        from = if chunk.len() < CHUNK {
            None
        } else {
            chunk.last().map(|last| last.seq.next())
        };
        events.extend(chunk);
        if events.len() > EVENTS_MAX {
            return Err(Declined::not_found(
                "bundle of so many events; take the audit export",
            ));
        }
    }
    Ok(events)
}

/// Sealed content is withheld: its plain text could not be checked, and its ciphertext says nothing.
fn bundled(
    snapshot: &Snapshot<'_>,
    event: Event,
    size: u64,
    disclosure: &Disclosure,
) -> Result<BundledEvent, Declined> {
    let inclusion = snapshot.inclusion(event.index, size).map_err(not_read)?;
    let shown = !event.header.sealed && disclosure.content(&event).is_ok();
    let payload = if shown {
        Payload::shown(event.stored)
    } else {
        Payload::Withheld
    };
    Ok(BundledEvent {
        header: event.header,
        index: event.index.0,
        inclusion,
        payload,
    })
}

/// Whether a file says that it is a bundle.
pub fn is_bundle(value: &Value) -> bool {
    value["format"]
        .as_str()
        .is_some_and(|format| format.starts_with("hanse/evidence-bundle/"))
}

/// Judges a bundle.
pub(super) fn judge(bytes: &[u8], known: &Known) -> Judgement {
    let trust = Trust {
        zone: known.zone,
        log: known.log.clone(),
        as_of: known.as_of,
    };
    let judgement = Judgement::of(Kind::Bundle);
    match form::verify(bytes, &trust) {
        Ok(verified) => verified.checks.iter().fold(judgement, add),
        Err(BundleError::Refused { checks }) => checks.iter().fold(judgement, add),
        Err(error) => judgement.fails("the file is a whole evidence bundle", &error),
    }
}

fn add(judgement: Judgement, check: &Check) -> Judgement {
    let what = check.claim.to_string();
    let detail = match &check.outcome {
        Outcome::Holds => None,
        Outcome::Compare { found } => Some(found.clone()),
        outcome @ (Outcome::WordOnly | Outcome::Withheld) => Some(outcome.to_string()),
        Outcome::Fails(failure) => Some(failure.to_string()),
    };
    let mark = match &check.outcome {
        Outcome::Holds => Mark::Holds,
        Outcome::Compare { .. } => Mark::Compare,
        Outcome::WordOnly => Mark::WordOnly,
        Outcome::Withheld => Mark::Withheld,
        Outcome::Fails(_) => Mark::Fails,
    };
    let judgement = judgement.add(mark, what, detail);
    match &check.outcome {
        Outcome::Compare { found } => judgement.compare(format!(
            "This holds only if {found} is really who you think of: compare it with a copy from another source, and \
             pass it with --key or --log-key.",
        )),
        _ => judgement,
    }
}
