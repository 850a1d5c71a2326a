//! `webhook`: everything about an alert as JSON, signed by Standard Webhooks.

use std::{path::Path, sync::Arc};

use hyper::{HeaderMap, header::HeaderValue};
use model::{
    Alert, AlertKind, ChannelSpec, Content, Delivery, Form, Member, ParamFault, ParamSpec, Params,
};
use serde_json::{Value, json};

use crate::{
    Channel, Contact, World, answer,
    http::{Destination, Request, exchange},
    letter::{Letter, member_key, rfc3339},
    sign::Signer,
    terms,
};

/// Version of the body: grows when a field changes its meaning or goes.
const BODY_VERSION: u32 = 1;
/// Problems of a digest that are listed; so many hosts behind one site are one message.
const LISTED_MEMBERS_MAX: usize = 10_000;

/// A receiver of JSON.
#[derive(Debug)]
pub(crate) struct Webhook {
    to: Destination,
    ca: Option<Arc<Path>>,
    headers: HeaderMap,
    signer: Signer,
}

impl Channel for Webhook {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "webhook",
        summary: "Posts everything about an alert as JSON, signed by Standard Webhooks 1.0.0.",
        manual: "The body is `{type, timestamp, data}`. `type` is `alert.` and a word: `triggered`, \
                 `reminded`, `acknowledged`, `resolved`, `missed`, `question`, `call`, `window`, \
                 `message`, `heartbeat` or `test`. `timestamp` is when the alert was owed. `data.version` is 1 \
                 and grows when a field changes its meaning; fields may be added without that.\n\n\
                 `data` has `key`, `problem_key`, `problem` (0: about none; null: about a \
                 `call`, whose id stands there), `ordinal`, `step`, `channel`, \
                 `contact`, `kind`, `name`, `customer`, `customer_title`, `labels`, `status`, \
                 `severity`, `title`, `text`, `flapping`, `since`, `ended_at`, `symptoms`, \
                 `symptoms_count`, `by`, `link`, `members` and `members_count`. A digest names its \
                 problems in `members`, all of them up to 10,000, each with `key`, `kind`, \
                 `problem`, `problem_key`, `ordinal`, `name`, `labels`, `status`, `severity`, \
                 `text`, `since` and `ended_at`.\n\n\
                 `webhook-id` and `Idempotency-Key` are `data.key`: the same in every repeat of an \
                 alert, and of no other alert. Delivery is at least once, so a receiver remembers \
                 the ids it has taken. `webhook-timestamp` is the time of the try. With `sign` each \
                 secret adds a signature of `id.timestamp.body` to `webhook-signature`.\n\n\
                 2xx is taken. 408, 425, 429 and 5xx are tried again, `Retry-After` is heard up to \
                 an hour. Everything else is final; redirects are not followed.",
        params: PARAMS,
        personal: None,
        for_people: false,
        one_by_one: false,
        resolve: true,
        refresh_secs: 0,
        example: r#"noc: { type: webhook, url: "https://noc.example/hook", sign: ["${secret:noc}"] }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url(params, "url", &mut faults);
        let (ca, headers) = (terms::ca(params, &mut faults), terms::headers(params, &mut faults));
        let signer = Signer::new(&terms::texts_of(params, "sign")).unwrap_or_else(|what| {
            let hint = "as in `whsec_` and the Base64 of 24 to 64 random bytes";
            faults.push(terms::fault("sign", what, hint));
            Signer::default()
        });
        terms::settled(to.map(|to| Self { to, ca, headers, signer }), faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let body = body(&Letter { world, alert, contact });
        let mut request = Request::json(&self.to, &body);
        request.ca = self.ca.as_ref();
        let seconds = world.now().as_nanos() / 1_000_000_000;
        let key = alert.key.to_string();
        let signature = self.signer.signature(&key, seconds, &request.body);
        let ours = [
            ("webhook-id", Some(key.clone())),
            ("idempotency-key", Some(key)),
            ("webhook-timestamp", Some(seconds.to_string())),
            ("webhook-signature", signature),
        ];
        for (name, value) in ours {
            if let Some(value) = value.and_then(|it| HeaderValue::try_from(it).ok()) {
                request.headers.insert(name, value);
            }
        }
        for (name, value) in &self.headers {
            request.headers.insert(name, value.clone());
        }
        answer::delivery(exchange(world, &request, world.deadline()).await)
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "url", form: Form::Secret, default: "", doc: "Where to post to." },
    ParamSpec {
        name: "sign",
        form: Form::TextList,
        default: "",
        doc: "Secrets to sign with, each `whsec_` and Base64 of 24 to 64 random bytes. All of them \
              sign, so that a new one can be added before the old one is taken away.",
    },
    terms::HEADERS,
    terms::CA,
];

