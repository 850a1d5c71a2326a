//! A web server of a test's own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
};

use crate::{Page, Running, Sandbox, free_port, until};

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    sandbox: Sandbox,
    port: u16,
    running: Option<Running>,
}

impl Nginx {
    /// Starts a server; `locations` goes into its `server` block.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(locations: &str) -> Self {
        Self::start_with("", locations)
    }

    /// Starts a server that speaks TLS with `certificate`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_tls(certificate: &Certificate, locations: &str) -> Self {
        let lines = format!(
            "ssl_certificate {};\nssl_certificate_key {};\n{locations}",
            certificate.chain().display(),
            certificate.key().display()
        );
        Self::start_with("ssl", &lines)
    }

    fn start_with(listen: &str, lines: &str) -> Self {
        let sandbox = Sandbox::new();
        let port = free_port();
        sandbox.write("nginx.conf", &config(&sandbox, port, listen, lines));
        let mut nginx = Self { sandbox, port, running: None };
        nginx.start_again();
        nginx
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it; the port refuses from then on.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&mut self) {
        let mut command = Command::new("nginx");
        command.arg("-c").arg(self.sandbox.path().join("nginx.conf"));
        command.arg("-p").arg(self.sandbox.path());
        command.args(["-e", "stderr"]).env("PATH", path_with_sbin());
        let mut running = Running::start("nginx", &mut command);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        until("nginx", || {
            if let Some(status) = running.ended() {
                panic!("nginx did not come up: {status}");
            }
            std::net::TcpStream::connect(address).map_err(|error| error.to_string())
        });
        self.running = Some(running);
    }

    /// Fetches a page of it, to know what the engine would see. Plain HTTP only.
    ///
    /// # Panics
    /// When there is no whole answer.
    #[must_use]
    pub fn page(&self, path: &str) -> Page {
        Page::get(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), path).unwrap()
    }
}

/// One process, no files but those in its own folder.
fn config(sandbox: &Sandbox, port: u16, listen: &str, lines: &str) -> String {
    let folder = sandbox.path().display();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {folder}/a;\n  \
         proxy_temp_path {folder}/b;\n  fastcgi_temp_path {folder}/c;\n  \
         uwsgi_temp_path {folder}/d;\n  scgi_temp_path {folder}/e;\n  \
         server {{\n    listen 127.0.0.1:{port} {listen};\n{lines}\n  }}\n}}\n"
    )
}

/// Servers live in `sbin`, which is not on everybody's path.
pub(crate) fn path_with_sbin() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// A certificate and its key, signed by itself or by an authority.
#[derive(Debug)]
pub struct Certificate {
    sandbox: Sandbox,
}

impl Certificate {
    /// A certificate for `name` that is valid for `days`.
    ///
    /// # Panics
    /// When openssl cannot make it.
    #[must_use]
    pub fn for_name(name: &str, days: u32) -> Self {
        let sandbox = Sandbox::new();
        let output = Command::new("openssl")
            .current_dir(sandbox.path())
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-keyout", "key.pem", "-out", "chain.pem"])
            .args(["-days", &days.to_string(), "-subj", &format!("/CN={name}")])
            .args(["-addext", &format!("subjectAltName=DNS:{name}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { sandbox }
    }

    /// A certificate for `name` that is signed by an authority of its own: [`Self::authority`].
    ///
    /// # Panics
    /// When openssl cannot make it.
    #[must_use]
    pub fn signed_for(name: &str) -> Self {
        let sandbox = Sandbox::new();
        let openssl = |args: &[&str]| {
            let output =
                Command::new("openssl").current_dir(sandbox.path()).args(args).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let authority = ["req", "-x509", "-subj", "/CN=an authority", "-keyout", "ca.key", "-out"];
        openssl(&[&authority[..], &["authority.pem"], &key[..]].concat());
        let subject = format!("/CN={name}");
        let request = ["req", "-subj", &subject, "-keyout", "key.pem", "-out", "request.pem"];
        openssl(&[&request[..], &key[..]].concat());
        sandbox.write("names", &format!("subjectAltName=DNS:{name}\n"));
        let files = ["-CA", "authority.pem", "-CAkey", "ca.key", "-extfile", "names"];
        let sign = ["x509", "-req", "-in", "request.pem", "-CAcreateserial", "-out", "chain.pem"];
        openssl(&[&sign[..], &files[..], &["-days", "30"]].concat());
        Self { sandbox }
    }

    /// The file with the authority's certificate.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.sandbox.path().join("authority.pem")
    }

    /// The file with the certificate.
    #[must_use]
    pub fn chain(&self) -> PathBuf {
        self.sandbox.path().join("chain.pem")
    }

    /// The file with the key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.sandbox.path().join("key.pem")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_stops_and_comes_back_on_the_same_port() {
        let mut nginx = Nginx::start("location / { return 200 \"hello\\n\"; }");
        assert_eq!(nginx.page("/").body, "hello\n");
        nginx.stop();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, nginx.port()));
        assert!(Page::get(address, "/").is_err());
        nginx.start_again();
        assert_eq!(nginx.page("/").code, 200);
    }

    #[test]
    fn it_speaks_tls() {
        let certificate = Certificate::for_name("tls.test", 30);
        speaks_tls(&certificate, certificate.chain());
    }

    #[test]
    fn it_speaks_tls_by_an_authority() {
        let certificate = Certificate::signed_for("tls.test");
        speaks_tls(&certificate, certificate.authority());
    }

    fn speaks_tls(certificate: &Certificate, trusted: PathBuf) {
        let nginx = Nginx::start_tls(certificate, "location / { return 204; }");
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", nginx.port())])
            .args(["-servername", "tls.test", "-CAfile"])
            .arg(trusted)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
    }
}
