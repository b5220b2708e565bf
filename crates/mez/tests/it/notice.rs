//! Notices against a model: every sequence of commands.

use ids::ActorId;
use ids::aggregate::{Aggregate as _, CommonRefusal};
use mez::notice::{Command, Context, Notice, NoticeEvent, Wording};
use proptest::prelude::*;

fn wording() -> impl Strategy<Value = Wording> {
    ("[a-z]{0,3}", "[a-z]{0,3}").prop_map(|(title, text)| Wording { title, text })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        wording().prop_map(Command::Publish),
        (wording(), "[a-z]{0,2}")
            .prop_map(|(wording, reason)| Command::Correct { wording, reason }),
        "[a-z]{0,2}".prop_map(|reason| Command::Withdraw { reason }),
    ]
}

/// What must follow, in the simplest words.
#[derive(Default)]
struct Model {
    wordings: Vec<Wording>,
    withdrawn: bool,
}

impl Model {
    fn allows(&self, command: &Command) -> bool {
        let says_something =
            |wording: &Wording| !wording.title.is_empty() && !wording.text.is_empty();
        let is_in_force = !self.wordings.is_empty() && !self.withdrawn;
        match command {
            Command::Publish(wording) => self.wordings.is_empty() && says_something(wording),
            Command::Correct { wording, reason } => {
                is_in_force && says_something(wording) && !reason.is_empty()
            }
            Command::Withdraw { reason } => is_in_force && !reason.is_empty(),
        }
    }

    fn run(&mut self, command: Command) {
        match command {
            Command::Publish(wording) | Command::Correct { wording, .. } => {
                self.wordings.push(wording)
            }
            Command::Withdraw { .. } => self.withdrawn = true,
        }
    }
}

proptest! {
    #[test]
    fn nothing_that_was_published_disappears(commands in prop::collection::vec(command(), 1..12)) {
        let actor: ActorId = "registrar".parse().unwrap();
        let (mut notice, mut model) = (None, Model::default());
        for (now_ms, command) in (0..).zip(commands) {
            let context = Context { now_ms, actor: &actor };
            let decided = Notice::decide(notice.as_ref(), command.clone(), &context);
            prop_assert_eq!(decided.is_ok(), model.allows(&command), "{:?}", command);
            let Ok(decision) = decided else { continue };
            for event in &decision.events {
                let stored = serde_json::to_vec(event).unwrap();
                prop_assert_eq!(&serde_json::from_slice::<NoticeEvent>(&stored).unwrap(), event);
                notice = Some(Notice::apply(notice.take(), event).unwrap());
            }
            model.run(command);
            let shown = notice.clone().unwrap();
            let mut said: Vec<_> = shown.corrections.into_iter().map(|it| it.before).collect();
            said.push(shown.wording);
            prop_assert_eq!(&said, &model.wordings);
            prop_assert_eq!(shown.withdrawn.is_some(), model.withdrawn);
        }
    }
}

#[test]
fn a_refusal_names_the_field_and_the_rule() {
    let actor: ActorId = "registrar".parse().unwrap();
    let context = Context {
        now_ms: 0,
        actor: &actor,
    };
    let wording = Wording {
        title: "x".repeat(201),
        text: "text".to_owned(),
    };
    let refusal = Notice::decide(None, Command::Publish(wording), &context).unwrap_err();
    assert_eq!(
        refusal,
        CommonRefusal::BadText {
            field: "title",
            bytes_max: 200
        }
    );
    assert_eq!(
        refusal.to_string(),
        "title is blank or longer than 200 bytes"
    );
}
