//! Seeds. `JOURNAL_SEEDS` asks for more of them than the quick default.

#![expect(
    clippy::print_stdout,
    reason = "which seed catches which bug is worth reading"
)]

use journal::{
    bug::PlantedBug,
    sim::{run, run_planted},
};

const SEEDS: u64 = 300;
/// Every planted bug is caught within so many seeds.
const SEEDS_TO_CATCH: u64 = 200;

fn seeds() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test may be asked for more seeds"
    )]
    let asked = std::env::var("JOURNAL_SEEDS").ok();
    asked.map_or(SEEDS, |asked| {
        asked.parse().expect("JOURNAL_SEEDS is a number")
    })
}

#[test]
fn no_seed_breaks_a_promise() {
    for seed in 0..seeds() {
        let outcome = run(seed);
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:?}\n{}",
            outcome.violations,
            outcome.trace
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

#[test]
fn every_planted_bug_is_caught() {
    for bug in PlantedBug::ALL {
        let caught = (0..SEEDS_TO_CATCH)
            .find_map(|seed| Some((seed, run_planted(seed, bug).violations.into_iter().next()?)));
        match caught {
            Some((seed, violation)) => println!("{bug:?}: seed {seed}: {violation}"),
            None => panic!("{bug:?} is not caught by {SEEDS_TO_CATCH} seeds"),
        }
    }
}
