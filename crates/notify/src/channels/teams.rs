//! `teams`: adaptive cards for Microsoft Teams.
//!
//! Text blocks of a card read Markdown, and there is no safe way to escape it. So everything that
//! is not our own goes into rich text, which reads none.

use std::{path::Path, sync::Arc};

use hyper::header::{CONTENT_TYPE, HeaderValue};
use model::{
    Alert, AlertKind, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params, Severity,
};
use serde_json::{Value, json};

use crate::{
    Channel, Contact, World, answer,
    http::{Destination, Request, exchange},
    letter::Letter,
    terms,
    text::{Sink, Texts},
};

/// Characters of the first line.
const TITLE_CHARS_MAX: usize = 300;
/// Characters of the text.
const TEXT_CHARS_MAX: usize = 6000;
/// Bytes of a message, in the UTF-16 in which Teams counts them; the product says about 28 KB.
const MESSAGE_BYTES_MAX: usize = 28_000;

/// A workflow of Teams.
#[derive(Debug)]
pub(crate) struct Teams {
    to: Destination,
    ca: Option<Arc<Path>>,
    texts: Texts,
}

impl Channel for Teams {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "teams",
        summary: "Posts an adaptive card to Microsoft Teams by a workflow.",
        manual: "Make a workflow \"When a Teams webhook request is received\" and give its URL. \
                 Such a workflow belongs to a person and ends with their account, so let an \
                 account own it that nobody leaves with. The older connectors are not supported.\n\n\
                 Texts are shown as they are; Markdown in them means nothing.",
        params: PARAMS,
        personal: None,
        for_people: true,
        one_by_one: false,
        resolve: true,
        refresh_secs: 0,
        example: r#"chat: { type: teams, url: "${secret:teams}" }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url(params, "url", &mut faults);
        let ca = terms::ca(params, &mut faults);
        let texts = terms::texts(params, Sink::Plain, &mut faults);
        terms::settled(to.map(|to| Self { to, ca, texts }), faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let body = self.body(&Letter { world, alert, contact });
        let mut request = Request::json(&self.to, &body);
        request.ca = self.ca.as_ref();
        // Without the word some parts of Teams count, and refuse, each byte as a character.
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        request.headers.insert(CONTENT_TYPE, kind);
        answer::delivery(exchange(world, &request, world.deadline()).await)
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "url",
        form: Form::Secret,
        default: "",
        doc: "The URL of the workflow; whoever knows it can post.",
    },
    terms::TITLE,
    terms::TEXT,
    terms::CA,
];

impl Teams {
    /// The largest card that Teams takes: each line costs much more there than its characters.
    fn body(&self, letter: &Letter<'_>) -> Value {
        let mut chars_max = TEXT_CHARS_MAX;
        loop {
            let card = self.card(letter, chars_max);
            let bytes = card.to_string().encode_utf16().count() * size_of::<u16>();
            if bytes <= MESSAGE_BYTES_MAX || chars_max == 0 {
                return card;
            }
            chars_max = chars_max * 3 / 4;
        }
    }

    fn card(&self, letter: &Letter<'_>, chars_max: usize) -> Value {
        let title = letter.title(&self.texts, Sink::Plain, TITLE_CHARS_MAX);
        let mut body =
            vec![paragraph(&title, &json!({ "weight": "Bolder", "color": color(letter) }))];
        let text = letter.text(&self.texts, Sink::Plain, chars_max);
        body.extend(text.lines().filter(|it| !it.is_empty()).map(|it| paragraph(it, &json!({}))));
        let actions: Vec<Value> = letter
            .link()
            .map(|url| json!({ "type": "Action.OpenUrl", "title": "Open", "url": url }))
            .into_iter()
            .collect();
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": { "width": "full" },
                    "fallbackText": title,
                    "body": body,
                    "actions": actions,
                },
            }],
        })
    }
}

fn paragraph(text: &str, style: &Value) -> Value {
    let mut run = json!({ "type": "TextRun", "text": text });
    if let (Some(run), Some(style)) = (run.as_object_mut(), style.as_object()) {
        run.extend(style.clone());
    }
    json!({ "type": "RichTextBlock", "inlines": [run] })
}

fn color(letter: &Letter<'_>) -> &'static str {
    match (letter.alert.kind, letter.content().severity) {
        (AlertKind::Resolve | AlertKind::Missed, _) => "Good",
        (AlertKind::Heartbeat | AlertKind::Test | AlertKind::Window, _) => "Default",
        (_, Severity::Warning | Severity::Unknown) => "Warning",
        (_, Severity::Critical | Severity::Down) => "Attention",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::Value as Param;

    use super::*;
    use crate::testing::{self, pretty};

    fn body(alert: &Alert) -> Value {
        let url = Param::Text("https://flows.example/x".into());
        let teams = Teams::build(&Params([("url", url)].into())).unwrap();
        let world = testing::world();
        teams.body(&Letter { world: &world, alert, contact: &Contact::everybody() })
    }

    #[test]
    fn a_card_in_which_nothing_foreign_is_markup() {
        let body = body(&testing::alert(AlertKind::Trigger));
        let content = &body["attachments"][0]["content"];
        for block in content["body"].as_array().unwrap() {
            assert_eq!(block["type"], "RichTextBlock");
        }
        assert_eq!(content["actions"][0]["url"], "https://noc.example/#problem-17");
        expect![[r#"
            [
              {
                "inlines": [
                  {
                    "color": "Attention",
                    "text": "acme/web/http is CRITICAL",
                    "type": "TextRun",
                    "weight": "Bolder"
                  }
                ],
                "type": "RichTextBlock"
              },
              {
                "inlines": [
                  {
                    "text": "<script>alert(1)</script> & *bold* _x_ <!channel>",
                    "type": "TextRun"
                  }
                ],
                "type": "RichTextBlock"
              },
              {
                "inlines": [
                  {
                    "text": "Customer: Acme <Ltd>",
                    "type": "TextRun"
                  }
                ],
                "type": "RichTextBlock"
              },
              {
                "inlines": [
                  {
                    "text": "Since: 2026-09-01 10:00:00 UTC",
                    "type": "TextRun"
                  }
                ],
                "type": "RichTextBlock"
              },
              {
                "inlines": [
                  {
                    "text": "https://noc.example/#problem-17",
                    "type": "TextRun"
                  }
                ],
                "type": "RichTextBlock"
              }
            ]"#]]
        .assert_eq(&pretty(&content["body"]));
    }

    #[test]
    fn the_largest_card_fits_into_a_message() {
        let utf16 = |body: &Value| 2 * body.to_string().encode_utf16().count();
        let mut alert = testing::digest(10_000);
        let many_lines = body(&alert);
        assert!(utf16(&many_lines) <= MESSAGE_BYTES_MAX, "{} bytes", utf16(&many_lines));
        let lines = many_lines["attachments"][0]["content"]["body"].as_array().unwrap();
        assert!(lines.len() > 50, "as many as fit, not only a few: {}", lines.len());
        assert!(many_lines.to_string().contains(" more\""), "the others are counted");
        for text in ["é", "\"", "😀"] {
            for member in &mut alert.content.members {
                member.text = text.repeat(2000).into();
            }
            assert!(utf16(&body(&alert)) <= MESSAGE_BYTES_MAX, "{text}");
        }
    }
}
