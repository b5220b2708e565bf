//! From a stanza to what is to be stored and shown. Deciding changes nothing, so it can be done again when what was read
//! has moved.
//!
//! Invariants (guard):
//! 1. what a decision reads of documents guards its commit                 (`Deciding::context` is the only way to them)
//! 2. a room in memory is as it is stored: a decision changes a copy, which takes its place when the commit is shown
//!    (`Draft`; `tests/it/rooms.rs`)

use std::cell::RefCell;

use bytes::Bytes;
use iris::authorize::{Action, Permit, Principal, authorize};
use iris::documents::{Collection, Overlay, Write};
use iris::host::Host;
use iris::muc::{self, Refusal, Rooms};
use iris::outcome::{Context, Outcome, Send as Sending, Target};
use iris::services;
use iris::services::content::Content;
use iris::stanza::{Condition, Kind, Stanza, error_reply};
use jid::{BareJid, FullJid, Jid};

use crate::change::Change;
use crate::node::{Node, leaves_everything};
use crate::store::Reading;

/// How often a stanza that a handler routes may be routed again.
const HOPS_MAX: usize = 3;

/// What was decided: what is to be stored, and what is shown when it is.
#[derive(Default)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    pub(crate) rooms: Option<Draft>,
    change: Change,
}

impl Decided {
    pub(crate) fn new(outcome: Outcome, change: Change) -> Self {
        Self {
            outcome,
            rooms: None,
            change,
        }
    }

    /// What is to be stored.
    pub(crate) fn change(&self) -> &Change {
        &self.change
    }
}

/// Rooms as a decision leaves them.
pub(crate) struct Draft {
    /// Which: nobody else decides about them meanwhile.
    pub(crate) held: Vec<BareJid>,
    /// Those of them that somebody is in.
    pub(crate) rooms: Rooms,
}

/// One decision.
pub(crate) struct Deciding<'n> {
    node: &'n Node,
    reading: Reading<'n>,
    /// The rooms that it may change.
    held: &'n [BareJid],
    rooms: RefCell<Option<Rooms>>,
}

