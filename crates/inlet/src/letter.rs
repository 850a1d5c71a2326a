//! A mail as rules and formats see it: decoded, bounded, and nothing in it believed.

use std::net::IpAddr;

use model::Moment;

use crate::Text;

/// A mail, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    /// The subject, decoded.
    pub subject: Text,
    /// The address in `From:`, in small letters; may be empty.
    pub from: String,
    /// The name in `From:`.
    pub from_name: Text,
    /// Everybody it may have been for, in small letters: of the envelope if that is known, and of
    /// the headers that tell.
    pub recipients: Vec<String>,
    /// The envelope's sender, in small letters; empty if unknown or none.
    pub sender: String,
    /// Who handed it over.
    pub peer: Option<IpAddr>,
    /// All headers in their order, names in small letters, values decoded and unfolded.
    pub headers: Vec<(String, String)>,
    /// Without its brackets.
    pub message_id: Option<String>,
    /// When it says that it was sent.
    pub date: Option<Moment>,
    /// When the first relay on its way says that it took it.
    pub first_taken: Option<Moment>,
    /// The text; HTML is made text, its cells divided by tabs.
    pub body: Text,
    /// What is attached.
    pub attachments: Vec<Attachment>,
    /// It was written by a mail system about mail: a bounce, an absence.
    pub is_automatic: bool,
    /// What could not be read of it, because of a limit or because it is broken.
    pub faults: Vec<Fault>,
}

/// Something attached to a [`Letter`].
#[derive(Clone, Debug, Default)]
pub struct Attachment {
    /// Its file name; may be empty.
    pub name: String,
    /// Its text, if it is of a kind that has one.
    pub text: Option<Text>,
}

/// What could not be read of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no header at all.
    NoMail,
    /// The headers are larger than is read.
    Headers,
    /// There are more parts than are looked at.
    Parts,
    /// Parts lie deeper in one another than is looked at.
    Depth,
    /// A text is longer than is read.
    Text,
    /// A text is longer than is read; its first and last lines were.
    Middle,
    /// A packed attachment is broken, too large, or holds packed ones.
    Packed,
    /// It says that it has parts, and does not say where they begin or has none.
    Broken,
    /// It was too large to be handed over whole, or could not be read to its end.
    Cut,
}

impl Fault {
    /// For people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoMail => "it has no headers",
            Self::Headers => "its headers are larger than is read",
            Self::Parts => "it has more parts than are looked at",
            Self::Depth => "its parts lie deeper in one another than is looked at",
            Self::Text => "its text is longer than is read",
            Self::Middle => "its text is longer than is read, and has no middle",
            Self::Packed => "a packed attachment is broken, too large, or holds packed ones",
            Self::Broken => "it says that it has parts, and they cannot be found",
            Self::Cut => "it was not handed over whole",
        }
    }
}

impl Letter {
    /// The first header called `name`, written in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|it| it.0 == name).map(|it| &*it.1)
    }
}
