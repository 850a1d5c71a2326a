//! What passes between the world and the engine: wakes, answers and orders one way, effects the
//! other.

use std::time::Duration;

use engine::{Effect, Input};
use model::{
    Cause, CauseCode, CheckResult, CheckableId, FromShard, Measure, Moment, RunId, Status, ToShard,
    Verdict,
};

use super::{What, World};
use crate::{
    dice::MILLION,
    judge::{Judge, subject_of},
    planted::Planted,
    process::Process,
    weather::Weather,
};

impl World {
    pub(super) fn wake(&mut self, number: usize) {
        let Some(process) = &mut self.process else { return };
        let now = Moment::from_nanos(self.now.as_nanos().saturating_add_signed(self.shift));
        let mut effects = Vec::new();
        process.shards[number].wake(now, &mut effects);
        self.take(number, effects, |judge, now, effects, process| {
            judge.woken(now, number, effects, process);
        });
    }

    /// Lets `hear` judge `effects`, then carries them out.
    pub(super) fn take(
        &mut self,
        number: usize,
        effects: Vec<Effect>,
        hear: impl FnOnce(&mut Judge, Moment, &[Effect], &Process),
    ) {
        let now = self.moment(self.now);
        self.judge.now(now);
        if let Some(process) = &self.process {
            hear(&mut self.judge, now, &effects, process);
        }
        for effect in effects {
            self.trace.effect(now, &effect);
            if self.is_watched(subject(&effect)) {
                self.log.push(format!("{now} -> {effect:?}"));
            }
            self.carry_out(number, effect);
        }
    }

    pub(super) fn answer(&mut self, result: CheckResult) {
        let now = self.moment(self.now);
        self.trace.answer(now, &result);
        if self.is_watched(result.checkable) {
            self.log.push(format!("{now} {result:?}"));
        }
        let Some(process) = &mut self.process else { return };
        let id = result.checkable;
        let before = process.belief(id).cloned();
        let under_way = self.judge.run_of(id);
        let input = spoiled(self.planted, &result, under_way);
        let mut effects = Vec::new();
        process.shard(id).handle(now, input, &mut effects);
        let number = id.shard(self.shards) as usize;
        self.take(number, effects, |judge, now, effects, process| {
            judge.answered(now, &result, before.as_ref(), effects, process);
            judge.no_idle_places(number, process);
        });
    }

    pub(super) fn order(&mut self, order: ToShard) {
        let id = match order {
            ToShard::CheckNow { checkable }
            | ToShard::Rest { checkable, .. }
            | ToShard::Watch { checkable, .. } => checkable,
            ToShard::Blind { .. } => return,
            ToShard::Parents { host, .. } => host,
        };
        let now = self.moment(self.now);
        self.trace.order(now, order);
        if self.is_watched(id) {
            self.log.push(format!("{now} {order:?}"));
        }
        let Some(process) = &mut self.process else { return };
        let given = match (self.planted, order) {
            (Some(Planted::ParentsIgnored), ToShard::Parents { host, answer, .. }) => {
                ToShard::Parents { host, any_up: true, answer }
            }
            (Some(Planted::AnswerToChildLost), ToShard::Parents { host, any_up, .. }) => {
                ToShard::Parents { host, any_up, answer: false }
            }
            _ => order,
        };
        let mut effects = Vec::new();
        process.shard(id).handle(now, Input::Desk(given), &mut effects);
        let number = id.shard(self.shards) as usize;
        self.take(number, effects, |judge, now, effects, process| {
            judge.ordered(now, order, effects, process);
        });
    }

    pub(super) fn report(&mut self) {
        let Some(id) = self.anybody() else { return };
        let verdict = match self.dice.below(5) {
            0 => Verdict::OK,
            1 => Verdict::Seen { status: Status::Warning, cause: None },
            2 => Verdict::Seen { status: Status::Unknown, cause: None },
            3 => Verdict::Blind { cause: Cause::bare(CauseCode::Internal) },
            _ => Verdict::critical(Cause::bare(CauseCode::Reported)),
        };
        self.trace.verdict(&verdict);
        let now = self.moment(self.now);
        if self.is_watched(id) {
            self.log.push(format!("{now} reported {verdict:?}"));
        }
        let Some(process) = &mut self.process else { return };
        let before = process.belief(id).cloned();
        let mut effects = Vec::new();
        let input = Input::Reported { checkable: id, verdict: verdict.clone() };
        process.shard(id).handle(now, input, &mut effects);
        let number = id.shard(self.shards) as usize;
        self.take(number, effects, |judge, now, effects, process| {
            judge.reported(now, id, &verdict, before.as_ref(), effects, process);
        });
    }

    pub(super) fn anybody(&mut self) -> Option<CheckableId> {
        if !self.is_awake() {
            return None;
        }
        let places: Vec<usize> = self.census.present().collect();
        if places.is_empty() {
            return None;
        }
        let place = self.dice.pick(&places);
        self.process.as_ref()?.id(place)
    }

    pub(super) fn mail(&mut self, message: &FromShard) {
        self.judge.delivered();
        let Some(process) = &mut self.process else { return };
        let mut orders = Vec::new();
        process.desk.handle(message, &mut orders);
        self.send_orders(orders);
    }

    // What the engine wants done.

