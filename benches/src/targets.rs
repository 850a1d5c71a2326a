//! The servers that are looked at, in a process of their own, so that their CPU time is not ours.
//!
//! They listen on loopback alone and end with their standard input, which is to say with whoever
//! started them, however that one ends.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
};

use crate::{load, snmp};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Bytes of the longest request that is read.
const REQUEST_BYTES_MAX: usize = 2_048;
/// What every page says.
const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";

/// Where the servers listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) tcp: u16,
    pub(crate) http: u16,
    pub(crate) snmp: u16,
}

/// The running servers.
#[derive(Debug)]
pub(crate) struct Targets {
    child: Child,
    pub(crate) ports: Ports,
}

impl Targets {
    /// Starts them, with an SNMP agent at each of the first `hosts` addresses.
    pub(crate) fn start(hosts: u32) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["targets", &hosts.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the targets")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("no pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let ports: Vec<u16> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let [tcp, http, snmp] = ports[..] else {
            child.wait()?;
            anyhow::bail!("the targets did not come up");
        };
        Ok(Self { child, ports: Ports { tcp, http, snmp } })
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        // An error means that they have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs the servers until standard input ends; prints their ports.
pub(crate) fn serve(hosts: u32) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    thread::spawn(|| {
        // Whatever comes, and however it ends: nobody needs the servers any more.
        drop(io::stdin().read_to_end(&mut Vec::new()));
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Ports { tcp, http, snmp } = open(hosts).await?;
        println!("{tcp} {http} {snmp}");
        io::stdout().flush()?;
        std::future::pending().await
    })
}

/// Starts all servers on this runtime.
async fn open(hosts: u32) -> Result<Ports> {
    let (tcp, tcp_port) = listen()?;
    let (http, http_port) = listen()?;
    tokio::spawn(accept(tcp, hang_up));
    tokio::spawn(accept(http, page));
    Ok(Ports { tcp: tcp_port, http: http_port, snmp: agents(hosts).await? })
}

/// Listens at all addresses, but on the loopback device alone.
fn listen() -> Result<(TcpListener, u16)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind_device(Some(b"lo")).context("binding a socket to the loopback device")?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into())?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    serve: fn(TcpStream) -> F,
) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    }
}

async fn hang_up(stream: TcpStream) {
    drop(stream);
}

/// Answers one request and waits until the other side has closed.
async fn page(mut stream: TcpStream) {
    let mut request = [0; REQUEST_BYTES_MAX];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut request[length..]).await {
            Ok(more @ 1..) => length += more,
            _ => return,
        }
    }
    if stream.write_all(PAGE).await.is_ok() {
        // A reset is the usual end.
        drop(stream.read(&mut request).await);
    }
}

/// Starts an agent at each address. An answer must come from the address that was asked, so each
/// has a socket of its own.
async fn agents(hosts: u32) -> Result<u16> {
    let mut port = 0;
    for host in 0..hosts {
        let address = SocketAddrV4::new(load::address(host), port);
        let bound = UdpSocket::bind(address).await;
        let socket = bound.with_context(|| format!("an SNMP agent at {address}"))?;
        port = socket.local_addr()?.port();
        tokio::spawn(agent(socket));
    }
    Ok(port)
}

async fn agent(socket: UdpSocket) {
    let mut request = [0; REQUEST_BYTES_MAX];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut request).await else { continue };
        if let Some(answer) = snmp::answer(&request[..length]) {
            // Who does not get it asks again.
            drop(socket.send_to(&answer, from).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{floor, load::Kind};

    #[test]
    fn every_bare_loop_is_answered() {
        const HOSTS: u32 = 3;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let ports = runtime.block_on(open(HOSTS)).unwrap();
        for kind in Kind::ALL {
            // So few take less than the clock can tell; what counts is that no answer is missing.
            floor::measure(kind, HOSTS, ports, 200).unwrap();
        }
    }
}
