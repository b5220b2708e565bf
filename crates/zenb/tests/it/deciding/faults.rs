//! The fault table: each row reaches its fallback within one breath, and nothing is led meanwhile.

use zenb::bug::PlantedBug;
use zenb::engine::Input;
use zenb::engine::SessionOutcome;
use zenb::event::Code;
use zenb::event::DecisionKind;
use zenb::guidance::Level;
use zenb::protocol::Kind;
use zenb::scale::OtherUnit;
use zenb::timeline::LeftOut;
use zenb::units::EngineMs;

use super::person::Breathes;
use super::person::Dice;
use super::person::Person;
use super::session::Session;
use super::session::Strap;
use super::session::adaptive;
use super::session::opening;
use super::session::paced;
use crate::data::Recording;

/// One breath at the slowest guided pace.
const BREATH_S: u64 = 14;

/// A fault and what must come of it: the deepest level, and within how many seconds.
struct Row {
    name: &'static str,
    strap: Strap,
    level: Level,
    within_s: u64,
    code: Code,
}

const ROWS: [Row; 12] = [
    Row {
        name: "strap silent: hold",
        strap: Strap::Silent,
        level: Level::Holding,
        within_s: 5 + BREATH_S - 4,
        code: Code::Stale,
    },
    Row {
        name: "strap silent: fixed",
        strap: Strap::Silent,
        level: Level::Fixed,
        within_s: 15 + BREATH_S,
        code: Code::DataLost,
    },
    Row {
        name: "contact lost",
        strap: Strap::OffSkin,
        level: Level::Holding,
        within_s: 2,
        code: Code::NoContact,
    },
    Row {
        name: "contact stays lost",
        strap: Strap::OffSkin,
        level: Level::Fixed,
        within_s: 15 + BREATH_S,
        code: Code::NoContact,
    },
    Row {
        name: "packets out of order",
        strap: Strap::Reordered,
        level: Level::Fixed,
        within_s: 15 + BREATH_S,
        code: Code::DataLost,
    },
    Row {
        name: "one interval for ever",
        strap: Strap::Stuck,
        level: Level::Fixed,
        within_s: 20 + 15 + BREATH_S,
        code: Code::DataLost,
    },
    Row {
        name: "0xFFFF for an interval",
        strap: Strap::Absurd,
        level: Level::Fixed,
        within_s: 15 + BREATH_S,
        code: Code::DataLost,
    },
    Row {
        name: "different beats faster than time",
        strap: Strap::Hasty,
        level: Level::Fixed,
        within_s: 15 + BREATH_S,
        code: Code::TooManyArtefacts,
    },
    Row {
        name: "each packet again after a while",
        strap: Strap::Copied(400),
        level: Level::Fixed,
        within_s: 30,
        code: Code::TooManyArtefacts,
    },
    Row {
        name: "each packet again after a heart beat",
        strap: Strap::Copied(880),
        level: Level::Fixed,
        within_s: 30,
        code: Code::TooManyArtefacts,
    },
    Row {
        name: "beats faster than time",
        strap: Strap::Burst,
        level: Level::Fixed,
        within_s: 15 + BREATH_S,
        code: Code::DataLost,
    },
    Row {
        name: "each packet begins with the beats of the last",
        strap: Strap::Overlapping,
        level: Level::Fixed,
        within_s: 40,
        code: Code::TooManyArtefacts,
    },
];

/// An adaptive session that has been guided for three minutes.
fn guided(person: Person, bug: Option<PlantedBug>) -> Session {
    let mut session = Session::started(adaptive(6_500, 5_500), 30, person, bug);
    session.seconds(180, Strap::On);
    session
}

fn led_count(session: &Session) -> usize {
    session.count(DecisionKind::PaceChanged, Code::Follows)
}

fn row_fails(row: &Row, bug: Option<PlantedBug>) -> Option<&'static str> {
    let mut session = guided(Person::following(5), bug);
    if session.level() != Level::Guiding {
        return Some("never guided");
    }
    let mut after = 0;
    while session.level() < row.level {
        session.second(row.strap);
        after += 1;
        if after > row.within_s {
            return Some(row.name);
        }
    }
    if session.count(DecisionKind::LevelChanged, row.code) == 0 {
        return Some("another reason");
    }
    let led = led_count(&session);
    session.seconds(60, row.strap);
    if led_count(&session) > led {
        return Some("led on bad data");
    }
    let view = session.engine.pacer();
    if view.measured && row.level == Level::Fixed {
        return Some("fixed but called measured");
    }
    None
}

