//! One alert for one contact, in words.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use minijinja::{Value, value::Object};
use model::{
    About, Alert, AlertKey, AlertKind, AlertState, Content, Member, Moment, ProblemId, Route,
    Severity, Status,
};

use crate::{
    Contact, World, WorldSettings,
    template::Template,
    text::{Sink, Texts, one_line},
};

/// Bytes of one line of the built-in text.
const LINE_BYTES_MAX: usize = 1000;
/// Symptoms that the built-in text names; the others are counted.
const SYMPTOMS_NAMED_MAX: usize = 10;
/// What names the zone of the customer whom a planned window concerns.
const ZONE_LABEL: &str = "timezone";
/// What says how long a planned window lasts that begins with its outage.
const LENGTH_LABEL: &str = "lasts";
/// Characters that are kept free for the line that counts what a digest could not list.
const MORE_CHARS: usize = 40;

/// One alert for one contact, with all that a text may need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) world: &'a World,
    pub(crate) alert: &'a Alert,
    pub(crate) contact: &'a Contact,
}

impl<'a> Letter<'a> {
    pub(crate) fn content(&self) -> &'a Content {
        &self.alert.content
    }

    /// What it is about; empty for a digest, a test or a sign of life.
    pub(crate) fn name(&self) -> String {
        self.content().about.as_ref().map(About::name).unwrap_or_default()
    }

    /// Names the problem at the receiver, the same from the trigger to the resolve. An alert that
    /// is about no problem stands for itself.
    pub(crate) fn problem_key(&self) -> String {
        if self.alert.problem == ProblemId(0) || !self.content().members.is_empty() {
            return self.alert.key.to_string();
        }
        problem_key(self.world, self.alert.problem)
    }

    /// Where to read on: the console itself, with a mark that says what for.
    pub(crate) fn link(&self) -> Option<String> {
        if matches!(self.alert.kind, AlertKind::Message | AlertKind::Window) {
            return None; // The console is not for customers.
        }
        let console = self.world.settings.console_url.trim_end_matches('/');
        if console.is_empty() {
            return None;
        }
        match self.alert.problem {
            ProblemId(0) => Some(format!("{console}/")),
            problem => Some(format!("{console}/#problem-{problem}")),
        }
    }

    /// The line that comes first, escaped for `sink`.
    pub(crate) fn title(&self, texts: &Texts, sink: Sink, chars_max: usize) -> String {
        let own = texts.title.as_ref().and_then(|it| self.rendered(it));
        let title = own.unwrap_or_else(|| sink.escape(&self.built_in_title()));
        sink.cut(title.split_whitespace().collect::<Vec<_>>().join(" ").as_str(), chars_max)
    }

    /// Everything below, escaped for `sink`.
    pub(crate) fn text(&self, texts: &Texts, sink: Sink, chars_max: usize) -> String {
        match texts.text.as_ref().and_then(|it| self.rendered(it)) {
            Some(own) => sink.cut(own.trim(), chars_max),
            None => self.built_in_text(sink, chars_max),
        }
    }

    /// `None` if the template fails, which is counted: the alert goes all the same.
    fn rendered(&self, template: &Template) -> Option<String> {
        match template.render(&self.view(), &[]) {
            Ok(text) if !text.trim().is_empty() => Some(text),
            Ok(_) => None,
            Err(fault) => {
                self.world.count_template_failed();
                let channel = &*self.alert.route.channel;
                tracing::warn!(channel, fault, "a template failed, the built-in text goes instead");
                None
            }
        }
    }

    pub(crate) fn built_in_title(&self) -> String {
        let content = self.content();
        let what = if content.title.is_empty() {
            format!("{} is {}", self.name(), content.status)
        } else {
            one_line(&content.title, LINE_BYTES_MAX)
        };
        let before = match self.alert.kind {
            AlertKind::Trigger
            | AlertKind::Call
            | AlertKind::Message
            | AlertKind::Window
            | AlertKind::Heartbeat => "",
            AlertKind::Reminder => "Still: ",
            AlertKind::Acknowledged => "Acknowledged: ",
            AlertKind::Resolve => "Resolved: ",
            AlertKind::Missed => "Over already: ",
            AlertKind::Question => "Blocking? ",
            AlertKind::Test => "Test: ",
        };
        format!("{before}{what}")
    }

    pub(crate) fn built_in_text(&self, sink: Sink, chars_max: usize) -> String {
        let mut text = String::new();
        for line in self.facts() {
            text.push_str(&sink.escape(&one_line(&line, LINE_BYTES_MAX)));
            text.push('\n');
        }
        let link = self.link().map(|it| sink.escape(&it)).unwrap_or_default();
        self.list_members(sink, chars_max.saturating_sub(link.chars().count() + 1), &mut text);
        text.push_str(&link);
        sink.cut(text.trim_end(), chars_max)
    }

    fn facts(&self) -> Vec<String> {
        let content = self.content();
        if self.alert.kind == AlertKind::Window {
            return self.plan();
        }
        let mut lines = Vec::new();
        match self.alert.kind {
            // What somebody wrote stays in the lines in which it was written.
            AlertKind::Call | AlertKind::Message => {
                lines.extend(content.text.lines().map(str::to_owned));
            }
            _ if content.text.is_empty() => {}
            _ => lines.push(content.text.to_string()),
        }
        if self.alert.kind == AlertKind::Message {
            return lines; // A customer needs nothing but the words.
        }
        let customer = if content.customer_title.is_empty() {
            &content.customer
        } else {
            &content.customer_title
        };
        if !customer.is_empty() {
            lines.push(format!("Customer: {customer}"));
        }
        if content.about.is_some() || !content.members.is_empty() {
            lines.push(format!("Since: {}", readable(content.since)));
        }
        if let Some(ended_at) = content.ended_at {
            let took = duration(ended_at.since(content.since));
            lines.push(format!("Ended: {} (after {took})", readable(ended_at)));
        }
        if content.flapping {
            lines.push("It goes up and down too often to tell each time.".to_owned());
        }
        if !content.by.is_empty() {
            lines.push(format!("By: {}", content.by));
        }
        lines.extend(symptoms(content));
        lines
    }

    /// What a customer has to know of a planned window.
    fn plan(&self) -> Vec<String> {
        let content = self.content();
        let mut lines = vec![format!("Begin: {}", self.local(content.since))];
        lines.extend(content.ended_at.map(|it| format!("End: {}", self.local(it))));
        let (zone, lasts) = (content.labels.get(ZONE_LABEL), content.labels.get(LENGTH_LABEL));
        lines.extend(zone.map(|it| format!("Time zone: {it}")));
        lines.extend(lasts.map(|it| format!("It lasts {it} and begins between these times.")));
        for (what, text) in [("Impact", &content.text), ("Contact", &content.by)] {
            let mut rest = text.lines();
            lines.extend(rest.next().map(|it| format!("{what}: {it}")));
            lines.extend(rest.map(str::to_owned));
        }
        lines
    }

    /// For people; a planned window is shown on the clock of the customer whom it concerns.
    fn local(&self, moment: Moment) -> String {
        let of_window = self.alert.kind == AlertKind::Window;
        let zone = self.content().labels.get(ZONE_LABEL).filter(|_| of_window);
        match zone.and_then(|it| TimeZone::get(it).ok()) {
            Some(zone) => {
                let time = timestamp(moment).to_zoned(zone);
                time.strftime("%a %Y-%m-%d %H:%M %Z").to_string()
            }
            None => readable(moment),
        }
    }

    fn list_members(&self, sink: Sink, chars_max: usize, text: &mut String) {
        let members = &self.content().members;
        let mut room = chars_max.saturating_sub(text.chars().count() + MORE_CHARS);
        for (place, member) in members.iter().enumerate() {
            let mut line = format!("- {}", member_line(member));
            if !member.text.is_empty() {
                let written = write!(line, ": {}", member.text);
                debug_assert!(written.is_ok(), "a string takes everything");
            }
            let line = sink.escape(&one_line(&line, LINE_BYTES_MAX));
            let chars = line.chars().count() + 1;
            if chars > room {
                text.push_str(&format!("and {} more\n", members.len() - place));
                return;
            }
            room -= chars;
            text.push_str(&line);
            text.push('\n');
        }
    }

    /// What templates see.
    pub(crate) fn view(&self) -> Vec<(&'static str, Value)> {
        view(self)
    }
}

