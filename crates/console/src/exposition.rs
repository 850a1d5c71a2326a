//! `/metrics`: the board and the counters as a text that Prometheus reads.
//!
//! A custom collector over the atomics, so that nothing is registered, hashed or locked for each
//! series. Each family is written once, with all its samples, in a fixed order.
//!
//! What is older than it may be is never shown as fine, and never as worse than it was: a stale
//! service that was fine is UNKNOWN, a stale host that was up has no state at all, what was bad
//! stays as bad as it was. The `probe_*` values of a stale service are left out.

use std::{
    fmt::{Result, Write},
    sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed},
};

use model::{Age, CauseCode, Moment, Owner, SkipReason, StateType, Status};
use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet, text,
    },
    metrics::MetricType,
    registry::Registry,
};

use crate::{
    Board, Histogram, Outcome, Shared, board::Seen, cell::Shown, counters::KindCounters,
    probes::Sample, texts::Slot,
};

/// How the text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// The older text format 0.0.4, for whoever does not ask for the other.
    Plain,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Writes everything to `out`.
pub(crate) fn write(shared: &Arc<Shared>, format: Format, out: &mut impl Write) -> Result {
    let now = shared.now();
    let exposition = Exposition { shared: Arc::clone(shared), board: shared.board(), format, now };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(exposition));
    text::encode_registry(out, &registry)?;
    match format {
        Format::OpenMetrics => text::encode_eof(out),
        Format::Plain => Ok(()),
    }
}

/// One scrape.
#[derive(Debug)]
struct Exposition {
    shared: Arc<Shared>,
    board: Arc<Board>,
    format: Format,
    now: Moment,
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let mut page = Page { encoder, format: self.format };
        self.engine(&mut page)?;
        self.checks(&mut page)?;
        self.histograms(&mut page)?;
        self.readings(&mut page)?;
        self.hosts(&mut page)?;
        self.services(&mut page)?;
        self.probes(&mut page)
    }
}

impl Exposition {
    fn engine(&self, page: &mut Page<'_>) -> Result {
        let build = self.shared.build();
        page.gauge("campanile_build_info", "What this program is", |family| {
            family.sample(&BuildLabels(build), 1.0)
        })?;
        let ok = !self.shared.has_reload_failed();
        let name = "campanile_config_last_reload_successful";
        page.single(name, "Whether the last reload, or the start, was successful", flag(ok))?;
        let name = "campanile_config_last_reload_success_timestamp_seconds";
        let at = self.shared.plan_loaded_at().as_secs_f64();
        page.single(name, "When a plan was last loaded", at)?;
        page.single("campanile_hosts", "Hosts of the plan", self.board.hosts_len() as f64)?;
        page.single("campanile_services", "Services of the plan", self.board.services_len() as f64)
    }

    fn checks(&self, page: &mut Page<'_>) -> Result {
        page.counter("campanile_checks", "Looks made, by how they ended", |family| {
            self.each_kind(|kind, blocks| {
                for outcome in Outcome::ALL {
                    let count = sum(blocks, |it| &it.outcomes[outcome as usize]);
                    family.sample(&[("kind", kind), ("result", outcome.word())], count)?;
                }
                Ok(())
            })
        })?;
        page.counter("campanile_checks_skipped", "Looks that were due and not made", |family| {
            self.each_kind(|kind, blocks| {
                for reason in SkipReason::ALL {
                    let count = sum(blocks, |it| &it.skipped[reason as usize]);
                    family.sample(&[("kind", kind), ("reason", reason.word())], count)?;
                }
                Ok(())
            })
        })?;
        let ours = || CauseCode::ALL.iter().filter(|it| it.owner() == Owner::Ours);
        page.counter("campanile_checks_blind", "Looks that could not be made", |family| {
            self.each_kind(|kind, blocks| {
                for code in ours() {
                    let count = sum(blocks, |it| &it.blind[*code as usize]);
                    family.sample(&[("kind", kind), ("cause", code.word())], count)?;
                }
                Ok(())
            })
        })?;
        let help = "Looks that were still under way when the next was due";
        self.by_kind(page, "campanile_checks_overrun", help, |it| &it.overrun)?;
        let help = "Looks that began later than the timetable allows";
        self.by_kind(page, "campanile_checks_late", help, |it| &it.late)?;
        page.gauge("campanile_checks_in_flight", "Looks that are under way", |family| {
            self.each_kind(|kind, blocks| {
                let count = sum(blocks, |it| &it.in_flight);
                family.sample(&[("kind", kind)], count as f64)
            })
        })
    }

