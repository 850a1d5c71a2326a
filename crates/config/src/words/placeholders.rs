//! Placeholders: `${env:X}`, `${file:/path}`, `${secret:name}`; `$$` is a dollar.
//!
//! A dollar in front of anything else stays what it is, so that `^ok$` needs no escape. Here the
//! pieces are only told apart: who may read which file is not a question of spelling.

use super::{Fault, scan::Word, shown};

const KINDS: [&str; 3] = ["env", "file", "secret"];

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it stands, escapes resolved; never empty.
    Text(String),
    /// The value of an environment variable.
    Env(String),
    /// The content of a file.
    File(String),
    /// A secret by its name.
    Secret(String),
}

/// Splits `text` at its placeholders. Neighbouring texts are one piece; an empty text has none.
pub(crate) fn placeholders(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = Word { text, at: 0, quoted: false };
    while let Some(dollar) = rest.text.find('$') {
        plain.push_str(&rest.text[..dollar]);
        rest = rest.after(dollar);
        if rest.text.starts_with("${") {
            let (piece, length) = placeholder(rest)?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
            rest = rest.after(length);
        } else {
            plain.push('$');
            rest = rest.after(if rest.text.starts_with("$$") { 2 } else { 1 });
        }
    }
    plain.push_str(rest.text);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// The placeholder at the front of `rest`, and its length.
fn placeholder(rest: Word<'_>) -> Result<(Piece, usize), Fault> {
    let Some(close) = rest.text.find('}') else {
        let fault = Fault::new(rest.span(), "`${` is never closed");
        return Err(fault.hint("write `$${` for the two characters themselves"));
    };
    let (whole, inner) = (rest.part(0..close + 1), rest.part(2..close));
    if inner.text.contains('{') {
        return Err(Fault::new(whole.span(), "placeholders do not nest"));
    }
    let Some((kind, name)) = inner.split(":") else {
        return Err(without_kind(whole, inner));
    };
    let name = name.trim();
    if name.text.is_empty() && KINDS.contains(&kind.text) {
        return Err(Fault::new(whole.span(), format!("`${{{}:…}}` names nothing", kind.text)));
    }
    let owned = name.text.to_owned();
    let piece = match kind.text {
        "env" => variable(name).map(|()| Piece::Env(owned)),
        "file" => path(name).map(|()| Piece::File(owned)),
        "secret" => secret(name).map(|()| Piece::Secret(owned)),
        other => {
            let fault = Fault::new(kind.span(), format!("unknown placeholder {}", shown(other)));
            let hint = "there are `${env:…}`, `${file:…}` and `${secret:…}`";
            Err(fault.hint(hint).did_you_mean(other, &KINDS))
        }
    };
    piece.map(|it| (it, close + 1))
}

fn without_kind(whole: Word<'_>, inner: Word<'_>) -> Fault {
    let fault = Fault::new(whole.span(), "a placeholder says where its value comes from");
    let known = !inner.text.is_empty() && variable(inner).is_ok() && !KINDS.contains(&inner.text);
    if known {
        return fault.hint(format!("write `${{env:{0}}}` or `${{secret:{0}}}`", inner.text));
    }
    fault.hint("write `${env:NAME}`, `${file:/path}` or `${secret:name}`")
}

fn variable(name: Word<'_>) -> Result<(), Fault> {
    let good = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if name.text.chars().all(good) && !name.text.starts_with(|it: char| it.is_ascii_digit()) {
        return Ok(());
    }
    let fault = Fault::new(name.span(), "not the name of an environment variable");
    Err(fault.hint("letters, digits and `_`"))
}

/// A secret may be a file in a folder of secrets, so its name must not leave that folder.
fn secret(name: Word<'_>) -> Result<(), Fault> {
    let good = |it: char| it.is_ascii_alphanumeric() || "_-.".contains(it);
    if name.text.chars().all(good) && !name.text.starts_with('.') {
        return Ok(());
    }
    let fault = Fault::new(name.span(), "not the name of a secret");
    Err(fault.hint("letters, digits, `_`, `-` and `.`, not beginning with `.`"))
}

fn path(name: Word<'_>) -> Result<(), Fault> {
    if name.text.contains(char::is_control) {
        return Err(Fault::new(name.span(), "a path with control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::{super::picture, *};

    #[test]
    fn pieces() {
        let texts = [
            "plain",
            "",
            "${env:HOME}",
            "a${secret:ro}b${file:/etc/x y}",
            "^ok$",
            "5$ $$ $${x}",
            "$$${env:A}",
            "${secret: smtp }",
        ];
        expect![[r#"
            "plain" is [Text("plain")]
            "" is []
            "${env:HOME}" is [Env("HOME")]
            "a${secret:ro}b${file:/etc/x y}" is [Text("a"), Secret("ro"), Text("b"), File("/etc/x y")]
            "^ok$" is [Text("^ok$")]
            "5$ $$ $${x}" is [Text("5$ $ ${x}")]
            "$$${env:A}" is [Text("$"), Env("A")]
            "${secret: smtp }" is [Secret("smtp")]
        "#]].assert_eq(&picture(&texts, placeholders));
    }

    #[test]
    fn wrong_ones_are_refused() {
        let texts = [
            "a${secert:ro}",
            "${vault:x}",
            "x ${env:A",
            "${env:}",
            "${}",
            "${HOME}",
            "${env}",
            "${env:A-B}",
            "${secret:../etc/passwd}",
            "${secret:.hidden}",
            "${env:${x}}",
            "${file:a\u{7}}",
        ];
        expect![[r#"
            a${secert:ro}|
               ^^^^^^ unknown placeholder `secert`
              = did you mean `secret`?
            ${vault:x}|
              ^^^^^ unknown placeholder `vault`
              = there are `${env:…}`, `${file:…}` and `${secret:…}`
            x ${env:A|
              ^^^^^^^ `${` is never closed
              = write `$${` for the two characters themselves
            ${env:}|
            ^^^^^^^ `${env:…}` names nothing
            ${}|
            ^^^ a placeholder says where its value comes from
              = write `${env:NAME}`, `${file:/path}` or `${secret:name}`
            ${HOME}|
            ^^^^^^^ a placeholder says where its value comes from
              = write `${env:HOME}` or `${secret:HOME}`
            ${env}|
            ^^^^^^ a placeholder says where its value comes from
              = write `${env:NAME}`, `${file:/path}` or `${secret:name}`
            ${env:A-B}|
                  ^^^ not the name of an environment variable
              = letters, digits and `_`
            ${secret:../etc/passwd}|
                     ^^^^^^^^^^^^^ not the name of a secret
              = letters, digits, `_`, `-` and `.`, not beginning with `.`
            ${secret:.hidden}|
                     ^^^^^^^ not the name of a secret
              = letters, digits, `_`, `-` and `.`, not beginning with `.`
            ${env:${x}}|
            ^^^^^^^^^^ placeholders do not nest
            ${file:a?}|
                   ^^ a path with control characters
        "#]]
        .assert_eq(&picture(&texts, placeholders));
    }

    /// Writes the pieces so that they read the same.
    fn print(pieces: &[Piece]) -> String {
        let one = |piece: &Piece| match piece {
            Piece::Text(text) => text.replace('$', "$$"),
            Piece::Env(name) => format!("${{env:{name}}}"),
            Piece::File(name) => format!("${{file:{name}}}"),
            Piece::Secret(name) => format!("${{secret:{name}}}"),
        };
        pieces.iter().map(one).collect()
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(text in r"[a-z$\{\}:]{1,20}", name in "[A-Z_]{1,9}") {
            let pieces = vec![
                Piece::Env(name.clone()),
                Piece::Text(text),
                Piece::Secret(name.clone()),
                Piece::File(format!("/run/{name}")),
            ];
            prop_assert_eq!(placeholders(&print(&pieces)), Ok(pieces));
        }
    }
}
