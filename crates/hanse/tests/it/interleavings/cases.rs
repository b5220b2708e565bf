//! Every write of the zone, as somebody would send it.

use serde_json::{Value, json};

use super::world::World;
use crate::j8::{all_no, opening};

/// Who sends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// Who applied for the entity.
    Applicant,
    /// Another member of staff.
    Reviewer,
    /// The principal that the history is about.
    Helper,
    /// Somebody without a token.
    Nobody,
}

/// What has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The entity, with everything that the law asks for, in one of its states.
    Applied,
    InReview,
    Active,
    Suspended,
    Dissolving,
    /// A party of it whose hit waits for a reviewer.
    Hit,
    Credential,
    /// A principal with a key and a token.
    Principal,
    Account,
    Invitation,
    /// A person whose consent was never recorded, also if others need it.
    NoConsent,
    Consent,
    Session,
    Notification,
    Notice,
}

/// A command: the parameter of its path, and its body.
pub(super) type Ask = (String, Value);

/// How one operation is tried.
pub(super) struct Case {
    pub(super) operation: &'static str,
    pub(super) by: By,
    pub(super) needs: &'static [Need],
    pub(super) ask: fn(&World<'_>) -> Ask,
}

/// Writes that are not tried here, and why.
pub(super) const LEFT_OUT: [(&str, &str); 1] = [(
    "redeem_bootstrap",
    "a node has one bootstrap token; access.rs redeems it twice at once",
)];

const fn case(
    operation: &'static str,
    by: By,
    needs: &'static [Need],
    ask: fn(&World<'_>) -> Ask,
) -> Case {
    Case {
        operation,
        by,
        needs,
        ask,
    }
}

/// One case for each write.
pub(super) const CASES: &[Case] = &[
    case("create_principal", By::Applicant, &[], |w| {
        w.of("", staff(&w.name("new")))
    }),
    case("set_standing", By::Applicant, &[Need::Principal], |w| {
        w.of(
            "principal",
            json!({"standing": {"kind": "staff", "roles": ["registrar"]}}),
        )
    }),
    case(
        "disable_principal",
        By::Applicant,
        &[Need::Principal],
        |w| w.of("principal", reason()),
    ),
    case("issue_token", By::Applicant, &[Need::Principal], |w| {
        w.of("", json!({"principal": w.get("principal")}))
    }),
    case("exchange_assertion", By::Nobody, &[Need::Principal], |w| {
        w.of("", w.assertion())
    }),
    case("revoke_token", By::Applicant, &[Need::Principal], |w| {
        w.of("token_id", reason())
    }),
    case("apply_for_entity", By::Applicant, &[], |w| {
        w.of("", application(&w.name("New"), "Sobia Qamar Tiwana"))
    }),
    case("begin_review", By::Helper, &[Need::Applied], |w| {
        w.of("entity", json!({}))
    }),
    case("approve_entity", By::Reviewer, &[Need::InReview], |w| {
        w.of("entity", json!({}))
    }),
    case("reject_entity", By::Reviewer, &[Need::InReview], |w| {
        w.of("entity", reason())
    }),
    case("suspend_entity", By::Reviewer, &[Need::Active], |w| {
        w.of("entity", reason())
    }),
    case("reinstate_entity", By::Reviewer, &[Need::Suspended], |w| {
        w.of("entity", reason())
    }),
    case(
        "initiate_dissolution",
        By::Applicant,
        &[Need::Active],
        |w| w.of("entity", document()),
    ),
    case(
        "advance_dissolution",
        By::Reviewer,
        &[Need::Dissolving],
        |w| {
            w.of(
                "entity",
                json!({"evidence": document()["evidence"], "proof": {"kind": "none"}}),
            )
        },
    ),
    case(
        "cancel_dissolution",
        By::Applicant,
        &[Need::Dissolving],
        |w| w.of("entity", reason()),
    ),
    case("evaluate_entity", By::Applicant, &[Need::InReview], |w| {
        w.of("entity", json!({"operation": "entity.formation"}))
    }),
    case("submit_evidence", By::Applicant, &[Need::InReview], |w| {
        w.of("entity", w.evidence())
    }),
    case("decide_review", By::Reviewer, &[Need::Hit], |w| {
        w.of(
            "review",
            json!({"finding": "false_positive", "reason": "another person"}),
        )
    }),
    case("screen_name", By::Applicant, &[], |w| {
        w.of("", json!({"names": ["Gulbuddin Hekmat"], "kind": "person"}))
    }),
    case("import_list", By::Applicant, &[], |w| {
        w.of(
            "",
            sanctions_list("extra", &w.name("version-of-the-list"), ""),
        )
    }),
    case(
        "revoke_credential",
        By::Reviewer,
        &[Need::Credential],
        |w| w.of("credential", reason()),
    ),
    case(
        "acknowledge_notification",
        By::Reviewer,
        &[Need::Notification],
        |w| w.of("notification", json!({})),
    ),
    case("publish_notice", By::Applicant, &[], |w| w.of("", notice())),
    case("correct_notice", By::Applicant, &[Need::Notice], |w| {
        w.of(
            "notice",
            json!({"title": "Hours", "text": "Nine to four.", "reason": "a mistake"}),
        )
    }),
    case("withdraw_notice", By::Helper, &[Need::Notice], |w| {
        w.of("notice", reason())
    }),
    case("erase_stream", By::Applicant, &[Need::InReview], |w| {
        w.of(
            "",
            json!({"stream": w.get("director"), "reason": "subject_request"}),
        )
    }),
    case("record_consent", By::Applicant, &[Need::NoConsent], |w| {
        w.of("", json!({"person": w.get("person")}))
    }),
    case("withdraw_consent", By::Applicant, &[Need::Consent], |w| {
        w.of("person", json!({}))
    }),
    case("open_session", By::Applicant, &[Need::Consent], |w| {
        w.of("", session(w.get("person")))
    }),
    case("erase_session", By::Applicant, &[Need::Session], |w| {
        w.of("session", json!({"reason": "subject_request"}))
    }),
    case("feed_session", By::Applicant, &[Need::Session], |w| {
        w.of(
            "session",
            json!({"inputs": [{"kind": "start", "at_ms": 0}]}),
        )
    }),
    case("stop_session", By::Applicant, &[Need::Session], |w| {
        w.of("session", json!({}))
    }),
    case("create_account", By::Applicant, &[], |w| {
        w.of(
            "",
            json!({"jid": w.address("new"), "principal": "applicant"}),
        )
    }),
    case("disable_account", By::Applicant, &[Need::Account], |w| {
        w.of("account", json!({}))
    }),
    case("enable_account", By::Applicant, &[Need::Account], |w| {
        w.of("account", json!({}))
    }),
    case("erase_account", By::Applicant, &[Need::Account], |w| {
        w.of("account", json!({"reason": "subject_request"}))
    }),
    case("set_password", By::Applicant, &[Need::Account], |w| {
        w.of("account", json!({"password": "correct horse battery"}))
    }),
    case("remove_account", By::Applicant, &[Need::Account], |w| {
        w.of("account", json!({}))
    }),
    case("create_invitation", By::Helper, &[], |w| {
        w.of("", json!({}))
    }),
    case("redeem_invitation", By::Nobody, &[Need::Invitation], |w| {
        w.of("", redemption(w.get("secret"), &w.address("new")))
    }),
    case(
        "revoke_invitation",
        By::Applicant,
        &[Need::Invitation],
        |w| w.of("invitation", json!({})),
    ),
];

pub(super) fn reason() -> Value {
    json!({"reason": "found out"})
}

pub(super) fn document() -> Value {
    json!({"evidence": format!("sha256:{}", "ab".repeat(32))})
}

pub(super) fn notice() -> Value {
    json!({"title": "Hours", "text": "Nine to five."})
}

pub(super) fn session(person: &str) -> Value {
    opening(person, "sender", json!({"kind": "paced"}), all_no())
}

pub(super) fn redemption(secret: &str, address: &str) -> Value {
    json!({"token": secret, "jid": address, "password": "correct horse battery"})
}

/// Somebody who may do everything.
pub(super) fn staff(id: &str) -> Value {
    let roles = [
        "administrator",
        "officer",
        "practitioner",
        "registrar",
        "reviewer",
    ];
    json!({"id": id, "kind": "person", "display_name": id, "standing": {"kind": "staff", "roles": roles}})
}

pub(super) fn application(name: &str, owner: &str) -> Value {
    let person = |reference: &str, name: &str, born: &str| {
        json!({
            "ref": reference, "name": name, "date_of_birth": born, "nationality": "PK",
            "identifiers": [{"kind": "passport", "value": "ZX1284731"}],
        })
    };
    json!({
        "jurisdiction": "pk", "entity_type": "private-limited", "legal_name": format!("{name} (Private) Limited"),
        "registered_office": "12 Mall Road, Lahore", "activities": ["software"],
        "persons": [person("a", owner, "1991-06-15"), person("b", "Noor Fatima Ansari", "1990-11-03")],
        "directors": ["a", "b"],
        "owners": [{"person": "a", "share_bps": 6000}, {"person": "b", "share_bps": 4000}],
    })
}

/// A list of one person, and of these rows.
pub(super) fn sanctions_list(name: &str, version: &str, rows: &str) -> Value {
    let row = listed(7471, "HEKMATYAR, Gulbuddin", "01 Aug 1949");
    json!({
        "name": name, "version": version, "published": "2026-07-01", "format": "ofac_csv",
        "files": {"sdn.csv": format!("{row}{rows}"), "alt.csv": "", "add.csv": ""},
    })
}

/// A row of a list.
pub(super) fn listed(number: u32, name: &str, born: &str) -> String {
    let nothing = "-0- ,".repeat(7);
    format!("{number},\"{name}\",\"individual\",\"SDGT\",{nothing}\"DOB {born}.\"\r\n")
}
