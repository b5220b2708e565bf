//! Stanzas on their way: in their turn, to the disk, and when they are durable to whom they concern.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use iris::account::{Account, Standing};
use iris::archive::{ArchiveId, Archived, Archives as _, Direction, SentIn};
use iris::authorize::Principal;
use iris::documents::{Collection, Documents as _, Write};
use iris::host::Host;
use iris::live::Live as _;
use iris::muc::{self, Rooms};
use iris::outcome::{Outcome, Send as Sending, SessionChange, Target};
use iris::services;
use iris::stanza::{Condition, Kind, Stanza, error_reply, iq_result};
use jid::{BareJid, FullJid, Jid};

use crate::change::Change;
use crate::committer::{Again, Committer, NotCommitted, Place, Stored};
use crate::component::Components;
use crate::config::Limits;
use crate::decide::{Decided, Deciding};
use crate::dedupe::{Key, Received, Recent, Remembered};
use crate::follow::StaleRooms;
use crate::locks::{Held, Hold, Locks, Wanted};
use crate::registry::{Mail, Registry, Session};
use crate::remote::Remote;
use crate::server::NotRestarted;
use crate::store::{JournalStore, Reads};

/// Milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
/// Fills with random bytes.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What all connections share.
pub(crate) struct Node {
    pub(crate) host: Host,
    pub(crate) store: JournalStore,
    pub(crate) committer: Committer,
    /// What came from other servers lately.
    pub(crate) received: Arc<Received>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) locks: Locks,
    pub(crate) components: Components,
    pub(crate) remote: OnceLock<Arc<dyn Remote>>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) limits: Limits,
    /// Rooms that somebody is in, as they are stored but for those that are stale.
    pub(crate) rooms: Mutex<Rooms>,
    pub(crate) stale_rooms: Arc<StaleRooms>,
    /// Sessions of this process that can be resumed, by their names.
    pub(crate) resumable: Mutex<HashMap<String, Arc<Session>>>,
    pub(crate) counters: Counters,
}

/// Numbers of a node since its start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicUsize,
    pub(crate) logins: AtomicU64,
    pub(crate) logins_refused: AtomicU64,
    pub(crate) resumed: AtomicU64,
}

/// What became of a stanza, when that is known.
pub(crate) type Answer = tokio::sync::oneshot::Receiver<Result<(), NotCommitted>>;

/// Whose stanza is being handled.
pub(crate) struct Caller {
    pub(crate) session: Arc<Session>,
    /// Which stanza of the session.
    pub(crate) number: u64,
    /// None of its earlier stanzas is on its way to the disk.
    pub(crate) is_alone: bool,
    /// It is known if it comes again.
    pub(crate) remembered: Option<Remembered>,
}

/// What a stanza holds while it is handled.
struct Turn {
    held: Held,
    /// The rooms that it may change.
    rooms: Vec<BareJid>,
}

impl Node {
    pub(crate) fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn resumable(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.resumable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// 32 fresh random bytes.
    pub(crate) fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        (self.random)(&mut bytes);
        bytes
    }

    /// The accounts that must not change while a stanza is handled: what a handler reads and then writes.
    fn accounts_of(&self, stanza: &Stanza) -> Vec<BareJid> {
        let is_account =
            |jid: &&Jid| jid.node().is_some() && jid.domain() == self.host.domain.as_ref();
        match stanza.kind {
            Kind::Message => Vec::new(),
            Kind::Iq if stanza.is_answer() => Vec::new(),
            Kind::Iq | Kind::Presence => {
                let to_server = stanza.to.as_ref().is_some_and(|to| to.node().is_none());
                let changes_account =
                    memchr::memmem::find(&stanza.bytes, b"jabber:iq:register").is_some();
                let is_own = !to_server || stanza.kind == Kind::Presence || changes_account;
                let from = Some(&stanza.from).filter(|_| is_own);
                let contact = contact_of(stanza);
                let all = from
                    .into_iter()
                    .chain(stanza.to.as_ref())
                    .chain(contact.as_ref());
                all.filter(is_account).map(Jid::to_bare).collect()
            }
        }
    }

