//! The writer: one owner of the engine, which commits transactions in groups.
//!
//! Invariants (guard):
//! 1. a reply, positive or negative, is sent only after the state it depends on is durable
//!    (replies are made in `judge` and sent in `run_group`, after `commit`; simulation)
//! 2. the checkpoint over the group's events is part of the group's commit     (simulation, fsck)
//! 3. rows and frontier change together: both are rolled back with a refused transaction, and
//!    the frontier in memory moves only after the commit                       (simulation)
//! 4. after a failed sync nothing is written until the journal is reopened     (`halted`)
//! 5. what a failed group held is in a durable dump before `Diverted` is sent  (simulation)
//! 6. caches hear of a commit after it is durable and before any of its replies goes out
//!    (`release`; conformance `an_observer_hears_of_a_commit_before_its_caller`)

use std::{path::PathBuf, sync::Arc};

use evidence::{checkpoint::Checkpoint, merkle::Frontier, note::NoteSigner};

use crate::{
    dump::DumpStore,
    engine::{Engine, Read, Snapshots, Write},
    error::{CommitError, EngineError, Fault, HaltReason, OpenError},
    guard::{Window, Writes},
    names::StreamName,
    observer::Observers,
    options::Options,
    rebuild::{self, RebuildError, RebuildMode, RebuildReport},
    recovery::{self, RecoverError, Recovery},
    rules::{Failure, Gap, Rules, State, head_at},
    seal::{Place, SealingKey},
    stats::Counters,
    transaction::{
        Append, BulkEvent, Committed, EventReceipt, Expected, Head, LeaseRequest, LeasedEffect,
        SignedCheckpoint, Transaction,
    },
    view::View,
};

/// How a caller gets its answer.
pub(crate) type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// What a caller asks of the writer.
pub(crate) enum Request {
    Commit {
        transaction: Box<Transaction>,
        reply: Reply<Result<Committed, CommitError>>,
    },
    Lease {
        request: LeaseRequest,
        reply: Reply<Result<Vec<LeasedEffect>, CommitError>>,
    },
    Rebuild {
        mode: RebuildMode,
        reply: Reply<Result<RebuildReport, RebuildError>>,
    },
    Recover {
        reply: Reply<Result<Recovery, RecoverError>>,
    },
}

/// An entry of the bulk queue.
#[derive(Clone, Debug)]
pub(crate) enum Bulk {
    Event(BulkEvent),
    Gap(StreamName, Gap),
}

/// What one durable commit is made of.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) requests: Vec<Request>,
    pub(crate) bulk: Vec<Bulk>,
}

/// A request of a group, while the group is judged.
enum Item {
    Commit(Box<Transaction>, Reply<Result<Committed, CommitError>>),
    Lease(LeaseRequest, Reply<Result<Vec<LeasedEffect>, CommitError>>),
}

/// What the judging of one item came to.
enum Verdict {
    Committed(Vec<EventReceipt>),
    Leased(Vec<LeasedEffect>),
    Refused(CommitError),
}

/// Owner of the engine and of everything that changes with it.
pub(crate) struct Writer {
    engine: Box<dyn Engine>,
    rules: Rules,
    frontier: Frontier,
    signer: NoteSigner,
    dumps: Box<dyn DumpStore>,
    halted: Option<HaltReason>,
    /// A shredded key's bytes may still be in an engine file that a reader keeps open.
    erasure_pending: bool,
    counters: Arc<Counters>,
    observers: Arc<Observers>,
    #[cfg(feature = "planted-bugs")]
    late_keys: Vec<planted::LateKey>,
}

const ORIGIN: &str = "origin";
const KEY_CHECK: &str = "key-check";
const KEY_CHECK_TEXT: &[u8] = b"hanse";

