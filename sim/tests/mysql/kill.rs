//! KILL CONNECTION: the transaction goes with its session, and with it every lock.

use sim::mysql::execution::Cancel;

use crate::session::Sessions;

#[test]
fn a_killed_connection_frees_what_it_held() {
    let mut sessions = Sessions::new("L");
    for text in ["begin", "update lk set t='x' where f=20", "insert into lk values(15,'n')"] {
        sessions.run("S1", text);
    }
    let waits = sessions.run("S2", "update lk set t='y' where f=20");
    assert_eq!(waits, "blocked by S1");
    let killed = sessions.connection("S1");
    sessions.run("S3", &format!("kill {killed}"));
    assert_eq!(sessions.server.take_kills(), [(killed, false)]);
    sessions.server.disconnect(killed);
    assert_eq!(sessions.run("S3", "select * from lk where f=15"), "empty; S2< ok(1)");
    assert!(sessions.server.session(killed).is_none(), "its session is gone");
}

/// A waiter that is killed as a connection loses its whole transaction, unlike by KILL QUERY.
#[test]
fn a_killed_waiter_undoes_its_transaction() {
    let mut sessions = Sessions::new("L");
    sessions.run("S1", "begin");
    sessions.run("S1", "update lk set t='x' where f=20");
    sessions.run("S2", "begin");
    sessions.run("S2", "insert into lk values(40,'d')");
    assert_eq!(sessions.run("S2", "update lk set t='y' where f=20"), "blocked by S1");
    let killed = sessions.connection("S2");
    assert_eq!(sessions.cancel("S2", Cancel::Killed), "S2< ERROR 1317");
    sessions.server.disconnect(killed);
    assert_eq!(sessions.run("S1", "select count(*) from lk"), "rows (3)");
    assert!(sessions.server.lock_report().iter().all(|row| row.connection != killed));
}

/// A connection that is closed while its statement waits: the statement ends, whatever it was in.
#[test]
fn a_waiter_whose_connection_is_closed_ends() {
    for begin in ["begin", "set autocommit = 1"] {
        let mut sessions = Sessions::new("L");
        sessions.run("S1", "begin");
        sessions.run("S1", "update lk set t='x' where f=20");
        sessions.run("S2", begin);
        sessions.run("S2", "update lk set t='y' where f=10");
        assert_eq!(sessions.run("S2", "update lk set t='y' where f=20"), "blocked by S1");
        let closed = sessions.connection("S2");
        sessions.server.disconnect(closed);
        assert_eq!(sessions.cancel("S2", Cancel::Killed), "S2< ERROR 1317", "{begin}");
        assert_eq!(sessions.run("S1", "select t from lk where f=20"), "rows (x)");
    }
}
