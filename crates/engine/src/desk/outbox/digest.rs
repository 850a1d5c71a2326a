//! A digest: one message that lists several alerts, all of them.

use std::{collections::BTreeMap, sync::Arc};

use model::{
    Alert, AlertKey, AlertKind, AlertState, Content, Member, Moment, ProblemId, Route, Severity,
    Status,
};

pub(super) use crate::desk::steps::DIGEST_STEP;

/// Alerts in one digest; what is over goes into the next one.
pub(crate) const DIGEST_MEMBERS_MAX: usize = 1_000;

/// Bytes of labels in one digest, which bounds its row and its message; what is over goes into the
/// next one.
pub(crate) const DIGEST_LABEL_BYTES_MAX: usize = 1 << 20;

/// Names in the title of a digest.
const NAMES_IN_TITLE_MAX: usize = 3;

/// A digest of `alerts`, which are at least one, to `route`.
pub(super) fn digest_of(key: AlertKey, route: &Route, alerts: &[Alert], now: Moment) -> Alert {
    let members: Vec<Member> = alerts.iter().map(member_of).collect();
    let worst = members.iter().max_by_key(|it| it.severity);
    let over = members.iter().all(|it| it.kind == AlertKind::Resolve);
    let ended_at = alerts.iter().filter_map(|it| it.content.ended_at).max().filter(|_| over);
    let content = Content {
        about: None,
        customer: common(alerts, |it| &it.content.customer),
        customer_title: common(alerts, |it| &it.content.customer_title),
        labels: common_labels(alerts),
        status: worst.map_or(Status::Critical, |it| it.status),
        severity: worst.map_or(Severity::Critical, |it| it.severity),
        text: Arc::from(""),
        flapping: false,
        since: members.iter().map(|it| it.since).min().unwrap_or(now),
        ended_at,
        symptoms: Vec::new(),
        symptoms_count: 0,
        by: Arc::from(""),
        title: title_of(&members),
        members,
    };
    Alert {
        key,
        route: route.clone(),
        kind: kind_of(&content.members),
        problem: ProblemId(0),
        ordinal: 0,
        step: DIGEST_STEP,
        owed_at: alerts.iter().map(|it| it.owed_at).min().unwrap_or(now),
        not_before: now,
        expires_at: alerts.iter().map(|it| it.expires_at).max().unwrap_or(now),
        attempts: 0,
        may_have_arrived: false,
        fault: String::new(),
        state: AlertState::Waiting,
        content,
    }
}

/// What a digest of `members` says: the most urgent that one of them does.
pub(super) fn kind_of(members: &[Member]) -> AlertKind {
    members.iter().map(|it| it.kind).min().unwrap_or(AlertKind::Trigger)
}

/// `3 alerts: acme/web, acme/db/disk, acme/mail`.
pub(super) fn title_of(members: &[Member]) -> String {
    let names: Vec<&str> =
        members.iter().take(NAMES_IN_TITLE_MAX).map(|it| it.name.as_str()).collect();
    let more = if members.len() > names.len() { ", …" } else { "" };
    let noun = if members.len() == 1 { "alert" } else { "alerts" };
    format!("{} {noun}: {}{more}", members.len(), names.join(", "))
}

fn member_of(alert: &Alert) -> Member {
    let content = &alert.content;
    // What is new about a call stands in its title, whatever the call is about.
    let is_case = matches!(alert.kind, AlertKind::Call | AlertKind::Message | AlertKind::Window);
    let about = content.about.as_ref().filter(|_| !is_case);
    let name = about.map_or_else(|| content.title.clone(), model::About::name);
    Member {
        key: alert.key,
        kind: alert.kind,
        problem: alert.problem,
        ordinal: alert.ordinal,
        about: content.about.clone(),
        name,
        labels: content.labels.clone(),
        status: content.status,
        severity: content.severity,
        text: Arc::clone(&content.text),
        since: content.since,
        ended_at: content.ended_at,
    }
}

/// How many of the alerts with labels of so many bytes fit into one digest; the first always does.
pub(super) fn fitting(sizes: impl Iterator<Item = usize>) -> usize {
    let mut room = DIGEST_LABEL_BYTES_MAX;
    let fits = |size: usize| {
        room = room.checked_sub(size)?;
        Some(())
    };
    sizes.take(DIGEST_MEMBERS_MAX).map_while(fits).count().max(1)
}

/// What all have in common, or nothing.
fn common(alerts: &[Alert], of: impl Fn(&Alert) -> &Arc<str>) -> Arc<str> {
    let Some(first) = alerts.first().map(&of) else { return Arc::from("") };
    if alerts.iter().all(|it| of(it) == first) { Arc::clone(first) } else { Arc::from("") }
}

fn common_labels(alerts: &[Alert]) -> BTreeMap<Arc<str>, Arc<str>> {
    let Some((first, others)) = alerts.split_first() else { return BTreeMap::new() };
    let mut labels = first.content.labels.clone();
    for other in others {
        labels.retain(|name, value| other.content.labels.get(name) == Some(value));
    }
    labels
}
