//! An SNMP agent of a test's own.

use std::process::{Command, Output};

use crate::{Running, Sandbox, free_port, nginx::path_with_sbin, until};

/// `sysUpTime.0`, which every agent has.
const SYS_UP_TIME: &str = ".1.3.6.1.2.1.1.3.0";

/// What every agent of a test may be asked with, so that the test knows when it is up.
const PROBE_COMMUNITY: &str = "harness";

/// A running snmpd.
#[derive(Debug)]
pub struct Snmpd {
    sandbox: Sandbox,
    port: u16,
    running: Option<Running>,
}

impl Snmpd {
    /// Starts an agent; `config` goes into its `snmpd.conf`: communities, users, objects.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(config: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("state/README", "snmpd keeps its boots and users here\n");
        sandbox
            .write("snmpd.conf", &format!("rocommunity {PROBE_COMMUNITY} 127.0.0.1\n{config}\n"));
        let mut snmpd = Self { sandbox, port: free_port(), running: None };
        snmpd.start_again();
        snmpd
    }

    /// Its UDP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Sends it a signal: a stopped agent (`STOP`) is silent instead of refusing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: &str) {
        self.running.as_ref().expect("it runs").signal(signal);
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&mut self) {
        let state = self.sandbox.path().join("state");
        let mut command = Command::new("snmpd");
        // -C: only the given file; -r: run without files of the system that we may not read;
        // -I -smux: no second port that all agents would fight for.
        command
            .args(["-f", "-Lo", "-C", "-r", "-I", "-smux", "-c"])
            .arg(self.sandbox.path().join("snmpd.conf"));
        command.arg("-p").arg(self.sandbox.path().join("pid"));
        command.arg(format!("udp:127.0.0.1:{}", self.port));
        command.env("SNMP_PERSISTENT_DIR", &state).env("SNMPCONFPATH", &state);
        command.env("MIBS", "").env("PATH", path_with_sbin());
        let mut running = Running::start("snmpd", &mut command);
        until("snmpd", || {
            if let Some(status) = running.ended() {
                panic!("snmpd did not come up: {status}\n{}", running.log());
            }
            let output = self.get(&["-v2c", "-c", PROBE_COMMUNITY], SYS_UP_TIME);
            if output.status.success() {
                return Ok(());
            }
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        });
        self.running = Some(running);
    }

    /// Asks it with net-snmp's own tool: `args` says version and credentials.
    ///
    /// # Panics
    /// When the tool is not installed.
    #[must_use]
    pub fn get(&self, args: &[&str], oid: &str) -> Output {
        Command::new("snmpget")
            .args(args)
            .args(["-t", "1", "-r", "0", "-Oqvn"])
            .args([&format!("127.0.0.1:{}", self.port), oid])
            .env("MIBS", "")
            .env("SNMPCONFPATH", self.sandbox.path())
            .output()
            .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_with_a_community_and_with_a_user() {
        let snmpd = Snmpd::start(
            "createUser alice SHA-256 \"authpass1\" AES \"privpass1\"\nrouser alice priv\n\
             sysLocation here\n",
        );
        let location = ".1.3.6.1.2.1.1.6.0";
        let plain = snmpd.get(&["-v2c", "-c", PROBE_COMMUNITY], location);
        assert_eq!(String::from_utf8_lossy(&plain.stdout).trim(), "\"here\"");
        let user = ["-v3", "-u", "alice", "-l", "authPriv", "-a", "SHA-256", "-A", "authpass1"];
        let user: Vec<&str> = user.into_iter().chain(["-x", "AES", "-X", "privpass1"]).collect();
        let secret = snmpd.get(&user, location);
        assert_eq!(String::from_utf8_lossy(&secret.stdout).trim(), "\"here\"", "{secret:?}");
        assert!(!snmpd.get(&["-v2c", "-c", "wrong"], location).status.success());
    }
}
