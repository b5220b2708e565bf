//! Sessions against a model: whatever people send, repeat, and however often their devices lose their connections, leave
//! and come back, each device gets what each sender sent, in that order and once, and so do the archives.

use std::collections::BTreeMap;

use iris::archive::{Archives as _, Direction, Query};
use jid::BareJid;

use crate::bed::Bed;
use crate::device::Device;
use crate::faults::{Draw, seeds};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const STEPS: usize = 80;
/// Messages of one sender are numbered from here times its place.
const SENDER: usize = 1_000_000;

/// What each sent to each, in order.
#[derive(Default)]
struct Model(BTreeMap<(usize, usize), Vec<usize>>);

impl Model {
    /// What a device or archive of `to` shows, by sender.
    fn check(&self, to: usize, shown: &[usize], what: &str) {
        for (from, name) in NAMES.iter().enumerate() {
            let got = shown.iter().filter(|number| **number / SENDER == from);
            let got: Vec<_> = got.copied().collect();
            let sent = self.0.get(&(from, to)).cloned().unwrap_or_default();
            assert_eq!(got, sent, "{what}: {name} to {}", NAMES[to]);
        }
    }
}

fn received(bed: &Bed, name: &str) -> Vec<usize> {
    let owner = BareJid::new(&format!("{name}@localhost")).unwrap();
    let query = Query {
        limit: 100_000,
        ..Query::default()
    };
    let page = bed.running().server.store().page(&owner, &query).unwrap();
    let entries = page.entries.iter().map(|archived| &archived.entry);
    entries
        .filter(|entry| entry.direction == Direction::Received)
        .map(|entry| crate::line::number_of(std::str::from_utf8(&entry.stanza).unwrap()).unwrap())
        .collect()
}

async fn run(seed: u64) -> (usize, usize) {
    let mut draw = Draw(seed);
    let bed = Bed::with_accounts(&NAMES).await;
    let mut devices = Vec::new();
    for name in NAMES {
        devices.push(Device::online(&bed, name).await);
    }
    let mut model = Model::default();
    let mut numbers = [0; NAMES.len()];
    let (mut sent, mut repeated) = (0, 0);
    for _ in 0..STEPS {
        let who = draw.below(3) as usize;
        let to = (who + 1 + draw.below(2) as usize) % 3;
        match draw.below(10) {
            0..=4 => {
                for _ in 0..=draw.below(4) {
                    let number = who * SENDER + numbers[who];
                    numbers[who] += 1;
                    sent += 1;
                    model.0.entry((who, to)).or_default().push(number);
                    devices[who].say(NAMES[to], number).await;
                }
            }
            5 => {
                let before = model.0.get(&(who, to)).and_then(|all| all.last());
                if let Some(number) = before.copied() {
                    repeated += 1;
                    devices[who].say(NAMES[to], number).await;
                }
            }
            6 => devices[who].cut(),
            7 => devices[who].resume(&bed).await,
            8 => {
                devices[who].resume(&bed).await;
                devices[who].leave().await;
                let shown = std::mem::take(&mut devices[who].numbers);
                devices[who] = Device::online(&bed, NAMES[who]).await;
                devices[who].numbers.splice(0..0, shown);
            }
            _ => {
                devices[who].step_if_connected().await;
            }
        }
    }
    for device in &mut devices {
        device.resume(&bed).await;
        assert!(device.settle().await, "seed {seed}");
    }
    for (to, device) in devices.iter_mut().enumerate() {
        device.catch_up().await;
        model.check(to, &device.numbers, &format!("seed {seed}, device"));
        let archive = received(&bed, NAMES[to]);
        model.check(to, &archive, &format!("seed {seed}, archive"));
    }
    (sent, repeated)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_archives_show_what_was_sent_in_order_and_once_whatever_happens_to_connections()
{
    let (mut sent, mut repeated) = (0, 0);
    for seed in 0..seeds() {
        let counts = run(seed).await;
        sent += counts.0;
        repeated += counts.1;
    }
    println!(
        "seeds 0..{}: sent {sent}, sent again {repeated}, lost 0, twice 0, out of order 0",
        seeds()
    );
}
