//! From an address to a session that is let in.

use std::{fs::File, io::Read, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time,
};
use tokio_rustls::client::TlsStream;

use super::{
    Account, Paces,
    answer::{Answer, Status},
    fault::{ImapFault, said},
    session::Session,
    tls,
    wire::{Allowance, Waits, Wire},
};

/// A file with a password is a line; so much of it is read.
const PASSWORD_BYTES_MAX: u64 = 4096;
/// What may be said before we are let in.
const GREETING: Allowance = Allowance { literal: 0, talk: 64 << 10 };

/// A session over TLS.
pub(super) type Secure = Session<TlsStream<TcpStream>>;

/// Connects, encrypts and logs in.
pub(super) async fn dial(account: &Account, paces: &Paces) -> Result<Secure, ImapFault> {
    let password = read_password(&account.password_file).await?;
    let (host, port) = (account.host.as_ref(), account.port);
    let silent = |what| move |_| ImapFault::Silent { what };
    let connecting = time::timeout(paces.connect, TcpStream::connect((host, port))).await;
    let unreachable = |error| ImapFault::Unreachable { host: Arc::clone(&account.host), error };
    let stream = connecting.map_err(silent("the server's address"))?.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(ImapFault::Broken)?;
    let waits = Waits { byte: paces.byte, answer: paces.answer };
    let stream = if account.starttls { start_tls(Wire::new(stream, waits)).await? } else { stream };
    let shaking = tls::shake(stream, host, account.ca.as_deref());
    let shaken = time::timeout(paces.connect, shaking).await;
    let stream = shaken.map_err(silent("the TLS of the server"))?.map_err(ImapFault::Tls)?;
    let mut wire = Wire::new(stream, waits);
    if !account.starttls {
        greet(&mut wire).await?;
    }
    let secret = password.clone();
    let plain = BASE64.encode([b"\0", account.user.as_bytes(), b"\0", &password].concat());
    let mut session = Session::new(wire, vec![secret, plain.clone().into_bytes()]);
    let capabilities = session.capabilities().await?;
    let can = |it: &str| capabilities.iter().any(|word| word == it);
    if can("AUTH=PLAIN") {
        session.authenticate(&account.user, &plain).await?;
    } else if can("LOGINDISABLED") {
        return Err(ImapFault::NoWayIn);
    } else {
        session.login(&account.user, &password).await?;
    }
    let capabilities = session.capabilities().await?;
    session.can_idle = capabilities.iter().any(|it| it == "IDLE");
    Ok(session)
}

/// Waits for the greeting.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> Result<(), ImapFault> {
    wire.allow("the greeting of the server", GREETING);
    match wire.answer().await? {
        Answer::Word { status: Status::Ok, .. } => Ok(()),
        Answer::Word { status: Status::Bye, said: words } => {
            Err(ImapFault::Closed { said: said(&words, &[]) })
        }
        // Whoever says that we are in already wants no password, and no encryption before it.
        _ => Err(ImapFault::Nonsense("this is no greeting")),
    }
}

/// Asks for encryption in clear text; nothing that was said before it counts.
async fn start_tls(mut wire: Wire<TcpStream>) -> Result<TcpStream, ImapFault> {
    greet(&mut wire).await?;
    wire.allow("STARTTLS", GREETING);
    wire.send(b"s1 STARTTLS\r\n").await?;
    loop {
        match wire.answer().await? {
            Answer::Done { tag, status: Status::Ok, .. } if tag == b"s1" => {
                return wire.into_inner();
            }
            Answer::Done { said: words, .. } => {
                return Err(ImapFault::Refused { verb: "STARTTLS", said: said(&words, &[]) });
            }
            Answer::Word { status: Status::Bye, said: words } => {
                return Err(ImapFault::Closed { said: said(&words, &[]) });
            }
            _ => {}
        }
    }
}

/// The password, read anew each time so that it can be changed without a restart. Line ends behind
/// it are not part of it.
async fn read_password(path: &Arc<str>) -> Result<Vec<u8>, ImapFault> {
    let file = Arc::clone(path);
    let read = move || {
        let mut password = Vec::new();
        File::open(&*file)?.take(PASSWORD_BYTES_MAX).read_to_end(&mut password)?;
        while password.last().is_some_and(|it| matches!(it, b'\n' | b'\r')) {
            password.pop();
        }
        if password.is_empty() || password.contains(&0) {
            return Err(std::io::Error::other("there is no password in it"));
        }
        Ok(password)
    };
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.unwrap_or_else(|broken| Err(std::io::Error::other(broken)));
    read.map_err(|error| ImapFault::Password { path: Arc::clone(path), error })
}
