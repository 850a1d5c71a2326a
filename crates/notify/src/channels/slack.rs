//! `slack`: incoming webhooks of Slack.

use std::{path::Path, sync::Arc};

use hyper::StatusCode;
use model::{
    Alert, AlertKind, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params, Severity,
};
use serde_json::{Value, json};

use crate::{
    Channel, Contact, World, answer,
    http::{Answer, Destination, Request, exchange},
    json_form,
    letter::Letter,
    terms,
    text::{Sink, Texts},
};

/// Characters of a header block.
const HEADER_CHARS_MAX: usize = 150;
/// Characters of a section.
const SECTION_CHARS_MAX: usize = 3000;

/// A channel of Slack, or of what speaks its language.
#[derive(Debug)]
pub(crate) struct Slack {
    to: Destination,
    ca: Option<Arc<Path>>,
    texts: Texts,
}

impl Channel for Slack {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "slack",
        summary: "Posts to a channel of Slack by an incoming webhook.",
        manual: "A header, a section and a button, and a plain line for where blocks are not \
                 shown. `text` may use Slack's markup; values are escaped, so nothing that a \
                 host says can call everybody or become a link.\n\n\
                 Taken is what Slack answers `ok` to. 429 is tried again after what `Retry-After` \
                 says. Slack knows no key of a \
                 message, so a try whose outcome is not known may be seen twice.",
        params: PARAMS,
        personal: None,
        for_people: true,
        one_by_one: false,
        resolve: true,
        refresh_secs: 0,
        example: r#"chat: { type: slack, url: "${secret:slack}" }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let to = terms::url(params, "url", &mut faults);
        let ca = terms::ca(params, &mut faults);
        let title = terms::template(params, "title", Sink::Plain, &mut faults);
        let text = terms::template(params, "text", Sink::Slack, &mut faults);
        terms::settled(to.map(|to| Self { to, ca, texts: Texts { title, text } }), faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let body = self.body(&Letter { world, alert, contact });
        let mut request = Request::json(&self.to, &body);
        request.ca = self.ca.as_ref();
        match exchange(world, &request, world.deadline()).await {
            // Slack says so for a moment while it moves a workspace.
            Ok(answer) if answer.code == StatusCode::FORBIDDEN && is_passing(&answer.snippet) => {
                answer::later(&answer)
            }
            result => answer::confirmed(result, "Slack", has_taken),
        }
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "url",
        form: Form::Secret,
        default: "",
        doc: "The URL of the incoming webhook; whoever knows it can post.",
    },
    terms::TITLE,
    terms::TEXT,
    terms::CA,
];

fn is_passing(said: &str) -> bool {
    said.contains("team_access_not_granted")
}

/// Slack says `ok`, and so does most of what speaks its language; some say it in JSON, or nothing.
fn has_taken(answer: &Answer) -> bool {
    let said = answer.body.trim_ascii();
    let in_json = || ["/ok", "/success"].iter().any(|it| json_form::flag_at(said, it));
    said.is_empty() || said.eq_ignore_ascii_case(b"ok") || in_json()
}

impl Slack {
    fn body(&self, letter: &Letter<'_>) -> Value {
        let title = letter.title(&self.texts, Sink::Plain, HEADER_CHARS_MAX);
        let text = letter.text(&self.texts, Sink::Slack, SECTION_CHARS_MAX);
        let heading = Sink::Plain.cut(&format!("{} {title}", sign(letter)), HEADER_CHARS_MAX);
        let mut blocks = vec![json!({
            "type": "header",
            "text": { "type": "plain_text", "text": heading, "emoji": false },
        })];
        if !text.is_empty() {
            // Otherwise Slack makes links and mentions of what only looks like one.
            let text = json!({ "type": "mrkdwn", "text": text, "verbatim": true });
            blocks.push(json!({ "type": "section", "text": text }));
        }
        if let Some(link) = letter.link() {
            let button = json!({
                "type": "button",
                "text": { "type": "plain_text", "text": "Open" },
                "url": link,
            });
            blocks.push(json!({ "type": "actions", "elements": [button] }));
        }
        json!({
            "text": Sink::Slack.escape(&heading),
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        })
    }
}

/// One glance tells good from bad, and the shape does where colours do not.
fn sign(letter: &Letter<'_>) -> &'static str {
    match (letter.alert.kind, letter.content().severity) {
        (AlertKind::Resolve | AlertKind::Missed, _) => "✅",
        (AlertKind::Heartbeat | AlertKind::Test | AlertKind::Window, _) => "ℹ️",
        (_, Severity::Warning | Severity::Unknown) => "⚠️",
        (_, Severity::Critical | Severity::Down) => "🔴",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::Value as Param;

    use super::*;
    use crate::testing::{self, pretty};

    fn body(alert: &Alert, more: &[(&'static str, &str)]) -> Value {
        let mut params = Params::default();
        params.0.insert("url", Param::Text("https://hooks.example/T/B/X".into()));
        for (name, text) in more {
            params.0.insert(name, Param::Text((*text).into()));
        }
        let world = testing::world();
        let slack = Slack::build(&params).unwrap();
        slack.body(&Letter { world: &world, alert, contact: &Contact::everybody() })
    }

    #[test]
    fn blocks_with_a_line_for_where_they_are_not_shown() {
        expect![[r#"
            {
              "blocks": [
                {
                  "text": {
                    "emoji": false,
                    "text": "🔴 acme/web/http is CRITICAL",
                    "type": "plain_text"
                  },
                  "type": "header"
                },
                {
                  "text": {
                    "text": "&lt;script&gt;alert(1)&lt;/script&gt; &amp; *bold* _x_ &lt;!channel&gt;\nCustomer: Acme &lt;Ltd&gt;\nSince: 2026-09-01 10:00:00 UTC\nhttps://noc.example/#problem-17",
                    "type": "mrkdwn",
                    "verbatim": true
                  },
                  "type": "section"
                },
                {
                  "elements": [
                    {
                      "text": {
                        "text": "Open",
                        "type": "plain_text"
                      },
                      "type": "button",
                      "url": "https://noc.example/#problem-17"
                    }
                  ],
                  "type": "actions"
                }
              ],
              "text": "🔴 acme/web/http is CRITICAL",
              "unfurl_links": false,
              "unfurl_media": false
            }"#]].assert_eq(&pretty(&body(&testing::alert(AlertKind::Trigger), &[])));
    }

    #[test]
    fn an_admins_markup_stands_and_a_hosts_does_not() {
        let text = "*{{ name }}* <https://wiki.example|help>: {{ text }}";
        let body = body(&testing::alert(AlertKind::Trigger), &[("text", text)]);
        let shown = body["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(
            shown.starts_with("*acme/web/http* <https://wiki.example|help>: &lt;script"),
            "{shown}"
        );
        assert!(!shown.contains("<!channel>"));
    }

    #[test]
    fn a_large_digest_fits_and_counts_what_it_leaves_out() {
        let body = body(&testing::digest(10_000), &[]);
        let text = body["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(text.chars().count() <= SECTION_CHARS_MAX);
        let listed = text.lines().filter(|it| it.starts_with("- ")).count();
        assert!(text.contains(&format!("and {} more", 10_000 - listed)), "{text}");
    }
}
