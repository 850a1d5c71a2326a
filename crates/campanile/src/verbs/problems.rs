//! `campanile problems`: what is wrong.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    reach::{Engine, Outcome, Reach},
    table::{Table, cell, mark, plain},
};

/// Items of a list, unless it is said how many.
pub(crate) const ITEMS_USUAL: usize = 200;

#[derive(Args, Debug)]
pub(crate) struct Problems {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List them, newest first (what happens if nothing is said)
    List(List),
    /// Show one with its symptoms, who was told, and its timeline
    Show {
        /// Its number
        id: u64,
    },
    /// Add a note to one
    Comment {
        /// Its number
        id: u64,
        /// What
        text: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// Judge whether one blocks the customer
    Blocking {
        /// Its number
        id: u64,
        /// Does it?
        #[arg(action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
        blocking: bool,
        #[command(flatten)]
        seen: Seen,
    },
}

/// The version that was seen; if it is another one now nothing is done
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Only if it still has this version, as lists and `show` say it; otherwise nothing is done
    #[arg(long = "seen", id = "seen-version", value_name = "VERSION")]
    pub(crate) version: Option<u64>,
}

#[derive(Args, Debug)]
struct List {
    /// Those that ended lately, in the place of those that are there
    #[arg(long)]
    recent: bool,
    /// Both
    #[arg(long, conflicts_with = "recent")]
    all: bool,
    /// Only this customer's
    #[arg(long)]
    customer: Option<String>,
    /// At least this bad: warning, unknown, critical, down
    #[arg(long)]
    severity: Option<String>,
    /// Whose name has this in it
    #[arg(long)]
    text: Option<String>,
    /// Most of them
    #[arg(long, default_value_t = ITEMS_USUAL)]
    limit: usize,
}

impl Default for List {
    fn default() -> Self {
        let (customer, severity, text) = (None, None, None);
        Self { recent: false, all: false, customer, severity, text, limit: ITEMS_USUAL }
    }
}

/// Parameters that have a value.
pub(crate) fn given<'a>(
    params: impl IntoIterator<Item = (&'a str, Option<&'a String>)>,
) -> Vec<(&'a str, String)> {
    params.into_iter().filter_map(|(name, value)| Some((name, value?.clone()))).collect()
}

impl Problems {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        reach.with(|engine| match act.unwrap_or(Act::List(List::default())) {
            Act::List(list) => list.run(engine),
            Act::Show { id } => show(engine, id),
            Act::Comment { id, text, seen } => {
                let path = format!("/api/v1/problems/{id}/comment");
                let done =
                    engine.change("POST", &path, Some(&json!({ "text": text })), seen.version)?;
                engine.done(&done, "noted at problem");
                Ok(())
            }
            Act::Blocking { id, blocking, seen } => {
                let path = format!("/api/v1/problems/{id}/blocking");
                let body = json!({ "blocking": blocking });
                let done = engine.change("POST", &path, Some(&body), seen.version)?;
                engine.done(&done, "judged problem");
                Ok(())
            }
        })
    }
}

impl List {
    fn run(&self, engine: &Engine) -> Outcome {
        let mut query = given([
            ("customer", self.customer.as_ref()),
            ("severity", self.severity.as_ref()),
            ("text", self.text.as_ref()),
        ]);
        if self.recent || self.all {
            query.push(("state", if self.all { "all" } else { "recent" }.to_owned()));
        }
        let list = engine.list("/api/v1/problems", &query, self.limit)?;
        engine.show_list(&list, |items| table(engine, items));
        Ok(())
    }
}

fn table(engine: &Engine, items: &[Value]) -> String {
    let head =
        ["ID", "SEVERITY", "NAME", "STATUS", "SINCE", "ENDED", "SEEN", "CALL", "SYMPTOMS", "TEXT"];
    let mut table = Table::new(&head);
    for it in items {
        let symptoms = it["symptoms_count"].as_u64().filter(|it| *it > 0);
        let flapping = mark(&it["flapping"], " (flapping)");
        table.row([
            cell(&it["id"]),
            cell(&it["severity"]),
            cell(&it["name"]),
            cell(&it["status"]) + &flapping,
            engine.time(&it["opened_at"]),
            engine.time(&it["ended_at"]),
            cell(&it["acknowledged"]["by"]),
            cell(&it["call"]),
            symptoms.map(|it| it.to_string()).unwrap_or_default(),
            cell(&it["text"]),
        ]);
    }
    table.render("no problems")
}

/// Lines of `name: value`, without those that have no value.
pub(crate) fn lines(pairs: &[(&str, String)]) -> String {
    let given = pairs.iter().filter(|it| !it.1.is_empty());
    given.map(|(name, value)| format!("{:<14} {}\n", format!("{name}:"), plain(value))).collect()
}

/// A section of several lines, if it has any.
pub(crate) fn section(title: &str, lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<_> = lines.into_iter().map(|it| format!("  {}\n", plain(&it))).collect();
    if lines.is_empty() { String::new() } else { format!("{title}:\n{}", lines.concat()) }
}

pub(crate) fn each(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What was measured.
pub(crate) fn values(all: &Value) -> String {
    let line = |it: &Value| format!("{}  {}", cell(&it["name"]), cell(&it["text"]));
    section("values", each(all).iter().map(line))
}

/// The steps of a timeline.
pub(crate) fn timeline(engine: &Engine, steps: &Value) -> String {
    section(
        "timeline",
        each(steps).iter().map(|it| {
            let kind = if it["hard"] == true { "hard" } else { "soft" };
            let (at, status) = (engine.time(&it["at"]), cell(&it["status"]));
            format!("{at}  {status} ({kind})  {}", cell(&it["text"]))
        }),
    )
}

fn show(engine: &Engine, id: u64) -> Outcome {
    let it = engine.get(&format!("/api/v1/problems/{id}"), &[])?;
    engine.show(&it, || {
        let line = &it["problem"];
        let ack = &line["acknowledged"];
        let mut text = lines(&[
            ("problem", cell(&line["id"])),
            ("version", cell(&line["version"])),
            ("name", cell(&line["name"])),
            ("customer", cell(&line["customer"])),
            ("status", cell(&line["status"]) + &mark(&line["flapping"], " (flapping)")),
            ("severity", cell(&line["severity"])),
            ("text", cell(&line["text"])),
            ("since", engine.time(&line["opened_at"])),
            ("ended", engine.time(&line["ended_at"])),
            ("last good", engine.time(&it["last_good"])),
            ("seen by", cell(&ack["by"])),
            ("seen at", engine.time(&ack["at"])),
            ("seen until", engine.time(&ack["until"])),
            ("said", cell(&ack["text"])),
            ("policy", cell(&it["policy"])),
            ("proposal", cell(&line["proposal"])),
            ("call", cell(&line["call"])),
            ("decides next", engine.time(&it["due_at"])),
        ]);
        text += &values(&it["values"]);
        text += &section(
            "symptoms",
            each(&it["symptoms"])
                .iter()
                .map(|it| format!("{}  since {}", cell(&it["name"]), engine.time(&it["since"]))),
        );
        text += &section(
            "told",
            each(&it["told"]).iter().map(|it| {
                let (who, how) = (cell(&it["contact"]), cell(&it["channel"]));
                let reached = if it["reached"] == true { "reached" } else { "not reached yet" };
                format!("{who} by {how}, {} alerts, {reached}", cell(&it["alerts"]))
            }),
        );
        text + &timeline(engine, &it["timeline"])
    });
    Ok(())
}
