//! The form of credentials and presentations, against the inputs of W3C's test suite (testdata/vcdm2).
//!
//! The suite hands its inputs to an issuer first; [`input`] does what that issuer would: it names
//! itself where no issuer, or an issuer object without `id`, is given, and puts dates for the two
//! placeholders. None of the inputs is left out: those about context definitions, which the suite
//! expects a JSON-LD processor to refuse, are refused from the inline context objects alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use evidence::canonical;
use evidence::credential::Malformed;
use evidence::credential::check_credential;
use evidence::credential::check_presentation;
use serde_json::Value;
use serde_json::json;

const ISSUER: &str = "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";

/// The only input whose point is that no issuer is given.
const WITHOUT_ISSUER: &str = "credential-no-issuer-fail";

fn inputs() -> BTreeMap<String, Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/vcdm2/input");
    let mut files = BTreeMap::new();
    for folder in [root.clone(), root.join("names-and-descriptions")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let value = input(&name, &fs::read_to_string(&path).unwrap());
                files.insert(name, value);
            }
        }
    }
    files
}

fn input(name: &str, text: &str) -> Value {
    let text = text
        .replace("PAST DATE", "2020-01-01T00:00:00Z")
        .replace("FUTURE DATE", "2120-01-01T00:00:00Z");
    let mut value = canonical::parse(text.as_bytes()).unwrap();
    if name.starts_with("presentation") || name == WITHOUT_ISSUER {
        return value;
    }
    let issuer = value
        .as_object_mut()
        .unwrap()
        .entry("issuer")
        .or_insert(json!(ISSUER));
    if let Value::Object(issuer) = issuer {
        issuer.entry("id").or_insert(json!(ISSUER));
    }
    value
}

fn check(name: &str, value: &Value) -> Result<(), Malformed> {
    match name.starts_with("presentation") {
        true => check_presentation(value),
        false => check_credential(value),
    }
}

#[test]
fn every_ok_input_is_accepted() {
    let inputs = inputs();
    let ok: Vec<_> = inputs
        .iter()
        .filter(|(name, _)| name.ends_with("-ok"))
        .collect();
    assert_eq!(ok.len(), 65);
    for (name, value) in ok {
        assert_eq!(check(name, value), Ok(()), "{name}");
    }
}

#[test]
fn every_fail_input_is_refused_for_its_own_reason() {
    let inputs = inputs();
    let found: Vec<String> = inputs
        .iter()
        .filter(|(name, _)| name.ends_with("-fail") || name.ends_with("-fail-or-inject"))
        .map(|(name, value)| match check(name, value) {
            Ok(()) => format!("{name} | accepted"),
            Err(malformed) => format!("{name} | {malformed}"),
        })
        .collect();
    assert_eq!(found, REASONS);
}

/// Inputs that the suite judges by who presents whom; their form is right.
#[test]
fn self_asserted_inputs_are_well_formed() {
    let inputs = inputs();
    let judged = |name: &&String| {
        !["-ok", "-fail", "-fail-or-inject"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let names: Vec<_> = inputs.keys().filter(judged).collect();
    assert_eq!(
        names,
        [
            "presentation-self-asserted-vc-holder-mismatch",
            "presentation-self-asserted-vc-issuer-mismatch",
            "presentation-self-asserted-vc-no-holder",
        ]
    );
    for name in names {
        assert_eq!(check(name, &inputs[name]), Ok(()), "{name}");
    }
}

const REASONS: &[&str] = &[
    "credential-context-combo3-fail | @context[1]: is not a URL",
    "credential-context-combo4-fail | @context[1]: is neither a URL nor a context object",
    "credential-description-extra-prop-en-fail | description: is neither a text nor an object of @value, @language and @direction",
    "credential-evidence-missing-type-fail | evidence.type: is missing",
    "credential-id-multi-fail | id: is not a URL",
    "credential-id-nonidentifier-fail | id: is not a URL",
    "credential-id-not-url-fail | id: is not a URL",
    "credential-id-subject-multi-fail | credentialSubject.id: is not a URL",
    "credential-issuer-no-url-fail | issuer: is not a URL",
    "credential-issuer-null-fail | issuer: is not a URL",
    "credential-issuer-object-id-no-url-fail | issuer.id: is not a URL",
    "credential-issuer-object-id-null-fail | issuer.id: is not a URL",
    "credential-missing-base-context-fail-or-inject | @context: does not begin with https://www.w3.org/ns/credentials/v2",
    "credential-missing-required-type-fail | type: does not name the type VerifiableCredential",
    "credential-name-extra-prop-en-fail | name: is neither a text nor an object of @value, @language and @direction",
    "credential-no-context-fail-or-inject | @context: is missing",
    "credential-no-issuer-fail | issuer: is missing",
    "credential-no-subject-fail | credentialSubject: is missing",
    "credential-no-type-fail | type: is missing",
    "credential-proof-missing-type-fail | proof.type: is missing",
    "credential-redef-type-fail | @context[1]: redefines the protected term `VerifiableCredential`",
    "credential-redef-type2-fail | @context[2]: redefines the protected term `ExampleVerifiableCredential`",
    "credential-refresh-no-type-fail | refreshService.type: is missing",
    "credential-schema-no-id-fail | credentialSchema.id: is missing",
    "credential-schema-no-type-fail | credentialSchema.type: is missing",
    "credential-schema-non-url-id-fail | credentialSchema.id: is not a URL",
    "credential-status-missing-type-fail | credentialStatus.type: is missing",
    "credential-status-multiple-id-fail | credentialStatus.id: is not a URL",
    "credential-status-nonurl-id-fail | credentialStatus.id: is not a URL",
    "credential-status-type-nonurl-fail | credentialStatus.type: is not a type name",
    "credential-subject-multiple-empty-fail | credentialSubject[1]: is empty",
    "credential-subject-no-claims-fail | credentialSubject: is empty",
    "credential-termsofuse-missing-type-fail | termsOfUse.type: is missing",
    "credential-termsofuse-no-type-fail | termsOfUse.type: is missing",
    "credential-type-mapped-nonurl-fail | @context[1]: term `ExampleTestCredential` does not stand for an absolute URL",
    "credential-type-unmapped-fail | type[1]: type `ExampleTestCredential` is defined by no context",
    "credential-validUntil-validFrom-fail | validUntil: is before validFrom",
    "credential-validfrom-invalid-fail | validFrom: is not a date and time with an offset",
    "credential-validuntil-invalid-fail | validUntil: is not a date and time with an offset",
    "issuer-description-extra-prop-en-fail | issuer.description: is neither a text nor an object of @value, @language and @direction",
    "issuer-name-extra-prop-en-fail | issuer.name: is neither a text nor an object of @value, @language and @direction",
    "presentation-context-order-fail | @context: does not begin with https://www.w3.org/ns/credentials/v2",
    "presentation-enveloped-vc-missing-type-fail | verifiableCredential[0].type: is missing",
    "presentation-holder-fail | holder: is not a URL",
    "presentation-holder-name-fail | holder.id: is missing",
    "presentation-holder-object-fail | holder.id: is not a URL",
    "presentation-missing-base-context-fail | @context: does not begin with https://www.w3.org/ns/credentials/v2",
    "presentation-missing-required-type-fail | type: does not name the type VerifiablePresentation",
    "presentation-no-context-fail-or-inject | @context: is missing",
    "presentation-no-type-fail | type: is missing",
    "presentation-vc-as-string-fail | verifiableCredential[0]: is not an object",
    "presentation-vc-missing-required-type-fail | verifiableCredential[0].type: is empty",
];
