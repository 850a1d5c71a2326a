//! Who is connected, and how much each may send in a minute.
//!
//! A peer is an IPv4 address or an IPv6 network of 64 bits: behind the latter a single machine has
//! more addresses than anybody can count.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::{counters::Refusal, limits::Limits};

/// Peers, and customers, whose rate is remembered. Beyond that whoever has sent least is forgotten.
const REMEMBERED_MAX: usize = 4_096;
const MINUTE_SECS: f64 = 60.0;

/// All who are connected.
#[derive(Debug)]
pub(super) struct Crowd {
    books: Mutex<Books>,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Books {
    connections: usize,
    strangers: usize,
    peers: HashMap<IpAddr, usize>,
    peer_rates: Rates<IpAddr>,
    customer_rates: Rates<Arc<str>>,
}

/// A connection that has a place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    peer: IpAddr,
    relay: bool,
}

/// The address by which limits know a peer.
pub(super) fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(it) => IpAddr::V4(it),
        IpAddr::V6(it) => IpAddr::V6(Ipv6Addr::from_bits(it.to_bits() >> 64 << 64)),
    }
}

impl Crowd {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { books: Mutex::default(), limits: limits.clone() })
    }

    /// A place for a connection.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr, relay: bool) -> Result<Place, Refusal> {
        let limits = &self.limits;
        let of_peer = if relay { limits.relay_connections } else { limits.peer_connections };
        let mut books = self.books();
        let is_full = books.connections >= limits.connections;
        if is_full || !relay && books.strangers >= limits.strangers {
            return Err(Refusal::Connections);
        }
        let connections = books.peers.entry(peer).or_default();
        if *connections >= of_peer {
            return Err(Refusal::PeerConnections);
        }
        *connections += 1;
        books.connections += 1;
        books.strangers += usize::from(!relay);
        Ok(Place { crowd: Arc::clone(self), peer, relay })
    }

    /// How many are connected.
    pub(super) fn connections(&self) -> usize {
        self.books().connections
    }

    /// Are three of four places taken, of all or of those for strangers?
    pub(super) fn is_crowded(&self) -> bool {
        let books = self.books();
        let full = |taken: usize, places: usize| taken * 4 >= places * 3;
        full(books.connections, self.limits.connections)
            || full(books.strangers, self.limits.strangers)
    }

    /// May this customer get one more mail?
    pub(super) fn customer(&self, whose: &Arc<str>, now: Instant) -> bool {
        let a_minute = self.limits.customer_mails_a_minute;
        self.books().customer_rates.take(whose, a_minute, now)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// By which address limits know the peer.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Is the peer one of the intake's relays?
    pub(super) fn is_relay(&self) -> bool {
        self.relay
    }

    /// May this peer send one more mail?
    pub(super) fn mail(&self, now: Instant) -> bool {
        let limits = &self.crowd.limits;
        let a_minute =
            if self.relay { limits.relay_mails_a_minute } else { limits.peer_mails_a_minute };
        self.crowd.books().peer_rates.take(&self.peer, a_minute, now)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut books = self.crowd.books();
        books.connections -= 1;
        books.strangers -= usize::from(!self.relay);
        if let Some(connections) = books.peers.get_mut(&self.peer) {
            *connections -= 1;
            if *connections == 0 {
                books.peers.remove(&self.peer);
            }
        }
    }
}

/// How much each has sent lately.
#[derive(Debug)]
struct Rates<K> {
    buckets: HashMap<K, Bucket>,
}

