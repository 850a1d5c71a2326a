//! Decimal numbers without rounding: `1.5s` is exactly 1,500,000,000 nanoseconds.

/// More digits in one number are refused. 10^18 times the nanoseconds of a week fits 128 bits.
const DIGITS_MAX: usize = 18;

/// A number as it was written: `mantissa / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: u128,
    scale: u32,
}

impl Decimal {
    /// Reads `12` or `1.5` off the front of `text`; also says how many bytes that took. `None` if
    /// no number begins there, or if it has too many digits.
    #[must_use]
    pub fn read(text: &str) -> Option<(Self, usize)> {
        let whole = digits(text);
        let behind = &text[whole..];
        let fraction = behind.strip_prefix('.').map_or(0, digits);
        if whole == 0 || whole + fraction > DIGITS_MAX {
            return None;
        }
        let length = if fraction == 0 { whole } else { whole + 1 + fraction };
        let mantissa = text[..length].bytes().filter(u8::is_ascii_digit);
        let mantissa = mantissa.fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        Some((Self { mantissa, scale: u32::try_from(fraction).ok()? }, length))
    }

    /// Is anything behind the point?
    #[must_use]
    pub fn has_fraction(self) -> bool {
        self.scale > 0
    }

    /// `self * unit` if that is a whole number.
    #[must_use]
    pub fn times(self, unit: u128) -> Option<u128> {
        let (product, divisor) = (self.mantissa.checked_mul(unit)?, 10_u128.pow(self.scale));
        (product % divisor == 0).then(|| product / divisor)
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_off_the_front_and_multiplied_exactly() {
        let (half, length) = Decimal::read("1.50s").expect("a number");
        assert_eq!((half.times(1_000), length), (Some(1_500), 4));
        let (third, _) = Decimal::read("0.333").expect("a number");
        assert_eq!((third.times(100), third.times(1_000)), (None, Some(333)));
        assert_eq!(Decimal::read("7.x").map(|it| it.1), Some(1));
        assert_eq!(Decimal::read(".5"), None);
        assert_eq!(Decimal::read("1234567890123456789"), None);
    }
}
