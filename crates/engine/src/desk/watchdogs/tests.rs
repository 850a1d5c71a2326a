//! Stories: what is promised, what is heard, and how the slots stand.

use std::time::Duration;

use model::{
    Begin, Class, Due, Duty, Heard, Intake, IntakeState, Outcome, Proof, Says, Schedule, Times, Way,
};

use super::*;

mod digests;
mod found;
mod learned;
mod words;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// A midnight.
const START: u64 = 20_000 * DAY;

fn at(secs: u64) -> Moment {
    Moment::from_secs(START + secs)
}

/// Due every day at 06:00, with an hour of grace; trusts its secret address.
fn job(name: &str) -> Job {
    Job {
        name: name.into(),
        at: "acme.yaml:1".into(),
        schedule: Schedule {
            text: "daily by 06:00".into(),
            dues: vec![Due::At { rule: Begin::Days { days: 0x7f, second: 6 * 3600 }, by: true }],
            ..Schedule::default()
        },
        grace: Some(Duration::from_secs(HOUR)),
        ..Job::default()
    }
}

fn daily() -> Arc<[Nominal]> {
    let of = |day: u64| {
        let at = at(day * DAY + 6 * HOUR);
        Nominal { at, from: at, until: at, by: true, holiday: false }
    };
    (0..40).map(of).collect()
}

/// Nobody is ever under maintenance.
struct Quiet;

impl World for Quiet {
    fn is_maintained(&self, _: &Job, _: Span) -> bool {
        false
    }
}

struct Stage {
    dogs: Watchdogs,
    pen: Pen,
    rules: Rules,
    found: Vec<Finding>,
    mails: u8,
    /// Ways of mail.
    ways: Vec<&'static str>,
    /// Ways that cannot hear.
    deaf: &'static [&'static str],
}

impl Stage {
    fn new(jobs: Vec<Job>, slots: Vec<Arc<[Nominal]>>, keeps: bool) -> Self {
        Self::with_ways(jobs, slots, keeps, &["box"])
    }

