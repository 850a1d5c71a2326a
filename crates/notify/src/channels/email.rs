//! `email`: mail by SMTP.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use model::{Alert, AlertKind, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params};

use crate::{
    Channel, Contact, World,
    http::is_loopback,
    letter::Letter,
    smtp::{self, Mail, Protection, Server},
    terms,
    text::{Sink, Texts},
};

/// Characters of the subject.
const SUBJECT_CHARS_MAX: usize = 200;
/// Characters of the text; a digest of thousands is still a mail that opens.
const MAIL_CHARS_MAX: usize = 100_000;

/// A mail server, and whose mails it takes.
#[derive(Debug)]
pub(crate) struct Email {
    server: Server,
    from: Mailbox,
    texts: Texts,
}

impl Channel for Email {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "email",
        summary: "Sends a mail to a person's `email` by SMTP.",
        manual: "The connection becomes TLS before anything is said, and the server must prove its \
                 name; `tls: none` is allowed only to this very machine. All mails about one \
                 problem are one thread. `Message-ID` is made from the key of the alert, so a mail \
                 that comes twice can be told by it. `Auto-Submitted` keeps vacation answers away.\n\n\
                 An answer of 5xx is final, 4xx is tried again.",
        params: PARAMS,
        personal: Some("email"),
        for_people: true,
        one_by_one: false,
        resolve: true,
        refresh_secs: 0,
        example: r#"mail: { type: email, server: mail.example, from: "Campanile <noc@acme.example>", user: noc, password: "${secret:mail}" }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let server = server(params, &mut faults);
        let from = terms::required(params, "from", &mut faults);
        let from = from.and_then(|it| {
            let parsed = it.parse::<Mailbox>().ok().filter(|it| is_ascii(&it.email));
            if parsed.is_none() {
                let hint = "as in `Campanile <noc@acme.example>`";
                faults.push(terms::fault("from", "is not a mail address", hint));
            }
            parsed
        });
        let texts = terms::texts(params, Sink::Plain, &mut faults);
        let built = server.zip(from).map(|(server, from)| Self { server, from, texts });
        terms::settled(built, faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let Some(to) = contact.address.parse::<Address>().ok().filter(is_ascii) else {
            let fault = format!("{} has no `email` that a mail can be sent to", contact.name);
            return Delivery::Never { fault };
        };
        let letter = Letter { world, alert, contact };
        let bytes = match self.message(&letter, &to) {
            Ok(message) => message.formatted(),
            Err(error) => return Delivery::Never { fault: format!("no mail: {error}") },
        };
        let mail = Mail { from: &self.from.email, to: &to, bytes: &bytes };
        smtp::send(world, &self.server, mail, world.deadline()).await
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "server", form: Form::Text, default: "", doc: "The mail server." },
    ParamSpec {
        name: "port",
        form: Form::Count(1, 65_535),
        default: "",
        doc: "Its port. Left out it is 587 for `starttls`, 465 for `tls` and 25 for `none`.",
    },
    ParamSpec {
        name: "tls",
        form: Form::Choice(&["starttls", "tls", "none"]),
        default: "starttls",
        doc: "`starttls` begins in the clear and must become TLS, `tls` is TLS from the first byte, \
              `none` is allowed only to this very machine.",
    },
    ParamSpec { name: "from", form: Form::Text, default: "", doc: "Who writes." },
    ParamSpec { name: "user", form: Form::Text, default: "", doc: "Who logs in, if anybody." },
    ParamSpec { name: "password", form: Form::Secret, default: "", doc: "With what." },
    ParamSpec {
        name: "hello",
        form: Form::Text,
        default: "",
        doc: "What we call ourselves to the server; left out it is our address.",
    },
    terms::TITLE,
    terms::TEXT,
    terms::CA,
];

fn server(params: &Params, faults: &mut Vec<ParamFault>) -> Option<Server> {
    let host = terms::required(params, "server", faults)?;
    if url::Host::parse(host).is_err() {
        let hint = "a name or an address, the port stands in `port`";
        faults.push(terms::fault("server", "is not a host", hint));
    }
    let (protection, port) = match params.text("tls") {
        Some("tls") => (Protection::Tls, 465),
        Some("none") => (Protection::Clear, 25),
        _ => (Protection::StartTls, 587),
    };
    if protection == Protection::Clear && !is_loopback(host) {
        let what = "`none` is allowed only to this very machine";
        faults.push(terms::fault("tls", what, "leave it out, or write `127.0.0.1` as `server`"));
    }
    let port = params.number("port").and_then(|it| u16::try_from(it).ok()).unwrap_or(port);
    let login = match (params.text("user"), params.text("password")) {
        (Some(user), Some(password)) => Some((Arc::from(user), Arc::from(password))),
        (None, None) => None,
        _ => {
            faults.push(terms::fault("password", "goes with `user`", "write both or neither"));
            None
        }
    };
    let hello = params.text("hello").map(Arc::<str>::from);
    let plain = |it: &str| it.bytes().all(|it| it.is_ascii_graphic());
    if hello.as_deref().is_some_and(|it| it.is_empty() || !plain(it)) {
        faults.push(terms::fault("hello", "is not the name of a host", ""));
    }
    let ca = terms::ca(params, faults);
    Some(Server { host: host.to_owned(), port, protection, ca, login, hello })
}

/// Servers that know other addresses are still few, and a mail that bounces tells nobody.
fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

