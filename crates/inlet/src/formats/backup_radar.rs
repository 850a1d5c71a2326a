//! The table that Backup Radar takes by mail from anything: a CSV file, or one in a zip, with the
//! columns `Device`, `Status` and `Backup Date`, and maybe `Job`, `Client` and `Data Size`.
//!
//! Scripts that write it for that service can send it here as well. All rows together are one
//! report; each device is an object of it.

use std::sync::Arc;

use model::{Outcome, Says};

use super::{
    Format,
    cells::{MORE_ROWS, ROWS_MAX, weighed, worse},
    signature::explain,
};
use crate::{Habits, Letter, Text, text::fold, words};

pub(super) static FORMAT: Format = Format {
    name: "backup-radar",
    title: "CSV reports as for Backup Radar",
    source: "public documentation of the service: subject and columns; the words for a status are \
             its own four",
    recognises,
    read,
    ends_suffice: false,
};

const SUBJECTS: [&str; 2] = ["backup report csv", "backup csv report"];

fn recognises(letter: &Letter) -> bool {
    SUBJECTS.iter().any(|it| letter.subject.folded().starts_with(it))
}

struct Row {
    device: String,
    status: Option<Outcome>,
    at: String,
    job: String,
    size: String,
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let texts = letter.attachments.iter().filter_map(|it| it.text.as_ref());
    let rows = texts.map(table).find(|it| !it.is_empty()).unwrap_or_default();
    let objects: Vec<(Arc<str>, Outcome)> = rows
        .iter()
        .map(|it| (Arc::from(&*it.device), it.status.unwrap_or(Outcome::Unclassified)))
        .collect();
    let is_sure = rows.iter().all(|it| it.status.is_some());
    let said = rows.iter().map(|it| it.status).fold(None, worse);
    let outcome =
        weighed(said, &objects).filter(|it| (is_sure && recognises(letter)) || *it != Outcome::Ok);
    let sizes = rows.iter().filter_map(|it| words::size(&it.size));
    let size = sizes.reduce(u64::saturating_add);
    let worst = rows.iter().find(|it| it.status == said && said != Some(Outcome::Ok));
    let text = worst.map_or_else(
        || letter.subject.shown().trim().to_owned(),
        |it| format!("{}: {}", it.device, it.status.map_or("", Outcome::word)),
    );
    let mut says = Says {
        outcome,
        names: Arc::from(rows.first().map_or("", |it| &*it.job)),
        text: Arc::from(text),
        ended_at: rows.iter().filter_map(|it| words::moment(&it.at, habits)).max(),
        size,
        objects,
        ..Says::default()
    };
    explain(&mut says, "backup-radar", "", worst.map_or("", |it| &it.device));
    says
}

fn status(word: &str) -> Option<Outcome> {
    Some(match fold(word).trim() {
        "success" => Outcome::Ok,
        "warning" => Outcome::Warning,
        "failure" | "failed" | "no result" => Outcome::Failed,
        _ => return None,
    })
}

/// The rows below the head. One with too few cells was cut off and has no status.
fn table(text: &Text) -> Vec<Row> {
    let mut lines = text.shown().lines().map(str::trim).filter(|it| !it.is_empty());
    let Some(head) = lines.next().map(|it| cells(it.trim_start_matches('\u{feff}'))) else {
        return Vec::new();
    };
    let column = |name: &str| head.iter().position(|it| it.trim().eq_ignore_ascii_case(name));
    let (Some(device), Some(state), Some(at)) =
        (column("Device"), column("Status"), column("Backup Date"))
    else {
        return Vec::new();
    };
    let (job, size) = (column("Job"), column("Data Size"));
    let rows = lines.by_ref().take(ROWS_MAX).map(|line| {
        let cells = cells(line);
        let cell = |at: usize| cells.get(at).map_or_else(String::new, |it| it.trim().to_owned());
        let is_whole = cells.len() >= head.len();
        Row {
            device: cell(device),
            status: status(&cell(state)).filter(|it| is_whole || *it != Outcome::Ok),
            at: cell(at),
            job: job.map_or_else(String::new, cell),
            size: size.map_or_else(String::new, cell),
        }
    });
    let mut all: Vec<Row> = rows.collect();
    if lines.next().is_some() {
        // Behind them could be the bad news.
        let (device, none) = (MORE_ROWS.to_owned(), String::new());
        all.push(Row { device, status: None, at: none.clone(), job: none.clone(), size: none });
    }
    all
}

/// The cells of a line: divided by commas or semicolons, in quotes if they hold such.
fn cells(line: &str) -> Vec<String> {
    let mark = if line.contains(';') && !line.contains(',') { ';' } else { ',' };
    let mut all = vec![String::new()];
    let mut quoted = false;
    for it in line.chars() {
        if it == '"' {
            quoted = !quoted;
        } else if it == mark && !quoted {
            all.push(String::new());
        } else if let Some(cell) = all.last_mut() {
            cell.push(it);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attachment;

    #[test]
    fn a_table_with_more_rows_than_are_read_is_not_good_news() {
        let says = |rows: usize| {
            let head = "Device,Status,Backup Date\n";
            let text = format!("{head}{}", "SRV1,Success,2026-09-20\n".repeat(rows));
            let attachment = Attachment { name: "a.csv".into(), text: Some(Text::new(&text)) };
            let letter = Letter {
                subject: "Backup Report CSV".into(),
                attachments: vec![attachment],
                ..Letter::default()
            };
            read(&letter, &super::super::tests::habits())
        };
        assert_eq!(says(ROWS_MAX).outcome, Some(Outcome::Ok));
        let cut = says(ROWS_MAX + 1);
        assert_eq!(cut.outcome, None);
        assert_eq!(cut.objects.last().unwrap(), &(Arc::from(MORE_ROWS), Outcome::Unclassified));
    }
}
