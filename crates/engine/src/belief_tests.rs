//! Pictures: one glyph a minute in, the changes out.

use std::{sync::Arc, time::Duration};

use expect_test::{Expect, expect};
use model::{Flapping, KindId};

use super::*;

fn check_of(profile: Profile) -> Check {
    Check {
        kind: KindId(0),
        every: Duration::from_secs(60),
        retry_every: Duration::from_secs(20),
        attempts_max: 3,
        timeout: Duration::from_secs(10),
        profile,
        flapping: Flapping::default_for(profile),
        rules: Arc::new([]),
        period: None,
    }
}

/// `.` ok, `w` warning, `x` critical, `u` unknown; `(` the host (or all parents) goes down,
/// `)` it comes back.
fn picture(profile: Profile, of_host: bool, minutes: &str, expected: &Expect) {
    let check = check_of(profile);
    let mut belief = initial(profile, of_host, Moment::ZERO);
    let mut down = false;
    let mut lines = String::new();
    let mut minute = 0;
    for glyph in minutes.chars() {
        let raw = match glyph {
            '(' | ')' => None,
            '.' => Some(Status::Ok),
            'w' => Some(Status::Warning),
            'x' => Some(Status::Critical),
            _ => Some(Status::Unknown),
        };
        let now = Moment::from_secs(60 * minute);
        if raw.is_none() {
            down = glyph == '(';
        } else {
            minute += 1;
        }
        let host = if down && !of_host { HostView::NotUp } else { HostView::Up };
        let subject =
            Subject { checkable: CheckableId(1), check: &check, of_host, host, parents_up: !down };
        let change = match raw {
            Some(raw) => observe(&mut belief, &subject, now, raw, None),
            None => parents_changed(&mut belief, &subject, now).filter(|_| of_host),
        };
        if let Some(it) = change {
            let flaps = if it.flapping { " flapping" } else { "" };
            let look = it.to;
            let line = format!("{minute}: {} {} {}", look.status, look.kind.word(), look.attempt);
            lines.push_str(&format!("{line} {:.2}{flaps}\n", f64::from(it.centipercent) / 100.0));
        }
    }
    expected.assert_eq(&lines);
}

#[test]
fn bad_news_is_believed_at_the_last_attempt_and_counting_goes_on_over_bad_statuses() {
    picture(
        Profile::Campanile,
        false,
        ".wxx.",
        &expect![[r#"
            2: WARNING SOFT 1 6.25
            3: CRITICAL SOFT 2 12.37
            4: CRITICAL HARD 3 12.11
            5: OK HARD 1 18.09
        "#]],
    );
}

#[test]
fn worse_and_better_bad_news_is_believed_at_once_while_hard() {
    picture(
        Profile::Nagios,
        false,
        "wwwxw.",
        &expect![[r#"
            1: WARNING SOFT 1 0.00
            2: WARNING SOFT 2 0.00
            3: WARNING HARD 3 6.25
            4: CRITICAL HARD 3 12.37
            5: WARNING HARD 3 18.36
            6: OK HARD 1 24.21
        "#]],
    );
}

#[test]
fn icinga_counts_from_one_again_when_hard() {
    picture(
        Profile::Icinga,
        false,
        ".xxxw.",
        &expect![[r#"
            2: CRITICAL SOFT 1 11.70
            3: CRITICAL SOFT 2 11.50
            4: CRITICAL HARD 1 11.30
            5: WARNING HARD 1 17.00
            6: OK HARD 1 22.60
        "#]],
    );
}

#[test]
fn a_service_waits_for_its_host_and_begins_afresh() {
    picture(
        Profile::Campanile,
        false,
        ".x(xxx)xxx.",
        &expect![[r#"
            2: CRITICAL SOFT 1 6.25
            7: CRITICAL SOFT 2 5.59
            8: CRITICAL HARD 3 5.46
            9: OK HARD 1 11.58
        "#]],
    );
}

#[test]
fn a_host_behind_dead_parents_is_unreachable() {
    picture(
        Profile::Campanile,
        true,
        ".x(xx)x.",
        &expect![[r#"
            2: DOWN SOFT 1 6.25
            2: UNREACHABLE SOFT 1 6.25
            3: UNREACHABLE SOFT 2 12.37
            4: UNREACHABLE HARD 3 12.11
            4: DOWN HARD 3 12.11
            6: UP HARD 1 23.95
        "#]],
    );
}

#[test]
fn a_host_of_nagios_recovers_softly_from_soft() {
    picture(
        Profile::Nagios,
        true,
        "x..xxx.",
        &expect![[r#"
            1: DOWN SOFT 1 6.25
            2: UP SOFT 1 12.37
            3: UP HARD 1 12.11
            4: DOWN SOFT 1 18.09
            5: DOWN SOFT 2 17.70
            6: DOWN HARD 3 17.30
            7: UP HARD 1 23.16
        "#]],
    );
}

#[test]
fn oscillation_below_the_attempts_is_flapping_for_us() {
    picture(
        Profile::Campanile,
        false,
        "x.x.x........................",
        &expect![[r#"
        1: CRITICAL SOFT 1 6.25
        2: OK HARD 1 12.37
        3: CRITICAL SOFT 1 18.36
        4: OK HARD 1 24.21
        5: CRITICAL SOFT 1 29.93
        6: OK HARD 1 35.53 flapping
        22: OK HARD 1 15.79
    "#]],
    );
}

#[test]
fn an_attempt_that_waits_for_the_host_is_as_old_as_it_was() {
    let check = check_of(Profile::Campanile);
    let mut belief = initial(Profile::Campanile, false, Moment::ZERO);
    let mut see = |secs, host| {
        let subject = Subject {
            checkable: CheckableId(1),
            check: &check,
            of_host: false,
            host,
            parents_up: true,
        };
        observe(&mut belief, &subject, Moment::from_secs(secs), Status::Critical, None);
        belief.attempt_at
    };
    assert_eq!(see(10, HostView::Up), Moment::from_secs(10));
    assert_eq!(see(30, HostView::NotUp), Moment::from_secs(10));
    assert_eq!(see(50, HostView::Up), Moment::from_secs(50));
}
