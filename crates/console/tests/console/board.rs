//! What a reload keeps.

use std::sync::Arc;

use console::{Board, Entry};
use model::{CheckableId, Measure, StateType, Status, Verdict};

use crate::{
    fixture::{HTTP, PING, Running, answer, believed, host, service, text},
    page::{Format, Page},
};

fn cell(board: &Board, id: u32) -> &Arc<console::Cell> {
    board.cell(CheckableId(id)).unwrap()
}

#[test]
fn a_reload_keeps_the_cell_of_whoever_stays() {
    let old = Board::new(
        vec![host(0, "web"), service(1, "site", &HTTP), service(2, "line", &PING)],
        None,
    );
    cell(&old, 1).believe(&believed(Status::Critical, StateType::Hard), 0);
    let moved = Entry { target: Arc::from("https://elsewhere/"), ..service(1, "site", &HTTP) };
    let new = Board::new(vec![service(3, "more", &HTTP), moved, host(0, "web")], Some(&old));
    assert_eq!((new.hosts_len(), new.services_len()), (1, 2));
    for id in [0, 1] {
        assert!(Arc::ptr_eq(cell(&old, id), cell(&new, id)), "{id}");
    }
    assert!(new.cell(CheckableId(2)).is_none());
    assert!(new.cell(CheckableId(9_999)).is_none());
    // A shard that has not heard of the new board yet still writes into the same cell.
    cell(&old, 1).believe(&believed(Status::Ok, StateType::Hard), 0);
    assert_eq!(cell(&new, 1).look().unwrap().status, Status::Ok);
    assert_eq!(cell(&new, 3).look(), None);
}

#[test]
fn whoever_is_asked_otherwise_or_is_another_begins_afresh() {
    let old = Board::new(vec![service(1, "site", &HTTP), service(2, "line", &PING)], None);
    for id in [1, 2] {
        cell(&old, id).answered(&answer(1, Verdict::OK, vec![Measure::number(0, 1.0)]));
    }
    let new = Board::new(vec![service(1, "site", &PING), service(2, "other", &PING)], Some(&old));
    for id in [1, 2] {
        assert!(!Arc::ptr_eq(cell(&old, id), cell(&new, id)), "{id}");
        assert_eq!(cell(&new, id).conclusive_at(), model::Moment::ZERO);
    }
}

#[test]
fn texts_outlive_the_board_that_took_them() {
    let running = Running::start(vec![service(1, "site", &HTTP)]);
    let old = running.shared.board();
    let kept = Arc::clone(cell(&old, 1));
    running.shared.show(Arc::new(Board::new(vec![service(1, "site", &HTTP)], Some(&old))));
    drop(old);
    kept.answered(&answer(1, Verdict::OK, vec![text(2, "TLS 1.3")]));
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    assert_eq!(page.value("probe_tls_version_info", &[("version", "TLS 1.3")]), Some(1.0));
}
