//! A bound session: what came from its client and is not durable yet, and what it has to get. It outlives its
//! connection while it can be resumed, and moves from one connection to the next.
//!
//! Invariants (guard):
//! 1. stanzas are handled in the order they came, and counted as handled in that order   (`tests/it/messages.rs`)
//! 2. at most `CREDIT_COUNT` stanzas or `CREDIT_BYTES` are on their way to the disk        (`advance`)
//! 3. what an archive keeps is sent in archive order, each entry once                      (`position`)

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use iris::archive::{ArchiveId, Archived, Archives as _, Direction, Page, Query, SentIn};
use iris::live::{Live as _, Resource, fresh};
use iris::outcome::Outcome;
use iris::services::attention::{Matter, While};
use iris::services::{self, datetime};
use iris::sm::{Kept, Outbound};
use iris::stanza::{Stanza, with_child};
use jid::{BareJid, FullJid, Jid};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::committer::NotCommitted;
use crate::decide::Deciding;
use crate::locks::{Hold, Wanted};
use crate::node::{Caller, Node};
use crate::registry::{Mail, Session};
use crate::turns::{Turn, Turns};

/// Stanzas of a session on their way to the disk.
const CREDIT_COUNT: usize = 64;
/// Their bytes.
const CREDIT_BYTES: usize = 256 << 10;
/// Stanzas read and not yet on their way; beyond it the socket is left alone.
const INBOX_COUNT: usize = 64;
/// Their bytes.
const INBOX_BYTES: usize = 64 << 10;
/// Messages read from an archive at a time.
const PAGE: usize = 64;
/// Stanzas that wait while nobody looks at the device.
const HELD_COUNT: usize = 200;
/// Their bytes.
const HELD_BYTES: usize = 64 << 10;
/// Sent and unacknowledged stanzas, beyond which the archive waits.
const UNACKNOWLEDGED_COUNT: usize = 1_000;
/// Messages that a session remembers to have got out of their order.
const ASIDE_COUNT: usize = 1_000;
/// Bytes of unacknowledged stanzas that no archive keeps, beyond which the session ends.
const UNACKNOWLEDGED_BYTES: usize = 1 << 20;

/// What others see of a session, and so have to see the end of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    presence: Option<Bytes>,
    directed: Vec<Jid>,
    rooms: Vec<FullJid>,
}

impl Seen {
    pub(crate) fn of(resource: &Resource) -> Self {
        Self {
            presence: resource.presence.clone(),
            directed: resource.directed.clone(),
            rooms: resource.rooms.clone(),
        }
    }
}

/// A stanza, or what was none, in its turn.
enum Item {
    Stanza(Box<Stanza>),
    Refused(Option<Bytes>),
}

struct InFlight {
    number: u64,
    count: Option<u32>,
    bytes: usize,
    done: Option<Done>,
}

#[derive(Clone, Copy, Debug)]
struct Done {
    outcome: Result<(), NotCommitted>,
    is_proven: bool,
}

/// Stream management of a session.
pub(crate) struct Managed {
    /// The name to resume it by.
    pub(crate) id: Option<String>,
    /// For how long, in seconds.
    pub(crate) max_secs: u32,
    pub(crate) outbound: Outbound,
    pub(crate) outbound_bytes: usize,
    /// Stanzas of the client that are durable.
    pub(crate) handled: u32,
    /// Those of them that the archive or a store of the session shows: what the client is told never goes back.
    pub(crate) proven: u32,
    /// The archive's end when the session became resumable: nothing of it is before.
    pub(crate) since: ArchiveId,
    /// What is sent is counted: the client was told.
    pub(crate) is_on: bool,
    /// An acknowledgement was asked for.
    pub(crate) is_asked: bool,
    /// Whose turn it is to be sent, if it can be resumed.
    pub(crate) turns: Turns,
    /// It was stored before the node stopped, and no connection took it up yet: what was sent after that store. Until one
    /// does, the store stays as it is.
    pub(crate) revived: Option<Turn>,
}

/// What is to be told to the client's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing.
    None,
    /// Stanzas up to this count are durable, and the archive shows it.
    Handled(u32),
    /// The same, but nothing stored shows it.
    Unproven(u32),
    /// The journal stopped.
    Halted,
}

