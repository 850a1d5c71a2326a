//! How alerts end: delivered, dead, withdrawn; and what that means for those behind them.

use std::collections::BTreeMap;

use model::{
    Alert, AlertKey, AlertKind, AlertState, EventKind, Moment, ProblemId, Route, Row,
    WithdrawReason,
};

use super::{
    Fate, Outbox, Settled, Spot, WasTold, fallback, find_channel, lined_up, says_bad, tales,
};
use crate::desk::pen::{Note, Pen, Rules};

/// What is kept of a send whose outcome nobody knows and which is not repeated.
const OUTCOME_UNKNOWN: &str = "it is not known whether it arrived, and it is not sent again";

impl Outbox {
    /// Gives up what is too old: one at a time, since what the caller learns of it (see
    /// [`WasTold`]) counts for the next. To be called before [`Outbox::due`], until it returns
    /// nothing.
    pub(crate) fn expire(
        &mut self,
        rules: &Rules,
        told: WasTold<'_>,
        pen: &mut Pen,
    ) -> Vec<Settled> {
        while let Some(&(at, key)) = self.expiry.first().filter(|it| it.0 <= pen.now) {
            self.expiry.remove(&(at, key));
            match self.entries.get(&key).map(|it| it.spot) {
                // Whatever is on its way may still arrive; it is given up if it does not.
                None | Some(Spot::InFlight) => {}
                Some(Spot::Ending) => return vec![self.withdrawn(key, told, pen)],
                Some(Spot::Gathered | Spot::Behind) if self.is_held_back(key, rules, pen) => {}
                Some(_) => return vec![self.dead(key, rules, told, pen)],
            }
        }
        Vec::new()
    }

    /// What the pace of its own channel holds back is not too old: its time begins when it may
    /// leave.
    fn is_held_back(&mut self, key: AlertKey, rules: &Rules, pen: &mut Pen) -> bool {
        let Some(entry) = self.entries.get_mut(&key).filter(|it| it.is_untried()) else {
            return false;
        };
        let path = &self.paths[entry.packed.route as usize];
        let Some(channel) = find_channel(rules, &path.route.channel) else { return false };
        let leaves_at = path.leaves_at(pen.now, Some(channel));
        if leaves_at <= pen.now {
            return false;
        }
        let expires_at = leaves_at.after(channel.ttl);
        entry.packed.expires_at = expires_at;
        self.expiry.insert((expires_at, key));
        pen.rows.extend(self.get(key).map(|it| Row::Alert(Box::new(it))));
        true
    }

    /// The problem is over: withdraws what certainly was never sent of it. To be called before
    /// resolves are owed. Each route that had a trigger or reminder in line is in the answer.
    pub(crate) fn problem_ended(
        &mut self,
        problem: ProblemId,
        pen: &mut Pen,
    ) -> Vec<(Route, Fate)> {
        let mut fates = self.fates_in_digests(problem);
        let waiting: Vec<_> = self.lines.of_problem(problem).collect();
        for (route, key) in waiting {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let kind = entry.packed.kind;
            if !is_pointless_after_the_end(kind) {
                continue;
            }
            let fate = if entry.is_unsent() { Fate::Withdrawn } else { Fate::MayReach };
            if says_bad(kind) {
                note(&mut fates, route, fate);
            }
            if fate == Fate::MayReach {
                entry.halt = entry.halt.or(Some(WithdrawReason::Ended));
                continue;
            }
            self.withdraw(key, WithdrawReason::Ended, pen);
        }
        self.name_routes(fates)
    }

    /// Nobody is to be told of the problem now: withdraws its triggers and reminders. What is on
    /// its way stays there, but is not tried again. Routes as in [`Self::problem_ended`].
    pub(crate) fn suppressed(&mut self, problem: ProblemId, pen: &mut Pen) -> Vec<(Route, Fate)> {
        self.suppress(problem, says_bad, pen)
    }

    /// The same for what somebody who has taken it stops: its triggers, but no reminders.
    pub(crate) fn stopped(&mut self, problem: ProblemId, pen: &mut Pen) -> Vec<(Route, Fate)> {
        self.suppress(problem, |it| it == AlertKind::Trigger, pen)
    }

