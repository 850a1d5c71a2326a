//! What the interface shows of watchdogs, and where pings and mails that are fed by hand go.

use std::{
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use console::api::{
    BadgeView, Fed, Feed, JobFilter, JobView, LedgerFault, NotTaken, Page, Ping, Read,
    ReportsFilter, Secrets, Signal, SlotsFilter, Suggestion, Taking, ToCome, ToComeFilter,
    Watchdogs,
};
use engine::desk::JobSeen;
use flate2::read::ZlibDecoder;
use inlet::{Envelope, Text, mime};
use model::{
    Heard, MailKey, Moment, Outcome, ProblemId, Proof, Report, ReportId, Says, Slot, Span,
};
use ring::digest;

use crate::{
    clock::Clock,
    house::{House, Kept},
    intakes::{CONSOLE, Intakes},
    ledger::{Ledger, page, place},
};

/// Bytes that are unpacked of a mail to be shown: 4 MiB.
const UNPACKED_BYTES_MAX: u64 = 4 << 20;
/// Characters of a text that are shown.
const SHOWN_CHARS_MAX: usize = 200_000;
/// Characters of the first line of a ping.
const TITLE_CHARS_MAX: usize = 300;
/// Characters of the body of a ping that go into its report; all of it is kept beside.
const SAID_CHARS_MAX: usize = 2_000;
/// Runs to come of one job that are looked at.
const RUNS_MAX: usize = 1_000;
/// The word for what a ping says.
const PING: &str = "ping";

/// What stands behind the interface's part about watchdogs.
pub(crate) struct Watching {
    clock: Clock,
    ledger: Arc<Ledger>,
    house: Arc<House>,
    key: Vec<u8>,
    pings: AtomicU64,
}

impl Watching {
    pub(crate) fn new(clock: Clock, ledger: Arc<Ledger>, intakes: &Intakes) -> Self {
        let (house, key) = (Arc::clone(&intakes.house), intakes.key().to_vec());
        Self { clock, ledger, house, key, pings: AtomicU64::new(0) }
    }

    fn view(&self, seen: JobSeen, known: Known) -> JobView {
        // What was accepted and cannot be read any more is not in force.
        let learns = seen.job.learns && seen.job.schedule.dues.is_empty();
        let suggested =
            learns.then(|| calendar::suggest(&seen.memory.runs, &seen.job.schedule.zone)).flatten();
        let badge = self.badge_of(&seen.job.name);
        JobView {
            customer: seen.customer,
            memory: Some(seen.memory),
            open: seen.open,
            last: seen.last,
            next_due: seen.next_due,
            suggestion: suggested.map(|it| Suggestion {
                why: format!("{} runs came so", it.runs),
                schedule: Arc::from(it.text),
            }),
            problem: known.problem,
            policy: known.policy,
            contract: known.contract,
            badge,
            job: seen.job.as_ref().clone(),
        }
    }

    /// What a badge is called: made like a secret address, and of no use as one.
    fn badge_of(&self, job: &str) -> Arc<str> {
        Arc::from(inlet::token::token(&self.key, &format!("badge of {job}"), u32::MAX))
    }

    fn heard(&self, ping: Ping) -> Option<(Heard, Option<Vec<u8>>)> {
        let ears = self.house.ears();
        let ear = ears.by_token(&ping.token).filter(|it| it.job.hears.ping)?;
        let body = Text::new(&String::from_utf8_lossy(&ping.body));
        let (outcome, word) = match ping.signal {
            Signal::Success | Signal::Exit(0) => (Outcome::Ok, "success".to_owned()),
            Signal::Start => (Outcome::Started, "start".to_owned()),
            Signal::Fail => (Outcome::Failed, "fail".to_owned()),
            Signal::Log => (Outcome::Other, "log".to_owned()),
            Signal::Exit(code) => (Outcome::Failed, format!("exit code {code}")),
        };
        let first = body.lines().map(|it| it.0).find(|it| !it.is_empty()).unwrap_or(&word);
        let says = Says {
            outcome: Some(outcome),
            read_by: Arc::from(PING),
            title: cut(first, TITLE_CHARS_MAX),
            text: cut(&format!("{word}\n{}", body.shown()), SAID_CHARS_MAX),
            run: ping.run.map(Arc::from),
            ..Says::default()
        };
        let heard = Heard {
            job: Some(Arc::clone(&ear.job.name)),
            at: ping.at,
            intake: Arc::from(CONSOLE),
            peer: Arc::from(ping.peer.to_string()),
            from: Arc::from(ping.agent),
            says,
            proof: Proof { token: true, ..Proof::default() },
            keys: vec![self.ping_key(ping.at)],
            mail: (!ping.body.is_empty()).then(|| key_of(&ping.body)),
        };
        let body = (!ping.body.is_empty()).then(|| ping.body.to_vec());
        Some((heard, body))
    }

    /// Every ping is one of its own.
    fn ping_key(&self, at: Moment) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&at.as_nanos().to_be_bytes());
        key[8..].copy_from_slice(&self.pings.fetch_add(1, Relaxed).to_be_bytes());
        key
    }
}

