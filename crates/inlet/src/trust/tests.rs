//! Real signatures by keys that are made here, and names that lead where the test says.

use std::sync::LazyLock;

use mail_auth::{
    common::{crypto::Ed25519Key, headers::HeaderWriter},
    dkim::{Canonicalization, DkimSigner},
};
use model::Moment;
use proptest::prelude::*;

use super::*;
use crate::{
    Envelope, Inlet, Net,
    mime::tests::{any_spoilt, any_spoilt_of},
};

const MAIL: &str = "From: NAS <nas@acme.example>\r\nTo: backup@in.msp.example\r\n\
    Subject: Backup ok\r\nDate: Mon, 21 Sep 2026 03:12:44 +0200\r\n\
    Message-ID: <1@acme.example>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nAll is well.\r\n";
/// When it came in: a minute behind its date.
const CAME: u64 = 1_789_953_164 + 60;

/// A key, and the text that stands for it in the names.
struct Key {
    pkcs8: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        Self { pkcs8: Ed25519Key::generate_pkcs8().unwrap() }
    }

    fn own(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8_der(&self.pkcs8).unwrap()
    }

    fn record(&self) -> Record {
        let public = self.own().public_key();
        Record::Text(format!("v=DKIM1; k=ed25519; p={}", base64(&public)))
    }

    /// `mail` with a signature of `domain` over these headers.
    fn signed(&self, mail: &str, domain: &str, headers: &[&str]) -> String {
        self.signed_how(mail, domain, headers, false)
    }

    fn signed_how(&self, mail: &str, domain: &str, headers: &[&str], in_part: bool) -> String {
        let signer = DkimSigner::from_key(self.own())
            .domain(domain)
            .selector("s1")
            .headers(headers.iter().copied())
            .header_canonicalization(Canonicalization::Relaxed)
            .body_canonicalization(Canonicalization::Relaxed)
            .body_length(in_part);
        let signature = signer.sign(mail.as_bytes()).unwrap();
        format!("{}{mail}", signature.to_header())
    }
}

const ALL: [&str; 5] = ["From", "Subject", "Date", "Message-ID", "Content-Type"];

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

fn zone(key: &Key) -> Resolver {
    let text = |it: &str| Record::Text(it.to_owned());
    Resolver::fixed(
        [
            ("s1._domainkey.acme.example", key.record()),
            ("rsa._domainkey.acme.example", text(include_str!("examples/rsa.key").trim())),
            ("weak._domainkey.acme.example", text(include_str!("examples/weak.key").trim())),
            ("acme.example", text("v=spf1 ip4:192.0.2.0/24 a:mail.acme.example mx -all")),
            ("mail.acme.example", Record::Addresses(vec!["198.51.100.7".parse().unwrap()])),
            ("mx.acme.example", Record::Addresses(vec!["2001:db8::25".parse().unwrap()])),
            ("soft.example", text("v=spf1 ~all")),
            ("loop.example", text("v=spf1 include:loop.example -all")),
        ]
        .into_iter()
        .chain([("acme.example", Record::Mail(vec!["mx.acme.example".to_owned()]))]),
    )
    .unwrap()
}

fn envelope() -> Envelope {
    Envelope {
        sender: Some("Bounce@ACME.example".to_owned()),
        peer: Some("192.0.2.9".parse().unwrap()),
        at: Moment::from_secs(CAME),
        ..Envelope::default()
    }
}

fn proved_as(mail: &str, envelope: &Envelope, resolver: &Resolver) -> Proofs {
    let inlet = Inlet::default();
    let opened = inlet.open(mail.as_bytes(), envelope);
    let asked = Asked { spf: true, dkim: true };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(prove(&opened, asked, resolver))
}

fn signers(mail: &str, resolver: &Resolver) -> Vec<Arc<str>> {
    proved_as(mail, &envelope(), resolver).dkim
}

