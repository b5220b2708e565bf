//! Inquiries: a name screened by itself, outside any application.

use std::convert::Infallible;

use jiff::Timestamp;
use sanctions::{Lists, Policy, Screening, Subject, screen};
use serde::{Deserialize, Serialize};

use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};

/// The kind of [`Inquired`].
pub const INQUIRED: &str = "screening.inquired.v1";

const NAMES_COUNT_MAX: usize = 20;
const NAME_BYTES_MAX: usize = 500;
const BIRTHS_COUNT_MAX: usize = 10;
const IDENTIFIERS_COUNT_MAX: usize = 20;
const COUNTRIES_COUNT_MAX: usize = 20;
const TEXT_BYTES_MAX: usize = 200;

/// A name was screened by itself: the event, and all there is to know of the inquiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inquired {
    /// Id of the inquiry.
    pub id: String,
    /// Who was screened.
    pub subject: Subject,
    /// What was found.
    pub screening: Screening,
}

/// Whom to screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquire {
    /// The id that the inquiry will have.
    pub id: String,
    /// Who it is.
    pub subject: Subject,
}

/// What a decision depends on besides.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time.
    pub at: Timestamp,
    /// The lists in force.
    pub lists: &'a Lists,
    /// Which must be searched, and what scores mean.
    pub policy: &'a Policy,
}

/// Why a name is not screened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was screened under this id before.
    #[error(transparent)]
    Common(#[from] CommonRefusal),
    /// There is more to compare than the limit allows, or nothing.
    #[error("{field} takes {rule}")]
    OutOfLimits {
        /// Which part.
        field: &'static str,
        /// What it takes.
        rule: &'static str,
    },
}

impl Aggregate for Inquired {
    type State = Self;
    type Command = Inquire;
    type Event = Self;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        inquiry: Option<&Self>,
        command: Inquire,
        context: &Context<'_>,
    ) -> Result<Decision<Self, Infallible>, Refusal> {
        if inquiry.is_some() {
            let refusal = CommonRefusal::WrongState {
                what: "screening",
                from: "done",
                command: "screen",
            };
            return Err(refusal.into());
        }
        check(&command.subject)?;
        let Context { at, lists, policy } = *context;
        let screening = screen(&command.subject, lists, at, policy);
        Ok(Decision::event(Self {
            id: command.id,
            subject: command.subject,
            screening,
        }))
    }

    fn apply(inquiry: Option<Self>, event: &Self) -> Result<Self, Misfit> {
        match inquiry {
            None => Ok(event.clone()),
            Some(_) => Err(Misfit {
                event: INQUIRED,
                state: "done",
            }),
        }
    }
}

fn check(subject: &Subject) -> Result<(), Refusal> {
    let identifiers = subject.identifiers.iter();
    let mut texts = identifiers
        .flat_map(|it| [&it.kind, &it.value])
        .chain(&subject.countries);
    let rules = [
        (
            subject.names.len() <= NAMES_COUNT_MAX,
            "names",
            "at most 20 names",
        ),
        (
            !subject.names.is_empty() || !subject.identifiers.is_empty(),
            "names",
            "1 to 20 names, or none where an identifier is given",
        ),
        (
            subject.names.iter().all(|it| it.len() <= NAME_BYTES_MAX),
            "names",
            "names of at most 500 bytes",
        ),
        (
            subject.births.len() <= BIRTHS_COUNT_MAX,
            "dates_of_birth",
            "at most 10 dates",
        ),
        (
            subject.identifiers.len() <= IDENTIFIERS_COUNT_MAX,
            "identifiers",
            "at most 20 identifiers",
        ),
        (
            subject.countries.len() <= COUNTRIES_COUNT_MAX,
            "countries",
            "at most 20 countries",
        ),
        (
            texts.all(|it| it.len() <= TEXT_BYTES_MAX),
            "identifiers",
            "texts of at most 200 bytes",
        ),
    ];
    match rules.into_iter().find(|(holds, _, _)| !holds) {
        None => Ok(()),
        Some((_, field, rule)) => Err(Refusal::OutOfLimits { field, rule }),
    }
}
