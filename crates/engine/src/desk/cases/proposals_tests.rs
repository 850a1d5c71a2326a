//! Proposals: one per cause, kept up to date, withdrawn when nobody has touched them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    About, Actor, CallId, Command, DismissReason, Ending, EventKind, HelpLevel, NoteId, Override,
    Passage, Problem, ProposalId, ProposalState, Refusal, Reply, Severity, Shift, Span, Status,
};

use super::{
    CaseNews, PROPOSALS_DONE_MAX, PROPOSALS_OPEN_MAX, Place,
    candidates::level,
    testing::{Bench, at, policy, problem},
};
use crate::desk::pen::Rules;

#[test]
fn the_same_cause_adds_to_the_proposal_that_waits() {
    let mut bench = Bench::new();
    let (first, id) = bench.proposed("acme/web/http");
    // The same problem once more is no news.
    assert_eq!(bench.propose(&first), Some(Place::Proposal(id)));
    assert_eq!((bench.proposal(id).occurrences, bench.proposal(id).version), (1, 1));
    bench.done("anna", Command::Snooze { proposal: id, until: at(60) });
    bench.end(&first, Ending::Recovered);
    let mut second = bench.believe("acme/web/http");
    second.text = "timed out".into();
    assert_eq!(bench.propose(&second), Some(Place::Proposal(id)));
    let it = bench.proposal(id);
    assert_eq!((it.occurrences, it.problem), (2, second.id));
    assert_eq!(&*it.evidence.text, "timed out");
    assert_eq!((bench.events(EventKind::Proposed), bench.events(EventKind::ProposedAgain)), (1, 1));
}

#[test]
fn the_same_cause_goes_to_the_call_that_is_there() {
    let mut bench = Bench::new();
    let (first, call) = bench.called("acme/web/http");
    bench.end(&first, Ending::Recovered);
    assert!(bench.call(call).ready_to_close);
    let second = bench.believe("acme/web/http");
    let place = bench.cases.problem_back(&second, &bench.rules, &mut bench.pen);
    bench.keep();
    assert_eq!(place, Some(Place::Call(call)));
    assert!(!bench.call(call).ready_to_close);
    assert_eq!(bench.call(call).problems, [first.id, second.id]);
    assert_eq!((bench.events(EventKind::CallReady), bench.events(EventKind::CallNotReady)), (1, 1));
    // The proposal for it comes later, and finds it known.
    let version = bench.call(call).version;
    assert_eq!(bench.propose(&second), Some(Place::Call(call)));
    assert_eq!(bench.call(call).version, version);
    bench.end(&second, Ending::Recovered);
    assert!(bench.call(call).ready_to_close);
    assert_eq!(bench.events(EventKind::Proposed), 1);
}

#[test]
fn what_was_merged_is_covered_until_the_call_is_closed() {
    let mut bench = Bench::new();
    let (web, call) = bench.called("acme/web/http");
    let (db, proposal) = bench.proposed("acme/db/port");
    bench.end(&web, Ending::Recovered);
    assert!(bench.call(call).ready_to_close);
    bench.done("anna", Command::Merge { proposal, call });
    assert!(!bench.call(call).ready_to_close, "what was merged is still bad");
    bench.end(&db, Ending::Recovered);
    let again = bench.believe("acme/db/port");
    for cases in [&bench.restarted(), &bench.cases] {
        assert_eq!(cases.place_of(&again.about), Some(Place::Call(call)));
    }
    assert_eq!(bench.propose(&again), Some(Place::Call(call)));
    bench.done("anna", Command::Close { call, text: String::new() });
    let (_, next) = bench.proposed("acme/db/port");
    assert_ne!(next, proposal);
}

#[test]
fn a_full_queue_refuses_and_says_so() {
    let mut bench = Bench::new();
    for it in 0..PROPOSALS_OPEN_MAX {
        bench.proposed(&format!("acme/web{it}"));
    }
    let one_more = bench.believe("acme/more");
    assert_eq!(bench.propose(&one_more), None);
    assert_eq!(bench.events(EventKind::ProposalRefused), 1);
    // What is known still finds its place.
    let known = bench.believe("acme/web7");
    assert!(bench.propose(&known).is_some());
}

