//! A session on a recording: the pacer, the heart, and what the engine decides.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use zenb::digest::NUMERIC_VERSION;
use zenb::engine::{Engine, Input, Opening, SessionView, Step, StopBy};
use zenb::event::{Class, Decision, Opened, SessionEvent};
use zenb::inhibition::{Inhibitions, LoadedInhibitions};
use zenb::pacer::PacerView;
use zenb::protocol::{GuidancePace, Kind, Pace, Protocol};
use zenb::replay::ended;
use zenb::units::{EngineMs, Ticks};

use super::screen::Screened;
use super::{Unit, milli, read_intervals};
use crate::cli::output::line;
use crate::cli::{Failure, Global};
use crate::clock::Clock;

/// How often the view is drawn, each second.
const FRAMES: u64 = 20;
const BAR_WIDTH: usize = 48;
/// Lines of the view in a terminal.
const VIEW_LINES: usize = 4;
/// How often a line is printed where no terminal is attached, in seconds of the session.
const PLAIN_SECONDS: u64 = 30;

/// Breathe with a pacer that listens to the heart beats of a recording.
#[derive(Debug, Args)]
pub(super) struct Play {
    /// Intervals between beats: one a line, or CSV with the columns `at_ms,rr_1024`.
    #[arg(long = "rr", value_name = "FILE")]
    file: Option<PathBuf>,
    /// The unit of a file with one interval a line.
    #[arg(long, value_enum, default_value = "ms")]
    unit: Unit,
    /// How many times faster than life; as fast as it goes where no terminal is attached, unless said.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    speed: Option<u32>,
    /// Be led from this pace, in breaths a minute …
    #[arg(long, value_name = "RATE", value_parser = milli, default_value = "6.5")]
    from: u32,
    /// … to this one.
    #[arg(long, value_name = "RATE", value_parser = milli, default_value = "5.5")]
    to: u32,
    /// Keep one pace instead, in breaths a minute.
    #[arg(long, value_name = "RATE", value_parser = milli, conflicts_with_all = ["from", "to"])]
    pace: Option<u32>,
    /// How long, at most.
    #[arg(long, default_value = "15")]
    minutes: u8,
    /// Where to keep the session's events, for `hanse breathe replay`. They are not sealed: keep the file to yourself.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    screened: Screened,
}

/// A session under way, with all its events.
struct Session {
    engine: Engine,
    events: Vec<SessionEvent>,
    refused: u64,
}

impl Session {
    fn open(opening: Opening) -> Self {
        let (engine, step) = Engine::open(&opening);
        let opened = Opened {
            numeric_version: NUMERIC_VERSION,
            opening,
        };
        Self {
            engine,
            events: vec![
                SessionEvent::Opened(opened),
                SessionEvent::Decided(step.into()),
            ],
            refused: 0,
        }
    }

    /// Gives one input. Refused ones are counted, and change nothing.
    fn give(&mut self, input: Input) -> Vec<Decision> {
        if self.engine.summary().is_some() {
            return Vec::new();
        }
        let step: Step = match self.engine.step(&input) {
            Ok(step) => step,
            Err(_) => {
                self.refused += 1;
                return Vec::new();
            }
        };
        let decisions = step.events.clone();
        self.events.push(SessionEvent::Input(input));
        self.events.push(SessionEvent::Decided(step.into()));
        self.events
            .extend(ended(&self.engine).map(SessionEvent::Ended));
        decisions
    }
}

impl Play {
    /// Plays it.
    pub(super) fn run(&self, global: &Global) -> Result<(), Failure> {
        let file = self.file.as_ref().ok_or_else(|| {
            Failure::usage("--rr FILE says which recording; `hanse breathe --help` shows the rest")
        })?;
        let intervals = read_intervals(file, self.unit)?;
        let answers = self.screened.answers()?;
        let mut session = Session::open(self.opening()?);
        let at = EngineMs(0);
        let mut decisions = session.give(Input::Screen { at, answers });
        decisions.extend(session.give(Input::Start { at }));
        if !session.engine.pacer().running {
            return Err(held(&decisions));
        }
        let output = global.output();
        let is_live = io::stdout().is_terminal() && !output.is_json();
        let mut screen = Screen::new(is_live, output.is_json(), self.speed);
        play(&mut session, &intervals, &mut screen);
        self.keep(&session)?;
        output.object(&told(&session));
        Ok(())
    }

