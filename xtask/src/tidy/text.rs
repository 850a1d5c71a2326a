//! Rules for every text file: lengths, leftovers, invisible characters, paths of one machine.

use super::{Findings, Source};
use crate::source;

/// Lines of a source without its tests beyond which somebody should ask whether it is one concept.
const LINES_ASKED: usize = 600;
/// Lines of a source without its tests beyond which it is not.
const LINES_MAX: usize = 1_000;

/// What is written to be done later. Assembled here so that this file does not hold the words.
const LEFTOVERS: [(&str, &str); 5] = [
    (concat!("FIX", "ME"), "do it, or write down why it is as it is"),
    (concat!("X", "XX"), "do it, or write down why it is as it is"),
    (concat!("to", "do!"), "do it"),
    (concat!("unimple", "mented!"), "do it, or refuse it with an error"),
    (concat!("#[ign", "ore"), "a test that is not run proves nothing"),
];

/// Where the work tree lies on somebody's machine is nobody else's business.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Checks one file.
pub(super) fn check(source: &Source, findings: &mut Findings) {
    lengths(source, findings);
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        findings.faults.push(source.fault(0, "the last line has no line break"));
    }
    for (index, line) in source.text.split('\n').enumerate() {
        if let Some(what) = fault_of(line, source.is("rs")) {
            findings.faults.push(source.fault(index + 1, what));
        }
    }
}

fn lengths(source: &Source, findings: &mut Findings) {
    if !source.is("rs") {
        return;
    }
    let lines = source::lines_before_tests(&source.text);
    if lines > LINES_MAX {
        let what = format!("{lines} lines without tests; the limit is {LINES_MAX}: split it");
        findings.faults.push(source.fault(0, what));
    } else if lines > LINES_ASKED {
        let what = format!("{lines} lines without tests: is it one concept?");
        findings.remarks.push(source.fault(0, what));
    }
}

fn fault_of(line: &str, is_rust: bool) -> Option<String> {
    if let Some(c) = line.chars().find(|it| is_invisible(*it)) {
        return Some(format!("control character U+{:04X}", c as u32));
    }
    if is_rust && line.contains('\t') {
        return Some("a tab; indent with spaces, write \\t in text".to_owned());
    }
    if line.ends_with([' ', '\t']) {
        return Some("spaces at the end of the line".to_owned());
    }
    if let Some((word, instead)) = LEFTOVERS.iter().find(|(word, _)| has_word(line, word)) {
        return Some(format!("`{word}`: {instead}"));
    }
    let path = MACHINE_PATHS.iter().find(|path| has_path(line, path))?;
    Some(format!("a path of one machine below {path}"))
}

/// Control characters, and those that change the direction or hide in the text.
fn is_invisible(c: char) -> bool {
    let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    (c.is_control() && c != '\t') || hidden
}

/// Does `word` stand in `line` on its own?
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let goes_on =
            word.ends_with(is_part) && line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !goes_on
    })
}

/// Does an absolute path below `folder` stand in `line`? A part of a longer path is none.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || matches!(it, '_' | '-' | '.' | '}' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    /// The faults of a source file that holds `text`.
    fn faults(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check(&source("crates/a/src/b.rs", text), &mut findings);
        findings.faults.into_iter().map(|it| it.what).collect()
    }

    #[test]
    fn every_rule_has_a_breach() {
        let breaches = [
            ("a\u{7}b\n", "control character U+0007"),
            ("a\r\n", "control character U+000D"),
            ("\u{202e}a\n", "control character U+202E"),
            ("\tlet a;\n", "a tab; indent with spaces, write \\t in text"),
            ("a \n", "spaces at the end of the line"),
            ("a", "the last line has no line break"),
        ];
        for (text, what) in breaches {
            assert_eq!(faults(text), [what]);
        }
        for (word, _) in LEFTOVERS {
            assert_eq!(faults(&format!("// {word}: later\n")).len(), 1, "{word}");
            assert_eq!(faults(&format!("    {word}]\n")).len(), 1, "{word}");
        }
        for folder in MACHINE_PATHS {
            assert_eq!(faults(&format!("\"{folder}main\"\n")).len(), 1, "{folder}");
        }
    }

    #[test]
    fn words_and_paths_that_only_look_alike_pass() {
        let close = format!("{}YXX net{}a ${{x}}{}b\n", "X", MACHINE_PATHS[0], MACHINE_PATHS[1]);
        assert_eq!(faults(&close), Vec::<String>::new());
    }

    #[test]
    fn long_files_are_asked_about_and_longer_ones_refused() {
        let of = |lines: usize| {
            let mut findings = Findings::default();
            check(&source("a.rs", &"fn a() {}\n".repeat(lines)), &mut findings);
            (findings.faults.len(), findings.remarks.len())
        };
        assert_eq!(of(LINES_ASKED), (0, 0));
        assert_eq!(of(LINES_ASKED + 1), (0, 1));
        assert_eq!(of(LINES_MAX), (0, 1));
        assert_eq!(of(LINES_MAX + 1), (1, 0));
    }
}
