//! What the services of one host want to know in one moment becomes one request.
//!
//! The first to ask opens a round and lets every other task that is ready run once before anything
//! is sent; who asks the same agent with the same right meanwhile joins. A round belongs to all who
//! wait for it: whoever is polled drives it, and who gives up only leaves.
//!
//! One bad object must not spoil the answer for the others. Version 1 answers a request with one
//! unknown object by nothing but an error that points at it, and any version may say that the
//! answer would be too large. So an object that is pointed at is taken out, and what else fails is
//! halved until it works or stands alone. Either step settles an object or halves a request, so
//! this ends after at most twice as many requests as there are objects.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    future::Future,
    rc::Rc,
};

use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, Shared, WeakShared, join_all},
};
use model::{Cause, CauseCode};
use tokio::{task, time::Instant};

use super::{
    Agent, Answers, Inner, OBJECTS_PER_REQUEST_MAX, exchange,
    message::{ErrorStatus, Operation, Response, Value},
    oid::Oid,
};

/// Objects in one round; who comes later opens another one.
const OBJECTS_PER_ROUND_MAX: usize = 512;
/// Agents whose limits are remembered; all are forgotten, and learnt again, when there are more.
const LIMITS_MAX: usize = 65_536;

type Outcome = LocalBoxFuture<'static, Rc<Answers>>;
type Got = Result<Value, Cause>;
type Open = (Rc<Wanted>, WeakShared<Outcome>);

/// The rounds that can still be joined.
#[derive(Default)]
pub(super) struct Rounds(RefCell<HashMap<Agent, Open>>);

impl fmt::Debug for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rounds({})", self.0.borrow().len())
    }
}

/// What a round will ask for.
#[derive(Debug)]
struct Wanted {
    objects: RefCell<Vec<Oid>>,
    /// That of whoever waits longest.
    deadline: Cell<Instant>,
}

impl Wanted {
    /// Puts `objects` in, each once, and says where they are.
    fn add(&self, objects: &[Oid]) -> Vec<usize> {
        let mut all = self.objects.borrow_mut();
        let place = |object: &Oid| {
            all.iter().position(|it| it == object).unwrap_or_else(|| {
                all.push(object.clone());
                all.len() - 1
            })
        };
        objects.iter().map(place).collect()
    }
}

impl Rounds {
    /// Joins the open round for `agent`, or opens one.
    pub(super) fn join(
        &self,
        inner: &Rc<Inner>,
        agent: &Agent,
        objects: &[Oid],
        deadline: Instant,
    ) -> impl Future<Output = Answers> + use<> {
        let (wanted, outcome) = self.open_round(agent, objects.len()).unwrap_or_else(|| {
            let wanted =
                Rc::new(Wanted { objects: RefCell::default(), deadline: Cell::new(deadline) });
            let outcome =
                hold(Rc::clone(inner), agent.clone(), Rc::clone(&wanted)).boxed_local().shared();
            let weak = outcome.downgrade().expect("it has not ended yet");
            self.0.borrow_mut().insert(agent.clone(), (Rc::clone(&wanted), weak));
            (wanted, outcome)
        });
        let places = wanted.add(objects);
        wanted.deadline.set(wanted.deadline.get().max(deadline));
        async move {
            let all = outcome.await;
            let values = places.iter().map(|it| all.values[*it].clone()).collect();
            Answers { values, took: all.took, together: all.together }
        }
    }

    fn open_round(&self, agent: &Agent, more: usize) -> Option<(Rc<Wanted>, Shared<Outcome>)> {
        let rounds = self.0.borrow();
        let (wanted, outcome) = rounds.get(agent)?;
        let has_room = wanted.objects.borrow().len() + more <= OBJECTS_PER_ROUND_MAX;
        has_room.then(|| Some((Rc::clone(wanted), outcome.upgrade()?)))?
    }

    /// Nobody may join `wanted` any more.
    fn close(&self, agent: &Agent, wanted: &Rc<Wanted>) {
        let mut rounds = self.0.borrow_mut();
        if rounds.get(agent).is_some_and(|(it, _)| Rc::ptr_eq(it, wanted)) {
            rounds.remove(agent);
        }
    }
}

