//! The log, written by a thread of its own.
//!
//! Whoever reads the log may be slow, or hang: a full pipe must not hold up a shard or the desk. So
//! a line is handed over and never waited for; what finds no room is dropped and counted, and the
//! log says so once it goes on. The journal of what happened is the store, not the log.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};

/// Lines that may wait to be written.
const LINES_WAITING_MAX: usize = 8_192;
/// Bytes of all of them: 16 MiB.
const BYTES_WAITING_MAX: usize = 16 << 20;

/// What the thread is handed.
enum Piece {
    Line(Vec<u8>),
    /// Let go of once everything before it is written.
    Flush(Sender<()>),
}

/// A way to the log. Cheap to clone; writing to it never waits.
#[derive(Clone)]
pub struct Log {
    pieces: Sender<Piece>,
    bytes: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

impl Log {
    /// Writes to `out` from now on.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (pieces, waiting) = crossbeam_channel::bounded(LINES_WAITING_MAX);
        let log = Self { pieces, bytes: Arc::default(), dropped: Arc::default() };
        let (bytes, dropped) = (Arc::clone(&log.bytes), Arc::clone(&log.dropped));
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write_all(out, &waiting, &bytes, &dropped))?;
        Ok(log)
    }

    /// How many lines were dropped.
    #[must_use]
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Waits until everything so far is written, but no longer than `within`.
    pub fn flush(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let (done, written) = crossbeam_channel::bounded(0);
        if self.pieces.send_deadline(Piece::Flush(done), deadline).is_ok() {
            // Nothing is ever received: the wait ends when the thread lets go of its end.
            written.recv_deadline(deadline).unwrap_or(());
        }
    }
}

impl Write for Log {
    /// Takes a whole line, or drops it; whoever writes sees no difference.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let before = self.bytes.fetch_add(line.len(), Relaxed);
        let has_room = before + line.len() <= BYTES_WAITING_MAX;
        if !has_room || self.pieces.try_send(Piece::Line(line.to_vec())).is_err() {
            self.bytes.fetch_sub(line.len(), Relaxed);
            self.dropped.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(
    mut out: impl Write,
    waiting: &Receiver<Piece>,
    bytes: &AtomicUsize,
    dropped: &AtomicU64,
) {
    let mut told = 0;
    for piece in waiting {
        match piece {
            // A log that nobody can write to is no reason to end the engine. It is not said there
            // either, or there would be no end to saying it.
            Piece::Line(line) => {
                if out.write_all(&line).is_err() {
                    dropped.fetch_add(1, Relaxed);
                    told += 1;
                }
                bytes.fetch_sub(line.len(), Relaxed);
            }
            Piece::Flush(done) => drop(done),
        }
        let lost = dropped.load(Relaxed);
        if lost > told && waiting.is_empty() {
            tracing::warn!(lines = lost - told, "lines of the log were dropped for want of room");
            told = lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// Writes nothing until it is let.
    struct Gate {
        open: Receiver<()>,
        seen: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Shut while nothing comes; open for good once the other end is gone.
            self.open.recv().unwrap_or(());
            self.seen.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (Log, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (open, gate) = crossbeam_channel::bounded(0);
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let log = Log::to(Gate { open: gate, seen: Arc::clone(&seen) }).unwrap();
        (log, open, seen)
    }

    #[test]
    fn a_reader_that_hangs_holds_up_nobody_and_what_is_lost_is_counted() {
        let (mut log, open, seen) = gated();
        let lines = 2 * LINES_WAITING_MAX;
        for number in 0..lines {
            log.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        let dropped = log.dropped().load(Relaxed);
        // One more may have left the queue and hang in the pipe.
        let kept = lines as u64 - dropped;
        assert!((kept == LINES_WAITING_MAX as u64) || kept == LINES_WAITING_MAX as u64 + 1);
        drop(open);
        log.flush(LONG);
        let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
        assert!(seen.starts_with("line 0\nline 1\n"));
        assert_eq!(seen.lines().count() as u64, kept, "in order, and none half");
        log.write_all(b"later\n").unwrap();
        log.flush(LONG);
        assert_eq!(log.dropped().load(Relaxed), dropped, "there is room again");
    }

    #[test]
    fn large_lines_are_bounded_by_their_bytes_and_the_end_does_not_wait_for_ever() {
        let (mut log, open, _) = gated();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            log.write_all(&line).unwrap();
        }
        assert_eq!(log.dropped().load(Relaxed), 64 - (BYTES_WAITING_MAX >> 20) as u64);
        log.flush(Duration::from_millis(1));
        drop(open);
    }
}
