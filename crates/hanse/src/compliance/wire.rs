//! Judgements on the wire.

use api::compliance::{
    DenialView, DomainView, EvaluationView, EvidenceUseView, ReasonView, RulesView,
};
use law::compliance::{Denial, DomainResult, EvidenceUse, Operation, PackVersion, Reason};

use super::Evaluated;
use crate::entities::wire::time;

/// The operation in the law's terms.
pub(super) const fn operation(operation: api::compliance::Operation) -> Operation {
    use api::compliance::Operation as Wire;
    match operation {
        Wire::EntityFormation => Operation::EntityFormation,
        Wire::OwnershipChange => Operation::OwnershipChange,
        Wire::FiscalAccount => Operation::FiscalAccount,
        Wire::FiscalPayment => Operation::FiscalPayment,
        Wire::IdentityVerification => Operation::IdentityVerification,
        Wire::ConsentResolution => Operation::ConsentResolution,
        Wire::TradeFlow => Operation::TradeFlow,
    }
}

/// A judgement as it is shown.
pub(super) fn evaluation_view(evaluated: &Evaluated) -> EvaluationView {
    let domains = evaluated.domains.iter();
    EvaluationView {
        entity: evaluated.entity.to_string(),
        operation: evaluated.operation.to_string(),
        as_of: time(evaluated.as_of_ms),
        allowed: evaluated.denials.is_empty(),
        domains: domains
            .map(|(domain, result)| (domain.to_string(), domain_view(result)))
            .collect(),
        denials: evaluated.denials.iter().map(denial_view).collect(),
        rules: evaluated.rules.iter().map(rules_view).collect(),
        commitment: evaluated.commitment,
    }
}

fn domain_view(result: &DomainResult) -> DomainView {
    DomainView {
        state: result.state.to_string(),
        reasons: result.reasons.iter().map(reason_view).collect(),
        evidence: result.evidence.iter().map(evidence_use_view).collect(),
    }
}

fn denial_view(denial: &Denial) -> DenialView {
    DenialView {
        domain: denial.domain.to_string(),
        state: denial.state.to_string(),
        reasons: denial.reasons.iter().map(reason_view).collect(),
    }
}

fn reason_view(reason: &Reason) -> ReasonView {
    ReasonView {
        state: reason.state.to_string(),
        rule: reason.rule.clone(),
        clause: reason.clause.clone(),
        source: reason.source.clone(),
        url: reason.url.clone(),
        text: reason.text.clone(),
    }
}

fn evidence_use_view(used: &EvidenceUse) -> EvidenceUseView {
    EvidenceUseView {
        kind: used.kind.to_string(),
        issuer: used.issuer.clone(),
        digest: used.digest,
    }
}

fn rules_view(pack: &PackVersion) -> RulesView {
    RulesView {
        id: pack.id.to_string(),
        version: pack.version.clone(),
        digest: pack.digest,
    }
}
