//! Iperius Backup.
//!
//! Subject and text are the user's, put together from variables, so only whole phrases count: a part
//! of the subject between dashes, colons or brackets, a line of the text, or the value of a label.
//! Counts of errors and warnings make a verdict worse, never better. The log may be attached: it is
//! looked at only if the mail itself says nothing.

use std::sync::Arc;

use model::{Outcome, Says};

use super::{
    Format,
    cells::{count, rank, value, worse},
    signature::{explain, told_by},
};
use crate::{Habits, Letter, Text, text::fold, words};

pub(super) static FORMAT: Format = Format {
    name: "iperius",
    title: "Iperius Backup",
    source: "Spanish phrases of failure and warning after a public script; the others of the same \
             pattern in Italian, English, German and Spanish, no real mail seen: other wordings need \
             own rules",
    recognises,
    read,
    ends_suffice: false,
};

const PHRASES: &[(&str, Outcome)] = &[
    ("backup failed", Outcome::Failed),
    ("backup not completed", Outcome::Failed),
    ("backup aborted", Outcome::Failed),
    ("backup cancelled", Outcome::Failed),
    ("backup canceled", Outcome::Failed),
    ("backup stopped", Outcome::Failed),
    ("backup completed with errors", Outcome::Failed),
    ("backup finished with errors", Outcome::Failed),
    ("backup completed with warnings", Outcome::Warning),
    ("backup finished with warnings", Outcome::Warning),
    ("backup started", Outcome::Started),
    ("backup completed successfully", Outcome::Ok),
    ("backup successfully completed", Outcome::Ok),
    ("backup finished successfully", Outcome::Ok),
    ("backup completed without errors", Outcome::Ok),
    ("backup finished without errors", Outcome::Ok),
    ("backup fallito", Outcome::Failed),
    ("backup non riuscito", Outcome::Failed),
    ("backup non completato", Outcome::Failed),
    ("backup annullato", Outcome::Failed),
    ("backup interrotto", Outcome::Failed),
    ("backup completato con errori", Outcome::Failed),
    ("backup terminato con errori", Outcome::Failed),
    ("backup completato con avvisi", Outcome::Warning),
    ("backup terminato con avvisi", Outcome::Warning),
    ("backup completato con avvertimenti", Outcome::Warning),
    ("backup terminato con avvertimenti", Outcome::Warning),
    ("backup avviato", Outcome::Started),
    ("backup iniziato", Outcome::Started),
    ("backup completato con successo", Outcome::Ok),
    ("backup completato correttamente", Outcome::Ok),
    ("backup completato senza errori", Outcome::Ok),
    ("backup terminato con successo", Outcome::Ok),
    ("backup terminato correttamente", Outcome::Ok),
    ("backup terminato senza errori", Outcome::Ok),
    ("backup eseguito con successo", Outcome::Ok),
    ("backup fehlgeschlagen", Outcome::Failed),
    ("backup abgebrochen", Outcome::Failed),
    ("backup nicht abgeschlossen", Outcome::Failed),
    ("backup mit fehlern abgeschlossen", Outcome::Failed),
    ("backup mit fehlern beendet", Outcome::Failed),
    ("backup mit warnungen abgeschlossen", Outcome::Warning),
    ("backup mit warnungen beendet", Outcome::Warning),
    ("backup gestartet", Outcome::Started),
    ("backup erfolgreich abgeschlossen", Outcome::Ok),
    ("backup erfolgreich beendet", Outcome::Ok),
    ("backup ohne fehler abgeschlossen", Outcome::Ok),
    ("copia de seguridad fallida", Outcome::Failed),
    ("copia de seguridad cancelada", Outcome::Failed),
    ("copia de seguridad no completada", Outcome::Failed),
    ("copia de seguridad finalizada con errores", Outcome::Failed),
    ("copia de seguridad finalizada con avisos", Outcome::Warning),
    ("copia de seguridad iniciada", Outcome::Started),
    ("copia de seguridad finalizada correctamente", Outcome::Ok),
    ("copia de seguridad finalizada con éxito", Outcome::Ok),
    ("copia de seguridad finalizada sin errores", Outcome::Ok),
    ("copia de seguridad completada con éxito", Outcome::Ok),
];

