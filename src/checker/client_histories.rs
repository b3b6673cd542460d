//! What clients were told, in histories written by hand: see [`histories`](super::histories).

use crate::checker::departure::Departure;
use crate::checker::histories::{History, ORDER_5, Shape};

/// Order 5 is there; then these.
fn check(name: &str, lines: &[&str], expected: &str) {
    let history = History::run(Shape::Unique, false, &[&ORDER_5, lines].concat());
    let stories: Vec<String> = history.judge.violations().iter().map(|v| v.to_string()).collect();
    assert_eq!(history.found(), expected, "{name}\n{}", stories.join("\n"));
}

const ASKS_6: &str = "a asks insert into corder (order_id, customer_id, sku) values (6, 1, 'x')";
const PRE_6: &str = "a pre product/0 commits +lookup x 1";
const NORMAL_6: &str = "a normal customer/-80 commits +order 6 1 x";
const ENDS: &str = "a ends commit";

#[test]
fn an_answer_is_what_happened() {
    check("well", &[ASKS_6, PRE_6, NORMAL_6, ENDS, "a told ok 1"], "held");
    check(
        "the normal list failed",
        &[ASKS_6, PRE_6, "a normal customer/-80 fails", ENDS, "a told ok 1"],
        "honest, failed-normal-commit",
    );
    let forgotten = "a normal customer/-80 begins";
    check("never sent", &[ASKS_6, PRE_6, forgotten, ENDS, "a told ok 1"], "honest, unknown");
    check("one row too many", &[ASKS_6, PRE_6, NORMAL_6, ENDS, "a told ok 2"], "honest");
    check(
        "an error of nothing",
        &[ASKS_6, PRE_6, NORMAL_6, ENDS, "a told error 1105 no"],
        "honest",
    );
    // Legal: an error after a failure, success where only post has failed.
    check(
        "an error of a failure",
        &[ASKS_6, PRE_6, "a normal customer/-80 fails", ENDS, "a told error 1105 no"],
        "failed-normal-commit",
    );
    let delete = "a asks delete from corder where order_id = 5";
    let gone = "a normal customer/-80 commits -order 5 1 Product_5";
    check(
        "post failed",
        &[delete, "a post product/0 begins", gone, "a post product/0 fails", ENDS, "a told ok 1"],
        "failed-post-commit",
    );
    check(
        "no answer",
        &[ASKS_6, PRE_6, "a normal customer/-80 fails", ENDS, "a told unknown"],
        "failed-normal-commit",
    );
}

#[test]
fn a_transaction_that_lost_a_shard_is_to_be_rolled_back() {
    let told = |error: &str| {
        let told = format!("a told error 1105 {error}");
        let begin = ["a asks begin", "a told ok", ASKS_6, "a pre product/0 begins"];
        let lines = [&begin[..], &[&told]].concat();
        History::run(Shape::Unique, false, &[&ORDER_5, &lines[..]].concat()).found()
    };
    assert_eq!(told("wrong tablet type: PRIMARY, want: REPLICA or []"), "honest");
    assert_eq!(told("VT15001: transaction error: wrong tablet type: PRIMARY"), "honest");
    assert_eq!(told("row count exceeded"), "held");
}

#[test]
fn one_row_is_not_of_several_shards() {
    const REFUSED: &str = "a told error 1105 multi-db transaction attempted: [..]";
    let ends = ["a normal customer/-80 begins", "a normal customer/-80 rolls", "a ends rollback"];
    let asks = |asked: &'static str| [&[asked][..], &ends, &[REFUSED]].concat();
    check("one row", &asks(ASKS_6), "honest");
    let two =
        "a asks insert into corder (order_id, customer_id, sku) values (6, 1, 'x'), (7, 2, 'y')";
    check("two rows", &asks(two), "held");
    check(
        "in a transaction",
        &[&["a asks begin", "a told ok"], &asks(ASKS_6)[..]].concat(),
        "held",
    );
}

