//! Why somebody is told, or nobody; and what would be, which is what then is.

use model::{Ending, Hours, NightGate};
use proptest::{prelude::*, sample::select};

use super::*;

const ANNA: Target = Target::Person(0);
const BEN: Target = Target::Person(1);
const PSA: u32 = 0;
const SMS: u32 = 1;

fn min(count: u64) -> Moment {
    at(count * 60)
}

fn span(from: u64, until: u64) -> Span {
    Span { from: min(from), until: min(until) }
}

/// [`duty`] with Ben beside Anna, who leads at night.
fn two_people() -> Duty {
    Duty { people: vec![person("anna"), person("ben")], ..duty() }
}

/// Rules under which Ben is asked outside minutes 100 to 200, for 15 minutes.
fn at_night(silence_means_blocking: bool) -> (Duty, Times) {
    let mut duty = two_people();
    duty.policies[0].gate = Some(NightGate {
        hours: 0,
        lead: BEN,
        via: vec![SMS],
        patience: mins(15),
        silence_means_blocking,
        at: "config.yaml:30".into(),
    });
    (duty, Times { hours: vec![Hours::of(vec![span(100, 200)])], ..Times::default() })
}

fn critical(from: u64, until: u64) -> Hypothesis {
    let name = "acme/web/http".into();
    let given = vec![Supposed { name, status: Status::Critical, at: min(from) }];
    Hypothesis { given, until: min(until), answer: None }
}

type Line = (u64, String);

fn line(it: &Foreseen) -> Line {
    ((it.at.since(at(0))).as_secs() / 60, format!("{} by {}", it.route.contact, it.route.channel))
}

fn lines(all: &[Foreseen]) -> Vec<Line> {
    let mut all: Vec<_> = all.iter().map(line).collect();
    all.sort();
    all
}

fn line_of(minute: u64, text: &str) -> Line {
    (minute, text.to_owned())
}

#[test]
fn the_question_at_night_is_foreseen_with_what_follows_from_each_answer() {
    for silence in [true, false] {
        let (duty, times) = at_night(silence);
        let stage = Stage::new(duty, times);
        let silent = stage.desk.suppose(&critical(10, 300)).unwrap();
        let [question] = &silent.asked[..] else { panic!("{:?}", silent.asked) };
        assert_eq!(line(&question.asked), line_of(10, "ben by sms"));
        assert_eq!((question.until, question.silence_means_blocking), (min(25), silence));
        assert_eq!((&*question.asked.rule, &*question.asked.how), ("config.yaml:30", "ben -> BEN"));
        let first = &silent.decisions[0];
        let asked = first.gates.iter().find(|it| &*it.gate == "blocking").unwrap();
        assert_eq!(
            (&*asked.text, asked.rule.as_deref()),
            ("asked: ben -> BEN", Some("config.yaml:30"))
        );
        let told = |from: u64| vec![line_of(from, "* by psa"), line_of(from + 10, "anna by sms")];
        assert_eq!(lines(&silent.told), told(if silence { 25 } else { 100 }));
        let with = |answer| {
            let it = Hypothesis { answer: Some(answer), ..critical(10, 300) };
            lines(&stage.desk.suppose(&it).unwrap().told)
        };
        assert_eq!((with(true), with(false)), (told(10), told(100)), "{silence}");
        // By day nobody is asked.
        let by_day = stage.desk.suppose(&critical(120, 300)).unwrap();
        assert_eq!((by_day.asked.len(), lines(&by_day.told)), (0, told(120)));
    }
}

#[test]
fn a_night_that_ends_before_the_patience_does_ends_the_question() {
    let (duty, times) = at_night(false);
    let stage = Stage::new(duty, times);
    let expected = stage.desk.suppose(&critical(90, 300)).unwrap();
    assert_eq!(lines(&expected.told)[0], line_of(100, "* by psa"));
}

