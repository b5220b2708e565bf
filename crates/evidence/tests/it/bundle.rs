use std::num::NonZeroU64;

use evidence::bundle;
use evidence::bundle::Bundle;
use evidence::bundle::BundleError;
use evidence::bundle::BundledEvent;
use evidence::bundle::Check;
use evidence::bundle::Claim;
use evidence::bundle::Failure;
use evidence::bundle::Outcome;
use evidence::bundle::PackDigest;
use evidence::bundle::Payload;
use evidence::bundle::SealError;
use evidence::bundle::Trust;
use evidence::canonical;
use evidence::checkpoint::Checkpoint;
use evidence::credential;
use evidence::data_integrity;
use evidence::data_integrity::ProofPurpose;
use evidence::digest::Digest;
use evidence::digest::Purpose;
use evidence::event;
use evidence::event::EventHeader;
use evidence::event::Version;
use evidence::key::SigningKey;
use evidence::merkle;
use evidence::note::NoteSigner;
use evidence::status_list;
use evidence::status_list::Bitstring;
use evidence::status_list::ListBuilder;
use evidence::status_list::StatusPurpose;
use evidence::time;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use crate::merkle::Log;

const LIST: &str = "https://zone.example/status/1";

fn instant(text: &str) -> Timestamp {
    time::parse(text).unwrap()
}

fn zone_key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn log_key() -> NoteSigner {
    NoteSigner::new("zone.example/log", SigningKey::from_seed([2; 32])).unwrap()
}

fn trust() -> Trust {
    Trust {
        zone: Some(zone_key().did()),
        log: Some(log_key().verifier().clone()),
        as_of: instant("2026-02-01T00:00:00Z"),
    }
}

fn pack() -> PackDigest {
    let digest = Digest::of(Purpose::Pack, b"pk");
    PackDigest {
        name: "pk".to_owned(),
        version: "1".to_owned(),
        digest,
    }
}

/// A stream of three events among others in a log of nine.
fn events() -> (Vec<BundledEvent>, Checkpoint) {
    const STREAM: &str = "mez/entity/1";
    let payloads = [
        canonical::to_vec(&json!({"name": "Acme", "pack": pack().digest})).unwrap(),
        b"\x00ciphertext".to_vec(),
        br#"{"stage":"active"}"#.to_vec(),
    ];
    let mut log = Log::of(2);
    let mut prev = event::genesis(STREAM);
    let mut events = Vec::new();
    for (number, payload) in payloads.into_iter().enumerate() {
        let header = EventHeader {
            actor: zone_key().did().to_string(),
            at_ms: 1_767_225_600_000 + number as i64,
            kind: "entity.applied.v1".to_owned(),
            payload_digest: event::payload_digest(&payload),
            prev,
            sealed: number == 1,
            seq: NonZeroU64::new(number as u64 + 1).unwrap(),
            stream: STREAM.to_owned(),
            version: Version,
        };
        let encoded = header.encode().unwrap();
        prev = encoded.digest();
        log.append(encoded.as_bytes());
        log.append(b"an event of another stream");
        let index = 2 + 2 * number as u64;
        events.push(BundledEvent {
            header,
            index,
            inclusion: Vec::new(),
            payload: Payload::shown(payload),
        });
    }
    log.append(b"the last event");
    for event in &mut events {
        event.inclusion = merkle::inclusion_proof(&log, event.index, 9).unwrap();
    }
    let origin = log_key().name().to_owned();
    (
        events,
        Checkpoint {
            origin,
            size: 9,
            root: log.root(),
        },
    )
}