/// What one has sent and time has not yet worn off.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self { buckets: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Rates<K> {
    fn take(&mut self, of: &K, a_minute: u32, now: Instant) -> bool {
        if !self.buckets.contains_key(of) && self.buckets.len() >= REMEMBERED_MAX {
            self.forget(a_minute, now);
        }
        let bucket = self.buckets.entry(of.clone()).or_insert(Bucket { level: 0.0, at: now });
        let level = bucket.level(a_minute, now);
        let fits = level + 1.0 <= f64::from(a_minute);
        *bucket = Bucket { level: if fits { level + 1.0 } else { level }, at: now };
        fits
    }

    /// All whose mails have worn off, or else the one who has sent least.
    fn forget(&mut self, a_minute: u32, now: Instant) {
        self.buckets.retain(|_, it| it.level(a_minute, now) > 0.0);
        if self.buckets.len() >= REMEMBERED_MAX {
            let level = |it: &Bucket| it.level(a_minute, now);
            let least = self.buckets.iter().min_by(|a, b| level(a.1).total_cmp(&level(b.1)));
            if let Some(least) = least.map(|it| it.0.clone()) {
                self.buckets.remove(&least);
            }
        }
    }
}

impl Bucket {
    fn level(&self, a_minute: u32, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level - passed * f64::from(a_minute) / MINUTE_SECS).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn crowd() -> Arc<Crowd> {
        Crowd::new(&Limits {
            connections: 8,
            strangers: 5,
            peer_connections: 2,
            relay_connections: 4,
            peer_mails_a_minute: 3,
            customer_mails_a_minute: 2,
            ..Limits::default()
        })
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn strangers_leave_places_for_relays() {
        let crowd = crowd();
        let mut places = vec![crowd.enter(peer(1), false).unwrap()];
        places.push(crowd.enter(peer(1), false).unwrap());
        assert_eq!(crowd.enter(peer(1), false).unwrap_err(), Refusal::PeerConnections);
        for last in 2..5 {
            places.push(crowd.enter(peer(last), false).unwrap());
        }
        assert_eq!(crowd.enter(peer(9), false).unwrap_err(), Refusal::Connections);
        for _ in 0..3 {
            places.push(crowd.enter(peer(10), true).unwrap());
        }
        assert_eq!(crowd.enter(peer(10), true).unwrap_err(), Refusal::Connections);
        assert_eq!(crowd.connections(), 8);
        places.clear();
        assert_eq!(crowd.connections(), 0);
        assert!(crowd.books().peers.is_empty());
    }

    #[test]
    fn a_crowd_is_seen_before_the_last_place_is_taken() {
        let crowd = crowd();
        let places: Vec<Place> = (1..4).map(|it| crowd.enter(peer(it), false).unwrap()).collect();
        assert!(!crowd.is_crowded());
        let _fourth = crowd.enter(peer(4), false).unwrap();
        assert!(crowd.is_crowded());
        drop(places);
        assert!(!crowd.is_crowded());
    }

    #[test]
    fn a_rate_wears_off_with_time_and_is_each_ones_own() {
        let crowd = crowd();
        let now = Instant::now();
        let place = crowd.enter(peer(1), false).unwrap();
        assert_eq!([place.mail(now), place.mail(now), place.mail(now)], [true; 3]);
        assert!(!place.mail(now));
        assert!(crowd.enter(peer(2), false).unwrap().mail(now));
        assert!(!place.mail(now + Duration::from_secs(19)));
        assert!(place.mail(now + Duration::from_secs(20)));
        let (acme, bolt): (Arc<str>, Arc<str>) = ("acme".into(), "bolt".into());
        assert!(crowd.customer(&acme, now) && crowd.customer(&acme, now));
        assert!(!crowd.customer(&acme, now));
        assert!(crowd.customer(&bolt, now));
    }

    #[test]
    fn only_so_many_are_remembered_and_never_the_one_who_floods_is_forgotten() {
        let mut rates = Rates::<usize>::default();
        let now = Instant::now();
        assert!((0..5).all(|_| rates.take(&0, 5, now)));
        for peer in 1..REMEMBERED_MAX * 2 {
            assert!(rates.take(&peer, 5, now));
        }
        assert_eq!(rates.buckets.len(), REMEMBERED_MAX);
        assert!(!rates.take(&0, 5, now));
    }

    #[test]
    fn a_peer_of_ipv6_is_its_network() {
        let of = |it: &str| peer_of(it.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
    }
}
