//! Public notices: what a zone announces to everybody, corrects and withdraws. Nothing that was published disappears: a
//! correction keeps what stood before, and a withdrawn notice stays readable with the reason.

use ids::ActorId;
use serde::{Deserialize, Serialize};

use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};

/// The longest title, in bytes of UTF-8.
pub const TITLE_BYTES_MAX: usize = 200;
/// The longest text, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 20_000;
/// The longest reason, in bytes of UTF-8.
pub const REASON_BYTES_MAX: usize = 2_000;
/// The most corrections of one notice.
pub const CORRECTIONS_MAX: usize = 100;

/// What a notice says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// Its title.
    pub title: String,
    /// Its text: plain text, paragraphs separated by empty lines.
    pub text: String,
}

/// A notice as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Its number in the year it was published, from 1 and without gaps.
    pub number: u64,
    /// The year, in UTC.
    pub year: i16,
    /// What it says.
    pub wording: Wording,
    /// When it was published, Unix milliseconds.
    pub published_ms: i64,
    /// Who published it.
    pub published_by: ActorId,
    /// What it said before each correction, oldest first.
    pub corrections: Vec<Correction>,
    /// That it no longer holds.
    pub withdrawn: Option<Withdrawn>,
}

/// A wording that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// What it said before.
    pub before: Wording,
    /// Why it was replaced.
    pub reason: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Who did it.
    pub by: ActorId,
}

/// What can be asked of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Announce it.
    Publish(Wording),
    /// Replace what it says.
    Correct {
        /// What it says from now on.
        wording: Wording,
        /// Why.
        reason: String,
    },
    /// Say that it no longer holds.
    Withdraw {
        /// Why.
        reason: String,
    },
}

ids::events! {
    /// What happened to a notice.
    NoticeEvent {
        /// It was announced.
        Published = "notice.published.v1",
        /// What it says was replaced.
        Corrected = "notice.corrected.v1",
        /// It no longer holds.
        Withdrawn = "notice.withdrawn.v1",
    }
}

/// A notice was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Its number in its year. The writer gives it, at the notice's turn; 0 until then.
    pub number: u64,
    /// The year, in UTC.
    pub year: i16,
    /// What it says.
    pub wording: Wording,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Who did it.
    pub by: ActorId,
}

/// What a notice says was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrected {
    /// What it says from now on.
    pub wording: Wording,
    /// Why.
    pub reason: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Who did it.
    pub by: ActorId,
}

/// A notice no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// Why.
    pub reason: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Who did it.
    pub by: ActorId,
}

/// What a decision depends on besides.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time, Unix milliseconds.
    pub now_ms: i64,
    /// Who acts.
    pub actor: &'a ActorId,
}

impl Aggregate for Notice {
    type State = Self;
    type Command = Command;
    type Event = NoticeEvent;
    type Effect = std::convert::Infallible;
    type Refusal = CommonRefusal;
    type Context<'a> = Context<'a>;

    fn decide(
        notice: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision<NoticeEvent, Self::Effect>, CommonRefusal> {
        let (at_ms, by) = (context.now_ms, context.actor.clone());
        let event = match (command, notice) {
            (Command::Publish(_), Some(_)) => return Err(wrong_state("published", "publish")),
            (Command::Publish(wording), None) => {
                wording.check()?;
                let year = year_of(at_ms);
                NoticeEvent::Published(Published {
                    number: 0,
                    year,
                    wording,
                    at_ms,
                    by,
                })
            }
            (_, None) => return Err(CommonRefusal::Unknown { what: "notice" }),
            (Command::Correct { wording, reason }, Some(notice)) => {
                notice.check_in_force("correct")?;
                wording.check()?;
                CommonRefusal::check_text("reason", &reason, REASON_BYTES_MAX)?;
                let count = notice.corrections.len() + 1;
                CommonRefusal::check_count("corrections", count, CORRECTIONS_MAX)?;
                NoticeEvent::Corrected(Corrected {
                    wording,
                    reason,
                    at_ms,
                    by,
                })
            }
            (Command::Withdraw { reason }, Some(notice)) => {
                notice.check_in_force("withdraw")?;
                CommonRefusal::check_text("reason", &reason, REASON_BYTES_MAX)?;
                NoticeEvent::Withdrawn(Withdrawn { reason, at_ms, by })
            }
        };
        Ok(Decision::event(event))
    }

    fn apply(notice: Option<Self>, event: &NoticeEvent) -> Result<Self, Misfit> {
        let misfit = |state| Misfit {
            event: event.kind(),
            state,
        };
        match (event, notice) {
            (NoticeEvent::Published(published), None) => Ok(Self {
                number: published.number,
                year: published.year,
                wording: published.wording.clone(),
                published_ms: published.at_ms,
                published_by: published.by.clone(),
                corrections: Vec::new(),
                withdrawn: None,
            }),
            (NoticeEvent::Published(_), Some(_)) => Err(misfit("published")),
            (_, None) => Err(misfit("unpublished")),
            (_, Some(notice)) if notice.withdrawn.is_some() => Err(misfit("withdrawn")),
            (NoticeEvent::Corrected(corrected), Some(mut notice)) => {
                let before = std::mem::replace(&mut notice.wording, corrected.wording.clone());
                notice.corrections.push(Correction {
                    before,
                    reason: corrected.reason.clone(),
                    at_ms: corrected.at_ms,
                    by: corrected.by.clone(),
                });
                Ok(notice)
            }
            (NoticeEvent::Withdrawn(withdrawn), Some(mut notice)) => {
                notice.withdrawn = Some(withdrawn.clone());
                Ok(notice)
            }
        }
    }
}

impl Notice {
    fn check_in_force(&self, command: &'static str) -> Result<(), CommonRefusal> {
        match &self.withdrawn {
            None => Ok(()),
            Some(_) => Err(wrong_state("withdrawn", command)),
        }
    }
}

impl Wording {
    fn check(&self) -> Result<(), CommonRefusal> {
        CommonRefusal::check_text("title", &self.title, TITLE_BYTES_MAX)?;
        CommonRefusal::check_text("text", &self.text, TEXT_BYTES_MAX)
    }
}

fn wrong_state(from: &'static str, command: &'static str) -> CommonRefusal {
    CommonRefusal::WrongState {
        what: "notice",
        from,
        command,
    }
}

fn year_of(ms: i64) -> i16 {
    ids::time::utc_day(ms).map_or(0, |day| day.year())
}
