//! Proposals and calls.

use model::{
    Call, CallState, Condition, DismissReason, HelpLevel, Message, MessageKind, Proposal,
    ProposalState, SlaClock, SlaStart, Wait,
};

use super::{PassageForm, SeverityWord, ValueForm, at, secs, text, texts};
use crate::api::{
    fault::Fault,
    shape::{At, Line, Text, shape, words},
};

words! {
    /// Why a proposal was not worth a call.
    DismissWord(DismissReason) = [
        "human-at-work" => DismissReason::HumanAtWork,
        "known" => DismissReason::Known,
        "false-alarm" => DismissReason::FalseAlarm,
        "maintenance" => DismissReason::Maintenance,
    ]
}

words! {
    /// What kind of help a call needs.
    LevelWord(HelpLevel) = [
        "help-desk" => HelpLevel::HelpDesk,
        "tele-assistance" => HelpLevel::TeleAssistance,
        "on-site" => HelpLevel::OnSite,
    ]
}

words! {
    /// From whom to whom a message goes.
    MessageWord(MessageKind) = [
        "from-customer" => MessageKind::FromCustomer,
        "to-customer" => MessageKind::ToCustomer,
        "internal" => MessageKind::Internal,
    ]
}

words! {
    /// From when on the clocks of a call run.
    StartWord(SlaStart) = [
        "detected" => SlaStart::Detected,
        "proposed" => SlaStart::Proposed,
        "opened" => SlaStart::Opened,
    ]
}

/// What a suspended call can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitKind {
    Process,
    Customer,
    Supplier,
}

words! {
    /// What a suspended call waits for.
    WaitWord(WaitKind) = [
        "process" => WaitKind::Process,
        "customer" => WaitKind::Customer,
        "supplier" => WaitKind::Supplier,
    ]
}

shape! {
    /// A call that the engine would open if a dispatcher agrees.
    out ProposalForm {
        /// Its id.
        id: u64,
        /// Grows by one with every change.
        version: u64,
        /// What it is about.
        name: String,
        /// Whose; empty for our own.
        customer: String,
        /// For people, one line.
        title: String,
        /// How bad it is.
        severity: SeverityWord,
        /// When the problem was believed.
        detected_at: At,
        /// When it was made.
        proposed_at: At,
        /// The problem behind it now.
        problem: u64,
        /// How often its cause has come up.
        occurrences: u64,
        /// What speaks for it.
        evidence: EvidenceForm,
        /// The help it seems to need.
        level: LevelWord,
        /// Who could give it, best first.
        candidates: Vec<CandidateForm>,
        /// Where the policy that made it was written.
        rule: Option<String>,
        /// Not shown again before this moment.
        snoozed_until: Option<At>,
        /// `open`, `accepted`, `merged`, `dismissed` or `withdrawn`.
        state: &'static str,
        /// The call that it became, or became a part of.
        call: Option<u64>,
        /// Why it was dismissed.
        reason: Option<DismissWord>,
        /// What was said then; may be empty.
        text: String,
        /// Who decided.
        decided_by: Option<String>,
        /// When that was.
        decided_at: Option<At>,
    }
}

shape! {
    /// What speaks for a proposal.
    out EvidenceForm {
        /// The last steps, oldest first.
        timeline: Vec<PassageForm>,
        /// What the problem explains; the first of them if there are very many.
        symptoms: Vec<String>,
        /// How many there are in all.
        symptoms_count: u64,
        /// When all was last well.
        last_good: Option<At>,
        /// The words of the last look.
        text: String,
        /// What was measured when it changed last.
        values: Vec<ValueForm>,
        /// Closed calls about the same, newest first.
        similar: Vec<u64>,
    }
}

shape! {
    /// Somebody who could take a call.
    out CandidateForm {
        /// A person's id.
        person: String,
        /// Why.
        reason: String,
    }
}

struct Ruling<'a> {
    state: &'static str,
    call: Option<u64>,
    reason: Option<DismissWord>,
    text: &'a str,
    by: Option<&'a str>,
    at: Option<At>,
}

