use proptest::prelude::*;

use super::*;

const SALT: [u8; 16] = [7; 16];

fn offer(exporter: Option<[u8; 32]>, nonce: &str) -> Offer {
    Offer {
        domain: DomainPart::new("zone.example").unwrap().into_owned(),
        exporter,
        takes_tokens: true,
        nonce: nonce.to_owned(),
        salt_key: [9; 32],
    }
}

fn user() -> BareJid {
    BareJid::new("user@zone.example").unwrap()
}

fn succeeds(data: Option<&str>) -> Step {
    Step::Success {
        account: user(),
        data: data.map(|d| d.as_bytes().to_vec()),
    }
}

/// Vectors: RFC 5802 5 and RFC 7677 3.
#[test]
fn the_official_vectors_hold() {
    for (mechanism, client, server, salt, proof, signature) in [
        (
            "SCRAM-SHA-1",
            "fyko+d2lbbFgONRv9qkxdawL",
            "3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            "SCRAM-SHA-256",
            "rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ] {
        let salt_bytes = data_encoding::BASE64.decode(salt.as_bytes()).unwrap();
        let credentials = Credentials::derive("pencil", &salt_bytes, 4096).unwrap();
        let mut exchange = Exchange::new(mechanism, offer(None, server)).unwrap();
        let first = format!("n,,n=user,r={client}");
        assert_eq!(exchange.response(first.as_bytes()), Step::LookUp(user()));
        let challenge = format!("r={client}{server},s={salt},i=4096");
        assert_eq!(
            exchange.credentials(Some(&credentials)),
            Step::Challenge(challenge.into_bytes())
        );
        let last = format!("c=biws,r={client}{server},p={proof}");
        assert_eq!(
            exchange.response(last.as_bytes()),
            succeeds(Some(signature))
        );
    }
}

/// A client, written from the RFC independently of the server's side above.
fn proof(hash: Hash, password: &str, keys: &Keys, transcript: &str) -> String {
    let mut salted = vec![0; if hash == Hash::Sha1 { 20 } else { 32 }];
    match hash {
        Hash::Sha1 => pbkdf2::pbkdf2_hmac::<sha1::Sha1>(
            password.as_bytes(),
            &keys.salt,
            keys.iterations,
            &mut salted,
        ),
        Hash::Sha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>(
            password.as_bytes(),
            &keys.salt,
            keys.iterations,
            &mut salted,
        ),
    }
    let key = hash.hmac(&salted, b"Client Key");
    let signature = hash.hmac(&hash.hash(&key), transcript.as_bytes());
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    data_encoding::BASE64.encode(&proof)
}

/// Runs a whole exchange; `bind` is what the client binds to.
fn sign_in(
    mechanism: &str,
    offer: Offer,
    gs2: &str,
    bind: &[u8],
    password: &str,
    stored: Option<&Credentials>,
) -> Step {
    let hash = if mechanism.contains("256") {
        Hash::Sha256
    } else {
        Hash::Sha1
    };
    let mut exchange = match Exchange::new(mechanism, offer) {
        Ok(exchange) => exchange,
        Err(failure) => return Step::Failure(failure),
    };
    let first = exchange.response(format!("{gs2}n=user,r=abc").as_bytes());
    if !matches!(first, Step::LookUp(_)) {
        return first;
    }
    let Step::Challenge(challenge) = exchange.credentials(stored) else {
        panic!("no challenge")
    };
    let challenge = String::from_utf8(challenge).unwrap();
    let fields: Vec<_> = challenge.split(',').collect();
    let keys = Keys {
        salt: data_encoding::BASE64
            .decode(&fields[1].as_bytes()[2..])
            .unwrap(),
        iterations: fields[2][2..].parse().unwrap(),
        stored_key: vec![],
        server_key: vec![],
    };
    let c = data_encoding::BASE64.encode(&[gs2.as_bytes(), bind].concat());
    let without_proof = format!("c={c},{}", fields[0]);
    let transcript = format!("n=user,r=abc,{challenge},{without_proof}");
    let proof = proof(hash, password, &keys, &transcript);
    exchange.response(format!("{without_proof},p={proof}").as_bytes())
}

#[test]
fn the_channel_is_bound_and_a_downgrade_is_noticed() {
    let stored = Credentials::derive("pencil", &SALT, 2).unwrap();
    let refused = Step::Failure(Failure::NotAuthorized);
    let malformed = Step::Failure(Failure::MalformedRequest);
    let plus = |gs2, bind: &[u8]| {
        sign_in(
            "SCRAM-SHA-256-PLUS",
            offer(Some([1; 32]), "s"),
            gs2,
            bind,
            "pencil",
            Some(&stored),
        )
    };
    assert!(matches!(
        plus("p=tls-exporter,,", &[1; 32]),
        Step::Success { .. }
    ));
    assert_eq!(plus("p=tls-exporter,,", &[2; 32]), refused);
    assert_eq!(plus("p=tls-unique,,", &[1; 32]), malformed);
    assert_eq!(plus("n,,", b""), malformed);
    let bare = |exporter, gs2| {
        sign_in(
            "SCRAM-SHA-1",
            offer(exporter, "s"),
            gs2,
            b"",
            "pencil",
            Some(&stored),
        )
    };
    assert!(matches!(bare(None, "y,,"), Step::Success { .. }));
    assert!(matches!(bare(Some([1; 32]), "n,,"), Step::Success { .. }));
    assert_eq!(bare(Some([1; 32]), "y,,"), refused);
    let unoffered = sign_in("SCRAM-SHA-1-PLUS", offer(None, "s"), "n,,", b"", "", None);
    assert_eq!(unoffered, Step::Failure(Failure::InvalidMechanism));
}

#[test]
fn an_account_that_does_not_exist_looks_like_a_wrong_password() {
    let challenge = |found: Option<&Credentials>, user: &str| {
        let mut exchange = Exchange::new("SCRAM-SHA-256", offer(None, "s")).unwrap();
        exchange.response(format!("n,,n={user},r=abc").as_bytes());
        let Step::Challenge(challenge) = exchange.credentials(found) else {
            panic!("no challenge")
        };
        String::from_utf8(challenge).unwrap()
    };
    let real = Credentials::derive("pencil", &SALT, ITERATIONS).unwrap();
    assert_eq!(challenge(None, "eve"), challenge(None, "eve"));
    assert_ne!(challenge(None, "eve"), challenge(None, "mallory"));
    assert_eq!(
        challenge(None, "eve").len(),
        challenge(Some(&real), "eve").len()
    );
    let refused = Step::Failure(Failure::NotAuthorized);
    for found in [None, Some(&real)] {
        assert_eq!(
            sign_in("SCRAM-SHA-1", offer(None, "s"), "n,,", b"", "wrong", found),
            refused
        );
    }
}

#[test]
fn plain_takes_the_password_and_nothing_else() {
    let stored = Credentials::derive("pencil", &SALT, 2).unwrap();
    let refused = Step::Failure(Failure::NotAuthorized);
    let try_it = |data: &str, found| {
        let mut exchange = Exchange::new("PLAIN", offer(None, "s")).unwrap();
        match exchange.response(data.as_bytes()) {
            Step::LookUp(_) => exchange.credentials(found),
            other => other,
        }
    };
    assert_eq!(try_it("\0user\0pencil", Some(&stored)), succeeds(None));
    assert_eq!(
        try_it("user@zone.example\0user\0pencil", Some(&stored)),
        succeeds(None)
    );
    assert_eq!(try_it("\0user\0pencils", Some(&stored)), refused);
    assert_eq!(try_it("\0user\0pencil", None), refused);
    let other = try_it("eve@zone.example\0user\0pencil", Some(&stored));
    assert_eq!(other, Step::Failure(Failure::InvalidAuthzid));
    for data in ["", "user\0pencil", "\0user\0", "\0\0pencil", "\0a\0b\0c"] {
        assert_eq!(
            try_it(data, Some(&stored)),
            Step::Failure(Failure::MalformedRequest)
        );
    }
}

#[test]
fn a_bearer_token_signs_in_its_owner() {
    let first = b"n,a=user@zone.example,\x01host=zone.example\x01auth=Bearer abc.def\x01\x01";
    let mut exchange = Exchange::new("OAUTHBEARER", offer(None, "s")).unwrap();
    assert_eq!(
        exchange.response(first),
        Step::CheckToken("abc.def".to_owned())
    );
    assert_eq!(exchange.token_checked(Some(user())), succeeds(None));

    for owner in [None, Some(BareJid::new("eve@zone.example").unwrap())] {
        let mut exchange = Exchange::new("OAUTHBEARER", offer(None, "s")).unwrap();
        exchange.response(first);
        assert!(matches!(exchange.token_checked(owner), Step::Challenge(_)));
        assert_eq!(
            exchange.response(b"\x01"),
            Step::Failure(Failure::NotAuthorized)
        );
    }
}

#[test]
fn credentials_are_stored_as_text_without_the_password() {
    let credentials = Credentials::derive("pencil", &SALT, 2).unwrap();
    let text = serde_json::to_string(&credentials).unwrap();
    assert_eq!(
        serde_json::from_str::<Credentials>(&text).unwrap(),
        credentials
    );
    assert!(!text.contains("pencil"));
    assert!(!format!("{credentials:?}").contains("stored_key"));
    assert!(Credentials::derive("", &SALT, 2).is_err());
    assert!(Credentials::derive("a\u{7}b", &SALT, 2).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn only_the_right_password_signs_in(password in "[ -~]{1,12}", wrong in "[ -~]{1,12}") {
        let stored = Credentials::derive(&password, &SALT, 2).unwrap();
        for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
            let step = sign_in(mechanism, offer(None, "s"), "n,,", b"", &wrong, Some(&stored));
            prop_assert_eq!(matches!(step, Step::Success { .. }), password == wrong);
            let step = sign_in(mechanism, offer(None, "s"), "n,,", b"", &password, Some(&stored));
            let is_success = matches!(step, Step::Success { .. });
            prop_assert!(is_success);
        }
    }

    #[test]
    fn any_bytes_are_answered(data in proptest::collection::vec(any::<u8>(), 0..80)) {
        for mechanism in Mechanism::ALL {
            let mut exchange = Exchange::new(mechanism.name(), offer(Some([1; 32]), "s")).unwrap();
            let step = exchange.response(&data);
            let is_success = matches!(step, Step::Success { .. });
            prop_assert!(!is_success);
        }
    }
}
