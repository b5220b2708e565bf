//! What may happen once happens once, however many ask for it at the same moment, against the real binary.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::iris_bed::Bed;
use crate::kill9::{agent, get, post};

const REDEEMERS: usize = 8;
const INVITATIONS: usize = 60;

#[test]
fn one_invitation_redeemed_by_eight_at_once_makes_one_account() {
    let mut bed = Bed::start();
    let tokens: Vec<String> = (0..INVITATIONS)
        .map(|_| {
            let made = bed.done("/v1/iris/invitations", &json!({}));
            made["token"].as_str().unwrap().to_owned()
        })
        .collect();
    let url = bed.node.url("/v1/iris/invitations/redeem");
    let together = Barrier::new(REDEEMERS);
    let redeem = |who: usize| {
        let agent = agent();
        let mut statuses = Vec::new();
        for (number, token) in tokens.iter().enumerate() {
            let wish = json!({
                "token": token, "jid": format!("r{number}-{who}@localhost"), "password": "a long one",
            });
            together.wait();
            let (status, _, body) =
                post(&agent, &url, "", &format!("{number}-{who}"), &wish).unwrap();
            assert!(status == 201 || status == 409, "{status}: {body}");
            statuses.push(status);
        }
        statuses
    };
    let answers: Vec<Vec<u16>> = thread::scope(|scope| {
        let started: Vec<_> = (0..REDEEMERS)
            .map(|who| scope.spawn(move || redeem(who)))
            .collect();
        let done = started.into_iter();
        done.map(|thread| thread.join().unwrap()).collect()
    });
    for number in 0..INVITATIONS {
        let made = answers.iter().filter(|of| of[number] == 201).count();
        assert_eq!(made, 1, "invitation {number} was redeemed {made} times");
    }
    let (_, accounts) = get(
        &bed.agent,
        &bed.node.url("/v1/iris/accounts?limit=200"),
        &bed.operator,
    );
    assert_eq!(
        accounts.matches("@localhost").count(),
        INVITATIONS,
        "{accounts}"
    );
}
