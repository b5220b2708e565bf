//! Stanzas that another server or a component sent, on their way to the disk.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use iris::authorize::Principal;
use iris::stanza::{Condition, Stanza, error_reply};

use crate::committer::NotCommitted;
use crate::node::Node;

/// Stanzas of one stream on their way to the disk; then nothing more is read.
const WINDOW: usize = 64;

/// What became of a stanza, with its count if it has one.
pub(crate) type Handled = (Option<u32>, Result<(), NotCommitted>);

type Handle = Pin<Box<dyn Future<Output = Handled> + Send>>;

/// The stanzas of one stream, answered in the order they came.
pub(crate) struct Handling {
    node: Arc<Node>,
    under_way: FuturesOrdered<Handle>,
}

impl Handling {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            under_way: FuturesOrdered::new(),
        }
    }

    /// Whether more may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.under_way.len() < WINDOW
    }

    /// The next that is done; nothing when none is under way.
    pub(crate) async fn next(&mut self) -> Option<Handled> {
        self.under_way.next().await
    }

    /// Starts to handle a stanza: what is handled one after the other becomes durable in that order.
    pub(crate) async fn handle(
        &mut self,
        principal: &Principal,
        stanza: Stanza,
        count: Option<u32>,
    ) {
        let answer = self.node.accept_from(principal, &stanza).await;
        let node = self.node.clone();
        self.under_way.push_back(Box::pin(async move {
            let outcome = answer.await.unwrap_or(Err(NotCommitted::Halted));
            if outcome == Err(NotCommitted::Refused)
                && let Some(error) = error_reply(&stanza, Condition::InternalServerError)
            {
                node.deliver_away(&stanza.from, &error);
            }
            (count, outcome)
        }));
    }
}
