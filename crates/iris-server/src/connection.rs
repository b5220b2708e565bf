//! One connection: a wire, the stream's machine, and after bind a session.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use iris::account::Account;
use iris::archive::{ArchiveId, Archives as _};
use iris::documents::{Collection, Documents as _};
use iris::live::fresh;
use iris::outcome::SessionChange;
use iris::sm::{Kept, Outbound};
use iris::stanza::{Condition, Kind, Stanza};
use iris::stream::{Action, ClientStream, Event, ResourceWish, StreamCondition, StreamError};
use jid::BareJid;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::TokenCheck;
use crate::detached;
use crate::node::Node;
use crate::registry::Mail;
use crate::resume;
use crate::session::{Bound, Managed, Next, Progress};
use crate::turns::{Turn, Turns};
use crate::wire::{Happened, Outgoing, Wire};

/// How long an old connection may take to give its session away.
const TAKE_OVER_TIME: Duration = Duration::from_secs(5);
/// How long the last bytes may take.
const CLOSE_TIME: Duration = Duration::from_secs(5);
/// How long an acknowledgement waits for the disk before it is given for less.
const TICK: Duration = Duration::from_secs(10);
/// Asks for an acknowledgement (XEP-0198 4).
const ASK: Bytes = Bytes::from_static(b"<r xmlns='urn:xmpp:sm:3'/>");

/// What every connection is given.
pub(crate) struct Shared {
    pub(crate) node: Arc<Node>,
    /// Changes when the certificate does.
    pub(crate) acceptor: RwLock<TlsAcceptor>,
    pub(crate) tokens: Arc<dyn TokenCheck>,
}

impl Shared {
    /// The newest acceptor.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let acceptor = self.acceptor.read();
        acceptor.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why the loop of a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The stream ended; the session is over.
    Closed,
    /// The wire is gone; the session may be resumed.
    Gone,
    /// The node stops; its next run goes on with the session.
    Suspended,
    /// The stream ended; what is stored of the session stays.
    Lost,
}

/// One connection.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    wire: Option<Wire>,
    machine: ClientStream,
    out: Outgoing,
    bound: Option<Box<Bound>>,
    peer: IpAddr,
    /// Given back when the client has signed in.
    pending: Option<OwnedSemaphorePermit>,
    heard_at: Instant,
    is_asked_alive: bool,
    /// When to acknowledge less than was asked for, while something is not durable.
    tick_at: Option<Instant>,
    sign_in_by: Instant,
    is_starting_tls: bool,
    is_closing: bool,
}

impl Connection {
    pub(crate) fn new(
        shared: Arc<Shared>,
        wire: Wire,
        machine: ClientStream,
        peer: IpAddr,
        pending: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let now = Instant::now();
        Self {
            sign_in_by: now + shared.node.limits.sign_in_time,
            shared,
            wire: Some(wire),
            machine,
            out: Outgoing::default(),
            bound: None,
            peer,
            pending,
            heard_at: now,
            is_asked_alive: false,
            tick_at: None,
            is_starting_tls: false,
            is_closing: false,
        }
    }

    /// Runs until the connection is over.
    pub(crate) async fn run(mut self) {
        let end = self.drive().await;
        if matches!(end, End::Closed | End::Lost) {
            self.flush().await;
        }
        // The socket goes first, so that nobody waits for what the session still does.
        self.wire = None;
        let Some(bound) = self.bound.take() else {
            return;
        };
        match end {
            End::Gone if bound.is_resumable() => drop(tokio::spawn(detached::wait(bound))),
            End::Suspended => detached::suspend(bound).await,
            End::Lost => detached::forget(&bound),
            End::Gone | End::Closed => bound.end().await,
        }
    }

