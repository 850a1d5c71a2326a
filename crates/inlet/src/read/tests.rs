//! Whom a mail is for, what decides, and what is kept of it.

use std::{collections::BTreeSet, sync::LazyLock};

use model::{DateOrder, Duty, Hears, Intakes, Job, MailOp, MailPart, MailRule, MailTest};
use proptest::prelude::*;

use super::*;
use crate::{Asked, corpus::mails::job, mime::tests::any_spoilt, token::token};

const KEY: &[u8] = b"key of the installation";
/// A minute behind the date of the mails.
const CAME: u64 = 1_789_953_164 + 60;

pub(crate) fn ears_of(jobs: Vec<Job>, unclaimed: bool) -> Ears {
    let intakes = Intakes {
        domains: vec!["in.msp.example".into()],
        mailbox: "backup".into(),
        all: Vec::new(),
        unclaimed,
    };
    let jobs = jobs.into_iter().map(Arc::new).collect();
    Ears::new(&Duty { jobs, intakes, ..Duty::default() }, KEY)
}

fn test(part: MailPart, value: &str) -> MailTest {
    MailTest { part, op: MailOp::Has, value: value.into(), not: false }
}

fn rule(outcome: Outcome, value: &str) -> MailRule {
    let at = format!("acme.yaml:{}", outcome.word()).into();
    MailRule { outcome, tests: vec![test(MailPart::Body, value)], at }
}

fn envelope(to: &str) -> Envelope {
    Envelope {
        sender: Some("nas@acme.example".to_owned()),
        recipients: vec![to.to_owned()],
        peer: Some("192.0.2.9".parse().unwrap()),
        at: Moment::from_secs(CAME),
        intake: "mx".into(),
        ..Envelope::default()
    }
}

pub(crate) fn secret(name: &str) -> String {
    format!("Backup+{}@IN.msp.example", token(KEY, name, 0).to_uppercase())
}

fn mail(subject: &str, body: &str) -> String {
    format!(
        "From: nas@acme.example\nDate: Mon, 21 Sep 2026 03:12:44 +0200\n\
         Message-ID: <1@acme.example>\nSubject: {subject}\n\n{body}\n"
    )
}

const GOOD: &str = "vzdump backup status (pve1.acme.example): backup successful";
const BAD: &str = "vzdump backup status (pve1.acme.example): backup failed: job errors";
const TABLE: &str =
    "VMID Name Status Time Size Filename\n101 erp ok 1s 1 GiB x\n\nTotal size: 1 GiB";

/// What the only job hears.
fn says(hears: Hears, subject: &str, body: &str) -> Says {
    let ears = ears_of(vec![job("acme/nas", hears)], false);
    let inlet = Inlet::default();
    let raw = mail(subject, body);
    let mut heard =
        inlet.hear(raw.as_bytes(), &envelope(&secret("acme/nas")), &ears, &Proofs::default());
    assert_eq!((heard.len(), inlet.broken()), (1, 0));
    heard.remove(0).says
}

#[test]
fn a_mail_to_a_secret_address_is_heard_for_its_job() {
    let ears =
        ears_of(vec![job("acme/nas", Hears::default()), job("acme/pve", Hears::default())], false);
    let inlet = Inlet::default();
    let raw = mail(GOOD, TABLE);
    let hear = |to: &str| inlet.hear(raw.as_bytes(), &envelope(to), &ears, &Proofs::default());
    let heard = hear(&secret("acme/pve"));
    let [it] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(it.job.as_deref(), Some("acme/pve"));
    assert_eq!((&*it.intake, &*it.peer, &*it.from), ("mx", "192.0.2.9", "nas@acme.example"));
    assert_eq!(it.says.outcome, Some(Outcome::Ok));
    assert_eq!((&*it.says.read_by, &*it.says.title), ("vzdump", GOOD));
    assert_eq!(it.says.size, Some(1 << 30));
    assert_eq!(it.says.sent_at, Some(Moment::from_secs(CAME - 60)));
    assert_eq!(it.proof, Proof { token: true, ..Proof::default() });
    assert_eq!(it.keys.len(), 2);
    assert_eq!(it.mail, Some(MailKey(Sha256::digest(raw.as_bytes()).into())));
    // Nobody: the caller refuses it.
    assert!(hear("backup@in.msp.example").is_empty());
    assert!(hear(&secret("acme/gone")).is_empty());
}

