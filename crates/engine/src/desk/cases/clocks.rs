//! The two SLA clocks of a call: by whose hours they run, when they stand still, what is said.

use std::time::Duration;

use model::{
    Call, CallId, CallState, Contract, EventKind, Hours, Moment, Pauses, SlaClock, SlaStart, Wait,
    WaitSet,
};

use super::{CaseNews, Cases, index::Due, words};
use crate::desk::{
    pen::{Pen, Rules},
    sla::{self, SlaEvent},
};

/// A clock that has not been counted for so long before the times begin that are worked out is
/// counted now: what lies before them will not be known for much longer.
const UNCOUNTED_MARGIN: Duration = Duration::from_secs(7 * 86_400);

/// One of the two promises about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// Somebody takes charge.
    Respond,
    /// It is closed.
    Resolve,
}

impl Promise {
    const BOTH: [Self; 2] = [Self::Respond, Self::Resolve];

    /// What was promised.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Respond => "respond",
            Self::Resolve => "resolve",
        }
    }

    pub(super) fn clock(self, call: &Call) -> Option<&SlaClock> {
        match self {
            Self::Respond => call.respond.as_ref(),
            Self::Resolve => call.resolve.as_ref(),
        }
    }

    fn clock_mut(self, call: &mut Call) -> Option<&mut SlaClock> {
        match self {
            Self::Respond => call.respond.as_mut(),
            Self::Resolve => call.resolve.as_mut(),
        }
    }

    fn allowed(self, contract: &Contract) -> Option<Duration> {
        match self {
            Self::Respond => contract.respond,
            Self::Resolve => contract.resolve,
        }
    }

    fn waits(self, pauses: Pauses) -> WaitSet {
        match self {
            Self::Respond => pauses.respond,
            Self::Resolve => pauses.resolve,
        }
    }
}

/// What a contract says about the clocks of a call as it stands.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    contract: Option<&'a Contract>,
    pub(super) hours: Hours,
}

impl<'a> Terms<'a> {
    /// By hours that nobody knows nothing is counted: the contract was removed, or its times are
    /// not worked out.
    pub(super) fn of(call: &Call, rules: &'a Rules) -> Self {
        let contract = call.contract.as_ref().and_then(|name| {
            let all = &rules.duty.contracts;
            Some(&all[all.binary_search_by(|it| it.name.cmp(name)).ok()?])
        });
        let hours = if call.blocking_since.is_some() {
            Hours::always()
        } else {
            contract.map_or_else(never, |it| hours_of(it, rules))
        };
        Self { contract, hours }
    }

    fn warn_percent(&self) -> &[u8] {
        self.contract.map(|it| &*it.warn_percent).unwrap_or_default()
    }

    fn pauses(&self, promise: Promise, wait: &Wait) -> bool {
        let waits = promise.waits(self.contract.map(|it| it.pauses).unwrap_or_default());
        match wait {
            Wait::Process { .. } | Wait::Slots { .. } => waits.process,
            Wait::Customer { .. } => waits.customer,
            Wait::Supplier { .. } => waits.supplier,
        }
    }

    /// Lets the clocks stand still or run as the state of the call and a window that is not
    /// counted ask for, from `at` on.
    pub(super) fn settle(&self, call: &mut Call, held: bool, at: Moment) {
        for promise in Promise::BOTH {
            let paused = held
                || matches!(&call.state, CallState::Suspended { wait, .. }
                    if self.pauses(promise, wait));
            let Some(clock) = promise.clock_mut(call) else { continue };
            if paused {
                sla::pause(clock, &self.hours, at);
            } else {
                sla::resume(clock, &self.hours, at);
            }
        }
    }

    /// Somebody took charge.
    pub(super) fn responded(&self, call: &mut Call, at: Moment) {
        if let Some(clock) = &mut call.respond {
            sla::meet(clock, &self.hours, at);
        }
    }

    /// It is closed, so whatever was promised is done.
    pub(super) fn closed(&self, call: &mut Call, at: Moment) {
        for promise in Promise::BOTH {
            if let Some(clock) = promise.clock_mut(call) {
                sla::meet(clock, &self.hours, at);
            }
        }
    }

    /// Day and night from now on.
    pub(super) fn block(&self, call: &mut Call, at: Moment) {
        for promise in Promise::BOTH {
            if let Some(clock) = promise.clock_mut(call) {
                sla::switch(clock, &self.hours, &Hours::always(), clock.allowed, at);
            }
        }
    }
}

/// Gives a new call the contract and its clocks.
pub(super) fn start(call: &mut Call, contract: Option<u32>, rules: &Rules) {
    let Some(contract) = contract.and_then(|it| rules.duty.contracts.get(it as usize)) else {
        return;
    };
    let hours = hours_of(contract, rules);
    let from = match contract.starts {
        SlaStart::Detected => call.detected_at,
        SlaStart::Proposed => call.proposed_at.unwrap_or(call.opened_at),
        SlaStart::Opened => call.opened_at,
    };
    call.contract = Some(contract.name.clone());
    call.starts = contract.starts;
    call.respond = contract.respond.map(|it| sla::start(it, from, &hours));
    call.resolve = contract.resolve.map(|it| sla::start(it, from, &hours));
}

fn hours_of(contract: &Contract, rules: &Rules) -> Hours {
    rules.times.hours.get(contract.hours as usize).cloned().unwrap_or_else(never)
}

fn never() -> Hours {
    Hours::of(Vec::new())
}

