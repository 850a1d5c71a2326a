//! Who is watched in a world, how they are asked, and how they really are.

use std::{sync::Arc, time::Duration};

use model::{
    Check, Flapping, KindId, Level, Moment, Period, Profile, Rule, SpanOfWeek, Status, Test,
    TimeZone, stable_hash,
};

use crate::{
    dice::{Dice, MILLION},
    target::{Stretch, Target},
};

/// Nobody has more parents.
const PARENTS_MAX: u64 = 3;
/// No host has more above it when it is drawn.
const DEPTH_MAX: usize = 3;
/// The bits of the statuses of hosts.
const HOST_STATUSES: u8 = 0b111_0000;
const MINUTES_PER_DAY: u32 = 24 * 60;
const PROFILES: [Profile; 3] = [Profile::Campanile, Profile::Nagios, Profile::Icinga];

/// One host or service.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its full name.
    pub name: String,
    /// Is it a host?
    pub of_host: bool,
    /// For a service: the place of its host in [`Census::items`].
    pub host: Option<usize>,
    /// For a host: the places of its parents, which stand before it.
    pub parents: Vec<usize>,
    /// How it is asked; `None` for a host that is left to its services.
    pub check: Option<Arc<Check>>,
    /// Which wording of the question holds.
    pub definition: u64,
    /// Fixes its place in time.
    pub phase: u64,
    /// Does the configuration know it at present?
    pub present: bool,
    /// What happens to it.
    pub target: Target,
}

/// What all checks of a world have in common.
#[derive(Clone, Debug)]
pub struct Style {
    /// The profile of all, or each its own.
    profile: Option<Profile>,
    /// The usual interval.
    pub every: Duration,
    /// When the world begins.
    pub from: Moment,
    /// When it ends.
    pub until: Moment,
    /// Are there thresholds?
    rules: bool,
    /// Are there check periods?
    periods: bool,
    /// Is every host on its own?
    flat: bool,
}

impl Style {
    /// Draws one for a world that begins at `from`.
    pub fn draw(dice: &mut Dice, from: Moment, every: Duration, until: Moment) -> Self {
        Self {
            profile: (!dice.chance(MILLION / 4)).then(|| dice.pick(&PROFILES)),
            every,
            from,
            until,
            rules: dice.chance(MILLION / 2),
            periods: dice.chance(MILLION / 4),
            flat: dice.chance(MILLION / 2),
        }
    }

    fn check(&self, dice: &mut Dice, of_host: bool) -> Check {
        let every = match dice.below(4) {
            0 => dice.span(self.every / 4, self.every * 4).max(Duration::from_secs(2)),
            _ => self.every,
        };
        let profile = self.profile.unwrap_or_else(|| dice.pick(&PROFILES));
        Check {
            kind: KindId(0),
            every,
            retry_every: dice.span(every / 20, every).max(Duration::from_millis(500)),
            attempts_max: u8::try_from(1 + dice.below(5)).expect("at most five"),
            timeout: dice.span(every / 20, every / 2),
            profile,
            flapping: flapping(dice, profile, of_host),
            rules: if self.rules { rules(dice, every) } else { Arc::new([]) },
            period: (self.periods && dice.chance(MILLION / 3)).then(|| Arc::new(period(dice))),
        }
    }
}

fn flapping(dice: &mut Dice, profile: Profile, of_host: bool) -> Flapping {
    let mut flapping = Flapping::default_for(profile);
    if dice.chance(MILLION / 3) {
        flapping.judged = dice.chance(MILLION * 3 / 4);
        let (one, other) = (dice.below(6_000) as u16, dice.below(6_000) as u16);
        flapping.high_centipercent = one.max(other);
        flapping.low_centipercent = one.min(other);
    }
    if dice.chance(MILLION / 10) {
        let any = dice.below(1 << 4) as u8;
        flapping.ignored = if of_host { (any << 4) & HOST_STATUSES } else { any };
    }
    flapping
}

/// Up to three rules over one measurement, whose levels are those of [`crate::target::LEVELS`].
fn rules(dice: &mut Dice, every: Duration) -> Arc<[Rule]> {
    let draw = |dice: &mut Dice| {
        let (limit, clear) = dice.pick(&[(70.0, 60.0), (80.0, 70.0), (90.0, 60.0)]);
        let level = if dice.chance(MILLION / 2) { Level::Warning } else { Level::Critical };
        let hold = dice.chance(MILLION / 2).then(|| dice.span(every, every * 20));
        Rule {
            measure: 0,
            level,
            test: Test::Over(limit),
            hold: hold.unwrap_or_default(),
            clear: dice.chance(MILLION / 2).then_some(Test::Over(clear)),
            text: Arc::from("over a level"),
        }
    };
    (0..dice.below(4)).map(|_| draw(dice)).collect()
}