fn event(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Trigger => "alert.triggered",
        AlertKind::Reminder => "alert.reminded",
        AlertKind::Acknowledged => "alert.acknowledged",
        AlertKind::Resolve => "alert.resolved",
        AlertKind::Missed => "alert.missed",
        AlertKind::Question => "alert.question",
        AlertKind::Call => "alert.call",
        AlertKind::Message => "alert.message",
        AlertKind::Window => "alert.window",
        AlertKind::Heartbeat => "alert.heartbeat",
        AlertKind::Test => "alert.test",
    }
}

fn body(letter: &Letter<'_>) -> Value {
    json!({
        "type": event(letter.alert.kind),
        "timestamp": rfc3339(letter.alert.owed_at),
        "data": told(letter),
    })
}

fn told(letter: &Letter<'_>) -> Value {
    let (alert, content) = (letter.alert, letter.content());
    let Content { customer, customer_title, labels, status, severity, text, .. } = content;
    let members = content.members.iter().take(LISTED_MEMBERS_MAX);
    // Messages about a call are kept in order by the call, not by a problem.
    let of_call = matches!(alert.kind, AlertKind::Call | AlertKind::Message);
    json!({
        "version": BODY_VERSION,
        "key": alert.key,
        "problem_key": letter.problem_key(),
        "problem": (!of_call).then_some(alert.problem.0),
        "call": of_call.then_some(alert.problem.0),
        "ordinal": alert.ordinal,
        "step": alert.step,
        "channel": alert.route.channel,
        "contact": {
            "name": letter.contact.name,
            "title": letter.contact.title,
            "address": letter.contact.address,
        },
        "kind": alert.kind.word(),
        "name": letter.name(),
        "customer": customer,
        "customer_title": customer_title,
        "labels": labels,
        "status": status.word(),
        "severity": severity.word(),
        "title": letter.built_in_title(),
        "text": text,
        "flapping": content.flapping,
        "since": rfc3339(content.since),
        "ended_at": content.ended_at.map(rfc3339),
        "symptoms": content.symptoms,
        "symptoms_count": content.symptoms_count,
        "by": content.by,
        "link": letter.link(),
        "members": members.map(|it| member(letter.world, it)).collect::<Vec<_>>(),
        "members_count": content.members.len(),
    })
}

fn member(world: &World, member: &Member) -> Value {
    json!({
        "key": member.key,
        "kind": member.kind.word(),
        "problem": member.problem.0,
        "problem_key": member_key(world, member),
        "ordinal": member.ordinal,
        "name": member.name,
        "labels": member.labels,
        "status": member.status.word(),
        "severity": member.severity.word(),
        "text": member.text,
        "since": rfc3339(member.since),
        "ended_at": member.ended_at.map(rfc3339),
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::testing::{self, digest, pretty};

    #[test]
    fn the_body_is_what_the_manual_says() {
        let world = testing::world();
        let alert = testing::alert(AlertKind::Trigger);
        let letter = Letter { world: &world, alert: &alert, contact: &Contact::everybody() };
        expect![[r#"
            {
              "data": {
                "by": "",
                "call": null,
                "channel": "noc",
                "contact": {
                  "address": "",
                  "name": "*",
                  "title": ""
                },
                "customer": "acme",
                "customer_title": "Acme <Ltd>",
                "ended_at": null,
                "flapping": false,
                "key": "91a41fbb-c638-8699-9916-487cc30fdbd8",
                "kind": "trigger",
                "labels": {
                  "team": "web"
                },
                "link": "https://noc.example/#problem-17",
                "members": [],
                "members_count": 0,
                "name": "acme/web/http",
                "ordinal": 0,
                "problem": 17,
                "problem_key": "campanile-0000000000000007-17",
                "severity": "critical",
                "since": "2026-09-01T10:00:00Z",
                "status": "CRITICAL",
                "step": 0,
                "symptoms": [],
                "symptoms_count": 0,
                "text": "<script>alert(1)</script> & *bold* _x_ <!channel>",
                "title": "acme/web/http is CRITICAL",
                "version": 1
              },
              "timestamp": "2026-09-01T10:01:30Z",
              "type": "alert.triggered"
            }"#]]
        .assert_eq(&pretty(&body(&letter)));
    }

    #[test]
    fn a_digest_names_its_problems() {
        let world = testing::world();
        let alert = digest(3);
        let letter = Letter { world: &world, alert: &alert, contact: &Contact::everybody() };
        let body = body(&letter);
        assert_eq!(body["data"]["members"].as_array().unwrap().len(), 3);
        assert_eq!(body["data"]["members_count"], 3);
        expect![[r#"
            {
              "ended_at": null,
              "key": "00000000-0000-0000-0000-000000000002",
              "kind": "trigger",
              "labels": {
                "rack": "rack 2"
              },
              "name": "acme/h00002",
              "ordinal": 0,
              "problem": 102,
              "problem_key": "campanile-0000000000000007-102",
              "severity": "down",
              "since": "2026-09-01T10:00:00Z",
              "status": "DOWN",
              "text": "no answer"
            }"#]]
        .assert_eq(&pretty(&body["data"]["members"][1]));
    }
}
