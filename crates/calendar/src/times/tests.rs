//! A duty with everything in it, worked out at once.

use model::{Begin, LocalTime, Moment, Oncall, Recurrence, Rotation, RotationLayer, Turn};

use super::*;
use crate::{parse_moment, week_hours};

fn at(text: &str) -> Moment {
    parse_moment(text, "UTC", Moment::ZERO).expect("a moment")
}

fn span(from: &str, until: &str) -> Span {
    Span { from: at(from), until: at(until) }
}

fn oncall(hours: &str, person: u32, otherwise: Option<u32>) -> Oncall {
    let layer = RotationLayer {
        level: 0,
        hours: Some(week_hours(hours, "UTC").unwrap()),
        turns: vec![vec![person]],
        turn: Turn::Fixed,
        since: LocalTime { day: 0, second: 0 },
    };
    let rotation = Rotation { zone: Arc::from("UTC"), layers: vec![layer] };
    Oncall { name: Arc::from("x"), at: Arc::from("x:1"), rotation, otherwise }
}

fn drawn(shifts: &[Shift]) -> Vec<(String, u32)> {
    shifts
        .iter()
        .map(|it| (crate::rfc3339(it.span.from)[11..16].to_owned(), it.people[0]))
        .collect()
}

#[test]
fn gaps_are_filled_along_the_chain_and_chains_that_loop_end() {
    let duty = Duty {
        oncall: vec![
            oncall("Mon-Sun 08:00-12:00", 0, Some(1)),
            oncall("Mon-Sun 10:00-16:00", 1, Some(2)),
            oncall("Mon-Sun 14:00-20:00", 2, Some(0)),
            oncall("Mon-Sun 10:00-11:00", 3, Some(99)),
            oncall("Mon-Sun 10:00-11:00", 4, Some(4)),
        ],
        ..Duty::default()
    };
    let range = span("2026-11-03 00:00", "2026-11-04 00:00");
    let times = times(&duty, range, range.from);
    let named = |of: usize| drawn(&times.shifts[of]);
    let of = |it: &[(&str, u32)]| it.iter().map(|it| (it.0.to_owned(), it.1)).collect::<Vec<_>>();
    assert_eq!(named(0), of(&[("08:00", 0), ("12:00", 1), ("16:00", 2)]));
    assert_eq!(named(1), of(&[("08:00", 0), ("10:00", 1), ("16:00", 2)]));
    assert_eq!(named(2), of(&[("08:00", 0), ("12:00", 1), ("14:00", 2)]));
    assert_eq!(named(3), of(&[("10:00", 3)]));
    assert_eq!(named(4), of(&[("10:00", 4)]));
    assert_eq!(times.covers, Some(range));
}

#[test]
fn everything_keeps_its_place() {
    let window = |second: u32| Recurrence {
        text: Arc::from(""),
        zone: Arc::from("UTC"),
        rule: Begin::Days { days: 0x7f, second },
        length: std::time::Duration::from_secs(3600),
    };
    let full = |recurrence: Recurrence| model::Window {
        name: Arc::from("w"),
        customer: None,
        at: Arc::from("x:1"),
        recurrence,
        scope: model::Scope::default(),
        effect: model::WindowEffect::NoAlerts,
        sla_counts: false,
        flexible: None,
        reminders: Vec::new(),
        impact: Arc::from(""),
        contact: Arc::from(""),
    };
    let duty = Duty {
        windows: vec![full(window(0)), full(window(3600))],
        hours: vec![
            week_hours("always", "UTC").unwrap(),
            week_hours("Mon-Sun 08:00-09:00", "UTC").unwrap(),
        ],
        ..Duty::default()
    };
    let range = span("2026-11-03 00:00", "2026-11-05 00:00");
    let times = times(&duty, range, range.from);
    assert!(times.hours[0].is_always());
    assert_eq!(times.hours[1].spans().len(), 2);
    assert_eq!(times.windows[0][1], span("2026-11-04 00:00", "2026-11-04 01:00"));
    assert_eq!(times.windows[1][0], span("2026-11-03 01:00", "2026-11-03 02:00"));
}

