//! From an open problem to people: steps, reminders, the question at night, and the resolve.

use std::{sync::Arc, time::Duration};

use model::{
    Alert, AlertKey, AlertKind, AlertState, CallId, Channel, Content, Gate, GatePassed, Moment,
    Policy, Problem, ProblemId, Route, Severity, Step, Told, VerdictOfDesk,
};

use super::{
    Desk,
    cases::Place,
    gates::{Chain, Closed, Purpose, is_own},
    outbox::Fate,
    problems::policy_of,
    steps::{NO_STEP, STEP_OF_QUESTION},
    timers::Timer,
    who,
};

/// Names of symptoms that travel in one alert.
pub(crate) const SYMPTOMS_TOLD_MAX: usize = 100;
/// Until something happens that ends the wait: a window, a silence or an acknowledgement that may
/// end early, or our own blindness. It stands in [`Problem::propose_at`] and [`Problem::call_at`],
/// never in the ladder, and is kept like any moment; no clock ever comes to it, so [`Desk::attend`]
/// sets no timer for it. [`super::upkeep::unpark`] turns it into a moment again.
pub(crate) const PARKED: Moment = Moment::from_nanos(u64::MAX);

impl Desk {
    /// Sets the timer of a problem to whatever it needs next.
    pub(crate) fn attend(&mut self, id: ProblemId) {
        let Some(it) = self.problems.get(&id) else { return };
        let acknowledgement = it.acknowledged.as_ref().and_then(|it| it.until);
        let moments = [
            it.ladder.due_at,
            it.ladder.remind_at,
            it.propose_at,
            it.call_at,
            it.held_until.filter(|at| *at > self.pen.now),
            acknowledgement,
        ];
        if let Some(at) = moments.into_iter().flatten().filter(|it| *it < PARKED).min() {
            self.timers.set(at, Timer::Problem(id));
        }
    }

    /// A problem has just been opened and is whole now.
    pub(crate) fn tell_new(&mut self, id: ProblemId) {
        self.look_after(id);
    }

    /// Does whatever is due for a problem.
    pub(crate) fn look_after(&mut self, id: ProblemId) {
        let now = self.pen.now;
        let due = |at: Option<Moment>| at.is_some_and(|it| it <= now);
        let Some(it) = self.problems.get(&id) else { return };
        if due(it.acknowledged.as_ref().and_then(|it| it.until)) {
            self.acknowledgement_over(id, "engine", "its time is over");
        }
        let Some(it) = self.problems.get(&id) else { return };
        if due(it.ladder.due_at) {
            self.climb(id);
        }
        let Some(it) = self.problems.get(&id) else { return };
        // What held the proposal back may end at the very moment at which the call is due.
        if due(it.propose_at) || it.propose_at == Some(PARKED) && due(it.call_at) {
            self.propose(id);
        }
        let Some(it) = self.problems.get(&id) else { return };
        if due(it.call_at) {
            self.call(id);
        }
        let Some(it) = self.problems.get(&id) else { return };
        if due(it.ladder.remind_at) {
            self.remind(id);
        }
        self.attend(id);
    }

    /// Takes the steps of the ladder that are due, or says why not.
    fn climb(&mut self, id: ProblemId) {
        let Some(mut problem) = self.problems.remove(&id) else { return };
        problem.held_until = self.longer_hold(&problem).or(problem.held_until);
        let chain = self.gates(&problem, self.pen.now, Purpose::Alert);
        let trigger = if problem.told.is_empty() { "believed" } else { "changed or due" };
        match chain.closed {
            Some(closed) => self.postpone(&mut problem, trigger, chain.gates, closed),
            None => self.step(&mut problem, trigger, chain),
        }
        self.touched.insert(id);
        self.problems.insert(id, problem);
    }

    fn postpone(
        &mut self,
        problem: &mut Problem,
        trigger: &str,
        gates: Vec<GatePassed>,
        closed: Closed,
    ) {
        problem.ladder.due_at = closed.until;
        *self.withheld_by.entry(closed.gate).or_default() += 1;
        let verdict = VerdictOfDesk::Nobody { reason: Arc::from(closed.gate), until: closed.until };
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.pen.decide(problem.id, &name, &customer, trigger, gates, verdict);
    }

