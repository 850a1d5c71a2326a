//! What must hold of every configuration, whatever is in its files.
//!
//! An input is a check file, and behind a form feed what follows in the main file. Fuzzing calls
//! [`config`] with inputs of its own; what it has found to be of interest is kept, and the tests
//! play it again.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use model::Moment;

use crate::{Loaded, explain, load_at, tests as routing_tests};

#[path = "../tests/whole/catalogue.rs"]
mod catalogue;

/// 2026-11-21 12:00 UTC, a Saturday.
const NOW: Moment = Moment::from_secs(1_795_262_400);
/// Begins every main file.
const MAIN: &str = "checks: [acme.yaml]\n";
/// Stands between the two files of an input.
const DIVIDER: u8 = 0x0c;
/// Would lead to files that nobody meant.
const ELSEWHERE: [&str; 3] = ["checks", "..", "/proc"];

const CHECKS: &str = "customer: acme
labels: { country: NO }
sites: { hq: { timezone: Europe/Oslo } }
templates:
  t: { use: [], snmp: { version: 2c, community: public }, services: { a: { snmp: sysUpTime, warn: under 10m } } }
hosts:
  h:
    address: 10.0.0.1
    site: hq
    use: [t]
    services:
      s: { http: { url: \"http://x/\", headers: { A: b } }, warn: over 2s for 10m, every: 5m, retry: 3 x 20s }
  g[1..3]: { address: \"10.0.1.[1..3]\", alive: { tcp: 22 }, flapping: { high: 30%, low: 20% } }
";
const WATCHDOGS: &str = "customer: acme
watchdogs:
  nas: { expect: daily by 06:30, reads: vzdump, trust: { relay: [192.0.2.0/24] } }
  erp:
    expect: [\"cron 0 22 * * 1-5\", \"last business day by 20:00\"]
    grace: 1h
    mail: { subject: \"*backup*\", from: \"matches /^a@/\" }
    trust: token
    crit: body has \"error\"
    size: { under: 50% of usual }
  people: { person: yes, expect: 1st business day by 12:00 }
\u{c}inlet: { domains: [in.msp.example], smtp: { listen: \"127.0.0.1:2525\" } }
";
const DESK: &str = "customer: acme\nhosts: { h: { address: a } }\n\u{c}engine:
  own: { policy: p }
  heartbeat: { channel: hook, every: 1m }
defaults: { policy: p, contract: c }
people:
  a: { email: a@msp.example, phone: \"+49 151 0000001\", skills: { s: 3 } }
  b: { quiet: 22:00-07:00, wakes: down, timezone: Europe/Rome }
teams: { t: [a, b] }
oncall:
  o: { rotate: weekly, handover: Mon 08:00, since: 2026-01-05, people: [a, [b, a]] }
  q: { hours: Mon-Fri 08:00-17:00, people: t, otherwise: o }
channels: { hook: { type: webhook, url: \"https://x.example/\" } }
policies: { p: { alert: [{ to: o, after: 5m, via: [hook] }, { to: t, after: 30m, via: [hook] }] } }
contracts: { c: { hours: always, respond: 1h, resolve: 4h, policy: p } }
inlet: { domains: [in.msp.example], smtp: { listen: \"127.0.0.1:2525\" } }
";

/// Files to begin with.
#[must_use]
pub fn seeds(_: &str) -> Vec<Vec<u8>> {
    [CHECKS, WATCHDOGS, DESK].map(|it| it.as_bytes().to_vec()).to_vec()
}

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        // Memory, where there is such a folder: thousands of files a second come and go.
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() { memory } else { env::temp_dir() };
        let folder = base.join(format!("campanile-config-{}-{number}", process::id()));
        fs::create_dir_all(&folder).expect("a folder for the files");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Writes the files of an input, and says what the main file is called.
fn written(folder: &Folder, input: &[u8]) -> PathBuf {
    let mut files = input.splitn(2, |it| *it == DIVIDER);
    let (checks, main) = (files.next().unwrap_or_default(), files.next().unwrap_or_default());
    let path = folder.0.join("config.yaml");
    fs::write(&path, [MAIN.as_bytes(), main].concat()).expect("a file in a folder of ours");
    fs::write(folder.0.join("acme.yaml"), checks).expect("a file in a folder of ours");
    path
}

fn loaded(path: &Path) -> Loaded {
    load_at(path, catalogue::KINDS, catalogue::CHANNELS, catalogue::FORMATS, NOW)
}

/// A check file and a main file: whatever they say, every mistake is told, and nothing is shown
/// that could be taken for something else.
///
/// # Panics
/// When something does not hold.
pub fn config(input: &[u8]) {
    let main = input.splitn(2, |it| *it == DIVIDER).nth(1).unwrap_or_default();
    let said = String::from_utf8_lossy(main);
    if ELSEWHERE.iter().any(|it| said.contains(it)) {
        return;
    }
    let folder = Folder::new();
    let path = written(&folder, input);
    let found = loaded(&path);
    let shown = found.render(false);
    assert_eq!(shown.is_empty(), found.diagnostics.is_empty(), "what is found is shown");
    assert!(!shown.contains(|it: char| it.is_control() && it != '\n'), "{shown:?}");
    let json = found.render_json();
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
    assert!(found.plan.is_none() || found.errors() == 0, "a plan in spite of mistakes");
    for name in ["acme/h", "acme/h/s", "acme/g1", "acme", "", "///"] {
        drop(explain(&found, name).map(|it| (it.render(), it.render_json())));
    }
    drop(routing_tests(&found));
    assert_eq!(loaded(&path).render(false), shown, "the same files say the same");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_file_is_read() {
        xtask::corpora::replay("config", config);
        seeds("").iter().for_each(|it| config(it));
    }

    #[test]
    fn what_it_begins_with_is_whole() {
        for seed in seeds("") {
            let folder = Folder::new();
            let found = loaded(&written(&folder, &seed));
            assert_eq!(found.errors(), 0, "{}", found.render(false));
        }
    }
}
