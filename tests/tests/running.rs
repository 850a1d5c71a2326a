//! The engine through its life: started, reloaded with good and bad files, killed, started again,
//! stopped.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{process::Command, sync::Arc};

use tests::{ENGINE_YAML, Engine, Exposition, Nginx, Page, Running, Sandbox, free_port, until};

const OK: u8 = 0;
const CRITICAL: u8 = 2;

/// Two services: one good as long as `good` listens, one always bad.
fn checks(good: u16, bad: u16) -> String {
    format!(
        "customer: acme\nhosts:\n  web: {{ address: 127.0.0.1, every: 2s, timeout: 1s, retry: 2 x \
         1s, alive: none, services: {{ good: {{ tcp: {good} }}, bad: {{ tcp: {bad} }} }} }}\n"
    )
}

fn server() -> Nginx {
    Nginx::start("location / { return 204; }")
}

#[test]
fn health_and_readiness_are_served_and_unknown_pages_are_not() {
    let nginx = server();
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks(nginx.port(), free_port()))]);
    assert_eq!(engine.page("/-/healthy").code, 200);
    until("readiness", || match engine.page("/-/ready") {
        Page { code: 200, .. } => Ok(()),
        page => Err(page.body),
    });
    assert_eq!(engine.page("/nothing").code, 404);
    let metrics = engine.page("/metrics");
    let format = &metrics.headers["content-type"];
    assert!(format.starts_with("application/openmetrics-text"), "{format}");
}

#[test]
fn a_reload_adds_and_removes_and_leaves_the_rest_as_it_was() {
    let nginx = server();
    let (good, bad) = (nginx.port(), free_port());
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks(good, bad))]);
    engine.wait_for_hard("acme/web/good", OK);
    engine.wait_for_hard("acme/web/bad", CRITICAL);
    let before = engine.changes_to("acme/web/bad", "CRITICAL");
    let more =
        format!("customer: more\nservices:\n  door: {{ tcp: \"127.0.0.1:{good}\", every: 2s }}\n");
    engine.sandbox().write("checks/more.yaml", &more);
    engine.sighup();
    engine.wait_for_hard("more/-/door", OK);
    let metrics = engine.metrics();
    assert!(metrics.service("acme/web/bad").is_some_and(|it| it.hard && it.state == CRITICAL));
    assert_eq!(engine.sandbox().changes("acme/web/bad"), before, "believed again after a reload");
    std::fs::remove_file(engine.sandbox().path().join("checks/more.yaml")).unwrap();
    assert_eq!(Page::ask(engine.address(), "POST", "/-/reload").unwrap().code, 200);
    engine.wait_for("the series to go", |it| it.service("more/-/door").is_none());
}

#[test]
fn a_file_with_a_mistake_changes_nothing_but_the_reload_metric() {
    let nginx = server();
    let checks = checks(nginx.port(), free_port());
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_hard("acme/web/good", OK);
    let success = "campanile_config_last_reload_successful";
    assert_eq!(engine.metrics().value(success, &[]), Some(1.0));
    engine.sandbox().write("checks/acme.yaml", &checks.replace("every:", "evry:"));
    engine.sighup();
    engine.wait_for("the failed reload", |it| it.value(success, &[]) == Some(0.0));
    assert_eq!(engine.page("/-/healthy").code, 200);
    let metrics = engine.wait_for_hard("acme/web/bad", CRITICAL);
    assert!(metrics.service("acme/web/good").is_some());
    let answer = Page::ask(engine.address(), "POST", "/-/reload").unwrap();
    assert!(answer.code >= 400 && answer.body.contains("evry"), "{answer:?}");
    engine.sandbox().write("checks/acme.yaml", &checks);
    engine.sighup();
    engine.wait_for("the good reload", |it| it.value(success, &[]) == Some(1.0));
}

#[test]
fn after_a_kill_nothing_is_forgotten_and_nothing_believed_again() {
    let nginx = server();
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks(nginx.port(), free_port()))]);
    engine.wait_for_hard("acme/web/good", OK);
    engine.wait_for_hard("acme/web/bad", CRITICAL);
    let before = engine.changes_to("acme/web/bad", "CRITICAL");
    let sandbox = engine.kill9();
    let engine = Engine::start_in(sandbox);
    // Known before anything is looked at again.
    let metrics = engine.wait_for("the stored beliefs", |it| it.service("acme/web/bad").is_some());
    assert!(metrics.service("acme/web/bad").is_some_and(|it| it.hard && it.state == CRITICAL));
    let looks = |it: &tests::Exposition| it.sum("campanile_checks_total", &[("kind", "tcp")]);
    engine.wait_for("a few more looks", |it| looks(it) >= 6.0);
    assert_eq!(engine.sandbox().changes("acme/web/bad"), before, "believed again after a kill");
}

#[test]
fn it_stops_when_asked_and_says_that_all_went_well() {
    let nginx = server();
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks(nginx.port(), free_port()))]);
    engine.wait_for_hard("acme/web/good", OK);
    let (status, sandbox) = engine.sigterm();
    assert!(status.success(), "{status}");
    assert_eq!(sandbox.sql("PRAGMA integrity_check")[0]["integrity_check"], "ok");
}

#[test]
fn a_second_engine_on_the_same_data_and_a_taken_port_are_refused_clearly() {
    let nginx = server();
    let engine = Engine::start(ENGINE_YAML, &[("acme", &checks(nginx.port(), free_port()))]);
    let sandbox = engine.sandbox();
    let mut second = Running::start("second", sandbox.command().args(["run", "config.yaml"]));
    assert!(!second.wait().success());
    assert!(second.log().contains("data"), "{}", second.log());
    let taken = ENGINE_YAML
        .replace("127.0.0.1:0", &engine.address().to_string())
        .replace("data: data", "data: other");
    sandbox.write("taken.yaml", &taken);
    let mut third = Running::start("third", sandbox.command().args(["run", "taken.yaml"]));
    assert!(!third.wait().success());
    assert!(third.log().contains(&engine.address().to_string()), "{}", third.log());
    assert_eq!(engine.page("/-/healthy").code, 200);
}

