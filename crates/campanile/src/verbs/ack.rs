//! `campanile ack`: I have seen it.

use clap::Args;
use serde_json::{Value, json};

use super::problems::Seen;
use crate::reach::{Reach, body};

#[derive(Args, Debug)]
pub(crate) struct Ack {
    #[command(flatten)]
    reach: Reach,
    /// The problem's number
    id: u64,
    /// Why
    #[arg(long)]
    text: Option<String>,
    /// When it ends by itself: `2h`, `17:30`, `Sun 03:00`, …
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// It outlives a change of severity
    #[arg(long)]
    sticky: bool,
    /// Take it back
    #[arg(long, conflicts_with_all = ["text", "until", "sticky"])]
    remove: bool,
    #[command(flatten)]
    seen: Seen,
}

impl Ack {
    pub(crate) fn run(self) -> u8 {
        self.reach.with(|engine| {
            let (verb, what, body) = if self.remove {
                ("unacknowledge", "took back what was said of problem", json!({}))
            } else {
                let body = body(&[
                    ("text", json!(self.text)),
                    ("until", json!(engine.meant_if(self.until.as_ref())?)),
                    ("sticky", if self.sticky { json!(true) } else { Value::Null }),
                ]);
                ("acknowledge", "acknowledged problem", body)
            };
            let path = format!("/api/v1/problems/{}/{verb}", self.id);
            let done = engine.change("POST", &path, Some(&body), self.seen.version)?;
            engine.done(&done, what);
            Ok(())
        })
    }
}