    /// All gates are open: tells those who know an older state, then takes the next step if it is
    /// due.
    fn step(&mut self, problem: &mut Problem, trigger: &str, mut chain: Chain) {
        let Some(policy) = policy_of(problem, &self.rules).cloned() else { return };
        let outdated = outdated(problem);
        let mut may_wake = false;
        if !outdated.is_empty() {
            if let Some(closed) = self.ask_the_lead(problem, &policy, &mut chain) {
                return self.postpone(problem, trigger, chain.gates, closed);
            }
            may_wake = true;
        }
        let mut alerts = self.tell_of_change(problem, outdated, &mut chain);
        while let Some(step) = policy.steps.get(problem.ladder.next_step as usize) {
            let due = self.due_of(problem, &policy, step);
            if due > self.pen.now {
                let text = format!("step {} is not due", problem.ladder.next_step + 1);
                chain.open("step", text, Some(&step.at));
                problem.ladder.due_at = Some(due);
                break;
            }
            // Nobody is asked at night about what nobody would be told of.
            if problem.severity >= step.at_least && !may_wake {
                if let Some(closed) = self.ask_the_lead(problem, &policy, &mut chain) {
                    return self.postpone(problem, trigger, chain.gates, closed);
                }
                may_wake = true;
            }
            alerts.extend(self.take_step(problem, &policy, step, &mut chain));
        }
        if problem.ladder.next_step as usize >= policy.steps.len() {
            problem.ladder.due_at = None;
        }
        if !alerts.is_empty() && policy.remind.is_some() && problem.ladder.remind_at.is_none() {
            problem.ladder.remind_at =
                policy.remind.map(|it| self.in_hours(&policy, self.pen.now, it));
        }
        let verdict = match alerts.is_empty() {
            true => {
                VerdictOfDesk::Nobody { reason: Arc::from("step"), until: problem.ladder.due_at }
            }
            false => VerdictOfDesk::Told { alerts },
        };
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.pen.decide(problem.id, &name, &customer, trigger, chain.gates, verdict);
    }

    /// Those who know an older state are told what holds now.
    fn tell_of_change(
        &mut self,
        problem: &mut Problem,
        outdated: Vec<Route>,
        chain: &mut Chain,
    ) -> Vec<AlertKey> {
        let mut alerts = Vec::new();
        for route in outdated {
            let text = format!("{} by {} knows an older state", route.contact, route.channel);
            chain.open("changed", text, None);
            let quiet_until = self.quiet_until(&route, problem.severity);
            note_quiet(chain, &route, quiet_until);
            alerts.extend(self.owe(problem, &route, AlertKind::Trigger, NO_STEP, quiet_until));
        }
        alerts
    }

    fn take_step(
        &mut self,
        problem: &mut Problem,
        policy: &Policy,
        step: &Step,
        chain: &mut Chain,
    ) -> Vec<AlertKey> {
        let number = problem.ladder.next_step;
        problem.ladder.next_step += 1;
        problem.ladder.began_at = self.pen.now;
        let count = number + 1;
        if problem.severity < step.at_least {
            let text = format!("step {count} is for {} and worse", step.at_least.word());
            chain.open("severity", text, Some(&step.at));
            return Vec::new();
        }
        let overrides: Vec<_> = self.overrides.values().collect();
        let severity = problem.severity;
        let reached =
            who::reach(&step.to, &step.via, severity, &self.rules, &overrides, self.pen.now);
        chain.open(
            "step",
            format!("step {count} of {}: {}", policy.name, reached.text),
            Some(&step.at),
        );
        let mut alerts = Vec::new();
        for it in reached.routes {
            let (contact, channel) = (&it.route.contact, &it.route.channel);
            if it.quiet_until.is_none() {
                chain.open("who", format!("{contact} by {channel}"), Some(&step.at));
            }
            note_quiet(chain, &it.route, it.quiet_until);
            alerts.extend(self.owe(problem, &it.route, AlertKind::Trigger, number, it.quiet_until));
        }
        alerts
    }

