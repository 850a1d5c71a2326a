//! TLS for delivering: whoever cannot prove its name gets nothing. There is no switch for that.
//!
//! Looking at a bad certificate is the business of checks and needs another verifier; this one is
//! the plain one of the library, so that it cannot be weakened by mistake.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::SystemTime,
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        CertificateError, ClientConfig, Error, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};

/// Largest file of roots that is read; the roots of a whole system take a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Whom to trust: settings that all connections of a process share.
#[derive(Debug, Default)]
pub(crate) struct Trusts {
    system: OnceLock<Arc<ClientConfig>>,
    files: Mutex<BTreeMap<Arc<Path>, Kept>>,
}

#[derive(Debug)]
struct Kept {
    config: Arc<ClientConfig>,
    changed_at: Option<SystemTime>,
}

impl Trusts {
    /// Shakes hands over `stream` with `host`, which must prove its name to the roots of the machine
    /// or to those in the file `ca`.
    ///
    /// # Errors
    /// What went wrong, in words; nothing but the handshake was sent.
    pub(crate) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
        ca: Option<&Arc<Path>>,
    ) -> Result<TlsStream<S>, String> {
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| format!("{host} cannot stand in a certificate"))?;
        let connector = TlsConnector::from(self.config(ca)?);
        connector.connect(name, stream).await.map_err(|error| told(host, &error))
    }

    fn config(&self, ca: Option<&Arc<Path>>) -> Result<Arc<ClientConfig>, String> {
        let Some(path) = ca else {
            return Ok(Arc::clone(self.system.get_or_init(|| Arc::new(config(&[])))));
        };
        // Taken before the file is read: a change while we read is then seen the next time.
        let changed_at = fs::metadata(path).and_then(|it| it.modified()).ok();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = files.get(path).filter(|it| it.changed_at == changed_at) {
            return Ok(Arc::clone(&kept.config));
        }
        match read_roots(path) {
            Ok(roots) => {
                let config = Arc::new(config(&roots));
                let kept = Kept { config: Arc::clone(&config), changed_at };
                files.insert(Arc::clone(path), kept);
                Ok(config)
            }
            // A file that is being replaced must not silence us: the old roots still hold.
            Err(fault) => files.get(path).map(|it| Arc::clone(&it.config)).ok_or(fault),
        }
    }
}

/// The roots of this machine, read once per process.
pub(crate) fn system_roots() -> &'static [CertificateDer<'static>] {
    static ROOTS: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let read = rustls_native_certs::load_native_certs();
        for error in &read.errors {
            tracing::warn!(%error, "some trusted roots of this machine cannot be read");
        }
        read.certs
    })
}

fn config(more: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    // A root that cannot be read can vouch for nobody; the others still can.
    roots.add_parsable_certificates(system_roots().iter().chain(more).cloned());
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
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

fn told(host: &str, error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(why)) => {
            format!("the certificate of {host} is not good: {}", certificate_fault(why))
        }
        Some(other) => format!("shaking hands by TLS with {host}: {other}"),
        None => format!("shaking hands by TLS with {host}: {error}"),
    }
}

fn certificate_fault(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "its issuer is not trusted".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => other.to_string(),
    }
}