#[test]
fn proposals_that_were_decided_are_kept_in_mind_up_to_a_limit() {
    let mut bench = Bench::new();
    let mut first = None;
    for _ in 0..=PROPOSALS_DONE_MAX {
        let (problem, id) = bench.proposed("acme/web/http");
        first = first.or(Some(id));
        bench.end(&problem, Ending::Recovered);
    }
    assert!(bench.cases.proposal(first.unwrap()).is_none());
    assert_eq!(bench.cases.proposals.len(), PROPOSALS_DONE_MAX);
}

#[test]
fn only_what_nobody_has_touched_is_withdrawn() {
    for ending in [Ending::Recovered, Ending::Explained, Ending::Removed, Ending::Blind] {
        let mut bench = Bench::new();
        let (problem, untouched) = bench.proposed("acme/web/http");
        bench.end(&problem, ending);
        assert!(matches!(bench.proposal(untouched).state, ProposalState::Withdrawn { .. }));

        let (snoozed_for, snoozed) = bench.proposed("acme/web/http");
        bench.done("anna", Command::Snooze { proposal: snoozed, until: at(60) });
        let (seen_for, seen) = bench.proposed("acme/db/port");
        bench.cases.touch(&seen_for.about, &mut bench.pen);
        bench.end(&snoozed_for, ending);
        bench.end(&seen_for, ending);
        for id in [snoozed, seen] {
            let it = bench.proposal(id);
            assert!(it.is_open() && it.evidence.text.starts_with("over: "), "{it:?}");
        }
        assert_eq!(bench.events(EventKind::ProposalWithdrawn), 1);
    }
}

#[test]
fn what_is_accepted_when_its_cause_is_gone_may_be_closed_at_once() {
    let mut bench = Bench::new();
    let (problem, proposal) = bench.proposed("acme/web/http");
    bench.done("anna", Command::Snooze { proposal, until: at(60) });
    bench.end(&problem, Ending::Recovered);
    let call = bench.done("anna", Command::Accept { proposal, assignee: None });
    assert!(bench.call(CallId(call)).ready_to_close);
    assert!(bench.news.contains(&CaseNews::Ready(CallId(call))));
}

#[test]
fn a_snooze_ends_once_and_at_its_time_also_across_a_restart() {
    let mut bench = Bench::new();
    let (_, proposal) = bench.proposed("acme/web/http");
    bench.done("anna", Command::Snooze { proposal, until: at(60) });
    assert_eq!(bench.restarted().next_wake(), Some(at(60)));
    bench.until(59);
    assert_eq!(bench.proposal(proposal).snoozed_until, Some(at(60)));
    bench.cases = bench.restarted();
    bench.until(60);
    assert_eq!(bench.proposal(proposal).snoozed_until, None);
    assert_eq!(bench.cases.next_wake(), None);
    assert_eq!(bench.restarted().next_wake(), None);
    assert_eq!(bench.events(EventKind::ProposalSnoozed), 2, "put away, shown again");
}

#[test]
fn a_thousand_symptoms_within_a_second_are_a_few_rows_and_all_counted() {
    let mut bench = Bench::new();
    let (mut problem, id) = bench.proposed("acme/fw");
    for it in 0..1_000 {
        problem.symptoms.insert(format!("acme/host{it:04}").into(), at(0));
        bench.cases.refresh(&problem, &bench.rules, &mut bench.pen);
        bench.keep();
    }
    bench.until(1);
    let it = bench.proposal(id);
    assert_eq!((it.evidence.symptoms_count, it.evidence.symptoms.len()), (1_000, 50));
    assert!(it.version <= 3, "written {} times", it.version);
    // Worse news do not rest.
    problem.severity = Severity::Down;
    problem.status = Status::Down;
    bench.cases.refresh(&problem, &bench.rules, &mut bench.pen);
    bench.keep();
    let it = bench.proposal(id);
    assert_eq!((it.severity, it.level), (Severity::Down, HelpLevel::OnSite));
    assert!(it.title.contains("is down"), "{}", it.title);
    // The same once more is not written.
    let version = it.version;
    bench.cases.refresh(&problem, &bench.rules, &mut bench.pen);
    bench.keep();
    assert_eq!(bench.proposal(id).version, version);
}

