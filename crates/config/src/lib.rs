//! From the admins' YAML to a [`model::Plan`].
//!
//! Three stages: every file becomes a tree whose nodes know their places ([`load`] reads them in
//! parallel), the trees become a draft (what was written, by name), and the draft becomes a plan
//! (what holds). A mistake never ends the work: all of them are reported in one run, each with
//! file, line, column and what to do about it. A plan is handed out only if there is no error.
//!
//! Kinds of checks are known only by their descriptions, which the caller hands in.

mod code;
#[cfg(any(test, feature = "fuzz"))]
pub mod corpus;
mod diagnostic;
mod draft;
mod duty;
mod engine;
mod explain;
mod files;
mod fill;
mod gather;
mod intern;
mod keys;
mod labels;
mod layers;
mod limits;
mod loaded;
mod mask;
mod params;
mod parents;
mod plan;
mod render;
mod routing;
mod section;
mod settle;
mod source;
mod tree;
mod words;
mod yaml;

pub use code::{Code, Severity};
pub use diagnostic::Diagnostic;
pub use duty::{Overlap, WATCHDOG_KEYS, overlap};
pub use explain::{Explanation, Setting, Unknown, Wording, explain};
pub use loaded::{Counts, Loaded, load, load_at};
pub use routing::{Given, RoutingTest, ToldBy, tests};
pub use settle::spoken;

/// A written text for a message: short, between back quotes, harmless on a terminal.
fn quoted(text: &str) -> String {
    let mut kept: String = text.chars().take(limits::QUOTED_CHARS_MAX).collect();
    if text.chars().nth(limits::QUOTED_CHARS_MAX).is_some() {
        kept.push('…');
    }
    format!("`{}`", mask::escape(&kept))
}
