//! What the senders were told, held against the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value as Json;
use tests::Sandbox;

use crate::senders::{Note, Way};

const NANOS: i64 = 1_000_000_000;

/// A row of the table of reports.
#[derive(Clone, Debug)]
struct Heard {
    id: u64,
    job: String,
    class: String,
    /// In nanoseconds, like all times here.
    slot: Option<i64>,
    at: i64,
    ran_at: i64,
}

/// A row of the table of slots.
#[derive(Clone, Debug)]
struct Slot {
    open: i64,
    close: i64,
    standing: String,
    /// Reports that count for it, by id.
    entries: Vec<u64>,
}

/// Everything there is to know when all is over.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    notes: Vec<Note>,
    heard: BTreeMap<u64, Vec<Heard>>,
    /// By job and nominal moment.
    slots: BTreeMap<(String, i64), Slot>,
}

/// What is to be told at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// By way: given, and tries in vain.
    ways: BTreeMap<Way, (usize, u64)>,
    counted: usize,
    orphans: usize,
    duplicates: usize,
    /// Pings that were kept, and whose sender does not know.
    unanswered: usize,
    slots: usize,
    filled: usize,
    /// Slots by how they stand.
    standings: BTreeMap<String, usize>,
}

impl Figures {
    /// How often something was sent again.
    pub(crate) fn in_vain(&self) -> u64 {
        self.ways.values().map(|it| it.1).sum()
    }

    /// Reports that were given by this way.
    pub(crate) fn given(&self, way: Way) -> usize {
        self.ways.get(&way).map_or(0, |it| it.0)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (way, (given, in_vain)) in &self.ways {
            writeln!(f, "by {way:<10} {given} given, {in_vain} tries in vain")?;
        }
        let Self { counted, orphans, duplicates, unanswered, slots, filled, .. } = self;
        writeln!(f, "reports       {counted} in their slots, {orphans} beside a closed one")?;
        writeln!(
            f,
            "repeats       {duplicates} known again, {unanswered} pings kept without answer"
        )?;
        write!(f, "slots         {slots}, {filled} of them with reports:")?;
        self.standings.iter().try_for_each(|(word, count)| write!(f, " {count} {word}"))
    }
}

fn number(row: &Json, name: &str) -> i64 {
    row[name].as_i64().unwrap_or_else(|| panic!("no {name}: {row}"))
}

/// `[ok] report 17`, or the run of a ping.
fn named(row: &Json) -> u64 {
    let title = row["title"].as_str().unwrap_or_default();
    let found = match row["run"].as_str() {
        Some(run) => run.rsplit('-').next(),
        None => title.strip_prefix("[ok] report "),
    };
    found.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("nobody has sent this: {row}"))
}

impl Books {
    /// # Panics
    /// When the database is damaged, or a mail is not kept with its report.
    pub(crate) fn read(sandbox: &Sandbox, notes: Vec<Note>) -> Self {
        let mut heard: BTreeMap<u64, Vec<Heard>> = BTreeMap::new();
        let reports = sandbox.sql(
            "SELECT id, job, class, slot_at, at, json_extract(body, '$.ran_at') AS ran_at, \
             json_extract(body, '$.says.title') AS title, json_extract(body, '$.says.run') AS run \
             FROM report ORDER BY id",
        );
        for row in &reports {
            heard.entry(named(row)).or_default().push(Heard {
                id: number(row, "id").cast_unsigned(),
                job: row["job"].as_str().unwrap_or_default().to_owned(),
                class: row["class"].as_str().unwrap().to_owned(),
                slot: row["slot_at"].as_i64(),
                at: number(row, "at"),
                ran_at: number(row, "ran_at"),
            });
        }
        let slots = sandbox.sql(
            "SELECT job, at, standing, close_at, json_extract(body, '$.open') AS open, \
             json_extract(body, '$.entries') AS entries, json_extract(body, '$.more') AS more FROM \
             slot",
        );
        let slots = slots.iter().map(slot_of).collect();
        Self { notes, heard, slots }
    }

    /// Reports that were given and are not there yet.
    pub(crate) fn missing(&self) -> Vec<&Note> {
        let is_there =
            |it: &Note| self.heard.get(&it.number).is_some_and(|it| it.iter().any(counts));
        self.notes.iter().filter(|it| it.given && !is_there(it)).collect()
    }