    async fn drive(&mut self) -> End {
        loop {
            if self.is_closing {
                return End::Closed;
            }
            if let Err(end) = self.go_on().await {
                return end;
            }
            let wants_bytes = !self.machine.is_waiting()
                && !self.is_starting_tls
                && self.bound.as_ref().is_none_or(|bound| bound.has_room());
            let wake_at = self.wake_at();
            let Some(wire) = self.wire.as_mut() else {
                return End::Gone;
            };
            tokio::select! {
                next = next_of(&mut self.bound) => match next {
                    Next::Mail(mail) => if let Some(end) = self.mail(mail).await { return end; },
                    Next::Worked => {}
                },
                happened = wire.work(&mut self.out, wants_bytes) => match happened {
                    Happened::Received(bytes) => {
                        self.heard_at = Instant::now();
                        self.is_asked_alive = false;
                        let actions = self.machine.on(Event::Received(&bytes));
                        self.carry_out(actions).await;
                    }
                    Happened::Sent => if let Some(bound) = &mut self.bound { bound.flushed() },
                    Happened::Gone => return End::Gone,
                },
                () = tokio::time::sleep_until(wake_at) => {
                    if let Some(end) = self.woke().await { return end; }
                }
            }
        }
    }

    /// What can be done without waiting for anybody.
    async fn go_on(&mut self) -> Result<(), End> {
        if self.is_starting_tls && self.out.is_empty() {
            self.start_tls().await?;
        }
        let Some(bound) = self.bound.as_mut() else {
            return Ok(());
        };
        bound.advance();
        self.tick_at = match bound.is_settled() {
            true => None,
            false => self.tick_at.or_else(|| Some(Instant::now() + TICK)),
        };
        while !self.out.is_full() && bound.has_parked() && bound.may_send(Turn::Passing) {
            let Some(bytes) = bound.unpark() else { break };
            send(
                &self.machine,
                self.wire.as_ref(),
                &mut self.out,
                bound,
                None,
                bytes,
            );
        }
        if bound.is_behind
            && !self.out.is_full()
            && !bound.is_saturated()
            && bound.may_send(Turn::Archive)
        {
            for (id, bytes) in bound.read_archive() {
                send(
                    &self.machine,
                    self.wire.as_ref(),
                    &mut self.out,
                    bound,
                    Some(id),
                    bytes,
                );
            }
            if bound.is_behind && !self.out.is_full() {
                // More waits: come back without waiting for mail.
                bound.session.notify(Mail::Behind);
            }
        }
        if bound.needs_store() {
            bound.store();
        }
        self.ask();
        Ok(())
    }

    /// Asks the client for an acknowledgement of what it has not acknowledged, once at a time.
    fn ask(&mut self) {
        let Some(bound) = self.bound.as_mut() else {
            return;
        };
        let Some(managed) = bound.managed.as_mut() else {
            return;
        };
        if !managed.is_on
            || managed.is_asked
            || managed.outbound.unacknowledged().len() == 0
            || self.out.is_full()
        {
            return;
        }
        managed.is_asked = true;
        if let Some(wire) = &self.wire {
            wire.queue(&mut self.out, ASK);
        }
    }

    fn wake_at(&self) -> Instant {
        let idle = self.shared.node.limits.idle_time;
        let Some(bound) = &self.bound else {
            return self.sign_in_by;
        };
        let silent = self.heard_at + if self.is_asked_alive { 2 * idle } else { idle };
        silent
            .min(self.tick_at.unwrap_or(silent))
            .min(bound.store_at().unwrap_or(silent))
            .min(bound.patience_ends().unwrap_or(silent))
    }

    async fn woke(&mut self) -> Option<End> {
        let idle = self.shared.node.limits.idle_time;
        let Some(bound) = self.bound.as_mut() else {
            let late =
                StreamError::with_text(StreamCondition::ConnectionTimeout, "sign-in took too long");
            self.close(late).await;
            return None;
        };
        let now = Instant::now();
        if bound.store_at().is_some_and(|at| at <= now) {
            bound.store();
        }
        if self.heard_at + 2 * idle <= now {
            return Some(End::Gone);
        }
        if self.heard_at + idle <= now && !self.is_asked_alive {
            self.is_asked_alive = true;
            let question = if bound.managed.is_some() {
                ASK
            } else {
                Bytes::from_static(b" ")
            };
            if let Some(wire @ (Wire::Plain(_) | Wire::Tls(_))) = &self.wire {
                wire.queue(&mut self.out, question);
            }
        }
        if self.tick_at.is_some_and(|at| at <= now) {
            self.tick_at = None;
            let actions = self.machine.on(Event::Tick);
            self.carry_out(actions).await;
        }
        None
    }

    async fn close(&mut self, error: StreamError) {
        let actions = self.machine.on(Event::Closing(error));
        self.carry_out(actions).await;
    }

