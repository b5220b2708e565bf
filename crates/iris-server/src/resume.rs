//! What is stored of a session so that it can be resumed, and of an account so that waiting messages are
//! delivered once: how far its devices have been served.
//!
//! Of every session is stored what others see of it, so that they see the end of it after a crash: at the start, sessions that
//! can be resumed wait for their clients, as if they had just lost their connections, and all others end.
//!
//! A session is stored when it becomes resumable, when something must be acknowledged that nothing else shows, and
//! at most every `STORE_EVERY` while its client acknowledges. What was sent after the newest store and before a crash
//! follows from the client's count and the kind that the store names ([`crate::turns`]): a device that resumes gets
//! each message once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iris::archive::{ArchiveId, Archives as _, Query};
use iris::documents::{Collection, Documents as _, Unavailable, Write};
use iris::live::{Resource, fresh};
use iris::muc;
use iris::sm::{Kept, Outbound};
use jid::{BareJid, FullJid, Jid};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::node::Node;
use crate::registry::Mail;
use crate::session::{Bound, Managed, Seen};
use crate::turns::{Turn, Turns};

/// How often progress is stored at most.
pub(crate) const STORE_EVERY: Duration = Duration::from_millis(100);

/// Storing is under way, or waits.
#[derive(Default)]
pub(crate) struct Storing {
    /// The store under way shows a session that can be resumed.
    is_of_named: bool,
    /// A durable store shows one: the client may be told so.
    pub(crate) is_named: bool,
    is_under_way: bool,
    /// Something is to be stored that is not.
    is_due: bool,
    /// When it was stored last.
    at: Option<Instant>,
}

/// How far an account's devices have been served.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Served {
    /// The newest archived message that some device has.
    id: ArchiveId,
}

/// A resumable session.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    jid: FullJid,
    max_secs: u32,
    /// Of two with one address, the one with the greater number was bound later. Clocks and stores do not tell: an old
    /// session may still be stored after a new one took its place. A store of before this was noted has none.
    #[serde(default)]
    number: u64,
    stored_ms: i64,
    /// Stanzas of the client that are durable.
    handled: u32,
    outbound: Outbound,
    position: ArchiveId,
    /// Up to here the messages came before the session arrived.
    history_to: ArchiveId,
    /// It is served what is sent to its account. A store of before this was noted says it by presence and priority.
    #[serde(default)]
    is_serving: Option<bool>,
    /// Up to here it was, when it last ceased to be.
    #[serde(default)]
    given_to: ArchiveId,
    /// What it got after that, while it was not.
    #[serde(default)]
    aside: BTreeSet<ArchiveId>,
    /// What was sent after this store.
    turn: Turn,
    since: ArchiveId,
    presence: Option<String>,
    priority: i8,
    interested: bool,
    blocklist: bool,
    carbons: bool,
    notify: Vec<String>,
    directed: Vec<Jid>,
    #[serde(default)]
    rooms: Vec<FullJid>,
}

/// How far an account's devices have been served.
pub(crate) fn served(node: &Node, account: &BareJid) -> Result<ArchiveId, Unavailable> {
    let Some(body) = node.store.get(Collection::Cursor, account, "")? else {
        return Ok(ArchiveId(0));
    };
    let served: Served = serde_json::from_slice(&body).map_err(|error| Unavailable {
        why: format!("cursor of {account}: {error}"),
    })?;
    Ok(served.id)
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("text and numbers are JSON")
}

