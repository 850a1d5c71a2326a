//! What the judge knows about one checkable.

use std::{collections::VecDeque, sync::Arc};

use model::{Belief, Check, CheckableId, Moment, Rule, RunId, StateType, Status};

use crate::{
    census::{Census, Item},
    gauge::Gauge,
    process::Process,
    reference::{Believed, Rules, Story},
};

/// A look that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) run: RunId,
    pub(super) started_at: Moment,
    /// Asked for out of turn.
    pub(super) on_demand: bool,
    /// The host at which it counts.
    pub(super) root: CheckableId,
}

/// What must survive a restart.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) story: Story,
    pub(super) gauges: Vec<Gauge>,
    /// The thresholds that the gauges are for.
    pub(super) rules: Option<Arc<[Rule]>>,
}

impl Kept {
    /// What is remembered about other thresholds means nothing.
    fn measure_by(&mut self, meant: &Meant) {
        if self.rules != meant.thresholds() {
            self.rules = meant.thresholds();
            self.gauges.clear();
        }
    }
}

/// The settings of a checkable, as they are meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meant {
    pub(super) of_host: bool,
    pub(super) host: Option<CheckableId>,
    pub(super) parents: Vec<CheckableId>,
    pub(super) check: Option<Arc<Check>>,
    pub(super) definition: u64,
    pub(super) phase: u64,
}

impl Meant {
    pub(super) fn of(item: &Item, process: &Process) -> Self {
        Self {
            of_host: item.of_host,
            host: item.host.and_then(|it| process.id(it)),
            parents: item.parents.iter().filter_map(|it| process.id(*it)).collect(),
            check: item.check.clone(),
            definition: item.definition,
            phase: item.phase,
        }
    }

    pub(super) fn has_parents(&self) -> bool {
        !self.parents.is_empty()
    }

    fn thresholds(&self) -> Option<Arc<[Rule]>> {
        self.check.as_ref().map(|it| it.rules.clone())
    }

    fn rules(&self) -> Option<Rules> {
        let check = self.check.as_ref()?;
        Some(Rules {
            profile: check.profile,
            of_host: self.of_host,
            attempts_max: check.attempts_max,
            flapping: check.flapping,
        })
    }
}

/// One checkable in the eyes of the judge.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) place: usize,
    pub(super) meant: Meant,
    /// What must be believed, and what the thresholds remember.
    pub(super) kept: Kept,
    pub(super) flight: Option<Flight>,
    /// When somebody asked for a look that has not begun.
    pub(super) asked_at: Option<Moment>,
    /// Somebody wants to hear how the next look ends.
    pub(super) wished: bool,
    /// When it was last heard of: an answer, a recorded skip, a run given up.
    pub(super) outcome_at: Moment,
    /// Start of the last conclusive look.
    pub(super) conclusive_at: Moment,
    pub(super) watched_since: Moment,
    /// Start of the look that last made the attempt go up.
    pub(super) advanced_by: Option<Moment>,
    /// Something that came after the last turn may have led to a look out of phase.
    pub(super) may_retry: bool,
    /// Is one of the parents up, as the shard was told?
    pub(super) parents_up: bool,
    pub(super) question_at: Option<Moment>,
    /// The desk was asked about the parents since it was last fine.
    pub(super) has_asked: bool,
    /// A bad result that waits for word about the parents.
    pub(super) held: Option<Status>,
    /// What was to be kept before each change that has not been committed yet.
    pub(super) unstored: VecDeque<(u64, Kept)>,
    /// What was to be kept before the last change of the definition.
    pub(super) before_redefinition: Option<Kept>,
    /// When something last kept looks from being made or answered.
    pub(super) disturbed_at: Moment,
    /// When it was last outside its check period.
    pub(super) closed_at: Moment,
    /// When it was last not fine.
    pub(super) ill_at: Moment,
    /// When it was last believed ill for the first time.
    pub(super) believed_ill: Vec<Moment>,
}

impl Case {
    pub(super) fn new(place: usize, meant: Meant, kept: Option<Kept>, now: Moment) -> Self {
        let rules = meant.rules().unwrap_or_else(|| no_rules(meant.of_host));
        let before_redefinition = kept.clone();
        let kept = match kept.filter(|_| meant.check.is_some()) {
            Some(mut kept) => {
                kept.story.redefine(rules);
                kept.measure_by(&meant);
                kept
            }
            None => {
                Kept { story: Story::new(rules), gauges: Vec::new(), rules: meant.thresholds() }
            }
        };
        let may_retry = is_soft_bad(kept.story.believed());
        Self {
            place,
            meant,
            kept,
            flight: None,
            asked_at: None,
            wished: false,
            outcome_at: now,
            conclusive_at: Moment::ZERO,
            watched_since: now,
            advanced_by: None,
            may_retry,
            parents_up: true,
            question_at: None,
            has_asked: false,
            held: None,
            unstored: VecDeque::new(),
            before_redefinition,
            disturbed_at: now,
            closed_at: Moment::ZERO,
            ill_at: Moment::ZERO,
            believed_ill: Vec::new(),
        }
    }

