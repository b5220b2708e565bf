//! Notices on the wire, both ways.

use jiff::Timestamp;
use mez::notice::{Correction, Notice, Wording};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::entities::wire::time;

/// A notice to publish.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeBody {
    /// Its title.
    #[schema(min_length = 1, max_length = 200, example = "Office hours")]
    pub title: String,
    /// Its text: plain text, paragraphs separated by empty lines.
    #[schema(min_length = 1, max_length = 20000)]
    pub text: String,
}

/// A correction: what the notice says from now on, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionBody {
    /// Its title.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Its text.
    #[schema(min_length = 1, max_length = 20000)]
    pub text: String,
    /// Why it is corrected, for everybody to read.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// Why a notice is withdrawn.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalBody {
    /// For everybody to read.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// A public notice.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Notice)]
pub struct NoticeView {
    /// Id.
    pub id: String,
    /// Its number in its year, from 1 and without gaps.
    pub number: u64,
    /// The year.
    pub year: i16,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// Who published it.
    pub published_by: String,
    /// What it said before each correction, oldest first.
    pub corrections: Vec<CorrectionView>,
    /// Since when it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_at: Option<Timestamp>,
    /// Why it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal_reason: Option<String>,
}

/// A wording that was replaced.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = NoticeCorrection)]
pub struct CorrectionView {
    /// The title before.
    pub title: String,
    /// The text before.
    pub text: String,
    /// Why it was replaced.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<NoticeBody> for Wording {
    fn from(NoticeBody { title, text }: NoticeBody) -> Self {
        Self { title, text }
    }
}

impl NoticeView {
    /// A notice as everybody sees it.
    pub fn of(id: &str, notice: Notice) -> Self {
        let (withdrawn_at, withdrawal_reason) = notice
            .withdrawn
            .map(|withdrawn| (time(withdrawn.at_ms), withdrawn.reason))
            .unzip();
        Self {
            id: id.to_owned(),
            number: notice.number,
            year: notice.year,
            title: notice.wording.title,
            text: notice.wording.text,
            published_at: time(notice.published_ms),
            published_by: notice.published_by.to_string(),
            corrections: notice.corrections.into_iter().map(Into::into).collect(),
            withdrawn_at,
            withdrawal_reason,
        }
    }
}

impl From<Correction> for CorrectionView {
    fn from(correction: Correction) -> Self {
        Self {
            title: correction.before.title,
            text: correction.before.text,
            reason: correction.reason,
            at: time(correction.at_ms),
        }
    }
}
