//! Watchdogs over the interface: what is asked of them, and what is asked of the desk about them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use model::{Class, Command, Moment, ReportId, Slot, Span, Standing};

use crate::api::{
    Api,
    ask::{Answer, Ask},
    fault::Fault,
    forms::{
        hearing::{ClaimForm, FedForm, JobReportForm, class_words},
        problem::NothingForm,
        watchdog::{
            AcceptScheduleForm, DayForm, GridRow, PauseRequest, SecretsForm, SlotForm, TickForm,
            ToComeForm, WatchdogLine, standing_words,
        },
    },
    narrowed,
    object::Object,
    seams::{Page, Read},
    shape::{At, Listed},
    watching::{
        Feed, JobFilter, JobView, NotTaken, ReportsFilter, SlotsFilter, Taking, ToCome,
        ToComeFilter, Watchdogs,
    },
};

/// Days of a grid at most, and if nothing is said.
pub(crate) const GRID_DAYS_MAX: u64 = 62;
const GRID_DAYS_USUAL: u64 = 14;

/// Slots of one watchdog that a grid looks at; the newest.
const GRID_SLOTS_MAX: usize = 62 * 24;

/// Days ahead at most, and if nothing is said.
pub(crate) const AHEAD_DAYS_MAX: u64 = 400;
const AHEAD_DAYS_USUAL: u64 = 14;

/// Characters of the text of a mail that are shown.
const TEXT_CHARS_MAX: usize = 1 << 20;

type Answered = Result<Answer, Fault>;
type Made = Result<Command, Fault>;

impl Api {
    fn watchdogs(&self) -> Result<Arc<dyn Watchdogs>, Fault> {
        self.ears().ok_or_else(|| Fault::busy("the engine does not hear reports yet; wait"))
    }

    /// Reads of watchdogs on a thread for blocking work.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&dyn Watchdogs) -> Read<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let watchdogs = self.watchdogs()?;
        self.read(move |_| look(&*watchdogs)).await
    }

    /// Waits until something that was handed in is kept, or is not.
    pub(crate) async fn take_in<T>(&self, taking: Taking<'_, T>) -> Result<T, Fault> {
        match tokio::time::timeout(self.0.patience, taking).await {
            Ok(Ok(taken)) => Ok(taken),
            Ok(Err(NotTaken::Nobody)) => Err(Fault::unknown()),
            Ok(Err(NotTaken::NotNow(why))) => Err(Fault::busy(&why)),
            Ok(Err(NotTaken::Unreadable(why))) => Err(Fault::invalid("body", why)),
            Err(_) => Err(Fault::no_answer()),
        }
    }
}

fn customers(ask: &Ask) -> crate::api::Customers {
    narrowed(&ask.actor, ask.query.text("customer"))
}

fn standing(ask: &Ask) -> Result<Option<Standing>, Fault> {
    let named = ask.query.text("standing").map(|it| {
        Standing::from_word(it).ok_or_else(|| {
            let words = standing_words().join(", ");
            Fault::invalid("parameter standing", format!("not one of {words}"))
        })
    });
    named.transpose()
}

fn class(ask: &Ask) -> Result<Option<Class>, Fault> {
    let named = ask.query.text("class").map(|said| {
        Class::from_word(said).ok_or_else(|| {
            let words = class_words().join(", ");
            Fault::invalid("parameter class", format!("not one of {words}"))
        })
    });
    named.transpose()
}

fn job_filter(ask: &Ask) -> Result<JobFilter, Fault> {
    Ok(JobFilter {
        customers: customers(ask),
        standing: standing(ask)?,
        text: ask.query.text("search").map(str::to_owned),
        cut: ask.query.cut()?,
    })
}

/// The jobs that are shown. The list has kept to its customers; if ever it did not, nobody sees it.
async fn jobs_of(ask: &Ask) -> Result<Page<JobView>, Fault> {
    let filter = job_filter(ask)?;
    let mut page = ask.api.look(move |it| it.jobs(&filter)).await?;
    page.items.retain(|it| ask.actor.may_see(&it.customer));
    Ok(page)
}

pub(crate) async fn list(ask: Ask) -> Answered {
    let page = jobs_of(&ask).await?;
    let items = page.items.iter().map(WatchdogLine::from).collect();
    Ok(Answer::json(&Listed { items, next: page.next }))
}

/// The watchdog of the path, if it is for the eyes of whoever asks.
fn named(ask: &Ask) -> Result<&JobView, Fault> {
    match &ask.object {
        Some(Object::Watchdog(job)) => Ok(job),
        _ => Err(Fault::unknown()),
    }
}

pub(crate) async fn secrets(ask: Ask) -> Answered {
    let name = Arc::clone(&named(&ask)?.job.name);
    let secrets = ask.api.look(move |it| it.secrets(&name)).await?;
    Ok(Answer::json(&SecretsForm::from(&secrets.ok_or_else(Fault::unknown)?)))
}

