//! From a conversation in the clear to the point where TLS may begin.
//!
//! Each protocol has its own few sentences for it. All of them are read under one limit, and
//! nothing may stand between the server's consent and the handshake: bytes that came along with
//! the consent were put there by somebody who wants them to count as encrypted.

use model::{Cause, CauseCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout_at,
};

use super::{connect::late, errno};
use crate::Ask;

/// More than this before TLS is not a greeting any more.
const READ_BYTES_MAX: usize = 16 << 10;

/// The protocols, as they are written in a check.
pub(crate) const WORDS: &[&str] = &["smtp", "imap", "pop3", "ftp", "ldap", "postgres"];

/// Who speaks before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartTls {
    /// RFC 3207.
    Smtp,
    /// RFC 9051, 6.2.1.
    Imap,
    /// RFC 2595, 4.
    Pop3,
    /// RFC 4217, 4.
    Ftp,
    /// RFC 4511, 4.14.
    Ldap,
    /// The `SSLRequest` message.
    Postgres,
}

/// `StartTLS` of LDAP: an extended request, message 1, with the name 1.3.6.1.4.1.1466.20037.
const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// Length 8, then the number that asks for TLS.
const POSTGRES_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];

impl StartTls {
    /// The protocol that `word` names.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "smtp" => Self::Smtp,
            "imap" => Self::Imap,
            "pop3" => Self::Pop3,
            "ftp" => Self::Ftp,
            "ldap" => Self::Ldap,
            "postgres" => Self::Postgres,
            _ => return None,
        })
    }

    /// Speaks until the server is ready for TLS.
    ///
    /// # Errors
    /// `starttls-refused` when it says no, `malformed` when it says nonsense, else whatever befell
    /// the connection.
    pub(crate) async fn ask_for(self, tcp: &mut TcpStream, ask: &Ask<'_>) -> Result<(), Cause> {
        let mut talk = Talk { tcp, ask, heard: Vec::new(), heard_in_all: 0 };
        match self {
            Self::Smtp => talk.smtp().await?,
            Self::Imap => talk.imap().await?,
            Self::Pop3 => talk.pop3().await?,
            Self::Ftp => talk.ftp().await?,
            Self::Ldap => talk.ldap().await?,
            Self::Postgres => talk.postgres().await?,
        }
        match talk.heard.is_empty() {
            true => Ok(()),
            false => Err(malformed("bytes after the consent to STARTTLS, before TLS", &talk.heard)),
        }
    }
}

/// The conversation so far.
struct Talk<'a> {
    tcp: &'a mut TcpStream,
    ask: &'a Ask<'a>,
    /// Read, but not yet part of a line.
    heard: Vec<u8>,
    heard_in_all: usize,
}