#[test]
fn an_unclaimed_mail_is_kept_if_that_is_wanted_and_read_all_the_same() {
    let ears = ears_of(vec![job("acme/nas", Hears::default())], true);
    let raw = mail(GOOD, TABLE);
    let proofs = Proofs { spf: Some("acme.example".into()), dkim: vec!["acme.example".into()] };
    let heard =
        Inlet::default().hear(raw.as_bytes(), &envelope("backup@in.msp.example"), &ears, &proofs);
    let [it] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((it.job.as_deref(), it.says.outcome), (None, Some(Outcome::Ok)));
    assert_eq!(it.proof, Proof::default());
}

#[test]
fn the_envelope_says_whom_it_is_for_and_headers_only_help() {
    let ears =
        ears_of(vec![job("acme/nas", Hears::default()), job("acme/pve", Hears::default())], false);
    let inlet = Inlet::default();
    let raw =
        format!("To: {}\nDelivered-To: x@y.example\n{}", secret("acme/pve"), mail(GOOD, TABLE));
    let jobs = |recipients: Vec<String>| {
        let envelope = Envelope { recipients, ..envelope("") };
        let heard = inlet.hear(raw.as_bytes(), &envelope, &ears, &Proofs::default());
        heard.into_iter().map(|it| it.job.unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(jobs(vec![secret("acme/nas")]), ["acme/nas"]);
    assert_eq!(jobs(Vec::new()), ["acme/pve"]);
    assert_eq!(jobs(vec!["backup@in.msp.example".to_owned()]), ["acme/pve"]);
    assert_eq!(jobs(vec![secret("acme/nas"), secret("acme/pve")]), ["acme/nas", "acme/pve"]);
}

#[test]
fn one_mail_for_several_jobs_has_keys_of_its_own_for_each() {
    let shared = |name: &str| {
        let mail = vec![test(MailPart::From, "nas@acme.example")];
        job(name, Hears { mail, shared: true, ..Hears::default() })
    };
    let ears = ears_of(vec![shared("acme/a"), shared("acme/b")], false);
    let raw = mail(GOOD, TABLE);
    let heard = Inlet::default().hear(
        raw.as_bytes(),
        &envelope("x@in.msp.example"),
        &ears,
        &Proofs::default(),
    );
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|it| !it.proof.token));
    let keys: BTreeSet<_> = heard.iter().flat_map(|it| it.keys.clone()).collect();
    assert_eq!(keys.len(), 4);
}

#[test]
fn own_rules_decide_before_any_format_and_bad_before_good() {
    let rules = vec![
        rule(Outcome::Failed, "code red"),
        rule(Outcome::Warning, "code yellow"),
        rule(Outcome::Ok, "code green"),
    ];
    let hears = Hears { rules, ..Hears::default() };
    let of = |subject: &str, body: &str| {
        let it = says(hears.clone(), subject, body);
        (it.outcome.unwrap(), it.read_by.to_string(), it.text.to_string())
    };
    let own = |outcome: Outcome, text: &str| {
        (outcome, format!("acme.yaml:{}", outcome.word()), text.to_owned())
    };
    assert_eq!(of("x", "all\n Code GREEN now\n"), own(Outcome::Ok, "Code GREEN now"));
    assert_eq!(of("x", "code green\ncode red"), own(Outcome::Failed, "code red"));
    assert_eq!(of("x", "code green\ncode yellow"), own(Outcome::Warning, "code yellow"));
    assert_eq!(of(BAD, "code green"), own(Outcome::Ok, "code green"));
    assert_eq!(of(GOOD, "code red"), own(Outcome::Failed, "code red"));
    // Who has said what is good gets nothing else for it.
    assert_eq!(of(GOOD, TABLE).0, Outcome::Unclassified);
    assert_eq!(of("x", "code blue").0, Outcome::Unclassified);
    // Unless a format is named.
    let named = Hears { reads: Some("vzdump".into()), ..hears.clone() };
    assert_eq!(says(named.clone(), GOOD, TABLE).outcome, Some(Outcome::Ok));
    assert_eq!(says(named.clone(), GOOD, "code red").outcome, Some(Outcome::Failed));
    assert_eq!(says(named, "x", "code blue").outcome, Some(Outcome::Unclassified));
    // Rules for bad news alone leave the good ones to the format.
    let bad_only = Hears { rules: vec![rule(Outcome::Failed, "code red")], ..Hears::default() };
    assert_eq!(says(bad_only, GOOD, TABLE).outcome, Some(Outcome::Ok));
    // What a format finds besides stays.
    assert_eq!(says(hears, GOOD, &format!("{TABLE}\ncode yellow")).size, Some(1 << 30));
}

