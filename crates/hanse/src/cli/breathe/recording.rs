//! A recording as the packets of its strap, each with the moment at which it reached the host: what the file tells of that,
//! and else the sum of the intervals. From here on it is a session like any other, with the same fences and clock.

use std::mem;

use zenb::engine::Input;
use zenb::sensors::Row;
use zenb::timeline::{LONGEST_JUMP_MS, MOST_INTERVALS};
use zenb::units::{EngineMs, Ticks};

/// Where this share of the packets equals the one before, in percent, each was written twice.
const DOUBLED_PERCENT: usize = 40;
/// Where this share of the packets begins with beats of the one before, in percent, the strap sends its newest beats again.
const OVERLAPPING_PERCENT: usize = 40;

/// What a strap says at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// When it reached the host, where that is known.
    pub(super) at_ms: Option<u64>,
    /// Intervals in 1/1024 s.
    pub(super) rr: Vec<u16>,
    /// Whether the strap touches the skin, if it can tell.
    pub(super) contact: Option<bool>,
}

impl Heard {
    /// As an input, at its own moment or at another.
    pub(super) fn input(self, now_ms: u64) -> Input {
        Input::Packet {
            at: EngineMs(self.at_ms.unwrap_or(now_ms)),
            rr: self.rr,
            hr: None,
            contact: self.contact,
        }
    }

    fn ticks(&self) -> u64 {
        total(&self.rr)
    }
}

/// The packets of a recording, in the order of their arrival.
#[derive(Debug)]
pub(super) struct Recording {
    packets: Vec<Heard>,
    next: usize,
    /// Packets that are the one before once more.
    pub(super) repeated: usize,
}

impl Recording {
    /// Of intervals alone: one packet a second, with the beats that ended in it.
    pub(super) fn of_intervals(intervals: &[Ticks]) -> Self {
        let mut packets: Vec<Heard> = Vec::new();
        let mut ends_us = 0;
        for interval in intervals {
            ends_us += u64::from(interval.get()) * 1_000_000 / 1024;
            let at_ms = ends_us.div_ceil(1_000_000) * 1_000;
            add(&mut packets, at_ms, *interval);
        }
        Self::new(packets)
    }

    /// Of rows that tell when they arrived, or of intervals.
    pub(super) fn of_rows(rows: &[Row]) -> Self {
        let mut packets: Vec<Heard> = Vec::new();
        for row in rows {
            let Some(at) = row.at else {
                let intervals: Vec<Ticks> = rows.iter().map(|row| row.rr).collect();
                return Self::of_intervals(&intervals);
            };
            add(&mut packets, at.0, row.rr);
        }
        Self::new(since_begin(packets))
    }

    /// Of packets as a strap sent them. Where they do not tell when, each comes as its beats end, and one without beats of
    /// a heart a second after the one before.
    pub(super) fn of_packets(mut packets: Vec<Heard>) -> Self {
        if packets.iter().all(|packet| packet.at_ms.is_some()) {
            return Self::new(since_begin(packets));
        }
        let pairs = packets.windows(2);
        let equal = pairs.filter(|pair| same(&pair[0], &pair[1])).count();
        let is_doubled = equal * 100 > packets.len() * DOUBLED_PERCENT;
        let pairs = packets.windows(2);
        let sharing = pairs.filter(|pair| shared(&pair[0], &pair[1]) > 0).count();
        let is_overlapping = !is_doubled && sharing * 100 > packets.len() * OVERLAPPING_PERCENT;
        let (mut ticks, mut repeated, mut was_copy) = (0, 0, false);
        for place in 0..packets.len() {
            let is_equal = place > 0 && same(&packets[place - 1], &packets[place]);
            was_copy = is_doubled && is_equal && !was_copy;
            let again = match place.checked_sub(1) {
                Some(before) if is_overlapping => shared(&packets[before], &packets[place]),
                _ => 0,
            };
            let packet = &mut packets[place];
            let is_heart = packet.contact != Some(false) && !packet.rr.is_empty();
            ticks += match (was_copy, is_heart) {
                (true, _) => 0,
                // Beats that were sent before take no time again; the fence will know them.
                (false, true) => total(&packet.rr[again..]),
                (false, false) => u64::from(Ticks::PER_SECOND),
            };
            repeated += usize::from(was_copy);
            packet.at_ms = Some(ticks * 1000 / 1024);
        }
        Self {
            repeated,
            ..Self::new(packets)
        }
    }

    fn new(packets: Vec<Heard>) -> Self {
        Self {
            packets,
            next: 0,
            repeated: 0,
        }
    }

    /// What is heard up to a moment; nothing when the recording is over.
    pub(super) fn until(&mut self, at_ms: u64) -> Option<Vec<Heard>> {
        let rest = self.packets.get(self.next..).filter(|it| !it.is_empty())?;
        let due = rest.partition_point(|packet| packet.at_ms.unwrap_or(0) <= at_ms);
        self.next += due;
        Some(rest[..due].to_vec())
    }

    /// When its last packet came.
    pub(super) fn length_ms(&self) -> u64 {
        self.packets.last().and_then(|it| it.at_ms).unwrap_or(0)
    }

    /// All of it, as inputs. Where the strap was silent for longer than a clock may leap, time passes.
    pub(super) fn inputs(self) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut now_ms = 0;
        for packet in self.packets {
            let at_ms = packet.at_ms.unwrap_or(now_ms);
            if at_ms - now_ms > LONGEST_JUMP_MS {
                inputs.push(Input::Tick {
                    at: EngineMs(at_ms),
                });
            }
            now_ms = at_ms;
            inputs.push(packet.input(now_ms));
        }
        inputs
    }
}

