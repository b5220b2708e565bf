//! Cases: what comparing a party with the lists found, and what reviewers decided on the hits.
//!
//! ```text
//! nothing ── screened ──► case ◄─┬─ screened again: the decisions that still hold count
//!                                └─ decided on, by somebody else than the applicant
//! ```
//!
//! Invariants (guard):
//! 1. no decision is lost when a party is screened again     (`apply`; test `screening_again_keeps_every_decision`)
//! 2. a reviewer decides on hits as they were seen: what came up or changed meanwhile waits for another look
//!    (`decide`; test `a_hit_that_came_up_meanwhile_is_not_dismissed`)
//! 3. who applied decides on nothing                          (`decide`; test `the_applicant_cannot_decide`)

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use evidence::canonical::CanonicalError;
use evidence::digest::Digest;
use ids::{ActorId, EntityId, Salt};
use jiff::Timestamp;
use sanctions::{Decision as HitDecision, Finding, Hit, Screening, Verdict};
use serde::{Deserialize, Serialize};

use super::{HitReview, Party, ScreeningFact};
use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};

/// The longest reason of a decision, in bytes of UTF-8.
pub const REASON_BYTES_MAX: usize = 4_000;
/// The most hits that one decision names.
pub const HITS_COUNT_MAX: usize = 1_000;

/// A party's newest screening, with every decision on its hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyScreening {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// Digest of the party in the register.
    pub subject: Digest,
    /// The newest screening, in the light of the decisions.
    pub screening: Screening,
    /// Every decision so far; those that no longer hold are passed over, not forgotten.
    pub decisions: Vec<HitDecision>,
}

/// A hit by the listed entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HitName {
    /// The list.
    pub list: String,
    /// The entry's identifier there.
    pub entry_id: String,
}

/// The hits of a case as somebody saw them, each with the digest of its entry.
pub type SeenHits = BTreeMap<HitName, Digest>;

/// What can be asked of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Record what comparing the party with the lists found.
    RecordScreening(RecordScreening),
    /// Decide on hits.
    DecideHits(DecideHits),
}

/// See [`Command::RecordScreening`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordScreening {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// Digest of the party in the register.
    pub subject: Digest,
    /// What was found, before any decision.
    pub screening: Screening,
}

/// See [`Command::DecideHits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecideHits {
    /// What the reviewer found.
    pub finding: Finding,
    /// The hits it is about; all that were seen undecided when absent.
    pub hits: Option<Vec<HitName>>,
    /// The hits of the case when the reviewer decided.
    pub seen: SeenHits,
    /// Why.
    pub reason: String,
}

/// What happened to a case. Each is stored as it is, under its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CaseEvent {
    /// The party was screened.
    Performed(ScreeningPerformed),
    /// A reviewer decided on hits.
    Reviewed(ScreeningReviewed),
}

/// A party was screened. The full record, with names and reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningPerformed {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// Digest of the party in the register.
    pub subject: Digest,
    /// What was found.
    pub screening: Screening,
}

/// A reviewer decided on hits of the newest screening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningReviewed {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// The decisions added.
    pub decisions: Vec<HitDecision>,
    /// The screening in their light.
    pub screening: Screening,
}

/// What a decision depends on besides the case and the command.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time.
    pub at: Timestamp,
    /// Who acts.
    pub actor: &'a ActorId,
    /// Who applied for the entity.
    pub applicant: &'a ActorId,
}

/// Why a command to a case is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such case, or a text or a list is out of its limits.
    #[error(transparent)]
    Common(#[from] CommonRefusal),
    /// Four eyes: who applied does not decide.
    #[error("who applied cannot decide on the hits")]
    ReviewerIsApplicant,
    /// A named hit is not in the case.
    #[error("no such hit in this case")]
    UnknownHit {
        /// Which of those that were named, from 0.
        index: usize,
    },
    /// A hit came up, changed or went away after the reviewer looked.
    #[error("the hits of this case changed meanwhile; look at them again")]
    HitsChanged,
    /// Every hit is decided, or none was named.
    #[error("no hit of this case waits for a decision")]
    NothingWaits,
}

impl Aggregate for PartyScreening {
    type State = Self;
    type Command = Command;
    type Event = CaseEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        case: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision<CaseEvent, Infallible>, Refusal> {
        let event = match (command, case) {
            (Command::RecordScreening(command), case) => {
                let decisions = case.map_or(&[][..], |case| &case.decisions);
                CaseEvent::Performed(ScreeningPerformed {
                    entity: command.entity,
                    party: command.party,
                    subject: command.subject,
                    screening: command.screening.reviewed(decisions),
                })
            }
            (Command::DecideHits(_), None) => {
                return Err(CommonRefusal::Unknown { what: "review" }.into());
            }
            (Command::DecideHits(command), Some(case)) => {
                CaseEvent::Reviewed(case.review(&command, context)?)
            }
        };
        Ok(Decision::event(event))
    }

    fn apply(case: Option<Self>, event: &CaseEvent) -> Result<Self, Misfit> {
        match (event, case) {
            (CaseEvent::Performed(performed), case) => Ok(Self {
                entity: performed.entity.clone(),
                party: performed.party.clone(),
                subject: performed.subject,
                screening: performed.screening.clone(),
                decisions: case.map(|case| case.decisions).unwrap_or_default(),
            }),
            (CaseEvent::Reviewed(_), None) => Err(Misfit {
                event: event.kind(),
                state: "not screened",
            }),
            (CaseEvent::Reviewed(reviewed), Some(mut case)) => {
                case.screening = reviewed.screening.clone();
                case.decisions.extend(reviewed.decisions.iter().cloned());
                Ok(case)
            }
        }
    }
}

