//! What the desk does by itself: timers, windows, deliveries, signs of life, figures.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use model::{
    About, Alert, AlertKey, AlertKind, AlertState, CallId, CheckableId, Content, Delivery,
    EventKind, Moment, Occurrence, Problem, ProblemId, Reply, Route, Row, Severity, Status,
    ToShard, Told, WindowEffect, WindowReport,
};

use super::{
    ANSWERS_MAX, Desk, Effect, PROBLEMS_ENDED_MAX,
    cases::{CaseNews, Promise, World},
    guard::Turn,
    ladder::{NO_STEP, PARKED, knows_otherwise},
    outbox::{Settled, in_past_tense, says_bad, tales},
    pen::{Note, Rules},
    problems::{UPLINK, policy_of, set_case_times},
    subjects::Directory,
    timers::Timer,
    who::{EVERYBODY, place_of_person},
    windows::{Running, effect_span},
};

/// Timers taken up in one turn; the rest is due in the next.
const TIMERS_PER_TURN_MAX: usize = 10_000;
/// Which address a customer's contact needs.
const MAIL: &str = "email";

/// What proposals and calls may look up.
pub(crate) struct Sight<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) problems: &'a std::collections::BTreeMap<ProblemId, Problem>,
    pub(crate) rules: &'a Rules,
}

impl World for Sight<'_> {
    fn is_open(&self, problem: ProblemId) -> bool {
        self.problems.contains_key(&problem)
    }

    fn is_fine(&self, name: &str) -> Option<bool> {
        self.directory.by_name(name).map(|it| it.status.is_fine())
    }

    fn contract_of(&self, about: &About, customer: &str) -> Option<u32> {
        if let About::Checkable(name) = about
            && let Some(contract) = self.directory.by_name(name).and_then(|it| it.subject.contract)
        {
            return Some(contract);
        }
        let customers = &self.rules.duty.customers;
        let at = customers.binary_search_by(|it| (*it.name).cmp(customer)).ok()?;
        customers[at].contract
    }
}

impl Desk {
    /// Everything that is due by now.
    pub(crate) fn keep_up(&mut self) {
        let now = self.pen.now;
        if self.windows.next().is_some_and(|it| it <= now) {
            self.turn_windows();
        }
        for _ in 0..TIMERS_PER_TURN_MAX {
            let Some((_, timer)) = self.timers.pop(now) else { break };
            match timer {
                Timer::Problem(id) => self.look_after(id),
                Timer::Grown(id) => {
                    self.grown.remove(&id);
                    self.touched.insert(id);
                }
                Timer::Unsettled(id) => self.settle(id),
                Timer::Silence(id) => self.silence_turned(id),
                Timer::Windows => self.turn_windows(),
                Timer::Heartbeat => self.sign_of_life(),
            }
        }
        // A problem that has just opened is looked after in the same transaction.
        if self.cases.next_wake().is_some_and(|it| it <= now) {
            self.cases.wake(&self.rules, &mut self.pen);
        }
        let news = self.cases.news();
        if news.iter().any(|it| matches!(it, CaseNews::Opened(_))) {
            self.hold_clocks();
        }
        for news in news {
            if let CaseNews::Opened(id) = news {
                self.note_call(id);
            }
            self.tell_of_call(&news);
        }
        self.hand_out();
    }

    /// The open problems of a call say that they belong to it.
    pub(crate) fn note_call(&mut self, id: CallId) {
        let Some(call) = self.cases.call(id) else { return };
        for problem in &call.problems {
            if let Some(problem) = self.problems.get_mut(problem)
                && problem.call != Some(id)
            {
                problem.call = Some(id);
                self.touched.insert(problem.id);
            }
        }
    }

