//! Each limit, from both sides.

use std::time::Duration;

use super::{
    client::{Client, lines_of, within},
    house::{Running, intake},
};
use crate::{
    Net,
    smtp::{Intake, Limits, Refusal, Times},
};

const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_mail_has_a_size() {
    let limits = Limits { mail_bytes: 1000, drained_bytes: 50_000, ..Limits::default() };
    let server = Running::start(limits, intake());
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    client.expect("MAIL FROM:<> SIZE=1001", "552 5.3.4").await;
    client.expect("MAIL FROM:<> SIZE=99999999999999999999999999999999", "552").await;
    client.expect("MAIL FROM:<> SIZE=1000", "250").await;
    client.expect("RSET", "250").await;
    // With the end of its last line it has two bytes more.
    assert!(client.mail("ok", 998).await.starts_with("250"));
    assert!(client.mail("ok", 999).await.starts_with("552 5.3.4"));
    assert!(client.mail("ok", 40_000).await.starts_with("552"), "it is read to its end");
    assert!(client.mail("ok", 10).await.starts_with("250"));
    assert_eq!(server.gate.budget.taken(), (0, 0));
    client.expect("MAIL FROM:<>", "250").await;
    client.expect("RCPT TO:<ok@in.msp.example>", "250").await;
    client.expect("DATA", "354").await;
    client.try_send(lines_of(200_000)).await;
    let rest = client.rest().await;
    assert!(rest.is_empty() || rest.starts_with("552"), "{rest:?}");
    assert_eq!(server.house.texts().len(), 2);
    assert_eq!(server.gate.counters().refused(Refusal::Size), 5);
}

#[tokio::test]
async fn lines_have_a_length() {
    let limits = Limits { text_line_bytes: 100, ..Limits::default() };
    let bytes = limits.command_bytes;
    let server = Running::start(limits, intake());
    let mut client = server.addressed(&["ok"]).await;
    assert!(client.text(&"x".repeat(98)).await.starts_with("250"));
    client.address(&["ok"]).await;
    let reply = client.text(&format!("a\r\n{}\r\nb", "x".repeat(99))).await;
    assert!(reply.starts_with("554 5.6.0"), "{reply}");
    assert_eq!(server.house.texts().len(), 1);
    client.expect(&format!("NOOP {}", "x".repeat(bytes - 7)), "250").await;
    client.send(format!("NOOP {}\r\n", "x".repeat(bytes - 6))).await;
    assert!(client.rest().await.starts_with("500 5.5.2"));
    // It is not waited for the end of what is too long already.
    let mut client = server.client().await;
    client.send("x".repeat(bytes)).await;
    assert!(client.rest().await.starts_with("500 5.5.2"));
    assert_eq!(server.gate.counters().refused(Refusal::Line), 3);
}

#[tokio::test]
async fn a_mail_has_so_many_recipients() {
    let server = Running::start(Limits { recipients: 2, ..Limits::default() }, intake());
    let mut client = server.addressed(&["ok.acme", "ok.bolt"]).await;
    client.expect("RCPT TO:<ok.cove@in.msp.example>", "452 4.5.3").await;
    assert!(client.text("one").await.starts_with("250"));
    assert_eq!(server.house.kept()[0].envelope.recipients.len(), 2);
    assert_eq!(server.gate.counters().refused(Refusal::Recipients), 1);
}

#[tokio::test]
async fn a_session_has_so_many_errors_commands_and_mails() {
    let limits = Limits { errors: 2, commands: 20, mails: 2, ..Limits::default() };
    let server = Running::start(limits, intake());
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    client.expect("X", "500").await;
    client.expect("X", "500").await;
    client.expect("X", "421 4.7.0 too many errors").await;
    assert_eq!(client.rest().await, "");

    let mut client = server.client().await;
    for _ in 0..20 {
        client.expect("NOOP", "250").await;
    }
    client.expect("NOOP", "421 4.7.0 too many commands").await;
    assert_eq!(client.rest().await, "");

    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    assert!(client.mail("ok", 10).await.starts_with("250"));
    assert!(client.mail("ok", 10).await.starts_with("250"));
    client.expect("MAIL FROM:<>", "421 4.7.0 too many mails").await;
    assert_eq!(client.rest().await, "");
    assert_eq!(server.gate.counters().refused(Refusal::Session), 3);
}

#[tokio::test]
async fn a_relay_is_not_blamed_for_addresses_that_others_have_got_wrong() {
    let relays = vec![Net::parse("127.0.0.1").unwrap()];
    let limits = Limits { errors: 2, ..Limits::default() };
    let server = Running::start(limits, Intake { relays: relays.clone(), ..intake() });
    let mut client = server.addressed(&[]).await;
    for _ in 0..10 {
        client.expect("RCPT TO:<no@in.msp.example>", "550").await;
    }
    client.expect("RCPT TO:<ok@in.msp.example>", "250").await;
    assert!(client.text("one").await.starts_with("250"));
    assert_eq!(server.house.kept()[0].envelope.relays, relays);
    let mut stranger = server.client_from([127, 0, 0, 2]).await;
    stranger.address(&[]).await;
    stranger.expect("RCPT TO:<no@in.msp.example>", "550").await;
    stranger.expect("RCPT TO:<no@in.msp.example>", "550").await;
    stranger.expect("RCPT TO:<no@in.msp.example>", "421").await;
}

