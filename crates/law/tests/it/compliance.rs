use std::collections::{BTreeMap, BTreeSet};

use evidence::key::SigningKey;
use ids::Salt;
use law::compliance::{
    CommitmentOpening, Domain, Evaluation, EvaluationRequest, EvidenceRefusal, EvidenceSubject,
    Facts, Gate, Operation, Rulebook, ScreeningCounts, State, VerifiedEvidence,
};
use law::pack::{Pack, PackFiles};
use proptest::prelude::*;
use serde::Deserialize;

use super::support::{self, DAY_MS, NOW_MS, attest, id, pk, registrar_key, rulebook, verify};

#[derive(Deserialize)]
struct Lattice {
    domains_in_order: Vec<Domain>,
    states_with_rank: BTreeMap<State, usize>,
    meet_table: BTreeMap<State, BTreeMap<State, State>>,
    join_table: BTreeMap<State, BTreeMap<State, State>>,
    terminal: BTreeSet<State>,
    passing: BTreeSet<State>,
    aggregate: Vec<Aggregate>,
}

#[derive(Deserialize)]
struct Aggregate {
    cells: Vec<State>,
    slice_result: State,
    all_passing: bool,
}

fn lattice() -> Lattice {
    serde_json::from_str(include_str!("../../testdata/predecessor/06_tensor.json")).unwrap()
}

#[test]
fn domains_are_the_twenty_in_their_order() {
    assert_eq!(lattice().domains_in_order, Domain::ALL);
    for domain in Domain::ALL {
        assert_eq!(domain.as_str().parse(), Ok(domain));
    }
    assert!("AML".parse::<Domain>().is_err());
}

#[test]
fn meet_join_and_aggregate_are_as_tabulated() {
    let lattice = lattice();
    assert_eq!(lattice.states_with_rank.len(), State::ALL.len());
    for (rank, a) in State::ALL.into_iter().enumerate() {
        assert_eq!(lattice.states_with_rank[&a], rank);
        assert_eq!(a.is_terminal(), lattice.terminal.contains(&a));
        assert_eq!(a.is_passing(), lattice.passing.contains(&a));
        for b in State::ALL {
            assert_eq!(a.meet(b), lattice.meet_table[&a][&b]);
            assert_eq!(a.join(b), lattice.join_table[&a][&b]);
        }
    }
    for row in lattice.aggregate {
        assert_eq!(
            State::aggregate(row.cells.iter().copied()),
            row.slice_result
        );
        assert_eq!(State::all_passing(row.cells), row.all_passing);
    }
}

fn any_state() -> impl Strategy<Value = State> {
    proptest::sample::select(State::ALL.to_vec())
}

proptest! {
    #[test]
    fn states_form_a_distributive_lattice(a in any_state(), b in any_state(), c in any_state()) {
        prop_assert_eq!(a.meet(b), b.meet(a));
        prop_assert_eq!(a.join(b), b.join(a));
        prop_assert_eq!(a.meet(b.meet(c)), a.meet(b).meet(c));
        prop_assert_eq!(a.join(b.join(c)), a.join(b).join(c));
        prop_assert_eq!(a.meet(a), a);
        prop_assert_eq!(a.meet(a.join(b)), a);
        prop_assert_eq!(a.join(a.meet(b)), a);
        prop_assert_eq!(a.meet(b.join(c)), a.meet(b).join(a.meet(c)));
    }

    #[test]
    fn an_aggregate_does_not_depend_on_order(mut states in proptest::collection::vec(any_state(), 1..20)) {
        let forward = State::aggregate(states.iter().copied());
        states.reverse();
        prop_assert_eq!(State::aggregate(states.iter().copied()), forward);
        if states.contains(&State::NonCompliant) {
            prop_assert_eq!(forward, State::NonCompliant);
        }
    }
}

#[test]
fn every_operation_is_gated_by_sanctions_and_pending_blocks_there() {
    for operation in Operation::ALL {
        assert_eq!(
            operation.gates()[&Domain::Sanctions],
            Gate::BlocksUnlessPassing
        );
        assert!(Gate::BlocksUnlessPassing.blocks(State::Pending));
        assert!(!Gate::BlocksWhenNonCompliant.blocks(State::Pending));
        assert!(Gate::BlocksWhenNonCompliant.blocks(State::NonCompliant));
    }
    let formation: Vec<Domain> = Operation::EntityFormation.gates().into_keys().collect();
    use Domain::{Aml, Corporate, Kyc, Licensing, Sanctions, Tax};
    assert_eq!(formation, [Aml, Kyc, Sanctions, Tax, Corporate, Licensing]);
}

/// A company of two that nobody screened.
fn unscreened() -> Facts {
    Facts {
        operation: Operation::EntityFormation,
        entity_type: id("private-limited"),
        legal_name: "Indus Trading (Private) Limited".to_owned(),
        activities: [id("general-trading")].into(),
        persons: [id("aisha"), id("bilal")].into(),
        directors: 2,
        owners: 2,
        disclosed_bps: 10_000,
        largest_unidentified_share_bps: 0,
        unidentified_directors: 0,
        youngest_director_age: Some(45),
        screening: ScreeningCounts {
            parties: 3,
            unscreened: 3,
            ..ScreeningCounts::default()
        },
    }
}

