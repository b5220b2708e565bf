//! Our credentials before independent libraries, and theirs before us.
//!
//! The judges are Digital Bazaar's npm libraries and openvc-core from PyPI, installed by
//! `tools/judges/setup.sh` into `$HANSE_JUDGES` (default `target/judges` of the workspace). Where
//! they are missing the tests fail, unless `HANSE_SKIP_JUDGES=1` says to skip them.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use evidence::canonical;
use evidence::credential;
use evidence::credential::Builder;
use evidence::credential::Policy;
use evidence::credential::Refusal;
use evidence::data_integrity;
use evidence::data_integrity::ProofContext;
use evidence::data_integrity::ProofError;
use evidence::data_integrity::ProofPurpose;
use evidence::key::SigningKey;
use evidence::status_list::BITS_MIN;
use evidence::status_list::Bitstring;
use evidence::status_list::Entry;
use evidence::status_list::ListBuilder;
use evidence::status_list::StatusPurpose;
use evidence::time;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

const CREATED: &str = "2026-02-01T00:00:00Z";
const NOW: &str = "2026-03-01T00:00:00Z";
const LIST: &str = "https://zone.example/v1/status/1";
const SEED: [u8; 32] = [5; 32];

#[derive(Clone, Copy)]
enum Judge {
    DigitalBazaar,
    Openvc,
}

impl Judge {
    const ALL: [Self; 2] = [Self::DigitalBazaar, Self::Openvc];

    fn command(self, judges: &Path) -> Command {
        let (program, script) = match self {
            Self::DigitalBazaar => (PathBuf::from("node"), "digitalbazaar.mjs"),
            Self::Openvc => (judges.join("venv/bin/python"), "openvc_judge.py"),
        };
        let mut command = Command::new(program);
        command.arg(judges.join(script)).current_dir(judges);
        command
    }

    fn ask(self, judges: &Path, verb: &str, requests: &[Value]) -> Vec<Value> {
        let mut child = self
            .command(judges)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = serde_json::to_vec(requests).unwrap();
        child.stdin.take().unwrap().write_all(&requests).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{:?}", output.status);
        let answers = canonical::parse(&output.stdout).unwrap();
        answers.as_array().unwrap().clone()
    }

    /// What the judge says of each credential: nothing if it verifies, else why not.
    fn verdicts(self, judges: &Path, credentials: &[Value]) -> Vec<Option<String>> {
        let request = |credential| json!({"credential": credential, "now": NOW});
        let requests: Vec<_> = credentials.iter().map(request).collect();
        verdicts(&self.ask(judges, "verify", &requests))
    }

    fn issue(self, judges: &Path, unsigned: &[Value]) -> Vec<Value> {
        let seed = data_encoding::HEXLOWER.encode(&SEED);
        let request =
            |credential| json!({"seedHex": seed, "credential": credential, "created": CREATED});
        let requests: Vec<_> = unsigned.iter().map(request).collect();
        self.ask(judges, "issue", &requests)
    }
}

fn verdicts(answers: &[Value]) -> Vec<Option<String>> {
    let verdict = |answer: &Value| {
        let verified = answer["verified"].as_bool().unwrap();
        (!verified).then(|| answer["error"].as_str().unwrap().to_owned())
    };
    answers.iter().map(verdict).collect()
}

fn at(text: &str) -> Timestamp {
    time::parse(text).unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed(SEED)
}

/// Credentials that stress what implementations disagree about: numbers, escapes, order, nesting.
fn unsigned() -> Vec<Value> {
    let subjects = [
        json!({"id": "urn:uuid:5", "legalName": "Lübeck Trading (Pvt) Ltd", "registration": "K-0001"}),
        json!({"numbers": [0, -1, 1.5, 1e21, 1e-7, 9_007_199_254_740_991_i64, 0.1, 100, 5e-324]}),
        json!({"text": "\u{0}\u{1f}\"\\/\u{7f}\u{20ac}\u{fb33}\u{1f600}\r\n\t", "\u{20ac}": 1, "\u{fb33}": 2,
               "\u{1f600}": 3, "ö": 4, "1": 5, "": 6, "\r": 7, "حسن": "حسن", "A": null, "a": true}),
        json!([{"id": "urn:uuid:6", "owners": [{"name": "A", "share": 60}, {"name": "B", "share": 40}]},
               {"id": "urn:uuid:7", "empty": {}, "none": [], "deep": [[[[{"x": [false]}]]]]}]),
    ];
    let build = |subject| {
        Builder {
            id: "urn:uuid:0b3f0a3e-7a39-4b5e-9d7c-6a1c1b1f0001".into(),
            issuer: key().did().to_string(),
            types: vec!["FormationCredential".into()],
            subject,
            valid_from: at(CREATED),
            valid_until: Some(at("2027-02-01T00:00:00Z")),
            status: Vec::new(),
        }
        .build()
        .unwrap()
    };
    subjects.into_iter().map(build).collect()
}

fn sign(unsigned: Value) -> Value {
    let purpose = ProofPurpose::AssertionMethod;
    data_integrity::sign(unsigned, &key(), at(CREATED), purpose).unwrap()
}

