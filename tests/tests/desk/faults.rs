//! Receivers that fail in every way they can.

use std::collections::{BTreeMap, BTreeSet};

use tests::{Door, Engine, Manner, Received, Receiver, until};

use crate::estate::{URGENT, checks, config, watching};

/// The first try to tell of each of these meets this.
const FAULTS: [(&str, Manner); 5] = [
    ("broken", Manner::Answer(500)),
    ("busy", Manner::Later(4)),
    ("silent", Manner::Hang),
    ("cut", Manner::Cut),
    ("taken", Manner::TakeAndCut),
];

/// Each first try of a trigger fails in its own way; everything else is taken.
fn first_try_fails(receiver: &Receiver) {
    let mut seen = BTreeSet::new();
    receiver.judge(move |request: &Received, _| {
        let service = request.name().rsplit('/').next().unwrap_or_default().to_owned();
        let fault = FAULTS.iter().find(|it| it.0 == service && request.kind() == "trigger");
        match fault {
            Some((_, manner)) if seen.insert(service) => *manner,
            _ => Manner::Take,
        }
    });
}

#[test]
fn whatever_fails_is_tried_again_under_the_same_id_and_in_order() {
    let receiver = Receiver::new();
    let mut doors: Vec<Door> = FAULTS.iter().map(|_| Door::new()).collect();
    let named: Vec<(&str, &Door)> = FAULTS.iter().map(|it| it.0).zip(&doors).collect();
    let engine = watching(&config(&receiver, URGENT), &named);
    first_try_fails(&receiver);
    doors.iter_mut().for_each(Door::close);
    for (name, _) in FAULTS {
        let name = format!("acme/-/{name}");
        until(&format!("a try about {name}"), || {
            let all = receiver.all();
            let tried = all.iter().any(|it| it.says("trigger", &name));
            if tried { Ok(()) } else { Err(format!("{all:#?}")) }
        });
    }
    receiver.wait_for("the first that is taken in peace", |it| {
        it.iter().any(|it| it.says("trigger", "acme/-/broken"))
    });
    // The others recover while their triggers are still on the way.
    doors.iter_mut().for_each(Door::open);
    for (name, _) in FAULTS {
        engine.wait_for_hard(&format!("acme/-/{name}"), 0);
    }
    until("an empty outbox", || {
        let waiting = engine.sandbox().sql("SELECT kind, body FROM alert WHERE state = 'waiting'");
        if waiting.is_empty() { Ok(()) } else { Err(format!("{waiting:?}")) }
    });
    let all = receiver.all();
    same_id_same_words(&all);
    for (name, manner) in FAULTS {
        let name = format!("acme/-/{name}");
        in_order(&all, &name, manner);
    }
}

/// A repeat is the same alert word for word.
fn same_id_same_words(all: &[Received]) {
    let mut words: BTreeMap<&str, &str> = BTreeMap::new();
    for it in all {
        assert_eq!(it.id().len(), 36, "{it:?}");
        let before = words.entry(it.id()).or_insert(&it.text);
        assert_eq!(*before, it.text, "one id, two contents");
    }
}

/// What the receiver had of `name`: a trigger first, and a resolve only for what it has, or may
/// have, taken.
fn in_order(all: &[Received], name: &str, manner: Manner) {
    let tries: Vec<&Received> = all.iter().filter(|it| it.says("trigger", name)).collect();
    let ids: BTreeSet<&str> = tries.iter().map(|it| it.id()).collect();
    assert_eq!(ids.len(), 1, "{name}: one trigger, however often it is tried");
    let place = |kind: &str| all.iter().position(|it| it.taken && it.says(kind, name));
    let resolves = all.iter().filter(|it| it.says("resolve", name)).count();
    // A clear no was never taken, so it need not be repeated once all is well.
    let clear_no = matches!(manner, Manner::Answer(_) | Manner::Later(_));
    match (place("trigger"), place("resolve")) {
        (Some(trigger), Some(resolve)) => assert!(trigger < resolve, "{name}: {all:#?}"),
        (None, None) => assert!(clear_no && tries.len() == 1, "{name}: {all:#?}"),
        half => panic!("{name}: {half:?} {all:#?}"),
    }
    assert!(resolves <= 1, "{name}: resolved {resolves} times");
    if !clear_no {
        assert!(tries.len() >= 2, "{name}: what may have arrived is sent again: {all:#?}");
    }
}

#[test]
fn a_clear_no_is_dead_at_once_goes_to_the_fallback_and_is_a_problem_of_our_own() {
    let receiver = Receiver::new();
    receiver.judge(|request: &Received, _| match request.path.as_str() {
        "/second" => Manner::Answer(404),
        _ => Manner::Take,
    });
    let policy = URGENT.replace("via: [psa]", "via: [second]");
    let mut door = Door::new();
    let engine: Engine = {
        let doors = [("door", &door)];
        let engine = Engine::start(&config(&receiver, &policy), &[("acme", &checks(&doors))]);
        engine.wait_for_hard("acme/-/door", 0);
        engine
    };
    let api = engine.api();
    door.close();
    receiver.wait_for("the fallback and our own", |taken| {
        taken.iter().any(|it| it.path == "/psa" && it.says("trigger", "acme/-/door"))
            && taken.iter().any(|it| it.path == "/psa" && it.says("trigger", "own channel second"))
    });
    let dead = api.wait_for_item("/api/v1/alerts?state=dead", |it| it["channel"] == "second");
    assert_eq!(dead["attempts"], 1, "a clear no is not asked again: {dead:#}");
    assert!(dead["fault"].as_str().unwrap().contains("404"), "{dead:#}");
    let own = api.wait_for_problem("own channel second");
    assert_eq!(own["customer"], "", "{own:#}");
    // The one who was told by the fallback hears of the end.
    door.open();
    receiver.wait_for("the resolve by the fallback", |taken| {
        taken.iter().any(|it| it.path == "/psa" && it.says("resolve", "acme/-/door"))
    });
    let tries = receiver.all().iter().filter(|it| it.path == "/second").count();
    assert_eq!(tries, 1, "{:#?}", receiver.all());
}
