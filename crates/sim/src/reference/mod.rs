//! The reference model: how results become beliefs, said as plainly as possible.
//!
//! It is written from the description of the three profiles, apart from the engine and by another
//! hand, so that a mistake in one of them shows as a difference. It is allowed to be slow: it keeps
//! every recorded status for ever and adds up flap weights as floating-point numbers, where the
//! engine keeps bits and whole numbers. The simulator compares each belief of the engine with it;
//! the engine's own tests include this file by its path.

use model::{Flapping, Look, Profile, StateType, Status};

/// Slots of the ring of statuses, so transitions between them plus one.
const RING_SLOTS: usize = 21;
/// Transitions that count for flapping, in every profile.
const CHANGES: usize = 20;

/// One thing that happens to a checkable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A look found this; one of the four statuses of services, for hosts too.
    Found(Status),
    /// A look could not be made.
    Blind,
    /// The host of this service is up from now on, or is not.
    HostUp(bool),
    /// A parent of this host is up from now on (or it has none), or none is.
    ParentsUp(bool),
    /// The admin switched the judging of flapping on or off.
    Judged(bool),
}

/// By what a checkable is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The rules by which results become beliefs.
    pub profile: Profile,
    /// A host, not a service?
    pub of_host: bool,
    /// Believed at this many bad results.
    pub attempts_max: u8,
    /// When it flaps.
    pub flapping: Flapping,
}

/// What must be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Believed {
    /// Status, type and attempt.
    pub look: Look,
    /// Has a conclusive result ever come?
    pub known: bool,
    /// The last status that was hard.
    pub hard_status: Status,
    /// Does it flap?
    pub flapping: bool,
    /// Percent of state change, in hundredths.
    pub centipercent: u16,
}

/// What must be believed after `events`, in that order.
#[must_use]
pub fn believe(rules: Rules, events: &[Event]) -> Believed {
    let mut story = Story::new(rules);
    for event in events {
        story.live(*event);
    }
    story.believed()
}

/// Everything that ever happened to a checkable, as far as it matters.
#[derive(Clone, Debug)]
pub struct Story {
    /// By what it is judged; may be replaced at any time.
    pub rules: Rules,
    host_up: bool,
    parents_up: bool,
    look: Look,
    known: bool,
    hard_status: Status,
    /// The last bad result came while the host was not up.
    bad_under_fallen_host: bool,
    flapping: bool,
    /// Every recorded status since the beginning, for the ring of statuses.
    recorded: Vec<Status>,
    /// Every recorded change since the beginning, for the ring of change bits.
    changes: Vec<bool>,
    /// The status against which the next one is a change.
    last_recorded: Status,
}

