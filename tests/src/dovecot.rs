//! A mailbox of a test's own: Debian's dovecot, over TLS, with one user.
//!
//! Folders, port and certificate are its own; nothing in `/etc/dovecot` is read or written.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{Certificate, Running, Sandbox, free_port, nginx::path_with_sbin, until};

/// Whose mailbox it is.
const USER: &str = "watch";
const PASSWORD: &str = "Tor & Tür 7";
/// The number under which its mails lie on the disk, as root has it.
const MAIL_ID: u32 = 54_321;
/// Where its mails lie.
const INBOX: &str = "home/watch/Maildir";

/// A dovecot, running or stopped.
#[derive(Debug)]
pub struct Dovecot {
    sandbox: Sandbox,
    certificate: Certificate,
    port: u16,
    running: Option<Running>,
    delivered: AtomicU64,
}

impl Default for Dovecot {
    fn default() -> Self {
        Self::start()
    }
}

impl Dovecot {
    /// Starts a server with an empty mailbox.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let sandbox = Sandbox::new();
        // Its processes are those of several users.
        fs::set_permissions(sandbox.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (certificate, port) = (Certificate::signed_for("localhost"), free_port());
        sandbox.write("password", PASSWORD);
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(sandbox.path().join("password"), private).unwrap();
        sandbox.write("users", &format!("{USER}:{{PLAIN}}{PASSWORD}\n"));
        sandbox.write("dovecot.conf", &config(sandbox.path(), &certificate, port));
        for folder in ["cur", "new", "tmp"] {
            fs::create_dir_all(sandbox.path().join(INBOX).join(folder)).unwrap();
        }
        if is_root() {
            let owner = format!("{MAIL_ID}:{MAIL_ID}");
            let chown = ["-R", &owner, "home"];
            let done = Command::new("chown").current_dir(sandbox.path()).args(chown).status();
            assert!(done.unwrap().success(), "the mailbox cannot be given away");
        }
        let mut it =
            Self { sandbox, certificate, port, running: None, delivered: AtomicU64::new(0) };
        it.up();
        it
    }

    /// The name and port of the server.
    #[must_use]
    pub fn server(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Whose mailbox it is, and the file with the password.
    #[must_use]
    pub fn account(&self) -> (&'static str, PathBuf) {
        (USER, self.sandbox.path().join("password"))
    }

    /// The certificate of whoever vouches for it under the name `localhost`.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.certificate.authority()
    }

    /// Starts it, again on the same port.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn up(&mut self) {
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(self.sandbox.path().join("dovecot.conf"));
        // A group of its own, so that a signal reaches all its processes.
        command.process_group(0).env("PATH", path_with_sbin());
        let mut running = Running::start("dovecot", &mut command);
        until("dovecot", || {
            if let Some(status) = running.ended() {
                panic!("dovecot did not come up, {status}: {}", self.log());
            }
            let reached = std::net::TcpStream::connect(("127.0.0.1", self.port));
            reached.map_err(|error| error.to_string())
        });
        self.running = Some(running);
    }

    /// Stops it, with everybody who is connected.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn down(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.signal("TERM");
            running.wait();
            kill_group(running.pid());
        }
    }

    /// Puts a mail into the inbox as a delivery agent does, whether the server runs or not.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn deliver(&self, mail: &str) {
        let number = self.delivered.fetch_add(1, Relaxed);
        let name = format!("{}.M{number}P{}.host", 1_800_000_000 + number, std::process::id());
        let inbox = self.sandbox.path().join(INBOX);
        let (tmp, new) = (inbox.join("tmp").join(&name), inbox.join("new").join(&name));
        fs::write(&tmp, mail).unwrap();
        if is_root() {
            chown(&tmp, Some(MAIL_ID), Some(MAIL_ID)).unwrap();
        }
        fs::rename(tmp, new).unwrap();
    }

    /// Everything that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.sandbox.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill9();
            kill_group(running.pid());
        }
    }
}

/// Ends whoever is left of a group of processes.
fn kill_group(group: u32) {
    let mut kill = Command::new("kill");
    kill.args(["-KILL", "--"]).arg(format!("-{group}")).stderr(Stdio::null());
    // That nobody is left is no failure.
    drop(kill.status());
}

fn config(folder: &Path, certificate: &Certificate, port: u16) -> String {
    let (user, group) = (id("-un"), id("-gn"));
    // As root, dovecot has users of its own for the parts that face the world.
    let (internal, group, login, mail, mail_group) = if is_root() {
        let [internal, login] = ["dovecot", "dovenull"].map(str::to_owned);
        (internal.clone(), internal, login, MAIL_ID.to_string(), MAIL_ID.to_string())
    } else {
        (user.clone(), group, user, id("-u"), id("-g"))
    };
    format!(
        "base_dir = {dir}/run\nstate_dir = {dir}/state\nlog_path = {dir}/log\n\
         instance_name = campanile-test\nprotocols = imap\nlisten = 127.0.0.1\n\
         ssl = yes\nssl_cert = <{chain}\nssl_key = <{key}\n\
         auth_mechanisms = plain\nauth_failure_delay = 0\n\
         default_internal_user = {internal}\ndefault_internal_group = {group}\n\
         default_login_user = {login}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
         mail_location = maildir:~/Maildir\nmailbox_idle_check_interval = 1 s\n\
         passdb {{\n driver = passwd-file\n args = {dir}/users\n}}\n\
         userdb {{\n driver = static\n args = uid={mail} gid={mail_group} home={dir}/home/%u\n}}\n\
         service imap-login {{\n chroot =\n\
         inet_listener imap {{\n port = 0\n}}\n\
         inet_listener imaps {{\n port = {port}\n ssl = yes\n}}\n}}\n\
         service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n",
        dir = folder.display(),
        chain = certificate.chain().display(),
        key = certificate.key().display(),
    )
}

fn is_root() -> bool {
    id("-u") == "0"
}

fn id(what: &str) -> String {
    let output = Command::new("id").arg(what).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
