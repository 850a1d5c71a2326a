//! The ledger of promised runs: its rows, what comes back of it at a restart, and its lists.

use std::sync::Arc;

use model::{JobMemory, MailKey, Moment, Report, ReportId, Row, Slot, Span};
use rusqlite::{Connection, OptionalExtension, Params, Transaction, params};

use crate::{
    ReadError, Reader,
    desk::{
        ask::{Ask, Customers, id_value, moment_value},
        body::{Body, read_body},
    },
    row::ordered,
};

/// The cursor that holds, in nanoseconds, until when the engine was there for certain.
pub const ALIVE: &str = "alive";
/// The name of the standing of a slot whose time has not come.
const OPEN: &str = "open";
/// Slots that come back of each job besides those that are open: what is shown as having gone before.
const SLOTS_BACK_MAX: u32 = 8;
/// Hours of which it comes back how many mails there were.
const HOURS_BACK_MAX: u32 = 14 * 24;
/// Reports without a claim that come back, the newest.
const UNCLAIMED_BACK_MAX: u32 = 10_000;

/// Writes one row of the ledger; any other row is none of its business.
pub(super) fn put(tx: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    match row {
        Row::Slot(it) => put_slot(tx, it)?,
        Row::Report(it) => put_report(tx, it)?,
        Row::ReportKey(key, report, at) => {
            let sql = "INSERT OR IGNORE INTO report_key (key, report, at) VALUES (?1, ?2, ?3)";
            run(tx, sql, params![key, report.0.cast_signed(), ordered(*at)])?;
        }
        Row::Mail(key, at, packed) => {
            let sql = "INSERT OR IGNORE INTO mail (key, at, packed) VALUES (?1, ?2, ?3)";
            run(tx, sql, params![key.0, ordered(*at), &**packed])?;
        }
        Row::JobMemory(it) => put_memory(tx, it)?,
        Row::MailHour(hour, count) => {
            let sql = "INSERT OR REPLACE INTO mail_hour (hour, count) VALUES (?1, ?2)";
            run(tx, sql, params![hour.cast_signed(), count])?;
        }
        Row::Cursor(name, value) => {
            let sql = "INSERT OR REPLACE INTO cursor (name, value) VALUES (?1, ?2)";
            run(tx, sql, params![name, value])?;
        }
        _ => {}
    }
    Ok(())
}

fn run(tx: &Transaction<'_>, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    tx.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn put_slot(tx: &Transaction<'_>, it: &Slot) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO slot (job, at, version, customer, standing, close_at, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (job, at) DO UPDATE SET
            version = excluded.version, customer = excluded.customer,
            standing = excluded.standing, close_at = excluded.close_at,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let values = params![
        it.key.job,
        ordered(it.key.at),
        it.version.cast_signed(),
        it.customer,
        it.standing.word(),
        ordered(it.close),
        body.text,
        body.sum,
    ];
    run(tx, sql, values)
}

fn put_report(tx: &Transaction<'_>, it: &Report) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO report (id, version, job, customer, at, class, slot_at, mail, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (id) DO UPDATE SET
            version = excluded.version, job = excluded.job, customer = excluded.customer,
            class = excluded.class, slot_at = excluded.slot_at,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let values = params![
        it.id.0.cast_signed(),
        it.version.cast_signed(),
        it.job,
        it.customer,
        ordered(it.at),
        it.class.word(),
        it.slot.map(ordered),
        it.mail.map(|it| it.0),
        body.text,
        body.sum,
    ];
    run(tx, sql, values)
}

fn put_memory(tx: &Transaction<'_>, it: &JobMemory) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO job_memory (job, version, body, sum) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (job) DO UPDATE SET
            version = excluded.version, body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    run(tx, sql, params![it.job, it.version.cast_signed(), body.text, body.sum])
}

/// What the ledger has to know again: memories, slots that are open, not closed or the last ones of
/// their job, unclaimed reports, and how much mail there was.
pub(super) fn past(conn: &Connection, now: Moment, rows: &mut Vec<Row>) -> rusqlite::Result<()> {
    let memories = "SELECT job, body, sum FROM job_memory ORDER BY job";
    named(conn, "job_memory", memories, [], |it| rows.push(Row::JobMemory(it)))?;
    let slots = "
        SELECT job || ' ' || at, body, sum FROM slot AS s
        WHERE standing = ?1 OR close_at > ?2 OR at >= coalesce((
            SELECT at FROM slot WHERE job = s.job ORDER BY at DESC LIMIT 1 OFFSET ?3), at)
        ORDER BY job, at";
    let values = params![OPEN, ordered(now), SLOTS_BACK_MAX];
    named(conn, "slot", slots, values, |it| rows.push(Row::Slot(it)))?;
    let reports = "
        SELECT id || '', body, sum FROM report WHERE id IN (
            SELECT id FROM report WHERE class = 'unclaimed' ORDER BY id DESC LIMIT ?1)
        ORDER BY id";
    named(conn, "report", reports, [UNCLAIMED_BACK_MAX], |it| rows.push(Row::Report(it)))?;
    let hours = "
        SELECT hour, count FROM (
            SELECT hour, count FROM mail_hour ORDER BY hour DESC LIMIT ?1) ORDER BY hour";
    let mut statement = conn.prepare(hours)?;
    let mut found = statement.query([HOURS_BACK_MAX])?;
    while let Some(row) = found.next()? {
        rows.push(Row::MailHour(row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?));
    }
    Ok(())
}

