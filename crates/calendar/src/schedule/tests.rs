//! Texts of schedules: what they mean, and what is refused and how.

use super::*;
use crate::scan::picture;

fn read(text: &str) -> Result<String, Fault> {
    schedule(text, "Europe/Rome").map(|it| {
        assert_eq!(it.dues.len(), 1);
        format!("{:?}", it.dues[0]).replace('"', "'")
    })
}

#[test]
fn schedules_are_read() {
    let texts = [
        "daily by 06:30",
        "daily 02:30",
        " Daily  at 02:30 ",
        "daily by 24:00",
        "Mon-Sat by 05:00",
        "Mon, Wed, Fri by 05:00",
        "Sun 02:00",
        "2nd Tue by 04:00",
        "2nd Tue + 3 days at 04:00",
        "last Sat 23:50",
        "every 24h",
        "every 1h30m",
        "cron 0  22 * * 2",
        "cron */5 * * * *",
        "cron 0 22 LW * *",
        "oncalendar Mon..Fri  02:30",
        "oncalendar *:0/5 Europe/Berlin",
        "rrule FREQ=MONTHLY;BYDAY=2TU from 2026-01-13 22:00",
        "rrule FREQ=MONTHLY;BYDAY=2TU from 2026-01-13 by 22:00 exdate 2026-12-25,2026-12-08 2026-12-25",
        "last business day by 20:00",
        "first business day 06:00",
        "3rd last business day of month by 12:00",
        "monthly by 3rd 06:00",
        "monthly on 3rd 06:00",
        "monthly by last day 18:00",
        "monthly 3rd last by 18:00",
        "15th of month by 12:00",
        "1st day of the month 12:00",
        "last day of month by 24:00",
        "2nd last day of month by 12:00",
        "2026-12-31 by 18:00",
        "2026-12-31 at 18:00",
    ];
    assert_eq!(picture(&texts, read).replace('"', ""), include_str!("read.txt"));
}

#[test]
fn what_is_no_schedule_is_refused() {
    let texts = [
        "",
        "02:30",
        "by 06:30",
        "soon",
        "daily",
        "daily by",
        "daily by 6",
        "daily by 06:30 for 2h",
        "daily 24:00",
        "daily by 24:01",
        "Mon-Fri",
        "Mon-Fry by 05:00",
        "every",
        "every day",
        "every 30s",
        "every 2y",
        "every 400d",
        "every 24h by 06:00",
        "cron",
        "cron 0 22 * *",
        "cron 0 22 30 2 *",
        "cron 0 22 32 * *",
        "oncalendar",
        "oncalendar Mon..Fry 02:30",
        "oncalendar 2026-02-30",
        "oncalendar *:*:*",
        "rrule",
        "rrule FREQ=WEEKLY 22:00",
        "rrule FREQ=WEEKLY from 2026-01-13",
        "rrule FREQ=WEEKLY from 2026-01-13 22:00 exdate",
        "rrule FREQ=WEEKLY from 2026-01-13 22:00 exdate 25.12.2026",
        "rrule FREQ=WEEKLY;COUNT=1 from 2026-01-13 22:00 exdate 2026-01-13",
        "rrule FREQ=WEEKLY from 2026-01-13 22:00 except 2026-01-13",
        "last",
        "last business by 20:00",
        "24th business day by 20:00",
        "31st of month by 12:00",
        "monthly 06:00",
        "monthly",
        "15th of may by 12:00",
        "15th by 12:00",
        "6th Tue 22:00",
        "2nd last Tue 22:00",
        "2nd Tue-Wed 22:00",
        "0th of month 12:00",
        "99999999999th of month 12:00",
        "2026-12-31",
        "2026-02-30 by 12:00",
        "31.12.2026 by 18:00",
    ];
    assert_eq!(picture(&texts, read), include_str!("refused.txt"));
}

#[test]
fn several_texts_are_one_schedule() {
    let of = schedules(&["Mon-Fri by 05:00", "last Sat 23:50"], "Europe/Rome").unwrap();
    assert_eq!(&*of.text, "Mon-Fri by 05:00; last Sat 23:50");
    assert_eq!((of.dues.len(), &*of.zone), (2, "Europe/Rome"));
    let refused = |texts: &[&str], zone: &str| {
        let (place, fault) = schedules(texts, zone).unwrap_err();
        format!("{place}: {} at {:?}", fault.what, fault.span)
    };
    assert_eq!(refused(&[], "UTC"), "0: it is not said when its runs are due at 0..0");
    assert_eq!(
        refused(&["daily 02:00", "soon"], "UTC"),
        "1: `soon` is not a day of the week at 0..4"
    );
    assert_eq!(
        refused(&["daily 02:00", " every 24h"], "UTC"),
        "1: a rule with `every` stands alone at 1..10"
    );
    assert_eq!(
        refused(&["every 24h", "Sun 02:00"], "UTC"),
        "1: a rule with `every` stands alone at 0..9"
    );
    assert_eq!(
        refused(&["daily 02:00"], "Middle/Earth"),
        "0: unknown time zone `Middle/Earth` at 0..11"
    );
    assert_eq!(refused(&["daily 02:00"; 65], "UTC"), "64: more than 64 rules at 0..11");
}
