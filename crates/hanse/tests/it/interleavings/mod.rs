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

use evidence::status_list::Bitstring;
use hanse::screening::rescreen::RESCREEN;
use journal::Guard;
use serde_json::{Value, json};

use cases::{By, CASES, Case, LEFT_OUT, Need, listed, redemption, sanctions_list};
use names::Names;
use stage::{Answer, Stage};
use turns::{Calling, Plan, Step, Trace, overtaken, play, seeded, serial};
use world::World;

/// Seeds for each pair that meets.
const SCHEDULES: u64 = 1;
/// One in so many of the pairs that cannot meet is tried, where the seeds are few.
const APART_ONE_IN: usize = 8;
/// Lines about each serial order that a history differs from.
const DIFFERENCES_SHOWN: usize = 6;
/// Seeds for each history that must never come to what it came to once.
const CHANCES: u64 = 24;

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

    /// Each overtakes the other between its read and its commit; if that makes one decide again, the two meet, and so many
    /// histories of chance follow.
    async fn try_out(&mut self, schedules: u64) -> Result<bool, Box<Difference>> {
        let mut meet = false;
        for (slow, fast) in [(0, 1), (1, 0)] {
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
            // A thing that differs has another name wherever it is named; the first lines say enough.
            found.sort_by_key(|line| line.contains('#'));
            found
                .iter()
                .take(DIFFERENCES_SHOWN)
                .try_for_each(|line| writeln!(f, "    {line}"))?;
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
        _ => found.push(format!("{at}: {one} and not {other}")),
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
    let mut names = Names::of(&world.tag);
    let mut name = |text: String| names.text(&text, None);
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
                Guard::Record { kind, id, .. } if stage.token_ids.contains(id) => kind.clone(),
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
    apart: u64,
    differences: Vec<Box<Difference>>,
}

/// Every pair whose second can take the world that the first needs, and whether the two may meet: both ways round where
/// they need one thing in different states.
fn pairs(footprints: &[Footprint]) -> Vec<(&'static Case, &'static Case, bool)> {
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

async fn check_every_pair(stage: &Stage, schedules: u64) -> Tally {
    let footprints = footprints(stage).await;
    let mut tally = Tally::default();
    for (n, (a, b, may_meet)) in pairs(&footprints).into_iter().enumerate() {
        if !may_meet && schedules <= SCHEDULES && n % APART_ONE_IN != 0 {
            continue;
        }
        let mut pair = Pair::new(stage, a, b);
        let tried = pair.try_out(schedules).await;
        tally.pairs += 1;
        tally.apart += u64::from(!may_meet);
        match tried {
            Ok(meet) => {
                assert!(
                    may_meet || !meet,
                    "{} and {} meet",
                    a.operation,
                    b.operation
                );
                tally.meeting += u64::from(meet);
            }
            Err(difference) => tally.differences.push(difference),
        }
    }
    tally
}

#[test]
fn every_write_of_the_document_is_tried_or_left_out_with_a_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let stage = runtime.unwrap().block_on(Stage::set());
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
    eprintln!(
        "{} pairs, {} meet, {} apart",
        tally.pairs, tally.meeting, tally.apart
    );
    let told: String = tally.differences.iter().map(ToString::to_string).collect();
    assert!(tally.differences.is_empty(), "{told}");
}

#[tokio::test]
async fn one_seed_is_one_history() {
    let stage = Stage::set().await;
    let [a, b] = ["feed_session", "stop_session"].map(case);
    let mut traces = BTreeSet::new();
    for seed in 0..4 {
        let pair = Pair::new(&stage, a, b);
        let one = pair.history(seeded(seed)).await;
        let same = pair.history(seeded(seed)).await;
        assert_eq!((&one.trace, one.end), (&same.trace, same.end));
        traces.insert(format!("{:?}", one.trace));
    }
    assert!(traces.len() > 1, "{traces:?}");
}

fn case(operation: &str) -> &'static Case {
    CASES
        .iter()
        .find(|case| case.operation == operation)
        .unwrap()
}

/// The status that a caller gets.
fn status(call: Calling<Answer>) -> Calling<u16> {
    Box::pin(async { call.await.status })
}

#[tokio::test]
async fn an_invitation_that_eight_redeem_at_once_makes_one_account() {
    let stage = Stage::set().await;
    for seed in 0..CHANCES {
        assert_eq!(
            accounts_of_one_invitation(&stage, seed).await,
            1,
            "seed {seed}"
        );
    }
}

async fn accounts_of_one_invitation(stage: &Stage, seed: u64) -> usize {
    let mut world = World::new(stage);
    world.provide(Need::Invitation).await;
    let addresses = (0..8).map(|n| world.address(&format!("guest{n}")));
    let addresses: Vec<String> = addresses.collect();
    let redeem = |address: &String| {
        let body = redemption(world.get("secret"), address);
        status(world.call("redeem_invitation", By::Nobody, (String::new(), body)))
    };
    play(addresses.iter().map(redeem).collect(), seeded(seed)).await;
    let mut accounts = 0;
    for address in addresses {
        let found = stage.read(&format!("/v1/iris/accounts/{address}")).await;
        accounts += usize::from(found.status == 200);
    }
    accounts
}

#[tokio::test]
async fn of_two_updates_of_one_version_one_wins() {
    let stage = Stage::set().await;
    for seed in 0..CHANCES {
        let mut got = updates_of_one_version(&stage, seed).await;
        got.sort_unstable();
        assert_eq!(got, [200, 412], "seed {seed}");
    }
}

