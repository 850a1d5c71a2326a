//! Lists and other reads.

use std::time::Duration;

use model::{Moment, Span};

use crate::api::{
    ask::{Answer, Ask},
    fault::Fault,
    forms::{
        SeverityWord,
        case::{CallLine, ProposalForm},
        duty::{DutyForm, OncallForm, OverrideForm, SilenceForm, TokenForm, WindowForm},
        problem::ProblemLine,
        told::{AlertForm, ConsequenceForm, EventForm, EventsForm, StoryForm, SupposeForm},
    },
    narrowed,
    object::may_see_silence,
    seams::{
        AlertFilter, AlertsShown, CallFilter, CallsShown, Customers, Page, ProblemFilter,
        ProblemsShown, ProposalFilter, ProposalsShown, StoryFilter, Supposition, WindowFilter,
    },
    shape::{At, Listed},
    stream,
};

type Answered = Result<Answer, Fault>;

/// How far ahead windows are shown, unless it is said.
const WINDOWS_AHEAD: Duration = Duration::from_secs(7 * 86_400);

/// Events of one piece; shared with streams.
pub(crate) const EVENTS_MAX: usize = super::ask::ITEMS_MAX;

fn customers(ask: &Ask) -> Customers {
    narrowed(&ask.actor, ask.query.text("customer"))
}

/// The ledger has kept to the customers that it was given; if ever it did not, nobody sees it.
fn shown<T, F: for<'a> From<&'a T> + serde::Serialize>(
    ask: &Ask,
    page: &Page<T>,
    customer: impl Fn(&T) -> &str,
) -> Answer {
    let mine = page.items.iter().filter(|it| ask.actor.may_see(customer(it)));
    let items: Vec<F> = mine.map(F::from).collect();
    Answer::json(&Listed { items, next: page.next.clone() })
}

pub(crate) const PROBLEMS_SHOWN: &[&str] = &["open", "recent", "all"];

pub(crate) async fn problems(ask: Ask) -> Answered {
    let filter = ProblemFilter {
        customers: customers(&ask),
        which: match ask.query.word("state", PROBLEMS_SHOWN)? {
            "recent" => ProblemsShown::Recent,
            "all" => ProblemsShown::All,
            _ => ProblemsShown::Open,
        },
        at_least: ask.query.value::<SeverityWord>("severity")?.map(|it| it.0),
        text: ask.query.text("text").map(str::to_owned),
        cut: ask.query.cut()?,
    };
    let page = ask.api.read(move |it| it.problems(&filter)).await?;
    Ok(shown::<_, ProblemLine>(&ask, &page, |it| &it.customer))
}

pub(crate) const PROPOSALS_SHOWN: &[&str] = &["open", "snoozed", "decided", "all"];

pub(crate) async fn proposals(ask: Ask) -> Answered {
    let filter = ProposalFilter {
        customers: customers(&ask),
        which: match ask.query.word("state", PROPOSALS_SHOWN)? {
            "snoozed" => ProposalsShown::Snoozed,
            "decided" => ProposalsShown::Decided,
            "all" => ProposalsShown::All,
            _ => ProposalsShown::Open,
        },
        now: ask.api.now(),
        cut: ask.query.cut()?,
    };
    let page = ask.api.read(move |it| it.proposals(&filter)).await?;
    Ok(shown::<_, ProposalForm>(&ask, &page, |it| &it.customer))
}

pub(crate) const CALLS_SHOWN: &[&str] =
    &["live", "open", "assigned", "in-progress", "suspended", "closed", "all"];

pub(crate) async fn calls(ask: Ask) -> Answered {
    let filter = CallFilter {
        customers: customers(&ask),
        which: match ask.query.word("state", CALLS_SHOWN)? {
            "live" => CallsShown::Live,
            "all" => CallsShown::All,
            state => CallsShown::State(state),
        },
        assignee: ask.query.text("assignee").map(str::to_owned),
        cut: ask.query.cut()?,
    };
    let page = ask.api.read(move |it| it.calls(&filter)).await?;
    Ok(shown::<_, CallLine>(&ask, &page, |it| &it.customer))
}

pub(crate) async fn silences(ask: Ask) -> Answered {
    let all = ask.api.read(|it| it.silences()).await?;
    let mine = all.iter().filter(|it| may_see_silence(&ask.actor, it));
    Ok(Answer::json(&Listed { items: mine.map(SilenceForm::from).collect(), next: None }))
}

