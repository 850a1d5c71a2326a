//! Lists and single objects of the desk, for the API and its pages.
//!
//! Whose rows may be seen is a condition of every query here and not a sieve after it: so neither
//! a page that is not full nor a cursor tells anything about rows that may not be seen. Lists are
//! newest first and go on behind an id, so rows that come meanwhile move nothing.

use model::{
    Alert, AlertKey, Call, CallId, Decision, Event, EventId, EventKind, Moment, NoteId, Occurrence,
    Override, PlannedWindow, Problem, ProblemId, Proposal, ProposalId, Severity, Silence, Span,
    Token,
};
use rusqlite::Row;
use serde::de::DeserializeOwned;

use crate::{
    ReadError, Reader,
    desk::{
        ask::{Ask, Customers, id_value, moment_value},
        body::{read_body, unreadable},
        put::severity_number,
    },
    row::moment,
};

/// Which problems.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemFilter<'a> {
    /// Whose may be seen.
    pub customers: Customers<'a>,
    /// Whose are wanted.
    pub customer: Option<&'a str>,
    /// Open ones, or ended ones.
    pub open: Option<bool>,
    /// At least so bad.
    pub severity_min: Option<Severity>,
    /// About exactly this, as people write it.
    pub about: Option<&'a str>,
    /// This text is in what it is about or in why.
    pub search: Option<&'a str>,
    /// Only ids below this one: the last of the page before.
    pub before: Option<u64>,
}

/// Which proposals.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProposalFilter<'a> {
    /// Whose may be seen.
    pub customers: Customers<'a>,
    /// Whose are wanted.
    pub customer: Option<&'a str>,
    /// `open`, `accepted`, `merged`, `dismissed` or `withdrawn`.
    pub state: Option<&'a str>,
    /// This text is in what it is about.
    pub search: Option<&'a str>,
    /// Only ids below this one: the last of the page before.
    pub before: Option<u64>,
}

/// Which calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallFilter<'a> {
    /// Whose may be seen.
    pub customers: Customers<'a>,
    /// Whose are wanted.
    pub customer: Option<&'a str>,
    /// Those that are not closed, or those that are.
    pub open: Option<bool>,
    /// Exactly this state, as [`model::CallState::word`] has it.
    pub state: Option<&'a str>,
    /// Who has it.
    pub assignee: Option<&'a str>,
    /// This text is in its title.
    pub search: Option<&'a str>,
    /// Only ids below this one: the last of the page before.
    pub before: Option<u64>,
}

/// Which alerts.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlertFilter<'a> {
    /// Whose may be seen.
    pub customers: Customers<'a>,
    /// About this problem.
    pub problem: Option<ProblemId>,
    /// `waiting`, `delivered`, `aggregated`, `withdrawn` or `dead`.
    pub state: Option<&'a str>,
    /// By this channel.
    pub channel: Option<&'a str>,
    /// Only places below this one: the last of the page before.
    pub before: Option<u64>,
}

/// Which events.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter<'a> {
    /// Whose may be seen.
    pub customers: Customers<'a>,
    /// About this problem, proposal, call or note.
    pub subject: Option<u64>,
    /// Only ids above this one, oldest first: what a follower does not know yet.
    pub after: Option<u64>,
    /// Only ids below this one.
    pub before: Option<u64>,
}

/// Which decisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionFilter<'a> {
    /// Whose may be seen.
    pub customers: Customers<'a>,
    /// About this one, by full name.
    pub name: Option<&'a str>,
    /// About this problem.
    pub problem: Option<ProblemId>,
    /// Taken at this moment or before it.
    pub until: Option<Moment>,
    /// Only ids below this one: the last of the page before.
    pub before: Option<u64>,
}

/// An alert and its place in the order of owing.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedAlert {
    /// Its place; lists go on behind it.
    pub place: u64,
    /// The alert.
    pub alert: Alert,
}

