//! Verification of one credential (`eddsa-jcs-2022`, did:key) against Digital Bazaar's libraries, on the same bytes.
//!
//! Ours starts from bytes and parses them strictly each time; theirs is given the parsed object, as its users would.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use evidence::canonical;
use evidence::credential::{Builder, Policy, verify};
use evidence::data_integrity::{ProofPurpose, sign};
use evidence::key::SigningKey;
use jiff::Timestamp;
use serde_json::json;

use crate::measure::{Clock, Row, Title, compare, repeat};
use crate::rival::Rival;

const SLICE: Duration = Duration::from_millis(300);
const NOW: &str = "2026-03-16T00:00:00Z";

/// Verifications per CPU second. `judges` holds the libraries; `work` takes the credential.
pub fn run(judges: &Path, work: &Path) -> Result<Vec<Row>> {
    let bytes = formation_credential()?;
    let file = work.join("credential.json");
    std::fs::write(&file, &bytes).context("write the credential")?;
    // A module finds its libraries beside itself, so the script is copied to where they are.
    let script = judges.join("bench-verify.mjs");
    std::fs::write(&script, include_str!("../rivals/digital-bazaar/verify.mjs"))
        .context("copy the rival's script")?;
    let mut rival = Rival::start(
        Command::new("node")
            .arg(&script)
            .arg(&file)
            .arg(NOW)
            .current_dir(judges),
    )?;
    let policy = Policy::at(NOW.parse()?);
    let title = Title {
        topic: "credential",
        case: "verify a formation credential, eddsa-jcs-2022",
        rival: "Digital Bazaar vc, eddsa-jcs-2022-cryptosuite (node)",
        unit: "credentials",
        clock: Clock::Cpu,
    };
    let row = compare(
        title,
        || {
            repeat(SLICE, || {
                black_box(verify(&canonical::parse(&bytes)?, &policy)?);
                Ok(1.0)
            })
        },
        || rival.ask(&SLICE.as_millis().to_string()),
    )?;
    Ok(vec![row])
}

fn formation_credential() -> Result<Vec<u8>> {
    let key = SigningKey::from_seed([7; 32]);
    let created: Timestamp = "2026-03-15T09:26:53Z".parse()?;
    let credential = Builder {
        id: "urn:uuid:019cef3e-7b5a-7c3e-9d0b-2f1f6f0f4a11".to_owned(),
        issuer: key.did().to_string(),
        types: vec!["FormationCredential".to_owned()],
        subject: json!({
            "id": "urn:hanse:entity:lahore-loom-works",
            "legalName": "Lahore Loom Works (Private) Limited",
            "registrationNumber": "PK-2026-000001",
            "jurisdiction": "pk",
            "entityType": "private-limited",
            "commitment": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "lists": [{ "name": "ofac-sdn", "version": "2021-07" }],
        }),
        valid_from: created,
        valid_until: None,
        status: Vec::new(),
    };
    let signed = sign(
        credential.build()?,
        &key,
        created,
        ProofPurpose::AssertionMethod,
    )?;
    Ok(canonical::to_vec(&signed)?)
}