impl Talk<'_> {
    async fn smtp(&mut self) -> Result<(), Cause> {
        self.expect_reply("220", "the greeting").await?;
        self.say(b"EHLO campanile.invalid\r\n").await?;
        let abilities = self.expect_reply("250", "EHLO").await?;
        let offered =
            |it: &String| it.get(4..).is_some_and(|it| it.trim().eq_ignore_ascii_case("STARTTLS"));
        if !abilities.iter().any(offered) {
            return Err(refused("STARTTLS is not among the abilities that the server lists"));
        }
        self.say(b"STARTTLS\r\n").await?;
        self.expect_reply("220", "STARTTLS").await.map(drop)
    }

    async fn ftp(&mut self) -> Result<(), Cause> {
        self.expect_reply("220", "the greeting").await?;
        self.say(b"AUTH TLS\r\n").await?;
        self.expect_reply("234", "AUTH TLS").await.map(drop)
    }

    async fn pop3(&mut self) -> Result<(), Cause> {
        self.expect_ok().await?;
        self.say(b"STLS\r\n").await?;
        self.expect_ok().await
    }

    async fn imap(&mut self) -> Result<(), Cause> {
        let greeting = self.line().await?;
        if !greeting.starts_with("* OK") {
            return Err(malformed("a greeting that is not of IMAP", greeting.as_bytes()));
        }
        self.say(b"a1 STARTTLS\r\n").await?;
        loop {
            let line = self.line().await?;
            match line.strip_prefix("a1 ") {
                Some(answer) if answer.starts_with("OK") => return Ok(()),
                Some(_) => return Err(refused(&line)),
                None if line.starts_with("* ") => {}
                None => return Err(malformed("an answer that is not of IMAP", line.as_bytes())),
            }
        }
    }

    async fn postgres(&mut self) -> Result<(), Cause> {
        self.say(POSTGRES_REQUEST).await?;
        while self.heard.is_empty() {
            self.hear().await?;
        }
        match self.heard.remove(0) {
            b'S' => Ok(()),
            b'N' => Err(refused("the server has TLS switched off")),
            b'E' => Err(refused("the server answered with an error")),
            other => Err(malformed("an answer that is not of PostgreSQL", &[other])),
        }
    }

    async fn ldap(&mut self) -> Result<(), Cause> {
        self.say(LDAP_REQUEST).await?;
        let message = loop {
            if let Some(message) = take_ldap_message(&mut self.heard)? {
                break message;
            }
            self.hear().await?;
        };
        match ldap_result(&message) {
            Some(0) => Ok(()),
            Some(code) => Err(refused(&format!("LDAP result code {code}"))),
            None => Err(malformed("an answer that is not of LDAP", &message)),
        }
    }

    /// Reads a reply of one or more lines, as SMTP and FTP have them: `250-` goes on, `250 ` ends.
    async fn expect_reply(&mut self, code: &str, to: &str) -> Result<Vec<String>, Cause> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let digits = line.len() >= 3 && line.bytes().take(3).all(|it| it.is_ascii_digit());
            let inside =
                lines.first().is_some_and(|it: &String| it.as_bytes().get(3) == Some(&b'-'));
            if !digits && !inside {
                return Err(malformed(
                    &format!("an answer to {to} without a code"),
                    line.as_bytes(),
                ));
            }
            let ends = digits && line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if ends {
                break;
            }
        }
        let last = lines.last().map(String::as_str).unwrap_or_default();
        match last.starts_with(code) {
            true => Ok(lines),
            false => Err(refused(&format!("answer to {to}: {last}"))),
        }
    }

    async fn expect_ok(&mut self) -> Result<(), Cause> {
        let line = self.line().await?;
        match line.as_bytes() {
            [b'+', b'O', b'K', ..] => Ok(()),
            [b'-', b'E', b'R', b'R', ..] => Err(refused(&line)),
            other => Err(malformed("an answer that is not of POP3", other)),
        }
    }

    /// The next line without its end.
    async fn line(&mut self) -> Result<String, Cause> {
        loop {
            if let Some(end) = self.heard.iter().position(|it| *it == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line);
                return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
            }
            self.hear().await?;
        }
    }

    async fn hear(&mut self) -> Result<(), Cause> {
        let mut block = [0_u8; 1024];
        let read = timeout_at(self.ask.deadline, self.tcp.read(&mut block)).await;
        let count = read
            .map_err(|_| late(self.ask, format_args!("waiting for STARTTLS")))?
            .map_err(|error| errno::cause_of("reading before STARTTLS", &error))?;
        if count == 0 {
            return Err(Cause::new(CauseCode::Closed, "closed before STARTTLS"));
        }
        self.heard_in_all += count;
        if self.heard_in_all > READ_BYTES_MAX {
            let text = format!("more than {READ_BYTES_MAX} bytes before STARTTLS");
            return Err(Cause::new(CauseCode::TooLarge, text));
        }
        self.heard.extend_from_slice(&block[..count]);
        Ok(())
    }

    async fn say(&mut self, words: &[u8]) -> Result<(), Cause> {
        timeout_at(self.ask.deadline, self.tcp.write_all(words))
            .await
            .map_err(|_| late(self.ask, format_args!("asking for STARTTLS")))?
            .map_err(|error| errno::cause_of("asking for STARTTLS", &error))
    }
}

/// Takes one whole message off the front of `heard`; `None`: there is more to come.
fn take_ldap_message(heard: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Cause> {
    let (header, length) = match heard.as_slice() {
        [] | [0x30] => return Ok(None),
        [0x30, short, ..] if *short < 0x80 => (2, usize::from(*short)),
        [0x30, 0x81, rest @ ..] => match rest {
            [length, ..] => (3, usize::from(*length)),
            [] => return Ok(None),
        },
        [0x30, 0x82, rest @ ..] => match rest {
            [high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
            _ => return Ok(None),
        },
        [0x30, 0x84, rest @ ..] => match rest {
            [a, b, c, d, ..] => (6, u32::from_be_bytes([*a, *b, *c, *d]) as usize),
            _ => return Ok(None),
        },
        other => return Err(malformed("an answer that is not of LDAP", other)),
    };
    if length > READ_BYTES_MAX {
        return Err(malformed("an LDAP message of a length that cannot be", heard));
    }
    if heard.len() < header + length {
        return Ok(None);
    }
    let message = heard[header..header + length].to_vec();
    heard.drain(..header + length);
    Ok(Some(message))
}

/// The result code of an extended response to message 1.
fn ldap_result(message: &[u8]) -> Option<u8> {
    let [0x02, 0x01, 0x01, 0x78, length, rest @ ..] = message else { return None };
    let code = match *length {
        short if short < 0x80 => rest,
        long => rest.get(usize::from(long & 0x7f)..)?,
    };
    let [0x0a, 0x01, code, ..] = code else { return None };
    Some(*code)
}

fn refused(text: &str) -> Cause {
    Cause::new(CauseCode::StartTlsRefused, text)
}

fn malformed(what: &str, heard: &[u8]) -> Cause {
    Cause::new(CauseCode::Malformed, format!("{what}: {}", String::from_utf8_lossy(heard)))
}
