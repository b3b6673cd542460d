//! A statement that was planned as one on a row does what it does unplanned: two servers run the
//! same statements, one with the same tree each time, the other with a new one, which is never
//! planned. Results, locks, waits and their ends, warnings, rows and binlogs agree after each
//! statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sim::mysql::execution::{Cancel, Execution, Step};
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::sql::ast::Statement;
use sim::sql::parse;
use sim::value::{Bind, Binds, Value};

const SESSIONS: usize = 3;

const SETUP: &[&str] = &[
    "create database te",
    "use te",
    "create table t (id int primary key, k smallint unsigned not null, v bigint, w varchar(4), \
     unique key kk (k), key vv (v))",
    "create table c (x varchar(3), y bigint unsigned, p int, q date, r varbinary(3) not null, \
     primary key (x, y))",
    "insert into t values (1,1,1,'a'), (2,2,2,null), (4,4,null,'d')",
    "insert into c values ('a',1,1,null,'r'), ('b',2,2,'2020-02-02','s')",
];

const STATEMENTS: &[&str] = &[
    "begin",
    "start transaction read only",
    "commit",
    "commit",
    "rollback",
    "savepoint s",
    "rollback to s",
    "set autocommit = 0",
    "set autocommit = 1",
    "set session transaction isolation level read committed",
    "set session transaction isolation level read uncommitted",
    "set session transaction isolation level serializable",
    "set session transaction isolation level repeatable read",
    "set transaction isolation level read committed",
    "set sql_mode = ''",
    "set sql_mode = default",
    "set sql_log_bin = 0",
    "set sql_log_bin = 1",
    "lock tables t read",
    "unlock tables",
    "alter table t comment = 'x'",
    "select row_count(), found_rows()",
    "show warnings",
    "select id, w as u, k from t where id = :a",
    "select * from t where id = :a",
    "select t.* from t where t.id = :a",
    "select * from t as z where :a = z.id",
    "select * from t where id = :a for update",
    "select v from t where id = :a for share",
    "select v from t where id = 2 for update skip locked",
    "select * from c where y = :a and x = 'a'",
    "select p, q from c where x = :b and y = 2 for update",
    "insert into t values (:a, :a, :b, 'n')",
    "insert into t (k, id) values (:a, :b)",
    "insert into t (id) values (:a)",
    "insert into t values (:a, 300, 3, 'too long')",
    "insert into c values ('c', :a, :b, '2021-01-01', 'xyz')",
    "insert into c values ('c', :a, :b, '2021-02-30', 'wxyz')",
    "insert into c (x, y, r) values (:b, :a, null)",
    "update t set w = :b where id = :a",
    "update t set k = k + 1 where id = :a",
    "update t set v = v * 2 - :b where id = :a",
    "update c set p = p + 1, q = null where x = 'a' and y = :a",
    "update c set p = p * 1000000000 where x = 'b' and y = 2",
    "update c set r = :b where x = 'a' and y = 1",
    "update c set p = p where x = 'a' and y = 1",
    "update /*+ SET_VAR(foreign_key_checks=OFF) */ t set v = v + 1 where id = :a",
    "delete from t where id = :a",
    "delete from c where y = :a",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        12 => (0..6i64).prop_map(Value::Int),
        3 => (0..6u64).prop_map(Value::Uint),
        2 => (0..6i64).prop_map(|int| Value::text(&int.to_string())),
        1 => Just(Value::Null),
        1 => Just(Value::Int(-1)),
        1 => Just(Value::Int(70_000)),
        1 => Just(Value::Int(i64::MAX)),
        1 => Just(Value::Uint(u64::MAX)),
        1 => Just(Value::text("a")),
        1 => Just(Value::bytes(b"a")),
        1 => Just(Value::Float(1.5)),
    ]
}