    async fn flush(&mut self) {
        let Some(wire) = self.wire.as_mut() else {
            return;
        };
        let flushing = async {
            while !self.out.is_empty() {
                if wire.work(&mut self.out, false).await == Happened::Gone {
                    return;
                }
            }
        };
        // Who does not read what ends the stream does not get it.
        let _ = timeout(CLOSE_TIME, flushing).await;
    }

    async fn start_tls(&mut self) -> Result<(), End> {
        self.is_starting_tls = false;
        let Some(Wire::Plain(stream)) = self.wire.take() else {
            return Err(End::Gone);
        };
        let accepting = self.shared.acceptor().accept(stream);
        let left = self.sign_in_by.saturating_duration_since(Instant::now());
        let Ok(Ok(stream)) = timeout(left, accepting).await else {
            return Err(End::Gone);
        };
        let wire = Wire::Tls(Box::new(stream));
        let exporter = wire.exporter();
        self.wire = Some(wire);
        let actions = self.machine.on(Event::TlsEstablished { exporter });
        self.carry_out(actions).await;
        Ok(())
    }

    async fn mail(&mut self, first: Mail) -> Option<End> {
        let mut next = Some(first);
        let mut handled = None;
        while let Some(mail) = next {
            let bound = self.bound.as_mut()?;
            match mail {
                Mail::Passing(bytes) => {
                    bound.session.taken(bytes.len());
                    if let Some(bytes) = bound.filter(bytes) {
                        self.pass(bytes);
                    } else if bound.holds_too_much() {
                        self.release();
                    }
                    let bound = self.bound.as_mut()?;
                    if bound.is_overfull() {
                        self.close(StreamCondition::ResourceConstraint.into()).await;
                        return None;
                    }
                }
                Mail::Archived(id, bytes) => {
                    bound.session.taken(bytes.len());
                    if bound.takes(id) {
                        // What waited for somebody to look goes first.
                        for held in bound.release() {
                            bound.park(held);
                        }
                        if bound.has_parked()
                            || self.out.is_full()
                            || bound.is_saturated()
                            || !bound.may_send(Turn::Archive)
                        {
                            bound.fall_behind();
                        } else {
                            bound.position = id;
                            send(
                                &self.machine,
                                self.wire.as_ref(),
                                &mut self.out,
                                bound,
                                Some(id),
                                bytes,
                            );
                        }
                    }
                }
                Mail::Done {
                    number,
                    outcome,
                    is_proven,
                } => {
                    match bound.done(number, outcome, is_proven) {
                        Progress::None => {}
                        Progress::Handled(count) => handled = Some(count),
                        Progress::Unproven(_) => bound.store(),
                        Progress::Halted => {
                            self.close(StreamCondition::InternalServerError.into())
                                .await;
                            return None;
                        }
                    }
                    bound.advance();
                }
                Mail::Stored {
                    handled: count,
                    is_stored,
                } => {
                    bound.stored(count, is_stored);
                    if !is_stored {
                        self.close(StreamCondition::InternalServerError.into())
                            .await;
                        return None;
                    }
                    if bound.managed.is_some() {
                        handled = Some(count);
                        if bound
                            .managed
                            .as_ref()
                            .is_some_and(|managed| managed.handled != count)
                        {
                            bound.is_changed();
                        }
                    }
                    let actions = self.sm_is_on();
                    self.carry_out(actions).await;
                }
                Mail::Arrived { newest } => bound.arrived(newest),
                Mail::Seen => bound.is_seen_differently(),
                Mail::Departed => bound.departed(),
                Mail::Behind => bound.is_behind = true,
                Mail::Waits => {}
                Mail::TakeOver(reply) => {
                    return self.give_away(reply).await;
                }
                Mail::Suspend if bound.is_resumable() => return Some(End::Suspended),
                Mail::Suspend => {
                    self.close(StreamCondition::SystemShutdown.into()).await;
                    return None;
                }
                Mail::Lost => {
                    self.close(StreamCondition::InternalServerError.into())
                        .await;
                    return Some(End::Lost);
                }
                Mail::Close(condition) => {
                    self.close(condition.into()).await;
                    return None;
                }
            }
            next = self.bound.as_mut()?.more_mail();
        }
        if let Some(count) = handled {
            let actions = self.machine.on(Event::Handled(count));
            self.carry_out(actions).await;
        }
        None
    }

