//! How often memory is asked for while a session runs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use zenb::engine::{Engine, Input};
use zenb::features::{Extractor, PaceAt, WindowConfig};
use zenb::screen::Answers;
use zenb::timeline::{Packet, Timeline};
use zenb::units::{BreathsPerMinute, EngineMs};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends frees memory after its locals are gone: that is not counted.
    let _uncounted = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is this function's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is this function's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is this function's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(run: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    run();
    COUNT.with(Cell::get) - before
}

/// Intervals near 60 beats a minute that swing with a breath of ten seconds, in 1/1024 s, each with its arrival.
fn beats(count: usize) -> impl Iterator<Item = (EngineMs, u16)> {
    let swing = [50, 80, 100, 105, 90, 60, 30, 5, 0, 20];
    let mut ticks = 0;
    (0..count).map(move |beat| {
        let rr = 950 + swing[beat % swing.len()];
        ticks += u64::from(rr);
        (EngineMs(1_000 + ticks * 1000 / 1024), rr)
    })
}

#[test]
fn the_counter_counts() {
    assert_eq!(
        allocations_of(|| drop(black_box(Vec::<u8>::with_capacity(10)))),
        1
    );
}

/// Goal G13.
#[test]
fn measuring_asks_for_no_memory_after_start_up() {
    let (mut timeline, mut extractor) = (Timeline::new(), Extractor::new(WindowConfig::SESSION));
    let rate = BreathsPerMinute::from_f64(6.0).expect("a rate");
    let count = allocations_of(|| {
        for (at, rr) in beats(2_000) {
            let phase_q32 = ((u128::from(at.0) << 32) / 10_000) as u32;
            let packet = Packet {
                at,
                rr: &[rr],
                contact: None,
            };
            let accepted = timeline.accept(packet).expect("beats in order");
            extractor.push(
                &accepted,
                Some(PaceAt {
                    at,
                    rate,
                    phase_q32,
                }),
            );
        }
    });
    assert_eq!(count, 0);
    let features = black_box(extractor.features(beats(2_000).last().expect("beats").0));
    assert!(features.lf_milli_ms2.value().is_some() && features.following.value().is_some());
}

/// Goal G13: what a step hands over, its decisions and their numbers, is memory of the caller's.
#[test]
fn a_step_asks_for_memory_only_for_what_it_hands_over() {
    let opening = serde_json::json!({
        "protocol": {"kind": {"paced": {"pace": {"milli_breaths": 6000, "inhale_permille": 400}}}, "minutes": 30},
        "inhibitions": {"loaded": zenb::inhibition::Inhibitions::none()},
        "breathed_today_ms": 0, "wall_ms": 1_795_000_000_000_i64, "seed": 7,
    });
    let (mut engine, _) = Engine::open(&serde_json::from_value(opening).expect("an opening"));
    let at = EngineMs(0);
    engine
        .step(&Input::Screen {
            at,
            answers: Answers::all_no(),
        })
        .expect("a screen");
    engine.step(&Input::Start { at }).expect("a start");
    let (mut silent, mut most) = (0, 0);
    for (at, rr) in beats(1_500) {
        let input = Input::Packet {
            at,
            rr: vec![rr],
            hr: None,
            contact: None,
        };
        let mut decisions = 0;
        let count = allocations_of(|| {
            let step = engine.step(&input).expect("beats in order");
            decisions = step.events.len() as u64;
            black_box(step);
        });
        most = most.max(count);
        silent += u64::from(decisions == 0);
        // The paced beat, the list of decisions, and each decision's numbers, which may grow once.
        assert!(
            count <= 2 + 3 * decisions,
            "{count} allocations for {decisions} decisions"
        );
    }
    assert!(most > 0, "the count counts nothing");
    assert!(silent > 1_000);
}
