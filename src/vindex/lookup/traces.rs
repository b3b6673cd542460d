//! Conversations of lookup vindexes, statement by statement.

use crate::key::KeyspaceId;
use crate::vindex::lookup::{
    Bind, Context, Conversation, Lookup, PROFILES, Reply, Statement, Step, Target,
};
use crate::vindex::value::row_string;
use crate::vindex::{Owner, Params, Row, Value, Vindex, VindexError};

const DML: Context =
    Context { in_transaction: true, statement: Statement::Insert, ignore: false, vcursor: true };

/// A vindex over `t`, owned by the table `dot.t1` where its type wants to know.
fn lookup(type_name: &str, params: &[(&str, &str)]) -> Lookup {
    let from = if type_name.starts_with("consistent") { "fromc1,fromc2" } else { "fromc" };
    let mut all: Params =
        [("table", "t"), ("from", from), ("to", "toc")].map(|(k, v)| (k.into(), v.into())).into();
    all.extend(params.iter().map(|(name, text)| (name.to_string(), text.to_string())));
    let profile = PROFILES.iter().find(|profile| profile.type_name == type_name).unwrap();
    let lookup = Lookup::new("l", profile, &all).unwrap();
    let owner = Owner {
        keyspace: "ks".to_string(),
        table: "dot.t1".to_string(),
        columns: vec!["fc1".to_string(), "fc2".to_string()],
    };
    match lookup.owned_by(&owner) {
        Some(owned) => owned.unwrap().lookup().unwrap().clone(),
        None => lookup,
    }
}

fn row(numbers: &[i64]) -> Row {
    numbers.iter().map(|number| Value::int64(*number)).collect()
}

fn ksid(text: &str) -> KeyspaceId {
    KeyspaceId::new(text.as_bytes())
}

fn duplicate() -> Reply {
    Err(VindexError::mysql(1062, "23000", "Duplicate entry '1' for key 'PRIMARY'"))
}

/// Rows of one column that holds a keyspace id.
fn ksids(texts: &[&str]) -> Reply {
    Ok(texts.iter().map(|text| vec![Value::varbinary(text.as_bytes())]).collect())
}

/// Drives a conversation with these replies, and compares what was asked, line by line: the list or
/// the shard, the statement, its values, `!` where it must be undone on error; then the outcome.
fn check<C: Conversation>(mut conversation: C, replies: &[Reply], expected: &[&str])
where
    C::Output: std::fmt::Debug,
{
    let mut lines = Vec::new();
    let mut replies = replies.iter().cloned();
    let mut step = conversation.step(None);
    loop {
        match step {
            Step::Done(Ok(output)) => {
                lines.push(format!("{output:?}"));
                break;
            }
            Step::Done(Err(error)) => {
                lines.push(format!("{error}"));
                break;
            }
            Step::Ask(ask) => {
                let to = match &ask.target {
                    Target::Executor { order, .. } => order.name().to_lowercase(),
                    Target::KeyspaceId { keyspace, ksid } => format!("{keyspace}/{ksid}"),
                };
                let undo = if ask.rollback_on_error { "!" } else { "" };
                let bind = |bind: &Bind| match bind {
                    Bind::Value(value) => String::from_utf8_lossy(&value.bytes).into_owned(),
                    Bind::Tuple(values) => row_string(values),
                };
                let binds: Vec<String> = ask.binds.values().map(bind).collect();
                lines.push(format!("{to}{undo}: {} <- {}", ask.sql, binds.join(" ")));
                step = conversation.step(Some(replies.next().expect("a reply to each statement")));
            }
        }
    }
    assert_eq!(lines, expected);
    assert_eq!(replies.next(), None, "a reply that nobody asked for");
}

const INSERT: &str =
    "pre!: insert into t(fromc1, fromc2, toc) values(:fromc1_0, :fromc2_0, :toc_0) <- 1 2 test1";
const LOCK: &str =
    "pre: select toc from t where fromc1 = :fromc1 and fromc2 = :fromc2 for update <- 1 2 test1";
const DUPLICATE: &str = "lookup.Create: Duplicate entry '1' for key 'PRIMARY'";

fn create(rows: &[Row], new: &[&str]) -> super::Create {
    let new: Vec<KeyspaceId> = new.iter().map(|text| ksid(text)).collect();
    lookup("consistent_lookup", &[]).create(DML, rows, &new)
}

#[test]
fn a_consistent_insert_meets_nothing() {
    check(create(&[row(&[1, 2])], &["test1"]), &[Ok(vec![])], &[INSERT, "()"]);
}

