//! Schedules that were learned: what people have accepted stands in for what no file says.
//!
//! A job with `expect: learn` has no schedule of its own. What a person accepts for it is kept as
//! text by the desk, and takes the place of its schedule whenever a configuration is taken over, once
//! a day, and right after it was accepted. A file that says when the job is due wins over what was
//! accepted before; set back to `learn`, the job goes on with that.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use calendar::Fault;
use config::{Overlap, overlap, spoken};
use engine::desk::JobSeen;
use model::{Command, Duty, Job, Moment, Refusal, Request, Schedule};
use store::{ReadError, Reader};

use crate::ledger::Ledger;

/// What people have accepted, by the full names of jobs.
pub(crate) type Accepted = BTreeMap<Arc<str>, Arc<str>>;

/// What the store in `folder` has kept of it.
pub(crate) fn kept_in(folder: &Path) -> Result<Accepted, ReadError> {
    let all = Reader::open(folder)?.job_memories()?.into_iter();
    Ok(all.filter_map(|it| Some((it.job, it.accepted?))).collect())
}

/// `written` with the accepted schedules of those that learn. What cannot be read any more is left
/// out, so that the job learns anew.
pub(crate) fn with_accepted(written: &Arc<Duty>, accepted: &Accepted) -> Arc<Duty> {
    let scheduled = |job: &Arc<Job>| {
        let text = accepted.get(&job.name).filter(|_| job.learns)?;
        match schedule_of(job, text) {
            Ok(schedule) => Some(Job { schedule, ..(**job).clone() }),
            Err(fault) => {
                let (watchdog, why) = (&*job.name, words(&fault, text));
                tracing::warn!(watchdog, why, "an accepted schedule cannot be read any more");
                None
            }
        }
    };
    let mut jobs = written.jobs.clone();
    let mut is_other = false;
    for job in &mut jobs {
        if let Some(scheduled) = scheduled(job) {
            (*job, is_other) = (Arc::new(scheduled), true);
        }
    }
    match is_other {
        true => Arc::new(Duty { jobs, ..(**written).clone() }),
        false => Arc::clone(written),
    }
}

/// `text` as the schedule of `job`, on its clock and with its holidays.
fn schedule_of(job: &Job, text: &str) -> Result<Schedule, Fault> {
    let own = &job.schedule;
    let read = calendar::schedule(text, &own.zone)?;
    let (holidays, on_holidays) = (own.holidays.clone(), own.on_holidays);
    Ok(Schedule { holidays, on_holidays, ..read })
}

/// Reads the schedule that a request wants accepted, before anybody is asked to keep it: the desk
/// itself cannot read one. It is kept with single spaces between its words.
pub(crate) fn checked(mut request: Request, ledger: &Ledger) -> Result<Request, Refusal> {
    let Command::AcceptSchedule { job, schedule } = &mut request.command else {
        return Ok(request);
    };
    let (name, now) = (Arc::clone(job), ledger.now());
    let seen = ledger.look(move |desk| desk.job(&name, now).map(|it| it.0));
    let seen = seen.map_err(|it| Refusal::Busy { why: it.to_string() })?;
    let known = seen.filter(|it| it.job.learns && request.by.may_see(&it.customer));
    // Whatever else is wrong with it is for the desk to say.
    let Some(JobSeen { job, .. }) = known else { return Ok(request) };
    let text = schedule.split_whitespace().collect::<Vec<_>>().join(" ");
    let read = schedule_of(&job, &text);
    let read = read.map_err(|it| Refusal::Invalid { why: words(&it, &text) })?;
    fits(&job, &read, now)?;
    *schedule = Arc::from(text);
    Ok(request)
}

/// Could everybody say to which of two runs a report belongs? As for a schedule in a file.
fn fits(job: &Job, schedule: &Schedule, now: Moment) -> Result<(), Refusal> {
    let Some((gap, _)) = calendar::smallest_gap(schedule, now) else { return Ok(()) };
    let Some(Overlap { early, grace, of_early }) = overlap(job, gap) else { return Ok(()) };
    let (early, grace, gap) = (spoken(early), spoken(grace), spoken(gap));
    let why = match of_early {
        true => format!("`early: {early}` is more than half of the {gap} between two runs"),
        false => format!(
            "a report may come {early} early and {grace} late, but only {gap} lie between two \
             runs; write a smaller `grace:` in its file first"
        ),
    };
    Err(Refusal::Invalid { why: format!("schedule: {why}") })
}