/// What a session waits for.
pub(crate) enum Next {
    /// Mail came.
    Mail(Mail),
    /// A stanza is on its way to the disk.
    Worked,
}

/// A bound session.
pub(crate) struct Bound {
    pub(crate) node: Arc<Node>,
    /// What it is stored by, and resumed by if it can be.
    pub(crate) name: String,
    /// What others see of it, as it is stored.
    pub(crate) noted: Option<Seen>,
    pub(crate) session: Arc<Session>,
    mail: mpsc::UnboundedReceiver<Mail>,
    /// Mail that came while the session waited for something else.
    postponed: VecDeque<Mail>,
    inbox: VecDeque<(Item, Option<u32>, usize)>,
    inbox_bytes: usize,
    working: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    in_flight: VecDeque<InFlight>,
    in_flight_bytes: usize,
    next_number: u64,
    pub(crate) managed: Option<Managed>,
    /// Every archived message up to here was sent, or is not for this session.
    pub(crate) position: ArchiveId,
    /// Up to here the messages came before the session arrived.
    pub(crate) history_to: ArchiveId,
    pub(crate) is_behind: bool,
    /// It gets what is sent to its account, and got all of that up to `position`.
    pub(crate) is_serving: bool,
    /// Up to here it got what was sent to its account, when it last ceased to.
    pub(crate) given_to: ArchiveId,
    /// What it got of the archive after that while it was not serving, so that it does not get it again.
    pub(crate) aside: BTreeSet<ArchiveId>,
    /// What no archive keeps and there was no room for.
    parked: VecDeque<Bytes>,
    parked_bytes: usize,
    /// Somebody looks at the device (XEP-0352).
    pub(crate) is_active: bool,
    /// What waits until somebody looks, with the sender where a later one replaces it.
    held: VecDeque<(Option<Jid>, Bytes)>,
    /// Up to here the client has what is archived.
    pub(crate) served_stored: ArchiveId,
    /// Up to here messages are on their way to a client that does not acknowledge.
    sent_to: ArchiveId,
    /// State of storing the session itself.
    pub(crate) storing: crate::resume::Storing,
}

impl Bound {
    pub(crate) fn new(
        node: Arc<Node>,
        session: Arc<Session>,
        mail: mpsc::UnboundedReceiver<Mail>,
        name: String,
    ) -> Self {
        Self {
            node,
            name,
            noted: None,
            session,
            mail,
            postponed: VecDeque::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            working: None,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            next_number: 0,
            managed: None,
            position: ArchiveId(0),
            history_to: ArchiveId(0),
            is_behind: false,
            is_serving: false,
            given_to: ArchiveId(0),
            aside: BTreeSet::new(),
            parked: VecDeque::new(),
            parked_bytes: 0,
            is_active: true,
            held: VecDeque::new(),
            served_stored: ArchiveId(0),
            sent_to: ArchiveId(0),
            storing: crate::resume::Storing::default(),
        }
    }

