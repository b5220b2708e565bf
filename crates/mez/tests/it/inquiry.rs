//! Inquiries: one name, screened once, within limits.

use ids::aggregate::Aggregate as _;
use mez::screening::inquiry::{Context, Inquire, Inquired, Refusal};
use sanctions::{BirthDate, Identifier, Lists, PartyKind, Policy, Subject, Verdict};

fn ask(known: Option<&Inquired>, subject: Subject) -> Result<Inquired, Refusal> {
    let (lists, policy) = (Lists::default(), Policy::standard(vec![]));
    let context = Context {
        at: "2026-11-21T10:00:00Z".parse().unwrap(),
        lists: &lists,
        policy: &policy,
    };
    let inquire = Inquire {
        id: "inq-1".to_owned(),
        subject,
    };
    let mut decided = Inquired::decide(known, inquire, &context)?;
    Ok(Inquired::apply(None, &decided.events.remove(0)).unwrap())
}

fn anna() -> Subject {
    Subject::named("Anna Lindqvist", PartyKind::Person)
}

#[test]
fn a_name_is_screened_once_and_without_lists_blocked() {
    let inquired = ask(None, anna()).unwrap();
    assert_eq!(inquired.screening.verdict, Verdict::Block);
    let again = ask(Some(&inquired), anna()).unwrap_err();
    assert_eq!(
        again.to_string(),
        "screening is done, which does not allow to screen"
    );
    assert!(Inquired::apply(Some(inquired.clone()), &inquired).is_err());
}

#[test]
fn what_is_out_of_limits_is_refused_by_name() {
    let number = |kind: &str| Identifier {
        kind: kind.to_owned(),
        value: "123456".to_owned(),
    };
    let birth = BirthDate::parse("1970-03-02").unwrap();
    let long = "x".repeat(201);
    #[rustfmt::skip]
    let cases = [
        (Subject { names: vec![], ..anna() }, "names"),
        (Subject { names: vec!["Anna".to_owned(); 21], ..anna() }, "names"),
        (Subject { names: vec!["x".repeat(501)], ..anna() }, "names"),
        (Subject { births: vec![birth; 11], ..anna() }, "dates_of_birth"),
        (Subject { identifiers: vec![number("Passport"); 21], ..anna() }, "identifiers"),
        (Subject { identifiers: vec![number(&long)], ..anna() }, "identifiers"),
        (Subject { countries: vec!["PK".to_owned(); 21], ..anna() }, "countries"),
        (Subject { countries: vec![long], ..anna() }, "identifiers"),
    ];
    for (subject, named) in cases {
        let refused = ask(None, subject).unwrap_err();
        assert!(
            matches!(refused, Refusal::OutOfLimits { field, .. } if field == named),
            "{named}: {refused}"
        );
    }
}
