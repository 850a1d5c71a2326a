//! A server that keeps to the protocol until it is told not to.

use std::{
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inlet::imap::{Imap, Paces};
use model::Way;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{authority::Authority, server::PACES};

pub(crate) const SECRET: &str = "Streng-Geheim";

/// What is said instead of the truth; `TAG` stands for the tag of the command.
pub(crate) enum Lie {
    Say(String),
    /// The same, and the line is cut.
    Cut(String),
    /// Nothing, for ever.
    Hang,
    /// The same again and again.
    Flood(String),
}

/// What the lies are told about. Asked for the greeting as `HELLO`, otherwise for each command
/// without its tag.
type Script = Arc<dyn Fn(&str) -> Option<Lie> + Send + Sync>;

/// What is in its one folder.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) validity: u32,
    pub(crate) next: Option<u32>,
    pub(crate) mails: Vec<(u32, String)>,
}

#[derive(Clone)]
struct Stage {
    script: Script,
    content: Arc<Mutex<Content>>,
    heard: Arc<Mutex<String>>,
    /// The tag of the last `IDLE`.
    idle: Arc<Mutex<String>>,
    connections: Arc<AtomicUsize>,
    acceptor: TlsAcceptor,
    starttls: bool,
}

pub(crate) struct Liar {
    dir: TempDir,
    port: u16,
    stage: Stage,
}

impl Content {
    /// Mails with these UIDs, each with a subject of its own.
    pub(crate) fn with(uids: &[u32]) -> Self {
        let mail = |it: &u32| (*it, format!("Subject: {it}\r\n\r\nbody of {it}\r\n"));
        let next = uids.iter().max().map_or(1, |it| it + 1);
        Self { validity: 7, next: Some(next), mails: uids.iter().map(mail).collect() }
    }
}

impl Liar {
    pub(crate) async fn start(
        content: Content,
        script: impl Fn(&str) -> Option<Lie> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(content, false, script).await
    }

