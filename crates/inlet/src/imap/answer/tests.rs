//! Answers as servers give them, and as none should.

use proptest::prelude::*;

use super::*;

fn line(text: &str) -> Result<Answer, Garbled> {
    parse(vec![Piece::Text(text.into())])
}

fn fetched(answer: Result<Answer, Garbled>) -> Fetch {
    match answer {
        Ok(Answer::Fetch(fetch)) => fetch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_are_told_apart() {
    let done =
        |tag: &str, status, said: &str| Answer::Done { tag: tag.into(), status, said: said.into() };
    let word = |status, said: &str| Answer::Word { status, said: said.into() };
    let vectors = [
        ("a1 OK done", done("a1", Status::Ok, "done")),
        ("a1 no", done("a1", Status::No, "")),
        ("a2 BAD [X] what?", done("a2", Status::Bad, "[X] what?")),
        ("* OK [UIDVALIDITY 7] fine", word(Status::Ok, "[UIDVALIDITY 7] fine")),
        ("* BYE see you {5}", word(Status::Bye, "see you {5}")),
        ("* PREAUTH hello", word(Status::PreAuth, "hello")),
        ("+ idling", Answer::Continue),
        ("+", Answer::Continue),
        ("* 23 EXISTS", Answer::Exists(23)),
        ("* 3 expunge", Answer::Expunge),
        ("* 0 RECENT", Answer::Other),
        ("* FLAGS (\\Seen \\Draft)", Answer::Other),
        ("* LIST () \"/\" INBOX", Answer::Other),
        ("* 99999999999 EXISTS", Answer::Other),
        (
            "* CAPABILITY IMAP4rev1 idle",
            Answer::Capability(vec!["IMAP4REV1".into(), "IDLE".into()]),
        ),
    ];
    for (text, answer) in vectors {
        assert_eq!(line(text), Ok(answer), "{text}");
    }
    for text in ["", " ", "*", "* ", "* 5", "* 5 ", "hello", "a1 FETCH", "* 1 FETCH", "* 1 FETCH 5"]
    {
        assert_eq!(line(text), Err(Garbled), "{text}");
    }
}

#[test]
fn codes_have_their_numbers() {
    assert_eq!(code_number(b"[UIDVALIDITY 7] fine", "UIDVALIDITY"), Some(7));
    assert_eq!(code_number(b"[uidnext 4294967295]", "UIDNEXT"), Some(u32::MAX));
    for bad in ["[UIDNEXT 4294967296]", "[UIDNEXT x]", "[UIDNEXT]", "UIDNEXT 5", "", "[", "[]"] {
        assert_eq!(code_number(bad.as_bytes(), "UIDNEXT"), None, "{bad}");
    }
    let capabilities = code_capabilities(b"[CAPABILITY IMAP4rev1 AUTH=PLAIN] hi").unwrap();
    assert_eq!(capabilities, ["IMAP4REV1", "AUTH=PLAIN"]);
}

#[test]
fn a_listing_and_a_mail() {
    let row = "* 12 FETCH (UID 34 RFC822.SIZE 5600 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")";
    let row = fetched(line(row));
    assert_eq!((row.uid, row.size), (Some(34), Some(5600)));
    assert_eq!(row.date.unwrap(), b"17-Jul-1996 02:44:25 -0700");

    let mail = fetched(parse(vec![
        Piece::Text(b"* 1 FETCH (FLAGS (\\Seen (x) \")\") UID 5 BODY[]".into()),
        Piece::Literal(b"A: b\r\n\r\n)(\"".into()),
        Piece::Text(b" X-NEW ((a) \"b\\\"\" NIL) MODSEQ (7))".into()),
    ]));
    assert_eq!(mail.uid, Some(5));
    assert_eq!(mail.body.unwrap(), b"A: b\r\n\r\n)(\"");

    let header = fetched(line("* 1 FETCH (BODY[HEADER]<0> \"A: b\" UID 6)"));
    assert_eq!((header.uid, header.body.unwrap()), (Some(6), b"A: b".to_vec()));
    let other = "* 1 FETCH (BODY[HEADER.FIELDS (DATE FROM)] \"x\" UID 6 INTERNALDATE NIL)";
    assert_eq!(fetched(line(other)).body, None);
    assert_eq!(fetched(line("* 1 FETCH (UID 6 BODY[] NIL)")).body, None);
}

#[test]
fn broken_items_are_no_answer() {
    for text in [
        "* 1 FETCH (",
        "* 1 FETCH (UID",
        "* 1 FETCH (UID )",
        "* 1 FETCH (UID x)",
        "* 1 FETCH (UID -1)",
        "* 1 FETCH (UID 4294967296)",
        "* 1 FETCH (UID ())",
        "* 1 FETCH (\"UID\" 5)",
        "* 1 FETCH (BODY[] \"no end)",
        "* 1 FETCH (BODY[] \"no end\\",
        "* 1 FETCH (UID 5) more",
        "* 1 FETCH UID 5",
    ] {
        assert_eq!(line(text), Err(Garbled), "{text}");
    }
}

#[test]
fn depth_costs_nothing() {
    let deep = format!("* 1 FETCH (X {}{} UID 5)", "(".repeat(60_000), ")".repeat(60_000));
    assert_eq!(fetched(line(&deep)).uid, Some(5));
    let open = format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(60_000));
    assert_eq!(line(&open), Err(Garbled));
}

#[test]
fn what_may_hold_literals() {
    assert!(is_fetch(b"* 5 FETCH (BODY[] {7}"));
    assert!(is_fetch(b"* 5 fetch"));
    for other in ["* LIST () {5}", "a FETCH", "* x FETCH", "*  FETCH", "* 5 EXISTS", ""] {
        assert!(!is_fetch(other.as_bytes()), "{other}");
    }
    for words in ["* OK see {5}", "a1 NO {5}", "+ {5}", "+{5}", "* bye"] {
        assert!(is_words(words.as_bytes()), "{words}");
    }
    for other in ["* LIST () \"/\" {5}", "* 5 FETCH (", "* STATUS {5}"] {
        assert!(!is_words(other.as_bytes()), "{other}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..5)) {
        let piece = |(at, bytes): (usize, Vec<u8>)| {
            if at % 2 == 0 { Piece::Text(bytes) } else { Piece::Literal(bytes) }
        };
        drop(parse(texts.into_iter().enumerate().map(piece).collect()));
    }

    #[test]
    fn nothing_that_looks_like_an_answer_does(text in r#"\* [0-9]{1,3} FETCH \([ ()"\\\[\]A-Z0-9]{0,60}\)?"#) {
        drop(line(&text));
    }
}
