//! What one history is about: fresh things of the zone, made by ordinary commands.

use std::cell::Cell;
use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use evidence::credential::Builder;
use evidence::data_integrity::{self, ProofPurpose};
use evidence::key::SigningKey;
use hanse::notifications::{self, Notification};
use jiff::Timestamp;
use platform::auth::token::Assertion;
use platform::change::Change;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cases::{Ask, By, Case, Need, application, document, notice, reason, session, staff};
use super::names::Names;
use super::stage::{Answer, Stage, answer};
use super::turns::Calling;
use crate::j8::text;
use crate::platform::START_MS;

/// Clear on every list of a stage.
const CLEAR: &str = "Sobia Qamar Tiwana";
/// Close to somebody listed.
const CLOSE: &str = "Gulbuddin Hekmat";

pub(super) struct World<'s> {
    stage: &'s Stage,
    number: u64,
    pub(super) tag: String,
    things: BTreeMap<&'static str, String>,
    etag: String,
    credential: Value,
    sent: Cell<u32>,
}

impl<'s> World<'s> {
    pub(super) fn new(stage: &'s Stage) -> Self {
        let number = stage.next_world();
        Self {
            stage,
            number,
            tag: format!("w{number}z"),
            things: BTreeMap::new(),
            etag: String::new(),
            credential: Value::Null,
            sent: Cell::new(0),
        }
    }

    /// A world in which these can be tried. What the first one needs comes first, and the others take it as it is.
    pub(super) async fn of_cases(stage: &'s Stage, cases: &[&Case]) -> Self {
        let mut world = Self::new(stage);
        for case in cases {
            for need in case.needs {
                world.provide(*need).await;
            }
            if case.by == By::Helper {
                world.provide(Need::Principal).await;
            }
        }
        world
    }

