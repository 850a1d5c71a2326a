//! Watchdogs: what promises to report, from its key to a [`model::Job`].

use std::{collections::HashMap, sync::Arc};

use model::{After, Duty, Hears, Job, JobKind, OnHoliday, Reporting, Schedule, Trust};

use super::{
    Assigner, Clerk,
    gaps::Gaps,
    last_named,
    names::unknown,
    oncall::{chain, circles},
    settings::{KEYS, OF_MACHINES, OF_ONE, Settings},
};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::{CustomerDraft, HostDraft, Named, first_line, shape},
    keys, labels, quoted,
    section::Section,
    source::{Place, View},
    words,
};

/// Watchdogs in all.
const JOBS_MAX: usize = 100_000;
/// Longest text that says what to do, in bytes.
const RUNBOOK_BYTES_MAX: usize = 16 * 1024;

/// Where a watchdog is written, for doubts.
pub(super) struct Written {
    pub(super) key: Place,
    pub(super) expect: Option<Place>,
    pub(super) trust: Option<Place>,
}

/// Whose watchdogs are read.
struct Owner<'a> {
    /// A place in [`Duty::customers`].
    number: u32,
    customer: &'a CustomerDraft,
    zone: Arc<str>,
    /// The place of its first watchdog in [`Duty::jobs`].
    first: u32,
}

/// One watchdog while it is read.
pub(super) struct Promise<'a> {
    pub(super) key: View<'a>,
    pub(super) body: View<'a>,
    pub(super) settings: Settings<'a>,
}

impl<'a> Clerk<'_, 'a, '_> {
    /// Fills [`Duty::jobs`], sorted by customer and name; what cannot be read keeps its place.
    pub(super) fn jobs(&mut self, duty: &mut Duty) -> Vec<Written> {
        self.general_keys();
        let of_contract: Vec<Option<u32>> = duty.contracts.iter().map(|it| it.policy).collect();
        let (mut jobs, mut written, mut gaps) = (Vec::new(), Vec::new(), Gaps::default());
        for (customer, number) in self.desk.library.draft.customers.iter().zip(0..) {
            let zone = duty.customers.get(number as usize).map(|it| it.zone.clone());
            let zone = zone.unwrap_or_else(|| self.zone.clone());
            let first = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
            let owner = Owner { number, customer, zone, first };
            for named in &customer.watchdogs {
                let key = self.view(named.key);
                if jobs.len() >= JOBS_MAX {
                    let what = format!("more than {JOBS_MAX} watchdogs");
                    self.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
                    return Vec::new();
                }
                let (job, promise) = self.job(&owner, named, &of_contract);
                self.tolerances(&job, &promise, &mut gaps);
                self.intake_needed(&job, &promise, &duty.intakes);
                let place_of = |key: &str| promise.settings.get(key).map(first_line);
                written.push(Written {
                    key: key.place(),
                    expect: place_of("expect"),
                    trust: place_of("trust"),
                });
                jobs.push(job);
            }
        }
        self.circles_of_jobs(&jobs, &written);
        self.same_secrets(&jobs, &written);
        duty.jobs = jobs.into_iter().map(Arc::new).collect();
        written
    }

    /// Looks at what is written for all watchdogs of a layer, whether there are any or not.
    fn general_keys(&mut self) {
        let draft = self.desk.library.draft;
        let known: Vec<&str> = KEYS.iter().copied().filter(|it| !OF_ONE.contains(it)).collect();
        let templates = draft.templates.iter().map(|it| it.body);
        let customers = draft.customers.iter().flat_map(|it| it.bodies.iter().copied());
        for at in draft.defaults.into_iter().chain(templates).chain(customers) {
            if let Some(map) = Self::get(self.view(at), "watchdog") {
                self.is_map(map, "`watchdog`", &known);
            }
        }
    }

