//! How many there are of what, for metrics and the first page.

use model::{Moment, Severity};
use rusqlite::Row;

use crate::{
    ReadError, Reader,
    desk::{
        ask::{Ask, Customers},
        put::severity_number,
    },
    row::moment,
};

/// Counts of what the desk keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Open problems by severity, the mildest first; all severities.
    pub problems_open: Vec<(Severity, u64)>,
    /// Proposals that wait for a dispatcher.
    pub proposals_open: u64,
    /// Calls that are not closed, by the word for their state; only those there are.
    pub calls_open: Vec<(String, u64)>,
    /// Alerts that are kept, by the word for their state; only those there are.
    pub alerts: Vec<(String, u64)>,
    /// Alerts that wait, by channel; only those there are.
    pub alerts_waiting: Vec<(String, u64)>,
    /// When the alert was owed that waits longest.
    pub alerts_waiting_since: Option<Moment>,
}

const SEVERITIES: [Severity; 4] =
    [Severity::Warning, Severity::Unknown, Severity::Critical, Severity::Down];

impl Reader {
    /// Counts what those `customers` may see.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn totals(&self, customers: Customers<'_>) -> Result<Totals, ReadError> {
        // One look at all of it, though an engine may go on writing.
        let tx = self.conn.unchecked_transaction()?;
        let problems = Ask::by("SELECT severity, count(*) FROM problem", "problem_open_customer")
            .only("open = 1");
        let counts = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
        let counts: Vec<(i64, u64)> =
            problems.of_customers(customers).grouped("severity").rows(&tx, counts)?;
        let count = |severity| counts.iter().find(|it| it.0 == severity_number(severity));
        let problems_open = SEVERITIES.map(|it| (it, count(it).map_or(0, |it| it.1)));
        let proposals = Ask::new("SELECT count(*) FROM proposal").only("state = 'open'");
        let calls = Ask::new("SELECT state, count(*) FROM call").only("state <> 'closed'");
        let alerts = Ask::new("SELECT state, count(*) FROM alert");
        let waiting = Ask::by("SELECT channel, count(*) FROM alert", "alert_waiting")
            .only("state = 'waiting'");
        // Places follow the order of owing.
        let oldest = Ask::new("SELECT owed_at FROM alert").only("state = 'waiting'");
        let oldest = oldest.of_customers(customers).page("place", 1);
        Ok(Totals {
            problems_open: problems_open.into(),
            proposals_open: proposals.of_customers(customers).number(&tx)?,
            calls_open: calls.of_customers(customers).grouped("state").rows(&tx, counted)?,
            alerts: alerts.of_customers(customers).grouped("state").rows(&tx, counted)?,
            alerts_waiting: waiting
                .of_customers(customers)
                .grouped("channel")
                .rows(&tx, counted)?,
            alerts_waiting_since: oldest.rows(&tx, |row| Ok(moment(row.get(0)?)))?.pop(),
        })
    }
}

fn counted(row: &Row<'_>) -> rusqlite::Result<(String, u64)> {
    Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
}
