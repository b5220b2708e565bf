//! What every institution is made of: state that only events change, and commands that are decided without I/O.

/// A thing of an institution with a life of its own. Everything it decides on comes in as a value.
pub trait Aggregate {
    /// What it is now.
    type State;
    /// What can be asked of it.
    type Command;
    /// What happened to it. Its kinds are stored for ever: a change is a new kind.
    type Event;
    /// What has to be done in the world because of it.
    type Effect;
    /// Why a command is not done.
    type Refusal;
    /// What else a decision may depend on: the time, who acts, settings of the zone.
    type Context<'a>;

    /// Decides a command on a state; nothing before the first event.
    ///
    /// # Errors
    /// The rule that refuses.
    fn decide(
        state: Option<&Self::State>,
        command: Self::Command,
        context: &Self::Context<'_>,
    ) -> Result<Decision<Self::Event, Self::Effect>, Self::Refusal>;

    /// The state after an event.
    ///
    /// # Errors
    /// The event does not fit the state: the stream is not what this code wrote.
    fn apply(state: Option<Self::State>, event: &Self::Event) -> Result<Self::State, Misfit>;

    /// The state after several events, in order; nothing as long as there was none.
    ///
    /// # Errors
    /// The first event that does not fit.
    fn replay<'e>(
        state: Option<Self::State>,
        events: impl IntoIterator<Item = &'e Self::Event>,
    ) -> Result<Option<Self::State>, Misfit>
    where
        Self::Event: 'e,
    {
        let mut events = events.into_iter();
        events.try_fold(state, |state, event| Self::apply(state, event).map(Some))
    }
}

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<Event, Effect> {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What has to be done.
    pub effects: Vec<Effect>,
}

impl<Event, Effect> Decision<Event, Effect> {
    /// One thing happened, and nothing has to be done.
    pub fn event(event: Event) -> Self {
        Self {
            events: vec![event],
            effects: Vec::new(),
        }
    }

    /// The same, and this has to be done.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// An event that does not fit the state it is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event} does not fit {state}")]
pub struct Misfit {
    /// Kind of the event.
    pub event: &'static str,
    /// The state, in a word.
    pub state: &'static str,
}

/// Refusals that aggregates share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommonRefusal {
    /// It does not exist.
    #[error("there is no such {what}")]
    Unknown {
        /// What was asked for.
        what: &'static str,
    },
    /// The state does not allow the command.
    #[error("{what} is {from}, which does not allow to {command}")]
    WrongState {
        /// What.
        what: &'static str,
        /// The state it is in.
        from: &'static str,
        /// What was asked.
        command: &'static str,
    },
    /// A text is blank or too long.
    #[error("{field} is blank or longer than {bytes_max} bytes")]
    BadText {
        /// Which.
        field: &'static str,
        /// The limit, in bytes of UTF-8.
        bytes_max: usize,
    },
    /// A list is empty or too long.
    #[error("{field} must have 1 to {count_max} items")]
    BadCount {
        /// Which.
        field: &'static str,
        /// The limit.
        count_max: usize,
    },
}

impl CommonRefusal {
    /// A stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown",
            Self::WrongState { .. } => "wrong_state",
            Self::BadText { .. } => "bad_text",
            Self::BadCount { .. } => "bad_count",
        }
    }

    /// Checks a text for people.
    ///
    /// # Errors
    /// [`CommonRefusal::BadText`].
    pub fn check_text(field: &'static str, text: &str, bytes_max: usize) -> Result<(), Self> {
        if text.trim().is_empty() || text.len() > bytes_max {
            return Err(Self::BadText { field, bytes_max });
        }
        Ok(())
    }

    /// Checks how many items a list has.
    ///
    /// # Errors
    /// [`CommonRefusal::BadCount`].
    pub const fn check_count(
        field: &'static str,
        count: usize,
        count_max: usize,
    ) -> Result<(), Self> {
        if count == 0 || count > count_max {
            return Err(Self::BadCount { field, count_max });
        }
        Ok(())
    }
}

/// Declares the events of an aggregate: each variant holds a body of its own name, and the kind under which the journal
/// stores it for ever is also the tag in its JSON.
#[macro_export]
macro_rules! events {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $kind:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "type")]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $kind)] $variant($variant),)+
        }

        impl $name {
            /// The kinds of all its events.
            pub const KINDS: &[&'static str] = &[$($kind),+];

            /// The kind under which the journal stores the event.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)+
                }
            }
        }
    };
}
