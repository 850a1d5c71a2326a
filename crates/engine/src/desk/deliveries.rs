//! What was owed and what came of it: hands out what is due, and remembers who was really told.

use std::{sync::Arc, time::Duration};

use model::{
    About, Alert, AlertKey, AlertKind, AlertState, Content, Delivery, Moment, Problem, ProblemId,
    Route, Row, Severity, Status, Told,
};

use super::{
    Desk, Effect,
    outbox::{Fate, Settled, in_past_tense, says_bad, tales},
    steps::NO_STEP,
    timers::Timer,
    who::EVERYBODY,
};

/// How the name of a problem of our own begins that is about a channel.
const TROUBLE: &str = "channel ";

/// A message that is about no problem.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) kind: AlertKind,
    pub(crate) content: Content,
    /// Keeps messages about the same in order.
    pub(crate) about: Option<u64>,
    /// Whoever it is for wants to be left alone until then.
    pub(crate) not_before: Option<Moment>,
    /// Certainly no message about the same has gone this way before.
    pub(crate) is_first: bool,
}

impl Desk {
    /// Hands out what is to be sent now.
    pub(super) fn hand_out(&mut self) {
        loop {
            let (problems, ended) = (&self.problems, &self.ended);
            let told = |id: ProblemId, route: &Route| was_told(problems, ended, id, route);
            let expired = self.outbox.expire(&self.rules, &told, &mut self.pen);
            if expired.is_empty() {
                break;
            }
            for it in expired {
                self.settled(it);
            }
        }
        for key in self.outbox.due(&self.rules, &mut self.pen) {
            if let Some(alert) = self.outbox.get(key) {
                self.effects.push(Effect::Deliver(Box::new(alert)));
            }
        }
    }

    pub(crate) fn delivered(&mut self, key: AlertKey, delivery: Delivery) {
        let (problems, ended) = (&self.problems, &self.ended);
        let told = |id: ProblemId, route: &Route| was_told(problems, ended, id, route);
        let settled = self.outbox.settle(key, delivery, &self.rules, &told, &mut self.pen);
        if let Some(it) = settled {
            self.settled(it);
        }
    }

    /// Has anything bad about a problem reached a route, as far as is known?
    pub(super) fn was_told(&self, id: ProblemId, route: &Route) -> bool {
        was_told(&self.problems, &self.ended, id, route)
    }

    pub(super) fn settled(&mut self, settled: Settled) {
        match settled {
            Settled::Reached { route, tales, .. } => {
                for tale in tales.into_iter().filter(|it| says_bad(it.kind)) {
                    self.mark_reached(tale.problem, &route, tale.status);
                    self.catch_up(tale.problem, &route);
                }
                self.own_trouble_over(&trouble_name(&route.channel));
            }
            Settled::Dead { alert, fallback } => {
                self.mark_doubtful(&alert);
                if alert.may_have_arrived {
                    for tale in tales(&alert).into_iter().filter(|it| says_bad(it.kind)) {
                        self.catch_up(tale.problem, &alert.route);
                    }
                }
                if let Some(route) = fallback {
                    self.fall_back(&alert, &route);
                }
                let about_own = matches!(&alert.content.about, Some(About::Own(_)));
                if !about_own {
                    let name = trouble_name(&alert.route.channel);
                    let text = format!("an alert could not be delivered: {}", alert.fault);
                    self.own_trouble(&name, &text);
                }
            }
            Settled::Withdrawn { alert } => {
                self.mark_doubtful(&alert);
                for tale in tales(&alert).into_iter().filter(|it| says_bad(it.kind)) {
                    self.catch_up(tale.problem, &alert.route);
                }
            }
            Settled::Retry => {}
        }
    }

    /// What may have arrived counts as told.
    fn mark_doubtful(&mut self, alert: &Alert) {
        if alert.may_have_arrived {
            for tale in tales(alert).into_iter().filter(|it| says_bad(it.kind)) {
                self.mark_reached(tale.problem, &alert.route, tale.status);
            }
        }
    }

    /// It is known now what reached a route last. If something newer was withdrawn meanwhile, or this
    /// was, whether to tell it is decided again.
    fn catch_up(&mut self, id: ProblemId, route: &Route) {
        if self.outbox.waits_on(id, route) {
            return;
        }
        let Some(problem) = self.problems.get_mut(&id) else { return };
        if forget_withdrawn(problem, &[(route.clone(), Fate::Withdrawn)]) {
            problem.ladder.due_at = Some(self.pen.now);
            self.touched.insert(id);
            self.look_after(id);
        }
    }

