//! A mail server of a test's own: Debian's postfix, which decides as the test tells it.
//!
//! Folders, queue, ports, certificate and the one account are its own; nothing in `/etc/postfix`
//! is read or written. One with boxes takes mail only over TLS and from whoever has logged in; one
//! that hands on takes it from everybody on this machine.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::{Certificate, Running, Sandbox, free_port, nginx::path_with_sbin, until};

/// The account that may send.
const USER: &str = "noc";
const PASSWORD: &str = "pillow-42";
/// Postfix's name of itself, and the realm of the account.
const MAIL_HOST: &str = "mail.test";
/// Folders in which mails lie that are not where they are to go.
const QUEUES: [&str; 4] = ["maildrop", "incoming", "active", "deferred"];
/// Where Debian has the programs that `master` starts.
const DAEMONS: &str = "/usr/lib/postfix/sbin";

/// What postfix asks before it answers a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How far the talk is: `RCPT`, or `END-OF-MESSAGE` when it has the whole mail in its hands.
    pub state: String,
    /// For whom it is.
    pub recipient: String,
}

/// Says what is done: `DUNNO` for nothing particular, or a code and a text.
type Rule = Box<dyn FnMut(&Asked) -> String + Send>;

/// A running postfix.
#[derive(Debug)]
pub struct Postfix {
    sandbox: Sandbox,
    running: Running,
    certificate: Certificate,
    port: u16,
    judge: Judge,
}

/// One mail in somebody's box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// As postfix has stored it.
    pub text: String,
}

impl Letter {
    /// The header called `name`, folded lines joined; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        let mut found = String::new();
        let mut inside = false;
        for line in self.text.lines().take_while(|it| !it.is_empty()) {
            let continues = line.starts_with([' ', '\t']);
            if !continues {
                if inside {
                    break;
                }
                let start = line.split_once(':').map(|it| it.0);
                inside = start.is_some_and(|it| it.eq_ignore_ascii_case(name));
            }
            match (inside, continues) {
                (true, false) => found = line[name.len() + 1..].trim().to_owned(),
                (true, true) => found.push_str(&format!(" {}", line.trim())),
                (false, _) => {}
            }
        }
        found
    }
}

impl Postfix {
    /// Starts a server with a box for each of `people`, as in `anna@msp.example`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(people: &[&str]) -> Self {
        Self::start_with(|folder, certificate, judge| boxes_cf(folder, certificate, judge, people))
    }

    /// Starts a server that hands everything on: what is for a domain to where its route says, as in
    /// `("in.msp.example", "smtp:[127.0.0.1]:2525")`. What is not taken there stays in its queue, and
    /// is tried again every few seconds.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn handing_on(routes: &[(&str, &str)]) -> Self {
        Self::start_with(|_, _, _| routes_cf(routes))
    }

    /// `more` goes into the main file: by the folder, the certificate and the port of the judge.
    fn start_with(more: impl FnOnce(&Path, &Certificate, u16) -> String) -> Self {
        let sandbox = Sandbox::new();
        // Its processes are those of several users.
        fs::set_permissions(sandbox.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let certificate = Certificate::signed_for("localhost");
        let (port, judge) = (free_port(), Judge::new());
        let more = more(sandbox.path(), &certificate, judge.port);
        sandbox.write("etc/main.cf", &(main_cf(sandbox.path()) + &more));
        sandbox.write("etc/master.cf", &master_cf(port));
        for folder in ["queue", "data", "boxes"] {
            fs::create_dir(sandbox.path().join(folder)).unwrap();
        }
        run(Command::new("chown").arg("postfix").arg(sandbox.path().join("data")));
        run(Command::new("chown").arg("nobody").arg(sandbox.path().join("boxes")));
        account(&sandbox);
        let etc = sandbox.path().join("etc");
        run(command("postfix").arg("-c").arg(&etc).arg("check"));
        let mut master = command(&format!("{DAEMONS}/master"));
        let mut running = Running::start("postfix", master.arg("-c").arg(&etc).args(["-s", "-d"]));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        until("postfix", || {
            if let Some(status) = running.ended() {
                panic!("postfix did not come up, {status}: {}", running.log());
            }
            greeting(address).map_err(|error| error.to_string())
        });
        Self { sandbox, running, certificate, port, judge }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of whoever vouches for it under the name `localhost`.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.certificate.authority()
    }

    /// Who may send, and with which password.
    #[must_use]
    pub fn account(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// From now on it does with each sender what `rule` says.
    pub fn decide(&self, rule: impl FnMut(&Asked) -> String + Send + 'static) {
        *lock(&self.judge.rule) = Box::new(rule);
    }

    /// Everything that it has asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.judge.asked).clone()
    }

    /// What lies in the box of `person`, in no order.
    ///
    /// # Panics
    /// When a mail cannot be read.
    #[must_use]
    pub fn mails_of(&self, person: &str) -> Vec<Letter> {
        let folder = self.sandbox.path().join("boxes").join(box_of(person)).join("new");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let read = |path: PathBuf| String::from_utf8(fs::read(path).unwrap()).unwrap();
        entries.map(|it| Letter { text: read(it.unwrap().path()) }).collect()
    }

    /// Waits until so many mails lie in the box of `person`.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_for_mails(&self, person: &str, count: usize) -> Vec<Letter> {
        until(&format!("{count} mails for {person}"), || {
            let mails = self.mails_of(person);
            if mails.len() >= count {
                Ok(mails)
            } else {
                Err(format!("{mails:#?}\n{}", self.log()))
            }
        })
    }

    /// How many mails it has taken and not handed on.
    ///
    /// # Panics
    /// When its queue cannot be read.
    #[must_use]
    pub fn queued(&self) -> usize {
        let queue = self.sandbox.path().join("queue");
        QUEUES.iter().map(|it| files_in(&queue.join(it))).sum()
    }

    /// Makes it try everything again that is in its queue.
    ///
    /// # Panics
    /// When it cannot be told.
    pub fn flush(&self) {
        run(command("postqueue").arg("-c").arg(self.sandbox.path().join("etc")).arg("-f"));
    }

    /// Everything that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.log()
    }
}

