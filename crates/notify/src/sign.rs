//! Signatures by Standard Webhooks 1.0.0: `id.timestamp.body` by HMAC-SHA256.
//!
//! Several secrets sign at once, so that a receiver can be moved from one to the next without a
//! message being refused.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD as BASE64, STANDARD_PAD_INDIFFERENT as BASE64_OF_SECRETS},
};
use ring::hmac;

/// Bytes of a secret: fewer can be guessed.
const SECRET_BYTES_MIN: usize = 24;
/// More than the standard allows to receivers.
const SECRET_BYTES_MAX: usize = 64;
/// Secrets of one channel: the old one, the new one, and room.
const SECRETS_MAX: usize = 8;

/// The secrets of one receiver.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signer {
    keys: Vec<hmac::Key>,
}

impl Signer {
    /// Takes secrets as `whsec_` and Base64.
    ///
    /// # Errors
    /// What is wrong, without a word of the secret.
    pub(crate) fn new(secrets: &[&str]) -> Result<Self, String> {
        if secrets.len() > SECRETS_MAX {
            return Err(format!("holds more than {SECRETS_MAX} secrets"));
        }
        let keys = secrets.iter().map(|it| key(it)).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// The value of `webhook-signature`; `None` without a secret.
    pub(crate) fn signature(&self, id: &str, timestamp: u64, body: &[u8]) -> Option<String> {
        let mut signed = format!("{id}.{timestamp}.").into_bytes();
        signed.extend_from_slice(body);
        let each = self.keys.iter().map(|key| {
            let tag = hmac::sign(key, &signed);
            format!("v1,{}", BASE64.encode(tag.as_ref()))
        });
        let all: Vec<String> = each.collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

fn key(secret: &str) -> Result<hmac::Key, String> {
    let coded = secret.trim().strip_prefix("whsec_").ok_or("does not begin with `whsec_`")?;
    let bytes = BASE64_OF_SECRETS.decode(coded).map_err(|_| "is not Base64 after `whsec_`")?;
    if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
        return Err(format!(
            "has {} bytes, but must have {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}",
            bytes.len()
        ));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    const OTHER: &str = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=";

    #[test]
    fn the_vector_of_the_standard_holds() {
        let signer = Signer::new(&[SECRET]).unwrap();
        let signature = signer.signature("msg_1", 1_674_087_231, br#"{"a":1}"#).unwrap();
        assert_eq!(signature, "v1,8zQW9pUHrc0r3jrwYyOkMS/kFOAuZlkJutZDyKI/JEg=");
    }

    #[test]
    fn each_secret_signs_so_that_they_can_be_rotated() {
        let both = Signer::new(&[OTHER, SECRET]).unwrap();
        let signature = both.signature("msg_1", 1_674_087_231, br#"{"a":1}"#).unwrap();
        let parts: Vec<&str> = signature.split(' ').collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1], "v1,8zQW9pUHrc0r3jrwYyOkMS/kFOAuZlkJutZDyKI/JEg=");
        assert_ne!(parts[0], parts[1]);
        assert_eq!(Signer::default().signature("a", 1, b""), None);
    }

    #[test]
    fn bad_secrets_are_refused_and_not_repeated() {
        for wrong in ["secretsecret", "whsec_!!!", "whsec_c2hvcnQ="] {
            let fault = Signer::new(&[wrong]).unwrap_err();
            assert!(!fault.contains(wrong), "{fault}");
        }
    }
}
