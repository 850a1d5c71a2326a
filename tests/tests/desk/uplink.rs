//! Hosts of several customers fall silent at once. Is it we who cannot see, or is it they?
//!
//! What the engine promises in seconds is held against the moments that the engine has written
//! down, so that a slow machine only makes the test slower.

use std::{
    collections::BTreeSet,
    fmt::Write,
    net::Ipv4Addr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value as Json;
use tests::{Engine, Netns, Received, Receiver, Sandbox, until, until_within};

/// Whom hosts belong to.
const CUSTOMERS: [&str; 4] = ["acme", "bolt", "cern", "dyne"];
/// The problem of our own.
const UPLINK: &str = "own uplink";
/// From the cut to the problem of our own.
const OWN_PROBLEM_WITHIN: Duration = Duration::from_secs(30);
/// From the first host that is believed down to the first word of it.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(60);
/// From any problem to the moment at which it is owed to people.
const HELD_MAX: Duration = Duration::from_secs(120);
/// Longest wait for what the engine itself may hold back so long.
const PATIENCE: Duration = Duration::from_secs(300);
/// Looks that are dear enough for a wide wait, and cheap enough to be many.
const STEADY: &str = "every: 4s\ntimeout: 1s\nretry: 3 x 1s\n";
/// Believed down long before the canaries of the engine have been looked at once.
const HASTY: &str = "every: 1s\ntimeout: 300ms\nretry: 2 x 300ms\n";

/// Hosts that fall when the link to them is cut, while the canaries answer.
const FALLEN: usize = 320;

/// Changes of belief about anybody but the canaries.
const BELIEFS_CHANGED: &str = "SELECT count(*) AS changes FROM transition JOIN checkable ON \
                               checkable.id = checkable WHERE name NOT LIKE 'campanile/%'";

/// One host: `acme/h7`, its site, its address.
struct Home {
    customer: &'static str,
    number: usize,
    site: &'static str,
    address: Ipv4Addr,
}

impl Home {
    fn name(&self) -> String {
        format!("{}/h{}", self.customer, self.number)
    }
}

/// Two canaries, one room for people, and another one for what is wrong with us.
fn config(receiver: &Receiver, canaries: &[Ipv4Addr]) -> String {
    format!(
        "engine: {{ listen: 127.0.0.1:0, data: data, own: {{ policy: own }}, uplink: {{ \
         canaries: {canaries:?} }} }}\n\
         checks: [checks]\n\
         people:\n  anna: {{ name: Anna Roth, email: anna@msp.example }}\n\
         channels:\n\
         \x20 own: {{ type: webhook, url: \"{}\" }}\n\
         \x20 room: {{ type: webhook, url: \"{}\", group: 20s }}\n\
         policies:\n\
         \x20 own: {{ alert: [{{ after: 0m, to: anna, via: [own] }}] }}\n\
         \x20 urgent: {{ propose: at once, alert: [{{ after: 0m, to: anna, via: [room] }}] }}\n\
         contracts:\n\
         \x20 gold: {{ hours: always, respond: 15m, resolve: 4h, policy: urgent }}\n",
        receiver.url("own"),
        receiver.url("room"),
    )
}

/// The check file of each customer.
fn checks(homes: &[Home], pace: &str) -> Vec<(&'static str, String)> {
    let of = |customer: &'static str| {
        let mut text = format!(
            "customer: {customer}\ncontract: gold\nsites: {{ hq: {{}}, lab: {{}} }}\n{pace}hosts:\n"
        );
        for it in homes.iter().filter(|it| it.customer == customer) {
            let Home { number, site, address, .. } = it;
            writeln!(
                text,
                "  h{number}: {{ address: {address}, site: {site}, alive: {{ ping: {{ packets: 1 \
                 }} }} }}"
            )
            .unwrap();
        }
        (customer, text)
    };
    CUSTOMERS.map(of).into()
}

/// Spreads `addresses` evenly over all customers and both sites of each.
fn spread(addresses: &[Ipv4Addr]) -> Vec<Home> {
    let each = addresses.len() / CUSTOMERS.len();
    let home = |(number, address): (usize, &Ipv4Addr)| Home {
        customer: CUSTOMERS[(number / each).min(CUSTOMERS.len() - 1)],
        number,
        site: if number.is_multiple_of(2) { "hq" } else { "lab" },
        address: *address,
    };
    addresses.iter().enumerate().map(home).collect()
}

fn watching(receiver: &Receiver, canaries: &[Ipv4Addr], homes: &[Home], pace: &str) -> Engine {
    let files = checks(homes, pace);
    let files: Vec<(&str, &str)> = files.iter().map(|it| (it.0, it.1.as_str())).collect();
    let engine = Engine::start(&config(receiver, canaries), &files);
    wait_for_all(&engine, homes, 0);
    for number in 1..=canaries.len() {
        engine.wait_for_host(&format!("campanile/uplink-{number}"), 0);
    }
    engine
}

