//! Everything that is owed and not yet final: what is sent when, and in which order.
//!
//! Works on nothing but the rows of waiting alerts, so a restart needs nothing else. A hand-out is
//! written down (`may_have_arrived`) in the same transaction that orders it, so after a crash it is
//! known which alerts may have got through: those are repeated with the same key, all others were
//! certainly never sent and may still be withdrawn or gathered.
//!
//! Nothing here looks through all that waits, except when channels change: a hundred thousand
//! alerts for one dead receiver cost the other receivers nothing.
//!
//! The parts: [`lines`] order what is about one problem, [`paths`] gather per route, [`doors`]
//! pace per channel, [`backoff`] says how long a failure waits; `flow` moves alerts between them,
//! `ends` takes them out.

mod backoff;
mod digest;
mod doors;
mod ends;
mod fallback;
mod flow;
mod lines;
#[cfg(test)]
mod outbox_tests;
mod packed;
mod paths;
#[cfg(test)]
mod storm_tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    Alert, AlertKey, AlertKind, AlertState, Channel, Delivery, Moment, ProblemId, Route, Row,
    Status, WithdrawReason,
};

use self::{
    doors::Door,
    lines::Lines,
    packed::{LabelPool, Packed},
    paths::Path,
};
use super::pen::{Pen, Rules};

/// Everything that is owed and not yet final.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    installation: u64,
    /// Place in line of the next alert that comes.
    next_turn: u64,
    entries: BTreeMap<AlertKey, Entry>,
    lines: Lines,
    /// When each is given up.
    expiry: BTreeSet<(Moment, AlertKey)>,
    paths: Vec<Path>,
    paths_by_route: BTreeMap<Route, u32>,
    doors: Vec<Door>,
    doors_by_name: BTreeMap<Arc<str>, u32>,
    labels: LabelPool,
}

/// An alert that waits.
#[derive(Debug)]
struct Entry {
    packed: Packed,
    /// Older ones go first; 0 until it has been put in line.
    turn: u64,
    spot: Spot,
    /// Why it is not tried again if the try that runs fails.
    halt: Option<WithdrawReason>,
}

/// Where an [`Entry`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// Behind older ones about the same problem, or nowhere yet.
    Behind,
    /// In the queue of its channel, from this moment on.
    Queued(Moment),
    /// The same, after a failure; with the number that the channel gave for it.
    Retrying(Moment, u32),
    /// Among those that gather for its route.
    Gathered,
    /// On its way.
    InFlight,
    /// It ends at the next [`Outbox::expire`].
    Ending,
}

/// What a message told of one problem; a digest tells of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tale {
    /// About which problem; `ProblemId(0)` if about none.
    pub(crate) problem: ProblemId,
    /// What it said of it.
    pub(crate) kind: AlertKind,
    /// In which status it said it to be.
    pub(crate) status: Status,
    /// The alert that was owed; the digest has another key.
    pub(crate) key: AlertKey,
}

/// What came of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Settled {
    /// It reached its route, or nobody will ever know and it is not sent again.
    Reached {
        /// Where it went.
        route: Route,
        /// Under which key.
        key: AlertKey,
        /// What it told.
        tales: Vec<Tale>,
    },
    /// It is given up. If `alert.may_have_arrived`, its [`tales`] count as told on its route.
    Dead {
        /// As it is kept, a digest with all its members.
        alert: Box<Alert>,
        /// The route of the channel that gets it instead, see [`Outbox::fallback_of`].
        fallback: Option<Route>,
    },
    /// It is not needed any more: its problem ended or was suppressed while it was on its way, or
    /// its channel has gone. If `alert.may_have_arrived`, its [`tales`] count as told on its route.
    Withdrawn {
        /// As it is kept.
        alert: Box<Alert>,
    },
    /// It is tried again by itself.
    Retry,
}

/// What became of the alerts that waited on a route when their problem ended or was suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// One is on its way or may have arrived: what comes of it is told by a [`Settled`]. A resolve
    /// has to follow it; if it turns out that it never arrived, that is withdrawn by itself.
    MayReach,
    /// Certainly none was sent, and none will be.
    Withdrawn,
}