fn credentials() -> (Value, Value) {
    let issuer = zone_key().did().to_string();
    let sign = |credential: Value| {
        let created = instant("2026-01-02T00:00:00Z");
        data_integrity::sign(
            credential,
            &zone_key(),
            created,
            ProofPurpose::AssertionMethod,
        )
        .unwrap()
    };
    let list = ListBuilder {
        id: LIST.to_owned(),
        issuer: issuer.clone(),
        purpose: StatusPurpose::Revocation,
        bits: Bitstring::clear(status_list::BITS_MIN).unwrap(),
        valid_from: instant("2026-01-01T00:00:00Z"),
        valid_until: None,
    };
    let entry = status_list::Entry {
        list: LIST.to_owned(),
        index: 7,
        purpose: StatusPurpose::Revocation,
    };
    let credential = credential::Builder {
        id: "urn:uuid:0d1a4b3e-0000-4000-8000-000000000001".to_owned(),
        issuer,
        types: vec!["FormationCredential".to_owned()],
        subject: json!({"id": "urn:uuid:0d1a4b3e-0000-4000-8000-000000000002", "legalName": "Acme"}),
        valid_from: instant("2026-01-01T00:00:00Z"),
        valid_until: Some(instant("2027-01-01T00:00:00Z")),
        status: vec![entry.to_value()],
    };
    (
        sign(credential.build().unwrap()),
        sign(list.build().unwrap()),
    )
}

fn sample() -> Bundle {
    let (events, checkpoint) = events();
    let (credential, list) = credentials();
    Bundle {
        zone: zone_key().did(),
        log: log_key().verifier().clone(),
        checkpoint: checkpoint.sign(&log_key()).unwrap(),
        events,
        credentials: vec![credential],
        status_lists: vec![list],
        packs: vec![pack()],
    }
}

fn seal(bundle: &Bundle) -> Vec<u8> {
    bundle.seal(&zone_key(), &log_key()).unwrap()
}

/// The outcomes that are not plain successes, from a report either way.
fn open_outcomes(result: Result<bundle::Verified, BundleError>) -> Vec<Check> {
    let checks = match result {
        Ok(verified) => verified.checks,
        Err(BundleError::Refused { checks }) => checks,
        Err(other) => panic!("{other}"),
    };
    checks
        .into_iter()
        .filter(|check| check.outcome != Outcome::Holds)
        .collect()
}

/// Verifies a bundle whose seal is honest but whose content is not; exactly one claim must fail.
#[track_caller]
fn check_only_failure(bundle: &Bundle) -> Check {
    let result = bundle::verify(&seal(bundle), &trust());
    assert!(result.is_err());
    let mut failures = open_outcomes(result);
    failures.retain(|check| !check.passes());
    assert_eq!(failures.len(), 1, "{failures:?}");
    failures.remove(0)
}

#[test]
fn a_bundle_verifies_and_every_claim_is_reported() {
    let verified = bundle::verify(&seal(&sample()), &trust()).unwrap();
    assert_eq!(verified.bundle, sample());
    assert_eq!(verified.checkpoint.size, 9);
    let lines: Vec<_> = verified.checks.iter().map(Check::to_string).collect();
    assert_eq!(
        lines,
        [
            "the zone and its log signed the whole bundle: holds",
            "the zone is the one that is meant: holds",
            "the log is the one that is meant: holds",
            "the log signed a checkpoint of 9 events: holds",
            "event 2 is in the log: holds",
            "the payload is the one of event 2: holds",
            "event 4 is in the log: holds",
            "the payload is the one of event 4: holds",
            "event 6 is in the log: holds",
            "the payload is the one of event 6: holds",
            "events 1 to 3 of stream mez/entity/1 follow each other: holds",
            "status list 0 is proven: holds",
            "credential 0 (urn:uuid:0d1a4b3e-0000-4000-8000-000000000001) is valid: holds",
            &format!("pack pk ({}) was applied: holds", pack().digest),
        ]
    );
}

#[test]
fn without_given_trust_the_report_names_what_to_compare() {
    let trust = Trust {
        zone: None,
        log: None,
        ..trust()
    };
    let open = open_outcomes(bundle::verify(&seal(&sample()), &trust));
    let expected = [
        (Claim::Zone, zone_key().did().to_string()),
        (Claim::LogKey, log_key().verifier().to_string()),
    ];
    let expected = expected.map(|(claim, found)| Check {
        claim,
        outcome: Outcome::Compare { found },
    });
    assert_eq!(open, expected);
}

