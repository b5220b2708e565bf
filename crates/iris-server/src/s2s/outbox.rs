//! What waits for other domains: rows of the journal's outbox, written with the sender's copy, settled when the peer has
//! handled them. One kind for each pair of a local and a remote domain, so that a dead domain blocks nobody else.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bytes::Bytes;
use iris::services::content::{Content, MessageType};
use iris::stanza::{Kind, Stanza};
use jid::DomainPart;
use journal::{
    CommitError, EffectState, Journal, LeaseRequest, LeasedEffect, NewEffect, ReadError,
    Settlement, StreamName, Transaction,
};
use serde::{Deserialize, Serialize};

use super::Pair;
use crate::store::account_stream;

const PREFIX: &str = "iris.s2s/";
/// How long a lease keeps others away; longer than an acknowledgement is waited for.
const LEASE_MS: i64 = 60_000;
/// Rows of one page when looking for what was left.
const PAGE: usize = 500;

/// A stanza as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    at_ms: i64,
    stanza: String,
}

/// A stanza that waits, taken by us until its lease ends.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    id: String,
    lease: u64,
    /// When it was sent.
    pub(super) at_ms: i64,
    /// As carried.
    pub(super) stanza: Bytes,
}

/// What became of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The peer has it, or it was given up and its sender told.
    Settled,
    /// It is tried again, in its old place.
    Again,
}

/// The outbox of one node.
#[derive(Debug)]
pub(super) struct Outbox {
    journal: Journal,
    /// Times never go back, because order is by time.
    newest_ms: AtomicI64,
    count: AtomicU64,
    /// Where the node's own rooms are.
    rooms: DomainPart,
    /// Unlike that of every start before.
    run: String,
}

impl Outbox {
    pub(super) fn new(journal: Journal, rooms: DomainPart, random: [u8; 32]) -> Self {
        Self {
            rooms,
            journal,
            newest_ms: AtomicI64::new(0),
            count: AtomicU64::new(0),
            run: random[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        }
    }

    /// Whether a stanza outlasts a crash: [`Outbox::row`] made a row for it.
    pub(super) fn keeps(&self, stanza: &Stanza) -> bool {
        self.owner(stanza).is_some()
    }

    /// The stream that seals a stanza, if it is to be kept.
    fn owner(&self, stanza: &Stanza) -> Option<StreamName> {
        if !outlasts_a_crash(&self.rooms, stanza) {
            return None;
        }
        let owner = account_stream(&stanza.from.to_bare()).ok()?;
        let head = self.journal.snapshot().ok()?.stream_head(&owner).ok()?;
        head.filter(|head| !head.shredded).map(|head| head.stream)
    }

    /// The row that keeps a stanza, if it shall be kept and its sender has a stream to seal it with.
    pub(super) fn row(&self, pair: &Pair, stanza: &Stanza, now_ms: i64) -> Option<NewEffect> {
        let owner = self.owner(stanza)?;
        let at_ms = self
            .newest_ms
            .fetch_max(now_ms, Ordering::Relaxed)
            .max(now_ms);
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let row = Row {
            at_ms,
            stanza: std::str::from_utf8(&stanza.bytes).ok()?.to_owned(),
        };
        Some(NewEffect {
            id: format!("{PREFIX}{at_ms:015}/{count:012}/{}", self.run),
            kind: kind(pair),
            owner: Some(owner),
            payload: serde_json::to_vec(&row).ok()?,
            not_before_ms: at_ms,
        })
    }

    /// Takes the oldest that wait for a domain, in order; nothing if the journal does not answer. `after_crash` takes what an
    /// earlier run of the node had taken, too.
    pub(super) async fn take(
        &self,
        pair: &Pair,
        now_ms: i64,
        limit: usize,
        after_crash: bool,
    ) -> Option<Vec<Waiting>> {
        let ahead = if after_crash { LEASE_MS } else { 0 };
        let request = LeaseRequest {
            now_ms: now_ms.max(self.newest_ms.load(Ordering::Relaxed)) + ahead,
            // It ends as early as any, or the run after the next crash could not take them.
            lease_ms: LEASE_MS - ahead,
            limit,
            kinds: vec![kind(pair)],
        };
        match self.journal.lease(request).await {
            Ok(leased) => Some(leased.into_iter().filter_map(waiting).collect()),
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read");
                None
            }
        }
    }

    /// Records what became of stanzas. Whether the journal answered; if not, it has to be asked again, or they are sent again
    /// one day, and the peer sees a duplicate.
    pub(super) async fn settle(&self, stanzas: &[Waiting], fate: Fate, now_ms: i64) -> bool {
        if stanzas.is_empty() {
            return true;
        }
        let mut transaction = Transaction::new(now_ms, "iris");
        transaction.settlements = stanzas
            .iter()
            .map(|waiting| waiting.settlement(fate))
            .collect();
        let Err(error) = self.journal.commit(transaction).await else {
            return true;
        };
        tracing::warn!(%error, "what was sent is not settled");
        !matches!(
            error,
            CommitError::Overloaded { .. }
                | CommitError::NotAttempted
                | CommitError::Diverted { .. }
                | CommitError::OutcomeUnknown
                | CommitError::Halted { .. }
        )
    }