/// See [`Letter::problem_key`].
fn problem_key(world: &World, problem: ProblemId) -> String {
    format!("campanile-{:016x}-{problem}", world.settings.installation)
}

/// The same for a member of a digest.
pub(crate) fn member_key(world: &World, member: &Member) -> String {
    match member.problem {
        ProblemId(0) => member.key.to_string(),
        problem => problem_key(world, problem),
    }
}

/// Does it tell of a problem, so that `name` is what that is about, or is `name` a title?
fn tells_of_problem(kind: AlertKind) -> bool {
    !matches!(kind, AlertKind::Call | AlertKind::Message | AlertKind::Window)
}

/// A member in the list of its digest, without why.
fn member_line(member: &Member) -> String {
    let over = match member.kind {
        AlertKind::Resolve => "resolved: ",
        AlertKind::Missed => "over already: ",
        AlertKind::Acknowledged => "acknowledged: ",
        _ => "",
    };
    if tells_of_problem(member.kind) {
        format!("{over}{} {}", member.status, member.name)
    } else {
        member.name.clone()
    }
}

fn symptoms(content: &Content) -> Option<String> {
    let count = content.symptoms_count.max(u32::try_from(content.symptoms.len()).unwrap_or(0));
    if count == 0 {
        return None;
    }
    let named: Vec<&str> =
        content.symptoms.iter().take(SYMPTOMS_NAMED_MAX).map(|it| &**it).collect();
    let more = count as usize - named.len();
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    Some(format!("Explains {count}: {}{rest}", named.join(", ")))
}