#[test]
fn a_transaction_that_was_rolled_back_has_not_committed() {
    let begin = ["a asks begin", "a told ok", ASKS_6, "a normal customer/-80 begins"];
    let with = |lines: &[&'static str]| [&begin[..], lines].concat();
    let rolls = "a normal customer/-80 rolls";
    check(
        "rolled back",
        &with(&["a told ok 1", "a asks rollback", rolls, "a ends rollback", "a told ok"]),
        "held",
    );
    let runs = "a normal customer/-80 runs +order 6 1 null";
    check(
        "and committed",
        &with(&["a told ok 1", "a asks rollback", runs, rolls, "a ends rollback", "a told ok"]),
        "honest",
    );
    check("still open", &with(&["a told ok 1", "a asks commit", "a told ok"]), "honest");
    // An error has said so: COMMIT is well then.
    let error = "a told error 1213 deadlock";
    check(
        "told before",
        &with(&[rolls, "a ends rollback", error, "a asks commit", "a told ok"]),
        "held",
    );
    check("told of success", &with(&[rolls, "a ends rollback", "a told ok 1"]), "honest");
}

#[test]
fn a_commit_that_comes_late_is_of_no_known_work() {
    let pre = "a pre product/0 begins";
    let first = [ASKS_6, pre, "a pre product/0 fails", ENDS, "a told error 2013 lost"];
    let rolled = ["a pre product/0 rolls", "a ends rollback", "a told error 1062 duplicate"];
    let late = [ASKS_6, pre, "a pre product/0 late +lookup x 1"];
    check("late", &[&first[..], &late, &rolled].concat(), "failed-pre-commit");
    let second = [&[ASKS_6, pre, "a pre product/0 runs +lookup x 1"][..], &rolled].concat();
    check("rolled back", &second, "honest, unknown");
    check("rolled back, after another", &[&first[..], &second].concat(), "honest, unknown");
}

#[test]
fn an_insert_goes_on_alone_only_after_its_rollback() {
    let departs = |lines: &[&str], told: &str| {
        let asks = "a asks insert into corder (order_id, customer_id, sku) values (6, 1, null)";
        let alone = "a normal customer/-80 writes +order 6 1 null";
        let lines = [&ORDER_5, &[asks][..], lines, &[alone, told]].concat();
        let history = History::run(Shape::Unique, false, &lines);
        assert_eq!(history.found(), "honest", "{lines:?}");
        history.judge.violations()[0].departure
    };
    let rolled = ["a pre product/0 begins", "a pre product/0 rolls", "a ends rollback"];
    assert_eq!(departs(&rolled, "a told ok 1"), Some(Departure::WentOnAlone));
    assert_eq!(departs(&[], "a told ok 2"), None);
}

#[test]
fn a_failed_statement_leaves_no_row() {
    let begin = ["a asks begin", "a told ok", ASKS_6];
    let end = ["a asks commit", PRE_6, NORMAL_6, ENDS, "a told ok"];
    let with = |lines: &[&'static str]| [&begin[..], lines, &end[..]].concat();
    check("it succeeded", &with(&["a told ok 1"]), "held");
    check("it failed", &with(&["a told error 1062 duplicate"]), "atomic");
    check("and again", &with(&["a told error 1062 duplicate", ASKS_6, "a told ok 1"]), "held");
    // Another statement may have brought it.
    let query = "a asks insert into corder select * from old";
    check("in doubt", &with(&["a told error 1062 duplicate", query, "a told ok 1"]), "held");
    let other = [&begin[..], &["a told ok 1", "a asks delete from corder where order_id = 5"]];
    let deleted = "a normal customer/-80 commits +order 6 1 x ; -order 5 1 Product_5";
    let rest = ["a asks commit", "a post product/0 begins", PRE_6, deleted];
    let post = ["a post product/0 commits -lookup Product_5 1", ENDS, "a told ok"];
    let told = |told: &'static str| [&other.concat()[..], &[told], &rest[..], &post[..]].concat();
    check("a delete", &told("a told ok 1"), "held");
    check("a delete that failed", &told("a told error 1205 timeout"), "atomic");
}

#[test]
fn a_row_that_was_written_is_committed() {
    let begin = ["a asks begin", "a told ok", ASKS_6, "a normal customer/-80 begins"];
    let end = ["a asks commit", "a normal customer/-80 commits", ENDS, "a told ok"];
    let with = |lines: &[&'static str]| [&begin[..], lines, &end[..]].concat();
    check("nothing came", &with(&["a told ok 1"]), "atomic");
    check("nothing was to come", &with(&["a told error 1062 duplicate"]), "held");
    let back = ["a told ok 1", "a asks rollback to s", "a told ok"];
    check("it was undone", &with(&back), "held");
    let another = "a asks insert into corder (order_id, customer_id, sku) values (7, 1, 'y')";
    let one = ["a told ok 1", another, "a told ok 1", "a asks commit", PRE_6, NORMAL_6, ENDS];
    check("one of two", &[&begin[..3], &one, &["a told ok"]].concat(), "atomic");
}

#[test]
fn a_row_that_is_read_was_there() {
    let reads = "a asks select * from corder where sku = 'Product_5'";
    check("it is there", &[reads, "a told rows 5 1 Product_5"], "held");
    check("another value", &[reads, "a told rows 5 1 Product_7"], "sound_reads, stable_reads");
    check("twice", &[reads, "a told rows 5 1 Product_5 , 6 1 Product_5"], "sound_reads");
    check("not there", &["a asks select * from corder where sku = 'y'", "a told rows"], "held");
    let update = [
        "b pre product/0 commits +lookup y 1",
        "b normal customer/-80 commits ~order 5 1 Product_5 > order 5 1 y",
        "b post product/0 commits -lookup Product_5 1",
        "b ends commit",
    ];
    let meanwhile = |answer: &'static str| [&[reads][..], &update, &[answer]].concat();
    check("it was there", &meanwhile("a told rows 5 1 Product_5"), "held");
    check("it went", &meanwhile("a told rows"), "held");
    check("it came as another", &meanwhile("a told rows 5 1 y"), "sound_reads");
    check(
        "long ago",
        &[&update[..], &[reads, "a told rows 5 1 Product_5"]].concat(),
        "sound_reads",
    );
}

#[test]
fn rows_come_in_the_order_that_was_asked_for() {
    let came = [ASKS_6, PRE_6, NORMAL_6, ENDS, "a told ok 1"];
    let (up, down) = ("a told rows 5 1 Product_5 , 6 1 x", "a told rows 6 1 x , 5 1 Product_5");
    let read = |order: &str, told: &str, expected: &str| {
        let reads =
            format!("a asks select * from corder where order_id in (5, 6) order by {order}");
        check(&format!("{order}: {told}"), &[&came[..], &[&reads, told]].concat(), expected);
    };
    read("order_id", up, "held");
    read("order_id", down, "sound_reads");
    read("order_id desc", down, "held");
    read("sku, order_id", down, "sound_reads");
    // Nobody says what comes first of equals.
    read("customer_id", down, "held");
    read("order_id + 1", down, "held");
}

#[test]
fn a_row_that_is_locked_is_nobody_elses() {
    let reads =
        |who: &str| format!("{who} asks select * from corder where order_id = 5 for update");
    let (a, b) = (reads("a"), reads("b"));
    let row = "told rows 5 1 Product_5";
    let (a_told, b_told) = (format!("a {row}"), format!("b {row}"));
    let locked = ["a asks begin", "a told ok", &a, "a normal customer/-80 begins", &a_told];
    let other = ["b asks begin", "b told ok", &b, "b normal customer/-80 begins", &b_told];
    check("both", &[locked, other].concat(), "sound_reads");
    let ended = ["a asks commit", "a normal customer/-80 commits", ENDS, "a told ok"];
    check("one after the other", &[&locked[..], &ended, &other].concat(), "held");
    check("one that asks", &[&locked[..], &["a asks select 1"], &other].concat(), "held");
    check("a fault", &[&locked[..], &["fault crash z"], &other].concat(), "held");
    let back = ["a asks rollback to s", "a told ok"];
    check("a savepoint", &[&locked[..], &back, &other].concat(), "held");
    let gone = ["b pre product/0 commits +lookup y 1", "b normal customer/-80 begins"];
    let changed = "b normal customer/-80 commits ~order 5 1 Product_5 > order 5 1 y";
    // Its old entry is still to go.
    check("changed", &[&locked[..], &gone, &[changed]].concat(), "sound_reads, in flight");
}

#[test]
fn a_transaction_sees_a_row_as_it_saw_it_first() {
    let reads = "a asks select * from corder where order_id = 5";
    let first = ["a asks begin", "a told ok", reads, "a told rows 5 1 Product_5"];
    let update = [
        "b pre product/0 commits +lookup y 1",
        "b normal customer/-80 commits ~order 5 1 Product_5 > order 5 1 y",
        "b post product/0 commits -lookup Product_5 1",
        "b ends commit",
    ];
    let with = |lines: &[&'static str]| [&first[..], &update, lines].concat();
    check("as before", &with(&[reads, "a told rows 5 1 Product_5"]), "held");
    check("as it is now", &with(&[reads, "a told rows 5 1 y"]), "sound_reads");
    let locks = "a asks select * from corder where order_id = 5 for update";
    check("locked", &with(&[locks, "a told rows 5 1 y", reads, "a told rows 5 1 y"]), "held");
    let again = ["a asks rollback", "a ends rollback", "a told ok", "a asks begin", "a told ok"];
    check("another", &with(&[&again[..], &[reads, "a told rows 5 1 y"]].concat()), "held");
}

#[test]
fn a_row_that_is_refused_has_another_in_its_way() {
    let insert = |words: &str, order: i32, sku: &str| {
        format!(
            "a asks {words} into corder (order_id, customer_id, sku) values ({order}, 1, {sku})"
        )
    };
    let duplicate = "a told error 1062 Duplicate entry '5' for key 'corder.PRIMARY'";
    check("it is there", &[&insert("insert", 5, "'x'"), duplicate], "held");
    check("it is not", &[&insert("insert", 6, "'x'"), duplicate], "honest");
    let entry = "a told error 1062 Duplicate entry 'x' for key 'corder_lookup.PRIMARY'";
    check("an entry", &[&insert("insert", 6, "'x'"), entry], "held");
    let own = ["a asks begin", "a told ok", &insert("insert", 6, "'x'"), duplicate];
    check("perhaps its own", &own, "held");
    check("ignored", &[&insert("insert ignore", 5, "null"), "a told ok 0"], "held");
    check("for nothing", &[&insert("insert ignore", 6, "null"), "a told ok 0"], "honest");
    check("for its value", &[&insert("insert ignore", 6, "'x'"), "a told ok 0"], "held");
}

#[test]
fn a_row_that_was_met_counts_twice() {
    let upsert = "a asks insert into corder (order_id, customer_id, sku) values (6, 1, 'x') \
                  on duplicate key update sku = sku";
    let with = |told: &'static str| [upsert, PRE_6, NORMAL_6, ENDS, told];
    check("it came", &with("a told ok 1"), "held");
    check("it was not there", &with("a told ok 2"), "honest");
}

#[test]
fn a_row_of_its_own_is_found() {
    let begin = ["a asks begin", "a told ok", ASKS_6, "a pre product/0 begins"];
    let reads = "a asks select * from corder where sku = 'x'";
    let with = |lines: &[&'static str]| {
        [&begin[..], &["a normal customer/-80 begins", "a told ok 1"], lines].concat()
    };
    check("found", &with(&[reads, "a told rows 6 1 x"]), "held");
    check("not found", &with(&[reads, "a told rows"]), "stable_reads");
    let deleted = ["a asks delete from corder where order_id = 6", "a told ok 1"];
    check("deleted", &with(&[&deleted[..], &[reads, "a told rows"]].concat()), "held");
    check("a fault", &with(&["fault crash z", reads, "a told rows"]), "held");
}

#[test]
fn a_row_that_does_not_change_is_read() {
    let reads = "a asks select * from corder where sku in ('Product_5', 'z')";
    check("it is missing", &[reads, "a told rows"], "stable_reads");
    check("an error", &[reads, "a told error 1105 no"], "held");
    check(
        "by another column",
        &["a asks select * from corder where order_id = 5", "a told rows"],
        "stable_reads",
    );
    let came =
        ["w pre product/0 commits +lookup z 1", "w normal customer/-80 commits +order 7 1 z"];
    let given = "a told rows 5 1 Product_5";
    check("it came meanwhile", &[&[reads][..], &came, &["w ends commit", given]].concat(), "held");
    let before = [&came[..], &["w ends commit", reads, given]].concat();
    check("it came before", &before, "stable_reads");
    // A transaction may have read before it came.
    let snapshot = [&["a asks begin", "a told ok"][..], &came, &["w ends commit", reads, given]];
    check("after begin", &snapshot.concat(), "held");
    let targeted = ["a asks use customer:-80", "a told ok", reads, "a told rows"];
    check("one shard", &targeted, "held");
    let settings = ["a asks set sql_select_limit = 1", "a told ok", reads, "a told rows"];
    check("settings", &settings, "held");
    // Nobody finds it: that is said once.
    check(
        "unreachable",
        &["b post product/0 commits -lookup Product_5 1", reads, "a told rows"],
        "no_missing",
    );
}

/// As `check`, where one server can stand beside.
fn beside(name: &str, lines: &[&str], expected: &str) {
    let history = History::run(Shape::Keyed, false, &[&ORDER_5, lines].concat());
    let stories: Vec<String> = history.judge.violations().iter().map(|v| v.to_string()).collect();
    assert_eq!(history.found(), expected, "{name}\n{}", stories.join("\n"));
}

const NOBODY: &str = "a asks select order_id from customer.corder where sku = 'nobody'";

#[test]
fn a_client_alone_is_told_what_one_server_says() {
    beside("no rows", &[NOBODY, "a told rows"], "held");
    beside("an error of nothing", &[NOBODY, "a told error 1105 no"], "routing_equal");
    beside("unsupported", &[NOBODY, "a told error 1235 VT12001: unsupported: this"], "held");
    beside("a timeout", &[NOBODY, "a told error 1205 timeout"], "held");
    let delete = "a asks delete from customer.corder where order_id = 5";
    let gone = ["a normal customer/-80 commits -order 5 1 Product_5"];
    let entry = ["a post product/0 commits -lookup Product_5 1", ENDS, "a told ok 1"];
    beside("deleted", &[&[delete][..], &gone, &entry].concat(), "held");
    beside("not found", &[delete, "a told ok 0"], "routing_equal");
    beside("refused", &[delete, "a told error 1105 no"], "routing_equal");
    let left = [&[delete, "a post product/0 begins"][..], &gone];
    let left = [&left.concat()[..], &["a post product/0 rolls", ENDS, "a told ok 1"]].concat();
    beside("its entry is left", &left, "routing_equal, unknown");
    let insert = |sku: &str| {
        format!(
            "a asks insert into customer.corder (order_id, customer_id, sku) values (5, 1, {sku})"
        )
    };
    let (taken, null) = (insert("'x'"), insert("null"));
    beside("taken", &[&taken, "a told error 1062 duplicate"], "held");
    beside("another error", &[&taken, "a told error 1048 null"], "routing_equal");
    beside("one of two errors", &[&null, "a told error 1048 null"], "held");
    let behind = "a told error 1105 rolled back: VT09023: could not map [NULL] to a keyspace id";
    beside("vtgate's own", &[&taken, behind], "held");
    let again = "a asks insert into customer.corder values (5, 1, 'x')";
    beside("what it cannot tell", &[again, "a told error 1105 no", NOBODY, "a told rows"], "held");
}

#[test]
fn the_twin_ends_where_two_answers_are_right() {
    let wrong = ["a told error 1105 no"];
    let with = |before: &[&'static str]| [before, &[NOBODY], &wrong].concat();
    beside("nothing before", &with(&[]), "routing_equal");
    beside("a transaction", &with(&["a asks begin", "a told ok"]), "routing_equal");
    beside("a fault", &with(&["fault disconnect z"]), "held");
    beside("settings", &with(&["a asks set @x = 1", "a told ok"]), "held");
    beside("one shard", &with(&["a asks use customer:-80", "a told ok"]), "held");
    beside("two at a time", &with(&["b asks select 1"]), "held");
    beside("in turns", &with(&["b asks select 1", "b told rows"]), "routing_equal");
    beside("another's transaction", &with(&[BEGIN_B, "b told ok 0", "b asks begin"]), "held");
}

/// An INSERT that is told of a duplicate, and its transaction, which commits the entry.
#[test]
fn the_twin_ends_where_a_statement_was_undone_and_went_on() {
    let insert =
        "a asks insert into customer.corder (order_id, customer_id, sku) values (5, 1, 'x')";
    let fails = |reverts: &[&'static str]| {
        let told = ["a told error 1062 duplicate", "a asks commit"];
        let commit = ["a pre product/0 commits +lookup x 1", ENDS, "a told ok 0"];
        let begin = ["a asks begin", "a told ok", insert, "a pre product/0 begins"];
        [&begin[..], reverts, &told, &commit].concat()
    };
    beside("an entry is left", &fails(&[]), "routing_equal, unknown");
    beside("after it was undone", &fails(&["a reverts"]), "unknown");
}

const BEGIN_B: &str = "b asks begin";
