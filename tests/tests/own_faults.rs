//! Our own troubles are never shown as the target's: too few descriptors, no right to ping, a
//! process that stood still.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use tests::{ENGINE_YAML, Engine, Exposition, Sandbox};

/// How long the slow server thinks before it answers: long enough that looks overlap.
const THINKS: Duration = Duration::from_millis(300);

/// A server that answers every connection with `ready` after a while. Lives as long as the test.
fn slow_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    thread::sleep(THINKS);
    // A client that has gone is its own affair.
    drop(stream.write_all(b"ready\r\n"));
    drop(stream.read(&mut [0; 16]));
}

/// `count` services that ask the slow server every second.
fn many(count: usize, port: u16) -> String {
    let mut text = "customer: acme\nhosts:\n".to_owned();
    for host in 0..count.div_ceil(10) {
        text.push_str(&format!(
            "  h{host}: {{ address: 127.0.0.1, alive: none, every: 2s, timeout: 1s, retry: 1 x 1s, \
             services: {{"
        ));
        for service in 0..10 {
            text.push_str(&format!(" s{service}: {{ tcp: {{ port: {port}, expect: ready }} }},"));
        }
        text.push_str(" } }\n");
    }
    text
}

/// Starts an engine through a program that changes what it may do.
fn start_under(program: &[&str], checks: &str) -> Engine {
    let sandbox = Sandbox::new();
    sandbox.write("config.yaml", ENGINE_YAML);
    sandbox.write("checks/acme.yaml", checks);
    let campanile = sandbox.command();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(campanile.get_program()).args(["run", "config.yaml"]);
    command.current_dir(sandbox.path());
    Engine::start_as(Arc::new(sandbox), &mut command)
}

fn checks_of(metrics: &Exposition, kind: &str, result: &str) -> f64 {
    metrics.sum("campanile_checks_total", &[("kind", kind), ("result", result)])
}

#[test]
fn with_few_descriptors_looks_wait_and_nothing_is_called_down() {
    let port = slow_server();
    let engine = start_under(&["prlimit", "--nofile=96:96"], &many(200, port));
    let metrics =
        engine.wait_for("a thousand good looks", |it| checks_of(it, "tcp", "ok") > 1_000.0);
    assert_eq!(checks_of(&metrics, "tcp", "critical"), 0.0, "{}", engine.log());
    assert!(engine.log().contains("LimitNOFILE"), "the remedy is in the log: {}", engine.log());
}

#[test]
fn without_the_right_to_ping_looks_are_blind_and_the_remedy_is_said() {
    let checks = "customer: acme\nhosts:\n  web: { address: 127.0.0.1, every: 1s, timeout: 500ms, \
                  retry: 1 x 1s, services: { line: { ping: {} } } }\n";
    let engine = start_under(&["setpriv", "--bounding-set=-net_raw"], checks);
    let blind = [("kind", "ping"), ("cause", "no-right")];
    let metrics = engine
        .wait_for("five blind looks", |it| it.sum("campanile_checks_blind_total", &blind) >= 5.0);
    assert_eq!(checks_of(&metrics, "ping", "critical"), 0.0);
    assert!(engine.log().contains("cap_net_raw"), "the remedy is in the log: {}", engine.log());
    assert!(engine.sandbox().changes("acme/web/line").is_empty(), "blindness was believed");
    assert!(engine.sandbox().changes("acme/web").is_empty(), "blindness was believed");
}

#[test]
fn what_was_under_way_while_the_process_stood_still_is_blind() {
    let port = slow_server();
    let mut engine = Engine::start(ENGINE_YAML, &[("acme", &many(40, port))]);
    engine.wait_for("good looks", |it| checks_of(it, "tcp", "ok") >= 80.0);
    engine.process().signal("STOP");
    // The stimulus itself: longer than every timeout here.
    thread::sleep(Duration::from_secs(4));
    engine.process().signal("CONT");
    let before = checks_of(&engine.metrics(), "tcp", "ok");
    let metrics = engine.wait_for("it to go on", |it| checks_of(it, "tcp", "ok") > before + 80.0);
    assert!(metrics.sum("campanile_stalls_total", &[]) >= 1.0);
    assert_eq!(checks_of(&metrics, "tcp", "critical"), 0.0, "{}", engine.log());
    assert!(metrics.sum("campanile_checks_skipped_total", &[("reason", "stall")]) > 0.0);
}
