//! The comparison itself: it sees each way in which a store can differ from what was judged.

use std::{sync::Arc, time::Duration};

use engine::{Effect, Input, Limits, Shard, Spec};
use model::{
    Asked, Cause, CauseCode, CheckResult, CheckableId, FromShard, Moment, Plan, RunId, Verdict,
};
use store::{Batch, Closed, Order, Reader, Recorded, Store};
use tests::Sandbox;

use crate::{plan, twin::Twin};

const CHECKS: &str = "\
customer: acme
services:
  door: { tcp: \"127.0.0.1:1\", every: 1m, retry: 2 x 20s }
";
const DOOR: CheckableId = CheckableId(0);
const PATIENCE: Duration = Duration::from_secs(30);

/// What an engine hands to its store when a door is found open once and then shut three times.
fn batches(asked: &Asked) -> Vec<Batch> {
    let limits = Limits { in_flight_max: 1, in_flight_per_host_max: 1 };
    let mut shard = Shard::new(0, 1, limits, Moment::ZERO);
    let check = Some(Arc::clone(&asked.check));
    let (host, phase) = (None, 0);
    let spec = Spec {
        of_host: false,
        host,
        has_parents: false,
        canary: false,
        check,
        phase,
        definition: 0,
    };
    shard.put(Moment::from_secs(1_000), DOOR, spec, None);
    let mut batches = Vec::new();
    for (run, secs) in (1..).zip([1_000, 1_060, 1_080, 1_140]) {
        let at = Moment::from_secs(secs);
        let refused = Verdict::critical(Cause::bare(CauseCode::Refused));
        let verdict = if run == 1 { Verdict::OK } else { refused };
        let (took, measures) = (Duration::ZERO, Vec::new());
        let run = RunId(run);
        let result = CheckResult { checkable: DOOR, run, started_at: at, took, verdict, measures };
        let mut effects = Vec::new();
        shard.handle(at, Input::Recorded(result.clone()), &mut effects);
        batches.push(batch(&shard, effects, Recorded { at, result }, batches.last()));
    }
    batches
}

fn batch(shard: &Shard, effects: Vec<Effect>, result: Recorded, before: Option<&Batch>) -> Batch {
    let mut batch = Batch {
        position_last: before.map_or(0, |it| it.position_last),
        results: vec![result],
        ..Batch::default()
    };
    for effect in effects {
        match effect {
            Effect::Tell(seq, FromShard::Changed(transition)) => {
                batch.position_last = seq;
                batch.transitions.push((seq, transition));
            }
            Effect::Remember(id) => batch.beliefs.push((id, shard.belief(id).unwrap().clone())),
            _ => {}
        }
    }
    batch
}

/// What the twin says about a store that was given the batches as `spoil` leaves them.
fn differences(spoil: impl Fn(&mut Vec<Batch>)) -> Vec<String> {
    let sandbox = Sandbox::new();
    let main_file = sandbox.write("config.yaml", "checks: [checks]\n");
    sandbox.write("checks/acme.yaml", CHECKS);
    let plan: Plan = plan(&main_file);
    let mut batches = batches(&plan.services[0].asked);
    spoil(&mut batches);
    let (writer, orders) = Store::open(sandbox.path(), 1).unwrap().store.writer().unwrap();
    orders.send(Order::Names(vec![(DOOR, plan.services[0].full_name(&plan))])).unwrap();
    for batch in batches {
        orders.send(Order::Batch(batch)).unwrap();
    }
    assert_eq!(writer.close(PATIENCE), Closed::Clean);
    Twin::new(&plan).compare(&Reader::open(sandbox.path()).unwrap()).unwrap()
}

#[test]
fn a_whole_store_does_not_differ() {
    assert_eq!(differences(|_| {}), Vec::<String>::new());
}

#[test]
fn each_kind_of_difference_is_seen() {
    type Spoil = fn(&mut Vec<Batch>);
    let spoils: [(&str, Spoil); 8] = [
        ("a belief was not stored", |it| it[3].beliefs.clear()),
        ("a belief was never stored", |it| it.iter_mut().for_each(|it| it.beliefs.clear())),
        ("the attempt was not counted", |it| it[3].beliefs[0].1.now.attempt = 1),
        ("the time of a change was lost", |it| it[3].beliefs[0].1.since = Moment::from_secs(9)),
        ("a transition was lost", |it| it[1].transitions.clear()),
        ("a transition was doubled", |it| {
            let (seq, again) = it[2].transitions[0].clone();
            it[3].transitions.push((seq + 1, again));
            it[3].position_last = seq + 1;
        }),
        ("a result was lost", |it| it[2].results.clear()),
        ("the position fell behind", |it| it[3].position_last = 1),
    ];
    for (what, spoil) in spoils {
        assert!(!differences(spoil).is_empty(), "not seen: {what}");
    }
}
