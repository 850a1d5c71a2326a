//! Figures that the engine has beside its checks: of the wires, of the shards' own troubles, and
//! of the store.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use arc_swap::ArcSwap;
use console::WatchdogFigures;
use engine::desk::Figures;
use model::Severity;
use probe::World;
use store::{StoreHealth, Totals};

use crate::{
    courier::Courier,
    desk::{PARTS, Pulse},
    intakes::Intakes,
    shard::Common,
};

/// How many packets of one wire met one fate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    wire: &'static str,
    fate: &'static str,
    value: u64,
}

/// What passed through the sockets of one shard.
pub(crate) fn wire_counts(world: &World) -> Vec<Count> {
    let (ping, snmp) = (world.ping_counts(), world.snmp_counts());
    let icmp = [
        ("sent", ping.sent),
        ("received", ping.received),
        ("answered", ping.answered),
        ("forged", ping.forged),
        ("foreign", ping.foreign),
        ("late", ping.late),
        ("doubled", ping.doubled),
        ("malformed", ping.malformed),
        ("dropped_by_kernel", ping.dropped_by_kernel),
        ("error", ping.errors),
        ("foreign_error", ping.foreign_errors),
        ("congested", ping.congested),
    ];
    let snmp = [
        ("sent", snmp.requests),
        ("answered", snmp.answers),
        ("late", snmp.late),
        ("doubled", snmp.doubled),
        ("foreign", snmp.foreign),
        ("malformed", snmp.malformed),
        ("undeliverable", snmp.undeliverable),
    ];
    let of = |wire| move |(fate, value)| Count { wire, fate, value };
    icmp.into_iter().map(of("icmp")).chain(snmp.into_iter().map(of("snmp"))).collect()
}

/// Has the console show the figures of all shards and of the store.
pub(crate) fn publish(common: &Arc<Common>, health: Arc<StoreHealth>) {
    let shards = Arc::clone(common);
    common.shared.add_source(move |readings| {
        for (number, wires) in shards.wires.iter().enumerate() {
            let number = number.to_string();
            let shard = [("shard", number.as_str())];
            let stalls = wires.stalls.load(Relaxed) as f64;
            let unsent = wires.rows_unsent.load(Relaxed) as f64;
            readings.counter("campanile_stalls", "Times the engine stood still", &shard, stalls);
            let help = "Rows that wait in memory for the store";
            readings.gauge("campanile_shard_rows_unsent", help, &shard, unsent);
            for it in wires.counts.load().iter() {
                let labels = [("wire", it.wire), ("fate", it.fate)];
                let help = "Packets of the shared sockets, by what became of them";
                readings.counter("campanile_wire_packets", help, &labels, it.value as f64);
            }
        }
    });
    common.shared.add_source(move |readings| {
        for it in health.figures() {
            if it.is_counter {
                readings.counter(it.name, it.help, &[], it.value);
            } else {
                readings.gauge(it.name, it.help, &[], it.value);
            }
        }
    });
}

/// Has the console show what the mail servers have counted.
pub(crate) fn publish_intakes(shared: &console::Shared, intakes: &Intakes) {
    let gate = Arc::clone(intakes.gate());
    shared.add_source(move |readings| {
        for it in gate.readings() {
            let labels: Vec<(&str, &str)> = it.label.into_iter().collect();
            match it.is_counter {
                true => readings.counter(it.name, it.help, &labels, it.value as f64),
                false => readings.gauge(it.name, it.help, &labels, it.value as f64),
            }
        }
    });
}

/// Has the console show how the jobs stand. What the desk has said last is taken apart only when
/// somebody asks.
pub(crate) fn publish_watchdogs(
    shared: &console::Shared,
    figures: Arc<ArcSwap<Figures>>,
    intakes: &Intakes,
) {
    let house = Arc::clone(&intakes.house);
    shared.add_source(move |readings| {
        let figures = figures.load();
        let all = WatchdogFigures {
            jobs: Arc::clone(&figures.jobs),
            reports: figures.reports.clone(),
            slots: figures.standings.clone(),
            intakes: figures.intakes.clone(),
            unclaimed: figures.unclaimed,
            broken: house.broken(),
        };
        all.read(readings);
    });
}

