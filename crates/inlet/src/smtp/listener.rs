//! Where a mail server listens: a port, or a socket in a folder.

use std::{
    fs::{self, Permissions},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::wire::Stream;

/// Connections that the system keeps for us until we take them.
const BACKLOG: i32 = 512;
/// As with a port of the loopback, whoever is on this machine may connect; the folder may say
/// otherwise.
const SOCKET_MODE: u32 = 0o666;
/// How a socket in a folder is written: `unix:/run/campanile/lmtp`.
pub const UNIX: &str = "unix:";

/// Something that listens.
#[derive(Debug)]
pub enum Listener {
    /// At a port.
    Tcp(TcpListener),
    /// At a socket, which is taken away in the end.
    Unix(UnixListener, PathBuf),
}

/// Somebody who has come.
pub(super) enum Caller {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Caller {
    /// By which address limits and trust know it; who comes by a socket is on this machine.
    pub(super) fn address(&self) -> IpAddr {
        match self {
            Self::Tcp(_, peer) => peer.to_canonical(),
            Self::Unix(_) => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// Says why it is not let in. There is room for one line in a new connection; if not, nobody
    /// waits for it.
    pub(super) fn refuse(self, line: &[u8]) {
        match self {
            Self::Tcp(it, _) => SockRef::from(&it).send(line).ok(),
            Self::Unix(it) => SockRef::from(&it).send(line).ok(),
        };
    }

    pub(super) fn into_stream(self) -> Box<dyn Stream> {
        match self {
            Self::Tcp(it, _) => {
                // Answers are small, and each is waited for.
                it.set_nodelay(true).ok();
                Box::new(it)
            }
            Self::Unix(it) => Box::new(it),
        }
    }
}

/// A socket that listens at `address`, for the runtime that this is called on.
///
/// # Errors
/// What the system says: the port is taken, or may not be taken.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that is started again does not have to wait for old connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Listener {
    /// One that listens at `place`: `127.0.0.1:2525`, or `unix:/run/campanile/lmtp`.
    ///
    /// # Errors
    /// It is neither, or what the system says.
    pub fn open(place: &str) -> io::Result<Self> {
        let none = |_| io::Error::new(io::ErrorKind::InvalidInput, "it is no address with a port");
        match place.strip_prefix(UNIX) {
            Some(path) => at_socket(Path::new(path)),
            None => bind(place.parse().map_err(none)?).map(Self::Tcp),
        }
    }

    /// For people: where it is.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Tcp(it) => it.local_addr().map(|it| it.to_string()).unwrap_or_default(),
            Self::Unix(_, path) => path.display().to_string(),
        }
    }

    /// Waits for somebody.
    pub(super) async fn accept(&self) -> io::Result<Caller> {
        match self {
            Self::Tcp(it) => it.accept().await.map(|(it, peer)| Caller::Tcp(it, peer.ip())),
            Self::Unix(it, _) => it.accept().await.map(|it| Caller::Unix(it.0)),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(it: TcpListener) -> Self {
        Self::Tcp(it)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // If it stays, the next one takes its place.
            fs::remove_file(path).ok();
        }
    }
}

/// Takes the place of a socket at which nobody listens any more, and of nothing else.
fn at_socket(path: &Path) -> io::Result<Listener> {
    let is_left = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket())
        && std::os::unix::net::UnixStream::connect(path).is_err();
    if is_left {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(Listener::Unix(listener, path.to_owned()))
}
