//! `eddsa-jcs-2022` against the vectors of W3C (testdata/vc-di-eddsa), step by step.

use std::fs;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use evidence::canonical;
use evidence::credential;
use evidence::credential::Policy;
use evidence::credential::Refusal;
use evidence::credential::Terms;
use evidence::data_integrity;
use evidence::data_integrity::Controller;
use evidence::data_integrity::HashData;
use evidence::data_integrity::ProofContext;
use evidence::data_integrity::ProofError;
use evidence::data_integrity::ProofOptions;
use evidence::data_integrity::ProofPurpose;
use evidence::did::DidKey;
use evidence::key::SigningKey;
use evidence::time;
use serde_json::Value;
use serde_json::json;

fn text(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/vc-di-eddsa");
    fs::read_to_string(path.join(name)).unwrap()
}

fn value(name: &str) -> Value {
    canonical::parse(text(name).as_bytes()).unwrap()
}

/// Multicodec `ed25519-priv` is 0x1300, two bytes as a varint.
fn published_key(multibase: &str) -> SigningKey {
    let bytes = bs58::decode(&multibase[1..]).into_vec().unwrap();
    let seed = bytes.strip_prefix(&[0x80, 0x26]).unwrap();
    SigningKey::from_seed(seed.try_into().unwrap())
}

/// Every proof of a document whose methods are all did:key.
fn verify_proofs(document: &Value) -> Result<usize, ProofError> {
    let proofs = data_integrity::proofs(document)?;
    for proof in &proofs {
        let did = DidKey::from_verification_method(proof.verification_method).unwrap();
        let key = did.verifying_key();
        proof.verify(document, &proofs, key, ProofContext::Embedded)?;
    }
    Ok(proofs.len())
}

#[test]
fn every_step_of_the_published_signature_is_reproduced() {
    let document = value("unsigned.json");
    let config = value("eddsa-jcs-2022/proofConfigJCS.json");
    let data = HashData::new(
        document.as_object().unwrap(),
        config.as_object().unwrap(),
        &[],
        ProofContext::Embedded,
    )
    .unwrap();

    let step = |name: &str| text(&format!("eddsa-jcs-2022/{name}.txt"));
    assert_eq!(data.canonical_document, step("canonDocJCS").into_bytes());
    assert_eq!(data.canonical_options, step("proofCanonJCS").into_bytes());
    assert_eq!(data.document_hash.to_hex(), step("docHashJCS"));
    assert_eq!(data.options_hash.to_hex(), step("proofHashJCS"));
    assert_eq!(HEXLOWER.encode(&data.bytes()), step("combinedHashJCS"));

    let key = published_key(
        value("keyPair.json")["privateKeyMultibase"]
            .as_str()
            .unwrap(),
    );
    let signature = key.sign(&data.bytes());
    assert_eq!(HEXLOWER.encode(signature.as_bytes()), step("sigHexJCS"));
    let base58 = bs58::encode(signature.as_bytes()).into_string();
    assert_eq!(format!("z{base58}"), step("sigBTC58JCS"));

    let created = time::parse("2023-02-24T23:36:38Z").unwrap();
    let signed = data_integrity::sign(document, &key, created, ProofPurpose::AssertionMethod);
    assert_eq!(signed, Ok(value("eddsa-jcs-2022/signedJCS.json")));
}

