//! Every write against itself and against each other one, from three callers at once: whatever the order in which they read
//! and commit, they come to what they come to in some order one after another.
//!
//! One seed is one history. `HANSE_SCHEDULES` says with how many seeds each pair is tried whose commands decide on each
//! other's work.

mod cases;
mod names;
mod pairs;
mod stage;
mod turns;
mod world;

use std::collections::BTreeSet;
use std::fmt::Debug;

use evidence::status_list::Bitstring;
use hanse::screening::rescreen::RESCREEN;
use serde_json::{Value, json};

use cases::{
    By, CASES, Case, LEFT_OUT, Need, listed, reason, redemption, sanctions_list, session, standing,
};
use pairs::{Pair, pairs};
use stage::{Answer, Stage};
use turns::{Calling, Trace, play, seeded};
use world::World;

use crate::j8::text;

/// Seeds for each pair that meets.
const SCHEDULES: u64 = 2;
/// Where seeds are few, one in so many of the pairs is tried that cannot meet.
const APART_ONE_IN: usize = 8;
/// So many pairs at least come to what no serial order comes to, when commits are not guarded.
#[cfg(feature = "planted-bugs")]
const NOTICED_MIN: u64 = 50;
/// Seeds for each history that must come to something, whatever the seed.
const CHANCES: u64 = 24;

#[tokio::test]
async fn every_write_of_the_document_is_tried_or_left_out_with_a_reason() {
    let stage = Stage::set().await;
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
    let (mut meeting, mut apart, mut told) = (0, 0, String::new());
    for (n, (a, b, may_meet)) in pairs(&stage).await.into_iter().enumerate() {
        if !may_meet && schedules <= SCHEDULES && n % APART_ONE_IN != 0 {
            continue;
        }
        match Pair::new(&stage, a, b).try_out(schedules).await {
            Ok(true) if may_meet => meeting += 1,
            Ok(true) => panic!("{} and {} meet after all", a.operation, b.operation),
            Ok(false) => apart += 1,
            Err(difference) => told.push_str(&difference.to_string()),
        }
    }
    assert!(told.is_empty(), "{told}");
    assert!(
        meeting > 100 && apart > 100,
        "{meeting} pairs meet, {apart} do not"
    );
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
    let mut cases = CASES.iter();
    cases.find(|case| case.operation == operation).unwrap()
}

/// The status that a caller gets.
fn status(call: Calling<Answer>) -> Calling<u16> {
    Box::pin(async { call.await.status })
}

/// What a history must come to, whatever its seed.
trait Holds: AsyncFn(&Stage, u64) -> Result<(), String> {}
impl<T: AsyncFn(&Stage, u64) -> Result<(), String>> Holds for T {}

async fn in_every_history(stage: &Stage, holds: impl Holds) -> Result<(), String> {
    for seed in 0..CHANCES {
        let held = holds(stage, seed).await;
        held.map_err(|found| format!("seed {seed}: {found}"))?;
    }
    Ok(())
}

async fn check(holds: impl Holds) {
    in_every_history(&Stage::set().await, holds).await.unwrap();
}

fn same<T: PartialEq + Debug>(got: T, must: T, trace: Trace) -> Result<(), String> {
    match got == must {
        true => Ok(()),
        false => Err(format!("{got:?} and not {must:?} by {trace:?}")),
    }
}

#[tokio::test]
async fn an_invitation_that_eight_redeem_at_once_makes_one_account() {
    check(one_account).await;
}

async fn one_account(stage: &Stage, seed: u64) -> Result<(), String> {
    let mut world = World::new(stage);
    world.provide(Need::Invitation).await;
    let addresses = (0..8).map(|n| world.address(&format!("guest{n}")));
    let addresses: Vec<String> = addresses.collect();
    let redeem = |address: &String| {
        let body = redemption(world.get("secret"), address);
        status(world.call("redeem_invitation", By::Nobody, "", &body))
    };
    let (_, trace) = play(addresses.iter().map(redeem).collect(), seeded(seed)).await;
    let mut accounts = 0;
    for address in addresses {
        let found = stage.read(&format!("/v1/iris/accounts/{address}")).await;
        accounts += u64::from(found.status == 200);
    }
    same(accounts, 1, trace)
}

#[tokio::test]
async fn of_two_updates_of_one_version_one_wins() {
    check(one_wins).await;
}

async fn one_wins(stage: &Stage, seed: u64) -> Result<(), String> {
    let mut world = World::new(stage);
    world.provide(Need::Principal).await;
    let id = world.get("principal");
    let set = |role| status(world.call("set_standing", By::Applicant, id, &standing(role)));
    let calls = vec![set("registrar"), set("reviewer")];
    let (mut got, trace) = play(calls, seeded(seed)).await;
    got.sort_unstable();
    same(got, vec![200, 412], trace)
}

#[tokio::test]
async fn a_session_opened_beside_the_withdrawal_of_its_consent_is_not_left_open() {
    check(none_left_open).await;
}

