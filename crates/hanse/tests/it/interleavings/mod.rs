//! Every write against itself and against each other one, from three callers at once: whatever the order in which they read
//! and commit, they come to what some order of them, one after another, comes to.
//!
//! One seed is one history. `HANSE_SCHEDULES` says how many seeds each pair is tried with whose commands decide on each other's work.

mod cases;
mod names;
mod stage;
mod turns;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hanse::institutions::executor;
use hanse::screening::rescreen::RESCREEN;
use journal::{Guard, LeaseRequest};
use serde_json::{Value, json};

use cases::{By, CASES, Case, LEFT_OUT, Need, listed, redemption, sanctions_list, session};
use names::Names;
use stage::{Answer, Stage};
use turns::{Calling, Plan, Step, Trace, overtaken, play, seeded, serial};
use world::World;

/// Seeds for each pair that meets.
const SCHEDULES: u64 = 2;

/// What callers came to: A, B and A again. Which of the two A was which says nothing.
#[derive(Clone, Debug, PartialEq)]
struct End {
    answers: [BTreeMap<String, usize>; 2],
    state: Value,
}

/// What one history came to, and how.
struct History {
    end: End,
    trace: Trace,
}

impl History {
    /// Whether what this caller read had moved when it was about to commit.
    fn decided_again(&self, caller: usize) -> bool {
        let steps = self.trace.iter().filter(|(who, _)| *who == caller);
        let steps: Vec<Step> = steps.map(|(_, step)| *step).collect();
        steps
            .windows(2)
            .any(|two| two == [Step::Commit, Step::Read])
    }
}

/// Two writes, the first of which comes from two callers.
struct Pair<'s> {
    stage: &'s Stage,
    a: &'static Case,
    b: &'static Case,
    /// What came of them one after another, as far as it was needed.
    serial: Vec<End>,
}

/// Where a history differs from every serial one.
struct Difference {
    pair: String,
    plan: String,
    history: History,
    serial: Vec<End>,
}

impl<'s> Pair<'s> {
    fn new(stage: &'s Stage, a: &'static Case, b: &'static Case) -> Self {
        let serial = Vec::new();
        Self {
            stage,
            a,
            b,
            serial,
        }
    }

    async fn history(&self, plan: Plan) -> History {
        let world = World::of_cases(self.stage, &[self.a, self.b]).await;
        let calls = [self.a, self.b, self.a].map(|case| world.try_case(case));
        let (answers, trace) = play(calls.into(), plan).await;
        let state = world.state(&answers).await;
        let mut ends = [BTreeMap::new(), BTreeMap::new()];
        for (caller, answer) in answers.iter().enumerate() {
            let came_to = format!("{} {}", answer.status, answer.body["code"]);
            *ends[caller % 2].entry(came_to).or_default() += 1;
        }
        let end = End {
            answers: ends,
            state,
        };
        History { end, trace }
    }

    /// A history, if some serial one comes to the same.
    async fn check(&mut self, plan: Plan, name: String) -> Result<History, Box<Difference>> {
        let history = self.history(plan).await;
        for (tried, order) in [[0, 1, 2], [1, 0, 2], [0, 2, 1]].into_iter().enumerate() {
            if tried == self.serial.len() {
                let one_after_another = self.history(serial(order.to_vec())).await;
                self.serial.push(one_after_another.end);
            }
            if self.serial[tried] == history.end {
                return Ok(history);
            }
        }
        Err(Box::new(Difference {
            pair: format!("{} with {}", self.a.operation, self.b.operation),
            plan: name,
            history,
            serial: self.serial.clone(),
        }))
    }

    /// Each overtakes the other between its read and its commit. Whether that made one decide again.
    async fn meet(&mut self) -> Result<bool, Box<Difference>> {
        let mut meet = false;
        for (slow, fast) in [(0, 1), (1, 0)] {
            let name = format!("caller {fast} overtakes caller {slow}");
            let history = self.check(overtaken(slow, fast), name).await?;
            meet |= history.decided_again(slow);
        }
        Ok(meet)
    }

    /// So many histories of chance.
    async fn mingle(&mut self, schedules: u64) -> Result<(), Box<Difference>> {
        for seed in 0..schedules {
            self.check(seeded(seed), format!("seed {seed}")).await?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {}: {:?}", self.pair, self.plan, self.history.trace)?;
        writeln!(f, "  answers {:?}", self.history.end.answers)?;
        for end in &self.serial {
            writeln!(f, "  one after another {:?}", end.answers)?;
            difference(f, "", &self.history.end.state, &end.state)?;
        }
        Ok(())
    }
}

fn difference(f: &mut fmt::Formatter<'_>, at: &str, one: &Value, other: &Value) -> fmt::Result {
    match (one, other) {
        (one, other) if one == other => Ok(()),
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter()
                .try_for_each(|key| difference(f, &format!("{at}/{key}"), &one[key], &other[key]))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            (0..a.len()).try_for_each(|n| difference(f, &format!("{at}/{n}"), &one[n], &other[n]))
        }
        _ => writeln!(f, "    {at}: {one} and not {other}"),
    }
}

