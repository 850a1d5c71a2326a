//! Planned maintenance, of one customer or of several.

use std::{sync::Arc, time::Duration};

use model::{PlannedWindow, Window, WindowEffect};

use super::{Clerk, times};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::{CustomerDraft, first_line},
    section::Section,
    source::View,
    words,
};

/// Maintenance in all.
const WINDOWS_MAX: usize = 100_000;
const KEYS: &[&str] =
    &["when", "what", "effect", "sla", "flexible", "remind", "impact", "contact", "timezone"];

impl<'a> Clerk<'_, 'a, '_> {
    /// Sorted by customer and name; those that belong to no customer come first.
    pub(super) fn windows(&mut self, zones: &[Arc<str>]) -> Vec<Window> {
        let shared: Vec<_> = self.all(Section::Maintenance).collect();
        let mut windows = Vec::new();
        for (named, key, body) in shared {
            let zone = self.zone.clone();
            let window = self.window(&named.name, (key, body), None, &zone);
            windows.extend(window);
        }
        let draft = self.desk.library.draft;
        for ((customer, place), zone) in draft.customers.iter().zip(0..).zip(zones) {
            for named in &customer.maintenance {
                let at = (self.view(named.key), self.view(named.body));
                if windows.len() >= WINDOWS_MAX {
                    let what = format!("more than {WINDOWS_MAX} times of maintenance");
                    self.add(Diagnostic::new(Code::TooMany, what).at(at.0.place()));
                    return windows;
                }
                let name = format!("{}/{}", customer.name, named.name);
                windows.extend(self.window(&name, at, Some((place, customer)), zone));
            }
        }
        windows
    }

    fn window(
        &mut self,
        name: &str,
        (key, body): (View<'a>, View<'a>),
        customer: Option<(u32, &'a CustomerDraft)>,
        zone: &Arc<str>,
    ) -> Option<Window> {
        if !self.is_map(body, "a maintenance", KEYS) {
            return None;
        }
        let zone = self.zone_of(body, zone);
        let when = self.required(key, body, "when", "when: 2nd Tue 22:00 for 4h");
        let recurrence = when.and_then(|it| self.word(it, |text| times::recurrence(text, &zone)));
        let what = match customer {
            Some(_) => Self::get(body, "what"),
            None => self.whose(key, body),
        };
        let scope = match (what, customer) {
            (None, None) => None,
            (what, customer) => self.scope(what, customer.map(|it| it.1)),
        };
        let effects =
            [("no alerts", WindowEffect::NoAlerts), ("no checks", WindowEffect::NoChecks)];
        let effect = self.choice_of(body, "effect", WindowEffect::default(), &effects);
        let sla = [("counted", true), ("not counted", false)];
        let sla_counts = self.choice_of(body, "sla", false, &sla);
        let flexible = match Self::get(body, "flexible") {
            Some(view) => self.word(view, words::stretch).map(Some),
            None => Some(None),
        };
        let reminders = self.reminders(body);
        let (impact, contact) = (self.text_of(body, "impact"), self.text_of(body, "contact"));
        let recurrence = recurrence?;
        if let Some(view) = when
            && let Some(found) = times::never(&recurrence, self.now())
        {
            self.add(Diagnostic::new(Code::NeverTakesPlace, found).at(view.place()));
        }
        let scope = scope?;
        let at = first_line(what.unwrap_or(key));
        self.scopes.push((scope.clone(), at));
        Some(Window {
            name: Arc::from(name),
            customer: customer.map(|it| it.0),
            at: self.rule_at(key),
            recurrence,
            scope,
            effect: effect?,
            sla_counts: sla_counts?,
            flexible: flexible?,
            reminders,
            impact,
            contact,
        })
    }

    /// A maintenance of no customer must say what it is about.
    fn whose(&mut self, key: View<'a>, body: View<'a>) -> Option<View<'a>> {
        let found = Self::get(body, "what");
        if found.is_none() {
            self.add(
                Diagnostic::new(Code::Missing, "`what:` is missing")
                    .at(key.place())
                    .label("this maintenance belongs to no customer")
                    .help(
                        "write what it is about, or `customer: NAME` at the top of the file of a \
                         customer",
                    ),
            );
        }
        found
    }

    /// Longest first.
    fn reminders(&mut self, body: View<'a>) -> Vec<Duration> {
        let Some(list) = body.get("remind").filter(|it| !it.is_empty()) else {
            return PlannedWindow::REMINDERS.to_vec();
        };
        if list.is_off() || list.plain() == Some("never") {
            return Vec::new();
        }
        let items = list.items();
        if let Some(extra) = items.get(PlannedWindow::REMINDERS_MAX) {
            let what = format!("more than {} reminders", PlannedWindow::REMINDERS_MAX);
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        let mut all: Vec<Duration> =
            items.into_iter().filter_map(|it| self.word(it, words::stretch)).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup();
        all
    }
}
