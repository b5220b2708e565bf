//! Packs: law as reviewable text.
//!
//! ```text
//! pack.yaml         id, version, jurisdiction, period, sources
//! regulators.yaml   authorities
//! register.yaml     entity types, activities, licences, fees
//! evidence.yaml     kinds of evidence
//! policies/*.cedar  rules, each tied to a clause of a source
//! tests/*.yaml      cases that the rules must decide as stated
//! texts/*.xml       summaries of law as Akoma Ntoso, for people
//! ```

mod cases;
mod diff;
mod files;
mod load;
mod manifest;

use evidence::digest::Digest;
use ids::{JurisdictionId, PackItemId};
use jiff::civil::Date;

use crate::compliance::rule::Rule;
use crate::compliance::{Domain, PackVersion, Reason, State};

pub use cases::{CaseOutcome, CasesError, run_tests};
pub use diff::{Change, diff};
pub use files::{InvalidPath, PackDigests, PackFiles, PackPath};
pub use load::{PackError, Sort};
pub use manifest::{
    Activity, Checked, EntityType, EvidenceKind, Fee, Licence, PackFormat, PackManifest, Register,
    Regulator, Source,
};

/// A law pack that was read whole and found consistent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    manifest: PackManifest,
    regulators: Vec<Regulator>,
    register: Register,
    evidence_kinds: Vec<EvidenceKind>,
    rules: Vec<Rule>,
    digest: Digest,
}

impl Pack {
    /// Its id.
    pub fn id(&self) -> &PackItemId {
        &self.manifest.id
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.manifest.title
    }

    /// `pack.yaml`.
    pub fn manifest(&self) -> &PackManifest {
        &self.manifest
    }

    /// `regulators.yaml`.
    pub fn regulators(&self) -> &[Regulator] {
        &self.regulators
    }

    /// `register.yaml`.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// `evidence.yaml`.
    pub fn evidence_kinds(&self) -> &[EvidenceKind] {
        &self.evidence_kinds
    }

    /// The digest over its every byte.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What identifies exactly this pack.
    pub fn pinned(&self) -> PackVersion {
        PackVersion {
            id: self.manifest.id.clone(),
            version: self.manifest.version.clone(),
            digest: self.digest,
        }
    }

    /// Whether its law holds in `jurisdiction`: its own, or one that lies in it.
    pub fn applies_in(&self, jurisdiction: &JurisdictionId) -> bool {
        let own = self.manifest.jurisdiction.as_str();
        jurisdiction
            .as_str()
            .strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Whether it may be applied on `day`.
    pub fn is_in_force(&self, day: Date) -> bool {
        self.manifest.effective_from <= day && self.manifest.effective_to.is_none_or(|to| day < to)
    }

    /// The ids of its rules with their domains, for listings.
    pub fn rule_ids(&self) -> impl Iterator<Item = (&PackItemId, &[Domain])> {
        self.rules
            .iter()
            .map(|rule| (&rule.id, rule.domains.as_slice()))
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What a rule says, with the source where it can be read.
    pub(crate) fn reason(&self, rule: &Rule, state: State) -> Reason {
        let source = self
            .manifest
            .sources
            .iter()
            .find(|source| source.id == rule.source);
        let source = source.expect("loading checked that every rule cites a source of the pack");
        Reason {
            state,
            rule: format!("{}/{}", self.manifest.id, rule.id),
            clause: rule.clause.clone(),
            source: source.citation.clone(),
            url: source.url.clone(),
            text: rule.text.clone(),
        }
    }
}
