//! Bitstring Status List: the bits, the list as a credential, and what it does to a credential on it.

use std::io::Write as _;

use data_encoding::BASE64URL_NOPAD;
use evidence::credential;
use evidence::credential::Builder;
use evidence::credential::Policy;
use evidence::credential::Refusal;
use evidence::data_integrity;
use evidence::data_integrity::ProofPurpose;
use evidence::key::SigningKey;
use evidence::status_list::BITS_MAX;
use evidence::status_list::BITS_MIN;
use evidence::status_list::Bitstring;
use evidence::status_list::BitstringError;
use evidence::status_list::Entry;
use evidence::status_list::ListBuilder;
use evidence::status_list::StatusError;
use evidence::status_list::StatusList;
use evidence::status_list::StatusPurpose;
use evidence::time;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

const LIST: &str = "https://zone.example/v1/status/1";

fn at(text: &str) -> Timestamp {
    time::parse(text).unwrap()
}

fn now() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

fn issuer() -> SigningKey {
    SigningKey::from_seed([3; 32])
}

fn sign(value: Value, key: &SigningKey) -> Value {
    let created = at("2026-02-01T00:00:00Z");
    data_integrity::sign(value, key, created, ProofPurpose::AssertionMethod).unwrap()
}

fn entry(index: usize, purpose: StatusPurpose) -> Entry {
    Entry {
        list: LIST.into(),
        index,
        purpose,
    }
}

fn credential_with(status: Vec<Value>) -> Value {
    let key = issuer();
    let unsigned = Builder {
        id: "urn:uuid:0b3f0a3e-7a39-4b5e-9d7c-6a1c1b1f0001".into(),
        issuer: key.did().to_string(),
        types: vec!["FormationCredential".into()],
        subject: json!({"id": "urn:uuid:5", "legalName": "Lübeck Trading"}),
        valid_from: at("2026-02-01T00:00:00Z"),
        valid_until: None,
        status,
    };
    sign(unsigned.build().unwrap(), &key)
}

fn list_builder(key: &SigningKey, purpose: StatusPurpose, set: &[usize]) -> ListBuilder {
    let mut bits = Bitstring::clear(BITS_MIN).unwrap();
    for index in set {
        bits.set(*index, true).unwrap();
    }
    ListBuilder {
        id: LIST.into(),
        issuer: key.did().to_string(),
        purpose,
        bits,
        valid_from: at("2026-02-01T00:00:00Z"),
        valid_until: Some(at("2026-04-01T00:00:00Z")),
    }
}

fn list(builder: ListBuilder, key: &SigningKey) -> StatusList {
    let signed = sign(builder.build().unwrap(), key);
    StatusList::verify(&signed, &Policy::at(now())).unwrap()
}

fn judge(
    status: Vec<Value>,
    lists: &[StatusList],
    as_of: Timestamp,
) -> Result<Vec<Entry>, Refusal> {
    let mut policy = Policy::at(as_of);
    policy.status_lists = lists;
    credential::verify(&credential_with(status), &policy).map(|verified| verified.status)
}

#[test]
fn a_set_bit_revokes_or_suspends_and_a_clear_one_does_neither() {
    for purpose in [StatusPurpose::Revocation, StatusPurpose::Suspension] {
        let lists = [list(list_builder(&issuer(), purpose, &[42]), &issuer())];
        let clear = entry(41, purpose);
        assert_eq!(
            judge(vec![clear.to_value()], &lists, now()),
            Ok(vec![clear])
        );
        let (list, index) = (LIST.to_owned(), 42);
        let expected = match purpose {
            StatusPurpose::Revocation => StatusError::Revoked { list, index },
            StatusPurpose::Suspension => StatusError::Suspended { list, index },
        };
        let set = vec![entry(42, purpose).to_value()];
        assert_eq!(judge(set, &lists, now()), Err(Refusal::Status(expected)));
    }
}

#[test]
fn one_set_bit_among_several_entries_is_enough() {
    let purpose = StatusPurpose::Revocation;
    let lists = [list(list_builder(&issuer(), purpose, &[7]), &issuer())];
    let entries = [6, 7]
        .map(|index| entry(index, purpose).to_value())
        .to_vec();
    assert!(matches!(
        judge(entries, &lists, now()),
        Err(Refusal::Status(StatusError::Revoked { index: 7, .. }))
    ));
}

