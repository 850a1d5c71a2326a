//! Against net-snmp's agent, and against one that lies.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use model::{CauseCode, KindSpec};

use super::*;
use crate::{
    Target, Trace, WorldSettings,
    live::assert_declared,
    wires::snmp::testing::{Act, Liar, Question, Snmpd, last_number, run},
};

/// Generous where an answer comes: it ends the wait.
const LONG: Duration = Duration::from_secs(30);
/// Short where none comes.
const SHORT: Duration = Duration::from_millis(600);

type Pair = (&'static str, Written);

fn text(name: &'static str, text: &str) -> Pair {
    (name, Written::Text(text.into()))
}

fn secret(name: &'static str, text: &str) -> Pair {
    (name, Written::Secret(Secret::new(text)))
}

fn get(objects: &[&str]) -> Pair {
    ("get", Written::List(objects.iter().map(|it| Written::Text((*it).into())).collect()))
}

fn params(pairs: &[Pair]) -> Params {
    Params(pairs.iter().cloned().collect())
}

fn check(port: u16, pairs: &[Pair]) -> Snmp {
    let mut pairs = pairs.to_vec();
    pairs.push(("port", Written::Number(port.into())));
    Snmp::build(&params(&pairs)).unwrap()
}

fn new_world() -> World {
    World::new(&WorldSettings::default())
}

async fn look_for(world: &World, check: &Snmp, timeout: Duration) -> Found {
    let target = Target { name: "acme/box/snmp".into(), address: Some("127.0.0.1".into()) };
    let trace = Trace::on();
    let deadline = Instant::now() + timeout;
    let found = check.look(world, &Ask { target: &target, deadline, timeout, trace: &trace }).await;
    println!("{:?} {:#?}", found.verdict, trace.steps());
    assert_declared(&SPEC, &found);
    found
}

async fn look(world: &World, check: &Snmp) -> Found {
    look_for(world, check, LONG).await
}

fn reading(found: &Found, name: &str) -> Reading {
    let index = SPEC.measure(name).unwrap();
    let measure = found.measures.iter().find(|it| it.index == index);
    measure.unwrap_or_else(|| panic!("no {name} in {found:?}")).reading.clone()
}

const SPEC: KindSpec = Snmp::SPEC;

fn value(found: &Found, name: &str) -> f64 {
    match reading(found, name) {
        Reading::Number(number) => number,
        Reading::Text(text) => panic!("{name} is {text}"),
    }
}

fn word_of(found: &Found, name: &str) -> String {
    match reading(found, name) {
        Reading::Number(number) => panic!("{name} is {number}"),
        Reading::Text(text) => text.into(),
    }
}

#[track_caller]
fn cause(found: &Found) -> (CauseCode, String) {
    match &found.verdict {
        Verdict::Seen { cause: Some(cause), .. } | Verdict::Blind { cause } => {
            (cause.code, cause.text.to_string())
        }
        fine @ Verdict::Seen { .. } => panic!("{fine:?} with {:?}", found.measures),
    }
}

#[track_caller]
fn assert_fine(found: &Found) {
    assert_eq!(found.verdict, Verdict::OK);
}

const COMMUNITIES: &str = "rocommunity public\nsysContact nobody\nsysName 1234.5";

#[test]
fn a_real_agent_is_asked_in_versions_1_and_2c() {
    let agent = Snmpd::start(COMMUNITIES);
    run(async {
        let world = new_world();
        for version in ["1", "2c"] {
            let objects = ["sysUpTime", "sysContact", "sysName", "ifOperStatus.1", "sysObjectID"];
            let found =
                look(&world, &check(agent.port, &[get(&objects), text("version", version)])).await;
            assert_fine(&found);
            assert!((0.0..3_600.0).contains(&value(&found, "value")), "{found:?}");
            assert_eq!(word_of(&found, "value2"), "nobody");
            assert_eq!(value(&found, "value3"), 1234.5);
            assert_eq!(word_of(&found, "value4"), "up");
            assert!(word_of(&found, "value5").starts_with(".1.3.6.1.4.1.8072."), "{found:?}");
            assert_eq!(value(&found, "ip_protocol"), 4.0);
            assert!(value(&found, "time") > 0.0);
        }
    });
}

#[test]
fn a_missing_object_is_named_and_does_not_spoil_the_others() {
    let agent = Snmpd::start(COMMUNITIES);
    run(async {
        let world = new_world();
        for version in ["1", "2c"] {
            let objects = [".1.3.6.1.4.1.9999.1.2.0", "sysContact", "ifDescr.1"];
            let found =
                look(&world, &check(agent.port, &[get(&objects), text("version", version)])).await;
            let (code, text) = cause(&found);
            assert_eq!(code, CauseCode::NoSuchObject);
            assert!(text.starts_with(".1.3.6.1.4.1.9999.1.2.0: "), "{text}");
            assert_eq!(word_of(&found, "value2"), "nobody");
            assert_eq!(word_of(&found, "value3"), "lo");
        }
    });
}

#[test]
fn storages_and_percentages_of_a_real_agent() {
    let agent = Snmpd::start(COMMUNITIES);
    run(async {
        let world = new_world();
        for version in ["1", "2c"] {
            let objects = ["hrStorage /", "sysContact", "hrStorage Physical memory"];
            let storage = check(agent.port, &[get(&objects), text("version", version)]);
            for _ in 0..2 {
                let found = look(&world, &storage).await;
                assert_fine(&found);
                assert!((0.0..=100.0).contains(&value(&found, "value")), "{found:?}");
                assert_eq!(word_of(&found, "value2"), "nobody");
                assert!((1.0..=100.0).contains(&value(&found, "value3")), "{found:?}");
            }
            let missing = check(agent.port, &[get(&["hrStorage /no/such/place"])]);
            let (code, text) = cause(&look(&world, &missing).await);
            assert_eq!(code, CauseCode::NoSuchObject);
            assert!(text.contains("/no/such/place") && text.contains("Physical memory"), "{text}");
        }
        let whole = [get(&["memAvailReal"]), text("of", "memTotalReal")];
        let found = look(&world, &check(agent.port, &whole)).await;
        assert_fine(&found);
        assert!((0.1..=100.0).contains(&value(&found, "value")), "{found:?}");
    });
}

/// Who may ask with what, and how the agent calls it.
const USERS: [(&str, &str, &str, &str, &str); 8] = [
    ("md5des", "MD5", "DES", "md5", "des"),
    ("shaaes", "SHA", "AES", "sha", "aes128"),
    ("sha224aes", "SHA-224", "AES", "sha224", "aes128"),
    ("sha256aes", "SHA-256", "AES", "sha256", "aes128"),
    ("sha384aes192", "SHA-384", "AES-192", "sha384", "aes192"),
    ("sha512aes256", "SHA-512", "AES-256", "sha512", "aes256"),
    ("shaaes256", "SHA", "AES-256", "sha", "aes256"),
    ("shaaes256c", "SHA", "AES-256-C", "sha", "aes256c"),
];

fn users() -> String {
    let lines = USERS.map(|(name, auth, privacy, ..)| {
        format!("createUser {name} {auth} \"authpassword\" {privacy} \"privpassword\"\nrouser {name} noauth\n")
    });
    let signs = "createUser signs SHA-256 \"authpassword\"\nrouser signs auth\n";
    let same = "createUser same SHA-256 \"authpassword\" AES \"authpassword\"\nrouser same priv\n";
    format!("{}{signs}{same}engineID first\nsysContact nobody", lines.concat())
}

fn asks_as(user: &str, auth: &str, privacy: &str) -> Vec<Pair> {
    let mut pairs = vec![get(&["sysContact", "hrStorage /"]), text("user", user)];
    if auth != "none" {
        pairs.extend([text("auth", auth), secret("password", "authpassword")]);
        pairs.push(text("priv", privacy));
        if privacy != "none" {
            pairs.push(secret("priv_password", "privpassword"));
        }
    }
    pairs
}

#[test]
fn every_means_of_version_3_works_with_a_real_agent() {
    let agent = Snmpd::start(&users());
    run(async {
        let world = new_world();
        for (name, _, _, auth, privacy) in USERS {
            let levels = [("none", "none"), (auth, "none"), (auth, privacy)];
            for (auth, privacy) in levels {
                let check = check(agent.port, &asks_as(name, auth, privacy));
                for _ in 0..2 {
                    let found = look(&world, &check).await;
                    assert_fine(&found);
                    assert_eq!(word_of(&found, "value"), "nobody");
                    assert!((0.0..=100.0).contains(&value(&found, "value2")));
                }
            }
        }
        // What holds where nothing is written: SHA-256, AES-128, one password for both.
        let plain =
            [get(&["sysContact"]), text("user", "same"), secret("password", "authpassword")];
        assert_fine(&look(&world, &check(agent.port, &plain)).await);
    });
}

#[test]
fn what_is_wrong_with_a_user_is_told() {
    let agent = Snmpd::start(&users());
    run(async {
        let world = new_world();
        // The first look learns who the agent is, the second knows it already.
        let expect = async |pairs: Vec<Pair>, expected: CauseCode| {
            let check = check(agent.port, &pairs);
            for _ in 0..2 {
                let found = look_for(&world, &check, SHORT * 3).await;
                assert_eq!(cause(&found).0, expected, "{found:?}");
            }
        };
        let changed = |name: &'static str, text: &str| {
            let mut pairs = asks_as("sha256aes", "sha256", "aes128");
            pairs.retain(|it| it.0 != name);
            pairs.push(secret(name, text));
            pairs
        };
        expect(changed("password", "wrongpassword"), CauseCode::WrongPassword).await;
        expect(asks_as("sha256aes", "sha", "aes128"), CauseCode::WrongPassword).await;
        expect(asks_as("stranger", "sha256", "aes128"), CauseCode::UnknownUser).await;
        expect(asks_as("stranger", "none", "none"), CauseCode::UnknownUser).await;
        expect(asks_as("signs", "sha256", "aes128"), CauseCode::SecurityLevel).await;
        expect(changed("priv_password", "wrongpassword"), CauseCode::Decryption).await;
        expect(asks_as("sha256aes", "sha256", "aes256"), CauseCode::Decryption).await;
        // Not the means are wrong, but what they allow.
        expect(asks_as("signs", "none", "none"), CauseCode::SnmpError).await;
        // And all of it did no harm to who asks rightly.
        let right = check(agent.port, &asks_as("sha256aes", "sha256", "aes128"));
        assert_fine(&look(&world, &right).await);
    });
}