impl Cases {
    /// The rules have changed from `old` to `new`, or their times were worked out anew.
    ///
    /// What has passed is counted by the old ones, what is to come follows from the new ones. Only
    /// clocks for which that makes a difference are written. At a restart there are no old ones:
    /// what has passed since the last row is then counted by the new ones.
    pub(crate) fn rules_changed(&mut self, old: &Rules, new: &Rules, pen: &mut Pen) {
        let old = if old.times.covers.is_some() { old } else { new };
        self.wake(old, pen);
        let calls: Vec<CallId> = self.index.open().collect();
        for id in calls {
            let Some(call) = self.calls.get(&id).filter(|it| it.contract.is_some()) else {
                continue;
            };
            let (before, after) = (Terms::of(call, old), Terms::of(call, new));
            let mut changed = call.clone();
            for promise in Promise::BOTH {
                switch(&mut changed, promise, &before, &after, new, pen.now);
            }
            after.settle(&mut changed, self.held.contains(&id), pen.now);
            if changed != *call {
                self.change_call(id, pen, |it| *it = changed);
            }
            self.schedule_clocks(id, new);
        }
    }

    /// Windows whose time does not count have begun or ended: `exempt` says for which calls one
    /// is under way. The clocks of those stand still. Also to be called at a restart, since it is
    /// not kept which clocks stand still for what reason.
    pub(crate) fn windows_changed(
        &mut self,
        exempt: &dyn Fn(&Call) -> bool,
        rules: &Rules,
        pen: &mut Pen,
    ) {
        self.wake(rules, pen);
        let calls: Vec<CallId> = self.index.open().collect();
        for id in calls {
            let Some(call) = self.calls.get(&id).filter(|it| it.contract.is_some()) else {
                continue;
            };
            let held = exempt(call);
            let mut changed = call.clone();
            Terms::of(call, rules).settle(&mut changed, held, pen.now);
            if held {
                self.held.insert(id);
            } else {
                self.held.remove(&id);
            }
            if changed != *call {
                self.change_call(id, pen, |it| *it = changed);
                self.schedule_clocks(id, rules);
            }
        }
    }

    /// Sets the timer for what the clocks of a call have to say next.
    pub(super) fn schedule_clocks(&mut self, id: CallId, rules: &Rules) {
        let next =
            self.calls.get(&id).filter(|it| it.state != CallState::Closed).and_then(|call| {
                let terms = Terms::of(call, rules);
                Promise::BOTH
                    .into_iter()
                    .filter_map(|it| it.clock(call))
                    .filter_map(|it| sla::next_event(it, &terms.hours, terms.warn_percent()))
                    .min()
            });
        self.timers.set(Due::Clocks(id), next);
    }

    /// Says what the clocks of a call have to say.
    pub(super) fn wake_clocks(&mut self, id: CallId, rules: &Rules, pen: &mut Pen) {
        let Some(call) = self.calls.get(&id) else { return };
        let terms = Terms::of(call, rules);
        let mut changed = call.clone();
        let mut said = Vec::new();
        for promise in Promise::BOTH {
            let Some(clock) = promise.clock_mut(&mut changed) else { continue };
            let events = sla::wake(clock, &terms.hours, terms.warn_percent(), pen.now);
            said.extend(events.iter().map(|it| (promise, *it)));
            // Who was asleep for long is told the worst once, and can read the rest.
            self.news.extend(events.last().map(|it| match it {
                SlaEvent::Warned(percent) => CaseNews::SlaWarned(id, promise, *percent),
                SlaEvent::Breached => CaseNews::SlaBreached(id, promise),
            }));
        }
        if !said.is_empty() {
            let allowed = Promise::BOTH.map(|it| it.clock(&changed).map(|it| it.allowed));
            self.change_call(id, pen, |it| *it = changed);
            for (promise, event) in said {
                let allowed = allowed[promise as usize].unwrap_or_default();
                self.sla_event(id, promise, event, allowed, pen);
            }
        }
        self.schedule_clocks(id, rules);
    }

    fn sla_event(
        &mut self,
        id: CallId,
        promise: Promise,
        event: SlaEvent,
        allowed: Duration,
        pen: &mut Pen,
    ) {
        let (word, allowed) = (promise.word(), words::of_duration(allowed));
        let (kind, text) = match event {
            SlaEvent::Warned(percent) => {
                (EventKind::SlaWarned, format!("{word}: {percent} % of {allowed} are spent"))
            }
            SlaEvent::Breached => (EventKind::SlaBreached, format!("{word}: {allowed} are spent")),
        };
        self.call_event(id, kind, "engine", text, pen);
    }
}

/// Lets a clock go on by other terms, if that makes a difference.
fn switch(
    call: &mut Call,
    promise: Promise,
    before: &Terms<'_>,
    after: &Terms<'_>,
    new: &Rules,
    now: Moment,
) {
    let Some(clock) = promise.clock_mut(call).filter(|it| it.met_at.is_none()) else { return };
    let allowed = after.contract.and_then(|it| promise.allowed(it)).unwrap_or(clock.allowed);
    let mut switched = clock.clone();
    sla::switch(&mut switched, &before.hours, &after.hours, allowed, now);
    let known_from = new.times.covers.map_or(Moment::ZERO, |it| it.from);
    let differs = switched.allowed != clock.allowed
        || switched.due_at != clock.due_at
        || switched.spent != sla::spent(clock, &after.hours, now)
        || clock.counted_until < known_from.after(UNCOUNTED_MARGIN) && clock.paused_since.is_none();
    if differs {
        *clock = switched;
    }
}
