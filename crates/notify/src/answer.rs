//! What an answer means: taken, later or never.

use std::time::Duration;

use hyper::StatusCode;
use jiff::fmt::rfc2822::DateTimeParser;
use model::{Delivery, Moment};

use crate::http::{Answer, Silence};

/// No receiver can silence us for longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// What became of a try, by the rules that hold unless a product has its own.
///
/// A redirect and most of 4xx stay what they are however often they are asked for. What is busy or
/// broken may not be later; who says how long is heard.
pub(crate) fn delivery(result: Result<Answer, Silence>) -> Delivery {
    match result {
        Ok(answer) => of_answer(&answer),
        Err(silence) => of_silence(silence),
    }
}

/// See [`delivery`].
pub(crate) fn of_answer(answer: &Answer) -> Delivery {
    let code = answer.code;
    if code.is_success() {
        Delivery::Taken
    } else if code.is_server_error() || is_busy(code) {
        later(answer)
    } else {
        Delivery::Never { fault: fault(answer) }
    }
}

/// See [`delivery`].
pub(crate) fn of_silence(silence: Silence) -> Delivery {
    let Silence { fault, may_have_arrived } = silence;
    Delivery::Later { fault, after: None, may_have_arrived }
}

/// The same for a product that says in its own words that it has taken something. Whoever else
/// answers 200, such as a page to log in at, has taken nothing; since nobody knows what is behind
/// it, the try counts as one that may have arrived.
pub(crate) fn confirmed(
    result: Result<Answer, Silence>,
    product: &str,
    is_taken: impl FnOnce(&Answer) -> bool,
) -> Delivery {
    match result {
        Ok(answer) if answer.code.is_success() && !is_taken(&answer) => {
            let fault = format!("{}, which is not how {product} takes it", fault(&answer));
            Delivery::Later { fault, after: answer.after, may_have_arrived: true }
        }
        result => delivery(result),
    }
}

/// Not now. The receiver said so, so it has not taken it.
pub(crate) fn later(answer: &Answer) -> Delivery {
    Delivery::Later { fault: fault(answer), after: answer.after, may_have_arrived: false }
}

fn is_busy(code: StatusCode) -> bool {
    matches!(
        code,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    )
}

/// The answer in words.
pub(crate) fn fault(answer: &Answer) -> String {
    let Answer { code, shown, snippet, .. } = answer;
    if code.is_redirection() {
        let to = answer.points_to.as_deref().unwrap_or("nowhere");
        return format!("{shown} answered {code}: it points to {to}, and is not followed");
    }
    let said = if snippet.is_empty() { String::new() } else { format!(": {snippet}") };
    format!("{shown} answered {code}{said}")
}

/// Reads `Retry-After`: seconds, or a date; never longer than an hour.
pub(crate) fn retry_after(text: &str, now: Moment) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        // Too many digits are a very long time.
        let secs = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(secs).min(RETRY_AFTER_MAX));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    let at = u64::try_from(date.as_second()).ok()?;
    Some(Moment::from_secs(at).since(now).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16) -> Delivery {
        let code = StatusCode::from_u16(code).unwrap();
        delivery(Ok(Answer {
            code,
            after: Some(Duration::from_secs(7)),
            points_to: None,
            body: hyper::body::Bytes::new(),
            shown: "https://noc.example".into(),
            snippet: "no".into(),
        }))
    }

    #[test]
    fn every_status_means_one_of_three_things() {
        for code in 200..600 {
            let delivery = answered(code);
            match code {
                200..300 => assert_eq!(delivery, Delivery::Taken, "{code}"),
                408 | 425 | 429 | 500.. => {
                    let Delivery::Later { after, may_have_arrived, .. } = delivery else {
                        panic!("{code}: {delivery:?}");
                    };
                    assert_eq!(after, Some(Duration::from_secs(7)));
                    assert!(!may_have_arrived, "{code}: the receiver says that it has not");
                }
                _ => assert!(matches!(delivery, Delivery::Never { .. }), "{code}: {delivery:?}"),
            }
        }
    }

    #[test]
    fn a_wish_to_be_left_alone_is_heard_in_both_forms_and_bounded() {
        let now = Moment::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        let secs = |text| retry_after(text, now).map(|it| it.as_secs());
        assert_eq!(secs("120"), Some(120));
        assert_eq!(secs(" 0 "), Some(0));
        assert_eq!(secs("99999999999999999999999"), Some(3600));
        assert_eq!(secs("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(secs("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(secs("Fri, 31 Dec 2100 23:59:59 GMT"), Some(3600));
        for wrong in ["", "-1", "soon", "1.5"] {
            assert_eq!(secs(wrong), None, "{wrong}");
        }
    }
}