    /// A name that no other world has.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.tag)
    }

    /// An address of the messenger that no other world has.
    pub(super) fn address(&self, what: &str) -> String {
        format!("{}@localhost", self.name(what))
    }

    #[track_caller]
    pub(super) fn get(&self, thing: &str) -> &str {
        self.things.get(thing).unwrap()
    }

    /// A command to one thing.
    pub(super) fn of(&self, thing: &str, body: Value) -> Ask {
        let parameter = match thing {
            "" => String::new(),
            thing => self.get(thing).to_owned(),
        };
        (parameter, body)
    }

    /// A command on its way.
    pub(super) fn call(&self, operation: &str, by: By, (parameter, body): Ask) -> Calling<Answer> {
        self.sent.set(self.sent.get() + 1);
        let key = format!("{}-{}", self.tag, self.sent.get());
        let token = match by {
            By::Nobody => "",
            By::Helper => self.get("token"),
            by => &self.stage.tokens[&by],
        };
        let seen = (key.as_str(), self.etag.as_str());
        let request = self
            .stage
            .request(operation, token, &parameter, &body, seen);
        Box::pin(answer(self.stage.running.router.clone(), request))
    }

    pub(super) fn try_case(&self, case: &Case) -> Calling<Answer> {
        self.call(case.operation, case.by, (case.ask)(self))
    }

    /// A command that is done.
    pub(super) async fn done(&self, operation: &str, by: By, id: &str, body: Value) -> Value {
        let answer = self.call(operation, by, (id.to_owned(), body)).await;
        assert!(
            (200..300).contains(&answer.status),
            "{operation}: {answer:?}"
        );
        answer.body
    }

    /// Has something ready, unless it is.
    pub(super) async fn provide(&mut self, need: Need) {
        match need {
            Need::Applied => self.entity(&[]).await,
            Need::InReview => self.entity(&["begin_review"]).await,
            Need::Active => self.entity(&["begin_review", "approve_entity"]).await,
            Need::Suspended => {
                let steps = ["begin_review", "approve_entity", "suspend_entity"];
                self.entity(&steps).await;
            }
            Need::Dissolving => {
                let steps = ["begin_review", "approve_entity", "initiate_dissolution"];
                self.entity(&steps).await;
            }
            Need::Hit if !self.things.contains_key("review") => {
                let entity = self.form(CLOSE, &["begin_review"]).await;
                let cases = format!("/v1/reviews?open=true&entity={}", text(&entity, "/id"));
                let cases = self.stage.read(&cases).await.body;
                self.has("review", text(&cases, "/items/0/id"));
                self.is_about(&entity);
            }
            Need::Credential if !self.things.contains_key("credential") => {
                let entity = self.form(CLEAR, &["begin_review", "approve_entity"]).await;
                self.is_about(&entity);
            }
            Need::Principal if !self.things.contains_key("principal") => self.principal().await,
            Need::Account if !self.things.contains_key("account") => {
                let address = self.address("account");
                let body = json!({"jid": address, "principal": "applicant"});
                self.done("create_account", By::Applicant, "", body).await;
                self.has("account", address);
            }
            Need::Invitation if !self.things.contains_key("invitation") => {
                let made = self
                    .done("create_invitation", By::Applicant, "", json!({}))
                    .await;
                self.has("invitation", text(&made, "/id"));
                self.has("secret", text(&made, "/token"));
            }
            Need::NoConsent => {
                self.has("person", self.name("person"));
                self.has("session", Uuid::nil().to_string());
            }
            Need::Consent if !self.things.contains_key("person") => {
                let person = self.name("person");
                let body = json!({"person": person});
                self.done("record_consent", By::Applicant, "", body).await;
                self.has("person", person);
            }
            Need::Session if !self.things.contains_key("session") => {
                Box::pin(self.provide(Need::Consent)).await;
                let body = session(self.get("person"));
                let opened = self.done("open_session", By::Applicant, "", body).await;
                self.has("session", text(&opened, "/id"));
            }
            Need::Notification => self.notification().await,
            Need::Notice if !self.things.contains_key("notice") => {
                let made = self
                    .done("publish_notice", By::Applicant, "", notice())
                    .await;
                self.has("notice", text(&made, "/id"));
            }
            _ => {}
        }
    }

    fn has(&mut self, thing: &'static str, id: String) {
        self.things.entry(thing).or_insert(id);
    }

    async fn entity(&mut self, steps: &[&str]) {
        if !self.things.contains_key("entity") {
            let entity = self.form(CLEAR, steps).await;
            self.is_about(&entity);
        }
    }

    /// Applies, attests everything that the law asks for, and takes these steps. Answers the entity, as the last that had a
    /// credential in its answer.
    async fn form(&self, owner: &str, steps: &[&str]) -> Value {
        let name = self.name(&format!("Company {}", self.sent.get()));
        let body = application(&name, owner);
        let mut entity = self.done("apply_for_entity", By::Applicant, "", body).await;
        let id = text(&entity, "/id");
        for evidence in self.attestations(&entity) {
            self.done("submit_evidence", By::Applicant, &id, evidence)
                .await;
        }
        for step in steps {
            let body = match *step {
                "suspend_entity" => reason(),
                "initiate_dissolution" => document(),
                _ => json!({}),
            };
            let after = self.done(step, By::Reviewer, &id, body).await;
            if *step == "approve_entity" {
                entity = after;
            }
        }
        entity
    }

    /// The history is about this entity, unless it is about another.
    fn is_about(&mut self, entity: &Value) {
        self.has("entity", text(entity, "/id"));
        let director = text(entity, "/directors/0");
        self.has("director", format!("mez/person/{director}"));
        if let Some(id) = entity["credential_id"].as_str() {
            self.has("credential", id.to_owned());
            self.credential = entity["credential"].clone();
        }
    }

    fn attestations(&self, entity: &Value) -> Vec<Value> {
        let keys = &self.stage.authorities;
        let company = format!("urn:hanse:entity:{}", text(entity, "/id"));
        let mut wanted = vec![
            (keys.government(), company.clone(), "pk.name-availability"),
            (keys.identity(), company, "pk.customer-due-diligence"),
        ];
        for person in entity["directors"].as_array().unwrap() {
            let subject = format!("urn:hanse:person:{}", person.as_str().unwrap());
            wanted.push((keys.identity(), subject, "pk.identity-verification"));
        }
        let sign = |(key, subject, kind): (SigningKey, String, &str)| {
            attestation(&key, &subject, kind, Uuid::now_v7())
        };
        wanted.into_iter().map(sign).collect()
    }

    /// A further attestation about the entity, always the same.
    pub(super) fn evidence(&self) -> Value {
        let subject = format!("urn:hanse:entity:{}", self.get("entity"));
        let key = self.stage.authorities.identity();
        let id = Uuid::from_u128(self.number.into());
        attestation(&key, &subject, "pk.customer-due-diligence", id)
    }

    async fn principal(&mut self) {
        let id = self.name("helper");
        let mut body = staff(&id);
        body["key"] = json!(helper_key().did().to_string());
        self.done("create_principal", By::Applicant, "", body).await;
        let issue = json!({"principal": id});
        let issued = self.done("issue_token", By::Applicant, "", issue).await;
        self.has("token", text(&issued, "/token"));
        self.has("token_id", text(&issued, "/jti"));
        let seen = self.stage.read(&format!("/v1/principals/{id}")).await;
        self.etag = seen.headers["etag"].to_str().unwrap().to_owned();
        self.has("principal", id);
    }

    /// What the principal asks for a token with.
    pub(super) fn assertion(&self) -> Value {
        let now_s = START_MS / 1000;
        let claims = Assertion {
            iss: self.get("principal").parse().unwrap(),
            sub: self.get("principal").parse().unwrap(),
            aud: self.stage.running.node.manifest.zone_id.to_string(),
            exp: now_s + 60,
            iat: now_s,
            jti: self.tag.clone(),
        };
        json!({"assertion": claims.seal(&helper_key())})
    }

    async fn notification(&mut self) {
        let node = self.stage.running.node.clone();
        let id = Uuid::now_v7().to_string();
        let told = Notification::alert(&id, "something failed".to_owned(), START_MS);
        let raise = move |_: &platform::moment::Moment<'_>| {
            let mut change = Change::default();
            notifications::raise(&node, &mut change, &told)?;
            Ok((change, ()))
        };
        self.stage.running.node.platform.act(raise).await.unwrap();
        self.has("notification", id);
    }

    /// Everything that the history is about, as it is read after these answers.
    pub(super) async fn state(&self, answers: &[Answer]) -> Value {
        let mut state = Vec::new();
        let located = answers.iter().filter_map(|it| it.headers.get("location"));
        let located = located.map(|path| path.to_str().unwrap().to_owned());
        let paths = self.things.iter().flat_map(|(thing, id)| paths(thing, id));
        for path in paths.chain(self.paths_of_names()).chain(located) {
            let read = self.stage.read(&path).await;
            state.push(json!({"path": path, "status": read.status, "body": read.body}));
        }
        if !self.credential.is_null() {
            state.push(self.verification().await);
        }
        Names::of(&self.tag).canonical(&state.into())
    }

    /// What the zone says of the credential to those who verify it.
    pub(super) async fn verification(&self) -> Value {
        let ask = (String::new(), self.credential.clone());
        self.call("verify_credential", By::Applicant, ask)
            .await
            .body
    }

    /// Where things are that a command may have made under a name of this world.
    fn paths_of_names(&self) -> impl Iterator<Item = String> + use<> {
        let principal = format!("/v1/principals/{}", self.name("new"));
        let account = format!("/v1/iris/accounts/{}", self.address("new"));
        [principal, account, "/v1/sanctions/lists".to_owned()].into_iter()
    }
}