#[test]
fn what_nobody_understands_is_unclassified() {
    let it =
        says(Hears::default(), "Backup OK, success, all well", "\n\nEverything succeeded.\nreally");
    assert_eq!((it.outcome, &*it.read_by), (Some(Outcome::Unclassified), ""));
    assert_eq!(&*it.text, "Everything succeeded.");
    let named = Hears { reads: Some("no-such-format".into()), ..Hears::default() };
    assert_eq!(says(named, GOOD, TABLE).outcome, Some(Outcome::Unclassified));
}

#[test]
fn an_automatic_mail_is_about_no_run() {
    for head in ["Auto-Submitted: auto-replied", "From: MAILER-DAEMON@mx.example"] {
        let ears = ears_of(vec![job("acme/nas", Hears::default())], false);
        let raw = format!("{head}\n{}", mail(GOOD, TABLE));
        let heard = Inlet::default().hear(
            raw.as_bytes(),
            &envelope(&secret("acme/nas")),
            &ears,
            &Proofs::default(),
        );
        assert_eq!(heard[0].says.outcome, Some(Outcome::Other), "{head}");
        assert!(!heard[0].says.text.is_empty());
    }
}

#[test]
fn good_news_of_a_mail_that_was_not_read_whole_is_none() {
    let parts = "--x\n\nmore\n".repeat(300);
    let body = |subject: &str| {
        format!(
            "From: a@b.example\nSubject: {subject}\nContent-Type: multipart/mixed; boundary=x\n\n\
             --x\n\n{TABLE}\n{parts}--x--\n"
        )
    };
    let ears = ears_of(vec![job("acme/nas", Hears::default())], false);
    let inlet = Inlet::default();
    let hear = |raw: &str, is_cut: bool| {
        let envelope = Envelope { is_cut, ..envelope(&secret("acme/nas")) };
        inlet.hear(raw.as_bytes(), &envelope, &ears, &Proofs::default()).remove(0).says
    };
    let it = hear(&body(GOOD), false);
    assert_eq!(it.outcome, Some(Outcome::Unclassified));
    assert!(
        it.text.starts_with("over the limit: it has more parts than are looked at\n"),
        "{}",
        it.text
    );
    assert_eq!(it.objects, [("101 erp".into(), Outcome::Unclassified)]);
    // Bad news are.
    let it = hear(&body(BAD), false);
    assert!(matches!(it.outcome, Some(Outcome::Failed | Outcome::Partial)), "{:?}", it.outcome);
    // Whoever fetched it knows that it is not whole.
    assert_eq!(hear(&mail(GOOD, TABLE), false).outcome, Some(Outcome::Ok));
    assert_eq!(hear(&mail(GOOD, TABLE), true).outcome, Some(Outcome::Unclassified));
}

fn breaks(_: &Letter) -> bool {
    panic!("a format that breaks down")
}

fn knows(letter: &Letter) -> bool {
    letter.subject.folded().contains("huge")
}

