//! Macrium Reflect and its Site Manager.
//!
//! The subject ends with the verdict; the body repeats it with an emoticon. Digests count: `Failed
//! backups: 0` is no failure, and the most recent failed operation is of before.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{count, value, worse},
    shape::{found, pattern},
    signature::explain,
};
use crate::{Habits, Letter};

pub(super) static FORMAT: Format = Format {
    name: "macrium",
    title: "Macrium Reflect",
    source: "subjects and emoticons after public parsers of real mails, in English; the labels of \
             the body are less sure",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(.{1,100}?)(?:\(([^()]{1,100})\))?[: ]+)?macrium reflect - (?:backup|image|file backup|clone) (success|successful|failure|failed|fail|aborted|cancelled|completed with errors|completed with warnings|with errors|with warnings|warning)$",
    )
});
static OF_SITE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:.{1,100}: )?notification - backup (success|successful|failure|failed|fail|warning) on computer (\S{1,100})$",
    )
});

fn recognises(letter: &Letter) -> bool {
    let subject = letter.subject.folded();
    subject.contains("macrium reflect - ")
        || OF_SITE.is_match(subject.trim_end())
        || subject.contains("site manager notification email")
        || letter.body.line(|it| it.contains("macrium site manager")).is_some()
}

fn verdict(word: &str) -> Outcome {
    match word {
        "success" | "successful" => Outcome::Ok,
        "completed with errors" | "with errors" => Outcome::Partial,
        "completed with warnings" | "with warnings" | "warning" => Outcome::Warning,
        _ => Outcome::Failed,
    }
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let body = &letter.body;
    let subject = letter.subject.folded().trim_end();
    let (own, site) = (SUBJECT.captures(subject), OF_SITE.captures(subject));
    let of_subject =
        own.as_ref().map(|it| verdict(&it[3])).or_else(|| site.as_ref().map(|it| verdict(&it[1])));
    let of_body = body.lines().filter_map(|it| emoticon(it.1)).map(Some).fold(None, worse);
    let failed = count(body, &["failed backups"]).unwrap_or(0);
    let good = count(body, &["successful backups"]).unwrap_or(0);
    let counted = match (failed, good) {
        (0, _) => None,
        (_, 0) => Some(Outcome::Failed),
        _ => Some(Outcome::Partial),
    };
    let said = worse(worse(of_subject, of_body), counted)
        .filter(|it| *it != Outcome::Ok || of_subject.is_some() && !body.is_empty());
    let is_aside = said.is_none()
        && (subject.contains("site manager notification email")
            || subject.contains("site backup summary"));
    let machine = match (&own, &site) {
        (Some(it), _) => found(&letter.subject, it, 1),
        (None, Some(it)) => found(&letter.subject, it, 2),
        (None, None) => "",
    };
    let definition = own.as_ref().map_or("", |it| found(&letter.subject, it, 2));
    let name = if definition.is_empty() { machine } else { definition };
    let mut says = Says {
        outcome: if is_aside { Some(Outcome::Other) } else { said },
        names: Arc::from(name),
        text: Arc::from(letter.subject.shown().trim()),
        ..Says::default()
    };
    if let Some(of) = said.filter(|_| !machine.is_empty()) {
        says.objects.push((Arc::from(machine), of));
    }
    let reason = value(body, &["error", "reason", "message"]);
    let reason = reason.or_else(|| body.line(|it| it.starts_with("backup aborted")).map(|it| it.0));
    explain(&mut says, "macrium", reason.unwrap_or_default(), name);
    says
}

fn emoticon(line: &str) -> Option<Outcome> {
    Some(match line {
        "success :)" => Outcome::Ok,
        "failed :(" | "failure :(" => Outcome::Failed,
        "warning :|" | "warnings :|" => Outcome::Warning,
        it if it.starts_with("backup aborted") => Outcome::Failed,
        _ => return None,
    })
}
