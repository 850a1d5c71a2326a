//! What windows do while they run: who rests, whose clocks stand still, what is said before and after.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{
    About, AlertKind, CheckableId, Content, Customer, EventKind, Moment, Occurrence, Problem,
    ProblemId, Route, Row, Severity, Status, ToShard, VerdictOfDesk, WindowEffect, WindowReport,
};

use super::{
    Desk, Effect,
    gates::Chain,
    pen::Note,
    subjects::{Directory, Watched},
    timers::Timer,
    windows::{Defined, Running},
};

/// Which address a customer's contact needs.
const MAIL: &str = "email";

impl Desk {
    /// Looks at which windows run now.
    pub(crate) fn turn_windows(&mut self) {
        let turned = self.windows.turn(self.pen.now, self.recalled);
        for (running, due) in &turned.reminders {
            self.remind_of_window(running, due);
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
    pub(super) fn hold_clocks(&mut self) {
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
        self.windows.put(occurrence.clone());
        self.pen.rows.push(Row::Occurrence(Box::new(occurrence)));
    }

    fn members<'a>(
        &'a self,
        window: &'a Defined,
    ) -> impl Iterator<Item = (CheckableId, &'a Watched)> {
        let duty = &self.rules.duty;
        let whose = window.whose();
        let everybody = whose.is_none().then(|| self.directory.iter());
        let theirs = whose.into_iter().flatten().flat_map(|it| self.directory.of_customer(it));
        let all = everybody.into_iter().flatten().chain(theirs);
        all.filter(move |it| window.covers(|name| Directory::label(it.1, duty, name)))
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
        stopped.flat_map(|it| self.members(&it.window)).map(|it| it.0).collect()
    }

    fn report_of(&self, it: &Running) -> WindowReport {
        let mut report =
            WindowReport { ended_at: it.span.until.min(self.pen.now), ..WindowReport::default() };
        let ended = self.ended_since(it.span.from);
        for (_, member) in self.members(&it.window) {
            report.members += 1;
            let name = &member.subject.name;
            let began = member.last_good.is_some_and(|at| at >= it.span.from);
            let list = match (member.status.is_fine(), began, ended.get(name)) {
                (false, true, _) => &mut report.still_bad,
                (true, true, _) | (true, false, Some(Within::Whole)) => &mut report.recovered,
                (true, false, Some(Within::End)) => &mut report.mended,
                _ => continue,
            };
            list.push(Arc::clone(name));
        }
        report
    }

    /// Whose problems have ended since `from`: all of it within that time, or only the end.
    fn ended_since(&self, from: Moment) -> BTreeMap<&Arc<str>, Within> {
        let recent = self.ended_line.iter().rev().filter_map(|id| self.ended.get(id));
        let recent = recent.take_while(|it| it.ended_at.is_some_and(|at| at >= from));
        let mut ended = BTreeMap::new();
        for problem in recent {
            let About::Checkable(name) = &problem.about else { continue };
            let within = if problem.opened_at < from { Within::End } else { Within::Whole };
            // Going back in time, the earliest of several says how it stood before.
            ended.insert(name, within);
        }
        ended
    }

    /// Bad news within an armed flexible window begins it.
    pub(crate) fn trigger_flexible(&mut self, id: CheckableId) {
        let Some(it) = self.directory.get(id) else { return };
        let duty = &self.rules.duty;
        let armed = self.windows.armed(self.pen.now, |name| Directory::label(it, duty, name));
        if armed.is_empty() {
            return;
        }
        for (window, mut occurrence) in armed {
            let Some(length) = window.flexible else { continue };
            occurrence.triggered_at = Some(self.pen.now);
            occurrence.ends_at = Some(self.pen.now.after(length));
            self.put_occurrence(occurrence);
        }
        self.turn_windows();
    }

    /// Reminds whoever is concerned, and writes down whom, or why nobody. Several reminders that
    /// are due at once are one message.
    fn remind_of_window(&mut self, it: &Running, due: &[Duration]) {
        let Some((window, mut occurrence)) = self.windows.find(&it.key) else { return };
        occurrence.reminded.extend(due.iter().map(Duration::as_secs));
        self.put_occurrence(occurrence);
        let before = due.last().copied().unwrap_or_default();
        let trigger = format!("reminder {} before the begin", stretch(before));
        let customers = match &window.customer {
            Some(it) => BTreeSet::from([Arc::clone(it)]),
            None => self.members(&window).map(|it| self.customer_of(&it.1.subject)).collect(),
        };
        if customers.is_empty() {
            let mut chain = self.chain_of_reminder(it);
            chain.close("customer", "nobody is in its scope", it.window.rule.as_ref(), None);
            self.decide_reminder(it, &Arc::from(""), &trigger, chain, Vec::new());
        }
        for name in customers {
            let mut chain = self.chain_of_reminder(it);
            let (customer, routes) = self.reached_by_reminder(&name, &mut chain);
            let content = customer.map(|customer| self.content_of_reminder(it, &customer));
            let alerts = routes.into_iter().zip(std::iter::repeat(content));
            let alerts: Vec<_> = alerts
                .filter_map(|(route, content)| {
                    self.owe_message(route, AlertKind::Window, content?, None)
                })
                .collect();
            self.decide_reminder(it, &name, &trigger, chain, alerts);
        }
    }

    fn chain_of_reminder(&self, it: &Running) -> Chain {
        let mut chain = Chain::default();
        let text = format!("begins in {}", stretch(it.span.from.since(self.pen.now)));
        chain.open("window", text, it.window.rule.as_ref());
        chain
    }

    /// The ways to the contacts of a customer; none if a gate closed.
    fn reached_by_reminder(&self, name: &str, chain: &mut Chain) -> (Option<Customer>, Vec<Route>) {
        let duty = &self.rules.duty;
        let found = duty.customers.binary_search_by(|it| (*it.name).cmp(name)).ok();
        let Some(customer) = found.map(|at| &duty.customers[at]) else {
            chain.close("customer", format!("{name:?} is not configured"), None, None);
            return (None, Vec::new());
        };
        chain.open("customer", name, None);
        if customer.contacts.is_empty() {
            chain.close("contacts", "the customer has no contacts", None, None);
            return (None, Vec::new());
        }
        chain.open("contacts", customer.contacts.join(", "), None);
        let Some(mail) = duty.channels.iter().find(|it| it.personal.as_deref() == Some(MAIL))
        else {
            chain.close("channel", "no channel sends mail to people", None, None);
            return (None, Vec::new());
        };
        chain.open("channel", &*mail.name, Some(&mail.at));
        let route =
            |it: &Arc<str>| Route { channel: Arc::clone(&mail.name), contact: Arc::clone(it) };
        (Some(customer.clone()), customer.contacts.iter().map(route).collect())
    }

    /// Begin and end are those of the occurrence; whoever writes the text puts them into the zone.
    fn content_of_reminder(&self, it: &Running, customer: &Customer) -> Content {
        let mut content = self.bare_content(Status::Ok, Severity::Warning);
        content.customer = Arc::clone(&customer.name);
        content.customer_title = Arc::clone(&customer.title);
        content.since = it.span.from;
        content.ended_at = Some(it.span.until);
        content.by = Arc::clone(&it.window.contact);
        content.text = Arc::clone(&it.window.impact);
        content.title = format!("planned maintenance {}", it.window.title);
        content.labels.insert(Arc::from("timezone"), Arc::clone(&customer.zone));
        if let Some(length) = it.window.flexible {
            content.labels.insert(Arc::from("lasts"), Arc::from(stretch(length)));
        }
        content
    }

    fn decide_reminder(
        &mut self,
        it: &Running,
        customer: &Arc<str>,
        trigger: &str,
        chain: Chain,
        alerts: Vec<model::AlertKey>,
    ) {
        let verdict = match chain.closed {
            Some(closed) => {
                VerdictOfDesk::Nobody { reason: Arc::from(closed.gate), until: closed.until }
            }
            None => VerdictOfDesk::Told { alerts },
        };
        let name = format!("window {}", it.key.window);
        self.pen.decide(ProblemId(0), &name, customer, trigger, chain.gates, verdict);
    }

    /// Orders that shards must have whatever they were told before: after a start or a reload.
    pub(crate) fn orders_in_force(&self) -> Vec<ToShard> {
        let rested = self.rested.iter();
        rested
            .map(|it| ToShard::Rest { checkable: *it, resting: true })
            .chain(self.awaited.iter().map(|it| ToShard::Watch { checkable: *it, watching: true }))
            .chain([ToShard::Blind { blind: self.guard.is_blind() }])
            .collect()
    }
}

/// How much of a problem that ended lies within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Whole,
    End,
}

/// `72h`, `90m`, `1h 30m` is `90m`: the largest unit that leaves nothing.
fn stretch(it: Duration) -> String {
    let secs = it.as_secs();
    match () {
        () if secs >= 3600 && secs.is_multiple_of(3600) => format!("{}h", secs / 3600),
        () if secs >= 60 && secs.is_multiple_of(60) => format!("{}m", secs / 60),
        () => format!("{secs}s"),
    }
}