/// What is to be stored of a session, and what of it others see then.
fn documents(bound: &Bound, served: ArchiveId, turn: Turn) -> (Vec<Write>, Option<Seen>) {
    let owner = bound.session.jid.to_bare();
    let mut writes = Vec::new();
    if served > bound.served_stored {
        writes.push(Write::Put {
            collection: Collection::Cursor,
            owner: owner.clone(),
            name: String::new(),
            body: to_json(&Served { id: served }),
        });
    }
    let resource = bound.session.resource();
    let seen = Seen::of(&resource);
    // Beside what others see of it, of a session that cannot be resumed nothing is worth a store.
    if !bound.is_named() && bound.noted.as_ref().unwrap_or(&Seen::default()) == &seen {
        return (writes, None);
    }
    writes.push(Write::Put {
        collection: Collection::Resume,
        owner,
        name: bound.name.clone(),
        body: to_json(&stored(bound, resource, turn)),
    });
    (writes, Some(seen))
}

fn stored(bound: &Bound, resource: Resource, turn: Turn) -> Stored {
    let presence = resource
        .presence
        .map(|presence| String::from_utf8_lossy(&presence).into_owned());
    let managed = bound.managed.as_ref().filter(|_| bound.is_named());
    Stored {
        jid: resource.jid,
        // None: it ends with the node.
        max_secs: managed.map_or(0, |managed| managed.max_secs),
        number: bound.session.number,
        stored_ms: (bound.node.clock)(),
        handled: managed.map_or(0, |managed| managed.handled),
        outbound: managed.map_or_else(Outbound::default, |managed| managed.outbound.clone()),
        position: bound.position,
        history_to: bound.history_to,
        is_serving: Some(bound.is_serving),
        given_to: bound.given_to,
        aside: bound.aside.clone(),
        turn,
        since: managed.map_or(ArchiveId(0), |managed| managed.since),
        presence,
        priority: resource.priority,
        interested: resource.interested,
        blocklist: resource.blocklist,
        carbons: resource.carbons,
        notify: resource.notify,
        directed: resource.directed,
        rooms: resource.rooms,
    }
}

impl Bound {
    /// Whether its client was given its name to resume it by, or is about to be.
    fn is_named(&self) -> bool {
        self.managed.as_ref().is_some_and(|it| it.id.is_some())
    }

    /// Something changed that is to be stored before long.
    pub(crate) fn is_changed(&mut self) {
        self.storing.is_due = true;
    }

    /// When [`Bound::store`] should be called, if it should.
    pub(crate) fn store_at(&self) -> Option<Instant> {
        let is_due = self.storing.is_due && !self.storing.is_under_way;
        is_due.then(|| {
            self.storing
                .at
                .map_or_else(Instant::now, |at| at + STORE_EVERY)
        })
    }

    /// Stores what changed; [`Mail::Stored`] tells when it is durable.
    pub(crate) fn store(&mut self) {
        if self.storing.is_under_way {
            self.storing.is_due = true;
            return;
        }
        let now = Instant::now();
        let turn = match &mut self.managed {
            Some(managed) => managed.turns.store(now),
            None => Turn::Passing,
        };
        let served = self.session.served();
        let (writes, seen) = documents(self, served, turn);
        self.storing.is_due = false;
        self.storing.at = Some(now);
        if writes.is_empty() {
            return;
        }
        self.storing.is_under_way = true;
        self.storing.is_of_named = self.is_named();
        self.noted = seen.or_else(|| self.noted.take());
        self.served_stored = served;
        let handled = self.managed.as_ref().map_or(0, |managed| managed.handled);
        let node = self.node.clone();
        let session = self.session.clone();
        tokio::spawn(async move {
            let is_stored = node.store_documents(writes).await.is_ok();
            session.notify(Mail::Stored { handled, is_stored });
        });
    }

    /// Whether all that changed is stored, or was tried to be.
    pub(crate) fn is_stored(&self) -> bool {
        !self.storing.is_due && !self.storing.is_under_way
    }

    /// Storing ended; the store shows `handled` stanzas of the client, if it is durable.
    pub(crate) fn stored(&mut self, handled: u32, is_stored: bool) {
        self.storing.is_under_way = false;
        self.storing.is_named |= is_stored && self.storing.is_of_named;
        if let Some(managed) = &mut self.managed {
            managed.turns.stored();
            let is_ahead = handled.wrapping_sub(managed.proven) < u32::MAX / 2;
            if is_stored && is_ahead {
                managed.proven = handled;
            }
        }
        if is_stored && self.is_named() && !self.storing.is_named {
            // What was on its way is older than the wish to be resumed.
            self.store();
        }
    }
}