#[test]
fn an_agent_that_was_restarted_or_replaced_is_recognised() {
    let mut agent = Snmpd::start(&users());
    run(async {
        let world = new_world();
        let check = check(agent.port, &asks_as("sha512aes256", "sha512", "aes256"));
        assert_fine(&look(&world, &check).await);
        agent.restart(&users());
        assert_fine(&look(&world, &check).await);
        // Another device with the same users.
        agent.replace(&users().replace("engineID first", "engineID second"));
        assert_fine(&look(&world, &check).await);
        // A device that forgot how often it was started: its time runs backwards.
        agent.restart(&users().replace("engineID first", "engineID second"));
        assert_fine(&look(&world, &check).await);
        agent.replace(&users().replace("engineID first", "engineID second"));
        assert_fine(&look(&world, &check).await);
    });
}

#[test]
fn silence_is_a_timeout_and_a_closed_port_is_not() {
    let mut agent = Snmpd::start(COMMUNITIES);
    run(async {
        let world = new_world();
        let wrong = [get(&["sysUpTime"]), secret("community", "wrong")];
        let (code, text) = cause(&look_for(&world, &check(agent.port, &wrong), SHORT).await);
        assert_eq!(code, CauseCode::Timeout);
        assert!(text.contains("community is wrong"), "{text}");
        agent.stop();
        for pairs in [vec![get(&["sysUpTime"])], asks_as("signs", "sha256", "none")] {
            let (code, text) = cause(&look(&world, &check(agent.port, &pairs)).await);
            assert_eq!(code, CauseCode::Refused);
            assert!(text.contains("127.0.0.1"), "{text}");
        }
        assert!(world.snmp_counts().undeliverable >= 2);
    });
}

