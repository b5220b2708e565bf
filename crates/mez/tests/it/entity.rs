use std::collections::BTreeSet;
use std::num::NonZeroU64;

use evidence::digest::Digest;
use ids::aggregate::{Aggregate, CommonRefusal};
use law::compliance::{Operation, State};
use mez::credential::{CredentialStanding, formation_subject};
use mez::entity::{
    Command, Dissolution, Effect, Entity, EntityEvent, Event, Refusal, ReviewReason, Stage,
    StageProof, Stake, Status, TimeProblem,
};
use mez::person::{Person, PersonEvent};
use mez::screening::{Finding, HitReview, Party, ScreeningVerdict, Standing};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::law_support::{DAY_MS, NOW_MS, id, rulebook};
use super::support::{
    act, active, all_clear, application, applied, approval, evaluate, full_evidence, in_review,
    screening,
};

const EVIDENCE: fn() -> Digest = || Digest::raw(b"document");

fn reason() -> String {
    "a reason".to_owned()
}

#[track_caller]
fn refused(entity: Option<Entity>, actor: &str, now_ms: i64, command: Command) -> Refusal {
    match act(entity, actor, now_ms, command) {
        Ok((entity, _)) => panic!("accepted, and now {}", entity.status.name()),
        Err(refusal) => refusal,
    }
}

#[test]
fn a_cleared_company_with_its_evidence_is_registered() {
    let entity = active();
    assert_eq!(entity.status, Status::Active);
    assert_eq!(
        entity.registration.as_ref().unwrap().number.as_str(),
        "PK-0000042"
    );
    let compliance = entity.compliance.as_ref().unwrap();
    assert_eq!(
        compliance.states[&law::compliance::Domain::Sanctions],
        State::Compliant
    );
}

#[test]
fn registering_judges_approves_and_activates_and_leaves_no_work() {
    let entity = in_review();
    let command = approval(&entity, NOW_MS);
    let (_, decision) = act(Some(entity), "reviewer", NOW_MS, command).unwrap();
    let kinds: Vec<&str> = decision.events.iter().map(Event::kind).collect();
    assert_eq!(
        kinds,
        [
            "entity.evaluated.v1",
            "entity.approved.v1",
            "entity.activated.v1"
        ]
    );
    assert_eq!(decision.effects, []);
}

#[test]
fn every_party_must_be_cleared() {
    let whole = in_review();
    for party in whole.parties.keys() {
        for (verdict, standing) in [
            (ScreeningVerdict::Review, Standing::UnderReview),
            (ScreeningVerdict::Block, Standing::Blocked),
        ] {
            let facts = vec![screening(&whole, party, verdict)];
            let command = Command::RecordScreenings(facts);
            let (entity, decision) = act(Some(whole.clone()), "screener", NOW_MS, command).unwrap();
            assert!(matches!(
                decision.effects[..],
                [Effect::NotifyReviewers { .. }]
            ));
            let command = approval(&entity, NOW_MS);
            let refusal = refused(Some(entity), "reviewer", NOW_MS, command);
            assert_eq!(
                refusal,
                Refusal::PartiesNotCleared(vec![(party.clone(), standing)])
            );
        }
    }
}

#[test]
fn a_false_positive_clears_a_review_but_not_a_block() {
    let entity = in_review();
    let decided = |verdict, finding| {
        let mut fact = screening(&entity, &Party::Company, verdict);
        fact.review = Some(HitReview {
            finding,
            by: id("reviewer"),
            at_ms: NOW_MS,
        });
        let command = Command::RecordScreenings(vec![fact]);
        let (entity, _) = act(Some(entity.clone()), "screener", NOW_MS, command).unwrap();
        entity.parties[&Party::Company].standing(NOW_MS, DAY_MS)
    };
    use Finding::{FalsePositive, TrueMatch};
    assert_eq!(
        decided(ScreeningVerdict::Review, FalsePositive),
        Standing::Cleared
    );
    assert_eq!(
        decided(ScreeningVerdict::Review, TrueMatch),
        Standing::Blocked
    );
    assert_eq!(
        decided(ScreeningVerdict::Clear, TrueMatch),
        Standing::Blocked
    );
    assert_eq!(
        decided(ScreeningVerdict::Block, FalsePositive),
        Standing::Blocked
    );
}

