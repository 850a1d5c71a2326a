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
    let times = times(&duty, range);
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
    let times = times(&duty, span("2026-11-03 00:00", "2026-11-05 00:00"));
    assert!(times.hours[0].is_always());
    assert_eq!(times.hours[1].spans().len(), 2);
    assert_eq!(times.windows[0][1], span("2026-11-04 00:00", "2026-11-04 01:00"));
    assert_eq!(times.windows[1][0], span("2026-11-03 01:00", "2026-11-03 02:00"));
}
