//! What is asked of the desk, from the path and the body of a request.

use model::{AlertKey, CallId, Command, NoteId, ProblemId, ProposalId, Severity};

use crate::api::{
    ask::{Answer, Ask},
    door::done,
    fault::Fault,
    forms::{
        case::{
            AcceptForm, AssignForm, CloseForm, DismissForm, MergeForm, OpenForm, SayForm,
            SnoozeForm, SuspendForm,
        },
        duty::{
            EndForm, ExtendForm, NewTokenForm, OverrideRequest, SilenceRequest, TokenRequest,
            WindowRequest, key_of,
        },
        problem::{AcknowledgeForm, BlockingForm, CommentForm, NothingForm},
        told::TestForm,
    },
    shape::{At, Text},
    token,
};

type Made = Result<Command, Fault>;

fn words(text: Option<Text>) -> String {
    text.map(|it| it.0).unwrap_or_default()
}

fn problem(ask: &Ask) -> Result<ProblemId, Fault> {
    ask.id().map(ProblemId)
}

fn proposal(ask: &Ask) -> Result<ProposalId, Fault> {
    ask.id().map(ProposalId)
}

fn call(ask: &Ask) -> Result<CallId, Fault> {
    ask.id().map(CallId)
}

/// Something that is to end must end later.
fn later(ask: &Ask, until: Option<At>) -> Result<Option<model::Moment>, Fault> {
    match until {
        Some(until) if until <= ask.now() => Err(Fault::invalid("until", "is in the past")),
        until => Ok(until.map(|it| it.0)),
    }
}

pub(crate) fn acknowledge(ask: &Ask) -> Made {
    let AcknowledgeForm { text, until, sticky } = ask.form()?;
    let (text, until) = (words(text), later(ask, until)?);
    let sticky = sticky.unwrap_or(false);
    Ok(Command::Acknowledge { problem: problem(ask)?, text, until, sticky })
}

pub(crate) fn unacknowledge(ask: &Ask) -> Made {
    let NothingForm {} = ask.form()?;
    Ok(Command::Unacknowledge { problem: problem(ask)? })
}

pub(crate) fn comment(ask: &Ask) -> Made {
    let CommentForm { text } = ask.form()?;
    if text.0.trim().is_empty() {
        return Err(Fault::invalid("text", "is empty"));
    }
    Ok(Command::Comment { problem: problem(ask)?, text: text.0 })
}

pub(crate) fn blocking(ask: &Ask) -> Made {
    let BlockingForm { blocking } = ask.form()?;
    Ok(Command::JudgeBlocking { problem: problem(ask)?, blocking })
}

pub(crate) fn accept(ask: &Ask) -> Made {
    let AcceptForm { assignee } = ask.form()?;
    let assignee = assignee.map(|it| it.0.into());
    Ok(Command::Accept { proposal: proposal(ask)?, assignee })
}

pub(crate) fn merge(ask: &Ask) -> Made {
    let MergeForm { call } = ask.form()?;
    Ok(Command::Merge { proposal: proposal(ask)?, call: CallId(call) })
}

pub(crate) fn dismiss(ask: &Ask) -> Made {
    let DismissForm { reason, text } = ask.form()?;
    Ok(Command::Dismiss { proposal: proposal(ask)?, reason: reason.0, text: words(text) })
}

pub(crate) fn snooze(ask: &Ask) -> Made {
    let SnoozeForm { until } = ask.form()?;
    let until = later(ask, Some(until))?.unwrap_or(until.0);
    Ok(Command::Snooze { proposal: proposal(ask)?, until })
}

pub(crate) fn open(ask: &Ask) -> Made {
    let OpenForm { customer, title, severity, refers_to } = ask.form()?;
    Ok(Command::OpenCall {
        customer: customer.0.into(),
        title: title.0,
        severity: severity.map_or(Severity::Warning, |it| it.0),
        refers_to: refers_to.map(CallId),
    })
}

pub(crate) fn assign(ask: &Ask) -> Made {
    let AssignForm { person } = ask.form()?;
    Ok(Command::Assign { call: call(ask)?, person: person.0.into() })
}

pub(crate) fn start(ask: &Ask) -> Made {
    let NothingForm {} = ask.form()?;
    Ok(Command::Start { call: call(ask)? })
}