/// What a write reads and what it changes, by kind.
#[derive(Debug, Default)]
struct Footprint {
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
}

impl Footprint {
    /// Whether something that one changes may be what the other read.
    fn may_meet(&self, other: &Self) -> bool {
        !self.reads.is_disjoint(&other.writes) || !other.reads.is_disjoint(&self.writes)
    }
}

/// Every case, run alone.
async fn footprints(stage: &Stage) -> Vec<Footprint> {
    // The first round shows which kinds of records are read at all.
    let mut kinds = BTreeSet::new();
    let mut found = Vec::new();
    for _ in 0..2 {
        found.clear();
        for case in CASES {
            found.push(footprint(stage, case, &mut kinds).await);
        }
    }
    found
}

async fn footprint(stage: &Stage, case: &Case, kinds: &mut BTreeSet<String>) -> Footprint {
    let world = World::of_cases(stage, &[case]).await;
    let mut name = |text: String| Names::One.text(&text, &world.tag);
    let (before, from) = (stage.records(kinds), stage.committed.lock().unwrap().len());
    let answer = world.try_case(case).await;
    assert!(answer.status < 300, "{} alone: {answer:?}", case.operation);
    let mut footprint = Footprint::default();
    for (kind, id) in stage
        .records(kinds)
        .symmetric_difference(&before)
        .map(|it| &it.0)
    {
        footprint.writes.insert(name(format!("{kind} {id}")));
        footprint.writes.insert(format!("{kind} of a page"));
    }
    for committed in &stage.committed.lock().unwrap()[from..] {
        let streams = committed.streams.iter().map(ToString::to_string);
        footprint.writes.extend(streams.map(&mut name));
        for guard in &committed.reads {
            footprint.reads.insert(match guard {
                Guard::Record { kind, id, .. } => name(format!("{kind} {id}")),
                Guard::Records { kind, .. } => format!("{kind} of a page"),
                Guard::Stream { stream, .. } => name(stream.to_string()),
                Guard::Log => panic!("{} decides on the whole log", case.operation),
            });
            if let Guard::Record { kind, .. } | Guard::Records { kind, .. } = guard {
                kinds.insert(kind.clone());
            }
        }
    }
    footprint
}

/// What was tried.
#[derive(Default)]
struct Tally {
    pairs: u64,
    meeting: u64,
    differences: Vec<Box<Difference>>,
}

/// Every pair, in both orders, because the second takes the world that the first needs.
async fn check_every_pair(stage: &Stage, schedules: u64) -> Tally {
    let footprints = footprints(stage).await;
    let mut tally = Tally::default();
    let cases = || CASES.iter().zip(&footprints);
    for (a, of_a) in cases() {
        for (b, of_b) in cases() {
            let may_meet = of_a.may_meet(of_b);
            if !may_meet {
                continue;
            }
            tally.pairs += 1;
            let mut pair = Pair::new(stage, a, b);
            let begun = std::time::Instant::now();
            match pair.meet().await {
                Ok(meet) => {
                    tally.meeting += u64::from(meet);
                    if meet && let Err(difference) = pair.mingle(schedules).await {
                        tally.differences.push(difference);
                    }
                }
                Err(difference) => tally.differences.push(difference),
            }
            if std::env::var_os("TIMES").is_some() {
                eprintln!("{} {} {:?}", a.operation, b.operation, begun.elapsed());
            }
        }
    }
    tally
}

#[test]
fn every_write_of_the_document_is_tried_or_left_out_with_a_reason() {
    let stage = runtime().block_on(Stage::set());
    let writes = stage.operations.iter().filter(|(_, it)| it.takes_key);
    let writes: BTreeSet<&str> = writes.map(|(id, _)| id.as_str()).collect();
    let tried = CASES.iter().map(|case| case.operation);
    let known: Vec<&str> = tried.chain(LEFT_OUT.map(|(id, _)| id)).collect();
    assert_eq!(known.len(), known.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(writes, known.into_iter().collect());
}

#[tokio::test]
async fn whatever_the_order_of_reads_and_commits_writes_come_to_what_a_serial_order_comes_to() {
    let schedules = std::env::var("HANSE_SCHEDULES");
    let schedules = schedules.map_or(SCHEDULES, |text| text.parse().unwrap());
    let stage = Stage::set().await;
    let tally = check_every_pair(&stage, schedules).await;
    eprintln!("{} pairs, {} meet", tally.pairs, tally.meeting);
    let told: String = tally.differences.iter().map(ToString::to_string).collect();
    assert!(tally.differences.is_empty(), "{told}");
}

#[tokio::test]
async fn one_seed_is_one_history() {
    let stage = Stage::set().await;
    let [a, b] = ["feed_session", "stop_session"].map(case);
    for seed in 0..4 {
        let pair = Pair::new(&stage, a, b);
        let (one, same) = (
            pair.history(seeded(seed)).await,
            pair.history(seeded(seed)).await,
        );
        assert_eq!((one.trace, one.end), (same.trace, same.end));
    }
}

fn case(operation: &str) -> &'static Case {
    CASES
        .iter()
        .find(|case| case.operation == operation)
        .unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}