    fn suppress(
        &mut self,
        problem: ProblemId,
        is_meant: fn(AlertKind) -> bool,
        pen: &mut Pen,
    ) -> Vec<(Route, Fate)> {
        let mut fates = self.fates_in_digests(problem);
        let waiting: Vec<_> = self.lines.of_problem(problem).collect();
        for (route, key) in waiting {
            let Some(entry) = self.entries.get_mut(&key).filter(|it| is_meant(it.packed.kind))
            else {
                continue;
            };
            if entry.is_unsent() {
                note(&mut fates, route, Fate::Withdrawn);
                self.withdraw(key, WithdrawReason::Suppressed, pen);
                continue;
            }
            note(&mut fates, route, Fate::MayReach);
            entry.halt = Some(WithdrawReason::Suppressed);
            if !matches!(entry.spot, Spot::InFlight | Spot::Ending) {
                // It may have arrived: withdrawn in a way that tells the caller so.
                let expires_at = entry.packed.expires_at;
                self.detach(key);
                self.set_spot(key, Spot::Ending);
                self.expiry.remove(&(expires_at, key));
                self.expiry.insert((pen.now, key));
            }
        }
        self.name_routes(fates)
    }

    /// Nobody needs an older one any more that says less than `newer` and was never sent.
    pub(super) fn supersede(&mut self, newer: &Alert, pen: &mut Pen) {
        let route = self.route_of(&newer.route);
        let older: Vec<AlertKey> = match newer.kind {
            AlertKind::Heartbeat => self.path(route).heartbeat.into_iter().collect(),
            _ if newer.problem == ProblemId(0) => return,
            AlertKind::Trigger | AlertKind::Reminder | AlertKind::Acknowledged => {
                self.lines.line(newer.problem, route).collect()
            }
            _ => return,
        };
        for key in older {
            let says_less = self.entries.get(&key).is_some_and(|it| {
                let fresh = match newer.kind {
                    // The last sign of life is the only one that counts.
                    AlertKind::Heartbeat => it.spot != Spot::InFlight,
                    _ => it.is_untried(),
                };
                fresh && covers(newer.kind, it.packed.kind)
            });
            if says_less {
                self.withdraw(key, WithdrawReason::Superseded, pen);
            }
        }
    }

    /// A channel that has gone delivers nothing, and what may have arrived by one that must not
    /// repeat is not sent again.
    pub(super) fn drop_impossible(
        &mut self,
        key: AlertKey,
        rules: &Rules,
        pen: &mut Pen,
    ) -> Option<Settled> {
        let entry = self.entries.get(&key)?;
        if matches!(entry.spot, Spot::InFlight | Spot::Ending) {
            return None;
        }
        let route = &self.path(entry.packed.route).route;
        match find_channel(rules, &route.channel) {
            None => {
                let reason = WithdrawReason::NoChannel;
                let alert = self.withdraw(key, reason, pen)?;
                Some(Settled::Withdrawn { alert: Box::new(alert) })
            }
            Some(it) if entry.packed.in_doubt && !it.resend_unknown => {
                self.doubt(key);
                Some(self.reached(key, None, pen))
            }
            Some(_) => None,
        }
    }

    /// The last try has failed.
    pub(super) fn after_failure(
        &mut self,
        key: AlertKey,
        rules: &Rules,
        told: WasTold<'_>,
        pen: &mut Pen,
    ) -> Settled {
        let Some(entry) = self.entries.get_mut(&key) else { return Settled::Retry };
        let in_doubt = entry.packed.in_doubt;
        let route = &self.paths[entry.packed.route as usize].route;
        let Some(channel) = find_channel(rules, &route.channel) else {
            entry.halt = Some(WithdrawReason::NoChannel);
            return self.withdrawn(key, told, pen);
        };
        match entry.halt {
            Some(WithdrawReason::Ended) if in_doubt => {}
            Some(_) => return self.withdrawn(key, told, pen),
            None => {}
        }
        if in_doubt && !channel.resend_unknown {
            self.doubt(key);
            return self.reached(key, Some(told), pen);
        }
        if entry.packed.expires_at <= pen.now {
            return self.dead(key, rules, told, pen);
        }
        let (at, turn) = (entry.packed.not_before, entry.turn);
        let door = self.paths[entry.packed.route as usize].door;
        let failed_in = self.doors[door as usize].put_back(at, turn, key);
        entry.spot = Spot::Retrying(at, failed_in);
        pen.rows.extend(self.get(key).map(|it| Row::Alert(Box::new(it))));
        Settled::Retry
    }