/// Files in a folder and those below. What goes away meanwhile has moved on.
fn files_in(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |it: fs::DirEntry| match it.file_type() {
        Ok(kind) if kind.is_dir() => files_in(&it.path()),
        Ok(_) => 1,
        Err(_) => 0,
    };
    entries.flatten().map(count).sum()
}

fn box_of(person: &str) -> &str {
    person.split('@').next().unwrap_or(person)
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", path_with_sbin());
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Is it there, and does it speak?
fn greeting(address: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(crate::LIMIT))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    (&stream).write_all(b"QUIT\r\n")?;
    if line.starts_with("220 ") { Ok(()) } else { Err(io::Error::other(line)) }
}

fn account(sandbox: &Sandbox) {
    // Debian's postfix looks for it beside its main file.
    let folder = sandbox.path().join("etc/sasl");
    sandbox.write(
        "etc/sasl/smtpd.conf",
        &format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n\
             sasldb_path: {}\n",
            folder.join("sasldb2").display()
        ),
    );
    let password = sandbox.write("etc/sasl/password", PASSWORD);
    let mut set = command("saslpasswd2");
    set.arg("-f").arg(folder.join("sasldb2")).args(["-c", "-p", "-u", MAIL_HOST, USER]);
    run(set.stdin(fs::File::open(password).unwrap()));
    run(Command::new("chown").arg("postfix").arg(folder.join("sasldb2")));
}

/// What holds for every one.
fn main_cf(folder: &Path) -> String {
    format!(
        "compatibility_level = 3.6\nqueue_directory = {folder}/queue\n\
         data_directory = {folder}/data\ndaemon_directory = {DAEMONS}\n\
         maillog_file = /dev/stdout\nmail_owner = postfix\nsetgid_group = postdrop\n\
         myhostname = {MAIL_HOST}\nmydestination =\nalias_maps =\nalias_database =\n\
         inet_protocols = ipv4\ninet_interfaces = loopback-only\n\
         smtpd_peername_lookup = no\n",
        folder = folder.display(),
    )
}

