//! What a path can name, and whether somebody may see it.

use model::{
    Actor, Alert, AlertKey, Call, CallId, NoteId, Problem, ProblemId, Proposal, ProposalId, Report,
    ReportId, Silence,
};
use serde_json::{Value, json};

use crate::api::{
    Api,
    ask::id_of,
    fault::Fault,
    forms::{
        case::{CallForm, ProposalForm},
        duty::{SilenceForm, WindowForm, key_of},
        hearing::JobReportForm,
        problem::{CheckableForm, ProblemForm},
        told::AlertForm,
        watchdog::WatchdogForm,
    },
    seams::{CheckableView, WindowView},
    watching::JobView,
};

/// A kind of object that belongs to a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Problem,
    Proposal,
    Call,
    Silence,
    Window,
    Alert,
    Checkable,
    Watchdog,
    Report,
}

/// An object that belongs to a customer.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Problem(Box<Problem>),
    Proposal(Box<Proposal>),
    Call(Box<Call>),
    Silence(Box<Silence>),
    Window(Box<WindowView>),
    Alert(Box<Alert>),
    Checkable(Box<CheckableView>),
    Watchdog(Box<JobView>),
    Report(Box<Report>),
}

impl Object {
    /// The object of `kind` that `text` names, for the eyes of `actor`.
    pub(crate) async fn load(
        api: &Api,
        kind: Kind,
        text: &str,
        actor: &Actor,
    ) -> Result<Self, Fault> {
        let found = Self::find(api, kind, text).await?.ok_or_else(Fault::unknown)?;
        if found.is_for(actor) { Ok(found) } else { Err(Fault::foreign()) }
    }

    async fn find(api: &Api, kind: Kind, text: &str) -> Result<Option<Self>, Fault> {
        Ok(match kind {
            Kind::Problem => {
                let id = ProblemId(id_of(text)?);
                api.read(move |it| it.problem(id)).await?.map(|it| Self::Problem(Box::new(it)))
            }
            Kind::Proposal => {
                let id = ProposalId(id_of(text)?);
                api.read(move |it| it.proposal(id)).await?.map(|it| Self::Proposal(Box::new(it)))
            }
            Kind::Call => {
                let id = CallId(id_of(text)?);
                api.read(move |it| it.call(id)).await?.map(|it| Self::Call(Box::new(it)))
            }
            Kind::Silence => {
                let id = NoteId(id_of(text)?);
                api.read(move |it| it.silence(id)).await?.map(|it| Self::Silence(Box::new(it)))
            }
            Kind::Window => {
                let key = key_of(text).ok_or_else(Fault::unknown)?;
                api.read(move |it| it.window(&key)).await?.map(|it| Self::Window(Box::new(it)))
            }
            Kind::Alert => {
                let key = AlertKey::parse(text).ok_or_else(Fault::unknown)?;
                api.read(move |it| it.alert(key)).await?.map(|it| Self::Alert(Box::new(it)))
            }
            Kind::Checkable => {
                let name = text.to_owned();
                let found = api.read(move |it| it.checkable(&name)).await?;
                found.map(|it| Self::Checkable(Box::new(it)))
            }
            Kind::Watchdog => {
                let name = text.to_owned();
                let found = api.look(move |it| it.job(&name)).await?;
                found.map(|it| Self::Watchdog(Box::new(it)))
            }
            Kind::Report => {
                let id = ReportId(id_of(text)?);
                api.look(move |it| it.report(id)).await?.map(|it| Self::Report(Box::new(it)))
            }
        })
    }

    fn is_for(&self, actor: &Actor) -> bool {
        match self {
            Self::Problem(it) => actor.may_see(&it.customer),
            Self::Proposal(it) => actor.may_see(&it.customer),
            Self::Call(it) => actor.may_see(&it.customer),
            Self::Silence(it) => may_see_silence(actor, it),
            Self::Window(it) => actor.may_see(&it.occurrence.customer),
            Self::Alert(it) => actor.may_see(&it.content.customer),
            Self::Checkable(it) => actor.may_see(&it.customer),
            Self::Watchdog(it) => actor.may_see(&it.customer),
            Self::Report(it) => actor.may_see(&it.customer),
        }
    }

    /// As it is shown.
    pub(crate) fn form(&self) -> Value {
        match self {
            Self::Problem(it) => json!(ProblemForm::from(&**it)),
            Self::Proposal(it) => json!(ProposalForm::from(&**it)),
            Self::Call(it) => json!(CallForm::from(&**it)),
            Self::Silence(it) => json!(SilenceForm::from(&**it)),
            Self::Window(it) => json!(WindowForm::from(&**it)),
            Self::Alert(it) => json!(AlertForm::from(&**it)),
            Self::Checkable(it) => json!(CheckableForm::from(&**it)),
            Self::Watchdog(it) => json!(WatchdogForm::from(&**it)),
            Self::Report(it) => json!(JobReportForm::from(&**it)),
        }
    }

    pub(crate) fn version(&self) -> Option<u64> {
        match self {
            Self::Problem(it) => Some(it.version),
            Self::Proposal(it) => Some(it.version),
            Self::Call(it) => Some(it.version),
            Self::Silence(it) => Some(it.version),
            Self::Window(it) => Some(it.occurrence.version),
            Self::Watchdog(it) => it.memory.as_ref().map(|it| it.version),
            Self::Report(it) => Some(it.version),
            Self::Alert(_) | Self::Checkable(_) => None,
        }
    }
}

/// A silence for several customers is for the eyes of those who may see all of them.
pub(crate) fn may_see_silence(actor: &Actor, silence: &Silence) -> bool {
    match &silence.customers {
        None => actor.customers.is_none(),
        Some(customers) => customers.iter().all(|it| actor.may_see(it)),
    }
}
