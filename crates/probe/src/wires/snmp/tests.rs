//! What no well-behaved agent does.

use std::{net::UdpSocket, time::Duration};

use async_snmp::{
    AuthProtocol, DecodeConfig, PrivProtocol,
    message::{MsgFlags, MsgGlobalData, SecurityLevel, V3Message},
    v3::UsmSecurityParams,
};
use bytes::Bytes;
use model::{Owner, Secret};
use tokio::task::{self, LocalSet};

use super::{
    testing::{Liar, Snmpd, run},
    *,
};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(900);

fn public(address: SocketAddr) -> Agent {
    let community = Community(Arc::from(*b"public"));
    let access = Arc::new(Access::Community { version: Version::V2c, community });
    Agent { address, access }
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// The value of one object, or why there is none.
async fn one(wire: &SnmpWire, agent: &Agent, object: &str, wait: Duration) -> Result<Value, Cause> {
    let mut answers = wire.get(agent, &[oid(object)], Instant::now() + wait).await?;
    answers.values.remove(0)
}

#[test]
fn answers_that_our_own_kernel_threw_away_make_us_blind() {
    run(async {
        let wire = SnmpWire::new();
        let silent = Liar::new(|_| Vec::new());
        let agent = public(silent.address);
        let line = wire.0.line(agent.address).unwrap();
        let SocketAddr::V4(local) = line.local_address() else { panic!("it is IPv4") };
        let flood = async {
            while silent.asked().is_empty() {
                task::yield_now().await;
            }
            // Nobody reads while this runs, so the buffer must overflow.
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let before = line.dropped();
            while line.dropped() == before {
                socket.send_to(&[0; 64], ("127.0.0.1", local.port())).unwrap();
            }
        };
        let asked = one(&wire, &agent, ".1.3.6.1.9.1", SHORT);
        let (asked, ()) = futures_util::future::join(asked, flood).await;
        let cause = asked.unwrap_err();
        assert_eq!(cause.code, CauseCode::Buffers);
        assert_eq!(cause.code.owner(), Owner::Ours);
        let counts = wire.counts();
        assert!(counts.malformed > 1_000, "{counts:?}");
        assert_eq!(counts.answers, 0);
    });
}

#[test]
fn the_table_is_empty_when_nobody_waits() {
    run(async {
        let wire = SnmpWire::new();
        let honest = public(Liar::honest().address);
        let silent = public(Liar::new(|_| Vec::new()).address);
        assert!(one(&wire, &honest, ".1.3.6.1.9.1", LONG).await.is_ok());
        assert!(one(&wire, &silent, ".1.3.6.1.9.1", SHORT).await.is_err());
        drop(one(&wire, &silent, ".1.3.6.1.9.1", LONG));
        let line = wire.0.line(honest.address).unwrap();
        assert_eq!(line.waiting(), (0, 0));
    });
}

#[test]
fn looks_that_begin_in_one_turn_are_one_round_even_if_they_are_many() {
    run(async {
        let agent = Liar::honest();
        let (wire, whom) = (Rc::new(SnmpWire::new()), public(agent.address));
        let looks = (1..=300).map(|it| {
            let (wire, whom) = (Rc::clone(&wire), whom.clone());
            task::spawn_local(async move {
                let value = one(&wire, &whom, &format!(".1.3.6.1.9.{it}"), LONG).await;
                assert_eq!(value, Ok(Value::Integer(it)));
            })
        });
        for look in looks.collect::<Vec<_>>() {
            look.await.unwrap();
        }
        assert_eq!(agent.asked().len(), 300_usize.div_ceil(OBJECTS_PER_REQUEST_MAX));
    });
}

#[test]
fn both_families_have_a_line() {
    run(async {
        let wire = SnmpWire::new();
        let socket = tokio::net::UdpSocket::bind("[::1]:0").await.unwrap();
        let agent = public(socket.local_addr().unwrap());
        drop(socket);
        let cause = one(&wire, &agent, ".1.3.6.1.9.1", LONG).await.unwrap_err();
        assert_eq!(cause.code, CauseCode::Refused, "{cause}");
    });
}

#[test]
fn a_wire_that_is_dropped_leaves_nothing_behind() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let wire = SnmpWire::new();
        let agent = public(Liar::honest().address);
        assert!(one(&wire, &agent, ".1.3.6.1.9.1", LONG).await.is_ok());
        let line = Arc::downgrade(&wire.0.line(agent.address).unwrap());
        let inner = Rc::downgrade(&wire.0);
        drop(wire);
        while line.upgrade().is_some() {
            task::yield_now().await;
        }
        assert!(inner.upgrade().is_none());
    });
}

