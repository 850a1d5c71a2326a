//! Durations, read by the calendar: planned windows and checks write them alike.

use std::time::Duration;

use super::{Fault, scan::Word};

/// Reads a duration.
pub(crate) fn duration(text: &str) -> Result<Duration, Fault> {
    Ok(calendar::duration(text)?)
}

/// Reads the duration that `word` is.
pub(super) fn read(word: Word<'_>) -> Result<Duration, Fault> {
    duration(word.text).map_err(|it| it.moved(word.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_points_into_the_text_around_the_duration() {
        let word = Word::trimmed("every 5min").after(6);
        let fault = read(word).unwrap_err();
        assert_eq!((fault.span, fault.hint), (7..10, Some("write `5m`".to_owned())));
        assert_eq!(duration(" 1h30m "), Ok(Duration::from_secs(5_400)));
    }
}
