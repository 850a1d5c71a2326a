//! One shard, driven by hand.

use std::sync::Arc;

use model::{
    Flapping, KindId, Level, Look, Measure, Period, Profile, Rule, SpanOfWeek, Test, TimeZone,
};

use super::*;

const SHARDS: u32 = 2;
const LIMITS: Limits = Limits { in_flight_max: 100, in_flight_per_host_max: 10 };

fn id(local: u32) -> CheckableId {
    CheckableId::at(1, SHARDS, local)
}

fn secs(secs: u64) -> Moment {
    Moment::from_secs(1_000_000 + secs)
}

fn check() -> Check {
    Check {
        kind: KindId(0),
        every: Duration::from_secs(60),
        retry_every: Duration::from_secs(10),
        attempts_max: 3,
        timeout: Duration::from_secs(5),
        profile: Profile::Campanile,
        flapping: Flapping::default_for(Profile::Campanile),
        rules: Arc::new([]),
        period: None,
    }
}

fn service(check: Check) -> Spec {
    let check = Some(Arc::new(check));
    Spec {
        of_host: false,
        host: None,
        has_parents: false,
        canary: false,
        check,
        phase: 7_000_000_000,
        definition: 1,
    }
}

/// A shard with what it wants done, and what it has said.
struct Stage {
    shard: Shard,
    effects: Vec<Effect>,
}

impl Stage {
    fn new(specs: impl IntoIterator<Item = Spec>) -> Self {
        let mut shard = Shard::new(1, SHARDS, LIMITS, secs(0));
        for (local, spec) in specs.into_iter().enumerate() {
            shard.put(secs(0), id(local as u32), spec, None);
        }
        Self { shard, effects: Vec::new() }
    }

    fn wake(&mut self, at: Moment) -> Vec<(CheckableId, RunId)> {
        self.effects.clear();
        self.shard.wake(at, &mut self.effects);
        self.probes()
    }

    fn probes(&self) -> Vec<(CheckableId, RunId)> {
        let probe = |it: &Effect| match it {
            Effect::Probe { checkable, run, .. } => Some((*checkable, *run)),
            _ => None,
        };
        self.effects.iter().filter_map(probe).collect()
    }

    fn input(&mut self, at: Moment, input: Input) {
        self.effects.clear();
        self.shard.handle(at, input, &mut self.effects);
    }

    fn answer(&mut self, at: Moment, run: (CheckableId, RunId), verdict: Verdict) {
        self.input(at, Input::Answered(result(at, run, verdict, Vec::new())));
    }

    fn belief(&self, local: u32) -> &Belief {
        self.shard.belief(id(local)).unwrap()
    }

    fn changes(&self) -> Vec<Transition> {
        let change = |it: &Effect| match it {
            Effect::Tell(_, FromShard::Changed(transition)) => Some(transition.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(change).collect()
    }

    fn look(&self, local: u32) -> Look {
        self.shard.belief(id(local)).unwrap().now
    }

    fn skipped(&self) -> Vec<SkipReason> {
        let skip = |it: &Effect| match it {
            Effect::Skipped(_, reason) => Some(*reason),
            _ => None,
        };
        self.effects.iter().filter_map(skip).collect()
    }
}

fn result(
    at: Moment,
    (checkable, run): (CheckableId, RunId),
    verdict: Verdict,
    measures: Vec<Measure>,
) -> CheckResult {
    CheckResult { checkable, run, started_at: at, took: Duration::ZERO, verdict, measures }
}

/// Bad once a value has been over 10 for a minute and a half without a break.
fn patient() -> Check {
    let rule = Rule {
        measure: 0,
        level: Level::Critical,
        test: Test::Over(10.0),
        hold: Duration::from_secs(90),
        clear: Some(Test::Over(5.0)),
        text: "over 10 for 90s clear 5".into(),
    };
    Check { rules: Arc::new([rule]), ..check() }
}

fn down() -> Verdict {
    Verdict::critical(Cause::bare(CauseCode::Timeout))
}

/// The first turn of a check with an interval of 60 s and a phase of 7 s after `secs(0)`, which
/// lies 40 s into a minute.
const FIRST: u64 = 27;

#[test]
fn bad_news_is_looked_at_again_soon_and_then_believed() {
    let mut stage = Stage::new([service(check())]);
    assert_eq!(stage.shard.due(id(0)), Some(secs(FIRST)));
    let mut at = secs(FIRST);
    for attempt in 1..=3 {
        let runs = stage.wake(at);
        assert_eq!(runs.len(), 1, "attempt {attempt}");
        stage.answer(at.after(Duration::from_secs(1)), runs[0], down());
        assert_eq!(stage.look(0).attempt, attempt);
        at = at.after(Duration::from_secs(10));
    }
    assert_eq!(stage.look(0).kind, StateType::Hard);
    assert_eq!(stage.shard.due(id(0)), Some(secs(FIRST + 60)), "back in phase");
}

#[test]
fn an_answer_takes_its_run_so_a_doubled_or_old_one_finds_none() {
    let mut stage = Stage::new([service(check())]);
    let first = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST + 1), first, down());
    stage.answer(secs(FIRST + 1), first, down());
    assert!(stage.effects.is_empty());
    assert_eq!(stage.look(0).attempt, 1);
    let second = stage.wake(secs(FIRST + 10))[0];
    stage.answer(secs(FIRST + 11), first, Verdict::OK);
    assert_eq!(stage.look(0).attempt, 1);
    stage.answer(secs(FIRST + 11), second, down());
    assert_eq!(stage.look(0).attempt, 2);
}