#[test]
fn a_host_without_a_route_is_ours_and_an_unreachable_one_is_theirs() {
    std::thread::spawn(|| {
        crate::raw::leave_network().unwrap();
        run(async {
            let world = new_world();
            let mut pairs = vec![get(&["sysUpTime"]), text("address", "192.0.2.1")];
            let (code, _) = cause(&look(&world, &check(161, &pairs)).await);
            assert_eq!(code, CauseCode::NoRoute);
            let route = ["route", "add", "unreachable", "192.0.2.0/24"];
            assert!(std::process::Command::new("ip").args(route).status().unwrap().success());
            let (code, _) = cause(&look(&world, &check(161, &pairs)).await);
            assert_eq!(code, CauseCode::Unreachable);
            pairs.push(text("version", "3"));
            pairs.push(text("user", "someone"));
            let (code, _) = cause(&look(&world, &check(161, &pairs)).await);
            assert_eq!(code, CauseCode::Unreachable);
        });
    })
    .join()
    .unwrap();
}

#[test]
fn services_of_one_host_cost_one_request() {
    run(async {
        let world = new_world();
        let agent = Liar::honest();
        let checks: Vec<Snmp> = (1..=40)
            .map(|it| check(agent.address.port(), &[get(&[&format!(".1.3.6.1.9.{}", it / 2)])]))
            .collect();
        let found = join_all(checks.iter().map(|it| look(&world, it))).await;
        for (index, found) in (1_u32..).zip(&found) {
            assert_eq!(value(found, "value"), f64::from(index / 2));
        }
        let asked = agent.asked();
        assert_eq!(asked.len(), 1, "forty services, twenty-one objects");
        assert_eq!(asked[0].objects.len(), 21);

        // Who asks with another right is asked apart.
        let other = [get(&[".1.3.6.1.9.1"]), secret("community", "other")];
        let other = check(agent.address.port(), &other);
        let both = (look(&world, &checks[0]), look(&world, &other));
        let both = futures_util::future::join(both.0, both.1).await;
        assert_fine(&both.0);
        assert_fine(&both.1);
        assert_eq!(agent.asked().len(), 3);
        assert_eq!(world.snmp_counts().requests, 3);
    });
}

