//! A judgement in words: what blocks, under which clause of which source, and how each domain stands.

use law::compliance::{Denial, DomainResult, State};
use serde_json::{Value, json};

use super::Failure;
use super::output::plain;
use super::show::{self, text, words};

/// What an evaluation says.
#[derive(Debug)]
pub struct Judgement {
    denials: Vec<Denial>,
    /// Every domain by name.
    domains: Vec<(String, DomainResult)>,
}

/// The judgement in an answer.
///
/// # Errors
/// The zone answers in another form.
pub fn parse(answer: &Value) -> Result<Judgement, Failure> {
    let other = |error| Failure::refused(format!("answer holds no judgement: {error}"));
    let denials = serde_json::from_value(answer["denials"].clone()).map_err(other)?;
    let domains = answer["domains"].as_object().into_iter().flatten();
    let domains = domains.map(|(name, result)| {
        let result = serde_json::from_value(result.clone()).map_err(other)?;
        Ok((name.clone(), result))
    });
    let domains = domains.collect::<Result<_, Failure>>()?;
    Ok(Judgement { denials, domains })
}

/// A judgement in words.
pub fn explain(answer: &Value, judgement: &Judgement) -> Vec<String> {
    let Judgement { denials, domains } = judgement;
    let operation = text(answer, "operation");
    let mut lines = vec![match denials.len() {
        0 => format!("ALLOWED: nothing blocks {operation}"),
        1 => format!("DENIED: one domain blocks {operation}"),
        count => format!("DENIED: {count} domains block {operation}"),
    }];
    lines.extend(denials.iter().flat_map(explain_denial));
    lines.push(String::new());
    lines.extend(standing(domains));
    lines.push(String::new());
    lines.extend(show::fields(&[
        ("entity", text(answer, "entity")),
        ("as of", text(answer, "as_of")),
        ("rules", rules(answer)),
        ("commitment", text(answer, "commitment")),
    ]));
    lines
}

fn explain_denial(denial: &Denial) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!("{}: {}", denial.domain, name(denial.state)),
    ];
    for reason in &denial.reasons {
        lines.push(format!("  - {}", clean(&reason.text)));
        lines.push(format!(
            "    {}, {}",
            clean(&reason.clause),
            clean(&reason.source)
        ));
        lines.push(format!(
            "    {} (rule {})",
            clean(&reason.url),
            clean(&reason.rule)
        ));
    }
    lines
}

/// The domains by state, worst first; the twenty are most readable as a few lines.
fn standing(domains: &[(String, DomainResult)]) -> Vec<String> {
    let of = |state: State| {
        let names = domains.iter().filter(|(_, result)| result.state == state);
        names
            .map(|(name, _)| clean(name))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let rows: Vec<(String, String)> = State::ALL
        .into_iter()
        .map(|state| (name(state), of(state)))
        .collect();
    let rows: Vec<(&str, String)> = rows
        .iter()
        .map(|(name, domains)| (name.as_str(), domains.clone()))
        .collect();
    show::fields(&rows)
}

fn rules(answer: &Value) -> String {
    let packs = answer["rules"].as_array().map_or(&[][..], Vec::as_slice);
    let pack = |pack: &Value| {
        format!(
            "{} {} {}",
            text(pack, "id"),
            text(pack, "version"),
            text(pack, "digest")
        )
    };
    packs.iter().map(pack).collect::<Vec<_>>().join("; ")
}

fn name(state: State) -> String {
    words(&json!(state))
}

fn clean(text: &str) -> String {
    plain(&Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_shows_domain_clause_source_and_url() {
        let reason = json!({
            "state": "pending", "rule": "pk/name", "clause": "s. 10", "source": "Companies Act, 2017",
            "url": "https://law.example/", "text": "the name must be available",
        });
        let answer = json!({
            "entity": "e", "operation": "entity.formation", "as_of": "2026-01-02T03:04:05Z",
            "denials": [{"domain": "corporate", "state": "pending", "reasons": [reason]}],
            "domains": {
                "corporate": {"state": "pending", "reasons": [reason], "evidence": []},
                "tax": {"state": "not_applicable", "reasons": [], "evidence": []},
                "kyc": {"state": "compliant", "reasons": [], "evidence": []},
            },
            "rules": [{"id": "pk", "version": "1", "digest": "sha256:00"}],
            "commitment": "sha256:11",
        });
        let judgement = parse(&answer).unwrap();
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
            "rules       pk 1 sha256:00",
            "commitment  sha256:11",
        ];
        assert_eq!(explain(&answer, &judgement), expected);
    }
}
