//! What is usual: medians, which one wild value cannot move.

/// The middle value; the lower of two. `None` of nothing.
pub(crate) fn median<T: Ord + Copy>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// The median distance from the median, in the same unit.
pub(crate) fn mad(values: &[i64]) -> Option<u64> {
    let middle = median(values)?;
    let distances: Vec<u64> = values.iter().map(|it| it.abs_diff(middle)).collect();
    median(&distances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_does_not_move_what_is_usual() {
        assert_eq!(median::<u64>(&[]), None);
        assert_eq!(median(&[3, 1, 2]), Some(2));
        assert_eq!(median(&[4, 1, 2, 3]), Some(2));
        assert_eq!(median(&[10, 11, 9, 10, 1_000_000]), Some(10));
        assert_eq!(mad(&[600, 620, 590, 610, 86_400]), Some(10));
    }
}