#[test]
fn a_signature_proves_its_domain_and_nothing_that_was_changed() {
    let key = Key::new();
    let names = zone(&key);
    let mail = key.signed(MAIL, "acme.example", &ALL);
    let own: Vec<Arc<str>> = vec!["acme.example".into()];
    assert_eq!(signers(&mail, &names), own);
    // As a mail program keeps it, and by another way.
    assert_eq!(signers(&mail.replace("\r\n", "\n"), &names), own);
    assert_eq!(signers(&format!("Received: from a by b; x\r\n{mail}"), &names), own);
    for (old, new) in [
        ("All is well", "All is bad"),
        ("Subject: Backup ok", "Subject: Backup OK"),
        ("03:12:44", "03:12:45"),
        ("<1@acme.example>", "<2@acme.example>"),
        ("nas@acme.example", "nas2@acme.example"),
        ("charset=utf-8", "charset=utf-7"),
        ("d=acme.example", "d=other.example"),
        ("s=s1", "s=s2"),
        ("All is well", "All is\r well"),
        ("All is well.\r\n", "All is well.\r\nand more\r\n"),
    ] {
        assert!(mail.contains(old), "{old}");
        assert!(signers(&mail.replace(old, new), &names).is_empty(), "{old} -> {new}");
    }
    // Another's key does not prove it, nor does one that is not there.
    assert!(signers(&Key::new().signed(MAIL, "acme.example", &ALL), &names).is_empty());
    assert!(signers(&key.signed(MAIL, "nokey.example", &ALL), &names).is_empty());
    assert!(signers(MAIL, &names).is_empty());
}

#[test]
fn signatures_that_others_have_made_are_read_and_old_or_weak_ones_not_believed() {
    let names = zone(&Key::new());
    for (mail, is_good) in [
        (include_str!("examples/relaxed.eml"), true),
        (include_str!("examples/simple.eml"), true),
        (include_str!("examples/sha1.eml"), false),
        (include_str!("examples/weak.eml"), false),
        (include_str!("examples/part.eml"), false),
    ] {
        assert_eq!(signers(mail, &names).len(), usize::from(is_good), "{mail}");
        assert!(signers(&mail.replace("Really.", "Rarely."), &names).is_empty(), "{mail}");
    }
    // Space may change where the signer lets it, and nowhere else.
    let (relaxed, simple) =
        (include_str!("examples/relaxed.eml"), include_str!("examples/simple.eml"));
    assert_eq!(signers(&relaxed.replace("is  well. ", "is well."), &names).len(), 1);
    assert!(signers(&simple.replace("is  well. ", "is well."), &names).is_empty());
}

#[test]
fn a_signature_that_leaves_out_what_matters_proves_nothing() {
    let key = Key::new();
    let names = zone(&key);
    for left_out in ["From", "Subject", "Date", "Message-ID"] {
        let headers: Vec<&str> = ALL.into_iter().filter(|it| *it != left_out).collect();
        let mail = key.signed(MAIL, "acme.example", &headers);
        assert!(signers(&mail, &names).is_empty(), "without {left_out}");
    }
    // A mail without an id needs none to be signed.
    let bare = MAIL.replace("Message-ID: <1@acme.example>\r\n", "");
    let mail = key.signed(&bare, "acme.example", &["From", "Subject", "Date"]);
    assert_eq!(signers(&mail, &names).len(), 1);
    // And then none may be put in.
    assert!(signers(&format!("Message-ID: <9@x.example>\r\n{mail}"), &names).is_empty());
    let undated = MAIL.replace("Date: Mon, 21 Sep 2026 03:12:44 +0200\r\n", "");
    let mail = key.signed(&undated, "acme.example", &["From", "Subject", "Message-ID"]);
    assert!(signers(&mail, &names).is_empty());
    // A signature of a part of the body.
    let mail = key.signed_how(MAIL, "acme.example", &ALL, true);
    assert!(mail.contains("l="));
    assert!(signers(&mail, &names).is_empty());
    assert!(signers(&format!("{mail}All failed.\r\n"), &names).is_empty());
}

