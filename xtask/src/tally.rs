//! Counts of tests, read from what the runners print.

/// How many passed, how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Adds another one.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Takes in one line of nextest's or libtest's output, if it is a line with counts.
    pub(crate) fn read(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        if line.starts_with("Summary [") || line.starts_with("test result: ") {
            self.add(counts(line));
        }
    }
}

/// The numbers before `passed`, `failed`, `timed out` and `exec failed`.
fn counts(line: &str) -> Tally {
    let mut tally = Tally::default();
    for part in line.split([',', ';', '.', ':']) {
        let mut words = part.split_whitespace();
        let Some(Ok(number)) = words.next().map(str::parse::<u64>) else { continue };
        match words.next() {
            Some("passed") => tally.passed += number,
            Some("failed" | "timed" | "exec") => tally.failed += number,
            _ => {}
        }
    }
    tally
}

/// Removes terminal escape sequences (`ESC [ … letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            let _end = chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn the_summary_of_nextest_is_read_with_and_without_colours() {
        let good = "     Summary [   0.034s] 12 tests run: 12 passed, 0 skipped";
        assert_eq!(tally(&[good]), Tally { passed: 12, failed: 0 });
        let bad = "     Summary [  61.2s] 9 tests run: 5 passed (1 slow), 3 failed, 1 timed out, \
                   2 skipped";
        assert_eq!(tally(&[bad]), Tally { passed: 5, failed: 4 });
        let coloured = "\u{1b}[31;1m     Summary\u{1b}[0m [   0.5s] \u{1b}[1m7\u{1b}[0m tests run: \
                        \u{1b}[1m6\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m1\u{1b}[0m \
                        \u{1b}[31;1mfailed\u{1b}[0m, 0 skipped";
        assert_eq!(tally(&[coloured]), Tally { passed: 6, failed: 1 });
    }

    #[test]
    fn the_results_of_libtest_are_summed() {
        let lines = [
            "test tests::a ... ok",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        ];
        assert_eq!(tally(&lines), Tally { passed: 4, failed: 2 });
    }
}
