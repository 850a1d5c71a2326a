//! Conditions on a mail: `subject has "[Success]" and not body has "warning"`, `*@acme.example`.

use std::sync::Arc;

use model::{MailOp, MailPart, MailTest};

use super::{Fault, shown};

/// More conditions of one rule are refused.
const TESTS_MAX: usize = 32;
/// Longer texts to compare with are refused, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;
/// Longer names of headers are refused, in bytes.
const HEADER_BYTES_MAX: usize = 128;
/// The parts of a mail, but for its headers.
const PARTS: [&str; 8] =
    ["subject", "body", "from", "to", "sender", "peer", "attachment", "attached"];
const OPS: [(&str, MailOp); 4] = [
    ("has", MailOp::Has),
    ("is", MailOp::Is),
    ("like", MailOp::Like),
    ("matches", MailOp::Matches),
];
const EXAMPLE: &str = "write it like `subject has \"[Success]\"` or `body matches /^Status: OK$/`";

/// Reads the name of a part: `subject`, `header X-Job`.
pub(crate) fn mail_part(text: &str) -> Result<MailPart, Fault> {
    let mut scan = Scan { text, at: 0 };
    let part = scan.part()?;
    scan.nothing_more()?;
    Ok(part)
}

/// Reads conditions that must all hold.
pub(crate) fn mail_rule(text: &str) -> Result<Vec<MailTest>, Fault> {
    let mut scan = Scan { text, at: 0 };
    let mut tests = Vec::new();
    loop {
        let begin = scan.begin();
        tests.push(scan.test()?);
        if tests.len() > TESTS_MAX {
            let what = format!("more than {TESTS_MAX} conditions");
            return Err(Fault::new(begin..text.len(), what));
        }
        let Some((span, word)) = scan.word() else { return Ok(tests) };
        match word {
            "and" => {}
            "or" => {
                let fault = Fault::new(span, "`or` cannot stand here");
                return Err(fault.hint("make a list of it: one of its items must hold"));
            }
            _ => {
                let fault = Fault::new(span, format!("{} stands where `and` must", shown(word)));
                return Err(fault.hint("a text with spaces stands between quotes"));
            }
        }
    }
}

/// Reads what `part` must be like: `*@acme.example`, `has "Veeam"`, `matches /^Job \d+/`, `not …`.
pub(crate) fn mail_pattern(part: &MailPart, text: &str) -> Result<MailTest, Fault> {
    let mut scan = Scan { text, at: 0 };
    let not = scan.take("not");
    if let Some(op) = scan.op_before_a_text() {
        let value = scan.value(op)?;
        scan.nothing_more()?;
        return Ok(MailTest { part: part.clone(), op, value, not });
    }
    let begin = scan.begin();
    let like = text[begin..].trim_end();
    let span = begin..begin + like.len();
    if like.bytes().all(|it| it == b'*') {
        return Err(match like.is_empty() {
            true => Fault::new(span, "a pattern is missing").hint("write it like `*@acme.example`"),
            false => Fault::new(span, "this holds for every mail"),
        });
    }
    Ok(MailTest { part: part.clone(), op: MailOp::Like, value: bounded(like, span)?, not })
}

