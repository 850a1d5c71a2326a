//! Who has the duty, who rests, who is let in, and whether a sign of life is the truth.

use model::{Alert, AlertKind, Moment, Row, Target, Token, WindowEffect};

use super::{Judge, View, gates, scan::SLACK};

impl Judge {
    /// The timetable gets on from now on, or does not.
    pub(crate) fn progress(&mut self, now: Moment, progress: bool) {
        match progress {
            false => self.stalled_since = self.stalled_since.or(Some(now)),
            true => self.stalled_since = None,
        }
    }

    /// What came of something supposed.
    pub(crate) fn supposed(&mut self, fault: Option<String>) {
        self.seen.supposed += 1;
        self.demand(fault.is_none(), || fault.unwrap_or_default());
    }

    /// Does nobody wait for anything, as far as the judge knows?
    pub(crate) fn is_all_well(&self) -> bool {
        self.blind_since.is_none()
            && self.open_about.values().all(std::collections::BTreeSet::is_empty)
    }

    /// A sign of life is a lie while nothing gets on.
    pub(super) fn judge_sign_of_life(&mut self, at: Moment, it: &Alert) {
        if it.kind != AlertKind::Heartbeat {
            return;
        }
        self.seen.heartbeats += 1;
        let alive = self.stalled_since.is_none_or(|since| at <= since);
        self.demand(alive, || format!("a sign of life at {at}, and nothing gets on"));
    }

    /// A step for whoever has the duty goes to whoever has the duty.
    pub(super) fn judge_duty(&mut self, view: &View<'_>, at: Moment, it: &Alert, to: &[Target]) {
        let channel = view.estate.channel(&it.route.channel);
        let [Target::Oncall(oncall)] = to else { return };
        if channel.is_none_or(|it| it.personal.is_none()) {
            return;
        }
        let duty = &view.estate.duty;
        let Some(name) = duty.oncall.get(*oncall as usize).map(|it| &it.name) else { return };
        let standing = view.shelf.overrides.values();
        let instead: Vec<&str> = standing
            .filter(|it| it.oncall == *name && it.span.holds(at))
            .map(|it| &*it.person)
            .collect();
        let shifts = view.estate.times.shifts[*oncall as usize].iter();
        let people = shifts.filter(|it| it.span.holds(at)).flat_map(|it| &it.people);
        let usual = people.map(|it| &*duty.people[*it as usize].name);
        let all: Vec<&str> = if instead.is_empty() { usual.collect() } else { instead.clone() };
        self.seen.instead += u64::from(!instead.is_empty());
        self.demand(all.contains(&&*it.route.contact), || {
            format!("{:?} is told, the duty at {at} is that of {all:?}", it.route)
        });
    }

    /// Who was sent away stays away.
    pub(super) fn token(&mut self, view: &View<'_>, it: &Token) {
        let before = view.shelf.tokens.get(&it.id);
        let back = before.is_some_and(|it| it.revoked_at.is_some()) && it.revoked_at.is_none();
        self.demand(!back, || format!("token {} is taken back, and lives", it.id));
        self.seen.tokens += 1;
    }

    /// Those rest whom a window without checks covers, and nobody else.
    pub(super) fn scan_rest(&mut self, view: &View<'_>) {
        let without: Vec<_> = gates::windows(view)
            .into_iter()
            .filter(|it| it.effect == WindowEffect::NoChecks)
            .collect();
        let (early, late) = (view.now.before(SLACK), view.now.after(SLACK));
        let settled = self.rules_since < early;
        for (place, item) in view.estate.items.iter().enumerate().filter(|it| it.1.present) {
            let rests = view.looks.all[place].resting;
            if without.is_empty() && !rests || !settled {
                continue;
            }
            let label = |name: &str| view.estate.label(place, name);
            let mine = |it: &&gates::Effective| it.scope.holds(label);
            let holds = |at: Moment| without.iter().filter(mine).any(|it| it.span.holds(at));
            let now = holds(view.now);
            if now == holds(early) && now == holds(late) {
                self.demand(rests == now, || {
                    format!("{}: rests {rests}, a window without checks: {now}", item.name)
                });
            }
        }
    }

    /// Rows about who is let in or stands in.
    pub(super) fn note_row(&mut self, view: &View<'_>, row: &Row) {
        match row {
            Row::Token(it) => self.token(view, it),
            Row::Override(_) => self.seen.overrides += 1,
            _ => {}
        }
    }
}
