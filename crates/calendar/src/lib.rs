//! Local rules of time, worked out to absolute spans.
//!
//! People write `2nd Tue 22:00 for 4h` or `Mon-Fri 08:00-18:00` and mean the clock on a wall
//! somewhere. This crate reads such texts ([`recurrence`], [`week_hours`], [`schedule()`],
//! [`holidays`]) into the recipes of `model`, and works recipes out to spans and moments of absolute
//! time ([`occurrences`], [`hours`], [`shifts`], [`nominals`], or [`times`] for all at once). Nobody
//! else in the workspace does arithmetic with local time, so the law for the days on which clocks
//! change stands in one place:
//!
//! * A begin in a skipped hour moves to the first moment behind the gap.
//! * A begin in a repeated hour is its first pass.
//! * An end in a skipped hour moves in the same way; an end in a repeated hour is its last pass.
//! * A length (`for 4h`) is time that passes, whatever the clock shows meanwhile.
//! * A run of a schedule that is promised in such an hour is on time at any moment that its local
//!   time could mean; a rule that names every hour goes by elapsed time (see [`nominals`]).
//!
//! Put in one sentence: a begin is the first moment at which the clock shows that time or a later
//! one, an end is the first moment from which on it shows no earlier one. Both are monotonic, so
//! the order of local times is the order of moments, and every local date has one begin.
//!
//! The tz data is compiled in; the host's own is never read. Everything here is pure: no clock, no
//! file, and every loop has a bound.

mod clock;
#[cfg(any(test, feature = "fuzz"))]
pub mod corpus;
mod cron;
mod dates;
mod decimal;
mod duration;
mod gap;
mod hours;
mod ics;
mod moment;
mod nominals;
mod occurrences;
mod oncalendar;
mod recurrence;
mod rota;
mod rrule;
mod scan;
mod schedule;
mod suggest;
mod times;
mod week;
mod words;

#[cfg(test)]
mod all_runs;
#[cfg(test)]
mod all_zones;
#[cfg(test)]
mod hostile;

pub use clock::{describe, rfc3339, zone_exists};
pub use dates::{date, dates};
pub use decimal::Decimal;
pub use duration::{duration, is_unit_of_time};
pub use gap::smallest_gap;
pub use hours::{business_days, hours};
pub use ics::holidays;
pub use moment::parse_moment;
pub use nominals::nominals;
pub use occurrences::occurrences;
pub use recurrence::recurrence;
pub use rota::{gaps, overrides, shifts};
pub use scan::{Fault, printable, shown};
pub use schedule::{schedule, schedules};
pub use suggest::{Suggestion, suggest};
pub use times::times;
pub use week::week_hours;
