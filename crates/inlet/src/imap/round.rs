//! One round through the folders of a mailbox: whatever is new in them is handed over, in order.
//!
//! What is new is told by UID alone, never by a flag: flags belong to the people who read the same
//! mailbox. The UID of the last mail that was taken is remembered after each of them, so what a
//! death in between repeats is one mail. Where UIDs have lost their meaning everything is fetched
//! again, and the ledger knows what it has.
//!
//! Mails are asked for by ranges of UIDs, not by their place in the folder, which changes whenever
//! somebody deletes one before it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::fmt::strtime;
use model::Moment;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Cursor, Cursors,
    answer::Fetch,
    fault::ImapFault,
    session::{Opened, Session, Want},
};
use crate::keeper::{FETCHED_BYTES_MAX, Fetched, Keeper, Part, Taking, headers, sane};

/// UIDs of the first range that is listed.
const WINDOW: u32 = 256;
/// An empty range makes the next one so many times wider …
const WINDOW_GROWTH: u32 = 4;
/// … up to this: its listing has to fit into an answer.
pub(super) const WINDOW_MAX: u32 = 1 << 17;
/// Empty ranges in a row; a hundred million UIDs are not given away for nothing.
const EMPTY_WINDOWS_MAX: u32 = 1000;
/// Mails of one listing that are remembered; the others are listed again behind them.
const ROWS_MAX: usize = 1000;
/// So often a mail is tried whole, and then its headers, before it counts as unreadable.
const TRIES_MAX: u32 = 3;

/// What is known of a mailbox between two rounds.
#[derive(Debug)]
pub(super) struct Rounds {
    /// Name of the intake.
    pub(super) name: Arc<str>,
    pub(super) folders: Vec<Arc<str>>,
    /// How each folder was when all of it had been read.
    pub(super) done: HashMap<Arc<str>, Opened>,
    /// The mail of a folder that could not be read.
    pub(super) stuck: HashMap<Arc<str>, Stuck>,
}

/// A mail that could not be read, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    uid: u32,
    tries: u32,
}

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Mails that were handed over.
    pub(super) mails: u64,
    /// Why it is not all.
    pub(super) fault: Option<ImapFault>,
}

/// The three who take part in a round.
pub(super) struct Party<'a, S, K, C> {
    pub(super) session: &'a mut Session<S>,
    pub(super) keeper: &'a K,
    pub(super) cursors: &'a C,
}

