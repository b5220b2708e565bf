//! What is measured after each beat, as integers.
//!
//! [`Extractor`] judges and mends beats as they come ([`crate::artefact`], six beats behind), keeps
//! the mended ones of the longest window, and measures. Packets lost between two segments are not
//! bridged: every window starts again, and says so until it is long enough.

use alloc::collections::VecDeque;

use serde::Deserialize;
use serde::Serialize;

use crate::artefact::Causal;
use crate::artefact::Class;
use crate::artefact::Judged;
use crate::artefact::Mender;
use crate::artefact::Normal;
use crate::breath;
use crate::breath::Sample;
use crate::canon::Canon;
use crate::canon::Sink;
use crate::metrics;
use crate::rhythm::Rhythm;
use crate::scale::OtherUnit;
use crate::spectrum::R1;
use crate::timeline::Accepted;
use crate::timeline::LeftOut;
use crate::units::BreathsPerMinute;
use crate::units::EngineMs;
use crate::units::Measured;
use crate::units::Quality;
use crate::units::Reason;
use crate::units::round_to_i64;
use crate::window::Unit;
use crate::window::Window;

/// Beats older than this say nothing about now.
pub const STALE_MS: u64 = 5_000;
/// The span over which artefacts are counted.
pub const ARTEFACT_SPAN_MS: u64 = 60_000;
/// A window of which more was mended than this measures nothing, in permille.
pub(crate) const MOST_MENDED_PERMILLE: u64 = 200;
/// The fewest beats and seconds for SDNN, RMSSD and pNN50.
pub(crate) const LEAST_BEATS: u64 = 20;
pub(crate) const LEAST_SECONDS: u64 = 30;
/// The least seconds for LF and HF, one whole segment of the spectrum; VLF needs 300 s.
const SPECTRUM_SECONDS: u64 = 65;
const VLF_SECONDS: u64 = 290;
/// Beats whose mean is the heart rate shown.
const HEART_RATE_BEATS: usize = 10;
/// Room for beats: five minutes at 400 a minute.
const MOST_BEATS: usize = 2048;
/// Room for judgements: a minute at 400 a minute, with some to spare.
const MOST_JUDGED: usize = 512;
/// Where the pacer was, twice a second for as long as a beat waits for its judgement.
const MOST_PACES: usize = 64;
const PACE_EVERY_MS: u64 = 500;
/// A beat this far from any known place of the pacer is not laid on it.
const PACE_REACH_MS: u64 = 15_000;

/// The pacer as it stands at a moment: where in the breath, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceAt {
    /// The moment.
    pub at: EngineMs,
    /// The pace.
    pub rate: BreathsPerMinute,
    /// Where in the breath, in 2^-32 turns; 0 is the start of the inhale.
    pub phase_q32: u32,
}

impl PaceAt {
    /// Where the pacer was, or will be, at another moment, had it kept this pace.
    pub fn phase_at(&self, at: EngineMs) -> u32 {
        let apart = i128::from(at.0) - i128::from(self.at.0);
        let turned = ((apart * i128::from(self.rate.milli())) << 32).div_euclid(60_000_000);
        self.phase_q32.wrapping_add(turned as u32)
    }
}

/// How the heart follows a known pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacedFollow {
    /// The share of the heart's swing that is at the pace, in thousandths.
    pub share_permille: u16,
    /// Peak to trough of the swing at the pace, in thousandths of a beat per minute.
    pub amplitude_milli_bpm: u32,
    /// How far the swing's peak lags a quarter turn of the pacer, which is the middle of an inhale
    /// as long as the exhale, in thousandths of a turn, -500 to 499.
    pub lag_permille: i16,
}

/// The highest bin of the LF band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LfPeak {
    /// Its frequency in thousandths of a Hz.
    pub milli_hz: u32,
    /// Its density in ms²/Hz.
    pub height_ms2_per_hz: u64,
    /// Other peaks of the band at least half as high.
    pub rivals: u8,
}

