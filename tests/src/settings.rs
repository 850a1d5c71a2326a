//! How much of everything a long test has: little in the suite, more when `cargo xtask torture`
//! says so.

/// The number in the environment's `name`, or what the suite takes.
///
/// # Panics
/// If it is no number: a typo must not become a short run.
#[must_use]
pub fn setting(name: &str, in_the_suite: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => in_the_suite,
    }
}