impl Node {
    /// Decides something that may change the rooms in `held`. Nothing if it cannot be stored.
    pub(crate) fn decided(
        &self,
        held: &[BareJid],
        decide: impl FnOnce(&Deciding<'_>) -> Outcome,
    ) -> Option<Decided> {
        let deciding = Deciding {
            node: self,
            reading: self.store.reading(),
            held,
            rooms: RefCell::default(),
        };
        let outcome = decide(&deciding);
        let change = self.change(&outcome, deciding.reading.reads())?;
        let rooms = deciding.rooms.into_inner();
        Some(Decided {
            outcome,
            rooms: rooms.map(|rooms| Draft {
                held: held.to_vec(),
                rooms,
            }),
            change,
        })
    }
}

impl Deciding<'_> {
    /// Runs a handler.
    pub(crate) fn context<T>(&self, run: impl FnOnce(&Context<'_>) -> T) -> T {
        self.context_after(&[], run)
    }

    /// Runs a handler whose changes become durable together with `pending`.
    fn context_after<T>(&self, pending: &[Write], run: impl FnOnce(&Context<'_>) -> T) -> T {
        run(&Context {
            now_ms: (self.node.clock)(),
            random: self.node.random(),
            host: &self.node.host,
            documents: &Overlay::new(&self.reading, pending),
            archives: &self.node.store,
            live: &*self.node.registry,
        })
    }

    /// What is to be done about a stanza, with all that follows from it on this node.
    pub(crate) fn stanza(&self, principal: &Principal, stanza: &Stanza) -> Outcome {
        let mut outcome = self.context(|ctx| self.handle(ctx, principal, stanza));
        if let Some(device) = leaves_everything(stanza) {
            outcome = outcome.and(self.leave_rooms(device));
        }
        self.expand(outcome)
    }

    /// A device is out of every room.
    pub(crate) fn leave_rooms(&self, device: &FullJid) -> Outcome {
        let left = |ctx: &Context<'_>| {
            self.on_draft(ctx, |rooms| Ok(muc::session_ended(ctx, rooms, device)))
        };
        self.context(left).unwrap_or_else(|refusal| {
            tracing::warn!(?refusal, %device, "rooms cannot be left");
            Outcome::nothing()
        })
    }

    fn handle(&self, ctx: &Context<'_>, principal: &Principal, stanza: &Stanza) -> Outcome {
        let sender = stanza.from.to_bare();
        if authorize(principal, Action::SendAs, &sender).is_err() {
            return refused(stanza, Condition::Forbidden);
        }
        let host = &self.node.host;
        let to = stanza.to.clone().unwrap_or_else(|| sender.into());
        if to.domain() == host.rooms.as_ref() {
            return match authorize(principal, Action::UseRoom, &to.to_bare()) {
                Ok(permit) => self.to_room(ctx, &permit, stanza, &to),
                Err(_) => refused(stanza, Condition::Forbidden),
            };
        }
        if !host.is_local(&to) && !matches!(principal, Principal::Session(_)) {
            // Between a component and another server, or another component.
            return Outcome::reply(Target::Route(to), stanza.bytes.clone());
        }
        let (action, resource) = services::required(host, stanza);
        let Ok(permit) = authorize(principal, action, &resource) else {
            return refused(stanza, Condition::ServiceUnavailable);
        };
        match stanza.kind {
            Kind::Message => services::message(ctx, &permit, stanza),
            Kind::Presence => services::presence(ctx, &permit, stanza),
            Kind::Iq => services::iq(ctx, &permit, stanza),
        }
    }

    fn to_room(&self, ctx: &Context<'_>, permit: &Permit, stanza: &Stanza, to: &Jid) -> Outcome {
        let room = to.to_bare();
        let decided = if room.node().is_none() {
            muc::decide(ctx, permit, &mut Rooms::default(), stanza)
        } else if self.held.contains(&room) {
            self.on_draft(ctx, |rooms| muc::decide(ctx, permit, rooms, stanza))
        } else if muc::only_reads(stanza) {
            self.on_stored(ctx, &room, |rooms| muc::decide(ctx, permit, rooms, stanza))
        } else {
            // Nobody holds the room for this: it gets its own turn.
            return Outcome::reply(Target::Route(to.clone()), stanza.bytes.clone());
        };
        decided.unwrap_or_else(|refusal| muc::refuse(stanza, &refusal))
    }

    /// Decides on a copy of the rooms that are held, with the settings that are stored. What is refused changes nothing.
    fn on_draft(
        &self,
        ctx: &Context<'_>,
        decide: impl FnOnce(&mut Rooms) -> Result<Outcome, Refusal>,
    ) -> Result<Outcome, Refusal> {
        let mut draft = match self.rooms.borrow().as_ref() {
            Some(draft) => draft.clone(),
            None => {
                let mut copy = self.node.rooms().copy_of(self.held);
                for room in self.held {
                    copy.reload(ctx, room)?;
                }
                copy
            }
        };
        let outcome = decide(&mut draft)?;
        *self.rooms.borrow_mut() = Some(draft);
        Ok(outcome)
    }

    /// Decides on the rooms in memory, which are as they are stored.
    fn on_stored(
        &self,
        ctx: &Context<'_>,
        room: &BareJid,
        decide: impl FnOnce(&mut Rooms) -> Result<Outcome, Refusal>,
    ) -> Result<Outcome, Refusal> {
        // First, so that it is refused if the room changes between this and what is read now.
        self.reading.note(Collection::Room, room, "")?;
        let mut rooms = self.node.rooms();
        let stale = self.node.stale_rooms.take();
        let reload = |jid: &BareJid| rooms.reload(ctx, jid);
        if let Err(error) = stale.iter().try_for_each(reload) {
            self.node.stale_rooms.add(stale);
            return Err(Refusal::from(error));
        }
        decide(&mut rooms)
    }

    /// Handles at once what a handler routed to this node, so that it becomes durable together.
    pub(crate) fn expand(&self, outcome: Outcome) -> Outcome {
        self.expand_after(&[], outcome, 0)
    }

    /// Each handler sees the documents as those before it leave them.
    fn expand_after(&self, pending: &[Write], mut outcome: Outcome, hops: usize) -> Outcome {
        let sends = std::mem::take(&mut outcome.send);
        for sending in sends {
            let routed = match &sending.to {
                Target::Route(to) if self.node.host.is_local(to) => {
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
        let host = &self.node.host;
        let stanza = Stanza::from_peer(bytes).ok()?;
        if let Ok(full) = to.try_as_full()
            && is_for_device_alone(host, &stanza)
            && to.domain() == host.domain.as_ref()
        {
            return Some(Outcome {
                send: vec![Sending {
                    to: Target::Resource(full.clone()),
                    stanza: bytes.clone(),
                }],
                ..Outcome::nothing()
            });
        }
        if to.domain() == host.rooms.as_ref() && !self.held.contains(&to.to_bare()) {
            return None;
        }
        if hops >= HOPS_MAX {
            return Some(Outcome::nothing());
        }
        let stanza = Stanza {
            to: Some(to.clone()),
            ..stanza
        };
        let principal = self.node.speaks_for(&stanza.from);
        let mut further = self.context_after(pending, |ctx| self.handle(ctx, &principal, &stanza));
        further.session.clear();
        Some(self.expand_after(pending, further, hops + 1))
    }
}

impl Node {
    /// The node speaks for whom its own handlers let speak.
    pub(crate) fn speaks_for(&self, from: &Jid) -> Principal {
        match from.try_as_full() {
            Ok(full) if full.domain() == self.host.domain.as_ref() => {
                Principal::Session(full.clone())
            }
            _ => Principal::Peer(from.domain().to_owned()),
        }
    }
}

/// Whether a stanza goes straight to the device that it names: answers, and what a room shows or says to those in it. What
/// carries something for a person goes the way of every message, or nothing would be left of it after a crash.
fn is_for_device_alone(host: &Host, stanza: &Stanza) -> bool {
    match stanza.kind {
        Kind::Iq if stanza.is_answer() => true,
        Kind::Message if Content::of(stanza).is_stored => false,
        Kind::Iq | Kind::Message | Kind::Presence => stanza.from.domain() == host.rooms.as_ref(),
    }
}

fn refused(stanza: &Stanza, condition: Condition) -> Outcome {
    error_reply(stanza, condition).map_or_else(Outcome::nothing, |error| {
        Outcome::reply(Target::Route(stanza.from.clone()), error)
    })
}
