//! Workers: take effects from the outbox with a lease, execute them, and journal the outcome.
//!
//! Invariants (guard):
//! 1. what an effect writes and that it is done are one transaction     (`run_one`)
//! 2. a worker that lost its lease writes nothing                        (fencing token in the settlement)
//! 3. what exhausts its attempts becomes an alert in the same transaction that gives it up (`give_up`)

pub mod breaker;
pub mod effect;
pub mod webhook;

mod execute;

use std::time::Duration;

use journal::{LeaseRequest, LeasedEffect, Settlement};
use tokio::sync::watch;

use crate::change::Change;
use crate::http::problem::{Chain, Problem};
use crate::institutions::{Institutions, Node};
use crate::notifications::{self, Notification};
use breaker::{ATTEMPTS_MAX, Breakers, backoff_ms};
use effect::NodeEffect;

/// How long a worker may hold an effect. Longer work is done in steps that can be repeated.
const LEASE_MS: i64 = 120_000;
/// How often to look whether status lists are due.
const LISTS_LOOK_MS: i64 = 60_000;
const LEASES_AT_ONCE: usize = 16;
/// How often to look when nothing wakes the worker.
const IDLE: Duration = Duration::from_millis(200);

/// Runs until `stop` says so. The effect at hand is finished first.
pub async fn run(node: Node, mut stop: watch::Receiver<bool>) {
    let mut breakers = Breakers::default();
    let mut lists_checked_ms = node.platform.clock.now_ms();
    while !*stop.borrow() {
        lists_checked_ms = keep_lists_fresh(&node, lists_checked_ms).await;
        let worked = match lease(&node).await {
            Ok(effects) => work(&node, &mut breakers, effects).await,
            Err(error) => {
                tracing::warn!(cause = %Chain(&error), "outbox could not be read");
                false
            }
        };
        if !worked {
            tokio::select! {
                () = tokio::time::sleep(IDLE) => {}
                _ = stop.changed() => {}
            }
        }
    }
}

/// Publishes status lists again before they end. A failure is tried again at the next look.
async fn keep_lists_fresh(node: &Node, checked_ms: i64) -> i64 {
    let now_ms = node.platform.clock.now_ms();
    if now_ms - checked_ms < LISTS_LOOK_MS {
        return checked_ms;
    }
    if let Err(error) = crate::node::publish_due_lists(node).await {
        tracing::warn!(cause = %error, "status lists could not be published");
    }
    now_ms
}

async fn lease(node: &Institutions) -> Result<Vec<LeasedEffect>, journal::CommitError> {
    let request = LeaseRequest {
        now_ms: node.platform.clock.now_ms(),
        lease_ms: LEASE_MS,
        limit: LEASES_AT_ONCE,
        kinds: NodeEffect::KINDS.map(str::to_owned).to_vec(),
    };
    node.platform.journal.lease(request).await
}

async fn work(node: &Node, breakers: &mut Breakers, effects: Vec<LeasedEffect>) -> bool {
    let worked = !effects.is_empty();
    for leased in effects {
        if let Err(error) = run_one(node, breakers, &leased).await {
            tracing::error!(effect.id = leased.id, effect.kind = leased.kind, cause = %error, "effect not settled");
        }
    }
    worked
}

/// Executes one effect and settles it. Work that an open breaker keeps away is put off untried.
async fn run_one(
    node: &Node,
    breakers: &mut Breakers,
    leased: &LeasedEffect,
) -> Result<(), Problem> {
    let now_ms = node.platform.clock.now_ms();
    let effect: NodeEffect = match serde_json::from_slice(&leased.payload) {
        Ok(effect) => effect,
        Err(error) => {
            return give_up(node, leased, &format!("payload is not an effect: {error}")).await;
        }
    };
    let kind = effect.kind();
    if let Some(until_ms) = breakers.wait_until_ms(kind, now_ms) {
        let reason = "its kind of work fails at present".to_owned();
        return put_off(node, leased, until_ms, reason).await;
    }
    match execute::execute(node, leased, effect).await {
        Ok(()) => {
            breakers.succeeded(kind);
            Ok(())
        }
        Err(error) => {
            breakers.failed(kind, now_ms);
            tracing::warn!(effect.id = leased.id, effect.kind = kind, cause = %error, "effect failed");
            if leased.attempts >= ATTEMPTS_MAX {
                return give_up(node, leased, &error.to_string()).await;
            }
            let mut jitter = [0; 2];
            (node.platform.entropy)(&mut jitter);
            let wait_ms = backoff_ms(leased.attempts, u16::from_be_bytes(jitter));
            put_off(node, leased, now_ms + wait_ms, error.to_string()).await
        }
    }
}

async fn put_off(
    node: &Institutions,
    leased: &LeasedEffect,
    not_before_ms: i64,
    error: String,
) -> Result<(), Problem> {
    let (id, lease) = (leased.id.clone(), leased.lease);
    let change = Change::new(node.platform.clock.now_ms());
    commit(
        node,
        change,
        Settlement::Retry {
            id,
            lease,
            not_before_ms,
            error,
        },
    )
    .await
}

async fn give_up(node: &Institutions, leased: &LeasedEffect, error: &str) -> Result<(), Problem> {
    let mut change = Change::new(node.platform.clock.now_ms());
    let text = format!(
        "work of kind `{}` failed {} times: {error}",
        leased.kind, leased.attempts
    );
    let alert = Notification::alert(&leased.id, text, change.now_ms());
    notifications::raise(node, &mut change, &alert)?;
    let (id, lease) = (leased.id.clone(), leased.lease);
    commit(
        node,
        change,
        Settlement::Dead {
            id,
            lease,
            error: error.to_owned(),
        },
    )
    .await
}

/// Writes what an effect did together with its settlement.
async fn commit(
    node: &Institutions,
    change: Change,
    settlement: Settlement,
) -> Result<(), Problem> {
    let mut transaction = change.into_transaction();
    transaction.actor = node.actor().to_string();
    transaction.settlements.push(settlement);
    let committed = node.platform.journal.commit(transaction).await;
    committed
        .map(drop)
        .map_err(crate::http::idempotency::problem_of_commit)
}
