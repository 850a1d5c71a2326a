//! `http`, against nginx where a server should be right, and against scripts where it should not.

use std::{cell::RefCell, net::SocketAddr, rc::Rc};

use expect_test::expect;
use model::{CauseCode, Params, Secret, Value};
use tokio::io::AsyncWriteExt;

use super::{
    HASTE, assert_fine,
    certs::{Authority, END_OF_LEAF},
    code, faults, locally, look, look_within, map, mistakes,
    nginx::{Nginx, Server},
    number, params, text, why, word,
};

/// A check of `path` at `address`, with more parameters.
fn get<const N: usize>(
    address: SocketAddr,
    path: &str,
    more: [(&'static str, Value); N],
) -> Params {
    let mut params = params([("url", text(format!("http://{address}{path}")))]);
    params.0.extend(more);
    params
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Answers each request with what `script` makes of its head, and keeps the heads.
async fn scripted(
    script: impl Fn(&str) -> String + 'static,
) -> (SocketAddr, Rc<RefCell<Vec<String>>>) {
    let heads = Rc::new(RefCell::new(Vec::new()));
    let script = Rc::new(script);
    let kept = Rc::clone(&heads);
    let address = faults::serve(move |mut stream| {
        let (script, kept) = (Rc::clone(&script), Rc::clone(&kept));
        async move {
            let head = faults::read_request(&mut stream).await;
            let answer = script(&head);
            kept.borrow_mut().push(head);
            if stream.write_all(answer.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok()
            {
                faults::wait_for_close(&mut stream).await;
            }
        }
    })
    .await;
    (address, heads)
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

/// A server with everything that a well-behaved one has.
fn well_behaved() -> Nginx {
    let nginx = Nginx::start(&[Server::plain(
        r#"
        location = / { return 200 "it is fine\n"; }
        location = /health { default_type application/json; return 200 '{"status":"ok","n":[1,2]}'; }
        location = /moved { return 302 /; }
        location = /gone { return 410; }
        location = /broken { return 503; }
        location = /echo { return 200 "$request_method $http_host $http_x_more $http_user_agent"; }
        location = /members { auth_basic members; auth_basic_user_file users; }
        "#,
    )]);
    nginx.write("users", "anna:{PLAIN}open sesame\n");
    nginx
}

#[test]
fn a_page_is_fetched_and_measured() {
    let nginx = well_behaved();
    nginx.write("page", "hello");
    locally(async {
        let found = look("http", &get(at(nginx.ports[0]), "/page", [])).await;
        assert_fine(&found);
        let number = |name| number("http", &found, name);
        for measure in ["time", "resolve", "connect", "processing", "transfer", "dns"] {
            assert!(number(measure).unwrap() >= 0.0, "{measure}");
        }
        assert_eq!(number("code"), Some(200.0));
        assert_eq!(number("http_version"), Some(1.1));
        assert_eq!(number("encrypted"), Some(0.0));
        assert_eq!(number("hops"), Some(0.0));
        assert_eq!(number("length"), Some(5.0));
        assert_eq!(number("size"), Some(5.0));
        assert_eq!(number("body_failed"), Some(0.0));
        assert!(number("modified").unwrap() > 1_600_000_000.0);
        assert_eq!(number("ip_protocol"), Some(4.0));
        assert_eq!(number("tls_time"), None);
        assert_eq!(number("cert"), None);
    });
}

#[test]
fn codes_are_judged() {
    let nginx = well_behaved();
    locally(async {
        let address = at(nginx.ports[0]);
        let found = look("http", &get(address, "/broken", [])).await;
        assert_eq!(why(&found), "http-status: 503 Service Unavailable");
        assert_eq!(number("http", &found, "code"), Some(503.0));
        let expecting = |codes| get(address, "/gone", [("expect", codes)]);
        assert_fine(&look("http", &expecting(Value::Number(410))).await);
        assert_fine(&look("http", &expecting(Value::List(vec![text("4xx")]))).await);
        let found = look("http", &expecting(Value::List(vec![Value::Number(200)]))).await;
        assert_eq!(code(&found), CauseCode::HttpStatus);
    });
}

#[test]
fn bodies_are_judged() {
    let nginx = well_behaved();
    locally(async {
        let address = at(nginx.ports[0]);
        for (param, good, bad) in [
            ("body", text(r#""status":"ok""#), text("down")),
            ("body_regex", text("st.tus"), text("^ok$")),
            ("body_not_regex", text("down"), text("ok")),
            ("json", map(&[("$.status", "ok"), ("n[1]", "2")]), map(&[("status", "down")])),
        ] {
            assert_fine(&look("http", &get(address, "/health", [(param, good)])).await);
            let found = look("http", &get(address, "/health", [(param, bad)])).await;
            assert_eq!(code(&found), CauseCode::Mismatch, "{param}");
            assert_eq!(number("http", &found, "body_failed"), Some(1.0), "{param}");
        }
    });
}

#[test]
fn the_request_is_as_it_was_written() {
    let nginx = well_behaved();
    locally(async {
        let address = at(nginx.ports[0]);
        let ours = concat!("campanile/", env!("CARGO_PKG_VERSION"));
        let plain = format!("GET {address}  {ours}");
        assert_fine(&look("http", &get(address, "/echo", [("body", text(plain))])).await);
        let headers = map(&[("host", "www.example"), ("x-more", "1"), ("user-agent", "me")]);
        let more = [
            ("headers", headers),
            ("method", text("DELETE")),
            ("body", text("DELETE www.example 1 me")),
        ];
        assert_fine(&look("http", &get(address, "/echo", more)).await);
        assert_fine(&look("http", &get(address, "/echo", [("method", text("HEAD"))])).await);
    });
}

#[test]
fn a_path_alone_is_asked_of_the_host() {
    locally(async {
        // The host of these tests is 127.0.0.1, and its port 80 belongs to somebody else.
        let params = params([("url", text("/health")), ("address", text("127.0.0.2"))]);
        let steps = super::steps("http", &params).await;
        assert!(steps[0].starts_with("resolved 127.0.0.2 to 127.0.0.2"), "{steps:?}");
        let (address, heads) = scripted(|_| FINE.to_owned()).await;
        let url = format!("http://www.example:{}/x?q=1#top", address.port());
        let elsewhere = super::params([("url", text(url)), ("address", text("127.0.0.1"))]);
        assert_fine(&look("http", &elsewhere).await);
        assert!(heads.borrow()[0].starts_with("GET /x?q=1 HTTP/1.1\r\n"), "{heads:?}");
        assert!(heads.borrow()[0].contains(&format!("host: www.example:{}\r\n", address.port())));
    });
}

#[test]
fn who_may_not_enter_is_told_so() {
    let nginx = well_behaved();
    locally(async {
        let address = at(nginx.ports[0]);
        let as_user = |password: &str| {
            let password = Value::Secret(Secret::new(password));
            let expect = Value::List(vec![Value::Number(404)]);
            get(
                address,
                "/members",
                [("user", text("anna")), ("password", password), ("expect", expect)],
            )
        };
        // Past the door there is nothing, and that is how we know that we are past it.
        assert_fine(&look("http", &as_user("open sesame")).await);
        assert_eq!(why(&look("http", &as_user("x")).await), "http-status: 401 Unauthorized");
        let (bearer, heads) = scripted(|_| FINE.to_owned()).await;
        let token = Value::Secret(Secret::new("t0ken"));
        assert_fine(&look("http", &get(bearer, "/", [("bearer", token)])).await);
        assert!(heads.borrow()[0].contains("authorization: Bearer t0ken\r\n"));
    });
}

#[test]
fn a_body_is_sent() {
    locally(async {
        let address = faults::serve(|mut stream| async move {
            let mut heard = faults::read_request(&mut stream).await;
            while !heard.ends_with("ping=1") {
                let mut block = [0; 64];
                let count = tokio::io::AsyncReadExt::read(&mut stream, &mut block).await.unwrap();
                heard.push_str(std::str::from_utf8(&block[..count]).unwrap());
            }
            assert!(heard.starts_with("POST / HTTP/1.1\r\n"), "{heard}");
            assert!(heard.contains("content-length: 6\r\n"), "{heard}");
            stream.write_all(FINE.as_bytes()).await.unwrap();
        })
        .await;
        assert_fine(&look("http", &get(address, "/", [("send_body", text("ping=1"))])).await);
    });
}

#[test]
fn tls_chooses_the_version() {
    let authority = Authority::new();
    let block = r#"location = / { return 200 "$server_protocol"; }"#;
    let servers = [
        Server::tls(&authority, "good", &authority.good(), block),
        Server::tls(&authority, "bad", &authority.expired(), block),
        Server { listen: "http2", block: block.to_owned() },
        Server { listen: "ssl", ..Server::tls(&authority, "old", &authority.good(), block) },
    ];
    let nginx = Nginx::start(&servers);
    locally(async {
        let https = |port: usize, version: &str, protocol: &str| {
            params([
                ("url", text(format!("https://localhost:{}/", nginx.ports[port]))),
                ("address", text("127.0.0.1")),
                ("ca", authority.ca()),
                ("version", text(version)),
                ("body", text(protocol)),
            ])
        };
        for (version, protocol, expected) in
            [("any", "HTTP/2.0", 2.0), ("2", "HTTP/2.0", 2.0), ("1.1", "HTTP/1.1", 1.1)]
        {
            let found = look("http", &https(0, version, protocol)).await;
            assert_fine(&found);
            let number = |name| number("http", &found, name);
            assert_eq!(number("http_version"), Some(expected));
            assert_eq!(number("encrypted"), Some(1.0));
            assert_eq!(number("cert_end"), Some(END_OF_LEAF));
            assert_eq!(number("chain_end"), Some(END_OF_LEAF));
            assert!(number("tls_time").unwrap() > 0.0);
            assert_eq!(word("http", &found, "tls_version").as_deref(), Some("TLS 1.3"));
        }
        let expired = look("http", &https(1, "any", "")).await;
        assert_eq!(code(&expired), CauseCode::CertificateExpired);
        assert_eq!(number("http", &expired, "cert_end"), Some(1_580_688_000.0));
        assert_eq!(number("http", &expired, "code"), None);
        assert_fine(&look("http", &https(3, "any", "HTTP/1.1")).await);
        let found = look("http", &https(3, "2", "HTTP/1.1")).await;
        assert_eq!(code(&found), CauseCode::TlsHandshake, "{}", why(&found));
        // Without TLS, HTTP/2 is spoken only when it is asked for by name.
        let plain =
            get(at(nginx.ports[2]), "/", [("version", text("2")), ("body", text("HTTP/2.0"))]);
        assert_fine(&look("http", &plain).await);
        let found = look("http", &get(at(nginx.ports[0]), "/", [("version", text("2"))])).await;
        assert_eq!(code(&found), CauseCode::Malformed, "{}", why(&found));
    });
}

#[test]
fn a_server_that_overlooks_the_wish_for_http2_is_told_apart() {
    locally(async {
        let authority = Authority::new();
        let acceptor = authority.good().acceptor();
        let address = faults::serve(move |stream| {
            let acceptor = acceptor.clone();
            async move { drop(acceptor.accept(stream).await.unwrap()) }
        })
        .await;
        let params = params([
            ("url", text(format!("https://{address}/"))),
            ("ca", authority.ca()),
            ("version", text("2")),
        ]);
        let found = look("http", &params).await;
        assert_eq!(why(&found), "mismatch: the server does not speak HTTP/2");
    });
}

#[test]
fn redirects_are_followed_and_counted() {
    let nginx = well_behaved();
    locally(async {
        let address = at(nginx.ports[0]);
        let found = look("http", &get(address, "/moved", [("body", text("it is fine"))])).await;
        assert_fine(&found);
        assert_eq!(number("http", &found, "hops"), Some(1.0));
        let none = get(address, "/moved", [("redirects", Value::Number(0))]);
        let found = look("http", &none).await;
        assert_fine(&found);
        assert_eq!(number("http", &found, "code"), Some(302.0));
        let itself = get(address, "/moved", [("expect", Value::Number(302))]);
        let found = look("http", &itself).await;
        assert_fine(&found);
        assert_eq!(number("http", &found, "hops"), Some(0.0));
    });
}

#[test]
fn redirects_end() {
    locally(async {
        // Each page leads to the next one, without end.
        let (address, heads) = scripted(|head| {
            let page: u32 = head[5..].split(' ').next().unwrap().parse().unwrap();
            redirect(302, &(page + 1).to_string())
        })
        .await;
        let found = look("http", &get(address, "/1", [("redirects", Value::Number(3))])).await;
        assert_eq!(why(&found), "redirects: more than 3 redirects");
        assert_eq!(heads.borrow().len(), 4);
        let found = look("http", &get(address, "/1", [("redirects", Value::Number(1))])).await;
        assert_eq!(why(&found), "redirects: more than 1 redirect");
        // Two pages that lead to each other.
        let (address, heads) =
            scripted(|head| redirect(302, if head.starts_with("GET /a ") { "b" } else { "a" }))
                .await;
        let found = look("http", &get(address, "/a", [])).await;
        assert_eq!(why(&found), "redirects: in a circle after 2 redirects");
        assert_eq!(heads.borrow().len(), 2);
        let (address, _) = scripted(|_| redirect(302, "/")).await;
        let found = look("http", &get(address, "/", [])).await;
        assert_eq!(why(&found), "redirects: in a circle after 1 redirect");
    });
}

#[test]
fn a_redirect_to_a_forbidden_place_is_refused() {
    locally(async {
        for (location, reason) in [
            ("file:///etc/passwd", "to `file:`, which is not of HTTP"),
            ("http://root@127.0.0.1/", "to 127.0.0.1 with a user of its own"),
        ] {
            let (address, _) = scripted(move |_| redirect(302, location)).await;
            let found = look("http", &get(address, "/", [])).await;
            assert_eq!(why(&found), format!("redirect-refused: {reason}"));
        }
        let (address, _) = scripted(|_| redirect(302, "http://[")).await;
        assert_eq!(code(&look("http", &get(address, "/", [])).await), CauseCode::Malformed);
        let (other, heads) = scripted(|_| FINE.to_owned()).await;
        let (address, _) = scripted(move |_| redirect(307, &format!("http://{other}/"))).await;
        let found = look("http", &get(address, "/", [("send_body", text("secret"))])).await;
        assert_eq!(why(&found), "redirect-refused: with the body of the request to 127.0.0.1");
        assert!(heads.borrow().is_empty());
    });
}

#[test]
fn passwords_do_not_go_to_another_server() {
    locally(async {
        let (other, heard) = scripted(|_| FINE.to_owned()).await;
        let (first, also_heard) = scripted(move |head| {
            if head.starts_with("GET /a ") {
                redirect(302, "/b")
            } else {
                redirect(302, &format!("http://{other}/"))
            }
        })
        .await;
        let secret = |it: &str| Value::Secret(Secret::new(it));
        let more = [
            ("user", text("anna")),
            ("password", secret("open sesame")),
            ("headers", map(&[("x-api-key", "k")])),
        ];
        assert_fine(&look("http", &get(first, "/a", more)).await);
        assert_eq!(also_heard.borrow().len(), 2);
        for head in also_heard.borrow().iter() {
            // Basic authentication as RFC 7617 has it.
            assert!(head.contains("authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==\r\n"), "{head}");
            assert!(head.contains("x-api-key: k\r\n"), "{head}");
        }
        let heard = heard.borrow().concat().to_lowercase();
        assert!(heard.starts_with("get / http/1.1"), "{heard}");
        assert!(!heard.contains("authorization") && !heard.contains("x-api-key"), "{heard}");
    });
}

#[test]
fn secrets_are_in_no_text() {
    locally(async {
        let (address, _) = scripted(|_| redirect(302, "gopher://t0ken/")).await;
        let url = Value::Secret(Secret::new(format!("http://{address}/t0ken?t0ken")));
        let params = params([("url", url), ("bearer", Value::Secret(Secret::new("t0ken")))]);
        let steps = super::steps("http", &params).await.join("\n");
        assert!(steps.contains("302") && !steps.contains("t0ken"), "{steps}");
        let found = look("http", &params).await;
        assert!(!why(&found).contains("t0ken"), "{}", why(&found));
    });
}

#[test]
fn each_way_of_not_answering_has_its_cause() {
    locally(async {
        let (_socket, closed) = faults::closed_port();
        assert_eq!(code(&look("http", &get(at(closed), "/", [])).await), CauseCode::Refused);
        for (address, expected) in [
            (faults::reset().await, CauseCode::Reset),
            (faults::answer("").await, CauseCode::Closed),
            (faults::answer("HTTP/1.1 200 OK\r\ncontent-le").await, CauseCode::Closed),
            (
                faults::answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await,
                CauseCode::Closed,
            ),
            (
                faults::answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha")
                    .await,
                CauseCode::Closed,
            ),
            (faults::answer("SSH-2.0-OpenSSH_9.2\r\n").await, CauseCode::Malformed),
            (faults::answer("HTTP/1.1 2000 OK\r\n\r\n").await, CauseCode::Malformed),
            (
                faults::answer("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n").await,
                CauseCode::Malformed,
            ),
        ] {
            let found = look("http", &get(address, "/", [])).await;
            assert_eq!(code(&found), expected, "{}", why(&found));
        }
    });
}

#[test]
fn time_runs_out_in_each_phase() {
    locally(async {
        let slow = |words: &'static [u8]| {
            faults::serve(move |mut stream| async move {
                faults::read_request(&mut stream).await;
                stream.write_all(words).await.unwrap();
                faults::wait_for_close(&mut stream).await;
            })
        };
        for (address, doing) in [
            (slow(b"").await, "waiting for the answer"),
            (slow(b"HTTP/1.1 200 OK\r\n").await, "waiting for the answer"),
            (slow(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await, "reading the body"),
        ] {
            let found = look_within("http", &get(address, "/", []), HASTE).await;
            assert_eq!(why(&found), format!("timeout: not done {doing} after {HASTE:?}"));
        }
        // One byte of the head at a time, for as long as we listen.
        let dribbling = faults::serve(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
        let found = look_within("http", &get(dribbling, "/", []), HASTE).await;
        assert_eq!(code(&found), CauseCode::Timeout);
    });
}

#[test]
fn what_has_no_end_is_cut_off() {
    locally(async {
        let head = b"HTTP/1.1 200 OK\r\n";
        let body = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let last_chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n";
        for (first, again, expected) in [
            (head.as_slice(), b"x-more: and more\r\n".as_slice(), CauseCode::TooLarge),
            (head, b"xxxxxxxxxxxxxxxx", CauseCode::TooLarge),
            (b"", b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n", CauseCode::TooLarge),
            (body, b"1;ext=aaaaaaaaaaaaaaaaaaaaaa\r\n\n\r\n", CauseCode::Malformed),
            (body, b"1;ext=aaaaaaaaaaaaaaaaaaaaaaaaaaa", CauseCode::Malformed),
            (last_chunk, b"x-more: trailer\r\n", CauseCode::Malformed),
        ] {
            let address = faults::endless(first, again).await;
            let found = look("http", &get(address, "/", [])).await;
            assert_eq!(code(&found), expected, "{}", why(&found));
        }
    });
}

#[test]
fn a_body_is_read_only_as_far_as_it_counts() {
    locally(async {
        let address = faults::endless(
            b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n",
            &[b'a'; 4096],
        )
        .await;
        let max = || ("body_max", Value::Number(10_000));
        // Nobody asked what is in it.
        let found = look("http", &get(address, "/", [max()])).await;
        assert_fine(&found);
        assert_eq!(number("http", &found, "size"), Some(10_000.0));
        assert_eq!(number("http", &found, "length"), Some(1e12));
        // What was asked for is in what was read.
        assert_fine(&look("http", &get(address, "/", [max(), ("body", text("aaa"))])).await);
        for (param, value) in [
            ("body", text("b")),
            ("body_regex", text("b")),
            ("body_not_regex", text("b")),
            ("json", map(&[("a", "b")])),
        ] {
            let found = look("http", &get(address, "/", [max(), (param, value)])).await;
            assert_eq!(code(&found), CauseCode::TooLarge, "{param}: {}", why(&found));
        }
    });
}

#[test]
fn a_small_answer_that_would_unfold_is_left_folded() {
    let nginx = Nginx::start(&[Server::plain(
        "location / { add_header content-encoding gzip; try_files /bomb =404; }",
    )]);
    // What it would unfold to does not matter: it is never tried.
    nginx.write("bomb", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    locally(async {
        let address = at(nginx.ports[0]);
        let found = look("http", &get(address, "/", [])).await;
        assert_fine(&found);
        assert_eq!(number("http", &found, "size"), Some(8.0));
        let found = look("http", &get(address, "/", [("body", text("a"))])).await;
        assert_eq!(why(&found), "mismatch: the body is compressed, which was not asked for",);
    });
}

/// The preface of a server of HTTP/2: empty settings.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

#[test]
fn http2_has_the_same_causes() {
    // A PING, and headers that go on and on in CONTINUATION frames.
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingping";
    const HEADERS: &[u8] = b"\0\0\x01\x01\0\0\0\0\x01\x88";
    const CONTINUATION: &[u8] = b"\0\0\x04\x09\0\0\0\0\x01\0\x01a\0";
    locally(async {
        let version = || [("version", text("2"))];
        let begin = |rest: &[u8]| [SETTINGS, rest].concat();
        for (address, expected) in [
            (faults::answer("HTTP/1.1 400 Bad Request\r\n\r\n").await, CauseCode::Malformed),
            (faults::answer(SETTINGS).await, CauseCode::Closed),
            (faults::reset().await, CauseCode::Reset),
            // A reset of the one stream.
            (faults::answer(begin(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02")).await, CauseCode::Reset),
            // An answer without a status.
            (
                faults::answer(begin(b"\0\0\x05\x01\x05\0\0\0\x01\0\x01a\x01b")).await,
                CauseCode::Malformed,
            ),
        ] {
            let found = look_within("http", &get(address, "/", version()), super::PATIENCE).await;
            assert_eq!(code(&found), expected, "{}", why(&found));
        }
        let silent = faults::silent().await;
        let found = look_within("http", &get(silent, "/", version()), HASTE).await;
        assert_eq!(code(&found), CauseCode::Timeout);
        for (first, again) in [(SETTINGS, PING), (HEADERS, CONTINUATION)] {
            let address = faults::serve(move |mut stream| async move {
                if stream.write_all(SETTINGS).await.is_ok() && stream.write_all(first).await.is_ok()
                {
                    faults::read_some(&mut stream).await;
                    while stream.write_all(again).await.is_ok() {}
                }
            })
            .await;
            let found = look("http", &get(address, "/", version())).await;
            let code = code(&found);
            assert!(
                matches!(code, CauseCode::TooLarge | CauseCode::Malformed),
                "{code}: {}",
                why(&found)
            );
        }
    });
}

#[test]
fn mistakes_in_parameters_are_all_named() {
    expect!["url: is missing"].assert_eq(&mistakes("http", &params([])));
    expect![[r#"
        body_max: is out of range
        url: `ftp` is not of HTTP
        url: holds a user or a password
        method: GET has no body
        headers: `bad name` is no name of a header
        headers: `content-length` is set by the check itself
        headers: the value of `x` has odd characters
        password: is missing
        expect: `2x` is no status code
        body_regex: unclosed group
        json: `a..b` is no path to a value"#]]
    .assert_eq(&mistakes(
        "http",
        &params([
            ("url", text("ftp://anna:x@a.example/")),
            ("method", text("GET")),
            ("send_body", text("x")),
            ("headers", map(&[("bad name", "x"), ("content-length", "1"), ("x", "a\nb")])),
            ("user", text("a")),
            ("expect", Value::List(vec![text("2x")])),
            ("body_regex", text("(")),
            ("json", map(&[("a..b", "x")])),
            ("body_max", Value::Number(1 << 40)),
        ]),
    ));
    expect![[r#"
        url: is no URL: relative URL without a base
        bearer: stands beside a header `authorization`
        method: the answer to HEAD has no body to judge"#]]
    .assert_eq(&mistakes(
        "http",
        &params([
            ("url", text("www.example")),
            ("method", text("HEAD")),
            ("body", text("x")),
            ("bearer", text("t")),
            ("headers", map(&[("authorization", "x")])),
        ]),
    ));
    let both = params([
        ("url", text("/")),
        ("bearer", text("t")),
        ("user", text("a")),
        ("password", text("b")),
    ]);
    expect!["bearer: stands beside `user`"].assert_eq(&mistakes("http", &both));
    let colon = params([("url", text("/")), ("user", text("a:b")), ("password", text("b"))]);
    expect!["user: has a colon in it"].assert_eq(&mistakes("http", &colon));
}
