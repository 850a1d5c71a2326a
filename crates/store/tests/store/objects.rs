//! One of everything that the desk keeps.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::*;

/// The moment at which everything here happens, unless it says otherwise.
pub(crate) const NOON: Moment = Moment::from_secs(NOON_SECS);

/// In seconds since 1970.
pub(crate) const NOON_SECS: u64 = 1_000_000;

pub(crate) fn hours(count: u64) -> Duration {
    Duration::from_hours(count)
}

pub(crate) fn route(channel: &str) -> Route {
    Route { channel: channel.into(), contact: "anna".into() }
}

pub(crate) fn problem(id: u64, customer: &str) -> Problem {
    let told = Told {
        last: AlertKey(u128::MAX - u128::from(id)),
        ordinal: 2,
        status: Some(Status::Critical),
        reached: true,
        arrived: None,
        resolved: false,
    };
    Problem {
        id: ProblemId(id),
        version: 3,
        about: About::Checkable(format!("{customer}/web/http{id}").into()),
        customer: customer.into(),
        site: Some("hq".into()),
        labels: BTreeMap::from([("tier".into(), "gold \"1\"\n".into())]),
        status: Status::Critical,
        severity: Severity::Critical,
        text: "refused é\0".into(),
        flapping: true,
        opened_at: NOON,
        changed_at: NOON.after(hours(1)),
        ended_at: None,
        ending: None,
        symptoms: BTreeMap::from([("acme/web/port".into(), NOON)]),
        acknowledged: Some(Acknowledgement {
            by: "ben".into(),
            at: NOON,
            text: "on it".to_owned(),
            until: Some(Moment::from_nanos(u64::MAX)),
            sticky: true,
        }),
        told: BTreeMap::from([(route("sms"), told)]),
        ladder: Ladder { began_at: NOON, gate: Gate::Asked(NOON), ..Ladder::default() },
        policy: Some("gold".into()),
        held_until: Some(NOON),
        propose_at: None,
        proposal: Some(ProposalId(7)),
        call_at: None,
        call: None,
        occurrences: 4,
        timeline: vec![Passage {
            at: NOON,
            status: Status::Critical,
            hard: true,
            text: "refused".into(),
        }],
        last_good: Some(NOON.before(hours(1))),
        notes: Vec::new(),
        values: vec![Measured {
            name: "rtt".into(),
            reading: Reading::Number(0.25),
            unit: Unit::Seconds,
        }],
    }
}

pub(crate) fn ended(id: u64, customer: &str, at: Moment) -> Problem {
    let ending = Some(Ending::Recovered);
    Problem { ended_at: Some(at), ending, opened_at: at, ..problem(id, customer) }
}

pub(crate) fn proposal(id: u64, customer: &str, state: ProposalState) -> Proposal {
    Proposal {
        id: ProposalId(id),
        version: 1,
        about: About::Site(format!("{customer}/hq").into()),
        customer: customer.into(),
        title: "site hq does not answer".to_owned(),
        severity: Severity::Down,
        detected_at: NOON,
        proposed_at: NOON,
        problem: ProblemId(1),
        occurrences: 1,
        evidence: Evidence { similar: vec![CallId(3)], ..Evidence::default() },
        level: HelpLevel::OnSite,
        candidates: vec![Candidate { person: "anna".into(), reason: "skill network 3".into() }],
        rule: Some("config.yaml:7".into()),
        snoozed_until: None,
        touched: false,
        state,
    }
}

pub(crate) fn call(id: u64, customer: &str, state: CallState) -> Call {
    let clock = SlaClock {
        allowed: hours(4),
        spent: Duration::from_nanos(1),
        counted_until: NOON,
        started_at: NOON,
        paused_since: Some(NOON),
        met_at: None,
        due_at: Some(NOON.after(hours(4))),
        warned: vec![80],
        breached_at: None,
    };
    Call {
        id: CallId(id),
        version: 2,
        customer: customer.into(),
        about: Some(About::Own("uplink".into())),
        title: format!("call {id} of 100%"),
        severity: Severity::Unknown,
        closed_at: (state == CallState::Closed).then(|| NOON.after(hours(id))),
        state,
        assignee: Some("anna".into()),
        detected_at: NOON,
        proposed_at: Some(NOON),
        opened_at: NOON,
        proposals: vec![ProposalId(1)],
        problems: vec![ProblemId(1), ProblemId(2)],
        refers_to: Some(CallId(1)),
        ready_to_close: true,
        blocking_since: Some(NOON),
        contract: Some("gold".into()),
        starts: SlaStart::Opened,
        respond: Some(clock.clone()),
        resolve: Some(clock),
        messages: vec![Message {
            at: NOON,
            by: "anna".into(),
            kind: MessageKind::FromCustomer,
            text: "it is <b>down</b>".to_owned(),
        }],
    }
}

pub(crate) fn suspended() -> CallState {
    let until = Condition { name: "acme/web".into(), fine_for: hours(1), fine_since: Some(NOON) };
    CallState::Suspended { wait: Wait::Process { until }, since: NOON }
}

