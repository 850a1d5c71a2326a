//! Mails as they are and as they should not be. Work is counted, not timed.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::packed;

/// No letter is larger, whatever it was made of: its texts, twice over, at three bytes for each that
/// was read, and its headers.
const LETTER_BYTES: usize =
    8 * (TEXT_BYTES_MAX + ATTACHED_BYTES_MAX) + 4 * HEADER_BYTES_MAX + 8 * SUBJECT_BYTES_MAX;

/// The letter, and how many lines were looked at.
fn worked(raw: &[u8]) -> (Letter, usize) {
    let mut budget = Budget::new();
    let letter = within(raw, &mut budget);
    assert!(weight(&letter) <= LETTER_BYTES, "{} bytes", weight(&letter));
    (letter, budget.lines)
}

fn weight(letter: &Letter) -> usize {
    let text = |it: &Text| it.shown().len() + it.folded().len();
    let attached = |it: &Attachment| it.name.len() + it.text.as_ref().map_or(0, text);
    text(&letter.subject)
        + text(&letter.body)
        + letter.attachments.iter().map(attached).sum::<usize>()
        + letter.headers.iter().map(|it| it.0.len() + it.1.len()).sum::<usize>()
        + letter.recipients.iter().map(String::len).sum::<usize>()
}

fn of(text: &str) -> Letter {
    letter(text.as_bytes())
}

/// A mail of these parts; each begins with its headers.
fn multipart(kind: &str, parts: &[&str]) -> String {
    let mut out =
        format!("Subject: s\nContent-Type: multipart/{kind}; boundary=\"=b\"\n\npreamble\n");
    for part in parts {
        writeln!(
            out,
            "--=b
{part}"
        )
        .unwrap();
    }
    out.push_str("--=b--\nepilogue\n");
    out
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (place, chunk) in bytes.chunks(3).enumerate() {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
        if place % 19 == 18 {
            out.push('\n');
        }
    }
    out
}

#[test]
fn what_the_headers_say_is_found() {
    let it = of("Return-Path: <Bounce@acme.example>\r\n\
        Delivered-To: <backup+TOKEN@in.msp.example>\r\n\
        Received: from mx by in.msp.example; Mon, 21 Sep 2026 03:14:00 +0200\r\n\
        Received: from nas ([192.0.2.1])\r\n\tby mx; Mon, 21 Sep 2026 03:12:50 +0200\r\n\
        From: =?utf-8?q?N=C3=A4s?= <NAS@Acme.example>\r\n\
        To: a@b.example, \"C, D\" <c@d.example>\r\nCc: e@f.example\r\nX-Original-To: g@h.example\r\n\
        Subject: =?utf-8?b?QmFja3Vw?=\r\n =?utf-8?b?IG9r?=\r\n\
        Message-ID: <1.2@acme.example>\r\nDate: Mon, 21 Sep 2026 03:12:44 +0200\r\n\r\nAll well\r\n");
    assert_eq!(it.subject.shown(), "Backup ok");
    assert_eq!((&*it.from, it.from_name.shown()), ("nas@acme.example", "N\u{e4}s"));
    assert_eq!(it.sender, "bounce@acme.example");
    assert_eq!(
        it.recipients,
        ["backup+token@in.msp.example", "g@h.example", "a@b.example", "c@d.example", "e@f.example"]
    );
    assert_eq!(it.message_id.as_deref(), Some("1.2@acme.example"));
    assert_eq!(it.date, Some(model::Moment::from_secs(1_789_953_164)));
    assert_eq!(it.first_taken, Some(model::Moment::from_secs(1_789_953_170)));
    assert_eq!(it.header("to"), Some("a@b.example, \"C, D\" <c@d.example>"));
    assert_eq!(it.body.shown(), "All well\n");
    assert!(it.faults.is_empty() && !it.is_automatic && it.attachments.is_empty());
}