fn cleared() -> Facts {
    Facts {
        screening: ScreeningCounts {
            parties: 3,
            cleared: 3,
            lists: ["ofac-sdn@2021-07-01".to_owned()].into(),
            ..ScreeningCounts::default()
        },
        ..unscreened()
    }
}

fn full_evidence(now_ms: i64) -> Vec<VerifiedEvidence> {
    support::full_evidence(&id("indus-trading"), &cleared().persons, now_ms)
}

fn evaluate(facts: &Facts, evidence: &[VerifiedEvidence]) -> Evaluation {
    evaluate_with(rulebook(), facts, evidence)
}

fn evaluate_with(rulebook: &Rulebook, facts: &Facts, evidence: &[VerifiedEvidence]) -> Evaluation {
    evaluate_as("indus-trading", NOW_MS, rulebook, facts, evidence)
}

fn evaluate_as(
    subject: &str,
    as_of_ms: i64,
    rulebook: &Rulebook,
    facts: &Facts,
    evidence: &[VerifiedEvidence],
) -> Evaluation {
    let request = EvaluationRequest {
        subject: &id(subject),
        jurisdiction: &id("pk"),
        as_of_ms,
        facts,
        evidence,
        gates: facts.operation.gates(),
        salt: Salt::new([7; 32]),
    };
    rulebook.evaluate(&request).unwrap()
}

#[test]
fn a_company_with_its_evidence_passes_every_gate() {
    let evaluation = evaluate(&cleared(), &full_evidence(NOW_MS));
    assert_eq!(evaluation.denials(), []);
    assert_eq!(evaluation.domains().len(), 20);
    assert_eq!(evaluation.rules()[0].version, "0.1.0");
    assert_eq!(evaluation.domains()[&Domain::Kyc].evidence.len(), 2);
}

#[test]
fn every_denial_names_its_clause_and_its_source() {
    let denials = evaluate(&unscreened(), &[]).denials();
    let domains: Vec<Domain> = denials.iter().map(|denial| denial.domain).collect();
    assert_eq!(
        domains,
        [
            Domain::Aml,
            Domain::Kyc,
            Domain::Sanctions,
            Domain::Corporate
        ]
    );
    for denial in denials {
        assert!(!denial.reasons.is_empty());
        for reason in denial.reasons {
            assert!(
                !reason.clause.is_empty() && !reason.source.is_empty(),
                "{reason:?}"
            );
        }
    }
}

#[test]
fn a_domain_without_rules_is_pending() {
    let evaluation = evaluate(&cleared(), &[]);
    assert_eq!(evaluation.state(Domain::Trade), State::Pending);
    let reason = &evaluation.domains()[&Domain::Trade].reasons[0];
    assert_eq!(
        reason.text,
        "no pack in force on 2026-01-15 in pk has a rule for trade"
    );
}

#[test]
fn evidence_of_one_person_does_not_serve_another() {
    let one: Vec<_> = full_evidence(NOW_MS)
        .into_iter()
        .filter(|piece| *piece.subject() != EvidenceSubject::Person(id("bilal")))
        .collect();
    assert_eq!(
        evaluate(&cleared(), &one).state(Domain::Kyc),
        State::Pending
    );
}

#[test]
fn evidence_verified_for_another_instant_or_subject_does_not_count() {
    let earlier = full_evidence(NOW_MS - 1);
    assert_eq!(
        evaluate(&cleared(), &earlier).state(Domain::Corporate),
        State::Pending
    );
    let other = EvidenceSubject::Entity(id("another-company"));
    let foreign = verify(
        &attest(&registrar_key(), &other, "pk.name-availability"),
        NOW_MS,
    )
    .unwrap();
    assert_eq!(
        evaluate(&cleared(), &[foreign]).state(Domain::Corporate),
        State::Pending
    );
}

#[test]
fn evidence_counts_only_from_a_competent_issuer_in_its_time_and_untouched() {
    let subject = EvidenceSubject::Entity(id("indus-trading"));
    let kind = "pk.name-availability";
    let good = attest(&registrar_key(), &subject, kind);
    assert!(verify(&good, NOW_MS).is_ok());
    let stranger = attest(&SigningKey::from_seed([9; 32]), &subject, kind);
    assert!(matches!(
        verify(&stranger, NOW_MS),
        Err(EvidenceRefusal::Credential(_))
    ));
    let expired = verify(&good, NOW_MS + 366 * DAY_MS);
    assert!(matches!(expired, Err(EvidenceRefusal::Credential(_))));
    let early = verify(&good, NOW_MS - 30 * DAY_MS);
    assert!(matches!(early, Err(EvidenceRefusal::Credential(_))));
    let altered = String::from_utf8(good)
        .unwrap()
        .replace("indus-trading", "other-trading");
    assert!(matches!(
        verify(altered.as_bytes(), NOW_MS),
        Err(EvidenceRefusal::Credential(_))
    ));
    let outside = attest(&registrar_key(), &subject, "pk.taxpayer-registration");
    assert!(matches!(
        verify(&outside, NOW_MS),
        Err(EvidenceRefusal::OutsideCompetence { .. })
    ));
    let unknown = attest(&registrar_key(), &subject, "pk.good-weather");
    assert!(matches!(
        verify(&unknown, NOW_MS),
        Err(EvidenceRefusal::UnknownKind { .. })
    ));
}