fn bounded(text: &str, span: std::ops::Range<usize>) -> Result<Arc<str>, Fault> {
    match text.len() > TEXT_BYTES_MAX {
        true => Err(Fault::new(span, format!("a text of more than {TEXT_BYTES_MAX} bytes"))),
        false => Ok(Arc::from(text)),
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// Where the next word begins.
    fn begin(&mut self) -> usize {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.at
    }

    fn peek(&mut self) -> &'a str {
        let begin = self.begin();
        self.text[begin..].split_whitespace().next().unwrap_or("")
    }

    fn word(&mut self) -> Option<(std::ops::Range<usize>, &'a str)> {
        let word = self.peek();
        let span = self.at..self.at + word.len();
        self.at = span.end;
        (!word.is_empty()).then_some((span, word))
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.peek() == wanted;
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn missing(&self, what: &str) -> Fault {
        Fault::new(self.at..self.text.len(), what).hint(EXAMPLE)
    }

    fn nothing_more(&mut self) -> Result<(), Fault> {
        let begin = self.begin();
        match begin == self.text.len() {
            true => Ok(()),
            false => Err(Fault::new(begin..self.text.len(), "nothing may stand behind this")),
        }
    }

    fn test(&mut self) -> Result<MailTest, Fault> {
        let mut not = self.take("not");
        let part = self.part()?;
        not ^= self.take("not");
        let op = self.op()?;
        not ^= self.take("not");
        Ok(MailTest { part, op, value: self.value(op)?, not })
    }

    fn part(&mut self) -> Result<MailPart, Fault> {
        let Some((span, word)) = self.word() else {
            return Err(self.missing("it is not said which part of the mail is meant"));
        };
        Ok(match word {
            "subject" => MailPart::Subject,
            "body" => MailPart::Body,
            "from" => MailPart::From,
            "to" => MailPart::To,
            "sender" => MailPart::Sender,
            "peer" => MailPart::Peer,
            "attachment" => MailPart::Attachment,
            "attached" => MailPart::Attached,
            "header" => return self.header(),
            other => {
                let what = format!("{} is no part of a mail", shown(other));
                let known: Vec<&'static str> = PARTS.into_iter().chain(["header"]).collect();
                let fault = Fault::new(span, what).did_you_mean(other, &known);
                return Err(match fault.hint {
                    Some(_) => fault,
                    None => fault.hint(format!("its parts are {}", crate::gather::list(&known))),
                });
            }
        })
    }

    fn header(&mut self) -> Result<MailPart, Fault> {
        let Some((span, name)) = self.word() else {
            return Err(self.missing("the name of the header is missing"));
        };
        let good = |it: char| it.is_ascii_graphic() && it != ':';
        match name.len() <= HEADER_BYTES_MAX && name.chars().all(good) {
            true => Ok(MailPart::Header(Arc::from(name))),
            false => Err(Fault::new(span, format!("{} is no name of a header", shown(name)))),
        }
    }

    fn op(&mut self) -> Result<MailOp, Fault> {
        let Some((span, word)) = self.word() else {
            return Err(self.missing("it is not said what must hold of it"));
        };
        if let Some((_, op)) = OPS.iter().find(|it| it.0 == word) {
            return Ok(*op);
        }
        let fault = Fault::new(span, format!("{} is no comparison", shown(word)));
        Err(match word {
            "contains" | "includes" => fault.hint("write `has`"),
            "=" | "==" | "equals" => fault.hint("write `is`"),
            "~" | "=~" | "match" => fault.hint("write `matches`"),
            _ => fault.hint("write `has`, `is`, `like` or `matches`"),
        })
    }

    /// A comparison if a text between quotes or slashes follows it: `is` may begin a pattern, too.
    fn op_before_a_text(&mut self) -> Option<MailOp> {
        let word = self.peek();
        let (_, op) = OPS.iter().find(|it| it.0 == word)?;
        let behind = self.text[self.at + word.len()..].trim_start();
        let quoted = behind.starts_with(['"', '\'']);
        let found = quoted || (*op == MailOp::Matches && behind.starts_with('/'));
        if found {
            self.at += word.len();
        }
        found.then_some(*op)
    }

    /// A text between quotes, an expression between slashes, or a single word.
    fn value(&mut self, op: MailOp) -> Result<Arc<str>, Fault> {
        let begin = self.begin();
        let rest = &self.text[begin..];
        let value = match (op, rest.chars().next()) {
            (_, None) => return Err(self.missing("a text to compare with is missing")),
            (_, Some(quote @ ('"' | '\''))) => self.between(quote)?,
            (MailOp::Matches, Some('/')) => self.between('/')?,
            (MailOp::Matches, _) => {
                let fault = Fault::new(begin..self.text.len(), "an expression stands between `/`");
                return Err(fault.hint("write it like `body matches /^Status: OK$/`"));
            }
            _ => self.word().map(|it| it.1.to_owned()).unwrap_or_default(),
        };
        let span = begin..self.at;
        if value.trim().is_empty() {
            return Err(Fault::new(span, "an empty text is in every mail"));
        }
        bounded(&value, span)
    }

    /// Takes a text up to the next `quote` without a backslash before it.
    fn between(&mut self, quote: char) -> Result<String, Fault> {
        let begin = self.at;
        let mut value = String::new();
        let mut escaped = false;
        for (at, glyph) in self.text[begin + 1..].char_indices() {
            match (escaped, glyph) {
                (false, '\\') => escaped = true,
                (false, it) if it == quote => {
                    self.at = begin + 1 + at + 1;
                    return Ok(value);
                }
                (false, it) => value.push(it),
                (true, it) => {
                    // An expression keeps its own backslashes.
                    let own = it == quote || (it == '\\' && quote != '/');
                    if !own {
                        value.push('\\');
                    }
                    value.push(it);
                    escaped = false;
                }
            }
        }
        let fault = Fault::new(begin..self.text.len(), format!("the second `{quote}` is missing"));
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::picture, *};

    fn told(all: Vec<MailTest>) -> String {
        let one = |it: MailTest| {
            let not = if it.not { "not " } else { "" };
            format!("{not}{:?} {:?} {}", it.part, it.op, it.value)
        };
        all.into_iter().map(one).collect::<Vec<_>>().join(" & ")
    }

    #[test]
    fn rules_are_words_with_texts_between_quotes() {
        let texts = [
            "subject has \"[Success]\"",
            "subject has OK and not body has 'with warnings'",
            "not from is \"a@b.example\" and header X-Job is nightly",
            "subject has not \"x\"",
            "body matches /^Status: (OK|done)\\/end$/",
            "body has \"say \\\"yes\\\" \\\\ no\"",
            "attachment like \"*.csv\"",
            "",
            "subjekt has \"x\"",
            "subject contains \"x\"",
            "subject",
            "subject has",
            "subject has \"x",
            "subject has \"\"",
            "subject has \"a\" or subject has \"b\"",
            "subject has two words",
            "body matches ^x$",
            "header",
            "and",
        ];
        expect![[r#"
            "subject has \"[Success]\"" is "Subject Has [Success]"
            "subject has OK and not body has 'with warnings'" is "Subject Has OK & not Body Has with warnings"
            "not from is \"a@b.example\" and header X-Job is nightly" is "not From Is a@b.example & Header(\"X-Job\") Is nightly"
            "subject has not \"x\"" is "not Subject Has x"
            "body matches /^Status: (OK|done)\\/end$/" is "Body Matches ^Status: (OK|done)/end$"
            "body has \"say \\\"yes\\\" \\\\ no\"" is "Body Has say \"yes\" \\ no"
            "attachment like \"*.csv\"" is "Attachment Like *.csv"
            |
            ^ it is not said which part of the mail is meant
              = write it like `subject has "[Success]"` or `body matches /^Status: OK$/`
            subjekt has "x"|
            ^^^^^^^ `subjekt` is no part of a mail
              = did you mean `subject`?
            subject contains "x"|
                    ^^^^^^^^ `contains` is no comparison
              = write `has`
            subject|
                   ^ it is not said what must hold of it
              = write it like `subject has "[Success]"` or `body matches /^Status: OK$/`
            subject has|
                       ^ a text to compare with is missing
              = write it like `subject has "[Success]"` or `body matches /^Status: OK$/`
            subject has "x|
                        ^^ the second `"` is missing
            subject has ""|
                        ^^ an empty text is in every mail
            subject has "a" or subject has "b"|
                            ^^ `or` cannot stand here
              = make a list of it: one of its items must hold
            subject has two words|
                            ^^^^^ `words` stands where `and` must
              = a text with spaces stands between quotes
            body matches ^x$|
                         ^^^ an expression stands between `/`
              = write it like `body matches /^Status: OK$/`
            header|
                  ^ the name of the header is missing
              = write it like `subject has "[Success]"` or `body matches /^Status: OK$/`
            and|
            ^^^ `and` is no part of a mail
              = its parts are `subject`, `body`, `from`, `to`, `sender`, `peer`, `attachment`, `attached` and `header`
        "#]].assert_eq(&picture(&texts, |it| mail_rule(it).map(told)));
    }

    #[test]
    fn patterns_may_be_comparisons() {
        let texts = [
            "*@acme.example",
            "not *spam*",
            "has \"Veeam\"",
            "not matches /^Re:/",
            "is it done",
            "is \"it\" done",
            "*",
            "",
            "has \"\"",
        ];
        let read = |it: &str| mail_pattern(&MailPart::Subject, it).map(|it| told(vec![it]));
        expect![[r#"
            "*@acme.example" is "Subject Like *@acme.example"
            "not *spam*" is "not Subject Like *spam*"
            "has \"Veeam\"" is "Subject Has Veeam"
            "not matches /^Re:/" is "not Subject Matches ^Re:"
            "is it done" is "Subject Like is it done"
            is "it" done|
                    ^^^^ nothing may stand behind this
            *|
            ^ this holds for every mail
            |
            ^ a pattern is missing
              = write it like `*@acme.example`
            has ""|
                ^^ an empty text is in every mail
        "#]]
        .assert_eq(&picture(&texts, read));
    }
}
