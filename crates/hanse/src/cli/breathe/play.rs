//! A session on heart beats: the pacer, the heart, and what the engine decides.

use std::fs;
use std::future::ready;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use zenb::digest::NUMERIC_VERSION;
use zenb::engine::{Engine, Input, Opening, Step, StopBy};
use zenb::event::{Class, Decision, Opened, SessionEvent};
use zenb::inhibition::{Inhibitions, LoadedInhibitions};
use zenb::protocol::{GuidancePace, Kind, Pace, Protocol};
use zenb::replay::ended;
use zenb::units::EngineMs;

use super::milli;
use super::recording::Heard;
use super::screen::Screened;
use super::source::{Beats, Source};
use super::view::{self, Heart, Paint, Picture};
use crate::cli::output::line;
use crate::cli::{Failure, Global};
use platform::clock::Clock;

/// How often the view is drawn, each second.
const FRAMES: u64 = 20;
/// How often a line is printed where no terminal is attached, in seconds of the session.
const PLAIN_SECONDS: u64 = 30;

/// Breathe with a pacer that listens to the heart beats of a recording, or of a strap.
#[derive(Debug, Args)]
pub(super) struct Play {
    #[command(flatten)]
    beats: Beats,
    /// Take lines as they arrive on the standard input, for a strap that another program reads.
    #[arg(long, conflicts_with = "speed")]
    live: bool,
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

    fn is_over(&self) -> bool {
        self.engine.summary().is_some()
    }

    /// Gives what was heard by a moment, and lets time pass until then.
    fn hear(&mut self, at_ms: u64, heard: Vec<Heard>) -> Vec<Decision> {
        let at = EngineMs(at_ms);
        let mut decisions = Vec::new();
        for heard in heard {
            decisions.extend(self.give(heard.input(at_ms)));
        }
        decisions.extend(self.give(Input::Tick { at }));
        decisions
    }

    /// Gives one input. Refused ones are counted, and change nothing.
    fn give(&mut self, input: Input) -> Vec<Decision> {
        if self.is_over() {
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
        let mut source = if self.live {
            Source::Arriving(self.beats.arriving()?)
        } else {
            Source::Recording(self.beats.recording()?)
        };
        let answers = self.screened.answers()?;
        let mut session = Session::open(self.opening()?);
        let at = EngineMs(0);
        let mut decisions = session.give(Input::Screen { at, answers });
        decisions.extend(session.give(Input::Start { at }));
        if !session.engine.pacer().running {
            return Err(held(&decisions));
        }
        let output = global.output();
        let form = match (output.is_json(), io::stdout().is_terminal()) {
            (true, _) => Form::Nothing,
            (false, true) => Form::Picture(Terminal::enter()),
            (false, false) => Form::Lines,
        };
        let mut screen = Screen::new(form, if self.live { Some(1) } else { self.speed });
        play(&mut session, &mut source, &mut screen, &stop_asked());
        drop(screen);
        self.keep(&session)?;
        let told = told(&session, &source);
        output.object(&if output.is_json() {
            told
        } else {
            self.for_people(&told)
        });
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

    fn for_people(&self, told: &Value) -> Value {
        let summary = &told["summary"];
        let seconds = summary["breathed_ms"].as_u64().unwrap_or(0) / 1000;
        let mut rows = json!({
            "outcome": view::word(&summary["outcome"]),
            "breathed": format!("{}:{:02}", seconds / 60, seconds % 60),
            "digest": told["digest"],
        });
        let (length, played) = (
            &told["recording"]["length_ms"],
            &told["recording"]["played_ms"],
        );
        if let (Some(length), Some(played)) = (length.as_u64(), played.as_u64())
            && played < length
        {
            let (length, played) = (length / 60_000, played / 60_000);
            rows["recording"] = json!(format!(
                "{played} of {length} min; hanse breathe measure reads all of it"
            ));
        }
        if let Some(path) = &self.record {
            rows["recorded"] = json!(format!("hanse breathe replay {}", path.display()));
        }
        rows
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

/// Second by second, until the session ends, the beats end, or the person stops.
fn play(session: &mut Session, source: &mut Source, screen: &mut Screen, stop: &AtomicBool) {
    let mut at = 0;
    let by = loop {
        screen.wait(&session.engine, at, stop);
        at += 1000;
        if stop.load(Ordering::SeqCst) {
            break StopBy::Person;
        }
        let Some(heard) = source.until(at) else {
            break StopBy::Host;
        };
        let beats: Vec<u16> = heard.iter().flat_map(|it| it.rr.iter().copied()).collect();
        let decisions = session.hear(at, heard);
        screen.show(&session.engine, at, &decisions, &beats);
        if session.is_over() {
            return;
        }
    };
    let decisions = session.give(Input::Stop {
        at: EngineMs(at),
        by,
    });
    screen.show(&session.engine, at, &decisions, &[]);
}

/// Whether Ctrl-C was pressed. A process that cannot listen for it ends by it, which stops the pacer as well.
fn stop_asked() -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&asked);
    let (listening, heard) = channel::<()>();
    thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let Ok(runtime) = builder.enable_io().build() else {
            return;
        };
        runtime.block_on(async {
            let mut pressed = pin!(tokio::signal::ctrl_c());
            // Asked once, it listens from then on.
            let at_once = tokio::select! {
                biased;
                pressed = &mut pressed => Some(pressed),
                () = ready(()) => None,
            };
            drop(listening);
            let pressed = match at_once {
                Some(pressed) => pressed,
                None => pressed.await,
            };
            told.store(pressed.is_ok(), Ordering::SeqCst);
        });
    });
    // It says nothing: that it is gone says that the thread listens, or cannot.
    heard.recv().ok();
    asked
}