/// Waits until all of `homes` are believed to be in `state`, hard.
fn wait_for_all(engine: &Engine, homes: &[Home], state: u8) {
    until(&format!("all hosts in state {state}"), || {
        let metrics = engine.metrics();
        let is =
            |it: &&Home| metrics.host(&it.name()).is_some_and(|it| it.hard && it.state == state);
        match homes.iter().filter(is).count() {
            all if all == homes.len() => Ok(()),
            some => Err(format!("{some} of {}", homes.len())),
        }
    });
}

fn words(taken: &[Received]) -> Vec<(String, String)> {
    taken.iter().map(|it| (it.kind().to_owned(), it.name().to_owned())).collect()
}

/// A moment as the engine has written it down.
fn moment(row: &Json, column: &str) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(row[column].as_u64().unwrap_or_else(|| panic!("{row}")))
}

fn within(from: SystemTime, to: SystemTime, most: Duration, what: &str) {
    let took = to.duration_since(from).unwrap_or_default();
    show(what, took);
    assert!(took <= most, "{what}: {took:?}, at most {most:?} was promised");
}

#[allow(clippy::print_stdout, reason = "a figure for whoever reads the log of the tests")]
fn show(what: &str, took: Duration) {
    println!("{what}: {took:.1?}");
}

/// Everything that we see is behind one link, and that is cut.
fn our_own_uplink_is_cut(pace: &str) {
    let world = Netns::new();
    let addresses = world.inhabit(242);
    let (canaries, rest) = addresses.split_at(2);
    let homes = spread(rest);
    let receiver = Receiver::new();
    let engine = watching(&receiver, canaries, &homes, pace);

    let cut_at = SystemTime::now();
    world.cut();
    receiver.wait_for("word of our own trouble", |taken| {
        taken.iter().any(|it| it.says("trigger", UPLINK))
    });
    let rows = engine.sandbox().sql("SELECT opened_at FROM problem WHERE about = 'own uplink'");
    assert_eq!(rows.len(), 1, "one problem of our own: {rows:?}");
    let opened_at = moment(&rows[0], "opened_at");
    within(cut_at, opened_at, OWN_PROBLEM_WITHIN, "from the cut to our own problem");
    // What is looked at in vain changes no belief any more.
    a_round_of_looks(&engine, &homes);
    let believed = engine.sandbox().sql(BELIEFS_CHANGED);
    a_round_of_looks(&engine, &homes);
    a_round_of_looks(&engine, &homes);
    assert_eq!(engine.sandbox().sql(BELIEFS_CHANGED), believed, "in the dark");
    assert_eq!(words(&receiver.taken()), [("trigger".to_owned(), UPLINK.to_owned())]);

    world.mend();
    receiver.wait_for("the end of our own trouble", |taken| {
        taken.iter().any(|it| it.says("resolve", UPLINK))
    });
    wait_for_all(&engine, &homes, 0);
    goes_on(&world, &engine, &receiver, &homes[0]);
    nobody_was_told_of_what_was_ours(&engine.sandbox(), &homes[0]);
}

/// Waits until every host has been looked at, whatever was seen.
fn a_round_of_looks(engine: &Engine, homes: &[Home]) {
    let looks = || engine.metrics().sum("campanile_checks_total", &[]);
    let before = looks();
    until("a look at every host", || {
        let made = looks() - before;
        if made >= 2.0 * homes.len() as f64 { Ok(()) } else { Err(format!("{made} so far")) }
    });
}

/// A host that fails afterwards is announced as ever, and nothing else was.
fn goes_on(world: &Netns, engine: &Engine, receiver: &Receiver, home: &Home) {
    let name = home.name();
    world.leaves(home.address);
    let says = |kind: &str| {
        let taken = until_within(PATIENCE, &format!("the {kind} of {name}"), || {
            let taken = receiver.taken();
            let said = taken.iter().any(|it| it.says(kind, &name));
            if said { Ok(taken) } else { Err(format!("{:?}", words(&taken))) }
        });
        words(&taken)
    };
    says("trigger");
    world.arrives(home.address);
    let said = says("resolve");
    let word = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    let expected = [
        word("trigger", UPLINK),
        word("resolve", UPLINK),
        word("trigger", &name),
        word("resolve", &name),
    ];
    assert_eq!(said, expected, "{}", engine.log());
}

