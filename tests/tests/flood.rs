//! A flood of mails against the real binary, with bombs among them: whatever it has said it keeps
//! is in the ledger, once and for the right job; no bomb is good news; and its memory is bounded.
//! `cargo xtask bench mails` is the same for a minute in release mode, with figures.

#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code; a panic is how a test reports"
)]

use tests::{
    Bomb, Fate, Flood, Ledger, Lost, MailEstate, MailLine, Sent, peak_bytes, resident_bytes,
};

/// What the intake may take of memory beyond what the engine has without it.
const MEMORY_BYTES_MAX: u64 = 256 << 20;

fn flood(mails: usize, name: &str) -> Flood {
    Flood {
        mails,
        a_second: 0,
        relays: 3,
        lines: 8,
        devices: 6,
        bombs: true,
        name: name.to_owned(),
    }
}

fn of(sent: &[Sent], bomb: Bomb) -> impl Iterator<Item = &Sent> {
    sent.iter().filter(move |it| it.bomb == Some(bomb))
}

#[test]
fn whatever_is_taken_in_a_flood_is_in_the_ledger_once_and_no_bomb_is_good_news() {
    let estate = MailEstate { customers: 20, jobs: 5 };
    let mut engine = estate.start();
    let (api, door) = (engine.api(), MailEstate::door(&engine));
    let addresses = estate.addresses(&api);
    let pid = engine.process().pid();
    let idle = resident_bytes(pid);
    let flood = flood(1_000, "first");
    let (sent, _) = flood.run(door, &addresses);
    let peak = peak_bytes(pid).saturating_sub(idle);
    assert_eq!(sent.len(), 1_000);
    for it in sent.iter().filter(|it| it.bomb.is_none()) {
        assert_eq!(it.fate, Fate::Taken, "{it:?}");
    }
    // What is over a limit of the wire is refused; whatever is let in is not believed.
    for bomb in [Bomb::Huge, Bomb::EndlessLine] {
        for it in of(&sent, bomb) {
            assert!(matches!(it.fate, Fate::Refused(_)), "{it:?}");
        }
    }
    for bomb in Bomb::ALL {
        assert_eq!(of(&sent, bomb).count(), 1, "{bomb:?}");
    }
    let ledger = Ledger::read(&api);
    assert_eq!(ledger.against(&flood, estate, &sent), Lost::default());
    let taken = sent.iter().filter(|it| it.fate == Fate::Taken).count();
    assert_eq!(ledger.len(), taken, "nothing else is there");
    assert!(peak <= MEMORY_BYTES_MAX, "{} MiB beyond the idle {}", peak >> 20, idle >> 20);
    let metrics = engine.metrics();
    assert_eq!(metrics.sum("campanile_inlet_mails_total", &[("answer", "taken")]), taken as f64);
    assert_eq!(metrics.sum("campanile_inlet_flight_bytes", &[]), 0.0);
    assert_eq!(metrics.sum("campanile_inlet_panics_total", &[]), 0.0);

    // They are there for an engine that knows only what is on the disk.
    let sandbox = engine.kill9();
    let engine = tests::Engine::start_in(sandbox);
    let ledger = Ledger::read(&engine.api());
    assert_eq!(ledger.against(&flood, estate, &sent), Lost::default());
}

#[test]
fn a_relay_that_takes_every_line_it_can_leaves_some_to_the_others() {
    let estate = MailEstate { customers: 2, jobs: 1 };
    let engine = estate.start();
    let (api, door) = (engine.api(), MailEstate::door(&engine));
    let addresses = estate.addresses(&api);
    // A thousand from one address: those for which there is no place are told so.
    let all: Vec<_> = (0..1_000).map(|_| MailLine::connect(door, MailEstate::relay(0))).collect();
    let refused = all.iter().filter_map(|it| it.as_ref().err());
    for error in refused.clone() {
        assert!(error.to_string().starts_with("421 "), "{error}");
    }
    assert!(refused.count() >= 500, "one relay has the half of all at most");
    assert!(all.iter().any(Result::is_ok));
    let flood = Flood { bombs: false, ..flood(2, "others") };
    for (number, from) in [(0, MailEstate::relay(1)), (1, MailEstate::device(0))] {
        let mut line = MailLine::connect(door, from).unwrap();
        let (sender, text) = (flood.sender(number), flood.text(number));
        let (answer, _) = line.send(&sender, &addresses[number], &text).unwrap();
        assert!(answer.is_yes(), "{answer:?}");
        line.quit();
    }
    assert_eq!(Ledger::read(&api).len(), 2);
    drop(all);
}

#[test]
fn a_customer_that_is_flooded_is_asked_to_wait_and_no_other() {
    let estate = MailEstate { customers: 2, jobs: 1 };
    let engine = estate.start();
    let (api, door) = (engine.api(), MailEstate::door(&engine));
    let addresses = estate.addresses(&api);
    let mut line = MailLine::connect(door, MailEstate::relay(0)).unwrap();
    // Every recipient counts, whatever becomes of its mail.
    let mut asked = |address: &str| {
        line.say(&format!("MAIL FROM:<>\r\nRCPT TO:<{address}>\r\nRSET\r\n")).unwrap();
        [(); 3].map(|()| line.answer().unwrap())[1].clone()
    };
    let refused = (0..900).map(|_| asked(&addresses[0])).find(|it| !it.is_yes());
    let refused = refused.expect("a minute has room for so many");
    assert!(refused.text.starts_with("450 4.7.1"), "{refused:?}");
    // The same line, the next moment, for another customer.
    let flood = Flood { bombs: false, ..flood(2, "one") };
    let (answer, _) = line.send(&flood.sender(1), &addresses[1], &flood.text(1)).unwrap();
    assert!(answer.is_yes(), "{answer:?}");
    assert_eq!(Ledger::read(&api).len(), 1);
}
