//! How words are written in commands: names of folders, and credentials.

use base64::{
    Engine as _, alphabet,
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};

/// Base64 as it stands in names of folders.
const IN_NAMES: GeneralPurpose = GeneralPurpose::new(&alphabet::IMAP_MUTF7, NO_PAD);

/// The name of a folder as a server takes it: modified UTF-7 of RFC 3501, in quotes. `None` if it
/// holds what no name can.
pub(super) fn folder(name: &str) -> Option<String> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return None;
    }
    let mut quoted = String::from("\"");
    let mut foreign: Vec<u16> = Vec::new();
    for it in name.chars() {
        if !(' '..='~').contains(&it) {
            foreign.extend_from_slice(it.encode_utf16(&mut [0; 2]));
            continue;
        }
        flush(&mut foreign, &mut quoted);
        match it {
            '&' => quoted.push_str("&-"),
            '"' | '\\' => quoted.extend(['\\', it]),
            _ => quoted.push(it),
        }
    }
    flush(&mut foreign, &mut quoted);
    quoted.push('"');
    Some(quoted)
}

/// Ends a run of characters that ASCII does not have.
fn flush(foreign: &mut Vec<u16>, into: &mut String) {
    if foreign.is_empty() {
        return;
    }
    let bytes: Vec<u8> = foreign.drain(..).flat_map(u16::to_be_bytes).collect();
    into.push('&');
    IN_NAMES.encode_string(&bytes, into);
    into.push('-');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_as_servers_take_them() {
        assert_eq!(folder("INBOX").unwrap(), r#""INBOX""#);
        assert_eq!(folder(r#"a "b" \c & d"#).unwrap(), r#""a \"b\" \\c &- d""#);
        // The example of RFC 3501, section 5.1.3.
        assert_eq!(
            folder("~peter/mail/台北/日本語").unwrap(),
            r#""~peter/mail/&U,BTFw-/&ZeVnLIqe-""#
        );
        assert_eq!(folder("Entwürfe").unwrap(), r#""Entw&APw-rfe""#);
        assert_eq!(folder("a\u{1f4e7}").unwrap(), r#""a&2D3c5w-""#);
        for bad in ["", "a\r\nb", "a\0", "a\u{85}"] {
            assert_eq!(folder(bad), None);
        }
    }
}