impl Story {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let fine = if rules.of_host { Status::Up } else { Status::Ok };
        Self {
            rules,
            host_up: true,
            parents_up: true,
            look: Look { status: fine, kind: StateType::Hard, attempt: 1 },
            known: false,
            hard_status: fine,
            bad_under_fallen_host: false,
            flapping: false,
            recorded: vec![fine; RING_SLOTS],
            changes: vec![false; CHANGES],
            last_recorded: Status::Unknown,
        }
    }

    /// The admin changed the rules: what is believed stays, as far as it fits.
    pub fn redefine(&mut self, rules: Rules) {
        let shape = |it: Rules| it.profile == Profile::Icinga;
        if shape(self.rules) != shape(rules) {
            let Self { recorded, changes, last_recorded, .. } = Self::new(rules);
            (self.recorded, self.changes, self.last_recorded) = (recorded, changes, last_recorded);
        }
        self.look.attempt = self.look.attempt.min(rules.attempts_max);
        self.rules = rules;
    }

    /// How host and parents are from now on, without this being news to anybody.
    pub fn surround(&mut self, host_up: bool, parents_up: bool) {
        (self.host_up, self.parents_up) = (host_up, parents_up);
    }

    /// What must be believed now.
    #[must_use]
    pub fn believed(&self) -> Believed {
        Believed {
            look: self.look,
            known: self.known,
            hard_status: self.hard_status,
            flapping: self.flapping,
            centipercent: self.centipercent(),
        }
    }

    /// Something happens.
    pub fn live(&mut self, event: Event) {
        match event {
            Event::Blind => {}
            Event::HostUp(up) => self.host_up = up,
            Event::ParentsUp(up) => {
                self.parents_up = up;
                if !self.look.status.is_fine() {
                    self.look.status = self.bad_host_status();
                }
            }
            Event::Judged(judged) => self.rules.flapping.judged = judged,
            Event::Found(raw) => self.found(raw),
        }
        if self.look.kind == StateType::Hard {
            self.hard_status = self.look.status;
        }
    }

    fn found(&mut self, raw: Status) {
        let status = if self.rules.of_host { self.host_status(raw) } else { raw };
        self.known = true;
        self.look = self.look_after(status);
        if !status.is_fine() {
            self.bad_under_fallen_host = self.waits_for_host();
        }
        if self.record(raw, status) {
            self.judge_flapping();
        }
    }

    fn host_status(&self, raw: Status) -> Status {
        match raw {
            Status::Ok | Status::Warning => Status::Up,
            _ => self.bad_host_status(),
        }
    }

    fn bad_host_status(&self) -> Status {
        if self.parents_up { Status::Down } else { Status::Unreachable }
    }

    /// Only `campanile` lets services wait for the verdict on their host.
    fn waits_for_host(&self) -> bool {
        self.rules.profile == Profile::Campanile && !self.rules.of_host && !self.host_up
    }

    /// Status, type and attempt after a result that found `status`.
    fn look_after(&self, status: Status) -> Look {
        let before = self.look;
        let was_soft_bad = before.kind == StateType::Soft && !before.status.is_fine();
        let was_hard_bad = before.kind == StateType::Hard && !before.status.is_fine();
        if status.is_fine() {
            let lingers = self.rules.profile == Profile::Nagios && self.rules.of_host;
            let kind = if lingers && was_soft_bad { StateType::Soft } else { StateType::Hard };
            return Look { status, kind, attempt: 1 };
        }
        if self.waits_for_host() {
            return match () {
                () if was_hard_bad => before,
                () if was_soft_bad => Look { status, ..before },
                () => Look { status, kind: StateType::Soft, attempt: 1 },
            };
        }
        if was_hard_bad {
            return Look { status, ..before };
        }
        let attempt = match was_soft_bad && !self.bad_under_fallen_host {
            true => before.attempt + 1,
            false => 1,
        };
        if attempt >= self.rules.attempts_max {
            return self.hard(status);
        }
        Look { status, kind: StateType::Soft, attempt }
    }

    /// Icinga goes back to the first attempt once it believes, the others stay at the last.
    fn hard(&self, status: Status) -> Look {
        let attempt = match self.rules.profile {
            Profile::Icinga => 1,
            Profile::Campanile | Profile::Nagios => self.rules.attempts_max,
        };
        Look { status, kind: StateType::Hard, attempt }
    }

    /// Remembers a result for flapping; says whether flapping is to be judged now.
    fn record(&mut self, raw: Status, status: Status) -> bool {
        let is_ignored = |it: Status| self.rules.flapping.ignored & (1 << it.number()) != 0;
        match self.rules.profile {
            Profile::Icinga => {
                let ignored = is_ignored(status);
                self.changes.push(!ignored && raw != self.last_recorded);
                if !ignored {
                    self.last_recorded = raw;
                }
                true
            }
            Profile::Nagios if !self.rules.of_host && self.look.kind == StateType::Soft => false,
            Profile::Campanile | Profile::Nagios => {
                if is_ignored(status) {
                    return false;
                }
                self.recorded.push(status);
                true
            }
        }
    }

    fn judge_flapping(&mut self) {
        let Flapping { judged, high_centipercent: high, low_centipercent: low, .. } =
            self.rules.flapping;
        let value = self.centipercent();
        self.flapping = judged
            && match (self.rules.profile, self.flapping) {
                (Profile::Icinga, false) => value > high,
                (Profile::Icinga, true) => value > low,
                (_, false) => value >= high,
                (_, true) => value > low,
            };
    }

    fn centipercent(&self) -> u16 {
        let sum: f64 = match self.rules.profile {
            Profile::Icinga => {
                let newest = &self.changes[self.changes.len() - CHANGES..];
                let weighed = newest.iter().zip(0_u8..);
                weighed.map(|(changed, i)| weight_if(*changed, 0.80 + 0.02 * f64::from(i))).sum()
            }
            Profile::Campanile | Profile::Nagios => {
                let newest = &self.recorded[self.recorded.len() - RING_SLOTS..];
                let weighed = newest.windows(2).zip(1_u8..);
                weighed
                    .map(|(pair, x)| {
                        let weight = 0.75 + (f64::from(x) - 1.0) * 0.5 / 19.0;
                        weight_if(pair[0] != pair[1], weight)
                    })
                    .sum()
            }
        };
        let percent = 100.0 * sum / 20.0;
        // At most 100 %, so at most 10,000.
        (percent * 100.0).round() as u16
    }
}

fn weight_if(changed: bool, weight: f64) -> f64 {
    if changed { weight } else { 0.0 }
}
