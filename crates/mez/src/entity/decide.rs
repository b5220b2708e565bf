//! From a command to events, or to a refusal.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use evidence::canonical::to_vec;
use evidence::digest::{Digest, Purpose};
use ids::PersonId;
use law::compliance::{Evaluation, Operation};
use serde_json::json;

use super::event::{
    Activated, Applied, Approved, DissolutionCancelled, DissolutionInitiated, Dissolved,
    EntityEvent, Evaluated, Event, Reinstated, Rejected, ReviewBegun, Screened, StageCompleted,
    Suspended,
};
use super::{
    Application, Command, Context, Decision, Dissolution, Effect, Entity, Refusal,
    RegistrationNumber, ReviewReason, StageProof, Stake, Status,
};
use crate::person::{Person, PersonEvent, PersonRecorded};
use crate::screening::{Party, ScreeningFact, ScreeningVerdict, Standing};
use ids::aggregate::CommonRefusal;

/// What commands are about, for refusals.
const ENTITY: &str = "entity";
/// Longest legal name, registered office and reason, in bytes of UTF-8.
pub(super) const LEGAL_NAME_BYTES_MAX: usize = 1_000;
const OFFICE_BYTES_MAX: usize = 2_000;
const REASON_BYTES_MAX: usize = 4_000;
const PERSONS_COUNT_MAX: usize = 100;
const ACTIVITIES_COUNT_MAX: usize = 50;
const WHOLE_BPS: u64 = 10_000;

/// Decides on a command. Pure: the same arguments give the same outcome.
pub(super) fn decide(
    entity: Option<&Entity>,
    command: Command,
    context: &Context<'_>,
) -> Result<Decision, Refusal> {
    match (command, entity) {
        (Command::Apply(application), None) => apply_for(*application, context),
        (_, None) => Err(CommonRefusal::Unknown { what: ENTITY }.into()),
        (command, Some(entity)) => {
            let subject = Subject {
                entity,
                context,
                command: command.name(),
            };
            subject.decide(command)
        }
    }
}

/// The digest of what is screened of a company itself: id and legal name. Both are public.
pub fn company_digest(id: &ids::EntityId, legal_name: &str) -> Result<Digest, Refusal> {
    let bytes =
        to_vec(&json!({ "company": id, "legal_name": legal_name })).map_err(Refusal::Canonical)?;
    Ok(Digest::of(Purpose::Screening, &bytes))
}

impl Command {
    /// The name of the command.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::RecordScreenings(_) => "record screenings",
            Self::BeginReview => "begin review",
            Self::RecordEvaluation(_) => "record an evaluation",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::Suspend { .. } => "suspend",
            Self::Reinstate { .. } => "reinstate",
            Self::InitiateDissolution { .. } => "initiate dissolution",
            Self::AdvanceDissolution { .. } => "advance dissolution",
            Self::CancelDissolution { .. } => "cancel dissolution",
        }
    }
}

/// A command to an entity that exists, on its way to a decision.
struct Subject<'a> {
    entity: &'a Entity,
    context: &'a Context<'a>,
    command: &'static str,
}

