//! Who is behind whom, across all shards.
//!
//! Hears from all shards and answers in messages; it never looks into one. It
//! knows the parents of hosts. A child's first bad answer makes it have the parents looked at,
//! and every change of a parent is passed on to the children.

use std::collections::{BTreeMap, BTreeSet};

use model::{CheckableId, FromShard, Moment, ToShard};

/// A host that has parents or children.
#[derive(Debug, Default)]
struct Relative {
    parents: Vec<CheckableId>,
    children: Vec<CheckableId>,
}

/// A child that waits for word about its parents.
#[derive(Debug)]
struct Question {
    at: Moment,
    /// Parents that have not been looked at since. Empty only while nobody has told the desk who
    /// the parents are: a child that is new may be faster than the word about it.
    unheard: BTreeSet<CheckableId>,
}

/// The owner of what is known about parents and children.
#[derive(Debug)]
pub struct Reach {
    relatives: BTreeMap<CheckableId, Relative>,
    /// Hosts that are not up, whether they have relatives or not: they may get some.
    down: BTreeSet<CheckableId>,
    questions: BTreeMap<CheckableId, Question>,
    /// Can a look be asked for? A replay cannot, so there the last word counts at once.
    live: bool,
}

impl Reach {
    /// Without hosts. `live`: looks can be asked for.
    #[must_use]
    pub fn new(live: bool) -> Self {
        Self { relatives: BTreeMap::new(), down: BTreeSet::new(), questions: BTreeMap::new(), live }
    }

    /// Replaces who is behind whom. What was heard about hosts is kept; every child is told how its
    /// parents are, and what it has asked is asked of those who are its parents now.
    pub fn arrange(
        &mut self,
        behind: &[(CheckableId, Vec<CheckableId>)],
        orders: &mut Vec<ToShard>,
    ) {
        let mut relatives: BTreeMap<CheckableId, Relative> = BTreeMap::new();
        for (child, parents) in behind {
            for parent in parents {
                relatives.entry(*parent).or_default().children.push(*child);
            }
            relatives.entry(*child).or_default().parents.clone_from(parents);
        }
        self.relatives = relatives;
        let mut asked = std::mem::take(&mut self.questions);
        for (child, parents) in behind {
            if parents.is_empty() {
                continue;
            }
            orders.push(self.word_about_parents_of(*child, false));
            let Some(question) = asked.remove(child) else { continue };
            if question.unheard.iter().any(|it| parents.contains(it)) {
                let unheard = question.unheard.into_iter().filter(|it| parents.contains(it));
                let question = Question { at: question.at, unheard: unheard.collect() };
                self.questions.insert(*child, question);
            } else {
                self.ask(*child, question.at, orders);
            }
        }
    }

    /// A host is not there any more; its id may be given to another one.
    pub fn forget(&mut self, host: CheckableId) {
        self.down.remove(&host);
    }

    /// Tells the desk what an earlier process believed about a host, before anything is heard.
    pub fn restore(&mut self, host: CheckableId, up: bool, orders: &mut Vec<ToShard>) {
        self.hear(host, up, orders);
    }

    /// Takes in one message of a shard.
    pub fn handle(&mut self, message: &FromShard, orders: &mut Vec<ToShard>) {
        match message {
            FromShard::Changed(it) => {
                if it.to.status.is_of_host() {
                    self.hear(it.checkable, it.to.status.is_fine(), orders);
                }
            }
            FromShard::Looked { checkable, at, up } => {
                self.hear(*checkable, *up, orders);
                self.answer(*checkable, *at, *up, orders);
            }
            FromShard::AreParentsUp { host, at } => self.ask(*host, *at, orders),
            // For whoever waits for results; what they changed is told besides.
            FromShard::Seen { .. } => {}
        }
    }

    fn hear(&mut self, host: CheckableId, up: bool, orders: &mut Vec<ToShard>) {
        let is_news = if up { self.down.remove(&host) } else { self.down.insert(host) };
        if !is_news {
            return;
        }
        let children = self.relatives.get(&host).map(|it| it.children.clone()).unwrap_or_default();
        for child in children {
            orders.push(self.word_about_parents_of(child, false));
        }
    }

    fn ask(&mut self, host: CheckableId, at: Moment, orders: &mut Vec<ToShard>) {
        let parents = self.relatives.get(&host).map(|it| it.parents.clone()).unwrap_or_default();
        if !self.live {
            orders.push(self.word_about_parents_of(host, true));
            return;
        }
        orders.extend(parents.iter().map(|it| ToShard::CheckNow { checkable: *it }));
        self.questions.insert(host, Question { at, unheard: parents.into_iter().collect() });
    }

    /// A parent was looked at: one that is up answers for all, else all must have been heard. A
    /// look that was under way when the question came may be older than it: then another is needed.
    fn answer(&mut self, parent: CheckableId, at: Moment, up: bool, orders: &mut Vec<ToShard>) {
        let mut answered = Vec::new();
        let mut too_old = false;
        for (child, question) in &mut self.questions {
            let heard = at >= question.at && question.unheard.remove(&parent);
            too_old |= !heard && question.unheard.contains(&parent);
            if heard && (up || question.unheard.is_empty()) {
                answered.push(*child);
            }
        }
        for child in answered {
            self.questions.remove(&child);
            orders.push(self.word_about_parents_of(child, true));
        }
        if too_old {
            orders.push(ToShard::CheckNow { checkable: parent });
        }
    }

