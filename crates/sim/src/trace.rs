//! One number for everything that happened in a world, in its order.

use std::time::Duration;

use engine::Effect;
use model::{CheckResult, FromShard, Moment, StateType, Status, ToShard, Transition, Verdict};

/// A running hash of inputs and effects. The same seed must give the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    /// The hash so far.
    #[must_use]
    pub fn hash(self) -> u64 {
        self.0
    }

    /// Takes in one number.
    pub fn mix(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }

    fn at(&mut self, kind: u64, at: Moment) {
        self.mix(kind);
        self.mix(at.as_nanos());
    }

    fn span(&mut self, span: Duration) {
        self.mix(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Takes in an answer.
    pub fn answer(&mut self, at: Moment, result: &CheckResult) {
        self.at(1, at);
        self.mix(u64::from(result.checkable.0));
        self.mix(result.run.0);
        self.span(result.took);
        self.verdict(&result.verdict);
    }

    /// Takes in a verdict.
    pub fn verdict(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Seen { status, .. } => self.status(*status),
            Verdict::Blind { cause } => self.mix(100 + cause.code as u64),
        }
    }

    /// Takes in word of the desk.
    pub fn order(&mut self, at: Moment, order: ToShard) {
        self.at(2, at);
        match order {
            ToShard::Parents { host, any_up, answer } => {
                self.mix(u64::from(host.0) << 2 | u64::from(any_up) << 1 | u64::from(answer));
            }
            ToShard::CheckNow { checkable } => self.mix(u64::from(checkable.0)),
            ToShard::Rest { checkable, resting } => {
                self.mix(u64::from(checkable.0) << 1 | u64::from(resting));
            }
            ToShard::Watch { checkable, watching } => {
                self.mix(u64::from(checkable.0) << 1 | u64::from(watching));
            }
            ToShard::Blind { blind } => self.mix(u64::from(blind)),
        }
    }

    /// Takes in what a shard wants done.
    pub fn effect(&mut self, at: Moment, effect: &Effect) {
        self.at(3, at);
        match effect {
            Effect::Probe { checkable, run, due_at } => {
                self.at(u64::from(checkable.0), *due_at);
                self.mix(run.0);
            }
            Effect::Tell(seq, message) => {
                self.mix(*seq);
                self.message(message);
            }
            Effect::Remember(id) => self.mix(1 << 40 | u64::from(id.0)),
            Effect::Skipped(id, reason) => {
                self.mix(2 << 40 | (*reason as u64) << 32 | u64::from(id.0));
            }
            Effect::Lost(id) => self.mix(3 << 40 | u64::from(id.0)),
        }
    }

    fn message(&mut self, message: &FromShard) {
        match message {
            FromShard::Changed(it) => self.transition(it),
            FromShard::AreParentsUp { host, at } => self.at(u64::from(host.0), *at),
            FromShard::Looked { checkable, at, up } => {
                self.at(u64::from(checkable.0) << 1 | u64::from(*up), *at);
            }
            FromShard::Seen { checkable, at, now } => {
                self.at(u64::from(checkable.0), *at);
                self.status(now.status);
            }
        }
    }

    fn transition(&mut self, it: &Transition) {
        self.at(u64::from(it.checkable.0), it.at);
        for look in [it.from, it.to] {
            self.status(look.status);
            self.mix(u64::from(look.attempt) << 1 | u64::from(look.kind == StateType::Hard));
        }
        self.mix(u64::from(it.centipercent) << 1 | u64::from(it.flapping));
    }

    fn status(&mut self, status: Status) {
        self.mix(u64::from(status.number()));
    }
}
