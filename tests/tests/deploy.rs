//! What lies under `deploy/` works: Prometheus scrapes a running engine as the example says, takes
//! the rules, and answers every query of every panel.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use tests::{Certificate, ENGINE_YAML, Engine, Exposition, Nginx, PrometheusServer, Snmpd};

/// Every dashboard by its file name.
const DASHBOARDS: [&str; 4] = ["overview", "kinds", "engine", "watchdogs"];

fn read(path: &str) -> String {
    fs::read_to_string(xtask::root().join("deploy").join(path)).unwrap()
}

fn promtool(words: &[&str]) -> Output {
    let folder = xtask::root().join("deploy/prometheus");
    Command::new("promtool").current_dir(folder).args(words).output().unwrap()
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    for words in [["check", "rules"], ["test", "rules"]] {
        let file = match words[0] {
            "test" => "campanile.rules.test.yaml",
            _ => "campanile.rules.yaml",
        };
        let output = promtool(&[words[0], words[1], file]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn every_alert_has_a_test() {
    let (rules, tests) =
        (read("prometheus/campanile.rules.yaml"), read("prometheus/campanile.rules.test.yaml"));
    let alerts: Vec<&str> =
        rules.lines().filter_map(|it| it.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert} has no test");
    }
}

/// By which way mails of the scene come in.
const INLET: &str = "inlet: { domains: [in.msp.example], smtp: { listen: \"127.0.0.1:0\" } }\n";
/// Its backup is expected so far ahead, today or tomorrow; its slot is open all the time before.
const EXPECTED_AHEAD: Duration = Duration::from_secs(3 * 3_600);

/// An engine that sees every kind of check, good and bad, and hears of a backup and of a script.
struct Scene {
    engine: Engine,
    _servers: (Nginx, Nginx, Snmpd),
    _certificate: Certificate,
}

impl Scene {
    fn new() -> Self {
        let certificate = Certificate::for_name("localhost", 30);
        let plain = Nginx::start("location / { return 200 \"fine\\n\"; }");
        let secure = Nginx::start_tls(&certificate, "location / { return 200 \"fine\\n\"; }");
        let agent = Snmpd::start("rocommunity public 127.0.0.1\n");
        let checks =
            checks(plain.port(), secure.port(), agent.port(), certificate.chain().as_path());
        let main = format!("{ENGINE_YAML}{INLET}");
        let engine = Engine::start(&main, &[("acme", &checks), ("borealis", &watchdogs())]);
        Self { engine, _servers: (plain, secure, agent), _certificate: certificate }
    }

    /// Everything that is to be seen has been seen.
    fn settle(&self) -> Exposition {
        for service in ["web", "shop", "port", "uptime", "line"] {
            self.engine.wait_for_hard(&format!("acme/up/{service}"), 0);
        }
        self.engine.wait_for_hard("acme/up/closed", 2);
        self.engine.wait_for_host("acme/up", 0);
        self.engine.wait_for_host("acme/dead", 1);
        self.engine.wait_for_host("acme/beyond", 2);
        self.reports_come();
        self.engine.wait_for("a backup and a ping", |it| {
            let of = |name: &str, watchdog: &str| it.value(name, &[("watchdog", watchdog)]);
            of("campanile_watchdog_size_bytes", "nightly").is_some()
                && of("campanile_watchdog_next_due_timestamp_seconds", "script").is_some()
        })
    }

    /// A mail of Proxmox VE with size and duration, and a ping.
    fn reports_come(&self) {
        let api = self.engine.api();
        let secrets =
            |job: &str| api.get(&format!("/api/v1/watchdogs/{}/secrets", tests::encoded(job)));
        let address = secrets("borealis/nightly")["addresses"][0].as_str().unwrap().to_owned();
        let example = xtask::root().join("crates/inlet/src/formats/examples/vzdump/good.eml");
        let mail = fs::read_to_string(example).unwrap();
        let to = mail.lines().find(|it| it.starts_with("To: ")).unwrap();
        let mail = mail.replace(to, &format!("To: {address}"));
        let file = self.engine.sandbox().write("vzdump.eml", &mail);
        let output = Command::new("swaks")
            .args(["--server", &self.mail_door(), "--helo", "pve1.acme.example"])
            .args(["--from", "root@pve1.acme.example", "--to", &address])
            .arg("--data")
            .arg(format!("@{}", file.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let path = secrets("borealis/script")["ping"].as_str().unwrap().to_owned();
        assert_eq!(self.engine.page(&path).code, 200);
    }

    /// Where mails are taken, as the log says it.
    fn mail_door(&self) -> String {
        let said = "mails are taken at ";
        self.engine.wait_for_log(said);
        let log = self.engine.log();
        let (_, rest) = log.split_once(said).unwrap();
        let is_address = |it: char| it.is_ascii_digit() || it == '.' || it == ':';
        rest.split(|it| !is_address(it)).next().unwrap().to_owned()
    }
}

fn watchdogs() -> String {
    let by = tests::rfc3339(EXPECTED_AHEAD)[11..16].to_owned();
    format!(
        "customer: borealis\ntimezone: UTC\nwatchdogs:\n  \
         nightly: {{ reads: vzdump, expect: daily by {by}, early: 6h, grace: 1h }}\n  \
         script: {{ ping: yes, expect: every 1h, grace: 10m }}\n"
    )
}

fn checks(plain: u16, secure: u16, agent: u16, chain: &Path) -> String {
    let closed = tests::free_port();
    let chain = chain.display();
    format!(
        r#"
customer: acme
hosts:
  up:
    address: 127.0.0.1
    every: 2s
    timeout: 1s
    retry: 2 x 1s
    snmp: {{ version: 2c, community: public, port: {agent} }}
    services:
      web: {{ http: "http://127.0.0.1:{plain}/" }}
      shop: {{ http: {{ url: "https://localhost:{secure}/", ca: "{chain}" }}, cert: {{ warn: under 7d }} }}
      port: {{ tcp: {plain} }}
      closed: {{ tcp: {closed} }}
      uptime: {{ snmp: sysUpTime }}
      line: {{ ping: {{}} }}
  dead:
    address: 127.0.0.1
    every: 2s
    timeout: 1s
    retry: 2 x 1s
    alive: {{ tcp: {closed} }}
  beyond:
    address: 127.0.0.1
    every: 2s
    timeout: 1s
    retry: 2 x 1s
    behind: dead
    alive: {{ tcp: {closed} }}
"#
    )
}

/// A Prometheus with our own example configuration, only faster and pointed at the test's engine.
fn prometheus(engine: &Engine) -> PrometheusServer {
    let example = read("prometheus/scrape.example.yaml");
    assert!(example.contains("127.0.0.1:8080") && example.contains("scrape_interval: 15s"));
    let config = example
        .replace("127.0.0.1:8080", &engine.address().to_string())
        .replace("scrape_interval: 15s", "scrape_interval: 1s");
    let config = format!("global: {{ evaluation_interval: 1s }}\n{config}");
    let rules = read("prometheus/campanile.rules.yaml");
    PrometheusServer::start(&config, &[("campanile.rules.yaml", &rules)])
}

/// A query of a dashboard, and where it stands.
struct Query {
    place: String,
    expression: String,
}

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for name in DASHBOARDS {
        let board = dashboard(name);
        let mut panels: Vec<&Value> = board["panels"].as_array().unwrap().iter().collect();
        while let Some(panel) = panels.pop() {
            panels.extend(panel["panels"].as_array().into_iter().flatten());
            let targets = panel["targets"].as_array().into_iter().flatten();
            queries.extend(targets.map(|target| Query {
                place: format!("{name}: {}", panel["title"].as_str().unwrap()),
                expression: substituted(target["expr"].as_str().unwrap()),
            }));
        }
    }
    queries
}

fn dashboard(name: &str) -> Value {
    serde_json::from_str(&read(&format!("grafana/{name}.json"))).unwrap()
}

/// As Grafana would fill in the variables when everything is chosen.
fn substituted(expression: &str) -> String {
    let filled = expression
        .replace("$__rate_interval", "20s")
        .replace("$customer", ".+")
        .replace("$kind", ".+")
        .replace("$instance", ".+");
    assert!(!filled.contains('$'), "an unknown variable in {expression}");
    filled
}

#[test]
fn every_query_of_every_panel_returns_data() {
    let scene = Scene::new();
    scene.settle();
    let prometheus = prometheus(&scene.engine);
    let queries = queries();
    assert!(queries.len() > 40, "the dashboards have lost their panels");
    let mut open: Vec<&Query> = queries.iter().collect();
    tests::until("data in every panel", || {
        let mut silent = Vec::new();
        open.retain(|query| match prometheus.query(&query.expression) {
            Ok(found) if !found.is_empty() => false,
            Ok(_) => {
                silent.push(format!("{}: nothing for {}", query.place, query.expression));
                true
            }
            Err(why) => panic!("{}: {}\n{why}", query.place, query.expression),
        });
        if silent.is_empty() { Ok(()) } else { Err(silent.join("\n")) }
    });
    every_variable_has_values(&prometheus);
    the_rules_are_evaluated(&prometheus);
}

/// `label_values(metric, label)` of every variable.
fn every_variable_has_values(prometheus: &PrometheusServer) {
    for name in DASHBOARDS {
        let board = dashboard(name);
        for variable in board["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "datasource" {
                continue;
            }
            let query = variable["query"]["query"].as_str().unwrap();
            let inside = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
            let (metric, label) = inside.split_once(", ").unwrap();
            let values = prometheus
                .api(&format!("label/{label}/values"), &[("match%5B%5D", metric)])
                .unwrap();
            assert!(!values.as_array().unwrap().is_empty(), "{name}: no values for {query}");
        }
    }
}

/// No rule fails at evaluation, and those that must speak do.
fn the_rules_are_evaluated(prometheus: &PrometheusServer) {
    for alert in ["CampanileServiceCritical", "CampanileHostDown"] {
        tests::until(alert, || {
            let firing = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}");
            match prometheus.query(&firing)?.is_empty() {
                true => Err("it does not fire".to_owned()),
                false => Ok(()),
            }
        });
    }
    let rules = prometheus.api("rules", &[]).unwrap();
    for group in rules["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }
}

/// Every series that a panel or a rule names is one that the engine serves, or at least declares.
#[test]
fn dashboards_and_rules_name_only_series_that_exist() {
    let scene = Scene::new();
    let metrics = scene.settle();
    let mut known: BTreeSet<String> = metrics.names().into_iter().map(str::to_owned).collect();
    for (family, kind) in &metrics.families {
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(suffixes.iter().map(|suffix| format!("{family}{suffix}")));
    }
    let rules = read("prometheus/campanile.rules.yaml");
    let expressions = queries().into_iter().map(|query| (query.place, query.expression));
    for (place, text) in expressions.chain([("rules".to_owned(), rules)]) {
        for name in series_in(&text) {
            assert!(known.contains(name), "{place}: the engine has no {name}");
        }
    }
}

/// Words that begin like one of our series.
fn series_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_')).filter(|word| {
        let ours = word.starts_with("campanile_") || word.starts_with("probe_");
        ours && word.len() > "campanile_".len()
    })
}

#[test]
fn the_unit_calls_verbs_that_exist() {
    let unit = read("systemd/campanile.service");
    let calls: Vec<&str> = unit
        .lines()
        .filter_map(|it| it.split_once("=/usr/bin/campanile "))
        .map(|it| it.1)
        .collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    for call in calls {
        let verb = call.split(' ').next().unwrap();
        let output = tests::Sandbox::new().campanile(&[verb, "--help"]);
        assert!(output.status.success(), "campanile has no {verb}");
    }
}
