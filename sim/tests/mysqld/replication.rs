//! Two or three MySQL servers in a World: what replicas receive and apply, who waits for whom, what
//! a crash of a process or of a machine leaves.

use std::time::Duration;

use sim::call::CallError;
use sim::host::HostKind;
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::{FlushLog, Options, SemiSync, WaitPoint};
use sim::mysql::replica_status::IoThread;
use sim::mysqld::*;

use crate::servers::{Servers, Setup, check, nothing, open, rows};

#[test]
fn the_two_threads_stop_and_start_by_themselves() {
    check(2, nothing, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(10);
        assert_eq!(servers.ids(1), ["1"]);
        servers.ask(1, StopReplica { io: false, sql: true });
        servers.run(0, "insert into te.t values (2, 1)").unwrap();
        servers.advance(3000);
        assert_eq!(servers.ids(1), ["1"]);
        let status = servers.status(1);
        assert_eq!((status.io, status.sql_running), (IoThread::Yes, false));
        assert_eq!((status.executed.count(), status.retrieved.count()), (3, 4));
        assert_eq!(status.seconds_behind, None);
        assert_eq!(status.source_uuid, Some(ServerUuid([1; 16])));
        assert_eq!(status.source.as_deref(), Some("mysqld-0"));
        servers.ask(1, StopReplica { io: true, sql: false });
        servers.run(0, "insert into te.t values (3, 1)").unwrap();
        servers.ask(1, StartReplica { io: false, sql: true }).unwrap();
        servers.advance(3000);
        assert_eq!(servers.ids(1), ["1", "2"]);
        let status = servers.status(1);
        assert_eq!((status.io, status.seconds_behind), (IoThread::No, None));
        servers.ask(1, StartReplica { io: true, sql: false }).unwrap();
        servers.advance(10);
        assert_eq!(servers.ids(1), ["1", "2", "3"]);
        let error = servers.ask(0, StartReplica { io: true, sql: true }).unwrap_err();
        assert_eq!(error.errno, 1200);
    });
}

#[test]
fn a_delay_is_counted_from_the_commit() {
    check(2, nothing, |servers| {
        servers.ask(1, SetDelay(Duration::from_secs(30)));
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(20_000);
        assert_eq!(servers.ids(1), Vec::<String>::new());
        assert_eq!(servers.status(1).seconds_behind, Some(20));
        servers.advance(10_500);
        assert_eq!(servers.ids(1), ["1"]);
    });
}

#[test]
fn the_applier_stops_at_an_error_and_tells_it() {
    let one = |statements: &[&str], expected: &str| {
        check(2, nothing, |servers| {
            servers.run(1, statements[0]).unwrap();
            for text in &statements[1..] {
                servers.run(0, text).unwrap();
            }
            servers.advance(100);
            let status = servers.status(1);
            assert!(!status.sql_running);
            let (_, text) = status.last_sql_error.unwrap();
            assert!(text.ends_with(expected), "{text}");
            let errant = status.executed.subtract(&servers.ask(0, Executed));
            assert_eq!(errant.to_string(), format!("{}:1", ServerUuid([2; 16])));
        });
    };
    one(
        &["insert into te.t values (1, 9)", "insert into te.t values (1, 1)"],
        "; Duplicate entry '1' for key 't.PRIMARY', Error_code: 1062",
    );
    // The replica has lost the row by itself.
    check(2, nothing, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(10);
        servers.run(1, "delete from te.t").unwrap();
        servers.run(0, "update te.t set v = 2").unwrap();
        servers.advance(10);
        let (errno, text) = servers.status(1).last_sql_error.unwrap();
        let gtid = format!("{}:4", ServerUuid([1; 16]));
        let expected = format!(
            "Worker 1 failed executing transaction '{gtid}'; Can't find record in 't', Error_code: 1032"
        );
        assert_eq!((errno, text), (1032, expected));
        // Mended by hand, it goes on.
        servers.run(1, "insert into te.t values (1, 1)").unwrap();
        servers.ask(1, StartReplica { io: false, sql: true }).unwrap();
        servers.advance(10);
        assert_eq!(servers.run(1, "select v from te.t").unwrap(), ["2"]);
    });
}

