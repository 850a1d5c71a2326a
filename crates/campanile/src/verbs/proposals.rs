//! `campanile proposals`: calls that the engine would open.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::problems::{ITEMS_USUAL, Seen, each, given, lines, section, timeline, values};
use crate::{
    reach::{Engine, Outcome, Reach, body},
    table::{Table, cell},
};

#[derive(Args, Debug)]
pub(crate) struct Proposals {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List them, newest first (what happens if nothing is said)
    List(List),
    /// Show one with its evidence
    Show {
        /// Its number
        id: u64,
    },
    /// Make a call of one
    Accept {
        /// Its number
        id: u64,
        /// Who is to do it, a person's id
        #[arg(long, value_name = "PERSON")]
        assignee: Option<String>,
        #[command(flatten)]
        seen: Seen,
    },
    /// Make one a part of a call that is there
    Merge {
        /// Its number
        id: u64,
        /// The call's number
        call: u64,
        #[command(flatten)]
        seen: Seen,
    },
    /// One is not worth a call
    Dismiss {
        /// Its number
        id: u64,
        /// Why
        #[arg(value_parser = ["human-at-work", "known", "false-alarm", "maintenance"])]
        reason: String,
        /// In words
        #[arg(long)]
        text: Option<String>,
        #[command(flatten)]
        seen: Seen,
    },
    /// Show one again later
    Snooze {
        /// Its number
        id: u64,
        /// When: `2h`, `17:30`, `Mon 08:00`, …
        until: String,
        #[command(flatten)]
        seen: Seen,
    },
}

#[derive(Args, Debug)]
struct List {
    /// Which: open, snoozed, decided, all
    #[arg(long, default_value = "open", value_parser = ["open", "snoozed", "decided", "all"])]
    state: String,
    /// Only this customer's
    #[arg(long)]
    customer: Option<String>,
    /// Most of them
    #[arg(long, default_value_t = ITEMS_USUAL)]
    limit: usize,
}

impl Proposals {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        let usual = List { state: "open".to_owned(), customer: None, limit: ITEMS_USUAL };
        reach.with(|engine| match act.unwrap_or(Act::List(usual)) {
            Act::List(list) => list.run(engine),
            Act::Show { id } => show(engine, id),
            Act::Accept { id, assignee, seen } => {
                let body = body(&[("assignee", json!(assignee))]);
                let what = format!("accepted proposal {id}: call");
                change(engine, id, "accept", &body, seen, &what)
            }
            Act::Merge { id, call, seen } => {
                let what = format!("merged proposal {id}: call");
                change(engine, id, "merge", &json!({ "call": call }), seen, &what)
            }
            Act::Dismiss { id, reason, text, seen } => {
                let body = body(&[("reason", json!(reason)), ("text", json!(text))]);
                change(engine, id, "dismiss", &body, seen, "dismissed proposal")
            }
            Act::Snooze { id, until, seen } => {
                let body = json!({ "until": engine.meant(&until)? });
                change(engine, id, "snooze", &body, seen, "snoozed proposal")
            }
        })
    }
}

fn change(engine: &Engine, id: u64, verb: &str, body: &Value, seen: Seen, what: &str) -> Outcome {
    let path = format!("/api/v1/proposals/{id}/{verb}");
    let done = engine.change("POST", &path, Some(body), seen.version)?;
    engine.done(&done, what);
    Ok(())
}

impl List {
    fn run(&self, engine: &Engine) -> Outcome {
        let query = given([("state", Some(&self.state)), ("customer", self.customer.as_ref())]);
        let list = engine.list("/api/v1/proposals", &query, self.limit)?;
        engine.show_list(&list, |items| {
            let head =
                ["ID", "SEVERITY", "NAME", "STATE", "SINCE", "TIMES", "LEVEL", "FOR", "TITLE"];
            let mut table = Table::new(&head);
            for it in items {
                table.row([
                    cell(&it["id"]),
                    cell(&it["severity"]),
                    cell(&it["name"]),
                    cell(&it["state"]),
                    engine.time(&it["proposed_at"]),
                    cell(&it["occurrences"]),
                    cell(&it["level"]),
                    cell(&it["candidates"][0]["person"]),
                    cell(&it["title"]),
                ]);
            }
            table.render("no proposals")
        });
        Ok(())
    }
}

fn show(engine: &Engine, id: u64) -> Outcome {
    let it = engine.get(&format!("/api/v1/proposals/{id}"), &[])?;
    engine.show(&it, || {
        let evidence = &it["evidence"];
        let mut text = lines(&[
            ("proposal", cell(&it["id"])),
            ("version", cell(&it["version"])),
            ("title", cell(&it["title"])),
            ("name", cell(&it["name"])),
            ("customer", cell(&it["customer"])),
            ("severity", cell(&it["severity"])),
            ("state", cell(&it["state"])),
            ("reason", cell(&it["reason"])),
            ("said", cell(&it["text"])),
            ("decided by", cell(&it["decided_by"])),
            ("decided at", engine.time(&it["decided_at"])),
            ("call", cell(&it["call"])),
            ("detected", engine.time(&it["detected_at"])),
            ("proposed", engine.time(&it["proposed_at"])),
            ("snoozed until", engine.time(&it["snoozed_until"])),
            ("occurrences", cell(&it["occurrences"])),
            ("level", cell(&it["level"])),
            ("problem", cell(&it["problem"])),
            ("rule", cell(&it["rule"])),
            ("last good", engine.time(&evidence["last_good"])),
            ("last look", cell(&evidence["text"])),
            ("similar calls", cell(&evidence["similar"])),
        ]);
        let count = cell(&evidence["symptoms_count"]);
        text += &values(&evidence["values"]);
        text += &section(
            "candidates",
            each(&it["candidates"])
                .iter()
                .map(|it| format!("{}: {}", cell(&it["person"]), cell(&it["reason"]))),
        );
        text += &section(
            &format!("symptoms, {count} in all"),
            each(&evidence["symptoms"]).iter().map(cell),
        );
        text + &timeline(engine, &evidence["timeline"])
    });
    Ok(())
}
