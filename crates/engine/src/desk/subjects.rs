//! Who is watched, what is believed of each, and who explains whom.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use model::{
    CheckableId, Duty, Measure, MeasureSpec, Measured, Moment, Passage, ProblemId, Reading,
    Service, StateType, Status, Subject, Transition,
};

/// Steps kept of one that is not well, for evidence.
pub(crate) const PASSAGES_MAX: usize = 16;

/// One host or service with what is believed of it.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) subject: Subject,
    pub(crate) status: Status,
    pub(crate) kind: StateType,
    pub(crate) flapping: bool,
    /// Why it is not well.
    pub(crate) text: Arc<str>,
    pub(crate) last_good: Option<Moment>,
    /// Its last steps since all was well.
    pub(crate) passages: Vec<Passage>,
    /// What the look measured that changed it last.
    pub(crate) values: Vec<Measured>,
    /// The open problem about it.
    pub(crate) problem: Option<ProblemId>,
    /// The open problem that explains it.
    pub(crate) symptom_of: Option<ProblemId>,
    /// Its services, or the hosts behind it: whom it may explain.
    pub(crate) below: Vec<CheckableId>,
}

impl Watched {
    fn new(subject: Subject) -> Self {
        let status = if subject.of_host { Status::Up } else { Status::Ok };
        Self {
            subject,
            status,
            kind: StateType::Hard,
            flapping: false,
            text: Arc::from(""),
            last_good: None,
            passages: Vec::new(),
            values: Vec::new(),
            problem: None,
            symptom_of: None,
            below: Vec::new(),
        }
    }

    /// Is something believed that deserves a problem?
    pub(crate) fn is_believed_bad(&self) -> bool {
        self.flapping || self.kind == StateType::Hard && !self.status.is_fine()
    }

    pub(crate) fn take_in(&mut self, it: &Transition) {
        let text = it.cause.as_ref().map(|cause| Arc::from(cause.to_string()));
        self.note(it.at, it.to.status, it.to.kind, text.unwrap_or_default());
        self.flapping = it.flapping;
        if !it.measures.is_empty() || it.to.status.is_fine() {
            let all = self.subject.measures;
            self.values = it.measures.iter().filter_map(|it| measured(all, it)).collect();
        }
    }

    pub(crate) fn note(&mut self, at: Moment, status: Status, kind: StateType, text: Arc<str>) {
        let was_fine = self.status.is_fine();
        if was_fine && !status.is_fine() {
            self.last_good = Some(at);
            self.passages.clear();
        }
        (self.status, self.kind) = (status, kind);
        if !status.is_fine() {
            self.text = Arc::clone(&text);
        }
        if self.passages.len() == PASSAGES_MAX {
            // The first ones say how it began, the last ones how it stands.
            self.passages.remove(PASSAGES_MAX / 2);
        }
        self.passages.push(Passage { at, status, hard: kind == StateType::Hard, text });
    }
}

/// A value with its name. `None` for one that is no number: it could not be kept, and says nothing.
fn measured(all: &[MeasureSpec], it: &Measure) -> Option<Measured> {
    let spec = all.get(usize::from(it.index))?;
    if matches!(it.reading, Reading::Number(value) if !value.is_finite()) {
        return None;
    }
    Some(Measured { name: Arc::from(spec.name), reading: it.reading.clone(), unit: spec.unit })
}

/// How many hosts of a site there are, and how they stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SiteTally {
    pub(crate) hosts: u32,
    /// Not up, soft news included; those behind a dead parent do not count.
    pub(crate) failing: u32,
    /// Believed down.
    pub(crate) down: u32,
    /// The open problem about the whole site.
    pub(crate) problem: Option<ProblemId>,
}

/// Everybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    all: BTreeMap<CheckableId, Watched>,
    names: BTreeMap<Arc<str>, CheckableId>,
    pub(crate) sites: Vec<SiteTally>,
    site_hosts: Vec<Vec<CheckableId>>,
}

