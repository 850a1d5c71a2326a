//! Did you mean …?

/// Longer words are not compared: the work grows with the square of the length.
const WORD_CHARS_MAX: usize = 64;

/// The candidate that `word` most likely was meant to be, if one is near enough.
///
/// Near is one slip (a letter added, left out, changed, or two neighbours swapped) for every three
/// letters, at least one. Upper and lower case count as the same. Of two that are equally near, the
/// first in the alphabet is taken, so the order of the candidates does not matter.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let letters: Vec<char> = word.trim().to_lowercase().chars().collect();
    if letters.is_empty() || letters.len() > WORD_CHARS_MAX {
        return None;
    }
    let slips_max = (letters.len() / 3).max(1);
    let near = candidates.into_iter().filter_map(|candidate| {
        let other: Vec<char> = candidate.to_lowercase().chars().collect();
        let apart = letters.len().abs_diff(other.len());
        if apart > slips_max || other.len() > WORD_CHARS_MAX {
            return None;
        }
        let slips = distance(&letters, &other);
        // One letter for another is no likeness.
        (slips <= slips_max && slips < letters.len().max(other.len())).then_some((slips, candidate))
    });
    near.min().map(|it| it.1)
}

/// Slips between two words: the optimal string alignment form of the Damerau-Levenshtein distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let keys = ["over", "under", "inside", "outside", "is", "not", "labels", "timeout"];
        let meant = |word| nearest(word, keys);
        assert_eq!(meant("ovr"), Some("over"));
        assert_eq!(meant("OVER"), Some("over"));
        assert_eq!(meant("lables"), Some("labels"));
        assert_eq!(meant("time-out"), Some("timeout"));
        assert_eq!(meant("unde"), Some("under"));
        assert_eq!(meant("s"), Some("is"));
        assert_eq!(meant("x"), None);
        assert_eq!(meant("disk"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"over".repeat(100)), None);
    }

    #[test]
    fn the_order_of_the_candidates_does_not_matter() {
        assert_eq!(nearest("fw", ["fw2", "fw1"]), Some("fw1"));
        assert_eq!(nearest("fw", ["fw1", "fw2"]), Some("fw1"));
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        let slips = |a: &str, b: &str| {
            distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
        };
        assert_eq!(slips("kitten", "sitting"), 3);
        assert_eq!(slips("abcd", "acbd"), 1);
        assert_eq!(slips("", "abc"), 3);
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_zero_only_for_the_same(a in "[a-d]{0,8}", b in "[a-d]{0,8}") {
            let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            prop_assert_eq!(distance(&x, &y), distance(&y, &x));
            prop_assert_eq!(distance(&x, &y) == 0, a == b);
            prop_assert!(distance(&x, &y) <= x.len().max(y.len()));
        }
    }
}
