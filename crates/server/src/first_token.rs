//! The first token: how whoever may read the data folder gets in.
//!
//! Its secret exists in two places, as a row of the store and in a file, and the engine may end
//! between the two. So the secret is in a file of its own before the desk is asked for the row, and
//! that file goes only when the token lies where people look for it. Whatever a start finds, it
//! goes on from there; a row whose secret nobody knows cannot come to be.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use console::api::token;
use model::{Moment, NoteId, Token, TokenScope};

/// Name of the file in the data folder that holds the first token.
const TOKEN_FILE: &str = "admin.token";
/// Name of the file that holds its secret until then.
const PENDING_FILE: &str = "admin.token.pending";
/// Bytes that are read of that.
const PENDING_BYTES_MAX: u64 = 4_096;

/// What is to be done for there to be a way in.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing.
    Nothing,
    /// A file was still to be written; here it is.
    Written(PathBuf),
    /// The desk is to be asked for a token with this secret.
    Ask(String),
}

/// Looks how far an earlier start has come. `known` are the tokens of the store, and `usable` says
/// whether one of them lets in.
pub(crate) fn begin(folder: &Path, known: &[Token], usable: bool) -> anyhow::Result<Step> {
    let pending = pending_secret(&folder.join(PENDING_FILE))?;
    if let Some(secret) = pending {
        let hash = token::hash(&secret);
        match known.iter().find(|it| it.hash == hash) {
            Some(it) if it.revoked_at.is_none() => {
                return Ok(Step::Written(publish(folder, it.id, &secret)?));
            }
            // Nobody has ever seen it: whoever took the token back knew why.
            Some(_) => remove(&folder.join(PENDING_FILE))?,
            None if !usable => return Ok(Step::Ask(secret)),
            None => remove(&folder.join(PENDING_FILE))?,
        }
    }
    if usable {
        return Ok(Step::Nothing);
    }
    let secret = token::new_secret()?;
    write_private(&folder.join(PENDING_FILE), &token::text(NoteId(0), &secret))?;
    Ok(Step::Ask(secret))
}

/// The token that the desk is asked for.
pub(crate) fn wanted(secret: &str, now: Moment) -> Token {
    Token {
        id: NoteId(0),
        name: Arc::from("admin"),
        hash: token::hash(secret),
        scopes: TokenScope::ALL.iter().map(|it| it.0).collect(),
        customers: None,
        made_at: now,
        expires_at: None,
        revoked_at: None,
    }
}

/// There is a row: now the token may be shown.
pub(crate) fn publish(folder: &Path, id: NoteId, secret: &str) -> io::Result<PathBuf> {
    let path = folder.join(TOKEN_FILE);
    write_private(&path, &token::text(id, secret))?;
    remove(&folder.join(PENDING_FILE))?;
    Ok(path)
}

/// A file that holds no secret was never finished.
fn pending_secret(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(PENDING_BYTES_MAX).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    Ok(token::parse(text.trim()).map(|it| it.1.to_owned()))
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("new");
    remove(&part)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    // Without this the name may be gone after a power failure, and the row be there.
    path.parent().map_or(Ok(()), |it| File::open(it)?.sync_all())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Moment = Moment::from_secs(1_000);

    fn asked(step: Step) -> String {
        match step {
            Step::Ask(secret) => secret,
            other => panic!("{other:?}"),
        }
    }

    fn row(id: u64, secret: &str) -> Token {
        Token { id: NoteId(id), ..wanted(secret, NOW) }
    }

    fn shown(folder: &Path) -> String {
        let path = folder.join(TOKEN_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::read_to_string(path).unwrap().trim().to_owned()
    }

    #[test]
    fn whoever_may_read_the_folder_gets_in_wherever_the_start_before_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let secret = asked(begin(folder, &[], false).unwrap());
        // It ended before the row: the same secret is asked for again.
        assert_eq!(asked(begin(folder, &[], false).unwrap()), secret);
        // It ended between the row and the file.
        let kept = [row(7, &secret)];
        assert!(matches!(begin(folder, &kept, true).unwrap(), Step::Written(_)));
        assert_eq!(token::parse(&shown(folder)), Some((NoteId(7), &*secret)));
        // And later starts leave it alone.
        assert!(matches!(begin(folder, &kept, true).unwrap(), Step::Nothing));
        assert!(!folder.join(PENDING_FILE).exists());
    }

    #[test]
    fn a_secret_that_is_broken_off_or_taken_back_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join(PENDING_FILE), "cmp_0_half").unwrap();
        let secret = asked(begin(folder, &[], false).unwrap());
        let revoked = Token { revoked_at: Some(NOW), ..row(7, &secret) };
        assert_ne!(asked(begin(folder, &[revoked], false).unwrap()), secret);
        let other = row(8, &token::new_secret().unwrap());
        assert!(matches!(begin(folder, &[other], true).unwrap(), Step::Nothing), "there is a way");
        assert!(!folder.join(PENDING_FILE).exists() && !folder.join(TOKEN_FILE).exists());
    }
}
