//! Lists and single objects: the right ones, in order, and nobody else's.

use std::sync::Arc;

use model::{
    Alert, AlertState, CallId, CallState, Moment, NoteId, ProblemId, ProposalId, ProposalState,
    Row, Severity, Span, Status,
};
use store::{
    AlertFilter, CallFilter, DecisionFilter, EventFilter, ProblemFilter, ProposalFilter, Reader,
};

use crate::{
    objects::*,
    sample::{Running, batch, belief, name, transition},
};

const ALL: usize = 100;

/// A store that holds `rows`, and a reader while its writer goes on.
struct Kept {
    _dir: tempfile::TempDir,
    _running: Running,
    reader: Reader,
}

fn kept(rows: Vec<Row>) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    running.keep(rows, 1);
    running.flush();
    assert_eq!(running.receipt(), store::Receipt::Kept(1));
    let reader = Reader::open(dir.path()).unwrap();
    Kept { _dir: dir, _running: running, reader }
}

fn acme() -> Vec<Arc<str>> {
    names(&["acme", "acme-labs"])
}

#[test]
fn a_reader_may_go_to_another_thread() {
    fn sent<T: Send>(_: T) {}
    sent(kept(Vec::new()).reader);
}

/// Problems 1 to 9: odd ones acme's, even ones beta's, 7 our own; above 5 ended.
fn problems() -> Kept {
    let rows = (1..=9).map(|id| {
        let customer = match id {
            7 => "",
            _ if id % 2 == 1 => "acme",
            _ => "beta",
        };
        let mut it = if id > 5 { ended(id, customer, NOON) } else { problem(id, customer) };
        it.severity = if id < 3 { Severity::Warning } else { Severity::Down };
        it.text = if id == 3 { r"50%_of\all".into() } else { "500 of all".into() };
        Row::Problem(it.into())
    });
    kept(rows.collect())
}

fn ids(reader: &Reader, which: &ProblemFilter<'_>) -> Vec<u64> {
    let found = reader.problems(which, ALL).unwrap();
    assert_eq!(reader.problems_count(which).unwrap(), found.len() as u64, "{which:?}");
    found.iter().map(|it| it.id.0).collect()
}

