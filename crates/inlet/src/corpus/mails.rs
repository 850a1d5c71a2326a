//! Mails to reports: what is kept of a mail is bounded, and what was not understood is no good news.

use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use model::{
    Duty, Heard, Hears, Intakes, Job, MailKey, MailOp, MailPart, MailRule, MailTest, Moment,
    Outcome, Says,
};

use super::examples;
use crate::{
    Asked, Attachment, Ears, Envelope, Fault, Inlet, Letter, Net, Opened, Proofs, Resolver, Text,
    formats, mime,
    read::{NAME_CHARS_MAX, OBJECTS_MAX, SAID_BYTES_MAX, TITLE_CHARS_MAX},
    token::token,
    trust::{Record, prove},
};

const KEY: &[u8] = b"key of the installation";
/// When every mail comes in.
const CAME: Moment = Moment::from_secs(1_790_000_000);
/// No time of a report lies further ahead.
const AHEAD: Duration = Duration::from_secs(15 * 60);
/// Divides the parts of an input of [`format`].
const DIVIDER: u8 = 0x0c;
/// Bytes of text that one mail may become: its text, what is attached, and what lies within.
const TEXT_BYTES: usize = 8 << 20;
/// Attachments that a mail and those within it may have.
const ATTACHMENTS: usize = 2_000;

/// A machine that is believed by its secret address.
pub(crate) fn job(name: &str, hears: Hears) -> Job {
    Job {
        name: name.into(),
        at: "acme.yaml:1".into(),
        hears: Hears { secret_id: name.into(), zone: "Europe/Rome".into(), ..hears },
        ..Job::default()
    }
}

fn test(part: MailPart, op: MailOp, value: &str) -> MailTest {
    MailTest { part, op, value: value.into(), not: false }
}

fn rule(outcome: Outcome, tests: Vec<MailTest>) -> MailRule {
    MailRule { outcome, tests, at: format!("acme.yaml:{}", outcome.word()).into() }
}

/// One job that is found by its token, one by what the mail says and with rules of its own.
static EARS: LazyLock<Ears> = LazyLock::new(|| {
    let own = Hears {
        mail: vec![test(MailPart::From, MailOp::Like, "*@acme.example")],
        rules: vec![
            rule(Outcome::Failed, vec![test(MailPart::Subject, MailOp::Matches, "fail|error$")]),
            rule(
                Outcome::Ok,
                vec![
                    test(MailPart::Body, MailOp::Matches, r"^status:\s+(ok|success)$"),
                    test(MailPart::Header("x-host".into()), MailOp::Has, "srv"),
                ],
            ),
        ],
        ..Hears::default()
    };
    ears(vec![job("acme/nas", Hears::default()), job("acme/own", own)])
});

fn ears(jobs: Vec<Job>) -> Ears {
    let intakes = Intakes {
        domains: vec!["in.msp.example".into()],
        mailbox: "backup".into(),
        all: Vec::new(),
        unclaimed: true,
    };
    let jobs = jobs.into_iter().map(Arc::new).collect();
    Ears::new(&Duty { jobs, intakes, ..Duty::default() }, KEY)
}

fn secret(name: &str) -> String {
    format!("backup+{}@in.msp.example", token(KEY, name, 0))
}

fn envelope(to: String) -> Envelope {
    let relay = IpAddr::from([192, 0, 2, 9]);
    Envelope {
        sender: Some("nas@acme.example".to_owned()),
        recipients: vec![to],
        peer: Some(relay),
        relays: Net::parse("192.0.2.0/24").into_iter().collect(),
        at: CAME,
        intake: "mx".into(),
        ..Envelope::default()
    }
}

/// The bytes of a mail: whatever they are, something was heard, and of it only so much.
///
/// # Panics
/// When something does not hold.
pub fn mail(raw: &[u8]) {
    let inlet = Inlet::default();
    let envelope = envelope(secret("acme/nas"));
    let opened = inlet.open(raw, &envelope);
    is_bounded(&opened.letter);
    let proofs = Proofs::default();
    let heard = inlet.read(&opened, &EARS, &proofs);
    assert!(heard.iter().any(|it| it.job.as_deref() == Some("acme/nas")), "the token is lost");
    for one in &heard {
        holds(one, &opened.letter);
    }
    let again = inlet.hear(raw, &envelope, &EARS, &proofs);
    assert_eq!(heard, again, "the same mail says the same");
    let cut = Envelope { is_cut: true, ..envelope };
    for one in inlet.hear(raw, &cut, &EARS, &proofs) {
        assert_ne!(one.says.outcome, Some(Outcome::Ok), "half a mail is no good news");
    }
    assert_eq!(inlet.broken(), 0, "a reader broke down");
}

