//! The ring against the real kernel: on loopback, and in networks made for one test each.

use std::{
    fs,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    process::Command,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use model::CauseCode;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::{
    codec::{Framing, Request, Seal, Stamp, forge},
    *,
};
use crate::raw;

/// Our own end of the link that [`with_black_hole`] makes.
const HERE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
/// A host that takes every packet and answers none; see [`with_black_hole`].
const BLACK_HOLE: &str = "10.9.0.2";
/// A neighbour that does not exist.
const NOBODY: &str = "10.9.0.3";

/// Runs a test on a thread of its own.
fn run<F: Future>(test: impl FnOnce() -> F + Send + 'static) {
    thread::spawn(|| run_here(test)).join().unwrap();
}

/// Runs a test on a thread with a network of its own, in which only loopback works.
fn run_in_network<F: Future>(
    prepare: impl FnOnce() + Send + 'static,
    test: impl FnOnce() -> F + Send + 'static,
) {
    let body = || {
        raw::leave_network().unwrap();
        ip("link set lo up");
        prepare();
        run_here(test);
    };
    thread::spawn(body).join().unwrap();
}

fn run_here<F: Future>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { test().await });
}

/// A port outside of a ring.
fn open(v6: bool, kind: SocketKind, buffer_bytes: usize) -> Rc<Port> {
    Rc::new(Port::open(v6, kind, buffer_bytes).unwrap())
}

/// A ring that uses this port for its family.
fn ring_over(port: &Rc<Port>, v6: bool) -> Rc<Ring> {
    let ring = Ring::default();
    let berth = if v6 { &ring.v6 } else { &ring.v4 };
    *berth.borrow_mut() = Berth::open(port);
    Rc::new(ring)
}

