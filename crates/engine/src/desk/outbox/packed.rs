//! A waiting alert in as few bytes as will do.
//!
//! A hundred thousand of them may wait for a receiver that is down, so what an [`Alert`] holds in
//! maps and growable lists is held here in slices of exactly the right length, what many have in
//! common only once, and the route by number.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    About, Alert, AlertKey, AlertKind, AlertState, Content, Member, Moment, ProblemId, Route,
    Severity, Status,
};

/// A waiting alert without its key.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    /// Where it goes: a place in the list of routes.
    pub(super) route: u32,
    pub(super) kind: AlertKind,
    pub(super) problem: ProblemId,
    pub(super) ordinal: u32,
    pub(super) step: u32,
    pub(super) owed_at: Moment,
    pub(super) not_before: Moment,
    pub(super) expires_at: Moment,
    pub(super) attempts: u32,
    /// Was there a try whose outcome is not known? The one that is in flight does not count.
    pub(super) in_doubt: bool,
    pub(super) fault: Box<str>,
    content: Box<Told>,
}

/// A [`Content`].
#[derive(Clone, Debug)]
struct Told {
    about: Option<About>,
    customer: Arc<str>,
    customer_title: Arc<str>,
    labels: Labels,
    status: Status,
    severity: Severity,
    text: Arc<str>,
    flapping: bool,
    since: Moment,
    title: Box<str>,
    rare: Option<Box<Rare>>,
}

/// Labels by name; all services of a host share theirs.
type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// The labels of all that wait, each set once.
#[derive(Debug, Default)]
pub(super) struct LabelPool(BTreeSet<Labels>);

impl LabelPool {
    fn share(&mut self, labels: BTreeMap<Arc<str>, Arc<str>>) -> Labels {
        let labels: Labels = labels.into_iter().collect();
        if let Some(it) = self.0.get(&labels) {
            return Arc::clone(it);
        }
        self.0.insert(Arc::clone(&labels));
        labels
    }

    /// To be called when `packed` does not wait any more.
    pub(super) fn forget(&mut self, packed: Packed) {
        let Told { labels, rare, .. } = *packed.content;
        let listed = rare.map_or_else(Box::default, |it| it.members);
        // One after the other: members of one digest may share a set, and the last of them takes it
        // out of the pool.
        for labels in listed.into_iter().map(|it| it.labels).chain([labels]) {
            // One here and one in the pool.
            if Arc::strong_count(&labels) <= 2 {
                self.0.remove(&labels);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What most alerts do not have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rare {
    ended_at: Option<Moment>,
    symptoms: Box<[Arc<str>]>,
    symptoms_count: u32,
    by: Box<str>,
    members: Box<[Listed]>,
}

/// A [`Member`].
#[derive(Clone, Debug, PartialEq)]
struct Listed {
    /// Without its labels.
    member: Member,
    labels: Labels,
}

impl Listed {
    fn of(mut member: Member, pool: &mut LabelPool) -> Self {
        let labels = pool.share(std::mem::take(&mut member.labels));
        Self { member, labels }
    }

    fn unpack(self) -> Member {
        Member { labels: self.labels.iter().cloned().collect(), ..self.member }
    }
}

impl Packed {
    /// What the content takes beside its texts.
    #[cfg(test)]
    pub(super) const CONTENT_BYTES: usize = size_of::<Told>();

    /// `alert`, whose route has the number `route`.
    pub(super) fn of(alert: Alert, route: u32, pool: &mut LabelPool) -> Self {
        let content = alert.content;
        let rare = Rare {
            ended_at: content.ended_at,
            symptoms: content.symptoms.into_boxed_slice(),
            symptoms_count: content.symptoms_count,
            by: Box::from(&*content.by),
            members: content.members.into_iter().map(|it| Listed::of(it, pool)).collect(),
        };
        let content = Told {
            about: content.about,
            customer: content.customer,
            customer_title: content.customer_title,
            labels: pool.share(content.labels),
            status: content.status,
            severity: content.severity,
            text: content.text,
            flapping: content.flapping,
            since: content.since,
            title: content.title.into_boxed_str(),
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
        };
        Self {
            route,
            kind: alert.kind,
            problem: alert.problem,
            ordinal: alert.ordinal,
            step: alert.step,
            owed_at: alert.owed_at,
            not_before: alert.not_before,
            expires_at: alert.expires_at,
            attempts: alert.attempts,
            in_doubt: alert.may_have_arrived,
            fault: alert.fault.into_boxed_str(),
            content: Box::new(content),
        }
    }

    /// The alert again, waiting.
    pub(super) fn unpack(&self, key: AlertKey, route: &Route) -> Alert {
        let told = &*self.content;
        let rare = told.rare.as_deref().cloned().unwrap_or_default();
        let content = Content {
            about: told.about.clone(),
            customer: Arc::clone(&told.customer),
            customer_title: Arc::clone(&told.customer_title),
            labels: told.labels.iter().cloned().collect(),
            status: told.status,
            severity: told.severity,
            text: Arc::clone(&told.text),
            flapping: told.flapping,
            since: told.since,
            ended_at: rare.ended_at,
            symptoms: rare.symptoms.into_vec(),
            symptoms_count: rare.symptoms_count,
            by: Arc::from(rare.by),
            title: told.title.to_string(),
            members: rare.members.into_iter().map(Listed::unpack).collect(),
        };
        Alert {
            key,
            route: route.clone(),
            kind: self.kind,
            problem: self.problem,
            ordinal: self.ordinal,
            step: self.step,
            owed_at: self.owed_at,
            not_before: self.not_before,
            expires_at: self.expires_at,
            attempts: self.attempts,
            may_have_arrived: self.in_doubt,
            fault: self.fault.to_string(),
            state: AlertState::Waiting,
            content,
        }
    }

    /// What it lists, if it is a digest; without labels.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.content.rare.iter().flat_map(|it| &it.members).map(|it| &it.member)
    }

    /// Is it a digest?
    pub(super) fn is_digest(&self) -> bool {
        self.members().next().is_some()
    }

    /// Bytes of its labels.
    pub(super) fn label_bytes(&self) -> usize {
        self.content.labels.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}
