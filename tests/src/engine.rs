//! A running engine, driven and read as an operator would.

use std::{
    net::SocketAddr,
    process::{Command, ExitStatus},
    sync::Arc,
};

use crate::{Api, Change, Exposition, Page, Running, Sandbox, until};

/// The smallest configuration of an engine of a test; its check files lie in `checks/`.
pub const ENGINE_YAML: &str = "\
engine:
  listen: 127.0.0.1:0
  data: data
checks: [checks]
";

/// Where the engine leaves the first token.
const ADMIN_TOKEN: &str = "data/admin.token";

/// What the engine prints once it can be asked.
const LISTENING: &str = "listening on http://";

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    sandbox: Arc<Sandbox>,
    running: Running,
    address: SocketAddr,
}

impl Engine {
    /// Starts an engine in a folder of its own: `config` becomes `config.yaml`, each check file
    /// `checks/NAME.yaml`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(config: &str, checks: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("config.yaml", config);
        for (name, text) in checks {
            sandbox.write(&format!("checks/{name}.yaml"), text);
        }
        Self::start_in(Arc::new(sandbox))
    }

    /// Starts an engine on the files of `sandbox`, perhaps left there by an earlier one.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_in(sandbox: Arc<Sandbox>) -> Self {
        let mut command = sandbox.command();
        command.args(["run", "config.yaml"]);
        Self::start_as(sandbox, &mut command)
    }

    /// Starts an engine by a command of the test's own: with limits, under strace, in a namespace.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_as(sandbox: Arc<Sandbox>, command: &mut Command) -> Self {
        let mut running = Running::start("campanile", command);
        let address = until("the engine's address", || {
            let log = running.log();
            if let Some(address) = listening(&log) {
                return Ok(address);
            }
            match running.ended() {
                Some(status) => panic!("the engine did not come up, {status}:\n{log}"),
                None => Err(log),
            }
        });
        Self { sandbox, running, address }
    }

    /// Where it can be asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder.
    #[must_use]
    pub fn sandbox(&self) -> Arc<Sandbox> {
        Arc::clone(&self.sandbox)
    }

    /// The process, for signals and its log.
    pub fn process(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Everything that it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Fetches one of its pages.
    ///
    /// # Panics
    /// When there is no whole answer.
    #[must_use]
    pub fn page(&self, path: &str) -> Page {
        Page::get(self.address, path)
            .unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// Its interface, with the token that the engine has made for its owner.
    ///
    /// # Panics
    /// When there is no such token, or it is not let in.
    #[must_use]
    pub fn api(&self) -> Api {
        let path = self.sandbox.path().join(ADMIN_TOKEN);
        until("an interface that lets its owner in", || {
            let token = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let api = Api::new(self.address, token.trim());
            let answer = api.ask("GET", "/api/v1/problems?limit=1", None);
            if answer.code == 200 { Ok(api) } else { Err(answer.body.to_string()) }
        })
    }

    /// Reads `/metrics`.
    ///
    /// # Panics
    /// When it breaks the format.
    #[must_use]
    pub fn metrics(&self) -> Exposition {
        let page = self.page("/metrics");
        assert_eq!(page.code, 200, "{}", page.body);
        Exposition::parse(&page.body).unwrap_or_else(|why| panic!("{why}\n{}", page.body))
    }

    /// Reads `/metrics` until `holds`, and returns that page.
    ///
    /// # Panics
    /// When it does not come to hold.
    pub fn wait_for(&self, what: &str, holds: impl Fn(&Exposition) -> bool) -> Exposition {
        until(what, || {
            let metrics = self.metrics();
            if holds(&metrics) { Ok(metrics) } else { Err(metrics.beliefs()) }
        })
    }

    /// Waits until a service is believed to be in `state` (0 OK to 3 UNKNOWN), hard.
    ///
    /// # Panics
    /// When it is not.
    pub fn wait_for_hard(&self, service: &str, state: u8) -> Exposition {
        self.wait_for(&format!("{service} hard in state {state}"), |it| {
            it.service(service).is_some_and(|it| it.hard && it.state == state)
        })
    }

    /// Waits until a host is believed to be in `state` (0 UP, 1 DOWN, 2 UNREACHABLE), hard.
    ///
    /// # Panics
    /// When it is not.
    pub fn wait_for_host(&self, host: &str, state: u8) -> Exposition {
        self.wait_for(&format!("{host} hard in state {state}"), |it| {
            it.host(host).is_some_and(|it| it.hard && it.state == state)
        })
    }

    /// Waits until it has printed `text`.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_for_log(&self, text: &str) {
        until(&format!("{text:?} in the log"), || {
            let log = self.log();
            if log.contains(text) { Ok(()) } else { Err(log) }
        });
    }

    /// Every committed change of `name`, once the last hard one is to `status`. What is shown may be
    /// ahead of what is committed, by the time of a commit.
    ///
    /// # Panics
    /// When no such change comes.
    #[must_use]
    pub fn changes_to(&self, name: &str, status: &str) -> Vec<Change> {
        until(&format!("{name} hard {status} on the disk"), || {
            let changes = self.sandbox.changes(name);
            let last = changes.iter().rev().find(|it| it.hard);
            let there = last.is_some_and(|it| it.status == status);
            if there { Ok(changes) } else { Err(format!("{changes:#?}")) }
        })
    }

    /// Asks it to read its configuration again.
    pub fn sighup(&self) {
        self.running.signal("HUP");
    }

    /// Ends it as a power failure would, and hands out its folder for the next one.
    #[must_use]
    pub fn kill9(mut self) -> Arc<Sandbox> {
        self.running.kill9();
        self.sandbox()
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Panics
    /// When it does not stop.
    #[must_use]
    pub fn sigterm(mut self) -> (ExitStatus, Arc<Sandbox>) {
        self.running.signal("TERM");
        let status = self.running.wait();
        (status, self.sandbox())
    }
}

/// The address that the engine has printed.
fn listening(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once(LISTENING)?;
    let end = rest.find(|it: char| !(it.is_ascii_alphanumeric() || ".:[]".contains(it)))?;
    rest[..end].trim_end_matches(['.', ':']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_log_once_the_line_is_whole() {
        assert_eq!(listening("INFO listening on http://127.0.0.1:80"), None);
        let log = "a\nINFO listening on http://127.0.0.1:8080/ shards=2\n";
        assert_eq!(listening(log), Some("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(listening("listening on http://[::1]:9.\n"), Some("[::1]:9".parse().unwrap()));
    }
}