    fn opening(&self) -> Result<Opening, Failure> {
        let limits = |error: zenb::protocol::ProtocolError| Failure::usage(error.to_string());
        let share = Pace::SIX.inhale_permille();
        let kind = match self.pace {
            Some(pace) => Kind::Paced {
                pace: Pace::new(pace, share).map_err(limits)?,
            },
            None => Kind::Adaptive {
                start: GuidancePace::new(self.from, share).map_err(limits)?,
                target: GuidancePace::new(self.to, share).map_err(limits)?,
            },
        };
        let wall_ms = Clock::system().now_ms();
        // The command line keeps nothing of a person between two sessions; a node does.
        let mut none = Inhibitions::none();
        none.seen(wall_ms);
        Ok(Opening {
            protocol: Protocol::new(kind, self.minutes).map_err(limits)?,
            inhibitions: LoadedInhibitions::Loaded(none),
            breathed_today_ms: 0,
            wall_ms,
            seed: 0,
        })
    }

    fn keep(&self, session: &Session) -> Result<(), Failure> {
        let Some(path) = &self.record else {
            return Ok(());
        };
        let mut text = Vec::new();
        for event in &session.events {
            serde_json::to_writer(&mut text, event).expect("events have string keys");
            text.push(b'\n');
        }
        fs::write(path, text).map_err(|error| {
            Failure::environment(format!("{} cannot be written: {error}", path.display()))
        })
    }
}

/// Why the pacer did not start, in the words of the last decision.
fn held(decisions: &[Decision]) -> Failure {
    let code = decisions.last().map_or(Value::Null, |it| json!(it.code));
    Failure::refused(format!(
        "the session does not start: {}",
        code.as_str().unwrap_or("nothing was decided")
    ))
}

/// One packet a second with the beats that ended in it, as a strap sends them.
fn play(session: &mut Session, intervals: &[Ticks], screen: &mut Screen) {
    let (mut next, mut ends_us, mut at) = (0, 0_u64, 0_u64);
    while session.engine.summary().is_none() && next < intervals.len() {
        at += 1000;
        let mut rr = Vec::new();
        while let Some(interval) = intervals.get(next) {
            let end_us = ends_us + u64::from(interval.get()) * 1_000_000 / 1024;
            if end_us > at * 1000 {
                break;
            }
            rr.extend(u16::try_from(interval.get()));
            (ends_us, next) = (end_us, next + 1);
        }
        let moment = EngineMs(at);
        let contact = Some(true);
        let packet = Input::Packet {
            at: moment,
            rr,
            hr: None,
            contact,
        };
        let mut decisions = session.give(packet);
        decisions.extend(session.give(Input::Tick { at: moment }));
        screen.second(&session.engine, at, &decisions);
    }
    let (at, by) = (EngineMs(at), StopBy::Host);
    session.give(Input::Stop { at, by });
}

/// What a session came to.
fn told(session: &Session) -> Value {
    json!({
        "summary": session.engine.summary(),
        "digest": session.engine.digest(),
        "numeric_version": NUMERIC_VERSION,
        "inputs": session.engine.inputs_count(),
        "refused": session.refused,
        "events": session.events.len(),
    })
}

/// Where a session is shown.
struct Screen {
    is_live: bool,
    is_json: bool,
    speed: Option<u32>,
    begun: Instant,
    drawn: bool,
}

impl Screen {
    fn new(is_live: bool, is_json: bool, speed: Option<u32>) -> Self {
        let speed = if is_live {
            Some(speed.unwrap_or(1))
        } else {
            speed
        };
        Self {
            is_live,
            is_json,
            speed,
            begun: Instant::now(),
            drawn: false,
        }
    }