fn huge(_: &Letter, habits: &Habits) -> Says {
    let long = "x\u{202e}y\u{e9} ".repeat(5_000);
    let objects = (0..2_000).map(|it| (format!("{it} {long}").into(), Outcome::Ok)).collect();
    Says {
        outcome: Some(Outcome::Ok),
        text: long.as_str().into(),
        names: long.as_str().into(),
        signature: long.as_str().into(),
        advice: long.as_str().into(),
        run: Some(long.as_str().into()),
        began_at: Some(habits.now.after(Duration::from_secs(3600))),
        ended_at: Some(habits.now.after(Duration::from_secs(7200))),
        objects,
        ..Says::default()
    }
}

fn breaks_too(_: &Letter, _: &Habits) -> Says {
    panic!("a format that breaks down")
}

static HUGE: Format = Format {
    name: "huge",
    title: "",
    source: "",
    recognises: knows,
    read: huge,
    ends_suffice: false,
};
static BREAKS: Format = Format {
    name: "breaks",
    title: "",
    source: "",
    recognises: knows,
    read: breaks_too,
    ends_suffice: false,
};
static BREAKS_EARLY: Format = Format {
    name: "early",
    title: "",
    source: "",
    recognises: breaks,
    read: huge,
    ends_suffice: false,
};
static ONLY_HUGE: &[&Format] = &[&HUGE];
static ONLY_BREAKS: &[&Format] = &[&BREAKS];
static ONLY_BREAKS_EARLY: &[&Format] = &[&BREAKS_EARLY];

#[test]
fn a_format_that_breaks_down_is_counted_and_says_nothing() {
    let ears = ears_of(vec![job("acme/nas", Hears::default())], false);
    for catalogue in [ONLY_BREAKS, ONLY_BREAKS_EARLY] {
        let inlet = Inlet::new(catalogue);
        let raw = mail("huge", "text");
        let heard =
            inlet.hear(raw.as_bytes(), &envelope(&secret("acme/nas")), &ears, &Proofs::default());
        assert_eq!(heard[0].says.outcome, Some(Outcome::Unclassified));
        assert_eq!(inlet.broken(), 1);
    }
}

#[test]
fn nothing_is_kept_that_is_too_long_or_has_not_come() {
    let ears = ears_of(vec![job("acme/nas", Hears::default())], false);
    let inlet = Inlet::new(ONLY_HUGE);
    let raw = mail(&format!("huge {}", "\u{e9}".repeat(1_000)), "text");
    let heard =
        inlet.hear(raw.as_bytes(), &envelope(&secret("acme/nas")), &ears, &Proofs::default());
    let it = &heard[0].says;
    assert_eq!(it.title.chars().count(), TITLE_CHARS_MAX);
    assert!(it.text.len() <= SAID_BYTES_MAX && it.advice.len() <= SAID_BYTES_MAX);
    for name in [&it.names, &it.signature, it.run.as_ref().unwrap(), &it.objects[7].0] {
        assert!(name.chars().count() == NAME_CHARS_MAX && !name.contains('\u{202e}'));
    }
    assert_eq!(it.objects.len(), OBJECTS_MAX);
    assert_eq!((it.began_at, it.ended_at), (None, None));
    // Objects that were left out could be the bad ones.
    assert_eq!(it.outcome, Some(Outcome::Unclassified));
}

#[test]
fn a_date_is_believed_near_its_receipt_or_of_a_trusted_sender_and_never_ahead() {
    let sent = |received: Option<&str>, date: &str, trusts_date: bool, at: u64| {
        let ears = ears_of(vec![job("acme/nas", Hears { trusts_date, ..Hears::default() })], false);
        let received =
            received.map(|it| format!("Received: from a by b; Mon, 21 Sep 2026 {it} +0200\n"));
        let raw =
            format!("{}Date: Mon, 21 Sep 2026 {date} +0200\n\nx", received.unwrap_or_default());
        let envelope = Envelope { at: Moment::from_secs(at), ..envelope(&secret("acme/nas")) };
        let heard = Inlet::default().hear(raw.as_bytes(), &envelope, &ears, &Proofs::default());
        heard[0].says.sent_at.is_some()
    };
    let hour = 3600;
    assert!(sent(None, "03:12:44", false, CAME));
    assert!(!sent(None, "03:12:44", false, CAME + hour));
    // The way took long, and its first relay says so.
    assert!(sent(Some("03:13:00"), "03:12:44", false, CAME + hour));
    assert!(!sent(Some("04:13:00"), "03:12:44", false, CAME + hour));
    assert!(sent(Some("04:13:00"), "03:12:44", true, CAME + hour));
    assert!(!sent(Some("05:13:00"), "05:12:44", true, CAME));
}

