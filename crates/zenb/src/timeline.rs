//! The fence between a sensor and the measures: order, gaps, clocks.
//!
//! A beat's time is the sum of the intervals before it, never an arrival stamp; arrival stamps
//! only tell whether intervals are missing or too many. `lead` is how far that sum is ahead of
//! the host's clock since the segment began. Delivery can be late but not early, so the greatest
//! lead seen (the envelope) is the true one, moved by the drift between the two clocks; a packet
//! far below the envelope means that beats were lost, one far above that beats were made up: they
//! came from no one heart. Such beats are *fenced*: the packet is taken without them, and how many
//! there were lowers the quality of what is measured beside them. A packet that is wrong in itself
//! is refused.
//!
//! Invariants: a refused packet leaves the state as it was (property
//! `a_refused_packet_changes_nothing`); beat times never run backwards; once a segment has
//! settled, made-up beats never amount to more than [`GROWTH_US`] and the clocks' drift.

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::canon::Canon;
use crate::canon::Sink;
use crate::scale::OtherUnit;
use crate::scale::Scale;
use crate::units::EngineMs;
use crate::units::Measured;
use crate::units::Ppm;
use crate::units::Quality;
use crate::units::Reason;
use crate::units::Ticks;

/// The most intervals that one packet may carry.
pub const MOST_INTERVALS: usize = 32;
/// A silence longer than this starts another segment.
pub const SILENCE_MS: u64 = 10_000;
/// A step of the host's clock beyond this is not believed.
pub const LONGEST_JUMP_MS: u64 = 3_600_000;
/// How fast a strap's clock may run from the host's: 1832 ppm has been measured.
pub const DRIFT_PPM: i64 = 5_000;
/// Intervals that fall this far behind the envelope are lost, not late.
pub const LOST_US: i64 = 2_500_000;
/// Intervals may be this far ahead of the host: the first packet itself may have been late.
pub const AHEAD_US: i64 = 5_000_000;
/// So long after its first packet a segment has settled: the envelope is known.
pub const SETTLED_US: i64 = 10_000_000;
/// How far the envelope of a settled segment may still grow, beyond drift.
pub const GROWTH_US: i64 = 500_000;
/// A packet that repeats one of the last few may be this far above the envelope.
pub const REPEAT_US: i64 = 100_000;
/// A copy comes at most so long after its original.
pub const COPY_MS: u64 = 2_000;
/// A copy within this of its original is the radio's: no heart beats so fast.
pub const ECHO_MS: u64 = 150;
/// How many packets are remembered, to know their copies by.
const REMEMBERED: usize = 4;
/// So many equal intervals in a row are a stuck sensor or a paced heart, not a rhythm.
pub const STUCK_RUN: u16 = 20;

const MICROS: i64 = 1_000_000;

/// What a sensor sent, and when it reached the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Arrival in host time.
    pub at: EngineMs,
    /// Intervals in 1/1024 s, oldest first; may be none.
    pub rr: &'a [u16],
    /// Whether the strap says it touches the skin; `None` if it cannot tell.
    pub contact: Option<bool>,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// The packet is older than one already taken: reordered, or the clock stepped back.
    #[error("packet at {at_ms} ms is before the last one at {last_ms} ms")]
    BackStep {
        /// The packet's arrival.
        at_ms: u64,
        /// The last packet's arrival.
        last_ms: u64,
    },
    /// The host's clock leapt by more than an hour.
    #[error("packet comes {jump_ms} ms after the last one, more than {LONGEST_JUMP_MS} ms")]
    ForwardJump {
        /// The leap.
        jump_ms: u64,
    },
    /// The packet repeats the last one before its beats can have happened.
    #[error("packet at {at_ms} ms repeats the one at {last_ms} ms")]
    Duplicate {
        /// The packet's arrival.
        at_ms: u64,
        /// The arrival of the packet that it repeats.
        last_ms: u64,
    },
    /// More intervals than a packet can carry.
    #[error("packet carries {count} intervals, more than {MOST_INTERVALS}")]
    TooMany {
        /// How many there were.
        count: u64,
    },
    /// 0 and 0xFFFF stand for "no interval".
    #[error("interval {index} of the packet is {ticks}, which no beat has")]
    NotAnInterval {
        /// Which interval, from 0.
        index: u16,
        /// Its value.
        ticks: u16,
    },
    /// The same interval again and again.
    #[error("interval of {ticks}/1024 s came {run} times in a row")]
    Stuck {
        /// Its value.
        ticks: u16,
        /// How often.
        run: u16,
    },
    /// The intervals last longer than the time in which they arrived.
    #[error("beats run {ahead_ms} ms ahead of the host's clock")]
    Ahead {
        /// By how much, beyond drift.
        ahead_ms: u64,
    },
    /// The packet begins with the intervals that the last one ended with.
    #[error("the first {count} intervals of the packet repeat the last ones")]
    Overlap {
        /// How many.
        count: u16,
    },
}

