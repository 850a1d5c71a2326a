//! Alerts as Prometheus and Alertmanager know them: labels that say what, annotations that say why.
//!
//! There the labels are the identity. Ours are made from the name of what an alert is about, its
//! severity and the labels an admin gave it. A change of severity is therefore a new event there,
//! and the one before it has to be ended, which [`events`] does.

use std::collections::BTreeMap;

use model::{About, AlertKind, Moment, Severity};

use crate::{letter::Letter, text::one_line};

/// Characters of one value, as people want to see it in a list.
const VALUE_BYTES_MAX: usize = 1000;

/// Names that an admin's labels cannot take over.
const RESERVED: [&str; 7] = ["alertname", "customer", "site", "host", "service", "severity", "own"];

/// One alert in Alertmanager's sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) starts_at: Moment,
    /// `None` while it fires.
    pub(crate) ends_at: Option<Moment>,
}

impl Event {
    /// Names its labels, as Alertmanager does.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.labels)
    }
}

/// FNV-1a over the sorted label pairs, each name and value followed by the byte 0xFF.
pub(crate) fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let mut hash = 14_695_981_039_346_656_037_u64;
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
        }
    }
    format!("{hash:016x}")
}

/// What an alert says, the main thing first. A digest is its members, each with the labels that it
/// has alone: a receiver that goes by labels cannot tell the difference.
pub(crate) fn events(letter: &Letter<'_>) -> Vec<Event> {
    let apart = letter.alert.apart();
    if apart.is_empty() {
        return of_one(letter);
    }
    apart.iter().flat_map(|alert| of_one(&Letter { alert, ..*letter })).collect()
}

fn of_one(letter: &Letter<'_>) -> Vec<Event> {
    let (alert, content) = (letter.alert, letter.content());
    let is_over = matches!(alert.kind, AlertKind::Resolve | AlertKind::Missed);
    let ends_at = is_over.then(|| content.ended_at.unwrap_or(alert.owed_at));
    let mut labels = labels_of(letter);
    let severities = severities(content.about.as_ref());
    let Some(severity) = severity(letter) else {
        labels.insert("severity".to_owned(), "none".to_owned());
        return vec![event(letter, labels, ends_at)];
    };
    labels.insert("severity".to_owned(), severity.word().to_owned());
    let mut events = vec![event(letter, labels.clone(), ends_at)];
    // Before the second trigger, and before the first resolve, there was only this one.
    let first_change = if is_over { 2 } else { 1 };
    // A reminder changes nothing.
    if alert.ordinal >= first_change && alert.kind != AlertKind::Reminder {
        for other in severities.iter().filter(|it| **it != severity) {
            labels.insert("severity".to_owned(), other.word().to_owned());
            let ended = ends_at.unwrap_or(alert.owed_at);
            events.push(event(letter, labels.clone(), Some(ended)));
        }
    }
    events
}

/// `None` for what is about no problem.
fn severity(letter: &Letter<'_>) -> Option<Severity> {
    match letter.alert.kind {
        AlertKind::Heartbeat | AlertKind::Test | AlertKind::Window => None,
        _ => Some(letter.content().severity),
    }
}

/// The severities that it can have had.
fn severities(about: Option<&About>) -> &'static [Severity] {
    match about {
        Some(About::Checkable(name)) if name.matches('/').count() == 1 => &[Severity::Down],
        Some(About::Checkable(_) | About::Job(_)) => {
            &[Severity::Warning, Severity::Unknown, Severity::Critical]
        }
        Some(About::Site(_)) => &[Severity::Down],
        Some(About::Outage(_)) => &[Severity::Critical],
        Some(About::Own(_)) => &[Severity::Warning, Severity::Critical],
        None => &[],
    }
}

fn event(letter: &Letter<'_>, labels: BTreeMap<String, String>, ends_at: Option<Moment>) -> Event {
    let content = letter.content();
    let mut annotations = BTreeMap::new();
    let symptoms = match content.symptoms_count {
        0 => String::new(),
        count => format!("{count}: {}", content.symptoms.join(", ")),
    };
    for (name, text) in [
        ("summary", letter.built_in_title()),
        ("description", content.text.to_string()),
        ("customer_title", content.customer_title.to_string()),
        ("status", content.status.word().to_owned()),
        ("acknowledged_by", acknowledged_by(letter)),
        ("symptoms", symptoms),
        ("problem", letter.problem_key()),
    ] {
        let text = one_line(&text, VALUE_BYTES_MAX);
        if !text.is_empty() {
            annotations.insert(name.to_owned(), text);
        }
    }
    Event { labels, annotations, starts_at: content.since, ends_at }
}

fn acknowledged_by(letter: &Letter<'_>) -> String {
    match letter.alert.kind {
        AlertKind::Acknowledged => letter.content().by.to_string(),
        _ => String::new(),
    }
}

fn labels_of(letter: &Letter<'_>) -> BTreeMap<String, String> {
    let content = letter.content();
    let mut labels = match letter.alert.kind {
        AlertKind::Heartbeat => named("Watchdog"),
        AlertKind::Test => named("CampanileTest"),
        AlertKind::Window => named("CampanileWindow"),
        AlertKind::Call | AlertKind::Message => named("CampanileCall"),
        AlertKind::Question => named("CampanileQuestion"),
        _ => named("CampanileProblem"),
    };
    if let Some(about) = &content.about {
        let told = subject(about);
        // A call or a question about something is not the problem itself.
        let keep = labels["alertname"] != "CampanileProblem";
        labels.extend(told.into_iter().filter(|(name, _)| !keep || name != "alertname"));
    }
    for (name, value) in &content.labels {
        let name = label_name(name);
        let value = one_line(value, VALUE_BYTES_MAX);
        if !RESERVED.contains(&&*name) && !name.starts_with("__") && !value.is_empty() {
            labels.entry(name).or_insert(value);
        }
    }
    labels
}