#[test]
fn who_gives_up_does_not_take_the_others_along() {
    run(async {
        let world = new_world();
        let agent = Liar::honest();
        let patient = check(agent.address.port(), &[get(&[".1.3.6.1.9.1"])]);
        let hasty = check(agent.address.port(), &[get(&[".1.3.6.1.9.2"])]);
        let mut first = Box::pin(look(&world, &hasty));
        let second = look(&world, &patient);
        assert!((&mut first).now_or_never().is_none(), "it opened the round");
        drop(first);
        let found = second.await;
        assert_eq!(value(&found, "value"), 1.0);
    });
}

use futures_util::FutureExt;

/// What an agent does with the first question, and with all others.
fn at_first(
    mut first: impl FnMut(&Question) -> Vec<Act> + 'static,
    then: impl Fn(&Question) -> Vec<Act> + 'static,
) -> Liar {
    let asked = Cell::new(false);
    Liar::new(move |it| if asked.replace(true) { then(it) } else { first(it) })
}

fn answer(question: &Question) -> Vec<Act> {
    vec![Act::Send(question.answer(last_number))]
}

async fn ask(world: &World, agent: &Liar, objects: &[&str], timeout: Duration) -> Found {
    look_for(world, &check(agent.address.port(), &[get(objects)]), timeout).await
}

const OBJECT: &str = ".1.3.6.1.9.7";

#[test]
fn a_lost_datagram_is_no_outage() {
    run(async {
        let world = new_world();
        let agent = at_first(|_| Vec::new(), answer);
        let found = ask(&world, &agent, &[OBJECT], SHORT).await;
        assert_eq!(value(&found, "value"), 7.0);
        assert_eq!(agent.asked().len(), 2);
        assert_eq!(agent.asked()[0].id, agent.asked()[1].id, "it is the same request");
    });
}

#[test]
fn an_answer_that_breaks_the_protocol_is_malformed() {
    let broken: [fn(&Question) -> Vec<u8>; 5] = [
        // No SNMP at all.
        |_| b"hello".to_vec(),
        // The envelope is right, the rest is cut off.
        |it| {
            let mut bytes = it.answer(last_number);
            bytes.truncate(bytes.len() - 2);
            bytes
        },
        // Nothing, or something else, where something was asked for.
        |it| it.answer_with(Vec::new()),
        |it| it.answer_with(vec![(".1.3.6.1.9.8".parse().unwrap(), Value::Integer(1))]),
        // Only the name.
        |it| it.answer(|_| Value::Null),
    ];
    run(async {
        let world = new_world();
        for broken in broken {
            let agent = Liar::new(move |it| vec![Act::Send(broken(it))]);
            let found = ask(&world, &agent, &[OBJECT], SHORT).await;
            assert_eq!(cause(&found).0, CauseCode::Malformed, "{found:?}");
        }
        assert!(world.snmp_counts().malformed >= 3);
    });
}