#[test]
fn what_is_foreseen_passes_the_window_of_the_time_asked_about() {
    let (duty, times) = window(WindowEffect::NoAlerts);
    let mut stage = Stage::new(duty.clone(), times.clone());
    let supposed = |stage: &Stage, from, until| {
        let it = Hypothesis::of_one("acme/web/http".into(), Status::Critical, at(from), until);
        stage.desk.suppose(&it).unwrap()
    };
    let closed = |it: &Expectation| {
        let closed = it.decisions[0].gates.iter().find(|it| !it.open);
        closed.map(|it| (it.gate.to_string(), it.rule.clone()))
    };
    // It will run: nobody before its end.
    let expected = supposed(&stage, 200, mins(60));
    let rule = Some("checks/acme.yaml:9".into());
    assert_eq!(closed(&expected), Some(("window".to_owned(), rule)));
    assert_eq!(expected.told[0].at, at(1_000));
    // It runs now and will not then.
    stage.pass(200);
    let expected = supposed(&stage, 5_000, mins(5));
    assert_eq!((closed(&expected), expected.told[0].at), (None, at(5_000)));
    // One that waits for bad news begins with what is supposed.
    let mut flexible = duty;
    flexible.windows[0].flexible = Some(mins(5));
    let stage = Stage::new(flexible, times);
    let expected = supposed(&stage, 400, mins(60));
    assert_eq!(closed(&expected).map(|it| it.0).as_deref(), Some("window"));
    assert_eq!(expected.told[0].at, at(700));
}

#[test]
fn what_is_foreseen_knows_the_silences_and_overrides_of_the_time_asked_about() {
    let mut stage = Stage::new(two_people(), Times::default());
    let supposed = |stage: &Stage, from| {
        let it = Hypothesis::of_one("acme/web/http".into(), Status::Critical, at(from), mins(1));
        stage.desk.suppose(&it).unwrap().told.len()
    };
    silence_of_acme(&mut stage, 500);
    assert_eq!((supposed(&stage, 100), supposed(&stage, 500)), (0, 1));
    // Not while it is we who cannot see: then we will.
    stage.hard(CANARY, Status::Down);
    assert_eq!(supposed(&stage, 500), 1);
}

#[test]
fn nobody_is_told_of_what_is_supposed_to_be_well() {
    let stage = Stage::plain();
    let it = Hypothesis::of_one("acme/web/http".into(), Status::Ok, at(10), mins(60));
    assert_eq!(stage.desk.suppose(&it).unwrap(), Expectation::default());
    let unknown = Hypothesis::of_one("acme/nobody".into(), Status::Down, at(10), mins(60));
    assert_eq!(stage.desk.suppose(&unknown), None);
}

#[test]
fn a_host_that_is_supposed_down_explains_what_is_supposed_of_its_services() {
    let stage = Stage::plain();
    let supposed = |name: &str, status| Supposed { name: name.into(), status, at: at(10) };
    let given =
        vec![supposed("acme/web", Status::Down), supposed("acme/web/http", Status::Critical)];
    let it = Hypothesis { given, until: at(20), answer: None };
    assert_eq!(lines(&stage.desk.suppose(&it).unwrap().told).len(), 1);
}

type Spans = Vec<(u64, u64)>;

/// All that a scene of the property is made of, in minutes.
#[derive(Clone, Debug)]
struct Scene {
    begins: u64,
    status: Status,
    hours: Option<Spans>,
    steps: Vec<(u64, Target, u32, Severity)>,
    propose: Option<u64>,
    call: Option<u64>,
    night: Option<(Spans, u64, bool)>,
    answer: Option<bool>,
    window: Option<(u64, u64)>,
    silent_until: Option<u64>,
    quiet: Option<(Spans, Option<Severity>)>,
}

/// How far scenes are followed; whatever opens is open from then on.
const END: u64 = 600;
const FOR_EVER: (u64, u64) = (END, 10 * END);

fn some_spans() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let spans = prop::collection::vec((0..END, 1..120_u64), 0..4);
    spans.prop_map(|all| {
        all.into_iter().map(|(from, length)| (from, from + length)).chain([FOR_EVER]).collect()
    })
}

