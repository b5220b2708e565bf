//! From a stanza to its outcome, and from the outcome to the disk and to whom it concerns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use iris::account::{Account, Standing};
use iris::archive::{ArchiveId, Archived, Archives as _, Direction, SentIn};
use iris::authorize::{Action, Principal, authorize};
use iris::documents::{Collection, Documents as _, Overlay, Write};
use iris::host::Host;
use iris::live::Live as _;
use iris::muc::{self, Rooms};
use iris::outcome::{Context, Outcome, Send as Sending, SessionChange, Target};
use iris::services;
use iris::stanza::{Condition, Kind, Stanza, error_reply, iq_result};
use iris::stream::StreamCondition;
use jid::{BareJid, FullJid, Jid};

use crate::committer::{Change, Committer, NotCommitted, Place};
use crate::component::Components;
use crate::config::Limits;
use crate::dedupe::{Key, Received, Recent};
use crate::locks::{Held, Locks};
use crate::registry::{Mail, Registry, Session};
use crate::remote::Remote;
use crate::store::JournalStore;

/// How often a stanza that a handler routes may be routed again.
const HOPS_MAX: usize = 3;

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
    pub(crate) received: Received,
    pub(crate) registry: Registry,
    pub(crate) locks: Locks,
    pub(crate) components: Components,
    pub(crate) remote: OnceLock<Arc<dyn Remote>>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) limits: Limits,
    pub(crate) rooms: Mutex<Rooms>,
    /// Sessions of this process that can be resumed, by their names.
    pub(crate) resumable: Mutex<HashMap<String, Arc<Session>>>,
    /// When the server started.
    pub(crate) started_ms: i64,
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
    /// Its count is stored with what it archives.
    pub(crate) is_proven: bool,
    /// What it is known by if it comes again.
    pub(crate) key: Option<Key>,
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

    /// Runs a handler.
    pub(crate) fn with_context<T>(&self, run: impl FnOnce(&Context<'_>) -> T) -> T {
        self.with_pending(&[], run)
    }

    /// Runs a handler whose changes become durable together with `pending`.
    fn with_pending<T>(&self, pending: &[Write], run: impl FnOnce(&Context<'_>) -> T) -> T {
        run(&Context {
            now_ms: (self.clock)(),
            random: self.random(),
            host: &self.host,
            documents: &Overlay::new(&self.store, pending),
            archives: &self.store,
            live: &self.registry,
        })
    }

    /// The accounts that must not change while a stanza is handled: what a handler reads and then writes.
    pub(crate) fn accounts_of(&self, stanza: &Stanza) -> Vec<BareJid> {
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

    /// What is to be done about a stanza, with all that follows from it on this node.
    pub(crate) fn decide(&self, principal: &Principal, stanza: &Stanza) -> Outcome {
        let outcome = self.with_context(|ctx| self.handle(ctx, principal, stanza));
        self.expand(outcome, 0)
    }

    fn handle(&self, ctx: &Context<'_>, principal: &Principal, stanza: &Stanza) -> Outcome {
        let sender = stanza.from.to_bare();
        if authorize(principal, Action::SendAs, &sender).is_err() {
            return refused(stanza, Condition::Forbidden);
        }
        let to = stanza.to.clone().unwrap_or_else(|| sender.into());
        if to.domain() == self.host.rooms.as_ref() {
            return match authorize(principal, Action::UseRoom, &to.to_bare()) {
                Ok(permit) => muc::handle(ctx, &permit, &mut self.rooms(), stanza),
                Err(_) => refused(stanza, Condition::Forbidden),
            };
        }
        if !self.host.is_local(&to) && !matches!(principal, Principal::Session(_)) {
            // Between a component and another server, or another component.
            return Outcome::reply(Target::Route(to), stanza.bytes.clone());
        }
        let (action, resource) = services::required(&self.host, stanza);
        let Ok(permit) = authorize(principal, action, &resource) else {
            return refused(stanza, Condition::ServiceUnavailable);
        };
        match stanza.kind {
            Kind::Message => services::message(ctx, &permit, stanza),
            Kind::Presence => services::presence(ctx, &permit, stanza),
            Kind::Iq => services::iq(ctx, &permit, stanza),
        }
    }

    /// Handles at once what a handler routed to this node, so that it becomes durable together.
    pub(crate) fn expand(&self, outcome: Outcome, hops: usize) -> Outcome {
        self.expand_after(&[], outcome, hops)
    }

    /// Each handler sees the documents as those before it leave them.
    fn expand_after(&self, pending: &[Write], mut outcome: Outcome, hops: usize) -> Outcome {
        let sends = std::mem::take(&mut outcome.send);
        for sending in sends {
            let routed = match &sending.to {
                Target::Route(to) if self.host.is_local(to) => {
                    let pending = [pending, &outcome.writes].concat();
                    self.routed(&pending, to, &sending.stanza, hops)
                }
                _ => None,
            };
            match routed {
                None => outcome.send.push(sending),
                Some(further) => outcome = outcome.and(further),
            }
        }
        outcome
    }

    fn routed(&self, pending: &[Write], to: &Jid, bytes: &Bytes, hops: usize) -> Option<Outcome> {
        let stanza = Stanza::from_peer(bytes).ok()?;
        if let Ok(full) = to.try_as_full()
            && (stanza.kind == Kind::Iq && stanza.is_answer()
                || stanza.from.domain() == self.host.rooms.as_ref())
            && to.domain() == self.host.domain.as_ref()
        {
            return Some(Outcome {
                send: vec![Sending {
                    to: Target::Resource(full.clone()),
                    stanza: bytes.clone(),
                }],
                ..Outcome::nothing()
            });
        }
        if hops >= HOPS_MAX {
            return Some(Outcome::nothing());
        }
        let stanza = Stanza {
            to: Some(to.clone()),
            ..stanza
        };
        // The node speaks for whom its own handlers let speak.
        let principal = match stanza.from.try_as_full() {
            Ok(full) if full.domain() == self.host.domain.as_ref() => {
                Principal::Session(full.clone())
            }
            _ => Principal::Peer(stanza.from.domain().to_owned()),
        };
        let mut further = self.with_pending(pending, |ctx| self.handle(ctx, &principal, &stanza));
        further.session.clear();
        Some(self.expand_after(pending, further, hops + 1))
    }

    /// Handles a stanza of a session. Returns when it is on its way to the disk.
    pub(crate) async fn accept(
        self: Arc<Self>,
        mut caller: Caller,
        stanza: Stanza,
        sent_in: Option<SentIn>,
    ) {
        let held = self.locks.hold(self.accounts_of(&stanza)).await;
        let place = self.committer.reserve(2 * stanza.bytes.len() + 1_024).await;
        if !self.is_first(&mut caller, &stanza).await {
            // Its first copy may still be on its way to the disk: this one is answered after it.
            place.submit(Change::default(), move |done| {
                drop(held);
                caller.done(done.map(drop));
            });
            return;
        }
        let principal = Principal::Session(caller.session.jid.clone());
        let (stanza, mut outcome) = if stanza.kind == Kind::Iq && !held.is_empty() {
            let node = self.clone();
            let deciding = tokio::task::spawn_blocking(move || {
                let outcome = node.decide(&principal, &stanza);
                (stanza, outcome)
            });
            match deciding.await {
                Ok(decided) => decided,
                Err(error) => {
                    tracing::error!(%error, "a handler panicked");
                    caller.done(Err(NotCommitted::Refused));
                    return;
                }
            }
        } else {
            let outcome = self.decide(&principal, &stanza);
            (stanza, outcome)
        };
        if let Some(sent_in) = sent_in {
            let sender = caller.session.jid.to_bare();
            let sent = outcome
                .archive
                .iter_mut()
                .find(|entry| entry.owner == sender);
            if let Some(entry) = sent {
                entry.sent_in = Some(sent_in);
                caller.is_proven = true;
            }
        }
        self.submit(place, outcome, Some(caller), Some(stanza), held);
    }

    /// Whether the session's account did not send this message before.
    async fn is_first(self: &Arc<Self>, caller: &mut Caller, stanza: &Stanza) -> bool {
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
        caller.key = Some(key.clone());
        sent.is_first(key)
    }

    /// Handles a stanza from a peer server or a component. Returns when it is on its way to the disk, so that those
    /// handled one after the other become durable in that order; the answer comes when it is durable.
    pub(crate) async fn accept_from(
        self: &Arc<Self>,
        principal: &Principal,
        stanza: &Stanza,
    ) -> Answer {
        let held = self.locks.hold(self.accounts_of(stanza)).await;
        let resent = match principal {
            Principal::Peer(_) => self.received(stanza).await,
            _ => None,
        };
        let Some((received, key)) = resent else {
            let outcome = self.decide(principal, stanza);
            return self.begin(outcome, held, |_| {}).await;
        };
        if !received.is_first(key.clone()) {
            // Its first copy is on its way to the disk, or there: this one is answered after that.
            return self.begin(Outcome::nothing(), held, |_| {}).await;
        }
        let outcome = self.decide(principal, stanza);
        let known = move |done: Result<(), NotCommitted>| {
            if done.is_err() {
                received.forget(&key);
            }
        };
        self.begin(outcome, held, known).await
    }

    /// What came to the recipient of a message from other servers, and what this message is known by: a server that did
    /// not hear that it is durable sends it again.
    async fn received(self: &Arc<Self>, stanza: &Stanza) -> Option<(Arc<Recent>, Key)> {
        let (to, id) = key_of(stanza)?;
        let recipient = Some(to.to_bare()).filter(|_| self.host.is_local(&to))?;
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
        Some((received, (stanza.from.clone(), id)))
    }

    /// Makes an outcome without a caller durable and visible.
    ///
    /// # Errors
    /// It is not durable.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        outcome: Outcome,
        held: Held,
    ) -> Result<(), NotCommitted> {
        let answer = self.begin(outcome, held, |_| {}).await;
        answer.await.unwrap_or(Err(NotCommitted::Halted))
    }

    /// Puts an outcome on its way to the disk; `known` hears first what became of it.
    async fn begin(
        self: &Arc<Self>,
        outcome: Outcome,
        held: Held,
        known: impl FnOnce(Result<(), NotCommitted>) + Send + 'static,
    ) -> Answer {
        let bytes: usize = outcome.archive.iter().map(|entry| entry.stanza.len()).sum();
        let place = self.committer.reserve(bytes + 1_024).await;
        let (sender, answer) = tokio::sync::oneshot::channel();
        let Some(change) = self.change(&outcome) else {
            known(Err(NotCommitted::Refused));
            let _ = sender.send(Err(NotCommitted::Refused));
            return answer;
        };
        let node = self.clone();
        place.submit(change, move |done| {
            let done = done.map(|archived| node.show(None, &outcome, &archived));
            drop(held);
            known(done);
            // Nobody waits any more when the caller was dropped.
            let _ = sender.send(done);
        });
        answer
    }

    fn change(&self, outcome: &Outcome) -> Option<Change> {
        let remote = self.remote.get();
        let outbox = outcome.send.iter().filter_map(|sending| match &sending.to {
            Target::Route(to) if !self.components.serve(to) => Some((to, &sending.stanza)),
            _ => None,
        });
        let effects = outbox
            .flat_map(|(to, stanza)| remote.map(|remote| remote.keep(to, stanza, (self.clock)())))
            .flatten()
            .collect();
        Change::new(&outcome.writes, outcome.archive.clone(), effects).ok()
    }

    /// Queues an outcome; when it is durable it is shown, and the caller hears of it.
    pub(crate) fn submit(
        self: &Arc<Self>,
        place: Place,
        outcome: Outcome,
        caller: Option<Caller>,
        stanza: Option<Stanza>,
        held: Held,
    ) {
        let refusal = move || error_reply(&stanza?, Condition::InternalServerError);
        let Some(change) = self.change(&outcome) else {
            if let Some(caller) = caller {
                caller.refuse(refusal());
            }
            return;
        };
        let goes_past = change.is_empty()
            && caller
                .as_ref()
                .is_some_and(|caller| caller.may_pass(&outcome));
        if goes_past {
            self.show(
                caller.as_ref().map(|caller| &*caller.session),
                &outcome,
                &[],
            );
            if let Some(caller) = caller {
                caller.done(Ok(()));
            }
            return;
        }
        let node = self.clone();
        place.submit(change, move |done| {
            match done {
                Ok(archived) => {
                    node.show(
                        caller.as_ref().map(|caller| &*caller.session),
                        &outcome,
                        &archived,
                    );
                    if let Some(caller) = caller {
                        caller.done(Ok(()));
                    }
                }
                Err(error) => {
                    node.forget(&outcome);
                    if let Some((session, key)) = caller.as_ref().and_then(Caller::keyed) {
                        session.sent.forget(key);
                    }
                    match (caller, error) {
                        (Some(caller), NotCommitted::Refused) => caller.refuse(refusal()),
                        (Some(caller), NotCommitted::Halted) => caller.done(Err(error)),
                        (None, _) => {}
                    }
                }
            }
            drop(held);
        });
    }

    /// Rooms in memory go back to what is stored.
    fn forget(&self, outcome: &Outcome) {
        let rooms = outcome.archive.iter().map(|entry| &entry.owner);
        let rooms = rooms.filter(|owner| owner.domain() == self.host.rooms.as_ref());
        for room in rooms {
            if let Err(error) = self.with_context(|ctx| self.rooms().reload(ctx, room)) {
                tracing::warn!(%error, %room, "room could not be read again");
            }
        }
    }

    /// Delivers what is durable.
    fn show(&self, caller: Option<&Session>, outcome: &Outcome, archived: &[Archived]) {
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
        // Its sessions end after they got what tells them so.
        let is_removed = outcome.session.contains(&SessionChange::AccountRemoved);
        if let Some(session) = caller.filter(|_| is_removed) {
            self.disconnect(&session.jid.to_bare());
        }
    }

    /// Closes every session of an account that may not be used any more.
    pub(crate) fn disconnect(&self, account: &BareJid) {
        for session in self.registry.sessions(account) {
            session.notify(Mail::Close(StreamCondition::NotAuthorized));
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
        let before = session.resource();
        session.apply(change);
        let SessionChange::Presence(Some((_, priority))) = change else {
            return;
        };
        if *priority < 0 || before.presence.is_some() && before.priority >= 0 {
            return;
        }
        let account = session.jid.to_bare();
        match self.store.last(&account) {
            Ok(newest) => session.arrive(newest.unwrap_or(ArchiveId(0))),
            Err(error) => tracing::warn!(%error, "waiting messages cannot be read"),
        }
    }

    fn deliver_archived(&self, message: &Archived) {
        let owner = &message.entry.owner;
        if owner.domain() == self.host.rooms.as_ref() {
            let copies = muc::deliver(&self.rooms(), message);
            let copies = Outcome {
                send: copies,
                ..Outcome::nothing()
            };
            for sending in &self.expand(copies, 0).send {
                self.deliver(sending);
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

    fn deliver(&self, sending: &Sending) {
        match &sending.to {
            Target::Resource(to) => self.deliver_to(to, &sending.stanza),
            Target::Available(account) => {
                for session in self.registry.sessions(account) {
                    if session.resource().presence.is_some() {
                        session.deliver(sending.stanza.clone());
                    }
                }
            }
            Target::Route(to) => self.deliver_away(to, &sending.stanza),
        }
    }

    fn deliver_to(&self, to: &FullJid, stanza: &Bytes) {
        if let Some(session) = self.registry.session(to) {
            session.deliver(stanza.clone());
        }
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
    fn keyed(&self) -> Option<(&Session, &Key)> {
        Some((&*self.session, self.key.as_ref()?))
    }

    /// Whether an outcome that stores nothing may be shown before what waits for the disk: none of the session's own
    /// waits, or it concerns nobody else.
    fn may_pass(&self, outcome: &Outcome) -> bool {
        let is_own = |sending: &Sending| match &sending.to {
            Target::Resource(to) => *to == self.session.jid,
            Target::Available(_) | Target::Route(_) => false,
        };
        self.is_alone || outcome.session.is_empty() && outcome.send.iter().all(is_own)
    }

    fn done(&self, outcome: Result<(), NotCommitted>) {
        self.session.notify(Mail::Done {
            number: self.number,
            outcome,
            is_proven: self.is_proven,
        });
    }

    /// The stanza counts as handled: its error is the answer.
    fn refuse(&self, error: Option<Bytes>) {
        if let Some(error) = error {
            self.session.deliver(error);
        }
        self.done(Ok(()));
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

/// What a message is known by if its client sends it again. What a room gets is the room's to tell apart.
fn key_of(stanza: &Stanza) -> Option<Key> {
    let is_message = stanza.kind == Kind::Message && stanza.type_.as_deref() != Some("groupchat");
    if !is_message || memchr::memmem::find(&stanza.bytes, b"origin-id").is_none() {
        return None;
    }
    let id = stanza.child("origin-id", Some("urn:xmpp:sid:0"))?;
    let id = id.tag.value("id")?.into_owned();
    Some((stanza.to.clone()?, id))
}

fn refused(stanza: &Stanza, condition: Condition) -> Outcome {
    error_reply(stanza, condition).map_or_else(Outcome::nothing, |error| {
        Outcome::reply(Target::Route(stanza.from.clone()), error)
    })
}