impl Subject<'_> {
    fn decide(&self, command: Command) -> Result<Decision, Refusal> {
        match command {
            Command::Apply(_) => Err(Refusal::AlreadyApplied(self.entity.id.clone())),
            Command::RecordScreenings(screenings) => self.record_screenings(screenings),
            Command::BeginReview => self.begin_review(),
            Command::RecordEvaluation(evaluation) => self.record_evaluation(&evaluation),
            Command::Approve {
                evaluation,
                sequence,
            } => self.approve(&evaluation, sequence),
            Command::Reject { reason } => self.reject(reason),
            Command::Suspend { reason } => self.suspend(reason),
            Command::Reinstate { reason } => self.reinstate(reason),
            Command::InitiateDissolution { evidence } => self.initiate_dissolution(evidence),
            Command::AdvanceDissolution { evidence, proof } => self.advance(evidence, proof),
            Command::CancelDissolution { reason } => self.cancel_dissolution(reason),
        }
    }

    fn record_screenings(&self, screenings: Vec<ScreeningFact>) -> Result<Decision, Refusal> {
        self.require(!self.entity.status.is_final())?;
        CommonRefusal::check_count("screenings", screenings.len(), PERSONS_COUNT_MAX + 1)?;
        let mut seen = BTreeSet::new();
        for fact in &screenings {
            let party = self.entity.parties.get(&fact.party);
            let fits = party.is_some_and(|record| record.subject == fact.subject);
            if !fits || fact.lists.is_empty() || !seen.insert(&fact.party) {
                return Err(Refusal::ForeignScreening {
                    party: fact.party.clone(),
                });
            }
        }
        let effects = match self.found(&screenings) {
            parties if parties.is_empty() => vec![],
            parties => vec![self.notify(ReviewReason::ScreeningHit { parties })],
        };
        Ok(self.emit(
            [EntityEvent::Screened(Screened {
                at_ms: self.context.now_ms,
                by: self.context.actor.clone(),
                screenings,
            })],
            effects,
        ))
    }

    /// Who came to a verdict that is not clear, and has another one in the register. A hit that the register knows needs no
    /// second notice, and a reviewer's own finding needs none.
    fn found(&self, screenings: &[ScreeningFact]) -> Vec<Party> {
        let is_found = |fact: &&ScreeningFact| {
            let known = self.entity.parties.get(&fact.party);
            let before = known.and_then(|record| record.screening.as_ref());
            let is_changed = before.map(|fact| fact.verdict) != Some(fact.verdict);
            is_changed && fact.verdict != ScreeningVerdict::Clear && fact.review.is_none()
        };
        let found = screenings.iter().filter(is_found);
        found.map(|fact| fact.party.clone()).collect()
    }

    fn begin_review(&self) -> Result<Decision, Refusal> {
        self.require(self.entity.status == Status::Applied)?;
        let event = EntityEvent::ReviewBegun(ReviewBegun {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
        });
        Ok(self.emit([event], vec![]))
    }

    fn record_evaluation(&self, evaluation: &Evaluation) -> Result<Decision, Refusal> {
        self.require(!self.entity.status.is_final())?;
        self.check_is_current(evaluation)?;
        Ok(self.emit([self.evaluated(evaluation)], vec![]))
    }

    fn approve(&self, evaluation: &Evaluation, sequence: NonZeroU64) -> Result<Decision, Refusal> {
        self.require(self.entity.status == Status::InReview)?;
        self.check_reviewer()?;
        if self.entity.approvals.contains(self.context.actor) {
            return Err(Refusal::ApprovedAlready(self.context.actor.clone()));
        }
        self.check_parties_cleared()?;
        self.check_is_current(evaluation)?;
        let denials = evaluation.denials();
        if evaluation.operation() != Operation::EntityFormation {
            return Err(Refusal::StaleEvaluation);
        }
        if !denials.is_empty() {
            return Err(Refusal::Compliance(denials));
        }
        let approved = EntityEvent::Approved(Approved {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            commitment: evaluation.commitment(),
        });
        let mut events = vec![self.evaluated(evaluation), approved];
        let is_last =
            self.entity.approvals.len() + 1 >= usize::from(self.context.approvals_required.max(1));
        if is_last {
            events.push(EntityEvent::Activated(Activated {
                at_ms: self.context.now_ms,
                by: self.context.actor.clone(),
                registration_number: RegistrationNumber::new(&self.entity.jurisdiction, sequence),
            }));
            return Ok(self.emit(events, vec![]));
        }
        Ok(self.emit(events, vec![self.notify(ReviewReason::Application)]))
    }

    fn reject(&self, reason: String) -> Result<Decision, Refusal> {
        self.require(matches!(
            self.entity.status,
            Status::Applied | Status::InReview
        ))?;
        self.check_reviewer()?;
        CommonRefusal::check_text("reason", &reason, REASON_BYTES_MAX)?;
        let event = EntityEvent::Rejected(Rejected {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            reason,
        });
        Ok(self.emit([event], vec![]))
    }

    fn suspend(&self, reason: String) -> Result<Decision, Refusal> {
        self.require(self.entity.status == Status::Active)?;
        CommonRefusal::check_text("reason", &reason, REASON_BYTES_MAX)?;
        let event = EntityEvent::Suspended(Suspended {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            reason,
        });
        Ok(self.emit([event], vec![self.publish()]))
    }

    fn reinstate(&self, reason: String) -> Result<Decision, Refusal> {
        self.require(matches!(self.entity.status, Status::Suspended { .. }))?;
        CommonRefusal::check_text("reason", &reason, REASON_BYTES_MAX)?;
        self.check_parties_cleared()?;
        let event = EntityEvent::Reinstated(Reinstated {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            reason,
        });
        Ok(self.emit([event], vec![self.publish()]))
    }

    fn initiate_dissolution(&self, evidence: Digest) -> Result<Decision, Refusal> {
        self.require(matches!(
            self.entity.status,
            Status::Active | Status::Suspended { .. }
        ))?;
        let event = EntityEvent::DissolutionInitiated(DissolutionInitiated {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            evidence,
        });
        Ok(self.emit([event], vec![]))
    }

    fn advance(&self, evidence: Digest, proof: StageProof) -> Result<Decision, Refusal> {
        let dissolution = self.dissolution()?;
        dissolution.check(proof, self.context.now_ms)?;
        let completed = EntityEvent::StageCompleted(StageCompleted {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            stage: dissolution.stage,
            evidence,
            proof,
        });
        if dissolution.stage.next().is_some() {
            return Ok(self.emit([completed], vec![]));
        }
        let dissolved = EntityEvent::Dissolved(Dissolved {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
        });
        Ok(self.emit([completed, dissolved], vec![self.publish()]))
    }

    fn cancel_dissolution(&self, reason: String) -> Result<Decision, Refusal> {
        let dissolution = self.dissolution()?;
        CommonRefusal::check_text("reason", &reason, REASON_BYTES_MAX)?;
        if !dissolution.stage.is_cancellable() {
            return Err(Refusal::LiquidatorInOffice);
        }
        let event = EntityEvent::DissolutionCancelled(DissolutionCancelled {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            reason,
        });
        Ok(self.emit([event], vec![]))
    }

    fn require(&self, allowed: bool) -> Result<(), Refusal> {
        if allowed {
            Ok(())
        } else {
            Err(self.wrong_state())
        }
    }

    fn wrong_state(&self) -> Refusal {
        let refusal = CommonRefusal::WrongState {
            what: ENTITY,
            from: self.entity.status.name(),
            command: self.command,
        };
        refusal.into()
    }

    fn dissolution(&self) -> Result<&Dissolution, Refusal> {
        match &self.entity.status {
            Status::Dissolving(dissolution) => Ok(dissolution),
            _ => Err(self.wrong_state()),
        }
    }

    /// Four eyes: who applied does not decide.
    fn check_reviewer(&self) -> Result<(), Refusal> {
        if *self.context.actor == self.entity.applicant {
            return Err(Refusal::ReviewerIsApplicant(self.context.actor.clone()));
        }
        Ok(())
    }

    fn check_parties_cleared(&self) -> Result<(), Refusal> {
        let standing = |(party, record): (&Party, &super::PartyRecord)| {
            let age_max_ms = self.context.screening_age_max_ms;
            (
                party.clone(),
                record.standing(self.context.now_ms, age_max_ms),
            )
        };
        let open: Vec<(Party, Standing)> = self
            .entity
            .parties
            .iter()
            .map(standing)
            .filter(|(_, standing)| *standing != Standing::Cleared)
            .collect();
        if open.is_empty() {
            Ok(())
        } else {
            Err(Refusal::PartiesNotCleared(open))
        }
    }

    /// A judgement counts only for the entity as it is, at the instant it was made for.
    fn check_is_current(&self, evaluation: &Evaluation) -> Result<(), Refusal> {
        let (entity, judged) = (self.entity, evaluation.opening());
        let is_of_it = judged.subject == entity.id
            && judged.jurisdiction == entity.jurisdiction
            && judged.as_of_ms == self.context.now_ms
            && judged.facts.entity_type == entity.entity_type
            && judged.facts.legal_name == entity.legal_name
            && judged.facts.activities == entity.activities;
        if is_of_it {
            Ok(())
        } else {
            Err(Refusal::StaleEvaluation)
        }
    }

    fn evaluated(&self, evaluation: &Evaluation) -> EntityEvent {
        EntityEvent::Evaluated(Evaluated {
            at_ms: self.context.now_ms,
            by: self.context.actor.clone(),
            record: evaluation.record(),
        })
    }

    fn notify(&self, reason: ReviewReason) -> Effect {
        Effect::NotifyReviewers {
            entity: self.entity.id.clone(),
            reason,
        }
    }

    fn publish(&self) -> Effect {
        Effect::PublishStatusList {
            entity: self.entity.id.clone(),
        }
    }

    fn emit(
        &self,
        events: impl IntoIterator<Item = EntityEvent>,
        effects: Vec<Effect>,
    ) -> Decision {
        Decision {
            events: events.into_iter().map(Event::Entity).collect(),
            effects,
        }
    }
}