    /// What is to be held while a stanza is handled.
    fn wanted(&self, stanza: &Stanza) -> Wanted {
        let accounts = self.accounts_of(stanza).into_iter();
        let mut wanted: Wanted = accounts.map(|account| (account, Hold::Alone)).collect();
        if let Some(device) = leaves_everything(stanza) {
            let rooms = self.rooms().of_device(device);
            wanted.extend(rooms.into_iter().map(|room| (room, Hold::Alone)));
        }
        let room = stanza.to.as_ref().map(Jid::to_bare);
        let room = room.filter(|to| to.domain() == self.host.rooms.as_ref() && to.node().is_some());
        if let Some(room) = room {
            // In an empty room even a question may be the end of it.
            let is_read = muc::only_reads(stanza) && self.rooms().is_occupied(&room);
            let hold = if is_read { Hold::Beside } else { Hold::Alone };
            wanted.insert(room, hold);
        }
        wanted
    }

    /// Waits for a stanza's turn.
    async fn turn_of(&self, stanza: &Stanza) -> Turn {
        loop {
            let wanted = self.wanted(stanza);
            let held = self.locks.hold(&wanted).await;
            // A room that is only read may have become empty meanwhile, and a device may have entered another.
            let may_differ = !held.beside.is_empty() || leaves_everything(stanza).is_some();
            if !may_differ || self.wanted(stanza) == wanted {
                return self.turn(held, wanted);
            }
        }
    }

    fn turn(&self, held: Held, wanted: Wanted) -> Turn {
        let alone = wanted.into_iter().filter(|(address, hold)| {
            *hold == Hold::Alone && address.domain() == self.host.rooms.as_ref()
        });
        Turn {
            held,
            rooms: alone.map(|(room, _)| room).collect(),
        }
    }

    /// Handles a stanza of a session. Returns when it is on its way to the disk.
    pub(crate) async fn accept(
        self: Arc<Self>,
        mut caller: Caller,
        stanza: Stanza,
        sent_in: Option<SentIn>,
    ) {
        let turn = self.turn_of(&stanza).await;
        let place = self.committer.reserve(2 * stanza.bytes.len() + 1_024).await;
        if !self.is_first(&mut caller, &stanza).await {
            // Its first copy may still be on its way to the disk: this one is answered after it.
            place.submit(Decided::default(), None, move |stored| {
                drop(turn);
                caller.done(stored.map(drop), false);
            });
            return;
        }
        let stanza = Arc::new(stanza);
        let is_long = stanza.kind == Kind::Iq && !turn.held.is_empty();
        let again: Again = {
            let (node, stanza, rooms) = (self.clone(), stanza.clone(), turn.rooms);
            let principal = Principal::Session(caller.session.jid.clone());
            let sent_in = sent_in.clone();
            Box::new(move || {
                node.decided(&rooms, |deciding| {
                    let outcome = deciding.stanza(&principal, &stanza);
                    with_proof(outcome, &stanza, sent_in.as_ref())
                })
            })
        };
        let decided = match is_long {
            false => Ok((again(), again)),
            true => tokio::task::spawn_blocking(move || (again(), again)).await,
        };
        match decided {
            Ok((Some(decided), again)) => {
                self.submit(place, decided, again, caller, stanza, turn.held);
            }
            Ok((None, _)) => caller.refuse(&stanza),
            Err(error) => {
                tracing::error!(%error, "a handler panicked");
                caller.done(Err(NotCommitted::Refused), false);
            }
        }
    }

    /// Whether the session's account did not send this message before.
    async fn is_first(self: &Arc<Self>, caller: &mut Caller, stanza: &Stanza) -> bool {
        if let Some((said, key)) = self.said_in_room(stanza).await {
            caller.remembered = said.first(key);
            return caller.remembered.is_some();
        }
        let Some(key) = key_of(stanza) else {
            return true;
        };
        let sent = caller.session.sent.clone();
        if !sent.is_loaded() {
            let (node, account, sent) = (self.clone(), caller.session.jid.to_bare(), sent.clone());
            let loading = tokio::task::spawn_blocking(move || {
                sent.load(&node.store, &account, Direction::Sent)
            });
            if let Ok(Err(error)) = loading.await {
                tracing::warn!(%error, "what was sent before cannot be read");
            }
        }
        caller.remembered = sent.first(key);
        caller.remembered.is_some()
    }

