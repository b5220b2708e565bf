//! `hanse screen`: a name on the lists in force, and why it matches.

use std::str::FromStr;

use api::screening::{DocumentNumber, InquiryBody, PartyKind};
use clap::Args;
use jiff::civil::Date;
use sanctions::{Feature, FeatureKind, Finding, Hit, Reason, Screening, Verdict};
use serde_json::Value;

use super::client::Client;
use super::input::one_of;
use super::output::plain;
use super::show::{self, percent};
use super::{Failure, Global};

/// Screen a name on the lists in force; the zone journals the inquiry, sealed.
#[derive(Debug, Args)]
pub struct Screen {
    /// The name, in any script. Repeat for several names of one party; none with `--identifier` asks for that alone.
    #[arg(required_unless_present = "identifier", value_name = "NAME")]
    names: Vec<String>,
    /// What the party is.
    #[arg(long, default_value = "unknown", value_parser = one_of::<PartyKind>(PartyKind::TEXTS))]
    kind: PartyKind,
    /// The date of birth, such as 1970-01-31. Repeat for several.
    #[arg(long, value_name = "DATE")]
    born: Vec<Date>,
    /// Nationality, residence or registration. Repeat for several.
    #[arg(long, value_name = "COUNTRY")]
    country: Vec<String>,
    /// A document or registration number, such as passport=AB123456. Repeat for several.
    #[arg(long, value_name = "KIND=VALUE")]
    identifier: Vec<Identifier>,
}

/// A number with whose it is, as it is typed.
#[derive(Clone, Debug)]
struct Identifier(DocumentNumber);

#[derive(Debug, thiserror::Error)]
#[error("an identifier is KIND=VALUE, such as passport=AB123456")]
struct NotAnIdentifier;

impl FromStr for Identifier {
    type Err = NotAnIdentifier;

    fn from_str(text: &str) -> Result<Self, NotAnIdentifier> {
        match text.split_once('=') {
            Some((kind, value)) if !kind.is_empty() && !value.is_empty() => {
                Ok(Self(DocumentNumber {
                    kind: kind.to_owned(),
                    value: value.to_owned(),
                }))
            }
            _ => Err(NotAnIdentifier),
        }
    }
}

impl Screen {
    /// Does it. A match is an answer, not a failure.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let identifiers = self.identifier.iter();
        let body = InquiryBody {
            names: self.names.clone(),
            kind: self.kind,
            dates_of_birth: self.born.clone(),
            identifiers: identifiers.map(|Identifier(it)| it.clone()).collect(),
            countries: self.country.clone(),
        };
        let answer = Client::connect(global)?.post("/v1/screenings", &body)?;
        let screening = parse(&answer)?;
        show::answer(global.output(), &answer, || {
            let mut lines = explain(&screening);
            lines.extend(show::receipt(&answer));
            lines
        });
        Ok(())
    }
}

/// The screening in an answer.
///
/// # Errors
/// The zone answers in another form.
pub fn parse(answer: &Value) -> Result<Screening, Failure> {
    serde_json::from_value(answer["screening"].clone())
        .map_err(|error| Failure::refused(format!("answer holds no screening: {error}")))
}

/// A screening in words: verdict, reasons, hits with what their scores consist of, lists.
pub fn explain(screening: &Screening) -> Vec<String> {
    let mut lines = vec![verdict(screening.verdict).to_owned()];
    lines.extend(
        screening
            .reasons
            .iter()
            .map(|reason| format!("  {}", because(reason))),
    );
    for hit in &screening.hits {
        lines.push(String::new());
        lines.extend(explain_hit(hit));
    }
    lines.push(String::new());
    let lists = screening.lists.iter().map(|list| {
        format!(
            "searched {} {} of {}, {} days old, {}",
            clean(&list.name),
            clean(&list.version),
            list.published,
            list.age_days,
            list.digest
        )
    });
    lines.extend(lists);
    lines
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clear => "CLEAR: nobody on the lists comes near",
        Verdict::Review => "REVIEW: a person must look at the hits",
        Verdict::Block => "BLOCK: listed, or there is no trustworthy answer",
    }
}