impl Writer {
    /// Checks that the stored state belongs to the keys and to its own checkpoint.
    pub(crate) fn open(
        mut engine: Box<dyn Engine>,
        options: Options,
        counters: Arc<Counters>,
    ) -> Result<Self, OpenError> {
        let signer = NoteSigner::new(&options.origin, options.log_key).map_err(|source| {
            OpenError::OriginText {
                source: Box::new(source),
            }
        })?;
        let mut rules = Rules {
            node_key: options.node_key,
            projection: options.projection,
            entropy: options.entropy,
            limits: options.limits,
            window: Window::starting_at(0),
            #[cfg(feature = "planted-bugs")]
            bug: None,
        };
        let frontier = {
            let mut rows = engine.begin()?;
            if claim(&mut *rows, &options.origin, &mut rules)? {
                rows.commit()?;
                Frontier::new()
            } else {
                resume(&*rows, &rules.node_key, &signer)?
            }
        };
        counters.set_size(frontier.size());
        rules.window.restart(frontier.size());
        Ok(Self {
            engine,
            rules,
            frontier,
            signer,
            dumps: options.dumps,
            halted: None,
            erasure_pending: false,
            counters,
            observers: Arc::default(),
            #[cfg(feature = "planted-bugs")]
            late_keys: Vec::new(),
        })
    }