#[test]
fn a_call_becomes_as_bad_as_its_worst_problem_and_not_better() {
    let mut bench = Bench::new();
    let (mut problem, call) = bench.called("acme/web/http");
    for (severity, is) in [
        (Severity::Warning, Severity::Critical),
        (Severity::Down, Severity::Down),
        (Severity::Critical, Severity::Down),
    ] {
        problem.severity = severity;
        bench.cases.refresh(&problem, &bench.rules, &mut bench.pen);
        bench.keep();
        assert_eq!(bench.call(call).severity, is);
    }
    assert_eq!(bench.events(EventKind::CallMessage), 1);
}

#[test]
fn evidence_is_bounded_and_shows_closed_calls_newest_first() {
    let mut bench = Bench::new();
    let mut closed = Vec::new();
    for it in 0..7 {
        bench.until(it);
        let (problem, call) = bench.called("acme/web/http");
        bench.end(&problem, Ending::Recovered);
        bench.done("anna", Command::Close { call, text: String::new() });
        closed.insert(0, call);
    }
    let mut problem = bench.believe("acme/web/http");
    problem.text = "x".repeat(100_000).into();
    let passage = Passage {
        at: at(0),
        status: Status::Critical,
        hard: true,
        text: "y".repeat(100_000).into(),
    };
    problem.timeline = vec![passage; 100];
    let Some(Place::Proposal(id)) = bench.propose(&problem) else { panic!("not proposed") };
    let it = bench.proposal(id);
    assert_eq!(it.evidence.similar, closed[..5]);
    assert!(it.title.len() <= 240 && it.evidence.text.len() <= 16_384);
    assert!(it.evidence.timeline.len() <= 50);
    assert!(it.evidence.timeline.iter().all(|it| it.text.len() <= 16_384));
}

#[test]
fn a_policy_accepts_by_itself() {
    let mut bench = Bench::new();
    let (web, proposal) = bench.proposed("acme/web/http");
    let db = bench.believe("acme/db/port");
    let mut calls = Vec::new();
    for it in [&web, &db, &db] {
        let call = bench.cases.call_for(it, &policy(), Some(0), &bench.rules, &mut bench.pen);
        bench.keep();
        calls.push(call.unwrap());
    }
    assert_eq!(calls[1], calls[2], "one call, however often it is asked for");
    let ProposalState::Accepted { by, .. } = &bench.proposal(proposal).state else { panic!() };
    assert_eq!(&**by, "engine");
    let it = bench.call(calls[0]);
    assert_eq!((it.proposals.clone(), it.problems.clone()), (vec![proposal], vec![web.id]));
    assert!(it.respond.is_some() && it.proposed_at.is_some());
    let it = bench.call(calls[1]);
    assert!(it.proposals.is_empty() && it.proposed_at.is_none());
    assert_eq!(bench.events(EventKind::CallOpened), 2);
}

#[test]
fn a_policy_does_not_overrule_who_has_decided() {
    let mut bench = Bench::new();
    let (mut problem, proposal) = bench.proposed("acme/web/http");
    problem.proposal = Some(proposal);
    let reason = DismissReason::Known;
    bench.done("anna", Command::Dismiss { proposal, reason, text: String::new() });
    let ask = |bench: &mut Bench, problem: &Problem| {
        let call = bench.cases.call_for(problem, &policy(), Some(0), &bench.rules, &mut bench.pen);
        bench.keep();
        call
    };
    assert_eq!(ask(&mut bench, &problem), None);
    // It does decide about the next problem, of which nobody has heard.
    bench.end(&problem, Ending::Recovered);
    let mut next = bench.believe("acme/web/http");
    let call = ask(&mut bench, &next).expect("nobody has decided about this one");
    next.call = Some(call);
    bench.done("anna", Command::Close { call, text: "let it be".to_owned() });
    assert_eq!(ask(&mut bench, &next), None);
}

