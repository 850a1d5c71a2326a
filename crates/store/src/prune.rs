//! Deletes what nobody asks for any more, a portion at a time.
//!
//! Every statement here finds its rows at the beginning of an index and stops there, so a portion
//! costs the same however much is kept. What is still alive is never deleted, whatever its age:
//! open problems with all their alerts, what waits, and calls for ever.

use model::Moment;
use rusqlite::{Transaction, params};

use crate::{desk, row::ordered};

/// Deletes at most `rows_max` rows of each table that were over before `before`. How many in all?
pub(crate) fn prune(
    tx: &Transaction<'_>,
    before: Moment,
    rows_max: u32,
) -> rusqlite::Result<usize> {
    let mut count = 0;
    for sql in BY_AGE {
        count += tx.prepare_cached(sql)?.execute(params![ordered(before), rows_max])?;
    }
    count += desk::cut_off(tx, ordered(before), rows_max)?;
    Ok(count + transitions(tx, ordered(before), rows_max)?)
}

/// One statement a table: `?1` is the moment, `?2` how many. Results and decisions are numbered in
/// the order of time, so the oldest have the lowest numbers. The last result stays: the next one is
/// numbered after it.
const BY_AGE: [&str; 14] = [
    "DELETE FROM result
     WHERE id IN (SELECT id FROM result ORDER BY id LIMIT ?2) AND at < ?1
        AND id < (SELECT max(id) FROM result)",
    "DELETE FROM decision
     WHERE id IN (SELECT id FROM decision ORDER BY id LIMIT ?2) AND at < ?1",
    "DELETE FROM alert WHERE place IN (
        SELECT place FROM alert INDEXED BY alert_owed
        WHERE owed_at < ?1 AND state <> 'waiting'
            AND NOT EXISTS (SELECT 1 FROM problem WHERE id = alert.problem AND open = 1)
        LIMIT ?2)",
    "DELETE FROM problem WHERE id IN (
        SELECT id FROM problem INDEXED BY problem_ended
        WHERE open = 0 AND ended_at < ?1
            AND NOT EXISTS (SELECT 1 FROM call WHERE id = problem.call_id AND state <> 'closed')
        LIMIT ?2)",
    "DELETE FROM proposal WHERE id IN (
        SELECT id FROM proposal INDEXED BY proposal_idle
        WHERE state IN ('dismissed', 'withdrawn') AND proposed_at < ?1 LIMIT ?2)",
    "DELETE FROM silence
     WHERE id IN (SELECT id FROM silence WHERE until_at < ?1 LIMIT ?2)",
    "DELETE FROM occurrence WHERE rowid IN (
        SELECT rowid FROM occurrence WHERE until_at < ?1 LIMIT ?2)",
    // Its occurrence, which goes first, may have been extended.
    "DELETE FROM planned WHERE id IN (
        SELECT id FROM planned WHERE until_at < ?1 AND NOT EXISTS (
            SELECT 1 FROM occurrence WHERE window_name = 'planned/' || planned.id)
        LIMIT ?2)",
    "DELETE FROM duty_override
     WHERE id IN (SELECT id FROM duty_override WHERE until_at < ?1 LIMIT ?2)",
    "DELETE FROM mail WHERE key IN (SELECT key FROM mail WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM report WHERE id IN (SELECT id FROM report ORDER BY id LIMIT ?2) AND at < ?1",
    // As long as a report can come again: its keys go with it.
    "DELETE FROM report_key WHERE key IN (SELECT key FROM report_key WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM slot WHERE rowid IN (
        SELECT rowid FROM slot WHERE at < ?1 AND standing <> 'open' LIMIT ?2)",
    "DELETE FROM answered WHERE repeat_key IN (
        SELECT repeat_key FROM answered WHERE at < ?1 LIMIT ?2)",
];

/// Transitions are numbered in the order of time within one life of one shard: takes the streams
/// one after the other, and of each its beginning.
fn transitions(tx: &Transaction<'_>, before: i64, rows_max: u32) -> rusqlite::Result<usize> {
    let next = "
        SELECT boot, shard FROM transition WHERE (boot, shard) > (?1, ?2)
        ORDER BY boot, shard LIMIT 1";
    let mut next = tx.prepare_cached(next)?;
    let cut = "
        DELETE FROM transition WHERE boot = ?1 AND shard = ?2 AND at < ?3 AND seq IN (
            SELECT seq FROM transition WHERE boot = ?1 AND shard = ?2 ORDER BY seq LIMIT ?4)";
    let mut cut = tx.prepare_cached(cut)?;
    let mut left = rows_max;
    let mut stream = (i64::MIN, i64::MIN);
    while left > 0 {
        let mut rows = next.query(params![stream.0, stream.1])?;
        let Some(row) = rows.next()? else { break };
        stream = (row.get(0)?, row.get(1)?);
        drop(rows);
        let count = cut.execute(params![stream.0, stream.1, before, left])?;
        left = left.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
    }
    Ok((rows_max - left) as usize)
}