/// Intervals of a packet that came from no one heart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced {
    /// How many.
    pub count: u16,
    /// Why.
    pub why: Refusal,
}

/// Why intervals came from no one heart, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LeftOut {
    /// The packet had come before.
    Repeated = 1,
    /// The packet begins with beats of the one before.
    Overlap = 2,
    /// The beats are more than there was time for.
    Ahead = 3,
}

impl Fenced {
    /// Why, in a word.
    pub fn left_out(&self) -> LeftOut {
        match self.why {
            Refusal::Duplicate { .. } => LeftOut::Repeated,
            Refusal::Overlap { .. } => LeftOut::Overlap,
            _ => LeftOut::Ahead,
        }
    }
}

/// One beat on the session's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The interval that ends with this beat.
    pub rr: Ticks,
    /// When the beat was, in host time, delivery delay and drift taken out.
    pub at: EngineMs,
}

/// What a packet added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    beats: [Option<Beat>; MOST_INTERVALS],
    /// Arrival in host time.
    pub at: EngineMs,
    /// Which unbroken stretch the beats belong to; starts at 0.
    pub segment: u32,
    /// Whether these beats open that stretch.
    pub opens_segment: bool,
    /// Whether the strap says it touches the skin.
    pub contact: Option<bool>,
    /// The intervals that were not taken.
    pub fenced: Option<Fenced>,
    /// The unit that the session's intervals are in, if not the one that they are said to be in.
    pub other_unit: Option<OtherUnit>,
}

impl Accepted {
    /// The beats, oldest first.
    pub fn beats(&self) -> impl Iterator<Item = Beat> + '_ {
        self.beats.iter().flatten().copied()
    }
}

/// The time line of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    last_at: Option<EngineMs>,
    segment: u32,
    ledger: Option<Ledger>,
    /// The last packets with beats, newest first.
    last: [LastPacket; REMEMBERED],
    run: Run,
    scale: Scale,
    last_beat: Option<EngineMs>,
}

/// Beat time against host time since a segment began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ledger {
    anchor: EngineMs,
    ticks: u64,
    envelope_us: i64,
    envelope_at: EngineMs,
    /// The envelope when the segment had settled.
    settled_us: i64,
}

/// What becomes of a packet with beats.
struct Place {
    /// The ledger after it.
    ledger: Ledger,
    opens: bool,
    /// How many of its first intervals are left out.
    skip: usize,
    why: Option<Refusal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct LastPacket {
    at: EngineMs,
    count: u8,
    rr: [u16; MOST_INTERVALS],
}

impl Default for LastPacket {
    fn default() -> Self {
        Self {
            at: EngineMs(0),
            count: 0,
            rr: [0; MOST_INTERVALS],
        }
    }
}

impl LastPacket {
    fn new(packet: &Packet<'_>) -> Self {
        let mut rr = [0; MOST_INTERVALS];
        rr[..packet.rr.len()].copy_from_slice(packet.rr);
        Self {
            at: packet.at,
            count: packet.rr.len() as u8,
            rr,
        }
    }

    fn intervals(&self) -> &[u16] {
        &self.rr[..usize::from(self.count)]
    }
}

/// How often the newest interval has come in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    ticks: u16,
    length: u16,
}

impl Run {
    fn extend(self, ticks: u16, rules: Rules) -> Result<Self, Refusal> {
        let length = if ticks == self.ticks {
            self.length.saturating_add(1)
        } else {
            1
        };
        if length >= STUCK_RUN && !rules.broken(PlantedBug::StuckTaken) {
            return Err(Refusal::Stuck { ticks, run: length });
        }
        Ok(Self { ticks, length })
    }
}

