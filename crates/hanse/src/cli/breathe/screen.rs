//! The questions that come before a session.

use clap::Args;
use serde_json::json;
use zenb::screen::{Answers, Grade, Question};

use crate::cli::{Failure, Global};

/// Show the questions that come before a session.
#[derive(Debug, Args)]
pub(super) struct Questions {}

impl Questions {
    /// Shows them.
    pub(super) fn run(&self, global: &Global) -> Result<(), Failure> {
        let rows = Question::ALL.map(|question| {
            let grade = match question.grade() {
                Grade::Refuse => "not for now",
                Grade::Caution => "ask a clinician first",
            };
            json!({"question": question, "text": question.text(), "yes_means": grade})
        });
        global
            .output()
            .table(&rows, &["question", "text", "yes_means"]);
        Ok(())
    }
}

/// What was said at the command line about the questions.
#[derive(Debug, Args)]
pub(super) struct Screened {
    /// Every question of `hanse breathe questions` has the answer no, but for those named with --yes.
    #[arg(long)]
    screened: bool,
    /// A question whose answer is yes, by its name. Repeat for several.
    #[arg(long, value_name = "QUESTION", value_parser = question, requires = "screened")]
    yes: Vec<Question>,
    /// A clinician agreed in spite of what --yes names.
    #[arg(long, requires = "yes")]
    clinician_agreed: bool,
}

fn question(text: &str) -> Result<Question, String> {
    serde_json::from_value(json!(text)).map_err(|_| {
        format!("`{text}` is not the name of a question: see `hanse breathe questions`")
    })
}

impl Screened {
    /// The answers. Without `--screened` there are none, and nothing starts.
    pub(super) fn answers(&self) -> Result<Answers, Failure> {
        if !self.screened {
            return Err(Failure::refused(
                "no session starts before its questions are answered: read `hanse breathe questions`, then say --screened",
            ));
        }
        let mut answers = Answers::all_no();
        for answer in &mut answers.answers {
            answer.yes = self.yes.contains(&answer.question);
        }
        answers.clinician_agreed = self.clinician_agreed;
        Ok(answers)
    }
}