fn artefacts_fail(
    one_in: u64,
    level: Level,
    code: Code,
    bug: Option<PlantedBug>,
) -> Option<&'static str> {
    let mut person = Person::following(6);
    person.ectopic_one_in = Some(one_in);
    let mut session = guided(person, bug);
    session.seconds(120, Strap::On);
    let reached = session.level() >= level && session.count(DecisionKind::LevelChanged, code) > 0;
    (!reached).then_some("artefacts do not fall back")
}

/// How a session with beats that have no order goes wrong.
fn disorder_fails(bug: Option<PlantedBug>) -> Option<&'static str> {
    for seed in 0..4 {
        let person = Person::without_order(seed);
        let mut session = Session::started(adaptive(6_500, 5_500), 30, person, bug);
        session.seconds(180, Strap::On);
        if session.level() < Level::Holding {
            return Some("no order: guided");
        }
        session.seconds(120, Strap::On);
        if session.count(DecisionKind::LevelChanged, Code::BeatsIrregular) == 0 {
            return Some("no order: not said");
        }
        if session.level() != Level::Fixed || session.engine.pacer().measured {
            return Some("no order: not at the fixed pace");
        }
        session.seconds(400, Strap::On);
        let ended = session.engine.summary().map(|summary| summary.outcome);
        if led_count(&session) > 0 || ended != Some(SessionOutcome::Unmeasured) {
            return Some("no order: led, or for ever");
        }
    }
    None
}

fn silence_ends(bug: Option<PlantedBug>) -> Option<&'static str> {
    let mut session = guided(Person::following(5), bug);
    session.seconds(15 + 300 + BREATH_S, Strap::Silent);
    let ended = session.engine.summary().map(|summary| summary.outcome);
    (ended != Some(SessionOutcome::Unmeasured)).then_some("unmeasured for ever")
}

/// What of the fault table fails with a rule broken or none.
pub(super) fn failures(bug: Option<PlantedBug>) -> Vec<&'static str> {
    let mut failures: Vec<_> = ROWS.iter().filter_map(|row| row_fails(row, bug)).collect();
    failures.extend(artefacts_fail(9, Level::Holding, Code::ManyArtefacts, bug));
    failures.extend(artefacts_fail(2, Level::Fixed, Code::TooManyArtefacts, bug));
    failures.extend(disorder_fails(bug));
    failures.extend(silence_ends(bug));
    failures
}

/// REQ-203, goal G8.
#[test]
fn each_row_of_the_fault_table_falls_back_within_a_breath() {
    assert_eq!(failures(None), Vec::<&str>::new());
}

/// REQ-204: what the fence refuses, the session refuses with the fence's reason; it goes on as if
/// nothing had come.
#[test]
fn a_running_session_refuses_what_no_heart_can_have_sent_and_says_why() {
    let mut session = guided(Person::following(5), None);
    let at = session.now();
    let soon = EngineMs(at.0 + 700);
    let last = session
        .steps
        .iter()
        .rev()
        .find_map(|(input, _)| match input {
            Some(Input::Packet { rr, .. }) if !rr.is_empty() => Some(rr.clone()),
            _ => None,
        });
    let cases = [
        (soon, vec![0], "not_an_interval"),
        (soon, vec![900, u16::MAX], "not_an_interval"),
        (soon, vec![900; 33], "too_many"),
        (soon, vec![930; 20], "stuck"),
        (at, last.unwrap(), "duplicate"),
    ];
    for (at, rr, reason) in cases {
        let contact = Some(true);
        let packet = Input::Packet {
            at,
            rr,
            hr: None,
            contact,
        };
        // `send` compares the digests before and after a refusal.
        let refused = session.send(packet).unwrap_err();
        assert_eq!(refused.code, Code::PacketFenced);
        let fence = serde_json::to_value(refused.fence.unwrap()).unwrap();
        assert!(fence.get(reason).is_some(), "{reason}: {fence}");
    }
    let mut undisturbed = guided(Person::following(5), None);
    session.seconds(30, Strap::On);
    undisturbed.seconds(30, Strap::On);
    assert_eq!(session.engine.digest(), undisturbed.engine.digest());
}