#[test]
fn who_handed_it_over_is_who_the_own_relay_says() {
    let net = |it: &str| Net::parse(it).unwrap();
    let mut trusting = job("acme/nas", Hears::default());
    trusting.trust.relays = vec!["198.51.100.0/24".into()];
    let ears = ears_of(vec![trusting], false);
    let heard = |received: &str, peer: &str| {
        let raw = format!("Received: {received}\n{}", mail(GOOD, TABLE));
        let envelope = Envelope {
            peer: peer.parse().ok(),
            relays: vec![net("127.0.0.0/8")],
            ..envelope(&secret("acme/nas"))
        };
        let it =
            Inlet::default().hear(raw.as_bytes(), &envelope, &ears, &Proofs::default()).remove(0);
        (it.peer.to_string(), it.proof.relay)
    };
    let own = |peer: &str, relay: bool| (peer.to_owned(), relay);
    let by = "by mx.msp.example with ESMTP; x";
    assert_eq!(
        heard(&format!("from nas (x [198.51.100.7]) {by}"), "127.0.0.1"),
        own("198.51.100.7", true)
    );
    assert_eq!(
        heard(&format!("from nas (x [IPv6:2001:db8::7]) {by}"), "127.0.0.1"),
        own("2001:db8::7", false)
    );
    // Anybody else is himself, whatever the mail says.
    assert_eq!(
        heard(&format!("from nas (x [198.51.100.7]) {by}"), "203.0.113.5"),
        own("203.0.113.5", false)
    );
    assert_eq!(
        heard(&format!("from [198.51.100.7] (x [203.0.113.5]) {by}"), "127.0.0.1"),
        own("203.0.113.5", false)
    );
    assert_eq!(
        heard(&format!("from [203.0.113.5] (helo=[198.51.100.7]) {by}"), "127.0.0.1"),
        own("203.0.113.5", false)
    );
    // Nothing is said of where it came from: then nobody stands for it.
    assert_eq!(heard(&format!("from x {by} [198.51.100.7]"), "127.0.0.1"), own("", false));
    assert_eq!(heard(by, "127.0.0.1"), own("127.0.0.1", false));
    assert_eq!(heard("", "::ffff:198.51.100.9"), own("198.51.100.9", true));
}

#[test]
fn a_log_without_its_middle_is_judged_by_the_verdict_line_alone() {
    let log: String = (0..60_000).map(|it| format!("{it}: ERROR of a disk\n")).collect();
    let of = |subject: &str, rules: Vec<MailRule>| {
        says(Hears { rules, ..Hears::default() }, subject, &format!("{TABLE}\n\nLogs\n\n{log}"))
    };
    let good = of(GOOD, Vec::new());
    assert_eq!((good.outcome, &*good.read_by), (Some(Outcome::Ok), "vzdump"));
    assert_eq!(good.objects, [(Arc::from("101 erp"), Outcome::Ok)]);
    assert_eq!(of(BAD, Vec::new()).outcome, Some(Outcome::Partial));
    // An own rule speaks of words, which may stand in what was not read.
    let ruled = of(GOOD, vec![rule(Outcome::Ok, "vmid")]);
    assert_eq!(ruled.outcome, Some(Outcome::Unclassified));
    assert!(ruled.text.contains("has no middle"), "{}", ruled.text);
    // Nor is it good news in the words of a product whose verdict may stand anywhere.
    let other = of("[Success] Backup job nightly", Vec::new());
    assert_eq!(other.outcome, Some(Outcome::Unclassified));
}