/// What a mail is made into has limits.
fn is_bounded(letter: &Letter) {
    let attached = letter.attachments.iter().filter_map(|it| it.text.as_ref());
    let bytes: usize = attached.map(|it| it.shown().len()).sum();
    assert!(letter.body.shown().len() <= TEXT_BYTES, "a text without limits");
    assert!(bytes <= TEXT_BYTES, "attachments without limits");
    assert!(letter.attachments.len() <= ATTACHMENTS, "attachments without number");
    assert!(letter.recipients.len() <= 2 * mime::RECIPIENTS_MAX + 1, "recipients without number");
    let headers: usize = letter.headers.iter().map(|it| it.0.len() + it.1.len()).sum();
    assert!(headers <= 4 * mime::HEADER_BYTES_MAX, "headers without limits");
}

/// What is kept of a mail.
fn holds(heard: &Heard, letter: &Letter) {
    let says = &heard.says;
    assert!(!heard.keys.is_empty(), "nothing tells it from others");
    assert!(says.outcome.is_some(), "nobody has said what came of it");
    for (name, chars) in [
        (&says.title, TITLE_CHARS_MAX),
        (&says.names, NAME_CHARS_MAX),
        (&says.signature, NAME_CHARS_MAX),
        (&heard.from, NAME_CHARS_MAX),
    ] {
        is_one_line(name, chars);
    }
    for (object, outcome) in &says.objects {
        is_one_line(object, NAME_CHARS_MAX);
        let is_good = *outcome == Outcome::Ok && !letter.faults.is_empty();
        assert!(!is_good, "what could not be read whole is no good news of {object}");
    }
    assert!(says.objects.len() <= OBJECTS_MAX, "objects without number");
    if let Some(run) = &says.run {
        is_one_line(run, NAME_CHARS_MAX);
    }
    for text in [&says.text, &says.advice] {
        assert!(text.len() <= SAID_BYTES_MAX + 200, "a text of {} bytes", text.len());
        assert!(!text.chars().any(|it| it.is_control() && !"\n\t".contains(it)), "{text:?}");
    }
    in_time(says);
    if says.outcome == Some(Outcome::Ok) {
        assert!(letter.faults.is_empty(), "what could not be read whole is no good news");
        assert!(!says_nothing(letter), "an empty mail is no good news");
        assert!(!letter.is_automatic, "a bounce is no good news");
    }
}

fn in_time(says: &Says) {
    let latest = CAME.after(AHEAD);
    assert!(says.ended_at.is_none_or(|it| it <= latest), "it ended in the time to come");
    assert!(says.sent_at.is_none_or(|it| it <= latest), "it was sent in the time to come");
    let end = says.ended_at.unwrap_or(latest);
    assert!(says.began_at.is_none_or(|it| it <= end), "it ended before it began");
}

