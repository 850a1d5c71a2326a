//! Texts that targets sent, each kept once.
//!
//! A measurement that is a text (a TLS version, the word of an enumeration) is the same for
//! thousands of services. A cell keeps only a hash of it, in the place where a number would be,
//! and this table keeps the text once with the count of cells that show it.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::names::clean;

/// Longest text that is shown, in bytes: it becomes a label value.
const TEXT_BYTES_MAX: usize = 128;

/// Slots with all of these bits set hold the hash of a text; as a number they would be a negative
/// NaN, which no measurement is stored as.
const TAG: u64 = 0xfff8_0000_0000_0000;

/// What a slot holds when there is no value.
pub(crate) const ABSENT: u64 = f64::NAN.to_bits();

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Slot {
    /// Nothing was measured.
    Absent,
    /// A number.
    Number(f64),
    /// A text, by its key in [`Texts`].
    Text(u64),
}

impl Slot {
    pub(crate) fn of(bits: u64) -> Self {
        match bits {
            _ if bits & TAG == TAG => Self::Text(bits),
            _ if f64::from_bits(bits).is_nan() => Self::Absent,
            _ => Self::Number(f64::from_bits(bits)),
        }
    }

    /// The bits of `number`; any NaN is no value.
    pub(crate) fn bits(number: f64) -> u64 {
        if number.is_nan() { ABSENT } else { number.to_bits() }
    }
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    // Keyed by chance, so that no target can choose texts that collide.
    hasher: RandomState,
    kept: Mutex<HashMap<u64, Kept>>,
}

#[derive(Debug)]
struct Kept {
    text: Arc<str>,
    uses: u32,
}

impl Texts {
    /// The key of `text`, without a look into the table.
    pub(crate) fn key(&self, text: &str) -> u64 {
        self.hasher.hash_one(cut(text)) | TAG
    }

    /// One cell more shows `text`, whose key is `key`.
    pub(crate) fn take(&self, key: u64, text: &str) {
        let mut kept = self.lock();
        let entry = kept.entry(key).or_insert_with(|| {
            let text: String = cut(text).chars().map(clean).collect();
            Kept { text: Arc::from(text), uses: 0 }
        });
        entry.uses += 1;
    }

    /// One cell fewer shows the text of `key`.
    pub(crate) fn leave(&self, key: u64) {
        let mut kept = self.lock();
        if let Some(entry) = kept.get_mut(&key) {
            entry.uses -= 1;
            if entry.uses == 0 {
                kept.remove(&key);
            }
        }
    }

    /// The text of `key`, unless the last cell has just left it.
    pub(crate) fn get(&self, key: u64) -> Option<Arc<str>> {
        self.lock().get(&key).map(|it| Arc::clone(&it.text))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_looks_like_a_text() {
        for number in [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN, f64::MAX] {
            assert_eq!(Slot::of(Slot::bits(number)), Slot::Number(number));
        }
        for nan in [f64::NAN, -f64::NAN, f64::from_bits(u64::MAX)] {
            assert_eq!(Slot::of(Slot::bits(nan)), Slot::Absent);
        }
    }

    #[test]
    fn a_text_is_kept_once_and_as_long_as_it_is_shown() {
        let texts = Texts::default();
        let key = texts.key("TLS 1.3");
        assert_eq!(Slot::of(key), Slot::Text(key));
        texts.take(key, "TLS 1.3");
        texts.take(key, "TLS 1.3");
        assert_eq!(texts.len(), 1);
        texts.leave(key);
        assert_eq!(texts.get(key).as_deref(), Some("TLS 1.3"));
        texts.leave(key);
        assert_eq!(texts.get(key), None);
        assert_eq!(texts.len(), 0);
    }

    #[test]
    fn a_long_text_is_cut_and_still_the_same_text() {
        let texts = Texts::default();
        let long = "ü".repeat(500);
        let key = texts.key(&long);
        texts.take(key, &long);
        assert_eq!(texts.get(key).unwrap().len(), TEXT_BYTES_MAX);
        assert_eq!(texts.key(&"ü".repeat(TEXT_BYTES_MAX / 2)), key);
    }
}