    /// Handles a stanza from a peer server or a component. Returns when it is on its way to the disk, so that those
    /// handled one after the other become durable in that order; the answer comes when it is durable.
    pub(crate) async fn accept_from(
        self: &Arc<Self>,
        principal: &Principal,
        stanza: &Stanza,
    ) -> Answer {
        let turn = self.turn_of(stanza).await;
        let known = match principal {
            Principal::Peer(_) => self.received(stanza).await,
            _ => None,
        };
        let known = match known {
            None => self.said_in_room(stanza).await,
            known => known,
        };
        let remembered = match known {
            Some((received, key)) => match received.first(key) {
                // Its first copy is on its way to the disk, or there: this one is answered after that.
                None => return self.begin(turn, |_| Outcome::nothing(), drop).await,
                first => first,
            },
            None => None,
        };
        let (principal, stanza) = (principal.clone(), stanza.clone());
        let decide = move |deciding: &Deciding<'_>| deciding.stanza(&principal, &stanza);
        let known = move |kept: bool| {
            if let Some(remembered) = remembered.filter(|_| kept) {
                remembered.keep();
            }
        };
        self.begin(turn, decide, known).await
    }

    /// What came to the recipient of a message from other servers, and what this message is known by: a server that did
    /// not hear that it is durable sends it again.
    async fn received(self: &Arc<Self>, stanza: &Stanza) -> Option<(Arc<Recent>, Key)> {
        let (to, id) = key_of(stanza)?;
        let recipient = Some(to.to_bare()).filter(|_| self.host.is_local(&to))?;
        let received = self.received_by(recipient).await;
        Some((received, (stanza.from.clone(), id)))
    }

    /// What was said in a room of this node, and what this message is known by there: whoever did not hear that it is
    /// durable says it again.
    async fn said_in_room(self: &Arc<Self>, stanza: &Stanza) -> Option<(Arc<Recent>, Key)> {
        let to = stanza.to.as_ref()?;
        let is_speech = stanza.kind == Kind::Message
            && stanza.type_.as_deref() == Some("groupchat")
            && to.domain() == self.host.rooms.as_ref();
        let id = Some(stanza).filter(|_| is_speech).and_then(origin_id)?;
        let device = stanza.from.try_as_full().ok()?;
        let occupant = self.rooms().occupant(&to.to_bare(), device)?;
        let said = self.received_by(to.to_bare()).await;
        Some((said, (occupant.into(), id)))
    }

    /// What came lately to an account or a room.
    async fn received_by(self: &Arc<Self>, recipient: BareJid) -> Arc<Recent> {
        let received = self.received.of(&recipient);
        if !received.is_loaded() {
            let (node, loading) = (self.clone(), received.clone());
            let loading = tokio::task::spawn_blocking(move || {
                loading.load(&node.store, &recipient, Direction::Received)
            });
            if let Ok(Err(error)) = loading.await {
                tracing::warn!(%error, "what was received before cannot be read");
            }
        }
        received
    }

    /// Makes durable and visible what is decided on what is held, and on these rooms.
    ///
    /// # Errors
    /// It is not durable.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        wanted: Wanted,
        decide: impl Fn(&Deciding<'_>) -> Outcome + Send + 'static,
    ) -> Result<(), NotCommitted> {
        let held = self.locks.hold(&wanted).await;
        let turn = self.turn(held, wanted);
        let answer = self.begin(turn, decide, drop).await;
        answer.await.unwrap_or(Err(NotCommitted::Halted))
    }

    /// Makes documents durable that depend on no others.
    ///
    /// # Errors
    /// They are not durable.
    pub(crate) async fn store_documents(
        self: &Arc<Self>,
        writes: Vec<Write>,
    ) -> Result<(), NotCommitted> {
        self.store_decided(writes, Reads::default()).await
    }

    /// Makes documents durable that were decided on `reads`, unless those have moved.
    ///
    /// # Errors
    /// They are not durable.
    pub(crate) async fn store_decided(
        self: &Arc<Self>,
        writes: Vec<Write>,
        reads: Reads,
    ) -> Result<(), NotCommitted> {
        let outcome = Outcome {
            writes,
            ..Outcome::nothing()
        };
        let change = self.change(&outcome, reads).ok_or(NotCommitted::Refused)?;
        let place = self.committer.reserve(change.bytes()).await;
        let decided = Decided::new(outcome, change);
        let answer = self.send(place, decided, None, Held::default(), drop);
        answer.await.unwrap_or(Err(NotCommitted::Halted))
    }