#[test]
fn another_zone_or_log_than_expected_is_refused() {
    let stranger = SigningKey::from_seed([3; 32]);
    let trusted = Trust {
        zone: Some(stranger.did()),
        ..trust()
    };
    let open = open_outcomes(bundle::verify(&seal(&sample()), &trusted));
    assert!(
        matches!(
            open[..],
            [Check {
                claim: Claim::Zone,
                ..
            }]
        ),
        "{open:?}"
    );
    let log = NoteSigner::new("zone.example/log", stranger).unwrap();
    let trusted = Trust {
        log: Some(log.verifier().clone()),
        ..trust()
    };
    let open = open_outcomes(bundle::verify(&seal(&sample()), &trusted));
    assert!(
        matches!(
            open[..],
            [Check {
                claim: Claim::LogKey,
                ..
            }]
        ),
        "{open:?}"
    );
    let refused = sample().seal(&SigningKey::from_seed([3; 32]), &log_key());
    assert!(matches!(refused, Err(SealError::ForeignZoneKey { .. })));
    assert!(matches!(
        sample().seal(&zone_key(), &log),
        Err(SealError::ForeignLogKey { .. })
    ));
}

#[test]
fn a_zone_that_seals_a_lie_is_found_out_by_the_proofs() {
    let mut lie = sample();
    lie.events[0].payload = Payload::Json(json!({"name": "Acne", "pack": pack().digest}));
    let failure = check_only_failure(&lie);
    assert_eq!(failure.claim, Claim::Payload { index: 2 });

    let mut lie = sample();
    lie.events[2].inclusion[0][0] ^= 1;
    assert_eq!(check_only_failure(&lie).claim, Claim::InLog { index: 6 });

    let mut lie = sample();
    lie.events[1].index = 5;
    assert_eq!(check_only_failure(&lie).claim, Claim::InLog { index: 5 });

    let mut lie = sample();
    lie.checkpoint = lie.checkpoint.replace("\n9\n", "\n8\n");
    let failures = open_outcomes(bundle::verify(&seal(&lie), &trust()));
    assert!(
        failures
            .iter()
            .any(|check| check.claim == Claim::Checkpoint { size: None })
    );

    let mut lie = sample();
    lie.credentials[0]["credentialSubject"]["legalName"] = json!("Acne");
    assert_eq!(
        check_only_failure(&lie).claim,
        Claim::Credential {
            number: 0,
            id: None
        }
    );
}

#[test]
fn a_stream_with_a_rewritten_event_does_not_follow() {
    let mut forged = sample();
    let mut log = Log::of(2);
    forged.events[1].header.at_ms += 1;
    for event in &forged.events {
        log.append(event.header.encode().unwrap().as_bytes());
        log.append(b"an event of another stream");
    }
    for event in &mut forged.events {
        event.inclusion = merkle::inclusion_proof(&log, event.index, 8).unwrap();
    }
    let origin = log_key().name().to_owned();
    let checkpoint = Checkpoint {
        origin,
        size: 8,
        root: log.root(),
    };
    forged.checkpoint = checkpoint.sign(&log_key()).unwrap();
    let failure = check_only_failure(&forged);
    assert!(
        matches!(
            failure.claim,
            Claim::Chain {
                first: 1,
                last: 2,
                ..
            }
        ),
        "{failure}"
    );
    assert!(matches!(failure.outcome, Outcome::Fails(Failure::Chain(_))));
}

