//! Whose turn it is: callers that stop before every read and every commit, and a plan that lets one of them go on.
//!
//! Everything of a node runs inline on one thread, and nothing beside a request, so that the plan alone says in which order
//! reads and commits happen.

use std::collections::BTreeMap;
use std::time::Duration;

use platform::outside::{BoxFuture, Point, Tasks};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// After so long, who has not come to its first read waits for a lock that a parked caller holds: up to there everything
/// is done inline.
const LOCK_AFTER: Duration = Duration::from_millis(30);
/// After so long without anybody going on, nobody ever will.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a caller is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Start,
    Read,
    Commit,
}

/// Who went on, from where, in order.
pub(super) type Trace = Vec<(usize, Step)>;

/// Who is parked, and where.
pub(super) type Parked = BTreeMap<usize, Step>;

/// Chooses who goes on. Somebody is parked.
pub(super) type Plan = Box<dyn FnMut(&Parked) -> usize>;

/// A caller, and what it comes to.
pub(super) type Calling<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

tokio::task_local! { static SEAT: Seat; }

#[derive(Clone)]
struct Seat {
    caller: usize,
    told: mpsc::UnboundedSender<(usize, Told)>,
}

enum Told {
    Parked(Step, oneshot::Sender<()>),
    Finished,
}

impl Seat {
    fn park(&self, step: Step) -> BoxFuture {
        let (seat, (go, turn)) = (self.clone(), oneshot::channel());
        Box::pin(async move {
            drop(seat.told.send((seat.caller, Told::Parked(step, go))));
            // A scheduler that is gone lets everybody go on.
            drop(turn.await);
        })
    }
}

/// What the node has from the machine: nothing runs beside a request, and requests of seated callers take turns.
pub(super) struct Turns;

impl Tasks for Turns {
    fn block(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }

    fn spawn(&self, task: BoxFuture) -> JoinHandle<()> {
        drop(task);
        tokio::spawn(async {})
    }

    fn pause(&self, at: Point) -> Option<BoxFuture> {
        let step = match at {
            Point::Read => Step::Read,
            Point::Commit => Step::Commit,
        };
        SEAT.try_with(|seat| seat.park(step)).ok()
    }
}

/// One after another, in this order.
pub(super) fn serial(order: [usize; 3]) -> Plan {
    Box::new(move |parked| *order.iter().find(|it| parked.contains_key(it)).unwrap())
}

/// `slow` decides, then `fast` is done from beginning to end, then `slow` commits; then the others.
pub(super) fn overtaken(slow: usize, fast: usize) -> Plan {
    Box::new(move |parked| match parked.get(&slow) {
        Some(Step::Commit) if parked.contains_key(&fast) => fast,
        Some(_) => slow,
        None => *parked.keys().next().unwrap(),
    })
}

/// Anybody, by a seed.
pub(super) fn seeded(seed: u64) -> Plan {
    let mut state = seed;
    Box::new(move |parked| {
        let picked = splitmix(&mut state) % parked.len() as u64;
        *parked.keys().nth(picked as usize).unwrap()
    })
}

/// The next of a sequence of random numbers.
pub(super) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Plays a history: every caller to its end, one step at a time. Answers what each came to, and the steps.
pub(super) async fn play<T: Send + 'static>(
    calls: Vec<Calling<T>>,
    mut plan: Plan,
) -> (Vec<T>, Trace) {
    let (told, ears) = mpsc::unbounded_channel();
    let mut table = Table {
        ears,
        parked: BTreeMap::new(),
        away: (0..calls.len())
            .map(|caller| (caller, Step::Start))
            .collect(),
    };
    let sit = |(caller, call): (usize, Calling<T>)| {
        let seat = Seat {
            caller,
            told: told.clone(),
        };
        tokio::spawn(SEAT.scope(seat.clone(), async move {
            seat.park(Step::Start).await;
            let done = call.await;
            drop(seat.told.send((caller, Told::Finished)));
            done
        }))
    };
    let seated: Vec<_> = calls.into_iter().enumerate().map(sit).collect();
    let mut trace = Trace::new();
    loop {
        table.settle().await;
        let parked = table.parked.iter().map(|(who, (step, _))| (*who, *step));
        let parked: Parked = parked.collect();
        if parked.is_empty() {
            break;
        }
        let next = plan(&parked);
        let (step, go) = table.parked.remove(&next).unwrap();
        trace.push((next, step));
        table.away.insert(next, step);
        go.send(()).unwrap();
    }
    let mut came_to = Vec::new();
    for caller in seated {
        came_to.push(caller.await.unwrap());
    }
    (came_to, trace)
}

struct Table {
    ears: mpsc::UnboundedReceiver<(usize, Told)>,
    parked: BTreeMap<usize, (Step, oneshot::Sender<()>)>,
    /// Who was let go and is not back, and from where it went.
    away: BTreeMap<usize, Step>,
}

impl Table {
    /// Waits until everybody is back, but for those who wait for a lock.
    async fn settle(&mut self) {
        while !self.away.is_empty() {
            let from_start = self.away.values().all(|step| *step == Step::Start);
            let patience = match from_start && !self.parked.is_empty() {
                true => LOCK_AFTER,
                false => PATIENCE,
            };
            let Ok(heard) = timeout(patience, self.ears.recv()).await else {
                assert!(patience < PATIENCE, "nobody goes on: {:?}", self.away);
                return;
            };
            let (who, told) = heard.unwrap();
            self.away.remove(&who);
            if let Told::Parked(step, go) = told {
                self.parked.insert(who, (step, go));
            }
        }
    }
}