    /// Whether the journal takes a change that changes nothing.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn probe(&self) -> Result<(), NotRestarted> {
        let nothing = Outcome {
            writes: vec![Write::Delete {
                collection: Collection::Cursor,
                owner: BareJid::from_parts(None, &self.host.domain),
                name: String::new(),
            }],
            ..Outcome::nothing()
        };
        match self.change(&nothing, Reads::default()) {
            Some(change) => self.committer.probe((self.clock)(), &change).await,
            None => Ok(()),
        }
        .map_err(NotRestarted::NotTaken)
    }

    /// Puts what is decided on its way to the disk; `known` hears first whether something
    /// of it is stored.
    async fn begin(
        self: &Arc<Self>,
        turn: Turn,
        decide: impl Fn(&Deciding<'_>) -> Outcome + Send + 'static,
        known: impl FnOnce(bool) + Send + 'static,
    ) -> Answer {
        let (node, rooms) = (self.clone(), turn.rooms);
        let again: Again = Box::new(move || node.decided(&rooms, &decide));
        let Some(decided) = again() else {
            let (sender, answer) = tokio::sync::oneshot::channel();
            known(false);
            let _ = sender.send(Err(NotCommitted::Refused));
            return answer;
        };
        let bytes = decided.change().bytes() + 1_024;
        let place = self.committer.reserve(bytes).await;
        self.send(place, decided, Some(again), turn.held, known)
    }

    fn send(
        self: &Arc<Self>,
        place: Place,
        decided: Decided,
        again: Option<Again>,
        held: Held,
        known: impl FnOnce(bool) + Send + 'static,
    ) -> Answer {
        let (sender, answer) = tokio::sync::oneshot::channel();
        let node = self.clone();
        let Held { alone, beside } = held;
        place.submit(decided, again, move |stored| {
            let is_kept = stored
                .as_ref()
                .is_ok_and(|(decided, _)| !decided.change().is_empty());
            let done = stored.map(|(decided, archived)| node.show(None, decided, &archived));
            drop(alone);
            known(is_kept);
            // Nobody waits any more when the caller was dropped.
            let _ = sender.send(done);
        });
        drop(beside);
        answer
    }

    /// What an outcome stores. Nothing if it cannot be stored.
    pub(crate) fn change(&self, outcome: &Outcome, reads: Reads) -> Option<Change> {
        let remote = self.remote.get();
        let outbox = outcome.send.iter().filter_map(|sending| match &sending.to {
            Target::Route(to) if !self.components.serve(to) && !self.host.is_local(to) => {
                Some((to, &sending.stanza))
            }
            _ => None,
        });
        let effects = outbox
            .flat_map(|(to, stanza)| remote.map(|remote| remote.keep(to, stanza, (self.clock)())))
            .flatten()
            .collect();
        Change::new(outcome, effects, reads).ok()
    }

    /// Queues what was decided about a session's stanza; when it is durable it is shown, and the caller hears of it.
    fn submit(
        self: &Arc<Self>,
        place: Place,
        decided: Decided,
        again: Again,
        caller: Caller,
        stanza: Arc<Stanza>,
        held: Held,
    ) {
        if decided.change().is_empty() && caller.may_pass(&decided.outcome) {
            let caller = Caller {
                remembered: None,
                ..caller
            };
            self.show(Some(&caller.session), decided, &[]);
            caller.done(Ok(()), false);
            return;
        }
        let node = self.clone();
        let mut caller = caller;
        let Held { alone, beside } = held;
        place.submit(decided, Some(again), move |stored: Stored| {
            match stored {
                Ok((decided, archived)) => {
                    // What was refused, or is kept nowhere, may come again.
                    caller.remembered = caller.remembered.filter(|_| !decided.change().is_empty());
                    let is_proven = archived.iter().any(|it| it.entry.sent_in.is_some());
                    node.show(Some(&caller.session), decided, &archived);
                    caller.done(Ok(()), is_proven);
                }
                Err(NotCommitted::Halted) => caller.done(Err(NotCommitted::Halted), false),
                Err(NotCommitted::Moved | NotCommitted::Refused) => caller.refuse(&stanza),
            }
            drop(alone);
        });
        drop(beside);
    }

    /// Delivers what is durable.
    fn show(self: &Arc<Self>, caller: Option<&Session>, decided: Decided, archived: &[Archived]) {
        let Decided { outcome, rooms, .. } = decided;
        if let Some(draft) = rooms {
            self.rooms().adopt(&draft.held, draft.rooms);
        }
        if let Some(session) = caller {
            for change in &outcome.session {
                self.change_session(session, change);
            }
        }
        for message in archived {
            self.deliver_archived(message);
        }
        for sending in &outcome.send {
            self.deliver(sending);
        }
        // Sessions end after they got what tells them so.
        for account in outcome.writes.iter().filter_map(unusable) {
            self.registry.end_sessions(account);
        }
    }

    /// Whether somebody may be signed in to this account now.
    pub(crate) fn may_be_used(&self, account: &BareJid) -> bool {
        let found = self.store.get(Collection::Account, account, "");
        let found = found.inspect_err(|error| tracing::warn!(%error, "an account cannot be read"));
        let found = found.ok().flatten().map(|body| Account::read(&body));
        matches!(found, Some(Ok(account)) if account.standing == Standing::Enabled)
    }

    fn change_session(&self, session: &Session, change: &SessionChange) {
        if !session.apply(change) {
            return;
        }
        match self.store.last(&session.jid.to_bare()) {
            Ok(newest) => session.arrive(newest.unwrap_or(ArchiveId(0))),
            Err(error) => {
                tracing::warn!(%error, "waiting messages cannot be read");
                session.fall_behind();
            }
        }
    }

    fn deliver_archived(self: &Arc<Self>, message: &Archived) {
        let owner = &message.entry.owner;
        if owner.domain() == self.host.rooms.as_ref() {
            let copies = muc::deliver(&self.rooms(), message);
            for copy in &copies {
                self.deliver_copy(copy);
            }
            return;
        }
        let resources = self.registry.resources(owner);
        for (to, bytes) in services::delivery::of_archived(message, &resources) {
            if let Some(session) = self.registry.session(&to) {
                session.deliver_archived(message.id, bytes);
            }
        }
    }

    /// Delivers what a room says to an occupant.
    fn deliver_copy(self: &Arc<Self>, copy: &Sending) {
        match &copy.to {
            Target::Route(to) if to.domain() == self.host.domain.as_ref() => {
                if let Ok(device) = to.try_as_full() {
                    self.deliver_to(device, &copy.stanza);
                }
            }
            _ => self.deliver(copy),
        }
    }

    fn deliver(self: &Arc<Self>, sending: &Sending) {
        match &sending.to {
            Target::Resource(to) => self.deliver_to(to, &sending.stanza),
            Target::Watcher(to, event) => {
                if let Some(session) = self.registry.session(to) {
                    session.deliver_event(event, sending.stanza.clone());
                }
            }
            Target::Available(account) => {
                for session in self.registry.sessions(account) {
                    if session.resource().presence.is_some() {
                        session.deliver(sending.stanza.clone());
                    }
                }
            }
            Target::Route(to) if self.host.is_local(to) => self.route(to, &sending.stanza),
            Target::Route(to) => self.deliver_away(to, &sending.stanza),
        }
    }

    fn deliver_to(&self, to: &FullJid, stanza: &Bytes) {
        if let Some(session) = self.registry.session(to) {
            session.deliver(stanza.clone());
        }
    }

    /// Handles what is for this node and could not be handled with what led to it, in its own turn.
    fn route(self: &Arc<Self>, to: &Jid, bytes: &Bytes) {
        let Ok(stanza) = Stanza::from_peer(bytes) else {
            return;
        };
        let stanza = Stanza {
            to: Some(to.clone()),
            ..stanza
        };
        let (node, principal) = (self.clone(), self.speaks_for(&stanza.from));
        tokio::spawn(async move {
            // What it was routed for does not wait for it.
            drop(node.accept_from(&principal, &stanza).await);
        });
    }

    /// Delivers to an address that is not of the node's own domains.
    pub(crate) fn deliver_away(&self, to: &Jid, stanza: &Bytes) {
        if self.components.serve(to) {
            if let Err(condition) = self.components.send(to, stanza) {
                self.bounce(stanza, condition);
            }
            return;
        }
        match self.remote.get() {
            Some(remote) => remote.send(to, stanza),
            None => self.bounce(stanza, Condition::RemoteServerNotFound),
        }
    }

    /// The answer to a ping of the server (XEP-0199), which needs nothing that is stored.
    pub(crate) fn pong(&self, stanza: &Stanza) -> Option<Bytes> {
        let is_to_server = stanza
            .to
            .as_ref()
            .is_none_or(|to| to.is_bare() && to.domain() == self.host.domain.as_ref());
        let is_ping = stanza.type_.as_deref() == Some("get")
            && stanza.child("ping", Some("urn:xmpp:ping")).is_some();
        (is_to_server && is_ping).then(|| iq_result(stanza, ""))
    }

    /// Tells a sender that its stanza did not arrive.
    pub(crate) fn bounce(&self, stanza: &Bytes, condition: Condition) {
        let Ok(stanza) = Stanza::from_peer(stanza) else {
            return;
        };
        if stanza.kind == Kind::Presence {
            return;
        }
        let Some(error) = error_reply(&stanza, condition) else {
            return;
        };
        match stanza.from.try_as_full() {
            _ if !self.host.is_local(&stanza.from) => self.deliver_away(&stanza.from, &error),
            Ok(from) => self.deliver_to(from, &error),
            // What the node sends in an account's name expects no answer.
            Err(_) => {}
        }
    }
}

