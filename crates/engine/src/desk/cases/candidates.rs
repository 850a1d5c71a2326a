//! Who could help, and what kind of help it takes. A suggestion: the dispatcher decides.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use model::{About, Candidate, HelpLevel, Moment, Override, Person, Problem, Severity};

use super::{Cases, words};
use crate::desk::{pen::Rules, who};

/// How many are suggested.
const CANDIDATES_MAX: usize = 3;
/// Who knows less than this of a subject is not suggested.
const SKILL_MIN: u8 = 1;
/// Labels whose value may be a subject that people know something of.
const SUBJECT_LABELS: [&str; 3] = ["role", "os", "app"];

/// The help that a problem seems to need. A label `help` says it outright; otherwise something
/// that does not answer at all needs somebody on the spot, and something that does not work needs
/// somebody on the system.
pub(super) fn level(problem: &Problem) -> HelpLevel {
    if let Some(level) = problem.labels.get("help").and_then(|it| words::help(it)) {
        return level;
    }
    match (problem.severity, &problem.about) {
        (Severity::Down, About::Checkable(_) | About::Site(_)) => HelpLevel::OnSite,
        (Severity::Down | Severity::Critical, _) => HelpLevel::TeleAssistance,
        _ => HelpLevel::HelpDesk,
    }
}

/// Who could take it, best first: skill counts most, then whether the person gives such help, is
/// on duty, has little to do, and has not been asked for long.
pub(super) fn candidates(
    problem: &Problem,
    level: HelpLevel,
    rules: &Rules,
    cases: &Cases,
    now: Moment,
) -> Vec<Candidate> {
    let Some(subject) = subject(problem, rules) else { return Vec::new() };
    let overrides: Vec<_> = cases.overrides.values().collect();
    let on_duty = on_duty(rules, &overrides, now);
    let index = &cases.index;
    let mut all: Vec<_> = (0..)
        .zip(&rules.duty.people)
        .filter_map(|(place, person)| {
            let skill = person.skills.get(&*subject).copied().unwrap_or(0);
            (skill >= SKILL_MIN).then(|| {
                let fits = person.level >= level;
                let here = on_duty.contains(&place);
                let load = index.load(&person.name);
                let last = index.newest(&person.name);
                let order = (Reverse((skill, fits, here)), load.weight, last, &person.name);
                (order, reason(&subject, skill, person, fits, here, load.calls))
            })
        })
        .collect();
    all.sort_unstable();
    all.truncate(CANDIDATES_MAX);
    all.into_iter()
        .map(|((.., name), reason)| Candidate { person: Arc::clone(name), reason })
        .collect()
}

/// `skill network 3, on duty, 2 open calls`.
fn reason(subject: &str, skill: u8, person: &Person, fits: bool, here: bool, calls: u32) -> String {
    let duty = if here { "on duty" } else { "not on duty" };
    let calls = match calls {
        0 => "no open calls".to_owned(),
        1 => "1 open call".to_owned(),
        more => format!("{more} open calls"),
    };
    let only = match person.level {
        _ if fits => "",
        HelpLevel::HelpDesk => ", help desk only",
        HelpLevel::TeleAssistance | HelpLevel::OnSite => ", from afar only",
    };
    format!("skill {subject} {skill}, {duty}, {calls}{only}")
}

/// What one has to know something of.
fn subject(problem: &Problem, rules: &Rules) -> Option<Arc<str>> {
    let known = |subject: &str| rules.duty.people.iter().any(|it| it.skills.contains_key(subject));
    if let Some(skill) = problem.labels.get("skill") {
        return known(skill).then(|| Arc::clone(skill));
    }
    let labels = SUBJECT_LABELS.iter().filter_map(|it| problem.labels.get(*it)).cloned();
    let own = things(&problem.about).into_iter().map(Arc::from);
    labels.chain(own).find(|it| known(it))
}

/// What kind of thing it is: a service's own name first, for that often says what it is.
fn things(about: &About) -> Vec<&str> {
    match about {
        About::Checkable(name) => match name.splitn(3, '/').nth(2) {
            Some(service) => vec![service, "service"],
            None => vec!["host"],
        },
        About::Job(_) => vec!["backup", "watchdog"],
        About::Site(_) => vec!["site"],
        About::Outage(_) => vec!["backup", "outage"],
        About::Own(_) => vec!["own"],
    }
}

/// The places of all who have a duty now, whoever stands in for whom.
fn on_duty(rules: &Rules, overrides: &[&Override], now: Moment) -> BTreeSet<u32> {
    let all = (0..).zip(&rules.duty.oncall);
    all.flat_map(|(place, _)| who::on_call(place, rules, overrides, now).0).collect()
}
