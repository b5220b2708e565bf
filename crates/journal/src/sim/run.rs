//! One seed's history: random work, a fault, a restart, a check; several times over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evidence::{digest::Digest, key::SigningKey, note::NoteVerifier};

use super::{
    Disk, DiskFault, Random, SimEngine,
    model::{Asked, BulkFound, Diverted, Looked, Model},
};
use crate::{
    Append, BulkEvent, DumpStore, Expected, Idempotency, LeaseRequest, Limits, NewEffect, NewEvent,
    Options, Privacy, Reader, Seq, Settlement, StreamName, Transaction,
    conformance::{MemoryDumps, Notes, ORIGIN, counting_entropy},
    engine, fsck,
    queue::Queue,
    seal::SealingKey,
    stats::Counters,
    writer::{Request, Writer},
};

const EPOCHS: u64 = 6;
const ROUNDS_MAX: u64 = 14;
const REQUESTS_PER_ROUND_MAX: u64 = 5;
const NODE_KEY: [u8; 32] = [1; 32];
const LOG_KEY: [u8; 32] = [2; 32];
const LEASE_MS: i64 = 3;

/// What one seed came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that was answered, in order.
    pub trace: String,
    /// What should not have happened; empty for a correct journal.
    pub violations: Vec<String>,
}

/// Runs one seed. The same seed gives the same outcome.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    Run::new(seed).finish()
}

/// Runs one seed with a rule broken.
#[cfg(feature = "planted-bugs")]
#[must_use]
pub fn run_planted(seed: u64, bug: crate::bug::PlantedBug) -> Outcome {
    let mut run = Run::new(seed);
    run.bug = Some(bug);
    run.finish()
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            disk: Disk::new(seed ^ 0x5EED),
            dumps: MemoryDumps::default(),
            model: Arc::default(),
            next: 1,
            now_ms: 0,
            keyed: Vec::new(),
            reads: Vec::new(),
            seed,
            #[cfg(feature = "planted-bugs")]
            bug: None,
        }
    }

    fn finish(mut self) -> Outcome {
        for epoch in 0..EPOCHS {
            self.epoch(epoch);
            if !self.model().violations.is_empty() {
                break;
            }
        }
        let model = self.model();
        Outcome {
            trace: model.trace.clone(),
            violations: model.violations.clone(),
        }
    }
}

struct Run {
    random: Random,
    disk: Disk,
    dumps: MemoryDumps,
    model: Arc<Mutex<Model>>,
    next: u64,
    now_ms: i64,
    /// Transactions with an idempotency key, to ask again.
    keyed: Vec<(u64, Transaction)>,
    /// What was read, for decisions to come.
    reads: Vec<Looked>,
    seed: u64,
    #[cfg(feature = "planted-bugs")]
    bug: Option<crate::bug::PlantedBug>,
}

struct Machine {
    writer: Writer,
    queue: Queue,
    reader: Reader,
}