impl PartyScreening {
    /// Whether a reviewer has to look.
    pub fn is_open(&self) -> bool {
        self.screening.verdict != Verdict::Clear
            && self.screening.hits.iter().any(|hit| hit.finding.is_none())
    }

    /// The hits as they are, for a reviewer to decide on.
    pub fn seen(&self) -> SeenHits {
        let hits = self.screening.hits.iter();
        hits.map(|hit| (HitName::of(hit), hit.entry)).collect()
    }

    /// What the register keeps of the case. `review` is the finding that settled it, if one did.
    ///
    /// # Errors
    /// The screening has no canonical form, which is a defect.
    pub fn fact(
        &self,
        salt: &Salt,
        review: Option<HitReview>,
    ) -> Result<ScreeningFact, CanonicalError> {
        let fact = ScreeningFact::of(self.party.clone(), self.subject, salt, &self.screening)?;
        Ok(ScreeningFact { review, ..fact })
    }

    fn review(
        &self,
        command: &DecideHits,
        context: &Context<'_>,
    ) -> Result<ScreeningReviewed, Refusal> {
        CommonRefusal::check_text("reason", &command.reason, REASON_BYTES_MAX)?;
        if context.actor == context.applicant {
            return Err(Refusal::ReviewerIsApplicant);
        }
        let meant = match &command.hits {
            None => self.waiting(&command.seen)?,
            Some(names) => self.named(names, &command.seen)?,
        };
        let decision = |hit: &Hit| HitDecision {
            subject: self.screening.subject,
            list: hit.list.clone(),
            entry_id: hit.entry_id.clone(),
            entry: hit.entry,
            finding: command.finding,
            by: context.actor.to_string(),
            reason: command.reason.clone(),
            at: context.at,
        };
        let decisions: Vec<HitDecision> = meant.into_iter().map(decision).collect();
        if decisions.is_empty() {
            return Err(Refusal::NothingWaits);
        }
        let all = [self.decisions.as_slice(), &decisions].concat();
        Ok(ScreeningReviewed {
            entity: self.entity.clone(),
            party: self.party.clone(),
            screening: self.screening.clone().reviewed(&all),
            decisions,
        })
    }

    /// Undecided hits that are as they were seen. A hit that was decided already cannot be meant by silence, and one that
    /// nobody saw cannot either.
    fn waiting(&self, seen: &SeenHits) -> Result<Vec<&Hit>, Refusal> {
        let hits = self.screening.hits.iter();
        let undecided: Vec<&Hit> = hits.filter(|hit| hit.finding.is_none()).collect();
        let as_seen = |hit: &&Hit| seen.get(&HitName::of(hit)) == Some(&hit.entry);
        let meant: Vec<&Hit> = undecided.iter().copied().filter(as_seen).collect();
        if meant.is_empty() && !undecided.is_empty() {
            return Err(Refusal::HitsChanged);
        }
        Ok(meant)
    }

    fn named(&self, names: &[HitName], seen: &SeenHits) -> Result<Vec<&Hit>, Refusal> {
        if names.len() > HITS_COUNT_MAX {
            CommonRefusal::check_count("hits", names.len(), HITS_COUNT_MAX)?;
        }
        let mut repeated = BTreeSet::new();
        let mut meant = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let entry = seen.get(name).ok_or(Refusal::UnknownHit { index })?;
            let mut hits = self.screening.hits.iter();
            let hit = hits.find(|hit| hit.entry == *entry && HitName::of(hit) == *name);
            let hit = hit.ok_or(Refusal::HitsChanged)?;
            if repeated.insert(name) {
                meant.push(hit);
            }
        }
        Ok(meant)
    }
}

impl ScreeningReviewed {
    /// The finding for the register, where `by` settled the case with it: the last hit was dismissed, or one is confirmed.
    pub fn settled_by(&self, by: &ActorId) -> Option<HitReview> {
        let decision = self.decisions.first()?;
        let settles = match decision.finding {
            Finding::FalsePositive => self.screening.verdict == Verdict::Clear,
            Finding::TrueMatch => true,
        };
        settles.then(|| HitReview {
            finding: decision.finding.into(),
            by: by.clone(),
            at_ms: decision.at.as_millisecond(),
        })
    }
}

impl CaseEvent {
    /// The kind of [`CaseEvent::Performed`].
    pub const PERFORMED: &'static str = "screening.performed.v1";
    /// The kind of [`CaseEvent::Reviewed`].
    pub const REVIEWED: &'static str = "screening.reviewed.v1";

    /// The kind under which the journal stores the event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Performed(_) => Self::PERFORMED,
            Self::Reviewed(_) => Self::REVIEWED,
        }
    }

    /// The id of the case.
    pub fn case_id(&self) -> String {
        match self {
            Self::Performed(performed) => case_id(&performed.entity, &performed.party),
            Self::Reviewed(reviewed) => case_id(&reviewed.entity, &reviewed.party),
        }
    }
}

impl HitName {
    /// The name of a hit.
    pub fn of(hit: &Hit) -> Self {
        Self {
            list: hit.list.clone(),
            entry_id: hit.entry_id.clone(),
        }
    }
}

/// The id of a party's case.
pub fn case_id(entity: &EntityId, party: &Party) -> String {
    match party {
        Party::Company => format!("{entity}.company"),
        Party::Person(person) => format!("{entity}.{person}"),
    }
}
