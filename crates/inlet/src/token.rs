//! Secret addresses: which recipient or ping belongs to which job, without anybody having to keep a
//! list.
//!
//! A token is made from the installation's key and the job's secret id, so it survives a rename of
//! everything else, cannot be guessed, and needs no table. It is compared without regard to case,
//! because mail systems do not keep that.

use ring::hmac;

/// Characters of a token: 130 bits.
pub const TOKEN_CHARS: usize = 26;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The token of the job with this secret id and number.
#[must_use]
pub fn token(key: &[u8], id: &str, number: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut text = Vec::with_capacity(id.len() + 8);
    text.extend_from_slice(id.as_bytes());
    text.push(0);
    text.extend_from_slice(number.to_string().as_bytes());
    let tag = hmac::sign(&key, &text);
    base32(tag.as_ref())
}

/// The first [`TOKEN_CHARS`] characters.
fn base32(bytes: &[u8]) -> String {
    let bit = |place: usize| bytes.get(place / 8).is_some_and(|it| it >> (7 - place % 8) & 1 == 1);
    let letter = |at: usize| {
        let value = (0..5).fold(0_usize, |sum, it| sum << 1 | usize::from(bit(at * 5 + it)));
        char::from(ALPHABET[value])
    };
    (0..TOKEN_CHARS).map(letter).collect()
}

/// What may be a token in the local part of an address: behind the `+`, or before the first dot.
#[must_use]
pub fn in_local_part(local: &str) -> Option<String> {
    let behind = local.split_once('+').map_or(local, |it| it.1);
    let found = behind.split(['.', '+', '-']).next().unwrap_or("").to_ascii_lowercase();
    let is_token = found.len() == TOKEN_CHARS && found.bytes().all(|it| ALPHABET.contains(&it));
    is_token.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_in_every_shape_of_address_and_case() {
        let token = token(b"key", "acme/nas", 0);
        assert_eq!(token.len(), TOKEN_CHARS);
        for local in [
            token.clone(),
            token.to_uppercase(),
            format!("backup+{token}"),
            format!("BACKUP+{}", token.to_uppercase()),
            format!("{token}.acme-nas"),
            format!("backup+{token}.nightly"),
        ] {
            assert_eq!(in_local_part(&local).as_deref(), Some(&*token), "{local}");
        }
        for local in ["backup", "", "backup+acme", &token[1..], "a+b+c"] {
            assert_eq!(in_local_part(local), None, "{local}");
        }
    }

    #[test]
    fn another_job_number_or_key_has_another_token() {
        let all = [
            token(b"key", "acme/nas", 0),
            token(b"key", "acme/nas", 1),
            token(b"key", "acme/nas2", 0),
            token(b"kez", "acme/nas", 0),
            // The number is no part of the id.
            token(b"key", "acme/nas\x001", 0),
        ];
        for (place, it) in all.iter().enumerate() {
            assert!(!all[..place].contains(it));
        }
    }
}
