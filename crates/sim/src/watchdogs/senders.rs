//! What is true of every run, and what its sender writes of it.
//!
//! The truth is drawn first; the mails follow from it. Whether they arrive when they were sent is the
//! world's affair.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Moment, Outcome, Proof, Reporting, Says};

use super::promises::{By, Dating, Promise, Promises};
use crate::{
    desk::{HOUR, MINUTE, SECOND},
    dice::{Dice, MILLION},
};

/// A mail that comes later than this behind its due time is of no interest any more.
const LATE_MAX: Duration = Duration::from_secs(12 * 3600);
/// Between an end and a border of the window, so that nothing depends on a second.
const MARGIN: Duration = Duration::from_secs(120);

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    Ok,
    Failed,
    /// It failed before it went well.
    Retried,
    Partial,
    /// A part of it is not even spoken of.
    Gone,
    Warning,
    Silent,
    /// It ended in time; the mail comes behind the due time.
    MailLate,
    /// It ended behind the due time.
    Late,
    /// It ended in time; the mail comes once the window has closed.
    Orphan,
    Unclassified,
    /// It began, and nobody says more.
    Begun,
    /// It begins and ends, and both is said.
    Whole,
}

impl Truth {
    const ALL: [Self; 12] = [
        Self::Failed,
        Self::Retried,
        Self::Partial,
        Self::Gone,
        Self::Warning,
        Self::Silent,
        Self::MailLate,
        Self::Late,
        Self::Orphan,
        Self::Unclassified,
        Self::Begun,
        Self::Whole,
    ];
}

/// Something that is written, to be sent once or more often.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// Of which job: a place among all.
    pub(crate) job: usize,
    /// Does it find its job?
    pub(crate) addressed: bool,
    /// Of which run, if its sender has written it about one.
    pub(crate) run: Option<Moment>,
    /// When it is written and first sent.
    pub(crate) at: Moment,
    /// Does it say when it was written?
    pub(crate) dated: bool,
    pub(crate) says: Says,
    pub(crate) proof: Proof,
    /// Somebody else has written it.
    pub(crate) is_forged: bool,
    pub(crate) keys: Vec<[u8; 16]>,
}

impl Mail {
    pub(crate) fn outcome(&self) -> Outcome {
        self.says.outcome.unwrap_or(Outcome::Unclassified)
    }
}

/// A run, and what was written about it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) truth: Truth,
    pub(crate) mails: Vec<usize>,
}

/// All senders.
#[derive(Debug, Default)]
pub(crate) struct Senders {
    pub(crate) mails: Vec<Mail>,
    /// By job and moment of the run.
    pub(crate) runs: BTreeMap<(usize, Moment), Run>,
}

/// What one run comes to.
struct Told<'a> {
    promise: &'a Promise,
    job: usize,
    run: Option<Moment>,
}

impl Senders {
    /// Draws the runs of the dated job at `job` that lie within `from..until`, and of those that
    /// run behind it. Gives the mails to be sent.
    pub(crate) fn plan(
        &mut self,
        dice: &mut Dice,
        promises: &Promises,
        job: usize,
        (from, heal_at, until): (Moment, Moment, Moment),
    ) -> Vec<usize> {
        let promise = &promises.all[job];
        let first = self.mails.len();
        for place in 0..promise.nominals.len() {
            let it = promise.nominals[place];
            let (open, due, close) = promise.window(place);
            if open < from || it.at > until || it.holiday {
                continue;
            }
            let truth = if open >= heal_at { Truth::Ok } else { draw(dice, promise) };
            let told = Told { promise, job, run: Some(it.at) };
            let ended =
                self.live(dice, &told, truth, (open, due, close), (it.from, it.until, it.by));
            self.plan_children(dice, promises, (job, it.at), ended);
        }
        (first..self.mails.len()).collect()
    }