fn ruling(state: &ProposalState) -> Ruling<'_> {
    let none = Ruling { state: "open", call: None, reason: None, text: "", by: None, at: None };
    match state {
        ProposalState::Open => none,
        ProposalState::Accepted { call, by, at } => {
            let (by, at) = (Some(&**by), Some(At(*at)));
            Ruling { state: "accepted", call: Some(call.0), by, at, ..none }
        }
        ProposalState::Merged { call, by, at } => {
            let (by, at) = (Some(&**by), Some(At(*at)));
            Ruling { state: "merged", call: Some(call.0), by, at, ..none }
        }
        ProposalState::Dismissed { reason, text, by, at } => {
            let (by, at) = (Some(&**by), Some(At(*at)));
            let reason = Some(DismissWord(*reason));
            Ruling { state: "dismissed", reason, text, by, at, ..none }
        }
        ProposalState::Withdrawn { at } => Ruling { state: "withdrawn", at: Some(At(*at)), ..none },
    }
}

impl From<&Proposal> for ProposalForm {
    fn from(it: &Proposal) -> Self {
        let ruling = ruling(&it.state);
        let evidence = EvidenceForm {
            timeline: it.evidence.timeline.iter().map(PassageForm::from).collect(),
            symptoms: texts(&it.evidence.symptoms),
            symptoms_count: u64::from(it.evidence.symptoms_count),
            last_good: at(it.evidence.last_good),
            text: it.evidence.text.to_string(),
            values: it.evidence.values.iter().map(ValueForm::from).collect(),
            similar: it.evidence.similar.iter().map(|it| it.0).collect(),
        };
        let candidate = |it: &model::Candidate| CandidateForm {
            person: it.person.to_string(),
            reason: it.reason.clone(),
        };
        Self {
            id: it.id.0,
            version: it.version,
            name: it.about.name(),
            customer: it.customer.to_string(),
            title: it.title.clone(),
            severity: SeverityWord(it.severity),
            detected_at: At(it.detected_at),
            proposed_at: At(it.proposed_at),
            problem: it.problem.0,
            occurrences: u64::from(it.occurrences),
            evidence,
            level: LevelWord(it.level),
            candidates: it.candidates.iter().map(candidate).collect(),
            rule: text(it.rule.as_ref()),
            snoozed_until: at(it.snoozed_until),
            state: ruling.state,
            call: ruling.call,
            reason: ruling.reason,
            text: ruling.text.to_owned(),
            decided_by: ruling.by.map(str::to_owned),
            decided_at: ruling.at,
        }
    }
}

shape! {
    /// A case with SLA clocks, as lists show it.
    out CallLine {
        /// Its id.
        id: u64,
        /// Grows by one with every change.
        version: u64,
        /// Whose.
        customer: String,
        /// What it is about; null for one that a person opened about something else.
        name: Option<String>,
        /// For people, one line.
        title: String,
        /// How bad it is.
        severity: SeverityWord,
        /// `open`, `assigned`, `in-progress`, `suspended` or `closed`.
        state: &'static str,
        /// What a suspended one waits for.
        waits_for: Option<WaitForm>,
        /// Who has it; a person's id.
        assignee: Option<String>,
        /// When it was opened.
        opened_at: At,
        /// When it was closed.
        closed_at: Option<At>,
        /// The cause is gone, or what it waited for has happened.
        ready_to_close: bool,
        /// It blocks the customer since.
        blocking_since: Option<At>,
        /// The clock that ends when somebody takes charge.
        respond: Option<ClockForm>,
        /// The clock that ends when it is closed.
        resolve: Option<ClockForm>,
    }
}

shape! {
    /// A case with SLA clocks, with all that is known of it.
    out CallForm {
        /// What lists show of it.
        call: CallLine,
        /// When the problem was believed.
        detected_at: At,
        /// When it was proposed.
        proposed_at: Option<At>,
        /// The proposals it grew from.
        proposals: Vec<u64>,
        /// The problems that belong to it.
        problems: Vec<u64>,
        /// A closed call that this one goes on with.
        refers_to: Option<u64>,
        /// Name of the contract.
        contract: Option<String>,
        /// From when its clocks run.
        starts: StartWord,
        /// Messages and notes, oldest first.
        messages: Vec<MessageForm>,
    }
}