/// Has a trigger or reminder of a problem reached a route before, by [`Settled::Reached`] or by
/// [`Settled::Dead`] and [`Settled::Withdrawn`] with `may_have_arrived`? `true` for a problem that
/// nobody remembers.
pub(crate) type WasTold<'a> = &'a dyn Fn(ProblemId, &Route) -> bool;

/// What a message tells: of one problem, or a digest of several.
pub(crate) fn tales(alert: &Alert) -> Vec<Tale> {
    let Alert { problem, kind, key, .. } = *alert;
    let status = alert.content.status;
    if alert.content.members.is_empty() {
        return vec![Tale { problem, kind, status, key }];
    }
    let members = alert.content.members.iter();
    members
        .map(|it| Tale { problem: it.problem, kind: it.kind, status: it.status, key: it.key })
        .collect()
}

/// An alert that is handed on may be about something that is over by now: then it says so, since
/// nobody would hear of the end.
pub(crate) fn in_past_tense(mut alert: Alert, is_over: &dyn Fn(ProblemId) -> bool) -> Alert {
    let missed = |problem: ProblemId, kind: AlertKind| match kind {
        AlertKind::Trigger | AlertKind::Reminder if is_over(problem) => AlertKind::Missed,
        _ => kind,
    };
    alert.kind = missed(alert.problem, alert.kind);
    if !alert.content.members.is_empty() {
        for it in &mut alert.content.members {
            it.kind = missed(it.problem, it.kind);
        }
        alert.kind = digest::kind_of(&alert.content.members);
    }
    alert
}

/// Does it say that there is a problem? Then its end is news to whoever has got it.
pub(crate) fn says_bad(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::Trigger | AlertKind::Reminder)
}

/// The channel that is called `name`.
fn find_channel<'a>(rules: &'a Rules, name: &str) -> Option<&'a Channel> {
    let channels = &rules.duty.channels;
    channels.binary_search_by(|it| (*it.name).cmp(name)).ok().map(|at| &channels[at])
}

impl Entry {
    /// Was it certainly never sent?
    fn is_untried(&self) -> bool {
        self.packed.attempts == 0 && self.is_unsent()
    }

    /// Did no try ever get through, for certain?
    fn is_unsent(&self) -> bool {
        !self.packed.in_doubt && self.spot != Spot::InFlight
    }

    /// May it share a message with others?
    fn may_gather(&self) -> bool {
        let alone = matches!(
            self.packed.kind,
            AlertKind::Heartbeat | AlertKind::Question | AlertKind::Message | AlertKind::Test
        );
        !alone && self.is_untried() && !self.packed.is_digest()
    }
}

impl Outbox {
    /// Nothing is owed. `installation` is a part of the keys of digests and fallbacks.
    pub(crate) fn new(installation: u64) -> Self {
        Self { installation, next_turn: 1, ..Self::default() }
    }

    /// Takes a waiting alert from the store, in any order. Once all are in,
    /// [`Self::channels_changed`] puts them in line.
    pub(crate) fn restore(&mut self, mut alert: Alert) {
        if !alert.is_waiting() || self.entries.contains_key(&alert.key) {
            return;
        }
        if alert.attempts > 0 {
            // The receiver may have come back meanwhile: find out at once.
            alert.not_before = Moment::ZERO;
        }
        self.insert(alert, 0);
    }

    /// How many alerts wait, digests and not their members counted.
    pub(crate) fn waiting(&self) -> usize {
        self.entries.len()
    }

    /// How many alerts wait on each channel that ever had one.
    pub(crate) fn waiting_by_channel(&self) -> Vec<(Arc<str>, usize)> {
        self.doors.iter().map(|it| (Arc::clone(&it.name), it.waiting)).collect()
    }

    /// Does an alert about this problem wait on some route, also within a digest that is on its
    /// way? For `ProblemId(0)`: does a sign of life wait?
    pub(crate) fn has_waiting(&self, problem: ProblemId) -> bool {
        if problem == ProblemId(0) {
            return self.paths.iter().any(|it| it.heartbeat.is_some());
        }
        self.lines.of_problem(problem).next().is_some()
            || self.lines.digests_of(problem).next().is_some()
    }