    fn word_about_parents_of(&self, host: CheckableId, answer: bool) -> ToShard {
        let parents = self.relatives.get(&host).map(|it| &*it.parents).unwrap_or_default();
        let any_up = parents.is_empty() || parents.iter().any(|it| !self.down.contains(it));
        ToShard::Parents { host, any_up, answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: CheckableId = CheckableId(1);
    const LEFT: CheckableId = CheckableId(2);
    const RIGHT: CheckableId = CheckableId(3);

    fn word(any_up: bool, answer: bool) -> ToShard {
        ToShard::Parents { host: CHILD, any_up, answer }
    }

    fn desk(live: bool) -> Reach {
        let mut desk = Reach::new(live);
        let mut orders = Vec::new();
        desk.arrange(&[(CHILD, vec![LEFT, RIGHT])], &mut orders);
        assert_eq!(orders, [word(true, false)]);
        desk
    }

    fn tell(desk: &mut Reach, message: &FromShard) -> Vec<ToShard> {
        let mut orders = Vec::new();
        desk.handle(message, &mut orders);
        orders
    }

    fn looked(checkable: CheckableId, secs: u64, up: bool) -> FromShard {
        FromShard::Looked { checkable, at: Moment::from_secs(secs), up }
    }

    #[test]
    fn one_parent_that_is_up_answers_for_all() {
        let mut desk = desk(true);
        let orders =
            tell(&mut desk, &FromShard::AreParentsUp { host: CHILD, at: Moment::from_secs(10) });
        let asked = [LEFT, RIGHT].map(|checkable| ToShard::CheckNow { checkable });
        assert_eq!(orders, asked);
        // An older look says nothing about now, and has used up the order to look.
        assert_eq!(tell(&mut desk, &looked(LEFT, 9, true)), [asked[0]]);
        assert_eq!(tell(&mut desk, &looked(LEFT, 11, true)), [word(true, true)]);
    }

    #[test]
    fn all_parents_must_be_down_before_a_child_is_behind_them() {
        let mut desk = desk(true);
        tell(&mut desk, &FromShard::AreParentsUp { host: CHILD, at: Moment::from_secs(10) });
        assert_eq!(tell(&mut desk, &looked(LEFT, 11, false)), [word(true, false)]);
        let orders = tell(&mut desk, &looked(RIGHT, 11, false));
        assert_eq!(orders, [word(false, false), word(false, true)]);
        assert_eq!(tell(&mut desk, &looked(RIGHT, 12, true)), [word(true, false)]);
    }

    #[test]
    fn a_question_that_is_faster_than_the_word_about_its_asker_waits_for_it() {
        let mut desk = Reach::new(true);
        let asked = FromShard::AreParentsUp { host: CHILD, at: Moment::from_secs(10) };
        assert_eq!(tell(&mut desk, &asked), []);
        let mut orders = Vec::new();
        desk.arrange(&[(CHILD, vec![LEFT])], &mut orders);
        assert_eq!(orders, [word(true, false), ToShard::CheckNow { checkable: LEFT }]);
        assert_eq!(
            tell(&mut desk, &looked(LEFT, 11, false)),
            [word(false, false), word(false, true)]
        );
    }

    #[test]
    fn a_parent_that_goes_takes_its_part_of_the_question_with_it() {
        let mut desk = desk(true);
        tell(&mut desk, &FromShard::AreParentsUp { host: CHILD, at: Moment::from_secs(10) });
        assert_eq!(tell(&mut desk, &looked(LEFT, 11, false)), [word(true, false)]);
        let mut orders = Vec::new();
        // Only one that has been heard is left: it is asked again, as nobody remembers its answer.
        desk.arrange(&[(CHILD, vec![LEFT])], &mut orders);
        assert_eq!(orders, [word(false, false), ToShard::CheckNow { checkable: LEFT }]);
        assert_eq!(tell(&mut desk, &looked(LEFT, 12, false)), [word(false, true)]);
    }

    #[test]
    fn a_host_that_is_down_already_is_known_to_be_when_it_becomes_a_parent() {
        let mut desk = Reach::new(true);
        let mut orders = Vec::new();
        desk.restore(LEFT, false, &mut orders);
        desk.restore(RIGHT, false, &mut orders);
        assert_eq!(orders, []);
        desk.arrange(&[(CHILD, vec![LEFT])], &mut orders);
        assert_eq!(orders, [word(false, false)]);
        orders.clear();
        // Another one with the id of one that is gone.
        desk.forget(RIGHT);
        desk.arrange(&[(CHILD, vec![RIGHT])], &mut orders);
        assert_eq!(orders, [word(true, false)]);
    }

    #[test]
    fn a_replay_is_answered_from_what_is_known() {
        let mut desk = desk(false);
        let asked = FromShard::AreParentsUp { host: CHILD, at: Moment::from_secs(10) };
        assert_eq!(tell(&mut desk, &asked), [word(true, true)]);
    }
}