#[test]
fn the_published_credential_verifies_only_where_its_issuer_claims_the_key() {
    let credential = value("eddsa-jcs-2022/signedJCS.json");
    assert_eq!(verify_proofs(&credential), Ok(1));

    let mut policy = Policy::at(time::parse("2024-01-01T00:00:00Z").unwrap());
    policy.terms = Terms::Any;
    assert!(matches!(
        credential::verify(&credential, &policy),
        Err(Refusal::IssuerUnresolvable { .. })
    ));

    let issuer = credential["issuer"].clone();
    let method = credential["proof"]["verificationMethod"].clone();
    let key = value("keyPair.json")["publicKeyMultibase"].clone();
    let mut document = json!({
        "id": issuer,
        "verificationMethod": [
            {"id": method, "type": "Multikey", "controller": issuer, "publicKeyMultibase": key}
        ],
        "authentication": [method]
    });
    let controllers = [Controller::from_document(&document).unwrap()];
    policy.controllers = &controllers;
    assert!(matches!(
        credential::verify(&credential, &policy),
        Err(Refusal::MethodNotOfIssuer { .. })
    ));

    document["assertionMethod"] = json!([method]);
    let controllers = [Controller::from_document(&document).unwrap()];
    policy.controllers = &controllers;
    let verified = credential::verify(&credential, &policy).unwrap();
    assert_eq!(verified.issuer, "https://vc.example/issuers/5678");
    assert_eq!(verified.subjects, ["did:example:abcdefgh"]);
}

/// The suites that canonicalise RDF, which is every published proof set and chain.
#[test]
fn suites_of_rdf_are_refused_by_name() {
    for name in [
        "eddsa-rdfc-2022/signedDataInt.json",
        "proof-set-chain/signedProofSet1.json",
        "proof-set-chain/signedProofSet2.json",
        "proof-set-chain/signedProofChain1.json",
        "proof-set-chain/signedProofChain2.json",
    ] {
        let expected = ProofError::UnsupportedCryptosuite {
            proof: 0,
            found: "eddsa-rdfc-2022".into(),
        };
        let refused = data_integrity::proofs(&value(name)).map(drop);
        assert_eq!(refused, Err(expected), "{name}");
    }
}

/// The published chain, with its four keys, ids and instants, in the suite that is supported.
fn chain() -> Value {
    let keys = value("proof-set-chain/multiKeyPairs.json");
    let published = value("proof-set-chain/signedProofChain2.json");
    let key_of = |method: &str| {
        let mut pairs = keys.as_object().unwrap().values();
        let pair = pairs
            .find(|pair| method.ends_with(pair["publicKeyMultibase"].as_str().unwrap()))
            .unwrap();
        published_key(pair["privateKeyMultibase"].as_str().unwrap())
    };
    let mut document = value("proof-set-chain/unsigned.json");
    for proof in published["proof"].as_array().unwrap() {
        let method = proof["verificationMethod"].as_str().unwrap();
        let previous = match &proof["previousProof"] {
            Value::Null => Vec::new(),
            Value::Array(ids) => ids.iter().map(|id| id.as_str().unwrap().into()).collect(),
            id => vec![id.as_str().unwrap().into()],
        };
        let options = ProofOptions {
            created: time::parse(proof["created"].as_str().unwrap()).unwrap(),
            purpose: ProofPurpose::AssertionMethod,
            verification_method: method.into(),
            id: proof["id"].as_str().map(str::to_owned),
            expires: None,
            challenge: None,
            domain: None,
            previous_proof: previous,
        };
        document = data_integrity::sign_with(document, &key_of(method), &options).unwrap();
    }
    document
}

#[test]
fn a_chain_holds_only_while_every_earlier_proof_stands_unchanged() {
    let whole = chain();
    assert_eq!(verify_proofs(&whole), Ok(4));

    let mut shortened = whole.clone();
    shortened["proof"].as_array_mut().unwrap().remove(0);
    assert_eq!(
        verify_proofs(&shortened),
        Err(ProofError::PreviousProofMissing {
            proof: 1,
            id: "urn:uuid:26329423-bec9-4b2e-88cb-a7c7d9dc4544".into()
        })
    );

    // The third proof covers the first two; a first proof that is valid but other breaks it.
    let mut replaced = whole.clone();
    let id = replaced["proof"][0]["id"].as_str().unwrap().to_owned();
    let stranger = SigningKey::from_seed([9; 32]);
    let options = ProofOptions {
        created: time::parse("2023-02-24T23:36:38Z").unwrap(),
        purpose: ProofPurpose::AssertionMethod,
        verification_method: stranger.did().verification_method(),
        id: Some(id),
        expires: None,
        challenge: None,
        domain: None,
        previous_proof: Vec::new(),
    };
    let unsigned = value("proof-set-chain/unsigned.json");
    let other = data_integrity::sign_with(unsigned, &stranger, &options).unwrap();
    replaced["proof"][0] = other["proof"].clone();
    assert_eq!(
        verify_proofs(&replaced),
        Err(ProofError::SignatureMismatch { proof: 2 })
    );
}