    /// Sends what no archive keeps, after what waited for somebody to look.
    fn pass(&mut self, bytes: Bytes) {
        self.release();
        let Some(bound) = self.bound.as_mut() else {
            return;
        };
        if self.out.is_full() || bound.has_parked() || !bound.may_send(Turn::Passing) {
            bound.park(bytes);
        } else {
            send(
                &self.machine,
                self.wire.as_ref(),
                &mut self.out,
                bound,
                None,
                bytes,
            );
        }
    }

    fn release(&mut self) {
        let Some(bound) = self.bound.as_mut() else {
            return;
        };
        for bytes in bound.release() {
            bound.park(bytes);
        }
    }

    /// A new connection resumes this session.
    async fn give_away(&mut self, reply: oneshot::Sender<Box<Bound>>) -> Option<End> {
        let bound = self.bound.take()?;
        if let Err(bound) = reply.send(bound) {
            self.bound = Some(bound);
            return None;
        }
        self.close(StreamCondition::Conflict.into()).await;
        Some(End::Closed)
    }

    async fn carry_out(&mut self, actions: Vec<Action>) {
        let mut queue: std::collections::VecDeque<Action> = actions.into();
        while let Some(action) = queue.pop_front() {
            let answer = self.one(action).await;
            // An answer's actions come before those that are left: none are left after a question.
            for action in answer.into_iter().rev() {
                queue.push_front(action);
            }
        }
    }

    async fn one(&mut self, action: Action) -> Vec<Action> {
        match action {
            Action::Write(bytes) => {
                if let Some(wire) = &self.wire {
                    wire.queue(&mut self.out, bytes);
                }
            }
            Action::StartTls => self.is_starting_tls = true,
            Action::LookUp { account, .. } => return self.look_up(&account),
            Action::CheckToken { token } => {
                let owner = self.shared.tokens.check(token).await;
                return self.machine.on(Event::TokenChecked(owner));
            }
            Action::SignInFailed { account, mechanism } => {
                self.shared
                    .node
                    .counters
                    .logins_refused
                    .fetch_add(1, Ordering::Relaxed);
                let account = account.as_ref().map(|account| account.as_str());
                tracing::info!(peer = %self.peer, account, mechanism = mechanism.name(), "sign-in failed");
            }
            Action::Bind { account, resource } => return self.bind(&account, &resource),
            Action::EnableSm { resume, max_secs } => return self.enable_sm(resume, max_secs),
            Action::Resume { account, previd, h } => {
                return self.resume(&account, &previd, h).await;
            }
            Action::Carbons => self.change(&SessionChange::Carbons(true)),
            Action::Stanza { stanza, count } => self.stanza(stanza, count),
            Action::Refused { reply, count } => {
                if let Some(bound) = &mut self.bound {
                    bound.receive_refused(reply, count);
                }
            }
            Action::Acked(h) => return self.acked(h),
            Action::Csi(active) => {
                self.change(&SessionChange::Active(active));
                if let Some(bound) = &mut self.bound {
                    bound.is_active = active;
                }
                if active {
                    self.release();
                }
            }
            Action::Close => self.is_closing = true,
        }
        Vec::new()
    }

    fn change(&mut self, change: &SessionChange) {
        if let Some(bound) = &mut self.bound {
            bound.session.apply(change);
            bound.is_changed();
        }
    }

    fn look_up(&mut self, account: &BareJid) -> Vec<Action> {
        let found = self.shared.node.store.get(Collection::Account, account, "");
        let found = match found {
            Ok(found) => found.and_then(|body| Account::read(&body).ok()),
            Err(error) => {
                tracing::warn!(%error, "an account cannot be read");
                None
            }
        };
        let credentials = found
            .as_ref()
            .and_then(Account::usable_credentials)
            .cloned();
        self.machine.on(Event::Credentials(credentials))
    }