/// The same hours on some days of the week.
fn period(dice: &mut Dice) -> Period {
    let start = dice.below(20 * 60) as u32;
    let end = start + 30 + dice.below(u64::from(MINUTES_PER_DAY - start - 30)) as u32;
    let mut days: Vec<u32> = (0..7).filter(|_| dice.chance(MILLION * 3 / 4)).collect();
    if days.is_empty() {
        days.push(0);
    }
    let span = |day: &u32| SpanOfWeek {
        start: day * MINUTES_PER_DAY + start,
        end: day * MINUTES_PER_DAY + end,
    };
    let spans = days.iter().map(span).collect();
    Period { text: Arc::from("some hours"), zone: TimeZone::utc(), spans }
}

/// Everybody in a world. Who is removed keeps the place, so that places are names for ever.
#[derive(Clone, Debug)]
pub struct Census {
    /// Hosts stand before their services and their children.
    pub items: Vec<Item>,
    style: Style,
    born: u64,
    /// How many were drawn in the beginning; edits keep about that many.
    count: usize,
}

impl Census {
    /// Draws about `count` checkables.
    pub fn draw(dice: &mut Dice, style: Style, count: u64) -> Self {
        let mut census = Self { items: Vec::new(), style, born: 0, count: 0 };
        while (census.items.len() as u64) < count {
            census.add(dice);
        }
        census.count = census.items.len();
        census
    }

    /// Adds a host with some services, a service to a host, or a service of no host.
    fn add(&mut self, dice: &mut Dice) {
        let hosts: Vec<usize> = self.hosts().collect();
        match dice.below(10) {
            0..4 => self.add_host(dice, &hosts),
            4..9 if !hosts.is_empty() => {
                let host = dice.pick(&hosts);
                self.add_service(dice, Some(host));
            }
            _ => self.add_service(dice, None),
        }
    }

    fn add_host(&mut self, dice: &mut Dice, hosts: &[usize]) {
        let mut parents = Vec::new();
        if !self.style.flat && !hosts.is_empty() && dice.chance(MILLION / 2) {
            let shallow: Vec<usize> = self.shallow_hosts().collect();
            parents.extend((0..=dice.below(PARENTS_MAX)).map(|_| dice.pick(&shallow)));
            parents.sort_unstable();
            parents.dedup();
        }
        self.born += 1;
        let name = format!("c/h{}", self.born);
        let asked = dice.chance(MILLION * 9 / 10);
        let check = asked.then(|| Arc::new(self.style.check(dice, true)));
        let place = self.items.len();
        self.push(dice, name, None, parents, check);
        for _ in 0..dice.below(4) {
            self.add_service(dice, Some(place));
        }
    }

    fn add_service(&mut self, dice: &mut Dice, host: Option<usize>) {
        self.born += 1;
        let name = match host {
            Some(host) => format!("{}/s{}", self.items[host].name, self.born),
            None => format!("c/-/s{}", self.born),
        };
        let check = Some(Arc::new(self.style.check(dice, false)));
        self.push(dice, name, host, Vec::new(), check);
    }

    fn push(
        &mut self,
        dice: &mut Dice,
        name: String,
        host: Option<usize>,
        parents: Vec<usize>,
        check: Option<Arc<Check>>,
    ) {
        let Style { every, from, until, .. } = self.style;
        let target = Target::draw(dice, from, until, every);
        self.items.push(Item {
            phase: stable_hash(&name),
            of_host: name.matches('/').count() == 1,
            name,
            host,
            parents,
            check,
            definition: dice.roll(),
            present: true,
            target,
        });
    }