    /// Does bad news about this problem wait on this route? What a digest tells counts as such.
    pub(crate) fn waits_on(&self, problem: ProblemId, route: &Route) -> bool {
        let Some(route) = self.paths_by_route.get(route).copied() else { return false };
        let is_bad_news =
            |it: AlertKey| self.entries.get(&it).is_some_and(|it| says_bad(it.packed.kind));
        self.lines.line(problem, route).any(is_bad_news)
            || self.lines.digests_of(problem).any(|it| it.0 == route)
    }

    /// A waiting alert as it is now.
    pub(crate) fn get(&self, key: AlertKey) -> Option<Alert> {
        let entry = self.entries.get(&key)?;
        let path = self.path(entry.packed.route);
        let mut alert = entry.packed.unpack(key, &path.route);
        alert.may_have_arrived |= entry.spot == Spot::InFlight;
        Some(alert)
    }

    /// Puts an alert in line and writes its row. A key that waits already changes nothing.
    pub(crate) fn owe(&mut self, mut alert: Alert, rules: &Rules, pen: &mut Pen) {
        if self.entries.contains_key(&alert.key) {
            return;
        }
        if find_channel(rules, &alert.route.channel).is_none() {
            alert.state = AlertState::Withdrawn { reason: WithdrawReason::NoChannel };
            pen.rows.push(Row::Alert(Box::new(alert)));
            return;
        }
        self.supersede(&alert, pen);
        pen.rows.push(Row::Alert(Box::new(alert.clone())));
        let (key, turn) = (alert.key, self.turn());
        self.insert(alert, turn);
        self.learn_gathering(key, rules);
        self.place(key, pen.now);
    }

    /// A try to deliver has ended. `None` if it was not in flight.
    pub(crate) fn settle(
        &mut self,
        key: AlertKey,
        delivery: Delivery,
        rules: &Rules,
        told: WasTold<'_>,
        pen: &mut Pen,
    ) -> Option<Settled> {
        let now = pen.now;
        let entry = self.entries.get_mut(&key).filter(|it| it.spot == Spot::InFlight)?;
        entry.spot = Spot::Behind;
        entry.packed.attempts = entry.packed.attempts.saturating_add(1);
        let door = &mut self.doors[self.paths[entry.packed.route as usize].door as usize];
        match delivery {
            Delivery::Taken => {
                door.taken();
                entry.packed.fault = Box::default();
                Some(self.reached(key, Some(told), pen))
            }
            Delivery::Never { fault } => {
                door.refused();
                entry.packed.fault = fault.into_boxed_str();
                Some(match entry.halt {
                    Some(WithdrawReason::Suppressed) => self.withdrawn(key, told, pen),
                    Some(_) if !entry.packed.in_doubt => self.withdrawn(key, told, pen),
                    _ => self.dead(key, rules, told, pen),
                })
            }
            Delivery::Later { fault, after, may_have_arrived } => {
                let rest = after.map(|it| it.min(backoff::RETRY_AFTER_MAX));
                door.failed(now, rest);
                entry.packed.fault = fault.into_boxed_str();
                entry.packed.in_doubt |= may_have_arrived;
                let wait = backoff::wait(key, entry.packed.attempts);
                entry.packed.not_before = now.after(rest.map_or(wait, |it| it.max(wait)));
                Some(self.after_failure(key, rules, told, pen))
            }
        }
    }

    /// The alert that goes to the fallback route instead of a dead one. `ordinal` is the next one
    /// about its problem on that route (not used for a digest).
    pub(crate) fn fallback_of(
        &self,
        dead: &Alert,
        ordinal: u32,
        rules: &Rules,
        pen: &mut Pen,
    ) -> Option<Alert> {
        fallback::alert_of(self.installation, dead, ordinal, rules, pen)
    }

    /// What a dead digest lists, an alert each, if its fallback `route` takes no digests.
    pub(crate) fn apart(&self, dead: &Alert, route: &Route, rules: &Rules) -> Vec<Alert> {
        fallback::apart(dead, &route.channel, rules)
    }