impl Caller {
    /// Whether an outcome that stores nothing may be shown before what waits for the disk: none of the session's own
    /// waits, or it concerns nobody else. What a session wants events of has its place among the events.
    fn may_pass(&self, outcome: &Outcome) -> bool {
        let is_own = |sending: &Sending| match &sending.to {
            Target::Resource(to) => *to == self.session.jid,
            Target::Watcher(..) | Target::Available(_) | Target::Route(_) => false,
        };
        let learns = |change: &SessionChange| matches!(change, SessionChange::Notify(_));
        if outcome.session.iter().any(learns) {
            return false;
        }
        self.is_alone || outcome.session.is_empty() && outcome.send.iter().all(is_own)
    }

    fn done(self, outcome: Result<(), NotCommitted>, is_proven: bool) {
        if let (Ok(()), Some(remembered)) = (outcome, self.remembered) {
            remembered.keep();
        }
        self.session.notify(Mail::Done {
            number: self.number,
            outcome,
            is_proven,
        });
    }

    /// The stanza counts as handled: its error is the answer.
    fn refuse(self, stanza: &Stanza) {
        if let Some(error) = error_reply(stanza, Condition::InternalServerError) {
            self.session.deliver(error);
        }
        self.session.notify(Mail::Done {
            number: self.number,
            outcome: Ok(()),
            is_proven: false,
        });
    }
}

