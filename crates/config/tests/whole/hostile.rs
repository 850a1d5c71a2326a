//! Files that nobody wrote by hand: huge, deep, torn, random. Each is refused or read, within
//! limits and without a panic.

use std::{fs, path::Path};

use config::{Code, Loaded, explain, tests};
use proptest::prelude::*;

use crate::folder::Folder;

fn codes(loaded: &Loaded) -> Vec<Code> {
    loaded.diagnostics.iter().map(|it| it.code).collect()
}

/// Loads and shows everything, so that showing is tried too.
fn load_all(folder: &Folder) -> Loaded {
    let loaded = folder.load();
    assert!(!loaded.render(true).contains('\0'));
    serde_json::from_str::<serde_json::Value>(&loaded.render_json()).unwrap();
    for name in ["acme/h", "acme/h/s", "acme/-/s", "acme", "", "///"] {
        let shown = explain(&loaded, name).map(|it| (it.render(), it.render_json()));
        drop(shown);
    }
    loaded
}

fn sparse(path: &Path, bytes: u64) {
    fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

#[test]
fn a_file_of_100_mb_is_refused_unread() {
    let folder = Folder::of(&[("config.yaml", "checks: [big.yaml]\n")]);
    sparse(&folder.path("big.yaml"), 100 * 1024 * 1024);
    assert_eq!(codes(&load_all(&folder)), [Code::FileTooLarge]);
}

#[test]
fn a_main_file_of_100_mb_is_refused_unread() {
    let folder = Folder::of(&[]);
    sparse(&folder.path("config.yaml"), 100 * 1024 * 1024);
    assert_eq!(codes(&load_all(&folder)), [Code::FileTooLarge]);
}

#[test]
fn many_large_files_are_refused_unread() {
    let folder = Folder::of(&[("config.yaml", "checks: [checks]\n")]);
    fs::create_dir(folder.path("checks")).unwrap();
    for number in 0..40 {
        sparse(&folder.path(&format!("checks/{number}.yaml")), 32 * 1024 * 1024);
    }
    assert_eq!(codes(&load_all(&folder)), [Code::TooMuch]);
}

#[test]
fn too_many_nodes_are_refused() {
    let folder = Folder::acme(&format!("labels: [{}]\n", "a,".repeat(4_100_000)));
    assert_eq!(codes(&load_all(&folder)), [Code::TooManyNodes]);
}

#[test]
fn a_value_of_8_mb_is_refused() {
    for text in [
        format!("name: \"{}\"\n", "x".repeat(8 << 20)),
        format!("name: {}\n", "x ".repeat(4 << 20)),
    ] {
        let loaded = load_all(&Folder::acme(&text));
        assert_eq!(codes(&loaded), [Code::TooLong]);
        assert!(loaded.render(false).len() < 1_000, "a long line is not printed");
    }
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("[", "")] {
        let text = format!("labels: {}{}\n", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(codes(&load_all(&Folder::acme(&text))), [Code::TooDeep]);
    }
    let block: String = (0..2_000).map(|it| format!("{}a:\n", " ".repeat(it))).collect();
    assert_eq!(codes(&load_all(&Folder::acme(&block))), [Code::TooDeep]);
    let dashes = "- ".repeat(100_000);
    assert_eq!(codes(&load_all(&Folder::acme(&dashes))), [Code::TooDeep]);
}

#[test]
fn an_aliases_bomb_is_refused_and_never_expanded() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='z').zip('a'..) {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        text.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    let found = codes(&load_all(&Folder::acme(&text)));
    assert!(found.contains(&Code::Anchor));
}

#[test]
fn a_hundred_thousand_duplicate_keys_are_counted_and_not_all_shown() {
    let text = format!("labels: {{{}}}\n", "a: b, ".repeat(100_000));
    let loaded = load_all(&Folder::acme(&text));
    assert_eq!(loaded.errors(), 99_999);
    assert!(loaded.diagnostics.len() < 5_000);
    assert!(loaded.render(false).contains("more are not shown"));
}

#[test]
fn long_chains_of_parents_and_templates_need_no_stack() {
    let mut text = "alive: none\ntemplates:\n  t0: { services: { s: { tcp: 1 } } }\n".to_owned();
    for at in 1..200 {
        text.push_str(&format!("  t{at}: {{ use: [t{}] }}\n", at - 1));
    }
    text.push_str("hosts:\n  h0: { address: a, use: [t199] }\n");
    for at in 1..50_000 {
        text.push_str(&format!("  h{at}: {{ address: a{at}, use: [t0], behind: h{} }}\n", at - 1));
    }
    let loaded = load_all(&Folder::acme(&text));
    assert_eq!(loaded.errors(), 0, "{}", loaded.render(false));
    let circle = text.replace("h0: { address: a,", "h0: { address: a, behind: h49999,");
    assert_eq!(codes(&load_all(&Folder::acme(&circle))), [Code::ParentLoop]);
}

