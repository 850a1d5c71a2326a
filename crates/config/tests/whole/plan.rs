//! What is written against what is planned: layers, ranges, lists, names.

use std::{fmt::Write as _, time::Duration};

use config::Loaded;
use expect_test::{Expect, expect};
use model::{Asked, Plan, Profile, Value};

use crate::{catalogue, folder::Folder};

/// Everything of a plan that a test can want to know, a line for each host and service.
fn picture(loaded: &Loaded) -> String {
    let Some(plan) = &loaded.plan else { return loaded.render(false) };
    let mut text = String::new();
    for host in &plan.hosts {
        write!(text, "{}", host.full_name()).unwrap();
        if let Some(address) = &host.address {
            write!(text, " at {address}").unwrap();
        }
        for parent in &host.parents {
            write!(text, " behind {}", plan.hosts[*parent as usize].full_name()).unwrap();
        }
        writeln!(text, "{}", labels(&host.labels)).unwrap();
        if let Some(alive) = &host.alive {
            writeln!(text, "  alive: {}", asked(alive)).unwrap();
        }
    }
    for service in &plan.services {
        writeln!(text, "{}{}", service.full_name(plan), labels(&service.labels)).unwrap();
        writeln!(text, "  {}", asked(&service.asked)).unwrap();
    }
    text
}

fn labels(labels: &model::Labels) -> String {
    labels.iter().map(|(name, text)| format!(" {name}={text}")).collect()
}

fn asked(asked: &Asked) -> String {
    let check = &asked.check;
    let kind = catalogue::KINDS[usize::from(check.kind.0)].spec;
    let mut text = format!(
        "{} every {:?}, timeout {:?}, {} x {:?}",
        kind.name, check.every, check.timeout, check.attempts_max, check.retry_every
    );
    if check.profile != Profile::Campanile {
        write!(text, ", {:?}", check.profile).unwrap();
    }
    let flapping = check.flapping;
    if flapping != model::Flapping::default_for(check.profile) {
        let on = if flapping.judged { "" } else { " off" };
        let (high, low) = (flapping.high_centipercent, flapping.low_centipercent);
        write!(text, ", flapping{on} {high}/{low} ignoring {:#b}", flapping.ignored).unwrap();
    }
    if let Some(period) = &check.period {
        write!(text, ", {} in {}", period.text, period.zone.name).unwrap();
    }
    for rule in check.rules.iter() {
        let measure = kind.measures[usize::from(rule.measure)].name;
        write!(text, ", {measure} {:?} {:?}", rule.level, rule.test).unwrap();
        if !rule.hold.is_zero() {
            write!(text, " for {:?}", rule.hold).unwrap();
        }
    }
    for (name, value) in &asked.params.0 {
        write!(text, ", {name}={}", value_text(value)).unwrap();
    }
    text
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::List(list) => format!("{:?}", list.iter().map(value_text).collect::<Vec<_>>()),
        Value::Map(map) => {
            let pairs = map.iter().map(|(name, it)| format!("{name}:{}", value_text(it)));
            pairs.collect::<Vec<_>>().join("+")
        }
        other => format!("{other:?}"),
    }
}

fn check(files: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&picture(&Folder::of(files).load()));
}

fn check_acme(text: &str, expected: Expect) {
    expected.assert_eq(&picture(&Folder::acme(text).load()));
}

fn plan(text: &str) -> Plan {
    let loaded = Folder::acme(text).load();
    let shown = loaded.render(false);
    loaded.plan.unwrap_or_else(|| panic!("{shown}"))
}

