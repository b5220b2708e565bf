//! Heart-rate packets: read whole or refused; what is read passes the fence or leaves it as it was.
//! The input is packets in a row: 50 ms later so many times, so many bytes, the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zenb::sensors::heart_rate_measurement;
use zenb::timeline::{Packet, Timeline};
use zenb::units::EngineMs;

fuzz_target!(|input: &[u8]| {
    let mut timeline = Timeline::new();
    let (mut now, mut rest) = (0, input);
    while let [later, length, after @ ..] = rest {
        now += u64::from(*later) * 50;
        let (bytes, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let Ok(read) = heart_rate_measurement(bytes) else {
            continue;
        };
        let wide = usize::from(bytes[0] & 1);
        let pairs = usize::from(read.energy_kj.is_some()) + read.rr.len();
        assert_eq!(bytes.len(), 2 + wide + 2 * pairs, "a byte was not read");
        assert_eq!(read.contact.is_some(), bytes[0] & 4 != 0);
        let before = timeline.clone();
        let packet = Packet {
            at: EngineMs(now),
            rr: &read.rr,
            contact: read.contact,
        };
        match timeline.accept(packet) {
            Err(_) => assert_eq!(timeline, before, "a refused packet changed the time line"),
            Ok(accepted) => assert!(accepted.beats().count() <= read.rr.len()),
        }
    }
});
