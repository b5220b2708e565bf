//! One session: inputs in, decisions out, nothing else.
//!
//! The engine is a value. The same opening and the same inputs give the same decisions and, after
//! each, the same digest of the whole state, on every machine.
//!
//! Invariants (guard):
//! 1. a refused input changes nothing (test `a_refused_input_changes_nothing`)
//! 2. no pacer runs without a screen, in spite of an inhibition, or past its dose (`Refused`, and
//!    the model `every_path_of_inputs_keeps_the_rules`)
//! 3. a stop is taken in every state and no pacer runs after it (the same model)
//! 4. the pacer takes a rate only from the guard (`Permitted` has no other source)

mod run;
mod running;
mod view;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::assessment::Assessment;
use crate::belief::Mode;
use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::criteria::Verdict;
use crate::digest::Digester;
use crate::digest::StateDigest;
use crate::event::Code;
use crate::event::Decision;
use crate::event::DecisionKind;
use crate::event::Numbers;
use crate::event::Quantity;
use crate::event::numbers;
use crate::features::Features;
use crate::features::WindowConfig;
use crate::guard::Purpose;
use crate::guidance::Changes;
use crate::guidance::Guidance;
use crate::guidance::Ladder;
use crate::heart::Heart;
use crate::inhibition::ContextKey;
use crate::inhibition::Inhibition;
use crate::inhibition::Inhibitions;
use crate::inhibition::LoadedInhibitions;
use crate::pacer::Pacer;
use crate::protocol::DAY_MINUTES_MAX;
use crate::protocol::Kind;
use crate::protocol::Protocol;
use crate::scale::OtherUnit;
use crate::screen;
use crate::screen::Answers;
use crate::screen::Outcome as ScreenOutcome;
use crate::timeline::Fenced;
use crate::timeline::LeftOut;
use crate::timeline::Packet;
use crate::timeline::Refusal;
use crate::units::EngineMs;
use crate::units::Reason;

pub use self::view::AssessmentProgress;
pub use self::view::SessionView;
pub use self::view::StageView;

/// The latest moment at which a session takes an input other than a stop: a day after it was
/// opened. A moment beyond it is a wrong clock, and so would be every wall time that follows.
pub const LATEST_MS: u64 = 24 * 3_600_000;

/// What a session is opened with. Journalled as its first event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// What is to happen. Its practice is the context that an inhibition closes.
    pub protocol: Protocol,
    /// What loading the person's inhibitions came to.
    pub inhibitions: LoadedInhibitions,
    /// How long the person has breathed with a pacer today, ms.
    pub breathed_today_ms: u64,
    /// Wall time at engine time 0, ms since 1970.
    pub wall_ms: i64,
    /// Draws the order of a stepped assessment. Below 2^53, so that every JSON reader keeps it.
    pub seed: u64,
}

/// Who or what asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopBy {
    /// The person, for no stated reason.
    Person,
    /// The person, who feels unwell: an episode.
    PersonUnwell,
    /// Someone who watches over the session.
    Supervisor,
    /// The program around the engine.
    Host,
}

/// How it feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feeling {
    /// Good.
    Pleasant,
    /// Neither.
    Neutral,
    /// Bad: the session ends, and the episode inhibits its context.
    Unpleasant,
}

/// What reaches the engine. `at` is the host's monotonic time since the session was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// The answers to the screen.
    Screen {
        /// When.
        at: EngineMs,
        /// All answers.
        answers: Answers,
    },
    /// The person begins.
    Start {
        /// When.
        at: EngineMs,
    },
    /// A packet from the strap.
    Packet {
        /// When it arrived.
        at: EngineMs,
        /// RR intervals in 1/1024 s, oldest first; may be none.
        rr: Vec<u16>,
        /// The strap's own heart rate, beats a minute; kept, not used.
        hr: Option<u16>,
        /// Whether the strap says it touches the skin; `None` if it cannot tell.
        contact: Option<bool>,
    },
    /// Time passes. The host sends one at least each second while a pacer runs.
    Tick {
        /// When.
        at: EngineMs,
    },
    /// The person wishes to breathe faster.
    Faster {
        /// When.
        at: EngineMs,
    },
    /// The person wishes to breathe slower.
    Slower {
        /// When.
        at: EngineMs,
    },
    /// The person says how it feels.
    Feeling {
        /// When.
        at: EngineMs,
        /// How.
        feeling: Feeling,
    },
    /// Stop, now. Taken in every state, with any time.
    Stop {
        /// When. A moment that no other input may have counts as the session's last one.
        at: EngineMs,
        /// Who asks.
        by: StopBy,
    },
}

