//! Where a command ends.
//!
//! Only CR and LF together end a line. Servers that take either of them alone can be made to see
//! two mails where the server before them saw one, so whoever sends either of them alone is cut off.

/// What lies at the begin of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Not yet a whole line.
    Part,
    /// A line of so many bytes, with its end.
    Whole(usize),
    /// Something that no line may have.
    Flawed(Flaw),
}

/// What neither commands nor mails may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// CR without LF.
    BareCr,
    /// LF without CR.
    BareLf,
    /// A byte of zero.
    Nul,
    /// A command without an end in sight.
    Long,
}

/// The first line of `input`, which has at most `bytes_max` bytes with its end.
pub(super) fn first(input: &[u8], bytes_max: usize) -> Line {
    let mark = input.iter().position(|it| matches!(it, b'\r' | b'\n' | 0));
    match mark.map(|at| (at, input[at], input.get(at + 1))) {
        Some((at, ..)) if at + 2 > bytes_max => Line::Flawed(Flaw::Long),
        Some((_, 0, _)) => Line::Flawed(Flaw::Nul),
        Some((_, b'\n', _)) => Line::Flawed(Flaw::BareLf),
        Some((at, _, Some(b'\n'))) => Line::Whole(at + 2),
        Some((_, _, Some(_))) => Line::Flawed(Flaw::BareCr),
        None if input.len() + 2 > bytes_max => Line::Flawed(Flaw::Long),
        Some((_, _, None)) | None => Line::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_both_together_end_a_line() {
        for (input, found) in [
            ("", Line::Part),
            ("NOOP", Line::Part),
            ("NOOP\r", Line::Part),
            ("NOOP\r\n", Line::Whole(6)),
            ("\r\n", Line::Whole(2)),
            ("NOOP\r\nQUIT\r\n", Line::Whole(6)),
            ("NOOP\n", Line::Flawed(Flaw::BareLf)),
            ("NOOP\n\r\n", Line::Flawed(Flaw::BareLf)),
            ("NO\rOP\r\n", Line::Flawed(Flaw::BareCr)),
            ("NOOP\r\r\n", Line::Flawed(Flaw::BareCr)),
            ("NO\0OP\r\n", Line::Flawed(Flaw::Nul)),
            ("NOOP\r\0", Line::Flawed(Flaw::BareCr)),
        ] {
            assert_eq!(first(input.as_bytes(), 12), found, "{input:?}");
        }
    }

    #[test]
    fn a_line_of_full_length_is_whole_and_one_byte_more_is_too_long() {
        let line = |bytes: usize| [vec![b'x'; bytes - 2], b"\r\n".to_vec()].concat();
        assert_eq!(first(&line(12), 12), Line::Whole(12));
        assert_eq!(first(&line(13), 12), Line::Flawed(Flaw::Long));
        assert_eq!(first(&[b'x'; 10], 12), Line::Part);
        assert_eq!(first(&[b'x'; 11], 12), Line::Flawed(Flaw::Long));
    }
}
