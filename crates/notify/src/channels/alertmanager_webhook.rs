//! `alertmanager-webhook`: the payload that Alertmanager's webhooks have, version 4.
//!
//! For the many receivers that were written for it: to them we are an Alertmanager.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use hyper::HeaderMap;
use model::{Alert, AlertKind, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params};
use serde_json::{Value, json};

use crate::{
    Channel, Contact, World, answer,
    events::{Event, events},
    http::{Destination, Request, exchange},
    letter::{Letter, rfc3339},
    terms,
};

/// How Go writes a time that is not set; receivers test for it.
const NOT_ENDED: &str = "0001-01-01T00:00:00Z";
/// Problems in one message unless `max_alerts` is written; more are counted in `truncatedAlerts`.
const LISTED_EVENTS_MAX: usize = 10_000;

/// A receiver of Alertmanager's webhooks.
#[derive(Debug)]
pub(crate) struct AlertmanagerWebhook {
    to: Destination,
    ca: Option<Arc<Path>>,
    headers: HeaderMap,
    alerts_max: usize,
}

impl Channel for AlertmanagerWebhook {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "alertmanager-webhook",
        summary: "Posts what Alertmanager's webhooks post, version 4, to receivers made for them.",
        manual: "Each problem is a group of its own: `groupKey` stays the same from the first \
                 message to the last, `groupLabels` are the labels that name the problem without \
                 its severity. Labels are `alertname` (`HostDown`, `ServiceProblem`, `SiteDown`, \
                 `CampanileOwn`), `customer`, `site`, `host`, `service`, `severity` and those of \
                 the configuration, whose characters that Prometheus does not allow become `_`. \
                 What fires has the zero time as `endsAt`.\n\n\
                 Severity is a part of the labels, so after a change of it the message says also \
                 that the events with the other severities are resolved. A digest lists its \
                 problems as alerts, each with the labels and the fingerprint that it has alone.",
        params: PARAMS,
        personal: None,
        for_people: false,
        one_by_one: false,
        resolve: true,
        refresh_secs: 0,
        example: r#"hook: { type: alertmanager-webhook, url: "https://noc.example/alerts" }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url(params, "url", &mut faults);
        let (ca, headers) = (terms::ca(params, &mut faults), terms::headers(params, &mut faults));
        let alerts_max = params.number("max_alerts").and_then(|it| usize::try_from(it).ok());
        let alerts_max = alerts_max.unwrap_or(LISTED_EVENTS_MAX);
        terms::settled(to.map(|to| Self { to, ca, headers, alerts_max }), faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let body = payload(&Letter { world, alert, contact }, self.alerts_max);
        let mut request = Request::json(&self.to, &body);
        request.ca = self.ca.as_ref();
        request.headers.extend(self.headers.clone());
        answer::delivery(exchange(world, &request, world.deadline()).await)
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "url", form: Form::Secret, default: "", doc: "Where to post to." },
    ParamSpec {
        name: "max_alerts",
        form: Form::Count(1, 10_000),
        default: "10000",
        doc: "List no more alerts in one message; the others are counted in `truncatedAlerts`.",
    },
    terms::HEADERS,
    terms::CA,
];

fn payload(letter: &Letter<'_>, alerts_max: usize) -> Value {
    let events = events(letter);
    let listed = &events[..events.len().min(alerts_max)];
    let firing = events.iter().any(|it| it.ends_at.is_none());
    let group = group_labels(letter, &events);
    let link = letter.link().unwrap_or_default();
    json!({
        "receiver": letter.alert.route.channel,
        "status": if firing { "firing" } else { "resolved" },
        "alerts": listed.iter().map(|it| one(it, &link)).collect::<Vec<_>>(),
        "notification_reason": reason(letter.alert.kind, letter.alert.ordinal, firing),
        "groupLabels": group,
        "commonLabels": common(listed.iter().map(|it| &it.labels)),
        "commonAnnotations": common(listed.iter().map(|it| &it.annotations)),
        "routeLabels": {},
        "externalURL": letter.world.settings.console_url,
        "version": "4",
        "groupKey": format!("{{}}:{}", written(&group)),
        "truncatedAlerts": events.len() - listed.len(),
    })
}

