//! What makes a mail the same as another one.
//!
//! A mail that comes twice, by two ways or because somebody sent it again, must count once. Its
//! `Message-ID` says so if it has one; what it says and when it was written says so in any case:
//! neither the boundaries of its parts nor the way it took belong to that. Each key holds the job,
//! since one mail may be for several.

use model::Moment;
use sha2::{Digest, Sha256};

use crate::{Letter, text::fold};

/// The keys of `letter` as heard for `job` at `at`.
#[must_use]
pub fn keys(job: Option<&str>, letter: &Letter, at: Moment) -> Vec<[u8; 16]> {
    let job = job.unwrap_or_default();
    let mut keys = Vec::with_capacity(2);
    if let Some(id) = &letter.message_id {
        keys.push(key("id", &[job, id]));
    }
    keys.push(key(
        "text",
        &[
            job,
            &letter.from,
            &written(letter, at),
            &spaced(letter.subject.folded()),
            &spaced(letter.body.folded()),
            &attached(letter),
        ],
    ));
    keys
}

/// When it was written. A mail that does not say so, and of which nobody says when it was taken,
/// cannot be told from the one of the day before: it is never the same as another.
fn written(letter: &Letter, at: Moment) -> String {
    match (letter.date, letter.header("date"), letter.first_taken) {
        (Some(date), _, _) => format!("date {date}"),
        (None, Some(text), _) if !text.trim().is_empty() => format!("text {}", fold(text)),
        (None, _, Some(taken)) => format!("taken {taken}"),
        (None, _, None) => format!("came {}", at.as_nanos()),
    }
}

/// Relays break lines and drop space at their ends.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn attached(letter: &Letter) -> String {
    let mut out = String::new();
    for it in &letter.attachments {
        out.push_str(&it.name);
        out.push('\0');
        if let Some(text) = &it.text {
            out.push_str(&spaced(text.folded()));
        }
        out.push('\0');
    }
    out
}

/// The lengths keep apart what stands side by side.
fn key(kind: &str, parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&kind).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let whole = hash.finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&whole[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime;

    const MAIL: &str = "Received: from a by b; Mon, 21 Sep 2026 03:12:50 +0200\r\n\
        From: nas@acme.example\r\nDate: Mon, 21 Sep 2026 03:12:44 +0200\r\n\
        Message-ID: <1@acme.example>\r\nSubject: Backup ok\r\n\r\nAll is well.\r\n";

    fn of(job: &str, mail: &str, secs: u64) -> Vec<[u8; 16]> {
        keys(Some(job), &mime::letter(mail.as_bytes()), Moment::from_secs(secs))
    }

    fn same(a: &[[u8; 16]], b: &[[u8; 16]]) -> bool {
        a.iter().any(|it| b.contains(it))
    }

    #[test]
    fn the_same_mail_by_two_ways_has_the_same_keys() {
        let other = MAIL
            .replace(
                "from a by b; Mon, 21 Sep 2026 03:12:50",
                "from c by d; Mon, 21 Sep 2026 03:13:09",
            )
            .replace("\r\n", "\n")
            .replace("All is well.\n", "All is\n well. \n\n")
            .replace("03:12:44 +0200", "01:12:44 GMT");
        let again = format!("Delivered-To: <x@y.example>\n{other}");
        assert_eq!(of("a/b", MAIL, 1), of("a/b", &other, 900));
        assert_eq!(of("a/b", MAIL, 1), of("a/b", &again, 900));
        assert_eq!(of("a/b", MAIL, 1).len(), 2);
    }

    #[test]
    fn another_mail_or_job_has_others() {
        for (old, new) in [
            ("<1@acme.example>", "<2@acme.example>"),
            ("Backup ok", "Backup fine"),
            ("All is well", "All is bad"),
            ("03:12:44", "03:12:45"),
            ("nas@acme", "nas2@acme"),
        ] {
            let other = MAIL.replace(old, new);
            let (a, b) = (of("a/b", MAIL, 1), of("a/b", &other, 1));
            assert_ne!(a, b, "{new}");
            // A new id alone does not make it another mail, nor does the same id with another text.
            assert!(same(&a, &b), "{new}");
        }
        assert!(!same(&of("a/b", MAIL, 1), &of("a/c", MAIL, 1)));
        let tomorrow = MAIL.replace("21 Sep", "22 Sep").replace("<1@", "<2@");
        assert!(!same(&of("a/b", MAIL, 1), &of("a/b", &tomorrow, 1)));
    }

    #[test]
    fn without_an_id_or_a_date_nothing_else_is_taken_for_it() {
        let bare = "From: nas@acme.example\nSubject: Backup ok\n\nAll is well.\n";
        assert_eq!(of("a/b", bare, 1).len(), 1);
        assert!(!same(&of("a/b", bare, 1), &of("a/b", bare, 86_400)));
        let taken = format!("Received: from a by b; Mon, 21 Sep 2026 03:12:50 +0200\n{bare}");
        assert!(same(&of("a/b", &taken, 1), &of("a/b", &taken, 5)));
    }

    #[test]
    fn attachments_tell_mails_apart() {
        let with = |text: &str| {
            format!(
                "From: a@b.example\nDate: Mon, 21 Sep 2026 03:12:44 +0200\n\
                 Content-Type: multipart/mixed; boundary=x\n\n--x\n\nsee there\n--x\n\
                 Content-Type: text/csv; name=a.csv\n\n{text}\n--x--\n"
            )
        };
        assert!(!same(&of("a/b", &with("one"), 1), &of("a/b", &with("two"), 1)));
        let other = with("one").replace("--x", "--zz").replace("=x", "=zz");
        assert_eq!(of("a/b", &with("one"), 1), of("a/b", &other, 1));
    }
}
