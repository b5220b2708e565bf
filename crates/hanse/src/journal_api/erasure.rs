//! Erasing a personal stream: its key is destroyed, its proofs stay.

use axum::extract::State;
use journal::{Privacy, StreamName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{JournalApi, problem_of_read};
use platform::auth::{Resource, can};
use platform::change::Change;
use platform::http::extract::{Caller, Command};
use platform::http::idempotency::{Decided, Outcome, Receipt, Reply, execute};
use platform::http::problem::{CONTENT_TYPE, Code, Problem, ProblemBody};
use platform::routes;

/// Kind of the event that says why a stream was erased. Its stream is `hanse/erasures`.
pub const ERASED_KIND: &str = "stream.erased.v1";

const ERASURES: &str = "hanse/erasures";
const REFERENCE_BYTES_MAX: usize = 64;

pub(super) fn routes() -> OpenApiRouter<JournalApi> {
    OpenApiRouter::default().routes(routes!(erase_stream))
}

/// Why content is erased. A closed list, because the record of an erasure stays public for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// The person took their consent back.
    ConsentWithdrawn,
    /// A court or authority ordered it.
    LegalOrder,
    /// It was kept for as long as the law asks.
    RetentionEnded,
    /// The person asked for it.
    SubjectRequest,
}

/// A number under which the reason is on file: letters, digits, `.`, `/`, `_` and `-`, at most 64.
/// Free text does not fit, so that no name ends up where it cannot be erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9./_-]{1,64}$", example = "DSR-2026/17")]
pub struct FileReference(String);

impl TryFrom<String> for FileReference {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte);
        if (1..=REFERENCE_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err("a reference has 1 to 64 letters, digits, '.', '/', '_' and '-'")
        }
    }
}

impl From<FileReference> for String {
    fn from(reference: FileReference) -> Self {
        reference.0
    }
}

/// What to erase and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseStream {
    /// The personal stream.
    #[schema(value_type = platform::http::texts::StreamNameText)]
    stream: StreamName,
    /// Why.
    reason: ErasureReason,
    /// Where the reason is on file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<FileReference>,
}

/// What was erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Erased {
    /// The stream.
    #[schema(value_type = String)]
    stream: StreamName,
    /// How many events it has. Their headers and proofs stay.
    events: u64,
    /// Where the erasure is in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
}

/// Destroys the key of a personal stream, so that nobody can read its content any more.
#[utoipa::path(
    post, path = "/v1/journal/erasures", tag = "journal",
    request_body = EraseStream,
    responses(
        (status = 200, description = "The content is gone from every file of the node.", body = Erased),
        (status = 404, description = "There is no such stream.", body = ProblemBody, content_type = CONTENT_TYPE),
        (status = 410, description = "It was erased before.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn erase_stream(
    caller: Caller<can::OperateNode>,
    State(state): State<JournalApi>,
    command: Command<EraseStream>,
) -> Result<Outcome, Problem> {
    let Command {
        body: order,
        ticket,
    } = command;
    execute(&state.0.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let head = moment.stream_head(&order.stream).map_err(problem_of_read)?;
        let head = head.ok_or_else(|| Problem::not_found("stream"))?;
        if head.privacy == Privacy::Public {
            let refusal = Problem::new(Code::RuleViolated, "a public stream has no key to destroy");
            return Err(refusal.with_error("/stream", "personal", "the stream is public"));
        }
        if head.shredded {
            return Err(Problem::new(Code::Gone, "the stream was erased before"));
        }
        let mut change = Change::default();
        order.clone().add_to(&mut change)?;
        let body = Erased {
            stream: order.stream.clone(),
            events: head.head.get(),
            receipt: None,
        };
        Ok(Decided::new(permit, change, Reply::ok(&body)))
    })
    .await
}

impl EraseStream {
    /// An order to erase one stream, without a file reference.
    pub fn new(stream: StreamName, reason: ErasureReason) -> Self {
        Self {
            stream,
            reason,
            reference: None,
        }
    }

    /// Adds the erasure to a change: the public event that says why, and the end of the key.
    ///
    /// # Errors
    /// The order has no canonical form, which is a defect.
    pub fn add_to(self, change: &mut Change) -> Result<(), Problem> {
        let erasures = ERASURES
            .parse()
            .expect("the stream is a constant of the code");
        change.append(&erasures, Privacy::Public, ERASED_KIND, &self)?;
        change.shred(self.stream);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_holds_no_free_text() {
        for good in ["DSR-2026/17", "a", "case_1.2"] {
            assert!(FileReference::try_from(good.to_owned()).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "Aisha Khan", "a\nb", "é", long.as_str()] {
            assert!(FileReference::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
