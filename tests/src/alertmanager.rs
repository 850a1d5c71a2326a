//! An Alertmanager of a test's own, from Debian's package.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use serde_json::Value;

use crate::{Page, Running, Sandbox, free_port, until};

/// A running Alertmanager.
#[derive(Debug)]
pub struct AlertmanagerServer {
    #[expect(dead_code, reason = "goes with the server, and its files with it")]
    sandbox: Sandbox,
    running: Running,
    address: SocketAddr,
}

impl AlertmanagerServer {
    /// Starts one that tells everything to the webhook at `receiver`, after a second of grouping.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn telling(receiver: &str) -> Self {
        Self::start(&format!(
            "route:\n  receiver: hook\n  group_by: ['...']\n  group_wait: 1s\n  \
             group_interval: 1s\n  repeat_interval: 1h\nreceivers:\n- name: hook\n  \
             webhook_configs:\n  - url: {receiver}\n    send_resolved: true\n"
        ))
    }

    /// Starts one with `config` as its `alertmanager.yml`, alone and not in a cluster.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(config: &str) -> Self {
        let sandbox = Sandbox::new();
        let path = sandbox.write("alertmanager.yml", config);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = Command::new("prometheus-alertmanager");
        command.arg(format!("--config.file={}", path.display()));
        command.arg(format!("--storage.path={}", sandbox.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        command.arg("--cluster.listen-address=");
        let mut running = Running::start("prometheus-alertmanager", &mut command);
        until("prometheus-alertmanager", || {
            if let Some(status) = running.ended() {
                panic!("prometheus-alertmanager did not come up: {status}\n{}", running.log());
            }
            match Page::get(address, "/-/ready") {
                Ok(page) if page.code == 200 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        Self { sandbox, running, address }
    }

    /// Where it listens, as a channel wants it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// The alerts that fire there now.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn alerts(&self) -> Result<Vec<Value>, String> {
        let page = Page::get(self.address, "/api/v2/alerts").map_err(|error| error.to_string())?;
        if page.code != 200 {
            return Err(format!("{}: {}", page.code, page.body));
        }
        serde_json::from_str(&page.body).map_err(|error| error.to_string())
    }
}