#[test]
fn problems_are_filtered_by_what_is_asked() {
    let kept = problems();
    let all = ProblemFilter::default();
    let of = |which: ProblemFilter<'_>| ids(&kept.reader, &which);
    assert_eq!(of(all), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(of(ProblemFilter { open: Some(true), ..all }), [5, 4, 3, 2, 1]);
    assert_eq!(of(ProblemFilter { open: Some(false), ..all }), [9, 8, 7, 6]);
    assert_eq!(of(ProblemFilter { customer: Some("beta"), ..all }), [8, 6, 4, 2]);
    let open = ProblemFilter { open: Some(true), ..all };
    let down = ProblemFilter { severity_min: Some(Severity::Critical), ..open };
    assert_eq!(of(down), [5, 4, 3]);
    assert_eq!(of(ProblemFilter { about: Some("acme/web/http5"), ..all }), [5]);
    assert_eq!(of(ProblemFilter { about: Some("acme/web/http"), ..all }), [0_u64; 0]);
    // By the letter, whatever SQL makes of it, in what it is about and in why.
    assert_eq!(of(ProblemFilter { search: Some("50%_"), ..all }), [3]);
    assert_eq!(of(ProblemFilter { search: Some(r"f\a"), ..all }), [3]);
    assert_eq!(of(ProblemFilter { search: Some("WEB/HTTP4"), ..all }), [4]);
    assert_eq!(of(ProblemFilter { search: Some("' OR 1 --"), ..all }), [0_u64; 0]);
    assert_eq!(of(ProblemFilter { search: Some(""), before: Some(3), ..all }), [2, 1]);
    let found = kept.reader.problems(&all, 2).unwrap();
    assert_eq!(found.iter().map(|it| it.id.0).collect::<Vec<_>>(), [9, 8]);
    assert_eq!(kept.reader.problems(&all, 0).unwrap(), []);
}

#[test]
fn a_tenant_sees_its_own_problems_and_counts_no_others() {
    let kept = problems();
    let acme = acme();
    let theirs = ProblemFilter { customers: Some(&acme), ..ProblemFilter::default() };
    assert_eq!(ids(&kept.reader, &theirs), [9, 5, 3, 1]);
    assert_eq!(ids(&kept.reader, &ProblemFilter { customer: Some("beta"), ..theirs }), [0_u64; 0]);
    let nobody = ProblemFilter { customers: Some(&[]), ..theirs };
    assert_eq!(ids(&kept.reader, &nobody), [0_u64; 0]);
    let one = |id, customers| kept.reader.problem(ProblemId(id), customers).unwrap();
    assert_eq!(one(5, Some(&acme[..])), Some(Box::new(one(5, None).unwrap())).map(|it| *it));
    assert!(one(5, None).is_some() && one(7, None).is_some());
    // Another's, our own, and one that never was: no difference.
    for id in [4, 7, 77, u64::MAX] {
        assert_eq!(one(id, Some(&acme[..])), None);
    }
    let totals = kept.reader.totals(Some(&acme[..])).unwrap();
    let open: Vec<_> = totals.problems_open.iter().map(|it| it.1).collect();
    assert_eq!(open, [1, 0, 0, 2]);
}

#[test]
fn several_customers_are_one_list_in_order() {
    let kept = problems();
    let few = names(&["beta", "acme", "gamma", "beta"]);
    let many: Vec<Arc<str>> = (0..200).map(|it| Arc::from(format!("c{it}"))).collect();
    let many = [few.clone(), many].concat();
    for customers in [&few, &many] {
        let which = ProblemFilter { customers: Some(customers), ..ProblemFilter::default() };
        assert_eq!(ids(&kept.reader, &which), [9, 8, 6, 5, 4, 3, 2, 1]);
        let page = kept.reader.problems(&ProblemFilter { before: Some(6), ..which }, 3).unwrap();
        assert_eq!(page.iter().map(|it| it.id.0).collect::<Vec<_>>(), [5, 4, 3]);
        let totals = kept.reader.totals(Some(customers)).unwrap();
        assert_eq!(totals.problems_open.iter().map(|it| it.1).sum::<u64>(), 5);
    }
}

#[test]
fn proposals_and_calls_are_found_by_state_and_assignee() {
    let by = || Arc::from("ben");
    let accepted = ProposalState::Accepted { call: CallId(1), by: by(), at: NOON };
    let merged = ProposalState::Merged { call: CallId(1), by: by(), at: NOON };
    let mut other = call(15, "acme", CallState::InProgress);
    other.assignee = None;
    let kept = kept(vec![
        Row::Proposal(proposal(1, "acme", ProposalState::Open).into()),
        Row::Proposal(proposal(2, "beta", ProposalState::Open).into()),
        Row::Proposal(proposal(3, "acme", accepted).into()),
        Row::Proposal(proposal(4, "acme", merged.clone()).into()),
        Row::Call(call(11, "acme", CallState::Open).into()),
        Row::Call(call(12, "acme", suspended()).into()),
        Row::Call(call(13, "acme", CallState::Closed).into()),
        Row::Call(call(14, "beta", CallState::Assigned).into()),
        Row::Call(other.clone().into()),
    ]);
    let reader = &kept.reader;
    let acme = acme();
    let proposals = |which: ProposalFilter<'_>| -> Vec<u64> {
        reader.proposals(&which, ALL).unwrap().iter().map(|it| it.id.0).collect()
    };
    let all = ProposalFilter::default();
    assert_eq!(proposals(all), [4, 3, 2, 1]);
    assert_eq!(proposals(ProposalFilter { state: Some("open"), ..all }), [2, 1]);
    let open = ProposalFilter { state: Some("open"), customers: Some(&acme), ..all };
    assert_eq!(proposals(open), [1]);
    assert_eq!(proposals(ProposalFilter { state: Some("merged"), ..all }), [4]);
    assert_eq!(proposals(ProposalFilter { search: Some("BETA"), ..all }), [2]);
    assert_eq!(
        proposals(ProposalFilter { customer: Some("acme"), before: Some(4), ..all }),
        [3, 1]
    );
    let one = reader.proposal(ProposalId(4), Some(&acme)).unwrap();
    assert_eq!(one, Some(proposal(4, "acme", merged)));
    assert_eq!(reader.proposal(ProposalId(2), Some(&acme)).unwrap(), None);

    let calls = |which: CallFilter<'_>| -> Vec<u64> {
        reader.calls(&which, ALL).unwrap().iter().map(|it| it.id.0).collect()
    };
    let all = CallFilter::default();
    assert_eq!(calls(CallFilter { open: Some(true), ..all }), [15, 14, 12, 11]);
    assert_eq!(calls(CallFilter { open: Some(false), ..all }), [13]);
    assert_eq!(calls(CallFilter { state: Some("suspended"), ..all }), [12]);
    let annas = CallFilter { assignee: Some("anna"), customers: Some(&acme), ..all };
    assert_eq!(calls(annas), [13, 12, 11]);
    assert_eq!(calls(CallFilter { search: Some("2 of 100%"), ..all }), [12]);
    assert_eq!(calls(CallFilter { customer: Some("beta"), before: Some(15), ..all }), [14]);
    assert_eq!(reader.call(CallId(15), Some(&acme)).unwrap(), Some(other));
    assert_eq!(reader.call(CallId(14), Some(&acme)).unwrap(), None);
    let totals = reader.totals(Some(&acme)).unwrap();
    assert_eq!(totals.proposals_open, 1);
    let states = [("in-progress", 1), ("open", 1), ("suspended", 1)];
    assert_eq!(totals.calls_open, states.map(|it| (it.0.to_owned(), it.1)));
}

