//! The deciding half: guards, fallback, belief, assessment, inhibitions, replay.
#![expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of what it shows"
)]

mod assessing;
mod faults;
mod golden;
mod guards;
mod inhibiting;
mod model;
mod modes;
mod mutations;
mod pacing;
mod person;
mod projections;
mod replaying;
mod session;
mod times;
mod trials;
mod wording;
