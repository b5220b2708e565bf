//! What one transaction does to the rows: the only place where chain, log, sealing, projection,
//! outbox and idempotency rules live.
//!
//! Invariants (guard):
//! 1. seq is gapless and increasing per stream     (taken from the stream's row; conformance, fsck)
//! 2. event n commits to event n-1 of its stream   (header `prev`; fsck)
//! 3. leaf i of the log is the header of event i   (index is the frontier's size; fsck)
//! 4. a refused transaction changes nothing        (the caller rolls back rows and frontier)
//! 5. personal bytes reach the rows sealed         (`seal_owned`; only indexed fields are plain)

use std::borrow::Cow;

use evidence::{
    event::{self, EventHeader, Version},
    merkle::Frontier,
};
use serde::Serialize;

use crate::{
    decision::{Declared, WriterDecision, WriterRefusal},
    engine::{EffectRow, EventRow, IdempotencyRow, RecordRow, StreamRow, Write},
    error::{CommitError, EngineError, Limit, ProjectionError, ReadError},
    guard::{Guards, Window, Writes},
    names::{EventKind, LogIndex, Seq, StreamName},
    options::Limits,
    projection::{Projection, Records},
    seal::{Entropy, Place, SealingKey},
    transaction::{
        Append, Committed, EffectState, Event, EventReceipt, Expected, Head, Idempotency,
        LeaseRequest, LeasedEffect, NewEffect, NewEvent, Privacy, Record, Settlement, Transaction,
    },
    view::{Sealing, View, head_of, sealing_of},
};

/// Kind of the tombstone that ends a shredded stream.
pub const SHREDDED_KIND: &str = "journal.shredded.v1";
/// Kind of the marker for dropped bulk events.
pub const GAP_KIND: &str = "journal.gap.v1";
/// Kinds with this prefix are written by the journal alone.
pub(crate) const RESERVED_PREFIX: &str = "journal.";
/// Expired idempotency keys forgotten per transaction, so that the table stays bounded without a
/// pause.
const EXPIRED_KEYS_PER_TRANSACTION_MAX: usize = 4;

/// Why a transaction was not applied.
pub(crate) enum Failure {
    /// A rule refuses it; the group goes on without it.
    Refused(CommitError),
    /// The engine failed; the group is lost.
    Engine(EngineError),
}

impl From<CommitError> for Failure {
    fn from(refusal: CommitError) -> Self {
        Failure::Refused(refusal)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Failure::Engine(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Engine(error) => Failure::Engine(error),
            error => Failure::Refused(error.into()),
        }
    }
}

/// What the rules need beside the rows.
pub(crate) struct Rules {
    pub(crate) node_key: SealingKey,
    pub(crate) projection: std::sync::Arc<dyn Projection>,
    pub(crate) entropy: Entropy,
    pub(crate) limits: Limits,
    /// What recent commits changed.
    pub(crate) window: Window,
    #[cfg(feature = "planted-bugs")]
    pub(crate) bug: Option<crate::bug::PlantedBug>,
}

/// What a transaction is applied to: the rows of an open engine transaction, and the edge of the
/// log that goes with them.
pub(crate) struct State<'a> {
    pub(crate) rows: &'a mut dyn Write,
    pub(crate) frontier: &'a mut Frontier,
    /// What the transaction changed so far.
    pub(crate) writes: Writes,
}

/// Size of a transaction for limits and queues, in bytes.
pub(crate) fn transaction_bytes(transaction: &Transaction) -> usize {
    let events = transaction.appends.iter().flat_map(|append| &append.events);
    let effects = transaction
        .effects
        .iter()
        .map(|effect| effect.payload.len());
    let response = transaction.idempotency.iter().map(|key| key.response.len());
    events
        .map(|event| event.payload.len())
        .chain(effects)
        .chain(response)
        .sum()
}

/// Refuses what no state could allow.
pub(crate) fn check_form(transaction: &Transaction, limits: &Limits) -> Result<(), CommitError> {
    let within = |limit, actual, max| {
        if actual > max {
            Err(CommitError::TooLarge { limit, actual, max })
        } else {
            Ok(())
        }
    };
    let mut events = 0;
    for append in &transaction.appends {
        if append.events.is_empty() {
            return Err(CommitError::EmptyAppend {
                stream: append.stream.clone(),
            });
        }
        events += append.events.len();
        for event in &append.events {
            within(
                Limit::PayloadBytes,
                event.payload.len(),
                limits.payload_bytes_max,
            )?;
            if event.kind.as_str().starts_with(RESERVED_PREFIX) {
                return Err(CommitError::ReservedKind {
                    kind: event.kind.clone(),
                });
            }
        }
    }
    within(Limit::Events, events, limits.transaction_events_max)?;
    within(
        Limit::TransactionBytes,
        transaction_bytes(transaction),
        limits.transaction_bytes_max,
    )
}