/// What the desk knows of a job besides its ledger.
struct Known {
    problem: Option<ProblemId>,
    policy: Option<Arc<str>>,
    contract: Option<Arc<str>>,
}

fn cut(text: &str, chars: usize) -> Arc<str> {
    text.chars().take(chars).collect::<String>().into()
}

fn key_of(bytes: &[u8]) -> MailKey {
    let mut key = [0; 32];
    key.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    MailKey(key)
}

fn envelope(feed: &Feed) -> Envelope {
    Envelope { at: feed.at, intake: Arc::from(CONSOLE), ..Envelope::default() }
}

impl Watchdogs for Watching {
    fn jobs(&self, filter: &JobFilter) -> Read<Page<JobView>> {
        let now = self.clock.now();
        let all = self.ledger.look(move |desk| {
            let known = |it: &JobSeen| {
                let (policy, contract) = desk.rules_of_job(&it.job);
                Known { problem: desk.problem_of_job(&it.job.name), policy, contract }
            };
            let all = desk.jobs(now).into_iter();
            all.map(|it| (known(&it), it)).map(|(known, it)| (it, known)).collect::<Vec<_>>()
        })?;
        let text = filter.text.as_ref().map(|it| it.to_lowercase());
        let shown = |(it, _): &(JobSeen, Known)| {
            let theirs = filter.customers.as_ref().is_none_or(|all| all.contains(&it.customer));
            let stands = filter
                .standing
                .is_none_or(|wanted| it.last.as_ref().is_some_and(|it| it.standing == wanted));
            let named = text.as_ref().is_none_or(|text| it.job.name.to_lowercase().contains(text));
            let behind = filter.cut.cursor.as_ref().is_none_or(|last| *it.job.name > **last);
            theirs && stands && named && behind
        };
        let mut found: Vec<_> = all.into_iter().filter(shown).collect();
        let more = found.len() > filter.cut.limit;
        found.truncate(filter.cut.limit);
        let next = found.last().filter(|_| more).map(|it| it.0.job.name.to_string());
        let items = found.into_iter().map(|(seen, known)| self.view(seen, known)).collect();
        Ok(Page { items, next })
    }

    fn job(&self, name: &str) -> Read<Option<JobView>> {
        let (now, name) = (self.clock.now(), name.to_owned());
        let found = self.ledger.look(move |desk| {
            let (seen, problem) = desk.job(&name, now)?;
            let (policy, contract) = desk.rules_of_job(&seen.job);
            Some((seen, Known { problem, policy, contract }))
        })?;
        Ok(found.map(|(seen, known)| self.view(seen, known)))
    }

    fn secrets(&self, name: &str) -> Read<Option<Secrets>> {
        let ears = self.house.ears();
        if let Some(ear) = ears.by_name(name) {
            let ping = ear.job.hears.ping.then(|| format!("/ping/{}", ear.token));
            return Ok(Some(Secrets { addresses: ears.addresses(ear), ping }));
        }
        // A duty of people is listened for nowhere: it has no secrets.
        let (now, name) = (self.clock.now(), name.to_owned());
        let is_duty = self.ledger.look(move |desk| desk.job(&name, now).is_some())?;
        Ok(is_duty.then(|| Secrets { addresses: Vec::new(), ping: None }))
    }

    fn slots(&self, filter: &SlotsFilter) -> Read<Page<Slot>> {
        let until = place(&filter.cut)?.map(Moment::from_nanos);
        let within = until.map(|until| Span { from: Moment::ZERO, until });
        let which = store::SlotFilter { job: Some(&filter.job), within, ..Default::default() };
        let items = self.ledger.with(|it| it.slots(&which, filter.cut.limit + 1))?;
        Ok(page(items, &filter.cut, |it| it.key.at.as_nanos()))
    }

