//! What is written about watchdogs and intakes against what the desk gets.

use std::{fs, path::Path, time::Duration};

use config::{Loaded, WATCHDOG_KEYS, explain};
use expect_test::{ExpectFile, expect_file};
use model::{Duty, Job, JobKind, MailOp, MailPart, Way};

use crate::folder::Folder;

const GOOD: [&str; 5] =
    ["config.yaml", "checks/acme.yaml", "secrets/in.pem", "secrets/in.key", "secrets/imap"];

/// The example of everything, from the golden files.
fn everything() -> (Folder, Loaded) {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/config/good-watchdogs");
    let texts: Vec<(&str, String)> =
        GOOD.iter().map(|it| (*it, fs::read_to_string(root.join(it)).unwrap())).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
    let folder = Folder::of(&files);
    let loaded = folder.load();
    (folder, loaded)
}

fn duty(loaded: &Loaded) -> &Duty {
    &loaded.plan.as_ref().unwrap_or_else(|| panic!("{}", loaded.render(false))).duty
}

fn job<'a>(duty: &'a Duty, name: &str) -> &'a Job {
    duty.jobs.iter().find(|it| &*it.name == name).unwrap()
}

fn check(found: &str, expected: ExpectFile) {
    expected.assert_eq(found);
}

#[test]
fn watchdogs_are_sorted_and_refer_to_each_other() {
    let (_folder, loaded) = everything();
    let duty = duty(&loaded);
    let names: Vec<&str> = duty.jobs.iter().map(|it| &*it.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names.len(), 6);
    assert_eq!(loaded.counts.watchdogs, 6);
    assert!(loaded.summary().contains(", 6 watchdogs   0 errors"), "{}", loaded.summary());
    let copy = job(duty, "acme/copy job");
    let after = copy.after.as_ref().unwrap();
    assert_eq!(&*duty.jobs[after.job as usize].name, "acme/veeam nightly");
    assert_eq!(after.offset, Duration::from_secs(3600));
    assert!(copy.schedule.dues.is_empty() && copy.hears.shared);
    assert_eq!(copy.on.as_deref(), Some("acme/erp-db/postgres"));
    assert_eq!(copy.hears.secret_id, copy.name);
}

