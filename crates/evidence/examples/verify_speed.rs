//! How many credentials one core verifies in a second, beside how many bare signatures.
//!
//! `cargo run --release -p evidence --example verify_speed`

use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use evidence::canonical;
use evidence::credential;
use evidence::credential::Builder;
use evidence::credential::Policy;
use evidence::data_integrity;
use evidence::data_integrity::Controller;
use evidence::data_integrity::ProofPurpose;
use evidence::key::SigningKey;
use evidence::time;
use serde_json::json;

const SLICE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::from_seed([5; 32]);
    let at = time::parse("2026-02-01T00:00:00Z")?;
    let unsigned = Builder {
        id: "urn:uuid:0b3f0a3e-7a39-4b5e-9d7c-6a1c1b1f0001".into(),
        issuer: key.did().to_string(),
        types: vec!["FormationCredential".into()],
        subject: json!({"id": "urn:uuid:5", "legalName": "Lübeck Trading", "registration": "K-0001"}),
        valid_from: at,
        valid_until: None,
        status: Vec::new(),
    };
    let signed = data_integrity::sign(unsigned.build()?, &key, at, ProofPurpose::AssertionMethod)?;
    let bytes = canonical::to_vec(&signed)?;
    let policy = Policy::at(at);
    credential::verify(&signed, &policy)?;

    let message = [7; 64];
    let (public, signature) = (key.verifying_key(), key.sign(&message));
    let bare = per_second(|| public.verify(black_box(&message), &signature).is_ok());
    let parsed = per_second(|| credential::verify(black_box(&signed), &policy).is_ok());
    let known = [Controller::from_did_key(key.did())];
    let mut knowing = policy;
    knowing.controllers = &known;
    let known = per_second(|| credential::verify(black_box(&signed), &knowing).is_ok());
    let whole = per_second(|| {
        canonical::parse(black_box(&bytes))
            .is_ok_and(|value| credential::verify(&value, &knowing).is_ok())
    });
    let mut out = std::io::stdout();
    writeln!(
        out,
        "credential of {} bytes, one core, per second:",
        bytes.len()
    )?;
    writeln!(out, "{bare:8.0} bare Ed25519 signatures")?;
    writeln!(out, "{parsed:8.0} credentials from a parsed value")?;
    writeln!(
        out,
        "{known:8.0} credentials from a parsed value, issuer's key decoded before"
    )?;
    writeln!(
        out,
        "{whole:8.0} credentials from bytes, issuer's key decoded before"
    )?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the example measures; the crate itself takes time as a value"
)]
fn per_second(mut verify: impl FnMut() -> bool) -> f64 {
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < SLICE {
        for _ in 0..100 {
            assert!(verify(), "the credential verifies");
        }
        count += 100;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}
