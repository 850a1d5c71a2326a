//! A dovecot of a test's own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::{fs::chown, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use inlet::imap::{Imap, Paces};
use model::Way;
use tempfile::TempDir;

use crate::{authority::Authority, common::LIMIT};

/// The user of the mailbox, and the number under which its mails lie on the disk.
const USER: &str = "watch";
const MAIL_ID: u32 = 54321;
pub(crate) const PASSWORD: &str = "Tür & \"Tor\" {7}";

/// Short ones, so that tests wait for nothing but the server.
pub(crate) const PACES: Paces = Paces {
    connect: Duration::from_secs(2),
    byte: Duration::from_secs(2),
    answer: Duration::from_secs(30),
    idle: Duration::from_secs(60),
    retry: Duration::from_millis(50),
    retry_max: Duration::from_secs(1),
    refused: Duration::from_millis(100),
    refused_max: Duration::from_secs(1),
    later: Duration::from_millis(50),
};

pub(crate) struct Dovecot {
    dir: TempDir,
    ports: [u16; 2],
    running: Option<Child>,
    authority: Authority,
}

impl Dovecot {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// One with other settings.
    pub(crate) fn start_with(settings: &str) -> Self {
        // Its processes go into this folder as other users.
        let dir = tempfile::Builder::new().permissions(mode(0o755)).tempdir().unwrap();
        let ports = [free_port(), free_port()];
        let mut it = Self { dir, ports, running: None, authority: Authority::new() };
        it.write("cert.pem", &it.authority.chain());
        it.write("key.pem", &it.authority.key());
        it.write("ca.pem", &it.authority.root());
        it.write("password", &format!("{PASSWORD}\n"));
        it.write("users", &format!("{USER}:{{PLAIN}}{PASSWORD}\n"));
        it.write("dovecot.conf", &(it.config() + settings));
        fs::create_dir(it.path("home")).unwrap();
        it.own("home");
        it.up();
        it
    }

    fn config(&self) -> String {
        let dir = self.dir.path().display();
        let [plain, tls] = self.ports;
        let (user, group) = (id("-un"), id("-gn"));
        // As root, dovecot has users of its own for the parts that face the world.
        let (internal, login, mail, mail_group) = if is_root() {
            ("dovecot".to_owned(), "dovenull".to_owned(), MAIL_ID.to_string(), MAIL_ID.to_string())
        } else {
            (user.clone(), user.clone(), id("-u"), id("-g"))
        };
        let group = if is_root() { "dovecot".to_owned() } else { group };
        format!(
            "base_dir = {dir}/run\nstate_dir = {dir}/state\nlog_path = {dir}/log\n\
             instance_name = inlet-test\nprotocols = imap\nlisten = 127.0.0.1\n\
             ssl = yes\nssl_cert = <{dir}/cert.pem\nssl_key = <{dir}/key.pem\n\
             disable_plaintext_auth = yes\nauth_mechanisms = plain\nauth_failure_delay = 0\n\
             default_internal_user = {internal}\ndefault_internal_group = {group}\n\
             default_login_user = {login}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
             mail_location = maildir:~/Maildir\nmailbox_idle_check_interval = 1 s\n\
             passdb {{\n driver = passwd-file\n args = {dir}/users\n}}\n\
             userdb {{\n driver = static\n args = uid={mail} gid={mail_group} home={dir}/home/%u\n}}\n\
             service imap-login {{\n chroot =\n\
             inet_listener imap {{\n port = {plain}\n}}\n\
             inet_listener imaps {{\n port = {tls}\n ssl = yes\n}}\n}}\n\
             auth_verbose = yes\n\
             # Refusals are slowed down by default, more with each.\n\
             service anvil {{\n chroot =\n unix_listener anvil-auth-penalty {{\n mode = 0\n}}\n}}\n\
             service stats {{\n chroot =\n}}\n"
        )
    }