#[test]
fn an_old_screening_no_longer_counts() {
    let entity = in_review();
    let at = NOW_MS + DAY_MS;
    let command = approval(&entity, at);
    assert!(act(Some(entity.clone()), "reviewer", at, command).is_ok());
    let command = approval(&entity, at + 1);
    let refusal = refused(Some(entity), "reviewer", at + 1, command);
    assert_eq!(refusal.code(), "screening_not_clear");
}

#[test]
fn a_screening_of_somebody_else_or_on_no_list_is_refused() {
    let entity = applied();
    let mut foreign = all_clear(&entity);
    foreign[0].subject = Digest::raw(b"somebody else");
    let mut listless = all_clear(&entity);
    listless[0].lists.clear();
    let twice = [all_clear(&entity), all_clear(&entity)].concat();
    for screenings in [foreign, listless, twice] {
        let command = Command::RecordScreenings(screenings);
        let refusal = refused(Some(entity.clone()), "screener", NOW_MS, command);
        assert_eq!(refusal.code(), "foreign_screening");
    }
}

#[test]
fn compliance_blocks_with_clause_and_source() {
    let entity = in_review();
    let evaluation = Box::new(evaluate(&entity, NOW_MS, &[]));
    let command = Command::Approve {
        evaluation,
        sequence: NonZeroU64::MIN,
    };
    let refusal = refused(Some(entity), "reviewer", NOW_MS, command);
    assert_eq!(refusal.denials().len(), 3);
    assert!(
        refusal
            .denials()
            .iter()
            .all(|denial| denial.reasons[0].clause.starts_with("s. "))
    );
}

#[test]
fn a_judgement_of_another_instant_or_entity_does_not_register() {
    let entity = in_review();
    let earlier = approval(&entity, NOW_MS - 1);
    let refusal = refused(Some(entity.clone()), "reviewer", NOW_MS, earlier);
    assert_eq!(refusal, Refusal::StaleEvaluation);
    let mut other = entity.clone();
    other.id = id("another-company");
    let foreign = approval(&entity, NOW_MS);
    assert_eq!(
        refused(Some(other), "reviewer", NOW_MS, foreign),
        Refusal::StaleEvaluation
    );
}

#[test]
fn four_eyes_decide() {
    let entity = in_review();
    let command = approval(&entity, NOW_MS);
    let refusal = refused(Some(entity.clone()), "applicant", NOW_MS, command);
    assert_eq!(refusal, Refusal::ReviewerIsApplicant(id("applicant")));
    let command = Command::Reject { reason: reason() };
    assert!(act(Some(entity.clone()), "applicant", NOW_MS, command.clone()).is_err());
    assert!(act(Some(entity), "reviewer", NOW_MS, command).is_ok());
}

#[test]
fn two_approvals_are_of_two_reviewers() {
    let types = rulebook().entity_types(NOW_MS).unwrap();
    let decide = |entity: &Entity, actor: &str| {
        let actor = id(actor);
        let context = mez::entity::Context {
            approvals_required: 2,
            ..super::support::context(&actor, NOW_MS, &types)
        };
        Entity::decide(Some(entity), approval(entity, NOW_MS), &context)
    };
    let fold = |entity: Entity, events: &[Event]| {
        let after = Entity::replay(Some(entity), events);
        after.unwrap().unwrap()
    };
    let entity = in_review();
    let entity = fold(entity.clone(), &decide(&entity, "first").unwrap().events);
    assert_eq!(entity.status, Status::InReview);
    assert_eq!(
        decide(&entity, "first").unwrap_err().code(),
        "approved_already"
    );
    let entity = fold(entity.clone(), &decide(&entity, "second").unwrap().events);
    assert_eq!(entity.status, Status::Active);
}