#[test]
fn blind_changes_nothing_but_comes_again_soon_while_retrying() {
    let mut stage = Stage::new([service(check())]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, Cause::bare(CauseCode::Descriptors).into());
    assert!(stage.effects.is_empty());
    assert!(!stage.shard.belief(id(0)).unwrap().known);
    assert_eq!(stage.shard.due(id(0)), Some(secs(FIRST + 60)));
}

#[test]
fn a_run_without_an_answer_is_given_up_at_the_next_turn() {
    let mut stage = Stage::new([service(check())]);
    stage.wake(secs(FIRST));
    assert_eq!(stage.shard.in_flight(), 1);
    let again = stage.wake(secs(FIRST + 60));
    assert_eq!(stage.effects[0], Effect::Lost(id(0)));
    assert_eq!((again.len(), stage.shard.in_flight()), (1, 1));
}

#[test]
fn places_are_limited_and_given_in_order() {
    let mut stage = Stage::new((0..4).map(|_| service(check())));
    stage.shard.limit(Limits { in_flight_max: 2, ..LIMITS });
    let runs = stage.wake(secs(FIRST));
    assert_eq!((runs.len(), stage.shard.waiting()), (2, 2));
    stage.answer(secs(FIRST + 1), runs[1], Verdict::OK);
    assert_eq!(stage.probes().len(), 1);
    assert_eq!(stage.shard.waiting(), 1);
    // The one that still waits misses its turn; what is under way is overrun or lost.
    stage.wake(secs(FIRST + 60));
    assert_eq!(stage.skipped(), [SkipReason::Limit]);
}

#[test]
fn one_host_has_places_of_its_own() {
    let host = Spec { of_host: true, ..service(check()) };
    let mut stage = Stage::new([host]);
    for local in 1..4 {
        let spec = Spec { host: Some(id(0)), ..service(check()) };
        stage.shard.put(secs(0), id(local), spec, None);
    }
    stage.shard.put(secs(0), id(4), service(check()), None);
    stage.shard.limit(Limits { in_flight_per_host_max: 2, ..LIMITS });
    let runs = stage.wake(secs(FIRST));
    let asked: Vec<_> = runs.iter().map(|it| it.0).collect();
    assert_eq!(asked, [id(0), id(1), id(4)]);
    stage.answer(secs(FIRST + 1), runs[0], Verdict::OK);
    assert_eq!(stage.probes()[0].0, id(2));
}

#[test]
fn outside_its_period_nothing_is_asked() {
    let spans = Arc::new([SpanOfWeek { start: 0, end: 60 }]);
    let zone = TimeZone::utc();
    let period = Arc::new(Period { text: "Mon 00:00-01:00".into(), zone, spans });
    let mut stage = Stage::new([service(Check { period: Some(period.clone()), ..check() })]);
    assert_eq!(stage.wake(secs(FIRST)), []);
    assert_eq!(stage.skipped(), [SkipReason::Period]);
    let due = stage.shard.due(id(0)).unwrap();
    assert!(period.is_open(due));
    assert_eq!(stage.wake(due).len(), 1);
}