#[test]
fn request_numbers_are_not_to_be_guessed() {
    run(async {
        let agent = Liar::honest();
        let wire = SnmpWire::new();
        for _ in 0..50 {
            assert!(one(&wire, &public(agent.address), ".1.3.6.1.9.1", LONG).await.is_ok());
        }
        let mut ids: Vec<u32> = agent.asked().iter().map(|it| it.id).collect();
        assert!(ids.iter().all(|it| (1..1 << 31).contains(it)));
        let near = ids.windows(2).filter(|it| it[0].abs_diff(it[1]) < 1 << 16).count();
        assert!(near <= 2, "{ids:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 50);
    });
}

/// Stands between us and a real agent and changes what the agent says.
async fn relay(agent: u16, change: impl Fn(Vec<u8>) -> Vec<u8> + 'static) -> SocketAddr {
    let ours = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let theirs = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    theirs.connect(("127.0.0.1", agent)).await.unwrap();
    let address = ours.local_addr().unwrap();
    task::spawn_local(async move {
        let (mut question, mut answer) = (vec![0; 65_535], vec![0; 65_535]);
        let mut client = None;
        loop {
            tokio::select! {
                asked = ours.recv_from(&mut question) => {
                    let (length, from) = asked.unwrap();
                    client = Some(from);
                    theirs.send(&question[..length]).await.unwrap();
                }
                answered = theirs.recv(&mut answer) => {
                    let changed = change(answer[..answered.unwrap()].to_vec());
                    ours.send_to(&changed, client.expect("it was asked first")).await.unwrap();
                }
            }
        }
    });
    address
}

fn user(name: &str, privacy: bool) -> Access {
    let password = Secret::new("authpassword");
    let privacy = privacy.then(|| (PrivProtocol::Aes128, Secret::new("privpassword")));
    let auth = Some((AuthProtocol::Sha256, password));
    Access::User(User { name: name.into(), auth, privacy, context: "".into() })
}

const USERS: &str = "createUser both SHA-256 \"authpassword\" AES \"privpassword\"\n\
                     rouser both auth\nsysContact nobody";
const CONTACT: &str = ".1.3.6.1.2.1.1.4.0";

fn read_v3(bytes: &[u8]) -> Option<V3Message> {
    let message = V3Message::decode(Bytes::copy_from_slice(bytes), DecodeConfig::default()).ok()?;
    Some(message.value)
}

fn level(bytes: &[u8]) -> SecurityLevel {
    read_v3(bytes).unwrap().security_level()
}

/// Looks through a relay, twice: as a stranger and as somebody who knows the engine.
fn through(privacy: bool, change: fn(Vec<u8>) -> Vec<u8>) -> Vec<Result<Value, CauseCode>> {
    let snmpd = Snmpd::start(USERS);
    run(async {
        let wire = SnmpWire::new();
        let address = relay(snmpd.port, change).await;
        let agent = Agent { address, access: Arc::new(user("both", privacy)) };
        let mut found = Vec::new();
        for _ in 0..2 {
            let value = one(&wire, &agent, CONTACT, SHORT).await;
            println!("{value:?}");
            found.push(value.map_err(|it| it.code));
        }
        found
    })
}

fn flip_the_end(mut bytes: Vec<u8>) -> Vec<u8> {
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn an_untouched_relay_changes_nothing() {
    let nobody = Ok(Value::Bytes(Box::from(*b"nobody")));
    assert_eq!(through(true, |it| it), [nobody.clone(), nobody]);
}

#[test]
fn an_answer_that_was_tampered_with_is_no_answer() {
    let found = through(false, |it| match level(&it) {
        SecurityLevel::NoAuthNoPriv => it,
        _ => flip_the_end(it),
    });
    assert_eq!(found, [Err(CauseCode::Malformed), Err(CauseCode::Malformed)]);
}

#[test]
fn an_answer_that_cannot_be_decrypted_is_told_as_that() {
    let found = through(true, |it| match level(&it) {
        SecurityLevel::AuthPriv => flip_the_end(it),
        _ => it,
    });
    assert_eq!(found, [Err(CauseCode::Decryption), Err(CauseCode::Decryption)]);
}

#[test]
fn an_answer_that_is_no_snmp_is_malformed_in_version_3_too() {
    let found = through(true, |it| match level(&it) {
        SecurityLevel::NoAuthNoPriv => it,
        _ => b"hello".to_vec(),
    });
    assert_eq!(found, [Err(CauseCode::Malformed), Err(CauseCode::Malformed)]);
    assert_eq!(through(true, |_| b"hello".to_vec())[0], Err(CauseCode::Malformed));
}

/// Some devices do not sign what they say about their clock.
fn without_signature(bytes: Vec<u8>) -> Vec<u8> {
    let Some(message) = read_v3(&bytes) else { return bytes };
    if message.security_level() != SecurityLevel::AuthNoPriv {
        return bytes;
    }
    let usm = UsmSecurityParams::decode(message.security_params().clone(), DecodeConfig::default());
    let usm = usm.unwrap().value;
    let bare = UsmSecurityParams::new(
        usm.engine_id().clone(),
        usm.engine_boots(),
        usm.engine_time(),
        usm.username().clone(),
    );
    let header = MsgGlobalData::new(
        message.msg_id(),
        message.global_data().msg_max_size(),
        MsgFlags::new(SecurityLevel::NoAuthNoPriv, false),
    );
    let scoped = message.into_scoped_pdu().unwrap();
    let parameters = bare.unwrap().encode().unwrap();
    V3Message::new(header.unwrap(), parameters, scoped).unwrap().encode().unwrap().to_vec()
}

#[test]
fn an_unsigned_clock_is_put_up_with() {
    let nobody = Ok(Value::Bytes(Box::from(*b"nobody")));
    assert_eq!(through(true, without_signature), [nobody.clone(), nobody]);
}

#[test]
fn services_of_one_host_cost_one_request_in_version_3_too() {
    let snmpd = Snmpd::start(USERS);
    run(async {
        let wire = SnmpWire::new();
        let address = SocketAddr::from(([127, 0, 0, 1], snmpd.port));
        let agent = Agent { address, access: Arc::new(user("both", true)) };
        assert!(one(&wire, &agent, CONTACT, LONG).await.is_ok());
        let before = wire.counts();
        let looks = (1..=6).map(|it| {
            let (wire, agent) = (&wire, &agent);
            async move { one(wire, agent, &format!(".1.3.6.1.2.1.1.{it}.0"), LONG).await }
        });
        let found = futures_util::future::join_all(looks).await;
        assert!(found.iter().all(Result::is_ok), "{found:?}");
        assert_eq!(wire.counts().requests - before.requests, 1);
        assert_eq!(wire.counts().answers - before.answers, 1);
    });
}