#[test]
fn the_better_form_of_the_text_is_taken() {
    let plain =
        "Content-Type: text/plain\n\nThis plain text has more than forty characters, all own.";
    let html = "Content-Type: text/html\n\n<p>The <b>rich</b> text</p>";
    let short = "Content-Type: text/plain\n\nSee HTML.";
    let notice = "Content-Type: text/plain\n\n\
        This is a message in HTML. Please use a mail program that can show it.";
    let body = |parts: &[&str]| of(&multipart("alternative", parts)).body.shown().to_owned();
    assert_eq!(body(&[plain, html]), "This plain text has more than forty characters, all own.");
    assert_eq!(body(&[html, plain]), "This plain text has more than forty characters, all own.");
    assert_eq!(body(&[short, html]), "The rich text");
    assert_eq!(body(&[notice, html]), "The rich text");
    assert_eq!(body(&[short]), "See HTML.");
    assert_eq!(body(&[html]), "The rich text");
    assert_eq!(body(&[short, "Content-Type: text/html\n\n<br>"]), "See HTML.");
    // HTML with pictures beside it is still one form of the same text.
    let related = "Content-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n\
        <p>The related text</p>\n--r\nContent-Type: image/png; name=x.png\n\nPNG\n--r--";
    let it = of(&multipart("alternative", &[short, related]));
    assert_eq!(it.body.shown(), "The related text");
    assert_eq!(it.attachments[0].name, "x.png");
    assert!(it.attachments[0].text.is_none());
    // Several texts that are no forms of each other are one behind the other.
    let it = of(&multipart("mixed", &[short, html, "\nwithout headers"]));
    assert_eq!(it.body.shown(), "See HTML.\nThe rich text\nwithout headers");
}

#[test]
fn attachments_have_their_text() {
    let zip = base64(&packed::tests::packed(&[("logs/run.log", b"from the log"), ("x.pdf", b"%")]));
    let eml = base64(b"Subject: Inner\n\ninner text\n");
    let wide: Vec<u8> = "wide".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let it = of(&multipart(
        "mixed",
        &[
            "Content-Type: text/plain\n\nThe text of the mail itself, which is long enough to be one.",
            "Content-Type: text/csv; name=\"a.csv\"\n\nJob;State\nnightly;ok",
            "Content-Type: text/plain\nContent-Disposition: attachment; filename=b.txt\n\nfailed",
            "Content-Type: application/octet-stream; name=c.html\n\n<td>1</td><td>2</td>",
            &format!(
                "Content-Type: application/octet-stream; name=d.log\nContent-Transfer-Encoding: base64\n\n{}",
                base64(&wide)
            ),
            &format!(
                "Content-Type: application/zip; name=e.zip\nContent-Transfer-Encoding: base64\n\n{zip}"
            ),
            &format!(
                "Content-Type: application/octet-stream; name=f.eml\nContent-Transfer-Encoding: base64\n\n{eml}"
            ),
            "Content-Type: application/pdf; name=\"../../g.pdf\"\n\n%PDF",
            "Content-Disposition: attachment; filename=h.bin\n\nx",
        ],
    ));
    assert_eq!(it.body.shown(), "The text of the mail itself, which is long enough to be one.");
    let all: Vec<(&str, Option<&str>)> =
        it.attachments.iter().map(|it| (&*it.name, it.text.as_ref().map(Text::shown))).collect();
    assert_eq!(
        all,
        [
            ("a.csv", Some("Job;State\nnightly;ok")),
            ("b.txt", Some("failed")),
            ("c.html", Some("1\t2")),
            ("d.log", Some("wide")),
            ("e.zip", None),
            ("run.log", Some("from the log")),
            ("x.pdf", None),
            ("f.eml", Some("Inner\ninner text\n")),
            ("g.pdf", None),
            ("h.bin", None),
        ]
    );
    assert_eq!(it.faults, []);
}

#[test]
fn a_mail_that_only_carries_another_is_that_other() {
    let inner = "Content-Type: message/rfc822\n\nFrom: nas@acme.example\n\
        To: backup+abc@in.msp.example\nSubject: Backup ok\nMessage-ID: <in@acme.example>\n\
        Date: Mon, 21 Sep 2026 03:12:44 +0200\nContent-Type: multipart/mixed; boundary=i\n\n\
        --i\n\nAll is well.\n--i\nContent-Type: text/csv; name=a.csv\n\n1;2\n--i--\n";
    let it = of(&multipart("mixed", &["Content-Type: text/plain\n\nFYI", inner]));
    assert_eq!((it.subject.shown(), it.body.shown()), ("Backup ok", "All is well."));
    assert_eq!(
        (&*it.from, it.message_id.as_deref()),
        ("nas@acme.example", Some("in@acme.example"))
    );
    assert_eq!(it.recipients, ["backup+abc@in.msp.example"]);
    assert!(it.attachments.iter().any(|it| it.name == "a.csv"));
    // Whoever writes himself is the one that speaks.
    let own = "Content-Type: text/plain\n\nPlease look at this, it did not run at all last night.";
    let it = of(&multipart("mixed", &[own, inner]));
    assert_eq!(it.subject.shown(), "s");
    // Of two nobody knows which.
    let it = of(&multipart("mixed", &[inner, inner]));
    assert_eq!((it.subject.shown(), it.body.shown()), ("s", ""));
    // One level, no more.
    let deep = format!("Content-Type: message/rfc822\n\nSubject: middle\n{inner}");
    let it = of(&format!("Subject: outer\n{deep}"));
    assert_eq!((it.subject.shown(), it.body.shown()), ("middle", ""));
}

