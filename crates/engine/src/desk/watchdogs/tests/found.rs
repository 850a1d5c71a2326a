//! Stories of what simulated worlds have found: restarts, backlogs, jobs that come and go.

use super::*;

impl Stage {
    /// A new process that knows what the rows say, and that nobody was there in between.
    fn restarted(mut self, from: u64, until: u64) -> Self {
        self.dogs = Watchdogs::default();
        for row in std::mem::take(&mut self.pen.rows) {
            match row {
                Row::Slot(it) => self.dogs.restore_slot(*it),
                Row::JobMemory(it) => self.dogs.restore_memory(*it),
                _ => {}
            }
        }
        self.pen.now = at(until);
        self.dogs.was_away(Span { from: at(from), until: at(until) });
        self.dogs.arrange(&self.rules, &mut self.pen);
        self.dogs.wake(&Quiet, &mut self.pen);
        self.found.extend(self.dogs.findings());
        self
    }

    fn reload(&mut self, jobs: Vec<Job>, slots: Vec<Arc<[Nominal]>>) {
        let jobs = jobs.into_iter().map(Arc::new).collect();
        let duty = Duty { jobs, ..Duty::clone(&self.rules.duty) };
        let times = Times { slots, ..Times::clone(&self.rules.times) };
        self.rules = Rules { duty: Arc::new(duty), times: Arc::new(times) };
        self.dogs.arrange(&self.rules, &mut self.pen);
        self.dogs.wake(&Quiet, &mut self.pen);
        self.found.extend(self.dogs.findings());
    }
}

#[test]
fn after_a_start_nothing_counts_as_read_before_somebody_says_so() {
    let mut stage = Stage::plain();
    stage.until(6 * HOUR);
    // From then on nothing is read, and at 07:30 the process dies.
    let stage = stage.restarted(7 * HOUR + 1800, 9 * HOUR);
    assert_eq!(stage.standing(0), Standing::Open, "the box may hold its report");
    let mut stage = stage;
    let early = Heard { at: at(5 * HOUR), ..stage.mail("acme/nas", Outcome::Ok) };
    assert_eq!(stage.hear(early), Class::Counted);
    assert_eq!(stage.standing(0), Standing::Kept);
}

#[test]
fn what_was_judged_by_silence_stays_judged_after_a_start() {
    let mut stage = Stage::plain();
    stage.until(8 * HOUR);
    assert_eq!(stage.findings(), ["bad missing", "broken"]);
    let mut stage = stage.restarted(8 * HOUR + 60, 9 * HOUR);
    assert_eq!(stage.standing(0), Standing::Missing);
    stage.until(10 * HOUR);
    assert!(stage.findings().is_empty(), "nothing is told again");
    stage.says(Outcome::Ok);
    assert_eq!((stage.standing(0), stage.slot("acme/nas", 0).corrected), (Standing::Late, true));
}

#[test]
fn who_ends_a_pause_does_not_make_the_run_a_missing_one() {
    let mut stage = Stage::plain();
    stage.until(2 * HOUR);
    let name = Arc::from("acme/nas");
    let text = "moving house".to_owned();
    let pause = Pause { by: "anna".into(), at: stage.pen.now, until: None, text };
    assert!(stage.dogs.pause(&name, Some(pause), &Quiet, &mut stage.pen));
    stage.until(8 * HOUR);
    assert_eq!(stage.standing(0), Standing::SkippedPaused);
    assert!(stage.dogs.pause(&name, None, &Quiet, &mut stage.pen));
    stage.until(10 * HOUR);
    assert_eq!(stage.standing(0), Standing::SkippedPaused);
    assert!(stage.findings().is_empty());
}

#[test]
fn of_a_backlog_that_is_read_behind_the_close_all_counts() {
    let mut stage = Stage::plain();
    stage.until(2 * HOUR);
    let mut stage = stage.restarted(2 * HOUR, DAY + 4 * HOUR);
    for (hour, outcome) in [(3, Outcome::Failed), (4, Outcome::Ok)] {
        let lay = Heard { at: at(hour * HOUR), ..stage.mail("acme/nas", outcome) };
        assert_eq!(stage.hear(lay), Class::Counted, "{outcome:?}");
    }
    assert_eq!((stage.standing(0), stage.slot("acme/nas", 0).retried), (Standing::Kept, true));
    let mut late = stage.mail("acme/nas", Outcome::Failed);
    late.says.ended_at = Some(at(5 * HOUR));
    assert_eq!(stage.hear(late), Class::Orphan, "it came behind the close");
}