    fn histograms(&self, page: &mut Page<'_>) -> Result {
        let name = "campanile_check_lateness_seconds";
        let help = "Actual less planned start of looks";
        page.histogram(name, help, |family| {
            self.each_kind(|kind, blocks| {
                family.histogram(&[("kind", kind)], blocks.iter().map(|it| &it.lateness))
            })
        })?;
        let help = "Longest lateness of a look since the start of the engine";
        page.gauge("campanile_check_lateness_max_seconds", help, |family| {
            self.each_kind(|kind, blocks| {
                let max = blocks.iter().map(|it| it.lateness.max_secs()).fold(0.0, f64::max);
                family.sample(&[("kind", kind)], max)
            })
        })?;
        page.histogram("campanile_check_duration_seconds", "How long looks take", |family| {
            self.each_kind(|kind, blocks| {
                family.histogram(&[("kind", kind)], blocks.iter().map(|it| &it.duration))
            })
        })
    }

    /// What the other parts of the engine say of themselves, family by family.
    fn readings(&self, page: &mut Page<'_>) -> Result {
        let readings = self.shared.readings();
        for family in readings.chunk_by(|a, b| a.name == b.name) {
            let first = &family[0];
            if first.is_counter {
                page.counter(first.name, first.help, |out| {
                    family.iter().try_for_each(|it| out.reading(&it.labels, it.value))
                })?;
            } else {
                page.gauge(first.name, first.help, |out| {
                    family.iter().try_for_each(|it| out.reading(&it.labels, it.value))
                })?;
            }
        }
        Ok(())
    }

    fn hosts(&self, page: &mut Page<'_>) -> Result {
        let believed = |seen: Seen<'_>| Shows::of(seen, self.now);
        let help = "What is believed: 0 UP, 1 DOWN, 2 UNREACHABLE; absent when nobody knows";
        self.of_hosts(page, "campanile_host_state", help, |seen| believed(seen).host_state())?;
        let help = "Whether it is believed already";
        self.of_hosts(page, "campanile_host_hard", help, |seen| believed(seen).hard())?;
        let help = "Whether it flaps";
        self.of_hosts(page, "campanile_host_flapping", help, |seen| believed(seen).flapping())?;
        let help = "Whether the last conclusive result is too old to go by";
        self.of_hosts(page, "campanile_host_stale", help, |seen| Some(believed(seen).stale()))?;
        let name = "campanile_host_last_check_timestamp_seconds";
        self.of_hosts(page, name, "When the last look began", checked_at)
    }

    fn services(&self, page: &mut Page<'_>) -> Result {
        let believed = |seen: Seen<'_>| Shows::of(seen, self.now);
        let help =
            "What is believed: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN or too old to be called OK";
        let state = |seen: Seen<'_>| believed(seen).service_state();
        self.of_services(page, "campanile_service_state", help, state)?;
        let help = "Whether it is believed already";
        self.of_services(page, "campanile_service_hard", help, |seen| believed(seen).hard())?;
        let help = "Whether it flaps";
        let flapping = |seen: Seen<'_>| believed(seen).flapping();
        self.of_services(page, "campanile_service_flapping", help, flapping)?;
        let help = "Whether the last conclusive result is too old to go by";
        let stale = |seen: Seen<'_>| Some(believed(seen).stale());
        self.of_services(page, "campanile_service_stale", help, stale)?;
        let name = "campanile_service_last_check_timestamp_seconds";
        self.of_services(page, name, "When the last look began", checked_at)
    }