    /// When a step is due: so long after the one before as the two lie apart, in the hours of the
    /// policy.
    fn due_of(&self, problem: &Problem, policy: &Policy, step: &Step) -> Moment {
        let place = problem.ladder.next_step as usize;
        let before = place.checked_sub(1).and_then(|it| policy.steps.get(it));
        let wait = step.after.saturating_sub(before.map_or(Duration::ZERO, |it| it.after));
        self.in_hours(policy, problem.ladder.began_at, wait)
    }

    pub(crate) fn in_hours(&self, policy: &Policy, from: Moment, wait: Duration) -> Moment {
        let hours = policy.hours.and_then(|it| self.rules.times.hours.get(it as usize));
        hours.and_then(|it| it.after(from, wait)).unwrap_or_else(|| from.after(wait))
    }

    /// At night the duty lead says whether anybody else is to be woken.
    fn ask_the_lead(
        &mut self,
        problem: &mut Problem,
        policy: &Policy,
        chain: &mut Chain,
    ) -> Option<Closed> {
        let gate = policy.gate.as_ref().filter(|_| !is_own(problem))?;
        let now = self.pen.now;
        let hours = self.rules.times.hours.get(gate.hours as usize)?;
        if hours.is_open(now) {
            return None;
        }
        let opens = hours.next_open(now);
        let rule = Some(&gate.at);
        if problem.ladder.gate == Gate::NotAsked {
            let overrides: Vec<_> = self.overrides.values().collect();
            let reached = who::reach(
                &[gate.lead],
                &gate.via,
                model::Severity::Down,
                &self.rules,
                &overrides,
                now,
            );
            problem.ladder.gate = Gate::Asked(now.after(gate.patience));
            chain.open("blocking", format!("asked: {}", reached.text), rule);
            for it in reached.routes {
                self.owe(problem, &it.route, AlertKind::Question, STEP_OF_QUESTION, None);
            }
        }
        let closed = |until| Some(Closed { gate: "blocking", until });
        match problem.ladder.gate {
            Gate::Asked(until) if now < until => {
                // Nobody needs an answer any more once the night is over.
                let until = opens.map_or(until, |it| it.min(until));
                chain.close("blocking", "waits for the duty lead's answer", rule, Some(until));
                closed(Some(until))
            }
            Gate::Asked(_) if gate.silence_means_blocking => {
                chain.open("blocking", "no answer: counts as blocking", rule);
                None
            }
            Gate::Blocking => {
                chain.open("blocking", "yes", rule);
                None
            }
            _ => {
                chain.close("blocking", "can wait", rule, opens);
                closed(opens)
            }
        }
    }

    /// Owes an alert about `problem` to `route`. `None` if the channel is gone.
    pub(crate) fn owe(
        &mut self,
        problem: &mut Problem,
        route: &Route,
        kind: AlertKind,
        step: u32,
        not_before: Option<Moment>,
    ) -> Option<AlertKey> {
        self.owe_signed(problem, route, kind, step, not_before, "")
    }

    /// The same, in somebody's name.
    pub(crate) fn owe_signed(
        &mut self,
        problem: &mut Problem,
        route: &Route,
        kind: AlertKind,
        step: u32,
        not_before: Option<Moment>,
        by: &str,
    ) -> Option<AlertKey> {
        let now = self.pen.now;
        let channel = self.channel(&route.channel)?;
        let ttl = channel.ttl;
        let ordinal = problem.told.get(route).map_or(0, |it| it.ordinal);
        let key = AlertKey::of(self.installation, problem.id, step, route, ordinal);
        let alert = Alert {
            key,
            route: route.clone(),
            kind,
            problem: problem.id,
            ordinal,
            step,
            owed_at: now,
            not_before: not_before.unwrap_or(now),
            // What waits for the end of quiet hours does not die of old age in them.
            expires_at: not_before.unwrap_or(now).max(now).after(ttl),
            attempts: 0,
            may_have_arrived: false,
            fault: String::new(),
            state: AlertState::Waiting,
            content: self.content_of(problem, by),
        };
        let told = problem.told.entry(route.clone()).or_insert(Told {
            last: key,
            ordinal,
            status: None,
            reached: false,
            arrived: None,
            // Whoever was only asked was not told: there is nothing to resolve or to renew.
            resolved: kind == AlertKind::Question,
        });
        told.last = key;
        told.ordinal += 1;
        match kind {
            AlertKind::Trigger => {
                told.status = Some(problem.status);
                told.resolved = false;
            }
            AlertKind::Resolve | AlertKind::Missed => told.resolved = true,
            _ => {}
        }
        self.outbox.owe(alert, &self.rules, &mut self.pen);
        Some(key)
    }

