//! What a crash leaves, point by point of a commit, and what a replica does with it.

use std::sync::Arc;

use sim::mysql::execution::{Execution, Step, SyncPoint};
use sim::mysql::gtid::{GtidSet, ServerUuid};
use sim::mysql::options::{FlushLog, Options, SemiSync};
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;

fn options(server: u8) -> Options {
    Options::new(ServerUuid([server; 16]), u32::from(server))
}

fn run(server: &mut Server, connection: ConnectionId, text: &str) -> Result<Vec<String>, u16> {
    let mut execution = server.start_text(connection, text, jiff::Timestamp::UNIX_EPOCH);
    finish(server, &mut execution)
}

fn finish(server: &mut Server, execution: &mut Execution) -> Result<Vec<String>, u16> {
    loop {
        match server.step(execution) {
            Step::Done(Ok(outcome)) => {
                return Ok(outcome.rows.iter().map(|row| format!("{row:?}")).collect());
            }
            Step::Done(Err(error)) => return Err(error.errno),
            Step::Sync(_) => {}
            Step::Wait(wait) => panic!("waits for {}", wait.describe()),
        }
    }
}

fn with_table(options: Options) -> (Server, ConnectionId) {
    let mut server = Server::new(options);
    let connection = server.connect("root", None);
    for text in ["create database te", "use te", "create table t (id int primary key, v int)"] {
        run(&mut server, connection, text).expect("the fixture is valid");
    }
    (server, connection)
}

fn rows(server: &Server) -> usize {
    server.tables().map(|table| table.rows.len()).sum()
}

/// Stops a commit before the sync of this number is done, crashes, and counts the rows that are
/// there after recovery.
fn rows_after_crash(options: fn() -> Options, syncs_done: usize) -> usize {
    let (mut server, connection) = with_table(options());
    server.sync_logs();
    let text = "insert into t values (1, 1)";
    let mut execution = server.start_text(connection, text, jiff::Timestamp::UNIX_EPOCH);
    for _ in 0..=syncs_done {
        if let Step::Done(result) = server.step(&mut execution) {
            result.expect("nothing stops this commit");
            break;
        }
    }
    let recovered = Server::recover(options(), server.crash());
    assert_eq!(recovered.check_tables(), Vec::<String>::new());
    rows(&recovered)
}

#[test]
fn a_commit_is_decided_by_the_binlog() {
    let both = || options(1);
    // Prepared, redo not synced: gone. Prepared, binlog not synced: rolled back by recovery. In the
    // binlog: committed, although the client never got its OK.
    assert_eq!([0, 1, 2].map(|done| rows_after_crash(both, done)), [0, 0, 1]);
    let no_binlog_sync = || Options { sync_binlog: 0, ..options(1) };
    // The redo log has the prepare, nobody has the outcome.
    assert_eq!([0, 1].map(|done| rows_after_crash(no_binlog_sync, done)), [0, 0]);
    let no_sync = || Options { sync_binlog: 0, flush_log: FlushLog::Lazy, ..options(1) };
    assert_eq!(rows_after_crash(no_sync, 0), 0);
    let semi_sync = || Options { semi_sync: SemiSync::VITESS, ..options(1) };
    // A source that dies while it waits for the acknowledgment has the transaction when it is back.
    assert_eq!([1, 2, 3].map(|done| rows_after_crash(semi_sync, done)), [0, 1, 1]);
}

