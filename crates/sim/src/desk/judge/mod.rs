//! The judge of the desk: knows only rows and what receivers saw.
//!
//! It reads every row as it is kept, in order, and every message as it is sent and as it arrives;
//! what it expects follows from the configuration and from what shards believe. So a disagreement
//! is a bug in the desk, in the driver or in the judge, and never overlooked.

mod cases;
mod duty;
mod finish;
mod gates;
mod prompt;
mod rows;
mod scan;
mod sends;

use std::collections::{BTreeMap, BTreeSet};

use model::{
    About, Alert, AlertKey, AlertKind, CallId, Moment, ProblemId, ProposalId, Reply, Request,
    Route, Row, Status, stable_hash,
};

use super::{
    driver::Batch,
    estate::Estate,
    looks::{Held, Looks},
    shelf::Shelf,
};
pub(crate) use prompt::OWN_KNOWN_AFTER;

use crate::trace::Trace;

/// What was seen, so that a green run can be told from an empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Batches of rows kept.
    pub batches: u64,
    /// Problems opened.
    pub problems: u64,
    /// Those that explained others when they ended.
    pub explaining: u64,
    /// Problems of our own.
    pub own: u64,
    /// Tries to deliver.
    pub tries: u64,
    /// Messages that arrived.
    pub arrivals: u64,
    /// Messages that arrived again.
    pub repeats: u64,
    /// Digests.
    pub digests: u64,
    /// Words that a problem is over.
    pub resolves: u64,
    /// Alerts given up.
    pub dead: u64,
    /// Alerts withdrawn.
    pub withdrawn: u64,
    /// Proposals made.
    pub proposals: u64,
    /// Calls opened.
    pub calls: u64,
    /// Requests that were done, and those that were refused.
    pub done: u64,
    /// See `done`.
    pub refused: u64,
    /// Those refused because somebody else was faster.
    pub stale: u64,
    /// Occurrences of windows that ended.
    pub windows: u64,
    /// Restarts.
    pub restarts: u64,
    /// Decisions to tell nobody.
    pub withheld: u64,
    /// Times at which we could not see.
    pub blind: u64,
    /// Mass outages that had to be announced at once.
    pub announced: u64,
    /// Hypotheses.
    pub supposed: u64,
    /// Signs of life.
    pub heartbeats: u64,
    /// Overrides of a rotation, and those told because of one.
    pub overrides: u64,
    /// See `overrides`.
    pub instead: u64,
    /// Tokens made or taken back.
    pub tokens: u64,
    /// Dead alerts that were tried again.
    pub redelivered: u64,
}

/// What the judge may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) now: Moment,
    pub(crate) shelf: &'a Shelf,
    pub(crate) estate: &'a Estate,
    pub(crate) looks: &'a Looks,
    /// The process runs, without having been suspended, since then.
    pub(crate) awake_since: Moment,
}

/// What is known of one alert beside its row.
#[derive(Clone, Debug, Default)]
struct Life {
    /// A hash of what must never change.
    identity: u64,
    in_flight: bool,
    /// How many tries have ended.
    ended: u32,
    /// When the last one did, and how often its channel had taken something by then.
    ended_at: Option<(Moment, u64)>,
    arrived: bool,
    /// The desk was told that it has arrived, and has kept that.
    taken: bool,
    /// Nobody knows whether it has arrived.
    doubtful: bool,
    /// Somebody wanted it to be tried again when it was dead.
    again: bool,
}

/// One problem on one route, as its receiver sees it.
#[derive(Clone, Debug, Default)]
struct Tale {
    /// The last ordinal that arrived for the first time.
    last: Option<u32>,
    /// A trigger or reminder has arrived, or may have.
    may_know: bool,
    /// The desk knows that one has arrived.
    knows: bool,
    /// The status that was last owed by a trigger; `None` if that was withdrawn unsent.
    told: Option<Status>,
    /// What a reminder has told since.
    reminded: Option<Status>,
    /// Was a trigger ever owed?
    triggered: bool,
}

/// What the last scan saw of one problem.
#[derive(Clone, Copy, Debug)]
struct Glance {
    at: Moment,
    gates_open: bool,
    may_propose: bool,
}

/// What a request was about, before it was judged.
#[derive(Clone, Debug)]
struct Asked {
    request: Request,
    /// The versions that hold all that a decision may depend on, and whether who asks may see it;
    /// `None` if there is none.
    object: Option<(std::ops::RangeInclusive<u64>, bool)>,
}