impl Input {
    /// The input's moment.
    pub fn at(&self) -> EngineMs {
        match self {
            Self::Screen { at, .. }
            | Self::Start { at }
            | Self::Packet { at, .. }
            | Self::Tick { at }
            | Self::Faster { at }
            | Self::Slower { at }
            | Self::Feeling { at, .. }
            | Self::Stop { at, .. } => *at,
        }
    }
}

/// What followed from an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The decisions, in order.
    pub events: Vec<Decision>,
    /// The digest of the whole state after them.
    pub digest: StateDigest,
}

/// An input that was not taken. The state, and its digest, are as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Why.
    pub code: Code,
    /// The numbers it was judged by.
    pub numbers: Numbers,
    /// What the time line said, if it fenced a packet.
    pub fence: Option<Refusal>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fence) = &self.fence {
            return fence.fmt(f);
        }
        let told = |name| self.numbers.iter().find(|number| number.name == name);
        let number = |name| told(name).map_or(0, |number| number.value);
        let (at, limit) = (number(Quantity::AtMs), number(Quantity::Limit));
        match self.code {
            Code::Backstep => write!(f, "at_ms {at} is before the session's last moment, {limit}"),
            Code::TimeOutOfRange => write!(
                f,
                "at_ms {at} is after {limit}, a day after the session was opened"
            ),
            Code::ScreenMissing => f.write_str("the screen has not been answered"),
            Code::ScreenExpired => f.write_str("the answers to the screen are too old"),
            Code::Inhibited => f.write_str("an earlier episode keeps this practice closed"),
            Code::InhibitionsNotLoaded => f.write_str("the inhibitions could not be loaded"),
            Code::DayDoseSpent => f.write_str("the day's dose is used up"),
            _ => f.write_str("the input does not belong in this state of the session"),
        }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionOutcome {
    /// It ran as planned.
    Completed,
    /// It was stopped before it began.
    NotStarted,
    /// The person stopped it.
    Stopped,
    /// The person felt unwell or found it unpleasant.
    Unpleasant,
    /// A supervisor stopped it.
    StoppedBySupervisor,
    /// The program stopped it.
    StoppedByHost,
    /// The heart could not be measured for too long.
    Unmeasured,
    /// The person did not follow for too long.
    NotFollowed,
    /// The assessment could not run to its end.
    Interrupted,
    /// The day's dose was used up.
    DayDoseSpent,
}

impl SessionOutcome {
    /// Whether the session counts as an episode that inhibits its context.
    pub fn is_episode(self) -> bool {
        matches!(self, Self::Unpleasant | Self::NotFollowed)
    }
}

/// What a session came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// How it ended.
    pub outcome: SessionOutcome,
    /// The code of the decision that ended it.
    pub code: Code,
    /// When the pacer began, if it did.
    pub started_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: u64,
    /// From start to end, ms: counts towards the day's dose.
    pub breathed_ms: u64,
    /// The practice.
    pub context: ContextKey,
    /// What the assessment found.
    pub verdict: Option<Verdict>,
    /// The inhibition that this session leaves behind, if it does.
    pub inhibition: Option<Inhibition>,
    /// All of the person's inhibitions, to be stored; `None` if they could not be loaded.
    pub inhibitions: Option<Inhibitions>,
}

/// A session. The whole state.
#[derive(Clone, Debug)]
pub struct Engine {
    state: State,
    heart: Heart,
    rules: Rules,
}