#[test]
fn mails_of_mail_systems_are_known() {
    for head in [
        "Auto-Submitted: auto-replied (vacation)",
        "X-Autoreply: yes",
        "Precedence: auto_reply",
        "From: MAILER-DAEMON@mx.example",
        "Subject: Automatic reply: Backup ok",
        "Subject: R\u{e9}ponse automatique\u{a0}: Backup",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    ] {
        let it = of(&format!("{head}\n\nBackup ok\n"));
        assert!(it.is_automatic, "{head}");
    }
    for head in [
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: no",
        "Precedence: bulk",
        "X-Auto-Response-Suppress: All",
        "From: root@pve.example",
        "Subject: Job 'Automatic reply: no' ok",
    ] {
        assert!(!of(&format!("{head}\n\nBackup ok\n")).is_automatic, "{head}");
    }
}

#[test]
fn a_mail_of_ten_thousand_parts_costs_what_two_hundred_do() {
    let parts = vec!["Content-Type: text/plain\n\nx"; 10_000];
    let (it, lines) = worked(multipart("mixed", &parts).as_bytes());
    assert_eq!(it.faults, [Fault::Parts]);
    assert!(lines <= 4 * (PARTS_MAX + 2), "{lines} lines");
    // In mails within a mail, too.
    let inner = format!(
        "Content-Type: message/rfc822\n\n{}",
        multipart("mixed", &parts[..150]).replace("=b", "=c")
    );
    let (it, _) = worked(multipart("mixed", &[&inner, &inner.clone(), &inner.clone()]).as_bytes());
    assert_eq!(it.faults, [Fault::Parts]);
    let mails = vec!["Content-Type: message/rfc822\n\nSubject: x\n\nx"; 150];
    let (it, _) = worked(multipart("mixed", &mails).as_bytes());
    assert_eq!(it.faults, [Fault::Parts]);
}

#[test]
fn a_mail_of_a_thousand_levels_is_left_at_the_twentieth() {
    let nested = |levels: usize| {
        let mut out = String::from("Subject: s\n");
        for level in 0..levels {
            writeln!(out, "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}")
                .unwrap();
        }
        out.push_str("\nthe innermost\n");
        for level in (0..levels).rev() {
            writeln!(out, "--b{level}--").unwrap();
        }
        out
    };
    let (it, _) = worked(nested(DEPTH_MAX).as_bytes());
    assert_eq!((it.body.shown(), it.faults.as_slice()), ("the innermost", [].as_slice()));
    let mail = nested(1_000);
    let (it, lines) = worked(mail.as_bytes());
    assert_eq!(it.faults, [Fault::Depth, Fault::Broken]);
    assert!(lines <= mail.lines().count());
    // Mails in mails in mails.
    let (it, _) = worked("Content-Type: message/rfc822\n\n".repeat(100_000).as_bytes());
    assert_eq!(it.body.shown(), "");
    // Every level has the same boundary, and none ends.
    let same = "--x\nContent-Type: multipart/mixed; boundary=x\n\n".repeat(1_000);
    let (it, _) = worked(format!("Content-Type: multipart/mixed; boundary=x\n\n{same}").as_bytes());
    assert!(it.faults.contains(&Fault::Depth));
}

