//! What must hold of a mailbox, whatever its server says in whatever pieces.
//!
//! The first byte of an input says what is asked of the server, the second how its words are cut
//! into pieces.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use model::{IntakeState, Moment};

use super::{
    Cursor, Cursors,
    answer::Answer,
    round::{Party, Rounds},
    session::Session,
    wire::{Allowance, Waits, Wire},
};
use crate::{
    corpus::Script,
    keeper::{FETCHED_BYTES_MAX, Fetched, Keeper, Taking},
};

const NOW: Moment = Moment::from_secs(1_790_000_000);
/// Nothing here waits: the server has said everything already.
const WAITS: Waits = Waits { byte: Duration::from_secs(60), answer: Duration::from_secs(60) };
/// What one answer may hold where everything is let through.
const ALLOWED: Allowance = Allowance { literal: 1_000, talk: 100_000 };
/// More mails were handed over than a server has bytes for.
const MAIL_BYTES: usize = 20;

const ANSWERS: &str = "* OK [CAPABILITY IMAP4rev1 IDLE] hi {5}\r\n* LIST () {3}\r\na)\n x\r\n\
    * 1 FETCH (UID 5 BODY[] {6}\r\na\r\n{9} RFC822.SIZE 6 FLAGS (\\Seen (a \"b\\\"\"))\r\n\
    * 2 EXPUNGE\r\n* 3 EXISTS\r\n+ go on\r\n* BYE\r\na1 OK {7}\r\na2 NO [UIDVALIDITY 7]\r\n";
const MAILBOX: &str = "* CAPABILITY IMAP4rev1 IDLE SASL-IR\r\nc1 OK done\r\n\
    + \r\nc2 OK [CAPABILITY IMAP4rev1] in\r\n\
    * 2 EXISTS\r\n* OK [UIDVALIDITY 7] a\r\n* OK [UIDNEXT 10] b\r\nc3 OK [READ-ONLY] open\r\n\
    * 1 FETCH (UID 5 RFC822.SIZE 20 INTERNALDATE \"17-Sep-2026 02:44:25 -0700\")\r\n\
    * 2 FETCH (UID 9 RFC822.SIZE 99999999)\r\nc4 OK\r\n\
    * 1 FETCH (UID 5 BODY[] {12}\r\nSubject: a\r\n)\r\nc5 OK\r\n\
    * 2 FETCH (UID 9 BODY[HEADER]<0> \"Subject: b\")\r\nc6 OK\r\n\
    + idling\r\n* 3 EXISTS\r\nc7 OK\r\n";

/// Inputs to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let of = |head: [u8; 2], text: &str| [&head, text.as_bytes()].concat();
    vec![
        of([0, 0], ANSWERS),
        of([0, 1], ANSWERS),
        of([1, 0], MAILBOX),
        of([1, 9], MAILBOX),
        of([1, 0], &MAILBOX.replace("c5 OK", "c5 NO later")),
        of([1, 0], &MAILBOX.replace("[UIDNEXT 10]", "[UIDNEXT 4294967295]")),
    ]
}

/// Takes every mail and remembers how far each folder was read.
#[derive(Default)]
struct House {
    bytes: AtomicUsize,
    mails: AtomicUsize,
    cursors: Mutex<HashMap<String, Cursor>>,
}

impl Keeper for House {
    fn now(&self) -> Moment {
        NOW
    }

    async fn take(&self, mail: Fetched) -> Taking {
        assert!(mail.raw.len() <= FETCHED_BYTES_MAX, "more than is fetched");
        assert!(mail.at <= NOW, "it came there in the time to come");
        self.bytes.fetch_add(mail.raw.len(), Relaxed);
        let mails = self.mails.fetch_add(1, Relaxed);
        if mails % 5 == 4 { Taking::Never } else { Taking::Taken }
    }

    async fn tell(&self, _: IntakeState) {}
}

impl Cursors for House {
    async fn load(&self, _: &str, folder: &str) -> Result<Option<Cursor>, String> {
        let cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(cursors.get(folder).copied())
    }