#[test]
fn what_a_peer_has_called_itself_is_never_its_address() {
    let by = "by mx.msp.example with ESMTP id 1; Mon, 21 Sep 2026 03:12:44 +0200";
    let real = Handed::By("203.0.113.5".parse().unwrap());
    for name in ["nas", "[192.0.2.9]", "192.0.2.9", "x[192.0.2.9]helo=y", "([192.0.2.9]", "helo="] {
        for from in [
            format!("from {name} (unknown [203.0.113.5]) (using TLSv1.3 with cipher X) {by}"),
            format!("from {name} ([203.0.113.5]) {by}"),
            format!("from {name} (203.0.113.5) {by}"),
            format!("from unknown (HELO {name}) (203.0.113.5) {by}"),
            format!("from unknown (HELO {name}) (root@203.0.113.5) {by}"),
            format!("FROM {name} (nas.acme.example [IPv6:::ffff:203.0.113.5])\r\n\t{by}"),
        ] {
            assert_eq!(handed(&from), real, "{from}");
        }
    }
    // A mail system that puts the name behind the address takes no such names.
    for name in ["nas", "[192.0.2.9]"] {
        for from in [
            format!("from [203.0.113.5] (helo={name}) {by}"),
            format!("from nas.acme.example ([203.0.113.5] helo={name}) {by}"),
            format!("from x ([203.0.113.5]:5812 helo={name} ident=root) {by}"),
        ] {
            assert_eq!(handed(&from), real, "{from}");
        }
    }
    assert_eq!(handed(by), Handed::Here);
    for from in ["", "from", "from [192.0.2.9] by mx", "from x (y [z]) by mx", "for a by b"] {
        assert_eq!(handed(from), Handed::Unsure, "{from}");
    }
    let twice = "from x (HELO [192.0.2.9]) by y) (203.0.113.5) by mx";
    assert_eq!(handed(twice), Handed::Unsure);
}

#[test]
fn proofs_are_asked_for_only_by_jobs_that_want_them() {
    let mut wants = job("acme/pve", Hears::default());
    wants.trust.dkim = Some("acme.example".into());
    let ears = ears_of(vec![job("acme/nas", Hears::default()), wants], false);
    let raw = mail(GOOD, TABLE);
    let asked = |to: &str| {
        let envelope = envelope(&secret(to));
        Asked::by(&ears, &Inlet::default().open(raw.as_bytes(), &envelope).letter)
    };
    assert_eq!(asked("acme/nas"), Asked::default());
    assert_eq!(asked("acme/pve"), Asked { spf: false, dkim: true });
}

static EARS: LazyLock<Ears> = LazyLock::new(|| {
    let rules = vec![rule(Outcome::Failed, "error"), rule(Outcome::Warning, "warn")];
    let mail = vec![test(MailPart::Subject, "a"), test(MailPart::Attached, "b")];
    let all = vec![
        job("acme/nas", Hears { rules, ..Hears::default() }),
        job("acme/any", Hears { mail, dates: DateOrder::MonthFirst, ..Hears::default() }),
    ];
    ears_of(all, true)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_spoilt_mail_breaks_a_reader(raw in any_spoilt(), to_job in any::<bool>()) {
        let inlet = Inlet::default();
        let to = if to_job { secret("acme/nas") } else { String::new() };
        let heard = inlet.hear(&raw, &envelope(&to), &EARS, &Proofs::default());
        prop_assert_eq!(inlet.broken(), 0);
        for it in heard {
            prop_assert!(it.says.text.len() <= SAID_BYTES_MAX);
            prop_assert!(it.says.title.chars().count() <= TITLE_CHARS_MAX);
            prop_assert!(it.says.objects.len() <= OBJECTS_MAX);
            prop_assert!(it.says.outcome.is_some() && !it.keys.is_empty());
            prop_assert!(it.says.ended_at.is_none_or(|end| end <= it.at.after(REPORT_AHEAD_MAX)));
        }
    }
}