/// The deciding half of the state.
#[derive(Clone, Debug, Serialize)]
struct State {
    protocol: Protocol,
    context: ContextKey,
    inhibitions: Option<Inhibitions>,
    breathed_today_ms: u64,
    wall_ms: i64,
    seed: u64,
    now: EngineMs,
    stage: Stage,
    features: Features,
    mode: Mode,
    inputs_count: u64,
}

/// What the session waits for.
#[derive(Clone, Debug, Serialize)]
enum Stage {
    ExpectScreen,
    ExpectStart { screened: EngineMs },
    Running(Box<Running>),
    Ended(Box<Summary>),
}

/// A session with its pacer; without it during an assessment's pauses.
#[derive(Clone, Debug, Serialize)]
struct Running {
    started: EngineMs,
    pacer: Option<Pacer>,
    paced_since: EngineMs,
    breath: u32,
    purpose: Purpose,
    ladder: Ladder,
    guidance: Guidance,
    changes: Changes,
    assessment: Option<Assessment>,
    denied: Option<Code>,
}

impl Engine {
    /// Opens a session. An inhibition, inhibitions that could not be loaded, or a used-up day hold
    /// it: the first decision says so, and it will not start.
    pub fn open(opening: &Opening) -> (Self, Step) {
        Self::open_with(opening, Rules::whole())
    }

    /// Opens a session in which a rule is broken on purpose.
    #[cfg(feature = "planted-bugs")]
    pub fn open_without(opening: &Opening, bug: PlantedBug) -> (Self, Step) {
        Self::open_with(opening, Rules::without(bug))
    }

    fn open_with(opening: &Opening, rules: Rules) -> (Self, Step) {
        let inhibitions = match &opening.inhibitions {
            LoadedInhibitions::Loaded(inhibitions) => Some(inhibitions.clone()),
            LoadedInhibitions::LoadFailed if rules.broken(PlantedBug::LoadFailedOpens) => {
                Some(Inhibitions::none())
            }
            LoadedInhibitions::LoadFailed => None,
        };
        let engine = Self {
            state: State {
                protocol: opening.protocol,
                context: ContextKey::of(&opening.protocol),
                inhibitions,
                breathed_today_ms: opening.breathed_today_ms,
                wall_ms: opening.wall_ms,
                seed: opening.seed,
                now: EngineMs(0),
                stage: Stage::ExpectScreen,
                features: Features::unmeasured(Reason::TooFewBeats),
                mode: Mode::Unmeasured,
                inputs_count: 0,
            },
            heart: Heart::new(if opening.protocol.is_assessment() {
                WindowConfig::ASSESSMENT
            } else {
                WindowConfig::SESSION
            }),
            rules,
        };
        let decision = match engine.held(EngineMs(0)) {
            Ok(()) => Decision::critical(DecisionKind::Opened, Code::Ready, Numbers::new()),
            Err(refused) => Decision::critical(DecisionKind::Opened, refused.code, refused.numbers),
        };
        let step = Step {
            events: [decision].into(),
            digest: engine.digest(),
        };
        (engine, step)
    }

    /// Takes an input, or refuses it and stays as it was.
    pub fn step(&mut self, input: &Input) -> Result<Step, Refused> {
        let mut events = Vec::new();
        if let Input::Stop { at, by } = input {
            self.stop(*at, *by, &mut events);
        } else {
            self.check_moment(input.at())?;
            self.take(input, &mut events)?;
        }
        self.state.inputs_count = self.state.inputs_count.saturating_add(1);
        Ok(Step {
            events,
            digest: self.digest(),
        })
    }

    /// SHA-256 over a canonical encoding of the whole state.
    pub fn digest(&self) -> StateDigest {
        Digester::new("zenb engine state")
            .derived(&crate::digest::NUMERIC_VERSION)
            .derived(&self.state)
            .canon(&self.heart)
            .finish()
    }