#[test]
fn a_reload_keeps_place_attempt_and_run() {
    let mut stage = Stage::new([service(check())]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST + 1), run, down());
    let run = stage.wake(secs(FIRST + 10))[0];
    stage.shard.put(secs(FIRST + 11), id(0), service(check()), None);
    stage.answer(secs(FIRST + 12), run, down());
    assert_eq!(stage.look(0).attempt, 2);
    assert_eq!(stage.shard.due(id(0)), Some(secs(FIRST + 20)));
}

#[test]
fn the_answer_to_a_question_that_was_rewritten_is_dropped() {
    let mut stage = Stage::new([service(check())]);
    let run = stage.wake(secs(FIRST))[0];
    stage.shard.put(secs(FIRST + 1), id(0), Spec { definition: 2, ..service(check()) }, None);
    assert_eq!(stage.shard.in_flight(), 0);
    stage.answer(secs(FIRST + 2), run, down());
    assert!(!stage.shard.belief(id(0)).unwrap().known);
    assert_eq!(stage.shard.due(id(0)), Some(secs(FIRST + 60)), "the place in time is the same");
}

#[test]
fn a_look_out_of_turn_does_not_hurry_the_attempts() {
    let mut stage = Stage::new([service(check())]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    let now = Input::Desk(ToShard::CheckNow { checkable: id(0) });
    stage.input(secs(FIRST + 1), now.clone());
    let run = stage.probes()[0];
    stage.answer(secs(FIRST + 2), run, down());
    assert_eq!(stage.look(0).attempt, 1);
    let told = stage
        .effects
        .iter()
        .any(|it| matches!(it, Effect::Tell(_, FromShard::Looked { up: false, .. })));
    assert!(told, "the desk hears of it all the same");
    stage.input(secs(FIRST + 3), now);
    let run = stage.probes()[0];
    stage.answer(secs(FIRST + 4), run, Verdict::OK);
    assert_eq!(stage.look(0).status, Status::Ok, "good news counts at once");
}

#[test]
fn a_hosts_last_attempt_waits_for_word_about_its_parents() {
    let hasty = Check { attempts_max: 1, ..check() };
    let mut stage = Stage::new([Spec { of_host: true, has_parents: true, ..service(hasty) }]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST + 1), run, down());
    let question = FromShard::AreParentsUp { host: id(0), at: secs(FIRST) };
    assert_eq!(stage.effects, [Effect::Tell(1, question)]);
    let word = |any_up, answer| Input::Desk(ToShard::Parents { host: id(0), any_up, answer });
    stage.input(secs(FIRST + 2), word(false, false));
    assert!(stage.look(0).status.is_fine(), "a change is not the answer");
    stage.input(secs(FIRST + 2), word(false, true));
    let look = stage.look(0);
    assert_eq!((look.status, look.kind), (Status::Unreachable, StateType::Hard));
    stage.input(secs(FIRST + 3), word(true, false));
    assert_eq!(stage.look(0).status, Status::Down);
}

#[test]
fn silence_of_the_desk_holds_a_verdict_only_so_long() {
    let hasty = Check { attempts_max: 1, ..check() };
    let mut stage = Stage::new([Spec { of_host: true, has_parents: true, ..service(hasty) }]);
    let mut at = secs(FIRST);
    for _ in 0..5 {
        let Some(run) = stage.wake(at).first().copied() else { break };
        stage.answer(at, run, down());
        at = stage.shard.due(id(0)).unwrap();
    }
    assert_eq!(stage.look(0).kind, StateType::Hard);
    assert_eq!(stage.look(0).status, Status::Down);
}

#[test]
fn what_is_stored_is_what_changed() {
    let mut stage = Stage::new([service(check())]);
    let mut remembered = 0;
    let mut at = secs(FIRST);
    for _ in 0..40 {
        let run = stage.wake(at)[0];
        stage.answer(at, run, Verdict::OK);
        remembered += stage.effects.len();
        at = stage.shard.due(id(0)).unwrap();
    }
    assert_eq!(remembered, 1, "known once, then nothing");
}

#[test]
fn after_standing_still_nobody_is_asked_in_a_burst() {
    let specs = (0..60).map(|at| Spec { phase: at * 1_000_000_000, ..service(check()) });
    let mut stage = Stage::new(specs);
    let runs = stage.wake(secs(1_000)).len();
    assert_eq!(runs, 0);
    let due: std::collections::BTreeSet<_> = (0..60).map(|it| stage.shard.due(id(it))).collect();
    assert_eq!(due.len(), 60, "everybody is back in phase");
}