fn boxes_cf(folder: &Path, certificate: &Certificate, judge: u16, people: &[&str]) -> String {
    let boxes: Vec<String> =
        people.iter().map(|it| format!("{{ {it} = {}/ }}", box_of(it))).collect();
    let mut domains: Vec<&str> = people.iter().filter_map(|it| it.split('@').nth(1)).collect();
    domains.dedup();
    let (chain, key) = (certificate.chain(), certificate.key());
    format!(
        "mynetworks =\n\
         virtual_mailbox_domains = {domains}\nvirtual_mailbox_base = {folder}/boxes\n\
         virtual_mailbox_maps = inline:{{ {boxes} }}\n\
         virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n\
         smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {chain}\n\
         smtpd_tls_key_file = {key}\nsmtpd_tls_auth_only = yes\n\
         smtpd_tls_received_header = yes\n\
         smtpd_sasl_auth_enable = yes\nsmtpd_sasl_path = smtpd\n\
         smtpd_sasl_local_domain = {MAIL_HOST}\ncyrus_sasl_config_path = {folder}/etc/sasl\n\
         smtpd_relay_restrictions = permit_sasl_authenticated, reject\n\
         smtpd_recipient_restrictions = {policy}, permit_sasl_authenticated, reject\n\
         smtpd_end_of_data_restrictions = {policy}\n",
        folder = folder.display(),
        domains = domains.join(" "),
        boxes = boxes.join(" "),
        chain = chain.display(),
        key = key.display(),
        policy = format!("check_policy_service inet:127.0.0.1:{judge}"),
    )
}

/// A receiver that is away is asked again soon: a test does not wait for minutes. But not at once:
/// what is asked for while its last try is being written down waits for five minutes.
fn routes_cf(routes: &[(&str, &str)]) -> String {
    let domains: Vec<&str> = routes.iter().map(|it| it.0).collect();
    let maps: Vec<String> = routes.iter().map(|it| format!("{{ {} = {} }}", it.0, it.1)).collect();
    format!(
        "mynetworks = 127.0.0.0/8\nrelay_domains = {domains}\n\
         transport_maps = inline:{{ {maps} }}\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\n\
         smtpd_recipient_restrictions = permit_mynetworks, reject\n\
         smtp_tls_security_level = may\nfast_flush_domains =\n\
         minimal_backoff_time = 3s\nmaximal_backoff_time = 4s\nqueue_run_delay = 1s\n\
         transport_retry_time = 1s\nsmtp_connect_timeout = 5s\nlmtp_connect_timeout = 5s\n\
         default_destination_concurrency_failed_cohort_limit = 1000\n",
        domains = domains.join(" "),
        maps = maps.join(" "),
    )
}

/// Only what takes mail, puts it into boxes and hands it on; none of it in a chroot.
fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd\n\
         pickup unix n - n 60 1 pickup\n\
         cleanup unix n - n - 0 cleanup\n\
         qmgr unix n - n 300 1 qmgr\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\n\
         rewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\n\
         defer unix - - n - 0 bounce\n\
         trace unix - - n - 0 bounce\n\
         proxymap unix - - n - - proxymap\n\
         error unix - - n - - error\n\
         retry unix - - n - - error\n\
         discard unix - - n - - discard\n\
         virtual unix - n n - - virtual\n\
         smtp unix - - n - - smtp\n\
         lmtp unix - - n - - lmtp\n\
         anvil unix - - n - 1 anvil\n\
         scache unix - - n - 1 scache\n\
         postlog unix-dgram n - n - 1 postlogd\n"
    )
}

/// Answers what postfix asks, by its protocol for policies: lines of `name=value`, then an empty
/// one.
struct Judge {
    port: u16,
    rule: Arc<Mutex<Rule>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("asked", &self.asked).finish_non_exhaustive()
    }
}

fn lock<T: ?Sized>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Judge {
    /// Lets everything pass. Its thread ends with the process.
    fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_| "DUNNO".to_owned())));
        let asked = Arc::default();
        let (judging, noting) = (Arc::clone(&rule), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (rule, asked) = (Arc::clone(&judging), Arc::clone(&noting));
                // Postfix closes when it has no more questions.
                thread::spawn(move || drop(answer(stream, &rule, &asked)));
            }
        });
        Self { port, rule, asked }
    }
}

fn answer(stream: TcpStream, rule: &Mutex<Rule>, noted: &Mutex<Vec<Asked>>) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut writer = stream;
    let mut asked = Asked { state: String::new(), recipient: String::new() };
    while let Some(line) = lines.next().transpose()? {
        match line.split_once('=') {
            Some(("protocol_state", value)) => asked.state = value.to_owned(),
            Some(("recipient", value)) => asked.recipient = value.to_owned(),
            Some(_) => {}
            None => {
                lock(noted).push(asked.clone());
                let action = (lock(rule))(&asked);
                writer.write_all(format!("action={action}\n\n").as_bytes())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_unfolded_and_end_with_the_head() {
        let mail = Letter { text: "A: 1\nB: 2\n\t3\n  4\nC: 5\n\nD: 6\n".to_owned() };
        assert_eq!(["a", "B", "C", "D"].map(|it| mail.header(it)), ["1", "2 3 4", "5", ""]);
    }
}