/// Judges one world.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) fault: Option<String>,
    pub(crate) seen: Seen,
    lives: BTreeMap<AlertKey, Life>,
    tales: BTreeMap<(ProblemId, Route), Tale>,
    ordinals: BTreeMap<(ProblemId, Route, u32), AlertKey>,
    steps: BTreeSet<(ProblemId, u32, Route)>,
    last_step: BTreeMap<ProblemId, u32>,
    digests: BTreeMap<AlertKey, BTreeSet<AlertKey>>,
    /// How often each channel took something.
    taken_by: BTreeMap<String, u64>,
    open_about: BTreeMap<About, BTreeSet<ProblemId>>,
    proposals_about: BTreeMap<About, BTreeSet<ProposalId>>,
    calls_about: BTreeMap<About, BTreeSet<CallId>>,
    /// The last version of a proposal in which more than evidence changed.
    decisive: BTreeMap<ProposalId, u64>,
    last_event: u64,
    last_decision: u64,
    opened: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    once: BTreeSet<(u64, String)>,
    fresh: Fresh,
    asked: Option<Asked>,
    tickets: BTreeSet<u64>,
    replies: BTreeMap<String, Reply>,
    glances: BTreeMap<ProblemId, Glance>,
    unexplained: BTreeMap<usize, (u32, Held)>,
    /// Well, and listed as a symptom at the last scan.
    listed_though_well: std::collections::BTreeSet<(model::ProblemId, std::sync::Arc<str>)>,
    /// By other rules nothing was due when it was.
    rules_since: Moment,
    blind_since: Option<Moment>,
    sees_since: Option<Moment>,
    outage: prompt::Outage,
    stalled_since: Option<Moment>,
    unready: BTreeMap<CallId, u32>,
    /// The last time at which nobody was told of a problem, and by which gate.
    withheld: BTreeMap<ProblemId, (Moment, std::sync::Arc<str>)>,
}

/// What one batch has brought.
#[derive(Debug, Default)]
struct Fresh {
    problems: Vec<ProblemId>,
    alerts: Vec<AlertKey>,
    handed_out: Vec<AlertKey>,
    dead: Vec<AlertKey>,
    /// Triggers that were withdrawn, and certainly not sent.
    withdrawn: Vec<AlertKey>,
    told: BTreeSet<AlertKey>,
    decided: BTreeSet<ProblemId>,
    events: BTreeSet<(&'static str, u64)>,
    abouts: BTreeSet<About>,
}

impl Judge {
    /// Something is wrong; the first fault counts.
    pub(crate) fn fail(&mut self, what: String) {
        self.fault.get_or_insert(what);
    }

    fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what());
        }
    }

    /// A batch is about to be kept.
    pub(crate) fn before(&mut self, view: &View<'_>, batch: &Batch) {
        self.fresh = Fresh::default();
        self.seen.batches += 1;
        self.asked = self.look_up(view, &batch.cause);
    }

    /// It has been kept, row by row.
    pub(crate) fn after(&mut self, view: &View<'_>, batch: &Batch) {
        self.note_outage(view, batch);
        self.judge_sight(view);
        self.judge_problems(view);
        self.judge_alerts(view, batch);
        self.judge_cases(view);
        self.judge_answer(view, batch);
        self.judge_outcome(view, batch);
    }

    /// Somebody asks for something.
    pub(crate) fn asked(&mut self, _now: Moment, ticket: u64) {
        self.tickets.insert(ticket);
    }

    /// Somebody was answered.
    pub(crate) fn answered(&mut self, ticket: u64) {
        let known = self.tickets.remove(&ticket);
        self.demand(known, || format!("request {ticket} was answered, but not asked, or twice"));
    }

    /// The process has died: nobody waits for an answer any more.
    pub(crate) fn crashed(&mut self, view: &View<'_>) {
        self.tickets.clear();
        // What was to be sent may have been sent, whoever saw it leave.
        let handed_out = |it: &&Alert| it.is_waiting() && it.may_have_arrived;
        for alert in view.shelf.alerts.values().filter(handed_out) {
            let Some(life) = self.lives.get_mut(&alert.key) else { continue };
            life.in_flight = false;
            life.doubtful = true;
            for (problem, kind, _, _) in tales_of(alert, view.shelf) {
                let tale = self.tales.entry((problem, alert.route.clone())).or_default();
                tale.may_know |= says_bad(kind);
            }
        }
    }

    /// Another configuration holds.
    pub(crate) fn rules_changed(&mut self, now: Moment) {
        self.rules_since = now;
        self.glances.clear();
    }

    /// A process has started.
    pub(crate) fn restarted(&mut self) {
        // Until it hears otherwise, a new process believes that the timetable gets on.
        self.stalled_since = None;
        self.unready.clear();
        self.seen.restarts += 1;
        self.glances.clear();
        self.unexplained.clear();
        for life in self.lives.values_mut() {
            life.ended_at = None;
        }
    }
}

