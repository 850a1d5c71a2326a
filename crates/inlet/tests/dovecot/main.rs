//! The mailbox intake at a real server, and at one that lies.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail, and then shows what the server wrote"
)]

mod authority;
#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod liar;
mod notes;
mod server;

use std::{sync::Arc, time::Duration};

use common::{Heard, House, subjects};
use inlet::{
    imap::{Cursor, Imap},
    keeper::{FETCHED_BYTES_MAX, Part, Taking},
};
use model::Moment;
use notes::Notes;
use server::{Dovecot, PACES, PASSWORD, mail_text};
use tokio::task::JoinHandle;

/// So long that only a server that tells by itself can be the reason for another round.
const SELDOM: Duration = Duration::from_secs(3600);
const OFTEN: Duration = Duration::from_millis(100);

/// Starts reading a mailbox.
fn read(imap: Imap, notes: &Arc<Notes>) -> (Arc<House>, Heard, JoinHandle<()>) {
    let (house, heard) = House::new();
    let house = Arc::new(house);
    let (keeper, cursors) = (Arc::clone(&house), Arc::clone(notes));
    let task = tokio::spawn(async move { imap.run(&*keeper, &*cursors).await });
    (house, heard, task)
}

#[tokio::test]
async fn a_mail_is_there_as_soon_as_the_server_tells() {
    let dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], SELDOM), &notes);
    assert!(heard.well().await > Moment::ZERO);
    for subject in ["one", "two", "three"] {
        dovecot.save("INBOX", subject);
        let mail = heard.mail().await;
        assert_eq!(subjects(std::slice::from_ref(&mail)), [subject]);
        assert_eq!((&*mail.intake, mail.part), ("box", Part::Whole));
        heard.well().await;
    }
    assert_eq!(notes.get("INBOX").unwrap().last, 3);
    // Nothing of it is changed for whoever else reads it.
    assert!(!dovecot.flags("INBOX").contains("Seen"), "{}", dovecot.flags("INBOX"));
}

#[tokio::test]
async fn several_folders_are_read_over_starttls() {
    let dovecot = Dovecot::start();
    dovecot.make("Reports");
    dovecot.make("Größe & \"mehr\"");
    let notes = Arc::new(Notes::default());
    let folders = ["INBOX", "Reports", "Größe & \"mehr\"", "Missing"];
    let imap = dovecot.imap_with(&folders, OFTEN, true, PACES);
    let (_house, mut heard, _task) = read(imap, &notes);
    for folder in &folders[..3] {
        dovecot.save(folder, folder);
    }
    let mut found = Vec::new();
    while found.len() < 3 {
        found.push(heard.mail().await.place.to_string());
    }
    found.sort();
    assert_eq!(found, ["Größe & \"mehr\" 1", "INBOX 1", "Reports 1"]);
    let fault = heard.fault().await;
    assert!(fault.contains("the folder Missing cannot be read"), "{fault}");
    dovecot.make("Missing");
    heard.well().await;
}

