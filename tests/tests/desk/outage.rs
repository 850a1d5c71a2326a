//! Three hundred hosts of one site, gone at once.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use tests::{Engine, Netns, Receiver};

use crate::estate::{URGENT, config};

const HOSTS: u32 = 300;
const SITE: &str = "site acme/hq";

/// Hosts that all answer at addresses of their own behind one link.
fn checks(site: &Netns) -> String {
    let mut text = String::from(
        "customer: acme\nname: ACME\ncontract: gold\nsites: { hq: {} }\nevery: 4s\ntimeout: \
         1s\nretry: 3 x 1s\nhosts:\n",
    );
    for (number, address) in site.inhabit(HOSTS).iter().enumerate() {
        text.push_str(&format!(
            "  h{number}: {{ address: {address}, site: hq, alive: {{ ping: {{ packets: 1 }} }} }}\n"
        ));
    }
    text
}

fn hosts_in(engine: &Engine, state: u8) -> usize {
    let metrics = engine.metrics();
    let is = |host: u32| {
        metrics.host(&format!("acme/h{host}")).is_some_and(|it| it.hard && it.state == state)
    };
    (0..HOSTS).filter(|it| is(*it)).count()
}

#[test]
fn a_site_that_is_gone_is_one_problem_that_lists_every_host() {
    let site = Netns::new();
    let receiver = Receiver::new();
    let engine = Engine::start(&config(&receiver, URGENT), &[("acme", &checks(&site))]);
    let api = engine.api();
    let all = HOSTS as usize;
    tests::until("all hosts up", || match hosts_in(&engine, 0) {
        up if up == all => Ok(()),
        up => Err(format!("{up} are up")),
    });
    site.cut();
    receiver.wait_for("the page about the site", |taken| {
        taken.iter().any(|it| it.says("trigger", SITE))
    });
    tests::until("all hosts down", || match hosts_in(&engine, 1) {
        down if down == all => Ok(()),
        down => Err(format!("{down} are down")),
    });
    let problem = api.wait_for_problem(SITE);
    let id = problem["id"].as_u64().unwrap();
    let form = api
        .wait_for(&format!("/api/v1/problems/{id}"), |it| it["problem"]["symptoms_count"] == HOSTS);
    let listed: BTreeSet<&str> = form["symptoms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    let expected: BTreeSet<String> = (0..HOSTS).map(|it| format!("acme/h{it}")).collect();
    assert_eq!(listed, expected.iter().map(String::as_str).collect());
    assert_eq!(api.list("/api/v1/problems").len(), 1, "one problem");
    let proposals = api.list("/api/v1/proposals");
    let about: Vec<&Json> = proposals.iter().map(|it| &it["name"]).collect();
    assert_eq!(about, [SITE], "one proposal");
    let told: Vec<String> = receiver.taken().iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(told, [SITE], "one page");
    site.mend();
    receiver.wait_for("the resolve", |taken| taken.iter().any(|it| it.says("resolve", SITE)));
    tests::until("all hosts up again", || match hosts_in(&engine, 0) {
        up if up == all => Ok(()),
        up => Err(format!("{up} are up")),
    });
    let told: Vec<(String, String)> =
        receiver.taken().iter().map(|it| (it.kind().to_owned(), it.name().to_owned())).collect();
    let of = |kind: &str| (kind.to_owned(), SITE.to_owned());
    assert_eq!(told, [of("trigger"), of("resolve")], "nobody hears of what was never announced");
}
