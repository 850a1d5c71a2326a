//! How what is sent comes in: tries, boxes, marks, and all that comes uncalled for.

use std::{sync::Arc, time::Duration};

use engine::desk::Input;
use model::{Command, Heard, MailKey, Moment, Outcome, Reply, Row};

use super::{What, World, view};
use crate::{
    desk::{DAY, HOUR, MINUTE, SECOND, driver::Cause},
    dice::MILLION,
    lived::note,
    watchdogs::{
        judge::View,
        people,
        promises::By,
        ways::{CONSOLE, UnderWay},
    },
};

/// A sender behind whom nobody keeps anything gives up after so many tries.
const TRIES_MAX: u32 = 8;
/// A `Date:` is believed if it is so close to the arrival.
const DATE_NEAR: Duration = Duration::from_secs(15 * 60);
/// Mails of a flood, at most.
const FLOOD_MAX: u64 = 150;

impl World {
    pub(super) fn befall(&mut self, what: What) {
        match what {
            What::Send { mail, tries } => self.send(mail, tries),
            What::Given { boot, ticket } if boot == self.boot => self.given(ticket),
            What::Run(job) => self.run_now(job),
            What::Round(ear) => self.round(ear),
            What::Mark(ear) => {
                self.push(self.climate.mark, What::Mark(ear));
                self.mark(ear);
            }
            What::Deaf => self.deafen(),
            What::Hears(ear) => self.hears(ear),
            What::Hush => {
                self.again(self.climate.hush, What::Hush);
                self.hush_until = self.now.after(self.dice.span(HOUR, 8 * HOUR));
                note!(self, "nobody sends anything");
            }
            What::Junk => {
                self.again(self.climate.junk, What::Junk);
                self.junk();
            }
            What::Flood => {
                self.again(self.climate.flood, What::Flood);
                for _ in 0..self.dice.spread(10, FLOOD_MAX) {
                    self.junk();
                }
            }
            _ => {}
        }
    }

    fn send(&mut self, mail: usize, tries: u32) {
        if self.now < self.hush_until {
            let wait = self.hush_until.since(self.now) + self.dice.span(SECOND, HOUR);
            return self.push(wait, What::Send { mail, tries });
        }
        let it = &self.senders.mails[mail];
        let job = it.job;
        if self.is_by_person(job) {
            let job = Arc::clone(&self.promises.all[job].job.name);
            if self.driver.is_none() {
                return self.push(10 * MINUTE, What::Send { mail, tries: tries + 1 });
            }
            let tick = Command::Tick { job, text: "done".to_owned() };
            return self.ask(people::asks(tick), Some(mail));
        }
        let ear = match self.promises.all[job].by {
            By::Ping => self.ways.console(),
            // Each job has its usual way; who forges takes any.
            _ if it.is_forged => mail % self.ways.console(),
            _ => job % self.ways.console(),
        };
        let way = &mut self.ways.ears[ear];
        if way.is_box {
            note!(self, "mail {mail} lies in the box");
            way.lying.push((mail, self.now));
            return;
        }
        if self.driver.is_none() || way.deaf_since.is_some() {
            if way.keeps || tries < TRIES_MAX || self.now >= self.heal_at {
                let wait = self.dice.span(MINUTE, 15 * MINUTE);
                self.push(wait, What::Send { mail, tries: tries + 1 });
            } else {
                note!(self, "mail {mail} is lost");
            }
            return;
        }
        self.begin_taking(UnderWay { mail, at: self.now, ear, tries });
    }

    fn begin_taking(&mut self, it: UnderWay) {
        self.tickets += 1;
        let ticket = self.tickets;
        note!(self, "mail {} comes by {}", it.mail, self.ways.ears[it.ear].name);
        self.ways.under_way.insert(ticket, it);
        if let Some((_, waits)) = &mut self.ways.ears[it.ear].round {
            waits.insert(ticket);
        }
        let (boot, wait) =
            (self.boot, self.dice.span(Duration::from_micros(10), self.climate.parse_max));
        self.push(wait, What::Given { boot, ticket });
    }

    fn given(&mut self, ticket: u64) {
        let Some(it) = self.ways.under_way.get(&ticket).copied() else { return };
        let heard = self.heard(&it);
        self.judge.given(ticket, it);
        let Some(driver) = &self.driver else { return };
        let keys = driver.desk.keys_of(&heard);
        let seen = keys.iter().any(|it| self.shelf.report_keys.contains_key(it));
        let row = heard.mail.map(|key| Row::Mail(key, heard.at, Arc::from([])));
        let (heard, seen) = self.sabotage.heard(heard, seen);
        let input = Input::Heard { ticket, heard: Box::new(heard), seen };
        let Some(driver) = &mut self.driver else { return };
        let batch = driver.take(self.now, Cause::Heard(ticket), input, None);
        self.with(batch, row);
    }

