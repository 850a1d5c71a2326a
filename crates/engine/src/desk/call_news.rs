//! Messages about calls: to whoever has it, or to whoever should know that nobody has; what we write
//! to the customer; and the ticket that a service desk outside keeps of it.
//!
//! Like an alert, every message has its decision: who is told, and why.

use std::sync::Arc;

use model::{
    About, AlertKey, AlertKind, Call, CallId, Channel, Content, EventKind, Gate, Policy, Problem,
    ProblemId, Route, Status, VerdictOfDesk,
};

use super::{
    Desk, Effect,
    cases::{CallNote, CaseNews, Opener, Promise},
    deliveries::Errand,
    gates::Chain,
    problems::policy_of,
    who::{self, EVERYBODY, Reachable},
};

/// Kind of the channels that make tickets. A call has a ticket of its own by its contract; the
/// tickets of a ladder are about problems.
const TICKETS: &str = "ticket";

impl Desk {
    /// Something about a call that people may have to be told.
    pub(super) fn tell_of_call(&mut self, news: &CaseNews) {
        let (id, trigger, what) = match news {
            CaseNews::Opened(_, Opener::Dispatcher) => return,
            CaseNews::Written(id, by, text) => return self.write_to_customer(*id, by, text),
            CaseNews::Opened(id, Opener::Policy) => {
                (*id, "call opened", "opened by the policy, nobody has it".to_owned())
            }
            CaseNews::Opened(id, Opener::Person(by)) => {
                (*id, "call opened", format!("opened by {by}, nobody has it"))
            }
            CaseNews::Resumed(id) => (*id, "call resumed", "goes on".to_owned()),
            CaseNews::Assigned(id, _) => (*id, "call assigned", "assigned to you".to_owned()),
            CaseNews::SlaWarned(id, which, percent) => {
                let what = format!("{percent} % of the time {} is spent", promise(*which));
                (*id, "promise in danger", what)
            }
            CaseNews::SlaBreached(id, which) => {
                (*id, "promise broken", format!("the time {} is over", promise(*which)))
            }
            CaseNews::Ready(id) => (*id, "call ready", "may be closed".to_owned()),
        };
        let Some(call) = self.cases.call(id).cloned() else { return };
        let person = match news {
            CaseNews::Assigned(_, person) => Some(Arc::clone(person)),
            _ => call.assignee.clone(),
        };
        let opener = match news {
            CaseNews::Opened(_, Opener::Person(by)) => Some(&**by),
            _ => None,
        };
        let mut chain = Chain::default();
        chain.open("call", format!("{id} is {}: {what}", call.state.word()), None);
        let routes = self.audience(&call, person.as_deref(), opener, &mut chain);
        let content = self.content_of_call(&call, &what);
        let mut alerts = Vec::new();
        for it in routes {
            let (contact, channel) = (&it.route.contact, &it.route.channel);
            match it.quiet_until {
                Some(until) => {
                    let text = format!("{contact} wants quiet until {until}; told then");
                    chain.open("quiet", text, None);
                }
                None => chain.open("who", format!("{contact} by {channel}"), None),
            }
            let errand = Errand {
                kind: AlertKind::Call,
                content: content.clone(),
                about: Some(id.0),
                not_before: it.quiet_until,
                is_first: false,
            };
            alerts.extend(self.owe_errand(it.route, errand));
        }
        if alerts.is_empty() {
            chain.close("who", "nobody can be reached", None, None);
        }
        self.decide_about_call(&call, trigger, chain, alerts);
    }

    fn decide_about_call(
        &mut self,
        call: &Call,
        trigger: &str,
        chain: Chain,
        alerts: Vec<AlertKey>,
    ) {
        let verdict = match alerts.is_empty() {
            true => VerdictOfDesk::Nobody { reason: Arc::from("who"), until: None },
            false => VerdictOfDesk::Told { alerts },
        };
        let problem = call.problems.last().copied().unwrap_or(ProblemId(0));
        let name = call.about.as_ref().map_or_else(|| format!("call {}", call.id), About::name);
        self.pen.decide(problem, &name, &call.customer, trigger, chain.gates, verdict);
    }