/// One credential with one thing changed, for each thing that may not change.
fn tampered(signed: &Value) -> Vec<Value> {
    let stranger = SigningKey::from_seed([6; 32]).did();
    let changes: [&dyn Fn(&mut Value); 14] = [
        &|c| c["credentialSubject"] = json!({"id": "urn:uuid:5", "legalName": "Other"}),
        &|c| c["issuer"] = json!(stranger),
        &|c| c["id"] = json!("urn:uuid:0b3f0a3e-7a39-4b5e-9d7c-6a1c1b1f0002"),
        &|c| c["type"] = json!(["VerifiableCredential", "OtherCredential"]),
        &|c| c["validFrom"] = json!("2026-01-31T00:00:00Z"),
        &|c| c["validUntil"] = json!("2028-02-01T00:00:00Z"),
        &|c| drop(c.as_object_mut().unwrap().remove("validUntil")),
        &|c| c["name"] = json!("Certificate"),
        &|c| c["proof"]["created"] = json!("2026-02-01T00:00:01Z"),
        &|c| c["proof"]["verificationMethod"] = json!(stranger.verification_method()),
        &|c| c["proof"]["proofPurpose"] = json!("authentication"),
        &|c| c["proof"]["domain"] = json!("elsewhere.example"),
        &|c| c["proof"]["cryptosuite"] = json!("eddsa-rdfc-2022"),
        &|c| {
            let value = c["proof"]["proofValue"].as_str().unwrap();
            let last = if value.ends_with('2') { "3" } else { "2" };
            c["proof"]["proofValue"] = json!(format!("{}{last}", &value[..value.len() - 1]));
        },
    ];
    let change = |change: &&dyn Fn(&mut Value)| {
        let mut credential = signed.clone();
        change(&mut credential);
        assert_ne!(&credential, signed);
        credential
    };
    changes.iter().map(change).collect()
}

#[test]
fn ours_verify_with_digital_bazaar_and_openvc_until_they_are_tampered_with() {
    let Some(judges) = needs::judges() else {
        return;
    };
    let good: Vec<_> = unsigned().into_iter().map(sign).collect();
    let bad: Vec<_> = good.iter().flat_map(tampered).collect();
    for judge in Judge::ALL {
        assert_eq!(judge.verdicts(&judges, &good), vec![None; good.len()]);
        let accepted = judge.verdicts(&judges, &bad).into_iter().zip(&bad);
        let accepted: Vec<_> = accepted.filter(|(refusal, _)| refusal.is_none()).collect();
        assert_eq!(accepted, []);
    }
}

#[test]
fn theirs_verify_with_us_until_they_are_tampered_with() {
    let Some(judges) = needs::judges() else {
        return;
    };
    let mut policy = Policy::at(at(NOW));
    for judge in Judge::ALL {
        let issued = judge.issue(&judges, &unsigned());
        // openvc-core signs the document's context as the proof's, and leaves it out of the proof.
        if matches!(judge, Judge::Openvc) {
            let proof = 0;
            let missing = Refusal::Proof(ProofError::ContextMissing { proof });
            assert_eq!(credential::verify(&issued[0], &policy), Err(missing));
            policy.proof_context = ProofContext::Implied;
        }
        for signed in &issued {
            let verified = credential::verify(signed, &policy).unwrap();
            assert_eq!(verified.issuer, key().did().to_string());
            for bad in tampered(signed) {
                assert!(credential::verify(&bad, &policy).is_err(), "{bad}");
            }
        }
    }
}

/// Ed25519 is deterministic: the same content, key and instant give the same signature everywhere.
#[test]
fn digital_bazaar_and_openvc_sign_what_we_sign() {
    let Some(judges) = needs::judges() else {
        return;
    };
    let ours: Vec<_> = unsigned().into_iter().map(sign).collect();
    for judge in Judge::ALL {
        let theirs = judge.issue(&judges, &unsigned());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours["proof"]["proofValue"], theirs["proof"]["proofValue"]);
        }
    }
}

#[test]
fn openvc_reads_our_status_lists() {
    let Some(judges) = needs::judges() else {
        return;
    };
    let mut bits = Bitstring::clear(BITS_MIN).unwrap();
    bits.set(94_567, true).unwrap();
    let list = ListBuilder {
        id: LIST.into(),
        issuer: key().did().to_string(),
        purpose: StatusPurpose::Revocation,
        bits,
        valid_from: at(CREATED),
        valid_until: None,
    };
    let list = sign(list.build().unwrap());
    let request = |index| {
        let entry = Entry {
            list: LIST.into(),
            index,
            purpose: StatusPurpose::Revocation,
        };
        let mut unsigned = unsigned().remove(0);
        unsigned["credentialStatus"] = entry.to_value();
        json!({"credential": sign(unsigned), "now": NOW, "statusLists": [list]})
    };
    let requests = [request(94_566), request(94_567)];
    let verdicts = verdicts(&Judge::Openvc.ask(&judges, "verify", &requests));
    assert_eq!(verdicts[0], None);
    let revoked = verdicts[1].as_deref().unwrap();
    assert!(revoked.starts_with("CredentialRevoked"), "{revoked}");
}
