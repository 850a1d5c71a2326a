//! `tcp` without TLS: what each way of not answering is called.

use std::net::SocketAddr;

use expect_test::expect;
use model::{CauseCode, Form, Params, Value, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    HASTE, assert_fine, code, faults, look, look_within, mistakes, network, number, params,
};
use super::{locally, text, why};

fn port(port: u16) -> (&'static str, Value) {
    ("port", text(port.to_string()))
}

/// A check of `address` that waits for `expect`.
fn expecting(address: SocketAddr, expect: &str) -> Params {
    params([port(address.port()), ("expect", text(expect))])
}

#[test]
fn a_port_that_listens_is_fine() {
    locally(async {
        let address = faults::silent().await;
        let found = look("tcp", &params([port(address.port())])).await;
        assert_fine(&found);
        for measure in ["time", "resolve", "connect", "dns"] {
            assert!(number("tcp", &found, measure).unwrap() >= 0.0, "{measure}");
        }
        assert_eq!(number("tcp", &found, "ip_protocol"), Some(4.0));
        // FNV-1a of 127.0.0.1.
        assert_eq!(number("tcp", &found, "ip_hash"), Some(3_668_918_509.0));
        assert_eq!(number("tcp", &found, "answer"), None);
    });
}

#[test]
fn a_port_of_another_host_is_written_in_two_ways() {
    locally(async {
        let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let in_one = params([("port", text(format!("[::1]:{port}")))]);
        let found = look("tcp", &in_one).await;
        assert_fine(&found);
        assert_eq!(number("tcp", &found, "ip_protocol"), Some(6.0));
        let in_two = params([("port", text(port.to_string())), ("address", text("::1"))]);
        assert_fine(&look("tcp", &in_two).await);
    });
}

