//! Why an engine does not start is said in one message with a remedy, and nothing is touched; once
//! it runs it logs as it was told to, and stops when it is told to.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{ENGINE_YAML, Engine, Page, Running, Sandbox, free_port};

/// A failed start for a reason other than the configuration.
const FAILED: i32 = 1;
/// A failed start for mistakes in the configuration.
const INVALID: i32 = 2;

fn sandbox(config: &str, checks: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("config.yaml", config);
    sandbox.write("checks/acme.yaml", checks);
    sandbox
}

/// One service that is always bad.
fn refused() -> String {
    format!(
        "services:\n  door: {{ tcp: \"127.0.0.1:{}\", every: 1s, timeout: 500ms }}\n",
        free_port()
    )
}

/// A start that has to fail, and what it says last.
#[track_caller]
fn fails(sandbox: &Sandbox, main: &str, expected: i32, parts: &[&str]) {
    let output: Output = sandbox.campanile(&["run", main]);
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(expected), "{said}");
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_taken_port_is_named_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = ENGINE_YAML.replace("127.0.0.1:0", &address);
    let sandbox = sandbox(&config, &refused());
    let first = format!("error: cannot listen on {address}: Address already in use");
    let remedy = "= help: another program has this port; change `listen:` under `engine:`";
    fails(&sandbox, "config.yaml", FAILED, &[&first, remedy]);
    assert!(!sandbox.path().join("data").exists(), "a database was made before it could start");
    sandbox.write("config.yaml", &ENGINE_YAML.replace("127.0.0.1:0", "192.0.2.1:8080"));
    let first = "error: cannot listen on 192.0.2.1:8080: ";
    fails(&sandbox, "config.yaml", FAILED, &[first, "must be an address of this machine"]);
}

#[test]
fn a_second_engine_on_the_same_data_is_told_who_is_there() {
    let mut engine = Engine::start(ENGINE_YAML, &[("acme", &refused())]);
    let sandbox = engine.sandbox();
    let pid = engine.process().pid();
    let first = format!("error: another engine (process {pid}) already uses the data folder ");
    let remedy = "= help: stop the other engine, or give this one its own `engine: data:`";
    fails(&sandbox, "config.yaml", FAILED, &[&first, remedy]);
    engine.wait_for_hard("acme/-/door", 2);
    let (status, sandbox) = engine.sigterm();
    assert!(status.success());
    assert_eq!(sandbox.sql("PRAGMA integrity_check")[0]["integrity_check"], "ok");
}

/// An engine that has lived and stopped, and its database.
fn past() -> (Arc<Sandbox>, std::path::PathBuf) {
    let engine = Engine::start(ENGINE_YAML, &[("acme", &refused())]);
    engine.wait_for_hard("acme/-/door", 2);
    let (status, sandbox) = engine.sigterm();
    assert!(status.success());
    let path = sandbox.path().join("data/campanile.db");
    (sandbox, path)
}

#[track_caller]
fn fails_and_leaves(sandbox: &Sandbox, path: &Path, parts: &[&str]) {
    let before = fs::read(path).unwrap();
    fails(sandbox, "config.yaml", FAILED, parts);
    assert!(fs::read(path).unwrap() == before, "the file was touched");
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    let (sandbox, path) = past();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let damaged = "data/campanile.db is damaged: ";
    let remedy = "= help: keep the file for a look at it, and restore a backup";
    fails_and_leaves(&sandbox, &path, &[damaged, remedy]);
    fs::write(&path, "what is this?").unwrap();
    let foreign = "data/campanile.db is not a database of Campanile: ";
    fails_and_leaves(&sandbox, &path, &[foreign, "= help: give `engine: data:` a folder"]);
    fs::write(&path, &whole).unwrap();
    let engine = Engine::start_in(sandbox);
    engine.wait_for("what was believed", |it| it.service("acme/-/door").is_some_and(|it| it.hard));
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let (sandbox, path) = past();
    let newer = Command::new("sqlite3").arg(&path).arg("PRAGMA user_version = 4711").status();
    assert!(newer.unwrap().success());
    let parts = [
        "data/campanile.db was written by a newer version of Campanile (schema 4711, known up to ",
        "= help: run the newer version, or restore the copy made before its upgrade",
    ];
    fails_and_leaves(&sandbox, &path, &parts);
}

#[test]
fn a_data_folder_that_cannot_be_made_is_named() {
    let config = ENGINE_YAML.replace("data: data", "data: /proc/campanile");
    let sandbox = sandbox(&config, &refused());
    let first = "error: cannot use the data folder /proc/campanile: ";
    fails(&sandbox, "config.yaml", FAILED, &[first, "= help: give `engine: data:` a folder"]);
}

#[test]
fn mistakes_in_the_files_are_all_told_and_nothing_is_begun() {
    let sandbox = sandbox(
        ENGINE_YAML,
        "services:\n  a: { tpc: 22 }\n  b: { tcp: \"127.0.0.1:22\", evry: 5s }\n",
    );
    let parts = ["did you mean `tcp`", "did you mean `every`", "2 errors, 0 warnings"];
    fails(&sandbox, "config.yaml", INVALID, &parts);
    assert!(!sandbox.path().join("data").exists());
}

