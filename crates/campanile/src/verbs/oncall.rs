//! `campanile oncall`: who has which duty.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    problems::{each, given},
    silence::Stretch,
};
use crate::{
    reach::{Engine, Outcome, Reach, body},
    table::{Table, cell},
};

#[derive(Args, Debug)]
pub(crate) struct Oncall {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Who has which duty (what happens if nothing is said)
    Who {
        /// When: `Sun 03:00`, …; else now
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Give a duty to somebody else for a while
    Override {
        /// Name of the rotation
        oncall: String,
        /// A person's id
        person: String,
        #[command(flatten)]
        span: Stretch,
    },
    /// Take an override back
    End {
        /// Its number
        id: u64,
    },
}

impl Oncall {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        reach.with(|engine| match act.unwrap_or(Act::Who { at: None }) {
            Act::Who { at } => who(engine, at.as_ref()),
            Act::Override { oncall, person, span } => {
                let [from, until] = span.fields(engine)?;
                let (oncall, person) = (("oncall", json!(oncall)), ("person", json!(person)));
                let body = body(&[oncall, person, from, until]);
                let done = engine.change("POST", "/api/v1/oncall/overrides", Some(&body), None)?;
                engine.done(&done, "put up override");
                Ok(())
            }
            Act::End { id } => {
                let path = format!("/api/v1/oncall/overrides/{id}");
                let done = engine.change("DELETE", &path, None, None)?;
                engine.done(&done, "ended override");
                Ok(())
            }
        })
    }
}

fn who(engine: &Engine, at: Option<&String>) -> Outcome {
    let at = engine.meant_if(at)?;
    let it = engine.get("/api/v1/oncall", &given([("at", at.as_ref())]))?;
    engine.show(&it, || {
        let mut duties = Table::new(&["DUTY", "WHO", "UNTIL", "OVERRIDE"]);
        for it in each(&it["duties"]) {
            let people = cell(&it["people"]);
            duties.row([
                cell(&it["oncall"]),
                if people.is_empty() { "nobody".to_owned() } else { people },
                engine.time(&it["until"]),
                cell(&it["by_override"]),
            ]);
        }
        let mut text = format!("at {}\n{}", engine.time(&it["at"]), duties.render("no duties"));
        if !each(&it["overrides"]).is_empty() {
            let mut overrides = Table::new(&["OVERRIDE", "DUTY", "WHO", "FROM", "UNTIL", "BY"]);
            for it in each(&it["overrides"]) {
                let (from, until) = (engine.time(&it["from"]), engine.time(&it["until"]));
                let (id, duty) = (cell(&it["id"]), cell(&it["oncall"]));
                overrides.row([id, duty, cell(&it["person"]), from, until, cell(&it["by"])]);
            }
            text += "\n";
            text += &overrides.render("");
        }
        text
    });
    Ok(())
}
