//! `telegram`: messages by a bot of Telegram.

use std::{path::Path, sync::Arc};

use hyper::StatusCode;
use model::{Alert, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    Channel, Contact, World, answer,
    http::{Answer, Destination, Request, Silence, exchange},
    json_form,
    letter::Letter,
    terms,
    text::{Sink, Texts},
};

/// Where bots live.
const URL: &str = "https://api.telegram.org";
/// Units of UTF-16 in a message, which is how Telegram counts.
const MESSAGE_UNITS_MAX: usize = 4096;
/// Characters of the plain message: two units each still fit.
const PLAIN_CHARS_MAX: usize = 2000;
/// Characters of the first line.
const TITLE_CHARS_MAX: usize = 300;
/// Characters of the text.
const TEXT_CHARS_MAX: usize = 3500;

/// A chat of Telegram.
#[derive(Debug)]
pub(crate) struct Telegram {
    to: Destination,
    token: Arc<str>,
    chat: Arc<str>,
    thread: Option<i64>,
    ca: Option<Arc<Path>>,
    texts: Texts,
}

impl Channel for Telegram {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "telegram",
        summary: "Sends messages to a chat of Telegram by a bot.",
        manual: "`title` and `text` may use Telegram's HTML (`<b>`, `<i>`, `<code>`, `<a>`); values \
                 are escaped. If the message becomes longer than the 4,096 that Telegram takes, or \
                 if Telegram cannot read its markup, a shorter one without markup goes instead.\n\n\
                 Taken is what Telegram answers `ok: true` to. 429 is tried again after what \
                 Telegram asks for.",
        params: PARAMS,
        personal: None,
        for_people: true,
        one_by_one: false,
        resolve: true,
        refresh_secs: 0,
        example: r#"chat: { type: telegram, token: "${secret:bot}", chat: "-1001234567890" }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url_or(params, "url", URL, &mut faults);
        let token = terms::required(params, "token", &mut faults);
        let allowed = |it: u8| it.is_ascii_alphanumeric() || b":_-".contains(&it);
        if token.is_some_and(|it| !it.bytes().all(allowed)) {
            faults.push(terms::fault("token", "is not a token of a bot", "as in `123456:ABC-def`"));
        }
        let chat = terms::required(params, "chat", &mut faults);
        let texts = terms::texts(params, Sink::Html, &mut faults);
        let ca = terms::ca(params, &mut faults);
        let built = to.zip(token).zip(chat).map(|((to, token), chat)| Self {
            to: to.with_path(&format!("/bot{token}/sendMessage")),
            token: token.into(),
            chat: chat.into(),
            thread: params.number("thread"),
            ca,
            texts,
        });
        terms::settled(built, faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let deadline = world.deadline();
        let letter = Letter { world, alert, contact };
        if let Some(body) = self.marked_up(&letter) {
            match self.post(world, &body, deadline).await {
                Ok(answer) if is_bad_markup(&answer) => world.count_template_failed(),
                result => return delivery(result),
            }
        }
        delivery(self.post(world, &self.plain(&letter), deadline).await)
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "token", form: Form::Secret, default: "", doc: "The token of the bot." },
    ParamSpec {
        name: "chat",
        form: Form::Text,
        default: "",
        doc: "The chat: its number, in quotes, or `@name` of a channel.",
    },
    ParamSpec {
        name: "thread",
        form: Form::Count(1, i64::MAX),
        default: "",
        doc: "The topic in a group that has topics.",
    },
    ParamSpec { name: "url", form: Form::Text, default: URL, doc: "A Bot API server of your own." },
    terms::TITLE,
    terms::TEXT,
    terms::CA,
];

impl Telegram {
    async fn post(
        &self,
        world: &World,
        body: &Value,
        deadline: Instant,
    ) -> Result<Answer, Silence> {
        let mut request = Request::json(&self.to, body);
        request.ca = self.ca.as_ref();
        // The path has it behind another word; its second half is the secret one.
        request.secrets = self.token.split(':').chain([&*self.token]).collect();
        exchange(world, &request, deadline).await
    }

