//! Where settings come from, as `campanile explain` prints it.

use config::{Loaded, explain};
use expect_test::{Expect, expect};

use crate::folder::Folder;

fn example() -> Loaded {
    Folder::of(&[
        (
            "config.yaml",
            "\
engine: { timezone: Europe/Berlin }
checks: [checks]
defaults: { retry: 5 x 10s, labels: { by: noc } }
",
        ),
        (
            "checks/templates/standard.yaml",
            "\
templates:
  linux:
    every: 2m
    labels: { os: linux }
    snmp: { version: 2c, community: public-but-hidden }
    services:
      disk /: { snmp: hrStorage, warn: over 85%, crit: over 95% }
",
        ),
        (
            "checks/acme.yaml",
            "\
every: 3m
labels: { country: NO }
sites: { hq: { timezone: Europe/Oslo } }
hosts:
  fw: { address: 10.0.0.1, alive: none, services: { ping: } }
  db:
    address: 10.0.0.2
    use: [linux]
    site: hq
    behind: fw
    labels: { os: debian }
    services:
      disk /: { warn: over 80%, every: 10s, period: Mon-Fri 08:00-18:00 }
services:
  shop:
    http: { url: \"http://joe:pw@x/\", headers: { Authorization: abc, Accept: text }, password: \"${secret:x}\" }
",
        ),
    ])
    .load()
}

fn check(name: &str, expected: Expect) {
    expected.assert_eq(&explain(&example(), name).unwrap().render());
}

#[test]
fn a_service_with_all_its_layers() {
    check(
        "acme/db/disk /",
        expect![[r#"
            acme/db/disk /

              kind              snmp                 template linux  checks/templates/standard.yaml:7:17
              snmp.get          hrStorage            template linux  checks/templates/standard.yaml:7:23
              snmp.version      2c                   template linux  checks/templates/standard.yaml:5:22
              snmp.community    (secret)             template linux  checks/templates/standard.yaml:5:37
              every             10s                  service         checks/acme.yaml:13:40
                              - 3m                   customer        checks/acme.yaml:1:8
                              - 2m                   template linux  checks/templates/standard.yaml:3:12
                              - 1m                   built-in
              timeout           5s                   built-in
              retry             5 x 10s              defaults        config.yaml:3:20
                              - 3 x 20s              built-in
              states            campanile            built-in
              flapping.high     30%                  built-in
              flapping.low      20%                  built-in
              period            Mon-Fri 08:00-18:00  service         checks/acme.yaml:13:53
                              - always               built-in
              timezone          Europe/Oslo          site            checks/acme.yaml:3:26
                              - Europe/Berlin        engine          config.yaml:1:21
                              - UTC                  built-in
              value.warn        over 80%             service         checks/acme.yaml:13:23
                              - over 85%             template linux  checks/templates/standard.yaml:7:40
              value.crit        over 95%             template linux  checks/templates/standard.yaml:7:56
              labels.by         noc                  defaults        config.yaml:3:43
              labels.country    NO                   customer        checks/acme.yaml:2:20
              labels.os         debian               host            checks/acme.yaml:11:19
                              - linux                template linux  checks/templates/standard.yaml:4:19
        "#]],
    );
}

#[test]
fn a_host() {
    check(
        "acme/db",
        expect![[r#"
            acme/db

              address                10.0.0.2   host            checks/acme.yaml:7:14
              behind                 fw         host            checks/acme.yaml:10:13
              site                   hq         host            checks/acme.yaml:9:11
              alive.kind             ping       built-in
              alive.every            3m         customer        checks/acme.yaml:1:8
                                   - 2m         template linux  checks/templates/standard.yaml:3:12
                                   - 1m         built-in
              alive.timeout          10s        built-in
              alive.retry            5 x 10s    defaults        config.yaml:3:20
                                   - 3 x 20s    built-in
              alive.states           campanile  built-in
              alive.flapping.high    30%        built-in
              alive.flapping.low     20%        built-in
              alive.period           always     built-in
              labels.by              noc        defaults        config.yaml:3:43
              labels.country         NO         customer        checks/acme.yaml:2:20
              labels.os              debian     host            checks/acme.yaml:11:19
                                   - linux      template linux  checks/templates/standard.yaml:4:19
        "#]],
    );
    check(
        "acme/fw",
        expect![[r#"
            acme/fw

              address           10.0.0.1      host      checks/acme.yaml:5:18
              alive             none          host      checks/acme.yaml:5:35
                              - { ping: {} }  built-in
              labels.by         noc           defaults  config.yaml:3:43
              labels.country    NO            customer  checks/acme.yaml:2:20
        "#]],
    );
}

#[test]
fn a_service_without_host_and_its_secrets() {
    check(
        "acme/-/shop",
        expect![[r#"
            acme/-/shop

              kind                          http                    service   checks/acme.yaml:16:5
              http.url                      http://joe:(secret)@x/  service   checks/acme.yaml:16:18
              http.headers.Accept           text                    service   checks/acme.yaml:16:77
              http.headers.Authorization    (secret)                service   checks/acme.yaml:16:64
              http.password                 ${secret:x}             service   checks/acme.yaml:16:95
              every                         3m                      customer  checks/acme.yaml:1:8
                                          - 1m                      built-in
              timeout                       10s                     built-in
              retry                         5 x 10s                 defaults  config.yaml:3:20
                                          - 3 x 20s                 built-in
              states                        campanile               built-in
              period                        always                  built-in
              labels.by                     noc                     defaults  config.yaml:3:43
              labels.country                NO                      customer  checks/acme.yaml:2:20
        "#]],
    );
}

#[test]
fn the_same_as_json() {
    let json = explain(&example(), "acme/fw/ping").unwrap().render_json();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["name"], "acme/fw/ping");
    let settings = json["settings"].as_array().unwrap();
    let every = settings.iter().find(|it| it["name"] == "every").unwrap();
    assert_eq!(every["value"], "3m");
    assert_eq!(every["layer"], "customer");
    assert_eq!(every["file"], "checks/acme.yaml");
    assert_eq!((&every["line"], &every["column"]), (&1.into(), &8.into()));
    assert_eq!(every["overridden"][0]["value"], "1m");
    assert_eq!(every["overridden"][0]["file"], serde_json::Value::Null);
}

#[test]
fn unknown_names_get_a_suggestion() {
    let loaded = example();
    let said: Vec<String> =
        ["acmee/db", "acme/dbb/disk /", "acme/db/disk", "acme/-/shopp", "x/y", "acme"]
            .iter()
            .map(|it| explain(&loaded, it).unwrap_err().to_string())
            .collect();
    expect![[r#"
        no host, service or watchdog is called `acmee/db`; did you mean acme/db?
        no host, service or watchdog is called `acme/dbb/disk /`; did you mean acme/db/disk /?
        no host, service or watchdog is called `acme/db/disk`; did you mean acme/db/disk /?
        no host, service or watchdog is called `acme/-/shopp`; did you mean acme/-/shop?
        no host, service or watchdog is called `x/y`
        no host, service or watchdog is called `acme`
    "#]]
    .assert_eq(&(said.join("\n") + "\n"));
}

#[test]
fn what_only_follows_from_others_is_told_too() {
    let loaded = Folder::of(&[
        ("config.yaml", "checks: [checks]\n"),
        (
            "checks/acme.yaml",
            "\
alive: none
hosts:
  ap[08..10]:
    address: \"10.0.9.[8..10]\"
    services:
      a: { tcp: 1, states: nagios }
      b: { tcp: 1, states: nagios, flapping: { high: 42.5% } }
      c: { tcp: 1, states: icinga, flapping: off }
  gw: { address: \"::1\", services: { ping: } }
",
        ),
    ])
    .load();
    assert_eq!(loaded.errors(), 0, "{}", loaded.render(false));
    let told = |name: &str, prefix: &str| -> Vec<String> {
        let all = explain(&loaded, name).unwrap().settings;
        let wanted = all.into_iter().filter(|it| it.name.starts_with(prefix));
        wanted.map(|it| format!("{} {} {}", it.name, it.value.text, it.value.layer)).collect()
    };
    assert_eq!(told("acme/ap09", "address"), ["address 10.0.9.9 host"]);
    assert_eq!(told("acme/ap10", "address"), ["address 10.0.9.10 host"]);
    assert_eq!(told("acme/gw", "address"), ["address ::1 host"]);
    assert_eq!(told("acme/ap08/a", "flapping"), ["flapping off built-in"]);
    let tuned = ["flapping.high 42.5% service", "flapping.low 20% built-in"];
    assert_eq!(told("acme/ap08/b", "flapping"), tuned);
    assert_eq!(told("acme/ap08/c", "flapping"), ["flapping off service"]);
    let of_itself = ["flapping.high 30% built-in", "flapping.low 20% built-in"];
    assert_eq!(told("acme/gw/ping", "flapping"), of_itself);
}
