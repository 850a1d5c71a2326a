//! `campanile watchdog`: what must report, and whether it has.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::problems::{ITEMS_USUAL, Seen, each, given, lines, section};
use crate::{
    client::encoded,
    reach::{Engine, Failure, Outcome, Reach, body},
    table::{Table, cell, plain},
};

/// Slots of a watchdog that `show` lists.
const SLOTS_SHOWN: usize = 10;
/// Bytes of a mail that is sent to the engine, which takes no larger one either.
const MAIL_BYTES_MAX: u64 = 35 << 20;
/// The scope that secrets need; whoever has it not sees everything else.
const FORBIDDEN: u16 = 403;

#[derive(Args, Debug)]
pub(crate) struct Watchdog {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List them by name (what happens if nothing is said)
    List(List),
    /// Show one: settings, secret address, last runs, what is usual, a suggestion
    Show {
        /// `customer/watchdog`
        name: String,
    },
    /// Hear a mail as if it had come by an intake; your token vouches for it
    Feed {
        /// The mail as it came
        file: PathBuf,
    },
    /// Say what mails would say, and for which watchdog; nothing is kept
    Test {
        /// Mails as they came
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Runs to come
    Calendar {
        /// Only of this watchdog: `customer/watchdog`
        name: Option<String>,
        /// How far ahead
        #[arg(long, default_value_t = 14)]
        days: u32,
        /// Most of them
        #[arg(long, default_value_t = ITEMS_USUAL)]
        limit: usize,
    },
    /// What was heard, newest first
    Reports {
        /// Only of this watchdog
        name: Option<String>,
        /// What became of it: counted, duplicate, orphan, unscheduled, unproved, aside, unclaimed,
        /// dropped
        #[arg(long)]
        class: Option<String>,
        /// Most of them
        #[arg(long, default_value_t = ITEMS_USUAL)]
        limit: usize,
    },
    /// Say for which watchdog an unclaimed report is
    Claim {
        /// Its number
        report: u64,
        /// `customer/watchdog`
        name: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// An unclaimed report is for no watchdog
    Drop {
        /// Its number
        report: u64,
        #[command(flatten)]
        seen: Seen,
    },
    /// A duty of people is done
    Tick {
        /// `customer/watchdog`
        name: String,
        /// What was done
        #[arg(long)]
        text: Option<String>,
    },
    /// Nothing is expected for a while
    Pause {
        /// `customer/watchdog`
        name: String,
        /// When it ends by itself: `2h`, `Mon 08:00`, …; else when somebody resumes it
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Why
        #[arg(long)]
        text: String,
    },
    /// It is expected again
    Resume {
        /// `customer/watchdog`
        name: String,
    },
    /// Its runs are expected by a schedule that was learned
    Accept {
        /// `customer/watchdog`
        name: String,
        /// As it would be written in its file; else the one that is suggested
        #[arg(long)]
        schedule: Option<String>,
    },
}

#[derive(Args, Debug)]
struct List {
    /// Those whose last judged run stands so: kept, late, failed, missing, …
    #[arg(long)]
    standing: Option<String>,
    /// Only this customer's
    #[arg(long)]
    customer: Option<String>,
    /// Whose name has this in it
    #[arg(long)]
    search: Option<String>,
    /// Most of them
    #[arg(long, default_value_t = ITEMS_USUAL)]
    limit: usize,
}

impl Watchdog {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        let usual = List { standing: None, customer: None, search: None, limit: ITEMS_USUAL };
        reach.with(|engine| act.unwrap_or(Act::List(usual)).run(engine))
    }
}

/// The path of a watchdog: its name has a slash.
fn path_of(name: &str) -> String {
    format!("/api/v1/watchdogs/{}", encoded(name))
}

impl Act {
    fn run(self, engine: &Engine) -> Outcome {
        match self {
            Self::List(list) => list.run(engine),
            Self::Show { name } => show(engine, &name),
            Self::Feed { file } => feed(engine, &file),
            Self::Test { files } => files.iter().try_for_each(|it| test(engine, it)),
            Self::Calendar { name, days, limit } => calendar(engine, name.as_ref(), days, limit),
            Self::Reports { name, class, limit } => {
                reports(engine, name.as_ref(), class.as_ref(), limit)
            }
            Self::Claim { report, name, seen } => {
                let path = format!("/api/v1/reports/{report}/claim");
                let body = json!({ "watchdog": name });
                let done = engine.change("POST", &path, Some(&body), seen.version)?;
                engine.done(&done, &format!("claimed report {report} for"));
                Ok(())
            }
            Self::Drop { report, seen } => {
                let path = format!("/api/v1/reports/{report}/drop");
                let done = engine.change("POST", &path, Some(&json!({})), seen.version)?;
                engine.done(&done, "dropped report");
                Ok(())
            }
            Self::Tick { name, text } => {
                change(engine, &name, "tick", &body(&[("text", json!(text))]), "ticked")
            }
            Self::Pause { name, until, text } => {
                let until = json!(engine.meant_if(until.as_ref())?);
                let body = body(&[("until", until), ("text", json!(text))]);
                change(engine, &name, "pause", &body, "paused")
            }
            Self::Resume { name } => change(engine, &name, "resume", &json!({}), "resumed"),
            Self::Accept { name, schedule } => accept(engine, &name, schedule),
        }
    }
}

fn change(engine: &Engine, name: &str, verb: &str, body: &Value, what: &str) -> Outcome {
    let path = format!("{}/{verb}", path_of(name));
    let done = engine.change("POST", &path, Some(body), None)?;
    engine.done(&done, what);
    Ok(())
}

fn accept(engine: &Engine, name: &str, schedule: Option<String>) -> Outcome {
    let schedule = match schedule {
        Some(schedule) => schedule,
        None => {
            let it = engine.get(&path_of(name), &[])?;
            let found = it["suggestion"]["schedule"].as_str().map(str::to_owned);
            found.ok_or_else(|| {
                let why = "no schedule is suggested yet; give one with --schedule";
                Failure::Usage(format!("{name}: {why}"))
            })?
        }
    };
    let body = json!({ "schedule": schedule });
    change(engine, name, "accept-schedule", &body, &format!("accepted `{schedule}` for"))
}

impl List {
    fn run(&self, engine: &Engine) -> Outcome {
        let query = given([
            ("standing", self.standing.as_ref()),
            ("customer", self.customer.as_ref()),
            ("search", self.search.as_ref()),
        ]);
        let list = engine.list("/api/v1/watchdogs", &query, self.limit)?;
        engine.show_list(&list, |items| {
            let head =
                ["NAME", "STANDING", "LAST GOOD", "NEXT DUE", "SIZE", "TOOK", "PROBLEM", "WHY"];
            let mut table = Table::new(&head);
            for it in items {
                table.row([
                    cell(&it["name"]),
                    standing(it),
                    engine.time(&it["last_ok"]),
                    engine.time(&it["next_due"]),
                    size(&it["size"]),
                    length(&it["duration_secs"]),
                    cell(&it["problem"]),
                    cell(&it["why"]),
                ]);
            }
            table.render("no watchdogs")
        });
        Ok(())
    }
}

fn standing(it: &Value) -> String {
    let word = match it["standing"].as_str() {
        Some(word) => word.to_owned(),
        None => "nothing yet".to_owned(),
    };
    if it["paused"] == true { word + " (paused)" } else { word }
}

/// Bytes as people read them.
fn size(bytes: &Value) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let Some(bytes) = bytes.as_u64() else { return String::new() };
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Seconds as people read them.
fn length(secs: &Value) -> String {
    let Some(secs) = secs.as_u64() else { return String::new() };
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs}s"),
        (0, mins, 0) => format!("{mins}m"),
        (0, mins, secs) => format!("{mins}m {secs}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, mins, _) => format!("{hours}h {mins}m"),
    }
}