fn apply_for(application: Application, context: &Context<'_>) -> Result<Decision, Refusal> {
    check_application(&application, context)?;
    let mut parties = BTreeMap::new();
    parties.insert(
        Party::Company,
        company_digest(&application.id, &application.legal_name)?,
    );
    for person in &application.persons {
        let digest = person.digest().map_err(Refusal::Canonical)?;
        parties.insert(Party::Person(person.id.clone()), digest);
    }
    let notify = Effect::NotifyReviewers {
        entity: application.id.clone(),
        reason: ReviewReason::Application,
    };
    let recorded = |person: Person| {
        Event::Person(PersonEvent::Recorded(PersonRecorded {
            at_ms: context.now_ms,
            by: context.actor.clone(),
            person,
        }))
    };
    let persons = application.persons.into_iter().map(recorded);
    let applied = Event::Entity(EntityEvent::Applied(Applied {
        at_ms: context.now_ms,
        by: context.actor.clone(),
        entity: application.id,
        jurisdiction: application.jurisdiction,
        entity_type: application.entity_type,
        legal_name: application.legal_name,
        registered_office: application.registered_office,
        activities: application.activities,
        directors: application.directors,
        owners: application.owners,
        parties,
    }));
    Ok(Decision {
        events: std::iter::once(applied).chain(persons).collect(),
        effects: vec![notify],
    })
}

