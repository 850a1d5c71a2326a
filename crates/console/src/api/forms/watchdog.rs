//! Watchdogs: jobs, their slots, and what was heard.

use std::{collections::BTreeMap, sync::Arc};

use model::{Entry, JobKind, Reporting, Slot, Standing};

use super::{
    at,
    hearing::{ObjectForm, objects},
    secs, text,
};
use crate::api::{
    shape::{At, Line, Text, shape},
    watching::{JobView, Secrets, ToCome},
};

/// Bytes of a schedule that somebody accepts.
const SCHEDULE_BYTES_MAX: usize = 1024;

shape! {
    /// A watchdog in a list.
    out WatchdogLine {
        /// Full name: `customer/watchdog`.
        name: String,
        /// Whose.
        customer: String,
        /// Who reports: `machine` or `person`.
        kind: &'static str,
        /// Its version; grows with every change.
        version: u64,
        /// How the last judged run stands; null before there is one.
        standing: Option<&'static str>,
        /// Why; may be empty.
        why: String,
        /// When that run was expected to end.
        expected_at: Option<At>,
        /// When the last good run ended.
        last_ok: Option<At>,
        /// When anything was last heard.
        last_heard: Option<At>,
        /// When the next report is due at the latest.
        next_due: Option<At>,
        /// The run that is expected now.
        open: Option<SlotLine>,
        /// Bytes of the last judged run.
        size: Option<u64>,
        /// Seconds that it took.
        duration_secs: Option<u64>,
        /// Warnings in a row.
        warnings: u32,
        /// Runs that went well in a row.
        kept: u32,
        /// Is nothing expected of it for now?
        paused: bool,
        /// Its open problem.
        problem: Option<u64>,
        /// When its runs are due, as it was written; empty while that is still to be learned.
        schedule: String,
    }
}

shape! {
    /// An expected run in short.
    out SlotLine {
        /// When the run is expected to end.
        expected_at: At,
        /// From when on a report belongs to it.
        open: At,
        /// Until when a report is on time.
        due: At,
        /// From when on none belongs to it any more.
        close: At,
        /// How it stands.
        standing: &'static str,
        /// Why, one line.
        why: String,
    }
}

impl From<&Slot> for SlotLine {
    fn from(it: &Slot) -> Self {
        Self {
            expected_at: At(it.nominal.at),
            open: At(it.open),
            due: At(it.due),
            close: At(it.close),
            standing: it.standing.word(),
            why: it.why.clone(),
        }
    }
}

impl From<&JobView> for WatchdogLine {
    fn from(it: &JobView) -> Self {
        let memory = it.memory.as_ref();
        let last = it.last.as_ref();
        Self {
            name: it.job.name.to_string(),
            customer: it.customer.to_string(),
            kind: kind_word(it.job.kind),
            version: memory.map_or(0, |it| it.version),
            standing: last.map(|it| it.standing.word()),
            why: last.map(|it| it.why.clone()).unwrap_or_default(),
            expected_at: last.map(|it| At(it.nominal.at)),
            last_ok: at(memory.and_then(|it| it.last_ok)),
            last_heard: at(memory.and_then(|it| it.last_heard)),
            next_due: at(it.next_due),
            open: it.open.as_ref().map(SlotLine::from),
            size: last.and_then(|it| it.size),
            duration_secs: last.and_then(|it| it.duration).map(secs),
            warnings: memory.map_or(0, |it| it.warnings),
            kept: memory.map_or(0, |it| it.kept),
            paused: it.job.paused || memory.is_some_and(|it| it.paused.is_some()),
            problem: it.problem.map(|it| it.0),
            schedule: it.job.schedule.text.to_string(),
        }
    }
}

fn kind_word(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Machine => "machine",
        JobKind::Person => "person",
    }
}

shape! {
    /// What the runs of a watchdog usually are, from the last good ones.
    out UsualForm {
        /// Bytes of the last good runs, oldest first.
        sizes: Vec<u64>,
        /// Seconds of them.
        durations: Vec<u64>,
        /// The median of the sizes.
        size: Option<u64>,
        /// The median of the durations.
        duration_secs: Option<u64>,
        /// Objects by name: in how many good runs they were in a row.
        objects: BTreeMap<Arc<str>, u32>,
    }
}

shape! {
    /// A pause that a person has put in.
    out PauseForm {
        /// Who.
        by: String,
        /// Since when.
        since: At,
        /// When it ends by itself.
        until: Option<At>,
        /// Why.
        text: String,
    }
}