/// Holds one round.
async fn hold(inner: Rc<Inner>, agent: Agent, wanted: Rc<Wanted>) -> Rc<Answers> {
    // A task of its own stands behind all that are ready now. Yielding in place would not do: the
    // next one to join would drive this future on at once.
    let turn = task::spawn_local(task::yield_now()).await;
    debug_assert!(turn.is_ok(), "yielding cannot fail");
    inner.rounds.close(&agent, &wanted);
    let objects = wanted.objects.take();
    let limit = inner.limits.borrow().get(&agent.address).copied();
    let limit = limit.unwrap_or(OBJECTS_PER_REQUEST_MAX);
    let start = Instant::now();
    let asked = Asked { inner: &inner, agent: &agent, deadline: wanted.deadline.get() };
    let parts = objects.chunks(limit.max(1)).map(|part| asked.part(part));
    let values = join_all(parts).await.into_iter().flatten().collect();
    Rc::new(Answers { values, took: start.elapsed(), together: objects.len() })
}

struct Asked<'a> {
    inner: &'a Inner,
    agent: &'a Agent,
    deadline: Instant,
}

impl Asked<'_> {
    /// The values of as many objects as should fit one answer.
    async fn part(&self, objects: &[Oid]) -> Vec<Got> {
        let mut values: Vec<Option<Got>> = vec![None; objects.len()];
        let mut open: Vec<Vec<usize>> = vec![(0..objects.len()).collect()];
        while let Some(places) = open.pop() {
            let names: Vec<Oid> = places.iter().map(|it| objects[*it].clone()).collect();
            let answer = self.inner.exchange(self.agent, Operation::Get, &names, self.deadline);
            let mut settle = |place: usize, got| values[places[place]] = Some(got);
            match answer.await.and_then(|it| self.read(it, &names)) {
                Err(cause) => (0..names.len()).for_each(|it| settle(it, Err(cause.clone()))),
                Ok(Read::Values(got)) => {
                    got.into_iter().enumerate().for_each(|(place, got)| settle(place, got));
                }
                Ok(Read::Blamed(place, cause)) => {
                    settle(place, Err(cause));
                    let rest: Vec<usize> =
                        places.iter().copied().filter(|it| *it != places[place]).collect();
                    open.extend((!rest.is_empty()).then_some(rest));
                }
                Ok(Read::Halve) => {
                    let (left, right) = places.split_at(places.len() / 2);
                    open.extend([left.to_vec(), right.to_vec()]);
                }
            }
        }
        let settled = values.into_iter().map(|it| it.expect("a part settles all its objects"));
        settled.collect()
    }

    fn read(&self, response: Response, names: &[Oid]) -> Result<Read, Cause> {
        let alone = names.len() == 1;
        match response.status {
            ErrorStatus::NONE => values(response, names)
                .map(Read::Values)
                .map_err(|what| exchange::malformed(self.agent.address, format_args!("{what}"))),
            ErrorStatus::TOO_BIG if !alone => {
                self.learn_limit(names.len() / 2);
                Ok(Read::Halve)
            }
            status => match response.index {
                index @ 1.. if index <= names.len() => Ok(Read::Blamed(index - 1, refused(status))),
                _ if alone => Ok(Read::Blamed(0, refused(status))),
                _ => Ok(Read::Halve),
            },
        }
    }

    fn learn_limit(&self, limit: usize) {
        let mut limits = self.inner.limits.borrow_mut();
        if limits.len() >= LIMITS_MAX {
            limits.clear();
        }
        limits.insert(self.agent.address, limit.max(1));
    }
}

/// What an answer says.
enum Read {
    /// A value, or none, for every object.
    Values(Vec<Got>),
    /// This object is to blame.
    Blamed(usize, Cause),
    /// It was too much at once, or nobody knows what is to blame.
    Halve,
}

/// The values of `names`, if the answer is about them and nothing else.
fn values(response: Response, names: &[Oid]) -> Result<Vec<Got>, &'static str> {
    if response.bindings.len() != names.len() {
        return Err("it has not as many objects as were asked for");
    }
    let pairs = response.bindings.into_iter().zip(names);
    pairs
        .map(|((name, value), asked)| match name == *asked {
            true => Ok(present(value)),
            false => Err("it is about other objects than were asked for"),
        })
        .collect()
}

/// `value`, if it is one.
fn present(value: Value) -> Got {
    match value {
        Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => {
            Err(Cause::new(CauseCode::NoSuchObject, value.to_string()))
        }
        Value::Null => Err(Cause::new(CauseCode::Malformed, "the value is missing")),
        value => Ok(value),
    }
}

/// The cause of an error that the agent reports.
pub(super) fn refused(status: ErrorStatus) -> Cause {
    let code = match status {
        ErrorStatus::NO_SUCH_NAME => CauseCode::NoSuchObject,
        _ => CauseCode::SnmpError,
    };
    Cause::new(code, format!("the agent says {status}"))
}