shape! {
    /// What a suspended call waits for.
    out WaitForm {
        /// For what.
        r#for: WaitWord,
        /// Since when.
        since: At,
        /// When it goes on by itself.
        until: Option<At>,
        /// The supplier's own number for it; may be empty.
        reference: String,
        /// The host or service whose end of work is waited for.
        name: Option<String>,
        /// Its results must be fine for so long without a break, from the first one to come on.
        fine_for_secs: Option<u64>,
        /// Since when it has been.
        fine_since: Option<At>,
        /// So many runs of the watchdog `name` have to go well in a row.
        slots: Option<u32>,
        /// So many have.
        slots_kept: Option<u32>,
    }
}

shape! {
    /// One promise about a call, as a clock that runs in the contract's hours.
    out ClockForm {
        /// Time allowed.
        allowed_secs: u64,
        /// Time spent until `counted_until`.
        spent_secs: u64,
        /// Until when `spent_secs` is counted.
        counted_until: At,
        /// From when it runs.
        started_at: At,
        /// It stands still since.
        paused_since: Option<At>,
        /// What was promised has been done.
        met_at: Option<At>,
        /// When the allowed time runs out, if nothing changes.
        due_at: Option<At>,
        /// Warnings that have been given, in percent.
        warned: Vec<u8>,
        /// When the allowed time ran out.
        breached_at: Option<At>,
    }
}

shape! {
    /// A message or note in a call.
    out MessageForm {
        /// When.
        at: At,
        /// Who.
        by: String,
        /// From whom to whom.
        kind: MessageWord,
        /// What.
        text: String,
    }
}

impl From<&SlaClock> for ClockForm {
    fn from(it: &SlaClock) -> Self {
        Self {
            allowed_secs: secs(it.allowed),
            spent_secs: secs(it.spent),
            counted_until: At(it.counted_until),
            started_at: At(it.started_at),
            paused_since: at(it.paused_since),
            met_at: at(it.met_at),
            due_at: at(it.due_at),
            warned: it.warned.clone(),
            breached_at: at(it.breached_at),
        }
    }
}

impl From<&Message> for MessageForm {
    fn from(it: &Message) -> Self {
        let kind = MessageWord(it.kind);
        Self { at: At(it.at), by: it.by.to_string(), kind, text: it.text.clone() }
    }
}

fn wait_form(wait: &Wait, since: model::Moment) -> WaitForm {
    let bare = |kind| WaitForm {
        r#for: WaitWord(kind),
        since: At(since),
        until: None,
        reference: String::new(),
        name: None,
        fine_for_secs: None,
        fine_since: None,
        slots: None,
        slots_kept: None,
    };
    match wait {
        Wait::Process { until } => WaitForm {
            name: Some(until.name.to_string()),
            fine_for_secs: Some(secs(until.fine_for)),
            fine_since: at(until.fine_since),
            ..bare(WaitKind::Process)
        },
        Wait::Slots { job, wanted, kept } => WaitForm {
            name: Some(job.to_string()),
            slots: Some(*wanted),
            slots_kept: Some(*kept),
            ..bare(WaitKind::Process)
        },
        Wait::Customer { until } => WaitForm { until: at(*until), ..bare(WaitKind::Customer) },
        Wait::Supplier { reference, until } => {
            WaitForm { until: at(*until), reference: reference.clone(), ..bare(WaitKind::Supplier) }
        }
    }
}

impl From<&Call> for CallLine {
    fn from(it: &Call) -> Self {
        let waits_for = match &it.state {
            CallState::Suspended { wait, since } => Some(wait_form(wait, *since)),
            _ => None,
        };
        Self {
            id: it.id.0,
            version: it.version,
            customer: it.customer.to_string(),
            name: it.about.as_ref().map(model::About::name),
            title: it.title.clone(),
            severity: SeverityWord(it.severity),
            state: it.state.word(),
            waits_for,
            assignee: text(it.assignee.as_ref()),
            opened_at: At(it.opened_at),
            closed_at: at(it.closed_at),
            ready_to_close: it.ready_to_close,
            blocking_since: at(it.blocking_since),
            respond: it.respond.as_ref().map(ClockForm::from),
            resolve: it.resolve.as_ref().map(ClockForm::from),
        }
    }
}

impl From<&Call> for CallForm {
    fn from(it: &Call) -> Self {
        Self {
            call: it.into(),
            detected_at: At(it.detected_at),
            proposed_at: at(it.proposed_at),
            proposals: it.proposals.iter().map(|it| it.0).collect(),
            problems: it.problems.iter().map(|it| it.0).collect(),
            refers_to: it.refers_to.map(|it| it.0),
            contract: text(it.contract.as_ref()),
            starts: StartWord(it.starts),
            messages: it.messages.iter().map(MessageForm::from).collect(),
        }
    }
}