/// What is known after the newest beat. Integers only, rounded once, half away from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Mean heart rate over ten beats, in thousandths of a beat per minute.
    pub heart_rate_milli_bpm: Measured<u32>,
    /// Standard deviation (n - 1) of the intervals, in microseconds.
    pub sdnn_us: Measured<u32>,
    /// Root mean square of successive differences, in microseconds.
    pub rmssd_us: Measured<u32>,
    /// Share of successive differences above 50 ms, in thousandths.
    pub pnn50_permille: Measured<u16>,
    /// Power in 0.0033 to 0.04 Hz, in thousandths of ms².
    pub vlf_milli_ms2: Measured<u64>,
    /// Power in 0.04 to 0.15 Hz, in thousandths of ms².
    pub lf_milli_ms2: Measured<u64>,
    /// Power in 0.15 to 0.40 Hz, in thousandths of ms².
    pub hf_milli_ms2: Measured<u64>,
    /// The highest bin between 0.04 and 0.15 Hz.
    pub lf_peak: Measured<LfPeak>,
    /// Beats of the last 60 s that had to be mended, in thousandths of all.
    pub artefact_permille_60s: u16,
    /// Since when the beats have had no order; but for the heart rate, nothing is measured then.
    pub irregular_since: Option<EngineMs>,
    /// Breathing rate.
    pub breath: Measured<BreathsPerMinute>,
    /// How the heart follows the pacer.
    pub following: Measured<PacedFollow>,
    /// Mean over breaths of the highest less the lowest heart rate, in thousandths of a beat per
    /// minute.
    pub peak_to_trough_milli_bpm: Measured<u32>,
    /// Whether the strap says it touches the skin; `None` if it cannot tell.
    pub contact: Option<bool>,
    /// Why beats of the last minute were left out, if some were: the newest reason.
    pub left_out: Option<LeftOut>,
    /// The unit that the intervals are in, if not the one that they are said to be in: then each figure
    /// of time is 2.4 % off, the other way for rates.
    pub other_unit: Option<OtherUnit>,
    /// When the newest beat was, in host time.
    pub last_beat_at: Option<EngineMs>,
    /// Grows by one whenever beats were lost.
    pub segment: u32,
}

impl Features {
    /// Nothing is known, for one reason.
    pub const fn unmeasured(reason: Reason) -> Self {
        Self {
            heart_rate_milli_bpm: Measured::NotMeasured(reason),
            sdnn_us: Measured::NotMeasured(reason),
            rmssd_us: Measured::NotMeasured(reason),
            pnn50_permille: Measured::NotMeasured(reason),
            vlf_milli_ms2: Measured::NotMeasured(reason),
            lf_milli_ms2: Measured::NotMeasured(reason),
            hf_milli_ms2: Measured::NotMeasured(reason),
            lf_peak: Measured::NotMeasured(reason),
            artefact_permille_60s: 0,
            irregular_since: None,
            breath: Measured::NotMeasured(reason),
            following: Measured::NotMeasured(reason),
            peak_to_trough_milli_bpm: Measured::NotMeasured(reason),
            contact: None,
            left_out: None,
            other_unit: None,
            last_beat_at: None,
            segment: 0,
        }
    }

    /// The same circumstances, with nothing measured.
    fn without_values(&self, reason: Reason) -> Self {
        Self {
            artefact_permille_60s: self.artefact_permille_60s,
            irregular_since: self.irregular_since,
            contact: self.contact,
            left_out: self.left_out,
            other_unit: self.other_unit,
            last_beat_at: self.last_beat_at,
            segment: self.segment,
            ..Self::unmeasured(reason)
        }
    }
}

/// How long the windows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowConfig {
    /// Seconds for SDNN, RMSSD and pNN50.
    pub time_domain_s: u32,
    /// Seconds for the spectrum, at most 300.
    pub spectrum_s: u32,
}

impl WindowConfig {
    /// A session: two minutes, and the five of the Task Force (1996) for the spectrum.
    pub const SESSION: Self = Self {
        time_domain_s: 120,
        spectrum_s: 300,
    };
    /// A step of an assessment: what two minutes at one pace hold once the first breaths are past.
    pub const ASSESSMENT: Self = Self {
        time_domain_s: 100,
        spectrum_s: 100,
    };
}

/// A mended beat, and where the pacer was in the middle of its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    beat: Normal,
    phase: Option<u32>,
}

/// Measures after each beat.
#[derive(Clone, Debug)]
pub struct Extractor {
    config: WindowConfig,
    rhythm: Rhythm,
    causal: Causal,
    mender: Mender,
    beats: VecDeque<Seen>,
    /// The sum of `beats`, in ticks.
    ticks: u64,
    window: Window,
    judged: VecDeque<(EngineMs, bool)>,
    /// When beats of the last [`ARTEFACT_SPAN_MS`] were left out by the time line.
    fenced: VecDeque<EngineMs>,
    paces: VecDeque<PaceAt>,
    features: Features,
    r1: R1,
}

