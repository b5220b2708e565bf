//! Everything an account holds, as JSON lines, for the person whose it is.

use crate::iris::wire::account_view;
use api::accounts::AccountAddress;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use iris::archive::{ArchiveId, Archived, Archives as _, Query};
use iris::documents::{Collection, Documents as _, Unavailable};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::Messenger;
use crate::iris::can;
use platform::declined::Declined;
use platform::http::extract::{Caller, PathOf};
use platform::routes;

/// Documents or messages read and sent at once. The next are read when the socket took these.
const CHUNK: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Messenger> {
    OpenApiRouter::default().routes(routes!(export_account))
}

/// Everything an account holds: first its documents, then its messages in archive order. The last line counts them, so
/// that a cut copy is seen to be cut. Secrets by which devices sign in are left out.
#[utoipa::path(
    get, path = "/v1/iris/accounts/{jid}/export", tag = "iris", params(("jid" = AccountAddress, Path)),
    responses((status = 200, description = "JSON lines.", body = String, content_type = "application/x-ndjson"))
)]
async fn export_account(
    caller: Caller<can::ExportAccount>,
    State(state): State<Messenger>,
    PathOf(jid): PathOf<AccountAddress>,
) -> Result<Response, Declined> {
    let account = state.find(&jid).await?;
    let account = account.ok_or_else(|| Declined::not_found("account"))?;
    tracing::info!(by = %caller.principal(), "account exported");
    let now_ms = state.platform.clock.now_ms();
    let mut first = json!(account_view(jid.clone(), &account));
    first["kind"] = json!("account");
    first["exported_ms"] = json!(now_ms);
    let start = Part {
        state,
        jid,
        next: Next::First(first),
        documents: 0,
        messages: 0,
    };
    let body = Body::from_stream(stream::try_unfold(start, Part::advance));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// What is still to be sent.
struct Part {
    state: Messenger,
    jid: AccountAddress,
    next: Next,
    documents: usize,
    messages: usize,
}

enum Next {
    First(Value),
    /// Documents of the collection at this place of [`Collection::ALL`], after this name.
    Documents(usize, Option<String>),
    /// Messages after this one.
    Messages(Option<ArchiveId>),
    Nothing,
}

impl Part {
    async fn advance(mut self) -> Result<Option<(Bytes, Self)>, Declined> {
        let lines = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => return Ok(None),
            Next::First(line) => {
                self.next = Next::Documents(0, None);
                vec![line]
            }
            Next::Documents(at, after) => self.documents(at, after).await?,
            Next::Messages(after) => self.messages(after).await?,
        };
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(line.to_string().as_bytes());
            bytes.push(b'\n');
        }
        Ok(Some((bytes.into(), self)))
    }

    async fn documents(
        &mut self,
        at: usize,
        after: Option<String>,
    ) -> Result<Vec<Value>, Declined> {
        let Some(&collection) = Collection::ALL.get(at) else {
            self.next = Next::Messages(None);
            return Ok(Vec::new());
        };
        let owner = self.jid.jid().clone();
        let read = move |state: &Messenger| {
            let store = &state.store;
            let found = store.list(collection, &owner, "", after.as_deref(), CHUNK);
            found.map_err(unreadable)
        };
        let found = self.state.blocking(read).await?;
        self.documents += found.len();
        self.next = match found.last() {
            Some((name, _)) if found.len() == CHUNK => Next::Documents(at, Some(name.clone())),
            _ => Next::Documents(at + 1, None),
        };
        let lines = found
            .iter()
            .map(|(name, body)| document(collection, name, body));
        Ok(lines.collect())
    }

    async fn messages(&mut self, after: Option<ArchiveId>) -> Result<Vec<Value>, Declined> {
        let owner = self.jid.jid().clone();
        let query = Query {
            after,
            limit: CHUNK,
            ..Query::default()
        };
        let read = move |state: &Messenger| state.store.page(&owner, &query).map_err(unreadable);
        let page = self.state.blocking(read).await?;
        self.messages += page.entries.len();
        let mut lines: Vec<_> = page.entries.iter().map(message).collect();
        match page.entries.last() {
            Some(last) if !page.complete => self.next = Next::Messages(Some(last.id)),
            _ => lines.push(json!({
                "kind": "end", "documents": self.documents, "messages": self.messages,
            })),
        }
        Ok(lines)
    }
}

/// One line for a document. What only proves a device or a password is nobody's to read.
fn document(collection: Collection, name: &str, body: &[u8]) -> Value {
    let secret = matches!(
        collection,
        Collection::Account | Collection::FastToken | Collection::Resume
    );
    let mut body = match secret {
        true => Value::Null,
        false => serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned())),
    };
    if let (Collection::Upload, Some(members)) = (collection, body.as_object_mut()) {
        members.remove("file");
    }
    json!({ "kind": "document", "collection": collection, "name": name, "body": body })
}

fn message(archived: &Archived) -> Value {
    let entry = &archived.entry;
    json!({
        "kind": "message", "id": archived.id.to_string(), "at_ms": archived.at_ms,
        "direction": entry.direction, "peer": entry.peer,
        "stanza": String::from_utf8_lossy(&entry.stanza),
    })
}

fn unreadable(error: Unavailable) -> Declined {
    Declined::internal(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_signs_a_device_in_is_not_in_an_export() {
        let secret = br#"{"credentials":"c","file":"k","name":"n"}"#;
        for collection in [
            Collection::Account,
            Collection::FastToken,
            Collection::Resume,
        ] {
            assert_eq!(document(collection, "", secret)["body"], Value::Null);
        }
        let upload = document(Collection::Upload, "slot", secret);
        assert_eq!(upload["body"]["file"], Value::Null);
        assert_eq!(upload["body"]["name"], "n");
    }
}
