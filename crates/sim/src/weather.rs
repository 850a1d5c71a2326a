//! What goes wrong in one world, and how often.
//!
//! Swarm style: each seed draws which faults it has at all, and how often each strikes. Worlds
//! with everything at once hide bugs that need one fault and long quiet around it.

use std::time::Duration;

use crate::dice::{Dice, MILLION};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The faults of one world. Rates are parts of a million looks; gaps are mean times between
/// strikes, `None` where a fault never strikes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// The network swallows a packet: a target that is up looks dead.
    pub lost_packet_ppm: u64,
    /// The look never reports back.
    pub lost_answer_ppm: u64,
    /// The look reports back long after its time.
    pub late_answer_ppm: u64,
    /// Longest time by which a late answer is late.
    pub late_max: Duration,
    /// The answer comes twice, the second time with other news.
    pub doubled_ppm: u64,
    /// The look could not be made.
    pub blind_ppm: u64,
    /// Spells in which no look can be made.
    pub blind_gap: Option<Duration>,
    /// Longest such spell.
    pub blind_max: Duration,
    /// The driver stands still.
    pub stall_gap: Option<Duration>,
    /// Longest time it stands still.
    pub stall_max: Duration,
    /// The process is killed.
    pub crash_gap: Option<Duration>,
    /// The process is stopped in order and started again.
    pub restart_gap: Option<Duration>,
    /// The configuration is changed and loaded again.
    pub reload_gap: Option<Duration>,
    /// Somebody asks for a look at once.
    pub on_demand_gap: Option<Duration>,
    /// Somebody reports a result from outside.
    pub report_gap: Option<Duration>,
    /// The wall clock jumps, forwards or backwards.
    pub wall_gap: Option<Duration>,
    /// Longest time a message between shard and desk takes.
    pub mail_max: Duration,
    /// Longest time until something handed to the store is committed.
    pub commit_max: Duration,
}

impl Weather {
    /// Draws the weather of one world.
    pub fn draw(dice: &mut Dice) -> Self {
        if dice.chance(MILLION / 8) {
            return Self::default(); // A calm world: whatever fails here, fails by itself.
        }
        Self {
            lost_packet_ppm: rate(dice, 200_000),
            lost_answer_ppm: rate(dice, 100_000),
            late_answer_ppm: rate(dice, 200_000),
            late_max: dice.span(SECOND, HOUR),
            doubled_ppm: rate(dice, 300_000),
            blind_ppm: rate(dice, 300_000),
            blind_gap: gap(dice, 10 * MINUTE),
            blind_max: dice.span(10 * SECOND, HOUR),
            stall_gap: gap(dice, 10 * MINUTE),
            stall_max: dice.span(SECOND, 20 * MINUTE),
            crash_gap: gap(dice, 5 * MINUTE),
            restart_gap: gap(dice, 10 * MINUTE),
            reload_gap: gap(dice, 3 * MINUTE),
            on_demand_gap: gap(dice, MINUTE),
            report_gap: gap(dice, MINUTE),
            wall_gap: gap(dice, 10 * MINUTE),
            mail_max: dice.span(Duration::from_micros(1), SECOND),
            commit_max: dice.span(Duration::from_millis(1), 5 * SECOND),
        }
    }
}

/// Nothing in every second world, else any order of magnitude up to `worst`.
fn rate(dice: &mut Dice, worst: u64) -> u64 {
    if dice.chance(MILLION / 2) { 0 } else { dice.spread(100, worst) }
}

/// Never in every second world, else any order of magnitude up to half a day.
fn gap(dice: &mut Dice, shortest: Duration) -> Option<Duration> {
    if dice.chance(MILLION / 2) { None } else { Some(dice.span(shortest, 12 * HOUR)) }
}