/// The form of an application. What the law demands of it is for the packs to judge.
fn check_application(application: &Application, context: &Context<'_>) -> Result<(), Refusal> {
    let offered = context
        .entity_types
        .iter()
        .any(|(jurisdiction, entity_type)| {
            *jurisdiction == application.jurisdiction && *entity_type == application.entity_type
        });
    if !offered {
        return Err(Refusal::UnknownEntityType {
            entity_type: application.entity_type.clone(),
            jurisdiction: application.jurisdiction.clone(),
        });
    }
    for (field, text, bytes_max) in [
        ("legal_name", &application.legal_name, LEGAL_NAME_BYTES_MAX),
        (
            "registered_office",
            &application.registered_office,
            OFFICE_BYTES_MAX,
        ),
    ] {
        CommonRefusal::check_text(field, text, bytes_max)?;
    }
    for (field, count, count_max) in [
        (
            "activities",
            application.activities.len(),
            ACTIVITIES_COUNT_MAX,
        ),
        ("persons", application.persons.len(), PERSONS_COUNT_MAX),
        ("directors", application.directors.len(), PERSONS_COUNT_MAX),
        ("owners", application.owners.len(), PERSONS_COUNT_MAX),
    ] {
        CommonRefusal::check_count(field, count, count_max)?;
    }
    let owners = check_owners(&application.owners)?;
    check_persons(application, &owners)
}

fn check_owners(owners: &[Stake]) -> Result<BTreeSet<&PersonId>, Refusal> {
    let mut persons = BTreeSet::new();
    for stake in owners {
        if !persons.insert(&stake.person) {
            return Err(Refusal::DuplicateOwner(stake.person.clone()));
        }
    }
    let sum_bps: u64 = owners.iter().map(|stake| u64::from(stake.share_bps)).sum();
    if sum_bps > WHOLE_BPS || owners.iter().any(|stake| stake.share_bps == 0) {
        return Err(Refusal::BadShares { sum_bps });
    }
    Ok(persons)
}

fn check_persons(application: &Application, owners: &BTreeSet<&PersonId>) -> Result<(), Refusal> {
    let mut described = BTreeSet::new();
    for person in &application.persons {
        person.validate()?;
        if !described.insert(&person.id) {
            return Err(Refusal::DuplicatePerson(person.id.clone()));
        }
        if !owners.contains(&person.id) && !application.directors.contains(&person.id) {
            return Err(Refusal::IdlePerson(person.id.clone()));
        }
    }
    let named = application.directors.iter().chain(owners.iter().copied());
    match named.into_iter().find(|person| !described.contains(person)) {
        Some(person) => Err(Refusal::UndescribedPerson(person.clone())),
        None => Ok(()),
    }
}
