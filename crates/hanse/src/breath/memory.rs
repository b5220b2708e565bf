//! The sessions that the node has in memory, the order in which their inputs are decided, and who watches them.
//!
//! Invariants (guard):
//! 1. what is remembered is used only where the head of the stream, read in the moment of the decision, is its own
//!    (`Live::current`; `what_somebody_who_went_away_committed_is_replayed`)
//! 2. what was shredded is not remembered, also by who was deciding on it  (`Remembered::is_erased`, set by the commit)
//! 3. who watches is told in the order of the stream, and nothing after the session was erased  (`Entry::remember`)

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use journal::{Journal, StreamName};
use tokio::sync::broadcast;

use super::drive::Frame;
use super::ids::SessionId;
use super::live::Live;
use crate::streams;
use platform::declined::Declined;
use platform::moment::Moment;

/// Sessions that are kept in memory when nobody uses them.
const IDLE_MAX: usize = 256;
/// Frames that a slow watcher may be behind before it misses some.
const FRAMES_MAX: usize = 32;

/// The sessions of one node.
#[derive(Clone, Debug)]
pub struct Sessions {
    entries: Arc<Mutex<BTreeMap<SessionId, Arc<Entry>>>>,
}

/// What the node has in memory of one session.
#[derive(Debug)]
pub struct Entry {
    /// Who decides on inputs holds it, so that they are decided one after another. It only saves work: what keeps two
    /// from going on from one state is the guard of their commits.
    pub turn: tokio::sync::Mutex<()>,
    remembered: Mutex<Remembered>,
    frames: broadcast::Sender<Arc<str>>,
    is_ticking: AtomicBool,
}

#[derive(Debug, Default)]
struct Remembered {
    live: Option<Arc<Live>>,
    is_erased: bool,
}

/// The task that lets time pass for a session. There is one at most.
#[derive(Debug)]
pub struct Ticking(Arc<Entry>);

impl Sessions {
    /// Remembers nothing yet, and follows a journal: a session is forgotten when it is shredded, whoever did it.
    pub fn following(journal: &Journal) -> Self {
        let sessions = Self {
            entries: Arc::default(),
        };
        let memory = sessions.clone();
        journal.observe(Box::new(move |transaction, _| {
            for id in transaction.shred.iter().filter_map(session_of) {
                memory.erase(id);
            }
        }));
        sessions
    }

    /// The entry of one session.
    pub fn entry(&self, id: SessionId) -> Arc<Entry> {
        let mut entries = lock(&self.entries);
        if entries.len() > IDLE_MAX {
            // What is dropped here is replayed when somebody asks for it again.
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        let entry = entries.entry(id).or_insert_with(|| Arc::new(Entry::new()));
        Arc::clone(entry)
    }

    /// A session as its stream says: what is remembered, where it is that.
    ///
    /// # Errors
    /// As for [`Live::current`].
    pub fn current(
        &self,
        moment: &Moment<'_>,
        at: Duration,
        id: SessionId,
    ) -> Result<Arc<Live>, Declined> {
        let entry = lock(&self.entries).get(&id).cloned();
        let remembered = entry.and_then(|entry| entry.remembered());
        Live::current(remembered, moment, at, id)
    }

    fn erase(&self, id: SessionId) {
        let entry = lock(&self.entries).remove(&id);
        if let Some(entry) = entry {
            entry.erase();
        }
    }
}

/// Whose stream it is, if it is a session's.
fn session_of(stream: &StreamName) -> Option<SessionId> {
    let (_, last) = stream.as_str().rsplit_once('/')?;
    let id = last.parse().ok()?;
    (streams::breath_session(&id) == *stream).then_some(id)
}

impl Entry {
    fn new() -> Self {
        Self {
            turn: tokio::sync::Mutex::default(),
            remembered: Mutex::default(),
            frames: broadcast::Sender::new(FRAMES_MAX),
            is_ticking: AtomicBool::new(false),
        }
    }

    /// What is remembered. It may be behind its stream.
    pub fn remembered(&self) -> Option<Arc<Live>> {
        lock(&self.remembered).live.clone()
    }