/// The secrets, if the token may see them.
fn secrets(engine: &Engine, name: &str) -> Outcome<Value> {
    match engine.get(&format!("{}/secrets", path_of(name)), &[]) {
        Err(Failure::Refused(answer)) if answer.status == FORBIDDEN => Ok(Value::Null),
        outcome => outcome,
    }
}

fn show(engine: &Engine, name: &str) -> Outcome {
    let it = engine.get(&path_of(name), &[])?;
    let secrets = secrets(engine, name)?;
    let slots = engine.list(&format!("{}/slots", path_of(name)), &[], SLOTS_SHOWN)?;
    let whole = json!({ "watchdog": it, "secrets": secrets, "slots": slots["items"] });
    engine.show(&whole, || {
        let mut text = settings(engine, &it) + &reached_by(engine, &it, &secrets);
        text += &usual(&it);
        let slots = each(&slots["items"]).iter().map(|it| slot(engine, it));
        text += &section("last runs, newest first", slots);
        let found = &it["suggestion"];
        if !found.is_null() {
            let line = format!("{}  ({})", cell(&found["schedule"]), cell(&found["why"]));
            let remedy = format!("campanile watchdog accept {}", cell(&it["watchdog"]["name"]));
            text += &section("a schedule that it seems to have", [line, remedy]);
        }
        text
    });
    Ok(())
}

