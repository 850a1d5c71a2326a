//! A page has one title, at its top, and its headings do not skip a level.

use super::{Fault, Source};

/// Checks one page.
pub(super) fn check(source: &Source, faults: &mut Vec<Fault>) {
    let mut in_fence = false;
    let mut level = 0;
    for (index, line) in source.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        let next = if in_fence { None } else { level_of(line) };
        match next {
            _ if index == 0 && next != Some(1) => {
                faults.push(source.fault(1, "the first line is not a title (`# …`)"));
            }
            Some(1) if level > 0 => faults.push(source.fault(index + 1, "a second title")),
            Some(next) if next > level + 1 => {
                faults.push(source.fault(index + 1, "the heading skips a level"));
            }
            _ => {}
        }
        level = next.unwrap_or(level);
    }
    if source.text.is_empty() {
        faults.push(source.fault(0, "an empty page"));
    }
    if in_fence {
        faults.push(source.fault(0, "a code block is not closed"));
    }
}

fn level_of(line: &str) -> Option<usize> {
    let level = line.bytes().take_while(|it| *it == b'#').count();
    (level > 0 && line[level..].starts_with(' ')).then_some(level)
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    fn lines(text: &str) -> Vec<usize> {
        let mut faults = Vec::new();
        check(&source("a.md", text), &mut faults);
        faults.into_iter().map(|it| it.line).collect()
    }

    #[test]
    fn a_page_with_one_title_and_steps_down_passes() {
        let text = "# A\n\n## B\n\n```\n# not a heading\n```\n\n### C\n\n## D\n\n#tag\n";
        assert_eq!(lines(text), Vec::<usize>::new());
    }

    #[test]
    fn each_mistake_is_found() {
        assert_eq!(lines("text\n"), [1]);
        assert_eq!(lines("# A\n\n# B\n"), [3]);
        assert_eq!(lines("# A\n\n### B\n"), [3]);
        assert_eq!(lines("# A\n```\n"), [0]);
        assert_eq!(lines(""), [0]);
    }
}
