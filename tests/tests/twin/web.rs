//! A tiny web server whose pages go bad and grow by a seeded schedule.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::dice::Dice;

const THREADS: usize = 4;
/// A client that says nothing for this long is left alone.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest request that is read.
const REQUEST_BYTES_MAX: usize = 8_192;
/// Pages have up to this many bytes.
const PAGE_BYTES_MAX: u64 = 1_000;
/// A page keeps its size for so many intervals of looks, and its status for so many.
const SIZE_STEPS: u32 = 3;
const STATUS_STEPS: u32 = 2;

/// The server; it ends with this.
pub(crate) struct Web {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Clone, Copy)]
struct Schedule {
    begun: Instant,
    every: Duration,
    dice: Dice,
}

impl Web {
    pub(crate) fn open(every: Duration, dice: Dice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let schedule = Schedule { begun: Instant::now(), every, dice };
        let threads = (0..THREADS).map(|_| {
            let (listener, stop) = (listener.try_clone().unwrap(), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Relaxed) {
                    if let Ok((stream, _)) = listener.accept() {
                        // A client that goes away in the middle is its own affair.
                        drop(serve(stream, schedule));
                    }
                }
            })
        });
        let threads = threads.collect();
        Self { address, stop, threads }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            while !thread.is_finished() {
                // Each connection frees one thread from its wait.
                drop(TcpStream::connect(self.address));
            }
        }
    }
}

fn serve(mut stream: TcpStream, schedule: Schedule) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut some = [0; 1_024];
    while !request.windows(4).any(|it| it == b"\r\n\r\n") {
        let length = stream.read(&mut some)?;
        if length == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
        request.extend(&some[..length]);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    stream.write_all(schedule.answer(path).as_bytes())
}

impl Schedule {
    /// What the page at `path` answers now: bad one time in four, and of any size.
    fn answer(self, path: &str) -> String {
        let throw = |steps: u32| {
            let step = (self.every * steps).as_nanos();
            u64::try_from(self.begun.elapsed().as_nanos() / step).unwrap_or(u64::MAX)
        };
        let bad = self.dice.below(4, &format!("status {path}"), throw(STATUS_STEPS)) == 0;
        let status = if bad { "503 Service Unavailable" } else { "200 OK" };
        let size = self.dice.below(PAGE_BYTES_MAX, &format!("size {path}"), throw(SIZE_STEPS));
        let body = "x".repeat(usize::try_from(size).unwrap());
        format!("HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{body}")
    }
}
