//! A house for tests: it notes what intakes hand over and say of themselves.
#![allow(dead_code, reason = "each of the tests uses its own part")]

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use inlet::keeper::{Fetched, Keeper, Taking};
use model::{IntakeState, Moment};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time,
};

/// Nothing in these tests takes so long unless it never comes.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Something that an intake has done.
#[derive(Debug)]
pub(crate) enum Event {
    Mail(Fetched),
    State(IntakeState),
}

/// Takes everything, unless it was told otherwise.
#[derive(Debug)]
pub(crate) struct House {
    events: UnboundedSender<Event>,
    answers: Mutex<VecDeque<Taking>>,
}

/// What a house has heard, in its order.
#[derive(Debug)]
pub(crate) struct Heard(UnboundedReceiver<Event>);

impl House {
    pub(crate) fn new() -> (Self, Heard) {
        let (events, heard) = unbounded_channel();
        (Self { events, answers: Mutex::default() }, Heard(heard))
    }

    /// The next mails are answered like that.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Taking>) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).extend(answers);
    }
}

impl Keeper for House {
    fn now(&self) -> Moment {
        Moment::ZERO.after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
    }

    async fn take(&self, mail: Fetched) -> Taking {
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        // Who listens no more has seen what it wanted.
        self.events.send(Event::Mail(mail)).ok();
        answer.unwrap_or(Taking::Taken)
    }

    async fn tell(&self, state: IntakeState) {
        self.events.send(Event::State(state)).ok();
    }
}

impl Heard {
    pub(crate) async fn next(&mut self) -> Event {
        let next = time::timeout(LIMIT, self.0.recv()).await;
        next.expect("nothing more was heard in time").expect("the house stands")
    }

    /// The next mail, whatever is said until then.
    pub(crate) async fn mail(&mut self) -> Fetched {
        let mut last = None;
        let look = async {
            loop {
                match self.0.recv().await.expect("the house stands") {
                    Event::Mail(mail) => return mail,
                    Event::State(state) => last = Some(state),
                }
            }
        };
        let found = time::timeout(LIMIT, look).await;
        found.unwrap_or_else(|_| panic!("no mail came; the last word was {last:?}"))
    }

    /// Its text.
    pub(crate) async fn text(&mut self) -> String {
        String::from_utf8(self.mail().await.raw).unwrap()
    }

    /// The next word of an intake that is well; no mail may come before it.
    pub(crate) async fn well(&mut self) -> Moment {
        loop {
            match self.next().await {
                Event::State(IntakeState { fault: None, read_until, .. }) => return read_until,
                Event::State(_) => {}
                Event::Mail(mail) => panic!("a mail came: {mail:?}"),
            }
        }
    }

    /// The next fault; no mail may come before it.
    pub(crate) async fn fault(&mut self) -> String {
        loop {
            match self.next().await {
                Event::State(IntakeState { fault: Some(fault), .. }) => return fault.to_string(),
                Event::State(_) => {}
                Event::Mail(mail) => panic!("a mail came: {mail:?}"),
            }
        }
    }

    /// Mails up to the first word that all is well.
    pub(crate) async fn mails_until_well(&mut self) -> Vec<Fetched> {
        let mut mails = Vec::new();
        loop {
            match self.next().await {
                Event::Mail(mail) => mails.push(mail),
                Event::State(IntakeState { fault: None, .. }) => return mails,
                Event::State(_) => {}
            }
        }
    }
}

/// The words behind `Subject:`, for tests that write such mails.
pub(crate) fn subjects(mails: &[Fetched]) -> Vec<String> {
    let subject = |it: &Fetched| {
        let text = String::from_utf8_lossy(&it.raw).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("Subject: "));
        line.unwrap_or("(none)").to_owned()
    };
    mails.iter().map(subject).collect()
}
