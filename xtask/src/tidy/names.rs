//! Words that say nothing, and words for which the project has its own.
//!
//! Only declared names are looked at: what others call their types is theirs, and prose may speak
//! of another system in that system's words.

use super::{Fault, Source};
use crate::source::code_only;

/// A banned part of a name, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("manager", "name what it decides or owns"),
    ("helper", "name what it does"),
    ("helpers", "name what they do"),
    ("util", "name what it does"),
    ("utils", "name what they do"),
    ("misc", "name what it holds"),
    ("incident", "the word is Problem"),
    ("ticket", "the word is Call"),
    ("downtime", "the word is Window"),
];

/// Endings of type names that say nothing.
const EMPTY_ENDINGS: &[(&str, &str)] =
    &[("data", "name what it is"), ("info", "name what it is"), ("impl", "name what it is")];

/// Adapters speak another system's words.
const ADAPTERS: [&str; 2] = ["crates/notify/", "crates/inlet/"];

/// Keywords before a name, and whether it names a type.
const DECLARE: [(&str, bool); 9] = [
    ("struct", true),
    ("enum", true),
    ("trait", true),
    ("type", true),
    ("union", true),
    ("fn", false),
    ("mod", false),
    ("const", false),
    ("static", false),
];

/// Checks the names that one file declares.
pub(super) fn check(source: &Source, faults: &mut Vec<Fault>) {
    if ADAPTERS.iter().any(|it| source.path.starts_with(it)) {
        return;
    }
    let code = code_only(&source.text);
    let mut before = "";
    for (line, word) in crate::source::words(&code) {
        let declared = DECLARE.iter().find(|(keyword, _)| *keyword == before);
        if let Some(what) = declared.and_then(|(_, is_type)| fault_of(word, *is_type)) {
            faults.push(source.fault(line, what));
        }
        before = word;
    }
}

fn fault_of(name: &str, is_type: bool) -> Option<String> {
    let parts = parts(name);
    let banned = BANNED.iter().find(|(word, _)| parts.iter().any(|it| it == word));
    let ending =
        EMPTY_ENDINGS.iter().find(|(word, _)| is_type && parts.last().is_some_and(|it| it == word));
    let (word, instead) = banned.or(ending)?;
    Some(format!("`{name}`: \"{word}\" is banned from names; {instead}"))
}

/// The words of `SomeName`, `some_name` or `SOME_NAME`, in small letters.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        if c != '_'
            && let Some(part) = parts.last_mut()
        {
            part.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    parts.retain(|it| !it.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let mut faults = Vec::new();
        check(&source(path, text), &mut faults);
        faults.into_iter().map(|it| it.line).collect()
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(parts("HostManager"), ["host", "manager"]);
        assert_eq!(parts("open_ticket2"), ["open", "ticket2"]);
        assert_eq!(parts("TICKETS_MAX"), ["tickets", "max"]);
    }

    #[test]
    fn declared_names_are_judged_and_used_ones_are_not() {
        let text = "\
struct PlanManager;
mod helpers;
fn close_incident() {}
const DOWNTIME_MAX: u8 = 1;
struct HostData;
enum BuildInfo {}
let ticket = rustls::SessionTicket::new(); // struct Manager
fn data() { \"struct Helper\" }
";
        assert_eq!(lines("crates/a/src/lib.rs", text), [1, 2, 3, 4, 5, 6]);
        assert_eq!(lines("crates/notify/src/halo.rs", text), Vec::<usize>::new());
    }
}
