//! What the thread promises: order, and nothing before it is kept.

use store::Batch;
use tokio::sync::mpsc;

use super::*;
use crate::shard::ToDriver;
use model::{Look as Believed, ToShard, Transition};

const PARENT: CheckableId = CheckableId(0);
/// More children than one shard's inbox takes at once.
const CHILDREN: u32 = 40;
const ROOM: usize = 16;
const LONG: Duration = Duration::from_secs(30);

/// A desk's thread with all its ends in hand.
struct Ends {
    desk: Sender<ToDesk>,
    rows: Sender<Order>,
    kept: Sender<Receipt>,
    store: Receiver<Order>,
    sent: Receiver<Alert>,
    thread: JoinHandle<()>,
}

fn ends(doors: Vec<Door>) -> Ends {
    let (desk, inbox) = super::inbox();
    let (to_rows, rows) = super::rows();
    let (kept, receipts) = crossbeam_channel::unbounded();
    let (to_store, store) = crossbeam_channel::bounded(100);
    let (send, sent) = crossbeam_channel::unbounded();
    let ways = Ways {
        inbox,
        rows,
        kept: receipts,
        store: to_store,
        doors,
        deliver: Box::new(move |alert| send.send(alert).unwrap()),
        committed: Box::new(|| {}),
        gets_on: Box::new(|_| true),
        figures: Arc::default(),
    };
    let past = Past { installation: 1, next_id: 1, rows: Vec::new() };
    let thread = start(Clock::anchored(), past, ways).unwrap();
    Ends { desk, rows: to_rows, kept, store, sent, thread }
}

#[test]
fn an_arrangement_is_done_once_the_shard_has_every_word_that_follows_from_it() {
    let (sender, mut inbox) = mpsc::channel(ROOM);
    let ends = ends(vec![Door::of(sender)]);
    let behind = (1..=CHILDREN).map(|it| (CheckableId(it), vec![PARENT])).collect();
    let (done, arranged) = crossbeam_channel::bounded(0);
    ends.desk.send(ToDesk::Arrange { behind, restored: vec![(PARENT, false)], done }).unwrap();
    let mut last_words = BTreeMap::new();
    let mut take = |order| {
        if let ToDriver::Desk(ToShard::Parents { host, any_up, .. }) = order {
            last_words.insert(host, any_up);
        }
    };
    // Each child is told twice: that there are parents, and that none of them is up.
    for _ in 0..2 * CHILDREN as usize - ROOM {
        assert!(arranged.try_recv().is_err_and(|it| it.is_empty()), "done too early");
        take(inbox.blocking_recv().unwrap());
    }
    let mut rest = || {
        while let Ok(order) = inbox.try_recv() {
            take(order);
        }
    };
    while arranged.try_recv().is_err_and(|it| it.is_empty()) {
        rest();
    }
    rest();
    let unreachable = (1..=CHILDREN).map(|it| (CheckableId(it), false)).collect();
    assert_eq!(last_words, unreachable);
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}

fn rules() -> Rules {
    let channel = model::Channel {
        name: "psa".into(),
        at: "config.yaml:1".into(),
        kind: "webhook".into(),
        params: Arc::default(),
        personal: None,
        resolve: true,
        group: None,
        limit: None,
        ttl: Duration::from_secs(3_600),
        resend_unknown: true,
        fallback: None,
        refresh: None,
    };
    let step = model::Step {
        after: Duration::ZERO,
        to: Vec::new(),
        via: vec![0],
        at_least: model::Severity::Warning,
        at: "config.yaml:3".into(),
    };
    let policy = model::Policy {
        name: "urgent".into(),
        at: "config.yaml:2".into(),
        hours: None,
        propose: None,
        call: None,
        steps: vec![step],
        remind: None,
        stop_on_acknowledge: true,
        gate: None,
    };
    let subject = Subject {
        id: PARENT,
        name: "acme/web".into(),
        host: None,
        of_host: true,
        customer: 0,
        site: None,
        parents: Arc::from([]),
        labels: Arc::from([]),
        policy: Some(0),
        contract: None,
    };
    let duty = Duty { channels: vec![channel], policies: vec![policy], ..Duty::default() };
    Rules {
        duty: Arc::new(duty),
        times: Arc::default(),
        subjects: vec![subject],
        standings: Vec::new(),
        added: vec![PARENT],
    }
}

fn went_down() -> Transition {
    let up = Believed { status: Status::Up, kind: StateType::Hard, attempt: 1 };
    Transition {
        checkable: PARENT,
        at: Moment::from_secs(5),
        from: up,
        to: Believed { status: Status::Down, ..up },
        was_flapping: false,
        flapping: false,
        centipercent: 0,
        cause: None,
    }
}

#[test]
fn nothing_leaves_before_the_store_has_kept_it_together_with_the_belief() {
    let ends = ends(Vec::new());
    let (done, ruled) = crossbeam_channel::bounded(0);
    ends.desk.send(ToDesk::Rules { rules: Box::new(rules()), done }).unwrap();
    assert!(ruled.recv_timeout(LONG).is_err_and(|it| !it.is_timeout()), "let go of, nothing sent");
    let batch = || Batch { transitions: vec![(1, went_down())], ..Batch::default() };
    // The id stood for somebody else: what is said before the name is not about the new one.
    ends.rows.send(Order::Batch(batch())).unwrap();
    ends.rows.send(Order::Names(vec![(PARENT, "acme/web".to_owned())])).unwrap();
    ends.rows.send(Order::Batch(batch())).unwrap();
    let mut passed = Vec::new();
    let done = loop {
        match ends.store.recv_timeout(LONG).unwrap() {
            Order::Batch(batch) if batch.done.is_some() => {
                assert!(batch.desk.iter().any(|it| matches!(it, Row::Problem(_))));
                assert!(batch.desk.iter().any(|it| matches!(it, Row::Alert(_))));
                assert_eq!(batch.transitions.len(), 1, "belief and decision are one order");
                break batch.done.unwrap();
            }
            Order::Batch(batch) => {
                assert!(batch.desk.is_empty());
                passed.push("batch");
            }
            Order::Names(_) => passed.push("names"),
            _ => {}
        }
    };
    assert_eq!(passed, ["batch", "names"]);
    assert!(ends.sent.try_recv().is_err(), "sent before it was kept");
    ends.kept.send(Receipt::Kept(done)).unwrap();
    let alert = ends.sent.recv_timeout(LONG).unwrap();
    assert_eq!(alert.content.about.map(|it| it.name()).as_deref(), Some("acme/web"));
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}