    /// What the session came to, once it has ended.
    pub fn summary(&self) -> Option<&Summary> {
        match &self.state.stage {
            Stage::Ended(summary) => Some(summary),
            Stage::ExpectScreen | Stage::ExpectStart { .. } | Stage::Running(_) => None,
        }
    }

    /// How many inputs were taken.
    pub fn inputs_count(&self) -> u64 {
        self.state.inputs_count
    }

    fn check_moment(&self, at: EngineMs) -> Result<(), Refused> {
        let backstep = at < self.state.now && !self.rules.broken(PlantedBug::BackstepTaken);
        let late = at.0 > LATEST_MS && !self.rules.broken(PlantedBug::LateTaken);
        let (code, limit) = match (backstep, late) {
            (true, _) => (Code::Backstep, self.state.now.0),
            (false, true) => (Code::TimeOutOfRange, LATEST_MS),
            (false, false) => return Ok(()),
        };
        Err(refuse(
            code,
            numbers([(Quantity::AtMs, at.0), (Quantity::Limit, limit)]),
        ))
    }

    fn take(&mut self, input: &Input, events: &mut Vec<Decision>) -> Result<(), Refused> {
        match (input, &self.state.stage) {
            (_, Stage::Ended(_)) => return Err(out_of_place()),
            (Input::Screen { at, answers }, Stage::ExpectScreen | Stage::ExpectStart { .. }) => {
                self.screen(*at, answers, events);
            }
            (Input::Start { at }, Stage::ExpectScreen | Stage::ExpectStart { .. }) => {
                self.start(*at, events)?;
            }
            (
                Input::Packet {
                    at, rr, contact, ..
                },
                _,
            ) => self.packet(*at, rr, *contact, events)?,
            (Input::Tick { at }, _) => self.advance(*at, events),
            (Input::Faster { at }, Stage::Running(_)) => self.wish(*at, true, events),
            (Input::Slower { at }, Stage::Running(_)) => self.wish(*at, false, events),
            (Input::Feeling { at, feeling }, Stage::Running(_)) => {
                self.feel(*at, *feeling, events);
            }
            (
                Input::Screen { .. }
                | Input::Start { .. }
                | Input::Faster { .. }
                | Input::Slower { .. }
                | Input::Feeling { .. }
                | Input::Stop { .. },
                _,
            ) => return Err(out_of_place()),
        }
        Ok(())
    }

    fn screen(&mut self, at: EngineMs, answers: &Answers, events: &mut Vec<Decision>) {
        self.advance(at, events);
        let outcome = match screen::judge(answers) {
            ScreenOutcome::Refused { .. }
                if self.rules.broken(PlantedBug::ScreenRefusalIgnored) =>
            {
                ScreenOutcome::Cleared
            }
            outcome => outcome,
        };
        let (code, which) = match &outcome {
            ScreenOutcome::Cleared => (Code::ScreenCleared, &[][..]),
            ScreenOutcome::CautionAcknowledged { cautions } => {
                (Code::ScreenCautionAcknowledged, &cautions[..])
            }
            ScreenOutcome::Refused { which } => (Code::ScreenRefused, &which[..]),
        };
        let asked = which
            .iter()
            .flat_map(|question| numbers([(Quantity::QuestionIndex, *question as u64)]))
            .collect();
        events.push(Decision::critical(DecisionKind::Screened, code, asked));
        self.state.stage = match outcome {
            ScreenOutcome::Refused { .. } => Stage::ExpectScreen,
            ScreenOutcome::Cleared | ScreenOutcome::CautionAcknowledged { .. } => {
                Stage::ExpectStart { screened: at }
            }
        };
    }

