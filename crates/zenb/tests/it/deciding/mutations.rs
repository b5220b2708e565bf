//! A guard that is broken is noticed.

use zenb::bug::PlantedBug;

use super::faults;
use super::guards;
use super::inhibiting;
use super::model;
use super::pacing;
use super::person::Person;
use super::session::Session;
use super::session::adaptive;
use super::times;

/// The first check that notices, cheapest first.
fn noticed_by(bug: Option<PlantedBug>) -> Option<&'static str> {
    if guards::tally(300_000, bug).violations > 0 {
        return Some("the guard alone");
    }
    if !inhibiting::failures(bug).is_empty() {
        return Some("the inhibitions");
    }
    let person = Person::following(1);
    let mut session = Session::started(adaptive(6_500, 5_500), 15, person, bug);
    if pacing::greatest_jump(&mut session, 200) > 0 {
        return Some("the phase");
    }
    if model::walk(3, bug).is_err() {
        return Some("the model");
    }
    if !faults::failures(bug).is_empty() {
        return Some("the fault table");
    }
    if times::leaps_complete(bug) {
        return Some("a leap");
    }
    if times::outlives_its_dose(bug) {
        return Some("the dose");
    }
    if faults::overlaps_are_unnamed(bug) {
        return Some("overlapping packets");
    }
    if faults::doubles_show(bug) {
        return Some("doubled packets");
    }
    if faults::leads_who_does_not_follow(bug).is_some() {
        return Some("who does not follow");
    }
    None
}

/// REQ-220.
#[test]
fn every_planted_bug_is_noticed_and_nothing_is_without_one() {
    assert_eq!(noticed_by(None), None);
    let missed: Vec<PlantedBug> = PlantedBug::ALL
        .into_iter()
        .filter(|bug| match noticed_by(Some(*bug)) {
            Some(check) => {
                println!("{bug:?}: {check}");
                false
            }
            None => true,
        })
        .collect();
    assert_eq!(missed, []);
}