    /// Who hears of a call: whoever has it; else those who were told of its problem; else those
    /// whom the policy would tell now. Not `opener`, who knows.
    fn audience(
        &self,
        call: &Call,
        person: Option<&str>,
        opener: Option<&str>,
        chain: &mut Chain,
    ) -> Vec<Reachable> {
        if let Some(name) = person {
            let now = self.pen.now;
            if let Some(it) = who::to_person(name, call.severity, &self.rules, now) {
                chain.open("assignee", format!("{name} has it"), None);
                return vec![it];
            }
            chain.open("assignee", format!("{name} has it, and no channel reaches them"), None);
        }
        let problem = self.newest_problem_of(call);
        let told = problem.map(|it| self.told_of(it, call)).unwrap_or_default();
        let told = without(told, opener);
        if !told.is_empty() {
            chain.open("told", "nobody has it: those who know of its problem", None);
            return told;
        }
        let policies = [self.policy_of_call(call, problem), self.own_policy()];
        for policy in policies.into_iter().flatten() {
            let found = self.by_policy(policy, (call, problem), opener, chain);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    fn newest_problem_of(&self, call: &Call) -> Option<&Problem> {
        let found = |it: &ProblemId| self.problems.get(it).or_else(|| self.ended.get(it));
        call.problems.iter().rev().find_map(found)
    }

    /// Those who were told that there is a problem; whoever was only asked was not.
    fn told_of(&self, problem: &Problem, call: &Call) -> Vec<Reachable> {
        let told = problem.told.iter().filter(|it| it.1.reached || it.1.status.is_some());
        let told = told.filter(|it| self.channel(&it.0.channel).is_some_and(makes_no_tickets));
        let now = self.pen.now;
        told.map(|(route, _)| Reachable {
            route: route.clone(),
            quiet_until: who::quiet_until(route, call.severity, &self.rules, now),
        })
        .collect()
    }

    /// The policy of its problem, of what it is about, or of the customer's contract.
    fn policy_of_call<'a>(
        &'a self,
        call: &Call,
        problem: Option<&'a Problem>,
    ) -> Option<&'a Policy> {
        let duty = &self.rules.duty;
        if let Some(policy) = problem.and_then(|it| policy_of(it, &self.rules)) {
            return Some(policy);
        }
        if let Some(About::Checkable(name)) = &call.about
            && let Some(place) = self.directory.by_name(name).and_then(|it| it.subject.policy)
        {
            return duty.policies.get(place as usize);
        }
        let at = duty.customers.binary_search_by(|it| it.name.cmp(&call.customer)).ok()?;
        let contract = duty.contracts.get(duty.customers[at].contract? as usize)?;
        duty.policies.get(contract.policy? as usize)
    }

    fn own_policy(&self) -> Option<&Policy> {
        self.rules.duty.policies.get(self.rules.duty.own_policy? as usize)
    }

    /// Those of the first step that reaches anybody; at night the duty lead alone, unless it is
    /// known to block the customer.
    fn by_policy(
        &self,
        policy: &Policy,
        (call, problem): (&Call, Option<&Problem>),
        opener: Option<&str>,
        chain: &mut Chain,
    ) -> Vec<Reachable> {
        let now = self.pen.now;
        let overrides: Vec<_> = self.overrides.values().collect();
        let reach = |to: &[model::Target], via: &[u32]| {
            let mut it = who::reach(to, via, call.severity, &self.rules, &overrides, now);
            it.routes.retain(|it| self.channel(&it.route.channel).is_some_and(makes_no_tickets));
            it.routes = without(it.routes, opener);
            it
        };
        chain.open("policy", &*policy.name, Some(&policy.at));
        let blocks = call.blocking_since.is_some()
            || problem.is_some_and(|it| it.ladder.gate == Gate::Blocking);
        let hours = |place: u32| self.rules.times.hours.get(place as usize);
        if let Some(gate) = policy.gate.as_ref().filter(|_| !blocks)
            && hours(gate.hours).is_some_and(|it| !it.is_open(now))
        {
            let reached = reach(&[gate.lead], &gate.via);
            let text = format!("nobody has said that it is: {}", reached.text);
            chain.open("blocking", text, Some(&gate.at));
            return reached.routes;
        }
        let closed = policy.hours.and_then(hours).filter(|it| !it.is_open(now));
        let opens = closed.and_then(|it| it.next_open(now));
        for step in policy.steps.iter().filter(|it| call.severity >= it.at_least) {
            let mut reached = reach(&step.to, &step.via);
            if reached.routes.is_empty() {
                continue;
            }
            chain.open("step", format!("of {}: {}", policy.name, reached.text), Some(&step.at));
            if let Some(opens) = opens {
                chain.open("hours", format!("told when they open, {opens}"), Some(&policy.at));
                for it in &mut reached.routes {
                    it.quiet_until = it.quiet_until.max(Some(opens));
                }
            }
            return reached.routes;
        }
        Vec::new()
    }

    fn content_of_call(&self, call: &Call, what: &str) -> Content {
        let mut content = self.bare_content(Status::Critical, call.severity);
        content.about.clone_from(&call.about);
        content.customer = Arc::clone(&call.customer);
        content.since = call.opened_at;
        content.title = format!("call {} ({}): {what}", call.id, call.title);
        content
    }

