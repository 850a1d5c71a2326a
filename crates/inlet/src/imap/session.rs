//! The few commands that reading a mailbox takes.
//!
//! Folders are opened to be looked at only (`EXAMINE`), and mails are fetched by `PEEK`: nothing in
//! the mailbox changes because we read it, so people and other programs may use it beside us.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{
    answer::{Answer, Fetch, Status, code_capabilities, code_number},
    fault::{ImapFault, said},
    names,
    wire::{Allowance, Wire},
};
use crate::keeper::{FETCHED_BYTES_MAX, FETCHED_HEADER_BYTES_MAX};

/// Words around an answer, unasked ones among them.
const TALK_BYTES_MAX: usize = 256 << 10;
/// A listing of [`super::round::WINDOW_MAX`] mails, each in a line of a hundred bytes.
const LISTING_BYTES_MAX: usize = 16 << 20;
/// Bytes of a folder's name, as configuration has it.
const FOLDER_BYTES_MAX: usize = 1000;
const TALK: Allowance = Allowance { literal: 0, talk: TALK_BYTES_MAX };

/// A connection over which commands are given.
#[derive(Debug)]
pub(super) struct Session<S> {
    wire: Wire<S>,
    tags: u64,
    secrets: Vec<Vec<u8>>,
    /// The server tells by itself when something comes.
    pub(super) can_idle: bool,
    /// Mails in the open folder, as was said last.
    exists: u32,
    /// More came since it was opened.
    grown: bool,
}

/// A folder as it was when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// Mails in it.
    pub(super) exists: u32,
    /// What its UIDs are good for; another one means that all of them are new.
    pub(super) validity: u32,
    /// The UID that the next mail gets.
    pub(super) next: Option<u32>,
}

