//! A hash that means the same thing for ever.

/// FNV-1a of `text`, then mixed so that neighbours land far apart.
///
/// The phase of a check and the shard of a host follow from it, so it must never change between
/// versions. Sources: FNV (Fowler, Noll, Vo); the finisher of SplitMix64 (Steele, Lea, Flood).
#[must_use]
pub fn stable_hash(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_changes() {
        assert_eq!(stable_hash("acme/web/http"), 0x697c_dceb_8989_b64d);
        assert_eq!(stable_hash(""), 0xf52a_15e9_a9b5_e89b);
    }
}
