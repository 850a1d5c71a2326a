//! Follows the configuration: the first plan and every later one, from the file to what runs; and
//! the schedules that people accept for jobs whose file leaves that open.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use config::{Loaded, Severity};
use console::{ReloadOutcome, ReloadRequest};
use model::{Belief, Check, CheckableId, Duty, EngineSettings, Moment, Plan, Span};
use store::Order;
use tokio::{
    signal::unix::Signal,
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use crate::{
    build::{Piece, take_apart},
    desk::{Rules, ToDesk, recalled_of, subjects_of},
    load,
    parts::{Parts, blocking, limits_of},
    register::Register,
    routing::routing_tests,
    schedules::{self, Accepted},
    shard::{Change, rules_mark},
};

/// How far back local rules of time are worked out: the clocks of calls look back that far.
const CALENDAR_BACK: Duration = Duration::from_secs(60 * 86_400);
/// How far ahead.
const CALENDAR_AHEAD: Duration = Duration::from_secs(400 * 86_400);
/// How often that is done anew.
const CALENDAR_EVERY: Duration = Duration::from_secs(86_400);

/// What calendars cover at `now`.
pub(crate) fn horizon(now: Moment) -> Span {
    Span { from: now.before(CALENDAR_BACK), until: now.after(CALENDAR_AHEAD) }
}

/// What an earlier process believed, by full name.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    pub(crate) beliefs: HashMap<String, Belief>,
    /// Which thresholds their memories belong to, of those that have some.
    pub(crate) rules: HashMap<String, u64>,
}

impl Restored {
    /// What was believed of `name`, without the memory of thresholds that it has no longer.
    fn of(&self, name: &str, check: Option<&Check>) -> Option<Belief> {
        let mut belief = self.beliefs.get(name)?.clone();
        let mark = check.map(|it| rules_mark(&it.rules));
        if self.rules.get(name).copied() != mark {
            belief.thresholds.clear();
        }
        Some(belief)
    }
}

/// Whoever makes the parts of an engine do what the configuration says.
pub(crate) struct Follower<'a> {
    main_file: PathBuf,
    parts: &'a Parts,
    register: Register,
    /// The settings that need a restart, as they were at the start.
    running: EngineSettings,
    /// As it is written.
    duty: Arc<Duty>,
    /// What people have accepted, as it was last read.
    accepted: Accepted,
}

impl<'a> Follower<'a> {
    /// Follows `main_file`; `running` are the settings that `parts` were started with.
    pub(crate) fn new(main_file: PathBuf, parts: &'a Parts, running: EngineSettings) -> Self {
        let register = Register::new(parts.common.shards);
        Self {
            main_file,
            parts,
            register,
            running,
            duty: Arc::default(),
            accepted: Accepted::default(),
        }
    }

    /// Begins with `plan`, after which `hearing` lets reports in, then reads the file anew whenever
    /// somebody asks for it. Ends when nobody can ask any more.
    pub(crate) async fn follow(
        &mut self,
        plan: Plan,
        restored: Restored,
        hearing: impl FnOnce(),
        mut hangup: Signal,
        mut reloads: mpsc::Receiver<ReloadRequest>,
    ) {
        self.apply(&plan, Some(&restored)).await;
        hearing();
        self.forget_absent(&restored);
        drop((plan, restored));
        self.parts.begin().await;
        tracing::info!(shards = self.parts.common.shards, "watching");
        let accepted = Arc::clone(&self.parts.accepted);
        let mut calendar = interval(CALENDAR_EVERY);
        calendar.set_missed_tick_behavior(MissedTickBehavior::Delay);
        calendar.tick().await;
        loop {
            let request = tokio::select! {
                _ = hangup.recv() => None,
                _ = calendar.tick() => {
                    self.turn_calendar().await;
                    continue;
                }
                () = accepted.notified() => {
                    self.turn_calendar().await;
                    continue;
                }
                request = reloads.recv() => match request {
                    Some(request) => Some(request),
                    None => return,
                },
            };
            let outcome = self.reload().await;
            if let Some(request) = request {
                // Whoever asked may have gone away meanwhile.
                drop(request.reply.send(outcome));
            }
        }
    }