#[test]
fn a_list_that_cannot_be_judged_refuses_the_credential() {
    let purpose = StatusPurpose::Revocation;
    let status = || vec![entry(1, purpose).to_value()];
    let refusal = |lists: &[StatusList], as_of| match judge(status(), lists, as_of) {
        Err(Refusal::Status(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let good = [list(list_builder(&issuer(), purpose, &[]), &issuer())];
    assert!(judge(status(), &good, now()).is_ok());
    assert_eq!(
        refusal(&[], now()),
        format!("status list {LIST} is not at hand")
    );
    assert_eq!(
        refusal(&good, at("2026-04-01T00:00:01Z")),
        format!("status list {LIST} is out of date")
    );

    let suspension = StatusPurpose::Suspension;
    let lists = [list(list_builder(&issuer(), suspension, &[]), &issuer())];
    assert_eq!(
        refusal(&lists, now()),
        format!("status list {LIST} is not for revocation")
    );

    let stranger = SigningKey::from_seed([4; 32]);
    let lists = [list(list_builder(&stranger, purpose, &[]), &stranger)];
    assert_eq!(
        refusal(&lists, now()),
        format!("status list {LIST} is of another issuer")
    );
}

#[test]
fn an_entry_that_is_not_understood_refuses_the_credential() {
    let purpose = StatusPurpose::Revocation;
    let lists = [list(list_builder(&issuer(), purpose, &[]), &issuer())];
    let rows = [
        ("statusListIndex", json!(5)),
        ("statusListIndex", json!("05")),
        ("statusListIndex", json!("-1")),
        ("statusListIndex", json!("+1")),
        ("statusListIndex", json!("99999999999999999999999999")),
        ("statusListIndex", json!(BITS_MIN.to_string())),
        ("statusPurpose", json!("refresh")),
        ("statusSize", json!(2)),
        ("statusSize", json!("1")),
        (
            "statusListCredential",
            json!(["https://zone.example/v1/status/1"]),
        ),
        ("type", json!("JsonSchema")),
    ];
    for (member, value) in rows {
        let mut status = entry(5, purpose).to_value();
        status[member] = value;
        let refused = judge(vec![status.clone()], &lists, now());
        assert!(matches!(refused, Err(Refusal::Status(_))), "{status}");
    }
    let last = entry(BITS_MIN - 1, purpose).to_value();
    assert!(judge(vec![last], &lists, now()).is_ok());
}

#[test]
fn a_tampered_or_foreign_list_is_no_list() {
    let key = issuer();
    let unsigned = list_builder(&key, StatusPurpose::Revocation, &[9])
        .build()
        .unwrap();
    let mut tampered = sign(unsigned, &key);
    let clear = Bitstring::clear(BITS_MIN).unwrap().encode();
    tampered["credentialSubject"]["encodedList"] = json!(clear);
    assert!(matches!(
        StatusList::verify(&tampered, &Policy::at(now())),
        Err(Refusal::Proof(_))
    ));
    assert_eq!(
        StatusList::verify(&credential_with(Vec::new()), &Policy::at(now())),
        Err(Refusal::Status(StatusError::MalformedList {
            member: "type"
        }))
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn encoded(compressed: &[u8]) -> String {
    format!("u{}", BASE64URL_NOPAD.encode(compressed))
}

#[test]
fn a_list_that_inflates_without_end_is_refused() {
    let bomb = gzip(&vec![0; 256 << 20]);
    assert!(bomb.len() < 300_000);
    assert_eq!(
        Bitstring::decode(&encoded(&bomb)),
        Err(BitstringError::Size)
    );
}

#[test]
fn encoded_lists_have_one_gzip_member_of_allowed_size() {
    let bytes = vec![0; BITS_MIN / 8];
    assert!(Bitstring::decode(&encoded(&gzip(&bytes))).is_ok());
    let short = encoded(&gzip(&bytes[1..]));
    assert_eq!(Bitstring::decode(&short), Err(BitstringError::Size));
    let trailing = encoded(&[gzip(&bytes), vec![0]].concat());
    assert_eq!(Bitstring::decode(&trailing), Err(BitstringError::NotGzip));
    let cut = gzip(&bytes);
    let cut = encoded(&cut[..cut.len() - 1]);
    assert_eq!(Bitstring::decode(&cut), Err(BitstringError::NotGzip));
    let mut checksum = gzip(&bytes);
    let at = checksum.len() - 5;
    checksum[at] ^= 1;
    assert_eq!(
        Bitstring::decode(&encoded(&checksum)),
        Err(BitstringError::NotGzip)
    );
    for text in ["", "u!", "H4sI", "zabc", "u="] {
        assert!(Bitstring::decode(text).is_err(), "{text}");
    }
    assert_eq!(Bitstring::clear(BITS_MIN - 8), Err(BitstringError::Size));
    assert_eq!(Bitstring::clear(BITS_MIN + 1), Err(BitstringError::Size));
    assert_eq!(Bitstring::clear(BITS_MAX + 8), Err(BitstringError::Size));
}

#[test]
fn the_largest_list_of_noise_survives_the_round_trip() {
    let mut bits = Bitstring::clear(BITS_MAX).unwrap();
    let mut state = 1u64;
    for index in 0..BITS_MAX {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        bits.set(index, state >> 63 == 1).unwrap();
    }
    assert_eq!(Bitstring::decode(&bits.encode()), Ok(bits));
}

#[test]
fn index_0_is_the_left_most_bit() {
    let mut bits = Bitstring::clear(BITS_MIN).unwrap();
    bits.set(0, true).unwrap();
    bits.set(9, true).unwrap();
    let mut bytes = vec![0; BITS_MIN / 8];
    bytes[..2].copy_from_slice(&[0b1000_0000, 0b0100_0000]);
    assert_eq!(Bitstring::decode(&encoded(&gzip(&bytes))), Ok(bits));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn exactly_the_bits_that_were_set_are_set(
        set in proptest::collection::btree_set(0..BITS_MIN, 0..50),
        cleared in proptest::collection::btree_set(0..BITS_MIN, 0..50),
    ) {
        let mut bits = Bitstring::clear(BITS_MIN).unwrap();
        for index in &set {
            bits.set(*index, true).unwrap();
        }
        for index in &cleared {
            bits.set(*index, false).unwrap();
        }
        let bits = Bitstring::decode(&bits.encode()).unwrap();
        for index in 0..BITS_MIN {
            let expected = set.contains(&index) && !cleared.contains(&index);
            prop_assert_eq!(bits.get(index), Ok(expected));
        }
        prop_assert!(bits.get(BITS_MIN).is_err());
    }
}
