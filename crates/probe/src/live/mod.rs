//! Tests of the kinds over TCP, against servers, honest and not. Here is what they share.
//!
//! They go the way that everybody goes: by the catalogue, a world and a look. So they stand apart
//! from the kinds' own files and see nothing of their insides.

mod certs;
mod faults;
mod http;
mod network;
mod nginx;
mod starttls;
mod tcp;
mod tls;

use std::{future::Future, sync::Arc, time::Duration};

use model::{CauseCode, KindSpec, Measure, Params, Reading, Value, Verdict};
use tokio::{runtime, task::LocalSet, time::Instant};

use crate::{Ask, CATALOGUE, Entry, Found, Looker, Target, Trace, World, WorldSettings};

/// Long enough for anything that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(20);
/// For looks that are meant to run out of time.
const HASTE: Duration = Duration::from_secs(1);

/// Runs `test` as a shard would: on one thread, with local tasks.
fn locally<T>(test: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test)
}

/// A text value.
fn text(text: impl Into<Arc<str>>) -> Value {
    Value::Text(text.into())
}

/// Names with texts.
fn map(pairs: &[(&str, &str)]) -> Value {
    Value::Map(pairs.iter().map(|(name, value)| (Arc::from(*name), text(*value))).collect())
}

/// Parameters, by name.
fn params<const N: usize>(pairs: [(&'static str, Value); N]) -> Params {
    Params(pairs.into())
}

fn entry(kind: &str) -> &'static Entry {
    CATALOGUE.iter().find(|it| it.spec.name == kind).expect("the kind is in the catalogue")
}

/// One look at `127.0.0.1` with `params`, and no more than `patience`.
async fn look_within(kind: &str, params: &Params, patience: Duration) -> Found {
    look_in(&World::new(&WorldSettings::default()), kind, params, patience).await
}

/// The same in a world that is there already.
async fn look_in(world: &World, kind: &str, params: &Params, patience: Duration) -> Found {
    let looker = (entry(kind).build)(params).unwrap_or_else(|faults| panic!("{faults:?}"));
    let found = ask_in(world, &*looker, patience).await;
    assert_declared(entry(kind).spec, &found);
    found
}

/// The causes of a kind are a closed set: what it blames a target for is among those it names.
#[track_caller]
pub(crate) fn assert_declared(spec: &KindSpec, found: &Found) {
    if let Verdict::Seen { cause: Some(cause), .. } = &found.verdict {
        assert!(spec.causes.contains(&cause.code), "{} does not name {cause}", spec.name);
    }
}

/// The same by a check that is built already.
async fn ask_in(world: &World, looker: &dyn Looker, patience: Duration) -> Found {
    ask_traced(world, looker, patience, &Trace::off()).await
}

async fn ask_traced(
    world: &World,
    looker: &dyn Looker,
    patience: Duration,
    trace: &Trace,
) -> Found {
    let target = Target { name: "test/host/service".into(), address: Some("127.0.0.1".into()) };
    let deadline = Instant::now() + patience;
    let ask = Ask { target: &target, deadline, timeout: patience, trace };
    looker.look(world, &ask).await
}

/// The steps of one look.
async fn steps(kind: &str, params: &Params) -> Vec<String> {
    let trace = Trace::on();
    let world = World::new(&WorldSettings::default());
    let looker = (entry(kind).build)(params).unwrap_or_else(|faults| panic!("{faults:?}"));
    ask_traced(&world, &*looker, PATIENCE, &trace).await;
    trace.steps().into_iter().map(|(_, text)| text).collect()
}

/// One look with all the time in the world.
async fn look(kind: &str, params: &Params) -> Found {
    look_within(kind, params, PATIENCE).await
}

/// The faults of parameters that must not pass: `param: what`, one a line.
fn mistakes(kind: &str, params: &Params) -> String {
    let faults = (entry(kind).vet)(params);
    let lines: Vec<_> = faults.iter().map(|it| format!("{}: {}", it.param, it.what)).collect();
    lines.join("\n")
}

/// The cause of a look that did not go well, ours or theirs.
#[track_caller]
fn code(found: &Found) -> CauseCode {
    match &found.verdict {
        Verdict::Seen { cause: Some(cause), .. } | Verdict::Blind { cause } => cause.code,
        Verdict::Seen { cause: None, .. } => panic!("all was well: {found:?}"),
    }
}

/// The text of that cause.
#[track_caller]
fn why(found: &Found) -> String {
    match &found.verdict {
        Verdict::Seen { cause: Some(cause), .. } | Verdict::Blind { cause } => cause.to_string(),
        Verdict::Seen { cause: None, .. } => panic!("all was well: {found:?}"),
    }
}

#[track_caller]
fn assert_fine(found: &Found) {
    assert_eq!(found.verdict, Verdict::OK);
}

/// A measurement by its name.
fn number(kind: &str, found: &Found, name: &str) -> Option<f64> {
    match reading(kind, found, name)? {
        Reading::Number(number) => Some(*number),
        Reading::Text(text) => panic!("{name} is the text {text}"),
    }
}

/// A measurement that is a text, by its name.
fn word(kind: &str, found: &Found, name: &str) -> Option<String> {
    match reading(kind, found, name)? {
        Reading::Text(text) => Some(text.to_string()),
        Reading::Number(number) => panic!("{name} is the number {number}"),
    }
}

fn reading<'a>(kind: &str, found: &'a Found, name: &str) -> Option<&'a Reading> {
    let index = entry(kind).spec.measure(name).unwrap_or_else(|| panic!("no measurement {name}"));
    let mut with_index = found.measures.iter().filter(|it: &&Measure| it.index == index);
    let first = with_index.next();
    assert!(with_index.next().is_none(), "{name} was measured twice");
    first.map(|it| &it.reading)
}