#[test]
fn the_applier_tries_again_after_a_lock_wait() {
    let setup: Setup = |_, options| options.transaction_retries = 2;
    check(2, setup, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(10);
        servers.run(1, "begin").unwrap();
        servers.run(1, "select * from te.t for update").unwrap();
        servers.run(0, "update te.t set v = 2").unwrap();
        // Once, and once more: 50 s each.
        servers.advance(80_000);
        assert!(servers.status(1).sql_running);
        servers.run(1, "rollback").unwrap();
        servers.advance(10);
        assert_eq!(servers.run(1, "select v from te.t").unwrap(), ["2"]);
        servers.run(1, "begin").unwrap();
        servers.run(1, "select * from te.t for update").unwrap();
        servers.run(0, "update te.t set v = 3").unwrap();
        servers.advance(160_000);
        let (errno, _) = servers.status(1).last_sql_error.unwrap();
        assert_eq!(errno, 1205);
    });
}

#[test]
fn a_replica_that_lacks_what_was_purged_is_refused() {
    check(2, nothing, |servers| {
        servers.ask(1, StopReplica { io: true, sql: true });
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.ask(0, FlushBinaryLogs);
        let unknown = servers.ask(0, PurgeBinaryLogs { to: "binlog.000077".into() });
        assert_eq!(unknown.unwrap_err().errno, 1373);
        servers.ask(0, PurgeBinaryLogs { to: "binlog.000003".into() }).unwrap();
        servers.run(0, "insert into te.t values (2, 1)").unwrap();
        servers.ask(1, StartReplica { io: true, sql: true }).unwrap();
        servers.advance(10);
        let status = servers.status(1);
        assert_eq!(status.io, IoThread::No);
        let (errno, text) = status.last_io_error.unwrap();
        assert_eq!(errno, 13114);
        assert!(
            text.starts_with(
                "Got fatal error 1236 from source when reading data from binary log: 'Cannot replicate because the source purged required binary logs."
            ),
            "{text}"
        );
    });
}

/// Source and replicas with semi-sync, the replicas' acknowledgments kept back by their IO threads.
fn semi_sync(number: u8, options: &mut Options) {
    options.semi_sync = SemiSync { enabled: number == 0, ..SemiSync::OFF };
    options.semi_sync_replica = 0 < number;
}

#[test]
fn a_commit_waits_for_its_acknowledgment() {
    check(3, semi_sync, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        for replica in [1, 2] {
            servers.ask(replica, StopReplica { io: true, sql: false });
        }
        let (a, b) = (servers.connections[0], servers.connect(0));
        let commit = servers.query(0, a, "insert into te.t values (2, 1)");
        let gtid = format!("{}:4", ServerUuid([1; 16]));
        assert_eq!(servers.waits(&commit), format!("a replica to acknowledge {gtid}"));
        // Nobody sees it, its rows are locked, and to close its connection undoes nothing.
        let read = servers.query(0, b, "select id from te.t");
        assert_eq!(rows(&read).unwrap(), ["1"]);
        let blocked = servers.query(0, b, "select id from te.t where id = 2 for update");
        assert_eq!(servers.waits(&blocked), "X,REC on t.PRIMARY(2) held by client");
        servers.start(0, Quit { connection: a });
        assert_eq!(servers.ask(0, SemiSyncWaiters), 1);
        // One of two is enough.
        servers.ask(1, StartReplica { io: true, sql: false }).unwrap();
        servers.advance(100);
        assert!(commit.is_done());
        assert_eq!(rows(&blocked).unwrap(), ["2"]);
    });
    let two: Setup = |number, options| {
        semi_sync(number, options);
        options.semi_sync.replicas = 2;
    };
    check(3, two, |servers| {
        servers.ask(2, StopReplica { io: true, sql: false });
        let connection = servers.connections[0];
        let commit = servers.query(0, connection, "insert into te.t values (2, 1)");
        assert!(!commit.is_done());
        servers.ask(2, StartReplica { io: true, sql: false }).unwrap();
        servers.advance(100);
        assert!(commit.is_done());
    });
}

