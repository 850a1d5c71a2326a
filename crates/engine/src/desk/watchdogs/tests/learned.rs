//! Schedules that are learned: what holds once a person has accepted one.

use super::*;

/// A job of which nobody has said when it is due.
fn learns() -> Job {
    let schedule = Schedule { text: "".into(), dues: Vec::new(), ..job("acme/nas").schedule };
    Job { schedule, learns: true, ..job("acme/nas") }
}

impl Stage {
    fn learning() -> Self {
        Self::new(vec![learns()], vec![Arc::from([])], true)
    }

    /// A person accepts, and the driver works the runs out.
    fn accept(&mut self, schedule: Schedule, slots: Arc<[Nominal]>) {
        let name = Arc::from("acme/nas");
        self.dogs.accept_schedule(&name, &schedule.text, &mut self.pen);
        self.turn(schedule, slots);
    }

    fn turn(&mut self, schedule: Schedule, slots: Arc<[Nominal]>) {
        let mut duty = (*self.rules.duty).clone();
        duty.jobs = vec![Arc::new(Job { schedule, ..learns() })];
        let times = Times { slots: vec![slots], ..Times::default() };
        self.rules = Rules { duty: Arc::new(duty), times: Arc::new(times) };
        self.dogs.arrange(&self.rules, &mut self.pen);
    }

    fn days(&self) -> Vec<(u64, &'static str)> {
        let day = |it: &Moment| it.since(at(0)).as_secs() / DAY;
        self.dogs.books["acme/nas"]
            .slots
            .iter()
            .map(|it| (day(it.0), it.1.standing.word()))
            .collect()
    }
}

#[test]
fn runs_before_the_acceptance_have_no_slots_and_later_ones_are_missed() {
    let mut stage = Stage::learning();
    for day in 0..5 {
        stage.until(day * DAY + 5 * HOUR);
        assert_eq!(stage.says(Outcome::Ok), Class::Unscheduled);
    }
    stage.until(4 * DAY + 5 * HOUR + 1800);
    stage.findings();
    // The run of this night has been heard of, and its slot would be open and due in a while.
    stage.accept(job("acme/nas").schedule, daily());
    assert_eq!(
        stage.dogs.seen("acme/nas", stage.pen.now).unwrap().next_due,
        Some(at(5 * DAY + 7 * HOUR))
    );
    stage.until(4 * DAY + 9 * HOUR);
    assert_eq!((stage.days(), stage.findings()), (vec![], vec![]));
    stage.until(5 * DAY + 5 * HOUR);
    assert_eq!(stage.says(Outcome::Ok), Class::Counted);
    stage.until(6 * DAY + 8 * HOUR);
    assert_eq!(stage.days(), [(5, "kept"), (6, "missing")]);
    assert_eq!(stage.findings(), ["well", "kept", "bad missing", "broken"]);
}

#[test]
fn a_restart_keeps_what_was_left_out() {
    let mut stage = Stage::learning();
    stage.until(5 * HOUR);
    stage.accept(job("acme/nas").schedule, daily());
    let rows = std::mem::take(&mut stage.pen.rows);
    let mut again = Stage::learning();
    again.dogs = Watchdogs::default();
    for row in rows {
        if let Row::JobMemory(it) = row {
            again.dogs.restore_memory(*it);
        }
    }
    again.pen.now = at(6 * HOUR);
    again.turn(job("acme/nas").schedule, daily());
    let memory = again.dogs.memory("acme/nas").unwrap();
    assert_eq!(memory.accepted.as_deref(), Some("daily by 06:00"));
    again.until(8 * HOUR);
    assert!(again.days().is_empty(), "{:?}", again.days());
    again.until(DAY + 8 * HOUR);
    assert_eq!(again.days(), [(1, "missing")]);
}

#[test]
fn an_accepted_interval_begins_with_the_last_run_or_with_the_acceptance() {
    let every = || Schedule {
        text: "every 6h".into(),
        dues: vec![Due::Every(Duration::from_secs(6 * HOUR))],
        ..job("acme/nas").schedule
    };
    for (accepted, due) in [(4, 6 + 1), (50, 50 + 6 + 1)] {
        let mut stage = Stage::learning();
        assert_eq!(stage.says(Outcome::Ok), Class::Unscheduled);
        stage.until(accepted * HOUR);
        stage.findings();
        stage.accept(every(), Arc::from([]));
        stage.until(accepted * HOUR + 300);
        let seen = stage.dogs.seen("acme/nas", stage.pen.now).unwrap();
        assert_eq!(seen.next_due, Some(at(due * HOUR)), "accepted at {accepted}");
        stage.until(due * HOUR - 1);
        assert!(stage.findings().is_empty(), "accepted at {accepted}");
        stage.until(due * HOUR + 600);
        assert_eq!(stage.findings(), ["bad missing", "broken"], "accepted at {accepted}");
    }
}

#[test]
fn figures_are_worked_out_anew_only_if_something_has_happened() {
    let mut stage = Stage::plain();
    stage.until(HOUR);
    let before = stage.dogs.job_figures(stage.pen.now);
    assert_eq!((before[0].standing, before[0].next_due), (None, Some(at(7 * HOUR))));
    stage.until(4 * HOUR);
    assert!(Arc::ptr_eq(&before, &stage.dogs.job_figures(stage.pen.now)), "nothing has happened");
    let mut heard = stage.mail("acme/nas", Outcome::Ok);
    heard.says.size = Some(7);
    heard.says.duration = Some(Duration::from_secs(9));
    stage.hear(heard);
    let after = stage.dogs.job_figures(stage.pen.now);
    let it = &after[0];
    assert_eq!((&*it.customer, &*it.name), ("acme", "acme/nas"));
    assert_eq!((it.standing, it.last_ok), (Some(Standing::Kept), Some(at(4 * HOUR))));
    assert_eq!((it.size, it.duration), (Some(7), Some(Duration::from_secs(9))));
    assert_eq!(it.next_due, Some(at(DAY + 7 * HOUR)));
    let intakes = stage.dogs.intake_figures();
    let all: Vec<_> = intakes.iter().map(|it| (&*it.name, it.read_until, it.deaf)).collect();
    assert_eq!(all, [("box", at(4 * HOUR), false), (CONSOLE, at(4 * HOUR), false)]);
}
