//! Which occurrences run when, whatever was said about them.

use model::{Begin, Duty, LocalTime, MatchOp, Matcher, Recurrence, Times, Window};

use super::*;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn at(secs: u64) -> Moment {
    Moment::from_secs(secs)
}

fn span(from: u64, until: u64) -> Span {
    Span { from: at(from), until: at(until) }
}

fn web() -> Scope {
    let line = Matcher { label: "host".into(), op: MatchOp::Is, value: "web".into() };
    Scope { lines: vec![vec![line]] }
}

fn of_host(host: &'static str) -> impl Fn(&str) -> &'static str + Copy {
    move |label| if label == "host" { host } else { "" }
}

/// A window from 1:00 to 5:00 of each of the first ten days.
fn daily(flexible: Option<Duration>) -> Windows {
    let local = LocalTime { day: 0, second: 0 };
    let window = Window {
        name: "nightly".into(),
        customer: None,
        at: "acme.yaml:9".into(),
        recurrence: Recurrence {
            text: "daily 01:00".into(),
            zone: "UTC".into(),
            rule: Begin::Once { from: local, until: local },
            length: Duration::ZERO,
        },
        scope: web(),
        effect: WindowEffect::NoAlerts,
        sla_counts: true,
        flexible,
        reminders: Vec::new(),
        impact: "".into(),
        contact: "".into(),
    };
    let spans: Vec<_> = (0..10).map(|day| span(day * DAY + HOUR, day * DAY + 5 * HOUR)).collect();
    let times = Times { windows: vec![Arc::from(spans)], ..Times::default() };
    let duty = Duty { windows: vec![window], ..Duty::default() };
    let mut windows = Windows::default();
    windows.configure(&Rules { duty: Arc::new(duty), times: Arc::new(times) });
    windows
}

fn key(day: u64) -> OccurrenceKey {
    OccurrenceKey { window: "nightly".into(), planned_from: at(day * DAY + HOUR) }
}

/// Changes one occurrence.
fn amend(windows: &mut Windows, day: u64, change: impl FnOnce(&mut Occurrence)) {
    let (_, mut it) = windows.find(&key(day)).unwrap();
    change(&mut it);
    windows.restore(it);
}

fn hours_running(windows: &Windows, day: u64) -> Vec<u64> {
    let runs = |hour: &u64| windows.running_at(at(day * DAY + hour * HOUR)).len() == 1;
    (0..24).filter(runs).collect()
}

#[test]
fn what_runs_can_be_asked_of_any_moment() {
    let mut windows = daily(None);
    for day in [0, 3, 9] {
        assert_eq!(hours_running(&windows, day), [1, 2, 3, 4]);
    }
    windows.turn(at(3 * DAY + 2 * HOUR), true);
    assert_eq!(windows.running().len(), 1);
    for day in [0, 3, 9] {
        assert_eq!(hours_running(&windows, day), [1, 2, 3, 4], "day {day}, after a turn");
    }
    assert!(hours_running(&windows, 10).is_empty(), "there is no eleventh");
}

#[test]
fn moved_and_cancelled_occurrences_run_as_they_were_moved() {
    let mut windows = daily(None);
    windows.turn(at(0), true);
    amend(&mut windows, 5, |it| it.span.until = at(5 * DAY + 7 * HOUR));
    amend(&mut windows, 6, |it| it.cancelled = true);
    amend(&mut windows, 7, |it| it.span.until = at(7 * DAY + 2 * HOUR));
    assert_eq!(hours_running(&windows, 5), [1, 2, 3, 4, 5, 6]);
    assert!(hours_running(&windows, 6).is_empty());
    assert_eq!(hours_running(&windows, 7), [1]);
    assert_eq!(hours_running(&windows, 8), [1, 2, 3, 4]);
    let run = &windows.running_at(at(5 * DAY + 6 * HOUR))[0];
    assert_eq!((run.key.clone(), run.span), (key(5), span(5 * DAY + HOUR, 5 * DAY + 7 * HOUR)));
}

#[test]
fn a_flexible_one_runs_once_its_outage_has_begun_it() {
    let mut windows = daily(Some(Duration::from_hours(2)));
    assert!(hours_running(&windows, 4).is_empty());
    let waits = |windows: &Windows, secs: u64, host| -> Vec<OccurrenceKey> {
        windows.armed(at(secs), of_host(host)).into_iter().map(|it| it.1.key).collect()
    };
    assert_eq!(waits(&windows, 4 * DAY + 3 * HOUR, "web"), [key(4)]);
    assert!(waits(&windows, 4 * DAY + 3 * HOUR, "db").is_empty());
    assert!(waits(&windows, 4 * DAY + 6 * HOUR, "web").is_empty());
    amend(&mut windows, 4, |it| it.triggered_at = Some(at(4 * DAY + 4 * HOUR)));
    assert_eq!(hours_running(&windows, 4), [4, 5]);
    assert!(waits(&windows, 4 * DAY + 4 * HOUR, "web").is_empty());
    amend(&mut windows, 4, |it| it.ends_at = Some(at(4 * DAY + 8 * HOUR)));
    assert_eq!(hours_running(&windows, 4), [4, 5, 6, 7], "its end was moved");
    amend(&mut windows, 3, |it| it.span.until = at(3 * DAY + 9 * HOUR));
    let late = waits(&windows, 3 * DAY + 8 * HOUR, "web");
    assert_eq!(late, [key(3)], "it waits for as long as it was extended");
}

#[test]
fn a_window_covers_what_began_within_it() {
    let windows = daily(None);
    let covers = |hour: u64, opened: u64, host| {
        windows.covering(at(hour * HOUR), at(opened * HOUR), of_host(host)).is_some()
    };
    assert!(covers(3, 2, "web") && covers(1, 1, "web"));
    assert!(!covers(3, 0, "web"), "it began before the window");
    assert!(!covers(5, 2, "web"), "the window is over");
    assert!(!covers(3, 2, "db"), "it is not in the scope");
}

#[test]
fn what_runs_is_worked_out_anew_after_a_change() {
    let mut windows = daily(None);
    windows.turn(at(2 * HOUR), true);
    amend(&mut windows, 0, |it| it.span.until = at(3 * HOUR));
    assert_eq!(hours_running(&windows, 0), [1, 2]);
}

fn planned(customer: Option<&str>, span: Span) -> PlannedWindow {
    PlannedWindow {
        name: "move".into(),
        customer: customer.map(Arc::from),
        span,
        scope: web(),
        effect: WindowEffect::NoAlerts,
        sla_counts: true,
        flexible: None,
        reminders: Vec::new(),
        impact: "".into(),
        contact: "".into(),
    }
}

fn names(seen: &[WindowSeen]) -> Vec<String> {
    seen.iter().map(|it| it.occurrence.key.window.to_string()).collect()
}

#[test]
fn a_list_is_of_one_customers_windows_before_it_is_cut_off() {
    let mut windows = Windows::default();
    for id in 0..50 {
        windows.plan(NoteId(id), &planned(Some("other"), span(100 + id, 1_000)));
    }
    windows.plan(NoteId(50), &planned(Some("acme"), span(200, 1_000)));
    windows.plan(NoteId(51), &planned(None, span(0, 1_000)));
    windows.plan(NoteId(52), &planned(Some("acme"), span(150, 1_000)));
    let acme = [Arc::from("acme")];
    let seen = |page| names(&windows.within(span(0, 2_000), Some(&acme), page));
    assert_eq!(seen(0..10), ["planned/52", "planned/50"]);
    assert_eq!(seen(1..2), ["planned/50"]);
    assert_eq!(windows.within(span(0, 2_000), None, 0..100).len(), 53);
    assert_eq!(names(&windows.within(span(0, 2_000), None, 0..1)), ["planned/51"]);
}

#[test]
fn a_list_shows_occurrences_when_they_really_are() {
    let mut windows = daily(None);
    amend(&mut windows, 5, |it| it.span.until = at(6 * DAY));
    amend(&mut windows, 7, |it| it.span.until = at(7 * DAY + 2 * HOUR));
    let shown = |from: u64, until: u64| windows.within(span(from, until), None, 0..10).len();
    assert_eq!(shown(5 * DAY + 20 * HOUR, 5 * DAY + 21 * HOUR), 1, "it was extended");
    assert_eq!(shown(4 * DAY + 20 * HOUR, 4 * DAY + 21 * HOUR), 0);
    assert_eq!(shown(7 * DAY + 3 * HOUR, 7 * DAY + 4 * HOUR), 0, "it was ended early");
    assert_eq!(shown(0, 3 * DAY), 3);
}

#[test]
fn what_was_planned_is_forgotten_some_days_after_its_end() {
    let mut windows = Windows::default();
    windows.plan(NoteId(1), &planned(None, span(0, HOUR)));
    windows.plan(NoteId(2), &planned(None, span(0, HOUR)));
    let second = OccurrenceKey { window: PlannedWindow::name_of(NoteId(2)), planned_from: at(0) };
    let (_, mut it) = windows.find(&second).unwrap();
    it.span.until = at(9 * DAY);
    windows.restore(it);
    assert_eq!(windows.planned_count(at(0)), 2);
    assert_eq!(windows.planned_count(at(DAY)), 1, "one is over, one was extended");
    windows.turn(at(8 * DAY), true);
    assert_eq!(windows.planned.len(), 2);
    windows.turn(at(9 * DAY), true);
    assert_eq!(windows.planned.keys().collect::<Vec<_>>(), [&NoteId(2)]);
    windows.turn(at(18 * DAY), true);
    assert!(windows.planned.is_empty() && windows.occurrences.is_empty());
}

#[test]
fn what_is_not_reported_yet_is_not_forgotten() {
    let mut windows = Windows::default();
    windows.plan(NoteId(1), &planned(None, span(0, HOUR)));
    let key = OccurrenceKey { window: PlannedWindow::name_of(NoteId(1)), planned_from: at(0) };
    let (_, it) = windows.find(&key).unwrap();
    windows.restore(Occurrence { begun: true, ..it });
    let turned = windows.turn(at(30 * DAY), true);
    assert_eq!(turned.ended.len(), 1);
    let (_, it) = windows.find(&key).expect("it can be reported");
    windows.restore(Occurrence { report: Some(model::WindowReport::default()), ..it });
    assert!(windows.turn(at(30 * DAY + HOUR), true).ended.is_empty());
    assert!(windows.find(&key).is_none(), "now it is forgotten");
}

#[test]
fn a_scope_says_whose_it_can_be() {
    let is = |label: &str, value: &str| Matcher {
        label: label.into(),
        op: MatchOp::Is,
        value: value.into(),
    };
    let whose = |lines: Vec<Vec<Matcher>>| {
        let mut windows = Windows::default();
        let scope = Scope { lines };
        windows.plan(NoteId(1), &PlannedWindow { scope, ..planned(None, span(0, 1)) });
        let window = Arc::clone(&windows.planned[&NoteId(1)]);
        window.whose().map(|it| it.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let (acme, beta) = (is("customer", "acme"), is("customer", "beta"));
    let both = vec![vec![acme.clone(), is("host", "web")], vec![beta]];
    assert_eq!(whose(both), Some(vec!["acme".to_owned(), "beta".to_owned()]));
    assert_eq!(whose(vec![vec![acme.clone()], vec![is("host", "web")]]), None);
    let unlike = Matcher { op: MatchOp::IsNot, ..acme };
    assert_eq!(whose(vec![vec![unlike]]), None);
}