#[test]
fn the_beginning_of_a_stretch_is_stored_before_it_counts() {
    let mut stage = Stage::new([service(patient())]);
    let mut stored = Vec::new();
    let mut at = secs(FIRST);
    for value in [1.0, 1.0, 11.0, 11.0, 11.0, 11.0] {
        let run = stage.wake(at)[0];
        let measures = vec![Measure::number(0, value)];
        stage.input(at, Input::Answered(result(at, run, Verdict::OK, measures)));
        stored.push(stage.effects.contains(&Effect::Remember(id(0))));
        at = stage.shard.due(id(0)).unwrap();
    }
    // Known; nothing; the stretch begins; nothing; it counts, SOFT 1; SOFT 2.
    assert_eq!(stored, [true, false, true, false, true, true]);
    assert_eq!(stage.look(0).attempt, 2);
    let restored = stage.belief(0).clone();
    let mut next = Shard::new(1, SHARDS, LIMITS, at);
    next.put(at, id(0), service(patient()), Some(restored.clone()));
    assert_eq!(next.belief(id(0)), Some(&restored), "another life goes on where this one was");
}

#[test]
fn a_recorded_result_is_judged_as_it_was_the_first_time() {
    let host = Spec { of_host: true, ..service(check()) };
    let specs = || [host.clone(), Spec { host: Some(id(0)), ..service(patient()) }];
    let (mut first, mut second) = (Stage::new(specs()), Stage::new(specs()));
    let mut at = secs(FIRST);
    for step in 0..200_u64 {
        // Neither the host nor the value keeps step with the other.
        let host_is_down = step % 23 > 15;
        let value = if step % 11 > 3 { 11.0 } else { 1.0 };
        for run in first.wake(at) {
            let found = match (run.0 == id(0), host_is_down, step % 29) {
                (true, true, _) => down(),
                (_, _, 28) => Cause::bare(CauseCode::Descriptors).into(),
                _ => Verdict::OK,
            };
            let result = result(at, run, found, vec![Measure::number(0, value)]);
            assert!(first.shard.awaits(&result));
            first.input(at, Input::Answered(result.clone()));
            assert!(!first.shard.awaits(&result), "the run is taken");
            second.input(at, Input::Recorded(result));
            assert_eq!(second.changes(), first.changes());
            for local in 0..2 {
                assert_eq!(second.belief(local), first.belief(local), "step {step}");
            }
        }
        at = first.shard.next_wake().unwrap().max(at.after(Duration::from_millis(5)));
    }
    assert!(first.belief(1).known && second.shard.in_flight() == 0);
}

fn question(effects: &[Effect]) -> bool {
    effects.iter().any(|it| matches!(it, Effect::Tell(_, FromShard::AreParentsUp { .. })))
}