fn one(event: &Event, link: &str) -> Value {
    json!({
        "status": if event.ends_at.is_none() { "firing" } else { "resolved" },
        "labels": event.labels,
        "annotations": event.annotations,
        "startsAt": rfc3339(event.starts_at),
        "endsAt": event.ends_at.map_or_else(|| NOT_ENDED.to_owned(), rfc3339),
        "generatorURL": link,
        "fingerprint": event.fingerprint(),
    })
}

/// What names the problem whatever becomes of it.
fn group_labels(letter: &Letter<'_>, events: &[Event]) -> BTreeMap<String, String> {
    match events.first() {
        Some(first) if letter.content().members.is_empty() => {
            let names = ["alertname", "customer", "site", "host", "service", "own"];
            let mut labels = first.labels.clone();
            labels.retain(|name, _| names.contains(&&**name));
            labels
        }
        _ => BTreeMap::from([("digest".to_owned(), letter.alert.key.to_string())]),
    }
}

/// As Alertmanager writes a set of labels.
fn written(labels: &BTreeMap<String, String>) -> String {
    let each = labels.iter().map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    });
    format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
}

/// The pairs that all have.
fn common<'a>(
    mut each: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let mut common = each.next().cloned().unwrap_or_default();
    for labels in each {
        common.retain(|name, value| labels.get(name) == Some(value));
    }
    common
}