fn job(text: &str) -> Arc<model::Job> {
    Arc::new(model::Job {
        name: Arc::from("acme/backup"),
        at: Arc::from("x:1"),
        schedule: crate::schedule(text, "Europe/Rome").unwrap(),
        trust: model::Trust::default(),
        ..model::Job::default()
    })
}

#[test]
fn every_job_has_its_own_runs() {
    let duty = Duty {
        jobs: vec![job("daily by 06:30"), job("every 24h"), job("Sun 02:00")],
        ..Duty::default()
    };
    let range = span("2026-11-01 00:00", "2026-11-02 00:00");
    let slots = times(&duty, range, at("2026-11-03 12:00")).slots;
    assert_eq!(slots.iter().map(|it| it.len()).collect::<Vec<_>>(), [70, 0, 10]);
    let daily = slots[0].iter().find(|it| it.at == at("2026-11-03 05:30")).unwrap();
    assert!(daily.by && !slots[2][0].by);
}

/// The runs of a job with this schedule, worked out at noon of 2026-11-03.
fn slots_of(text: &str) -> (Vec<Nominal>, Vec<Nominal>) {
    let now = at("2026-11-03 12:00");
    let all = slots(&crate::schedule(text, "UTC").unwrap(), now);
    assert!(all.is_sorted_by(|a, b| a.at < b.at), "{text}");
    all.into_iter().partition(|it| it.at < now)
}

#[test]
fn runs_reach_far_enough_on_both_sides() {
    let count = |text: &str| {
        let (before, behind) = slots_of(text);
        (before.len(), behind.len())
    };
    assert_eq!(count("daily by 06:00"), (35, 35));
    assert_eq!(count("daily 12:00"), (35, 35));
    assert_eq!(count("cron 0 * * * *"), (840, 840));
    // A month has one of them within the time, and another one further away.
    assert_eq!(count("15th of month by 12:00"), (2, 2));
    assert_eq!(count("rrule FREQ=YEARLY from 2000-06-01 12:00"), (2, 2));
    // 2004 and, ahead, 2032 and 2060; those before lie further back than is looked.
    assert_eq!(count("oncalendar Sun *-02-29 12:00"), (1, 2));
    assert_eq!(count("2026-12-31 by 18:00"), (0, 1));
    assert_eq!(count("2020-12-31 by 18:00"), (1, 0));
    assert_eq!(count("rrule FREQ=YEARLY;COUNT=3 from 2025-12-01 12:00"), (1, 2));
    assert_eq!(count("every 24h"), (0, 0));
}

#[test]
fn the_nearest_runs_are_those_that_are_kept() {
    let near = |text: &str| {
        let (before, behind) = slots_of(text);
        let last = before[before.len() - 2..].iter().chain(&behind[..2]);
        last.map(|it| crate::rfc3339(it.at)[..16].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        near("cron */5 * * * *"),
        ["2026-11-03T11:50", "2026-11-03T11:55", "2026-11-03T12:00", "2026-11-03T12:05"]
    );
    assert_eq!(
        near("oncalendar *-02-29 12:00"),
        ["2020-02-29T12:00", "2024-02-29T12:00", "2028-02-29T12:00", "2032-02-29T12:00"]
    );
}

#[test]
fn very_frequent_runs_are_bounded_and_last_for_more_than_a_day() {
    for text in ["cron * * * * *", "cron */5 * * * *"] {
        let (before, behind) = slots_of(text);
        assert_eq!((before.len(), behind.len()), (SLOTS_BEFORE_MAX, SLOTS_BEHIND_MAX), "{text}");
        assert!(behind[behind.len() - 1].at > at("2026-11-05 12:00"), "{text}");
        let steps = before.iter().chain(&behind).collect::<Vec<_>>();
        let step = steps[1].at.since(steps[0].at);
        assert!(steps.windows(2).all(|it| it[1].at.since(it[0].at) == step), "{text}");
    }
}
