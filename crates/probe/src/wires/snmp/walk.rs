//! Finding a row of a table by its name: as much of walking as `hrStorage /data` needs.
//!
//! A walk believes nothing that does not lead forward: names must grow, rows and time are limited,
//! and the first name outside the column ends it. What was found is kept, and asked for together
//! with the values ever after, so that a row which moves is noticed in the very answer that would
//! have been wrong.

use std::{cell::RefCell, collections::HashMap, fmt, rc::Rc, sync::Arc};

use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, WeakShared},
};
use model::{Cause, CauseCode};
use tokio::time::{Instant, timeout_at};

use super::{
    Access, Agent, Answers, Inner, SnmpWire, exchange,
    message::{ErrorStatus, Operation, Value, Version},
    oid::Oid,
    round, silence,
};

/// Rows of one column; a table with more is read no further.
const ROWS_MAX: usize = 1_024;
/// Rows in one answer: 20 descriptions of 60 bytes fit one Ethernet frame.
const ROWS_PER_ANSWER: u8 = 20;
/// Rows of which we remember where they are; all are looked up again when there are more.
const PLACES_MAX: usize = 65_536;
/// Names that are listed in a message.
const NAMES_LISTED_MAX: usize = 8;

/// `hrStorageDescr`, `hrStorageSize` and `hrStorageUsed` of RFC 2790.
const DESCRIPTION: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 3];
const SIZE: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 5];
const USED: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 6];

type Column = Rc<Result<Vec<(u32, Box<[u8]>)>, Cause>>;

/// Where the rows are, and the walks that are under way.
#[derive(Default)]
pub(super) struct Places {
    known: RefCell<HashMap<(Agent, Arc<str>), u32>>,
    walks: RefCell<HashMap<Agent, WeakShared<LocalBoxFuture<'static, Column>>>>,
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Places({})", self.known.borrow().len())
    }
}

/// How full a storage is.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    /// 0 to 100.
    pub(crate) percent: f64,
    /// The request that brought it.
    pub(crate) answers: Answers,
}

/// See [`SnmpWire::storage`].
pub(super) async fn storage(
    wire: &SnmpWire,
    agent: &Agent,
    name: &str,
    deadline: Instant,
) -> Result<Storage, Cause> {
    let key = (agent.clone(), Arc::from(name));
    let known = wire.0.places.known.borrow().get(&key).copied();
    if let Some(row) = known
        && let Some(storage) = read(wire, agent, (name, row), deadline).await?
    {
        return Ok(storage);
    }
    wire.0.places.known.borrow_mut().remove(&key);
    let column = descriptions(wire, agent, deadline);
    let column = timeout_at(deadline, column).await.map_err(|_| silence(agent))?;
    let rows = column.as_ref().as_ref().map_err(Clone::clone)?;
    let row = find(rows, name).ok_or_else(|| unknown(rows, name))?;
    let storage = read(wire, agent, (name, row), deadline).await?;
    let storage = storage.ok_or_else(|| {
        let text = format!("the storage `{name}` is in one place, then in another");
        Cause::new(CauseCode::NoSuchObject, text)
    })?;
    let mut known = wire.0.places.known.borrow_mut();
    if known.len() >= PLACES_MAX {
        known.clear();
    }
    known.insert(key, row);
    Ok(storage)
}

/// What stands in `row`; `None` if that is not, or no longer, the row of `name`.
async fn read(
    wire: &SnmpWire,
    agent: &Agent,
    (name, row): (&str, u32),
    deadline: Instant,
) -> Result<Option<Storage>, Cause> {
    let objects = [DESCRIPTION, SIZE, USED].map(|it| cell(it, row));
    let answers = wire.get(agent, &objects, deadline).await?;
    let [description, size, used] = &answers.values[..] else {
        unreachable!("three objects have three answers")
    };
    let is_it = match description {
        Ok(Value::Bytes(bytes)) => is_called(bytes, name),
        Ok(_) => false,
        Err(cause) if cause.code == CauseCode::NoSuchObject => false,
        Err(cause) => return Err(cause.clone()),
    };
    if !is_it {
        return Ok(None);
    }
    let (size, used) = (blocks(size, "size")?, blocks(used, "used space")?);
    if size == 0.0 {
        return Err(Cause::new(CauseCode::Malformed, format!("the storage `{name}` has no size")));
    }
    Ok(Some(Storage { percent: 100.0 * used / size, answers }))
}

