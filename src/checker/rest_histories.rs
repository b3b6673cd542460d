//! Runs at rest, in histories written by hand: see [`histories`](super::histories).

use std::rc::Rc;

use sim::mysql::outcome::Outcome;
use sim::sql_error::SqlError;

use crate::checker::histories::{History, ORDER_5, Shape};
use crate::checker::live::{Held, Waiting};
use crate::checker::reusable::Way;
use crate::history::Answer;
use crate::topo::Alias;

/// Order 5 is there; then these.
fn play(lines: &[&str]) -> History {
    History::run(Shape::Unique, false, &[&ORDER_5, lines].concat())
}

const ASKS_6: &str = "a asks insert into corder (order_id, customer_id, sku) values (6, 1, 'x')";

#[test]
fn a_session_does_not_wait_for_itself() {
    let found = |lines: &[&str], waiter: &str, holder: &str| {
        let mut history = play(lines);
        let wait = Waiting {
            tablet: Alias::new("zone1", 301),
            waiter: waiter.into(),
            holders: vec![holder.into()],
            what: "corder_lookup.PRIMARY(x)".into(),
        };
        // It is looked at often, and told of once.
        history.judge.waits(std::slice::from_ref(&wait));
        history.judge.waits(&[wait]);
        history.found()
    };
    let begun = [ASKS_6, "a pre product/0 begins"];
    assert_eq!(found(&begun, "a normal", "a pre"), "live");
    assert_eq!(found(&begun, "a normal", "b pre"), "held");
    // One value twice in one transaction: that waits, by all rules.
    let delete = "a asks delete from corder where order_id = 5";
    let twice = [
        "a asks begin",
        "a told ok",
        delete,
        "a post product/0 begins",
        "a told ok 1",
        "a asks insert into corder (order_id, customer_id, sku) values (6, 1, 'Product_5')",
    ];
    assert_eq!(found(&twice, "a pre", "a post"), "held");
    assert_eq!(found(&[delete, "a pre product/0 begins"], "a post", "a pre"), "live");
    // What an earlier work has left.
    assert_eq!(found(&[delete, "a normal product/0 begins"], "a post", "a pre"), "held");
    let waits = |update: &str| {
        let asks = format!("a asks update corder set {update}");
        found(&[&asks, "a post product/0 begins"], "a pre", "a post")
    };
    assert_eq!(waits("customer_id = 1 where order_id = 5"), "live");
    assert_eq!(waits("sku = 'Product_5' where order_id = 5"), "live");
    assert_eq!(waits("sku = 'x' where sku = 'Product_5'"), "live");
    // A row without its entry: what is deleted of it locks what is between others.
    let asks = "a asks update corder set sku = 'x' where order_id = 5";
    let lacks = ["w post product/0 commits -lookup Product_5 1", asks, "a post product/0 begins"];
    assert_eq!(found(&lacks, "a pre", "a post"), "no_missing");
    // What it finds its rows by is locked in the post list, what it sets in the pre one.
    assert_eq!(waits("sku = 'product_5' where sku = 'Product_5'"), "held");
    assert_eq!(waits("sku = 'y' where sku in ('x', 'y')"), "held");
    assert_eq!(waits("sku = concat(sku, 'x') where order_id = 5"), "held");
}

#[test]
fn what_a_client_leaves_behind_is_rolled_back_when_its_statement_is_over() {
    let found = |lines: &[&str]| {
        let begun = ["a normal customer/-80 begins", "a normal customer/80- begins"];
        play(&[&begun, lines, &["a normal customer/-80 killed"]].concat()).found()
    };
    assert_eq!(found(&["a leaves"]), "held");
    assert_eq!(found(&["a leaves", "later 29"]), "live");
    // It waits on one shard until the killer comes to the other.
    let (calls, answers) = ("a normal customer/80- calls", "a normal customer/80- answers");
    assert_eq!(found(&[calls, "a leaves", "later 29"]), "held");
    assert_eq!(found(&[calls, calls, "a leaves", answers, "later 29"]), "held");
    assert_eq!(found(&[calls, "a leaves", "later 29", answers]), "held");
    assert_eq!(found(&[calls, "a leaves", answers, "later 29"]), "live");
    assert_eq!(found(&[calls, answers, "a leaves", "later 29"]), "live");
}

#[test]
fn nothing_is_left_at_rest() {
    let found = |lines: &[&str], held: &[(&str, &str)]| {
        let mut history = play(lines);
        let held = held.iter().map(|(tag, what)| Held {
            tablet: Alias::new("zone1", 301),
            tag: (*tag).into(),
            what: (*what).into(),
        });
        history.judge.at_rest(&held.collect::<Vec<_>>());
        history.found()
    };
    assert_eq!(found(&[], &[]), "held");
    assert_eq!(found(&[], &[("a pre", "an open transaction")]), "live");
    assert_eq!(found(&[], &[("vreplication corder_lookup 3", "an open transaction")]), "held");
    assert_eq!(found(&["fault crash vtgate-1"], &[("a pre", "an open transaction")]), "held");
    assert_eq!(found(&[ASKS_6], &[]), "live");
    assert_eq!(found(&[ASKS_6, "a told error 1205 timeout"], &[]), "held");
    assert_eq!(found(&["fault pause vtgate-1", ASKS_6], &[]), "held");
    assert_eq!(found(&["fault pause vtgate-1", ASKS_6, "fault recover"], &[]), "live");
}