#[test]
fn the_log_can_be_read_by_programs() {
    let sandbox = Arc::new(sandbox(ENGINE_YAML, &refused()));
    let mut command = sandbox.command();
    command.args(["run", "config.yaml", "--log", "json"]);
    let engine = Engine::start_as(Arc::clone(&sandbox), &mut command);
    engine.wait_for_log("\"believed\"");
    let log = engine.log();
    // The last line may not be whole yet.
    let whole = &log[..=log.rfind('\n').unwrap()];
    let lines: Vec<Value> = whole
        .lines()
        .map(|it| serde_json::from_str(it).unwrap_or_else(|error| panic!("{error}: {it}")))
        .collect();
    for line in &lines {
        for key in ["timestamp", "level", "target", "fields"] {
            assert!(!line[key].is_null(), "no {key} in {line}");
        }
    }
    let believed = lines.iter().find(|it| it["fields"]["message"] == "believed").unwrap();
    let fields = &believed["fields"];
    assert_eq!((&fields["name"], &fields["status"]), (&"acme/-/door".into(), &"CRITICAL".into()));
    assert_eq!((&fields["kind"], &fields["attempt"]), (&"HARD".into(), &3.into()));
}

/// Looks with a timeout of minutes at a server that never answers; so many that some are under way
/// soon.
fn patient(silent: &TcpListener) -> String {
    let port = silent.local_addr().unwrap().port();
    format!(
        "hosts:\n  h[1..300]: {{ address: 127.0.0.1, alive: none, every: 3m, timeout: 2m, services: \
         {{ mute: {{ tcp: {{ port: {port}, expect: hello }} }} }} }}\n"
    )
}

#[test]
fn it_stops_soon_although_looks_are_under_way() {
    // Far less than what is under way would take, far more than the 5 s that are promised.
    const SOON: Duration = Duration::from_secs(30);
    for signal in ["TERM", "INT"] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut engine = Engine::start(ENGINE_YAML, &[("acme", &patient(&silent))]);
        engine.wait_for("looks under way", |it| {
            it.sum("campanile_checks_in_flight", &[("kind", "tcp")]) >= 3.0
        });
        let told = Instant::now();
        engine.process().signal(signal);
        let status = engine.process().wait();
        assert!(status.success(), "{status} at {signal}: {}", engine.log());
        assert!(told.elapsed() < SOON, "{signal}: {}", engine.log());
        let believed = engine.sandbox().sql("SELECT count(*) AS n FROM transition");
        assert_eq!(believed[0]["n"], 0, "looks that were cut off were believed");
    }
}

#[test]
fn an_engine_with_nothing_to_watch_runs_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("config.yaml", "engine: { listen: 127.0.0.1:0, data: data }\n");
    let engine = Engine::start_in(Arc::new(sandbox));
    assert!(engine.log().contains("there is no host and no service to watch"), "{}", engine.log());
    assert_eq!(engine.page("/-/healthy").code, 200);
    engine.wait_for("an empty page", |it| it.value("campanile_services", &[]) == Some(0.0));
    engine.sandbox().write("checks/acme.yaml", &refused());
    engine.sandbox().write("config.yaml", ENGINE_YAML);
    assert_eq!(Page::ask(engine.address(), "POST", "/-/reload").unwrap().code, 200);
    engine.wait_for("the new service", |it| it.service("acme/-/door").is_some());
}

#[test]
fn the_right_to_ping_is_missed_at_the_start_and_the_rest_runs() {
    let sandbox = Arc::new(sandbox(ENGINE_YAML, &refused()));
    let campanile = sandbox.command();
    let mut command = Command::new("setpriv");
    command.arg("--bounding-set=-net_raw").arg(campanile.get_program());
    command.args(["run", "config.yaml"]).current_dir(sandbox.path()).env("NO_COLOR", "1");
    let engine = Engine::start_as(Arc::clone(&sandbox), &mut command);
    let log = engine.log();
    let line =
        log.lines().find(|it| it.contains("no right to ping")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("ERROR") && line.contains("setcap cap_net_raw+ep"), "{line}");
    engine.wait_for_hard("acme/-/door", 2);
}

#[test]
fn the_port_that_was_picked_is_printed() {
    let sandbox = sandbox(ENGINE_YAML, &refused());
    let mut running = Running::start("campanile", sandbox.command().args(["run", "config.yaml"]));
    let address = tests::until("the address", || {
        let log = running.log();
        let (_, rest) = log.split_once("listening on http://").ok_or(log.clone())?;
        rest.split_once('\n').map(|it| it.0.trim().to_owned()).ok_or(log)
    });
    let port = address.parse::<std::net::SocketAddr>().unwrap().port();
    assert_ne!(port, 0);
    running.signal("TERM");
    assert!(running.wait().success());
}