    fn job(
        &mut self,
        owner: &Owner<'a>,
        named: &Named,
        of_contract: &[Option<u32>],
    ) -> (Job, Promise<'a>) {
        let (key, body) = (self.view(named.key), self.view(named.body));
        let mut job = blank(owner, named, self.rule_at(key));
        if !body.is_map() {
            self.add(shape(body, "a watchdog is a map: `{ ping: yes, expect: every 1h }`"));
            return (job, Promise { key, body, settings: Settings::default() });
        }
        keys::only(body, "a watchdog", KEYS, self.report);
        self.is_free(owner.customer, &named.name, key);
        let host = self.on(owner.customer, body, &mut job);
        let library = self.desk.library;
        let settings = Settings::of(library, owner.customer, host, named, self.report);
        let promise = Promise { key, body, settings };
        self.inherited(&promise, of_contract, &mut job);
        self.kind(&promise, &mut job);
        self.schedule(owner, &promise, &mut job);
        self.judged(&promise, &mut job);
        if job.kind == JobKind::Machine {
            self.hears(&promise, &mut job);
        }
        (job, promise)
    }

    /// No watchdog is called like a host: both are `customer/name`.
    fn is_free(&mut self, customer: &CustomerDraft, name: &str, key: View<'_>) {
        if let Some(host) = customer.host(name) {
            let host = self.view(host.key);
            let what = format!("a host and a watchdog are called {}", quoted(name));
            self.add(
                Diagnostic::new(Code::NameTaken, what)
                    .at(key.place())
                    .label("the watchdog")
                    .also(host.place(), "the host")
                    .help("both would be the same full name; call the watchdog by what it does"),
            );
        }
    }

