//! A company on its way through the register.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use evidence::data_integrity::{ProofPurpose, sign};
use evidence::digest::Digest;
use evidence::key::SigningKey;
use jiff::Timestamp;
use mez::compliance::{
    Authority, Domain, EVIDENCE_CREDENTIAL_TYPE, Evaluation, EvaluationRequest, EvidenceSubject,
    Facts, Operation, Rulebook, VerifiedEvidence, Verifier,
};
use mez::entity::{self, Application, Command, Context, Decision, Entity, Refusal, Stake};
use mez::ids::{ActorId, JurisdictionId, PackItemId, PersonId};
use mez::pack::{Pack, PackFiles};
use mez::person::{Identifier, IdentifierKind, Person, Salt};
use mez::screening::{ListVersion, Party, ScreeningFact, ScreeningVerdict};
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

pub(crate) fn person(name: &str, cnic: &str, salt: u8) -> Person {
    Person {
        id: id(name),
        name: format!("Person {name}"),
        other_names: vec![],
        date_of_birth: Some("1980-02-29".parse().unwrap()),
        nationality: Some(id("PK")),
        identifiers: vec![Identifier::new(IdentifierKind::PkCnic, cnic).unwrap()],
        salt: Salt::new([salt; 32]),
    }
}

pub(crate) fn application() -> Application {
    Application {
        id: id("indus-trading"),
        jurisdiction: id("pk"),
        entity_type: id("private-limited"),
        legal_name: "Indus Trading (Private) Limited".to_owned(),
        registered_office: "1 Mall Road, Lahore".to_owned(),
        activities: [id("general-trading")].into(),
        persons: vec![
            person("aisha", "35202-1234567-1", 1),
            person("bilal", "35202-7654321-2", 2),
        ],
        directors: [id("aisha"), id("bilal")].into(),
        owners: vec![
            Stake {
                person: id("aisha"),
                share_bps: 6_000,
            },
            Stake {
                person: id("bilal"),
                share_bps: 4_000,
            },
        ],
    }
}

pub(crate) fn context<'a>(
    actor: &'a ActorId,
    now_ms: i64,
    entity_types: &'a [(JurisdictionId, PackItemId)],
) -> Context<'a> {
    Context {
        now_ms,
        actor,
        entity_types,
        approvals_required: 1,
        screening_age_max_ms: DAY_MS,
    }
}

/// Decides as `actor` and folds the events into the entity.
pub(crate) fn act(
    entity: Option<Entity>,
    actor: &str,
    now_ms: i64,
    command: Command,
) -> Result<(Entity, Decision), Refusal> {
    let actor = id(actor);
    let types = rulebook().entity_types(now_ms).unwrap();
    let decision = entity::decide(entity.as_ref(), command, &context(&actor, now_ms, &types))?;
    let folded = decision.events.iter().try_fold(entity, |entity, event| {
        mez::entity::apply(entity, event).map(Some)
    });
    Ok((folded.unwrap().unwrap(), decision))
}

pub(crate) fn applied() -> Entity {
    act(
        None,
        "applicant",
        NOW_MS,
        Command::Apply(Box::new(application())),
    )
    .unwrap()
    .0
}

pub(crate) fn screening(
    entity: &Entity,
    party: &Party,
    verdict: ScreeningVerdict,
) -> ScreeningFact {
    ScreeningFact {
        party: party.clone(),
        subject: entity.parties[party].subject,
        verdict,
        review: None,
        lists: vec![ListVersion {
            name: "ofac-sdn".to_owned(),
            version: "2021-07-01".to_owned(),
            digest: Digest::raw(b"list"),
        }],
        screened_at_ms: NOW_MS,
        record: Digest::raw(b"record"),
    }
}

pub(crate) fn all_clear(entity: &Entity) -> Vec<ScreeningFact> {
    let clear = |party| screening(entity, party, ScreeningVerdict::Clear);
    entity.parties.keys().map(clear).collect()
}

/// Screened clear, and in review.
pub(crate) fn in_review() -> Entity {
    let entity = applied();
    let screenings = all_clear(&entity);
    let (entity, _) = act(
        Some(entity),
        "screener",
        NOW_MS,
        Command::RecordScreenings(screenings),
    )
    .unwrap();
    act(Some(entity), "reviewer", NOW_MS, Command::BeginReview)
        .unwrap()
        .0
}

pub(crate) fn active() -> Entity {
    let entity = in_review();
    let command = approval(&entity, NOW_MS);
    act(Some(entity), "reviewer", NOW_MS, command).unwrap().0
}

pub(crate) fn approval(entity: &Entity, now_ms: i64) -> Command {
    let evaluation = Box::new(evaluate(entity, now_ms, &full_evidence(entity, now_ms)));
    Command::Approve {
        evaluation,
        sequence: NonZeroU64::new(42).unwrap(),
    }
}

pub(crate) fn persons() -> BTreeMap<PersonId, Person> {
    application()
        .persons
        .into_iter()
        .map(|person| (person.id.clone(), person))
        .collect()
}

pub(crate) fn evaluate(entity: &Entity, now_ms: i64, evidence: &[VerifiedEvidence]) -> Evaluation {
    evaluate_with(rulebook(), entity, now_ms, evidence)
}

pub(crate) fn evaluate_with(
    rulebook: &Rulebook,
    entity: &Entity,
    now_ms: i64,
    evidence: &[VerifiedEvidence],
) -> Evaluation {
    let operation = Operation::EntityFormation;
    let facts = Facts::of(entity, operation, &persons(), now_ms, DAY_MS).unwrap();
    let request = EvaluationRequest {
        subject: &entity.id,
        jurisdiction: &entity.jurisdiction,
        as_of_ms: now_ms,
        facts: &facts,
        evidence,
        gates: operation.gates(),
        salt: Salt::new([7; 32]),
    };
    rulebook.evaluate(&request).unwrap()
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
) -> Result<VerifiedEvidence, mez::compliance::EvidenceRefusal> {
    let (authorities, kinds) = (authorities(), rulebook().evidence_kinds());
    Verifier {
        authorities: &authorities,
        kinds: &kinds,
        status_lists: &[],
        as_of_ms,
    }
    .verify(credential)
}

pub(crate) fn full_evidence(entity: &Entity, now_ms: i64) -> Vec<VerifiedEvidence> {
    let company = EvidenceSubject::Entity(entity.id.clone());
    let persons = entity.parties.keys().filter_map(|party| match party {
        Party::Person(person) => Some(EvidenceSubject::Person(person.clone())),
        Party::Company => None,
    });
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
