//! A real web server, on ports and with certificates of the test's own.
//!
//! The test binds the ports and nginx inherits them, as it would from an older self at an upgrade.
//! So no port can be taken in between, and a connection made before nginx is ready just waits.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::fd::AsRawFd,
    process::{Child, Command, Stdio},
};

use socket2::SockRef;
use tempfile::TempDir;

use super::certs::{Authority, Signed};

/// A running nginx; ends with its owner.
pub(super) struct Nginx {
    process: Child,
    folder: TempDir,
    /// In the order of the servers it was started with.
    pub(super) ports: Vec<u16>,
}

/// One server of the configuration: a listen option, and what stands in its block.
pub(super) struct Server {
    pub(super) listen: &'static str,
    pub(super) block: String,
}

impl Server {
    /// Without TLS.
    pub(super) fn plain(block: &str) -> Self {
        Self { listen: "", block: block.to_owned() }
    }

    /// With TLS, and HTTP/2 if the client asks for it.
    pub(super) fn tls(authority: &Authority, name: &str, signed: &Signed, block: &str) -> Self {
        let (chain, key) = authority.write(name, signed);
        let (chain, key) = (chain.display(), key.display());
        let block = format!("ssl_certificate {chain}; ssl_certificate_key {key}; {block}");
        Self { listen: "ssl http2", block }
    }
}

impl Nginx {
    pub(super) fn start(servers: &[Server]) -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().display();
        let mut text = format!(
            "daemon off; user root; worker_processes 1; pid {root}/pid; error_log stderr;
             events {{ worker_connections 64; }}
             http {{ access_log off; ssl_protocols TLSv1.2 TLSv1.3; default_type text/plain; root {root};
             client_body_temp_path {root}/a; proxy_temp_path {root}/b;
             fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;\n"
        );
        let (mut listeners, mut ports, mut inherited) = (Vec::new(), Vec::new(), String::new());
        for Server { listen, block } in servers {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            SockRef::from(&listener).set_cloexec(false).unwrap();
            let port = listener.local_addr().unwrap().port();
            writeln!(text, "server {{ listen 127.0.0.1:{port} {listen}; {block} }}").unwrap();
            write!(inherited, "{};", listener.as_raw_fd()).unwrap();
            listeners.push(listener);
            ports.push(port);
        }
        text.push('}');
        let config = folder.path().join("nginx.conf");
        fs::write(&config, text).unwrap();
        let process = Command::new("/usr/sbin/nginx")
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(&config)
            .env("NGINX", inherited)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is among the packages that the tests need");
        Self { process, folder, ports }
    }

    /// Puts a file where `root` is.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A signal that it can act on: killed, it would leave its worker behind.
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("procps is installed");
        self.process.wait().expect("nginx is a child of ours");
    }
}
