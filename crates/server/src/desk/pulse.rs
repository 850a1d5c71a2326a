//! Does the engine get on? A sign of life that leaves while nothing else does would be a lie.
//!
//! Three things must move: the timetable of every shard, the commits of the store, and what is owed
//! to receivers. A receiver that answers with faults is none of our standing still: its alerts come
//! back and wait for their next try. What counts is what is due and not taken up, and a try that
//! does not come back.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use model::Moment;

/// How long nothing may be committed while something waits for it.
const COMMIT_AGE_MAX: Duration = Duration::from_secs(30);
/// How long the desk may take to get round to what is due.
const DUE_AGE_MAX: Duration = Duration::from_secs(30);

/// What has to get on, as metrics and the log call it.
pub(crate) const PARTS: [&str; 3] = ["timetable", "commits", "outbox"];

/// How the desk is doing, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// In the order of [`PARTS`].
    pub(crate) stuck: [AtomicBool; PARTS.len()],
    /// Orders for which the store has no room.
    pub(crate) orders_waiting: AtomicU64,
    /// Requests that were refused for want of room.
    pub(crate) refused: AtomicU64,
}

/// How it is known of others whether they get on.
pub(crate) struct Watch {
    /// Has every shard its turns, and does it begin what is due?
    pub(crate) timetable: Box<dyn Fn(Moment) -> bool + Send>,
    /// How many transactions have been committed?
    pub(crate) commits: Box<dyn Fn() -> u64 + Send>,
    /// Does every try to deliver come back?
    pub(crate) courier: Box<dyn Fn(Moment) -> bool + Send>,
}

/// What is seen at one moment.
pub(crate) struct Sight<'a> {
    pub(crate) watch: &'a Watch,
    /// Does anything wait to be committed?
    pub(crate) waits: bool,
    /// When the desk is to do something next.
    pub(crate) due_at: Option<Moment>,
}

/// What was seen before.
pub(crate) struct Progress {
    commits: u64,
    /// When something was committed last, or nothing waited for it.
    committed_at: Moment,
    /// Since when something is due at the desk.
    due_since: Option<Moment>,
}

impl Progress {
    pub(crate) fn new(now: Moment) -> Self {
        Self { commits: 0, committed_at: now, due_since: None }
    }

    /// Do all parts get on? What does not is said once in the log, and shown in `pulse`.
    pub(crate) fn look(&mut self, now: Moment, sight: Sight<'_>, pulse: &Pulse) -> bool {
        let commits = (sight.watch.commits)();
        if commits != self.commits || !sight.waits {
            (self.commits, self.committed_at) = (commits, now);
        }
        let is_due = sight.due_at.is_some_and(|it| it <= now);
        self.due_since = is_due.then(|| self.due_since.unwrap_or(now));
        let taken_up = self.due_since.is_none_or(|it| now.since(it) < DUE_AGE_MAX);
        let gets_on = [
            (sight.watch.timetable)(now),
            now.since(self.committed_at) < COMMIT_AGE_MAX,
            taken_up && (sight.watch.courier)(now),
        ];
        for ((stuck, part), gets_on) in pulse.stuck.iter().zip(PARTS).zip(gets_on) {
            match (stuck.swap(!gets_on, Relaxed), gets_on) {
                (false, false) => {
                    tracing::error!(part, "does not get on; no sign of life is sent meanwhile");
                }
                (true, true) => tracing::info!(part, "gets on again"),
                _ => {}
            }
        }
        gets_on.iter().all(|it| *it)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// What a test turns.
    #[derive(Default)]
    struct Knobs {
        late: AtomicBool,
        commits: AtomicU64,
        hangs: AtomicBool,
    }

    fn watch(knobs: &Arc<Knobs>) -> Watch {
        let (a, b, c) = (Arc::clone(knobs), Arc::clone(knobs), Arc::clone(knobs));
        Watch {
            timetable: Box::new(move |_| !a.late.load(Relaxed)),
            commits: Box::new(move || b.commits.load(Relaxed)),
            courier: Box::new(move |_| !c.hangs.load(Relaxed)),
        }
    }

    #[test]
    fn each_of_the_three_stops_the_sign_of_life_and_nothing_else_does() {
        let at = |secs: u64| Moment::from_secs(1_000 + secs);
        let (knobs, pulse) = (Arc::default(), Pulse::default());
        let watch = watch(&knobs);
        let mut progress = Progress::new(at(0));
        let mut look = |secs, waits, due_at| {
            progress.look(at(secs), Sight { watch: &watch, waits, due_at }, &pulse)
        };
        assert!(look(10, false, None));
        assert!(look(100, false, Some(at(200))), "nothing waits, so nothing has to be committed");
        assert!(look(129, true, None), "a commit may take its time");
        assert!(!look(130, true, None), "it has taken too long");
        assert!(pulse.stuck[1].load(Relaxed));
        knobs.commits.fetch_add(1, Relaxed);
        assert!(look(131, true, None), "one commit is progress, however much waits");
        knobs.late.store(true, Relaxed);
        assert!(!look(132, false, None));
        knobs.late.store(false, Relaxed);
        assert!(look(133, false, None));
        assert!(look(134, false, Some(Moment::ZERO)), "the past means now");
        assert!(!look(164, false, Some(Moment::ZERO)), "nobody gets round to it");
        assert!(look(165, false, Some(at(200))));
        knobs.hangs.store(true, Relaxed);
        assert!(!look(166, false, None));
        let stuck = pulse.stuck.iter().map(|it| it.load(Relaxed));
        assert_eq!(stuck.collect::<Vec<_>>(), [false, false, true]);
    }
}
