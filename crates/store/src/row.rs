//! Beliefs as rows, and back.

use model::{Belief, Cause, CauseCode, Look, Moment, StateType, Status, ThresholdMemory};
use rusqlite::{CachedStatement, Row, types::Type};

/// Which owner writes; stays 1 until a file can change hands between machines.
const EPOCH: i64 = 1;

/// Bytes of one [`ThresholdMemory`]: eight of `since`, one of `raised`.
const THRESHOLD_BYTES: usize = 9;

/// Puts a belief in place of what is there.
pub(crate) const PUT_STATE: &str = "
    INSERT INTO state (checkable, status, hard, attempt, known, hard_status, flapping, history,
        since, hard_since, attempt_at, host_was_down, thresholds, cause_code, cause_text, epoch, sum,
        rules_hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
    ON CONFLICT (checkable) DO UPDATE SET
        status = excluded.status, hard = excluded.hard, attempt = excluded.attempt,
        known = excluded.known, hard_status = excluded.hard_status, flapping = excluded.flapping,
        history = excluded.history, since = excluded.since, hard_since = excluded.hard_since,
        attempt_at = excluded.attempt_at, host_was_down = excluded.host_was_down,
        thresholds = excluded.thresholds, cause_code = excluded.cause_code,
        cause_text = excluded.cause_text, epoch = excluded.epoch, sum = excluded.sum,
        rules_hash = excluded.rules_hash";

/// Every belief with the name it is about; the columns that [`read_belief`] expects.
pub(crate) const GET_STATES: &str = "
    SELECT state.checkable, status, hard, attempt, known, hard_status, flapping, history,
        since, hard_since, attempt_at, host_was_down, thresholds, cause_code, cause_text,
        state.sum, checkable.name, checkable.sum, rules_hash
    FROM state LEFT JOIN checkable ON checkable.id = state.checkable
    ORDER BY state.checkable";

/// The belief about one name, in the same columns.
pub(crate) const GET_STATE: &str = "
    SELECT state.checkable, status, hard, attempt, known, hard_status, flapping, history,
        since, hard_since, attempt_at, host_was_down, thresholds, cause_code, cause_text,
        state.sum, checkable.name, checkable.sum, rules_hash
    FROM checkable JOIN state ON state.checkable = checkable.id
    WHERE checkable.name = ?1";

/// A hash over values, to notice a flipped bit. FNV-1a: any single changed byte changes it.
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn of(bytes: &[u8]) -> i64 {
        Self(0xcbf2_9ce4_8422_2325).bytes(bytes).0.cast_signed()
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    fn number(self, number: i64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// Its length goes in too, so that a byte cannot move from one text to the next.
    fn blob(self, bytes: Option<&[u8]>) -> Self {
        let length = bytes.map_or(-1, |it| i64::try_from(it.len()).unwrap_or(i64::MAX));
        self.number(length).bytes(bytes.unwrap_or_default())
    }
}

/// The columns of a state row, as SQLite knows them.
struct Columns<'a> {
    /// checkable, status, hard, attempt, known, hard_status, flapping, history, since,
    /// hard_since, attempt_at, host_was_down
    numbers: [i64; 12],
    thresholds: &'a [u8],
    cause_code: Option<&'a str>,
    cause_text: Option<&'a str>,
    rules_hash: i64,
}

impl Columns<'_> {
    fn sum(&self) -> i64 {
        let mut sum = Sum(0xcbf2_9ce4_8422_2325);
        for number in self.numbers {
            sum = sum.number(number);
        }
        // The first schema had no such column: without rules a sum is as it was then.
        if self.rules_hash != 0 {
            sum = sum.number(self.rules_hash);
        }
        sum.blob(Some(self.thresholds))
            .blob(self.cause_code.map(str::as_bytes))
            .blob(self.cause_text.map(str::as_bytes))
            .0
            .cast_signed()
    }
}

/// Writes `belief` about the checkable in row `id`; its threshold memory belongs to `rules`.
pub(crate) fn put_belief(
    statement: &mut CachedStatement<'_>,
    id: i64,
    belief: &Belief,
    rules: u64,
) -> rusqlite::Result<()> {
    let thresholds = encode_thresholds(&belief.thresholds);
    let (cause_code, cause_text) = split_cause(belief.cause.as_ref());
    let columns = Columns {
        numbers: [
            id,
            belief.now.status.number().into(),
            (belief.now.kind == StateType::Hard).into(),
            belief.now.attempt.into(),
            belief.known.into(),
            belief.hard_status.number().into(),
            belief.flapping.into(),
            belief.history.cast_signed(),
            stored(belief.since),
            stored(belief.hard_since),
            stored(belief.attempt_at),
            belief.host_was_down.into(),
        ],
        thresholds: &thresholds,
        cause_code,
        cause_text,
        rules_hash: rules.cast_signed(),
    };
    for (index, number) in columns.numbers.into_iter().enumerate() {
        statement.raw_bind_parameter(index + 1, number)?;
    }
    statement.raw_bind_parameter(13, columns.thresholds)?;
    statement.raw_bind_parameter(14, columns.cause_code)?;
    statement.raw_bind_parameter(15, columns.cause_text)?;
    statement.raw_bind_parameter(16, EPOCH)?;
    statement.raw_bind_parameter(17, columns.sum())?;
    statement.raw_bind_parameter(18, columns.rules_hash)?;
    statement.raw_execute().map(|_| ())
}

/// A belief as it was kept.
pub(crate) struct KeptBelief {
    pub(crate) name: String,
    pub(crate) belief: Belief,
    /// The rules that its threshold memory belongs to; 0 if nobody said.
    pub(crate) rules: u64,
}

