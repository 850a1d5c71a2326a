//! Who may know whom. The rule itself, and its tests on planted shortcuts, live in xtask.

use xtask::{architecture, limits};

#[test]
fn nobody_knows_more_than_the_rule_allows() {
    let graph = architecture::graph(&xtask::root()).unwrap();
    assert_eq!(architecture::forbidden(&graph), Vec::<String>::new());
    assert!(graph.contains_key("engine"), "cargo was not asked about the whole workspace");
    let knowers: Vec<&str> = graph
        .iter()
        .filter(|(_, dependencies)| dependencies.contains("engine"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(knowers, ["server", "sim"]);
}

#[test]
fn the_pure_crates_do_not_touch_the_world() {
    for name in architecture::PURE {
        let found = architecture::impurities(&xtask::root(), name).unwrap();
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_crate_has_a_heading_and_every_heading_a_crate() {
    assert_eq!(architecture::headings(&xtask::root()).unwrap(), Vec::<String>::new());
}

#[test]
fn every_dependency_has_a_reason() {
    assert_eq!(architecture::reasons(&xtask::root()).unwrap(), Vec::<String>::new());
}

#[test]
fn every_limit_is_in_the_table_with_its_value() {
    assert_eq!(limits::faults(&xtask::root()).unwrap(), Vec::<String>::new());
}
