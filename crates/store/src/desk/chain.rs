//! The chain through all events, by which it shows if one of them was changed or taken away.
//!
//! Each row keeps a hash over its own columns and the hash of the row before. Whoever changes a row
//! has to change all that follow, and the end that is kept apart. It shows mistakes and repairs by
//! hand; against somebody who owns the machine only a copy of the last hash elsewhere helps.

use model::{Event, EventId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use crate::{ReadError, Reader, desk::body::unreadable, row::ordered};

/// A link of the chain.
type Link = [u8; 32];

/// One end of the chain.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Place of the row that it is the link of; 0 for none.
    place: i64,
    link: Link,
}

/// An event that would take the place of another one.
#[derive(Debug, thiserror::Error)]
#[error("the id {0} stands for another event already")]
struct IdTaken(EventId);

/// Why the events do not verify.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// They cannot be read.
    #[error("cannot read the events")]
    Read(#[from] ReadError),
    /// An event was changed, or one before it was taken away or put in.
    #[error("event {event} does not follow from the one before it")]
    Broken {
        /// The first that does not follow.
        event: u64,
    },
    /// The last events are gone, or there are more than were written.
    #[error("the events do not end where the last one was written")]
    End,
}

/// The columns of an event, as texts and numbers.
struct Columns<'a> {
    id: i64,
    at: i64,
    subject: i64,
    /// customer, kind, actor, name, text
    texts: [&'a str; 5],
}

impl Columns<'_> {
    /// The link that follows `before`. Lengths go in too, so that no byte can move from one text
    /// to the next.
    fn link(&self, before: &Link) -> Link {
        let mut hash = Sha256::new();
        hash.update(before);
        for number in [self.id, self.at, self.subject] {
            hash.update(number.to_le_bytes());
        }
        for text in self.texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().into()
    }
}

/// Adds events at the end of the chain, within one transaction.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// As it is so far; unknown until the first event comes.
    last: Option<End>,
}

impl Chain {
    /// Adds `event`. One that is there already changes nothing; another one with its id is an
    /// error.
    pub(crate) fn put(&mut self, tx: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
        let before = match self.last {
            Some(end) => end,
            None => end(tx, "last")?,
        };
        let columns = Columns {
            id: event.id.0.cast_signed(),
            at: ordered(event.at),
            subject: event.subject.cast_signed(),
            texts: [&event.customer, event.kind.word(), &event.by, &event.name, &event.text],
        };
        let link = columns.link(&before.link);
        let place = before.place + 1;
        let sql = "
            INSERT INTO event (place, id, at, customer, kind, actor, name, subject, text, chain)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING";
        let [customer, kind, actor, name, text] = columns.texts;
        let (id, at, subject) = (columns.id, columns.at, columns.subject);
        let values = params![place, id, at, customer, kind, actor, name, subject, text, link];
        let is_new = tx.prepare_cached(sql)?.execute(values)? != 0;
        self.last = Some(if is_new { End { place, link } } else { before });
        if is_new || is_there(tx, &columns)? {
            return Ok(());
        }
        Err(rusqlite::Error::ToSqlConversionFailure(Box::new(IdTaken(event.id))))
    }

    /// Writes the end down, if it has moved.
    pub(crate) fn finish(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        match self.last.take() {
            Some(end) => put_end(tx, "last", end),
            None => Ok(()),
        }
    }
}

/// Is there exactly this event?
fn is_there(tx: &Transaction<'_>, event: &Columns<'_>) -> rusqlite::Result<bool> {
    let sql = "
        SELECT count(*) FROM event WHERE id = ?1 AND at = ?2 AND subject = ?3 AND customer = ?4
            AND kind = ?5 AND actor = ?6 AND name = ?7 AND text = ?8";
    let [customer, kind, actor, name, text] = event.texts;
    let values = params![event.id, event.at, event.subject, customer, kind, actor, name, text];
    tx.prepare_cached(sql)?.query_row(values, |row| row.get(0))
}

/// Deletes events from the beginning of the chain on: at most `rows_max`, and none that is as
/// young as `before` or follows one that is.
pub(crate) fn cut_off(tx: &Transaction<'_>, before: i64, rows_max: u32) -> rusqlite::Result<usize> {
    let sql = "SELECT place, at, chain FROM event ORDER BY place LIMIT ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([rows_max])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before {
            break;
        }
        last = Some(End { place: row.get(0)?, link: row.get(2)? });
    }
    let Some(end) = last else { return Ok(0) };
    put_end(tx, "cut-off", end)?;
    tx.prepare_cached("DELETE FROM event WHERE place <= ?1")?.execute([end.place])
}

fn end(conn: &Connection, which: &'static str) -> rusqlite::Result<End> {
    let sql = "SELECT place, chain FROM event_chain WHERE which = ?1";
    conn.prepare_cached(sql)?
        .query_row([which], |row| Ok(End { place: row.get(0)?, link: row.get(1)? }))
        .optional()?
        .ok_or_else(|| unreadable("event_chain", which, "it is not there"))
}

fn put_end(tx: &Transaction<'_>, which: &str, end: End) -> rusqlite::Result<()> {
    let sql = "UPDATE event_chain SET place = ?2, chain = ?3 WHERE which = ?1";
    tx.prepare_cached(sql)?.execute(params![which, end.place, end.link]).map(|_| ())
}

impl Reader {
    /// Follows the chain through all events that are there. How many are they?
    ///
    /// # Errors
    /// The store cannot be read, or an event was changed, put in or taken away.
    pub fn verify_events(&self) -> Result<u64, ChainError> {
        // One look at all of it, though an engine may go on writing.
        let tx = self.conn.unchecked_transaction().map_err(ReadError::from)?;
        verify(&tx)
    }
}

fn verify(conn: &Connection) -> Result<u64, ChainError> {
    let sqlite = |error: rusqlite::Error| ChainError::Read(error.into());
    let mut at = end(conn, "cut-off").map_err(sqlite)?;
    let last = end(conn, "last").map_err(sqlite)?;
    let sql = "
        SELECT place, id, at, subject, customer, kind, actor, name, text, chain
        FROM event ORDER BY place";
    let mut statement = conn.prepare_cached(sql).map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let (id, next) = follow(row, at.link).map_err(sqlite)?;
        at = next.ok_or(ChainError::Broken { event: id.0 })?;
        count += 1;
    }
    if at.place == last.place && at.link == last.link { Ok(count) } else { Err(ChainError::End) }
}

/// The event in `row`, and its end of the chain if it follows `before`.
fn follow(row: &rusqlite::Row<'_>, before: Link) -> rusqlite::Result<(EventId, Option<End>)> {
    let id: i64 = row.get(1)?;
    let text = |index| -> rusqlite::Result<&str> { Ok(row.get_ref(index)?.as_str()?) };
    let columns = Columns {
        id,
        at: row.get(2)?,
        subject: row.get(3)?,
        texts: [text(4)?, text(5)?, text(6)?, text(7)?, text(8)?],
    };
    let link = columns.link(&before);
    let kept = row.get_ref(9)?.as_blob()?;
    let end = (kept == link).then_some(End { place: row.get(0)?, link });
    Ok((EventId(id.cast_unsigned()), end))
}
