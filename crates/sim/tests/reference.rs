//! The reference model against numbers worked out by hand, since a judge has to be judged too.

use model::{Flapping, Profile, StateType, Status};
use sim::reference::{Event, Rules, Story};

fn rules(profile: Profile, of_host: bool, attempts_max: u8) -> Rules {
    Rules { profile, of_host, attempts_max, flapping: Flapping::default_for(profile) }
}

/// Plays a picture: `.` OK, `w` WARNING, `x` CRITICAL, `u` UNKNOWN, `b` blind, `-`/`+` the host
/// falls or rises, `(`/`)` the parents do. Gives the look after each result, as `STATUS/attempt`,
/// lower case while it is soft, and the percentage at the end.
fn play(rules: Rules, picture: &str) -> (String, u16) {
    let mut story = Story::new(rules);
    let mut looks = Vec::new();
    for glyph in picture.chars() {
        story.live(match glyph {
            '.' => Event::Found(Status::Ok),
            'w' => Event::Found(Status::Warning),
            'x' => Event::Found(Status::Critical),
            'u' => Event::Found(Status::Unknown),
            'b' => Event::Blind,
            '-' | '+' => Event::HostUp(glyph == '+'),
            '(' | ')' => Event::ParentsUp(glyph == ')'),
            other => panic!("no picture has a {other}"),
        });
        let look = story.believed().look;
        let word = match look.kind {
            StateType::Hard => look.status.word().to_owned(),
            StateType::Soft => look.status.word().to_lowercase(),
        };
        looks.push(format!("{word}/{}", look.attempt));
    }
    (looks.join(" "), story.believed().centipercent)
}

#[test]
fn counting_goes_on_over_different_bad_statuses() {
    let (looks, _) = play(rules(Profile::Campanile, false, 3), ".wxux.");
    assert_eq!(looks, "OK/1 warning/1 critical/2 UNKNOWN/3 CRITICAL/3 OK/1");
    let (looks, _) = play(rules(Profile::Icinga, false, 3), ".wxux.");
    assert_eq!(looks, "OK/1 warning/1 critical/2 UNKNOWN/1 CRITICAL/1 OK/1");
}

#[test]
fn one_attempt_believes_at_once() {
    for profile in [Profile::Campanile, Profile::Nagios, Profile::Icinga] {
        assert_eq!(play(rules(profile, false, 1), "x.").0, "CRITICAL/1 OK/1");
    }
}

#[test]
fn a_soft_recovery_of_a_nagios_host_lingers() {
    let (looks, _) = play(rules(Profile::Nagios, true, 3), "x..x.x");
    assert_eq!(looks, "down/1 up/1 UP/1 down/1 up/1 down/1");
    assert_eq!(play(rules(Profile::Campanile, true, 3), "x..").0, "down/1 UP/1 UP/1");
}

#[test]
fn a_service_waits_for_its_host_and_then_begins_afresh() {
    let (looks, _) = play(rules(Profile::Campanile, false, 3), "xx-xw+wxx");
    let expected = "critical/1 critical/2 critical/2 critical/2 warning/2 warning/2 \
                    warning/1 critical/2 CRITICAL/3";
    assert_eq!(looks, expected);
    let (looks, _) = play(rules(Profile::Campanile, false, 1), "-x+x");
    assert_eq!(looks, "OK/1 critical/1 critical/1 CRITICAL/1");
    let (looks, _) = play(rules(Profile::Campanile, false, 2), "xx-w.+");
    assert_eq!(looks, "critical/1 CRITICAL/2 CRITICAL/2 CRITICAL/2 OK/1 OK/1");
    let (looks, _) = play(rules(Profile::Nagios, false, 3), "x-x+x");
    assert_eq!(looks, "critical/1 critical/1 critical/2 critical/2 CRITICAL/3");
}

#[test]
fn parents_turn_down_into_unreachable_and_back() {
    let (looks, percent) = play(rules(Profile::Campanile, true, 2), "wx(x)(.");
    assert_eq!(looks, "UP/1 down/1 unreachable/1 UNREACHABLE/2 DOWN/2 UNREACHABLE/2 UP/1");
    // Recorded: up, down, unreachable, up: transitions 18, 19 and 20.
    // (45.5 + 46.5 + 47.5) / 38 / 20 of 100 % = 18.355...
    assert_eq!(percent, 1836);
}

#[test]
fn flap_percentages_are_those_of_the_formulas() {
    // The newest transition weighs 1.25 of 20; each further result moves it one place down.
    assert_eq!(play(rules(Profile::Campanile, false, 3), ".x").1, 625);
    assert_eq!(play(rules(Profile::Campanile, false, 3), ".xx").1, 612);
    assert_eq!(play(rules(Profile::Campanile, false, 3), &".x".repeat(20)).1, 10_000);
    // Soft results of Nagios services are left out: nothing has happened.
    assert_eq!(play(rules(Profile::Nagios, false, 3), ".x.x.x.").1, 0);
    assert_eq!(play(rules(Profile::Nagios, true, 3), ".x").1, 625);
    // A first OK is a change from UNKNOWN: 1.18 of 20.
    assert_eq!(play(rules(Profile::Icinga, false, 3), ".").1, 590);
    assert_eq!(play(rules(Profile::Icinga, false, 3), &".x".repeat(20)).1, 9_900);
    // OK and WARNING are both UP, and yet a change.
    assert_eq!(play(rules(Profile::Icinga, true, 3), ".w").1, 1_170);
}

#[test]
fn flapping_starts_and_stops_at_its_thresholds() {
    let starts_and_stops = |profile| {
        let mut story = Story::new(rules(profile, false, 9));
        let mut picture = String::new();
        for turn in 0..40 {
            let bad = turn < 10 && turn % 2 == 1;
            story.live(Event::Found(if bad { Status::Critical } else { Status::Ok }));
            picture.push(if story.believed().flapping { 'F' } else { '.' });
        }
        picture
    };
    // The result with index n brings the n-th change. With five changes the percentage is
    // (1.25 + 1.2237 + 1.1974 + 1.1711 + 1.1447) * 5 = 29.93, with six 35.53.
    let campanile = starts_and_stops(Profile::Campanile);
    assert_eq!(campanile.find('F'), Some(6));
    assert!(campanile.ends_with('.'), "{campanile}");
    // With the first OK as a change: five changes are (1.18 + ... + 1.10) * 5 = 28.5.
    let icinga = starts_and_stops(Profile::Icinga);
    assert_eq!(icinga.find('F'), Some(5));
    assert!(icinga.ends_with('.'), "{icinga}");
}

#[test]
fn a_blind_look_changes_nothing() {
    for profile in [Profile::Campanile, Profile::Nagios, Profile::Icinga] {
        for of_host in [false, true] {
            let with = play(rules(profile, of_host, 3), "b.bxbxb").1;
            assert_eq!(with, play(rules(profile, of_host, 3), ".xx").1);
        }
    }
}
