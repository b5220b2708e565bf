//! A rival that runs as a child process and answers one line per slice.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::measure::Slice;

/// A running child. It sleeps between questions, so it costs the other contestant nothing.
#[derive(Debug)]
pub struct Rival {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Rival {
    /// Starts `command` with its input and output connected to us.
    pub fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("connect the rival's output")?);
        Ok(Self {
            child,
            questions,
            answers,
        })
    }

    /// Asks for one slice of work. The answer is `UNITS WALL_NS CPU_NS`.
    pub fn ask(&mut self, question: &str) -> Result<Slice> {
        let questions = self
            .questions
            .as_mut()
            .context("ask a rival that was stopped")?;
        writeln!(questions, "{question}").with_context(|| format!("ask the rival: {question}"))?;
        questions.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let [units, wall_ns, cpu_ns] = answer.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("the rival answered {answer:?} to {question:?}");
        };
        Ok(Slice {
            units: units.parse()?,
            wall: Duration::from_nanos(wall_ns.parse()?),
            cpu: Duration::from_nanos(cpu_ns.parse()?),
        })
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // The end of its input is how a rival is told to stop.
        drop(self.questions.take());
        if let Err(error) = self.child.wait() {
            eprintln!("wait for the rival to stop: {error}");
        }
    }
}