    /// The names that blackbox_exporter has made common.
    fn probes(&self, page: &mut Page<'_>) -> Result {
        let fresh = |seen: Seen<'_>| {
            let looked = seen.row.cell.looked();
            (looked.conclusive && seen.age(self.now) == Age::Fresh).then_some(looked)
        };
        let help = "Whether the last conclusive look found all well, before thresholds";
        self.of_probes(page, "probe_success", help, |seen| fresh(seen).map(|it| flag(it.fine)))?;
        let help = "How long the last conclusive look took";
        let took = |seen: Seen<'_>| fresh(seen).map(|it| it.took_secs());
        self.of_probes(page, "probe_duration_seconds", help, took)?;
        let help = "How long a look may take";
        self.of_probes(page, "probe_timeout_seconds", help, |seen| Some(seen.timeout_secs()))?;
        for series in self.board.series() {
            page.gauge(series.name, &series.help, |family| {
                for seen in self.board.services() {
                    let samples = seen.kind_number().and_then(|it| series.samples.get(it));
                    let Some(samples) = samples.filter(|it| !it.is_empty()) else { continue };
                    if fresh(seen).is_none() {
                        continue;
                    }
                    for sample in samples {
                        self.measure(family, seen, *sample)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn measure(&self, family: &mut Family<'_>, seen: Seen<'_>, sample: Sample) -> Result {
        let labels = |text| ProbeLabels { seen, constant: sample.labels, text };
        match seen.row.cell.measure(sample.index) {
            Slot::Absent => Ok(()),
            Slot::Number(number) => family.sample(&labels(None), number),
            Slot::Text(key) => {
                let takes_text = sample.labels.iter().any(|(_, value)| value.is_empty());
                match self.board.text(key).filter(|_| takes_text) {
                    Some(text) => family.sample(&labels(Some(&text)), 1.0),
                    None => Ok(()),
                }
            }
        }
    }

    fn of_hosts(
        &self,
        page: &mut Page<'_>,
        name: &'static str,
        help: &str,
        value: impl Fn(Seen<'_>) -> Option<f64>,
    ) -> Result {
        page.gauge(name, help, |family| {
            self.board.hosts().try_for_each(|seen| match value(seen) {
                Some(value) => family.sample(&HostLabels(seen), value),
                None => Ok(()),
            })
        })
    }

    fn of_services(
        &self,
        page: &mut Page<'_>,
        name: &'static str,
        help: &str,
        value: impl Fn(Seen<'_>) -> Option<f64>,
    ) -> Result {
        page.gauge(name, help, |family| {
            self.board.services().try_for_each(|seen| match value(seen) {
                Some(value) => family.sample(&ServiceLabels(seen), value),
                None => Ok(()),
            })
        })
    }

    fn of_probes(
        &self,
        page: &mut Page<'_>,
        name: &'static str,
        help: &str,
        value: impl Fn(Seen<'_>) -> Option<f64>,
    ) -> Result {
        page.gauge(name, help, |family| {
            let asked = self.board.services().filter(|it| it.kind().is_some());
            for seen in asked {
                if let Some(value) = value(seen) {
                    let labels = ProbeLabels { seen, constant: &[], text: None };
                    family.sample(&labels, value)?;
                }
            }
            Ok(())
        })
    }

    fn by_kind(
        &self,
        page: &mut Page<'_>,
        name: &'static str,
        help: &str,
        count: impl Fn(&KindCounters) -> &AtomicU64,
    ) -> Result {
        page.counter(name, help, |family| {
            self.each_kind(|kind, blocks| family.sample(&[("kind", kind)], sum(blocks, &count)))
        })
    }

    fn each_kind(&self, mut each: impl FnMut(&'static str, &[&KindCounters]) -> Result) -> Result {
        for (kind, blocks) in self.shared.counters().kinds() {
            let blocks: Vec<_> = blocks.collect();
            each(kind, &blocks)?;
        }
        Ok(())
    }
}

fn sum(blocks: &[&KindCounters], count: impl Fn(&KindCounters) -> &AtomicU64) -> u64 {
    blocks.iter().map(|it| count(it).load(Relaxed)).sum()
}

fn flag(it: bool) -> f64 {
    f64::from(u8::from(it))
}

fn checked_at(seen: Seen<'_>) -> Option<f64> {
    let at = seen.row.cell.checked_at();
    (at != Moment::ZERO).then(|| at.as_secs_f64())
}

/// What may be said of one checkable now.
struct Shows {
    shown: Shown,
    age: Age,
}

impl Shows {
    fn of(seen: Seen<'_>, now: Moment) -> Self {
        Self { shown: seen.row.cell.shown(), age: seen.age(now) }
    }

    fn is_stale(&self) -> bool {
        self.age == Age::Stale
    }

    fn stale(&self) -> f64 {
        flag(self.is_stale())
    }

    /// Whether there is anything to say. A belief that was restored counts from the start.
    fn known(&self) -> Option<&Shown> {
        (self.shown.known || self.is_stale()).then_some(&self.shown)
    }

    fn host_state(&self) -> Option<f64> {
        let status = self.known()?.now.status;
        match status {
            // There is no number for "nobody knows", and DOWN would be a lie about the target.
            Status::Up | Status::Ok => (!self.is_stale()).then_some(0.0),
            Status::Down | Status::Warning | Status::Critical => Some(1.0),
            Status::Unreachable | Status::Unknown => Some(2.0),
        }
    }

    fn service_state(&self) -> Option<f64> {
        let status = self.known()?.now.status;
        Some(match status {
            Status::Ok | Status::Up if self.is_stale() => 3.0,
            Status::Ok | Status::Up => 0.0,
            Status::Warning => 1.0,
            Status::Critical | Status::Down => 2.0,
            Status::Unknown | Status::Unreachable => 3.0,
        })
    }

    fn hard(&self) -> Option<f64> {
        self.known().map(|it| flag(it.now.kind == StateType::Hard))
    }

    fn flapping(&self) -> Option<f64> {
        self.known().map(|it| flag(it.flapping))
    }
}

/// Writes families in one of the two formats.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
    format: Format,
}

/// One family that is being written.
struct Family<'a> {
    encoder: MetricEncoder<'a>,
    format: Format,
}

impl Page<'_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        samples: impl FnOnce(&mut Family<'_>) -> Result,
    ) -> Result {
        let encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        samples(&mut Family { encoder, format: self.format })
    }

    fn single(&mut self, name: &str, help: &str, value: f64) -> Result {
        self.gauge(name, help, |family| family.encoder.encode_gauge(&value))
    }

    /// In OpenMetrics the family is `name` and its samples are `name_total`; in the older format
    /// both have the long name.
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        samples: impl FnOnce(&mut Counted<'_>) -> Result,
    ) -> Result {
        let long = match self.format {
            Format::OpenMetrics => name.to_owned(),
            Format::Plain => format!("{name}_total"),
        };
        let encoder = self.encoder.encode_descriptor(&long, help, None, MetricType::Counter)?;
        samples(&mut Counted(Family { encoder, format: self.format }))
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        samples: impl FnOnce(&mut Family<'_>) -> Result,
    ) -> Result {
        let encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        samples(&mut Family { encoder, format: self.format })
    }
}

impl Family<'_> {
    fn sample(&mut self, labels: &impl EncodeLabelSet, value: f64) -> Result {
        self.encoder.encode_family(labels)?.encode_gauge(&value)
    }

    fn reading(&mut self, labels: &OwnedLabels, value: f64) -> Result {
        match labels.is_empty() {
            true => self.encoder.encode_gauge(&value),
            false => self.sample(labels, value),
        }
    }

    /// The sum of the histograms of all shards.
    fn histogram<'h>(
        &mut self,
        labels: &impl EncodeLabelSet,
        shards: impl Iterator<Item = &'h Histogram>,
    ) -> Result {
        let mut counts = [0; Histogram::BOUNDS_SECS.len() + 1];
        let sum = shards.map(|it| it.add_to(&mut counts)).sum();
        let bounds = Histogram::BOUNDS_SECS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = counts.iter().sum();
        let mut encoder = self.encoder.encode_family(labels)?;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

/// A family of counters.
struct Counted<'a>(Family<'a>);

impl Counted<'_> {
    fn sample(&mut self, labels: &impl EncodeLabelSet, count: u64) -> Result {
        let mut encoder = self.0.encoder.encode_family(labels)?;
        match self.0.format {
            Format::OpenMetrics => encoder.encode_counter::<NoLabelSet, u64, f64>(&count, None),
            // The family has its long name already; only a gauge is written without a suffix.
            Format::Plain => encoder.encode_gauge(&count),
        }
    }

    fn reading(&mut self, labels: &OwnedLabels, count: f64) -> Result {
        if self.0.format == Format::Plain {
            return self.0.reading(labels, count);
        }
        let encoder = &mut self.0.encoder;
        match labels.is_empty() {
            true => encoder.encode_counter::<NoLabelSet, f64, f64>(&count, None),
            false => {
                let mut encoder = encoder.encode_family(labels)?;
                encoder.encode_counter::<NoLabelSet, f64, f64>(&count, None)
            }
        }
    }
}

type OwnedLabels = Vec<(&'static str, String)>;

#[derive(Debug)]
struct BuildLabels<'a>(&'a crate::Build);
#[derive(Debug)]
struct HostLabels<'a>(Seen<'a>);
#[derive(Debug)]
struct ServiceLabels<'a>(Seen<'a>);
#[derive(Debug)]
struct ProbeLabels<'a> {
    seen: Seen<'a>,
    constant: &'static [(&'static str, &'static str)],
    text: Option<&'a str>,
}

