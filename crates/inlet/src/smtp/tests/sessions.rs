//! What a session says, command by command.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use tokio::{net::UnixStream, sync::watch};

use super::{
    client::{Client, within},
    house::{House, NOW, Running, intake},
};
use crate::smtp::{Gate, Intake, Limits, Listener, Refusal, Taker, Times, serve};

const MAIL: &str = "Subject: backup\r\n\r\n.all is well\r\n..\r\n";

#[tokio::test]
async fn a_mail_is_handed_on_as_it_was_sent() {
    let server = Running::smtp();
    let mut client = server.client().await;
    let hello = client.say("EHLO nas.acme.example").await;
    let wanted = [
        "250-in.msp.example",
        "250-SIZE 36700160",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-PIPELINING",
        "250 ENHANCEDSTATUSCODES",
    ];
    assert_eq!(hello, wanted.join("\n"));
    client.expect("MAIL FROM:<nas@acme.example> SIZE=100 BODY=8BITMIME", "250 2.1.0").await;
    client.expect("RCPT TO:<ok.acme@in.msp.example>", "250 2.1.5").await;
    client.expect("RCPT TO:<nobody@in.msp.example>", "550 5.1.1").await;
    client.expect("RCPT TO:<ok@other.example>", "550 5.1.1").await;
    client.expect("RCPT TO:<OK.two@in.msp.example>", "550").await;
    client.expect("rcpt to:<ok.bolt@in.msp.example>", "250 2.1.5").await;
    client.expect("DATA", "354").await;
    client.send("Subject: backup\r\n\r\n..all is well\r\n...\r\n.\r\n").await;
    assert_eq!(client.reply().await, "250 2.6.0 taken and kept");
    client.expect("QUIT", "221").await;
    assert_eq!(client.rest().await, "");

    let kept = server.house.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].raw, MAIL);
    assert!(!kept[0].secure);
    let envelope = &kept[0].envelope;
    assert_eq!(envelope.sender.as_deref(), Some("nas@acme.example"));
    assert_eq!(envelope.recipients, ["ok.acme@in.msp.example", "ok.bolt@in.msp.example"]);
    assert_eq!(envelope.helo, "nas.acme.example");
    assert_eq!(envelope.peer.unwrap().to_string(), "127.0.0.1");
    assert_eq!((&*envelope.intake, envelope.at), ("smtp", NOW));
    assert_eq!(server.gate.counters().taken(), 1);
    assert_eq!(server.gate.counters().refused(Refusal::Nobody), 3);
}

#[tokio::test]
async fn several_mails_go_over_one_connection_in_whatever_groups() {
    let server = Running::smtp();
    let mut client = server.client().await;
    client.expect("EHLO nas.acme.example", "250").await;
    let envelope = "MAIL FROM:<>\r\nRCPT TO:<ok@in.msp.example>\r\n";
    client.send(format!("{envelope}RCPT TO:<no@in.msp.example>\r\nDATA\r\n")).await;
    for begin in ["250 2.1.0", "250 2.1.5", "550", "354"] {
        assert!(client.reply().await.starts_with(begin));
    }
    // What follows a text may come together with it.
    client.send(format!("one\r\n.\r\nNOOP\r\n{envelope}DATA\r\n")).await;
    for begin in ["250 2.6.0", "250 2.0.0", "250 2.1.0", "250 2.1.5", "354"] {
        assert!(client.reply().await.starts_with(begin));
    }
    client.send("two\r\n.\r\nQUIT\r\n").await;
    assert!(client.reply().await.starts_with("250 2.6.0"));
    assert!(client.reply().await.starts_with("221"));
    assert_eq!(server.house.texts(), ["one\r\n", "two\r\n"]);
    assert_eq!(server.house.kept()[0].envelope.sender.as_deref(), Some(""));
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    let server = Running::lmtp();
    let mut client = server.client().await;
    client.expect("EHLO mx.msp.example", "500").await;
    client.expect("HELO mx.msp.example", "500").await;
    assert!(client.say("LHLO mx.msp.example").await.contains("\n250-PIPELINING\n"));
    client.expect("MAIL FROM:<nas@acme.example>", "250").await;
    for recipient in ["ok.acme", "busy", "bad", "ok.bolt"] {
        client.expect(&format!("RCPT TO:<{recipient}@in.msp.example>"), "250").await;
    }
    client.expect("RCPT TO:<no@in.msp.example>", "550").await;
    let mut answers = vec![client.text("one").await];
    for _ in 0..3 {
        answers.push(client.reply().await);
    }
    let wanted = [
        "250 2.6.0 taken and kept",
        "451 4.3.0 the disk is250 full",
        "554 5.6.0 not for us",
        "250 2.6.0 taken and kept",
    ];
    assert_eq!(answers, wanted);
    client.expect("NOOP", "250").await;
    assert_eq!(server.house.kept().len(), 1);
    assert_eq!(server.gate.counters().taken(), 2);
}

