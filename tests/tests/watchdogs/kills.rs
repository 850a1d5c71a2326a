//! What was accepted is never lost and never there twice, whenever the engine dies.
//!
//! By every way numbered reports come for many jobs, each with the time of its own run, while the
//! engine is ended by kill -9 at random and begun again. Whoever was not told that it is taken sends
//! it again. At the end each report is in the slot of its run, once. `cargo xtask torture watchdogs`
//! does the same with more kills.

use std::{
    fmt::Write as _,
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use tests::{Dovecot, Engine, Postfix, Sandbox, free_port, setting, until, until_within};

use crate::{
    books::{Books, Figures, check_database},
    chance::Chance,
    estate::{DOMAINS, now, secrets},
    senders::{Places, Senders, Way},
};

/// Longest wait for what lies in queues, mailboxes and folders when the last engine has started.
const SETTLE_MAX: Duration = Duration::from_secs(180);
/// What postfix has put off for long, because it was busy with it, is tried again so often.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// What the engine prints once it hears.
const HEARS: &str = "watching";
/// One life out of so many ends whenever it happens to, the others once it hears.
const YOUNG: u64 = 4;
/// A run is expected so often, in seconds.
const EVERY: u32 = 20;
/// So many that no slot gets more than it tells apart.
const CUSTOMERS: usize = 6;
const JOBS: usize = 16;
const HOUR: i64 = 3_600;

/// How much of everything; `cargo xtask torture watchdogs` sets the variables.
#[derive(Clone, Copy, Debug)]
struct Settings {
    kills: u64,
    /// A life lasts up to this long.
    life_max: Duration,
    seed: u64,
}

impl Settings {
    fn from_environment() -> Self {
        Self {
            kills: setting("CAMPANILE_TORTURE_KILLS", 10),
            life_max: Duration::from_millis(setting("CAMPANILE_TORTURE_LIFE_MS", 1_500)),
            seed: setting("CAMPANILE_TORTURE_SEED", 11),
        }
    }
}

/// Where everybody is.
struct Ports {
    console: u16,
    smtp: u16,
    lmtp: u16,
}

fn config(ports: &Ports, dovecot: &Dovecot) -> String {
    let Ports { console, smtp, lmtp } = ports;
    let (user, password) = dovecot.account();
    format!(
        "engine: {{ listen: \"127.0.0.1:{console}\", data: data }}\nchecks: [checks]\n\
         defaults: {{ policy: business }}\npolicies: {{ business: {{ propose: at once }} }}\n\
         inlet:\n  domains: [{}]\n  mailbox: backup\n\
         \x20 smtp: {{ listen: \"127.0.0.1:{smtp}\", relays: [127.0.0.0/8] }}\n\
         \x20 lmtp: {{ listen: \"127.0.0.1:{lmtp}\", relays: [127.0.0.0/8] }}\n\
         \x20 imap: {{ server: \"{}\", user: {user}, password_file: \"{}\", ca: \"{}\" }}\n\
         \x20 maildir: {{ folder: box }}\n",
        DOMAINS.join(", "),
        dovecot.server(),
        password.display(),
        dovecot.authority().display(),
    )
}

/// Runs every few seconds, from an hour ago until in some hours: all others of the year would only
/// be worked out.
fn checks(customer: usize) -> String {
    let rules = (-1..=2).flat_map(|ahead| {
        let hour = jiff::Timestamp::from_second(now() + ahead * HOUR).unwrap();
        let hour = hour.strftime("%Y-%m-%d %H").to_string();
        let second = move |it: u32| format!("\"oncalendar {hour}:*:{:02}\"", it * EVERY);
        (0..60 / EVERY).map(second)
    });
    let rules: Vec<String> = rules.collect();
    let mut text = format!(
        "customer: c{customer}\ntimezone: UTC\nwatchdog: {{ ping: yes, ok: 'subject has \"[ok]\"', \
         expect: [{}] }}\nwatchdogs:\n",
        rules.join(", ")
    );
    for job in 0..JOBS {
        writeln!(text, "  j{job}: {{ mail: {{ subject: \"never this\" }}, trust: token }}")
            .unwrap();
    }
    text
}

/// Starts the first engine, learns the secrets of all jobs, and waits until all have a slot.
fn places(settings: Settings) -> Places {
    let sandbox = Arc::new(Sandbox::new());
    let ports = Ports { console: free_port(), smtp: free_port(), lmtp: free_port() };
    let dovecot = Dovecot::start();
    sandbox.write("config.yaml", &config(&ports, &dovecot));
    for customer in 0..CUSTOMERS {
        sandbox.write(&format!("checks/c{customer}.yaml"), &checks(customer));
    }
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(sandbox.path().join("box").join(folder)).unwrap();
    }
    let (smtp, lmtp) = (
        format!("smtp:[127.0.0.1]:{}", ports.smtp),
        format!("lmtp:inet:[127.0.0.1]:{}", ports.lmtp),
    );
    let postfix = Postfix::handing_on(&[(DOMAINS[0], &smtp), (DOMAINS[1], &lmtp)]);
    let engine = Engine::start_in(Arc::clone(&sandbox));
    let api = engine.api();
    let names = (0..CUSTOMERS * JOBS).map(|it| format!("c{}/j{}", it / JOBS, it % JOBS));
    let jobs: Vec<String> = names.collect();
    let secrets: Vec<Json> = jobs.iter().map(|it| secrets(&api, it)).collect();
    let text = |it: &Json| it.as_str().unwrap().to_owned();
    let addresses = secrets.iter().map(|it| text(&it["addresses"][0])).collect();
    let pings = secrets.iter().map(|it| text(&it["ping"])).collect();
    let since = until("a slot of every job", || {
        let rows = sandbox.sql(
            "SELECT count(DISTINCT job) AS jobs, max(json_extract(body, '$.open')) AS open FROM slot",
        );
        let all = rows[0]["jobs"] == CUSTOMERS * JOBS;
        let open = rows[0]["open"].as_i64().filter(|_| all);
        open.map(|it| it / 1_000_000_000 + 1).ok_or_else(|| format!("{rows:?}"))
    });
    drop(engine.kill9());
    let chance = Chance::new(settings.seed);
    let (smtp, console) = (ports.smtp, ports.console);
    Places { jobs, addresses, pings, smtp, console, postfix, dovecot, sandbox, since, chance }
}