    /// Remembers a session that is durable and tells those who watch, unless something later is remembered or it was erased.
    pub fn remember(&self, live: Arc<Live>, frame: Option<&Frame>) {
        let text = frame.map(Frame::text);
        let mut remembered = lock(&self.remembered);
        let is_behind = |known: &Arc<Live>| known.head() > live.head();
        if remembered.is_erased || remembered.live.as_ref().is_some_and(is_behind) {
            return;
        }
        remembered.live = Some(live);
        self.send(text);
    }

    /// Tells those who watch something that changes nothing.
    pub fn tell(&self, frame: &Frame) {
        let text = frame.text();
        // Held while it is sent, so that nothing follows the news of an erasure.
        let remembered = lock(&self.remembered);
        if !remembered.is_erased {
            self.send(Some(text));
        }
    }

    /// Whether somebody watches.
    pub fn is_watched(&self) -> bool {
        self.frames.receiver_count() > 0
    }

    /// From now on, what those who watch are told, as JSON text.
    pub fn watch(&self) -> broadcast::Receiver<Arc<str>> {
        self.frames.subscribe()
    }

    /// Whether the session was erased.
    pub fn is_erased(&self) -> bool {
        lock(&self.remembered).is_erased
    }

    /// Whether time has to pass for what is remembered.
    pub fn is_ticked(&self) -> bool {
        self.remembered().is_some_and(|live| live.is_ticked())
    }

    /// Becomes the one that lets time pass, if nobody does.
    pub fn tick(self: &Arc<Self>) -> Option<Ticking> {
        let ticks = self.is_ticking.swap(true, Ordering::SeqCst);
        (!ticks).then(|| Ticking(Arc::clone(self)))
    }

    /// Runs on the writer's thread: both locks are held for moments only.
    fn erase(&self) {
        let text = Frame::Erased {}.text();
        let mut remembered = lock(&self.remembered);
        *remembered = Remembered {
            live: None,
            is_erased: true,
        };
        self.send(Some(text));
    }

