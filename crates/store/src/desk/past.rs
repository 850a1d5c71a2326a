//! What the desk has to know again after a restart.
//!
//! Everything that is still alive, without a bound of our own: what was promised is not dropped
//! because there is much of it, and the desk that wrote it had its bounds. What is over comes back
//! as far as people may still ask for it, and that is bounded.

use std::{sync::Arc, time::Duration};

use model::{Moment, NoteId, Row};
use rusqlite::{Connection, OptionalExtension, Params, params};
use serde::de::DeserializeOwned;

#[cfg(doc)]
use crate::ALIVE;
use crate::{
    desk::{
        body::{read_body, unreadable},
        put::{NEXT_ID, answered_sum},
    },
    row::{moment, ordered},
};

/// Problems that ended within this time come back: they stay visible, and a relapse finds them.
const ENDED_WITHIN: Duration = Duration::from_hours(24);

/// At most so many of them, the newest.
const ENDED_MAX: u32 = 10_000;

/// At most so many decided proposals come back whose call is closed or that have none, the newest.
const DONE_PROPOSALS_MAX: u32 = 2_000;

/// At most so many closed calls come back, the newest: what a proposal is compared with.
const CLOSED_CALLS_MAX: u32 = 2_000;

/// Occurrences of windows come back until they have been over for so long.
const OCCURRENCES_WITHIN: Duration = Duration::from_hours(8 * 24);

/// Holds for an occurrence that has begun and is not reported; and for one that is damaged, which
/// is found out when it is read.
const UNREPORTED: &str = "
    CASE WHEN json_valid(body)
        THEN json_extract(body, '$.begun') AND json_extract(body, '$.report') IS NULL
        ELSE 1 END";

/// A repeat of a request is known for one for so long.
const ANSWERS_WITHIN: Duration = Duration::from_hours(24);

/// What the desk wrote in its former lives, as far as it matters still.
#[derive(Debug, Default)]
pub struct DeskPast {
    /// The next id of the desk's one sequence; larger than any that was ever given out.
    pub next_id: u64,
    /// Tells this installation from others; the same for the whole life of the store.
    pub installation: u64,
    /// When the last sign of life was kept, see [`ALIVE`].
    pub alive_at: Option<Moment>,
    /// One of each object: open problems and those that ended lately or have a call that is not
    /// closed, open proposals and the last decided ones, calls that are not closed and the last closed ones, waiting alerts,
    /// silences and overrides that are not over, planned windows and occurrences of the last days,
    /// tokens that were not taken back, and requests that were answered lately. What is over comes in the order in which it
    /// ended, answers in that of answering, the rest by id.
    pub rows: Vec<Row>,
}

/// Reads the past as of `now`.
pub(crate) fn past(conn: &Connection, now: Moment) -> rusqlite::Result<DeskPast> {
    let mut rows = Vec::new();
    problems(conn, now, &mut rows)?;
    cases(conn, &mut rows)?;
    let alerts = "
        SELECT key, body, sum FROM alert WHERE state = 'waiting' ORDER BY place";
    let mut statement = conn.prepare(alerts)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let key = row.get_ref(0)?.as_str()?;
        rows.push(Row::Alert(read_body("alert", key, row, 1)?));
    }
    notes(conn, now, &mut rows)?;
    answered(conn, now, &mut rows)?;
    super::jobs::past(conn, now, &mut rows)?;
    Ok(DeskPast {
        next_id: next_id(conn)?,
        installation: installation(conn)?,
        alive_at: super::jobs::alive_at(conn)?,
        rows,
    })
}

fn problems(conn: &Connection, now: Moment, rows: &mut Vec<Row>) -> rusqlite::Result<()> {
    let sql = "
        SELECT id, body, sum FROM problem WHERE id IN (
            SELECT id FROM problem WHERE open = 1
            UNION SELECT id FROM (SELECT id FROM problem WHERE open = 0 AND ended_at >= ?1
                ORDER BY ended_at DESC LIMIT ?2)
            UNION SELECT id FROM problem
                WHERE call_id IN (SELECT id FROM call WHERE state <> 'closed'))
        ORDER BY open DESC, ended_at, id";
    let values = params![ordered(now.before(ENDED_WITHIN)), ENDED_MAX];
    each(conn, "problem", sql, values, |_, it| rows.push(Row::Problem(it)))
}

fn cases(conn: &Connection, rows: &mut Vec<Row>) -> rusqlite::Result<()> {
    // One that was decided says who did so, and keeps what it covers in its call.
    let proposals = "
        SELECT id, body, sum FROM proposal WHERE id IN (
            SELECT id FROM proposal WHERE state = 'open'
            UNION SELECT held.value FROM call, json_each(call.body, '$.proposals') AS held
                WHERE call.state <> 'closed'
            UNION SELECT id FROM (SELECT id FROM proposal WHERE state <> 'open'
                ORDER BY id DESC LIMIT ?1))
        ORDER BY id";
    each(conn, "proposal", proposals, [DONE_PROPOSALS_MAX], |_, it| rows.push(Row::Proposal(it)))?;
    let calls = "
        SELECT id, body, sum FROM call WHERE id IN (
            SELECT id FROM call WHERE state <> 'closed'
            UNION SELECT id FROM (SELECT id FROM call WHERE state = 'closed'
                ORDER BY closed_at DESC LIMIT ?1))
        ORDER BY closed_at, id";
    each(conn, "call", calls, [CLOSED_CALLS_MAX], |_, it| rows.push(Row::Call(it)))
}