    fn carry_out(&mut self, number: usize, effect: Effect) {
        match effect {
            Effect::Probe { checkable, run, .. } => self.look(checkable, run),
            Effect::Remember(id) => self.remember(id),
            Effect::Lost(_) => {
                if let Some(process) = &mut self.process {
                    process.run_lost();
                }
            }
            Effect::Skipped(..) => {}
            Effect::Tell(_, message) => {
                debug_assert!(number < self.shards as usize, "a shard that there is");
                if matches!(message, FromShard::Changed(_)) {
                    self.last_told = Some(message.clone());
                }
                let (at, boot) = (self.mail_time(), self.boots);
                self.judge.mailed();
                self.plan_at(at, What::Mail { boot, message });
            }
        }
    }

    pub(super) fn send_orders(&mut self, orders: Vec<ToShard>) {
        for order in orders {
            let (at, boot) = (self.mail_time(), self.boots);
            self.judge.mailed();
            self.plan_at(at, What::Order { boot, order });
        }
    }

    /// When a message sent now arrives: after all that were sent before.
    fn mail_time(&mut self) -> Moment {
        let most = self.weather.mail_max.max(Duration::from_micros(1));
        let takes = self.dice.span(Duration::from_nanos(1), most);
        self.mail_at = self.mail_at.max(self.now.after(takes));
        self.mail_at
    }

    /// Somebody is looked at. What the look will find is decided now.
    fn look(&mut self, id: CheckableId, run: RunId) {
        let Some(place) = self.judge.place_of(id) else { return };
        let Some(check) = self.census.items[place].check.clone() else { return };
        let weather = self.weather.clone();
        let truth = self.census.truth(place, self.now);
        let started_at = self.moment(self.now);
        let swallowed = self.dice.chance(weather.lost_packet_ppm);
        let blind = self.now < self.blind_until || self.dice.chance(weather.blind_ppm);
        let (verdict, value) = match truth.status {
            _ if blind => (Verdict::Blind { cause: Cause::bare(CauseCode::Descriptors) }, None),
            _ if swallowed => (Verdict::critical(Cause::bare(CauseCode::Timeout)), None),
            Status::Critical => (Verdict::critical(Cause::bare(CauseCode::Timeout)), None),
            Status::Ok => (Verdict::OK, Some(truth.value)),
            status => (
                Verdict::Seen { status, cause: Some(Cause::bare(CauseCode::Mismatch)) },
                Some(truth.value),
            ),
        };
        let lasts = check.timeout.max(Duration::from_millis(2));
        let took = self.dice.span(Duration::from_millis(1), lasts);
        // Now and then a look brings no value home.
        let value = value.filter(|_| !self.dice.chance(MILLION / 200));
        let measures = value.map(|it| Measure::number(0, it)).into_iter().collect();
        let result = CheckResult { checkable: id, run, started_at, took, verdict, measures };
        self.deliver(result, &weather);
    }

    fn deliver(&mut self, result: CheckResult, weather: &Weather) {
        let (id, boot, took) = (result.checkable, self.boots, result.took);
        let late = self.dice.chance(weather.late_answer_ppm);
        let extra = match late {
            true => self.dice.span(weather.late_max / 1_000, weather.late_max),
            false => Duration::ZERO,
        };
        let lost = self.dice.chance(weather.lost_answer_ppm);
        if late || lost {
            self.judge.disturb(id, self.moment(self.now.after(extra)));
        }
        if self.dice.chance(weather.doubled_ppm) {
            let after = took + extra + self.dice.span(Duration::from_nanos(1), weather.late_max);
            let mut second = result.clone();
            second.measures.clear();
            second.verdict = match &result.verdict {
                Verdict::Seen { status: Status::Ok, .. } => {
                    Verdict::critical(Cause::bare(CauseCode::Reset))
                }
                _ => Verdict::OK,
            };
            self.plan(after, What::Answer { boot, result: second });
        }
        if !lost {
            self.plan(took + extra, What::Answer { boot, result });
        }
    }
}

/// Whom an effect is about.
fn subject(effect: &Effect) -> CheckableId {
    match effect {
        Effect::Probe { checkable: id, .. }
        | Effect::Remember(id)
        | Effect::Skipped(id, _)
        | Effect::Lost(id) => *id,
        Effect::Tell(_, message) => subject_of(message),
    }
}

/// An answer as the engine gets it.
fn spoiled(planted: Option<Planted>, result: &CheckResult, under_way: Option<RunId>) -> Input {
    let mut given = result.clone();
    match (planted, &given.verdict) {
        (Some(Planted::DoubleCounted), _) if under_way != Some(result.run) => {
            let (checkable, verdict) = (given.checkable, given.verdict);
            return Input::Reported { checkable, verdict };
        }
        (Some(Planted::StaleAccepted), _) => given.run = under_way.unwrap_or(given.run),
        (Some(Planted::BlindIsCritical), Verdict::Blind { cause }) => {
            given.verdict = Verdict::critical(cause.clone());
        }
        (Some(Planted::WarningIsCritical), Verdict::Seen { status: Status::Warning, cause }) => {
            given.verdict = Verdict::Seen { status: Status::Critical, cause: cause.clone() };
        }
        _ => {}
    }
    Input::Answered(given)
}
