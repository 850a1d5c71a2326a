//! Just enough of Rust's grammar to tell code from comments and text.

/// `source` with every comment, string and character literal replaced by spaces; line breaks stay,
/// so that line numbers do.
#[must_use]
pub fn code_only(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let length = skipped(rest, before).unwrap_or(0);
        if length == 0 {
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|it| if it == '\n' { '\n' } else { ' ' }));
            before = ' ';
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment or literal that `rest` begins with. `before` is the character before
/// it: inside a word no literal begins.
fn skipped(rest: &str, before: char) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if before.is_alphanumeric() || before == '_' {
        return None;
    }
    let prefix = rest.bytes().take_while(|it| matches!(it, b'b' | b'c' | b'r')).count();
    let after = &rest[prefix..];
    if rest[..prefix].contains('r') {
        return raw_string(after).map(|it| prefix + it);
    }
    match after.bytes().next() {
        Some(b'"') => Some(prefix + quoted(after)),
        Some(b'\'') => character(after).map(|it| prefix + it),
        _ => None,
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// From the first `#` or quote on. `r#name` is no string.
fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.bytes().take_while(|it| *it == b'#').count();
    let body = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |it| it + end.len());
    Some(hashes + 1 + length)
}

fn quoted(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let body = &rest[1..];
    if let Some(escape) = body.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let length = body.chars().next()?.len_utf8();
    body[length..].starts_with('\'').then_some(1 + length + 1)
}

/// The words of `code` that are names or keywords, each with its line, counted from 1.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(index, line)| {
        line.split(|it: char| !it.is_alphanumeric() && it != '_')
            .filter(|it| !it.is_empty())
            .map(move |it| (index + 1, it))
    })
}

/// How many lines stand before the tests that close the file. Tests in a file of their own, which
/// are only declared (`mod tests;`), close nothing.
#[must_use]
pub fn lines_before_tests(source: &str) -> usize {
    let tests = source
        .lines()
        .zip(source.lines().skip(1))
        .position(|(here, next)| here == "#[cfg(test)]" && next.starts_with("mod tests {"));
    tests.unwrap_or_else(|| source.lines().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        let source = r##"
let a = "HashMap \" // no"; // HashMap
/* HashMap /* nested */ HashMap */ let b = 'x'; let c: &'static str = r#"a "HashMap" b"#;
let d = b"HashMap"; let e = '\''; let f = r"HashMap"; let r#type = 1; let g = '"'; HashSet
"##;
        let code = code_only(source);
        assert!(!code.contains("HashMap"), "{code}");
        assert_eq!(code.lines().count(), source.lines().count());
        for word in ["let a", "let b", "let c", "'static", "let f", "r#type", "HashSet"] {
            assert!(code.contains(word), "{word} is missing in {code}");
        }
    }

    #[test]
    fn text_that_never_ends_does_not_hang_or_panic() {
        for source in ["\"abc", "/* abc", "r#\"abc", "'", "'\\", "b'", "// abc", "\"\\"] {
            assert_eq!(code_only(source).len(), source.len(), "{source}");
        }
    }

    #[test]
    fn tests_at_the_end_do_not_count_as_length() {
        let source = "//! a\nfn b() {}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
        assert_eq!(lines_before_tests(source), 3);
        assert_eq!(lines_before_tests("//! a\nfn b() {}\n"), 2);
        assert_eq!(lines_before_tests("#[cfg(test)]\nmod tests;\n\nfn a() {}\n"), 4);
    }
}
