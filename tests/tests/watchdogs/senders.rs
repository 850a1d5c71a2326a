//! Everybody who reports while the engine dies again and again, each in the way of its kind, and
//! what each of them was told.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tests::{Dovecot, MailLine, MailText, Page, Postfix, Sandbox};

use crate::{
    chance::Chance,
    estate::{DOMAINS, mail, now, swaks},
};

/// A run may have ended so long before its report is first sent, in seconds.
const AGO_MAX: u64 = 40;
/// Whoever was not taken comes again after this.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// One in so many mails is sent twice, though it was taken the first time.
const TWICE: u64 = 8;

/// By which way a report was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// SMTP, by a client of our own that knows what it was told.
    Smtp,
    /// SMTP, by swaks.
    Swaks,
    /// Postfix has taken it, from a client of our own or from swaks.
    Postfix,
    /// It lies in the mailbox.
    Imap,
    /// It lies in the folder, and some of them in the mailbox, too.
    Maildir,
    /// A ping, by a client of our own.
    Ping,
    /// A ping, by curl.
    Curl,
}

impl Way {
    /// Does whoever sends it wait for us?
    pub(crate) fn is_ping(self) -> bool {
        matches!(self, Self::Ping | Self::Curl)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Smtp => "smtp",
            Self::Swaks => "swaks",
            Self::Postfix => "postfix",
            Self::Imap => "imap",
            Self::Maildir => "maildir",
            Self::Ping => "ping",
            Self::Curl => "curl",
        })
    }
}

/// What was given, or not.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) number: u64,
    pub(crate) way: Way,
    pub(crate) job: String,
    /// When its run ended, in seconds, by its own words; a ping has none.
    pub(crate) ended: Option<i64>,
    /// It was told that it is taken, or it lies where we read.
    pub(crate) given: bool,
    /// Tries that were not answered, or refused for now.
    pub(crate) in_vain: u64,
}

/// Everything that can be sent to.
pub(crate) struct Places {
    /// Full names of the jobs …
    pub(crate) jobs: Vec<String>,
    /// … their secret addresses …
    pub(crate) addresses: Vec<String>,
    /// … and their paths for pings.
    pub(crate) pings: Vec<String>,
    pub(crate) smtp: u16,
    pub(crate) console: u16,
    pub(crate) postfix: Postfix,
    pub(crate) dovecot: Dovecot,
    /// Where the folder is.
    pub(crate) sandbox: Arc<Sandbox>,
    /// The first slots opened then, in seconds.
    pub(crate) since: i64,
    pub(crate) chance: Chance,
}

struct Shared {
    places: Places,
    next: AtomicU64,
    notes: Mutex<Vec<Note>>,
    stop: AtomicBool,
}

/// All senders, each a thread.
pub(crate) struct Senders {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Senders {
    pub(crate) fn begin(places: Places) -> Self {
        let shared = Arc::new(Shared {
            places,
            next: AtomicU64::new(1),
            notes: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        // Each with the pause that it makes: programs that are started cost more than a thread.
        let all: [(u64, Report); 8] = [
            (50, |it| it.mail(Way::Smtp, Shared::smtp)),
            (50, |it| it.mail(Way::Smtp, Shared::smtp)),
            (400, |it| it.mail(Way::Swaks, Shared::swaks)),
            (80, |it| it.mail(Way::Postfix, Shared::postfix)),
            (80, |it| it.mail(Way::Imap, Shared::imap)),
            (80, |it| it.mail(Way::Maildir, Shared::maildir)),
            (60, |it| it.ping(Way::Ping, Shared::plain_ping)),
            (200, |it| it.ping(Way::Curl, Shared::curl)),
        ];
        let start = |(pause, send): (u64, Report)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                while !shared.stop.load(Relaxed) {
                    send(&shared);
                    thread::sleep(Duration::from_millis(pause));
                }
            })
        };
        let threads = all.map(start).into();
        Self { shared, threads }
    }

    /// Lets everybody bring to its end what it has begun.
    ///
    /// # Panics
    /// When a sender was told no.
    pub(crate) fn end(&mut self) {
        self.shared.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a sender goes on until it is taken");
        }
    }

    /// What was given so far.
    pub(crate) fn notes(&self) -> Vec<Note> {
        self.shared.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What lies in the queue of postfix, and what it and dovecot have said.
    pub(crate) fn queued(&self) -> (usize, String) {
        let Places { postfix, dovecot, .. } = &self.shared.places;
        (postfix.queued(), format!("{}\n{}", postfix.log(), dovecot.log()))
    }

    /// Has everything tried again that lies there.
    pub(crate) fn flush(&self) {
        self.shared.places.postfix.flush();
    }
}

/// Sends one report.
type Report = fn(&Shared);
/// One try, with number, recipient or path, and text; is it given?
type Give = fn(&Shared, u64, &str, &str) -> bool;