struct Side {
    server: Server,
    sessions: Vec<ConnectionId>,
    /// The trees that are used again; a side without them parses each time.
    trees: Option<BTreeMap<usize, Arc<Statement>>>,
    /// Statements that wait.
    waiting: BTreeMap<ConnectionId, Execution>,
}

impl Side {
    fn new(keeps: bool) -> Side {
        let mut server = Server::new(Options::new(ServerUuid([1; 16]), 1));
        let setup = server.connect("root", None);
        for text in SETUP {
            let mut execution = server.start_text(setup, text, jiff::Timestamp::UNIX_EPOCH);
            while let Step::Sync(_) = server.step(&mut execution) {}
        }
        let sessions = (0..SESSIONS).map(|_| server.connect("root", Some("te"))).collect();
        Side { server, sessions, trees: keeps.then(BTreeMap::new), waiting: BTreeMap::new() }
    }

    /// Runs to the end or to a wait, and whoever this wakes. A session that waits and is given
    /// another statement times out first.
    fn run(&mut self, session: usize, number: usize, binds: &Arc<Binds>) -> String {
        let make = || Arc::new(parse(STATEMENTS[number]).unwrap());
        let statement = match &mut self.trees {
            Some(trees) => trees.entry(number).or_insert_with(make).clone(),
            None => make(),
        };
        let (server, connection) = (&mut self.server, self.sessions[session]);
        let mut told = String::new();
        if let Some(execution) = self.waiting.remove(&connection) {
            told = format!("{:?} ", server.cancel(execution, Cancel::Timeout));
        }
        let now = jiff::Timestamp::UNIX_EPOCH;
        let execution = server.start(connection, &statement, binds, now);
        told.push_str(&self.step(connection, execution));
        loop {
            let granted = self.server.take_granted();
            if granted.is_empty() {
                return told;
            }
            for connection in granted {
                if let Some(execution) = self.waiting.remove(&connection) {
                    let more = self.step(connection, execution);
                    told.push_str(&format!("; {connection}: {more}"));
                }
            }
        }
    }

    fn step(&mut self, connection: ConnectionId, mut execution: Execution) -> String {
        let mut told = String::new();
        loop {
            match self.server.step(&mut execution) {
                Step::Done(result) => return format!("{told}{result:?}"),
                Step::Sync(point) => told.push_str(&format!("{point:?} ")),
                Step::Wait(wait) => {
                    self.waiting.insert(connection, execution);
                    return format!("{told}{wait:?}");
                }
            }
        }
    }

    fn state(&mut self) -> String {
        let rows: Vec<String> =
            self.server.tables().map(|table| format!("{:?}", table.rows)).collect();
        let open: Vec<bool> =
            self.sessions.iter().map(|session| self.server.in_transaction(*session)).collect();
        format!(
            "{rows:?}\n{:?}\n{open:?}\n{}\n{:?}",
            self.server.lock_report(),
            self.server.executed(),
            self.server.durable(),
        )
    }
}

proptest! {
    #[test]
    fn a_planned_statement_does_the_same(
        actions in proptest::collection::vec(
            (0..SESSIONS, 0..STATEMENTS.len(), value(), value()),
            1..60,
        ),
    ) {
        let (mut planned, mut general) = (Side::new(true), Side::new(false));
        // Each tree has been seen once: from here on it is planned.
        let nothing = Arc::default();
        for number in 23..STATEMENTS.len() {
            planned.run(0, number, &nothing);
            general.run(0, number, &nothing);
        }
        for (session, number, a, b) in actions {
            let binds: Arc<Binds> = Arc::new(
                [("a", a), ("b", b)].map(|(n, v)| (n.into(), Bind::Value(v))).into_iter().collect(),
            );
            let text = STATEMENTS[number];
            let (left, right) =
                (planned.run(session, number, &binds), general.run(session, number, &binds));
            prop_assert_eq!(left, right, "{} {:?}", text, binds);
            prop_assert_eq!(planned.state(), general.state(), "after {} {:?}", text, binds);
        }
    }
}
