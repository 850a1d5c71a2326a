//! The way of an alert: from its line to the group of its route or straight to the queue of its
//! channel, and out.

use model::{Alert, AlertKey, AlertState, Moment, ProblemId, Row};

use super::{Entry, Outbox, Path, Spot, digest, doors::Item, find_channel};
use crate::desk::pen::{Pen, Rules};

impl Outbox {
    /// What is to be sent now: it is in flight from now on, until [`Outbox::settle`]. At most
    /// [`super::doors::SENDS_PER_CHANNEL_MAX`] for each channel. The rows must be kept before it is
    /// sent.
    pub(crate) fn due(&mut self, rules: &Rules, pen: &mut Pen) -> Vec<AlertKey> {
        let mut keys = Vec::new();
        for door in 0..self.doors.len() {
            while let Some(item) = self.doors[door].pick(pen.now) {
                match item {
                    Item::Alert(key) | Item::Retry(key, _) => {
                        keys.extend(self.hand_out_or_gather(key, rules, pen));
                    }
                    Item::Group(route) => keys.extend(self.close_group(route, rules, pen)),
                }
            }
        }
        keys
    }

    /// When [`Outbox::expire`] and [`Outbox::due`] have something to do next; the past means now.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        let expires = self.expiry.first().map(|it| it.0);
        self.doors.iter().filter_map(super::Door::next_at).chain(expires).min()
    }

    /// Puts an alert in line that stands nowhere.
    pub(super) fn place(&mut self, key: AlertKey, now: Moment) {
        let Some(entry) = self.entries.get(&key).filter(|it| it.spot == Spot::Behind) else {
            return;
        };
        match entry.packed.problem {
            ProblemId(0) => self.schedule(key, now),
            problem => self.advance(problem, entry.packed.route, now),
        }
    }

    /// The first of a line may go on, if nothing of it is on its way.
    pub(super) fn advance(&mut self, problem: ProblemId, route: u32, now: Moment) {
        let Some(head) = self.lines.head(problem, route) else { return };
        if self.lines.is_listed(problem, route) {
            return;
        }
        if let Some(active) = self.lines.active(problem, route) {
            let spot = self.entries.get(&active).map(|it| it.spot);
            let is_under_way =
                matches!(spot, Some(Spot::Retrying(..) | Spot::InFlight | Spot::Ending));
            if is_under_way || active == head && spot != Some(Spot::Behind) {
                return;
            }
            // An older one has come back into line, and goes first.
            self.lift(active);
        }
        self.lines.activate(problem, route, head);
        self.schedule(head, now);
    }

    fn schedule(&mut self, key: AlertKey, now: Moment) {
        let Some(entry) = self.entries.get(&key).filter(|it| it.spot == Spot::Behind) else {
            return;
        };
        if entry.packed.not_before <= now
            && entry.may_gather()
            && self.path(entry.packed.route).gathers
        {
            self.gather(key, now);
            return;
        }
        let (route, turn, at) = (entry.packed.route, entry.turn, entry.packed.not_before.max(now));
        let door = self.path(route).door;
        self.doors[door as usize].put(at, turn, Item::Alert(key));
        self.set_spot(key, Spot::Queued(at));
    }

    /// Adds an alert to what leaves next for its route.
    fn gather(&mut self, key: AlertKey, now: Moment) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.spot = Spot::Gathered;
        let (route, turn) = (entry.packed.route, entry.turn);
        self.paths[route as usize].group.insert(turn, key);
        if self.path(route).slot.is_none() {
            self.reserve(route, now);
        }
    }

    /// A place in the queue for the group of a route, from `at` on. When the route really allows
    /// it is looked at then.
    fn reserve(&mut self, route: u32, at: Moment) {
        let turn = self.turn();
        let path = &mut self.paths[route as usize];
        path.slot = Some((at, turn));
        self.doors[path.door as usize].put(at, turn, Item::Group(route));
    }

    /// Takes an alert out of wherever it stands, unless it is on its way or about to end. What
    /// failed stays in its queue.
    pub(super) fn lift(&mut self, key: AlertKey) {
        let spot = self.entries.get(&key).map(|it| it.spot);
        if matches!(spot, Some(Spot::Queued(_) | Spot::Gathered)) {
            self.detach(key);
            self.set_spot(key, Spot::Behind);
        }
    }

    /// Takes an alert out of its queue or group.
    pub(super) fn detach(&mut self, key: AlertKey) {
        let Some(Entry { packed, turn, spot, .. }) = self.entries.get(&key) else { return };
        let (turn, spot, route) = (*turn, *spot, packed.route);
        let Path { group, slot, door, .. } = &mut self.paths[route as usize];
        let door = &mut self.doors[*door as usize];
        match spot {
            Spot::Queued(at) => door.take_out(at, turn, None),
            Spot::Retrying(at, failed_in) => door.take_out(at, turn, Some(failed_in)),
            Spot::Gathered => {
                group.remove(&turn);
                if group.is_empty()
                    && let Some((at, turn)) = slot.take()
                {
                    door.take_out(at, turn, None);
                }
            }
            Spot::Behind | Spot::InFlight | Spot::Ending => {}
        }
    }

    pub(super) fn set_spot(&mut self, key: AlertKey, spot: Spot) {
        if let Some(it) = self.entries.get_mut(&key) {
            it.spot = spot;
        }
    }

    /// An alert has come to the head of its queue.
    fn hand_out_or_gather(
        &mut self,
        key: AlertKey,
        rules: &Rules,
        pen: &mut Pen,
    ) -> Option<AlertKey> {
        let entry = self.entries.get(&key)?;
        if entry.may_gather() && self.path(entry.packed.route).gathers {
            // Its time has come only now.
            self.gather(key, pen.now);
            return None;
        }
        self.hand_out(key, rules, pen)
    }

    /// An alert is on its way. That is written down first: after a crash nobody knows more.
    fn hand_out(&mut self, key: AlertKey, rules: &Rules, pen: &mut Pen) -> Option<AlertKey> {
        let entry = self.entries.get_mut(&key)?;
        let is_known = entry.packed.in_doubt;
        let (is_first, kind) = (entry.is_untried(), entry.packed.kind);
        entry.spot = Spot::InFlight;
        let path = &mut self.paths[entry.packed.route as usize];
        self.doors[path.door as usize].sent();
        if is_first {
            path.leaves(pen.now, kind, find_channel(rules, &path.route.channel));
        }
        if !is_known {
            pen.rows.extend(self.get(key).map(|it| Row::Alert(Box::new(it))));
        }
        Some(key)
    }

    /// What has gathered for a route leaves, if the route allows it by now: one alert by itself,
    /// several as a digest that lists all of them.
    fn close_group(&mut self, route: u32, rules: &Rules, pen: &mut Pen) -> Option<AlertKey> {
        let path = &mut self.paths[route as usize];
        path.slot = None;
        let channel = find_channel(rules, &path.route.channel);
        let leaves_at = path.leaves_at(pen.now, channel);
        if leaves_at > pen.now {
            self.reserve(route, leaves_at);
            return None;
        }
        let entries = path.group.values().filter_map(|it| self.entries.get(it));
        let fitting = digest::fitting(entries.map(|it| it.packed.label_bytes()));
        let keys: Vec<AlertKey> = path.group.values().take(fitting).copied().collect();
        let key = match keys[..] {
            [] => return None,
            [single] => {
                path.group.pop_first();
                single
            }
            _ => self.aggregate(route, &keys, pen),
        };
        let handed_out = self.hand_out(key, rules, pen);
        if !self.path(route).group.is_empty() {
            self.reserve(route, pen.now);
        }
        handed_out
    }

    /// Makes a digest of alerts. They are final; their lines wait for the digest.
    fn aggregate(&mut self, route: u32, keys: &[AlertKey], pen: &mut Pen) -> AlertKey {
        // A number that was never used before, so no two digests share a key.
        let number = ProblemId(pen.id());
        let path_route = self.path(route).route.clone();
        let into = AlertKey::of(self.installation, number, digest::DIGEST_STEP, &path_route, 0);
        let alerts: Vec<Alert> = keys
            .iter()
            .filter_map(|key| self.conclude(*key, AlertState::Aggregated { into }, pen))
            .collect();
        let digest = digest::digest_of(into, &path_route, &alerts, pen.now);
        for (alert, key) in alerts.iter().zip(keys) {
            self.lines.release(alert.problem, route, *key);
        }
        let turn = self.turn();
        self.insert(digest, turn);
        into
    }
}