fn settings(engine: &Engine, it: &Value) -> String {
    let short = &it["watchdog"];
    let pause = &it["pause"];
    let paused = match pause.is_null() {
        true => String::new(),
        false => format!("by {}: {}", cell(&pause["by"]), cell(&pause["text"])),
    };
    lines(&[
        ("watchdog", cell(&short["name"])),
        ("version", cell(&short["version"])),
        ("written in", cell(&it["rule"])),
        ("kind", cell(&short["kind"])),
        ("on", cell(&it["on"])),
        ("schedule", cell(&short["schedule"])),
        ("zone", cell(&it["zone"])),
        ("reporting", cell(&it["reporting"])),
        ("early", length(&it["early_secs"])),
        ("grace", length(&it["grace_secs"])),
        ("give up", length(&it["give_up_secs"])),
        ("trust", cell(&it["trust"])),
        ("reads", cell(&it["reads"])),
        ("policy", cell(&it["policy"])),
        ("contract", cell(&it["contract"])),
        ("standing", standing(short)),
        ("why", cell(&short["why"])),
        ("problem", cell(&short["problem"])),
        ("last good", engine.time(&short["last_ok"])),
        ("last heard", engine.time(&short["last_heard"])),
        ("running since", engine.time(&it["running_since"])),
        ("next due", engine.time(&short["next_due"])),
        ("paused", paused),
        ("paused until", engine.time(&pause["until"])),
        ("runbook", cell(&it["runbook"])),
    ])
}

fn reached_by(engine: &Engine, it: &Value, secrets: &Value) -> String {
    if secrets.is_null() {
        let why = "only a token with scope admin sees its secret address";
        return section("reached by", [why.to_owned()]);
    }
    let place = engine.place();
    let mail = each(&secrets["addresses"]).iter().map(cell);
    let ping = secrets["ping"].as_str().map(|it| format!("{place}{it}"));
    let badge = format!("{place}/badge/{}.svg (no secret)", cell(&it["badge"]));
    section("reached by", mail.chain(ping).chain([badge]))
}

fn usual(it: &Value) -> String {
    let usual = &it["usual"];
    let mut all = Vec::new();
    if !usual["size"].is_null() {
        all.push(format!("size {}", size(&usual["size"])));
    }
    if !usual["duration_secs"].is_null() {
        all.push(format!("takes {}", length(&usual["duration_secs"])));
    }
    let objects = usual["objects"].as_object().into_iter().flatten();
    let objects: Vec<_> = objects.map(|it| it.0.clone()).collect();
    if !objects.is_empty() {
        all.push(format!("made of {}", objects.join(", ")));
    }
    section("usual", all)
}

fn slot(engine: &Engine, it: &Value) -> String {
    let short = &it["slot"];
    let (at, standing) = (engine.time(&short["expected_at"]), cell(&short["standing"]));
    let figures = [size(&it["size"]), length(&it["duration_secs"])];
    let figures: Vec<_> = figures.into_iter().filter(|it| !it.is_empty()).collect();
    let reports: Vec<_> = each(&it["entries"]).iter().map(|it| cell(&it["report"])).collect();
    let reports = if reports.is_empty() {
        String::new()
    } else {
        format!("  (reports {})", reports.join(", "))
    };
    format!("{at}  {standing:<12} {}  {}{reports}", figures.join(" "), cell(&short["why"]))
}

/// A mail as it was stored; never more than the engine takes.
fn mail_of(file: &Path) -> Outcome<Vec<u8>> {
    let fault = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
    let mut raw = Vec::new();
    let opened = File::open(file).map_err(|it| fault(it.to_string()))?;
    opened.take(MAIL_BYTES_MAX + 1).read_to_end(&mut raw).map_err(|it| fault(it.to_string()))?;
    match raw.len() as u64 {
        0 => Err(fault("is empty".to_owned())),
        it if it > MAIL_BYTES_MAX => Err(fault(format!("is larger than {MAIL_BYTES_MAX} bytes"))),
        _ => Ok(raw),
    }
}

fn feed(engine: &Engine, file: &Path) -> Outcome {
    let heard = engine.post_mail("/api/v1/watchdogs/feed", &mail_of(file)?)?;
    engine.show(&heard, || each(&heard["items"]).iter().map(verdict).collect());
    Ok(())
}

fn test(engine: &Engine, file: &Path) -> Outcome {
    let heard = engine.post_mail("/api/v1/watchdogs/test", &mail_of(file)?)?;
    engine.show(&heard, || {
        let name = plain(&file.display().to_string());
        each(&heard["items"]).iter().map(|it| format!("{name}: {}", verdict(it))).collect()
    });
    Ok(())
}