fn explain_hit(hit: &Hit) -> Vec<String> {
    let finding = match hit.finding {
        None => "",
        Some(Finding::TrueMatch) => ", found to be the listed party",
        Some(Finding::FalsePositive) => ", found to be somebody else",
    };
    let programs = match hit.programs.as_slice() {
        [] => String::new(),
        programs => format!(" [{}]", clean(&programs.join(", "))),
    };
    let mut lines = vec![format!(
        "{}  {}{programs}{finding}",
        percent(hit.score_bp.into()),
        clean(&hit.entry_name)
    )];
    let entry = format!("  entry {} of {}", clean(&hit.entry_id), clean(&hit.list));
    lines.push(match hit.query_name.as_str() {
        "" => entry,
        name => format!(
            "{entry}; `{}` compared with listed name `{}`: {}",
            clean(name),
            clean(&hit.matched_name),
            percent(hit.name_score_bp.into())
        ),
    });
    lines.extend(
        hit.features
            .iter()
            .map(|feature| format!("  - {}", explain_feature(feature))),
    );
    lines
}

fn explain_feature(feature: &Feature) -> String {
    let (query, listed) = (clean(&feature.query), clean(&feature.listed));
    let alike = percent(feature.similarity_bp.into());
    match feature.kind {
        FeatureKind::Exact => format!("`{query}` is the same word"),
        FeatureKind::Variant => {
            format!("`{query}` and `{listed}` are spellings of one name: {alike}")
        }
        FeatureKind::Translation => format!("`{query}` is `{listed}` in another language: {alike}"),
        FeatureKind::Sound => format!("`{query}` sounds like `{listed}`: {alike}"),
        FeatureKind::Transliteration => {
            format!("`{query}` and `{listed}` agree in a script without short vowels: {alike}")
        }
        FeatureKind::Skeleton => format!("`{query}` has the consonants of `{listed}`: {alike}"),
        FeatureKind::Edit => format!("`{query}` is a few letters from `{listed}`: {alike}"),
        FeatureKind::Initial => format!("`{query}` and `{listed}` share an initial: {alike}"),
        FeatureKind::Truncated => {
            format!("`{query}` and `{listed}`: one is the other cut off: {alike}")
        }
        FeatureKind::Joined => format!("`{query}` is `{listed}`, joined or split: {alike}"),
        FeatureKind::Unmatched if query.is_empty() => {
            format!("listed `{listed}` has no counterpart in the name")
        }
        FeatureKind::Unmatched => format!("`{query}` has no counterpart in the listed name"),
        FeatureKind::Identifier => format!("identifier `{query}` is the same: confirms"),
        FeatureKind::BirthDate => format!("birth date {query} agrees with {listed}: supports"),
        FeatureKind::BirthDateDiffers => {
            format!("birth date {query} differs from {listed}: noted, lowers nothing")
        }
        FeatureKind::KindDiffers => {
            format!("a {query} was asked for, and a {listed} is listed: lowers by a tenth")
        }
        FeatureKind::Country => format!("country {query} is the same: supports"),
    }
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::NoListRequired {} => "the zone requires no list".to_owned(),
        Reason::NoLegibleName {} => "there is no name to compare, and no identifier".to_owned(),
        Reason::ListMissing { list } => format!("list {} is not there", clean(list)),
        Reason::ListFailed { list } => format!("list {} cannot be read", clean(list)),
        Reason::ListStale {
            list,
            age_days,
            age_days_max,
        } => {
            format!(
                "list {} is {age_days} days old; {age_days_max} are allowed",
                clean(list)
            )
        }
        Reason::ListFromTheFuture { list } => {
            format!("list {} claims to be published after today", clean(list))
        }
        Reason::StrongHit {
            list,
            entry_id,
            score_bp,
        } => {
            let score = percent((*score_bp).into());
            format!(
                "entry {} of {} scores {score}",
                clean(entry_id),
                clean(list)
            )
        }
        Reason::HitToReview {
            list,
            entry_id,
            score_bp,
        } => {
            let score = percent((*score_bp).into());
            format!(
                "entry {} of {} scores {score} and waits for a reviewer",
                clean(entry_id),
                clean(list)
            )
        }
        Reason::ConfirmedMatch { list, entry_id } => {
            format!(
                "a reviewer found entry {} of {} to be the party",
                clean(entry_id),
                clean(list)
            )
        }
        Reason::DismissedHit { list, entry_id } => {
            format!(
                "a reviewer found entry {} of {} to be somebody else",
                clean(entry_id),
                clean(list)
            )
        }
    }
}

