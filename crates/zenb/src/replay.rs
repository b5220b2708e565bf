//! Recomputes a session from its inputs and finds where the record differs.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::digest::NUMERIC_VERSION;
use crate::digest::StateDigest;
use crate::engine::Engine;
use crate::engine::LATEST_MS;
use crate::engine::Refused;
use crate::engine::Step;
use crate::engine::Summary;
use crate::event::Decided;
use crate::event::Decision;
use crate::event::DecisionKind;
use crate::event::Ended;
use crate::event::SessionEvent;
use crate::units::EngineMs;

/// A session whose record follows from its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replayed {
    /// The digest after the opening and after each input.
    pub digests: Vec<StateDigest>,
    /// How many steps were recomputed: the opening and each input.
    pub steps_count: u64,
    /// What the session came to, if it has ended.
    pub summary: Option<Summary>,
}

/// What the record says, or what was computed, at the first difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Decisions and a digest.
    Decided(Decided),
    /// An end.
    Ended(Ended),
    /// The engine refuses the recorded input.
    Refused(Refused),
    /// Nothing more.
    Nothing,
}

/// Why a record is not the engine's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case")]
pub enum Diverged {
    /// The record does not begin with an opening.
    #[error("the record does not begin with an opening")]
    NotOpened,
    /// The record is of an engine that computes otherwise.
    #[error("the record is of numeric version {recorded}, this engine is {own}")]
    OtherNumericVersion {
        /// The record's.
        recorded: u32,
        /// This engine's.
        own: u32,
    },
    /// An event stands where it cannot.
    #[error("event {seq} cannot stand there")]
    OutOfOrder {
        /// Its number in the stream, from 1.
        seq: u64,
    },
    /// The record differs from what follows from the inputs.
    #[error("event {seq} differs from what follows from the inputs before it")]
    Differs {
        /// Its number in the stream, from 1.
        seq: u64,
        /// What follows from the inputs.
        expected: Box<Account>,
        /// What the record says.
        found: Box<Account>,
    },
}

/// A replay that takes one event at a time.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    engine: Option<Engine>,
    due: Option<Step>,
    seq: u64,
    digests: Vec<StateDigest>,
    ended: bool,
}

impl Replay {
    /// Nothing replayed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event of the stream.
    pub fn take(&mut self, event: &SessionEvent) -> Result<(), Diverged> {
        self.seq += 1;
        let seq = self.seq;
        match (event, &mut self.engine) {
            (SessionEvent::Opened(opened), None) => {
                if opened.numeric_version != NUMERIC_VERSION {
                    return Err(Diverged::OtherNumericVersion {
                        recorded: opened.numeric_version,
                        own: NUMERIC_VERSION,
                    });
                }
                let (engine, step) = Engine::open(&opened.opening);
                self.engine = Some(engine);
                self.due = Some(step);
                Ok(())
            }
            (_, None) => Err(Diverged::NotOpened),
            (SessionEvent::Opened(_), Some(_)) => Err(Diverged::OutOfOrder { seq }),
            (SessionEvent::Input(input), Some(engine)) => {
                if self.due.is_some() || self.ended {
                    return Err(Diverged::OutOfOrder { seq });
                }
                match engine.step(input) {
                    Ok(step) => self.due = Some(step),
                    Err(refused) => {
                        return Err(Diverged::Differs {
                            seq,
                            expected: Account::Refused(refused).into(),
                            found: Account::Nothing.into(),
                        });
                    }
                }
                Ok(())
            }
            (SessionEvent::Decided(found), Some(_)) => self.compare(seq, found),
            (SessionEvent::Ended(found), Some(engine)) => {
                let expected = ended(engine);
                if self.due.is_some() || self.ended {
                    return Err(Diverged::OutOfOrder { seq });
                }
                if expected.as_ref() == Some(found) {
                    self.ended = true;
                    return Ok(());
                }
                Err(Diverged::Differs {
                    seq,
                    expected: expected.map_or(Account::Nothing, Account::Ended).into(),
                    found: Account::Ended(found.clone()).into(),
                })
            }
        }
    }

    fn compare(&mut self, seq: u64, found: &Decided) -> Result<(), Diverged> {
        let Some(step) = self.due.take() else {
            return Err(Diverged::OutOfOrder { seq });
        };
        let expected = Decided {
            decisions: step.events,
            digest: step.digest,
        };
        if expected != *found {
            return Err(Diverged::Differs {
                seq,
                expected: Account::Decided(expected).into(),
                found: Account::Decided(found.clone()).into(),
            });
        }
        self.digests.push(expected.digest);
        Ok(())
    }

    /// The engine as it stands after the events so far: a session is restored by this.
    ///
    /// A last input whose decisions did not reach the record is taken; `due` are its decisions,
    /// to be recorded.
    pub fn resume(self) -> Option<(Engine, Option<Step>)> {
        let due = self.due;
        self.engine.map(|engine| (engine, due))
    }

    /// What was replayed.
    pub fn finish(self) -> Replayed {
        Replayed {
            steps_count: self.digests.len() as u64,
            digests: self.digests,
            summary: self
                .engine
                .as_ref()
                .and_then(|engine| engine.summary().cloned()),
        }
    }
}

/// The last event of an engine's session, once it has ended.
pub fn ended(engine: &Engine) -> Option<Ended> {
    engine.summary().map(|summary| Ended {
        summary: summary.clone(),
        inputs_count: engine.inputs_count(),
        digest: engine.digest(),
    })
}

/// An engine that can end a session whose record is of another numeric version: nothing of it is
/// recomputed, but when it began and when it was last heard of. `None` where the record has no
/// opening, or its end.
pub fn to_be_ended<'a>(events: impl IntoIterator<Item = &'a SessionEvent>) -> Option<Engine> {
    let (mut opening, mut started, mut now) = (None, None, EngineMs(0));
    for event in events {
        match event {
            SessionEvent::Opened(opened) => opening = Some(&opened.opening),
            // A stop may have any time.
            SessionEvent::Input(input) if input.at().0 <= LATEST_MS => now = now.max(input.at()),
            SessionEvent::Input(_) => {}
            SessionEvent::Decided(decided) => {
                let begins = |it: &Decision| it.kind == DecisionKind::Started;
                if decided.decisions.iter().any(begins) {
                    started = Some(now);
                }
            }
            SessionEvent::Ended(_) => return None,
        }
    }
    opening.map(|opening| Engine::heard_of(opening, started, now))
}

/// Recomputes a whole record.
pub fn replay<'a>(
    events: impl IntoIterator<Item = &'a SessionEvent>,
) -> Result<Replayed, Diverged> {
    let mut replay = Replay::new();
    for event in events {
        replay.take(event)?;
    }
    if replay.engine.is_none() {
        return Err(Diverged::NotOpened);
    }
    Ok(replay.finish())
}

impl From<Step> for Decided {
    fn from(step: Step) -> Self {
        let decisions: Vec<Decision> = step.events;
        Self {
            decisions,
            digest: step.digest,
        }
    }
}