#[test]
fn a_header_that_stands_there_twice_is_not_signed() {
    let key = Key::new();
    let names = zone(&key);
    let mail = key.signed(MAIL, "acme.example", &ALL);
    for second in [
        "Subject: Backup failed",
        "From: x@evil.example",
        "Date: Tue, 22 Sep 2026 03:12:44 +0200",
        "Message-ID: <2@acme.example>",
        "Content-Type: text/html",
        "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: base64",
    ] {
        assert!(signers(&format!("{second}\r\n{mail}"), &names).is_empty(), "{second}");
    }
    assert_eq!(signers(&format!("X-Other: x\r\n{mail}"), &names).len(), 1);
}

#[test]
fn an_old_mail_proves_nothing_any_more() {
    let key = Key::new();
    let names = zone(&key);
    let mail = key.signed(MAIL, "acme.example", &ALL);
    let at = |days: u64| {
        let at = Moment::from_secs(CAME + days * 86_400);
        proved_as(&mail, &Envelope { at, ..envelope() }, &names).dkim
    };
    assert_eq!(at(29).len(), 1);
    assert!(at(31).is_empty());
    let before = Moment::from_secs(CAME - 40 * 86_400);
    assert!(proved_as(&mail, &Envelope { at: before, ..envelope() }, &names).dkim.is_empty());
}

#[test]
fn too_many_signatures_or_headers_prove_nothing() {
    let key = Key::new();
    let names = zone(&key);
    let mut mail = MAIL.to_owned();
    for _ in 0..SIGNATURES_MAX {
        mail = key.signed(&mail, "acme.example", &ALL);
    }
    assert_eq!(signers(&mail, &names).len(), 1);
    let mail = key.signed(&mail, "acme.example", &ALL);
    assert!(signers(&mail, &names).is_empty());
    let padded = "X-Pad: x\r\n".repeat(mime::HEADERS_MAX);
    let mail = format!("{padded}{}", key.signed(MAIL, "acme.example", &ALL));
    assert!(signers(&mail, &names).is_empty());
    let names_of: Vec<&str> = ALL.into_iter().chain(std::iter::repeat_n("X-Pad", 300)).collect();
    let mail =
        key.signed(&format!("{}{MAIL}", "X-Pad: x\r\n".repeat(300)), "acme.example", &names_of);
    assert!(signers(&mail, &names).is_empty());
    // A mail that was not handed over whole.
    let mail = key.signed(MAIL, "acme.example", &ALL);
    let cut = Envelope { is_cut: true, ..envelope() };
    assert!(proved_as(&mail, &cut, &names).dkim.is_empty());
}

#[test]
fn spf_proves_the_domain_of_the_sender_for_the_peers_that_it_names() {
    let names = zone(&Key::new());
    let spf = |sender: Option<&str>, peer: &str| {
        let envelope = Envelope {
            sender: sender.map(str::to_owned),
            helo: "acme.example".to_owned(),
            peer: peer.parse().ok(),
            ..envelope()
        };
        proved_as(MAIL, &envelope, &names).spf
    };
    let own: Option<Arc<str>> = Some("acme.example".into());
    assert_eq!(spf(Some("Bounce@ACME.example"), "192.0.2.9"), own);
    assert_eq!(spf(Some("b@acme.example"), "198.51.100.7"), own);
    assert_eq!(spf(Some("b@acme.example"), "2001:db8::25"), own);
    // The null sender stands for the name that the peer has given.
    assert_eq!(spf(Some(""), "192.0.2.9"), own);
    for (sender, peer) in [
        (Some("b@acme.example"), "203.0.113.1"),
        (Some("b@other.example"), "192.0.2.9"),
        (Some("b@soft.example"), "192.0.2.9"),
        (Some("b@loop.example"), "192.0.2.9"),
        (Some("b@"), "192.0.2.9"),
        (Some("\"@acme.example\"@other.example"), "192.0.2.9"),
        (None, "192.0.2.9"),
        (Some("b@acme.example"), "nobody"),
    ] {
        assert_eq!(spf(sender, peer), None, "{sender:?} {peer}");
    }
}