impl EncodeLabelSet for BuildLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result {
        put(encoder, "version", self.0.version)?;
        self.0.labels.iter().try_for_each(|(key, value)| put(encoder, key, value))
    }
}

impl EncodeLabelSet for HostLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result {
        put(encoder, "customer", self.0.customer())?;
        put(encoder, "host", self.0.host())
    }
}

impl EncodeLabelSet for ServiceLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result {
        HostLabels(self.0).encode(encoder)?;
        put(encoder, "service", self.0.service())
    }
}

impl EncodeLabelSet for ProbeLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result {
        put(encoder, "job", self.seen.kind().map_or("", |it| it.name))?;
        put(encoder, "instance", self.seen.target())?;
        ServiceLabels(self.seen).encode(encoder)?;
        for (key, value) in self.constant {
            match (value.is_empty(), self.text) {
                (false, _) => put(encoder, key, value)?,
                (true, Some(text)) => put(encoder, key, text)?,
                // A number where a text was expected: the sample has no such label.
                (true, None) => {}
            }
        }
        Ok(())
    }
}

fn put(encoder: &mut LabelSetEncoder<'_>, key: &str, value: &str) -> Result {
    let mut label = encoder.encode_label();
    let mut name = label.encode_label_key()?;
    name.write_str(key)?;
    let mut text = name.encode_label_value()?;
    text.write_str(value)?;
    text.finish()
}
