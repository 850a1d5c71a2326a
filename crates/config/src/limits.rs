//! Every limit on what is read, in one place.
//!
//! A configuration is written by people we trust, but it also comes out of generators and half
//! finished copies: none of these may take the memory of a machine that watches others.

use std::time::Duration;

/// Largest file, in bytes. About 150,000 hosts written one a line.
pub(crate) const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// All files together, in bytes. Four times what a million services take.
pub(crate) const TOTAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Most files of one configuration.
pub(crate) const FILES_MAX: usize = 50_000;
/// Folders within folders below an entry of `checks:`.
pub(crate) const FOLDERS_DEPTH_MAX: usize = 16;
/// Maps and lists within each other. The deepest key of ours lies at 8.
pub(crate) const NESTING_MAX: usize = 48;
/// Keys and values in one file.
pub(crate) const NODES_MAX: usize = 4_000_000;
/// Longest single value or key, in bytes.
pub(crate) const SCALAR_BYTES_MAX: usize = 64 * 1024;
/// Names that one range may stand for, and hosts in one file that come from ranges: 2^20.
pub(crate) const EXPANDED_MAX: usize = 1 << 20;
/// Longest host, customer, label or template name, in bytes.
pub(crate) const LABEL_BYTES_MAX: usize = 1024;
/// Labels on one checkable.
pub(crate) const LABELS_MAX: usize = 64;
/// Parents of one host.
pub(crate) const PARENTS_MAX: usize = 64;
/// Templates that one checkable uses, directly or through others.
pub(crate) const TEMPLATES_MAX: usize = 256;
/// Largest file that `${file:…}` or `${secret:…}` may name, in bytes.
pub(crate) const FILLED_BYTES_MAX: u64 = 64 * 1024;
/// Diagnostics that are kept and shown; the others are counted.
pub(crate) const DIAGNOSTICS_MAX: usize = 2_000;
/// Diagnostics that are remembered so that the same one is counted once.
pub(crate) const DIAGNOSTICS_TOLD_APART_MAX: usize = 100_000;
/// Longest source line that is shown, in bytes. Longer ones are named by place only.
pub(crate) const SHOWN_LINE_BYTES_MAX: usize = 400;
/// Longest piece of a written text that a message quotes, in characters.
pub(crate) const QUOTED_CHARS_MAX: usize = 80;
/// Shortest time between two looks.
pub(crate) const EVERY_MIN: Duration = Duration::from_millis(100);
/// Longest time between two looks.
pub(crate) const EVERY_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
/// Shortest time that a look may be given.
pub(crate) const TIMEOUT_MIN: Duration = Duration::from_millis(1);
/// Shards; more than any machine has processors.
pub(crate) const SHARDS_MAX: i64 = 1024;
/// Looks under way at once, in all or at one host.
pub(crate) const IN_FLIGHT_MAX: i64 = 1_000_000;
