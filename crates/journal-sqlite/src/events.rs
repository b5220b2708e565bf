//! SQL for events and stream heads.

use journal::{
    LogIndex, Seq, StreamName,
    engine::{EventRow, StreamRow},
};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use crate::value;

const EVENT: &str = "SELECT e.idx, s.name, e.seq, e.digest, e.header, e.payload
    FROM events e JOIN streams s ON s.id = e.stream ";

const STREAM: &str =
    "SELECT name, privacy, head_seq, head_digest, wrapped_key, shredded, id FROM streams ";

fn event(row: &Row<'_>) -> Result<EventRow> {
    Ok(EventRow {
        index: value::index(row, 0)?,
        stream: value::stream(row, 1)?,
        seq: value::seq(row, 2)?,
        digest: value::digest(row, 3)?,
        header: row.get(4)?,
        payload: row.get(5)?,
    })
}

fn stream_row(row: &Row<'_>) -> Result<StreamRow> {
    Ok(StreamRow {
        stream: value::stream(row, 0)?,
        privacy: value::privacy(row, 1)?,
        head: value::seq(row, 2)?,
        head_digest: value::digest(row, 3)?,
        wrapped_key: row.get(4)?,
        shredded: value::flag(row, 5)?,
    })
}

/// Events are never deleted and start at 0, so the largest index tells their number.
pub(crate) fn size(db: &Connection) -> Result<u64> {
    db.prepare_cached("SELECT COALESCE(MAX(idx) + 1, 0) FROM events")?
        .query_row([], |row| value::unsigned(row, 0))
}

/// The head of a stream, and the number of its row.
pub(crate) fn stream(db: &Connection, name: &StreamName) -> Result<Option<(StreamRow, i64)>> {
    db.prepare_cached(&format!("{STREAM} WHERE name = ?1"))?
        .query_row([name.as_str()], |row| Ok((stream_row(row)?, row.get(6)?)))
        .optional()
}

pub(crate) fn streams(
    db: &Connection,
    after: Option<&StreamName>,
    limit: usize,
) -> Result<Vec<StreamRow>> {
    db.prepare_cached(&format!("{STREAM} WHERE name > ?1 ORDER BY name LIMIT ?2"))?
        .query_map(
            params![after.map_or("", StreamName::as_str), value::limit(limit)],
            stream_row,
        )?
        .collect()
}

pub(crate) fn stream_events(
    db: &Connection,
    stream: &StreamName,
    from: Seq,
    limit: usize,
) -> Result<Vec<EventRow>> {
    db.prepare_cached(&format!(
        "{EVENT} WHERE e.stream = (SELECT id FROM streams WHERE name = ?1) AND e.seq >= ?2
         ORDER BY e.seq LIMIT ?3"
    ))?
    .query_map(
        params![
            stream.as_str(),
            value::integer(from.get()),
            value::limit(limit)
        ],
        event,
    )?
    .collect()
}

pub(crate) fn events(db: &Connection, from: LogIndex, limit: usize) -> Result<Vec<EventRow>> {
    db.prepare_cached(&format!(
        "{EVENT} WHERE e.idx >= ?1 ORDER BY e.idx LIMIT ?2"
    ))?
    .query_map(params![value::integer(from.0), value::limit(limit)], event)?
    .collect()
}

/// Inserts an event; `stream` is the row of its stream, where that is known.
pub(crate) fn insert_event(db: &Connection, stream: Option<i64>, row: &EventRow) -> Result<()> {
    let stream = match stream {
        Some(id) => id,
        None => db
            .prepare_cached("SELECT id FROM streams WHERE name = ?1")?
            .query_row([row.stream.as_str()], |found| found.get(0))?,
    };
    db.prepare_cached(
        "INSERT INTO events (idx, stream, seq, digest, header, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        value::integer(row.index.0),
        stream,
        value::integer(row.seq.get()),
        row.digest.as_bytes(),
        row.header,
        row.payload,
    ])?;
    Ok(())
}

/// Replaces the head of the stream in row `id`.
pub(crate) fn update_stream(db: &Connection, id: i64, row: &StreamRow) -> Result<()> {
    db.prepare_cached(
        "UPDATE streams SET head_seq = ?2, head_digest = ?3, wrapped_key = ?4, shredded = ?5
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        value::integer(row.head.get()),
        row.head_digest.as_bytes(),
        row.wrapped_key,
        row.shredded,
    ])?;
    Ok(())
}

/// Creates or replaces the head of a stream; the number of its row.
pub(crate) fn put_stream(db: &Connection, row: &StreamRow) -> Result<i64> {
    db.prepare_cached(
        "INSERT INTO streams (name, privacy, head_seq, head_digest, wrapped_key, shredded)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (name) DO UPDATE SET head_seq = ?3, head_digest = ?4,
             wrapped_key = ?5, shredded = ?6
         RETURNING id",
    )?
    .query_row(
        params![
            row.stream.as_str(),
            row.privacy as u8,
            value::integer(row.head.get()),
            row.head_digest.as_bytes(),
            row.wrapped_key,
            row.shredded,
        ],
        |stored| stored.get(0),
    )
}
