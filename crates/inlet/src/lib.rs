//! Hears the reports of jobs: by mail server, mailbox, folder and ping; and says what they say.
//!
//! Whatever comes in takes one path: it is taken apart within fixed limits ([`letter`]), a job is
//! found for it ([`ears`]), what it can prove is proved ([`trust`]), and the one format that knows
//! its product reads the verdict ([`formats`]). The result is a [`model::Heard`]; to which slot it
//! belongs and what follows is for the engine to say. Whoever handed it over is told that it was
//! taken only once that has been kept.
//!
//! Everything that comes in is hostile: sizes, depths and counts have limits, nothing is fetched,
//! nothing is run, and what cannot be read is never good news.

#[cfg(any(test, feature = "fuzz"))]
pub mod corpus;
pub mod ears;
pub mod formats;
pub mod html;
pub mod imap;
pub mod keeper;
pub mod keys;
pub mod letter;
pub mod maildir;
pub mod mime;
pub mod packed;
pub mod read;
pub mod smtp;
pub mod text;
pub mod token;
pub mod trust;
pub mod words;

pub use ears::{Ear, Ears, Found, Net, Recipient};
pub use formats::{CATALOGUE, Format};
pub use letter::{Attachment, Fault, Letter};
pub use read::{Envelope, Inlet, Opened};
pub use text::Text;
pub use trust::{Asked, Proofs, Resolver};
pub use words::Habits;