    /// Rules or people are others than before.
    pub(crate) fn rules_changed(&mut self, old: &Rules) {
        let duty = Arc::clone(&self.rules.duty);
        self.hosts = self.directory.iter().filter(|it| it.1.subject.of_host).count();
        let canaries = duty.uplink.canaries.iter().filter_map(|it| self.directory.id_of(it));
        let canaries: Vec<_> = canaries.collect();
        self.guard.configure(&duty.uplink, canaries.iter().copied());
        if self.recalled {
            // Others may stand for the world now, or fewer be enough.
            for id in canaries {
                if let Some(it) = self.directory.get(id) {
                    self.guard.recall(id, it.status.is_fine(), it.kind);
                }
            }
            let turn = self.guard.review(self.pen.now);
            self.sight_turned(turn);
        } else if self.guard.is_blind() && self.guard.count().1 == 0 {
            // Nobody is left who could say that we see again.
            self.sight_turned(Turn::SeesAgain);
        }
        self.windows.configure(&self.rules);
        self.cases.rules_changed(old, &self.rules, &mut self.pen);
        for settled in self.outbox.channels_changed(&self.rules, &mut self.pen) {
            self.settled(settled);
        }
        self.turn_windows();
        let ids: Vec<_> = self.problems.keys().copied().collect();
        for id in ids {
            self.renew_policy(id);
            self.attend(id);
        }
        self.heartbeat_at = duty.heartbeat.as_ref().map(|_| self.pen.now);
        if let Some(at) = self.heartbeat_at {
            self.set_timer(at, Timer::Heartbeat);
        }
    }

    /// An open problem follows the policy that its checkable has now.
    fn renew_policy(&mut self, id: ProblemId) {
        let Some(problem) = self.problems.get_mut(&id) else { return };
        let About::Checkable(name) = &problem.about else { return };
        let Some(it) = self.directory.by_name(name) else { return };
        let policy = it.subject.policy.and_then(|it| self.rules.duty.policies.get(it as usize));
        let policy = policy.map(|it| Arc::clone(&it.name));
        if policy != problem.policy {
            problem.policy = policy;
            problem.ladder.due_at = Some(self.pen.now);
            if problem.proposal.is_none() && problem.call.is_none() {
                set_case_times(problem, &self.rules, self.pen.now);
            }
            self.touched.insert(id);
        }
        // A ladder that has got more steps goes on.
        let steps = policy_of(problem, &self.rules).map_or(0, |it| it.steps.len());
        if problem.ladder.due_at.is_none()
            && problem.acknowledged.is_none()
            && (problem.ladder.next_step as usize) < steps
        {
            problem.ladder.due_at = Some(self.pen.now);
            self.touched.insert(id);
        }
    }

    /// After a restart: which problem is about whom.
    pub(crate) fn link_problems(&mut self) {
        let mut links = Vec::new();
        let mut gone = Vec::new();
        for problem in self.problems.values() {
            match &problem.about {
                About::Checkable(name) => links.push((problem.id, Arc::clone(name), true)),
                About::Own(name) => {
                    self.own.insert(Arc::clone(name), problem.id);
                    if **name == *UPLINK {
                        self.guard.stay_blind();
                    }
                }
                About::Site(name) => {
                    let duty = &self.rules.duty;
                    let of = |it: &model::Site| {
                        let customer = duty.customers.get(it.customer as usize);
                        customer.map(|customer| format!("{}/{}", customer.name, it.name))
                    };
                    let at = duty.sites.iter().position(|it| of(it).as_deref() == Some(name));
                    if at.is_none() {
                        gone.push(problem.id);
                    }
                    if let Some(tally) = at.and_then(|at| self.directory.sites.get_mut(at)) {
                        tally.problem = Some(problem.id);
                    }
                }
            }
            let symptoms = problem.symptoms.keys();
            links.extend(symptoms.map(|it| (problem.id, Arc::clone(it), false)));
        }
        let mut orphans = gone;
        for (problem, name, its_own) in links {
            let id = self.directory.id_of(&name);
            match (id.and_then(|it| self.directory.get_mut(it)), its_own) {
                (Some(it), true) => it.problem = Some(problem),
                (Some(it), false) => it.symptom_of = Some(problem),
                (None, true) => orphans.push(problem),
                (None, false) => {
                    if let Some(root) = self.problems.get_mut(&problem) {
                        root.symptoms.remove(&name);
                        self.touched.insert(problem);
                    }
                }
            }
        }
        for id in orphans {
            self.end(id, model::Ending::Removed);
        }
    }

