//! What alike checks share is kept once.
//!
//! A million services from a dozen templates have a dozen checks. Those that are written out one
//! by one but say the same share theirs too.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{Check, Labels, Params};

/// Keeps one of each.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    texts: Mutex<HashSet<Arc<str>>>,
    params: Mutex<HashSet<Arc<Params>>>,
    labels: Mutex<HashSet<Labels>>,
    /// Checks hold numbers that cannot be hashed, so they are found by the texts of their rules.
    checks: Mutex<HashMap<u64, Vec<Arc<Check>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Interner {
    pub(crate) fn text(&self, text: &str) -> Arc<str> {
        let mut texts = lock(&self.texts);
        if let Some(known) = texts.get(text) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(text);
        texts.insert(new.clone());
        new
    }

    pub(crate) fn params(&self, params: Params) -> Arc<Params> {
        let mut all = lock(&self.params);
        if let Some(known) = all.get(&params) {
            return known.clone();
        }
        let new = Arc::new(params);
        all.insert(new.clone());
        new
    }

    pub(crate) fn labels(&self, labels: Vec<(Arc<str>, Arc<str>)>) -> Labels {
        let mut all = lock(&self.labels);
        if let Some(known) = all.get(&*labels) {
            return known.clone();
        }
        let new: Labels = labels.into();
        all.insert(new.clone());
        new
    }

    pub(crate) fn check(&self, check: Check) -> Arc<Check> {
        let mut all = lock(&self.checks);
        let alike = all.entry(hash(&check)).or_default();
        if let Some(known) = alike.iter().find(|it| ***it == check) {
            return known.clone();
        }
        let new = Arc::new(check);
        alike.push(new.clone());
        new
    }
}

fn hash(check: &Check) -> u64 {
    let mut hasher = DefaultHasher::new();
    (check.kind, check.every, check.retry_every, check.attempts_max, check.timeout)
        .hash(&mut hasher);
    (check.profile, check.flapping).hash(&mut hasher);
    for rule in check.rules.iter() {
        (rule.measure, rule.level, &rule.text).hash(&mut hasher);
    }
    check.period.as_ref().map(|it| (&it.text, &it.zone.name)).hash(&mut hasher);
    hasher.finish()
}
