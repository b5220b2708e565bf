//! What an operator does with the messenger, by the command line against the real binary: accounts, invitations, copies,
//! erasure, what is going on; and signing in with a token of the zone.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::iris_bed::{Bed, password, plain};
use crate::j8::files_with;
use crate::kill9::get;

#[test]
fn accounts_are_made_listed_changed_and_ended_from_the_command_line() {
    let bed = Bed::start();
    let made = bed.does(&["user", "add", "ann@localhost"], "");
    let first = made["password"].as_str().unwrap().to_owned();
    assert_eq!(first.len(), 24, "a password that is made is shown once");
    bed.does(
        &["user", "add", "ben@localhost", "--password-stdin"],
        &format!("{}\n", password("ben")),
    );
    let (exit, out, err) = bed.run(&["user", "list"], "");
    assert_eq!(exit, Some(0), "{err}");
    for word in ["ann@localhost", "ben@localhost", "STANDING", "enabled"] {
        assert!(out.contains(word), "{out}");
    }
    assert!(!out.contains(&first), "a password is shown once");
    assert!(bed.does(&["user", "show", "ann@localhost"], "")["password"].is_null());

    let mut ann = bed.socket();
    ann.authenticate("PLAIN", &plain("ann", &first));
    ann.bind();
    let second = bed.does(&["user", "passwd", "ann@localhost"], "");
    while ann.hear().is_some() {}
    let refused = |name: &str, password: &str| {
        let answer = bed
            .socket()
            .try_authenticate("PLAIN", &plain(name, password));
        answer.starts_with("<failure")
    };
    assert!(refused("ann", &first), "the old password still signs in");
    assert!(!refused("ann", second["password"].as_str().unwrap()));

    let mut ben = bed.session("ben");
    let off = bed.does(&["user", "disable", "ben@localhost"], "");
    assert_eq!(off["standing"], "disabled", "{off}");
    while ben.hear().is_some() {}
    assert!(refused("ben", &password("ben")));
    bed.does(&["user", "enable", "ben@localhost"], "");
    bed.session("ben");
    bed.does(&["user", "remove", "ben@localhost"], "");
    assert!(refused("ben", &password("ben")));
}

