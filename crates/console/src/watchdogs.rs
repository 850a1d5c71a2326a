//! Figures of watchdogs for `/metrics`.
//!
//! The figures are gathered by whoever knows the ledger; here they get their names, once, and the
//! numbers that stand for standings. A job of which something is not known has no series for that:
//! a backup that was never made must not look as if it had been made in 1970.

use std::sync::Arc;

use model::{Class, Moment, Standing};

use crate::Readings;

/// Figures of all watchdogs and intakes at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchdogFigures {
    /// One for each watchdog.
    pub jobs: Vec<JobFigures>,
    /// Reports since the start, by what became of them.
    pub reports: Vec<(Class, u64)>,
    /// Slots judged since the start, by how they stood first.
    pub slots: Vec<(Standing, u64)>,
    /// One for each intake.
    pub intakes: Vec<IntakeFigures>,
    /// Reports that nobody has claimed.
    pub unclaimed: u64,
    /// Mails that broke the reading of them; kept, and never good news.
    pub broken: u64,
}

/// Figures of one watchdog.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobFigures {
    /// Whose.
    pub customer: Arc<str>,
    /// Its name within the customer.
    pub watchdog: Arc<str>,
    /// How its last judged slot stands.
    pub standing: Option<Standing>,
    /// When its last good run ended.
    pub last_ok: Option<Moment>,
    /// When the next report is due at the latest.
    pub next_due: Option<Moment>,
    /// Bytes of its last judged run.
    pub size: Option<u64>,
    /// Seconds that it took.
    pub duration_secs: Option<f64>,
}

/// Figures of one intake since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntakeFigures {
    /// Its name; `ping` and `api` are always there.
    pub intake: Arc<str>,
    /// What was taken and kept.
    pub taken: u64,
    /// What was refused for good.
    pub refused: u64,
    /// What was put off: the disk is low, or there is too much at once.
    pub deferred: u64,
    /// Bytes of what was taken.
    pub bytes: u64,
    /// Everything that came by it until then has been handed on.
    pub read_until: Option<Moment>,
    /// Can it not hear?
    pub faulty: bool,
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

impl WatchdogFigures {
    /// Adds them to what a scrape shows.
    pub fn read(&self, readings: &mut Readings) {
        for job in &self.jobs {
            job.read(readings);
        }
        for &class in Class::ALL {
            let count = sum(&self.reports, class);
            let help = "Reports heard, by what became of them";
            readings.counter("campanile_watchdog_reports", help, &[("class", class.word())], count);
        }
        for &standing in Standing::ALL {
            if standing == Standing::Open {
                continue;
            }
            let count = sum(&self.slots, standing);
            let help = "Expected runs judged, by how they stood first";
            readings.counter(
                "campanile_watchdog_slots",
                help,
                &[("standing", standing.word())],
                count,
            );
        }
        let help = "Reports that nobody has claimed";
        readings.gauge("campanile_watchdog_unclaimed", help, &[], self.unclaimed as f64);
        let help = "Mails on which reading broke; they are kept as unclassified";
        readings.counter("campanile_inlet_broken", help, &[], self.broken as f64);
        for intake in &self.intakes {
            intake.read(readings);
        }
    }
}

fn sum<T: PartialEq>(counts: &[(T, u64)], of: T) -> f64 {
    counts.iter().filter(|it| it.0 == of).map(|it| it.1 as f64).sum()
}

impl JobFigures {
    fn read(&self, readings: &mut Readings) {
        let labels = [("customer", &*self.customer), ("watchdog", &*self.watchdog)];
        let mut put = |name, help, value: Option<f64>| {
            if let Some(value) = value {
                readings.gauge(name, help, &labels, value);
            }
        };
        put(
            "campanile_watchdog_standing",
            "How the last judged run stands: 0 to 3 well, 4 to 9 to be looked at, above: void",
            self.standing.map(|it| f64::from(number_of(it))),
        );
        put(
            "campanile_backup_last_success_timestamp_seconds",
            "When the last good run ended",
            self.last_ok.map(Moment::as_secs_f64),
        );
        put(
            "campanile_watchdog_next_due_timestamp_seconds",
            "When the next report is due at the latest",
            self.next_due.map(Moment::as_secs_f64),
        );
        put(
            "campanile_watchdog_size_bytes",
            "Bytes of the last judged run",
            self.size.map(|it| it as f64),
        );
        put(
            "campanile_watchdog_duration_seconds",
            "How long the last judged run took",
            self.duration_secs,
        );
    }
}

impl IntakeFigures {
    fn read(&self, readings: &mut Readings) {
        let outcomes =
            [("taken", self.taken), ("refused", self.refused), ("deferred", self.deferred)];
        for (outcome, count) in outcomes {
            let labels = [("intake", &*self.intake), ("outcome", outcome)];
            let help = "Mails and pings that came in, by what became of them at the door";
            readings.counter("campanile_inlet_mails", help, &labels, count as f64);
        }
        let labels = [("intake", &*self.intake)];
        let help = "Bytes of mails and pings that were taken";
        readings.counter("campanile_inlet_bytes", help, &labels, self.bytes as f64);
        if let Some(at) = self.read_until {
            let name = "campanile_inlet_read_until_timestamp_seconds";
            let help = "Everything that came in until then has been handed on";
            readings.gauge(name, help, &labels, at.as_secs_f64());
        }
        let help = "Whether the intake can hear";
        readings.gauge("campanile_inlet_up", help, &labels, f64::from(u8::from(!self.faulty)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
            watchdog: "nas".into(),
            standing: Some(Standing::Missing),
            last_ok: Some(Moment::from_secs(1_800_000_000)),
            next_due: Some(Moment::from_secs(1_800_003_600)),
            size: Some(7 << 30),
            duration_secs: Some(90.5),
        };
        let intake = IntakeFigures {
            intake: "mail".into(),
            taken: 3,
            read_until: Some(Moment::from_secs(1)),
            faulty: true,
            ..IntakeFigures::default()
        };
        WatchdogFigures {
            jobs: vec![job, JobFigures { customer: "bolt".into(), ..JobFigures::default() }],
            reports: vec![(Class::Counted, 2), (Class::Counted, 1)],
            slots: vec![(Standing::Missing, 4)],
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

    /// The dashboard asks for nothing that is never shown.
    #[test]
    fn every_series_of_the_dashboard_exists() {
        let board = include_str!("../../../deploy/grafana/watchdogs.json");
        let board: serde_json::Value = serde_json::from_str(board).unwrap();
        let known: BTreeSet<String> = said(&whole())
            .iter()
            .flat_map(|it| [it.0.to_owned(), format!("{}_total", it.0)])
            .collect();
        let mut asked = 0;
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let text = target["expr"].as_str().unwrap();
                let is_part = |it: char| !(it.is_ascii_alphanumeric() || it == '_');
                for name in text.split(is_part).filter(|it| it.starts_with("campanile_")) {
                    assert!(known.contains(name), "nothing is called {name}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 8, "the dashboard has lost its panels");
    }
}