    /// Starts it, again on the same ports.
    pub(crate) fn up(&mut self) {
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(self.path("dovecot.conf"));
        // A group of its own, so that a signal reaches all its processes.
        command.process_group(0).stdin(Stdio::null());
        command.env("PATH", path_with_sbin());
        self.running = Some(command.spawn().expect("dovecot is installed (dovecot-imapd)"));
        let began = Instant::now();
        while self.ports.iter().any(|it| TcpStream::connect(("127.0.0.1", *it)).is_err()) {
            assert!(began.elapsed() < LIMIT, "dovecot did not come up: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it.
    pub(crate) fn down(&mut self) {
        if let Some(mut child) = self.running.take() {
            // Whoever was stopped cannot end before it goes on.
            for signal in ["TERM", "CONT"] {
                send(signal, child.id());
            }
            child.wait().unwrap();
            send("KILL", child.id());
        }
    }

    /// Sends a signal to all its processes.
    pub(crate) fn signal(&self, signal: &str) {
        let child = self.running.as_ref().expect("it runs");
        assert!(send(signal, child.id()), "{signal} reaches nobody");
    }

    /// The mailbox, read at this pace.
    pub(crate) fn imap(&self, folders: &[&str], every: Duration) -> Imap {
        self.imap_with(folders, every, false, PACES)
    }

    pub(crate) fn imap_with(
        &self,
        folders: &[&str],
        every: Duration,
        starttls: bool,
        paces: Paces,
    ) -> Imap {
        let text = |it: &str| Arc::from(self.path(it).to_str().unwrap());
        let way = Way::Imap {
            server: format!("127.0.0.1:{}", self.ports[usize::from(!starttls)]).into(),
            ca: Some(text("ca.pem")),
            starttls,
            user: USER.into(),
            password_file: text("password"),
            folders: folders.iter().map(|it| Arc::from(*it)).collect(),
            every,
        };
        Imap::new(&Arc::from("box"), &way).unwrap().paces(paces)
    }

    /// Makes a folder.
    pub(crate) fn make(&self, folder: &str) {
        self.doveadm(&["mailbox", "create", "-u", USER, folder]);
    }

    /// Makes all UIDs of a folder mean something else.
    pub(crate) fn set_validity(&self, folder: &str, validity: u32) {
        let validity = validity.to_string();
        let update = ["mailbox", "update", "-u", USER, "--uid-validity", &validity, folder];
        self.doveadm(&update);
    }

    /// Puts a mail into a folder by the server's own tool.
    pub(crate) fn save(&self, folder: &str, subject: &str) {
        let mail = self.path("mail.eml");
        fs::write(&mail, mail_text(subject)).unwrap();
        let mail = mail.to_str().unwrap();
        self.doveadm(&["save", "-u", USER, "-m", folder, mail]);
    }

    /// Puts a mail into the inbox as a delivery agent does.
    pub(crate) fn deliver(&self, name: &str, text: &[u8]) {
        let inbox = self.path("home").join(USER).join("Maildir");
        let (tmp, new) = (inbox.join("tmp").join(name), inbox.join("new").join(name));
        fs::write(&tmp, text).unwrap();
        self.own(tmp.strip_prefix(self.dir.path()).unwrap().to_str().unwrap());
        fs::rename(tmp, new).unwrap();
    }

    /// The flags of all mails of a folder, in order.
    pub(crate) fn flags(&self, folder: &str) -> String {
        let output = self.doveadm(&["fetch", "-u", USER, "flags", "mailbox", folder]);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Deletes mails by their places.
    pub(crate) fn expunge(&self, folder: &str, places: &str) {
        self.doveadm(&["expunge", "-u", USER, "mailbox", folder, places]);
    }

    /// What the UIDs of a folder are good for.
    pub(crate) fn validity(&self, folder: &str) -> u32 {
        let status = ["mailbox", "status", "-u", USER, "uidvalidity", folder];
        let text = String::from_utf8(self.doveadm(&status).stdout).unwrap();
        text.trim().rsplit_once('=').unwrap().1.parse().unwrap()
    }

    /// Replaces the password that we have.
    pub(crate) fn write_password(&self, password: &str) {
        self.write("password", password);
    }

    /// How often a login was refused.
    pub(crate) fn refused(&self) -> usize {
        self.log().matches("Password mismatch").count()
    }

    fn doveadm(&self, args: &[&str]) -> Output {
        let config = self.path("dovecot.conf");
        let output = Command::new("doveadm").arg("-c").arg(config).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}\n{}", self.log());
        output
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gives a file to the user of the mailbox.
    fn own(&self, name: &str) {
        if is_root() {
            chown(self.path(name), Some(MAIL_ID), Some(MAIL_ID)).unwrap();
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
        self.down();
    }
}

/// A mail with this subject.
pub(crate) fn mail_text(subject: &str) -> String {
    format!("From: nas@acme.example\r\nTo: watch@msp.example\r\nSubject: {subject}\r\n\r\nbody\r\n")
}

/// Reaches a whole group of processes.
fn send(signal: &str, group: u32) -> bool {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{signal}")).arg("--").arg(format!("-{group}"));
    kill.stderr(Stdio::null()).status().unwrap().success()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_root() -> bool {
    id("-u") == "0"
}

fn id(what: &str) -> String {
    let output = Command::new("id").arg(what).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn path_with_sbin() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn mode(bits: u32) -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(bits)
}