    fn bind(&mut self, account: &BareJid, wish: &ResourceWish) -> Vec<Action> {
        let node = &self.shared.node;
        if node.committer.is_halted() {
            return self.not_now();
        }
        let drawn = data_encoding::HEXLOWER.encode(&node.random()[..8]);
        let name = match wish {
            ResourceWish::Asked(Some(name)) => name.clone(),
            ResourceWish::Asked(None) => drawn,
            ResourceWish::Tagged { tag, device } => {
                let suffix = device.as_ref().map_or(drawn, |device| device_name(device));
                if tag.is_empty() {
                    suffix
                } else {
                    format!("{tag}.{suffix}")
                }
            }
        };
        let Ok(jid) = account.with_resource_str(&name) else {
            return self.machine.on(Event::BindRefused(Condition::BadRequest));
        };
        // What is archived from here on may be for the session.
        let Ok(newest) = node.store.last(account) else {
            return self
                .machine
                .on(Event::BindRefused(Condition::ResourceConstraint));
        };
        let added = node
            .registry
            .add(fresh(jid.clone()), node.limits.sessions_per_account_max);
        let Ok((session, mail)) = added else {
            return self
                .machine
                .on(Event::BindRefused(Condition::ResourceConstraint));
        };
        // Asked after the session can be found: who disables an account then closes the sessions there are.
        if !node.may_be_used(account) {
            node.registry.remove(&session);
            let gone = StreamError::from(StreamCondition::NotAuthorized);
            return self.machine.on(Event::Closing(gone));
        }
        node.counters.logins.fetch_add(1, Ordering::Relaxed);
        self.pending = None;
        let name = data_encoding::HEXLOWER.encode(&node.random()[..16]);
        let mut bound = Box::new(Bound::new(node.clone(), session, mail, name));
        bound.position = newest.unwrap_or(ArchiveId(0));
        self.bound = Some(bound);
        self.machine.on(Event::Bound(jid))
    }

    fn enable_sm(&mut self, resume: bool, max_secs: Option<u32>) -> Vec<Action> {
        let node = self.shared.node.clone();
        let Some(bound) = &mut self.bound else {
            return self.machine.on(Event::SmRefused);
        };
        let most = u32::try_from(node.limits.resume_time.as_secs()).unwrap_or(u32::MAX);
        let max_secs = max_secs.map_or(most, |wish| wish.min(most));
        let id = resume.then(|| bound.name.clone());
        let newest = node.store.last(&bound.session.jid.to_bare()).ok().flatten();
        bound.managed = Some(Managed {
            id: id.clone(),
            max_secs,
            outbound: Outbound::default(),
            outbound_bytes: 0,
            handled: 0,
            proven: 0,
            since: newest.unwrap_or(ArchiveId(0)),
            is_on: false,
            is_asked: false,
            turns: Turns::default(),
            revived: None,
        });
        match id {
            // The client hears of it when it is durable.
            Some(id) => {
                node.resumable().insert(id, bound.session.clone());
                bound.store();
                Vec::new()
            }
            None => self.sm_is_on(),
        }
    }

    fn sm_is_on(&mut self) -> Vec<Action> {
        let Some(bound) = &mut self.bound else {
            return Vec::new();
        };
        let is_named = bound.storing.is_named;
        let managed = bound.managed.as_mut();
        let managed = managed.filter(|it| !it.is_on && (it.id.is_none() || is_named));
        let Some(managed) = managed else {
            return Vec::new();
        };
        managed.is_on = true;
        let (id, max_secs) = (managed.id.clone(), managed.max_secs);
        self.machine.on(Event::SmEnabled { id, max_secs })
    }

    /// Nothing can be stored: a client that comes back finds its session as it was.
    fn not_now(&mut self) -> Vec<Action> {
        let full = StreamError::from(StreamCondition::ResourceConstraint);
        self.machine.on(Event::Closing(full))
    }