#[tokio::test]
async fn lmtp_refuses_a_text_for_each_recipient() {
    let limits = Limits { mail_bytes: 1000, ..Limits::default() };
    let server = Running::start(limits, Intake { lmtp: true, ..intake() });
    let mut client = server.client().await;
    client.expect("LHLO mx.msp.example", "250").await;
    client.expect("MAIL FROM:<>", "250").await;
    client.expect("RCPT TO:<ok.acme@in.msp.example>", "250").await;
    client.expect("RCPT TO:<ok.bolt@in.msp.example>", "250").await;
    assert!(client.text(&super::client::lines_of(2000)).await.starts_with("552"));
    assert!(client.reply().await.starts_with("552"));
    client.expect("NOOP", "250").await;
    client.expect("DATA", "503").await;
    assert!(server.house.kept().is_empty());
}

#[tokio::test]
async fn smtp_has_one_answer_and_it_is_the_worst() {
    let server = Running::smtp();
    for (recipients, begin) in [
        (&["ok", "ok.acme"][..], "250 2.6.0"),
        (&["ok", "bad"], "554 5.6.0 not for us"),
        (&["bad", "busy", "ok"], "451 4.3.0 the disk is250 full"),
        (&["short"], "451 4.3.0"),
    ] {
        let reply = server.addressed(recipients).await.text("one").await;
        assert!(reply.starts_with(begin), "{recipients:?}: {reply}");
    }
}

#[tokio::test]
async fn a_taker_that_panics_or_hangs_has_taken_nothing() {
    let times = Times { take: std::time::Duration::from_millis(20), ..Times::default() };
    let server = Running::start(Limits { times, ..Limits::default() }, intake());
    for recipient in ["boom", "hang"] {
        let mut client = server.addressed(&[recipient]).await;
        assert!(client.text("one").await.starts_with("451 4.3.0"), "{recipient}");
        client.expect("NOOP", "250").await;
        assert_eq!(server.gate.budget.taken(), (0, 0), "its memory is given back");
    }
    // Where there is nobody to answer any more, the line is closed, and the others go on.
    let mut client = server.addressed(&[]).await;
    client.send("RCPT TO:<panic@in.msp.example>\r\n").await;
    assert_eq!(client.rest().await, "");
    let reply = server.addressed(&["ok"]).await.text("one").await;
    assert!(reply.starts_with("250"));
    assert_eq!(server.house.texts().len(), 1);
}

#[tokio::test]
async fn commands_come_in_their_order() {
    let server = Running::smtp();
    let mut client = server.client().await;
    for line in ["MAIL FROM:<>", "RCPT TO:<ok@in.msp.example>", "DATA"] {
        client.expect(line, "503 5.5.1").await;
    }
    client.expect("HELO nas", "250 in.msp.example").await;
    client.expect("RCPT TO:<ok@in.msp.example>", "503").await;
    client.expect("MAIL FROM:<>", "250").await;
    client.expect("MAIL FROM:<>", "503").await;
    client.expect("DATA", "503").await;
    client.expect("RCPT TO:<ok@in.msp.example>", "250").await;
    client.expect("RSET", "250").await;
    client.expect("DATA", "503").await;
    client.expect("MAIL FROM:<>", "250").await;
    client.expect("EHLO nas", "250").await;
    client.expect("RCPT TO:<ok@in.msp.example>", "503").await;
}

