//! A simulated person with a strap: a heart that swings with a breath.

use zenb::engine::Engine;

/// A small generator of repeatable numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `most`.
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// Between -1 and 1, roughly bell-shaped.
    pub(super) fn bell(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.below(1 << 20) as f64).sum();
        sum / f64::from(1 << 21) - 1.0
    }
}

/// How the person breathes, and what that does to the heart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Breathes {
    /// With the pacer; the swing follows a resonance curve with a top of `swing_bpm` at
    /// `resonance` breaths a minute, as wide as `width`.
    WithPacer {
        swing_bpm: f64,
        resonance: f64,
        width: f64,
    },
    /// At their own rate.
    Alone { rate: f64, swing_bpm: f64 },
    /// However they like: the beats have no order. Intervals within this share of their mean, each
    /// correlated with the one before.
    Unheard { half: f64, correlation: f64 },
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) mean_bpm: f64,
    pub(super) breathes: Breathes,
    pub(super) noise_bpm: f64,
    /// A swing at 0.1 Hz that is not breath.
    pub(super) mayer_bpm: f64,
    /// One beat in so many comes early, with a pause after it.
    pub(super) ectopic_one_in: Option<u64>,
    pub(super) dice: Dice,
    pub(super) beat_s: f64,
    /// How far the last interval was from the mean, where the beats have no order.
    pub(super) wander: f64,
    pub(super) early: bool,
    /// What the strap sent last, where it sends it again.
    pub(super) last: Vec<u16>,
}

impl Person {
    pub(super) fn new(breathes: Breathes, seed: u64) -> Self {
        Self {
            mean_bpm: 66.0,
            breathes,
            noise_bpm: 0.3,
            mayer_bpm: 0.0,
            ectopic_one_in: None,
            dice: Dice(seed),
            beat_s: 0.0,
            wander: 0.0,
            early: false,
            last: Vec::new(),
        }
    }

    /// Follows well, and resonates at 5.5 breaths a minute.
    pub(super) fn following(seed: u64) -> Self {
        let breathes = Breathes::WithPacer {
            swing_bpm: 16.0,
            resonance: 5.5,
            width: 0.25,
        };
        Self::new(breathes, seed)
    }

    /// Breathes 15 a minute, whatever the pacer does.
    pub(super) fn alone(seed: u64) -> Self {
        Self::new(
            Breathes::Alone {
                rate: 15.0,
                swing_bpm: 4.0,
            },
            seed,
        )
    }

    /// A slow heart without order.
    pub(super) fn without_order(seed: u64) -> Self {
        let breathes = Breathes::Unheard {
            half: 0.2,
            correlation: 0.5,
        };
        Self {
            mean_bpm: 60.0,
            ..Self::new(breathes, seed)
        }
    }

    fn heart_bpm(&mut self, seconds: f64, engine: &Engine) -> f64 {
        let pacer = engine.pacer();
        let swing = match self.breathes {
            Breathes::WithPacer {
                swing_bpm,
                resonance,
                width,
            } if pacer.running => {
                let rate = f64::from(pacer.milli_breaths) / 1000.0;
                let since_min = seconds / 60.0 - pacer.anchor_ms as f64 / 60_000.0;
                let breaths =
                    f64::from(pacer.anchor_phase_q32) / 4_294_967_296.0 + since_min * rate;
                let peak = 0.25 + f64::from(pacer.inhale_permille) / 2000.0;
                let detuned = (rate / resonance - resonance / rate) / (2.0 * width);
                let height = swing_bpm / 2.0 / libm::sqrt(1.0 + detuned * detuned);
                height * libm::cos(core::f64::consts::TAU * (breaths - peak))
            }
            Breathes::WithPacer { .. } => libm::sin(core::f64::consts::TAU * seconds * 14.0 / 60.0),
            Breathes::Alone { rate, swing_bpm } => {
                swing_bpm / 2.0 * libm::sin(core::f64::consts::TAU * seconds * rate / 60.0)
            }
            Breathes::Unheard { half, correlation } => {
                let fresh = libm::sqrt(1.0 - correlation * correlation);
                self.wander = correlation * self.wander + fresh * self.dice.bell();
                // Twice the deviation of the bell, cut: about as even as its width allows.
                let off = half * (2.0 * self.wander).clamp(-1.0, 1.0);
                return self.mean_bpm / (1.0 + off);
            }
        };
        let mayer = self.mayer_bpm / 2.0 * libm::sin(core::f64::consts::TAU * seconds * 0.1);
        self.mean_bpm + swing + mayer + self.noise_bpm * self.dice.bell()
    }

    /// The intervals of the beats up to `until_ms`, in ticks.
    pub(super) fn beats(&mut self, until_ms: u64, engine: &Engine) -> Vec<u16> {
        let until = until_ms as f64 / 1000.0;
        let mut rr = Vec::new();
        loop {
            // The rate at the middle of the coming interval.
            let heart = self.heart_bpm(self.beat_s + 0.45, engine);
            let mut interval = 60.0 / heart;
            if self.early {
                interval *= 1.35;
            }
            let ectopic = self
                .ectopic_one_in
                .is_some_and(|one_in| self.dice.below(one_in) == 0);
            let early = ectopic && !self.early;
            if early {
                interval *= 0.65;
            }
            if self.beat_s + interval > until {
                return rr;
            }
            self.early = early;
            let ticks = libm::round(interval * 1024.0) as u16;
            self.beat_s += f64::from(ticks) / 1024.0;
            rr.push(ticks);
        }
    }

    /// Nothing is heard of the heart until this moment.
    pub(super) fn skip_to(&mut self, at_ms: u64) {
        self.beat_s = self.beat_s.max(at_ms as f64 / 1000.0);
    }
}