    /// What runs behind the run of `parent` that ended so, if it went well.
    fn plan_children(
        &mut self,
        dice: &mut Dice,
        promises: &Promises,
        parent: (usize, Moment),
        ended: Option<Moment>,
    ) {
        for (job, promise) in promises.all.iter().enumerate() {
            let Some((_, offset)) = promise.parent.filter(|it| it.0 == parent.0) else { continue };
            let run = parent.1.after(offset);
            let truth = match (ended, dice.below(8)) {
                (None, _) | (_, 0) => Truth::Silent,
                (_, 1) => Truth::Failed,
                _ => Truth::Ok,
            };
            let mut mails = Vec::new();
            if let (Some(ended), true) = (ended, truth != Truth::Silent) {
                let outcome = if truth == Truth::Failed { Outcome::Failed } else { Outcome::Ok };
                let end = ended.after(offset / 2);
                let told = Told { promise, job, run: Some(run) };
                mails.push(self.write(dice, &told, outcome, end, end.after(5 * SECOND)));
            }
            self.runs.insert((job, run), Run { truth, mails });
        }
    }

    /// A run of a job whose runs no calendar names.
    pub(crate) fn run_now(
        &mut self,
        dice: &mut Dice,
        promises: &Promises,
        job: usize,
        now: Moment,
        outcome: Outcome,
    ) -> usize {
        let told = Told { promise: &promises.all[job], job, run: None };
        self.write(dice, &told, outcome, now, now.after(5 * SECOND))
    }

    /// Writes the mails of one run; gives its end, if it went well in time.
    fn live(
        &mut self,
        dice: &mut Dice,
        told: &Told<'_>,
        truth: Truth,
        (open, due, close): (Moment, Moment, Moment),
        (from, until, by): (Moment, Moment, bool),
    ) -> Option<Moment> {
        let run = (told.job, told.run.expect("it is of a run"));
        let end = end_in_time(dice, (open, due), (from, until, by));
        let behind = due.after(MARGIN);
        let far = close.min(due.after(LATE_MAX)).before(MARGIN);
        let late = (far > behind).then(|| between(dice, behind, far));
        let soon = |end: Moment| end.after(5 * SECOND);
        let (mut mails, mut good) = (Vec::new(), None);
        match (truth, late) {
            (Truth::Silent, _) => {}
            (Truth::MailLate, Some(late)) => {
                mails.push(self.write(dice, told, Outcome::Ok, end, late));
                good = Some(end);
            }
            (Truth::Late, Some(late)) => {
                mails.extend(self.parts(dice, told, late, soon(late)));
                good = Some(late);
            }
            (Truth::Orphan, _) if close < due.after(3 * LATE_MAX) => {
                mails.push(self.write(dice, told, Outcome::Ok, end, close.after(HOUR)));
                good = Some(end);
            }
            (Truth::Failed, _) => {
                mails.push(self.write(dice, told, Outcome::Failed, end, soon(end)))
            }
            (Truth::Unclassified, _) => {
                mails.push(self.write(dice, told, Outcome::Unclassified, end, soon(end)));
            }
            (Truth::Warning, _) if told.promise.job.reports == 1 => {
                mails.push(self.write(dice, told, Outcome::Warning, end, soon(end)));
                good = Some(end);
            }
            (Truth::Partial | Truth::Gone, _) => mails.extend(self.partly(dice, told, truth, end)),
            (Truth::Retried, _) => {
                let first = between(dice, open.after(SECOND), end);
                mails.push(self.write(dice, told, Outcome::Failed, first, soon(first)));
                mails.extend(self.parts(dice, told, end, soon(end)));
                good = Some(end);
            }
            (Truth::Begun | Truth::Whole, _) => {
                let began = between(dice, open.after(SECOND), end);
                mails.push(self.write(dice, told, Outcome::Started, began, soon(began)));
                if truth == Truth::Whole {
                    mails.extend(self.parts(dice, told, end, soon(end)));
                    good = Some(end);
                }
            }
            _ => {
                mails.extend(self.parts(dice, told, end, soon(end)));
                good = Some(end);
            }
        }
        self.runs.insert(run, Run { truth, mails });
        good
    }

