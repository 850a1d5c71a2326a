//! Figures of watchdogs for `/metrics`.
//!
//! The figures are gathered by whoever knows the ledger; here they get their names, once, and the
//! numbers that stand for standings. A job of which something is not known has no series for that:
//! a backup that was never made must not look as if it had been made in 1970.

use std::{collections::BTreeMap, sync::Arc};

use model::{Class, IntakeFigures, JobFigures, Moment, Standing};

use crate::Readings;

/// Figures of all watchdogs and intakes at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchdogFigures {
    /// One for each watchdog, by name.
    pub jobs: Arc<[JobFigures]>,
    /// Reports since the start, by what became of them.
    pub reports: BTreeMap<Class, u64>,
    /// How slots came to stand since the start.
    pub slots: BTreeMap<Standing, u64>,
    /// One for each intake.
    pub intakes: Vec<IntakeFigures>,
    /// Reports that nobody has claimed.
    pub unclaimed: u64,
    /// Mails that broke the reading of them; kept, and never good news.
    pub broken: u64,
}

/// The number that stands for a standing: 0 to 3 is well, 4 to 9 wants somebody to look, from 10 on
/// nothing was to be expected or nothing can be said.
#[must_use]
pub fn number_of(standing: Standing) -> u32 {
    match standing {
        Standing::Kept => 0,
        Standing::Early => 1,
        Standing::Late => 2,
        Standing::MailLate => 3,
        Standing::Warning => 4,
        Standing::Partial => 5,
        Standing::Unclassified => 6,
        Standing::Failed => 7,
        Standing::TimedOut => 8,
        Standing::Missing => 9,
        Standing::SkippedMaintenance => 10,
        Standing::SkippedHoliday => 11,
        Standing::SkippedPaused => 12,
        Standing::SkippedParent => 13,
        Standing::NotWatched => 14,
        Standing::Open => 15,
    }
}

/// One number that a watchdog may have, with the name and the help of its series.
type OfJob = (&'static str, &'static str, fn(&JobFigures) -> Option<f64>);

/// Everything that is shown of one watchdog.
const OF_JOB: [OfJob; 5] = [
    (
        "campanile_watchdog_standing",
        "How the last judged run stands: 0 to 3 well, 4 to 9 to be looked at, above: void",
        |it| it.standing.map(|it| f64::from(number_of(it))),
    ),
    ("campanile_backup_last_success_timestamp_seconds", "When the last good run ended", |it| {
        it.last_ok.map(Moment::as_secs_f64)
    }),
    (
        "campanile_watchdog_next_due_timestamp_seconds",
        "When the next report is due at the latest",
        |it| it.next_due.map(Moment::as_secs_f64),
    ),
    ("campanile_watchdog_size_bytes", "Bytes of the last judged run", |it| {
        it.size.map(|it| it as f64)
    }),
    ("campanile_watchdog_duration_seconds", "How long the last judged run took", |it| {
        it.duration.map(|it| it.as_secs_f64())
    }),
];

