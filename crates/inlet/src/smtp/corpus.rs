//! What must hold of a session, whatever its peer says in whatever pieces.
//!
//! The first byte of an input says how much the server allows, the second how the others are cut
//! into pieces.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt, future::BoxFuture};
use model::Moment;

use super::{Answer, Gate, Intake, Limits, Mail, Taker, Welcome, converse};
use crate::corpus::Script;

/// Bytes that one answer may have.
const ANSWER_BYTES: usize = 600;
const NOW: Moment = Moment::from_secs(1_800_000_000);

/// Sessions that are worth to begin with.
const SESSIONS: [&str; 9] = [
    "EHLO nas.acme.example\r\nMAIL FROM:<nas@acme.example>\r\nRCPT TO:<ok@in.msp.example>\r\n\
     DATA\r\nSubject: backup\r\n\r\n..all is well\r\n.\r\nQUIT\r\n",
    "LHLO mx.msp.example\r\nMAIL FROM:<> SIZE=300 BODY=8BITMIME\r\nRCPT TO:<ok@in.msp.example>\r\n\
     RCPT TO:<busy@in.msp.example>\r\nRCPT TO:<bad@in.msp.example>\r\nDATA\r\n\r\n.\r\nQUIT\r\n",
    "HELO nas\r\nMAIL FROM:<\"a \\\" b\"@acme.example> SMTPUTF8\r\nRCPT TO:<no@in.msp.example>\r\n\
     RCPT TO:<ok@in.msp.example> NOTIFY=NEVER ORCPT=rfc822;a+2Bb\r\nDATA\r\na\r\n.\r\n",
    "EHLO nas\r\nSTARTTLS\r\nAUTH PLAIN =\r\nBDAT 10 LAST\r\nNOOP\r\nRSET\r\nVRFY a\r\nHELP\r\n",
    "EHLO nas\r\nMAIL FROM:<>\r\nRCPT TO:<ok@in.msp.example>\r\nDATA\r\na\n.\nMAIL FROM:<>\r\n",
    "EHLO nas\r\nMAIL FROM:<>\r\nRCPT TO:<ok@in.msp.example>\r\nDATA\r\na\r\n.\n\r\n.\r\n",
    "EHLO nas\r\nMAIL FROM:<>\r\nRCPT TO:<ok@in.msp.example>\r\nDATA\r\na\r.\r\n\r\n.\r\nQUIT\r\n",
    "EHLO [IPv6:2001:db8::1]\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<later@in.msp.example>\r\n",
    "EHLO nas\r\nMAIL FROM:<>\r\nRCPT TO:<ok@in.msp.example>\r\nDATA\r\na\r\n.\r\n\
     MAIL FROM:<>\r\nRCPT TO:<full@in.msp.example>\r\nDATA\r\nb\r\n.\r\nRSET\r\nQUIT\r\n",
];

/// Inputs to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let all = SESSIONS.iter().enumerate();
    all.flat_map(|(place, it)| {
        let pieces = u8::try_from(place).unwrap_or(0);
        [[0, 0], [1, pieces + 1]].map(|head| [&head, it.as_bytes()].concat())
    })
    .collect()
}

/// The lengths of the pieces: everything, single bytes, or as a small generator says.
fn lengths(pieces: u8) -> impl FnMut() -> usize {
    let mut state = u64::from(pieces);
    move || match pieces {
        0 => 0,
        1 => 1,
        _ => {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 64).map_or(1, |it| it + 1)
        }
    }
}

/// What was handed over, and what was said to it.
struct Handed {
    raw: Vec<u8>,
    recipients: usize,
    answers: Vec<Answer>,
}

/// Does what the recipient's name says.
#[derive(Default)]
struct House(Mutex<Vec<Handed>>);

impl Taker for House {
    fn now(&self) -> Moment {
        NOW
    }

    fn recipient(&self, address: &str, _: IpAddr) -> Welcome {
        match address.split(['.', '@', '+']).next() {
            Some("later") => Welcome::Later,
            Some("ok" | "busy" | "bad" | "short") => Welcome::Ours { whose: "acme".into() },
            _ => Welcome::Nobody,
        }
    }

    fn room(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() < 3
    }

    fn take(&self, mail: Mail) -> BoxFuture<'_, Vec<Answer>> {
        let answer = |it: &String| match it.split(['.', '@', '+']).next() {
            Some("ok") => Some(Answer::Taken),
            Some("busy") => Some(Answer::Later("the disk is\r\n250 full".to_owned())),
            Some("bad") => Some(Answer::Never("not for us".to_owned())),
            _ => None,
        };
        // One that gives no answer for somebody gives none for those behind it either.
        let answers: Vec<_> = mail.envelope.recipients.iter().map_while(answer).collect();
        let recipients = mail.envelope.recipients.len();
        let handed = Handed { raw: mail.raw.to_vec(), recipients, answers: answers.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handed);
        async move { answers }.boxed()
    }
}

fn limits(is_tight: bool) -> Limits {
    if !is_tight {
        return Limits::default();
    }
    Limits {
        mail_bytes: 400,
        command_bytes: 120,
        text_line_bytes: 300,
        drained_bytes: 2_000,
        recipients: 3,
        commands: 40,
        errors: 4,
        mails: 3,
        ..Limits::default()
    }
}

