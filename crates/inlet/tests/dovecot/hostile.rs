//! What a mailbox intake makes of a server that lies, floods, hangs and cuts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use inlet::{
    imap::{Cursor, Paces},
    keeper::{Fetched, Part, Taking},
};
use model::Moment;

use crate::{
    OFTEN, SELDOM,
    common::{Heard, LIMIT, subjects},
    liar::{Content, Liar, Lie, SECRET},
    notes::Notes,
    read,
    server::PACES,
};

fn say(text: impl Into<String>) -> Option<Lie> {
    Some(Lie::Say(text.into()))
}

/// A lie that is told to the command that begins with `command`, so often.
fn to(
    command: &'static str,
    times: usize,
    lie: impl Fn() -> Lie + Send + Sync + 'static,
) -> impl Fn(&str) -> Option<Lie> + Send + Sync + 'static {
    let left = AtomicUsize::new(times);
    move |said| {
        let take = |it: usize| it.checked_sub(1);
        let counts = said.starts_with(command)
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        counts.then(&lie)
    }
}

/// Asks a server that lies at first, and shows the fault that comes of it; after that all is well
/// and the one mail is there.
async fn fault_of(command: &'static str, lie: impl Fn() -> Lie + Send + Sync + 'static) -> String {
    let liar = Liar::start(Content::with(&[5]), to(command, 1, lie)).await;
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(liar.imap(OFTEN), &notes);
    let fault = heard.fault().await;
    let mails = heard.mails_until_well().await;
    assert_eq!(subjects(&mails), ["5"], "after {fault}");
    assert_eq!((mails[0].part, mails[0].at), (Part::Whole, Moment::from_secs(1_769_936_400)));
    assert_eq!(notes.get("INBOX"), Some(Cursor { validity: 7, last: 5 }));
    fault
}

#[tokio::test]
async fn bad_beginnings() {
    let say = |text: &'static str| move || Lie::Say(text.to_owned());
    let nonsense = fault_of("HELLO", say("220 mail.example ESMTP\r\n")).await;
    assert_eq!(nonsense, "the server talks nonsense: this is no answer");
    let too_kind = fault_of("HELLO", say("* PREAUTH come in\r\n")).await;
    assert_eq!(too_kind, "the server talks nonsense: this is no greeting");
    let busy = fault_of("HELLO", || Lie::Cut("* BYE too many\u{7} of you\r\n".into())).await;
    assert_eq!(busy, "the server closed the connection: too many? of you");
    let cut = fault_of("HELLO", || Lie::Cut(String::new())).await;
    assert_eq!(cut, "the server closed the connection");
    let binary = fault_of("HELLO", say("\0\u{1}\u{2}\n")).await;
    assert!(binary.contains("talks nonsense"), "{binary}");
    let endless = fault_of("HELLO", || Lie::Flood("* OK ".repeat(1000))).await;
    assert_eq!(endless, "the server says too much: an endless line");
    let silent = fault_of("HELLO", || Lie::Hang).await;
    assert_eq!(silent, "the greeting of the server did not answer in time");
    let refused = fault_of("AUTHENTICATE", say("TAG NO [UNAVAILABLE] later\r\n")).await;
    assert_eq!(refused, "the server does not let watch in");
    let capable = say("* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nTAG OK\r\n");
    let no_way = fault_of("CAPABILITY", capable).await;
    assert_eq!(no_way, "the server knows no way to log in by password");
}

#[tokio::test]
async fn bad_answers() {
    let say = |text: &'static str| move || Lie::Say(text.to_owned());
    let flood = |text: &'static str| move || Lie::Flood(text.to_owned());
    let storm = fault_of("EXAMINE", flood("* 5 EXISTS\r\n")).await;
    assert_eq!(storm, "the server says too much: an endless answer");
    let line = fault_of("EXAMINE", flood("* FLAGS (\\Seen ")).await;
    assert_eq!(line, "the server says too much: an endless line");
    let deep = fault_of("EXAMINE", || {
        Lie::Say(format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(60_000)))
    })
    .await;
    assert_eq!(deep, "the server talks nonsense: this is no answer");
    let foreign = fault_of("EXAMINE", say("x99 OK done\r\n")).await;
    assert_eq!(foreign, "the server talks nonsense: an answer to what was not asked");
    let hung = fault_of("EXAMINE", || Lie::Hang).await;
    assert_eq!(hung, "EXAMINE did not answer in time");
    let bye = fault_of("UID FETCH", || Lie::Cut("* BYE shutting down\r\n".into())).await;
    assert_eq!(bye, "the server closed the connection: shutting down");
    let refused = fault_of("UID FETCH", say("TAG NO not now\r\n")).await;
    assert_eq!(refused, "the folder INBOX cannot be read: FETCH is refused: not now");
    let invalid = fault_of("EXAMINE", say("* 1 EXISTS\r\nTAG OK done\r\n")).await;
    assert!(invalid.contains("it has no UIDVALIDITY"), "{invalid}");
    let stray = fault_of("EXAMINE", say("* LIST () \"/\" {4294967295}\r\n")).await;
    assert_eq!(stray, "the server says too much: a part larger than was asked for");
}

