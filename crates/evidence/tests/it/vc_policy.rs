//! What a verifier's policy lets through, and why it refuses the rest.

use std::collections::BTreeSet;

use evidence::credential;
use evidence::credential::BASE_CONTEXT;
use evidence::credential::Builder;
use evidence::credential::Issuers;
use evidence::credential::Policy;
use evidence::credential::Refusal;
use evidence::credential::Terms;
use evidence::credential::TermsError;
use evidence::data_integrity;
use evidence::data_integrity::Controller;
use evidence::data_integrity::ProofOptions;
use evidence::data_integrity::ProofPurpose;
use evidence::key::SigningKey;
use evidence::time;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

const FROM: &str = "2026-02-01T00:00:00Z";
const UNTIL: &str = "2027-02-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    time::parse(text).unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

fn unsigned() -> Value {
    Builder {
        id: "urn:uuid:0b3f0a3e-7a39-4b5e-9d7c-6a1c1b1f0001".into(),
        issuer: key().did().to_string(),
        types: vec!["FormationCredential".into()],
        subject: json!({"id": "urn:uuid:5", "legalName": "Lübeck Trading"}),
        valid_from: at(FROM),
        valid_until: Some(at(UNTIL)),
        status: Vec::new(),
    }
    .build()
    .unwrap()
}

fn options(key: &SigningKey) -> ProofOptions {
    ProofOptions {
        created: at(FROM),
        purpose: ProofPurpose::AssertionMethod,
        verification_method: key.did().verification_method(),
        id: None,
        expires: None,
        challenge: None,
        domain: None,
        previous_proof: Vec::new(),
    }
}

fn signed(unsigned: Value, options: &ProofOptions) -> Value {
    data_integrity::sign_with(unsigned, &key(), options).unwrap()
}

fn good() -> Value {
    signed(unsigned(), &options(&key()))
}

/// The outcome as text, so that the rows below read as claims.
fn outcome(credential: &Value, policy: &Policy<'_>) -> String {
    match credential::verify(credential, policy) {
        Ok(_) => "verified".into(),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn validity_includes_both_ends_and_nothing_else() {
    let rows = [
        (
            "2026-01-31T23:59:59Z",
            "a proof is of 2026-02-01T00:00:00Z, which is later",
        ),
        (FROM, "verified"),
        (UNTIL, "verified"),
        (
            "2027-02-01T00:00:00.001Z",
            "credential expired at 2027-02-01T00:00:00Z",
        ),
    ];
    for (as_of, expected) in rows {
        assert_eq!(
            outcome(&good(), &Policy::at(at(as_of))),
            expected,
            "{as_of}"
        );
    }
}

#[test]
fn clock_skew_forgives_the_beginning_and_never_the_end() {
    let mut policy = Policy::at(at("2026-01-31T23:59:00Z"));
    policy.clock_skew = SignedDuration::from_secs(60);
    assert_eq!(outcome(&good(), &policy), "verified");
    policy.as_of = at("2027-02-01T00:00:01Z");
    assert_eq!(
        outcome(&good(), &policy),
        "credential expired at 2027-02-01T00:00:00Z"
    );
}

#[test]
fn a_proof_made_in_time_does_not_make_a_credential_valid_early() {
    let mut options = options(&key());
    options.created = at("2026-01-01T00:00:00Z");
    let early = signed(unsigned(), &options);
    assert_eq!(
        outcome(&early, &Policy::at(at("2026-01-15T00:00:00Z"))),
        "credential is valid only from 2026-02-01T00:00:00Z"
    );
}

#[test]
fn an_expired_proof_proves_nothing() {
    let mut options = options(&key());
    options.expires = Some(at("2026-03-01T00:00:00Z"));
    let credential = signed(unsigned(), &options);
    let before = Policy::at(at("2026-03-01T00:00:00Z"));
    assert_eq!(outcome(&credential, &before), "verified");
    let after = Policy::at(at("2026-03-01T00:00:01Z"));
    assert_eq!(
        outcome(&credential, &after),
        "a proof expired at 2026-03-01T00:00:00Z"
    );
}

#[test]
fn a_proof_for_another_purpose_asserts_nothing() {
    let mut options = options(&key());
    options.purpose = ProofPurpose::Authentication;
    let credential = signed(unsigned(), &options);
    assert_eq!(
        outcome(&credential, &Policy::at(at(FROM))),
        "a proof is for authentication, not assertionMethod"
    );
}

#[test]
fn only_issuers_that_the_policy_names_are_believed() {
    let (own, other) = (
        BTreeSet::from([key().did().to_string()]),
        BTreeSet::from(["did:web:zone.example".to_owned()]),
    );
    let mut policy = Policy::at(at(FROM));
    policy.issuers = Issuers::Only(&own);
    assert_eq!(outcome(&good(), &policy), "verified");
    policy.issuers = Issuers::Only(&other);
    assert_eq!(
        outcome(&good(), &policy),
        format!("issuer {} is not trusted", key().did())
    );
}

#[test]
fn a_stranger_cannot_sign_in_the_issuers_name() {
    let stranger = SigningKey::from_seed([6; 32]);
    let forged = data_integrity::sign_with(unsigned(), &stranger, &options(&stranger)).unwrap();
    let method = stranger.did().verification_method();
    let expected = Refusal::MethodNotOfIssuer {
        method,
        issuer: key().did().to_string(),
    };
    let known = [Controller::from_did_key(key().did())];
    for controllers in [&[], known.as_slice()] {
        let mut policy = Policy::at(at(FROM));
        policy.controllers = controllers;
        assert_eq!(credential::verify(&forged, &policy), Err(expected.clone()));
        assert_eq!(outcome(&good(), &policy), "verified");
    }
}

#[test]
fn a_strangers_proof_beside_the_issuers_is_refused() {
    let stranger = SigningKey::from_seed([6; 32]);
    let both = data_integrity::sign_with(good(), &stranger, &options(&stranger)).unwrap();
    assert!(matches!(
        credential::verify(&both, &Policy::at(at(FROM))),
        Err(Refusal::MethodNotOfIssuer { .. })
    ));
}

#[test]
fn a_word_without_a_known_meaning_is_refused() {
    let with = |context: Value| {
        let mut unsigned = unsigned();
        unsigned["type"] = json!("VerifiableCredential");
        unsigned["@context"] = context;
        signed(unsigned, &options(&key()))
    };
    let policy = Policy::at(at(FROM));
    let undefined = |path: &str| {
        let path = path.to_owned();
        Err(Refusal::Terms(TermsError::UndefinedTerm { path }))
    };
    let judge = |context| credential::verify(&with(context), &policy).map(drop);
    let address = "https://zone.example/terms";

    assert_eq!(
        judge(json!([BASE_CONTEXT])),
        undefined("credentialSubject.legalName")
    );
    assert_eq!(
        judge(json!([BASE_CONTEXT, {"legalName": null, "@vocab": "https://a.example/"}])),
        undefined("credentialSubject.legalName")
    );
    let defined = json!([BASE_CONTEXT, {"legalName": "https://a.example/legalName"}]);
    assert_eq!(judge(defined), Ok(()));
    assert_eq!(
        judge(json!([BASE_CONTEXT, {"@vocab": "https://a.example/"}])),
        Ok(())
    );

    let unknown = json!([BASE_CONTEXT, address]);
    assert_eq!(
        judge(unknown.clone()),
        Err(Refusal::Terms(TermsError::UnknownContext {
            address: address.into()
        }))
    );
    let mut lenient = policy;
    lenient.terms = Terms::Any;
    assert_eq!(outcome(&with(unknown), &lenient), "verified");
}
