//! The memory of mails in flight, and who may have how much of it.
//!
//! A mail is in flight from its first byte until somebody keeps it. What it takes is booked to all
//! mails, to its peer and to each customer that it is for; each of these accounts has a quota, and
//! within it a smaller one for big mails. So a peer or a customer that floods us fills its own
//! account and no other, and big mails fill their part and leave the small ones, which reports are,
//! their reserve.
//!
//! What is booked is what is allocated, not what has come: half of a buffer may be empty. A sender
//! that says how large its mail is gets all of it before it begins. Where that is not known, a big
//! mail for which there is no more is given up at once: if it could wait, several of them could each
//! have a half and wait for the other one.

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::limits::{Flight, Limits, Quota};

/// The memory of all mails in flight.
#[derive(Debug)]
pub(super) struct Budget {
    books: Mutex<Books>,
    freed: Notify,
    flight: Flight,
}

#[derive(Debug, Default)]
struct Books {
    total: Held,
    /// Only those that hold something.
    accounts: HashMap<Account, Held>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    all: usize,
    big: usize,
}

/// To whom memory is booked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Account {
    Peer(IpAddr),
    Customer(Arc<str>),
}

/// What one mail has of the memory; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    accounts: Vec<(Account, Quota)>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            books: Mutex::default(),
            freed: Notify::new(),
            flight: limits.flight.clone(),
        })
    }

    /// Bytes that are taken, and those of big mails among them.
    pub(super) fn taken(&self) -> (usize, usize) {
        let books = self.books();
        (books.total.all, books.total.big)
    }

    /// A share for a mail of `peer` for these customers; nothing is in it yet.
    pub(super) fn share(self: &Arc<Self>, peer: IpAddr, relay: bool, whose: &[Arc<str>]) -> Share {
        let quota = if relay { self.flight.relay } else { self.flight.peer };
        let mut accounts = vec![(Account::Peer(peer), quota)];
        for customer in whose {
            let account = (Account::Customer(Arc::clone(customer)), self.flight.customer);
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        Share { budget: Arc::clone(self), accounts, bytes: 0 }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What so many bytes of one mail count for.
    fn held(&self, bytes: usize) -> Held {
        Held { all: bytes, big: if bytes > self.flight.small_bytes { bytes } else { 0 } }
    }
}

impl Held {
    /// With `before` given back and `behind` taken.
    fn moved(self, before: Self, behind: Self) -> Self {
        Self { all: self.all - before.all + behind.all, big: self.big - before.big + behind.big }
    }

    fn fits(self, quota: Quota) -> bool {
        self.all <= quota.all && self.big <= quota.big
    }
}

impl Share {
    /// How much is in it.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it so large, while it is small waiting for others to give back theirs. Was there enough
    /// in time?
    pub(super) async fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        let budget = Arc::clone(&self.budget);
        let is_big = budget.held(self.bytes).big > 0;
        let wait = if is_big { Duration::ZERO } else { budget.flight.wait };
        let until = Instant::now() + wait;
        loop {
            let mut freed = pin!(budget.freed.notified());
            // From here on nothing that is given back goes unnoticed.
            freed.as_mut().enable();
            if self.try_grow(bytes) {
                return true;
            }
            if timeout_at(until, freed).await.is_err() {
                return self.try_grow(bytes);
            }
        }
    }

    fn try_grow(&mut self, bytes: usize) -> bool {
        let (before, behind) = (self.budget.held(self.bytes), self.budget.held(bytes));
        let mut books = self.budget.books();
        let fits = |(account, quota): &(Account, Quota)| {
            let held = books.accounts.get(account).copied().unwrap_or_default();
            held.moved(before, behind).fits(*quota)
        };
        let total = books.total.moved(before, behind);
        if !total.fits(self.budget.flight.total) || !self.accounts.iter().all(fits) {
            return false;
        }
        books.book(&self.accounts, before, behind);
        drop(books);
        self.bytes = bytes;
        true
    }

    /// Gives back all but so many bytes.
    pub(super) fn shrink(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            return;
        }
        let (before, behind) = (self.budget.held(self.bytes), self.budget.held(bytes));
        self.budget.books().book(&self.accounts, before, behind);
        self.bytes = bytes;
        self.budget.freed.notify_waiters();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

impl Books {
    fn book(&mut self, accounts: &[(Account, Quota)], before: Held, behind: Held) {
        self.total = self.total.moved(before, behind);
        for (account, _) in accounts {
            let held = self.accounts.entry(account.clone()).or_default();
            *held = held.moved(before, behind);
            if held.all == 0 {
                self.accounts.remove(account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(wait: Duration) -> Arc<Budget> {
        let flight = Flight {
            small_bytes: 10,
            total: Quota { all: 200, big: 150 },
            peer: Quota { all: 100, big: 80 },
            relay: Quota { all: 190, big: 140 },
            customer: Quota { all: 90, big: 70 },
            wait,
        };
        Budget::new(&Limits { flight, ..Limits::default() })
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test]
    async fn nobody_gets_more_than_the_quota_and_big_ones_leave_a_reserve() {
        let budget = budget(Duration::ZERO);
        let mut one = budget.share(peer(1), false, &["acme".into()]);
        assert!(!one.grow(71).await, "one customer may have 70 of big ones");
        assert!(one.grow(70).await);
        let mut two = budget.share(peer(1), false, &["bolt".into()]);
        assert!(!two.grow(11).await, "one peer may have 80 of big ones");
        assert!(two.grow(10).await, "small ones have more");
        let mut three = budget.share(peer(2), true, &["bolt".into(), "cove".into(), "bolt".into()]);
        assert!(three.grow(60).await, "another peer has its own");
        assert!(!three.grow(81).await);
        assert_eq!(three.bytes(), 60, "what does not fit changes nothing");
        assert_eq!(budget.taken(), (140, 130));
        drop(one);
        assert!(!three.grow(71).await, "the customer still has its quota");
        three.shrink(5);
        assert_eq!(budget.taken(), (15, 0));
        drop((two, three));
        assert_eq!(budget.taken(), (0, 0));
        assert!(budget.books().accounts.is_empty(), "nobody is remembered for nothing");
    }

    #[tokio::test]
    async fn big_mails_do_not_wait_for_each_other() {
        let budget = budget(Duration::from_secs(3600));
        let mut shares = [1, 2, 3].map(|it| budget.share(peer(it), false, &[]));
        for share in &mut shares {
            assert!(share.grow(45).await);
        }
        assert!(!shares[0].grow(80).await, "this would never end");
        shares[0].shrink(0);
        assert!(shares[1].grow(80).await);
    }

    #[tokio::test]
    async fn who_waits_is_woken_when_something_is_given_back() {
        let budget = budget(Duration::from_secs(3600));
        let mut first = budget.share(peer(1), false, &[]);
        assert!(first.grow(80).await);
        let mut second = budget.share(peer(1), false, &[]);
        let waiting = tokio::spawn(async move { second.grow(50).await });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
        assert_eq!(budget.taken(), (0, 0));
    }
}