#[test]
fn what_others_say_never_counts() {
    let forged: [fn(&Question) -> Act; 4] = [
        |it| Act::SendFromElsewhere(it.answer(|_| Value::Integer(666))),
        |it| Act::Send(Question { id: it.id ^ 1, ..it.clone() }.answer(|_| Value::Integer(666))),
        |it| {
            let other = Question { community: b"other".to_vec(), ..it.clone() };
            Act::Send(other.answer(|_| Value::Integer(666)))
        },
        |it| {
            let other = Question { version: Version::V1, ..it.clone() };
            Act::Send(other.answer(|_| Value::Integer(666)))
        },
    ];
    run(async {
        for forged in forged {
            let world = new_world();
            let agent = Liar::new(move |it| vec![forged(it)]);
            let found = ask(&world, &agent, &[OBJECT], SHORT).await;
            assert_eq!(cause(&found).0, CauseCode::Timeout, "{found:?}");
            let counts = world.snmp_counts();
            assert_eq!((counts.foreign, counts.answers), (3, 0), "{counts:?}");

            let agent = Liar::new(move |it| vec![forged(it), answer(it).remove(0)]);
            let found = ask(&world, &agent, &[OBJECT], LONG).await;
            assert_eq!(value(&found, "value"), 7.0);
        }
    });
}

#[test]
fn doubled_and_late_answers_never_count() {
    run(async {
        let world = new_world();
        let agent = Liar::new(|it| {
            let double = it.answer(|_| Value::Integer(666));
            vec![answer(it).remove(0), Act::Send(double)]
        });
        for _ in 0..3 {
            let found = ask(&world, &agent, &[OBJECT], LONG).await;
            assert_eq!(value(&found, "value"), 7.0);
        }
        let kept = Rc::new(RefCell::new(Vec::<Question>::new()));
        let late = Rc::clone(&kept);
        let agent = Liar::new(move |it| {
            // Three requests go unanswered; the fourth is answered with what the first waited for.
            late.borrow_mut().push(it.clone());
            match &late.borrow()[..] {
                [first, _, _, now, ..] => {
                    let old = first.answer(|_| Value::Integer(666));
                    vec![Act::Send(old), answer(now).remove(0)]
                }
                _ => Vec::new(),
            }
        });
        let found = ask(&world, &agent, &[OBJECT], SHORT).await;
        assert_eq!(cause(&found).0, CauseCode::Timeout);
        assert_eq!(kept.borrow().len(), 3);
        let found = ask(&world, &agent, &[OBJECT], LONG).await;
        assert_eq!(value(&found, "value"), 7.0);
        let counts = world.snmp_counts();
        assert_eq!((counts.doubled, counts.late, counts.foreign), (3, 1, 0), "{counts:?}");
    });
}

#[test]
fn an_error_of_the_agent_is_told_and_blames_one_object() {
    run(async {
        let world = new_world();
        let agent = Liar::new(|it| match it.objects.iter().position(|o| o.to_string() == OBJECT) {
            Some(place) => vec![Act::Send(it.refuse(5, place + 1))],
            None => answer(it),
        });
        let found = ask(&world, &agent, &[".1.3.6.1.9.1", OBJECT, ".1.3.6.1.9.3"], LONG).await;
        let (code, text) = cause(&found);
        assert_eq!(code, CauseCode::SnmpError);
        assert_eq!(text, format!("{OBJECT}: the agent says genErr"));
        assert_eq!((value(&found, "value"), value(&found, "value3")), (1.0, 3.0));
        assert_eq!(agent.asked().len(), 2);

        // An agent that does not say which one: it is found by halving.
        let agent = Liar::new(|it| match it.objects.iter().any(|o| o.to_string() == OBJECT) {
            true => vec![Act::Send(it.refuse(5, 0))],
            false => answer(it),
        });
        let found = ask(&world, &agent, &[".1.3.6.1.9.1", OBJECT, ".1.3.6.1.9.3"], LONG).await;
        assert_eq!(cause(&found).0, CauseCode::SnmpError);
        assert_eq!((value(&found, "value"), value(&found, "value3")), (1.0, 3.0));
    });
}