    /// Breaks a rule from here on.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn plant(&mut self, bug: Option<crate::bug::PlantedBug>) {
        self.rules.bug = bug;
    }

    pub(crate) fn snapshots(&self) -> Arc<dyn Snapshots> {
        self.engine.snapshots()
    }

    pub(crate) fn observers(&self) -> Arc<Observers> {
        self.observers.clone()
    }

    pub(crate) fn node_key(&self) -> SealingKey {
        self.rules.node_key.clone()
    }

    pub(crate) fn halted(&self) -> Option<HaltReason> {
        self.halted
    }

    /// Commits a group and answers everyone in it. Returns the bulk events that were lost.
    pub(crate) fn run_group(&mut self, group: Group) -> Vec<Bulk> {
        let mut items = Vec::with_capacity(group.requests.len());
        for request in group.requests {
            match request {
                Request::Commit { transaction, reply } => {
                    items.push(Item::Commit(transaction, reply));
                }
                Request::Lease { request, reply } => items.push(Item::Lease(request, reply)),
                Request::Rebuild { mode, reply } => {
                    self.run_items(std::mem::take(&mut items), &[]);
                    reply(self.rebuild(mode));
                }
                Request::Recover { reply } => {
                    self.run_items(std::mem::take(&mut items), &[]);
                    reply(self.recover());
                }
            }
        }
        if self.run_items(items, &group.bulk) {
            Vec::new()
        } else {
            group.bulk
        }
    }

    /// Says whether the bulk events are in the log.
    fn run_items(&mut self, mut items: Vec<Item>, bulk: &[Bulk]) -> bool {
        if items.is_empty() && bulk.is_empty() {
            return true;
        }
        if let Some(reason) = self.halted {
            for item in items {
                item.refuse(|| CommitError::Halted { reason });
            }
            return false;
        }
        let mut verdicts = Vec::with_capacity(items.len());
        match self.attempt(&mut items, bulk, &mut verdicts) {
            Ok(head) => {
                self.release(items, verdicts, head);
                true
            }
            Err(error) => {
                self.rules.window.restart(self.frontier.size());
                self.divert(items, verdicts, &error);
                false
            }
        }
    }

    /// One engine transaction: judge every item, sign the head, make all of it durable.
    fn attempt(
        &mut self,
        items: &mut [Item],
        bulk: &[Bulk],
        verdicts: &mut Vec<Verdict>,
    ) -> Result<Head, EngineError> {
        #[cfg(feature = "planted-bugs")]
        planted::before_group(self, items)?;
        let mut frontier = self.frontier.clone();
        let mut changed = false;
        let mut erase = self.erasure_pending;
        let mut rows = self.engine.begin()?;
        for item in items.iter() {
            let verdict = judge(&mut self.rules, &mut *rows, &mut frontier, item)?;
            changed |= !matches!(verdict, Verdict::Refused(_));
            erase |= matches!(
                (item, &verdict),
                (Item::Commit(transaction, _), Verdict::Committed(_)) if !transaction.shred.is_empty()
            );
            verdicts.push(verdict);
        }
        for entry in bulk {
            changed |= judge_bulk(&mut self.rules, &mut *rows, &mut frontier, entry)?;
        }
        if frontier.size() > self.frontier.size() {
            rows.insert_checkpoint(&sign(&self.signer, &frontier))?;
        }
        #[cfg(feature = "planted-bugs")]
        planted::before_commit(self.rules.bug, items, verdicts, head_at(&frontier));
        if changed {
            rows.commit()?;
            self.counters.add_group();
        } else {
            drop(rows);
        }
        #[cfg(feature = "planted-bugs")]
        planted::after_commit(&self.rules, &mut self.late_keys, items, verdicts);
        let added = frontier.size() - self.frontier.size();
        self.frontier = frontier;
        self.counters.add_events(added, self.frontier.size());
        if erase && changed {
            self.erase();
        }
        Ok(head_at(&self.frontier))
    }

    /// Removes deleted bytes from the engine's files. The key is destroyed already; when a reader
    /// is in the way the rest is tried again with the next group.
    fn erase(&mut self) {
        self.erasure_pending = match self.engine.erase() {
            Ok(()) => false,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "erasure is pending"
                );
                true
            }
        };
    }

    fn release(&self, items: Vec<Item>, verdicts: Vec<Verdict>, head: Head) {
        self.tell_observers(&items, &verdicts);
        for (item, verdict) in items.into_iter().zip(verdicts) {
            match (item, verdict) {
                (Item::Commit(_, reply), Verdict::Committed(events)) => {
                    self.counters.add_transaction();
                    reply(Ok(Committed {
                        events,
                        tree_size: head.size,
                        root: head.root,
                    }));
                }
                (Item::Lease(_, reply), Verdict::Leased(effects)) => reply(Ok(effects)),
                (item, Verdict::Refused(refusal)) => {
                    self.counters.add_refusal();
                    item.refuse(|| at_head(refusal, head));
                }
                (Item::Commit(..), Verdict::Leased(_))
                | (Item::Lease(..), Verdict::Committed(_)) => {
                    unreachable!("a verdict is of its item's kind")
                }
            }
        }
    }

    fn tell_observers(&self, items: &[Item], verdicts: &[Verdict]) {
        for (item, verdict) in items.iter().zip(verdicts) {
            if let (Item::Commit(transaction, _), Verdict::Committed(events)) = (item, verdict) {
                self.observers.tell(transaction, events);
            }
        }
    }

    /// The engine lost the group: its transactions go to a dump, in order, with what was planned
    /// for them, because after a failed commit they may be durable all the same.
    fn divert(&mut self, items: Vec<Item>, verdicts: Vec<Verdict>, error: &EngineError) {
        tracing::error!(error = error as &dyn std::error::Error, "engine failed");
        self.halt_unless_it_passes(error.fault);
        let mut verdicts = verdicts.into_iter();
        let mut diverted = Vec::new();
        let mut waiting = Vec::new();
        for item in items {
            match (item, verdicts.next()) {
                (Item::Commit(transaction, reply), Some(Verdict::Committed(planned))) => {
                    diverted.push(recovery::DumpItem {
                        transaction: *transaction,
                        planned,
                    });
                    waiting.push(reply);
                }
                (Item::Commit(transaction, reply), None) => {
                    diverted.push(recovery::DumpItem {
                        transaction: *transaction,
                        planned: Vec::new(),
                    });
                    waiting.push(reply);
                }
                // It was judged by state that never became durable.
                (item, _) => item.refuse(|| CommitError::NotAttempted),
            }
        }
        if diverted.is_empty() {
            return;
        }
        let stored = self.dump(&diverted);
        for reply in waiting {
            reply(Err(match &stored {
                Ok(dump) => {
                    self.counters.add_diverted();
                    CommitError::Diverted { dump: dump.clone() }
                }
                Err(error) => {
                    tracing::error!(error = error as &dyn std::error::Error, "dump failed");
                    self.counters.add_outcome_unknown();
                    CommitError::OutcomeUnknown
                }
            }));
        }
    }

    /// After a full or busy engine nothing of the group is durable, and the next one may be.
    fn halt_unless_it_passes(&mut self, fault: Fault) {
        if !matches!(fault, Fault::Full | Fault::Busy) {
            self.halted = Some(HaltReason::Engine(fault));
            self.counters.halt();
        }
    }

    fn dump(&mut self, items: &[recovery::DumpItem]) -> std::io::Result<PathBuf> {
        if planted!(self.rules, DumpNotWritten) {
            return Ok(PathBuf::from("nowhere"));
        }
        let sealed = self.rules.node_key.seal(
            Place::Dump,
            &recovery::encode(items),
            &mut self.rules.entropy,
        );
        self.dumps
            .store(&recovery::name_of(&sealed, self.frontier.size()), &sealed)
    }

    fn rebuild(&mut self, mode: RebuildMode) -> Result<RebuildReport, RebuildError> {
        if let Some(reason) = self.halted {
            return Err(RebuildError::Halted { reason });
        }
        let snapshots = self.engine.snapshots();
        let before = snapshots.snapshot()?;
        let rows = self.engine.begin()?;
        let rebuilt = rebuild::rebuild(&mut self.rules, &*before, rows, mode);
        if let Err(RebuildError::Commit(error)) = &rebuilt {
            self.halted = Some(HaltReason::Engine(error.fault));
            self.counters.halt();
        }
        rebuilt
    }

    fn recover(&mut self) -> Result<Recovery, RecoverError> {
        let mut recovery = Recovery::default();
        for name in self
            .dumps
            .list()
            .map_err(|source| RecoverError::List { source })?
        {
            if let Some(reason) = self.halted {
                return Err(RecoverError::Halted { reason });
            }
            let recovered = self.recover_one(&name, &mut recovery);
            // What was replayed and then not committed is no change.
            self.rules.window.restart(self.frontier.size());
            recovered?;
        }
        Ok(recovery)
    }

    fn recover_one(&mut self, name: &str, report: &mut Recovery) -> Result<(), RecoverError> {
        let dump = recovery::load(&*self.dumps, name, &self.rules.node_key)?;
        let refused_before = report.refused.len();
        let mut frontier = self.frontier.clone();
        let mut rows = self.engine.begin()?;
        let replayed = recovery::replay(&mut self.rules, &mut *rows, &mut frontier, &dump, report)?;
        if let Some(replayed) = replayed {
            if frontier.size() > self.frontier.size() {
                rows.insert_checkpoint(&sign(&self.signer, &frontier))?;
            }
            if let Err(error) = rows.commit() {
                self.halt_unless_it_passes(error.fault);
                return Err(error.into());
            }
            let added = frontier.size() - self.frontier.size();
            self.frontier = frontier;
            self.counters.add_events(added, self.frontier.size());
            for (position, receipts) in replayed {
                let transaction = &dump.items[position].transaction;
                self.observers.tell(transaction, &receipts);
            }
        } else {
            drop(rows);
        }
        // A dump with refused transactions stays for a person to look at.
        if report.refused.len() == refused_before && !planted!(self.rules, RecoveryForgotten) {
            self.dumps
                .remove(name)
                .map_err(|source| RecoverError::Remove {
                    name: name.to_owned(),
                    source,
                })?;
        }
        Ok(())
    }

    /// Last work before the engine is closed.
    pub(crate) fn finish(&mut self) {
        if self.erasure_pending && self.halted.is_none() {
            self.erase();
        }
        self.halted.get_or_insert(HaltReason::ShutDown);
    }
}

