//! Problems, and hosts and services.

use std::{collections::BTreeMap, sync::Arc};

use model::{Acknowledgement, Ending, Gate, Problem, Route, StateType, Told};

use super::{PassageForm, SeverityWord, StatusWord, ValueForm, at, text, texts};
use crate::api::{
    seams::CheckableView,
    shape::{At, Text, shape, words},
};

words! {
    /// How a problem ended.
    EndingWord(Ending) = [
        "recovered" => Ending::Recovered,
        "explained" => Ending::Explained,
        "removed" => Ending::Removed,
        "blind" => Ending::Blind,
    ]
}

shape! {
    /// A stretch of being believed bad, as lists show it.
    out ProblemLine {
        /// Its id.
        id: u64,
        /// Grows by one with every change; give it as `If-Match: "VERSION"`.
        version: u64,
        /// What it is about: `acme/web/http`, `site acme/hq`, `own uplink`.
        name: String,
        /// Whose; empty for our own.
        customer: String,
        /// Where the host stands.
        site: Option<String>,
        /// What is believed.
        status: StatusWord,
        /// How bad it is.
        severity: SeverityWord,
        /// Why, as the look said.
        text: String,
        /// Does it go up and down too often?
        flapping: bool,
        /// When it was believed.
        opened_at: At,
        /// When status or severity last changed.
        changed_at: At,
        /// When it was over; null while it is open.
        ended_at: Option<At>,
        /// How it ended.
        ending: Option<EndingWord>,
        /// How many others it explains.
        symptoms_count: u64,
        /// Who has seen it.
        acknowledged: Option<AcknowledgementForm>,
        /// Its proposal.
        proposal: Option<u64>,
        /// Its call.
        call: Option<u64>,
    }
}

shape! {
    /// Somebody has seen it.
    out AcknowledgementForm {
        /// Who.
        by: String,
        /// When.
        at: At,
        /// Why; may be empty.
        text: String,
        /// When it ends by itself.
        until: Option<At>,
        /// Does it outlive a change of severity?
        sticky: bool,
    }
}

shape! {
    /// A stretch of being believed bad, with all that is known of it.
    out ProblemForm {
        /// What lists show of it.
        problem: ProblemLine,
        /// All labels.
        labels: BTreeMap<Arc<str>, Arc<str>>,
        /// What it explains.
        symptoms: Vec<SymptomForm>,
        /// Who has been told what.
        told: Vec<ToldForm>,
        /// Its last steps, oldest first.
        timeline: Vec<PassageForm>,
        /// When all was last well before it.
        last_good: Option<At>,
        /// What was measured when it changed last.
        values: Vec<ValueForm>,
        /// How often it was believed anew.
        occurrences: u64,
        /// The policy that it follows.
        policy: Option<String>,
        /// Nothing is said before this moment: it may be a part of something larger.
        held_until: Option<At>,
        /// The next step of the ladder, counted from 0.
        next_step: u64,
        /// When something is decided next.
        due_at: Option<At>,
        /// What a duty lead said of it: `not-asked`, `asked`, `blocking`, `can-wait`.
        blocking: &'static str,
    }
}

shape! {
    /// Something that a problem explains.
    out SymptomForm {
        /// Full name.
        name: String,
        /// Since when.
        since: At,
    }
}

shape! {
    /// What a route has been told of a problem.
    out ToldForm {
        /// Name of the channel.
        channel: String,
        /// A person's id, or `*` for a place for all.
        contact: String,
        /// How many alerts were owed to it.
        alerts: u64,
        /// The last one's key.
        last: String,
        /// The status that it was told last; null if that is not known.
        status: Option<StatusWord>,
        /// Has one reached it, or may it have?
        reached: bool,
        /// Is it told that the problem is over?
        resolved: bool,
    }
}

impl From<&Acknowledgement> for AcknowledgementForm {
    fn from(it: &Acknowledgement) -> Self {
        Self {
            by: it.by.to_string(),
            at: At(it.at),
            text: it.text.clone(),
            until: at(it.until),
            sticky: it.sticky,
        }
    }
}

