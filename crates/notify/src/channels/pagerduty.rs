//! `pagerduty`: Events API v2.

use std::{path::Path, sync::Arc};

use hyper::StatusCode;
use model::{
    Alert, AlertKind, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params, Severity,
};
use serde_json::{Value, json};

use crate::{
    Channel, Contact, World, answer,
    http::{Destination, Request, exchange},
    letter::{Letter, rfc3339},
    terms,
    text::{Sink, Texts, one_line},
};

/// Where everybody posts to.
const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Characters of `summary`.
const SUMMARY_CHARS_MAX: usize = 1024;
/// Bytes of `source`, `component` and the like.
const FIELD_BYTES_MAX: usize = 255;
/// Bytes of a whole event.
const EVENT_BYTES_MAX: usize = 512 << 10;

/// A service of PagerDuty.
#[derive(Debug)]
pub(crate) struct PagerDuty {
    to: Destination,
    routing_key: Arc<str>,
    ca: Option<Arc<Path>>,
    texts: Texts,
}

impl Channel for PagerDuty {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "pagerduty",
        summary: "Triggers, acknowledges and resolves at PagerDuty by its Events API v2.",
        manual: "One problem is one incident there: `dedup_key` is the key of the problem, the \
                 same from trigger to resolve. A reminder triggers again under the same key, which \
                 adds to the incident. What is over already, questions, calls and tests trigger \
                 under the key of the alert, and stay until somebody closes them.\n\n\
                 PagerDuty takes an event by the status 202 and nothing else. 400 is final; 429 and \
                 5xx are tried again, and the channel slows down: a service takes about two events \
                 a second.",
        params: PARAMS,
        personal: None,
        for_people: false,
        one_by_one: true,
        resolve: true,
        refresh_secs: 0,
        example: r#"pager: { type: pagerduty, routing_key: "${secret:pagerduty}" }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url_or(params, "url", URL, &mut faults);
        let key = terms::required(params, "routing_key", &mut faults);
        let texts =
            Texts { title: terms::template(params, "title", Sink::Plain, &mut faults), text: None };
        let ca = terms::ca(params, &mut faults);
        let built = to.zip(key).map(|(to, key)| Self { to, routing_key: key.into(), ca, texts });
        terms::settled(built, faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let deadline = world.deadline();
        let letter = Letter { world, alert, contact };
        let events = self.events(&letter);
        // Each of them may be repeated: the key says that it is the same.
        for (taken, event) in events.iter().enumerate() {
            let mut request = Request::json(&self.to, event);
            request.ca = self.ca.as_ref();
            request.secrets.push(&self.routing_key);
            let result = exchange(world, &request, deadline).await;
            let said = answer::confirmed(result, "PagerDuty", |it| it.code == StatusCode::ACCEPTED);
            if said != Delivery::Taken {
                return part_of(said, taken, events.len());
            }
        }
        Delivery::Taken
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "routing_key",
        form: Form::Secret,
        default: "",
        doc: "The integration key of the service. A resolve under another key than its trigger \
              closes nothing, so let problems end before it is changed.",
    },
    ParamSpec {
        name: "url",
        form: Form::Text,
        default: URL,
        doc: "Another place to post to: another region, a relay.",
    },
    terms::TITLE,
    terms::CA,
];

impl PagerDuty {
    /// One for each problem. No digest is made for this channel, but one may have been owed before
    /// it became one.
    fn events(&self, letter: &Letter<'_>) -> Vec<Value> {
        let apart = letter.alert.apart();
        if apart.is_empty() {
            return vec![self.event(letter)];
        }
        apart.iter().map(|alert| self.event(&Letter { alert, ..*letter })).collect()
    }

    fn event(&self, letter: &Letter<'_>) -> Value {
        let kind = letter.alert.kind;
        let action = match kind {
            AlertKind::Resolve => "resolve",
            AlertKind::Acknowledged => "acknowledge",
            _ => "trigger",
        };
        let of_problem = matches!(
            kind,
            AlertKind::Trigger | AlertKind::Reminder | AlertKind::Acknowledged | AlertKind::Resolve
        );
        let key = if of_problem { letter.problem_key() } else { letter.alert.key.to_string() };
        let mut event = json!({
            "routing_key": &*self.routing_key,
            "event_action": action,
            "dedup_key": key,
        });
        if action == "trigger" {
            event["client"] = json!("Campanile");
            if let Some(link) = letter.link() {
                event["client_url"] = json!(link);
                event["links"] = json!([{ "href": link, "text": "Open" }]);
            }
            event["payload"] = self.payload(letter);
            if event.to_string().len() > EVENT_BYTES_MAX {
                event["payload"]["custom_details"] = json!({});
            }
        }
        event
    }