/// Does it say that there is a problem?
fn says_bad(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::Trigger | AlertKind::Reminder)
}

/// What an alert tells: of which problem, what, and as which of its route.
fn tales_of(alert: &Alert, shelf: &Shelf) -> Vec<(ProblemId, AlertKind, u32, AlertKey)> {
    if alert.content.members.is_empty() {
        return vec![(alert.problem, alert.kind, alert.ordinal, alert.key)];
    }
    let ordinal = |key: AlertKey| shelf.alerts.get(&key).map_or(0, |it| it.ordinal);
    let members = alert.content.members.iter();
    members.map(|it| (it.problem, it.kind, ordinal(it.key), it.key)).collect()
}

/// A hash of what the key of an alert stands for.
fn identity(alert: &Alert) -> u64 {
    let Alert { route, kind, problem, ordinal, step, content, .. } = alert;
    let members: Vec<_> = content.members.iter().map(|it| (it.key, it.kind)).collect();
    let (status, title, since) = (content.status, &content.title, content.since);
    stable_hash(&format!(
        "{route:?} {kind:?} {problem} {ordinal} {step} {status} {title} {since} {members:?}"
    ))
}

/// Takes a row into the trace.
pub(crate) fn mix(trace: &mut Trace, at: Moment, row: &Row) {
    trace.mix(at.as_nanos());
    match row {
        Row::NextId(it) => trace.mix(*it),
        Row::Problem(it) => {
            trace.mix(it.id.0 << 8 | u64::from(it.is_open()));
            trace.mix(it.version << 16 | it.told.len() as u64);
            trace.mix(it.symptoms.len() as u64);
        }
        Row::Proposal(it) => trace.mix(it.id.0 << 16 | it.version),
        Row::Call(it) => trace.mix(it.id.0 << 16 | it.version),
        Row::Alert(it) => {
            trace.mix(it.key.0 as u64);
            trace.mix(u64::from(it.attempts) << 1 | u64::from(it.is_waiting()));
        }
        Row::Event(it) => trace.mix(stable_hash(&it.text)),
        Row::Decision(it) => trace.mix(it.id.0 << 8 | it.gates.len() as u64),
        Row::Silence(it) => trace.mix(it.id.0),
        Row::Occurrence(it) => trace.mix(it.version),
        Row::Planned(id, _) | Row::Gone(id) => trace.mix(id.0),
        Row::Override(it) => trace.mix(it.id.0),
        Row::Token(it) => trace.mix(it.id.0),
        Row::Answered(_, _, id, version) => trace.mix(stable_hash(id) ^ version),
        Row::Slot(it) => trace.mix(it.key.at.as_nanos() ^ it.version),
        Row::Report(it) => trace.mix(it.id.0 << 8 | it.version),
        Row::JobMemory(it) => trace.mix(it.version),
        Row::MailHour(hour, count) => trace.mix(hour ^ u64::from(*count)),
        Row::ReportKey(..) | Row::Mail(..) | Row::Cursor(..) => {}
    }
}

/// A batch in words.
pub(crate) fn tell(batch: &Batch) -> Vec<String> {
    let rows = batch.rows.iter().map(|row| match row {
        Row::Problem(it) => format!(
            "  problem {} v{} {:?} {} ended={:?} ack={} told={:?} ladder={:?} held={:?} symptoms={}",
            it.id, it.version, it.about, it.status, it.ending, it.acknowledged.is_some(),
            it.told.iter().map(|it| (&it.0.channel, &it.0.contact, it.1.status, it.1.reached, it.1.resolved)).collect::<Vec<_>>(),
            it.ladder, it.held_until, it.symptoms.len()
        ),
        Row::Alert(it) => format!(
            "  alert {} {} {:?} problem {} #{} step {} {:?} maybe={} members={}",
            it.key, it.kind.word(), it.route, it.problem, it.ordinal, it.step, it.state,
            it.may_have_arrived, it.content.members.len()
        ),
        Row::Event(it) => format!("  event {} {} {}: {}", it.id, it.kind.word(), it.name, it.text),
        Row::Decision(it) => format!("  decision {} {}: {:?}", it.problem, it.trigger, it.verdict),
        Row::Proposal(it) => format!("  proposal {} v{} {:?}", it.id, it.version, it.state),
        Row::Call(it) => format!("  call {} v{} {:?}", it.id, it.version, it.state),
        other => format!("  {other:?}"),
    });
    std::iter::once(format!("kept {:?}", batch.cause)).chain(rows).collect()
}
