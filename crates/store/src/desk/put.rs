//! Rows of the desk into their tables.

use model::{
    Alert, AlertKey, AlertState, Call, CallState, Decision, DecisionId, Moment, NoteId, Occurrence,
    Override, PlannedWindow, Problem, Proposal, ProposalState, Row, Severity, Silence, Token,
};
use rusqlite::{Params, Transaction, params};

use crate::{
    desk::{
        body::{Body, json},
        chain::Chain,
        jobs,
    },
    row::{Sum, ordered},
};

/// The name of the desk's sequence in the table of counters.
pub(crate) const NEXT_ID: &str = "next-id";

/// An alert that would take the place of another one.
#[derive(Debug, thiserror::Error)]
#[error("the key {0} stands for another alert already")]
struct KeyTaken(AlertKey);

/// A decision that would take the place of another one.
#[derive(Debug, thiserror::Error)]
#[error("the id {0} stands for another decision already")]
struct IdTaken(DecisionId);

/// Writes rows of the desk within one transaction.
#[derive(Debug, Default)]
pub(crate) struct DeskRows {
    chain: Chain,
}

impl DeskRows {
    /// Writes `rows` in their order; each replaces the one with the same key.
    pub(crate) fn put(&mut self, tx: &Transaction<'_>, rows: &[Row]) -> rusqlite::Result<()> {
        rows.iter().try_for_each(|row| self.put_one(tx, row))
    }

    /// To be called after the last row of the transaction.
    pub(crate) fn finish(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.chain.finish(tx)
    }

    fn put_one(&mut self, tx: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
        match row {
            Row::NextId(id) => put_next_id(tx, *id),
            Row::Problem(it) => put_problem(tx, it),
            Row::Proposal(it) => put_proposal(tx, it),
            Row::Call(it) => put_call(tx, it),
            Row::Alert(it) => put_alert(tx, it),
            Row::Silence(it) => put_silence(tx, it),
            Row::Occurrence(it) => put_occurrence(tx, it),
            Row::Planned(id, it) => put_planned(tx, *id, it),
            Row::Override(it) => put_override(tx, it),
            Row::Token(it) => put_token(tx, it),
            Row::Gone(id) => delete_note(tx, *id),
            Row::Event(it) => self.chain.put(tx, it),
            Row::Decision(it) => put_decision(tx, it),
            Row::Answered(key, at, id, version) => put_answered(tx, key, *at, id, *version),
            Row::Slot(_)
            | Row::Report(_)
            | Row::ReportKey(..)
            | Row::Mail(..)
            | Row::JobMemory(_)
            | Row::MailHour(..)
            | Row::Cursor(..) => jobs::put(tx, row),
        }
    }
}

/// How bad it is, as a column.
pub(crate) fn severity_number(severity: Severity) -> i64 {
    match severity {
        Severity::Warning => 1,
        Severity::Unknown => 2,
        Severity::Critical => 3,
        Severity::Down => 4,
    }
}

/// How a proposal stands, as a column.
fn proposal_word(state: &ProposalState) -> &'static str {
    match state {
        ProposalState::Open => "open",
        ProposalState::Accepted { .. } => "accepted",
        ProposalState::Merged { .. } => "merged",
        ProposalState::Dismissed { .. } => "dismissed",
        ProposalState::Withdrawn { .. } => "withdrawn",
    }
}

/// How an alert stands, as a column.
fn alert_word(state: &AlertState) -> &'static str {
    match state {
        AlertState::Waiting => "waiting",
        AlertState::Delivered { .. } => "delivered",
        AlertState::Aggregated { .. } => "aggregated",
        AlertState::Withdrawn { .. } => "withdrawn",
        AlertState::Dead { .. } => "dead",
    }
}

fn run(tx: &Transaction<'_>, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
    tx.prepare_cached(sql)?.execute(values)
}

/// The sequence never goes back.
fn put_next_id(tx: &Transaction<'_>, id: u64) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO counter (name, value, inverse) VALUES (?1, ?2, ?3)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, inverse = excluded.inverse
        WHERE excluded.value > value";
    let value = id.cast_signed();
    run(tx, sql, params![NEXT_ID, value, !value]).map(|_| ())
}

