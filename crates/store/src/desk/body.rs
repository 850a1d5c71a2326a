//! Objects as JSON in a row, and back.

use std::fmt::Display;

use rusqlite::types::Type;
use serde::{Serialize, de::DeserializeOwned};

use crate::row::Sum;

/// A row that does not hold what was written to it.
#[derive(Debug, thiserror::Error)]
#[error("row {row} of table {table} cannot be read: {what}")]
struct Unreadable {
    table: &'static str,
    row: String,
    what: String,
}

/// An object as it is kept: its text, and a sum over that.
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) sum: i64,
}

impl Body {
    pub(crate) fn of(object: &impl Serialize) -> rusqlite::Result<Self> {
        let text = json(object)?;
        let sum = Sum::of(text.as_bytes());
        Ok(Self { text, sum })
    }
}

/// `object` as JSON.
pub(crate) fn json(object: &(impl Serialize + ?Sized)) -> rusqlite::Result<String> {
    serde_json::to_string(object)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Reads what [`Body::of`] wrote from the columns `body` and `sum`, which follow each other from
/// column `first` on.
pub(crate) fn read_body<T: DeserializeOwned>(
    table: &'static str,
    key: impl Display,
    row: &rusqlite::Row<'_>,
    first: usize,
) -> rusqlite::Result<T> {
    let text = row.get_ref(first)?.as_str()?;
    if row.get::<_, i64>(first + 1)? != Sum::of(text.as_bytes()) {
        return Err(unreadable(table, key, "it does not match its sum"));
    }
    serde_json::from_str(text).map_err(|error| unreadable(table, key, &error.to_string()))
}

/// The error for a row that nobody wrote like this.
pub(crate) fn unreadable(table: &'static str, key: impl Display, what: &str) -> rusqlite::Error {
    let row = key.to_string();
    let error = Unreadable { table, row, what: what.to_owned() };
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}