/// Which watchdog, what it says, who has read that, and the line that says it.
fn verdict(it: &Value) -> String {
    let says = &it["says"];
    let name = match it["watchdog"].as_str() {
        Some(name) => name.to_owned(),
        None => "nobody is found for it".to_owned(),
    };
    let report = match it["report"].is_null() {
        true => String::new(),
        false => format!(", report {}", cell(&it["report"])),
    };
    let read_by = match cell(&says["read_by"]) {
        it if it.is_empty() => "no format or rule knows it".to_owned(),
        it => format!("read by {it}"),
    };
    let head = format!("{name}{report}: {} ({read_by})", cell(&says["outcome"]));
    let proof = &it["proof"];
    let marks = [("token", proof["token"] == true), ("relay", proof["relay"] == true)];
    let mut proved: Vec<String> =
        marks.iter().filter(|it| it.1).map(|it| it.0.to_owned()).collect();
    proved.extend(proof["spf"].as_str().map(|it| format!("spf {it}")));
    proved.extend(each(&proof["dkim"]).iter().map(|it| format!("dkim {}", cell(it))));
    proved.extend(proof["vouched"].as_str().map(|it| format!("{it} vouches")));
    let proved = if proved.is_empty() { "nothing".to_owned() } else { proved.join(", ") };
    let pairs = [
        ("says", cell(&says["text"])),
        ("size", size(&says["size"])),
        ("took", length(&says["duration_secs"])),
        ("proves", proved),
    ];
    let given = pairs.iter().filter(|it| !it.1.is_empty());
    let rest: String = given.map(|it| format!("    {}: {}\n", it.0, plain(&it.1))).collect();
    format!("{}\n{rest}", plain(&head))
}

fn calendar(engine: &Engine, name: Option<&String>, days: u32, limit: usize) -> Outcome {
    let (days, most) = (days.to_string(), limit.clamp(1, 500).to_string());
    let query = given([("name", name), ("days", Some(&days)), ("limit", Some(&most))]);
    let list = engine.get("/api/v1/watchdogs/calendar", &query)?;
    engine.show_list(&list, |items| {
        let mut table = Table::new(&["EXPECTED", "DUE", "NAME", ""]);
        for it in items {
            let holiday = if it["holiday"] == true { "holiday: does not run" } else { "" };
            table.row([
                engine.time(&it["expected_at"]),
                engine.time(&it["due"]),
                cell(&it["watchdog"]),
                holiday.to_owned(),
            ]);
        }
        table.render("no runs to come")
    });
    Ok(())
}

fn reports(
    engine: &Engine,
    name: Option<&String>,
    class: Option<&String>,
    limit: usize,
) -> Outcome {
    let list = engine.list("/api/v1/reports", &given([("name", name), ("class", class)]), limit)?;
    engine.show_list(&list, |items| {
        let mut table = Table::new(&["ID", "CAME", "CLASS", "OUTCOME", "NAME", "FROM", "TITLE"]);
        for it in items {
            table.row([
                cell(&it["id"]),
                engine.time(&it["at"]),
                cell(&it["class"]),
                cell(&it["says"]["outcome"]),
                cell(&it["watchdog"]),
                cell(&it["from"]),
                cell(&it["says"]["title"]),
            ]);
        }
        table.render("no reports")
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_lengths_are_for_people() {
        for (bytes, said) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (7_i64 << 40, "7.0 TiB")]
        {
            assert_eq!(size(&json!(bytes)), said);
        }
        assert_eq!(size(&json!(u64::MAX)), "16384.0 PiB");
        assert_eq!(size(&Value::Null), "");
        for (secs, said) in [(0, "0s"), (60, "1m"), (90, "1m 30s"), (3600, "1h"), (5460, "1h 31m")]
        {
            assert_eq!(length(&json!(secs)), said);
        }
    }

    #[test]
    fn a_name_is_one_part_of_the_path() {
        assert_eq!(path_of("acme/nas daily"), "/api/v1/watchdogs/acme%2Fnas%20daily");
        assert_eq!(path_of("../tokens"), "/api/v1/watchdogs/..%2Ftokens");
    }

    #[test]
    fn a_verdict_says_who_what_and_why_and_obeys_nobody() {
        let text = verdict(&json!({
            "watchdog": "acme/nas", "report": null,
            "says": {
                "outcome": "failed", "read_by": "veeam", "text": "1 of 3\u{1b}[2J failed\nx",
                "size": 2048, "duration_secs": 61,
            },
            "proof": { "token": true, "relay": false, "spf": null, "dkim": ["a.example"] },
        }));
        assert_eq!(
            text,
            "acme/nas: failed (read by veeam)\n    says: 1 of 3[2J failed x\n    size: 2.0 KiB\n    \
             took: 1m 1s\n    proves: token, dkim a.example\n"
        );
        let nobody = verdict(&json!({ "says": { "outcome": "unclassified" }, "report": 7 }));
        let head = "nobody is found for it, report 7: unclassified (no format or rule knows it)\n";
        assert_eq!(nobody, format!("{head}    proves: nothing\n"));
    }
}
