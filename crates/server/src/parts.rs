//! The threads that make up an engine, and the ways between them.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use anyhow::Context;
use console::{Build, Shared};
use crossbeam_channel::{Receiver, Sender};
use engine::Limits;
use model::{CheckableId, EngineSettings};
use probe::CATALOGUE;
use store::{Order, Receipt, Writer};
use tokio::sync::{Notify, watch};

use crate::{
    clock::Clock,
    courier::Courier,
    descriptors::looks_max,
    desk::{self, Past, Rules, ToDesk, Watch, Ways},
    house::House,
    intakes::Intakes,
    readings,
    shard::{self, Change, Common, HAND_OVER_WITHIN, Handle, ToDriver, Wires},
};

/// Changes sent to a shard in one order: about a millisecond of its time.
const CHANGES_PER_ORDER: usize = 1_000;
/// How long looks that are under way may go on after SIGTERM.
const DRAIN_WITHIN: Duration = Duration::from_millis(2_250);
/// What a shard may take beyond that to notice and to end.
const END_WITHIN: Duration = Duration::from_millis(500);

/// The threads and the ways between them.
pub(crate) struct Parts {
    pub(crate) common: Arc<Common>,
    /// Whoever takes alerts to their receivers.
    pub(crate) courier: Arc<Courier>,
    /// Whoever hears the reports of jobs.
    pub(crate) intakes: Intakes,
    /// Grows with each commit of something that the desk wanted kept.
    pub(crate) committed: watch::Receiver<u64>,
    /// Rung whenever it is kept that a person has accepted a schedule.
    pub(crate) accepted: Arc<Notify>,
    shards: Vec<Handle>,
    desk: JoinHandle<()>,
}

/// What parts need from the store.
pub(crate) struct Kept {
    /// Where orders go.
    pub(crate) store: Sender<Order>,
    /// Numbers of orders that were kept.
    pub(crate) receipts: Receiver<Receipt>,
    /// What an earlier process left for the desk.
    pub(crate) past: Past,
}

#[cfg(test)]
impl Kept {
    /// A store without a past that never says what it has kept.
    pub(crate) fn silent(store: Sender<Order>) -> Self {
        let past = Past {
            folder: std::path::PathBuf::new(),
            away: None,
            installation: 1,
            next_id: 1,
            rows: Vec::new(),
        };
        // Kept open, so that the desk does not take its end for a reason to stop.
        let (sender, receipts) = crossbeam_channel::unbounded();
        std::mem::forget(sender);
        Self { store, receipts, past }
    }
}

impl Parts {
    pub(crate) fn start(
        clock: Clock,
        boot: u64,
        settings: &EngineSettings,
        kept: Kept,
        writer: &Writer,
    ) -> anyhow::Result<Self> {
        let shards = match settings.shards {
            0 => std::thread::available_parallelism().map_or(1, |it| it.get() as u32),
            shards => shards,
        };
        let kinds: Vec<_> = CATALOGUE.iter().map(|it| it.spec.name).collect();
        let build = Build { version: env!("CARGO_PKG_VERSION"), labels: Vec::new() };
        let shared = Arc::new(Shared::new(build, shards, &kinds, move || clock.now()));
        let (to_desk, desk_inbox) = desk::inbox();
        let (to_store, rows) = desk::rows();
        let common = Arc::new(Common {
            clock,
            boot,
            shards,
            record_results: settings.record_results,
            shared,
            store: to_store,
            desk: to_desk.clone(),
            wires: (0..shards).map(|_| Wires::started(clock.now())).collect(),
        });
        readings::publish(&common, writer.health());
        let limits = limits_of(settings, shards);
        let start = |number| shard::start(number, Arc::clone(&common), limits.of(number));
        let handles: Vec<_> = (0..shards).map(start).collect::<Result<_, _>>()?;
        let courier = Arc::new(
            Courier::new(clock, kept.past.installation, to_desk)
                .context("cannot start the courier")?,
        );
        let (commits, committed) = watch::channel(0);
        let (figures, pulse) = (Arc::default(), Arc::default());
        readings::publish_desk(&common, &figures, &courier);
        let ledger = Arc::clone(&figures);
        readings::publish_pulse(&common.shared, &pulse);
        let accepted = Arc::<Notify>::default();
        let bell = Arc::clone(&accepted);
        let (carrier, guide) = (Arc::clone(&courier), Arc::clone(&courier));
        let ways = Ways {
            inbox: desk_inbox,
            rows,
            kept: kept.receipts,
            store: kept.store,
            doors: handles.iter().map(|it| it.door.clone()).collect(),
            deliver: Box::new(move |alert| carrier.deliver(alert)),
            committed: Box::new(move || commits.send_modify(|it| *it += 1)),
            accepted: Box::new(move || bell.notify_one()),
            follow: Box::new(move |book| guide.follow(book)),
            watch: watch(&common, &courier, writer),
            pulse,
            figures,
        };
        let folder = kept.past.folder.clone();
        let desk = desk::start(clock, kept.past, ways).context("cannot start the desk's thread")?;
        let house = Arc::new(House::new(clock, &folder, common.desk.clone()));
        let intakes = Intakes::new(house, &folder).context("cannot start the intakes")?;
        readings::publish_intakes(&common.shared, &intakes);
        readings::publish_watchdogs(&common.shared, ledger, &intakes);
        Ok(Self { common, courier, intakes, committed, accepted, shards: handles, desk })
    }

