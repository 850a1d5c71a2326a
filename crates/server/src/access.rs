//! Who may speak with a running engine, and what its interface stands on.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use console::api::{Api, Desk, Seams, Tokens, token};
use model::{Actor, Command, EventId, Moment, NoteId, Reply, Request, Token, TokenScope};
use store::Totals;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{
    ledger::{Counter, Ledger},
    parts::{Parts, blocking},
    readings,
};

/// Name of the file in the data folder that holds the first token.
pub(crate) const ADMIN_TOKEN_FILE: &str = "admin.token";
/// Tokens are read again at least this often, whatever was committed.
const TOKENS_EVERY: Duration = Duration::from_secs(10);

/// What the interface stands on, and whoever keeps it up to date.
pub(crate) struct Access {
    pub(crate) api: Api,
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
        let totals = Arc::default();
        readings::publish_totals(&parts.common.shared, &totals);
        Self {
            api,
            totals,
            tokens,
            ledger,
            counter,
            last_event,
            committed: parts.committed.clone(),
        }
    }

    /// Follows what is committed: tokens that were made or taken back, and events.
    pub(crate) async fn keep(mut self, folder: &Path, now: Moment) {
        // Only if it is certain that there is none.
        let is_known = self.refresh().await;
        if is_known
            && self.tokens.is_empty(now)
            && let Err(error) = self.first_token(folder, now).await
        {
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

    /// Makes the token that whoever may read the data folder can begin with.
    async fn first_token(&self, folder: &Path, now: Moment) -> anyhow::Result<()> {
        let secret = token::new_secret()?;
        let wanted = Token {
            id: NoteId(0),
            name: Arc::from("admin"),
            hash: token::hash(&secret),
            scopes: TokenScope::ALL.iter().map(|it| it.0).collect(),
            customers: None,
            made_at: now,
            expires_at: None,
            revoked_at: None,
        };
        let command = Command::CreateToken(wanted);
        let request = Request { by: Actor::engine(), version: None, repeat_key: None, command };
        let Some(Reply::Done { id, .. }) = self.counter.ask(request).await else {
            anyhow::bail!("the desk did not take it");
        };
        let shown = token::text(NoteId(id.parse()?), &secret);
        let path = folder.join(ADMIN_TOKEN_FILE);
        let written = path.clone();
        blocking(move || write_private(&written, &shown)).await.unwrap_or(Ok(()))?;
        self.refresh().await;
        tracing::info!(path = %path.display(), "made the first token; `--config` finds it");
        Ok(())
    }
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("token.new");
    if let Err(error) = std::fs::remove_file(&part)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}
