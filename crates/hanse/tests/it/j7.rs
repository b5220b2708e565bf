//! Journey J7: two nodes federate, and a node federates with stock servers of other people.

use serde_json::{Value, json};

use crate::j6::{whole, xmpp};

/// Every case of `tools/xmpp/federation.py` between two servers.
#[track_caller]
fn between(one: &str, other: &str, cases: &str, programs: &[&str]) -> Option<Value> {
    let seen = xmpp(
        "federation.py",
        &["--one", one, "--other", other, "--case", cases],
        programs,
    )?;
    for (case, found) in seen["cases"].as_object().unwrap() {
        assert!(
            found["failed"].is_null(),
            "{one} - {other}, {case}: {found}"
        );
    }
    Some(seen["cases"].clone())
}

fn is_understood(cases: &Value) {
    assert_eq!(
        (&cases["talk"]["there"], &cases["talk"]["back"]),
        (&whole(), &whole()),
        "{cases}"
    );
    assert_eq!(
        cases["talk"]["archives"],
        json!([whole(), whole()]),
        "{cases}"
    );
    assert_eq!(cases["presence"]["seen"], true, "{cases}");
    assert_eq!(
        (&cases["keys"]["refused"], &cases["keys"]["items"]),
        (&Value::Null, &json!(["current"])),
        "{cases}"
    );
    assert_eq!(cases["room"]["there"], whole(), "{cases}");
}

fn waits_for_a_server_that_is_down(found: &Value) {
    assert_eq!(
        (&found["there"], &found["bounced"]),
        (&whole(), &json!(0)),
        "{found}"
    );
}

const TALK: &str = "talk,presence,keys,room,down_then_up";

#[test]
fn two_nodes_federate_and_lose_nothing_when_either_is_down_or_killed() {
    let cases = format!("{TALK},remote_killed_mid_burst,ours_killed_mid_burst");
    let Some(cases) = between("hanse", "hanse", &cases, &[]) else {
        return;
    };
    is_understood(&cases);
    waits_for_a_server_that_is_down(&cases["down_then_up"]);
    for killed in ["remote_killed_mid_burst", "ours_killed_mid_burst"] {
        assert_eq!(
            cases[killed]["there"]["archive"],
            whole(),
            "{killed}: {cases}"
        );
        assert_eq!(
            cases[killed]["there"]["delivered"],
            whole(),
            "{killed}: {cases}"
        );
    }
}

#[test]
fn a_node_federates_with_prosody() {
    let Some(cases) = between("hanse", "prosody", TALK, &["prosody"]) else {
        return;
    };
    is_understood(&cases);
    waits_for_a_server_that_is_down(&cases["down_then_up"]);
}

#[test]
fn a_node_federates_with_ejabberd() {
    let Some(cases) = between("hanse", "ejabberd", TALK, &["ejabberdctl"]) else {
        return;
    };
    is_understood(&cases);
    waits_for_a_server_that_is_down(&cases["down_then_up"]);
}

#[test]
fn a_message_that_waited_too_long_is_returned_to_its_sender_and_not_before() {
    let case = "bounced_when_it_waited_too_long";
    let Some(cases) = between("hanse", "hanse", case, &[]) else {
        return;
    };
    let found = &cases[case];
    assert_eq!(
        (&found["told"], &found["conditions"], &found["delivered"]),
        (&json!(true), &json!(["remote-server-timeout"]), &json!([])),
        "{found}"
    );
    assert!(found["earliest_s"].as_f64() >= Some(3.0), "{found}");
}

/// On a network of its own: packets are dropped by nftables, so that no end hears of the other's death.
#[test]
fn a_line_that_went_dead_without_a_word_loses_and_doubles_nothing() {
    let Some(cases) = between("hanse", "hanse", "half_open", &["nft", "unshare", "ip"]) else {
        return;
    };
    let found = &cases["half_open"];
    assert_eq!(
        (&found["there"], &found["bounced"], &found["acknowledged"]),
        (&whole(), &json!(0), &json!(101)),
        "{found}"
    );
}

#[test]
fn dialback_is_enough_only_where_no_authority_is_configured() {
    for (other, program) in [("hanse", None), ("prosody", Some("prosody"))] {
        let programs: Vec<&str> = program.into_iter().collect();
        let Some(cases) = between("hanse", other, "dialback", &programs) else {
            return;
        };
        let found = &cases["dialback"];
        assert_eq!(
            (&found["there"], &found["back"]),
            (&whole(), &whole()),
            "{other}: {found}"
        );
    }
}

#[test]
fn a_server_without_a_trustworthy_certificate_gets_and_gives_nothing() {
    let cases =
        "expired_certificate,certificate_of_another_name,certificate_of_an_unknown_authority";
    for (other, program) in [("prosody", "prosody"), ("ejabberd", "ejabberdctl")] {
        let Some(cases) = between("hanse", other, cases, &[program]) else {
            return;
        };
        for (name, found) in cases.as_object().unwrap() {
            assert_eq!(
                (&found["there"], &found["back"]),
                (&json!([]), &json!([])),
                "{other}, {name}: {found}"
            );
        }
    }
}

#[test]
fn encrypted_talk_crosses_the_border_to_prosody() {
    let Some(seen) = xmpp(
        "e2ee.py",
        &["--servers", "hanse", "--with", "prosody"],
        &["prosody"],
    ) else {
        return;
    };
    for (case, outcome) in seen["cases"].as_object().unwrap() {
        assert_eq!(outcome, &json!(true), "{case}");
    }
    assert_eq!(seen["scan"]["hits"], 0, "{seen}");
}
