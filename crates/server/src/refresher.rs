//! Repeats what stands to the channels that forget what is not repeated.
//!
//! Each channel for itself, one repeat at a time: one that hangs delays its own next repeat and
//! nobody else's.

use std::{collections::HashMap, sync::Arc, time::Duration};

use model::{Alert, Delivery, Moment};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    courier::{Book, Inner},
    desk::ToDesk,
};

/// How often it is looked whether a channel wants its alerts repeated.
const REFRESH_TICK: Duration = Duration::from_secs(5);
/// How long a problem that is over is still told to those who forget what is not repeated.
const RECENT: Duration = Duration::from_secs(15 * 60);
/// How long the desk may take to say what stands. What comes later is too old to be repeated.
const SHOW_WITHIN: Duration = Duration::from_secs(5);

/// Repeats for ever.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut tick = interval(REFRESH_TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refresher = Refresher::new(inner);
    loop {
        tick.tick().await;
        refresher.turn();
    }
}

/// Who repeats, and since when nothing was repeated.
pub(crate) struct Refresher {
    inner: Arc<Inner>,
    last: HashMap<Arc<str>, Moment>,
    /// At most one for each channel.
    under_way: HashMap<Arc<str>, JoinHandle<()>>,
}

impl Refresher {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, last: HashMap::new(), under_way: HashMap::new() }
    }

    /// Does nothing go on for this channel?
    #[cfg(test)]
    pub(crate) fn is_idle(&self, channel: &str) -> bool {
        self.under_way.get(channel).is_none_or(JoinHandle::is_finished)
    }

    /// Begins what is due.
    pub(crate) fn turn(&mut self) {
        let now = self.inner.clock.now();
        let book = self.inner.book();
        self.under_way.retain(|_, it| !it.is_finished());
        let is_channel = |name: &Arc<str>| book.duty.channels.iter().any(|it| it.name == *name);
        self.last.retain(|it, _| is_channel(it));
        for channel in &book.duty.channels {
            let Some(every) = channel.refresh else { continue };
            let name = &channel.name;
            let is_rested = self.last.get(name).is_none_or(|it| now.since(*it) >= every);
            if !is_rested || self.under_way.contains_key(name) {
                continue;
            }
            self.last.insert(Arc::clone(name), now);
            let all = repeat_all(Arc::clone(&self.inner), Arc::clone(&book), Arc::clone(name));
            self.under_way.insert(Arc::clone(name), tokio::spawn(all));
        }
    }
}

/// Repeats what stands on one channel, until that takes something not.
async fn repeat_all(inner: Arc<Inner>, book: Arc<Book>, channel: Arc<str>) {
    for alert in &standing_on(&inner, &channel).await {
        if let Delivery::Later { fault, .. } | Delivery::Never { fault } =
            book.try_once(alert).await
        {
            let channel = &*channel;
            tracing::warn!(channel, fault, "what stands could not be repeated");
            return;
        }
    }
}

/// What is kept of it; nothing if the desk does not say so in time.
async fn standing_on(inner: &Inner, channel: &Arc<str>) -> Vec<Alert> {
    let (reply, answered) = oneshot::channel();
    let channel = Arc::clone(channel);
    if inner.desk.try_send(ToDesk::Standing { channel, recent: RECENT, reply }).is_err() {
        return Vec::new();
    }
    timeout(SHOW_WITHIN, answered).await.ok().and_then(Result::ok).unwrap_or_default()
}
