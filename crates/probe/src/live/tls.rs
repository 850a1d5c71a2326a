//! TLS: which certificate is called what, and that nothing is said to a server that shows a bad one.

use std::{cell::RefCell, rc::Rc, time::SystemTime};

use expect_test::expect;
use model::{CauseCode, Params, Value, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    HASTE, assert_fine,
    certs::{Authority, END_OF_LEAF, Signed, self_signed},
    code, faults, locally, look, look_within,
    nginx::{Nginx, Server},
    number, params, text, why, word,
};

/// A check of TLS on `port`, with more parameters.
fn tls<const N: usize>(port: u16, more: [(&'static str, Value); N]) -> Params {
    let mut params = params([("port", text(port.to_string())), ("tls", Value::Flag(true))]);
    params.0.extend(more);
    params
}

/// nginx with `signed`, asked by `tcp` for `localhost`.
fn certificate(authority: &Authority, signed: &Signed, check: impl AsyncFnOnce(Params)) {
    let nginx = Nginx::start(&[Server::tls(authority, "server", signed, "return 204;")]);
    let more = [("ca", authority.ca()), ("server_name", text("localhost"))];
    locally(check(tls(nginx.ports[0], more)));
}

/// The same server as in a check by `tcp`, asked for a page.
fn page_of(tcp: &Params) -> Params {
    let url = format!("https://localhost:{}/", tcp.text("port").unwrap());
    let mut params = params([("url", text(url)), ("address", text("127.0.0.1"))]);
    params.0.extend(tcp.0.get_key_value("ca").map(|(name, value)| (*name, value.clone())));
    params
}

#[test]
fn a_good_certificate_is_measured() {
    let authority = Authority::new();
    certificate(&authority, &authority.good(), async |params| {
        let found = look("tcp", &params).await;
        assert_fine(&found);
        assert_eq!(word("tcp", &found, "tls_version").as_deref(), Some("TLS 1.3"));
        assert_eq!(word("tcp", &found, "tls_cipher").as_deref(), Some("TLS_AES_256_GCM_SHA384"),);
        assert_eq!(number("tcp", &found, "cert_end"), Some(END_OF_LEAF));
        assert_eq!(number("tcp", &found, "chain_end"), Some(END_OF_LEAF));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let left = number("tcp", &found, "cert").unwrap();
        assert!((left - (END_OF_LEAF - now)).abs() < 60.0, "{left}");
        let fingerprint = word("tcp", &found, "fingerprint").unwrap();
        assert!(fingerprint.len() == 64 && fingerprint.bytes().all(|it| it.is_ascii_hexdigit()));
        assert!(number("tcp", &found, "tls_time").unwrap() > 0.0);
    });
}

#[test]
fn the_name_asked_for_is_the_address_if_no_other_is_written() {
    let authority = Authority::new();
    certificate(&authority, &authority.good(), async |mut params| {
        params.0.remove("server_name");
        assert_fine(&look("tcp", &params).await);
        params.0.insert("server_name", text("odd name"));
        assert_eq!(code(&look("tcp", &params).await), CauseCode::CertificateName);
    });
}

#[test]
fn an_expired_certificate_is_measured_all_the_same() {
    let authority = Authority::new();
    certificate(&authority, &authority.expired(), async |mut params| {
        let found = look("tcp", &params).await;
        assert_eq!(why(&found), "certificate-expired: expired on 2020-02-03");
        assert_eq!(number("tcp", &found, "cert_end"), Some(1_580_688_000.0));
        assert!(number("tcp", &found, "cert").unwrap() < 0.0);
        assert_eq!(number("tcp", &found, "chain_end"), None);
        params.0.insert("verify", Value::Flag(false));
        let found = look("tcp", &params).await;
        assert_fine(&found);
        assert_eq!(number("tcp", &found, "cert_end"), Some(1_580_688_000.0));
        assert_eq!(number("tcp", &found, "chain_end"), None);
    });
}

#[test]
fn each_bad_certificate_has_its_cause() {
    let authority = Authority::new();
    for (signed, expected) in [
        (authority.early(), "certificate-expired: not valid before 2069-04-05"),
        (authority.other_name(), "certificate-name: not for localhost but for other.example"),
        (Authority::new().good(), "certificate-untrusted: its issuer is not known"),
        (self_signed(), "certificate-untrusted: it signed itself"),
    ] {
        certificate(&authority, &signed, async |params| {
            for (kind, params) in [("tcp", &params), ("http", &page_of(&params))] {
                let found = look(kind, params).await;
                assert_eq!(why(&found), expected, "{kind}");
                assert!(number(kind, &found, "cert_end").is_some(), "{kind}: {expected}");
            }
        });
    }
    for signed in [authority.for_clients(), authority.long_chain(17)] {
        certificate(&authority, &signed, async |params| {
            assert_eq!(code(&look("tcp", &params).await), CauseCode::CertificateInvalid);
            let found = look("http", &page_of(&params)).await;
            assert_eq!(code(&found), CauseCode::CertificateInvalid);
            assert!(number("http", &found, "cert_end").is_some());
        });
    }
    certificate(&authority, &authority.long_chain(16), async |params| {
        assert_fine(&look("tcp", &params).await);
    });
}

#[test]
fn a_certificate_that_is_named_is_trusted_as_it_stands() {
    let authority = Authority::new();
    let appliance = self_signed();
    let (pinned, _) = authority.write("pinned", &appliance);
    certificate(&authority, &appliance, async |mut params| {
        params.0.insert("ca", text(pinned.to_str().unwrap()));
        let found = look("tcp", &params).await;
        assert_fine(&found);
        params.0.insert("server_name", text("other.example"));
        assert_eq!(code(&look("tcp", &params).await), CauseCode::CertificateName);
    });
    let expired = authority.expired();
    let (pinned, _) = authority.write("pinned", &expired);
    certificate(&authority, &expired, async |mut params| {
        params.0.insert("ca", text(pinned.to_str().unwrap()));
        assert_eq!(code(&look("tcp", &params).await), CauseCode::CertificateExpired);
    });
}

#[test]
fn an_older_version_of_tls_is_told() {
    locally(async {
        let authority = Authority::new();
        let acceptor = authority.good().acceptor();
        let address = faults::serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                stream.write_all(b"hello").await.unwrap();
                stream.shutdown().await.unwrap();
            }
        })
        .await;
        let more = [("ca", authority.ca()), ("expect", text("hello"))];
        let found = look("tcp", &tls(address.port(), more)).await;
        assert_fine(&found);
        assert_eq!(word("tcp", &found, "tls_version").as_deref(), Some("TLS 1.2"));
        let cipher = word("tcp", &found, "tls_cipher").unwrap();
        assert_eq!(cipher, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    });
}

