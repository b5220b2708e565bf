//! Writes that happen once: the key, the digest of its request and the answer are stored with the effect.

use api::problem::Code;
use api::receipt::{EventPlace, Receipt};
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evidence::digest::Digest;
use journal::{
    Append, CommitError, Committed, Expected, Idempotency, NewEvent, Privacy, Seq, StreamName,
    Transaction, WriterRefusal,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Platform;
use super::extract::Caller;
use crate::auth::{Access, Asks, Permit};
use crate::change::Change;
use crate::declined::Declined;
use crate::moment::{Moment, Undone};

/// How long a key is remembered.
pub const KEY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// The header that carries the key.
pub const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that marks an answer given before.
pub const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotency-replayed");
/// No event is ever in this stream.
const QUESTION_STREAM: &str = "hanse/question";

/// 1 to 128 visible ASCII characters that the caller chose for one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a request.
    ///
    /// # Errors
    /// `idempotency_key_missing` or `idempotency_key_invalid`.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Declined> {
        let mut values = headers.get_all(KEY_HEADER).iter();
        let Some(value) = values.next() else {
            return Err(Declined::new(
                Code::IdempotencyKeyMissing,
                "the request has no Idempotency-Key header",
            ));
        };
        if values.next().is_some() {
            let detail = "the request has more than one Idempotency-Key header";
            return Err(Declined::new(Code::IdempotencyKeyInvalid, detail));
        }
        Self::parse(value.to_str().unwrap_or_default())
    }

    /// A key from its text.
    ///
    /// # Errors
    /// `idempotency_key_invalid`.
    pub fn parse(text: &str) -> Result<Self, Declined> {
        if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "the key must be 1 to 128 visible ASCII characters";
            Err(Declined::new(Code::IdempotencyKeyInvalid, detail))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key bound to one caller, one route and one content.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Principal, method and route template.
    pub scope: String,
    /// The caller's key.
    pub key: IdempotencyKey,
    /// Digest of method, target and canonical body.
    pub request: Digest,
}

impl Ticket {
    fn stored(
        &self,
        now_ms: i64,
        reply: &Reply,
        owner: Option<StreamName>,
    ) -> Result<Idempotency, Declined> {
        Ok(Idempotency {
            scope: self.scope.clone(),
            key: self.key.0.clone(),
            request: self.request,
            owner,
            response: serde_json::to_vec(reply).map_err(|error| Declined::internal(&error))?,
            expires_ms: now_ms + KEY_LIFETIME_MS,
        })
    }
}

/// What a write answers when it is done. Stored with the effect, so it MUST NOT hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    body: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late: Option<Late>,
}

/// A member of the body that the writer decided: it is in the payload of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Late {
    event: usize,
    member: String,
}

impl Reply {
    /// 200 with a JSON object.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::with_status(StatusCode::OK, body)
    }

    /// 201 with a JSON object, and where the thing is.
    pub fn created(location: String, body: &impl Serialize) -> Self {
        Self {
            location: Some(location),
            ..Self::with_status(StatusCode::CREATED, body)
        }
    }

    /// 202 with a JSON object: it waits for somebody else.
    pub fn accepted(body: &impl Serialize) -> Self {
        Self::with_status(StatusCode::ACCEPTED, body)
    }

    fn with_status(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_value(body).expect("reply bodies have string keys and no floats");
        Self {
            status: status.as_u16(),
            location: None,
            body,
            late: None,
        }
    }

    /// The same answer, with this member of the body as the writer decided it in the payload of the `event`th event.
    pub fn with_late(mut self, event: usize, member: &str) -> Self {
        self.late = Some(Late {
            event,
            member: member.to_owned(),
        });
        self
    }

    /// The JSON object, without the receipt.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The same answer with another body, for secrets that are derived again and not stored.
    pub fn map_body(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.body);
        self
    }
}

/// What a decision leaves to be done.
#[derive(Debug)]
pub struct Decided {
    permit: Permit,
    change: Change,
    reply: Reply,
    reply_owner: Option<StreamName>,
}

impl Decided {
    /// Everything that changes, what the caller is told, and by what right.
    pub fn new(permit: Permit, change: Change, reply: Reply) -> Self {
        Self {
            permit,
            change,
            reply,
            reply_owner: None,
        }
    }

    /// The stored answer tells about a person: it is sealed with the key of this personal stream.
    pub fn sealed_by(mut self, stream: StreamName) -> Self {
        self.reply_owner = Some(stream);
        self
    }