#[test]
fn what_the_command_line_cannot_do_it_says_in_one_sentence() {
    let bed = Bed::start();
    bed.does(&["user", "add", "ann@localhost"], "");
    for (arguments, exit, said) in [
        (
            &["user", "add", "ann@elsewhere.example"][..],
            1,
            "accounts of this node end in `@localhost`",
        ),
        (
            &["user", "add", "ann@localhost"],
            1,
            "names are not given out again",
        ),
        (
            &["user", "add", "ann@localhost/phone"],
            1,
            "an account has no `/`",
        ),
        (&["user", "show", "nobody@localhost"], 1, "account"),
        (
            &[
                "user",
                "erase",
                "ann@localhost",
                "--reason",
                "subject-request",
            ],
            2,
            "say --yes to do it",
        ),
        (&["user", "uninvite", "../accounts"], 2, ""),
    ] {
        let (code, out, err) = bed.run(arguments, "");
        assert_eq!(code, Some(exit), "{arguments:?}: {out}{err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
        assert!(!err.contains("panicked"), "{err}");
    }
    let (code, _, err) = bed.run(
        &["user", "add", "eve@localhost", "--password-stdin"],
        "short\n",
    );
    assert_eq!(code, Some(1));
    assert!(err.contains("a password has 8 characters"), "{err}");
}

#[test]
fn a_copy_holds_what_a_person_has_and_after_erasure_nobody_reads_it() {
    let mut bed = Bed::start();
    bed.account("ann");
    bed.account("ben");
    let canary = "CANARY-of-a-message-51d0";
    let mut ann = bed.session("ann");
    ann.write("ben@localhost", canary);
    let file = bed.path("ann.jsonl");
    let copy = [
        "user",
        "export",
        "ann@localhost",
        "--out",
        file.to_str().unwrap(),
    ];
    bed.does(&copy, "");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["jid"], "ann@localhost");
    let messages: Vec<_> = lines
        .iter()
        .filter(|line| line["kind"] == "message")
        .collect();
    assert_eq!(messages.len(), 1, "{text}");
    assert!(messages[0]["stanza"].as_str().unwrap().contains(canary));
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["kind"], &end["messages"]),
        (&json!("end"), &json!(1)),
        "a cut copy would be seen"
    );
    assert!(
        !text.contains("stored_key"),
        "what proves a password is in the copy"
    );

    let erase = [
        "user",
        "erase",
        "ann@localhost",
        "--reason",
        "subject-request",
        "--yes",
    ];
    let erased = bed.does(&erase, "");
    assert_eq!(
        erased["streams"],
        json!(["iris/account/ann@localhost", "iris/archive/ann@localhost"]),
        "{erased}"
    );
    while ann.hear().is_some() {}
    let (exit, _, err) = bed.run(&copy, "");
    assert_eq!(exit, Some(1), "{err}");
    let answer = bed
        .socket()
        .try_authenticate("PLAIN", &plain("ann", &password("ann")));
    assert!(answer.starts_with("<failure"), "{answer}");
    // Nothing that the node wrote has it, and what an auditor gets has it neither.
    assert!(files_with(&bed.data(), canary).is_empty());
    let (status, audit) = get(&bed.agent, &bed.node.url("/v1/audit/export"), &bed.operator);
    assert_eq!(status, 200);
    assert!(
        audit.contains("iris/archive/ann@localhost"),
        "the headers stay"
    );
    assert!(!audit.contains(canary));

    // What others received is theirs; when theirs is erased too, no archive tells it.
    let mut ben = bed.session("ben");
    ben.say("<iq xmlns='jabber:client' type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>");
    let mut told = String::new();
    while !told.contains("id='mam'") {
        told += &ben.hear().unwrap();
    }
    assert!(told.contains(canary), "{told}");
    bed.crash();
    let why = json!({"reason": "subject_request"});
    bed.done("/v1/iris/accounts/ben@localhost/erase", &why);
    let (status, _) = get(
        &bed.agent,
        &bed.node.url("/v1/iris/accounts/ben@localhost/export"),
        &bed.operator,
    );
    assert_eq!(status, 404);
    assert!(files_with(&bed.data(), canary).is_empty());
    let (exit, _, err) = bed.run(&["user", "add", "ann@localhost"], "");
    assert_eq!(exit, Some(1), "a name is not given out again");
    assert!(err.contains("or did once"), "{err}");
}

#[test]
fn an_account_that_the_journals_own_erasure_ends_is_signed_out_and_cannot_sign_in() {
    let mut bed = Bed::start();
    bed.account("ann");
    let mut ann = bed.session("ann");
    ann.meanwhile();
    let order = json!({"stream": "iris/account/ann@localhost", "reason": "subject_request"});
    bed.done("/v1/journal/erasures", &order);
    while ann.hear().is_some() {}
    let answer = bed
        .socket()
        .try_authenticate("PLAIN", &plain("ann", &password("ann")));
    assert!(answer.starts_with("<failure"), "{answer}");
    let again = json!({"jid": "ann@localhost", "password": password("ann")});
    let operator = bed.operator.clone();
    let (status, body) = bed.send(&operator, "/v1/iris/accounts", &again);
    assert_eq!(status, 409, "a name is not given out again: {body}");
}

