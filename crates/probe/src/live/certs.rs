//! Certificates, good and bad, from an authority of the test's own.

use std::{fs, path::PathBuf, sync::Arc};

use model::Value;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
        version::TLS12,
    },
};

use super::text;

/// The first second of the year 2070, when what is good for long ends.
pub(super) const END_OF_LEAF: f64 = 3_155_760_000.0;

/// An authority with a folder for what it signs.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate with the way to its root, and its key.
pub(super) struct Signed {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = named(&format!("Campanile test root in {}", folder.path().display()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(2080, 1, 1);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.path().join("root.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// For the parameter `ca`.
    pub(super) fn ca(&self) -> Value {
        text(self.folder.path().join("root.pem").to_str().unwrap())
    }

    /// Good for `localhost` and `127.0.0.1`.
    pub(super) fn good(&self) -> Signed {
        self.sign(&localhost())
    }

    /// Ended in 2020.
    pub(super) fn expired(&self) -> Signed {
        let mut params = localhost();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 3);
        self.sign(&params)
    }

    /// Begins in 2069.
    pub(super) fn early(&self) -> Signed {
        let mut params = localhost();
        params.not_before = date_time_ymd(2069, 4, 5);
        self.sign(&params)
    }

    /// Good, but for `other.example`.
    pub(super) fn other_name(&self) -> Signed {
        let mut params = CertificateParams::new(["other.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2070, 1, 1);
        self.sign(&params)
    }

    /// Good, but only to identify clients.
    pub(super) fn for_clients(&self) -> Signed {
        let mut params = localhost();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// A good one behind as many others as it takes for a chain of `length`.
    pub(super) fn long_chain(&self, length: usize) -> Signed {
        let mut signed = self.good();
        while signed.chain.len() < length {
            let more = self.good();
            signed.pem.push_str(&more.pem);
            signed.chain.extend(more.chain);
        }
        signed
    }

    pub(super) fn sign(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Signed { chain: vec![cert.der().clone()], pem: cert.pem(), key }
    }

    /// Writes `signed` down for a server: the files of the chain and of the key.
    pub(super) fn write(&self, name: &str, signed: &Signed) -> (PathBuf, PathBuf) {
        let chain = self.folder.path().join(format!("{name}.pem"));
        let key = self.folder.path().join(format!("{name}.key"));
        fs::write(&chain, &signed.pem).unwrap();
        fs::write(&key, signed.key.serialize_pem()).unwrap();
        (chain, key)
    }
}

/// As appliances make it: signed by itself, and by that its own authority.
pub(super) fn self_signed() -> Signed {
    let mut params = localhost();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    Signed { chain: vec![cert.der().clone()], pem: cert.pem(), key }
}

impl Signed {
    /// A server's end of TLS, for servers of the test's own.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_with(|_| {})
    }

    /// The same, with settings of its own.
    pub(super) fn acceptor_with(&self, set: impl FnOnce(&mut ServerConfig)) -> TlsAcceptor {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS12]).unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(self.chain.clone(), key).unwrap();
        set(&mut config);
        TlsAcceptor::from(Arc::new(config))
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn localhost() -> CertificateParams {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.not_after = date_time_ymd(2070, 1, 1);
    params
}