/// Reads a row of [`GET_STATES`].
///
/// # Errors
/// Any error means that the row is not one that [`put_belief`] wrote.
pub(crate) fn read_belief(row: &Row<'_>) -> rusqlite::Result<KeptBelief> {
    let mut numbers = [0; 12];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = row.get(index)?;
    }
    let columns = Columns {
        numbers,
        thresholds: row.get_ref(12)?.as_blob()?,
        cause_code: row.get_ref(13)?.as_str_or_null()?,
        cause_text: row.get_ref(14)?.as_str_or_null()?,
        rules_hash: row.get(18)?,
    };
    let name: String = row.get(16)?;
    if row.get::<_, i64>(15)? != columns.sum() {
        return Err(broken(15, "a state does not match its sum"));
    }
    if row.get::<_, i64>(17)? != Sum::of(name.as_bytes()) {
        return Err(broken(17, "a name does not match its sum"));
    }
    let rules = columns.rules_hash.cast_unsigned();
    Ok(KeptBelief { name, belief: belief_of(&columns)?, rules })
}

fn belief_of(columns: &Columns<'_>) -> rusqlite::Result<Belief> {
    let numbers = columns.numbers;
    Ok(Belief {
        now: read_look(numbers[1], numbers[2], numbers[3])?,
        known: numbers[4] != 0,
        hard_status: read_status(numbers[5])?,
        flapping: numbers[6] != 0,
        history: numbers[7].cast_unsigned(),
        since: moment(numbers[8]),
        hard_since: moment(numbers[9]),
        attempt_at: moment(numbers[10]),
        host_was_down: numbers[11] != 0,
        thresholds: decode_thresholds(columns.thresholds)
            .ok_or_else(|| broken(12, "thresholds of a wrong length"))?,
        cause: join_cause(columns.cause_code, columns.cause_text),
    })
}

/// A moment as a column.
pub(crate) fn stored(moment: Moment) -> i64 {
    moment.as_nanos().cast_signed()
}

/// A moment as a column that is compared: one beyond the columns' range is the last there is.
pub(crate) fn ordered(moment: Moment) -> i64 {
    i64::try_from(moment.as_nanos()).unwrap_or(i64::MAX)
}

/// A column as a moment.
pub(crate) fn moment(column: i64) -> Moment {
    Moment::from_nanos(column.cast_unsigned())
}

/// A cause as its two columns.
pub(crate) fn split_cause(cause: Option<&Cause>) -> (Option<&'static str>, Option<&str>) {
    (cause.map(|it| it.code.word()), cause.map(|it| &*it.text))
}

/// Two columns as a cause. A word that is not known here was written by a newer version that has
/// more causes: it stays a cause, and its text tells the rest.
pub(crate) fn join_cause(code: Option<&str>, text: Option<&str>) -> Option<Cause> {
    let word = code?;
    let code = CauseCode::ALL.iter().find(|it| it.word() == word);
    let text = Box::from(text.unwrap_or_default());
    Some(Cause { code: code.copied().unwrap_or(CauseCode::Internal), text })
}

/// Three columns as a look.
pub(crate) fn read_look(status: i64, hard: i64, attempt: i64) -> rusqlite::Result<Look> {
    Ok(Look {
        status: read_status(status)?,
        kind: if hard == 0 { StateType::Soft } else { StateType::Hard },
        attempt: u8::try_from(attempt).map_err(|_| broken(0, "an attempt out of range"))?,
    })
}

/// A column as a status.
pub(crate) fn read_status(number: i64) -> rusqlite::Result<Status> {
    u8::try_from(number)
        .ok()
        .and_then(Status::from_number)
        .ok_or_else(|| broken(0, "a status that does not exist"))
}

/// The error for a value that nobody wrote.
pub(crate) fn broken(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, what.into())
}

fn encode_thresholds(thresholds: &[ThresholdMemory]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(thresholds.len() * THRESHOLD_BYTES);
    for threshold in thresholds {
        bytes.extend(threshold.since.as_nanos().to_le_bytes());
        bytes.push(threshold.raised.into());
    }
    bytes
}

fn decode_thresholds(bytes: &[u8]) -> Option<Vec<ThresholdMemory>> {
    let (whole, rest) = bytes.as_chunks::<THRESHOLD_BYTES>();
    let one = |chunk: &[u8; THRESHOLD_BYTES]| {
        let (since, raised) = chunk.split_first_chunk().expect("nine bytes begin with eight");
        let since = Moment::from_nanos(u64::from_le_bytes(*since));
        ThresholdMemory { since, raised: raised != [0] }
    };
    rest.is_empty().then(|| whole.iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_moves_changes_the_sum() {
        let sum = |code, text| {
            let numbers = [0; 12];
            let (thresholds, rules_hash) = (&[][..], 0);
            Columns { numbers, thresholds, cause_code: code, cause_text: text, rules_hash }.sum()
        };
        assert_ne!(sum(Some("ab"), Some("c")), sum(Some("a"), Some("bc")));
        assert_ne!(sum(None, None), sum(None, Some("")));
    }

    #[test]
    fn a_cause_of_the_future_stays_a_cause() {
        let cause = join_cause(Some("quantum-noise"), Some("seen twice")).unwrap();
        assert_eq!(cause.code, CauseCode::Internal);
        assert_eq!(&*cause.text, "seen twice");
        assert_eq!(join_cause(None, Some("left over")), None);
    }

    #[test]
    fn thresholds_of_a_wrong_length_are_refused() {
        let one = [ThresholdMemory { since: Moment::from_secs(7), raised: true }];
        let bytes = encode_thresholds(&one);
        assert_eq!(decode_thresholds(&bytes).as_deref(), Some(&one[..]));
        assert_eq!(decode_thresholds(&bytes[..8]), None);
    }
}
