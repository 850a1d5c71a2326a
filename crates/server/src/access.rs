//! Who may speak with a running engine, and what its interface stands on.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use arc_swap::ArcSwap;
use console::api::{Api, Desk, Seams, Tokens};
use model::{Actor, Command, EventId, Moment, NoteId, Reply, Request};
use store::Totals;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{
    first_token::{self, Step},
    ledger::{Counter, Ledger},
    parts::{Parts, blocking},
    readings,
    watching::Watching,
};

/// Tokens are read again at least this often, whatever was committed.
const TOKENS_EVERY: Duration = Duration::from_secs(10);

/// What the interface stands on, and whoever keeps it up to date.
pub(crate) struct Access {
    pub(crate) api: Api,
    watching: Arc<Watching>,
    tokens: Arc<Tokens>,
    ledger: Arc<Ledger>,
    counter: Arc<Counter>,
    totals: Arc<ArcSwap<Totals>>,
    last_event: watch::Sender<EventId>,
    committed: watch::Receiver<u64>,
}

impl Access {
    pub(crate) fn new(parts: &Parts, folder: &Path) -> Self {
        let clock = parts.common.clock;
        let ledger = Arc::new(Ledger::new(clock, folder, parts.common.desk.clone()));
        let desk = parts.common.desk.clone();
        let counter = Arc::new(Counter { desk, ledger: Arc::clone(&ledger) });
        let tokens = Arc::new(Tokens::default());
        let (last_event, wakes) = watch::channel(EventId(0));
        let api = Api::new(Seams {
            ledger: Arc::clone(&ledger) as Arc<dyn console::api::Ledger>,
            desk: Arc::clone(&counter) as Arc<dyn Desk>,
            tokens: Arc::clone(&tokens),
            wakes,
            clock: Arc::new(move || clock.now()),
        });
        let watching = Arc::new(Watching::new(clock, Arc::clone(&ledger), &parts.intakes));
        let totals = Arc::default();
        readings::publish_totals(&parts.common.shared, &totals);
        Self {
            api,
            watching,
            totals,
            tokens,
            ledger,
            counter,
            last_event,
            committed: parts.committed.clone(),
        }
    }

    /// Opens the interface's part about watchdogs. Before it is known for whom there is to listen,
    /// nobody may be told that nobody listens for him: a client would not come again.
    pub(crate) fn hearing(&self) -> impl FnOnce() + use<> {
        let (api, watching) = (self.api.clone(), Arc::clone(&self.watching));
        move || api.hear(watching)
    }

    /// Follows what is committed: tokens that were made or taken back, and events.
    pub(crate) async fn keep(mut self, folder: &Path, now: Moment) {
        // Only if it is certain that there is none.
        let is_known = self.refresh().await;
        if is_known && let Err(error) = self.first_token(folder, now).await {
            tracing::error!(%error, "cannot make the first token; the interface lets nobody in");
        }
        let mut tick = interval(TOKENS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                changed = self.committed.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                }
                _ = tick.tick() => self.count().await,
            }
            self.refresh().await;
        }
    }

    async fn count(&self) {
        let ledger = Arc::clone(&self.ledger);
        if let Some(Ok(totals)) = blocking(move || ledger.with(|it| it.totals(None))).await {
            self.totals.store(Arc::new(totals));
        }
    }

    /// Reads tokens and events anew; `false` if the tokens could not be read.
    async fn refresh(&self) -> bool {
        let ledger = Arc::clone(&self.ledger);
        let read = blocking(move || (ledger.all_tokens(), ledger.last_event())).await;
        let Some((tokens, last)) = read else { return false };
        let is_known = tokens.is_ok();
        match tokens {
            Ok(tokens) => self.tokens.replace(tokens),
            Err(error) => tracing::warn!(%error, "cannot read the tokens; those known go on"),
        }
        if let Ok(last) = last {
            self.last_event.send_if_modified(|it| std::mem::replace(it, last) != last);
        }
        is_known
    }

    /// Sees to it that whoever may read the data folder has a token to begin with.
    async fn first_token(&self, folder: &Path, now: Moment) -> anyhow::Result<()> {
        let (place, ledger) = (folder.to_owned(), Arc::clone(&self.ledger));
        let usable = !self.tokens.is_empty(now);
        let begun = blocking(move || first_token::begin(&place, &ledger.all_tokens()?, usable));
        let path = match begun.await.context("the start was given up")?? {
            Step::Nothing => return Ok(()),
            Step::Written(path) => path,
            Step::Ask(secret) => {
                let command = Command::CreateToken(first_token::wanted(&secret, now));
                let request =
                    Request { by: Actor::engine(), version: None, repeat_key: None, command };
                let Some(Reply::Done { id, .. }) = self.counter.ask(request).await else {
                    anyhow::bail!("the desk did not take it");
                };
                let (place, id) = (folder.to_owned(), NoteId(id.parse()?));
                let written = blocking(move || first_token::publish(&place, id, &secret));
                written.await.context("the start was given up")??
            }
        };
        self.refresh().await;
        tracing::info!(path = %path.display(), "made the first token; `--config` finds it");
        Ok(())
    }
}