#[test]
fn one_whose_store_was_taken_over_ends_with_an_error_instead_of_going_on_without() {
    let nginx = server();
    let checks = checks(nginx.port(), free_port());
    let mut engine = Engine::start(ENGINE_YAML, &[("acme", &checks)]);
    engine.wait_for_hard("acme/web/good", OK);
    let database = engine.sandbox().path().join("data/campanile.db");
    let taken = Command::new("sqlite3")
        .args(["-cmd", ".timeout 10000"])
        .arg(database)
        .arg("INSERT INTO boot (number, started_at_secs) VALUES (1000, 0)")
        .status();
    assert!(taken.unwrap().success());
    // A new name has to be written, which is when it notices.
    engine.sandbox().write("checks/acme.yaml", &checks.replace("good:", "new:"));
    engine.sighup();
    let status = engine.process().wait();
    assert_eq!(status.code(), Some(1), "{}", engine.log());
    assert!(engine.log().contains("store-writer"), "{}", engine.log());
}

#[test]
fn a_sighup_is_heard_before_the_configuration_is_read() {
    let sandbox = Sandbox::new();
    let campanile = sandbox.command();
    let calls = Command::new("strace")
        .args(["-f", "-e", "trace=rt_sigaction,stat,statx,newfstatat,openat"])
        .arg(campanile.get_program())
        .args(["run", "absent.yaml"])
        .current_dir(sandbox.path())
        .output()
        .unwrap();
    assert_eq!(calls.status.code(), Some(2), "it cannot run without a configuration");
    let calls = String::from_utf8_lossy(&calls.stderr);
    let first = |text: &str| calls.lines().position(|it| it.contains(text)).expect(&calls);
    assert!(first("rt_sigaction(SIGHUP, {") < first("absent.yaml"), "{calls}");
}

/// How many beliefs of `name` lie on the disk.
fn kept(sandbox: &Sandbox, name: &str) -> u64 {
    let query = "SELECT count(*) AS n FROM state JOIN checkable ON checkable.id = state.checkable";
    sandbox.sql(&format!("{query} WHERE name = '{name}'"))[0]["n"].as_u64().unwrap()
}

fn wait_for_kept(sandbox: &Sandbox, name: &str, wanted: u64) {
    until(&format!("{wanted} beliefs about {name} on the disk"), || match kept(sandbox, name) {
        found if found == wanted => Ok(()),
        found => Err(found.to_string()),
    });
}

#[test]
fn who_is_removed_is_forgotten_by_a_reload_and_by_a_restart_alike() {
    let nginx = server();
    let both = checks(nginx.port(), free_port());
    let (without_bad, _) = both.split_once(", bad:").unwrap();
    let one = format!("{without_bad} }} }}\n");
    let engine = Engine::start(ENGINE_YAML, &[("acme", &both)]);
    let sandbox = engine.sandbox();
    wait_for_kept(&sandbox, "acme/web/bad", 1);
    sandbox.write("checks/acme.yaml", &one);
    engine.sighup();
    wait_for_kept(&sandbox, "acme/web/bad", 0);
    wait_for_kept(&sandbox, "acme/web/good", 1);
    sandbox.write("checks/acme.yaml", &both);
    engine.sighup();
    wait_for_kept(&sandbox, "acme/web/bad", 1);
    let (_, sandbox) = engine.sigterm();
    sandbox.write("checks/acme.yaml", &one);
    let _engine = Engine::start_in(Arc::clone(&sandbox));
    wait_for_kept(&sandbox, "acme/web/bad", 0);
    assert_eq!(kept(&sandbox, "acme/web/good"), 1);
}

#[test]
fn a_host_that_is_left_to_its_services_is_not_down_for_ever() {
    let shut = free_port();
    let alive = |how: &str| {
        format!(
            "customer: acme\nevery: 2s\ntimeout: 1s\nretry: 1 x 1s\nhosts:\n  fw: {{ address: \
             127.0.0.1, alive: {how} }}\n  ap: {{ address: 127.0.0.1, alive: {{ tcp: {shut} }}, \
             behind: fw }}\n"
        )
    };
    let engine = Engine::start(ENGINE_YAML, &[("acme", &alive(&format!("{{ tcp: {shut} }}")))]);
    engine.wait_for_host("acme/fw", 1);
    engine.wait_for_host("acme/ap", 2);
    engine.sandbox().write("checks/acme.yaml", &alive("none"));
    engine.sighup();
    let is_down = |it: &Exposition| it.host("acme/fw").is_some_and(|it| it.state == 1);
    // What is behind it is not unreachable any more, as nobody says that it cannot be reached.
    engine.wait_for_host("acme/ap", 1);
    assert!(!is_down(&engine.metrics()));
    let sandbox = engine.sandbox();
    let query = "SELECT known FROM state JOIN checkable ON checkable.id = state.checkable WHERE \
                 name = 'acme/fw'";
    until("it on the disk", || {
        let rows = sandbox.sql(query);
        if rows[0]["known"] == 0 { Ok(()) } else { Err(format!("{rows:?}")) }
    });
    let engine = Engine::start_in(engine.kill9());
    engine.wait_for_host("acme/ap", 1);
    assert!(!is_down(&engine.metrics()));
}