fn pack_with(policy: &str) -> Pack {
    let manifest = b"
format: hanse.law-pack/v1
id: local
version: 1.0.0
title: Local
jurisdiction: pk
licence: CC0-1.0
effective_from: 2020-01-01
notice: For a test.
sources:
  - {id: law, citation: A law, url: 'https://example.org/law', date: 2020-01-01, checked: not_yet}
";
    let files = [
        ("pack.yaml", &manifest[..]),
        ("policies/p.cedar", policy.as_bytes()),
    ];
    Pack::load(&PackFiles::from_pairs(files).unwrap()).unwrap()
}

#[test]
fn a_rule_that_errs_never_passes() {
    // Overflow is an error at evaluation that no validation finds.
    let erring = "context.facts.owners + 9223372036854775807 > 0";
    let permit = "@id(\"p\") @clause(\"1\") @source(\"law\") @text(\"t\") @requires(\"r\")
        permit (principal, action == Action::\"ip\", resource);";
    let forbid = format!(
        "@id(\"f\") @clause(\"2\") @source(\"law\") @text(\"t\")
        forbid (principal, action == Action::\"ip\", resource) when {{ {erring} }};"
    );
    let state = |policy: &str| {
        let rulebook = Rulebook::new(vec![pack_with(policy)]).unwrap();
        evaluate_with(&rulebook, &cleared(), &[]).state(Domain::Ip)
    };
    assert_eq!(state(permit), State::Compliant);
    assert_eq!(state(&format!("{permit}\n{forbid}")), State::Pending);
}

#[test]
fn no_pack_relaxes_the_sanctions_floor() {
    let permit = "@id(\"p\") @clause(\"1\") @source(\"law\") @text(\"t\") @requires(\"r\")
        permit (principal, action == Action::\"sanctions\", resource);";
    let rulebook = Rulebook::new(vec![pack_with(permit)]).unwrap();
    let mut facts = unscreened();
    let unscreened = evaluate_with(&rulebook, &facts, &[]);
    assert_eq!(unscreened.state(Domain::Sanctions), State::Pending);
    (facts.screening.unscreened, facts.screening.blocked) = (2, 1);
    let blocked = evaluate_with(&rulebook, &facts, &[]);
    assert_eq!(blocked.state(Domain::Sanctions), State::NonCompliant);
}

#[test]
fn a_layer_that_only_forbids_leaves_the_domain_to_the_others() {
    let forbid = "@id(\"f\") @clause(\"2\") @source(\"law\") @text(\"t\")
        forbid (principal, action == Action::\"licensing\", resource)
        when { context.facts.owners > 90 };";
    let both = Rulebook::new(vec![pk(), pack_with(forbid)]).unwrap();
    let evaluation = evaluate_with(&both, &cleared(), &[]);
    assert_eq!(evaluation.state(Domain::Licensing), State::NotApplicable);
    let alone = Rulebook::new(vec![pack_with(forbid)]).unwrap();
    let evaluation = evaluate_with(&alone, &cleared(), &[]);
    assert_eq!(evaluation.state(Domain::Licensing), State::Pending);
}

#[test]
fn equal_states_of_two_companies_or_instants_have_different_commitments() {
    let commitment = |subject, as_of_ms| {
        evaluate_as(subject, as_of_ms, rulebook(), &cleared(), &[]).commitment()
    };
    let commitments = [
        commitment("indus-trading", NOW_MS),
        commitment("another-company", NOW_MS),
        commitment("indus-trading", NOW_MS + 1),
    ];
    assert_eq!(BTreeSet::from(commitments).len(), 3);
    assert_eq!(commitment("indus-trading", NOW_MS), commitments[0]);
}

#[test]
fn a_commitment_opens_only_to_what_it_commits_to() {
    let evaluation = evaluate(&cleared(), &[]);
    let opening = evaluation.opening();
    assert_eq!(opening.commitment(), evaluation.commitment());
    let mut salted = opening.clone();
    salted.salt = Salt::new([8; 32]);
    let mut relabelled = opening.clone();
    relabelled.domains.get_mut(&Domain::Tax).unwrap().0 = State::Compliant;
    let mut later = opening.clone();
    later.as_of_ms += 1;
    for forged in [salted, relabelled, later] {
        assert_ne!(forged.commitment(), evaluation.commitment());
    }
    let written = serde_json::to_string(opening).unwrap();
    let read: CommitmentOpening = serde_json::from_str(&written).unwrap();
    assert_eq!(read.commitment(), evaluation.commitment());
}