#[test]
fn behind_a_relay_of_ours_the_peer_is_who_the_relay_says() {
    let names = zone(&Key::new());
    let relay = |received: &str| {
        let envelope = Envelope {
            peer: Some("127.0.0.1".parse().unwrap()),
            relays: vec![Net::parse("127.0.0.0/8").unwrap()],
            ..envelope()
        };
        proved_as(&format!("{received}\r\n{MAIL}"), &envelope, &names).spf
    };
    let by = "by mx.msp.example (Postfix) with ESMTP id 1; Mon, 21 Sep 2026 03:12:44 +0200";
    assert!(
        relay(&format!("Received: from nas (nas.acme.example [192.0.2.9])\r\n\t{by}")).is_some()
    );
    assert!(relay(&format!("Received: from [192.0.2.9] (x [203.0.113.1])\r\n\t{by}")).is_none());
    assert!(relay(&format!("Received: from [203.0.113.1] (helo=[192.0.2.9]) {by}")).is_none());
    assert!(relay(&format!("Received: {by}")).is_none());
}

#[test]
fn nothing_is_asked_unless_a_job_asks() {
    let key = Key::new();
    let mail = key.signed(MAIL, "acme.example", &ALL);
    let inlet = Inlet::default();
    let envelope = envelope();
    let opened = inlet.open(mail.as_bytes(), &envelope);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let proofs = runtime.block_on(prove(&opened, Asked::default(), &zone(&key)));
    assert_eq!(proofs, Proofs::default());
}

#[test]
fn a_job_that_asks_for_a_signature_gets_it_from_whatever_thread() {
    let (names, signed) = &*SIGNED;
    let mut job = crate::corpus::mails::job("acme/nas", model::Hears::default());
    job.trust.dkim = Some("ACME.example".into());
    let trust = job.trust.clone();
    let ears = crate::read::tests::ears_of(vec![job], false);
    let to = crate::read::tests::secret("acme/nas");
    let envelope = Envelope { recipients: vec![to], ..envelope() };
    let inlet = Inlet::default();
    let hear = |mail: String| {
        let hearing = async { inlet.hear_proved(mail.as_bytes(), &envelope, &ears, names).await };
        fn moves<F: Future + Send>(it: F) -> F {
            it
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(moves(hearing)).remove(0).proof
    };
    assert!(hear(signed.clone()).satisfies(&trust));
    assert!(!hear(signed.replace("is well", "is fine")).satisfies(&trust));
    assert!(!hear(MAIL.to_owned()).satisfies(&trust));
}

/// What a mail is, apart from space.
fn sense(letter: &Letter) -> (String, String, Option<model::Moment>, Option<String>) {
    let subject = letter.subject.shown().split_whitespace().collect::<Vec<_>>().join(" ");
    (letter.from.clone(), subject, letter.date, letter.message_id.clone())
}

static SIGNED: LazyLock<(Resolver, String)> = LazyLock::new(|| {
    let key = Key::new();
    (zone(&key), key.signed(MAIL, "acme.example", &ALL))
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_spoilt_signed_mail_proves_nothing_but_what_was_signed(
        mail in any_spoilt_of(vec![SIGNED.1.clone().into_bytes()])
    ) {
        let (names, signed) = &*SIGNED;
        let (inlet, envelope) = (Inlet::default(), envelope());
        let opened = inlet.open(&mail, &envelope);
        let asked = Asked { spf: false, dkim: true };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let proofs = runtime.block_on(prove(&opened, asked, names));
        if !proofs.dkim.is_empty() {
            let own = inlet.open(signed.as_bytes(), &envelope);
            prop_assert_eq!(sense(&opened.letter), sense(&own.letter));
        }
    }

    #[test]
    fn no_spoilt_mail_breaks_the_reader_of_signatures(mail in any_spoilt()) {
        // It is caught if it does, so it is asked without that.
        let parsed = AuthenticatedMessage::parse(&mail);
        prop_assert!(parsed.is_none_or(|it| it.body_offset() <= mail.len()));
    }
}
