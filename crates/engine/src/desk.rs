//! What goes across hosts: who is behind whom.
//!
//! The desk hears from all shards and answers in messages; it never looks into one. So far it
//! knows the parents of hosts. A child's first bad answer makes it have the parents looked at,
//! and every change of a parent is passed on to the children.

use std::collections::{BTreeMap, BTreeSet};

use model::{CheckableId, FromShard, Moment, ToShard};

/// A host that has parents or children.
#[derive(Debug, Default)]
struct Relative {
    parents: Vec<CheckableId>,
    children: Vec<CheckableId>,
    down: bool,
}

/// A child that waits for word about its parents.
#[derive(Debug)]
struct Question {
    at: Moment,
    unheard: BTreeSet<CheckableId>,
}

/// The owner of everything that concerns more than one host.
#[derive(Debug)]
pub struct Desk {
    relatives: BTreeMap<CheckableId, Relative>,
    questions: BTreeMap<CheckableId, Question>,
    /// Can a look be asked for? A replay cannot, so there the last word counts at once.
    live: bool,
}

impl Desk {
    /// A desk without hosts. `live`: looks can be asked for.
    #[must_use]
    pub fn new(live: bool) -> Self {
        Self { relatives: BTreeMap::new(), questions: BTreeMap::new(), live }
    }

    /// Replaces who is behind whom. What was heard about hosts that stay is kept; every child is
    /// told how its parents are.
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
        for (id, relative) in &mut relatives {
            relative.down = self.relatives.get(id).is_some_and(|it| it.down);
        }
        self.relatives = relatives;
        self.questions.retain(|child, _| self.relatives.contains_key(child));
        for (child, parents) in behind {
            if !parents.is_empty() {
                orders.push(self.word_about_parents_of(*child, false));
            }
        }
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
        }
    }

    fn hear(&mut self, host: CheckableId, up: bool, orders: &mut Vec<ToShard>) {
        let Some(relative) = self.relatives.get_mut(&host) else { return };
        if std::mem::replace(&mut relative.down, !up) != up {
            return;
        }
        let children = relative.children.clone();
        for child in children {
            orders.push(self.word_about_parents_of(child, false));
        }
    }

    fn ask(&mut self, host: CheckableId, at: Moment, orders: &mut Vec<ToShard>) {
        let parents = self.relatives.get(&host).map(|it| it.parents.clone()).unwrap_or_default();
        if !self.live || parents.is_empty() {
            orders.push(self.word_about_parents_of(host, true));
            return;
        }
        orders.extend(parents.iter().map(|it| ToShard::CheckNow { checkable: *it }));
        self.questions.insert(host, Question { at, unheard: parents.into_iter().collect() });
    }

    /// A parent was looked at: one that is up answers for all, else all must have been heard.
    fn answer(&mut self, parent: CheckableId, at: Moment, up: bool, orders: &mut Vec<ToShard>) {
        let mut answered = Vec::new();
        for (child, question) in &mut self.questions {
            let heard = at >= question.at && question.unheard.remove(&parent);
            if heard && (up || question.unheard.is_empty()) {
                answered.push(*child);
            }
        }
        for child in answered {
            self.questions.remove(&child);
            orders.push(self.word_about_parents_of(child, true));
        }
    }

    fn word_about_parents_of(&self, host: CheckableId, answer: bool) -> ToShard {
        let parents = self.relatives.get(&host).map(|it| &*it.parents).unwrap_or_default();
        let is_up = |it: &CheckableId| self.relatives.get(it).is_none_or(|it| !it.down);
        let any_up = parents.is_empty() || parents.iter().any(is_up);
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

    fn desk(live: bool) -> Desk {
        let mut desk = Desk::new(live);
        let mut orders = Vec::new();
        desk.arrange(&[(CHILD, vec![LEFT, RIGHT])], &mut orders);
        assert_eq!(orders, [word(true, false)]);
        desk
    }

    fn tell(desk: &mut Desk, message: &FromShard) -> Vec<ToShard> {
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
        // An older look says nothing about now.
        assert_eq!(tell(&mut desk, &looked(LEFT, 9, true)), []);
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
    fn a_replay_is_answered_from_what_is_known() {
        let mut desk = desk(false);
        let asked = FromShard::AreParentsUp { host: CHILD, at: Moment::from_secs(10) };
        assert_eq!(tell(&mut desk, &asked), [word(true, true)]);
    }
}