/// Whether beats that the last packet ended with are called something else.
pub(super) fn overlaps_are_unnamed(bug: Option<PlantedBug>) -> bool {
    let mut session = guided(Person::following(5), bug);
    session.seconds(20, Strap::Overlapping);
    session.count(DecisionKind::Fenced, Code::BeatsOverlap) < 10
}

/// REQ-147: why beats are left out is shown while they are, and for a minute after.
#[test]
fn why_beats_are_left_out_is_shown_until_a_minute_after() {
    for (strap, seconds, why) in [
        (Strap::Overlapping, 20, LeftOut::Overlap),
        (Strap::Copied(400), 20, LeftOut::Repeated),
        (Strap::Hasty, 1, LeftOut::Ahead),
    ] {
        let mut session = guided(Person::following(5), None);
        let shown = |session: &Session| session.engine.view().features.left_out;
        assert_eq!(shown(&session), None);
        session.seconds(seconds, strap);
        assert_eq!(shown(&session), Some(why));
        session.seconds(55, Strap::On);
        assert_eq!(shown(&session), Some(why));
        session.seconds(10, Strap::On);
        assert_eq!(shown(&session), None);
    }
}

/// REQ-148: it is said once, on record, and shown from then on; nothing is corrected in silence.
#[test]
fn milliseconds_in_the_field_of_ticks_are_said_once_and_shown() {
    let mut session = guided(Person::following(5), None);
    assert_eq!(session.engine.view().features.other_unit, None);
    session.seconds(600, Strap::Millis);
    let said = session.count(DecisionKind::UnitDoubted, Code::MillisForTicks);
    let shown = session.engine.view().features.other_unit;
    assert_eq!((said, shown), (1, Some(OtherUnit::Millis)));
    let mut right = guided(Person::following(5), None);
    right.seconds(600, Strap::On);
    assert_eq!(right.engine.view().features.other_unit, None);
}

/// Whether doubled packets show in the state.
pub(super) fn doubles_show(bug: Option<PlantedBug>) -> bool {
    let mut once = guided(Person::following(5), bug);
    let mut twice = guided(Person::following(5), bug);
    once.seconds(60, Strap::On);
    twice.seconds(60, Strap::Doubled);
    once.engine.digest() != twice.engine.digest()
}

/// REQ-204.
#[test]
fn doubled_packets_change_nothing_but_the_count_of_refusals() {
    assert!(!doubles_show(None));
}

/// REQ-204.
#[test]
fn a_clock_that_leaps_falls_back_at_once_and_one_that_steps_back_is_refused() {
    let mut session = guided(Person::following(5), None);
    let at = session.now();
    let back = Input::Tick {
        at: EngineMs(at.0 - 1),
    };
    assert_eq!(session.send(back).unwrap_err().code, Code::Backstep);
    session
        .send(Input::Tick {
            at: EngineMs(at.0 + 20_000),
        })
        .unwrap();
    assert_eq!(session.level(), Level::Fixed);
    let never = Input::Tick {
        at: EngineMs(u64::MAX),
    };
    assert_eq!(session.send(never).unwrap_err().code, Code::TimeOutOfRange);
    session
        .send(Input::Tick {
            at: EngineMs(zenb::engine::LATEST_MS),
        })
        .unwrap();
    assert!(session.engine.summary().is_some());
}

/// REQ-205, hazard H4: few artefacts are mended and do not stop guidance.
#[test]
fn two_artefacts_in_a_hundred_do_not_stop_guidance() {
    let mut person = Person::following(8);
    person.ectopic_one_in = Some(150);
    let mut session = guided(person, None);
    session.seconds(300, Strap::On);
    assert_eq!(session.level(), Level::Guiding);
    assert!(led_count(&session) > 5);
}

/// REQ-205, hazard H4: a heart full of ectopic beats is never led.
#[test]
fn the_recording_of_many_ectopic_beats_is_refused() {
    let recording = Recording::load("mitbih208");
    let mut session = Session::open(
        opening(adaptive(6_500, 5_500), 20),
        Person::following(1),
        None,
    );
    play_recording(&mut session, &recording, 0, 20);
    assert_eq!(led_count(&session), 0);
    assert!(session.count(DecisionKind::LevelChanged, Code::TooManyArtefacts) > 0);
}