pub(crate) async fn windows(ask: Ask) -> Answered {
    let from = ask.query.value::<At>("from")?.unwrap_or_else(|| ask.now()).0;
    let until = ask.query.value::<At>("until")?.map_or(from.after(WINDOWS_AHEAD), |it| it.0);
    if until <= from {
        return Err(Fault::invalid("parameter until", "is not later than `from`"));
    }
    let within = Span { from, until };
    let filter = WindowFilter { customers: customers(&ask), within, cut: ask.query.cut()? };
    let page = ask.api.read(move |it| it.windows(&filter)).await?;
    Ok(shown::<_, WindowForm>(&ask, &page, |it| &it.occurrence.customer))
}

pub(crate) async fn oncall(ask: Ask) -> Answered {
    let at = ask.query.value::<At>("at")?.unwrap_or_else(|| ask.now());
    let read = move |it: &dyn super::Ledger| Ok((it.on_duty(at.0)?, it.overrides()?));
    let (duties, overrides) = ask.api.read(read).await?;
    Ok(Answer::json(&OncallForm {
        at,
        duties: duties.iter().map(DutyForm::from).collect(),
        overrides: overrides.iter().map(OverrideForm::from).collect(),
    }))
}

pub(crate) const ALERTS_SHOWN: &[&str] = &["waiting", "dead", "all"];

pub(crate) async fn alerts(ask: Ask) -> Answered {
    let filter = AlertFilter {
        customers: customers(&ask),
        which: match ask.query.word("state", ALERTS_SHOWN)? {
            "dead" => AlertsShown::Dead,
            "all" => AlertsShown::All,
            _ => AlertsShown::Waiting,
        },
        problem: ask.query.number("problem")?.map(model::ProblemId),
        cut: ask.query.cut()?,
    };
    let page = ask.api.read(move |it| it.alerts(&filter)).await?;
    Ok(shown::<_, AlertForm>(&ask, &page, |it| &it.content.customer))
}

pub(crate) async fn tokens(ask: Ask) -> Answered {
    let all = ask.api.read(|it| it.tokens()).await?;
    Ok(Answer::json(&Listed { items: all.iter().map(TokenForm::from).collect(), next: None }))
}

pub(crate) async fn why(ask: Ask) -> Answered {
    let name = ask.query.text("name").unwrap_or("").to_owned();
    if name.is_empty() {
        let why = "missing; give the name of a host or service, `site CUSTOMER/SITE` or `own …`";
        return Err(Fault::invalid("parameter name", why));
    }
    let at: Option<Moment> = ask.query.value::<At>("at")?.map(|it| it.0);
    let filter = StoryFilter { name: name.clone(), at, limit: ask.query.limit()? };
    let story = ask.api.read(move |it| it.story(&filter)).await?.ok_or_else(Fault::unknown)?;
    if !ask.actor.may_see(&story.customer) {
        return Err(Fault::foreign());
    }
    Ok(Answer::json(&StoryForm::of(&name, &story)))
}

pub(crate) async fn what_if(ask: Ask) -> Answered {
    let SupposeForm { name, status, at } = ask.form()?;
    let at = at.unwrap_or_else(|| ask.now()).0;
    let supposition = Supposition { name: name.0, status: status.0, at };
    let found = ask.api.read(move |it| it.suppose(&supposition)).await?;
    let found = found.ok_or_else(Fault::unknown)?;
    if !ask.actor.may_see(&found.customer) {
        return Err(Fault::foreign());
    }
    Ok(Answer::json(&ConsequenceForm::from(&found)))
}

/// A stream for whoever wants one, otherwise a piece of it.
pub(crate) async fn events(ask: Ask) -> Answered {
    let wants_stream = ask.headers.get_all("accept").iter().any(|it| {
        it.to_str().is_ok_and(|it| it.to_ascii_lowercase().contains("text/event-stream"))
    });
    if wants_stream {
        return stream::serve(ask);
    }
    let after = model::EventId(ask.query.number("after")?.unwrap_or(0));
    let (customers, limit) = (customers(&ask), ask.query.limit()?);
    let piece = ask.api.read(move |it| it.events(after, &customers, limit)).await?;
    let mine = piece.items.iter().filter(|it| ask.actor.may_see(&it.customer));
    let items = mine.map(EventForm::from).collect();
    Ok(Answer::json(&EventsForm { items, after: piece.read_to.0 }))
}