#[test]
fn an_application_is_whole() {
    let check = |change: &dyn Fn(&mut mez::entity::Application), code: &str| {
        let mut application = application();
        change(&mut application);
        let command = Command::Apply(Box::new(application));
        assert_eq!(refused(None, "applicant", NOW_MS, command).code(), code);
    };
    check(&|a| a.legal_name = "  ".to_owned(), "bad_text");
    check(&|a| a.legal_name = "x".repeat(1_001), "bad_text");
    check(&|a| a.entity_type = id("trust"), "unknown_entity_type");
    check(&|a| a.jurisdiction = id("ae"), "unknown_entity_type");
    check(&|a| a.directors.clear(), "bad_count");
    check(&|a| a.owners[0].share_bps = 0, "bad_shares");
    check(&|a| a.owners[0].share_bps = 6_001, "bad_shares");
    check(
        &|a| {
            a.owners.push(Stake {
                person: id("aisha"),
                share_bps: 1,
            })
        },
        "duplicate_owner",
    );
    check(&|a| a.persons.truncate(1), "undescribed_person");
    check(
        &|a| a.persons.push(a.persons[0].clone()),
        "duplicate_person",
    );
    check(
        &|a| {
            a.persons.push(Person {
                id: id("idle"),
                ..a.persons[0].clone()
            })
        },
        "idle_person",
    );
    check(&|a| a.persons[0].name.clear(), "bad_person");
}

#[test]
fn nothing_personal_is_in_the_events_of_an_entity() {
    let command = Command::Apply(Box::new(application()));
    let (_, decision) = act(None, "applicant", NOW_MS, command).unwrap();
    let of_entity: Vec<&EntityEvent> = decision
        .events
        .iter()
        .filter_map(Event::of_entity)
        .collect();
    let public = serde_json::to_string(&of_entity).unwrap();
    for secret in ["Person aisha", "3520212345671", "1980-02-29"] {
        assert!(!public.contains(secret), "{secret} in {public}");
    }
    let recorded = decision.events.iter().filter_map(|event| match event {
        Event::Person(PersonEvent::Recorded(recorded)) => Some(recorded.person.clone()),
        Event::Entity(_) => None,
    });
    assert_eq!(recorded.collect::<Vec<_>>(), application().persons);
}

#[test]
fn the_same_person_under_another_salt_has_another_digest() {
    let person = application().persons.remove(0);
    let salted = Person {
        salt: ids::Salt::new([99; 32]),
        ..person.clone()
    };
    assert_ne!(person.digest().unwrap(), salted.digest().unwrap());
}

#[test]
fn events_keep_their_stored_form() {
    let command = Command::Apply(Box::new(application()));
    let (entity, decision) = act(None, "applicant", NOW_MS, command).unwrap();
    let digest = |party: &Party| entity.parties[party].subject;
    let person = |name: &str| digest(&Party::Person(id(name)));
    assert_eq!(
        serde_json::to_value(&decision.events[0]).unwrap(),
        json!({
            "type": "entity.applied.v1",
            "at_ms": 1_768_478_400_000_i64,
            "by": "applicant",
            "entity": "indus-trading",
            "jurisdiction": "pk",
            "entity_type": "private-limited",
            "legal_name": "Indus Trading (Private) Limited",
            "registered_office": "1 Mall Road, Lahore",
            "activities": ["general-trading"],
            "directors": ["aisha", "bilal"],
            "owners": [
                { "person": "aisha", "share_bps": 6000 },
                { "person": "bilal", "share_bps": 4000 },
            ],
            "parties": {
                "company": digest(&Party::Company),
                "person:aisha": person("aisha"),
                "person:bilal": person("bilal"),
            },
        })
    );
    let stored = |command, actor: &str, entity: Entity| {
        let (_, decision) = act(Some(entity), actor, NOW_MS, command).unwrap();
        serde_json::to_value(decision.events.last().unwrap()).unwrap()
    };
    let suspend = Command::Suspend { reason: reason() };
    assert_eq!(
        stored(suspend, "officer", active()),
        json!({
            "type": "entity.suspended.v1",
            "at_ms": 1_768_478_400_000_i64,
            "by": "officer",
            "reason": "a reason",
        })
    );
    let entity = in_review();
    let command = approval(&entity, NOW_MS);
    assert_eq!(
        stored(command, "reviewer", entity),
        json!({
            "type": "entity.activated.v1",
            "at_ms": 1_768_478_400_000_i64,
            "by": "reviewer",
            "registration_number": "PK-0000042",
        })
    );
    let unknown = json!({ "type": "entity.dissolved.v1", "at_ms": 1, "by": "x", "more": 1 });
    assert!(serde_json::from_value::<EntityEvent>(unknown).is_err());
}