#[test]
fn of_a_long_text_the_begin_and_the_end_are_read() {
    let log = |lines: usize| (0..lines).map(|it| format!("line {it} of the log\r\n"));
    let long: String = log(100_000).collect();
    let quoted = long.replace('e', "=65");
    let lines = |it: &str| it.lines().map(str::to_owned).collect::<Vec<_>>();
    for (coding, text) in [("8bit", &long), ("quoted-printable", &quoted)] {
        let mail = format!("Subject: s\r\nContent-Transfer-Encoding: {coding}\r\n\r\n{text}");
        let it = letter(mail.as_bytes());
        assert_eq!(it.faults, [Fault::Middle], "{coding}");
        let read = lines(it.body.shown());
        let (first, last) = (&read[0], read.last().unwrap());
        assert_eq!((&**first, &**last), ("line 0 of the log", "line 99999 of the log"));
        let mark = read.iter().filter(|it| it.starts_with("[what stood here")).count();
        assert_eq!(mark, 1, "{coding}");
        // Every line that is there is a whole one.
        let whole = |it: &&String| it.starts_with("line ") && it.ends_with(" of the log");
        assert_eq!(read.iter().filter(|it| !whole(it)).count(), 1, "{coding}");
        assert!(it.body.shown().len() <= TEXT_BYTES_MAX);
    }
    // What has no lines, is HTML, or is written in pairs of bytes is not read in pieces.
    let one = "x".repeat(TEXT_BYTES_MAX + 1);
    for head in ["", "Content-Type: text/html\r\n", "Content-Type: text/plain; charset=utf-16\r\n"]
    {
        let text = if head.is_empty() { &one } else { &long };
        let it = letter(format!("Subject: s\r\n{head}\r\n{text}").as_bytes());
        assert_eq!(it.faults, [Fault::Text], "{head}");
    }
    // A text that just fits is whole.
    let fits = format!("{}\n", "y".repeat(TEXT_BYTES_MAX - 1));
    assert!(letter(format!("Subject: s\n\n{fits}").as_bytes()).faults.is_empty());
}

#[test]
fn fifty_megabytes_are_looked_at_and_not_kept() {
    let large = "All is well, said the log again and again and again.\n".repeat(1_000_000);
    let (it, lines) = worked(format!("Subject: s\n\n{large}").as_bytes());
    assert_eq!((it.faults.as_slice(), lines), ([Fault::Middle].as_slice(), 0));
    assert!((TEXT_BYTES_MAX - 200..=TEXT_BYTES_MAX).contains(&it.body.shown().len()));
    let (it, lines) = worked(multipart("mixed", &[&format!("\n{large}")]).as_bytes());
    assert_eq!(it.faults, [Fault::Middle]);
    assert!(lines <= 1_000_020);
    let attached = format!("Content-Type: text/csv; name=a.csv\n\n{large}");
    let (it, _) = worked(multipart("mixed", &["\nshort", &attached]).as_bytes());
    assert_eq!((it.faults.as_slice(), it.body.shown()), ([Fault::Middle].as_slice(), "short"));
    // As many attachments as there may be share one room.
    let many = vec![&*attached; 1];
    let (it, _) = worked(multipart("mixed", &many).as_bytes());
    assert!(
        it.attachments
            .iter()
            .all(|it| it.text.as_ref().unwrap().shown().len() <= ATTACHED_BYTES_MAX)
    );
    // A picture of that size is no fault: nobody wanted to read it.
    let picture = format!("Content-Type: image/png; name=a.png\n\n{large}");
    assert_eq!(worked(multipart("mixed", &["\nshort", &picture]).as_bytes()).0.faults, []);
}

#[test]
fn bombs_of_headers_are_cut() {
    let (it, _) = worked("X-A: b\n".repeat(100_000).as_bytes());
    assert_eq!(it.faults, [Fault::Headers]);
    assert_eq!(it.headers.len(), HEADERS_MAX);
    let (it, _) = worked(format!("Subject: {}\n\nx", "a".repeat(1_000_000)).as_bytes());
    assert_eq!(it.faults, [Fault::Headers]);
    assert_eq!(it.subject.shown().len(), SUBJECT_BYTES_MAX);
    let (it, _) = worked(format!("To: {}\n\nx", "a@b.example, ".repeat(15_000)).as_bytes());
    assert!(it.recipients.len() <= RECIPIENTS_MAX);
    let many: Vec<String> = (0..5_000).map(|it| format!("a{it}@b.example")).collect();
    let (it, _) = worked(format!("To: {}\n\nx", many.join(",")).as_bytes());
    assert_eq!(it.recipients.len(), RECIPIENTS_MAX);
    for value in [
        "=?utf-8?q?x ",
        "=?",
        "=?utf-8?q?=FF=FE?= ",
        "=?gb18030?b?//8=?=",
        "<",
        "\"",
        "(",
        ";a*0=",
        "\\",
    ] {
        let long = value.repeat(200_000 / value.len());
        for name in [
            "Subject",
            "From",
            "To",
            "Content-Type",
            "Content-Disposition",
            "Date",
            "Received",
            "Message-ID",
            "X-Other",
        ] {
            let (it, _) = worked(format!("{name}: {long}\nX-Last: 1\n\nx").as_bytes());
            assert!(it.faults.contains(&Fault::Headers), "{name} {value}");
        }
    }
    // Of parts, too: all headers have one room.
    let part = format!("X-Pad: {}\n\nx", "a".repeat(60_000));
    let (it, _) = worked(multipart("mixed", &[&*part; 20]).as_bytes());
    assert_eq!(it.faults, [Fault::Headers]);
    let (it, _) = worked(multipart("mixed", &[&"X: y\n".repeat(2_000)]).as_bytes());
    assert_eq!(it.faults, [Fault::Headers]);
}