#[test]
fn an_invitation_makes_one_account_and_can_be_taken_back() {
    let mut bed = Bed::start();
    let made = bed.does(&["user", "invite", "--hours", "2"], "");
    let token = made["token"].as_str().unwrap().to_owned();
    let wish = |name: &str, token: &str| json!({"token": token, "jid": format!("{name}@localhost"), "password": password(name)});
    let redeem = "/v1/iris/invitations/redeem";
    assert_eq!(bed.send("", redeem, &wish("ann", "guessed")).0, 401);
    assert_eq!(bed.send("", redeem, &wish("ann", &token)).0, 201);
    assert_eq!(bed.send("", redeem, &wish("eve", &token)).0, 409);
    bed.session("ann");

    let other = bed.does(&["user", "invite", "--jid", "ben@localhost"], "");
    let (id, token) = (
        other["id"].as_str().unwrap(),
        other["token"].as_str().unwrap(),
    );
    let (status, body) = bed.send("", redeem, &wish("eve", token));
    assert_eq!(status, 409, "{body}");
    bed.does(&["user", "uninvite", id], "");
    assert_eq!(bed.send("", redeem, &wish("ben", token)).0, 409);
    let (_, listed, _) = bed.run(&["user", "invitations"], "");
    assert!(
        listed.contains("used") && listed.contains("revoked"),
        "{listed}"
    );
    assert!(!listed.contains(token));
}

#[test]
fn an_operator_sees_sessions_queues_domains_and_lag_and_metrics_count_them() {
    let mut bed = Bed::start();
    bed.account("ann");
    bed.account("ben");
    let mut ann = bed.session("ann");
    ann.write("ben@localhost", "hello");
    ann.say(
        "<presence xmlns='jabber:client' to='quay@conference.localhost/Ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
    );
    ann.until("code='110'");

    let sessions = bed.does(&["iris", "sessions"], "");
    let sessions = rows(&sessions);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(
        (&sessions[0]["jid"], &sessions[0]["is_available"]),
        (&json!("ann@localhost/web"), &json!(true))
    );
    let queues = bed.does(&["iris", "queues"], "");
    assert_eq!(
        (&queues["journal_bytes"], &queues["sessions_behind"]),
        (&json!(0), &json!(0)),
        "{queues}"
    );
    let lag = bed.does(&["iris", "lag"], "");
    assert!(lag["commit_us"].as_u64() > Some(0), "{lag}");
    assert_eq!(lag["is_halted"], false);
    assert_eq!(rows(&bed.does(&["iris", "domains"], "")).len(), 0);
    assert_eq!(rows(&bed.does(&["iris", "rooms"], ""))[0]["occupants"], 1);
    let status = bed.does(&["iris", "status"], "");
    assert_eq!(status["since_start"]["logins"], 1, "{status}");
    let (exit, out, _) = bed.run(&["iris", "sessions"], "");
    assert_eq!(exit, Some(0));
    assert!(
        out.contains("JID") && out.contains("ann@localhost/web"),
        "{out}"
    );

    let metrics = bed.node.said["metrics"].as_str().unwrap();
    let (status, metrics) = get(&bed.agent, metrics, "");
    assert_eq!(status, 200);
    for line in [
        "hanse_iris_logins_total 1",
        "hanse_iris_sessions 1",
        "hanse_iris_connections 1",
        "hanse_iris_archived_total 2",
        "hanse_iris_rooms_occupied 1",
        "hanse_iris_queued_bytes 0",
        "hanse_iris_domain_queued_bytes 0",
    ] {
        assert!(
            metrics.lines().any(|it| it == line),
            "{line} is not in\n{metrics}"
        );
    }
    assert!(metrics.contains("hanse_iris_commit_lag_seconds "));

    // Who may not operate does not see who is there.
    let clerk = member(&mut bed, "clerk", &["registrar"], None);
    assert_eq!(
        get(&bed.agent, &bed.node.url("/v1/iris/sessions"), &clerk).0,
        403
    );
    assert_eq!(
        get(
            &bed.agent,
            &bed.node.url("/v1/iris/accounts/ann@localhost/export"),
            &clerk
        )
        .0,
        403
    );
}

fn rows(listed: &Value) -> &[Value] {
    let listed = listed.get("items").unwrap_or(listed);
    listed.as_array().unwrap()
}

/// A token of a member of the staff.
#[track_caller]
fn member(bed: &mut Bed, id: &str, roles: &[&str], scopes: Option<&[&str]>) -> String {
    let standing = json!({"kind": "staff", "roles": roles});
    let body = json!({"id": id, "kind": "person", "display_name": id, "standing": standing});
    bed.done("/v1/principals", &body);
    let mut wish = json!({"principal": id});
    if let Some(scopes) = scopes {
        wish["scopes"] = json!(scopes);
    }
    let issued = bed.done("/v1/tokens", &wish);
    issued["token"].as_str().unwrap().to_owned()
}

