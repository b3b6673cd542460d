//! Each goal is reached by a history of its own, and by none that is calm.

use super::fault::{KINDS, Struck, strikes_later};
use super::goal::{Goal, Goals};
use crate::checker::histories::{History, ORDER_5, Shape};
use crate::checker::live::Waiting;
use crate::history::{Event, LookupStep};
use crate::topo::Alias;

fn seen(lines: &[&str]) -> Goals {
    History::run(Shape::Unique, false, lines).judge.seen().goals
}

fn check(lines: &[&str], expected: &[Goal]) {
    let goals = seen(lines);
    let reached: Vec<(Goal, u64)> = goals.reached().collect();
    let expected: Vec<(Goal, u64)> = expected.iter().map(|goal| (*goal, 1)).collect();
    assert_eq!(reached, expected, "{lines:?}");
}

const DELETE_5: [&str; 3] = [
    "a normal customer/-80 commits -order 5 1 Product_5",
    "a post product/0 commits -lookup Product_5 1",
    "a ends commit",
];

/// Its row is gone, its entry is not.
const LEFT_5: [&str; 3] = [
    "a normal customer/-80 commits -order 5 1 Product_5",
    "a post product/0 fails",
    "a ends commit",
];

#[test]
fn a_calm_history_reaches_nothing() {
    check(&[&ORDER_5[..], &DELETE_5, &ORDER_5].concat(), &[]);
    check(
        &["a asks insert into corder (order_id) values (1)", "a told error 1062 Duplicate entry"],
        &[],
    );
    // An entry that is in flight does not dangle, whoever takes it.
    check(
        &[
            "a pre product/0 commits +lookup Product_5 1",
            "b pre product/0 commits ~lookup Product_5 1 > lookup Product_5 4",
            "b normal customer/80- commits +order 6 4 Product_5",
            "b ends commit",
        ],
        &[],
    );
}

#[test]
fn a_dangling_entry_is_pointed_elsewhere_or_gets_its_row() {
    let start = [&ORDER_5[..], &LEFT_5].concat();
    check(&start, &[Goal::PostCommitFailed]);
    let reused = [Goal::DanglingReused, Goal::PostCommitFailed];
    let elsewhere = [
        "b pre product/0 commits ~lookup Product_5 1 > lookup Product_5 4",
        "b normal customer/80- commits +order 6 4 Product_5",
        "b ends commit",
    ];
    check(&[&start[..], &elsewhere].concat(), &reused);
    let same = ["b normal customer/-80 commits +order 7 1 Product_5", "b ends commit"];
    check(&[&start[..], &same].concat(), &reused);
}

#[test]
fn a_deadlock_is_what_a_client_is_told() {
    check(&["a asks commit", "a told error 1213 Deadlock found"], &[Goal::Deadlock]);
}

#[test]
fn waits_across_two_servers_are_counted_once() {
    let wait = |tablet: u32, waiter: &str, holder: &str| Waiting {
        tablet: Alias::new("zone1", tablet),
        waiter: waiter.into(),
        holders: vec![holder.into()],
        what: String::new(),
    };
    let mut history = History::new(Shape::Unique, false);
    let cycle = [wait(101, "a pre", "b pre"), wait(201, "b normal", "a normal")];
    for (waits, expected) in [(&cycle[..1], 0), (&cycle, 1), (&cycle, 1), (&[], 1), (&cycle, 2)] {
        history.judge.waits(waits);
        assert_eq!(history.judge.seen().goals.count(Goal::WaitCycle), expected);
    }
}

#[test]
fn a_duplicate_waits_between_its_entry_and_its_owner() {
    let mut history = History::new(Shape::Unique, false);
    let mut wait = |step: Option<LookupStep>, holder: &str, table: &str| {
        if let Some(step) = step {
            history.judge.observe(&Event::Lookup { session: "b".into(), step }, 1);
        }
        history.judge.lock_wait_began("b normal", &[holder.to_owned()], table);
        history.judge.seen().goals.count(Goal::OwnerWaitedFor)
    };
    assert_eq!(wait(None, "a normal", "corder"), 0, "it has met no entry");
    assert_eq!(wait(Some(LookupStep::DuplicateFound), "a pre", "corder_lookup"), 0);
    assert_eq!(wait(None, "b post", "corder"), 0, "it waits for itself");
    assert_eq!(wait(None, "a normal", "corder"), 1);
    assert_eq!(wait(Some(LookupStep::OwnerChecked), "a normal", "corder"), 1, "it is settled");
}