    /// A message of a call leaves for the customer: a mail to each of the contacts.
    fn write_to_customer(&mut self, id: CallId, by: &Arc<str>, text: &str) {
        let Some(call) = self.cases.call(id).cloned() else { return };
        let reached = who::to_customer(&call.customer, &self.rules);
        let mut content = self.content_of_call(&call, "");
        content.about = None;
        content.title = format!("[call {id}] {}", call.title);
        content.text = Arc::from(text);
        content.by = Arc::clone(by);
        let mut chain = Chain::default();
        chain.open("message", format!("{by} writes to the customer"), None);
        let mut alerts = Vec::new();
        for it in reached.routes {
            let (contact, channel) = (&it.route.contact, &it.route.channel);
            chain.open("who", format!("{contact} by {channel}"), None);
            let errand = Errand {
                kind: AlertKind::Message,
                content: content.clone(),
                about: Some(id.0),
                not_before: None,
                is_first: false,
            };
            alerts.extend(self.owe_errand(it.route, errand));
        }
        if alerts.is_empty() {
            chain.close("who", reached.text, None, None);
        }
        self.decide_about_call(&call, "message to the customer", chain, alerts);
    }

    /// What happened to a call goes to the service desk outside that its contract names: the first
    /// word makes a ticket, the others are comments, and the end closes it.
    pub(super) fn mirror_outside(&mut self, note: &CallNote) {
        let Some(call) = self.cases.call(note.call) else { return };
        let duty = &self.rules.duty;
        let Some(name) = &call.contract else { return };
        let at = duty.contracts.binary_search_by(|it| it.name.cmp(name));
        let Some(contract) = at.ok().map(|at| &duty.contracts[at]) else { return };
        let channel = contract.tickets.and_then(|it| duty.channels.get(it as usize));
        let Some(channel) = channel else { return };
        let (call, rule) = (call.clone(), Arc::clone(&contract.at));
        let route = Route { channel: Arc::clone(&channel.name), contact: Arc::from(EVERYBODY) };
        let what = what_happened(note.kind);
        let mut content = self.content_of_call(&call, what);
        content.text = Arc::from(&*note.text);
        content.by = Arc::clone(&note.by);
        if note.kind == EventKind::CallClosed {
            content.ended_at = call.closed_at;
        }
        let mut chain = Chain::default();
        chain.open("call", format!("{} is {}: {what}", call.id, call.state.word()), None);
        let text = format!("contract {name} keeps its calls at {}", route.channel);
        chain.open("tickets", text, Some(&rule));
        let errand = Errand {
            kind: AlertKind::Call,
            content,
            about: Some(call.id.0),
            not_before: None,
            is_first: note.kind == EventKind::CallOpened,
        };
        let alerts = self.owe_errand(route, errand).into_iter().collect();
        self.decide_about_call(&call, note.kind.word(), chain, alerts);
    }

    /// Has shards tell every result of those whose results a call waits for. `anew`: those who are
    /// watched may be others than before.
    pub(super) fn watch_awaited(&mut self, anew: bool) {
        let names = match (self.cases.awaited(), anew) {
            (Some(names), _) => names,
            (None, true) => self.cases.awaited_now(),
            (None, false) => return,
        };
        let awaited = names.iter().filter_map(|it| self.directory.id_of(it)).collect();
        let before = std::mem::replace(&mut self.awaited, awaited);
        let order =
            |checkable, watching| Effect::Order(model::ToShard::Watch { checkable, watching });
        let begun = self.awaited.difference(&before).map(|it| order(*it, true));
        let ended = before.difference(&self.awaited).map(|it| order(*it, false));
        self.effects.extend(begun.chain(ended));
    }
}

fn makes_no_tickets(channel: &Channel) -> bool {
    *channel.kind != *TICKETS
}

fn without(mut routes: Vec<Reachable>, person: Option<&str>) -> Vec<Reachable> {
    routes.retain(|it| Some(&*it.route.contact) != person);
    routes
}

fn promise(which: Promise) -> &'static str {
    match which {
        Promise::Respond => "to take charge",
        Promise::Resolve => "to close",
    }
}

/// An event of a call, in the words of a ticket.
fn what_happened(kind: EventKind) -> &'static str {
    match kind {
        EventKind::CallOpened => "opened",
        EventKind::CallAssigned => "assigned",
        EventKind::CallStarted => "in progress",
        EventKind::CallSuspended => "suspended",
        EventKind::CallResumed => "goes on",
        EventKind::CallReady => "ready to close",
        EventKind::CallNotReady => "not ready to close after all",
        EventKind::CallMessage => "message",
        EventKind::CallClosed => "closed",
        EventKind::CallBlocking => "blocks the customer",
        EventKind::SlaWarned => "a promise is in danger",
        EventKind::SlaBreached => "a promise is broken",
        EventKind::ProposedAgain => "came up again",
        other => other.word(),
    }
}