impl Rules {
    /// Applies a transaction, or leaves rows and frontier for the caller to roll back.
    pub(crate) fn apply(
        &mut self,
        state: &mut State<'_>,
        transaction: &Transaction,
    ) -> Result<Vec<EventReceipt>, Failure> {
        check_form(transaction, &self.limits)?;
        let first = LogIndex(state.frontier.size());
        if let Some(key) = &transaction.idempotency {
            self.check_idempotency(state, key, transaction.at_ms)?;
        }
        self.check_guards(state, &transaction.guards)?;
        for settlement in &transaction.settlements {
            self.settle(state, settlement)?;
        }
        let mut receipts = Vec::new();
        let by = By {
            at_ms: transaction.at_ms,
            actor: &transaction.actor,
        };
        for append in self.decided_appends(state, transaction)?.iter() {
            self.append(state, by, append, &mut receipts)?;
        }
        for effect in &transaction.effects {
            self.insert_effect(state, effect)?;
        }
        for stream in &transaction.shred {
            receipts.push(self.shred(state, by, stream)?);
        }
        if let Some(key) = &transaction.idempotency {
            if planted!(self, IdempotencyOutsideTransaction) {
                return Ok(receipts);
            }
            self.store_idempotency(state, key, first, receipts.len(), transaction.at_ms)?;
        }
        Ok(receipts)
    }

