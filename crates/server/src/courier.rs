//! Takes alerts to their receivers and brings back what came of it.
//!
//! On a runtime of its own: a receiver that hangs must never stand in the way of pages, and a page
//! never in the way of an alert. How many are under way at once is the desk's decision.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, TrySendError};
use futures_util::FutureExt;
use model::{Alert, AlertKey, Delivery, Duty, Moment};
use notify::{Contact, Teller, World, WorldSettings};
use tokio::{
    runtime::Runtime,
    time::{sleep, timeout},
};

use crate::{clock::Clock, desk::ToDesk, refresher};

/// No try to deliver lasts longer, whatever a channel thinks of it.
const TRY_MAX: Duration = Duration::from_secs(60);
/// A try that has not come back to the desk for so long means that we are stuck, and not the
/// receiver.
const TRY_AGE_MAX: Duration = Duration::from_secs(90);
/// Pause before the desk is told again of what it had no room for.
const TELL_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Channels and people, as one configuration has them.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) duty: Arc<Duty>,
    pub(crate) channels: HashMap<Arc<str>, (Arc<dyn Teller>, World)>,
}

/// The way from the desk to the receivers.
pub(crate) struct Courier {
    runtime: Option<Runtime>,
    inner: Arc<Inner>,
}

/// What tries and repeats have in common.
pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) desk: Sender<ToDesk>,
    world: World,
    installation: u64,
    book: ArcSwap<Book>,
    /// The world of each channel that ever was, with its count of failed templates.
    worlds: Mutex<BTreeMap<Arc<str>, World>>,
    tries: Mutex<BTreeMap<(Arc<str>, &'static str), u64>>,
    /// When each try began of which the desk has not heard yet.
    under_way: Mutex<BTreeMap<AlertKey, Moment>>,
}

/// What one try came to, as a word for metrics.
fn word_of(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Taken => "taken",
        Delivery::Later { .. } => "later",
        Delivery::Never { .. } => "never",
    }
}

impl Courier {
    pub(crate) fn new(clock: Clock, installation: u64, desk: Sender<ToDesk>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("courier")
            .enable_all()
            .build()?;
        let settings = WorldSettings { installation, console_url: Arc::from("") };
        let inner = Arc::new(Inner {
            clock,
            desk,
            world: World::new(settings),
            installation,
            book: ArcSwap::default(),
            worlds: Mutex::default(),
            tries: Mutex::default(),
            under_way: Mutex::default(),
        });
        runtime.spawn(refresher::run(Arc::clone(&inner)));
        Ok(Self { runtime: Some(runtime), inner })
    }

    /// Builds the channels of a configuration; nothing goes by them before [`Self::follow`].
    pub(crate) fn prepare(&self, duty: &Arc<Duty>) -> Book {
        self.inner.prepare(duty)
    }

    /// What is delivered from now on goes by this book. What is under way goes by the one before.
    pub(crate) fn follow(&self, book: Arc<Book>) {
        self.inner.book.store(book);
    }

    /// Tries so far, by channel and what they came to.
    pub(crate) fn tries(&self) -> BTreeMap<(Arc<str>, &'static str), u64> {
        locked(&self.inner.tries).clone()
    }

    /// Texts for which the built-in one was sent because the template failed, by channel.
    pub(crate) fn template_failures(&self) -> Vec<(Arc<str>, u64)> {
        let worlds = locked(&self.inner.worlds);
        worlds.iter().map(|it| (Arc::clone(it.0), it.1.counts().templates_failed)).collect()
    }

    /// Does every try come back?
    pub(crate) fn gets_on(&self, now: Moment) -> bool {
        let under_way = locked(&self.inner.under_way);
        under_way.values().all(|it| now.since(*it) < TRY_AGE_MAX)
    }

    /// Tries to deliver, and tells the desk what came of it.
    pub(crate) fn deliver(&self, alert: Alert) {
        let Some(runtime) = &self.runtime else { return };
        let inner = Arc::clone(&self.inner);
        // Now, and not when the try begins: the next one may go by another book.
        let book = inner.book.load_full();
        locked(&inner.under_way).insert(alert.key, inner.clock.now());
        runtime.spawn(async move {
            let key = alert.key;
            let delivery = book.try_once(&alert).await;
            let counted = (Arc::clone(&alert.route.channel), word_of(&delivery));
            *locked(&inner.tries).entry(counted).or_default() += 1;
            inner.tell(key, delivery).await;
            locked(&inner.under_way).remove(&key);
        });
    }
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Courier {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Inner {
    pub(crate) fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    fn prepare(&self, duty: &Arc<Duty>) -> Book {
        let mut channels = HashMap::new();
        let mut worlds = locked(&self.worlds);
        for it in &duty.channels {
            let settings = WorldSettings {
                installation: self.installation,
                console_url: Arc::clone(&duty.console_url),
            };
            // `config` has had the parameters vetted by the same code.
            let Some(Ok(channel)) = notify::build(&it.kind, &it.params) else {
                tracing::error!(channel = &*it.name, "a channel cannot be used");
                continue;
            };
            let world = worlds.entry(Arc::clone(&it.name));
            let world = world.or_insert_with(|| self.world.for_one_channel());
            channels.insert(Arc::clone(&it.name), (channel, world.with_settings(settings)));
        }
        Book { duty: Arc::clone(duty), channels }
    }

    /// Tells the desk what came of a try. While it takes nothing, nobody else is held up.
    async fn tell(&self, key: AlertKey, delivery: Delivery) {
        let mut message = ToDesk::Delivered(key, delivery);
        loop {
            match self.desk.try_send(message) {
                Ok(()) => return,
                Err(TrySendError::Full(back)) => message = back,
                Err(TrySendError::Disconnected(_)) => {
                    tracing::debug!(%key, "the desk has ended; it is tried again at the next start");
                    return;
                }
            }
            sleep(TELL_AGAIN_AFTER).await;
        }
    }
}

impl Book {
    /// Tries once, and always comes back.
    pub(crate) async fn try_once(&self, alert: &Alert) -> Delivery {
        let Some((channel, world)) = self.channels.get(&alert.route.channel) else {
            return Delivery::Never { fault: "the channel is not configured any more".to_owned() };
        };
        let Some(contact) = self.contact(alert) else {
            let fault = "the person has no address for this channel any more".to_owned();
            return Delivery::Never { fault };
        };
        let unclear =
            |fault: String| Delivery::Later { fault, after: None, may_have_arrived: true };
        let tried = async { channel.deliver(world, alert, &contact).await };
        match timeout(TRY_MAX, AssertUnwindSafe(tried).catch_unwind()).await {
            Ok(Ok(delivery)) => delivery,
            Ok(Err(_)) => unclear("the channel broke; see the log".to_owned()),
            Err(_) => unclear(format!("no outcome within {} s", TRY_MAX.as_secs())),
        }
    }

    /// Who is meant. A contact that is no person's id is an address itself.
    fn contact(&self, alert: &Alert) -> Option<Contact> {
        let duty = &self.duty;
        let channel = duty.channels.iter().find(|it| it.name == alert.route.channel)?;
        let name = &alert.route.contact;
        let Some(needed) = &channel.personal else { return Some(Contact::everybody()) };
        match duty.people.iter().find(|it| it.name == *name) {
            Some(it) => Some(Contact {
                name: Arc::clone(&it.name),
                title: Arc::clone(&it.title),
                address: Arc::clone(it.addresses.get(needed)?),
            }),
            None if name.contains('@') => Some(Contact {
                name: Arc::clone(name),
                title: Arc::clone(name),
                address: Arc::clone(name),
            }),
            None => None,
        }
    }
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