#[test]
fn the_formation_credential_certifies_only_what_is_registered() {
    let entity = active();
    let evaluation = evaluate(&entity, NOW_MS, &full_evidence(&entity, NOW_MS));
    let subject = formation_subject(&id("org.example.demo"), &entity, evaluation.rules()).unwrap();
    assert_eq!(subject["id"], "urn:hanse:entity:indus-trading");
    assert_eq!(subject["registrationNumber"], "PK-0000042");
    assert_eq!(subject["screeningLists"][0]["name"], "ofac-sdn");
    assert_eq!(subject["rules"][0]["id"], "pk");
    assert!(!subject.to_string().contains("aisha"));
    assert_eq!(
        formation_subject(&id("org.example.demo"), &in_review(), &[]),
        None
    );
}

fn dissolving() -> Entity {
    let command = Command::InitiateDissolution {
        evidence: EVIDENCE(),
    };
    act(Some(active()), "officer", NOW_MS, command).unwrap().0
}

fn dissolution(entity: &Entity) -> &Dissolution {
    match &entity.status {
        Status::Dissolving(dissolution) => dissolution,
        status => panic!("{}", status.name()),
    }
}

/// The earliest instant at which the stage in hand can be completed, and with what.
fn earliest(entity: &Entity) -> (i64, StageProof) {
    let Dissolution {
        stage,
        stage_began_ms,
        ..
    } = dissolution(entity);
    let gazette = StageProof::Gazette {
        published_at_ms: stage_began_ms + 14 * DAY_MS,
    };
    match stage {
        Stage::ShareholderResolution => (
            stage_began_ms + 21 * DAY_MS,
            StageProof::Vote {
                in_favour_bps: 7_500,
            },
        ),
        Stage::NotifyCreditors => (stage_began_ms + 104 * DAY_MS, gazette),
        Stage::FinalMeeting => (stage_began_ms + 35 * DAY_MS, StageProof::None),
        Stage::Dissolution => (stage_began_ms + 30 * DAY_MS, StageProof::None),
        _ => (*stage_began_ms, StageProof::None),
    }
}

#[test]
fn ten_stages_in_order_and_no_day_too_early_dissolve_a_company() {
    let mut entity = dissolving();
    let mut stages = vec![];
    while let Status::Dissolving(dissolution) = &entity.status {
        stages.push(dissolution.stage);
        let (at_ms, proof) = earliest(&entity);
        let command = || Command::AdvanceDissolution {
            evidence: EVIDENCE(),
            proof,
        };
        if at_ms > dissolution.stage_began_ms {
            let refusal = refused(Some(entity.clone()), "liquidator", at_ms - 1, command());
            assert!(matches!(
                refusal,
                Refusal::Dissolution(TimeProblem::TooEarly { .. })
            ));
        }
        entity = act(Some(entity), "liquidator", at_ms, command()).unwrap().0;
    }
    assert_eq!(stages, Stage::ALL);
    assert!(matches!(entity.status, Status::Dissolved { .. }));
}

