//! Everything that the duty says about time, worked out for one range.

use std::sync::Arc;

use model::{Duty, Shift, Span, Times};

use crate::{hours, occurrences, rota::chained, shifts};

/// Works out `of` for `range`, place by place.
#[must_use]
pub fn times(of: &Duty, range: Span) -> Times {
    let own: Vec<Vec<Shift>> = of.oncall.iter().map(|it| shifts(&it.rotation, range)).collect();
    let next: Vec<Option<u32>> = of.oncall.iter().map(|it| it.otherwise).collect();
    Times {
        hours: of.hours.iter().map(|it| hours(it, range)).collect(),
        shifts: (0..own.len()).map(|it| chained(&own, &next, it)).collect(),
        windows: of
            .windows
            .iter()
            .map(|it| Arc::from(occurrences(&it.recurrence, range)))
            .collect(),
        covers: Some(range),
    }
}

#[cfg(test)]
mod tests;