pub(crate) async fn slots(ask: Ask) -> Answered {
    let job = named(&ask)?.job.name.to_string();
    let filter = SlotsFilter { job, cut: ask.query.cut()? };
    let page = ask.api.look(move |it| it.slots(&filter)).await?;
    let items = page.items.iter().map(SlotForm::from).collect();
    Ok(Answer::json(&Listed { items, next: page.next }))
}

fn days(ask: &Ask, usual: u64, max: u64) -> Result<u64, Fault> {
    let days = ask.query.number("days")?.unwrap_or(usual);
    let fits = (1..=max).contains(&days);
    fits.then_some(days).ok_or_else(|| Fault::invalid("parameter days", format!("not 1 to {max}")))
}

fn moment_of(at: Timestamp) -> Moment {
    Moment::from_nanos(u64::try_from(at.as_nanosecond()).unwrap_or(0))
}

fn timestamp_of(at: Moment) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or(Timestamp::MAX)
}

/// The first day of a grid: as it is said, otherwise so that it ends with today.
fn first_day(ask: &Ask, days: u64) -> Result<Date, Fault> {
    let ahead = i64::try_from(days).unwrap_or(0);
    let wrong = |why: &str| Fault::invalid("parameter from", why);
    match ask.query.text("from") {
        Some(text) => {
            let day: Date = text.parse().map_err(|_| wrong("not a day; write it as 2026-01-31"))?;
            let is_possible = (1970..=2500).contains(&day.year());
            is_possible.then_some(day).ok_or_else(|| wrong("not within 1970 and 2500"))
        }
        None => {
            let today = timestamp_of(ask.now().0).to_zoned(TimeZone::UTC).date();
            today.checked_sub((ahead - 1).days()).map_err(|_| wrong("too far back"))
        }
    }
}

/// Every moment that may lie in one of these days on any clock on earth.
fn span_of(first: Date, days: u64) -> Option<Span> {
    let day = |it: Date| Some(moment_of(it.to_zoned(TimeZone::UTC).ok()?.timestamp()));
    let before = first.checked_sub(1.day()).ok()?;
    let behind = first.checked_add(i64::try_from(days).ok()?.days()).ok()?;
    Some(Span { from: day(before)?, until: day(behind.checked_add(1.day()).ok()?)? })
}

pub(crate) async fn grid(ask: Ask) -> Answered {
    let days = days(&ask, GRID_DAYS_USUAL, GRID_DAYS_MAX)?;
    let first = first_day(&ask, days)?;
    let within =
        span_of(first, days).ok_or_else(|| Fault::invalid("parameter from", "too far away"))?;
    let page = jobs_of(&ask).await?;
    let names: Vec<Arc<str>> = page.items.iter().map(|it| Arc::clone(&it.job.name)).collect();
    let slots = ask.api.look(move |it| it.slots_within(&names, within, GRID_SLOTS_MAX)).await?;
    let mut by_job: BTreeMap<&str, Vec<&Slot>> = BTreeMap::new();
    for slot in &slots {
        by_job.entry(&slot.key.job).or_default().push(slot);
    }
    let row = |it: &JobView| {
        let slots = by_job.get(&*it.job.name).map_or(&[][..], Vec::as_slice);
        GridRow {
            watchdog: it.job.name.to_string(),
            customer: it.customer.to_string(),
            days: row_of(slots, &it.job.schedule.zone, first, days),
        }
    };
    let items = page.items.iter().map(row).collect();
    Ok(Answer::json(&Listed { items, next: page.next }))
}

/// The days of one watchdog, on its own clock.
fn row_of(slots: &[&Slot], zone: &str, first: Date, days: u64) -> Vec<DayForm> {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let mut by_day: BTreeMap<Date, Vec<&Slot>> = BTreeMap::new();
    for slot in slots {
        let day = timestamp_of(slot.nominal.at).to_zoned(zone.clone()).date();
        by_day.entry(day).or_default().push(slot);
    }
    let all = first.series(1.day()).take(usize::try_from(days).unwrap_or(0));
    all.map(|day| {
        let slots = by_day.get(&day).map_or(&[][..], Vec::as_slice);
        let worst = slots.iter().map(|it| it.standing).max_by_key(|it| badness(*it));
        let sizes: Vec<u64> = slots.iter().filter_map(|it| it.size).collect();
        DayForm {
            day: day.to_string(),
            standing: worst.map(Standing::word),
            slots: u32::try_from(slots.len()).unwrap_or(u32::MAX),
            size: sizes.into_iter().reduce(u64::saturating_add),
        }
    })
    .collect()
}

/// Which standing speaks for a day with several.
fn badness(it: Standing) -> u32 {
    match it {
        it if it.is_void() => 0,
        Standing::Open => 1,
        other => 2 + crate::watchdogs::number_of(other),
    }
}

