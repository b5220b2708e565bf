//! Runs an engine second by second with a simulated person, and keeps what happened.

use zenb::bug::PlantedBug;
use zenb::engine::Engine;
use zenb::engine::Input;
use zenb::engine::Opening;
use zenb::engine::Refused;
use zenb::engine::Step;
use zenb::event::Code;
use zenb::event::Decided;
use zenb::event::Decision;
use zenb::event::DecisionKind;
use zenb::event::Opened;
use zenb::event::SessionEvent;
use zenb::guidance::Level;
use zenb::inhibition::Inhibitions;
use zenb::inhibition::LoadedInhibitions;
use zenb::protocol::GuidancePace;
use zenb::protocol::Kind;
use zenb::protocol::Pace;
use zenb::protocol::Protocol;
use zenb::replay;
use zenb::screen::Answers;
use zenb::units::EngineMs;

use super::person::Person;

pub(super) const WALL_MS: i64 = 1_700_000_000_000;

pub(super) fn adaptive(from: u32, to: u32) -> Kind {
    Kind::Adaptive {
        start: GuidancePace::new(from, 400).unwrap(),
        target: GuidancePace::new(to, 400).unwrap(),
    }
}

pub(super) fn paced(milli: u32) -> Kind {
    Kind::Paced {
        pace: Pace::new(milli, 400).unwrap(),
    }
}

pub(super) fn opening(kind: Kind, minutes: u8) -> Opening {
    Opening {
        protocol: Protocol::new(kind, minutes).unwrap(),
        inhibitions: LoadedInhibitions::Loaded(Inhibitions::none()),
        breathed_today_ms: 0,
        wall_ms: WALL_MS,
        seed: 7,
    }
}

/// What the strap does in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strap {
    /// Sends what it hears.
    On,
    /// Sends nothing.
    Silent,
    /// Says that it is off the skin.
    OffSkin,
    /// Sends each packet twice.
    Doubled,
    /// Sends each packet again so many milliseconds later.
    Copied(u64),
    /// Sends each packet with the beats of the one before in front.
    Overlapping,
    /// Sends the packet with a moment that has passed.
    Reordered,
    /// Sends milliseconds for 1/1024 s.
    Millis,
    /// Sends one interval for ever.
    Stuck,
    /// Sends 0xFFFF.
    Absurd,
    /// Sends ten seconds of beats at once, each as long as the others.
    Burst,
    /// Sends ten seconds of beats at once, of different lengths, so that only their sum is wrong.
    Hasty,
}

pub(super) struct Session {
    pub(super) engine: Engine,
    pub(super) person: Person,
    pub(super) now_ms: u64,
    pub(super) steps: Vec<(Option<Input>, Step)>,
    pub(super) opening: Opening,
}

impl Session {
    pub(super) fn open(opening: Opening, person: Person, bug: Option<PlantedBug>) -> Self {
        let (engine, step) = match bug {
            Some(bug) => Engine::open_without(&opening, bug),
            None => Engine::open(&opening),
        };
        Self {
            engine,
            person,
            now_ms: 0,
            steps: vec![(None, step)],
            opening,
        }
    }

    /// Opened, screened and started.
    pub(super) fn started(
        kind: Kind,
        minutes: u8,
        person: Person,
        bug: Option<PlantedBug>,
    ) -> Self {
        let mut session = Self::open(opening(kind, minutes), person, bug);
        let at = EngineMs(0);
        let answers = Answers::all_no();
        session.send(Input::Screen { at, answers }).unwrap();
        session.send(Input::Start { at }).unwrap();
        session
    }

    pub(super) fn send(&mut self, input: Input) -> Result<(), Refused> {
        let before = self.engine.digest();
        match self.engine.step(&input) {
            Ok(step) => {
                assert_eq!(step.digest, self.engine.digest());
                self.steps.push((Some(input), step));
                Ok(())
            }
            Err(refused) => {
                assert_eq!(self.engine.digest(), before, "a refusal changed the state");
                Err(refused)
            }
        }
    }

    /// One second passes: a packet as the strap sends it, and a tick.
    pub(super) fn second(&mut self, strap: Strap) {
        self.now_ms += 1000;
        let at = EngineMs(self.now_ms);
        let heard = self.person.beats(self.now_ms, &self.engine);
        let packet = |at, rr, contact| Input::Packet {
            at,
            rr,
            hr: None,
            contact,
        };
        // A fenced packet is the time line's business; the ticks go on.
        let _fenced = match strap {
            Strap::On => self.send(packet(at, heard.clone(), Some(true))),
            Strap::Silent => Ok(()),
            Strap::OffSkin => self.send(packet(at, Vec::new(), Some(false))),
            Strap::Doubled => {
                let first = self.send(packet(at, heard.clone(), Some(true)));
                let again = self.send(packet(at, heard.clone(), Some(true)));
                first.and(again)
            }
            Strap::Copied(late) => {
                let first = self.send(packet(at, heard.clone(), Some(true)));
                let late = EngineMs(self.now_ms + late);
                first.and(self.send(packet(late, heard.clone(), Some(true))))
            }
            Strap::Overlapping => {
                let last = std::mem::replace(&mut self.person.last, heard.clone());
                let rr = last.into_iter().chain(heard).collect();
                self.send(packet(at, rr, Some(true)))
            }
            Strap::Reordered => {
                let past = EngineMs(self.now_ms - 2_500);
                self.send(packet(past, heard.clone(), Some(true)))
            }
            Strap::Millis => {
                let millis = |ticks: &u16| (u32::from(*ticks) * 1000 / 1024) as u16;
                let rr = heard.iter().map(millis).collect();
                self.send(packet(at, rr, Some(true)))
            }
            Strap::Stuck => self.send(packet(at, vec![930], Some(true))),
            Strap::Absurd => self.send(packet(at, vec![u16::MAX], Some(true))),
            Strap::Burst => self.send(packet(at, vec![900; 11], Some(true))),
            Strap::Hasty => {
                let rr = (0..11).map(|beat| 880 + 40 * (beat % 3)).collect();
                self.send(packet(at, rr, Some(true)))
            }
        };
        let at = at.max(EngineMs(self.engine.view().at_ms));
        let _ended = self.send(Input::Tick { at });
    }

    pub(super) fn seconds(&mut self, count: u64, strap: Strap) {
        for _ in 0..count {
            self.second(strap);
        }
    }

    pub(super) fn now(&self) -> EngineMs {
        EngineMs(self.now_ms)
    }

    pub(super) fn level(&self) -> Level {
        self.engine.view().level
    }

    pub(super) fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.steps.iter().flat_map(|(_, step)| &step.events)
    }

    pub(super) fn count(&self, kind: DecisionKind, code: Code) -> usize {
        self.decisions()
            .filter(|decision| decision.kind == kind && decision.code == code)
            .count()
    }

    /// The session as it is journalled.
    pub(super) fn record(&self) -> Vec<SessionEvent> {
        let mut events = vec![SessionEvent::Opened(Opened {
            numeric_version: zenb::digest::NUMERIC_VERSION,
            opening: self.opening.clone(),
        })];
        for (input, step) in &self.steps {
            events.extend(input.clone().map(SessionEvent::Input));
            events.push(SessionEvent::Decided(Decided::from(step.clone())));
        }
        events.extend(replay::ended(&self.engine).map(SessionEvent::Ended));
        events
    }
}