fn reason(kind: AlertKind, ordinal: u32, firing: bool) -> &'static str {
    match kind {
        _ if !firing => "all alerts resolved",
        AlertKind::Reminder | AlertKind::Heartbeat => "repeat interval elapsed",
        AlertKind::Trigger if ordinal > 0 => "new alerts added",
        AlertKind::Acknowledged => "none",
        _ => "first notification",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::testing::{self, pretty};

    fn payload_of(alert: &Alert, alerts_max: usize) -> Value {
        let world = testing::world();
        let contact = Contact::everybody();
        let payload = payload(&Letter { world: &world, alert, contact: &contact }, alerts_max);
        strict::check(&payload);
        payload
    }

    #[test]
    fn what_fires_has_the_zero_time_and_what_is_over_its_end() {
        expect![[r#"
            {
              "alerts": [
                {
                  "annotations": {
                    "customer_title": "Acme <Ltd>",
                    "description": "<script>alert(1)</script> & *bold* _x_ <!channel>",
                    "problem": "campanile-0000000000000007-17",
                    "status": "CRITICAL",
                    "summary": "acme/web/http is CRITICAL"
                  },
                  "endsAt": "0001-01-01T00:00:00Z",
                  "fingerprint": "7852c402eae06a4e",
                  "generatorURL": "https://noc.example/#problem-17",
                  "labels": {
                    "alertname": "ServiceProblem",
                    "customer": "acme",
                    "host": "web",
                    "service": "http",
                    "severity": "critical",
                    "team": "web"
                  },
                  "startsAt": "2026-09-01T10:00:00Z",
                  "status": "firing"
                }
              ],
              "commonAnnotations": {
                "customer_title": "Acme <Ltd>",
                "description": "<script>alert(1)</script> & *bold* _x_ <!channel>",
                "problem": "campanile-0000000000000007-17",
                "status": "CRITICAL",
                "summary": "acme/web/http is CRITICAL"
              },
              "commonLabels": {
                "alertname": "ServiceProblem",
                "customer": "acme",
                "host": "web",
                "service": "http",
                "severity": "critical",
                "team": "web"
              },
              "externalURL": "https://noc.example",
              "groupKey": "{}:{alertname=\"ServiceProblem\", customer=\"acme\", host=\"web\", service=\"http\"}",
              "groupLabels": {
                "alertname": "ServiceProblem",
                "customer": "acme",
                "host": "web",
                "service": "http"
              },
              "notification_reason": "first notification",
              "receiver": "noc",
              "routeLabels": {},
              "status": "firing",
              "truncatedAlerts": 0,
              "version": "4"
            }"#]].assert_eq(&pretty(&payload_of(&testing::alert(AlertKind::Trigger), 10)));
        let over = payload_of(&testing::alert(AlertKind::Resolve), 10);
        assert_eq!(over["status"], "resolved");
        assert_eq!(over["alerts"][0]["endsAt"], "2026-09-01T10:05:00Z");
        assert_eq!(over["notification_reason"], "all alerts resolved");
    }

    #[test]
    fn the_group_is_the_same_until_the_end() {
        let mut keys: Vec<Value> = Vec::new();
        for kind in [AlertKind::Trigger, AlertKind::Reminder, AlertKind::Resolve] {
            keys.push(payload_of(&testing::alert(kind), 10)["groupKey"].clone());
        }
        assert!(keys.windows(2).all(|it| it[0] == it[1]), "{keys:?}");
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let payload = payload_of(&testing::digest(7), 5);
        assert_eq!(payload["alerts"].as_array().unwrap().len(), 5);
        assert_eq!(payload["truncatedAlerts"], 2);
    }

    /// A receiver that was written from the description of the payload, and forgives nothing.
    mod strict {
        use std::collections::BTreeMap;

        use jiff::Timestamp;
        use serde::Deserialize;
        use serde_json::Value;

        use crate::events::fingerprint;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        struct Payload {
            #[serde(rename = "receiver")]
            _receiver: String,
            status: Word,
            alerts: Vec<One>,
            #[serde(rename = "notification_reason")]
            reason: String,
            group_labels: BTreeMap<String, String>,
            common_labels: BTreeMap<String, String>,
            #[serde(rename = "commonAnnotations")]
            _common_annotations: BTreeMap<String, String>,
            #[serde(rename = "routeLabels")]
            _route_labels: BTreeMap<String, String>,
            #[serde(rename = "externalURL")]
            _external_url: String,
            version: String,
            group_key: String,
            #[serde(rename = "truncatedAlerts")]
            _truncated_alerts: u64,
        }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        struct One {
            status: Word,
            labels: BTreeMap<String, String>,
            #[serde(rename = "annotations")]
            _annotations: BTreeMap<String, String>,
            starts_at: Timestamp,
            ends_at: String,
            #[serde(rename = "generatorURL")]
            _generator_url: String,
            fingerprint: String,
        }

        #[derive(Deserialize, PartialEq)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            Firing,
            Resolved,
        }

        const REASONS: [&str; 7] = [
            "first notification",
            "new alerts added",
            "some alerts resolved",
            "all alerts resolved",
            "repeat interval elapsed",
            "none",
            "unknown",
        ];

        pub(super) fn check(payload: &Value) {
            let payload: Payload = serde_json::from_value(payload.clone()).unwrap();
            assert_eq!(payload.version, "4");
            assert!(REASONS.contains(&&*payload.reason), "{}", payload.reason);
            let (route, labels) = payload.group_key.split_once(':').unwrap();
            assert_eq!(route, "{}");
            for (name, value) in &payload.group_labels {
                assert!(labels.contains(&format!("{name}=\"{value}\"")), "{labels}");
            }
            let over = payload.alerts.iter().all(|it| it.status == Word::Resolved);
            assert!(payload.alerts.is_empty() || over == (payload.status == Word::Resolved));
            for alert in &payload.alerts {
                assert_eq!(alert.fingerprint, fingerprint(&alert.labels));
                assert!(alert.labels.contains_key("alertname"));
                for (name, value) in &payload.common_labels {
                    assert_eq!(alert.labels.get(name), Some(value));
                }
                match alert.status {
                    Word::Firing => assert_eq!(alert.ends_at, "0001-01-01T00:00:00Z"),
                    Word::Resolved => {
                        assert!(alert.ends_at.parse::<Timestamp>().unwrap() >= alert.starts_at);
                    }
                }
            }
        }
    }
}
