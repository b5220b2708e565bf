//! SQL for idempotency keys.

use journal::{StreamName, engine::IdempotencyRow};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, named_params, params};

use crate::value;

fn idempotency_row(row: &Row<'_>) -> Result<IdempotencyRow> {
    Ok(IdempotencyRow {
        scope: row.get(0)?,
        key: row.get(1)?,
        request: value::digest(row, 2)?,
        owner: value::stream_optional(row, 3)?,
        response: row.get(4)?,
        expires_ms: row.get(5)?,
        first: value::index(row, 6)?,
        count: value::unsigned(row, 7)?,
    })
}

pub(crate) fn idempotency(
    db: &Connection,
    scope: &str,
    key: &str,
) -> Result<Option<IdempotencyRow>> {
    db.prepare_cached(
        "SELECT i.scope, i.key, i.request, s.name, i.response, i.expires_ms, i.first, i.count
         FROM idempotency i LEFT JOIN streams s ON s.id = i.owner
         WHERE i.scope = ?1 AND i.key = ?2",
    )?
    .query_row([scope, key], idempotency_row)
    .optional()
}

pub(crate) fn put_idempotency(db: &Connection, row: &IdempotencyRow) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO idempotency (scope, key, request, owner, response, expires_ms, first, count)
         VALUES (:scope, :key, :request, (SELECT id FROM streams WHERE name = :owner), :response,
             :expires_ms, :first, :count)
         ON CONFLICT (scope, key) DO UPDATE SET request = excluded.request, owner = excluded.owner,
             response = excluded.response, expires_ms = excluded.expires_ms,
             first = excluded.first, count = excluded.count",
    )?
    .execute(named_params! {
        ":scope": row.scope,
        ":key": row.key,
        ":request": row.request.as_bytes(),
        ":owner": row.owner.as_ref().map(StreamName::as_str),
        ":response": row.response,
        ":expires_ms": row.expires_ms,
        ":first": value::integer(row.first.0),
        ":count": value::integer(row.count),
    })?;
    Ok(())
}

pub(crate) fn expire_idempotency(db: &Connection, now_ms: i64, limit: usize) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM idempotency WHERE rowid IN
             (SELECT rowid FROM idempotency WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)",
    )?
    .execute(params![now_ms, value::limit(limit)])?;
    Ok(())
}

pub(crate) fn delete_owned(db: &Connection, stream: &StreamName) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM idempotency WHERE owner = (SELECT id FROM streams WHERE name = ?1)",
    )?
    .execute([stream.as_str()])?;
    Ok(())
}
