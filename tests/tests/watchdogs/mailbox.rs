//! A real mailbox that is read: as soon as the server tells, and when it has been away, everything
//! that came meanwhile, before anything is called missing.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value as Json;
use tests::{Api, Dovecot, Engine, until, until_within};

use crate::estate::{address, config, mail, moment, now, proposals, slots};

const JOB: &str = "acme/script";
/// A run is expected so often, in seconds.
const EVERY: i64 = 30;
/// The slot of a run that ended so late: a slot opens a quarter before its run.
fn slot_of(ended: i64) -> i64 {
    (2 * ended + EVERY / 2).div_euclid(2 * EVERY) * EVERY
}

/// An intake is called deaf after two minutes, and the server is asked again after pauses that
/// have grown to a minute and more by then.
const DEAF_MAX: Duration = Duration::from_secs(240);

/// An engine that asks the server so often, if that does not tell by itself.
fn start(dovecot: &Dovecot, every: &str) -> Engine {
    let (user, password) = dovecot.account();
    let inlet = format!(
        "  imap: {{ server: \"{}\", user: {user}, password_file: \"{}\", ca: \"{}\", every: {every} \
         }}\n",
        dovecot.server(),
        password.display(),
        dovecot.authority().display()
    );
    let checks = format!(
        "customer: acme\ntimezone: UTC\nwatchdogs:\n  script: {{ ok: subject has \"well\", expect: \
         [\"oncalendar *:*:00\", \"oncalendar *:*:{EVERY}\"] }}\n"
    );
    Engine::start(&config(&inlet), &[("acme", &checks)])
}

fn named(slot: &Json) -> i64 {
    moment(&slot["slot"]["expected_at"]).as_second()
}

/// Delivers a report of a run that ends now, and says which slot it is for.
fn report(dovecot: &Dovecot, to: &str) -> i64 {
    let ended = now();
    dovecot.deliver(&mail(to, &format!("script-{ended}"), "it went well", ended));
    slot_of(ended)
}

/// Waits until there is a slot for what is reported now, and says which is the first one.
fn first_slot(api: &Api) -> i64 {
    until("the first slot", || {
        let first = slots(api, JOB).last().map(named).ok_or("there is none")?;
        // It may have opened within this second.
        if slot_of(now()) >= first { Ok(first) } else { Err("it opens now".to_owned()) }
    })
}

fn wait_for_kept(api: &Api, dovecot: &Dovecot) {
    until("the first report", || {
        let slots = slots(api, JOB);
        let kept = slots.iter().any(|it| it["slot"]["standing"] == "kept");
        if kept { Ok(()) } else { Err(said(api, dovecot)) }
    });
}

fn own_problems(api: &Api) -> Vec<Json> {
    let all = api.list("/api/v1/problems?state=open");
    all.into_iter().filter(|it| it["name"].as_str().unwrap().contains("imap")).collect()
}

#[test]
fn a_mail_is_heard_when_the_server_tells_and_not_only_when_it_is_asked() {
    let dovecot = Dovecot::start();
    let engine = start(&dovecot, "1h");
    let api = engine.api();
    let to = address(&api, JOB);
    first_slot(&api);
    report(&dovecot, &to);
    wait_for_kept(&api, &dovecot);
}

#[test]
fn what_came_while_the_server_was_away_is_read_before_anything_is_missing() {
    let mut dovecot = Dovecot::start();
    let engine = start(&dovecot, "10s");
    let api = engine.api();
    let to = address(&api, JOB);
    let first = first_slot(&api);
    let heard = BTreeSet::from([report(&dovecot, &to)]);
    wait_for_kept(&api, &dovecot);

    dovecot.down();
    let (heard, silent) = until_it_is_deaf(&api, &dovecot, &to, heard);
    dovecot.up();
    until_within(DEAF_MAX, "the end of the trouble", || {
        let left = own_problems(&api);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}\n{}", dovecot.log())) }
    });
    let all = until("all runs to be judged", || {
        let all = slots(&api, JOB);
        let open = |it: &&Json| it["slot"]["standing"] == "open" && silent.contains(&named(it));
        match all.iter().find(open) {
            Some(open) => Err(format!("{open:#}")),
            None => Ok(all),
        }
    });
    for it in all.iter().filter(|it| named(it) >= first) {
        let (standing, slot) = (it["slot"]["standing"].as_str().unwrap(), named(it));
        let entries = it["entries"].as_array().unwrap().len();
        if heard.contains(&slot) {
            assert_eq!((standing, entries), ("kept", 1), "{it:#}\n{}", said(&api, &dovecot));
        } else if silent.contains(&slot) {
            assert_eq!((standing, entries), ("missing", 0), "{it:#}");
        }
    }
    assert!(proposals(&api, JOB).len() <= 1, "one, however many runs are missing");
}

/// Of every other run a report is delivered while nobody can read it, until that is called a trouble.
/// Which slots have a report then, and which have none?
fn until_it_is_deaf(
    api: &Api,
    dovecot: &Dovecot,
    to: &str,
    mut heard: BTreeSet<i64>,
) -> (BTreeSet<i64>, BTreeSet<i64>) {
    let (mut silent, mut last) = (BTreeSet::new(), None);
    let deaf = until_within(DEAF_MAX, "an intake that is deaf", || {
        let slot = slot_of(now());
        if slot / EVERY % 2 == 0 {
            if !heard.contains(&slot) {
                heard.insert(report(dovecot, to));
            }
        } else if !heard.contains(&slot) {
            silent.insert(slot);
        }
        if last.replace(slot) != Some(slot) {
            nothing_is_missing(api);
        }
        own_problems(api).pop().ok_or_else(|| "it hears".to_owned())
    });
    nothing_is_missing(api);
    assert!(deaf["text"].as_str().unwrap().contains("nothing can be heard"), "{deaf:#}");
    assert!(silent.len() >= 2 && heard.len() >= 2, "{silent:?} {heard:?}");
    assert_eq!(own_problems(api).len(), 1, "one trouble, however many runs it is about");
    (heard, silent)
}

/// Everything that may say why something is not there.
fn said(api: &Api, dovecot: &Dovecot) -> String {
    let (slots, all) = (slots(api, JOB), api.list("/api/v1/reports"));
    format!("{slots:#?}\n{all:#?}\n{}", dovecot.log())
}

fn nothing_is_missing(api: &Api) {
    for it in slots(api, JOB) {
        assert!(it["slot"]["standing"] != "missing", "nobody can know: {it:#}");
    }
    assert!(proposals(api, JOB).is_empty());
}
