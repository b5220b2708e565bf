//! did:key: what is read is written back the same.
#![no_main]

use evidence::did::DidKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(did) = text.parse::<DidKey>() {
        assert_eq!(did.to_string(), text);
    }
    if let Ok(did) = DidKey::from_verification_method(text) {
        assert_eq!(did.verification_method(), text);
    }
});