/// Adds an interval to the packet of its moment, or begins one.
fn add(packets: &mut Vec<Heard>, at_ms: u64, interval: Ticks) {
    let ticks = u16::try_from(interval.get()).unwrap_or(u16::MAX);
    match packets.last_mut() {
        Some(last) if last.at_ms == Some(at_ms) && last.rr.len() < MOST_INTERVALS => {
            last.rr.push(ticks);
        }
        _ => packets.push(Heard {
            at_ms: Some(at_ms),
            rr: vec![ticks],
            contact: None,
        }),
    }
}

/// Moments since the recording began: a file may tell them by the clock of a wall.
fn since_begin(mut packets: Vec<Heard>) -> Vec<Heard> {
    let first = packets.first();
    let (at_ms, lasts_ms) = first.map_or((0, 0), |packet| {
        (packet.at_ms.unwrap_or(0), packet.ticks() * 1000 / 1024)
    });
    if at_ms > LONGEST_JUMP_MS {
        for packet in &mut packets {
            let at_ms = mem::take(&mut packet.at_ms).map(|it| it - at_ms.min(it) + lasts_ms);
            packet.at_ms = at_ms;
        }
    }
    packets
}

fn total(rr: &[u16]) -> u64 {
    rr.iter().map(|ticks| u64::from(*ticks)).sum()
}

/// How many of a packet's first beats are the last ones of the packet before.
fn shared(before: &Heard, packet: &Heard) -> usize {
    let counts = (1..=packet.rr.len()).rev();
    let mut counts = counts.filter(|count| before.rr.ends_with(&packet.rr[..*count]));
    counts.next().unwrap_or(0)
}

fn same(one: &Heard, other: &Heard) -> bool {
    !one.rr.is_empty() && one.rr == other.rr && one.contact == other.contact
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(rr: &[u16], contact: Option<bool>) -> Heard {
        Heard {
            at_ms: None,
            rr: rr.to_vec(),
            contact,
        }
    }

    fn moments(recording: &Recording) -> Vec<u64> {
        let packets = recording.packets.iter();
        packets.filter_map(|packet| packet.at_ms).collect()
    }

    #[test]
    fn intervals_are_given_once_each_in_the_second_they_end() {
        let intervals = [512, 1024, 256, 2048].map(|raw| Ticks::new(raw).unwrap());
        let mut recording = Recording::of_intervals(&intervals);
        let mut seconds = Vec::new();
        for second in 1.. {
            let Some(heard) = recording.until(second * 1000) else {
                break;
            };
            seconds.push(heard.into_iter().flat_map(|it| it.rr).collect::<Vec<_>>());
        }
        assert_eq!(seconds, [vec![512], vec![1024, 256], vec![], vec![2048]]);
    }

    #[test]
    fn rows_come_when_they_say_and_a_silence_stays_one() {
        let row = |at, raw| Row {
            at: Some(EngineMs(at)),
            rr: Ticks::new(raw).unwrap(),
        };
        let rows = [
            row(1_000, 1024),
            row(2_000, 900),
            row(2_000, 100),
            row(60_000, 1024),
        ];
        let recording = Recording::of_rows(&rows);
        assert_eq!(moments(&recording), [1_000, 2_000, 60_000]);
        assert_eq!(recording.packets[1].rr, [900, 100]);
        let wall = 1_795_000_000_000;
        let rows = [row(wall, 1024), row(wall + 1_000, 1024)];
        assert_eq!(moments(&Recording::of_rows(&rows)), [1_000, 2_000]);
    }

    #[test]
    fn packets_keep_their_contact_and_a_doubled_file_comes_twice_at_once() {
        let off = Some(false);
        let packets = vec![
            packet(&[1024], Some(true)),
            packet(&[300, 2000], off),
            packet(&[], off),
            packet(&[512], Some(true)),
        ];
        let recording = Recording::of_packets(packets);
        assert_eq!(moments(&recording), [1_000, 2_000, 3_000, 3_500]);
        assert_eq!(recording.packets[1].contact, off);
        let doubled = [1000, 1048, 1024].into_iter();
        let doubled = doubled.flat_map(|raw| [packet(&[raw], None), packet(&[raw], None)]);
        let recording = Recording::of_packets(doubled.collect());
        assert_eq!(moments(&recording), [976, 976, 2_000, 2_000, 3_000, 3_000]);
        assert_eq!(recording.repeated, 3);
    }

    #[test]
    fn a_silence_of_hours_in_a_night_is_no_leap_of_the_clock() {
        let row = |at| Row {
            at: Some(EngineMs(at)),
            rr: Ticks::new(1024).unwrap(),
        };
        let hours = 3 * LONGEST_JUMP_MS;
        let inputs = Recording::of_rows(&[row(1_000), row(hours), row(hours + 1_000)]).inputs();
        let mut timeline = zenb::timeline::Timeline::new();
        let mut taken = 0;
        for input in &inputs {
            if let Input::Packet { at, rr, .. } = input {
                let (at, contact) = (*at, None);
                let packet = zenb::timeline::Packet { at, rr, contact };
                taken += timeline.accept(packet).unwrap().beats().count();
            } else {
                timeline.pass(input.at());
            }
        }
        assert_eq!(taken, 3);
    }
}