    pub(crate) async fn start_with(
        content: Content,
        starttls: bool,
        script: impl Fn(&str) -> Option<Lie> + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("ca.pem"), authority.root()).unwrap();
        fs::write(dir.path().join("password"), SECRET).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stage = Stage {
            script: Arc::new(script),
            content: Arc::new(Mutex::new(content)),
            heard: Arc::default(),
            idle: Arc::default(),
            connections: Arc::default(),
            acceptor: acceptor(&authority),
            starttls,
        };
        let on_stage = stage.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stage = on_stage.clone();
                // Whoever hangs up ends the conversation; that is no failure of ours.
                tokio::spawn(async move { stage.play(stream).await.ok() });
            }
        });
        Self { dir, port, stage }
    }

    pub(crate) fn imap(&self, every: Duration) -> Imap {
        self.imap_with(every, PACES)
    }

    pub(crate) fn imap_with(&self, every: Duration, paces: Paces) -> Imap {
        let text = |it: &str| Arc::from(self.dir.path().join(it).to_str().unwrap());
        let way = Way::Imap {
            server: format!("127.0.0.1:{}", self.port).into(),
            ca: Some(text("ca.pem")),
            starttls: self.stage.starttls,
            user: "watch".into(),
            password_file: text("password"),
            folders: vec!["INBOX".into()],
            every,
        };
        Imap::new(&Arc::from("box"), &way).unwrap().paces(paces)
    }

    /// Trusts another authority from now on.
    pub(crate) fn distrust(&self) {
        fs::write(self.dir.path().join("ca.pem"), Authority::new().root()).unwrap();
    }

    /// Changes what is in the folder.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Content)) {
        change(&mut self.stage.content.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything that was said to it.
    pub(crate) fn heard(&self) -> String {
        self.stage.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often somebody came.
    pub(crate) fn connections(&self) -> usize {
        self.stage.connections.load(Ordering::SeqCst)
    }
}

impl Stage {
    async fn play(self, mut stream: TcpStream) -> std::io::Result<()> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        if self.starttls {
            let mut plain = BufReader::new(&mut stream);
            if !self.talk(&mut plain).await? {
                return Ok(());
            }
        }
        let mut secure = BufReader::new(self.acceptor.accept(stream).await?);
        if self.starttls {
            while self.turn(&mut secure).await? {}
        } else {
            self.talk(&mut secure).await?;
        }
        Ok(())
    }

    /// Greets and answers; `true`: it is time for TLS.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<bool> {
        match (self.script)("HELLO") {
            Some(lie) => {
                if !lie.tell(stream, "").await? {
                    return Ok(false);
                }
            }
            None => stream.write_all(b"* OK ready\r\n").await?,
        }
        stream.flush().await?;
        while self.turn(stream).await? {
            if self.starttls && self.heard().ends_with("STARTTLS\r\n") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn line<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<String> {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
        Ok(line.trim_end().to_owned())
    }

    /// One command and its answer. `false`: the line is cut.
    async fn turn<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<bool> {
        let line = self.line(stream).await?;
        if line == "DONE" {
            let tag = self.idle.lock().unwrap_or_else(PoisonError::into_inner).clone();
            stream.write_all(format!("{tag} OK done\r\n").as_bytes()).await?;
            stream.flush().await?;
            return Ok(true);
        }
        let Some((tag, command)) = line.split_once(' ') else { return Ok(false) };
        if command == "IDLE" {
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = tag.to_owned();
        }
        if let Some(lie) = (self.script)(command) {
            let goes_on = lie.tell(stream, tag).await?;
            stream.flush().await?;
            return Ok(goes_on);
        }
        let verb = command.split(' ').next().unwrap_or_default();
        let said = match verb {
            "AUTHENTICATE" | "LOGIN" => {
                self.credentials(stream).await?;
                String::new()
            }
            "IDLE" => {
                stream.write_all(b"+ idling\r\n").await?;
                stream.flush().await?;
                return Ok(true);
            }
            "CAPABILITY" => "* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE\r\n".to_owned(),
            "EXAMINE" => self.opened(),
            "UID" => self.fetched(command),
            "FETCH" => self.numbered(command),
            _ => String::new(),
        };
        stream.write_all(format!("{said}{tag} OK done\r\n").as_bytes()).await?;
        stream.flush().await?;
        Ok(true)
    }

    /// Asks for lines until one announces no other.
    async fn credentials<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<()> {
        loop {
            stream.write_all(b"+ go on\r\n").await?;
            stream.flush().await?;
            if !self.line(stream).await?.ends_with('}') {
                return Ok(());
            }
        }
    }

    fn content(&self) -> Content {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn opened(&self) -> String {
        let content = self.content();
        let next = content.next.map(|it| format!("* OK [UIDNEXT {it}] next\r\n"));
        format!(
            "* FLAGS (\\Seen)\r\n* {} EXISTS\r\n* OK [UIDVALIDITY {}] ids\r\n{}",
            content.mails.len(),
            content.validity,
            next.unwrap_or_default()
        )
    }

    /// The answer to `FETCH 3 (UID)`.
    fn numbered(&self, command: &str) -> String {
        let place: usize = command.split(' ').nth(1).unwrap().parse().unwrap();
        let content = self.content();
        let mail = place.checked_sub(1).and_then(|it| content.mails.get(it));
        mail.map_or_else(String::new, |it| format!("* {place} FETCH (UID {})\r\n", it.0))
    }

    /// The answer to `UID FETCH 5:9 (…)` or `UID FETCH 5 (…)`.
    fn fetched(&self, command: &str) -> String {
        let range = command.split(' ').nth(2).unwrap_or_default();
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        let (from, to): (u32, u32) = (from.parse().unwrap(), to.parse().unwrap());
        let content = self.content();
        let mut said = String::new();
        for (place, (uid, mail)) in content.mails.iter().enumerate() {
            if !(from..=to).contains(uid) {
                continue;
            }
            let place = place + 1;
            if command.contains("RFC822.SIZE") {
                let date = "INTERNALDATE \"01-Feb-2026 10:00:00 +0100\"";
                let size = mail.len();
                said += &format!("* {place} FETCH (UID {uid} RFC822.SIZE {size} {date})\r\n");
            } else {
                let (section, body) = if command.contains("HEADER") {
                    let end = mail.find("\r\n\r\n").map_or(mail.len(), |it| it + 4);
                    ("BODY[HEADER]<0>", &mail[..end])
                } else {
                    ("BODY[]", &mail[..])
                };
                let size = body.len();
                said += &format!("* {place} FETCH ({section} {{{size}}}\r\n{body} UID {uid})\r\n");
            }
        }
        said
    }
}

impl Lie {
    /// `false`: the line is cut.
    async fn tell<S: AsyncWrite + Unpin>(self, stream: &mut S, tag: &str) -> std::io::Result<bool> {
        match self {
            Self::Say(text) => {
                stream.write_all(text.replace("TAG", tag).as_bytes()).await?;
                Ok(true)
            }
            Self::Cut(text) => {
                stream.write_all(text.replace("TAG", tag).as_bytes()).await?;
                stream.flush().await?;
                stream.shutdown().await?;
                Ok(false)
            }
            Self::Hang => std::future::pending().await,
            Self::Flood(text) => loop {
                stream.write_all(text.as_bytes()).await?;
            },
        }
    }
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(authority.chain().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(authority.key().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
