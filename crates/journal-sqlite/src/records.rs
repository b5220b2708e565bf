//! SQL for read-model records and their indexed fields.

use std::{collections::BTreeMap, fmt::Write as _};

use journal::{
    StreamName,
    engine::{RecordQuery, RecordRow},
};
use rusqlite::{
    Connection, OptionalExtension as _, Result, Row, ToSql, named_params, params, params_from_iter,
    types::Type,
};

use crate::value;

const RECORD: &str = "SELECT r.kind, r.id, s.name, r.fields, r.body, r.version
    FROM records r LEFT JOIN streams s ON s.id = r.stream ";

fn record_row(row: &Row<'_>) -> Result<RecordRow> {
    let fields: BTreeMap<String, String> = serde_json::from_str(row.get_ref(3)?.as_str()?)
        .map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(3, Type::Text, Box::new(error))
        })?;
    Ok(RecordRow {
        kind: row.get(0)?,
        id: row.get(1)?,
        stream: value::stream_optional(row, 2)?,
        fields,
        body: row.get(4)?,
        version: value::unsigned(row, 5)?,
    })
}

pub(crate) fn record(db: &Connection, kind: &str, id: &str) -> Result<Option<RecordRow>> {
    db.prepare_cached(&format!("{RECORD} WHERE r.kind = ?1 AND r.id = ?2"))?
        .query_row([kind, id], record_row)
        .optional()
}

pub(crate) fn records(db: &Connection, query: RecordQuery<'_>) -> Result<Vec<RecordRow>> {
    let after = query.after.unwrap_or("");
    let page = value::limit(query.limit);
    let mut sql = format!("{RECORD} WHERE r.kind = ?1 AND r.id > ?2");
    let mut values: Vec<&dyn ToSql> = vec![&query.kind, &after];
    for (field, expected) in query.filters {
        values.push(field);
        values.push(expected);
        write!(
            sql,
            " AND EXISTS (SELECT 1 FROM record_fields f WHERE f.kind = r.kind
                AND f.field = ?{} AND f.value = ?{} AND f.id = r.id)",
            values.len() - 1,
            values.len()
        )
        .expect("writing to a string does not fail");
    }
    if let Some((field, expected)) = query.filters.first() {
        // The first filter drives the scan, so that a rare value does not read the whole kind.
        values.push(field);
        values.push(expected);
        sql = format!(
            "SELECT r.kind, r.id, s.name, r.fields, r.body, r.version
             FROM record_fields d CROSS JOIN records r ON r.kind = d.kind AND r.id = d.id
             LEFT JOIN streams s ON s.id = r.stream
             WHERE d.kind = ?1 AND d.field = ?{} AND d.value = ?{} AND d.id > ?2 {}",
            values.len() - 1,
            values.len(),
            &sql[sql.find(" AND EXISTS").unwrap_or(sql.len())..]
        );
        sql.push_str(" ORDER BY d.id");
    } else {
        sql.push_str(" ORDER BY r.id");
    }
    values.push(&page);
    write!(sql, " LIMIT ?{}", values.len()).expect("writing to a string does not fail");
    db.prepare_cached(&sql)?
        .query_map(params_from_iter(values), record_row)?
        .collect()
}

pub(crate) fn records_all(
    db: &Connection,
    after: Option<(&str, &str)>,
    limit: usize,
) -> Result<Vec<RecordRow>> {
    let (kind, id) = after.unwrap_or(("", ""));
    db.prepare_cached(&format!(
        "{RECORD} WHERE (r.kind, r.id) > (?1, ?2) ORDER BY r.kind, r.id LIMIT ?3"
    ))?
    .query_map(params![kind, id, value::limit(limit)], record_row)?
    .collect()
}

pub(crate) fn put_record(db: &Connection, row: &RecordRow) -> Result<()> {
    let fields = serde_json::to_string(&row.fields).expect("a map of strings is JSON");
    let before: Option<String> = db
        .prepare_cached("SELECT fields FROM records WHERE kind = ?1 AND id = ?2")?
        .query_row([&row.kind, &row.id], |row| row.get(0))
        .optional()?;
    db.prepare_cached(
        "INSERT INTO records (kind, id, stream, fields, body, version)
         VALUES (:kind, :id, (SELECT id FROM streams WHERE name = :stream), :fields, :body, :version)
         ON CONFLICT (kind, id) DO UPDATE SET stream = excluded.stream, fields = excluded.fields,
             body = excluded.body, version = excluded.version",
    )?
    .execute(named_params! {
        ":kind": row.kind,
        ":id": row.id,
        ":stream": row.stream.as_ref().map(StreamName::as_str),
        ":fields": fields,
        ":body": row.body,
        ":version": value::integer(row.version),
    })?;
    if before.as_deref() == Some(&fields) {
        return Ok(());
    }
    if before.is_some() {
        delete_fields(db, &row.kind, &row.id)?;
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO record_fields (kind, field, value, id) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (field, content) in &row.fields {
        insert.execute([&row.kind, field, content, &row.id])?;
    }
    Ok(())
}

fn delete_fields(db: &Connection, kind: &str, id: &str) -> Result<()> {
    db.prepare_cached("DELETE FROM record_fields WHERE kind = ?1 AND id = ?2")?
        .execute([kind, id])?;
    Ok(())
}

pub(crate) fn delete_record(db: &Connection, kind: &str, id: &str) -> Result<()> {
    delete_fields(db, kind, id)?;
    db.prepare_cached("DELETE FROM records WHERE kind = ?1 AND id = ?2")?
        .execute([kind, id])?;
    Ok(())
}

pub(crate) fn clear_records(db: &Connection) -> Result<()> {
    db.execute_batch("DELETE FROM record_fields; DELETE FROM records;")
}

pub(crate) fn delete_owned(db: &Connection, stream: &StreamName) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM record_fields WHERE (kind, id) IN (SELECT r.kind, r.id FROM records r
             WHERE r.stream = (SELECT id FROM streams WHERE name = ?1))",
    )?
    .execute([stream.as_str()])?;
    db.prepare_cached(
        "DELETE FROM records WHERE stream = (SELECT id FROM streams WHERE name = ?1)",
    )?
    .execute([stream.as_str()])?;
    Ok(())
}