#[test]
fn a_set_stands_without_order_and_a_chain_needs_its_ids() {
    let mut set = chain();
    let proofs = set["proof"].as_array_mut().unwrap();
    proofs.truncate(2);
    proofs.swap(0, 1);
    assert_eq!(verify_proofs(&set), Ok(2));

    let key = SigningKey::from_seed([9; 32]);
    let options = ProofOptions {
        created: time::parse("2023-02-24T23:36:38Z").unwrap(),
        purpose: ProofPurpose::AssertionMethod,
        verification_method: key.did().verification_method(),
        id: None,
        expires: None,
        challenge: None,
        domain: None,
        previous_proof: vec!["urn:uuid:absent".into()],
    };
    assert_eq!(
        data_integrity::sign_with(set, &key, &options),
        Err(ProofError::PreviousProofMissing {
            proof: 2,
            id: "urn:uuid:absent".into()
        })
    );
}

type Change<'a> = &'a dyn Fn(&mut Value);

#[test]
fn a_proof_has_one_form_only() {
    let good = value("eddsa-jcs-2022/signedJCS.json");
    let refused = |change: Change<'_>| {
        let mut document = good.clone();
        change(&mut document);
        verify_proofs(&document).unwrap_err().to_string()
    };
    let rows: [(&str, Change<'_>); 15] = [
        ("document carries no proof", &|d| {
            d.as_object_mut().unwrap().remove("proof");
        }),
        ("document carries no proof", &|d| d["proof"] = json!([])),
        ("a lone proof stands in an array", &|d| {
            d["proof"] = json!([d["proof"]]);
        }),
        ("proof 1 repeats an earlier one", &|d| {
            d["proof"] = json!([d["proof"], d["proof"]]);
        }),
        ("proof 0: `proof` is missing or malformed", &|d| {
            d["proof"] = json!("x");
        }),
        ("proof 0: unknown member `nonce`", &|d| {
            d["proof"]["nonce"] = json!("x");
        }),
        (
            "proof 0: type `Ed25519Signature2020` is not supported, only DataIntegrityProof",
            &|d| d["proof"]["type"] = json!("Ed25519Signature2020"),
        ),
        ("proof 0: `created` is missing or malformed", &|d| {
            d["proof"]["created"] = json!("2023-02-24T23:36:38+00:00");
        }),
        ("proof 0: `created` is missing or malformed", &|d| {
            d["proof"].as_object_mut().unwrap().remove("created");
        }),
        ("proof 0: `proofPurpose` is missing or malformed", &|d| {
            d["proof"]["proofPurpose"] = json!("keyAgreement");
        }),
        ("proof 0: `proofValue` is missing or malformed", &|d| {
            d["proof"]["proofValue"] = json!("z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHX");
        }),
        ("proof 0: `proofValue` is missing or malformed", &|d| {
            let value = d["proof"]["proofValue"].as_str().unwrap();
            d["proof"]["proofValue"] = json!(value.replacen('z', "u", 1));
        }),
        ("proof 0: `@context` differs from the document's", &|d| {
            let longer = json!("https://attacker.example/context");
            d["@context"].as_array_mut().unwrap().push(longer);
        }),
        ("proof 0: the document's `@context` is not embedded", &|d| {
            d["proof"].as_object_mut().unwrap().remove("@context");
        }),
        ("proof 0: signature does not match", &|d| {
            d["name"] = json!("alumni Credential");
        }),
    ];
    for (expected, change) in rows {
        assert_eq!(refused(change), expected);
    }
}
