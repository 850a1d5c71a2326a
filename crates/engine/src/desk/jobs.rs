//! Between the ledger of promised runs and people: what stands badly becomes a problem, and with it
//! a proposal, like any other; and what people ask of jobs.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use model::{
    About, Command, Ending, EventKind, Heard, IntakeState, Job, JobKind, Moment, Passage, Pause,
    Problem, ProblemId, Refusal, Reply, ReportId, Request, Severity, Span, Standing, Status,
};

use super::{
    Desk, Effect,
    cases::TEXT_BYTES_MAX,
    pen::{Note, Rules},
    watchdogs::{Finding, JobSeen, RunToCome, World, tick},
    windows::Windows,
};

/// Steps of a job's problem that are shown.
const PASSAGES_MAX: usize = 50;
/// How long a job may be paused.
const PAUSE_MAX: Duration = Duration::from_secs(400 * 86_400);
/// A schedule that is accepted, in bytes.
const SCHEDULE_BYTES_MAX: usize = 1024;

/// Planned maintenance, as the ledger asks for it.
struct Maintenance<'a> {
    windows: &'a Windows,
    rules: &'a Rules,
}

impl World for Maintenance<'_> {
    fn is_maintained(&self, job: &Job, within: Span) -> bool {
        self.windows.touches(within, |name| label_of(job, self.rules, name))
    }
}

/// What `name` says of a job.
pub(super) fn label_of<'a>(job: &'a Job, rules: &'a Rules, name: &str) -> &'a str {
    match name {
        "customer" => {
            let customer = rules.duty.customers.get(job.customer as usize);
            customer.map_or("", |it| &it.name)
        }
        "watchdog" => job.name.split_once('/').map_or("", |it| it.1),
        "name" => &job.name,
        _ => job.labels.iter().find(|it| *it.0 == *name).map_or("", |it| &it.1),
    }
}

impl Desk {
    /// Something was heard for a job, or for nobody that is known.
    pub(super) fn hear(&mut self, ticket: u64, heard: Heard, seen: bool) {
        let Self { watchdogs, windows, rules, pen, .. } = self;
        let world = Maintenance { windows, rules };
        let id = watchdogs.hear(heard, seen, &world, pen);
        let reply = Reply::Done { id: id.to_string(), version: 1 };
        self.effects.push(Effect::Answer { ticket, reply });
        self.take_findings();
    }

    /// An intake says how it is.
    pub(super) fn hear_of_intake(&mut self, state: &IntakeState) {
        let Self { watchdogs, windows, rules, pen, .. } = self;
        watchdogs.hear_of(state, &Maintenance { windows, rules }, pen);
        self.take_findings();
    }

    /// Looks at the jobs whose time has come.
    pub(super) fn look_at_jobs(&mut self) {
        let Self { watchdogs, windows, rules, pen, .. } = self;
        watchdogs.wake(&Maintenance { windows, rules }, pen);
        self.take_findings();
    }

    pub(super) fn take_findings(&mut self) {
        for finding in self.watchdogs.findings() {
            match finding {
                Finding::Bad { job, standing, text, notes, .. } => {
                    self.job_is_bad(&job, standing, text, notes);
                }
                Finding::Well { job } => self.job_is_over(&job, Ending::Recovered),
                Finding::Gone { job } => self.job_is_over(&job, Ending::Removed),
                Finding::Judged { job, kept } => {
                    self.cases.slot_judged(&job, kept, &mut self.pen);
                }
                Finding::Deaf { intake, text } => {
                    self.own_trouble(&format!("intake {intake}"), &text);
                }
                Finding::Hears { intake } => self.own_trouble_over(&format!("intake {intake}")),
            }
        }
    }

    /// The keys by which something may have been heard before; see [`super::Input::Heard`].
    #[must_use]
    pub fn keys_of(&self, heard: &model::Heard) -> Vec<[u8; 16]> {
        self.watchdogs.keys_of(heard)
    }

    /// All jobs as they stand, by name.
    #[must_use]
    pub fn jobs(&self, now: Moment) -> Vec<JobSeen> {
        self.watchdogs.all_seen(now)
    }

    /// The job called `name`, with its open problem.
    #[must_use]
    pub fn job(&self, name: &str, now: Moment) -> Option<(JobSeen, Option<ProblemId>)> {
        Some((self.watchdogs.seen(name, now)?, self.by_job.get(name).copied()))
    }