#[tokio::test]
async fn what_is_not_done_here_is_said_and_nothing_is_said_back() {
    let server = Running::start(Limits { errors: 100, ..Limits::default() }, intake());
    let mut client = server.client().await;
    client.expect("EHLO se\u{7f}cret<script>", "250").await;
    for (line, begin) in [
        ("AUTH PLAIN AHNlY3JldABzZWNyZXQ=", "502 5.5.1 AUTH is not offered"),
        ("AUTH LOGIN", "502"),
        ("VRFY secret", "502"),
        ("EXPN secret", "502"),
        ("ETRN secret.example", "502"),
        ("ATRN secret.example", "502"),
        ("STARTTLS", "502"),
        ("XCLIENT ADDR=192.0.2.1", "500"),
        ("XFORWARD ADDR=192.0.2.1", "500"),
        ("TURN", "500"),
        ("secret", "500"),
        ("", "500"),
        ("HELP secret", "214"),
        ("NOOP secret", "250"),
        ("DATA secret", "501"),
        ("RSET secret", "501"),
        ("MAIL secret", "501"),
        ("MAIL FROM:secret@acme.example", "501"),
        ("MAIL FROM:<secret@acme.example> SECRET=1", "555"),
        ("MAIL FROM:<secret@acme.example> BODY=BINARYMIME", "555"),
        ("MAIL FROM:<secret@acme.example> REQUIRETLS", "555"),
        ("MAIL FROM:<secret@acme.example> SIZE=secret", "501"),
        ("MAIL FROM:<secret>", "553"),
        ("MAIL FROM:<\u{e9}@acme.example>", "553 5.6.7"),
        ("MAIL FROM:<secret@acme.example> RET=FULL ENVID=secret", "250"),
        ("RCPT TO:<>", "550"),
        ("RCPT TO:<Postmaster>", "550"),
        ("RCPT TO:<secret@in.msp.example>", "550"),
        ("RCPT TO:<\"a\u{1}b\"@in.msp.example>", "553"),
        ("RCPT TO:<\u{e9}@in.msp.example>", "553"),
        ("RCPT TO:<later@in.msp.example>", "451"),
        ("RCPT TO:<@secret.example:ok@in.msp.example>", "250"),
    ] {
        let reply = client.say(line).await;
        assert!(reply.starts_with(begin), "{line:?}: {reply:?}");
        assert!(!reply.to_lowercase().contains("secret") || line.starts_with("AUTH"), "{reply:?}");
        assert!(!reply.contains("script"), "{reply:?}");
    }
    assert!(client.text("one").await.starts_with("250"));
    let envelope = &server.house.kept()[0].envelope;
    assert_eq!(envelope.helo, "se?cret?script?");
    assert_eq!(envelope.recipients, ["ok@in.msp.example"]);
}

#[tokio::test]
async fn an_address_of_another_script_needs_to_be_announced() {
    let server = Running::smtp();
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    client.expect("MAIL FROM:<se\u{f1}or@acme.example> SMTPUTF8 BODY=8BITMIME", "250").await;
    client.expect("RCPT TO:<ok.se\u{f1}or@in.msp.example>", "250").await;
    assert!(client.text("se\u{f1}or").await.starts_with("250"));
    assert_eq!(server.house.texts(), ["se\u{f1}or\r\n"]);
}

#[tokio::test]
async fn what_would_be_read_as_commands_is_not_waited_for() {
    let server = Running::smtp();
    for (line, begin) in [
        ("BDAT 12 LAST\r\nMAIL FROM:<>\r\n", "502"),
        ("GET / HTTP/1.1\r\nHost: in.msp.example\r\n\r\n", "500"),
        ("DATA\r\nearly\r\n.\r\n", "554 5.5.0"),
        ("EHLO again\r\nNOOP\r\n", "554 5.5.0"),
    ] {
        let mut client = server.addressed(&["ok"]).await;
        client.send(line).await;
        let rest = client.rest().await;
        assert!(rest.starts_with(begin), "{line:?}: {rest:?}");
        assert_eq!(rest.lines().count(), 1, "{line:?}: {rest:?}");
    }
    assert!(server.house.kept().is_empty());
    assert_eq!(server.gate.counters().refused(Refusal::Early), 2);
}

