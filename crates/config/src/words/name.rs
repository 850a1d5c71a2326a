//! Names of customers, hosts and services.
//!
//! A name becomes part of `customer/host/service`, of a URL, of a label and of a line in a log, so
//! nothing is allowed in it that could be mistaken there, or that a reader cannot see.

use super::Fault;

/// Longer names are refused, in characters: they must fit a line with two others.
const NAME_CHARS_MAX: usize = 128;

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameOf {
    /// A customer.
    Customer,
    /// A host.
    Host,
    /// A service; its name may hold `/` (`disk /data`).
    Service,
    /// Anything else, by its noun.
    Of(&'static str),
}

impl NameOf {
    fn noun(self) -> &'static str {
        match self {
            Self::Customer => "a customer",
            Self::Host => "a host",
            Self::Service => "a service",
            Self::Of(noun) => noun,
        }
    }
}

/// Checks that `text` may name `what`.
pub(crate) fn name(text: &str, what: NameOf) -> Result<(), Fault> {
    let noun = what.noun();
    if text.is_empty() {
        return Err(Fault::new(0..0, format!("the name of {noun} is empty")));
    }
    if let Some((at, _)) = text.char_indices().nth(NAME_CHARS_MAX) {
        let what = format!("the name of {noun} has more than {NAME_CHARS_MAX} characters");
        return Err(Fault::new(at..text.len(), what));
    }
    for (at, glyph) in text.char_indices() {
        if let Some(why) = unwanted(glyph) {
            let code = u32::from(glyph);
            let span = at..at + glyph.len_utf8();
            return Err(Fault::new(span, format!("{why} (U+{code:04X}) in the name of {noun}")));
        }
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        let fault = Fault::new(0..text.len(), format!("a space at the end of the name of {noun}"));
        return Err(fault.hint(format!("write `{}`", text.trim())));
    }
    match what {
        NameOf::Customer | NameOf::Host | NameOf::Of(_) => short(text, what),
        NameOf::Service => slashes(text),
    }
}

fn short(text: &str, what: NameOf) -> Result<(), Fault> {
    let noun = what.noun();
    if let Some(at) = text.find(['/', '[', ']']) {
        let glyph = &text[at..at + 1];
        return Err(Fault::new(at..at + 1, format!("`{glyph}` in the name of {noun}")));
    }
    if matches!(text, "." | "..") || (text == "-" && what == NameOf::Host) {
        return Err(Fault::new(0..text.len(), format!("`{text}` cannot be the name of {noun}")));
    }
    Ok(())
}

fn slashes(text: &str) -> Result<(), Fault> {
    if text.starts_with('/') {
        return Err(Fault::new(0..1, "the name of a service begins with `/`"));
    }
    match text.find("//") {
        Some(at) => Err(Fault::new(at..at + 2, "`//` in the name of a service")),
        None => Ok(()),
    }
}

/// Why a character may not be in a name.
fn unwanted(glyph: char) -> Option<&'static str> {
    match glyph {
        _ if glyph.is_control() => Some("a control character"),
        '\u{2028}' | '\u{2029}' => Some("a line separator"),
        ' ' => None,
        _ if glyph.is_whitespace() => Some("an unusual space"),
        _ if is_format(glyph) => Some("an invisible character"),
        _ => None,
    }
}

/// Unicode's general category Cf: joiners, direction marks, tags, soft hyphens.
fn is_format(glyph: char) -> bool {
    matches!(
        u32::from(glyph),
        0xAD | 0x600..=0x605
            | 0x61C
            | 0x6DD
            | 0x70F
            | 0x890..=0x891
            | 0x8E2
            | 0x180E
            | 0x200B..=0x200F
            | 0x202A..=0x202E
            | 0x2060..=0x206F
            | 0xFEFF
            | 0xFFF9..=0xFFFB
            | 0x110BD
            | 0x110CD
            | 0x13430..=0x1343F
            | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A
            | 0xE0001
            | 0xE0020..=0xE007F
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::{super::picture, *};

    #[test]
    fn good_names() {
        for text in ["acme", "erp-db", "Zürich 2", "ap01", "a", "東京", "fw1.acme.example", "a:b"]
        {
            for what in [NameOf::Customer, NameOf::Host, NameOf::Service] {
                assert_eq!(name(text, what), Ok(()), "{text}");
            }
        }
        for text in ["disk /", "disk /data", "a/b", "port [1]", "-"] {
            assert_eq!(name(text, NameOf::Service), Ok(()), "{text}");
        }
        assert_eq!(name(&"é".repeat(NAME_CHARS_MAX), NameOf::Host), Ok(()));
    }

    #[test]
    fn bad_names() {
        let long = "é".repeat(NAME_CHARS_MAX + 2);
        let hosts = [
            "",
            "a/b",
            "ap[1]",
            "ap]",
            " a",
            "a ",
            "-",
            ".",
            "..",
            "a\tb",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{a0}b",
            "a\u{2028}b",
            &long,
        ];
        let seen = picture(&hosts, |it| name(it, NameOf::Host)).replace(&long, "(long)");
        // The invisible ones would make this picture unreadable.
        expect![[r#"
            |
            ^ the name of a host is empty
            a/b|
             ^ `/` in the name of a host
            ap[1]|
              ^ `[` in the name of a host
            ap]|
              ^ `]` in the name of a host
             a|
            ^^ a space at the end of the name of a host
              = write `a`
            a |
            ^^ a space at the end of the name of a host
              = write `a`
            -|
            ^ `-` cannot be the name of a host
            .|
            ^ `.` cannot be the name of a host
            ..|
            ^^ `..` cannot be the name of a host
            a?b|
             ^ a control character (U+0009) in the name of a host
            a?b|
             ^ a control character (U+000A) in the name of a host
            a?b|
             ^ an invisible character (U+202E) in the name of a host
            a?b|
             ^ an invisible character (U+200B) in the name of a host
            a?b|
             ^ an unusual space (U+00A0) in the name of a host
            a?b|
             ^ a line separator (U+2028) in the name of a host
            (long)|
                                                                                                                                            ^^ the name of a host has more than 128 characters
        "#]].assert_eq(&seen.escape_debug().to_string().replace("\\n", "\n"));
        let services = ["/data", "a//b", "a/"];
        expect![[r#"
            /data|
            ^ the name of a service begins with `/`
            a//b|
             ^^ `//` in the name of a service
            "a/" is ()
        "#]]
        .assert_eq(&picture(&services, |it| name(it, NameOf::Service)));
    }

    proptest! {
        #[test]
        fn a_good_name_can_be_told_apart_in_a_full_name(customer in ".{1,9}", host in ".{1,9}") {
            let good = name(&customer, NameOf::Customer).is_ok() && name(&host, NameOf::Host).is_ok();
            if good {
                let full = format!("{customer}/{host}/x");
                let parts: Vec<&str> = full.splitn(3, '/').collect();
                prop_assert_eq!(parts, vec![customer.as_str(), host.as_str(), "x"]);
                prop_assert!(!full.chars().any(char::is_control));
            }
        }
    }
}