#[tokio::test]
async fn a_listing_that_breaks_off_moves_no_mark() {
    let row = "* 1 FETCH (UID 5 RFC822.SIZE 30)\r\n";
    let cut = fault_of("UID FETCH", move || Lie::Cut(row.to_owned())).await;
    assert_eq!(cut, "the server closed the connection");
    let half = fault_of("UID FETCH", || Lie::Cut("* 1 FETCH (UID 5 RFC".to_owned())).await;
    assert_eq!(half, "the server closed the connection");
    let refused =
        fault_of("UID FETCH", move || Lie::Say(format!("{row}TAG NO and more\r\n"))).await;
    assert!(refused.contains("FETCH is refused: and more"), "{refused}");
}

#[tokio::test]
async fn a_password_that_comes_back_is_not_shown() {
    let echo = || Lie::Say(format!("TAG NO you said {SECRET}\r\n"));
    let fault = fault_of("EXAMINE", echo).await;
    assert!(fault.contains("words that hold our password"), "{fault}");
    let fault = fault_of("UID FETCH", || Lie::Cut(format!("* BYE {SECRET}\r\n"))).await;
    assert!(!fault.contains(SECRET), "{fault}");
}

/// Reads from a server that treats the fetching of one mail among three like that, for ever.
async fn poisoned(lie: impl Fn(&str) -> Option<Lie> + Send + Sync + 'static) -> Vec<Part> {
    let script = move |said: &str| if said.starts_with("UID FETCH 2 (") { lie(said) } else { None };
    let liar = Liar::start(Content::with(&[1, 2, 3]), script).await;
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(liar.imap(SELDOM), &notes);
    let mails = heard.mails_until_well().await;
    let places: Vec<_> = mails.iter().map(|it| &*it.place).collect();
    assert_eq!(places, ["INBOX 1", "INBOX 2", "INBOX 3"]);
    assert_eq!(notes.get("INBOX").unwrap().last, 3);
    mails.iter().map(|it| it.part).collect()
}

#[tokio::test]
async fn one_mail_that_is_not_given_holds_nothing_up_for_long_and_is_not_passed_over() {
    let parts = [Part::Whole, Part::Unreadable, Part::Whole];
    let huge = || say("* 2 FETCH (UID 2 BODY[] {4294967295}\r\nSubject: 2\r\n");
    assert_eq!(poisoned(move |_| huge()).await, parts);
    assert_eq!(poisoned(|_| say("TAG NO [SERVERBUG] broken\r\n")).await, parts);
    assert_eq!(poisoned(|_| Some(Lie::Cut(String::new()))).await, parts);
    assert_eq!(poisoned(|_| say("* 2 FETCH (UID 2 BODY[] NIL)\r\nTAG OK\r\n")).await, parts);
    assert_eq!(poisoned(|_| say("* 2 FETCH (UID 3 BODY[] \"x\")\r\nTAG OK\r\n")).await, parts);
    assert_eq!(poisoned(|_| say("TAG OK nothing there\r\n")).await, parts);
    // Only the whole of it cannot be had.
    let whole_only = |said: &str| (!said.contains("HEADER")).then(|| Lie::Cut(String::new()));
    assert_eq!(poisoned(whole_only).await, parts);
}

#[tokio::test]
async fn a_mail_that_was_deleted_meanwhile_is_not_waited_for() {
    let deleted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&deleted);
    let script = move |said: &str| {
        if said.starts_with("UID FETCH 2 (UID BODY") {
            seen.store(true, Ordering::SeqCst);
            return say("* 2 EXPUNGE\r\nTAG OK\r\n");
        }
        let gone = said.starts_with("UID FETCH 2:2") && seen.load(Ordering::SeqCst);
        if gone { say("TAG OK\r\n") } else { None }
    };
    let liar = Liar::start(Content::with(&[1, 2, 3]), script).await;
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(liar.imap(SELDOM), &notes);
    assert_eq!(subjects(&heard.mails_until_well().await), ["1", "3"]);
    assert!(deleted.load(Ordering::SeqCst));
}

