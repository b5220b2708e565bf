//! SQL for the outbox.

use journal::{StreamName, engine::EffectRow, transaction::EffectState};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, named_params, params};

use crate::value;

const EFFECT: &str = "SELECT e.id, e.kind, s.name, e.payload, e.state, e.attempts,
    e.not_before_ms, e.leased_until_ms, e.error
    FROM effects e LEFT JOIN streams s ON s.id = e.owner ";

fn effect_row(row: &Row<'_>) -> Result<EffectRow> {
    Ok(EffectRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        owner: value::stream_optional(row, 2)?,
        payload: row.get(3)?,
        state: value::effect_state(row, 4)?,
        attempts: value::unsigned(row, 5)?,
        not_before_ms: row.get(6)?,
        leased_until_ms: row.get(7)?,
        error: row.get(8)?,
    })
}

pub(crate) fn effect(db: &Connection, id: &str) -> Result<Option<EffectRow>> {
    db.prepare_cached(&format!("{EFFECT} WHERE e.id = ?1"))?
        .query_row([id], effect_row)
        .optional()
}

pub(crate) fn effects(
    db: &Connection,
    state: EffectState,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<EffectRow>> {
    db.prepare_cached(&format!(
        "{EFFECT} WHERE e.state = ?1 AND e.id > ?2 ORDER BY e.id LIMIT ?3"
    ))?
    .query_map(
        params![state as u8, after.unwrap_or(""), value::limit(limit)],
        effect_row,
    )?
    .collect()
}

pub(crate) fn effects_due(
    db: &Connection,
    now_ms: i64,
    kinds: &[String],
    limit: usize,
) -> Result<Vec<EffectRow>> {
    let kinds = serde_json::to_string(kinds).expect("a list of strings is JSON");
    db.prepare_cached(&format!(
        "{EFFECT} WHERE e.state = 1 AND e.not_before_ms <= ?1 AND e.leased_until_ms <= ?1
             AND (?2 = '[]' OR e.kind IN (SELECT value FROM json_each(?2)))
         ORDER BY e.not_before_ms, e.id LIMIT ?3"
    ))?
    .query_map(params![now_ms, kinds, value::limit(limit)], effect_row)?
    .collect()
}

pub(crate) fn effects_count(db: &Connection, state: EffectState) -> Result<u64> {
    db.prepare_cached("SELECT COUNT(*) FROM effects WHERE state = ?1")?
        .query_row([state as u8], |row| value::unsigned(row, 0))
}

pub(crate) fn put_effect(db: &Connection, row: &EffectRow) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO effects (id, kind, owner, payload, state, attempts, not_before_ms,
             leased_until_ms, error)
         VALUES (:id, :kind, (SELECT id FROM streams WHERE name = :owner), :payload, :state,
             :attempts, :not_before_ms, :leased_until_ms, :error)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts,
             not_before_ms = excluded.not_before_ms, leased_until_ms = excluded.leased_until_ms,
             error = excluded.error",
    )?
    .execute(named_params! {
        ":id": row.id,
        ":kind": row.kind,
        ":owner": row.owner.as_ref().map(StreamName::as_str),
        ":payload": row.payload,
        ":state": row.state as u8,
        ":attempts": value::integer(row.attempts),
        ":not_before_ms": row.not_before_ms,
        ":leased_until_ms": row.leased_until_ms,
        ":error": row.error,
    })?;
    Ok(())
}

pub(crate) fn delete_owned(db: &Connection, stream: &StreamName) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM effects WHERE owner = (SELECT id FROM streams WHERE name = ?1)",
    )?
    .execute([stream.as_str()])?;
    Ok(())
}