pub(crate) async fn to_come(ask: Ask) -> Answered {
    let days = days(&ask, AHEAD_DAYS_USUAL, AHEAD_DAYS_MAX)?;
    let from = ask.query.value::<At>("from")?.unwrap_or_else(|| ask.now()).0;
    let length = std::time::Duration::from_secs(days * 86_400);
    let job = ask.query.text("name").map(str::to_owned);
    let limit = ask.query.limit()?;
    let within = Span { from, until: from.after(length) };
    let filter = ToComeFilter { customers: customers(&ask), job, within, limit };
    let found = ask.api.look(move |it| it.to_come(&filter)).await?;
    let mine = found.iter().filter(|it: &&ToCome| ask.actor.may_see(&it.customer)).take(limit);
    Ok(Answer::json(&Listed { items: mine.map(ToComeForm::from).collect(), next: None }))
}

pub(crate) async fn reports(ask: Ask) -> Answered {
    let filter = ReportsFilter {
        customers: customers(&ask),
        job: ask.query.text("name").map(str::to_owned),
        class: class(&ask)?,
        cut: ask.query.cut()?,
    };
    let page = ask.api.look(move |it| it.reports(&filter)).await?;
    let mine = page.items.iter().filter(|it| ask.actor.may_see(&it.customer));
    let items = mine.map(JobReportForm::from).collect();
    Ok(Answer::json(&Listed { items, next: page.next }))
}

/// Whatever a mail holds is shown as plain text and nothing else.
pub(crate) async fn text(ask: Ask) -> Answered {
    let Some(Object::Report(report)) = &ask.object else { return Err(Fault::unknown()) };
    let report = report.clone();
    let text = ask.api.look(move |it| it.text(&report)).await?.ok_or_else(Fault::unknown)?;
    let end = text.char_indices().nth(TEXT_CHARS_MAX).map_or(text.len(), |it| it.0);
    Ok(Answer::plain(text[..end].to_owned()))
}

fn mail_of(ask: &Ask) -> Result<Feed, Fault> {
    if ask.body.is_empty() {
        return Err(Fault::invalid("body", "is empty; send the mail as it came"));
    }
    let by = Arc::clone(&ask.actor.name);
    Ok(Feed { raw: ask.body.clone(), by, at: ask.now().0 })
}

fn fed(all: &[crate::api::watching::Fed]) -> Answer {
    Answer::json(&Listed { items: all.iter().map(FedForm::from).collect(), next: None })
}

pub(crate) async fn feed(ask: Ask) -> Answered {
    let (feed, watchdogs) = (mail_of(&ask)?, ask.api.watchdogs()?);
    Ok(fed(&ask.api.take_in(watchdogs.feed(feed)).await?))
}

pub(crate) async fn try_mail(ask: Ask) -> Answered {
    let feed = mail_of(&ask)?;
    let found = ask.api.look(move |it| it.try_mail(&feed)).await?;
    if found.is_empty() {
        return Err(Fault::invalid("body", "is no mail; send it as it came, with its headers"));
    }
    Ok(fed(&found))
}

fn report(ask: &Ask) -> Result<ReportId, Fault> {
    ask.id().map(ReportId)
}

fn job(ask: &Ask) -> Result<Arc<str>, Fault> {
    named(ask).map(|it| Arc::clone(&it.job.name))
}

pub(crate) fn claim(ask: &Ask) -> Made {
    let ClaimForm { watchdog } = ask.form()?;
    Ok(Command::Claim { report: report(ask)?, job: watchdog.0.into() })
}

pub(crate) fn drop_it(ask: &Ask) -> Made {
    let NothingForm {} = ask.form()?;
    Ok(Command::Drop { report: report(ask)? })
}

pub(crate) fn tick(ask: &Ask) -> Made {
    let TickForm { text } = ask.form()?;
    Ok(Command::Tick { job: job(ask)?, text: text.map(|it| it.0).unwrap_or_default() })
}

pub(crate) fn pause(ask: &Ask) -> Made {
    let PauseRequest { until, text } = ask.form()?;
    if until.is_some_and(|it| it <= ask.now()) {
        return Err(Fault::invalid("until", "is in the past"));
    }
    Ok(Command::PauseJob { job: job(ask)?, until: until.map(|it| it.0), text: text.0 })
}

pub(crate) fn resume(ask: &Ask) -> Made {
    let NothingForm {} = ask.form()?;
    Ok(Command::ResumeJob { job: job(ask)? })
}

pub(crate) fn accept_schedule(ask: &Ask) -> Made {
    let form: AcceptScheduleForm = ask.form()?;
    let schedule = form.schedule().ok_or_else(|| Fault::invalid("schedule", "is too long"))?;
    Ok(Command::AcceptSchedule { job: job(ask)?, schedule })
}
