//! `hanse verify`: what a file proves, to someone who trusts nobody, without a network.
//!
//! The file says itself what it is: an evidence bundle, an audit export, a credential or a
//! checkpoint. Everything is judged as of one stated time.

use std::error::Error;
use std::io::{BufRead, Read as _};

use evidence::canonical;
use evidence::checkpoint::Checkpoint;
use evidence::credential::{self, Issuers, Policy};
use evidence::did::DidKey;
use evidence::note::{NoteVerifier, SignedNote};
use evidence::status_list::StatusList;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{bundle, export};
use platform::declined::Chain;

/// Largest file that is read whole; exports are read line by line.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What the reader knows from another source than the file.
#[derive(Clone, Debug)]
pub struct Known {
    /// The zone's key.
    pub zone: Option<DidKey>,
    /// The log's key.
    pub log: Option<NoteVerifier>,
    /// The instant for which everything is judged.
    pub as_of: Timestamp,
    /// Status list credentials, as JSON.
    pub status_lists: Vec<Value>,
}

/// What the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An evidence bundle.
    Bundle,
    /// An audit export.
    AuditExport,
    /// A verifiable credential.
    Credential,
    /// A checkpoint of a log.
    Checkpoint,
    /// Nothing that is known.
    Unknown,
}

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It is shown.
    Holds,
    /// It is consistent, but rests on a key that the reader must compare.
    Compare,
    /// Nothing but the zone's word stands for it.
    WordOnly,
    /// There is nothing to check it on.
    Withheld,
    /// It does not hold.
    Fails,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it went.
    pub mark: Mark,
    /// What was checked and, when it holds, is proven.
    pub what: String,
    /// Why, or what it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The judgement of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// What the file is.
    pub kind: Kind,
    /// Whether no check fails.
    pub verified: bool,
    /// The checks, in the order they were made.
    pub checks: Vec<Check>,
    /// What must be compared with another source before the proof means anything, in plain words.
    pub compare: Vec<String>,
}

impl Judgement {
    /// A judgement without any check yet.
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            verified: true,
            checks: Vec::new(),
            compare: Vec::new(),
        }
    }

    /// Adds a check.
    pub(super) fn add(mut self, mark: Mark, what: String, detail: Option<String>) -> Self {
        self.verified &= mark != Mark::Fails;
        self.checks.push(Check { mark, what, detail });
        self
    }

    /// Adds a check that holds.
    pub(super) fn holds(self, what: impl Into<String>) -> Self {
        self.add(Mark::Holds, what.into(), None)
    }

    /// Adds a check that does not hold, with everything its error says.
    pub(super) fn fails(self, what: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        self.add(Mark::Fails, what.into(), Some(Chain(error).to_string()))
    }

    /// Adds something to be compared.
    pub(super) fn compare(mut self, with: impl Into<String>) -> Self {
        self.compare.push(with.into());
        self
    }
}

/// Why a file is none of what is known.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("file cannot be read")]
    Read(#[source] std::io::Error),
    #[error("file is larger than {FILE_BYTES_MAX} bytes and no audit export")]
    TooLarge,
    #[error("file is neither JSON nor a signed note")]
    NotText,
    #[error("file is no bundle, audit export, credential or checkpoint")]
    Unknown,
    #[error("file is not strict JSON")]
    NotJson(#[source] canonical::CanonicalError),
}

/// Judges a file.
pub fn judge(mut input: impl BufRead, known: &Known) -> Judgement {
    let is_export = match input.fill_buf() {
        Ok(start) => starts_export(start),
        Err(error) => return unreadable(&Unreadable::Read(error)),
    };
    if is_export {
        return judge_export(input, known);
    }
    let mut bytes = Vec::new();
    match input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        Err(error) => unreadable(&Unreadable::Read(error)),
        Ok(_) if bytes.len() as u64 > FILE_BYTES_MAX => unreadable(&Unreadable::TooLarge),
        Ok(_) => judge_whole(&bytes, known),
    }
}

fn unreadable(why: &Unreadable) -> Judgement {
    Judgement::of(Kind::Unknown).fails("the file is something that can be verified", why)
}

/// The first line of an export is an object with the type `head`, in the order it was written.
fn starts_export(start: &[u8]) -> bool {
    start.starts_with(br#"{"type":"head","#)
}

fn judge_whole(bytes: &[u8], known: &Known) -> Judgement {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return unreadable(&Unreadable::NotText);
    };
    if !text.trim_start().starts_with('{') {
        return match SignedNote::parse(text) {
            Ok(_) => judge_checkpoint(text, known),
            Err(_) => unreadable(&Unreadable::NotText),
        };
    }
    match canonical::parse(bytes) {
        Err(error) => unreadable(&Unreadable::NotJson(error)),
        Ok(value) if value.get("@context").is_some() => judge_credential(&value, known),
        Ok(value) if bundle::is_bundle(&value) => bundle::judge(bytes, known),
        Ok(_) => unreadable(&Unreadable::Unknown),
    }
}

