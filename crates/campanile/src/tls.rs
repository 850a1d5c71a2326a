//! TLS to an engine behind a proxy: whoever cannot prove its name is asked nothing.

use std::{fs, io, net::TcpStream, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};

/// Largest file of certificates that is read; the roots of a whole system take a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A connection that nobody on the way can read.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Shakes hands with `host`, which must prove its name to the roots of this machine or to those in
/// `ca`.
///
/// # Errors
/// What went wrong, in words; nothing but the handshake was sent.
pub(crate) fn shake(mut stream: TcpStream, host: &str, ca: Option<&Path>) -> io::Result<Stream> {
    let name = ServerName::try_from(host.trim_end_matches('.').to_owned())
        .map_err(|_| io::Error::other(format!("{host} cannot stand in a certificate")))?;
    let config = config(ca)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|it| told(host, &it))?;
    }
    Ok(StreamOwned::new(connection, stream))
}

fn config(ca: Option<&Path>) -> io::Result<ClientConfig> {
    let more = ca.map(read_roots).transpose()?.unwrap_or_default();
    let system = rustls_native_certs::load_native_certs().certs;
    let mut roots = RootCertStore::empty();
    // A root that cannot be read can vouch for nobody; the others still can.
    roots.add_parsable_certificates(system.into_iter().chain(more));
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn read_roots(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let shown = path.display();
    let fault = |why: String| io::Error::other(format!("cannot trust {shown}: {why}"));
    let size = fs::metadata(path).map_err(|it| fault(it.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(fault(format!("it has {size} bytes, more than {FILE_BYTES_MAX}")));
    }
    let read = rustls_native_certs::load_certs_from_paths(Some(path), None);
    match (read.certs, read.errors.first()) {
        (certs, _) if !certs.is_empty() => Ok(certs),
        (_, Some(error)) => Err(fault(error.to_string())),
        (_, None) => Err(fault("it has no certificate in PEM".to_owned())),
    }
}

fn told(host: &str, error: &io::Error) -> io::Error {
    let text = format!("shaking hands by TLS with {host}: {error} (roots: --ca FILE)");
    io::Error::new(error.kind(), text)
}
