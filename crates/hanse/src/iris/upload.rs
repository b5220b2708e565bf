//! `/upload/<slot>/<name>`: where clients put files and others get them (XEP-0363).
//!
//! The address is the permission: a slot is 32 random bytes that the messenger gave to one session. A file is sealed
//! with a key of its own, which stands in the slot's document. That is sealed like all of the account, so erasing the
//! account makes its files unreadable at once; the sweep removes what is left of them.

use api::problem::Code;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use futures_util::{StreamExt as _, stream};
use iris::documents::{Collection, Write};
use iris::services::upload::{SLOT_TTL_MS, Slot};
use iris_server::store::record_kind;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::sealed_file::{FileKey, Opening, Sealing};
use super::{Messenger, write_document};
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::PathOf;
use platform::moment::Moment;
use platform::store;

/// How long a sender may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Parts of a body that wait for the disk.
const PARTS_WAITING: usize = 4;
/// Media types that a browser shows and that hold no code. Others are answered as plain bytes.
const SHOWN: [&str; 4] = ["audio/", "image/", "video/", "text/plain"];

/// A slot with what was put there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    #[serde(flatten)]
    pub(super) slot: Slot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<Stored>,
}

/// A file at rest.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    /// Its name in the folder of uploads.
    pub(super) id: String,
    /// Its key, in base64url.
    key: Zeroizing<String>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Stored {
    fn key(&self) -> Option<FileKey> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(self.key.as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

/// Pages of other origins may use it: web clients do (XEP-0363 section 5).
fn with_origin(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    response
}

/// Answers what a browser asks before it puts a file from another page.
pub(super) async fn options() -> Response {
    let allowed = [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "OPTIONS, HEAD, GET, PUT",
        ),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    with_origin((StatusCode::NO_CONTENT, allowed).into_response())
}

/// Takes a file into its slot.
pub(super) async fn put(
    State(state): State<Messenger>,
    PathOf((slot, name)): PathOf<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    with_origin(match state.receive(&slot, &name, &headers, body).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(problem) => problem.into_response(),
    })
}

/// Gives a file out.
pub(super) async fn get(
    State(state): State<Messenger>,
    PathOf((slot, name)): PathOf<(String, String)>,
) -> Response {
    with_origin(match state.give(&slot, &name).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    })
}

fn unknown() -> Declined {
    Declined::not_found("file")
}

fn failed(error: &io::Error) -> Declined {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            tracing::error!(%error, "file was not stored");
            Declined::new(Code::Overloaded, "the node has no room for the file").retry_after(60)
        }
        _ => Declined::internal(error),
    }
}

/// What is known of a slot that has not ended.
fn place(moment: &Moment<'_>, slot: &str, name: &str) -> Result<Upload, Declined> {
    let kind = record_kind(Collection::Upload);
    let found = store::list::<Upload>(moment, kind, &[("slot", slot)], None, 1)?;
    let place = found.into_iter().next().map(|stored| stored.body);
    place
        .filter(|place| place.slot.file_name == name && moment.now_ms < place.slot.expires_ms)
        .ok_or_else(unknown)
}

impl Messenger {
    async fn place(&self, slot: &str, name: &str) -> Result<Upload, Declined> {
        let (slot, name) = (slot.to_owned(), name.to_owned());
        self.platform
            .read(move |moment| place(moment, &slot, &name))
            .await
    }

