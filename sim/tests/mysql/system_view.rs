//! What `data_locks`, `data_lock_waits`, `innodb_trx` and `metadata_locks` show, as MySQL 9.7
//! showed it after the same statements.

use crate::session::Sessions;

const LOCKS: &str = "select object_name, index_name, lock_type, lock_mode, lock_status, lock_data \
    from performance_schema.data_locks";

/// `rows (a) (b)` as sorted rows.
fn rows(result: &str) -> Vec<String> {
    let rows = result.strip_prefix("rows (").expect("a result with rows").trim_end_matches(')');
    let mut rows: Vec<String> = rows.split(") (").map(String::from).collect();
    rows.sort();
    rows
}

fn check(sessions: &mut Sessions, query: &str, expected: &[&str]) {
    let mut expected: Vec<String> = expected.iter().map(|row| row.to_string()).collect();
    expected.sort();
    assert_eq!(rows(&sessions.run("watcher", query)), expected, "{query}");
}

#[test]
fn locks_read_as_on_a_real_server() {
    let mut sessions = Sessions::new("L");
    for text in [
        "create table t (id int, u int, c varchar(10), d decimal(5,2), dt datetime, \
         b varbinary(5), unique key uu(u), key cc(c,u), key dd(d), key bb(b), key tt(dt), \
         primary key (id))",
        "insert into t values (10,10,'ab',1.5,'2020-01-02 03:04:05',x'ff00'), \
         (20,null,'O''b',-1.5,null,'x'), (30,30,null,null,null,null)",
        "begin",
        "select * from t force index(uu) where u=10 for update",
        "select * from t force index(cc) where c='ab' for share",
        "select * from t force index(dd) where d<2 for update",
        "select * from t force index(bb) where b>='a' for share",
        "select * from t force index(tt) where dt is null for update",
        "select * from t force index(cc) where c is null for share",
        "select * from t for update",
        "insert into t values(40,40,'z',1,null,null)",
    ] {
        let result = sessions.run("S1", text);
        assert!(!result.contains("ERROR"), "{text}: {result}");
    }
    sessions.run("S2", "begin");
    let blocked = sessions.run("S2", "insert into t values (15,15,null,null,null,null)");
    assert_eq!(blocked, "blocked by S1");
    let expected = [
        "t,NULL,TABLE,IX,GRANTED,NULL",
        "t,NULL,TABLE,IX,GRANTED,NULL",
        "t,tt,RECORD,X,GAP,GRANTED,0x99A5443105, 10",
        "t,tt,RECORD,X,GAP,GRANTED,NULL, 40",
        "t,tt,RECORD,X,GRANTED,NULL, 20",
        "t,tt,RECORD,X,GRANTED,NULL, 30",
        "t,bb,RECORD,S,GAP,GRANTED,NULL, 40",
        "t,bb,RECORD,S,GRANTED,supremum pseudo-record",
        "t,bb,RECORD,S,GRANTED,0xFF00, 10",
        "t,bb,RECORD,S,GRANTED,0x78, 20",
        "t,dd,RECORD,X,GAP,GRANTED,0x800100, 40",
        "t,dd,RECORD,X,GRANTED,supremum pseudo-record",
        "t,dd,RECORD,X,GRANTED,0x800132, 10",
        "t,dd,RECORD,X,GRANTED,0x7FFECD, 20",
        "t,cc,RECORD,S,GAP,GRANTED,'O''b', NULL, 20",
        "t,cc,RECORD,S,GRANTED,'ab', 10, 10",
        "t,cc,RECORD,S,GRANTED,NULL, 30, 30",
        "t,uu,RECORD,X,REC_NOT_GAP,GRANTED,10, 10",
        "t,PRIMARY,RECORD,X,GRANTED,supremum pseudo-record",
        "t,PRIMARY,RECORD,X,GAP,GRANTED,10",
        "t,PRIMARY,RECORD,X,GAP,GRANTED,20",
        "t,PRIMARY,RECORD,X,GAP,GRANTED,30",
        "t,PRIMARY,RECORD,X,GAP,GRANTED,40",
        "t,PRIMARY,RECORD,X,REC_NOT_GAP,GRANTED,10",
        "t,PRIMARY,RECORD,X,REC_NOT_GAP,GRANTED,20",
        "t,PRIMARY,RECORD,X,REC_NOT_GAP,GRANTED,30",
        "t,PRIMARY,RECORD,X,GAP,INSERT_INTENTION,WAITING,20",
    ];
    check(&mut sessions, LOCKS, &expected);
    check(
        &mut sessions,
        "select r.lock_data, b.lock_data, b.lock_mode, b.engine_transaction_id < \
         r.engine_transaction_id from performance_schema.data_lock_waits w \
         join performance_schema.data_locks r on r.engine_lock_id = w.requesting_engine_lock_id \
         join performance_schema.data_locks b on b.engine_lock_id = w.blocking_engine_lock_id",
        &["20,20,X,GAP,1"],
    );
    check(
        &mut sessions,
        "select trx_state, trx_query, trx_operation_state, trx_lock_structs, trx_tables_locked, \
         trx_rows_modified, trx_isolation_level, trx_schedule_weight \
         from information_schema.innodb_trx",
        &[
            "LOCK WAIT,insert into t values (15,15,null,null,null,null),inserting,2,1,0,\
             REPEATABLE READ,1",
            "RUNNING,NULL,NULL,13,1,1,REPEATABLE READ,NULL",
        ],
    );
    check(
        &mut sessions,
        "select object_type, object_schema, object_name, lock_type, lock_duration, lock_status \
         from performance_schema.metadata_locks where object_schema = 'te'",
        &[
            "TABLE,te,t,SHARED_WRITE,TRANSACTION,GRANTED",
            "TABLE,te,t,SHARED_WRITE,TRANSACTION,GRANTED",
        ],
    );
}

#[test]
fn a_locking_read_that_finds_nothing_has_its_intention() {
    let mut sessions = Sessions::new("L");
    sessions.run("S1", "set session transaction isolation level read committed");
    sessions.run("S1", "begin");
    sessions.run("S1", "select * from lk where f = 15 for share");
    check(&mut sessions, LOCKS, &["lk,NULL,TABLE,IS,GRANTED,NULL"]);
    sessions.run("S1", "update lk set t = 'x' where f = 16");
    let both = ["lk,NULL,TABLE,IS,GRANTED,NULL", "lk,NULL,TABLE,IX,GRANTED,NULL"];
    check(&mut sessions, LOCKS, &both);
    sessions.run("S1", "rollback");
    assert_eq!(sessions.run("watcher", LOCKS), "empty");
}

#[test]
fn what_is_not_modelled_says_so() {
    let mut sessions = Sessions::new("");
    let result = sessions.run("S1", "select * from performance_schema.threads");
    assert_eq!(result, "ERROR 1235");
}