#[tokio::test]
async fn a_server_that_cannot_tell_is_asked() {
    let dovecot = Dovecot::start_with("imap_capability = IMAP4rev1\n");
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    heard.well().await;
    for subject in ["one", "two"] {
        dovecot.save("INBOX", subject);
        assert_eq!(subjects(&[heard.mail().await]), [subject]);
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_a_fault_until_it_is_back() {
    let mut dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    heard.well().await;
    dovecot.down();
    heard.fault().await;
    dovecot.up();
    heard.well().await;
    dovecot.save("INBOX", "after the restart");
    assert!(heard.text().await.contains("after the restart"));
    heard.well().await;

    // One that hangs says nothing at all.
    dovecot.signal("STOP");
    let fault = heard.fault().await;
    assert!(fault.contains("did not answer in time"), "{fault}");
    dovecot.signal("CONT");
    heard.well().await;
    dovecot.save("INBOX", "after the pause");
    assert!(heard.text().await.contains("after the pause"));
}

#[tokio::test]
async fn uids_that_mean_something_else_are_read_anew() {
    let dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    for subject in ["one", "two"] {
        dovecot.save("INBOX", subject);
        heard.mail().await;
        heard.well().await;
    }
    let before = notes.get("INBOX").unwrap();
    task.abort();
    dovecot.set_validity("INBOX", before.validity + 77);
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    assert_eq!(subjects(&heard.mails_until_well().await), ["one", "two"]);
    assert_eq!(notes.get("INBOX").unwrap().validity, before.validity + 77);
    heard.well().await;
    dovecot.save("INBOX", "three");
    assert!(heard.text().await.contains("three"));
}

#[tokio::test]
async fn a_backlog_is_read_in_order_and_the_mark_waits_for_its_end() {
    const MAILS: usize = 500;
    let dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    dovecot.save("INBOX", "0");
    for at in 1..MAILS {
        let name = format!("{}.M{at}P1.host", 1_800_000_000 + at);
        dovecot.deliver(&name, mail_text(&at.to_string()).as_bytes());
    }
    let (house, mut heard, task) = read(dovecot.imap(&["INBOX"], SELDOM), &notes);
    house.answer(std::iter::repeat_n(Taking::Taken, 300).chain([Taking::Later]));
    let mails = heard.mails_until_well().await;
    let mut expected: Vec<String> = (0..MAILS).map(|it| it.to_string()).collect();
    // The one that was not taken came again, and nothing before it.
    expected.insert(300, "300".to_owned());
    assert_eq!(subjects(&mails), expected);
    task.abort();
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    assert!(heard.mails_until_well().await.is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_for_each_fault_until_it_is_right() {
    let dovecot = Dovecot::start();
    dovecot.write_password("Falsch1");
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    for tries in 1..=3 {
        let fault = heard.fault().await;
        assert_eq!(fault, "the server does not let watch in");
        // Another one may be on its way.
        let refused = dovecot.refused();
        assert!(refused == tries || refused == tries + 1, "{refused}: {}", dovecot.log());
    }
    dovecot.write_password("");
    while !heard.fault().await.contains("there is no password in it") {}
    dovecot.write_password(&format!("{PASSWORD}\r\n"));
    heard.well().await;
}

#[tokio::test]
async fn a_death_between_taking_and_noting_repeats_one_mail() {
    let dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    for subject in ["one", "two", "three"] {
        dovecot.save("INBOX", subject);
    }
    notes.hang_after(1);
    let (_house, mut heard, task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    assert!(heard.text().await.contains("one"));
    assert!(heard.text().await.contains("two"));
    notes.hung().await;
    task.abort();
    assert_eq!(notes.get("INBOX").unwrap().last, 1);
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    assert_eq!(subjects(&heard.mails_until_well().await), ["two", "three"]);
}

#[tokio::test]
async fn what_cannot_be_noted_is_a_fault() {
    let dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    notes.fail(true);
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    let fault = heard.fault().await;
    assert!(fault.contains("cannot be remembered: the disk is full"), "{fault}");
    notes.fail(false);
    heard.well().await;
}

#[tokio::test]
async fn a_mail_that_is_too_large_comes_as_its_headers() {
    let dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    dovecot.save("INBOX", "small");
    let mut large = mail_text("large").into_bytes();
    large.resize(FETCHED_BYTES_MAX + 1, b'x');
    dovecot.deliver("1900000000.M1P1.host", &large);
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], SELDOM), &notes);
    let mails = heard.mails_until_well().await;
    assert_eq!(subjects(&mails), ["small", "large"]);
    assert!(matches!(mails[1].part, Part::TooLarge(_)), "{:?}", mails[1].part);
    assert!(mails[1].raw.ends_with(b"Subject: large\r\n\r\n"));
    dovecot.save("INBOX", "behind it");
    assert!(heard.text().await.contains("behind it"));
}

#[tokio::test]
async fn mails_that_others_delete_are_not_missed_and_not_waited_for() {
    let dovecot = Dovecot::start();
    let notes = Arc::new(Notes::default());
    for at in 0..20 {
        dovecot.save("INBOX", &at.to_string());
    }
    dovecot.expunge("INBOX", "2:19");
    notes.put("INBOX", Cursor { validity: dovecot.validity("INBOX"), last: 1 });
    let (_house, mut heard, _task) = read(dovecot.imap(&["INBOX"], OFTEN), &notes);
    assert_eq!(subjects(&heard.mails_until_well().await), ["19"]);
    dovecot.expunge("INBOX", "1:*");
    heard.well().await;
    dovecot.save("INBOX", "new");
    assert!(heard.text().await.contains("new"));
    assert_eq!(heard.mails_until_well().await.len(), 0);
    assert_eq!(notes.get("INBOX").unwrap().last, 21);
}