#[test]
fn a_restart_between_two_bad_answers_does_not_forget_to_ask_about_the_parents() {
    let host = Spec { of_host: true, has_parents: true, ..service(check()) };
    let mut stage = Stage::new([host.clone()]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    assert!(question(&stage.effects));
    let soft = stage.belief(0).clone();
    let mut stage = Stage::new([]);
    stage.shard.put(secs(FIRST + 2), id(0), host, Some(soft));
    let mut asked = Vec::new();
    for _ in 2..=3 {
        let at = stage.shard.due(id(0)).unwrap();
        let run = stage.wake(at)[0];
        stage.answer(at, run, down());
        asked.push(question(&stage.effects));
    }
    assert_eq!(asked, [true, false]);
    assert_eq!(stage.look(0).kind, StateType::Soft, "the last attempt waits for the answer");
}

#[test]
fn a_verdict_that_waits_for_the_parents_is_dropped_with_its_question() {
    let hasty = Check { attempts_max: 1, ..check() };
    let host = Spec { of_host: true, has_parents: true, ..service(hasty) };
    let mut stage = Stage::new([host.clone()]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    // It was asked at another address than the one it has now.
    stage.shard.put(secs(FIRST + 1), id(0), Spec { definition: 2, ..host }, None);
    stage.input(
        secs(FIRST + 2),
        Input::Desk(ToShard::Parents { host: id(0), any_up: true, answer: true }),
    );
    assert!(stage.look(0).status.is_fine() && stage.effects.is_empty());
}

#[test]
fn a_verdict_that_waits_for_parents_which_are_gone_is_believed_at_the_next_look() {
    let hasty = Check { attempts_max: 1, ..check() };
    let host = Spec { of_host: true, has_parents: true, ..service(hasty) };
    let mut stage = Stage::new([host.clone()]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    stage.shard.put(secs(FIRST + 1), id(0), Spec { has_parents: false, ..host }, None);
    let at = stage.shard.due(id(0)).unwrap();
    assert!(at <= secs(FIRST + 11), "a retry interval later, not an interval");
    let run = stage.wake(at)[0];
    stage.answer(at, run, down());
    assert_eq!(stage.look(0).status, Status::Down);
}

#[test]
fn nothing_is_believed_of_a_host_that_is_left_to_its_services() {
    let hasty = Check { attempts_max: 1, ..check() };
    let host = Spec { of_host: true, ..service(hasty) };
    let mut stage = Stage::new([host.clone()]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    let bad = stage.belief(0).clone();
    assert_eq!(bad.now.status, Status::Down);
    let left = Spec { check: None, definition: 0, ..host };
    stage.shard.put(secs(FIRST + 1), id(0), left.clone(), None);
    assert!(stage.look(0).status.is_fine() && !stage.belief(0).known);
    let now = Input::Desk(ToShard::CheckNow { checkable: id(0) });
    stage.input(secs(FIRST + 2), now);
    let word = FromShard::Looked { checkable: id(0), at: secs(FIRST + 2), up: true };
    assert_eq!(stage.effects, [Effect::Tell(2, word)]);
    let mut stage = Stage::new([]);
    stage.shard.put(secs(0), id(0), left, Some(bad));
    assert!(stage.look(0).status.is_fine(), "nor after a restart");
}

#[test]
fn a_belief_of_a_process_whose_clock_was_ahead_counts_from_now() {
    let mut stage = Stage::new([service(patient())]);
    let run = stage.wake(secs(FIRST))[0];
    let high = || vec![Measure::number(0, 11.0)];
    stage.input(secs(FIRST), Input::Answered(result(secs(FIRST), run, Verdict::OK, high())));
    let mut ahead = stage.belief(0).clone();
    ahead.thresholds[0].since = secs(500_000);
    ahead.since = secs(500_000);
    let mut stage = Stage::new([]);
    stage.shard.put(secs(0), id(0), service(patient()), Some(ahead));
    let mut looks = Vec::new();
    for _ in 0..2 {
        let at = stage.shard.due(id(0)).unwrap();
        let run = stage.wake(at)[0];
        stage.input(at, Input::Answered(result(at, run, Verdict::OK, high())));
        looks.push(stage.look(0).status);
    }
    // 27 s and 87 s after the start are less than the 90 s that it must last; the next look is not.
    assert_eq!(looks, [Status::Ok, Status::Ok]);
    let at = stage.shard.due(id(0)).unwrap();
    let run = stage.wake(at)[0];
    stage.input(at, Input::Answered(result(at, run, Verdict::OK, high())));
    assert_eq!(stage.look(0).status, Status::Critical);
}

#[test]
fn after_standing_still_bad_news_is_looked_at_again_soon() {
    let mut stage = Stage::new([service(check())]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    assert_eq!(stage.wake(secs(1_000)), []);
    assert_eq!(stage.skipped(), [SkipReason::Stall]);
    assert!(stage.shard.due(id(0)).unwrap() <= secs(1_010));
}

/// The moments at which a service whose every answer is bad is asked, until it is believed.
fn asked_until_believed(stage: &mut Stage, mut at: Moment) -> Vec<u64> {
    let mut asked = Vec::new();
    while stage.look(0).kind != StateType::Hard || stage.look(0).status.is_fine() {
        for run in stage.wake(at) {
            asked.push(at.since(secs(0)).as_secs());
            stage.answer(at, run, down());
        }
        at = stage.shard.due(id(0)).unwrap();
    }
    asked
}

#[test]
fn attempts_are_a_retry_apart_wherever_the_regular_turn_is() {
    let slow = Check { retry_every: Duration::from_secs(40), ..check() };
    let mut stage = Stage::new([service(slow)]);
    let first = FIRST;
    // The regular turn, a minute after the first look, is not taken.
    assert_eq!(asked_until_believed(&mut stage, secs(first)), [first, first + 40, first + 80]);
    assert_eq!(stage.shard.due(id(0)), Some(secs(first + 120)), "and then it is in phase again");
}

#[test]
fn a_restart_does_not_hurry_the_attempts() {
    let mut stage = Stage::new([service(check())]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    let restored = stage.belief(0).clone();
    let now = secs(FIRST + 1);
    stage.shard = Shard::new(1, SHARDS, LIMITS, now);
    stage.shard.put(now, id(0), service(check()), Some(restored));
    let due = stage.shard.due(id(0)).unwrap();
    assert_eq!(asked_until_believed(&mut stage, due), [FIRST + 10, FIRST + 20]);
}

#[test]
fn a_look_out_of_turn_that_had_to_wait_does_not_hurry_either() {
    let mut stage = Stage::new([service(check())]);
    let run = stage.wake(secs(FIRST))[0];
    stage.answer(secs(FIRST), run, down());
    stage.shard.limit(Limits { in_flight_max: 0, ..LIMITS });
    stage.input(secs(FIRST + 1), Input::Desk(ToShard::CheckNow { checkable: id(0) }));
    assert_eq!(stage.probes(), []);
    stage.shard.limit(LIMITS);
    let run = stage.wake(secs(FIRST + 2))[0];
    stage.answer(secs(FIRST + 3), run, down());
    assert_eq!(stage.look(0).attempt, 1);
    assert_eq!(stage.shard.due(id(0)), Some(secs(FIRST + 10)), "the retry keeps its place");
}

#[test]
fn a_run_that_waits_does_not_start_outside_its_period() {
    let spans = Arc::new([SpanOfWeek { start: 0, end: 7 * 24 * 60 }]);
    let period = Period { text: "always".into(), zone: TimeZone::utc(), spans };
    let open = Check { period: Some(Arc::new(period)), ..check() };
    let mut stage = Stage::new([service(open.clone())]);
    stage.shard.limit(Limits { in_flight_max: 0, ..LIMITS });
    assert_eq!(stage.wake(secs(FIRST)), []);
    assert_eq!(stage.shard.waiting(), 1);
    let never = Period { spans: Arc::new([]), ..open.period.as_deref().unwrap().clone() };
    let closed = Check { period: Some(Arc::new(never)), ..open };
    stage.shard.put(secs(FIRST + 1), id(0), service(closed), None);
    stage.shard.limit(LIMITS);
    assert_eq!(stage.wake(secs(FIRST + 2)), []);
    assert_eq!(stage.skipped(), [SkipReason::Period]);
    assert_eq!(stage.shard.waiting(), 0);
}

#[test]
fn one_that_is_watched_tells_every_conclusive_result_and_a_change_brings_its_values() {
    let mut stage = Stage::new([service(check())]);
    let seen = |stage: &Stage| {
        let seen = |it: &Effect| match it {
            Effect::Tell(_, FromShard::Seen { at, now, .. }) => Some((*at, now.status)),
            _ => None,
        };
        stage.effects.iter().filter_map(seen).collect::<Vec<_>>()
    };
    let due = stage.shard.due(id(0)).unwrap();
    let run = stage.wake(due)[0];
    stage.answer(due, run, Verdict::OK);
    assert_eq!(seen(&stage), [], "nobody has asked");
    stage.input(due, Input::Desk(ToShard::Watch { checkable: id(0), watching: true }));
    let due = stage.shard.due(id(0)).unwrap();
    let run = stage.wake(due)[0];
    stage.answer(due, run, Verdict::OK);
    assert_eq!((seen(&stage), stage.changes().len()), (vec![(due, Status::Ok)], 0));

    let due = stage.shard.due(id(0)).unwrap();
    let run = stage.wake(due)[0];
    let many = (0..40).map(|it| Measure::number(it, 1.0)).collect();
    let bad = Verdict::Seen { status: Status::Critical, cause: None };
    stage.input(due, Input::Answered(result(due, run, bad, many)));
    assert_eq!(seen(&stage), [(due, Status::Critical)]);
    assert_eq!(stage.changes()[0].measures.len(), Transition::MEASURES_MAX);

    stage.input(due, Input::Desk(ToShard::Watch { checkable: id(0), watching: false }));
    let due = stage.shard.due(id(0)).unwrap();
    let run = stage.wake(due)[0];
    stage.answer(due, run, Verdict::OK);
    assert_eq!(seen(&stage), []);
}