#[test]
fn who_tells_twice_of_one_run_fills_one_interval() {
    let schedule =
        Schedule { dues: vec![Due::Every(Duration::from_secs(HOUR))], ..job("acme/nas").schedule };
    let often = Job { schedule, grace: Some(Duration::from_secs(600)), ..job("acme/nas") };
    let mut stage = Stage::new(vec![often], vec![Arc::from([])], true);
    stage.says(Outcome::Ok);
    stage.until(HOUR);
    for _ in 0..3 {
        let mut heard = stage.mail("acme/nas", Outcome::Ok);
        heard.says.ended_at = Some(at(3500));
        stage.hear(heard);
    }
    let mut versions = BTreeMap::new();
    for row in &stage.pen.rows {
        let Row::Slot(it) = row else { continue };
        let last = versions.insert(it.key.clone(), it.version).unwrap_or(0);
        assert_eq!(it.version, last + 1, "no slot is written over: {:?}", it.key);
    }
    assert_eq!(stage.findings(), ["well", "kept"]);
    stage.until(2 * HOUR + 900);
    assert_eq!(stage.findings(), ["bad missing", "broken"]);
}

#[test]
fn a_job_that_comes_back_keeps_its_ledger_and_owes_nothing_for_the_time_between() {
    let mut stage = Stage::plain();
    stage.until(5 * HOUR);
    stage.says(Outcome::Ok);
    assert_eq!(stage.findings(), ["well", "kept"]);
    stage.reload(Vec::new(), Vec::new());
    assert_eq!(stage.findings(), ["gone"]);
    stage.reload(vec![job("acme/nas")], vec![daily()]);
    assert_eq!(stage.standing(0), Standing::Kept, "its report is not forgotten");
    stage.reload(Vec::new(), Vec::new());
    stage.until(2 * DAY);
    stage.reload(vec![job("acme/nas")], vec![daily()]);
    stage.until(2 * DAY + 5 * HOUR);
    assert_eq!(stage.findings(), ["gone"], "nobody waited for the run of day 1");
    stage.until(2 * DAY + 8 * HOUR);
    assert_eq!(stage.findings(), ["bad missing", "broken"], "but for that of day 2");
}

#[test]
fn a_job_that_was_never_due_yet_is_waited_for_across_a_start() {
    let mut stage = Stage::plain();
    stage.until(60);
    let mut stage = stage.restarted(120, 9 * HOUR);
    stage.until(10 * HOUR);
    assert_eq!(stage.standing(0), Standing::Missing, "the box kept nothing for it");
}

#[test]
fn trouble_of_an_intake_that_was_told_before_a_start_ends_with_its_first_word() {
    let mut stage = Stage::plain();
    stage.dogs = Watchdogs::default();
    stage.dogs.was_told_deaf("box", at(0));
    stage.dogs.was_told_deaf("lost", at(0));
    stage.dogs.arrange(&stage.rules, &mut stage.pen);
    assert_eq!(stage.dogs.findings(), [Finding::Hears { intake: "lost".into() }]);
    stage.until(600);
    assert_eq!(stage.findings(), ["hears box"]);
}

#[test]
fn a_job_behind_one_that_ends_late_is_due_behind_that_end() {
    let jobs = vec![job("acme/nas"), offsite()];
    let mut stage = Stage::new(jobs, vec![daily(), Arc::from([])], true);
    stage.until(9 * HOUR);
    stage.findings();
    stage.says(Outcome::Ok);
    stage.until(10 * HOUR);
    let heard = stage.mail("acme/offsite", Outcome::Ok);
    stage.hear(heard);
    let slot = &stage.dogs.books["acme/offsite"].slots[&at(7 * HOUR)];
    assert_eq!((slot.standing, slot.due), (Standing::Kept, at(11 * HOUR)));
}

#[test]
fn a_paused_job_behind_one_that_ends_late_is_in_time_if_it_runs_behind_that_end() {
    let jobs = vec![job("acme/nas"), Job { paused: true, ..offsite() }];
    let mut stage = Stage::new(jobs, vec![daily(), Arc::from([])], true);
    stage.until(9 * HOUR + 600);
    let of = |stage: &Stage| stage.dogs.books["acme/offsite"].slots[&at(7 * HOUR)].standing;
    assert_eq!(of(&stage), Standing::SkippedPaused);
    stage.says(Outcome::Ok);
    stage.until(10 * HOUR);
    assert_eq!(of(&stage), Standing::SkippedPaused);
    let heard = stage.mail("acme/offsite", Outcome::Ok);
    stage.hear(heard);
    assert_eq!(of(&stage), Standing::Kept);
}