fn put_problem(tx: &Transaction<'_>, it: &Problem) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO problem (id, version, customer, about, open, severity, opened_at, ended_at,
            call_id, text, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT (id) DO UPDATE SET
            version = excluded.version, customer = excluded.customer, about = excluded.about,
            open = excluded.open, severity = excluded.severity, opened_at = excluded.opened_at,
            ended_at = excluded.ended_at, call_id = excluded.call_id, text = excluded.text,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let values = params![
        it.id.0.cast_signed(),
        it.version.cast_signed(),
        it.customer,
        it.about.name(),
        it.is_open(),
        severity_number(it.severity),
        ordered(it.opened_at),
        it.ended_at.map(ordered),
        it.call.map(|it| it.0.cast_signed()),
        it.text,
        body.text,
        body.sum,
    ];
    run(tx, sql, values).map(|_| ())
}

fn put_proposal(tx: &Transaction<'_>, it: &Proposal) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO proposal (id, version, customer, about, state, problem, proposed_at, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (id) DO UPDATE SET
            version = excluded.version, customer = excluded.customer, about = excluded.about,
            state = excluded.state, problem = excluded.problem,
            proposed_at = excluded.proposed_at, body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let values = params![
        it.id.0.cast_signed(),
        it.version.cast_signed(),
        it.customer,
        it.about.name(),
        proposal_word(&it.state),
        it.problem.0.cast_signed(),
        ordered(it.proposed_at),
        body.text,
        body.sum,
    ];
    run(tx, sql, values).map(|_| ())
}

fn put_call(tx: &Transaction<'_>, it: &Call) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO call (id, version, customer, title, state, assignee, opened_at, closed_at,
            body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (id) DO UPDATE SET
            version = excluded.version, customer = excluded.customer, title = excluded.title,
            state = excluded.state, assignee = excluded.assignee,
            opened_at = excluded.opened_at, closed_at = excluded.closed_at,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let closed_at = (it.state == CallState::Closed).then(|| it.closed_at.unwrap_or(it.opened_at));
    let values = params![
        it.id.0.cast_signed(),
        it.version.cast_signed(),
        it.customer,
        it.title,
        it.state.word(),
        it.assignee,
        ordered(it.opened_at),
        closed_at.map(ordered),
        body.text,
        body.sum,
    ];
    run(tx, sql, values).map(|_| ())
}

/// A key is never given to another alert: better nothing of the order is kept than that.
fn put_alert(tx: &Transaction<'_>, it: &Alert) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO alert (key, problem, step, channel, contact, ordinal, kind, state, customer,
            owed_at, not_before, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
        ON CONFLICT (key) DO UPDATE SET
            kind = excluded.kind, state = excluded.state, customer = excluded.customer,
            owed_at = excluded.owed_at, not_before = excluded.not_before, body = excluded.body,
            sum = excluded.sum
        WHERE problem = excluded.problem AND step = excluded.step
            AND channel = excluded.channel AND contact = excluded.contact
            AND ordinal = excluded.ordinal";
    let body = Body::of(it)?;
    let values = params![
        it.key.to_string(),
        it.problem.0.cast_signed(),
        it.step,
        it.route.channel,
        it.route.contact,
        it.ordinal,
        it.kind.word(),
        alert_word(&it.state),
        it.content.customer,
        ordered(it.owed_at),
        ordered(it.not_before),
        body.text,
        body.sum,
    ];
    match run(tx, sql, values)? {
        0 => Err(rusqlite::Error::ToSqlConversionFailure(Box::new(KeyTaken(it.key)))),
        _ => Ok(()),
    }
}

fn put_silence(tx: &Transaction<'_>, it: &Silence) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO silence (id, version, customers, from_at, until_at, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (id) DO UPDATE SET
            version = excluded.version, customers = excluded.customers,
            from_at = excluded.from_at, until_at = excluded.until_at,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let values = params![
        it.id.0.cast_signed(),
        it.version.cast_signed(),
        it.customers.as_ref().map(json).transpose()?,
        ordered(it.span.from),
        ordered(it.span.until),
        body.text,
        body.sum,
    ];
    run(tx, sql, values).map(|_| ())
}

