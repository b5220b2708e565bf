//! Every write of the zone, as somebody would send it.

use serde_json::{Value, json};

use super::world::World;
use crate::j8::{all_no, opening};

/// Who sends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// A member of staff, who applied for the entity.
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
    /// The entity in one of its states, with everything that the law asks for.
    Applied,
    InReview,
    Active,
    Suspended,
    Dissolving,
    /// An entity with a party whose hit waits for a reviewer.
    Hit,
    /// An entity with a credential.
    Credential,
    /// A person whose consent was never recorded, also if others need it.
    NoConsent,
    Consent,
    Session,
    /// A principal with a key and a token.
    Principal,
    Account,
    Invitation,
    Notification,
    Notice,
    /// A version of a list that waits for a second person.
    Proposal,
}

/// How one operation is tried.
pub(super) struct Case {
    pub(super) operation: &'static str,
    pub(super) by: By,
    pub(super) needs: &'static [Need],
    /// What the parameter of its path names.
    pub(super) thing: &'static str,
    pub(super) body: fn(&World<'_>) -> Value,
}

impl Need {
    /// What a world has when this is there.
    pub(super) const fn thing(self) -> &'static str {
        match self {
            Self::Applied | Self::InReview | Self::Active => "entity",
            Self::Suspended | Self::Dissolving => "entity",
            Self::Hit => "review",
            Self::Credential => "credential",
            Self::NoConsent | Self::Consent => "person",
            Self::Session => "session",
            Self::Principal => "principal",
            Self::Account => "account",
            Self::Invitation => "invitation",
            Self::Notification => "notification",
            Self::Notice => "notice",
            Self::Proposal => "list",
        }
    }

    /// What it is a part or a state of.
    fn whole(self) -> &'static str {
        match self.thing() {
            "review" | "credential" => "entity",
            "session" => "person",
            thing => thing,
        }
    }
}

impl Case {
    /// Whether both need one thing, each in another state.
    pub(super) fn needs_otherwise_than(&self, other: &Self) -> bool {
        let differs = |a: &Need, b: &Need| a != b && a.whole() == b.whole();
        let mut needs = self.needs.iter();
        needs.any(|a| other.needs.iter().any(|b| differs(a, b)))
    }
}

/// Writes that are not tried, and why.
pub(super) const LEFT_OUT: [(&str, &str); 1] = [(
    "redeem_bootstrap",
    "a node has one bootstrap token; access.rs has two redeem it at once",
)];

/// A line for each: operation, who sends it, what it needs, what its path names, its body.
macro_rules! cases {
    ($w:ident: $($operation:ident $by:ident [$($need:ident)*] $thing:literal $body:expr;)*) => {
        &[$(Case {
            operation: stringify!($operation),
            by: By::$by,
            needs: &[$(Need::$need),*],
            thing: $thing,
            body: |$w| {
                // Not every body names its world.
                let _ = $w;
                $body
            },
        }),*]
    };
}

/// A case for each write.
pub(super) const CASES: &[Case] = cases! { w:
    create_principal Applicant [] "" staff(&w.name("new"));
    set_standing Applicant [Principal] "principal" standing("registrar");
    disable_principal Applicant [Principal] "principal" reason();
    issue_token Applicant [Principal] "" json!({"principal": w.get("principal")});
    exchange_assertion Nobody [Principal] "" w.assertion();
    revoke_token Applicant [Principal] "token_id" reason();

    apply_for_entity Applicant [] "" application(&w.name("New"), "Sobia Qamar Tiwana");
    begin_review Helper [Applied] "entity" json!({});
    approve_entity Reviewer [InReview] "entity" json!({});
    reject_entity Reviewer [InReview] "entity" reason();
    suspend_entity Reviewer [Active] "entity" reason();
    reinstate_entity Reviewer [Suspended] "entity" reason();
    initiate_dissolution Applicant [Active] "entity" document();
    advance_dissolution Reviewer [Dissolving] "entity" stage_completed();
    cancel_dissolution Applicant [Dissolving] "entity" reason();

    evaluate_entity Applicant [InReview] "entity" json!({"operation": "entity.formation"});
    submit_evidence Applicant [InReview] "entity" w.evidence();
    revoke_credential Reviewer [Credential] "credential" reason();
    decide_review Reviewer [Hit] "review" false_positive();
    screen_name Applicant [] "" json!({"names": ["Gulbuddin Hekmat"], "kind": "person"});
    import_list Applicant [] "" more_listed("extra", &w.name("version-of-the-list"));
    confirm_list Reviewer [Proposal] "list" json!({"digest": w.get("version")});
    reject_list Reviewer [Proposal] "list" json!({"digest": w.get("version"), "reason": "not theirs"});
    acknowledge_notification Reviewer [Notification] "notification" json!({});
    erase_stream Applicant [InReview] "" json!({"stream": w.get("director"), "reason": "legal_order"});

    publish_notice Applicant [] "" notice();
    correct_notice Applicant [Notice] "notice" correction();
    withdraw_notice Helper [Notice] "notice" reason();

    record_consent Applicant [NoConsent] "" json!({"person": w.get("person")});
    withdraw_consent Applicant [Consent] "person" json!({});
    open_session Applicant [Consent] "" session(w.get("person"));
    erase_session Applicant [Session] "session" json!({"reason": "subject_request"});
    feed_session Applicant [Session] "session" json!({"inputs": [{"kind": "start", "at_ms": 0}]});
    stop_session Applicant [Session] "session" json!({});

    create_account Applicant [] "" json!({"jid": w.address("new"), "principal": "applicant"});
    disable_account Applicant [Account] "account" json!({});
    enable_account Applicant [Account] "account" json!({});
    erase_account Applicant [Account] "account" json!({"reason": "subject_request"});
    set_password Applicant [Account] "account" json!({"password": PASSWORD});
    remove_account Applicant [Account] "account" json!({});
    create_invitation Helper [] "" json!({});
    redeem_invitation Nobody [Invitation] "" redemption(w.get("secret"), &w.address("new"));
    revoke_invitation Applicant [Invitation] "invitation" json!({});
};

