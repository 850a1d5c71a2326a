//! What the shapes of many reports have in common: lines that have come whole, subjects of cron,
//! figures with thousands set apart.

use std::sync::LazyLock;

use regex::Regex;

use super::cells::part;
use crate::Text;

/// A pattern of ours.
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of ours is valid")
}

/// The lines of a text that have an end: the last one may have been cut off, and `Backup OK` be the
/// begin of `Backup OK -- with warnings`.
pub(super) fn whole_lines(text: &Text) -> impl Iterator<Item = (&str, &str)> {
    let ended = text.folded().matches('\n').count();
    text.lines().take(ended)
}

/// The part of a text as it came that `group` of a pattern has found in its folded form.
pub(super) fn found<'a>(text: &'a Text, in_folded: &regex::Captures<'_>, group: usize) -> &'a str {
    in_folded.get(group).map_or("", |it| part(text.shown(), text.folded(), it))
}

/// `12,345,678`, `12.345.678`, `12345678`: a count, whose marks set thousands apart.
pub(super) fn count_of(text: &str) -> Option<u64> {
    let token = text.split_whitespace().next()?;
    let groups: Vec<&str> = token.split([',', '.', '\'']).collect();
    let well = groups.iter().skip(1).all(|it| it.len() == 3);
    let digits = groups.concat();
    (well && !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

static CRON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:\[?cron\]?|timer service) <([^<>@ ]{1,64}@)?([^<> ]{1,200})>,? +(.+)$")
});

/// The host and the command of a mail by which cron hands over what a command has written.
pub(super) fn cron(subject: &Text) -> Option<(&str, &str)> {
    let captures = CRON.captures(subject.folded().trim_end())?;
    Some((found(subject, &captures, 2), found(subject, &captures, 3)))
}

/// Does a command name this program, as a word of its own or at the end of a path?
pub(super) fn runs(command: &str, program: &str) -> bool {
    command
        .split(|it: char| it.is_whitespace() || "/;&|()'\"".contains(it))
        .any(|it| it == program || it.strip_suffix(".sh").is_some_and(|it| it == program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_not_whole() {
        let lines = |text: &str| whole_lines(&Text::new(text)).count();
        assert_eq!((lines("a\nb\n"), lines("a\nb"), lines("")), (2, 1, 0));
    }

    #[test]
    fn counts_have_thousands_set_apart() {
        for (text, count) in [("12,345,678 (12.3 MB)", 12_345_678), ("345.678", 345_678), ("7", 7)]
        {
            assert_eq!(count_of(text), Some(count), "{text}");
        }
        for text in ["", "1,2", "many", "1,23456", "99999999999999999999999"] {
            assert_eq!(count_of(text), None, "{text}");
        }
    }

    #[test]
    fn cron_names_host_and_command() {
        let subject = Text::new("Cron <root@SRV1> test -x /usr/bin/restic && /opt/restic.sh");
        let (host, command) = cron(&subject).unwrap();
        assert_eq!(host, "SRV1");
        assert!(runs(command, "restic") && !runs(command, "rest"));
        assert!(cron(&Text::new("A cron job")).is_none());
    }
}