fn named(alertname: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("alertname".to_owned(), alertname.to_owned())])
}

/// The labels that name a thing.
fn subject(about: &About) -> BTreeMap<String, String> {
    let (alertname, names, text): (&str, &[&str], &str) = match about {
        About::Job(job) => ("WatchdogProblem", &["customer", "watchdog"], job),
        About::Own(own) => ("CampanileOwn", &["own"], own),
        About::Outage(outage) => ("Outage", &["outage"], outage),
        About::Site(site) => ("SiteDown", &["customer", "site"], site),
        About::Checkable(name) if name.matches('/').count() > 1 => {
            ("ServiceProblem", &["customer", "host", "service"], name)
        }
        About::Checkable(name) => ("HostDown", &["customer", "host"], name),
    };
    let mut labels = named(alertname);
    for (name, value) in names.iter().zip(text.splitn(names.len(), '/')) {
        let value = one_line(value, VALUE_BYTES_MAX);
        if !value.is_empty() {
            labels.insert((*name).to_owned(), value);
        }
    }
    labels
}

/// A name that Prometheus allows: other characters become `_`.
fn label_name(name: &str) -> String {
    let allowed = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let mut name: String = name.chars().map(|it| if allowed(it) { it } else { '_' }).collect();
    if !name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_') {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Contact, testing};

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fingerprints_are_those_of_alertmanager() {
        assert_eq!(fingerprint(&map(&[])), "cbf29ce484222325");
        let real = [("alertname", "DemoAlert"), ("server", "ni3"), ("severity", "critical")];
        assert_eq!(fingerprint(&map(&real)), "8a07086b74f3ba78");
        let down = [
            ("alertname", "HostDown"),
            ("instance", "10.0.0.1"),
            ("job", "icmp"),
            ("severity", "critical"),
        ];
        assert_eq!(fingerprint(&map(&down)), "b649d79641aea3e1");
    }

    #[test]
    fn the_resolve_has_the_identity_of_the_trigger() {
        let world = testing::world();
        let contact = Contact::everybody();
        let fingerprints = |kind| {
            let alert = testing::alert(kind);
            let letter = Letter { world: &world, alert: &alert, contact: &contact };
            let events = events(&letter);
            events.iter().map(|it| (it.fingerprint(), it.ends_at.is_some())).collect::<Vec<_>>()
        };
        let (fired, over) = (fingerprints(AlertKind::Trigger), fingerprints(AlertKind::Resolve));
        assert_eq!(fired.len(), 1);
        assert_eq!(over.len(), 1);
        assert_eq!(
            (fired[0].0.clone(), over[0].0.clone()),
            (over[0].0.clone(), fired[0].0.clone())
        );
        assert_eq!((fired[0].1, over[0].1), (false, true));
    }

    #[test]
    fn a_change_of_severity_ends_what_it_may_have_been_before() {
        let world = testing::world();
        let contact = Contact::everybody();
        let mut alert = testing::alert(AlertKind::Trigger);
        alert.ordinal = 1;
        let letter = Letter { world: &world, alert: &alert, contact: &contact };
        let told: Vec<_> = events(&letter)
            .into_iter()
            .map(|it| (it.labels["severity"].clone(), it.ends_at.is_some()))
            .collect();
        let expected = [("critical", false), ("warning", true), ("unknown", true)];
        assert_eq!(told, expected.map(|(word, ended)| (word.to_owned(), ended)));
    }

    #[test]
    fn an_admins_labels_come_along_and_take_nothing_over() {
        let world = testing::world();
        let mut alert = testing::alert(AlertKind::Trigger);
        for (name, value) in [("severity", "none"), ("my-team", "a"), ("9x", "b"), ("empty", "")] {
            alert.content.labels.insert(name.into(), value.into());
        }
        let contact = Contact::everybody();
        let letter = Letter { world: &world, alert: &alert, contact: &contact };
        let labels = events(&letter).remove(0).labels;
        let expected = map(&[
            ("alertname", "ServiceProblem"),
            ("customer", "acme"),
            ("host", "web"),
            ("service", "http"),
            ("severity", "critical"),
            ("team", "web"),
            ("my_team", "a"),
            ("_9x", "b"),
        ]);
        assert_eq!(labels, expected);
    }
    #[test]
    fn a_member_of_a_digest_has_the_labels_and_fingerprint_that_it_has_alone() {
        let world = testing::world();
        let contact = Contact::everybody();
        let mut alone = testing::alert(AlertKind::Trigger);
        for kind in [AlertKind::Trigger, AlertKind::Resolve, AlertKind::Call, AlertKind::Window] {
            for ordinal in [0, 3] {
                let told = testing::alert(kind);
                alone.content.about = told.content.about.clone();
                alone.content.labels.insert("my-team".into(), "a".into());
                (alone.kind, alone.ordinal) = (kind, ordinal);
                alone.content.ended_at = told.content.ended_at;
                if kind == AlertKind::Window {
                    alone.content.about = None;
                }
                let digest = testing::digest_of(&[&alone, &told]);
                let of = |alert: &model::Alert| {
                    let letter = Letter { world: &world, alert, contact: &contact };
                    let told = events(&letter).into_iter();
                    told.map(|it| (it.fingerprint(), it.labels, it.ends_at)).collect::<Vec<_>>()
                };
                let (alone, listed) = (of(&alone), of(&digest));
                assert_eq!(alone, listed[..alone.len()], "{kind:?} {ordinal}");
            }
        }
    }
}