#[tokio::test]
async fn there_are_so_many_connections() {
    let limits = Limits {
        connections: 5,
        strangers: 3,
        peer_connections: 2,
        relay_connections: 3,
        ..Limits::default()
    };
    let relays = vec![Net::parse("127.0.0.9").unwrap()];
    let server = Running::start(limits, Intake { relays, ..intake() });
    let first = server.client().await;
    let _second = server.client().await;
    let mut third = Client::connect(server.address, [127, 0, 0, 1]).await;
    assert!(third.rest().await.starts_with("421 4.7.0"));
    let _other = server.client_from([127, 0, 0, 2]).await;
    let mut fourth = Client::connect(server.address, [127, 0, 0, 3]).await;
    assert!(fourth.rest().await.starts_with("421 4.3.2"));
    // Places that strangers cannot take.
    let mut relay = server.client_from([127, 0, 0, 9]).await;
    relay.address(&["ok"]).await;
    assert!(relay.text("one").await.starts_with("250"));
    assert_eq!(server.gate.counters().refused(Refusal::PeerConnections), 1);
    assert_eq!(server.gate.counters().refused(Refusal::Connections), 1);
    drop(first);
    // The server notices in its own time.
    let mut again = loop {
        let mut client = Client::connect(server.address, [127, 0, 0, 1]).await;
        if client.reply().await.starts_with("220") {
            break client;
        }
    };
    again.expect("NOOP", "250").await;
}

#[tokio::test]
async fn a_peer_and_a_customer_have_so_many_mails_a_minute() {
    let limits = Limits { peer_mails_a_minute: 3, customer_mails_a_minute: 2, ..Limits::default() };
    let server = Running::start(limits, intake());
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    assert!(client.mail("ok.acme", 10).await.starts_with("250"));
    assert!(client.mail("ok.acme", 10).await.starts_with("250"));
    client.expect("MAIL FROM:<>", "250").await;
    client.expect("RCPT TO:<ok.acme@in.msp.example>", "450 4.7.1").await;
    client.expect("RCPT TO:<ok.bolt@in.msp.example>", "250").await;
    assert!(client.text("one").await.starts_with("250"));
    client.expect("MAIL FROM:<>", "450 4.7.1").await;
    // Nobody else has to wait for that.
    let mut other = server.client_from([127, 0, 0, 2]).await;
    other.expect("EHLO nas", "250").await;
    assert!(other.mail("ok.cove", 10).await.starts_with("250"));
    assert_eq!(server.gate.counters().refused(Refusal::PeerRate), 1);
    assert_eq!(server.gate.counters().refused(Refusal::CustomerRate), 1);
}

#[tokio::test]
async fn mails_whose_customer_nobody_knows_yet_do_not_wait_for_each_other() {
    let server =
        Running::start(Limits { customer_mails_a_minute: 1, ..Limits::default() }, intake());
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    for _ in 0..3 {
        assert!(client.mail("ok", 10).await.starts_with("250"));
    }
    assert!(client.mail("ok.acme", 10).await.starts_with("250"));
    client.expect("MAIL FROM:<>", "250").await;
    client.expect("RCPT TO:<ok.acme@in.msp.example>", "450 4.7.1").await;
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let times = Times { command: SHORT, ..Times::default() };
    let server = Running::start(Limits { times, ..Limits::default() }, intake());
    let mut client = server.client().await;
    assert!(client.rest().await.starts_with("421 4.4.2"));
    // A byte now and then is no command.
    let mut client = server.client().await;
    while client.try_send("N").await && server.gate.counters().refused(Refusal::Idle) < 2 {
        tokio::time::sleep(SHORT / 20).await;
    }
    let rest = client.rest().await;
    assert!(rest.is_empty() || rest.starts_with("421 4.4.2") || rest.starts_with("500"), "{rest}");
    assert_eq!(server.gate.counters().refused(Refusal::Idle), 2);
}

#[tokio::test]
async fn in_a_crowd_nobody_may_stand_about() {
    let times = Times { command_crowded: SHORT, ..Times::default() };
    let limits = Limits { connections: 4, strangers: 4, times, ..Limits::default() };
    let server = Running::start(limits, intake());
    let mut early = [server.client().await, server.client().await];
    let mut late = server.client().await;
    assert!(late.rest().await.starts_with("421 4.4.2"));
    early[0].expect("NOOP", "250").await;
}

#[tokio::test]
async fn a_session_ends_between_mails_and_not_within_one() {
    let times = Times { session: Duration::ZERO, ..Times::default() };
    let server = Running::start(Limits { times, ..Limits::default() }, intake());
    let mut client = server.client().await;
    assert!(client.rest().await.starts_with("421 4.4.2"));
}

#[tokio::test]
async fn a_text_that_trickles_is_not_waited_for() {
    for times in [
        Times { progress: SHORT, progress_bytes: 10, ..Times::default() },
        Times { text: SHORT, ..Times::default() },
    ] {
        let server = Running::start(Limits { times, ..Limits::default() }, intake());
        let mut client = server.addressed(&["ok"]).await;
        client.expect("DATA", "354").await;
        client.send("slow").await;
        assert!(client.rest().await.starts_with("421 4.4.2 the mail comes too slowly"));
        assert_eq!(server.gate.counters().refused(Refusal::Slow), 1);
        assert!(server.house.kept().is_empty());
    }
}

#[tokio::test]
async fn who_vanishes_within_a_mail_leaves_nothing_behind() {
    let server = Running::smtp();
    let mut client = server.addressed(&["ok"]).await;
    client.expect("DATA", "354").await;
    client.send("half\r\n.").await;
    drop(client);
    server.stop.send_replace(true);
    let (gate, house) = (server.gate.clone(), server.house.clone());
    within(server.ended()).await;
    assert!(house.kept().is_empty());
    assert_eq!((gate.budget.taken(), gate.crowd.connections()), ((0, 0), 0));
}