impl Email {
    fn message(&self, letter: &Letter<'_>, to: &Address) -> Result<Message, lettre::error::Error> {
        let title = letter.title(&self.texts, Sink::Plain, SUBJECT_CHARS_MAX);
        let text = letter.text(&self.texts, Sink::Plain, MAIL_CHARS_MAX);
        let domain = self.from.email.domain();
        let owner = if letter.contact.title.is_empty() { None } else { Some(name(letter)) };
        let date = UNIX_EPOCH + Duration::from_nanos(letter.world.now().as_nanos());
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(owner, to.clone()))
            .subject(&title)
            .date(date)
            .message_id(Some(format!("<{}@{domain}>", letter.alert.key)))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        if letter.alert.problem.0 != 0 {
            // A root that was never sent: whichever mail comes first, all others belong to it.
            let root = format!("<{}@{domain}>", letter.problem_key());
            builder = builder.in_reply_to(root.clone()).references(root);
        }
        let urgent = matches!(letter.alert.kind, AlertKind::Trigger | AlertKind::Question);
        if urgent && letter.content().severity >= model::Severity::Critical {
            builder = builder.raw_header(header("Importance", "high"));
        }
        let html = html(&title, &text, letter.link().as_deref());
        builder.multipart(MultiPart::alternative_plain_html(text, html))
    }
}

fn name(letter: &Letter<'_>) -> String {
    crate::text::one_line(&letter.contact.title, SUBJECT_CHARS_MAX)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn html(title: &str, text: &str, link: Option<&str>) -> String {
    let escape = |it: &str| Sink::Html.escape(it);
    let text = link.map_or(text, |it| text.strip_suffix(it).unwrap_or(text)).trim_end();
    let lines: Vec<String> = text.lines().map(escape).collect();
    let link = link.map(escape);
    let open = link.map(|it| format!("<p><a href=\"{it}\">{it}</a></p>")).unwrap_or_default();
    format!(
        "<html><body><p><b>{}</b></p><p>{}</p>{open}</body></html>",
        escape(title),
        lines.join("<br>\n")
    )
}

#[cfg(test)]
mod tests {
    use model::Value as Param;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;
    use crate::testing;

    fn email(more: &[(&'static str, &str)]) -> Result<Email, Vec<ParamFault>> {
        let mut params = Params::default();
        let common = [("server", "mail.example"), ("from", "Campanile <noc@acme.example>")];
        for (name, text) in common.iter().chain(more) {
            params.0.insert(name, Param::Text((*text).into()));
        }
        Email::build(&params)
    }

    fn formatted(alert: &Alert, contact: &Contact) -> String {
        let world = testing::world();
        let letter = Letter { world: &world, alert, contact };
        let to = contact.address.parse().unwrap();
        let message = email(&[]).unwrap().message(&letter, &to).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn all_mails_about_a_problem_are_one_thread() {
        let contact = Contact { address: "anna@acme.example".into(), ..Contact::everybody() };
        let thread = |kind| {
            let mail = formatted(&testing::alert(kind), &contact);
            let line = |name| mail.lines().find(|it| it.starts_with(name)).unwrap().to_owned();
            (line("In-Reply-To: "), line("References: "))
        };
        assert_eq!(thread(AlertKind::Trigger), thread(AlertKind::Resolve));
    }

    #[test]
    fn hostile_values_add_no_header_and_no_markup() {
        let mut alert = testing::alert(AlertKind::Trigger);
        alert.content.title = "x\r\nBcc: evil@example\r\n\r\nbody".to_owned();
        let contact = Contact {
            name: "anna".into(),
            title: "A\r\nBcc: evil@example".into(),
            address: "anna@acme.example".into(),
        };
        let mail = formatted(&alert, &contact);
        let head = mail.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|it| it.starts_with("Bcc")), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        assert!(head.contains("Subject: x Bcc: evil@example body"), "{head}");
        assert!(
            html("<t>", "a\n<script>", None).contains("&lt;t&gt;</b></p><p>a<br>\n&lt;script&gt;")
        );
    }

    #[test]
    fn no_text_from_outside_becomes_a_header() {
        let contact = Contact { address: "anna@acme.example".into(), ..Contact::everybody() };
        let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
        let told = TestRunner::new(config).run(&testing::hostile_alert(), |mut alert| {
            let mut contact = contact.clone();
            contact.title = alert.content.customer_title.clone();
            alert.content.members.truncate(5);
            let mail = formatted(&alert, &contact);
            let head = mail.split("\r\n\r\n").next().unwrap();
            for line in head.split("\r\n").filter(|it| !it.starts_with([' ', '\t'])) {
                let name = line.split(':').next().unwrap();
                assert!(HEADERS.contains(&name), "{line}");
                assert!(line.len() <= 998, "RFC 5322: {} bytes", line.len());
            }
            assert!(mail.bytes().all(|it| it.is_ascii() && it != 0), "8 bits, or a zero");
            assert!(mail.replace("\r\n", "").bytes().all(|it| it != b'\r' && it != b'\n'));
            Ok(())
        });
        told.unwrap();
    }

    const HEADERS: [&str; 13] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "Importance",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];

    #[test]
    fn in_the_clear_only_to_this_machine() {
        assert!(email(&[("tls", "none")]).is_err());
        assert!(email(&[("tls", "none"), ("server", "127.0.0.1")]).is_ok());
        assert!(email(&[("user", "noc")]).is_err());
        assert!(email(&[("server", "mail.example:25")]).is_err());
        assert!(email(&[("from", "nobody")]).is_err());
    }
}