fn judge_export(input: impl BufRead, known: &Known) -> Judgement {
    let judgement = Judgement::of(Kind::AuditExport);
    let proven = match export::verify(input, known.log.as_ref()) {
        Ok(proven) => proven,
        Err(error) => return judgement.fails("every event of the export is in the log", &error),
    };
    let (from, to) = (proven.from, proven.checkpoint.size);
    let mut judgement = judgement
        .holds(format!(
            "the {} events {from} to {} of {} are all there, unchanged and in order",
            proven.events,
            to - 1,
            proven.checkpoint.origin
        ))
        .holds(format!(
            "each continues its stream ({} streams)",
            proven.streams
        ))
        .holds(format!(
            "the content of {} of them is what the log commits to",
            proven.contents
        ));
    if proven.opened > 0 {
        judgement = judgement.compare(format!(
            "The plain text of {} sealed events is the exporter's word: the log commits to their ciphertext.",
            proven.opened
        ));
    }
    judgement = compare_log(judgement, &proven.log_key, known);
    match known.zone {
        Some(zone) if zone != proven.zone => judgement.fails(
            "the export names the zone that you know",
            &OtherZone {
                expected: zone,
                actual: proven.zone,
            },
        ),
        _ => judgement,
    }
}

/// The export or bundle is of another zone.
#[derive(Debug, thiserror::Error)]
#[error("it names {actual}, not {expected}")]
pub(super) struct OtherZone {
    pub(super) expected: DidKey,
    pub(super) actual: DidKey,
}

/// Says which key the proof rests on, when the reader did not bring it.
pub(super) fn compare_log(
    judgement: Judgement,
    log_key: &NoteVerifier,
    known: &Known,
) -> Judgement {
    match &known.log {
        Some(key) => judgement.holds(format!("the head of the log is signed by {}", key.name())),
        None => judgement.compare(format!(
            "No log key was given. This holds only if the key of the log is really {log_key} — compare it with a copy \
             from another source and pass it with --log-key."
        )),
    }
}

fn judge_checkpoint(note: &str, known: &Known) -> Judgement {
    let judgement = Judgement::of(Kind::Checkpoint);
    let Some(key) = &known.log else {
        return match Checkpoint::unverified(note) {
            Err(error) => judgement.fails("the file is a checkpoint", &error),
            Ok(checkpoint) => judgement.fails(
                format!(
                    "the log {} had {} events",
                    checkpoint.origin, checkpoint.size
                ),
                &NoLogKey,
            ),
        };
    };
    match Checkpoint::open(note, key) {
        Err(error) => judgement.fails(format!("{} signed a head of its log", key.name()), &error),
        Ok(checkpoint) => judgement.holds(format!(
            "{} signed that its log had {} events with the root {}",
            checkpoint.origin,
            checkpoint.size,
            data_encoding::HEXLOWER.encode(&checkpoint.root)
        )),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a checkpoint proves nothing without the key of its log; pass it with --log-key")]
struct NoLogKey;

fn judge_credential(value: &Value, known: &Known) -> Judgement {
    let mut judgement = Judgement::of(Kind::Credential);
    let policy = Policy::at(known.as_of);
    let mut lists = Vec::new();
    for list in &known.status_lists {
        match StatusList::verify(list, &policy) {
            Ok(list) => lists.push(list),
            Err(error) => return judgement.fails("the status list can be believed", &error),
        }
    }
    let only = known.zone.iter().map(DidKey::to_string).collect();
    let issuers = if known.zone.is_some() {
        Issuers::Only(&only)
    } else {
        Issuers::Anyone
    };
    let policy = Policy {
        issuers,
        status_lists: &lists,
        ..policy
    };
    let verified = match credential::verify(value, &policy) {
        Ok(verified) => verified,
        Err(error) => {
            return judgement.fails(
                format!("the credential holds as of {}", known.as_of),
                &error,
            );
        }
    };
    judgement = judgement
        .holds(format!(
            "{} says: {}",
            verified.issuer,
            verified.types.join(", ")
        ))
        .holds(format!("about {}", verified.subjects.join(", ")))
        .holds(format!("it is valid as of {}", known.as_of));
    judgement = match verified.status.len() {
        0 => judgement.holds("it cannot be revoked: it has no status entry"),
        _ => judgement.holds("it was neither revoked nor suspended, by the status list given"),
    };
    match known.zone {
        Some(_) => judgement,
        None => judgement.compare(format!(
            "No key was given. This holds only if {} is really the issuer you think of — compare it with a copy from \
             another source and pass it with --key.",
            verified.issuer
        )),
    }
}