/// What a session came to.
fn told(session: &Session, source: &Source) -> Value {
    let played_ms = session.engine.view().at_ms;
    json!({
        "summary": session.engine.summary(),
        "digest": session.engine.digest(),
        "numeric_version": NUMERIC_VERSION,
        "inputs": session.engine.inputs_count(),
        "refused": session.refused,
        "unread": source.unread(),
        "recording": source.recording().map(|it| json!({
            "length_ms": it.length_ms(),
            "played_ms": played_ms.min(it.length_ms()),
            "repeated": it.repeated,
        })),
        "events": session.events.len(),
    })
}

/// A terminal with a screen of its own, given back when dropped.
struct Terminal;

impl Terminal {
    fn enter() -> Self {
        write("\x1b[?1049h\x1b[?25l\x1b[2J");
        Self
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        write("\x1b[?25h\x1b[?1049l");
    }
}

/// A terminal that went away is nobody to draw for.
fn write(text: &str) {
    drop(io::stdout().write_all(text.as_bytes()));
    drop(io::stdout().flush());
}

/// How a session is shown.
enum Form {
    /// Pictures on a terminal.
    Picture(Terminal),
    /// Now and then a line.
    Lines,
    /// Not at all: a program reads the end.
    Nothing,
}

/// Where a session is shown.
struct Screen {
    form: Form,
    speed: Option<u64>,
    begun: Instant,
    heart: Heart,
    last: String,
    remark: Option<&'static str>,
    paint: Paint,
}

impl Screen {
    fn new(form: Form, speed: Option<u32>) -> Self {
        let speed = match form {
            Form::Picture(_) => Some(speed.unwrap_or(1)),
            Form::Lines | Form::Nothing => speed,
        };
        Self {
            form,
            speed: speed.map(u64::from),
            begun: Instant::now(),
            heart: Heart::default(),
            last: String::new(),
            remark: None,
            paint: Paint {
                // https://no-color.org
                is_coloured: std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
            },
        }
    }

    /// Shows the second after `from`, which lasts as long as the speed says.
    fn wait(&mut self, engine: &Engine, from: u64, stop: &AtomicBool) {
        let Some(speed) = self.speed else {
            return;
        };
        for frame in 1..=FRAMES {
            let moment = from + frame * 1000 / FRAMES;
            if matches!(self.form, Form::Picture(_)) {
                self.draw(engine, moment);
            }
            let due = Duration::from_millis(moment / speed);
            thread::sleep(due.saturating_sub(self.begun.elapsed()));
            if stop.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Shows what followed from a second.
    fn show(&mut self, engine: &Engine, at: u64, decisions: &[Decision], beats: &[u16]) {
        self.heart.add(at, beats);
        let critical = decisions.iter().filter(|it| it.class == Class::Critical);
        for decision in critical {
            self.last = format!("{:>6} s  {}", at / 1000, view::sentence(decision));
            if matches!(self.form, Form::Lines) {
                line(self.last.trim_end());
            }
        }
        let remark = view::remark(&engine.view());
        if let (Form::Lines, Some(new)) = (&self.form, remark.filter(|_| remark != self.remark)) {
            line(&format!("{:>6} s  {new}", at / 1000));
        }
        self.remark = remark;
        if matches!(self.form, Form::Lines) && (at / 1000).is_multiple_of(PLAIN_SECONDS) {
            let numbers = view::numbers(&engine.view(), &engine.pacer());
            line(&format!("{:>6} s  {numbers}", at / 1000));
        }
    }

    fn draw(&self, engine: &Engine, at_ms: u64) {
        let picture = Picture {
            view: &engine.view(),
            pacer: &engine.pacer(),
            heart: &self.heart,
            last: self.last.trim(),
            at_ms,
        };
        let lines = view::lines(&picture, self.paint);
        let text: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        write(&format!("\x1b[H{text}\x1b[J"));
    }
}
