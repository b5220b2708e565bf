//! Who is connected: the sessions of every account, and their mailboxes.
//!
//! A mailbox holds at most about `MAILBOX_BYTES_MAX` bytes. What an archive keeps is not queued beyond that: the
//! session is marked as behind and reads its archive from where it stands, so a slow reader costs disk, not memory.
//! What no archive keeps has nowhere else to wait: a session that lets `MAILBOX_BYTES_HARD` gather is closed.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use iris::archive::ArchiveId;
use iris::live::{Live, Resource};
use iris::outcome::SessionChange;
use iris::stream::StreamCondition;
use iris::watching::{Event, Watching};
use jid::{BareJid, FullJid};
use tokio::sync::{mpsc, oneshot};

use crate::committer::NotCommitted;
use crate::dedupe::Recent;
use crate::server::SessionStatus;
use crate::session::{Bound, wakes};

const SHARDS: usize = 64;
/// Bytes of archived messages that wait in a mailbox.
const MAILBOX_BYTES_MAX: usize = 64 << 10;
/// Bytes of anything that waits in a mailbox.
const MAILBOX_BYTES_HARD: usize = 1 << 20;
/// Cost of a stanza beside its bytes.
const MAIL_BYTES: usize = 64;

/// What reaches a session.
pub(crate) enum Mail {
    /// A stanza that no archive of the account keeps.
    Passing(Bytes),
    /// A message of the account's archive.
    Archived(ArchiveId, Bytes),
    /// A stanza of this session is durable and delivered, or is not.
    Done {
        /// Its number in the session.
        number: u64,
        /// What became of it.
        outcome: Result<(), NotCommitted>,
        /// The archive shows its count.
        is_proven: bool,
    },
    /// The session itself was stored, or was not.
    Stored {
        /// How many of the client's stanzas the store shows as handled.
        handled: u32,
        /// Whether it is durable.
        is_stored: bool,
    },
    /// The client said for the first time that it is there.
    Arrived {
        /// The end of the archive then.
        newest: ArchiveId,
    },
    /// What others see of the session changed.
    Seen,
    /// The session gets no more of what is sent to its account.
    Departed,
    /// Read the archive: more waits there than in the mailbox.
    Behind,
    /// A message came for a session without a connection that wakes its device.
    Waits,
    /// A new connection takes the session over.
    TakeOver(oneshot::Sender<Box<Bound>>),
    /// The node stops: the session is resumed by its next run, or ends.
    Suspend,
    /// What memory holds is not what is stored: go, and leave what is stored as it is.
    Lost,
    /// End with this condition.
    Close(StreamCondition),
}

/// How far a session stands in its account's archive.
#[derive(Debug)]
struct Standing {
    resource: Resource,
    /// Reads its archive instead of its mailbox.
    is_behind: bool,
    /// What the archive reader already gave to it.
    read_to: ArchiveId,
    /// Personal events that wait until it says what it wants.
    watching: Watching,
}

/// A bound session, as others see it.
pub(crate) struct Session {
    /// Its address.
    pub(crate) jid: FullJid,
    /// Greater than that of every session that was bound or revived before it, also before a crash.
    pub(crate) number: u64,
    /// What the account sent lately; all its sessions share it.
    pub(crate) sent: Arc<Recent>,
    /// The newest archived message that some device of the account has; all its sessions share it.
    served: Arc<AtomicU64>,
    standing: Mutex<Standing>,
    mailbox: mpsc::UnboundedSender<Mail>,
    queued: AtomicUsize,
}

impl Session {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        // Every change below is whole before anything can panic.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What others know of it.
    pub(crate) fn resource(&self) -> Resource {
        self.lock().resource.clone()
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> SessionStatus {
        let standing = self.lock();
        SessionStatus {
            jid: self.jid.clone(),
            is_connected: standing.resource.is_connected,
            is_available: standing.resource.presence.is_some(),
            priority: standing.resource.priority,
            queued_bytes: self.queued.load(Ordering::Relaxed),
            is_behind: standing.is_behind,
        }
    }

    /// Mail that costs no room: at most one for each stanza in flight.
    pub(crate) fn notify(&self, mail: Mail) {
        // A closed mailbox means that the session is over.
        let _ = self.mailbox.send(mail);
    }

    fn queue(&self, bytes: usize, mail: Mail) {
        self.queued.fetch_add(bytes + MAIL_BYTES, Ordering::Relaxed);
        self.notify(mail);
    }

    /// The session took a stanza of `bytes` out of its mailbox.
    pub(crate) fn taken(&self, bytes: usize) {
        self.queued.fetch_sub(bytes + MAIL_BYTES, Ordering::Relaxed);
    }

    /// Delivers what no archive keeps.
    pub(crate) fn deliver(&self, stanza: Bytes) {
        if self.queued.load(Ordering::Relaxed) > MAILBOX_BYTES_HARD {
            self.notify(Mail::Close(StreamCondition::ResourceConstraint));
            return;
        }
        self.queue(stanza.len(), Mail::Passing(stanza));
    }

    /// Delivers a message of the account's archive, or leaves it there for the session to read.
    pub(crate) fn deliver_archived(&self, id: ArchiveId, stanza: Bytes) {
        let mut standing = self.lock();
        if !standing.resource.is_connected && wakes(&stanza) {
            self.notify(Mail::Waits);
        }
        if standing.is_behind || id <= standing.read_to {
            return;
        }
        if self.queued.load(Ordering::Relaxed) > MAILBOX_BYTES_MAX {
            standing.is_behind = true;
            self.notify(Mail::Behind);
            return;
        }
        self.queue(stanza.len(), Mail::Archived(id, stanza));
    }

    /// Delivers a personal event, if the session wants it, or when it says that it does.
    pub(crate) fn deliver_event(&self, event: &Event, stanza: Bytes) {
        let mut standing = self.lock();
        let Standing {
            resource, watching, ..
        } = &mut *standing;
        if resource.presence.is_none() {
            return;
        }
        let stanza = watching.event(&resource.notify, event.clone(), stanza, uptime());
        if let Some(stanza) = stanza {
            // Under the lock: what was held goes first.
            self.deliver(stanza);
        }
    }

    /// Whether it has a connection.
    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.lock().resource.is_connected = is_connected;
    }

