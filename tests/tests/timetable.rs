//! When looks are made: spread over the interval from the start on, in the same places after a
//! reload, no more at once than is allowed, and not outside their period.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tests::{ENGINE_YAML, Engine, Exposition, Page, Snmpd, free_port};

/// Interval of the services below, in seconds.
const EVERY_SECS: f64 = 20.0;
/// Enough to see whether they are spread.
const SERVICES: usize = 400;

/// Where in its interval each service was looked at last, in seconds.
fn places(metrics: &Exposition) -> BTreeMap<String, f64> {
    let name = "campanile_service_last_check_timestamp_seconds";
    metrics
        .all(name, &[("customer", "acme")])
        .map(|(series, at)| {
            let path = format!("{}/{}", series.labels["host"], series.labels["service"]);
            (path, at.rem_euclid(EVERY_SECS))
        })
        .collect()
}

/// How far apart two places are, around the end of the interval if that is shorter.
fn apart(one: f64, other: f64) -> f64 {
    let distance = (one - other).abs();
    distance.min(EVERY_SECS - distance)
}

/// `count` services at ports where nobody listens, and three at an agent.
fn many(count: usize, agent: u16) -> String {
    let closed = free_port();
    let settings = "alive: none, every: 20s, timeout: 2s, retry: 1 x 20s";
    let objects = ["sysUpTime", "sysContact", "sysName"];
    let asks: Vec<_> = objects.iter().map(|it| format!("{it}: {{ snmp: {it} }}")).collect();
    format!(
        "hosts:\n  h[1..{count}]: {{ address: 127.0.0.1, {settings}, services: {{ a: {{ tcp: \
         {closed} }} }} }}\n  agent: {{ address: 127.0.0.1, {settings}, snmp: {{ port: {agent} }}, \
         services: {{ {} }} }}\n",
        asks.join(", ")
    )
}

fn wait_for_all(engine: &Engine, count: usize) -> BTreeMap<String, f64> {
    places(&engine.wait_for("a look at everybody", |it| places(it).len() == count + 3))
}

#[test]
fn neither_a_start_nor_a_reload_asks_all_at_once() {
    let agent = Snmpd::start("rocommunity public 127.0.0.1\n");
    let checks = many(SERVICES, agent.port());
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    let first = wait_for_all(&engine, SERVICES);
    for from in 0..20 {
        let from = f64::from(from);
        let crowd = first.values().filter(|it| (from..from + 1.0).contains(*it)).count();
        // A twentieth is due in each second; half of all would be a burst on any machine.
        assert!(crowd < SERVICES / 2, "{crowd} looks in the second {from}");
    }
    let together: Vec<f64> =
        first.iter().filter(|it| it.0.starts_with("agent/")).map(|it| *it.1).collect();
    assert!(together.iter().all(|it| apart(*it, together[0]) < 1.0), "{together:?}");

    engine.sandbox().write("checks/acme.yaml", &checks.replace("h[1..400]", "h[1..401]"));
    assert_eq!(Page::ask(engine.address(), "POST", "/-/reload").unwrap().code, 200);
    let looks = |it: &Exposition| it.sum("campanile_checks_total", &[("kind", "tcp")]);
    let before = looks(&engine.metrics());
    engine.wait_for("another round", |it| looks(it) >= before + SERVICES as f64);
    let second = wait_for_all(&engine, SERVICES + 1);
    let stayed = first.iter().filter(|it| apart(*it.1, second[it.0]) < 1.0).count();
    assert!(stayed > SERVICES / 2, "only {stayed} have kept their place in the interval");
}

/// A server that thinks before it answers, and knows how many it had to do with at once.
struct Slow {
    port: u16,
    most: Arc<AtomicUsize>,
}

impl Slow {
    const THINKS: Duration = Duration::from_millis(300);

    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let kept = Arc::clone(&most);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (now, most) = (Arc::clone(&now), Arc::clone(&kept));
                thread::spawn(move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    thread::sleep(Self::THINKS);
                    // Before the answer: with it the look is over.
                    now.fetch_sub(1, SeqCst);
                    // A client that has gone is its own affair.
                    let _ = stream.write_all(b"ready").is_ok() && stream.read(&mut [0; 9]).is_ok();
                });
            }
        });
        Self { port, most }
    }

    fn most_at_once(&self) -> usize {
        self.most.load(SeqCst)
    }
}

/// `hosts` hosts with ten services each at the slow server.
fn crowd(hosts: usize, port: u16) -> String {
    let ask = format!("{{ tcp: {{ port: {port}, expect: ready }} }}");
    let services: Vec<_> = (0..10).map(|it| format!("s{it}: {ask}")).collect();
    format!(
        "hosts:\n  h[1..{hosts}]: {{ address: 127.0.0.1, alive: none, every: 2s, timeout: 1900ms, \
         retry: 1 x 2s, services: {{ {} }} }}\n",
        services.join(", ")
    )
}

/// Runs until the engine had to leave looks out for want of a place.
fn crowded(limits: &str, hosts: usize) -> (Slow, Engine) {
    let server = Slow::start();
    let config = ENGINE_YAML.replace("data: data", &format!("data: data\n  {limits}"));
    let engine = Engine::start(&config, &[("acme", &crowd(hosts, server.port))]);
    engine.wait_for("looks that were made, and some that were not", |it| {
        let left_out = [("kind", "tcp"), ("reason", "limit")];
        it.sum("campanile_checks_skipped_total", &left_out) >= 5.0
            && it.sum("campanile_checks_total", &[("result", "ok")]) >= 10.0
    });
    (server, engine)
}

#[test]
fn one_host_is_not_asked_more_at_once_than_it_may_be() {
    let (server, engine) = crowded("in_flight_per_host: 1", 1);
    assert_eq!(server.most_at_once(), 1);
    let bad = engine.metrics().sum("campanile_checks_total", &[("result", "critical")]);
    assert_eq!(bad, 0.0, "what waited for its turn was called down");
}

#[test]
fn all_hosts_together_are_not_asked_more_at_once_than_is_allowed() {
    let (server, engine) = crowded("in_flight: 16\n  shards: 2", 20);
    let most = server.most_at_once();
    assert!((1..=16).contains(&most), "{most} at once");
    let bad = engine.metrics().sum("campanile_checks_total", &[("result", "critical")]);
    assert_eq!(bad, 0.0, "what waited for its turn was called down");
}

#[test]
fn outside_its_period_nobody_is_looked_at_and_that_is_no_fault() {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // 1970 began on a Thursday; three days from now is not today, whatever the clock does.
    let day = DAYS[usize::try_from((now / 86_400 + 3) % 7).unwrap()];
    let closed = free_port();
    let checks = format!(
        "every: 1s\ntimeout: 500ms\nretry: 1 x 1s\nservices:\n  open: {{ tcp: \
         \"127.0.0.1:{closed}\" }}\n  shut: {{ tcp: \"127.0.0.1:{closed}\", period: {day} }}\n"
    );
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_hard("acme/-/open", 2);
    let metrics = engine.wait_for("a look that was left out", |it| {
        it.sum("campanile_checks_skipped_total", &[("reason", "period")]) >= 1.0
    });
    assert!(metrics.service("acme/-/shut").is_none(), "it was looked at");
    let stale = metrics.value("campanile_service_stale", &[("service", "shut")]);
    assert_eq!(stale, Some(0.0));
}