/// Has the console show how the desk stands.
pub(crate) fn publish_desk(
    common: &Arc<Common>,
    figures: &Arc<ArcSwap<Figures>>,
    courier: &Arc<Courier>,
) {
    let (figures, courier) = (Arc::clone(figures), Arc::clone(courier));
    common.shared.add_source(move |readings| {
        let figures = figures.load();
        for severity in [Severity::Warning, Severity::Unknown, Severity::Critical, Severity::Down] {
            let word = severity.word();
            let count = figures.problems.get(word).copied().unwrap_or(0);
            let help = "Open problems";
            readings.gauge("campanile_problems", help, &[("severity", word)], count as f64);
        }
        for (channel, waiting) in &figures.waiting {
            let help = "Alerts that are owed and not yet delivered";
            readings.gauge(
                "campanile_outbox_depth",
                help,
                &[("channel", channel)],
                *waiting as f64,
            );
        }
        for ((channel, outcome), count) in courier.tries() {
            let help = "Tries to deliver, by what they came to";
            let labels = [("channel", &*channel), ("outcome", outcome)];
            readings.counter("campanile_notifications", help, &labels, count as f64);
        }
        for (channel, count) in courier.template_failures() {
            let help = "Texts for which the built-in one was sent because the template failed";
            let name = "campanile_template_failures";
            readings.counter(name, help, &[("channel", &*channel)], count as f64);
        }
        for (reason, count) in &figures.withheld {
            let help = "Decisions to tell nobody, by the gate that closed";
            let name = "campanile_notifications_suppressed";
            readings.counter(name, help, &[("reason", reason)], *count as f64);
        }
        for ((outcome, reason), count) in &figures.proposals {
            let help = "Proposals since the start, by what became of them";
            let labels = [("outcome", *outcome), ("reason", *reason)];
            readings.counter("campanile_proposals", help, &labels, *count as f64);
        }
        let help = "Problems for which there was no room";
        readings.counter("campanile_problems_overflowed", help, &[], figures.overflowed as f64);
    });
}

/// Has the console show whether the engine gets on.
pub(crate) fn publish_pulse(shared: &console::Shared, pulse: &Arc<Pulse>) {
    let pulse = Arc::clone(pulse);
    shared.add_source(move |readings| {
        for (part, stuck) in PARTS.iter().zip(&pulse.stuck) {
            let help = "Whether this part of the engine gets on; no sign of life is sent otherwise";
            let gets_on = f64::from(u8::from(!stuck.load(Relaxed)));
            readings.gauge("campanile_progress", help, &[("part", part)], gets_on);
        }
        let help = "Orders of the desk for which the store has no room";
        let waiting = pulse.orders_waiting.load(Relaxed) as f64;
        readings.gauge("campanile_desk_orders_waiting", help, &[], waiting);
        let help = "Requests refused because the store takes nothing";
        let refused = pulse.refused.load(Relaxed) as f64;
        readings.counter("campanile_desk_requests_refused", help, &[], refused);
    });
}

/// Has the console show how much of the log was lost.
pub(crate) fn publish_log(shared: &console::Shared, dropped: Arc<AtomicU64>) {
    shared.add_source(move |readings| {
        let help = "Lines of the log that were dropped because nobody read it fast enough";
        let lines = dropped.load(Relaxed) as f64;
        readings.counter("campanile_log_lines_dropped", help, &[], lines);
    });
}

/// Has the console show what the store counts of the desk's work.
pub(crate) fn publish_totals(shared: &console::Shared, totals: &Arc<ArcSwap<Totals>>) {
    let totals = Arc::clone(totals);
    shared.add_source(move |readings| {
        let totals = totals.load();
        let help = "Proposals that wait for a dispatcher";
        readings.gauge("campanile_proposals_open", help, &[], totals.proposals_open as f64);
        for state in ["open", "assigned", "in-progress", "suspended"] {
            let count = totals.calls_open.iter().find(|it| it.0 == state).map_or(0, |it| it.1);
            let help = "Calls that are not closed";
            readings.gauge("campanile_calls", help, &[("state", state)], count as f64);
        }
        let oldest = totals.alerts_waiting_since.map_or(0.0, model::Moment::as_secs_f64);
        let help = "When the alert was owed that waits longest; 0 if none waits";
        readings.gauge("campanile_outbox_oldest_timestamp_seconds", help, &[], oldest);
    });
}
