//! `zone.yaml` as types.

use std::collections::BTreeMap;

use ids::{ActorId, JurisdictionId, PackItemId, ZoneId};
use serde::Serialize;

use crate::compliance::{Authority, Domain, Gate, Operation};

/// A zone's manifest, read whole and found valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// Id of the zone, also the audience of its tokens.
    pub zone_id: ZoneId,
    /// Its name for people.
    pub name: String,
    /// The layers of law from general to specific. Entities are registered in the last.
    pub jurisdiction_stack: Vec<JurisdictionId>,
    /// Who runs it.
    pub operator: Operator,
    /// Origin line of the checkpoints of its log, such as `zone.example.org/log`.
    pub log_origin: String,
    /// The packs it is made of.
    pub packs: Vec<PackPin>,
    /// Gates beyond those that every zone has, by operation.
    pub compliance_domains: BTreeMap<Operation, BTreeMap<Domain, Gate>>,
    /// How parties are screened.
    pub screening: ScreeningPolicy,
    /// How applications are reviewed.
    pub review: ReviewPolicy,
    /// Whose attestations count.
    pub authorities: Vec<Authority>,
    /// Principals who may read everything and change nothing.
    pub regulators: Vec<ActorId>,
}

/// Who runs a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    /// Name.
    pub name: String,
    /// Where to write to.
    pub contact: String,
}

/// A pack at a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackPin {
    /// Id of the pack, which is also its folder.
    pub id: PackItemId,
    /// Its version.
    pub version: String,
}

/// How parties are screened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScreeningPolicy {
    /// The lists that must be searched; at least one.
    pub lists: Vec<PackItemId>,
    /// From how many days after its publication a list is stale, and blocks.
    pub list_age_max_days: u32,
    /// How long a screening counts.
    pub screening_age_max_hours: u32,
    /// Scores from here on go to a reviewer, in hundredths of a per cent.
    pub review_from_bps: u16,
    /// Scores from here on block.
    pub block_from_bps: u16,
}

/// How applications are reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReviewPolicy {
    /// How many different reviewers must approve.
    pub approvals_required: u8,
}

impl Manifest {
    /// Where entities are registered: the most specific layer.
    ///
    /// # Panics
    /// Never: a manifest has at least one layer.
    pub fn jurisdiction(&self) -> &JurisdictionId {
        self.jurisdiction_stack
            .last()
            .expect("reading checked that there is a layer")
    }

    /// All gates of an operation: those that every zone has, with the zone's own added. Where both
    /// name a domain the stricter holds.
    pub fn gates(&self, operation: Operation) -> BTreeMap<Domain, Gate> {
        let mut gates = operation.gates();
        for (domain, gate) in self
            .compliance_domains
            .get(&operation)
            .into_iter()
            .flatten()
        {
            let strictest = gates
                .get(domain)
                .map_or(*gate, |default| *default.max(gate));
            gates.insert(*domain, strictest);
        }
        gates
    }

    /// How long a screening counts, in milliseconds.
    pub fn screening_age_max_ms(&self) -> i64 {
        i64::from(self.screening.screening_age_max_hours) * 60 * 60 * 1000
    }
}
