//! Failure test F11: bytes that no client would send, before and after sign-in, in the clear and in TLS.

use crate::j6::xmpp;

#[test]
fn hostile_bytes_end_their_own_stream_with_its_error_and_disturb_nobody() {
    let Some(seen) = xmpp("hostile.py", &[], &[]) else {
        return;
    };
    assert_eq!(seen["same_process"], true, "{seen}");
    for (name, found) in seen["attacks"].as_object().unwrap() {
        assert_eq!(found["right"], true, "{name}: {found}");
    }
    for (name, found) in seen["after_sign_in"].as_object().unwrap() {
        assert_eq!(found["closed"], true, "{name}, signed in: {found}");
    }
    assert!(
        seen["bystanders"]["failed"].is_null(),
        "{}",
        seen["bystanders"]
    );
    let memory = |when: &str| seen["memory"][when].as_u64().unwrap();
    assert!(
        memory("peak") < memory("before") + (64 << 20),
        "{}",
        seen["memory"]
    );
}
