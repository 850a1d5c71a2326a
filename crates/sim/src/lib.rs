//! Seeded worlds that misbehave on purpose.

pub mod dice;
pub mod reference;
pub mod target;