    /// The pairs that something waits for.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        if let Err(error) = self.look_for_pairs(&mut pairs) {
            tracing::warn!(%error, "the outbox cannot be read");
        }
        pairs
    }

    fn look_for_pairs(&self, pairs: &mut Vec<Pair>) -> Result<(), ReadError> {
        let snapshot = self.journal.snapshot()?;
        let mut after: Option<String> = None;
        loop {
            let page = snapshot.effects(EffectState::Pending, after.as_deref(), PAGE)?;
            for effect in &page {
                let pair = pair_of(&effect.kind).filter(|pair| !pairs.contains(pair));
                pairs.extend(pair);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
                _ => return Ok(()),
            }
        }
    }
}

impl Waiting {
    fn settlement(&self, fate: Fate) -> Settlement {
        let (id, lease) = (self.id.clone(), self.lease);
        match fate {
            Fate::Settled => Settlement::Done { id, lease },
            Fate::Again => Settlement::Retry {
                id,
                lease,
                not_before_ms: self.at_ms,
                error: "the peer did not acknowledge it".to_owned(),
            },
        }
    }
}

fn waiting(leased: LeasedEffect) -> Option<Waiting> {
    let row: Row = serde_json::from_slice(&leased.payload).ok()?;
    Some(Waiting {
        id: leased.id,
        lease: leased.lease,
        at_ms: row.at_ms,
        stanza: row.stanza.into(),
    })
}

fn kind(pair: &Pair) -> String {
    format!("{PREFIX}{}/{}", pair.local, pair.remote)
}

fn pair_of(kind: &str) -> Option<Pair> {
    let (local, remote) = kind.strip_prefix(PREFIX)?.split_once('/')?;
    Pair::new(local, remote)
}

/// Messages that archives would keep, what somebody says in a room elsewhere, and what changes subscriptions. What a room of
/// our own says is in its archive.
fn outlasts_a_crash(rooms: &DomainPart, stanza: &Stanza) -> bool {
    match stanza.kind {
        Kind::Message => {
            let content = Content::of(stanza);
            let is_speech = content.type_ == MessageType::Groupchat
                && content.has_text
                && stanza.from.domain() != rooms.as_ref();
            content.is_stored || is_speech
        }
        Kind::Presence => matches!(
            stanza.type_.as_deref(),
            Some("subscribe" | "subscribed" | "unsubscribe" | "unsubscribed")
        ),
        Kind::Iq => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use evidence::key::SigningKey;
    use journal::sim::{Disk, SimEngine};
    use journal::{DumpDirectory, Limits, NoProjection, Options, SealingKey};

    use super::*;

    fn journal(folder: &std::path::Path) -> Journal {
        let options = Options {
            origin: "test.example/log".to_owned(),
            log_key: SigningKey::from_seed([7; 32]),
            node_key: SealingKey::from_bytes([9; 32]),
            projection: Arc::new(NoProjection),
            entropy: Box::new(|bytes| getrandom::fill(bytes).unwrap()),
            dumps: Box::new(DumpDirectory::create(folder).unwrap()),
            limits: Limits::STANDARD,
        };
        let engine = SimEngine::open(Disk::new(1)).unwrap();
        Journal::open(Box::new(engine), options).unwrap()
    }

    #[tokio::test]
    async fn what_a_run_took_and_did_not_settle_is_taken_by_each_run_after_it() {
        const NOW_MS: i64 = 1_800_000_000_000;
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        let pair = Pair::new("a.test", "b.test").unwrap();
        let row = Row {
            at_ms: NOW_MS,
            stanza: "<message/>".to_owned(),
        };
        let mut transaction = Transaction::new(NOW_MS, "iris");
        transaction.effects.push(NewEffect {
            id: format!("{PREFIX}1"),
            kind: kind(&pair),
            owner: None,
            payload: serde_json::to_vec(&row).unwrap(),
            not_before_ms: NOW_MS,
        });
        journal.commit(transaction).await.unwrap();
        for run in 0..3 {
            let rooms = DomainPart::new("rooms.a.test").unwrap().into_owned();
            let outbox = Outbox::new(journal.clone(), rooms, [run; 32]);
            let first = outbox.take(&pair, NOW_MS, 10, true).await.unwrap();
            assert_eq!(first.len(), 1, "run {run}");
            let again = outbox.take(&pair, NOW_MS, 10, false).await.unwrap();
            assert!(again.is_empty(), "it is on its way");
        }
        journal.shutdown();
    }
}