impl Rounds {
    /// Reads all folders; the first one last, so that it stays open. A folder that cannot be read
    /// does not hold up the others.
    ///
    /// # Errors
    /// When the connection is of no more use.
    pub(super) async fn read<S, K: Keeper, C: Cursors>(
        &mut self,
        party: &mut Party<'_, S, K, C>,
    ) -> Result<Reading, ImapFault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut reading = Reading::default();
        let mut order = self.folders.clone();
        let turned = order.len().min(1);
        order.rotate_left(turned);
        for folder in order {
            match self.read_folder(party, &folder, &mut reading.mails).await {
                Ok(()) => {}
                Err(ImapFault::Later) => {
                    reading.fault = Some(ImapFault::Later);
                    break;
                }
                Err(ImapFault::Refused { verb, said }) => {
                    let why = format!("{verb} is refused: {said}");
                    reading.fault = Some(ImapFault::Folder { folder, why });
                }
                Err(fault @ (ImapFault::Folder { .. } | ImapFault::Cursor(_))) => {
                    reading.fault = Some(fault);
                }
                Err(fatal) => return Err(fatal),
            }
        }
        Ok(reading)
    }

    async fn read_folder<S, K: Keeper, C: Cursors>(
        &mut self,
        party: &mut Party<'_, S, K, C>,
        folder: &Arc<str>,
        mails: &mut u64,
    ) -> Result<(), ImapFault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let opened = party.session.examine(folder).await?;
        if opened.next.is_some() && self.done.get(folder) == Some(&opened) {
            return Ok(());
        }
        self.done.remove(folder);
        let mut cursor = self.cursor(party.cursors, folder, opened).await?;
        let top = top(party.session, folder, opened).await?;
        let (mut width, mut empty) = (WINDOW, 0);
        let mut from = cursor.last.saturating_add(1);
        while from <= top && cursor.last < u32::MAX {
            let to = top.min(from.saturating_add(width - 1));
            let (rows, listed_to) = list(party.session, from, to).await?;
            (width, empty) = if rows.is_empty() {
                (width.saturating_mul(WINDOW_GROWTH).min(WINDOW_MAX), empty + 1)
            } else {
                (WINDOW, 0)
            };
            if empty > EMPTY_WINDOWS_MAX {
                return Err(ImapFault::Nonsense("UIDs of mails that are not there"));
            }
            for (uid, row) in rows {
                if self.hand_over(party, folder, uid, &row).await? {
                    *mails += 1;
                }
                cursor.last = uid;
                save(party.cursors, &self.name, folder, cursor).await?;
            }
            match listed_to.checked_add(1) {
                Some(next) => from = next,
                None => break,
            }
        }
        self.done.insert(Arc::clone(folder), opened);
        Ok(())
    }

    /// How far `folder` was read, if that still means anything.
    async fn cursor<C: Cursors>(
        &self,
        cursors: &C,
        folder: &Arc<str>,
        opened: Opened,
    ) -> Result<Cursor, ImapFault> {
        let start = Cursor { validity: opened.validity, last: 0 };
        let kept = cursors.load(&self.name, folder).await.map_err(ImapFault::Cursor)?;
        let Some(kept) = kept else { return Ok(start) };
        // A UID is never given twice, so a next one that we have read is as bad as another validity.
        let is_behind = opened.next.is_some_and(|next| next <= kept.last);
        if kept.validity == opened.validity && !is_behind {
            return Ok(kept);
        }
        tracing::warn!(intake = %self.name, %folder, "the UIDs of a folder have changed");
        save(cursors, &self.name, folder, start).await?;
        Ok(start)
    }

    /// Hands one mail over. `false`: it is not there any more.
    async fn hand_over<S, K: Keeper, C: Cursors>(
        &mut self,
        party: &mut Party<'_, S, K, C>,
        folder: &Arc<str>,
        uid: u32,
        row: &Fetch,
    ) -> Result<bool, ImapFault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let fetched = self.fetch(party.session, folder, uid, row).await?;
        let Some((raw, part)) = fetched else {
            self.stuck.remove(folder);
            return Ok(false);
        };
        if part != Part::Whole {
            tracing::warn!(intake = %self.name, %folder, uid, ?part, "a mail is not read whole");
        }
        let mail = Fetched {
            intake: Arc::clone(&self.name),
            place: format!("{folder} {uid}").into(),
            at: sane(row.date.as_deref().and_then(arrival), party.keeper.now()),
            raw,
            part,
        };
        match party.keeper.take(mail).await {
            Taking::Taken => {}
            Taking::Later => {
                self.stuck.remove(folder);
                return Err(ImapFault::Later);
            }
            Taking::Never => {
                tracing::warn!(intake = %self.name, %folder, uid, "a mail is not taken")
            }
        }
        self.stuck.remove(folder);
        Ok(true)
    }

    /// As much of a mail as can be had; `None` if it is not there any more.
    async fn fetch<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        session: &mut Session<S>,
        folder: &Arc<str>,
        uid: u32,
        row: &Fetch,
    ) -> Result<Option<(Vec<u8>, Part)>, ImapFault> {
        let tries = self.tries(folder, uid);
        let size = row.size.unwrap_or(0);
        let is_large = size > u64::try_from(FETCHED_BYTES_MAX).unwrap_or(u64::MAX);
        let part = match () {
            () if is_large => Part::TooLarge(size),
            () if tries >= TRIES_MAX => Part::Unreadable,
            () => Part::Whole,
        };
        // A large one is not tried whole first.
        if tries >= if is_large { TRIES_MAX } else { 2 * TRIES_MAX } {
            return Ok(Some((Vec::new(), part)));
        }
        let want = if part == Part::Whole { Want::Whole } else { Want::Headers };
        match session.fetch(uid, want).await? {
            Some(raw) if part == Part::Whole => Ok(Some((raw, part))),
            Some(raw) => Ok(Some((headers(raw), part))),
            None if list(session, uid, uid).await?.0.is_empty() => Ok(None),
            None => {
                let why = format!("the server gives nothing for the mail {uid}");
                Err(ImapFault::Folder { folder: Arc::clone(folder), why })
            }
        }
    }

    /// How often this mail was tried before. Whatever happens from here on, a broken connection
    /// among it, counts as one more try until the mail is there.
    fn tries(&mut self, folder: &Arc<str>, uid: u32) -> u32 {
        let stuck = self.stuck.get(folder).filter(|it| it.uid == uid);
        let tries = stuck.map_or(0, |it| it.tries);
        self.stuck.insert(Arc::clone(folder), Stuck { uid, tries: tries + 1 });
        tries
    }
}