shape! {
    /// Makes a call of a proposal.
    in AcceptForm {
        /// Who is to do it, a person's id; left out: later.
        assignee: Option<Line>,
    }
}

shape! {
    /// Makes a proposal a part of a call that is there.
    in MergeForm {
        /// Into which call.
        call: u64,
    }
}

shape! {
    /// A proposal is not worth a call.
    in DismissForm {
        /// Why.
        reason: DismissWord,
        /// In words; may be left out.
        text: Option<Text>,
    }
}

shape! {
    /// Shows a proposal again later.
    in SnoozeForm {
        /// When.
        until: At,
    }
}

shape! {
    /// Opens a call without a proposal.
    in OpenForm {
        /// Whose.
        customer: Line,
        /// For people, one line.
        title: Line,
        /// How bad it is; left out: `warning`.
        severity: Option<SeverityWord>,
        /// A closed call that it goes on with.
        refers_to: Option<u64>,
    }
}

shape! {
    /// Gives a call to somebody.
    in AssignForm {
        /// A person's id.
        person: Line,
    }
}

shape! {
    /// Nothing can be done about a call for now.
    in SuspendForm {
        /// What it waits for.
        r#for: WaitWord,
        /// When it goes on by itself; not for a process.
        until: Option<At>,
        /// The supplier's own number for it; only for a supplier, and needed there.
        reference: Option<Line>,
        /// The host or service that has to be fine; only for a process, and needed there.
        name: Option<Line>,
        /// For how long without a break; only for a process. Left out: 0.
        fine_for_secs: Option<u32>,
        /// So many runs in a row have to go well; then `name` is a watchdog's.
        slots: Option<u32>,
    }
}

impl SuspendForm {
    pub(crate) fn wait(self) -> Result<Wait, Fault> {
        let kind = self.r#for.0;
        let only = |field: &str, given: bool, wanted: WaitKind| {
            let why = format!("only with `for`: `{}`", WaitWord(wanted).word());
            if given && kind != wanted { Err(Fault::invalid(field, why)) } else { Ok(()) }
        };
        only("name", self.name.is_some(), WaitKind::Process)?;
        only("fine_for_secs", self.fine_for_secs.is_some(), WaitKind::Process)?;
        only("slots", self.slots.is_some(), WaitKind::Process)?;
        only("reference", self.reference.is_some(), WaitKind::Supplier)?;
        let until = self.until.map(|it| it.0);
        match kind {
            WaitKind::Process if until.is_some() => {
                Err(Fault::invalid("until", "a process ends when `name` is fine, not at a time"))
            }
            WaitKind::Process if self.slots.is_some() && self.fine_for_secs.is_some() => {
                Err(Fault::invalid("slots", "either `slots` of a watchdog or `fine_for_secs`"))
            }
            WaitKind::Process if self.slots.is_some() => {
                let job = self.name.ok_or_else(|| {
                    Fault::invalid("name", "missing; say which watchdog has to go well")
                })?;
                let wanted = self.slots.unwrap_or(1);
                Ok(Wait::Slots { job: job.0.into(), wanted, kept: 0 })
            }
            WaitKind::Process => {
                let name = self.name.ok_or_else(|| {
                    Fault::invalid("name", "missing; say which host or service has to be fine")
                })?;
                let fine_for =
                    std::time::Duration::from_secs(self.fine_for_secs.unwrap_or(0).into());
                let until = Condition { name: name.0.into(), fine_for, fine_since: None };
                Ok(Wait::Process { until })
            }
            WaitKind::Customer => Ok(Wait::Customer { until }),
            WaitKind::Supplier => {
                let reference = self.reference.map(|it| it.0).ok_or_else(|| {
                    Fault::invalid("reference", "missing; give the supplier's own number for it")
                })?;
                Ok(Wait::Supplier { reference, until })
            }
        }
    }
}

shape! {
    /// What was done.
    in CloseForm {
        /// In words; may be left out.
        text: Option<Text>,
    }
}

shape! {
    /// A message or note in a call.
    in SayForm {
        /// From whom to whom; left out: `internal`.
        kind: Option<MessageWord>,
        /// What.
        text: Text,
    }
}
