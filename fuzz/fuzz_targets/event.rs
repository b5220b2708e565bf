//! Event headers: only canonical bytes are read, and they are written back the same.
#![no_main]

use evidence::event::EventHeader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = EventHeader::decode(bytes) {
        let encoded = header.encode().expect("what was decoded encodes");
        assert_eq!(encoded.as_bytes(), bytes);
    }
});
