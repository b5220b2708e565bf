//! Reading and writing documents as JSON.

use jid::BareJid;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::account::Standing;
use crate::documents::{Collection, Unavailable, Write};
use crate::outcome::Context;
use crate::stanza::Condition;

/// How many documents one read of the store returns.
const PAGE: usize = 256;

/// One document.
///
/// # Errors
/// The store cannot answer, or what it holds is not such a document.
pub(crate) fn read<T: DeserializeOwned>(
    ctx: &Context<'_>,
    collection: Collection,
    owner: &BareJid,
    name: &str,
) -> Result<Option<T>, Refusal> {
    match ctx.documents.get(collection, owner, name)? {
        Some(body) => decode(&body).map(Some),
        None => Ok(None),
    }
}

/// Every document whose name starts with `prefix`, in the order of names.
///
/// # Errors
/// As for [`read`].
pub(crate) fn read_all<T: DeserializeOwned>(
    ctx: &Context<'_>,
    collection: Collection,
    owner: &BareJid,
    prefix: &str,
) -> Result<Vec<(String, T)>, Refusal> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = ctx
            .documents
            .list(collection, owner, prefix, after.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE;
        for (name, body) in page {
            found.push((name.clone(), decode(&body)?));
            after = Some(name);
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// Names of documents that start with `prefix`, in order.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn names(
    ctx: &Context<'_>,
    collection: Collection,
    owner: &BareJid,
    prefix: &str,
) -> Result<Vec<String>, Unavailable> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let after = found.last().map(String::as_str);
        let page = ctx.documents.list(collection, owner, prefix, after, PAGE)?;
        let is_last = page.len() < PAGE;
        found.extend(page.into_iter().map(|(name, _)| name));
        if is_last {
            return Ok(found);
        }
    }
}

/// Creates or replaces a document.
pub(crate) fn put(
    collection: Collection,
    owner: &BareJid,
    name: impl Into<String>,
    document: &impl Serialize,
) -> Write {
    Write::Put {
        collection,
        owner: owner.clone(),
        name: name.into(),
        body: serde_json::to_vec(document)
            .expect("documents hold text, numbers, lists and maps with text keys"),
    }
}

/// Removes a document.
pub(crate) fn delete(collection: Collection, owner: &BareJid, name: impl Into<String>) -> Write {
    Write::Delete {
        collection,
        owner: owner.clone(),
        name: name.into(),
    }
}

/// Whether `jid` is an account of this node.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn account_exists(ctx: &Context<'_>, jid: &BareJid) -> Result<bool, Unavailable> {
    if jid.node().is_none() || jid.domain() != ctx.host.domain.as_ref() {
        return Ok(false);
    }
    let Some(document) = ctx.documents.get(Collection::Account, jid, "")? else {
        return Ok(false);
    };
    let standing = Standing::read(&document).map_err(|error| Unavailable {
        why: error.to_string(),
    })?;
    Ok(standing != Standing::Removed)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Condition::InternalServerError.into())
}