fn timestamp(moment: Moment) -> Timestamp {
    let nanos = i128::from(moment.as_nanos());
    Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// RFC 3339, UTC.
pub(crate) fn rfc3339(moment: Moment) -> String {
    timestamp(moment).to_string()
}

/// For people.
fn readable(moment: Moment) -> String {
    timestamp(moment).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `2d 3h`, `5m 2s`: the two largest units.
fn duration(it: Duration) -> String {
    let secs = it.as_secs();
    let units =
        [(secs / 86_400, "d"), (secs / 3600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let first = units.iter().position(|it| it.0 > 0).unwrap_or(3);
    let shown = units[first..].iter().take(2).enumerate();
    let shown = shown.filter(|(place, it)| *place == 0 || it.0 > 0);
    shown.map(|(_, (count, unit))| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

/// Labels as templates see them: one that is not there is empty.
#[derive(Debug)]
struct LabelsView(BTreeMap<Arc<str>, Arc<str>>);

impl Object for LabelsView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let label = key.as_str().and_then(|it| self.0.get(it));
        Some(Value::from(label.map_or("", |it| &**it)))
    }
}

/// What each name of a template means, for the manual. The order is that of [`view`].
pub(crate) const NAMES: [(&str, &str); 23] = [
    ("title", "The built-in first line."),
    (
        "kind",
        "What the alert says: `trigger`, `reminder`, `acknowledged`, `resolve`, `missed`, `question`, `call`, `message`, `window`, `heartbeat`, `test`.",
    ),
    ("name", "What it is about: `acme/web/http`, `site acme/hq`; empty for a digest."),
    ("status", "What is believed: `CRITICAL`, `DOWN`, ..."),
    ("severity", "How bad it is: `warning`, `unknown`, `critical`, `down`."),
    ("text", "Why, as the look said."),
    ("customer", "The customer's id; empty for our own."),
    ("customer_title", "The customer's name for people."),
    ("labels", "All labels: `labels.team`. One that is not there is empty."),
    ("flapping", "Does it flap?"),
    (
        "since",
        "When it began, as in `2026-09-01 10:00:00 UTC`; of a planned window on the customer's clock, as in `Tue 2026-09-01 12:00 CEST`.",
    ),
    ("ended_at", "When it was over, or a planned window will be; empty while it is not."),
    ("duration", "From its begin to its end, or to the alert."),
    ("symptoms", "What it explains, by name; the first of them if there are very many."),
    ("symptoms_count", "How many there are in all."),
    ("by", "Who acknowledged or asked."),
    (
        "members",
        "The problems of a digest, each with `name`, `kind`, `status`, `severity`, `text`, `since`, `labels` and `problem_key`.",
    ),
    ("members_count", "How many there are."),
    ("contact", "Whom it is for: `contact.name`, `contact.title`, `contact.address`."),
    ("channel", "The name of the channel."),
    ("link", "Where to read on; empty without `console_url`."),
    ("key", "The key of the alert: the same in every repeat of it."),
    ("problem_key", "The key of the problem: the same from the first alert to the last."),
];

fn view(letter: &Letter<'_>) -> Vec<(&'static str, Value)> {
    let (alert, content) = (letter.alert, letter.content());
    let text = |it: &str| Value::from(it);
    let until = content.ended_at.unwrap_or(alert.owed_at);
    let values = [
        Value::from(letter.built_in_title()),
        text(alert.kind.word()),
        Value::from(letter.name()),
        text(content.status.word()),
        text(content.severity.word()),
        text(&content.text),
        text(&content.customer),
        text(&content.customer_title),
        Value::from_object(LabelsView(content.labels.clone())),
        Value::from(content.flapping),
        Value::from(letter.local(content.since)),
        Value::from(content.ended_at.map(|it| letter.local(it)).unwrap_or_default()),
        Value::from(duration(until.since(content.since))),
        content.symptoms.iter().map(|it| Value::from(&**it)).collect::<Vec<_>>().into(),
        Value::from(content.symptoms_count),
        text(&content.by),
        members(letter.world, content),
        Value::from(content.members.len()),
        contact(letter.contact),
        text(&alert.route.channel),
        Value::from(letter.link().unwrap_or_default()),
        Value::from(alert.key.to_string()),
        Value::from(letter.problem_key()),
    ];
    NAMES.iter().map(|it| it.0).zip(values).collect()
}

fn members(world: &World, content: &Content) -> Value {
    let each = content.members.iter().map(|it| {
        Value::from_pairs([
            ("name", Value::from(it.name.as_str())),
            ("kind", Value::from(it.kind.word())),
            ("status", Value::from(it.status.word())),
            ("severity", Value::from(it.severity.word())),
            ("text", Value::from(&*it.text)),
            ("since", Value::from(readable(it.since))),
            ("labels", Value::from_object(LabelsView(it.labels.clone()))),
            ("problem_key", Value::from(member_key(world, it))),
        ])
    });
    each.collect::<Vec<Value>>().into()
}

fn contact(contact: &Contact) -> Value {
    let Contact { name, title, address } = contact;
    let pairs = [("name", name), ("title", title), ("address", address)];
    Value::from_pairs(pairs.map(|(name, value)| (name, Value::from(&**value))))
}

/// What a template sees of an alert that could be, to find its mistakes early.
pub(crate) fn sample_view() -> Vec<(&'static str, Value)> {
    let world =
        World::new(WorldSettings { installation: 1, console_url: "https://noc.example".into() });
    let contact =
        Contact { name: "anna".into(), title: "Anna".into(), address: "a@b.example".into() };
    Letter { world: &world, alert: &sample_alert(), contact: &contact }.view()
}

/// An alert that could be.
pub(crate) fn sample_alert() -> Alert {
    let route = Route { channel: "noc".into(), contact: "*".into() };
    let since = Moment::from_secs(1_788_256_800);
    let content = Content {
        about: Some(About::Checkable("acme/web/http".into())),
        customer: "acme".into(),
        customer_title: "Acme Ltd".into(),
        labels: BTreeMap::from([("team".into(), "web".into())]),
        status: Status::Critical,
        severity: Severity::Critical,
        text: "connection refused".into(),
        flapping: false,
        since,
        ended_at: None,
        symptoms: Vec::new(),
        symptoms_count: 0,
        by: "".into(),
        title: "acme/web/http is CRITICAL".to_owned(),
        members: Vec::new(),
    };
    Alert {
        key: AlertKey::of(1, ProblemId(17), 0, &route, 0),
        route,
        kind: AlertKind::Trigger,
        problem: ProblemId(17),
        ordinal: 0,
        step: 0,
        owed_at: since.after(Duration::from_secs(90)),
        not_before: since,
        expires_at: since.after(Duration::from_secs(86_400)),
        attempts: 0,
        may_have_arrived: false,
        fault: String::new(),
        state: AlertState::Waiting,
        content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reminder(zone: Option<&str>, lasts: Option<&str>) -> Alert {
        let sample = sample_alert();
        let labels = [(ZONE_LABEL, zone), (LENGTH_LABEL, lasts)];
        let labels = labels.into_iter().filter_map(|(name, it)| Some((name.into(), it?.into())));
        // The clock goes back in this night: 2026-10-25 00:30 and 02:30 UTC.
        let content = Content {
            about: None,
            labels: labels.collect(),
            text: "no mail\nfor some minutes".into(),
            since: Moment::from_secs(1_792_888_200),
            ended_at: Some(Moment::from_secs(1_792_895_400)),
            by: "Ben, +39 06 1".into(),
            title: "planned maintenance new disks".to_owned(),
            ..sample.content
        };
        Alert { kind: AlertKind::Window, problem: ProblemId(0), content, ..sample }
    }

    fn written(alert: &Alert) -> (String, Vec<(&'static str, Value)>) {
        let console_url = "https://noc.example".into();
        let world = World::new(WorldSettings { installation: 1, console_url });
        let contact =
            Contact { name: "it@acme.example".into(), title: "".into(), address: "".into() };
        let letter = Letter { world: &world, alert, contact: &contact };
        assert_eq!(letter.built_in_title(), "planned maintenance new disks");
        (letter.built_in_text(Sink::Plain, 10_000), letter.view())
    }

    #[test]
    fn a_customer_is_reminded_in_local_time_with_zone_impact_and_contact() {
        let (text, view) = written(&reminder(Some("Europe/Rome"), None));
        let expected = [
            "Begin: Sun 2026-10-25 02:30 CEST",
            "End: Sun 2026-10-25 03:30 CET",
            "Time zone: Europe/Rome",
            "Impact: no mail",
            "for some minutes",
            "Contact: Ben, +39 06 1",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        let of = |name| view.iter().find(|it| it.0 == name).unwrap().1.to_string();
        assert_eq!(of("since"), "Sun 2026-10-25 02:30 CEST");
        assert_eq!(of("ended_at"), "Sun 2026-10-25 03:30 CET");
        assert_eq!(of("link"), "", "the console is not for customers");
    }

    #[test]
    fn a_customer_is_told_how_long_a_flexible_window_lasts() {
        let (text, _) = written(&reminder(Some("Asia/Kolkata"), Some("2h")));
        assert!(text.starts_with("Begin: Sun 2026-10-25 06:00 IST\n"), "{text}");
        assert!(text.contains("\nIt lasts 2h and begins between these times.\n"), "{text}");
    }

    #[test]
    fn without_a_zone_that_exists_the_time_is_utc_and_says_so() {
        for zone in [None, Some("Mars/Olympus"), Some("../etc/passwd")] {
            let (text, _) = written(&reminder(zone, None));
            assert!(text.starts_with("Begin: 2026-10-25 00:30:00 UTC\n"), "{text}");
        }
    }

    #[test]
    fn a_label_of_a_problem_does_not_move_its_clock() {
        let mut alert = sample_alert();
        alert.content.labels.insert(ZONE_LABEL.into(), "Europe/Rome".into());
        let world = World::new(WorldSettings { installation: 1, console_url: "".into() });
        let contact = Contact { name: "".into(), title: "".into(), address: "".into() };
        let letter = Letter { world: &world, alert: &alert, contact: &contact };
        let text = letter.built_in_text(Sink::Plain, 1_000);
        assert!(text.contains("Since: 2026-09-01 10:00:00 UTC"), "{text}");
    }
}
