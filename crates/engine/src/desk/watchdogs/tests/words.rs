//! Stories of several words about one run: which of them counts, and when it can be known.

use super::*;

#[test]
fn a_run_has_timed_out_only_once_all_was_read_that_came_until_then() {
    let timed = Job { timeout: Some(Duration::from_secs(HOUR)), ..job("acme/nas") };
    let mut stage = Stage::new(vec![timed], vec![daily()], true);
    stage.until(2 * HOUR);
    stage.says(Outcome::Started);
    stage.deaf = &["box", CONSOLE];
    stage.until(5 * HOUR);
    assert_eq!(stage.standing(0), Standing::Open, "its end may lie unread");
    stage.deaf = &[];
    stage.until(5 * HOUR + 600);
    assert_eq!(stage.standing(0), Standing::TimedOut);
    stage.until(6 * HOUR);
    stage.says(Outcome::Ok);
    assert_eq!(stage.standing(0), Standing::Kept);
}

#[test]
fn what_was_kept_in_time_stays_so_and_counts_once_whatever_runs_later() {
    let mut stage = Stage::plain();
    stage.until(5 * HOUR);
    stage.says(Outcome::Ok);
    stage.until(9 * HOUR);
    stage.says(Outcome::Ok);
    assert_eq!(stage.standing(0), Standing::Kept);
    assert_eq!(stage.findings(), ["well", "kept"]);
    assert_eq!(stage.dogs.memory("acme/nas").unwrap().kept, 1);
}

#[test]
fn one_whose_mail_was_late_counts_once_if_a_better_word_follows() {
    let mut stage = Stage::plain();
    stage.until(6 * HOUR + 1_800);
    let mut early = stage.mail("acme/nas", Outcome::Ok);
    early.says.ended_at = Some(at(6 * HOUR));
    let mut late = early.clone();
    late.keys = vec![[200; 16]];
    stage.until(8 * HOUR);
    late.at = stage.pen.now;
    stage.hear(late);
    assert_eq!(stage.standing(0), Standing::MailLate);
    // It was handed over in time, and read only now.
    stage.hear(early);
    assert_eq!(stage.standing(0), Standing::Kept);
    assert_eq!(stage.dogs.memory("acme/nas").unwrap().kept, 1);
}

#[test]
fn a_product_that_fails_again_and_again_is_told_after_the_time_of_its_retries() {
    let patient = Job { retry_grace: Duration::from_secs(HOUR), ..job("acme/nas") };
    let mut stage = Stage::new(vec![patient], vec![daily()], true);
    for minute in [120, 150, 175] {
        stage.until(minute * 60);
        stage.says(Outcome::Failed);
    }
    assert!(stage.findings().is_empty());
    stage.until(3 * HOUR);
    assert_eq!(stage.findings(), ["bad failed", "broken"]);
}

#[test]
fn a_failure_that_is_heard_behind_its_retry_is_remembered_and_not_told() {
    let mut stage = Stage::plain();
    stage.until(4 * HOUR);
    stage.says(Outcome::Ok);
    let mut failed = stage.mail("acme/nas", Outcome::Failed);
    failed.says.ended_at = Some(at(3 * HOUR));
    assert_eq!(stage.hear(failed), Class::Counted);
    assert_eq!((stage.standing(0), stage.slot("acme/nas", 0).retried), (Standing::Kept, true));
    assert_eq!(stage.findings(), ["well", "kept"]);
}

#[test]
fn a_flood_of_forged_words_does_not_push_out_what_was_proved() {
    let mut stage = Stage::plain();
    stage.until(3 * HOUR);
    stage.says(Outcome::Failed);
    for number in 0..2 * ENTRIES_MAX {
        let mut forged = stage.mail("acme/nas", Outcome::Unclassified);
        forged.proof = Proof::default();
        forged.keys = vec![[1; 16]];
        forged.keys[0][1] = u8::try_from(number).unwrap();
        assert_eq!(stage.hear(forged), Class::Counted);
    }
    let slot = stage.slot("acme/nas", 0);
    assert_eq!((slot.entries.len(), slot.standing), (ENTRIES_MAX, Standing::Failed));
    assert_eq!(slot.entries.iter().filter(|it| it.proved).count(), 1);
}

#[test]
fn machines_that_report_one_by_one_are_a_part_each() {
    let named = ["a", "b", "c"].map(Arc::from).to_vec();
    let objects = model::Objects { named, ..model::Objects::default() };
    let mut stage = Stage::new(vec![Job { objects, ..job("acme/nas") }], vec![daily()], true);
    stage.until(3 * HOUR);
    for (name, outcome) in [("a", Outcome::Ok), ("c", Outcome::Ok), ("b", Outcome::Failed)] {
        stage.until(stage.pen.now.since(at(0)).as_secs() + 60);
        let mut heard = stage.mail("acme/nas", outcome);
        heard.says.objects = vec![(Arc::from(name), outcome)];
        stage.hear(heard);
    }
    assert_eq!(stage.standing(0), Standing::Partial);
    assert_eq!(stage.slot("acme/nas", 0).why, "not well: b");
}
