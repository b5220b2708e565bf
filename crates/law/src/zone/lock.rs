//! `zone.lock`: the digest of every byte a zone is made of.
//!
//! Reproducible: it holds no time and no machine's path, and its text is a function of the bytes it
//! pins. The total is tagged `hanse/zone-lock/v1` over the canonical bytes of all the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use evidence::canonical::{self, CanonicalError, to_vec_of};
use evidence::digest::{Digest, Purpose};
use ids::PackItemId;
use serde::{Deserialize, Serialize};

use super::PackPin;
use crate::pack::{PackDigests, PackFiles, PackPath};

const FORMAT: &str = "hanse.zone-lock/v1";

/// A zone's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: String,
    zone: Digest,
    packs: BTreeMap<PackItemId, LockedPack>,
    total: Digest,
}

/// A pack in a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPack {
    /// Its version.
    pub version: String,
    /// Digests of its files and of the whole.
    pub digests: PackDigests,
}

/// A difference between what is locked and what is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Drift {
    /// Where: `zone.yaml`, a pack, or a file of a pack.
    pub place: String,
    /// What differs.
    pub kind: DriftKind,
}

/// How something drifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// There, but not locked.
    Added,
    /// Locked, but not there.
    Missing,
    /// There with other bytes, or at another version.
    Changed,
}

/// Why bytes are not a lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// They are not strict JSON.
    #[error("zone.lock is not JSON")]
    NotJson(#[source] CanonicalError),
    /// They have another shape.
    #[error("zone.lock has another shape")]
    Shape(#[source] serde_json::Error),
    /// They are of another format.
    #[error("zone.lock is of format {found}, not {FORMAT}")]
    Format {
        /// Which.
        found: String,
    },
    /// Somebody edited them: the total does not fit.
    #[error("zone.lock was edited: its total does not fit the rest")]
    Edited,
}

impl Lock {
    /// Locks a manifest and the packs it names.
    pub fn of(zone_yaml: &[u8], packs: &[(PackPin, &PackFiles)]) -> Self {
        let locked = |(pin, files): &(PackPin, &PackFiles)| {
            let digests = files.digests();
            (
                pin.id.clone(),
                LockedPack {
                    version: pin.version.clone(),
                    digests,
                },
            )
        };
        let zone = Digest::of(Purpose::PackFile, zone_yaml);
        let packs: BTreeMap<PackItemId, LockedPack> = packs.iter().map(locked).collect();
        let total = total(&zone, &packs);
        Self {
            format: FORMAT.to_owned(),
            zone,
            packs,
            total,
        }
    }

    /// Reads a lock, refusing one whose parts do not add up.
    pub fn read(bytes: &[u8]) -> Result<Self, LockError> {
        let value = canonical::parse(bytes).map_err(LockError::NotJson)?;
        let lock: Self = serde_json::from_value(value).map_err(LockError::Shape)?;
        if lock.format != FORMAT {
            return Err(LockError::Format { found: lock.format });
        }
        let fits =
            |pack: &LockedPack| pack.digests.total == PackDigests::total_of(&pack.digests.files);
        if lock.total != total(&lock.zone, &lock.packs) || !lock.packs.values().all(fits) {
            return Err(LockError::Edited);
        }
        Ok(lock)
    }

    /// The text of the lock, one member a line for a person to compare.
    ///
    /// # Panics
    /// Never: texts and maps of texts serialise.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("texts and maps serialise");
        bytes.push(b'\n');
        bytes
    }

    /// The digest over everything.
    pub fn total(&self) -> Digest {
        self.total
    }

    /// The packs by id.
    pub fn packs(&self) -> &BTreeMap<PackItemId, LockedPack> {
        &self.packs
    }

    /// What differs between this lock and what is there, by name; empty if nothing does.
    pub fn check(&self, zone_yaml: &[u8], packs: &[(PackPin, &PackFiles)]) -> Vec<Drift> {
        let found = Self::of(zone_yaml, packs);
        let mut drifts = vec![];
        if self.zone != found.zone {
            drifts.push(Drift {
                place: "zone.yaml".to_owned(),
                kind: DriftKind::Changed,
            });
        }
        let ids: BTreeSet<&PackItemId> = self.packs.keys().chain(found.packs.keys()).collect();
        for id in ids {
            let place = || format!("packs/{id}");
            match (self.packs.get(id), found.packs.get(id)) {
                (Some(locked), Some(found)) => {
                    if locked.version != found.version {
                        drifts.push(Drift {
                            place: place(),
                            kind: DriftKind::Changed,
                        });
                    }
                    drifts.extend(file_drifts(&place(), &locked.digests, &found.digests));
                }
                (Some(_), None) => {
                    drifts.push(Drift {
                        place: place(),
                        kind: DriftKind::Missing,
                    });
                }
                (None, _) => drifts.push(Drift {
                    place: place(),
                    kind: DriftKind::Added,
                }),
            }
        }
        drifts
    }
}

fn file_drifts(place: &str, locked: &PackDigests, found: &PackDigests) -> Vec<Drift> {
    let paths: BTreeSet<&PackPath> = locked.files.keys().chain(found.files.keys()).collect();
    let drift = |path: &PackPath| {
        let kind = match (locked.files.get(path), found.files.get(path)) {
            (Some(locked), Some(found)) if locked == found => return None,
            (Some(_), Some(_)) => DriftKind::Changed,
            (Some(_), None) => DriftKind::Missing,
            (None, _) => DriftKind::Added,
        };
        Some(Drift {
            place: format!("{place}/{path}"),
            kind,
        })
    };
    paths.into_iter().filter_map(drift).collect()
}

fn total(zone: &Digest, packs: &BTreeMap<PackItemId, LockedPack>) -> Digest {
    let content = serde_json::json!({ "format": FORMAT, "zone": zone, "packs": packs });
    let bytes = to_vec_of(&content).expect("texts and maps have a canonical form");
    Digest::of(Purpose::ZoneLock, &bytes)
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DriftKind::Added => "is not in zone.lock",
            DriftKind::Missing => "is in zone.lock but not there",
            DriftKind::Changed => "differs from zone.lock",
        };
        write!(f, "{} {kind}", self.place)
    }
}