fn scenes() -> impl Strategy<Value = Scene> {
    let severities = select(vec![Severity::Warning, Severity::Critical, Severity::Down]);
    let step = (0..60_u64, select(vec![ANNA, Target::Team(0)]), 0..2_u32, severities.clone());
    let rules = (
        prop::option::of(some_spans()),
        prop::collection::vec(step, 1..5),
        prop::option::of(0..60_u64),
        prop::option::of(0..60_u64),
    );
    let night = prop::option::of((some_spans(), 1..40_u64, any::<bool>()));
    let around = (
        prop::option::of((0..200_u64, 1..200_u64).prop_map(|it| (it.0, it.0 + it.1))),
        prop::option::of(1..300_u64),
        prop::option::of((some_spans(), prop::option::of(severities))),
    );
    let begin = (1..200_u64, select(vec![Status::Warning, Status::Critical]));
    (begin, rules, night, prop::option::of(any::<bool>()), around).prop_map(
        |((begins, status), (hours, steps, propose, call), night, answer, around)| Scene {
            begins,
            status,
            hours,
            steps,
            propose,
            call,
            night,
            answer,
            window: around.0,
            silent_until: around.1,
            quiet: around.2,
        },
    )
}

fn holds(spans: &[(u64, u64)], minute: u64) -> bool {
    spans.iter().any(|it| it.0 <= minute && minute < it.1)
}

/// What comes of a scene.
#[derive(Debug, Default, PartialEq)]
struct Story {
    told: Vec<Line>,
    asked: Vec<Line>,
    proposed: Option<u64>,
    called: Option<u64>,
}

impl Scene {
    fn rules(&self) -> (Duty, Times) {
        let (mut duty, mut times) = window(WindowEffect::NoAlerts);
        duty.people = vec![person("anna"), person("ben")];
        duty.teams = vec![model::Team { name: "all".into(), people: vec![0] }];
        let windows: Vec<_> = self.window.iter().map(|it| span(it.0, it.1)).collect();
        times.windows = vec![windows.into()];
        let mut hours = |spans: &[(u64, u64)]| {
            times.hours.push(Hours::of(spans.iter().map(|it| span(it.0, it.1)).collect()));
            u32::try_from(times.hours.len() - 1).unwrap()
        };
        let policy = &mut duty.policies[0];
        policy.hours = self.hours.as_ref().map(|it| hours(it));
        policy.propose = self.propose.map(mins);
        policy.call = self.call.map(mins);
        policy.gate = self.night.as_ref().map(|(spans, patience, silence)| NightGate {
            hours: hours(spans),
            lead: BEN,
            via: vec![SMS],
            patience: mins(*patience),
            silence_means_blocking: *silence,
            at: "config.yaml:30".into(),
        });
        if let Some((spans, wakes)) = &self.quiet {
            duty.people[0].quiet = Some(hours(spans));
            duty.people[0].wakes = *wakes;
        }
        let mut after = 0;
        let steps = self.steps.iter().map(|(wait, to, via, at_least)| {
            after += wait;
            Step { at_least: *at_least, ..step(mins(after), *to, *via) }
        });
        policy.steps = steps.collect();
        (duty, times)
    }

    /// What the description says, minute by minute, and nothing of how the desk goes about it.
    fn described(&self) -> Story {
        let mut story = Story::default();
        let severity = Severity::of(self.status).unwrap();
        let is_open = |minute| self.hours.as_ref().is_none_or(|it| holds(it, minute));
        let mut open_for = 0; // Open time since the problem.
        let mut step_open_for = 0; // Open time since the last step.
        let mut steps = self.steps.iter().peekable();
        let mut asked_at = None;
        for minute in self.begins..=END {
            let in_window =
                self.window.is_some_and(|it| it.0 <= self.begins && holds(&[it], minute));
            let silent = self.silent_until.is_some_and(|it| minute < it);
            if !in_window && !silent && is_open(minute) {
                // What is a call already is not proposed any more.
                if story.called.is_none() && self.propose.is_some_and(|it| it <= open_for) {
                    story.proposed.get_or_insert(minute);
                }
                if self.call.is_some_and(|it| it <= open_for) {
                    story.called.get_or_insert(minute);
                }
                while let Some((wait, _, via, at_least)) = steps.peek()
                    && *wait <= step_open_for
                {
                    // Nobody is asked about what nobody would be told of.
                    let tells = severity >= *at_least;
                    if tells && !self.may_wake(minute, &mut asked_at, &mut story) {
                        break;
                    }
                    step_open_for = 0;
                    steps.next();
                    story.told.extend(tells.then(|| self.telling(minute, *via, severity)));
                }
            }
            open_for += u64::from(is_open(minute));
            step_open_for += u64::from(is_open(minute));
        }
        story.told.retain(|it| it.0 <= END);
        story.told.sort();
        // The same to the same person at the same moment is one message.
        story.told.dedup();
        story
    }