/// Runs while it is on: without a good report it is missing after three days.
fn laptop() -> Job {
    let missing_after = Duration::from_secs(3 * DAY);
    Job { reporting: model::Reporting::WhenOnline { missing_after }, ..job("acme/nas") }
}

#[test]
fn a_good_report_of_a_machine_counts_whatever_its_slot_comes_to() {
    let day_before = |stage: &mut Stage, outcome: Outcome, ran_at: u64| {
        let mut heard = stage.mail("acme/nas", outcome);
        heard.says.ended_at = Some(at(ran_at));
        stage.hear(heard)
    };
    // It failed behind that, in the same slot.
    let mut failed = Stage::new(vec![laptop()], vec![daily()], true);
    failed.until(DAY + 6 * HOUR);
    assert_eq!(day_before(&mut failed, Outcome::Ok, DAY + 5 * HOUR), Class::Counted);
    assert_eq!(failed.says(Outcome::Failed), Class::Counted);
    assert_eq!(failed.standing(1), Standing::Failed);
    // The report came when its slot had closed.
    let mut orphan = Stage::new(vec![laptop()], vec![daily()], true);
    orphan.until(2 * DAY + 3 * HOUR);
    assert_eq!(day_before(&mut orphan, Outcome::Ok, DAY + 5 * HOUR), Class::Orphan);
    for stage in [&mut failed, &mut orphan] {
        stage.until(4 * DAY + 8 * HOUR);
        let standings = [2, 3, 4].map(|day| stage.standing(day));
        let expected = [Standing::NotWatched, Standing::NotWatched, Standing::Missing];
        assert_eq!(standings, expected);
        assert_eq!(stage.slot("acme/nas", 4).why, "no good run for 3d 2h");
    }
}

#[test]
fn a_machine_that_is_watched_again_has_its_days_from_then_on() {
    let mut stage = Stage::new(vec![laptop()], vec![daily()], true);
    stage.until(5 * HOUR);
    stage.says(Outcome::Ok);
    stage.until(8 * HOUR);
    stage.reload(Vec::new(), Vec::new());
    stage.until(5 * DAY + 8 * HOUR);
    stage.reload(vec![laptop()], vec![daily()]);
    stage.until(8 * DAY + 8 * HOUR);
    assert_eq!(stage.standing(8), Standing::NotWatched);
    stage.until(9 * DAY + 8 * HOUR);
    assert_eq!(stage.standing(9), Standing::Missing);
}

#[test]
fn nothing_is_missing_of_a_time_in_which_it_was_not_configured_whoever_saw_it_go() {
    let mut stage = Stage::plain();
    stage.until(5 * HOUR);
    stage.says(Outcome::Ok);
    stage.until(8 * HOUR);
    let rules = stage.rules.clone();
    stage.reload(Vec::new(), Vec::new());
    stage.until(9 * HOUR);
    // The process that starts finds it in the configuration, as the one before that did.
    stage.rules = rules;
    stage.findings();
    let mut stage = stage.restarted(3 * DAY + 8 * HOUR, 3 * DAY + 9 * HOUR);
    assert!(stage.findings().is_empty());
    let slots: Vec<Moment> = stage.dogs.books["acme/nas"].slots.keys().copied().collect();
    assert_eq!(slots, [at(6 * HOUR)]);
    stage.until(4 * DAY + 8 * HOUR);
    assert_eq!(stage.findings(), ["bad missing", "broken"]);
    assert_eq!(stage.standing(4), Standing::Missing);
    // Nobody takes the next start for another return.
    let stage = stage.restarted(5 * DAY, 5 * DAY + 60);
    assert_eq!(stage.dogs.books["acme/nas"].memory.since, at(3 * DAY + 9 * HOUR));
}

fn offsite() -> Job {
    Job {
        schedule: Schedule { dues: Vec::new(), ..job("acme/nas").schedule },
        after: Some(model::After { job: 0, offset: Duration::from_secs(HOUR) }),
        ..job("acme/offsite")
    }
}