/// What a server hears after the handshake, when it shows a certificate that is not good.
fn heard_after_a_bad_certificate(
    kind: &'static str,
    params: impl FnOnce(u16) -> Params,
) -> Vec<u8> {
    locally(async {
        let heard = Rc::new(RefCell::new(None));
        let acceptor = self_signed().acceptor();
        let address = faults::serve({
            let heard = Rc::clone(&heard);
            move |stream| {
                let (acceptor, heard) = (acceptor.clone(), Rc::clone(&heard));
                async move {
                    let mut stream = acceptor.accept(stream).await.unwrap();
                    let mut all = Vec::new();
                    // However it ends: what counts is what came before.
                    if stream.read_to_end(&mut all).await.is_err() {
                        all.extend_from_slice(b"");
                    }
                    heard.replace(Some(all));
                }
            }
        })
        .await;
        let found = look(kind, &params(address.port())).await;
        assert_eq!(code(&found), CauseCode::CertificateUntrusted);
        loop {
            if let Some(all) = heard.borrow_mut().take() {
                return all;
            }
            tokio::task::yield_now().await;
        }
    })
}

#[test]
fn nothing_is_said_to_a_server_with_a_bad_certificate() {
    let by_tcp = |port| tls(port, [("send", text("password")), ("expect", text("x"))]);
    assert_eq!(heard_after_a_bad_certificate("tcp", by_tcp), b"");
    let by_http = |port| {
        params([
            ("url", text(format!("https://127.0.0.1:{port}/secret"))),
            ("user", text("u")),
            ("password", text("p")),
        ])
    };
    assert_eq!(heard_after_a_bad_certificate("http", by_http), b"");
}