    fn mark_reached(&mut self, id: ProblemId, route: &Route, status: Status) {
        let problem = match self.problems.get_mut(&id) {
            Some(it) => it,
            None => match self.ended.get_mut(&id) {
                Some(it) => it,
                None => return,
            },
        };
        let known = |it: &&mut Told| it.reached && it.arrived == Some(status);
        let Some(told) = problem.told.get_mut(route).filter(|it| !known(it)) else { return };
        told.reached = true;
        told.arrived = Some(status);
        if problem.is_open() {
            self.touched.insert(id);
        } else {
            problem.version += 1;
            self.pen.rows.push(Row::Problem(Box::new(problem.clone())));
        }
    }

    fn fall_back(&mut self, dead: &Alert, route: &Route) {
        let apart = self.outbox.apart(dead, route, &self.rules);
        if !apart.is_empty() {
            apart.iter().for_each(|it| self.fall_back(it, route));
            return;
        }
        let problem = self.problems.get(&dead.problem).or_else(|| self.ended.get(&dead.problem));
        // What is about a call is numbered by the one sequence, as all of its messages are.
        let ordinal = match problem {
            Some(it) => it.told.get(route).map_or(0, |it| it.ordinal),
            None => u32::try_from(self.pen.next_id() & u64::from(u32::MAX)).unwrap_or(u32::MAX),
        };
        let Some(alert) = self.outbox.fallback_of(dead, ordinal, &self.rules, &mut self.pen) else {
            return;
        };
        let mut alert = in_past_tense(alert, &|id| id.0 != 0 && !self.problems.contains_key(&id));
        if says_bad(alert.kind)
            && let Some(problem) = self.problems.get(&alert.problem)
        {
            alert.content = self.content_of(problem, "");
        }
        for member in &mut alert.content.members {
            if let Some(problem) = self.problems.get(&member.problem) {
                (member.status, member.severity) = (problem.status, problem.severity);
                member.text = Arc::clone(&problem.text);
                member.ordinal = problem.told.get(route).map_or(0, |it| it.ordinal);
            }
        }
        for tale in tales(&alert) {
            self.note_handed_on(&alert, tale.problem, tale.kind);
        }
        self.outbox.owe(alert, &self.rules, &mut self.pen);
    }

    /// Whoever gets an alert instead of somebody else is told of its problem, too.
    fn note_handed_on(&mut self, alert: &Alert, id: ProblemId, kind: AlertKind) {
        let open = self.problems.contains_key(&id);
        let map = if open { &mut self.problems } else { &mut self.ended };
        let Some(problem) = map.get_mut(&id) else { return };
        let told = problem.told.entry(alert.route.clone()).or_insert(Told {
            last: alert.key,
            ordinal: 0,
            status: None,
            reached: false,
            arrived: None,
            resolved: !says_bad(kind),
        });
        told.last = alert.key;
        if alert.content.members.is_empty() {
            told.ordinal = alert.ordinal + 1;
        }
        if says_bad(kind) {
            (told.status, told.resolved) = (Some(problem.status), false);
        }
        if open {
            self.touched.insert(id);
        } else {
            problem.version += 1;
            self.pen.rows.push(Row::Problem(Box::new(problem.clone())));
        }
    }

    /// Owes a message that is about no problem. `about` keeps messages about the same in order.
    pub(crate) fn owe_message(
        &mut self,
        route: Route,
        kind: AlertKind,
        content: Content,
        about: Option<u64>,
    ) -> Option<AlertKey> {
        let errand = Errand { kind, content, about, not_before: None, is_first: false };
        self.owe_errand(route, errand)
    }

    /// The same, perhaps not now.
    pub(crate) fn owe_errand(&mut self, route: Route, errand: Errand) -> Option<AlertKey> {
        let Errand { kind, content, about, not_before, is_first } = errand;
        let now = self.pen.now;
        let not_before = not_before.unwrap_or(now).max(now);
        let ttl = self.channel(&route.channel)?.ttl;
        let number = self.pen.id();
        // The place of an id in the one sequence only grows, and is never used twice.
        let ordinal = u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let ordinal = if is_first { 0 } else { ordinal };
        let key = AlertKey::of(self.installation, ProblemId(number), NO_STEP, &route, ordinal);
        let alert = Alert {
            key,
            route,
            kind,
            problem: ProblemId(about.unwrap_or(0)),
            ordinal,
            step: NO_STEP,
            owed_at: now,
            not_before,
            expires_at: not_before.after(ttl),
            attempts: 0,
            may_have_arrived: false,
            fault: String::new(),
            state: AlertState::Waiting,
            content,
        };
        self.outbox.owe(alert, &self.rules, &mut self.pen);
        Some(key)
    }