/// What is fetched of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Whole,
    Headers,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(wire: Wire<S>, secrets: Vec<Vec<u8>>) -> Self {
        Self { wire, tags: 0, secrets, can_idle: false, exists: 0, grown: false }
    }

    /// What the server can do, in capitals.
    pub(super) async fn capabilities(&mut self) -> Result<Vec<String>, ImapFault> {
        let mut found = Vec::new();
        self.ask("CAPABILITY", "CAPABILITY", TALK, |answer| match answer {
            Answer::Capability(words) => found = words,
            Answer::Word { status: Status::Ok, said } => {
                found = code_capabilities(&said).unwrap_or_default();
            }
            _ => {}
        })
        .await?;
        Ok(found)
    }

    /// Logs in by SASL PLAIN: `plain` is name and password as it wants them.
    pub(super) async fn authenticate(&mut self, user: &str, plain: &str) -> Result<(), ImapFault> {
        self.wire.allow("the login", TALK);
        let tag = self.send("AUTHENTICATE PLAIN").await?;
        self.go_on(&tag, user).await?;
        self.wire.send(format!("{plain}\r\n").as_bytes()).await?;
        self.let_in(&tag, user).await
    }

    /// Logs in the old way. Literals take whatever letters a password has.
    pub(super) async fn login(&mut self, user: &str, password: &[u8]) -> Result<(), ImapFault> {
        self.wire.allow("the login", TALK);
        let tag = self.send(&format!("LOGIN {{{}}}", user.len())).await?;
        self.go_on(&tag, user).await?;
        self.wire.send(format!("{user} {{{}}}\r\n", password.len()).as_bytes()).await?;
        self.go_on(&tag, user).await?;
        self.wire.send(&[password, b"\r\n"].concat()).await?;
        self.let_in(&tag, user).await
    }

    /// Waits to be asked for more.
    async fn go_on(&mut self, tag: &[u8], user: &str) -> Result<(), ImapFault> {
        loop {
            match self.next().await? {
                Answer::Continue => return Ok(()),
                Answer::Done { tag: done, .. } if done == tag => {
                    return Err(ImapFault::NotLetIn { user: user.into() });
                }
                _ => {}
            }
        }
    }

    async fn let_in(&mut self, tag: &[u8], user: &str) -> Result<(), ImapFault> {
        loop {
            if let Answer::Done { tag: done, status, .. } = self.next().await? {
                return match status {
                    Status::Ok if done == tag => Ok(()),
                    _ => Err(ImapFault::NotLetIn { user: user.into() }),
                };
            }
        }
    }

    /// Opens `folder` to look at it.
    pub(super) async fn examine(&mut self, folder: &str) -> Result<Opened, ImapFault> {
        let name = names::folder(folder).filter(|it| it.len() <= FOLDER_BYTES_MAX);
        let refused = |said: &str| ImapFault::Refused { verb: "EXAMINE", said: said.to_owned() };
        let name = name.ok_or_else(|| refused("no folder can be called so"))?;
        let (mut exists, mut validity, mut next) = (0, None, None);
        self.ask("EXAMINE", &format!("EXAMINE {name}"), TALK, |answer| match answer {
            Answer::Exists(count) => exists = count,
            Answer::Word { status: Status::Ok, said } => {
                validity = validity.or_else(|| code_number(&said, "UIDVALIDITY"));
                next = next.or_else(|| code_number(&said, "UIDNEXT"));
            }
            _ => {}
        })
        .await?;
        (self.exists, self.grown) = (exists, false);
        let validity = validity.filter(|it| *it != 0);
        let validity = validity.ok_or_else(|| refused("it has no UIDVALIDITY"))?;
        Ok(Opened { exists, validity, next: next.filter(|it| *it != 0) })
    }

    /// The UID of the mail at `place` of the open folder; `None` if it is gone.
    pub(super) async fn uid_at(&mut self, place: u32) -> Result<Option<u32>, ImapFault> {
        let mut uid = None;
        let keep = |answer| {
            if let Answer::Fetch(Fetch { uid: Some(found), .. }) = answer {
                uid = uid.max(Some(found));
            }
        };
        self.ask("FETCH", &format!("FETCH {place} (UID)"), TALK, keep).await?;
        Ok(uid)
    }

    /// What is known of the mails `from` to `to`; `each` gets whatever the server says of them.
    pub(super) async fn list(
        &mut self,
        from: u32,
        to: u32,
        mut each: impl FnMut(u32, Fetch),
    ) -> Result<(), ImapFault> {
        let command = format!("UID FETCH {from}:{to} (UID RFC822.SIZE INTERNALDATE)");
        let allowance = Allowance { literal: 0, talk: LISTING_BYTES_MAX };
        self.ask("FETCH", &command, allowance, |answer| {
            if let Answer::Fetch(row @ Fetch { uid: Some(uid), .. }) = answer
                && (from..=to).contains(&uid)
            {
                each(uid, row);
            }
        })
        .await
    }

    /// A mail or its headers; `None` if the server has nothing to give for it.
    pub(super) async fn fetch(
        &mut self,
        uid: u32,
        want: Want,
    ) -> Result<Option<Vec<u8>>, ImapFault> {
        let (section, literal) = match want {
            Want::Whole => ("BODY.PEEK[]".to_owned(), FETCHED_BYTES_MAX),
            Want::Headers => (
                format!("BODY.PEEK[HEADER]<0.{FETCHED_HEADER_BYTES_MAX}>"),
                FETCHED_HEADER_BYTES_MAX,
            ),
        };
        let mut body = None;
        let allowance = Allowance { literal, talk: TALK_BYTES_MAX };
        self.ask("FETCH", &format!("UID FETCH {uid} (UID {section})"), allowance, |answer| {
            if let Answer::Fetch(Fetch { uid: Some(found), body: Some(bytes), .. }) = answer
                && found == uid
            {
                body = Some(bytes);
            }
        })
        .await?;
        Ok(body)
    }

    /// Waits until the server says that something came, at most `wait`. Was it so?
    pub(super) async fn idle(&mut self, wait: Duration) -> Result<bool, ImapFault> {
        self.wire.allow("IDLE", TALK);
        let tag = self.send("IDLE").await?;
        loop {
            match self.next().await? {
                Answer::Continue => break,
                Answer::Done { tag: done, .. } if done == tag => {
                    // It said that it could and cannot: from now on it is asked.
                    self.can_idle = false;
                    return Ok(self.grown);
                }
                _ => {}
            }
        }
        let until = Instant::now() + wait;
        while !self.grown {
            let left = until.saturating_duration_since(Instant::now());
            if self.wire.is_quiet_for(left).await? {
                break;
            }
            self.wire.rest();
            if let Answer::Done { .. } = self.next().await? {
                // Whoever ends it at once would be asked without a pause.
                self.can_idle = false;
                return Ok(self.grown);
            }
        }
        self.wire.rest();
        self.wire.send(b"DONE\r\n").await?;
        self.done(&tag, "IDLE", |_| {}).await?;
        Ok(self.grown)
    }

    /// Says that we are still here.
    pub(super) async fn noop(&mut self) -> Result<(), ImapFault> {
        self.ask("NOOP", "NOOP", TALK, |_| {}).await
    }

    /// Has anything come since the open folder was opened?
    pub(super) fn has_grown(&self) -> bool {
        self.grown
    }

    async fn ask(
        &mut self,
        verb: &'static str,
        command: &str,
        allowance: Allowance,
        each: impl FnMut(Answer),
    ) -> Result<(), ImapFault> {
        self.wire.allow(verb, allowance);
        let tag = self.send(command).await?;
        self.done(&tag, verb, each).await
    }

    async fn send(&mut self, command: &str) -> Result<Vec<u8>, ImapFault> {
        self.tags += 1;
        let tag = format!("c{}", self.tags);
        self.wire.send(format!("{tag} {command}\r\n").as_bytes()).await?;
        Ok(tag.into_bytes())
    }

    /// Reads on to the end of the command `tag`. A command that ends in anything but OK has not said
    /// everything, whatever it said before.
    async fn done(
        &mut self,
        tag: &[u8],
        verb: &'static str,
        mut each: impl FnMut(Answer),
    ) -> Result<(), ImapFault> {
        loop {
            match self.next().await? {
                Answer::Done { tag: done, status: Status::Ok, .. } if done == tag => return Ok(()),
                Answer::Done { tag: done, said: words, .. } if done == tag => {
                    return Err(ImapFault::Refused { verb, said: said(&words, &self.secrets) });
                }
                Answer::Done { .. } => {
                    return Err(ImapFault::Nonsense("an answer to what was not asked"));
                }
                answer => each(answer),
            }
        }
    }

    /// The next answer; what it says about the open folder is noted.
    async fn next(&mut self) -> Result<Answer, ImapFault> {
        let answer = self.wire.answer().await?;
        match &answer {
            Answer::Exists(count) => {
                self.grown |= *count > self.exists;
                self.exists = *count;
            }
            Answer::Expunge => self.exists = self.exists.saturating_sub(1),
            Answer::Word { status: Status::Bye, said: words } => {
                return Err(ImapFault::Closed { said: said(words, &self.secrets) });
            }
            _ => {}
        }
        Ok(answer)
    }
}