const PASSWORD: &str = "correct horse battery";

pub(super) fn reason() -> Value {
    json!({"reason": "found out"})
}

pub(super) fn standing(role: &str) -> Value {
    json!({"standing": {"kind": "staff", "roles": [role]}})
}

pub(super) fn document() -> Value {
    json!({"evidence": format!("sha256:{}", "ab".repeat(32))})
}

fn stage_completed() -> Value {
    json!({"evidence": document()["evidence"], "proof": {"kind": "none"}})
}

/// About the hit that is there, and no other.
pub(super) fn false_positive() -> Value {
    let hits = json!([{"list": "ofac-sdn", "entry_id": "7471"}]);
    json!({"finding": "false_positive", "hits": hits, "reason": "another person"})
}

pub(super) fn notice() -> Value {
    json!({"title": "Hours", "text": "Nine to five."})
}

fn correction() -> Value {
    json!({"title": "Hours", "text": "Nine to four.", "reason": "a mistake"})
}

pub(super) fn session(person: &str) -> Value {
    opening(person, "sender", json!({"kind": "paced"}), all_no())
}

pub(super) fn redemption(secret: &str, address: &str) -> Value {
    json!({"token": secret, "jid": address, "password": PASSWORD})
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
    let standing = json!({"kind": "staff", "roles": roles});
    json!({"id": id, "kind": "person", "display_name": id, "standing": standing})
}

pub(super) fn application(name: &str, owner: &str) -> Value {
    let person = |reference: &str, name: &str, born: &str| {
        json!({
            "ref": reference, "name": name, "date_of_birth": born, "nationality": "PK",
            "identifiers": [{"kind": "passport", "value": "ZX1284731"}],
        })
    };
    let (owner, other) = (
        person("a", owner, "1991-06-15"),
        person("b", "Noor Ansari", "1990-11-03"),
    );
    json!({
        "jurisdiction": "pk", "entity_type": "private-limited",
        "legal_name": format!("{name} (Private) Limited"),
        "registered_office": "12 Mall Road, Lahore", "activities": ["software"],
        "persons": [owner, other], "directors": ["a", "b"],
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

/// A list of two people whom nobody resembles.
pub(super) fn more_listed(name: &str, version: &str) -> Value {
    two_people(
        name,
        version,
        &listed(2, "SVENSSON, Torbjorn", "02 Feb 1950"),
    )
}

/// The same without one of them, which waits for a second person.
pub(super) fn fewer_listed(name: &str, version: &str) -> Value {
    two_people(name, version, "")
}

fn two_people(name: &str, version: &str, second: &str) -> Value {
    let first = listed(1, "OESTERGAARD, Ingeborg", "03 Mar 1951");
    let mut list = sanctions_list(name, version, "");
    list["files"]["sdn.csv"] = json!(format!("{first}{second}"));
    list
}

/// A row of a list.
pub(super) fn listed(number: u32, name: &str, born: &str) -> String {
    let nothing = "-0- ,".repeat(7);
    format!("{number},\"{name}\",\"individual\",\"SDGT\",{nothing}\"DOB {born}.\"\r\n")
}
