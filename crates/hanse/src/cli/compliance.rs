//! A judgement in words: what blocks, under which clause of which source, and how each domain stands.

use api::compliance::{DenialView, EvaluationView};

use super::show::{self, words};

/// The states of a domain, worst first.
const STATES: [&str; 5] = [
    "non_compliant",
    "pending",
    "not_applicable",
    "exempt",
    "compliant",
];

/// A judgement in words.
pub fn explain(judgement: &EvaluationView) -> Vec<String> {
    let operation = &judgement.operation;
    let mut lines = vec![match judgement.denials.len() {
        0 => format!("ALLOWED: nothing blocks {operation}"),
        1 => format!("DENIED: one domain blocks {operation}"),
        count => format!("DENIED: {count} domains block {operation}"),
    }];
    lines.extend(judgement.denials.iter().flat_map(explain_denial));
    lines.push(String::new());
    lines.extend(by_state(judgement));
    lines.push(String::new());
    let rules = judgement.rules.iter();
    let rules = rules.map(|it| format!("{} {} {}", it.id, it.version, it.digest));
    lines.extend(show::fields(&[
        ("entity", judgement.entity.clone()),
        ("as of", judgement.as_of.to_string()),
        ("rules", rules.collect::<Vec<_>>().join("; ")),
        ("commitment", judgement.commitment.to_string()),
    ]));
    lines
}

fn explain_denial(denial: &DenialView) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!("{}: {}", denial.domain, words(&denial.state)),
    ];
    for reason in &denial.reasons {
        lines.push(format!("  - {}", reason.text));
        lines.push(format!("    {}, {}", reason.clause, reason.source));
        lines.push(format!("    {} (rule {})", reason.url, reason.rule));
    }
    lines
}

/// The domains by state; the twenty are most readable as a few lines. A state of a newer zone comes last.
fn by_state(judgement: &EvaluationView) -> Vec<String> {
    let mut states: Vec<&str> = STATES.to_vec();
    for result in judgement.domains.values() {
        if !states.contains(&result.state.as_str()) {
            states.push(&result.state);
        }
    }
    let names = |state: &str| {
        let of_state = judgement.domains.iter().filter(|(_, it)| it.state == state);
        of_state.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    let labels: Vec<String> = states.iter().map(|state| words(state)).collect();
    let rows = labels.iter().zip(&states);
    let rows: Vec<_> = rows
        .map(|(label, state)| (label.as_str(), names(state).join(", ")))
        .collect();
    show::fields(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_denial_shows_domain_clause_source_and_url() {
        let digest = |byte: u8| format!("sha256:{}", format!("{byte:02x}").repeat(32));
        let reason = json!({
            "state": "pending", "rule": "pk/name", "clause": "s. 10", "source": "Companies Act, 2017",
            "url": "https://law.example/", "text": "the name must be available",
        });
        let answer = json!({
            "entity": "e", "operation": "entity.formation", "as_of": "2026-01-02T03:04:05Z",
            "allowed": false, "denials": [{"domain": "corporate", "state": "pending", "reasons": [reason]}],
            "domains": {
                "corporate": {"state": "pending", "reasons": [reason], "evidence": []},
                "tax": {"state": "not_applicable", "reasons": [], "evidence": []},
                "kyc": {"state": "compliant", "reasons": [], "evidence": []},
            },
            "rules": [{"id": "pk", "version": "1", "digest": digest(0)}],
            "commitment": digest(1),
        });
        let judgement: EvaluationView = serde_json::from_value(answer).unwrap();
        let expected = [
            "DENIED: one domain blocks entity.formation",
            "",
            "corporate: pending",
            "  - the name must be available",
            "    s. 10, Companies Act, 2017",
            "    https://law.example/ (rule pk/name)",
            "",
            "pending         corporate",
            "not applicable  tax",
            "compliant       kyc",
            "",
            "entity      e",
            "as of       2026-01-02T03:04:05Z",
            &format!("rules       pk 1 {}", digest(0)),
            &format!("commitment  {}", digest(1)),
        ];
        assert_eq!(explain(&judgement), expected);
    }
}
