//! A session without a connection: it waits to be resumed, or ends.

use std::time::Duration;

use iris::services;
use tokio::time::{Instant, sleep_until};

use crate::decide::Deciding;
use crate::locks::Wanted;
use crate::registry::Mail;
use crate::session::{Bound, Next, Progress, wakes};

/// Waits for a connection that takes the session over; ends it when its time is over. Messages of the archive wait
/// there.
pub(crate) async fn wait(mut bound: Box<Bound>) {
    let secs = bound.managed.as_ref().map_or(0, |managed| managed.max_secs);
    let until = Instant::now() + Duration::from_secs(u64::from(secs));
    bound.fall_behind();
    bound.session.set_connected(false);
    if bound.has_reason_to_wake() {
        wake(&bound);
    }
    // A device without a connection is asked nothing: what waited for somebody to look is kept like the rest.
    bound.is_active = true;
    for bytes in bound.release() {
        bound.park(bytes);
    }
    loop {
        bound.advance();
        let store_at = bound.store_at().unwrap_or(until).min(until);
        tokio::select! {
            next = bound.next() => if let Next::Mail(mail) = next {
                match take(bound, mail) {
                    Taken::Goes(kept) => bound = kept,
                    Taken::Ended(kept) => return kept.end().await,
                    Taken::Suspended(kept) => return suspend(kept).await,
                    Taken::Lost(kept) => return forget(&kept),
                    Taken::Away => return,
                }
            },
            () = sleep_until(store_at) => {
                if Instant::now() >= until {
                    return bound.end().await;
                }
                bound.store();
            }
        }
    }
}

/// The node stops: what the client sent becomes durable, and the session is stored for the next run to resume. Nobody is
/// told that it left.
pub(crate) async fn suspend(mut bound: Box<Bound>) {
    if bound.is_revived() {
        // Nobody took it up: it is stored as it was when the client last heard of it, and nothing may change that.
        return forget(&bound);
    }
    for bytes in bound.release() {
        bound.park(bytes);
    }
    bound.is_changed();
    loop {
        bound.advance();
        if bound.is_settled() {
            bound.keep_parked();
            if bound.is_stored() {
                break;
            }
            bound.store();
        }
        if let Next::Mail(mail) = bound.next().await {
            match take(bound, mail) {
                Taken::Goes(kept) | Taken::Suspended(kept) => bound = kept,
                Taken::Ended(kept) => return kept.end().await,
                Taken::Lost(kept) => return forget(&kept),
                Taken::Away => return,
            }
        }
    }
    forget(&bound);
}

/// It is in memory no more.
pub(crate) fn forget(bound: &Bound) {
    bound.node.resumable().remove(&bound.name);
    bound.node.registry.remove(&bound.session);
}

/// Wakes the device by push (XEP-0357), if it registered for that.
fn wake(bound: &Bound) {
    let node = bound.node.clone();
    let jid = bound.session.jid.clone();
    tokio::spawn(async move {
        let device = jid.clone();
        let wake = move |deciding: &Deciding<'_>| {
            let woken = deciding.context(|ctx| services::push::wake_detached(ctx, &device, 1));
            deciding.expand(woken)
        };
        if let Err(error) = node.commit(Wanted::new(), wake).await {
            tracing::warn!(%error, %jid, "a device cannot be woken");
        }
    });
}

enum Taken {
    Goes(Box<Bound>),
    Ended(Box<Bound>),
    Suspended(Box<Bound>),
    Lost(Box<Bound>),
    Away,
}

fn take(mut bound: Box<Bound>, mail: Mail) -> Taken {
    match mail {
        Mail::Passing(bytes) => {
            bound.session.taken(bytes.len());
            if wakes(&bytes) {
                wake(&bound);
            }
            bound.park(bytes);
            if bound.is_overfull() {
                return Taken::Ended(bound);
            }
        }
        Mail::Archived(_, bytes) => bound.session.taken(bytes.len()),
        Mail::Done {
            number,
            outcome,
            is_proven,
        } => match bound.done(number, outcome, is_proven) {
            Progress::Unproven(_) => bound.is_changed(),
            Progress::Halted => return Taken::Ended(bound),
            Progress::None | Progress::Handled(_) => {}
        },
        Mail::Stored { handled, is_stored } => bound.stored(handled, is_stored),
        Mail::Arrived { newest } => bound.arrived(newest),
        Mail::Seen => bound.is_seen_differently(),
        Mail::Departed => bound.departed(),
        Mail::Behind => {}
        Mail::Waits => wake(&bound),
        Mail::TakeOver(reply) => {
            return match reply.send(bound) {
                Ok(()) => Taken::Away,
                Err(bound) => Taken::Goes(bound),
            };
        }
        Mail::Suspend => return Taken::Suspended(bound),
        Mail::Lost => return Taken::Lost(bound),
        Mail::Close(_) => return Taken::Ended(bound),
    }
    Taken::Goes(bound)
}
