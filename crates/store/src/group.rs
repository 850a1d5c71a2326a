//! Many orders as one transaction.

use std::sync::atomic::Ordering::Relaxed;

use model::{CheckableId, StateType, Status, Transition, Verdict};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, ffi, params};

use crate::{
    Batch, Order, Recorded, StoreHealth,
    desk::DeskRows,
    measures,
    prune::prune,
    row::{PUT_STATE, Sum, put_belief, split_cause, stored},
};

/// The rows of the checkables that have been named, by their id. Dense as the ids are.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<i64>);

impl Rows {
    /// Row numbers begin at 1, so 0 is free to stand for none.
    const NONE: i64 = 0;

    fn get(&self, id: CheckableId) -> Option<i64> {
        self.0.get(id.0 as usize).copied().filter(|it| *it != Self::NONE)
    }

    fn put(&mut self, id: CheckableId, row: i64) {
        let index = id.0 as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, Self::NONE);
        }
        self.0[index] = row;
    }
}

/// Why a transaction did not come about.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Another engine has begun a life on this file: what we believe is not the truth any more.
    Fenced,
    /// SQLite refused.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What is to be done about an error of SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The disk is full or somebody holds a lock: try again later.
    Wait,
    /// The file could not be written or flushed: nothing that this connection believes about the
    /// disk can be trusted. Open it anew, check it, then try again.
    Reopen,
    /// The file is damaged. Only an operator can help.
    Despair,
    /// The order itself cannot be kept, now or ever.
    Refuse,
}

impl Remedy {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error().map(|it| it.extended_code) else {
            return Self::Refuse;
        };
        match code & 0xff {
            // The last two mean that the connection is in a state it should never be in.
            ffi::SQLITE_IOERR | ffi::SQLITE_ERROR | ffi::SQLITE_MISUSE => Self::Reopen,
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Self::Despair,
            ffi::SQLITE_CONSTRAINT
            | ffi::SQLITE_TOOBIG
            | ffi::SQLITE_MISMATCH
            | ffi::SQLITE_RANGE => Self::Refuse,
            // Full, busy, locked, read-only, out of memory or descriptors, and what is yet to come.
            _ => Self::Wait,
        }
    }
}

/// Who writes, and where the next recorded result goes.
pub(crate) struct Scribe<'a> {
    pub(crate) boot: u64,
    pub(crate) next_result: i64,
    pub(crate) rows: &'a mut Rows,
    pub(crate) health: &'a StoreHealth,
}