#[test]
fn what_is_not_tls_fails_the_handshake() {
    locally(async {
        for words in [
            b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
            &[0; 64],
            b"\x15\x03\x01\0\x02\x02\x28",
        ] {
            let address = faults::banner(words).await;
            let found = look("tcp", &tls(address.port(), [])).await;
            assert_eq!(code(&found), CauseCode::TlsHandshake, "{}", why(&found));
        }
    });
}

#[test]
fn a_handshake_can_fail_like_any_conversation() {
    locally(async {
        let silent = faults::silent().await;
        let found = look_within("tcp", &tls(silent.port(), []), HASTE).await;
        assert_eq!(code(&found), CauseCode::Timeout);
        assert!(why(&found).contains("shaking hands by TLS"), "{}", why(&found));
        let cutting = faults::reset().await;
        assert_eq!(code(&look("tcp", &tls(cutting.port(), [])).await), CauseCode::Reset);
        let closing = faults::serve(|mut stream| async move {
            faults::read_some(&mut stream).await;
        })
        .await;
        assert_eq!(code(&look("tcp", &tls(closing.port(), [])).await), CauseCode::Closed);
    });
}

#[test]
fn a_server_that_wants_a_certificate_of_ours_is_told_apart() {
    let authority = Authority::new();
    let ca = authority.ca();
    let Value::Text(root) = &ca else { panic!("a path is a text") };
    let block = format!("ssl_client_certificate {root}; ssl_verify_client on; return 204;");
    let nginx = Nginx::start(&[Server::tls(&authority, "server", &authority.good(), &block)]);
    locally(async {
        let url = format!("https://127.0.0.1:{}/", nginx.ports[0]);
        let params = params([("url", text(url)), ("ca", ca.clone())]);
        assert_eq!(why(&look("http", &params).await), "http-status: 400 Bad Request");
    });
}

#[test]
fn a_file_of_roots_is_read_again_only_when_it_changed() {
    let authority = Authority::new();
    certificate(&authority, &authority.good(), async |params| {
        let world = crate::World::new(&crate::WorldSettings::default());
        assert_fine(&super::look_in(&world, "tcp", &params, super::PATIENCE).await);
        // It is gone between two looks, as it is for a moment when it is being replaced.
        let built = (super::entry("tcp").build)(&params).unwrap();
        let Some(path) = params.text("ca") else { panic!("the check has a file of roots") };
        std::fs::remove_file(path).unwrap();
        let again = super::ask_in(&world, &*built, super::PATIENCE).await;
        assert_fine(&again);
        // A world that never saw it cannot judge, and says whose fault that is.
        let other = crate::World::new(&crate::WorldSettings::default());
        let blind = super::ask_in(&other, &*built, super::PATIENCE).await;
        assert!(matches!(blind.verdict, Verdict::Blind { .. }));
        assert_eq!(code(&blind), CauseCode::Internal);
    });
}

#[test]
fn a_handshake_is_told_step_by_step() {
    let authority = Authority::new();
    certificate(&authority, &authority.good(), async |params| {
        let steps = super::steps("tcp", &params).await;
        let shown: Vec<_> = steps.iter().map(|it| it.split(" in ").next().unwrap()).collect();
        let shown = shown.join("\n").replace(params.text("port").unwrap(), "PORT");
        expect![[r#"
            resolved 127.0.0.1 to 127.0.0.1
            connected to 127.0.0.1:PORT
            shook hands by TLS 1.3 with TLS_AES_256_GCM_SHA384"#]]
        .assert_eq(&shown);
        assert!(steps[2].ends_with("certificate trusted, ends 2070-01-01"));
    });
}
