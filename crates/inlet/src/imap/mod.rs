//! Reads a mailbox on somebody else's server.
//!
//! One connection per mailbox. It goes through all folders, hands over what is new and then waits:
//! in `IDLE` on the first folder where the server can do that, otherwise for the time that
//! configuration says. Silence of a server proves nothing, since a dead one is silent too: so also a
//! server that tells by itself is asked again each time, and only a round through all folders moves
//! the mark up to which everything was read.
//!
//! The parts: `dial` gets us in, `wire` makes answers of bytes within limits, `answer` takes
//! them apart, `session` knows the commands, `round` what is new. The server is believed in
//! nothing but the mails themselves: what it announces is checked against limits, what it does not
//! say in time is a fault, and a mail that it will not give is handed over as unreadable instead of
//! being passed over.
//!
//! Only passwords are known here; logging in by OAuth2 is not.

mod answer;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod corpus;
mod dial;
mod fault;
mod names;
mod round;
mod session;
mod tls;
mod wire;

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use model::{IntakeState, Moment, Way};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::{self, Instant};

use self::{
    dial::{Secure, dial},
    fault::ImapFault,
    round::{Party, Reading, Rounds},
};
use crate::keeper::Keeper;

const PORT_TLS: u16 = 993;
const PORT_STARTTLS: u16 = 143;
/// After being woken for nothing the next round waits so long, and twice as long each time.
const STORM_PAUSE: Duration = Duration::from_millis(100);
/// Doublings of a pause that are counted.
const DOUBLINGS_MAX: u32 = 16;

/// How far a folder was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// What its UIDs are good for.
    pub validity: u32,
    /// The UID of the last mail that was taken; 0 before the first.
    pub last: u32,
}

/// Keeps how far each folder was read. What is lost of it is only read again.
pub trait Cursors: Send + Sync {
    /// How far `folder` of `intake` was read; `None` if it never was. An error is one line.
    fn load(
        &self,
        intake: &str,
        folder: &str,
    ) -> impl Future<Output = Result<Option<Cursor>, String>> + Send;

    /// Keeps it. An error is one line.
    fn save(
        &self,
        intake: &str,
        folder: &str,
        cursor: Cursor,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub struct Paces {
    /// For a connection, and once more for its encryption.
    pub connect: Duration,
    /// For the next byte of an answer.
    pub byte: Duration,
    /// For a whole answer: a large mail over a slow line.
    pub answer: Duration,
    /// `IDLE` is begun anew after this; servers hang up after half an hour.
    pub idle: Duration,
    /// After the first failure; doubled with each further one …
    pub retry: Duration,
    /// … up to this.
    pub retry_max: Duration,
    /// After a refused login; doubled with each further one …
    pub refused: Duration,
    /// … up to this.
    pub refused_max: Duration,
    /// After a mail that was not taken or not given.
    pub later: Duration,
}

impl Default for Paces {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            byte: Duration::from_secs(60),
            answer: Duration::from_secs(15 * 60),
            idle: Duration::from_secs(25 * 60),
            retry: Duration::from_secs(2),
            retry_max: Duration::from_secs(5 * 60),
            refused: Duration::from_secs(60),
            refused_max: Duration::from_secs(30 * 60),
            later: Duration::from_secs(10),
        }
    }
}

/// Where the mailbox is, and who we are there.
#[derive(Debug)]
struct Account {
    host: Arc<str>,
    port: u16,
    ca: Option<Arc<str>>,
    starttls: bool,
    user: Arc<str>,
    password_file: Arc<str>,
}

/// A mailbox that is read.
#[derive(Debug)]
pub struct Imap {
    account: Account,
    every: Duration,
    paces: Paces,
    rounds: Rounds,
    read_until: Moment,
    failures: u32,
}

impl Imap {
    /// The intake called `name`, if `way` is a mailbox.
    #[must_use]
    pub fn new(name: &Arc<str>, way: &Way) -> Option<Self> {
        let Way::Imap { server, ca, starttls, user, password_file, folders, every } = way else {
            return None;
        };
        let (host, port) = split(server, if *starttls { PORT_STARTTLS } else { PORT_TLS });
        let account = Account {
            host,
            port,
            ca: ca.clone(),
            starttls: *starttls,
            user: Arc::clone(user),
            password_file: Arc::clone(password_file),
        };
        let rounds = Rounds {
            name: Arc::clone(name),
            folders: folders.clone(),
            done: HashMap::new(),
            stuck: HashMap::new(),
        };
        Some(Self {
            account,
            every: *every,
            paces: Paces::default(),
            rounds,
            read_until: Moment::ZERO,
            failures: 0,
        })
    }

    /// Waits otherwise than is usual.
    #[must_use]
    pub fn paces(self, paces: Paces) -> Self {
        Self { paces, ..self }
    }

