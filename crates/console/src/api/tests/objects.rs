//! The objects of the engine in memory: three of each kind, for two customers and for ourselves.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    About, Alert, AlertKey, AlertKind, AlertState, Call, CallId, CallState, Content, Event,
    EventId, EventKind, Evidence, HelpLevel, Ladder, MatchOp, Matcher, NoteId, Occurrence,
    OccurrenceKey, Override, Passage, Problem, ProblemId, Proposal, ProposalId, ProposalState,
    Route, Scope, Severity, Silence, SlaClock, SlaStart, Span, Status, Told, WindowEffect,
};

use super::NOW;
use crate::api::seams::{CheckableView, WindowView};

/// `acme` is ours to look at, `bolt` is somebody else's, and an empty name is the provider itself.
pub(crate) const CUSTOMERS: [&str; 3] = ["acme", "bolt", ""];

pub(crate) fn checkable_name(customer: &str) -> String {
    let customer = if customer.is_empty() { "campanile" } else { customer };
    format!("{customer}/web/http")
}

fn about(customer: &str) -> About {
    match customer {
        "" => About::Own("uplink".into()),
        _ => About::Checkable(checkable_name(customer).into()),
    }
}

pub(crate) fn key(number: u64) -> AlertKey {
    let route = Route { channel: "sms".into(), contact: "anna".into() };
    AlertKey::of(1, ProblemId(number), 0, &route, 0)
}

pub(crate) fn problem(id: u64, customer: &str) -> Problem {
    let route = Route { channel: "sms".into(), contact: "anna".into() };
    let told = Told {
        last: key(id),
        ordinal: 1,
        status: Some(Status::Critical),
        reached: true,
        arrived: None,
        resolved: false,
    };
    let passage = Passage { at: NOW, status: Status::Critical, hard: true, text: "refused".into() };
    Problem {
        id: ProblemId(id),
        version: 1,
        about: about(customer),
        customer: customer.into(),
        site: None,
        labels: BTreeMap::from([(Arc::from("env"), Arc::from("prod"))]),
        status: Status::Critical,
        severity: Severity::Critical,
        text: "refused".into(),
        flapping: false,
        opened_at: NOW,
        changed_at: NOW,
        ended_at: None,
        ending: None,
        symptoms: BTreeMap::from([(Arc::from("acme/web/port"), NOW)]),
        acknowledged: None,
        told: BTreeMap::from([(route, told)]),
        ladder: Ladder::default(),
        policy: Some("urgent".into()),
        held_until: None,
        propose_at: None,
        proposal: None,
        call_at: None,
        call: None,
        occurrences: 1,
        timeline: vec![passage],
        last_good: Some(NOW.before(Duration::from_secs(60))),
        values: Vec::new(),
        notes: Vec::new(),
    }
}

pub(crate) fn proposal(id: u64, customer: &str) -> Proposal {
    Proposal {
        id: ProposalId(id),
        version: 1,
        about: about(customer),
        customer: customer.into(),
        title: "it does not answer".into(),
        severity: Severity::Critical,
        detected_at: NOW,
        proposed_at: NOW,
        problem: ProblemId(id - 10),
        occurrences: 1,
        evidence: Evidence::default(),
        level: HelpLevel::HelpDesk,
        candidates: Vec::new(),
        rule: Some("config.yaml:7".into()),
        snoozed_until: None,
        touched: false,
        state: ProposalState::Open,
    }
}

pub(crate) fn call(id: u64, customer: &str) -> Call {
    let clock = SlaClock {
        allowed: Duration::from_secs(900),
        spent: Duration::ZERO,
        counted_until: NOW,
        started_at: NOW,
        paused_since: None,
        met_at: None,
        due_at: Some(NOW.after(Duration::from_secs(900))),
        warned: vec![80],
        breached_at: None,
    };
    Call {
        id: CallId(id),
        version: 1,
        customer: customer.into(),
        about: Some(about(customer)),
        title: "it does not answer".into(),
        severity: Severity::Critical,
        state: CallState::Open,
        assignee: None,
        detected_at: NOW,
        proposed_at: None,
        opened_at: NOW,
        closed_at: None,
        proposals: Vec::new(),
        problems: Vec::new(),
        refers_to: None,
        ready_to_close: false,
        blocking_since: None,
        contract: Some("gold".into()),
        starts: SlaStart::Detected,
        respond: Some(clock.clone()),
        resolve: Some(clock),
        messages: Vec::new(),
    }
}

fn scope(customer: &str) -> Scope {
    let matcher = Matcher { label: "customer".into(), op: MatchOp::Is, value: customer.into() };
    Scope { lines: vec![vec![matcher]] }
}

fn hour() -> Span {
    Span { from: NOW, until: NOW.after(Duration::from_secs(3600)) }
}

pub(crate) fn silence(id: u64, customer: &str) -> Silence {
    Silence {
        id: NoteId(id),
        version: 1,
        customers: (!customer.is_empty()).then(|| vec![customer.into()]),
        scope: scope(customer),
        span: hour(),
        by: "anna".into(),
        text: "works".into(),
    }
}

pub(crate) fn window_key(customer: &str) -> OccurrenceKey {
    OccurrenceKey { window: format!("{customer}/patch night").into(), planned_from: NOW }
}

pub(crate) fn window(customer: &str) -> WindowView {
    WindowView {
        occurrence: Occurrence {
            key: window_key(customer),
            version: 1,
            customer: customer.into(),
            span: hour(),
            triggered_at: None,
            ends_at: None,
            cancelled: false,
            reminded: Vec::new(),
            begun: true,
            report: None,
        },
        effect: WindowEffect::NoAlerts,
        scope: scope(customer),
        sla_counts: false,
        flexible: None,
        impact: "none".into(),
        contact: "noc".into(),
        rule: Some("checks/acme.yaml:3".into()),
    }
}

pub(crate) fn put_override(id: u64) -> Override {
    let (oncall, person) = ("primary".into(), "anna".into());
    Override { id: NoteId(id), oncall, person, span: hour(), by: "ben".into() }
}

pub(crate) fn alert(number: u64, customer: &str) -> Alert {
    let content = Content {
        about: Some(about(customer)),
        customer: customer.into(),
        customer_title: customer.into(),
        labels: BTreeMap::new(),
        status: Status::Critical,
        severity: Severity::Critical,
        text: "refused".into(),
        flapping: false,
        since: NOW,
        ended_at: None,
        symptoms: Vec::new(),
        symptoms_count: 0,
        by: "".into(),
        title: "it does not answer".into(),
        members: Vec::new(),
    };
    Alert {
        key: key(number),
        route: Route { channel: "sms".into(), contact: "anna".into() },
        kind: AlertKind::Trigger,
        problem: ProblemId(number),
        ordinal: 0,
        step: 0,
        owed_at: NOW,
        not_before: NOW,
        expires_at: hour().until,
        attempts: 3,
        may_have_arrived: false,
        fault: "500".into(),
        state: AlertState::Dead { at: NOW },
        content,
    }
}

pub(crate) fn checkable(customer: &str) -> CheckableView {
    CheckableView {
        name: checkable_name(customer).into(),
        customer: customer.into(),
        labels: BTreeMap::new(),
        belief: None,
        problem: None,
        policy: None,
        contract: None,
    }
}

pub(crate) fn event(id: u64, customer: &str, kind: EventKind, by: &str) -> Event {
    Event {
        id: EventId(id),
        at: NOW,
        customer: customer.into(),
        kind,
        by: by.into(),
        name: checkable_name(customer),
        subject: 11,
        text: "line one\nline two".into(),
    }
}
