//! A configuration in a folder of its own, gone after the test.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use config::{Loaded, load_at};
use model::Moment;

use crate::catalogue::{CHANNELS, FORMATS, KINDS};

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// Files by path; those in `secrets/` can be read by nobody else.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let file = folder.path(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            let mode = if path.starts_with("secrets/") { 0o600 } else { 0o644 };
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        folder
    }

    /// A check file beside a main file that names it.
    pub(crate) fn acme(text: &str) -> Self {
        Self::of(&[("config.yaml", "checks: [acme.yaml]\n"), ("acme.yaml", text)])
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn load(&self) -> Loaded {
        // 2026-11-21 12:00 UTC, a Saturday.
        let now = Moment::from_secs(1_795_262_400);
        load_at(&self.path("config.yaml"), KINDS, CHANNELS, FORMATS, now)
    }
}