impl Shared {
    /// A report with a number of its own, for any job, about a run that ended a while ago.
    fn mail(&self, way: Way, give: Give) {
        let number = self.next.fetch_add(1, Relaxed);
        let Places { jobs, addresses, chance, since, .. } = &self.places;
        let job = self.any(number);
        let (now, age) = (now(), u64::try_from(now() - since).unwrap_or(0));
        let ended = now - chance.below(age.min(AGO_MAX) + 1, "ago", number).cast_signed();
        let to = match (way, number % 2) {
            (Way::Postfix, 0) => addresses[job].replace(DOMAINS[0], DOMAINS[1]),
            _ => addresses[job].clone(),
        };
        let text = mail(&to, &format!("kill-{number}"), &format!("[ok] report {number}"), ended);
        let mut in_vain = 0;
        while !give(self, number, &to, &text) {
            in_vain += 1;
            thread::sleep(AGAIN_AFTER);
        }
        let note =
            Note { number, way, job: jobs[job].clone(), ended: Some(ended), given: true, in_vain };
        self.note(note);
    }

    /// A ping is one of its own whenever it is sent: what was not answered is not sent again.
    fn ping(&self, way: Way, give: Give) {
        let number = self.next.fetch_add(1, Relaxed);
        let Places { jobs, pings, .. } = &self.places;
        let job = self.any(number);
        let path = format!("{}?rid={}", pings[job], run_of(number));
        let given = give(self, number, &path, "all is well\n");
        let (job, in_vain) = (jobs[job].clone(), u64::from(!given));
        self.note(Note { number, way, job, ended: None, given, in_vain });
    }

    fn any(&self, number: u64) -> usize {
        let sides = self.places.jobs.len() as u64;
        usize::try_from(self.places.chance.below(sides, "job", number)).unwrap()
    }

    fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    fn smtp(&self, number: u64, to: &str, text: &str) -> bool {
        let port = self.places.smtp;
        let taken = deliver(port, to, text);
        if taken && self.places.chance.below(TWICE, "twice", number) == 0 {
            // Whoever has heard no answer would do so.
            deliver(port, to, text);
        }
        taken
    }

    fn postfix(&self, number: u64, to: &str, text: &str) -> bool {
        let port = self.places.postfix.port();
        match number % 16 {
            0 => self.by_swaks(port, number, to, text),
            _ => deliver(port, to, text),
        }
    }

    fn swaks(&self, number: u64, to: &str, text: &str) -> bool {
        self.by_swaks(self.places.smtp, number, to, text)
    }

    fn by_swaks(&self, port: u16, number: u64, to: &str, text: &str) -> bool {
        let file = self.places.sandbox.write(&format!("mails/{number}.eml"), text);
        let sent = swaks(port, to, &file, &["--timeout", "30"]);
        std::fs::remove_file(file).unwrap();
        sent.status.success()
    }

    fn imap(&self, _: u64, _: &str, text: &str) -> bool {
        self.places.dovecot.deliver(text);
        true
    }

    fn maildir(&self, number: u64, _: &str, text: &str) -> bool {
        let tmp = self.places.sandbox.write(&format!("box/tmp/{number}.M1.host"), text);
        let new = self.places.sandbox.path().join(format!("box/new/{number}.M1.host"));
        std::fs::rename(tmp, new).unwrap();
        if self.places.chance.below(TWICE, "twice", number) == 0 {
            self.places.dovecot.deliver(text);
        }
        true
    }

    fn plain_ping(&self, number: u64, path: &str, body: &str) -> bool {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, self.places.console));
        let (method, body) = [("GET", ""), ("POST", body)][usize::from(number.is_multiple_of(2))];
        let Ok(answer) = Page::send(at, method, path, &[], body) else { return false };
        // Whoever is told that nobody listens for him does not come again.
        assert!([200, 503].contains(&answer.code), "{path}: {answer:?}");
        answer.code == 200
    }

    fn curl(&self, number: u64, path: &str, body: &str) -> bool {
        let mut curl = Command::new("curl");
        curl.args(["--noproxy", "*", "-fsS", "-m", "30"]);
        if number.is_multiple_of(2) {
            curl.args(["--data-binary", body]);
        }
        let url = format!("http://127.0.0.1:{}{path}", self.places.console);
        let output = curl.arg(url).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("error: 4"), "{path}: {said}");
        output.status.success()
    }
}

/// Names a ping for ever.
fn run_of(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// One try; was it told that the mail is taken?
///
/// # Panics
/// When it is told that it never will be.
fn deliver(port: u16, to: &str, text: &str) -> bool {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut line) = MailLine::connect(at, Ipv4Addr::LOCALHOST) else { return false };
    let text = MailText::plain(text);
    let Ok((answer, _)) = line.send("nightly@acme.example", to, &text) else { return false };
    assert!(answer.is_yes() || answer.is_later(), "{to}: {answer:?}");
    let taken = answer.is_yes();
    line.quit();
    taken
}
