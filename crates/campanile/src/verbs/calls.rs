//! `campanile calls`: work for people.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::problems::{ITEMS_USUAL, Seen, each, given, lines, section};
use crate::{
    reach::{Engine, Failure, Outcome, Reach, body},
    table::{Table, cell, mark},
    when,
};

#[derive(Args, Debug)]
pub(crate) struct Calls {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List them, newest first (what happens if nothing is said)
    List(List),
    /// Show one with its clocks and messages
    Show {
        /// Its number
        id: u64,
    },
    /// Open one without a proposal
    Open {
        /// Whose
        customer: String,
        /// One line for people
        title: String,
        /// How bad it is: warning, unknown, critical, down
        #[arg(long)]
        severity: Option<String>,
        /// A closed call that it goes on with
        #[arg(long, value_name = "CALL")]
        refers_to: Option<u64>,
    },
    /// Give one to somebody
    Assign {
        /// Its number
        id: u64,
        /// A person's id
        person: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// I work on it
    Start(One),
    /// Nothing can be done for now
    Suspend(Suspend),
    /// It goes on
    Resume(One),
    /// It is done
    Close {
        /// Its number
        id: u64,
        /// What was done
        #[arg(long)]
        text: Option<String>,
        #[command(flatten)]
        seen: Seen,
    },
    /// Add a message or note
    Say {
        /// Its number
        id: u64,
        /// What
        text: String,
        /// From whom to whom
        #[arg(long, default_value = "internal", value_parser = ["internal", "to-customer", "from-customer"])]
        kind: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// It blocks the customer: its clocks run day and night from now on
    Block(One),
}

#[derive(Args, Debug)]
struct One {
    /// Its number
    id: u64,
    #[command(flatten)]
    seen: Seen,
}

#[derive(Args, Debug)]
struct Suspend {
    /// Its number
    id: u64,
    /// What it waits for
    #[arg(value_parser = ["process", "customer", "supplier"])]
    wait: String,
    /// When it goes on by itself: `2h`, `Mon 08:00`, …; for a customer or supplier
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The supplier's own number for it
    #[arg(long)]
    reference: Option<String>,
    /// The host or service that has to be fine, or with --slots the watchdog; for a process
    #[arg(long)]
    name: Option<String>,
    /// For how long without a break: `10m`; for a process
    #[arg(long, value_name = "LENGTH")]
    fine_for: Option<String>,
    /// So many runs in a row have to go well; then --name is a watchdog's; for a process
    #[arg(long, value_name = "N", requires = "name", conflicts_with = "fine_for")]
    slots: Option<u32>,
    #[command(flatten)]
    seen: Seen,
}

#[derive(Args, Debug)]
struct List {
    /// Which: live (all that are not closed), open, assigned, in-progress, suspended, closed, all
    #[arg(long, default_value = "live")]
    state: String,
    /// Only this customer's
    #[arg(long)]
    customer: Option<String>,
    /// Only this person's
    #[arg(long, value_name = "PERSON")]
    assignee: Option<String>,
    /// Most of them
    #[arg(long, default_value_t = ITEMS_USUAL)]
    limit: usize,
}

impl Calls {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        let state = "live".to_owned();
        let usual = List { state, customer: None, assignee: None, limit: ITEMS_USUAL };
        reach.with(|engine| act.unwrap_or(Act::List(usual)).run(engine))
    }
}

impl Act {
    fn run(self, engine: &Engine) -> Outcome {
        let nothing = json!({});
        match self {
            Self::List(list) => list.run(engine),
            Self::Show { id } => show(engine, id),
            Self::Open { customer, title, severity, refers_to } => {
                let body = body(&[
                    ("customer", json!(customer)),
                    ("title", json!(title)),
                    ("severity", json!(severity)),
                    ("refers_to", json!(refers_to)),
                ]);
                let done = engine.change("POST", "/api/v1/calls", Some(&body), None)?;
                engine.done(&done, "opened call");
                Ok(())
            }
            Self::Assign { id, person, seen } => {
                let body = json!({ "person": person });
                change(engine, One { id, seen }, "assign", &body, "assigned call")
            }
            Self::Start(one) => change(engine, one, "start", &nothing, "started call"),
            Self::Suspend(it) => it.run(engine),
            Self::Resume(one) => change(engine, one, "resume", &nothing, "resumed call"),
            Self::Close { id, text, seen } => {
                let body = body(&[("text", json!(text))]);
                change(engine, One { id, seen }, "close", &body, "closed call")
            }
            Self::Say { id, text, kind, seen } => {
                let body = json!({ "text": text, "kind": kind });
                change(engine, One { id, seen }, "say", &body, "said in call")
            }
            Self::Block(one) => change(engine, one, "block", &nothing, "blocking call"),
        }
    }
}

fn change(engine: &Engine, one: One, verb: &str, body: &Value, what: &str) -> Outcome {
    let path = format!("/api/v1/calls/{}/{verb}", one.id);
    let done = engine.change("POST", &path, Some(body), one.seen.version)?;
    engine.done(&done, what);
    Ok(())
}

impl Suspend {
    fn run(self, engine: &Engine) -> Outcome {
        let length = |text: &String| {
            when::length_of(text)
                .map(|it| it.as_secs())
                .ok_or_else(|| Failure::Usage(format!("`{text}` is no length; write 10m or 2h")))
        };
        let body = body(&[
            ("for", json!(self.wait)),
            ("until", json!(engine.meant_if(self.until.as_ref())?)),
            ("reference", json!(self.reference)),
            ("name", json!(self.name)),
            ("fine_for_secs", json!(self.fine_for.as_ref().map(length).transpose()?)),
            ("slots", json!(self.slots)),
        ]);
        change(engine, One { id: self.id, seen: self.seen }, "suspend", &body, "suspended call")
    }
}

impl List {
    fn run(&self, engine: &Engine) -> Outcome {
        let query = given([
            ("state", Some(&self.state)),
            ("customer", self.customer.as_ref()),
            ("assignee", self.assignee.as_ref()),
        ]);
        let list = engine.list("/api/v1/calls", &query, self.limit)?;
        engine.show_list(&list, |items| {
            let head = [
                "ID",
                "SEVERITY",
                "CUSTOMER",
                "STATE",
                "WHO",
                "OPENED",
                "RESPOND BY",
                "RESOLVE BY",
                "TITLE",
            ];
            let mut table = Table::new(&head);
            for it in items {
                let ready = mark(&it["ready_to_close"], " (ready to close)");
                let blocking = mark(&it["blocking_since"], " (blocking)");
                table.row([
                    cell(&it["id"]),
                    cell(&it["severity"]) + &blocking,
                    cell(&it["customer"]),
                    state(it) + &ready,
                    cell(&it["assignee"]),
                    engine.time(&it["opened_at"]),
                    clock(engine, &it["respond"]),
                    clock(engine, &it["resolve"]),
                    cell(&it["title"]),
                ]);
            }
            table.render("no calls")
        });
        Ok(())
    }
}

fn state(call: &Value) -> String {
    match call["waits_for"]["for"].as_str() {
        Some(wait) => format!("suspended, {wait}"),
        None => cell(&call["state"]),
    }
}

/// How many runs of a watchdog have gone well, of those that have to.
fn runs(wait: &Value) -> String {
    match wait["slots"].is_null() {
        true => String::new(),
        false => format!(" ({} of {} runs)", cell(&wait["slots_kept"]), cell(&wait["slots"])),
    }
}

/// What matters of a clock in one cell.
fn clock(engine: &Engine, clock: &Value) -> String {
    match () {
        () if clock.is_null() => String::new(),
        () if !clock["breached_at"].is_null() => {
            format!("missed {}", engine.time(&clock["breached_at"]))
        }
        () if !clock["met_at"].is_null() => "met".to_owned(),
        () if !clock["paused_since"].is_null() => "paused".to_owned(),
        () => engine.time(&clock["due_at"]),
    }
}

fn show(engine: &Engine, id: u64) -> Outcome {
    let it = engine.get(&format!("/api/v1/calls/{id}"), &[])?;
    engine.show(&it, || {
        let call = &it["call"];
        let wait = &call["waits_for"];
        let text = lines(&[
            ("call", cell(&call["id"])),
            ("version", cell(&call["version"])),
            ("title", cell(&call["title"])),
            ("about", cell(&call["name"])),
            ("customer", cell(&call["customer"])),
            ("severity", cell(&call["severity"])),
            ("state", state(call)),
            ("waits until", engine.time(&wait["until"])),
            ("waits for", cell(&wait["name"]) + &cell(&wait["reference"]) + &runs(wait)),
            ("ready to close", mark(&call["ready_to_close"], "yes")),
            ("blocking since", engine.time(&call["blocking_since"])),
            ("assignee", cell(&call["assignee"])),
            ("contract", cell(&it["contract"])),
            ("respond by", clock(engine, &call["respond"])),
            ("resolve by", clock(engine, &call["resolve"])),
            ("detected", engine.time(&it["detected_at"])),
            ("proposed", engine.time(&it["proposed_at"])),
            ("opened", engine.time(&call["opened_at"])),
            ("closed", engine.time(&call["closed_at"])),
            ("problems", cell(&it["problems"])),
            ("proposals", cell(&it["proposals"])),
            ("refers to", cell(&it["refers_to"])),
        ]);
        text + &section(
            "messages",
            each(&it["messages"]).iter().map(|it| {
                let (at, by, kind) = (engine.time(&it["at"]), cell(&it["by"]), cell(&it["kind"]));
                format!("{at}  {by} ({kind}): {}", cell(&it["text"]))
            }),
        )
    });
    Ok(())
}