#[test]
fn after_commit_only_the_committer_waits() {
    let setup: Setup = |number, options| {
        semi_sync(number, options);
        options.semi_sync.wait_point = WaitPoint::AfterCommit;
    };
    check(2, setup, |servers| {
        servers.ask(1, StopReplica { io: true, sql: false });
        let (a, b) = (servers.connections[0], servers.connect(0));
        let commit = servers.query(0, a, "insert into te.t values (2, 1)");
        assert!(!commit.is_done());
        let read = servers.query(0, b, "select id from te.t for update");
        assert_eq!(rows(&read).unwrap(), ["2"]);
        servers.advance(10_000);
        assert!(commit.is_done());
    });
}

#[test]
fn semi_sync_is_off_after_its_timeout_until_a_replica_has_caught_up() {
    check(2, semi_sync, |servers| {
        servers.ask(1, StopReplica { io: true, sql: false });
        let (a, b) = (servers.connections[0], servers.connect(0));
        let first = servers.query(0, a, "insert into te.t values (1, 1)");
        servers.advance(3000);
        let second = servers.query(0, b, "insert into te.t values (2, 1)");
        servers.advance(4000);
        assert!(!first.is_done() && !second.is_done());
        // The first gives up, and so for all.
        servers.advance(1500);
        assert!(first.is_done() && second.is_done());
        servers.run(0, "insert into te.t values (3, 1)").unwrap();
        servers.ask(1, StartReplica { io: true, sql: false }).unwrap();
        servers.advance(100);
        servers.ask(1, StopReplica { io: true, sql: false });
        let fourth = servers.query(0, a, "insert into te.t values (4, 1)");
        assert!(!fourth.is_done());
    });
}

#[test]
fn what_was_received_survives_as_the_relay_log_says() {
    /// The ids on a replica that has received two and applied none, after its death.
    fn after(setup: Setup, death: fn(&mut Servers)) -> usize {
        let mut servers = open(HostKind::Plain, 2, setup);
        servers.ask(1, SetDelay(Duration::from_secs(60)));
        for id in 1..=2 {
            servers.run(0, &format!("insert into te.t values ({id}, 1)")).unwrap();
        }
        servers.advance(100);
        assert_eq!(servers.status(1).retrieved.count(), 4);
        servers.world.crash(servers.servers[0]);
        death(&mut servers);
        servers.advance(70_000);
        servers.ids(1).len()
    }
    let process = |servers: &mut Servers| servers.crash(1);
    let machine = |servers: &mut Servers| servers.lose_power(1);
    let synced: Setup = |_, options| options.sync_relay_log = 1;
    let recovery: Setup = |_, options| {
        options.sync_relay_log = 1;
        options.relay_log_recovery = true;
    };
    assert_eq!([after(nothing, process), after(nothing, machine)], [2, 0]);
    assert_eq!([after(synced, process), after(synced, machine)], [2, 2]);
    assert_eq!([after(recovery, process), after(recovery, machine)], [0, 0]);
}

#[test]
fn the_logs_are_flushed_about_once_a_second() {
    /// The rows that are there when the server dies so long after the OK.
    fn after(setup: Setup, millis: u64, death: fn(&mut Servers)) -> usize {
        let mut servers = open(HostKind::Plain, 1, setup);
        servers.run(0, "insert into te.t values (0, 1)").unwrap();
        servers.advance(40_000);
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(millis);
        death(&mut servers);
        servers.ids(0).len() - 1
    }
    let process = |servers: &mut Servers| servers.crash(0);
    let machine = |servers: &mut Servers| servers.lose_power(0);
    let lazy: Setup = |_, options| options.flush_log = FlushLog::Lazy;
    let write: Setup = |_, options| options.flush_log = FlushLog::Write;
    let unsynced: Setup = |_, options| options.sync_binlog = 0;
    for (setup, process_at_once, machine_at_once) in [
        (nothing as Setup, 1, 1),
        (write, 1, 0),
        (lazy, 0, 0),
        // Redo has the commit only with the next second; until then the binlog decides.
        (unsynced, 1, 0),
    ] {
        assert_eq!(after(setup, 1, process), process_at_once);
        assert_eq!(after(setup, 1, machine), machine_at_once);
        assert_eq!(after(setup, 2500, process), 1);
        assert_eq!(after(setup, 2500, machine), 1);
    }
}