    /// The configuration means something else by it from now on. Gives the flight that nobody
    /// waits for any more.
    pub(super) fn redefine(&mut self, meant: Meant, now: Moment) -> Option<Flight> {
        if meant == self.meant {
            return None;
        }
        let old = std::mem::replace(&mut self.meant, meant);
        self.before_redefinition = Some(self.kept.clone());
        let mut dropped = None;
        if old.definition != self.meant.definition {
            dropped = self.flight.take();
            self.wished = false;
            (self.held, self.question_at) = (None, None);
        }
        let pace = |meant: &Meant| meant.check.as_ref().map(|it| it.retry_every);
        if pace(&old) != pace(&self.meant) {
            self.advanced_by = None;
        }
        self.kept.measure_by(&self.meant);
        if !self.meant.has_parents() {
            self.parents_up = true;
            self.question_at = None;
        }
        if old.check.is_none() {
            self.watched_since = now;
        }
        match self.meant.rules() {
            Some(rules) => self.kept.story.redefine(rules),
            // Nobody looks at it any more, so nothing is believed.
            None => self.kept.story = Story::new(no_rules(self.meant.of_host)),
        }
        // A run that waits for a place may be due where the old definition had it.
        self.may_retry = true;
        self.disturbed_at = now;
        self.outcome_at = now;
        dropped
    }

    pub(super) fn is_soft_bad(&self) -> bool {
        is_soft_bad(self.kept.story.believed())
    }

    pub(super) fn is_fine(&self) -> bool {
        self.kept.story.believed().look.status.is_fine()
    }

    pub(super) fn is_hard_bad(&self) -> bool {
        !self.is_fine() && self.kept.story.believed().look.kind == StateType::Hard
    }

    /// Would one more bad result be believed?
    pub(super) fn would_become_hard(&self) -> bool {
        let look = self.kept.story.believed().look;
        let max = self.meant.check.as_ref().map_or(1, |it| it.attempts_max);
        match (look.status.is_fine(), look.kind) {
            (true, _) => max <= 1,
            (false, StateType::Soft) => look.attempt + 1 >= max,
            (false, StateType::Hard) => false,
        }
    }

    /// Keeps the book of illness after a result.
    pub(super) fn note_illness(&mut self, now: Moment, before: Believed) {
        let was_hard_bad = before.look.kind == StateType::Hard && !before.look.status.is_fine();
        if !before.look.status.is_fine() || !self.is_fine() {
            self.ill_at = now;
        }
        if !was_hard_bad && self.is_hard_bad() {
            self.believed_ill.push(now);
        }
    }

    /// Does a look's status mean that it is not fine?
    pub(super) fn is_bad(&self, status: Status) -> bool {
        status != Status::Ok && !(self.meant.of_host && status == Status::Warning)
    }

    /// The beliefs and the memory of the thresholds, where they differ from what must be.
    pub(super) fn difference(&self, belief: &Belief, centipercent: u16) -> Option<String> {
        let must = self.kept.story.believed();
        let is = Believed {
            look: belief.now,
            known: belief.known,
            hard_status: belief.hard_status,
            flapping: belief.flapping,
            // Of whom is not asked nobody knows which percentage is meant.
            centipercent: if self.meant.check.is_some() { centipercent } else { must.centipercent },
        };
        if is != must {
            return Some(format!("believed {is:?}, must be {must:?}"));
        }
        if !Gauge::agree(&self.kept.gauges, &belief.thresholds) {
            let (is, must) = (&belief.thresholds, &self.kept.gauges);
            return Some(format!("thresholds remembered {is:?}, must be {must:?}"));
        }
        None
    }

    /// Everything about it, for people.
    pub(super) fn described(&self, census: &Census) -> String {
        let Self { meant, flight, asked_at, advanced_by, question_at, held, .. } = self;
        format!(
            "{}\n  {meant:?}\n  {:?}\n  {flight:?}, asked at {asked_at:?}, advanced by \
             {advanced_by:?}, question at {question_at:?}, held {held:?}",
            census.items[self.place].name,
            self.kept.story.believed(),
        )
    }
}

fn is_soft_bad(believed: Believed) -> bool {
    believed.look.kind == StateType::Soft && !believed.look.status.is_fine()
}

/// What holds for a host that is left to its services: nothing ever comes to be judged.
fn no_rules(of_host: bool) -> Rules {
    let profile = model::Profile::default();
    let flapping = model::Flapping::default_for(profile);
    Rules { profile, of_host, attempts_max: 1, flapping }
}