    async fn save(&self, _: &str, folder: &str, cursor: Cursor) -> Result<(), String> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let before = cursors.insert(folder.to_owned(), cursor);
        let goes_on =
            before.is_none_or(|it| it.validity != cursor.validity || it.last < cursor.last);
        assert!(goes_on || cursor.last == 0, "{before:?} goes back to {cursor:?}");
        Ok(())
    }
}

/// What a server says.
///
/// # Panics
/// When something does not hold.
pub fn imap(input: &[u8]) {
    let Some(([asked, pieces], said)) = input.split_first_chunk::<2>() else { return };
    let script = Script::cut(said, || usize::from(*pieces));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without sockets can always be made");
    let wire = Wire::new(script, WAITS);
    match asked {
        0 => runtime.block_on(answers(wire, said.len())),
        asked => runtime.block_on(mailbox(wire, said.len(), *asked)),
    }
}

/// Answer by answer, none of which is larger than what was said.
async fn answers(mut wire: Wire<Script>, said: usize) {
    let mut bytes = 0;
    wire.allow("a test", ALLOWED);
    while let Ok(answer) = wire.answer().await {
        bytes += match answer {
            Answer::Done { tag, said, .. } => tag.len() + said.len(),
            Answer::Word { said, .. } => said.len(),
            Answer::Capability(words) => words.iter().map(String::len).sum(),
            Answer::Fetch(it) => {
                it.body.map_or(0, |it| it.len()) + it.date.map_or(0, |it| it.len())
            }
            Answer::Continue | Answer::Exists(_) | Answer::Expunge | Answer::Other => 0,
        };
    }
    // What is no UTF-8 is replaced, which takes three bytes for one.
    assert!(bytes <= 3 * said, "{bytes} bytes were made of {said}");
}

/// A login and rounds through the folders.
async fn mailbox(wire: Wire<Script>, said: usize, asked: u8) {
    let house = House::default();
    let mut session = Session::new(wire, vec![b"secret".to_vec()]);
    let mut rounds = Rounds {
        name: Arc::from("box"),
        folders: vec![Arc::from("INBOX"), Arc::from("R\u{e9}ports")],
        done: HashMap::new(),
        stuck: HashMap::new(),
    };
    rounds.folders.truncate(usize::from(asked % 2) + 1);
    let in_time = async {
        session.capabilities().await?;
        session.authenticate("backup", "AGJhY2t1cABzZWNyZXQ=").await?;
        loop {
            let party = &mut Party { session: &mut session, keeper: &house, cursors: &house };
            rounds.read(party).await?;
            session.idle(Duration::from_millis(1)).await?;
            session.noop().await?;
        }
    };
    let end: Result<(), super::fault::ImapFault> = in_time.await;
    let told = end.map_or_else(|it| it.to_string(), |()| String::new());
    assert!(!told.contains("secret"), "a password is told: {told}");
    assert!(told.len() <= 2_000, "a fault of {} bytes", told.len());
    let (bytes, mails) = (house.bytes.load(Relaxed), house.mails.load(Relaxed));
    assert!(bytes <= said, "{bytes} bytes of mails were made of {said}");
    assert!(mails * MAIL_BYTES <= said, "{mails} mails were made of {said} bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_server_is_listened_to() {
        xtask::corpora::replay("imap", imap);
    }

    #[test]
    fn the_mailbox_to_begin_with_is_read() {
        let script = Script::of([MAILBOX.into()]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let house = House::default();
        let mails = runtime.block_on(async {
            let mut session = Session::new(Wire::new(script, WAITS), Vec::new());
            session.capabilities().await.unwrap();
            session.authenticate("backup", "").await.unwrap();
            let folders = vec![Arc::from("INBOX")];
            let (done, stuck) = (HashMap::new(), HashMap::new());
            let mut rounds = Rounds { name: Arc::from("box"), folders, done, stuck };
            let party = &mut Party { session: &mut session, keeper: &house, cursors: &house };
            rounds.read(party).await.unwrap().mails
        });
        assert_eq!(mails, 2);
    }
}