    pub(crate) fn restore_problem(&mut self, problem: Problem) {
        if problem.is_open() {
            self.problems.insert(problem.id, problem);
        } else {
            self.remember_ended(problem);
        }
    }

    pub(crate) fn remember_ended(&mut self, problem: Problem) {
        self.ended_line.push_back(problem.id);
        self.ended.insert(problem.id, problem);
        if self.ended_line.len() > PROBLEMS_ENDED_MAX
            && let Some(oldest) = self.ended_line.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    pub(crate) fn remember_answer(&mut self, key: Arc<str>, reply: Reply) {
        if self.answers.insert(Arc::clone(&key), reply).is_none() {
            self.answers_line.push_back(key);
        }
        if self.answers_line.len() > ANSWERS_MAX
            && let Some(oldest) = self.answers_line.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }

    // Windows.

    /// Looks at which windows run now.
    pub(crate) fn turn_windows(&mut self) {
        let turned = self.windows.turn(self.pen.now);
        for (running, before) in turned.reminders {
            self.remind_of_window(&running, before);
        }
        for it in &turned.begun {
            self.window_began(it);
        }
        for it in &turned.ended {
            self.window_ended(it);
        }
        self.let_rest();
        self.hold_clocks();
        if let Some(at) = self.windows.next() {
            self.set_timer(at, Timer::Windows);
        }
    }

    /// Clocks of calls stand still while a window runs whose time does not count.
    fn hold_clocks(&mut self) {
        let Self { windows, directory, rules, cases, pen, .. } = self;
        let running = windows.running().iter().filter(|it| !it.window.sla_counts);
        let running: Vec<_> = running.map(|it| &it.window).collect();
        let exempt = |call: &model::Call| match &call.about {
            Some(About::Checkable(name)) => directory.by_name(name).is_some_and(|watched| {
                let label = |name: &str| Directory::label(watched, &rules.duty, name);
                running.iter().any(|it| it.covers(label))
            }),
            Some(About::Site(name)) => {
                let (customer, site) = name.split_once('/').unwrap_or((name, ""));
                let label = |name: &str| match name {
                    "customer" => customer,
                    "site" => site,
                    _ => "",
                };
                running.iter().any(|it| it.covers(label))
            }
            _ => false,
        };
        cases.windows_changed(&exempt, rules, pen);
    }

    fn window_began(&mut self, it: &Running) {
        let Some((_, mut occurrence)) = self.windows.find(&it.key) else { return };
        if !occurrence.begun {
            occurrence.begun = true;
            self.put_occurrence(occurrence);
            self.window_event(EventKind::WindowBegan, it, "engine", String::new());
        }
        // What began within a window that was planned too late has not been told yet, perhaps.
        let covered = |problem: &&Problem| {
            let label = |name: &str| self.label_of(problem, name);
            problem.opened_at >= it.span.from && it.window.covers(label)
        };
        let ids: Vec<_> = self.problems.values().filter(covered).map(|it| it.id).collect();
        for id in ids {
            self.hush(id);
        }
    }

    fn window_ended(&mut self, it: &Running) {
        if let Some((_, mut occurrence)) = self.windows.find(&it.key)
            && occurrence.report.is_none()
        {
            let report = self.report_of(it);
            let text = format!(
                "{} members, {} still bad, {} recovered, {} mended",
                report.members,
                report.still_bad.len(),
                report.recovered.len(),
                report.mended.len()
            );
            occurrence.report = Some(report);
            self.put_occurrence(occurrence);
            self.window_event(EventKind::WindowEnded, it, "engine", text);
        }
        self.rearm(|desk, problem| it.window.covers(|name| desk.label_of(problem, name)));
    }

    pub(crate) fn window_event(&mut self, kind: EventKind, it: &Running, by: &str, text: String) {
        let customer = it.window.customer.clone().unwrap_or_default();
        let name = format!("window {}", it.key.window);
        self.pen.event(Note { kind, customer: &customer, by, name, subject: 0, text });
    }

    pub(crate) fn put_occurrence(&mut self, mut occurrence: Occurrence) {
        occurrence.version += 1;
        self.windows.restore(occurrence.clone());
        self.pen.rows.push(Row::Occurrence(Box::new(occurrence)));
    }

    fn members(&self, it: &Running) -> Vec<CheckableId> {
        let duty = &self.rules.duty;
        let covers = |watched: &super::subjects::Watched| {
            it.window.covers(|name| Directory::label(watched, duty, name))
        };
        self.directory.iter().filter(|it| covers(it.1)).map(|it| it.0).collect()
    }

    /// Tells shards who rests now and who does not any more, however that came about.
    fn let_rest(&mut self) {
        let resting = self.resting();
        for checkable in resting.difference(&self.rested) {
            let order = ToShard::Rest { checkable: *checkable, resting: true };
            self.effects.push(Effect::Order(order));
        }
        for checkable in self.rested.difference(&resting) {
            let checkable = *checkable;
            self.effects.push(Effect::Order(ToShard::Rest { checkable, resting: false }));
            self.effects.push(Effect::Order(ToShard::CheckNow { checkable }));
        }
        self.rested = resting;
    }

    /// Everybody whom a window that runs lets rest.
    fn resting(&self) -> BTreeSet<CheckableId> {
        let stopped = self.windows.running().iter();
        let stopped = stopped.filter(|it| it.window.effect == WindowEffect::NoChecks);
        stopped.flat_map(|it| self.members(it)).collect()
    }

    fn report_of(&self, it: &Running) -> WindowReport {
        let mut report = WindowReport { ended_at: self.pen.now, ..WindowReport::default() };
        for id in self.members(it) {
            let Some(member) = self.directory.get(id) else { continue };
            report.members += 1;
            let name = Arc::clone(&member.subject.name);
            let began = member.last_good.is_some_and(|at| at >= it.span.from);
            match (member.status.is_fine(), began) {
                (false, true) => report.still_bad.push(name),
                (true, true) => report.recovered.push(name),
                (true, false) if self.ended_within(&name, it) => report.mended.push(name),
                _ => {}
            }
        }
        report
    }

    fn ended_within(&self, name: &str, it: &Running) -> bool {
        let recent = self.ended_line.iter().rev().filter_map(|id| self.ended.get(id));
        recent
            .take_while(|problem| problem.ended_at.is_some_and(|at| at >= it.span.from))
            .any(|problem| matches!(&problem.about, About::Checkable(about) if **about == *name))
    }

    /// Bad news within an armed flexible window begins it.
    pub(crate) fn trigger_flexible(&mut self, id: CheckableId) {
        let Some(it) = self.directory.get(id) else { return };
        let duty = &self.rules.duty;
        let armed = self.windows.armed(self.pen.now, |name| Directory::label(it, duty, name));
        if armed.is_empty() {
            return;
        }
        for (_, mut occurrence) in armed {
            occurrence.triggered_at = Some(self.pen.now);
            self.put_occurrence(occurrence);
        }
        self.turn_windows();
    }

    fn remind_of_window(&mut self, it: &Running, before: Duration) {
        let Some((window, mut occurrence)) = self.windows.find(&it.key) else { return };
        occurrence.reminded.push(before.as_secs());
        self.put_occurrence(occurrence);
        let duty = Arc::clone(&self.rules.duty);
        let mail = duty.channels.iter().find(|it| it.personal.as_deref() == Some(MAIL));
        let customer = window.customer.as_ref().and_then(|name| {
            duty.customers
                .binary_search_by(|it| it.name.cmp(name))
                .ok()
                .map(|at| &duty.customers[at])
        });
        let (Some(mail), Some(customer)) = (mail, customer) else { return };
        let span = effect_span(&window, &fresh_of(it)).unwrap_or(it.span);
        for contact in &customer.contacts {
            let route = Route { channel: Arc::clone(&mail.name), contact: Arc::clone(contact) };
            let mut content = self.bare_content(Status::Ok, Severity::Warning);
            content.customer = Arc::clone(&customer.name);
            content.customer_title = Arc::clone(&customer.title);
            content.since = span.from;
            content.ended_at = Some(span.until);
            content.by = Arc::clone(&window.contact);
            content.text = Arc::clone(&window.impact);
            content.title = format!("planned maintenance {}", it.key.window);
            content.labels.insert(Arc::from("timezone"), Arc::clone(&customer.zone));
            self.owe_message(route, AlertKind::Window, content, None);
        }
    }

    /// Orders that shards must have whatever they were told before: after a start or a reload.
    pub(crate) fn orders_in_force(&self) -> Vec<ToShard> {
        let rested = self.rested.iter();
        rested
            .map(|it| ToShard::Rest { checkable: *it, resting: true })
            .chain([ToShard::Blind { blind: self.guard.is_blind() }])
            .collect()
    }

    // Deliveries.

    /// Hands out what is to be sent now.
    fn hand_out(&mut self) {
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

    fn settled(&mut self, settled: Settled) {
        match settled {
            Settled::Reached { route, tales, .. } => {
                for tale in tales.into_iter().filter(|it| says_bad(it.kind)) {
                    self.mark_reached(tale.problem, &route);
                }
                self.own_trouble_over(&trouble_name(&route.channel));
            }
            Settled::Dead { alert, fallback } => {
                self.mark_doubtful(&alert);
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
            }
            Settled::Retry => {}
        }
    }

    /// What may have arrived counts as told.
    fn mark_doubtful(&mut self, alert: &Alert) {
        if alert.may_have_arrived {
            for tale in tales(alert).into_iter().filter(|it| says_bad(it.kind)) {
                self.mark_reached(tale.problem, &alert.route);
            }
        }
    }

    fn mark_reached(&mut self, id: ProblemId, route: &Route) {
        let problem = match self.problems.get_mut(&id) {
            Some(it) => it,
            None => match self.ended.get_mut(&id) {
                Some(it) => it,
                None => return,
            },
        };
        let Some(told) = problem.told.get_mut(route).filter(|it| !it.reached) else { return };
        told.reached = true;
        if problem.is_open() {
            self.touched.insert(id);
        } else {
            problem.version += 1;
            self.pen.rows.push(Row::Problem(Box::new(problem.clone())));
        }
    }

    fn fall_back(&mut self, dead: &Alert, route: &Route) {
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
        let now = self.pen.now;
        let ttl = self.channel(&route.channel)?.ttl;
        let number = self.pen.id();
        // The place of an id in the one sequence only grows, and is never used twice.
        let ordinal = u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let key = AlertKey::of(self.installation, ProblemId(number), NO_STEP, &route, ordinal);
        let alert = Alert {
            key,
            route,
            kind,
            problem: ProblemId(about.unwrap_or(0)),
            ordinal,
            step: NO_STEP,
            owed_at: now,
            not_before: now,
            expires_at: now.after(ttl),
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
    fn sign_of_life(&mut self) {
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

    /// Something about a call that people may have to be told.
    fn tell_of_call(&mut self, news: &CaseNews) {
        let (id, title) = match news {
            CaseNews::Opened(_) => return,
            CaseNews::Resumed(id) => (*id, "goes on".to_owned()),
            CaseNews::Assigned(id, _) => (*id, "assigned to you".to_owned()),
            CaseNews::SlaWarned(id, which, percent) => {
                (*id, format!("{percent} % of the time {} is spent", promise(*which)))
            }
            CaseNews::SlaBreached(id, which) => {
                (*id, format!("the time {} is over", promise(*which)))
            }
            CaseNews::Ready(id) => (*id, "may be closed".to_owned()),
        };
        let Some(call) = self.cases.call(id) else { return };
        let mut content = self.bare_content(Status::Critical, call.severity);
        content.about.clone_from(&call.about);
        content.customer = Arc::clone(&call.customer);
        content.since = call.opened_at;
        content.title = format!("call {id} ({}): {title}", call.title);
        let person = match news {
            CaseNews::Assigned(_, person) => Some(Arc::clone(person)),
            _ => call.assignee.clone(),
        };
        for route in self.routes_about_call(id, person) {
            self.owe_message(route, AlertKind::Call, content.clone(), Some(id.0));
        }
    }

    /// The person who has a call, by the first channel that reaches them; if nobody has it, whoever
    /// was told of the problem.
    fn routes_about_call(&self, id: CallId, person: Option<Arc<str>>) -> Vec<Route> {
        let duty = &self.rules.duty;
        if let Some(name) = person {
            let Some(place) = place_of_person(&self.rules, &name) else { return Vec::new() };
            let addresses = &duty.people[place as usize].addresses;
            let reaches = |it: &&model::Channel| {
                it.personal.as_ref().is_some_and(|it| addresses.contains_key(it))
            };
            let channel = duty.channels.iter().find(reaches);
            let route =
                |it: &model::Channel| Route { channel: Arc::clone(&it.name), contact: name };
            return channel.map(route).into_iter().collect();
        }
        let Some(call) = self.cases.call(id) else { return Vec::new() };
        let problems = call.problems.iter().rev();
        let found =
            problems.filter_map(|it| self.problems.get(it).or_else(|| self.ended.get(it))).next();
        found.map(|it| it.told.keys().cloned().collect()).unwrap_or_default()
    }

    // Showing.

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

    pub(crate) fn count(&self) -> super::Figures {
        let mut figures = super::Figures {
            withheld: self.withheld_by.clone(),
            overflowed: self.overflowed,
            ..super::Figures::default()
        };
        for it in self.problems.values() {
            *figures.problems.entry(it.severity.word()).or_default() += 1;
        }
        let waiting = self.outbox.waiting_by_channel().into_iter();
        figures.waiting = waiting.map(|(name, count)| (name, count as u64)).collect();
        figures
    }

    /// Whatever was put off until something happens, and has something left to do, is decided
    /// again now: nobody may say any more that it has happened.
    pub(crate) fn take_up_parked(&mut self) {
        let now = self.pen.now;
        let parked = |it: &&Problem| {
            let policy = policy_of(it, &self.rules);
            let steps = policy.map_or(0, |it| it.steps.len());
            let untold = (it.ladder.next_step as usize) < steps
                || it.told.values().any(|told| knows_otherwise(told, it));
            let waits = it.propose_at == Some(PARKED) || it.call_at == Some(PARKED);
            policy.is_some() && (it.ladder.due_at.is_none() && untold || waits)
        };
        let stopped = |it: &Problem| {
            it.acknowledged.is_some()
                && policy_of(it, &self.rules).is_none_or(|it| it.stop_on_acknowledge)
        };
        let all = self.problems.values().filter(|it| !stopped(it));
        let ids: Vec<_> = all.filter(parked).map(|it| it.id).collect();
        for id in ids {
            let Some(problem) = self.problems.get_mut(&id) else { continue };
            unpark(problem, now);
            self.look_after(id);
        }
    }

    /// Whatever was parked for the problems that `concerns` names is decided again now.
    pub(crate) fn rearm(&mut self, concerns: impl Fn(&Self, &Problem) -> bool) {
        let now = self.pen.now;
        let ids: Vec<_> =
            self.problems.values().filter(|it| concerns(self, it)).map(|it| it.id).collect();
        for id in ids {
            let Some(problem) = self.problems.get_mut(&id) else { continue };
            unpark(problem, now);
            self.look_after(id);
        }
    }
}

/// Whatever waits for something to happen is decided again at `at`.
pub(crate) fn unpark(problem: &mut Problem, at: Moment) {
    problem.ladder.due_at = Some(at);
    for parked in [&mut problem.propose_at, &mut problem.call_at] {
        if *parked == Some(PARKED) {
            *parked = Some(at);
        }
    }
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

fn promise(which: Promise) -> &'static str {
    match which {
        Promise::Respond => "to take charge",
        Promise::Resolve => "to close",
    }
}

fn trouble_name(channel: &str) -> String {
    format!("channel {channel}")
}

fn fresh_of(it: &Running) -> Occurrence {
    Occurrence {
        key: it.key.clone(),
        version: 0,
        customer: Arc::from(""),
        span: it.span,
        triggered_at: None,
        cancelled: false,
        reminded: Vec::new(),
        begun: false,
        report: None,
    }
}