async fn none_left_open(stage: &Stage, seed: u64) -> Result<(), String> {
    let [open, withdraw] = ["open_session", "withdraw_consent"].map(case);
    let world = World::of_cases(stage, &[open, withdraw]).await;
    let calls = [open, withdraw, open].map(|case| status(world.try_case(case)));
    let (got, trace) = play(calls.into(), seeded(seed)).await;
    let sessions = format!("/v1/breath/sessions?person={}", world.get("person"));
    let left = stage.see(&sessions, "/items").await;
    same((got[1], left), (200, json!([])), trace)
}

#[tokio::test]
async fn of_two_sessions_of_a_person_started_at_once_one_runs() {
    check(one_pacer).await;
}

async fn one_pacer(stage: &Stage, seed: u64) -> Result<(), String> {
    let mut world = World::new(stage);
    world.provide(Need::Session).await;
    let body = session(world.get("person"));
    let other = text(&world.made("open_session", body).await, "/id");
    let begin = json!({"inputs": [{"kind": "start", "at_ms": 0}]});
    let start = |id: &str| status(world.call("feed_session", By::Applicant, id, &begin));
    let calls = vec![start(world.get("session")), start(&other)];
    let (got, trace) = play(calls, seeded(seed)).await;
    let running = format!(
        "/v1/breath/sessions?status=running&person={}",
        world.get("person")
    );
    let running = stage.see(&running, "/items").await;
    let count = running.as_array().map(Vec::len);
    same((got, count), (vec![200, 200], Some(1)), trace)
}

#[tokio::test]
async fn a_credential_revoked_while_its_status_list_is_published_stays_revoked() {
    check(stays_revoked).await;
}

async fn stays_revoked(stage: &Stage, seed: u64) -> Result<(), String> {
    let (mut world, mut other) = (World::new(stage), World::new(stage));
    world.provide(Need::Suspended).await;
    other.provide(Need::Credential).await;
    let list = stage
        .lease("publish_status_list", world.get("entity"))
        .await;
    let revoke = |world: &World<'_>| status(world.try_case(case("revoke_credential")));
    let calls = vec![revoke(&world), stage.execute(list), revoke(&other)];
    let (got, trace) = play(calls, seeded(seed)).await;
    let mut found = Vec::new();
    for world in [world, other] {
        let credential = format!("/v1/credentials/{}", world.get("credential"));
        let credential = stage.see(&credential, "").await;
        found.push((
            credential["standing"].clone(),
            is_revoked(stage, &credential).await,
        ));
    }
    let revoked = (json!("revoked"), true);
    same((got, found), (vec![200; 3], vec![revoked; 2]), trace)
}

/// Whether the published list says so.
async fn is_revoked(stage: &Stage, credential: &Value) -> bool {
    let list = "/v1/status-lists/revocation";
    let bits = stage.see(list, "/credentialSubject/encodedList").await;
    let bits = Bitstring::decode(bits.as_str().unwrap()).unwrap();
    let index = text(credential, "/credential/credentialStatus/0/statusListIndex");
    bits.get(index.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn a_decision_on_a_hit_beside_a_new_list_does_not_clear_whom_that_list_names() {
    check(not_cleared).await;
}

async fn not_cleared(stage: &Stage, seed: u64) -> Result<(), String> {
    let import = async |rows: &str| {
        let importing = World::new(stage);
        let version = importing.name("version-of-the-list");
        let list = sanctions_list("ofac-sdn", &version, rows);
        importing.import(list).await
    };
    import("").await;
    let mut world = World::new(stage);
    world.provide(Need::Hit).await;
    let imported = import(&listed(99999, "HEKMAT, Gulbuddin", "15 Jun 1991")).await;
    let rescreen = stage.lease(RESCREEN, &text(&imported, "/digest")).await;
    let decide = status(world.try_case(case("decide_review")));
    let (got, trace) = play(vec![stage.execute(rescreen), decide], seeded(seed)).await;
    let entity = world.get("entity");
    let path = format!("/v1/entities/{entity}");
    let screening = stage.see(&path, "/screening").await;
    // Whoever is rejected is not screened again: the next history is about one entity, too.
    world
        .done("reject_entity", By::Reviewer, entity, reason())
        .await;
    same((got[0], screening), (200, json!("blocked")), trace)
}

/// When commits are not guarded by what was read, as once, each of the above is broken, and so are many pairs.
#[cfg(feature = "planted-bugs")]
#[tokio::test]
async fn decisions_that_are_committed_unguarded_are_noticed() {
    let (stage, of_pairs) = (Stage::set().await, Stage::set().await);
    let pairs = pairs(&of_pairs).await;
    platform::moment::planted::UNGUARDED.set(true);
    // First: every further entity is screened again, too.
    in_every_history(&stage, not_cleared).await.unwrap_err();
    in_every_history(&stage, one_account).await.unwrap_err();
    in_every_history(&stage, one_wins).await.unwrap_err();
    in_every_history(&stage, none_left_open).await.unwrap_err();
    in_every_history(&stage, one_pacer).await.unwrap_err();
    in_every_history(&stage, stays_revoked).await.unwrap_err();
    let mut noticed = 0;
    for (a, b, may_meet) in pairs {
        if may_meet && Pair::new(&of_pairs, a, b).try_out(0).await.is_err() {
            noticed += 1;
        }
    }
    assert!(noticed >= NOTICED_MIN, "{noticed} pairs");
}
