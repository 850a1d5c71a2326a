//! Reading back: what is believed at the start, and history for whoever asks.

use std::{collections::HashMap, path::Path, time::Duration};

use model::{Belief, Cause, Look, Measure, Moment, Position, RunId, Span, Verdict};
use rusqlite::{Connection, Row, params};

use crate::{
    connect::connect_to_look,
    desk::PAGE_ROWS_MAX,
    folder::DATABASE_NAME,
    measures,
    row::{
        GET_STATE, GET_STATES, KeptBelief, broken, join_cause, moment, ordered, read_belief,
        read_look, read_status,
    },
};

/// What is believed.
#[derive(Debug, Default)]
pub(crate) struct Believed {
    /// By full name.
    pub(crate) beliefs: HashMap<String, Belief>,
    /// The rules that their threshold memories belong to, of those that have some.
    pub(crate) rules: HashMap<String, u64>,
}

/// A change of a belief as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct PastTransition {
    /// Which shard decided it.
    pub shard: u32,
    /// Where it stands in that shard's stream.
    pub position: Position,
    /// Whose, by full name.
    pub name: String,
    /// When it was decided.
    pub at: Moment,
    /// What held before.
    pub from: Look,
    /// What held then.
    pub to: Look,
    /// Did it flap before?
    pub was_flapping: bool,
    /// Did it flap then?
    pub flapping: bool,
    /// Percent of state change, in hundredths.
    pub centipercent: u16,
    /// Why.
    pub cause: Option<Cause>,
}

/// A result as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct PastResult {
    /// Its number; grows in the order of judging.
    pub id: u64,
    /// In which life of the engine.
    pub boot: u64,
    /// Which shard judged it.
    pub shard: u32,
    /// When it was judged.
    pub at: Moment,
    /// Whose, by full name.
    pub name: String,
    /// Which run it answered.
    pub run: RunId,
    /// When the look began.
    pub started_at: Moment,
    /// How long it took.
    pub took: Duration,
    /// What was found, before thresholds.
    pub verdict: Verdict,
    /// What was measured.
    pub measures: Vec<Measure>,
}

/// Why a store could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the store")]
pub struct ReadError(#[from] rusqlite::Error);

/// Reads a store, also while an engine writes to it. Changes nothing.
#[derive(Debug)]
pub struct Reader {
    pub(crate) conn: Connection,
}

impl Reader {
    /// Opens the store in the folder `dir` for reading.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self, ReadError> {
        Ok(Self { conn: connect_to_look(&dir.join(DATABASE_NAME))? })
    }

    /// What changed about the checkable called `name` within `span`, the last change first, at
    /// most `limit` of them and never more than [`PAGE_ROWS_MAX`].
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn history(
        &self,
        name: &str,
        span: Span,
        limit: usize,
    ) -> Result<Vec<PastTransition>, ReadError> {
        let sql = "
            SELECT boot, shard, seq, at, name, from_status, from_hard, from_attempt, to_status,
                to_hard, to_attempt, was_flapping, flapping, centipercent, cause_code, cause_text
            FROM transition JOIN checkable ON checkable.id = transition.checkable
            WHERE checkable = (SELECT id FROM checkable WHERE name = ?1) AND at >= ?2 AND at < ?3
            ORDER BY at DESC, boot DESC, shard DESC, seq DESC LIMIT ?4";
        let mut statement = self.conn.prepare_cached(sql)?;
        let limit = i64::try_from(limit.min(PAGE_ROWS_MAX)).unwrap_or(0);
        let values = params![name, ordered(span.from), ordered(span.until), limit];
        let rows = statement.query_map(values, read_transition)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is believed, by full name.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn beliefs(&self) -> Result<HashMap<String, Belief>, ReadError> {
        Ok(believed(&self.conn)?.beliefs)
    }

    /// What is believed about the checkable called `name`; `None` if nothing is.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn belief(&self, name: &str) -> Result<Option<Belief>, ReadError> {
        let mut statement = self.conn.prepare_cached(GET_STATE)?;
        let mut rows = statement.query([name])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(read_belief(row)?.belief))
    }

    /// How far each shard's stream has been kept.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn positions(&self) -> Result<Vec<(u32, Position)>, ReadError> {
        Ok(positions(&self.conn)?)
    }

    /// Calls `each` with every transition, in the order of the shards' streams.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn transitions(&self, each: impl FnMut(PastTransition)) -> Result<(), ReadError> {
        self.transitions_since(0, each)
    }

    /// The same, from the life `boot` of the engine on.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn transitions_since(
        &self,
        boot: u64,
        mut each: impl FnMut(PastTransition),
    ) -> Result<(), ReadError> {
        let sql = "
            SELECT boot, shard, seq, at, name, from_status, from_hard, from_attempt, to_status,
                to_hard, to_attempt, was_flapping, flapping, centipercent, cause_code, cause_text
            FROM transition JOIN checkable ON checkable.id = transition.checkable
            WHERE boot >= ?1
            ORDER BY boot, shard, seq";
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.query([boot.cast_signed()])?;
        while let Some(row) = rows.next()? {
            each(read_transition(row)?);
        }
        Ok(())
    }

    /// Calls `each` with every recorded result, in the order of judging.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn results(&self, each: impl FnMut(PastResult)) -> Result<(), ReadError> {
        self.results_after(0, each)
    }

    /// The same, of those behind the one with the number `id`.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn results_after(
        &self,
        id: u64,
        mut each: impl FnMut(PastResult),
    ) -> Result<(), ReadError> {
        let sql = "
            SELECT result.id, boot, shard, at, name, run, started_at, took, status, cause_code,
                cause_text, measures
            FROM result JOIN checkable ON checkable.id = result.checkable
            WHERE result.id > ?1
            ORDER BY result.id";
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.query([id.cast_signed()])?;
        while let Some(row) = rows.next()? {
            each(read_result(row)?);
        }
        Ok(())
    }
}