fn notes(conn: &Connection, now: Moment, rows: &mut Vec<Row>) -> rusqlite::Result<()> {
    let now_column = [ordered(now)];
    let silences = "SELECT id, body, sum FROM silence WHERE until_at > ?1 ORDER BY id";
    each(conn, "silence", silences, now_column, |_, it| rows.push(Row::Silence(it)))?;
    let lately = ordered(now.before(OCCURRENCES_WITHIN));
    // One that has begun is not over before it is reported, however long ago that was.
    let occurrences = format!(
        "SELECT window_name || ' ' || planned_from, body, sum FROM occurrence
        WHERE until_at >= ?1 OR {UNREPORTED} ORDER BY window_name, planned_from"
    );
    let mut statement = conn.prepare(&occurrences)?;
    let mut found = statement.query([lately])?;
    while let Some(row) = found.next()? {
        let key = row.get_ref(0)?.as_str()?;
        rows.push(Row::Occurrence(read_body("occurrence", key, row, 1)?));
    }
    // As long as their occurrences: a window's report comes after its end, and that may be moved.
    let planned = format!(
        "SELECT id, body, sum FROM planned WHERE until_at >= ?1 OR EXISTS (
            SELECT 1 FROM occurrence WHERE window_name = 'planned/' || planned.id
                AND (until_at >= ?1 OR {UNREPORTED})) ORDER BY id"
    );
    let put = |id, it| rows.push(Row::Planned(NoteId(id), it));
    each(conn, "planned", &planned, [lately], put)?;
    let overrides = "SELECT id, body, sum FROM duty_override WHERE until_at > ?1 ORDER BY id";
    each(conn, "duty_override", overrides, now_column, |_, it| rows.push(Row::Override(it)))?;
    // Those that were taken back are kept for the record only.
    let tokens = "
        SELECT id, body, sum FROM token
        WHERE NOT json_valid(body) OR json_extract(body, '$.revoked_at') IS NULL ORDER BY id";
    each(conn, "token", tokens, [], |_, it| rows.push(Row::Token(it)))
}

fn answered(conn: &Connection, now: Moment, rows: &mut Vec<Row>) -> rusqlite::Result<()> {
    let sql = "
        SELECT repeat_key, at, id, version, sum FROM answered WHERE at >= ?1
        ORDER BY at, repeat_key";
    let mut statement = conn.prepare(sql)?;
    let mut found = statement.query([ordered(now.before(ANSWERS_WITHIN))])?;
    while let Some(row) = found.next()? {
        let (key, at): (Arc<str>, i64) = (row.get(0)?, row.get(1)?);
        let (id, version): (String, i64) = (row.get(2)?, row.get(3)?);
        if row.get::<_, i64>(4)? != answered_sum(&key, at, &id, version) {
            return Err(unreadable("answered", key, "it does not match its sum"));
        }
        rows.push(Row::Answered(key, moment(at), id, version.cast_unsigned()));
    }
    Ok(())
}

/// Calls `put` with every object that `sql` finds: id, body, sum.
fn each<T: DeserializeOwned>(
    conn: &Connection,
    table: &'static str,
    sql: &str,
    values: impl Params,
    mut put: impl FnMut(u64, T),
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let id = row.get::<_, i64>(0)?.cast_unsigned();
        put(id, read_body(table, id, row, 1)?);
    }
    Ok(())
}

/// Larger than what was written down last, and than any id that is in use.
fn next_id(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT value, inverse FROM counter WHERE name = ?1";
    let kept = inverted(conn, "counter", sql, params![NEXT_ID])?.unwrap_or(1);
    let sql = "
        SELECT 1 + max(
            coalesce((SELECT max(id) FROM problem), 0),
            coalesce((SELECT max(id) FROM proposal), 0),
            coalesce((SELECT max(id) FROM call), 0),
            coalesce((SELECT max(id) FROM silence), 0),
            coalesce((SELECT max(id) FROM planned), 0),
            coalesce((SELECT max(id) FROM duty_override), 0),
            coalesce((SELECT max(id) FROM token), 0),
            coalesce((SELECT max(id) FROM report), 0),
            coalesce((SELECT max(id) FROM event), 0),
            coalesce((SELECT max(id) FROM decision), 0))";
    let used: i64 = conn.query_row(sql, [], |row| row.get(0))?;
    Ok(kept.max(used).cast_unsigned())
}

fn installation(conn: &Connection) -> rusqlite::Result<u64> {
    let id = inverted(conn, "installation", "SELECT id, inverse FROM installation", [])?;
    let id = id.ok_or_else(|| unreadable("installation", 1, "it is not there"))?;
    Ok(id.cast_unsigned())
}

/// The number in the first column that `sql` finds, held against its inverse in the second.
fn inverted(
    conn: &Connection,
    table: &'static str,
    sql: &str,
    values: impl Params,
) -> rusqlite::Result<Option<i64>> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?));
    match conn.query_row(sql, values, read).optional()? {
        Some((number, inverse)) if number != !inverse => {
            Err(unreadable(table, number, "it does not match its inverse"))
        }
        found => Ok(found.map(|it| it.0)),
    }
}