#[test]
fn rows_are_held_until_the_acknowledgment() {
    let (mut server, first) = with_table(Options { semi_sync: SemiSync::VITESS, ..options(1) });
    let second = server.connect("root", Some("te"));
    let text = "insert into t values (1, 1)";
    let mut commit = server.start_text(first, text, jiff::Timestamp::UNIX_EPOCH);
    while !matches!(server.step(&mut commit), Step::Sync(SyncPoint::Acknowledge(_))) {}
    assert_eq!(run(&mut server, second, "select * from t").unwrap().len(), 0);
    let text = "select * from t where id = 1 for update";
    let mut blocked = server.start_text(second, text, jiff::Timestamp::UNIX_EPOCH);
    let Step::Wait(wait) = server.step(&mut blocked) else { panic!("the row is free") };
    assert_eq!(wait.describe(), "X,REC on t.PRIMARY(1) held by connection 1");
    finish(&mut server, &mut commit).unwrap();
    assert_eq!(server.take_granted(), vec![second]);
    assert_eq!(finish(&mut server, &mut blocked).unwrap().len(), 1);
}

/// Two commits in one group: who is synced last commits both, in binlog order.
#[test]
fn a_group_commits_in_binlog_order() {
    let (mut server, first) = with_table(options(1));
    let second = server.connect("root", Some("te"));
    let start = |server: &mut Server, connection, id| {
        let text = format!("insert into t values ({id}, 1)");
        let mut execution = server.start_text(connection, &text, jiff::Timestamp::UNIX_EPOCH);
        while !matches!(server.step(&mut execution), Step::Sync(SyncPoint::Binlog)) {}
        execution
    };
    let mut one = start(&mut server, first, 1);
    let mut two = start(&mut server, second, 2);
    assert_eq!(rows(&server), 0);
    finish(&mut server, &mut two).unwrap();
    assert_eq!(rows(&server), 2);
    finish(&mut server, &mut one).unwrap();
    assert_eq!(server.executed().count(), 4);
}

#[test]
fn a_replica_keeps_the_sources_gtids_and_may_become_a_source() {
    let (mut source, connection) = with_table(options(1));
    for text in [
        "insert into t values (1, 1), (2, 2), (3, 3)",
        "begin",
        "update t set v = v + 1 where id < 3",
        "delete from t where id = 3",
        "commit",
        "alter table t add column n varchar(5) not null default 'x'",
        "replace into t values (1, 9, 'r')",
    ] {
        run(&mut source, connection, text).unwrap();
    }
    // Its row is undone, its savepoint is logged: a transaction of no rows, with a GTID.
    run(&mut source, connection, "begin").unwrap();
    assert_eq!(
        run(&mut source, connection, "insert into t values (7, 7, 'r'), (1, 1, 'r')"),
        Err(1062)
    );
    run(&mut source, connection, "savepoint s").unwrap();
    run(&mut source, connection, "commit").unwrap();
    let mut replica = Server::new(Options { super_read_only: true, ..options(2) });
    let applier = replica.connect_applier();
    let position = replica.executed().clone();
    let sent: Vec<_> = source.binlog_from(&position).unwrap().cloned().collect();
    for transaction in sent.iter().chain(&sent[..1]) {
        let transaction = Arc::clone(transaction);
        replica.apply_transaction(applier, &transaction, jiff::Timestamp::UNIX_EPOCH).unwrap();
    }
    let images = |server: &Server| -> Vec<_> {
        server.tables().map(|table| (table.schema, table.rows)).collect()
    };
    assert_eq!(images(&replica), images(&source));
    assert_eq!(replica.executed(), source.executed());
    let last = |server: &Server| {
        let nothing = GtidSet::default();
        server.binlog_from(&nothing).unwrap().last().map(|last| last.events.clone())
    };
    assert_eq!(last(&replica), last(&source));
    let client = replica.connect("root", Some("te"));
    assert_eq!(run(&mut replica, client, "delete from t"), Err(1290));
    replica.options_mut().super_read_only = false;
    run(&mut replica, client, "delete from t where id = 1").unwrap();
    let expected = format!("{0}:1-7,{1}:1", ServerUuid([1; 16]), ServerUuid([2; 16]));
    assert_eq!(replica.executed().to_string(), expected);
    // The old source lacks what the new one did since.
    assert_eq!(replica.binlog_from(source.executed()).unwrap().count(), 1);
}