#[test]
fn a_winding_up_needs_its_majority_and_its_gazette() {
    let entity = dissolving();
    let none = Command::AdvanceDissolution {
        evidence: EVIDENCE(),
        proof: StageProof::None,
    };
    let entity = act(Some(entity), "officer", NOW_MS, none.clone())
        .unwrap()
        .0;
    let at_ms = NOW_MS + 21 * DAY_MS;
    let vote = |in_favour_bps| Command::AdvanceDissolution {
        evidence: EVIDENCE(),
        proof: StageProof::Vote { in_favour_bps },
    };
    for bad in [none.clone(), vote(7_499), vote(10_001)] {
        assert_eq!(
            refused(Some(entity.clone()), "officer", at_ms, bad).code(),
            "dissolution_stage"
        );
    }
    let entity = act(Some(entity), "officer", at_ms, vote(7_500)).unwrap().0;
    let entity = act(Some(entity), "officer", at_ms, none).unwrap().0;
    assert_eq!(dissolution(&entity).stage, Stage::NotifyCreditors);
    for published_at_ms in [at_ms - 1, at_ms + 14 * DAY_MS + 1] {
        let proof = StageProof::Gazette { published_at_ms };
        let command = Command::AdvanceDissolution {
            evidence: EVIDENCE(),
            proof,
        };
        let refusal = refused(
            Some(entity.clone()),
            "officer",
            at_ms + 200 * DAY_MS,
            command,
        );
        assert!(matches!(
            refusal,
            Refusal::Dissolution(TimeProblem::GazetteOutOfTime { .. })
        ));
    }
}

#[test]
fn winding_up_can_be_cancelled_until_a_liquidator_is_in_office() {
    let mut entity = dissolving();
    let cancel = || Command::CancelDissolution { reason: reason() };
    for _ in 0..3 {
        let (cancelled, _) = act(Some(entity.clone()), "officer", NOW_MS, cancel()).unwrap();
        assert_eq!(cancelled.status, Status::Active);
        let (at_ms, proof) = earliest(&entity);
        let advance = Command::AdvanceDissolution {
            evidence: EVIDENCE(),
            proof,
        };
        entity = act(Some(entity), "officer", at_ms, advance).unwrap().0;
    }
    assert_eq!(
        refused(Some(entity), "officer", NOW_MS, cancel()),
        Refusal::LiquidatorInOffice
    );
}

#[test]
fn a_suspended_company_can_be_wound_up_and_stays_suspended_if_that_stops() {
    let suspend = Command::Suspend { reason: reason() };
    let (entity, _) = act(Some(active()), "officer", NOW_MS, suspend).unwrap();
    let initiate = Command::InitiateDissolution {
        evidence: EVIDENCE(),
    };
    let (entity, _) = act(Some(entity), "officer", NOW_MS, initiate).unwrap();
    let cancel = Command::CancelDissolution { reason: reason() };
    let (entity, _) = act(Some(entity), "officer", NOW_MS, cancel).unwrap();
    assert_eq!(entity.status, Status::Suspended { reason: reason() });
}

#[derive(Deserialize)]
struct Machines {
    entity: Machine,
}

#[derive(Deserialize)]
struct Machine {
    states: BTreeSet<String>,
    terminal: BTreeSet<String>,
    code_transitions: Vec<(String, String, String)>,
    dissolution_stages: Vec<(String, i64)>,
}

fn predecessor() -> Machine {
    let file = include_str!("../../testdata/predecessor/14_state_machines.json");
    serde_json::from_str::<Machines>(file).unwrap().entity
}

