//! What one history is about: fresh things of the zone, made by ordinary commands.

use std::cell::Cell;
use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use evidence::credential::Builder;
use evidence::data_integrity::{self, ProofPurpose};
use evidence::key::SigningKey;
use futures_util::future::join_all;
use hanse::notifications::{self, Notification};
use jiff::Timestamp;
use platform::auth::token::Assertion;
use platform::change::Change;
use platform::moment::Moment;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cases::{
    By, Case, Need, application, document, fewer_listed, more_listed, notice, reason, session,
    staff,
};
use super::names::Names;
use super::stage::{Answer, Stage, answer};
use super::turns::Calling;
use crate::j8::text;
use crate::platform::START_MS;

/// Clear on every list of a stage.
const CLEAR: &str = "Sobia Qamar Tiwana";
/// Close to somebody listed.
const CLOSE: &str = "Gulbuddin Hekmat";

/// Where one sees how a thing is: `{}` is its id, and `{<}` a cursor just before it.
const VIEWS: [(&str, &str); 19] = [
    ("entity", "/v1/entities/{}"),
    ("entity", "/v1/entities/{}/persons"),
    ("entity", "/v1/entities/{}/evidence"),
    (
        "entity",
        "/v1/entities/{}/evaluations?operation=entity.formation",
    ),
    ("entity", "/v1/credentials?entity={}"),
    ("entity", "/v1/reviews?entity={}"),
    ("review", "/v1/reviews/{}"),
    ("credential", "/v1/credentials/{}"),
    ("principal", "/v1/principals/{}"),
    ("principal", "/v1/tokens?principal={}"),
    ("account", "/v1/iris/accounts/{}"),
    ("invitation", "/v1/iris/invitations?limit=1&cursor={<}"),
    ("person", "/v1/breath/consents/{}"),
    ("person", "/v1/breath/safety/{}"),
    ("person", "/v1/breath/sessions?person={}"),
    ("session", "/v1/breath/sessions/{}"),
    ("notification", "/v1/notifications?limit=1&cursor={<}"),
    ("notice", "/v1/notices/{}"),
    ("list", "/v1/sanctions/proposals"),
];