/// Tells a fault as the world does, between a question of session a and its answer.
fn struck(kind: &'static str, target: &str, answer: &str) -> Goals {
    let mut history = History::new(Shape::Unique, false);
    history.line("a asks commit");
    history.line(&format!("fault {kind} {target}"));
    if strikes_later(kind) {
        assert_eq!(history.judge.seen().goals, Goals::default(), "{kind} has not struck");
        let (from, to) = ("vtgate-1".to_owned(), "zone1-0000000101".to_owned());
        history.judge.rule_struck(&Struck { kind, from, to });
    }
    history.line(&format!("a told {answer}"));
    history.judge.seen().goals
}

#[test]
fn each_kind_of_fault_changes_an_outcome() {
    for kind in KINDS {
        let of_session = ["disconnect", "client-timeout"].contains(&kind) || kind.contains("kill-");
        let target = if of_session { "a 5s" } else { "zone1-0000000101 5s" };
        let mut expected = Goals::default();
        assert_eq!(struck(kind, target, "ok 1"), expected, "{kind}");
        assert_eq!(struck(kind, target, "error 1062 Duplicate entry"), expected, "{kind}");
        expected.reach(Goal::Changed(kind));
        assert_eq!(struck(kind, target, "unknown"), expected, "{kind}");
        assert_eq!(struck(kind, target, "error 2013 Lost connection"), expected, "{kind}");
    }
}

#[test]
fn only_the_sole_suspect_is_blamed() {
    let asks = "a asks commit";
    let crash = Goal::Changed("crash");
    check(&[asks, "fault crash vtgate-1", "fault cut vtgate-1 vtgate-2", "a told unknown"], &[]);
    check(&[asks, "fault crash vtgate-1", "fault crash vtgate-2", "a told unknown"], &[crash]);
    // What is over may be felt late.
    check(&["fault crash vtgate-1", "fault restart vtgate-1", asks, "a told unknown"], &[crash]);
    let over = ["fault crash vtgate-1", "fault recover", "fault cut vtgate-1 vtgate-2"];
    check(&[&over[..], &[asks, "a told unknown"]].concat(), &[]);
    check(&[asks, "fault disconnect b", "a told unknown"], &[]);
    check(&[asks, "fault crash vtgate-1 (did nothing: it is down)", "a told unknown"], &[]);
    check(&[asks, "fault recover", "a told unknown"], &[]);
}

#[test]
fn a_timeout_is_ordinary_for_who_has_waited() {
    let told = "a told error 3024 maximum statement execution time exceeded";
    let seen = |lines: &[&str]| {
        let mut history = History::new(Shape::Unique, false);
        for line in lines {
            match *line {
                "a waits" => history.judge.lock_wait_began("a pre", &[], "corder_lookup"),
                line => history.line(line),
            }
        }
        history.judge.seen().goals.count(Goal::Changed("pause"))
    };
    let pause = "fault pause vtgate-1";
    assert_eq!(seen(&[pause, "a asks commit", told]), 1);
    assert_eq!(seen(&[pause, "a asks commit", "a waits", told]), 0);
    let later = ["a asks begin", "a waits", "a told ok 0", "a asks commit", told];
    assert_eq!(seen(&[&[pause][..], &later].concat()), 0);
}

#[test]
fn what_follows_the_end_of_a_run_is_not_counted() {
    let mut history = History::new(Shape::Unique, false);
    history.judge.stop_counting();
    history.line("a asks commit");
    history.line("a told error 1213 Deadlock found");
    assert_eq!(history.judge.seen().goals, Goals::default());
}
