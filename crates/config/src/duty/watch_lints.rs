//! Doubts about watchdogs: a valid one can silently be of no use.

use std::time::Duration;

use model::{Duty, Job, JobKind, MatchOp, Scope, Span, Window, WindowEffect};

use super::{Desk, jobs::Written};
use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    quoted,
};

/// How far ahead runs are held against maintenance.
const AHEAD: Duration = Duration::from_secs(35 * 24 * 3600);
/// Runs of one watchdog that are held against maintenance.
const RUNS_MAX: usize = 1_000;
/// Fewer runs do not say that maintenance covers all of them.
const RUNS_MIN: usize = 3;

/// Looks at every watchdog.
pub(super) fn doubts(desk: Desk<'_, '_>, duty: &Duty, written: &[Written], report: &mut Report) {
    let span = Span { from: desk.now, until: desk.now.after(AHEAD) };
    for (job, written) in duty.jobs.iter().zip(written) {
        missed_by_nobody(duty, job, written, report);
        hears_nothing(duty, job, written, report);
        still_learning(job, written, report);
        forgeable(job, written, report);
        always_in_maintenance(duty, job, span, written, report);
    }
}

fn missed_by_nobody(duty: &Duty, job: &Job, written: &Written, report: &mut Report) {
    let policy = job.policy.and_then(|it| duty.policies.get(it as usize));
    let hears =
        |it: &&model::Policy| it.propose.is_some() || it.call.is_some() || !it.steps.is_empty();
    if policy.filter(hears).is_some() {
        return;
    }
    let why = match policy {
        Some(policy) => format!("its policy {} does nothing", quoted(&policy.name)),
        None => "it has no policy".to_owned(),
    };
    let what = format!("nobody would hear that {} is missing", quoted(&job.name));
    report.add(
        Diagnostic::new(Code::MissedByNobody, what)
            .at(written.key)
            .label(why)
            .help("write `policy:` here, for the customer, or under `defaults:`"),
    );
}

fn hears_nothing(duty: &Duty, job: &Job, written: &Written, report: &mut Report) {
    let by_address = !duty.intakes.all.is_empty() && !duty.intakes.domains.is_empty();
    let by_content = !duty.intakes.all.is_empty() && !job.hears.mail.is_empty();
    if job.kind == JobKind::Person || job.hears.ping || by_address || by_content {
        return;
    }
    let what = format!("no report can reach {}", quoted(&job.name));
    let label = match duty.intakes.all.is_empty() {
        true => "it waits for mails, and no way in is written under `inlet:`",
        false => "it waits at its secret address, and `inlet:` has no `domains:`",
    };
    report.add(
        Diagnostic::new(Code::HearsNothing, what)
            .at(written.key)
            .label(label)
            .help("write `ping: yes`, `person: yes`, or `inlet:` in the main file"),
    );
}

fn still_learning(job: &Job, written: &Written, report: &mut Report) {
    if let (Some(place), true) = (written.expect, job.schedule.dues.is_empty()) {
        let what = format!("{} has no schedule yet, so it is never missing", quoted(&job.name));
        report.add(Diagnostic::new(Code::StillLearning, what).at(place).help(
            "`campanile watchdog show` suggests one after some runs: accept it, or write it here",
        ));
    }
}

fn forgeable(job: &Job, written: &Written, report: &mut Report) {
    let trust = &job.trust;
    let proves =
        trust.token || !trust.relays.is_empty() || trust.spf.is_some() || trust.dkim.is_some();
    if let (Some(place), false, JobKind::Machine) = (written.trust, proves, job.kind) {
        let what = format!("a forged mail can say that {} went well", quoted(&job.name));
        report.add(
            Diagnostic::new(Code::Forgeable, what)
                .at(place)
                .label("anybody is believed")
                .help("write `trust: token`, or name the relay, as in `{ relay: [192.0.2.0/24] }`"),
        );
    }
}

/// Maintenance now and then is meant; one that covers every run hides all of them.
fn always_in_maintenance(
    duty: &Duty,
    job: &Job,
    span: Span,
    written: &Written,
    report: &mut Report,
) {
    let covers = |it: &&Window| it.flexible.is_none() && is_about(&it.scope, duty, job);
    let windows: Vec<&Window> = duty.windows.iter().filter(covers).collect();
    if windows.is_empty() {
        return;
    }
    let runs = calendar::nominals(&job.schedule, span);
    let runs = &runs[..runs.len().min(RUNS_MAX)];
    for window in windows {
        let times = calendar::occurrences(&window.recurrence, span);
        let is_in =
            |it: &model::Nominal| times.iter().any(|time| time.from <= it.at && it.at < time.until);
        if runs.len() < RUNS_MIN || !runs.iter().all(is_in) {
            continue;
        }
        let what = format!(
            "the maintenance {} covers every run of {}",
            quoted(&window.name),
            quoted(&job.name)
        );
        let why = match window.effect {
            WindowEffect::NoAlerts | WindowEffect::NoChecks => "all of them are skipped",
        };
        report.add(
            Diagnostic::new(Code::AlwaysInMaintenance, what)
                .at(written.expect.unwrap_or(written.key))
                .label(why)
                .note(format!("the maintenance is written in {}", window.at)),
        );
        return;
    }
}

/// Is all that the job is on, or of, meant by `scope`?
fn is_about(scope: &Scope, duty: &Duty, job: &Job) -> bool {
    let customer = duty.customers.get(job.customer as usize).map_or("", |it| &it.name);
    let on = job.on.as_deref().and_then(|it| it.strip_prefix(customer)?.strip_prefix('/'));
    let (host, service) = match on.and_then(|it| it.split_once('/')) {
        Some((model::Service::NO_HOST, service)) => ("", service),
        Some((host, service)) => (host, service),
        None => (on.unwrap_or(""), ""),
    };
    // What asks for a site cannot be told from here, and so raises no doubt.
    let asks_site = scope
        .lines
        .iter()
        .flatten()
        .any(|it| &*it.label == "site" && matches!(it.op, MatchOp::Is | MatchOp::Like));
    !asks_site
        && scope.holds(|label| match label {
            "customer" => customer,
            "host" => host,
            "service" => service,
            "site" => "",
            "name" => &job.name,
            label => job.labels.iter().find(|it| &*it.0 == label).map_or("", |it| &it.1),
        })
}