impl Reader {
    /// Problems, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn problems(
        &self,
        which: &ProblemFilter<'_>,
        limit: usize,
    ) -> Result<Vec<Problem>, ReadError> {
        let ask = ask_problems("SELECT id, body, sum FROM problem", which);
        Ok(ask.page("id DESC", limit).sorted_rows(&self.conn, |row| object("problem", row))?)
    }

    /// How many problems there are of that kind.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn problems_count(&self, which: &ProblemFilter<'_>) -> Result<u64, ReadError> {
        Ok(ask_problems("SELECT count(*) FROM problem", which).number(&self.conn)?)
    }

    /// The problem `id`, if it is one of theirs.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn problem(
        &self,
        id: ProblemId,
        customers: Customers<'_>,
    ) -> Result<Option<Problem>, ReadError> {
        self.one("problem", Ask::new("SELECT id, body, sum FROM problem"), id.0, customers)
    }

    /// Proposals, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn proposals(
        &self,
        which: &ProposalFilter<'_>,
        limit: usize,
    ) -> Result<Vec<Proposal>, ReadError> {
        let select = "SELECT id, body, sum FROM proposal";
        let of_some = which.customers.is_some() || which.customer.is_some();
        let ask = match which.state {
            Some("open") if of_some => {
                Ask::by(select, "proposal_open_customer").only("state = 'open'")
            }
            Some("open") => Ask::by(select, "proposal_open").only("state = 'open'"),
            state => Ask::new(select).with("state = ?", state.map(str::to_owned)),
        };
        let ask = ask
            .of_customers(which.customers)
            .with("customer = ?", which.customer.map(str::to_owned))
            .like(r"about LIKE ? ESCAPE '\'", which.search)
            .with("id < ?", which.before.map(id_value));
        Ok(ask.page("id DESC", limit).sorted_rows(&self.conn, |row| object("proposal", row))?)
    }

    /// The proposal `id`, if it is one of theirs.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn proposal(
        &self,
        id: ProposalId,
        customers: Customers<'_>,
    ) -> Result<Option<Proposal>, ReadError> {
        self.one("proposal", Ask::new("SELECT id, body, sum FROM proposal"), id.0, customers)
    }

    /// Calls, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn calls(&self, which: &CallFilter<'_>, limit: usize) -> Result<Vec<Call>, ReadError> {
        let select = "SELECT id, body, sum FROM call";
        let of_some = which.customers.is_some() || which.customer.is_some();
        let ask = match which.open {
            Some(true) if of_some => {
                Ask::by(select, "call_open_customer").only("state <> 'closed'")
            }
            Some(true) => Ask::by(select, "call_open").only("state <> 'closed'"),
            Some(false) => Ask::new(select).only("state = 'closed'"),
            None => Ask::new(select),
        };
        let ask = ask
            .of_customers(which.customers)
            .with("customer = ?", which.customer.map(str::to_owned))
            .with("state = ?", which.state.map(str::to_owned))
            .with("assignee = ?", which.assignee.map(str::to_owned))
            .like(r"title LIKE ? ESCAPE '\'", which.search)
            .with("id < ?", which.before.map(id_value));
        Ok(ask.page("id DESC", limit).sorted_rows(&self.conn, |row| object("call", row))?)
    }

    /// The call `id`, if it is one of theirs.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn call(&self, id: CallId, customers: Customers<'_>) -> Result<Option<Call>, ReadError> {
        self.one("call", Ask::new("SELECT id, body, sum FROM call"), id.0, customers)
    }

    /// Alerts, those that were owed last first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn alerts(
        &self,
        which: &AlertFilter<'_>,
        limit: usize,
    ) -> Result<Vec<OwedAlert>, ReadError> {
        let ask = Ask::new("SELECT place, body, sum FROM alert");
        let ask = match which.problem {
            // An index holds all alerts about a problem, and only those.
            Some(_) => ask.only("problem <> 0"),
            None => ask,
        };
        let ask = ask
            .with("problem = ?", which.problem.map(|it| id_value(it.0)))
            .of_customers(which.customers)
            .with("state = ?", which.state.map(str::to_owned))
            .with("channel = ?", which.channel.map(str::to_owned))
            .with("place < ?", which.before.map(id_value));
        let read = |row: &Row<'_>| {
            let place = row.get::<_, i64>(0)?.cast_unsigned();
            Ok(OwedAlert { place, alert: read_body("alert", place, row, 1)? })
        };
        Ok(ask.page("place DESC", limit).sorted_rows(&self.conn, read)?)
    }

    /// The alert with this key, if it is one of theirs.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn alert(
        &self,
        key: AlertKey,
        customers: Customers<'_>,
    ) -> Result<Option<Alert>, ReadError> {
        let ask = Ask::new("SELECT place, body, sum FROM alert")
            .with("key = ?", Some(key.to_string()))
            .of_customers(customers);
        Ok(ask.rows(&self.conn, |row| object("alert", row))?.pop())
    }

    /// Silences that are not over at `at`, newest first. Theirs are those that are for none but
    /// them.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn silences(
        &self,
        customers: Customers<'_>,
        at: Moment,
        limit: usize,
    ) -> Result<Vec<Silence>, ReadError> {
        let ask = Ask::new("SELECT id, body, sum FROM silence")
            .with("until_at > ?", Some(moment_value(at)))
            .of_all_customers(customers)?;
        Ok(ask.page("id DESC", limit).sorted_rows(&self.conn, |row| object("silence", row))?)
    }

    /// What differs from its rule in occurrences that were planned to begin within `span`, and
    /// what came of them, by begin.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn occurrences(
        &self,
        customers: Customers<'_>,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Occurrence>, ReadError> {
        let select = "
            SELECT window_name || ' ' || planned_from, body, sum FROM occurrence";
        let ask = Ask::new(select)
            .with("planned_from >= ?", Some(moment_value(span.from)))
            .with("planned_from < ?", Some(moment_value(span.until)))
            .of_customers(customers);
        let read = |row: &Row<'_>| read_body("occurrence", row.get_ref(0)?.as_str()?, row, 1);
        Ok(ask.page("planned_from, window_name", limit).rows(&self.conn, read)?)
    }

    /// Windows planned at run time that are not over at `at`, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn planned(
        &self,
        customers: Customers<'_>,
        at: Moment,
        limit: usize,
    ) -> Result<Vec<(NoteId, PlannedWindow)>, ReadError> {
        let ask = Ask::new("SELECT id, body, sum FROM planned")
            .with("until_at > ?", Some(moment_value(at)))
            .of_customers(customers);
        let read = |row: &Row<'_>| {
            let id = row.get::<_, i64>(0)?.cast_unsigned();
            Ok((NoteId(id), read_body("planned", id, row, 1)?))
        };
        Ok(ask.page("id DESC", limit).sorted_rows(&self.conn, read)?)
    }

    /// Overrides of rotations that are not over at `at`, newest first. They belong to no customer.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn overrides(&self, at: Moment, limit: usize) -> Result<Vec<Override>, ReadError> {
        let ask = Ask::new("SELECT id, body, sum FROM duty_override")
            .with("until_at > ?", Some(moment_value(at)));
        Ok(ask
            .page("id DESC", limit)
            .sorted_rows(&self.conn, |row| object("duty_override", row))?)
    }

    /// Tokens, newest first; if there are more than `limit`, those whose end lies furthest ahead.
    /// Theirs are those that are for none but them.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn tokens(&self, customers: Customers<'_>, limit: usize) -> Result<Vec<Token>, ReadError> {
        let ask = Ask::new("SELECT id, body, sum FROM token").of_all_customers(customers)?;
        // However many were taken back, they leave room for those in force.
        let ends = "
            CASE WHEN json_valid(body) THEN min(
                coalesce(json_extract(body, '$.revoked_at'), 9223372036854775807),
                coalesce(json_extract(body, '$.expires_at'), 9223372036854775807)) END DESC,
            id DESC";
        let mut tokens: Vec<Token> =
            ask.page(ends, limit).rows(&self.conn, |row| object("token", row))?;
        tokens.sort_unstable_by_key(|it| std::cmp::Reverse(it.id));
        Ok(tokens)
    }

    /// Events; newest first, or oldest first behind [`EventFilter::after`].
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn events(&self, which: &EventFilter<'_>, limit: usize) -> Result<Vec<Event>, ReadError> {
        let ask = Ask::new("SELECT id, at, customer, kind, actor, name, subject, text FROM event");
        let ask = match which.subject {
            Some(_) => ask.only("subject <> 0"),
            None => ask,
        };
        let ask = ask
            .with("subject = ?", which.subject.map(id_value))
            .of_customers(which.customers)
            .with("id > ?", which.after.map(id_value))
            .with("id < ?", which.before.map(id_value));
        let order = if which.after.is_some() { "id" } else { "id DESC" };
        Ok(ask.page(order, limit).sorted_rows(&self.conn, read_event)?)
    }

    /// The id of the last event; 0 if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn event_last(&self) -> Result<EventId, ReadError> {
        let ask = Ask::new("SELECT coalesce(max(id), 0) FROM event");
        Ok(EventId(ask.number(&self.conn)?))
    }

    /// Decisions, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or is damaged.
    pub fn decisions(
        &self,
        which: &DecisionFilter<'_>,
        limit: usize,
    ) -> Result<Vec<Decision>, ReadError> {
        let ask = Ask::new("SELECT id, body, sum FROM decision");
        let ask = match which.problem {
            Some(_) => ask.only("problem <> 0"),
            None => ask,
        };
        let ask = ask
            .with("problem = ?", which.problem.map(|it| id_value(it.0)))
            .with("name = ?", which.name.map(str::to_owned))
            .with("at <= ?", which.until.map(moment_value))
            .of_customers(which.customers)
            .with("id < ?", which.before.map(id_value));
        // There is no index by customer: one pass over all of them, not one for each.
        Ok(ask.page("id DESC", limit).rows(&self.conn, |row| object("decision", row))?)
    }

    fn one<T: DeserializeOwned>(
        &self,
        table: &'static str,
        ask: Ask,
        id: u64,
        customers: Customers<'_>,
    ) -> Result<Option<T>, ReadError> {
        let ask = ask.with("id = ?", Some(id_value(id))).of_customers(customers);
        Ok(ask.rows(&self.conn, |row| object(table, row))?.pop())
    }
}

