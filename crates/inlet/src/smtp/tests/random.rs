//! Whatever comes: the session ends, every answer is one, and what is taken was promised.

use proptest::prelude::*;

use super::smuggling::play;
use crate::smtp::Limits;

/// Parts of sessions, good and bad, and bytes.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "EHLO nas\r\n",
        "HELO nas\r\n",
        "LHLO nas\r\n",
        "MAIL FROM:<>\r\n",
        "MAIL FROM:<nas@acme.example> SIZE=300\r\n",
        "MAIL FROM:<\"a \\\" b\"@acme.example> BODY=8BITMIME SMTPUTF8\r\n",
        "RCPT TO:<ok@in.msp.example>\r\n",
        "RCPT TO:<busy@in.msp.example>\r\n",
        "RCPT TO:<boom@in.msp.example> NOTIFY=NEVER ORCPT=rfc822;a+2Bb\r\n",
        "RCPT TO:<no@in.msp.example>\r\n",
        "DATA\r\n",
        "RSET\r\n",
        "QUIT\r\n",
        "STARTTLS\r\n",
        "AUTH PLAIN =\r\n",
        "BDAT 10 LAST\r\n",
        "NOOP\r\n",
        "Subject: backup\r\n",
        "\r\n",
        ".",
        ".\r\n",
        "\r\n.\r\n",
        "\n",
        "\r",
        "<",
        ">",
        "\"",
        "\\",
    ]);
    prop_oneof![
        12 => known.prop_map(|it| it.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => "[ -~]{0,60}\r\n".prop_map(String::into_bytes),
        1 => (1_usize..900).prop_map(|it| vec![b'x'; it]),
    ]
}

fn check(lmtp: bool, pieces: Vec<Vec<u8>>) -> Result<(), TestCaseError> {
    let limits = Limits {
        mail_bytes: 400,
        text_line_bytes: 300,
        drained_bytes: 2_000,
        recipients: 3,
        commands: 40,
        errors: 4,
        ..Limits::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (heard, kept) = runtime.block_on(play(&limits, lmtp, pieces));
    let mut promised = 0;
    for line in heard.split_terminator("\r\n") {
        prop_assert!(line.len() >= 4 && line.is_ascii(), "{line:?}");
        prop_assert!(line.as_bytes()[..3].iter().all(u8::is_ascii_digit), "{line:?}");
        prop_assert!(matches!(line.as_bytes()[3], b' ' | b'-'), "{line:?}");
        promised += usize::from(line == "250 2.6.0 taken and kept");
    }
    prop_assert!(heard.is_empty() || heard.ends_with("\r\n"));
    let taken = |address: &String| address.starts_with("ok");
    let kept_for: usize =
        kept.iter().map(|it| it.envelope.recipients.iter().filter(|it| taken(it)).count()).sum();
    if lmtp {
        prop_assert_eq!(promised, kept_for);
    } else {
        prop_assert!(promised <= kept.len(), "a promise that nobody keeps: {}", heard);
    }
    for mail in kept {
        let rest = mail.raw.replace("\r\n", "");
        prop_assert!(!rest.contains(['\r', '\n', '\0']), "{:?}", mail.raw);
        prop_assert!(mail.raw.is_empty() || mail.raw.ends_with("\r\n"), "{:?}", mail.raw);
        prop_assert!(mail.raw.len() <= 400 * 3, "lossy text has at most three times the bytes");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_session_of_anything_ends(
        lmtp: bool,
        pieces in proptest::collection::vec(part(), 0..30),
    ) {
        check(lmtp, pieces)?;
    }

    #[test]
    fn a_session_that_begins_well_ends_whatever_follows(
        lmtp: bool,
        text in proptest::collection::vec(part(), 0..12),
        behind in proptest::collection::vec(part(), 0..12),
    ) {
        let hello = if lmtp { "LHLO nas\r\n" } else { "EHLO nas\r\n" };
        let envelope = ["MAIL FROM:<>\r\n", "RCPT TO:<ok@in.msp.example>\r\n", "DATA\r\n"];
        let mut pieces = vec![hello.as_bytes().to_vec()];
        pieces.extend(envelope.iter().map(|it| it.as_bytes().to_vec()));
        pieces.extend(text);
        pieces.push(b"\r\n.\r\n".to_vec());
        pieces.extend(behind);
        check(lmtp, pieces)?;
    }
}