    /// Whether more of the client's stanzas may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.inbox.len() < INBOX_COUNT && self.inbox_bytes < INBOX_BYTES
    }

    /// Takes a stanza of the client.
    pub(crate) fn receive(&mut self, stanza: Stanza, count: Option<u32>) {
        let bytes = stanza.bytes.len();
        self.inbox_bytes += bytes;
        self.inbox
            .push_back((Item::Stanza(Box::new(stanza)), count, bytes));
    }

    /// Takes what was no stanza: it counts in its turn.
    pub(crate) fn receive_refused(&mut self, reply: Option<Bytes>, count: Option<u32>) {
        self.inbox.push_back((Item::Refused(reply), count, 0));
    }

    /// Puts stanzas on their way while there is credit.
    pub(crate) fn advance(&mut self) {
        while self.working.is_none()
            && self.in_flight.len() < CREDIT_COUNT
            && self.in_flight_bytes < CREDIT_BYTES
        {
            let Some((item, count, bytes)) = self.inbox.pop_front() else {
                return;
            };
            self.inbox_bytes -= bytes;
            self.start(item, count, bytes);
        }
    }

    fn start(&mut self, item: Item, count: Option<u32>, bytes: usize) {
        let is_alone = self.in_flight.is_empty();
        let number = self.next_number;
        self.next_number += 1;
        self.in_flight_bytes += bytes;
        self.in_flight.push_back(InFlight {
            number,
            count,
            bytes,
            done: None,
        });
        match item {
            Item::Refused(reply) => {
                if let Some(reply) = reply {
                    self.session.deliver(reply);
                }
                self.session.notify(Mail::Done {
                    number,
                    outcome: Ok(()),
                    is_proven: false,
                });
            }
            Item::Stanza(stanza) => {
                let sent_in = count.and_then(|count| self.sent_in(count));
                let caller = Caller {
                    session: self.session.clone(),
                    number,
                    is_alone,
                    remembered: None,
                };
                self.working = Some(Box::pin(self.node.clone().accept(caller, *stanza, sent_in)));
                self.work();
            }
        }
    }

    /// Most stanzas are on their way at once, without waiting for anything.
    fn work(&mut self) {
        let Some(working) = self.working.as_mut() else {
            return;
        };
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if working.as_mut().poll(&mut context).is_ready() {
            self.working = None;
        }
    }

    fn sent_in(&self, count: u32) -> Option<SentIn> {
        let session = self.managed.as_ref()?.id.clone()?;
        Some(SentIn {
            session,
            count,
            from: self.session.jid.clone(),
        })
    }

    /// Waits for mail, or for a stanza to get on its way.
    pub(crate) async fn next(&mut self) -> Next {
        match self.postponed.pop_front() {
            Some(mail) => Next::Mail(mail),
            None => self.next_fresh().await,
        }
    }

    async fn next_fresh(&mut self) -> Next {
        std::future::poll_fn(|cx| {
            if let Some(working) = self.working.as_mut()
                && working.as_mut().poll(cx).is_ready()
            {
                self.working = None;
                return Poll::Ready(Next::Worked);
            }
            match self.mail.poll_recv(cx) {
                Poll::Ready(Some(mail)) => Poll::Ready(Next::Mail(mail)),
                // The session itself holds a sender, so the mailbox never closes.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// More mail, if it is there already.
    pub(crate) fn more_mail(&mut self) -> Option<Mail> {
        let postponed = self.postponed.pop_front();
        postponed.or_else(|| self.mail.try_recv().ok())
    }

    /// A stanza is done. Stanzas count in the order they came.
    pub(crate) fn done(
        &mut self,
        number: u64,
        outcome: Result<(), NotCommitted>,
        is_proven: bool,
    ) -> Progress {
        let found = self
            .in_flight
            .iter_mut()
            .find(|stanza| stanza.number == number);
        if let Some(stanza) = found {
            stanza.done = Some(Done { outcome, is_proven });
        }
        let mut progress = Progress::None;
        while let Some(done) = self.in_flight.front().and_then(|stanza| stanza.done) {
            let Some(stanza) = self.in_flight.pop_front() else {
                break;
            };
            self.in_flight_bytes -= stanza.bytes;
            if done.outcome == Err(NotCommitted::Halted) {
                return Progress::Halted;
            }
            let (Some(count), Some(managed)) = (stanza.count, &mut self.managed) else {
                continue;
            };
            managed.handled = count;
            let needs_proof = managed.id.is_some() && !done.is_proven;
            progress = if needs_proof {
                Progress::Unproven(count)
            } else {
                managed.proven = count;
                Progress::Handled(count)
            };
        }
        progress
    }

    /// Whether it is of before the node stopped and no connection took it up yet.
    pub(crate) fn is_revived(&self) -> bool {
        self.managed.as_ref().is_some_and(|it| it.revived.is_some())
    }

    /// Others see it differently. A session that can be resumed is stored before its client hears that they do.
    pub(crate) fn is_seen_differently(&mut self) {
        if !self.is_resumable() {
            self.store();
        }
    }

    /// Asks how contacts elsewhere are, after the node was away.
    pub(crate) fn look_around(&self) {
        let (node, jid) = (self.node.clone(), self.session.jid.clone());
        tokio::spawn(async move {
            let device = jid.clone();
            let look = move |deciding: &Deciding<'_>| {
                let asked = deciding.context(|ctx| services::session_resumed(ctx, &device));
                deciding.expand(asked)
            };
            if let Err(error) = node.commit(Wanted::new(), look).await {
                tracing::warn!(%error, %jid, "contacts elsewhere cannot be asked");
            }
        });
    }

    /// Waits until all that came is handled and a store shows it. Whether one does.
    pub(crate) async fn prove(&mut self) -> bool {
        let mut postponed = VecDeque::new();
        let mut goes_on = true;
        while goes_on && !(self.is_settled() && self.is_proven()) {
            self.advance();
            if self.is_settled() {
                self.store();
            }
            match self.next_fresh().await {
                Next::Mail(Mail::Done {
                    number,
                    outcome,
                    is_proven,
                }) => goes_on = self.done(number, outcome, is_proven) != Progress::Halted,
                Next::Mail(Mail::Stored { handled, is_stored }) => {
                    self.stored(handled, is_stored);
                    goes_on = is_stored;
                }
                Next::Mail(mail) => postponed.push_back(mail),
                Next::Worked => {}
            }
        }
        self.postponed.extend(postponed);
        goes_on
    }

    fn is_proven(&self) -> bool {
        let managed = self.managed.as_ref();
        managed.is_none_or(|it| it.proven == it.handled)
    }

    /// Whether everything the client sent is durable.
    pub(crate) fn is_settled(&self) -> bool {
        self.inbox.is_empty() && self.working.is_none() && self.in_flight.is_empty()
    }

    /// How a message of the archive is kept that is being sent.
    pub(crate) fn kept_of_archive(&mut self, id: ArchiveId) -> Kept {
        let account = self.session.jid.to_bare();
        if self.is_serving {
            return Kept::Archived(account, id);
        }
        self.remember_aside(id);
        Kept::Aside(account, id)
    }

    fn remember_aside(&mut self, id: ArchiveId) {
        self.aside.insert(id);
        if self.aside.len() > ASIDE_COUNT {
            // It may come again one day; nothing is lost.
            self.aside.pop_first();
        }
    }

    /// Keeps what is being sent, if the client acknowledges.
    pub(crate) fn keep(&mut self, kept: Kept, bytes: usize) {
        match self.managed.as_mut().filter(|managed| managed.is_on) {
            Some(managed) => {
                if matches!(kept, Kept::Bytes(_)) {
                    managed.outbound_bytes += bytes;
                }
                managed.outbound.sent(kept);
            }
            None => {
                if let Kept::Archived(_, id) = kept {
                    self.sent_to = self.sent_to.max(id);
                }
            }
        }
    }

    /// All that was sent is with the operating system: who does not acknowledge has it.
    pub(crate) fn flushed(&mut self) {
        if self.sent_to > self.session.served() {
            self.session.serve(self.sent_to);
            self.is_changed();
        }
    }

    /// What to do with a stanza while nobody looks at the device (XEP-0352): `None` when it waits or is dropped.
    pub(crate) fn filter(&mut self, bytes: Bytes) -> Option<Bytes> {
        if self.is_active {
            return Some(bytes);
        }
        let Ok(stanza) = Stanza::from_peer(&bytes) else {
            return Some(bytes);
        };
        match Matter::of(&stanza).decided().0 {
            While::Urgent => return Some(bytes),
            While::Dropped => {}
            While::Waits => self.hold(None, bytes),
            While::Replaceable => self.hold(Some(stanza.from), bytes),
        }
        None
    }

    fn hold(&mut self, sender: Option<Jid>, bytes: Bytes) {
        if sender.is_some() {
            self.held.retain(|(other, _)| *other != sender);
        }
        self.held.push_back((sender, bytes));
    }

    /// What waited while nobody looked.
    pub(crate) fn release(&mut self) -> impl Iterator<Item = Bytes> + use<> {
        std::mem::take(&mut self.held)
            .into_iter()
            .map(|(_, bytes)| bytes)
    }

    /// Whether so much waits that it must go out.
    pub(crate) fn holds_too_much(&self) -> bool {
        let bytes: usize = self.held.iter().map(|(_, bytes)| bytes.len()).sum();
        self.held.len() >= HELD_COUNT || bytes >= HELD_BYTES
    }

    /// What the client acknowledged is done with.
    pub(crate) fn acknowledged(&mut self, kept: &[Kept]) {
        for kept in kept {
            match kept {
                Kept::Archived(_, id) => self.session.serve(*id),
                Kept::Aside(..) => {}
                Kept::Bytes(bytes) => {
                    if let Some(managed) = &mut self.managed {
                        managed.outbound_bytes -= bytes.len();
                    }
                }
            }
        }
    }

    /// Whether something waits, or was sent and not acknowledged, that wakes a device.
    pub(crate) fn has_reason_to_wake(&self) -> bool {
        let sent = self
            .managed
            .iter()
            .flat_map(|managed| managed.outbound.unacknowledged())
            .any(|kept| match kept {
                Kept::Bytes(bytes) => wakes(bytes),
                Kept::Archived(_, id) | Kept::Aside(_, id) => {
                    self.again(*id).is_some_and(|bytes| wakes(&bytes))
                }
            });
        let mut waiting = self
            .parked
            .iter()
            .chain(self.held.iter().map(|(_, bytes)| bytes));
        sent || waiting.any(wakes)
    }

    /// Whether the client acknowledges too little to get more from its archive now.
    pub(crate) fn is_saturated(&self) -> bool {
        let unacknowledged = |managed: &Managed| managed.outbound.unacknowledged().len();
        self.managed
            .as_ref()
            .is_some_and(|managed| unacknowledged(managed) >= UNACKNOWLEDGED_COUNT)
    }

    /// Whether what no archive keeps is too much to go on.
    pub(crate) fn is_overfull(&self) -> bool {
        let unacknowledged = self
            .managed
            .as_ref()
            .map_or(0, |managed| managed.outbound_bytes);
        unacknowledged + self.parked_bytes > UNACKNOWLEDGED_BYTES
    }

    /// From here on the session gets what is sent to its account: what waits, up to `newest`, comes from the archive.
    pub(crate) fn arrived(&mut self, newest: ArchiveId) {
        match crate::resume::served(&self.node, &self.session.jid.to_bare()) {
            Ok(stored) => {
                let served = stored.max(self.session.served()).max(self.given_to);
                self.position = served.min(newest);
                self.history_to = newest;
                self.is_serving = true;
                self.aside = self.aside.split_off(&self.position);
            }
            Err(error) => tracing::warn!(%error, "waiting messages cannot be read"),
        }
        self.is_behind = true;
        if let Some(managed) = &mut self.managed {
            managed.turns.moved();
        }
    }

    /// What is sent to its account is no longer for the session.
    pub(crate) fn departed(&mut self) {
        if std::mem::take(&mut self.is_serving) {
            self.given_to = self.position;
            // What is read from here on is for it by another rule, and a store of before does not say so.
            if let Some(managed) = &mut self.managed {
                managed.turns.moved();
            }
        }
    }

    /// Whether something of this kind may be sent now. If not, it may after the session is stored.
    pub(crate) fn may_send(&mut self, turn: Turn) -> bool {
        let counted = self
            .managed
            .as_mut()
            .filter(|managed| managed.is_on && managed.id.is_some());
        counted.is_none_or(|managed| managed.turns.may(turn, Instant::now()))
    }

    /// Whether the session must be stored before what waits can be sent.
    pub(crate) fn needs_store(&self) -> bool {
        let mut managed = self.managed.iter();
        managed.any(|managed| managed.turns.needs_store())
    }

    /// When what no archive keeps is sent although the disk is slow.
    pub(crate) fn patience_ends(&self) -> Option<Instant> {
        let managed = self.managed.as_ref()?;
        managed.turns.patience_ends().filter(|_| self.has_parked())
    }

    /// The client has the next `count` messages of the archive that are for it.
    pub(crate) fn skip(&mut self, count: u32) {
        let mut left = count;
        while left > 0 {
            // As if no other device were there, which leaves out no message that this one got.
            let own = self.own();
            let Some((page, _)) = self.next_page() else {
                return;
            };
            for archived in &page.entries {
                self.position = archived.id;
                if self.form_of(archived, &own).is_some() {
                    left -= 1;
                    if !self.is_serving {
                        self.remember_aside(archived.id);
                    }
                }
                if left == 0 {
                    break;
                }
            }
            if page.complete {
                break;
            }
        }
        if self.is_serving {
            self.session.serve(self.position);
        }
    }

    /// The messages of the archive after what was read of it, and the archive's end.
    fn next_page(&self) -> Option<(Page, ArchiveId)> {
        let account = self.session.jid.to_bare();
        let read = || {
            let head = self.node.store.last(&account)?.unwrap_or(ArchiveId(0));
            let query = Query {
                after: Some(self.position),
                before: Some(ArchiveId(head.0.saturating_add(1))),
                limit: PAGE,
                ..Query::default()
            };
            self.node
                .store
                .page(&account, &query)
                .map(|page| (page, head))
        };
        read()
            .inspect_err(|error| tracing::warn!(%error, "an archive cannot be read"))
            .ok()
    }

    /// Reads on in the archive: what is to be sent now, in order.
    pub(crate) fn read_archive(&mut self) -> Vec<(ArchiveId, Bytes)> {
        let Some((page, head)) = self.next_page() else {
            return Vec::new();
        };
        let account = self.session.jid.to_bare();
        let resources = self.node.registry.resources(&account);
        let own = resources.iter().find(|it| it.jid == self.session.jid);
        if !own.is_some_and(Resource::takes_messages) {
            // It ceased to be served, and has yet to hear of it.
            self.departed();
        }
        let mut found = Vec::new();
        for archived in &page.entries {
            self.position = archived.id;
            found.extend(
                self.form_of(archived, &resources)
                    .map(|bytes| (archived.id, bytes)),
            );
        }
        if page.complete {
            self.position = self.position.max(head);
            if self.is_serving {
                self.aside = self.aside.split_off(&self.position);
            }
            let newest = || {
                let newest = self.node.store.last(&account).ok().flatten();
                newest.unwrap_or(self.position)
            };
            self.is_behind = !self.session.catch_up(self.position, newest);
        }
        found
    }

    /// This session as its account's only device.
    fn own(&self) -> Vec<Resource> {
        let mut own = self.node.registry.resources(&self.session.jid.to_bare());
        own.retain(|resource| resource.jid == self.session.jid);
        own
    }

    /// How this session gets an archived message, if it does.
    fn form_of(&self, archived: &Archived, resources: &[Resource]) -> Option<Bytes> {
        if self.aside.contains(&archived.id) {
            return None;
        }
        let is_history = archived.id <= self.history_to;
        let forms = if is_history {
            if !archived.entry.deliver || archived.entry.direction != Direction::Received {
                return None;
            }
            services::delivery::of_archived(archived, &self.own())
        } else {
            services::delivery::of_archived(archived, resources)
        };
        let (_, bytes) = forms.into_iter().find(|(to, _)| *to == self.session.jid)?;
        if !is_history {
            return Some(bytes);
        }
        let delay = iris::xml::Xml::in_namespace("delay", "urn:xmpp:delay")
            .attr("from", self.node.host.domain.as_str())
            .attr("stamp", &datetime::format(archived.at_ms));
        Some(with_child(&bytes, &delay.finish()))
    }

    /// An archived message that was sent and not acknowledged, as it is sent again: whatever the device has become since, it
    /// was for it then.
    fn again(&self, id: ArchiveId) -> Option<Bytes> {
        let account = self.session.jid.to_bare();
        let query = Query {
            after: Some(ArchiveId(id.0 - 1)),
            before: Some(ArchiveId(id.0 + 1)),
            limit: 1,
            ..Query::default()
        };
        let page = self.node.store.page(&account, &query).ok()?;
        let archived = page.entries.first()?;
        let as_it_was = Resource {
            presence: Some(Bytes::new()),
            carbons: true,
            ..fresh(self.session.jid.clone())
        };
        let forms = services::delivery::of_archived(archived, &[as_it_was]);
        forms.into_iter().next().map(|(_, bytes)| bytes)
    }

    /// What was sent and not acknowledged, as it is sent again.
    pub(crate) fn unacknowledged(&self) -> Vec<Bytes> {
        let Some(managed) = &self.managed else {
            return Vec::new();
        };
        let kept = managed.outbound.unacknowledged();
        // What was erased meanwhile is replaced by nothing the client would see, so that counts stay equal.
        kept.map(|kept| match kept {
            Kept::Bytes(bytes) => bytes.clone(),
            Kept::Archived(_, id) | Kept::Aside(_, id) => {
                self.again(*id).unwrap_or(Bytes::from_static(b"<message/>"))
            }
        })
        .collect()
    }

    /// There is no room now: it is sent after what is being written.
    pub(crate) fn park(&mut self, bytes: Bytes) {
        self.parked_bytes += bytes.len();
        self.parked.push_back(bytes);
    }

    /// The next that was parked.
    pub(crate) fn unpark(&mut self) -> Option<Bytes> {
        let bytes = self.parked.pop_front()?;
        self.parked_bytes -= bytes.len();
        Some(bytes)
    }

    /// What was parked counts as sent, so that the next connection of the session gets it.
    pub(crate) fn keep_parked(&mut self) {
        while let Some(bytes) = self.unpark() {
            let length = bytes.len();
            self.keep(Kept::Bytes(bytes), length);
            self.is_changed();
        }
    }

    /// Whether it can be resumed.
    pub(crate) fn is_resumable(&self) -> bool {
        self.managed
            .as_ref()
            .is_some_and(|managed| managed.is_on && managed.id.is_some())
    }

    /// Whether something waits that no archive keeps.
    pub(crate) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// From here on the archive is read instead of the mailbox.
    pub(crate) fn fall_behind(&mut self) {
        self.is_behind = true;
        self.session.fall_behind();
    }

    /// A message that came by mail: sent now unless the archive is being read.
    pub(crate) fn takes(&self, id: ArchiveId) -> bool {
        !self.is_behind && id > self.position
    }

    /// Handles the rest of what the client sent, after its connection ended.
    pub(crate) async fn settle(&mut self) {
        self.advance();
        while !self.is_settled() {
            match self.next().await {
                Next::Mail(Mail::Done {
                    number,
                    outcome,
                    is_proven,
                }) => {
                    if self.done(number, outcome, is_proven) == Progress::Halted {
                        return;
                    }
                }
                Next::Mail(Mail::Passing(bytes)) => self.session.taken(bytes.len()),
                Next::Mail(Mail::Archived(_, bytes)) => self.session.taken(bytes.len()),
                Next::Mail(_) | Next::Worked => {}
            }
            self.advance();
        }
    }

    /// Ends the session: contacts and rooms see it leave.
    pub(crate) async fn end(mut self) {
        // Nobody can write to it any more, so mail cannot gather while the rest is handled.
        self.settle().await;
        let node = self.node.clone();
        let jid = self.session.jid.clone();
        let mut wanted: Wanted = node
            .rooms()
            .of_device(&jid)
            .into_iter()
            .map(alone)
            .collect();
        wanted.extend([alone(jid.to_bare())]);
        let number = self.session.number;
        let leave = {
            let (node, jid) = (node.clone(), jid.clone());
            move |deciding: &Deciding<'_>| {
                let rooms = deciding.leave_rooms(&jid);
                let newest = node.registry.session(&jid);
                let contacts = match newest.is_some_and(|found| found.number == number) {
                    true => deciding.context(|ctx| services::session_ended(ctx, &jid)),
                    false => Outcome::nothing(),
                };
                deciding.expand(rooms.and(contacts))
            }
        };
        // Two, because of an account that was erased nothing can be stored any more, and yet it leaves.
        let (left, stored) = tokio::join!(
            node.commit(wanted, leave),
            node.store_documents(crate::resume::last_writes(&self)),
        );
        if let Err(error) = left.and(stored) {
            tracing::warn!(%error, %jid, "the end of a session is not durable");
        }
        // Whoever signs in from here on reads from the store what this session knew.
        node.resumable().remove(&self.name);
        node.registry.remove(&self.session);
    }
}

/// Whether a stanza wakes a device that has no connection.
pub(crate) fn wakes(stanza: &Bytes) -> bool {
    Stanza::from_peer(stanza).is_ok_and(|stanza| Matter::of(&stanza).wakes())
}

fn alone(address: BareJid) -> (BareJid, Hold) {
    (address, Hold::Alone)
}