fn of(alert: Alert, customer: &str, channel: &str, owed_at: Moment) -> Alert {
    let mut alert = Alert { owed_at, ..alert };
    alert.content.customer = customer.into();
    alert.route.channel = channel.into();
    alert.key = model::AlertKey::of(1, alert.problem, 1, &alert.route, alert.ordinal);
    alert
}

#[test]
fn alerts_are_found_by_problem_state_and_key() {
    let dead = AlertState::Dead { at: NOON };
    let waiting = AlertState::Waiting;
    let delivered = of(alert(1, 2, AlertState::Delivered { at: NOON }), "acme", "sms", NOON);
    let beats = of(alert(0, 0, waiting.clone()), "", "pulse", NOON);
    let rows = [
        of(alert(1, 0, waiting.clone()), "acme", "sms", NOON.after(hours(1))),
        of(alert(1, 1, dead.clone()), "acme", "sms", NOON),
        delivered.clone(),
        of(alert(2, 0, waiting.clone()), "beta", "mail", NOON.after(hours(2))),
        of(alert(2, 1, dead), "beta", "mail", NOON),
        beats,
        of(alert(0, 1, waiting), "", "pulse", NOON),
    ];
    let kept = kept(rows.into_iter().map(|it| Row::Alert(it.into())).collect());
    let reader = &kept.reader;
    let acme = acme();
    let places = |which: AlertFilter<'_>| -> Vec<u64> {
        reader.alerts(&which, ALL).unwrap().iter().map(|it| it.place).collect()
    };
    let all = AlertFilter::default();
    assert_eq!(places(all), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(places(AlertFilter { problem: Some(ProblemId(2)), ..all }), [5, 4]);
    assert_eq!(places(AlertFilter { state: Some("waiting"), before: Some(7), ..all }), [6, 4, 1]);
    assert_eq!(places(AlertFilter { channel: Some("mail"), ..all }), [5, 4]);
    let theirs = AlertFilter { customers: Some(&acme), state: Some("dead"), ..all };
    assert_eq!(places(theirs), [2]);
    assert_eq!(reader.alert(delivered.key, Some(&acme)).unwrap(), Some(delivered.clone()));
    assert_eq!(reader.alert(delivered.key, Some(&names(&["beta"]))).unwrap(), None);
    let totals = reader.totals(None).unwrap();
    let counts = [("dead", 2), ("delivered", 1), ("waiting", 4)];
    assert_eq!(totals.alerts, counts.map(|it| (it.0.to_owned(), it.1)));
    let counts = [("mail", 1), ("pulse", 2), ("sms", 1)];
    assert_eq!(totals.alerts_waiting, counts.map(|it| (it.0.to_owned(), it.1)));
    let since =
        |customers: &[&str]| reader.totals(Some(&names(customers))).unwrap().alerts_waiting_since;
    assert_eq!(since(&["acme", "beta"]), Some(NOON.after(hours(1))));
    assert_eq!(since(&["gamma"]), None);
}

#[test]
fn what_is_for_several_customers_is_shown_to_none_of_them_alone() {
    let later = NOON.after(hours(1));
    let kept = kept(vec![
        Row::Silence(silence(1, Some(&["acme"]), later).into()),
        Row::Silence(silence(2, Some(&["acme", "beta"]), later).into()),
        Row::Silence(silence(3, None, later).into()),
        Row::Silence(silence(4, Some(&["acme"]), NOON).into()),
        Row::Token(token(5, 5, Some(&["acme"])).into()),
        Row::Token(token(6, 6, None).into()),
        Row::Planned(NoteId(7), planned(Some("acme"), later).into()),
        Row::Planned(NoteId(8), planned(None, later).into()),
        Row::Occurrence(occurrence(NOON, "acme").into()),
        Row::Occurrence(occurrence(NOON, "").into()),
        Row::Occurrence(occurrence(later, "acme").into()),
        Row::Override(duty_override(9, later).into()),
        Row::Override(duty_override(10, NOON).into()),
    ]);
    let reader = &kept.reader;
    let (acme, both) = (names(&["acme"]), names(&["beta", "acme", "gamma"]));
    for (customers, silences, tokens, windows, occurrences) in [
        (None, &[3, 2, 1][..], &[6, 5][..], &[8, 7][..], 2),
        (Some(&acme[..]), &[1], &[5], &[7], 1),
        (Some(&both[..]), &[2, 1], &[5], &[7], 1),
        (Some(&[][..]), &[], &[], &[], 0),
    ] {
        let found = reader.silences(customers, NOON, ALL).unwrap();
        assert_eq!(found.iter().map(|it| it.id.0).collect::<Vec<_>>(), silences);
        let found = reader.tokens(customers, ALL).unwrap();
        assert_eq!(found.iter().map(|it| it.id.0).collect::<Vec<_>>(), tokens);
        let found = reader.planned(customers, NOON, ALL).unwrap();
        assert_eq!(found.iter().map(|it| it.0.0).collect::<Vec<_>>(), windows);
        let span = Span { from: NOON, until: later };
        let found = reader.occurrences(customers, span, ALL).unwrap();
        assert_eq!(found.len(), occurrences, "{customers:?}");
    }
    assert_eq!(reader.overrides(NOON, ALL).unwrap(), [duty_override(9, later)]);
}

