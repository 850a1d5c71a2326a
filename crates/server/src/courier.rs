//! Takes alerts to their receivers and brings back what came of it.
//!
//! On a runtime of its own: a receiver that hangs must never stand in the way of pages, and a page
//! never in the way of an alert. How many are under way at once is the desk's decision.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use crossbeam_channel::Sender;
use model::{Alert, Delivery, Duty};
use notify::{Contact, Teller, World, WorldSettings};
use tokio::{
    runtime::Runtime,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    clock::Clock,
    desk::{Look, ToDesk},
};

/// No try to deliver lasts longer, whatever a channel thinks of it.
const TRY_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether a channel wants its alerts repeated.
const REFRESH_TICK: Duration = Duration::from_secs(5);
/// How long a problem that is over is still told to those who forget what is not repeated.
const RECENT: Duration = Duration::from_secs(15 * 60);

type Channels = HashMap<Arc<str>, Arc<dyn Teller>>;

/// The way from the desk to the receivers.
pub(crate) struct Courier {
    runtime: Option<Runtime>,
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    world: ArcSwap<World>,
    installation: u64,
    duty: ArcSwap<Duty>,
    channels: ArcSwap<Channels>,
    desk: Sender<ToDesk>,
    tries: Mutex<BTreeMap<(Arc<str>, &'static str), u64>>,
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
        let inner = Arc::new(Inner {
            clock,
            world: ArcSwap::from_pointee(World::new(WorldSettings {
                installation,
                console_url: Arc::from(""),
            })),
            installation,
            duty: ArcSwap::default(),
            channels: ArcSwap::default(),
            desk,
            tries: Mutex::default(),
        });
        runtime.spawn(refresh(Arc::clone(&inner)));
        Ok(Self { runtime: Some(runtime), inner })
    }

    /// From now on these are the channels and people.
    pub(crate) fn follow(&self, duty: &Arc<Duty>) {
        let mut channels = Channels::new();
        for it in &duty.channels {
            // `config` has had the parameters vetted by the same code.
            match notify::build(&it.kind, &it.params) {
                Some(Ok(channel)) => drop(channels.insert(Arc::clone(&it.name), channel)),
                _ => tracing::error!(channel = &*it.name, "a channel cannot be used"),
            }
        }
        let settings = WorldSettings {
            installation: self.inner.installation,
            console_url: Arc::clone(&duty.console_url),
        };
        let world = self.inner.world.load().with_settings(settings);
        self.inner.world.store(Arc::new(world));
        self.inner.channels.store(Arc::new(channels));
        self.inner.duty.store(Arc::clone(duty));
    }

    /// Tries so far, by channel and what they came to.
    pub(crate) fn tries(&self) -> BTreeMap<(Arc<str>, &'static str), u64> {
        self.inner.tries().clone()
    }

    /// Tries to deliver, and tells the desk what came of it.
    pub(crate) fn deliver(&self, alert: Alert) {
        let Some(runtime) = &self.runtime else { return };
        let inner = Arc::clone(&self.inner);
        runtime.spawn(async move {
            let key = alert.key;
            let delivery = inner.try_once(&alert).await;
            let counted = (Arc::clone(&alert.route.channel), word_of(&delivery));
            *inner.tries().entry(counted).or_default() += 1;
            // Bounded by what the desk has under way; it takes no longer than the desk's next turn.
            if inner.desk.send(ToDesk::Delivered(key, delivery)).is_err() {
                tracing::debug!(%key, "the desk has ended; the alert is tried again at the next start");
            }
        });
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Inner {
    fn tries(&self) -> MutexGuard<'_, BTreeMap<(Arc<str>, &'static str), u64>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn try_once(&self, alert: &Alert) -> Delivery {
        let channels = self.channels.load_full();
        let Some(channel) = channels.get(&alert.route.channel) else {
            return Delivery::Never { fault: "the channel is not configured any more".to_owned() };
        };
        let Some(contact) = self.contact(alert) else {
            let fault = "the person has no address for this channel any more".to_owned();
            return Delivery::Never { fault };
        };
        let world = self.world.load_full();
        let delivery = channel.deliver(&world, alert, &contact);
        timeout(TRY_MAX, delivery).await.unwrap_or_else(|_| Delivery::Later {
            fault: format!("no outcome within {} s", TRY_MAX.as_secs()),
            after: None,
            may_have_arrived: true,
        })
    }

    /// Who is meant. A contact that is no person's id is an address itself.
    fn contact(&self, alert: &Alert) -> Option<Contact> {
        let duty = self.duty.load();
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

/// Repeats what stands to the channels that forget what is not repeated.
async fn refresh(inner: Arc<Inner>) {
    let mut tick = interval(REFRESH_TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: HashMap<Arc<str>, model::Moment> = HashMap::new();
    loop {
        tick.tick().await;
        let now = inner.clock.now();
        let duty = inner.duty.load_full();
        for channel in &duty.channels {
            let Some(every) = channel.refresh else { continue };
            if last.get(&channel.name).is_some_and(|it| now.since(*it) < every) {
                continue;
            }
            last.insert(Arc::clone(&channel.name), now);
            let alerts = standing_on(&inner, &channel.name, now).await;
            let channels = inner.channels.load_full();
            let Some(way) = channels.get(&channel.name).filter(|_| !alerts.is_empty()) else {
                continue;
            };
            let world = inner.world.load_full();
            let everybody = Contact::everybody();
            for alert in &alerts {
                let repeated = way.deliver(&world, alert, &everybody);
                if let Ok(Delivery::Later { fault, .. } | Delivery::Never { fault }) =
                    timeout(TRY_MAX, repeated).await
                {
                    let channel = &*channel.name;
                    tracing::warn!(channel, fault, "what stands could not be repeated");
                    break;
                }
            }
        }
    }
}

async fn standing_on(inner: &Inner, channel: &Arc<str>, now: model::Moment) -> Vec<Alert> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let name = Arc::clone(channel);
    let look = ToDesk::Look(Look(Box::new(move |desk| {
        drop(answer.send(desk.standing_on(&name, now, RECENT)));
    })));
    if inner.desk.try_send(look).is_err() {
        return Vec::new();
    }
    answered.await.unwrap_or_default()
}
