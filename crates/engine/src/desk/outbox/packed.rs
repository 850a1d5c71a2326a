//! A waiting alert in as few bytes as will do.
//!
//! A hundred thousand of them may wait for a receiver that is down, so what an [`Alert`] holds in
//! maps and growable lists is held here in slices of exactly the right length, and its route by
//! number.

use std::sync::Arc;

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
    pub(super) fault: Arc<str>,
    content: Box<Told>,
}

/// A [`Content`].
#[derive(Clone, Debug)]
struct Told {
    about: Option<About>,
    customer: Arc<str>,
    customer_title: Arc<str>,
    labels: Box<[(Arc<str>, Arc<str>)]>,
    status: Status,
    severity: Severity,
    text: Arc<str>,
    flapping: bool,
    since: Moment,
    ended_at: Option<Moment>,
    symptoms: Box<[Arc<str>]>,
    symptoms_count: u32,
    by: Arc<str>,
    title: Box<str>,
    members: Box<[Member]>,
}

impl Packed {
    /// `alert`, whose route has the number `route`.
    pub(super) fn of(alert: Alert, route: u32) -> Self {
        let content = alert.content;
        let content = Told {
            about: content.about,
            customer: content.customer,
            customer_title: content.customer_title,
            labels: content.labels.into_iter().collect(),
            status: content.status,
            severity: content.severity,
            text: content.text,
            flapping: content.flapping,
            since: content.since,
            ended_at: content.ended_at,
            symptoms: content.symptoms.into_boxed_slice(),
            symptoms_count: content.symptoms_count,
            by: content.by,
            title: content.title.into_boxed_str(),
            members: content.members.into_boxed_slice(),
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
            fault: Arc::from(alert.fault),
            content: Box::new(content),
        }
    }

    /// The alert again, waiting.
    pub(super) fn unpack(&self, key: AlertKey, route: &Route) -> Alert {
        let told = &*self.content;
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
            ended_at: told.ended_at,
            symptoms: told.symptoms.to_vec(),
            symptoms_count: told.symptoms_count,
            by: Arc::clone(&told.by),
            title: told.title.to_string(),
            members: told.members.to_vec(),
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

    /// What it lists, if it is a digest.
    pub(super) fn members(&self) -> &[Member] {
        &self.content.members
    }

    /// Is it a digest?
    pub(super) fn is_digest(&self) -> bool {
        !self.content.members.is_empty()
    }
}
