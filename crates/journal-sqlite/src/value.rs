//! Column values: integers SQLite can hold, digests, names.

use std::str::FromStr;

use evidence::digest::Digest;
use journal::{Hash, LogIndex, Privacy, Seq, StreamName, transaction::EffectState};
use rusqlite::{
    Result, Row,
    types::{FromSqlError, Type},
};

/// SQLite integers are signed. Stored positions and counts are far below 2^63; one that is asked
/// for beyond it finds nothing, like every other beyond the end.
pub(crate) fn integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A page size as SQLite takes it.
pub(crate) fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn invalid(column: usize, kind: Type) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(FromSqlError::InvalidType))
}

pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| invalid(column, Type::Integer))
}

pub(crate) fn index(row: &Row<'_>, column: usize) -> Result<LogIndex> {
    unsigned(row, column).map(LogIndex)
}

pub(crate) fn seq(row: &Row<'_>, column: usize) -> Result<Seq> {
    Seq::new(unsigned(row, column)?).ok_or_else(|| invalid(column, Type::Integer))
}

pub(crate) fn hash(row: &Row<'_>, column: usize) -> Result<Hash> {
    row.get_ref(column)?
        .as_blob()?
        .try_into()
        .map_err(|_| invalid(column, Type::Blob))
}

pub(crate) fn digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    hash(row, column).map(Digest::from_bytes)
}

fn parse<T: FromStr>(text: &str, column: usize) -> Result<T> {
    text.parse().map_err(|_| invalid(column, Type::Text))
}

pub(crate) fn stream(row: &Row<'_>, column: usize) -> Result<StreamName> {
    parse(row.get_ref(column)?.as_str()?, column)
}

pub(crate) fn stream_optional(row: &Row<'_>, column: usize) -> Result<Option<StreamName>> {
    row.get_ref(column)?
        .as_str_or_null()?
        .map(|text| parse(text, column))
        .transpose()
}

pub(crate) fn privacy(row: &Row<'_>, column: usize) -> Result<Privacy> {
    match row.get::<_, i64>(column)? {
        1 => Ok(Privacy::Public),
        2 => Ok(Privacy::Personal),
        _ => Err(invalid(column, Type::Integer)),
    }
}

/// SQLite has no booleans; every other number would be read as true.
pub(crate) fn flag(row: &Row<'_>, column: usize) -> Result<bool> {
    match row.get::<_, i64>(column)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid(column, Type::Integer)),
    }
}

pub(crate) fn effect_state(row: &Row<'_>, column: usize) -> Result<EffectState> {
    match row.get::<_, i64>(column)? {
        1 => Ok(EffectState::Pending),
        2 => Ok(EffectState::Done),
        3 => Ok(EffectState::Dead),
        _ => Err(invalid(column, Type::Integer)),
    }
}
