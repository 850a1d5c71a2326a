//! Many senders at once.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Bomb, MailEstate, MailLine, MailText, bomb::WELL};

/// One in so many mails is a bomb.
const BOMB_EVERY: usize = 100;
/// One in so many is sent by a device, the others by relays.
const DEVICE_EVERY: usize = 5;
/// A sender that was told to come again does so after this.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// And so often at most.
const TRIES_MAX: u32 = 40;
/// One in so many mails has a table of this many rows.
const TABLE_EVERY: usize = 10;
const TABLE_ROWS: usize = 300;

/// Numbered mails, and by whom they are sent.
#[derive(Clone, Debug)]
pub struct Flood {
    /// How many.
    pub mails: usize,
    /// So many a second; as fast as they go if 0.
    pub a_second: u32,
    /// Relays, each with its own address.
    pub relays: usize,
    /// Connections of each of them.
    pub lines: usize,
    /// Devices that send at the same time.
    pub devices: usize,
    /// With bombs among them.
    pub bombs: bool,
    /// How all messages of this run are called, so that none is the same as that of another.
    pub name: String,
}

/// What became of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server has said that it is kept.
    Taken,
    /// The server has said no.
    Refused(String),
    /// The line broke before there was an answer.
    Unknown(String),
}

/// One mail that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its number.
    pub number: usize,
    /// What it was made to do.
    pub bomb: Option<Bomb>,
    /// What became of it.
    pub fate: Fate,
    /// How often its sender was told to come again.
    pub later: u32,
    /// From the end of its text, or from when it was first told to come again, to the last answer.
    pub took: Duration,
    /// How much later than it should it was begun.
    pub late: Duration,
}

struct Run<'a> {
    flood: &'a Flood,
    to: SocketAddr,
    addresses: &'a [String],
    begin: Instant,
    /// Numbers that were given to relays, and to devices.
    given: [AtomicUsize; 2],
    sent: Mutex<Vec<Sent>>,
}

impl Flood {
    /// What the mail of this number is made to do.
    #[must_use]
    pub fn bomb(&self, number: usize) -> Option<Bomb> {
        // By turns from a relay and from a device.
        let (round, place) = (number / BOMB_EVERY, number % BOMB_EVERY);
        let is_one = self.bombs && place == 37 + 2 * (round % 2);
        is_one.then(|| Bomb::ALL[round % Bomb::ALL.len()])
    }

    /// Who a mail of this number says it is from: with this it is found again.
    #[must_use]
    pub fn sender(&self, number: usize) -> String {
        format!("n{number}@{}.example", self.name)
    }

    /// The mail of this number.
    #[must_use]
    pub fn text(&self, number: usize) -> MailText {
        let head = format!(
            "From: NAS <{}>\r\nTo: backup@in.msp.example\r\nMessage-ID: <{number}@{}.example>\r\n\
             Date: {}\r\n",
            self.sender(number),
            self.name,
            dated(),
        );
        match self.bomb(number) {
            Some(bomb) => bomb.text(&head),
            None => MailText::plain(ordinary(&head, number)),
        }
    }

    /// Sends all of them to `to`, the mail of number n to the nth of `addresses`, going round. What
    /// became of each, in the order of their numbers, and how long all took.
    ///
    /// # Panics
    /// When a sender does.
    #[must_use]
    pub fn run(&self, to: SocketAddr, addresses: &[String]) -> (Vec<Sent>, Duration) {
        let run = Run {
            flood: self,
            to,
            addresses,
            begin: Instant::now(),
            given: [AtomicUsize::new(0), AtomicUsize::new(0)],
            sent: Mutex::default(),
        };
        thread::scope(|scope| {
            let run = &run;
            for relay in 0..self.relays {
                for _ in 0..self.lines {
                    scope.spawn(move || run.relay(MailEstate::relay(relay)));
                }
            }
            for device in 0..self.devices {
                scope.spawn(move || run.device(device));
            }
        });
        let took = run.begin.elapsed();
        let mut sent = run.sent.into_inner().unwrap_or_else(PoisonError::into_inner);
        sent.sort_by_key(|it| it.number);
        (sent, took)
    }
}