#[test]
fn a_chain_of_too_many_templates_is_refused() {
    let mut text = "templates:\n  t0: { services: { s: { tcp: 1 } } }\n".to_owned();
    for at in 1..5_000 {
        text.push_str(&format!("  t{at}: {{ use: [t{}] }}\n", at - 1));
    }
    text.push_str("hosts:\n  h0: { address: a, use: [t4999] }\n");
    assert_eq!(codes(&load_all(&Folder::acme(&text))), [Code::TooMany]);
}

#[test]
fn ranges_are_limited() {
    let text = "hosts: { \"a[1..99999999]\": { address: x } }\n";
    assert_eq!(codes(&load_all(&Folder::acme(text))), [Code::Range]);
    let many: String =
        (0..40).map(|it| format!("  a{it}x[1..65536]: {{ address: x }}\n")).collect();
    let loaded = load_all(&Folder::acme(&format!("alive: none\nhosts:\n{many}")));
    assert!(codes(&loaded).contains(&Code::TooMany));
}

#[test]
fn only_regular_files_are_opened() {
    let folder = Folder::of(&[("config.yaml", "checks: [checks, /dev/zero]\n")]);
    fs::create_dir(folder.path("checks")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path("checks/pipe.yaml")).status();
    assert!(made.unwrap().success());
    assert_eq!(codes(&load_all(&folder)), [Code::Unreadable, Code::Unreadable]);
}

#[test]
fn folders_in_a_circle_end() {
    let folder = Folder::of(&[
        ("config.yaml", "checks: [checks]\n"),
        ("checks/a.yaml", "hosts: { h: { address: x, services: { s: { tcp: 1 } } } }\n"),
    ]);
    std::os::unix::fs::symlink(folder.path("checks"), folder.path("checks/again")).unwrap();
    assert_eq!(codes(&load_all(&folder)), [Code::TooMuch]);
}

#[test]
fn a_main_file_that_is_not_there_is_one_error() {
    let folder = Folder::of(&[]);
    let loaded = load_all(&folder);
    assert_eq!(codes(&loaded), [Code::Unreadable]);
    let main = folder.path("config.yaml");
    let expected = format!("error[E0101]: cannot read {}: No such file", main.display());
    assert!(loaded.render(false).starts_with(&expected), "{}", loaded.render(false));
}

