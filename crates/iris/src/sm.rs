//! Stream management (XEP-0198): who has handled how much. Counts are modulo 2^32 on both sides.
//!
//! Inbound, `h` is a promise: what it covers is durable. Outbound, what the client has not acknowledged is kept,
//! as a place in the archive where that is possible.

use std::collections::VecDeque;

use bytes::Bytes;
use jid::BareJid;
use serde::{Deserialize, Serialize};

use crate::archive::ArchiveId;
use crate::stream::error::{StreamCondition, StreamError};
use crate::xml::Xml;

/// Namespace of stream management.
pub const SM: &str = "urn:xmpp:sm:3";

/// A sent stanza that is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// It is in the archive, and so is everything before it that was for this session: it has all of that, too.
    Archived(BareJid, ArchiveId),
    /// It is in the archive, and says nothing of what waits there before it: the session took part in the account's
    /// conversations only as far as it was named or copied.
    Aside(BareJid, ArchiveId),
    /// It is nowhere else: as carried.
    Bytes(#[serde(with = "text")] Bytes),
}

/// Stanzas are UTF-8, so they are stored as text.
mod text {
    use bytes::Bytes;
    use serde::ser::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Bytes,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(bytes).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        String::deserialize(deserializer).map(Bytes::from)
    }
}

/// The stanzas sent to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    acknowledged: u32,
    queue: VecDeque<Kept>,
}

/// The other side claims to have handled what was never sent, or takes back what it acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{h} stanzas are said to be handled, of {sent} sent")]
pub struct WrongCount {
    /// What it claims.
    pub h: u32,
    /// What was sent.
    pub sent: u32,
}

impl From<WrongCount> for StreamError {
    fn from(wrong: WrongCount) -> Self {
        let specific = Xml::in_namespace("handled-count-too-high", SM)
            .attr("h", &wrong.h.to_string())
            .attr("send-count", &wrong.sent.to_string());
        Self {
            condition: StreamCondition::UndefinedCondition,
            text: None,
            specific: Some(specific.finish()),
        }
    }
}

impl Outbound {
    /// Continues after `acknowledged`, with what was sent since.
    pub fn new(acknowledged: u32, queue: VecDeque<Kept>) -> Self {
        Self {
            acknowledged,
            queue,
        }
    }

    /// Keeps a stanza that is being sent, and returns its count.
    pub fn sent(&mut self, stanza: Kept) -> u32 {
        self.queue.push_back(stanza);
        self.count()
    }

    /// How many were sent in all.
    pub fn count(&self) -> u32 {
        // The cast is the modulo that the protocol counts in.
        self.acknowledged.wrapping_add(self.queue.len() as u32)
    }

    /// How many are acknowledged.
    pub fn acknowledged(&self) -> u32 {
        self.acknowledged
    }

    /// Takes out what is handled up to `h`, oldest first.
    ///
    /// # Errors
    /// `h` is not between what was acknowledged and what was sent; nothing changes.
    pub fn acknowledge(&mut self, h: u32) -> Result<Vec<Kept>, WrongCount> {
        let handled = h.wrapping_sub(self.acknowledged) as usize;
        if handled > self.queue.len() {
            return Err(WrongCount {
                h,
                sent: self.count(),
            });
        }
        self.acknowledged = h;
        Ok(self.queue.drain(..handled).collect())
    }

    /// What was sent and not acknowledged, oldest first.
    pub fn unacknowledged(&self) -> impl ExactSizeIterator<Item = &Kept> {
        self.queue.iter()
    }
}

/// The stanzas received from a client, seen by its stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inbound {
    received: u32,
    durable: u32,
    /// An acknowledgement was asked for when this much was received.
    asked: Option<u32>,
}

impl Inbound {
    pub(crate) fn resumed(handled: u32) -> Self {
        Self {
            received: handled,
            durable: handled,
            asked: None,
        }
    }

    pub(crate) fn receive(&mut self) -> u32 {
        self.received = self.received.wrapping_add(1);
        self.received
    }

    /// `<r/>`: the count to answer with, if it can be answered now.
    pub(crate) fn ask(&mut self) -> Option<u32> {
        self.asked = Some(self.received);
        self.answer()
    }

    /// Stanzas up to `count` are durable: the count to answer an open question with.
    pub(crate) fn handled(&mut self, count: u32) -> Option<u32> {
        let outstanding = self.received.wrapping_sub(self.durable);
        if count.wrapping_sub(self.durable) <= outstanding {
            self.durable = count;
        }
        self.answer()
    }

    /// Time passed: an open question is answered with what is durable.
    pub(crate) fn tick(&mut self) -> Option<u32> {
        self.asked.map(|_| self.durable)
    }

    fn answer(&mut self) -> Option<u32> {
        let asked = self.asked?;
        let is_covered = self.durable.wrapping_sub(asked) <= self.received.wrapping_sub(asked);
        is_covered.then(|| {
            self.asked = None;
            self.durable
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Send,
        Ack(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![Just(Step::Send), (0..6_u32).prop_map(Step::Ack)];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// The model counts without ever wrapping.
        #[test]
        fn outbound_behaves_like_its_model(
            start in prop_oneof![Just(0), Just(u32::MAX - 3), any::<u32>()],
            steps in steps(),
        ) {
            let mut outbound = Outbound::new(start, VecDeque::new());
            let (mut sent, mut acked) = (u64::from(start), u64::from(start));
            for step in steps {
                match step {
                    Step::Send => {
                        outbound.sent(Kept::Bytes(sent.to_be_bytes().to_vec().into()));
                        sent += 1;
                    }
                    Step::Ack(ahead) => {
                        let h = acked + u64::from(ahead);
                        let result = outbound.acknowledge(h as u32);
                        if h > sent {
                            prop_assert_eq!(result, Err(WrongCount { h: h as u32, sent: sent as u32 }));
                            continue;
                        }
                        let expect: Vec<_> = (acked..h)
                            .map(|n| Kept::Bytes(n.to_be_bytes().to_vec().into()))
                            .collect();
                        prop_assert_eq!(result, Ok(expect));
                        acked = h;
                    }
                }
                prop_assert_eq!(outbound.count(), sent as u32);
                prop_assert_eq!(outbound.unacknowledged().len() as u64, sent - acked);
            }
        }

        /// An answer to `<r/>` never covers what is not durable, and comes once all is.
        #[test]
        fn h_is_durable(start in prop_oneof![Just(0), Just(u32::MAX - 2)], steps in proptest::collection::vec(0..3_u8, 0..60)) {
            let mut inbound = Inbound::resumed(start);
            let (mut received, mut durable, mut open) = (u64::from(start), u64::from(start), None);
            for step in steps {
                let answer = match step {
                    0 => { received += 1; inbound.receive(); None }
                    1 => { open = Some(received); inbound.ask() }
                    _ => { durable = (durable + 2).min(received); inbound.handled(durable as u32) }
                };
                match answer {
                    Some(h) => {
                        prop_assert_eq!(h, durable as u32);
                        prop_assert!(open.is_some_and(|asked| durable >= asked));
                        open = None;
                    }
                    None => prop_assert!(step == 0 || open.is_none_or(|asked| durable < asked)),
                }
            }
        }
    }

    #[test]
    fn taking_back_an_acknowledgement_is_an_error() {
        let mut outbound = Outbound::new(5, VecDeque::new());
        assert_eq!(outbound.acknowledge(4), Err(WrongCount { h: 4, sent: 5 }));
        let error = StreamError::from(WrongCount { h: 4, sent: 5 }).to_xml();
        assert!(
            error.contains("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='4' send-count='5'/>")
        );
    }
}
