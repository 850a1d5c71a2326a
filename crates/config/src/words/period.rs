//! Check periods: the opening hours of `calendar`, read on the clock of a zone that the engine
//! carries with it.
//!
//! One grammar for both (`Mon-Fri 08:00-18:00`, `Mon-Thu 08:00-12:00 13:00-17:00`, `Sat-Sun`), so
//! that nobody has to learn two.

use model::{Period, TimeZone};

use super::Fault;

/// Reads a period on the clock of `zone`; `None` is always.
pub(crate) fn period(text: &str, zone: &TimeZone) -> Result<Option<Period>, Fault> {
    let hours = calendar::week_hours(text, &zone.name)?;
    let (text, spans) = (hours.text, hours.spans.into());
    Ok((!hours.always).then(|| Period { text, zone: zone.clone(), spans }))
}

#[cfg(test)]
mod tests;
