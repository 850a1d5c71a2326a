//! The desk's thread: hears all shards, answers them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use engine::Desk;
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
    /// Who is behind whom from now on, and what an earlier process believed of hosts.
    Arrange { behind: Vec<(CheckableId, Vec<CheckableId>)>, restored: Vec<(CheckableId, bool)> },
    /// Nothing comes after this.
    Stop,
}

/// Starts the desk; `doors` lead to the shards.
pub(crate) fn start(doors: Vec<Door>, inbox: Receiver<ToDesk>) -> std::io::Result<JoinHandle<()>> {
    let run = move || {
        let mut desk = Desk::new(true);
        let mut orders = Vec::new();
        let mut heard = BTreeMap::new();
        let mut post = Post { doors, unsent: VecDeque::new() };
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
                ToDesk::Arrange { behind, restored } => {
                    desk.arrange(&behind, &mut orders);
                    for (host, up) in restored {
                        desk.restore(host, up, &mut orders);
                    }
                }
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
            let Some(order) = self.unsent.pop_front() else { return };
            let shard = checkable_of(order).shard(shards);
            if shut.contains(&shard) || !self.doors[shard as usize].tell(order) {
                shut.insert(shard);
                self.unsent.push_back(order);
            }
        }
    }
}

fn checkable_of(order: ToShard) -> CheckableId {
    match order {
        ToShard::Parents { host, .. } => host,
        ToShard::CheckNow { checkable } => checkable,
    }
}