    pub(crate) fn bare_content(&self, status: Status, severity: Severity) -> Content {
        Content {
            about: None,
            customer: Arc::from(""),
            customer_title: Arc::from(""),
            labels: std::collections::BTreeMap::new(),
            status,
            severity,
            text: Arc::from(""),
            flapping: false,
            since: self.pen.now,
            ended_at: None,
            symptoms: Vec::new(),
            symptoms_count: 0,
            by: Arc::from(""),
            title: String::new(),
            members: Vec::new(),
        }
    }

    /// The sign of life: leaves through the real pipeline, and only while that gets on.
    pub(super) fn sign_of_life(&mut self) {
        if self.heartbeat_at.is_none_or(|it| it > self.pen.now) {
            return;
        }
        let duty = Arc::clone(&self.rules.duty);
        let Some(heartbeat) = &duty.heartbeat else { return };
        let next = self.pen.now.after(heartbeat.every);
        self.heartbeat_at = Some(next);
        self.set_timer(next, Timer::Heartbeat);
        let Some(channel) = duty.channels.get(heartbeat.channel as usize) else { return };
        if !self.progress || self.outbox.has_waiting(ProblemId(0)) {
            return;
        }
        let route = Route { channel: Arc::clone(&channel.name), contact: Arc::from(EVERYBODY) };
        let mut content = self.bare_content(Status::Ok, Severity::Warning);
        content.title = "campanile is alive".to_owned();
        self.owe_message(route, AlertKind::Heartbeat, content, None);
    }

    pub(crate) fn refreshed(&self, channel: &str, now: Moment, recent: Duration) -> Vec<Alert> {
        let recently = self
            .ended_line
            .iter()
            .rev()
            .filter_map(|it| self.ended.get(it))
            .take_while(|it| it.ended_at.is_some_and(|at| now.since(at) <= recent));
        let all = self.problems.values().chain(recently);
        all.flat_map(|problem| {
            let routes = problem
                .told
                .iter()
                .filter(|(route, told)| *route.channel == *channel && told.reached);
            routes.map(|(route, told)| Alert {
                key: told.last,
                route: route.clone(),
                kind: if problem.is_open() { AlertKind::Trigger } else { AlertKind::Resolve },
                problem: problem.id,
                ordinal: told.ordinal,
                step: NO_STEP,
                owed_at: now,
                not_before: now,
                expires_at: now,
                attempts: 0,
                may_have_arrived: false,
                fault: String::new(),
                state: AlertState::Waiting,
                content: self.content_of(problem, ""),
            })
        })
        .collect()
    }
}

/// What was withdrawn before it was sent has told nobody: each route knows what reached it before.
/// `false` if that changes nothing.
pub(crate) fn forget_withdrawn(problem: &mut Problem, fates: &[(Route, Fate)]) -> bool {
    let mut changed = false;
    for (route, fate) in fates {
        if let Some(told) = problem.told.get_mut(route)
            && *fate == Fate::Withdrawn
            && told.status != told.arrived
        {
            told.status = told.arrived;
            changed = true;
        }
    }
    changed
}

fn was_told(
    problems: &std::collections::BTreeMap<ProblemId, Problem>,
    ended: &std::collections::BTreeMap<ProblemId, Problem>,
    id: ProblemId,
    route: &Route,
) -> bool {
    match problems.get(&id).or_else(|| ended.get(&id)) {
        Some(problem) => problem.told.get(route).is_some_and(|it| it.reached),
        None => true,
    }
}

/// The problem of our own that `channel` does not deliver.
pub(crate) fn trouble_name(channel: &str) -> String {
    format!("{TROUBLE}{channel}")
}

/// The channel that a problem of our own is about, if it is about one.
pub(crate) fn channel_in_trouble(own: &str) -> Option<&str> {
    own.strip_prefix(TROUBLE)
}
