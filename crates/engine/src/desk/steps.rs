//! The numbers that stand for a step of the ladder where there is none.
//!
//! An alert's key follows from its problem, route, ordinal and step, so these must differ from each
//! other and from the place of any step, and must stay what they are: keys that were sent are
//! remembered by receivers.

/// A digest of several alerts. Its key is made with a number of its own in place of a problem.
pub(crate) const DIGEST_STEP: u32 = u32::MAX - 1;
/// What belongs to no step: news of a change, reminders, resolves, messages about no problem.
pub(crate) const NO_STEP: u32 = u32::MAX - 2;
/// The question to a duty lead at night.
pub(crate) const STEP_OF_QUESTION: u32 = u32::MAX - 3;
/// What was handed on once to another channel; the next hops follow.
pub(crate) const FALLBACK_STEP: u32 = u32::MAX - 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_them_are_the_same_and_no_hop_runs_into_another() {
        let in_order = [FALLBACK_STEP, FALLBACK_STEP + 100, STEP_OF_QUESTION, NO_STEP, DIGEST_STEP];
        assert!(in_order.is_sorted_by(|one, next| one < next), "{in_order:?}");
    }
}
