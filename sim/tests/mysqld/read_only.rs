//! `read_only` and `super_read_only`: who may write, who is told what, and what to set them waits
//! for. What is said here was said by MySQL 9.7.4.

use std::time::Duration;

use sim::mysqld::{Executed, SetReadOnly};

use crate::servers::{check, nothing, rows, said};

const READ_ONLY: &str = "1290 The MySQL server is running with the --read-only option so it cannot execute this statement";
const SUPER_READ_ONLY: &str = "1290 The MySQL server is running with the --super-read-only option so it cannot execute this statement";
const ACTIVE: &str = "1192 Can't execute the given command because you have active locked tables or \
                      an active transaction";

/// What a read-only server refuses, whoever asks and whatever it would change.
const WRITES: [&str; 10] = [
    "update te.t set v = v + 1",
    "update te.t set v = v where id = 99",
    "delete from te.t where id = 99",
    "insert into te.t values (2, 2)",
    "create table te.x (a int)",
    "drop table te.x",
    "truncate table te.t",
    "select * from te.t for update",
    "start transaction read write",
    "lock tables te.t write",
];

/// What it does for everybody.
const READS: [&str; 7] = [
    "select * from te.t",
    "select * from te.t for share",
    "begin",
    "commit",
    "start transaction read only",
    "rollback",
    "lock tables te.t read",
];

#[test]
fn who_may_write_is_a_matter_of_the_user() {
    check(1, nothing, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        let (app, root) = (servers.connect_as(0, "vt_app"), servers.connect_as(0, "vt_dba"));
        let own = servers.connections[0];
        let refused = |servers: &mut crate::servers::Servers, connection, expected: &str| {
            for text in WRITES {
                assert_eq!(servers.say(0, connection, text), expected, "{text}");
                servers.say(0, connection, "rollback");
            }
            for text in READS {
                let said = servers.say(0, connection, text);
                assert!(["ok", "1,1"].contains(&said.as_str()), "{text}: {said}");
            }
            servers.say(0, connection, "unlock tables");
        };
        servers.run(0, "set global read_only = 1").unwrap();
        refused(servers, app, READ_ONLY);
        // Who has CONNECTION_ADMIN writes on.
        assert_eq!(servers.say(0, root, "update te.t set v = 1"), "ok");
        assert_eq!(servers.say(0, root, "select * from te.t for update"), "1,1");
        // Now nobody; who never could is told of the lesser one.
        servers.run(0, "set global super_read_only = 1").unwrap();
        refused(servers, app, READ_ONLY);
        refused(servers, root, SUPER_READ_ONLY);
        assert_eq!(servers.say(0, own, "insert into te.t values (9, 9)"), SUPER_READ_ONLY);
    });
}

#[test]
fn one_brings_the_other() {
    check(1, nothing, |servers| {
        let both = "select @@global.read_only, @@global.super_read_only";
        for (text, expected) in [
            ("set global super_read_only = 1", "1,1"),
            ("set global super_read_only = 0", "1,0"),
            ("set global super_read_only = 1", "1,1"),
            ("set global read_only = 0", "0,0"),
            ("set global read_only = 1", "1,0"),
        ] {
            servers.run(0, text).unwrap();
            assert_eq!(servers.run(0, both).unwrap(), [expected], "{text}");
        }
        assert_eq!(servers.run(0, "set super_read_only = 1"), Err(1229));
    });
}

#[test]
fn the_applier_writes_on() {
    check(2, nothing, |servers| {
        servers.run(1, "set global super_read_only = 1").unwrap();
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.run(0, "alter table te.t add column w int").unwrap();
        servers.advance(100);
        assert_eq!(servers.run(1, "select * from te.t").unwrap(), ["1,1,NULL"]);
        assert_eq!(servers.run(1, "delete from te.t"), Err(1290));
    });
}

#[test]
fn who_sets_it_must_have_nothing_open() {
    check(1, nothing, |servers| {
        let own = servers.connections[0];
        for open in ["begin", "lock tables te.t read", "lock tables te.t write"] {
            servers.run(0, open).unwrap();
            for text in ["set global read_only = 1", "set global super_read_only = 1"] {
                assert_eq!(servers.say(0, own, text), ACTIVE, "{open}; {text}");
            }
            assert_eq!(servers.say(0, own, "set global read_only = 0"), ACTIVE);
            servers.run(0, "commit").unwrap();
            servers.run(0, "unlock tables").unwrap();
        }
        assert_eq!(servers.say(0, own, "set global read_only = 1"), "ok");
    });
}

#[test]
fn an_open_transaction_is_not_waited_for() {
    check(1, nothing, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        let (app, root) = (servers.connect_as(0, "vt_app"), servers.connect_as(0, "vt_dba"));
        for (who, expected) in [(app, READ_ONLY), (root, SUPER_READ_ONLY)] {
            servers.say(0, who, "begin");
            assert_eq!(servers.say(0, who, "update te.t set v = 7"), "ok");
            servers.run(0, "set global super_read_only = 1").unwrap();
            assert_eq!(servers.say(0, who, "select v from te.t"), "7");
            assert_eq!(servers.say(0, who, "update te.t set v = 8"), expected);
            assert_eq!(servers.say(0, who, "commit"), expected);
            // It is rolled back.
            assert_eq!(servers.say(0, who, "select v from te.t"), "1");
            servers.run(0, "set global read_only = 0").unwrap();
        }
    });
}

