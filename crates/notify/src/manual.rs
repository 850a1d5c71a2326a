//! The manual of the channels, `docs/channels/*.md`, printed from the catalogue, so that it cannot
//! say anything else than the code.

use std::fmt::Write as _;

use model::{ChannelSpec, Form, ParamSpec};

use crate::{CATALOGUE, letter::NAMES};

const INDEX: &str = "\
# Channels

Ways to deliver an alert. The pages are written by `cargo xtask manual` from the code of each
channel, so they say what it does.

";

const COMMON: &str = "
## What holds for all of them

Delivery is at least once. Every alert has a key that is the same in each try and in no other alert;
channels whose receivers know such a thing send it along, so that a repeat can be told from news.

A try takes at most 15 s, 5 s of it for the connection. An answer of 2xx is taken, if it is what the
product says when it takes something; 408, 425, 429 and 5xx, a broken connection and silence are
tried again, after what `Retry-After` asks for but at most an hour; every other answer is final.
Redirects are not followed. At most 64 KiB of an answer are read. Certificates are always verified.
Paths and queries of URLs, passwords and tokens are not shown in faults, nor are fixed texts of six
bytes or more in a body that an admin laid out.

## Templates

`title` and `text` are templates with `{{ name }}`, `{% if %}` and `{% for %}`. A value is escaped
for the place where it is read; what stands in the template itself is not, so it may be markup where
the channel has any. A template with a mistake is found when the configuration is read. If one fails
all the same, or comes out empty, the built-in text is sent instead, and the log says so.

| Name | Meaning |
|---|---|
";

/// The pages, each with the name of its file.
#[must_use]
pub fn manual_pages() -> Vec<(String, String)> {
    let mut index = INDEX.to_owned();
    let mut pages = Vec::new();
    for spec in CATALOGUE.iter().map(|it| it.spec) {
        pages.push((format!("{}.md", spec.name), page(spec)));
        put(&mut index, format_args!("* [`{0}`]({0}.md): {1}\n", spec.name, spec.summary));
    }
    index.push_str(COMMON);
    for (name, doc) in NAMES {
        put(&mut index, format_args!("| `{name}` | {} |\n", cell(doc)));
    }
    pages.push(("README.md".to_owned(), index));
    pages
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
}

fn page(spec: &ChannelSpec) -> String {
    let mut page = format!("# {}\n\n{}\n\n", spec.name, spec.summary);
    for paragraph in spec.manual.split("\n\n") {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        put(&mut page, format_args!("{}\n\n", words.join(" ")));
    }
    put(&mut page, format_args!("```yaml\nchannels:\n  {}\n```\n\n", spec.example));
    page.push_str("| Parameter | Written as | Default | Meaning |\n|---|---|---|---|\n");
    for ParamSpec { name, form, default, doc } in spec.params {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let (form, doc) = (form_in_words(*form), cell(doc));
        put(&mut page, format_args!("| `{name}` | {form} | {default} | {doc} |\n"));
    }
    page.push_str(&habits(spec));
    page
}

fn habits(spec: &ChannelSpec) -> String {
    let mut text = String::from("\n");
    match spec.personal {
        Some(address) => {
            put(&mut text, format_args!("It reaches a person, by `{address}` of that person.\n"))
        }
        None => text.push_str("It is one place for all.\n"),
    }
    if spec.for_people {
        text.push_str(
            "People read it: several problems come in one message unless `group: off`.\n",
        );
    }
    if spec.one_by_one {
        text.push_str(
            "Each problem is an object of its own there, so `group` and `limit` are refused.\n",
        );
    }
    text.push_str(if spec.resolve {
        "It is told that a problem is over unless `resolve: no`.\n"
    } else {
        "It is told that a problem is over only with `resolve: yes`.\n"
    });
    if spec.refresh_secs > 0 {
        put(&mut text, format_args!("What lasts is repeated every {} s.\n", spec.refresh_secs));
    }
    text
}

fn form_in_words(form: Form) -> String {
    match form {
        Form::Text => "text".to_owned(),
        Form::Secret => "text, never shown".to_owned(),
        Form::Flag => "`yes` or `no`".to_owned(),
        Form::Count(least, i64::MAX) => format!("number from {least}"),
        Form::Count(least, most) => format!("number from {least} to {most}"),
        Form::Duration => "duration (`800ms`, `5m`)".to_owned(),
        Form::Bytes => "size (`64KiB`)".to_owned(),
        Form::Choice(words) => {
            let words: Vec<String> = words.iter().map(|it| format!("`{it}`")).collect();
            format!("one of {}", words.join(", "))
        }
        Form::Regex => "regular expression".to_owned(),
        Form::TextList => "text or list of texts".to_owned(),
        Form::TextMap => "names with texts".to_owned(),
        Form::Codes => "codes (`200`, `2xx`)".to_owned(),
    }
}

/// A text that fits into a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_each_channel_and_an_index() {
        let pages = manual_pages();
        assert_eq!(pages.len(), CATALOGUE.len() + 1);
        for (name, text) in &pages {
            assert!(text.starts_with("# ") && text.ends_with('\n'), "{name}");
        }
    }
}