    /// From here on the session reads its archive, after `position`.
    pub(crate) fn fall_behind(&self) {
        self.lock().is_behind = true;
        self.notify(Mail::Behind);
    }

    /// What waits for the account, up to `newest`, is for the session, which read of [`Session::apply`] that it is.
    pub(crate) fn arrive(&self, newest: ArchiveId) {
        self.notify(Mail::Arrived { newest });
    }

    /// The newest archived message that some device of the account is known to have since its first session came.
    pub(crate) fn served(&self) -> ArchiveId {
        ArchiveId(self.served.load(Ordering::Relaxed))
    }

    /// A device of the account has what is archived up to `id`.
    pub(crate) fn serve(&self, id: ArchiveId) {
        self.served.fetch_max(id.0, Ordering::Relaxed);
    }

    /// Ends reading the archive if `position` is its end, as `newest` tells.
    pub(crate) fn catch_up(&self, position: ArchiveId, newest: impl FnOnce() -> ArchiveId) -> bool {
        let mut standing = self.lock();
        // Asked under the lock: what becomes durable later is delivered later, and finds the session caught up.
        if newest() > position {
            return false;
        }
        standing.is_behind = false;
        standing.read_to = position;
        true
    }

    /// Applies what a handler changed. Whether the session gets from here on what is sent to its account, and did not
    /// before: then nothing more is put into its mailbox until it [arrived](Session::arrive) and read its archive, so that
    /// what comes at that very moment comes once.
    pub(crate) fn apply(&self, change: &SessionChange) -> bool {
        let mut standing = self.lock();
        let took = standing.resource.takes_messages();
        apply_to(&mut standing.resource, change);
        match change {
            SessionChange::Asked => standing.watching.asked(uptime()),
            SessionChange::Notify(nodes) => {
                let held = standing.watching.learned(nodes);
                held.into_iter().for_each(|stanza| self.deliver(stanza));
            }
            _ => {}
        }
        if is_seen(change) {
            self.notify(Mail::Seen);
        }
        let takes = standing.resource.takes_messages();
        if took && !takes {
            // Under the lock: no message is put into the mailbox between the change and this.
            self.notify(Mail::Departed);
        }
        standing.is_behind |= takes && !took;
        takes && !took
    }
}

/// A time since any one moment, which never goes back.
fn uptime() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Whether others see a change, so that they have to see the end of it, too.
fn is_seen(change: &SessionChange) -> bool {
    match change {
        SessionChange::Presence(_)
        | SessionChange::DirectedTo(_)
        | SessionChange::DirectedGone(_)
        | SessionChange::EnteredRoom(_)
        | SessionChange::LeftRoom(_) => true,
        SessionChange::Interested
        | SessionChange::Blocklist
        | SessionChange::Carbons(_)
        | SessionChange::Active(_)
        | SessionChange::Asked
        | SessionChange::Notify(_)
        | SessionChange::AccountRemoved => false,
    }
}

