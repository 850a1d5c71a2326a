//! The folder of one test, and the binary that runs in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use tempfile::TempDir;

/// A folder that is removed with the test.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty folder.
    ///
    /// # Panics
    /// When none can be made.
    #[must_use]
    pub fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("campanile-").tempdir().unwrap() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The command `campanile`, to be run in the folder.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(campanile());
        command.current_dir(self.path()).env("NO_COLOR", "1").env_remove("RUST_LOG");
        command
    }

    /// Runs a verb that ends by itself.
    ///
    /// # Panics
    /// When the binary cannot be started.
    #[must_use]
    pub fn campanile(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }
}

/// The binary: the one named by `CAMPANILE_BIN`, or else one that is brought up to date first.
///
/// Cargo only builds the binaries of the package under test by itself, and a binary that lies
/// there from yesterday would be worse than none.
fn campanile() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("CAMPANILE_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/NAME-HASH
    let profile = test.ancestors().nth(2).unwrap();
    let release = profile.ends_with("release");
    let words = if release { ["--profile", "release"] } else { ["--profile", "test"] };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(xtask::root())
        .args(["build", "--quiet", "--package", "campanile"])
        .args(words)
        .status()
        .unwrap();
    assert!(status.success(), "the binary cannot be built");
    profile.join("campanile")
}
