//! Tokens: how their secrets are made, kept and recognised.
//!
//! A token is shown once as `cmp_ID_SECRET`. Only SHA-256 of the secret is kept: it is 256 random
//! bits, so nothing slower than a plain hash is needed, and no hash can be turned back.

use std::{collections::BTreeMap, fmt, hint::black_box, sync::Arc};

use arc_swap::ArcSwap;
use model::{Moment, NoteId, Token};
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Characters that show them.
const SECRET_CHARS: usize = 43;
const PREFIX: &str = "cmp_";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// A new secret: 43 characters with 256 random bits.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_secret() -> Result<String, NoRandomness> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(base64url(&bytes))
}

/// What is kept of a secret.
#[must_use]
pub fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    hash
}

/// The text that its holder shows: `cmp_ID_SECRET`.
#[must_use]
pub fn text(id: NoteId, secret: &str) -> String {
    format!("{PREFIX}{id}_{secret}")
}

/// The id and the secret in a token's text; `None` if it is no such text.
#[must_use]
pub fn parse(text: &str) -> Option<(NoteId, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_secret = secret.len() == SECRET_CHARS && secret.bytes().all(|it| ALPHABET.contains(&it));
    let is_number = !id.is_empty() && id.bytes().all(|it| it.is_ascii_digit());
    let id = id.parse().ok().filter(|_| is_number && is_secret)?;
    Some((NoteId(id), secret))
}

/// Without padding.
fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, it| word << 8 | u32::from(*it));
        let word = word << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let digit = word >> (18 - 6 * place) & 63;
            text.push(char::from(ALPHABET[digit as usize]));
        }
    }
    text
}

/// Why a token does not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEntry {
    /// There is none, or its secret is wrong.
    Forged,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// All tokens, as they are known now. Read at every request, replaced after every change.
#[derive(Default)]
pub struct Tokens(ArcSwap<BTreeMap<u64, Arc<Token>>>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.load().len()).finish()
    }
}

impl Tokens {
    /// From now on there are these.
    pub fn replace(&self, tokens: impl IntoIterator<Item = Token>) {
        let map = tokens.into_iter().map(|it| (it.id.0, Arc::new(it))).collect();
        self.0.store(Arc::new(map));
    }

    /// Is there none that would let in at `now`? Then the engine makes the first one.
    #[must_use]
    pub fn is_empty(&self, now: Moment) -> bool {
        !self.0.load().values().any(|it| standing(it, now).is_ok())
    }

    /// The token that `shown` is.
    pub(crate) fn find(&self, shown: &str, now: Moment) -> Result<Arc<Token>, NoEntry> {
        let (id, secret) = parse(shown).ok_or(NoEntry::Forged)?;
        let found = self.0.load().get(&id.0).cloned();
        // An unknown id costs as much time as a wrong secret.
        let kept = found.as_ref().map_or([0; 32], |it| it.hash);
        let same = same(&hash(secret), &kept);
        let token = found.filter(|_| same).ok_or(NoEntry::Forged)?;
        standing(&token, now)?;
        Ok(token)
    }

    /// Does it still let in?
    pub(crate) fn holds(&self, id: NoteId, now: Moment) -> bool {
        self.0.load().get(&id.0).is_some_and(|it| standing(it, now).is_ok())
    }
}

fn standing(token: &Token, now: Moment) -> Result<(), NoEntry> {
    match () {
        () if token.revoked_at.is_some() => Err(NoEntry::Revoked),
        () if token.expires_at.is_some_and(|it| it <= now) => Err(NoEntry::Expired),
        () => Ok(()),
    }
}

/// Compares in a time that does not tell where the first difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    black_box(a.iter().zip(b).fold(0, |sum, (a, b)| black_box(sum | (a ^ b)))) == 0
}

#[cfg(test)]
mod tests {
    use model::TokenScope;

    use super::*;

    fn token(id: u64, secret: &str) -> Token {
        Token {
            id: NoteId(id),
            name: "anna".into(),
            hash: hash(secret),
            scopes: vec![TokenScope::Read],
            customers: None,
            made_at: Moment::from_secs(1),
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn bytes_are_shown_as_rfc_4648_has_it() {
        for (bytes, shown) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")]
        {
            assert_eq!(base64url(bytes.as_bytes()), shown);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn the_hash_is_sha_256() {
        let hex: String = hash("abc").iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_text_is_read_back_and_nothing_else_is() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.len(), SECRET_CHARS);
        assert_ne!(secret, new_secret().unwrap());
        let shown = text(NoteId(7), &secret);
        assert_eq!(parse(&shown), Some((NoteId(7), secret.as_str())));
        for wrong in [
            String::new(),
            secret.clone(),
            format!("cmp__{secret}"),
            format!("cmp_+7_{secret}"),
            format!("cmp_x_{secret}"),
            format!("cmp_7_{secret}A"),
            format!("cmp_99999999999999999999_{secret}"),
            format!("cmp_7_{}", "ä".repeat(SECRET_CHARS / 2)),
            shown.replace("cmp", "CMP"),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_a_living_token_lets_in() {
        let (good, other) = (new_secret().unwrap(), new_secret().unwrap());
        let now = Moment::from_secs(100);
        let tokens = Tokens::default();
        assert!(tokens.is_empty(now));
        let over = Token { expires_at: Some(now), ..token(2, &good) };
        let revoked = Token { revoked_at: Some(now), ..token(3, &good) };
        tokens.replace([over.clone(), revoked.clone()]);
        assert!(tokens.is_empty(now), "what lets nobody in counts as none");
        tokens.replace([token(1, &good), over, revoked]);
        let find = |id, secret: &str| tokens.find(&text(NoteId(id), secret), now).map(|it| it.id.0);
        assert_eq!(find(1, &good), Ok(1));
        assert_eq!(find(1, &other), Err(NoEntry::Forged));
        assert_eq!(find(9, &good), Err(NoEntry::Forged));
        assert_eq!(find(2, &good), Err(NoEntry::Expired));
        assert_eq!(find(2, &other), Err(NoEntry::Forged), "whoever has no secret learns nothing");
        assert_eq!(find(3, &good), Err(NoEntry::Revoked));
    }
}