#[test]
fn a_row_that_vanished_is_inserted_alone() {
    check(
        create(&[row(&[1, 2])], &["test1"]),
        &[duplicate(), Ok(vec![]), Ok(vec![])],
        &[
            INSERT,
            LOCK,
            "pre!: insert into t(fromc1, fromc2, toc) values(:fromc1, :fromc2, :toc) <- 1 2 test1",
            "()",
        ],
    );
}

#[test]
fn a_dangling_row_is_pointed_to_the_new_id() {
    check(
        create(&[row(&[1, 2])], &["test1"]),
        &[duplicate(), ksids(&["X"]), Ok(vec![]), Ok(vec![])],
        &[
            INSERT,
            LOCK,
            "ks/58: select fc1 from `dot.t1` where fc1 = :fromc1 and fc2 = :fromc2 lock in share mode <- 1 2 test1",
            "pre!: update t set toc=:toc where fromc1 = :fromc1 and fromc2 = :fromc2 <- 1 2 test1",
            "()",
        ],
    );
}

#[test]
fn a_dangling_row_that_points_right_stays() {
    check(
        create(&[row(&[1, 2])], &["test1"]),
        &[duplicate(), ksids(&["test1"]), Ok(vec![])],
        &[
            INSERT,
            LOCK,
            "ks/7465737431: select fc1 from `dot.t1` where fc1 = :fromc1 and fc2 = :fromc2 lock in share mode <- 1 2 test1",
            "()",
        ],
    );
}

#[test]
fn an_owner_that_is_there_makes_a_duplicate() {
    check(
        create(&[row(&[1, 2])], &["test1"]),
        &[duplicate(), ksids(&["X"]), Ok(vec![row(&[1])])],
        &[
            INSERT,
            LOCK,
            "ks/58: select fc1 from `dot.t1` where fc1 = :fromc1 and fc2 = :fromc2 lock in share mode <- 1 2 test1",
            DUPLICATE,
        ],
    );
}

#[test]
fn two_rows_for_one_entry_are_an_error() {
    check(
        create(&[row(&[1, 2])], &["test1"]),
        &[duplicate(), ksids(&["1", "2"])],
        &[
            INSERT,
            LOCK,
            "unexpected rows: [[VARBINARY(\"1\")] [VARBINARY(\"2\")]] from consistent lookup vindex",
        ],
    );
}

#[test]
fn rows_are_settled_in_their_own_order() {
    // The insert is sorted, what follows its failure is not; the third row repeats the first.
    check(
        create(&[row(&[3, 4]), row(&[1, 2]), row(&[3, 4])], &["k1", "k2", "k3"]),
        &[duplicate(), Ok(vec![]), Ok(vec![]), Ok(vec![]), Ok(vec![])],
        &[
            "pre!: insert into t(fromc1, fromc2, toc) values(:fromc1_0, :fromc2_0, :toc_0), (:fromc1_1, :fromc2_1, :toc_1), (:fromc1_2, :fromc2_2, :toc_2) <- 1 3 3 2 4 4 k2 k1 k3",
            "pre: select toc from t where fromc1 = :fromc1 and fromc2 = :fromc2 for update <- 3 4 k1",
            "pre!: insert into t(fromc1, fromc2, toc) values(:fromc1, :fromc2, :toc) <- 3 4 k1",
            "pre: select toc from t where fromc1 = :fromc1 and fromc2 = :fromc2 for update <- 1 2 k2",
            "pre!: insert into t(fromc1, fromc2, toc) values(:fromc1, :fromc2, :toc) <- 1 2 k2",
            DUPLICATE,
        ],
    );
}

#[test]
fn a_transaction_that_is_gone_settles_nothing() {
    let gone = "transaction rolled back to reverse changes of partial DML execution: \
                Duplicate entry (errno 1062) (sqlstate 23000)";
    check(
        create(&[row(&[1, 2])], &["test1"]),
        &[Err(VindexError::unknown(gone))],
        &[INSERT, &format!("lookup.Create: {gone}")],
    );
    check(
        create(&[row(&[1, 2])], &["test1"]),
        &[Err(VindexError::mysql(1205, "HY000", "Lock wait timeout exceeded"))],
        &[INSERT, "lookup.Create: Lock wait timeout exceeded"],
    );
}