#[test]
fn a_plain_look_leaves_no_port_waiting() {
    locally(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_fine(&look("tcp", &params([port(address.port())])).await);
        let (mut stream, _) = listener.accept().await.unwrap();
        let error = stream.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_closed_port_refuses() {
    locally(async {
        let (_socket, closed) = faults::closed_port();
        assert_eq!(code(&look("tcp", &params([port(closed)])).await), CauseCode::Refused);
    });
}

#[test]
fn a_port_that_drops_everything_times_out() {
    locally(async {
        let (_socket, _first, full) = faults::full_port();
        let found = look_within("tcp", &params([port(full)]), HASTE).await;
        assert_eq!(code(&found), CauseCode::Timeout);
        assert!(why(&found).contains("connecting to 127.0.0.1"), "{}", why(&found));
        assert_eq!(number("tcp", &found, "connect"), None);
    });
}

#[test]
fn a_server_that_never_answers_times_out() {
    locally(async {
        let address = faults::silent().await;
        let found = look_within("tcp", &expecting(address, "220"), HASTE).await;
        assert_eq!(code(&found), CauseCode::Timeout);
        assert!(why(&found).contains("waiting for the expected answer"), "{}", why(&found));
    });
}

#[test]
fn a_cut_is_not_a_close() {
    locally(async {
        let cutting = faults::reset().await;
        let params = params([port(cutting.port()), ("send", text("x")), ("expect", text("y"))]);
        assert_eq!(code(&look("tcp", &params).await), CauseCode::Reset);
        let closing = faults::serve(|_| async {}).await;
        assert_eq!(code(&look("tcp", &expecting(closing, "y")).await), CauseCode::Closed);
    });
}

#[test]
fn the_expected_answer_is_fine_however_it_comes() {
    locally(async {
        // In pieces, and after something else.
        let address = faults::serve(|mut stream| async move {
            for piece in ["warming up\r\n2", "20 rea", "dy\r\n"] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            faults::wait_for_close(&mut stream).await;
        })
        .await;
        let found = look("tcp", &expecting(address, r"220 ready\r\n")).await;
        assert_fine(&found);
        assert_eq!(number("tcp", &found, "bytes_failed"), Some(0.0));
        assert!(number("tcp", &found, "answer").is_some());
        let pattern = params([port(address.port()), ("expect_regex", text(r"(?m)^220 r\w+\r$"))]);
        let found = look("tcp", &pattern).await;
        assert_fine(&found);
        assert_eq!(number("tcp", &found, "regex_failed"), Some(0.0));
    });
}

#[test]
fn what_is_sent_arrives_byte_by_byte() {
    locally(async {
        let address = faults::serve(|mut stream| async move {
            let mut heard = [0; 7];
            stream.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"a\r\n\0\xff\\b");
            stream.write_all(b"understood").await.unwrap();
        })
        .await;
        let params = params([
            port(address.port()),
            ("send", text(r"a\r\n\0\xff\\b")),
            ("expect", text("understood")),
        ]);
        assert_fine(&look("tcp", &params).await);
    });
}

#[test]
fn another_answer_is_a_mismatch_with_what_came() {
    locally(async {
        let address = faults::banner(b"554 go\x1b[31m away\r\n").await;
        let found = look_within("tcp", &expecting(address, "220"), HASTE).await;
        assert_eq!(why(&found), "mismatch: answered: 554 go [31m away  ");
        assert_eq!(number("tcp", &found, "bytes_failed"), Some(1.0));
        let closing = faults::serve(|mut stream| async move {
            stream.write_all(b"554 no").await.unwrap();
        })
        .await;
        let pattern = params([port(closing.port()), ("expect_regex", text("^220"))]);
        let found = look("tcp", &pattern).await;
        assert_eq!(why(&found), "mismatch: answered: 554 no");
        assert_eq!(number("tcp", &found, "regex_failed"), Some(1.0));
    });
}

#[test]
fn an_answer_without_end_is_too_large() {
    locally(async {
        let address = faults::serve(|mut stream| async move {
            while stream.write_all(&[b'a'; 1024]).await.is_ok() {}
        })
        .await;
        for (param, value) in [("expect", "b"), ("expect_regex", "b$")] {
            let params = params([
                port(address.port()),
                (param, text(value)),
                ("read_max", Value::Number(5000)),
            ]);
            assert_eq!(code(&look("tcp", &params).await), CauseCode::TooLarge);
        }
    });
}

#[test]
fn a_pattern_in_a_dribble_is_still_found_at_the_end() {
    locally(async {
        // More pieces than searches that are paid for; the last of them completes the pattern.
        let address = faults::serve(|mut stream| async move {
            stream.set_nodelay(true).unwrap();
            for _ in 0..2_000 {
                stream.write_all(b"a").await.unwrap();
                tokio::task::yield_now().await;
            }
            stream.write_all(b"b").await.unwrap();
        })
        .await;
        let params = params([
            port(address.port()),
            ("expect_regex", text("a{100}b")),
            ("read_max", Value::Number(4000)),
        ]);
        assert_fine(&look("tcp", &params).await);
    });
}

#[test]
fn a_way_of_our_own_that_is_missing_makes_blind() {
    let name = "live::tcp::a_way_of_our_own_that_is_missing_makes_blind";
    network::alone(
        name,
        "ip route add unreachable 192.0.2.0/24\nip route add prohibit 192.0.3.0/24",
        || {
            locally(async {
                let to = |address: &str| params([port(9), ("address", text(address))]);
                for (address, expected) in [
                    ("198.51.100.1", CauseCode::NoRoute),
                    ("2001:db8::1", CauseCode::NoRoute),
                    ("192.0.3.1", CauseCode::NoRight),
                ] {
                    let found = look("tcp", &to(address)).await;
                    assert_eq!(code(&found), expected, "{address}");
                    assert!(matches!(found.verdict, Verdict::Blind { .. }));
                }
                let found = look("tcp", &to("192.0.2.1")).await;
                assert_eq!(code(&found), CauseCode::Unreachable);
            });
        },
    );
}

/// A plain check of `address` by each kind.
fn of_every_kind(address: &str) -> [(&'static str, Params); 4] {
    let at = || ("address", text(address));
    [
        ("ping", params([at()])),
        ("tcp", params([port(9), at()])),
        ("http", params([("url", text("/")), at()])),
        ("snmp", params([("get", text("sysUpTime")), at()])),
    ]
}

/// A router next door that knows no way further on, lets nobody through, or says nothing.
const ROUTER: &str = "
    unshare --net sleep 1000 & router=$!
    until [ \"$(readlink /proc/$router/ns/net)\" != \"$(readlink /proc/$$/ns/net)\" ]; do :; done
    ip link add near type veth peer name far netns $router
    ip address add 10.9.9.1/24 dev near
    ip address add fd09::1/64 dev near nodad
    ip link set near up
    inside() { nsenter --target $router --net \"$@\"; }
    inside ip address add 10.9.9.2/24 dev far
    inside ip address add fd09::2/64 dev far nodad
    inside ip link set far up
    inside ip link set lo up
    inside sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
    inside sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
    inside sh -c 'echo 0 > /proc/sys/net/ipv6/icmp/ratelimit'
    inside ip route add prohibit 203.0.113.0/24
    inside ip route add blackhole 192.0.2.0/24
    inside ip -6 route add prohibit 2001:db8:1::/48
    ip route add default via 10.9.9.2
    ip -6 route add default via fd09::2";

#[test]
fn a_router_that_knows_no_way_is_not_our_fault() {
    let name = "live::tcp::a_router_that_knows_no_way_is_not_our_fault";
    network::alone(name, ROUTER, || {
        locally(async {
            for address in ["198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8:1::1"] {
                let found = look("tcp", &params([port(9), ("address", text(address))])).await;
                assert_eq!(code(&found), CauseCode::Unreachable, "{address}: {}", why(&found));
            }
            // Of IPv4 a router complains a few times only, whatever its settings.
            for (kind, params) in of_every_kind("2001:db8::1") {
                let found = look(kind, &params).await;
                assert_eq!(code(&found), CauseCode::Unreachable, "{kind}: {}", why(&found));
            }
            for (kind, params) in of_every_kind("192.0.2.1") {
                let found = look_within(kind, &params, HASTE).await;
                assert_eq!(code(&found), CauseCode::Timeout, "{kind}: {}", why(&found));
            }
        });
    });
}

#[test]
fn running_out_of_ports_makes_blind() {
    let name = "live::tcp::running_out_of_ports_makes_blind";
    let setup = "echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range";
    network::alone(name, setup, || {
        locally(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:9").await.unwrap();
            let _only = tokio::net::TcpStream::connect("127.0.0.1:9").await.unwrap();
            let found = look("tcp", &params([port(9)])).await;
            assert_eq!(code(&found), CauseCode::Ports);
            drop(listener);
        });
    });
}

#[test]
fn running_out_of_descriptors_makes_blind() {
    let name = "live::tcp::running_out_of_descriptors_makes_blind";
    network::alone(name, "ulimit -n 64", || {
        locally(async {
            let address = faults::silent().await;
            let mut taken = Vec::new();
            let params = params([port(address.port())]);
            let world = crate::World::new(&crate::WorldSettings::default());
            while let Ok(file) = std::fs::File::open("/dev/null") {
                taken.push(file);
            }
            let found = super::look_in(&world, "tcp", &params, super::PATIENCE).await;
            assert_eq!(code(&found), CauseCode::Descriptors);
            assert!(!taken.is_empty());
        });
    });
}

/// A name server that answers by the first label; everybody asks it.
const NAME_SERVER: &str = "
    echo nameserver 127.0.0.1 > /dev/shm/campanile-resolv-$$
    mount --bind /dev/shm/campanile-resolv-$$ /etc/resolv.conf
    rm /dev/shm/campanile-resolv-$$";

#[test]
fn a_name_fails_in_three_ways() {
    network::alone("live::tcp::a_name_fails_in_three_ways", NAME_SERVER, || {
        locally(async {
            let socket = tokio::net::UdpSocket::bind("127.0.0.1:53").await.unwrap();
            tokio::task::spawn_local(async move {
                let mut packet = [0; 512];
                while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                    // The question is sent back with a response code; what begins with `s` waits.
                    let rcode = match packet[13] {
                        b'n' => 3,
                        b'f' => 2,
                        _ => continue,
                    };
                    packet[2] |= 0x80;
                    packet[3] = 0x80 | rcode;
                    socket.send_to(&packet[..length], from).await.unwrap();
                }
            });
            for (name, expected) in [
                ("nobody.example", CauseCode::NameNotFound),
                ("failure.example", CauseCode::NameFailure),
                ("silence.example", CauseCode::NameTimeout),
            ] {
                for (kind, params) in of_every_kind(name) {
                    let found = look_within(kind, &params, HASTE).await;
                    assert_eq!(code(&found), expected, "{kind} {name}: {}", why(&found));
                }
            }
        });
    });
}

#[test]
fn mistakes_in_parameters_are_all_named() {
    expect!["port: is missing"].assert_eq(&mistakes("tcp", &params([])));
    expect![[r#"
        port: `70000` is not a port
        send: has an unknown `\q`
        expect: ends in a single `\`"#]]
    .assert_eq(&mistakes(
        "tcp",
        &params([("port", text("70000")), ("send", text(r"\q")), ("expect", text("\\"))]),
    ));
    expect![[r#"
        port: names a host, and so does `address`
        tls: `starttls` leads to TLS"#]]
    .assert_eq(&mistakes(
        "tcp",
        &params([
            ("port", text("b.example:25")),
            ("address", text("a.example")),
            ("starttls", text("smtp")),
            ("tls", Value::Flag(false)),
        ]),
    ));
    expect![[r#"
        port: `::1` is not a host
        server_name: without TLS it means nothing
        expect: is empty
        read_max: is out of range"#]]
    .assert_eq(&mistakes(
        "tcp",
        &params([
            ("port", text("::1:25")),
            ("server_name", text("x.example")),
            ("expect", text("")),
            ("read_max", Value::Number(0)),
        ]),
    ));
    expect![[r#"
        send: has a `\x` without two digits
        expect_regex: stands beside `expect`"#]]
    .assert_eq(&mistakes(
        "tcp",
        &params([
            ("port", text("25")),
            ("expect", text("a")),
            ("expect_regex", text("b")),
            ("send", text(r"\x1é")),
        ]),
    ));
    expect![[r#"
        ca: is not a full path"#]]
    .assert_eq(&mistakes(
        "tcp",
        &params([("port", text("25")), ("tls", Value::Flag(true)), ("ca", text("ca.pem"))]),
    ));
    let missing =
        params([("port", text("25")), ("tls", Value::Flag(true)), ("ca", text("/nowhere/ca.pem"))]);
    assert!(mistakes("tcp", &missing).starts_with("ca: cannot read /nowhere/ca.pem: "));
}

#[test]
fn every_kind_describes_itself_without_contradiction() {
    for entry in crate::CATALOGUE {
        let spec = entry.spec;
        assert!(spec.measure(spec.main_measure).is_some(), "{}", spec.name);
        assert!(spec.main_param.is_none_or(|it| spec.param(it).is_some()), "{}", spec.name);
        let mut names: Vec<_> = spec.measures.iter().map(|it| it.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|it| it[0] != it[1]), "{}", spec.name);
        for param in spec.params {
            if let Form::Choice(words) = param.form {
                assert!(!words.is_empty(), "{} {}", spec.name, param.name);
            }
        }
    }
}