fn put_occurrence(tx: &Transaction<'_>, it: &Occurrence) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO occurrence (window_name, planned_from, version, customer, until_at, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (window_name, planned_from) DO UPDATE SET
            version = excluded.version, customer = excluded.customer,
            until_at = excluded.until_at, body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let values = params![
        it.key.window,
        ordered(it.key.planned_from),
        it.version.cast_signed(),
        it.customer,
        // One that began late may have its effect beyond the time in which it waited.
        ordered(it.ends_at.map_or(it.span.until, |ends_at| ends_at.max(it.span.until))),
        body.text,
        body.sum,
    ];
    run(tx, sql, values).map(|_| ())
}

fn put_planned(tx: &Transaction<'_>, id: NoteId, it: &PlannedWindow) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO planned (id, customer, until_at, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET
            customer = excluded.customer, until_at = excluded.until_at,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let until = ordered(it.span.until);
    run(tx, sql, params![id.0.cast_signed(), it.customer, until, body.text, body.sum]).map(|_| ())
}

fn put_override(tx: &Transaction<'_>, it: &Override) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO duty_override (id, oncall, until_at, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET
            oncall = excluded.oncall, until_at = excluded.until_at,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let (id, until) = (it.id.0.cast_signed(), ordered(it.span.until));
    run(tx, sql, params![id, it.oncall, until, body.text, body.sum]).map(|_| ())
}

/// Two tokens with one hash are refused by the table: one would act under the other's name.
fn put_token(tx: &Transaction<'_>, it: &Token) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO token (id, hash, customers, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET
            hash = excluded.hash, customers = excluded.customers,
            body = excluded.body, sum = excluded.sum";
    let body = Body::of(it)?;
    let customers = it.customers.as_ref().map(json).transpose()?;
    let values = params![it.id.0.cast_signed(), it.hash, customers, body.text, body.sum];
    run(tx, sql, values).map(|_| ())
}

fn delete_note(tx: &Transaction<'_>, id: NoteId) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM silence WHERE id = ?1",
        "DELETE FROM planned WHERE id = ?1",
        "DELETE FROM duty_override WHERE id = ?1",
    ] {
        run(tx, sql, [id.0.cast_signed()])?;
    }
    Ok(())
}

/// What was decided stays as it was written down; the same once more changes nothing.
fn put_decision(tx: &Transaction<'_>, it: &Decision) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO decision (id, at, problem, name, customer, body, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (id) DO UPDATE SET sum = excluded.sum WHERE body = excluded.body";
    let body = Body::of(it)?;
    let values = params![
        it.id.0.cast_signed(),
        ordered(it.at),
        it.problem.0.cast_signed(),
        it.name,
        it.customer,
        body.text,
        body.sum,
    ];
    match run(tx, sql, values)? {
        0 => Err(rusqlite::Error::ToSqlConversionFailure(Box::new(IdTaken(it.id)))),
        _ => Ok(()),
    }
}

fn put_answered(
    tx: &Transaction<'_>,
    key: &str,
    at: Moment,
    id: &str,
    version: u64,
) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO answered (repeat_key, at, id, version, sum) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (repeat_key) DO UPDATE SET
            at = excluded.at, id = excluded.id, version = excluded.version, sum = excluded.sum";
    let (at, version) = (ordered(at), version.cast_signed());
    run(tx, sql, params![key, at, id, version, answered_sum(key, at, id, version)]).map(|_| ())
}

/// The sum over the columns of an answer.
pub(crate) fn answered_sum(key: &str, at: i64, id: &str, version: i64) -> i64 {
    // Numbers last: a byte that moves between the two texts moves the line between them.
    Sum::of(format!("{key}\n{id}\n{at}\n{version}\n{}", key.len()).as_bytes())
}
