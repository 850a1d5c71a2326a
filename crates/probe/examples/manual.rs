//! Writes the manual of the kinds of check, one page each, into the folder given as the only
//! argument. `cargo xtask manual` calls it; the pages lie in `docs/kinds/`.

use std::{error::Error, fmt::Write as _, fs, path::Path};

use model::{CauseCode, Form, KindSpec, MeasureSpec, Owner, ParamSpec, Unit};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let folder = Path::new(&folder);
    let mut index = String::from(INDEX);
    for entry in probe::CATALOGUE {
        let spec = entry.spec;
        fs::write(folder.join(format!("{}.md", spec.name)), page(spec)?)?;
        writeln!(index, "* [`{0}`]({0}.md): {1}", spec.name, spec.summary)?;
    }
    write!(index, "{}", common_causes()?)?;
    write!(index, "{}", own_causes()?)?;
    fs::write(folder.join("README.md"), index)?;
    Ok(())
}

const INDEX: &str = "\
# Kinds of check

What a service can be asked. The pages are written by `cargo xtask manual` from the code of each
kind, so they say what it does.

";

fn page(spec: &KindSpec) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    writeln!(page, "# {}\n\n{}\n", spec.name, spec.summary)?;
    for paragraph in paragraphs(spec.manual) {
        writeln!(page, "{paragraph}\n")?;
    }
    writeln!(page, "```yaml\nservices:\n  {}\n```\n", spec.example)?;
    write!(page, "{}", parameters(spec)?)?;
    write!(page, "{}", measurements(spec)?)?;
    write!(page, "{}", causes(spec)?)?;
    Ok(page)
}

/// Paragraphs are separated by an empty line; inside one, line breaks mean nothing.
fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
}

fn parameters(spec: &KindSpec) -> Result<String, std::fmt::Error> {
    let mut text = String::from("## Parameters\n\n");
    if let Some(main) = spec.main_param {
        writeln!(text, "A bare value (`{}: …`) sets `{main}`.\n", spec.name)?;
    }
    if spec.params.is_empty() {
        text.push_str("None.\n\n");
        return Ok(text);
    }
    text.push_str("| Parameter | Written as | Default | Meaning |\n|---|---|---|---|\n");
    for ParamSpec { name, form, default, doc } in spec.params {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        writeln!(
            text,
            "| `{name}` | {} | {} | {} |",
            form_in_words(*form),
            cell(&default),
            cell(doc)
        )?;
    }
    text.push('\n');
    Ok(text)
}

fn measurements(spec: &KindSpec) -> Result<String, std::fmt::Error> {
    let mut text = String::from("## Measurements\n\n");
    writeln!(
        text,
        "A bare `warn:` or `crit:` judges `{}`; the others are judged under their own name.\n",
        spec.main_measure
    )?;
    text.push_str("| Measurement | Unit | Series | Meaning |\n|---|---|---|---|\n");
    for measure in spec.measures {
        let MeasureSpec { name, unit, doc, .. } = measure;
        let series = series(measure);
        writeln!(text, "| `{name}` | {} | {series} | {} |", unit_in_words(*unit), cell(doc))?;
    }
    text.push('\n');
    Ok(text)
}

fn series(measure: &MeasureSpec) -> String {
    let Some((name, labels)) = measure.series else { return String::new() };
    let labels: Vec<String> =
        labels
            .iter()
            .map(|(name, value)| {
                if value.is_empty() { format!("{name}=…") } else { format!("{name}=\"{value}\"") }
            })
            .collect();
    if labels.is_empty() {
        format!("`{name}`")
    } else {
        format!("`{name}{{{}}}`", labels.join(","))
    }
}

fn causes(spec: &KindSpec) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "## Causes\n\nWhy it may find a service not well, beside [thresholds](README.md#thresholds):\n\n",
    );
    for code in spec.causes {
        writeln!(text, "* `{}`: {}", code.word(), code.explanation().trim())?;
    }
    text.push_str(
        "\nFaults of our own, which never count against a service, are listed with the \
         [kinds](README.md#faults-of-our-own).\n",
    );
    Ok(text)
}

fn common_causes() -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "\n## Thresholds\n\nThey are judged alike for all kinds, after the look. A crossed one makes \
         the service WARNING or CRITICAL; one whose measurement did not come makes it UNKNOWN.\n\n",
    );
    for code in [CauseCode::Threshold, CauseCode::NoValue] {
        writeln!(text, "* `{}`: {}", code.word(), code.explanation().trim())?;
    }
    Ok(text)
}

fn own_causes() -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "\n## Faults of our own\n\nA look that cannot be made is blind: it moves no state, and is \
         counted in `campanile_checks_blind_total` by its cause.\n\n",
    );
    for code in CauseCode::ALL.iter().filter(|it| it.owner() == Owner::Ours) {
        writeln!(text, "* `{}`: {}", code.word(), code.explanation().trim())?;
    }
    Ok(text)
}

fn form_in_words(form: Form) -> String {
    match form {
        Form::Text => "text".to_owned(),
        Form::Secret => "text, never shown".to_owned(),
        Form::Flag => "`yes` or `no`".to_owned(),
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
        Form::Codes => "codes (`200`, `2xx`, `[200, 301..308]`)".to_owned(),
    }
}

fn unit_in_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "time",
        Unit::Percent => "percent",
        Unit::Bytes => "size",
        Unit::Number => "number",
        Unit::Text => "text",
        Unit::Any => "as the target sends it",
    }
}

/// A text that fits into a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