#[test]
fn events_and_decisions_are_read_as_they_were_written() {
    let customer = |id: u64| if id.is_multiple_of(2) { "beta" } else { "acme" };
    let mut rows: Vec<_> = (1..=9).map(|id| Row::Event(event(id, customer(id)).into())).collect();
    rows.extend((1..=9).map(|id| Row::Decision(decision(id, customer(id)).into())));
    let kept = kept(rows);
    let reader = &kept.reader;
    let acme = acme();
    let all = EventFilter::default();
    let newest = reader.events(&all, 2).unwrap();
    assert_eq!(newest, [event(9, "acme"), event(8, "beta")]);
    let ids = |which: EventFilter<'_>| -> Vec<u64> {
        reader.events(&which, ALL).unwrap().iter().map(|it| it.id.0).collect()
    };
    assert_eq!(ids(EventFilter { after: Some(6), ..all }), [7, 8, 9]);
    assert_eq!(ids(EventFilter { after: Some(2), customers: Some(&acme), ..all }), [3, 5, 7, 9]);
    assert_eq!(ids(EventFilter { before: Some(4), customers: Some(&acme), ..all }), [3, 1]);
    assert_eq!(ids(EventFilter { subject: Some(2), ..all }), [8, 5, 2]);
    assert_eq!(reader.event_last().unwrap().0, 9);

    let ids = |which: DecisionFilter<'_>| -> Vec<u64> {
        reader.decisions(&which, ALL).unwrap().iter().map(|it| it.id.0).collect()
    };
    let all = DecisionFilter::default();
    let newest = reader.decisions(&all, 1).unwrap();
    assert_eq!(newest, [decision(9, "acme")]);
    assert_eq!(ids(DecisionFilter { name: Some("beta/web"), ..all }), [8, 6, 4, 2]);
    let until = Some(NOON.after(std::time::Duration::from_secs(6)));
    assert_eq!(ids(DecisionFilter { name: Some("beta/web"), until, ..all }), [6, 4, 2]);
    assert_eq!(ids(DecisionFilter { problem: Some(ProblemId(2)), ..all }), [8, 5, 2]);
    let theirs = DecisionFilter { customers: Some(&acme), before: Some(9), ..all };
    assert_eq!(ids(theirs), [7, 5, 3, 1]);
}

#[test]
fn the_history_of_one_name_is_read_backwards() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    for step in 1..=10 {
        running.send(batch((step % 2) as u32, step));
    }
    running.flush();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.belief(&name(0)).unwrap(), Some(belief(10)));
    assert_eq!(reader.belief(&name(1)).unwrap(), Some(belief(9)));
    assert_eq!(reader.belief("acme/nobody").unwrap(), None);
    let at = |step| transition(0, step).at;
    let history = |name: &str, from, until, limit| -> Vec<u64> {
        let found = reader.history(name, Span { from, until }, limit).unwrap();
        found.iter().map(|it| it.position.seq).collect()
    };
    let ever = Moment::from_nanos(u64::MAX);
    assert_eq!(history(&name(0), Moment::ZERO, ever, ALL), [10, 8, 6, 4, 2]);
    assert_eq!(history(&name(1), at(3), at(9), ALL), [7, 5, 3]);
    assert_eq!(history(&name(1), at(3), at(9), 1), [7]);
    assert_eq!(history("acme/nobody", Moment::ZERO, ever, ALL), [0_u64; 0]);
    let first = &reader.history(&name(0), Span { from: at(2), until: at(3) }, 1).unwrap()[0];
    assert_eq!((first.to.status, &first.name), (Status::Warning, &name(0)));
    running.close();
}
