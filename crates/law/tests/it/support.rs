//! The shipped law, and evidence that a registrar attests. The tests of `mez` use it too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use evidence::data_integrity::{ProofPurpose, sign};
use evidence::key::SigningKey;
use ids::{EntityId, PersonId};
use jiff::Timestamp;
use law::compliance::{
    Authority, Domain, EVIDENCE_CREDENTIAL_TYPE, EvidenceRefusal, EvidenceSubject, Rulebook,
    VerifiedEvidence, Verifier,
};
use law::pack::{Pack, PackFiles};
use serde_json::json;

pub(crate) const NOW_MS: i64 = 1_768_478_400_000; // 2026-01-15T12:00:00Z
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn pack_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../packs")
        .join(name)
}

pub(crate) fn read_pack(folder: &Path) -> PackFiles {
    fn walk(folder: &Path, prefix: &str, files: &mut PackFiles) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &path, files);
            } else {
                files.insert(path.parse().unwrap(), std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut files = PackFiles::new();
    walk(folder, "", &mut files);
    files
}

pub(crate) fn pk() -> Pack {
    Pack::load(&read_pack(&pack_folder("pk"))).unwrap()
}

pub(crate) fn rulebook() -> &'static Rulebook {
    static RULEBOOK: OnceLock<Rulebook> = OnceLock::new();
    RULEBOOK.get_or_init(|| Rulebook::new(vec![pk()]).unwrap())
}

pub(crate) fn registrar_key() -> SigningKey {
    SigningKey::from_seed([42; 32])
}

pub(crate) fn authorities() -> Vec<Authority> {
    vec![Authority {
        did: registrar_key().did().to_string(),
        name: "The registrar".to_owned(),
        domains: vec![Domain::Aml, Domain::Kyc, Domain::Corporate],
    }]
}

/// A signed credential, valid for the year around [`NOW_MS`].
pub(crate) fn attest(key: &SigningKey, subject: &EvidenceSubject, kind: &str) -> Vec<u8> {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let credential = evidence::credential::Builder {
        id: format!("urn:hanse:evidence:{kind}"),
        issuer: key.did().to_string(),
        types: vec![EVIDENCE_CREDENTIAL_TYPE.to_owned()],
        subject: json!({ "id": subject.to_string(), "evidenceKind": kind }),
        valid_from: at("2026-01-01T00:00:00Z"),
        valid_until: Some(at("2026-12-31T00:00:00Z")),
        status: vec![],
    };
    let created = at("2026-01-01T00:00:00Z");
    let credential = credential.build().unwrap();
    let signed = sign(credential, key, created, ProofPurpose::AssertionMethod).unwrap();
    serde_json::to_vec(&signed).unwrap()
}

pub(crate) fn verify(
    credential: &[u8],
    as_of_ms: i64,
) -> Result<VerifiedEvidence, EvidenceRefusal> {
    let (authorities, kinds) = (authorities(), rulebook().evidence_kinds());
    Verifier {
        authorities: &authorities,
        kinds: &kinds,
        status_lists: &[],
        as_of_ms,
    }
    .verify(credential)
}

/// All that the pack asks of a company and its persons.
pub(crate) fn full_evidence(
    company: &EntityId,
    persons: &BTreeSet<PersonId>,
    now_ms: i64,
) -> Vec<VerifiedEvidence> {
    let company = EvidenceSubject::Entity(company.clone());
    let persons = persons.iter().cloned().map(EvidenceSubject::Person);
    let mut credentials = vec![
        (company.clone(), "pk.customer-due-diligence"),
        (company, "pk.name-availability"),
    ];
    credentials.extend(persons.map(|person| (person, "pk.identity-verification")));
    let key = registrar_key();
    credentials
        .iter()
        .map(|(subject, kind)| verify(&attest(&key, subject, kind), now_ms).unwrap())
        .collect()
}
