//! Credentials and status lists: no input breaks the verifier.
#![no_main]

use evidence::canonical;
use evidence::credential;
use evidence::credential::Policy;
use evidence::status_list::Bitstring;
use evidence::status_list::StatusList;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let policy = Policy::at(Timestamp::UNIX_EPOCH);
    if let Ok(value) = canonical::parse(bytes) {
        let _ = credential::verify(&value, &policy);
        let _ = StatusList::verify(&value, &policy);
        let _ = credential::check_presentation(&value);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Bitstring::decode(text);
    }
});