fn ask_problems(select: &'static str, which: &ProblemFilter<'_>) -> Ask {
    let of_some = which.customers.is_some() || which.customer.is_some();
    let ask = match (which.open, which.about) {
        (Some(true), None) if of_some => Ask::by(select, "problem_open_customer").only("open = 1"),
        (Some(true), None) => Ask::by(select, "problem_open").only("open = 1"),
        (Some(true), Some(_)) => Ask::new(select).only("open = 1"),
        (Some(false), _) => Ask::new(select).only("open = 0"),
        (None, _) => Ask::new(select),
    };
    let search = r"(about LIKE ? ESCAPE '\' OR text LIKE ? ESCAPE '\')";
    ask.of_customers(which.customers)
        .with("customer = ?", which.customer.map(str::to_owned))
        .with("severity >= ?", which.severity_min.map(severity_number))
        .with("about = ?", which.about.map(str::to_owned))
        .like(search, which.search)
        .with("id < ?", which.before.map(id_value))
}

/// Reads id, body and sum.
fn object<T: DeserializeOwned>(table: &'static str, row: &Row<'_>) -> rusqlite::Result<T> {
    read_body(table, row.get::<_, i64>(0)?, row, 1)
}

fn read_event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let id = EventId(row.get::<_, i64>(0)?.cast_unsigned());
    let word = row.get_ref(3)?.as_str()?;
    let kind = EventKind::from_word(word);
    Ok(Event {
        id,
        at: moment(row.get(1)?),
        customer: row.get(2)?,
        kind: kind.ok_or_else(|| unreadable("event", id, "nobody knows what happened"))?,
        by: row.get(4)?,
        name: row.get(5)?,
        subject: row.get::<_, i64>(6)?.cast_unsigned(),
        text: row.get(7)?,
    })
}
