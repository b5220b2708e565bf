//! The questions that come before a session. Without their answers nothing starts.
//!
//! The list is closed and every question must be answered. A "yes" either forbids the session or
//! asks the person to confirm that a clinician agreed.

use alloc::vec::Vec;

use serde::Deserialize;
use serde::Serialize;

use crate::units::EngineMs;

/// How long the answers hold before the start.
pub const SCREEN_VALID_MS: u64 = 15 * 60 * 1000;

/// A question of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Atrial fibrillation at this moment.
    AtrialFibrillationNow,
    /// A pacemaker or a heart that keeps one rhythm.
    FixedHeartRhythm,
    /// Light-headedness, palpitations or tingling at this moment.
    UnwellNow,
    /// Driving, or in or on water.
    DrivingOrWater,
    /// Younger than 18, for whom the rates are wrong.
    Minor,
    /// Frequent extra beats or palpitations.
    FrequentPalpitations,
    /// Severe asthma or COPD.
    SevereAirwayDisease,
    /// Epilepsy.
    Epilepsy,
    /// Pregnancy.
    Pregnancy,
    /// Psychosis, or trauma that relaxing can wake.
    PsychosisOrTrauma,
    /// Low blood pressure or fainting.
    LowBloodPressure,
    /// Insulin or medicine against high blood pressure, of which less may be needed.
    InsulinOrPressureMedicine,
}

/// What a "yes" means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// No session.
    Refuse,
    /// Only when the person confirms a clinician's agreement.
    Caution,
}

impl Question {
    /// Every question, in the order to ask them.
    pub const ALL: [Question; 12] = [
        Question::AtrialFibrillationNow,
        Question::FixedHeartRhythm,
        Question::UnwellNow,
        Question::DrivingOrWater,
        Question::Minor,
        Question::FrequentPalpitations,
        Question::SevereAirwayDisease,
        Question::Epilepsy,
        Question::Pregnancy,
        Question::PsychosisOrTrauma,
        Question::LowBloodPressure,
        Question::InsulinOrPressureMedicine,
    ];

    /// What a "yes" means.
    pub fn grade(self) -> Grade {
        match self {
            Self::AtrialFibrillationNow
            | Self::FixedHeartRhythm
            | Self::UnwellNow
            | Self::DrivingOrWater
            | Self::Minor => Grade::Refuse,
            Self::FrequentPalpitations
            | Self::SevereAirwayDisease
            | Self::Epilepsy
            | Self::Pregnancy
            | Self::PsychosisOrTrauma
            | Self::LowBloodPressure
            | Self::InsulinOrPressureMedicine => Grade::Caution,
        }
    }

    /// The words to ask.
    pub fn text(self) -> &'static str {
        match self {
            Self::AtrialFibrillationNow => {
                "Do you have an episode of atrial fibrillation at this moment?"
            }
            Self::FixedHeartRhythm => {
                "Do you have a pacemaker, or a heart rhythm that does not change?"
            }
            Self::UnwellNow => {
                "Do you feel light-headed, have palpitations or tingling at this moment?"
            }
            Self::DrivingOrWater => "Are you driving, operating machines, or in or on water?",
            Self::Minor => "Are you younger than 18?",
            Self::FrequentPalpitations => "Do you often have extra heartbeats or palpitations?",
            Self::SevereAirwayDisease => "Do you have severe asthma or COPD?",
            Self::Epilepsy => "Do you have epilepsy?",
            Self::Pregnancy => "Are you pregnant?",
            Self::PsychosisOrTrauma => {
                "Have you had a psychosis, or a trauma that comes back when you relax?"
            }
            Self::LowBloodPressure => "Do you have low blood pressure, or do you faint easily?",
            Self::InsulinOrPressureMedicine => {
                "Do you take insulin, or medicine against high blood pressure?"
            }
        }
    }
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The question.
    pub question: Question,
    /// Whether the person said yes.
    pub yes: bool,
}

/// All answers of one person at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// One for each question, in any order.
    pub answers: Vec<Answer>,
    /// Whether the person confirms that a clinician agreed, where a caution asks for it.
    pub clinician_agreed: bool,
}

impl Answers {
    /// "No" to every question.
    pub fn all_no() -> Self {
        let no = |question| Answer {
            question,
            yes: false,
        };
        Self {
            answers: Question::ALL.into_iter().map(no).collect(),
            clinician_agreed: false,
        }
    }
}

/// What the answers allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing speaks against a session.
    Cleared,
    /// The person confirmed that a clinician agreed, in spite of these.
    CautionAcknowledged {
        /// The cautions.
        cautions: Vec<Question>,
    },
    /// No session.
    Refused {
        /// What forbids it, or was not confirmed, or not answered exactly once.
        which: Vec<Question>,
    },
}

/// Judges the answers. A question that is missing or answered twice counts as a refusal.
pub fn judge(answers: &Answers) -> Outcome {
    let mut refused = Vec::new();
    let mut cautions = Vec::new();
    for question in Question::ALL {
        let mut given = answers.answers.iter().filter(|a| a.question == question);
        match (given.next(), given.next(), question.grade()) {
            (Some(Answer { yes: false, .. }), None, _) => {}
            (Some(Answer { yes: true, .. }), None, Grade::Caution) => cautions.push(question),
            _ => refused.push(question),
        }
    }
    if refused.is_empty() && !answers.clinician_agreed {
        refused.append(&mut cautions);
    }
    match (refused.is_empty(), cautions.is_empty()) {
        (false, _) => Outcome::Refused { which: refused },
        (true, false) => Outcome::CautionAcknowledged { cautions },
        (true, true) => Outcome::Cleared,
    }
}

/// Whether answers given at `screened` still hold at `now`.
pub fn holds(screened: EngineMs, now: EngineMs) -> bool {
    now >= screened && now.since(screened) <= SCREEN_VALID_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_yes(question: Question, clinician_agreed: bool) -> Answers {
        let mut answers = Answers::all_no();
        for answer in &mut answers.answers {
            answer.yes = answer.question == question;
        }
        answers.clinician_agreed = clinician_agreed;
        answers
    }

    #[test]
    fn each_yes_refuses_or_asks_for_a_clinician() {
        assert_eq!(judge(&Answers::all_no()), Outcome::Cleared);
        for question in Question::ALL {
            let refused = Outcome::Refused {
                which: [question].into(),
            };
            assert_eq!(judge(&with_yes(question, false)), refused);
            let agreed = judge(&with_yes(question, true));
            match question.grade() {
                Grade::Refuse => assert_eq!(agreed, refused),
                Grade::Caution => assert_eq!(
                    agreed,
                    Outcome::CautionAcknowledged {
                        cautions: [question].into()
                    }
                ),
            }
        }
    }

    #[test]
    fn an_unanswered_or_doubly_answered_question_refuses() {
        for index in 0..Question::ALL.len() {
            let mut missing = Answers::all_no();
            let answer = missing.answers.remove(index);
            let refused = Outcome::Refused {
                which: [answer.question].into(),
            };
            assert_eq!(judge(&missing), refused);
            let mut twice = Answers::all_no();
            twice.answers.push(answer);
            assert_eq!(judge(&twice), refused);
        }
    }

    #[test]
    fn answers_hold_for_fifteen_minutes() {
        let screened = EngineMs(1_000);
        assert!(holds(screened, EngineMs(1_000 + SCREEN_VALID_MS)));
        assert!(!holds(screened, EngineMs(1_001 + SCREEN_VALID_MS)));
        assert!(!holds(screened, EngineMs(999)));
    }
}
