//! A port in front of a server, where a test can hold back what the server says and cut.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

/// Carries bytes between whoever connects and a server.
#[derive(Clone, Debug)]
pub struct Ferry {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// What the server says is thrown away.
    mute: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Ferry {
    /// To the server at `port` of 127.0.0.1. Its thread ends with the process.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let carrying = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A server that is not there is told to the other side by the end of the stream.
                drop(carry(&carrying, stream, port));
            }
        });
        Self { address, shared }
    }

    /// Where to connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on nobody hears what the server says.
    pub fn mute(&self) {
        self.shared.mute.store(true, Relaxed);
    }

    /// Cuts every connection there is, and lets the next ones hear the server again.
    pub fn cut(&self) {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        for it in open.drain(..) {
            // It may have ended by itself.
            drop(it.shutdown(Shutdown::Both));
        }
        self.shared.mute.store(false, Relaxed);
    }
}

fn carry(shared: &Arc<Shared>, near: TcpStream, port: u16) -> io::Result<()> {
    let far = TcpStream::connect(("127.0.0.1", port))?;
    let both = [near.try_clone()?, far.try_clone()?];
    shared.open.lock().unwrap_or_else(PoisonError::into_inner).extend(both);
    let (from, to) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || drop(pump(from, to, || true)));
    let shared = Arc::clone(shared);
    thread::spawn(move || drop(pump(far, near, || !shared.mute.load(Relaxed))));
    Ok(())
}

/// Until either side ends.
fn pump(mut from: TcpStream, mut to: TcpStream, passes: impl Fn() -> bool) -> io::Result<()> {
    let mut bytes = [0; 4_096];
    loop {
        let length = from.read(&mut bytes)?;
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        if passes() {
            to.write_all(&bytes[..length])?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_can_be_held_back() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let ferry = Ferry::to(server.local_addr().unwrap().port());
        let mut client = TcpStream::connect(("127.0.0.1", ferry.port())).unwrap();
        let (mut served, _) = server.accept().unwrap();
        let mut heard = [0];
        client.write_all(b"a").unwrap();
        served.read_exact(&mut heard).unwrap();
        served.write_all(b"b").unwrap();
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"b");
        ferry.mute();
        served.write_all(b"c").unwrap();
        client.write_all(b"d").unwrap();
        served.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"d");
        ferry.cut();
        assert!(client.read(&mut heard).is_ok_and(|it| it == 0) || client.take_error().is_ok());
    }
}
