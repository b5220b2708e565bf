//! A series of intervals as a strap would send it, and a pacer beside it.

use serde_json::Value;
use zenb::features::Extractor;
use zenb::features::Features;
use zenb::features::PaceAt;
use zenb::features::WindowConfig;
use zenb::timeline::Packet;
use zenb::timeline::Timeline;
use zenb::units::BreathsPerMinute;
use zenb::units::EngineMs;
use zenb::units::Ticks;

/// Rates and the seconds for which each is held, one after the other without a jump of phase.
#[derive(Clone, Debug)]
pub(crate) struct Paces(pub(crate) Vec<(f64, f64)>);

impl Paces {
    pub(crate) fn of_truth(truth: &Value) -> Self {
        let segments = truth["segments"].as_array().unwrap();
        let number = |segment: &Value, name: &str| segment[name].as_f64().unwrap();
        Self(
            segments
                .iter()
                .map(|s| (number(s, "rate_bpm"), number(s, "dur_s")))
                .collect(),
        )
    }

    /// The rate at `seconds`, how long it has been held, and the breaths done so far.
    pub(crate) fn at(&self, seconds: f64) -> (f64, f64, f64) {
        let (mut start, mut breaths) = (0.0, 0.0);
        for (i, (rate, held)) in self.0.iter().enumerate() {
            let last = i + 1 == self.0.len();
            if seconds < start + held || last {
                let inside = seconds - start;
                return (*rate, inside, breaths + rate / 60.0 * inside);
            }
            start += held;
            breaths += rate / 60.0 * held;
        }
        unreachable!("there is at least one pace")
    }

    /// The pacer; a phantom's lung volume is sin(2π breaths), so its inhale starts a quarter
    /// breath earlier.
    pub(crate) fn pace_at(&self, at: EngineMs) -> PaceAt {
        let (rate, _, breaths) = self.at(at.0 as f64 / 1000.0);
        let phase = (breaths + 0.25).rem_euclid(1.0);
        PaceAt {
            at,
            rate: BreathsPerMinute::from_f64(rate).unwrap(),
            phase_q32: (phase * 4_294_967_296.0) as u64 as u32,
        }
    }
}

/// Sends the intervals in packets about a second apart and gives the features after each. The
/// first beat, which has no interval yet, comes one interval after the session's start.
pub(crate) fn play(
    rr: &[Ticks],
    paces: Option<&Paces>,
    config: WindowConfig,
    mut each: impl FnMut(EngineMs, &Features),
) {
    let mut timeline = Timeline::new();
    let mut extractor = Extractor::new(config);
    let mut ticks = rr.first().map_or(0, |rr| u64::from(rr.get()));
    let mut packet = Vec::new();
    let mut sent_ms = 0;
    for interval in rr {
        ticks += u64::from(interval.get());
        packet.push(interval.get() as u16);
        let now = ticks * 1000 / 1024;
        if now < sent_ms + 1000 {
            continue;
        }
        sent_ms = now;
        let at = EngineMs(now);
        let accepted = timeline
            .accept(Packet {
                at,
                rr: &packet,
                contact: Some(true),
            })
            .unwrap();
        packet.clear();
        extractor.push(&accepted, paces.map(|paces| paces.pace_at(at)));
        each(at, &extractor.features(at));
    }
}
