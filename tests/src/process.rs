//! A process of a test: what it prints is kept, and it ends with the test.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::until;

/// A running process.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Running {
    /// Starts `command`.
    ///
    /// # Panics
    /// When it cannot be started: it is not installed.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started ({command:?}): {error}"));
        let log = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().unwrap(), &log);
        keep(child.stderr.take().unwrap(), &log);
        Self { name: name.to_owned(), child, log }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has it ended, and how?
    ///
    /// # Panics
    /// When the kernel does not know it.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal by its name: `HUP`, `TERM`, `STOP`.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(status.success(), "{} cannot be sent {signal}\n{}", self.name, self.log());
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        let name = self.name.clone();
        until(&format!("the end of {name}"), || {
            self.ended().ok_or_else(|| format!("it still runs\n{}", self.log()))
        })
    }

    /// Ends it as a power failure would.
    ///
    /// # Panics
    /// When the kernel does not know it.
    pub fn kill9(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            show(&self.name, &self.log());
        }
    }
}

#[allow(clippy::print_stderr, reason = "the log of a failed test")]
fn show(name: &str, log: &str) {
    eprintln!("==== what {name} said\n{log}====");
}

/// Reads a pipe in a thread of its own, so that the process never waits for us.
fn keep(pipe: impl Read + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line);
            log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            line.clear();
        }
    });
}

/// A port of 127.0.0.1 that was free a moment ago, for servers that cannot choose one themselves.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
