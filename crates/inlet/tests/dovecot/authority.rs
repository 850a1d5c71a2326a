//! An authority of the test's own, and one certificate for `127.0.0.1`.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    chain: String,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Campanile test root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        let signed = leaf.signed_by(&key, &issuer).unwrap();
        let chain = signed.pem();
        Self { issuer, chain, key }
    }

    /// The root in PEM.
    pub(crate) fn root(&self) -> String {
        self.issuer.pem()
    }

    /// The certificate in PEM.
    pub(crate) fn chain(&self) -> String {
        self.chain.clone()
    }

    /// Its key in PEM.
    pub(crate) fn key(&self) -> String {
        self.key.serialize_pem()
    }
}
