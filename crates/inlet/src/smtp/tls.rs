//! The certificate that a mail server shows after STARTTLS.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
};

/// Bytes of a file with a chain or a key: 1 MiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate and its key, from two files.
#[derive(Debug)]
pub struct Keys {
    chain: PathBuf,
    key: PathBuf,
    current: Mutex<Arc<ServerConfig>>,
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// The file is larger than any such file.
    #[error("{0} has more than {FILE_BYTES_MAX} bytes")]
    Size(PathBuf),
    /// The file has none of what is looked for.
    #[error("{0} has no certificate or key in PEM")]
    Pem(PathBuf, #[source] pem::Error),
    /// They do not belong together, or are of a kind that nobody takes.
    #[error("certificate and key do not fit")]
    Unfit(#[from] tokio_rustls::rustls::Error),
}

impl Keys {
    /// The certificate chain and the key in these files.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn open(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, KeysError> {
        let (chain, key) = (chain.into(), key.into());
        let current = Mutex::new(read(&chain, &key)?);
        Ok(Self { chain, key, current })
    }

    /// Reads the files again: certificates are renewed under a server that runs.
    ///
    /// # Errors
    /// What is wrong with the files; the certificate until now stays.
    pub fn reload(&self) -> Result<(), KeysError> {
        let fresh = read(&self.chain, &self.key)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }
}

fn read(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, KeysError> {
    let pem = bytes(chain)?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| KeysError::Pem(chain.to_owned(), error))?;
    if certificates.is_empty() {
        return Err(KeysError::Pem(chain.to_owned(), pem::Error::NoItemsFound));
    }
    let secret = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .map_err(|error| KeysError::Pem(key.to_owned(), error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, secret)?;
    Ok(Arc::new(config))
}

fn bytes(path: &Path) -> Result<Vec<u8>, KeysError> {
    let read = |error| KeysError::Read(path.to_owned(), error);
    if fs::metadata(path).map_err(read)?.len() > FILE_BYTES_MAX {
        return Err(KeysError::Size(path.to_owned()));
    }
    fs::read(path).map_err(read)
}