#[tokio::test]
async fn without_room_the_sender_keeps_its_mail() {
    let server = Running::smtp();
    let mut client = server.addressed(&["ok"]).await;
    server.house.full.store(true, SeqCst);
    client.expect("DATA", "452 4.3.1").await;
    client.expect("RSET", "250").await;
    client.expect("MAIL FROM:<>", "452 4.3.1").await;
    assert!(server.house.kept().is_empty());
    assert_eq!(server.gate.counters().refused(Refusal::Room), 2);
    server.house.full.store(false, SeqCst);
    assert!(client.mail("ok", 100).await.starts_with("250"));
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_is_under_way() {
    let server = Running::smtp();
    let mut idle = server.client().await;
    let mut begun = server.addressed(&["ok"]).await;
    let mut sending = server.addressed(&["ok"]).await;
    sending.expect("DATA", "354").await;
    sending.send("half of ").await;
    let mut taking = server.addressed(&["wait"]).await;
    taking.expect("DATA", "354").await;
    taking.send("taken\r\n.\r\n").await;
    within(server.house.asked.notified()).await;

    server.stop.send_replace(true);
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    assert!(begun.reply().await.starts_with("421 4.3.2"));
    sending.send("a mail\r\n.\r\n").await;
    assert!(sending.reply().await.starts_with("250"));
    assert!(sending.reply().await.starts_with("421"));
    server.house.go.notify_one();
    assert!(taking.reply().await.starts_with("250"));
    assert!(taking.reply().await.starts_with("421"));
    drop((idle, begun, sending, taking));
    assert_eq!(server.house.texts(), ["half of a mail\r\n", "taken\r\n"]);
    server.ended().await;
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_ever() {
    let times = Times { drain: std::time::Duration::from_millis(20), ..Times::default() };
    let server = Running::start(Limits { times, ..Limits::default() }, intake());
    let mut client = server.addressed(&["hang"]).await;
    client.expect("DATA", "354").await;
    client.send("never\r\n.\r\n").await;
    server.stop.send_replace(true);
    assert_eq!(client.rest().await, "", "nothing was promised");
    let gate = std::sync::Arc::clone(&server.gate);
    server.ended().await;
    assert_eq!((gate.budget.taken(), gate.crowd.connections()), ((0, 0), 0));
}

#[tokio::test]
async fn lmtp_comes_by_a_socket_too_which_is_gone_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp");
    // One that was left by a server that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let place = format!("unix:{}", path.display());
    let listener = Listener::open(&place).unwrap();
    assert_eq!(listener.place(), path.display().to_string());
    let error = Listener::open(&place).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse, "where somebody listens is no place");
    let house = Arc::new(House::default());
    let taker: Arc<dyn Taker> = Arc::clone(&house) as Arc<dyn Taker>;
    let (stop, stopping) = watch::channel(false);
    let intake = Arc::new(Intake { lmtp: true, ..intake() });
    let gate = Gate::new(Limits::default());
    let server = tokio::spawn(serve(gate, listener, intake, taker, stopping));
    let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
    assert!(client.reply().await.starts_with("220 in.msp.example LMTP"));
    client.expect("LHLO mx", "250").await;
    client.expect("MAIL FROM:<>", "250").await;
    client.expect("RCPT TO:<ok@in.msp.example>", "250").await;
    assert!(client.text("all is well").await.starts_with("250"));
    let kept = house.kept();
    assert_eq!(kept[0].envelope.peer, Some("127.0.0.1".parse().unwrap()));
    client.expect("QUIT", "221").await;
    stop.send_replace(true);
    within(server).await.unwrap();
    assert!(!path.exists());
    // A file that is no socket is left alone.
    std::fs::write(&path, "a file").unwrap();
    Listener::open(&place).unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file");
}