    fn with_ways(
        jobs: Vec<Job>,
        slots: Vec<Arc<[Nominal]>>,
        keeps: bool,
        ways: &[&'static str],
    ) -> Self {
        let intake = |name: &&str| {
            let way = Way::Maildir { folder: "/x".into() };
            Intake { name: (*name).into(), at: "config.yaml:9".into(), way, keeps }
        };
        let mut duty = Duty {
            customers: vec![model::Customer {
                name: "acme".into(),
                title: "ACME".into(),
                contract: None,
                zone: "UTC".into(),
                contacts: Vec::new(),
            }],
            jobs: jobs.into_iter().map(Arc::new).collect(),
            ..Duty::default()
        };
        duty.intakes.all.extend(ways.iter().map(intake));
        let times = Times { slots, ..Times::default() };
        let rules = Rules { duty: Arc::new(duty), times: Arc::new(times) };
        let mut stage = Self {
            dogs: Watchdogs::default(),
            pen: Pen::new(1),
            rules,
            found: Vec::new(),
            mails: 0,
            ways: ways.to_vec(),
            deaf: &[],
        };
        stage.pen.now = at(0);
        stage.dogs.arrange(&stage.rules, &mut stage.pen);
        stage
    }

    fn plain() -> Self {
        Self::new(vec![job("acme/nas")], vec![daily()], true)
    }

    /// Lets time pass; intakes say every five minutes that everything was read.
    fn until(&mut self, secs: u64) {
        while self.pen.now < at(secs) {
            let next = self.pen.now.after(Duration::from_secs(300)).min(at(secs));
            self.pen.now = next;
            self.dogs.wake(&Quiet, &mut self.pen);
            for name in self.ways.iter().copied().chain([CONSOLE]) {
                let deaf = self.deaf.contains(&name);
                let fault = deaf.then(|| Arc::from("no answer"));
                let read_until = if deaf { Moment::ZERO } else { next };
                let state = IntakeState { name: name.into(), read_until, fault };
                self.dogs.hear_of(&state, &Quiet, &mut self.pen);
            }
            self.found.extend(self.dogs.findings());
        }
    }

    fn mail(&mut self, job: &str, outcome: Outcome) -> Heard {
        self.mails += 1;
        let mut key = [0; 16];
        key[0] = self.mails;
        Heard {
            job: Some(job.into()),
            at: self.pen.now,
            intake: "box".into(),
            peer: "192.0.2.1".into(),
            from: "nas@acme.example".into(),
            says: Says { outcome: Some(outcome), ..Says::default() },
            proof: Proof { token: true, ..Proof::default() },
            keys: vec![key],
            mail: None,
        }
    }

    fn hear(&mut self, heard: Heard) -> Class {
        self.dogs.hear(heard, false, &Quiet, &mut self.pen);
        self.found.extend(self.dogs.findings());
        let reports = self.pen.rows.iter().rev();
        reports
            .filter_map(|it| if let Row::Report(it) = it { Some(it.class) } else { None })
            .next()
            .unwrap()
    }

    fn says(&mut self, outcome: Outcome) -> Class {
        let heard = self.mail("acme/nas", outcome);
        self.hear(heard)
    }

    fn slot(&self, job: &str, day: u64) -> &Slot {
        &self.dogs.books[job].slots[&at(day * DAY + 6 * HOUR)]
    }

    fn standing(&self, day: u64) -> Standing {
        self.slot("acme/nas", day).standing
    }

    /// `bad missing`, `well`, `kept`, `broken`, in their order.
    fn findings(&mut self) -> Vec<String> {
        let word = |it: Finding| match it {
            Finding::Bad { standing, .. } => format!("bad {}", standing.word()),
            Finding::Well { .. } => "well".to_owned(),
            Finding::Gone { .. } => "gone".to_owned(),
            Finding::Judged { kept, .. } => if kept { "kept" } else { "broken" }.to_owned(),
            Finding::Deaf { intake, .. } => format!("deaf {intake}"),
            Finding::Hears { intake } => format!("hears {intake}"),
        };
        self.found.drain(..).map(word).collect()
    }
}

use intakes::CONSOLE;

#[test]
fn a_good_report_in_time_keeps_the_slot_and_silence_until_due_is_missing() {
    let mut stage = Stage::plain();
    stage.until(5 * HOUR);
    assert_eq!(stage.says(Outcome::Ok), Class::Counted);
    assert_eq!(stage.standing(0), Standing::Kept);
    stage.until(DAY + 7 * HOUR - 1);
    assert_eq!(stage.standing(1), Standing::Open, "not due yet");
    assert_eq!(stage.findings(), ["well", "kept"]);
    stage.until(DAY + 7 * HOUR + 300);
    assert_eq!(stage.standing(1), Standing::Missing);
    assert_eq!(stage.findings(), ["bad missing", "broken"]);
}

#[test]
fn what_comes_after_missing_corrects_it_once_and_ends_the_trouble() {
    let mut stage = Stage::plain();
    stage.until(8 * HOUR);
    assert_eq!(stage.findings(), ["bad missing", "broken"]);
    assert_eq!(stage.says(Outcome::Ok), Class::Counted);
    assert_eq!((stage.standing(0), stage.slot("acme/nas", 0).corrected), (Standing::Late, true));
    stage.until(12 * HOUR);
    assert_eq!(stage.findings(), ["well", "kept"]);
}

#[test]
fn a_report_belongs_to_the_slot_of_its_run_and_not_of_its_arrival() {
    let mut stage = Stage::plain();
    stage.until(9 * HOUR);
    let mut heard = stage.mail("acme/nas", Outcome::Ok);
    heard.says.ended_at = Some(at(4 * HOUR));
    stage.hear(heard);
    assert_eq!(stage.standing(0), Standing::MailLate);
    stage.until(DAY + 2 * HOUR);
    let mut heard = stage.mail("acme/nas", Outcome::Failed);
    heard.says.ended_at = Some(at(5 * HOUR));
    assert_eq!(stage.hear(heard), Class::Orphan, "that slot has closed");
    assert_eq!(stage.standing(0), Standing::MailLate);
    assert_eq!(stage.standing(1), Standing::Open);
}

#[test]
fn the_same_mail_twice_counts_once() {
    let mut stage = Stage::plain();
    stage.until(5 * HOUR);
    let heard = stage.mail("acme/nas", Outcome::Ok);
    assert_eq!(stage.hear(heard.clone()), Class::Counted);
    stage.until(DAY + 5 * HOUR);
    let again = Heard { at: stage.pen.now, ..heard };
    assert_eq!(stage.hear(again), Class::Duplicate);
    stage.until(DAY + 8 * HOUR);
    assert_eq!(stage.standing(1), Standing::Missing);
}

#[test]
fn a_failure_is_told_at_once_and_a_retry_that_goes_well_ends_it() {
    let mut stage = Stage::plain();
    stage.until(3 * HOUR);
    stage.says(Outcome::Failed);
    assert_eq!(stage.findings(), ["bad failed", "broken"]);
    stage.until(4 * HOUR);
    stage.says(Outcome::Ok);
    assert_eq!((stage.standing(0), stage.slot("acme/nas", 0).retried), (Standing::Kept, true));
    assert_eq!(stage.findings(), ["well", "kept"]);
}

#[test]
fn a_product_that_tries_again_by_itself_gets_its_time() {
    let patient = Job { retry_grace: Duration::from_secs(HOUR), ..job("acme/nas") };
    let mut stage = Stage::new(vec![patient], vec![daily()], true);
    stage.until(3 * HOUR);
    stage.says(Outcome::Failed);
    stage.until(4 * HOUR - 1);
    assert!(stage.findings().is_empty());
    stage.until(4 * HOUR);
    assert_eq!(stage.findings(), ["bad failed", "broken"]);
}

#[test]
fn without_proof_nothing_is_silenced_and_anything_raises() {
    let mut stage = Stage::plain();
    stage.until(3 * HOUR);
    for outcome in [Outcome::Ok, Outcome::Warning, Outcome::Started] {
        let mut forged = stage.mail("acme/nas", outcome);
        forged.proof = Proof::default();
        assert_eq!(stage.hear(forged), Class::Unproved, "{outcome:?}");
    }
    assert!(stage.slot("acme/nas", 0).entries.is_empty());
    let mut forged = stage.mail("acme/nas", Outcome::Failed);
    forged.proof = Proof::default();
    assert_eq!(stage.hear(forged), Class::Counted);
    assert_eq!(stage.findings(), ["bad failed", "broken"]);
}

#[test]
fn without_proof_what_a_report_says_of_machines_counts_only_if_it_is_bad() {
    let wants = |quorum| Job {
        objects: model::Objects {
            named: vec!["a".into(), "b".into()],
            quorum,
            ..model::Objects::default()
        },
        ..job("acme/nas")
    };
    for quorum in [None, Some(2)] {
        let mut stage = Stage::new(vec![wants(quorum)], vec![daily()], true);
        stage.until(3 * HOUR);
        let mut genuine = stage.mail("acme/nas", Outcome::Ok);
        genuine.says.objects = vec![("a".into(), Outcome::Ok)];
        let sent_at = genuine.at.before(Duration::from_secs(60));
        stage.hear(genuine);
        stage.until(8 * HOUR);
        assert_eq!(stage.findings(), ["bad partial", "broken"], "quorum {quorum:?}");
        for sent_at in [None, Some(sent_at)] {
            let mut forged = stage.mail("acme/nas", Outcome::Partial);
            forged.proof = Proof::default();
            forged.says.objects = vec![("a".into(), Outcome::Ok), ("b".into(), Outcome::Ok)];
            forged.says.sent_at = sent_at;
            stage.hear(forged);
            assert_eq!(stage.standing(0), Standing::Partial, "quorum {quorum:?}");
        }
        assert!(!stage.findings().iter().any(|it| it == "well"), "quorum {quorum:?}");
    }
}

#[test]
fn without_proof_a_failure_is_not_made_less_of() {
    for ahead in [false, true] {
        let mut stage = Stage::plain();
        stage.until(3 * HOUR);
        let failed = stage.mail("acme/nas", Outcome::Failed);
        if !ahead {
            stage.hear(failed.clone());
        }
        for outcome in [Outcome::Unclassified, Outcome::Partial] {
            let mut forged = stage.mail("acme/nas", outcome);
            forged.proof = Proof::default();
            forged.says.sent_at = Some(forged.at.after(Duration::from_secs(60)));
            assert_eq!(stage.hear(forged), Class::Counted);
        }
        if ahead {
            stage.hear(failed);
        }
        assert_eq!(stage.standing(0), Standing::Failed, "forged first: {ahead}");
        stage.until(8 * HOUR);
        assert_eq!(stage.standing(0), Standing::Failed, "forged first: {ahead}");
    }
}

#[test]
fn what_was_kept_for_us_counts_however_late_it_is_read() {
    let mut stage = Stage::plain();
    stage.until(4 * HOUR);
    stage.deaf = &["box", CONSOLE];
    // The next slot has opened meanwhile, and this one has closed.
    stage.until(DAY + 2 * HOUR);
    assert!(stage.pen.now >= stage.slot("acme/nas", 0).close);
    assert_eq!(stage.standing(0), Standing::Open, "nobody can know");
    let mut mail = stage.mail("acme/nas", Outcome::Ok);
    mail.at = at(5 * HOUR);
    assert_eq!(stage.hear(mail), Class::Counted);
    assert_eq!(stage.standing(0), Standing::Kept);
    stage.deaf = &[];
    stage.until(DAY + 3 * HOUR);
    // What comes once it has closed is beside it; what had come before is not.
    let mut more = stage.mail("acme/nas", Outcome::Failed);
    more.says.sent_at = Some(at(5 * HOUR + 60));
    assert_eq!(stage.hear(more.clone()), Class::Orphan, "that slot has its verdict");
    assert_eq!(stage.standing(0), Standing::Kept);
    (more.at, more.keys) = (at(5 * HOUR + 60), vec![[77; 16]]);
    assert_eq!(stage.hear(more), Class::Counted);
    assert_eq!(stage.standing(0), Standing::Failed);
}

#[test]
fn what_nobody_understands_is_never_well() {
    let mut stage = Stage::plain();
    stage.until(3 * HOUR);
    stage.says(Outcome::Unclassified);
    assert_eq!(stage.standing(0), Standing::Open);
    stage.until(8 * HOUR);
    assert_eq!(stage.findings(), ["bad unclassified", "broken"]);
    stage.says(Outcome::Other);
    assert_eq!(stage.standing(0), Standing::Unclassified);
}

#[test]
fn a_machine_that_vanishes_from_the_report_makes_it_partial() {
    let learns = Job {
        objects: model::Objects { learn: true, ..model::Objects::default() },
        ..job("acme/nas")
    };
    let mut stage = Stage::new(vec![learns], vec![daily()], true);
    let vms: Vec<(Arc<str>, Outcome)> =
        ["a", "b", "c", "d", "e"].map(|it| (Arc::from(it), Outcome::Ok)).to_vec();
    for day in 0..4 {
        stage.until(day * DAY + 3 * HOUR);
        let mut heard = stage.mail("acme/nas", Outcome::Ok);
        heard.says.objects.clone_from(&vms);
        if day == 3 {
            heard.says.objects.remove(2);
        }
        stage.hear(heard);
    }
    assert_eq!(stage.standing(2), Standing::Kept);
    assert_eq!(stage.standing(3), Standing::Partial);
    assert_eq!(stage.slot("acme/nas", 3).why, "not in the report: c");
}

#[test]
fn a_size_far_from_the_usual_is_partial() {
    let limits = model::Limits { min_percent: Some(50), ..model::Limits::default() };
    let sized = Job { size: limits, ..job("acme/nas") };
    let mut stage = Stage::new(vec![sized], vec![daily()], true);
    for (day, size) in [100, 110, 90, 105, 95, 49].into_iter().enumerate() {
        stage.until(day as u64 * DAY + 3 * HOUR);
        let mut heard = stage.mail("acme/nas", Outcome::Ok);
        heard.says.size = Some(size);
        stage.hear(heard);
    }
    assert_eq!(stage.standing(4), Standing::Kept);
    assert_eq!(stage.slot("acme/nas", 5).why, "its size is 49 % of the usual 100");
    assert_eq!(stage.standing(5), Standing::Partial);
}

#[test]
fn some_warnings_in_a_row_are_told() {
    let mut stage = Stage::plain();
    for day in 0..4 {
        stage.until(day * DAY + 3 * HOUR);
        stage.says(Outcome::Warning);
        let told = stage.findings().iter().any(|it| it == "bad warning");
        assert_eq!(told, day >= 2, "day {day}");
    }
}

#[test]
fn a_deaf_intake_is_our_trouble_and_holds_what_is_missing() {
    let mut stage = Stage::plain();
    stage.until(5 * HOUR);
    stage.deaf = &["box", CONSOLE];
    stage.until(10 * HOUR);
    assert_eq!(stage.standing(0), Standing::Open);
    assert_eq!(stage.findings(), ["deaf box", "deaf console"]);
    stage.deaf = &[];
    stage.until(10 * HOUR + 300);
    assert_eq!(stage.standing(0), Standing::Missing, "a mailbox keeps what comes: all was read");
    assert!(stage.findings().contains(&"bad missing".to_owned()));
}

#[test]
fn a_way_by_which_a_job_is_never_heard_holds_it_only_until_it_is_known_to_be_deaf() {
    let ways = &["box", "other"];
    let mut stage = Stage::with_ways(vec![job("acme/nas")], vec![daily()], true, ways);
    stage.until(3 * HOUR);
    stage.says(Outcome::Ok);
    stage.until(DAY + 7 * HOUR - 300);
    stage.deaf = &["other"];
    stage.until(DAY + 7 * HOUR);
    assert_eq!(stage.standing(1), Standing::Open, "it may have come by the other way");
    stage.findings();
    stage.until(DAY + 7 * HOUR + 600);
    assert_eq!(stage.standing(1), Standing::Missing);
    assert_eq!(stage.findings(), ["deaf other", "bad missing", "broken"]);
    // Its own way being deaf, nothing is known.
    stage.deaf = &["box"];
    stage.until(2 * DAY + 12 * HOUR);
    assert_eq!(stage.standing(2), Standing::Open);
    assert!(!stage.findings().iter().any(|it| it.starts_with("bad")));
}

#[test]
fn a_day_of_the_week_on_which_there_is_no_mail_is_not_a_broken_way() {
    let of = |days: std::ops::Range<u64>, idle: &[u64]| {
        let mut ways = intakes::Intakes::default();
        ways.arrange(&model::Intakes::default(), at(0));
        for day in days {
            let hour = (START + day * DAY) / HOUR + 2;
            ways.restore_hour(hour - 1, 1);
            if !idle.contains(&(day % 7)) {
                ways.restore_hour(hour, 100);
            }
        }
        ways
    };
    let silent_at = |ways: &mut intakes::Intakes, day: u64| {
        let mut found = Vec::new();
        ways.review(at(day * DAY + 3 * HOUR), &mut found);
        !found.is_empty()
    };
    assert!(silent_at(&mut of(0..12, &[]), 12), "every day but this one");
    assert!(silent_at(&mut of(0..12, &[2, 3]), 12), "a working day");
    assert!(!silent_at(&mut of(0..12, &[5, 6]), 12), "as a week ago");
}

#[test]
fn what_nobody_kept_for_us_while_we_were_deaf_is_not_missing() {
    let mut stage = Stage::new(vec![job("acme/nas")], vec![daily()], false);
    stage.until(2 * HOUR);
    stage.deaf = &["box", CONSOLE];
    stage.until(4 * HOUR);
    stage.deaf = &[];
    stage.until(8 * HOUR);
    assert_eq!(stage.standing(0), Standing::NotWatched);
    assert!(!stage.findings().iter().any(|it| it.starts_with("bad")));
}

#[test]
fn a_restart_goes_on_where_the_rows_end() {
    let mut stage = Stage::plain();
    stage.until(3 * HOUR);
    stage.says(Outcome::Failed);
    let rows = std::mem::take(&mut stage.pen.rows);
    let mut again = Stage::plain();
    again.dogs = Watchdogs::default();
    for row in rows {
        match row {
            Row::Slot(it) => again.dogs.restore_slot(*it),
            Row::JobMemory(it) => again.dogs.restore_memory(*it),
            _ => {}
        }
    }
    again.pen.now = at(9 * HOUR);
    again.dogs.was_away(Span { from: at(3 * HOUR + 60), until: at(9 * HOUR) });
    again.dogs.arrange(&again.rules, &mut again.pen);
    again.until(DAY + 3 * HOUR);
    assert_eq!(again.standing(0), Standing::Failed);
    assert_eq!(again.standing(1), Standing::Open);
    again.until(DAY + 8 * HOUR);
    assert_eq!(again.standing(1), Standing::Missing);
}

#[test]
fn a_job_behind_another_is_skipped_if_that_fails_and_due_by_its_end_otherwise() {
    let child = Job {
        schedule: Schedule { dues: Vec::new(), ..job("acme/nas").schedule },
        after: Some(model::After { job: 0, offset: Duration::from_secs(HOUR) }),
        ..job("acme/offsite")
    };
    let jobs = vec![job("acme/nas"), child];
    let mut stage = Stage::new(jobs, vec![daily(), Arc::from([])], true);
    stage.until(3 * HOUR);
    stage.says(Outcome::Failed);
    stage.until(10 * HOUR);
    let of = |stage: &Stage, day: u64| {
        stage.dogs.books["acme/offsite"].slots[&at(day * DAY + 7 * HOUR)].standing
    };
    assert_eq!(of(&stage, 0), Standing::SkippedParent);
    stage.until(DAY + 3 * HOUR);
    stage.says(Outcome::Ok);
    stage.until(DAY + 4 * HOUR);
    assert_eq!(of(&stage, 1), Standing::Open, "an hour behind the end, and an hour of grace");
    stage.until(DAY + 5 * HOUR + 600);
    assert_eq!(of(&stage, 1), Standing::Missing);
}

#[test]
fn what_runs_every_so_often_is_due_so_long_after_its_last_run() {
    let schedule =
        Schedule { dues: vec![Due::Every(Duration::from_secs(HOUR))], ..job("acme/nas").schedule };
    let grace = Some(Duration::from_secs(600));
    let often = Job { schedule, grace, ..job("acme/nas") };
    let mut stage = Stage::new(vec![often], vec![Arc::from([])], true);
    assert_eq!(stage.says(Outcome::Ok), Class::Unscheduled, "the first one begins the chain");
    for minute in [55, 110, 170] {
        stage.until(minute * 60);
        assert_eq!(stage.says(Outcome::Ok), Class::Counted, "{minute}");
    }
    assert_eq!(stage.findings(), ["well", "kept", "well", "kept", "well", "kept"]);
    stage.until(170 * 60 + HOUR + 500);
    assert!(stage.findings().is_empty());
    stage.until(170 * 60 + HOUR + 1200);
    assert_eq!(stage.findings(), ["bad missing", "broken"]);
}

#[test]
fn where_nothing_is_expected_a_failure_is_told_and_a_good_run_ends_it() {
    let schedule = Schedule { dues: Vec::new(), ..job("acme/nas").schedule };
    let quiet = Job { schedule, reporting: model::Reporting::FailuresOnly, ..job("acme/nas") };
    let mut stage = Stage::new(vec![quiet], vec![Arc::from([])], true);
    stage.until(3 * HOUR);
    assert_eq!(stage.says(Outcome::Failed), Class::Unscheduled);
    assert_eq!(stage.findings(), ["bad failed"]);
    stage.until(2 * DAY);
    assert!(stage.findings().is_empty(), "silence says nothing");
    stage.says(Outcome::Ok);
    assert_eq!(stage.findings(), ["well"]);
}

#[test]
fn what_nobody_is_found_for_is_kept_until_a_person_claims_it() {
    let mut stage = Stage::plain();
    stage.until(3 * HOUR);
    let stray = Heard { job: None, proof: Proof::default(), ..stage.mail("", Outcome::Ok) };
    assert_eq!(stage.hear(stray), Class::Unclaimed);
    let id = *stage.dogs.unclaimed.keys().next().unwrap();
    let (job, by) = (Arc::from("acme/nas"), Arc::from("ben"));
    assert!(stage.dogs.claim(id, &job, &by, &Quiet, &mut stage.pen));
    assert_eq!(stage.standing(0), Standing::Kept, "a person vouches for it");
    assert!(!stage.dogs.claim(id, &job, &by, &Quiet, &mut stage.pen), "once");
}
