//! The side that kills, remembers every acknowledgement, and judges the file at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use journal::{EffectState, LogIndex, Seq};

use crate::workload::{self, THREADS};

/// Where an acknowledged operation is: sequence number, index, digest of the header.
type Place = (u64, u64, String);

const KILLS: u64 = 40;
/// Acknowledged operations that a fresh child repeats per thread, to see the first answers again.
const REPEATED: u64 = 2;

pub(crate) fn run() {
    let seed = setting("HANSE_SEED", 20_260_101);
    let kills = setting("HANSE_KILLS", KILLS);
    println!("seed {seed}, {kills} kills");
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random(seed);
    let (mut acknowledged, mut replays) = (BTreeMap::new(), 0);
    for _ in 0..kills {
        let patience = random.below(400);
        replays += one_life(directory.path(), patience, &mut acknowledged);
    }
    judge(directory.path(), &acknowledged);
    assert!(
        replays > 0,
        "no retry met an operation that was done before"
    );
    println!(
        "{} acknowledged, {replays} retries answered as before: ok",
        acknowledged.len()
    );
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Starts a child, kills it after `patience` acknowledgements, and takes in all it still said.
fn one_life(directory: &Path, patience: u64, acknowledged: &mut BTreeMap<u64, Place>) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("child")
        .arg(directory)
        .args(starts(acknowledged))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut replays = 0;
    for _ in 0..patience {
        let line = lines
            .next()
            .expect("the child writes until it is killed")
            .unwrap();
        replays += u64::from(take(&line, acknowledged));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines
        .map_while(Result::ok)
        .filter(|line| line.split(' ').count() == 5)
    {
        replays += u64::from(take(&line, acknowledged));
    }
    replays
}

/// Each thread goes on a little before the first operation of it that was not acknowledged.
fn starts(acknowledged: &BTreeMap<u64, Place>) -> Vec<String> {
    let first_open = |thread: u64| {
        (thread..)
            .step_by(THREADS as usize)
            .find(|n| !acknowledged.contains_key(n))
            .unwrap()
    };
    let start = |thread| {
        first_open(thread)
            .checked_sub(REPEATED * THREADS)
            .unwrap_or(thread)
            .to_string()
    };
    (0..THREADS).map(start).collect()
}

/// Remembers an acknowledgement; a second one of the same operation must say the same.
fn take(line: &str, acknowledged: &mut BTreeMap<u64, Place>) -> bool {
    let parts: Vec<&str> = line.split(' ').collect();
    let [n, seq, index, digest, replayed] = parts[..] else {
        panic!("line {line:?}")
    };
    let place = (
        seq.parse().unwrap(),
        index.parse().unwrap(),
        digest.to_owned(),
    );
    let n = n.parse().unwrap();
    let replayed = replayed == "true";
    if let Some(first) = acknowledged.insert(n, place.clone()) {
        assert!(replayed, "operation {n} was done twice");
        assert_eq!(first, place, "operation {n} was answered differently");
    }
    replayed
}

/// Nothing acknowledged is lost, nothing is doubled, records and effects are those of the events,
/// and every chain and root verifies.
fn judge(directory: &Path, acknowledged: &BTreeMap<u64, Place>) {
    let journal = workload::open(directory);
    let reader = journal.reader();
    let mut found = BTreeMap::new();
    for stream in workload::streams() {
        let events = reader.stream(&stream, Seq::FIRST, usize::MAX).unwrap();
        for (place, event) in events.iter().enumerate() {
            assert_eq!(event.seq.get(), place as u64 + 1, "{stream} has a gap");
            let n = workload::operation(event.payload.as_ref().unwrap());
            let place = (event.seq.get(), event.index.0, event.digest.to_string());
            assert_eq!(workload::stream(n), stream);
            assert_eq!(found.insert(n, place), None, "operation {n} is there twice");
            let effect = reader.effect(&format!("effect-{n}")).unwrap();
            assert!(effect.is_some(), "operation {n} has no effect");
        }
        let record = reader.record("count", stream.as_str()).unwrap();
        let count = record.as_ref().map_or(0, workload::count);
        assert_eq!(count, events.len() as u64, "record of {stream}");
    }
    for (n, place) in acknowledged {
        assert_eq!(found.get(n), Some(place), "acknowledged operation {n}");
    }
    let size = reader.head().unwrap().size;
    assert_eq!(size, found.len() as u64);
    assert_eq!(reader.effects_count(EffectState::Pending).unwrap(), size);
    let indexes: BTreeSet<u64> = found.values().map(|place| place.1).collect();
    assert!(indexes.iter().copied().eq(0..size), "the log has gaps");
    assert_eq!(
        reader.events(LogIndex(0), usize::MAX).unwrap().len() as u64,
        size
    );
    journal.shutdown();
    let report = workload::fsck(directory);
    assert_eq!((report.findings, report.events), (Vec::new(), size));
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to choose when to kill.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}