    /// A part of the engine that has ended by itself, by a panic: the rest is of no use without it.
    pub(crate) fn ended(&self) -> Option<String> {
        let mut threads = self.shards.iter().map(|it| &it.thread).chain([&self.desk]);
        let ended = threads.find(|it| it.is_finished())?;
        Some(ended.thread().name().unwrap_or("a thread").to_owned())
    }

    /// Sends `changes` to the shards they are for, each in its order and in small portions.
    pub(crate) async fn change(&self, changes: impl Iterator<Item = Change>, limits: Budget) {
        let mut portions: Vec<Vec<Change>> =
            (0..self.common.shards).map(|it| vec![Change::Limit(limits.of(it))]).collect();
        for change in changes {
            let Some(id) = change.about() else { continue };
            let shard = id.shard(self.common.shards) as usize;
            portions[shard].push(change);
            if portions[shard].len() >= CHANGES_PER_ORDER {
                let portion = ToDriver::Change(std::mem::take(&mut portions[shard]));
                self.shards[shard].door.send(portion).await;
            }
        }
        for (handle, portion) in self.shards.iter().zip(portions) {
            handle.door.send(ToDriver::Change(portion)).await;
        }
    }

    /// Tells the desk who is behind whom, and waits until the shards know what follows from it: a
    /// host behind a dead parent that answers before that would be taken for down.
    pub(crate) async fn arrange(
        &self,
        behind: Vec<(CheckableId, Vec<CheckableId>)>,
        restored: Vec<(CheckableId, bool)>,
    ) {
        let (done, arranged) = crossbeam_channel::bounded(0);
        let arrange = ToDesk::Arrange { behind, restored, done };
        let desk = self.common.desk.clone();
        // Nothing is ever received: the wait ends when the desk lets go of its end.
        blocking(move || desk.send(arrange).is_ok() && arranged.recv().is_ok()).await;
    }

    /// Tells the desk whom to decide about and by which rules; before the shards hear of them.
    pub(crate) async fn rule(&self, rules: Rules) {
        let (done, ruled) = crossbeam_channel::bounded(0);
        let message = ToDesk::Rules { rules: Box::new(rules), done };
        let desk = self.common.desk.clone();
        blocking(move || desk.send(message).is_ok() && ruled.recv().is_ok()).await;
    }

    /// Everything of the first plan has been sent.
    pub(crate) async fn begin(&self) {
        for handle in &self.shards {
            handle.door.send(ToDriver::Begin).await;
        }
    }

    /// Lets what is under way come in, then ends all threads but the store's; `false` if one of them
    /// hangs, and is left to end with the process.
    pub(crate) async fn stop(self) -> bool {
        let all = DRAIN_WITHIN + HAND_OVER_WITHIN + END_WITHIN;
        let ended = tokio::time::timeout(all, async {
            for handle in &self.shards {
                handle.door.send(ToDriver::Drain { within: DRAIN_WITHIN }).await;
            }
            blocking(move || {
                for handle in self.shards {
                    if handle.thread.join().is_err() {
                        tracing::error!("a shard had ended with a panic");
                    }
                }
                drop(self.intakes);
                let stopped = self.common.desk.send(ToDesk::Stop).is_ok();
                stopped && self.desk.join().is_ok()
            })
            .await
        });
        ended.await.is_ok()
    }
}

/// How the desk knows of the others whether they get on.
fn watch(common: &Arc<Common>, courier: &Arc<Courier>, writer: &Writer) -> Watch {
    let (common, courier, health) = (Arc::clone(common), Arc::clone(courier), writer.health());
    Watch {
        timetable: Box::new(move |now| common.gets_on(now)),
        commits: Box::new(move || health.commits()),
        courier: Box::new(move |now| courier.gets_on(now)),
    }
}

/// How much may be under way in all, and how it is divided among the shards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    in_flight_max: u32,
    in_flight_per_host_max: u16,
    shards: u32,
}

impl Budget {
    /// The part of one shard. All parts together are what there is in all, but no shard is left
    /// without a single place.
    pub(crate) fn of(self, shard: u32) -> Limits {
        let (part, left) = (self.in_flight_max / self.shards, self.in_flight_max % self.shards);
        Limits {
            in_flight_max: (part + u32::from(shard < left)).max(1),
            in_flight_per_host_max: self.in_flight_per_host_max,
        }
    }
}

/// What `settings` allow to be under way in `shards`.
pub(crate) fn limits_of(settings: &EngineSettings, shards: u32) -> Budget {
    Budget {
        in_flight_max: looks_max(settings.in_flight_max),
        in_flight_per_host_max: u16::try_from(settings.in_flight_per_host_max)
            .unwrap_or(u16::MAX)
            .max(1),
        shards: shards.max(1),
    }
}

/// Waits for something slow without standing in the way of pages.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_shards_are_what_there_is_in_all() {
        for (in_flight_max, shards) in [(64, 2), (65, 4), (1_003, 7), (4, 4), (20_000, 64)] {
            let budget = Budget { in_flight_max, in_flight_per_host_max: 1, shards };
            let parts: Vec<u32> = (0..shards).map(|it| budget.of(it).in_flight_max).collect();
            assert_eq!(parts.iter().sum::<u32>(), in_flight_max, "{parts:?}");
            assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1, "{parts:?}");
        }
        let few = Budget { in_flight_max: 2, in_flight_per_host_max: 1, shards: 4 };
        assert!((0..4).all(|it| few.of(it).in_flight_max == 1), "a shard without a place is blind");
    }
}