fn total(rr: &[u16]) -> u64 {
    rr.iter().map(|ticks| u64::from(*ticks)).sum()
}

/// A packet none of whose intervals is taken.
fn fence(ledger: Ledger, count: usize, why: Refusal) -> Place {
    Place {
        ledger,
        opens: false,
        skip: count,
        why: Some(why),
    }
}

fn micros(ticks: u64) -> i64 {
    i64::try_from(u128::from(ticks) * 15_625 / 16).unwrap_or(i64::MAX)
}

fn elapsed_us(since: EngineMs, at: EngineMs) -> i64 {
    i64::try_from(at.since(since))
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000)
}

fn drift_us(elapsed_us: i64) -> i64 {
    elapsed_us / MICROS * DRIFT_PPM + elapsed_us % MICROS * DRIFT_PPM / MICROS
}

impl Ledger {
    /// A segment whose first packet's last beat is at its arrival.
    fn open(at: EngineMs) -> Self {
        Self {
            anchor: at,
            ticks: 0,
            envelope_us: 0,
            envelope_at: at,
            settled_us: 0,
        }
    }

    fn has_settled(&self, at: EngineMs) -> bool {
        elapsed_us(self.anchor, at) > SETTLED_US
    }

    /// The ledger after a packet that brings it to `ticks`.
    fn with(self, ticks: u64, at: EngineMs) -> Self {
        let lead = self.lead_us(ticks, at);
        let (envelope_us, envelope_at) = if lead >= self.floor_us(at) {
            (lead, at)
        } else {
            (self.envelope_us, self.envelope_at)
        };
        let settled_us = if self.has_settled(at) {
            self.settled_us
        } else {
            envelope_us
        };
        Self {
            anchor: self.anchor,
            ticks,
            envelope_us,
            envelope_at,
            settled_us,
        }
    }

    fn lead_us(&self, ticks: u64, at: EngineMs) -> i64 {
        micros(ticks).saturating_sub(elapsed_us(self.anchor, at))
    }

    /// The greatest lead that is believed at `at`: the envelope, sunk by the greatest drift.
    fn floor_us(&self, at: EngineMs) -> i64 {
        self.envelope_us
            .saturating_sub(drift_us(elapsed_us(self.envelope_at, at)))
    }

    fn ceiling_us(&self, at: EngineMs) -> i64 {
        let most = if self.has_settled(at) {
            self.settled_us.saturating_add(GROWTH_US)
        } else {
            AHEAD_US
        };
        most.saturating_add(drift_us(elapsed_us(self.anchor, at)))
    }
}

impl Timeline {
    /// An empty time line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet, or refuses it and stays as it was.
    pub fn accept(&mut self, packet: Packet<'_>) -> Result<Accepted, Refusal> {
        self.accept_by(packet, Rules::whole())
    }

    /// Takes a packet by rules of which one may be broken.
    pub(crate) fn accept_by(
        &mut self,
        packet: Packet<'_>,
        rules: Rules,
    ) -> Result<Accepted, Refusal> {
        let silent = self.check_clock(packet.at)?;
        check_intervals(packet.rr)?;
        if packet.contact == Some(false) || packet.rr.is_empty() {
            return Ok(self.without_beats(&packet));
        }
        let run = packet
            .rr
            .iter()
            .try_fold(self.run, |run, ticks| run.extend(*ticks, rules))?;
        let place = self.place(&packet, silent, rules)?;

        self.run = run;
        self.last_at = Some(packet.at);
        self.last.rotate_right(1);
        self.last[0] = LastPacket::new(&packet);
        if place.opens && self.ledger.is_some() {
            self.segment = self.segment.saturating_add(1);
        }
        self.ledger = Some(place.ledger);
        self.note_unit(&packet, &place, silent);
        let rr = &packet.rr[place.skip..];
        Ok(Accepted {
            beats: self.lay(Packet { rr, ..packet }, &place.ledger),
            at: packet.at,
            segment: self.segment,
            opens_segment: place.opens,
            contact: packet.contact,
            fenced: place.why.map(|why| Fenced {
                count: place.skip as u16,
                why,
            }),
            other_unit: self.scale.found(),
        })
    }