impl Scribe<'_> {
    /// Puts `orders` on the disk, all or none. Doing it again does no harm: each row has a key
    /// that it has again the next time.
    pub(crate) fn commit(
        &mut self,
        conn: &mut Connection,
        orders: &[Order],
    ) -> Result<(), CommitError> {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.check_fence(&tx)?;
        let (mut desk, mut pruned) = (DeskRows::default(), 0);
        for order in orders {
            // What is cut off must see the whole chain.
            if matches!(order, Order::Prune { .. }) {
                desk.finish(&tx)?;
            }
            match order {
                Order::Names(names) => self.put_names(&tx, names)?,
                Order::Batch(batch) => {
                    self.put_batch(&tx, batch)?;
                    desk.put(&tx, &batch.desk)?;
                }
                Order::Desk { rows, .. } => desk.put(&tx, rows)?,
                Order::Prune { before, rows_max } => {
                    pruned += prune(&tx, *before, *rows_max)? as u64;
                }
                Order::Forget(names) => forget(&tx, names)?,
                Order::Flush(_) | Order::Close => {}
            }
        }
        desk.finish(&tx)?;
        tx.commit()?;
        self.health.pruned.fetch_add(pruned, Relaxed);
        Ok(())
    }

    /// A process that was frozen and wakes late must not write over its successor.
    fn check_fence(&self, tx: &Transaction<'_>) -> Result<(), CommitError> {
        let newest: i64 =
            tx.prepare_cached("SELECT max(number) FROM boot")?.query_row([], |row| row.get(0))?;
        if newest.cast_unsigned() == self.boot { Ok(()) } else { Err(CommitError::Fenced) }
    }

    fn put_names(
        &mut self,
        tx: &Transaction<'_>,
        names: &[(CheckableId, String)],
    ) -> rusqlite::Result<()> {
        let mut find = tx.prepare_cached("SELECT id FROM checkable WHERE name = ?1")?;
        let mut put = tx.prepare_cached("INSERT INTO checkable (name, sum) VALUES (?1, ?2)")?;
        for (id, name) in names {
            let known = find.query_row([name], |row| row.get(0)).optional()?;
            let row = match known {
                Some(row) => row,
                None => put.insert(params![name, Sum::of(name.as_bytes())])?,
            };
            self.rows.put(*id, row);
        }
        Ok(())
    }

    fn put_batch(&mut self, tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
        let mut put_state = tx.prepare_cached(PUT_STATE)?;
        for (id, belief) in &batch.beliefs {
            if let Some(row) = self.row_of(*id) {
                let rules = batch.rules.get(id).copied().unwrap_or_default();
                put_belief(&mut put_state, row, belief, rules)?;
            }
        }
        for (seq, transition) in &batch.transitions {
            if let Some(row) = self.row_of(transition.checkable) {
                self.put_transition(tx, batch.shard, *seq, row, transition)?;
            }
        }
        for recorded in &batch.results {
            if let Some(row) = self.row_of(recorded.result.checkable) {
                self.put_result(tx, batch.shard, row, recorded)?;
            }
        }
        let sql = "
            INSERT INTO position (shard, boot, seq) VALUES (?1, ?2, ?3)
            ON CONFLICT (shard) DO UPDATE SET boot = excluded.boot, seq = excluded.seq";
        let position =
            params![batch.shard, self.boot.cast_signed(), batch.position_last.cast_signed()];
        tx.prepare_cached(sql)?.execute(position).map(|_| ())
    }

    fn row_of(&self, id: CheckableId) -> Option<i64> {
        let row = self.rows.get(id);
        if row.is_none() {
            self.health.nameless.fetch_add(1, Relaxed);
            tracing::error!(id = id.0, "dropped a row about a checkable that was never named");
        }
        row
    }

    fn put_transition(
        &self,
        tx: &Transaction<'_>,
        shard: u32,
        seq: u64,
        checkable: i64,
        it: &Transition,
    ) -> rusqlite::Result<()> {
        let sql = "
            INSERT INTO transition (boot, shard, seq, at, checkable, from_status, from_hard,
                from_attempt, to_status, to_hard, to_attempt, was_flapping, flapping,
                centipercent, cause_code, cause_text)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
            ON CONFLICT (boot, shard, seq) DO NOTHING";
        let (cause_code, cause_text) = split_cause(it.cause.as_ref());
        let columns = params![
            self.boot.cast_signed(),
            shard,
            seq.cast_signed(),
            stored(it.at),
            checkable,
            it.from.status.number(),
            it.from.kind == StateType::Hard,
            it.from.attempt,
            it.to.status.number(),
            it.to.kind == StateType::Hard,
            it.to.attempt,
            it.was_flapping,
            it.flapping,
            it.centipercent,
            cause_code,
            cause_text,
        ];
        tx.prepare_cached(sql)?.execute(columns).map(|_| ())
    }

    fn put_result(
        &mut self,
        tx: &Transaction<'_>,
        shard: u32,
        checkable: i64,
        recorded: &Recorded,
    ) -> rusqlite::Result<()> {
        let sql = "
            INSERT INTO result (id, boot, shard, at, checkable, run, started_at, took, status,
                cause_code, cause_text, measures)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT (id) DO NOTHING";
        let it = &recorded.result;
        let (status, cause) = match &it.verdict {
            Verdict::Seen { status, cause } => (Some(*status), cause.as_ref()),
            Verdict::Blind { cause } => (None, Some(cause)),
        };
        let (cause_code, cause_text) = split_cause(cause);
        let took = i64::try_from(it.took.as_nanos()).unwrap_or(i64::MAX);
        let columns = params![
            self.next_result,
            self.boot.cast_signed(),
            shard,
            stored(recorded.at),
            checkable,
            it.run.0.cast_signed(),
            stored(it.started_at),
            took,
            status.map(Status::number),
            cause_code,
            cause_text,
            measures::encode(&it.measures),
        ];
        tx.prepare_cached(sql)?.execute(columns)?;
        self.next_result += 1;
        Ok(())
    }
}

fn forget(tx: &Transaction<'_>, names: &[String]) -> rusqlite::Result<()> {
    let sql = "
        DELETE FROM state WHERE checkable = (SELECT id FROM checkable WHERE name = ?1)";
    let mut statement = tx.prepare_cached(sql)?;
    for name in names {
        statement.execute([name])?;
    }
    Ok(())
}