pub(super) struct World<'s> {
    stage: &'s Stage,
    number: u64,
    /// In every name that the world gives, and in no other world's.
    pub(super) tag: String,
    things: BTreeMap<&'static str, String>,
    /// The version of the principal.
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

    /// A world in which these can be tried. What the first one needs comes first; the others take it as it is.
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

    pub(super) fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.tag)
    }

    pub(super) fn address(&self, what: &str) -> String {
        format!("{}@localhost", self.name(what))
    }

    /// The id of a thing.
    #[track_caller]
    pub(super) fn get(&self, thing: &str) -> &str {
        self.things.get(thing).unwrap()
    }

    /// A command to the thing with this id, on its way.
    pub(super) fn call(&self, operation: &str, by: By, id: &str, body: &Value) -> Calling<Answer> {
        self.sent.set(self.sent.get() + 1);
        let key = format!("{}-{}", self.tag, self.sent.get());
        let token = match by {
            By::Nobody => "",
            By::Helper => self.get("token"),
            by => &self.stage.tokens[&by],
        };
        let stage = self.stage;
        let request = stage.request(operation, id, token, &key, &self.etag, body);
        Box::pin(answer(stage.running.router.clone(), request))
    }

    pub(super) fn try_case(&self, case: &Case) -> Calling<Answer> {
        let id = match case.thing {
            "" => "",
            thing => self.get(thing),
        };
        self.call(case.operation, case.by, id, &(case.body)(self))
    }

    /// What a command makes.
    pub(super) async fn made(&self, operation: &str, body: Value) -> Value {
        self.done(operation, By::Applicant, "", body).await
    }

    /// A list that is in force, whoever has to agree.
    pub(super) async fn import(&self, list: Value) -> Value {
        let imported = self.made("import_list", list).await;
        if imported["concerns"].is_null() {
            return imported;
        }
        let (name, digest) = (
            text(&imported, "/name"),
            json!({"digest": imported["digest"]}),
        );
        self.done("confirm_list", By::Reviewer, &name, digest).await
    }

    /// A version that waits, of a list that no other history is about meanwhile.
    async fn proposal(&mut self) {
        let name = "proposed";
        for waits in self
            .stage
            .see("/v1/sanctions/proposals", "")
            .await
            .as_array()
            .unwrap()
        {
            let body = json!({"digest": waits["digest"], "reason": "of another history"});
            self.done("reject_list", By::Reviewer, name, body).await;
        }
        let version = self.name("version-of-the-list");
        self.import(more_listed(name, &version)).await;
        let waits = self.made("import_list", fewer_listed(name, &version)).await;
        self.has("version", text(&waits, "/digest"));
        self.has("list", name.to_owned());
    }

    /// A command that is done.
    pub(super) async fn done(&self, operation: &str, by: By, id: &str, body: Value) -> Value {
        let answer = self.call(operation, by, id, &body).await;
        assert!(answer.status < 300, "{operation}: {answer:?}");
        answer.body
    }

    /// Has something ready, unless it is.
    pub(super) async fn provide(&mut self, need: Need) {
        if self.things.contains_key(need.thing()) {
            return;
        }
        let [begin, approve] = ["begin_review", "approve_entity"];
        match need {
            Need::Applied => self.form(CLEAR, &[]).await,
            Need::InReview => self.form(CLEAR, &[begin]).await,
            Need::Active | Need::Credential => self.form(CLEAR, &[begin, approve]).await,
            Need::Suspended => self.form(CLEAR, &[begin, approve, "suspend_entity"]).await,
            Need::Dissolving => {
                let dissolve = "initiate_dissolution";
                self.form(CLEAR, &[begin, approve, dissolve]).await;
            }
            Need::Hit => self.form(CLOSE, &[begin]).await,
            Need::NoConsent => {
                self.has("person", self.name("person"));
                self.has("session", Uuid::nil().to_string());
            }
            Need::Consent => {
                let person = self.name("person");
                let body = json!({"person": person});
                self.made("record_consent", body).await;
                self.has("person", person);
            }
            Need::Session => {
                Box::pin(self.provide(Need::Consent)).await;
                let body = session(self.get("person"));
                let opened = self.made("open_session", body).await;
                self.has("session", text(&opened, "/id"));
            }
            Need::Principal => self.principal().await,
            Need::Account => {
                let body = json!({"jid": self.address("account"), "principal": "applicant"});
                self.made("create_account", body).await;
                self.has("account", self.address("account"));
            }
            Need::Invitation => {
                let made = self.made("create_invitation", json!({})).await;
                self.has("invitation", text(&made, "/id"));
                self.has("secret", text(&made, "/token"));
            }
            Need::Notification => self.notification().await,
            Need::Notice => {
                let made = self.made("publish_notice", notice()).await;
                self.has("notice", text(&made, "/id"));
            }
            Need::Proposal => self.proposal().await,
        }
    }

    fn has(&mut self, thing: &'static str, id: String) {
        self.things.entry(thing).or_insert(id);
    }

    /// Applies, attests everything that the law asks for, and takes these steps. From then on the history is about this
    /// entity, and what belongs to it, unless it is about others.
    async fn form(&mut self, owner: &str, steps: &[&str]) {
        let body = application(&self.name(&format!("Company {}", self.sent.get())), owner);
        let entity = self.made("apply_for_entity", body).await;
        let id = text(&entity, "/id");
        let attest = |evidence| self.done("submit_evidence", By::Applicant, &id, evidence);
        join_all(self.attestations(&entity).into_iter().map(attest)).await;
        for step in steps {
            let body = match *step {
                "suspend_entity" => reason(),
                "initiate_dissolution" => document(),
                _ => json!({}),
            };
            let after = self.done(step, By::Reviewer, &id, body).await;
            if after["credential_id"].is_string() && self.credential.is_null() {
                self.has("credential", text(&after, "/credential_id"));
                self.credential = after["credential"].clone();
            }
        }
        let open = format!("/v1/reviews?open=true&entity={id}");
        if let Some(review) = self.stage.see(&open, "/items/0/id").await.as_str() {
            self.has("review", review.to_owned());
        }
        let director = text(&entity, "/directors/0");
        self.has("director", format!("mez/person/{director}"));
        self.has("entity", id);
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
        self.made("create_principal", body).await;
        let body = json!({"principal": id});
        let issued = self.made("issue_token", body).await;
        self.has("token", text(&issued, "/token"));
        self.has("token_id", text(&issued, "/jti"));
        let seen = self.stage.read(&format!("/v1/principals/{id}")).await;
        self.etag = seen.headers["etag"].to_str().unwrap().to_owned();
        self.has("principal", id);
    }

    /// What the principal asks for a token with, always the same.
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
        let id = Uuid::now_v7().to_string();
        let told = Notification::alert(&id, "something failed".to_owned(), START_MS);
        let node = self.stage.running.node.clone();
        let raise = move |_: &Moment<'_>| {
            let mut change = Change::default();
            notifications::raise(&node, &mut change, &told)?;
            Ok((change, ()))
        };
        self.stage.running.node.platform.act(raise).await.unwrap();
        self.has("notification", id);
    }

    /// Everything that the history is about, as it is read after these answers.
    pub(super) async fn state(&self, answers: &[Answer]) -> Value {
        let (name, address) = (self.name("new"), self.address("new"));
        let new = [
            ("lists", "/v1/sanctions/lists".to_owned()),
            ("new principal", format!("/v1/principals/{name}")),
            ("new account", format!("/v1/iris/accounts/{address}")),
        ];
        let known = VIEWS.into_iter().filter_map(|(thing, view)| {
            let id = self.things.get(thing)?;
            let before = BASE64URL_NOPAD.encode(&id.as_bytes()[..id.len() - 1]);
            Some((view, view.replace("{}", id).replace("{<}", &before)))
        });
        let made = answers.iter().filter_map(|it| it.headers.get("location"));
        let made = made.map(|path| ("made", path.to_str().unwrap().to_owned()));
        let mut state = Vec::new();
        for (view, path) in new.into_iter().chain(known).chain(made) {
            let read = self.stage.read(&path).await;
            state.push(json!({"view": view, "status": read.status, "body": read.body}));
        }
        if !self.credential.is_null() {
            // Nothing is written, and no key is needed.
            let verify = self.call("verify_credential", By::Applicant, "", &self.credential);
            state.push(verify.await.body);
        }
        Names::of(&self.tag).canonical(&state.into())
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
