//! How the command reaches an engine: through TLS, with a token that nobody else may read.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use tests::{Certificate, ENGINE_YAML, Engine, Nginx};

const CHECKS: &str = "customer: acme\nservices:\n  door: { tcp: \"127.0.0.1:9\", every: 1h }\n";

fn problems(engine: &Engine, args: &[&str]) -> Output {
    let sandbox = engine.sandbox();
    let mut command: Command = sandbox.command();
    command.args(["problems", "list", "--token-file", "data/admin.token"]).args(args);
    command.output().unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_engine_behind_tls_is_asked_once_it_has_proved_its_name() {
    let engine = Engine::start(ENGINE_YAML, &[("acme", CHECKS)]);
    drop(engine.api());
    let certificate = Certificate::signed_for("localhost");
    let pass = format!("location / {{ proxy_pass http://{}; }}", engine.address());
    let nginx = Nginx::start_tls(&certificate, &pass);
    let url = format!("https://localhost:{}", nginx.port());
    let authority = certificate.authority();
    let ca = authority.to_str().unwrap();

    let good = problems(&engine, &["--engine", &url, "--ca", ca]);
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));

    let unknown = problems(&engine, &["--engine", &url]);
    assert_eq!(unknown.status.code(), Some(4), "{}", err(&unknown));
    assert!(err(&unknown).contains("--ca"), "{}", err(&unknown));

    let wrong = format!("https://127.0.0.1:{}", nginx.port());
    let wrong = problems(&engine, &["--engine", &wrong, "--ca", ca]);
    assert_eq!(wrong.status.code(), Some(4), "{}", err(&wrong));

    let no_file = problems(&engine, &["--engine", &url, "--ca", "nowhere.pem"]);
    assert!(err(&no_file).contains("nowhere.pem"), "{}", err(&no_file));
}

#[test]
fn a_token_is_not_sent_to_another_machine_in_the_clear() {
    let engine = Engine::start(ENGINE_YAML, &[("acme", CHECKS)]);
    drop(engine.api());
    // An address that nobody has; nothing is sent to it.
    let refused = problems(&engine, &["--engine", "http://192.0.2.1:8080"]);
    assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
    assert!(err(&refused).contains("--insecure"), "{}", err(&refused));
}

#[test]
fn an_engine_that_ended_before_it_showed_its_first_token_shows_it_at_the_next_start() {
    let engine = Engine::start(ENGINE_YAML, &[("acme", CHECKS)]);
    drop(engine.api());
    let sandbox = engine.kill9();
    // As it was between the row and the file.
    let data = sandbox.path().join("data");
    let (token, pending) = (data.join("admin.token"), data.join("admin.token.pending"));
    fs::rename(&token, &pending).unwrap();
    let engine = Engine::start_in(sandbox);
    drop(engine.api());
    assert!(!pending.exists());
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
}
