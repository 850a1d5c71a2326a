//! `campanile alerts`: messages that wait or died.

use clap::{Args, Subcommand};
use serde_json::json;

use super::problems::{ITEMS_USUAL, given};
use crate::{
    client::encoded,
    reach::{Engine, Outcome, Reach, body},
    table::{Table, cell},
};

#[derive(Args, Debug)]
pub(crate) struct Alerts {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List them, the longest owed first (what happens if nothing is said)
    List(List),
    /// Try a dead one again
    Redeliver {
        /// Its key
        key: String,
    },
    /// Send a test through a channel
    Test {
        /// Name of the channel
        channel: String,
        /// To whom, a person's id; needed if the channel reaches people
        #[arg(long)]
        person: Option<String>,
    },
}

#[derive(Args, Debug)]
struct List {
    /// Which: waiting, dead, all
    #[arg(long, default_value = "waiting", value_parser = ["waiting", "dead", "all"])]
    state: String,
    /// About this problem
    #[arg(long, value_name = "ID")]
    problem: Option<u64>,
    /// Only this customer's
    #[arg(long)]
    customer: Option<String>,
    /// Most of them
    #[arg(long, default_value_t = ITEMS_USUAL)]
    limit: usize,
}

impl Alerts {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        let state = "waiting".to_owned();
        let usual = List { state, problem: None, customer: None, limit: ITEMS_USUAL };
        reach.with(|engine| match act.unwrap_or(Act::List(usual)) {
            Act::List(list) => list.run(engine),
            Act::Redeliver { key } => {
                let path = format!("/api/v1/alerts/{}/redeliver", encoded(&key));
                let done = engine.change("POST", &path, Some(&json!({})), None)?;
                engine.done(&done, "tries again");
                Ok(())
            }
            Act::Test { channel, person } => {
                let path = format!("/api/v1/channels/{}/test", encoded(&channel));
                let body = body(&[("person", json!(person))]);
                let done = engine.change("POST", &path, Some(&body), None)?;
                engine.done(&done, "sends a test, alert");
                Ok(())
            }
        })
    }
}

impl List {
    fn run(&self, engine: &Engine) -> Outcome {
        let problem = self.problem.map(|it| it.to_string());
        let query = given([
            ("state", Some(&self.state)),
            ("problem", problem.as_ref()),
            ("customer", self.customer.as_ref()),
        ]);
        let list = engine.list("/api/v1/alerts", &query, self.limit)?;
        engine.show_list(&list, |items| {
            let head =
                ["KEY", "STATE", "KIND", "NAME", "TO", "BY", "OWED", "NEXT", "TRIES", "FAULT"];
            let mut table = Table::new(&head);
            for it in items {
                let next = if it["state"] == "waiting" {
                    engine.time(&it["not_before"])
                } else {
                    String::new()
                };
                table.row([
                    cell(&it["key"]),
                    cell(&it["state"]),
                    cell(&it["kind"]),
                    cell(&it["name"]),
                    cell(&it["contact"]),
                    cell(&it["channel"]),
                    engine.time(&it["owed_at"]),
                    next,
                    cell(&it["attempts"]),
                    cell(&it["fault"]),
                ]);
            }
            table.render("no alerts")
        });
        Ok(())
    }
}