    fn heard(&self, it: &UnderWay) -> Heard {
        let mail = &self.senders.mails[it.mail];
        let promise = &self.promises.all[mail.job];
        let mut says = mail.says.clone();
        let off = it.at.since(mail.at).max(mail.at.since(it.at));
        says.sent_at = (mail.dated && off <= DATE_NEAR).then_some(mail.at);
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(it.mail as u64).to_be_bytes());
        Heard {
            job: (mail.addressed && promise.present).then(|| Arc::clone(&promise.job.name)),
            at: it.at,
            intake: Arc::clone(&self.ways.ears[it.ear].name),
            peer: Arc::from("192.0.2.1"),
            from: Arc::from("nas@acme.example"),
            says,
            proof: mail.proof.clone(),
            keys: mail.keys.clone(),
            mail: Some(MailKey(key)),
        }
    }

    pub(super) fn answered(&mut self, ticket: u64, reply: &Reply) {
        let Some(it) = self.ways.under_way.remove(&ticket) else { return };
        self.judge.taken(&view!(self), ticket, reply);
        let ear = &mut self.ways.ears[it.ear];
        if ear.is_box {
            ear.lying.retain(|lying| *lying != (it.mail, it.at));
            if let Some((_, waits)) = &mut ear.round {
                waits.remove(&ticket);
            }
            return self.end_round(it.ear);
        }
        if !self.is_healed() && self.dice.chance(self.climate.word_lost_ppm) {
            let wait = self.dice.span(MINUTE, 15 * MINUTE);
            self.push(wait, What::Send { mail: it.mail, tries: it.tries + 1 });
        }
    }

    /// Reads all that lies in a box.
    pub(super) fn round(&mut self, ear: usize) {
        self.push(self.climate.mark, What::Round(ear));
        let way = &mut self.ways.ears[ear];
        if self.driver.is_none() || way.round.is_some() {
            return;
        }
        if way.deaf_since.is_some() {
            return self.mark(ear);
        }
        way.round = Some((self.now, Default::default()));
        let mut lying = way.lying.clone();
        // Whoever lists a folder gets it in no order.
        if self.dice.chance(MILLION / 2) {
            lying.reverse();
        }
        for (mail, at) in lying {
            self.begin_taking(UnderWay { mail, at, ear, tries: 0 });
        }
        self.end_round(ear);
    }

    fn end_round(&mut self, ear: usize) {
        let way = &mut self.ways.ears[ear];
        let Some((began, _)) = way.round.take_if(|it| it.1.is_empty()) else { return };
        way.read_until = way.read_until.max(began);
        self.mark(ear);
    }

    /// A way says how it is, behind everything that it brought.
    pub(super) fn mark(&mut self, ear: usize) {
        if self.driver.is_none() {
            return;
        }
        let state = self.ways.state(ear, self.now);
        self.judge.marked(&state);
        let told = self.sabotage.mark(self.now, state);
        self.take(Cause::Marked, Input::Intake(told));
    }

    fn deafen(&mut self) {
        self.again(self.climate.deaf, What::Deaf);
        let ear = self.dice.index(self.ways.ears.len());
        let way = &mut self.ways.ears[ear];
        // The console is a part of the engine: it hears whenever there is one.
        if way.deaf_since.is_some() || *way.name == *CONSOLE {
            return;
        }
        way.deaf_since = Some(self.now);
        note!(self, "{} cannot hear", self.ways.ears[ear].name);
        self.mark(ear);
        let wait = self.dice.span(SECOND, self.climate.deaf_max);
        self.push(wait, What::Hears(ear));
    }

    pub(super) fn hears(&mut self, ear: usize) {
        let way = &mut self.ways.ears[ear];
        let Some(since) = way.deaf_since.take() else { return };
        way.deaf.push(model::Span { from: since, until: self.now });
        note!(self, "{} hears again", self.ways.ears[ear].name);
        if !self.ways.ears[ear].is_box {
            self.mark(ear);
        }
    }

    /// Something comes that nobody has asked for.
    fn junk(&mut self) {
        if self.is_healed() {
            return;
        }
        let job = self.dice.index(self.promises.all.len());
        if self.is_by_person(job) {
            return;
        }
        let Self { dice, promises, senders, now, .. } = self;
        let older = senders.mails.iter().enumerate();
        let older = older.filter(|it| it.1.job == job && it.1.at < *now).map(|it| it.0);
        let older: Vec<usize> = older.collect();
        let mail = match dice.below(10) {
            0..=3 if !older.is_empty() => {
                let mail = older[dice.index(older.len())];
                senders.replay(dice, mail, *now)
            }
            4..=6 => {
                let outcome = dice.pick(&[
                    Outcome::Ok,
                    Outcome::Ok,
                    Outcome::Warning,
                    Outcome::Started,
                    Outcome::Other,
                ]);
                senders.forge(dice, promises, job, *now, outcome)
            }
            7 => {
                let outcome =
                    dice.pick(&[Outcome::Failed, Outcome::Partial, Outcome::Unclassified]);
                senders.forge(dice, promises, job, *now, outcome)
            }
            8 => {
                let outcome = dice.pick(&[Outcome::Ok, Outcome::Failed]);
                let mail = senders.run_now(dice, promises, job, *now, outcome);
                senders.mails[mail].addressed = false;
                mail
            }
            _ => {
                // A run that was long ago, or one that nobody expects.
                let outcome =
                    dice.pick(&[Outcome::Ok, Outcome::Ok, Outcome::Failed, Outcome::Other]);
                let mail = senders.run_now(dice, promises, job, *now, outcome);
                let ago = dice.span(MINUTE, 5 * DAY);
                let ended: &mut Option<Moment> = &mut senders.mails[mail].says.ended_at;
                *ended = ended.map(|it| it.before(ago));
                mail
            }
        };
        let wait = self.dice.span(SECOND, MINUTE);
        self.push(wait, What::Send { mail, tries: 0 });
    }
}
