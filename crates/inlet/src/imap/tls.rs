//! TLS to mailboxes: a server that cannot prove its name gets no password. There is no switch for
//! that.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, OnceLock},
};

use tokio::net::TcpStream;
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
const ROOTS_BYTES_MAX: u64 = 1 << 20;

/// Shakes hands over `stream` with `host`, which must prove its name to the roots of the machine, or
/// to those in the file `ca` and to no others.
///
/// # Errors
/// What went wrong, in words; nothing but the handshake was sent.
pub(super) async fn shake(
    stream: TcpStream,
    host: &str,
    ca: Option<&str>,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.trim_end_matches('.').to_owned())
        .map_err(|_| format!("{host} cannot stand in a certificate"))?;
    let config = match ca {
        None => system(),
        Some(path) => Arc::new(config(&read_roots(Path::new(path))?)),
    };
    let shaken = TlsConnector::from(config).connect(name, stream).await;
    shaken.map_err(|error| told(host, &error))
}

fn system() -> Arc<ClientConfig> {
    static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let read = || {
        let read = rustls_native_certs::load_native_certs();
        for error in &read.errors {
            tracing::warn!(%error, "some trusted roots of this machine cannot be read");
        }
        Arc::new(config(&read.certs))
    };
    Arc::clone(SYSTEM.get_or_init(read))
}

fn config(certs: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    // A root that cannot be read can vouch for nobody; the others still can.
    roots.add_parsable_certificates(certs.iter().cloned());
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let size = fs::metadata(path).map_err(|error| format!("cannot read {shown}: {error}"))?.len();
    if size > ROOTS_BYTES_MAX {
        return Err(format!("{shown} has {size} bytes, more than {ROOTS_BYTES_MAX}"));
    }
    let read = rustls_native_certs::load_certs_from_paths(Some(path), None);
    match (read.certs, read.errors.first()) {
        (certs, _) if !certs.is_empty() => Ok(certs),
        (_, Some(error)) => Err(format!("cannot read {shown}: {error}")),
        (_, None) => Err(format!("{shown} has no certificate in PEM")),
    }
}

fn told(host: &str, error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(why)) => {
            let why = match why {
                CertificateError::UnknownIssuer => "its issuer is not trusted".to_owned(),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "it has expired".to_owned()
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "it is for another name".to_owned()
                }
                other => other.to_string(),
            };
            format!("the certificate of {host} is not good: {why}")
        }
        Some(other) => format!("shaking hands by TLS with {host}: {other}"),
        None => format!("shaking hands by TLS with {host}: {error}"),
    }
}
