//! What the tests need beside Rust: real servers to be watched, and the tools to look at them.
//!
//! Everything comes from Debian's own packages. Nothing is started by the installation: a test
//! starts its own server, on a port of its own, and ends it.

use std::{
    io::ErrorKind,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// A package, and why it is needed.
pub struct Package {
    /// Its name in Debian.
    pub name: &'static str,
    /// A program of it, to look for where there is no dpkg.
    pub program: &'static str,
    /// What it is for.
    pub why: &'static str,
}

/// Everything the tests need.
pub const PACKAGES: &[Package] = &[
    Package { name: "snmpd", program: "snmpd", why: "the agent that `snmp` asks" },
    Package { name: "snmp", program: "snmpget", why: "a second opinion on the agent's answers" },
    Package { name: "nginx-light", program: "nginx", why: "the server that `http` and `tcp` ask" },
    Package { name: "prometheus", program: "promtool", why: "scrapes us, checks the alert rules" },
    Package {
        name: "prometheus-alertmanager",
        program: "prometheus-alertmanager",
        why: "takes the alerts that the channel of its name posts",
    },
    Package { name: "postfix", program: "postfix", why: "takes the mails of the channel `email`" },
    Package {
        name: "sasl2-bin",
        program: "saslpasswd2",
        why: "the password with which we log in to it",
    },
    Package {
        name: "libsasl2-modules",
        program: "saslpasswd2",
        why: "the ways in which it lets anybody log in",
    },
    Package { name: "iputils-ping", program: "ping", why: "a second opinion on `ping`" },
    Package { name: "fping", program: "fping", why: "the peer in the benches" },
    Package { name: "iproute2", program: "ip", why: "network namespaces with links to cut" },
    Package { name: "sqlite3", program: "sqlite3", why: "reads the database from outside" },
    Package { name: "procps", program: "kill", why: "signals, memory and CPU of a process" },
    Package { name: "openssl", program: "openssl", why: "certificates, good and bad ones" },
    Package { name: "dovecot-core", program: "doveadm", why: "delivers into the mailbox" },
    Package { name: "dovecot-imapd", program: "dovecot", why: "the mailbox that is read" },
    Package { name: "swaks", program: "swaks", why: "delivers to our mail servers as programs do" },
    Package { name: "curl", program: "curl", why: "pings as scripts do" },
    Package { name: "strace", program: "strace", why: "system calls, counted and failed" },
    Package { name: "util-linux", program: "unshare", why: "namespaces, limits of a process" },
];

/// Installs what is missing.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn ensure() -> Result<()> {
    let missing = missing()?;
    if missing.is_empty() {
        println!("all {} Debian packages are there", PACKAGES.len());
        return Ok(());
    }
    for package in &missing {
        println!("missing: {} ({})", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|it| it.name).collect();
    install(&names)
}

/// Installs one that only some chores need.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn ensure_one(package: &Package) -> Result<()> {
    if has_program(package.program) {
        return Ok(());
    }
    println!("missing: {} ({})", package.name, package.why);
    install(&[package.name])
}

fn missing() -> Result<Vec<&'static Package>> {
    let mut missing = Vec::new();
    for package in PACKAGES {
        if !is_there(package)? {
            missing.push(package);
        }
    }
    Ok(missing)
}

fn is_there(package: &Package) -> Result<bool> {
    let query = Command::new("dpkg-query")
        .args(["-W", "-f=${Status}", package.name])
        .stderr(Stdio::null())
        .output();
    match query {
        Ok(output) => Ok(output.stdout == b"install ok installed"),
        // Not Debian: the program is what counts.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(has_program(package.program)),
        Err(error) => Err(error).context("running dpkg-query"),
    }
}

fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(name).is_file())
}

/// The script forbids starting services (exit code 101 of policy-rc.d) for as long as it runs, and
/// leaves a policy alone that was there before.
const INSTALL: &str = r#"
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
"#;

fn install(names: &[&str]) -> Result<()> {
    if !has_program("apt-get") {
        bail!("missing programs, and no apt-get to install them: {}", names.join(", "));
    }
    let mut command = if is_root() {
        Command::new("sh")
    } else if has_program("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.arg("sh");
        sudo
    } else {
        bail!("neither root nor sudo: as root, `apt-get install {}`", names.join(" "));
    };
    let status = command.args(["-c", INSTALL, "install"]).args(names).status()?;
    if !status.success() {
        bail!("apt-get could not install {}: {status}", names.join(", "));
    }
    Ok(())
}

/// Do we run as root?
#[must_use]
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|it| it.stdout.trim_ascii() == b"0")
}

/// Can we become root without a question being asked?
#[must_use]
pub fn can_sudo() -> bool {
    has_program("sudo")
        && Command::new("sudo")
            .args(["-n", "-E", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|it| it.success())
}

/// Installs parts of the toolchain that a minimal one lacks.
///
/// # Errors
/// When one is missing and rustup is not there to add it.
pub fn ensure_components() -> Result<()> {
    for (verb, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if has_cargo_verb(verb) {
            continue;
        }
        println!("missing: {component}");
        let status = Command::new("rustup")
            .args(["component", "add", component])
            .status()
            .with_context(|| format!("{component} is missing, and so is rustup to add it"))?;
        if !status.success() {
            bail!("rustup could not add {component}");
        }
    }
    Ok(())
}

/// Does `cargo VERB` exist?
#[must_use]
pub fn has_cargo_verb(verb: &str) -> bool {
    Command::new("cargo")
        .args([verb, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
}