    /// `None` if it is too long for Telegram.
    fn marked_up(&self, letter: &Letter<'_>) -> Option<Value> {
        let title = letter.title(&self.texts, Sink::Html, TITLE_CHARS_MAX);
        let title = if self.texts.title.is_some() { title } else { format!("<b>{title}</b>") };
        let text = letter.text(&self.texts, Sink::Html, TEXT_CHARS_MAX);
        let whole = format!("{title}\n{text}");
        if whole.encode_utf16().count() > MESSAGE_UNITS_MAX {
            return None;
        }
        let mut body = self.message(whole.trim_end());
        body["parse_mode"] = json!("HTML");
        Some(body)
    }

    fn plain(&self, letter: &Letter<'_>) -> Value {
        let title = Sink::Plain.escape(&letter.built_in_title());
        let title = Sink::Plain.cut(&title, TITLE_CHARS_MAX);
        let text = letter.built_in_text(Sink::Plain, PLAIN_CHARS_MAX - TITLE_CHARS_MAX - 1);
        self.message(format!("{title}\n{text}").trim_end())
    }

    fn message(&self, text: &str) -> Value {
        let mut body = json!({
            "chat_id": &*self.chat,
            "text": text,
            "link_preview_options": { "is_disabled": true },
        });
        if let Some(thread) = self.thread {
            body["message_thread_id"] = json!(thread);
        }
        body
    }
}

/// Telegram cannot read the markup, or has cut it in two.
fn is_bad_markup(answer: &Answer) -> bool {
    let said = answer.snippet.to_lowercase();
    let bad = said.contains("can't parse entities") || said.contains("message is too long");
    answer.code == StatusCode::BAD_REQUEST && bad
}

/// By the usual rules, but Telegram says in the body how long it wants to be left alone.
fn delivery(result: Result<Answer, Silence>) -> Delivery {
    let asked = result.as_ref().ok().and_then(|it| {
        let secs = json_form::text_at(&it.body, "/parameters/retry_after")?;
        answer::retry_after(&secs, model::Moment::ZERO)
    });
    let is_taken = |it: &Answer| json_form::flag_at(&it.body, "/ok");
    match answer::confirmed(result, "Telegram", is_taken) {
        Delivery::Later { fault, after, may_have_arrived } => {
            Delivery::Later { fault, after: after.or(asked), may_have_arrived }
        }
        settled => settled,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::{AlertKind, Value as Param};

    use super::*;
    use crate::testing::{self, pretty};

    fn telegram(more: &[(&'static str, &str)]) -> Telegram {
        let mut params = Params::default();
        for (name, text) in [("token", "123:abc-DEF"), ("chat", "-1001")].iter().chain(more) {
            params.0.insert(name, Param::Text((*text).into()));
        }
        Telegram::build(&params).unwrap()
    }

    #[test]
    fn values_are_escaped() {
        let (world, contact) = (testing::world(), Contact::everybody());
        let alert = testing::alert(AlertKind::Trigger);
        let letter = Letter { world: &world, alert: &alert, contact: &contact };
        let body = telegram(&[]).marked_up(&letter).unwrap();
        expect![[r#"
            {
              "chat_id": "-1001",
              "link_preview_options": {
                "is_disabled": true
              },
              "parse_mode": "HTML",
              "text": "<b>acme/web/http is CRITICAL</b>\n&lt;script&gt;alert(1)&lt;/script&gt; &amp; *bold* _x_ &lt;!channel&gt;\nCustomer: Acme &lt;Ltd&gt;\nSince: 2026-09-01 10:00:00 UTC\nhttps://noc.example/#problem-17"
            }"#]].assert_eq(&pretty(&body));
    }

    #[test]
    fn what_is_too_long_goes_without_markup_and_fits() {
        let (world, contact) = (testing::world(), Contact::everybody());
        let mut alert = testing::digest(10_000);
        for member in &mut alert.content.members {
            member.text = "😀".repeat(400).into();
        }
        let letter = Letter { world: &world, alert: &alert, contact: &contact };
        let plain = telegram(&[]).plain(&letter);
        let text = plain["text"].as_str().unwrap();
        assert!(text.encode_utf16().count() <= MESSAGE_UNITS_MAX);
        assert_eq!(plain.get("parse_mode"), None);
        let own = telegram(&[("text", "{{ 'x' * 5000 }}"), ("title", "{{ '😀' * 300 }}")]);
        assert!(own.marked_up(&letter).is_none_or(|it| {
            it["text"].as_str().unwrap().encode_utf16().count() <= MESSAGE_UNITS_MAX
        }));
    }
}
