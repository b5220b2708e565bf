//! Erasing a personal stream: its key is destroyed, its proofs stay.

use api::journal::{EraseStream, Erased, ErasureReason, FileReference};
use api::problem::{CONTENT_TYPE, Code, ProblemBody};
use axum::extract::State;
use journal::{Privacy, StreamName};
use utoipa_axum::router::OpenApiRouter;

use super::{JournalApi, not_read};
use platform::auth::Resource;
use platform::auth::can;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::routes;

/// Kind of the event that says why a stream was erased. Its stream is `hanse/erasures`.
pub const ERASED_KIND: &str = "stream.erased.v1";

const ERASURES: &str = "hanse/erasures";

pub(super) fn routes() -> OpenApiRouter<JournalApi> {
    OpenApiRouter::default().routes(routes!(erase_stream))
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
) -> Result<Outcome, Declined> {
    let Command {
        body: order,
        ticket,
    } = command;
    let stream = stream_named(&order.stream)?;
    execute(&state.0.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let head = moment.stream_head(&stream).map_err(not_read)?;
        let head = head.ok_or_else(|| Declined::not_found("stream"))?;
        if head.privacy == Privacy::Public {
            let refusal =
                Declined::new(Code::RuleViolated, "a public stream has no key to destroy");
            return Err(refusal.with_error("/stream", "personal", "the stream is public"));
        }
        if head.shredded {
            return Err(Declined::new(Code::Gone, "the stream was erased before"));
        }
        let mut change = Change::default();
        let reference = order.reference.clone();
        erase(&mut change, stream.clone(), order.reason, reference)?;
        let body = Erased {
            stream: order.stream.clone(),
            events: head.head.get(),
            receipt: None,
        };
        Ok(Decided::new(permit, change, Reply::ok(&body)))
    })
    .await
}

fn stream_named(text: &str) -> Result<StreamName, Declined> {
    StreamName::try_from(text.to_owned()).map_err(|error| {
        let detail = "`stream` is not the name of a stream";
        Declined::new(Code::BodyInvalid, detail).with_error("/stream", "invalid", error.to_string())
    })
}

/// Adds an erasure to a change: the public event that says why, and the end of the key.
///
/// # Errors
/// The order has no canonical form, which is a defect.
pub fn erase(
    change: &mut Change,
    stream: StreamName,
    reason: ErasureReason,
    reference: Option<FileReference>,
) -> Result<(), Declined> {
    let erasures = ERASURES
        .parse()
        .expect("the stream is a constant of the code");
    let order = EraseStream {
        stream: stream.to_string(),
        reason,
        reference,
    };
    change.append(&erasures, Privacy::Public, ERASED_KIND, &order)?;
    change.shred(stream);
    Ok(())
}