/// Place, cause and remedy in one line.
fn words(fault: &Fault, text: &str) -> String {
    let place = text.get(..fault.span.start).map_or(0, |it| it.chars().count()) + 1;
    let hint = if fault.hint.is_empty() { String::new() } else { format!("; {}", fault.hint) };
    format!("schedule, at character {place}: {}{hint}", fault.what)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use calendar::parse_moment;
    use model::{Customer, Due, OnHoliday};

    use super::*;

    /// Nothing is written of it but that its schedule is to be learned.
    fn job(name: &str, learns: bool) -> Job {
        let schedule = Schedule {
            text: "".into(),
            zone: "Europe/Rome".into(),
            dues: Vec::new(),
            holidays: vec![20_000],
            on_holidays: OnHoliday::Skip,
        };
        Job {
            name: name.into(),
            at: "acme.yaml:1".into(),
            schedule,
            learns,
            trust: model::Trust::default(),
            ..Job::default()
        }
    }

    /// A job that learns and one that does not, of one customer.
    pub(crate) fn learning() -> Duty {
        let customer = Customer {
            name: "acme".into(),
            title: "ACME".into(),
            contract: None,
            zone: "Europe/Rome".into(),
            contacts: Vec::new(),
        };
        let jobs = vec![Arc::new(job("acme/nas", true)), Arc::new(job("acme/tape", false))];
        Duty { customers: vec![customer], jobs, ..Duty::default() }
    }

    fn accepted(text: &str) -> Accepted {
        ["acme/nas", "acme/tape", "acme/gone"].map(|it| (it.into(), text.into())).into()
    }

    #[test]
    fn what_was_accepted_is_the_schedule_of_those_that_learn_on_their_clock_and_holidays() {
        let written = Arc::new(learning());
        let duty = with_accepted(&written, &accepted("daily by 06:30"));
        let found = &duty.jobs[0].schedule;
        assert_eq!((&*found.text, &*found.zone), ("daily by 06:30", "Europe/Rome"));
        assert!(matches!(&*found.dues, [Due::At { by: true, .. }]), "{found:?}");
        assert_eq!((&*found.holidays, found.on_holidays), (&[20_000][..], OnHoliday::Skip));
        assert!(duty.jobs[0].learns, "it may still be accepted otherwise");
        assert!(Arc::ptr_eq(&duty.jobs[1], &written.jobs[1]), "its file leaves nothing open");
        for nothing in [Accepted::new(), accepted("when the moon is full")] {
            assert!(Arc::ptr_eq(&with_accepted(&written, &nothing), &written));
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_place_and_what_to_write() {
        let said = |text: &str| {
            let fault = schedule_of(&job("acme/nas", true), text).unwrap_err();
            words(&fault, text)
        };
        let wrong = said("dailü by 06:30");
        assert!(wrong.starts_with("schedule, at character 1: `dailü` "), "{wrong}");
        let missing = said("Mon-Fri");
        assert!(missing.starts_with("schedule, at character 8: a time is missing; "), "{missing}");
        let hostile = said("daily by \u{1b}[31m");
        assert!(hostile.starts_with("schedule, at character 10: "), "{hostile}");
        assert!(!hostile.contains('\u{1b}'), "{hostile:?}");
        assert!(said(&"x".repeat(2_000)).len() < 300);
    }

    #[test]
    fn tolerances_hold_as_for_a_schedule_in_a_file() {
        let now = parse_moment("2026-01-01 00:00", "UTC", Moment::ZERO).unwrap();
        let hours = |it: u64| Duration::from_secs(it * 3600);
        let fit = |early: Option<u64>, grace: Option<u64>, text: &str| {
            let (early, grace) = (early.map(hours), grace.map(hours));
            let job = Job { early, grace, ..job("acme/nas", true) };
            fits(&job, &schedule_of(&job, text).unwrap(), now)
        };
        // On the night on which clocks are put forward 23 hours lie between two runs.
        assert_eq!(fit(None, None, "daily by 06:30"), Ok(()));
        assert_eq!(fit(Some(11), Some(12), "daily by 06:30"), Ok(()));
        assert!(fit(Some(12), None, "daily by 06:30").is_err());
        assert!(fit(Some(11), Some(13), "daily by 06:30").is_err());
        assert!(fit(None, Some(18), "daily by 06:30").is_err());
        let Err(Refusal::Invalid { why }) = fit(None, Some(2), "cron 0 * * * *") else {
            panic!("nobody could say to which run a report belongs");
        };
        let expected = "schedule: a report may come 15m early and 2h late, but only 1h lie between \
                        two runs; write a smaller `grace:` in its file first";
        assert_eq!(why, expected);
        assert_eq!(fit(Some(1), Some(1), "every 24h"), Ok(()));
    }
}
