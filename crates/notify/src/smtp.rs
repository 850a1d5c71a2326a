//! One mail to one server, by SMTP.
//!
//! Our own few commands, over the same connections and the same trust as everything else. That way
//! we know to the byte whether the server can have taken a mail whose answer never came: only from
//! the dot on that ends it. And nothing that came in the clear is believed once TLS was agreed on,
//! so nobody on the way can answer in the server's place.

use std::{path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use lettre::Address;
use model::Delivery;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    time::{Instant, timeout_at},
};

use crate::{World, http, net, text::one_line};

/// Bytes of one line of an answer; the standard has 512.
const REPLY_LINE_BYTES_MAX: u64 = 2048;
/// Lines of one answer.
const REPLY_LINES_MAX: usize = 128;
/// Bytes of a server's own words in a fault.
const REPLY_SHOWN_BYTES_MAX: usize = 200;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Begins in the clear and must become TLS before anything is said.
    StartTls,
    /// TLS from the first byte on.
    Tls,
    /// In the clear, for this very machine alone.
    Clear,
}

/// A mail server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) protection: Protection,
    pub(crate) ca: Option<Arc<Path>>,
    /// User and password.
    pub(crate) login: Option<(Arc<str>, Arc<str>)>,
    /// What we call ourselves; `None`: by our address.
    pub(crate) hello: Option<Arc<str>>,
}

impl Server {
    /// What it said, without the password.
    fn masked(&self, text: &str) -> String {
        let login = self.login.as_ref().map(|(user, password)| {
            let both = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
            [password.to_string(), BASE64.encode(password.as_bytes()), both]
        });
        let masked = http::mask(text, login.iter().flatten().map(String::as_str));
        one_line(&masked, REPLY_SHOWN_BYTES_MAX)
    }
}

/// What is handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mail<'a> {
    pub(crate) from: &'a Address,
    pub(crate) to: &'a Address,
    /// With CRLF at the ends of lines.
    pub(crate) bytes: &'a [u8],
}

/// How it ended before it was taken.
enum End {
    /// The server said no.
    Refused(u16, String),
    /// It did not come that far.
    Broken(String),
}

type Line = BufReader<Box<dyn Stream>>;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Hands `mail` to `server`, until `deadline`.
pub(crate) async fn send(
    world: &World,
    server: &Server,
    mail: Mail<'_>,
    deadline: Instant,
) -> Delivery {
    let mut handed = false;
    let host = &server.host;
    let said = match timeout_at(deadline, talk(world, server, mail, deadline, &mut handed)).await {
        Ok(Ok(())) => return Delivery::Taken,
        Ok(Err(End::Refused(code, text))) => {
            let fault = format!("{host} answered {code} {}", server.masked(&text));
            return match code {
                500.. => Delivery::Never { fault },
                _ => Delivery::Later { fault, after: None, may_have_arrived: false },
            };
        }
        Ok(Err(End::Broken(fault))) => fault,
        Err(_) => format!("no answer from {host} in time"),
    };
    Delivery::Later { fault: said, after: None, may_have_arrived: handed }
}

async fn talk(
    world: &World,
    server: &Server,
    mail: Mail<'_>,
    deadline: Instant,
    handed: &mut bool,
) -> Result<(), End> {
    let Ok(_permit) = world.in_flight().acquire().await else {
        return Err(End::Broken("too many deliveries are under way".to_owned()));
    };
    let (mut line, hello) = greeted(world, server, deadline).await?;
    let mut offers = command(&mut line, &hello, 250).await?;
    if server.protection == Protection::StartTls {
        if !offers.iter().any(|it| it.eq_ignore_ascii_case("STARTTLS")) {
            return Err(End::Broken(format!("{} does not offer STARTTLS", server.host)));
        }
        line = encrypted(world, server, line).await?;
        offers = command(&mut line, &hello, 250).await?;
    }
    if let Some(login) = &server.login {
        log_in(&mut line, &offers, login).await?;
    }
    command(&mut line, &format!("MAIL FROM:<{}>", mail.from), 250).await?;
    command(&mut line, &format!("RCPT TO:<{}>", mail.to), 250).await?;
    command(&mut line, "DATA", 354).await?;
    write(&mut line, &stuffed(mail.bytes)).await?;
    *handed = true;
    command(&mut line, ".", 250).await?;
    // It has the mail; whether it hears that we go is its own affair.
    if let Err(End::Broken(fault)) = write(&mut line, b"QUIT\r\n").await {
        tracing::debug!(fault, "a mail server closed before we could say goodbye");
    }
    Ok(())
}