/// Each service stops at another layer; the strongest that says anything wins.
#[test]
fn later_layers_win() {
    let main = "
checks: [checks]
defaults: { every: 2m, labels: { layer: defaults } }
templates:
  first:
    every: 3m
    labels: { layer: first, first: yes }
    services: { a: { tcp: 1 }, b: { tcp: 2, every: 4m, labels: { own: b } } }
  second:
    use: [first]
    every: 5m
";
    let acme = "
every: 6m
sites: { hq: { every: 7m, labels: { layer: site } } }
hosts:
  h0: { address: 10.0.0.1, alive: none, services: { a: { tcp: 1 } } }
";
    let other = "
sites: { hq: { every: 7m, labels: { layer: site } } }
hosts:
  h1: { address: 10.0.0.1, alive: none, services: { a: { tcp: 1 } } }
  h2: { address: 10.0.0.2, alive: none, use: [first] }
  h3: { address: 10.0.0.3, alive: none, use: [second] }
  h4: { address: 10.0.0.4, alive: none, use: [first], site: hq }
  h5: { address: 10.0.0.5, alive: none, use: [first], site: hq, every: 8m }
  h6:
    address: 10.0.0.6
    alive: none
    use: [first]
    every: 8m
    services: { a: { every: 9m, labels: { layer: service } } }
";
    check(
        &[("config.yaml", main), ("checks/acme.yaml", acme), ("checks/other.yaml", other)],
        expect![[r#"
            acme/h0 at 10.0.0.1 layer=defaults
            other/h1 at 10.0.0.1 layer=defaults
            other/h2 at 10.0.0.2 first=yes layer=first
            other/h3 at 10.0.0.3 first=yes layer=first
            other/h4 at 10.0.0.4 first=yes layer=site
            other/h5 at 10.0.0.5 first=yes layer=site
            other/h6 at 10.0.0.6 first=yes layer=first
            acme/h0/a layer=defaults
              tcp every 360s, timeout 10s, 3 x 20s, port=Number(1)
            other/h1/a layer=defaults
              tcp every 120s, timeout 10s, 3 x 20s, port=Number(1)
            other/h2/a first=yes layer=first
              tcp every 180s, timeout 10s, 3 x 20s, port=Number(1)
            other/h2/b first=yes layer=first own=b
              tcp every 240s, timeout 10s, 3 x 20s, port=Number(2)
            other/h3/a first=yes layer=first
              tcp every 300s, timeout 10s, 3 x 20s, port=Number(1)
            other/h3/b first=yes layer=first own=b
              tcp every 300s, timeout 10s, 3 x 20s, port=Number(2)
            other/h4/a first=yes layer=site
              tcp every 420s, timeout 10s, 3 x 20s, port=Number(1)
            other/h4/b first=yes layer=site own=b
              tcp every 420s, timeout 10s, 3 x 20s, port=Number(2)
            other/h5/a first=yes layer=site
              tcp every 480s, timeout 10s, 3 x 20s, port=Number(1)
            other/h5/b first=yes layer=site own=b
              tcp every 480s, timeout 10s, 3 x 20s, port=Number(2)
            other/h6/a first=yes layer=service
              tcp every 540s, timeout 10s, 3 x 20s, port=Number(1)
            other/h6/b first=yes layer=first own=b
              tcp every 480s, timeout 10s, 3 x 20s, port=Number(2)
        "#]],
    );
}

#[test]
fn a_template_counts_where_it_is_reached_first() {
    check_acme(
        "
templates:
  base: { services: { a: { tcp: 1 } } }
  left: { use: [base], services: { a: { tcp: 2 } } }
  right: { use: [base] }
hosts:
  h: { address: 10.0.0.1, alive: none, use: [left, right] }
",
        expect![[r#"
            acme/h at 10.0.0.1
            acme/h/a
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(2)
        "#]],
    );
}

#[test]
fn services_use_templates_and_merge_maps_of_parameters() {
    check_acme(
        "
templates:
  website:
    http: { expect: [200, 3xx], headers: { A: a, B: b } }
    warn: over 800ms
    crit: over 3s
    cert: { warn: under 21d, crit: under 7d }
services:
  shop:
    use: [website]
    http: { url: \"https://x/\", headers: { B: c } }
    warn: over 1s
    cert: off
  plain: { use: website, http: \"https://y/\", crit: off }
",
        expect![[r#"
            acme/-/plain
              http every 60s, timeout 10s, 3 x 20s, time Warning Over(0.8), cert Warning Under(1814400.0), cert Critical Under(604800.0), expect=["Number(200)", "3xx"], headers=A:a+B:b, url=https://y/
            acme/-/shop
              http every 60s, timeout 10s, 3 x 20s, time Warning Over(1.0), time Critical Over(3.0), expect=["Number(200)", "3xx"], headers=A:a+B:c, url=https://x/
        "#]],
    );
}

#[test]
fn parameters_are_inherited_by_kind() {
    check_acme(
        "
snmp: { version: 2c, community: c1 }
hosts:
  h:
    address: 10.0.0.1
    alive: none
    snmp: { version: 3, user: joe }
    services:
      up: { snmp: sysUpTime }
      ssh: { tcp: 22 }
      tcp: { tcp: 23 }
      ping:
",
        expect![[r#"
            acme/h at 10.0.0.1
            acme/h/ping
              ping every 60s, timeout 10s, 3 x 20s
            acme/h/ssh
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(22)
            acme/h/tcp
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(23)
            acme/h/up
              snmp every 60s, timeout 10s, 3 x 20s, community=Secret((secret)), get=sysUpTime, user=joe, version=3
        "#]],
    );
}

#[test]
fn inherited_services_can_be_taken_away_and_brought_back() {
    check_acme(
        "
templates:
  base: { services: { a: { tcp: 1, every: 2m }, b: { tcp: 2 } } }
  less: { use: [base], services: { a: off } }
  again: { use: [less], services: { a: { tcp: 3 } } }
hosts:
  h1: { address: 10.0.0.1, alive: none, use: [less] }
  h2: { address: 10.0.0.2, alive: none, use: [again], services: { b: false } }
",
        expect![[r#"
            acme/h1 at 10.0.0.1
            acme/h2 at 10.0.0.2
            acme/h1/b
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(2)
            acme/h2/a
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(3)
        "#]],
    );
}

#[test]
fn a_host_is_judged_by_what_alive_says() {
    check_acme(
        "
templates:
  by port: { alive: { tcp: 22, every: 30s } }
  none: { alive: none }
hosts:
  a: { address: 10.0.0.1, services: { s: { tcp: 1 } } }
  b: { address: 10.0.0.2, use: [by port], services: { s: { tcp: 1 } } }
  c: { address: 10.0.0.3, use: [by port, none], services: { s: { tcp: 1 } } }
  d: { address: 10.0.0.4, use: [none], alive: { ping: { packets: 5 }, loss: { crit: over 50% } }, services: { s: { tcp: 1 } } }
  e: { alive: none, services: { s: { http: \"http://x/\" } } }
",
        expect![[r#"
            acme/a at 10.0.0.1
              alive: ping every 60s, timeout 10s, 3 x 20s
            acme/b at 10.0.0.2
              alive: tcp every 30s, timeout 10s, 3 x 20s, port=Number(22)
            acme/c at 10.0.0.3
            acme/d at 10.0.0.4
              alive: ping every 60s, timeout 10s, 3 x 20s, loss Critical Over(50.0), packets=Number(5)
            acme/e
            acme/a/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/b/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/c/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/d/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/e/s
              http every 60s, timeout 10s, 3 x 20s, url=http://x/
        "#]],
    );
}

#[test]
fn ranges_make_hosts_with_paired_addresses() {
    check_acme(
        "
templates: { t: { services: { s: { tcp: 1 } } } }
hosts:
  ap[08..11]: { address: \"10.0.9.[18..21]\", use: [t], alive: none }
  x[1..2]: { address: same.example, use: [t], alive: none, labels: { a: b } }
  six: { address: \"fe80::1%eth0\", use: [t], alive: none, behind: ap08 }
",
        expect![[r#"
            acme/ap08 at 10.0.9.18
            acme/ap09 at 10.0.9.19
            acme/ap10 at 10.0.9.20
            acme/ap11 at 10.0.9.21
            acme/six at fe80::1%eth0 behind acme/ap08
            acme/x1 at same.example a=b
            acme/x2 at same.example a=b
            acme/ap08/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/ap09/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/ap10/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/ap11/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/six/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/x1/s a=b
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/x2/s a=b
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
        "#]],
    );
}

#[test]
fn parents_are_found_by_name_and_lists_can_be_changed() {
    check(
        &[
            ("config.yaml", "checks: [checks]\n"),
            (
                "checks/b.yaml",
                "hosts: { fw: { address: 10.1.0.1, services: { s: { tcp: 1 } } } }\n",
            ),
            (
                "checks/a.yaml",
                "
alive: none
templates: { t: { behind: [r1, r2], services: { s: { tcp: 1 } } } }
hosts:
  r1: { address: 10.0.0.1, services: { s: { tcp: 1 } } }
  r2: { address: 10.0.0.2, services: { s: { tcp: 1 } } }
  h1: { address: 10.0.0.3, use: [t] }
  h2: { address: 10.0.0.4, use: [t], behind: [-r1, +b/fw] }
  h3: { address: 10.0.0.5, use: [t], behind: r2 }
  h4: { address: 10.0.0.6, use: [t], behind: [] }
",
            ),
        ],
        expect![[r#"
            a/h1 at 10.0.0.3 behind a/r1 behind a/r2
            a/h2 at 10.0.0.4 behind a/r2 behind b/fw
            a/h3 at 10.0.0.5 behind a/r2
            a/h4 at 10.0.0.6
            a/r1 at 10.0.0.1
            a/r2 at 10.0.0.2
            b/fw at 10.1.0.1
              alive: ping every 60s, timeout 10s, 3 x 20s
            a/h1/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            a/h2/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            a/h3/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            a/h4/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            a/r1/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            a/r2/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            b/fw/s
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
        "#]],
    );
}

#[test]
fn labels_are_texts_whatever_yaml_would_make_of_them() {
    check_acme(
        "
labels: { country: NO, version: 1.20, time: 22:00, empty: \"\", yes: on }
hosts: { h: { address: 10.0.0.1, alive: none, services: { s: { tcp: 1, labels: { nul: ~ } } } } }
",
        expect![[r#"
            acme/h at 10.0.0.1 country=NO empty= time=22:00 version=1.20 yes=on
            acme/h/s country=NO empty= nul=~ time=22:00 version=1.20 yes=on
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
        "#]],
    );
}

#[test]
fn unwritten_timeouts_and_retries_shrink_with_the_interval() {
    check_acme(
        "
alive: none
hosts:
  h:
    address: 10.0.0.1
    services:
      a: { tcp: 1 }
      b: { tcp: 1, every: 5s }
      c: { tcp: 1, every: 5s, timeout: 4s }
      d: { tcp: 1, every: 5s, retry: 2 x 5s }
      e: { tcp: 1, every: 1h }
",
        expect![[r#"
            acme/h at 10.0.0.1
            acme/h/a
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
            acme/h/b
              tcp every 5s, timeout 2.5s, 3 x 5s, port=Number(1)
            acme/h/c
              tcp every 5s, timeout 4s, 3 x 5s, port=Number(1)
            acme/h/d
              tcp every 5s, timeout 2.5s, 2 x 5s, port=Number(1)
            acme/h/e
              tcp every 3600s, timeout 10s, 3 x 20s, port=Number(1)
        "#]],
    );
}

#[test]
fn flapping_and_profiles() {
    check_acme(
        "
alive: none
hosts:
  h:
    address: 10.0.0.1
    flapping: { high: 40%, ignore: [warning, Unknown] }
    services:
      a: { tcp: 1 }
      b: { tcp: 1, flapping: off }
      c: { tcp: 1, states: nagios, flapping: { low: 12.5% } }
  i:
    address: 10.0.0.2
    flapping: off
    services:
      a: { tcp: 1, states: icinga }
      b: { tcp: 1, states: nagios, flapping: on }
      c: { tcp: 1, flapping: { low: 10% } }
",
        expect![[r#"
            acme/h at 10.0.0.1
            acme/i at 10.0.0.2
            acme/h/a
              tcp every 60s, timeout 10s, 3 x 20s, flapping 4000/2000 ignoring 0b1010, port=Number(1)
            acme/h/b
              tcp every 60s, timeout 10s, 3 x 20s, flapping off 4000/2000 ignoring 0b1010, port=Number(1)
            acme/h/c
              tcp every 60s, timeout 10s, 3 x 20s, Nagios, flapping 4000/1250 ignoring 0b1010, port=Number(1)
            acme/i/a
              tcp every 60s, timeout 10s, 3 x 20s, Icinga, flapping off 3000/2500 ignoring 0b0, port=Number(1)
            acme/i/b
              tcp every 60s, timeout 10s, 3 x 20s, Nagios, flapping 3000/2000 ignoring 0b0, port=Number(1)
            acme/i/c
              tcp every 60s, timeout 10s, 3 x 20s, flapping 3000/1000 ignoring 0b0, port=Number(1)
        "#]],
    );
}

#[test]
fn periods_are_read_on_the_clock_of_the_site() {
    check(
        &[
            ("config.yaml", "engine: { timezone: Europe/Berlin }\nchecks: [acme.yaml]\n"),
            (
                "acme.yaml",
                "
alive: none
period: Mon-Fri 08:00-18:00
sites: { oslo: { timezone: Europe/Oslo } }
hosts:
  a: { address: 10.0.0.1, services: { s: { tcp: 1 } } }
  b: { address: 10.0.0.2, site: oslo, services: { s: { tcp: 1 }, t: { tcp: 1, period: always } } }
",
            ),
        ],
        expect![[r#"
            acme/a at 10.0.0.1
            acme/b at 10.0.0.2
            acme/a/s
              tcp every 60s, timeout 10s, 3 x 20s, Mon-Fri 08:00-18:00 in Europe/Berlin, port=Number(1)
            acme/b/s
              tcp every 60s, timeout 10s, 3 x 20s, Mon-Fri 08:00-18:00 in Europe/Oslo, port=Number(1)
            acme/b/t
              tcp every 60s, timeout 10s, 3 x 20s, port=Number(1)
        "#]],
    );
}

#[test]
fn lists_of_texts_can_be_changed() {
    check_acme(
        "
tcp: { names: [a, b] }
hosts:
  h:
    address: 10.0.0.1
    alive: none
    services:
      r: { tcp: { port: 1, names: [c] } }
      c: { tcp: { port: 1, names: [+c, -a] } }
      q: { tcp: { port: 1, names: [\"+c\"] } }
      n: { tcp: { port: 1, names: [] } }
",
        expect![[r#"
            acme/h at 10.0.0.1
            acme/h/c
              tcp every 60s, timeout 10s, 3 x 20s, names=["b", "c"], port=Number(1)
            acme/h/n
              tcp every 60s, timeout 10s, 3 x 20s, names=[], port=Number(1)
            acme/h/q
              tcp every 60s, timeout 10s, 3 x 20s, names=["+c"], port=Number(1)
            acme/h/r
              tcp every 60s, timeout 10s, 3 x 20s, names=["c"], port=Number(1)
        "#]],
    );
}

#[test]
fn customers_come_from_keys_files_and_folders() {
    let host = "hosts: { h: { address: 10.0.0.1, alive: none, services: { s: { tcp: 1 } } } }\n";
    let named = format!("customer: named\n{host}");
    let loaded = Folder::of(&[
        ("config.yaml", "checks: [checks, extra.yml, checks/byfile.yaml]\n"),
        ("checks/byfile.yaml", host),
        ("checks/x.yaml", &named),
        ("checks/byfolder/one.yaml", host),
        (
            "checks/byfolder/two.yaml",
            "hosts: { i: { address: 10.0.0.2, alive: none, services: { s: { tcp: 1 } } } }\n",
        ),
        ("checks/templates/t.yaml", "templates: {}\n"),
        ("checks/.hidden.yaml", "nonsense: [\n"),
        ("checks/readme.md", "nonsense: [\n"),
        ("extra.yml", host),
    ])
    .load();
    let plan = loaded.plan.as_ref().unwrap();
    let names: Vec<String> = plan.hosts.iter().map(|it| it.full_name()).collect();
    assert_eq!(names, ["byfile/h", "byfolder/h", "byfolder/i", "extra/h", "named/h"]);
    assert_eq!(loaded.counts.files, 7);
    assert_eq!(
        loaded.summary(),
        "validate: 7 files, 4 customers, 5 hosts, 5 services   0 errors, 0 warnings"
    );
}

#[test]
fn what_is_alike_is_kept_once() {
    let plan = plan(
        "
templates: { t: { services: { s: { tcp: 1 } } } }
hosts:
  a: { address: 10.0.0.1, use: [t] }
  b: { address: 10.0.0.2, use: [t] }
  c: { address: 10.0.0.3, services: { s: { tcp: 1, every: 1m } } }
",
    );
    let [a, b, c] = plan.services.as_slice() else { panic!() };
    assert!(std::sync::Arc::ptr_eq(&a.asked.check, &b.asked.check));
    assert!(std::sync::Arc::ptr_eq(&a.asked.params, &b.asked.params));
    assert!(std::sync::Arc::ptr_eq(&a.labels, &b.labels));
    // Written out, but the same all the same.
    assert!(std::sync::Arc::ptr_eq(&a.asked.check, &c.asked.check));
    assert!(std::sync::Arc::ptr_eq(&a.asked.params, &c.asked.params));
}

#[test]
fn the_plan_is_in_order() {
    let plan = plan(
        "
services: { z: { http: \"http://x/\" }, y: { http: \"http://x/\" } }
hosts:
  b: { address: 10.0.0.2, services: { t: { tcp: 1 }, s: { tcp: 1 } } }
  a: { address: 10.0.0.1, services: { s: { tcp: 1 } } }
",
    );
    let names: Vec<String> = plan.services.iter().map(|it| it.full_name(&plan)).collect();
    assert_eq!(names, ["acme/-/y", "acme/-/z", "acme/a/s", "acme/b/s", "acme/b/t"]);
    assert_eq!(plan.hosts[0].full_name(), "acme/a");
}

#[test]
fn engine_settings_are_read_and_paths_begin_at_the_main_file() {
    let checks = "hosts: { h: { address: 10.0.0.1, services: { s: { tcp: 1 } } } }\n";
    let main = "
engine:
  listen: \"[::1]:0\"
  data: var/data
  shards: 3
  in_flight: 500
  in_flight_per_host: 2
  record: results
checks: acme.yaml
";
    let folder = Folder::of(&[("config.yaml", main), ("acme.yaml", checks)]);
    let engine = folder.load().plan.unwrap().engine;
    assert_eq!(engine.listen, "[::1]:0".parse().unwrap());
    assert_eq!(engine.data, folder.path("var/data"));
    assert_eq!((engine.shards, engine.in_flight_max, engine.in_flight_per_host_max), (3, 500, 2));
    assert!(engine.record_results);
}

#[test]
fn the_revision_follows_the_texts_of_all_files() {
    let checks = "hosts: { h: { address: 10.0.0.1, services: { s: { tcp: 1 } } } }\n";
    let revision = |text: &str| Folder::acme(text).load().plan.unwrap().engine.revision;
    assert_eq!(revision(checks), revision(checks));
    assert_ne!(revision(checks), revision(&checks.replace("tcp: 1", "tcp: 2")));
}

#[test]
fn placeholders_are_filled_in() {
    let checks = "
hosts:
  h:
    address: 10.0.0.1
    alive: none
    services:
      a: { http: { url: \"http://x/$$/${file:path.txt}?v=${env:CARGO_PKG_NAME}\", password: \"${secret:pw}\" } }
      b: { tcp: \"${file:port.txt}\" }
";
    let folder = Folder::of(&[
        ("config.yaml", "checks: [acme.yaml]\n"),
        ("acme.yaml", checks),
        ("path.txt", "a/b\n"),
        ("port.txt", "99\r\n"),
        ("secrets/pw", "pass word\n\n"),
    ]);
    let plan = folder.load().plan.unwrap();
    let params = &plan.services[0].asked.params;
    assert_eq!(params.text("url"), Some("http://x/$/a/b?v=config"));
    assert_eq!(params.text("password"), Some("pass word\n"), "one line end is taken off");
    assert!(matches!(params.get("password"), Some(Value::Secret(_))));
    assert_eq!(plan.services[1].asked.params.number("port"), Some(99));
}

/// Runs itself again with the variable, since a test must not change its own environment.
#[test]
fn secrets_come_from_the_environment_first() {
    const VARIABLE: &str = "CAMPANILE_SECRET_FROM_ENV";
    if std::env::var_os(VARIABLE).is_none() {
        let done = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "plan::secrets_come_from_the_environment_first"])
            .env(VARIABLE, "by variable")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        return;
    }
    let checks =
        "services: { s: { http: { url: \"http://x/\", password: \"${secret:from-env}\" } } }\n";
    let folder = Folder::of(&[
        ("config.yaml", "checks: [acme.yaml]\n"),
        ("acme.yaml", checks),
        ("secrets/from-env", "by file\n"),
    ]);
    let plan = folder.load().plan.unwrap();
    assert_eq!(plan.services[0].asked.params.text("password"), Some("by variable"));
}

#[test]
fn secret_parameters_are_secret_however_they_are_written() {
    let plan = plan("services: { s: { http: { url: \"http://x/\", password: plain } } }\n");
    assert!(matches!(plan.services[0].asked.params.get("password"), Some(Value::Secret(_))));
    assert!(!format!("{plan:?}").contains("plain"));
}

#[test]
fn durations_keep_their_unit() {
    let plan =
        plan("hosts: { h: { address: 10.0.0.1, services: { s: { tcp: 1, every: 1h30m } } } }\n");
    assert_eq!(plan.services[0].asked.check.every, Duration::from_secs(5400));
}
