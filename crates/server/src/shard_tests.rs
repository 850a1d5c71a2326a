//! One driver on its thread, with looks that end when the test says so.

use std::{
    future::Future,
    path::Path,
    pin::Pin,
    time::{Duration, Instant},
};

use console::{Board, Entry};
use model::{Check, EngineSettings, Flapping, Profile};
use probe::{Ask, CATALOGUE, Found, Looker, Target};
use store::Store;
use tokio::sync::Notify;

use super::*;
use crate::parts::{Kept, Parts, limits_of};

const PLACE: CheckableId = CheckableId(0);
const KIND: KindId = KindId(0);
/// Longest wait for anything that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says when it is asked, and answers when it is told to.
struct Slow {
    asked: Sender<()>,
    go_on: Arc<Notify>,
}

impl Looker for Slow {
    fn look<'a>(
        &'a self,
        _: &'a World,
        _: &'a Ask<'a>,
    ) -> Pin<Box<dyn Future<Output = Found> + 'a>> {
        Box::pin(async {
            self.asked.send(()).unwrap();
            self.go_on.notified().await;
            Found { verdict: Verdict::OK, measures: Vec::new() }
        })
    }
}

fn settings(data: &Path) -> EngineSettings {
    EngineSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        data: data.to_owned(),
        shards: 1,
        in_flight_max: 64,
        in_flight_per_host_max: 8,
        record_results: false,
        revision: 0,
    }
}

fn spec(definition: u64) -> Spec {
    let check = Check {
        kind: KIND,
        every: Duration::from_millis(50),
        retry_every: Duration::from_millis(50),
        attempts_max: 1,
        timeout: PATIENCE,
        profile: Profile::Campanile,
        flapping: Flapping::default_for(Profile::Campanile),
        rules: Arc::new([]),
        period: None,
    };
    let check = Some(Arc::new(check));
    Spec {
        of_host: false,
        host: None,
        has_parents: false,
        canary: false,
        check,
        phase: 0,
        definition,
    }
}

fn board() -> Board {
    let entry = Entry {
        id: PLACE,
        customer: "acme".into(),
        host: "web".into(),
        service: Some("door".into()),
        kind: Some(CATALOGUE[0].spec),
        target: "127.0.0.1".into(),
        stale_after: None,
        timeout: PATIENCE,
        watched_since: Moment::from_secs(1),
    };
    Board::new(vec![entry], None)
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_question_that_is_gone_is_counted_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let opened = Store::open(folder.path(), 1).unwrap();
    let (writer, store) = opened.store.writer().unwrap();
    let parts =
        Parts::start(Clock::anchored(), opened.boot, &settings, Kept::silent(store), &writer)
            .unwrap();
    let board = board();
    let cell = board.cell(PLACE).unwrap();
    let put = |definition, name: Option<&str>| {
        let (asked, was_asked) = crossbeam_channel::unbounded();
        let go_on = Arc::new(Notify::new());
        let looker = Arc::new(Slow { asked, go_on: Arc::clone(&go_on) });
        let target = Arc::new(Target { name: "acme/web/door".into(), address: None });
        let question = Some(Question { looker, target, timeout: PATIENCE, kind: KIND });
        let (id, name, cell) = (PLACE, name.map(Into::into), Some(Arc::clone(cell)));
        let spec = spec(definition);
        (Change::Put { id, name, spec, question, cell, restored: None }, was_asked, go_on)
    };
    let limits = limits_of(&settings, 1);
    let (first, first_asked, end_first) = put(1, Some("acme/web/door"));
    parts.change([first].into_iter(), limits).await;
    parts.begin().await;
    first_asked.recv_timeout(PATIENCE).unwrap();
    let (second, second_asked, end_second) = put(2, None);
    parts.change([second].into_iter(), limits).await;
    second_asked.recv_timeout(PATIENCE).unwrap();
    let counters = parts.common.shared.counters().of(0, KIND).unwrap();
    assert_eq!(counters.in_flight(), 2);
    end_first.notify_one();
    wait_for("the end of the first look", || counters.in_flight() == 1);
    assert_eq!(cell.conclusive_at(), Moment::ZERO, "an answer to the old question is shown");
    let remove = Change::Remove { id: PLACE, name: "acme/web/door".into() };
    parts.change([remove].into_iter(), limits).await;
    end_second.notify_one();
    wait_for("the end of the second look", || counters.in_flight() == 0);
    assert_eq!(cell.conclusive_at(), Moment::ZERO);
    assert!(parts.stop().await);
}
