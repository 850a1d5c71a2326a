//! A receiver that writes down what it hears and answers as it is told.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// What it does with one request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Answers with these bytes.
    Say(String),
    /// Reads everything and says nothing more.
    Hang,
    /// Reads everything and cuts the connection.
    Reset,
    /// Cuts the connection at once.
    Close,
    /// Answers with a gigabyte, as far as anybody reads it.
    Flood,
    /// Never comes to the end of its headers.
    Drip,
}

impl Act {
    /// An answer with a body and these headers.
    pub(super) fn answer(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Say(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
    }

    pub(super) fn ok() -> Self {
        Self::answer("200 OK", "", "fine")
    }
}

/// What it heard.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Heard {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|it| it.0.eq_ignore_ascii_case(name));
        found.map_or("", |it| &it.1)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A certificate of its own issuer.
pub(super) struct Identity {
    pub(super) issuer_pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Self { issuer_pem: issuer.pem(), config: Arc::new(config) }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// The receiver.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Receiver {
    /// One that does what `act` says for each request, by its number.
    pub(super) async fn start(
        identity: Option<&Identity>,
        act: impl Fn(usize, &Heard) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (act, kept) = (Arc::new(act), Arc::clone(&heard));
        let acceptor = identity.map(Identity::acceptor);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (act, kept, acceptor) = (Arc::clone(&act), Arc::clone(&kept), acceptor.clone());
                tokio::spawn(async move {
                    // A handshake that is refused, or a cut connection, is what many tests want.
                    let served = match acceptor {
                        None => serve(tcp, &*act, &kept).await,
                        Some(acceptor) => match acceptor.accept(tcp).await {
                            Ok(stream) => serve(stream, &*act, &kept).await,
                            Err(error) => Err(error),
                        },
                    };
                    drop(served);
                });
            }
        });
        Self { address, heard }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook/secret-path", self.address)
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    act: &(impl Fn(usize, &Heard) -> Act + ?Sized),
    kept: &Mutex<Vec<Heard>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream).await?;
        let number = {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(request.clone());
            kept.len() - 1
        };
        match act(number, &request) {
            Act::Say(bytes) => stream.write_all(bytes.as_bytes()).await?,
            Act::Hang => std::future::pending::<()>().await,
            Act::Reset | Act::Close => return Ok(()),
            Act::Flood => {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                for _ in 0..(1 << 14) {
                    stream.write_all(&[b'x'; 1 << 16]).await?;
                }
            }
            Act::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    stream.write_all(b"X-Slow: and on it goes\r\n").await?;
                    stream.flush().await?;
                    tokio::task::yield_now().await;
                }
            }
        }
        stream.flush().await?;
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|it| it.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|it| it.0.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(0, |it| it.1.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Heard { line, headers, body })
}
