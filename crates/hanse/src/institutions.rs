//! The institutions of the zone: the one list of them.

use api::scope::{Scope, WriteScope};
use journal::{
    Append, Declared, Event, Projection, ProjectionError, Records, WriterDecision, WriterRefusal,
};
use utoipa_axum::router::OpenApiRouter;

use crate::institution::{Execute, Institution, Tool};
use crate::state::Node;
use crate::{
    breath, compliance, credentials, entities, iris, notices, notifications, screening, zone,
};
use platform::principals;

/// Who may act. Its routes belong to the platform, which asks everybody who they are.
const PRINCIPALS: Institution = Institution {
    name: "principals",
    projections: &[
        ("principal.", principals::project),
        ("token.", principals::project),
        ("bootstrap.", principals::project),
    ],
    sealed: &[(
        "hanse/principal",
        Some(Scope::Write(WriteScope::AdminPrincipals)),
    )],
    ..Institution::NONE
};

/// Every institution.
pub const ALL: [Institution; 10] = [
    PRINCIPALS,
    zone::INSTITUTION,
    entities::INSTITUTION,
    screening::INSTITUTION,
    compliance::INSTITUTION,
    credentials::INSTITUTION,
    notifications::INSTITUTION,
    notices::INSTITUTION,
    breath::INSTITUTION,
    iris::INSTITUTION,
];

/// The routes of all institutions.
pub fn routes(node: &Node) -> OpenApiRouter {
    let all = ALL.iter().map(|institution| (institution.routes)());
    all.fold(OpenApiRouter::default(), OpenApiRouter::merge)
        .with_state(node.clone())
}

/// The executor of effects of `kind`.
pub fn executor(kind: &str) -> Option<Execute> {
    let effects = ALL.iter().flat_map(|institution| institution.effects);
    let mut found = effects.filter(|(known, _)| *known == kind);
    found.next().map(|(_, execute)| *execute)
}

/// The commands of institutions that people use from a terminal.
pub fn tools() -> impl Iterator<Item = Tool> {
    ALL.iter().filter_map(|institution| institution.tool)
}

/// Every kind of effect that an institution executes.
pub fn effect_kinds() -> impl Iterator<Item = &'static str> {
    let effects = ALL.iter().flat_map(|institution| institution.effects);
    effects.map(|(kind, _)| *kind)
}

/// The scope that opens the sealed streams of an area to a reader of the journal.
pub fn opened_by(area: &str) -> Option<Scope> {
    let mut sealed = ALL.iter().flat_map(|institution| institution.sealed);
    sealed
        .find(|(known, _)| *known == area)
        .and_then(|(_, scope)| *scope)
}

/// What runs inside each commit: what the institutions make of events, and what they have the writer decide. Kinds that none knows make no record.
#[derive(Clone, Copy, Debug)]
pub struct NodeProjection;

impl Projection for NodeProjection {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        let kind = event.kind.as_str();
        let project = ALL
            .iter()
            .find_map(|institution| institution.projection(kind));
        project.map_or(Ok(()), |project| project(event, records))
    }

    fn decide(
        &self,
        decision: &WriterDecision,
        records: &dyn Declared,
        prepared: &mut [Append],
    ) -> Result<(), WriterRefusal> {
        let mut rules = ALL.iter().flat_map(|institution| institution.rules);
        match rules.find(|(name, _)| *name == decision.rule) {
            Some((_, rule)) => rule(decision, records, prepared),
            None => Err(WriterRefusal::UnknownRule {
                rule: decision.rule.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_event_and_effect_belongs_to_one_institution() {
        let mut kinds = BTreeSet::new();
        for (kind, _) in ALL.iter().flat_map(|institution| institution.projections) {
            assert!(kinds.insert(*kind), "{kind} twice");
            let prefix = |other: &&&str| other.ends_with('.') && kind.starts_with(**other);
            assert_eq!(
                kinds.iter().filter(prefix).count(),
                usize::from(kind.ends_with('.')),
                "{kind}"
            );
        }
        let mut effects = BTreeSet::new();
        assert!(effect_kinds().all(|kind| effects.insert(kind)));
    }
}
