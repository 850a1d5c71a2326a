//! Stories of digests: one report that tells of many runs.

use super::*;

fn digest_of(named: &[&str]) -> Stage {
    let objects = model::Objects {
        named: named.iter().map(|it| Arc::from(*it)).collect(),
        ..model::Objects::default()
    };
    let job = Job { reporting: model::Reporting::Digest, objects, ..job("acme/nas") };
    Stage::new(vec![job], vec![daily()], true)
}

impl Stage {
    fn digest(&mut self, outcome: Outcome, objects: &[(&str, Outcome)]) -> Class {
        let mut heard = self.mail("acme/nas", outcome);
        heard.says.objects = objects.iter().map(|it| (Arc::from(it.0), it.1)).collect();
        self.hear(heard)
    }

    fn stands(&self, day: u64) -> (Standing, &str) {
        let slot = self.slot("acme/nas", day);
        (slot.standing, &slot.why)
    }
}

#[test]
fn a_digest_in_which_one_of_many_failed_is_partial_and_names_it_at_once() {
    for outcome in [Outcome::Ok, Outcome::Failed, Outcome::Partial] {
        let mut stage = digest_of(&[]);
        stage.until(3 * HOUR);
        stage.digest(outcome, &[("a", Outcome::Ok), ("b", Outcome::Failed), ("c", Outcome::Ok)]);
        assert_eq!(stage.stands(0), (Standing::Partial, "not well: b"), "{outcome:?}");
        assert_eq!(stage.findings(), ["bad partial", "broken"]);
    }
}

#[test]
fn a_digest_in_which_all_failed_has_failed() {
    let mut stage = digest_of(&[]);
    stage.until(3 * HOUR);
    stage.digest(Outcome::Partial, &[("a", Outcome::Failed), ("b", Outcome::Failed)]);
    assert_eq!(stage.stands(0), (Standing::Failed, "nothing of it went well"));
}

#[test]
fn a_digest_that_blames_nobody_is_believed_as_a_whole() {
    let mut stage = digest_of(&[]);
    stage.until(3 * HOUR);
    stage.digest(Outcome::Failed, &[("a", Outcome::Ok), ("b", Outcome::Ok)]);
    assert_eq!(stage.standing(0), Standing::Failed);
    stage.until(DAY + 3 * HOUR);
    stage.digest(Outcome::Unclassified, &[("a", Outcome::Ok), ("b", Outcome::Ok)]);
    stage.until(DAY + 8 * HOUR);
    assert_eq!(stage.standing(1), Standing::Unclassified, "what nobody understands is not well");
}

#[test]
fn whoever_has_to_be_in_a_digest_and_is_not_makes_it_partial_without_waiting() {
    let mut stage = digest_of(&["a", "b"]);
    stage.until(3 * HOUR);
    stage.digest(Outcome::Ok, &[("a", Outcome::Ok)]);
    assert_eq!(stage.stands(0), (Standing::Partial, "not in the report: b"));
    stage.until(4 * HOUR);
    stage.digest(Outcome::Ok, &[("a", Outcome::Ok), ("b", Outcome::Warning)]);
    assert_eq!(stage.stands(0), (Standing::Warning, "with warnings: b"));
}

#[test]
fn a_second_digest_adds_to_the_first_and_corrects_whom_it_names() {
    let mut stage = digest_of(&[]);
    stage.until(2 * HOUR);
    stage.digest(Outcome::Failed, &[("a", Outcome::Failed), ("b", Outcome::Ok)]);
    stage.until(3 * HOUR);
    stage.digest(Outcome::Ok, &[("c", Outcome::Ok)]);
    assert_eq!(
        stage.stands(0),
        (Standing::Partial, "not well: a"),
        "nobody has said that it is well"
    );
    stage.until(4 * HOUR);
    stage.digest(Outcome::Ok, &[("a", Outcome::Ok)]);
    assert_eq!(stage.standing(0), Standing::Kept);
    assert_eq!(stage.findings(), ["bad partial", "broken", "well", "kept"]);
}

#[test]
fn silence_between_digests_is_nothing_and_a_digest_that_does_not_come_is_missing() {
    let mut stage = digest_of(&["a"]);
    stage.until(5 * HOUR);
    stage.digest(Outcome::Ok, &[("a", Outcome::Ok)]);
    assert_eq!(stage.findings(), ["well", "kept"]);
    stage.until(DAY + 7 * HOUR - 1);
    assert!(stage.findings().is_empty());
    stage.until(DAY + 7 * HOUR + 300);
    assert_eq!(stage.findings(), ["bad missing", "broken"]);
}

#[test]
fn a_digest_belongs_to_the_slot_of_its_own_time_and_not_to_that_of_the_runs_in_it() {
    let mut stage = digest_of(&[]);
    stage.until(5 * HOUR);
    stage.digest(Outcome::Ok, &[("a", Outcome::Ok)]);
    stage.until(DAY + 5 * HOUR);
    let mut heard = stage.mail("acme/nas", Outcome::Ok);
    // The last run in it ended the evening before, while the slot before was open.
    heard.says.ended_at = Some(at(20 * HOUR));
    assert_eq!(stage.hear(heard), Class::Counted);
    assert_eq!(stage.standing(1), Standing::Kept);
}