fn bearer(token: &str) -> String {
    BASE64.encode(format!("n,,\x01auth=Bearer {token}\x01\x01").as_bytes())
}

#[test]
fn a_token_of_the_zone_signs_in_to_the_account_of_its_principal_until_it_is_taken_back() {
    let mut bed = Bed::start();
    let token = member(&mut bed, "nora", &["registrar"], None);
    bed.does(
        &["user", "add", "nora@localhost", "--principal", "nora"],
        "",
    );
    let mut socket = bed.socket();
    socket.authenticate("OAUTHBEARER", &bearer(&token));
    socket.bind();

    let unfit = member(
        &mut bed,
        "omar",
        &["registrar"],
        Some(&["mez:entities:read"]),
    );
    bed.does(
        &["user", "add", "omar@localhost", "--principal", "omar"],
        "",
    );
    let other = member(&mut bed, "zoe", &["registrar"], None);
    for (who, token) in [
        ("no token", "hanse-none"),
        ("a token without iris:send", &unfit),
        ("a principal without an account", &other),
    ] {
        let answer = bed.socket().try_authenticate("OAUTHBEARER", &bearer(token));
        assert!(answer.starts_with("<failure"), "{who}: {answer}");
    }
    bed.does(&["principal", "disable", "nora", "--reason", "left"], "");
    let answer = bed
        .socket()
        .try_authenticate("OAUTHBEARER", &bearer(&token));
    assert!(answer.starts_with("<failure"), "{answer}");
}

#[test]
fn what_an_operator_offers_beside_messages_is_found_by_clients() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "shared with the relay").unwrap();
    let secret = secret.display();
    let mut bed = Bed::start_with(&[
        "--xmpp-contact",
        "abuse=mailto:abuse@zone.example",
        "--xmpp-relay",
        &format!("turn:relay.example:3478={secret}"),
        "--upload-mib",
        "1",
        "--xmpp-component",
        "127.0.0.1:0",
        "--component",
        &format!("bridge.localhost={secret}"),
    ]);
    bed.account("ann");
    let mut ann = bed.session("ann");
    let mut ask = |to: &str, payload: &str| {
        ann.say(&format!(
            "<iq xmlns='jabber:client' type='get' id='q' to='{to}'>{payload}</iq>"
        ));
        ann.until("id='q'")
    };
    let about = ask(
        "localhost",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    );
    assert!(about.contains("mailto:abuse@zone.example"), "{about}");
    let relays = ask("localhost", "<services xmlns='urn:xmpp:extdisco:2'/>");
    assert!(
        relays.contains("host='relay.example'") && relays.contains("username="),
        "{relays}"
    );
    assert!(!relays.contains("shared with the relay"), "{relays}");
    let request = "<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1048577'/>";
    let large = ask("upload.localhost", request);
    assert!(large.contains("<file-too-large"), "{large}");

    let place = bed.node.said["xmpp_component"].as_str().unwrap();
    for (host, told) in [
        ("bridge.localhost", "not-authorized"),
        ("elsewhere.localhost", "host-unknown"),
    ] {
        let mut socket = TcpStream::connect(place).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let words = format!(
            "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='{host}'>\
             <handshake>guessed</handshake>"
        );
        socket.write_all(words.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(told), "{host}: {answer}");
    }
}

#[test]
fn the_messenger_runs_without_the_institutions() {
    let mut bed = Bed::start_with(&["--only", "iris"]);
    bed.account("ann");
    bed.session("ann");
    let (status, _) = get(&bed.agent, &bed.node.url("/v1/entities"), &bed.operator);
    assert_eq!(status, 404);
    let (status, _) = get(&bed.agent, &bed.node.url("/tlog/checkpoint"), "");
    assert_eq!(status, 200);
}