    /// All that is written of a run that went well.
    fn parts(&mut self, dice: &mut Dice, told: &Told<'_>, end: Moment, at: Moment) -> Vec<usize> {
        let job = &told.promise.job;
        let named = job.objects.named.clone();
        let well = |it: &Arc<str>| (Arc::clone(it), Outcome::Ok);
        if job.reports > 1 {
            let count = 0..job.reports;
            return count.map(|_| self.write(dice, told, Outcome::Ok, end, at)).collect();
        }
        if named.is_empty() || job.objects.quorum.is_some() || dice.chance(MILLION / 2) {
            let mail = self.write(dice, told, Outcome::Ok, end, at);
            // With a quorum one may be unwell.
            let least = job.objects.quorum.map_or(named.len(), |it| it as usize);
            let some = least + dice.index(named.len() - least + 1);
            self.mails[mail].says.objects = named.iter().take(some).map(well).collect();
            return vec![mail];
        }
        let mut mails = Vec::new();
        for name in &named {
            let mail = self.write(dice, told, Outcome::Ok, end, at);
            self.mails[mail].says.objects = vec![well(name)];
            mails.push(mail);
        }
        mails
    }

    /// All that is written of a run of which a part did not go well, or is not spoken of.
    fn partly(
        &mut self,
        dice: &mut Dice,
        told: &Told<'_>,
        truth: Truth,
        end: Moment,
    ) -> Vec<usize> {
        let job = &told.promise.job;
        let at = end.after(5 * SECOND);
        if job.reports > 1 {
            let last = if truth == Truth::Gone { None } else { Some(Outcome::Failed) };
            let all = (1..job.reports).map(|_| Outcome::Ok).chain(last);
            return all.map(|it| self.write(dice, told, it, end, at)).collect();
        }
        let named = &job.objects.named;
        if named.is_empty() {
            return vec![self.write(dice, told, Outcome::Partial, end, at)];
        }
        let outcome = if truth == Truth::Gone { Outcome::Ok } else { Outcome::Partial };
        let mail = self.write(dice, told, outcome, end, at);
        let mut objects = vec![(Arc::clone(&named[0]), Outcome::Ok)];
        if truth == Truth::Partial {
            objects.extend(named.iter().skip(1).map(|it| (Arc::clone(it), Outcome::Failed)));
        }
        self.mails[mail].says.objects = objects;
        vec![mail]
    }

    fn write(
        &mut self,
        dice: &mut Dice,
        told: &Told<'_>,
        outcome: Outcome,
        end: Moment,
        at: Moment,
    ) -> usize {
        let number = self.mails.len();
        let dating = told.promise.dating;
        let mut says = Says {
            outcome: (outcome != Outcome::Unclassified).then_some(outcome),
            read_by: Arc::from("sim"),
            title: Arc::from(format!("mail {number}")),
            size: Some(1_000 + dice.below(9_000)),
            ..Says::default()
        };
        if dating == Dating::Body {
            match outcome {
                Outcome::Started => says.began_at = Some(end),
                _ => says.ended_at = Some(end),
            }
        }
        self.mails.push(Mail {
            job: told.job,
            addressed: true,
            run: told.run,
            at,
            dated: dating == Dating::Header && told.promise.by == By::Mail,
            says,
            proof: proof(told.promise, dice),
            is_forged: false,
            keys: keys(number),
        });
        number
    }

    /// Somebody writes what looks like word of the job at `job`.
    pub(crate) fn forge(
        &mut self,
        dice: &mut Dice,
        promises: &Promises,
        job: usize,
        now: Moment,
        outcome: Outcome,
    ) -> usize {
        let promise = &promises.all[job];
        let told = Told { promise, job, run: None };
        let end = now.before(dice.span(SECOND, 5 * HOUR));
        let number = self.write(dice, &told, outcome, end, now);
        let mail = &mut self.mails[number];
        mail.proof = false_proof(promise, dice);
        mail.is_forged = true;
        mail.dated = dice.chance(MILLION / 2);
        mail.says.ended_at = dice.chance(MILLION / 2).then_some(end);
        number
    }

