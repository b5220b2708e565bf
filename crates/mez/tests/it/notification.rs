//! Notifications: raised once, noted once.

use evidence::canonical;
use ids::aggregate::{Aggregate as _, CommonRefusal, Decision};
use mez::notification::{
    Command, Context, Effect, Notification, NotificationEvent, Outside, Refusal,
};

use super::law_support::id;

fn decide(
    known: Option<&Notification>,
    command: Command,
    outside: Outside,
) -> Result<Decision<NotificationEvent, Effect>, Refusal> {
    let actor = id("reviewer");
    let context = Context {
        actor: &actor,
        outside,
    };
    Notification::decide(known, command, &context)
}

fn work() -> Notification {
    Notification::for_reviewers("w-1", &id("indus-trading"), "look".to_owned(), 1_000)
}

#[test]
fn a_notification_is_noted_once_by_somebody() {
    let raised = decide(None, Command::Raise(work()), Outside::Nobody).unwrap();
    let notification = Notification::apply(None, &raised.events[0]).unwrap();
    assert_eq!(notification, work());
    let again = decide(Some(&notification), Command::Raise(work()), Outside::Nobody);
    assert!(matches!(
        again,
        Err(Refusal::Common(CommonRefusal::WrongState { .. }))
    ));

    let noted = decide(Some(&notification), Command::Acknowledge, Outside::Nobody).unwrap();
    let after = Notification::apply(Some(notification), &noted.events[0]).unwrap();
    assert_eq!(after.acknowledged_by, Some(id("reviewer")));
    let again = decide(Some(&after), Command::Acknowledge, Outside::Nobody);
    assert_eq!(again, Err(Refusal::AcknowledgedAlready));
    assert!(Notification::apply(None, &noted.events[0]).is_err());
    let unknown = CommonRefusal::Unknown {
        what: "notification",
    };
    let unknown = Err(Refusal::Common(unknown));
    assert_eq!(decide(None, Command::Acknowledge, Outside::Nobody), unknown);
}

#[test]
fn the_webhook_hears_of_work_and_never_of_its_own_failure() {
    let alert = Notification::alert("w-2", "work of kind `call_webhook` failed".to_owned(), 0);
    let effects = |notification: &Notification, outside| {
        let raise = Command::Raise(notification.clone());
        decide(None, raise, outside).unwrap().effects
    };
    let call = Effect::CallWebhook {
        notification: "w-1".to_owned(),
    };
    assert_eq!(effects(&work(), Outside::Webhook), [call]);
    assert_eq!(effects(&work(), Outside::Nobody), []);
    assert_eq!(effects(&alert, Outside::Webhook), []);
}

fn stored(value: &impl serde::Serialize) -> String {
    String::from_utf8(canonical::to_vec_of(value).unwrap()).unwrap()
}

#[test]
fn events_and_effects_are_stored_without_a_tag_under_their_kinds() {
    let raised = decide(None, Command::Raise(work()), Outside::Webhook).unwrap();
    assert_eq!(
        stored(&raised.events[0]),
        r#"{"audience":"reviewers","entity":"indus-trading","id":"w-1","raised_at":"1970-01-01T00:00:01Z","text":"look"}"#
    );
    assert_eq!(
        stored(&raised.effects[0]),
        r#"{"notification":"w-1","work":"call_webhook"}"#
    );
    let noted = decide(Some(&work()), Command::Acknowledge, Outside::Nobody).unwrap();
    assert_eq!(stored(&noted.events[0]), r#"{"by":"reviewer","id":"w-1"}"#);
    assert_eq!(
        (raised.events[0].kind(), noted.events[0].kind()),
        ("notification.raised.v1", "notification.acknowledged.v1")
    );
}