    /// Is anybody to be told, or does the duty lead have to say so first?
    fn may_wake(&self, minute: u64, asked_at: &mut Option<u64>, story: &mut Story) -> bool {
        let Some((day, patience, silence)) = &self.night else { return true };
        if holds(day, minute) {
            return true;
        }
        let asked = *asked_at.get_or_insert_with(|| {
            story.asked.push(line_of(minute, "ben by sms"));
            minute
        });
        self.answer.unwrap_or(*silence && minute >= asked + patience)
    }

    fn telling(&self, minute: u64, via: u32, severity: Severity) -> Line {
        if via == PSA {
            return line_of(minute, "* by psa");
        }
        let later = self.quiet.as_ref().and_then(|(spans, wakes)| {
            let wakes = wakes.is_some_and(|it| severity >= it);
            (!wakes).then(|| (minute..).find(|it| !holds(spans, *it)))?
        });
        line_of(later.unwrap_or(minute), "anna by sms")
    }

    /// What a desk with everything around it does, woken when it wants to be.
    fn lived(&self) -> Story {
        let (duty, times) = self.rules();
        let mut desk = Desk::new(7, 1);
        let arranged = desk.arrange(at(0), Arc::new(duty), Arc::new(times), subjects());
        let mut live = Live { desk, now: at(0), answer: self.answer, story: Story::default() };
        live.take(arranged);
        live.silence(self.silent_until);
        live.pass(min(self.begins));
        live.becomes(HTTP, self.status);
        live.pass(min(END));
        live.story.told.sort();
        live.story
    }

    fn foreseen(&self) -> Story {
        let (duty, times) = self.rules();
        let mut stage = Stage::new(duty, times);
        if let Some(until) = self.silent_until {
            silence_of_acme(&mut stage, until * 60);
        }
        let mut it = critical(self.begins, END);
        it.given[0].status = self.status;
        it.answer = self.answer;
        let expected = stage.desk.suppose(&it).unwrap();
        let minute = |it: Moment| it.since(at(0)).as_secs() / 60;
        Story {
            told: lines(&expected.told),
            asked: expected.asked.iter().map(|it| line(&it.asked)).collect(),
            proposed: expected.proposed_at.map(minute),
            called: expected.called_at.map(minute),
        }
    }
}

struct Live {
    desk: Desk,
    now: Moment,
    answer: Option<bool>,
    story: Story,
}

impl Live {
    fn pass(&mut self, end: Moment) {
        while let Some(wake) = self.desk.next_wake().filter(|it| *it <= end) {
            self.now = self.now.max(wake);
            self.feed(Input::Wake);
        }
        self.now = end;
    }

    fn silence(&mut self, until: Option<u64>) {
        let Some(until) = until else { return };
        let of = Matcher { label: "customer".into(), op: model::MatchOp::Is, value: "acme".into() };
        let scope = Scope { lines: vec![vec![of]] };
        self.ask(Command::Silence { scope, span: span(0, until), text: "works".into() });
    }

    fn ask(&mut self, command: Command) {
        let by = model::Actor { name: "ben".into(), customers: None };
        let request = Request { by, version: None, repeat_key: None, command };
        self.feed(Input::Asked { ticket: 1, request });
    }

    fn becomes(&mut self, checkable: CheckableId, status: Status) {
        self.feed(Input::Changed(Transition {
            checkable,
            at: self.now,
            from: Look { status: Status::Ok, kind: StateType::Hard, attempt: 1 },
            to: Look { status, kind: StateType::Hard, attempt: 1 },
            was_flapping: false,
            flapping: false,
            centipercent: 0,
            cause: None,
            measures: Vec::new(),
        }));
    }