    /// The same again, in other clothes: the same Message-ID, another body.
    pub(crate) fn replay(&mut self, dice: &mut Dice, mail: usize, now: Moment) -> usize {
        let number = self.mails.len();
        let mut again = self.mails[mail].clone();
        again.at = now;
        again.run = None;
        if dice.chance(MILLION / 2) {
            again.keys[1] = keys(number)[1];
            again.says.ended_at = again.says.ended_at.map(|_| now);
        }
        self.mails.push(again);
        number
    }
}

/// The two things by which a mail is known again.
fn keys(number: usize) -> Vec<[u8; 16]> {
    let key = |kind: u8| {
        let mut key = [kind; 16];
        key[8..].copy_from_slice(&(number as u64).to_be_bytes());
        key
    };
    vec![key(1), key(2)]
}

/// All that the job asks for, and perhaps more.
fn proof(promise: &Promise, dice: &mut Dice) -> Proof {
    let trust = &promise.job.trust;
    let more = dice.chance(MILLION / 4);
    Proof {
        token: trust.token || more,
        relay: !trust.relays.is_empty() || more,
        spf: trust.spf.clone(),
        dkim: trust.dkim.iter().cloned().collect(),
        vouched: None,
    }
}

/// At least one thing that the job asks for is missing.
fn false_proof(promise: &Promise, dice: &mut Dice) -> Proof {
    let trust = &promise.job.trust;
    let mut proof = proof(promise, dice);
    let all = dice.chance(MILLION / 3);
    let first = dice.below(2) == 0;
    let (token, rest) = (trust.token, !trust.relays.is_empty() || trust.dkim.is_some());
    if token && (all || first || !rest) {
        proof.token = false;
    }
    if rest && (all || !first || !token) {
        (proof.relay, proof.dkim) = (false, vec![Arc::from("evil.example")]);
    }
    proof
}

/// Does it prove all that the job asks for?
pub(crate) fn is_proved(promise: &Promise, proof: &Proof) -> bool {
    let trust = &promise.job.trust;
    proof.vouched.is_some()
        || (proof.token || !trust.token)
            && (proof.relay || trust.relays.is_empty())
            && trust.dkim.as_ref().is_none_or(|it| proof.dkim.contains(it))
}

fn draw(dice: &mut Dice, promise: &Promise) -> Truth {
    if dice.chance(MILLION * 6 / 10) {
        return Truth::Ok;
    }
    let truth = Truth::ALL[dice.index(Truth::ALL.len())];
    let quiet = promise.job.reporting == Reporting::FailuresOnly;
    match truth {
        // A person only ever says that it is done, by hand, then.
        Truth::Silent | Truth::Late => truth,
        _ if promise.by == By::Person => Truth::Ok,
        Truth::MailLate | Truth::Orphan
            if promise.dating != Dating::Body
                || promise.by == By::Ping
                || promise.job.reporting == Reporting::Digest =>
        {
            Truth::Silent
        }
        Truth::MailLate | Truth::Orphan if promise.job.reports > 1 => Truth::Silent,
        Truth::MailLate | Truth::Orphan if !promise.job.objects.named.is_empty() => Truth::Silent,
        Truth::Retried if promise.job.reports > 1 => Truth::Ok,
        Truth::Ok | Truth::Whole if quiet => Truth::Silent,
        other => other,
    }
}

fn between(dice: &mut Dice, from: Moment, until: Moment) -> Moment {
    let room = until.since(from).as_secs().max(1);
    from.after(SECOND * u32::try_from(dice.below(room)).unwrap_or(0))
}

/// When a run ends that is in time: within the window, in most cases close to its moment.
fn end_in_time(
    dice: &mut Dice,
    (open, due): (Moment, Moment),
    (from, until, by): (Moment, Moment, bool),
) -> Moment {
    let far = dice.chance(MILLION / 5);
    let first = if far { open } else { from.before(10 * MINUTE).max(open) };
    let last = if by && !far { until } else { due };
    let (first, last) = (first.after(30 * SECOND), last.before(30 * SECOND));
    if last <= first { open.after(due.since(open) / 2) } else { between(dice, first, last) }
}
