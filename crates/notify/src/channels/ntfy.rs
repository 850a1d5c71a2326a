//! `ntfy`: push to telephones by ntfy.

use std::{path::Path, sync::Arc};

use hyper::header::{AUTHORIZATION, HeaderValue};
use model::{
    Alert, AlertKind, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params, Severity,
};
use serde_json::{Value, json};

use crate::{
    Channel, Contact, World, answer,
    http::{Destination, Request, exchange},
    json_form,
    letter::Letter,
    terms,
    text::{Sink, Texts},
};

/// The public server.
const URL: &str = "https://ntfy.sh";
/// Characters of the title.
const TITLE_CHARS_MAX: usize = 250;
/// Characters of the message; the server takes 4,096 bytes and makes a file of what is longer.
const MESSAGE_CHARS_MAX: usize = 1000;
/// Bytes of a topic.
const TOPIC_BYTES_MAX: usize = 64;

/// A topic of an ntfy server.
#[derive(Debug)]
pub(crate) struct Ntfy {
    to: Destination,
    topic: Arc<str>,
    authorization: Option<HeaderValue>,
    ca: Option<Arc<Path>>,
    texts: Texts,
}

impl Channel for Ntfy {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "ntfy",
        summary: "Publishes to a topic of ntfy, for telephones.",
        manual: "Severity becomes priority and tags: down and critical are 5, a warning is 3, what \
                 is over is 2. Whoever knows a topic of a public server can read it, so use a \
                 server of your own or a topic that nobody guesses.\n\n\
                 Taken is what ntfy answers with the `id` of the message to.",
        params: PARAMS,
        personal: None,
        for_people: true,
        one_by_one: false,
        resolve: true,
        refresh_secs: 0,
        example: r#"push: { type: ntfy, url: "https://ntfy.example", topic: noc, token: "${secret:ntfy}" }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url_or(params, "url", URL, &mut faults);
        let topic = terms::required(params, "topic", &mut faults);
        let allowed = |it: u8| it.is_ascii_alphanumeric() || it == b'_' || it == b'-';
        if topic.is_some_and(|it| it.len() > TOPIC_BYTES_MAX || !it.bytes().all(allowed)) {
            let hint = "up to 64 letters, digits, `_` and `-`";
            faults.push(terms::fault("topic", "is not a topic", hint));
        }
        let authorization = bearer(params, &mut faults);
        let ca = terms::ca(params, &mut faults);
        let texts = terms::texts(params, Sink::Plain, &mut faults);
        let built = to.zip(topic).map(|(to, topic)| Self {
            to: to.with_path("/"),
            topic: topic.into(),
            authorization,
            ca,
            texts,
        });
        terms::settled(built, faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let body = self.body(&Letter { world, alert, contact });
        let mut request = Request::json(&self.to, &body);
        request.ca = self.ca.as_ref();
        if let Some(value) = &self.authorization {
            request.headers.insert(AUTHORIZATION, value.clone());
        }
        request.secrets.push(&self.topic);
        let result = exchange(world, &request, world.deadline()).await;
        // The number of the message: a web page at the same place answers 200 as well.
        answer::confirmed(result, "ntfy", |it| json_form::text_at(&it.body, "/id").is_some())
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "topic", form: Form::Secret, default: "", doc: "Where to publish." },
    ParamSpec {
        name: "url",
        form: Form::Text,
        default: URL,
        doc: "The server. A user and a password may stand in it.",
    },
    ParamSpec { name: "token", form: Form::Secret, default: "", doc: "An access token." },
    terms::TITLE,
    terms::TEXT,
    terms::CA,
];

fn bearer(params: &Params, faults: &mut Vec<ParamFault>) -> Option<HeaderValue> {
    let token = params.text("token")?;
    match HeaderValue::try_from(format!("Bearer {token}")) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Some(value)
        }
        Err(_) => {
            faults.push(terms::fault("token", "cannot be sent", ""));
            None
        }
    }
}

impl Ntfy {
    fn body(&self, letter: &Letter<'_>) -> Value {
        let (priority, tag) = match (letter.alert.kind, letter.content().severity) {
            (AlertKind::Resolve | AlertKind::Missed, _) => (2, "white_check_mark"),
            (AlertKind::Heartbeat | AlertKind::Test | AlertKind::Window, _) => {
                (2, "information_source")
            }
            (AlertKind::Acknowledged, _) => (2, "eyes"),
            (_, Severity::Warning | Severity::Unknown) => (3, "warning"),
            (_, Severity::Critical | Severity::Down) => (5, "rotating_light"),
        };
        let mut body = json!({
            "topic": &*self.topic,
            "title": letter.title(&self.texts, Sink::Plain, TITLE_CHARS_MAX),
            "message": letter.text(&self.texts, Sink::Plain, MESSAGE_CHARS_MAX),
            "priority": priority,
            "tags": [tag],
        });
        if let Some(link) = letter.link() {
            body["click"] = json!(link);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::Value as Param;

    use super::*;
    use crate::testing::{self, pretty};

    fn params(topic: &str) -> Params {
        Params([("topic", Param::Text(topic.into()))].into())
    }

    #[test]
    fn severity_becomes_priority() {
        let world = testing::world();
        let contact = Contact::everybody();
        let ntfy = Ntfy::build(&params("noc")).unwrap();
        let body = |kind| {
            let alert = testing::alert(kind);
            ntfy.body(&Letter { world: &world, alert: &alert, contact: &contact })
        };
        expect![[r#"
            {
              "click": "https://noc.example/#problem-17",
              "message": "<script>alert(1)</script> & *bold* _x_ <!channel>\nCustomer: Acme <Ltd>\nSince: 2026-09-01 10:00:00 UTC\nhttps://noc.example/#problem-17",
              "priority": 5,
              "tags": [
                "rotating_light"
              ],
              "title": "acme/web/http is CRITICAL",
              "topic": "noc"
            }"#]].assert_eq(&pretty(&body(AlertKind::Trigger)));
        assert_eq!(body(AlertKind::Resolve)["priority"], 2);
    }

    #[test]
    fn a_topic_is_a_name_and_nothing_more() {
        for wrong in ["", "a b", "../x", &"a".repeat(65)] {
            assert!(Ntfy::build(&params(wrong)).is_err(), "{wrong}");
        }
    }
}