/// The rows say the same as the receiver.
fn nobody_was_told_of_what_was_ours(sandbox: &Sandbox, home: &Home) {
    let sent = sandbox.sql(
        "SELECT about, kind FROM alert JOIN problem ON problem.id = alert.problem WHERE state <> \
         'withdrawn' ORDER BY place",
    );
    let about: Vec<&str> = sent.iter().map(|it| it["about"].as_str().unwrap()).collect();
    let name = home.name();
    assert_eq!(about, [UPLINK, UPLINK, &name, &name], "{sent:?}");
    let open = sandbox.sql("SELECT about FROM problem WHERE open = 1");
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn our_own_uplink_is_one_problem_of_ours_and_no_alert_of_theirs() {
    our_own_uplink_is_cut(STEADY);
}

#[test]
fn even_where_hosts_are_believed_down_before_any_canary_was_looked_at() {
    our_own_uplink_is_cut(HASTY);
}

/// Those who stay are all of one customer: only a part of it falls, so no site of it is gone as a
/// whole.
fn staying(addresses: &[Ipv4Addr]) -> impl Iterator<Item = Home> {
    addresses.iter().enumerate().map(|(number, address)| {
        let number = FALLEN + number;
        let site = if number.is_multiple_of(2) { "hq" } else { "lab" };
        Home { customer: "dyne", number, site, address: *address }
    })
}

#[test]
fn an_outage_of_theirs_is_told_in_groups_that_lose_nobody() {
    let (far, near) = (Netns::new(), Netns::new());
    let mut everybody = spread(&far.inhabit(u32::try_from(FALLEN).unwrap()));
    let addresses = near.inhabit(122);
    let (canaries, rest) = addresses.split_at(2);
    everybody.extend(staying(rest));
    let receiver = Receiver::new();
    let engine = watching(&receiver, canaries, &everybody, STEADY);
    let (fallen, stay) = everybody.split_at(FALLEN);

    far.cut();
    let names: BTreeSet<String> = fallen.iter().map(Home::name).collect();
    until_within(PATIENCE, "word of every host", || {
        let missing = &names - &listed(&engine.sandbox(), &receiver.taken(), "trigger");
        if missing.is_empty() { Ok(()) } else { Err(format!("not told of {missing:?}")) }
    });
    in_time(&engine.sandbox());
    let listed_all = listed(&engine.sandbox(), &receiver.taken(), "trigger");
    assert_eq!(listed_all, names, "and of nobody else");
    let messages = receiver.taken();
    assert!(messages.len() <= 8, "groups, and no page per host: {:?}", words(&messages));
    assert!(messages.iter().all(|it| it.path == "/room"), "{:?}", words(&messages));
    wait_for_all(&engine, stay, 0);

    far.mend();
    wait_for_all(&engine, &everybody, 0);
    let told = told(&messages, "trigger");
    until_within(PATIENCE, "the end of everything that was told", || {
        let over = self::told(&receiver.taken(), "resolve");
        if over == told { Ok(()) } else { Err(format!("{over:?} instead of {told:?}")) }
    });
    let open = engine.sandbox().sql("SELECT about FROM problem WHERE open = 1");
    assert!(open.is_empty(), "{open:?}");
}

/// Of what `taken` speaks in such words: by itself, or as one of a digest.
fn told(taken: &[Received], kind: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for it in taken {
        let members = it.body["data"]["members"].as_array().cloned().unwrap_or_default();
        if members.is_empty() && it.kind() == kind {
            names.insert(it.name().to_owned());
        }
        let of_kind = members.iter().filter(|it| it["kind"] == kind);
        names.extend(of_kind.map(|it| it["name"].as_str().unwrap().to_owned()));
    }
    names
}

/// Every host that was told of by itself, or as a symptom of what was told.
fn listed(sandbox: &Sandbox, taken: &[Received], kind: &str) -> BTreeSet<String> {
    let told = told(taken, kind);
    let rows = sandbox.sql("SELECT about, json_extract(body, '$.symptoms') AS below FROM problem");
    let of_sites = rows.iter().filter(|it| told.contains(it["about"].as_str().unwrap()));
    let below = of_sites.flat_map(|it| {
        let symptoms: Json = serde_json::from_str(it["below"].as_str().unwrap()).unwrap();
        symptoms.as_object().unwrap().keys().cloned().collect::<Vec<String>>()
    });
    let hosts = below.chain(told.iter().filter(|it| !it.starts_with("site ")).cloned());
    hosts.collect()
}

/// The moments that the engine has written down keep what was promised.
fn in_time(sandbox: &Sandbox) {
    let first =
        sandbox.sql("SELECT min(at) AS at FROM transition WHERE to_hard = 1 AND to_status = 5");
    let believed = moment(&first[0], "at");
    let rows = sandbox.sql(
        "SELECT about, opened_at, owed_at FROM alert JOIN problem ON problem.id = alert.problem \
         WHERE kind = 'trigger' ORDER BY owed_at",
    );
    within(believed, moment(&rows[0], "owed_at"), ANNOUNCED_WITHIN, "to the first word of it");
    let held = |it: &Json| {
        moment(it, "owed_at").duration_since(moment(it, "opened_at")).unwrap_or_default()
    };
    let longest = rows.iter().max_by_key(|it| held(it)).unwrap();
    let what = format!("held longest, {}", longest["about"]);
    within(moment(longest, "opened_at"), moment(longest, "owed_at"), HELD_MAX, &what);
}