#[test]
fn a_commit_goes_through_while_a_statement_is_waited_for() {
    check(1, nothing, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        let (holder, writer) = (servers.connect(0), servers.connect_as(0, "vt_app"));
        let (sets, late) = (servers.connect(0), servers.connect_as(0, "vt_app"));
        servers.say(0, holder, "begin");
        servers.say(0, holder, "update te.t set v = 1");
        let writer = servers.query(0, writer, "update te.t set v = 2");
        let set = servers.query(0, sets, "set global super_read_only = 1");
        assert_eq!(servers.waits(&set), "statements that write");
        let late = servers.query(0, late, "insert into te.t values (50, 1)");
        assert_eq!(servers.waits(&late), "the global read lock");
        let reads = servers.connect(0);
        assert_eq!(servers.say(0, reads, "select count(*) from te.t"), "1");
        assert_eq!(servers.say(0, holder, "commit"), "ok");
        servers.advance(100);
        assert_eq!([said(&writer), said(&set), said(&late)], ["ok", "ok", READ_ONLY]);
    });
}

#[test]
fn locked_tables_are_waited_for() {
    check(1, nothing, |servers| {
        let (a, b) = (servers.connect(0), servers.connect(0));
        servers.say(0, a, "lock tables te.t read");
        assert_eq!(servers.say(0, b, "set global super_read_only = 1"), "ok");
        // To take it back waits for nobody.
        servers.say(0, a, "unlock tables");
        servers.run(0, "set global read_only = 0").unwrap();
        servers.say(0, a, "lock tables te.t write");
        let set = servers.query(0, b, "set global super_read_only = 1");
        assert_eq!(servers.waits(&set), "statements that write");
        assert_eq!(servers.say(0, a, "insert into te.t values (1, 1)"), "ok");
        assert_eq!(servers.say(0, a, "unlock tables"), "ok");
        servers.advance(100);
        assert_eq!(said(&set), "ok");
        servers.run(0, "set global read_only = 0").unwrap();
        // A connection that is gone has no locks.
        servers.say(0, a, "lock tables te.t write");
        let set = servers.query(0, b, "set global super_read_only = 1");
        assert!(!set.is_done());
        servers.start(0, sim::mysqld::Quit { connection: a });
        servers.advance(100);
        assert_eq!(said(&set), "ok");
    });
}

#[test]
fn a_commit_that_waits_for_its_acknowledgment_is_waited_for() {
    let setup: crate::servers::Setup = |number, options| {
        let off = sim::mysql::options::SemiSync::OFF;
        options.semi_sync = sim::mysql::options::SemiSync { enabled: number == 0, ..off };
        options.semi_sync_replica = 0 < number;
    };
    check(2, setup, |servers| {
        servers.ask(1, sim::mysqld::StopReplica { io: true, sql: false });
        let (a, b) = (servers.connect(0), servers.connect(0));
        servers.say(0, a, "begin");
        servers.say(0, a, "insert into te.t values (1, 1)");
        let commit = servers.query(0, a, "commit");
        let set = servers.query(0, b, "set global super_read_only = 1");
        assert_eq!(servers.waits(&set), "commits");
        let behind = servers.query(0, servers.connections[0], "commit");
        assert_eq!(servers.waits(&behind), "the global read lock");
        servers.ask(1, sim::mysqld::StartReplica { io: true, sql: false }).unwrap();
        servers.advance(Duration::from_secs(1).as_millis() as u64);
        assert_eq!([said(&commit), said(&set), said(&behind)], ["ok", "ok", "ok"]);
        servers.advance(100);
        assert_eq!(servers.ids(1), ["1"]);
    });
}

#[test]
fn it_waits_for_writers_and_stops_commits() {
    check(1, nothing, |servers| {
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        let (a, b) = (servers.connect(0), servers.connect(0));
        let c = servers.connect(0);
        servers.run(0, "begin").unwrap();
        servers.run(0, "update te.t set v = 2").unwrap();
        let blocked = servers.query(0, a, "update te.t set v = 3");
        // It waits for the statement that waits for the row, not for the open transaction.
        let set = servers.query(0, b, "set global super_read_only = 1");
        assert_eq!(servers.waits(&set), "statements that write");
        let late = servers.query(0, c, "delete from te.t");
        assert_eq!(servers.waits(&late), "the global read lock");
        servers.advance(51_000);
        assert_eq!(rows(&blocked), Err(1205));
        assert!(set.is_done());
        assert_eq!(rows(&late), Err(1290));
        assert_eq!(servers.run(0, "commit"), Err(1290));
        assert_eq!(servers.run(0, "select v from te.t").unwrap(), ["1"]);
        assert_eq!(servers.ask(0, Executed).count(), 3);
        servers.ask(0, SetReadOnly(false));
        servers.run(0, "update te.t set v = 4").unwrap();
    });
}