impl WatchdogFigures {
    /// Adds them to what a scrape shows.
    pub fn read(&self, readings: &mut Readings) {
        // Family by family, so that there is little left to sort.
        for (name, help, value) in OF_JOB {
            for job in &*self.jobs {
                if let Some(value) = value(job) {
                    let watchdog = job.name.split_once('/').map_or(&*job.name, |it| it.1);
                    let labels = [("customer", &*job.customer), ("watchdog", watchdog)];
                    readings.gauge(name, help, &labels, value);
                }
            }
        }
        for class in Class::ALL {
            let count = self.reports.get(class).copied().unwrap_or(0) as f64;
            let help = "Reports heard, by what became of them";
            readings.counter("campanile_watchdog_reports", help, &[("class", class.word())], count);
        }
        for standing in Standing::ALL.iter().filter(|it| **it != Standing::Open) {
            let count = self.slots.get(standing).copied().unwrap_or(0) as f64;
            let (name, help) = ("campanile_watchdog_slots", "How expected runs came to stand");
            readings.counter(name, help, &[("standing", standing.word())], count);
        }
        let help = "Reports that nobody has claimed";
        readings.gauge("campanile_watchdog_unclaimed", help, &[], self.unclaimed as f64);
        let help = "Mails at which a reader broke down; they are kept, and never good news";
        readings.counter("campanile_inlet_broken", help, &[], self.broken as f64);
        for it in &self.intakes {
            let labels = [("intake", &*it.name)];
            let name = "campanile_inlet_read_until_timestamp_seconds";
            let help = "Everything that came in until then has been handed on";
            readings.gauge(name, help, &labels, it.read_until.as_secs_f64());
            let help = "Whether the intake can hear";
            let up = f64::from(u8::from(!it.deaf));
            readings.gauge("campanile_inlet_up", help, &labels, up);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    fn said(figures: &WatchdogFigures) -> Vec<(&'static str, Vec<String>, f64)> {
        let mut readings = Readings::default();
        figures.read(&mut readings);
        let all = readings.settle().into_iter();
        all.map(|it| (it.name, it.labels.into_iter().map(|it| it.1).collect(), it.value)).collect()
    }

    fn whole() -> WatchdogFigures {
        let job = JobFigures {
            customer: "acme".into(),
            name: "acme/nas".into(),
            standing: Some(Standing::Missing),
            last_ok: Some(Moment::from_secs(1_800_000_000)),
            next_due: Some(Moment::from_secs(1_800_003_600)),
            size: Some(7 << 30),
            duration: Some(Duration::from_millis(90_500)),
        };
        let intake =
            IntakeFigures { name: "mail".into(), read_until: Moment::from_secs(1), deaf: true };
        WatchdogFigures {
            jobs: [job, JobFigures { customer: "bolt".into(), ..JobFigures::default() }].into(),
            reports: BTreeMap::from([(Class::Counted, 3)]),
            slots: BTreeMap::from([(Standing::Missing, 4)]),
            intakes: vec![intake],
            unclaimed: 5,
            broken: 6,
        }
    }

    #[test]
    fn each_standing_has_its_own_number_and_bad_ones_lie_together() {
        let numbers: BTreeSet<u32> = Standing::ALL.iter().map(|it| number_of(*it)).collect();
        assert_eq!(numbers, (0..16).collect());
        for &standing in Standing::ALL {
            let word = standing.word();
            let number = number_of(standing);
            assert_eq!(standing.is_kept(), number < 4, "{word}");
            assert_eq!(standing.is_void(), (10..15).contains(&number), "{word}");
            assert!(!standing.is_bad() || (4..10).contains(&number), "{word}");
        }
    }

    #[test]
    fn what_is_known_is_shown_and_nothing_else() {
        let said = said(&whole());
        let value = |name: &str, label: &str| {
            let found = said.iter().find(|it| it.0 == name && it.1.iter().any(|it| it == label));
            found.map(|it| it.2)
        };
        assert_eq!(value("campanile_watchdog_standing", "nas"), Some(9.0));
        let last_ok = "campanile_backup_last_success_timestamp_seconds";
        assert_eq!(value(last_ok, "nas"), Some(1_800_000_000.0));
        assert_eq!(value("campanile_watchdog_duration_seconds", "nas"), Some(90.5));
        assert_eq!(value("campanile_watchdog_reports", "counted"), Some(3.0));
        assert_eq!(value("campanile_watchdog_reports", "orphan"), Some(0.0));
        assert_eq!(value("campanile_watchdog_slots", "missing"), Some(4.0));
        assert_eq!(value("campanile_inlet_up", "mail"), Some(0.0));
        assert_eq!(value("campanile_watchdog_slots", "open"), None);
        assert!(
            !said.iter().any(|it| it.1.iter().any(|it| it == "bolt")),
            "nothing is known of it"
        );
    }

    #[test]
    fn the_figures_of_very_many_watchdogs_are_one_family_after_the_other() {
        let job = |number: u32| JobFigures {
            customer: format!("c{}", number / 5).into(),
            name: format!("c{}/job {}", number / 5, number % 5).into(),
            ..whole().jobs[0].clone()
        };
        let figures =
            WatchdogFigures { jobs: (0..10_000).map(job).collect(), ..WatchdogFigures::default() };
        let said = said(&figures);
        let of = |name: &str| said.iter().filter(|it| it.0 == name).count();
        assert!(OF_JOB.iter().all(|it| of(it.0) == 10_000));
    }
}
