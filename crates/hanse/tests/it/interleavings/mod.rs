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

use evidence::status_list::Bitstring;
use hanse::screening::rescreen::RESCREEN;
use serde_json::{Value, json};

use cases::{
    By, CASES, Case, LEFT_OUT, Need, false_positive, listed, redemption, sanctions_list, standing,
};
use pairs::{Pair, pairs};
use stage::{Answer, Stage};
use turns::{Calling, play, seeded};
use world::World;

/// Seeds for each pair that meets.
const SCHEDULES: u64 = 3;
/// Where seeds are few, one in so many of the pairs is tried that cannot meet.
const APART_ONE_IN: usize = 8;
/// So many pairs at least come to what no serial order comes to, when commits are not guarded.
#[cfg(feature = "planted-bugs")]
const NOTICED_MIN: u64 = 50;
/// Seeds for each history that must never come to what it came to once.
const CHANCES: u64 = 24;

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
        status(world.call("redeem_invitation", By::Nobody, "", &body))
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
    let id = world.get("principal");
    let set = |role| status(world.call("set_standing", By::Applicant, id, &standing(role)));
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
        let decide = world.call(
            "decide_review",
            By::Reviewer,
            world.get("review"),
            &false_positive(),
        );
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
    let pairs = pairs(&stage).await;
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
    let mut noticed = 0;
    for (a, b, may_meet) in pairs {
        if may_meet && Pair::new(&stage, a, b).try_out(0).await.is_err() {
            noticed += 1;
        }
    }
    assert!(noticed >= NOTICED_MIN, "{noticed} pairs");
}
