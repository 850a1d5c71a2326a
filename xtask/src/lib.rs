//! The chores of the project, as a library, so that `cargo xtask` and the tests share one truth.
//!
//! Nothing but std and anyhow: this is the first thing a fresh machine builds, and it must not
//! take longer than reading about it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a command for a person at a terminal"
)]

pub mod architecture;
pub mod corpora;
pub mod fuzz;
pub mod limits;
pub mod manual;
mod members;
pub mod packages;
pub mod source;
mod steps;
pub mod suite;
mod tally;
pub mod tidy;
pub mod torture;

use std::path::{Path, PathBuf};

pub use members::Member;
pub use steps::cargo;

/// The root of the work tree.
///
/// # Panics
/// Never in a work tree: this package lies one level below the root.
#[must_use]
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors()
        .find(|it| it.join("Cargo.lock").is_file())
        .map_or_else(|| parent(&here), Path::to_path_buf)
}

fn parent(path: &Path) -> PathBuf {
    path.parent().expect("the package lies below the root").to_path_buf()
}