shape! {
    /// A schedule that was learned.
    out SuggestionForm {
        /// As it would be written in its file.
        schedule: String,
        /// Why.
        why: String,
    }
}

shape! {
    /// A watchdog with everything but its secrets.
    out WatchdogForm {
        /// In short.
        watchdog: WatchdogLine,
        /// All labels, own and inherited.
        labels: BTreeMap<Arc<str>, Arc<str>>,
        /// The host or service that it runs on.
        on: Option<String>,
        /// Where it is written.
        rule: String,
        /// The clock of its schedule.
        zone: String,
        /// What silence means: `every-run`, `failures-only`, `digest` or `when-online`.
        reporting: &'static str,
        /// Reports that one run wants.
        reports: u32,
        /// What a report has to prove before it can say that all is well.
        trust: Vec<String>,
        /// Does it take pings?
        pings: bool,
        /// The format that reads its mails; null: whichever recognises them.
        reads: Option<String>,
        /// So long before its time a report counts; null: the default rule.
        early_secs: Option<u64>,
        /// So long behind it a report is on time.
        grace_secs: Option<u64>,
        /// So long behind it a report still belongs to the run.
        give_up_secs: Option<u64>,
        /// Since when it is watched.
        since: Option<At>,
        /// A run that has begun and not ended.
        running_since: Option<At>,
        /// The last run that was judged.
        last: Option<SlotLine>,
        /// What is usual.
        usual: UsualForm,
        /// A pause that a person has put in.
        pause: Option<PauseForm>,
        /// A schedule that it seems to have, to be accepted by a person.
        suggestion: Option<SuggestionForm>,
        /// The policy it follows.
        policy: Option<String>,
        /// The contract it stands under.
        contract: Option<String>,
        /// What to do; may be empty.
        runbook: String,
        /// What its badge is called: `/badge/ID.svg`.
        badge: String,
    }
}

fn median(values: &[u64]) -> Option<u64> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn reporting_word(it: &Reporting) -> &'static str {
    match it {
        Reporting::EveryRun => "every-run",
        Reporting::FailuresOnly => "failures-only",
        Reporting::Digest => "digest",
        Reporting::WhenOnline { .. } => "when-online",
    }
}

fn trust_words(it: &model::Trust) -> Vec<String> {
    let token = it.token.then(|| "token".to_owned());
    let relays = it.relays.iter().map(|it| format!("relay {it}"));
    let spf = it.spf.iter().map(|it| format!("spf {it}"));
    let dkim = it.dkim.iter().map(|it| format!("dkim {it}"));
    token.into_iter().chain(relays).chain(spf).chain(dkim).collect()
}

impl From<&JobView> for WatchdogForm {
    fn from(it: &JobView) -> Self {
        let (job, memory) = (&it.job, it.memory.clone().unwrap_or_default());
        let pause = memory.paused.as_ref().map(|it| PauseForm {
            by: it.by.to_string(),
            since: At(it.at),
            until: at(it.until),
            text: it.text.clone(),
        });
        let suggestion = it
            .suggestion
            .as_ref()
            .map(|it| SuggestionForm { schedule: it.schedule.to_string(), why: it.why.clone() });
        Self {
            watchdog: it.into(),
            labels: job.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            on: text(job.on.as_ref()),
            rule: job.at.to_string(),
            zone: job.schedule.zone.to_string(),
            reporting: reporting_word(&job.reporting),
            reports: job.reports,
            trust: trust_words(&job.trust),
            pings: job.hears.ping,
            reads: text(job.hears.reads.as_ref()),
            early_secs: job.early.map(secs),
            grace_secs: job.grace.map(secs),
            give_up_secs: job.give_up.map(secs),
            since: it.memory.as_ref().map(|it| At(it.since)),
            running_since: at(memory.running_since),
            last: it.last.as_ref().map(SlotLine::from),
            usual: UsualForm {
                size: median(&memory.sizes),
                duration_secs: median(&memory.durations),
                sizes: memory.sizes,
                durations: memory.durations,
                objects: memory.objects,
            },
            pause,
            suggestion,
            policy: text(it.policy.as_ref()),
            contract: text(it.contract.as_ref()),
            runbook: job.runbook.to_string(),
            badge: it.badge.to_string(),
        }
    }
}

shape! {
    /// Where a watchdog can be reached. Whoever knows these can speak for it.
    out SecretsForm {
        /// Addresses for mail.
        addresses: Vec<String>,
        /// The path for pings; null if it takes none.
        ping: Option<String>,
    }
}