    fn feed(&mut self, input: Input) {
        let outcome = self.desk.handle(self.now, input);
        self.take(outcome);
    }

    fn take(&mut self, outcome: Outcome) {
        let minute = self.now.since(at(0)).as_secs() / 60;
        for row in &outcome.rows {
            let Row::Event(it) = row else { continue };
            match it.kind {
                EventKind::Proposed => self.story.proposed = self.story.proposed.or(Some(minute)),
                EventKind::CallOpened => self.story.called = self.story.called.or(Some(minute)),
                _ => {}
            }
        }
        for effect in outcome.effects {
            let Effect::Deliver(alert) = effect else { continue };
            let line =
                line_of(minute, &format!("{} by {}", alert.route.contact, alert.route.channel));
            match alert.kind {
                model::AlertKind::Trigger => self.story.told.push(line),
                model::AlertKind::Question => self.story.asked.push(line),
                _ => {}
            }
            self.feed(Input::Delivered { key: alert.key, delivery: Delivery::Taken });
            if let (model::AlertKind::Question, Some(blocking)) = (alert.kind, self.answer) {
                self.ask(Command::JudgeBlocking { problem: alert.problem, blocking });
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_foreseen_is_what_the_description_says_and_what_then_comes(scene in scenes()) {
        let described = scene.described();
        prop_assert_eq!(&scene.lived(), &described);
        prop_assert_eq!(&scene.foreseen(), &described);
    }
}

fn decisions(stage: &Stage, trigger: &str) -> Vec<String> {
    let of = |it: &Row| match it {
        Row::Decision(it) if it.trigger == trigger => match &it.verdict {
            VerdictOfDesk::Nobody { reason, .. } => Some(reason.to_string()),
            VerdictOfDesk::Told { alerts } => Some(format!("{} told", alerts.len())),
            VerdictOfDesk::Done { what } => Some(what.clone()),
        },
        _ => None,
    };
    stage.rows.iter().filter_map(of).collect()
}

#[test]
fn what_is_withheld_from_the_dispatcher_is_written_down_once_for_each_reason() {
    let mut first = duty();
    first.policies[0].propose = Some(Duration::ZERO);
    first.policies[0].call = Some(Duration::ZERO);
    let mut stage = Stage::new(first, Times::default());
    let silence = silence_of_acme(&mut stage, 50_000);
    stage.hard(HTTP, Status::Critical);
    stage.pass(600);
    assert_eq!(decisions(&stage, "proposal"), ["silence"]);
    assert_eq!(decisions(&stage, "call"), ["silence"]);
    // The same again is no news …
    let second = silence_of_acme(&mut stage, 60_000);
    stage.ask(Command::Unsilence { silence: second });
    stage.pass(600);
    assert_eq!(decisions(&stage, "proposal"), ["silence"]);
    // … another gate is.
    let problem = stage.only_problem().id;
    stage.ask(Command::Acknowledge { problem, text: String::new(), until: None, sticky: true });
    stage.ask(Command::Unsilence { silence });
    assert_eq!(decisions(&stage, "proposal"), ["silence", "acknowledged"]);
    stage.ask(Command::Unacknowledge { problem });
    assert!(stage.events().contains(&EventKind::Proposed));
    stage.hard(HTTP, Status::Ok);
    assert!(stage.desk.withheld.is_empty(), "nothing is remembered of what is over");
}

/// Anna is reminded every 30 minutes and wants quiet from minute 100 to 300, but for what is down.
fn with_quiet_hours() -> Stage {
    let mut duty = two_people();
    duty.policies[0].steps = vec![step(Duration::ZERO, ANNA, SMS)];
    duty.policies[0].remind = Some(mins(30));
    (duty.policies[0].propose, duty.policies[0].call) = (None, None);
    duty.people[0].quiet = Some(0);
    duty.people[0].wakes = Some(Severity::Critical);
    let hours = vec![Hours::of(vec![span(100, 300)])];
    Stage::new(duty, Times { hours, ..Times::default() })
}

#[test]
fn nobody_is_reminded_in_their_quiet_hours_and_why_not_is_written_down() {
    let mut stage = with_quiet_hours();
    stage.pass(80 * 60);
    stage.hard(HTTP, Status::Warning);
    assert_eq!(stage.told(), ["trigger acme/web/http by sms"]);
    stage.pass(219 * 60);
    assert_eq!(stage.told(), [""; 0]);
    assert_eq!(decisions(&stage, "reminder"), ["quiet"]);
    stage.pass(30 * 60);
    assert_eq!(stage.told(), ["reminder acme/web/http by sms"]);
    let silence = silence_of_acme(&mut stage, 60_000);
    stage.pass(100 * 60);
    stage.ask(Command::Unsilence { silence });
    assert_eq!(decisions(&stage, "reminder"), ["quiet", "1 told", "silence"]);
}

#[test]
fn a_change_waits_for_the_end_of_quiet_hours_and_what_is_bad_enough_does_not() {
    let mut stage = with_quiet_hours();
    stage.pass(80 * 60);
    stage.hard(HTTP, Status::Critical);
    stage.told();
    stage.pass(30 * 60);
    stage.told();
    stage.hard(HTTP, Status::Warning);
    assert_eq!(stage.told(), [""; 0], "better news at night wakes nobody");
    stage.pass(60 * 60);
    assert_eq!(stage.told(), [""; 0]);
    // What goes before on the same way must not hold it back.
    stage.hard(HTTP, Status::Critical);
    assert!(stage.told().contains(&"trigger acme/web/http by sms".to_owned()));

    let mut stage = with_quiet_hours();
    stage.pass(110 * 60);
    stage.hard(HTTP, Status::Warning);
    assert_eq!(stage.told(), [""; 0]);
    stage.pass(60);
    stage.hard(HTTP, Status::Critical);
    assert!(stage.told().contains(&"trigger acme/web/http by sms".to_owned()));
}

fn host_of_site(number: u32) -> CheckableId {
    CheckableId(FIRST_OF_SITE + number)
}

#[test]
fn a_site_that_goes_at_the_first_look_is_one_problem_and_no_host_is_told_of() {
    let mut stage = Stage::plain();
    stage.hard(host_of_site(3), Status::Down);
    let asked = stage.orders.iter().filter(|it| matches!(it, ToShard::CheckNow { .. })).count();
    assert!(asked >= 2, "its neighbours are looked at: {:?}", stage.orders);
    // Whoever was looked at out of turn answers within seconds, the others in their turn.
    stage.pass(4);
    for number in [4, 5, 6] {
        stage.hard(host_of_site(number), Status::Down);
    }
    for number in [0, 1, 2, 7, 8, 9] {
        stage.pass(6);
        stage.hard(host_of_site(number), Status::Down);
    }
    stage.pass(120);
    assert_eq!(stage.told(), ["trigger site acme/hq by psa"]);
    assert_eq!(stage.only_problem().symptoms.len(), HOSTS_OF_SITE as usize);
}

#[test]
fn a_host_that_fails_alone_is_told_of_ten_seconds_after_its_first_bad_look() {
    let mut stage = Stage::plain();
    stage.hard(host_of_site(0), Status::Down);
    assert!(stage.reasons().contains(&"hold".to_owned()));
    stage.pass(9);
    assert_eq!(stage.told(), [""; 0]);
    stage.pass(1);
    assert_eq!(stage.told(), ["trigger acme/h0 by psa"]);
    // Its retries took longer: no more patience is due.
    stage.becomes(host_of_site(1), Status::Down, StateType::Soft);
    stage.pass(40);
    stage.hard(host_of_site(1), Status::Down);
    assert_eq!(stage.told(), ["trigger acme/h1 by psa"]);
    // Nobody stands beside it.
    let mut stage = Stage::plain();
    stage.hard(GATEWAY, Status::Down);
    assert_eq!(stage.told(), ["trigger acme/gw by psa"]);
}

/// The gateway of a customer stands for the world, beside one of our own.
fn with_a_customers_canary(needed: u32) -> Stage {
    let mut duty = duty();
    duty.uplink = Uplink { canaries: vec!["campanile/out".into(), "acme/gw".into()], needed };
    let mut stage = Stage::new(duty, Times::default());
    stage.feed(Input::Believed(Vec::new()));
    stage.orders.clear();
    stage
}

#[test]
fn a_customers_host_that_is_a_canary_too_is_told_of_like_any_other() {
    let mut stage = with_a_customers_canary(1);
    stage.hard(GATEWAY, Status::Down);
    stage.hard(WEB, Status::Unreachable);
    stage.pass(120);
    assert_eq!(stage.told(), ["trigger acme/gw by psa"]);
    assert_eq!(stage.only_problem().symptoms.len(), 1, "whom it explains");
    stage.hard(GATEWAY, Status::Up);
    stage.hard(WEB, Status::Up);
    assert_eq!(stage.told(), ["resolve acme/gw by psa"]);
    // One of our own is not.
    stage.hard(CANARY, Status::Down);
    stage.pass(120);
    assert_eq!(stage.told(), [""; 0]);
}

#[test]
fn a_customers_canary_says_nothing_of_itself_while_we_cannot_see_out() {
    for stays_down in [false, true] {
        let mut stage = with_a_customers_canary(1);
        stage.hard(CANARY, Status::Down);
        stage.hard(GATEWAY, Status::Down);
        stage.pass(60);
        assert_eq!(
            (stage.told(), stage.open()),
            (vec!["trigger own uplink by psa".to_owned()], vec!["own uplink".to_owned()])
        );
        stage.hard(CANARY, Status::Up);
        if !stays_down {
            stage.hard(GATEWAY, Status::Up);
        }
        stage.pass(120);
        let mut wanted = vec!["resolve own uplink by psa"];
        wanted.extend(stays_down.then_some("trigger acme/gw by psa"));
        assert_eq!(stage.told(), wanted);
    }
}

fn renamed(mut duty: Duty) -> Duty {
    duty.policies[0].name = "pressing".into();
    duty
}

#[test]
fn problems_of_sites_and_of_our_own_follow_a_policy_that_is_called_otherwise_now() {
    let mut stage = Stage::plain();
    for number in 0..HOSTS_OF_SITE {
        stage.hard(host_of_site(number), Status::Down);
    }
    stage.hard(CANARY, Status::Down);
    assert_eq!(stage.open(), ["site acme/hq", "own uplink"]);
    let (duty, times) = (Arc::new(renamed(duty())), Arc::new(Times::default()));
    let outcome = stage.desk.arrange(at(stage.now), duty, times, subjects());
    stage.take(outcome);
    let policies: Vec<_> = stage.desk.open_problems().map(|it| it.policy.clone()).collect();
    assert_eq!(policies, [Some("pressing".into()), Some("pressing".into())]);
}

#[test]
fn our_own_problem_about_a_channel_ends_with_the_channel() {
    for again in [false, true] {
        let mut duty = duty();
        duty.channels.insert(1, channel("room", None, None));
        duty.policies[0].steps = vec![step(Duration::ZERO, ANNA, 1)];
        let mut stage = Stage::new(duty.clone(), Times::default());
        stage.answer = Some(Delivery::Never { fault: "gone".into() });
        stage.hard(HTTP, Status::Critical);
        assert!(stage.open().contains(&"own channel room".to_owned()), "{:?}", stage.open());
        if again {
            let problems: Vec<_> = stage.desk.open_problems().cloned().map(Box::new).collect();
            stage.desk = Desk::new(7, 1_000);
            stage.desk.restore(problems.into_iter().map(Row::Problem));
        }
        duty.channels.remove(1);
        duty.policies[0].steps.clear();
        let (duty, times) = (Arc::new(duty), Arc::new(Times::default()));
        let outcome = stage.desk.arrange(at(stage.now), duty, times, subjects());
        stage.take(outcome);
        assert_eq!(stage.open(), ["acme/web/http"]);
        let ended = stage.desk.ended.values().find(|it| matches!(it.about, About::Own(_)));
        assert_eq!(ended.and_then(|it| it.ending), Some(Ending::Removed));
    }
}