    /// The open problem of the job called `name`.
    #[must_use]
    pub fn problem_of_job(&self, name: &str) -> Option<ProblemId> {
        self.by_job.get(name).copied()
    }

    /// Names of the policy and the contract that a job follows.
    #[must_use]
    pub fn rules_of_job(&self, job: &Job) -> (Option<Arc<str>>, Option<Arc<str>>) {
        let duty = &self.rules.duty;
        let policy = job.policy.and_then(|it| duty.policies.get(it as usize));
        let contract = job.contract.and_then(|it| duty.contracts.get(it as usize));
        (policy.map(|it| Arc::clone(&it.name)), contract.map(|it| Arc::clone(&it.name)))
    }

    /// Runs that are expected within this time, by time; of each job at most `limit`.
    #[must_use]
    pub fn runs_to_come(&self, within: Span, limit: usize) -> Vec<RunToCome> {
        self.watchdogs.to_come(within, limit)
    }

    fn job_is_bad(
        &mut self,
        name: &Arc<str>,
        standing: Standing,
        text: String,
        notes: Vec<String>,
    ) {
        let Some(job) = self.watchdogs.job(name).cloned() else { return };
        let status = status_of(standing);
        let severity = Severity::of(status).unwrap_or(Severity::Warning);
        let text: Arc<str> = Arc::from(text);
        let passage = Passage { at: self.pen.now, status, hard: true, text: Arc::clone(&text) };
        if let Some(id) = self.by_job.get(name).copied() {
            let Some(problem) = self.problems.get_mut(&id) else { return };
            let news = (problem.status, &problem.text) != (status, &text);
            problem.occurrences += 1;
            problem.notes = notes;
            self.touched.insert(id);
            if news {
                (problem.status, problem.text) = (status, text);
                push_passage(problem, passage);
                self.changed_status(id);
            }
            self.join_outage(name);
            if news {
                self.look_after(id);
            }
            return;
        }
        let mut problem = self.blank(About::Job(Arc::clone(name)), status, severity);
        let duty = &self.rules.duty;
        let customer = duty.customers.get(job.customer as usize);
        problem.customer = customer.map(|it| Arc::clone(&it.name)).unwrap_or_default();
        problem.labels =
            job.labels.iter().map(|it| (Arc::clone(&it.0), Arc::clone(&it.1))).collect();
        problem.text = text;
        problem.notes = notes;
        problem.timeline.push(passage);
        problem.last_good = self.watchdogs.memory(name).and_then(|it| it.last_ok);
        let policy = job.policy.and_then(|it| duty.policies.get(it as usize));
        problem.policy = policy.map(|it| Arc::clone(&it.name));
        if let Some(id) = self.open(problem) {
            self.by_job.insert(Arc::clone(name), id);
            self.join_outage(name);
            self.tell_new(id);
        }
    }

    fn job_is_over(&mut self, name: &Arc<str>, ending: Ending) {
        if let Some(id) = self.by_job.remove(name) {
            self.end(id, ending);
        }
        self.leave_outage(name);
    }

    /// What people ask of jobs and reports.
    pub(super) fn about_jobs(&mut self, request: &Request) -> Reply {
        let name = match &request.command {
            Command::Claim { job, .. }
            | Command::Tick { job, .. }
            | Command::PauseJob { job, .. }
            | Command::ResumeJob { job }
            | Command::AcceptSchedule { job, .. } => job,
            Command::Drop { report } => return self.drop_report(request, *report),
            _ => return Reply::Refused(Refusal::Unknown),
        };
        let Some(job) = self.watchdogs.job(name).cloned() else {
            return Reply::Refused(Refusal::Unknown);
        };
        let customer = Arc::from(label_of(&job, &self.rules, "customer"));
        if !request.by.may_see(&customer) {
            return Reply::Refused(Refusal::Unknown);
        }
        match self.obey_about_job(request, &job) {
            ControlFlow::Continue(kind) => {
                let text = match &request.command {
                    Command::Tick { text, .. } | Command::PauseJob { text, .. } => text.clone(),
                    Command::AcceptSchedule { schedule, .. } => schedule.to_string(),
                    _ => String::new(),
                };
                let by = &request.by.name;
                let name = job.name.to_string();
                self.pen.event(Note { kind, customer: &customer, by, name, subject: 0, text });
                self.take_findings();
                let version = self.watchdogs.memory(&job.name).map_or(0, |it| it.version);
                Reply::Done { id: job.name.to_string(), version }
            }
            ControlFlow::Break(refusal) => Reply::Refused(refusal),
        }
    }

