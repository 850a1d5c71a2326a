//! `campanile token`: rights to speak with the engine.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    reach::{Engine, Outcome, Reach, body},
    table::{Table, cell, mark},
};

#[derive(Args, Debug)]
pub(crate) struct Token {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List them (what happens if nothing is said)
    List,
    /// Make one; it is printed this once and never again
    Add {
        /// For people; also the name under which it acts
        name: String,
        /// What it may do: read, ack, dispatch, maintenance, oncall, admin
        #[arg(long = "scope", value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// Whose objects; else everybody's
        #[arg(long = "customer", value_delimiter = ',')]
        customers: Option<Vec<String>>,
        /// When it ends by itself: `30d`, `2027-01-01 00:00`, …
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Take one back, at once
    Revoke {
        /// Its number
        id: u64,
    },
}

impl Token {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        reach.with(|engine| match act.unwrap_or(Act::List) {
            Act::List => list(engine),
            Act::Add { name, scopes, customers, expires } => {
                let body = body(&[
                    ("name", json!(name)),
                    ("scopes", json!(scopes)),
                    ("customers", json!(customers)),
                    ("expires_at", json!(engine.meant_if(expires.as_ref())?)),
                ]);
                let made = engine.post_once("/api/v1/tokens", &body)?;
                // Alone on its line, so that it can go straight into a file.
                engine.show(&made, || format!("{}\n", cell(&made["token"])));
                Ok(())
            }
            Act::Revoke { id } => {
                let done = engine.change("DELETE", &format!("/api/v1/tokens/{id}"), None, None)?;
                engine.done(&done, "revoked token");
                Ok(())
            }
        })
    }
}

fn list(engine: &Engine) -> Outcome {
    let list = engine.get("/api/v1/tokens", &[])?;
    engine.show_list(&list, |items| {
        let mut table = Table::new(&["ID", "NAME", "SCOPES", "CUSTOMERS", "MADE", "ENDS", "STATE"]);
        for it in items {
            let customers =
                if it["customers"].is_null() { "all".to_owned() } else { cell(&it["customers"]) };
            table.row([
                cell(&it["id"]),
                cell(&it["name"]),
                cell(&it["scopes"]),
                customers,
                engine.time(&it["made_at"]),
                engine.time(&it["expires_at"]),
                mark(&it["revoked_at"], "revoked"),
            ]);
        }
        table.render("no tokens")
    });
    Ok(())
}