    fn check_guards(&self, state: &State<'_>, guards: &Guards) -> Result<(), Failure> {
        match self.window.first_moved(guards, &*state.rows)? {
            Some(read) if !planted!(self, GuardsIgnored) => Err(CommitError::Moved {
                read: Box::new(read.clone()),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// The appends as the writer's decisions leave them.
    fn decided_appends<'t>(
        &self,
        state: &State<'_>,
        transaction: &'t Transaction,
    ) -> Result<Cow<'t, [Append]>, Failure> {
        let mut appends = Cow::Borrowed(transaction.appends.as_slice());
        for decision in &transaction.decisions {
            let view = View {
                rows: &*state.rows,
                node_key: &self.node_key,
            };
            let records = DeclaredRecords { view, decision };
            let decided = self.projection.decide(decision, &records, appends.to_mut());
            decided.map_err(|refusal| match refusal {
                WriterRefusal::Read(error) => Failure::from(*error),
                refusal => Failure::Refused(CommitError::Decided {
                    rule: decision.rule.clone(),
                    refusal,
                }),
            })?;
        }
        Ok(appends)
    }

    fn check_idempotency(
        &self,
        state: &State<'_>,
        given: &Idempotency,
        at_ms: i64,
    ) -> Result<(), Failure> {
        let Some(stored) = state.rows.idempotency(&given.scope, &given.key)? else {
            return Ok(());
        };
        if stored.expires_ms <= at_ms {
            return Ok(());
        }
        if stored.request != given.request {
            return Err(CommitError::KeyReused {
                first: stored.request,
            }
            .into());
        }
        let view = View {
            rows: &*state.rows,
            node_key: &self.node_key,
        };
        let response = view.response(&stored)?;
        let count = usize::try_from(stored.count).unwrap_or(usize::MAX);
        let events = if count == 0 {
            Vec::new()
        } else {
            state.rows.events(stored.first, count)?
        };
        let events = events.into_iter().map(receipt).collect();
        // The head is set by the writer, which alone knows the durable one.
        let committed = Committed {
            events,
            tree_size: 0,
            root: [0; 32],
        };
        Err(CommitError::Replayed {
            response,
            committed,
        }
        .into())
    }

    pub(crate) fn store_idempotency(
        &mut self,
        state: &mut State<'_>,
        given: &Idempotency,
        first: LogIndex,
        count: usize,
        at_ms: i64,
    ) -> Result<(), Failure> {
        let response = match self.owner_sealing(state, given.owner.as_ref())? {
            None => given.response.clone(),
            Some((stream, key)) => {
                let place = Place::Response {
                    stream,
                    scope: &given.scope,
                    key: &given.key,
                };
                key.seal(place, &given.response, &mut self.entropy)
            }
        };
        state
            .rows
            .expire_idempotency(at_ms, EXPIRED_KEYS_PER_TRANSACTION_MAX)?;
        state.rows.put_idempotency(&IdempotencyRow {
            scope: given.scope.clone(),
            key: given.key.clone(),
            request: given.request,
            owner: given.owner.clone(),
            response,
            expires_ms: given.expires_ms,
            first,
            count: count as u64,
        })?;
        Ok(())
    }

    fn settle(&self, state: &mut State<'_>, settlement: &Settlement) -> Result<(), Failure> {
        let (id, lease) = match settlement {
            Settlement::Done { id, lease }
            | Settlement::Retry { id, lease, .. }
            | Settlement::Dead { id, lease, .. } => (id, *lease),
        };
        let Some(mut row) = state.rows.effect(id)? else {
            return Err(CommitError::EffectUnknown { id: id.clone() }.into());
        };
        let holds = row.attempts == lease && lease > 0 && row.state == EffectState::Pending;
        // A retry ends the lease, so the same token must not settle a second time.
        let holds = holds && row.leased_until_ms != i64::MIN;
        if !holds && !planted!(self, LeaseWithoutFencing) {
            return Err(CommitError::LeaseLost { id: id.clone() }.into());
        }
        match settlement {
            Settlement::Done { .. } => {
                row.state = EffectState::Done;
                row.error = None;
            }
            Settlement::Retry {
                not_before_ms,
                error,
                ..
            } => {
                row.not_before_ms = *not_before_ms;
                row.leased_until_ms = i64::MIN;
                row.error = Some(error.clone());
            }
            Settlement::Dead { error, .. } => {
                row.state = EffectState::Dead;
                row.error = Some(error.clone());
            }
        }
        state.rows.put_effect(&row)?;
        Ok(())
    }

    fn append(
        &mut self,
        state: &mut State<'_>,
        by: By<'_>,
        append: &Append,
        receipts: &mut Vec<EventReceipt>,
    ) -> Result<(), Failure> {
        let before = state.rows.stream(&append.stream)?;
        let head = head_of(before.as_ref());
        let met = match append.expected {
            Expected::Any => true,
            Expected::NoStream => head.is_none(),
            Expected::At(seq) => head == Some(seq),
        };
        if !met && !planted!(self, ExpectationIgnored) {
            let (stream, expected) = (append.stream.clone(), append.expected);
            return Err(CommitError::Conflict {
                stream,
                expected,
                actual: head,
            }
            .into());
        }
        let (mut row, key) = self.stream_for_append(before, append)?;
        let mut chained = Vec::with_capacity(append.events.len());
        let mut next = Seq::after(head);
        if planted!(self, SequenceResetOnFlush) && receipts.is_empty() {
            next = Seq::FIRST;
        }
        for event in &append.events {
            let payload = match &key {
                None => event.payload.clone(),
                Some(key) => {
                    let place = Place::Payload {
                        stream: &append.stream,
                        seq: next,
                    };
                    key.seal(place, &event.payload, &mut self.entropy)
                }
            };
            let index = LogIndex(state.frontier.size() + chained.len() as u64);
            let link = Link {
                prev: row.head_digest,
                seq: next,
                index,
                sealed: key.is_some(),
            };
            let stored = chain(by, &append.stream, &event.kind, payload, link)?;
            row.head = next;
            row.head_digest = stored.0.digest;
            next = next.next();
            chained.push(stored);
        }
        // The head goes first: events and records refer to the stream.
        state.rows.put_stream(&row)?;
        state.writes.stream(&append.stream);
        for ((event_row, header), given) in chained.into_iter().zip(&append.events) {
            log(state, &event_row)?;
            receipts.push(EventReceipt {
                stream: append.stream.clone(),
                seq: event_row.seq,
                digest: event_row.digest,
                index: event_row.index,
            });
            if !given.kind.as_str().starts_with(RESERVED_PREFIX) {
                self.project(state, &row, event_row, header, given)?;
            }
        }
        Ok(())
    }

    /// The stream's row and key to append with; both are made when the stream has no event.
    fn stream_for_append(
        &mut self,
        before: Option<StreamRow>,
        append: &Append,
    ) -> Result<(StreamRow, Option<SealingKey>), Failure> {
        let Some(row) = before else {
            let key = match append.privacy {
                Privacy::Public => None,
                Privacy::Personal => Some(SealingKey::generate(&mut self.entropy)),
            };
            let wrapped_key = key
                .as_ref()
                .map(|key| self.node_key.wrap(&append.stream, key, &mut self.entropy));
            let row = StreamRow {
                stream: append.stream.clone(),
                privacy: append.privacy,
                head: Seq::FIRST,
                head_digest: event::genesis(append.stream.as_str()),
                wrapped_key,
                shredded: false,
            };
            return Ok((row, key));
        };
        if row.privacy != append.privacy {
            let (stream, actual) = (row.stream, row.privacy);
            return Err(CommitError::PrivacyMismatch { stream, actual }.into());
        }
        match sealing_of(&row, &self.node_key)? {
            Sealing::Plain => Ok((row, None)),
            Sealing::Key(key) => Ok((row, Some(key))),
            Sealing::Shredded => Err(CommitError::Shredded { stream: row.stream }.into()),
        }
    }

    fn project(
        &mut self,
        state: &mut State<'_>,
        stream: &StreamRow,
        row: EventRow,
        header: EventHeader,
        given: &NewEvent,
    ) -> Result<(), Failure> {
        let event = Event {
            index: row.index,
            stream: row.stream,
            seq: row.seq,
            kind: given.kind.clone(),
            header,
            header_bytes: row.header,
            digest: row.digest,
            stored: row.payload,
            payload: Some(given.payload.clone()),
        };
        self.project_event(state.rows, &mut state.writes, stream.privacy, &event)
    }

    /// Runs the projection of one event; also the step of a rebuild.
    pub(crate) fn project_event(
        &mut self,
        rows: &mut dyn Write,
        writes: &mut Writes,
        privacy: Privacy,
        event: &Event,
    ) -> Result<(), Failure> {
        let projection = self.projection.clone();
        let mut records = ProjectedRecords {
            rows,
            writes,
            node_key: &self.node_key,
            entropy: &mut self.entropy,
            event,
            privacy,
        };
        projection
            .project(event, &mut records)
            .map_err(|source| match source {
                ProjectionError::Read(source) => Failure::from(*source),
                source => Failure::Refused(CommitError::Projection {
                    stream: event.stream.clone(),
                    seq: event.seq,
                    source,
                }),
            })
    }

    fn insert_effect(&mut self, state: &mut State<'_>, effect: &NewEffect) -> Result<(), Failure> {
        if state.rows.effect(&effect.id)?.is_some() && !planted!(self, OutboxBeforeCommit) {
            return Err(CommitError::EffectExists {
                id: effect.id.clone(),
            }
            .into());
        }
        let payload = match self.owner_sealing(state, effect.owner.as_ref())? {
            None => effect.payload.clone(),
            Some((stream, key)) => {
                let place = Place::Effect {
                    stream,
                    id: &effect.id,
                };
                key.seal(place, &effect.payload, &mut self.entropy)
            }
        };
        state.rows.put_effect(&EffectRow {
            id: effect.id.clone(),
            kind: effect.kind.clone(),
            owner: effect.owner.clone(),
            payload,
            state: EffectState::Pending,
            attempts: 0,
            not_before_ms: effect.not_before_ms,
            leased_until_ms: i64::MIN,
            error: None,
        })?;
        Ok(())
    }

    /// The key that seals what `owner` owns; nothing when it stays plain.
    fn owner_sealing<'o>(
        &self,
        state: &State<'_>,
        owner: Option<&'o StreamName>,
    ) -> Result<Option<(&'o StreamName, SealingKey)>, Failure> {
        let Some(stream) = owner else {
            return Ok(None);
        };
        let Some(row) = state.rows.stream(stream)? else {
            return Err(CommitError::OwnerUnknown {
                stream: stream.clone(),
            }
            .into());
        };
        match sealing_of(&row, &self.node_key)? {
            Sealing::Plain => Ok(None),
            Sealing::Key(key) => Ok(Some((stream, key))),
            Sealing::Shredded => Err(CommitError::Shredded {
                stream: stream.clone(),
            }
            .into()),
        }
    }

    fn shred(
        &self,
        state: &mut State<'_>,
        by: By<'_>,
        stream: &StreamName,
    ) -> Result<EventReceipt, Failure> {
        let Some(mut row) = state
            .rows
            .stream(stream)?
            .filter(|row| row.privacy == Privacy::Personal)
        else {
            return Err(CommitError::NotPersonal {
                stream: stream.clone(),
            }
            .into());
        };
        if row.shredded {
            return Err(CommitError::Shredded {
                stream: stream.clone(),
            }
            .into());
        }
        let kind = SHREDDED_KIND
            .parse()
            .expect("the constant is an event kind");
        let (seq, index) = (row.head.next(), LogIndex(state.frontier.size()));
        let link = Link {
            prev: row.head_digest,
            seq,
            index,
            sealed: false,
        };
        let (tombstone, _) = chain(by, stream, &kind, b"{}".to_vec(), link)?;
        row.head = tombstone.seq;
        row.head_digest = tombstone.digest;
        row.wrapped_key = None;
        row.shredded = true;
        state.rows.delete_owned(stream)?;
        state.writes.stream(stream);
        state.writes.unlisted();
        state.rows.put_stream(&row)?;
        log(state, &tombstone)?;
        Ok(receipt(tombstone))
    }

    /// Appends a marker for dropped bulk events.
    pub(crate) fn mark_gap(
        &mut self,
        state: &mut State<'_>,
        stream: &StreamName,
        gap: &Gap,
    ) -> Result<(), Failure> {
        let marker = GapMarker {
            dropped: gap.dropped,
        };
        let payload = serde_json::to_vec(&marker).expect("a number is JSON");
        let kind = GAP_KIND.parse().expect("the constant is an event kind");
        let append = Append {
            stream: stream.clone(),
            privacy: gap.privacy,
            expected: Expected::Any,
            events: vec![NewEvent { kind, payload }],
        };
        let by = By {
            at_ms: gap.at_ms,
            actor: &gap.actor,
        };
        self.append(state, by, &append, &mut Vec::new())
    }

    /// Leases due effects.
    pub(crate) fn lease(
        &self,
        state: &mut State<'_>,
        request: &LeaseRequest,
    ) -> Result<Vec<LeasedEffect>, Failure> {
        let due = state
            .rows
            .effects_due(request.now_ms, &request.kinds, request.limit)?;
        let mut leased = Vec::with_capacity(due.len());
        for mut row in due {
            row.attempts += 1;
            row.leased_until_ms = request.now_ms.saturating_add(request.lease_ms);
            state.rows.put_effect(&row)?;
            let view = View {
                rows: &*state.rows,
                node_key: &self.node_key,
            };
            let effect = view.effect(row)?;
            leased.push(LeasedEffect {
                id: effect.id,
                kind: effect.kind,
                payload: effect.payload,
                attempts: effect.attempts,
                lease: effect.attempts,
            });
        }
        Ok(leased)
    }
}

/// Dropped bulk events of one stream that no marker covers yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) privacy: Privacy,
    pub(crate) dropped: u64,
    pub(crate) at_ms: i64,
    pub(crate) actor: String,
}