impl Extractor {
    /// Nothing measured. All memory is allocated here.
    pub fn new(config: WindowConfig) -> Self {
        Self {
            config,
            rhythm: Rhythm::default(),
            causal: Causal::default(),
            mender: Mender::default(),
            beats: VecDeque::with_capacity(MOST_BEATS + 1),
            ticks: 0,
            window: Window::new(Unit::TICKS, config.time_domain_s, MOST_BEATS),
            judged: VecDeque::with_capacity(MOST_JUDGED + 1),
            fenced: VecDeque::with_capacity(MOST_JUDGED + 1),
            paces: VecDeque::with_capacity(MOST_PACES + 1),
            features: Features::unmeasured(Reason::TooFewBeats),
            r1: R1::default(),
        }
    }

    /// Takes what the time line accepted, and where the pacer was on arrival if one was running.
    pub fn push(&mut self, accepted: &Accepted, pace: Option<PaceAt>) -> &Features {
        self.note_pace(pace);
        self.features.contact = accepted.contact;
        self.features.other_unit = accepted.other_unit;
        self.features.segment = accepted.segment;
        if accepted.opens_segment {
            self.start_segment();
        }
        let mut taken = self.note_fenced(accepted);
        for beat in accepted.beats() {
            taken = true;
            self.features.last_beat_at = Some(beat.at);
            self.features.irregular_since = self.rhythm.push(beat);
            if let Some(judged) = self.causal.push(beat) {
                self.take(judged);
            }
        }
        if taken {
            self.measure(pace.map(|pace| pace.rate));
        }
        &self.features
    }

    /// The features as they are to be read at `now`: old beats, or a strap off the skin, measure
    /// nothing.
    pub fn features(&self, now: EngineMs) -> Features {
        if self.features.contact == Some(false) {
            return self.features.without_values(Reason::NoContact);
        }
        match self.features.last_beat_at {
            Some(last) if now.since(last) > STALE_MS => self.features.without_values(Reason::Stale),
            _ => self.features,
        }
    }