    fn hosts(&self) -> impl Iterator<Item = usize> + '_ {
        let present = self.items.iter().enumerate().filter(|(_, it)| it.of_host && it.present);
        present.map(|(place, _)| place)
    }

    /// Hosts that may become parents: so far down a chain that asking who is reachable stays cheap.
    fn shallow_hosts(&self) -> impl Iterator<Item = usize> + '_ {
        self.hosts().filter(|it| self.depth(*it) < DEPTH_MAX)
    }

    fn depth(&self, host: usize) -> usize {
        let above = self.items[host].parents.iter().map(|it| self.depth(*it) + 1);
        above.max().unwrap_or(0)
    }

    /// Places of all whom the configuration knows at present.
    pub fn present(&self) -> impl Iterator<Item = usize> + '_ {
        self.items.iter().enumerate().filter(|(_, it)| it.present).map(|(place, _)| place)
    }

    /// An admin edits the configuration.
    pub fn edit(&mut self, dice: &mut Dice) {
        for _ in 0..1 + dice.below(4) {
            let places: Vec<usize> = self.present().collect();
            match dice.below(6) {
                _ if places.is_empty() => self.add(dice),
                0 if places.len() <= self.count => self.add(dice),
                0..=1 => self.remove(dice.pick(&places)),
                2 => self.bring_back(dice),
                _ => {
                    let place = dice.pick(&places);
                    self.change(dice, place);
                }
            }
        }
    }

    /// Removes somebody with everything that hangs on it.
    fn remove(&mut self, place: usize) {
        self.items[place].present = false;
        for it in &mut self.items {
            it.parents.retain(|parent| *parent != place);
            if it.host == Some(place) {
                it.present = false;
            }
        }
    }

    /// Who was removed comes back under the old name; a service only if its host is there.
    fn bring_back(&mut self, dice: &mut Dice) {
        let is_gone =
            |it: &Item| !it.present && it.host.is_none_or(|host| self.items[host].present);
        let gone: Vec<usize> =
            self.items.iter().enumerate().filter(|(_, it)| is_gone(it)).map(|(at, _)| at).collect();
        if !gone.is_empty() {
            let place = dice.pick(&gone);
            self.items[place].present = true;
        }
    }

    /// Changes one setting of somebody.
    fn change(&mut self, dice: &mut Dice, place: usize) {
        let fresh = self.style.check(dice, self.items[place].of_host);
        let is_parent = self.items.iter().any(|it| it.parents.contains(&place));
        let hosts: Vec<usize> = self.shallow_hosts().filter(|it| *it < place).collect();
        let item = &mut self.items[place];
        let Some(mut check) = item.check.as_deref().cloned() else {
            item.check = Some(Arc::new(fresh));
            return;
        };
        match dice.below(12) {
            0 => check.every = fresh.every.max(check.timeout * 2).max(check.retry_every),
            1 => check.attempts_max = fresh.attempts_max,
            2 => check.rules = fresh.rules,
            3 => check.period = fresh.period,
            4 => {
                let profile = check.profile;
                check.flapping = flapping(dice, profile, item.of_host);
            }
            5 => check.retry_every = fresh.retry_every.min(check.every),
            6 if item.of_host && !hosts.is_empty() && !self.style.flat => {
                item.parents = vec![dice.pick(&hosts)];
            }
            7 if item.of_host && !is_parent => {
                item.check = None;
                return;
            }
            _ => item.definition = dice.roll(),
        }
        item.check = Some(Arc::new(check));
    }

    // The truth.

    /// How a look at `place` would find it at `at`, were nothing in the way of the look itself.
    #[must_use]
    pub fn truth(&self, place: usize, at: Moment) -> Stretch {
        let item = &self.items[place];
        let own = item.target.at(at);
        let cut_off = match item.of_host {
            true => !self.is_reachable(place, at),
            false => item.host.is_some_and(|host| !self.is_reachable(host, at)),
        };
        if cut_off { Stretch { status: Status::Critical, ..own } } else { own }
    }

    /// When the truth about `place` may next change after `at`.
    #[must_use]
    pub fn truth_changes_after(&self, place: usize, at: Moment) -> Option<Moment> {
        let item = &self.items[place];
        let above = item.parents.iter().copied().chain(item.host);
        let changes = above.filter_map(|it| self.truth_changes_after(it, at));
        changes.chain(item.target.changes_after(at)).min()
    }

    /// Would a host be found up?
    fn is_reachable(&self, host: usize, at: Moment) -> bool {
        let item = &self.items[host];
        let alive = matches!(item.target.at(at).status, Status::Ok | Status::Warning);
        let parents = &item.parents;
        alive && (parents.is_empty() || parents.iter().any(|it| self.is_reachable(*it, at)))
    }

    /// Is the truth about `place` a failure, as its check means it?
    #[must_use]
    pub fn is_failing(&self, place: usize, at: Moment) -> bool {
        match self.truth(place, at).status {
            Status::Ok => false,
            Status::Warning => !self.items[place].of_host,
            _ => true,
        }
    }
}