#[derive(Serialize)]
struct GapMarker {
    dropped: u64,
}

#[derive(Clone, Copy)]
struct By<'a> {
    at_ms: i64,
    actor: &'a str,
}

#[derive(Clone, Copy)]
struct Link {
    prev: evidence::digest::Digest,
    seq: Seq,
    index: LogIndex,
    sealed: bool,
}

/// Makes the stored form of an event from its stored payload.
fn chain(
    by: By<'_>,
    stream: &StreamName,
    kind: &EventKind,
    payload: Vec<u8>,
    link: Link,
) -> Result<(EventRow, EventHeader), CommitError> {
    let header = EventHeader {
        version: Version,
        stream: stream.as_str().to_owned(),
        seq: link.seq.non_zero(),
        kind: kind.as_str().to_owned(),
        at_ms: by.at_ms,
        actor: by.actor.to_owned(),
        prev: link.prev,
        payload_digest: event::payload_digest(&payload),
        sealed: link.sealed,
    };
    let encoded = header.encode().map_err(|source| CommitError::Header {
        source: Box::new(source),
    })?;
    let digest = encoded.digest();
    let row = EventRow {
        index: link.index,
        stream: stream.clone(),
        seq: link.seq,
        digest,
        header: encoded.into_bytes(),
        payload,
    };
    Ok((row, header))
}