    /// Shows one second of the session, which lasts as long as the speed says.
    fn second(&mut self, engine: &Engine, at: u64, decisions: &[Decision]) {
        let (view, pacer) = (engine.view(), engine.pacer());
        if !self.is_json && !self.is_live {
            for decision in decisions {
                if decision.class == Class::Critical {
                    line(&format!("{:>6} s  {}", at / 1000, sentence(decision)));
                }
            }
            if (at / 1000).is_multiple_of(PLAIN_SECONDS) {
                line(&format!("{:>6} s  {}", at / 1000, numbers(&view, &pacer)));
            }
        }
        let Some(speed) = self.speed.map(u64::from) else {
            return;
        };
        for frame in 0..FRAMES {
            let moment = at - 1000 + (frame + 1) * 1000 / FRAMES;
            if self.is_live {
                self.draw(&view, &pacer, moment);
            }
            let due = Duration::from_millis(moment / speed);
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        }
    }

    fn draw(&mut self, view: &SessionView, pacer: &PacerView, at: u64) {
        let (full, filling) = fullness(pacer, at);
        let filled = (full * BAR_WIDTH as f64).round() as usize;
        let bar = "█".repeat(filled) + &" ".repeat(BAR_WIDTH - filled);
        let word = match (pacer.running, filling) {
            (false, _) => "rest",
            (true, true) => "in  ",
            (true, false) => "out ",
        };
        let features = &view.features;
        let peak = features.lf_peak.value().map_or_else(
            || "not measured".to_owned(),
            |peak| format!("{:.1} /min", f64::from(peak.milli_hz) * 0.06),
        );
        let swing = features.peak_to_trough_milli_bpm.value().map_or_else(
            || "not measured".to_owned(),
            |swing| format!("{:.1} beats/min", f64::from(swing) / 1000.0),
        );
        let back = if self.drawn {
            format!("\x1b[{VIEW_LINES}A")
        } else {
            String::new()
        };
        let lines = [
            format!("{word} ▕{bar}▏"),
            numbers(view, pacer),
            format!("resonance: strongest rhythm {peak}, swing {swing}"),
            format!("{} · Ctrl-C stops", clock(at)),
        ];
        let text: String = lines.map(|text| format!("\x1b[2K{text}\n")).concat();
        self.drawn = true;
        // A terminal that went away is nobody to draw for.
        drop(io::stdout().write_all((back + &text).as_bytes()));
        drop(io::stdout().flush());
    }
}

fn clock(at_ms: u64) -> String {
    format!("{}:{:02}", at_ms / 60_000, at_ms / 1000 % 60)
}

/// How full the lungs are, 0 to 1, and whether they fill; for drawing only.
fn fullness(pacer: &PacerView, at: u64) -> (f64, bool) {
    let since = at.saturating_sub(pacer.anchor_ms) as f64;
    let done = f64::from(pacer.anchor_phase_q32) / 4_294_967_296.0
        + since * f64::from(pacer.milli_breaths) / 60_000_000.0;
    let (phase, inhale) = (done.fract(), f64::from(pacer.inhale_permille) / 1000.0);
    if phase < inhale {
        (phase / inhale, true)
    } else {
        (1.0 - (phase - inhale) / (1.0 - inhale), false)
    }
}

fn numbers(view: &SessionView, pacer: &PacerView) -> String {
    let features = &view.features;
    let heart = features.heart_rate_milli_bpm.value().map_or_else(
        || "not measured".to_owned(),
        |rate| format!("{:.0} /min", f64::from(rate) / 1000.0),
    );
    let following = features.following.value().map_or_else(
        || "not measured".to_owned(),
        |follow| format!("{} %", follow.share_permille / 10),
    );
    let pace = f64::from(pacer.milli_breaths) / 1000.0;
    let (mode, level) = (word(&json!(view.mode)), word(&json!(view.level)));
    format!("pace {pace:.1} /min · heart {heart} · following {following} · {mode}, {level}")
}

fn sentence(decision: &Decision) -> String {
    let numbers = decision.numbers.iter();
    let numbers: Vec<String> = numbers
        .map(|number| format!("{}={}", word(&json!(number.name)), number.value))
        .collect();
    let (kind, code) = (word(&json!(decision.kind)), word(&json!(decision.code)));
    format!("{kind}: {code} {}", numbers.join(" "))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('_', " ")
}
