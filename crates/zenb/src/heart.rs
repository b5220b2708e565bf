//! The measuring half as the engine holds it: packets in, features and paced beats out.

use alloc::vec::Vec;

use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::canon::Canon;
use crate::canon::Sink;
use crate::criteria::PacedBeat;
use crate::features::Extractor;
use crate::features::Features;
use crate::features::WindowConfig;
use crate::pacer::Pacer;
use crate::scale::OtherUnit;
use crate::timeline::Accepted;
use crate::timeline::Fenced;
use crate::timeline::Packet;
use crate::timeline::Refusal;
use crate::timeline::Timeline;
use crate::units::EngineMs;

/// The heart's data so far.
#[derive(Clone, Debug)]
pub(crate) struct Heart {
    timeline: Timeline,
    extractor: Extractor,
    off_skin_since: Option<EngineMs>,
    first_beat_at: Option<EngineMs>,
}

/// A packet that passed the fence, and the time line after it.
pub(crate) struct Heard {
    timeline: Timeline,
    accepted: Accepted,
}

/// What a packet added.
pub(crate) struct Taken {
    /// Its beats, with the pacer's place.
    pub(crate) beats: Vec<PacedBeat>,
    /// Whether beats are missing before them.
    pub(crate) breaks: bool,
    /// The beats that were left out.
    pub(crate) fenced: Option<Fenced>,
    /// The unit of the intervals, if this packet shows it to be another.
    pub(crate) other_unit: Option<OtherUnit>,
}

impl Heart {
    pub(crate) fn new(windows: WindowConfig) -> Self {
        Self {
            timeline: Timeline::new(),
            extractor: Extractor::new(windows),
            off_skin_since: None,
            first_beat_at: None,
        }
    }

    /// What a packet would add; nothing changes before [`Heart::take`].
    pub(crate) fn hear(&self, packet: Packet<'_>, rules: Rules) -> Result<Heard, Refusal> {
        let mut timeline = self.timeline.clone();
        let accepted = timeline.accept_by(packet, rules)?;
        Ok(Heard { timeline, accepted })
    }

    /// Takes what was heard and answers its beats with the pacer's place.
    pub(crate) fn take(&mut self, heard: Heard, pacer: Option<&Pacer>, rules: Rules) -> Taken {
        let Heard {
            timeline,
            mut accepted,
        } = heard;
        self.timeline = timeline;
        let fenced = accepted.fenced;
        let known = self.extractor.features(accepted.at).other_unit;
        let other_unit = accepted.other_unit.filter(|_| known.is_none());
        if rules.broken(PlantedBug::FencedForgotten) {
            accepted.fenced = None;
        }
        self.extractor
            .push(&accepted, pacer.map(|pacer| pacer.pace_at(accepted.at)));
        self.off_skin_since = match accepted.contact {
            Some(false) => self.off_skin_since.or(Some(accepted.at)),
            Some(true) | None => None,
        };
        let mut beats = Vec::new();
        for beat in accepted.beats() {
            self.first_beat_at.get_or_insert(beat.at);
            if let Some(pacer) = pacer {
                let half_ms = u64::from(beat.rr.get()) * 500 / 1024;
                let middle = EngineMs(beat.at.0.saturating_sub(half_ms));
                beats.push(PacedBeat {
                    at: beat.at,
                    rr: beat.rr,
                    done_q32: pacer.done_q32(middle),
                });
            }
        }
        Taken {
            beats,
            breaks: accepted.opens_segment,
            fenced,
            other_unit,
        }
    }

    /// Lets time go by without a packet.
    pub(crate) fn pass(&mut self, now: EngineMs) {
        self.timeline.pass(now);
    }

    /// What is known at a moment.
    pub(crate) fn features(&self, now: EngineMs) -> Features {
        self.extractor.features(now)
    }

    /// When the first beat was.
    pub(crate) fn first_beat_at(&self) -> Option<EngineMs> {
        self.first_beat_at
    }

    /// Since when the strap has said that it is off the skin.
    pub(crate) fn off_skin_since(&self) -> Option<EngineMs> {
        self.off_skin_since
    }
}

impl Canon for Heart {
    fn canon(&self, sink: &mut dyn Sink) {
        self.timeline.canon(sink);
        self.extractor.canon(sink);
        self.off_skin_since.canon(sink);
        self.first_beat_at.canon(sink);
    }
}
