//! Routes: what gathers for each, and when the next message to it may leave.
//!
//! A channel that groups, or has a limit, sends nothing of its own accord: what is ready gathers
//! per route, and leaves as soon as the route allows a message, one alert by itself, several as a
//! digest. So nothing that is held back can be forgotten: it is in the next message.

use std::collections::{BTreeMap, VecDeque};

use model::{AlertKey, AlertKind, Channel, Moment, Route};

/// One route, as the outbox sees it.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) route: Route,
    /// Its channel, a place in the list of doors.
    pub(super) door: u32,
    /// Does its channel group or limit?
    pub(super) gathers: bool,
    /// When the last message left that was not a repeat.
    last_at: Option<Moment>,
    /// When the last ones left that count for the limit.
    sent_at: VecDeque<Moment>,
    /// What is ready and has not left, by turn.
    pub(super) group: BTreeMap<u64, AlertKey>,
    /// Where the group stands in the queue of the door.
    pub(super) slot: Option<(Moment, u64)>,
    /// The sign of life that waits for it.
    pub(super) heartbeat: Option<AlertKey>,
}

impl Path {
    pub(super) fn new(route: Route, door: u32) -> Self {
        Self {
            route,
            door,
            gathers: false,
            last_at: None,
            sent_at: VecDeque::new(),
            group: BTreeMap::new(),
            slot: None,
            heartbeat: None,
        }
    }

    /// From when on the next message may leave.
    pub(super) fn leaves_at(&self, now: Moment, channel: Option<&Channel>) -> Moment {
        let Some(channel) = channel else { return now };
        let mut at = now;
        if let (Some(group), Some(last_at)) = (channel.group, self.last_at) {
            at = at.max(last_at.after(group));
        }
        if let Some(limit) = channel.limit {
            let count = usize::try_from(limit.count.max(1)).unwrap_or(usize::MAX);
            let first = self.sent_at.len().checked_sub(count).map(|it| self.sent_at[it]);
            at = at.max(first.map_or(now, |it| it.after(limit.per)));
        }
        at
    }

    /// A message leaves that was never sent before. What never waits for others makes none wait
    /// either, but counts for the limit; a sign of life does not, since nobody reads it.
    pub(super) fn leaves(&mut self, now: Moment, kind: AlertKind, channel: Option<&Channel>) {
        match kind {
            AlertKind::Heartbeat => return,
            AlertKind::Question | AlertKind::Test => {}
            _ => self.last_at = Some(now),
        }
        let Some(limit) = channel.and_then(|it| it.limit) else {
            self.sent_at.clear();
            return;
        };
        self.sent_at.push_back(now);
        let count = usize::try_from(limit.count.max(1)).unwrap_or(usize::MAX);
        while self.sent_at.len() > count {
            self.sent_at.pop_front();
        }
    }
}