#[test]
fn evidence_alone_takes_no_proposal_out_of_anybodys_hands() {
    let mut bench = Bench::new();
    let (mut problem, proposal) = bench.proposed("acme/web/http");
    let anna = || Actor { name: "anna".into(), customers: None };
    for it in 0..5 {
        bench.until(10 + it);
        problem.symptoms.insert(format!("acme/host{it}").into(), at(0));
        bench.cases.refresh(&problem, &bench.rules, &mut bench.pen);
        bench.keep();
    }
    assert_eq!(bench.proposal(proposal).version, 6);
    // Seen five versions ago, and nothing else has changed.
    let snooze = Command::Snooze { proposal, until: at(60) };
    let reply = bench.ask_as(anna(), Some(1), snooze.clone());
    assert!(matches!(reply, Some(Reply::Done { .. })), "{reply:?}");
    // What anna did is more than evidence; and so are versions that never were.
    for stale in [1, 6, 8, u64::MAX] {
        let reply = bench.ask_as(anna(), Some(stale), snooze.clone());
        assert!(matches!(reply, Some(Reply::Refused(Refusal::Stale { .. }))), "{reply:?}");
    }
    // Worse than it was when it was seen: to be looked at again.
    problem.severity = Severity::Down;
    bench.cases.refresh(&problem, &bench.rules, &mut bench.pen);
    bench.keep();
    let reply = bench.ask_as(anna(), Some(7), snooze);
    assert!(matches!(reply, Some(Reply::Refused(Refusal::Stale { version: 8, .. }))), "{reply:?}");
}

#[test]
fn the_help_that_is_needed_follows_from_how_bad_it_is_unless_a_label_says_it() {
    let with = |about: About, severity: Severity, label: &str| {
        let mut it = problem(1, "acme/web");
        (it.about, it.severity) = (about, severity);
        if !label.is_empty() {
            it.labels.insert("help".into(), label.into());
        }
        level(&it)
    };
    let host = || About::Checkable("acme/web".into());
    let site = About::Site("acme/hq".into());
    let own = About::Own("uplink".into());
    assert_eq!(with(host(), Severity::Warning, ""), HelpLevel::HelpDesk);
    assert_eq!(with(host(), Severity::Critical, ""), HelpLevel::TeleAssistance);
    assert_eq!(with(host(), Severity::Down, ""), HelpLevel::OnSite);
    assert_eq!(with(site, Severity::Down, ""), HelpLevel::OnSite);
    assert_eq!(with(own, Severity::Down, ""), HelpLevel::TeleAssistance, "nobody travels to us");
    assert_eq!(with(host(), Severity::Warning, "on site"), HelpLevel::OnSite);
    assert_eq!(with(host(), Severity::Down, "Help-Desk"), HelpLevel::HelpDesk);
    assert_eq!(with(host(), Severity::Down, "soon"), HelpLevel::OnSite, "not a word we know");
}

fn suggested(bench: &Bench, id: ProposalId) -> Vec<String> {
    let all = &bench.proposal(id).candidates;
    all.iter().map(|it| format!("{}: {}", it.person, it.reason)).collect()
}

#[test]
fn candidates_are_ordered_by_skill_then_duty_then_load_then_the_last_call() {
    let mut bench = Bench::new();
    let (_, id) = bench.proposed("acme/sw1/port");
    assert_eq!(
        suggested(&bench, id),
        [
            "bruno: skill network 3, on duty, no open calls",
            "anna: skill network 3, not on duty, no open calls",
            "chloe: skill network 1, not on duty, no open calls",
        ]
    );
    // Without duties the one with less to do comes first, then the one not asked for longer.
    let mut times = (*bench.rules.times).clone();
    times.shifts.clear();
    bench.rules.times = Arc::new(times);
    let call = bench.done("x", Command::Accept { proposal: id, assignee: Some("anna".into()) });
    let (_, id) = bench.proposed("acme/sw2/port");
    assert_eq!(suggested(&bench, id)[1], "anna: skill network 3, not on duty, 1 open call");
    bench.done("x", Command::Close { call: CallId(call), text: String::new() });
    let (_, id) = bench.proposed("acme/sw3/port");
    assert!(suggested(&bench, id)[0].starts_with("bruno"), "anna had the last one");
    assert_eq!(bench.restarted().index.newest("anna"), Some(CallId(call)));
}

