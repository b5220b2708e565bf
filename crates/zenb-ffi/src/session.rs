//! A session whose inputs and outputs are JSON texts.

use std::sync::Mutex;

use serde::Serialize;
use zenb::engine::{Engine, Input, Opening, Refused, Step};
#[cfg(feature = "replay")]
use zenb::event::SessionEvent;
#[cfg(feature = "replay")]
use zenb::replay::{Diverged, Replayed, replay};

/// A text is not of the form that is asked for.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error), uniffi(flat_error))]
pub enum BadText {
    /// It is not JSON of this form.
    #[error("{what} is not of its form: {source}")]
    Form {
        /// What was read.
        what: &'static str,
        /// Where it fails and why.
        #[source]
        source: serde_json::Error,
    },
}

/// What came of an input.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer<'a> {
    Taken(&'a Step),
    Refused(&'a Refused),
}

/// What came of a replay.
#[cfg(feature = "replay")]
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict<'a> {
    Replayed(&'a Replayed),
    Diverged(&'a Diverged),
}

/// One session.
#[derive(Debug)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct Session {
    engine: Mutex<Engine>,
    opened: Step,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Session {
    /// Opens a session by an [`Opening`].
    ///
    /// # Errors
    /// The text is no opening, or asks for what a protocol cannot be.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn open(opening: &str) -> Result<Self, BadText> {
        let opening: Opening = read("opening", opening)?;
        let (engine, opened) = Engine::open(&opening);
        Ok(Self {
            engine: Mutex::new(engine),
            opened,
        })
    }

    /// What followed from the opening: a [`Step`].
    pub fn opened(&self) -> String {
        write(&self.opened)
    }

    /// Takes an [`Input`]; answers `{"taken": Step}` or `{"refused": Refused}`. After a refusal the
    /// session is as before.
    ///
    /// # Errors
    /// The text is no input.
    pub fn step(&self, input: &str) -> Result<String, BadText> {
        let input: Input = read("input", input)?;
        let answer = self.engine().step(&input);
        Ok(match &answer {
            Ok(step) => write(&Answer::Taken(step)),
            Err(refused) => write(&Answer::Refused(refused)),
        })
    }

    /// What a person should see now.
    pub fn view(&self) -> String {
        write(&self.engine().view())
    }

    /// What draws the pacer at any moment until the next step.
    pub fn pacer(&self) -> String {
        write(&self.engine().pacer())
    }

    /// How it ended: a summary, or `null` while it runs.
    pub fn summary(&self) -> String {
        write(&self.engine().summary())
    }

    /// The digest of the whole state.
    pub fn digest(&self) -> String {
        self.engine().digest().to_string()
    }
}

impl Session {
    fn engine(&self) -> std::sync::MutexGuard<'_, Engine> {
        // A panic inside a step leaves the old state, which is whole.
        let engine = self.engine.lock();
        engine.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Recomputes a session from its journal, a JSON array of events; answers `{"replayed": ...}` or
/// `{"diverged": ...}`, which names the first event that does not follow.
///
/// # Errors
/// The text is no array of events.
#[cfg(feature = "replay")]
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn replayed(events: &str) -> Result<String, BadText> {
    let events: Vec<SessionEvent> = read("events", events)?;
    Ok(match &replay(&events) {
        Ok(replayed) => write(&Verdict::Replayed(replayed)),
        Err(diverged) => write(&Verdict::Diverged(diverged)),
    })
}

fn read<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, BadText> {
    serde_json::from_str(text).map_err(|source| BadText::Form { what, source })
}

fn write(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the engine's values have only text keys")
}