impl From<&Secrets> for SecretsForm {
    fn from(it: &Secrets) -> Self {
        Self { addresses: it.addresses.clone(), ping: it.ping.clone() }
    }
}

shape! {
    /// What one report says for an expected run.
    out EntryForm {
        /// Which report.
        report: u64,
        /// When it came in.
        at: At,
        /// The time of its run.
        ran_at: At,
        /// What came of it.
        outcome: &'static str,
        /// Bytes.
        size: Option<u64>,
        /// Seconds.
        duration_secs: Option<u64>,
        /// What it says of each thing.
        objects: Vec<ObjectForm>,
        /// The line that says it; written by others.
        text: String,
    }
}

impl From<&Entry> for EntryForm {
    fn from(it: &Entry) -> Self {
        Self {
            report: it.report.0,
            at: At(it.at),
            ran_at: At(it.ran_at),
            outcome: it.outcome.word(),
            size: it.size,
            duration_secs: it.duration.map(secs),
            objects: objects(&it.objects),
            text: it.text.to_string(),
        }
    }
}

shape! {
    /// An expected run.
    out SlotForm {
        /// Full name of the watchdog.
        watchdog: String,
        /// Grows with every change.
        version: u64,
        /// In short.
        slot: SlotLine,
        /// When it came to stand so.
        judged_at: Option<At>,
        /// What its reports say, in the order of their own times.
        entries: Vec<EntryForm>,
        /// Reports for which there was no room.
        more: u32,
        /// When the run that decided ended.
        ended_at: Option<At>,
        /// Bytes.
        size: Option<u64>,
        /// Seconds.
        duration_secs: Option<u64>,
        /// It failed before it went well.
        retried: bool,
        /// It stood otherwise at its due time.
        corrected: bool,
    }
}

impl From<&Slot> for SlotForm {
    fn from(it: &Slot) -> Self {
        Self {
            watchdog: it.key.job.to_string(),
            version: it.version,
            slot: it.into(),
            judged_at: at(it.judged_at),
            entries: it.entries.iter().map(EntryForm::from).collect(),
            more: it.more,
            ended_at: at(it.ended_at),
            size: it.size,
            duration_secs: it.duration.map(secs),
            retried: it.retried,
            corrected: it.corrected,
        }
    }
}

shape! {
    /// One day of a watchdog.
    out DayForm {
        /// The day on the watchdog's clock: `2026-01-31`.
        day: String,
        /// The worst standing of its runs that day; null if none was expected.
        standing: Option<&'static str>,
        /// Runs that were expected.
        slots: u32,
        /// Bytes of all of them together.
        size: Option<u64>,
    }
}

shape! {
    /// A watchdog, day by day.
    out GridRow {
        /// Full name of the watchdog.
        watchdog: String,
        /// Whose.
        customer: String,
        /// Every day, oldest first.
        days: Vec<DayForm>,
    }
}

shape! {
    /// A run to come.
    out ToComeForm {
        /// Full name of the watchdog.
        watchdog: String,
        /// Whose.
        customer: String,
        /// When it is expected to end.
        expected_at: At,
        /// Until when its report is on time.
        due: At,
        /// It falls on a day on which the watchdog does not run.
        holiday: bool,
    }
}

impl From<&ToCome> for ToComeForm {
    fn from(it: &ToCome) -> Self {
        Self {
            watchdog: it.job.to_string(),
            customer: it.customer.to_string(),
            expected_at: At(it.nominal.at),
            due: At(it.due),
            holiday: it.nominal.holiday,
        }
    }
}

shape! {
    /// Ticks a duty off.
    in TickForm {
        /// What was done.
        text: Option<Text>,
    }
}

shape! {
    /// Nothing is expected for a while.
    in PauseRequest {
        /// When it ends by itself; left out: when somebody resumes it.
        until: Option<At>,
        /// Why.
        text: Text,
    }
}

shape! {
    /// Accepts a schedule that was learned.
    in AcceptScheduleForm {
        /// As it would be written in its file.
        schedule: Line,
    }
}

impl AcceptScheduleForm {
    /// The schedule, if it is short enough.
    pub(crate) fn schedule(self) -> Option<Arc<str>> {
        (self.schedule.0.len() <= SCHEDULE_BYTES_MAX).then(|| self.schedule.0.into())
    }
}

/// The words of standings, for parameters.
pub(crate) fn standing_words() -> Vec<&'static str> {
    Standing::ALL.iter().map(|it| it.word()).collect()
}
