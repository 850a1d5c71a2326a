//! The desk's thread: hears all shards, answers them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use engine::Reach;
use model::{CheckableId, FromShard, Position, ToShard};

use crate::shard::Door;

/// Messages that may wait for the desk.
const INBOX_MAX: usize = 16_384;
/// When a shard that could not take an order is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What the desk may be told.
#[derive(Debug)]
pub(crate) enum ToDesk {
    /// A shard speaks.
    Shard(u32, Position, FromShard),
    /// A host was removed. Comes after the last that its shard has said of it.
    Gone(CheckableId),
    /// A host is left to its services from now on: whatever was heard last, it counts as up.
    Unwatched(CheckableId),
    /// Who is behind whom from now on, and what an earlier process believed of hosts. `done` is
    /// let go of once every word that follows from this is with its shard.
    Arrange {
        behind: Vec<(CheckableId, Vec<CheckableId>)>,
        restored: Vec<(CheckableId, bool)>,
        done: Sender<()>,
    },
    /// Nothing comes after this.
    Stop,
}

/// Starts the desk; `doors` lead to the shards.
pub(crate) fn start(doors: Vec<Door>, inbox: Receiver<ToDesk>) -> std::io::Result<JoinHandle<()>> {
    let run = move || {
        let mut desk = Reach::new(true);
        let mut orders = Vec::new();
        let mut heard = BTreeMap::new();
        let mut post = Post { doors, unsent: VecDeque::new(), owed: Vec::new() };
        loop {
            let message = match inbox.recv_timeout(post.patience()) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    post.send(&mut orders);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            match message {
                ToDesk::Shard(shard, position, message) => {
                    // What was heard before is not heard again, whoever repeats it.
                    if heard.get(&shard).is_none_or(|last| *last < position) {
                        heard.insert(shard, position);
                        desk.handle(&message, &mut orders);
                    }
                }
                ToDesk::Arrange { behind, restored, done } => {
                    post.owed.push(done);
                    desk.arrange(&behind, &mut orders);
                    for (host, up) in restored {
                        desk.restore(host, up, &mut orders);
                    }
                }
                ToDesk::Gone(host) => desk.forget(host),
                ToDesk::Unwatched(host) => desk.restore(host, true, &mut orders),
                ToDesk::Stop => return,
            }
            post.send(&mut orders);
        }
    };
    std::thread::Builder::new().name("desk".to_owned()).spawn(run)
}

/// Room for messages to the desk.
pub(crate) fn inbox() -> (Sender<ToDesk>, Receiver<ToDesk>) {
    crossbeam_channel::bounded(INBOX_MAX)
}

/// Takes orders to the shards. A shard that does not take them now gets them later, in order: the
/// desk waits for nobody, so that no two of us can wait for each other.
struct Post {
    doors: Vec<Door>,
    unsent: VecDeque<ToShard>,
    /// Let go of once nothing is unsent.
    owed: Vec<Sender<()>>,
}

impl Post {
    /// How long to wait for the next message: not long while something is unsent.
    fn patience(&self) -> Duration {
        if self.unsent.is_empty() { Duration::from_secs(3_600) } else { TRY_AGAIN_AFTER }
    }

    fn send(&mut self, orders: &mut Vec<ToShard>) {
        self.unsent.extend(orders.drain(..));
        let shards = u32::try_from(self.doors.len()).unwrap_or(1);
        let mut shut = BTreeSet::new();
        for _ in 0..self.unsent.len() {
            let Some(order) = self.unsent.pop_front() else { break };
            let shard = checkable_of(order).shard(shards);
            if shut.contains(&shard) || !self.doors[shard as usize].tell(order) {
                shut.insert(shard);
                self.unsent.push_back(order);
            }
        }
        if self.unsent.is_empty() {
            self.owed.clear();
        }
    }
}

fn checkable_of(order: ToShard) -> CheckableId {
    match order {
        ToShard::Parents { host, .. } => host,
        ToShard::CheckNow { checkable } | ToShard::Rest { checkable, .. } => checkable,
        // To all shards; the desk sends it to each by name.
        ToShard::Blind { .. } => CheckableId(0),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::shard::ToDriver;

    const PARENT: CheckableId = CheckableId(0);
    /// More children than one shard's inbox takes at once.
    const CHILDREN: u32 = 40;
    const ROOM: usize = 16;

    #[test]
    fn an_arrangement_is_done_once_the_shard_has_every_word_that_follows_from_it() {
        let (sender, mut inbox) = mpsc::channel(ROOM);
        let (to_desk, desk_inbox) = super::inbox();
        let thread = start(vec![Door::of(sender)], desk_inbox).unwrap();
        let behind = (1..=CHILDREN).map(|it| (CheckableId(it), vec![PARENT])).collect();
        let (done, arranged) = crossbeam_channel::bounded(0);
        to_desk.send(ToDesk::Arrange { behind, restored: vec![(PARENT, false)], done }).unwrap();
        let mut last_words = BTreeMap::new();
        let mut take = |order| {
            let ToDriver::Desk(ToShard::Parents { host, any_up, .. }) = order else {
                panic!("the desk only speaks of parents here");
            };
            last_words.insert(host, any_up);
        };
        // Each child is told twice: that there are parents, and that none of them is up.
        for _ in 0..2 * CHILDREN as usize - ROOM {
            assert!(arranged.try_recv().is_err_and(|it| it.is_empty()), "done too early");
            take(inbox.blocking_recv().unwrap());
        }
        assert!(arranged.recv().is_err(), "let go of, and nothing sent");
        while let Ok(order) = inbox.try_recv() {
            take(order);
        }
        let unreachable = (1..=CHILDREN).map(|it| (CheckableId(it), false)).collect();
        assert_eq!(last_words, unreachable);
        to_desk.send(ToDesk::Stop).unwrap();
        thread.join().unwrap();
    }
}