    /// The mended intervals of the spectrum's window in ticks, oldest first.
    pub fn intervals(&self) -> impl Iterator<Item = u32> + '_ {
        self.beats.iter().map(|seen| seen.beat.rr.get())
    }

    /// Notes what the time line left out; whether there was anything.
    fn note_fenced(&mut self, accepted: &Accepted) -> bool {
        let count = accepted.fenced.map_or(0, |fenced| fenced.count);
        for _ in 0..count {
            self.fenced.push_back(accepted.at);
        }
        while self
            .fenced
            .front()
            .is_some_and(|first| accepted.at.since(*first) > ARTEFACT_SPAN_MS)
            || self.fenced.len() > MOST_JUDGED
        {
            self.fenced.pop_front();
        }
        self.features.left_out = match accepted.fenced {
            Some(fenced) => Some(fenced.left_out()),
            None => self.features.left_out.filter(|_| !self.fenced.is_empty()),
        };
        count > 0
    }

    fn start_segment(&mut self) {
        self.rhythm.clear();
        self.causal.clear();
        self.mender.clear();
        self.beats.clear();
        self.ticks = 0;
        self.window.clear();
        let reason = if self.features.segment == 0 {
            Reason::TooFewBeats
        } else {
            Reason::Gap
        };
        self.features = self.features.without_values(reason);
    }

    fn note_pace(&mut self, pace: Option<PaceAt>) {
        let Some(pace) = pace else {
            self.paces.clear();
            return;
        };
        let fresh = self
            .paces
            .back()
            .is_none_or(|last| pace.at.since(last.at) >= PACE_EVERY_MS || pace.rate != last.rate);
        if fresh {
            self.paces.push_back(pace);
        }
        if self.paces.len() > MOST_PACES {
            self.paces.pop_front();
        }
    }

    fn take(&mut self, judged: Judged) {
        let at = judged.beat.at;
        self.judged.push_back((at, judged.class != Class::Normal));
        while self
            .judged
            .front()
            .is_some_and(|(first, _)| at.since(*first) > ARTEFACT_SPAN_MS)
            || self.judged.len() > MOST_JUDGED
        {
            self.judged.pop_front();
        }
        for beat in self.mender.push(judged).into_iter().flatten() {
            self.keep(beat);
        }
    }

    fn keep(&mut self, beat: Normal) {
        let ticks = u64::from(beat.rr.get());
        let middle = EngineMs(beat.at.0.saturating_sub(ticks * 1000 / 2048));
        let phase = self.phase_at(middle);
        self.window.push(ticks);
        self.ticks += ticks;
        self.beats.push_back(Seen { beat, phase });
        let most = u64::from(self.config.spectrum_s.clamp(breath::SPAN_S, 300)) * 1024;
        while self.ticks > most || self.beats.len() > MOST_BEATS {
            let Some(oldest) = self.beats.pop_front() else {
                break;
            };
            self.ticks -= u64::from(oldest.beat.rr.get());
        }
    }

    /// Where the pacer was, told from the nearest moment at which it is known.
    fn phase_at(&self, at: EngineMs) -> Option<u32> {
        let near = self
            .paces
            .iter()
            .min_by_key(|pace| pace.at.0.abs_diff(at.0))?;
        (near.at.0.abs_diff(at.0) <= PACE_REACH_MS).then(|| near.phase_at(at))
    }

    fn measure(&mut self, pace: Option<BreathsPerMinute>) {
        let mended = self.judged.iter().filter(|(_, mended)| *mended).count() as u64;
        let (judged, fenced) = (self.judged.len() as u64, self.fenced.len() as u64);
        let heard = (judged + fenced).max(1);
        self.features.artefact_permille_60s = Quality::share(mended + fenced, heard).permille();
        self.features.heart_rate_milli_bpm = self.heart_rate();
        self.measure_time_domain();
        self.measure_spectrum();
        self.measure_breath(pace);
    }

    /// Why so few beats are at hand.
    fn too_few(&self) -> Reason {
        if self.features.segment == 0 {
            Reason::TooFewBeats
        } else {
            Reason::Gap
        }
    }

    /// How far the newest `count` beats may be relied on for what rests on their order.
    fn quality(&self, count: usize) -> Result<Quality, Reason> {
        let quality = self.quality_of_mean(count)?;
        match self.features.irregular_since {
            Some(_) => Err(Reason::Irregular),
            None => Ok(quality),
        }
    }

    /// How far the newest `count` beats may be relied on for their mean.
    fn quality_of_mean(&self, count: usize) -> Result<Quality, Reason> {
        let count = count.min(self.beats.len());
        let newest = self.beats.range(self.beats.len() - count..);
        let mended = newest.filter(|seen| seen.beat.mended).count() as u64;
        let (judged, fenced) = (self.judged.len() as u64, self.fenced.len() as u64);
        if mended * 1000 > MOST_MENDED_PERMILLE * count as u64
            || fenced * 1000 > MOST_MENDED_PERMILLE * (judged + fenced)
        {
            return Err(Reason::Artefacts);
        }
        let heard = match fenced {
            0 => Quality::FULL,
            _ => Quality::share(judged, judged + fenced),
        };
        Ok(Quality::share(count as u64 - mended, count.max(1) as u64).and(heard))
    }

    fn heart_rate(&self) -> Measured<u32> {
        if self.beats.len() < HEART_RATE_BEATS {
            return Measured::NotMeasured(self.too_few());
        }
        let newest = self.beats.range(self.beats.len() - HEART_RATE_BEATS..);
        let ticks: u64 = newest.map(|seen| u64::from(seen.beat.rr.get())).sum();
        let beats = HEART_RATE_BEATS as f64;
        read(
            self.quality_of_mean(HEART_RATE_BEATS),
            beats * 60.0 * 1024.0 / ticks as f64,
            1000.0,
        )
    }

    fn measure_time_domain(&mut self) {
        let sums = *self.window.sums();
        let seconds = (sums.sum / 1024) as u64;
        let quality = if sums.count < LEAST_BEATS || seconds < LEAST_SECONDS {
            Err(self.too_few())
        } else {
            let full = Quality::share(seconds + 2, u64::from(self.config.time_domain_s));
            self.quality(sums.count as usize)
                .map(|quality| quality.and(full))
        };
        let value = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
        let unit = Unit::TICKS;
        self.features.sdnn_us = read(quality, value(metrics::sdnn_ms(&sums, unit)), 1000.0);
        self.features.rmssd_us = read(quality, value(metrics::rmssd_ms(&sums, unit)), 1000.0);
        self.features.pnn50_permille = read(quality, value(metrics::pnn50_percent(&sums)), 10.0);
    }

    fn measure_spectrum(&mut self) {
        let seconds = self.ticks / 1024;
        let quality = if seconds < SPECTRUM_SECONDS {
            Err(self.too_few())
        } else {
            let full = Quality::share(seconds + 2, u64::from(self.config.spectrum_s));
            self.quality(self.beats.len())
                .map(|quality| quality.and(full))
        };
        let found = quality.and_then(|quality| {
            let rr = self.beats.iter().map(|seen| seen.beat.rr.to_millis());
            let spectrum = self.r1.spectrum(rr).ok_or(Reason::TooFewBeats)?;
            Ok((quality, spectrum))
        });
        let features = &mut self.features;
        match found {
            Ok((quality, spectrum)) => {
                let vlf = if seconds < VLF_SECONDS {
                    Err(Reason::TooFewBeats)
                } else {
                    Ok(quality)
                };
                features.vlf_milli_ms2 = read(vlf, spectrum.vlf(), 1000.0);
                features.lf_milli_ms2 = read(Ok(quality), spectrum.lf(), 1000.0);
                features.hf_milli_ms2 = read(Ok(quality), spectrum.hf(), 1000.0);
                features.lf_peak = match spectrum.lf_peak().and_then(|peak| {
                    Some(LfPeak {
                        milli_hz: whole(peak.hz * 1000.0)?,
                        height_ms2_per_hz: whole(peak.height)?,
                        rivals: peak.rivals,
                    })
                }) {
                    Some(value) => Measured::Known { value, quality },
                    None => Measured::NotMeasured(Reason::OutOfRange),
                };
            }
            Err(reason) => {
                features.vlf_milli_ms2 = Measured::NotMeasured(reason);
                features.lf_milli_ms2 = Measured::NotMeasured(reason);
                features.hf_milli_ms2 = Measured::NotMeasured(reason);
                features.lf_peak = Measured::NotMeasured(reason);
            }
        }
    }

    fn measure_breath(&mut self, pace: Option<BreathsPerMinute>) {
        let mut samples = [Sample::default(); breath::MOST_BEATS];
        let (count, on_pace) = self.samples(&mut samples);
        let samples = &samples[breath::MOST_BEATS - count..];
        let paced = &samples[count - on_pace..];
        let not = |reason| (Measured::NotMeasured(reason), Measured::NotMeasured(reason));
        let quality = match self.beats.len() {
            0 => Err(self.too_few()),
            _ => self.quality(count),
        };
        let found = match (quality, pace) {
            (Err(reason), _) => (Measured::NotMeasured(reason), not(reason)),
            (Ok(_), None) => (breath::spontaneous(samples), not(Reason::NotPaced)),
            (Ok(quality), Some(rate)) => {
                let rate = f64::from(rate.milli()) / 1000.0;
                match breath::follow(paced, rate) {
                    Err(reason) => (breath::spontaneous(samples), not(reason)),
                    Ok(follow) => {
                        let following = follow_feature(&follow, quality);
                        let trough = breath::peak_to_trough(paced).ok_or(Reason::TooFewBeats);
                        let trough = match trough {
                            Ok(bpm) => read(Ok(quality), bpm, 1000.0),
                            Err(reason) => Measured::NotMeasured(reason),
                        };
                        (breath::paced(samples, rate, &follow), (following, trough))
                    }
                }
            }
        };
        let (breath, (following, trough)) = found;
        self.features.breath = breath;
        self.features.following = following;
        self.features.peak_to_trough_milli_bpm = trough;
    }

    /// Fills the end of `samples` with the newest beats; gives how many, and how many of them,
    /// without a break up to the newest, lie on the pacer.
    fn samples(&self, samples: &mut [Sample; breath::MOST_BEATS]) -> (usize, usize) {
        let mut ticks = 0u64;
        let mut count = 0;
        let mut on_pace = 0;
        for (slot, seen) in samples.iter_mut().rev().zip(self.beats.iter().rev()) {
            let rr = u64::from(seen.beat.rr.get());
            let middle = (2 * ticks + rr) as f64 / 2048.0;
            ticks += rr;
            if ticks > u64::from(breath::SPAN_S) * 1024 {
                break;
            }
            let phase = f64::from(seen.phase.unwrap_or(0)) / 4_294_967_296.0;
            *slot = Sample {
                t: -middle,
                rate: 60.0 * 1024.0 / rr as f64,
                phase,
            };
            if seen.phase.is_some() && on_pace == count {
                on_pace += 1;
            }
            count += 1;
        }
        (count, on_pace)
    }
}