/// Ours: who may move where. Written apart from the code, state by state.
const MODEL: [(&str, &str, &str); 14] = [
    ("applied", "begin review", "in_review"),
    ("applied", "reject", "rejected"),
    ("in_review", "reject", "rejected"),
    ("in_review", "approve", "active"),
    ("active", "suspend", "suspended"),
    ("suspended", "reinstate", "active"),
    ("active", "initiate dissolution", "dissolving"),
    ("suspended", "initiate dissolution", "dissolving"),
    ("dissolving", "advance dissolution", "dissolving"),
    ("dissolving", "cancel dissolution", "active"),
    ("applied", "record screenings", "applied"),
    ("in_review", "record screenings", "in_review"),
    ("active", "record screenings", "active"),
    ("suspended", "record screenings", "suspended"),
];

#[test]
fn every_transition_of_the_predecessor_has_a_way_here() {
    let machine = predecessor();
    let nominal: Vec<(String, i64)> = Stage::ALL
        .into_iter()
        .map(|stage| (stage.as_str().to_uppercase(), stage.rule().nominal_days))
        .collect();
    assert_eq!(nominal, machine.dissolution_stages);
    assert!(machine.states.contains("APPLIED"));
    assert_eq!(
        machine.terminal,
        ["DISSOLVED", "REJECTED"].map(String::from).into()
    );
    for (from, to, _) in &machine.code_transitions {
        let (from, to) = (from.to_lowercase(), to.to_lowercase());
        let mut reached = BTreeSet::from([from.as_str()]);
        for _ in 0..2 {
            let next = MODEL
                .iter()
                .filter(|(source, _, _)| reached.contains(source));
            reached = next
                .map(|(_, _, target)| *target)
                .chain(reached.clone())
                .collect();
        }
        // The tenth stage is the property of `ten_stages_in_order_and_no_day_too_early_…`.
        assert!(
            to == "dissolved" || reached.contains(to.as_str()),
            "{from} to {to}"
        );
    }
}