/// A connection whose server has greeted, and the command that greets back.
async fn greeted(world: &World, server: &Server, deadline: Instant) -> Result<(Line, String), End> {
    let Server { host, port, .. } = server;
    let tcp = net::connect(world, host, *port, deadline).await.map_err(End::Broken)?;
    let literal = match tcp.local_addr().map(|it| it.ip()) {
        Ok(std::net::IpAddr::V4(ip)) => format!("[{ip}]"),
        Ok(std::net::IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        Err(_) => "localhost".to_owned(),
    };
    let hello = format!("EHLO {}", server.hello.as_deref().unwrap_or(&literal));
    let stream: Box<dyn Stream> = match server.protection {
        Protection::Tls => {
            let shaken = world.trusts().shake(tcp, host, server.ca.as_ref()).await;
            Box::new(shaken.map_err(End::Broken)?)
        }
        Protection::StartTls | Protection::Clear => Box::new(tcp),
    };
    let mut line = BufReader::new(stream);
    expect(&mut line, 220).await?;
    Ok((line, hello))
}

async fn encrypted(world: &World, server: &Server, mut line: Line) -> Result<Line, End> {
    command(&mut line, "STARTTLS", 220).await?;
    if !line.buffer().is_empty() {
        // Whoever wrote that wants it to be taken for what the server says under TLS.
        return Err(End::Broken(format!("{} spoke on in the clear after STARTTLS", server.host)));
    }
    let shaken = world.trusts().shake(line.into_inner(), &server.host, server.ca.as_ref()).await;
    Ok(BufReader::new(Box::new(shaken.map_err(End::Broken)?)))
}

async fn log_in(
    line: &mut Line,
    offers: &[String],
    (user, password): &(Arc<str>, Arc<str>),
) -> Result<(), End> {
    let ways = offers
        .iter()
        .filter_map(|it| it.to_ascii_uppercase().strip_prefix("AUTH ").map(str::to_owned));
    let ways: Vec<String> = ways.collect();
    let has = |way| ways.iter().any(|it| it.split(' ').any(|it| it == way));
    if has("PLAIN") || !has("LOGIN") {
        let both = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        command(line, &format!("AUTH PLAIN {both}"), 235).await?;
        return Ok(());
    }
    command(line, "AUTH LOGIN", 334).await?;
    command(line, &BASE64.encode(user.as_bytes()), 334).await?;
    command(line, &BASE64.encode(password.as_bytes()), 235).await?;
    Ok(())
}

/// Says `text` and waits for `code`; the lines of the answer.
async fn command(line: &mut Line, text: &str, code: u16) -> Result<Vec<String>, End> {
    write(line, format!("{text}\r\n").as_bytes()).await?;
    expect(line, code).await
}

async fn write(line: &mut Line, bytes: &[u8]) -> Result<(), End> {
    let broken = |error| End::Broken(format!("the mail server broke off: {error}"));
    line.write_all(bytes).await.map_err(broken)?;
    line.flush().await.map_err(broken)
}

async fn expect(line: &mut Line, code: u16) -> Result<Vec<String>, End> {
    let (answered, lines) = reply(line).await?;
    if answered == code || (code == 250 && answered == 251) {
        return Ok(lines);
    }
    let text = lines.join(" ");
    match answered {
        400..=599 => Err(End::Refused(answered, text)),
        _ => {
            Err(End::Broken(format!("the mail server answered {answered} in the place of {code}")))
        }
    }
}

async fn reply(line: &mut Line) -> Result<(u16, Vec<String>), End> {
    let mut lines = Vec::new();
    loop {
        let mut bytes = Vec::new();
        let mut bounded = (&mut *line).take(REPLY_LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut bytes).await;
        read.map_err(|error| End::Broken(format!("the mail server broke off: {error}")))?;
        let text = String::from_utf8_lossy(&bytes);
        if !text.ends_with('\n') {
            return Err(End::Broken("the mail server broke off".to_owned()));
        }
        let code = text.get(..3).and_then(|it| it.parse::<u16>().ok());
        let (Some(code), true) = (code, lines.len() < REPLY_LINES_MAX) else {
            return Err(End::Broken("what answers is no mail server".to_owned()));
        };
        lines.push(text.get(4..).unwrap_or_default().trim().to_owned());
        if text.as_bytes().get(3) != Some(&b'-') {
            return Ok((code, lines));
        }
    }
}

/// The mail with CRLF at its end, and no line that is only a dot.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(mail.len() + 64);
    for part in mail.split_inclusive(|it| *it == b'\n') {
        if part.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(part);
    }
    if !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_mail_can_end_it() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\nc"), b"a\r\n..\r\n...b\r\nc\r\n");
    }
}