impl From<&Problem> for ProblemLine {
    fn from(it: &Problem) -> Self {
        Self {
            id: it.id.0,
            version: it.version,
            name: it.about.name(),
            customer: it.customer.to_string(),
            site: text(it.site.as_ref()),
            status: StatusWord(it.status),
            severity: SeverityWord(it.severity),
            text: it.text.to_string(),
            flapping: it.flapping,
            opened_at: At(it.opened_at),
            changed_at: At(it.changed_at),
            ended_at: at(it.ended_at),
            ending: it.ending.map(EndingWord),
            symptoms_count: it.symptoms.len() as u64,
            acknowledged: it.acknowledged.as_ref().map(AcknowledgementForm::from),
            proposal: it.proposal.map(|it| it.0),
            call: it.call.map(|it| it.0),
        }
    }
}

impl From<(&Route, &Told)> for ToldForm {
    fn from((route, told): (&Route, &Told)) -> Self {
        Self {
            channel: route.channel.to_string(),
            contact: route.contact.to_string(),
            alerts: u64::from(told.ordinal),
            last: told.last.to_string(),
            status: told.status.map(StatusWord),
            reached: told.reached,
            resolved: told.resolved,
        }
    }
}

impl From<&Problem> for ProblemForm {
    fn from(it: &Problem) -> Self {
        let symptom = |(name, since): (&Arc<str>, &model::Moment)| SymptomForm {
            name: name.to_string(),
            since: At(*since),
        };
        Self {
            problem: it.into(),
            labels: it.labels.clone(),
            symptoms: it.symptoms.iter().map(symptom).collect(),
            told: it.told.iter().map(ToldForm::from).collect(),
            timeline: it.timeline.iter().map(PassageForm::from).collect(),
            last_good: at(it.last_good),
            values: it.values.iter().map(ValueForm::from).collect(),
            occurrences: u64::from(it.occurrences),
            policy: text(it.policy.as_ref()),
            held_until: at(it.held_until),
            next_step: u64::from(it.ladder.next_step),
            due_at: at(it.ladder.due_at),
            blocking: match it.ladder.gate {
                Gate::NotAsked => "not-asked",
                Gate::Asked(_) => "asked",
                Gate::Blocking => "blocking",
                Gate::CanWait => "can-wait",
            },
        }
    }
}

shape! {
    /// I have seen it.
    in AcknowledgeForm {
        /// Why; may be left out.
        text: Option<Text>,
        /// When it ends by itself; left out: when the problem ends.
        until: Option<At>,
        /// Does it outlive a change of severity? Left out: no.
        sticky: Option<bool>,
    }
}

shape! {
    /// A note.
    in CommentForm {
        /// What.
        text: Text,
    }
}

shape! {
    /// A duty lead's answer.
    in BlockingForm {
        /// Does it block the customer?
        blocking: bool,
    }
}

shape! {
    /// Nothing needs to be said.
    in NothingForm {
    }
}

shape! {
    /// What is known of a host or service.
    out CheckableForm {
        /// Full name.
        name: String,
        /// Whose.
        customer: String,
        /// All labels.
        labels: BTreeMap<Arc<str>, Arc<str>>,
        /// What is believed; null if nothing is yet.
        belief: Option<BeliefForm>,
        /// Its open problem.
        problem: Option<u64>,
        /// The policy it follows.
        policy: Option<String>,
        /// The contract it stands under.
        contract: Option<String>,
    }
}

shape! {
    /// What is believed of a host or service.
    out BeliefForm {
        /// What is believed, or about to be.
        status: StatusWord,
        /// Believed already?
        hard: bool,
        /// Which bad result in a row.
        attempt: u8,
        /// Does it flap?
        flapping: bool,
        /// When the status last changed.
        since: At,
        /// Why it is not well.
        cause: Option<String>,
    }
}

impl From<&CheckableView> for CheckableForm {
    fn from(it: &CheckableView) -> Self {
        let belief = it.belief.as_ref().filter(|it| it.known).map(|it| BeliefForm {
            status: StatusWord(it.now.status),
            hard: it.now.kind == StateType::Hard,
            attempt: it.now.attempt,
            flapping: it.flapping,
            since: At(it.since),
            cause: it.cause.as_ref().map(ToString::to_string),
        });
        Self {
            name: it.name.to_string(),
            customer: it.customer.to_string(),
            labels: it.labels.clone(),
            belief,
            problem: it.problem.map(|it| it.0),
            policy: texts(&it.policy).pop(),
            contract: texts(&it.contract).pop(),
        }
    }
}