#[test]
fn whatever_was_accepted_is_in_its_slot_once_after_every_kill() {
    let settings = Settings::from_environment();
    let begun = Instant::now();
    let places = places(settings);
    let (sandbox, chance) = (Arc::clone(&places.sandbox), places.chance);
    let mut senders = Senders::begin(places);
    let mut starts = Vec::new();
    for life in 0..settings.kills {
        let start = Instant::now();
        let engine = Engine::start_in(Arc::clone(&sandbox));
        // Now and then it dies before it hears anything.
        if chance.below(YOUNG, "young", life) > 0 {
            engine.wait_for_log(HEARS);
            starts.push(start.elapsed());
        }
        thread::sleep(chance.duration(settings.life_max, "life", life));
        drop(engine.kill9());
        if life % 50 == 49 {
            progress(life + 1, begun);
        }
    }
    let engine = Engine::start_in(Arc::clone(&sandbox));
    let last = Instant::now();
    senders.end();
    let mut flushed = Instant::now();
    let books = until_within(SETTLE_MAX, "every report", || {
        if flushed.elapsed() > FLUSH_EVERY {
            senders.flush();
            flushed = Instant::now();
        }
        let books = Books::read(&sandbox, senders.notes());
        let missing: Vec<String> = books.missing().iter().map(|it| format!("{it:?}")).collect();
        let (queued, log) = senders.queued();
        match missing.len() + queued {
            0 => Ok(books),
            _ => Err(format!("{queued} queued, missing {missing:#?}\n{log}\n{}", engine.log())),
        }
    });
    let rest = last.elapsed();
    let figures = books.check();
    check_database(&sandbox);
    assert!(figures.in_vain() > 0, "nobody has noticed that the engine died");
    for way in [Way::Smtp, Way::Swaks, Way::Postfix, Way::Imap, Way::Maildir, Way::Ping, Way::Curl]
    {
        assert!(figures.given(way) > 0, "nothing came by {way}");
    }
    report(settings, &figures, starts, [rest, begun.elapsed()]);
}

#[allow(clippy::print_stdout, reason = "a sign of life for whoever runs it by hand")]
fn progress(kills: u64, begun: Instant) {
    println!("{kills} kills, {:.0?}", begun.elapsed());
}

#[allow(clippy::print_stdout, reason = "figures for whoever runs it by hand")]
fn report(
    settings: Settings,
    figures: &Figures,
    mut starts: Vec<Duration>,
    [rest, took]: [Duration; 2],
) {
    starts.sort();
    let start = |percent: usize| starts.get((starts.len().saturating_sub(1)) * percent / 100);
    println!("jobs          {}, seed {}", CUSTOMERS * JOBS, settings.seed);
    println!("kills         {}", settings.kills);
    println!("{figures}");
    println!("hearing in    p50 {:.0?}, p99 {:.0?}", start(50), start(99));
    println!("at rest in    {rest:.0?}");
    println!("took          {took:.0?}");
}