pub(crate) fn alert(problem: u64, ordinal: u32, state: AlertState) -> Alert {
    let (route, id) = (route("sms"), ProblemId(problem));
    let key = AlertKey::of(7, id, 1, &route, ordinal);
    let content = Content {
        about: Some(About::Checkable("acme/web/http".into())),
        customer: "acme".into(),
        customer_title: "ACME".into(),
        labels: BTreeMap::from([("tier".into(), "gold".into())]),
        status: Status::Down,
        severity: Severity::Down,
        text: "no answer".into(),
        flapping: false,
        since: NOON,
        ended_at: Some(NOON),
        symptoms: vec!["acme/web/port".into()],
        symptoms_count: 1,
        by: "ben".into(),
        title: "acme/web is down".to_owned(),
        members: vec![Member {
            key,
            kind: AlertKind::Trigger,
            problem: id,
            ordinal: 2,
            about: Some(About::Checkable("acme/web".into())),
            name: "acme/web".to_owned(),
            labels: BTreeMap::from([("tier".into(), "gold".into())]),
            status: Status::Down,
            severity: Severity::Down,
            text: "no answer".into(),
            since: NOON,
            ended_at: Some(NOON),
        }],
    };
    Alert {
        key,
        route,
        kind: AlertKind::Trigger,
        problem: id,
        ordinal,
        step: 1,
        owed_at: NOON,
        not_before: NOON,
        expires_at: NOON.after(hours(24)),
        attempts: 3,
        may_have_arrived: true,
        fault: "HTTP 500".to_owned(),
        state,
        content,
    }
}

pub(crate) fn scope() -> Scope {
    let matcher = Matcher { label: "tier".into(), op: MatchOp::NotLike, value: "g*".into() };
    Scope { lines: vec![vec![matcher]] }
}

pub(crate) fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|it| Arc::from(*it)).collect()
}

pub(crate) fn silence(id: u64, customers: Option<&[&str]>, until: Moment) -> Silence {
    Silence {
        id: NoteId(id),
        version: 1,
        customers: customers.map(names),
        scope: scope(),
        span: Span { from: NOON, until },
        by: "anna".into(),
        text: "noise".to_owned(),
    }
}

pub(crate) fn occurrence(planned_from: Moment, customer: &str) -> Occurrence {
    Occurrence {
        key: OccurrenceKey { window: format!("{customer}/patch").into(), planned_from },
        version: 2,
        customer: customer.into(),
        span: Span { from: planned_from, until: planned_from.after(hours(4)) },
        triggered_at: Some(planned_from),
        ends_at: Some(planned_from.after(hours(1))),
        cancelled: false,
        reminded: vec![259_200, 3_600],
        begun: true,
        report: Some(WindowReport {
            ended_at: planned_from.after(hours(4)),
            recovered: names(&["acme/web"]),
            members: 3,
            ..WindowReport::default()
        }),
    }
}

pub(crate) fn planned(customer: Option<&str>, until: Moment) -> PlannedWindow {
    PlannedWindow {
        name: "acme/move".into(),
        customer: customer.map(Arc::from),
        span: Span { from: NOON, until },
        scope: scope(),
        effect: WindowEffect::NoChecks,
        sla_counts: true,
        flexible: Some(hours(1)),
        reminders: vec![hours(72), hours(1)],
        impact: "no mail".into(),
        contact: "ben".into(),
    }
}

pub(crate) fn duty_override(id: u64, until: Moment) -> Override {
    let span = Span { from: NOON, until };
    let (oncall, person) = ("net".into(), "anna".into());
    Override { id: NoteId(id), oncall, person, span, by: "ben".into() }
}

pub(crate) fn token(id: u64, hash: u8, customers: Option<&[&str]>) -> Token {
    Token {
        id: NoteId(id),
        name: "grafana".into(),
        hash: [hash; 32],
        scopes: vec![TokenScope::Read, TokenScope::Ack],
        customers: customers.map(names),
        made_at: NOON,
        expires_at: Some(NOON.after(hours(1))),
        revoked_at: None,
    }
}

pub(crate) fn event(id: u64, customer: &str) -> Event {
    Event {
        id: EventId(id),
        at: NOON.after(Duration::from_secs(id)),
        customer: customer.into(),
        kind: EventKind::CallOpened,
        by: "anna".into(),
        name: "acme/web".to_owned(),
        subject: id % 3,
        text: format!("number {id}"),
    }
}

pub(crate) fn decision(id: u64, customer: &str) -> Decision {
    Decision {
        id: DecisionId(id),
        at: NOON.after(Duration::from_secs(id)),
        problem: ProblemId(id % 3),
        name: format!("{customer}/web"),
        customer: customer.into(),
        trigger: "hard state".to_owned(),
        gates: vec![GatePassed {
            gate: "window".into(),
            open: false,
            text: "acme/patch until 22:00".to_owned(),
            rule: Some("checks/acme.yaml:21".into()),
        }],
        verdict: VerdictOfDesk::Nobody { reason: "window".into(), until: Some(NOON) },
    }
}

/// One row of each kind that comes back after a restart at [`NOON`], in the order of coming back.
pub(crate) fn alive() -> Vec<Row> {
    let later = NOON.after(hours(1));
    vec![
        Row::Problem(problem(1, "acme").into()),
        Row::Problem(ended(2, "beta", NOON).into()),
        Row::Proposal(proposal(3, "acme", ProposalState::Open).into()),
        Row::Call(call(4, "acme", suspended()).into()),
        Row::Call(call(5, "acme", CallState::Closed).into()),
        Row::Alert(alert(1, 0, AlertState::Waiting).into()),
        Row::Silence(silence(6, Some(&["acme"]), later).into()),
        Row::Occurrence(occurrence(NOON, "acme").into()),
        Row::Planned(NoteId(7), planned(Some("acme"), later).into()),
        Row::Override(duty_override(8, later).into()),
        Row::Token(token(9, 9, None).into()),
        Row::Answered("key 1".into(), NOON, "17".to_owned(), 4),
    ]
}