/// Everything that may be written, to be torn apart below.
const GOOD: &str = "
customer: acme
labels: { country: NO }
sites: { hq: { timezone: Europe/Oslo } }
templates:
  t: { use: [], snmp: { version: 2c, community: \"${secret:x}\" }, services: { a: { snmp: sysUpTime, warn: under 10m } } }
hosts:
  h:
    address: 10.0.0.1
    site: hq
    use: [t]
    behind: [g]
    services:
      s: { http: { url: \"http://x/\", headers: { A: b } }, cert: { warn: under 21d }, every: 5m, retry: 3 x 20s }
      disk /: { snmp: 'hrStorage /', warn: over 85%, crit: over 95% for 10m, period: Mon-Fri 08:00-18:00 }
  g[1..3]: { address: \"10.0.1.[1..3]\", alive: { tcp: 22 }, flapping: { high: 30%, low: 20% } }
services:
  s: { http: |-
    http://x/ }
";

/// The same for what the desk needs, in a main file.
const GOOD_DESK: &str = "
checks: [acme.yaml, acme.test.yaml]
engine:
  uplink: { canaries: [192.0.2.1, acme/h], needed: 2 }
  own: { policy: p }
  heartbeat: { channel: hook, every: 1m }
  url: https://noc.msp.example
defaults: { policy: p, contract: c }
people:
  a: { email: a@msp.example, phone: \"+49 151 0000001\", addresses: { x: y }, skills: { s: 3 } }
  b: { quiet: 22:00-07:00, wakes: down, level: on site, timezone: Europe/Rome }
teams: { t: [a, b] }
oncall:
  o: { rotate: weekly, handover: Mon 08:00, since: 2026-01-05, people: [a, [b, a], team/t] }
  q: { hours: Mon-Fri 08:00-17:00, people: t, otherwise: o }
  r: { layers: [ { level: 1, rotate: every 3 days, people: [a] }, { people: b } ] }
channels:
  mail: { type: email, smtp: \"x:25\", password: \"${secret:x}\", fallback: hook, group: 60s }
  hook: { type: webhook, url: \"http://x/\", limit: 20 per hour, ttl: 1h, unknown: skip, resolve: no }
policies:
  p:
    hours: Mon-Fri 08:00-18:00 except holidays/h
    propose: at once
    call: after 5m
    alert: [ { to: [a, team/t, oncall/q], via: hook }, { after: 5m, to: oncall/r, via: [hook], at_least: critical } ]
    remind: every 1h
    ask: { outside: Mon-Fri 08:00-18:00, lead: a, via: hook, patience: 5m, silence: can wait }
contracts:
  c: { hours: always, respond: 15m, resolve: 2 business days, policy: p, pauses: { resolve: [process] }, warn: [50%] }
calendars: { holidays/h: { days: [2026-12-24, 12-26, 2026-12-24 to 2027-01-06] } }
groups: { g: { env: [x, y], os: not z, rack: \"a*\" } }
maintenance:
  m: { when: 2nd Tue 22:00 for 4h, what: [group/g, customer/acme, host/acme/h, acme/h/s, env=x], flexible: 2h, remind: [3h, 1h] }
  n: { when: \"cron 0 22 * * 2 for 4h\", what: { host: h } }
";
/// A check file and its routing tests, beside that.
const ACME: &str = "hosts: { h: { address: 10.0.0.1, services: { s: { tcp: 1 } } } }\n";
const ACME_TESTS: &str = "tests: { x: { given: { acme/h/s: crit for 5m }, at: Sun 03:00, told: [ oncall/q by hook ] } }\n";

fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just(": ".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("${".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!t ".to_owned()),
        Just("- ".to_owned()),
        Just("\t".to_owned()),
        Just("|".to_owned()),
        Just("? ".to_owned()),
        Just("<<".to_owned()),
        Just("..".to_owned()),
        Just("é".to_owned()),
        Just("password: x".to_owned()),
        Just("off".to_owned()),
        "[ -~]{1,4}",
    ];
    let change = (0..text.len(), 0..12_usize, piece);
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, cut, piece) in changes {
            let at = at.min(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, piece.bytes());
        }
        bytes
    })
}

fn try_bytes(bytes: &[u8]) {
    let folder = Folder::of(&[("config.yaml", "checks: [acme.yaml]\n")]);
    fs::write(folder.path("acme.yaml"), bytes).unwrap();
    let loaded = load_all(&folder);
    assert_eq!(loaded.plan.is_none(), loaded.errors() > 0);
    let main = Folder::of(&[]);
    fs::write(main.path("config.yaml"), bytes).unwrap();
    load_all(&main);
}

/// The same for a main file with people, and for the routing tests.
fn try_desk(main: &[u8], routing: &[u8]) {
    let folder = Folder::of(&[("acme.yaml", ACME), ("secrets/x", "hunter2")]);
    fs::write(folder.path("config.yaml"), main).unwrap();
    fs::write(folder.path("acme.test.yaml"), routing).unwrap();
    let loaded = load_all(&folder);
    assert_eq!(loaded.plan.is_none(), loaded.errors() > 0);
    let (_, wrong) = tests(&loaded);
    assert!(!loaded.render_all(&wrong, true).contains('\0'));
}

#[test]
fn what_is_torn_apart_below_is_good() {
    let folder = Folder::of(&[
        ("config.yaml", GOOD_DESK),
        ("acme.yaml", ACME),
        ("acme.test.yaml", ACME_TESTS),
        ("secrets/x", "hunter2"),
    ]);
    let loaded = load_all(&folder);
    assert_eq!(loaded.errors(), 0, "{}", loaded.render(false));
    let (tests, wrong) = tests(&loaded);
    assert_eq!((tests.len(), wrong.len()), (1, 0), "{}", loaded.render_all(&wrong, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn torn_files_of_people_never_panic(main in mutated(GOOD_DESK), routing in mutated(ACME_TESTS)) {
        try_desk(&main, &routing);
        try_desk(GOOD_DESK.as_bytes(), &routing);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        try_bytes(&bytes);
    }

    #[test]
    fn random_text_never_panics(text in "[ -~\n\té\u{202e}]{0,120}") {
        try_bytes(text.as_bytes());
    }

    #[test]
    fn torn_files_never_panic(bytes in mutated(GOOD)) {
        try_bytes(&bytes);
    }

    #[test]
    fn half_written_files_never_panic(length in 0..GOOD.len()) {
        try_bytes(&GOOD.as_bytes()[..length]);
    }
}