    fn payload(&self, letter: &Letter<'_>) -> Value {
        let content = letter.content();
        let name = letter.name();
        let (host, service) = match name.splitn(3, '/').collect::<Vec<_>>()[..] {
            [_, host, service] => (host, service),
            _ => (&*name, ""),
        };
        let severity = match letter.alert.kind {
            AlertKind::Missed | AlertKind::Window | AlertKind::Heartbeat | AlertKind::Test => {
                "info"
            }
            _ => severity(content.severity),
        };
        json!({
            "summary": letter.title(&self.texts, Sink::Plain, SUMMARY_CHARS_MAX),
            "source": one_line(if host.is_empty() { "campanile" } else { host }, FIELD_BYTES_MAX),
            "severity": severity,
            "timestamp": rfc3339(content.since),
            "component": one_line(service, FIELD_BYTES_MAX),
            "group": one_line(&content.customer, FIELD_BYTES_MAX),
            "class": content.status.word(),
            "custom_details": {
                "name": name,
                "text": Sink::Plain.escape(&content.text),
                "customer": content.customer_title,
                "labels": content.labels,
                "flapping": content.flapping,
                "symptoms": content.symptoms,
                "symptoms_count": content.symptoms_count,
            },
        })
    }
}

/// The failure of one of several events, which says how many were taken before.
fn part_of(said: Delivery, taken: usize, all: usize) -> Delivery {
    let told = |fault: String| match all {
        1 => fault,
        _ => format!("{taken} of {all} events were taken, then {fault}"),
    };
    match said {
        Delivery::Taken => Delivery::Taken,
        Delivery::Later { fault, after, may_have_arrived } => {
            let may_have_arrived = may_have_arrived || taken > 0;
            Delivery::Later { fault: told(fault), after, may_have_arrived }
        }
        Delivery::Never { fault } => Delivery::Never { fault: told(fault) },
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning | Severity::Unknown => "warning",
        Severity::Critical => "error",
        Severity::Down => "critical",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect;
    use model::Value as Param;

    use super::*;
    use crate::testing::{self, pretty};

    fn events(alert: &Alert) -> Vec<Value> {
        let key = Param::Text("0123456789abcdef0123456789abcdef".into());
        let pager = PagerDuty::build(&Params([("routing_key", key)].into())).unwrap();
        let world = testing::world();
        pager.events(&Letter { world: &world, alert, contact: &Contact::everybody() })
    }

    #[test]
    fn a_problem_is_one_incident_from_trigger_to_resolve() {
        let trigger = events(&testing::alert(AlertKind::Trigger));
        expect![[r#"
            {
              "client": "Campanile",
              "client_url": "https://noc.example/#problem-17",
              "dedup_key": "campanile-0000000000000007-17",
              "event_action": "trigger",
              "links": [
                {
                  "href": "https://noc.example/#problem-17",
                  "text": "Open"
                }
              ],
              "payload": {
                "class": "CRITICAL",
                "component": "http",
                "custom_details": {
                  "customer": "Acme <Ltd>",
                  "flapping": false,
                  "labels": {
                    "team": "web"
                  },
                  "name": "acme/web/http",
                  "symptoms": [],
                  "symptoms_count": 0,
                  "text": "<script>alert(1)</script> & *bold* _x_ <!channel>"
                },
                "group": "acme",
                "severity": "error",
                "source": "web",
                "summary": "acme/web/http is CRITICAL",
                "timestamp": "2026-09-01T10:00:00Z"
              },
              "routing_key": "0123456789abcdef0123456789abcdef"
            }"#]]
        .assert_eq(&pretty(&trigger[0]));
        for (kind, action) in [
            (AlertKind::Reminder, "trigger"),
            (AlertKind::Acknowledged, "acknowledge"),
            (AlertKind::Resolve, "resolve"),
        ] {
            let event = events(&testing::alert(kind)).remove(0);
            assert_eq!(event["event_action"], action);
            assert_eq!(event["dedup_key"], trigger[0]["dedup_key"]);
        }
        let test = events(&testing::alert(AlertKind::Test)).remove(0);
        assert_ne!(test["dedup_key"], trigger[0]["dedup_key"]);
    }

    #[test]
    fn the_limits_of_the_product_are_kept() {
        let mut alert = testing::alert(AlertKind::Trigger);
        alert.content.title = "x".repeat(5000);
        alert.content.text = "é".repeat(400_000).into();
        let event = events(&alert).remove(0);
        assert!(event["payload"]["summary"].as_str().unwrap().chars().count() <= SUMMARY_CHARS_MAX);
        assert!(event.to_string().len() <= EVENT_BYTES_MAX);
    }

    #[test]
    fn every_problem_of_a_digest_is_an_incident_of_its_own_to_its_end() {
        let alerts =
            [AlertKind::Trigger, AlertKind::Acknowledged, AlertKind::Resolve].map(testing::alert);
        let alone: Vec<Value> = alerts.iter().flat_map(events).collect();
        let digest = testing::digest_of(&alerts.each_ref());
        for (alone, listed) in alone.iter().zip(events(&digest)) {
            for field in ["event_action", "dedup_key"] {
                assert_eq!(alone[field], listed[field]);
            }
            assert_eq!(alone["payload"]["source"], listed["payload"]["source"]);
        }
        let keys: BTreeSet<String> =
            events(&testing::digest(1000)).iter().map(|it| it["dedup_key"].to_string()).collect();
        assert_eq!(keys.len(), 1000);
    }
}