fn is_one_line(text: &str, chars: usize) {
    assert!(text.chars().count() <= chars, "{} characters", text.chars().count());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn says_nothing(letter: &Letter) -> bool {
    let is_blank = |it: &Text| it.shown().trim().is_empty();
    let texts = letter.attachments.iter().filter_map(|it| it.text.as_ref());
    is_blank(&letter.subject) && is_blank(&letter.body) && texts.into_iter().all(is_blank)
}

/// A mail that is taken apart already, for one format: sender, subject, text, and name and text of
/// each attachment, with form feeds between them.
///
/// # Panics
/// When something does not hold, or there is no such format.
pub fn format(name: &str, input: &[u8]) {
    let of = formats::named(name).expect("a format of the catalogue");
    let letter = divided(input);
    let _ = (of.recognises)(&letter);
    let hears = Hears { reads: Some(name.into()), ..Hears::default() };
    let ears = ears(vec![job("acme/nas", hears)]);
    let says = read(&ears, letter.clone());
    let faults = vec![Fault::Cut];
    let cut = read(&ears, Letter { faults, ..letter.clone() });
    assert_ne!(cut.outcome, Some(Outcome::Ok), "half a mail is no good news");
    let blank = Letter {
        subject: Text::default(),
        body: Text::new(" \n\t\n"),
        attachments: Vec::new(),
        ..letter.clone()
    };
    assert_ne!(read(&ears, blank).outcome, Some(Outcome::Ok), "an empty mail is no good news");
    if says.outcome == Some(Outcome::Ok) {
        let is_bad = |it: &&(Arc<str>, Outcome)| it.1 == Outcome::Failed;
        let bad = says.objects.iter().find(is_bad);
        assert_eq!(bad, None, "good news of a run in which something failed");
    }
}

/// What the only job hears of a letter to it.
fn read(ears: &Ears, mut letter: Letter) -> Says {
    let inlet = Inlet::default();
    let envelope = envelope(secret("acme/nas"));
    letter.recipients.clone_from(&envelope.recipients);
    let opened = Opened { raw: b"", letter, envelope: &envelope, key: MailKey([0; 32]) };
    let mut heard = inlet.read(&opened, ears, &Proofs::default());
    assert_eq!(inlet.broken(), 0, "a reader broke down");
    assert_eq!(heard.len(), 1, "one job, one report");
    let heard = heard.remove(0);
    holds(&heard, &opened.letter);
    heard.says
}

fn divided(input: &[u8]) -> Letter {
    let mut parts = input.split(|it| *it == DIVIDER).map(String::from_utf8_lossy);
    let mut next = || parts.next().unwrap_or_default();
    let (from, subject, body) = (next(), next(), next());
    let mut attachments = Vec::new();
    while let Some(name) = parts.next() {
        let text = parts.next().map(|it| Text::new(&it));
        attachments.push(Attachment { name: name.into_owned(), text });
    }
    Letter {
        from: from.to_lowercase(),
        from_name: Text::new(&from),
        subject: Text::new(&subject.replace(['\r', '\n', '\t'], " ")),
        body: Text::new(&body),
        attachments,
        ..Letter::default()
    }
}

/// The examples of a format, taken apart.
pub(super) fn format_seeds(name: &str) -> Vec<Vec<u8>> {
    let mails = examples().into_iter().filter(|it| it.0 == name);
    mails
        .map(|(_, raw)| {
            let letter = mime::letter(&raw);
            let mut parts = vec![
                letter.from,
                letter.subject.shown().to_owned(),
                letter.body.shown().to_owned(),
            ];
            for it in letter.attachments {
                parts.push(it.name);
                parts.push(it.text.map(|it| it.shown().to_owned()).unwrap_or_default());
            }
            let parts: Vec<String> = parts.iter().map(|it| it.replace('\u{c}', " ")).collect();
            parts.join("\u{c}").into_bytes()
        })
        .collect()
}

/// A signature that proves nothing, over everything that has to be covered.
const SIGNATURE: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; \
    d=acme.example; s=s1; t=1790000000; \
    h=from:to:subject:date:message-id:content-type:mime-version:content-transfer-encoding; \
    bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";
const SIGNED: &str = "From: NAS <nas@acme.example>\r\nTo: backup@in.msp.example\r\n\
    Subject: Backup ok\r\nDate: Mon, 21 Sep 2026 16:12:44 +0200\r\n\
    Message-ID: <1@acme.example>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nAll is well.\r\n";

/// A domain's record of SPF, a line feed, its record of DKIM, a line feed, and a mail.
pub(super) fn proof_seeds() -> Vec<Vec<u8>> {
    let records = [
        "v=spf1 ip4:192.0.2.0/24 a mx include:acme.example -all\n\
         v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n",
        "v=spf1 redirect=acme.example exp=%{ir}.%{v}._spf.%{d2} ~all\nv=DKIM1; t=y:s; n=a; p=\n",
        "v=spf1 exists:%{l1r-}.acme.example ptr ip6:2001:db8::/32 ?all\nk=rsa; h=sha256; p=MIIB\n",
    ];
    let mails = [SIGNED.to_owned(), format!("{SIGNATURE}{SIGNED}")];
    let all = records.iter().flat_map(|of| mails.iter().map(move |it| format!("{of}{it}")));
    all.map(String::into_bytes).collect()
}

/// What a mail proves. Nobody has a key here, so no signature does.
///
/// # Panics
/// When something does not hold.
pub fn proofs(input: &[u8]) {
    let mut lines = input.splitn(3, |it| *it == b'\n');
    let mut record = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (spf, key) = (record(), record());
    let raw = lines.next().unwrap_or_default();
    let records = [
        ("acme.example", Record::Text(spf)),
        ("s1._domainkey.acme.example", Record::Text(key)),
        ("acme.example", Record::Addresses(vec![IpAddr::from([192, 0, 2, 1])])),
    ];
    let resolver = Resolver::fixed(records).expect("one that asks nobody can always be made");
    let inlet = Inlet::default();
    let envelope = envelope(secret("acme/nas"));
    let opened = inlet.open(raw, &envelope);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let proofs = runtime.block_on(prove(&opened, Asked { spf: true, dkim: true }, &resolver));
    assert!(proofs.dkim.is_empty(), "a signature that nobody could make: {:?}", proofs.dkim);
    assert!(proofs.spf.is_none_or(|it| &*it == "acme.example"), "a sender that was not there");
}
