//! TLS that looks before it judges.
//!
//! A verifier that stops the handshake at the first fault would leave an operator with "bad
//! certificate" and no date. So ours writes the chain down, asks the real verifier, keeps its
//! answer aside and lets the handshake finish. What it must not do is let anything else happen:
//! [`Tls::shake`] hands a stream out only if the answer was yes, or the check says `verify: off`.
//! Nothing of ours, password or request, is ever sent to a server that could not prove its name.
//!
//! The verifier is for looking only. Whatever delivers messages must not be able to name it, so it
//! stays private to this module.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use model::{Cause, CauseCode, Measure, MeasureSpec, Reading, Unit};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, ProtocolVersion,
        RootCertStore, SignatureScheme,
        client::{
            Resumption, WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            verify_server_name,
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
        server::ParsedCertificate,
    },
};

use super::{
    certificate::{CERTIFICATES_MAX, Chain, RootEnds, day},
    connect::{Phases, late},
    errno,
};
use crate::Ask;

/// A file of roots is compared with what we read from it no more often than this.
const FILE_EVERY: Duration = Duration::from_secs(30);
/// Largest file of roots that is read; the roots of a whole system take a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A `close_notify` may take this long to leave; nobody waits for it.
const FAREWELL_MAX: Duration = Duration::from_millis(50);

/// How a check wants its TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsTerms {
    /// Must the certificate be good?
    pub(crate) verify: bool,
    /// More roots to trust, in PEM.
    pub(crate) ca: Option<Arc<Path>>,
    /// The name to ask for and to find in the certificate, instead of the host's.
    pub(crate) server_name: Option<Arc<str>>,
}

impl TlsTerms {
    /// The same for a server that the admin did not name: no name but its own will do there.
    pub(crate) fn elsewhere(&self) -> Self {
        Self { server_name: None, ..self.clone() }
    }
}

/// What a handshake brought to light, good or bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// `TLS 1.3`.
    pub(crate) version: Option<&'static str>,
    pub(crate) cipher: Option<String>,
    pub(crate) chain: Option<Chain>,
    /// Did the verifier say yes?
    pub(crate) verified: bool,
}

/// The wire: roots and settings that all looks of one shard share.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    trusts: RefCell<HashMap<Arc<Path>, Kept>>,
}

/// What was read from one file of roots.
#[derive(Debug)]
struct Kept {
    trust: Arc<Trust>,
    changed_at: Option<SystemTime>,
    compared_at: Instant,
}

