//! Hosts behind a dead parent over a kill -9: how they are judged depends on what the desk says of
//! the parent, and that has to be said before the first answer of the new life is judged.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;

use tests::{ENGINE_YAML, Engine, Sandbox, free_port, until};

/// So many that some of them are asked in the very first moments of a new life.
const CHILDREN: u64 = 2_000;
const LIVES: u64 = 3;

fn count(sandbox: &Sandbox, query: &str) -> u64 {
    sandbox.sql(&format!("SELECT count(*) AS n {query}"))[0]["n"].as_u64().unwrap()
}

fn wait_for_count(sandbox: &Sandbox, what: &str, wanted: u64, query: &str) {
    until(what, || match count(sandbox, query) {
        found if found == wanted => Ok(()),
        found => Err(format!("{found} of {wanted}")),
    });
}

#[test]
fn they_stay_unreachable_and_are_not_believed_down_in_between() {
    let sandbox = Arc::new(Sandbox::new());
    let config = ENGINE_YAML.replace("data: data", "data: data\n  record: results");
    sandbox.write("config.yaml", &config);
    let shut = free_port();
    let checks = format!(
        "customer: acme\nevery: 2s\ntimeout: 1s\nretry: 2 x 500ms\nalive: {{ tcp: {shut} \
         }}\nhosts:\n  fw: {{ address: 127.0.0.1 }}\n  ap[1..{CHILDREN}]: {{ address: 127.0.0.1, \
         behind: fw }}\n"
    );
    sandbox.write("checks/acme.yaml", &checks);
    let mut engine = Engine::start_in(Arc::clone(&sandbox));
    let hard = |status| format!("FROM state WHERE status = {status} AND hard = 1");
    wait_for_count(&sandbox, "the parent to be down", 1, &hard(5));
    wait_for_count(&sandbox, "its children to be unreachable", CHILDREN, &hard(6));
    for life in 2..=LIVES {
        engine = Engine::start_in(engine.kill9());
        let looked = format!("FROM (SELECT DISTINCT checkable FROM result WHERE boot = {life})");
        wait_for_count(&sandbox, "a look at everybody", CHILDREN + 1, &looked);
        let again = count(&sandbox, &format!("FROM transition WHERE boot = {life}"));
        assert_eq!(again, 0, "changes in life {life}");
    }
}
