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
