//! The heart over a whole session, for who takes its figures elsewhere.
//!
//! The packets go through the same fence, the beats through the same judgement and mending, as
//! while the session ran. What was fenced or mended, or had no order, lowers the quality; where it was
//! too much, or there is too little, there is no figure.

use alloc::vec::Vec;

use crate::artefact::classify;
use crate::artefact::correct;
use crate::engine::Input;
use crate::features::LEAST_BEATS;
use crate::features::LEAST_SECONDS;
use crate::features::MOST_MENDED_PERMILLE;
use crate::guard::ARTEFACT_HOLD_PERMILLE;
use crate::metrics;
use crate::rhythm::Rhythm;
use crate::scale::OtherUnit;
use crate::timeline::Accepted;
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
    /// At how many of the beats the rhythm had no order.
    pub irregular: u64,
    /// The unit that the intervals are in, if not the one that they are said to be in.
    pub other_unit: Option<OtherUnit>,
}

impl Overall {
    /// The figures of a session's inputs, in their order.
    pub fn of<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> Self {
        let heard = Heard::of(inputs);
        let mut sums = Sums::default();
        let (mut mended, mut differences) = (0, 0);
        for segment in &heard.segments {
            let normal = correct(segment, &classify(segment));
            mended += normal.iter().filter(|beat| beat.mended).count() as u64;
            differences += (normal.len() as u64).saturating_sub(1);
            let intervals = normal.iter().map(|beat| u64::from(beat.rr.get()));
            sums.pool(&Sums::of(Unit::TICKS, intervals));
        }
        let of_mean = quality(&sums, mended, heard.fenced);
        let quality = of_mean.and_then(|quality| in_order(quality, &heard, sums.count));
        Self {
            heart_rate_milli_bpm: read(of_mean, metrics::heart_rate(&sums, Unit::TICKS)),
            sdnn_us: read(quality, metrics::sdnn_ms(&sums, Unit::TICKS)),
            rmssd_us: read(quality, metrics::rmssd_of(&sums, differences, Unit::TICKS)),
            beats: sums.count,
            mended,
            fenced: heard.fenced,
            irregular: heard.irregular,
            other_unit: heard.other_unit,
        }
    }

    /// Whether so little was mended, left out or without order that guidance would have rested on it,
    /// and the unit is not in doubt.
    pub fn is_relied_on(&self) -> bool {
        let good = 1000 - ARTEFACT_HOLD_PERMILLE;
        if self.other_unit.is_some() {
            return false;
        }
        matches!(self.sdnn_us, Measured::Known { quality, .. } if quality.permille() >= good)
    }
}

/// What the time line made of a session's packets.
#[derive(Default)]
struct Heard {
    /// Unbroken stretches of beats.
    segments: Vec<Vec<Ticks>>,
    /// How many intervals the time line left out.
    fenced: u64,
    /// At how many of the beats the rhythm was irregular.
    irregular: u64,
    other_unit: Option<OtherUnit>,
}

/// What the fence takes of a recording, packet by packet.
pub fn accepted<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> impl Iterator<Item = Accepted> {
    let mut timeline = Timeline::new();
    inputs.into_iter().filter_map(move |input| match input {
        Input::Packet {
            at, rr, contact, ..
        } => {
            let (at, contact) = (*at, *contact);
            timeline.accept(Packet { at, rr, contact }).ok()
        }
        other => {
            timeline.pass(other.at());
            None
        }
    })
}

impl Heard {
    fn of<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> Self {
        let (mut heard, mut rhythm) = (Self::default(), Rhythm::default());
        for accepted in accepted(inputs) {
            heard.take(&accepted, &mut rhythm);
        }
        heard
    }

    fn take(&mut self, accepted: &Accepted, rhythm: &mut Rhythm) {
        self.fenced += accepted.fenced.map_or(0, |it| u64::from(it.count));
        self.other_unit = accepted.other_unit;
        if accepted.opens_segment {
            self.segments.push(Vec::new());
            rhythm.clear();
        }
        for beat in accepted.beats() {
            self.irregular += u64::from(rhythm.push(beat).is_some());
            if let Some(segment) = self.segments.last_mut() {
                segment.push(beat.rr);
            }
        }
    }
}

/// The quality of what rests on the order of the beats; none where a fifth of them had none.
fn in_order(quality: Quality, heard: &Heard, beats: u64) -> Result<Quality, Reason> {
    if heard.irregular * 1000 > MOST_MENDED_PERMILLE * beats {
        return Err(Reason::Irregular);
    }
    let ordered = beats.saturating_sub(heard.irregular);
    Ok(quality.and(Quality::share(ordered, beats)))
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