fn apply_to(resource: &mut Resource, change: &SessionChange) {
    match change {
        SessionChange::Interested => resource.interested = true,
        SessionChange::Blocklist => resource.blocklist = true,
        SessionChange::Carbons(on) => resource.carbons = *on,
        SessionChange::Presence(Some((presence, priority))) => {
            resource.presence = Some(presence.clone());
            resource.priority = *priority;
        }
        SessionChange::Presence(None) => {
            resource.presence = None;
            resource.priority = 0;
        }
        SessionChange::Active(active) => resource.active = *active,
        SessionChange::Asked => resource.is_asked = true,
        SessionChange::Notify(nodes) => {
            resource.is_asked = false;
            resource.notify.clone_from(nodes);
        }
        SessionChange::DirectedTo(to) => {
            if !resource.directed.contains(to) {
                resource.directed.push(to.clone());
            }
        }
        SessionChange::DirectedGone(to) => resource.directed.retain(|known| known != to),
        SessionChange::EnteredRoom(occupant) => {
            let room = occupant.to_bare();
            resource.rooms.retain(|known| known.to_bare() != room);
            resource.rooms.push(occupant.clone());
        }
        SessionChange::LeftRoom(room) => resource.rooms.retain(|known| known.to_bare() != *room),
        // What is written of the account ends all its sessions.
        SessionChange::AccountRemoved => {}
    }
}

type Accounts = HashMap<BareJid, BTreeMap<String, Arc<Session>>>;

/// The sessions of this node.
pub(crate) struct Registry {
    shards: Vec<Mutex<Accounts>>,
    hasher: RandomState,
    numbers: AtomicU64,
    count: AtomicUsize,
}

/// Why a session was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// The account has as many sessions as it may have.
    TooMany,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            numbers: AtomicU64::new(1),
            count: AtomicUsize::new(0),
        }
    }

    /// Sessions that are added from here on have greater numbers than this.
    pub(crate) fn count_on(&self, number: u64) {
        self.numbers
            .fetch_max(number.saturating_add(1), Ordering::Relaxed);
    }

    fn shard(&self, account: &BareJid) -> MutexGuard<'_, Accounts> {
        let at = self.hasher.hash_one(account) as usize % SHARDS;
        self.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a session with its mailbox. A session that has the same address is told to go (RFC 6120 7.7.2.2).
    ///
    /// # Errors
    /// The account has `sessions_max` others.
    pub(crate) fn add(
        &self,
        resource: Resource,
        sessions_max: usize,
    ) -> Result<(Arc<Session>, mpsc::UnboundedReceiver<Mail>), NotAdded> {
        let account = resource.jid.to_bare();
        let name = resource.jid.resource().as_str().to_owned();
        let mut shard = self.shard(&account);
        let sessions = shard.entry(account).or_default();
        if sessions.len() >= sessions_max && !sessions.contains_key(&name) {
            return Err(NotAdded::TooMany);
        }
        let (mailbox, mail) = mpsc::unbounded_channel();
        let other = sessions.values().next();
        let shared = other.map(|other| (other.sent.clone(), other.served.clone()));
        let (sent, served) = shared.unwrap_or_default();
        let session = Arc::new(Session {
            jid: resource.jid.clone(),
            sent,
            served,
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            standing: Mutex::new(Standing {
                resource,
                is_behind: false,
                read_to: ArchiveId(0),
                watching: Watching::default(),
            }),
            mailbox,
            queued: AtomicUsize::new(0),
        });
        match sessions.insert(name, session.clone()) {
            Some(before) => before.notify(Mail::Close(StreamCondition::Conflict)),
            None => {
                self.count.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok((session, mail))
    }

    /// Removes a session, unless another took its place. Whether it was there.
    pub(crate) fn remove(&self, session: &Session) -> bool {
        let account = session.jid.to_bare();
        let mut shard = self.shard(&account);
        let Some(sessions) = shard.get_mut(&account) else {
            return false;
        };
        let name = session.jid.resource().as_str();
        if sessions
            .get(name)
            .is_none_or(|found| found.number != session.number)
        {
            return false;
        }
        sessions.remove(name);
        if sessions.is_empty() {
            shard.remove(&account);
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// The session of a resource.
    pub(crate) fn session(&self, jid: &FullJid) -> Option<Arc<Session>> {
        let account = jid.to_bare();
        let shard = self.shard(&account);
        shard.get(&account)?.get(jid.resource().as_str()).cloned()
    }

    /// The sessions of an account.
    pub(crate) fn sessions(&self, account: &BareJid) -> Vec<Arc<Session>> {
        let shard = self.shard(account);
        let sessions = shard.get(account).into_iter();
        sessions.flat_map(BTreeMap::values).cloned().collect()
    }

    /// Ends every session of an account that may not be used as it was. Whoever adds one later asks whether it may.
    pub(crate) fn end_sessions(&self, account: &BareJid) {
        for session in self.sessions(account) {
            session.notify(Mail::Close(StreamCondition::NotAuthorized));
        }
    }

    /// How many sessions there are.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Every session, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let mut all = Vec::with_capacity(self.count());
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.values().flat_map(BTreeMap::values).cloned());
        }
        all
    }
}

impl Live for Registry {
    fn resources(&self, account: &BareJid) -> Vec<Resource> {
        let shard = self.shard(account);
        let sessions = shard.get(account).into_iter();
        sessions
            .flat_map(BTreeMap::values)
            .map(|session| session.resource())
            .collect()
    }
}
