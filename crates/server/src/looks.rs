//! Carries out looks: one task each on the shard's own runtime, with its deadline, and whatever
//! goes wrong with it on our side turned into a value.

use std::{cell::RefCell, collections::VecDeque, panic::AssertUnwindSafe, rc::Rc, time::Duration};

use futures_util::FutureExt;
use model::{Cause, CauseCode, CheckResult, CheckableId, KindId, RunId};
use probe::{Ask, Found, Trace, World};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{build::Question, clock::Clock};

/// A look that goes on this long after its deadline is stopped. It should have ended by itself.
const OVERTIME: Duration = Duration::from_millis(500);

/// How one look ended.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was asked; by now the checkable may be asked something else, or be gone.
    pub(crate) kind: KindId,
    pub(crate) result: CheckResult,
}

/// Answers that wait for their shard; never more than there are looks under way.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    waiting: RefCell<VecDeque<Answer>>,
    news: Notify,
}

impl Answers {
    /// Waits until there is an answer.
    pub(crate) async fn wait(&self) {
        while self.waiting.borrow().is_empty() {
            self.news.notified().await;
        }
    }

    /// The longest waiting answer.
    pub(crate) fn take(&self) -> Option<Answer> {
        self.waiting.borrow_mut().pop_front()
    }

    fn put(&self, answer: Answer) {
        self.waiting.borrow_mut().push_back(answer);
        self.news.notify_one();
    }
}

/// Starts one look; its answer will be in `answers`.
pub(crate) fn begin(
    world: &Rc<World>,
    answers: &Rc<Answers>,
    clock: Clock,
    question: Question,
    checkable: CheckableId,
    run: RunId,
) {
    let (world, answers) = (Rc::clone(world), Rc::clone(answers));
    tokio::task::spawn_local(async move {
        let (started_at, begun) = (clock.now(), Instant::now());
        let found = look_once(&world, &question, &Trace::off()).await;
        let Found { verdict, measures } = found;
        let took = begun.elapsed();
        let result = CheckResult { checkable, run, started_at, took, verdict, measures };
        answers.put(Answer { kind: question.kind, result });
    });
}

/// Looks once and always comes back: a panic and a look that does not end are faults of our own.
pub(crate) async fn look_once(world: &World, question: &Question, trace: &Trace) -> Found {
    let deadline = Instant::now() + question.timeout;
    let ask = Ask { target: &question.target, deadline, timeout: question.timeout, trace };
    // Inside a block of its own, so that a look which breaks before its first step is caught too.
    let look = AssertUnwindSafe(async { question.looker.look(world, &ask).await }).catch_unwind();
    match timeout_at(deadline + OVERTIME, look).await {
        Ok(Ok(found)) => found,
        Ok(Err(panic)) => {
            let what = panic_text(&*panic);
            tracing::error!(name = %question.target.name, panic = what, "a look broke");
            Cause::new(CauseCode::Panic, what).into()
        }
        Err(_) => Cause::new(CauseCode::Stall, "the look did not end at its deadline").into(),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, sync::Arc};

    use model::Verdict;
    use probe::{Looker, Target, WorldSettings};
    use tokio::task::LocalSet;

    use super::*;

    struct Breaks;
    struct BreaksAtOnce;
    struct NeverEnds;

    impl Looker for Breaks {
        fn look<'a>(
            &'a self,
            _: &'a World,
            _: &'a Ask<'a>,
        ) -> Pin<Box<dyn Future<Output = Found> + 'a>> {
            Box::pin(async { panic!("on purpose") })
        }
    }

    impl Looker for BreaksAtOnce {
        fn look<'a>(
            &'a self,
            _: &'a World,
            _: &'a Ask<'a>,
        ) -> Pin<Box<dyn Future<Output = Found> + 'a>> {
            panic!("on purpose")
        }
    }

    impl Looker for NeverEnds {
        fn look<'a>(
            &'a self,
            _: &'a World,
            _: &'a Ask<'a>,
        ) -> Pin<Box<dyn Future<Output = Found> + 'a>> {
            Box::pin(std::future::pending())
        }
    }

    async fn code_of(looker: Arc<dyn Looker>) -> CauseCode {
        let target = Arc::new(Target { name: "acme/web/x".into(), address: None });
        let timeout = Duration::from_millis(10);
        let question = Question { looker, target, timeout, kind: KindId(0) };
        let run = async {
            let world = Rc::new(World::new(&WorldSettings::default()));
            let answers = Rc::new(Answers::default());
            let clock = Clock::anchored();
            begin(&world, &answers, clock, question, CheckableId(1), RunId(1));
            answers.wait().await;
            answers.take().unwrap()
        };
        match LocalSet::new().run_until(run).await.result.verdict {
            Verdict::Blind { cause } => cause.code,
            seen => panic!("our own fault was shown as the target's: {seen:?}"),
        }
    }

    #[tokio::test]
    async fn a_panic_in_a_look_is_that_looks_blindness() {
        assert_eq!(code_of(Arc::new(Breaks)).await, CauseCode::Panic);
        assert_eq!(code_of(Arc::new(BreaksAtOnce)).await, CauseCode::Panic);
    }

    #[tokio::test]
    async fn a_look_that_does_not_end_is_ended() {
        assert_eq!(code_of(Arc::new(NeverEnds)).await, CauseCode::Stall);
    }
}