/// Stores an event and the Merkle nodes it completes.
fn log(state: &mut State<'_>, row: &EventRow) -> Result<(), EngineError> {
    assert_eq!(
        row.index.0,
        state.frontier.size(),
        "a leaf goes to the end of the log"
    );
    state.rows.insert_event(row)?;
    let mut completed = Vec::new();
    let leaf = evidence::merkle::leaf_hash(&row.header);
    // Leaves are not stored: they are made from the events.
    state.frontier.append(leaf, |level, index, hash| {
        if level > 0 {
            completed.push((level, index, hash));
        }
    });
    for (level, index, hash) in completed {
        state.rows.insert_node(level, index, hash)?;
    }
    Ok(())
}

fn receipt(row: EventRow) -> EventReceipt {
    EventReceipt {
        stream: row.stream,
        seq: row.seq,
        digest: row.digest,
        index: row.index,
    }
}

/// Size and root of the log at its edge.
pub(crate) fn head_at(frontier: &Frontier) -> Head {
    Head {
        size: frontier.size(),
        root: frontier.root(),
    }
}

/// The records that a writer decision may read.
struct DeclaredRecords<'a> {
    view: View<'a>,
    decision: &'a WriterDecision,
}

impl Declared for DeclaredRecords<'_> {
    fn get(&self, kind: &str, id: &str) -> Result<Option<Record>, WriterRefusal> {
        let mut keys = self.decision.keys.iter();
        if !keys.any(|(known_kind, known_id)| known_kind == kind && known_id == id) {
            return Err(WriterRefusal::Undeclared {
                kind: kind.to_owned(),
                id: id.to_owned(),
            });
        }
        let row = self.view.rows.record(kind, id).map_err(ReadError::from)?;
        Ok(row.map(|row| self.view.record(row)).transpose()?)
    }
}

