//! The seam between the intakes that fetch (mailbox, folder) and the house that keeps.
//!
//! A fetching intake decides nothing about a mail: it hands over bytes, and only the answer says
//! whether it may forget them. The house answers [`Taking::Taken`] once the mail is kept, so a
//! process that dies in between sees the same mail again; that it is the same one, the ledger knows.

use std::{sync::Arc, time::Duration};

use model::{IntakeState, Moment};

/// Bytes of a mail that is fetched whole; of a larger one only the headers are. As much as our own
/// mail servers take.
pub const FETCHED_BYTES_MAX: usize = 35 << 20;
/// Bytes of headers that are fetched of a mail that cannot be fetched whole.
pub const FETCHED_HEADER_BYTES_MAX: usize = 256 << 10;
/// A time of arrival may lie so far ahead of our clock before it counts as nonsense.
const AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// 2000-01-01: nothing that is waited for came before.
const SANE_SINCE: Moment = Moment::from_secs(946_684_800);

/// A mail that an intake has fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// By which intake: its name.
    pub intake: Arc<str>,
    /// Where it lay, for people: the folder of a mailbox, a file.
    pub place: Arc<str>,
    /// When it came there, as far as that can be believed.
    pub at: Moment,
    /// Its bytes as they were there.
    pub raw: Vec<u8>,
    /// What of it is missing in `raw`.
    pub part: Part,
}

/// How much of a mail was fetched. What is not whole can never be good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// It has so many bytes, more than is fetched: these are its headers.
    TooLarge(u64),
    /// It could not be read again and again: this is what could, maybe nothing.
    Unreadable,
}

/// What became of a mail that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is kept: the intake may forget it.
    Taken,
    /// Not now: it stays where it is and is handed over again.
    Later,
    /// Not ever: handing it over again is no use.
    Never,
}

/// Takes what intakes fetch.
pub trait Keeper: Send + Sync {
    /// The time, on the engine's own clock.
    fn now(&self) -> Moment;

    /// Takes a mail; answers when it is kept.
    fn take(&self, mail: Fetched) -> impl Future<Output = Taking> + Send;

    /// Takes word of how an intake is. It must not overtake mails that were handed over before.
    fn tell(&self, state: IntakeState) -> impl Future<Output = ()> + Send;
}

/// `at` if a mail can have come then, otherwise `now`.
pub(crate) fn sane(at: Option<Moment>, now: Moment) -> Moment {
    match at {
        Some(at) if at >= SANE_SINCE && at <= now.after(AHEAD_MAX) => at.min(now),
        _ => now,
    }
}

/// The headers at the beginning of `raw`, with the empty line that ends them; cut off at
/// [`FETCHED_HEADER_BYTES_MAX`].
pub(crate) fn headers(mut raw: Vec<u8>) -> Vec<u8> {
    raw.truncate(FETCHED_HEADER_BYTES_MAX);
    let lines = raw.split_inclusive(|it| *it == b'\n');
    let mut end = 0;
    for line in lines {
        end += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
    }
    raw.truncate(end);
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_cannot_be_are_now() {
        let now = Moment::from_secs(1_800_000_000);
        let before = now.before(Duration::from_secs(86_400));
        assert_eq!(sane(Some(before), now), before);
        assert_eq!(sane(Some(now.after(Duration::from_secs(60))), now), now);
        assert_eq!(sane(Some(now.after(Duration::from_secs(86_400))), now), now);
        assert_eq!(sane(Some(Moment::from_secs(7)), now), now);
        assert_eq!(sane(None, now), now);
    }

    #[test]
    fn headers_end_at_the_empty_line() {
        let cut = |it: &str| String::from_utf8(headers(it.into())).unwrap();
        assert_eq!(cut("A: b\r\nC: d\r\n\r\nbody\r\n\r\n"), "A: b\r\nC: d\r\n\r\n");
        assert_eq!(cut("A: b\nC: d\n\nbody\n"), "A: b\nC: d\n\n");
        assert_eq!(cut("\nbody"), "\n");
        assert_eq!(cut("A: b\r\nno end"), "A: b\r\nno end");
        assert_eq!(headers(vec![b'x'; FETCHED_HEADER_BYTES_MAX + 1]).len(), 256 << 10);
    }
}
