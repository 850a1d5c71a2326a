//! `campanile why`: the story behind telling somebody, or nobody.

use clap::Args;
use serde_json::{Value, json};

use super::problems::{each, given, section};
use crate::{
    reach::{Engine, Outcome, Reach, body},
    table::{cell, plain},
};

#[derive(Args, Debug)]
pub(crate) struct Why {
    #[command(flatten)]
    reach: Reach,
    /// `customer/host`, `customer/host/service`, `site customer/site` or `own …`
    name: String,
    /// At this moment: `03:00`, `Sun 03:00`, `2026-11-30 08:00`, …; with --if: in the future
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What if this were believed of it: warning, critical, unknown, down, unreachable
    #[arg(long = "if", value_name = "STATUS")]
    status: Option<String>,
    /// Most decisions
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

impl Why {
    pub(crate) fn run(self) -> u8 {
        self.reach.with(|engine| match &self.status {
            Some(status) => self.what_if(engine, status),
            None => self.story(engine),
        })
    }

    fn story(&self, engine: &Engine) -> Outcome {
        let at = engine.meant_if(self.at.as_ref())?;
        let limit = self.limit.to_string();
        let params = [("name", Some(&self.name)), ("at", at.as_ref()), ("limit", Some(&limit))];
        let it = engine.get("/api/v1/why", &given(params))?;
        engine.show(&it, || {
            let mut text = format!("{}\n", plain(&self.name));
            let decisions = each(&it["decisions"]);
            if decisions.is_empty() {
                text += "nothing was ever decided about it\n";
            }
            text.extend(decisions.iter().map(|it| decision(engine, it)));
            text + &section(
                "believed changes, newest first",
                each(&it["transitions"]).iter().map(|it| {
                    let kind = if it["hard"] == true { "hard" } else { "soft" };
                    let (at, status) = (engine.time(&it["at"]), cell(&it["status"]));
                    format!("{at}  {status} ({kind})  {}", cell(&it["text"]))
                }),
            )
        });
        Ok(())
    }

    fn what_if(&self, engine: &Engine, status: &str) -> Outcome {
        let status = match status.to_ascii_lowercase().as_str() {
            "crit" => "critical".to_owned(),
            "warn" => "warning".to_owned(),
            other => other.to_owned(),
        };
        let body = body(&[
            ("name", json!(self.name)),
            ("status", json!(status)),
            ("at", json!(engine.meant_if(self.at.as_ref())?)),
        ]);
        let it = engine.post_once("/api/v1/why/what-if", &body)?;
        engine.show(&it, || {
            let mut text = format!("if {} were {status}:\n", plain(&self.name));
            text.extend(each(&it["decisions"]).iter().map(|it| decision(engine, it)));
            for it in each(&it["asked"]) {
                text += &question(engine, it);
            }
            let unanswered = if each(&it["asked"]).is_empty() { "" } else { " without an answer" };
            text += &would_be_told(engine, unanswered, &it["told"]);
            for (key, words) in
                [("proposed_at", "would be proposed"), ("called_at", "would become a call")]
            {
                let at = engine.time(&it[key]);
                if !at.is_empty() {
                    text += &format!("{words} at {at}\n");
                }
            }
            text
        });
        Ok(())
    }
}

/// Who would be told; `when` says in which case.
fn would_be_told(engine: &Engine, when: &str, told: &Value) -> String {
    let told = each(told);
    if told.is_empty() {
        return format!("nobody would be told{when}\n");
    }
    section(&format!("would be told{when}"), told.iter().map(|it| person(engine, it)))
}

fn person(engine: &Engine, it: &Value) -> String {
    let (at, rule) = (engine.time(&it["at"]), cell(&it["rule"]));
    let rule = if rule.is_empty() { rule } else { format!("  ({rule})") };
    format!("{at}  {} by {}{rule}", cell(&it["contact"]), cell(&it["channel"]))
}

/// A question to a duty lead, and what follows from each answer.
fn question(engine: &Engine, it: &Value) -> String {
    let silence = match it["silence_means_blocking"].as_bool() {
        Some(true) => "counts as blocking",
        _ => "can wait",
    };
    let until = engine.time(&it["until"]);
    let line = format!("{}; no answer until {until} {silence}", person(engine, &it["asked"]));
    section("would be asked whether it blocks the customer", std::iter::once(line))
        + &would_be_told(engine, " if it does", &it["if_blocking"])
        + &would_be_told(engine, " if it can wait", &it["if_can_wait"])
}

/// What was decided, and the gates that it passed or not.
fn decision(engine: &Engine, it: &Value) -> String {
    let until = engine.time(&it["until"]);
    let verdict = match it["verdict"].as_str() {
        Some("told") => format!("told: {} alerts owed", each(&it["alerts"]).len()),
        Some("nobody") if until.is_empty() => format!("nobody told: {}", cell(&it["reason"])),
        Some("nobody") => format!("nobody told: {}, until {until}", cell(&it["reason"])),
        _ => cell(&it["reason"]),
    };
    let title = format!("{}  {}: {verdict}", engine.time(&it["at"]), cell(&it["trigger"]));
    let gates = each(&it["gates"]).iter().map(|it| {
        let sign = if it["open"] == true { "open  " } else { "CLOSED" };
        let rule = cell(&it["rule"]);
        let rule = if rule.is_empty() { rule } else { format!("  ({rule})") };
        format!("{sign}  {}: {}{rule}", cell(&it["gate"]), cell(&it["text"]))
    });
    let gates: Vec<_> = gates.map(|it| format!("    {}\n", plain(&it))).collect();
    format!("{}\n{}", plain(&title), gates.concat())
}