    async fn receive(
        &self,
        slot: &str,
        name: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), Declined> {
        let place = self.place(slot, name).await?;
        let now_ms = self.platform.clock.now_ms();
        if place.file.is_some() {
            return Err(Declined::new(
                Code::Conflict,
                "the slot has its file already",
            ));
        }
        if now_ms > place.slot.given_ms + SLOT_TTL_MS {
            return Err(Declined::new(
                Code::Forbidden,
                "the slot waited for its file too long",
            ));
        }
        let size = place.slot.size_bytes;
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length != size) {
            return Err(wrong_size(size));
        }
        let (stored, key) = self.new_file();
        let received = self.seal_body(&stored, key, size, body).await;
        let kept = match received {
            Ok(()) => self.keep(slot, name, &stored).await,
            Err(problem) => Err(problem),
        };
        if kept.is_err() {
            self.delete_file(&stored.id).await;
        }
        kept
    }

    fn new_file(&self) -> (Stored, FileKey) {
        let mut key = Zeroizing::new([0; 32]);
        (self.platform.entropy)(&mut *key);
        let stored = Stored {
            id: self.platform.random_id("file"),
            key: Zeroizing::new(BASE64URL_NOPAD.encode(&*key)),
        };
        (stored, key)
    }

    fn path_of(&self, id: &str) -> PathBuf {
        self.uploads.join(id)
    }

    /// Writes a body of exactly `size` bytes, sealed. The disk is written by a thread of its own; the body is read no
    /// faster than that.
    async fn seal_body(
        &self,
        stored: &Stored,
        key: FileKey,
        size: u64,
        body: Body,
    ) -> Result<(), Declined> {
        let path = self.path_of(&stored.id);
        let (parts, mut waiting) = mpsc::channel::<Bytes>(PARTS_WAITING);
        let writing = tokio::task::spawn_blocking(move || -> io::Result<bool> {
            let mut sealing = Sealing::create(&path, &key)?;
            while let Some(part) = waiting.blocking_recv() {
                sealing.take(&part)?;
            }
            let is_whole = sealing.taken == size;
            sealing.finish().map(|()| is_whole)
        });
        let mut stream = body.into_data_stream();
        let mut taken = 0;
        loop {
            let part = tokio::time::timeout(SILENCE_MAX, stream.next()).await;
            let part =
                part.map_err(|_| Declined::new(Code::RequestTimeout, "the file stopped coming"))?;
            let Some(part) = part else { break };
            // A connection that broke leaves nobody to answer.
            let part = part.map_err(|_| wrong_size(size))?;
            taken += part.len() as u64;
            if taken > size {
                return Err(wrong_size(size));
            }
            if parts.send(part).await.is_err() {
                break;
            }
        }
        drop(parts);
        let written = writing.await.map_err(|error| Declined::internal(&error))?;
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(wrong_size(size)),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Writes down that the slot has this file, if no other came first.
    async fn keep(&self, slot: &str, name: &str, stored: &Stored) -> Result<(), Declined> {
        let (slot, name, stored) = (slot.to_owned(), name.to_owned(), stored.clone());
        let keep = move |moment: &Moment<'_>| {
            let mut place = place(moment, &slot, &name)?;
            if place.file.is_some() {
                return Err(Declined::new(
                    Code::Conflict,
                    "the slot has its file already",
                ));
            }
            place.file = Some(stored.clone());
            let write = Write::Put {
                collection: Collection::Upload,
                owner: place.slot.account.clone(),
                name: slot.clone(),
                body: serde_json::to_vec(&place).map_err(|error| Declined::internal(&error))?,
            };
            let mut change = Change::default();
            write_document(&mut change, &write).map_err(|error| Declined::internal(&error))?;
            Ok((change, ()))
        };
        self.platform.act(keep).await
    }

    async fn give(&self, slot: &str, name: &str) -> Result<Response, Declined> {
        let place = self.place(slot, name).await?;
        let stored = place.file.as_ref().ok_or_else(unknown)?;
        let key = stored.key().ok_or_else(unknown)?;
        let path = self.path_of(&stored.id);
        let opening = tokio::task::spawn_blocking(move || Opening::open(&path, &key)).await;
        let opening = opening.map_err(|error| Declined::internal(&error))?;
        let opening = opening.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unknown(),
            _ => failed(&error),
        })?;
        let body = Body::from_stream(stream::try_unfold(opening, next_piece));
        Ok((headers_of(&place.slot), body).into_response())
    }

    async fn delete_file(&self, id: &str) {
        let path = self.path_of(id);
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_file(path)).await;
        match removed {
            Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "file of an upload stays");
            }
            _ => {}
        }
    }
}

fn wrong_size(size: u64) -> Declined {
    Declined::new(
        Code::BodyTooLarge,
        format!("the slot is for exactly {size} bytes"),
    )
}

/// A changed or broken file ends the connection before the promised length, which clients notice.
async fn next_piece(mut opening: Opening) -> io::Result<Option<(Bytes, Opening)>> {
    let (piece, opening) = tokio::task::spawn_blocking(move || (opening.next_piece(), opening))
        .await
        .map_err(io::Error::other)?;
    Ok(piece?.map(|piece| (piece.into(), opening)))
}

/// Nothing that was uploaded runs in the name of the node.
fn headers_of(slot: &Slot) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let shown = SHOWN.iter().any(|kind| slot.media_type.starts_with(kind));
    // Scalable images are documents with scripts.
    let media = Some(slot.media_type.as_str()).filter(|kind| shown && !kind.contains("svg"));
    let media = media.and_then(|kind| HeaderValue::from_str(kind).ok());
    let bytes = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, media.unwrap_or(bytes));
    headers.insert(header::CONTENT_LENGTH, slot.size_bytes.into());
    let fixed = [
        (header::CONTENT_DISPOSITION, "attachment"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; sandbox",
        ),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(media_type: &str) -> Slot {
        Slot {
            account: "alice@localhost".parse().unwrap(),
            file_name: "a".to_owned(),
            size_bytes: 3,
            media_type: media_type.to_owned(),
            given_ms: 0,
            expires_ms: 1,
        }
    }

    #[test]
    fn what_could_run_is_answered_as_bytes_and_never_in_place() {
        for (given, answered) in [
            ("image/png", "image/png"),
            ("text/html", "application/octet-stream"),
            ("image/svg+xml", "application/octet-stream"),
            ("text/plain\r\nx: y", "application/octet-stream"),
        ] {
            let headers = headers_of(&slot(given));
            assert_eq!(headers[header::CONTENT_TYPE], answered);
            assert_eq!(headers[header::CONTENT_DISPOSITION], "attachment");
        }
    }

    #[test]
    fn a_key_does_not_show() {
        let stored = Stored {
            id: "file-1".to_owned(),
            key: Zeroizing::new("secret".to_owned()),
        };
        assert!(!format!("{stored:?}").contains("secret"));
    }
}