    async fn resume(&mut self, account: &BareJid, previd: &str, h: u32) -> Vec<Action> {
        if self.shared.node.committer.is_halted() {
            return self.not_now();
        }
        let taken = take_over(&self.shared.node, account, previd).await;
        if !self.shared.node.may_be_used(account) {
            if let Some(bound) = taken {
                tokio::spawn(bound.end());
            }
            let gone = StreamError::from(StreamCondition::NotAuthorized);
            return self.machine.on(Event::Closing(gone));
        }
        let Some(mut bound) = taken else {
            return self.machine.on(Event::ResumeFailed { handled: None });
        };
        let is_revived = bound.is_revived();
        if let Err(error) = resume::see_what_was_proven(&mut bound) {
            tracing::warn!(%error, "a session cannot be resumed");
            tokio::spawn(detached::wait(bound));
            return self.machine.on(Event::ResumeFailed { handled: None });
        }
        // A count that the client hears is one that it hears after a crash, too.
        if !bound.prove().await {
            tokio::spawn(detached::wait(bound));
            return self.not_now();
        }
        let Some(managed) = bound.managed.as_mut() else {
            return self.machine.on(Event::ResumeFailed { handled: None });
        };
        let handled = managed.handled;
        managed.is_asked = false;
        bound.acknowledged_elsewhere(h);
        let Some(managed) = bound.managed.as_mut() else {
            return self.machine.on(Event::ResumeFailed { handled: None });
        };
        let acknowledged = match managed.outbound.acknowledge(h) {
            Ok(kept) => kept,
            Err(wrong) => {
                // The session goes on waiting for a client that counts right.
                tokio::spawn(detached::wait(bound));
                return self.machine.on(Event::Closing(wrong.into()));
            }
        };
        bound.acknowledged(&acknowledged);
        bound.session.set_connected(true);
        self.shared
            .node
            .counters
            .resumed
            .fetch_add(1, Ordering::Relaxed);
        self.pending = None;
        let jid = bound.session.jid.clone();
        let actions = self.machine.on(Event::Resumed { jid, handled });
        let again = bound.unacknowledged();
        bound.is_changed();
        if is_revived {
            bound.look_around();
        }
        self.bound = Some(bound);
        for action in actions {
            // A resumed stream asks nothing at once: these are bytes to write and stanzas that came along.
            Box::pin(self.one(action)).await;
        }
        for bytes in again {
            if let Some(wire) = &self.wire {
                wire.queue(&mut self.out, self.machine.encode(&bytes));
            }
        }
        Vec::new()
    }

    fn stanza(&mut self, stanza: Stanza, count: Option<u32>) {
        let Some(bound) = &mut self.bound else { return };
        if stanza.kind == Kind::Iq
            && !bound.is_settled()
            && let Some(reply) = self.shared.node.pong(&stanza)
        {
            // A slow disk must not look like a dead server. It counts in its turn.
            bound.session.deliver(reply);
            bound.receive_refused(None, count);
            return;
        }
        bound.receive(stanza, count);
    }

    fn acked(&mut self, h: u32) -> Vec<Action> {
        let Some(bound) = &mut self.bound else {
            return Vec::new();
        };
        let Some(managed) = &mut bound.managed else {
            return Vec::new();
        };
        managed.is_asked = false;
        match managed.outbound.acknowledge(h) {
            Ok(kept) => {
                if !kept.is_empty() {
                    bound.acknowledged(&kept);
                    bound.is_changed();
                }
                Vec::new()
            }
            Err(wrong) => self.machine.on(Event::Closing(wrong.into())),
        }
    }
}

/// The session of this name, if it is this account's: from the connection that has it, or from where it waits.
async fn take_over(node: &Node, account: &BareJid, previd: &str) -> Option<Box<Bound>> {
    let session = node.resumable().get(previd).cloned()?;
    if session.jid.to_bare() != *account {
        return None;
    }
    let (reply, bound) = oneshot::channel();
    session.notify(Mail::TakeOver(reply));
    timeout(TAKE_OVER_TIME, bound).await.ok()?.ok()
}

/// A device's name stays the same and does not tell what the device calls itself.
fn device_name(device: &str) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    device.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

async fn next_of(bound: &mut Option<Box<Bound>>) -> Next {
    match bound {
        Some(bound) => bound.next().await,
        None => std::future::pending().await,
    }
}

/// Sends a stanza and keeps it until it is acknowledged.
fn send(
    machine: &ClientStream,
    wire: Option<&Wire>,
    out: &mut Outgoing,
    bound: &mut Bound,
    id: Option<ArchiveId>,
    bytes: Bytes,
) {
    if let Some(wire) = wire {
        wire.queue(out, machine.encode(&bytes));
    }
    let length = bytes.len();
    let kept = match id {
        Some(id) => bound.kept_of_archive(id),
        None => Kept::Bytes(bytes),
    };
    bound.keep(kept, length);
}
