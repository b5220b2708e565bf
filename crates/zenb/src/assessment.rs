//! Looking for the rate at which the heart swings most.
//!
//! *Stepped*: 6.5, 6.0, 5.5, 5.0 and 4.5 /min in an order drawn from the session's seed, two minutes
//! each, of which the first 30 s are not used, with 30 s without a pacer in between. *Sliding*: from
//! 6.75 to 4.25 /min in 78 steps of one breath, each breath 67.04 ms longer than the one before
//! (Fisher & Lehrer 2021), read in groups of six breaths.
//!
//! [`crate::criteria`] reads each stretch and judges them all.

use alloc::vec::Vec;

use serde::Serialize;

use crate::criteria::Found;
use crate::criteria::Measures;
use crate::criteria::PacedBeat;
use crate::criteria::Verdict;
use crate::criteria::judge;
use crate::criteria::measure;
use crate::protocol::ASSESSMENT_MILLI_MAX;
use crate::protocol::Kind;
use crate::units::EngineMs;

/// The rates of the stepped assessment, thousandths of a breath per minute.
pub const STEPS_MILLI: [u32; 5] = [6_500, 6_000, 5_500, 5_000, 4_500];
/// How long each lasts.
pub const STEP_MS: u64 = 120_000;
/// How much of each is not used.
pub const STEP_SETTLE_MS: u64 = 30_000;
/// The pause between two.
pub const PAUSE_MS: u64 = 30_000;
/// How often the sliding assessment changes its rate.
pub const SLIDE_STEPS: u32 = 78;
/// By how much it lengthens the breath each time.
pub const SLIDE_STEP_US: u64 = 67_040;
/// How many breaths are read together.
pub const SLIDE_GROUP: u32 = 6;
/// The most beats that one stretch can hold: two minutes and some at 220 beats a minute.
const BEATS_MAX: usize = 512;

/// The rate of the sliding assessment's breath, from 0 to [`SLIDE_STEPS`].
pub fn slide_milli(breath: u32) -> u32 {
    let first_us = 60_000_000_000 / u64::from(ASSESSMENT_MILLI_MAX);
    let breath_us = first_us + u64::from(breath.min(SLIDE_STEPS)) * SLIDE_STEP_US;
    u32::try_from((60_000_000_000 + breath_us / 2) / breath_us)
        .expect("a breath of 8 to 15 s is 4000 to 7000 milli-breaths a minute")
}

/// The order of the steps that a seed draws (SplitMix64 and Fisher-Yates).
pub fn drawn_order(seed: u64) -> [u32; 5] {
    let mut order = STEPS_MILLI;
    let mut state = seed;
    for last in (1..order.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The bias of a remainder by at most 5 of 2^64 cannot be seen.
        order.swap(last, (mixed % (last as u64 + 1)) as usize);
    }
    order
}

/// A running assessment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assessment {
    plan: Plan,
    beats: Vec<PacedBeat>,
    spoiled: bool,
    read: Vec<Measures>,
    verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Plan {
    Stepped {
        order: [u32; 5],
        index: u8,
        began: Option<EngineMs>,
        rests_until: Option<EngineMs>,
    },
    Sliding {
        step: u32,
        /// The pacer's breath in which the last step was made.
        at_breath: u32,
    },
}

/// What the pacer is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Go on.
    Stay,
    /// Take this rate, thousandths of a breath per minute.
    Change(u32),
    /// Pause.
    Rest,
    /// Start again at this rate.
    Start(u32),
    /// It is over.
    Finished,
}

impl Assessment {
    /// The assessment of a protocol, if it is one.
    pub fn new(kind: Kind, seed: u64) -> Option<Self> {
        let plan = match kind {
            Kind::AssessStepped => Plan::Stepped {
                order: drawn_order(seed),
                index: 0,
                began: None,
                rests_until: None,
            },
            Kind::AssessSliding => Plan::Sliding {
                step: 0,
                at_breath: 0,
            },
            Kind::Paced { .. } | Kind::Adaptive { .. } => return None,
        };
        Some(Self {
            plan,
            beats: Vec::new(),
            spoiled: false,
            read: Vec::new(),
            verdict: None,
        })
    }

    /// The rate to begin with.
    pub fn first_milli(&self) -> u32 {
        match self.plan {
            Plan::Stepped { order, .. } => order[0],
            Plan::Sliding { .. } => slide_milli(0),
        }
    }

    /// Notes that the pacer began.
    pub fn begin(&mut self, now: EngineMs) {
        if let Plan::Stepped { began, .. } = &mut self.plan {
            *began = Some(now);
        }
    }