    fn obey_about_job(
        &mut self,
        request: &Request,
        job: &Arc<Job>,
    ) -> ControlFlow<Refusal, EventKind> {
        let by = &request.by.name;
        let Self { watchdogs, windows, rules, pen, .. } = self;
        let world = Maintenance { windows, rules };
        match &request.command {
            Command::Claim { report, .. } => {
                // What nobody has claimed belongs to nobody: it is ours to give.
                let known =
                    request.by.customers.is_none() && watchdogs.unclaimed(*report).is_some();
                if !known || !watchdogs.claim(*report, &job.name, by, &world, pen) {
                    return ControlFlow::Break(Refusal::Unknown);
                }
                ControlFlow::Continue(EventKind::ReportClaimed)
            }
            Command::Tick { text, .. } => {
                short_enough(text)?;
                if job.kind != JobKind::Person {
                    return conflict("no person reports for it, but a machine");
                }
                let number = pen.id();
                watchdogs.hear(tick(job, pen.now, by, text, number), false, &world, pen);
                ControlFlow::Continue(EventKind::JobTicked)
            }
            Command::PauseJob { until, text, .. } => {
                short_enough(text)?;
                if text.trim().is_empty() {
                    return invalid("a reason is needed: `text` is empty");
                }
                let far = |it: Moment| it <= pen.now || it > pen.now.after(PAUSE_MAX);
                if until.is_some_and(far) {
                    return invalid("`until` must lie ahead, and not more than 400 days");
                }
                let (by, at) = (Arc::clone(by), pen.now);
                let pause = Pause { by, at, until: *until, text: text.clone() };
                watchdogs.pause(&job.name, Some(pause), &world, pen);
                ControlFlow::Continue(EventKind::JobPaused)
            }
            Command::ResumeJob { .. } => {
                if !watchdogs.pause(&job.name, None, &world, pen) {
                    return conflict("it is not paused");
                }
                ControlFlow::Continue(EventKind::JobResumed)
            }
            Command::AcceptSchedule { schedule, .. } => {
                // The driver has read it; here it is only kept.
                if schedule.len() > SCHEDULE_BYTES_MAX {
                    return invalid("the schedule is too long");
                }
                if !job.learns {
                    return conflict("it has no `expect: learn`: what its file says holds");
                }
                watchdogs.accept_schedule(&job.name, schedule, pen);
                self.effects.push(Effect::TurnCalendar);
                ControlFlow::Continue(EventKind::ScheduleAccepted)
            }
            _ => ControlFlow::Break(Refusal::Unknown),
        }
    }

    fn drop_report(&mut self, request: &Request, report: ReportId) -> Reply {
        if request.by.customers.is_some() || !self.watchdogs.put_away(report, &mut self.pen) {
            return Reply::Refused(Refusal::Unknown);
        }
        let (kind, name) = (EventKind::ReportDropped, format!("report {report}"));
        let (by, subject) = (&request.by.name, report.0);
        let customer = Arc::from("");
        self.pen.event(Note { kind, customer: &customer, by, name, subject, text: String::new() });
        Reply::Done { id: report.to_string(), version: 2 }
    }
}

fn status_of(standing: Standing) -> Status {
    match standing {
        Standing::Partial | Standing::Warning => Status::Warning,
        Standing::Unclassified => Status::Unknown,
        _ => Status::Critical,
    }
}

fn push_passage(problem: &mut Problem, passage: Passage) {
    problem.timeline.push(passage);
    let surplus = problem.timeline.len().saturating_sub(PASSAGES_MAX);
    problem.timeline.drain(..surplus);
}

fn short_enough(text: &str) -> ControlFlow<Refusal> {
    match text.len() <= TEXT_BYTES_MAX {
        true => ControlFlow::Continue(()),
        false => invalid(&format!("`text` is longer than {TEXT_BYTES_MAX} bytes")),
    }
}

fn invalid<T>(why: &str) -> ControlFlow<Refusal, T> {
    ControlFlow::Break(Refusal::Invalid { why: why.to_owned() })
}

fn conflict<T>(why: &str) -> ControlFlow<Refusal, T> {
    ControlFlow::Break(Refusal::Conflict { why: why.to_owned() })
}