#[test]
fn everything_of_one_watchdog_is_read() {
    let (_folder, loaded) = everything();
    let duty = duty(&loaded);
    let mut job = job(duty, "acme/veeam nightly").clone();
    // Christmas Eve of 2026, and the 26th of December of every year.
    let days = std::mem::take(&mut job.schedule.holidays);
    assert!(days.contains(&20_811) && days.contains(&20_813) && days.len() > 60);
    assert_eq!((job.early, job.grace), (Some(hours(2)), Some(hours(2))));
    assert_eq!(&*duty.policies[job.policy.unwrap() as usize].name, "urgent");
    assert_eq!(&*duty.contracts[job.contract.unwrap() as usize].name, "gold");
    check(&format!("{job:#?}\n"), expect_file!["watchdogs/job.txt"]);
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn a_duty_of_people_waits_for_nothing_but_a_person() {
    let (_folder, loaded) = everything();
    let job = job(duty(&loaded), "acme/restore test");
    assert_eq!(job.kind, JobKind::Person);
    assert!(!job.objects.learn, "what holds for machines is not about people");
    assert!(!job.trust.token && !job.hears.ping && job.hears.mail.is_empty());
    assert_eq!(&*job.runbook, "Restore one mailbox.");
    assert_eq!(&*job.schedule.zone, "Europe/Rome");
}

#[test]
fn a_watchdog_inherits_of_its_host_and_of_its_customer() {
    let (_folder, loaded) = everything();
    let duty = duty(&loaded);
    let labels = |name: &str| -> Vec<String> {
        job(duty, name).labels.iter().map(|it| format!("{}={}", it.0, it.1)).collect()
    };
    assert_eq!(
        labels("acme/veeam nightly"),
        ["country=IT", "env=prod", "kind=backup", "product=veeam"]
    );
    assert_eq!(labels("acme/payroll job"), ["country=IT"]);
    // The contract is nearer than the policy under `defaults:`.
    let policy = job(duty, "acme/payroll job").policy.unwrap();
    assert_eq!(&*duty.policies[policy as usize].name, "urgent");
}

#[test]
fn intakes_are_read_with_their_files() {
    let (folder, loaded) = everything();
    let intakes = &duty(&loaded).intakes;
    let home = folder.path("").to_string_lossy().into_owned();
    check(
        &format!("{intakes:#?}\n").replace(&home, "FOLDER/"),
        expect_file!["watchdogs/intakes.txt"],
    );
    assert!(intakes.all.is_sorted_by_key(|it| it.name.clone()));
    let keeps = |name: &str| intakes.all.iter().find(|it| &*it.name == name).unwrap().keeps;
    assert_eq!((keeps("lan"), keeps("lmtp"), keeps("office")), (false, true, true));
}

#[test]
fn where_the_settings_of_a_watchdog_come_from() {
    let (_folder, loaded) = everything();
    let of = |name: &str| explain(&loaded, name).unwrap().render();
    check(&of("acme/veeam nightly"), expect_file!["watchdogs/explained.txt"]);
    check(&of("acme/restore test"), expect_file!["watchdogs/explained_duty.txt"]);
    let near = explain(&loaded, "acme/veem nightly").unwrap_err();
    assert_eq!(near.near, ["acme/veeam nightly"]);
}

#[test]
fn a_mail_server_may_begin_with_tls_know_a_login_and_lie_in_a_folder() {
    let config = "checks: [acme.yaml]\ninlet:\n  domains: [in.msp.example]\n  smtp:\n    \
                  listen: \"127.0.0.1:4650\"\n    tls: { cert: in.pem, key: secrets/in.key }\n    \
                  tls first: yes\n    login: { user: nas, password_file: secrets/nas }\n  \
                  lmtp: { listen: \"unix:run/lmtp\" }\n";
    let folder = Folder::of(&[
        ("config.yaml", config),
        ("acme.yaml", "customer: acme\nwatchdogs: { a: { expect: every 1h } }\n"),
        ("in.pem", ""),
        ("secrets/in.key", ""),
        ("secrets/nas", "hunter2"),
    ]);
    let loaded = folder.load();
    assert_eq!(loaded.errors(), 0, "{}", loaded.render(false));
    let [lmtp, smtp] = &*duty(&loaded).intakes.all else { panic!("two intakes") };
    let Way::Smtp { tls_first, login, tls_only, .. } = &smtp.way else { panic!("{smtp:?}") };
    assert!(*tls_first && !*tls_only);
    let (user, file) = login.as_ref().unwrap();
    assert_eq!(&**user, "nas");
    assert!(file.ends_with("/secrets/nas"), "{file}");
    let Way::Smtp { listen, .. } = &lmtp.way else { panic!("{lmtp:?}") };
    assert!(listen.starts_with("unix:/") && listen.ends_with("/run/lmtp"), "{listen}");
}

#[test]
fn a_login_needs_tls_and_a_socket_a_short_path() {
    let long = "x".repeat(108);
    let config = format!(
        "checks: [acme.yaml]\ninlet:\n  domains: [in.msp.example]\n  smtp: {{ listen: \
         \"127.0.0.1:4650\", tls first: yes, login: {{ user: nas }} }}\n  lmtp: {{ listen: \
         \"unix:{long}\" }}\n"
    );
    let checks = "customer: acme\nwatchdogs: { a: { expect: every 1h } }\n";
    let folder = Folder::of(&[("config.yaml", &config), ("acme.yaml", checks)]);
    let loaded = folder.load();
    let text = loaded.render(false);
    assert_eq!(loaded.errors(), 4, "{text}");
    for what in [
        "nobody could deliver anything",
        "no password is asked for in the clear",
        "`password_file:` is missing",
        "the path of a socket has at most 107 bytes",
    ] {
        assert!(text.contains(what), "{what}\n{text}");
    }
    // A mail server for everybody has an address.
    let folder = Folder::of(&[(
        "config.yaml",
        "inlet: { domains: [a.example], smtp: { listen: \"unix:x\" } }\n",
    )]);
    assert!(folder.load().render(false).contains("is no address with a port"));
}

/// The few words that most people write.
#[test]
fn the_smallest_watchdogs() {
    let folder = Folder::of(&[
        ("config.yaml", "checks: [acme.yaml]\ninlet: { maildir: { folder: box } }\n"),
        (
            "acme.yaml",
            "customer: acme\nwatchdogs:\n  a: { ping: yes, expect: every 1h }\n  \
             b: { mail: { subject: '*x*' }, trust: token, expect: learn }\n",
        ),
    ]);
    let loaded = folder.load();
    assert_eq!(loaded.errors(), 0, "{}", loaded.render(false));
    let duty = duty(&loaded);
    let (a, b) = (job(duty, "acme/a"), job(duty, "acme/b"));
    assert!(a.trust.token && a.hears.ping && a.hears.mail.is_empty());
    assert_eq!((a.reports, a.warnings, a.hears.secret_number), (1, 3, 1));
    assert_eq!((a.early, a.grace, a.give_up, a.timeout), (None, None, None, None));
    assert_eq!(&*a.schedule.zone, "UTC");
    assert_eq!((&b.hears.mail[0].part, b.hears.mail[0].op), (&MailPart::Subject, MailOp::Like));
    assert!(b.schedule.dues.is_empty());
    let [box_] = &*duty.intakes.all else { panic!("one intake") };
    assert_eq!(&*box_.name, "maildir");
    assert!(matches!(&box_.way, Way::Maildir { folder } if folder.ends_with("/box")));
}

const VALUES: &[&str] = &[
    "",
    "~",
    "[]",
    "{}",
    "[[]]",
    "{ a: b }",
    "x",
    "0",
    "-1",
    "99999999999999999999",
    "yes",
    "\"\\u0000\"",
    "\"\\u202e\"",
    "[x, x]",
    "\"has \\\"\"",
    "matches /(a+)+$/",
    "learn",
    "\"${secret:none}\"",
    "every 1s",
    "100% of usual",
    "\"*\"",
];
/// Whatever stands in the place of a value, it is refused with its place or read, and ends.
#[test]
fn whatever_is_written_ends_in_words() {
    for value in VALUES {
        let all: String =
            WATCHDOG_KEYS.iter().map(|key| format!("  w {key}: {{ {key}: {value} }}\n")).collect();
        let loaded = Folder::acme(&format!("customer: acme\nwatchdogs:\n{all}")).load();
        assert_eq!(loaded.plan.is_none(), loaded.errors() > 0, "{value}");
        let text = loaded.render(false);
        assert!(!text.contains('\u{202e}'), "{text}");
        let main = format!(
            "inlet:\n  domains: {value}\n  mailbox: {value}\n  unclaimed: {value}\n  \
             smtp: {value}\n  lmtp: {{ listen: {value}, tls: {value} }}\n  \
             imap: {{ x: {{ server: {value}, user: {value}, folders: {value}, every: {value} }} }}\n  \
             maildir: {{ x: {{ folder: {value} }} }}\n"
        );
        let loaded = Folder::of(&[("config.yaml", &main)]).load();
        assert_eq!(loaded.plan.is_none(), loaded.errors() > 0, "{value}");
    }
}

/// All blocks of the manual, in order.
fn blocks() -> Vec<String> {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/watchdogs.md");
    let manual = fs::read_to_string(manual).unwrap();
    let blocks = manual.split("```yaml\n").skip(1);
    blocks.map(|it| it.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_examples_of_the_manual_are_good() {
    let blocks = blocks();
    let block = |begin: &str| {
        &**blocks.iter().find(|it| it.starts_with(begin)).unwrap_or_else(|| panic!("no {begin}"))
    };
    let loaded = Folder::of(&[
        ("config.yaml", block("# config.yaml")),
        ("checks/acme.yaml", block("# checks/acme.yaml")),
        ("checks/borealis.yaml", block("# checks/borealis.yaml")),
        ("checks/more.yaml", &format!("customer: more\n{}", block("watchdogs:"))),
        ("checks/templates.yaml", &format!("{}    use: []\n", block("templates:"))),
    ])
    .load();
    assert_eq!(loaded.errors(), 0, "{}", loaded.render(false));
    let doubts: Vec<&str> = loaded.diagnostics.iter().map(|it| &*it.message).collect();
    assert_eq!(doubts, ["template `veeam job` is never used"]);
    assert_eq!(loaded.counts.watchdogs, 6);
    let inlet = Folder::of(&[("config.yaml", block("inlet:"))]).load();
    assert_eq!(inlet.errors(), 0, "{}", inlet.render(false));
    let names: Vec<&str> = duty(&inlet).intakes.all.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["lan", "lmtp", "maildir"]);
}

/// A key that the manual does not tell of, or tells of and nobody reads.
#[test]
fn the_manual_tells_of_every_key() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/watchdogs.md");
    let manual = fs::read_to_string(manual).unwrap();
    let loaded =
        Folder::acme("customer: acme\nwatchdogs: { a: { zzzzzzzzzzzz: 1, expect: learn } }\n")
            .load();
    let found = loaded.diagnostics.iter().find(|it| it.code.text() == "E0201").unwrap();
    let keys = found.help.as_ref().unwrap().strip_prefix("its keys are ").unwrap();
    let keys: Vec<&str> = keys.split('`').skip(1).step_by(2).collect();
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        assert!(manual.contains(&format!("`{key}`")), "the manual does not tell of `{key}`");
    }
}
