//! Real outages of real servers are believed with the right cause, told apart from what they take
//! with them, and forgotten when they are over.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::net::TcpListener;

use tests::{Change, ENGINE_YAML, Engine, Netns, Nginx, Snmpd, free_port};

const OK: u8 = 0;
const CRITICAL: u8 = 2;
const UP: u8 = 0;
const DOWN: u8 = 1;
const UNREACHABLE: u8 = 2;

/// Causes of silence at the end of a link: nobody says a word, or whoever stands before it finds no
/// neighbour there.
const SILENT: [&str; 2] = ["timeout", "unreachable"];

/// Settings of every host here: quick, and two bad answers to be believed.
const QUICK: &str = "every: 2s, timeout: 1s, retry: 2 x 1s";

/// The change that made `name` hard in `status`.
fn last_hard(engine: &Engine, name: &str, status: &str) -> Change {
    let changes = engine.changes_to(name, status);
    changes.into_iter().rev().find(|it| it.hard).unwrap()
}

#[test]
fn a_stopped_web_server_is_refused_at_the_second_attempt_and_comes_back() {
    let mut nginx = Nginx::start("location / { return 200 \"fine\\n\"; }");
    let checks = format!(
        "customer: acme\nhosts:\n  web: {{ address: 127.0.0.1, {QUICK}, alive: none, services: {{ \
         http: {{ http: \"http://127.0.0.1:{0}/\" }}, port: {{ tcp: {0} }} }} }}\n",
        nginx.port()
    );
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_hard("acme/web/http", OK);
    engine.wait_for_hard("acme/web/port", OK);
    nginx.stop();
    for service in ["acme/web/http", "acme/web/port"] {
        engine.wait_for_hard(service, CRITICAL);
        let changes = engine.changes_to(service, "CRITICAL");
        let soft = changes.iter().find(|it| it.status == "CRITICAL" && !it.hard);
        assert_eq!(soft.map(|it| it.attempt), Some(1), "{changes:#?}");
        let hard = last_hard(&engine, service, "CRITICAL");
        assert_eq!((hard.attempt, hard.cause.as_str()), (2, "refused"), "{changes:#?}");
    }
    nginx.start_again();
    engine.wait_for_hard("acme/web/http", OK);
    engine.wait_for_hard("acme/web/port", OK);
}

#[test]
fn a_closed_port_is_believed_and_an_open_one_again() {
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let checks =
        format!("customer: acme\nservices:\n  door: {{ tcp: \"127.0.0.1:{port}\", {QUICK} }}\n");
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_hard("acme/-/door", OK);
    drop(listener);
    engine.wait_for_hard("acme/-/door", CRITICAL);
    assert_eq!(last_hard(&engine, "acme/-/door", "CRITICAL").cause, "refused");
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    engine.wait_for_hard("acme/-/door", OK);
}

#[test]
fn an_agent_that_is_gone_or_silent_is_believed_with_its_cause() {
    let mut agent = Snmpd::start("rocommunity public 127.0.0.1\n");
    let checks = format!(
        "customer: acme\nhosts:\n  switch: {{ address: 127.0.0.1, {QUICK}, alive: none, snmp: {{ \
         version: 2c, community: public, port: {} }}, services: {{ uptime: {{ snmp: sysUpTime }} }} \
         }}\n",
        agent.port()
    );
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_hard("acme/switch/uptime", OK);
    agent.signal("STOP");
    engine.wait_for_hard("acme/switch/uptime", CRITICAL);
    assert_eq!(last_hard(&engine, "acme/switch/uptime", "CRITICAL").cause, "timeout");
    agent.signal("CONT");
    engine.wait_for_hard("acme/switch/uptime", OK);
    agent.stop();
    engine.wait_for_hard("acme/switch/uptime", CRITICAL);
    assert_eq!(last_hard(&engine, "acme/switch/uptime", "CRITICAL").cause, "refused");
    agent.start_again();
    engine.wait_for_hard("acme/switch/uptime", OK);
}

#[test]
fn a_cut_link_makes_its_host_down_and_what_is_behind_it_unreachable() {
    let router = Netns::new();
    let server = Netns::behind(&router);
    let checks = format!(
        "customer: acme\nhosts:\n  router: {{ address: {}, {QUICK} }}\n  server: {{ address: {}, \
         {QUICK}, behind: router, services: {{ line: {{ ping: {{}} }} }} }}\n",
        router.address(),
        server.address()
    );
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_host("acme/router", UP);
    engine.wait_for_host("acme/server", UP);
    engine.wait_for_hard("acme/server/line", OK);
    router.cut();
    engine.wait_for_host("acme/router", DOWN);
    engine.wait_for_host("acme/server", UNREACHABLE);
    let router_down = last_hard(&engine, "acme/router", "DOWN");
    assert_eq!(router_down.attempt, 2);
    assert!(SILENT.contains(&router_down.cause.as_str()), "{router_down:?}");
    let server_changes = engine.changes_to("acme/server", "UNREACHABLE");
    let down = server_changes.iter().any(|it| it.hard && it.status == "DOWN");
    assert!(!down, "the server was taken for down: {server_changes:#?}");
    router.mend();
    engine.wait_for_host("acme/router", UP);
    engine.wait_for_host("acme/server", UP);
    engine.wait_for_hard("acme/server/line", OK);
}

#[test]
fn only_the_far_host_is_down_when_the_router_still_answers() {
    let router = Netns::new();
    let server = Netns::behind(&router);
    let checks = format!(
        "customer: acme\nhosts:\n  router: {{ address: {}, {QUICK} }}\n  server: {{ address: {}, \
         {QUICK}, behind: router }}\n",
        router.address(),
        server.address()
    );
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_host("acme/server", UP);
    server.cut();
    engine.wait_for_host("acme/server", DOWN);
    let cause = last_hard(&engine, "acme/server", "DOWN").cause;
    assert!(SILENT.contains(&cause.as_str()), "{cause}");
    assert_eq!(engine.metrics().host("acme/router").map(|it| it.state), Some(UP));
    server.mend();
    engine.wait_for_host("acme/server", UP);
}
