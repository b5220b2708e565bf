//! The heart over a whole session, for who takes its figures elsewhere.
//!
//! The packets go through the same fence, the beats through the same judgement and mending, as
//! while the session ran. What was fenced or mended lowers the quality; where it was too much, or
//! there is too little, there is no figure.

use alloc::vec::Vec;

use crate::artefact::classify;
use crate::artefact::correct;
use crate::engine::Input;
use crate::features::LEAST_BEATS;
use crate::features::LEAST_SECONDS;
use crate::features::MOST_MENDED_PERMILLE;
use crate::guard::ARTEFACT_HOLD_PERMILLE;
use crate::metrics;
use crate::timeline::Packet;
use crate::timeline::Timeline;
use crate::units::Measured;
use crate::units::Quality;
use crate::units::Reason;
use crate::units::Ticks;
use crate::units::round_to_i64;
use crate::window::Sums;
use crate::window::Unit;

/// The figures of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overall {
    /// Mean heart rate, thousandths of a beat per minute.
    pub heart_rate_milli_bpm: Measured<u32>,
    /// Standard deviation (n - 1) of the intervals, in microseconds.
    pub sdnn_us: Measured<u32>,
    /// Root mean square of successive differences, in microseconds.
    pub rmssd_us: Measured<u32>,
    /// Intervals that the figures rest on.
    pub beats: u64,
    /// How many of them were mended.
    pub mended: u64,
    /// How many more came from no one heart, and were left out.
    pub fenced: u64,
}

impl Overall {
    /// The figures of a session's inputs, in their order.
    pub fn of<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> Self {
        let (segments, fenced) = segments(inputs);
        let mut sums = Sums::default();
        let (mut mended, mut differences) = (0, 0);
        for segment in &segments {
            let normal = correct(segment, &classify(segment));
            mended += normal.iter().filter(|beat| beat.mended).count() as u64;
            differences += (normal.len() as u64).saturating_sub(1);
            let intervals = normal.iter().map(|beat| u64::from(beat.rr.get()));
            sums.pool(&Sums::of(Unit::TICKS, intervals));
        }
        let quality = quality(&sums, mended, fenced);
        let read = |value: Option<f64>| read(quality, value);
        Self {
            heart_rate_milli_bpm: read(metrics::heart_rate(&sums, Unit::TICKS)),
            sdnn_us: read(metrics::sdnn_ms(&sums, Unit::TICKS)),
            rmssd_us: read(metrics::rmssd_of(&sums, differences, Unit::TICKS)),
            beats: sums.count,
            mended,
            fenced,
        }
    }

    /// Whether so little was mended and left out that guidance would have rested on it.
    pub fn is_relied_on(&self) -> bool {
        let good = 1000 - ARTEFACT_HOLD_PERMILLE;
        matches!(self.sdnn_us, Measured::Known { quality, .. } if quality.permille() >= good)
    }
}

/// Unbroken stretches of beats, and how many intervals the time line left out.
fn segments<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> (Vec<Vec<Ticks>>, u64) {
    let mut timeline = Timeline::new();
    let mut segments: Vec<Vec<Ticks>> = Vec::new();
    let mut fenced = 0;
    for input in inputs {
        let Input::Packet {
            at, rr, contact, ..
        } = input
        else {
            timeline.pass(input.at());
            continue;
        };
        let packet = Packet {
            at: *at,
            rr,
            contact: *contact,
        };
        let Ok(accepted) = timeline.accept(packet) else {
            continue;
        };
        fenced += accepted.fenced.map_or(0, |fenced| u64::from(fenced.count));
        if accepted.opens_segment {
            segments.push(Vec::new());
        }
        if let Some(segment) = segments.last_mut() {
            segment.extend(accepted.beats().map(|beat| beat.rr));
        }
    }
    (segments, fenced)
}

fn quality(sums: &Sums, mended: u64, fenced: u64) -> Result<Quality, Reason> {
    let heard = sums.count + fenced;
    let seconds = u64::try_from(sums.sum / 1024).unwrap_or(u64::MAX);
    if (mended + fenced) * 1000 > MOST_MENDED_PERMILLE * heard {
        Err(Reason::Artefacts)
    } else if sums.count < LEAST_BEATS || seconds < LEAST_SECONDS {
        Err(Reason::TooFewBeats)
    } else {
        Ok(Quality::share(heard - mended - fenced, heard))
    }
}

fn read(quality: Result<Quality, Reason>, value: Option<f64>) -> Measured<u32> {
    let value = value.and_then(|value| round_to_i64(value * 1000.0));
    match (quality, value.and_then(|value| u32::try_from(value).ok())) {
        (Err(reason), _) => Measured::NotMeasured(reason),
        (Ok(_), None) => Measured::NotMeasured(Reason::OutOfRange),
        (Ok(quality), Some(value)) => Measured::Known { value, quality },
    }
}