#[test]
fn what_is_withheld_or_only_said_is_reported_as_such() {
    let mut bundle = sample();
    bundle.events.remove(1);
    bundle.events[0].payload = Payload::Withheld;
    let open = open_outcomes(bundle::verify(&seal(&bundle), &trust()));
    let outcomes: Vec<_> = open
        .iter()
        .map(|check| (&check.claim, &check.outcome))
        .collect();
    let claim = Claim::Pack {
        name: "pk".to_owned(),
        digest: pack().digest,
    };
    assert_eq!(
        outcomes,
        [
            (&Claim::Payload { index: 2 }, &Outcome::Withheld),
            (&claim, &Outcome::WordOnly)
        ]
    );
    let verified = bundle::verify(&seal(&bundle), &trust()).unwrap();
    let chains: Vec<_> = verified
        .checks
        .iter()
        .filter_map(|check| match &check.claim {
            Claim::Chain { first, last, .. } => Some((*first, *last)),
            _ => None,
        })
        .collect();
    assert_eq!(chains, [(1, 1), (3, 3)]);
}

#[test]
fn a_credential_that_expired_or_lost_its_status_list_is_refused() {
    let late = Trust {
        as_of: instant("2027-02-01T00:00:00Z"),
        ..trust()
    };
    assert!(bundle::verify(&seal(&sample()), &late).is_err());
    let mut bundle = sample();
    bundle.status_lists.clear();
    let failure = check_only_failure(&bundle);
    assert_eq!(
        failure.claim,
        Claim::Credential {
            number: 0,
            id: None
        }
    );
}

#[test]
fn events_out_of_order_and_unknown_members_are_refused() {
    let mut bundle = sample();
    bundle.events.swap(0, 1);
    let refused = bundle::verify(&seal(&bundle), &trust());
    assert_eq!(refused, Err(BundleError::OutOfOrder { number: 1 }));
    let text = String::from_utf8(seal(&sample())).unwrap();
    for (from, to) in [
        ("\"format\"", "\"extra\":1,\"format\""),
        ("\"did\":", "\"extra\":1,\"did\":"),
        ("\"index\":2,", "\"index\":2,\"extra\":1,"),
        ("\"version\":\"1\"", "\"version\":\"1\",\"extra\":1"),
        ("\"packs\"", "\"packz\""),
    ] {
        assert!(text.contains(from), "{from}");
        let refused = bundle::verify(text.replacen(from, to, 1).as_bytes(), &trust());
        assert!(
            matches!(refused, Err(BundleError::WrongForm { .. })),
            "{to}: {refused:?}"
        );
    }
    let other = text.replace("evidence-bundle/v1", "evidence-bundle/v2");
    let refused = bundle::verify(other.as_bytes(), &trust());
    assert!(matches!(refused, Err(BundleError::UnknownFormat { .. })));
}

#[test]
fn white_space_and_member_order_do_not_matter() {
    let value: Value = serde_json::from_slice(&seal(&sample())).unwrap();
    let pretty = serde_json::to_vec_pretty(&value).unwrap();
    assert!(bundle::verify(&pretty, &trust()).is_ok());
}

/// Verifies with and without given trust: neither may take a changed bundle for another meaning.
fn survives(bytes: &[u8], original: &[u8]) -> bool {
    let bare = Trust {
        zone: None,
        log: None,
        ..trust()
    };
    let accepted = bundle::verify(bytes, &trust()).is_ok() || bundle::verify(bytes, &bare).is_ok();
    accepted && canonical::canonicalize(bytes).as_deref() != Ok(original)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn thousands_of_changed_bytes_are_each_refused_or_mean_the_same(seed: u64) {
        let original = seal(&sample());
        let mut state = seed | 1;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        for _ in 0..1000 {
            let mut bytes = original.clone();
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] ^= 1 << random(8),
                1 => bytes[at] = 0x20 + random(0x5f) as u8,
                2 => { bytes.remove(at); }
                _ => bytes.insert(at, 0x20 + random(0x5f) as u8),
            }
            prop_assert!(!survives(&bytes, &original), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn every_single_flipped_low_bit_is_refused() {
    let original = seal(&sample());
    for at in 0..original.len() {
        let mut bytes = original.clone();
        bytes[at] ^= 1;
        assert!(bundle::verify(&bytes, &trust()).is_err(), "byte {at}");
    }
}
