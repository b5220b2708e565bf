//! Pairs of writes: which of them may meet, and whether their histories come to what serial ones come to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use journal::Guard;
use serde_json::Value;

use super::cases::{CASES, Case};
use super::names::Names;
use super::stage::Stage;
use super::turns::{Plan, Step, Trace, overtaken, play, seeded, serial};
use super::world::World;

/// Lines about each serial order that a history differs from.
const DIFFERENCES_SHOWN: usize = 6;

/// What three callers came to. Which of the two that send the same got which answer says nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct End {
    answers: [BTreeMap<String, usize>; 2],
    state: Value,
}

/// What one history came to, and how.
pub(super) struct History {
    pub(super) end: End,
    pub(super) trace: Trace,
}

impl History {
    /// Whether what this caller read had moved when it was about to commit.
    fn decided_again(&self, caller: usize) -> bool {
        let steps = self.trace.iter().filter(|(who, _)| *who == caller);
        let steps: Vec<Step> = steps.map(|(_, step)| *step).collect();
        let mut twos = steps.windows(2);
        twos.any(|two| two == [Step::Commit, Step::Read])
    }
}

/// Two writes: A from two callers, B from one between them.
pub(super) struct Pair<'s> {
    stage: &'s Stage,
    a: &'static Case,
    b: &'static Case,
    /// What comes of them one after another, as far as somebody had to know.
    serial: Vec<End>,
}

/// A history that comes to what no serial one comes to.
pub(super) struct Difference {
    pair: String,
    plan: String,
    history: History,
    serial: Vec<End>,
}

impl<'s> Pair<'s> {
    pub(super) fn new(stage: &'s Stage, a: &'static Case, b: &'static Case) -> Self {
        Self {
            stage,
            a,
            b,
            serial: Vec::new(),
        }
    }

    pub(super) async fn history(&self, plan: Plan) -> History {
        let world = World::of_cases(self.stage, &[self.a, self.b]).await;
        let calls = [self.a, self.b, self.a].map(|case| world.try_case(case));
        let (got, trace) = play(calls.into(), plan).await;
        let mut answers = [BTreeMap::new(), BTreeMap::new()];
        for (caller, answer) in got.iter().enumerate() {
            let [code, detail] = ["code", "detail"].map(|it| answer.body[it].to_string());
            let detail = Names::of(&world.tag).text(&detail, None);
            let answer = format!("{} {code} {detail}", answer.status);
            *answers[caller % 2].entry(answer).or_default() += 1;
        }
        let state = world.state(&got).await;
        History {
            end: End { answers, state },
            trace,
        }
    }

    /// A history, if some serial one comes to the same.
    async fn check(&mut self, plan: Plan, name: String) -> Result<History, Box<Difference>> {
        let history = self.history(plan).await;
        for (tried, order) in [[0, 1, 2], [1, 0, 2], [0, 2, 1]].into_iter().enumerate() {
            if tried == self.serial.len() {
                let one_after_another = self.history(serial(order)).await;
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

    /// Each overtakes the other between its read and its commit. If that makes one decide again the two meet, which is
    /// answered, and so many histories of chance follow.
    pub(super) async fn try_out(&mut self, schedules: u64) -> Result<bool, Box<Difference>> {
        let mut meet = false;
        let ways = if std::ptr::eq(self.a, self.b) { 1 } else { 2 };
        for (slow, fast) in [(0, 1), (1, 0)].into_iter().take(ways) {
            let name = format!("caller {fast} overtakes caller {slow}");
            let history = self.check(overtaken(slow, fast), name).await?;
            meet |= history.decided_again(slow);
        }
        for seed in (0..schedules).filter(|_| meet) {
            self.check(seeded(seed), format!("seed {seed}")).await?;
        }
        Ok(meet)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let history = &self.history;
        writeln!(f, "{}, {}: {:?}", self.pair, self.plan, history.trace)?;
        writeln!(f, "  came to {:?}", history.end.answers)?;
        for end in &self.serial {
            writeln!(f, "  one after another {:?}", end.answers)?;
            let mut found = Vec::new();
            differences(&mut found, "", &history.end.state, &end.state);
            // What differs has another name wherever it is named: that comes last.
            found.sort_by_key(|line| line.contains('#'));
            let mut shown = found.iter().take(DIFFERENCES_SHOWN);
            shown.try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        Ok(())
    }
}

fn differences(found: &mut Vec<String>, at: &str, one: &Value, other: &Value) {
    match (one, other) {
        (one, other) if one == other => {}
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                differences(found, &format!("{at}/{key}"), &one[key], &other[key]);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for n in 0..a.len() {
                differences(found, &format!("{at}/{n}"), &one[n], &other[n]);
            }
        }
        _ => found.push(format!("{at}: {one:.300} and not {other:.300}")),
    }
}

/// What a write reads and what it changes, by kind.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
}

impl Footprint {
    /// Whether something that one changes may be what the other read.
    fn may_meet(&self, other: &Self) -> bool {
        !self.reads.is_disjoint(&other.writes) || !other.reads.is_disjoint(&self.writes)
    }

    /// What a case reads and changes when it runs alone. `kinds` are the kinds of records that are read.
    async fn of(stage: &Stage, case: &Case, kinds: &mut BTreeSet<String>) -> Self {
        let world = World::of_cases(stage, &[case]).await;
        let before = stage.records(kinds);
        *stage.committed.lock().unwrap() = Some(Vec::new());
        let answer = world.try_case(case).await;
        assert!(answer.status < 300, "{} alone: {answer:?}", case.operation);
        let committed = stage.committed.lock().unwrap().take().unwrap();
        let mut names = Names::of(&world.tag);
        let mut name = |text: String| names.text(&text, None);
        let mut footprint = Self::default();
        for (kind, id, _) in stage.records(kinds).symmetric_difference(&before) {
            let written = [name(format!("{kind} {id}")), format!("page of {kind}")];
            footprint.writes.extend(written);
        }
        for stream in committed.iter().flat_map(|it| &it.streams) {
            footprint.writes.insert(name(stream.to_string()));
        }
        for guard in committed.iter().flat_map(|it| &it.reads) {
            if let Guard::Record { kind, .. } | Guard::Records { kind, .. } = guard {
                kinds.insert(kind.clone());
            }
            footprint.reads.insert(match guard {
                // Nobody takes back what the callers act with.
                Guard::Record { id, .. } if stage.token_ids.contains(id) => continue,
                Guard::Record { kind, id, .. } => name(format!("{kind} {id}")),
                Guard::Records { kind, .. } => format!("page of {kind}"),
                Guard::Stream { stream, .. } => name(stream.to_string()),
                Guard::Log => panic!("{} decides on the whole log", case.operation),
            });
        }
        footprint
    }
}

/// Every pair, and whether its two may meet; both ways round where they need one thing in different states, because the second takes the world that the
/// first needs.
pub(super) async fn pairs(stage: &Stage) -> Vec<(&'static Case, &'static Case, bool)> {
    let (mut kinds, mut footprints) = (BTreeSet::new(), Vec::new());
    // The first round shows which kinds of records are read at all.
    for _ in 0..2 {
        footprints.clear();
        for case in CASES {
            footprints.push(Footprint::of(stage, case, &mut kinds).await);
        }
    }
    let mut pairs = Vec::new();
    for (n, a) in CASES.iter().enumerate() {
        for (m, b) in CASES.iter().enumerate() {
            if n <= m || a.needs_otherwise_than(b) {
                pairs.push((a, b, footprints[n].may_meet(&footprints[m])));
            }
        }
    }
    pairs
}