#[test]
fn packed_bombs_are_not_unpacked() {
    let zeros = vec![b'0'; 30_000_000];
    let bomb = |bytes: &[u8]| {
        let zip = base64(bytes);
        let part = format!(
            "Content-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\n{zip}"
        );
        worked(multipart("mixed", &["\nAll is well", &part]).as_bytes()).0
    };
    let it = bomb(&packed::tests::packed(&[("a.txt", &zeros)]));
    assert_eq!(it.faults, [Fault::Packed]);
    let inner = packed::tests::packed(&[("a.txt", b"x")]);
    assert_eq!(bomb(&packed::tests::packed(&[("b.zip", &inner)])).faults, [Fault::Packed]);
    assert_eq!(bomb(b"no archive").faults, [Fault::Packed]);
    assert_eq!(bomb(&vec![b'P'; packed::PACKED_BYTES_MAX + 1]).faults, [Fault::Packed]);
}

#[test]
fn broken_mails_are_read_as_far_as_they_go() {
    for (mail, body, faults) in [
        ("", "", vec![Fault::NoMail]),
        ("\n\nno headers", "\nno headers", vec![Fault::NoMail]),
        ("Subject: s", "", vec![]),
        ("Subject: s\n\na\0b\rc\x07", "ab\nc", vec![]),
        ("Content-Type: multipart/mixed\n\ntext", "text", vec![Fault::Broken]),
        ("Content-Type: multipart/mixed; boundary=x\n\n--y\n\ntext", "", vec![Fault::Broken]),
        ("Content-Type: multipart/mixed; boundary=x\n\n--x\n\ntext", "text", vec![]),
        ("Content-Type: multipart/mixed; boundary=x\n\n--x\nX: y", "", vec![]),
        ("Content-Type: multipart/mixed; boundary=x\n\n--x--\n", "", vec![Fault::Broken]),
        ("Content-Transfer-Encoding: base64\n\nQWxsIGlzIHd", "All is w", vec![]),
        ("Content-Transfer-Encoding: base64\n\n!!\0\n", "", vec![]),
        ("Content-Transfer-Encoding: quoted-printable\n\nAll=\n is=20w=", "All is w=", vec![]),
        ("Content-Type: text/plain; charset=no-such\n\nplain", "plain", vec![]),
        ("Content-Type: ;;;==\"\n\nplain", "plain", vec![]),
    ] {
        let it = of(mail);
        assert_eq!((it.body.shown(), it.faults), (body, faults), "{mail:?}");
    }
}

#[test]
fn charsets_of_bodies_and_subjects_are_read() {
    let table: &[(&[u8], &str, &str)] = &[
        (b"caf\xe9", "iso-8859-1", "caf\u{e9}"),
        (b"10 \xa4", "iso-8859-15", "10 \u{20ac}"),
        (b"\x9aest", "windows-1250", "\u{161}est"),
        (b"\x93ok\x94", "windows-1252", "\u{201c}ok\u{201d}"),
        (b"o\0k\0", "utf-16le", "ok"),
        (b"\0o\0k", "utf-16be", "ok"),
        (b"\xb1\xb8\xb7\xdd", "gb18030", "\u{5907}\u{4efd}"),
        (b"\x83o\x83b\x83N", "shift_jis", "\u{30d0}\u{30c3}\u{30af}"),
        (b"caf\xc3\xa9", "iso-8859-1", "caf\u{e9}"),
    ];
    for (bytes, charset, wanted) in table {
        let mail = format!(
            "Subject: =?{charset}?B?{}?=\nContent-Type: text/plain; charset=\"{charset}\"\n\
             Content-Transfer-Encoding: base64\n\n{}",
            base64(bytes).trim(),
            base64(bytes)
        );
        let it = of(&mail);
        assert_eq!((it.subject.shown(), it.body.shown()), (*wanted, *wanted), "{charset}");
    }
    // Eight bits in a header without any label.
    let it = letter(b"Subject: caf\xc3\xa9 caf\xc3\xa9\n\nx");
    assert_eq!(it.subject.shown(), "caf\u{e9} caf\u{e9}");
    let it = letter(b"Subject: caf\xe9\n\nx");
    assert_eq!(it.subject.shown(), "caf\u{e9}");
}