    /// That nobody watches is no failure.
    fn send(&self, text: Option<Arc<str>>) {
        if let Some(text) = text.filter(|_| self.is_watched()) {
            drop(self.frames.send(text));
        }
    }
}

impl Ticking {
    /// Whether time has to pass.
    pub fn is_due(&self) -> bool {
        self.0.is_ticked()
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.is_ticking.store(false, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(in crate::breath) mod tests {
    use std::cell::Cell;
    use std::sync::atomic::AtomicI64;

    use evidence::key::SigningKey;
    use journal::{CommitError, DumpDirectory, Options, Privacy, SealingKey, Transaction};
    use journal_sqlite::SqliteEngine;
    use tempfile::TempDir;
    use zenb::digest::NUMERIC_VERSION;
    use zenb::engine::{Engine, Input, Opening, StopBy};
    use zenb::event::{Opened, SessionEvent};
    use zenb::protocol::{Kind, Pace, Protocol};
    use zenb::screen::{Answer, Answers, Question};
    use zenb::units::EngineMs;

    use super::*;
    use crate::breath::consent::Command;
    use crate::breath::consents;
    use crate::breath::erase::shred_session;
    use crate::breath::live::{Batch, append};
    use crate::breath::record::{self, REGISTERED_KIND, Registered, SessionClock};
    use crate::breath::safeties::Protection;
    use crate::breath::sessions::begin;
    use crate::entities::wire::time;
    use crate::institutions::NodeProjection;
    use api::journal::ErasureReason;
    use api::problem::Code;
    use platform::auth::token::TokenAuthority;
    use platform::change::Change;
    use platform::clock::Clock;
    use platform::http::Platform;
    use platform::http::limits::{Limits, LimitsConfig};
    use platform::http::metrics::Metrics;
    use platform::outside::{Tokio, system_entropy};

    pub(in crate::breath) const START: Input = Input::Start { at: EngineMs(0) };
    const AT: Duration = Duration::ZERO;

    /// A journal with one session that may start, and the memory that follows it.
    pub(in crate::breath) struct Stage {
        platform: Platform,
        clock: Arc<AtomicI64>,
        sessions: Sessions,
        id: Cell<SessionId>,
        _folder: TempDir,
    }

    impl Stage {
        pub(in crate::breath) fn set() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (clock, hand) = Clock::standing_at(1_800_000_000_000);
            let platform = platform(&folder, clock);
            let sessions = Sessions::following(&platform.journal);
            let stage = Self {
                platform,
                clock: hand,
                sessions,
                id: Cell::new(SessionId::fresh()),
                _folder: folder,
            };
            stage.consent();
            stage.open_another();
            stage
        }

        /// From now on the stage is about another session of the same person.
        pub(in crate::breath) fn open_another(&self) {
            self.id.set(SessionId::fresh());
            let opened = self.open();
            let entry = self.sessions.entry(self.id.get());
            entry.remember(Arc::new(opened), None);
        }

        pub(in crate::breath) fn set_clock(&self, now_ms: i64) {
            self.clock.store(now_ms, Ordering::SeqCst);
        }

        pub(in crate::breath) fn read<T>(&self, read: impl FnOnce(&Moment<'_>) -> T) -> T {
            read(&self.platform.moment().unwrap())
        }

        /// Decides on one instant, and commits.
        pub(in crate::breath) fn act<T>(
            &self,
            act: impl FnOnce(&Moment<'_>, &mut Change) -> T,
        ) -> T {
            let moment = self.platform.moment().unwrap();
            let mut change = Change::default();
            let acted = act(&moment, &mut change);
            self.commit(guarded(&moment, change)).unwrap();
            acted
        }

        /// Gives inputs to the session, of which each is taken.
        pub(in crate::breath) fn take(&self, inputs: &[Input]) {
            let (live, batch, transaction) = self.decide(inputs);
            assert_eq!(batch.refused.len(), 0, "{batch:?}");
            self.commit(transaction).unwrap();
            let after = Arc::new(live.settled(batch));
            self.sessions.entry(self.id.get()).remember(after, None);
        }

        fn consent(&self) {
            let record = Command::Record { is_used: false };
            let (by, person) = ("dora".parse().unwrap(), "guest".parse().unwrap());
            self.act(|moment, change| {
                consents::decide(moment, &by, &person, record, change)
                    .map(drop)
                    .unwrap();
            });
        }

        /// What a session is opened with, and the answers to its questions.
        fn asked(&self, moment: &Moment<'_>) -> (Registered, Opening, Protection, Input) {
            let pace = Kind::Paced { pace: Pace::SIX };
            let registered = Registered {
                id: self.id.get(),
                person: "guest".parse().unwrap(),
                by: "dora".parse().unwrap(),
                clock: SessionClock::Sender,
                protocol: Protocol::new(pace, 15).unwrap(),
                at: time(moment.now_ms),
                safety_events: Some(0),
            };
            let standing = Protection::read(moment, &registered.person);
            let (_, inhibitions, breathed_today_ms) = standing.at_opening();
            let opening = Opening {
                protocol: registered.protocol,
                inhibitions,
                breathed_today_ms,
                wall_ms: moment.now_ms,
                seed: 1,
            };
            let no = |question| Answer {
                question,
                yes: false,
            };
            let answers = Answers {
                answers: Question::ALL.into_iter().map(no).collect(),
                clinician_agreed: false,
            };
            let at = EngineMs(0);
            (registered, opening, standing, Input::Screen { at, answers })
        }

        fn open(&self) -> Live {
            let moment = self.platform.moment().unwrap();
            let (registered, opening, standing, answers) = self.asked(&moment);
            let mut change = Change::default();
            let (live, _) = begin(&registered, opening, AT, &mut change).unwrap();
            let batch = live.take(&[answers], standing);
            live.write(&batch, &mut change).unwrap();
            self.commit(guarded(&moment, change)).unwrap();
            live.settled(batch)
        }

        /// From now on the stage is about a session that an older engine has recorded: it has run for a minute.
        fn run_by_an_older_engine(&self) {
            self.id.set(SessionId::fresh());
            let moment = self.platform.moment().unwrap();
            let (registered, opening, mut standing, answers) = self.asked(&moment);
            let (mut engine, step) = Engine::open(&opening);
            let opened = Opened {
                numeric_version: NUMERIC_VERSION - 1,
                opening,
            };
            let mut events = vec![
                SessionEvent::Opened(opened),
                SessionEvent::Decided(step.into()),
            ];
            let at = EngineMs(60_000);
            for input in [answers, START, Input::Tick { at }] {
                let step = engine.step(&input).unwrap();
                events.push(SessionEvent::Input(input));
                events.push(SessionEvent::Decided(step.into()));
            }
            let stream = streams::breath_session(&registered.id);
            let mut change = Change::default();
            change
                .append(&stream, Privacy::Personal, REGISTERED_KIND, &registered)
                .unwrap();
            append(&mut change, &stream, &events).unwrap();
            standing.begin(registered.id, registered.protocol, registered.safety_events);
            standing.write(&mut change).unwrap();
            self.commit(guarded(&moment, change)).unwrap();
        }

        fn commit(&self, transaction: Transaction) -> Result<(), CommitError> {
            let committed = self.platform.journal.commit_blocking(transaction);
            committed.map(drop)
        }

        /// What a handler decides on inputs, before it commits.
        fn decide(&self, inputs: &[Input]) -> (Arc<Live>, Batch, Transaction) {
            let moment = self.platform.moment().unwrap();
            let live = self.sessions.current(&moment, AT, self.id.get()).unwrap();
            let standing = Protection::read(&moment, &live.registered.person);
            let batch = live.take(inputs, standing);
            let mut change = Change::default();
            live.write(&batch, &mut change).unwrap();
            (live, batch, guarded(&moment, change))
        }

        pub(in crate::breath) fn shred(&self) {
            let moment = self.platform.moment().unwrap();
            let mut change = Change::default();
            let reason = ErasureReason::SubjectRequest;
            shred_session(&moment, self.id.get(), reason, &mut change).unwrap();
            self.commit(guarded(&moment, change)).unwrap();
        }

        fn current(&self) -> Result<Arc<Live>, Declined> {
            let moment = self.platform.moment().unwrap();
            self.sessions.current(&moment, AT, self.id.get())
        }
    }

    fn guarded(moment: &Moment<'_>, change: Change) -> Transaction {
        let mut transaction = change.into_transaction(moment.now_ms, "dora");
        transaction.guards = moment.guards();
        transaction
    }

    fn platform(folder: &TempDir, clock: Clock) -> Platform {
        let engine = SqliteEngine::open(folder.path().join("journal.sqlite")).unwrap();
        let options = Options {
            origin: "zone.example/log".to_owned(),
            log_key: SigningKey::from_seed([1; 32]),
            node_key: SealingKey::from_bytes([2; 32]),
            projection: Arc::new(NodeProjection),
            entropy: Box::new(system_entropy),
            dumps: Box::new(DumpDirectory::create(folder.path().join("dumps")).unwrap()),
            limits: journal::Limits::STANDARD,
        };
        Platform {
            journal: Journal::open(Box::new(engine), options).unwrap(),
            tokens: TokenAuthority::new("zone.example", SigningKey::from_seed([3; 32])),
            clock,
            entropy: Arc::new(system_entropy),
            tasks: Arc::new(Tokio),
            limits: Limits::new(LimitsConfig::default()),
            metrics: Metrics::new(),
            readiness: Box::new(Vec::new),
        }
    }

    #[test]
    fn what_somebody_who_went_away_committed_is_replayed() {
        let stage = Stage::set();
        let (before, batch, transaction) = stage.decide(&[START]);
        assert!(Arc::ptr_eq(&before, &stage.current().unwrap()));
        stage.commit(transaction).unwrap();
        // Nobody remembers what was committed.
        let remembered = stage.sessions.entry(stage.id.get()).remembered().unwrap();
        assert!(Arc::ptr_eq(&before, &remembered));
        let current = stage.current().unwrap();
        assert_eq!(current.head(), before.settled(batch).head());
        assert_eq!(current.state(None).status.as_str(), "running");
    }

    #[test]
    fn of_two_that_decide_on_one_state_one_commits() {
        let stage = Stage::set();
        let (_, _, one) = stage.decide(&[START]);
        let (_, _, other) = stage.decide(&[START]);
        stage.commit(one).unwrap();
        let refused = stage.commit(other);
        assert!(
            matches!(refused, Err(CommitError::Moved { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn what_is_shredded_is_forgotten_at_once_and_not_remembered_by_who_was_deciding() {
        let stage = Stage::set();
        let entry = stage.sessions.entry(stage.id.get());
        let mut watcher = entry.watch();
        let (live, batch, transaction) = stage.decide(&[START]);
        stage.commit(transaction).unwrap();
        stage.shred();
        assert!(entry.is_erased() && entry.remembered().is_none());
        let after = Arc::new(live.settled(batch));
        entry.remember(Arc::clone(&after), Some(&Frame::now(&after)));
        assert!(entry.remembered().is_none());
        assert_eq!(&*watcher.try_recv().unwrap(), r#"{"kind":"erased"}"#);
        assert!(watcher.try_recv().is_err());
        assert_eq!(stage.current().unwrap_err().code(), Code::Gone);
    }

    #[test]
    fn who_is_behind_takes_nothing_back_and_tells_nothing() {
        let stage = Stage::set();
        let entry = stage.sessions.entry(stage.id.get());
        let (before, batch, transaction) = stage.decide(&[START]);
        stage.commit(transaction).unwrap();
        let after = Arc::new(before.settled(batch));
        let mut watcher = entry.watch();
        entry.remember(Arc::clone(&after), None);
        entry.remember(Arc::clone(&before), Some(&Frame::now(&before)));
        assert!(Arc::ptr_eq(&entry.remembered().unwrap(), &after));
        assert!(watcher.try_recv().is_err());
    }

    /// REQ-363
    #[test]
    fn a_session_of_an_older_engine_takes_a_stop_and_nothing_else() {
        let stop = Input::Stop {
            at: EngineMs(61_000),
            by: StopBy::Person,
        };
        let tick = Input::Tick {
            at: EngineMs(61_000),
        };
        // The node's own tick finds that it cannot go on with it, and ends it too.
        for (input, refused) in [(stop, 0), (tick, 1)] {
            let stage = Stage::set();
            stage.run_by_an_older_engine();
            let live = stage.current().unwrap();
            assert_eq!(live.state(None).status.as_str(), "running");
            let (live, batch, transaction) = stage.decide(&[input]);
            assert_eq!(batch.refused.len(), refused, "{batch:?}");
            assert!(batch.refused.iter().all(|it| it.code == "another_engine"));
            stage.commit(transaction).unwrap();
            assert!(live.settled(batch).has_ended());
            // Nothing stands in the way of the person's next session.
            let (record, another) = stage.read(|moment| {
                let record = record::stored(moment, stage.id.get()).unwrap();
                (record, Protection::read(moment, &"guest".parse().unwrap()))
            });
            assert_eq!(record.status.as_str(), "ended");
            let breathed_ms = record.summary.unwrap().breathed_ms;
            assert!((60_000..=61_000).contains(&breathed_ms), "{breathed_ms}");
            assert!(!another.is_running(stage.id.get()));
        }
    }

    /// REQ-354
    #[test]
    fn nothing_is_told_after_the_news_of_an_erasure() {
        let erased = Frame::Erased {}.text();
        for _ in 0..2_000 {
            let entry = Entry::new();
            let mut watcher = entry.watch();
            let hold = Frame::Hold {
                code: "journal_unavailable".to_owned(),
                detail: String::new(),
                pacer: serde_json::Value::Null,
            };
            std::thread::scope(|scope| {
                scope.spawn(|| entry.tell(&hold));
                scope.spawn(|| entry.erase());
            });
            let told: Vec<_> = std::iter::from_fn(|| watcher.try_recv().ok()).collect();
            assert_eq!(told.last(), Some(&erased), "{told:?}");
        }
    }

    #[test]
    fn one_task_at_most_lets_time_pass() {
        let entry = Arc::new(Entry::new());
        let ticking = entry.tick().unwrap();
        assert!(entry.tick().is_none());
        drop(ticking);
        assert!(entry.tick().is_some());
    }
}