    pub(crate) fn channel(&self, name: &str) -> Option<&Channel> {
        let channels = &self.rules.duty.channels;
        channels.binary_search_by(|it| (*it.name).cmp(name)).ok().map(|at| &channels[at])
    }

    /// Everything that a text about `problem` may need.
    pub(crate) fn content_of(&self, problem: &Problem, by: &str) -> Content {
        let customers = &self.rules.duty.customers;
        let at = customers.binary_search_by(|it| it.name.cmp(&problem.customer));
        let title = at
            .map_or_else(|_| Arc::clone(&problem.customer), |at| Arc::clone(&customers[at].title));
        let name = problem.about.name();
        Content {
            about: Some(problem.about.clone()),
            customer: Arc::clone(&problem.customer),
            customer_title: title,
            labels: problem.labels.clone(),
            status: problem.status,
            severity: problem.severity,
            text: Arc::clone(&problem.text),
            flapping: problem.flapping,
            since: problem.opened_at,
            ended_at: problem.ended_at,
            symptoms: problem.symptoms.keys().take(SYMPTOMS_TOLD_MAX).cloned().collect(),
            symptoms_count: u32::try_from(problem.symptoms.len()).unwrap_or(u32::MAX),
            by: Arc::from(by),
            title: match problem.flapping {
                true => format!("{name} is flapping"),
                false => format!("{name} is {}", problem.status),
            },
            members: Vec::new(),
        }
    }

    /// Those who were told are reminded, unless somebody works on it.
    fn remind(&mut self, id: ProblemId) {
        let Some(mut problem) = self.problems.remove(&id) else { return };
        let now = self.pen.now;
        problem.ladder.remind_at = None;
        if let Some(policy) = policy_of(&problem, &self.rules).cloned()
            && let Some(every) = policy.remind
        {
            let mut chain = self.gates(&problem, now, Purpose::Remind);
            let next = self.in_hours(&policy, now, every);
            if chain.closed.is_none()
                && let Some(call) = self.in_hands(&problem)
            {
                chain.close("call", format!("somebody works on call {call}"), None, Some(next));
            }
            match chain.closed.clone() {
                Some(closed) => {
                    let again = closed.until.map_or(next, |it| it.min(next));
                    problem.ladder.remind_at = Some(again);
                    self.withhold(&problem, Purpose::Remind, chain.gates, closed);
                }
                None => self.owe_reminders(&mut problem, &policy, next, chain),
            }
        }
        self.touched.insert(id);
        self.problems.insert(id, problem);
    }

    /// The call in which somebody works on it.
    fn in_hands(&self, problem: &Problem) -> Option<CallId> {
        let Some(Place::Call(call)) = self.cases.place_of(&problem.about) else { return None };
        let state = &self.cases.call(call)?.state;
        (!matches!(state, model::CallState::Open | model::CallState::Closed)).then_some(call)
    }

    /// Writes down that something was withheld which comes up again and again: once for each gate
    /// and rule that stands in its way, not each time.
    fn withhold(
        &mut self,
        problem: &Problem,
        purpose: Purpose,
        gates: Vec<GatePassed>,
        closed: Closed,
    ) {
        let now_closed = gates.last().map(|it| (Arc::clone(&it.gate), it.text.clone()));
        let key = (problem.id, purpose);
        if now_closed.is_none() || self.withheld.get(&key) == now_closed.as_ref() {
            return;
        }
        self.withheld.extend(now_closed.map(|it| (key, it)));
        let verdict = VerdictOfDesk::Nobody { reason: Arc::from(closed.gate), until: closed.until };
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.pen.decide(problem.id, &name, &customer, purpose.word(), gates, verdict);
    }