/// Mails to spoil: what products write, and what they are made of.
fn mails() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/formats/examples");
    let mut all = Vec::new();
    for of in std::fs::read_dir(folder).unwrap() {
        for mail in std::fs::read_dir(of.unwrap().path()).unwrap() {
            let path = mail.unwrap().path();
            if path.extension().is_some_and(|it| it == "eml") {
                all.push(std::fs::read(path).unwrap());
            }
        }
    }
    all.sort();
    let zip = base64(&packed::tests::packed(&[("a.log", b"all well")]));
    let part = format!(
        "Content-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\n{zip}"
    );
    let html = "Content-Type: text/html\n\n<table><tr><td>a</td><td>b&nbsp;</td></tr></table>";
    let mail = "Content-Type: message/rfc822\n\nSubject: =?utf-8?q?a=C3=A9?=\n\n=41=\nb";
    all.push(multipart("alternative", &["\nshort", html, &part, mail]).into_bytes());
    all
}

/// One way to spoil a mail.
#[derive(Clone, Debug)]
enum Spoil {
    Set(usize, u8),
    Cut(usize),
    Drop(usize, usize),
    Twice(usize, usize),
    Insert(usize, &'static str),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let pieces = prop_oneof![
        Just("\n\n"),
        Just("\r"),
        Just("\0"),
        Just("--"),
        Just("=?utf-8?b?"),
        Just("?="),
        Just("Content-Type: multipart/mixed; boundary=\"=b\"\n\n--=b\n"),
        Just("Content-Type: message/rfc822\n\n"),
        Just("Content-Transfer-Encoding: base64\n"),
        Just("<td>"),
        Just("<!--"),
        Just("&#x"),
        Just("\u{fffd}"),
        Just("; charset=utf-16le"),
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|it| Spoil::Set(it.0, it.1)),
        any::<usize>().prop_map(Spoil::Cut),
        (any::<usize>(), 0..200_usize).prop_map(|it| Spoil::Drop(it.0, it.1)),
        (any::<usize>(), 0..200_usize).prop_map(|it| Spoil::Twice(it.0, it.1)),
        (any::<usize>(), pieces).prop_map(|it| Spoil::Insert(it.0, it.1)),
    ]
}

fn apply(spoil: &Spoil, mail: &mut Vec<u8>) {
    let len = mail.len();
    match spoil {
        Spoil::Set(at, value) => mail[at % len] = *value,
        Spoil::Cut(at) => mail.truncate(at % len),
        Spoil::Drop(at, more) => drop(mail.drain(at % len..len.min(at % len + more))),
        Spoil::Twice(at, more) => {
            let piece = mail[at % len..len.min(at % len + more)].to_vec();
            let at = at % len;
            mail.splice(at..at, piece);
        }
        Spoil::Insert(at, piece) => {
            let at = at % len;
            mail.splice(at..at, piece.bytes());
        }
    }
}

/// A mail of the examples, spoilt a few times.
pub(crate) fn any_spoilt() -> impl Strategy<Value = Vec<u8>> {
    any_spoilt_of(mails())
}

/// One of these mails, spoilt a few times.
pub(crate) fn any_spoilt_of(mails: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (0..mails.len(), proptest::collection::vec(spoil(), 0..12)).prop_map(move |(place, how)| {
        let mut mail = mails[place].clone();
        for it in &how {
            if !mail.is_empty() {
                apply(it, &mut mail);
            }
        }
        mail
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_spoilt_mail_does_harm(mail in any_spoilt()) {
        let (letter, _) = worked(&mail);
        // What is shown can be shown.
        let harmless = |it: &Text| it.shown().chars().all(|it| !it.is_control() || matches!(it, '\n' | '\t'));
        prop_assert!(harmless(&letter.subject) && harmless(&letter.body));
    }

    #[test]
    fn no_bytes_do_harm(mail in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        worked(&mail);
    }
}