    fn into_transaction(
        self,
        ticket: &Ticket,
        now_ms: i64,
    ) -> Result<(Transaction, Reply), Declined> {
        let actor = self.permit.principal().as_str();
        let mut transaction = self.change.into_transaction(now_ms, actor);
        transaction.idempotency = Some(ticket.stored(now_ms, &self.reply, self.reply_owner)?);
        Ok((transaction, self.reply))
    }
}

/// Where a commit is, on the wire.
pub fn receipt_of(committed: &Committed) -> Receipt {
    let place = |event: &journal::EventReceipt| EventPlace {
        stream: event.stream.to_string(),
        seq: event.seq.get(),
        digest: event.digest,
        index: event.index.0,
    };
    Receipt {
        events: committed.events.iter().map(place).collect(),
        tree_size: committed.tree_size,
        root: data_encoding::HEXLOWER.encode(&committed.root),
    }
}

/// What came of a write.
#[derive(Debug)]
pub struct Outcome {
    /// What was answered the first time.
    pub reply: Reply,
    /// Where the write is.
    pub committed: Committed,
    /// Whether it was done before.
    pub replayed: bool,
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let Reply {
            status,
            location,
            mut body,
            late: _,
        } = self.reply;
        if let Value::Object(members) = &mut body {
            let receipt = serde_json::to_value(receipt_of(&self.committed));
            members.insert(
                "receipt".to_owned(),
                receipt.expect("receipts are plain JSON"),
            );
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(location) = location.and_then(|path| HeaderValue::try_from(path).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if self.replayed {
            headers.insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
        }
        response
    }
}

/// Decides a write on one instant and commits it once.
///
/// The caller's right is looked at again in that instant. A request seen before is answered as the first time. When what was
/// read has moved, the decision is made again.
///
/// # Errors
/// What `decide` refuses, and every [`CommitError`] as a problem.
pub async fn execute<A: Asks>(
    platform: &Arc<Platform>,
    caller: Caller<A>,
    ticket: Ticket,
    decide: impl Fn(&Moment<'_>, &Caller<A>) -> Result<Decided, Declined> + Send + Sync + 'static,
) -> Result<Outcome, Declined> {
    let decide = move |moment: &Moment<'_>, caller: &Caller<A>| Ok((decide(moment, caller)?, ()));
    let (outcome, _) = execute_with(platform, caller, ticket, decide).await?;
    Ok(outcome)
}

/// [`execute`] where the decision gives something beside the answer; nothing for an answer given before.
///
/// # Errors
/// As for [`execute`].
pub async fn execute_with<A: Asks, T: Send + 'static>(
    platform: &Arc<Platform>,
    caller: Caller<A>,
    ticket: Ticket,
    decide: impl Fn(&Moment<'_>, &Caller<A>) -> Result<(Decided, T), Declined> + Send + Sync + 'static,
) -> Result<(Outcome, Option<T>), Declined> {
    const {
        // A scope that lets its holder only see never leads to a commit.
        assert!(matches!(A::ACTION.access(), Access::Write));
    }
    let actor = caller.principal().clone();
    let decide = move |moment: &Moment<'_>| decide(moment, &caller.confirmed(moment)?);
    execute_as(platform, actor.as_str(), ticket, decide).await
}

/// [`execute_with`] for the few writes whose caller proves itself by something else than a token.
pub async fn execute_as<T: Send + 'static>(
    platform: &Arc<Platform>,
    actor: &str,
    ticket: Ticket,
    decide: impl Fn(&Moment<'_>) -> Result<(Decided, T), Declined> + Send + Sync + 'static,
) -> Result<(Outcome, Option<T>), Declined> {
    let asked = ticket.clone();
    let settled = platform
        .settle(move |moment| {
            let (decided, beside) = decide(moment)?;
            let (transaction, reply) = decided.into_transaction(&asked, moment.now_ms)?;
            Ok((transaction, (reply, beside)))
        })
        .await;
    match settled {
        Ok(((reply, beside), Some(committed))) => {
            let outcome = Outcome {
                reply,
                committed,
                replayed: false,
            };
            Ok((complete(platform, outcome).await?, Some(beside)))
        }
        Ok((_, None)) => unreachable!("a transaction with an idempotency key is not empty"),
        Err(Undone::NotCommitted(CommitError::Replayed {
            response,
            committed,
        })) => {
            let outcome = replay(&response, committed)?;
            Ok((complete(platform, outcome).await?, None))
        }
        Err(Undone::NotCommitted(error)) => Err(not_committed(error)),
        Err(Undone::Refused { problem, now_ms }) => {
            let outcome = refuse(platform, actor, &ticket, now_ms, problem).await?;
            Ok((complete(platform, outcome).await?, None))
        }
    }
}

/// Adds what the writer decided to an answer.
async fn complete(platform: &Arc<Platform>, mut outcome: Outcome) -> Result<Outcome, Declined> {
    let Some(Late { event, member }) = outcome.reply.late.clone() else {
        return Ok(outcome);
    };
    let index = outcome
        .committed
        .events
        .get(event)
        .map(|receipt| receipt.index);
    let decided = platform
        .read(move |moment| {
            let found = index.map(|index| moment.event(index)).transpose();
            let found = found.map_err(|error| Declined::internal(&error))?.flatten();
            let payload = found.and_then(|event| event.payload).unwrap_or_default();
            let payload: Value =
                serde_json::from_slice(&payload).map_err(|error| Declined::internal(&error))?;
            Ok(payload[member.as_str()].clone())
        })
        .await?;
    let member = outcome.reply.late.take().map(|late| late.member);
    outcome.reply = outcome
        .reply
        .map_body(|body| body[member.unwrap_or_default()] = decided);
    Ok(outcome)
}

/// Answers a write that was refused: as the first time, if it was done before and is refused only because it was done.
///
/// The journal is asked with a transaction that cannot be committed, because it expects what no stream has. It looks
/// at the key first, and it answers only when the state that the refusal was computed from is durable.
async fn refuse(
    platform: &Platform,
    actor: &str,
    ticket: &Ticket,
    now_ms: i64,
    refusal: Declined,
) -> Result<Outcome, Declined> {
    let mut question = Transaction::new(now_ms, actor);
    question.appends.push(Append {
        stream: QUESTION_STREAM
            .parse()
            .expect("the constant is a stream name"),
        privacy: Privacy::Public,
        expected: Seq::new(u64::MAX).map_or(Expected::Any, Expected::At),
        events: vec![NewEvent {
            kind: "question.v1"
                .parse()
                .expect("the constant is an event kind"),
            payload: Vec::new(),
        }],
    });
    question.idempotency = Some(ticket.stored(now_ms, &Reply::ok(&Value::Null), None)?);
    match platform.journal.commit(question).await {
        Err(CommitError::Replayed {
            response,
            committed,
        }) => replay(&response, committed),
        Err(CommitError::Conflict { .. }) => Err(refusal),
        Err(error) => Err(not_committed(error)),
        Ok(_) => Err(Declined::new(
            Code::Internal,
            "the node could not finish the request",
        )),
    }
}

fn replay(response: &[u8], committed: Committed) -> Result<Outcome, Declined> {
    let reply = serde_json::from_slice(response).map_err(|error| Declined::internal(&error))?;
    Ok(Outcome {
        reply,
        committed,
        replayed: true,
    })
}

fn key_reused() -> Declined {
    Declined::new(
        Code::IdempotencyKeyReused,
        "this key belongs to a request with other content",
    )
    .with_error(
        "#header/Idempotency-Key",
        "unused",
        "the key was used for another request",
    )
}

/// What the caller is told when the journal did not commit.
pub fn not_committed(error: CommitError) -> Declined {
    match &error {
        CommitError::Conflict { .. }
        | CommitError::Moved { .. }
        | CommitError::EffectExists { .. }
        | CommitError::LeaseLost { .. } => Declined::new(
            Code::Conflict,
            "the state changed while the request was decided",
        ),
        CommitError::Decided {
            refusal: WriterRefusal::Refused { code, detail },
            ..
        } => {
            Declined::new(Code::RuleViolated, detail.clone()).with_error("", *code, detail.clone())
        }
        CommitError::KeyReused { .. } => key_reused(),
        CommitError::Shredded { .. } => Declined::new(Code::Gone, "the content was erased"),
        CommitError::TooLarge { .. } => Declined::new(Code::BodyTooLarge, error.to_string()),
        CommitError::Overloaded { .. } => {
            Declined::new(Code::Overloaded, "the journal has a full queue").retry_after(1)
        }
        CommitError::Diverted { .. }
        | CommitError::NotAttempted
        | CommitError::OutcomeUnknown
        | CommitError::Halted { .. } => {
            tracing::error!(cause = %crate::declined::Chain(&error), "journal did not commit");
            Declined::new(
                Code::JournalUnavailable,
                "the journal cannot write; repeat the request with its key",
            )
            .retry_after(5)
        }
        CommitError::Replayed { .. }
        | CommitError::Decided { .. }
        | CommitError::EffectUnknown { .. }
        | CommitError::NotPersonal { .. }
        | CommitError::PrivacyMismatch { .. }
        | CommitError::OwnerUnknown { .. }
        | CommitError::EmptyAppend { .. }
        | CommitError::ReservedKind { .. }
        | CommitError::Header { .. }
        | CommitError::Projection { .. }
        | CommitError::Read(_) => Declined::internal(&error),
    }
}
