//! Questions to the tables: conditions that are put together, values that are always bound.

use std::sync::Arc;

use rusqlite::{Connection, Row, params_from_iter, types::Value};

use crate::{desk::body::json, row::ordered};

/// Most rows of one answer.
pub const PAGE_ROWS_MAX: usize = 10_000;

/// Longest text that is searched for, in bytes; what follows does not count.
pub const SEARCH_BYTES_MAX: usize = 200;

/// Whose rows may be seen: `None` everybody's and our own, else only these customers'.
pub type Customers<'a> = Option<&'a [Arc<str>]>;

/// Customers up to this number are asked for one by one, so that an index gives the rows of each
/// in order and no more of them are read than are shown.
const CUSTOMERS_APART_MAX: usize = 64;

/// A question that grows.
#[derive(Debug)]
pub(crate) struct Ask {
    sql: String,
    values: Vec<Value>,
    /// Whose rows; sorted, each once.
    customers: Option<Vec<Arc<str>>>,
    /// How rows are grouped or sorted.
    tail: String,
    limit: Option<usize>,
}

impl Ask {
    /// Begins with `select`, which has no condition yet.
    pub(crate) fn new(select: &'static str) -> Self {
        let sql = format!("{select} WHERE true");
        Self { sql, values: Vec::new(), customers: None, tail: String::new(), limit: None }
    }

    /// The same by `index`, where it is known better than SQLite could guess: it keeps no figures
    /// about the tables, and takes a partial index for hardly better than a whole one.
    pub(crate) fn by(select: &'static str, index: &'static str) -> Self {
        Self { sql: format!("{select} INDEXED BY {index} WHERE true"), ..Self::new("") }
    }

    /// Only rows for which `condition` holds, which has no value in it.
    pub(crate) fn only(mut self, condition: &'static str) -> Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self
    }

    /// Only rows for which `condition` holds, each `?` in it being `value`; all rows if there is
    /// none.
    pub(crate) fn with(self, condition: &'static str, value: Option<impl Into<Value>>) -> Self {
        let Some(value) = value.map(Into::into) else { return self };
        let times = condition.matches('?').count();
        let mut ask = self.only(condition);
        ask.values.extend(std::iter::repeat_n(value, times));
        ask
    }

    /// Only rows whose column `customer` is one of `customers`.
    pub(crate) fn of_customers(mut self, customers: Customers<'_>) -> Self {
        self.customers = customers.map(|it| {
            let mut customers = it.to_vec();
            customers.sort_unstable();
            customers.dedup();
            customers
        });
        self
    }

    /// Only rows whose column `customers`, a list, names none but `customers`.
    pub(crate) fn of_all_customers(self, customers: Customers<'_>) -> rusqlite::Result<Self> {
        let condition = "customers IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM json_each(customers) AS its
            WHERE its.value NOT IN (SELECT value FROM json_each(?)))";
        let list = customers.map(json).transpose()?;
        Ok(self.with(condition, list))
    }

    /// Only rows for which `condition`, such as `about LIKE ? ESCAPE '\'`, finds `text` anywhere.
    pub(crate) fn like(self, condition: &'static str, text: Option<&str>) -> Self {
        self.with(condition, text.filter(|it| !it.is_empty()).map(pattern))
    }

    /// One row for each value of `column`.
    pub(crate) fn grouped(mut self, column: &'static str) -> Self {
        self.tail = format!(" GROUP BY {column}");
        self
    }

    /// In this order, and at most so many.
    pub(crate) fn page(mut self, order: &'static str, limit: usize) -> Self {
        self.tail = format!(" ORDER BY {order}");
        self.limit = Some(limit.min(PAGE_ROWS_MAX));
        self
    }

    /// All rows that it finds, each read by `read`.
    pub(crate) fn rows<T>(
        mut self,
        conn: &Connection,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        match self.customers.take().as_deref() {
            None => self.run(conn, "", None, read),
            Some([one]) => self.run_of(conn, one, read),
            Some(list) => {
                let whose = " AND customer IN (SELECT value FROM json_each(?))";
                self.run(conn, whose, Some(json(list)?), read)
            }
        }
    }

    /// The same for a page that is sorted by the first column of its rows, an id.
    pub(crate) fn sorted_rows<T>(
        mut self,
        conn: &Connection,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let Some(customers) = self.customers.take_if(|it| it.len() <= CUSTOMERS_APART_MAX) else {
            return self.rows(conn, read);
        };
        let mut found = Vec::new();
        for customer in &customers {
            let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, read(row)?));
            found.extend(self.run_of(conn, customer, read)?);
        }
        found.sort_by_key(|it| it.0);
        if self.tail.ends_with("DESC") {
            found.reverse();
        }
        found.truncate(self.limit.unwrap_or(PAGE_ROWS_MAX));
        Ok(found.into_iter().map(|it| it.1).collect())
    }

    /// The only number that it finds.
    pub(crate) fn number(self, conn: &Connection) -> rusqlite::Result<u64> {
        let read = |row: &Row<'_>| Ok(row.get::<_, i64>(0)?.cast_unsigned());
        let number = self.rows(conn, read)?.pop();
        number.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    fn run_of<T>(
        &self,
        conn: &Connection,
        customer: &Arc<str>,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.run(conn, " AND customer = ?", Some(customer.to_string()), read)
    }

    fn run<T>(
        &self,
        conn: &Connection,
        whose: &'static str,
        customer: Option<String>,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let limit = if self.limit.is_some() { " LIMIT ?" } else { "" };
        let sql = format!("{}{whose}{}{limit}", self.sql, self.tail);
        let mut values = self.values.clone();
        values.extend(customer.map(Value::Text));
        values.extend(self.limit.map(|it| Value::Integer(i64::try_from(it).unwrap_or(0))));
        let mut statement = conn.prepare_cached(&sql)?;
        statement.query_map(params_from_iter(values), read)?.collect()
    }
}

/// An id as a value; none of ours is as large as what does not fit.
pub(crate) fn id_value(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// A moment as a value.
pub(crate) fn moment_value(moment: model::Moment) -> i64 {
    ordered(moment)
}

/// The pattern that finds `text` anywhere, whatever is in it.
fn pattern(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(SEARCH_BYTES_MAX)];
    let mut pattern = String::from("%");
    for glyph in text.chars() {
        if matches!(glyph, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(glyph);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_its_text_by_the_letter() {
        assert_eq!(pattern(r"50%_\x"), r"%50\%\_\\x%");
        assert_eq!(pattern(&"é".repeat(101)).chars().count(), 102, "200 bytes between two signs");
    }
}