#[test]
fn an_entry_without_a_row_was_left_by_something() {
    let found = |lines: &[&str]| {
        let mut history = play(lines);
        history.judge.explain_what_is_left();
        history.found()
    };
    let entry = "b pre product/0 commits +lookup x 4";
    // The normal list is forgotten, and nothing has failed.
    assert_eq!(
        found(&[entry, "b normal customer/80- begins", "b ends commit"]),
        "explained, unknown"
    );
    assert_eq!(
        found(&[entry, "b normal customer/80- fails", "b ends rollback"]),
        "failed-normal-commit"
    );
    assert_eq!(found(&DANGLES), "lost-session");
    assert_eq!(found(&[entry]), "in flight");
    let row = "b normal customer/80- commits +order 4 4 x";
    assert_eq!(found(&[entry, row, "b ends commit"]), "held");
}

#[test]
fn what_a_client_was_told_of_is_kept() {
    let found = |lines: &[&str], durable: bool| {
        let mut history = play(lines);
        if durable {
            history.judge.durable("customer");
        }
        history.judge.at_end();
        history.found()
    };
    let promote = "promote customer/-80 102";
    assert_eq!(found(&[promote], true), "kept, lost-by-failover");
    // Nothing has failed, and no operator has given the primary up.
    assert_eq!(found(&[promote], false), "kept, lost-by-failover");
    assert_eq!(found(&["replicate customer/-80 102", promote], true), "held");
    let one = ["fault crash zone1-0000000101", promote];
    assert_eq!(found(&one, true), "kept, lost-by-failover");
    assert_eq!(found(&one, false), "lost-by-failover");
    let two =
        ["fault power-off zone1-0000000101 torn=1", "fault bounce zone1-0000000102 1s", promote];
    assert_eq!(found(&two, true), "lost-by-failover");
    // Its client knows nothing of it.
    let unanswered = [
        "a normal customer/-80 runs +order 6 1 null",
        "a normal customer/-80 unanswered",
        "a ends rollback",
    ];
    let lost = [&["replicate customer/-80 102"][..], &unanswered, &[promote]].concat();
    assert_eq!(found(&lost, true), "held");
}

const DANGLES: [&str; 2] = ["b pre product/0 commits +lookup x 4", "fault Crash(\"vtgate-1\")"];

#[test]
fn a_value_that_dangles_can_be_inserted() {
    let found = |answer: &Answer, way: Way| {
        let mut history = play(&DANGLES);
        let probes = history.judge.probes(0);
        let [probe] = probes.as_slice() else { panic!("{probes:?}") };
        assert!(probe.sql.ends_with(", 'x')"), "{}", probe.sql);
        history.judge.judge_probe(probe, way, answer);
        history.found()
    };
    let error = |errno| Answer::Error(SqlError::new(errno, "23000", "no"));
    let ok = Answer::Ok(Rc::new(Outcome { affected: 1, ..Outcome::default() }));
    for way in [Way::InTransaction, Way::Alone] {
        assert_eq!(found(&ok, way), "lost-session");
        assert_eq!(found(&error(1062), way), "reusable, lost-session");
        assert_eq!(found(&Answer::Unknown("connection lost".into()), way), "lost-session");
    }
    assert!(play(&[]).judge.probes(0).is_empty());
    // What is on its way is not asked for.
    assert!(play(&DANGLES[..1]).judge.probes(0).is_empty());
    // A probe may wait for the owner row, and is a duplicate then.
    let mut history = play(&DANGLES);
    let probes = history.judge.probes(0);
    history.line("b normal customer/80- commits +order 4 4 x");
    history.judge.judge_probe(&probes[0], Way::InTransaction, &error(1062));
    assert_eq!(history.found(), "held");
}

#[test]
fn rows_by_a_lookup_are_the_rows_that_there_are() {
    let found = |rows: &[usize]| {
        let mut history = play(&DANGLES);
        let questions = history.judge.questions();
        let [first, second] = questions.as_slice() else { panic!("{questions:?}") };
        let row = first.rows[0].clone();
        let outcome = Outcome { rows: vec![row; rows[0]], ..Outcome::default() };
        history.judge.judge_question(first, &Answer::Ok(Rc::new(outcome)));
        let row = first.rows[0].clone();
        let outcome = Outcome { rows: vec![row; rows[1]], ..Outcome::default() };
        history.judge.judge_question(second, &Answer::Ok(Rc::new(outcome)));
        history.found()
    };
    assert_eq!(found(&[1, 0]), "lost-session");
    assert_eq!(found(&[0, 0]), "routing_equal, lost-session");
    assert_eq!(found(&[2, 0]), "routing_equal, lost-session");
    assert_eq!(found(&[1, 1]), "routing_equal, lost-session");
}
