//! From a rule and its start to local times, period by period.

use std::ops::RangeInclusive;

use jiff::{Span, civil::Date};
use model::LocalTime;

use super::{Frequency, Rule, Until};
use crate::{
    clock::{Clock, date_of, day_of, weekday_of},
    cron::times,
};

impl Rule {
    /// Hands every begin on the local `days` to `take`, growing, until that says false.
    pub(crate) fn each(
        &self,
        start: LocalTime,
        clock: &Clock,
        days: RangeInclusive<i32>,
        take: &mut dyn FnMut(LocalTime) -> bool,
    ) {
        let Some(first) = date_of(start.day) else { return };
        let mut counted = 0;
        // What is counted has to be counted from the first; anything else can begin near.
        let skipped =
            if self.count.is_some() { 0 } else { self.periods_before(first, *days.start()) };
        for period in skipped.. {
            let Some(of) = self.period(first, period) else { return };
            if day_of(of) > *days.end() {
                return;
            }
            for at in self.times_of(of, first, start.second) {
                if at < start {
                    continue;
                }
                counted += 1;
                if self.count.is_some_and(|it| counted > it) || self.is_over(at, clock) {
                    return;
                }
                if days.contains(&at.day) && !take(at) {
                    return;
                }
            }
        }
    }

    fn is_over(&self, at: LocalTime, clock: &Clock) -> bool {
        match self.until {
            None => false,
            Some(Until::Local(day, second)) => at > LocalTime { day, second },
            Some(Until::Utc(last)) => clock.first(at).is_none_or(|it| it > last),
        }
    }

    /// The first date of a period; `None` at the end of the calendar.
    fn period(&self, first: Date, period: i64) -> Option<Date> {
        let steps = period.checked_mul(i64::from(self.interval))?;
        match self.frequency {
            Frequency::Daily => date_of(day_of(first).checked_add(i32::try_from(steps).ok()?)?),
            Frequency::Weekly => {
                let days = i32::try_from(steps.checked_mul(7)?).ok()?;
                date_of(self.week_of(first).checked_add(days)?)
            }
            Frequency::Monthly => {
                first.first_of_month().checked_add(Span::new().try_months(steps).ok()?).ok()
            }
            Frequency::Yearly => {
                let year = i64::from(first.year()).checked_add(steps)?;
                Date::new(i16::try_from(year).ok()?, 1, 1).ok()
            }
        }
    }

    /// The first day of the week that `date` lies in.
    fn week_of(&self, date: Date) -> i32 {
        let day = day_of(date);
        day - i32::from((weekday_of(day) + 7 - self.week_start) % 7)
    }

    /// A number of periods that end before `day`, not many less than all of them.
    fn periods_before(&self, first: Date, day: i32) -> i64 {
        let days = i64::from(day) - i64::from(day_of(first));
        // The longest that a period can be, and one more so that none is missed.
        let longest = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => 31,
            Frequency::Yearly => 366,
        };
        (days / (longest * i64::from(self.interval)) - 1).max(0)
    }

    /// The local times of one period, growing.
    fn times_of(&self, of: Date, first: Date, second: u32) -> Vec<LocalTime> {
        let of_start = |mask: u64, number: u32| if mask == 0 { 1 << number } else { mask };
        let hours = of_start(self.hours, second / 3600 % 24);
        let minutes = of_start(self.minutes, second / 60 % 60);
        let times = times(hours, minutes).map(|it| it + second % 60);
        let days = self.days_of(of, first);
        let at = days
            .into_iter()
            .flat_map(|day| times.clone().map(move |second| LocalTime { day, second }));
        let all: Vec<LocalTime> = at.collect();
        if self.positions.is_empty() {
            return all;
        }
        let length = i32::try_from(all.len()).unwrap_or(i32::MAX);
        let chosen = (1..=length).zip(all).filter(|(place, _)| {
            self.positions.contains(place) || self.positions.contains(&(place - length - 1))
        });
        chosen.map(|it| it.1).collect()
    }

    /// The days of one period that the rule names, growing.
    fn days_of(&self, of: Date, first: Date) -> Vec<i32> {
        let from = day_of(of);
        let length = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => i32::from(of.days_in_month()),
            Frequency::Yearly => i32::from(of.days_in_year()),
        };
        let named = (from..from.saturating_add(length))
            .filter(|day| date_of(*day).is_some_and(|it| self.names(it, first)));
        named.collect()
    }

    /// Does it name this date of a period? What the rule leaves open, the date of its start says.
    fn names(&self, date: Date, first: Date) -> bool {
        let in_month = |of: i8| self.months >> of & 1 == 1;
        let month = self.months == 0 || in_month(date.month());
        let (by_day, by_month_day) = (!self.weekdays.is_empty(), !self.month_days.is_empty());
        let rest = match self.frequency {
            Frequency::Daily => true,
            Frequency::Weekly => by_day || date.weekday() == first.weekday(),
            Frequency::Monthly => by_day || by_month_day || date.day() == first.day(),
            Frequency::Yearly => {
                let open = by_day || by_month_day;
                let of_start = open || date.day() == first.day();
                of_start && (open || self.months != 0 || date.month() == first.month())
            }
        };
        month
            && rest
            && (!by_month_day || self.names_month_day(date))
            && (!by_day || self.names_weekday(date))
    }

    fn names_month_day(&self, date: Date) -> bool {
        let (day, length) = (i32::from(date.day()), i32::from(date.days_in_month()));
        self.month_days.iter().any(|it| *it == day || *it == day - length - 1)
    }

    fn names_weekday(&self, date: Date) -> bool {
        // A place is counted in the month, or in the year if nothing speaks of months.
        let (day, length) = match self.frequency == Frequency::Yearly && self.months == 0 {
            true => (i32::from(date.day_of_year()), i32::from(date.days_in_year())),
            false => (i32::from(date.day()), i32::from(date.days_in_month())),
        };
        let (place, from_end) = ((day - 1) / 7 + 1, -((length - day) / 7 + 1));
        let weekday = weekday_of(day_of(date));
        let named = |it: &(i32, u8)| it.1 == weekday && [0, place, from_end].contains(&it.0);
        self.weekdays.iter().any(named)
    }
}
