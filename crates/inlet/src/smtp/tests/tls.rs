//! STARTTLS.

use std::{fs, path::Path, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};

use super::{
    client::{Client, within},
    house::{Running, intake},
};
use crate::smtp::{Intake, Keys, KeysError, Limits, Login, Refusal};

struct Secured {
    server: Running,
    root: CertificateDer<'static>,
    _folder: TempDir,
}

fn issue(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["in.msp.example".to_owned()]).unwrap();
    fs::write(folder.join("chain.pem"), cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn secured(tls_only: bool) -> Secured {
    let folder = tempfile::tempdir().unwrap();
    let root = issue(folder.path());
    let keys = Keys::open(folder.path().join("chain.pem"), folder.path().join("key.pem")).unwrap();
    let intake = Intake { tls: Some(Arc::new(keys)), tls_only, ..intake() };
    Secured { server: Running::start(Limits::default(), intake), root, _folder: folder }
}

async fn shake(client: Client, root: &CertificateDer<'static>) -> Client<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("in.msp.example").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    Client::new(within(connector.connect(name, client.into_stream())).await.unwrap())
}

#[tokio::test]
async fn a_session_begins_anew_behind_starttls() {
    let Secured { server, root, _folder } = secured(true);
    let mut client = server.client().await;
    assert!(client.say("EHLO nas").await.ends_with("\n250 STARTTLS"));
    client.expect("MAIL FROM:<>", "530 5.7.0").await;
    client.expect("STARTTLS now", "501").await;
    client.expect("STARTTLS", "220").await;
    let mut client = shake(client, &root).await;
    client.expect("MAIL FROM:<>", "503").await;
    assert!(!client.say("EHLO nas").await.contains("STARTTLS"));
    client.expect("STARTTLS", "503").await;
    assert!(client.mail("ok", 300_000).await.starts_with("250"));
    client.expect("QUIT", "221").await;
    assert_eq!(client.rest().await, "");
    assert!(server.house.kept()[0].secure);
    assert_eq!(server.gate.counters().refused(Refusal::Plain), 1);
}

/// A server that takes mails over TLS from the first byte, and knows a login.
fn secured_first() -> Secured {
    let Secured { root, _folder, .. } = secured(true);
    let keys =
        Keys::open(_folder.path().join("chain.pem"), _folder.path().join("key.pem")).unwrap();
    let login = Some(Login::new("nas", "secret"));
    let tls = Some(Arc::new(keys));
    let intake = Intake { tls, tls_only: true, tls_first: true, login, ..intake() };
    Secured { server: Running::start(Limits::default(), intake), root, _folder }
}

#[tokio::test]
async fn tls_comes_first_where_it_is_meant_to() {
    let Secured { server, root, _folder } = secured_first();
    let client = Client::connect(server.address, [127, 0, 0, 1]).await;
    let mut client = shake(client, &root).await;
    assert!(client.reply().await.starts_with("220 in.msp.example"));
    assert!(!client.say("EHLO nas").await.contains("STARTTLS"));
    client.expect("STARTTLS", "503").await;
    assert!(client.mail("ok", 100).await.starts_with("250"));
    assert!(server.house.kept()[0].secure);
    // Who speaks in the clear is not heard.
    let mut client = Client::connect(server.address, [127, 0, 0, 1]).await;
    client.send("EHLO nas\r\n").await;
    assert!(!client.rest().await.contains("250"));
    assert_eq!(server.gate.counters().refused(Refusal::Handshake), 1);
}

#[tokio::test]
async fn a_login_is_heard_over_tls_alone_and_proves_nothing() {
    let Secured { server, root, _folder } = secured_first();
    let open = || async {
        let client = Client::connect(server.address, [127, 0, 0, 1]).await;
        let mut client = shake(client, &root).await;
        client.reply().await;
        assert!(client.say("EHLO nas").await.ends_with("250 AUTH PLAIN LOGIN"));
        client
    };
    let mut client = open().await;
    client.expect("AUTH PLAIN AG5hcwBzZWNyZXQ=", "235 2.7.0").await;
    client.expect("AUTH PLAIN AG5hcwBzZWNyZXQ=", "503").await;
    assert!(client.mail("ok", 100).await.starts_with("250"));
    let mut client = open().await;
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client.expect("bmFz", "334 UGFzc3dvcmQ6").await;
    client.expect("c2VjcmV0", "235 2.7.0").await;
    let mut client = open().await;
    client.expect("AUTH CRAM-MD5", "504").await;
    client.expect("AUTH PLAIN", "334").await;
    client.expect("*", "501").await;
    client.expect("AUTH LOGIN bmFz", "334 UGFzc3dvcmQ6").await;
    client.expect("d3Jvbmc=", "535 5.7.8").await;
    // Nobody has to: the address is the secret.
    assert!(client.mail("ok", 100).await.starts_with("250"));
    client.expect("AUTH PLAIN AG5hcwB3cm9uZw==", "535").await;
    client.expect("AUTH PLAIN AG5hcwB3cm9uZw==", "421").await;
    assert_eq!(server.gate.counters().refused(Refusal::Login), 3);
    // In the clear no password is asked for.
    let plain = Intake { login: Some(Login::new("nas", "secret")), ..intake() };
    let server = Running::start(Limits::default(), plain);
    let mut client = server.client().await;
    assert!(!client.say("EHLO nas").await.contains("AUTH"));
    client.expect("AUTH PLAIN AG5hcwBzZWNyZXQ=", "538").await;
    client.expect("AUTH LOGIN", "538").await;
}

#[tokio::test]
async fn an_envelope_in_the_clear_does_not_count_behind_starttls() {
    let Secured { server, root, _folder } = secured(false);
    let mut client = server.addressed(&["ok"]).await;
    client.expect("STARTTLS", "220").await;
    let mut client = shake(client, &root).await;
    client.expect("DATA", "503").await;
    client.expect("RCPT TO:<ok@in.msp.example>", "503").await;
}

#[tokio::test]
async fn what_is_put_in_behind_starttls_is_never_a_command() {
    let Secured { server, .. } = secured(false);
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    client.send("STARTTLS\r\nMAIL FROM:<evil@bad.example>\r\n").await;
    let rest = client.rest().await;
    assert!(rest.starts_with("554 5.5.0"), "{rest:?}");
    assert_eq!(rest.lines().count(), 1);
    // What comes later is no handshake.
    let mut client = server.client().await;
    client.expect("EHLO nas", "250").await;
    client.expect("STARTTLS", "220").await;
    client.send("MAIL FROM:<evil@bad.example>\r\n").await;
    let rest = client.into_stream();
    let mut bytes = Vec::new();
    let mut rest = rest;
    within(tokio::io::AsyncReadExt::read_to_end(&mut rest, &mut bytes)).await.ok();
    assert!(!bytes.windows(3).any(|it| it == b"250" || it == b"503"), "{bytes:?}");
    assert_eq!(server.gate.counters().refused(Refusal::Early), 1);
    server.stop.send_replace(true);
    let gate = server.gate.clone();
    server.ended().await;
    assert_eq!(gate.counters().refused(Refusal::Handshake), 1);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let old = issue(folder.path());
    let chain = folder.path().join("chain.pem");
    let keys = Arc::new(Keys::open(&chain, folder.path().join("key.pem")).unwrap());
    let intake = Intake { tls: Some(Arc::clone(&keys)), ..intake() };
    let server = Running::start(Limits::default(), intake);
    fs::write(&chain, "half a file").unwrap();
    assert!(matches!(keys.reload(), Err(KeysError::Pem(..))));
    for fresh in [None, Some(issue(folder.path()))] {
        if fresh.is_some() {
            keys.reload().unwrap();
        }
        let mut client = server.client().await;
        client.expect("EHLO nas", "250").await;
        client.expect("STARTTLS", "220").await;
        let mut client = shake(client, fresh.as_ref().unwrap_or(&old)).await;
        client.expect("EHLO nas", "250").await;
    }
}

#[test]
fn files_that_are_no_certificate_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    issue(folder.path());
    fs::rename(path("key.pem"), path("other.pem")).unwrap();
    issue(folder.path());
    let open = |chain: &str, key: &str| Keys::open(path(chain), path(key)).unwrap_err();
    assert!(matches!(open("none.pem", "key.pem"), KeysError::Read(..)));
    assert!(matches!(open("key.pem", "key.pem"), KeysError::Pem(..)));
    assert!(matches!(open("chain.pem", "chain.pem"), KeysError::Pem(..)));
    assert!(matches!(open("chain.pem", "other.pem"), KeysError::Unfit(_)));
    fs::write(path("large.pem"), vec![b'x'; (1 << 20) + 1]).unwrap();
    assert!(matches!(open("large.pem", "key.pem"), KeysError::Size(_)));
}