    /// `erp-db`, `host/erp-db`, `erp-db/postgres`, `-/shop`.
    fn on(
        &mut self,
        customer: &'a CustomerDraft,
        body: View<'a>,
        job: &mut Job,
    ) -> Option<&'a HostDraft> {
        let view = Self::get(body, "on")?;
        let text = self.text(view)?;
        let name = text.strip_prefix("host/").unwrap_or(&text);
        let (host, service) = match name.split_once('/') {
            Some((host, service)) => (host, Some(service)),
            None => (name, None),
        };
        let incomplete = self.desk.library.draft.incomplete;
        let found = customer.host(host);
        let services: Vec<String> = match (host, found) {
            (model::Service::NO_HOST, _) => {
                customer.services.iter().map(|it| it.name.to_string()).collect()
            }
            (_, Some(found)) => {
                let library = self.desk.library;
                // What is wrong with them is reported where they are planned.
                let mut report = crate::diagnostic::Report::default();
                let base = library.base(customer, Some(found), &mut report);
                let all = library.services_of_host(&base, found, &mut report);
                all.keys().map(|it| (*it).to_owned()).collect()
            }
            (_, None) if incomplete => return None,
            (_, None) => {
                let near = words::nearest(host, customer.hosts.iter().map(|it| &*it.name));
                self.add(
                    Diagnostic::new(Code::UnknownHost, format!("unknown host {}", quoted(host)))
                        .at(super::clerk::place_of(host, view))
                        .label(format!("{} has no host of this name", quoted(&customer.name)))
                        .maybe_help(near.map(|it| format!("did you mean {}?", quoted(it)))),
                );
                return None;
            }
        };
        if let Some(service) = service.filter(|it| !services.iter().any(|all| all == it)) {
            if !incomplete {
                let near = words::nearest(service, services.iter().map(String::as_str));
                let place = super::clerk::place_of(service, view);
                self.add(unknown("service", service, place, near.map(str::to_owned)));
            }
            return found;
        }
        job.on = Some(format!("{}/{name}", customer.name).into());
        found
    }

    /// What everything inherits.
    fn inherited(&mut self, promise: &Promise<'a>, of_contract: &[Option<u32>], job: &mut Job) {
        let (library, filler) = (self.desk.library, self.filler());
        let layers = &promise.settings.layers;
        let assigner = Assigner { library, filler, names: self.desk.names, of_contract };
        let assigned = assigner.assign(layers, self.report);
        (job.policy, job.contract) = (assigned.policy, assigned.contract);
        if let Some(merged) = labels::merge(library, filler, layers, self.report) {
            let texts = &self.desk.settler.interner;
            let pairs = merged.iter().map(|(name, it)| (texts.text(name), texts.text(&it.text)));
            job.labels = texts.labels(pairs.collect());
        }
    }

    /// A machine or a person, and what is the same for both.
    fn kind(&mut self, promise: &Promise<'a>, job: &mut Job) {
        let flag = |clerk: &mut Self, key: &str| {
            let view = promise.settings.get(key);
            view.and_then(|it| clerk.word(it, words::flag)).unwrap_or_default()
        };
        job.paused = flag(self, "paused");
        if flag(self, "person") {
            job.kind = JobKind::Person;
            job.trust = Trust::default();
            for (key, _) in promise.body.pairs() {
                let Some(name) = key.text().filter(|it| OF_MACHINES.contains(it)) else { continue };
                let what = format!("{} does not belong to a duty of people", quoted(name));
                self.add(
                    Diagnostic::new(Code::Misplaced, what)
                        .at(key.place())
                        .label("a person ticks it off; no mail and no ping is waited for"),
                );
            }
        }
        if let Some(view) = promise.settings.get("runbook")
            && let Some(text) = self.text(view)
        {
            if text.len() > RUNBOOK_BYTES_MAX {
                let what = format!("a text of more than {} KiB", RUNBOOK_BYTES_MAX / 1024);
                self.add(Diagnostic::new(Code::Value, what).at(first_line(view)));
            }
            job.runbook = text;
        }
    }

    /// When its runs are due.
    fn schedule(&mut self, owner: &Owner<'a>, promise: &Promise<'a>, job: &mut Job) {
        let said = &promise.settings;
        // As for a service: any layer may name it.
        let zone = last_named(self.desk.library, &said.layers, "timezone");
        let zone = zone.and_then(|(_, it)| self.word(it, words::time_zone));
        let zone = zone.map_or_else(|| owner.zone.clone(), |it| it.name);
        job.schedule.zone = zone.clone();
        job.hears.zone = zone.clone();
        if let Some(view) = said.get("reporting")
            && let Some(found) = self.word(view, words::reporting)
        {
            job.reporting = found;
        }
        let after = Self::get(promise.body, "after");
        if let Some(view) = after {
            job.after = self.after(owner, view);
        }
        let own = Self::get(promise.body, "expect");
        let expect = if after.is_some() { own } else { said.get("expect") };
        match (expect, after) {
            (Some(expect), Some(after)) => self.add(
                Diagnostic::new(Code::Clash, "a watchdog is due once, not twice")
                    .at(first_line(expect))
                    .label("here at times of its own")
                    .also(after.place(), "here behind another one")
                    .help("leave one of them out"),
            ),
            (Some(view), None) if view.plain() == Some("learn") => job.learns = true,
            (Some(view), None) => {
                if let Some(found) = self.expect(view, &zone) {
                    job.schedule = found;
                }
            }
            (None, Some(_)) => {}
            (None, None) if is_silent(job.reporting) => {}
            (None, None) => {
                self.required(promise.key, promise.body, "expect", "expect: daily by 06:30");
            }
        }
        self.holidays_of(promise, job);
    }

    fn expect(&mut self, view: View<'a>, zone: &str) -> Option<Schedule> {
        if view.is_map() {
            self.add(shape(view, "when it is due: `daily by 06:30`, a list of such, or `learn`"));
            return None;
        }
        let items = view.items();
        let texts: Vec<Arc<str>> = items.iter().filter_map(|it| self.text(*it)).collect();
        if texts.len() != items.len() {
            return None;
        }
        let all: Vec<&str> = texts.iter().map(|it| &**it).collect();
        match calendar::schedules(&all, zone) {
            Ok(found) => Some(found),
            Err((place, fault)) => {
                let at = items.get(place).copied().unwrap_or(view);
                self.add(self.fault(at, fault.into()));
                None
            }
        }
    }

    fn holidays_of(&mut self, promise: &Promise<'a>, job: &mut Job) {
        let said = &promise.settings;
        let calendar = said.get("calendar");
        if let Some(view) = calendar
            && let Some(text) = self.text(view)
        {
            let name = match text.starts_with("holidays/") {
                true => text.to_string(),
                false => format!("holidays/{text}"),
            };
            let found = self.called(&name, Section::Calendars, view);
            let days = found.and_then(|it| self.holidays.get(it as usize));
            job.schedule.holidays = days.cloned().unwrap_or_default();
        }
        let known = [
            ("keep", OnHoliday::Keep),
            ("skip", OnHoliday::Skip),
            ("previous", OnHoliday::Previous),
            ("next", OnHoliday::Next),
        ];
        let Some(view) = said.get("holidays") else { return };
        let Some(shift) = self.choice(view, &known) else { return };
        job.schedule.on_holidays = shift;
        if shift != OnHoliday::Keep && calendar.is_none() {
            self.add(
                Diagnostic::new(Code::Missing, "`calendar:` is missing")
                    .at(view.place())
                    .label("nobody says which days are holidays")
                    .help("write it like `calendar: holidays/BY`"),
            );
        }
    }

    /// `veeam nightly + 1h`.
    fn after(&mut self, owner: &Owner<'a>, view: View<'a>) -> Option<After> {
        let (name, offset) = self.word(view, words::behind)?;
        let all = &owner.customer.watchdogs;
        let Ok(place) = all.binary_search_by(|it| (*it.name).cmp(&name)) else {
            if !self.desk.library.draft.incomplete {
                let near = words::nearest(&name, all.iter().map(|it| &*it.name));
                let what = format!("unknown watchdog {}", quoted(&name));
                self.add(
                    Diagnostic::new(Code::UnknownWatchdog, what)
                        .at(super::clerk::place_of(&name, view))
                        .label(format!("{} has none of this name", quoted(&owner.customer.name)))
                        .maybe_help(near.map(|it| format!("did you mean {}?", quoted(it)))),
                );
            }
            return None;
        };
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Some(After { job: owner.first.saturating_add(place), offset })
    }

    fn circles_of_jobs(&mut self, jobs: &[Job], written: &[Written]) {
        let next: Vec<Option<u32>> =
            jobs.iter().map(|it| it.after.as_ref().map(|it| it.job)).collect();
        for at in circles(&next) {
            self.add(
                Diagnostic::new(Code::AfterLoop, "watchdogs run behind each other in a circle")
                    .at(written[at].key)
                    .label("this closes the circle")
                    .note(chain(at, &next, |it| jobs[it].name.to_string())),
            );
        }
    }

    /// Two watchdogs with one secret address would take each other's reports.
    fn same_secrets(&mut self, jobs: &[Job], written: &[Written]) {
        let mut known: HashMap<(&str, u32), Place> = HashMap::new();
        let machines = jobs.iter().zip(written).filter(|it| it.0.kind == JobKind::Machine);
        for (job, written) in machines {
            let Hears { secret_id, secret_number, .. } = &job.hears;
            match known.get(&(&**secret_id, *secret_number)) {
                Some(first) => self.report.add(
                    Diagnostic::new(Code::Clash, "two watchdogs have the same secret address")
                        .at(written.key)
                        .label("the second one")
                        .also(*first, "the first one")
                        .help("give one of them another `secret: { id: … }`"),
                ),
                None => drop(known.insert((&**secret_id, *secret_number), written.key)),
            }
        }
    }
}

/// Is silence nothing that a time must be written for?
fn is_silent(reporting: Reporting) -> bool {
    matches!(reporting, Reporting::FailuresOnly | Reporting::WhenOnline { .. })
}

/// A watchdog of which nothing is known but its name.
fn blank(owner: &Owner<'_>, named: &Named, at: model::RuleAt) -> Job {
    let name: Arc<str> = format!("{}/{}", owner.customer.name, named.name).into();
    Job {
        customer: owner.number,
        at,
        schedule: Schedule { zone: owner.zone.clone(), ..Schedule::default() },
        hears: Hears {
            secret_id: name.clone(),
            secret_number: 1,
            zone: owner.zone.clone(),
            ..Hears::default()
        },
        name,
        ..Job::default()
    }
}
