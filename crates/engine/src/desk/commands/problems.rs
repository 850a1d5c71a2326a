//! Requests about problems: acknowledge, comment, say whether it blocks the customer.

use std::sync::Arc;

use model::{
    Acknowledgement, AlertKind, Command, EventKind, Gate, Moment, Problem, ProblemId, Refusal,
    Reply, Request,
};

use super::{AHEAD_MAX, bad_text, conflict, done, invalid};
use crate::desk::{
    Desk,
    cases::Place,
    deliveries::forget_withdrawn,
    steps::NO_STEP,
    upkeep::{is_stopped, unpark},
};

impl Desk {
    pub(super) fn about_problem(&mut self, request: &Request) -> Reply {
        let id = match &request.command {
            Command::Acknowledge { problem, .. }
            | Command::Unacknowledge { problem }
            | Command::Comment { problem, .. }
            | Command::JudgeBlocking { problem, .. } => *problem,
            _ => return Reply::Refused(Refusal::Unknown),
        };
        let over = self.ended.get(&id);
        let known = self.problems.get(&id).or(over);
        let Some(problem) = known.filter(|it| request.by.may_see(&it.customer)) else {
            return Reply::Refused(Refusal::Unknown);
        };
        if let Some(seen) = request.version
            && seen != problem.version
        {
            let now = words_about(problem);
            return Reply::Refused(Refusal::Stale { version: problem.version, now });
        }
        if let Command::Comment { text, .. } = &request.command {
            let (customer, name) = (Arc::clone(&problem.customer), problem.about.name());
            let version = problem.version;
            if let Some(refusal) = bad_text(text, true) {
                return refusal;
            }
            self.note(EventKind::Commented, &customer, &request.by.name, name, id.0, text.clone());
            return done(id.0, version);
        }
        if !problem.is_open() {
            return conflict(format!("the problem is over: {}", words_about(problem)));
        }
        let reply = match &request.command {
            Command::Acknowledge { text, until, sticky, .. } => {
                self.acknowledge(id, request, text, *until, *sticky)
            }
            Command::Unacknowledge { .. } => self.unacknowledge(id, request),
            Command::JudgeBlocking { blocking, .. } => self.judge_blocking(id, request, *blocking),
            _ => None,
        };
        // The row is written, and the version raised, when everything of this input is known.
        reply.unwrap_or_else(|| done(id.0, self.problems.get(&id).map_or(0, |it| it.version + 1)))
    }

    fn acknowledge(
        &mut self,
        id: ProblemId,
        request: &Request,
        text: &str,
        until: Option<Moment>,
        sticky: bool,
    ) -> Option<Reply> {
        let now = self.pen.now;
        if let Some(refusal) = bad_text(text, false) {
            return Some(refusal);
        }
        if until.is_some_and(|it| it <= now || it > now.after(AHEAD_MAX)) {
            return Some(invalid("`until` must lie ahead, and not more than 400 days"));
        }
        let mut problem = self.problems.remove(&id)?;
        let by = Arc::clone(&request.by.name);
        problem.acknowledged = Some(Acknowledgement {
            by: Arc::clone(&by),
            at: now,
            text: text.to_owned(),
            until,
            sticky,
        });
        // Where an acknowledgement stops nothing, nothing that is owed is taken back.
        let stops = is_stopped(&problem, &self.rules);
        let fates = if stops { self.outbox.suppressed(id, &mut self.pen) } else { Vec::new() };
        forget_withdrawn(&mut problem, &fates);
        self.tell_acknowledged(&mut problem, &by);
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.cases.touch(&problem.about, &mut self.pen);
        self.problems.insert(id, problem);
        self.touched.insert(id);
        self.attend(id);
        self.note(EventKind::Acknowledged, &customer, &by, name, id.0, text.to_owned());
        None
    }

    /// Places that show problems to all (rooms, consoles, other systems) hear who has it.
    fn tell_acknowledged(&mut self, problem: &mut Problem, by: &Arc<str>) {
        let routes: Vec<_> = problem
            .told
            .iter()
            .filter(|(route, told)| {
                let channel = self.channel(&route.channel);
                told.reached && channel.is_some_and(|it| it.personal.is_none())
            })
            .map(|it| it.0.clone())
            .collect();
        for route in routes {
            self.owe_signed(problem, &route, AlertKind::Acknowledged, NO_STEP, None, by);
        }
    }

    fn unacknowledge(&mut self, id: ProblemId, request: &Request) -> Option<Reply> {
        if self.problems.get(&id)?.acknowledged.is_none() {
            return Some(conflict("it is not acknowledged".to_owned()));
        }
        self.acknowledgement_over(id, &request.by.name, "taken back");
        self.look_after(id);
        None
    }

    /// An acknowledgement has ended; whatever it held back is decided again.
    pub(crate) fn acknowledgement_over(&mut self, id: ProblemId, by: &str, why: &str) {
        let now = self.pen.now;
        let Some(problem) = self.problems.get_mut(&id) else { return };
        if problem.acknowledged.take().is_none() {
            return;
        }
        unpark(problem, now);
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.touched.insert(id);
        self.note(EventKind::Unacknowledged, &customer, by, name, id.0, why.to_owned());
    }

    fn judge_blocking(
        &mut self,
        id: ProblemId,
        request: &Request,
        blocking: bool,
    ) -> Option<Reply> {
        let now = self.pen.now;
        let problem = self.problems.get_mut(&id)?;
        problem.ladder.gate = if blocking { Gate::Blocking } else { Gate::CanWait };
        problem.ladder.due_at = Some(now);
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        let place = self.cases.place_of(&problem.about);
        self.touched.insert(id);
        let by = &request.by.name;
        if let Some(Place::Call(call)) = place.filter(|_| blocking) {
            self.cases.block(call, by, &self.rules, &mut self.pen);
        }
        let text = if blocking { "blocks the customer" } else { "can wait" };
        self.note(EventKind::BlockingJudged, &customer, by, name, id.0, text.to_owned());
        self.look_after(id);
        None
    }
}

fn words_about(problem: &Problem) -> String {
    let acknowledged = problem.acknowledged.as_ref();
    let by = acknowledged.map(|it| format!(", acknowledged by {}", it.by)).unwrap_or_default();
    let over = if problem.is_open() { "" } else { ", over" };
    format!("{} {}{by}{over}", problem.about.name(), problem.status)
}