    /// What was withheld may be, or is needed no more.
    fn no_more_withheld(&mut self, problem: ProblemId, purpose: Purpose) {
        self.withheld.remove(&(problem, purpose));
    }

    /// Until when the person whom `route` reaches wants to be left alone.
    fn quiet_until(&self, route: &Route, severity: Severity) -> Option<Moment> {
        who::quiet_until(route, severity, &self.rules, self.pen.now)
    }

    fn owe_reminders(
        &mut self,
        problem: &mut Problem,
        policy: &Policy,
        next: Moment,
        mut chain: Chain,
    ) {
        let routes: Vec<Route> = problem
            .told
            .iter()
            .filter(|(_, it)| it.status.is_some() && !it.resolved)
            .map(|it| it.0.clone())
            .filter(|it| self.channel(&it.channel).is_some_and(is_for_people))
            .collect();
        let mut alerts = Vec::new();
        let mut quiet = None;
        for route in routes {
            // Whoever wants quiet is reminded by the next one behind it: a night of them at once
            // in the morning would say no more than one.
            if let Some(until) = self.quiet_until(&route, problem.severity) {
                let text = format!("{} wants quiet until {until}; not reminded", route.contact);
                chain.open("quiet", text, None);
                quiet = quiet.max(Some(until));
                continue;
            }
            chain.open("who", format!("{} by {}", route.contact, route.channel), Some(&policy.at));
            alerts.extend(self.owe(problem, &route, AlertKind::Reminder, NO_STEP, None));
        }
        problem.ladder.remind_at = Some(next);
        if alerts.is_empty() {
            if quiet.is_some() {
                let closed = Closed { gate: "quiet", until: quiet };
                self.withhold(problem, Purpose::Remind, chain.gates, closed);
            }
            return;
        }
        problem.ladder.reminders += 1;
        self.no_more_withheld(problem.id, Purpose::Remind);
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        let verdict = VerdictOfDesk::Told { alerts };
        self.pen.decide(problem.id, &name, &customer, "reminder", chain.gates, verdict);
    }

    fn propose(&mut self, id: ProblemId) {
        let Some(mut problem) = self.problems.remove(&id) else { return };
        let chain = self.gates(&problem, self.pen.now, Purpose::Propose);
        let policy = policy_of(&problem, &self.rules).cloned();
        problem.propose_at = None;
        match (chain.closed, policy) {
            (Some(closed), _) => {
                // What is parked without an end is taken up by whatever ends it.
                problem.propose_at = Some(put_off(&closed));
                self.withhold(&problem, Purpose::Propose, chain.gates, closed);
            }
            (None, Some(policy)) => {
                self.no_more_withheld(id, Purpose::Propose);
                match self.cases.propose(&problem, &policy, &self.rules, &mut self.pen) {
                    Some(Place::Proposal(id)) => problem.proposal = Some(id),
                    Some(Place::Call(id)) => problem.call = Some(id),
                    None => {}
                }
            }
            (None, None) => {}
        }
        self.touched.insert(id);
        self.problems.insert(id, problem);
    }

    /// Nobody has decided in time: the policy accepts.
    fn call(&mut self, id: ProblemId) {
        let Some(mut problem) = self.problems.remove(&id) else { return };
        let chain = self.gates(&problem, self.pen.now, Purpose::Call);
        let policy = policy_of(&problem, &self.rules).cloned();
        let now = self.pen.now;
        // Whoever put the proposal off has decided for now; the policy decides when that is over.
        let snoozed = self.cases.snoozed_until(&problem.about).filter(|it| *it > now);
        problem.call_at = None;
        match (chain.closed, policy) {
            (Some(closed), _) => {
                problem.call_at = Some(put_off(&closed));
                self.withhold(&problem, Purpose::Call, chain.gates, closed);
            }
            (None, Some(_)) if snoozed.is_some() => problem.call_at = snoozed,
            (None, Some(policy)) => {
                self.no_more_withheld(id, Purpose::Call);
                let contract = self.contract_of(&problem);
                let call =
                    self.cases.call_for(&problem, &policy, contract, &self.rules, &mut self.pen);
                problem.call = call;
            }
            (None, None) => {}
        }
        self.touched.insert(id);
        self.problems.insert(id, problem);
    }