impl Tls {
    /// Shakes hands over `tcp`. The facts come out whether it ends well or not.
    ///
    /// # Errors
    /// The certificate's fault, the handshake's, or the connection's. After any of them the
    /// connection is closed and nothing but the handshake was sent over it.
    pub(crate) async fn shake(
        &self,
        tcp: TcpStream,
        name: &str,
        terms: &TlsTerms,
        protocols: &[&[u8]],
        (ask, phases, facts): (&Ask<'_>, &mut Phases, &mut TlsFacts),
    ) -> Result<TlsStream<TcpStream>, Cause> {
        let trust = self.trust(terms.ca.as_ref())?;
        let name = terms.server_name.as_deref().unwrap_or(name);
        let server_name = server_name(name)?;
        let recorder = Arc::new(Recorder { trust: Arc::clone(&trust), seen: OnceLock::new() });
        let connector = TlsConnector::from(Arc::new(trust.config(&recorder, protocols)));

        let start = Instant::now();
        let shaken = timeout_at(ask.deadline, connector.connect(server_name, tcp)).await;
        Phases::add(&mut phases.tls, start);
        let seen = recorder.seen.get();
        facts.chain = seen.and_then(|it| it.chain.clone());
        facts.verified = seen.is_some_and(|it| it.fault.is_none());
        let judged = match seen.and_then(|it| it.fault.as_ref()) {
            Some(fault) if terms.verify => Err(certificate_cause(name, fault, &facts.chain)),
            _ => Ok(()),
        };
        let mut stream = match shaken {
            // A certificate that is known to be bad explains a broken handshake better.
            Ok(Err(error)) => return Err(judged.err().unwrap_or_else(|| handshake_cause(&error))),
            Err(_) => return Err(late(ask, format_args!("shaking hands by TLS"))),
            Ok(Ok(stream)) => stream,
        };
        read_session(&stream, facts);
        ask.trace.step(|| told(facts, start.elapsed()));
        if let Err(cause) = judged {
            // Politeness, not a promise: if it cannot leave at once, the connection just ends.
            let until = ask.deadline.min(Instant::now() + FAREWELL_MAX);
            let farewell = timeout_at(until, stream.shutdown()).await;
            tracing::trace!(?farewell, "closed after a certificate that is not good");
            return Err(cause);
        }
        Ok(stream)
    }

    fn trust(&self, ca: Option<&Arc<Path>>) -> Result<Arc<Trust>, Cause> {
        let Some(path) = ca else { return Ok(Trust::of_system()) };
        let mut trusts = self.trusts.borrow_mut();
        let now = Instant::now();
        if let Some(kept) = trusts.get_mut(path) {
            if now.duration_since(kept.compared_at) < FILE_EVERY {
                return Ok(Arc::clone(&kept.trust));
            }
            kept.compared_at = now;
            if kept.changed_at == changed_at(path) {
                return Ok(Arc::clone(&kept.trust));
            }
        }
        // Taken first: a change while we read is then seen the next time.
        let changed_at = changed_at(path);
        match read_roots(path) {
            Ok(roots) => {
                let trust = Arc::new(Trust::new(&Trust::of_system().roots, &roots));
                let kept = Kept { trust: Arc::clone(&trust), changed_at, compared_at: now };
                trusts.insert(Arc::clone(path), kept);
                Ok(trust)
            }
            // A file that is being replaced must not make us blind: the old roots still hold.
            Err(text) => match trusts.get(path) {
                Some(kept) => Ok(Arc::clone(&kept.trust)),
                None => Err(Cause::new(CauseCode::Internal, text)),
            },
        }
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}

/// The certificates in the PEM file at `path`.
///
/// # Errors
/// One line that says what is wrong with it.
pub(crate) fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let size = fs::metadata(path).map_err(|error| format!("cannot read {shown}: {error}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{shown} has {size} bytes, more than {FILE_BYTES_MAX}"));
    }
    let read = rustls_native_certs::load_certs_from_paths(Some(path), None);
    match (read.certs, read.errors.first()) {
        (certs, _) if !certs.is_empty() => Ok(certs),
        (_, Some(error)) => Err(format!("cannot read {shown}: {error}")),
        (_, None) => Err(format!("{shown} has no certificate in PEM")),
    }
}

/// Reads the trusted roots of this machine, if that has not happened yet: some hundred small files
/// that no shard should have to wait for at its first look.
pub fn read_trusted_roots() {
    drop(Trust::of_system());
}

fn server_name(name: &str) -> Result<ServerName<'static>, Cause> {
    let bare = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        Cause::new(CauseCode::CertificateName, format!("{name} cannot stand in a certificate"))
    })
}

/// Whom to trust, ready for use.
#[derive(Debug)]
struct Trust {
    roots: Vec<CertificateDer<'static>>,
    ends: RootEnds,
    /// Certificates that an admin named: one of them is good as a server's own too.
    pins: Vec<CertificateDer<'static>>,
    /// `None`: there is no root at all, so nothing can be verified.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// The roots of this machine, read once per process.
    fn of_system() -> Arc<Self> {
        static SYSTEM: OnceLock<Arc<Trust>> = OnceLock::new();
        Arc::clone(SYSTEM.get_or_init(|| {
            let read = rustls_native_certs::load_native_certs();
            for error in &read.errors {
                tracing::warn!(%error, "some trusted roots of this machine cannot be read");
            }
            Arc::new(Self::new(&read.certs, &[]))
        }))
    }

    fn new(system: &[CertificateDer<'static>], pins: &[CertificateDer<'static>]) -> Self {
        let provider = Arc::new(ring::default_provider());
        let roots: Vec<_> = system.iter().chain(pins).cloned().collect();
        let mut store = RootCertStore::empty();
        let mut ends = RootEnds::default();
        for root in &roots {
            // A root that cannot be read can vouch for nobody; the others still can.
            if store.add(root.clone()).is_ok() {
                ends.add(root);
            }
        }
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider));
        Self { roots, ends, pins: pins.to_vec(), verifier: builder.build().ok(), provider }
    }

    fn config(&self, recorder: &Arc<Recorder>, protocols: &[&[u8]]) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(recorder) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        // A resumed session shows no certificate and takes half the time: it would tell us nothing.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
        config
    }
}