impl Run<'_> {
    /// The next number of a relay or a device, once it is time for it, and how late that is.
    fn next(&self, of_device: bool) -> Option<(usize, Duration)> {
        let turn = self.given[usize::from(of_device)].fetch_add(1, SeqCst);
        let number = match of_device {
            true => turn * DEVICE_EVERY + DEVICE_EVERY - 1,
            false => turn / (DEVICE_EVERY - 1) * DEVICE_EVERY + turn % (DEVICE_EVERY - 1),
        };
        if number >= self.flood.mails {
            return None;
        }
        if self.flood.a_second == 0 {
            return Some((number, Duration::ZERO));
        }
        let due = Duration::from_secs_f64(number as f64 / f64::from(self.flood.a_second));
        if let Some(early) = due.checked_sub(self.begin.elapsed()) {
            thread::sleep(early);
        }
        Some((number, self.begin.elapsed().saturating_sub(due)))
    }

    fn relay(&self, from: Ipv4Addr) {
        let mut line = None;
        while let Some((number, late)) = self.next(false) {
            self.send(number, late, from, &mut line);
        }
        if let Some(line) = line {
            line.quit();
        }
    }

    /// Every mail of a device comes by a connection of its own, and every next one from another.
    fn device(&self, first: usize) {
        let mut place = first;
        while let Some((number, late)) = self.next(true) {
            let mut line = None;
            self.send(number, late, MailEstate::device(place), &mut line);
            if let Some(line) = line {
                line.quit();
            }
            place += self.flood.devices;
        }
    }

    fn send(&self, number: usize, late: Duration, from: Ipv4Addr, line: &mut Option<MailLine>) {
        let text = self.flood.text(number);
        let sender = self.flood.sender(number);
        let recipient = &self.addresses[number % self.addresses.len()];
        let is_bomb = self.flood.bomb(number).is_some();
        let (mut later, mut since) = (0, None);
        let (fate, took) = loop {
            let began = Instant::now();
            let said = self.once(from, line, (&sender, recipient, &text));
            let waited = |since: Option<Instant>| since.map_or(Duration::ZERO, |it| it.elapsed());
            match said {
                // Whoever sends bombs does not wait to be let in.
                Ok((answer, _)) if answer.is_later() && !is_bomb && later < TRIES_MAX => {
                    later += 1;
                    since.get_or_insert(began);
                    thread::sleep(AGAIN_AFTER);
                }
                Ok((answer, took)) => {
                    let took = took.unwrap_or_default().max(waited(since));
                    let yes = answer.is_yes();
                    break (if yes { Fate::Taken } else { Fate::Refused(answer.text) }, took);
                }
                Err(error) => {
                    *line = None;
                    break (Fate::Unknown(error.to_string()), waited(since));
                }
            }
        };
        let sent = Sent { number, bomb: self.flood.bomb(number), fate, later, took, late };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    }

    /// One try, by the line that is there or a new one.
    fn once(
        &self,
        from: Ipv4Addr,
        line: &mut Option<MailLine>,
        (sender, recipient, text): (&str, &str, &MailText),
    ) -> io::Result<(super::MailAnswer, Option<Duration>)> {
        let open = match line.take() {
            Some(open) => open,
            None => MailLine::connect(self.to, from)?,
        };
        line.insert(open).send(sender, recipient, text)
    }
}

/// A report as backup software writes it, now and then with a long table.
fn ordinary(head: &str, number: usize) -> String {
    let mut text = format!(
        "{head}Subject: {WELL} ({number})\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; \
         charset=utf-8\r\n\r\nJob number {number}\r\nStart time: 22:00:00\r\nEnd time: \
         22:41:07\r\nTotal size: {}.5 GB\r\n\r\n",
        number % 900
    );
    let rows = if number.is_multiple_of(TABLE_EVERY) { TABLE_ROWS } else { 10 };
    for row in 0..rows {
        text.push_str(&format!(
            "vm-{row:03}\tSuccess\t22:{:02}:00\t{row}.1 GB\tall of it\r\n",
            row % 60
        ));
    }
    text
}

/// Now, as mails write it.
fn dated() -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let now = crate::rfc3339(Duration::ZERO);
    let month: usize = now[5..7].parse().unwrap_or(1);
    format!("{} {} {} {} +0000", &now[8..10], MONTHS[month - 1], &now[..4], &now[11..19])
}

/// A bare mail server: whatever comes is appended to a file and flushed to the disk, and then taken.
/// Nothing can be told apart, found again or judged by what it keeps: it is the floor under every
/// server that keeps what it takes.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
}

impl Sink {
    /// One that keeps what it takes in `file`.
    ///
    /// # Panics
    /// When there is no port or no file.
    #[must_use]
    pub fn start(file: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let file = File::create(file).unwrap();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let file = file.try_clone();
                // Whoever breaks off has nothing taken.
                thread::spawn(move || file.and_then(|file| sunk(stream, file)));
            }
        });
        Self { address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn sunk(stream: TcpStream, mut file: File) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut output = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    output.write_all(b"220 sink\r\n")?;
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let answer: &[u8] = match line.get(..4) {
            Some(b"DATA") => {
                output.write_all(b"354 go ahead\r\n")?;
                let mut text = Vec::new();
                while !text.ends_with(b"\r\n.\r\n") && input.read_until(b'\n', &mut text)? > 0 {}
                file.write_all(&text)?;
                file.sync_data()?;
                b"250 taken\r\n"
            }
            Some(b"QUIT") => return output.write_all(b"221 bye\r\n"),
            _ => b"250 ok\r\n",
        };
        output.write_all(answer)?;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_is_sent_once_to_a_server_that_takes_all() {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sink::start(&folder.path().join("kept"));
        let flood = Flood {
            mails: 203,
            a_second: 0,
            relays: 2,
            lines: 3,
            devices: 2,
            bombs: false,
            name: "flood".to_owned(),
        };
        let (sent, _) = flood.run(sink.address(), &["x@in.msp.example".to_owned()]);
        let numbers: Vec<usize> = sent.iter().map(|it| it.number).collect();
        assert_eq!(numbers, (0..203).collect::<Vec<_>>());
        assert!(sent.iter().all(|it| it.fate == Fate::Taken), "{sent:?}");
        let kept = std::fs::read_to_string(folder.path().join("kept")).unwrap();
        let senders: BTreeSet<&str> =
            kept.lines().filter(|it| it.starts_with("From: NAS <n")).collect();
        assert_eq!(senders.len(), 203);
    }

    #[test]
    fn one_in_a_hundred_is_a_bomb_and_all_sorts_come() {
        let flood = Flood {
            mails: 0,
            a_second: 0,
            relays: 0,
            lines: 0,
            devices: 0,
            bombs: true,
            name: String::new(),
        };
        let bombs: Vec<Bomb> = (0..1_000).filter_map(|it| flood.bomb(it)).collect();
        assert_eq!(bombs, Bomb::ALL);
    }
}