/// Where one sees how a thing is.
fn paths(thing: &str, id: &str) -> Vec<String> {
    // The page that begins with it: what comes before its id is not listed.
    let before = BASE64URL_NOPAD.encode(&id.as_bytes()[..id.len() - 1]);
    match thing {
        "entity" => vec![
            format!("/v1/entities/{id}"),
            format!("/v1/entities/{id}/persons"),
            format!("/v1/entities/{id}/evidence"),
            format!("/v1/entities/{id}/evaluations?operation=entity.formation"),
            format!("/v1/credentials?entity={id}"),
            format!("/v1/reviews?entity={id}"),
        ],
        "review" => vec![format!("/v1/reviews/{id}")],
        "credential" => vec![format!("/v1/credentials/{id}")],
        "principal" => vec![
            format!("/v1/principals/{id}"),
            format!("/v1/tokens?principal={id}"),
        ],
        "account" => vec![format!("/v1/iris/accounts/{id}")],
        "invitation" => vec![format!("/v1/iris/invitations?limit=1&cursor={before}")],
        "person" => vec![
            format!("/v1/breath/consents/{id}"),
            format!("/v1/breath/sessions?person={id}"),
        ],
        "session" => vec![format!("/v1/breath/sessions/{id}")],
        "notification" => vec![format!("/v1/notifications?limit=1&cursor={before}")],
        "notice" => vec![format!("/v1/notices/{id}")],
        _ => vec![],
    }
}

fn helper_key() -> SigningKey {
    SigningKey::from_seed([9; 32])
}

fn attestation(key: &SigningKey, subject: &str, kind: &str, id: Uuid) -> Value {
    let now = Timestamp::from_millisecond(START_MS).unwrap();
    let unsigned = Builder {
        id: format!("urn:uuid:{id}"),
        issuer: key.did().to_string(),
        types: vec!["HanseEvidenceCredential".to_owned()],
        subject: json!({"id": subject, "evidenceKind": kind}),
        valid_from: now,
        valid_until: None,
        status: vec![],
    };
    let unsigned = unsigned.build().unwrap();
    data_integrity::sign(unsigned, key, now, ProofPurpose::AssertionMethod).unwrap()
}
