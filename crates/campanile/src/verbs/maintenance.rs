//! `campanile maintenance`: planned windows.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    problems::{ITEMS_USUAL, given},
    silence::{Stretch, scope, scope_text},
};
use crate::{
    client::encoded,
    reach::{Engine, Failure, Outcome, Reach, body},
    table::{Table, cell, mark},
    when,
};

#[derive(Args, Debug)]
pub(crate) struct Maintenance {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List occurrences, by begin (what happens if nothing is said)
    List(List),
    /// Plan one that happens once
    Plan(Plan),
    /// Move the end of an occurrence
    Extend {
        /// Its key, as the list shows it
        key: String,
        /// The new end: `2h`, `17:30`, …
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Why
        #[arg(long)]
        text: String,
    },
    /// End an occurrence that runs, or cancel one that is to come
    End {
        /// Its key, as the list shows it
        key: String,
        /// Why
        #[arg(long)]
        text: String,
    },
}

#[derive(Args, Debug)]
struct List {
    /// From when; else from now
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when; else a week further
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only this customer's
    #[arg(long)]
    customer: Option<String>,
    /// Most of them
    #[arg(long, default_value_t = ITEMS_USUAL)]
    limit: usize,
}

#[derive(Args, Debug)]
struct Plan {
    /// Its name
    name: String,
    /// Conditions as for `silence add`: `customer=acme`, `acme/web*`; all must hold
    #[arg(required = true)]
    conditions: Vec<String>,
    #[command(flatten)]
    span: Stretch,
    /// Whose
    #[arg(long)]
    customer: Option<String>,
    /// What it does
    #[arg(long, value_parser = ["no-alerts", "no-checks"])]
    effect: Option<String>,
    /// The time counts for the clocks of calls
    #[arg(long)]
    sla_counts: bool,
    /// It begins with the first bad news within the span and then lasts so long
    #[arg(long, value_name = "LENGTH")]
    flexible: Option<String>,
    /// Remind the customer by mail so long before, as in `--remind 72h --remind 1h`, which is also
    /// what happens if nothing is said
    #[arg(long, value_name = "LENGTH", conflicts_with = "no_reminder")]
    remind: Vec<String>,
    /// Remind nobody
    #[arg(long)]
    no_reminder: bool,
    /// What the customer will notice
    #[arg(long)]
    impact: Option<String>,
    /// Whom to ask
    #[arg(long)]
    contact: Option<String>,
}

impl Maintenance {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        let usual = List { from: None, until: None, customer: None, limit: ITEMS_USUAL };
        reach.with(|engine| match act.unwrap_or(Act::List(usual)) {
            Act::List(list) => list.run(engine),
            Act::Plan(plan) => plan.run(engine),
            Act::Extend { key, until, text } => {
                let body = json!({ "until": engine.meant(&until)?, "text": text });
                change(engine, &key, "extend", &body, "extended")
            }
            Act::End { key, text } => {
                change(engine, &key, "end", &json!({ "text": text }), "ended")
            }
        })
    }
}

fn change(engine: &Engine, key: &str, verb: &str, body: &Value, what: &str) -> Outcome {
    let path = format!("/api/v1/windows/{}/{verb}", encoded(key));
    let done = engine.change("POST", &path, Some(body), None)?;
    engine.done(&done, what);
    Ok(())
}

impl Plan {
    fn run(self, engine: &Engine) -> Outcome {
        let [from, until] = self.span.fields(engine)?;
        let flexible = self.flexible.as_deref().map(secs_of);
        let remind: Result<Vec<u64>, _> = self.remind.iter().map(|it| secs_of(it)).collect();
        let remind = match remind? {
            none if none.is_empty() && !self.no_reminder => Value::Null,
            all => json!(all),
        };
        let body = body(&[
            ("name", json!(self.name)),
            ("customer", json!(self.customer)),
            from,
            until,
            ("scope", scope(&self.conditions)?),
            ("effect", json!(self.effect)),
            ("sla_counts", if self.sla_counts { json!(true) } else { Value::Null }),
            ("flexible_secs", json!(flexible.transpose()?)),
            ("remind_secs", remind),
            ("impact", json!(self.impact)),
            ("contact", json!(self.contact)),
        ]);
        let done = engine.change("POST", "/api/v1/windows", Some(&body), None)?;
        engine.done(&done, "planned");
        Ok(())
    }
}

fn secs_of(text: &str) -> Result<u64, Failure> {
    let fault = || Failure::Usage(format!("`{text}` is no length; write 2h or 90m"));
    when::length_of(text).and_then(|it| u64::try_from(it.as_secs()).ok()).ok_or_else(fault)
}

/// Where an occurrence stands, in a word or two.
fn state(it: &Value) -> String {
    match () {
        () if it["cancelled"] == true => "cancelled".to_owned(),
        () if !it["report"].is_null() => {
            let bad = it["report"]["still_bad"].as_array().map_or(0, Vec::len);
            if bad == 0 { "ended well".to_owned() } else { format!("ended, {bad} still bad") }
        }
        () if it["begun"] == true => "runs".to_owned(),
        () => "planned".to_owned(),
    }
}

impl List {
    fn run(&self, engine: &Engine) -> Outcome {
        let from = engine.meant_if(self.from.as_ref())?;
        let until = engine.meant_if(self.until.as_ref())?;
        let query = given([
            ("from", from.as_ref()),
            ("until", until.as_ref()),
            ("customer", self.customer.as_ref()),
        ]);
        let list = engine.list("/api/v1/windows", &query, self.limit)?;
        engine.show_list(&list, |items| {
            let head = ["KEY", "CUSTOMER", "FROM", "UNTIL", "STATE", "EFFECT", "SCOPE", "IMPACT"];
            let mut table = Table::new(&head);
            for it in items {
                table.row([
                    cell(&it["key"]),
                    cell(&it["customer"]),
                    engine.time(&it["from"]),
                    engine.time(&it["until"]),
                    state(it) + &mark(&it["flexible_secs"], " (flexible)"),
                    cell(&it["effect"]),
                    scope_text(&it["scope"]),
                    cell(&it["impact"]),
                ]);
            }
            table.render("no windows")
        });
        Ok(())
    }
}