    /// It has arrived.
    pub(super) fn reached(
        &mut self,
        key: AlertKey,
        told: Option<WasTold<'_>>,
        pen: &mut Pen,
    ) -> Settled {
        let alert = self.conclude(key, AlertState::Delivered { at: pen.now }, pen);
        let Some(alert) = alert else { return Settled::Retry };
        self.go_on(&alert, told, pen);
        Settled::Reached { key, tales: tales(&alert), route: alert.route }
    }

    /// It is given up.
    pub(super) fn dead(
        &mut self,
        key: AlertKey,
        rules: &Rules,
        told: WasTold<'_>,
        pen: &mut Pen,
    ) -> Settled {
        let alert = self.conclude(key, AlertState::Dead { at: pen.now }, pen);
        let Some(alert) = alert else { return Settled::Retry };
        write_down_death(&alert, pen);
        self.go_on(&alert, Some(told), pen);
        let fallback = fallback::route_of(&alert, rules);
        Settled::Dead { alert: Box::new(alert), fallback }
    }

    /// It was halted, and has not arrived as far as is known.
    pub(super) fn withdrawn(&mut self, key: AlertKey, told: WasTold<'_>, pen: &mut Pen) -> Settled {
        let halt = self.entries.get(&key).and_then(|it| it.halt);
        let reason = halt.unwrap_or(WithdrawReason::Ended);
        let Some(alert) = self.conclude(key, AlertState::Withdrawn { reason }, pen) else {
            return Settled::Retry;
        };
        self.go_on(&alert, Some(told), pen);
        Settled::Withdrawn { alert: Box::new(alert) }
    }

    /// Takes it out before it was ever sent.
    fn withdraw(&mut self, key: AlertKey, reason: WithdrawReason, pen: &mut Pen) -> Option<Alert> {
        let alert = self.conclude(key, AlertState::Withdrawn { reason }, pen)?;
        self.release_lines(&alert, pen.now);
        Some(alert)
    }

