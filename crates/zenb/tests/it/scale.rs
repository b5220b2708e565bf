//! Milliseconds in the field of 1/1024 s, and the other way round: seen by the clock, and said (H3, H9).
#![expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of what it shows"
)]

use zenb::scale::OtherUnit;
use zenb::timeline::Packet;
use zenb::timeline::Timeline;
use zenb::units::EngineMs;

use crate::data::Recording;
use crate::figures::next;

/// A strap that hears a recording's beats.
#[derive(Clone, Copy, Debug)]
struct Strap {
    /// What it sends of a true second.
    per_second: u64,
    /// The host's clock against the true one, parts per million.
    drift_ppm: i64,
    /// How often it sends; 0 is with each beat.
    every_ms: u64,
    /// How late a packet comes at most.
    late_ms: u64,
    /// Packets that are lost, in thousandths.
    lost_permille: u64,
}

const RIGHT: Strap = Strap {
    per_second: 1024,
    drift_ppm: 0,
    every_ms: 1000,
    late_ms: 30,
    lost_permille: 0,
};

impl Strap {
    /// What is found of so many seconds of a recording, and when.
    fn found(self, name: &str, seconds: u64) -> Option<(OtherUnit, u64)> {
        let mut timeline = Timeline::new();
        let mut seed = 9;
        let (mut true_us, mut sent_ms, mut arrived_ms) = (0_u64, 0, 0);
        let mut open: Vec<u16> = Vec::new();
        for rr in Recording::load(name).ticks() {
            true_us += u64::from(rr.get()) * 15_625 / 16;
            open.push((u64::from(rr.get()) * self.per_second / 1024) as u16);
            let host_us =
                true_us.saturating_add_signed(true_us as i64 / 1_000 * self.drift_ppm / 1_000);
            let now_ms = host_us / 1000;
            if now_ms < sent_ms + self.every_ms {
                continue;
            }
            // A strap that sends each second tells of a beat at the end of its second.
            let whole = now_ms.checked_div(self.every_ms);
            sent_ms = whole.map_or(now_ms, |count| count * self.every_ms);
            let due_ms = whole.map_or(now_ms, |_| sent_ms + self.every_ms);
            if sent_ms > seconds * 1000 {
                break;
            }
            let rr = std::mem::take(&mut open);
            if next(&mut seed) % 1000 < self.lost_permille {
                continue;
            }
            arrived_ms = arrived_ms.max(due_ms + next(&mut seed) % (self.late_ms + 1));
            let at = EngineMs(arrived_ms);
            if let Ok(accepted) = timeline.accept(Packet {
                at,
                rr: &rr,
                contact: None,
            }) && let Some(unit) = accepted.other_unit
            {
                return Some((unit, arrived_ms / 1000));
            }
        }
        None
    }
}

const NAMES: [&str; 6] = [
    "apnea_a01",
    "heartpy_data3",
    "nsr2db_nsr001",
    "phantom_drift",
    "phantom_step_rf55",
    "pyhrv_long",
];

/// REQ-148 (H3, H9). Beat by beat or each second, delivered in time or late, on clocks that drift:
/// always found, half of the time in two and a half minutes.
#[test]
fn intervals_in_another_unit_are_found_and_those_in_theirs_are_not() {
    let mut after = Vec::new();
    for name in NAMES {
        for every_ms in [0, 1000] {
            for late_ms in [30, 300] {
                for drift_ppm in [-2000, 0, 2000] {
                    let right = Strap {
                        every_ms,
                        late_ms,
                        drift_ppm,
                        ..RIGHT
                    };
                    assert_eq!(right.found(name, 90_000), None, "{name} {right:?}");
                    for (per_second, unit) in [(1000, OtherUnit::Millis), (1049, OtherUnit::Ticks)]
                    {
                        let wrong = Strap {
                            per_second,
                            ..right
                        };
                        let found = wrong.found(name, 1_800);
                        assert_eq!(found.map(|it| it.0), Some(unit), "{name} {wrong:?}");
                        after.extend(found.map(|it| it.1));
                    }
                }
            }
        }
    }
    after.sort_unstable();
    let (half, most) = (after[after.len() / 2], after[after.len() - 1]);
    println!(
        "{} found, half after {half} s, all after {most} s",
        after.len()
    );
    assert!(half < 160, "{half} s");
}

/// REQ-148 (H3, H9). Lost beats fall in leaps, and no clock is off by a fortieth.
#[test]
fn neither_lost_packets_nor_clocks_look_like_another_unit() {
    for name in NAMES {
        for every_ms in [0, 1000] {
            for lost_permille in [5, 10, 20, 30, 40, 60] {
                let losing = Strap {
                    every_ms,
                    lost_permille,
                    ..RIGHT
                };
                assert_eq!(losing.found(name, 90_000), None, "{name} {losing:?}");
            }
            for drift_ppm in [-5_000, -1_000, 1_000, 5_000] {
                let drifting = Strap {
                    every_ms,
                    drift_ppm,
                    ..RIGHT
                };
                assert_eq!(drifting.found(name, 90_000), None, "{name} {drifting:?}");
            }
        }
    }
}