/// What is written when a session ends: its last progress, and that it cannot be resumed any more.
pub(crate) fn last_writes(bound: &Bound) -> Vec<Write> {
    let (mut writes, _) = documents(bound, bound.session.served(), Turn::Passing);
    writes.retain(|write| {
        matches!(
            write,
            Write::Put {
                collection: Collection::Cursor,
                ..
            }
        )
    });
    if bound.noted.is_some() {
        writes.push(Write::Delete {
            collection: Collection::Resume,
            owner: bound.session.jid.to_bare(),
            name: bound.name.clone(),
        });
    }
    writes
}

/// How many of a session's stanzas its account's archive shows.
fn proven(
    node: &Node,
    account: &BareJid,
    id: &str,
    since: ArchiveId,
) -> Result<Option<u32>, Unavailable> {
    const SLICE: usize = 256;
    let mut before = None;
    loop {
        let query = Query {
            after: Some(since),
            before,
            from_end: true,
            limit: SLICE,
            ..Query::default()
        };
        let page = node.store.page(account, &query)?;
        let sent = page
            .entries
            .iter()
            .rev()
            .filter_map(|archived| archived.entry.sent_in.as_ref());
        if let Some(newest) = sent.into_iter().find(|sent| sent.session == id) {
            return Ok(Some(newest.count));
        }
        match page.entries.first() {
            Some(first) if !page.complete => before = Some(first.id),
            _ => return Ok(None),
        }
    }
}

impl Bound {
    /// The client has handled our stanzas up to `h`, which may be more than was stored when the node stopped: then it
    /// has everything that was stored as sent, and what was sent since is of the kind that the store names.
    pub(crate) fn acknowledged_elsewhere(&mut self, h: u32) {
        let Some(managed) = &mut self.managed else {
            return;
        };
        let Some(turn) = managed.revived.take() else {
            return;
        };
        let ahead = h.wrapping_sub(managed.outbound.count());
        if ahead == 0 || ahead > u32::MAX / 2 {
            return;
        }
        let all = managed.outbound.count();
        let known = managed.outbound.acknowledge(all).unwrap_or_default();
        managed.outbound = Outbound::new(h, VecDeque::new());
        self.acknowledged(&known);
        if turn == Turn::Archive {
            self.skip(ahead);
        }
    }
}

/// The bytes of what no archive keeps.
fn kept_bytes(outbound: &Outbound) -> usize {
    let kept = outbound.unacknowledged();
    kept.map(|kept| match kept {
        Kept::Bytes(bytes) => bytes.len(),
        Kept::Archived(..) | Kept::Aside(..) => 0,
    })
    .sum()
}

/// How many stanzas of a session of before the node stopped are handled: its archive may show more than its store.
pub(crate) fn see_what_was_proven(bound: &mut Bound) -> Result<(), Unavailable> {
    let account = bound.session.jid.to_bare();
    let Some(managed) = bound.managed.as_mut().filter(|it| it.revived.is_some()) else {
        return Ok(());
    };
    // Counts wrap, so the newer one is the one that is ahead by less than half.
    if let Some(count) = proven(&bound.node, &account, &bound.name, managed.since)?
        && count.wrapping_sub(managed.handled) < u32::MAX / 2
    {
        (managed.handled, managed.proven) = (count, count);
    }
    Ok(())
}

