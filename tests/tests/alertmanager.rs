//! The channel `alertmanager` against a real one, and a real one's webhook against ours.

#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code; a panic is how a test reports"
)]

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use model::{
    About, Alert, AlertKey, AlertKind, AlertState, Content, Delivery, Member, Moment, Params,
    ProblemId, Route, Severity, Status, Value as Param,
};
use notify::{Contact, World, WorldSettings};
use serde_json::Value;
use tests::{AlertmanagerServer, Receiver, until};

fn now() -> Moment {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Moment::ZERO.after(since)
}

fn alert(kind: AlertKind, since: Moment) -> Alert {
    let over = kind == AlertKind::Resolve;
    let route = Route { channel: "am".into(), contact: "*".into() };
    let content = Content {
        about: Some(About::Checkable("acme/web/http".into())),
        customer: "acme".into(),
        customer_title: "Acme".into(),
        labels: BTreeMap::from([("my-team".into(), "web".into())]),
        status: if over { Status::Ok } else { Status::Critical },
        severity: Severity::Critical,
        text: "connection refused".into(),
        flapping: false,
        since,
        ended_at: over.then(now),
        symptoms: Vec::new(),
        symptoms_count: 0,
        by: "".into(),
        title: String::new(),
        members: Vec::new(),
    };
    Alert {
        key: AlertKey::of(1, ProblemId(1), 0, &route, u32::from(over)),
        route,
        kind,
        problem: ProblemId(1),
        ordinal: u32::from(over),
        step: 0,
        owed_at: now(),
        not_before: since,
        expires_at: since.after(std::time::Duration::from_secs(3600)),
        attempts: 0,
        may_have_arrived: false,
        fault: String::new(),
        state: AlertState::Waiting,
        content,
    }
}

/// Posts by the channel `kind` to `place`.
fn post(kind: &str, params: Params, alert: &Alert) -> Delivery {
    let teller = notify::build(kind, &params).unwrap().unwrap();
    let console_url: Arc<str> = "https://noc.example".into();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = World::new(WorldSettings { installation: 1, console_url });
    runtime.block_on(teller.deliver(&world, alert, &Contact::everybody()))
}

fn text(text: &str) -> Param {
    Param::Text(text.into())
}

/// What the receiver of a real Alertmanager was told with this status.
fn told(receiver: &Receiver, status: &str) -> Value {
    let heard = receiver.wait_for(status, |all| all.iter().any(|it| it.body["status"] == status));
    heard.into_iter().find(|it| it.body["status"] == status).unwrap().body
}

#[test]
fn a_real_alertmanager_shows_what_fires_and_tells_when_it_is_over() {
    let receiver = Receiver::new();
    let server = AlertmanagerServer::telling(&receiver.url("/real"));
    let since = now();
    let post = |kind| {
        let urls = Param::List(vec![text(&server.url())]);
        post("alertmanager", Params([("urls", urls)].into()), &alert(kind, since))
    };
    assert_eq!(post(AlertKind::Trigger), Delivery::Taken, "{}", server.log());
    let shown =
        until("the alert", || server.alerts()?.into_iter().next().ok_or_else(|| "none".to_owned()));
    assert_eq!(shown["status"]["state"], "active");
    assert_eq!(shown["labels"]["alertname"], "ServiceProblem");
    assert_eq!(shown["labels"]["service"], "http");
    assert_eq!(shown["labels"]["my_team"], "web");
    assert_eq!(shown["annotations"]["description"], "connection refused");
    let firing = told(&receiver, "firing");

    assert_eq!(post(AlertKind::Resolve), Delivery::Taken, "{}", server.log());
    until("the end of the alert", || match server.alerts()?.len() {
        0 => Ok(()),
        left => Err(format!("{left} left")),
    });
    let resolved = told(&receiver, "resolved");
    assert_eq!(resolved["alerts"][0]["fingerprint"], firing["alerts"][0]["fingerprint"]);

    // Our own webhook says the same of it as the real one does, under the same fingerprint.
    let ours = Receiver::new();
    let params = Params([("url", text(&ours.url("/ours")))].into());
    let delivery = self::post("alertmanager-webhook", params, &alert(AlertKind::Trigger, since));
    assert_eq!(delivery, Delivery::Taken);
    let ours = told(&ours, "firing");
    for field in ["labels", "annotations", "status", "endsAt", "generatorURL", "fingerprint"] {
        let real = &firing["alerts"][0][field];
        // A real one does not know the end of what still fires either.
        assert_eq!(&ours["alerts"][0][field], real, "{field}");
    }
    let (ours, real) = (ours.as_object().unwrap(), firing.as_object().unwrap());
    for field in real.keys() {
        assert!(ours.contains_key(field), "{field}");
    }
}

/// A digest of three problems, each with labels of its own.
fn digest(kind: AlertKind, since: Moment) -> Alert {
    let mut digest = alert(kind, since);
    digest.problem = ProblemId(0);
    digest.content.about = None;
    digest.content.labels.clear();
    digest.content.members = (1..=3_u32)
        .map(|number| Member {
            key: AlertKey(u128::from(number)),
            kind,
            problem: ProblemId(u64::from(number)),
            ordinal: digest.ordinal,
            about: Some(About::Checkable(format!("acme/web{number}/http").into())),
            name: format!("acme/web{number}/http"),
            labels: BTreeMap::from([("my-team".into(), format!("team {number}").into())]),
            status: digest.content.status,
            severity: digest.content.severity,
            text: digest.content.text.clone(),
            since,
            ended_at: digest.content.ended_at,
        })
        .collect();
    digest
}

#[test]
fn a_real_alertmanager_knows_the_problems_of_a_digest_and_their_ends_apart() {
    let receiver = Receiver::new();
    let server = AlertmanagerServer::telling(&receiver.url("/real"));
    let since = now();
    let post = |alert: &Alert| {
        let urls = Param::List(vec![text(&server.url())]);
        post("alertmanager", Params([("urls", urls)].into()), alert)
    };
    let labels = |alerts: &[Value]| {
        let pair = |it: &Value| (it["labels"]["host"].clone(), it["labels"]["my_team"].clone());
        let mut pairs: Vec<_> = alerts.iter().map(pair).map(|it| format!("{it:?}")).collect();
        pairs.sort_unstable();
        pairs
    };
    assert_eq!(post(&digest(AlertKind::Trigger, since)), Delivery::Taken, "{}", server.log());
    let shown = until("three alerts", || {
        let alerts = server.alerts()?;
        if alerts.len() == 3 { Ok(alerts) } else { Err(format!("{alerts:?}")) }
    });
    let expected =
        (1..=3).map(|it| (Value::from(format!("web{it}")), Value::from(format!("team {it}"))));
    assert_eq!(labels(&shown), expected.map(|it| format!("{it:?}")).collect::<Vec<_>>());

    // What our own webhook says of them goes by the fingerprints that a real one gives them.
    let ours = Receiver::new();
    let params = Params([("url", text(&ours.url("/ours")))].into());
    let firing = digest(AlertKind::Trigger, since);
    assert_eq!(self::post("alertmanager-webhook", params, &firing), Delivery::Taken);
    let ours = told(&ours, "firing");
    let prints = |alerts: &[Value]| {
        let mut all: Vec<_> = alerts.iter().map(|it| it["fingerprint"].to_string()).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(prints(ours["alerts"].as_array().unwrap()), prints(&shown));

    assert_eq!(post(&digest(AlertKind::Resolve, since)), Delivery::Taken, "{}", server.log());
    until("their ends", || match server.alerts()?.len() {
        0 => Ok(()),
        left => Err(format!("{left} left")),
    });
}
