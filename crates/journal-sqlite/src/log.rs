//! SQL for Merkle nodes, checkpoints and the journal's own values.

use journal::{Hash, SignedCheckpoint};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use crate::value;

fn checkpoint(row: &Row<'_>) -> Result<SignedCheckpoint> {
    // Bytes that are no text must not hide the checkpoints after them: they fail as a signature.
    let note = String::from_utf8_lossy(row.get_ref(1)?.as_bytes()?);
    Ok(SignedCheckpoint {
        size: value::unsigned(row, 0)?,
        note: note.into_owned(),
    })
}

pub(crate) fn node(db: &Connection, level: u8, index: u64) -> Result<Option<Hash>> {
    db.prepare_cached("SELECT hash FROM nodes WHERE level = ?1 AND idx = ?2")?
        .query_row(params![level, value::integer(index)], |row| {
            value::hash(row, 0)
        })
        .optional()
}

pub(crate) fn nodes(
    db: &Connection,
    after: Option<(u8, u64)>,
    limit: usize,
) -> Result<Vec<(u8, u64)>> {
    let (level, index) = after.unwrap_or((0, 0));
    db.prepare_cached(
        "SELECT level, idx FROM nodes WHERE (level, idx) > (?1, ?2) ORDER BY level, idx LIMIT ?3",
    )?
    .query_map(
        params![level, value::integer(index), value::limit(limit)],
        |row| Ok((row.get(0)?, value::unsigned(row, 1)?)),
    )?
    .collect()
}

pub(crate) fn insert_node(db: &Connection, level: u8, index: u64, hash: Hash) -> Result<()> {
    db.prepare_cached("INSERT INTO nodes (level, idx, hash) VALUES (?1, ?2, ?3)")?
        .execute(params![level, value::integer(index), hash])?;
    Ok(())
}

pub(crate) fn checkpoint_newest(db: &Connection) -> Result<Option<SignedCheckpoint>> {
    db.prepare_cached("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")?
        .query_row([], checkpoint)
        .optional()
}

pub(crate) fn checkpoints(
    db: &Connection,
    from: u64,
    limit: usize,
) -> Result<Vec<SignedCheckpoint>> {
    db.prepare_cached("SELECT size, note FROM checkpoints WHERE size >= ?1 ORDER BY size LIMIT ?2")?
        .query_map(
            params![value::integer(from), value::limit(limit)],
            checkpoint,
        )?
        .collect()
}

pub(crate) fn insert_checkpoint(db: &Connection, checkpoint: &SignedCheckpoint) -> Result<()> {
    db.prepare_cached("INSERT INTO checkpoints (size, note) VALUES (?1, ?2)")?
        .execute(params![value::integer(checkpoint.size), checkpoint.note])?;
    Ok(())
}

pub(crate) fn meta(db: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(crate) fn put_meta(db: &Connection, name: &str, stored: &[u8]) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO meta (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![name, stored])?;
    Ok(())
}
