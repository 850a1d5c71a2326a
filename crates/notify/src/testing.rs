//! What the tests of the channels stand on.

use std::collections::BTreeMap;

use model::{About, Alert, AlertKey, AlertKind, Member, Moment, ProblemId, Severity, Status};
use proptest::prelude::*;
use serde_json::Value;

use crate::{World, WorldSettings, letter::sample_alert};

/// Begin of every problem here.
pub(crate) const SINCE: Moment = Moment::from_secs(1_788_256_800);

/// A world with links.
pub(crate) fn world() -> World {
    World::new(WorldSettings { installation: 7, console_url: "https://noc.example".into() })
}

/// An alert about `acme/web/http`.
pub(crate) fn alert(kind: AlertKind) -> Alert {
    let mut alert = Alert { kind, ..sample_alert() };
    alert.content.customer_title = "Acme <Ltd>".into();
    alert.content.text = "<script>alert(1)</script> & *bold* _x_ <!channel>".into();
    if matches!(kind, AlertKind::Resolve | AlertKind::Missed) {
        alert.ordinal = 1;
        alert.content.status = Status::Ok;
        alert.content.title = "acme/web/http is OK".to_owned();
        alert.content.ended_at = Some(Moment::from_secs(1_788_257_100));
    }
    alert
}

/// A digest of `count` problems.
pub(crate) fn digest(count: u64) -> Alert {
    let down = |number| {
        let mut alert = alert(AlertKind::Trigger);
        (alert.key, alert.problem) = (AlertKey(u128::from(number)), ProblemId(100 + number));
        alert.content.about = Some(About::Checkable(format!("acme/h{number:05}").into()));
        let rack = format!("rack {}", number % 7);
        alert.content.labels = BTreeMap::from([("rack".into(), rack.into())]);
        (alert.content.status, alert.content.severity) = (Status::Down, Severity::Down);
        (alert.content.text, alert.content.since) = ("no answer".into(), SINCE);
        alert
    };
    let alerts: Vec<Alert> = (1..=count).map(down).collect();
    digest_of(&alerts.iter().collect::<Vec<_>>())
}

/// A digest of these.
pub(crate) fn digest_of(alerts: &[&Alert]) -> Alert {
    let mut digest = alert(AlertKind::Trigger);
    digest.problem = ProblemId(0);
    digest.content.about = None;
    digest.content.title = format!("{} alerts", alerts.len());
    digest.content.text = "".into();
    digest.content.members = alerts.iter().map(|it| member(it)).collect();
    digest
}

fn member(alert: &Alert) -> Member {
    let content = alert.content.clone();
    Member {
        key: alert.key,
        kind: alert.kind,
        problem: alert.problem,
        ordinal: alert.ordinal,
        name: content.about.as_ref().map_or(content.title, About::name),
        about: content.about,
        labels: content.labels,
        status: content.status,
        severity: content.severity,
        text: content.text,
        since: content.since,
        ended_at: content.ended_at,
    }
}

/// What a host, or somebody behind it, could write to do harm where it is read.
const HOSTILE: [&str; 26] = [
    "<!channel>",
    "<@U0123>",
    "<!here|x>",
    "@everyone @channel",
    "<https://evil.example|click>",
    "\r\nBcc: evil@evil.example\r\n\r\n",
    "\r\nX-Evil: 1",
    "\u{0}",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{2028}",
    "\u{ffff}",
    "</b><script>alert(1)</script>",
    "<a href='https://evil.example'>",
    "&lt;&amp;&#0;",
    "{{ name }}{% raw %}",
    "\"}], \"admin\": true, \"x\": [{\"",
    "\\",
    "\\\"",
    "*bold* _x_ `y` ~z~",
    "[x](https://evil.example)",
    "\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n",
    "é",
    "😀",
    " ",
    "a\n",
];

/// What can be about something comes first.
const KINDS: [AlertKind; 10] = [
    AlertKind::Trigger,
    AlertKind::Reminder,
    AlertKind::Acknowledged,
    AlertKind::Resolve,
    AlertKind::Missed,
    AlertKind::Question,
    AlertKind::Call,
    AlertKind::Window,
    AlertKind::Heartbeat,
    AlertKind::Test,
];

/// A text of such pieces, at times a very long one.
fn hostile_text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&HOSTILE[..]), 0..12);
    (pieces, prop::sample::select(&[1_usize, 1, 1, 40, 2000][..]))
        .prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

/// An alert of any kind, with such texts wherever a text can stand.
pub(crate) fn hostile_alert() -> impl Strategy<Value = Alert> {
    let texts = prop::collection::vec(hostile_text(), 8);
    let listed = prop::collection::vec((prop::sample::select(&KINDS[..7]), hostile_text()), 0..40);
    (prop::sample::select(&KINDS[..]), 0_u32..4, texts, listed).prop_map(hostile)
}

fn hostile(
    (kind, ordinal, texts, listed): (AlertKind, u32, Vec<String>, Vec<(AlertKind, String)>),
) -> Alert {
    let [title, text, name, value, by, symptom, customer, about] = &texts[..] else {
        panic!("as many as were asked for");
    };
    let fill = |alert: &mut Alert| {
        alert.content.title.clone_from(title);
        alert.content.text = text.as_str().into();
        alert.content.labels.insert(name.as_str().into(), value.as_str().into());
        alert.content.by = by.as_str().into();
        alert.content.symptoms = vec![symptom.as_str().into(); 20];
        alert.content.symptoms_count = 20;
        alert.content.customer = customer.as_str().into();
        alert.content.customer_title = customer.as_str().into();
        alert.content.about = Some(About::Checkable(format!("acme/{about}").into()));
    };
    let mut told = alert(kind);
    fill(&mut told);
    told.ordinal = ordinal;
    if !listed.is_empty() {
        told.problem = ProblemId(0);
        told.content.about = None;
        told.content.members = listed
            .into_iter()
            .map(|(kind, text)| {
                let mut one = alert(kind);
                fill(&mut one);
                one.content.text = text.into();
                member(&one)
            })
            .collect();
    }
    told
}

/// JSON for the eye.
pub(crate) fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
