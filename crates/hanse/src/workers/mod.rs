//! Workers: take effects from the outbox with a lease, execute them, and journal the outcome.
//!
//! Invariants (guard):
//! 1. what an effect writes and that it is done are one transaction     (each executor, by `institution::done`)
//! 2. a worker that lost its lease writes nothing                        (fencing token in the settlement)
//! 3. what exhausts its attempts becomes an alert in the same transaction that gives it up (`give_up`)

pub mod breaker;

use std::time::Duration;

use journal::{LeaseRequest, LeasedEffect, Settlement};
use tokio::sync::watch;

use crate::institutions::{effect_kinds, executor};
use crate::notifications::{self, Notification};
use crate::state::{Institutions, Node};
use breaker::{ATTEMPTS_MAX, Breakers, backoff_ms};
use platform::change::Change;
use platform::declined::{Chain, Declined};
use platform::moment::Moment;

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
        kinds: effect_kinds().map(str::to_owned).collect(),
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
) -> Result<(), Declined> {
    let now_ms = node.platform.clock.now_ms();
    let kind = leased.kind.as_str();
    if let Some(until_ms) = breakers.wait_until_ms(kind, now_ms) {
        let reason = "its kind of work fails at present".to_owned();
        return put_off(node, leased, until_ms, reason).await;
    }
    let execute = executor(kind).expect("only kinds with an executor are leased");
    match execute(node.clone(), leased.clone()).await {
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
    node: &Node,
    leased: &LeasedEffect,
    not_before_ms: i64,
    error: String,
) -> Result<(), Declined> {
    let retry = Settlement::Retry {
        id: leased.id.clone(),
        lease: leased.lease,
        not_before_ms,
        error,
    };
    let settle = move |_: &Moment<'_>| {
        let mut change = Change::default();
        change.settle(retry.clone());
        Ok((change, ()))
    };
    node.platform.act(settle).await
}

async fn give_up(node: &Node, leased: &LeasedEffect, error: &str) -> Result<(), Declined> {
    let (shared, leased, error) = (node.clone(), leased.clone(), error.to_owned());
    let bury = move |moment: &Moment<'_>| {
        let text = format!(
            "work of kind `{}` failed {} times: {error}",
            leased.kind, leased.attempts
        );
        let alert = Notification::alert(&leased.id, text, moment.now_ms);
        let mut change = Change::default();
        notifications::raise(&shared, &mut change, &alert)?;
        change.settle(Settlement::Dead {
            id: leased.id.clone(),
            lease: leased.lease,
            error: error.clone(),
        });
        Ok((change, ()))
    };
    node.platform.act(bury).await
}