fn cell(column: &[u32], row: u32) -> Oid {
    Oid::new(&[column, &[row]].concat()).expect("the columns are well formed")
}

fn blocks(value: &Result<Value, Cause>, what: &str) -> Result<f64, Cause> {
    match value {
        // Sizes are 31 bits with a sign in the standard; what is negative has overflowed.
        Ok(Value::Integer(number)) => {
            let number = if *number < 0 { number + (1 << 32) } else { *number };
            u32::try_from(number).map(f64::from).map_err(|_| {
                Cause::new(CauseCode::Malformed, format!("the storage's {what} is out of range"))
            })
        }
        Ok(_) => {
            Err(Cause::new(CauseCode::Malformed, format!("the storage's {what} is no number")))
        }
        Err(cause) => Err(cause.clone()),
    }
}

/// Is this the description of what an operator calls `name`? Windows puts label and serial number
/// behind the letter of a drive: `C:\ Label:System  Serial Number 1a2b`.
fn is_called(description: &[u8], name: &str) -> bool {
    let name = name.as_bytes();
    let is_drive =
        matches!(name, [letter, b':'] | [letter, b':', b'\\'] if letter.is_ascii_alphabetic());
    description == name || (is_drive && description.starts_with(name))
}

fn find(rows: &[(u32, Box<[u8]>)], name: &str) -> Option<u32> {
    rows.iter().find(|(_, it)| is_called(it, name)).map(|(row, _)| *row)
}

fn unknown(rows: &[(u32, Box<[u8]>)], name: &str) -> Cause {
    let names = rows.iter().take(NAMES_LISTED_MAX).map(|(_, it)| String::from_utf8_lossy(it));
    let names = names.collect::<Vec<_>>().join(", ");
    let seen = match rows.len() {
        0 => "the agent has none".to_owned(),
        count if count > NAMES_LISTED_MAX => format!("the agent has {names} and more"),
        _ => format!("the agent has {names}"),
    };
    Cause::new(CauseCode::NoSuchObject, format!("no storage `{name}`; {seen}"))
}

/// All descriptions; who asks while a walk is under way shares it.
async fn descriptions(wire: &SnmpWire, agent: &Agent, deadline: Instant) -> Column {
    let under_way = wire.0.places.walks.borrow().get(agent).and_then(WeakShared::upgrade);
    let walk = under_way.unwrap_or_else(|| {
        let (inner, agent) = (Rc::clone(&wire.0), agent.clone());
        let walk = async move {
            let column = Oid::new(DESCRIPTION).expect("the column is well formed");
            let rows = walk(&inner, &agent, &column, deadline).await;
            inner.places.walks.borrow_mut().remove(&agent);
            Rc::new(rows)
        };
        walk.boxed_local().shared()
    });
    if let Some(weak) = walk.downgrade() {
        wire.0.places.walks.borrow_mut().insert(agent.clone(), weak);
    }
    walk.await
}

/// The rows of `column` that hold texts under a single number.
async fn walk(
    inner: &Inner,
    agent: &Agent,
    column: &Oid,
    deadline: Instant,
) -> Result<Vec<(u32, Box<[u8]>)>, Cause> {
    let operation = match &*agent.access {
        Access::Community { version: Version::V1, .. } => Operation::GetNext,
        _ => Operation::GetBulk(ROWS_PER_ANSWER),
    };
    let mut rows = Vec::new();
    let mut seen = 0;
    let mut last = column.clone();
    loop {
        let names = [last.clone()];
        let response = inner.exchange(agent, operation, &names, deadline).await?;
        match response.status {
            ErrorStatus::NONE => {}
            // This is how version 1 says that nothing follows.
            ErrorStatus::NO_SUCH_NAME => return Ok(rows),
            status => return Err(round::refused(status)),
        }
        if response.bindings.is_empty() {
            let what = format_args!("it has no objects");
            return Err(exchange::malformed(agent.address, what));
        }
        for (name, value) in response.bindings {
            let Some(row) = name.strip(column) else { return Ok(rows) };
            if value == Value::EndOfMibView || seen == ROWS_MAX {
                return Ok(rows);
            }
            seen += 1;
            if name <= last {
                let what = format_args!("its table runs in a circle");
                return Err(exchange::malformed(agent.address, what));
            }
            if let ([row], Value::Bytes(text)) = (row, value) {
                rows.push((*row, text));
            }
            last = name;
        }
    }
}