impl Item {
    fn refuse(self, error: impl FnOnce() -> CommitError) {
        match self {
            Item::Commit(_, reply) => reply(Err(error())),
            Item::Lease(_, reply) => reply(Err(error())),
        }
    }
}

/// Fills in the durable head, which the rules do not know.
fn at_head(refusal: CommitError, head: Head) -> CommitError {
    match refusal {
        CommitError::Replayed {
            response,
            mut committed,
        } => {
            committed.tree_size = head.size;
            committed.root = head.root;
            CommitError::Replayed {
                response,
                committed,
            }
        }
        other => other,
    }
}

fn sign(signer: &NoteSigner, frontier: &Frontier) -> SignedCheckpoint {
    let head = head_at(frontier);
    let checkpoint = Checkpoint {
        origin: signer.name().to_owned(),
        size: head.size,
        root: head.root,
    };
    let note = checkpoint
        .sign(signer)
        .expect("the origin is the signer's name");
    SignedCheckpoint {
        size: head.size,
        note,
    }
}

/// Judges one item; a refused one leaves neither rows nor leaves.
fn judge(
    rules: &mut Rules,
    rows: &mut dyn Write,
    frontier: &mut Frontier,
    item: &Item,
) -> Result<Verdict, EngineError> {
    isolated(rules, rows, frontier, |rules, state| match item {
        Item::Commit(transaction, _) => rules.apply(state, transaction).map(Verdict::Committed),
        Item::Lease(request, _) => rules.lease(state, request).map(Verdict::Leased),
    })
    .map(|outcome| outcome.unwrap_or_else(Verdict::Refused))
}