/// What [`ALIVE`] says.
pub(super) fn alive_at(conn: &Connection) -> rusqlite::Result<Option<Moment>> {
    let sql = "SELECT value FROM cursor WHERE name = ?1";
    let found: Option<String> = conn.query_row(sql, [ALIVE], |row| row.get(0)).optional()?;
    Ok(found.and_then(|it| it.parse().ok()).map(Moment::from_nanos))
}

fn named<T: serde::de::DeserializeOwned>(
    conn: &Connection,
    table: &'static str,
    sql: &str,
    values: impl Params,
    mut put: impl FnMut(T),
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?.as_str()?.to_owned();
        put(read_body(table, key, row, 1)?);
    }
    Ok(())
}

/// Which slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotFilter<'a> {
    /// Whose may be seen.
    pub customers: Customers<'a>,
    /// Of this job, by full name.
    pub job: Option<&'a str>,
    /// Exactly this standing, as [`model::Standing::word`] has it.
    pub standing: Option<&'a str>,
    /// Expected within this time.
    pub within: Option<Span>,
}

/// Which reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportFilter<'a> {
    /// Whose may be seen; who may see everybody's sees those that nobody has claimed, too.
    pub customers: Customers<'a>,
    /// For this job, by full name.
    pub job: Option<&'a str>,
    /// Exactly this class, as [`model::Class::word`] has it.
    pub class: Option<&'a str>,
    /// For the slot that is called so.
    pub slot: Option<Moment>,
    /// Only ids below this one: the last of the page before.
    pub before: Option<u64>,
}

impl Reader {
    /// Slots, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn slots(&self, which: &SlotFilter<'_>, limit: usize) -> Result<Vec<Slot>, ReadError> {
        let ask = Ask::new("SELECT job || ' ' || at, body, sum FROM slot")
            .of_customers(which.customers)
            .with("job = ?", which.job.map(str::to_owned))
            .with("standing = ?", which.standing.map(str::to_owned))
            .with("at >= ?", which.within.map(|it| moment_value(it.from)))
            .with("at < ?", which.within.map(|it| moment_value(it.until)))
            .page("at DESC, job", limit);
        Ok(ask.rows(&self.conn, |row| {
            let key = row.get_ref(0)?.as_str()?.to_owned();
            read_body("slot", key, row, 1)
        })?)
    }

    /// Reports, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn reports(
        &self,
        which: &ReportFilter<'_>,
        limit: usize,
    ) -> Result<Vec<Report>, ReadError> {
        let ask = Ask::new("SELECT id, body, sum FROM report")
            .of_customers(which.customers)
            .with("job = ?", which.job.map(str::to_owned))
            .with("class = ?", which.class.map(str::to_owned))
            .with("slot_at = ?", which.slot.map(moment_value))
            .with("id < ?", which.before.map(id_value));
        Ok(ask.page("id DESC", limit).sorted_rows(&self.conn, report_of)?)
    }

    /// The report `id`, if it is one of theirs.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn report(
        &self,
        id: ReportId,
        customers: Customers<'_>,
    ) -> Result<Option<Report>, ReadError> {
        let ask = Ask::new("SELECT id, body, sum FROM report")
            .of_customers(customers)
            .with("id = ?", Some(id_value(id.0)))
            .page("id", 1);
        Ok(ask.rows(&self.conn, report_of)?.into_iter().next())
    }

    /// A mail as it was kept: packed. The caller has made sure that its report may be seen.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn mail(&self, key: MailKey) -> Result<Option<Vec<u8>>, ReadError> {
        let sql = "SELECT packed FROM mail WHERE key = ?1";
        Ok(self.conn.query_row(sql, [key.0], |row| row.get(0)).optional()?)
    }

    /// The report with one of these keys, if there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn report_with(&self, keys: &[[u8; 16]]) -> Result<Option<ReportId>, ReadError> {
        let mut ask = self.conn.prepare_cached("SELECT report FROM report_key WHERE key = ?1")?;
        for key in keys {
            let found = ask.query_row([key], |row| row.get::<_, i64>(0)).optional()?;
            if let Some(id) = found {
                return Ok(Some(ReportId(id.cast_unsigned())));
            }
        }
        Ok(None)
    }

    /// Everything that is remembered of jobs besides their slots, by name.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn job_memories(&self) -> Result<Vec<JobMemory>, ReadError> {
        let mut all = Vec::new();
        let sql = "SELECT job, body, sum FROM job_memory ORDER BY job";
        named(&self.conn, "job_memory", sql, [], |it| all.push(it))?;
        Ok(all)
    }

    /// Where reading the mailbox called `name` goes on, in that reader's own words.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn cursor(&self, name: &str) -> Result<Option<Arc<str>>, ReadError> {
        let sql = "SELECT value FROM cursor WHERE name = ?1";
        Ok(self.conn.query_row(sql, [name], |row| row.get(0)).optional()?)
    }
}

fn report_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Report> {
    read_body("report", row.get::<_, i64>(0)?, row, 1)
}
