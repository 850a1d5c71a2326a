//! STARTTLS, each protocol by a server with a script, since no two servers say no alike.

use model::{CauseCode, Params, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::{HASTE, assert_fine, certs::Authority, code, faults, look, look_within};
use super::{locally, number, params, text, why};

/// What a server says and hears in turn; it begins.
type Script = &'static [(&'static [u8], &'static [u8])];

const SMTP: Script = &[
    (b"220-mx.example\r\n220 ready\r\n", b"EHLO campanile.invalid\r\n"),
    (b"250-mx.example\r\n250-PIPELINING\r\n250-starttls\r\n250 HELP\r\n", b"STARTTLS\r\n"),
    (b"220 go ahead\r\n", b""),
];
const IMAP: Script =
    &[(b"* OK ready\r\n", b"a1 STARTTLS\r\n"), (b"* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n", b"")];
const POP3: Script = &[(b"+OK ready\r\n", b"STLS\r\n"), (b"+OK begin\r\n", b"")];
const FTP: Script =
    &[(b"220-Hello\r\nno code here\r\n220 ready\r\n", b"AUTH TLS\r\n"), (b"234 begin\r\n", b"")];
const POSTGRES: Script = &[(b"", &[0, 0, 0, 8, 4, 210, 22, 47]), (b"S", b"")];
const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
const LDAP: Script =
    &[(b"", LDAP_REQUEST), (b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0", b"")];
/// The same with lengths as Active Directory writes them.
const LDAP_LONG: Script = &[
    (b"", LDAP_REQUEST),
    (b"\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0", b""),
];

/// Plays `script`, then TLS by `acceptor`, then a greeting.
async fn play(mut stream: TcpStream, script: Script, acceptor: Option<TlsAcceptor>) {
    for (say, hear) in script {
        if stream.write_all(say).await.is_err() {
            return;
        }
        let mut heard = vec![0; hear.len()];
        if stream.read_exact(&mut heard).await.is_err() {
            return;
        }
        assert_eq!(heard, *hear);
    }
    let Some(acceptor) = acceptor else { return faults::wait_for_close(&mut stream).await };
    let mut stream = acceptor.accept(stream).await.unwrap();
    stream.write_all(b"welcome").await.unwrap();
    stream.shutdown().await.unwrap();
}

/// A check of the server that plays `script`.
async fn check(protocol: &str, script: Script, authority: Option<&Authority>) -> Params {
    let acceptor = authority.map(|it| it.good().acceptor());
    let address = faults::serve(move |stream| play(stream, script, acceptor.clone())).await;
    let mut params =
        params([("port", text(address.port().to_string())), ("starttls", text(protocol))]);
    if let Some(authority) = authority {
        params.0.insert("ca", authority.ca());
        params.0.insert("expect", text("welcome"));
    }
    params
}

#[test]
fn every_protocol_leads_to_tls() {
    locally(async {
        let authority = Authority::new();
        for (protocol, script) in [
            ("smtp", SMTP),
            ("imap", IMAP),
            ("pop3", POP3),
            ("ftp", FTP),
            ("postgres", POSTGRES),
            ("ldap", LDAP),
            ("ldap", LDAP_LONG),
        ] {
            let found = look("tcp", &check(protocol, script, Some(&authority)).await).await;
            assert_fine(&found);
            assert!(number("tcp", &found, "starttls_time").is_some(), "{protocol}");
            assert!(number("tcp", &found, "cert").is_some(), "{protocol}");
        }
    });
}

#[test]
fn a_no_is_a_refusal() {
    const SCRIPTS: &[(&str, Script)] = &[
        ("smtp", &[(b"554 not you\r\n", b"")]),
        ("smtp", &[(b"220 a\r\n", b"EHLO campanile.invalid\r\n"), (b"250-a\r\n250 HELP\r\n", b"")]),
        ("smtp", &[(b"220 a\r\n", b"EHLO campanile.invalid\r\n"), (b"502 what?\r\n", b"")]),
        ("imap", &[(b"* OK a\r\n", b"a1 STARTTLS\r\n"), (b"a1 BAD no\r\n", b"")]),
        ("pop3", &[(b"+OK a\r\n", b"STLS\r\n"), (b"-ERR no\r\n", b"")]),
        ("ftp", &[(b"220 a\r\n", b"AUTH TLS\r\n"), (b"534 no\r\n", b"")]),
        ("postgres", &[(b"", &[0, 0, 0, 8]), (b"N", b"")]),
        ("postgres", &[(b"", &[0, 0, 0, 8]), (b"E", b"")]),
        ("ldap", &[(b"", b"\x30"), (b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\0\x04\0", b"")]),
    ];
    locally(async {
        for (protocol, script) in SCRIPTS {
            let found = look("tcp", &check(protocol, script, None).await).await;
            assert_eq!(code(&found), CauseCode::StartTlsRefused, "{}", why(&found));
        }
    });
}

#[test]
fn nonsense_is_not_a_refusal() {
    const SCRIPTS: &[(&str, Script)] = &[
        ("smtp", &[(b"SSH-2.0-OpenSSH_9.2\r\n", b"")]),
        ("imap", &[(b"220 ready\r\n", b"")]),
        ("imap", &[(b"* OK a\r\n", b"a1 STARTTLS\r\n"), (b"b7 OK\r\n", b"")]),
        ("pop3", &[(b"220 ready\r\n", b"")]),
        ("ftp", &[(b"\r\n", b"")]),
        ("postgres", &[(b"", &[0, 0, 0, 8]), (b"\x15", b"")]),
        ("ldap", &[(b"", b"\x30"), (b"HTTP/1.1 400\r\n", b"")]),
        ("ldap", &[(b"", b"\x30"), (b"\x30\x84\xff\xff\xff\xff", b"")]),
        ("ldap", &[(b"", b"\x30"), (b"\x30\x03\x02\x01\x02", b"")]),
        // A word that somebody put in before the encryption.
        (
            "smtp",
            &[
                (b"220 a\r\n", b"EHLO campanile.invalid\r\n"),
                (b"250 STARTTLS\r\n", b"STARTTLS\r\n"),
                (b"220 go\r\n250 trust me\r\n", b""),
            ],
        ),
        ("postgres", &[(b"", &[0, 0, 0, 8]), (b"SR", b"")]),
    ];
    locally(async {
        for (protocol, script) in SCRIPTS {
            let found = look("tcp", &check(protocol, script, None).await).await;
            assert_eq!(code(&found), CauseCode::Malformed, "{}", why(&found));
        }
    });
}

#[test]
fn the_talk_before_tls_has_its_limits() {
    locally(async {
        let silent = look_within("tcp", &check("smtp", &[], None).await, HASTE).await;
        assert_eq!(code(&silent), CauseCode::Timeout);
        assert!(why(&silent).contains("waiting for STARTTLS"), "{}", why(&silent));

        let to = |address: std::net::SocketAddr| {
            params([("port", text(address.port().to_string())), ("starttls", text("smtp"))])
        };
        let endless = faults::serve(|mut stream| async move {
            while stream.write_all(b"220-and another thing\r\n").await.is_ok() {}
        })
        .await;
        assert_eq!(code(&look("tcp", &to(endless)).await), CauseCode::TooLarge);
        let closing = faults::serve(|_| async {}).await;
        assert_eq!(code(&look("tcp", &to(closing)).await), CauseCode::Closed);
        let cutting = faults::reset_at_once().await;
        assert_eq!(code(&look("tcp", &to(cutting)).await), CauseCode::Reset);
        let mut unsafe_params = to(closing);
        unsafe_params.0.insert("verify", Value::Flag(false));
        assert_eq!(code(&look("tcp", &unsafe_params).await), CauseCode::Closed);
    });
}