#[test]
fn an_update_removes_after_and_writes_before() {
    let vindex = lookup("consistent_lookup_unique", &[]);
    let equal = |a: &Value, b: &Value| a == b;
    check(
        vindex.update(DML, &row(&[1, 2]), &ksid("test1"), &row(&[3, 4]), &equal),
        &[Ok(vec![]), Ok(vec![])],
        &[
            "post!: delete from t where fromc1 = :fromc1 and fromc2 = :fromc2 and toc = :toc <- 1 2 test1",
            "pre!: insert into t(fromc1, fromc2, toc) values(:fromc1_0, :fromc2_0, :toc_0) <- 3 4 test1",
            "()",
        ],
    );
    let with_null = vec![Value::int64(1), Value::NULL];
    check(vindex.update(DML, &with_null, &ksid("test1"), &with_null, &equal), &[], &["()"]);
    check(
        lookup("lookup", &[("autocommit", "true")]).update(
            DML,
            &row(&[1]),
            &ksid("k"),
            &row(&[1]),
            &equal,
        ),
        &[Ok(vec![])],
        &[
            "autocommit!: insert into t(fromc, toc) values(:fromc_0, :toc_0) on duplicate key update fromc=values(fromc), toc=values(toc) <- 1 k",
            "()",
        ],
    );
}

#[test]
fn a_map_locks_where_a_row_will_change() {
    let consistent = lookup("consistent_lookup_unique", &[("read_lock", "shared")]);
    let select = "select fromc1, toc from t where fromc1 in ::fromc1";
    for (statement, in_transaction, expected) in [
        (Statement::Select, true, format!("pre: {select}")),
        (Statement::Insert, true, format!("pre: {select} lock in share mode")),
        (Statement::Update, true, format!("post: {select} lock in share mode")),
        (Statement::Delete, false, format!("post: {select}")),
    ] {
        let context = Context { statement, in_transaction, ..DML };
        check(
            consistent.map(context, &row(&[7])),
            &[Ok(vec![vec![Value::int64(7), Value::varbinary(b"k")]])],
            &[&format!("{expected} <- [INT64(7)]"), "[KeyspaceId(KeyspaceId(6b))]"],
        );
    }
}

#[test]
fn texts_are_asked_for_one_by_one() {
    let ids = [Value::varchar("a"), Value::varchar("B")];
    let found = |from: &str, to: &str| vec![Value::varchar(from), Value::varbinary(to.as_bytes())];
    check(
        lookup("lookup", &[]).map(DML, &ids),
        &[Ok(vec![found("a", "1"), found("A", "2")]), Ok(vec![])],
        &[
            "normal: select fromc, toc from t where fromc in ::fromc for update <- [VARCHAR(\"a\")]",
            "normal: select fromc, toc from t where fromc in ::fromc for update <- [VARCHAR(\"B\")]",
            "[KeyspaceIds([KeyspaceId(31), KeyspaceId(32)]), None]",
        ],
    );
    // In a batch, rows go to values by text: the row for `b` is nobody's.
    check(
        lookup("lookup_unique", &[("batch_lookup", "true"), ("read_lock", "none")]).map(DML, &ids),
        &[Ok(vec![found("a", "1"), found("b", "2")])],
        &[
            "normal: select fromc, toc from t where fromc in ::fromc <- [VARCHAR(\"a\") VARCHAR(\"B\")]",
            "[KeyspaceId(KeyspaceId(31)), None]",
        ],
    );
}

#[test]
fn nulls_scatter_or_are_left_out_or_refused() {
    let null = [Value::NULL];
    let ignoring = lookup("lookup", &[("ignore_nulls", "true")]);
    check(
        ignoring.map(DML, &null),
        &[],
        &["[KeyRange(KeyRange { start: KeyspaceId(), end: KeyspaceId() })]"],
    );
    check(ignoring.create(DML, &[null.to_vec()], &[ksid("k")]), &[], &["()"]);
    check(
        lookup("lookup", &[]).create(DML, &[row(&[1]), null.to_vec()], &[ksid("k"), ksid("l")]),
        &[],
        &["VT03028: Column 'fromc' cannot be null on row 1, col 0"],
    );
    // A hashed NULL is a number like another.
    check(
        lookup("lookup_unicodeloosemd5_hash", &[("ignore_nulls", "true")]).create(
            DML,
            &[null.to_vec()],
            &[KeyspaceId::from_hex("166b40b44aba4bd6").unwrap()],
        ),
        &[Ok(vec![])],
        &[
            "normal!: insert into t(fromc, toc) values(:fromc_0, :toc_0) <- 15284527576400310788 1",
            "()",
        ],
    );
}
