//! Closed sets of words: each is an enum, and each of its values has one word, the same in rows, in
//! the API, in metrics and on the command line.

/// An enum whose values have words.
macro_rules! words {
    (
        $(#[$on:meta])*
        pub enum $name:ident {
            $($(#[doc = $doc:literal])+ $value:ident = $word:literal,)+
        }
    ) => {
        $(#[$on])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $value,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// The word for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }

            /// The one that `word` names.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.word() == word)
            }
        }
    };
}
pub(crate) use words;
