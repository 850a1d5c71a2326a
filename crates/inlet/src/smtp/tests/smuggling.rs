//! Only CR LF, dot, CR LF ends a mail, however it is cut into pieces.

use std::sync::Arc;

use super::{
    client::within,
    house::{House, Kept, intake},
};
use crate::{
    corpus::Script,
    smtp::{Gate, Intake, Limits, Taker, converse},
};

/// What the peer hears and what is taken, if it says these pieces.
pub(super) async fn play(
    limits: &Limits,
    lmtp: bool,
    pieces: impl IntoIterator<Item = Vec<u8>>,
) -> (String, Vec<Kept>) {
    let script = Script::of(pieces);
    let (heard, house) = (script.heard(), Arc::new(House::default()));
    let taker: Arc<dyn Taker> = Arc::clone(&house) as Arc<dyn Taker>;
    let gate = Gate::new(limits.clone());
    let intake = Arc::new(Intake { lmtp, ..intake() });
    let peer = [192, 0, 2, 1].into();
    within(converse(Arc::clone(&gate), intake, taker, script, peer)).await;
    assert_eq!(gate.budget.taken(), (0, 0), "all memory is given back");
    assert_eq!(gate.crowd.connections(), 0);
    let heard = String::from_utf8(heard.bytes()).unwrap();
    (heard, house.kept())
}

const ENVELOPE: [&str; 4] = [
    "EHLO nas.acme.example\r\n",
    "MAIL FROM:<nas@acme.example>\r\n",
    "RCPT TO:<ok@in.msp.example>\r\n",
    "DATA\r\n",
];
const HELLO: &str = "Subject: backup\r\n\r\nall is well";
const SMUGGLED: &str = "MAIL FROM:<evil@bad.example>\r\nRCPT TO:<ok@in.msp.example>\r\n\
    DATA\r\nSubject: forged\r\n\r\nall is well\r\n.\r\n";

/// Endings that some server somewhere has taken for one.
const FALSE_ENDS: [&str; 40] = [
    "\n.\n",
    "\n.\r\n",
    "\n.\r",
    "\r.\r",
    "\r.\n",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n.\r\r",
    "\r\n.\r\r\n",
    "\r\n.\n\r\n",
    "\r\n.\n\n",
    "\r\r.\r\r",
    "\r\r.\r\n",
    "\r\r\n.\r\n",
    "\r\r\n.\r\r\n",
    "\n\r.\n\r",
    "\n\n.\r\n",
    "\n\n.\n\n",
    "\n\r\n.\r\n",
    "\r\n\r.\r\n",
    "\r\n\n.\r\n",
    "\r\n\r\r.\r\n",
    "\r\n.\r\0\n",
    "\r\n.\0\r\n",
    "\r\n\0.\r\n",
    "\r\0\n.\r\n",
    "\0\r\n.\r\n",
    "\n.\0\r\n",
    "\r\n..\n",
    "\r\n.\u{85}\n",
    "\r\n.x\n.\r\n",
    "\r\n.\t\r.\r\n",
    "\u{b}\n.\r\n",
    "\u{c}\r.\r\n",
    "\u{2028}.\n",
    "\r.\r\r\n",
    "\n.\n\r\n.\n",
    "\r\n. \n",
    "\r\n.\r \n",
];

/// Lines that look like an end and are text.
const NO_ENDS: [&str; 12] = [
    ".\r\n",
    "\r\n..\r\n",
    "\r\n. \r\n",
    "\r\n .\r\n",
    "\r\n.\t\r\n",
    "\r\n.\u{b}\r\n",
    "\r\n...\r\n",
    "\r\n.QUIT\r\n",
    "\r\n\u{85}.\r\n",
    "\r\n\u{2028}.\u{2028}\r\n",
    "\r\n.\u{200b}\r\n",
    "\r\n\u{feff}.\r\n",
];

fn pieces(text: &str, cut: usize) -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = ENVELOPE.iter().map(|it| it.as_bytes().to_vec()).collect();
    let (one, two) = text.as_bytes().split_at(cut);
    pieces.push(one.to_vec());
    pieces.push(two.to_vec());
    pieces
}

