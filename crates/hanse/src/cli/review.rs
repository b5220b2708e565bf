//! `hanse review`: hits that wait for a person.

use std::str::FromStr;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::Client;
use super::input::segment;
use super::show::{self, text, words};
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
        #[arg(long, value_enum)]
        finding: Finding,
        /// Why, for those who read the journal.
        #[arg(long)]
        reason: String,
        /// A hit it is about; all undecided ones when absent. Repeat for several.
        #[arg(long = "hit", value_name = "LIST/ENTRY")]
        hits: Vec<HitName>,
    },
}

/// What a reviewer found.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Finding {
    /// The party is somebody else.
    FalsePositive,
    /// The party is the listed one.
    TrueMatch,
}

/// A hit by the listed entry.
#[derive(Clone, Debug)]
pub struct HitName {
    list: String,
    entry_id: String,
}

/// A text that names no hit.
#[derive(Debug, thiserror::Error)]
#[error("a hit is LIST/ENTRY, such as ofac-sdn/36")]
pub struct NotAHit;

impl FromStr for HitName {
    type Err = NotAHit;

    fn from_str(text: &str) -> Result<Self, NotAHit> {
        let (list, entry_id) = text.split_once('/').ok_or(NotAHit)?;
        Ok(Self {
            list: list.to_owned(),
            entry_id: entry_id.to_owned(),
        })
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
                let cases = client.get_all(&format!("/v1/reviews?{}", query.finish()))?;
                show::raw_table(output, &cases, &COLUMNS, cells);
                Ok(())
            }
            Self::Show { id } => {
                let case = client.get(&format!("/v1/reviews/{id}"))?;
                let screening = screen::parse(&case)?;
                show::answer(output, &case, || {
                    let mut lines = heading(&case);
                    lines.push(String::new());
                    lines.extend(screen::explain(&screening));
                    lines.extend(decisions(&case));
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
                let finding = finding.to_possible_value();
                let mut body = json!({
                    "finding": finding.as_ref().map(|finding| finding.get_name()), "reason": reason,
                });
                if !hits.is_empty() {
                    let hit = |hit: &HitName| json!({"list": hit.list, "entry_id": hit.entry_id});
                    body["hits"] = hits.iter().map(hit).collect();
                }
                let case = client.post(&format!("/v1/reviews/{id}/decision"), &body)?;
                show::answer(output, &case, || {
                    let mut lines = heading(&case);
                    lines.extend(decisions(&case));
                    lines.extend(show::receipt(&case));
                    lines
                });
                Ok(())
            }
        }
    }
}

fn cells(case: &Value) -> Value {
    let hits = case["screening"]["hits"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let best = hits.iter().filter_map(|hit| hit["score_bp"].as_u64()).max();
    json!({
        "state": state(case),
        "verdict": case["verdict"],
        "hits": hits.len(),
        "best": best.map(show::percent),
        "party": party(case),
        "id": case["id"],
    })
}

fn state(case: &Value) -> &'static str {
    if case["open"] == true {
        "open"
    } else {
        "closed"
    }
}

/// The company, or a person; who that is stands in the register.
fn party(case: &Value) -> String {
    text(case, "party")
        .split(':')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn heading(case: &Value) -> Vec<String> {
    show::fields(&[
        ("case", text(case, "id")),
        ("entity", text(case, "entity")),
        ("party", text(case, "party")),
        ("state", state(case).to_owned()),
        ("verdict", text(case, "verdict")),
    ])
}

fn decisions(case: &Value) -> Vec<String> {
    let decisions = case["decisions"].as_array().map_or(&[][..], Vec::as_slice);
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
    decisions.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_one_row_with_its_best_score() {
        let case = json!({
            "id": "e.company", "party": "person:1", "open": true, "verdict": "review",
            "screening": {"hits": [{"score_bp": 8_100}, {"score_bp": 9_000}]},
        });
        let expected = json!({
            "state": "open", "verdict": "review", "hits": 2, "best": "90.00 %", "party": "person",
            "id": "e.company",
        });
        assert_eq!(cells(&case), expected);
    }

    #[test]
    fn a_decision_says_who_found_what_and_why() {
        let case = json!({"decisions": [{
            "finding": "false_positive", "by": "rev", "entry_id": "7", "list": "ofac-sdn",
            "at": "2026-01-02T03:04:05Z", "reason": "another birth date",
        }]});
        assert_eq!(
            decisions(&case),
            [
                "false positive by rev on entry 7 of ofac-sdn, 2026-01-02T03:04:05Z: another birth date"
            ]
        );
    }
}