/// Binds again all sessions that were stored before the node stopped, before anybody signs in. They are all there before the
/// first ends, so that they see it end. One that cannot be read stays as it is stored.
///
/// # Errors
/// They cannot be listed.
pub(crate) fn revive_all(node: &Arc<Node>) -> Result<Vec<Bound>, Unavailable> {
    const PAGE: usize = 500;
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = node
            .store
            .named(Collection::Resume, after.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE;
        for (id, owner, name) in page {
            after = Some(id);
            found.extend(read(node, &owner, &name).map(|stored| (name, stored)));
        }
        if is_last {
            break;
        }
    }
    // Of two with one address the one that comes last goes on.
    found.sort_by_key(|(_, stored)| (stored.number, stored.stored_ms));
    let newest = found.last().map_or(0, |(_, stored)| stored.number);
    node.registry.count_on(newest);
    let bound = found
        .into_iter()
        .filter_map(|(name, stored)| revive(node, name, stored));
    Ok(bound.collect())
}

/// Of the sessions of before the node stopped, those that can be resumed wait for their clients; the others end, for all who
/// saw them.
pub(crate) fn set_going(revived: Vec<Bound>) {
    for bound in revived {
        match bound.is_resumable() && bound.node.may_be_used(&bound.session.jid.to_bare()) {
            true => drop(tokio::spawn(crate::detached::wait(Box::new(bound)))),
            false => drop(tokio::spawn(bound.end())),
        }
    }
}

/// A session as it is stored; nothing if it cannot be read.
fn read(node: &Node, owner: &BareJid, name: &str) -> Option<Stored> {
    let read = || -> Result<Option<Stored>, Unavailable> {
        let Some(body) = node.store.get(Collection::Resume, owner, name)? else {
            return Ok(None);
        };
        let stored = serde_json::from_slice(&body);
        stored.map(Some).map_err(|error| Unavailable {
            why: format!("session of {owner}: {error}"),
        })
    };
    read()
        .inspect_err(|error| tracing::warn!(%error, "a session cannot be resumed"))
        .ok()?
}

fn revive(node: &Arc<Node>, name: String, stored: Stored) -> Option<Bound> {
    let is_resumable = stored.max_secs > 0;
    let resource = Resource {
        is_connected: false,
        presence: stored.presence.map(Bytes::from),
        priority: stored.priority,
        interested: stored.interested,
        blocklist: stored.blocklist,
        carbons: stored.carbons,
        notify: stored.notify,
        directed: stored.directed,
        ..fresh(stored.jid)
    };
    let takes_messages = resource.takes_messages();
    let (session, mail) = node.registry.add(resource, usize::MAX).ok()?;
    session.fall_behind();
    for occupant in &stored.rooms {
        session.deliver(muc::lost(occupant, &session.jid));
    }
    let mut bound = Bound::new(node.clone(), session.clone(), mail, name.clone());
    bound.noted = Some(Seen::default());
    bound.position = stored.position;
    bound.history_to = stored.history_to;
    bound.is_behind = true;
    bound.is_serving = stored.is_serving.unwrap_or(takes_messages);
    bound.given_to = stored.given_to;
    bound.aside = stored.aside;
    if !is_resumable {
        return Some(bound);
    }
    node.resumable().insert(name.clone(), session);
    bound.managed = Some(Managed {
        id: Some(name),
        max_secs: stored.max_secs,
        outbound_bytes: kept_bytes(&stored.outbound),
        outbound: stored.outbound,
        handled: stored.handled,
        proven: stored.handled,
        since: stored.since,
        is_on: true,
        is_asked: false,
        turns: Turns::default(),
        revived: Some(stored.turn),
    });
    if !takes_messages {
        // It was stored between saying that it is there no more and hearing that it is served no more.
        bound.departed();
    } else if !bound.is_serving {
        // It was stored between saying that it is there and being served what waits.
        match node.store.last(&bound.session.jid.to_bare()) {
            Ok(newest) => bound.session.arrive(newest.unwrap_or(ArchiveId(0))),
            Err(error) => tracing::warn!(%error, "waiting messages cannot be read"),
        }
    }
    Some(bound)
}
