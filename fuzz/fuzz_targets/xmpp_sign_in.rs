//! No bytes sign anybody in without the password, and none make the exchange panic.
#![no_main]

use std::sync::LazyLock;

use iris::sasl::{Credentials, Exchange, Mechanism, Offer, Step};
use jid::DomainPart;
use libfuzzer_sys::fuzz_target;

static CREDENTIALS: LazyLock<Credentials> = LazyLock::new(|| {
    Credentials::derive("not in the corpus: 6b1f0c", &[7; 16], 4_096).expect("a password")
});

fuzz_target!(|input: (u8, Vec<Vec<u8>>)| {
    let (choice, messages) = input;
    let mechanism = Mechanism::ALL[usize::from(choice) % Mechanism::ALL.len()];
    let offer = Offer {
        domain: DomainPart::new("zone.example")
            .expect("a domain")
            .into_owned(),
        exporter: Some([3; 32]),
        takes_tokens: true,
        nonce: "fuzz".to_owned(),
        salt_key: [9; 32],
    };
    let Ok(mut exchange) = Exchange::new(mechanism.name(), offer) else {
        return;
    };
    for message in messages.iter().take(4) {
        let mut step = exchange.response(message);
        if matches!(step, Step::LookUp(_)) {
            step = exchange.credentials(Some(&CREDENTIALS));
        }
        assert!(
            !matches!(step, Step::Success { .. }),
            "signed in without the password"
        );
    }
});