/// What is believed, every row held against its sum.
pub(crate) fn believed(conn: &Connection) -> rusqlite::Result<Believed> {
    let mut believed = Believed::default();
    let mut statement = conn.prepare(GET_STATES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let KeptBelief { name, belief, rules } = read_belief(row)?;
        if rules != 0 {
            believed.rules.insert(name.clone(), rules);
        }
        if believed.beliefs.insert(name, belief).is_some() {
            return Err(broken(16, "a name stands there twice"));
        }
    }
    Ok(believed)
}

/// How far each shard's stream has been kept.
pub(crate) fn positions(conn: &Connection) -> rusqlite::Result<Vec<(u32, Position)>> {
    let mut statement = conn.prepare("SELECT shard, boot, seq FROM position ORDER BY shard")?;
    let rows = statement.query_map([], |row| {
        let boot = row.get::<_, i64>(1)?.cast_unsigned();
        let seq = row.get::<_, i64>(2)?.cast_unsigned();
        Ok((row.get(0)?, Position { boot, seq }))
    })?;
    rows.collect()
}

/// The number of the last recorded result; 0 if there is none.
pub(crate) fn last_result(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT coalesce(max(id), 0) FROM result", [], |row| row.get(0))
}

fn read_transition(row: &Row<'_>) -> rusqlite::Result<PastTransition> {
    let code = row.get_ref(14)?.as_str_or_null()?;
    let text = row.get_ref(15)?.as_str_or_null()?;
    Ok(PastTransition {
        position: Position {
            boot: row.get::<_, i64>(0)?.cast_unsigned(),
            seq: row.get::<_, i64>(2)?.cast_unsigned(),
        },
        shard: row.get(1)?,
        at: moment(row.get(3)?),
        name: row.get(4)?,
        from: read_look(row.get(5)?, row.get(6)?, row.get(7)?)?,
        to: read_look(row.get(8)?, row.get(9)?, row.get(10)?)?,
        was_flapping: row.get(11)?,
        flapping: row.get(12)?,
        centipercent: row.get(13)?,
        cause: join_cause(code, text),
    })
}

fn read_result(row: &Row<'_>) -> rusqlite::Result<PastResult> {
    let code = row.get_ref(9)?.as_str_or_null()?;
    let text = row.get_ref(10)?.as_str_or_null()?;
    let cause = join_cause(code, text);
    let verdict = match row.get::<_, Option<i64>>(8)? {
        Some(status) => Verdict::Seen { status: read_status(status)?, cause },
        None => {
            let cause = cause.ok_or_else(|| broken(9, "a look that failed without a cause"))?;
            Verdict::Blind { cause }
        }
    };
    Ok(PastResult {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        boot: row.get::<_, i64>(1)?.cast_unsigned(),
        shard: row.get(2)?,
        at: moment(row.get(3)?),
        name: row.get(4)?,
        run: RunId(row.get::<_, i64>(5)?.cast_unsigned()),
        started_at: moment(row.get(6)?),
        took: Duration::from_nanos(row.get::<_, i64>(7)?.cast_unsigned()),
        verdict,
        measures: measures::decode(row.get_ref(11)?.as_blob()?)
            .ok_or_else(|| broken(11, "measurements that cannot be read"))?,
    })
}