struct ProjectedRecords<'a> {
    rows: &'a mut dyn Write,
    writes: &'a mut Writes,
    node_key: &'a SealingKey,
    entropy: &'a mut Entropy,
    event: &'a Event,
    privacy: Privacy,
}

impl ProjectedRecords<'_> {
    /// An event of a personal stream may touch only records its stream owns.
    fn check_owner(
        &self,
        owner: Option<&StreamName>,
        kind: &str,
        id: &str,
    ) -> Result<(), ProjectionError> {
        if self.privacy == Privacy::Public || owner == Some(&self.event.stream) {
            return Ok(());
        }
        Err(ProjectionError::ForeignRecord {
            stream: self.event.stream.clone(),
            kind: kind.to_owned(),
            id: id.to_owned(),
        })
    }

    /// The stored record that is about to change, after its owner was checked.
    fn before(&self, kind: &str, id: &str) -> Result<Option<RecordRow>, ProjectionError> {
        let stored = self.rows.record(kind, id)?;
        if let Some(row) = &stored {
            self.check_owner(row.stream.as_ref(), kind, id)?;
        }
        Ok(stored)
    }
}

impl Records for ProjectedRecords<'_> {
    fn get(&self, kind: &str, id: &str) -> Result<Option<Record>, ProjectionError> {
        let view = View {
            rows: &*self.rows,
            node_key: self.node_key,
        };
        let row = self.rows.record(kind, id)?;
        Ok(row.map(|row| view.record(row)).transpose()?)
    }

    fn put(&mut self, record: Record) -> Result<(), ProjectionError> {
        self.check_owner(record.stream.as_ref(), &record.kind, &record.id)?;
        let before = self.before(&record.kind, &record.id)?;
        let mut body = record.body;
        if let Some(stream) = &record.stream {
            let Some(owner) = self.rows.stream(stream)? else {
                let (stream, kind, id) = (stream.clone(), record.kind, record.id);
                return Err(ProjectionError::OwnerUnknown { stream, kind, id });
            };
            match sealing_of(&owner, self.node_key)? {
                Sealing::Plain => {}
                // What a shredded stream owns is gone, whatever a public event says of it.
                Sealing::Shredded => return Ok(()),
                Sealing::Key(key) => {
                    let place = Place::Record {
                        stream,
                        kind: &record.kind,
                        id: &record.id,
                    };
                    body = key.seal(place, &body, self.entropy);
                }
            }
        }
        let states = before.iter().map(|row| &row.fields).chain([&record.fields]);
        self.writes.record(&record.kind, &record.id, states);
        self.rows.put_record(&RecordRow {
            kind: record.kind,
            id: record.id,
            stream: record.stream,
            fields: record.fields,
            body,
            version: self.event.index.0,
        })?;
        Ok(())
    }

    fn delete(&mut self, kind: &str, id: &str) -> Result<(), ProjectionError> {
        let before = self.before(kind, id)?;
        let states = before.iter().map(|row| &row.fields);
        self.writes.record(kind, id, states);
        Ok(self.rows.delete_record(kind, id)?)
    }
}
