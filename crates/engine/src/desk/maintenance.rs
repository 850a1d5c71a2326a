//! What windows do while they run: who rests, whose clocks stand still, what is said before and after.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use model::{
    About, AlertKind, CheckableId, EventKind, Occurrence, Problem, Route, Row, Severity, Status,
    ToShard, WindowEffect, WindowReport,
};

use super::{
    Desk, Effect,
    pen::Note,
    subjects::Directory,
    timers::Timer,
    windows::{Running, effect_span},
};

/// Which address a customer's contact needs.
const MAIL: &str = "email";

impl Desk {
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
