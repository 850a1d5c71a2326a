//! The memory of mails in flight: who has to wait for whom, and who does not.

use std::time::Duration;

use super::{
    client::{Client, lines_of, within},
    house::{Running, intake},
};
use crate::smtp::{Flight, Limits, Quota, Refusal};

const BIG: usize = 200_000;

/// Room for two big mails in all, for one of a peer or customer, and for small ones beside them.
fn limits(wait: Duration) -> Limits {
    let flight = Flight {
        // What is known of a mail of unknown size until it is big.
        small_bytes: 70_000,
        total: Quota { all: 800_000, big: 500_000 },
        peer: Quota { all: 500_000, big: 300_000 },
        relay: Quota { all: 800_000, big: 500_000 },
        customer: Quota { all: 500_000, big: 300_000 },
        wait,
    };
    Limits { mail_bytes: 250_000, flight, ..Limits::default() }
}

/// A mail that is under way until the taker lets it go.
async fn held(server: &Running, from: [u8; 4], recipient: &str) -> Client {
    let mut client = server.client_from(from).await;
    client.expect("EHLO nas", "250").await;
    client.expect(&format!("MAIL FROM:<> SIZE={BIG}"), "250").await;
    client.expect(&format!("RCPT TO:<{recipient}@in.msp.example>"), "250").await;
    client.expect("DATA", "354").await;
    client.send(format!("{}\r\n.\r\n", lines_of(BIG))).await;
    within(server.house.asked.notified()).await;
    client
}

async fn sends(server: &Running, from: [u8; 4], recipient: &str, bytes: usize) -> String {
    let mut client = server.client_from(from).await;
    client.expect("EHLO nas", "250").await;
    client.mail(recipient, bytes).await
}

#[tokio::test]
async fn one_flood_delays_no_other() {
    let server = Running::start(limits(Duration::ZERO), intake());
    let mut first = held(&server, [127, 0, 0, 1], "wait.acme").await;
    // The same peer, and the same customer by another one, have to come again; small ones go.
    for (from, recipient) in [([127, 0, 0, 1], "ok.bolt"), ([127, 0, 0, 2], "ok.acme")] {
        assert!(sends(&server, from, recipient, BIG).await.starts_with("452 4.3.1"));
        assert!(sends(&server, from, recipient, 1000).await.starts_with("250"));
    }
    assert!(sends(&server, [127, 0, 0, 2], "ok.bolt", BIG).await.starts_with("250"));
    let mut second = held(&server, [127, 0, 0, 2], "wait.bolt").await;
    // Two big ones are all there is; what is small has a reserve.
    assert!(sends(&server, [127, 0, 0, 3], "ok.cove", BIG).await.starts_with("452"));
    assert!(sends(&server, [127, 0, 0, 3], "ok.cove", 1000).await.starts_with("250"));
    assert_eq!(server.gate.counters().refused(Refusal::Memory), 3);
    for client in [&mut first, &mut second] {
        server.house.go.notify_one();
        assert!(client.reply().await.starts_with("250"));
    }
    assert!(sends(&server, [127, 0, 0, 1], "ok.acme", BIG).await.starts_with("250"));
    assert_eq!(server.gate.budget.taken(), (0, 0));
}

#[tokio::test]
async fn a_size_that_is_said_is_waited_for_before_the_mail_begins() {
    let server = Running::start(limits(Duration::ZERO), intake());
    let _held = held(&server, [127, 0, 0, 1], "wait.acme").await;
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    client.expect(&format!("MAIL FROM:<> SIZE={BIG}"), "250").await;
    client.expect("RCPT TO:<ok.bolt@in.msp.example>", "250").await;
    client.expect("DATA", "452 4.3.1").await;
    client.expect("NOOP", "250").await;
}

#[tokio::test]
async fn who_waits_for_memory_goes_on_when_it_is_there() {
    let server = Running::start(limits(Duration::from_secs(3600)), intake());
    let mut first = held(&server, [127, 0, 0, 1], "wait.acme").await;
    let mut second = server.client().await;
    second.address(&["ok.bolt"]).await;
    second.expect("DATA", "354").await;
    second.send(format!("{}\r\n.\r\n", lines_of(BIG))).await;
    server.house.go.notify_one();
    assert!(first.reply().await.starts_with("250"));
    assert!(second.reply().await.starts_with("250"));
    assert_eq!(server.house.texts()[1].len(), BIG + 2);
    assert_eq!(server.gate.budget.taken(), (0, 0));
}

#[tokio::test]
async fn what_is_counted_is_told() {
    let server = Running::smtp();
    let held = server.addressed(&["ok"]).await;
    assert!(sends(&server, [127, 0, 0, 1], "ok", 998).await.starts_with("250"));
    let readings = server.gate.readings();
    let value = |name: &str, label: Option<&str>| {
        let of = |it: &&crate::smtp::Reading| it.name == name && it.label.map(|it| it.1) == label;
        readings.iter().find(of).unwrap().value
    };
    assert_eq!(value("campanile_inlet_connections", None), 2);
    assert_eq!(value("campanile_inlet_mails", Some("taken")), 1);
    assert_eq!(value("campanile_inlet_received_bytes", None), 1000);
    assert_eq!(value("campanile_inlet_flight_bytes", None), 0);
    assert_eq!(value("campanile_inlet_refused", Some("size")), 0);
    for reading in &readings {
        assert!(reading.name.starts_with("campanile_inlet_"), "{reading:?}");
        assert!(!reading.help.ends_with('.') && !reading.help.is_empty(), "{reading:?}");
    }
    drop(held);
}
