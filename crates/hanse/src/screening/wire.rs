//! Screening on the wire: from and to the types of `api`.

use api::screening::{
    DecisionBody, Finding as WireFinding, HitName, InquiryBody, InquiryView, PartyKind as WireKind,
    RescreeningView, ReviewView,
};
use mez::screening::case::{self, DecideHits, PartyScreening, SeenHits};
use mez::screening::inquiry::Inquired;
use sanctions::{BirthDate, Finding, Identifier, PartyKind, Subject, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::rescreen::Rescreened;
use platform::store::Stored;

/// What is screened, in the core's terms.
pub(super) fn subject(body: InquiryBody) -> Subject {
    let births = body.dates_of_birth.into_iter();
    let identifiers = body.identifiers.into_iter();
    Subject {
        names: body.names,
        kind: match body.kind {
            WireKind::Person => PartyKind::Person,
            WireKind::Company => PartyKind::Company,
            WireKind::Vessel => PartyKind::Vessel,
            WireKind::Aircraft => PartyKind::Aircraft,
            WireKind::Unknown => PartyKind::Unknown,
        },
        births: births.map(BirthDate::exact).collect(),
        identifiers: identifiers
            .map(|it| Identifier {
                kind: it.kind,
                value: it.value,
            })
            .collect(),
        countries: body.countries,
    }
}

/// A screening that was asked for by itself.
pub(super) fn inquiry_view(inquired: Inquired) -> InquiryView {
    InquiryView {
        id: inquired.id,
        verdict: verdict_text(inquired.screening.verdict).to_owned(),
        screening: whole(&inquired.screening),
    }
}

/// A party's newest screening, as a case for a reviewer.
pub(super) fn review_view(id: &str, case: &PartyScreening) -> ReviewView {
    ReviewView {
        id: id.to_owned(),
        entity: case.entity.to_string(),
        party: case.party.to_string(),
        open: case.is_open(),
        verdict: verdict_text(case.screening.verdict).to_owned(),
        screening: whole(&case.screening),
        decisions: case.decisions.iter().map(whole).collect(),
    }
}

/// A decision on hits, in the core's terms; `seen` is what the reviewer saw.
pub(super) fn decision(body: DecisionBody, seen: SeenHits) -> DecideHits {
    let name = |hit: HitName| case::HitName {
        list: hit.list,
        entry_id: hit.entry_id,
    };
    DecideHits {
        finding: match body.finding {
            WireFinding::FalsePositive => Finding::FalsePositive,
            WireFinding::TrueMatch => Finding::TrueMatch,
        },
        hits: body.hits.map(|hits| hits.into_iter().map(name).collect()),
        seen,
        reason: body.reason,
    }
}

/// What re-screening on a list version found.
pub(super) fn rescreening_view(stored: Stored<Rescreened>) -> RescreeningView {
    RescreeningView {
        id: stored.id,
        list: stored.body.list,
        digest: stored.body.digest,
        screened: stored.body.screened,
        changes: stored.body.changes.iter().map(whole).collect(),
    }
}

/// The text form of a verdict.
pub(super) const fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clear => "clear",
        Verdict::Review => "review",
        Verdict::Block => "block",
    }
}

/// A record as it is: it is evidence, and whoever checks it must see all of it.
fn whole(record: &impl Serialize) -> Value {
    serde_json::to_value(record).expect("records are plain JSON")
}