impl Directory {
    pub(crate) fn get(&self, id: CheckableId) -> Option<&Watched> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: CheckableId) -> Option<&mut Watched> {
        self.all.get_mut(&id)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Watched> {
        self.all.get(self.names.get(name)?)
    }

    pub(crate) fn id_of(&self, name: &str) -> Option<CheckableId> {
        self.names.get(name).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (CheckableId, &Watched)> {
        self.all.iter().map(|(id, it)| (*id, it))
    }

    /// Everybody of one customer: their names have its own before them.
    pub(crate) fn of_customer(
        &self,
        customer: &str,
    ) -> impl Iterator<Item = (CheckableId, &Watched)> {
        let folder = format!("{customer}/");
        let from = (Bound::Included(folder.as_str()), Bound::Unbounded);
        let behind = self.names.range::<str, _>(from);
        let ids = behind.take_while(move |it| it.0.starts_with(&folder)).map(|it| *it.1);
        ids.filter_map(|id| Some((id, self.all.get(&id)?)))
    }

    pub(crate) fn hosts_of_site(&self, site: u32) -> &[CheckableId] {
        self.site_hosts.get(site as usize).map(|it| &**it).unwrap_or_default()
    }

    /// Replaces who is watched. What is believed of those that stay stays. Returns those that went.
    pub(crate) fn arrange(&mut self, subjects: Vec<Subject>, duty: &Duty) -> Vec<Watched> {
        let mut before = std::mem::take(&mut self.all);
        self.names.clear();
        self.sites = vec![SiteTally::default(); duty.sites.len()];
        self.site_hosts = vec![Vec::new(); duty.sites.len()];
        let mut below: Vec<(CheckableId, CheckableId)> = Vec::new();
        for subject in subjects {
            let id = subject.id;
            below.extend(subject.host.iter().chain(&*subject.parents).map(|it| (*it, id)));
            self.names.insert(Arc::clone(&subject.name), id);
            let watched = match before.remove(&id) {
                Some(it) if it.subject.name == subject.name => {
                    Watched { subject, below: Vec::new(), ..it }
                }
                Some(other) => {
                    before.insert(id, other);
                    Watched::new(subject)
                }
                None => Watched::new(subject),
            };
            self.all.insert(id, watched);
        }
        for (above, id) in below {
            if let Some(it) = self.all.get_mut(&above) {
                it.below.push(id);
            }
        }
        self.tally_sites();
        before.into_values().collect()
    }

    fn tally_sites(&mut self) {
        for (id, it) in &self.all {
            let Some(site) = it.subject.site.filter(|_| it.subject.of_host) else { continue };
            let Some(tally) = self.sites.get_mut(site as usize) else { continue };
            tally.hosts += 1;
            tally.failing += u32::from(fails(it.status));
            tally.down += u32::from(is_down(it.status, it.kind));
            self.site_hosts[site as usize].push(*id);
        }
    }

    /// Takes in a change and counts it for its site.
    pub(crate) fn change(&mut self, id: CheckableId, change: impl FnOnce(&mut Watched)) {
        let Some(it) = self.all.get_mut(&id) else { return };
        let before = (it.status, it.kind);
        change(it);
        let Some(site) = it.subject.site.filter(|_| it.subject.of_host) else { return };
        let Some(tally) = self.sites.get_mut(site as usize) else { return };
        let step = |count: &mut u32, was: bool, is: bool| {
            *count = (*count + u32::from(is)).saturating_sub(u32::from(was));
        };
        step(&mut tally.failing, fails(before.0), fails(it.status));
        step(&mut tally.down, is_down(before.0, before.1), is_down(it.status, it.kind));
    }

    /// What `label` says of a checkable: one of its labels, or one of the names that every one has.
    pub(crate) fn label<'a>(watched: &'a Watched, duty: &'a Duty, label: &str) -> &'a str {
        let subject = &watched.subject;
        let mut parts = subject.name.splitn(3, '/');
        let (customer, host) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let service = parts.next().unwrap_or("");
        match label {
            "customer" => customer,
            "host" if host == Service::NO_HOST => "",
            "host" => host,
            "service" => service,
            "name" => &subject.name,
            "site" => site_of(subject, duty),
            _ => subject.labels.iter().find(|it| &*it.0 == label).map_or("", |it| &it.1),
        }
    }
}

/// The name of its site; empty if it stands at none.
pub(crate) fn site_of<'a>(subject: &Subject, duty: &'a Duty) -> &'a str {
    subject.site.and_then(|it| duty.sites.get(it as usize)).map_or("", |it| &it.name)
}

fn fails(status: Status) -> bool {
    status == Status::Down
}

fn is_down(status: Status, kind: StateType) -> bool {
    status == Status::Down && kind == StateType::Hard
}
