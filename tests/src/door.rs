//! A TCP port that opens and closes.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

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

    /// Lets in again.
    ///
    /// # Panics
    /// When somebody else has taken its place.
    pub fn open(&mut self) {
        if self.listener.is_none() {
            self.listener = Some(listen(self.address).unwrap());
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

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

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
}