fn follow_feature(follow: &breath::Follow, quality: Quality) -> Measured<PacedFollow> {
    if follow.share >= breath::LEAST_SHARE && !follow.is_at_pace() {
        return Measured::NotMeasured(Reason::Ambiguous);
    }
    let lag = (follow.peak_at - 0.25) * 1000.0;
    let lag = round_to_i64(lag).map(|lag| (lag + 500).rem_euclid(1000) - 500);
    match (
        whole(follow.share * 1000.0),
        whole(follow.amplitude * 1000.0),
        lag,
    ) {
        (Some(share_permille), Some(amplitude_milli_bpm), Some(lag)) => Measured::Known {
            value: PacedFollow {
                share_permille,
                amplitude_milli_bpm,
                lag_permille: lag as i16,
            },
            quality,
        },
        _ => Measured::NotMeasured(Reason::OutOfRange),
    }
}

/// Rounds to the nearest whole number that the type holds.
fn whole<T: TryFrom<i64>>(value: f64) -> Option<T> {
    T::try_from(round_to_i64(value)?).ok()
}

fn read<T: TryFrom<i64>>(quality: Result<Quality, Reason>, value: f64, scale: f64) -> Measured<T> {
    match (quality, whole(value * scale)) {
        (Err(reason), _) => Measured::NotMeasured(reason),
        (Ok(quality), Some(value)) => Measured::Known { value, quality },
        (Ok(_), None) => Measured::NotMeasured(Reason::OutOfRange),
    }
}