fn lock(model: &Mutex<Model>) -> MutexGuard<'_, Model> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run {
    fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }

    fn epoch(&mut self, epoch: u64) {
        let Some(mut machine) = self.start(epoch) else {
            return;
        };
        self.recover(&mut machine);
        let before = self.check(&machine, Diverted::Back);
        self.plan_fault(epoch);
        let mut bulk_asked = 0;
        for _ in 0..=self.random.below(ROUNDS_MAX) {
            self.now_ms += 1;
            self.look(&machine);
            for _ in 0..=self.random.below(REQUESTS_PER_ROUND_MAX) {
                self.ask(&machine.queue);
            }
            bulk_asked += self.ask_bulk(&machine.queue);
            self.work(&mut machine);
            if machine.writer.halted().is_some() {
                break;
            }
        }
        if machine.writer.halted().is_none() {
            while let Some(group) = machine.queue.take_ready() {
                let lost = machine.writer.run_group(group);
                machine.queue.lost(lost);
                if machine.writer.halted().is_some() {
                    break;
                }
            }
        }
        let halted = machine.writer.halted().is_some();
        if halted && !self.disk.fired() {
            self.model()
                .violations
                .push("the writer halted without a fault".to_owned());
        }
        if !halted {
            let after = self.check(&machine, Diverted::PerhapsInDumps);
            let found = (after.events - before.events) + (after.marked - before.marked);
            if found != bulk_asked && self.model().violations.is_empty() {
                let violation = format!("{found} of {bulk_asked} bulk events are accounted for");
                self.model().violations.push(violation);
            }
        }
        drop(machine);
        if !self.disk.powered() || self.random.one_in(2) {
            self.disk.power_cycle();
        }
        self.disk.calm();
    }

    fn start(&self, epoch: u64) -> Option<Machine> {
        let counters = Arc::new(Counters::default());
        let engine = SimEngine::open(self.disk.clone());
        #[cfg(feature = "planted-bugs")]
        let engine = engine.map(|mut engine| {
            engine.plant(self.bug);
            engine
        });
        let limits = Limits {
            bulk_count_max: 3,
            ..Limits::STANDARD
        };
        let options = Options {
            origin: ORIGIN.to_owned(),
            log_key: SigningKey::from_seed(LOG_KEY),
            node_key: SealingKey::from_bytes(NODE_KEY),
            projection: Arc::new(Notes),
            entropy: counting_entropy(self.seed.wrapping_mul(EPOCHS) + epoch),
            dumps: Box::new(self.dumps.clone()),
            limits,
        };
        let opened = engine
            .map_err(crate::OpenError::from)
            .and_then(|engine| Writer::open(Box::new(engine), options, counters.clone()));
        let queue = Queue::new(limits, counters);
        #[cfg(feature = "planted-bugs")]
        let (queue, opened) = {
            let mut queue = queue;
            queue.plant(self.bug);
            let planted = opened.map(|mut writer| {
                writer.plant(self.bug);
                writer
            });
            (queue, planted)
        };
        match opened {
            Ok(writer) => {
                let reader = Reader::new(writer.snapshots(), writer.node_key());
                Some(Machine {
                    writer,
                    queue,
                    reader,
                })
            }
            Err(error) => {
                self.model().broken("the journal does not open", &error);
                None
            }
        }
    }

    fn plan_fault(&mut self, epoch: u64) {
        let after = 1 + self.random.below(24);
        match self.random.below(6) {
            // The last epoch ends in peace, so that everything can be accounted for.
            _ if epoch + 1 == EPOCHS => {}
            0 | 1 => self.disk.plan(after, DiskFault::PowerLoss),
            2 | 3 => self.disk.plan(after, DiskFault::Io),
            4 => self.disk.plan(after, DiskFault::Full),
            _ => {}
        }
    }

    fn work(&self, machine: &mut Machine) {
        if let Some(group) = machine.queue.take_ready() {
            let lost = machine.writer.run_group(group);
            machine.queue.lost(lost);
        }
    }

    /// Recovers twice with the same dumps; the second time must add nothing.
    fn recover(&self, machine: &mut Machine) {
        let names = self.dumps.list().unwrap_or_default();
        let copies: Vec<_> = names
            .iter()
            .map(|name| (name.clone(), self.dumps.load(name)))
            .collect();
        for round in 0..2 {
            let model = self.model.clone();
            let reply = Box::new(move |outcome: Result<crate::Recovery, _>| match outcome {
                Ok(recovery) => {
                    let (replayed, present) = (recovery.replayed, recovery.present);
                    let mut model = lock(&model);
                    model
                        .trace
                        .push_str(&format!("recovered {replayed} found {present}\n"));
                    if round == 1 && replayed > 0 {
                        model
                            .violations
                            .push("a dump was replayed twice".to_owned());
                    }
                }
                Err(error) => lock(&model).broken("dumps do not recover", &error),
            });
            if machine.queue.push(Request::Recover { reply }, 0).is_ok() {
                self.work(machine);
            }
            if round == 0 {
                let mut dumps = self.dumps.clone();
                for (name, copy) in &copies {
                    if let Ok(sealed) = copy {
                        drop(dumps.store(name, sealed));
                    }
                }
            }
        }
    }

    fn check(&self, machine: &Machine, diverted: Diverted) -> BulkFound {
        let checked = machine.reader.with_rows(|rows| {
            let report = check_with_fsck(rows);
            let mut model = self.model();
            for finding in report.findings {
                model.broken("fsck", &finding);
            }
            let events = report.events;
            model
                .trace
                .push_str(&format!("checked {events} {:?}\n", &report.root[..4]));
            model.check(rows, &SealingKey::from_bytes(NODE_KEY), diverted)
        });
        checked.unwrap_or_else(|error| {
            self.model().broken("the log does not read", &error);
            BulkFound::default()
        })
    }

    fn ask(&mut self, queue: &Queue) {
        match self.random.below(10) {
            0 => self.ask_lease(queue),
            1 => self.ask_settlement(queue),
            2 if !self.keyed.is_empty() => {
                let at = self.random.below(self.keyed.len() as u64) as usize;
                let (n, transaction) = self.keyed[at].clone();
                self.push(queue, n, transaction);
            }
            _ => self.ask_transaction(queue),
        }
    }

    fn push(&self, queue: &Queue, n: u64, transaction: Transaction) {
        let (model, disk) = (self.model.clone(), self.disk.clone());
        let reply = Box::new(move |answer| {
            // After a power loss nobody hears the answer.
            if disk.powered() {
                lock(&model).answer(n, answer);
            }
        });
        if queue
            .push(
                Request::Commit {
                    transaction: Box::new(transaction),
                    reply,
                },
                0,
            )
            .is_ok()
            && let Some(asked) = self.model().asked.get_mut(&n)
        {
            asked.unanswered += 1;
        }
    }

    /// Reads something, to decide on it at once or much later.
    fn look(&mut self, machine: &Machine) {
        let Ok(snapshot) = machine.reader.snapshot() else {
            return;
        };
        let mut read = Looked::default();
        if self.random.one_in(2) {
            let (stream, _) = Self::stream(self.random.below(4));
            drop(snapshot.stream_head(&stream));
            read.streams.push(stream);
        }
        if self.random.one_in(4) {
            drop(snapshot.records("note", &[("writes", "1")], None, 10_000));
            read.notes = true;
        }
        read.guards = snapshot.guards();
        self.reads.push(read);
    }

    fn stream(n: u64) -> (StreamName, Privacy) {
        let n = n % 4;
        let privacy = if n == 3 {
            Privacy::Personal
        } else {
            Privacy::Public
        };
        (
            format!("s/{n}").parse().expect("the name is valid"),
            privacy,
        )
    }

    fn ask_transaction(&mut self, queue: &Queue) {
        let n = self.next;
        self.next += 1;
        let mut transaction = Transaction::new(self.now_ms, "did:example:sim");
        let mut asked = Asked {
            unconditional: true,
            ..Asked::default()
        };
        let first = self.random.below(4);
        for part in 0..=self.random.below(2) {
            // Different streams: a conflict then speaks of what others committed.
            let (stream, privacy) = Self::stream(first + part);
            let expected = match self.random.below(4) {
                0 => Expected::NoStream,
                1 => Expected::At(Seq::new(1 + self.random.below(12)).expect("not 0")),
                _ => Expected::Any,
            };
            asked.expected.push((stream.clone(), expected));
            asked.unconditional &= expected == Expected::Any;
            let events: Vec<_> = (0..=self.random.below(2))
                .map(|event| note("note.put.v1", format!("t{n}.{part}.{event}=x")))
                .collect();
            asked.events += events.len();
            transaction.appends.push(Append {
                stream,
                privacy,
                expected,
                events,
            });
        }
        if self.random.one_in(6) {
            asked.must_refuse = true;
            let last = transaction.appends.last_mut().expect("there is one");
            last.events
                .push(note("note.refuse.v1", format!("t{n}.refused=x")));
        }
        if !self.reads.is_empty() && self.random.one_in(3) {
            let newest = self.reads.len() as u64 - 1;
            let read = self.reads[(newest - self.random.below(3).min(newest)) as usize].clone();
            transaction.guards = read.guards.clone();
            asked.unconditional &= read.guards.reads.is_empty();
            asked.read = read;
        }
        if self.random.one_in(3) {
            asked.effect = true;
            transaction.effects.push(effect(n, self.now_ms));
        }
        if self.random.one_in(3) {
            transaction.idempotency = Some(key(n));
            self.keyed.push((n, transaction.clone()));
        }
        self.model().asked.insert(n, asked);
        self.push(queue, n, transaction);
    }

    fn ask_lease(&mut self, queue: &Queue) {
        let now_ms = self.now_ms;
        let request = LeaseRequest {
            now_ms,
            lease_ms: LEASE_MS,
            limit: 2,
            kinds: Vec::new(),
        };
        let (model, disk) = (self.model.clone(), self.disk.clone());
        let reply = Box::new(move |answer| {
            if let Ok(effects) = answer
                && disk.powered()
            {
                lock(&model).leased(now_ms, now_ms + LEASE_MS, effects);
            }
        });
        drop(queue.push(Request::Lease { request, reply }, 0));
    }

    fn ask_settlement(&mut self, queue: &Queue) {
        let leases: Vec<_> = self
            .model()
            .leases
            .iter()
            .map(|(id, lease)| (id.clone(), lease.token))
            .collect();
        if leases.is_empty() {
            return;
        }
        let (id, newest) = leases[self.random.below(leases.len() as u64) as usize].clone();
        // Sometimes by a worker whose lease was taken over.
        let lease = newest.saturating_sub(self.random.below(2)).max(1);
        let error = "simulated".to_owned();
        // From here on the lease may be over, whether or not anyone hears the answer.
        if let Some(known) = self.model().leases.get_mut(&id) {
            known.open &= lease != newest;
        }
        let settlement = match self.random.below(3) {
            0 => Settlement::Done {
                id: id.clone(),
                lease,
            },
            1 => Settlement::Retry {
                id: id.clone(),
                lease,
                not_before_ms: self.now_ms,
                error,
            },
            _ => Settlement::Dead {
                id: id.clone(),
                lease,
                error,
            },
        };
        let mut transaction = Transaction::new(self.now_ms, "did:example:worker");
        transaction.settlements.push(settlement);
        let (model, disk) = (self.model.clone(), self.disk.clone());
        let reply = Box::new(move |answer| {
            if disk.powered() {
                lock(&model).settled(&id, lease, &answer);
            }
        });
        drop(queue.push(
            Request::Commit {
                transaction: Box::new(transaction),
                reply,
            },
            0,
        ));
    }

    fn ask_bulk(&mut self, queue: &Queue) -> u64 {
        let count = self.random.below(6);
        for _ in 0..count {
            let n = self.next;
            self.next += 1;
            queue.push_bulk(BulkEvent {
                stream: "s/bulk".parse().expect("the name is valid"),
                privacy: Privacy::Public,
                at_ms: self.now_ms,
                actor: "did:example:sensor".to_owned(),
                event: note("sensor.read.v1", format!("b{n}")),
            });
        }
        count
    }
}

fn note(kind: &str, payload: String) -> NewEvent {
    NewEvent {
        kind: kind.parse().expect("the kind is valid"),
        payload: payload.into_bytes(),
    }
}

fn effect(n: u64, now_ms: i64) -> NewEffect {
    NewEffect {
        id: format!("e{n}"),
        kind: "notify".to_owned(),
        owner: None,
        payload: Vec::new(),
        not_before_ms: now_ms,
    }
}

fn key(n: u64) -> Idempotency {
    Idempotency {
        scope: "sim".to_owned(),
        key: format!("k{n}"),
        request: Digest::raw(&n.to_be_bytes()),
        owner: None,
        response: n.to_string().into_bytes(),
        expires_ms: i64::MAX,
    }
}

fn check_with_fsck(rows: &dyn engine::Read) -> fsck::Report {
    let key = SigningKey::from_seed(LOG_KEY).verifying_key();
    let verifier = NoteVerifier::new(ORIGIN, key).expect("the origin names a log");
    fsck::check(&fsck::Rows(rows), &verifier, None, |_, _| {})
}