fn command(number: u8, entity: &Entity, now_ms: i64) -> Command {
    match number {
        0 => Command::BeginReview,
        1 => Command::Reject { reason: reason() },
        2 => approval(entity, now_ms),
        3 => Command::Suspend { reason: reason() },
        4 => Command::Reinstate { reason: reason() },
        5 => Command::InitiateDissolution {
            evidence: EVIDENCE(),
        },
        6 => Command::AdvanceDissolution {
            evidence: EVIDENCE(),
            proof: StageProof::None,
        },
        7 => Command::CancelDissolution { reason: reason() },
        _ => Command::RecordScreenings(all_clear(entity)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is asked in whatever order: the machine moves as the model says or not at all, only
    /// cleared companies are active, the lists follow whenever credentials have to stand otherwise,
    /// and the events alone give the state.
    #[test]
    fn only_cleared_companies_are_active(numbers in proptest::collection::vec(0_u8..9, 1..14)) {
        let first = Command::Apply(Box::new(application()));
        let (mut entity, decision) = act(None, "applicant", NOW_MS, first).unwrap();
        let mut events = decision.events;
        for number in numbers {
            let command = command(number, &entity, NOW_MS);
            let name = command.name();
            let before = entity.status.name();
            match act(Some(entity.clone()), "reviewer", NOW_MS, command) {
                Ok((after, decision)) => {
                    let step = (before, name, after.status.name());
                    let restored = ("dissolving", "cancel dissolution", "suspended");
                    let repeated = ("dissolving", "record screenings", "dissolving");
                    prop_assert!(MODEL.contains(&step) || step == restored || step == repeated, "{step:?}");
                    let standings = [&entity, &after].map(CredentialStanding::of);
                    let published = Effect::PublishStatusList { entity: after.id.clone() };
                    let is_published = decision.effects.contains(&published);
                    let is_due = standings[0].is_some() && standings[0] != standings[1];
                    prop_assert_eq!(is_published, is_due, "{:?}", standings);
                    entity = after;
                    events.extend(decision.events);
                }
                Err(Refusal::Common(CommonRefusal::WrongState { .. })) => {
                    let moves = |(from, by, _): &(&str, &str, &str)| *from == before && *by == name;
                    prop_assert!(!MODEL.iter().any(moves), "{before} {name}");
                }
                Err(_) => {}
            }
            if entity.status == Status::Active {
                let standing = |party: &mez::entity::PartyRecord| party.standing(NOW_MS, DAY_MS);
                prop_assert!(entity.parties.values().all(|p| standing(p) == Standing::Cleared));
                prop_assert!(entity.registration.is_some());
            }
        }
        prop_assert_eq!(Entity::replay(None, &events).unwrap(), Some(entity));
        let public: Vec<EntityEvent> = events.iter().filter_map(Event::of_entity).cloned().collect();
        let stored = serde_json::to_string(&public).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<EntityEvent>>(&stored).unwrap(), public);
    }
}

fn any_verdict() -> impl Strategy<Value = ScreeningVerdict> {
    use ScreeningVerdict::{Block, Clear, Review};
    prop::sample::select(vec![Clear, Review, Block])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often everybody is screened: reviewers are told of exactly those whose verdict came to be one that is not
    /// clear, unless a reviewer found it.
    #[test]
    fn reviewers_hear_of_what_became_not_clear_and_of_nothing_else(
        rounds in prop::collection::vec(prop::collection::vec((any_verdict(), any::<bool>()), 3), 1..6),
    ) {
        let mut entity = applied();
        let mut known = std::collections::BTreeMap::new();
        for round in rounds {
            let mut facts = vec![];
            let mut told = vec![];
            let parties: Vec<Party> = entity.parties.keys().cloned().collect();
            for (party, (verdict, by_reviewer)) in parties.into_iter().zip(round) {
                let mut fact = screening(&entity, &party, verdict);
                let (finding, by) = (Finding::TrueMatch, id("reviewer"));
                fact.review = by_reviewer.then_some(HitReview { finding, by, at_ms: NOW_MS });
                facts.push(fact);
                let before = known.insert(party.clone(), verdict);
                if verdict != ScreeningVerdict::Clear && before != Some(verdict) && !by_reviewer {
                    told.push(party);
                }
            }
            let command = Command::RecordScreenings(facts);
            let (after, decision) = act(Some(entity), "node", NOW_MS, command).unwrap();
            let notify = |parties| Effect::NotifyReviewers {
                entity: after.id.clone(),
                reason: ReviewReason::ScreeningHit { parties },
            };
            let expected = (!told.is_empty()).then(|| notify(told));
            prop_assert_eq!(decision.effects, Vec::from_iter(expected));
            entity = after;
        }
    }
}

#[test]
fn work_in_the_outbox_from_before_is_still_understood() {
    let check = |stored: serde_json::Value, expected: Effect| {
        assert_eq!(serde_json::from_value::<Effect>(stored).unwrap(), expected);
    };
    let entity = id::<ids::EntityId>("indus-trading");
    let reason = ReviewReason::Application;
    check(
        json!({ "work": "institution", "effect": "notify_reviewers", "entity": entity, "reason": { "kind": "application" } }),
        Effect::NotifyReviewers {
            entity: entity.clone(),
            reason,
        },
    );
    check(
        json!({ "work": "institution", "effect": "publish_status_list", "entity": entity, "standing": "suspended" }),
        Effect::PublishStatusList {
            entity: entity.clone(),
        },
    );
}

#[test]
fn an_event_out_of_place_is_refused() {
    let (_, decision) = act(
        Some(active()),
        "officer",
        NOW_MS,
        Command::Suspend { reason: reason() },
    )
    .unwrap();
    assert!(Entity::apply(None, &decision.events[0]).is_err());
    assert!(Entity::apply(Some(applied()), &decision.events[0]).is_err());
    assert_eq!(Operation::EntityFormation.as_str(), "entity.formation");
}