impl Canon for PaceAt {
    fn canon(&self, sink: &mut dyn Sink) {
        self.at.canon(sink);
        self.rate.canon(sink);
        self.phase_q32.canon(sink);
    }
}

impl Canon for PacedFollow {
    fn canon(&self, sink: &mut dyn Sink) {
        self.share_permille.canon(sink);
        self.amplitude_milli_bpm.canon(sink);
        self.lag_permille.canon(sink);
    }
}

impl Canon for LfPeak {
    fn canon(&self, sink: &mut dyn Sink) {
        self.milli_hz.canon(sink);
        self.height_ms2_per_hz.canon(sink);
        self.rivals.canon(sink);
    }
}

impl Canon for Features {
    fn canon(&self, sink: &mut dyn Sink) {
        self.heart_rate_milli_bpm.canon(sink);
        self.sdnn_us.canon(sink);
        self.rmssd_us.canon(sink);
        self.pnn50_permille.canon(sink);
        self.vlf_milli_ms2.canon(sink);
        self.lf_milli_ms2.canon(sink);
        self.hf_milli_ms2.canon(sink);
        self.lf_peak.canon(sink);
        self.artefact_permille_60s.canon(sink);
        self.irregular_since.canon(sink);
        self.breath.canon(sink);
        self.following.canon(sink);
        self.peak_to_trough_milli_bpm.canon(sink);
        self.contact.canon(sink);
        self.left_out.canon(sink);
        self.other_unit.canon(sink);
        self.last_beat_at.canon(sink);
        self.segment.canon(sink);
    }
}

impl Canon for Seen {
    /// In one piece: there are hundreds of them, and a digest pays for each piece.
    fn canon(&self, sink: &mut dyn Sink) {
        let mut bytes = [0; 18];
        bytes[..4].copy_from_slice(&self.beat.rr.get().to_be_bytes());
        bytes[4..12].copy_from_slice(&self.beat.at.0.to_be_bytes());
        bytes[12] = u8::from(self.beat.mended);
        let Some(phase) = self.phase else {
            return sink.put(&bytes[..14]);
        };
        bytes[13] = 1;
        bytes[14..].copy_from_slice(&phase.to_be_bytes());
        sink.put(&bytes);
    }
}

impl Canon for Extractor {
    /// All but the spectrum's tables and scratch, which decide nothing.
    fn canon(&self, sink: &mut dyn Sink) {
        self.config.time_domain_s.canon(sink);
        self.config.spectrum_s.canon(sink);
        self.rhythm.canon(sink);
        self.causal.canon(sink);
        self.mender.canon(sink);
        (self.beats.len() as u64).canon(sink);
        for seen in &self.beats {
            seen.canon(sink);
        }
        self.ticks.canon(sink);
        self.window.canon(sink);
        (self.judged.len() as u64).canon(sink);
        for (at, mended) in &self.judged {
            at.canon(sink);
            mended.canon(sink);
        }
        (self.fenced.len() as u64).canon(sink);
        for at in &self.fenced {
            at.canon(sink);
        }
        (self.paces.len() as u64).canon(sink);
        for pace in &self.paces {
            pace.canon(sink);
        }
        self.features.canon(sink);
    }
}
