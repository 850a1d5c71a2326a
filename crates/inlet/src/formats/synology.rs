//! How Synology's packages end a sentence about a task, in the languages in which they write mails.
//!
//! What is not well goes first: `non è stata completata` ends as `è stata completata` does. An
//! ending that is not here says nothing, so a new kind of half success is never a whole one.

use model::Outcome;

/// Endings of whole sentences in the body, and what they say.
const ENDINGS: &[(&str, Outcome)] = &[
    // Italian.
    (" non è stata completata", Outcome::Failed),
    (" non è stato completato", Outcome::Failed),
    (" non è riuscita", Outcome::Failed),
    (" non è riuscito", Outcome::Failed),
    (" non riuscita", Outcome::Failed),
    (" non riuscito", Outcome::Failed),
    (" è fallita", Outcome::Failed),
    (" è fallito", Outcome::Failed),
    (" è stata annullata", Outcome::Failed),
    (" è stato annullato", Outcome::Failed),
    (" è stata interrotta", Outcome::Failed),
    (" è stato interrotto", Outcome::Failed),
    (" è stata sospesa", Outcome::Failed),
    (" è stato sospeso", Outcome::Failed),
    (" è stata parzialmente completata", Outcome::Partial),
    (" è stata completata parzialmente", Outcome::Partial),
    (" è stato parzialmente completato", Outcome::Partial),
    (" è stato completato parzialmente", Outcome::Partial),
    (" è stata completata con avvisi", Outcome::Warning),
    (" è stato completato con avvisi", Outcome::Warning),
    (" è stata completata con errori", Outcome::Partial),
    (" è stato completato con errori", Outcome::Partial),
    (" è stata completata correttamente", Outcome::Ok),
    (" è stato completato correttamente", Outcome::Ok),
    (" è stata completata", Outcome::Ok),
    (" è stato completato", Outcome::Ok),
    // English.
    (" has not been completed", Outcome::Failed),
    (" could not be completed", Outcome::Failed),
    (" was not completed", Outcome::Failed),
    (" did not complete", Outcome::Failed),
    (" has failed", Outcome::Failed),
    (" failed", Outcome::Failed),
    (" has been cancelled", Outcome::Failed),
    (" was cancelled", Outcome::Failed),
    (" has been canceled", Outcome::Failed),
    (" was canceled", Outcome::Failed),
    (" has been suspended", Outcome::Failed),
    (" was suspended", Outcome::Failed),
    (" has been partially completed", Outcome::Partial),
    (" has partially completed", Outcome::Partial),
    (" was partially completed", Outcome::Partial),
    (" is partially complete", Outcome::Partial),
    (" has been completed with warnings", Outcome::Warning),
    (" has completed with warnings", Outcome::Warning),
    (" has been completed with errors", Outcome::Partial),
    (" has completed with errors", Outcome::Partial),
    (" has been successfully completed", Outcome::Ok),
    (" has successfully completed", Outcome::Ok),
    (" has been completed successfully", Outcome::Ok),
    (" has completed successfully", Outcome::Ok),
    (" completed successfully", Outcome::Ok),
    (" has been completed", Outcome::Ok),
    (" has completed", Outcome::Ok),
    (" was completed", Outcome::Ok),
    (" is now complete", Outcome::Ok),
    (" is complete", Outcome::Ok),
    // German.
    (" ist fehlgeschlagen", Outcome::Failed),
    (" fehlgeschlagen", Outcome::Failed),
    (" konnte nicht abgeschlossen werden", Outcome::Failed),
    (" wurde nicht abgeschlossen", Outcome::Failed),
    (" ist nicht abgeschlossen", Outcome::Failed),
    (" wurde abgebrochen", Outcome::Failed),
    (" wurde angehalten", Outcome::Failed),
    (" wurde teilweise abgeschlossen", Outcome::Partial),
    (" ist teilweise abgeschlossen", Outcome::Partial),
    (" wurde mit warnungen abgeschlossen", Outcome::Warning),
    (" wurde mit fehlern abgeschlossen", Outcome::Partial),
    (" wurde erfolgreich abgeschlossen", Outcome::Ok),
    (" wurde abgeschlossen", Outcome::Ok),
    (" ist jetzt abgeschlossen", Outcome::Ok),
    (" ist nun abgeschlossen", Outcome::Ok),
    (" ist abgeschlossen", Outcome::Ok),
    // Danish.
    (" er ikke fuldført", Outcome::Failed),
    (" blev ikke fuldført", Outcome::Failed),
    (" kunne ikke fuldføres", Outcome::Failed),
    (" er mislykket", Outcome::Failed),
    (" mislykkedes", Outcome::Failed),
    (" er annulleret", Outcome::Failed),
    (" blev annulleret", Outcome::Failed),
    (" er delvist fuldført", Outcome::Partial),
    (" er delvis fuldført", Outcome::Partial),
    (" blev delvist fuldført", Outcome::Partial),
    (" er fuldført med advarsler", Outcome::Warning),
    (" er fuldført med fejl", Outcome::Partial),
    (" er fuldført", Outcome::Ok),
    (" blev fuldført", Outcome::Ok),
];

/// What stands alone behind the name of the store in a subject.
const WORDS: &[(&str, Outcome)] = &[
    ("completata", Outcome::Ok),
    ("completed", Outcome::Ok),
    ("abgeschlossen", Outcome::Ok),
    ("fuldført", Outcome::Ok),
    ("non completata", Outcome::Failed),
    ("annullata", Outcome::Failed),
    ("cancelled", Outcome::Failed),
    ("canceled", Outcome::Failed),
    ("abgebrochen", Outcome::Failed),
    ("annulleret", Outcome::Failed),
    ("nicht abgeschlossen", Outcome::Failed),
    ("ikke fuldført", Outcome::Failed),
    ("mislykket", Outcome::Failed),
    ("parzialmente completata", Outcome::Partial),
    ("completata parzialmente", Outcome::Partial),
    ("partially completed", Outcome::Partial),
    ("teilweise abgeschlossen", Outcome::Partial),
    ("delvist fuldført", Outcome::Partial),
    ("delvis fuldført", Outcome::Partial),
    ("completata con avvisi", Outcome::Warning),
    ("completed with warnings", Outcome::Warning),
];

/// What a folded sentence without its point says by its end, and what stands before that.
pub(super) fn ending(sentence: &str) -> Option<(Outcome, &str)> {
    ENDINGS.iter().find_map(|(end, outcome)| Some((*outcome, sentence.strip_suffix(end)?)))
}

/// What the words behind a name say, folded; all of them.
pub(super) fn words(rest: &str) -> Option<Outcome> {
    let rest = rest.trim().trim_end_matches('.');
    let found = WORDS.iter().find(|it| it.0 == rest).map(|it| it.1);
    found.or_else(|| ending(&format!(" {rest}")).filter(|it| it.1.is_empty()).map(|it| it.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bad_ending_is_taken_for_a_good_one() {
        for (at, (end, outcome)) in ENDINGS.iter().enumerate() {
            assert_eq!(ending(&format!("x{end}")).map(|it| it.0), Some(*outcome), "{at}: {end}");
        }
    }

    #[test]
    fn what_is_not_known_says_nothing() {
        assert_eq!(ending("x è stata quasi completata"), None);
        assert_eq!(ending("x is now complete but for two files"), None);
        assert_eq!(words("quasi completata"), None);
        assert_eq!(words("has failed"), Some(Outcome::Failed));
        assert_eq!(words("non riuscita"), Some(Outcome::Failed));
    }
}
