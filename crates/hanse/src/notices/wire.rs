//! Notices on the wire.

use api::notices::{CorrectionView, NoticeBody, NoticeView};
use mez::notice::{Correction, Notice, Wording};

use crate::entities::wire::time;

/// The wording in the core's terms.
pub fn wording(NoticeBody { title, text }: NoticeBody) -> Wording {
    Wording { title, text }
}

/// A notice as everybody sees it.
pub fn notice_view(id: &str, notice: Notice) -> NoticeView {
    let (withdrawn_at, withdrawal_reason) = notice
        .withdrawn
        .map(|withdrawn| (time(withdrawn.at_ms), withdrawn.reason))
        .unzip();
    NoticeView {
        id: id.to_owned(),
        number: notice.number,
        year: notice.year,
        title: notice.wording.title,
        text: notice.wording.text,
        published_at: time(notice.published_ms),
        published_by: notice.published_by.to_string(),
        corrections: notice
            .corrections
            .into_iter()
            .map(correction_view)
            .collect(),
        withdrawn_at,
        withdrawal_reason,
    }
}

fn correction_view(correction: Correction) -> CorrectionView {
    CorrectionView {
        title: correction.before.title,
        text: correction.before.text,
        reason: correction.reason,
        at: time(correction.at_ms),
    }
}
