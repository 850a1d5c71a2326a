//! What is written about people, channels, policies and contracts against what the desk gets.

use std::{fmt::Write as _, fs, path::Path};

use config::{Code, Loaded, explain, tests};
use expect_test::{Expect, expect};
use model::{Duty, Plan};

use crate::folder::Folder;

/// The example of everything, from the golden files.
fn everything() -> Loaded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/config/good-desk");
    let names = [
        "config.yaml",
        "people.yaml",
        "holidays.ics",
        "checks/acme.yaml",
        "checks/acme.test.yaml",
        "checks/borealis.yaml",
        "secrets/smtp",
    ];
    let texts: Vec<(&str, String)> =
        names.iter().map(|it| (*it, fs::read_to_string(root.join(it)).unwrap())).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
    Folder::of(&files).load()
}

fn duty(loaded: &Loaded) -> &Duty {
    &loaded.plan.as_ref().unwrap_or_else(|| panic!("{}", loaded.render(false))).duty
}

fn lines<T: std::fmt::Debug>(all: &[T]) -> String {
    all.iter().map(|it| format!("{it:?}\n")).collect()
}

fn check(found: &str, expected: Expect) {
    expected.assert_eq(found);
}

#[test]
fn people_teams_and_rotations_are_read() {
    let loaded = everything();
    let duty = duty(&loaded);
    check(
        &lines(&duty.people),
        expect![[r#"
        Person { name: "anna", title: "Anna Roth", at: "people.yaml:2", addresses: {"email": "anna@msp.example", "phone": "+49 151 0000001"}, quiet: None, wakes: Some(Critical), skills: {"network": 3}, level: HelpDesk }
        Person { name: "ben", title: "Ben Okafor", at: "people.yaml:3", addresses: {"email": "ben@msp.example", "phone": "+49 151 0000002", "telegram": "12345"}, quiet: Some(0), wakes: Some(Down), skills: {}, level: OnSite }
        Person { name: "chloe", title: "chloe", at: "people.yaml:11", addresses: {"email": "chloe@msp.example"}, quiet: Some(1), wakes: None, skills: {}, level: HelpDesk }
    "#]],
    );
    check(
        &lines(&duty.teams),
        expect![[r#"
        Team { name: "noc", people: [0, 1, 2] }
    "#]],
    );
    check(
        &lines(&duty.oncall),
        expect![[r#"
        Oncall { name: "desk", at: "people.yaml:18", rotation: Rotation { zone: "Europe/Berlin", layers: [RotationLayer { level: 0, hours: Some(WeekHours { text: "Mon-Fri 08:00-17:00", zone: "Europe/Berlin", always: false, spans: [SpanOfWeek { start: 480, end: 1020 }, SpanOfWeek { start: 1920, end: 2460 }, SpanOfWeek { start: 3360, end: 3900 }, SpanOfWeek { start: 4800, end: 5340 }, SpanOfWeek { start: 6240, end: 6780 }], closed: [], extra: [] }), turns: [[0, 1, 2]], turn: Fixed, since: LocalTime { day: 19723, second: 28800 } }] }, otherwise: Some(2) }
        Oncall { name: "lead", at: "people.yaml:19", rotation: Rotation { zone: "Europe/Rome", layers: [RotationLayer { level: 0, hours: None, turns: [[0], [1]], turn: Months(1), since: LocalTime { day: 20454, second: 28800 } }, RotationLayer { level: 1, hours: Some(WeekHours { text: "Sat 08:00-12:00", zone: "Europe/Rome", always: false, spans: [SpanOfWeek { start: 7680, end: 7920 }], closed: [], extra: [] }), turns: [[2]], turn: Fixed, since: LocalTime { day: 19723, second: 28800 } }] }, otherwise: None }
        Oncall { name: "primary", at: "people.yaml:17", rotation: Rotation { zone: "Europe/Berlin", layers: [RotationLayer { level: 0, hours: None, turns: [[0], [1, 2]], turn: Weeks(1), since: LocalTime { day: 19723, second: 28800 } }] }, otherwise: None }
    "#]],
    );
}

#[test]
fn channels_are_read_and_their_secrets_are_not_shown() {
    let loaded = everything();
    check(
        &lines(&duty(&loaded).channels),
        expect![[r#"
            Channel { name: "alive", at: "people.yaml:29", kind: "webhook", params: Params({"url": Secret((secret))}), personal: None, resolve: false, group: None, limit: None, ttl: 60s, resend_unknown: false, fallback: None, refresh: None }
            Channel { name: "mail", at: "people.yaml:26", kind: "email", params: Params({"from": Text("noc@msp.example"), "password": Secret((secret)), "smtp": Text("smtp.msp.example:587")}), personal: Some("email"), resolve: true, group: Some(60s), limit: None, ttl: 86400s, resend_unknown: true, fallback: None, refresh: None }
            Channel { name: "prom", at: "people.yaml:30", kind: "alertmanager", params: Params({"url": Text("https://am.example")}), personal: None, resolve: true, group: None, limit: None, ttl: 86400s, resend_unknown: true, fallback: None, refresh: Some(60s) }
            Channel { name: "psa", at: "people.yaml:28", kind: "webhook", params: Params({"sign": List([Secret((secret))]), "url": Secret((secret))}), personal: None, resolve: true, group: None, limit: None, ttl: 86400s, resend_unknown: true, fallback: Some(1), refresh: None }
            Channel { name: "sms", at: "people.yaml:27", kind: "webhook", params: Params({"url": Secret((secret))}), personal: None, resolve: true, group: None, limit: Some(Rate { count: 20, per: 3600s }), ttl: 86400s, resend_unknown: true, fallback: None, refresh: None }
        "#]],
    );
}

#[test]
fn policies_and_contracts_are_read() {
    let loaded = everything();
    let duty = duty(&loaded);
    check(
        &lines(&duty.policies),
        expect![[r#"
        Policy { name: "business", at: "people.yaml:43", hours: Some(2), propose: Some(300s), call: Some(1800s), steps: [Step { after: 600s, to: [Team(0)], via: [1, 2], at_least: Warning, at: "people.yaml:48" }], remind: Some(14400s), stop_on_acknowledge: true, gate: None }
        Policy { name: "urgent", at: "people.yaml:33", hours: None, propose: Some(0ns), call: Some(300s), steps: [Step { after: 0ns, to: [Oncall(0)], via: [4, 3], at_least: Warning, at: "people.yaml:37" }, Step { after: 900s, to: [Oncall(2)], via: [4], at_least: Critical, at: "people.yaml:38" }, Step { after: 2700s, to: [Person(0), Person(1)], via: [4, 1], at_least: Warning, at: "people.yaml:39" }], remind: Some(3600s), stop_on_acknowledge: true, gate: Some(NightGate { hours: 3, lead: Oncall(1), via: [4], patience: 600s, silence_means_blocking: false, at: "people.yaml:42" }) }
    "#]],
    );
    check(
        &lines(&duty.contracts),
        expect![[r#"
            Contract { name: "gold", at: "people.yaml:52", hours: 4, respond: Some(900s), resolve: Some(14400s), pauses: Pauses { respond: WaitSet { process: false, customer: false, supplier: false }, resolve: WaitSet { process: false, customer: true, supplier: true } }, starts: Opened, warn_percent: [50, 80], policy: Some(1), tickets: None }
            Contract { name: "office", at: "people.yaml:60", hours: 2, respond: Some(14400s), resolve: Some(72000s), pauses: Pauses { respond: WaitSet { process: false, customer: false, supplier: false }, resolve: WaitSet { process: false, customer: true, supplier: false } }, starts: Detected, warn_percent: [80], policy: None, tickets: None }
        "#]],
    );
}

#[test]
fn maintenance_and_what_it_is_about_is_read() {
    let loaded = everything();
    check(
        &lines(&duty(&loaded).windows),
        expect![[r#"
        Window { name: "night of the racks", customer: None, at: "people.yaml:63", recurrence: Recurrence { text: "2027-01-10 22:00 to 2027-01-11 03:00", zone: "Europe/Berlin", rule: Once { from: LocalTime { day: 20828, second: 79200 }, until: LocalTime { day: 20829, second: 10800 } }, length: 0ns }, scope: Scope { lines: [[Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "site", op: Is, value: "hq" }], [Matcher { label: "customer", op: Is, value: "borealis" }]] }, effect: NoAlerts, sla_counts: false, flexible: None, reminders: [], impact: "", contact: "" }
        Window { name: "acme/core", customer: Some(0), at: "checks/acme.yaml:29", recurrence: Recurrence { text: "daily 03:00 for 30m", zone: "Europe/Berlin", rule: Days { days: 127, second: 10800 }, length: 1800s }, scope: Scope { lines: [[Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "role", op: Is, value: "firewall" }], [Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "role", op: Is, value: "core-switch" }], [Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "host", op: Is, value: "db" }, Matcher { label: "service", op: Is, value: "postgres" }], [Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "host", op: Is, value: "" }, Matcher { label: "service", op: Is, value: "shop" }], [Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "os", op: IsNot, value: "linux" }, Matcher { label: "env", op: Like, value: "p*" }], [Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "rack", op: Is, value: "a1" }]] }, effect: NoAlerts, sla_counts: false, flexible: None, reminders: [259200s, 3600s], impact: "", contact: "" }
        Window { name: "acme/everything", customer: Some(0), at: "checks/acme.yaml:28", recurrence: Recurrence { text: "Sun 02:00 for 2h", zone: "Europe/Berlin", rule: Days { days: 64, second: 7200 }, length: 7200s }, scope: Scope { lines: [[Matcher { label: "customer", op: Is, value: "acme" }]] }, effect: NoAlerts, sla_counts: false, flexible: None, reminders: [259200s, 3600s], impact: "", contact: "" }
        Window { name: "acme/line work", customer: Some(0), at: "checks/acme.yaml:27", recurrence: Recurrence { text: "2026-12-01 23:00 to 2026-12-02 03:00", zone: "Europe/Berlin", rule: Once { from: LocalTime { day: 20788, second: 82800 }, until: LocalTime { day: 20789, second: 10800 } }, length: 0ns }, scope: Scope { lines: [[Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "site", op: Is, value: "hq" }]] }, effect: NoChecks, sla_counts: true, flexible: None, reminders: [259200s, 3600s], impact: "", contact: "" }
        Window { name: "acme/patch night", customer: Some(0), at: "checks/acme.yaml:18", recurrence: Recurrence { text: "2nd Tue 22:00 for 4h", zone: "Europe/Berlin", rule: NthWeekday { nth: 2, weekday: 1, plus_days: 0, second: 79200 }, length: 14400s }, scope: Scope { lines: [[Matcher { label: "customer", op: Is, value: "acme" }, Matcher { label: "env", op: Is, value: "prod" }, Matcher { label: "os", op: Is, value: "windows" }]] }, effect: NoAlerts, sla_counts: false, flexible: Some(7200s), reminders: [259200s, 86400s, 3600s], impact: "Databases restart", contact: "Anna Roth" }
    "#]],
    );
}

#[test]
fn customers_sites_and_our_own_are_read() {
    let loaded = everything();
    let duty = duty(&loaded);
    check(
        &lines(&duty.customers),
        expect![[r#"
            Customer { name: "acme", title: "ACME Maschinenbau GmbH", contract: Some(0), zone: "Europe/Berlin", contacts: ["it@acme.example"] }
            Customer { name: "borealis", title: "borealis", contract: Some(1), zone: "Europe/Copenhagen", contacts: [] }
            Customer { name: "campanile", title: "The engine itself", contract: None, zone: "Europe/Berlin", contacts: [] }
        "#]],
    );
    check(
        &lines(&duty.sites),
        expect![[r#"
        Site { customer: 0, name: "dc" }
        Site { customer: 0, name: "hq" }
        Site { customer: 1, name: "borealis" }
    "#]],
    );
    let own = (&duty.uplink, &duty.own_policy, &duty.heartbeat, &duty.console_url);
    check(
        &format!("{own:?}\n"),
        expect![[r#"
        (Uplink { canaries: ["campanile/uplink-1", "campanile/uplink-2", "acme/fw1"], needed: 2 }, Some(1), Some(Heartbeat { channel: 0, every: 60s, at: "config.yaml:5" }), "https://noc.msp.example")
    "#]],
    );
    let hours: Vec<String> = duty
        .hours
        .iter()
        .map(|it| format!("{} in {}, {} days closed", it.text, it.zone, it.closed.len()))
        .collect();
    check(
        &lines(&hours),
        expect![[r#"
        "22:00-07:00 in Europe/Berlin, 0 days closed"
        "Sat-Sun in Europe/Copenhagen, 0 days closed"
        "Mon-Fri 08:00-18:00 except holidays/BY in Europe/Berlin, 102 days closed"
        "Mon-Fri 08:00-18:00 in Europe/Berlin, 0 days closed"
        "always in Europe/Berlin, 0 days closed"
    "#]],
    );
}

/// Who hears of each host and service, and by which contract.
fn assigned(plan: &Plan) -> String {
    let duty = &plan.duty;
    let policy = |it: Option<u32>| it.map_or("none", |it| &*duty.policies[it as usize].name);
    let contract = |it: Option<u32>| it.map_or("none", |it| &*duty.contracts[it as usize].name);
    let site = |it: Option<u32>| it.map_or("none", |it| &*duty.sites[it as usize].name);
    let mut text = String::new();
    for host in &plan.hosts {
        let (policy, contract) = (policy(host.policy), contract(host.contract));
        writeln!(text, "{}: {policy}, {contract}, {}", host.full_name(), site(host.site)).unwrap();
    }
    for service in &plan.services {
        let (policy, contract) = (policy(service.policy), contract(service.contract));
        writeln!(text, "{}: {policy}, {contract}", service.full_name(plan)).unwrap();
    }
    text
}

#[test]
fn the_nearest_policy_holds_and_a_contract_brings_one() {
    let loaded = everything();
    check(
        &assigned(loaded.plan.as_ref().unwrap()),
        expect![[r#"
        acme/db: urgent, gold, dc
        acme/fw1: urgent, gold, hq
        borealis/gw: business, office, borealis
        campanile/uplink-1: none, none, none
        campanile/uplink-2: none, none, none
        acme/-/shop: business, office
        acme/db/load: none, gold
        acme/db/postgres: business, gold
        acme/fw1/ssh: urgent, gold
        borealis/gw/ssh: business, office
    "#]],
    );
}

#[test]
fn a_policy_of_the_same_layer_wins_over_that_of_the_contract() {
    const MAIN: &str = "\
checks: [acme.yaml]
people: { anna: {} }
channels: { hook: { type: webhook, url: \"http://127.0.0.1:9/\" } }
policies:
  a: { propose: at once, alert: [ { to: anna, via: hook } ] }
  b: { propose: at once }
  c: { propose: at once }
contracts:
  gold: { hours: always, policy: a }
  plain: { hours: always }
defaults: { policy: c }
templates:
  loud: { policy: b }
";
    const ACME: &str = "\
customer: acme
contract: gold
hosts:
  by contract: { alive: none }
  by host: { alive: none, policy: b }
  same layer: { alive: none, policy: b, contract: gold }
  nearer contract: { alive: none, use: loud, contract: gold }
  contract without policy: { alive: none, contract: plain }
  no contract: { alive: none, contract: none }
  nobody: { alive: none, policy: none }
";
    let loaded = Folder::of(&[("config.yaml", MAIN), ("acme.yaml", ACME)]).load();
    let plan = loaded.plan.as_ref().unwrap_or_else(|| panic!("{}", loaded.render(false)));
    check(
        &assigned(plan),
        expect![[r#"
        acme/by contract: a, gold, none
        acme/by host: b, gold, none
        acme/contract without policy: c, plain, none
        acme/nearer contract: a, gold, none
        acme/no contract: c, none, none
        acme/nobody: none, gold, none
        acme/same layer: b, gold, none
    "#]],
    );
}

#[test]
fn canaries_that_are_addresses_become_hosts_of_our_own() {
    let loaded = everything();
    let plan = loaded.plan.as_ref().unwrap();
    let own: Vec<String> = plan
        .hosts
        .iter()
        .filter(|it| &*it.customer == "campanile")
        .map(|it| {
            let check = &it.alive.as_ref().unwrap().check;
            format!(
                "{} at {:?}: every {:?}, timeout {:?}, {} x {:?}",
                it.full_name(),
                it.address.as_deref(),
                check.every,
                check.timeout,
                check.attempts_max,
                check.retry_every
            )
        })
        .collect();
    check(
        &lines(&own),
        expect![[r#"
        "campanile/uplink-1 at Some(\"192.0.2.1\"): every 5s, timeout 2s, 2 x 1s"
        "campanile/uplink-2 at Some(\"192.0.2.2\"): every 5s, timeout 2s, 2 x 1s"
    "#]],
    );
    assert_eq!(loaded.counts.files, 4, "nobody wrote the file of the canaries");
}

#[test]
fn routing_tests_are_read_beside_the_check_files() {
    let loaded = everything();
    let (tests, wrong) = tests(&loaded);
    assert!(wrong.is_empty(), "{}", loaded.render_all(&wrong, false));
    check(
        &lines(&tests),
        expect![[r#"
            RoutingTest { name: "the database down at night reaches the rota", given: [Given { name: "acme/db/postgres", status: Critical, held: 1200s }], at: "Sun 03:00", moment: Moment(1795312800000000000), answer: None, told: Some([ToldBy { text: "oncall/primary by sms", who: Oncall(2), via: Some(4) }, ToldBy { text: "anna", who: Person(0), via: None }]), asked: None, call: Some(true), proposal: None, place: "checks/acme.test.yaml:2" }
            RoutingTest { name: "a host that is down", given: [Given { name: "acme/fw1", status: Down, held: 0ns }], at: "Mon 10:00", moment: Moment(1795424400000000000), answer: Some(false), told: Some([]), asked: Some([]), call: None, proposal: Some(false), place: "checks/acme.test.yaml:7" }
        "#]],
    );
}

#[test]
fn mistakes_in_routing_tests_are_all_told_and_hinder_no_plan() {
    const ACME: &str = "\
hosts: { web: { address: 10.0.0.1, services: { ssh: { tcp: 22 } } } }
";
    const TESTS: &str = "\
test: 1
tests:
  one: { given: { acme/web/shs: crit }, at: Sun 03:00, told: nobody }
  two: { given: { acme/web: crit for 5m }, at: Sun 25:00, told: [ann by sms], call: maybe }
  three: { given: {}, at: Sun 03:00 }
  four: { given: { acme/web/ssh: crit for 5 }, told: { anna: sms } }
  five: 1
  six: { given: { acme/web: down }, at: now }
";
    let files = [
        ("config.yaml", "checks: [checks]\npeople: { anna: {} }\n"),
        ("checks/acme.yaml", ACME),
        ("checks/acme.test.yaml", TESTS),
        ("checks/broken.test.yml", "tests: [\n"),
    ];
    let loaded = Folder::of(&files).load();
    assert!(loaded.plan.is_some());
    let (tests, wrong) = tests(&loaded);
    assert!(tests.is_empty(), "{tests:?}");
    let places: Vec<String> = wrong
        .iter()
        .map(|it| {
            let (file, within) = loaded.place_of(it).unwrap();
            let (line, column) = within.unwrap();
            format!("{file}:{line}:{column} {} {}", it.code, it.message)
        })
        .collect();
    assert!(loaded.render_all(&wrong, false).contains("did you mean `tests`?"));
    check(
        &lines(&places),
        expect![[r#"
        "checks/acme.test.yaml:1:1 E0201 unknown key `test`"
        "checks/acme.test.yaml:3:19 E0213 no host and no service is called `acme/web/shs`"
        "checks/acme.test.yaml:4:29 E0301 `crit` is not known here"
        "checks/acme.test.yaml:4:52 E0301 `25:00` is not a time of day"
        "checks/acme.test.yaml:4:66 E0213 unknown person, team or rotation `ann`"
        "checks/acme.test.yaml:5:3 E0216 the test expects nothing"
        "checks/acme.test.yaml:5:19 E0202 a map cannot stand here"
        "checks/acme.test.yaml:6:3 E0216 `at:` is missing"
        "checks/acme.test.yaml:6:43 E0302 `5` has no unit"
        "checks/acme.test.yaml:6:54 E0202 a map cannot stand here"
        "checks/acme.test.yaml:7:9 E0202 a single value cannot stand here"
        "checks/acme.test.yaml:8:3 E0216 the test expects nothing"
        "checks/broken.test.yml:1:8 E0108 the file ends in the middle: `[` is never closed"
    "#]],
    );
}

#[test]
fn explain_shows_the_policy_with_the_contract_that_brings_it() {
    let loaded = everything();
    let shown = |name: &str| {
        let text = explain(&loaded, name).unwrap().render();
        let kept = ["policy", "contract", "site"];
        let mut picture = String::new();
        let mut on = false;
        for line in text.lines() {
            let word = line.split_whitespace().next().unwrap_or_default();
            on = kept.contains(&word) || (on && word == "-");
            if on {
                picture.push_str(line.strip_prefix("  ").unwrap());
                picture.push('\n');
            }
        }
        picture
    };
    check(
        &shown("acme/db"),
        expect![[r#"
              site                   dc         host           checks/acme.yaml:9:11
              contract               gold       customer       checks/acme.yaml:3:11
              policy                 urgent     contract gold  people.yaml:56:13
                                   - business   defaults       config.yaml:8:21
        "#]],
    );
    check(
        &shown("acme/db/postgres"),
        expect![[r#"
              contract         gold       customer  checks/acme.yaml:3:11
              policy           business   service   checks/acme.yaml:13:38
                             - business   defaults  config.yaml:8:21
        "#]],
    );
    check(
        &shown("acme/-/shop"),
        expect![[r#"
              contract         office                      service   checks/acme.yaml:16:57
                             - gold                        customer  checks/acme.yaml:3:11
              policy           business                    defaults  config.yaml:8:21
        "#]],
    );
    check(
        &shown("borealis/gw"),
        expect![[r#"
              contract               office     customer  checks/borealis.yaml:2:11
              policy                 business   defaults  config.yaml:8:21
        "#]],
    );
    check(
        &shown("campanile/uplink-1"),
        expect![[r#"
              contract          none           customer  engine.uplink:4:11
              policy            none           customer  engine.uplink:3:9
                              - business       defaults  config.yaml:8:21
        "#]],
    );
}

/// A plan that is the same whatever the order of its files.
#[test]
fn shared_things_may_stand_in_several_files() {
    let acme = "hosts: { web: { address: 10.0.0.1, policy: a, alive: { tcp: 1 }, services: { ssh: { tcp: 22 } } } }\n";
    let people = "people: { anna: {} }\npolicies: { a: { alert: { to: anna, via: hook } } }\n";
    let more = "channels: { hook: { type: webhook, url: \"http://127.0.0.1:9/\" } }\n";
    let load = |main: &str| {
        Folder::of(&[
            ("config.yaml", main),
            ("acme.yaml", acme),
            ("people.yaml", people),
            ("more.yaml", more),
        ])
        .load()
    };
    let one = load("checks: [acme.yaml, people.yaml, more.yaml]\n");
    let other = load("checks: [more.yaml, people.yaml, acme.yaml]\n");
    assert_eq!(one.errors() + one.warnings(), 0, "{}", one.render(false));
    assert_eq!(one.counts.customers, 1, "a file of people is no customer");
    assert_eq!(duty(&one), duty(&other));
}

#[test]
fn too_many_of_anything_is_refused_and_takes_no_time() {
    let acme = "hosts: { web: { address: 10.0.0.1, services: { ssh: { tcp: 22 } } } }\n";
    let list = |count: usize| (0..count).map(|it| format!("a{it}, ")).collect::<String>();
    let steps = "{ to: anna, via: hook }, ".repeat(65);
    let wide: String = (0..4).map(|it| format!("l{it}: [{}], ", list(10))).collect();
    let main = format!(
        "checks: [acme.yaml]
people: {{ anna: {{}} }}
channels: {{ hook: {{ type: webhook, url: \"http://127.0.0.1:9/\" }} }}
teams: {{ all: [{}] }}
oncall: {{ all: {{ rotate: daily, people: [{}] }} }}
policies: {{ a: {{ alert: [{steps}] }} }}
groups: {{ wide: {{ {wide} }} }}
",
        list(1_001),
        list(367),
    );
    let loaded = Folder::of(&[("config.yaml", &main), ("acme.yaml", acme)]).load();
    let codes: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|it| it.code == Code::TooMany)
        .map(|it| it.message.clone())
        .collect();
    check(
        &lines(&codes),
        expect![[r#"
        "more than 1000 people in one team"
        "more than 366 turns"
        "more than 64 steps"
        "more than 1024 combinations of labels"
    "#]],
    );
}

/// The examples of the manual, put together into one configuration.
#[test]
fn the_examples_of_the_manual_are_good() {
    const ACME: &str = "\
customer: acme
contract: gold
sites: { hq: {} }
hosts:
  erp-db:
    address: 10.0.0.1
    site: hq
    labels: { env: prod, os: windows, role: firewall, rack: a1 }
    services: { postgres: { tcp: 5432 }, http: { http: \"http://x/\" } }
";
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    let manual = fs::read_to_string(manual).unwrap();
    let blocks: Vec<&str> =
        manual.split("```yaml\n").skip(1).map(|it| it.split("```").next().unwrap()).collect();
    let block = |begin: &str| {
        *blocks.iter().find(|it| it.starts_with(begin)).unwrap_or_else(|| panic!("no {begin}"))
    };
    let main = format!("checks: [checks]\n{}{}", block("people:"), block("groups:"));
    let acme = format!("{ACME}{}", block("maintenance:"));
    let loaded = Folder::of(&[
        ("config.yaml", &*main),
        ("checks/acme.yaml", &acme),
        ("checks/acme.test.yaml", block("tests:")),
    ])
    .load();
    assert_eq!(loaded.errors(), 0, "{}", loaded.render(false));
    let doubts: Vec<&str> = loaded.diagnostics.iter().map(|it| &*it.message).collect();
    assert_eq!(doubts, ["the group `core network` is never used"]);
    let (tests, wrong) = tests(&loaded);
    assert_eq!((tests.len(), wrong.len()), (1, 0), "{}", loaded.render_all(&wrong, false));
}