#[test]
fn a_disk_may_be_slow_silent_full_or_failing() {
    check(1, nothing, |servers| {
        let machine = servers.world.machine_of(servers.servers[0]);
        let connection = servers.connections[0];
        servers.world.slow_disk(machine, Duration::from_secs(5));
        let before = servers.world.now();
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        // Redo, then the binlog.
        assert_eq!((servers.world.now() - before) / 1_000_000_000, 10);
        servers.world.fill_disk(machine);
        let waits = servers.query(0, connection, "insert into te.t values (2, 1)");
        assert_eq!(servers.waits(&waits), "space on the disk");
        servers.world.mend_disk(machine);
        servers.advance(59_000);
        assert!(!waits.is_done());
        servers.advance(2000);
        assert!(waits.is_done());
        servers.world.silence_disk(machine);
        let (a, b) = (servers.connect(0), servers.connect(0));
        servers.query(0, a, "insert into te.t values (3, 1)");
        let read = servers.query(0, b, "select id from te.t");
        assert_eq!(rows(&read).unwrap(), ["1", "2"]);
        servers.advance(1_000_000);
        let read = servers.query(0, b, "select id from te.t");
        assert_eq!(rows(&read).unwrap(), ["1", "2"]);
    });
    check(1, nothing, |servers| {
        let machine = servers.world.machine_of(servers.servers[0]);
        servers.world.fail_disk(machine);
        let connection = servers.connections[0];
        let aborted = servers.query(0, connection, "insert into te.t values (3, 1)");
        assert_eq!(aborted.answer().unwrap_err(), CallError::Broken);
        assert!(!servers.world.is_up(servers.servers[0]));
        servers.world.mend_disk(machine);
        servers.restart(0);
        assert_eq!(servers.ids(0), Vec::<String>::new());
    });
}

#[test]
fn a_server_tells_of_its_binlog_and_its_source() {
    check(2, nothing, |servers| {
        servers.run(0, "flush binary logs").unwrap();
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(10);
        let names: Vec<String> = servers
            .run(0, "show binary logs")
            .unwrap()
            .iter()
            .map(|row| row.split(',').next().unwrap().to_owned())
            .collect();
        // Each start begins a file, the first one too.
        assert_eq!(names, ["binlog.000001", "binlog.000002", "binlog.000003"]);
        let status = servers.run(0, "show binary log status").unwrap();
        let executed = format!("{}:1-3", ServerUuid([1; 16]));
        assert!(status[0].starts_with("binlog.000003,") && status[0].ends_with(&executed));
        let shown = servers.run(1, "show replica status").unwrap();
        let uuid = ServerUuid([1; 16]);
        assert_eq!(
            shown,
            [format!("mysqld-0,Yes,Yes,0,,0,0,,0,,{uuid},0,{executed},{executed},1")]
        );
        assert_eq!(servers.run(0, "show replica status").unwrap(), Vec::<String>::new());
        servers.run(0, "set global sync_binlog = 7").unwrap();
        assert_eq!(servers.run(0, "select @@global.sync_binlog").unwrap(), ["7"]);
        assert_eq!(servers.run(0, "set global relay_log_recovery = 1"), Err(1238));
        assert_eq!(servers.run(0, "set sync_binlog = 1"), Err(1229));
        servers.run(0, "set global innodb_flush_log_at_trx_commit = default").unwrap();
    });
}

#[test]
fn a_full_file_is_followed_by_another() {
    let setup: Setup = |_, options| options.max_binlog_size = 4096;
    check(1, setup, |servers| {
        for id in 0..40 {
            servers.run(0, &format!("insert into te.t values ({id}, 1)")).unwrap();
        }
        let files = servers.run(0, "show binary logs").unwrap().len();
        assert!((3..10).contains(&files), "{files} files");
    });
}