    fn slots_within(&self, jobs: &[Arc<str>], within: Span, limit: usize) -> Read<Vec<Slot>> {
        let mut all = Vec::new();
        for job in jobs {
            let which = store::SlotFilter {
                job: Some(job),
                within: Some(within),
                ..store::SlotFilter::default()
            };
            all.extend(self.ledger.with(|it| it.slots(&which, limit))?);
        }
        Ok(all)
    }

    fn to_come(&self, filter: &ToComeFilter) -> Read<Vec<ToCome>> {
        let within = filter.within;
        let all = self.ledger.look(move |desk| desk.runs_to_come(within, RUNS_MAX))?;
        let shown = all.into_iter().filter(|it| {
            filter.customers.as_ref().is_none_or(|all| all.contains(&it.customer))
                && filter.job.as_ref().is_none_or(|job| **job == *it.job)
        });
        let run = |it: engine::desk::RunToCome| ToCome {
            job: it.job,
            customer: it.customer,
            nominal: it.nominal,
            due: it.due,
        };
        Ok(shown.take(filter.limit).map(run).collect())
    }

    fn reports(&self, filter: &ReportsFilter) -> Read<Page<Report>> {
        let which = store::ReportFilter {
            customers: filter.customers.as_deref(),
            job: filter.job.as_deref(),
            class: filter.class.map(model::Class::word),
            before: place(&filter.cut)?,
            ..store::ReportFilter::default()
        };
        let items = self.ledger.with(|it| it.reports(&which, filter.cut.limit + 1))?;
        Ok(page(items, &filter.cut, |it| it.id.0))
    }

    fn report(&self, id: ReportId) -> Read<Option<Report>> {
        self.ledger.with(|it| it.report(id, None))
    }

    fn text(&self, report: &Report) -> Read<Option<String>> {
        let Some(key) = report.mail else { return Ok(None) };
        let Some(packed) = self.ledger.with(|it| it.mail(key))? else { return Ok(None) };
        let mut raw = Vec::new();
        let unpacked = ZlibDecoder::new(&*packed).take(UNPACKED_BYTES_MAX).read_to_end(&mut raw);
        if let Err(error) = unpacked {
            return Err(LedgerFault::Unreadable(format!("a mail cannot be unpacked: {error}")));
        }
        let text = match &*report.says.read_by {
            PING => Text::new(&String::from_utf8_lossy(&raw)).shown().to_owned(),
            _ => {
                let letter = mime::letter(&raw);
                format!("Subject: {}\n\n{}", letter.subject.shown(), letter.body.shown())
            }
        };
        Ok(Some(cut(&text, SHOWN_CHARS_MAX).to_string()))
    }

    fn try_mail(&self, feed: &Feed) -> Read<Vec<Fed>> {
        let heard = self.house.read(&feed.raw, &envelope(feed));
        Ok(heard.into_iter().map(|heard| Fed { heard, report: None }).collect())
    }

    fn badge(&self, id: &str) -> Read<Option<BadgeView>> {
        let now = self.clock.now();
        let all = self.ledger.look(move |desk| desk.jobs(now))?;
        let found = all.into_iter().find(|it| *self.badge_of(&it.job.name) == *id);
        Ok(found.map(|it| BadgeView {
            name: Arc::clone(&it.job.name),
            standing: it.last.as_ref().map(|it| it.standing),
            since: it.last.as_ref().and_then(|it| it.judged_at),
        }))
    }

    fn feed(&self, feed: Feed) -> Taking<'_, Vec<Fed>> {
        Box::pin(async move {
            let envelope = envelope(&feed);
            let heard = self.house.read(&feed.raw, &envelope);
            match self.house.keep_mail(&feed.raw, &envelope, false, Some(&feed.by)).await {
                Kept::Taken(ids) => Ok(heard
                    .into_iter()
                    .zip(ids)
                    .map(|(heard, id)| Fed { heard, report: Some(id) })
                    .collect()),
                Kept::Nobody => Err(NotTaken::Nobody),
                Kept::Later(why) => Err(NotTaken::NotNow(why)),
            }
        })
    }

    fn ping(&self, ping: Ping) -> Taking<'_, ()> {
        Box::pin(async move {
            let (heard, body) = self.heard(ping).ok_or(NotTaken::Nobody)?;
            match self.house.keep_ping(heard, body).await {
                Kept::Taken(_) => Ok(()),
                Kept::Nobody => Err(NotTaken::Nobody),
                Kept::Later(why) => Err(NotTaken::NotNow(why)),
            }
        })
    }
}
