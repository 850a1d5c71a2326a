//! `sms`: a short message by the HTTP API of a gateway.

use std::{path::Path, sync::Arc};

use hyper::{
    HeaderMap,
    header::{CONTENT_TYPE, HeaderValue},
};
use model::{Alert, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params};
use serde_json::{Value, json};

use crate::{
    Channel, Contact, World, answer,
    http::{Destination, Request, exchange},
    json_form::JsonForm,
    letter::Letter,
    terms,
    text::{Sink, Texts},
};

/// Characters of a message: three parts of what goes over the air.
const MESSAGE_CHARS_MAX: usize = 459;

/// A gateway for short messages.
#[derive(Debug)]
pub(crate) struct Sms {
    to: Destination,
    ca: Option<Arc<Path>>,
    headers: HeaderMap,
    body: Option<JsonForm>,
    /// As a form of a web page, not as JSON.
    form: bool,
    texts: Texts,
}

/// What `body` may use besides the names of every template.
const MORE_NAMES: &[&str] = &["message"];

impl Channel for Sms {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "sms",
        summary: "Sends a short message to a person's `phone` by the HTTP API of a gateway.",
        manual: "`body` lays out what the gateway wants, as JSON whose texts are \
                 [templates](README.md#templates); `{{ contact.address }}` is the number and \
                 `{{ message }}` the text, at most 459 characters. Left out it is \
                 `{\"to\": …, \"message\": …, \"key\": …}`. With `as: form` the fields go as a form \
                 of a web page.\n\n\
                 2xx is taken. `Idempotency-Key` is the key of the alert, for gateways that know \
                 it; with others a try whose outcome is not known may come twice.",
        params: PARAMS,
        personal: Some("phone"),
        for_people: true,
        one_by_one: false,
        resolve: false,
        refresh_secs: 0,
        example: r#"sms: { type: sms, url: "https://sms.example/send", headers: { authorization: "${secret:sms}" } }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url(params, "url", &mut faults);
        let (ca, headers) = (terms::ca(params, &mut faults), terms::headers(params, &mut faults));
        let form = params.text("as") == Some("form");
        let body = params.text("body").and_then(|it| match JsonForm::new(it, MORE_NAMES) {
            Ok(body) if !form || body.is_flat() => Some(body),
            Ok(_) => {
                let hint = "names with texts, nothing inside them";
                faults.push(terms::fault("body", "is not flat, as a form must be", hint));
                None
            }
            Err(what) => {
                faults.push(terms::fault("body", what, "JSON with templates for its texts"));
                None
            }
        });
        let text = terms::template(params, "text", Sink::Plain, &mut faults);
        let texts = Texts { title: None, text };
        terms::settled(to.map(|to| Self { to, ca, headers, body, form, texts }), faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        if contact.address.is_empty() {
            return Delivery::Never { fault: format!("{} has no `phone`", contact.name) };
        }
        let letter = Letter { world, alert, contact };
        let mut request = Request::json(&self.to, &self.fields(&letter));
        if self.form {
            request.body = form_of(&self.fields(&letter)).into();
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers.insert(CONTENT_TYPE, kind);
        }
        request.ca = self.ca.as_ref();
        request.secrets = self.body.as_ref().map(JsonForm::literals).unwrap_or_default();
        if let Ok(key) = HeaderValue::try_from(alert.key.to_string()) {
            request.headers.insert("idempotency-key", key);
        }
        request.headers.extend(self.headers.clone());
        answer::delivery(exchange(world, &request, world.deadline()).await)
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "url", form: Form::Secret, default: "", doc: "Where the gateway listens." },
    ParamSpec {
        name: "body",
        form: Form::Text,
        default: "",
        doc: "What to send, as JSON; its texts are templates.",
    },
    ParamSpec { name: "as", form: Form::Choice(&["json", "form"]), default: "json", doc: "How." },
    terms::TEXT,
    terms::HEADERS,
    terms::CA,
];

impl Sms {
    fn fields(&self, letter: &Letter<'_>) -> Value {
        let message = self.message(letter);
        let own = self.body.as_ref().map(|it| it.fill(&letter.view(), &[("message", &*message)]));
        match own {
            Some(Ok(fields)) => fields,
            failed => {
                if failed.is_some() {
                    letter.world.count_template_failed();
                }
                let key = letter.alert.key;
                json!({ "to": letter.contact.address, "message": message, "key": key })
            }
        }
    }

    fn message(&self, letter: &Letter<'_>) -> String {
        if self.texts.text.is_some() {
            return letter.text(&self.texts, Sink::Plain, MESSAGE_CHARS_MAX);
        }
        let title = Sink::Plain.escape(&letter.built_in_title());
        let room = MESSAGE_CHARS_MAX.saturating_sub(title.chars().count() + 1);
        let text = letter.built_in_text(Sink::Plain, room);
        Sink::Plain.cut(format!("{title}\n{text}").trim_end(), MESSAGE_CHARS_MAX)
    }
}

fn form_of(fields: &Value) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => form.append_pair(name, text),
            Value::Null => &mut form,
            other => form.append_pair(name, &other.to_string()),
        };
    }
    form.finish()
}

#[cfg(test)]
mod tests {
    use model::{AlertKind, Value as Param};

    use super::*;
    use crate::testing;

    fn sms(more: &[(&'static str, &str)]) -> Result<Sms, Vec<ParamFault>> {
        let mut params = Params::default();
        for (name, text) in [("url", "https://sms.example/send")].iter().chain(more) {
            params.0.insert(name, Param::Text((*text).into()));
        }
        Sms::build(&params)
    }

    #[test]
    fn the_gateway_gets_what_it_wants_and_values_stay_values() {
        let world = testing::world();
        let contact = Contact { address: "+39 02 \"1\"&x=y".into(), ..Contact::everybody() };
        let alert = testing::alert(AlertKind::Trigger);
        let letter = Letter { world: &world, alert: &alert, contact: &contact };
        let body = r#"{"to": "{{ contact.address }}", "text": "{{ message }}", "flash": 1}"#;
        let sms = sms(&[("body", body), ("as", "form")]).unwrap();
        let fields = sms.fields(&letter);
        assert_eq!(fields["to"], "+39 02 \"1\"&x=y");
        assert!(fields["text"].as_str().unwrap().starts_with("acme/web/http is CRITICAL\n"));
        let form = form_of(&fields);
        assert!(form.starts_with("flash=1&text=acme%2Fweb"), "{form}");
        assert!(form.ends_with("&to=%2B39+02+%221%22%26x%3Dy"), "{form}");
    }

    #[test]
    fn a_digest_of_thousands_is_still_a_short_message() {
        let world = testing::world();
        let contact = Contact { address: "1".into(), ..Contact::everybody() };
        let alert = testing::digest(10_000);
        let letter = Letter { world: &world, alert: &alert, contact: &contact };
        let message = sms(&[]).unwrap().message(&letter);
        assert!(message.chars().count() <= MESSAGE_CHARS_MAX, "{message}");
        assert!(message.contains(" more"), "{message}");
    }

    #[test]
    fn a_form_cannot_hold_a_tree() {
        assert!(sms(&[("body", r#"{"a": {"b": "c"}}"#), ("as", "form")]).is_err());
        assert!(sms(&[("body", r#"["a"]"#), ("as", "form")]).is_err());
    }
}