const JOB: &[&str] = &[
    "backup job",
    "job name",
    "job",
    "nome operazione",
    "operazione",
    "nome backup",
    "processo",
    "auftrag",
    "tarea",
    "nombre de la copia",
];
const ERRORS: &[&str] = &["errors", "errori", "fehler", "errores"];
const WARNINGS: &[&str] = &["warnings", "avvisi", "avvertimenti", "warnungen", "avisos"];
const START: &[&str] = &[
    "start time",
    "start",
    "ora inizio",
    "inizio",
    "beginn",
    "startzeit",
    "hora de inicio",
    "inicio",
];
const END: &[&str] =
    &["end time", "end", "ora fine", "fine", "ende", "endzeit", "hora de finalización", "fin"];
const LASTED: &[&str] = &["duration", "durata", "dauer", "duración"];
const SIZE: &[&str] =
    &["total size", "size", "dimensione totale", "dimensione", "gesamtgröße", "größe", "tamaño"];
const REASON: &[&str] = &[
    "last error",
    "error message",
    "error",
    "ultimo errore",
    "errore",
    "letzter fehler",
    "último error",
];

fn recognises(letter: &Letter) -> bool {
    let named = |text: &Text| text.folded().contains("iperius");
    named(&letter.subject)
        || named(&letter.from_name)
        || letter.from.contains("iperius")
        || letter.body.line(|it| it.contains("iperius backup")).is_some()
}

fn phrase(text: &str) -> Option<Outcome> {
    let text = text.trim().trim_end_matches(['.', '!']).trim_end();
    PHRASES.iter().find(|it| it.0 == text).map(|it| it.1)
}

/// The parts of a line between what users put between variables.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split(['[', ']', '(', ')', '|', ':', '\t', '"'])
        .flat_map(|it| it.split(" - "))
        .map(str::trim)
}

/// The worst phrase of a text, and its line. A begin is told only where nothing else is.
fn verdict(text: &Text) -> Option<(Outcome, String)> {
    let found = text.lines().flat_map(|(shown, folded)| {
        parts(folded).filter_map(phrase).map(move |it| (it, shown.to_owned()))
    });
    found.reduce(|one, other| if rank(other.0) > rank(one.0) { other } else { one })
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    let both = [verdict(&letter.subject), verdict(body)];
    let of_mail = both
        .into_iter()
        .flatten()
        .reduce(|one, other| if rank(other.0) > rank(one.0) { other } else { one });
    let texts = || letter.attachments.iter().filter_map(|it| it.text.as_ref());
    let said = of_mail.or_else(|| texts().find_map(verdict));
    let counted = if count(body, ERRORS).is_some_and(|it| it > 0) {
        Some(Outcome::Failed)
    } else if count(body, WARNINGS).is_some_and(|it| it > 0) {
        Some(Outcome::Warning)
    } else {
        None
    };
    let began_at = value(body, START).and_then(|it| words::moment(it, habits));
    let ended_at = value(body, END).and_then(|it| match began_at {
        Some(from) => words::moment_after(it, from, habits),
        None => words::moment(it, habits),
    });
    let mut says = Says {
        outcome: worse(said.as_ref().map(|it| it.0), counted)
            .filter(|it| !(body.is_empty() && *it == Outcome::Ok)),
        names: Arc::from(job(letter)),
        text: Arc::from(said.map_or_else(|| letter.subject.shown().trim().to_owned(), |it| it.1)),
        began_at,
        ended_at,
        size: value(body, SIZE).and_then(words::size),
        duration: value(body, LASTED).and_then(words::duration),
        ..Says::default()
    };
    let reason = value(body, REASON).map_or_else(|| told_by(&says), str::to_owned);
    let name = Arc::clone(&says.names);
    explain(&mut says, "iperius", &reason, &name);
    says
}

/// By its label; else the first part of the subject that is neither verdict nor product.
fn job(letter: &Letter) -> String {
    if let Some(name) = value(&letter.body, JOB) {
        return name.to_owned();
    }
    let of_subject = parts(letter.subject.shown()).find(|it| {
        let folded = fold(it);
        !it.is_empty() && !folded.contains("iperius") && phrase(&folded).is_none()
    });
    of_subject.unwrap_or("").to_owned()
}