    fn packet(
        &mut self,
        at: EngineMs,
        rr: &[u16],
        contact: Option<bool>,
        events: &mut Vec<Decision>,
    ) -> Result<(), Refused> {
        let packet = Packet { at, rr, contact };
        let heard = self
            .heart
            .hear(packet, self.rules)
            .map_err(|refusal| Refused {
                code: Code::PacketFenced,
                numbers: Numbers::new(),
                fence: Some(refusal),
            })?;
        self.catch_up(at, events);
        let running = match &mut self.state.stage {
            Stage::Running(running) => Some(running),
            Stage::ExpectScreen | Stage::ExpectStart { .. } | Stage::Ended(_) => None,
        };
        let pacer = running.as_ref().and_then(|running| running.pacer.as_ref());
        let taken = self.heart.take(heard, pacer, self.rules);
        events.extend(taken.fenced.map(fenced));
        events.extend(taken.other_unit.map(unit_doubted));
        if let Some(running) = running {
            running.take_beats(taken);
        }
        self.pass(at, events);
        Ok(())
    }

    /// Whether something holds the session at `at`.
    fn held(&self, at: EngineMs) -> Result<(), Refused> {
        let Some(inhibitions) = &self.state.inhibitions else {
            return Err(refuse(Code::InhibitionsNotLoaded, Numbers::new()));
        };
        if let Some(until) = inhibitions.inhibited(self.state.context, self.wall_at(at))
            && !self.rules.broken(PlantedBug::InhibitionIgnored)
        {
            let until = u64::try_from(until).unwrap_or(0);
            return Err(refuse(
                Code::Inhibited,
                numbers([(Quantity::WallMs, until)]),
            ));
        }
        let day_ms = u64::from(DAY_MINUTES_MAX) * 60_000;
        let spent = self.state.breathed_today_ms;
        if spent >= day_ms && !self.rules.broken(PlantedBug::DayDoseIgnored) {
            return Err(refuse(
                Code::DayDoseSpent,
                numbers([(Quantity::DurationMs, spent), (Quantity::Limit, day_ms)]),
            ));
        }
        Ok(())
    }

    fn may_start(&self, at: EngineMs) -> Result<(), Refused> {
        match self.state.stage {
            Stage::ExpectStart { screened } => {
                let holds = screen::holds(screened, at);
                if !holds && !self.rules.broken(PlantedBug::ScreenNeverExpires) {
                    return Err(refuse(
                        Code::ScreenExpired,
                        numbers([
                            (Quantity::DurationMs, at.since(screened)),
                            (Quantity::Limit, screen::SCREEN_VALID_MS),
                        ]),
                    ));
                }
            }
            _ if self.rules.broken(PlantedBug::ScreenSkipped) => {}
            _ => return Err(refuse(Code::ScreenMissing, Numbers::new())),
        }
        self.held(at)
    }

    fn wall_at(&self, at: EngineMs) -> i64 {
        let elapsed = i64::try_from(at.0).unwrap_or(i64::MAX);
        self.state.wall_ms.saturating_add(elapsed)
    }
}

/// What is said of beats that were left out.
fn fenced(fenced: Fenced) -> Decision {
    let code = match fenced.left_out() {
        LeftOut::Repeated => Code::BeatsRepeated,
        LeftOut::Overlap => Code::BeatsOverlap,
        LeftOut::Ahead => Code::BeatsAhead,
    };
    let count = u64::from(fenced.count);
    Decision::telemetry(
        DecisionKind::Fenced,
        code,
        numbers([(Quantity::Count, count)]),
    )
}

/// What is said of intervals in another unit than theirs.
fn unit_doubted(unit: OtherUnit) -> Decision {
    let code = match unit {
        OtherUnit::Millis => Code::MillisForTicks,
        OtherUnit::Ticks => Code::TicksForMillis,
    };
    Decision::critical(DecisionKind::UnitDoubted, code, Numbers::new())
}

fn refuse(code: Code, numbers: Numbers) -> Refused {
    Refused {
        code,
        numbers,
        fence: None,
    }
}

fn out_of_place() -> Refused {
    refuse(Code::OutOfPlace, Numbers::new())
}

impl Kind {
    fn purpose(self) -> Purpose {
        match self {
            Self::Paced { .. } => Purpose::Paced,
            Self::Adaptive { .. } => Purpose::Guidance,
            Self::AssessStepped | Self::AssessSliding => Purpose::Assessment,
        }
    }
}