#[test]
fn whoever_stands_in_has_the_duty_and_so_has_the_next_rotation_where_one_names_nobody() {
    let mut bench = Bench::new();
    let stand_in = |span| Override {
        id: NoteId(1),
        oncall: "desk".into(),
        person: "anna".into(),
        span,
        by: "dispatch".into(),
    };
    let it = stand_in(Span { from: at(0), until: at(60) });
    bench.cases.overrides.insert(it.id, it);
    let (_, id) = bench.proposed("acme/sw1/port");
    assert_eq!(suggested(&bench, id)[0], "anna: skill network 3, on duty, no open calls");
    assert_eq!(suggested(&bench, id)[1], "bruno: skill network 3, not on duty, no open calls");
    bench.until(60);
    let (_, id) = bench.proposed("acme/sw2/port");
    assert_eq!(suggested(&bench, id)[0], "bruno: skill network 3, on duty, no open calls");

    // The rotation of the house names nobody, and hands on to one that does.
    let mut duty = (*bench.rules.duty).clone();
    let mut night = duty.oncall[0].clone();
    night.name = "night".into();
    duty.oncall[0].otherwise = Some(1);
    duty.oncall.push(night);
    let mut times = (*bench.rules.times).clone();
    let always = times.shifts[0][0].span;
    times.shifts = vec![Arc::from([]), Arc::from([Shift { span: always, people: vec![2] }])];
    bench.rules = Rules { duty: Arc::new(duty), times: Arc::new(times) };
    let (_, id) = bench.proposed("acme/sw3/port");
    assert_eq!(suggested(&bench, id)[2], "chloe: skill network 1, on duty, no open calls");
}

#[test]
fn what_becomes_of_proposals_is_counted() {
    let mut bench = Bench::new();
    let (problem, _) = bench.proposed("acme/a/http");
    bench.end(&problem, Ending::Recovered);
    let (_, call) = bench.called("acme/b/http");
    let (_, proposal) = bench.proposed("acme/c/http");
    bench.done("anna", Command::Merge { proposal, call });
    let (_, proposal) = bench.proposed("acme/d/http");
    let text = String::new();
    bench.done("anna", Command::Dismiss { proposal, reason: DismissReason::Known, text });
    let (problem, _) = bench.proposed("acme/e/http");
    let Bench { cases, rules, pen, .. } = &mut bench;
    assert!(cases.call_for(&problem, &policy(), Some(0), rules, pen).is_some());
    let counted: Vec<_> = bench.cases.outcomes().iter().map(|it| (*it.0, *it.1)).collect();
    assert_eq!(
        counted,
        [
            (("accepted", ""), 1),
            (("accepted", "policy"), 1),
            (("dismissed", "known"), 1),
            (("made", ""), 5),
            (("merged", ""), 1),
            (("withdrawn", ""), 1),
        ]
    );
}

#[test]
fn a_subject_comes_from_the_labels_or_the_name_and_nobody_is_suggested_without_skill() {
    let mut bench = Bench::new();
    let mut suggest = |name: &str, labels: &[(&str, &str)]| {
        let mut problem = bench.believe(name);
        problem.labels =
            labels.iter().map(|it| (it.0.into(), it.1.into())).collect::<BTreeMap<_, _>>();
        let Some(Place::Proposal(id)) = bench.propose(&problem) else { panic!("not proposed") };
        suggested(&bench, id)
    };
    let chloe = "chloe: skill database 2, not on duty, no open calls";
    assert_eq!(suggest("acme/a/x", &[("role", "door"), ("app", "database")]), [chloe]);
    assert_eq!(suggest("acme/a/database", &[("os", "debian")]), [chloe]);
    assert_eq!(suggest("acme/a/y", &[]), [""; 0]);
    assert_eq!(suggest("acme/a/z", &[("skill", "plumbing"), ("app", "database")]), [""; 0]);
    let far = suggest("acme/a", &[("skill", "network"), ("help", "on site")]);
    assert!(far[0].ends_with(", from afar only"), "{far:?}");
}

#[test]
fn reasons_are_counted() {
    let mut bench = Bench::new();
    for (reason, word) in DismissReason::ALL {
        let (_, proposal) = bench.proposed("acme/web/http");
        bench.done("anna", Command::Dismiss { proposal, reason, text: String::new() });
        assert_eq!(bench.kept.events.last().unwrap().text, word);
    }
    assert_eq!(bench.events(EventKind::ProposalDismissed), 4);
    bench.until(Duration::from_secs(3_600).as_secs());
    assert_eq!(bench.cases.next_wake(), None);
}