    /// Beats that run ahead of the clock count here: they do so in another unit, too. Copies do not.
    fn note_unit(&mut self, packet: &Packet<'_>, place: &Place, silent: bool) {
        if silent {
            self.scale.restart();
        }
        let taken = match place.why {
            Some(Refusal::Ahead { .. }) => packet.rr,
            _ => &packet.rr[place.skip..],
        };
        self.scale.push(packet.at, total(taken));
    }

    /// Lets time go by without a packet, so that a long pause is not taken for a leap.
    pub fn pass(&mut self, now: EngineMs) {
        self.last_at = self.last_at.max(Some(now));
    }

    /// How fast the strap's clock runs from the host's, from the beats of this segment; known
    /// after a minute, fully relied on after ten. Positive: the strap counts more ticks than the
    /// host's seconds hold.
    pub fn drift(&self) -> Measured<Ppm> {
        let Some(ledger) = &self.ledger else {
            return Measured::NotMeasured(Reason::TooFewBeats);
        };
        let elapsed = elapsed_us(ledger.anchor, ledger.envelope_at);
        if elapsed < 60 * MICROS {
            return Measured::NotMeasured(Reason::TooFewBeats);
        }
        let ppm = i128::from(ledger.envelope_us) * i128::from(MICROS) / i128::from(elapsed);
        match i32::try_from(ppm) {
            Ok(ppm) => Measured::Known {
                value: Ppm(ppm),
                quality: Quality::share(elapsed as u64 / 1_000_000, 600),
            },
            Err(_) => Measured::NotMeasured(Reason::OutOfRange),
        }
    }

    /// Whether the silence before `at` breaks the segment.
    fn check_clock(&self, at: EngineMs) -> Result<bool, Refusal> {
        let Some(last) = self.last_at else {
            return Ok(false);
        };
        if at < last {
            return Err(Refusal::BackStep {
                at_ms: at.0,
                last_ms: last.0,
            });
        }
        let jump_ms = at.since(last);
        if jump_ms > LONGEST_JUMP_MS {
            return Err(Refusal::ForwardJump { jump_ms });
        }
        let beats_end = self.ledger.as_ref().map_or(last, |_| self.last[0].at);
        Ok(at.since(beats_end) > SILENCE_MS)
    }

    fn without_beats(&mut self, packet: &Packet<'_>) -> Accepted {
        self.last_at = Some(packet.at);
        Accepted {
            beats: [None; MOST_INTERVALS],
            at: packet.at,
            segment: self.segment,
            opens_segment: false,
            contact: packet.contact,
            fenced: None,
            other_unit: self.scale.found(),
        }
    }

    /// Where a packet stands on the time line.
    fn place(&self, packet: &Packet<'_>, silent: bool, rules: Rules) -> Result<Place, Refusal> {
        let at = packet.at;
        let taken = |ledger, opens| Place {
            ledger,
            opens,
            skip: 0,
            why: None,
        };
        let Some(ledger) = self.ledger.filter(|_| !silent) else {
            return Ok(taken(Ledger::open(at), true));
        };
        let ticks = ledger.ticks.saturating_add(total(packet.rr));
        let lead = ledger.lead_us(ticks, at);
        if let Some((original, why)) = self.copied(packet, &ledger, lead, rules) {
            if at.since(original) <= ECHO_MS {
                return Err(why);
            }
            return Ok(fence(ledger, packet.rr.len(), why));
        }
        if let Some(place) = self.overlapped(packet, &ledger, lead, rules) {
            return Ok(place);
        }
        let ahead = lead.saturating_sub(ledger.ceiling_us(at));
        if ahead > 0 && !rules.broken(PlantedBug::AheadTaken) {
            let ahead_ms = ahead as u64 / 1_000;
            return Ok(fence(ledger, packet.rr.len(), Refusal::Ahead { ahead_ms }));
        }
        if ledger.floor_us(at).saturating_sub(lead) > LOST_US {
            return Ok(taken(Ledger::open(at), true));
        }
        Ok(taken(ledger.with(ticks, at), false))
    }