#[tokio::test]
async fn uids_that_were_not_asked_for_are_ignored() {
    let script = |said: &str| {
        let listing = said.starts_with("UID FETCH 1:5 ");
        let row = |uid: u64| format!("* 1 FETCH (UID {uid} RFC822.SIZE 9)\r\n");
        listing
            .then(|| Lie::Say([row(5), row(4_294_967_295), row(5), row(0)].concat() + "TAG OK\r\n"))
    };
    let liar = Liar::start(Content::with(&[5]), script).await;
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(liar.imap(OFTEN), &notes);
    assert_eq!(subjects(&heard.mails_until_well().await), ["5"]);
    assert_eq!(notes.get("INBOX"), Some(Cursor { validity: 7, last: 5 }));
    heard.well().await;
}

#[tokio::test]
async fn uids_that_run_backwards_or_ahead() {
    let liar = Liar::start(Content::with(&[1, 2]), |_| None).await;
    let notes = Arc::new(Notes::default());
    notes.put("INBOX", Cursor { validity: 7, last: 900 });
    let (_house, mut heard, _task) = read(liar.imap(OFTEN), &notes);
    assert_eq!(subjects(&heard.mails_until_well().await), ["1", "2"]);
    heard.well().await;
    // Sparse ones are found, whatever lies between.
    liar.change(|it| *it = Content::with(&[1, 2, 70_000, 3_000_000]));
    assert_eq!(subjects(&mails_after_well(&mut heard).await), ["70000", "3000000"]);
    // A server that knows no next one is asked for the last.
    liar.change(|it| *it = Content { next: None, ..Content::with(&[2, 3_000_007]) });
    assert_eq!(subjects(&mails_after_well(&mut heard).await), ["3000007"]);
    heard.well().await;
}

/// Mails of the next round that has any.
async fn mails_after_well(heard: &mut Heard) -> Vec<Fetched> {
    loop {
        let mails = heard.mails_until_well().await;
        if !mails.is_empty() {
            return mails;
        }
    }
}

#[tokio::test]
async fn uids_that_nobody_has_are_not_searched_for_ever() {
    let content = Content { next: Some(u32::MAX), ..Content::with(&[1]) };
    let script = |said: &str| said.starts_with("UID FETCH").then(|| Lie::Say("TAG OK\r\n".into()));
    let liar = Liar::start(content, script).await;
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(liar.imap(OFTEN), &notes);
    let fault = heard.fault().await;
    assert_eq!(fault, "the server talks nonsense: UIDs of mails that are not there");
}

#[tokio::test]
async fn a_server_that_cries_wolf_gets_slower_answers() {
    let count = Arc::new(AtomicUsize::new(1));
    let cries = Arc::clone(&count);
    let script = move |said: &str| {
        let cry = || cries.fetch_add(1, Ordering::SeqCst) + 1;
        (said == "IDLE").then(|| Lie::Say(format!("+ \r\n* {} EXISTS\r\n", cry())))
    };
    let liar = Liar::start(Content::with(&[1]), script).await;
    let notes = Arc::new(Notes::default());
    let (_house, mut heard, _task) = read(liar.imap(SELDOM), &notes);
    assert_eq!(subjects(&heard.mails_until_well().await), ["1"]);
    // It is asked again each time, and each time it has nothing.
    for _ in 0..3 {
        heard.well().await;
    }
    liar.change(|it| *it = Content::with(&[1, 2]));
    assert_eq!(subjects(&mails_after_well(&mut heard).await), ["2"]);
    assert_eq!(liar.connections(), 1);
}

#[tokio::test]
async fn a_dead_idle_is_noticed_by_asking() {
    let is_dead = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&is_dead);
    let script =
        move |said: &str| (said == "IDLE" && dead.load(Ordering::SeqCst)).then_some(Lie::Hang);
    let liar = Liar::start(Content::with(&[1]), script).await;
    let notes = Arc::new(Notes::default());
    let paces = Paces { byte: Duration::from_millis(300), ..PACES };
    let (_house, mut heard, _task) = read(liar.imap_with(OFTEN, paces), &notes);
    heard.mails_until_well().await;
    heard.well().await;
    is_dead.store(true, Ordering::SeqCst);
    assert_eq!(heard.fault().await, "IDLE did not answer in time");
    is_dead.store(false, Ordering::SeqCst);
    liar.change(|it| *it = Content::with(&[1, 2]));
    assert_eq!(subjects(&mails_after_well(&mut heard).await), ["2"]);
}