    /// Tries a dead alert again, under its own key. `false` if it is not dead, or its channel has
    /// gone. The caller writes down who wanted it.
    pub(crate) fn redeliver(&mut self, mut dead: Alert, rules: &Rules, pen: &mut Pen) -> bool {
        let Some(channel) = find_channel(rules, &dead.route.channel) else { return false };
        if !matches!(dead.state, AlertState::Dead { .. }) || self.entries.contains_key(&dead.key) {
            return false;
        }
        dead.state = AlertState::Waiting;
        dead.attempts = 0;
        dead.not_before = pen.now;
        dead.expires_at = pen.now.after(channel.ttl);
        pen.rows.push(Row::Alert(Box::new(dead.clone())));
        let (key, turn) = (dead.key, self.turn());
        self.insert(dead, turn);
        self.learn_gathering(key, rules);
        self.place(key, pen.now);
        true
    }

    /// Channels may have come, gone or changed, or alerts have been restored: puts everything in
    /// line anew. What failed keeps its time.
    pub(crate) fn channels_changed(&mut self, rules: &Rules, pen: &mut Pen) -> Vec<Settled> {
        let mut keys: Vec<(u64, Moment, u32, AlertKey)> = self
            .entries
            .iter()
            .map(|(key, it)| (it.turn, it.packed.owed_at, it.packed.ordinal, *key))
            .collect();
        // Restored ones have no turn yet and come first, by age.
        keys.sort_unstable();
        for path in &mut self.paths {
            path.gathers = gathers(find_channel(rules, &path.route.channel));
        }
        for &(turn, _, _, key) in &keys {
            self.lift(key);
            if turn == 0 {
                let turn = self.turn();
                self.entries.entry(key).and_modify(|it| it.turn = turn);
            }
        }
        let keys: Vec<AlertKey> = keys.into_iter().map(|it| it.3).collect();
        let dropped = keys.iter().filter_map(|it| self.drop_impossible(*it, rules, pen)).collect();
        for key in keys {
            self.place(key, pen.now);
        }
        dropped
    }

    fn turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn - 1
    }

    fn path(&self, route: u32) -> &Path {
        &self.paths[route as usize]
    }

    /// The number of a route, which is a new one if it was never met.
    fn route_of(&mut self, route: &Route) -> u32 {
        if let Some(it) = self.paths_by_route.get(route) {
            return *it;
        }
        let door = match self.doors_by_name.get(&route.channel) {
            Some(it) => *it,
            None => {
                let place = u32::try_from(self.doors.len()).expect("channels fit 32 bits");
                self.doors.push(Door::new(Arc::clone(&route.channel)));
                self.doors_by_name.insert(Arc::clone(&route.channel), place);
                place
            }
        };
        let place = u32::try_from(self.paths.len()).expect("routes fit 32 bits");
        self.paths.push(Path::new(route.clone(), door));
        self.paths_by_route.insert(route.clone(), place);
        place
    }

    fn learn_gathering(&mut self, key: AlertKey, rules: &Rules) {
        let Some(entry) = self.entries.get(&key) else { return };
        let path = &mut self.paths[entry.packed.route as usize];
        path.gathers = gathers(find_channel(rules, &path.route.channel));
    }

    /// Among the waiting, but not in line yet.
    fn insert(&mut self, alert: Alert, turn: u64) {
        let route = self.route_of(&alert.route);
        let (key, problem, ordinal) = (alert.key, alert.problem, alert.ordinal);
        if problem != ProblemId(0) {
            self.lines.add(problem, route, ordinal, key);
        }
        for it in lined_up(&alert.content.members) {
            self.lines.list(it, route, key, true);
        }
        if alert.kind == AlertKind::Heartbeat {
            self.paths[route as usize].heartbeat = Some(key);
        }
        self.expiry.insert((alert.expires_at, key));
        self.doors[self.paths[route as usize].door as usize].waiting += 1;
        let packed = Packed::of(alert, route, &mut self.labels);
        self.entries.insert(key, Entry { packed, turn, spot: Spot::Behind, halt: None });
    }
}

/// Does a channel hold alerts back to send them together?
fn gathers(channel: Option<&Channel>) -> bool {
    channel.is_some_and(|it| it.group.is_some() || it.limit.is_some())
}

/// The problems in a digest whose lines wait for it.
fn lined_up(members: &[model::Member]) -> impl Iterator<Item = ProblemId> + '_ {
    members.iter().map(|it| it.problem).filter(|it| *it != ProblemId(0))
}