/// What one handshake showed.
#[derive(Debug)]
struct Seen {
    chain: Option<Chain>,
    fault: Option<CertificateFault>,
}

/// Why a certificate is not good.
#[derive(Clone, Debug)]
enum CertificateFault {
    Verifier(Error),
    TooLong(usize),
    NoRoots,
}

/// Writes down what comes, and lets the handshake finish. One for each handshake.
#[derive(Debug)]
struct Recorder {
    trust: Arc<Trust>,
    seen: OnceLock<Seen>,
}

impl Recorder {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Option<CertificateFault> {
        let length = intermediates.len() + 1;
        if length > CERTIFICATES_MAX {
            return Some(CertificateFault::TooLong(length));
        }
        let Some(verifier) = &self.trust.verifier else { return Some(CertificateFault::NoRoots) };
        let verdict = verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        let error = verdict.err()?;
        if self.trust.pins.iter().any(|it| it == end_entity) {
            return verify_pinned(end_entity, name, now).err().map(CertificateFault::Verifier);
        }
        Some(CertificateFault::Verifier(error))
    }
}

/// Judges a certificate that an admin named as trusted by itself: its dates and names must hold.
/// The verifier knows roots and servers only, and refuses one that is both, as most of those are
/// that appliances make for themselves.
fn verify_pinned(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let sent = std::slice::from_ref(certificate);
    let Some(facts) = Chain::read(sent, &RootEnds::default()) else {
        return Err(CertificateError::BadEncoding.into());
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > facts.leaf_end {
        return Err(CertificateError::Expired.into());
    }
    if now < facts.leaf_begin {
        return Err(CertificateError::NotValidYet.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let fault = self.verify(end_entity, intermediates, server_name, ocsp_response, now);
        let sent: Vec<_> = std::iter::once(end_entity)
            .chain(intermediates)
            .take(CERTIFICATES_MAX)
            .cloned()
            .collect();
        let chain = Chain::read(&sent, &self.trust.ends);
        // A handshake verifies once; a second answer could only hide the first.
        self.seen.get_or_init(|| Seen { chain, fault });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn certificate_cause(name: &str, fault: &CertificateFault, chain: &Option<Chain>) -> Cause {
    let error = match fault {
        CertificateFault::Verifier(Error::InvalidCertificate(error)) => error,
        CertificateFault::Verifier(error) => {
            return Cause::new(CauseCode::CertificateInvalid, error.to_string());
        }
        CertificateFault::TooLong(length) => {
            let text =
                format!("a chain of {length} certificates; at most {CERTIFICATES_MAX} are read");
            return Cause::new(CauseCode::CertificateInvalid, text);
        }
        CertificateFault::NoRoots => {
            let text = "this machine has no trusted roots; install ca-certificates or set `ca`";
            return Cause::new(CauseCode::Internal, text);
        }
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let end = chain.as_ref().map(|it| day(it.earliest_end)).unwrap_or_default();
            Cause::new(CauseCode::CertificateExpired, format!("expired on {end}"))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let begin = chain.as_ref().map(|it| day(it.leaf_begin)).unwrap_or_default();
            Cause::new(CauseCode::CertificateExpired, format!("not valid before {begin}"))
        }
        CertificateError::NotValidForName => {
            Cause::new(CauseCode::CertificateName, format!("not for {name}"))
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // They come as `DnsName("other.example")`.
            let bare = presented.iter().map(|it| it.split('"').nth(1).unwrap_or(it));
            let text = format!("not for {name} but for {}", bare.collect::<Vec<_>>().join(", "));
            Cause::new(CauseCode::CertificateName, text)
        }
        _ if chain.as_ref().is_some_and(|it| it.self_issued) => {
            Cause::new(CauseCode::CertificateUntrusted, "it signed itself")
        }
        CertificateError::UnknownIssuer => {
            Cause::new(CauseCode::CertificateUntrusted, "its issuer is not known")
        }
        other => Cause::new(CauseCode::CertificateInvalid, format!("{other}")),
    }
}

/// The cause of a handshake that did not come to its end.
fn handshake_cause(error: &std::io::Error) -> Cause {
    match error.get_ref().and_then(|it| it.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(error)) => {
            Cause::new(CauseCode::CertificateInvalid, error.to_string())
        }
        Some(error) => Cause::new(CauseCode::TlsHandshake, error.to_string()),
        None => errno::cause_of("shaking hands by TLS", error),
    }
}

fn read_session(stream: &TlsStream<TcpStream>, facts: &mut TlsFacts) {
    let session = stream.get_ref().1;
    facts.version = session.protocol_version().map(|version| match version {
        ProtocolVersion::TLSv1_2 => "TLS 1.2",
        ProtocolVersion::TLSv1_3 => "TLS 1.3",
        _ => "other",
    });
    // rustls writes `TLS13_AES…` where the registry, and everybody's dashboards, have `TLS_AES…`.
    let suite = session.negotiated_cipher_suite().and_then(|it| it.suite().as_str());
    facts.cipher = suite.map(|it| it.replacen("TLS13_", "TLS_", 1));
}

fn told(facts: &TlsFacts, took: Duration) -> String {
    let version = facts.version.unwrap_or("TLS");
    let cipher = facts.cipher.as_deref().unwrap_or("an unknown cipher");
    let end = facts.chain.as_ref().map_or_else(|| "?".into(), |it| day(it.earliest_end));
    let trust = if facts.verified { "trusted" } else { "not trusted" };
    format!("shook hands by {version} with {cipher} in {took:?}; certificate {trust}, ends {end}")
}

/// Seconds from now to the end of the certificate that ends first.
pub(crate) const CERT: MeasureSpec = MeasureSpec {
    name: "cert",
    unit: Unit::Seconds,
    series: None,
    doc: "Time left until the first of the server's certificates ends; negative once it has.",
};
/// See its text.
pub(crate) const CERT_END: MeasureSpec = MeasureSpec {
    name: "cert_end",
    unit: Unit::Number,
    series: Some(("probe_ssl_earliest_cert_expiry", &[])),
    doc: "When the first of the server's certificates ends, in seconds since 1970.",
};
/// See its text.
pub(crate) const CHAIN_END: MeasureSpec = MeasureSpec {
    name: "chain_end",
    unit: Unit::Number,
    series: Some(("probe_ssl_last_chain_expiry_timestamp_seconds", &[])),
    doc: "When the verified chain, root included, ends, in seconds since 1970.",
};
/// See its text.
pub(crate) const FINGERPRINT: MeasureSpec = MeasureSpec {
    name: "fingerprint",
    unit: Unit::Text,
    series: Some(("probe_ssl_last_chain_info", &[("fingerprint_sha256", "")])),
    doc: "SHA-256 of the server's certificate, in hexadecimal.",
};
/// See its text.
pub(crate) const TLS_VERSION: MeasureSpec = MeasureSpec {
    name: "tls_version",
    unit: Unit::Text,
    series: Some(("probe_tls_version_info", &[("version", "")])),
    doc: "Version of TLS, as in `TLS 1.3`.",
};
/// See its text.
pub(crate) const TLS_CIPHER: MeasureSpec = MeasureSpec {
    name: "tls_cipher",
    unit: Unit::Text,
    series: Some(("probe_tls_cipher_info", &[("cipher", "")])),
    doc: "Cipher suite that was agreed on.",
};

impl TlsFacts {
    /// Adds what is known, for a kind that lists [`CERT`], [`CERT_END`], [`CHAIN_END`],
    /// [`FINGERPRINT`], [`TLS_VERSION`] and [`TLS_CIPHER`] from `first` on, in this order.
    pub(crate) fn measure(&self, first: u8, measures: &mut Vec<Measure>) {
        let mut text = |offset: u8, text: &str| {
            measures.push(Measure { index: first + offset, reading: Reading::Text(text.into()) });
        };
        if let Some(version) = self.version {
            text(4, version);
        }
        if let Some(cipher) = &self.cipher {
            text(5, cipher);
        }
        let Some(chain) = &self.chain else { return };
        text(3, &chain.fingerprint);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // Seconds since 1970 are exact in a float for the next hundred million years.
        let end = chain.earliest_end as f64;
        measures.push(Measure::number(first, end - now));
        measures.push(Measure::number(first + 1, end));
        if let (true, Some(end)) = (self.verified, chain.trusted_end) {
            measures.push(Measure::number(first + 2, end as f64));
        }
    }
}