    /// # Panics
    /// When they do not agree.
    pub(crate) fn check(&self) -> Figures {
        let missing = self.missing();
        assert!(missing.is_empty(), "accepted and lost: {missing:#?}");
        self.each_is_there_once();
        self.each_is_in_its_own_slot();
        self.no_slot_has_what_is_not_its_own();
        self.what_was_heard_in_time_is_kept();
        self.figures()
    }

    /// What was given once, what was not given at most once, and nothing that nobody has sent.
    fn each_is_there_once(&self) {
        let known: BTreeSet<u64> = self.notes.iter().map(|it| it.number).collect();
        for (number, all) in &self.heard {
            assert!(known.contains(number), "nobody has sent {all:#?}");
            let count = all.iter().filter(|it| counts(it)).count();
            assert_eq!(count, 1, "twice, or never: {all:#?}");
            let others = all.iter().filter(|it| !counts(it));
            others.for_each(|it| assert_eq!(it.class, "duplicate", "{it:#?}"));
        }
    }

    /// By the time of its run, not of its arrival.
    fn each_is_in_its_own_slot(&self) {
        for note in &self.notes {
            for it in self.heard.get(&note.number).into_iter().flatten() {
                assert_eq!(it.job, note.job, "{it:#?} is {note:#?}");
                let ran_at = note.ended.map_or(it.at, |ended| ended * NANOS);
                assert_eq!(it.ran_at, ran_at, "{it:#?} is {note:#?}");
                if !counts(it) {
                    continue;
                }
                let key = it.slot.unwrap_or_else(|| panic!("{it:#?} has no slot"));
                let slot = &self.slots[&(it.job.clone(), key)];
                assert!(slot.open <= ran_at && ran_at < slot.close, "{it:#?} is not of {slot:#?}");
                let entries = slot.entries.iter().filter(|id| **id == it.id).count();
                assert_eq!(entries, usize::from(it.class == "counted"), "{it:#?} in {slot:#?}");
                assert!(it.class == "counted" || it.at >= slot.close, "{it:#?} beside {slot:#?}");
            }
        }
    }

    /// No id stands in two slots, or for nothing.
    fn no_slot_has_what_is_not_its_own(&self) {
        let mut seen = BTreeSet::new();
        let ids: BTreeSet<u64> =
            self.all().filter(|it| it.class == "counted").map(|it| it.id).collect();
        for slot in self.slots.values() {
            for id in &slot.entries {
                assert!(ids.contains(id) && seen.insert(*id), "{id} in {slot:#?}");
            }
        }
    }

    /// All of them say that all is well.
    fn what_was_heard_in_time_is_kept(&self) {
        for slot in self.slots.values().filter(|it| !it.entries.is_empty()) {
            let fine = ["kept", "early", "late", "mail-late"].contains(&&*slot.standing);
            assert!(fine, "{slot:#?}");
        }
    }

    fn all(&self) -> impl Iterator<Item = &Heard> {
        self.heard.values().flatten()
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures { slots: self.slots.len(), ..Figures::default() };
        for note in &self.notes {
            let way = figures.ways.entry(note.way).or_default();
            *way = (way.0 + usize::from(note.given), way.1 + note.in_vain);
            let kept = self.heard.contains_key(&note.number);
            figures.unanswered += usize::from(kept && !note.given && note.way.is_ping());
        }
        for it in self.all() {
            match &*it.class {
                "counted" => figures.counted += 1,
                "orphan" => figures.orphans += 1,
                _ => figures.duplicates += 1,
            }
        }
        for slot in self.slots.values() {
            figures.filled += usize::from(!slot.entries.is_empty());
            *figures.standings.entry(slot.standing.clone()).or_default() += 1;
        }
        figures
    }
}

/// Is it there, in its slot or as evidence beside it?
fn counts(it: &Heard) -> bool {
    matches!(&*it.class, "counted" | "orphan")
}