#[tokio::test]
async fn an_ending_that_is_none_closes_the_session_and_nothing_is_taken() {
    let limits = Limits::default();
    for end in FALSE_ENDS {
        let text = format!("{HELLO}{end}{SMUGGLED}");
        for cut in HELLO.len() - 1..=HELLO.len() + end.len() + 2 {
            let (heard, kept) = play(&limits, false, pieces(&text, cut)).await;
            assert!(kept.is_empty(), "{end:?} cut at {cut}: {kept:?}");
            let last = heard.lines().last().unwrap();
            assert!(last.starts_with("521 5.5.2"), "{end:?} cut at {cut}: {heard}");
            let answers = heard.lines().filter(|it| it.as_bytes()[3] == b' ').count();
            assert_eq!(answers, 6, "{end:?} cut at {cut}: {heard}");
        }
    }
}

#[tokio::test]
async fn a_line_that_is_no_end_is_text() {
    let limits = Limits::default();
    for line in NO_ENDS {
        let text = format!("{HELLO}{line}{SMUGGLED}QUIT\r\n");
        for cut in HELLO.len() - 1..=HELLO.len() + line.len() + 2 {
            let (heard, kept) = play(&limits, false, pieces(&text, cut)).await;
            assert_eq!(kept.len(), 1, "{line:?} cut at {cut}: {heard}");
            assert!(kept[0].raw.contains("MAIL FROM:<evil@bad.example>\r\n"), "{line:?}");
            assert!(kept[0].raw.ends_with("\r\n\r\nall is well\r\n"), "{line:?}");
            assert!(heard.ends_with("\r\n221 2.0.0 bye\r\n"), "{line:?} cut at {cut}: {heard}");
        }
    }
}

#[tokio::test]
async fn the_one_end_is_seen_wherever_it_is_cut() {
    let text = format!("{HELLO}\r\n..\r\n.\r\nQUIT\r\n");
    for cut in 0..=text.len() {
        for lmtp in [false, true] {
            let mut pieces = pieces(&text, cut);
            if lmtp {
                pieces[0] = b"LHLO mx.msp.example\r\n".to_vec();
            }
            let (heard, kept) = play(&Limits::default(), lmtp, pieces).await;
            assert_eq!(kept.len(), 1, "cut at {cut}: {heard}");
            assert_eq!(kept[0].raw, format!("{HELLO}\r\n.\r\n"), "cut at {cut}");
            assert!(heard.ends_with("221 2.0.0 bye\r\n"), "cut at {cut}: {heard}");
        }
    }
}

#[tokio::test]
async fn a_text_may_come_byte_by_byte() {
    let text = format!("{HELLO}\r\n..\r\n.\r\nQUIT\r\n");
    let mut bytes = pieces(&text, 0);
    let text = bytes.pop().unwrap();
    let pieces = bytes.into_iter().chain(text.into_iter().map(|it| vec![it]));
    let (heard, kept) = play(&Limits::default(), false, pieces).await;
    assert_eq!(kept.len(), 1);
    assert!(heard.ends_with("221 2.0.0 bye\r\n"));
}

#[tokio::test]
async fn commands_end_with_both_or_the_session_ends() {
    for (line, begin) in [
        ("NOOP\n", "521"),
        ("NOOP\r", "521"),
        ("NO\rOP\r\n", "521"),
        ("NOOP\r\r\n", "521"),
        ("NOOP \n\r\n", "521"),
        ("NOOP\0\r\n", "521"),
        ("\n", "521"),
        ("MAIL FROM:<a@b.example>\nRCPT TO:<ok@in.msp.example>\r\n", "521"),
        ("MAIL FROM:<a@b.example>\rRCPT TO:<ok@in.msp.example>\r\n", "521"),
        ("MAIL FROM:<\"a\r\nRCPT TO:<ok@in.msp.example>\r\n", "5"),
    ] {
        for cut in 0..line.len() {
            let (one, two) = line.as_bytes().split_at(cut);
            let pieces = [ENVELOPE[0].into(), one.to_vec(), two.to_vec(), b"NOOP\r\n".to_vec()];
            let (heard, _) = play(&Limits::default(), false, pieces).await;
            let answer = heard.lines().filter(|it| it.as_bytes()[3] == b' ').nth(2).unwrap();
            assert!(answer.starts_with(begin), "{line:?} cut at {cut}: {heard}");
        }
    }
}

#[tokio::test]
async fn lmtp_says_to_each_recipient_that_a_flaw_ends_the_session() {
    let mut pieces = pieces("one\n.\r\n", 0);
    pieces[0] = b"LHLO mx.msp.example\r\n".to_vec();
    pieces.insert(3, b"RCPT TO:<ok.acme@in.msp.example>\r\n".to_vec());
    let (heard, kept) = play(&Limits::default(), true, pieces).await;
    assert_eq!(heard.lines().filter(|it| it.starts_with("521")).count(), 2);
    assert!(kept.is_empty());
}
