//! One file on a disk with a volatile cache.
//!
//! Writes reach the cache. A sync moves the dirty sectors to the platter. A power loss keeps, loses
//! or tears each dirty sector at random. A failed sync keeps or loses each dirty sector at random
//! and marks all of them clean, as Linux does, so that a second sync succeeds without writing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Random;

const SECTOR: usize = 512;

/// What to do to an operation of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// The power goes before the operation; every later one fails too.
    PowerLoss,
    /// The operation fails; a failed sync loses sectors.
    Io,
    /// There is no space; part of a write may have reached the cache.
    Full,
}

/// The file; clones share it.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    platter: Vec<u8>,
    cache: Vec<u8>,
    dirty: BTreeSet<usize>,
    random: Random,
    operations: u64,
    fault: Option<(u64, DiskFault)>,
    powered: bool,
    fired: bool,
}

impl Disk {
    /// An empty file.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            platter: Vec::new(),
            cache: Vec::new(),
            dirty: BTreeSet::new(),
            random: Random::new(seed),
            operations: 0,
            fault: None,
            powered: true,
            fired: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the operation `after` more operations from here meet a fault.
    pub fn plan(&self, after: u64, fault: DiskFault) {
        let mut state = self.lock();
        state.fault = Some((state.operations + after, fault));
        state.fired = false;
    }

    /// Removes a planned fault.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.fault = None;
        state.fired = false;
    }

    /// Whether the planned fault happened.
    #[must_use]
    pub fn fired(&self) -> bool {
        self.lock().fired
    }

    /// Whether the machine runs. What a program says after a power loss nobody hears.
    #[must_use]
    pub fn powered(&self) -> bool {
        self.lock().powered
    }

    /// Operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Cuts the power, now at the latest, and starts the machine again.
    pub fn power_cycle(&self) {
        let mut state = self.lock();
        let dirty = std::mem::take(&mut state.dirty);
        // In random order nothing changes but what a tear overwrites; each sector decides alone.
        for sector in dirty {
            match state.random.below(3) {
                0 => state.reach_platter(sector, SECTOR),
                1 => {}
                _ => {
                    let torn = state.random.below(SECTOR as u64) as usize;
                    state.reach_platter(sector, torn);
                }
            }
        }
        state.cache = state.platter.clone();
        state.powered = true;
        state.fault = None;
        state.fired = false;
    }

    /// What a program reads.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        self.lock().cache.clone()
    }

    /// Writes into the cache.
    ///
    /// # Errors
    /// A planned fault.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<(), DiskFault> {
        let mut state = self.lock();
        let outcome = state.operation();
        let reached = match outcome {
            Ok(()) => bytes.len(),
            Err(DiskFault::PowerLoss) => 0,
            Err(_) => state.random.below(bytes.len() as u64 + 1) as usize,
        };
        state.write_cache(offset, &bytes[..reached]);
        outcome
    }

    /// Makes the cache durable.
    ///
    /// # Errors
    /// A planned fault; dirty sectors may be lost and count as clean.
    pub fn sync(&self) -> Result<(), DiskFault> {
        let mut state = self.lock();
        let outcome = state.operation();
        if outcome == Err(DiskFault::PowerLoss) {
            return outcome;
        }
        for sector in std::mem::take(&mut state.dirty) {
            if outcome.is_ok() || state.random.one_in(2) {
                state.reach_platter(sector, SECTOR);
            }
        }
        outcome
    }
}

impl State {
    fn operation(&mut self) -> Result<(), DiskFault> {
        if !self.powered {
            return Err(DiskFault::PowerLoss);
        }
        self.operations += 1;
        match self.fault {
            Some((at, fault)) if at == self.operations => {
                self.fired = true;
                self.powered = fault != DiskFault::PowerLoss;
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    fn write_cache(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        self.cache[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(offset / SECTOR..=(end - 1) / SECTOR);
        }
    }

    fn reach_platter(&mut self, sector: usize, bytes: usize) {
        let start = sector * SECTOR;
        let end = (start + bytes).min(self.cache.len());
        if self.platter.len() < end {
            self.platter.resize(end, 0);
        }
        if start < end {
            self.platter[start..end].copy_from_slice(&self.cache[start..end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synced_bytes_survive_and_unsynced_ones_are_lost_for_some_seed() {
        let mut lost = 0;
        let mut torn = 0;
        for seed in 0..60 {
            let disk = Disk::new(seed);
            disk.write(0, &[1; 100]).unwrap();
            disk.sync().unwrap();
            disk.write(100, &[2; 400]).unwrap();
            disk.power_cycle();
            let left = disk.read();
            assert_eq!(left[..100], [1; 100]);
            lost += u32::from(left.len() == 100);
            torn += u32::from(left.len() > 100 && left.len() < 500);
        }
        assert!(lost > 0 && torn > 0, "lost {lost}, torn {torn}");
    }

    #[test]
    fn a_second_sync_after_a_failed_one_succeeds_without_writing() {
        let lost = (0..20).any(|seed| {
            let disk = Disk::new(seed);
            disk.write(0, &[1; 100]).unwrap();
            disk.plan(1, DiskFault::Io);
            assert_eq!(disk.sync(), Err(DiskFault::Io));
            assert_eq!(disk.sync(), Ok(()));
            assert_eq!(disk.read(), [1; 100]);
            disk.power_cycle();
            disk.read().is_empty()
        });
        assert!(lost);
    }
}