/// Runs `work` so that a refusal undoes what it wrote.
pub(crate) fn isolated<T>(
    rules: &mut Rules,
    rows: &mut dyn Write,
    frontier: &mut Frontier,
    work: impl FnOnce(&mut Rules, &mut State<'_>) -> Result<T, Failure>,
) -> Result<Result<T, CommitError>, EngineError> {
    let edge = frontier.clone();
    rows.savepoint()?;
    let mut state = State {
        rows: &mut *rows,
        frontier,
        writes: Writes::default(),
    };
    match work(rules, &mut state) {
        Ok(done) => {
            rules.window.note(&state.writes, state.frontier.size());
            rows.release_savepoint()?;
            Ok(Ok(done))
        }
        Err(Failure::Refused(refusal)) => {
            if planted!(rules, RefusedRowsKept) {
                rows.release_savepoint()?;
                return Ok(Err(refusal));
            }
            rows.rollback_to_savepoint()?;
            if !planted!(rules, FrontierNotRolledBack) {
                *frontier = edge;
            }
            Ok(Err(refusal))
        }
        Err(Failure::Engine(error)) => Err(error),
    }
}

/// Says whether the entry changed anything. A bulk event that a rule refuses is lost: its caller
/// is gone, and its stream is shredded or of another privacy.
fn judge_bulk(
    rules: &mut Rules,
    rows: &mut dyn Write,
    frontier: &mut Frontier,
    entry: &Bulk,
) -> Result<bool, EngineError> {
    let outcome = isolated(rules, rows, frontier, |rules, state| match entry {
        Bulk::Event(bulk) => {
            let mut transaction = Transaction::new(bulk.at_ms, bulk.actor.clone());
            transaction.appends.push(Append {
                stream: bulk.stream.clone(),
                privacy: bulk.privacy,
                expected: Expected::Any,
                events: vec![bulk.event.clone()],
            });
            rules.apply(state, &transaction).map(|_| ())
        }
        Bulk::Gap(stream, gap) => rules.mark_gap(state, stream, gap),
    })?;
    if let Err(refusal) = &outcome {
        tracing::warn!(
            error = refusal as &dyn std::error::Error,
            "bulk event refused"
        );
    }
    Ok(outcome.is_ok())
}

/// Writes origin and key check into an empty engine; otherwise checks them. Says whether it wrote.
fn claim(rows: &mut dyn Write, origin: &str, rules: &mut Rules) -> Result<bool, OpenError> {
    let place = Place::KeyCheck { origin };
    let Some(stored) = rows.meta(ORIGIN)? else {
        let check = rules
            .node_key
            .seal(place, KEY_CHECK_TEXT, &mut rules.entropy);
        rows.put_meta(ORIGIN, origin.as_bytes())?;
        rows.put_meta(KEY_CHECK, &check)?;
        return Ok(true);
    };
    if stored != origin.as_bytes() {
        let stored = String::from_utf8_lossy(&stored).into_owned();
        return Err(OpenError::Origin {
            stored,
            given: origin.to_owned(),
        });
    }
    let check = rows.meta(KEY_CHECK)?.unwrap_or_default();
    match rules.node_key.open(place, &check) {
        Ok(text) if text == KEY_CHECK_TEXT => Ok(false),
        _ => Err(OpenError::NodeKey),
    }
}

/// The edge of the stored log, checked against the newest checkpoint.
fn resume(
    rows: &dyn Read,
    node_key: &SealingKey,
    signer: &NoteSigner,
) -> Result<Frontier, OpenError> {
    let stored = rows.size()?;
    let frontier = Frontier::from_store(stored, &View { rows, node_key })?;
    let newest = rows.checkpoint_newest()?;
    let Some(newest) = newest else {
        return match stored {
            0 => Ok(frontier),
            _ => Err(OpenError::Head {
                checkpoint: 0,
                stored,
            }),
        };
    };
    let checkpoint = Checkpoint::open(&newest.note, signer.verifier()).map_err(|source| {
        OpenError::CheckpointSignature {
            source: Box::new(source),
        }
    })?;
    if checkpoint.size != stored || checkpoint.root != frontier.root() {
        return Err(OpenError::Head {
            checkpoint: checkpoint.size,
            stored,
        });
    }
    Ok(frontier)
}

#[cfg(feature = "planted-bugs")]
mod planted {
    //! Sites of the planted bugs that do not fit into a condition.

    use super::*;
    use crate::{bug::PlantedBug, names::LogIndex};

    /// A key that the transaction should have stored.
    pub(super) struct LateKey {
        key: crate::transaction::Idempotency,
        first: LogIndex,
        count: usize,
        at_ms: i64,
    }

    pub(super) fn before_group(writer: &mut Writer, items: &[Item]) -> Result<(), EngineError> {
        let late = std::mem::take(&mut writer.late_keys);
        let effects = items.iter().filter_map(|item| match item {
            Item::Commit(transaction, _) => Some(&transaction.effects),
            Item::Lease(..) => None,
        });
        let early: Vec<_> = match writer.rules.bug {
            Some(PlantedBug::OutboxBeforeCommit) => effects.flatten().cloned().collect(),
            _ => Vec::new(),
        };
        if late.is_empty() && early.is_empty() {
            return Ok(());
        }
        let mut frontier = writer.frontier.clone();
        let mut rows = writer.engine.begin()?;
        for LateKey {
            key,
            first,
            count,
            at_ms,
        } in late
        {
            let mut state = State {
                rows: &mut *rows,
                frontier: &mut frontier,
                writes: Writes::default(),
            };
            drop(
                writer
                    .rules
                    .store_idempotency(&mut state, &key, first, count, at_ms),
            );
        }
        for effect in early {
            let mut outbox = Transaction::new(0, "planted");
            outbox.effects.push(effect);
            let mut state = State {
                rows: &mut *rows,
                frontier: &mut frontier,
                writes: Writes::default(),
            };
            drop(writer.rules.apply(&mut state, &outbox));
        }
        rows.commit()
    }

    pub(super) fn before_commit(
        bug: Option<PlantedBug>,
        items: &mut [Item],
        verdicts: &mut [Verdict],
        head: Head,
    ) {
        for (item, verdict) in items.iter_mut().zip(verdicts) {
            let Item::Commit(_, reply) = item else {
                continue;
            };
            match verdict {
                Verdict::Committed(events) if bug == Some(PlantedBug::AckBeforeSync) => {
                    let (
                        events,
                        Head {
                            size: tree_size,
                            root,
                        },
                    ) = (events.clone(), head);
                    let reply = std::mem::replace(reply, Box::new(drop));
                    reply(Ok(Committed {
                        events,
                        tree_size,
                        root,
                    }));
                }
                Verdict::Refused(refusal) if bug == Some(PlantedBug::RefusalBeforeSync) => {
                    let reply = std::mem::replace(reply, Box::new(drop));
                    reply(Err(std::mem::replace(refusal, CommitError::NotAttempted)));
                }
                _ => {}
            }
        }
    }

    pub(super) fn after_commit(
        rules: &Rules,
        late_keys: &mut Vec<LateKey>,
        items: &[Item],
        verdicts: &[Verdict],
    ) {
        if rules.bug != Some(PlantedBug::IdempotencyOutsideTransaction) {
            return;
        }
        for (item, verdict) in items.iter().zip(verdicts) {
            if let (Item::Commit(transaction, _), Verdict::Committed(events)) = (item, verdict)
                && let Some(key) = transaction.idempotency.clone()
                && let Some(first) = events.first()
            {
                let (first, count) = (first.index, events.len());
                late_keys.push(LateKey {
                    key,
                    first,
                    count,
                    at_ms: transaction.at_ms,
                });
            }
        }
    }
}