/// REQ-205, hazard H4: a slow heart whose beats have no order, and whose artefacts are few, is held,
/// then paced at the fixed rate, and the session ends without an episode.
#[test]
fn beats_without_order_are_never_led_and_end_unmeasured() {
    assert_eq!(disorder_fails(None), None);
}

/// REQ-205, hazard H4: also before so many slow beats have come that they can be judged.
#[test]
fn beats_without_order_are_not_led_while_they_cannot_be_judged_yet() {
    let mut sessions = 0;
    for mean_bpm in [46.0, 52.0, 60.0, 75.0, 95.0] {
        for half in [0.2, 0.3, 0.4] {
            for correlation in [0.0, 0.3, 0.6] {
                let mut person = Person::without_order(sessions);
                person.mean_bpm = mean_bpm;
                person.breathes = Breathes::Unheard { half, correlation };
                let mut session = Session::started(adaptive(6_500, 5_500), 30, person, None);
                session.seconds(600, Strap::On);
                let case = format!("{mean_bpm} /min within {half}, correlation {correlation}");
                assert_eq!(led_count(&session), 0, "{case}");
                sessions += 1;
            }
        }
    }
}

/// REQ-205, hazard H4: an assessment of beats without order finds nothing.
#[test]
fn an_assessment_of_beats_without_order_is_interrupted() {
    for kind in [Kind::AssessStepped, Kind::AssessSliding] {
        let mut session = Session::started(kind, 30, Person::without_order(5), None);
        session.seconds(1_800, Strap::On);
        let summary = session.engine.summary().unwrap();
        assert_eq!(summary.outcome, SessionOutcome::Unmeasured, "{kind:?}");
        let found = session.count(DecisionKind::AssessmentEnded, Code::RateFound);
        assert_eq!(found, 0, "{kind:?}");
    }
}

/// Sends a recording's intervals from a beat on as a strap would, one packet a second.
pub(super) fn play_recording(
    session: &mut Session,
    recording: &Recording,
    from: usize,
    minutes: u64,
) {
    let answers = zenb::screen::Answers::all_no();
    let at = EngineMs(0);
    session.send(Input::Screen { at, answers }).unwrap();
    session.send(Input::Start { at }).unwrap();
    let (mut ticks, mut packet) = (0_u64, Vec::new());
    for rr in recording.ticks().into_iter().skip(from) {
        packet.push(rr.get() as u16);
        ticks += u64::from(rr.get());
        let now_ms = ticks * 1000 / 1024;
        if now_ms < session.now_ms + 1000 {
            continue;
        }
        if now_ms > minutes * 60_000 || session.engine.summary().is_some() {
            return;
        }
        session.now_ms = now_ms;
        let _fenced = session.send(Input::Packet {
            at: EngineMs(now_ms),
            rr: std::mem::take(&mut packet),
            hr: None,
            contact: None,
        });
    }
}

/// What a fuzzed session may never show.
fn misled(session: &Session) -> Option<&'static str> {
    let mut changes: Vec<(u64, u64, Code)> = Vec::new();
    let mut last_beat = None;
    for (input, step) in &session.steps {
        let Some(input) = input else { continue };
        let at = input.at().0;
        if let Input::Packet { rr, .. } = input
            && !rr.is_empty()
        {
            last_beat = Some(at);
        }
        for decision in &step.events {
            if decision.kind != DecisionKind::PaceChanged {
                continue;
            }
            let value = |name| {
                let found = decision.numbers.iter().find(|n| n.name == name);
                found.unwrap().value as u64
            };
            let from = value(zenb::event::Quantity::FromMilli);
            let to = value(zenb::event::Quantity::ToMilli);
            // A beat is heard up to a second before its packet; both are older than the data.
            let stale = last_beat.is_none_or(|last| at - last > 5_000);
            if decision.code == Code::Follows && stale {
                return Some("led on stale data");
            }
            if from.abs_diff(to) > 100 || !(4_000..=12_000).contains(&to) {
                return Some("a step or a rate out of limits");
            }
            changes.push((at, from.abs_diff(to), decision.code));
            let budgeted = changes
                .iter()
                .filter(|(then, ..)| at - then <= 120_000)
                .map(|(_, by, _)| by)
                .sum::<u64>();
            if budgeted > 500 && !matches!(decision.code, Code::WishedFaster | Code::Scheduled) {
                return Some("too much in two minutes");
            }
        }
    }
    None
}