/// Waits, for as long as the test may take, until what the port counted is enough.
async fn until(port: &Port, enough: impl Fn(PingCounts) -> bool) {
    let give_up_at = Instant::now() + PATIENT;
    while !enough(port.counts()) {
        assert!(Instant::now() < give_up_at, "waited in vain: {:?}", port.counts());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Sends whole IPv4 packets, from whomever.
struct Injector(Socket);

impl Injector {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        socket.set_header_included_v4(true).unwrap();
        Self(socket)
    }

    fn send(&self, source: &str, message: &[u8]) {
        let packet = forge::packet((source.parse().unwrap(), HERE), message);
        let sent = self.0.send_to(&packet, &SocketAddrV4::new(HERE, 0).into()).unwrap();
        assert_eq!(sent, packet.len());
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Sets a setting of this thread's network.
fn sysctl(name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{name}"), value).unwrap();
}

/// A link with a neighbour that takes all and says nothing, and one that is not there.
fn with_black_hole() {
    ip("link add name near type veth peer name far");
    ip("addr add 10.9.0.1/24 dev near");
    ip("link set near up");
    ip("link set far up");
    ip(&format!("neigh add {BLACK_HOLE} lladdr 02:00:00:00:00:01 dev near"));
    // What nobody answers to is given up at once instead of after three seconds.
    sysctl("ipv4/neigh/near/mcast_solicit", "1");
    sysctl("ipv4/neigh/near/retrans_time_ms", "20");
    // Injected answers come in over loopback.
    sysctl("ipv4/conf/all/rp_filter", "0");
    sysctl("ipv4/conf/lo/rp_filter", "0");
}

fn shot(target: &str, packets: u16, patience: Duration) -> Shot {
    Shot {
        target: target.parse().unwrap(),
        packets,
        gap: Duration::from_millis(10),
        payload_bytes: 56,
        hop_limit: None,
        deadline: tokio::time::Instant::now() + patience,
    }
}

/// Long enough for whatever is to come.
const PATIENT: Duration = Duration::from_secs(20);
/// Short enough to wait for silence.
const IMPATIENT: Duration = Duration::from_millis(150);

fn answered(echoes: &Echoes) -> usize {
    let packets = echoes.progress.packets.iter();
    packets.filter(|it| matches!(it, Packet::Answered(_))).count()
}

#[test]
fn loopback_answers_every_packet() {
    run(|| async {
        let ring = Ring::default();
        for target in ["127.0.0.1", "127.8.9.10", "::1"] {
            let echoes = ring.ping(&shot(target, 5, PATIENT)).await.unwrap();
            assert_eq!(answered(&echoes), 5, "{target}: {echoes:?}");
            assert!(!echoes.deaf);
            for packet in &echoes.progress.packets {
                let Packet::Answered(answer) = packet else { unreachable!() };
                assert_eq!(answer.hop_limit, Some(64), "{target}");
                assert!(answer.took < PATIENT && answer.took > Duration::ZERO);
            }
        }
        let counts = ring.counts();
        let expected = PingCounts { sent: 15, received: 15, answered: 15, ..PingCounts::default() };
        assert_eq!(counts, expected);
    });
}

#[test]
fn many_looks_share_the_socket() {
    run(|| async {
        let ring = Rc::new(Ring::default());
        let looks = (0..500_u16).map(|number| {
            let ring = Rc::clone(&ring);
            let [high, low] = number.to_be_bytes();
            let target = Ipv4Addr::new(127, 3, high, low).to_string();
            spawn_local(async move { ring.ping(&shot(&target, 3, PATIENT)).await })
        });
        let looks: Vec<_> = looks.collect();
        for look in looks {
            assert_eq!(answered(&look.await.unwrap().unwrap()), 3);
        }
        assert_eq!(ring.counts().answered, 1_500);
        assert_eq!(ring.counts().dropped_by_kernel, 0);
    });
}

#[test]
fn two_rings_do_not_hear_each_other() {
    run(|| async {
        let (one, other) = (Ring::default(), Ring::default());
        let echoes = one.ping(&shot("127.0.0.1", 3, PATIENT)).await.unwrap();
        assert_eq!(answered(&echoes), 3);
        let echoes = other.ping(&shot("127.0.0.1", 4, PATIENT)).await.unwrap();
        assert_eq!(answered(&echoes), 4);
        assert_eq!(one.counts().received, 3, "the kernel keeps the others' replies from it");
        assert_eq!(other.counts().received, 4);
    });
}

#[test]
fn large_packets_and_hop_limits_are_sent_as_asked() {
    run(|| async {
        let ring = Ring::default();
        for target in ["127.0.0.1", "::1"] {
            let wish =
                Shot { payload_bytes: 1_472, hop_limit: Some(1), ..shot(target, 2, PATIENT) };
            assert_eq!(answered(&ring.ping(&wish).await.unwrap()), 2, "{target}");
        }
    });
}

#[test]
fn datagram_sockets_do_where_they_are_allowed() {
    let allow = || sysctl("ipv4/ping_group_range", "0 2147483647");
    run_in_network(allow, || async {
        for target in ["127.0.0.1", "::1"] {
            let wish = shot(target, 4, PATIENT);
            let port = open(wish.target.is_ipv6(), SocketKind::Datagram, RECEIVE_BUFFER_BYTES);
            let echoes = ring_over(&port, wish.target.is_ipv6()).ping(&wish).await.unwrap();
            assert_eq!(answered(&echoes), 4, "{target}: {echoes:?}");
            let Packet::Answered(answer) = echoes.progress.packets[0] else { unreachable!() };
            assert_eq!(answer.hop_limit, Some(64));
            assert_eq!(port.counts().received, 4);
        }
    });
}

#[test]
fn datagram_sockets_hear_the_network_too() {
    let prepare = || {
        with_black_hole();
        sysctl("ipv4/ping_group_range", "0 2147483647");
    };
    run_in_network(prepare, || async {
        let port = open(false, SocketKind::Datagram, RECEIVE_BUFFER_BYTES);
        let ring = ring_over(&port, false);
        let echoes = ring.ping(&shot(NOBODY, 2, PATIENT)).await.unwrap();
        assert!(matches!(echoes.progress.packets[0], Packet::Unreachable(_)), "{echoes:?}");
        // The error is about that host alone.
        let echoes = ring.ping(&shot("127.0.0.1", 3, PATIENT)).await.unwrap();
        assert_eq!(answered(&echoes), 3);
    });
}

#[test]
fn datagram_sockets_are_denied_where_they_are_not_allowed() {
    let deny = || sysctl("ipv4/ping_group_range", "1 0");
    run_in_network(deny, || async {
        let error = Port::open(false, SocketKind::Datagram, RECEIVE_BUFFER_BYTES).unwrap_err();
        assert!(is_denied(&error), "{error}");
    });
}

#[test]
fn silence_is_told_from_an_obstacle() {
    run_in_network(with_black_hole, || async {
        let ring = Ring::default();
        let echoes = ring.ping(&shot(BLACK_HOLE, 3, IMPATIENT)).await.unwrap();
        assert_eq!(echoes.progress.packets, [Packet::Sent, Packet::Sent, Packet::Sent]);
        assert_eq!(echoes.progress.hint, None);
        assert!(!echoes.deaf);

        let echoes = ring.ping(&shot(NOBODY, 3, PATIENT)).await.unwrap();
        for packet in &echoes.progress.packets {
            let Packet::Unreachable(cause) = packet else { panic!("{echoes:?}") };
            assert_eq!(cause.code, CauseCode::Unreachable);
            assert_eq!(&*cause.text, "10.9.0.3: host unreachable, says 10.9.0.1");
        }
        assert_eq!(ring.counts().errors, 3);
    });
}

#[test]
fn the_network_of_ipv6_is_heard_too() {
    let prepare = || {
        with_black_hole();
        ip("addr add fd00:9::1/64 dev near nodad");
        ip("neigh add fd00:9::2 lladdr 02:00:00:00:00:01 dev near");
        sysctl("ipv6/neigh/near/mcast_solicit", "1");
        sysctl("ipv6/neigh/near/retrans_time_ms", "20");
    };
    run_in_network(prepare, || async {
        let ring = Ring::default();
        let echoes = ring.ping(&shot("fd00:9::3", 2, PATIENT)).await.unwrap();
        for packet in &echoes.progress.packets {
            let Packet::Unreachable(cause) = packet else { panic!("{echoes:?}") };
            assert_eq!(&*cause.text, "fd00:9::3: host unreachable, says fd00:9::1");
        }
        let echoes = ring.ping(&shot("fd00:9::2", 2, IMPATIENT)).await.unwrap();
        assert_eq!(echoes.progress.packets, [Packet::Sent, Packet::Sent]);
    });
}

#[test]
fn errors_are_put_into_words() {
    let [v4, v6] = ["192.0.2.1", "2001:db8::1"].map(|it| it.parse::<IpAddr>().unwrap());
    let number = libc::EHOSTUNREACH;
    let words = |target, message, offender: Option<IpAddr>| {
        said(target, &NetworkError { number, message: Some(message), offender })
    };
    assert_eq!(
        words(v4, (11, 0), Some(v4)),
        "192.0.2.1: hop limit exceeded on the way, says 192.0.2.1"
    );
    assert_eq!(words(v6, (3, 0), None), "2001:db8::1: hop limit exceeded on the way");
    assert_eq!(words(v4, (3, 13), None), "192.0.2.1: prohibited by a filter");
    assert_eq!(words(v6, (1, 1), None), "2001:db8::1: prohibited by a filter");
    assert_eq!(words(v4, (3, 77), None), "192.0.2.1: undeliverable (type 3, code 77)");
}

#[test]
fn what_our_own_machine_refuses_is_ours() {
    let prepare = || {
        ip("route add unreachable 10.1.0.0/24");
        ip("route add prohibit 10.2.0.0/24");
    };
    run_in_network(prepare, || async {
        let ring = Ring::default();
        for (target, expected) in [
            ("10.3.0.1", CauseCode::NoRoute),
            ("2001:db8::1", CauseCode::NoRoute),
            ("10.2.0.1", CauseCode::NoRight),
            ("10.1.0.1", CauseCode::Unreachable),
        ] {
            let echoes = ring.ping(&shot(target, 3, PATIENT)).await.unwrap();
            match &echoes.progress.packets[0] {
                Packet::Unsent(cause) | Packet::Unreachable(cause) => {
                    assert_eq!(cause.code, expected, "{target}: {cause}");
                }
                other => panic!("{target}: {other:?}"),
            }
        }
        // None of this rubs off on the next one.
        let echoes = ring.ping(&shot("127.0.0.1", 3, PATIENT)).await.unwrap();
        assert_eq!(answered(&echoes), 3);
    });
}

#[test]
fn replies_that_the_kernel_dropped_are_not_lost_by_the_target() {
    run(|| async {
        // Room for a few replies; a batch brings more before anybody can read them.
        let port = open(false, SocketKind::Raw, 4_096);
        let wish = Shot { gap: Duration::ZERO, ..shot("127.0.0.1", 64, IMPATIENT) };
        let echoes = ring_over(&port, false).ping(&wish).await.unwrap();
        assert!(answered(&echoes) < 64, "{echoes:?}");
        assert!(echoes.deaf);
        assert!(port.counts().dropped_by_kernel > 0);
    });
}

/// Packets to a neighbour that is still being looked for stay in our machine, so a small send
/// buffer is soon full of them.
#[test]
fn a_full_send_buffer_is_waited_for() {
    let prepare = || {
        with_black_hole();
        sysctl("ipv4/neigh/near/mcast_solicit", "100");
        sysctl("ipv4/neigh/near/retrans_time_ms", "1000");
    };
    run_in_network(prepare, || async {
        let port = open(false, SocketKind::Raw, RECEIVE_BUFFER_BYTES);
        port.narrow();
        let ring = ring_over(&port, false);
        let wish = Shot { gap: Duration::ZERO, ..shot(NOBODY, 30, IMPATIENT) };
        let echoes = ring.ping(&wish).await.unwrap();
        assert!(port.counts().congested > 0);
        assert!(echoes.progress.packets.contains(&Packet::Queued), "{echoes:?}");

        let sent_before = port.counts().sent;
        let wish = Shot { gap: Duration::ZERO, ..shot(NOBODY, 20, Duration::from_secs(3)) };
        let look = spawn_local(async move { ring.ping(&wish).await.unwrap() });
        let congested_before = port.counts().congested;
        until(&port, |it| it.congested > congested_before).await;
        ip(&format!("neigh replace {NOBODY} lladdr 02:00:00:00:00:01 dev near"));
        until(&port, |it| it.sent == sent_before + 20).await;
        let echoes = look.await.unwrap();
        assert!(echoes.progress.packets.iter().all(|it| *it == Packet::Sent), "{echoes:?}");
    });
}

#[test]
fn a_look_that_is_dropped_leaves_nothing_behind() {
    run_in_network(with_black_hole, || async {
        let port = open(false, SocketKind::Raw, RECEIVE_BUFFER_BYTES);
        let ring = ring_over(&port, false);
        let wish = shot(BLACK_HOLE, 3, PATIENT);
        let cut = tokio::time::timeout(IMPATIENT, ring.ping(&wish)).await;
        assert!(cut.is_err());
        assert_eq!(port.outstanding().len(), 0);
    });
}

#[test]
fn all_sequences_taken_is_an_overload_of_ours() {
    run_in_network(with_black_hole, || async {
        let port = open(false, SocketKind::Raw, RECEIVE_BUFFER_BYTES);
        let volley = Rc::new(Volley::new(BLACK_HOLE.parse().unwrap(), 56, None));
        let expires_at = Instant::now() + PATIENT;
        for _ in 0..=u16::MAX {
            port.launch(&volley, expires_at).unwrap();
        }
        let refused =
            ring_over(&port, false).ping(&shot(BLACK_HOLE, 1, PATIENT)).await.unwrap_err();
        assert_eq!(refused.code, CauseCode::Overload);
    });
}

#[test]
fn a_task_that_broke_does_not_leave_the_ring_deaf() {
    run(|| async {
        let ring = Ring::default();
        assert_eq!(answered(&ring.ping(&shot("127.0.0.1", 2, PATIENT)).await.unwrap()), 2);
        {
            let Berth::Open(_, tasks) = &*ring.v4.borrow() else { panic!("no port") };
            tasks[0].abort();
        }
        yield_now().await;
        assert_eq!(answered(&ring.ping(&shot("127.0.0.1", 2, PATIENT)).await.unwrap()), 2);
        assert_eq!(ring.counts().answered, 4, "nothing counted was forgotten");
    });
}

#[test]
fn only_the_genuine_answer_counts() {
    run_in_network(with_black_hole, || async {
        let port = open(false, SocketKind::Raw, RECEIVE_BUFFER_BYTES);
        let ring = ring_over(&port, false);
        let wish = shot(BLACK_HOLE, 3, Duration::from_secs(3));
        let looker = Rc::clone(&ring);
        let look = spawn_local(async move { looker.ping(&wish).await.unwrap() });
        until(&port, |it| it.sent == 3).await;
        let requests = port.outstanding();
        let wire = Injector::new();
        let reply = |request: &Request| forge::reply(Framing::RawV4, request);

        let mut damaged = reply(&requests[0]);
        damaged[60] ^= 1;
        wire.send(BLACK_HOLE, &damaged);
        wire.send(BLACK_HOLE, &reply(&requests[0])[..20]);
        let mut guessed = requests[0];
        guessed.stamp[31] ^= 1;
        wire.send(BLACK_HOLE, &reply(&guessed));
        let moved = Request { sequence: requests[1].sequence, ..requests[0] };
        wire.send(BLACK_HOLE, &reply(&moved));
        wire.send("10.9.0.77", &reply(&requests[0]));
        let stamp = Stamp { nonce: 1, expires_ns: u64::MAX };
        let stamp = Seal::new().stamp(BLACK_HOLE.parse().unwrap(), requests[0].sequence, stamp);
        wire.send(BLACK_HOLE, &reply(&Request { stamp, ..requests[0] }));
        until(&port, |it| it.received == 6).await;
        assert_eq!(port.outstanding().len(), 3, "none of these settled anything");

        wire.send(BLACK_HOLE, &reply(&requests[0]));
        wire.send(BLACK_HOLE, &reply(&requests[0]));
        wire.send(BLACK_HOLE, &reply(&requests[1]));
        let echoes = look.await.unwrap();
        assert_eq!(answered(&echoes), 2, "{echoes:?}");
        assert_eq!(echoes.progress.packets[2], Packet::Sent);

        wire.send(BLACK_HOLE, &reply(&requests[2]));
        until(&port, |it| it.late == 1).await;
        let expected = PingCounts {
            sent: 3,
            received: 10,
            answered: 2,
            forged: 3,
            foreign: 1,
            late: 1,
            doubled: 1,
            malformed: 2,
            ..PingCounts::default()
        };
        assert_eq!(port.counts(), expected);
    });
}

#[test]
fn an_answer_is_timed_when_it_arrives_and_not_when_it_is_read() {
    /// How long nobody reads.
    const DISTRACTED: Duration = Duration::from_secs(1);
    run_in_network(with_black_hole, || async {
        let port = open(false, SocketKind::Raw, RECEIVE_BUFFER_BYTES);
        let ring = ring_over(&port, false);
        let begun = Instant::now();
        let look = spawn_local(async move { ring.ping(&shot(BLACK_HOLE, 1, PATIENT)).await });
        until(&port, |it| it.sent == 1).await;
        let reply = forge::reply(Framing::RawV4, &port.outstanding()[0]);
        Injector::new().send(BLACK_HOLE, &reply);
        let arrived_after = begun.elapsed();
        thread::sleep(DISTRACTED);
        let echoes = look.await.unwrap().unwrap();
        let Packet::Answered(answer) = echoes.progress.packets[0] else { panic!("{echoes:?}") };
        let took = answer.took;
        assert!(took < arrived_after + DISTRACTED / 2, "{took:?}, arrived {arrived_after:?}");
    });
}

#[test]
fn the_receive_buffer_holds_what_may_come_while_we_do_other_things() {
    run(|| async {
        for v6 in [false, true] {
            let port = open(v6, SocketKind::Raw, RECEIVE_BUFFER_BYTES);
            assert!(port.receive_buffer_bytes() >= RECEIVE_BUFFER_BYTES);
        }
    });
}

#[test]
fn an_error_of_the_network_must_quote_our_packet() {
    run_in_network(with_black_hole, || async {
        let port = open(false, SocketKind::Raw, RECEIVE_BUFFER_BYTES);
        let ring = ring_over(&port, false);
        let wish = shot(BLACK_HOLE, 2, Duration::from_secs(3));
        let look = spawn_local(async move { ring.ping(&wish).await.unwrap() });
        until(&port, |it| it.sent == 2).await;
        let requests = port.outstanding();
        let wire = Injector::new();
        let (target, other) = (BLACK_HOLE.parse().unwrap(), Ipv4Addr::new(10, 9, 0, 9));
        let error = |request: &Request, to, quoted| {
            wire.send("10.9.0.50", &forge::host_unreachable(request, (HERE, to), quoted));
        };
        let mut guessed = requests[0];
        guessed.stamp[31] ^= 1;
        error(&guessed, target, 64);
        error(&requests[0], other, 64);
        error(&requests[0], other, 8);
        error(&Request { sequence: requests[1].sequence + 1, ..requests[0] }, target, 8);
        until(&port, |it| it.foreign_errors == 4).await;
        assert_eq!(port.outstanding().len(), 2);

        // A short quote explains silence, but settles nothing; a full one settles its packet.
        error(&requests[0], target, 8);
        error(&requests[1], target, 64);
        until(&port, |it| it.errors == 2).await;
        assert_eq!(port.outstanding().len(), 1);
        let echoes = look.await.unwrap();
        assert_eq!(echoes.progress.packets[0], Packet::Sent);
        let said = "10.9.0.2: host unreachable, says 10.9.0.50";
        let cause = Cause::new(CauseCode::Unreachable, said);
        assert_eq!(echoes.progress.packets[1], Packet::Unreachable(cause.clone()));
        assert_eq!(echoes.progress.hint, Some(cause));
        assert_eq!(port.counts().foreign_errors, 4);
    });
}

#[test]
fn without_any_right_looks_are_blind_and_say_what_to_do() {
    let prepare = || {
        sysctl("ipv4/ping_group_range", "1 0");
        raw::drop_rights().unwrap();
    };
    run_in_network(prepare, || async {
        let ring = Ring::default();
        for target in ["127.0.0.1", "::1"] {
            let cause = ring.ping(&shot(target, 1, PATIENT)).await.unwrap_err();
            assert_eq!(cause, Cause::new(CauseCode::NoRight, REMEDY));
        }
        assert_eq!(ping_right(), Err(REMEDY.to_owned()));
    });
}

#[test]
fn without_the_right_to_raw_sockets_datagrams_do() {
    let prepare = || {
        sysctl("ipv4/ping_group_range", "0 2147483647");
        raw::drop_rights().unwrap();
    };
    run_in_network(prepare, || async {
        let ring = Ring::default();
        for target in ["127.0.0.1", "::1"] {
            let echoes = ring.ping(&shot(target, 3, PATIENT)).await.unwrap();
            assert_eq!(answered(&echoes), 3, "{target}: {echoes:?}");
        }
        assert_eq!(ping_right(), Ok(SocketKind::Datagram));
    });
}

#[test]
fn each_refusal_has_its_cause() {
    let denied = |_| Err::<(), _>(io::Error::from_raw_os_error(libc::EPERM));
    let cause = first_allowed(denied).unwrap_err();
    assert_eq!(cause.code, CauseCode::NoRight);
    assert!(cause.text.contains("setcap cap_net_raw+ep"), "{cause}");
    assert!(cause.text.contains("net.ipv4.ping_group_range=\"0 2147483647\""), "{cause}");

    let second = |kind| match kind {
        SocketKind::Raw => Err(io::Error::from_raw_os_error(libc::EACCES)),
        SocketKind::Datagram => Ok(kind),
    };
    assert_eq!(first_allowed(second).unwrap(), SocketKind::Datagram);

    let exhausted = |_| Err::<(), _>(io::Error::from_raw_os_error(libc::EMFILE));
    assert_eq!(first_allowed(exhausted).unwrap_err().code, CauseCode::Descriptors);
    assert_eq!(ping_right(), Ok(SocketKind::Raw), "tests run as root");
}