pub(crate) fn suspend(ask: &Ask) -> Made {
    let form: SuspendForm = ask.form()?;
    later(ask, form.until)?;
    Ok(Command::Suspend { call: call(ask)?, wait: form.wait()? })
}

pub(crate) fn resume(ask: &Ask) -> Made {
    let NothingForm {} = ask.form()?;
    Ok(Command::Resume { call: call(ask)? })
}

pub(crate) fn close(ask: &Ask) -> Made {
    let CloseForm { text } = ask.form()?;
    Ok(Command::Close { call: call(ask)?, text: words(text) })
}

pub(crate) fn say(ask: &Ask) -> Made {
    let SayForm { kind, text } = ask.form()?;
    if text.0.trim().is_empty() {
        return Err(Fault::invalid("text", "is empty"));
    }
    let kind = kind.map_or(model::MessageKind::Internal, |it| it.0);
    Ok(Command::Say { call: call(ask)?, kind, text: text.0 })
}

pub(crate) fn block(ask: &Ask) -> Made {
    let NothingForm {} = ask.form()?;
    Ok(Command::Block { call: call(ask)? })
}

pub(crate) fn silence(ask: &Ask) -> Made {
    ask.form::<SilenceRequest>()?.command(ask.now())
}

pub(crate) fn unsilence(ask: &Ask) -> Made {
    Ok(Command::Unsilence { silence: NoteId(ask.id()?) })
}

/// A token for some customers cannot plan for all; one for a single customer plans for that.
pub(crate) fn plan_window(ask: &Ask) -> Made {
    let form: WindowRequest = ask.form()?;
    let only = ask.actor.customers.as_deref().and_then(|it| match it {
        [only] => Some(&**only),
        _ => None,
    });
    if form.customer.is_none() && only.is_none() && ask.actor.customers.is_some() {
        return Err(Fault::invalid("customer", "missing; the token is for some customers only"));
    }
    form.command(ask.now(), only)
}

pub(crate) fn extend_window(ask: &Ask) -> Made {
    let ExtendForm { until, text } = ask.form()?;
    let occurrence = key_of(ask.named()).ok_or_else(Fault::unknown)?;
    let until = later(ask, Some(until))?.unwrap_or(until.0);
    Ok(Command::ExtendWindow { occurrence, until, text: text.0 })
}

pub(crate) fn end_window(ask: &Ask) -> Made {
    let EndForm { text } = ask.form()?;
    let occurrence = key_of(ask.named()).ok_or_else(Fault::unknown)?;
    Ok(Command::EndWindow { occurrence, text: text.0 })
}

pub(crate) fn put_override(ask: &Ask) -> Made {
    ask.form::<OverrideRequest>()?.command(ask.now())
}

pub(crate) fn end_override(ask: &Ask) -> Made {
    Ok(Command::EndOverride { id: NoteId(ask.id()?) })
}

pub(crate) fn redeliver(ask: &Ask) -> Made {
    let NothingForm {} = ask.form()?;
    let alert = AlertKey::parse(ask.named()).ok_or_else(Fault::unknown)?;
    Ok(Command::Redeliver { alert })
}

pub(crate) fn test_channel(ask: &Ask) -> Made {
    let TestForm { person } = ask.form()?;
    let person = person.map(|it| it.0.into());
    Ok(Command::TestChannel { channel: ask.named().into(), person })
}

pub(crate) fn revoke_token(ask: &Ask) -> Made {
    Ok(Command::RevokeToken { id: NoteId(ask.id()?) })
}

/// The secret goes to whoever asks and nowhere else, so a repeat cannot be answered as before.
pub(crate) async fn create_token(ask: Ask) -> Result<Answer, Fault> {
    if ask.headers.contains_key("idempotency-key") {
        let why = "not here: the secret is shown once; list the tokens and take back a lost one";
        return Err(Fault::invalid("header Idempotency-Key", why));
    }
    let form: TokenRequest = ask.form()?;
    let secret = token::new_secret().map_err(|it| Fault::busy(&it.to_string()))?;
    let made = form.token(token::hash(&secret), ask.now())?;
    let (id, _) = done(&ask, Command::CreateToken(made)).await?;
    let id = id.parse().map_err(|_| Fault::busy("the desk gave no id; see the engine's log"))?;
    let form = NewTokenForm { id, token: token::text(NoteId(id), &secret) };
    Ok(Answer::json(&form).made(format!("/api/v1/tokens/{id}")))
}
