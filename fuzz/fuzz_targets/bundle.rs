//! Evidence bundles: no input breaks the verifier, and none but a sealed bundle is believed.
#![no_main]

use evidence::bundle;
use evidence::bundle::Trust;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let trust = Trust {
        zone: None,
        log: None,
        as_of: Timestamp::UNIX_EPOCH,
    };
    if let Ok(verified) = bundle::verify(bytes, &trust) {
        assert!(verified.checks.iter().all(|check| check.passes()));
    }
});
