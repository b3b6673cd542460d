//! The same prepared statements on the MySQL model and on SQLite in memory, for `benches/mysql.rs`.
//!
//! The model is driven as mysqld drives it: a parsed statement and its binds, started and stepped
//! until it is done. SQLite has prepared statements and a B-tree and no rows that are locked one by
//! one; where it has nothing to compare, the bench says what it does instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::mysql::execution::{Execution, Step};
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::outcome::Outcome;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::sql::ast::Statement;
use sim::sql::parse;
use sim::value::{Bind, Binds, Value};

/// The number of rows in `t`.
pub const ROWS: i64 = 10_000;

pub const CREATE: &str = "create table t (id integer primary key, k integer, v varchar(40))";

pub struct Model {
    pub server: Server,
}

/// A statement as a client has prepared it.
#[derive(Clone)]
pub struct Prepared(Arc<Statement>);

impl Prepared {
    pub fn new(text: &str) -> Prepared {
        Prepared(Arc::new(parse(text).expect("a statement of the bench parses")))
    }
}

/// `:a`, `:b` .. in order.
pub fn binds(values: &[i64]) -> Arc<Binds> {
    let names = ["a", "b", "c", "d"];
    let bind = |(name, value): (&&str, &i64)| (Arc::from(*name), Bind::Value(Value::Int(*value)));
    names.iter().zip(values).map(bind).collect::<BTreeMap<_, _>>().into()
}

impl Model {
    /// A server with the table and its rows.
    pub fn new() -> Model {
        let server = Server::new(Options::new(ServerUuid([1; 16]), 1));
        let mut model = Model { server };
        let setup = model.connect(None);
        model.run(setup, &Prepared::new("create database d"), &binds(&[]));
        let setup = model.connect(Some("d"));
        model.run(setup, &Prepared::new(CREATE), &binds(&[]));
        let insert = Prepared::new("insert into t values (:a, :b, 'a value of twenty four.')");
        model.run(setup, &Prepared::new("begin"), &binds(&[]));
        for id in 1..=ROWS {
            model.run(setup, &insert, &binds(&[id, id % 100]));
        }
        model.run(setup, &Prepared::new("commit"), &binds(&[]));
        model.server.purge();
        model
    }

    pub fn connect(&mut self, database: Option<&str>) -> ConnectionId {
        self.server.connect("root", database)
    }

    /// Runs a statement that waits for nobody.
    pub fn run(
        &mut self,
        connection: ConnectionId,
        statement: &Prepared,
        binds: &Arc<Binds>,
    ) -> Outcome {
        let mut execution = self.start(connection, statement, binds);
        self.finish(&mut execution)
    }

    pub fn start(
        &mut self,
        connection: ConnectionId,
        statement: &Prepared,
        binds: &Arc<Binds>,
    ) -> Execution {
        self.server.start(connection, &statement.0, binds, jiff::Timestamp::UNIX_EPOCH)
    }

    /// Steps to the end; syncs take no time.
    pub fn finish(&mut self, execution: &mut Execution) -> Outcome {
        loop {
            match self.server.step(execution) {
                Step::Done(result) => return result.expect("a statement of the bench succeeds"),
                Step::Sync(_) => {}
                Step::Wait(wait) => panic!("nobody is in the way: {}", wait.describe()),
            }
        }
    }

    /// Steps into a wait.
    pub fn block(&mut self, execution: &mut Execution) {
        match self.server.step(execution) {
            Step::Wait(_) => {}
            _ => panic!("the statement should wait"),
        }
    }
}

impl Default for Model {
    fn default() -> Model {
        Model::new()
    }
}

/// SQLite with the same table and rows; every connection of one name shares it.
pub fn sqlite(name: &str) -> rusqlite::Connection {
    let connection = share(name);
    connection.execute_batch(CREATE).expect("a new database");
    connection.execute_batch("begin").expect("no transaction");
    {
        let mut insert = connection
            .prepare("insert into t values (?1, ?2, 'a value of twenty four.')")
            .expect("the table is there");
        for id in 1..=ROWS {
            insert.execute([id, id % 100]).expect("a new row");
        }
    }
    connection.execute_batch("commit").expect("a transaction");
    connection
}

/// Another connection to it.
pub fn share(name: &str) -> rusqlite::Connection {
    let uri = format!("file:{name}?mode=memory&cache=shared");
    rusqlite::Connection::open(uri).expect("SQLite opens a database in memory")
}