/// A session of SMTP.
///
/// # Panics
/// When something does not hold.
pub fn smtp(input: &[u8]) {
    check(false, input);
}

/// A session of LMTP.
///
/// # Panics
/// When something does not hold.
pub fn lmtp(input: &[u8]) {
    check(true, input);
}

fn check(lmtp: bool, input: &[u8]) {
    let Some(([tight, pieces], said)) = input.split_first_chunk::<2>() else { return };
    let limits = limits(tight & 1 == 1);
    let script = Script::cut(said, lengths(*pieces));
    let heard = script.heard();
    let house = Arc::new(House::default());
    let gate = Gate::new(limits.clone());
    let intake = Arc::new(Intake {
        name: "smtp".into(),
        host: "in.msp.example".into(),
        lmtp,
        relays: Vec::new(),
        ..Intake::default()
    });
    let taker: Arc<dyn Taker> = Arc::clone(&house) as Arc<dyn Taker>;
    let peer = IpAddr::from([192, 0, 2, 1]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without sockets can always be made");
    runtime.block_on(converse(Arc::clone(&gate), intake, taker, script, peer));
    let held: Vec<_> =
        gate.readings().into_iter().filter(|it| it.name.contains("flight")).collect();
    assert!(held.iter().all(|it| it.value == 0), "memory is not given back: {held:?}");
    let house = house.0.lock().unwrap_or_else(PoisonError::into_inner);
    let promised = replies(&heard.bytes(), said);
    promises(lmtp, promised, &house);
    for handed in house.iter() {
        assert!(handed.raw.len() <= limits.mail_bytes, "more than is allowed");
        was_said(&handed.raw, said);
    }
}

/// How often it was said that a mail is taken.
fn replies(heard: &[u8], said: &[u8]) -> usize {
    let heard = str::from_utf8(heard).expect("answers are text");
    let commands = said.iter().filter(|it| **it == b'\n').count() + 2;
    assert!(heard.len() <= ANSWER_BYTES * 2 * commands, "more is answered than was asked");
    assert!(heard.is_empty() || heard.ends_with("\r\n"), "half an answer: {heard:?}");
    let mut promised = 0;
    for line in heard.split_terminator("\r\n") {
        let bytes = line.as_bytes();
        let is_code = bytes.len() >= 4 && bytes[..3].iter().all(u8::is_ascii_digit);
        assert!(is_code && matches!(bytes[3], b' ' | b'-'), "no answer: {line:?}");
        assert!((b'2'..=b'5').contains(&bytes[0]) && line.is_ascii(), "no answer: {line:?}");
        assert!(!line.contains(['\r', '\n', '\0']), "two answers in one: {line:?}");
        promised += usize::from(line == "250 2.6.0 taken and kept");
    }
    promised
}

/// As often as a mail was taken, and never else.
fn promises(lmtp: bool, promised: usize, house: &[Handed]) {
    let taken = |it: &Handed| it.answers.iter().filter(|it| **it == Answer::Taken).count();
    let taken: usize = if lmtp {
        house.iter().map(taken).sum()
    } else {
        // Who is told 250 is told so for everybody.
        house.iter().filter(|it| taken(it) == it.recipients).count()
    };
    assert_eq!(promised, taken, "what is promised is what was taken");
}

/// A mail that was handed over stands in what was said: behind `DATA`, and up to the one end that
/// there is. So no other end was taken for it.
fn was_said(raw: &[u8], said: &[u8]) {
    for line in raw.split_inclusive(|it| *it == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("a line ends with both");
        assert!(!text.iter().any(|it| matches!(it, b'\r' | b'\n' | 0)), "a line in a line");
    }
    let mut behind = said.split_inclusive(|it| *it == b'\n');
    let mut found = false;
    while let Some(line) = behind.next() {
        let is_data = line.trim_ascii().eq_ignore_ascii_case(b"DATA");
        found |= is_data && text_of(behind.clone()).as_deref() == Some(raw);
    }
    assert!(found, "a mail that nobody has sent: {}", raw.escape_ascii());
}

/// The text that these lines begin with, if it ends: a dot before anything else is not of it.
fn text_of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    for line in lines {
        if line == b".\r\n" {
            return Some(text);
        }
        text.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_session_is_answered() {
        xtask::corpora::replay("smtp", smtp);
        xtask::corpora::replay("lmtp", lmtp);
    }

    #[test]
    fn a_mail_that_was_not_sent_like_that_is_seen() {
        let said = b"DATA\r\na\r\n..b\r\n.c\r\n.\r\nDATA\r\n\r\nd";
        was_said(b"a\r\n.b\r\nc\r\n", said);
        for raw in [&b"a\r\n"[..], b"a\r\n.b\r\n", b".b\r\nc\r\n", b"a\r\n.b\r\n.c\r\n", b"\r\n"] {
            let seen = std::panic::catch_unwind(|| was_said(raw, said));
            assert!(seen.is_err(), "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn the_sessions_to_begin_with_hold() {
        for input in seeds() {
            smtp(&input);
            lmtp(&input);
        }
    }
}
