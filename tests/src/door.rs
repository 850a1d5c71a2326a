//! A TCP port that opens and closes.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use crate::until;

/// A port at an address that no other door has, and no other process of tests: so nobody else's
/// socket can stand where a closed door is meant to be.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    listener: Option<TcpListener>,
}

impl Default for Door {
    fn default() -> Self {
        Self::new()
    }
}

impl Door {
    /// A door that is open.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn new() -> Self {
        static DOORS: AtomicU32 = AtomicU32::new(0);
        let number = DOORS.fetch_add(1, Relaxed);
        let byte = |it: u32| u8::try_from(it % 256).unwrap();
        let own = 192 + std::process::id() % 60;
        let address = [127, byte(own), byte(number / 250), byte(1 + number % 250)];
        let listener = listen((address, 0).into()).unwrap();
        Self { address: listener.local_addr().unwrap(), listener: Some(listener) }
    }

    /// Where it is: `127.0.0.1:80`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses from now on.
    pub fn close(&mut self) {
        self.listener = None;
    }

    /// Lets in again. Whoever listens at all addresses may have been given its port meanwhile; that
    /// passes.
    ///
    /// # Panics
    /// When somebody else keeps its place.
    pub fn open(&mut self) {
        if self.listener.is_none() {
            let listen = || listen(self.address).map_err(|error| error.to_string());
            self.listener = Some(until(&format!("the place of {}", self.address), listen));
        }
    }

    /// Is it open?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.listener.is_some()
    }

    /// Lets in whoever waits, so that its queue never fills up.
    pub fn welcome(&self) {
        if let Some(listener) = &self.listener {
            while listener.accept().is_ok() {}
        }
    }
}

/// A door with somebody at it who lets everybody in at once. The queue of a [`Door`] holds only so
/// many as come between two looks at it; thousands a second would stand outside and be taken for
/// refused.
#[derive(Debug)]
pub struct Porter {
    door: Door,
    leaves: Arc<AtomicBool>,
    stands: Option<JoinHandle<()>>,
}

impl Default for Porter {
    fn default() -> Self {
        Self::new()
    }
}

impl Porter {
    /// A door that is open.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn new() -> Self {
        let mut porter = Self { door: Door::new(), leaves: Arc::default(), stands: None };
        porter.stand();
        porter
    }

    /// Where the door is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Refuses from now on.
    pub fn close(&mut self) {
        self.leaves.store(true, Relaxed);
        let Some(stands) = self.stands.take() else { return };
        // Wakes the porter, who then sees that he is to leave.
        drop(TcpStream::connect(self.address()));
        drop(stands.join());
    }

    /// Lets in again.
    ///
    /// # Panics
    /// When somebody else keeps its place.
    pub fn open(&mut self) {
        if self.stands.is_none() {
            self.door.open();
            self.stand();
        }
    }

    fn stand(&mut self) {
        let Some(listener) = self.door.listener.take() else { return };
        listener.set_nonblocking(false).unwrap();
        self.leaves = Arc::default();
        let leaves = Arc::clone(&self.leaves);
        self.stands = Some(thread::spawn(move || {
            while !leaves.load(Relaxed) {
                drop(listener.accept());
            }
        }));
    }
}

impl Drop for Porter {
    fn drop(&mut self) {
        self.close();
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn it_refuses_while_it_is_closed() {
        let mut door = Door::new();
        assert!(TcpStream::connect(door.address()).is_ok());
        door.welcome();
        door.close();
        assert!(TcpStream::connect(door.address()).is_err());
        door.open();
        assert!(TcpStream::connect(door.address()).is_ok());
    }

    #[test]
    fn it_opens_once_whoever_has_taken_its_place_is_gone() {
        let mut door = Door::new();
        door.close();
        let other = listen((Ipv4Addr::UNSPECIFIED, door.address().port()).into()).unwrap();
        let leaves = thread::spawn(move || {
            // By then the door has tried at least once, or tries for the first time after it.
            thread::yield_now();
            drop(other);
        });
        door.open();
        assert!(door.is_open());
        leaves.join().unwrap();
    }

    #[test]
    fn a_porter_lets_in_more_than_a_queue_holds_and_nobody_once_it_has_left() {
        let mut porter = Porter::new();
        let visitors: Vec<_> = (0..1_000).map(|_| TcpStream::connect(porter.address())).collect();
        assert!(visitors.iter().all(Result::is_ok));
        porter.close();
        assert!(TcpStream::connect(porter.address()).is_err());
        porter.open();
        assert!(TcpStream::connect(porter.address()).is_ok());
    }
}