    /// Reads the mailbox for as long as it is polled. It may be dropped at any time: what was not
    /// taken by then is fetched again.
    pub async fn run<K: Keeper, C: Cursors>(mut self, keeper: &K, cursors: &C) -> ! {
        loop {
            let Err(fault) = self.listen(keeper, cursors).await;
            if self.failures == 0 {
                tracing::warn!(intake = %self.rounds.name, %fault, "deaf");
            }
            self.tell(keeper, Some(&fault)).await;
            let pause = self.paces.after(&fault, self.failures);
            self.failures = self.failures.saturating_add(1);
            time::sleep(pause).await;
        }
    }

    /// One connection, until it is of no more use.
    async fn listen<K: Keeper, C: Cursors>(
        &mut self,
        keeper: &K,
        cursors: &C,
    ) -> Result<Infallible, ImapFault> {
        let mut session = dial(&self.account, &self.paces).await?;
        let mut useless_wakes = 0;
        loop {
            let began = keeper.now();
            let mut party = Party { session: &mut session, keeper, cursors };
            let reading = Box::pin(self.rounds.read(&mut party)).await?;
            self.failures = 0;
            if reading.fault.is_none() {
                self.read_until = self.read_until.max(began);
            }
            self.tell(keeper, reading.fault.as_ref()).await;
            if reading.mails > 0 {
                useless_wakes = 0;
            }
            if self.wait(&mut session, &reading).await? {
                // A server that cries wolf gets slower answers.
                if useless_wakes > 0 {
                    time::sleep(doubled(STORM_PAUSE, useless_wakes - 1).min(self.every)).await;
                }
                useless_wakes += 1;
            } else {
                useless_wakes = 0;
            }
        }
    }

    /// Waits until it is time for another round. Did the server say so?
    async fn wait(&self, session: &mut Secure, reading: &Reading) -> Result<bool, ImapFault> {
        let is_held_up = matches!(reading.fault, Some(ImapFault::Later));
        if is_held_up || !self.rounds.stuck.is_empty() {
            time::sleep(self.paces.later).await;
            return Ok(false);
        }
        if session.has_grown() {
            return Ok(true);
        }
        let until = Instant::now() + self.every;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let wait = left.min(self.paces.idle);
            if session.can_idle {
                if session.idle(wait).await? {
                    return Ok(true);
                }
            } else {
                time::sleep(wait).await;
                session.noop().await?;
            }
        }
    }

    async fn tell<K: Keeper>(&self, keeper: &K, fault: Option<&ImapFault>) {
        let state = IntakeState {
            name: Arc::clone(&self.rounds.name),
            read_until: self.read_until,
            fault: fault.map(|it| Arc::from(it.to_string())),
        };
        keeper.tell(state).await;
    }
}

impl Paces {
    /// The pause after `fault`, which came after so many `failures` in a row. Up to a quarter longer
    /// than planned, so that many mailboxes on one server do not come back together.
    fn after(&self, fault: &ImapFault, failures: u32) -> Duration {
        let (first, last) = match fault.is_refusal() {
            true => (self.refused, self.refused_max),
            false => (self.retry, self.retry_max),
        };
        let planned = doubled(first, failures).min(last);
        let mut dice = [0];
        let rolled = SystemRandom::new().fill(&mut dice).is_ok();
        planned + planned.mul_f64(if rolled { f64::from(dice[0]) / 1024.0 } else { 0.0 })
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(DOUBLINGS_MAX))
}

/// `imap.example:993`, `[2001:db8::1]:993`, `imap.example`.
fn split(server: &str, port: u16) -> (Arc<str>, u16) {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, digits)) if !host.contains(':') || host.ends_with(']') => {
            (host, digits.parse().unwrap_or(port))
        }
        _ => (server, port),
    };
    (host.trim_start_matches('[').trim_end_matches(']').into(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_host_and_port() {
        let cases = [
            ("imap.msp.example:1993", "imap.msp.example", 1993),
            ("imap.msp.example", "imap.msp.example", 993),
            ("192.0.2.1:143", "192.0.2.1", 143),
            ("[2001:db8::1]:993", "2001:db8::1", 993),
            ("[2001:db8::1]", "2001:db8::1", 993),
            ("2001:db8::1", "2001:db8::1", 993),
        ];
        for (text, host, port) in cases {
            assert_eq!(split(text, 993), (Arc::from(host), port), "{text}");
        }
    }

    #[test]
    fn pauses_grow_and_are_not_all_alike() {
        let paces = Paces::default();
        let closed = ImapFault::Closed { said: String::new() };
        let refused = ImapFault::NotLetIn { user: "watch".into() };
        for (failures, least) in [(0, 2), (1, 4), (5, 64), (9, 300), (1000, 300)] {
            let pause = paces.after(&closed, failures);
            let least = Duration::from_secs(least);
            assert!(pause >= least && pause <= least.mul_f64(1.25), "{failures}: {pause:?}");
        }
        assert!(paces.after(&refused, 0) >= Duration::from_secs(60));
        assert!(paces.after(&refused, 99) >= Duration::from_secs(1800));
        let all: std::collections::BTreeSet<_> = (0..64).map(|_| paces.after(&closed, 3)).collect();
        assert!(all.len() > 8, "{all:?}");
    }
}