    /// Makes `plan` the one that runs. What is believed of those that stay is kept; `restored` is
    /// what an earlier process believed of those that are new; given at the start alone.
    async fn apply(&mut self, plan: &Plan, restored: Option<&Restored>) {
        let is_start = restored.is_some();
        let nothing = Restored::default();
        let restored = restored.unwrap_or(&nothing);
        let parts = self.parts;
        let common = &parts.common;
        let laid = self.register.lay(plan);
        let now = common.clock.now();
        let pieces = take_apart(plan, &laid, &common.shared.board(), now);
        let hosts = plan.hosts.iter().zip(&laid.hosts).filter(|(host, _)| host.alive.is_some());
        let up_of_hosts: Vec<(CheckableId, bool)> = hosts
            .filter_map(|(_, (id, name))| {
                Some((*id, restored.beliefs.get(&**name)?.now.status.is_fine()))
            })
            .collect();
        let duty = self.scheduled(&plan.duty).await;
        let rules = Rules {
            times: Arc::new(calendar::times(&duty, horizon(now), now)),
            duty,
            subjects: subjects_of(plan, &laid),
            recalled: is_start.then(|| recalled_of(&laid, &restored.beliefs)),
            book: Arc::new(parts.courier.prepare(&plan.duty)),
            added: laid.added.iter().map(|it| it.0).collect(),
        };
        let removed = laid.removed.into_iter().map(|(id, name)| Change::Remove { id, name });
        // In the order of the plan, as the pieces are.
        let mut added = laid.added.iter().map(|it| it.0).peekable();
        let put = pieces.all.into_iter().map(|piece| {
            let Piece { id, name, spec, question, cell } = piece;
            let restored = restored.of(&name, spec.check.as_deref()).map(Box::new);
            let name = added.next_if_eq(&id).map(|_| name);
            Change::Put { id, name, spec, question, cell, restored }
        });
        let limits = limits_of(&plan.engine, common.shards);
        self.parts.rule(rules).await;
        self.parts.intakes.follow(&plan.duty);
        self.parts.change(removed.chain(put), limits).await;
        self.duty = Arc::clone(&plan.duty);
        common.shared.show(Arc::new(pieces.board));
        self.parts.arrange(pieces.behind, up_of_hosts).await;
    }

    /// Works the local rules of time out anew, so that they never run dry, by the schedules that
    /// people have accepted until now.
    async fn turn_calendar(&mut self) {
        let written = Arc::clone(&self.duty);
        let duty = self.scheduled(&written).await;
        let desk = self.parts.common.desk.clone();
        let now = self.parts.common.clock.now();
        let turn = move || {
            let times = Arc::new(calendar::times(&duty, horizon(now), now));
            desk.send(ToDesk::Calendar(duty, times))
        };
        blocking(turn).await;
    }

    /// `written` with the schedules that people have accepted. If they cannot be read, those that
    /// were read last hold.
    async fn scheduled(&mut self, written: &Arc<Duty>) -> Arc<Duty> {
        if !written.jobs.iter().any(|it| it.learns) {
            return Arc::clone(written);
        }
        let folder = self.running.data.clone();
        match blocking(move || schedules::kept_in(&folder)).await {
            Some(Ok(accepted)) => self.accepted = accepted,
            Some(Err(error)) => {
                tracing::error!(%error, "the schedules that were accepted cannot be read");
            }
            None => tracing::error!("reading the schedules that were accepted broke"),
        }
        schedules::with_accepted(written, &self.accepted)
    }

    /// Who was removed while no engine was running is forgotten like one that a reload removes.
    fn forget_absent(&self, restored: &Restored) {
        let gone: Vec<_> =
            restored.beliefs.keys().filter(|it| !self.register.has(it)).cloned().collect();
        let store = &self.parts.common.store;
        if !gone.is_empty() && store.try_send(Order::Forget(gone)).is_err() {
            tracing::debug!("the store has no room; those who are gone are forgotten another time");
        }
    }

    /// Reads the configuration anew. A bad one changes nothing.
    async fn reload(&mut self) -> ReloadOutcome {
        let main_file = self.main_file.clone();
        let Some(loaded) = blocking(move || load(&main_file)).await else {
            self.parts.common.shared.reload_failed();
            return ReloadOutcome::Refused("the reload broke; see the log".to_owned());
        };
        let Some(plan) = loaded.plan.as_ref() else {
            let text = format!("{}{}\n", loaded.render(false), loaded.summary());
            tracing::error!("the configuration was not taken over:\n{text}");
            self.parts.common.shared.reload_failed();
            return ReloadOutcome::Refused(text);
        };
        if let Some(text) = red_tests(&loaded) {
            tracing::error!("the configuration was not taken over:\n{text}");
            self.parts.common.shared.reload_failed();
            return ReloadOutcome::Refused(text);
        }
        self.warn_of_restart(&plan.engine);
        self.apply(plan, None).await;
        let text = format!("{}{}\n", loaded.render(false), loaded.summary());
        tracing::info!("configuration taken over: {}", loaded.summary());
        ReloadOutcome::Done(text)
    }

    fn warn_of_restart(&self, settings: &EngineSettings) {
        let old = &self.running;
        let kept = [
            ("listen", old.listen != settings.listen && old.listen.port() != 0),
            ("data", old.data != settings.data),
            ("shards", old.shards != settings.shards),
            ("record", old.record_results != settings.record_results),
        ];
        for (key, _) in kept.iter().filter(|it| it.1) {
            tracing::warn!("`{key}:` under `engine:` is taken over at the next start");
        }
    }
}

/// What the routing tests beside the files find wrong with them; `None` if nothing.
fn red_tests(loaded: &Loaded) -> Option<String> {
    let (tests, mut mistakes) = config::tests(loaded);
    mistakes.retain(|it| it.severity() == Severity::Error);
    let mut text = loaded.render_all(&mistakes, false);
    for it in routing_tests(loaded, &tests) {
        for fault in &it.faults {
            text.push_str(&format!("{}: {}: {fault}\n", it.place, it.name));
        }
    }
    (!text.is_empty()).then_some(text)
}