    /// Keeps in its row that nobody knows whether it arrived.
    fn doubt(&mut self, key: AlertKey) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let fault = &entry.packed.fault;
        let text = match fault.is_empty() {
            true => OUTCOME_UNKNOWN.to_owned(),
            false => format!("{fault}; {OUTCOME_UNKNOWN}"),
        };
        entry.packed.fault = text.into();
    }

    /// Removes an alert whose state is final and writes its row. The lines that wait for it still
    /// do.
    pub(super) fn conclude(
        &mut self,
        key: AlertKey,
        state: AlertState,
        pen: &mut Pen,
    ) -> Option<Alert> {
        self.detach(key);
        let entry = self.entries.remove(&key)?;
        let packed = entry.packed;
        self.expiry.remove(&(packed.expires_at, key));
        let path = &mut self.paths[packed.route as usize];
        self.doors[path.door as usize].waiting -= 1;
        if path.heartbeat == Some(key) {
            path.heartbeat = None;
        }
        if packed.problem != ProblemId(0) {
            self.lines.remove(packed.problem, packed.route, packed.ordinal, key);
        }
        let alert = Alert { state, ..packed.unpack(key, &path.route) };
        self.labels.forget(packed);
        pen.rows.push(Row::Alert(Box::new(alert.clone())));
        Some(alert)
    }

    /// Those behind an alert that has ended go on; but a resolve that would have followed it follows
    /// nothing if it has not arrived.
    fn go_on(&mut self, alert: &Alert, told: Option<WasTold<'_>>, pen: &mut Pen) {
        let delivered = matches!(alert.state, AlertState::Delivered { .. });
        let has_arrived = delivered || alert.may_have_arrived;
        if let Some(told) = told {
            let route = self.route_of(&alert.route);
            for tale in tales(alert).iter().filter(|it| !(has_arrived && says_bad(it.kind))) {
                self.leave_line(tale.problem, route, alert);
                self.strand(tale.problem, route, told, pen);
            }
        }
        self.release_lines(alert, pen.now);
    }

    /// Withdraws a resolve that is the next of its line, if nobody there has heard of the problem.
    fn strand(&mut self, problem: ProblemId, route: u32, told: WasTold<'_>, pen: &mut Pen) {
        while let Some(head) = self.lines.head(problem, route) {
            let is_next = self.lines.active(problem, route).is_none()
                && !self.lines.is_listed(problem, route);
            let follows_nothing = is_next
                && self
                    .entries
                    .get(&head)
                    .is_some_and(|it| it.packed.kind == AlertKind::Resolve && it.is_untried())
                && !told(problem, &self.path(route).route);
            if !follows_nothing {
                return;
            }
            let state = AlertState::Withdrawn { reason: WithdrawReason::Ended };
            self.conclude(head, state, pen);
        }
    }

    fn release_lines(&mut self, alert: &Alert, now: Moment) {
        let route = self.route_of(&alert.route);
        let own = Some(alert.problem).filter(|it| *it != ProblemId(0));
        for problem in own.into_iter().chain(lined_up(&alert.content.members)) {
            self.leave_line(problem, route, alert);
            self.advance(problem, route, now);
        }
    }

    /// A line does not wait for `alert` any more.
    fn leave_line(&mut self, problem: ProblemId, route: u32, alert: &Alert) {
        self.lines.release(problem, route, alert.key);
        self.lines.list(problem, route, alert.key, false);
    }

    /// Digests cannot be changed any more once they have been closed.
    fn fates_in_digests(&self, problem: ProblemId) -> BTreeMap<u32, Fate> {
        let lists = |key: &AlertKey| {
            self.entries.get(key).is_some_and(|it| {
                it.packed.members().any(|it| it.problem == problem && says_bad(it.kind))
            })
        };
        let digests = self.lines.digests_of(problem).filter(|it| lists(&it.1));
        digests.map(|(route, _)| (route, Fate::MayReach)).collect()
    }

    fn name_routes(&self, fates: BTreeMap<u32, Fate>) -> Vec<(Route, Fate)> {
        fates.into_iter().map(|(route, fate)| (self.path(route).route.clone(), fate)).collect()
    }
}

/// What may have reached a route outweighs what was withdrawn.
fn note(fates: &mut BTreeMap<u32, Fate>, route: u32, fate: Fate) {
    let noted = fates.entry(route).or_insert(fate);
    if fate == Fate::MayReach {
        *noted = fate;
    }
}

/// Does an alert of kind `newer` say all that an older one of kind `older` does?
fn covers(newer: AlertKind, older: AlertKind) -> bool {
    newer == older || newer == AlertKind::Trigger && older == AlertKind::Reminder
}

fn is_pointless_after_the_end(kind: AlertKind) -> bool {
    matches!(
        kind,
        AlertKind::Trigger | AlertKind::Reminder | AlertKind::Acknowledged | AlertKind::Question
    )
}

fn write_down_death(alert: &Alert, pen: &mut Pen) {
    let content = &alert.content;
    let name = content.about.as_ref().map_or_else(|| content.title.clone(), model::About::name);
    let Route { channel, contact } = &alert.route;
    let fault = if alert.fault.is_empty() { "its time was over" } else { &alert.fault };
    pen.event(Note {
        kind: EventKind::AlertDead,
        customer: &content.customer,
        by: "engine",
        name,
        subject: alert.problem.0,
        text: format!("{} to {contact} by {channel}: {fault}", alert.kind.word()),
    });
}