fn clean(text: &str) -> String {
    plain(&Value::from(text))
}

#[cfg(test)]
mod tests {
    use evidence::digest::Digest;
    use sanctions::{ListUse, Policy};

    use super::*;

    fn feature(kind: FeatureKind, query: &str, listed: &str, similarity_bp: u32) -> Feature {
        Feature {
            kind,
            query: query.to_owned(),
            listed: listed.to_owned(),
            similarity_bp,
            weight: 100,
        }
    }

    fn screening() -> Screening {
        let digest = Digest::raw(b"list");
        let hit = Hit {
            list: "ofac-sdn".to_owned(),
            entry_id: "7".to_owned(),
            entry: digest,
            entry_name: "DOE, Muhammad".to_owned(),
            query_name: "Mohamed Doe".to_owned(),
            matched_name: "DOE, Muhammad".to_owned(),
            programs: vec!["SDGT".to_owned()],
            score_bp: 9_600,
            name_score_bp: 9_400,
            features: vec![
                feature(FeatureKind::Variant, "mohamed", "muhammad", 9_500),
                feature(FeatureKind::Exact, "doe", "doe", 10_000),
                feature(FeatureKind::BirthDateDiffers, "1970-01-01", "1960", 0),
            ],
            finding: None,
        };
        Screening {
            verdict: Verdict::Block,
            subject: digest,
            as_of: "2026-01-02T03:04:05Z".parse().unwrap(),
            policy: Policy::standard(vec![]),
            lists: vec![ListUse {
                name: "ofac-sdn".to_owned(),
                version: "2021-07".to_owned(),
                published: "2021-07-01".parse().unwrap(),
                digest,
                age_days: 3,
            }],
            reasons: vec![Reason::StrongHit {
                list: "ofac-sdn".to_owned(),
                entry_id: "7".to_owned(),
                score_bp: 9_600,
            }],
            hits: vec![hit],
        }
    }

    #[test]
    fn a_hit_is_explained_with_score_features_list_and_digest() {
        let expected = [
            "BLOCK: listed, or there is no trustworthy answer",
            "  entry 7 of ofac-sdn scores 96.00 %",
            "",
            "96.00 %  DOE, Muhammad [SDGT]",
            "  entry 7 of ofac-sdn; `Mohamed Doe` compared with listed name `DOE, Muhammad`: 94.00 %",
            "  - `mohamed` and `muhammad` are spellings of one name: 95.00 %",
            "  - `doe` is the same word",
            "  - birth date 1970-01-01 differs from 1960: noted, lowers nothing",
            "",
        ];
        let lines = explain(&screening());
        assert_eq!(lines[..9], expected);
        let digest = Digest::raw(b"list");
        assert_eq!(
            lines[9],
            format!("searched ofac-sdn 2021-07 of 2021-07-01, 3 days old, {digest}")
        );
    }

    #[test]
    fn what_a_reviewer_found_is_said() {
        let mut reviewed = screening();
        reviewed.hits[0].finding = Some(Finding::FalsePositive);
        let lines = explain(&reviewed);
        assert!(
            lines[3].ends_with("found to be somebody else"),
            "{}",
            lines[3]
        );
    }

    #[test]
    fn a_listed_name_cannot_move_the_cursor() {
        let mut hostile = screening();
        hostile.hits[0].entry_name = "A\u{1b}[2J\nB".to_owned();
        assert!(
            explain(&hostile)
                .iter()
                .all(|line| !line.contains(char::is_control))
        );
    }

    #[test]
    fn identifiers_have_a_kind_and_a_value() {
        assert!(
            "passport=AB=1"
                .parse::<Identifier>()
                .is_ok_and(|Identifier(it)| it.value == "AB=1")
        );
        for text in ["passport", "=1", "passport=", ""] {
            assert!(text.parse::<Identifier>().is_err(), "{text:?}");
        }
    }
}
