//! The ways in: what lies there, what is under way, and what each of them says of itself.
//!
//! A server gives a mail to the ledger at once and tells its sender that it is taken once it is kept;
//! who finds nobody tries again. A box keeps what comes; it is read in rounds, and says that
//! everything was read once all of a round is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{Intake, IntakeState, Moment, Span};

use super::promises::BOX;

/// The way of pings and ticks.
pub(crate) const CONSOLE: &str = "console";

/// One way in.
#[derive(Debug)]
pub(crate) struct Ear {
    pub(crate) name: Arc<str>,
    /// Somebody keeps what comes while it cannot hear.
    pub(crate) keeps: bool,
    pub(crate) is_box: bool,
    /// Cannot hear since.
    pub(crate) deaf_since: Option<Moment>,
    /// When it could not, or nobody was there.
    pub(crate) deaf: Vec<Span>,
    /// Mails in the box, by the time at which they came.
    pub(crate) lying: Vec<(usize, Moment)>,
    /// Since when a round is under way, and what of it is not kept yet.
    pub(crate) round: Option<(Moment, BTreeSet<u64>)>,
    /// Everything that came by it until then was handed on.
    pub(crate) read_until: Moment,
}

/// A mail that came in and is not known to be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay {
    pub(crate) mail: usize,
    pub(crate) at: Moment,
    pub(crate) ear: usize,
    /// How often its sender has tried before.
    pub(crate) tries: u32,
}

/// All of them; the console is the last.
#[derive(Debug)]
pub(crate) struct Ways {
    pub(crate) ears: Vec<Ear>,
    pub(crate) under_way: BTreeMap<u64, UnderWay>,
}

impl Ways {
    pub(crate) fn new(intakes: &[Intake]) -> Self {
        let ear = |name: Arc<str>, keeps: bool, is_box: bool| Ear {
            name,
            keeps,
            is_box,
            deaf_since: None,
            deaf: Vec::new(),
            lying: Vec::new(),
            round: None,
            read_until: Moment::ZERO,
        };
        let mails = intakes.iter().map(|it| ear(Arc::clone(&it.name), it.keeps, *it.name == *BOX));
        let ears = mails.chain([ear(Arc::from(CONSOLE), false, false)]).collect();
        Self { ears, under_way: BTreeMap::new() }
    }

    /// The place of the console.
    pub(crate) fn console(&self) -> usize {
        self.ears.len() - 1
    }

    /// What the way at `ear` says of itself at `now`.
    pub(crate) fn state(&mut self, ear: usize, now: Moment) -> IntakeState {
        let first = self.under_way.values().map(|it| it.at).min();
        let it = &mut self.ears[ear];
        let fault = it.deaf_since.map(|_| Arc::from("no answer"));
        if !it.is_box && fault.is_none() {
            let until = first.map_or(now, |it| it.before(Duration::from_nanos(1)).min(now));
            it.read_until = it.read_until.max(until);
        }
        IntakeState { name: Arc::clone(&it.name), read_until: it.read_until, fault }
    }

    /// The process is gone: what is under way is its sender's again. Gives what that is.
    pub(crate) fn crash(&mut self) -> Vec<UnderWay> {
        for it in &mut self.ears {
            (it.round, it.read_until) = (None, Moment::ZERO);
        }
        let lost = std::mem::take(&mut self.under_way).into_values();
        lost.filter(|it| !self.ears[it.ear].is_box).collect()
    }
}
