//! Canonical JSON: the two readers agree, and canonical bytes are a fixed point.
#![no_main]

use evidence::canonical;
use evidence::mcf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let rewritten = canonical::canonicalize(bytes).ok();
    let value = canonical::parse(bytes).ok();
    let rebuilt = value
        .as_ref()
        .and_then(|value| canonical::to_vec(value).ok());
    assert_eq!(rewritten, rebuilt);
    if let Some(canonical) = rewritten {
        assert_eq!(canonical::canonicalize(&canonical), Ok(canonical.clone()));
        assert_eq!(canonical::parse(&canonical).ok(), value);
    }
    if let Some(value) = value {
        let _ = mcf::to_vec(&value);
    }
});