/// The device that says by this that it is gone, for everybody (RFC 6121 4.5).
pub(crate) fn leaves_everything(stanza: &Stanza) -> Option<&FullJid> {
    let is_gone = stanza.kind == Kind::Presence
        && stanza.to.is_none()
        && stanza.type_.as_deref() == Some("unavailable");
    stanza.from.try_as_full().ok().filter(|_| is_gone)
}

/// The sender's copy shows how far its session was handled.
fn with_proof(mut outcome: Outcome, stanza: &Stanza, sent_in: Option<&SentIn>) -> Outcome {
    let sender = stanza.from.to_bare();
    let mut archive = outcome.archive.iter_mut();
    if let Some(entry) = archive.find(|entry| entry.owner == sender) {
        entry.sent_in = sent_in.cloned();
    }
    outcome
}

/// The account of which this says that it may not be used.
fn unusable(write: &Write) -> Option<&BareJid> {
    match write {
        Write::Put {
            collection: Collection::Account,
            owner,
            body,
            ..
        } => Some(owner).filter(|_| !matches!(Standing::read(body), Ok(Standing::Enabled))),
        _ => None,
    }
}

/// Whose roster a change of a roster reaches too (RFC 6121 2.5).
fn contact_of(stanza: &Stanza) -> Option<Jid> {
    if stanza.kind != Kind::Iq || stanza.type_.as_deref() != Some("set") {
        return None;
    }
    stanza.child("query", Some("jabber:iq:roster"))?;
    let query = stanza.payload()?;
    let item = query.children().next()?;
    Jid::new(item.attr("jid")?).ok()
}

/// What a message is known by if its client sends it again. What is said in a room is known there.
fn key_of(stanza: &Stanza) -> Option<Key> {
    let is_message = stanza.kind == Kind::Message && stanza.type_.as_deref() != Some("groupchat");
    let id = Some(stanza).filter(|_| is_message).and_then(origin_id)?;
    Some((stanza.to.clone()?, id))
}

fn origin_id(stanza: &Stanza) -> Option<String> {
    memchr::memmem::find(&stanza.bytes, b"origin-id")?;
    let id = stanza.child("origin-id", Some("urn:xmpp:sid:0"))?;
    Some(id.tag.value("id")?.into_owned())
}
