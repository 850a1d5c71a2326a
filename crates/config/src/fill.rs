//! Puts environment variables, files and secrets into texts that ask for them.
//!
//! Each source is read once, however many texts name it. What comes out of a secret stays marked
//! as one, and no message repeats what any placeholder stands for: a file may hold a password too.

use std::{
    collections::HashMap,
    env, fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::shape,
    limits,
    mask::{self, SecretNames},
    quoted,
    source::View,
    words::{self, Piece},
};

/// Before the name of a secret, in capitals, for secrets that come by the environment.
const SECRET_VARIABLE: &str = "CAMPANILE_SECRET_";
/// Bits of a file's mode that let others read it.
const READABLE_BY_OTHERS: u32 = 0o044;

/// A text with its placeholders filled in. Without `Debug`: it may be a secret.
pub(crate) enum Filled<'a> {
    /// As it stands in the file.
    Written(&'a str),
    /// From the environment or a file.
    Fetched(String),
    /// With a secret in it.
    Secret(String),
}

/// Where placeholders find what they name.
pub(crate) struct Filler {
    /// Relative paths of `${file:…}` begin here.
    folder: PathBuf,
    secrets: PathBuf,
    /// Names of values that are secrets, wherever they come from.
    pub(crate) names: SecretNames,
    /// By kind of placeholder and name.
    known: Mutex<HashMap<(&'static str, String), Outcome>>,
}

/// What was fetched, or why it could not be.
type Outcome = Result<Fetched, String>;

#[derive(Clone)]
struct Fetched {
    text: Arc<str>,
    /// Others on this machine can read it too.
    open: bool,
}

impl Filler {
    pub(crate) fn new(folder: &Path, secrets: &Path, names: SecretNames) -> Self {
        let secrets = folder.join(secrets);
        Self { folder: folder.to_owned(), secrets, names, known: Mutex::default() }
    }

    /// The text of `view`; `None` if it is no text or something it names cannot be read.
    pub(crate) fn fill<'a>(&self, view: View<'a>, report: &mut Report) -> Option<Filled<'a>> {
        let Some(text) = view.text() else {
            report.add(shape(view, "a single value"));
            return None;
        };
        if !text.contains('$') {
            return Some(Filled::Written(text));
        }
        let pieces = match words::placeholders(text) {
            Ok(pieces) => pieces,
            Err(fault) => {
                report.add(
                    Diagnostic::new(Code::Placeholder, fault.what)
                        .at(view.part(&fault.span))
                        .maybe_help(fault.hint),
                );
                return None;
            }
        };
        let mut filled = String::new();
        let (mut secret, mut whole) = (false, true);
        for piece in pieces {
            match &piece {
                Piece::Text(text) => {
                    filled.push_str(text);
                    continue;
                }
                Piece::Env(_) | Piece::File(_) => {}
                Piece::Secret(_) => secret = true,
            }
            match self.fetch(&piece) {
                Ok(found) => {
                    filled.push_str(&found.text);
                    if found.open {
                        report.add(readable(&piece, view));
                    }
                }
                Err(why) => {
                    report.add(unreadable(&piece, &why, view));
                    whole = false;
                }
            }
        }
        whole.then_some(match secret {
            true => Filled::Secret(filled),
            false => Filled::Fetched(filled),
        })
    }

    fn fetch(&self, piece: &Piece) -> Result<Fetched, String> {
        let (kind, name) = named(piece);
        let key = (kind, name.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&key) {
            return found.clone();
        }
        let found = match piece {
            Piece::Text(text) => Ok(Fetched { text: Arc::from(text.as_str()), open: false }),
            Piece::Env(name) => variable(name),
            Piece::File(path) => {
                file(&self.folder.join(path)).map(|it| Fetched { open: false, ..it })
            }
            Piece::Secret(name) => self.secret(name),
        };
        known.insert(key, found.clone());
        found
    }

    /// The environment first, so that a container can do without files.
    fn secret(&self, name: &str) -> Result<Fetched, String> {
        let variable = secret_variable(name);
        if let Some(value) = env::var_os(&variable) {
            let text = value.into_string().map_err(|_| format!("{variable} is not UTF-8"))?;
            return Ok(Fetched { text: Arc::from(text), open: false });
        }
        file(&self.secrets.join(name))
    }
}

fn named(piece: &Piece) -> (&'static str, &str) {
    match piece {
        Piece::Env(name) => ("env", name),
        Piece::File(name) => ("file", name),
        Piece::Secret(name) => ("secret", name),
        Piece::Text(text) => ("", text),
    }
}

/// `ro-community` is `CAMPANILE_SECRET_RO_COMMUNITY`.
fn secret_variable(name: &str) -> String {
    let letters = name.chars().map(|it| match it.is_ascii_alphanumeric() {
        true => it.to_ascii_uppercase(),
        false => '_',
    });
    SECRET_VARIABLE.chars().chain(letters).collect()
}

fn variable(name: &str) -> Result<Fetched, String> {
    match env::var(name) {
        Ok(text) => Ok(Fetched { text: Arc::from(text), open: false }),
        Err(env::VarError::NotPresent) => Err("it is not set".into()),
        Err(env::VarError::NotUnicode(_)) => Err("its value is not UTF-8".into()),
    }
}

/// A small regular file without the line end that editors put behind its last line.
fn file(path: &Path) -> Result<Fetched, String> {
    let shown = mask::escape(&path.to_string_lossy());
    let fail = |error: io::Error| format!("{shown}: {error}");
    let meta = fs::metadata(path).map_err(fail)?;
    if !meta.is_file() {
        return Err(format!("{shown} is no regular file"));
    }
    let mut bytes = Vec::new();
    let limit = limits::FILLED_BYTES_MAX + 1;
    fs::File::open(path).and_then(|it| it.take(limit).read_to_end(&mut bytes)).map_err(fail)?;
    if bytes.len() as u64 > limits::FILLED_BYTES_MAX {
        return Err(format!("{shown} is larger than {} KiB", limits::FILLED_BYTES_MAX / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let open = meta.permissions().mode() & READABLE_BY_OTHERS != 0;
    Ok(Fetched { text: Arc::from(text), open })
}

fn unreadable(piece: &Piece, why: &str, view: View<'_>) -> Diagnostic {
    let (what, help) = match piece {
        Piece::Env(name) => (format!("the environment variable {}", quoted(name)), None),
        Piece::File(path) => (format!("the file {}", quoted(path)), None),
        Piece::Secret(name) => {
            let variable = secret_variable(name);
            let help = format!("put it into that file, or into the variable {variable}");
            (format!("the secret {}", quoted(name)), Some(help))
        }
        Piece::Text(_) => (String::new(), None),
    };
    Diagnostic::new(Code::Placeholder, format!("{what} cannot be read"))
        .at(place_of(piece, view))
        .label(why)
        .maybe_help(help)
}

fn readable(piece: &Piece, view: View<'_>) -> Diagnostic {
    let Piece::Secret(name) = piece else {
        return Diagnostic::new(Code::SecretReadable, "others can read this");
    };
    Diagnostic::new(
        Code::SecretReadable,
        format!("others on this machine can read the file of the secret {}", quoted(name)),
    )
    .at(place_of(piece, view))
    .help("take their right to read it away: `chmod 0600`")
}

/// Where the placeholder stands within its text.
fn place_of(piece: &Piece, view: View<'_>) -> crate::source::Place {
    let (kind, name) = named(piece);
    let written = format!("${{{kind}:{name}}}");
    let text = view.text().unwrap_or_default();
    match text.find(&written) {
        Some(at) => view.part(&(at..at + written.len())),
        None => view.place(),
    }
}