#[tokio::test]
async fn a_server_that_ends_the_waiting_by_itself_is_asked_from_time_to_time() {
    for lie in ["+ \r\nTAG OK enough\r\n", "TAG NO not here\r\n", "TAG BAD\r\n"] {
        let script = move |said: &str| (said == "IDLE").then(|| Lie::Say(lie.to_owned()));
        let liar = Liar::start(Content::with(&[1]), script).await;
        let (_house, mut heard, _task) = read(liar.imap(OFTEN), &Arc::new(Notes::default()));
        heard.mails_until_well().await;
        liar.change(|it| *it = Content::with(&[1, 2]));
        assert_eq!(subjects(&mails_after_well(&mut heard).await), ["2"]);
        heard.well().await;
        assert_eq!((liar.heard().matches("IDLE").count(), liar.connections()), (1, 1));
    }
}

#[tokio::test]
async fn a_server_of_the_old_kind_is_let_know_us_by_literals_and_asked_from_time_to_time() {
    let capable = |said: &str| {
        (said == "CAPABILITY").then(|| Lie::Say("* CAPABILITY IMAP4rev1\r\nTAG OK\r\n".into()))
    };
    let liar = Liar::start(Content::with(&[1]), capable).await;
    let (_house, mut heard, _task) = read(liar.imap(OFTEN), &Arc::new(Notes::default()));
    assert_eq!(subjects(&heard.mails_until_well().await), ["1"]);
    liar.change(|it| *it = Content::with(&[1, 2]));
    assert_eq!(subjects(&mails_after_well(&mut heard).await), ["2"]);
    let login = format!("LOGIN {{5}}\r\nwatch {{{}}}\r\n{SECRET}\r\n", SECRET.len());
    assert!(liar.heard().contains(&login), "{}", liar.heard());
    assert!(!liar.heard().contains("IDLE"));
    assert_eq!(liar.connections(), 1);
}

#[tokio::test]
async fn encryption_comes_before_the_password() {
    let cases: [(&'static str, &str); 4] = [
        ("TAG NO no such thing\r\n", "the server refuses STARTTLS: no such thing"),
        ("s9 OK begin\r\n", "the server refuses STARTTLS: begin"),
        ("TAG OK begin\r\n* OK trust me\r\n", "words before the encryption"),
        ("* BYE\r\n", "the server closed the connection"),
    ];
    for (text, expected) in cases {
        let script = to("STARTTLS", 1, move || Lie::Cut(text.to_owned()));
        let liar = Liar::start_with(Content::with(&[5]), true, script).await;
        let (_house, mut heard, _task) = read(liar.imap(OFTEN), &Arc::new(Notes::default()));
        let fault = heard.fault().await;
        assert!(fault.contains(expected), "{fault}");
        assert!(!liar.heard().contains("AUTHENTICATE"), "{}", liar.heard());
        assert_eq!(subjects(&heard.mails_until_well().await), ["5"]);
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_no_password() {
    let liar = Liar::start(Content::with(&[5]), |_| None).await;
    liar.distrust();
    let (_house, mut heard, _task) = read(liar.imap(OFTEN), &Arc::new(Notes::default()));
    let fault = heard.fault().await;
    assert!(fault.contains("the certificate of 127.0.0.1 is not good"), "{fault}");
    assert_eq!(liar.heard(), "");
}

#[tokio::test]
async fn a_refused_login_is_not_tried_again_at_once() {
    let script =
        |said: &str| said.starts_with("AUTHENTICATE").then(|| Lie::Say("TAG NO\r\n".into()));
    let liar = Liar::start(Content::with(&[5]), script).await;
    // Everything else would be tried again at once.
    let paces = Paces { refused: LIMIT * 60, refused_max: LIMIT * 60, ..PACES };
    let (_house, mut heard, task) = read(liar.imap_with(OFTEN, paces), &Arc::new(Notes::default()));
    assert_eq!(heard.fault().await, "the server does not let watch in");
    // Another mailbox on the same server has its conversation meanwhile; the first one is silent.
    let other = Liar::start(Content::with(&[1]), |_| None).await;
    let (_other_house, mut other_heard, _other) =
        read(other.imap(OFTEN), &Arc::new(Notes::default()));
    other_heard.mails_until_well().await;
    for _ in 0..5 {
        other_heard.well().await;
    }
    assert_eq!(liar.connections(), 1);
    task.abort();
}

#[tokio::test]
async fn what_is_held_up_by_the_house_stays_and_comes_again() {
    let liar = Liar::start(Content::with(&[1, 2]), |_| None).await;
    let notes = Arc::new(Notes::default());
    let (house, mut heard, _task) = read(liar.imap(SELDOM), &notes);
    house.answer([Taking::Later, Taking::Never]);
    heard.mail().await;
    let fault = heard.fault().await;
    assert!(fault.contains("not taken at the moment"), "{fault}");
    assert_eq!(notes.get("INBOX"), None);
    assert_eq!(subjects(&heard.mails_until_well().await), ["1", "2"]);
    assert_eq!(liar.connections(), 1);
}