fn slot_of(row: &Json) -> ((String, i64), Slot) {
    assert_eq!(row["more"], 0, "too many for one slot: {row}");
    let entries: Json = serde_json::from_str(row["entries"].as_str().unwrap()).unwrap();
    let entries = entries.as_array().unwrap().iter().map(|it| it["report"].as_u64().unwrap());
    let slot = Slot {
        open: number(row, "open"),
        close: number(row, "close_at"),
        standing: row["standing"].as_str().unwrap().to_owned(),
        entries: entries.collect(),
    };
    ((row["job"].as_str().unwrap().to_owned(), number(row, "at")), slot)
}

/// What is only true of the whole database.
///
/// # Panics
/// When it is damaged, or a report is there without its mail.
pub(crate) fn check_database(sandbox: &Sandbox) {
    assert_eq!(sandbox.sql("PRAGMA integrity_check")[0]["integrity_check"], "ok");
    let bare = sandbox.sql(
        "SELECT id FROM report WHERE mail IS NOT NULL AND NOT EXISTS (SELECT 1 FROM mail WHERE key = \
         report.mail)",
    );
    assert!(bare.is_empty(), "reports without their mails: {bare:?}");
    let keyless = sandbox.sql(
        "SELECT id FROM report WHERE class <> 'duplicate' AND NOT EXISTS (SELECT 1 FROM report_key \
         WHERE report = report.id)",
    );
    assert!(keyless.is_empty(), "reports that would not be known again: {keyless:?}");
}

/// Books that agree: one mail in its slot, known again when it came twice; one beside a slot that had
/// closed; and a ping of which nobody knows whether it was taken.
fn in_good_order() -> Books {
    let note = |number: u64, way: Way, ended: Option<i64>, given: bool| Note {
        number,
        way,
        job: "acme/a".to_owned(),
        ended,
        given,
        in_vain: 1,
    };
    let heard = |id: u64, class: &str, at: i64, ran_at: i64| Heard {
        id,
        job: "acme/a".to_owned(),
        class: class.to_owned(),
        slot: (class != "duplicate").then_some(100 * NANOS),
        at: at * NANOS,
        ran_at: ran_at * NANOS,
    };
    let (open, close) = (95 * NANOS, 115 * NANOS);
    let slot = Slot { open, close, standing: "kept".to_owned(), entries: vec![1] };
    Books {
        notes: vec![
            note(1, Way::Smtp, Some(97), true),
            note(2, Way::Imap, Some(114), true),
            note(3, Way::Curl, None, false),
        ],
        heard: BTreeMap::from([
            (1, vec![heard(1, "counted", 99, 97), heard(2, "duplicate", 101, 97)]),
            (2, vec![heard(3, "orphan", 116, 114)]),
        ]),
        slots: BTreeMap::from([(("acme/a".to_owned(), 100 * NANOS), slot)]),
    }
}

#[test]
fn books_that_do_not_agree_are_noticed() {
    type Spoil = fn(&mut Books);
    let figures = in_good_order().check();
    assert_eq!((figures.counted, figures.orphans, figures.duplicates), (1, 1, 1));
    let spoiled: [(&str, Spoil); 11] = [
        ("accepted and lost", |it| drop(it.heard.remove(&1))),
        ("known again, though it was lost", |it| drop(it.heard.get_mut(&1).unwrap().remove(0))),
        ("counted twice", |it| "counted".clone_into(&mut it.heard.get_mut(&1).unwrap()[1].class)),
        ("nobody has sent it", |it| drop(it.notes.remove(0))),
        ("of another job", |it| "acme/b".clone_into(&mut it.notes[0].job)),
        ("another time of its run", |it| it.notes[0].ended = Some(98)),
        ("in no slot", |it| it.slots.values_mut().for_each(|it| it.entries.clear())),
        ("in its slot twice", |it| it.slots.values_mut().for_each(|it| it.entries.push(1))),
        ("a slot with what is beside it", |it| {
            it.slots.values_mut().for_each(|it| it.entries.push(3));
        }),
        ("beside a slot that was open", |it| it.heard.get_mut(&2).unwrap()[0].at = 114 * NANOS),
        ("missing, though it was heard", |it| {
            it.slots.values_mut().for_each(|it| "missing".clone_into(&mut it.standing));
        }),
    ];
    for (what, spoil) in spoiled {
        let mut books = in_good_order();
        spoil(&mut books);
        let noticed = std::panic::catch_unwind(|| books.check()).is_err();
        assert!(noticed, "{what} went unnoticed");
    }
}