#[test]
fn too_big_an_answer_is_asked_for_in_parts_from_then_on() {
    run(async {
        let world = new_world();
        let agent = Liar::new(|it| match it.objects.len() {
            1 | 2 => answer(it),
            _ => vec![Act::Send(it.refuse(1, 0))],
        });
        let names: Vec<String> = (1..=8).map(|it| format!(".1.3.6.1.9.{it}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = ask(&world, &agent, &names, LONG).await;
        assert_fine(&found);
        assert_eq!((value(&found, "value"), value(&found, "value8")), (1.0, 8.0));
        let asked = agent.asked().len();
        assert_fine(&ask(&world, &agent, &names, LONG).await);
        assert_eq!(agent.asked().len() - asked, 4, "it was learnt that two are the limit");
    });
}

/// An agent with these storages, each full to the percentage that its row says.
fn with_storages(rows: Rc<RefCell<Vec<(u32, &'static str)>>>) -> Liar {
    Liar::new(move |it| {
        let rows = rows.borrow();
        if it.walks {
            let last = it.objects[0].arcs().get(11).copied().unwrap_or(0);
            let column: Oid = ".1.3.6.1.2.1.25.2.3.1.3".parse().unwrap();
            let mut list: Vec<_> = rows.iter().filter(|row| row.0 > last).collect();
            list.sort_unstable();
            let list = list.iter().map(|(row, name)| {
                (column.child(&[*row]).unwrap(), Value::Bytes(name.as_bytes().into()))
            });
            let end = (".1.3.6.1.2.1.25.2.3.1.4.1".parse().unwrap(), Value::Integer(1));
            return vec![Act::Send(it.answer_with(list.chain([end]).collect()))];
        }
        let value = |object: &Oid| match object.arcs() {
            [.., column, row] => match rows.iter().find(|it| it.0 == *row) {
                Some((_, name)) if *column == 3 => Value::Bytes(name.as_bytes().into()),
                Some(_) if *column == 5 => Value::Integer(1_000),
                Some(_) => Value::Integer(i64::from(*row) * 10),
                None => Value::NoSuchInstance,
            },
            _ => Value::NoSuchObject,
        };
        vec![Act::Send(it.answer(value))]
    })
}

#[test]
fn a_storage_that_moves_is_followed() {
    run(async {
        let world = new_world();
        let rows = Rc::new(RefCell::new(vec![(4, "/"), (7, "/data")]));
        let agent = with_storages(Rc::clone(&rows));
        let percent = async || {
            let found = ask(&world, &agent, &["hrStorage /data"], LONG).await;
            assert_fine(&found);
            value(&found, "value")
        };
        assert_eq!(percent().await, 7.0);
        let asked = agent.asked().len();
        assert_eq!(percent().await, 7.0);
        assert_eq!(agent.asked().len() - asked, 1, "its place is known");
        rows.replace(vec![(4, "/"), (7, "/home"), (9, "/data")]);
        assert_eq!(percent().await, 9.0);
        rows.replace(vec![(4, "/")]);
        let (code, text) = cause(&ask(&world, &agent, &["hrStorage /data"], LONG).await);
        assert_eq!(
            (code, &*text),
            (CauseCode::NoSuchObject, "no storage `/data`; the agent has /")
        );
        rows.replace(vec![(3, "C:\\ Label:System  Serial Number 1a2b"), (4, "D:\\")]);
        let found = ask(&world, &agent, &["hrStorage C:", "hrStorage D:\\"], LONG).await;
        assert_eq!((value(&found, "value"), value(&found, "value2")), (3.0, 4.0));
    });
}

#[test]
fn a_table_without_an_end_ends() {
    let column: Oid = ".1.3.6.1.2.1.25.2.3.1.3".parse().unwrap();
    run(async {
        let world = new_world();
        let (first, second) = (column.clone(), column.clone());
        let circle = Liar::new(move |it| {
            let row = (first.child(&[1]).unwrap(), Value::Bytes(Box::from(*b"/")));
            vec![Act::Send(it.answer_with(vec![row]))]
        });
        let (code, text) = cause(&ask(&world, &circle, &["hrStorage /data"], LONG).await);
        assert_eq!(code, CauseCode::Malformed);
        assert!(text.contains("circle"), "{text}");

        let endless = Liar::new(move |it| {
            let last = it.objects[0].strip(&second).and_then(|it| it.first()).copied().unwrap_or(0);
            let rows = (last + 1..=last + 20)
                .map(|row| (second.child(&[row]).unwrap(), Value::Bytes(Box::from(*b"/"))));
            vec![Act::Send(it.answer_with(rows.collect()))]
        });
        let (code, _) = cause(&ask(&world, &endless, &["hrStorage /data"], LONG).await);
        assert_eq!(code, CauseCode::NoSuchObject);
        assert_eq!(endless.asked().len(), 1_024_usize.div_ceil(20));
    });
}

#[test]
fn percentages_need_numbers() {
    run(async {
        let world = new_world();
        let agent = Liar::honest();
        let of = |part: &str, whole: &str| {
            check(agent.address.port(), &[get(&[part]), text("of", whole)])
        };
        let found = look(&world, &of(".1.3.6.1.9.30", ".1.3.6.1.9.40")).await;
        assert_eq!(value(&found, "value"), 75.0);
        let (code, _) = cause(&look(&world, &of(".1.3.6.1.9.30", ".1.3.6.1.9.0")).await);
        assert_eq!(code, CauseCode::Malformed);
        let gone = Liar::new(|it| vec![Act::Send(it.answer(|_| Value::NoSuchObject))]);
        let check =
            check(gone.address.port(), &[get(&["memAvailReal"]), text("of", "memTotalReal")]);
        assert_eq!(cause(&look(&world, &check).await).0, CauseCode::NoSuchObject);
    });
}

#[test]
fn a_look_is_told_step_by_step() {
    run(async {
        let agent = Liar::new(|it| {
            let value = |object: &Oid| match last_number(object) {
                Value::Integer(1) => Value::Bytes(Box::from(*b"all up")),
                number => number,
            };
            vec![Act::Send(it.answer(value))]
        });
        let trace = Trace::on();
        let target = Target { name: "acme/box/snmp".into(), address: Some("127.0.0.1".into()) };
        let deadline = Instant::now() + LONG;
        let terms = Ask { target: &target, deadline, timeout: LONG, trace: &trace };
        for objects in [&[".1.3.6.1.9.1", ".1.3.6.1.9.2"][..], &[".1.3.6.1.9.2"]] {
            check(agent.address.port(), &[get(objects)]).look(&new_world(), &terms).await;
        }
        let steps: Vec<String> = trace.steps().into_iter().map(|it| it.1).collect();
        let at = agent.address;
        let told: Vec<&str> = steps.iter().map(|it| it.split(" in ").next().unwrap()).collect();
        let (two, one) =
            (format!("{at} answered about 2 objects"), format!("{at} answered about 1 object"));
        let resolved = "resolved 127.0.0.1 to 127.0.0.1";
        let (first, second) = (r#".1.3.6.1.9.1 is "all up""#, ".1.3.6.1.9.2 is 2");
        assert_eq!(told, [resolved, &two, first, second, resolved, &one, second]);
    });
}

#[test]
fn values_read_as_what_they_are() {
    let bytes = |bytes: &[u8]| read(Value::Bytes(bytes.into()), &[]);
    let text = |text: &str| Reading::Text(text.into());
    assert_eq!(bytes(b"0.12"), Reading::Number(0.12));
    assert_eq!(bytes(b" -7 "), Reading::Number(-7.0));
    assert_eq!(bytes(b"1.2.3"), text("1.2.3"));
    assert_eq!(bytes(b"inf"), text("inf"));
    assert_eq!(bytes(b"-"), text("-"));
    assert_eq!(bytes(b"9e999"), text("9e999"));
    assert_eq!(bytes(b""), text(""));
    assert_eq!(bytes(b"Linux\r\nbox\0"), text("Linux  box"));
    assert_eq!(bytes("Gerät".as_bytes()), text("Gerät"));
    assert_eq!(bytes(b"Ger\xe4t in Halle"), text("Ger\u{fffd}t in Halle"));
    assert_eq!(bytes(&[0, 0x1a, 0x2b, 0xff, 1, 2]), text("00:1a:2b:ff:01:02"));
    let long = bytes(&b"x".repeat(70_000));
    assert_eq!(long, text(&"x".repeat(TEXT_BYTES_MAX)));
    let Reading::Text(hex) = bytes(&[1; 70_000]) else { panic!("bytes are no number") };
    assert!(hex.len() <= TEXT_BYTES_MAX);
    assert_eq!(read(Value::Ticks(12_345), &[]), Reading::Number(123.45));
    assert_eq!(read(Value::Float(1.5), &[]), Reading::Number(1.5));
    assert_eq!(read(Value::Address([192, 0, 2, 1]), &[]), text("192.0.2.1"));
    assert_eq!(read(Value::Integer(2), &[(2, "down")]), text("down"));
    assert_eq!(read(Value::Integer(9), &[(2, "down")]), Reading::Number(9.0));
}

#[track_caller]
fn faults(pairs: &[Pair]) -> Vec<(&'static str, String)> {
    let faults = Snmp::build(&params(pairs)).map(|_| Vec::new()).unwrap_or_else(|it| it);
    faults.into_iter().map(|it| (it.param, it.what)).collect()
}

#[test]
fn every_mistake_in_the_parameters_is_found() {
    let object = get(&["sysUpTime"]);
    let cases: Vec<(Vec<Pair>, &str, &str)> = vec![
        (vec![], "get", "is missing"),
        (vec![get(&["sysUptime"])], "get", "`sysUptime` is not a name that is known here"),
        (vec![get(&["sysUpTime"; 9])], "get", "has 9 objects, and 8 are the limit"),
        (vec![get(&["hrStorage"])], "get", "names no storage"),
        (vec![object.clone(), text("of", "ifMtu")], "of", "`ifMtu` does not say which row"),
        (
            vec![get(&["hrStorage /"]), text("of", "hrMemorySize")],
            "of",
            "a storage is measured in percent of its size anyway",
        ),
        (vec![object.clone(), secret("community", "")], "community", "has the wrong length"),
        (
            vec![object.clone(), secret("community", "x"), text("user", "me")],
            "community",
            "stands beside `user`",
        ),
        (vec![object.clone(), text("version", "3")], "user", "is missing"),
        (vec![object.clone(), text("user", &"x".repeat(33))], "user", "is too long"),
        (
            vec![object.clone(), text("user", "me"), text("context", &"x".repeat(33))],
            "context",
            "is too long",
        ),
        (
            vec![object.clone(), text("user", "me"), text("auth", "sha256")],
            "auth",
            "signs with a password",
        ),
        (
            vec![object.clone(), text("user", "me"), text("priv", "aes128")],
            "priv",
            "only who signs can encrypt",
        ),
        (
            vec![object.clone(), text("user", "me"), secret("password", "seven77")],
            "password",
            "is too short",
        ),
        (
            vec![
                object.clone(),
                text("user", "me"),
                secret("password", "eight888"),
                secret("priv_password", "seven77"),
            ],
            "priv_password",
            "is too short",
        ),
    ];
    for (pairs, param, what) in cases {
        assert_eq!(faults(&pairs), [(param, what.to_owned())], "{pairs:?}");
    }
    let several = [get(&["nonsense", ".1"]), text("version", "3"), secret("password", "short")];
    assert_eq!(faults(&several).len(), 4);
    assert_eq!(faults(&[object, text("user", "me")]), []);
}

#[test]
fn no_secret_is_ever_printed() {
    let pairs = [
        get(&["sysUpTime"]),
        text("user", "me"),
        secret("password", "hunter22"),
        secret("priv_password", "hunter33"),
    ];
    let community = [get(&["sysUpTime"]), secret("community", "hunter44")];
    let printed = format!("{:?} {:?}", check(1, &pairs), check(1, &community));
    assert!(!printed.contains("hunter"), "{printed}");
    run(async {
        let world = new_world();
        let trace = Trace::on();
        let target = Target { name: "acme/box/snmp".into(), address: Some("127.0.0.1".into()) };
        let deadline = Instant::now() + SHORT;
        let terms = Ask { target: &target, deadline, timeout: SHORT, trace: &trace };
        let found = check(1, &community).look(&world, &terms).await;
        let told = format!("{found:?} {:?} {world:?}", trace.steps());
        assert!(!told.contains("hunter"), "{told}");
    });
}