#[test]
fn what_runs_behind_a_run_that_failed_is_skipped_however_late_that_can_be_said() {
    // Once an hour; nothing is read for most of a day, and then all at once.
    let hourly = |count: u64| {
        let at = at(count * HOUR);
        Nominal { at, from: at, until: at, by: true, holiday: false }
    };
    let often = Job { grace: Some(Duration::from_secs(600)), ..job("acme/nas") };
    let all: Arc<[Nominal]> = (1..100).map(hourly).collect();
    let mut stage = Stage::new(vec![often, offsite()], vec![all, Arc::from([])], true);
    stage.deaf = &["box"];
    stage.until(20 * HOUR);
    stage.deaf = &[];
    stage.until(30 * HOUR);
    let mut standings = BTreeMap::new();
    for row in &stage.pen.rows {
        if let Row::Slot(it) = row
            && *it.key.job == *"acme/offsite"
        {
            standings.insert(it.key.at, it.standing);
        }
    }
    assert!(standings.len() >= 28, "{standings:?}");
    assert!(standings.values().all(|it| matches!(it, Standing::SkippedParent | Standing::Open)));
}

#[test]
fn a_run_that_failed_and_was_forgotten_still_excuses_what_runs_behind_it() {
    let mut stage =
        Stage::new(vec![job("acme/nas"), offsite()], vec![daily(), Arc::from([])], true);
    stage.until(3 * HOUR);
    stage.says(Outcome::Failed);
    // The process that goes on has not all of the past.
    stage.pen.rows.retain(|it| match it {
        Row::Slot(it) => *it.key.job == *"acme/offsite",
        _ => true,
    });
    let mut stage = stage.restarted(4 * HOUR, 4 * HOUR + 60);
    stage.until(12 * HOUR);
    let slot = &stage.dogs.books["acme/offsite"].slots[&at(7 * HOUR)];
    assert_eq!(slot.standing, Standing::SkippedParent);
}

#[test]
fn a_run_of_which_is_told_twice_is_counted_from_once() {
    let schedule =
        Schedule { dues: vec![Due::Every(Duration::from_secs(DAY))], ..job("acme/nas").schedule };
    let often = Job { schedule, ..job("acme/nas") };
    let mut stage = Stage::new(vec![often], vec![Arc::from([])], true);
    stage.until(HOUR);
    let both = [stage.mail("acme/nas", Outcome::Ok), stage.mail("acme/nas", Outcome::Ok)];
    for heard in both {
        assert_ne!(stage.hear(heard), Class::Counted, "the first run begins the chain");
    }
    stage.until(20 * HOUR);
    assert_eq!(stage.says(Outcome::Ok), Class::Counted);
    stage.until(21 * HOUR);
    let rows = std::mem::take(&mut stage.pen.rows);
    let versions = rows.iter().filter_map(|it| match it {
        Row::Slot(it) => Some(((it.key.at, it.version), it.standing)),
        _ => None,
    });
    let slots: Vec<_> = versions.collect();
    let apart: BTreeMap<_, _> = slots.iter().copied().collect();
    assert_eq!(apart.len(), slots.len(), "no version of a slot is written twice: {slots:?}");
    let due: Vec<Moment> = stage.dogs.books["acme/nas"].slots.keys().copied().collect();
    assert_eq!(due, [at(25 * HOUR), at(44 * HOUR)]);
}

#[test]
fn runs_are_expected_one_behind_the_other_whatever_becomes_of_one_of_them() {
    let schedule =
        Schedule { dues: vec![Due::Every(Duration::from_secs(DAY))], ..job("acme/nas").schedule };
    let often = Job { schedule, ..job("acme/nas") };
    let mut stage = Stage::new(vec![often], vec![Arc::from([])], true);
    stage.says(Outcome::Ok);
    stage.until(5 * HOUR);
    // Of two words about one moment the graver one counts, and closes nothing.
    assert_eq!([stage.says(Outcome::Ok), stage.says(Outcome::Failed)], [Class::Counted; 2]);
    stage.until(7 * HOUR);
    assert_eq!(stage.says(Outcome::Ok), Class::Counted);
    stage.until(9 * HOUR);
    let slots = &stage.dogs.books["acme/nas"].slots;
    let due: Vec<Moment> = slots.keys().copied().collect();
    assert_eq!(due, [at(DAY), at(DAY + 5 * HOUR), at(DAY + 7 * HOUR)]);
    assert!(slots.values().all(|it| it.due == it.key.at.after(Duration::from_secs(HOUR))));
}
