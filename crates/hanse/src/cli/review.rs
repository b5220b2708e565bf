//! `hanse review`: hits that wait for a person.

use std::str::FromStr;

use api::screening::{DecisionBody, Finding, HitName, ReviewView};
use clap::Subcommand;
use serde_json::Value;

use super::client::Client;
use super::input::{one_of, segment};
use super::show::{self, maybe, text, words};
use super::{Failure, Global, screen};

const COLUMNS: [&str; 6] = ["state", "verdict", "hits", "best", "party", "id"];

/// See the hits that wait for a person, and decide on them.
#[derive(Debug, Subcommand)]
pub enum Review {
    /// List the screenings of parties as cases.
    List {
        /// Only those that wait for a decision.
        #[arg(long)]
        open: bool,
        /// Only those of this entity.
        #[arg(long, value_name = "ENTITY", value_parser = segment)]
        entity: Option<String>,
    },
    /// Show one case: the hits, what their scores consist of, the decisions so far.
    Show {
        /// The id of the case.
        #[arg(value_parser = segment)]
        id: String,
    },
    /// Decide on the hits of a case. The decision holds until the party or the listed entry changes.
    Decide {
        /// The id of the case.
        #[arg(value_parser = segment)]
        id: String,
        /// What was found.
        #[arg(long, value_parser = one_of::<Finding>(Finding::TEXTS))]
        finding: Finding,
        /// Why, for those who read the journal.
        #[arg(long)]
        reason: String,
        /// A hit it is about; all undecided ones when absent. Repeat for several.
        #[arg(long = "hit", value_name = "LIST/ENTRY")]
        hits: Vec<Hit>,
    },
}

/// A hit by the listed entry, as it is typed.
#[derive(Clone, Debug)]
pub struct Hit(HitName);

/// A text that names no hit.
#[derive(Debug, thiserror::Error)]
#[error("a hit is LIST/ENTRY, such as ofac-sdn/36")]
pub struct NotAHit;

impl FromStr for Hit {
    type Err = NotAHit;

    fn from_str(text: &str) -> Result<Self, NotAHit> {
        let (list, entry_id) = text.split_once('/').ok_or(NotAHit)?;
        Ok(Self(HitName {
            list: list.to_owned(),
            entry_id: entry_id.to_owned(),
        }))
    }
}

impl Review {
    /// Does it.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let (client, output) = (Client::connect(global)?, global.output());
        match self {
            Self::List { open, entity } => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                if *open {
                    query.append_pair("open", "true");
                }
                if let Some(entity) = entity {
                    query.append_pair("entity", entity);
                }
                let cases = client.list(&format!("/v1/reviews?{}", query.finish()))?;
                show::table(output, &cases, &COLUMNS, cells);
                Ok(())
            }
            Self::Show { id } => {
                let case = client.read::<ReviewView>(&format!("/v1/reviews/{id}"))?;
                let screening = screen::parse(&case.raw)?;
                show::answer(output, &case.raw, || {
                    let mut lines = heading(&case.body);
                    lines.push(String::new());
                    lines.extend(screen::explain(&screening));
                    lines.extend(decisions(&case.body));
                    lines
                });
                Ok(())
            }
            Self::Decide {
                id,
                finding,
                reason,
                hits,
            } => {
                let hits = hits.iter().map(|Hit(name)| name.clone());
                let hits: Vec<HitName> = hits.collect();
                let body = DecisionBody {
                    finding: *finding,
                    hits: (!hits.is_empty()).then_some(hits),
                    reason: reason.clone(),
                };
                let path = format!("/v1/reviews/{id}/decision");
                let case = client.send::<ReviewView>(&path, &body)?;
                show::answer(output, &case.raw, || {
                    let mut lines = heading(&case.body);
                    lines.extend(decisions(&case.body));
                    lines.extend(show::receipt(&case.raw));
                    lines
                });
                Ok(())
            }
        }
    }
}

fn cells(case: &ReviewView) -> [String; 6] {
    let hits = case.screening["hits"].as_array();
    let hits = hits.map_or(&[][..], Vec::as_slice);
    let best = hits.iter().filter_map(|hit| hit["score_bp"].as_u64()).max();
    [
        state(case).to_owned(),
        case.verdict.clone(),
        hits.len().to_string(),
        maybe(&best.map(show::percent)),
        party(case),
        case.id.clone(),
    ]
}

fn state(case: &ReviewView) -> &'static str {
    if case.open { "open" } else { "closed" }
}

/// The company, or a person; who that is stands in the register.
fn party(case: &ReviewView) -> String {
    let kind = case.party.split(':').next();
    kind.unwrap_or_default().to_owned()
}

fn heading(case: &ReviewView) -> Vec<String> {
    show::fields(&[
        ("case", case.id.clone()),
        ("entity", case.entity.clone()),
        ("party", case.party.clone()),
        ("state", state(case).to_owned()),
        ("verdict", case.verdict.clone()),
    ])
}

fn decisions(case: &ReviewView) -> Vec<String> {
    let line = |decision: &Value| {
        format!(
            "{} by {} on entry {} of {}, {}: {}",
            words(&text(decision, "finding")),
            text(decision, "by"),
            text(decision, "entry_id"),
            text(decision, "list"),
            text(decision, "at"),
            text(decision, "reason"),
        )
    };
    case.decisions.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case() -> ReviewView {
        let case = json!({
            "id": "e.company", "entity": "e", "party": "person:1", "open": true, "verdict": "review",
            "screening": {"hits": [{"score_bp": 8_100}, {"score_bp": 9_000}]},
            "decisions": [{
                "finding": "false_positive", "by": "rev", "entry_id": "7", "list": "ofac-sdn",
                "at": "2026-01-02T03:04:05Z", "reason": "another birth date",
            }],
        });
        serde_json::from_value(case).unwrap()
    }

    #[test]
    fn a_case_is_one_row_with_its_best_score() {
        let expected = ["open", "review", "2", "90.00 %", "person", "e.company"];
        assert_eq!(cells(&case()), expected);
    }

    #[test]
    fn a_decision_says_who_found_what_and_why() {
        assert_eq!(
            decisions(&case()),
            [
                "false positive by rev on entry 7 of ofac-sdn, 2026-01-02T03:04:05Z: another birth date"
            ]
        );
    }
}
