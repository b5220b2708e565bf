//! Message archive (XEP-0313 1.1): pages of the stream that delivery reads too. Ids never change, so pages
//! tile: reading on from the last id, forwards or backwards, meets every entry once.

use jid::{BareJid, FullJid, Jid};
use minidom::Element;

use super::forms::{Form, submit, typed_field};
use super::refusal::Refusal;
use super::request::{Owner, Request, send};
use super::{datetime, forward, ns, rsm};
use crate::archive::{ArchiveId, Archived, Page, Query};
use crate::outcome::{Context, Outcome};
use crate::stanza::{Condition, Stanza};
use crate::xml::Xml;

/// The most entries in one page.
const PAGE_MAX: usize = 250;
/// Entries in a page when the client does not say.
const PAGE_DEFAULT: usize = 100;
/// The most ids in one query.
const IDS_MAX: usize = 100;

/// Answers what is asked of the own archive.
///
/// # Errors
/// The request is malformed, or names an entry that is not there.
pub(crate) fn handle(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    match (request.is_set, request.payload.name()) {
        (true, "query") => query(ctx, owner, request),
        (false, "query") => Ok(request.result(ctx, fields())),
        (false, "metadata") => metadata(ctx, owner, request),
        (_, "prefs") => super::preferences::handle(ctx, owner, request),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// Answers what an occupant asks of a room's archive (XEP-0313 7.1); the room has checked that they may.
///
/// # Errors
/// As [`handle`].
pub(crate) fn of_room(
    ctx: &Context<'_>,
    room: &BareJid,
    session: FullJid,
    stanza: &Stanza,
) -> Result<Outcome, Refusal> {
    let request = Request::read(stanza)?;
    let owner = Owner {
        account: room.clone(),
        session,
    };
    match (request.is_set, request.payload.name()) {
        (true, "query") => query(ctx, &owner, &request),
        (false, "query") => Ok(request.result(ctx, fields())),
        (false, "metadata") => metadata(ctx, &owner, &request),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn query(ctx: &Context<'_>, owner: &Owner, request: &Request<'_>) -> Result<Outcome, Refusal> {
    let asked = Asked::read(&request.payload)?;
    let mut page = match &asked.ids {
        Some(ids) => by_ids(ctx, &owner.account, ids)?,
        None => {
            known(ctx, &owner.account, asked.query.after)?;
            known(ctx, &owner.account, asked.query.before)?;
            ctx.archives.page(&owner.account, &asked.query)?
        }
    };
    let ends = match (page.entries.first(), page.entries.last()) {
        (Some(first), Some(last)) => Some((first.id.to_string(), last.id.to_string())),
        _ => None,
    };
    if asked.is_flipped {
        page.entries.reverse();
    }
    for archived in &mut page.entries {
        if let Some(tombstone) = crate::muc::tombstone(ctx, archived)? {
            archived.entry.stanza = tombstone;
        }
    }
    let mut outcome = Outcome::nothing();
    let to = Jid::from(owner.session.clone());
    for archived in &page.entries {
        let result = result(&owner.account, &to, asked.query_id.as_deref(), archived);
        outcome.send.push(send(ctx.host, &to, result));
    }
    let ends = ends
        .as_ref()
        .map(|(first, last)| (first.as_str(), last.as_str()));
    let fin = Xml::in_namespace("fin", ns::MAM)
        .maybe("queryid", asked.query_id.as_deref())
        .maybe("complete", page.complete.then_some("true"))
        .attr("stable", "true")
        .child(rsm::page(ends, None));
    Ok(outcome.and(request.result(ctx, fin)))
}

/// A page that starts from an entry nobody has seen is answered as XEP-0059 2.2 says: there is no such item.
fn known(ctx: &Context<'_>, owner: &BareJid, id: Option<ArchiveId>) -> Result<(), Refusal> {
    let last = ctx.archives.last(owner)?.map_or(0, |id| id.0);
    match id {
        Some(id) if id.0 == 0 || id.0 > last => Err(Condition::ItemNotFound.into()),
        _ => Ok(()),
    }
}

fn by_ids(ctx: &Context<'_>, owner: &BareJid, ids: &[ArchiveId]) -> Result<Page, Refusal> {
    let mut entries = Vec::with_capacity(ids.len());
    for id in ids {
        entries.push(entry(ctx, owner, *id)?.ok_or(Condition::ItemNotFound)?);
    }
    entries.sort_by_key(|archived| archived.id);
    Ok(Page {
        entries,
        complete: true,
    })
}

fn entry(ctx: &Context<'_>, owner: &BareJid, id: ArchiveId) -> Result<Option<Archived>, Refusal> {
    let query = Query {
        after: Some(ArchiveId(id.0.saturating_sub(1))),
        limit: 1,
        ..Query::default()
    };
    let page = ctx.archives.page(owner, &query)?;
    Ok(page.entries.into_iter().find(|archived| archived.id == id))
}

fn result(owner: &BareJid, to: &Jid, query_id: Option<&str>, archived: &Archived) -> Xml {
    Xml::new("message")
        .attr("from", owner.as_str())
        .attr("to", to.as_str())
        .child(
            Xml::in_namespace("result", ns::MAM)
                .maybe("queryid", query_id)
                .attr("id", &archived.id.to_string())
                .child(forward::forwarded(
                    &archived.entry.stanza,
                    Some(archived.at_ms),
                )),
        )
}

fn metadata(ctx: &Context<'_>, owner: &Owner, request: &Request<'_>) -> Result<Outcome, Refusal> {
    let end = |from_end| {
        let query = Query {
            from_end,
            limit: 1,
            ..Query::default()
        };
        ctx.archives.page(&owner.account, &query)
    };
    let mark = |name, page: &Page| {
        page.entries.first().map(|archived| {
            Xml::new(name)
                .attr("id", &archived.id.to_string())
                .attr("timestamp", &datetime::format(archived.at_ms))
        })
    };
    let metadata = Xml::in_namespace("metadata", ns::MAM)
        .children(mark("start", &end(false)?))
        .children(mark("end", &end(true)?));
    Ok(request.result(ctx, metadata))
}

fn fields() -> Xml {
    const NONE: [&str; 0] = [];
    let fields = [
        ("with", "jid-single"),
        ("start", "text-single"),
        ("end", "text-single"),
        ("before-id", "text-single"),
        ("after-id", "text-single"),
        ("ids", "list-multi"),
    ];
    let form =
        submit("form", ns::MAM).children(fields.map(|(var, type_)| typed_field(var, type_, &NONE)));
    Xml::in_namespace("query", ns::MAM).child(form)
}

/// A query as read from the request.
struct Asked {
    query: Query,
    query_id: Option<String>,
    ids: Option<Vec<ArchiveId>>,
    is_flipped: bool,
}

impl Asked {
    fn read(payload: &Element) -> Result<Self, Refusal> {
        let form = Form::child_of(payload).unwrap_or_default();
        let page = rsm::Asked::child_of(payload)?;
        let date = |var| match form.value(var) {
            Some(text) => datetime::parse(text).map(Some).ok_or(Condition::BadRequest),
            None => Ok(None),
        };
        let with = match form.value("with") {
            Some(with) => Some(Jid::new(with).map_err(|_| Condition::JidMalformed)?),
            None => None,
        };
        let ids = form.values("ids");
        if ids.len() > IDS_MAX {
            return Err(Condition::PolicyViolation.into());
        }
        let from_end = page.before.is_some();
        let before = page.before.as_deref().filter(|id| !id.is_empty());
        let query = Query {
            with,
            start_ms: date("start")?,
            end_ms: date("end")?,
            after: later(id(page.after.as_deref())?, id(form.value("after-id"))?),
            before: earlier(id(before)?, id(form.value("before-id"))?),
            from_end,
            limit: page.max.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX),
        };
        let ids = ids
            .iter()
            .map(|text| Ok(id(Some(text))?.ok_or(Condition::ItemNotFound)?))
            .collect::<Result<Vec<_>, Refusal>>()?;
        Ok(Self {
            query,
            query_id: payload.attr("queryid").map(str::to_owned),
            ids: (!ids.is_empty()).then_some(ids),
            is_flipped: payload.has_child("flip-page", ns::MAM),
        })
    }
}

/// An archive id as written; what never was one is not found.
fn id(text: Option<&str>) -> Result<Option<ArchiveId>, Refusal> {
    match text {
        None => Ok(None),
        Some(text) if text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit()) => {
            let number = text.parse().map_err(|_| Condition::ItemNotFound)?;
            Ok(Some(ArchiveId(number)))
        }
        Some(_) => Err(Condition::ItemNotFound.into()),
    }
}

fn later(a: Option<ArchiveId>, b: Option<ArchiveId>) -> Option<ArchiveId> {
    a.max(b)
}

fn earlier(a: Option<ArchiveId>, b: Option<ArchiveId>) -> Option<ArchiveId> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