/// The last UID that a mail of `folder` can have.
async fn top<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    folder: &Arc<str>,
    opened: Opened,
) -> Result<u32, ImapFault> {
    match opened.next {
        _ if opened.exists == 0 => Ok(0),
        Some(next) => Ok(next - 1),
        None => session.uid_at(opened.exists).await?.ok_or_else(|| {
            let why = "the server does not say which mails it has".to_owned();
            ImapFault::Folder { folder: Arc::clone(folder), why }
        }),
    }
}

/// The mails `from` to `to` in order, and up to where that is all of them.
async fn list<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    from: u32,
    to: u32,
) -> Result<(BTreeMap<u32, Fetch>, u32), ImapFault> {
    let mut rows = BTreeMap::new();
    let mut listed_to = to;
    let keep = |uid, row| {
        if uid > listed_to {
            return;
        }
        rows.insert(uid, row);
        if rows.len() > ROWS_MAX
            && let Some((surplus, _)) = rows.pop_last()
        {
            listed_to = surplus - 1;
        }
    };
    session.list(from, to, keep).await?;
    Ok((rows, listed_to))
}

async fn save<C: Cursors>(
    cursors: &C,
    intake: &Arc<str>,
    folder: &Arc<str>,
    cursor: Cursor,
) -> Result<(), ImapFault> {
    cursors.save(intake, folder, cursor).await.map_err(ImapFault::Cursor)
}

/// `17-Jul-1996 02:44:25 -0700`, as servers write it.
fn arrival(text: &[u8]) -> Option<Moment> {
    let text = str::from_utf8(text).ok()?.trim();
    let parsed = strtime::parse("%d-%b-%Y %H:%M:%S %z", text).ok()?;
    let nanos = parsed.to_timestamp().ok()?.as_nanosecond();
    u64::try_from(nanos).ok().map(Moment::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_read() {
        let at = |it: &str| arrival(it.as_bytes());
        assert_eq!(at("17-Jul-1996 02:44:25 -0700"), Some(Moment::from_secs(837_596_665)));
        assert_eq!(at(" 1-Jan-2026 00:00:00 +0000"), Some(Moment::from_secs(1_767_225_600)));
        for bad in
            ["", "NIL", "2026-01-01", "32-Jan-2026 00:00:00 +0000", "01-Jan-1900 00:00:00 +0000"]
        {
            assert_eq!(at(bad), None, "{bad}");
        }
        assert_eq!(arrival(b"\xff"), None);
    }

    #[test]
    fn tries_are_counted_for_one_mail() {
        let mut rounds = Rounds {
            name: "box".into(),
            folders: Vec::new(),
            done: HashMap::new(),
            stuck: HashMap::new(),
        };
        let (one, other) = (Arc::from("INBOX"), Arc::from("Reports"));
        assert_eq!(
            [rounds.tries(&one, 5), rounds.tries(&one, 5), rounds.tries(&one, 5)],
            [0, 1, 2]
        );
        assert_eq!([rounds.tries(&other, 6), rounds.tries(&other, 6)], [0, 1]);
        assert_eq!([rounds.tries(&one, 5), rounds.tries(&one, 6)], [3, 0]);
    }
}