async fn updates_of_one_version(stage: &Stage, seed: u64) -> Vec<u16> {
    let mut world = World::new(stage);
    world.provide(Need::Principal).await;
    let set = |role| {
        let body = json!({"standing": {"kind": "staff", "roles": [role]}});
        status(world.call("set_standing", By::Applicant, world.of("principal", body)))
    };
    play(vec![set("registrar"), set("reviewer")], seeded(seed))
        .await
        .0
}

#[tokio::test]
async fn a_session_opened_beside_the_withdrawal_of_its_consent_is_not_left_open() {
    let stage = Stage::set().await;
    let [open, withdraw] = ["open_session", "withdraw_consent"].map(case);
    for seed in 0..CHANCES {
        let world = World::of_cases(&stage, &[open, withdraw]).await;
        let calls = [open, withdraw, open].map(|case| status(world.try_case(case)));
        let (got, _) = play(calls.into(), seeded(seed)).await;
        let person = world.get("person");
        let left = stage
            .read(&format!("/v1/breath/sessions?person={person}"))
            .await;
        assert_eq!(
            (got[1], &left.body["items"]),
            (200, &json!([])),
            "seed {seed}"
        );
    }
}

#[tokio::test]
async fn a_credential_revoked_while_its_status_list_is_published_stays_revoked() {
    let stage = Stage::set().await;
    for seed in 0..CHANCES {
        let (mut world, mut other) = (World::new(&stage), World::new(&stage));
        world.provide(Need::Suspended).await;
        other.provide(Need::Credential).await;
        let published = stage
            .lease("publish_status_list", world.get("entity"))
            .await;
        let revoke = case("revoke_credential");
        let calls = vec![
            status(world.try_case(revoke)),
            stage.execute(published),
            status(other.try_case(revoke)),
        ];
        let (got, trace) = play(calls, seeded(seed)).await;
        assert_eq!(got, [200; 3], "seed {seed}: {trace:?}");
        for world in [world, other] {
            let credential = stage
                .read(&format!("/v1/credentials/{}", world.get("credential")))
                .await;
            assert_eq!(credential.body["standing"], "revoked", "seed {seed}");
            assert!(
                is_revoked(&stage, &credential.body["credential"]).await,
                "seed {seed}"
            );
        }
    }
}

/// Whether the published list says so.
async fn is_revoked(stage: &Stage, credential: &Value) -> bool {
    let list = stage.read("/v1/status-lists/revocation").await.body;
    let bits = list["credentialSubject"]["encodedList"].as_str().unwrap();
    let index = credential["credentialStatus"][0]["statusListIndex"]
        .as_str()
        .unwrap();
    Bitstring::decode(bits)
        .unwrap()
        .get(index.parse().unwrap())
        .unwrap()
}

#[tokio::test]
async fn a_decision_on_a_hit_beside_a_new_list_never_clears_whom_that_list_names() {
    let stage = Stage::set().await;
    for seed in 0..CHANCES {
        let mut world = World::new(&stage);
        let import = async |version: &str, rows: &str| {
            let importing = World::new(&stage);
            let list = sanctions_list("ofac-sdn", &importing.name(version), rows);
            importing.done("import_list", By::Applicant, "", list).await
        };
        import("version-of-the-list-before", "").await;
        world.provide(Need::Hit).await;
        let imported = import(
            "version-of-the-list",
            &listed(99999, "HEKMAT, Gulbuddin", "15 Jun 1991"),
        )
        .await;
        let rescreen = stage
            .lease(RESCREEN, imported["digest"].as_str().unwrap())
            .await;
        let decision = json!({
            "finding": "false_positive", "reason": "another person", "hits": [{"list": "ofac-sdn", "entry_id": "7471"}],
        });
        let decide = world.call("decide_review", By::Reviewer, world.of("review", decision));
        let calls = vec![stage.execute(rescreen), status(decide)];
        let (got, trace) = play(calls, seeded(seed)).await;
        let entity = stage
            .read(&format!("/v1/entities/{}", world.get("entity")))
            .await
            .body;
        assert_eq!(
            (got[0], &entity["screening"]),
            (200, &json!("blocked")),
            "seed {seed}: {trace:?}"
        );
    }
}

/// With commits that no read guards, as they were once: what the harness is for is found.
#[cfg(feature = "planted-bugs")]
#[tokio::test]
async fn decisions_that_are_committed_unguarded_are_noticed() {
    let stage = Stage::set().await;
    let footprints = footprints(&stage).await;
    platform::moment::planted::UNGUARDED.set(true);
    let (mut accounts, mut wins) = (0, 0);
    for seed in 0..CHANCES {
        accounts = accounts.max(accounts_of_one_invitation(&stage, seed).await);
        let won = updates_of_one_version(&stage, seed).await;
        wins = wins.max(won.iter().filter(|status| **status == 200).count());
    }
    assert!(
        accounts > 1 && wins > 1,
        "{accounts} accounts, {wins} updates of one version"
    );
    for (a, b, may_meet) in pairs(&footprints) {
        if may_meet && let Err(difference) = Pair::new(&stage, a, b).try_out(SCHEDULES).await {
            eprintln!("{difference}");
            return;
        }
    }
    panic!("no pair comes to something that no serial order comes to");
}
