//! A Prometheus of a test's own, which scrapes what the test tells it to.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use serde_json::Value;

use crate::{Page, Running, Sandbox, free_port, until};

/// A running Prometheus.
#[derive(Debug)]
pub struct PrometheusServer {
    sandbox: Sandbox,
    running: Running,
    address: SocketAddr,
}

impl PrometheusServer {
    /// Starts one with `config` as its `prometheus.yml`; `files` lie beside it.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(config: &str, files: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        for (name, text) in files {
            sandbox.write(name, text);
        }
        let path = sandbox.write("prometheus.yml", config);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", path.display()));
        command.arg(format!("--storage.tsdb.path={}", sandbox.path().join("tsdb").display()));
        command.arg(format!("--web.listen-address={address}"));
        let mut running = Running::start("prometheus", &mut command);
        until("prometheus", || {
            if let Some(status) = running.ended() {
                panic!("prometheus did not come up: {status}\n{}", running.log());
            }
            match Page::get(address, "/-/ready") {
                Ok(page) if page.code == 200 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        Self { sandbox, running, address }
    }

    /// Its folder.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Everything that it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Calls its API: `path` with `name=value` parameters, not encoded yet.
    ///
    /// # Errors
    /// When it does not answer, or answers with an error.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let page = Page::get(self.address, &format!("/api/v1/{path}?{}", query.join("&")))
            .map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&page.body).map_err(|error| error.to_string())?;
        if answer["status"] != "success" {
            return Err(page.body);
        }
        Ok(answer["data"].clone())
    }

    /// The series that `expression` finds now.
    ///
    /// # Errors
    /// When the expression is wrong.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let data = self.api("query", &[("query", expression)])?;
        match data["resultType"].as_str() {
            Some("vector" | "matrix") => Ok(data["result"].as_array().cloned().unwrap_or_default()),
            _ => Ok(vec![data["result"].clone()]),
        }
    }
}

/// Percent-encodes everything that is not a plain letter or digit.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_queries_and_refuses_wrong_ones() {
        let prometheus = PrometheusServer::start("global: {}\n", &[]);
        assert_eq!(prometheus.query("vector(1) == 1").unwrap().len(), 1);
        assert!(prometheus.query("vector(1) == 2").unwrap().is_empty());
        assert!(prometheus.query("sum(((").is_err());
    }
}
