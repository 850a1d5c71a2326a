//! Things to remember.

use std::{path::Path, time::Duration};

use crossbeam_channel::{Receiver, Sender};
use model::{
    Belief, Cause, CauseCode, CheckResult, CheckableId, Look, Measure, Moment, Reading, Row, RunId,
    StateType, Status, ThresholdMemory, Transition, Verdict,
};
use proptest::prelude::*;
use store::{Batch, Closed, Order, Receipt, Recorded, Store, Writer};

/// Longest wait for anything that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running store with the names `n0`, `n1`, ….
pub(crate) struct Running {
    pub(crate) writer: Writer,
    pub(crate) orders: Sender<Order>,
    pub(crate) boot: u64,
    pub(crate) receipts: Receiver<Receipt>,
}

impl Running {
    pub(crate) fn start(dir: &Path, names: u32) -> Self {
        let opened = Store::open(dir, 1_000).unwrap();
        let (told, receipts) = crossbeam_channel::unbounded();
        let tell = move |it| told.send(it).unwrap_or_default();
        let (writer, orders) = opened.store.writer_with(tell).unwrap();
        let names = (0..names).map(|it| (CheckableId(it), name(it))).collect();
        orders.send(Order::Names(names)).unwrap();
        Self { writer, orders, boot: opened.boot, receipts }
    }

    /// Sends rows of the desk, with a receipt asked for.
    pub(crate) fn keep(&self, rows: Vec<Row>, done: u64) {
        self.orders.send(Order::Desk { rows, done: Some(done) }).unwrap();
    }

    /// The next receipt.
    pub(crate) fn receipt(&self) -> Receipt {
        self.receipts.recv_timeout(PATIENCE).expect("every order that asks for one has a receipt")
    }

    pub(crate) fn send(&self, batch: Batch) {
        self.orders.send(Order::Batch(batch)).unwrap();
    }

    pub(crate) fn flush(&self) {
        assert!(self.writer.flush(PATIENCE), "what was sent is written in the end");
    }

    pub(crate) fn close(self) {
        drop(self.orders);
        assert_eq!(self.writer.close(PATIENCE), Closed::Clean);
    }
}

pub(crate) fn name(id: u32) -> String {
    format!("acme/web/n{id}")
}

/// A belief that tells by its history which step of a test it comes from.
pub(crate) fn belief(step: u64) -> Belief {
    Belief {
        now: Look { status: Status::Critical, kind: StateType::Hard, attempt: 3 },
        known: true,
        hard_status: Status::Critical,
        flapping: step % 2 == 1,
        history: step,
        since: Moment::from_secs(step),
        hard_since: Moment::from_secs(step),
        attempt_at: Moment::ZERO,
        host_was_down: false,
        thresholds: Vec::new(),
        cause: Some(Cause::new(CauseCode::Refused, format!("step {step}"))),
    }
}

pub(crate) fn transition(id: u32, step: u64) -> Transition {
    Transition {
        checkable: CheckableId(id),
        at: Moment::from_nanos(step * 1_000_000_007),
        from: Look { status: Status::Ok, kind: StateType::Hard, attempt: 1 },
        to: Look { status: Status::Warning, kind: StateType::Soft, attempt: 2 },
        was_flapping: false,
        flapping: step % 2 == 1,
        centipercent: 4_250,
        cause: Some(Cause::new(CauseCode::Threshold, "rtt 120ms over 100ms")),
        measures: Vec::new(),
    }
}

/// A batch with the transition `step`, and the belief it leads to.
pub(crate) fn batch(id: u32, step: u64) -> Batch {
    Batch {
        shard: 0,
        position_last: step,
        beliefs: vec![(CheckableId(id), belief(step))],
        transitions: vec![(step, transition(id, step))],
        ..Batch::default()
    }
}

pub(crate) fn recorded(id: u32, step: u64, verdict: Verdict) -> Recorded {
    let text = Measure { index: 1, reading: Reading::Text("TLS 1.3".into()) };
    Recorded {
        at: Moment::from_nanos(step + 5),
        result: CheckResult {
            checkable: CheckableId(id),
            run: RunId(u64::MAX - step),
            started_at: Moment::from_nanos(step),
            took: Duration::from_nanos(1_234_567),
            verdict,
            measures: vec![Measure::number(0, 0.1 + 0.2), text],
        },
    }
}

fn look() -> impl Strategy<Value = Look> {
    (proptest::sample::select(&Status::ALL), any::<bool>(), any::<u8>()).prop_map(|it| Look {
        status: it.0,
        kind: if it.1 { StateType::Hard } else { StateType::Soft },
        attempt: it.2,
    })
}

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>()].prop_map(Moment::from_nanos)
}

fn threshold() -> impl Strategy<Value = ThresholdMemory> {
    (moment(), any::<bool>()).prop_map(|(since, raised)| ThresholdMemory { since, raised })
}

fn cause() -> impl Strategy<Value = Cause> {
    let code = proptest::sample::select(CauseCode::ALL);
    // Straight into the fields: the store keeps whatever text it is given.
    (code, any::<String>()).prop_map(|(code, text)| Cause { code, text: text.into() })
}

/// Any belief at all, also ones that no engine would come to.
pub(crate) fn any_belief() -> impl Strategy<Value = Belief> {
    let flags = any::<[bool; 3]>();
    let status = proptest::sample::select(&Status::ALL);
    let moments = (moment(), moment(), moment());
    let thresholds = proptest::collection::vec(threshold(), 0..=16);
    let cause = proptest::option::of(cause());
    (look(), flags, status, any::<u64>(), moments, thresholds, cause).prop_map(|it| Belief {
        now: it.0,
        known: it.1[0],
        hard_status: it.2,
        flapping: it.1[1],
        history: it.3,
        since: it.4.0,
        hard_since: it.4.1,
        attempt_at: it.4.2,
        host_was_down: it.1[2],
        thresholds: it.5,
        cause: it.6,
    })
}