    /// Takes a beat that happened while the pacer ran.
    pub fn take(&mut self, beat: PacedBeat) {
        if let Plan::Stepped {
            began: Some(began), ..
        } = self.plan
            && beat.at.since(began) < STEP_SETTLE_MS
        {
            return;
        }
        if self.beats.len() < BEATS_MAX {
            self.beats.push(beat);
        }
    }

    /// Notes that the data of this stretch failed.
    pub fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// Notes that beats are missing between those taken and the next.
    pub fn broken(&mut self) {
        self.spoiled |= !self.beats.is_empty();
    }

    /// Ends the assessment early.
    pub fn interrupt(&mut self) {
        self.verdict
            .get_or_insert_with(|| Verdict::interrupted(&self.read));
    }

    /// What was found, once it is over.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// What has been read so far, in the order offered.
    pub fn read(&self) -> &[Measures] {
        &self.read
    }

    /// How many stretches there are.
    pub fn stretches(&self) -> u32 {
        match self.plan {
            Plan::Stepped { order, .. } => order.len() as u32,
            Plan::Sliding { .. } => SLIDE_STEPS / SLIDE_GROUP,
        }
    }

    /// What the pacer is to do at `now`, `breaths` after its start. `guiding` is whether the data
    /// are good; the slide waits while they are not.
    pub fn advance(&mut self, now: EngineMs, breaths: u32, guiding: bool) -> Move {
        if self.verdict.is_some() {
            return Move::Finished;
        }
        match self.plan {
            Plan::Stepped {
                order,
                index,
                rests_until: Some(until),
                ..
            } => {
                if now < until {
                    return Move::Stay;
                }
                self.plan = Plan::Stepped {
                    order,
                    index,
                    began: None,
                    rests_until: None,
                };
                Move::Start(order[usize::from(index)])
            }
            Plan::Stepped {
                order,
                index,
                began,
                rests_until: None,
            } => self.step(now, order, index, began),
            Plan::Sliding { step, at_breath } => self.slide(breaths, step, at_breath, guiding),
        }
    }

    fn step(&mut self, now: EngineMs, order: [u32; 5], index: u8, began: Option<EngineMs>) -> Move {
        if began.is_none_or(|began| now.since(began) < STEP_MS) {
            return Move::Stay;
        }
        self.close(order[usize::from(index)]);
        if usize::from(index) + 1 == order.len() {
            self.verdict = Some(judge(&self.read, Found::BetweenSteps));
            return Move::Finished;
        }
        self.plan = Plan::Stepped {
            order,
            index: index + 1,
            began: None,
            rests_until: Some(EngineMs(now.0.saturating_add(PAUSE_MS))),
        };
        Move::Rest
    }

    fn slide(&mut self, breaths: u32, step: u32, at_breath: u32, guiding: bool) -> Move {
        if breaths == at_breath || !guiding {
            return Move::Stay;
        }
        let next = step + 1;
        if next.is_multiple_of(SLIDE_GROUP) {
            self.close(slide_milli(next - SLIDE_GROUP / 2));
        }
        if next > SLIDE_STEPS {
            self.verdict = Some(judge(&self.read, Found::AlongTheSlide));
            return Move::Finished;
        }
        self.plan = Plan::Sliding {
            step: next,
            at_breath: breaths,
        };
        Move::Change(slide_milli(next))
    }

    /// Reads the stretch that ends here.
    fn close(&mut self, milli: u32) {
        let beats = core::mem::take(&mut self.beats);
        let spoiled = core::mem::take(&mut self.spoiled);
        let measures = measure(milli, &beats);
        self.read.push(if spoiled {
            measures.spoiled()
        } else {
            measures
        });
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_slide_goes_from_6_75_to_4_25_by_67_04_ms_a_breath() {
        assert_eq!(slide_milli(0), 6_750);
        assert_eq!(slide_milli(SLIDE_STEPS), 4_250);
        for breath in 0..SLIDE_STEPS {
            let (now, next) = (slide_milli(breath), slide_milli(breath + 1));
            let longer_us = 60_000_000_000 / u64::from(next) - 60_000_000_000 / u64::from(now);
            assert!(longer_us.abs_diff(SLIDE_STEP_US) < 4_000, "{longer_us}");
        }
    }

    #[test]
    fn seeds_draw_every_order_of_the_steps() {
        let orders: BTreeSet<[u32; 5]> = (0..5_000).map(drawn_order).collect();
        assert_eq!(orders.len(), 120);
        for mut order in orders {
            order.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!(order, STEPS_MILLI);
        }
    }
}
