//! A source that says nothing. Every second a heartbeat comes where there is nothing else to send;
//! who hears nothing for `replica_net_timeout` takes the connection for broken. What is said here
//! was said by MySQL 9.7.4, with shorter times.

use std::time::Duration;

use sim::mysql::options::{Options, SemiSync};
use sim::mysql::replica_status::{IoThread, ReplicaStatus};
use sim::mysqld::StopReplica;

use crate::servers::{Servers, Setup, check, nothing, said};

fn four_seconds(_: u8, options: &mut Options) {
    options.replica_net_timeout = Duration::from_secs(4);
}

fn io_error(status: &ReplicaStatus) -> (u16, &str) {
    status.last_io_error.as_ref().map_or((0, ""), |(errno, text)| (*errno, text.as_str()))
}

fn cut(servers: &mut Servers) {
    let [source, replica] = [0, 1].map(|at| servers.world.machine_of(servers.servers[at]));
    servers.world.cut(source, replica);
    servers.world.cut(replica, source);
}

#[test]
fn a_heartbeat_is_enough() {
    for setup in [four_seconds as Setup, nothing] {
        check(2, setup, |servers| {
            for _ in 0..60 {
                servers.advance(10_000);
                let status = servers.status(1);
                assert_eq!((status.io, status.seconds_behind), (IoThread::Yes, Some(0)));
            }
        });
    }
}

#[test]
fn who_is_silent_is_taken_for_gone_after_the_timeout() {
    check(2, four_seconds, |servers| {
        let source = servers.servers[0];
        servers.world.pause(source);
        servers.advance(3_000);
        assert_eq!(servers.status(1).io, IoThread::Yes);
        servers.advance(6_000);
        let status = servers.status(1);
        // How far behind it is it cannot know.
        assert_eq!((status.io, status.seconds_behind), (IoThread::Connecting, None));
        assert_eq!(io_error(&status), (0, ""));
        // To connect is in vain as well.
        servers.advance(6_000);
        let status = servers.status(1);
        let expected = "Error reconnecting to source 'vt_repl@mysqld-0:3306'. This was attempt \
                        1/86400, with a delay of 1 seconds between attempts. Message: Lost \
                        connection to MySQL server at 'waiting for initial communication packet', \
                        system error: 110";
        assert_eq!((status.io, io_error(&status)), (IoThread::Connecting, (2013, expected)));
        servers.world.resume(source);
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(7_000);
        let status = servers.status(1);
        assert_eq!((status.io, status.seconds_behind), (IoThread::Yes, Some(0)));
        assert_eq!(io_error(&status), (0, ""));
        assert_eq!(servers.ids(1), ["1"]);
    });
}

#[test]
fn a_silence_that_is_shorter_is_nothing() {
    check(2, nothing, |servers| {
        cut(servers);
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        for _ in 0..5 {
            servers.advance(10_000);
            assert_eq!(servers.status(1).io, IoThread::Yes);
            assert_eq!(servers.ids(1), Vec::<String>::new());
        }
        servers.world.heal_network();
        servers.advance(7_000);
        assert_eq!(servers.ids(1), ["1"]);
        cut(servers);
        servers.advance(67_000);
        assert_eq!(servers.status(1).io, IoThread::Connecting);
    });
}

#[test]
fn a_source_that_is_gone_is_noticed_at_once() {
    check(2, nothing, |servers| {
        let source = servers.servers[0];
        servers.world.crash(source);
        servers.advance(100);
        assert_eq!(servers.status(1).io, IoThread::Connecting);
        servers.advance(1_500);
        let status = servers.status(1);
        let expected = "Error reconnecting to source 'vt_repl@mysqld-0:3306'. This was attempt \
                        1/86400, with a delay of 1 seconds between attempts. Message: Can't \
                        connect to MySQL server on 'mysqld-0:3306' (111)";
        assert_eq!(io_error(&status), (2003, expected));
        servers.restart(0);
        servers.advance(2_000);
        let status = servers.status(1);
        assert_eq!((status.io, io_error(&status)), (IoThread::Yes, (0, "")));
    });
}

#[test]
fn what_is_received_can_be_applied_without_its_source() {
    check(2, four_seconds, |servers| {
        servers.ask(1, StopReplica { io: false, sql: true });
        servers.run(0, "insert into te.t values (1, 1)").unwrap();
        servers.advance(100);
        let source = servers.servers[0];
        servers.world.pause(source);
        servers.advance(10_000);
        servers.ask(1, sim::mysqld::SetDelay(Duration::from_secs(60)));
        servers.ask(1, sim::mysqld::StartReplica { io: false, sql: true }).unwrap();
        // What is left says how far behind it is.
        assert_eq!(servers.status(1).seconds_behind, Some(10));
        servers.advance(51_000);
        assert_eq!(servers.ids(1), ["1"]);
        assert_eq!(servers.status(1).seconds_behind, None);
    });
}

#[test]
fn the_timeout_is_a_variable() {
    check(1, nothing, |servers| {
        assert_eq!(servers.run(0, "select @@global.replica_net_timeout").unwrap(), ["60"]);
        servers.run(0, "set global replica_net_timeout = 4").unwrap();
        assert_eq!(servers.run(0, "select @@global.replica_net_timeout").unwrap(), ["4"]);
        servers.run(0, "set global replica_net_timeout = default").unwrap();
        assert_eq!(servers.run(0, "select @@global.replica_net_timeout").unwrap(), ["60"]);
        assert_eq!(servers.run(0, "set replica_net_timeout = 4"), Err(1229));
    });
}

/// An acknowledgment that is lost with the connection is made up for by the next.
#[test]
fn a_commit_waits_as_long_as_the_silence() {
    let setup: Setup = |number, options| {
        let timeout = Duration::from_secs(3600);
        options.semi_sync = SemiSync { enabled: number == 0, timeout, ..SemiSync::OFF };
        options.semi_sync_replica = 0 < number;
    };
    check(2, setup, |servers| {
        cut(servers);
        let connection = servers.connections[0];
        let commit = servers.query(0, connection, "insert into te.t values (1, 1)");
        servers.advance(30_000);
        assert!(!commit.is_done());
        servers.world.heal_network();
        servers.advance(7_000);
        assert_eq!(said(&commit), "ok");
    });
}
