//! Mails in floods: what many senders say to a mail server at once, what it answers, and what the
//! ledger has of it afterwards.
//!
//! Senders are of two sorts, as in the field. A relay keeps its connections and says the envelope in
//! one go; a device connects anew for every mail. Every mail has a number, and says it in its
//! `From:`, which is the one thing that survives whatever else is wrong with the mail: so each can be
//! found again, and one that is there twice shows.

mod bomb;
mod estate;
mod flood;
mod line;
mod taken;

pub use bomb::{Bomb, base64};
pub use estate::MailEstate;
pub use flood::{Fate, Flood, Sent, Sink};
pub use line::{MailAnswer, MailLine, MailText};
pub use taken::{Ledger, Lost, peak_bytes, resident_bytes};