    /// A problem is over: a resolve for every route that was, or may have been, reached, and for
    /// nobody else.
    pub(crate) fn resolve(&mut self, problem: &mut Problem) {
        for purpose in [Purpose::Remind, Purpose::Propose, Purpose::Call] {
            self.no_more_withheld(problem.id, purpose);
        }
        let fates = self.outbox.problem_ended(problem.id, &mut self.pen);
        let reached = |told: &Told, route: &Route| {
            let fate = fates.iter().find(|it| it.0 == *route).map(|it| it.1);
            fate == Some(Fate::MayReach) || told.reached
        };
        let routes: Vec<(Route, bool)> = problem
            .told
            .iter()
            .filter(|(_, it)| !it.resolved)
            .map(|(route, it)| (route.clone(), reached(it, route)))
            .collect();
        let mut alerts = Vec::new();
        let mut chain = Chain::default();
        for (route, reached) in routes {
            let Some(channel) = self.channel(&route.channel) else { continue };
            let (contact, name) = (&route.contact, &channel.name);
            match reached {
                true if channel.resolve => {
                    chain.open("resolve", format!("{contact} by {name} was told"), None);
                    alerts.extend(self.owe(problem, &route, AlertKind::Resolve, NO_STEP, None));
                }
                true => {
                    chain.open("resolve", format!("{name} wants no resolves"), Some(&channel.at))
                }
                false if is_for_people(channel) && problem.told[&route].status.is_some() => {
                    chain.open(
                        "resolve",
                        format!("{contact} by {name} could not be told in time"),
                        None,
                    );
                    alerts.extend(self.owe(problem, &route, AlertKind::Missed, NO_STEP, None));
                }
                false => chain.open("resolve", format!("{contact} by {name} was never told"), None),
            }
        }
        let verdict = match alerts.is_empty() {
            true => VerdictOfDesk::Nobody { reason: Arc::from("resolve"), until: None },
            false => VerdictOfDesk::Told { alerts },
        };
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.pen.decide(problem.id, &name, &customer, "over", chain.gates, verdict);
    }
}

/// Says that somebody is told only behind their quiet hours.
fn note_quiet(chain: &mut Chain, route: &Route, until: Option<Moment>) {
    if let Some(until) = until {
        let text = format!("{} wants quiet until {until}; told then", route.contact);
        chain.open("quiet", text, None);
    }
}

/// Routes that know an older state. What flaps is told once, not at every turn.
fn outdated(problem: &Problem) -> Vec<Route> {
    let told = problem.told.iter().filter(|_| !problem.flapping);
    told.filter(|(_, it)| knows_otherwise(it, problem)).map(|it| it.0.clone()).collect()
}

/// Was somebody told something else than what holds, or was it withdrawn before it was sent?
pub(crate) fn knows_otherwise(told: &Told, problem: &Problem) -> bool {
    !told.resolved && told.status != Some(problem.status)
}

/// When a proposal or call is decided upon again that a gate holds back. What may end early says so
/// when it ends; only the others are waited for by the clock.
fn put_off(closed: &Closed) -> Moment {
    match (closed.gate, closed.until) {
        ("window" | "silence" | "acknowledged" | "uplink", _) | (_, None) => PARKED,
        (_, Some(until)) => until,
    }
}

/// Is a channel read by people, who need to be told again and can be told late?
pub(crate) fn is_for_people(channel: &Channel) -> bool {
    channel.personal.is_some() || channel.group.is_some()
}