/// One session in which the strap, the clock and the person do as they like; answers how often the
/// pace changed.
fn fuzzed(seed: u64) -> usize {
    let mut dice = Dice(seed);
    let kind = match dice.below(4) {
        0 => paced(4_500 + dice.below(5_000) as u32),
        1 => zenb::protocol::Kind::AssessSliding,
        _ => adaptive(6_500, 4_500 + dice.below(2_000) as u32),
    };
    let person = if dice.below(3) == 0 {
        Person::alone(seed)
    } else {
        Person::following(seed)
    };
    let mut session = Session::started(kind, 10, person, None);
    session.seconds(80, Strap::On);
    let straps = [
        Strap::On,
        Strap::On,
        Strap::Silent,
        Strap::OffSkin,
        Strap::Doubled,
        Strap::Reordered,
        Strap::Stuck,
        Strap::Absurd,
        Strap::Burst,
    ];
    for _ in 0..8 {
        let strap = straps[dice.below(9) as usize];
        session.seconds(1 + dice.below(24), strap);
        let at = session.now();
        let _over = match dice.below(5) {
            0 => session.send(Input::Faster { at }),
            1 => session.send(Input::Slower { at }),
            2 => {
                session.now_ms += dice.below(30_000);
                session.person.skip_to(session.now_ms);
                Ok(())
            }
            _ => Ok(()),
        };
    }
    assert_eq!(misled(&session), None, "seed {seed}");
    session
        .decisions()
        .filter(|d| d.kind == DecisionKind::PaceChanged)
        .count()
}

/// REQ-203, goal G8.
#[test]
fn no_fuzzed_session_is_led_on_stale_data_or_out_of_its_limits() {
    let changes: usize = (0..600).map(fuzzed).sum();
    println!("600 fuzzed sessions, {changes} changes of pace");
    assert!(changes > 1_000, "{changes}");
}

/// REQ-203, goal G8: the same with as many sessions as the goal asks for, or `ZENB_SESSIONS`.
#[test]
#[ignore = "eleven minutes of CPU: cargo test --release -p zenb --test it -- --ignored --nocapture a_hundred_thousand"]
fn a_hundred_thousand_fuzzed_sessions_are_not_led_on_stale_data() {
    let asked = std::env::var_os("ZENB_SESSIONS");
    let sessions: u64 = asked.map_or(100_000, |count| count.to_str().unwrap().parse().unwrap());
    let changes: usize = (1_000..1_000 + sessions).map(fuzzed).sum();
    println!("{sessions} fuzzed sessions, {changes} changes of pace");
    assert!(changes as u64 > sessions, "{changes}");
}

/// How somebody who breathes alone is led, or kept, all the same.
pub(super) fn leads_who_does_not_follow(bug: Option<PlantedBug>) -> Option<&'static str> {
    let mayer = Person {
        mayer_bpm: 8.0,
        ..Person::new(
            Breathes::Alone {
                rate: 14.0,
                swing_bpm: 2.0,
            },
            3,
        )
    };
    for person in [Person::alone(3), mayer] {
        let mut session = Session::started(adaptive(6_500, 5_000), 20, person, bug);
        session.seconds(600, Strap::On);
        if led_count(&session) > 0 {
            return Some("led");
        }
        let outcome = session.engine.summary().map(|summary| summary.outcome);
        if outcome != Some(SessionOutcome::NotFollowed) {
            return Some("kept");
        }
    }
    None
}

/// REQ-206, hazard H5: a person who breathes alone is not led, and the session ends.
#[test]
fn who_does_not_follow_is_not_led() {
    assert_eq!(leads_who_does_not_follow(None), None);
}

/// REQ-207: who follows is led to the target, slowly.
#[test]
fn who_follows_is_led_to_the_target() {
    let mut session = Session::started(adaptive(6_500, 5_500), 20, Person::following(4), None);
    session.seconds(900, Strap::On);
    assert_eq!(session.engine.pacer().milli_breaths, 5_500);
    assert!(session.engine.pacer().measured);
    assert_eq!(misled(&session), None);
    session.seconds(301, Strap::On);
    let outcome = session.engine.summary().map(|summary| summary.outcome);
    assert_eq!(outcome, Some(SessionOutcome::Completed));
}