    /// When the original came that the packet repeats, before its beats can have happened.
    fn copied(
        &self,
        packet: &Packet<'_>,
        ledger: &Ledger,
        lead: i64,
        rules: Rules,
    ) -> Option<(EngineMs, Refusal)> {
        if rules.broken(PlantedBug::DuplicateTaken) {
            return None;
        }
        let original = self
            .last
            .iter()
            .find(|last| packet.at.since(last.at) <= COPY_MS && packet.rr == last.intervals())?;
        let room = if packet.at.since(original.at) <= ECHO_MS {
            ledger.floor_us(packet.at)
        } else {
            ledger.envelope_us.saturating_add(REPEAT_US)
        };
        let why = Refusal::Duplicate {
            at_ms: packet.at.0,
            last_ms: original.at.0,
        };
        (lead > room).then_some((original.at, why))
    }

    /// The packet without the intervals that it has in common with the end of the last, if only
    /// without them it is in time.
    fn overlapped(
        &self,
        packet: &Packet<'_>,
        ledger: &Ledger,
        lead: i64,
        rules: Rules,
    ) -> Option<Place> {
        let most = ledger.envelope_us.saturating_add(REPEAT_US);
        if lead <= most || rules.broken(PlantedBug::OverlapTaken) {
            return None;
        }
        let last = self.last[0].intervals();
        let common = (1..=packet.rr.len()).rev();
        let skip = common
            .filter(|count| last.ends_with(&packet.rr[..*count]))
            .find(|count| lead.saturating_sub(micros(total(&packet.rr[..*count]))) <= most)?;
        let ticks = ledger.ticks.saturating_add(total(&packet.rr[skip..]));
        Some(Place {
            ledger: ledger.with(ticks, packet.at),
            opens: false,
            skip,
            why: Some(Refusal::Overlap { count: skip as u16 }),
        })
    }

    /// Puts the packet's beats in host time, backwards from its last.
    fn lay(&mut self, packet: Packet<'_>, ledger: &Ledger) -> [Option<Beat>; MOST_INTERVALS] {
        let since_anchor = micros(ledger.ticks).saturating_sub(ledger.floor_us(packet.at));
        let last_beat = ledger.anchor.0.saturating_add_signed(since_anchor / 1_000);
        let mut beats = [None; MOST_INTERVALS];
        let mut after = total(packet.rr);
        for (slot, raw) in beats.iter_mut().zip(packet.rr) {
            after -= u64::from(*raw);
            let computed = last_beat.saturating_sub(after * 125 / 128);
            let at = EngineMs(computed.max(self.last_beat.map_or(0, |last| last.0)));
            self.last_beat = Some(at);
            let rr = Ticks::new(u32::from(*raw)).expect("zero intervals were refused");
            *slot = Some(Beat { rr, at });
        }
        beats
    }
}

fn check_intervals(rr: &[u16]) -> Result<(), Refusal> {
    if rr.len() > MOST_INTERVALS {
        return Err(Refusal::TooMany {
            count: rr.len() as u64,
        });
    }
    match rr.iter().position(|ticks| matches!(*ticks, 0 | u16::MAX)) {
        Some(index) => Err(Refusal::NotAnInterval {
            index: index as u16,
            ticks: rr[index],
        }),
        None => Ok(()),
    }
}

impl Canon for Timeline {
    fn canon(&self, sink: &mut dyn Sink) {
        self.last_at.canon(sink);
        self.segment.canon(sink);
        self.ledger.canon(sink);
        for last in &self.last {
            last.at.canon(sink);
            last.intervals().canon(sink);
        }
        self.run.ticks.canon(sink);
        self.run.length.canon(sink);
        self.scale.canon(sink);
        self.last_beat.canon(sink);
    }
}

impl Canon for LeftOut {
    fn canon(&self, sink: &mut dyn Sink) {
        sink.put(&[*self as u8]);
    }
}

impl Canon for Ledger {
    fn canon(&self, sink: &mut dyn Sink) {
        self.anchor.canon(sink);
        self.ticks.canon(sink);
        self.envelope_us.canon(sink);
        self.envelope_at.canon(sink);
        self.settled_us.canon(sink);
    }
}
