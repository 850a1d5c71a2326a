//! TCP ports that open and close by a seeded schedule, one at each host.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::dice::Dice;

/// How long a connection may lie in the backlog, which takes 128 of them.
const ROUND: Duration = Duration::from_millis(10);
/// How many intervals of looks a door stays as it is, by its number.
const STEPS: [u32; 4] = [1, 2, 5, 20];

/// A port at one address.
pub(crate) struct Door {
    number: u32,
    address: SocketAddr,
    listener: Option<TcpListener>,
}

impl Door {
    /// A door that is open.
    pub(crate) fn new(number: u32, address: [u8; 4]) -> Self {
        let listener = listen((address, 0).into()).unwrap();
        Self { number, address: listener.local_addr().unwrap(), listener: Some(listener) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Opens or shuts it, and lets in whoever waits.
    fn turn(&mut self, open: bool) {
        match (&self.listener, open) {
            (Some(listener), true) => while listener.accept().is_ok() {},
            (Some(_), false) => self.listener = None,
            // Somebody may hold the port at all addresses; then it opens later.
            (None, true) => self.listener = listen(self.address).ok(),
            (None, false) => {}
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// All doors, in the care of one thread.
pub(crate) struct Doors {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Doors {
    pub(crate) fn open(mut doors: Vec<Door>, every: Duration, dice: Dice) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            while !stopped.load(Relaxed) {
                for door in &mut doors {
                    let open = is_open(door.number, begun.elapsed(), every, dice);
                    door.turn(open);
                }
                thread::sleep(ROUND);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_some_and(|it| it.is_ok()) || thread::panicking(), "the doors broke");
    }
}

/// Is door `number` open at this time of the schedule? Two times out of three.
fn is_open(number: u32, at: Duration, every: Duration, dice: Dice) -> bool {
    let step = every * STEPS[number as usize % STEPS.len()];
    let throw = u64::try_from(at.as_nanos() / step.as_nanos()).unwrap_or(u64::MAX);
    dice.below(3, &format!("door {number}"), throw) > 0
}
